//! What is listed: the same by every shell and with every set of tools.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use scm_backup_exporter::listing::{End, Method};

use crate::node::{Node, Userland, program, shells};

const TARBALL: &str = "svn/env/2012/11/13/161023/env-3591.tar.gz";

/// Everything that the layout has, and names that do harm to careless scripts. Its records without the times.
fn fill(node: &Node) -> Vec<String> {
    node.file(TARBALL, "1234567");
    node.file(format!("{TARBALL}.dna"), "{'dig': '7b87e78cc03ea544e2ad3abae46eecd1', 'size': 7L}\n");
    node.link("svn/env/last", "2012/11/13/161023");
    node.link("svn/it's/last", "/else where//odd");
    node.link("svn/broken/last", "a\nb");
    node.file("svn/copied/last/a.gz", "");
    node.file("LOCKED/svn-started-2012/hidden.gz", "");
    let odd_names: [&[u8]; 10] = [
        b"with space.gz",
        b"it's \"quoted\".gz",
        b"tab\there.gz",
        b"cr\rhere.gz",
        b"esc\x1b[2Jhere.gz",
        b"latin\xff\xe4.gz",
        "größe.gz".as_bytes(),
        b"-rf.gz",
        b"%s%n\\n\\.gz",
        b"$(touch oops)`touch oops`;*?[a].gz",
    ];
    for name in odd_names {
        node.file([b"odd/", name].concat(), "x");
    }
    node.file("odd/new\nline.gz", "");
    node.file("odd/-directory\n/hidden.gz", "");
    node.file("other/readme.txt", "");
    node.file("other/directory.gz/inside.gz", "");
    node.file("dna/empty.dna", "");
    node.file("dna/lines.dna", "{'dig': 'ab',\r\n\t'size': 7}");
    node.file("dna/binary.dna", b"\x01\x7f\x80\xff\x1b");
    node.file("dna/long.dna", "y".repeat(2000));
    node.file("dna/it's `odd` = $x.dna", "{\"size\": 7}");
    node.file("dna/gigantic.dna", "z".repeat(65536));
    node.link("dna/link.gz", TARBALL);

    let mut records: Vec<String> = [
        "lock LOCKED",
        "newline ",
        "newline ",
        "sidecar 0 unread dna/empty.dna",
        "sidecar 11 <{\"size\": 7,}> dna/it's `odd` = $x.dna",
        "sidecar 26 <{'dig': 'ab',   'size': 7,}> dna/lines.dna",
        "sidecar 5 unread dna/binary.dna",
        "sidecar 65536 unread dna/gigantic.dna",
        "tarball 0 other/directory.gz/inside.gz",
        "tarball 0 svn/copied/last/a.gz",
        "tarball 1 odd/$(touch oops)`touch oops`;*?[a].gz",
        "tarball 1 odd/%s%n\\x5cn\\x5c.gz",
        "tarball 1 odd/-rf.gz",
        "tarball 1 odd/cr\\x0dhere.gz",
        "tarball 1 odd/esc\\x1b[2Jhere.gz",
        "tarball 1 odd/größe.gz",
        "tarball 1 odd/it's \"quoted\".gz",
        "tarball 1 odd/latin\\xff\\xe4.gz",
        "tarball 1 odd/tab\\x09here.gz",
        "tarball 1 odd/with space.gz",
        "tarball 7 svn/env/2012/11/13/161023/env-3591.tar.gz",
    ]
    .map(str::to_owned)
    .to_vec();
    records.push(format!("root {}", node.root()));
    records.push("sidecar 2000 unread dna/long.dna".to_owned());
    records.push(format!(
        "sidecar 56 <{{'dig': '7b87e78cc03ea544e2ad3abae46eecd1', 'size': 7L}}> {TARBALL}.dna"
    ));
    records.sort();
    records
}

/// Records without their times.
fn timeless(records: &[String]) -> Vec<String> {
    let mut records: Vec<String> = records
        .iter()
        .map(|record| {
            let time = match record.split(' ').next() {
                Some("tarball" | "sidecar") => 2,
                Some("lock") => 1,
                _ => return record.clone(),
            };
            let words = record.split(' ').enumerate().filter(|(at, _)| *at != time);
            words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
        })
        .collect();
    records.sort();
    records
}

#[test]
fn every_shell_and_every_userland_lists_the_same() {
    for userland in Userland::ALL {
        let mut node = Node::new(userland);
        let expected = fill(&node);
        let mut first = None;
        for (name, shell) in shells() {
            node.shell = shell;
            let reply = node.list(&node.root()).believed();
            assert_eq!(timeless(&reply.records), expected, "{name} with {userland:?}");
            let begin = reply.begin.unwrap();
            assert_eq!(begin.method == Method::Printf, userland == Userland::Gnu, "{name} with {userland:?}");
            assert!(begin.reads_sidecars, "{name} with {userland:?}");
            assert!(begin.bounded, "{name} with {userland:?}");
            // Times too are the same.
            assert_eq!(
                *first.get_or_insert(reply.records.clone()),
                reply.records,
                "{name} with {userland:?}"
            );
        }
    }
}

#[test]
fn every_awk_reads_the_same() {
    for method in [Userland::Gnu, Userland::BusyBox] {
        for awk in ["gawk", "mawk", "original-awk", "busybox"] {
            let node = Node::new(method);
            let expected = fill(&node);
            node.remove_tool("awk");
            symlink(program(awk), node.path("bin/awk")).unwrap();
            let reply = node.list(&node.root()).believed();
            assert_eq!(timeless(&reply.records), expected, "{awk} with {method:?}");
        }
    }
}

#[test]
fn sizes_and_times_are_the_files_own() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        let path = node.file(TARBALL, "");
        let file = fs::File::options().write(true).open(&path).unwrap();
        // Sparse: 5 GB, more than 32 bits hold.
        file.set_len(5_000_000_000).unwrap();
        let made = std::time::UNIX_EPOCH + std::time::Duration::new(1_352_822_423, 999_999_999);
        file.set_times(fs::FileTimes::new().set_modified(made)).unwrap();
        let reply = node.list(&node.root()).believed();
        assert_eq!(reply.of("tarball"), [format!("5000000000 1352822423 {TARBALL}")], "{userland:?}");
    }
}

#[test]
fn an_empty_root_is_an_empty_listing() {
    for userland in Userland::ALL {
        let node = Node::new(userland);
        let reply = node.list(&node.root()).believed();
        assert_eq!(reply.records, [format!("root {}", node.root())], "{userland:?}");
    }
}

#[test]
fn a_symlinked_root_is_listed_and_its_real_path_told() {
    let node = Node::new(Userland::Gnu);
    node.file("a.gz", "");
    symlink("root", node.path("hop")).unwrap();
    symlink(node.path("hop"), node.path("link to it")).unwrap();
    let reply = node.list(node.path("link to it").to_str().unwrap()).believed();
    assert_eq!(reply.of("root"), [node.root()]);
    assert_eq!(reply.of("tarball").len(), 1);
}

#[test]
fn an_odd_root_is_listed() {
    for userland in Userland::ALL {
        for name in ["it's a \"root\" $HOME `x` \\", "-o", "~", "* ?"] {
            let node = Node::new(userland);
            fs::rename(node.path("root"), node.path(name)).unwrap();
            fs::write(node.path(name).join("a.gz"), "").unwrap();
            let reply = node.list(node.path(name).to_str().unwrap()).believed();
            assert_eq!(reply.of("tarball").len(), 1, "{name} with {userland:?}");
        }
    }
}

#[test]
fn clock_offset_and_room_are_told() {
    for userland in Userland::ALL {
        let mut node = Node::new(userland);
        node.set("TZ", "XYZ-05:45");
        let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let reply = node.list(&node.root()).believed();
        let begin = reply.begin.unwrap();
        assert!(begin.epoch.unsigned_abs().abs_diff(before) < 600, "{begin:?}");
        assert_eq!(begin.utc_offset, 5 * 3600 + 45 * 60, "{userland:?}");
        let (size, avail) = reply.room.unwrap();
        assert!(size > 0 && avail <= size, "{size} {avail}");
    }
}

#[test]
fn device_names_with_spaces_do_not_hide_the_room() {
    let node = Node::new(Userland::Gnu);
    let line = "//nas/my 2% shares 4096000 4000 96000 5% /mnt/more 1 2 3 4% spaces";
    let header = "Filesystem 1024-blocks Used Available Capacity Mounted on";
    node.replace_tool("df", &format!("printf '%s\\n' '{header}' '{line}'"));
    assert_eq!(node.list(&node.root()).believed().room, Some((4_096_000 * 1024, 96_000 * 1024)));
}

#[test]
fn a_node_without_df_lists_all_the_same() {
    let node = Node::new(Userland::Gnu);
    node.file(TARBALL, "");
    node.replace_tool("df", "echo 'df: cannot read table of mounted file systems' >&2; exit 1");
    let reply = node.list(&node.root()).believed();
    assert_eq!((reply.room, reply.of("tarball").len()), (None, 1));
}

#[test]
fn without_awk_gnu_find_lists_but_sidecars_stay_unread() {
    let mut node = Node::new(Userland::Gnu);
    let read = fill(&node);
    node.isolated = true;
    node.remove_tool("awk");
    let reply = node.list(&node.root()).believed();
    assert!(!reply.begin.unwrap().reads_sidecars);
    let without_content = |records: Vec<String>| {
        let keep = |record: String| match record.split_once(" <").zip(record.rsplit_once("> ")) {
            Some(((front, _), (_, path))) => format!("{front} unread {path}"),
            None => record,
        };
        records.into_iter().map(keep).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(without_content(timeless(&reply.records)), without_content(read));
}

#[test]
fn a_german_node_is_understood() {
    for userland in Userland::ALL {
        let mut node = Node::new(userland);
        let locales = node.path("locales");
        fs::create_dir(&locales).unwrap();
        let compiled = Command::new(program("localedef"))
            .args(["-i", "de_DE", "-f", "UTF-8"])
            .arg(locales.join("de_DE.UTF-8"))
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{compiled:?}: apt-get install locales");
        node.set("LOCPATH", locales.to_str().unwrap());
        node.set("LC_ALL", "de_DE.UTF-8");
        node.set("LANGUAGE", "de");
        node.file("closed/a.gz", "");
        fs::create_dir(node.path("root/denied")).unwrap();
        close(&node.path("root/denied"));
        let reply = node.list(&node.root());
        assert_eq!(reply.outcome, Ok(End { unreadable: 1 }), "{}", reply.stderr);
    }
}

fn close(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn an_odd_environment_does_no_harm() {
    // A bash that is POSIXLY_CORRECT does not read BASH_ENV.
    for ((name, shell), posixly_correct) in
        shells().into_iter().flat_map(|shell| [(shell.clone(), true), (shell, false)])
    {
        let mut node = Node::new(Userland::Gnu);
        let expected = fill(&node);
        node.shell = shell;
        let rc = "echo noise of the rc file\nalias find=false\nset -euC\nIFS=/0123456789-\n\
                  cd() { :; }\ndate() { echo 1 +0001; }\n";
        fs::write(node.path("rc"), rc).unwrap();
        // A login shell that ends badly.
        let profile = format!("export SCM_FOLD='{}'\ntrap 'exit 3' EXIT\n", node.root());
        fs::write(node.path("home/.bash_profile"), profile).unwrap();
        let rc = node.path("rc").to_str().unwrap().to_owned();
        node.set("ENV", rc.clone());
        node.set("BASH_ENV", rc);
        if posixly_correct {
            node.set("POSIXLY_CORRECT", "1");
        }
        node.set("SHELLOPTS", "errexit:noclobber:nounset");
        node.set("BASH_FUNC_awk%%", "() { echo 'F 1 1 forged'; }");
        node.set("BASH_FUNC_find%%", "() { echo 'F 1 1 forged'; }");
        node.set("CDPATH", "/tmp:/");
        node.set("IFS", "/0123456789");
        node.set("DF_BLOCK_SIZE", "1M");
        node.set("BLOCKSIZE", "1M");
        node.set("GREP_OPTIONS", "-v");
        for name in ["root", "limit", "list", "timed", "value", "complaint", "name", "mark"] {
            node.set(name, "/etc");
        }
        node.set("SSH_ORIGINAL_COMMAND", "sh -s 77 88");
        let reply = node.list("$SCM_FOLD").believed();
        assert_eq!(timeless(&reply.records), expected, "{name}, POSIXLY_CORRECT: {posixly_correct}");
        assert_eq!(reply.begin.unwrap().utc_offset, 0);
    }
}

#[test]
fn a_path_without_the_usual_directories_is_completed() {
    let mut node = Node::new(Userland::Gnu);
    let expected = fill(&node);
    let nothing = node.path("tmp").to_str().unwrap().to_owned();
    node.set("PATH", nothing);
    assert_eq!(timeless(&node.list(&node.root()).believed().records), expected);
}

#[test]
fn nothing_is_written_on_the_node() {
    for userland in Userland::ALL {
        for (name, shell) in shells() {
            let mut node = Node::new(userland);
            fill(&node);
            node.shell = shell;
            for directory in ["home", "tmp", "root", "root/svn", "root/odd", "root/LOCKED"] {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(node.path(directory), fs::Permissions::from_mode(0o777)).unwrap();
            }
            let before = snapshot(&node.path(""));
            assert!(before.len() > 50);
            node.list(&node.root()).believed();
            // Asks the login shell too.
            assert!(node.list("$SCM_FOLD/backup").outcome.is_err());
            assert_eq!(snapshot(&node.path("")), before, "{name} with {userland:?}");
        }
    }
}

/// Every file with what changes when it is written.
fn snapshot(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let of = fs::symlink_metadata(&path).unwrap();
        let (seconds, nanoseconds) = (of.ctime(), of.ctime_nsec());
        files.push(format!("{path:?} {} {} {seconds}.{nanoseconds}", of.ino(), of.size()));
        if of.is_dir() {
            files.extend(snapshot(&path));
        }
    }
    files.sort();
    files
}
