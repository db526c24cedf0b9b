//! The Dockerfile against what stands around it.

use std::fs;

use serde_json::Value;

use crate::dockerfile::{instruction, stage, stages, words};
use crate::file::{mounts, project, services};

#[test]
fn nothing_runs_as_root_and_all_as_the_one_account() {
    let script = fs::read_to_string(project("deploy/rootfs.sh")).unwrap();
    let account = script.lines().find_map(|line| line.strip_prefix("account=")).unwrap();
    assert_ne!(account.parse::<u32>().unwrap(), 0);
    for stage in ["exporter", "node"] {
        // By number: only so can an orchestrator tell that it is not root.
        assert_eq!(instruction(stage, "USER"), format!("{account}:{account}"), "{stage}");
    }
    let makes_account = format!("useradd --uid {account} ");
    assert!(stage("node").all("RUN").any(|command| command.starts_with(&makes_account)));
}

#[test]
fn exporter_is_the_stage_that_is_built_when_none_is_named() {
    assert_eq!(stages().last().unwrap().name, "exporter");
    let services = services();
    for service in ["exporter", "alertmanager-config"] {
        assert_eq!(services[service]["build"], ".", "{service}");
    }
    for node in ["node-sdu", "node-c", "node-h1", "keys"] {
        assert_eq!(services[node]["build"]["target"], "node");
    }
}

/// What is in it is shown in `inside.rs`.
#[test]
fn exporter_holds_what_the_script_puts_there_and_nothing_else() {
    let exporter = stage("exporter");
    assert_eq!(exporter.from, "scratch");
    assert_eq!(exporter.all("COPY").collect::<Vec<_>>(), ["--from=root /rootfs /"]);
    assert_eq!(exporter.all("ADD").count(), 0);
    assert_eq!(stage("root").all("RUN").last(), Some("sh /rootfs.sh /rootfs /scm-backup-exporter"));
}

/// Every file is copied from a place where it is: the project, but for what .dockerignore leaves out, or an
/// earlier stage.
#[test]
fn what_is_copied_is_there() {
    let ignored = fs::read_to_string(project(".dockerignore")).unwrap();
    let stages = stages();
    let mut copied = 0;
    for (number, stage) in stages.iter().enumerate() {
        let name = &stage.name;
        for arguments in stage.all("COPY") {
            copied += 1;
            let mut words = words(arguments);
            words.pop().expect("a destination");
            if let Some(from) = words[0].strip_prefix("--from=") {
                assert!(stages[..number].iter().any(|earlier| earlier.name == from), "{name}: no {from}");
                continue;
            }
            for source in words {
                assert!(project(source).exists(), "{name}: there is no {source}");
                let top = source.split('/').next().unwrap();
                assert!(ignored.lines().all(|line| line != top && line != source), "{name}: {source}");
            }
        }
    }
    assert_eq!(copied, 4);
    // What cargo builds is copied from where cargo puts it.
    let root = stage("root");
    let program = root.all("COPY").find_map(|arguments| arguments.strip_prefix("--from=build ")).unwrap();
    let built = format!("{}/target/release/{} /", instruction("build", "WORKDIR"), env!("CARGO_PKG_NAME"));
    assert_eq!(program, built);
}

#[test]
fn compiler_is_new_enough() {
    let manifest = fs::read_to_string(project("Cargo.toml")).unwrap();
    let needed = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let needed = needed.trim_end_matches('"');
    let from = stage("build").from;
    assert!(from.starts_with(&format!("rust:{needed}-")), "{from} for {needed}");
}

/// The program is linked with the C library of where it is built, and the image has that of where it is put together.
#[test]
fn c_library_is_the_one_that_the_exporter_was_built_with() {
    for stage in stages() {
        let from = stage.from;
        let is_debian_12 = from == "debian:12-slim" || from.ends_with("-slim-bookworm");
        assert!(is_debian_12 || from == "scratch", "{} is of {from}", stage.name);
    }
}

#[test]
fn ports_of_the_stages_are_those_of_the_services() {
    let services = services();
    assert_eq!(instruction("exporter", "EXPOSE"), "10222");
    assert!(services["exporter"]["ports"][0].as_str().unwrap().ends_with(":10222"));
    let node_port = instruction("node", "EXPOSE");
    let check = services["node-c"]["healthcheck"]["test"][3].as_str().unwrap();
    assert!(check.ends_with(&format!("/{node_port}")), "{check}");
}

/// An entry point that is a script is mounted where it is looked for.
#[test]
fn scripts_are_where_the_containers_look_for_them() {
    let services = services();
    let entry: Value = serde_json::from_str(&instruction("node", "ENTRYPOINT")).unwrap();
    let own = |name| (name, &services[name]["entrypoint"]);
    for (name, entry) in [("node-c", &entry), own("keys"), own("alertmanager-config")] {
        let script = entry[1].as_str().unwrap();
        assert!(mounts(&services[name]).iter().any(|mount| mount.target == script), "{name}: {script}");
    }
}

#[test]
fn build_leaves_out_what_is_built_here() {
    let ignored = fs::read_to_string(project(".dockerignore")).unwrap();
    assert_eq!(ignored.lines().collect::<Vec<_>>(), [".git", "target"]);
}
