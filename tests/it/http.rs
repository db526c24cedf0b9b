//! What clients of every kind are answered.

use std::collections::BTreeSet;
use std::io::Read as _;

use testbed::http::{self, Response};
use testbed::{Exporter, Sshd};

use crate::world::{World, assert_healthy};

/// What Prometheus 2.42 sends.
const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// What Prometheus 3 sends.
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Two hubs on two nodes; nobody has been contacted yet.
fn two_nodes() -> (World, [Sshd; 2], Exporter) {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N2", "srv1");
    world.good_tree("N2", "srv2");
    let nodes = [world.sshd("N1"), world.sshd("N2")];
    let config = world.hub("A", "srv1").hub("B", "srv2").write("A = N1 N2\nB = N2", "");
    let exporter = world.serve(&config);
    (world, nodes, exporter)
}

/// An exporter whose nodes do not matter.
fn no_node() -> (World, Exporter) {
    let mut world = World::new();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let exporter = world.serve(&config);
    (world, exporter)
}

/// The names and labels of an exposition, without the values.
fn series(exposition: &str) -> BTreeSet<&str> {
    let samples = exposition.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

/// The targets that an exposition tells of, as `HUB/NODE`.
fn targets(response: &Response) -> Vec<String> {
    let text = response.text().unwrap();
    let start = "scm_backup_probe_success{hub=\"";
    let found = text.lines().filter_map(|line| line.strip_prefix(start)?.split_once("\",node=\""));
    found.map(|(hub, rest)| format!("{hub}/{}", rest.split('"').next().unwrap())).collect()
}

#[test]
fn format_is_the_one_the_client_likes_best() {
    let (_world, exporter) = no_node();
    for (accept, content_type) in [
        (PROMETHEUS_2, OPEN_METRICS),
        (PROMETHEUS_3, OPEN_METRICS),
        (FIREFOX, TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.9", OPEN_METRICS),
        ("application/json", TEXT),
        ("\u{fffd};;q=,,", TEXT),
    ] {
        let response = exporter.get_with("/metrics?collect[]=exporter", &[("Accept", accept)]).unwrap();
        assert_eq!((response.status, response.header("content-type")), (200, Some(content_type)), "{accept}");
        assert_eq!(response.header("vary"), Some("accept, accept-encoding"));
        let body = response.text().unwrap();
        assert_eq!(body.ends_with("\n# EOF\n"), content_type == OPEN_METRICS, "{body}");
    }
}

#[test]
fn gzip_holds_what_is_sent_plain() {
    let (_world, exporter) = no_node();
    let plain = exporter.get("/metrics").unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    for encodings in ["gzip", "deflate, gzip;q=0.5", "GZIP", "x-gzip", "*"] {
        let packed = exporter.get_with("/metrics", &[("Accept-Encoding", encodings)]).unwrap();
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{encodings}");
        assert_eq!(packed.header("content-type"), Some(TEXT));
        assert_eq!(packed.header("content-length"), Some(&*packed.body.len().to_string()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut text).unwrap();
        assert_eq!(series(&text), series(&plain.text().unwrap()));
    }
    for encodings in ["identity", "gzip;q=0", "*, gzip;q=0", "br"] {
        let plain = exporter.get_with("/metrics", &[("Accept-Encoding", encodings)]).unwrap();
        assert_eq!(plain.header("content-encoding"), None, "{encodings}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let (_world, exporter) = no_node();
    for path in
        ["/", "/hub/A", "/style.css", "/metrics", "/probe?hub=A", "/sd", "/-/healthy", "/-/ready", "/nothing"]
    {
        let get = exporter.get(path).unwrap();
        let head = http::request("HEAD", &exporter.url(path), &[]).unwrap();
        let but_length = |response: &Response| {
            let changing = ["content-length", "date"];
            let kept = response.headers.iter().filter(|(name, _)| !changing.contains(&name.as_str()));
            (response.status, kept.cloned().collect::<Vec<_>>())
        };
        assert_eq!(but_length(&head), but_length(&get), "{path}");
        assert!(head.header("content-length").unwrap().parse::<u64>().unwrap() > 0, "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
}

#[test]
fn unknown_paths_are_404_and_wrong_methods_405() {
    let (_world, exporter) = no_node();
    for path in ["/nothing", "/metrics/", "/Metrics", "/probe/A", "/-/", "/-/quit", "/favicon.ico"] {
        assert_eq!(exporter.get(path).unwrap().status, 404, "{path}");
    }
    for (method, path, allow) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/probe?hub=A", "GET, HEAD"),
        ("OPTIONS", "/sd", "GET, HEAD"),
        ("DELETE", "/hub/A", "GET, HEAD, POST"),
        ("POST", "/plot/A/N1/svn/env.svg", "GET, HEAD"),
        ("GET", "/-/reload", "POST"),
        ("HEAD", "/-/reload", "POST"),
    ] {
        let response = http::request(method, &exporter.url(path), &[]).unwrap();
        assert_eq!((response.status, response.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn every_reply_forbids_guessing_its_type_and_keeping_it() {
    let (_world, exporter) = no_node();
    for path in ["/", "/metrics", "/sd", "/-/healthy", "/nothing", "/probe"] {
        let response = exporter.get(path).unwrap();
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
    let home = exporter.get("/").unwrap();
    assert!(home.header("content-security-policy").unwrap().contains("default-src 'none'"));
}

#[test]
fn healthy_and_ready_say_so() {
    let (_world, exporter) = no_node();
    assert_eq!(exporter.text("/-/healthy").unwrap(), "healthy\n");
    assert_eq!(exporter.text("/-/ready").unwrap(), "ready\n");
}

#[test]
fn collect_narrows_the_metrics() {
    let (_world, nodes, exporter) = two_nodes();
    let own = exporter.text("/metrics?collect[]=exporter").unwrap();
    assert!(own.contains("\nscm_backup_exporter_build_info{version=") && !own.contains("{hub="), "{own}");
    assert!(nodes.iter().all(|node| node.connections() == 0), "nobody is contacted for it");

    let nodes = exporter.text("/metrics?collect%5B%5D=nodes").unwrap();
    assert_healthy(&nodes, "B", "N2");
    assert!(!nodes.contains("process_") && !nodes.contains("build_info"), "{nodes}");

    let both = exporter.text("/metrics?collect[]=nodes&collect[]=exporter&other=1").unwrap();
    assert_eq!(series(&both), series(&exporter.text("/metrics").unwrap()));

    let wrong = exporter.get("/metrics?collect[]=nodes&collect[]=disks").unwrap();
    assert_eq!((wrong.status, &*wrong.text().unwrap()), (400, "collect[] takes nodes or exporter\n"));
}

#[test]
fn probe_gives_what_is_asked_for_and_nothing_else() {
    let (_world, nodes, exporter) = two_nodes();
    for (path, status, words) in [
        ("/probe", 400, "which hub?"),
        ("/probe?node=N1", 400, "which hub?"),
        ("/probe?hub=", 404, "no hub \"\" is configured"),
        ("/probe?hub=Z", 404, "no hub \"Z\" is configured"),
        ("/probe?hub=B&node=N1", 404, "hub \"B\" has no node \"N1\""),
        ("/probe?hub=A&node=127.0.0.1", 404, "hub \"A\" has no node"),
        ("/probe?hub=A&node=-oProxyCommand%3Did", 404, "hub \"A\" has no node"),
        ("/probe?hub=%00%1b[31m%ff", 404, "no hub \"\\0\\u{1b}[31m"),
    ] {
        let response = exporter.get(path).unwrap();
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().unwrap().contains(words), "{path}: {:?}", response.text());
    }
    assert!(nodes.iter().all(|node| node.connections() == 0), "nobody is contacted for it");

    let one = exporter.get("/probe?hub=A&node=N1").unwrap();
    assert_eq!((one.status, targets(&one)), (200, vec!["A/N1".to_owned()]));
    assert_healthy(&one.text().unwrap(), "A", "N1");
    assert!(!one.text().unwrap().contains("build_info"), "its own series are at /metrics");
    assert_eq!((nodes[0].logins(), nodes[1].connections()), (1, 0));

    let hub = exporter.get("/probe?hub=A").unwrap();
    assert_eq!(targets(&hub), ["A/N1", "A/N2"]);
    assert!(!hub.text().unwrap().contains("hub=\"B\""));
}

#[test]
fn reload_is_for_programs_and_not_for_pages_of_other_sites() {
    let (_world, exporter) = no_node();
    let own = format!("http://{}", exporter.address());
    for (headers, status) in [
        (&[] as &[(&str, &str)], 200),
        (&[("Origin", &own)], 200),
        (&[("Sec-Fetch-Site", "same-origin"), ("Origin", &own)], 200),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
    ] {
        let reply = http::request("POST", &exporter.url("/-/reload"), headers).unwrap();
        assert_eq!(reply.status, status, "{headers:?}: {:?}", reply.text());
    }
    assert_eq!(exporter.log().matches("configuration reloaded").count(), 3, "{}", exporter.log());
}

#[test]
fn service_discovery_names_every_target() {
    let (_world, _nodes, exporter) = two_nodes();
    let response = exporter.get_with("/sd", &[("Host", "backup.example.org:10222")]).unwrap();
    assert_eq!(response.header("content-type"), Some("application/json"));
    let groups: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    let group = |hub: &str, node: &str| {
        serde_json::json!({
            "targets": ["backup.example.org:10222"],
            "labels": {
                "__scheme__": "http", "__metrics_path__": "/probe", "__param_hub": hub, "__param_node": node,
                "instance": format!("{hub}/{node}"),
            },
        })
    };
    assert_eq!(groups, serde_json::json!([group("A", "N1"), group("A", "N2"), group("B", "N2")]));
}
