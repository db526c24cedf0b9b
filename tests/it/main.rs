//! The whole program against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod world;

mod browser;
mod by_hand;
mod completions;
mod failures;
mod http;
mod listening;
mod logins;
mod mail;
mod nodes;
mod pages;
mod prometheus;
mod protection;
mod reload;
mod replies;
mod restarts;
mod scrape;
mod sessions;
mod trees;
mod troubles;
