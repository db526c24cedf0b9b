//! The documents are true: what they name is there, and what is there they name.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod command_line;
mod configuration;
mod dependencies;
mod install;
mod links;
mod metrics;
mod page;
mod reasons;
mod setup;
mod verdict;
