//! The alert rules: each by itself, all of them over failure stories and a year of nights, and what belongs to them.
//!
//! promtool evaluates the rules. What it evaluates them over comes from the program itself: listings of simulated
//! nodes go through the parser, the report, the verdict and the exposition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod agreement;
mod belongings;
mod each_alert;
mod events;
mod inhibitions;
mod mails;
mod mutations;
mod nodes;
mod promtool;
mod rules;
mod series;
mod stories;
mod world;
mod year;
