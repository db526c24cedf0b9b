//! The small step between the exporter and an `ssh` master, which ends the master with the exporter.
//!
//! The exporter starts itself with the hidden subcommand [`SUBCOMMAND`], which asks the kernel for SIGTERM when
//! the parent dies, moves to a session of its own, announces its group to the watchdog, and becomes `ssh`. So neither a
//! master nor its children can outlive a killed exporter, a Ctrl-C at the terminal reaches only the exporter, and neither
//! ssh nor a jump host's ssh has a terminal to ask a question on.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getppid, set_parent_process_death_signal, setsid};

use super::watchdog;

/// Name of the hidden subcommand; its arguments are the parent's process id and then those of `ssh`.
pub const SUBCOMMAND: &str = "ssh-master";

/// Becomes `ssh`. Returns only when that fails.
pub fn become_ssh(parent: i32, args: impl IntoIterator<Item = OsString>) -> io::Result<Infallible> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Err(io::Error::other("the exporter that started this is gone"));
    }
    setsid()?;
    watchdog::watch_us()?;
    Err(Command::new("ssh").args(args).stdout(Stdio::null()).exec())
}
