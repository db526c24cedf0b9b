//! The whole program against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod world;

mod by_hand;
mod mail;
mod scrape;
mod sessions;
