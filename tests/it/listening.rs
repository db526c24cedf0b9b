//! Where it listens, and what it does with those who do not speak HTTP as they should.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use testbed::broken::{Broken, Fault};
use testbed::{Exporter, Login, Signal, poll};

use crate::world::{World, inflated, program};

/// An exporter with these flags whose nodes do not matter.
fn exporter(flags: &[&str]) -> (World, Exporter) {
    let mut world = World::new();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let exporter = Exporter::start_with(program(), &[&config], flags, &[]).unwrap();
    (world, exporter)
}

/// Sends bytes and gives what comes back until the server closes.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(poll::BOUND)).unwrap();
    // One that has heard enough closes, and what it said counts.
    let _ = stream.write_all(request);
    let mut reply = Vec::new();
    if let Err(error) = stream.read_to_end(&mut reply) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8_lossy(&reply).into_owned()
}

fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn every_listen_address_is_served() {
    // Where there is no IPv6, there is one more of the other.
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let another = if has_ipv6 { "[::1]:0" } else { "127.0.0.1:0" };
    let (_world, exporter) =
        exporter(&["--web.listen-address", another, "--web.listen-address", "localhost:0"]);
    let log = exporter.log();
    let addresses: Vec<SocketAddr> = log
        .lines()
        .filter(|line| line.contains("listening"))
        .map(|line| line.split("address=").nth(1).unwrap().trim().parse().unwrap())
        .collect();
    assert_eq!(addresses.len(), 3, "{log}");
    assert_eq!(addresses[1].is_ipv6(), has_ipv6, "{addresses:?}");
    for address in addresses {
        let reply = exchange(address, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(status(&reply) == "200" && reply.ends_with("\r\n\r\nhealthy\n"), "{address}: {reply}");
    }
}

#[test]
fn address_in_use_or_malformed_is_a_clear_error() {
    let mut world = World::new();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    // One that is malformed is a wrong command line, before anything is bound.
    for (address, status, words) in [
        (taken.1.as_str(), 1, format!("error: cannot listen on {}: Address already in use", taken.1)),
        ("127.0.0.1", 64, "invalid value '127.0.0.1'".to_owned()),
        (":port", 64, "invalid value ':port'".to_owned()),
    ] {
        let output = Command::new(program())
            .arg("--config.file")
            .arg(&config)
            .args(["--web.listen-address", address])
            .env("XDG_RUNTIME_DIR", world.dir.path())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{address}: {error}");
        assert!(error.contains(&words), "{address}: {error}");
    }
}

#[test]
fn metrics_are_where_the_telemetry_path_says() {
    let (_world, exporter) = exporter(&["--web.telemetry-path", "/backups/metrics"]);
    let text = exporter.text("/backups/metrics?collect[]=exporter").unwrap();
    assert!(text.contains("scm_backup_ssh_sessions 0"), "{text}");
    assert_eq!(exporter.get("/metrics").unwrap().status, 404);
    assert!(exporter.text("/").unwrap().contains("<a href=\"/backups/metrics\""));
}

#[test]
fn telemetry_path_that_hides_another_page_is_a_wrong_command_line() {
    for path in ["/probe", "/", "metrics", "/-/healthy", "/a?b", "//elsewhere"] {
        let output = Command::new(program()).args(["--web.telemetry-path", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn scrapes_beyond_the_limit_are_refused_and_others_are_not() {
    let mut world = World::new();
    let hanging = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.know("N1", &hanging);
    let config = world.hub("A", "srv1").write("A = N1", "timeout = 60");
    let exporter = Exporter::start_with(program(), &[&config], &["--web.max-requests", "1"], &[]).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| exporter.get("/metrics"));
        poll::until("a scrape is under way", || Ok((hanging.connections() > 0).then_some(()))).unwrap();
        for path in ["/metrics", "/probe?hub=A", "/metrics?collect[]=exporter"] {
            let surplus = exporter.get(path).unwrap();
            assert_eq!(surplus.status, 503, "{path}");
            assert!(surplus.text().unwrap().contains("--web.max-requests"));
        }
        for path in ["/", "/sd", "/-/healthy"] {
            assert_eq!(exporter.get(path).unwrap().status, 200, "{path}");
        }
        exporter.signal(Signal::TERM);
        assert_eq!(first.join().unwrap().unwrap().status, 200);
    });
}

#[test]
fn client_that_leaves_gives_its_place_to_the_next() {
    let mut world = World::new();
    let hanging = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.know("N1", &hanging);
    let config = world.hub("A", "srv1").write("A = N1", "timeout = 60");
    let exporter = Exporter::start_with(program(), &[&config], &["--web.max-requests", "1"], &[]).unwrap();
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    poll::until("a scrape is under way", || Ok((hanging.connections() > 0).then_some(()))).unwrap();
    drop(client);
    poll::until("the place is free", || {
        Ok((exporter.get("/metrics?collect[]=exporter")?.status == 200).then_some(()))
    })
    .unwrap();
}

#[test]
fn malformed_requests_are_refused_and_harm_nobody() {
    let (_world, exporter) = exporter(&[]);
    let many: String = (0..300).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = "x".repeat(1 << 20);
    for (request, wanted) in [
        ("NONSENSE\r\n\r\n".to_owned(), "400"),
        ("GET /metrics HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("GET /me\0trics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{0}\u{5}TLS?\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), "431"),
        // Whether it is read before the connection is reset depends on the moment.
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), ""),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), ""),
        // Two servers on the way could each take another one.
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n".to_owned(), "400"),
        // Service discovery needs to know how we were reached.
        ("GET /sd HTTP/1.0\r\n\r\n".to_owned(), "400"),
    ] {
        let reply = exchange(exporter.address(), request.as_bytes());
        let start: String = request.chars().take(60).collect();
        match wanted {
            "" => assert!(matches!(status(&reply), "" | "414" | "431"), "{start:?}: {reply}"),
            wanted => assert_eq!(status(&reply), wanted, "{start:?}: {reply}"),
        }
        assert_eq!(exporter.get("/-/healthy").unwrap().status, 200);
    }
}

#[test]
fn names_that_are_not_allowed_are_not_served() {
    let (_world, exporter) =
        exporter(&["--web.allowed-host", "backup.example.org", "--web.allowed-host", "[::1]:10222"]);
    let get = |path: &str, host: &str| {
        let request = format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        status(&exchange(exporter.address(), request.as_bytes())).to_owned()
    };
    for path in ["/", "/metrics?collect[]=exporter", "/sd", "/hub/A", "/nothing"] {
        for host in ["Host: evil.example\r\n", "Host: 127.0.0.1:10222\r\n", "Host: [::1]\r\n", ""] {
            assert_eq!(get(path, host), "421", "{path} {host:?}");
        }
        for host in
            ["Host: backup.example.org\r\n", "Host: Backup.example.org:80\r\n", "Host: [::1]:10222\r\n"]
        {
            assert_ne!(get(path, host), "421", "{path} {host:?}");
        }
    }
    assert_eq!(get("http://evil.example/", "Host: backup.example.org\r\n"), "421");
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(get(path, "Host: 192.0.2.1\r\n"), "200", "{path}");
    }
}

#[test]
fn allowed_host_that_is_none_is_a_wrong_command_line() {
    for host in ["http://backup.example.org", "backup.example.org/", "::1", "*", ""] {
        let output = Command::new(program()).args(["--web.allowed-host", host]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{host}: {error}");
        assert!(error.contains("is no host"), "{host}: {error}");
    }
}

/// An exporter that has seen a node with very many repos, so that its exposition does not fit into the buffers of a socket,
/// and may answer one scrape at once.
fn of_many_repos() -> (World, testbed::Sshd, Exporter) {
    let mut world = World::new();
    let login = Login::with_fold(&world.fold("N1")).script(&inflated("x"));
    let node = world.sshd_with("N1", login);
    let config =
        world.sections("[hub A]\nsrvnode = srv1\ntimezone = UTC").write("A = N1", "min_probe_interval = 1h");
    let exporter = Exporter::start_with(program(), &[&config], &["--web.max-requests", "1"], &[]).unwrap();
    (world, node, exporter)
}

#[test]
fn scrape_keeps_its_place_until_its_reply_is_sent() {
    let (_world, _node, exporter) = of_many_repos();
    let metrics = exporter.text("/metrics").unwrap();
    assert!(metrics.len() > 10 << 20, "{} bytes", metrics.len());
    let mut slow = TcpStream::connect(exporter.address()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut start = [0; 12];
    slow.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    // It is encoded and on its way, but most of it waits in memory for a reader.
    for _ in 0..3 {
        assert_eq!(exporter.get("/metrics?collect[]=exporter").unwrap().status, 503);
    }
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 10 << 20);
    assert_eq!(exporter.get("/metrics?collect[]=exporter").unwrap().status, 200);
}

#[test]
fn replies_that_nobody_reads_are_bounded_in_memory() {
    const ROOM: usize = 256 << 20;
    let (world, _node, first) = of_many_repos();
    drop(first);
    let exporter = world.serve(&world.dir.path().join("config.ini"));
    let size = exporter.text("/metrics").unwrap().len();
    let fit = ROOM / size;
    let mut unread = Vec::new();
    let status_of_the_next = |unread: &mut Vec<TcpStream>| {
        let mut slow = TcpStream::connect(exporter.address()).unwrap();
        slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut start = [0; 12];
        slow.read_exact(&mut start).unwrap();
        unread.push(slow);
        start
    };
    for n in 0..fit {
        assert_eq!(&status_of_the_next(&mut unread), b"HTTP/1.1 200", "{n} of {fit}");
    }
    assert_eq!(&status_of_the_next(&mut unread), b"HTTP/1.1 503");
    drop(unread);
    poll::until("there is room again", || Ok((exporter.get("/metrics")?.status == 200).then_some(())))
        .unwrap();
}

#[test]
fn no_path_leads_out_of_the_pages() {
    let (_world, exporter) = exporter(&[]);
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/metrics/../-/healthy",
        "//-/healthy",
        "/..;/sd",
        "*",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let reply = exchange(exporter.address(), request.as_bytes());
        assert_eq!(status(&reply), "404", "{path}: {reply}");
    }
}

#[test]
fn body_that_nobody_asked_for_is_no_obstacle() {
    let (_world, exporter) = exporter(&[]);
    let request =
        b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    assert_eq!(status(&exchange(exporter.address(), request)), "200");
    // Announced and never sent: the reply does not wait for it.
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
}
