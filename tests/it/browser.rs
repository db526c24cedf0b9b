//! The pages in a real browser: what a reader sees, and what the browser has to complain of.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use scm_backup_exporter::config::Loaded;
use scm_backup_exporter::exporter;
use scm_backup_exporter::http::{self, App};
use scm_backup_exporter::inventory::Inventory;
use scm_backup_exporter::probe::runtime_dir::RuntimeDir;
use testbed::browser::Reader;
use testbed::demo::Pace;
use testbed::tree::Nights;
use testbed::{Browser, Demo, Exporter, Sshd, poll};
use tokio_util::sync::CancellationToken;

use crate::world::{PATIENT, World, ZONE, program};

const READERS: [Reader; 4] = [
    Reader { width: 1200, dark: false },
    Reader { width: 1200, dark: true },
    Reader { width: 380, dark: false },
    Reader { width: 380, dark: true },
];

/// A name that is markup, as a repo's directory.
const MARKUP: &str = "<script>alert(1)<";

/// Hub A is well; B has a repo named like a script, a shrunk and a missing one, and a night without a tarball; C has a
/// node that nobody answers for; D has 200 repos on one node.
fn serve() -> (World, [Sshd; 3], Exporter) {
    let mut world = World::new();
    world.good_tree("WELL", "srv1");
    let unwell = world.good_tree("UNWELL", "srv2");
    unwell.shrink_newest("svn/env", 40).unwrap();
    unwell.drop_repo("tracs/env").unwrap();
    unwell.repo(&format!("svn/{MARKUP}"), &Nights::default()).unwrap();
    let many = world.tree("MANY", "srv4");
    for n in 0..200 {
        many.repo(&format!("svn/repo{n:03}"), &Nights::default().count(3)).unwrap();
    }
    let nodes = ["WELL", "UNWELL", "MANY"].map(|node| world.sshd(node));
    // Port 1 is nobody's.
    world.know("AWAY", &SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    world.hub("A", "srv1").hub("C", "srv3");
    world.sections(&format!("[hub B]\nsrvnode = srv2\ntimezone = {ZONE}\nmessage = </p><b>Ask Lin & wait"));
    world.sections(&format!("[hub D]\nsrvnode = srv4\ntimezone = {ZONE}"));
    let config = world.write("A = WELL\nB = UNWELL\nC = AWAY\nD = MANY", PATIENT);
    let exporter = world.serve(&config);
    (world, nodes, exporter)
}

fn pictures() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Opens a page as every reader and asserts that nothing is wrong with it; leaves pictures for a person to look at.
#[track_caller]
fn assert_sound(browser: &mut Browser, exporter: &Exporter, path: &str, name: &str) {
    assert_page_sound(browser, exporter.address(), path, name);
}

#[track_caller]
fn assert_page_sound(browser: &mut Browser, address: SocketAddr, path: &str, name: &str) {
    let site = format!("http://{address}");
    for reader in READERS {
        browser.become_reader(reader).unwrap();
        browser.open(&format!("{site}{path}")).unwrap();
        let theme = if reader.dark { "dark" } else { "light" };
        browser.picture(reader, &pictures().join(format!("{name}-{}-{theme}.png", reader.width))).unwrap();
        assert_eq!(browser.complaints(), [] as [String; 0], "{path} as {reader:?}");
        let others: Vec<_> =
            browser.requests().into_iter().filter(|url| !url.starts_with(&format!("{site}/"))).collect();
        assert_eq!(others, [] as [String; 0], "{path}");
        let faults = browser.evaluate(include_str!("accessible.js")).unwrap();
        assert_eq!(faults, serde_json::json!([]), "{path} as {reader:?}");
    }
}

/// The site of an empty configuration, in this process: the program itself refuses to start with one.
struct Empty {
    address: SocketAddr,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Empty {
    fn serve() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (listener, site) = runtime.block_on(async {
            let loaded = Loaded { inventory: Inventory::default(), warnings: Vec::new() };
            let exporter = exporter::Exporter::new(Vec::new(), loaded, RuntimeDir::create().unwrap(), 1);
            let site = App::new(Arc::new(exporter.unwrap()), "/metrics".to_owned(), 10).unwrap();
            (http::bind("127.0.0.1:0").await.unwrap(), Arc::new(site))
        });
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let until = stop.clone();
        let serving = thread::spawn(move || runtime.block_on(http::serve(vec![listener], site, until)));
        Self { address, stop, serving: Some(serving) }
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        self.stop.cancel();
        let ended = self.serving.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// The rows of the front page's first table: state and name of each hub, as they stand in the page.
fn hubs(browser: &mut Browser) -> serde_json::Value {
    let rows = "[...document.querySelector('table').tBodies[0].rows]";
    let name = "row.querySelector('.state').textContent + ' ' + row.querySelector('th').textContent";
    browser.evaluate(&format!("{rows}.map(row => {name})")).unwrap()
}

#[test]
fn demo_shows_which_hub_is_in_trouble_and_why_and_what_to_type() {
    let demo = Demo::start(program(), Pace::CHECK).unwrap();
    demo.exporter().text("/metrics").unwrap();
    let mut browser = Browser::start().unwrap();
    for (path, name) in [
        ("/", "demo"),
        ("/hub/C2", "demo-C2"),
        ("/hub/G", "demo-G"),
        ("/hub/WW", "demo-WW"),
        ("/hub/ZZ", "demo-ZZ"),
    ] {
        assert_sound(&mut browser, demo.exporter(), path, name);
    }
    browser.open(&demo.exporter().url("/")).unwrap();
    assert_eq!(hubs(&mut browser), serde_json::json!(["alarm C2", "ok G", "ok WW", "ok ZZ"]));
    let said = browser.evaluate("document.querySelector('main').innerText").unwrap();
    for words in [
        "Hub C2 is not well; the other 3 are.",
        "repos/env: newest is ",
        "tracs/heprez: missing: expected, but there is no tarball",
        // Twelve days and a part of one, or thirteen: by the time of day.
        "repos/aberdeen, repos/env, repos/heprez and 5 more: newest is 1",
        "ssh_config C ls -l /",
        "/cms01/tracs",
    ] {
        assert!(said.as_str().unwrap().contains(words), "{words} is not in {said}");
    }
    drop(browser);
    demo.end().unwrap();
}

#[test]
fn pages_are_sound_before_the_first_probe_and_after_it() {
    let (_world, nodes, exporter) = serve();
    let mut browser = Browser::start().unwrap();
    assert_sound(&mut browser, &exporter, "/", "front-before");
    assert_sound(&mut browser, &exporter, "/hub/B", "hub-before");
    assert!(nodes.iter().all(|node| node.connections() == 0), "a page probes nothing");

    exporter.text("/metrics").unwrap();
    assert_sound(&mut browser, &exporter, "/", "front");
    browser.become_reader(READERS[0]).unwrap();
    browser.open(&exporter.url("/")).unwrap();
    assert_eq!(hubs(&mut browser), serde_json::json!(["alarm B", "unseen C", "ok A", "ok D"]), "worst first");
    for (hub, name) in [("A", "well"), ("B", "trouble"), ("C", "away")] {
        assert_sound(&mut browser, &exporter, &format!("/hub/{hub}"), name);
        assert_sound(&mut browser, &exporter, &format!("/hub/{hub}?debug=1"), &format!("{name}-debug"));
    }
    assert_sound(&mut browser, &exporter, "/hub/D", "many");
    assert_eq!(browser.evaluate("document.images.length").unwrap(), 200);
}

#[test]
fn page_of_an_empty_configuration_is_sound_and_says_that_there_is_nothing() {
    let site = Empty::serve();
    let mut browser = Browser::start().unwrap();
    assert_page_sound(&mut browser, site.address, "/", "empty");
    let said = browser.evaluate("document.querySelector('main').innerText").unwrap();
    assert!(said.as_str().unwrap().contains("No hub is configured."), "{said}");
    assert_eq!(browser.evaluate("document.querySelectorAll('table, img').length").unwrap(), 0);
}

#[test]
fn probe_now_probes_and_comes_back_to_the_page() {
    let (_world, nodes, exporter) = serve();
    let mut browser = Browser::start().unwrap();
    browser.open(&exporter.url("/hub/A")).unwrap();
    assert!(browser.evaluate("document.querySelectorAll('tbody tr').length").unwrap() == 0);
    browser.follow("form button").unwrap();
    assert_eq!(nodes[0].sessions(), 1);
    assert_eq!(browser.complaints(), [] as [String; 0]);
    let place = browser.evaluate("location.pathname + location.hash").unwrap();
    assert_eq!(place, "/hub/A#node-WELL");
    assert_eq!(browser.evaluate("document.querySelectorAll('tbody tr').length").unwrap(), 2);
    assert!(nodes[1..].iter().all(|node| node.connections() == 0));
}

#[test]
fn plot_is_a_picture_that_stands_alone() {
    let (_world, _nodes, exporter) = serve();
    exporter.text("/probe?hub=B").unwrap();
    let mut browser = Browser::start().unwrap();
    browser.open(&exporter.url("/plot/B/UNWELL/svn/env.svg")).unwrap();
    assert_eq!(browser.complaints(), [] as [String; 0]);
    assert_eq!(browser.requests().len(), 1);
    let words = browser.evaluate("document.querySelector('desc').textContent").unwrap();
    assert!(words.as_str().unwrap().starts_with("Sizes of 7 tarballs from "), "{words}");

    browser.open(&exporter.url("/hub/B")).unwrap();
    let name = format!("svn/{MARKUP}");
    let of_markup = format!("[...document.images].find(image => image.alt.startsWith({name:?}))");
    let shown = poll::until("the plot of a repo named like a script is drawn", || {
        let width = browser.evaluate(&format!("{of_markup}.scrollIntoView(), {of_markup}.naturalWidth"))?;
        Ok((width != 0).then_some(width))
    });
    assert_eq!(shown.unwrap(), 480);
    browser.evaluate(&format!("{of_markup}.closest('a').id = 'it'")).unwrap();
    browser.follow("#it").unwrap();
    let title = browser.evaluate("document.querySelector('title').textContent").unwrap();
    assert_eq!(title, format!("hub B, node UNWELL: {name}"));
}

#[test]
fn newest_stamps_are_in_the_hubs_zone_and_in_the_readers_own() {
    let mut world = World::new();
    let tree = world.good_tree("N1", "srv1");
    let _node = world.sshd("N1");
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    let exporter = world.serve(&config);
    exporter.text("/metrics").unwrap();
    let hubs_time = tree.last_night().unwrap();
    let at = hubs_time.in_tz(ZONE).unwrap();
    let mut browser = Browser::start().unwrap();
    for zone in ["America/St_Johns", "Pacific/Auckland"] {
        browser.move_to(zone).unwrap();
        browser.open(&exporter.url("/hub/A")).unwrap();
        let shown =
            browser.evaluate("document.querySelector('time.reader').closest('td').textContent").unwrap();
        let readers_time = at.in_tz(zone).unwrap().strftime("%Y-%m-%d %H:%M").to_string();
        let hubs_time = hubs_time.strftime("%Y-%m-%d %H:%M");
        assert_eq!(shown, format!("{hubs_time} {readers_time} your time"), "{zone}");
        assert_eq!(browser.complaints(), [] as [String; 0]);
    }
}
