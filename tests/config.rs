//! Configurations as files: what loads, to what, and what is said about those that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scm_backup_exporter::config::{self, ConfigErrors, Loaded};
use scm_backup_exporter::inventory::{Connection, HostKeyChecking, Limits, Repo, Target};
use scm_backup_exporter::text::{Escaped, is_hidden};

const FIXTURES: &str = "tests/fixtures/config";

fn env(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/admin".to_owned())
}

fn load(files: &[PathBuf]) -> Result<Loaded, ConfigErrors> {
    config::load(files, &env)
}

fn parse(text: &str) -> Result<Loaded, ConfigErrors> {
    config::parse(&[(PathBuf::from("test.ini"), text.to_owned())], &env)
}

/// One configuration: a file, or every file of a directory in order.
struct Fixture {
    name: String,
    files: Vec<PathBuf>,
    /// What is to be taken off the paths in messages.
    folder: PathBuf,
    expected: PathBuf,
}

impl Fixture {
    fn shortened(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.display()), "")
    }
}

/// Every configuration below a folder, each of which must have its expectation beside it and the other way round.
fn fixtures(folder: &str, expectation: &str) -> Vec<Fixture> {
    let folder = Path::new(FIXTURES).join(folder);
    let listed = |path: &Path| {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    };
    let (expectations, inputs): (Vec<_>, Vec<_>) =
        listed(&folder).into_iter().partition(|path| path.extension().is_some_and(|end| end == expectation));
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let names = |paths: &[PathBuf]| paths.iter().map(stem).collect::<BTreeSet<_>>();
    assert_eq!(
        names(&inputs),
        names(&expectations),
        "inputs and .{expectation} files in {folder:?} must match"
    );
    inputs
        .into_iter()
        .map(|path| Fixture {
            name: stem(&path),
            expected: path.with_extension(expectation),
            folder: if path.is_dir() { path.clone() } else { folder.clone() },
            files: if path.is_dir() { listed(&path) } else { vec![path] },
        })
        .collect()
}

#[test]
fn every_rejected_config_gives_exactly_its_message() {
    let fixtures = fixtures("invalid", "err");
    assert!(fixtures.len() >= 60, "only {} kinds of fault are shown", fixtures.len());
    let mut wrong = String::new();
    for fixture in &fixtures {
        let expected = fs::read_to_string(&fixture.expected).unwrap();
        let actual = match load(&fixture.files) {
            Ok(_) => "it loads".to_owned(),
            Err(faults) => fixture.shortened(&faults.to_string()) + "\n",
        };
        if actual != expected {
            wrong += &format!("{}\nexpected:\n{expected}actual:\n{actual}\n", fixture.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_fault_names_the_line_it_stands_in() {
    for fixture in fixtures("invalid", "err") {
        // That is wrong with the file as a whole.
        if ["written-as-", "hub-section-missing", "empty-file"]
            .iter()
            .any(|start| fixture.name.starts_with(start))
        {
            continue;
        }
        for fault in load(&fixture.files).unwrap_err().faults() {
            let fault = fault.to_string();
            let (_, after) = fault.split_once(".ini:").unwrap();
            let line: usize = after.split(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{fault}"));
            let file = fixture.files.iter().find(|file| fault.starts_with(&*file.to_string_lossy())).unwrap();
            let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
            // As a fault shows it.
            let line = Escaped(text.lines().nth(line - 1).unwrap()).to_string();
            // Where it is about a key, that stands there, or the header of the section that lacks it.
            let Some((section, rest)) = after.split_once(": [").and_then(|(_, rest)| rest.split_once(']'))
            else {
                continue;
            };
            let key = rest.strip_prefix(' ').and_then(|rest| rest.split(':').next()).unwrap_or(section);
            assert!(line.contains(key) || line.contains(section), "{fault}: {line}");
        }
    }
}

#[test]
fn every_accepted_config_amounts_to_what_is_expected() {
    let fixtures = fixtures("valid", "txt");
    assert!(!fixtures.is_empty());
    for fixture in &fixtures {
        let expected = fs::read_to_string(&fixture.expected).unwrap();
        let text = config::check_text(&load(&fixture.files), &[]);
        assert_eq!(fixture.shortened(&text), expected, "{}", fixture.name);
    }
}

fn legacy(name: &str) -> PathBuf {
    Path::new(FIXTURES).join("legacy").join(name)
}

/// What ssh is told when a configuration says nothing but the host.
fn plain_connection(host: &str) -> Connection {
    Connection {
        host: host.to_owned(),
        user: None,
        port: None,
        key_filename: None,
        gateway: None,
        shell: "sh".to_owned(),
        timeout: Duration::from_secs(10),
        host_key_checking: HostKeyChecking::Strict,
        known_hosts: None,
        ssh_config: None,
        verbose: false,
    }
}

fn repos(labels: &str) -> BTreeSet<Repo> {
    labels.split_whitespace().map(Repo::from_label).collect()
}

#[test]
fn the_two_legacy_files_load_unchanged_in_either_order() {
    let (hubs, keys) = (legacy("libfab.cnf"), legacy("scm_monitor.cnf"));
    for files in [[hubs.clone(), keys.clone()], [keys, hubs]] {
        let loaded = load(&files).unwrap();
        let warnings: Vec<_> = loaded
            .warnings
            .iter()
            .map(|warning| warning.to_string().replace(&format!("{FIXTURES}/legacy/"), ""))
            .collect();
        assert_eq!(warnings.len(), 4, "{warnings:#?}");
        for expected in [
            "libfab.cnf:3: [HUB] G: has no section and is not monitored; add [G] with its `srvnode`, or remove the line",
            "libfab.cnf:4: [HUB] C2: has no section and is not monitored; add [C2] with its `srvnode`, or remove the line",
            "scm_monitor.cnf:3: [ZZ] dbpath, jspath: no longer used, because Prometheus keeps the history; remove them",
            "scm_monitor.cnf:11: [WW] dbpath, jspath: no longer used, because Prometheus keeps the history; remove them",
        ] {
            assert!(warnings.iter().any(|warning| warning == expected), "{expected} in {warnings:#?}");
        }

        let hubs = &loaded.inventory.hubs;
        assert_eq!(hubs.keys().collect::<Vec<_>>(), ["WW", "ZZ"]);
        let (ww, zz) = (&hubs["WW"], &hubs["ZZ"]);
        assert_eq!((ww.srvnode.as_str(), zz.srvnode.as_str()), ("cms02", "dayabay"));
        assert_eq!(zz.report_url.as_deref(), Some("http://dayabay.ihep.ac.cn:8080/e/scm/monitor/dayabay/"));
        assert_eq!(
            ww.message.as_deref(),
            Some("query the cms02 hub backup on cms01, as I do not have access to the SDU one")
        );
        assert_eq!((&zz.message, zz.email.len()), (&None, 0));

        let targets: Vec<_> =
            loaded.inventory.targets().map(|target| (&*target.hub, &*target.node)).collect();
        assert_eq!(targets, [("WW", "C"), ("ZZ", "SDU")]);
        let target = loaded.inventory.target("ZZ", "SDU").unwrap();
        let expected = Target {
            hub: "ZZ".to_owned(),
            node: "SDU".to_owned(),
            connection: Connection {
                timeout: Duration::from_secs(2),
                verbose: true,
                ..plain_connection("SDU")
            },
            root: "$SCM_FOLD/backup/dayabay".to_owned(),
            timezone: None,
            expected: Some(repos("svn/dybsvn tracs/dybsvn svn/dybaux tracs/dybaux")),
            limits: Limits::default(),
            repo_limits: [].into(),
            probe_timeout: Duration::from_secs(120),
            min_probe_interval: Duration::ZERO,
        };
        assert_eq!(**target, expected);
        assert_eq!(loaded.inventory.target("WW", "C").unwrap().expected.as_ref().unwrap().len(), 8);
    }
}

#[test]
fn every_key_reaches_its_place() {
    let loaded = load(&[Path::new(FIXTURES).join("valid/every-key.ini")]).unwrap();
    let hub = &loaded.inventory.hubs["ZZ"];
    assert_eq!(hub.email, ["a@example.org", "b@example.org"]);
    assert_eq!(hub.report_url.as_deref(), Some("http://web.example.org/dayabay/100%/%(x)s"));
    assert_eq!(hub.message.as_deref(), Some("costs $5, \"really\""));

    let target = loaded.inventory.target("ZZ", "SDU").unwrap();
    assert_eq!(
        target.connection,
        Connection {
            host: "sdu.example.org".to_owned(),
            user: Some("monitor".to_owned()),
            port: Some(22),
            key_filename: Some("/home/admin/.ssh/id_SDU".into()),
            gateway: Some("jump@bastion.example.org:2222".to_owned()),
            shell: "/opt/bin/bash".to_owned(),
            timeout: Duration::from_secs(2),
            host_key_checking: HostKeyChecking::AcceptNew,
            known_hosts: Some("/home/admin/.ssh/known_hosts".into()),
            ssh_config: Some("/etc/scm/ssh_config".into()),
            verbose: true,
        }
    );
    assert_eq!(target.root, "$BACKUPS/scm/backup/dayabay");
    assert_eq!(target.probe_timeout, Duration::from_secs(90 * 60));
    assert_eq!(target.min_probe_interval, Duration::from_secs(30));
    assert_eq!(target.expected, Some(repos("svn/dybsvn tracs/dybsvn")));
    let of_target = Limits {
        max_age: Some(Duration::from_secs(48 * 3600)),
        min_tarballs: Some(2),
        max_tarballs: Some(20),
        min_size_ratio: Some(0.5),
    };
    assert_eq!(target.limits, of_target);
    assert_eq!(*target.limits_of(&Repo::from_label("tracs/dybsvn")), of_target);
    let of_repo = Limits { max_age: None, min_tarballs: Some(4), ..of_target };
    assert_eq!(*target.limits_of(&Repo::from_label("svn/dybsvn")), of_repo);

    let inline = loaded.inventory.target("ZZ", "Z9").unwrap();
    assert_eq!((inline.connection.user.as_deref(), inline.connection.port), (Some("scm"), Some(229)));
    assert_eq!((inline.connection.host.as_str(), inline.root.as_str()), ("Z9", "/data/ZZ/backup/dayabay"));
    assert_eq!(inline.limits.max_age, Some(Duration::from_secs(36 * 3600)));
    let address = loaded.inventory.target("ZZ", "::1").unwrap();
    assert_eq!((address.connection.host.as_str(), address.root.as_str()), ("::1", "~/backup/dayabay"));
}

#[test]
fn the_nearest_section_wins() {
    let text = "[HUB]\nA = N M\nB = N\n\
                [ENV]\nscm_fold = /env\ntimezone = UTC\nmax_age = 1h\nmin_tarballs = 1\n\
                [A]\nsrvnode = a\nscm_fold = /hub\ntimezone = Asia/Tokyo\nmax_age = 2h\nmin_tarballs = 2\n\
                [B]\nsrvnode = b\n\
                [N]\nscm_fold = /node\ntimezone = Europe/Berlin\nmax_age = 3h\n\
                [repo svn/x]\nmax_age = 4h\nmin_tarballs = 4\n\
                [repo A:svn/x]\nmax_age = 5h\n";
    let inventory = parse(text).unwrap().inventory;
    let seen = |hub: &str, node: &str| {
        let target = inventory.target(hub, node).unwrap();
        let zone = target.timezone.as_ref().unwrap().iana_name().unwrap().to_owned();
        let hours =
            |limits: &Limits| (limits.max_age.unwrap().as_secs() / 3600, limits.min_tarballs.unwrap());
        let repo = target.limits_of(&Repo::from_label("svn/x"));
        (target.root.clone(), zone, hours(&target.limits), hours(repo))
    };
    assert_eq!(seen("A", "N"), ("/node/backup/a".into(), "Asia/Tokyo".into(), (3, 2), (5, 4)));
    assert_eq!(seen("A", "M"), ("/hub/backup/a".into(), "Asia/Tokyo".into(), (2, 2), (5, 4)));
    assert_eq!(seen("B", "N"), ("/node/backup/b".into(), "Europe/Berlin".into(), (3, 1), (4, 4)));
}

#[test]
fn targets_on_one_node_share_a_connection_unless_their_tags_differ() {
    let text = "[HUB]\nA = N\nB = N\nC = N:229\n[A]\nsrvnode = a\n[B]\nsrvnode = b\n[C]\nsrvnode = c\n";
    let inventory = parse(text).unwrap().inventory;
    let connection = |hub| &inventory.target(hub, "N").unwrap().connection;
    assert_eq!(connection("A"), connection("B"));
    assert_ne!(connection("A"), connection("C"));
}

#[test]
fn the_example_config_loads_without_a_warning() {
    let loaded = load(&[PathBuf::from("deploy/scm-backup-exporter.ini")]).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.inventory.targets().count(), 3);
    // What it calls a default is one.
    let target = loaded.inventory.target("ZZ", "SDU").unwrap();
    assert_eq!(target.limits, Limits::default());
    assert_eq!(target.connection, plain_connection("SDU"));
    assert_eq!(target.root, "$SCM_FOLD/backup/zz.example.org");
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_beside_the_others() {
    let bad = Path::new(FIXTURES).join("invalid/key-near-miss.ini");
    let faults = load(&["no/such/file.ini".into(), FIXTURES.into(), bad]).unwrap_err();
    let text = faults.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(
        lines[0],
        "no/such/file.ini: does not exist; create it, or name another file with --config.file"
    );
    assert!(lines[1].starts_with(&format!("{FIXTURES}: cannot be read: ")), "{text}");
    assert!(lines[2].ends_with("did you mean `select`?"), "{text}");

    let none = load(&[]).unwrap_err().to_string();
    assert_eq!(none, "--config.file: names no file; give the path of a configuration file");
}

#[test]
fn what_a_broken_line_hides_is_not_called_missing() {
    for text in [
        "[HUB]\nA = N\n[A]\nsrvnode a\n",
        "[HUB]\nA N\n[A]\nsrvnode = a\n[N]\nuser = scm\n",
        "[HUB]\nA = N:x\n[A]\nsrvnode = a\n[N]\nuser = scm\n",
        "[HUB\nA = N\n[A]\nsrvnode = a\n",
    ] {
        let faults = parse(text).unwrap_err();
        assert_eq!(faults.faults().len(), 1, "{text}{faults}");
    }
    let faults = parse("[HUB]\nA = N\n[A]\nsrvnode = a\nmessage = \"open\n[X]\nuser = scm\n").unwrap_err();
    assert_eq!(faults.faults().len(), 2, "an unrelated line hides nothing\n{faults}");
    let faults = parse("[HUB]\nZZ = ZZ\n[ZZ]\nsrvnode = zz\n").unwrap_err();
    assert_eq!((faults.faults().len(), faults.warnings()), (1, &[][..]), "{faults}");
}

#[test]
fn an_empty_variable_is_not_taken_for_a_value() {
    let text = "[HUB]\nA = N\n[A]\nsrvnode = $EMPTY\n";
    let source = [(PathBuf::from("test.ini"), text.to_owned())];
    let faults = config::parse(&source, &|_| Some(" ".to_owned())).unwrap_err().to_string();
    assert!(faults.contains("[A] srvnode: `$EMPTY` expands to nothing"), "{faults}");
}

/// Every fixture, and how many bytes long it is at most when damaged.
fn texts() -> Vec<Vec<u8>> {
    let mut files = vec![legacy("libfab.cnf"), legacy("scm_monitor.cnf")];
    files.extend(fixtures("valid", "txt").into_iter().flat_map(|fixture| fixture.files));
    files.extend(fixtures("invalid", "err").into_iter().flat_map(|fixture| fixture.files));
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn take_damaged(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Err(faults) = parse(&text) {
        let printed = faults.to_string();
        assert_eq!(printed.lines().count(), faults.faults().len(), "one line a fault: {printed}");
        assert!(!printed.contains(|c: char| is_hidden(c) && c != '\n'), "{printed:?}");
    }
}

#[test]
fn no_damage_to_a_file_makes_the_loader_panic() {
    const DAMAGE: &[u8] = b"[]=:%$(){}~'\"\\\n\r\t #;-@/.,0Z\x00\x1b\x7f\xff\xe9";
    let mut seed: u64 = 20_121_113;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for text in texts() {
        for end in (0..text.len()).step_by(1 + text.len() / 150) {
            take_damaged(&text[..end]);
        }
        for _ in 0..if text.is_empty() { 0 } else { 60 } {
            let mut damaged = text.clone();
            for _ in 0..=random(3) {
                let (at, byte) = (random(damaged.len()), DAMAGE[random(DAMAGE.len())]);
                if random(2) == 0 { damaged[at] = byte } else { damaged.insert(at, byte) }
            }
            take_damaged(&damaged);
        }
    }
}
