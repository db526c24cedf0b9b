//! The metrics and labels that dashboards and alerts hang on: these, and no others.

use std::collections::{BTreeMap, BTreeSet};

use scm_backup_exporter::metrics::Format;
use scm_backup_exporter::probe::failure::Reason;

use crate::scene::exposition;

const REPO: &[&str] = &["hub", "node", "repo"];
const TARGET: &[&str] = &["hub", "node"];

/// Every sample's name, with the labels that it always has.
const CONTRACT: &[(&str, &[&str])] = &[
    ("scm_backup_tarball_size_bytes", REPO),
    ("scm_backup_tarball_previous_size_bytes", REPO),
    ("scm_backup_tarball_timestamp_seconds", REPO),
    ("scm_backup_tarball_age_seconds", REPO),
    ("scm_backup_tarball_oldest_timestamp_seconds", REPO),
    ("scm_backup_tarballs", REPO),
    ("scm_backup_tarballs_size_bytes", REPO),
    ("scm_backup_tarball_verified", REPO),
    ("scm_backup_repo_expected", REPO),
    ("scm_backup_repo_status", REPO),
    ("scm_backup_max_age_seconds", REPO),
    ("scm_backup_min_tarballs", REPO),
    ("scm_backup_max_tarballs", REPO),
    ("scm_backup_min_size_ratio", REPO),
    ("scm_backup_probe_success", TARGET),
    ("scm_backup_probe_failure", &["hub", "node", "reason"]),
    ("scm_backup_probe_duration_seconds", &["hub", "node", "phase"]),
    ("scm_backup_probe_timestamp_seconds", TARGET),
    ("scm_backup_listing_records", TARGET),
    ("scm_backup_listing_rejects", TARGET),
    ("scm_backup_locked_timestamp_seconds", TARGET),
    ("scm_backup_filesystem_size_bytes", TARGET),
    ("scm_backup_filesystem_avail_bytes", TARGET),
    ("scm_backup_clock_offset_seconds", TARGET),
    ("scm_backup_hub_info", &["email", "hub", "message", "report_url", "srvnode"]),
    ("scm_backup_node_info", &["address", "hub", "listing", "node"]),
    ("scm_backup_config_last_reload_successful", &[]),
    ("scm_backup_config_last_reload_success_timestamp_seconds", &[]),
    ("scm_backup_exporter_build_info", &["version"]),
    ("scm_backup_ssh_sessions", &[]),
    ("scm_backup_web_logins_refused_total", &[]),
    ("process_cpu_seconds_total", &[]),
    ("process_open_fds", &[]),
    ("process_max_fds", &[]),
    ("process_virtual_memory_bytes", &[]),
    ("process_resident_memory_bytes", &[]),
    ("process_start_time_seconds", &[]),
];

/// One sample of an exposition.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The samples, read by the rules of the formats.
fn samples(exposition: &str) -> Vec<Sample> {
    exposition.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let at = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(at);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"").unwrap();
            let (value, behind) = unquoted(quoted);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        rest = &rest[1..];
    }
    Sample { name: name.to_owned(), labels, value: rest.trim().parse().unwrap() }
}

/// A label's value as it was before it was escaped, and what follows its quote.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                other => panic!("no such escape \\{other}"),
            }),
            c => value.push(c),
        }
    }
    panic!("no end of the value: {text}");
}

fn of<'a>(samples: &'a [Sample], name: &str) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| sample.name == name)
}

/// The value of a metric for one repo of a target; `None` when it has none.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = of(samples, name)
        .filter(|sample| labels.iter().all(|(label, value)| sample.labels[*label] == *value));
    let first = found.next().map(|sample| sample.value);
    assert!(found.next().is_none(), "{name} {labels:?} is not one series");
    first
}

#[test]
fn every_metric_of_the_contract_occurs_with_its_labels_and_no_other_does() {
    for format in [Format::OpenMetrics, Format::Text] {
        let mut found: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
        for sample in samples(&exposition(format)) {
            found.entry(sample.name).or_default().insert(sample.labels.into_keys().collect());
        }
        let labels =
            |labels: &[&str]| BTreeSet::from([labels.iter().map(|&label| label.to_owned()).collect()]);
        let wanted: BTreeMap<_, _> =
            CONTRACT.iter().map(|&(name, of)| (name.to_owned(), labels(of))).collect();
        assert_eq!(found, wanted, "{format:?}");
    }
}

#[test]
fn every_series_occurs_once() {
    let mut seen = BTreeSet::new();
    for sample in samples(&exposition(Format::OpenMetrics)) {
        assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {sample:?}");
    }
}

#[test]
fn both_formats_hold_the_same_samples_in_the_same_bytes() {
    let of = |format| {
        let text = exposition(format);
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(Format::OpenMetrics), of(Format::Text));
}

#[test]
fn values_are_what_the_nodes_printed() {
    let all = samples(&exposition(Format::OpenMetrics));
    let repo = |name: &str, node: &str, repo: &str| {
        value(&all, &format!("scm_backup_{name}"), &[("node", node), ("repo", repo)])
    };
    // 16:10:23 in Shanghai, and midnight there now.
    assert_eq!(repo("tarball_timestamp_seconds", "C", "svn/env"), Some(1_352_794_223.0));
    assert_eq!(repo("tarball_age_seconds", "C", "svn/env"), Some(28_177.0));
    assert_eq!(repo("tarball_size_bytes", "C", "svn/env"), Some(1_915_051_630.0));
    assert_eq!(repo("tarball_previous_size_bytes", "C", "svn/env"), Some(1_915_050_630.0));
    assert_eq!(repo("tarball_oldest_timestamp_seconds", "C", "svn/env"), Some(1_352_275_823.0));
    assert_eq!(repo("tarballs", "C", "svn/env"), Some(7.0));
    assert_eq!(repo("tarballs_size_bytes", "C", "svn/env"), Some(7.0 * 1_915_051_630.0 - 21_000.0));
    assert_eq!(
        (repo("tarball_verified", "C", "svn/env"), repo("repo_status", "C", "svn/env")),
        (Some(1.0), Some(0.0))
    );
    // Shrunk, and its sidecar says another size.
    assert_eq!(
        (repo("tarball_verified", "C", "tracs/heprez"), repo("repo_status", "C", "tracs/heprez")),
        (Some(0.0), Some(2.0))
    );
    // Missing: none, and nothing of a newest.
    assert_eq!(
        (repo("tarballs", "C", "tracs/env"), repo("tarballs_size_bytes", "C", "tracs/env")),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(
        (repo("tarball_size_bytes", "C", "tracs/env"), repo("repo_status", "C", "tracs/env")),
        (None, Some(2.0))
    );
    // No sidecars at all, and every limit off.
    assert_eq!(
        (repo("tarball_verified", "C", "folders/svnsetup"), repo("repo_status", "C", "folders/svnsetup")),
        (None, Some(0.0))
    );
    for limit in ["max_age_seconds", "min_tarballs", "max_tarballs", "min_size_ratio"] {
        assert_eq!(repo(limit, "C", "folders/svnsetup"), None);
        assert!(repo(limit, "NEW", "svn/env").is_some(), "before the first report");
    }
    assert_eq!(repo("max_age_seconds", "C", "svn/data"), Some(5400.0));
    // In transfer, and so excused.
    assert_eq!(
        (repo("tarball_verified", "H1", "tracs/env"), repo("repo_status", "H1", "tracs/env")),
        (Some(0.0), Some(0.0))
    );
    // Not seen in a listing that is not complete: nobody knows how many there are.
    assert_eq!(
        (repo("tarballs", "PKU", "tracs/env"), repo("repo_expected", "PKU", "tracs/env")),
        (None, Some(1.0))
    );
    // A report of half a day ago is still told, and its ages have grown.
    assert_eq!(repo("tarball_age_seconds", "SDU", "svn/dybsvn"), Some(49_777.0));
    assert_eq!(repo("repo_expected", "SDU", "svn/say \"hi\""), Some(0.0));
    assert_eq!(repo("tarballs", "SDU", r"tracs/back\x5cslash\xff\x09tab"), Some(1.0));
}

#[test]
fn target_without_a_report_has_only_its_limits_its_address_and_its_probes() {
    let all = samples(&exposition(Format::OpenMetrics));
    let names = |node: &str| -> BTreeSet<&str> {
        let of_node = all.iter().filter(|sample| sample.labels.get("node").is_some_and(|it| it == node));
        of_node.map(|sample| sample.name.trim_start_matches("scm_backup_")).collect()
    };
    let limits = ["max_age_seconds", "max_tarballs", "min_size_ratio", "min_tarballs"];
    let not_asked: BTreeSet<_> = limits.into_iter().chain(["node_info"]).collect();
    assert_eq!(names("NEW"), not_asked);
    let failed: BTreeSet<_> =
        not_asked.into_iter().chain(["probe_success", "probe_failure", "probe_duration_seconds"]).collect();
    assert_eq!(names("z9.example.org"), failed);
}

#[test]
fn reasons_are_the_closed_set_and_at_most_one_is_given() {
    let all = samples(&exposition(Format::OpenMetrics));
    for (node, wanted) in
        [("C", None), ("PKU", Some("permission")), ("z9.example.org", Some("resolve")), ("SDU", Some("auth"))]
    {
        let of_node: Vec<_> =
            of(&all, "scm_backup_probe_failure").filter(|sample| sample.labels["node"] == node).collect();
        let reasons: Vec<_> = of_node.iter().map(|sample| sample.labels["reason"].as_str()).collect();
        assert_eq!(reasons, Reason::ALL.map(Reason::as_str));
        let given: Vec<_> = of_node.iter().filter(|sample| sample.value != 0.0).collect();
        assert!(given.iter().all(|sample| sample.value == 1.0));
        assert_eq!(given.first().map(|sample| sample.labels["reason"].as_str()), wanted);
        assert!(given.len() <= 1);
    }
}

#[test]
fn any_text_survives_as_a_label() {
    for format in [Format::OpenMetrics, Format::Text] {
        let all = samples(&exposition(format));
        let hub = of(&all, "scm_backup_hub_info").next().unwrap();
        assert_eq!(hub.labels["message"], "The \"big\" one, in C:\\backup\nand a second line");
        assert_eq!(hub.labels["email"], "alice@example.org bob@example.org");
    }
}
