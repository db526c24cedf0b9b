//! One `ssh` master process: a connection to a node over which listings are run.
//!
//! The exporter starts the process itself rather than through the `openssh` crate, which gives no pid and no standard
//! error, and would leave the process behind if the exporter is killed. The crate then talks to the control socket.

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
use super::{args, diagnose, group, trampoline};
use crate::inventory::Connection;
use crate::probe::failure::{Cause, Internal, Words};
use crate::probe::shortage::Shortage;

/// How long a command's standard error and status may come after the end of its output.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a standard error is kept: its end.
const TAIL: usize = 8 * 1024;

/// How much of a reply is read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// A master that has logged in. Its process group is ended when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Master {
    session: Session,
    /// Its control socket.
    socket: PathBuf,
    begun: Instant,
    ended: watch::Receiver<bool>,
    /// Dropped with the master, which tells the supervisor to end the process.
    _wanted: oneshot::Sender<()>,
}

/// Why a command did not run to its end.
#[derive(Debug)]
pub(super) enum RunError {
    /// The connection was lost.
    Lost,
    /// The node refuses another session on a live connection.
    Refused(String),
    /// A limit of this machine was reached.
    Short(Shortage),
}

/// How a command ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// The end of its standard error.
    pub stderr: String,
    /// Its exit status; `None` when it was not waited for, or ended by a signal.
    pub status: Option<i32>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// `ssh` ended without a login, or could not be started.
    Ended {
        failure: Cause,
        /// Whether the node only seemed too busy, so that another try may succeed.
        busy: bool,
    },
    /// The deadline passed.
    Late,
}

impl Master {
    /// Starts a master and waits until it has logged in. A task of `tasks` supervises its process group, even if this
    /// future is dropped half way, and so does the watchdog.
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
        let supervisor = supervise(child, group, stderr, words.clone(), unwanted, end, socket.clone());
        let watchdog = watchdog.clone();
        tasks.spawn(async move {
            supervisor.await;
            if let Some(group) = group {
                group::end(group).await;
                watchdog.forget(group);
            }
        });

        let mut pause = Duration::from_millis(2);
        loop {
            tokio::select! {
                // The supervisor drops its sender only after it has reported the end of the process.
                _ = ended.changed() => {
                    let words = words.lock().unwrap_or_else(PoisonError::into_inner).text();
                    return Err(ConnectError::Ended {
                        failure: diagnose::diagnose(&words),
                        busy: diagnose::is_busy(&words),
                    });
                }
                () = sleep(pause) => {}
            }
            // ssh binds a temporary name and renames it: once the socket has its name, ssh listens.
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

    /// Runs a command with `input`, and passes its output to `sink` until that needs no more.
    pub(super) async fn run(
        &self,
        command: &str,
        input: &[u8],
        mut sink: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<CommandOutput, RunError> {
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
                // A forced command does not read its input, and then the pipe breaks, which does no harm.
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
                // The reason why the output ended comes on standard error, possibly later.
                if enough.is_continue() {
                    let _ = timeout(PATIENCE, sides).await;
                }
                enough
            }
            () = &mut sides => read.await,
        };
        let status = match enough {
            // The rest of the node's output is ignored.
            ControlFlow::Break(()) => None,
            ControlFlow::Continue(()) => match timeout(PATIENCE, child.wait()).await {
                Ok(Ok(status)) => status.code(),
                // The crate maps exit status 127 to this.
                Ok(Err(openssh::Error::Remote(_))) => Some(127),
                // The crate reports the same for a command that a signal ended and for a lost master.
                Ok(Err(openssh::Error::RemoteProcessTerminated)) | Err(_)
                    if self.session.check().await.is_ok() =>
                {
                    None
                }
                _ => return Err(RunError::Lost),
            },
        };
        let stderr = words.lock().unwrap_or_else(PoisonError::into_inner).text();
        Ok(CommandOutput { stderr, status })
    }
}

/// Starts `ssh` through the trampoline, in the exporter's own executable. `/proc/self/exe` stays valid when a newer version
/// replaces the file on disk.
fn start(connection: &Connection, socket: &Path, watchdog: &Watchdog) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(trampoline::SUBCOMMAND)
        .arg(std::process::id().to_string())
        .args(args::master(connection, socket))
        .env("SSH_ASKPASS_REQUIRE", "never")
        .stdin(Stdio::null())
        // The trampoline announces its group through this pipe; ssh does not inherit it.
        .stdout(watchdog.pipe()?)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Supervises a master's process until it ends, by itself or because the master was dropped.
async fn supervise(
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
        // On SIGTERM ssh removes its socket.
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
            // A jump host's ssh may keep the pipe open a little longer.
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
