//! Exhausted resources of this machine: it cannot open or start anything more. That is no fault of any node.

use std::error::Error;
use std::fmt;
use std::io;

use rustix::io::Errno;

/// A limit of this machine that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The exporter's own limit of open files.
    Descriptors,
    /// The limit of open files of all processes.
    DescriptorsOfAll,
    /// The limit of processes and threads, of the unit, the container or the account.
    Tasks,
    /// Memory.
    Memory,
}

impl Shortage {
    /// The shortage behind a process that could not be started.
    pub(crate) fn of_process(error: &io::Error) -> Option<Self> {
        match Errno::from_io_error(error)? {
            Errno::AGAIN => Some(Self::Tasks),
            errno => Self::of(errno),
        }
    }

    /// The shortage behind a session that could not be opened, from the error or one of its causes.
    pub(crate) fn of_session(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let errno = error.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
            if let Some(shortage) = errno.and_then(Self::of) {
                return Some(shortage);
            }
            cause = error.source();
        }
        None
    }

    fn of(errno: Errno) -> Option<Self> {
        match errno {
            Errno::MFILE => Some(Self::Descriptors),
            Errno::NFILE => Some(Self::DescriptorsOfAll),
            Errno::NOMEM => Some(Self::Memory),
            _ => None,
        }
    }

    /// What to raise.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Descriptors => "raise LimitNOFILE= in its unit, or ulimit -n",
            Self::DescriptorsOfAll => "raise fs.file-max",
            Self::Tasks => "raise TasksMax= in its unit, or ulimit -u",
            Self::Memory => "find out what uses it, and check MemoryMax= in the exporter's unit",
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "the exporter is out of file descriptors",
            Self::DescriptorsOfAll => "this machine is out of file descriptors",
            Self::Tasks => "the exporter has reached its limit of processes",
            Self::Memory => "this machine is out of memory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("as a crate wraps it")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn limits_of_this_machine_are_told_from_faults_of_a_node() {
        let of = |errno: Errno| {
            (Shortage::of_process(&errno.into()), Shortage::of_session(&Wrapped(errno.into())))
        };
        for (errno, shortage) in [
            (Errno::MFILE, Shortage::Descriptors),
            (Errno::NFILE, Shortage::DescriptorsOfAll),
            (Errno::NOMEM, Shortage::Memory),
        ] {
            assert_eq!(of(errno), (Some(shortage), Some(shortage)));
        }
        // For a socket it means only that many connect at once.
        assert_eq!(of(Errno::AGAIN), (Some(Shortage::Tasks), None));
        for errno in [Errno::CONNREFUSED, Errno::NOENT, Errno::PIPE] {
            assert_eq!(of(errno), (None, None), "{errno}");
        }
    }
}
