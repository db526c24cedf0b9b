//! What a scrape gives.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use testbed::{Exporter, Sshd, http, poll};

use crate::world::{
    AS_ASKED, Gate, HealthyAndBroken, PATIENT, World, assert_bad, assert_healthy, inflated, program, sample,
    value,
};

#[test]
fn scrape_shows_what_the_nodes_hold() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N2", "srv1");
    let (_one, _two) = (world.sshd("N1"), world.sshd("N2"));
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let exporter = world.serve(&config);

    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_healthy(&metrics, "A", "N2");
    assert_eq!(
        value(&metrics, "scm_backup_tarball_size_bytes{hub=\"A\",node=\"N1\",repo=\"svn/env\"}"),
        50e6
    );
    assert_eq!(value(&metrics, "scm_backup_ssh_sessions"), 2.0);
}

/// `BAD`, whose first listing waits at a gate, and an exporter that has a report of `GOOD` already. A report is
/// young enough for an hour, so that sessions count probes.
fn at_a_gate(arguments: &[&str]) -> (HealthyAndBroken, Gate, Sshd, Exporter) {
    let mut nodes = HealthyAndBroken::new();
    let gate = Gate::new(&nodes.world);
    let login = nodes.login().script(&(gate.script() + AS_ASKED));
    let slow = nodes.world.sshd_with("BAD", login);
    let config = nodes.write("min_probe_interval = 1h");
    let exporter = Exporter::start_with(program(), &[&config], arguments, &[]).unwrap();
    assert_healthy(&exporter.text("/probe?hub=A&node=GOOD").unwrap(), "A", "GOOD");
    (nodes, gate, slow, exporter)
}

#[test]
fn scrape_that_cannot_wait_leaves_the_probe_to_the_next_one() {
    let (nodes, gate, slow, exporter) = at_a_gate(&[]);
    let hurried = exporter.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]).unwrap();
    // It is back, and the gate is closed still.
    let metrics = hurried.text().unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    let of_slow = |name: &str| sample(&metrics, &format!("{name}{{hub=\"A\",node=\"BAD\"}}"));
    assert_eq!(of_slow("scm_backup_probe_success"), None, "{metrics}");
    assert_eq!(of_slow("scm_backup_probe_timestamp_seconds"), None);
    let limit = "scm_backup_max_age_seconds{hub=\"A\",node=\"BAD\",repo=\"svn/env\"}";
    assert_eq!(sample(&metrics, limit), Some(93600.0));

    gate.wait_until_used();
    gate.open();
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "BAD");
    assert_healthy(&metrics, "A", "GOOD");
    assert_eq!(slow.sessions(), 1);
    assert!(nodes.good.sessions() >= 2);
}

#[test]
fn reload_leaves_a_probe_in_flight_to_the_next_scrape() {
    let (nodes, gate, slow, exporter) = at_a_gate(&[]);
    let scrape = "/probe?hub=A&node=BAD";
    let hurried = || exporter.get_with(scrape, &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]).unwrap();
    assert_eq!(hurried().status, 200);
    gate.wait_until_used();
    let config = nodes.world.dir.path().join("config.ini");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[ENV]", "[ENV]\nmax_age = 48h")).unwrap();
    let reply = http::request("POST", &exporter.url("/-/reload"), &[]).unwrap();
    assert_eq!(reply.status, 200, "{:?}", reply.text());
    assert_eq!(hurried().status, 200);
    gate.open();
    let metrics = exporter.text(scrape).unwrap();
    assert_healthy(&metrics, "A", "BAD");
    let limit = "scm_backup_max_age_seconds{hub=\"A\",node=\"BAD\",repo=\"svn/env\"}";
    assert_eq!(value(&metrics, limit), 172_800.0);
    assert_eq!(slow.sessions(), 1);
}

#[test]
fn node_that_failed_need_not_wait_until_a_report_would_be_old() {
    let mut nodes = HealthyAndBroken::new();
    let spoilt = nodes.world.dir.path().join("spoilt");
    fs::write(&spoilt, "").unwrap();
    let login = nodes.login().script(&format!("[ ! -e {} ] || exit 1\n{AS_ASKED}", spoilt.display()));
    let node = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("min_probe_interval = 1h");
    assert_bad(&exporter, "protocol", &[]);
    fs::remove_file(&spoilt).unwrap();
    for _ in 0..2 {
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    }
    // The report is young, so that the last scrape asked for no other.
    assert_eq!(node.sessions(), 2);
}

#[test]
fn client_that_goes_away_leaves_the_probe_to_the_next_one() {
    let (_beside, gate, slow, exporter) = at_a_gate(&[]);
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    gate.wait_until_used();
    client.shutdown(Shutdown::Write).unwrap();
    client.set_read_timeout(Some(poll::BOUND)).unwrap();
    // The exporter hangs up without an answer, which shows that it has noticed.
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    gate.open();
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "BAD");
    assert_healthy(&metrics, "A", "GOOD");
    assert_eq!(slow.sessions(), 1);
}

#[test]
fn node_that_invents_repos_with_long_names_inflates_neither_metrics_nor_pages() {
    let mut nodes = HealthyAndBroken::new();
    // Bytes that are not UTF-8 take five each in the exposition.
    let login = nodes.login().script(&inflated("\\xff"));
    let _bad = nodes.world.sshd_with("BAD", login);
    nodes.world.sections("[hub B]\nsrvnode = srv1\ntimezone = UTC\n[node BAD]");
    let config = nodes.world.write("A = GOOD\nB = BAD", PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    let of_bad = |name: &str| value(&metrics, &format!("{name}{{hub=\"B\",node=\"BAD\"}}"));
    assert_eq!(of_bad("scm_backup_probe_success"), 1.0, "{}", exporter.log());
    assert_eq!(of_bad("scm_backup_listing_records"), 10_000.0);
    let kept = metrics.lines().filter(|line| line.starts_with("scm_backup_tarballs{hub=\"B\"")).count();
    assert!(kept > 500, "{kept}");
    assert_eq!(of_bad("scm_backup_listing_rejects"), 10_000.0 - kept as f64);
    let mebibytes = |text: &str| text.len() >> 20;
    assert!(mebibytes(&metrics) < 24, "{} MiB", mebibytes(&metrics));
    for path in ["/", "/hub/B"] {
        let page = exporter.text(path).unwrap();
        assert!(page.contains("too many repos, or too long names: "), "{path}");
        assert!(mebibytes(&page) < 8, "{path}: {} MiB", mebibytes(&page));
    }
    assert!(exporter.log().contains("too many repos, or too long names"), "{}", exporter.log());
}

#[test]
fn fifty_scrapes_at_once_share_one_probe() {
    let (_beside, gate, slow, exporter) = at_a_gate(&["--web.max-requests", "50"]);
    // One that only asks whether there is room takes a place for a moment, too.
    let scrape = || {
        poll::until("there is room for a scrape", || {
            let response = exporter.get("/metrics")?;
            Ok((response.status == 200).then_some(response))
        })
    };
    std::thread::scope(|scope| {
        let scrapes: Vec<_> = (0..50).map(|_| scope.spawn(scrape)).collect();
        gate.wait_until_used();
        poll::until("fifty scrapes wait", || {
            Ok((exporter.get("/metrics?collect[]=exporter")?.status == 503).then_some(()))
        })
        .unwrap();
        gate.open();
        for scrape in scrapes {
            let metrics = scrape.join().unwrap().unwrap().text().unwrap();
            assert_healthy(&metrics, "A", "BAD");
            assert_healthy(&metrics, "A", "GOOD");
        }
    });
    assert_eq!(slow.sessions(), 1);
    assert_eq!(slow.logins(), 1);
}
