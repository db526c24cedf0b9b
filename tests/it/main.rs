//! The whole program against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod world;

mod by_hand;
mod http;
mod listening;
mod prometheus;
mod protection;
mod reload;
mod scrape;
mod sessions;
