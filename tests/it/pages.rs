//! What the pages' addresses answer; how they look is in `browser`.

use testbed::http::{self, Response};
use testbed::tree::Nights;
use testbed::{Exporter, Login, Sshd};

use crate::world::{AS_ASKED, Gate, PATIENT, World, ZONE};

/// Names that a page and an address must not take for anything else.
const ODD: [&str; 4] = ["a b", "<script>alert(1)<", "100%&?#\"'", "größe"];

/// Hub A with two good repos on N1, and hub B with repos of odd names on N2.
fn serve(env: &str) -> (World, [Sshd; 2], Exporter) {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let odd = world.tree("N2", "srv2");
    for name in ODD {
        odd.repo(&format!("svn/{name}"), &Nights::default()).unwrap();
    }
    let nodes = [world.sshd("N1"), world.sshd("N2")];
    world.hub("A", "srv1").sections(&format!("[hub B]\nsrvnode = srv2\ntimezone = {ZONE}"));
    let config = world.write("A = N1\nB = N2", env);
    let exporter = world.serve(&config);
    (world, nodes, exporter)
}

fn post(exporter: &Exporter, path: &str, headers: &[(&str, &str)]) -> Response {
    http::request("POST", &exporter.url(path), headers).unwrap()
}

const OURS: [(&str, &str); 1] = [("Sec-Fetch-Site", "same-origin")];

#[test]
fn pages_probe_nothing() {
    let (_world, nodes, exporter) = serve("");
    for path in ["/", "/hub/A", "/hub/B?debug=1", "/plot/A/N1/svn/env.svg", "/style.css", "/icon.svg"] {
        assert_eq!(exporter.get(path).unwrap().status, 200, "{path}");
    }
    assert!(nodes.iter().all(|node| node.connections() == 0));
}

#[test]
fn probe_now_is_for_our_own_pages_only() {
    let (_world, nodes, exporter) = serve("");
    let evil = [("Origin", "http://evil.example")];
    for headers in [&[][..], &evil, &[("Sec-Fetch-Site", "cross-site")], &[("Origin", "null")]] {
        assert_eq!(post(&exporter, "/hub/A?node=N1", headers).status, 403, "{headers:?}");
    }
    for path in ["/hub/Z", "/hub/A?node=N2", "/hub/A?node=127.0.0.1"] {
        assert_eq!(post(&exporter, path, &OURS).status, 404, "{path}");
    }
    assert!(nodes.iter().all(|node| node.connections() == 0));

    let probed = post(&exporter, "/hub/A?node=N1", &OURS);
    assert_eq!((probed.status, probed.header("location")), (303, Some("/hub/A#node-N1")));
    let origin = exporter.url("");
    assert_eq!(post(&exporter, "/hub/A", &[("Origin", &origin)]).header("location"), Some("/hub/A"));
    assert_eq!((nodes[0].sessions(), nodes[1].connections()), (2, 0));
}

#[test]
fn probe_under_way_is_shown_in_the_place_of_the_button() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let gate = Gate::new(&world);
    let login = Login::with_fold(&world.fold("N1")).script(&(gate.script() + AS_ASKED));
    let node = world.sshd_with("N1", login);
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    let exporter = world.serve(&config);
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| post(&exporter, "/hub/A?node=N1", &OURS).status);
        gate.wait_until_used();
        let page = exporter.text("/hub/A").unwrap();
        gate.open();
        assert!(page.contains("A probe is under way") && !page.contains("<button"), "{page}");
        assert_eq!(probe.join().unwrap(), 303);
    });
    assert!(exporter.text("/hub/A").unwrap().contains("<button"));
    assert_eq!(node.sessions(), 1);
}

#[test]
fn node_that_rests_is_not_probed_by_a_button_either() {
    let (_world, nodes, exporter) = serve("min_probe_interval = 1h");
    for _ in 0..2 {
        assert_eq!(post(&exporter, "/hub/A?node=N1", &OURS).status, 303);
    }
    assert_eq!(nodes[0].sessions(), 1);
    let page = exporter.text("/hub/A").unwrap();
    assert!(
        page.contains("younger than <code>min_probe_interval</code> (1h)") && !page.contains("<button"),
        "{page}"
    );
}

#[test]
fn debug_shows_the_last_probes_and_how_to_try() {
    let (world, nodes, exporter) = serve("");
    exporter.text("/probe?hub=A").unwrap();
    let [node, other] = nodes;
    drop((node, other));
    exporter.text("/probe?hub=A").unwrap();
    let page = exporter.text("/hub/A?debug=1").unwrap();
    let command = format!("ssh -o BatchMode=yes -F {} N1 true", world.client.ssh_config().display());
    assert!(page.contains(&command), "{page}");
    let (_, probes) = page.split_once("Probes of N1").unwrap();
    let outcomes: Vec<&str> = probes
        .split("<tr role=\"row\"><td role=\"cell\">")
        .skip(1)
        .map(|row| row.split('<').next().unwrap())
        .collect();
    assert_eq!(outcomes, ["connect", "ok"]);
    assert!(page.contains("lists by <code>find</code> and <code>printf</code>"));
    let key = std::fs::read_to_string(world.client.key()).unwrap();
    assert!(!page.contains(key.lines().nth(1).unwrap()), "no secret is shown");
    assert!(!exporter.text("/hub/A").unwrap().contains("Probes of N1"), "only when it is asked for");
}

#[test]
fn names_are_text_in_pages_and_one_segment_in_addresses() {
    let (_world, _nodes, exporter) = serve("");
    exporter.text("/probe?hub=B").unwrap();
    let page = exporter.text("/hub/B").unwrap();
    assert!(!page.contains("<script>") && page.contains("&#60;script&#62;alert(1)&#60;"), "{page}");
    let plots: Vec<&str> =
        page.split("<img src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(plots.len(), ODD.len());
    for plot in plots {
        let response = exporter.get(plot).unwrap();
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some("image/svg+xml")),
            "{plot}"
        );
        let svg = response.text().unwrap();
        assert!(svg.contains("Sizes of 7 tarballs") && !svg.contains("<script"), "{svg}");
    }
    for path in [
        "/hub/",
        "/hub/Z",
        "/hub/A/N1",
        "/plot/",
        "/plot/A/N1/svn/none.svg",
        "/plot/A/N2/svn/env.svg",
        "/plot/A/N1/svn/env",
        "/plot/A/N1/svn/%ff.svg",
    ] {
        assert_eq!(exporter.get(path).unwrap().status, 404, "{path}");
    }
}

#[test]
fn plot_is_sent_once_for_each_report() {
    let (world, _nodes, exporter) = serve("");
    let path = "/plot/A/N1/svn/env.svg";
    assert!(exporter.text(path).unwrap().contains("No report yet."));
    exporter.text("/probe?hub=A").unwrap();
    let first = exporter.get(path).unwrap();
    let etag = first.header("etag").unwrap();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    for tags in [etag, "*", &format!("\"other\", {etag}")] {
        let again = exporter.get_with(path, &[("If-None-Match", tags)]).unwrap();
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag)), "{tags}");
    }
    assert_eq!(exporter.get(path).unwrap().body, first.body);
    let dark = exporter.get(&format!("{path}?theme=dark")).unwrap();
    assert_ne!(dark.header("etag"), Some(etag));

    world.tree("N1", "srv1").shrink_newest("svn/env", 40).unwrap();
    exporter.text("/probe?hub=A").unwrap();
    let next = exporter.get_with(path, &[("If-None-Match", etag)]).unwrap();
    assert_eq!(next.status, 200);
    assert_ne!(next.body, first.body);
}

#[test]
fn nothing_may_come_from_elsewhere() {
    let (_world, _nodes, exporter) = serve("");
    for path in ["/", "/hub/A", "/plot/A/N1/svn/env.svg", "/style.css", "/reader.js", "/icon.svg"] {
        let response = exporter.get(path).unwrap();
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let style = exporter.get("/style.css").unwrap();
    let tag = style.header("etag").unwrap();
    assert_eq!(exporter.get_with("/style.css", &[("If-None-Match", tag)]).unwrap().status, 304);
}
