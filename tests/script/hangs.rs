//! Tools that hang, as on a stale mount: what is lost by it, and that nothing stays on the node.

use std::io::Write as _;
use std::process::{Child, ExitStatus, Stdio};

use scm_backup_exporter::listing::{FailCode, ListingError};
use testbed::poll;
use testbed::process::Process;

use crate::node::{Node, Userland, shells};

/// How many pauses the watcher of these nodes makes until its limit: 60 seconds in pauses of 5, and one after that.
const ALL_PAUSES: usize = 12;

/// Every shell with every set of tools.
fn every_node() -> impl Iterator<Item = (String, Node)> {
    Userland::ALL.into_iter().flat_map(|userland| {
        shells().into_iter().map(move |(name, shell)| {
            let mut node = Node::new(userland);
            node.shell = shell;
            node.set("TESTBED_NODE", node.root());
            node.file("svn/a.gz", "");
            node.file("svn/a.gz.dna", "{'size': 0}");
            (format!("{name} with {userland:?}"), node)
        })
    })
}

/// Waits until no process of this node is left.
#[track_caller]
fn assert_idle(node: &Node, name: &str) {
    let mark = format!("TESTBED_NODE={}", node.root());
    let mut last = Vec::new();
    let waited = poll::until("nothing runs on the node", || {
        last = Process::all().into_iter().filter(|process| process.has_environment(&mark)).collect();
        Ok(last.is_empty().then_some(()))
    });
    let left: Vec<_> = last.iter().map(Process::command_line).collect();
    for process in last {
        process.signal(rustix::process::Signal::KILL);
    }
    assert!(waited.is_ok(), "{name}: {left:?}");
}

#[test]
fn nothing_is_left_of_a_listing_that_went_well() {
    for (name, node) in every_node() {
        // The watcher pauses for ever.
        node.pauses(0);
        node.list(&node.root()).believed();
        assert_idle(&node, &name);
        assert!(node.list("/nowhere").outcome.is_err());
        assert_idle(&node, &name);
    }
}

#[test]
fn a_df_that_hangs_costs_the_room_only() {
    for (name, node) in every_node() {
        node.hang_tool("df");
        node.pauses(2);
        let reply = node.list(&node.root()).believed();
        assert_eq!(reply.room, None, "{name}");
        assert_eq!((reply.of("tarball").len(), reply.of("sidecar").len()), (1, 1), "{name}");
        assert_idle(&node, &name);
    }
}

#[test]
fn a_find_or_date_that_hangs_is_told() {
    for tool in ["find", "date"] {
        for (name, node) in every_node() {
            node.hang_tool(tool);
            node.pauses(2);
            let reply = node.list(&node.root());
            assert_eq!(reply.outcome, Err(ListingError::Refused(FailCode::Stuck)), "{tool}, {name}");
            assert_idle(&node, &name);
        }
    }
}

#[test]
fn a_walk_is_not_ended_before_its_limit() {
    for (name, node) in every_node() {
        let (waits, hangs) = (node.path("tmp/waits"), node.path("tmp/hangs"));
        // Half of the time passes while it walks.
        node.pauses(ALL_PAUSES / 2);
        let body = format!(
            ": > {}\nwhile [ ! -e {} ]; do sleep 0.05; done\n$real \"$@\"",
            hangs.display(),
            waits.display()
        );
        node.replace_tool("find", &body.replace("sleep", "/bin/sleep"));
        let reply = node.list(&node.root()).believed();
        assert_eq!(reply.of("tarball").len(), 1, "{name}");
        assert_idle(&node, &name);
    }
}

#[test]
fn the_node_ends_a_walk_that_takes_too_long() {
    for tool in ["find", "awk"] {
        for (name, node) in every_node() {
            // Those by which it chooses its tools go well.
            let mark = node.path("tmp/hangs");
            node.replace_tool(tool, &format!(": > {}\nexec /bin/sleep 1000", mark.display()));
            node.pauses(ALL_PAUSES);
            let reply = node.list(&node.root());
            assert_eq!(reply.outcome, Err(ListingError::OutOfTime), "{tool}, {name}: {}", reply.stderr);
            assert_idle(&node, &name);
        }
    }
}

#[test]
fn what_does_not_end_is_killed_with_all_its_kin() {
    for (name, node) in every_node() {
        let mark = node.path("tmp/hangs");
        let body = format!("trap '' TERM\n/bin/sleep 1000 &\n: > {}\n/bin/sleep 1000\n", mark.display());
        node.replace_tool("df", &body);
        node.pauses(ALL_PAUSES + 1);
        let (mut command, script) = node.listing(&node.root());
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let status = wait(&mut shell);
        assert!(!status.success(), "{name}");
        assert_idle(&node, &name);
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    poll::until("the listing ends", || Ok(child.try_wait()?)).unwrap()
}

#[test]
fn a_node_without_sleep_lists_without_a_limit() {
    let mut node = Node::new(Userland::Gnu);
    node.isolated = true;
    node.file("a.gz", "");
    node.remove_tool("sleep");
    let reply = node.list(&node.root()).believed();
    assert!(!reply.begin.unwrap().bounded);
    assert_eq!(reply.of("tarball").len(), 1);
}
