//! The dependencies are what deny.toml allows: their licences, their sources, what is banned; and they build with the Rust
//! that Cargo.toml names. `make deny` also asks for advisories, and needs cargo-deny and the network.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The packages that are built for the targets of deny.toml.
fn packages(deny: &Value) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--locked", "--format-version=1", "--all-features"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for target in texts(&deny["graph"]["targets"]) {
        command.args(["--filter-platform", target]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let built: BTreeSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let all = metadata["packages"].as_array().unwrap().iter();
    all.filter(|package| built.contains(text(&package["id"]))).cloned().collect()
}

fn deny() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    basic_toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Those that others have written.
fn is_foreign(package: &Value) -> bool {
    !package["source"].is_null()
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let deny = deny();
    let packages = packages(&deny);
    let allowed = texts(&deny["licenses"]["allow"]);
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages.iter().filter(|package| is_foreign(package)) {
        let (name, written) = (text(&package["name"]), text(&package["license"]));
        let own: Vec<&str> = exceptions
            .iter()
            .filter(|exception| exception["crate"] == name)
            .flat_map(|exception| texts(&exception["allow"]))
            .collect();
        let licence = Expression::parse_mode(written, ParseMode::LAX)
            .unwrap_or_else(|error| panic!("{name} is under {written:?}: {error}"));
        let is_allowed = licence.evaluate(|one| {
            one.license.id().is_some_and(|id| allowed.contains(&id.name) || own.contains(&id.name))
        });
        assert!(is_allowed, "{name} is under {written}, which deny.toml does not allow");
    }
    for exception in exceptions {
        let is_used = packages.iter().any(|package| package["name"] == exception["crate"]);
        assert!(is_used, "there is no {} any more: take its exception out of deny.toml", exception["crate"]);
    }
}

#[test]
fn every_dependency_comes_from_crates_io_in_a_version_that_is_named() {
    for package in packages(&deny()) {
        let name = text(&package["name"]);
        if is_foreign(&package) {
            assert_eq!(text(&package["source"]), CRATES_IO, "{name}");
            continue;
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_named = dependency["req"] != "*" || !dependency["path"].is_null();
            assert!(is_named, "{name} takes whatever {} comes", dependency["name"]);
        }
    }
}

#[test]
fn no_dependency_is_banned() {
    let deny = deny();
    let banned: Vec<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().map(|ban| text(&ban["crate"])).collect();
    assert!(banned.contains(&"openssl-sys"), "{banned:?}");
    for package in packages(&deny) {
        assert!(!banned.contains(&text(&package["name"])), "{} is banned by deny.toml", package["name"]);
    }
}

#[test]
fn every_dependency_builds_with_the_oldest_rust_that_we_promise() {
    let numbers = |version: &str| -> Vec<u32> {
        let mut numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
        numbers.resize(3, 0);
        numbers
    };
    let ours = env!("CARGO_PKG_RUST_VERSION");
    for package in packages(&deny()) {
        let Some(theirs) = package["rust_version"].as_str() else { continue };
        assert!(numbers(theirs) <= numbers(ours), "{} needs Rust {theirs}, not {ours}", package["name"]);
    }
}
