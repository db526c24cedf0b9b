//! The HTTP server. This is the only place that knows hyper.
//!
//! The caller owns the listening sockets and the stop signal. Every connection is a task that ends when its
//! client leaves or the server stops; a client that leaves takes no probe with it.

mod negotiate;
mod pages;
mod plots;
mod reply;
mod routes;
mod same_origin;
mod service_discovery;
#[cfg(test)]
mod tests;
mod users;
mod web_config;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::routes::Site;
pub use self::web_config::{WebConfig, WebConfigError};

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long a client may leave a reply, or a part of it, unread before its connection is dropped.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests under way may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

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
        None => TcpListener::bind(address).await,
    }
}

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(listeners: Vec<TcpListener>, site: Arc<Site>, stop: CancellationToken) {
    let graceful = Arc::new(GracefulShutdown::new());
    let connections = TaskTracker::new();
    let accepting = TaskTracker::new();
    for listener in listeners {
        let (site, stop, connections) = (site.clone(), stop.clone(), connections.clone());
        let graceful = graceful.clone();
        accepting.spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connection(stream, peer, site.clone(), graceful.watcher()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
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

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Without it the last part of a reply may wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    // The kernel's own timeout is a quarter of an hour for a client that is gone, and none for one that does not read.
    let _ = set_tcp_user_timeout(&stream, UNREAD_TIMEOUT.as_millis() as u32);
    match site.tls().cloned() {
        None => exchange(stream, peer, site, watcher).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, peer, site, watcher).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake takes too long"),
        },
    }
}

/// Answers what is asked on one connection.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    site: Arc<Site>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request).await) }
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
