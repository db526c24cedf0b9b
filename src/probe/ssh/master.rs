//! One `ssh` master process: a connection to a node over which listings are run.
//!
//! We start the process ourselves rather than through the `openssh` crate, which gives no pid and no standard
//! error, and would leave the process behind when we are killed. The crate then talks to its control socket.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openssh::{Session, Stdio as RemoteStdio};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::watchdog::Watchdog;
use super::{args, complaint, group, guard};
use crate::inventory::Connection;
use crate::probe::failure::{Cause, Internal, Words};
use crate::probe::shortage::Shortage;

/// How long what a command says besides may come after it printed its last.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a foreign standard error is kept: its end.
const TAIL: usize = 8 * 1024;

/// How much of a reply is read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// A master that has logged in. Its process group is ended when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Master {
    session: Session,
    /// Where it listens.
    socket: PathBuf,
    begun: Instant,
    ended: watch::Receiver<bool>,
    /// Dropped with us, which tells the keeper to end the process.
    _wanted: oneshot::Sender<()>,
}

/// Why a command could not be run to its end.
#[derive(Debug)]
pub(super) enum RunError {
    /// The connection is gone.
    Lost,
    /// The node refuses one more session on a living connection.
    Refused(String),
    /// A limit of this machine was met.
    Short(Shortage),
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// The end of what it wrote on standard error.
    pub(super) stderr: String,
    /// Its exit status; `None` when it was not waited for, or ended by a signal.
    pub(super) status: Option<i32>,
}

/// Why a connection could not be made.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// `ssh` ended without a login, or could not be started.
    Ended {
        failure: Cause,
        /// The node seemed only too busy, so that another try may succeed.
        busy: bool,
    },
    /// The deadline passed.
    Late,
}

impl Master {
    /// Starts a master and waits until it has logged in. Its process group is looked after by a task of `tasks`,
    /// also when this future is dropped half way, and by the watchdog.
    pub(super) async fn connect(
        connection: &Connection,
        socket: PathBuf,
        deadline: Instant,
        tasks: &TaskTracker,
        watchdog: &Arc<Watchdog>,
    ) -> Result<Self, ConnectError> {
        let begun = Instant::now();
        let mut child = start(connection, &socket, watchdog).map_err(|error| ConnectError::Ended {
            failure: match Shortage::of_process(&error) {
                Some(shortage) => Cause::Internal(Internal::Short { doing: "start ssh", shortage }),
                None => Cause::Internal(Internal::Start(Words::new(error.to_string()))),
            },
            busy: false,
        })?;
        let words = Arc::new(Mutex::new(Tail::default()));
        let stderr = child.stderr.take();
        let (wanted, unwanted) = oneshot::channel();
        let (end, mut ended) = watch::channel(false);
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            watchdog.note(group);
        }
        let keeper = keep(child, group, stderr, words.clone(), unwanted, end, socket.clone());
        let watchdog = watchdog.clone();
        tasks.spawn(async move {
            keeper.await;
            if let Some(group) = group {
                group::end(group).await;
                watchdog.forget(group);
            }
        });

        let mut pause = Duration::from_millis(2);
        loop {
            tokio::select! {
                // The keeper drops its sender only after it has said that the process ended.
                _ = ended.changed() => {
                    let words = words.lock().unwrap_or_else(PoisonError::into_inner).text();
                    return Err(ConnectError::Ended {
                        failure: complaint::diagnose(&words),
                        busy: complaint::is_busy(&words),
                    });
                }
                () = sleep(pause) => {}
            }
            // ssh binds under another name and renames: once the name is there, it listens.
            if socket.exists() {
                let session = Session::resume_mux(socket.clone().into_boxed_path(), None);
                return Ok(Self { session, socket, begun, ended, _wanted: wanted });
            }
            if Instant::now() >= deadline {
                return Err(ConnectError::Late);
            }
            pause = (pause * 3 / 2).min(Duration::from_millis(50));
        }
    }

    /// When its login began.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether the process has ended.
    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Runs a command, gives it `input`, and hands what it prints to `sink` until that has had enough.
    pub(super) async fn run(
        &self,
        command: &str,
        input: &[u8],
        mut sink: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Ran, RunError> {
        let mut child = self
            .session
            .raw_command(command)
            .stdin(RemoteStdio::piped())
            .stdout(RemoteStdio::piped())
            .stderr(RemoteStdio::piped())
            .spawn()
            .await
            .map_err(|error| match Shortage::of_session(&error) {
                Some(shortage) => RunError::Short(shortage),
                None => match error {
                    openssh::Error::SshMux(error) if !self.has_ended() && self.socket.exists() => {
                        RunError::Refused(error.to_string())
                    }
                    _ => RunError::Lost,
                },
            })?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(RunError::Lost);
        };
        let words = Mutex::new(Tail::default());
        let sides = async {
            let feed = async {
                // A forced command does not read its input, and then the pipe breaks: no harm.
                let _ = stdin.write_all(input).await;
                drop(stdin);
            };
            tokio::join!(feed, collect(stderr, &words));
        };
        let read = async {
            let mut chunk = vec![0; CHUNK];
            loop {
                match stdout.read(&mut chunk).await {
                    Ok(0) | Err(_) => return ControlFlow::Continue(()),
                    Ok(n) if sink(&chunk[..n]).is_break() => return ControlFlow::Break(()),
                    Ok(_) => {}
                }
            }
        };
        let (mut sides, mut read) = (pin!(sides), pin!(read));
        let enough = tokio::select! {
            enough = &mut read => {
                // Why it printed no more comes by the other way, and may come later.
                if enough.is_continue() {
                    let _ = timeout(PATIENCE, sides).await;
                }
                enough
            }
            () = &mut sides => read.await,
        };
        let status = match enough {
            // Whatever the node still prints is of no interest.
            ControlFlow::Break(()) => None,
            ControlFlow::Continue(()) => match timeout(PATIENCE, child.wait()).await {
                Ok(Ok(status)) => status.code(),
                // The crate turns exit status 127 into this.
                Ok(Err(openssh::Error::Remote(_))) => Some(127),
                // The crate says the same of a command that a signal ended and of a master that is gone.
                Ok(Err(openssh::Error::RemoteProcessTerminated)) | Err(_)
                    if self.session.check().await.is_ok() =>
                {
                    None
                }
                _ => return Err(RunError::Lost),
            },
        };
        let stderr = words.lock().unwrap_or_else(PoisonError::into_inner).text();
        Ok(Ran { stderr, status })
    }
}

/// Starts `ssh` by way of the guard, as our own executable: `/proc/self/exe` stays right when the file on disk
/// has been replaced by a newer version.
fn start(connection: &Connection, socket: &Path, watchdog: &Watchdog) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(guard::SUBCOMMAND)
        .arg(std::process::id().to_string())
        .args(args::master(connection, socket))
        .env("SSH_ASKPASS_REQUIRE", "never")
        .stdin(Stdio::null())
        // The guard makes its group known by it; ssh does not get it.
        .stdout(watchdog.pipe()?)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Looks after a master's process until it ends, by itself or because nobody wants it any more.
async fn keep(
    mut child: Child,
    group: Option<Pid>,
    stderr: Option<tokio::process::ChildStderr>,
    words: Arc<Mutex<Tail>>,
    mut unwanted: oneshot::Receiver<()>,
    ended: watch::Sender<bool>,
    socket: PathBuf,
) {
    let ending = async {
        tokio::select! {
            _ = child.wait() => return,
            _ = &mut unwanted => {}
        }
        // Asked to end, ssh removes its socket.
        if let Some(group) = group {
            group::signal(group, Signal::TERM);
        }
        if timeout(group::PATIENCE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    };
    if let Some(stderr) = stderr {
        let (mut ending, mut reading) = (pin!(ending), pin!(collect(stderr, &words)));
        tokio::select! {
            // A jump host's ssh may hold the pipe a little longer.
            () = &mut ending => drop(timeout_at(Instant::now() + Duration::from_millis(200), reading).await),
            // It may close the pipe before it ends.
            () = &mut reading => ending.await,
        }
    } else {
        ending.await;
    }
    let _ = std::fs::remove_file(&socket);
    let _ = ended.send(true);
}

/// Reads to the end and keeps the tail.
async fn collect(mut stream: impl AsyncRead + Unpin, words: &Mutex<Tail>) {
    let mut chunk = [0; 1024];
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        words.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..n]);
    }
}

/// The end of a stream, bounded.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * TAIL {
            self.0.drain(..self.0.len() - TAIL);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0[self.0.len().saturating_sub(TAIL)..]).into_owned()
    }
}
