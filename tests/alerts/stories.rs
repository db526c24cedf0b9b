//! Failure stories: what happens on the nodes, hour by hour, and exactly which mails that gives.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;

use super::events::{Events, time};
use super::mails::Mails;
use super::world::{Size, World};
use super::{agreement, rules};

/// Prometheus' interval in the stories.
const STEP: i64 = 600;

struct Story {
    name: String,
    until: i64,
    table: String,
    mails: Vec<String>,
}

/// A story is a file: a remark, the table, a line of `until TIME`, and the mails.
fn read(path: PathBuf) -> Story {
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let table: Vec<&str> = lines().take_while(|line| !line.starts_with("until ")).collect();
    let rest: Vec<&str> = lines().skip(table.len()).collect();
    Story {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        until: time(rest[0].strip_prefix("until ").unwrap()),
        table: table.join("\n"),
        mails: rest[1..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect(),
    }
}

fn all() -> Vec<Story> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/alerts/stories");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

/// What is wrong with a story; nothing when all is as told.
fn faults(story: &Story) -> Vec<String> {
    let day = jiff::civil::date(2026, 1, 12);
    let events = Events::parse(&story.table);
    // An hour before anything happens.
    let from = (events.first().unwrap() - 3600).max(0) / 3600 * 3600;
    let world = World::new(day, Size { hubs: 1, repos: 2 }, STEP, events);
    let mut evaluation = world.evaluation(from, story.until);
    let times: Vec<i64> = (from..=story.until).step_by(STEP as usize).collect();
    evaluation.more_rules = Some(agreement::rule_file());
    for at in &times {
        evaluation.ask("ALERTS{alertstate=\"firing\"}", at - from);
        evaluation.ask(agreement::DIFFERENCE, at - from);
    }
    let mut mails = Mails::new();
    let mut faults = Vec::new();
    for (at, answers) in times.iter().zip(evaluation.answers().chunks(2)) {
        mails.at(*at, &answers[0]);
        if !answers[1].is_empty() && faults.len() < 5 {
            faults.push(format!("verdict and rules differ at {at} s: {:?}", answers[1]));
        }
    }
    if mails.lines != story.mails {
        faults.push(format!("the mails are\n>   {}", mails.lines.join("\n>   ")));
        faults.push(format!("they should be\n>   {}", story.mails.join("\n>   ")));
    }
    faults.into_iter().map(|fault| format!("{}: {fault}", story.name)).collect()
}

#[test]
fn every_story_gives_exactly_its_mails_and_the_verdict_agrees_with_the_rules() {
    let stories = all();
    assert!(stories.len() >= 30, "{} stories", stories.len());
    let parts = stories.chunks(stories.len().div_ceil(2));
    let faults: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(|| part.iter().flat_map(faults).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_alert_is_told_in_some_story() {
    let told: BTreeSet<String> = all()
        .iter()
        .flat_map(|story| &story.mails)
        .map(|mail| {
            let words = mail.split(' ').skip_while(|word| !["critical", "warning"].contains(word));
            words.take(2).collect::<Vec<_>>().join(" ")
        })
        .collect();
    for rule in rules::alerts() {
        let name = rule.name().trim_start_matches("ScmBackup");
        if name != "Heartbeat" {
            assert!(
                told.contains(&format!("{} {name}", rule.severity())),
                "no story of {name}, {}",
                rule.severity()
            );
        }
    }
}
