//! Limits in words.

use std::cmp::Reverse;

use super::view::ReportView;
use crate::human::Limit;
use crate::inventory::Limits;

/// What a repo is held to, in words.
pub(crate) fn limits_in_words(limits: &Limits) -> String {
    let held = match (limits.min_tarballs, limits.max_tarballs) {
        (Some(min), Some(max)) => Some(format!("{min} to {max} held")),
        (Some(min), None) => Some(format!("at least {min} held")),
        (None, Some(max)) => Some(format!("at most {max} held")),
        (None, None) => None,
    };
    let age = limits.max_age.map(|age| format!("newest at most {} old", Limit(age)));
    let ratio =
        limits.min_size_ratio.map(|ratio| format!("newest at least {ratio} of the largest of 3 before it"));
    let words: Vec<String> = [age, held, ratio].into_iter().flatten().collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The limits in force in words, those of most repos first, each with the repos that they are for where there are several.
pub(crate) fn limits_in_force(report: &ReportView) -> Vec<(String, String)> {
    let mut groups: Vec<(&Limits, Vec<&str>)> = Vec::new();
    for repo in &report.repos {
        match groups.iter_mut().find(|(limits, _)| **limits == repo.limits) {
            Some((_, repos)) => repos.push(repo.repo.as_str()),
            None => groups.push((&repo.limits, vec![repo.repo.as_str()])),
        }
    }
    groups.sort_by_key(|(_, repos)| Reverse(repos.len()));
    let named = |(at, (limits, repos)): (usize, (&Limits, Vec<&str>))| match at {
        0 => (limits_in_words(limits), String::new()),
        _ => (limits_in_words(limits), format!(" of {}", repos.join(", "))),
    };
    groups.into_iter().enumerate().map(named).collect()
}
