//! What is out of date when: a report after a reload, and a session after a failure or a reload.

use super::failure::Reason;
use crate::inventory::Target;

/// Whether a report of one target still says something true of the other: where it is taken and how its
/// stamps are read must be the same, while limits and time limits may differ.
pub(super) fn sees_the_same(old: &Target, new: &Target) -> bool {
    old.connection.to_string() == new.connection.to_string()
        // Behind another jump host, or by another ssh configuration, the same name can be another machine.
        && old.connection.gateway == new.connection.gateway
        && old.connection.ssh_config == new.connection.ssh_config
        && old.root == new.root
        && old.timezone == new.timezone
        && old.expected == new.expected
}

/// Whether a new login may see another outcome where the session of an old one does not: what a session may do is
/// settled at its login (groups, forced command, environment, the configuration of sshd).
pub(super) fn may_depend_on_login(reason: Reason) -> bool {
    match reason {
        Reason::Auth
        | Reason::Permission
        | Reason::RootMissing
        | Reason::RemoteCommand
        | Reason::Protocol
        // A node that refuses one more session.
        | Reason::Connect => true,
        // No session was had, or it is not kept.
        Reason::Resolve | Reason::HostKey | Reason::Timeout | Reason::Internal => false,
    }
}

/// Whether both are listed in the same way, so that a login for the one does for the other.
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
