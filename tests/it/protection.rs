//! TLS and users, as the web configuration file asks for them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use testbed::{Exporter, tool};

use crate::world::{World, program};

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
