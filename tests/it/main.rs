//! The whole program against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod world;

mod browser;
mod by_hand;
mod completions;
mod descendants;
mod failures;
mod hanging;
mod hangs;
mod http;
mod listening;
mod logins;
mod mail;
mod nodes;
mod pages;
mod prometheus;
mod protection;
mod reload;
mod repairs;
mod replies;
mod restarts;
mod scrape;
mod sessions;
mod shortage;
mod trees;
mod troubles;
