//! promtool, which evaluates the rules over series that are given.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The labels of one sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// Runs promtool; whether it was content, and all that it said.
pub(crate) fn run(arguments: &[&str], file: &Path) -> (bool, String) {
    let promtool = testbed::tool::find("promtool").unwrap();
    // Little garbage at a time: it spends a third of its time on it else.
    let mut command = Command::new(promtool);
    let output = command.env("GOGC", "800").args(arguments).arg(file).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What the rules make of some series.
#[derive(Debug)]
pub(crate) struct Evaluation {
    /// Seconds from one evaluation to the next, which is also how far the samples lie apart.
    pub(crate) step: i64,
    /// The series, each with its values as promtool reads them.
    pub(crate) series: Vec<(String, String)>,
    questions: Vec<(String, i64)>,
    /// Further rules, as the text of a file.
    pub(crate) more_rules: Option<String>,
}

impl Evaluation {
    pub(crate) fn new(step: i64, series: Vec<(String, String)>) -> Self {
        Self { step, series, questions: Vec::new(), more_rules: None }
    }

    /// Asks what an expression comes to at a time.
    pub(crate) fn ask(&mut self, expression: &str, at: i64) {
        self.questions.push((expression.to_owned(), at));
    }

    /// The answers, in the order of the questions.
    ///
    /// promtool has no command that evaluates rules over given series and tells what came out; but a test that
    /// expects something else fails and shows it. So every question expects what cannot be.
    pub(crate) fn answers(&self) -> Vec<Vec<Labels>> {
        let questions: Vec<Value> = self
            .questions
            .iter()
            .map(|(expression, at)| {
                let never = [json!({"labels": "never{}", "value": 1})];
                json!({"expr": expression, "eval_time": format!("{at}s"), "exp_samples": never})
            })
            .collect();
        let series: Vec<Value> =
            self.series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
        let step = format!("{}s", self.step);
        let test = json!({"interval": step, "input_series": series, "promql_expr_test": questions});
        let mut groups = vec!["scm-backup", "scm-backup-exporter"];
        groups.extend(self.more_rules.as_ref().map(|_| "test"));
        let directory = tempfile::tempdir().unwrap();
        let mut rule_files = vec![super::rules::path()];
        if let Some(more) = &self.more_rules {
            rule_files.push(directory.path().join("rules.yml"));
            std::fs::write(&rule_files[1], more).unwrap();
        }
        let whole = json!({
            "rule_files": rule_files,
            "evaluation_interval": step,
            // Else the groups of several files come in any order.
            "group_eval_order": groups,
            "tests": [test],
        });
        let file = directory.path().join("test.yml");
        std::fs::write(&file, whole.to_string()).unwrap();
        let (content, said) = run(&["test", "rules"], &file);
        assert!(!content || self.questions.is_empty(), "promtool answers none of the questions: {said}");
        let answers: Vec<_> =
            said.lines().filter_map(|line| line.trim().strip_prefix("got:")).map(samples).collect();
        let mut faults = String::new();
        for line in said.lines().filter(|line| line.contains("rror")).take(5) {
            let _ = writeln!(faults, "{line}");
        }
        assert!(
            answers.len() == self.questions.len() && faults.is_empty(),
            "{} questions, {} answers: {faults}{}",
            self.questions.len(),
            answers.len(),
            said.chars().take(3000).collect::<String>()
        );
        answers
    }
}

/// `{a="b", c="d"} 1E+00, {…} 2E+00`, or `nil`: the labels of the samples, which are all that is asked for.
fn samples(text: &str) -> Vec<Labels> {
    let mut samples = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        let mut labels = Labels::new();
        while !rest.starts_with('}') {
            let (name, after) = rest.split_once('=').unwrap();
            let end = end_of_quoted(after);
            labels.insert(name.to_owned(), serde_json::from_str(&after[..end]).unwrap());
            rest = after[end..].trim_start_matches(", ");
        }
        samples.push(labels);
    }
    samples
}

/// How long the quoted text is that begins here.
fn end_of_quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    panic!("a quote that does not end: {text}");
}

#[test]
fn promtool_shows_the_samples_that_are_asked_for() {
    let series = vec![(r#"x{a="b, {c\"",d="1"}"#.to_owned(), "1+0x3".to_owned())];
    let mut evaluation = Evaluation::new(60, series);
    for (expression, at) in [("x", 60), ("x or vector(1)", 120), ("x > 1", 120)] {
        evaluation.ask(expression, at);
    }
    let answers = evaluation.answers();
    assert_eq!(answers[0][0]["a"], "b, {c\"");
    assert_eq!([answers[0].len(), answers[1].len(), answers[2].len()], [1, 2, 0]);
}
