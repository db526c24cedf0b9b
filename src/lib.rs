//! A Prometheus exporter that lists, over SSH, the backup tarballs of hub servers on the nodes that store them, and
//! reports their number, size and age, and whether they can be trusted.
//!
//! Data flows one way, and the modules are in the order of that flow. `ARCHITECTURE.md` has a diagram.

// What is to be probed: files become hubs, nodes and limits.
pub mod config;
pub mod inventory;

// Probing: when, and how the bytes of a node's reply are fetched.
pub mod probe;

// Understanding: bytes become records, a report, and what is the matter.
pub mod listing;
pub mod report;
pub mod verdict;

// What a person can do about it.
pub mod advice;

// Showing it: as metrics, and as views that become text, JSON and pages.
pub mod metrics;

pub mod table;

pub mod page;

// Serving it.
pub mod exporter;
pub mod http;

// The command line, with what it prints for Alertmanager.
mod alertmanager;
pub mod command;

// What any of them may use: units, safe text, threads.
mod human;
pub mod text;
mod workers;
