//! TLS and users, as the web configuration file asks for them.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use testbed::{Exporter, Signal, poll, tool};

use crate::world::{World, program, value};

/// Users `alice` with the password `open sesame`; what `htpasswd -nBC 4` prints.
const USERS: &str = "basic_auth_users:\n  alice: HASH\n";

/// A configuration file, and beside it a certificate for `localhost` with its key and this web configuration.
fn world(web: &str) -> (World, std::path::PathBuf) {
    let mut world = World::new();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = world.dir.path();
    fs::write(directory.join("cert.pem"), signed.cert.pem()).unwrap();
    fs::write(directory.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    fs::write(directory.join("web.yml"), web.replace("HASH", &hash)).unwrap();
    (world, config)
}

fn serve(world: &World, config: &Path) -> Exporter {
    let web = world.dir.path().join("web.yml");
    let flags = ["--web.config.file", web.to_str().unwrap()];
    Exporter::start_with(program(), &[config], &flags, &[]).unwrap()
}

/// What curl says, which trusts our certificate.
fn curl(world: &World, exporter: &Exporter, arguments: &[&str], path: &str) -> Output {
    Command::new(tool::find("curl").unwrap())
        .args(["--silent", "--show-error", "--include", "--max-time", "60", "--noproxy", "*", "--cacert"])
        .arg(world.dir.path().join("cert.pem"))
        .args(arguments)
        .arg(format!("https://localhost:{}{path}", exporter.address().port()))
        .output()
        .unwrap()
}

#[test]
fn tls_is_spoken_and_plain_http_is_not_answered() {
    let (world, config) = world("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n");
    let exporter = serve(&world, &config);
    for version in ["--tlsv1.3", "--tlsv1.2"] {
        let output = curl(&world, &exporter, &[version], "/-/healthy");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\nhealthy\n"), "{text}");
    }
    let text = String::from_utf8(curl(&world, &exporter, &[], "/sd").stdout).unwrap();
    assert!(text.contains("\"__scheme__\":\"https\""), "{text}");
    assert!(exporter.get("/-/healthy").is_err());
    // Whoever does not speak TLS spoils it for nobody.
    assert!(curl(&world, &exporter, &[], "/-/ready").status.success());
}

#[test]
fn users_with_the_right_password_come_in() {
    let (world, config) = world(USERS);
    let exporter = serve(&world, &config);
    // alice:open sesame
    let right = ("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWU=");
    // alice:open sesam
    let wrong = ("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbQ==");
    for path in ["/", "/metrics", "/probe?hub=A", "/sd", "/-/healthy", "/nothing"] {
        for headers in [&[] as &[_], &[wrong]] {
            let refused = exporter.get_with(path, headers).unwrap();
            assert_eq!(refused.status, 401, "{path}");
            assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm="));
            assert!(!refused.text().unwrap().contains("scm_backup"));
        }
    }
    for _ in 0..2 {
        assert_eq!(exporter.get_with("/metrics", &[right]).unwrap().status, 200);
        assert_eq!(exporter.get_with("/metrics", &[wrong]).unwrap().status, 401);
    }
}

/// A header of basic authentication.
fn basic(plain: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain))
}

#[test]
fn refused_logins_are_counted_and_logged_once_without_what_was_typed() {
    let (world, config) = world(USERS);
    let exporter = serve(&world, &config);
    for n in 0..20 {
        let wrong = basic(&format!("hunter{n}:pass{n}word"));
        let refused = exporter.get_with("/metrics", &[("Authorization", &wrong)]).unwrap();
        assert_eq!((refused.status, &*refused.text().unwrap()), (401, "authentication required\n"));
    }
    assert_eq!(exporter.get("/metrics").unwrap().status, 401, "no login at all, which is no failure");
    let right = basic("alice:open sesame");
    let metrics = exporter.get_with("/metrics?collect[]=exporter", &[("Authorization", &right)]).unwrap();
    let metrics = metrics.text().unwrap();
    assert_eq!(value(&metrics, "scm_backup_web_logins_refused_total"), 20.0);
    let log = exporter.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("login refused")).collect();
    assert!(lines.len() == 1 && lines[0].contains("peer=127.0.0.1"), "{log}");
    assert!(!log.contains("hunter") && !log.contains("word0"), "{log}");
}

/// Hashing with this cost takes longer than anybody waits.
const ENDLESS: &str =
    "basic_auth_users:\n  alice: $2b$31$KIXIDDDDDDDDDDDDDDDDDuO8bT4ZqL1XhzG3h1fZ3m7m8aVvW7a2a\n";

#[test]
fn logins_beyond_those_that_may_wait_are_refused_at_once_and_stopping_waits_for_none() {
    let (world, config) = world(ENDLESS);
    let mut exporter = serve(&world, &config);
    let wrong = basic("alice:x");
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {wrong}\r\n\r\n");
    // Two are being checked, or wait for that.
    let waiting: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(exporter.address()).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    poll::until("two wait", || {
        Ok((exporter.get_with("/", &[("Authorization", &wrong)])?.status == 429).then_some(()))
    })
    .unwrap();
    for user in ["alice", "bob"] {
        let surplus = exporter.get_with("/", &[("Authorization", &basic(&format!("{user}:x")))]).unwrap();
        assert_eq!((surplus.status, surplus.header("retry-after")), (429, Some("1")), "{user}");
    }
    let long = basic(&format!("alice:{}", "x".repeat(73)));
    assert_eq!(exporter.get_with("/", &[("Authorization", &long)]).unwrap().status, 401);
    assert_eq!(exporter.get("/").unwrap().status, 401);
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().unwrap().success());
    drop(waiting);
}

#[test]
fn tls_and_users_go_together() {
    let (world, config) =
        world(&format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\n{USERS}"));
    let exporter = serve(&world, &config);
    for (user, wanted) in [("alice:open sesame", "HTTP/1.1 200"), ("alice:x", "HTTP/1.1 401")] {
        let output = curl(&world, &exporter, &["--user", user], "/-/healthy");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(wanted), "{user}: {text}");
    }
}

#[test]
fn protection_that_cannot_be_given_ends_the_start() {
    for (web, words) in [
        ("tls_server_config: {cert_file: key.pem, key_file: key.pem}", "cert_file"),
        ("tls_server_config: {cert_file: cert.pem, key_file: cert.pem}", "key_file"),
        ("basic_auth_users: {alice: secret}", "alice: not a bcrypt hash"),
        ("tls_server_confg: {}", "tls_server_confg"),
    ] {
        let (world, config) = world(web);
        let file = world.dir.path().join("web.yml");
        let output = Command::new(program())
            .arg("--config.file")
            .arg(&config)
            .arg("--web.config.file")
            .arg(&file)
            .args(["--web.listen-address", "127.0.0.1:0"])
            .env("XDG_RUNTIME_DIR", world.dir.path())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{web}: {error}");
        assert!(error.contains(&file.display().to_string()) && error.contains(words), "{web}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
