//! Kinds of nodes: login shells, userlands, servers, names, and a key that allows the probe only.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use testbed::login::quote;
use testbed::prometheus::{check_metrics, check_openmetrics};
use testbed::sshd::Options;
use testbed::{Dropbear, Login, Shell, Userland};

use crate::world::{PATIENT, World, ZONE, assert_healthy, program, run_cli, sample, value};

/// Asserts that node `N1` of hub A is well and was listed in this way.
#[track_caller]
fn assert_listed(metrics: &str, node: &str, listing: &str) {
    assert_healthy(metrics, "A", node);
    let info =
        format!("scm_backup_node_info{{hub=\"A\",node=\"{node}\",address=\"{node}\",listing=\"{listing}\"}}");
    assert_eq!(sample(metrics, &info), Some(1.0), "{metrics}");
}

#[test]
fn every_login_shell_serves_however_noisy_its_profile() {
    let csh = "echo 'csh is here'\nset prompt = 'x'\nsource /nonexistent.csh\n";
    let sh = "echo 'sh is here: \"quoted\" $0'\n. /nonexistent.sh\nset -u -o noclobber\nalias find=false ls=false\n\
        IFS=x\nexport LC_ALL=de_DE.UTF-8 POSIXLY_CORRECT=1 TZ=America/New_York\n";
    let fish = "echo 'fish is here'\nsource /nonexistent.fish\n";
    let shells = [
        ("TCSH", Shell::Tcsh, vec![(".tcshrc", csh), (".login", csh)]),
        ("FISH", Shell::Fish, vec![(".config/fish/config.fish", fish)]),
        ("ZSH", Shell::Zsh, vec![(".zshenv", sh), (".zshrc", sh)]),
        ("BASH", Shell::Bash, vec![(".bashrc", sh), (".bash_profile", sh)]),
        ("ASH", Shell::Ash, vec![(".profile", sh), (".ashrc", sh)]),
    ];
    let mut world = World::new();
    let mut nodes = Vec::new();
    for (name, shell, files) in &shells {
        world.good_tree(name, "srv1");
        let login = Login::with_fold(&world.fold(name)).shell(shell.clone());
        let login = files.iter().fold(login, |login, (file, text)| login.home_file(file, text));
        nodes.push(world.sshd_with(name, login));
    }
    let names = shells.each_ref().map(|(name, ..)| *name).join(" ");
    let config = world.hub("A", "srv1").write(&format!("A = {names}"), PATIENT);
    let metrics = world.serve(&config).text("/metrics").unwrap();
    for (name, ..) in &shells {
        assert_listed(&metrics, name, "printf");
    }
}

#[test]
fn scm_fold_of_a_login_profile_is_found_behind_every_login_shell() {
    let mut world = World::new();
    let mut nodes = Vec::new();
    for (name, shell) in [("TCSH", Shell::Tcsh), ("FISH", Shell::Fish), ("ZSH", Shell::Zsh)] {
        world.good_tree(name, "srv1");
        let profile = format!("echo noise\nexport SCM_FOLD='{}'\necho noise\n", world.fold(name).display());
        nodes.push(world.sshd_with(name, Login::default().shell(shell).home_file(".bash_profile", &profile)));
    }
    let config = world.hub("A", "srv1").write("A = TCSH FISH ZSH", PATIENT);
    let metrics = world.serve(&config).text("/metrics").unwrap();
    for name in ["TCSH", "FISH", "ZSH"] {
        assert_healthy(&metrics, "A", name);
    }
}

#[test]
fn cut_down_userlands_and_dropbear_serve_too() {
    let mut world = World::new();
    for name in ["BUSYBOX", "TOYBOX", "NAS"] {
        world.good_tree(name, "srv1");
    }
    let busybox = |world: &World, name| {
        Login::with_fold(&world.fold(name)).shell(Shell::Ash).userland(Userland::Busybox)
    };
    let login = busybox(&world, "BUSYBOX");
    let _busybox = world.sshd_with("BUSYBOX", login);
    let login = Login::with_fold(&world.fold("TOYBOX")).userland(Userland::Toybox);
    let _toybox = world.sshd_with("TOYBOX", login);
    let nas = Dropbear::start(&world.client, &busybox(&world, "NAS")).unwrap();
    world.know("NAS", &nas);
    let config = world.hub("A", "srv1").write("A = BUSYBOX TOYBOX NAS", PATIENT);
    let exporter = world.serve(&config);
    for _ in 0..2 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_listed(&metrics, "BUSYBOX", "stat");
        assert_listed(&metrics, "TOYBOX", "stat");
        assert_listed(&metrics, "NAS", "stat");
    }
    assert_eq!(nas.logins(), 1);
}

#[test]
fn root_that_is_a_symbolic_link_with_odd_characters_is_walked() {
    let mut world = World::new();
    let fold = "it's \"two\" $(words) größe";
    world.good_tree(fold, "srv1");
    symlink(world.fold(fold), world.dir.path().join("a link")).unwrap();
    let link = world.dir.path().join("a link/backup/srv1");
    fs::rename(&link, link.with_extension("real")).unwrap();
    symlink("srv1.real", &link).unwrap();
    let _node = world.sshd_with("N1", Login::with_fold(&world.dir.path().join("a link")));
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    assert_healthy(&world.serve(&config).text("/metrics").unwrap(), "A", "N1");
}

#[test]
fn odd_names_end_as_labels_that_every_parser_takes() {
    let names: [(&[u8], &str); 11] = [
        (b"with space", "with space"),
        (b"it's", "it's"),
        (b"say \"hi\"", r#"say \"hi\""#),
        (b"tab\there", r"tab\\x09here"),
        (b"back\\slash", r"back\\x5cslash"),
        ("größe".as_bytes(), "größe"),
        (b"latin\xe9", r"latin\\xe9"),
        ("zero\u{200b}width".as_bytes(), r"zero\\xe2\\x80\\x8bwidth"),
        ("\u{feff}mark".as_bytes(), r"\\xef\\xbb\\xbfmark"),
        ("tag\u{e0041}".as_bytes(), r"tag\\xf3\\xa0\\x81\\x81"),
        (b"$(reboot) `x` {a=\"b\"} 1 # \x1b[31m", r#"$(reboot) `x` {a=\"b\"} 1 # \\x1b[31m"#),
    ];
    let mut world = World::new();
    world.good_tree("GNU", "srv1");
    let mut nodes = Vec::new();
    for (node, userland) in [("GNU", Userland::Full), ("BUSYBOX", Userland::Busybox)] {
        let tree = world.tree(node, "odd");
        let stamp = tree.last_night().unwrap().strftime("%Y/%m/%d/%H%M%S").to_string();
        let dated = |name: &[u8]| [b"svn/", name, b"/", stamp.as_bytes(), b"/", name, b"-1.tar.gz"].concat();
        for (name, _) in names {
            let tarball = tree.odd(&dated(name), 4711).unwrap();
            tree.sidecar(&tarball, 4711).unwrap();
        }
        tree.odd(&dated(b"new\nline"), 1).unwrap();
        let login = Login::with_fold(&world.fold(node)).userland(userland);
        nodes.push(world.sshd_with(node, login));
    }
    world.sections(&format!("[hub O]\nsrvnode = odd\ntimezone = {ZONE}"));
    let config = world.hub("A", "srv1").write("O = GNU BUSYBOX\nA = GNU", PATIENT);
    let exporter = world.serve(&config);
    let text = exporter.text("/metrics").unwrap();
    assert_healthy(&text, "A", "GNU");
    for node in ["GNU", "BUSYBOX"] {
        for (_, label) in names {
            let of =
                |name: &str| format!("scm_backup_{name}{{hub=\"O\",node=\"{node}\",repo=\"svn/{label}\"}}");
            assert_eq!(value(&text, &of("tarball_size_bytes")), 4711.0);
            assert_eq!(value(&text, &of("tarball_verified")), 1.0);
        }
        let of_node = |name: &str| format!("scm_backup_{name}{{hub=\"O\",node=\"{node}\"}}");
        assert_eq!(value(&text, &of_node("listing_records")), names.len() as f64);
        assert!(value(&text, &of_node("listing_rejects")) >= 1.0);
        assert_eq!(value(&text, &of_node("probe_success")), 1.0);
    }
    check_metrics(&text).unwrap();
    let accept = [("Accept", "application/openmetrics-text; version=1.0.0")];
    let openmetrics = exporter.get_with("/metrics", &accept).unwrap();
    assert!(openmetrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    check_openmetrics(&openmetrics.text().unwrap()).unwrap();
    // No terminal is painted by a name, and no page, table or log shows two names alike.
    let pages = ["/", "/hub/O", "/hub/O?debug=1"].map(|path| exporter.text(path).unwrap());
    let tables = String::from_utf8(run_cli(&config, &["probe", "O"]).stdout).unwrap();
    let json = String::from_utf8(run_cli(&config, &["probe", "O", "--output", "json"]).stdout).unwrap();
    for shown in pages.into_iter().chain([text, tables, json, exporter.log()]) {
        assert!(!shown.contains(['\x1b', '\u{200b}', '\u{feff}', '\u{e0041}']), "{shown}");
    }
}

#[test]
fn key_with_the_printed_line_allows_the_probe_and_nothing_else() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N1", "srv2");
    world.hub("A", "srv1").hub("B", "srv2");
    let config = world.write("A = N1\nB = N1", PATIENT);
    let public_key = world.client.key().with_extension("pub");
    let line = run_cli(&config, &["authorized-key", "N1", "--public-key", &public_key.to_string_lossy()]);
    assert!(line.status.success(), "{line:?}");
    let line = String::from_utf8(line.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");

    let login = Login::with_fold(&world.fold("N1")).plain();
    let node = Options::new(&world.client, login).authorized_keys(line.trim_end()).start().unwrap();
    world.know("N1", &node);
    let exporter = world.serve(&config);
    for _ in 0..2 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "N1");
        assert_healthy(&metrics, "B", "N1");
    }
    assert_eq!((node.logins(), node.sessions()), (1, 4));

    let trap = world.dir.path().join("trap");
    let touch = format!("touch {}", trap.display());
    for command in
        ["cat /etc/passwd", "sh", "sh -s 00 00", &touch, &format!("sh -c '{touch}'"), &format!("$({touch})")]
    {
        let output = world.client.ssh("N1", command).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("FAIL root_not_allowed\t"), "{command}: {text}");
        assert_eq!(output.status.code(), Some(3), "{command}: {text}");
    }
    // Nor by way of a shell's standard input, a terminal, or a forwarded port.
    for (option, answer) in [("-T", "FAIL root_not_allowed"), ("-tt", "PTY allocation request failed")] {
        let mut ssh = world.client.ssh_command().unwrap();
        ssh.args([option, "N1"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut ssh = ssh.spawn().unwrap();
        // One that does not read it closes it.
        let _ = ssh.stdin.take().unwrap().write_all(format!("{touch}\nexit\n").as_bytes());
        let output = ssh.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(String::from_utf8_lossy(&said).contains(answer), "{}", String::from_utf8_lossy(&said));
    }
    let mut forward = world.client.ssh_command().unwrap();
    let forward = forward.args(["-W", "127.0.0.1:1", "N1"]).stdin(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&forward.stderr).contains("administratively prohibited"), "{forward:?}");
    assert!(!trap.exists());
}

#[test]
fn on_a_terminal_the_line_comes_with_the_command_that_sends_it_whole() {
    let mut world = World::new();
    // As an editor leaves it that ends no last line.
    let other = "ssh-ed25519 AAAA other";
    let node = world.sshd_with("N1", Login::default().home_file(".ssh/authorized_keys", other));
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    let public_key = world.client.key().with_extension("pub");
    let words = ["--config.file", config.to_str().unwrap(), "authorized-key", "N1", "--public-key"];
    let words = [&[program().to_str().unwrap()], &words[..], &[public_key.to_str().unwrap()]].concat();
    let typed = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    let shown =
        Command::new("script").args(["-qec", &typed, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap().replace('\r', "");
    assert!(
        shown.contains("Do not paste this line: it has ") && shown.contains("First remove any older line"),
        "{shown}"
    );

    // What it says to type does it.
    let command = shown.lines().find(|line| line.contains(" | ssh ")).unwrap();
    let sent = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output().unwrap();
    assert!(sent.status.success(), "{command}: {sent:?}");
    let line = run_cli(&config, &words[3..]);
    assert!(line.stdout.len() > 4096);
    // Where it is no terminal, nothing but the line is said.
    assert_eq!(String::from_utf8(line.stderr).unwrap(), "");
    let line = String::from_utf8(line.stdout).unwrap();
    let keys = fs::read_to_string(node.home().join(".ssh/authorized_keys")).unwrap();
    assert_eq!(keys, format!("{other}\n{line}"));
}

#[test]
fn nothing_is_written_on_a_node() {
    let mut world = World::new();
    let tree = world.good_tree("N1", "srv1");
    tree.unplaceable(3).unwrap();
    let tmp = world.dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    let mut nodes = Vec::new();
    for (name, userland) in [("GNU", Userland::Full), ("BUSYBOX", Userland::Busybox)] {
        let login = Login::with_fold(&world.fold("N1")).userland(userland);
        nodes.push(world.sshd_with(name, login.env("TMPDIR", &tmp.to_string_lossy())));
    }
    let config = world.hub("A", "srv1").write("A = GNU BUSYBOX", PATIENT);
    let places = [world.fold("N1"), tmp, nodes[0].home(), nodes[1].home()];
    let before = places.each_ref().map(|place| everything(place));
    let metrics = world.serve(&config).text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GNU");
    assert_healthy(&metrics, "A", "BUSYBOX");
    assert_eq!(before, places.each_ref().map(|place| everything(place)));
}

/// Every file below a directory with the time of its last change.
fn everything(directory: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut found = vec![(directory.to_owned(), fs::metadata(directory).unwrap().modified().unwrap())];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path, metadata.modified().unwrap()));
        }
    }
    found.sort();
    found
}
