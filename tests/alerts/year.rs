//! A year in which nothing is wrong: no mail but the heartbeat.
//!
//! Two hubs with two nodes each and three repos, in Berlin, through both changes of the clock; nights that are late, restarts of the
//! exporter, short cuts of the network. One scrape and one evaluation every half hour, which is what the memory of the
//! rules spans; two halves with some days in both run side by side.

use std::fmt::Write as _;
use std::thread;

use jiff::civil::{Date, date};

use super::events::Events;
use super::world::{Size, World};

const STEP: i64 = 1800;
const DAY: i64 = 86400;

/// What ordinary days bring, from a sequence that is always the same.
fn ordinary_days(days: i64) -> Events {
    // Of hub B nothing is expected by name.
    let mut table = "always | B | no select\n".to_owned();
    let mut state = 42_u64;
    let mut throw = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    for day in 0..days {
        let hour = day * 24;
        if throw(4) == 0 {
            let (hub, minutes) = (["A", "B"][throw(2) as usize], 10 + throw(80));
            let _ = writeln!(table, "{hour}h-{}h | {hub} N{} | late {minutes}m", hour + 12, 1 + throw(2));
        }
        if throw(10) == 0 {
            let _ = writeln!(table, "{hour}h-{}h | * | late 60m", hour + 12);
        }
        if throw(7) == 0 {
            // One scrape is missed, and the reports are lost.
            let at = hour + throw(24) as i64;
            let _ = writeln!(table, "{at}:00-{at}:20 | exporter | down");
        }
        if throw(3) == 0 {
            let at = hour + throw(24) as i64;
            let place = ["A N1", "A N2", "B N1", "B N2", "*"][throw(5) as usize];
            let reason = ["timeout", "connect", "resolve"][throw(3) as usize];
            let _ = writeln!(table, "{at}:20-{at}:50 | {place} | unreachable {reason}");
        }
    }
    Events::parse(&table)
}

/// Lives from one day to another and says what fired, or was about to for as long as it never should be.
fn unrest(first: Date, last: Date) -> Vec<String> {
    let days = i64::from(first.until(last).unwrap().get_days());
    let until = days * DAY;
    let world = World::new(first, Size { hubs: 2, repos: 3 }, STEP, ordinary_days(days));
    let mut evaluation = world.evaluation(0, until);
    let range = format!("[{until}s]");
    let questions = [
        format!("count_over_time(ALERTS{{alertstate=\"firing\",alertname!=\"ScmBackupHeartbeat\"}}{range})"),
        // What is ordinary is over within the length of a late transfer.
        format!("max_over_time(count_over_time(ALERTS{{alertstate=\"pending\"}}[3h])[{until}s:30m]) > 5"),
        // These are to be there: the heartbeat all the time, and every repo.
        format!("count_over_time(ALERTS{{alertname=\"ScmBackupHeartbeat\"}}{range}) > {}", until / STEP - 2),
        format!("count_over_time(repo:scm_backup_tarballs:last{range}) > {}", until / STEP - 2),
        format!("min_over_time(repo:scm_backup_in_transfer{range})"),
    ];
    for question in &questions {
        evaluation.ask(question, until);
    }
    let answers = evaluation.answers();
    let mut unrest: Vec<String> = answers[..2]
        .iter()
        .zip(&questions)
        .filter(|(answer, _)| !answer.is_empty())
        .map(|(answer, question)| format!("from {first}: {question}: {answer:?}"))
        .collect();
    for (answer, wanted) in answers[2..].iter().zip([1, 12, 12]) {
        if answer.len() != wanted {
            unrest.push(format!("from {first}: {} in the place of {wanted}: {answer:?}", answer.len()));
        }
    }
    unrest
}

#[test]
fn a_year_of_ordinary_nights_gives_no_mail_but_the_heartbeat() {
    let halves = [(date(2026, 1, 1), date(2026, 7, 5)), (date(2026, 7, 1), date(2027, 1, 1))];
    let unrest: Vec<String> = thread::scope(|scope| {
        halves
            .map(|(first, last)| scope.spawn(move || unrest(first, last)))
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });
    assert!(unrest.is_empty(), "{}", unrest.join("\n"));
}
