//! The process group of a master. It includes the processes that the master started, such as a jump host's `ssh -W` or a
//! `ProxyCommand`, which do not end with their master.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitpgid,
};
use tokio::time::{Instant, sleep};

/// How long processes may take to end when asked, before they are killed.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How often to check whether they have ended.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Signals a group, or its first process alone if that has not created the group yet.
pub(super) fn signal(group: Pid, signal: Signal) {
    if kill_process_group(group, signal) == Err(Errno::SRCH) {
        let _ = kill_process(group, signal);
    }
}

/// Whether a group still has processes after its first one was waited for. Until then the system does not reuse the
/// number.
pub(super) fn is_there(group: Pid) -> bool {
    // In a container the exporter may be process 1, which inherits the master's children.
    while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
    test_kill_process_group(group) != Err(Errno::SRCH)
}

/// Ends the rest of a group whose first process was waited for.
pub(super) async fn end(group: Pid) {
    for signal in [Signal::TERM, Signal::KILL] {
        if !is_there(group) {
            return;
        }
        let _ = kill_process_group(group, signal);
        let deadline = Instant::now() + PATIENCE;
        while is_there(group) && Instant::now() < deadline {
            sleep(PAUSE).await;
        }
    }
}
