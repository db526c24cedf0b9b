//! The HTTP server. This is the only place that knows hyper.
//!
//! The caller owns the listening sockets and the stop signal. Every connection is a task that ends when its
//! client leaves or the server stops; a client that leaves takes no probe with it.

mod app;
mod assets;
mod host;
mod negotiate;
mod pages;
mod plots;
mod reply;
mod routes;
mod same_origin;
mod scrapes;
mod service_discovery;
#[cfg(test)]
mod tests;
mod throttle;
mod unsent;
mod users;
mod waiting;
mod web_config;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::throttle::Throttle;

pub use self::app::App;
pub use self::host::AllowedHost;
pub use self::routes::is_free;
pub use self::web_config::{WebConfig, WebConfigError};

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long a client may leave a reply, or a part of it, unread before its connection is dropped.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests under way may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections at once, where there are descriptors enough. Further ones wait in the kernel's queue until one ends, and idle
/// ones end soon.
const MOST_CONNECTIONS: usize = 512;

/// Of the descriptors connections take one in so many: the others are for the nodes.
const SHARE_OF_DESCRIPTORS: u64 = 4;

/// Pause after a failed accept (no file descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds a listen address as Prometheus exporters take it: `host:port`, where an empty host is every address.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    match address.strip_prefix(':') {
        // A socket on the IPv6 wildcard takes IPv4 as well; where there is no IPv6, IPv4 alone must do.
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Ok(listener) => Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
            Err(_) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        },
        None => {
            // The runtime would look the name up on a thread of its own, which is not there at a limit of tasks. Nobody waits yet.
            let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
            TcpListener::bind(&*addresses).await
        }
    }
}

/// How many connections there may be at once.
fn most_connections() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let share = descriptors.map_or(u64::MAX, |most| most / SHARE_OF_DESCRIPTORS);
    usize::try_from(share).map_or(MOST_CONNECTIONS, |share| share.clamp(1, MOST_CONNECTIONS))
}

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(listeners: Vec<TcpListener>, app: Arc<App>, stop: CancellationToken) {
    let graceful = Arc::new(GracefulShutdown::new());
    let connections = TaskTracker::new();
    let accepting = TaskTracker::new();
    let most = most_connections();
    let places = Arc::new(Semaphore::new(most));
    let (full, failed) = (Arc::new(Throttle::default()), Arc::new(Throttle::default()));
    for listener in listeners {
        let (app, stop, connections) = (app.clone(), stop.clone(), connections.clone());
        let (graceful, places) = (graceful.clone(), places.clone());
        let (full, failed) = (full.clone(), failed.clone());
        accepting.spawn(async move {
            let next = async || {
                if places.available_permits() == 0
                    && let Some(unsaid) = full.note(Instant::now())
                {
                    tracing::warn!(unsaid, "{most} connections at once: further ones wait until one ends");
                }
                // It is never closed.
                let place = places.clone().acquire_owned().await.ok();
                listener.accept().await.map(|(stream, peer)| (stream, peer, place))
            };
            while let Some(accepted) = stop.run_until_cancelled(next()).await {
                match accepted {
                    Ok((stream, peer, place)) => {
                        connections.spawn(connection(stream, peer, app.clone(), graceful.watcher(), place));
                    }
                    Err(error) => {
                        if let Some(unsaid) = failed.note(Instant::now()) {
                            let advice = if is_out_of_descriptors(&error) {
                                "; raise the limit of open files (LimitNOFILE= in the unit, ulimit -n in a shell)"
                            } else {
                                ""
                            };
                            tracing::warn!(unsaid, "cannot accept a connection: {error}{advice}");
                        }
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }
    accepting.close();
    accepting.wait().await;
    connections.close();
    // Only we hold it now: the accepting tasks are gone.
    if let Some(graceful) = Arc::into_inner(graceful) {
        let drained = async {
            graceful.shutdown().await;
            connections.wait().await;
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            tracing::warn!("requests under way did not end in time and are dropped");
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// One connection from its start to its end, while it holds its place among those at once.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    watcher: hyper_util::server::graceful::Watcher,
    _place: Option<OwnedSemaphorePermit>,
) {
    // Without it the last part of a reply may wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    // The kernel's own timeout is a quarter of an hour for a client that is gone, and none for one that does not read.
    let _ = set_tcp_user_timeout(&stream, UNREAD_TIMEOUT.as_millis() as u32);
    match app.tls().cloned() {
        None => exchange(stream, peer, app, watcher).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, peer, app, watcher).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake takes too long"),
        },
    }
}

/// Answers what is asked on one connection.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    app: Arc<App>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.handle(request, peer.ip()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
