//! The dashboards: that they are made as they should be, ask only for what the exporter gives, and have an answer
//! from a real Prometheus for every hub: one with a made history, and one that scrapes the exporter of real nodes.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod answers;
mod dashboard;
mod history;
mod live;
mod names;
mod promql;
mod provisioning;
mod scene;
mod structure;
