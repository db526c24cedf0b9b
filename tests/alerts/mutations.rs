//! Tests that cannot fail are worth nothing: each alert with its comparison turned round, its limit moved or its delay gone fails
//! its own tests.

use std::sync::Mutex;
use std::thread;

use super::{each_alert, promtool, rules};

/// The text of the rules with one alert altered, in each way that is worth trying.
fn mutants(text: &str) -> Vec<(String, String, String)> {
    let mut mutants = Vec::new();
    let starts: Vec<usize> = text.match_indices("      - alert: ").map(|(at, _)| at).collect();
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(text.len());
        let rule = &text[*start..end];
        let name = rule["      - alert: ".len()..].lines().next().unwrap();
        let expr = rule.find("        expr:").unwrap();
        let expr = expr..rule.find("        labels:").unwrap();
        for (from, to) in [
            ("> ", ">= "),
            ("< ", ">= "),
            ("== 0", "!= 0"),
            ("== 1\n", "== 0\n"),
            ("        for: ", "        for: 1"),
            ("unless on", "and on"),
        ] {
            let Some(at) = rule[expr.clone()].rfind(from).map(|at| at + expr.start) else { continue };
            let mutant = format!("{}{to}{}", &rule[..at], &rule[at + from.len()..]);
            // Of the other rules only those that record, which are the first.
            let mutant = mutant.split("  - name: ").next().unwrap();
            let whole = format!("{}{mutant}", &text[..starts[0]]);
            mutants.push((name.to_owned(), format!("{from:?} to {to:?}"), whole));
        }
    }
    mutants
}

#[test]
fn every_alert_that_is_altered_fails_its_tests() {
    let text = std::fs::read_to_string(rules::path()).unwrap();
    let mutants = mutants(&text);
    assert!(mutants.len() > 40, "{} mutants", mutants.len());
    let queue = Mutex::new(mutants);
    let survivors = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                std::fs::create_dir(directory.path().join("tests")).unwrap();
                loop {
                    let Some((name, what, rules)) = queue.lock().unwrap().pop() else { break };
                    std::fs::write(directory.path().join("scm-backup.rules.yml"), rules).unwrap();
                    let file = directory.path().join("tests/test.yml");
                    std::fs::copy(each_alert::file_of(&name), &file).unwrap();
                    if promtool::run(&["test", "rules"], &file).0 {
                        survivors.lock().unwrap().push(format!("{name}: {what}"));
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}
