//! Walks that do not go well.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use scm_backup_exporter::listing::{End, ListingError, Tool};

use crate::node::{Node, Userland, program, shells};

#[test]
fn an_unreadable_directory_makes_the_listing_partial() {
    for userland in Userland::ALL {
        for (name, shell) in shells() {
            let mut node = Node::new(userland);
            node.shell = shell;
            node.file("svn/a.gz", "");
            fs::create_dir(node.path("root/closed")).unwrap();
            fs::set_permissions(node.path("root/closed"), fs::Permissions::from_mode(0o000)).unwrap();
            let reply = node.list(&node.root());
            assert_eq!(reply.outcome, Ok(End { unreadable: 1 }), "{name} with {userland:?}");
            assert_eq!(reply.of("tarball").len(), 1);
            assert!(reply.stderr.contains("Permission denied"), "{}", reply.stderr);
        }
    }
}

#[test]
fn an_unreadable_sidecar_is_listed_as_unread() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        let path = node.file("a.gz.dna", "{}");
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        let reply = node.list(&node.root()).believed();
        assert!(reply.of("sidecar")[0].ends_with(" unread a.gz.dna"), "{:?}", reply.records);
    }
}

#[test]
fn files_that_vanish_under_find_are_harmless() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        node.file("a.gz", "");
        node.replace_tool(
            "find",
            "$real \"$@\"\necho \"find: './gone': No such file or directory\" >&2\nexit 1",
        );
        let reply = node.list(&node.root());
        assert_eq!(reply.outcome, Ok(End { unreadable: 0 }), "{userland:?}");
        assert_eq!(reply.of("tarball").len(), 1);
    }
}

#[test]
fn files_that_vanish_between_find_and_stat_are_harmless() {
    for userland in [Userland::BusyBox, Userland::Toybox] {
        let node = Node::new(userland);
        node.file("a.gz", "");
        node.replace_tool("find", "printf './gone.gz\\0'\n$real \"$@\"\nprintf './gone too.gz\\0'");
        let reply = node.list(&node.root());
        assert_eq!(reply.outcome, Ok(End { unreadable: 0 }), "{userland:?} {}", reply.stderr);
        assert_eq!(reply.of("tarball").len(), 1);
    }
}

#[test]
fn a_limit_for_reading_that_the_environment_sets_is_not_kept() {
    let mut node = Node::new(Userland::Gnu);
    node.shell = vec![program("bash")];
    node.set("TMOUT", "1");
    node.file("a.gz", "");
    node.replace_tool("find", "[ -z \"${TMOUT-}\" ] || echo 'find: TMOUT is set' >&2\n$real \"$@\"");
    assert_eq!(node.list(&node.root()).believed().of("tarball").len(), 1);
}

#[test]
fn many_records_come_through_xargs_whole() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        for number in 0..1500 {
            let name = format!("svn/some-rather-long-name-of-a-repository-{}/{number}.tar.gz", number / 50);
            node.file(name, "");
        }
        assert_eq!(node.list(&node.root()).believed().of("tarball").len(), 1500, "{userland:?}");
    }
}

#[test]
fn a_find_killed_in_the_middle_of_a_path_is_not_believed() {
    for userland in Userland::ALL {
        let mut node = Node::new(userland);
        node.file("svn/env.gz", "");
        let path = if userland == Userland::Gnu { "F 12 1352822400 svn/env/2012/11/1" } else { "./svn/env" };
        node.replace_tool("find", &format!("printf '{path}'\nkill -9 $$"));
        node.time_limit = None;
        let failed = node.list(&node.root()).outcome;
        let of_find =
            |error| matches!(error, Err(ListingError::RemoteTool { tool: Tool::Find, status: 137, .. }));
        assert!(of_find(failed.clone()), "{userland:?}: {failed:?}");
    }
}

#[test]
fn a_find_killed_where_there_is_no_awk_cannot_hide_the_end() {
    let mut node = Node::new(Userland::Gnu);
    node.isolated = true;
    node.remove_tool("awk");
    node.replace_tool("find", "printf 'F 12 1352822400 svn/env/2012/11/1'\nkill -9 $$");
    node.time_limit = None;
    let failed = node.list(&node.root()).outcome;
    assert!(matches!(failed, Err(ListingError::RemoteTool { tool: Tool::Find, .. })), "{failed:?}");
}

#[test]
fn another_complaint_makes_the_listing_worthless() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        node.file("matched by a star.gz", "");
        node.replace_tool("find", "$real \"$@\"\necho \"find: './a  * b': Input/output error\" >&2\nexit 1");
        let failed = ListingError::RemoteTool {
            tool: Tool::Find,
            status: 1,
            complaint: Some("find: './a * b': Input/output error".to_owned()),
        };
        assert_eq!(node.list(&node.root()).outcome, Err(failed), "{userland:?}");
    }
}

#[test]
fn a_failing_stat_or_awk_is_named() {
    let node = Node::new(Userland::BusyBox);
    node.file("a.gz", "");
    node.replace_tool("stat", "exit 3");
    let failed = node.list(&node.root()).outcome;
    assert!(matches!(failed, Err(ListingError::RemoteTool { tool: Tool::Stat, .. })), "{failed:?}");

    let node = Node::new(Userland::Gnu);
    node.file("a.gz", "");
    node.replace_tool("awk", "cat >/dev/null; exit 2");
    let failed = node.list(&node.root()).outcome;
    assert!(matches!(failed, Err(ListingError::RemoteTool { tool: Tool::Awk, status: 2, .. })), "{failed:?}");
}
