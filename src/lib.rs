//! A Prometheus exporter that looks, over SSH, at the nodes that hold the backup tarballs of hub
//! servers, and says how big, how many and how old they are, and whether they can be trusted.
//!
//! The modules stand in the order in which data flows through them; it flows one way. `ARCHITECTURE.md` has
//! the picture.

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
