//! Real nodes to probe: sshd and dropbear on loopback with sample trees, servers that are broken in a
//! known way, the exporter itself, an ssh-agent, a certificate authority and a Kerberos realm that let it in, a Prometheus that scrapes it, an Alertmanager, and a mail server that keeps
//! what it gets. The integration tests and `make demo` both stand on it.
//!
//! Everything here runs as any user, listens on loopback only, writes below a temporary directory, and
//! ends what it started when it is dropped. Nothing is skipped: a missing program is an error that names
//! the command that installs it.

pub mod agent;
pub mod alertmanager;
pub mod authority;
pub mod broken;
pub mod browser;
pub mod client;
pub mod demo;
pub mod dropbear;
pub mod exporter;
pub mod haste;
pub mod http;
pub mod kerberos;
pub mod login;
pub mod mailing;
pub mod poll;
pub mod process;
pub mod prometheus;
mod server;
pub mod smtp;
pub mod sshd;
pub mod terminal;
pub mod tool;
pub mod tree;

pub use agent::Agent;
pub use alertmanager::Alertmanager;
pub use authority::Authority;
pub use browser::Browser;
pub use client::{Client, Node};
pub use demo::Demo;
pub use dropbear::Dropbear;
pub use exporter::Exporter;
pub use kerberos::Realm;
pub use login::{Login, Shell, Userland};
pub use mailing::Mailing;
pub use prometheus::Prometheus;
pub use rustix::process::Signal;
pub use smtp::{Mail, SmtpSink};
pub use sshd::Sshd;
pub use tree::Tree;

/// What goes wrong in a testbed is read by a person only, so it is a text with its causes.
pub type Result<T> = anyhow::Result<T>;
