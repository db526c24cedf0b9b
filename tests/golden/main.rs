//! The whole exposition of fixed replies at a fixed clock, held against files, the contract and foreign parsers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod contract;
mod exposition;
mod foreign;
mod scene;
