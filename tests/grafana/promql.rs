//! What a query asks for, as far as the names in it go.

use std::collections::BTreeSet;

/// The names in a query.
#[derive(Debug, Default, PartialEq)]
pub struct Names {
    /// Each selector: the metric, and the labels that it matches.
    pub selectors: Vec<(String, BTreeSet<String>)>,
    /// Labels that it groups or matches by.
    pub groupings: BTreeSet<String>,
    /// Labels that it makes or alters, by `label_replace`.
    pub made: BTreeSet<String>,
}

const CLAUSES: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];

impl Names {
    /// Reads them from a query.
    pub fn of(query: &str) -> Self {
        let tokens = tokens(query);
        let mut names = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            let word = tokens[at].as_str();
            let next = tokens.get(at + 1).map_or("", String::as_str);
            at += 1;
            if !is_name(word) || OPERATORS.contains(&word) {
                continue;
            }
            if CLAUSES.contains(&word) && next == "(" {
                while tokens[at] != ")" {
                    names.groupings.extend(is_name(&tokens[at]).then(|| tokens[at].clone()));
                    at += 1;
                }
            } else if matches!(next, "(" | "by" | "without") || CLAUSES.contains(&word) {
                // A function, or an aggregation with its clause in front.
            } else {
                let mut labels = BTreeSet::new();
                if next == "{" {
                    while tokens[at] != "}" {
                        labels.extend(is_name(&tokens[at]).then(|| tokens[at].clone()));
                        at += 1;
                    }
                }
                names.selectors.push((word.to_owned(), labels));
            }
        }
        // label_replace(v, "to", "$1", "from", "regex"): the texts were taken out, so they are looked for in the query.
        for call in query.split("label_replace(").skip(1) {
            names.made.extend(call.split('"').nth(1).map(str::to_owned));
        }
        names
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
}

/// Names, numbers with their units, and single signs; texts and ranges in brackets left out.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => rest[1..].find('"').expect("a text ends") + 2,
            '[' => rest.find(']').expect("a range ends") + 1,
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | ':') => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        if !first.is_whitespace() && !matches!(first, '"' | '[') {
            tokens.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
    }
    tokens
}

#[test]
fn names_of_a_query_are_found() {
    let names = Names::of(
        "sum by (hub) (max_over_time(a{hub=\"$hub\", repo!=\"b\"}[5m])) / on (hub, node) group_left () label_replace(c, \"new\", \"\", \"\", \"\") > bool 2 or vector(0)",
    );
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names.selectors, [("a".to_owned(), set(&["hub", "repo"])), ("c".to_owned(), set(&[]))]);
    assert_eq!(names.groupings, set(&["hub", "node"]));
    assert_eq!(names.made, set(&["new"]));
}
