//! Roots, and nodes, that cannot be listed; and roots that the node has to resolve.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use scm_backup_exporter::listing::{FailCode, ListingError};

use crate::node::{Node, Userland, program, shells};

#[track_caller]
fn refused(node: &Node, root: &str, code: FailCode) {
    let reply = node.list(root);
    assert_eq!(reply.outcome, Err(ListingError::Refused(code)), "{root}: {}{}", reply.stdout, reply.stderr);
    assert_eq!(reply.begin, None);
}

#[test]
fn unset_scm_fold_is_a_clear_error() {
    for (_, shell) in shells() {
        let mut node = Node::new(Userland::Gnu);
        node.shell = shell;
        refused(&node, "$SCM_FOLD/backup/cms02", FailCode::RootVarUnset);
        node.set("SCM_FOLD", "");
        refused(&node, "${SCM_FOLD}/backup/cms02", FailCode::RootVarUnset);
    }
}

#[test]
fn scm_fold_of_the_environment_is_taken() {
    for (name, shell) in shells() {
        let mut node = Node::new(Userland::Gnu);
        node.shell = shell;
        node.file("backup/dayabay/a.gz", "");
        node.set("SCM_FOLD", node.root());
        for root in ["$SCM_FOLD/backup/dayabay", "${SCM_FOLD}/backup/dayabay", "$SCM_FOLD"] {
            let reply = node.list(root).believed();
            assert_eq!(reply.of("tarball").len(), 1, "{root} by {name}");
        }
    }
}

#[test]
fn what_a_login_profile_starts_in_the_background_is_not_waited_for() {
    for (name, shell) in shells() {
        let mut node = Node::new(Userland::Gnu);
        node.shell = shell;
        node.file("a.gz", "");
        let (hold, outlived) = (node.path("tmp/hold"), node.path("tmp/outlived"));
        fs::write(&hold, "").unwrap();
        fs::set_permissions(node.path("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
        // It holds the shell's output until the test ends, and no longer than ten seconds.
        let profile = format!(
            "export SCM_FOLD='{}'\n(PATH=/usr/bin:/bin; for i in $(seq 200); do [ -e {hold} ] || exit; sleep 0.05; done; : > {outlived}) &\n",
            node.root(),
            hold = hold.display(),
            outlived = outlived.display()
        );
        fs::write(node.path("home/.bash_profile"), &profile).unwrap();
        fs::write(node.path("home/.profile"), &profile).unwrap();
        let reply = node.list("$SCM_FOLD").believed();
        assert_eq!(reply.of("tarball").len(), 1, "{name}");
        assert!(!outlived.exists(), "{name}");
        fs::remove_file(hold).unwrap();
    }
}

#[test]
fn scm_fold_that_only_a_noisy_login_profile_sets_is_found() {
    for (name, shell) in shells() {
        for (profile, with_bash) in [(".bash_profile", true), (".profile", false)] {
            let mut node = Node::new(Userland::Gnu);
            node.shell = shell.clone();
            node.isolated = true;
            if with_bash {
                symlink(program("bash"), node.path("bin/bash")).unwrap();
            }
            let fold = node.path("scm fold's");
            fs::create_dir_all(fold.join("backup/dayabay")).unwrap();
            fs::write(fold.join("backup/dayabay/a.gz"), "").unwrap();
            let noise = "echo 'Welcome, SCM_FOLD=/nowhere'\nprintf 'no newline'\n. /no/such/file 2>&1 || :\nread x && exit\n";
            let text = format!("{noise}export SCM_FOLD=\"{}\"\ntrap 'echo bye' EXIT\n", fold.display());
            // A POSIX shell ends when `.` finds no file.
            let text = if with_bash { text } else { text.replace(". /no", "cat /no") };
            fs::write(node.path("home").join(profile), text).unwrap();
            let reply = node.list("$SCM_FOLD/backup/dayabay").believed();
            assert_eq!(reply.of("tarball").len(), 1, "{profile} by {name}");
        }
    }
}

#[test]
fn a_tilde_is_the_home() {
    let node = Node::new(Userland::Gnu);
    fs::create_dir(node.path("home/backup")).unwrap();
    fs::write(node.path("home/backup/a.gz"), "").unwrap();
    for root in ["~/backup", "~", "$HOME/backup"] {
        assert_eq!(node.list(root).believed().of("tarball").len(), 1, "{root}");
    }
}

#[test]
fn only_a_plain_variable_name_is_ever_evaluated() {
    let node = Node::new(Userland::Gnu);
    fs::set_permissions(node.path("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
    let trap = node.path("tmp/trap").to_str().unwrap().to_owned();
    let roots = [
        "$(touch T)/x",
        "$`touch T`",
        "${HOME:-$(touch T)}/x",
        "$HOME;touch T;/",
        "$",
        "${}",
        "$1",
        "$-",
        "${HOME}x",
    ];
    for root in roots {
        refused(&node, &root.replace('T', &trap), FailCode::BadRoot);
    }
    for root in ["`touch T`", "'; touch T; '", "relative/path", "~other/x", "HOME"] {
        refused(&node, &root.replace('T', &trap), FailCode::RootNotAbsolute);
    }
    assert!(!node.path("tmp/trap").exists());
    assert_eq!(node.list("").outcome, Err(ListingError::RootNotAllowed { allowed: Vec::new() }));
}

#[test]
fn a_relative_scm_fold_is_refused() {
    let mut node = Node::new(Userland::Gnu);
    node.set("SCM_FOLD", "var/scm");
    refused(&node, "$SCM_FOLD/backup", FailCode::RootNotAbsolute);
}

#[test]
fn missing_and_closed_roots_are_told_apart() {
    for (_, shell) in shells() {
        let mut node = Node::new(Userland::Gnu);
        node.shell = shell;
        node.file("file", "");
        let root = node.root();
        refused(&node, &format!("{root}/no/such"), FailCode::RootMissing);
        refused(&node, &format!("{root}/file"), FailCode::RootMissing);
        refused(&node, &format!("{root}/file/below"), FailCode::RootMissing);
        refused(&node, "/no-such-directory/at/all", FailCode::RootMissing);
        node.link("dangling", "nowhere");
        refused(&node, &format!("{root}/dangling"), FailCode::RootMissing);
        for (mode, name) in [(0o000, "closed"), (0o444, "not to be entered"), (0o111, "not to be read")] {
            fs::create_dir(node.path("root").join(name)).unwrap();
            fs::set_permissions(node.path("root").join(name), fs::Permissions::from_mode(mode)).unwrap();
            refused(&node, &format!("{root}/{name}"), FailCode::RootDenied);
        }
        refused(&node, &format!("{root}/closed/below/it"), FailCode::RootDenied);
    }
}

#[test]
fn a_newline_in_the_real_path_of_the_root_is_refused() {
    let node = Node::new(Userland::Gnu);
    fs::create_dir(node.path("root/new\nline")).unwrap();
    symlink("new\nline", node.path("root/link")).unwrap();
    refused(&node, &format!("{}/link", node.root()), FailCode::BadRoot);
}

#[test]
fn a_node_without_tools_says_so() {
    for userland in Userland::ALL {
        for (name, shell) in shells() {
            let missing = |tools: &[&str], code| {
                let mut node = Node::new(userland);
                node.shell = shell.clone();
                node.isolated = true;
                for tool in tools {
                    node.remove_tool(tool);
                }
                let reply = node.list(&node.root());
                assert_eq!(reply.outcome, Err(ListingError::Refused(code)), "{tools:?} {name} {userland:?}");
            };
            missing(&["find"], FailCode::NoLister);
            if userland != Userland::Gnu {
                missing(&["stat"], FailCode::NoLister);
                missing(&["xargs"], FailCode::NoLister);
                missing(&["awk"], FailCode::NoAwk);
            }
        }
    }
}
