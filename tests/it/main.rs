//! The whole program against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod world;

mod by_hand;
mod failures;
mod http;
mod listening;
mod mail;
mod nodes;
mod prometheus;
mod protection;
mod reload;
mod replies;
mod scrape;
mod sessions;
mod trees;
mod troubles;
