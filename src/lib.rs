//! A Prometheus exporter that looks, over SSH, at the nodes that hold the backup tarballs of hub
//! servers, and says how big, how many and how old they are, and whether they can be trusted.
//!
//! The modules stand in the order in which data flows through them; it flows one way. `ARCHITECTURE.md` has
//! the picture.

pub mod config;
pub mod inventory;
pub mod probe;

pub mod listing;
pub mod report;
pub mod verdict;

pub mod advice;
pub mod alertmanager;
pub mod human;
pub mod metrics;
pub mod page;
pub mod table;
pub mod text;
pub mod workers;

pub mod exporter;
pub mod http;

pub mod command;
