//! The server's time limits, in paused time, which runs on by itself while everybody waits.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HEAD_TIMEOUT, Site, bind, serve};
use crate::config::Loaded;
use crate::exporter::Exporter;
use crate::inventory::Inventory;
use crate::probe::runtime_dir::RuntimeDir;

/// A server of an exporter without hubs, on a loopback address.
async fn server() -> (std::net::SocketAddr, CancellationToken, JoinHandle<()>) {
    let loaded = Loaded { inventory: Inventory::default(), warnings: Vec::new() };
    let exporter = Exporter::new(Vec::new(), loaded, RuntimeDir::create().unwrap(), 1).unwrap();
    let site = Arc::new(Site::new(Arc::new(exporter), "/metrics".to_owned(), 1).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    (address, stop.clone(), tokio::spawn(serve(vec![listener], site, stop)))
}

/// Sends these bytes and waits until the server closes; gives what it said and how long that took.
async fn sent(address: std::net::SocketAddr, bytes: &[u8]) -> (String, std::time::Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut reply = String::new();
    let read = stream.read_to_string(&mut reply);
    let _ = tokio::time::timeout(10 * HEAD_TIMEOUT, read).await.expect("the server closes");
    (reply, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn head_that_never_ends_is_cut_off() {
    let (address, _stop, _serving) = server().await;
    for bytes in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let (reply, took) = sent(address, bytes.as_bytes()).await;
        assert!(!reply.contains("200 OK"), "{reply}");
        assert!(took >= HEAD_TIMEOUT && took < 2 * HEAD_TIMEOUT, "{bytes:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connection_on_which_nothing_more_is_asked_is_closed() {
    let (address, _stop, _serving) = server().await;
    let (reply, took) = sent(address, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(reply.ends_with("\r\n\r\nhealthy\n"), "{reply}");
    assert!(took < 2 * HEAD_TIMEOUT, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_nobody_for_long() {
    let (address, stop, serving) = server().await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HT").await.unwrap();
    let (reply, _) = sent(address, b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(reply.ends_with("ready\n"), "{reply}");
    let begun = Instant::now();
    stop.cancel();
    serving.await.unwrap();
    // Later the half head would have been cut off anyway.
    assert!(begun.elapsed() < HEAD_TIMEOUT * 9 / 10, "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn page_of_an_empty_configuration_says_so() {
    let (address, _stop, _serving) = server().await;
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (reply, _) = sent(address, request).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("No hub is configured."), "{reply}");
}

#[tokio::test]
async fn empty_host_is_every_address_of_both_families() {
    let listener = bind(":0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    // A machine without IPv6 has the one only.
    if TcpListener::bind("[::1]:0").await.is_ok() {
        TcpStream::connect(("::1", address.port())).await.unwrap();
    }
}
