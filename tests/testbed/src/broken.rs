//! Servers that are broken in a known way, before any login. What is broken after the login is an
//! [`Sshd`](crate::Sshd) whose account answers by a [script](crate::Login::script).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::ensure;

use crate::client::Node;
use crate::{Result, poll};

/// What the server does to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Closes the connection at once.
    Closes,
    /// Says nothing, for ever, and holds the connection also when the client has ended its side.
    SilentBeforeBanner,
    /// Shows a proper banner, and then as [`Self::SilentBeforeBanner`]: the key exchange never comes.
    SilentAfterBanner,
    /// Sends what is no SSH banner, and goes on to listen.
    GarbageBanner,
    /// Sends lines, as a server may do before its banner, and never comes to the banner.
    EndlessBanner,
    /// Sends these lines before its banner, and closes.
    Greets(&'static str),
    /// Disconnects before the key exchange, for the reason that these words give. So may anybody who answers in its place.
    Disconnects(&'static str),
    /// Offers a key exchange of this name only, which no client knows.
    Offers(&'static str),
}

/// A scripted server on loopback. Dropping it ends it with its connections.
#[derive(Debug)]
pub struct Broken {
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    ending: AtomicBool,
    connections: AtomicUsize,
}

impl Broken {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(fault: Fault) -> Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let state = Arc::new(State::default());
        let of_thread = Arc::clone(&state);
        let listener = thread::spawn(move || {
            thread::scope(|scope| {
                for client in socket.incoming().flatten() {
                    if of_thread.ending.load(Ordering::Acquire) {
                        return;
                    }
                    of_thread.connections.fetch_add(1, Ordering::AcqRel);
                    scope.spawn(|| serve(client, fault, &of_thread.ending));
                }
            });
        });
        Ok(Self { address, state, listener: Some(listener) })
    }

    /// How many clients connected.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Acquire)
    }
}

impl Node for Broken {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn host_key(&self) -> Option<String> {
        None
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Release);
        // Wakes it from accepting. When that fails it has ended already.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// How often it is seen whether the server ends.
const PAUSE: Duration = Duration::from_millis(50);

/// Until the client goes or the server ends. A client that goes is no failure here.
fn serve(mut client: TcpStream, fault: Fault, ending: &AtomicBool) {
    if client.set_read_timeout(Some(PAUSE)).and(client.set_write_timeout(Some(PAUSE))).is_err() {
        return;
    }
    let banner = b"SSH-2.0-OpenSSH_9.2p1\r\n";
    let greeting = match fault {
        Fault::Closes => return,
        Fault::SilentBeforeBanner | Fault::EndlessBanner => Vec::new(),
        Fault::SilentAfterBanner => banner.to_vec(),
        Fault::GarbageBanner => b"HTTP/1.1 400 Bad Request\r\nSSH-9.9-\xff\xfe\r\n\0\0\0".to_vec(),
        Fault::Greets(words) => [words.as_bytes(), banner].concat(),
        Fault::Disconnects(words) => [banner, disconnect(words).as_slice()].concat(),
        Fault::Offers(name) => [banner, key_exchange(name).as_slice()].concat(),
    };
    if client.write_all(&greeting).is_err() || matches!(fault, Fault::Greets(_)) {
        return;
    }
    let mut buffer = [0; 4096];
    while !ending.load(Ordering::Acquire) {
        let outcome = match fault {
            Fault::EndlessBanner => client.write(b"please wait while this node makes up its mind\r\n"),
            _ => client.read(&mut buffer),
        };
        match outcome {
            // On a jump host the client's way to us stays open as long as we keep it open.
            Ok(0) if matches!(fault, Fault::SilentBeforeBanner | Fault::SilentAfterBanner) => {
                thread::sleep(PAUSE)
            }
            Ok(0) => return,
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => return,
        }
    }
}

/// SSH_MSG_DISCONNECT for a protocol error.
fn disconnect(words: &str) -> Vec<u8> {
    packet(&[&[1, 0, 0, 0, 2], string(words).as_slice(), &string("")].concat())
}

/// SSH_MSG_KEXINIT, where only the key exchange has a name.
fn key_exchange(name: &str) -> Vec<u8> {
    let (cookie, other_lists, end) = ([0; 16], string("").repeat(9), [0; 5]);
    packet(&[&[20], cookie.as_slice(), &string(name), &other_lists, &end].concat())
}

fn string(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or_default();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// A packet as it is before keys are exchanged: its length, that of the padding, the message, the padding.
fn packet(message: &[u8]) -> Vec<u8> {
    let mut padding = 8 - (5 + message.len()) % 8;
    if padding < 4 {
        padding += 8;
    }
    let length = u32::try_from(1 + message.len() + padding).unwrap_or_default();
    let lengths = [length.to_be_bytes().as_slice(), &[padding as u8]].concat();
    [lengths.as_slice(), message, &vec![0; padding]].concat()
}

/// An address where connecting neither succeeds nor fails: the listener's queue is full, so the kernel drops
/// every further request, as a firewall does.
#[derive(Debug)]
pub struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Fills the queue of a listener that never accepts.
    ///
    /// # Errors
    /// When it cannot listen, or clients still get in.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Listening again changes the length of the queue; it holds one more than this.
        rustix::net::listen(&listener, 0)?;
        let address = listener.local_addr()?;
        let mut queue = Vec::new();
        poll::until("nobody gets in", || {
            ensure!(queue.len() < 100, "the queue of {address} does not fill");
            match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                Ok(client) => queue.push(client),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(Some(())),
                Err(error) => return Err(error.into()),
            }
            Ok(None)
        })?;
        Ok(Self { address, _listener: listener, _queue: queue })
    }
}

impl Node for BlackHole {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn host_key(&self) -> Option<String> {
        None
    }
}

/// An address that nobody listens at: connecting is refused. The port is held by a socket that never listens, so
/// that no other server can come to listen there.
#[derive(Debug)]
pub struct Refusing {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl Refusing {
    /// Takes a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = getsockname(&socket)?.try_into()?;
        Ok(Self { address, _socket: socket })
    }
}

impl Node for Refusing {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn host_key(&self) -> Option<String> {
        None
    }
}
