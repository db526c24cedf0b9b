//! Nodes that cannot be reached or do not let us in. Beside each stands a healthy one.

use std::fs;
use std::net::TcpStream;

use testbed::broken::{BlackHole, Broken, Fault, Refusing};
use testbed::sshd::Options;
use testbed::{Node as _, Sshd, poll, tool};

use crate::world::{
    HealthyAndBroken, PATIENT, World, assert_bad, assert_failed, assert_healthy, assert_kept, assert_logged,
    program, run_cli, sample,
};

#[test]
fn refused_node_says_to_see_whether_it_is_up() {
    let mut nodes = HealthyAndBroken::new();
    let nobody = Refusing::start().unwrap();
    nodes.world.know("BAD", &nobody);
    let exporter = nodes.serve("");
    let metrics = assert_bad(
        &exporter,
        "connect",
        &["Connection refused", "check that the node is up and its sshd is listening: ssh ", "BAD true"],
    );
    // Nothing is known of it but its limits.
    assert_eq!(sample(&metrics, "scm_backup_tarballs{hub=\"A\",node=\"BAD\",repo=\"svn/env\"}"), None);
    let limit = "scm_backup_max_age_seconds{hub=\"A\",node=\"BAD\",repo=\"svn/env\"}";
    assert_eq!(sample(&metrics, limit), Some(93600.0));
}

#[test]
fn node_that_goes_away_keeps_its_last_report_and_comes_back() {
    let (_beside, bad, exporter, before) = HealthyAndBroken::seen_well();
    bad.stop().unwrap();
    bad.kill_connections().unwrap();
    let after = assert_bad(&exporter, "connect", &["Connection refused"]);
    assert_kept(&before, &after, "BAD");
    bad.restart().unwrap();
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert!(exporter.log().contains("probe succeeds again"), "{}", exporter.log());
}

#[test]
fn black_holed_node_runs_into_the_connect_limit() {
    let mut nodes = HealthyAndBroken::new();
    let hole = BlackHole::start().unwrap();
    nodes.world.know("BAD", &hole);
    let exporter = nodes.serve("timeout = 1");
    assert_bad(&exporter, "timeout", &["raise `timeout` (to connect)", "[node BAD]"]);
}

#[test]
fn servers_broken_before_the_login_fail_each_for_its_reason() {
    let mut nodes = HealthyAndBroken::new();
    let faults = [
        (Fault::Closes, "connect", "kex_exchange_identification"),
        (Fault::SilentBeforeBanner, "timeout", "raise `timeout` (to connect)"),
        (Fault::SilentAfterBanner, "timeout", "no login within 1 s (`timeout`), the key exchange included"),
        (Fault::GarbageBanner, "connect", "Protocol major versions differ"),
        (Fault::EndlessBanner, "connect", "in first 1024 lines"),
    ];
    let names: Vec<String> = (0..faults.len()).map(|number| format!("B{number}")).collect();
    let servers: Vec<Broken> = faults.iter().map(|(fault, ..)| Broken::start(*fault).unwrap()).collect();
    for ((name, server), (_, reason, _)) in names.iter().zip(&servers).zip(&faults) {
        nodes.world.know(name, server);
        // Where the limit is not what is waited for, there is time for every try.
        let timeout = if *reason == "timeout" { 1 } else { 30 };
        nodes.world.sections(&format!("[node {name}]\ntimeout = {timeout}"));
    }
    let config = nodes.world.write(&format!("A = {} GOOD", names.join(" ")), PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    for ((_, reason, words), name) in faults.iter().zip(&names) {
        assert_failed(&metrics, "A", name, reason);
        assert_logged(&exporter, name, reason, &[words, name]);
    }
    // A server that closes at once may only be too busy, so it is asked again, but not for ever.
    assert_eq!(servers[0].connections(), 3);
}

/// Whoever answers in a node's place can say what he likes before he has proved who he is, in several lines too: ssh shows
/// them as they are.
#[test]
fn words_of_a_server_that_proved_nothing_choose_no_reason() {
    const DENIED: &str = "root@127.0.0.1: Permission denied (publickey).";
    const CHANGED: &str =
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in /x:1";
    let mut nodes = HealthyAndBroken::new();
    let faults = [
        Fault::Disconnects(DENIED),
        Fault::Disconnects("bye\r\nroot@127.0.0.1: Permission denied (publickey).\r\n"),
        Fault::Disconnects("Too many authentication failures"),
        Fault::Disconnects(CHANGED),
        Fault::Disconnects(
            "bye\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
        ),
        Fault::Disconnects("bye\nssh: Could not resolve hostname x: Name or service not known"),
        Fault::Disconnects("bye\nNo user exists for uid 1"),
        Fault::Offers("none,\r\nroot@127.0.0.1: Permission denied (publickey)."),
        Fault::Offers("none,\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"),
        Fault::Greets("root@127.0.0.1: Permission denied (publickey).\r\nHost key verification failed.\r\n"),
    ];
    let names: Vec<String> = (0..faults.len()).map(|number| format!("B{number}")).collect();
    let servers: Vec<Broken> = faults.iter().map(|fault| Broken::start(*fault).unwrap()).collect();
    for (name, server) in names.iter().zip(&servers) {
        nodes.world.know(name, server);
        // Nor do they in the place of a jump host, whose ssh says more.
        let behind = Refusing::start().unwrap();
        nodes.world.client.add_behind(name, &format!("J{name}"), &behind).unwrap();
    }
    let (direct, behind) = (names.join(" "), names.join(" J"));
    let config = nodes.world.write(&format!("A = {direct} J{behind} GOOD"), PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    for name in &names {
        assert_failed(&metrics, "A", name, "connect");
        assert_failed(&metrics, "A", &format!("J{name}"), "connect");
    }
    let log = exporter.log();
    for words in ["authorized-key", "host key has changed", "from known_hosts"] {
        assert!(!log.contains(words), "{words}: {log}");
    }
    assert_logged(
        &exporter,
        "B0",
        "connect",
        &["Received disconnect from 127.0.0.1", DENIED, "before the login"],
    );
    assert_logged(&exporter, "JB7", "connect", &["Unable to negotiate with 127.0.0.1"]);
    // Nor is anybody left alone for them.
    let before: Vec<usize> = servers.iter().map(Broken::connections).collect();
    exporter.text("/metrics").unwrap();
    for (server, before) in servers.iter().zip(before) {
        assert!(server.connections() > before);
    }
}

#[test]
fn login_that_the_probe_has_no_time_for_names_the_limit_that_ended_it() {
    let mut nodes = HealthyAndBroken::new();
    let silent = Broken::start(Fault::SilentAfterBanner).unwrap();
    nodes.world.know("BAD", &silent);
    let exporter = nodes.serve("timeout = 30\nprobe_timeout = 1");
    assert_bad(&exporter, "timeout", &["no login within the 1.0 s left of `probe_timeout`"]);
}

#[test]
fn unknown_host_key_says_how_to_make_it_known() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let bad = nodes.world.sshd_with("BAD", login);
    nodes.world.client.forget_host_key("BAD").unwrap();
    let exporter = nodes.serve("");
    assert_bad(
        &exporter,
        "host_key",
        &["host key is known for", "log in once to add it to known_hosts", "StrictHostKeyChecking=ask"],
    );
    assert_eq!(bad.logins(), 0);
}

#[test]
fn changed_host_key_is_refused_and_the_last_report_stays() {
    let (_beside, bad, exporter, before) = HealthyAndBroken::seen_well();
    bad.replace_host_key().unwrap();
    bad.kill_connections().unwrap();
    let after = assert_bad(
        &exporter,
        "host_key",
        &["the node's host key has changed (Offending", "known_hosts:", "ask the node's administrator why"],
    );
    assert_kept(&before, &after, "BAD");
    assert_eq!(bad.logins(), 1);
}

#[test]
fn accept_new_takes_an_unknown_key_but_no_changed_one() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let bad = nodes.world.sshd_with("BAD", login);
    nodes.world.client.forget_host_key("BAD").unwrap();
    let exporter = nodes.serve("host_key_checking = accept-new");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    let known = fs::read_to_string(nodes.world.client.known_hosts()).unwrap();
    assert!(known.contains(&format!("[127.0.0.1]:{}", bad.address().port())), "{known}");

    bad.replace_host_key().unwrap();
    bad.kill_connections().unwrap();
    assert_bad(&exporter, "host_key", &["has changed", "ask the node's administrator why"]);
    assert_eq!(bad.logins(), 1);
}

#[test]
fn node_that_denies_the_key_is_left_alone_for_a_while() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let bad = Options::new(&nodes.world.client, login).authorized_keys("").start().unwrap();
    nodes.world.know("BAD", &bad);
    let config = nodes.write("");
    let exporter = nodes.world.serve(&config);
    assert_bad(
        &exporter,
        "auth",
        &["Permission denied (publickey", "scm-backup-exporter authorized-key BAD", "authorized_keys"],
    );
    assert_eq!(bad.connections(), 1);
    for _ in 0..3 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_failed(&metrics, "A", "BAD", "auth");
        assert_healthy(&metrics, "A", "GOOD");
    }
    assert_eq!(bad.connections(), 1);
    // A person who has just put the key there does not want to wait.
    assert_eq!(run_cli(&config, &["probe", "A", "BAD"]).status.code(), Some(3));
    assert_eq!(bad.connections(), 2);
}

#[test]
fn jump_host_that_denies_the_key_is_named() {
    let mut nodes = HealthyAndBroken::new();
    let gateway =
        Options::new(&nodes.world.client, testbed::Login::default()).authorized_keys("").start().unwrap();
    nodes.world.know("GW", &gateway);
    let behind = Sshd::start(&nodes.world.client, nodes.login()).unwrap();
    nodes.world.client.add_behind("GW", "BAD", &behind).unwrap();
    let exporter = nodes.serve("");
    let user = nodes.world.client.user().to_owned();
    assert_bad(
        &exporter,
        "auth",
        &[
            &format!("{user}@127.0.0.1: Permission denied (publickey"),
            &format!(
                "the jump host refuses the login: add the exporter's plain public key to authorized_keys of {user}@"
            ),
        ],
    );
    assert_eq!((gateway.connections(), behind.connections()), (1, 0));
}

#[test]
fn failure_behind_or_before_a_jump_host_shows_its_own_reason() {
    let mut nodes = HealthyAndBroken::new();
    let gateway = nodes.world.sshd_with("GW", testbed::Login::default());
    let nobody = Refusing::start().unwrap();
    nodes.world.know("GONE", &nobody);
    let behind = Sshd::start(&nodes.world.client, nodes.login()).unwrap();
    nodes.world.client.add_behind("GONE", "B0", &behind).unwrap();
    nodes.world.client.add_behind("GW", "B1", &nobody).unwrap();
    nodes.world.client.add_behind("GW", "B2", &behind).unwrap();
    nodes.world.client.set("B2", "HostName", "behind.invalid").unwrap();
    let config = nodes.world.write("A = B0 B1 B2 GOOD", PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    for (node, reason, words) in [
        (
            "B0",
            "connect",
            format!("connect to host 127.0.0.1 port {}: Connection refused", nobody.address().port()),
        ),
        ("B1", "connect", "open failed: connect failed: Connection refused".to_owned()),
        ("B2", "resolve", "open failed: connect failed: ".to_owned()),
    ] {
        assert_failed(&metrics, "A", node, reason);
        assert_logged(&exporter, node, reason, &[&words]);
    }
    // None of these is worth another try at once.
    assert_eq!((gateway.logins(), behind.connections()), (2, 0));
}

#[test]
fn broken_ssh_configuration_names_its_line() {
    let mut nodes = HealthyAndBroken::new();
    let broken = nodes.world.dir.path().join("ssh_config");
    fs::write(&broken, "Host BAD\n    Hostnam 127.0.0.1\n").unwrap();
    let exporter = nodes.serve(&format!("ssh_config = {}", broken.display()));
    assert_bad(&exporter, "internal", &["ssh_config: line 2: Bad configuration option: hostnam"]);
}

#[test]
fn failure_of_one_hub_on_a_node_is_not_the_others() {
    let mut nodes = HealthyAndBroken::new();
    nodes.world.hub("B", "nowhere");
    let config = nodes.world.write("A = GOOD\nB = GOOD", PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    assert_failed(&metrics, "B", "GOOD", "root_missing");
    assert_logged(&exporter, "GOOD", "root_missing", &["check that $SCM_FOLD/backup/nowhere exists"]);
    assert_eq!(nodes.good.logins(), 1);
}

#[test]
fn node_at_its_limit_of_logins_is_tried_again() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let bad = Options::new(&nodes.world.client, login).set("MaxStartups", "1:100:1").start().unwrap();
    nodes.world.know("BAD", &bad);
    // Somebody else is at the door; the second try comes when he has gone.
    let stranger = TcpStream::connect(bad.address()).unwrap();
    poll::until("sshd knows the stranger", || Ok((bad.connections() == 1).then_some(()))).unwrap();
    let (tries, gone) = (nodes.world.dir.path().join("tries"), nodes.world.dir.path().join("gone"));
    let relay = format!(
        "sh -c 'if [ -e {tries} ]; then while [ ! -e {gone} ]; do sleep 0.02; done; fi; : > {tries}; exec {busybox} nc {ip} {port}'",
        tries = tries.display(),
        gone = gone.display(),
        busybox = tool::find("busybox").unwrap().display(),
        ip = bad.address().ip(),
        port = bad.address().port(),
    );
    nodes.world.client.set("BAD", "ProxyCommand", &relay).unwrap();
    let exporter = nodes.serve("");
    let metrics = std::thread::scope(|scope| {
        let scrape = scope.spawn(|| exporter.text("/metrics").unwrap());
        poll::until("sshd drops a login", || Ok(bad.log().contains("MaxStartups").then_some(()))).unwrap();
        drop(stranger);
        poll::until("the stranger is gone", || Ok(bad.connections_and_sessions().is_empty().then_some(())))
            .unwrap();
        fs::write(&gone, "").unwrap();
        scrape.join().unwrap()
    });
    assert_healthy(&metrics, "A", "BAD");
    assert_healthy(&metrics, "A", "GOOD");
    assert_eq!(bad.logins(), 1);
}

#[test]
fn node_that_allows_one_session_serves_two_hubs() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N1", "srv2");
    let login = testbed::Login::with_fold(&world.fold("N1"));
    let node = Options::new(&world.client, login).set("MaxSessions", "1").start().unwrap();
    world.know("N1", &node);
    let config = world.hub("A", "srv1").hub("B", "srv2").write("A = N1\nB = N1", PATIENT);
    let exporter = world.serve(&config);
    for _ in 0..3 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "N1");
        assert_healthy(&metrics, "B", "N1");
    }
    assert_eq!(node.logins(), 1);
}

#[test]
fn name_that_is_not_configured_is_404_and_nobody_is_contacted() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    let address = bad.address().to_string();
    for path in [
        "/probe?hub=B",
        "/probe?hub=A&node=NOBODY",
        "/probe?hub=a",
        "/probe?hub=A&node=127.0.0.1",
        &format!("/probe?hub=A&node={address}"),
        &format!("/probe?hub={address}&node=BAD"),
        "/probe?hub=A&node=-oProxyCommand%3Dtrue",
        "/probe?hub=A&node=",
    ] {
        let response = exporter.get(path).unwrap();
        assert_eq!(response.status, 404, "{path}: {:?}", response.text());
    }
    assert_eq!(exporter.get("/probe").unwrap().status, 400);
    assert_eq!(exporter.ssh_processes(), []);
    assert_eq!((bad.connections(), nodes.good.connections()), (0, 0));
}

#[test]
fn malformed_configuration_ends_the_start_with_every_fault() {
    let mut world = World::new();
    let config = world.sections("[hub A]\nsrvnod = srv1\nmax_age = soon").write("A = N1\nA = N2", "");
    let output = std::process::Command::new(program())
        .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
        .arg(&config)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let file = config.display().to_string();
    for words in ["the configuration has faults", &file, "srvnod", "srvnode", "max_age", "soon"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(output.stdout, b"");
}

#[test]
fn configuration_that_is_not_there_ends_the_start() {
    let output = run_cli("/nonexistent/config.ini".as_ref(), &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("/nonexistent/config.ini"), "{text}");
}

#[test]
fn missing_ssh_program_says_what_to_install() {
    let mut nodes = HealthyAndBroken::new();
    let config = nodes.write("");
    let path = [("PATH", "/nonexistent")];
    let exporter = testbed::Exporter::start_with(program(), &[&config], &[] as &[&str], &path).unwrap();
    let metrics = exporter.text("/metrics").unwrap();
    assert_failed(&metrics, "A", "BAD", "internal");
    assert_failed(&metrics, "A", "GOOD", "internal");
    let words = "ssh is not installed: apt-get install openssh-client";
    assert_logged(&exporter, "GOOD", "internal", &[words]);
    assert_eq!(exporter.get("/-/healthy").unwrap().status, 200);
}
