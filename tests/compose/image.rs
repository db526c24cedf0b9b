//! The Dockerfile against what stands around it.

use std::fs;

use serde_json::Value;

use crate::file::{mounts, project, services};

fn dockerfile() -> String {
    fs::read_to_string(project("Dockerfile")).unwrap()
}

/// The lines of a stage.
fn stage(name: &str) -> Vec<String> {
    let text = dockerfile();
    let ending = format!(" AS {name}");
    let lines = text.lines().skip_while(|line| !line.ends_with(&ending)).skip(1);
    let lines: Vec<String> = lines.take_while(|line| !line.starts_with("FROM ")).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "there is no stage {name}");
    lines
}

#[test]
fn nothing_runs_as_root() {
    for name in ["exporter", "node"] {
        assert!(stage(name).contains(&"USER scm".to_owned()), "{name}");
    }
}

#[test]
fn exporter_is_the_stage_that_is_built_when_none_is_named() {
    let text = dockerfile();
    let last = text.lines().rfind(|line| line.starts_with("FROM ")).unwrap();
    assert_eq!(last, "FROM account AS exporter");
    let services = services();
    assert_eq!(services["exporter"]["build"], ".");
    for node in ["node-sdu", "node-c", "node-h1"] {
        assert_eq!(services[node]["build"]["target"], "node");
    }
}

#[test]
fn exporter_has_an_ssh_client_and_no_compiler() {
    let stage = stage("exporter").join("\n");
    assert!(stage.contains("openssh-client") && !stage.contains("cargo"), "{stage}");
}

#[test]
fn compiler_is_new_enough() {
    let manifest = fs::read_to_string(project("Cargo.toml")).unwrap();
    let needed = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let needed = needed.trim_end_matches('"');
    assert!(
        dockerfile().starts_with("# ") && dockerfile().contains(&format!("FROM rust:{needed}-")),
        "{needed}"
    );
}

#[test]
fn ports_of_the_stages_are_those_of_the_services() {
    let services = services();
    assert!(stage("exporter").contains(&"EXPOSE 10222".to_owned()));
    assert!(services["exporter"]["ports"][0].as_str().unwrap().ends_with(":10222"));
    let node_port = "2222";
    assert!(stage("node").contains(&format!("EXPOSE {node_port}")));
    let check = services["node-c"]["healthcheck"]["test"][3].as_str().unwrap();
    assert!(check.ends_with(&format!("/{node_port}")), "{check}");
}

/// An entry point that is a script is mounted where it is looked for.
#[test]
fn scripts_are_where_the_containers_look_for_them() {
    let services = services();
    let entry = stage("node").into_iter().find_map(|line| Some(line.strip_prefix("ENTRYPOINT ")?.to_owned()));
    let entry: Value = serde_json::from_str(&entry.unwrap()).unwrap();
    for (name, entry) in [("node-c", &entry), ("keys", &services["keys"]["entrypoint"])] {
        let script = entry[1].as_str().unwrap();
        assert!(mounts(&services[name]).iter().any(|mount| mount.target == script), "{name}: {script}");
    }
}

#[test]
fn build_leaves_out_what_is_built_here() {
    let ignored = fs::read_to_string(project(".dockerignore")).unwrap();
    assert_eq!(ignored.lines().collect::<Vec<_>>(), [".git", "target"]);
}
