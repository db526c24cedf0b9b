//! The probe script itself, run by every shell and with every set of tools that a node may have.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod forced;
mod hangs;
mod listings;
mod node;
mod refusals;
mod shellcheck;
mod sidecars;
