//! Tests that cannot fail are worth nothing: each alert with its comparison turned round, its limit moved or its delay gone fails
//! its own tests.

use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use super::rules::{self, Rule};
use super::{each_alert, promtool};

/// What is done to an alert that has to pass its tests.
const UNALTERED: &str = "nothing";

/// A file of rules with one alert altered.
struct Mutant {
    alert: String,
    what: String,
    file: Value,
}

/// Each alert, altered in each way that is worth trying, and some as they are.
fn mutants() -> Vec<Mutant> {
    let (alerts, records): (Vec<Rule>, Vec<Rule>) =
        rules::all().into_iter().partition(|rule| rule.alert.is_some());
    let mut mutants = Vec::new();
    for (number, alert) in alerts.iter().enumerate() {
        // Of the other rules only those that record, and an alert of the same name.
        let namesakes = alerts.iter().enumerate().filter(|(other, _)| *other != number);
        let namesakes = namesakes.map(|(_, other)| other).filter(|other| other.name() == alert.name());
        let others: Vec<&Rule> = records.iter().chain(namesakes).collect();
        let has_namesake = others.len() > records.len();
        let mut add = |what: String, altered: Rule| {
            let rules: Vec<&Rule> = others.iter().copied().chain([&altered]).collect();
            let file = json!({"groups": [{"name": "scm-backup", "rules": rules}]});
            mutants.push(Mutant { alert: alert.name().to_owned(), what, file });
        };
        // That all pass as they are is tested elsewhere: here that this form of the file does not spoil them.
        if number == 0 || has_namesake {
            add(UNALTERED.to_owned(), alert.clone());
        }
        let lines = format!("{}\n", alert.expr.trim_end());
        for (from, to) in
            [("> ", ">= "), ("< ", ">= "), ("== 0", "!= 0"), ("== 1\n", "== 0\n"), ("unless on", "and on")]
        {
            let Some(at) = lines.rfind(from) else { continue };
            let expr = format!("{}{to}{}", &lines[..at], &lines[at + from.len()..]);
            add(format!("{from:?} to {to:?}"), Rule { expr, ..alert.clone() });
        }
        if let Some(wait) = &alert.wait {
            let longer = format!("1{wait}");
            add(format!("for: {wait} to {longer}"), Rule { wait: Some(longer), ..alert.clone() });
        }
    }
    mutants
}

#[test]
fn every_alert_that_is_altered_fails_its_tests() {
    let mutants = mutants();
    assert!(mutants.len() > 50, "{} mutants", mutants.len());
    let queue = Mutex::new(mutants);
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                std::fs::create_dir(directory.path().join("tests")).unwrap();
                loop {
                    let Some(mutant) = queue.lock().unwrap().pop() else { break };
                    let rules = directory.path().join("scm-backup.rules.yml");
                    std::fs::write(rules, mutant.file.to_string()).unwrap();
                    let file = directory.path().join("tests/test.yml");
                    std::fs::copy(each_alert::file_of(&mutant.alert), &file).unwrap();
                    let passes = promtool::run(&["test", "rules"], &file).0;
                    if passes != (mutant.what == UNALTERED) {
                        faults.lock().unwrap().push(format!("{}: {}", mutant.alert, mutant.what));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
