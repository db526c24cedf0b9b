//! A real Prometheus with thirty days of history answers every query, for every hub.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use serde_json::Value;
use testbed::Prometheus;

use crate::dashboard::{Dashboard, Panel, list, text};
use crate::history;
use crate::scene::{DAY, DAYS, HUBS};

/// When the thirty days are over.
const END: i64 = 1_790_000_000;

/// How far back people look: an hour, the thirty days, and a year.
const RANGES: [i64; 3] = [3600, DAYS * DAY, 365 * DAY];

/// About as many points as a wide panel has.
const POINTS: i64 = 800;

/// Of `interval` in the queries.
pub const SMALLEST_STEP: i64 = 120;

fn prometheus() -> Prometheus {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut out = BufWriter::new(File::create(file.path()).unwrap());
    history::write(&mut out, END, DAYS).unwrap();
    out.flush().unwrap();
    drop(out);
    file.flush().unwrap();
    Prometheus::start_with_history(file.path()).unwrap()
}

/// The expression as Grafana sends it.
pub fn substituted(expression: &str, hub: &str, nodes: &str, step: i64) -> String {
    // max($__interval + smallest step, 4 * smallest step)
    let rate = (step + SMALLEST_STEP).max(4 * SMALLEST_STEP);
    let sent = expression
        .replace("$__rate_interval", &format!("{rate}s"))
        .replace("$__interval", &format!("{step}s"))
        .replace("$hub", hub)
        .replace("$node", nodes);
    assert!(!sent.contains('$'), "a variable is left: {sent}");
    sent
}

/// What `$node` may be: all of them, and in a row that is repeated, each.
fn choices(panel: &Panel<'_>, nodes: &[&str]) -> Vec<String> {
    let each = nodes.iter().map(|node| (*node).to_owned());
    match panel.repeated_by {
        Some(variable) => {
            assert_eq!(variable, "node");
            each.collect()
        }
        None => std::iter::once(".*".to_owned()).chain(each).collect(),
    }
}

/// What the queries of a panel answer to nobody, in words.
fn unanswered(prometheus: &Prometheus, panel: &Panel<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for hub in &HUBS {
        for nodes in choices(panel, hub.nodes) {
            for target in panel.targets() {
                let expression = text(&target["expr"]);
                let place = format!("{panel}, {}, hub {}, node {nodes}", target["refId"], hub.name);
                if target["instant"] == true {
                    let sent = substituted(expression, hub.name, &nodes, SMALLEST_STEP);
                    match prometheus.query_at(&sent, END) {
                        Ok(samples) if samples.is_empty() => faults.push(format!("{place}: no data: {sent}")),
                        Ok(_) => {}
                        Err(error) => faults.push(format!("{place}: {error:#}")),
                    }
                    continue;
                }
                for range in RANGES {
                    let step = (range / POINTS).max(SMALLEST_STEP);
                    let sent = substituted(expression, hub.name, &nodes, step);
                    // Of a year, the thirty days have data. Of the samples of the history, which lie farther apart than
                    // real ones, not every window holds the two that a rate is made of.
                    let wanted = range.min((DAYS - 2) * DAY) / step * 2 / 3;
                    match prometheus.count_range(&sent, END - range, END, step) {
                        Ok((_, points)) if points as i64 >= wanted => {}
                        Ok((series, points)) => {
                            faults.push(format!(
                                "{place}, {range} s: {points} points of {series} series: {sent}"
                            ));
                        }
                        Err(error) => faults.push(format!("{place}, {range} s: {error:#}")),
                    }
                }
            }
            // The others ask the same whatever the hub is.
            if !panel.targets().iter().any(|target| text(&target["expr"]).contains("$hub")) {
                return faults;
            }
        }
    }
    faults
}

/// What a column of a table says of each repo of C2, as `repo on node`.
fn column(prometheus: &Prometheus, id: &str, shown: &str) -> BTreeMap<String, String> {
    let dashboards = Dashboard::all();
    let hub = dashboards.iter().find(|dashboard| dashboard.uid() == "scm-backup-hub").unwrap();
    let panels = hub.panels();
    let repos = panels.iter().find(|panel| panel.title() == "Repos").unwrap();
    let target = repos.targets().iter().find(|target| target["refId"] == id).unwrap();
    let column = repos.fields().1.iter().find(|field| field["matcher"]["options"] == shown).unwrap();
    let words = list(&column["properties"]).iter().find(|property| property["id"] == "mappings").unwrap();
    let word = |value: f64| -> &Value { &words["value"][0]["options"][value.to_string()]["text"] };
    let sent = substituted(text(&target["expr"]), "C2", ".*", SMALLEST_STEP);
    let samples = prometheus.query_at(&sent, END).unwrap();
    samples
        .iter()
        .map(|sample| {
            let place = format!("{} on {}", sample.label("repo"), sample.label("node"));
            (place, text(word(sample.value)).to_owned())
        })
        .collect()
}

#[track_caller]
fn assert_says(said: &BTreeMap<String, String>, wanted: &[(&str, &str)]) {
    assert_eq!(said.len(), 8, "{said:?}");
    for (place, word) in wanted {
        assert_eq!(said[*place], *word, "{place}");
    }
}

// One test, since the history is made once.
#[test]
fn every_query_has_an_answer_for_every_hub_and_the_table_tells_what_is_wrong() {
    let prometheus = prometheus();
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels() {
            faults.extend(unanswered(&prometheus, &panel));
        }
        for (place, expression) in dashboard.expressions() {
            let sent = substituted(&expression, "C2", ".*", SMALLEST_STEP);
            if prometheus.query_at(&sent, END).unwrap().is_empty() {
                faults.push(format!("{place}: no data"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let state = column(&prometheus, "state", "State");
    let states = [
        ("svn/env on C", "Alarm"),
        ("tracs/heprez on C", "Alarm"),
        ("svn/heprez on C", "OK"),
        ("svn/env on H1", "Alarm, last seen"),
    ];
    assert_says(&state, &states);
    let what = [
        ("svn/env on C", "cut short"),
        ("tracs/heprez on C", "none held"),
        ("svn/heprez on C", "–"),
        ("svn/env on H1", "too old"),
    ];
    assert_says(&column(&prometheus, "why", "What"), &what);
}

#[test]
fn variables_are_substituted_as_grafana_does() {
    assert_eq!(
        substituted("a{h=\"$hub\",n=~\"$node\"}[$__rate_interval]", "C2", ".*", 120),
        "a{h=\"C2\",n=~\".*\"}[480s]"
    );
    assert_eq!(substituted("[$__interval] [$__rate_interval]", "", "", 3600), "[3600s] [3720s]");
}
