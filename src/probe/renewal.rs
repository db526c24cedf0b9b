//! Decides when a report is out of date after a reload, and a session after a failure or a reload.

use super::failure::Reason;
use crate::inventory::Target;

/// Whether a report of one target is still valid for the other. The place and the reading of the stamps must be the same;
/// limits and time limits may differ.
pub(super) fn sees_the_same(old: &Target, new: &Target) -> bool {
    old.connection.to_string() == new.connection.to_string()
        // Through another jump host or ssh configuration the same name can be another machine.
        && old.connection.gateway == new.connection.gateway
        && old.connection.ssh_config == new.connection.ssh_config
        && old.root == new.root
        && old.timezone == new.timezone
        && old.expected == new.expected
}

/// Whether a new login may give another result than an old session: the login determines what a session may do
/// (groups, forced command, environment, the configuration of sshd).
pub(super) fn may_depend_on_login(reason: Reason) -> bool {
    match reason {
        Reason::Auth
        | Reason::Permission
        | Reason::RootMissing
        | Reason::RemoteCommand
        | Reason::Protocol
        // The node refuses another session.
        | Reason::Connect => true,
        // There was no session, or it is not kept.
        Reason::Resolve | Reason::HostKey | Reason::Timeout | Reason::Internal => false,
    }
}

/// Whether both are listed in the same way, so that one login serves both.
pub(super) fn asks_the_same(old: &Target, new: &Target) -> bool {
    old.connection == new.connection && old.root == new.root && old.probe_timeout == new.probe_timeout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::target;

    #[test]
    fn report_of_another_machine_is_not_kept() {
        let old = target();
        let mut new = old.clone();
        new.probe_timeout *= 2;
        assert!(sees_the_same(&old, &new));
        new.connection.gateway = Some("GW".into());
        assert!(!sees_the_same(&old, &new), "the same address behind a jump host");
    }

    #[test]
    fn new_limits_need_no_new_login_and_another_directory_does() {
        let old = target();
        let mut new = old.clone();
        new.limits.max_tarballs = Some(3);
        assert!(asks_the_same(&old, &new));
        new.root.push('x');
        assert!(!asks_the_same(&old, &new));
    }
}
