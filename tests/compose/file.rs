//! Reading `docker-compose.yml`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of YAML.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(project(path)).unwrap()).unwrap()
}

/// The services by their names.
pub fn services() -> Map<String, Value> {
    yaml("docker-compose.yml")["services"].as_object().unwrap().clone()
}

/// The texts of a list; none where there is no list.
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map_or(Vec::new(), |list| list.iter().map(|item| item.as_str().unwrap()).collect())
}

/// Something that a container has from outside.
#[derive(Debug)]
pub struct Mount {
    /// A path in the project, as `./deploy`, or the name of a volume.
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

impl Mount {
    pub fn is_volume(&self) -> bool {
        !self.source.starts_with('.')
    }
}

/// What a service mounts, by the defaults of the variables.
pub fn mounts(service: &Value) -> Vec<Mount> {
    let mount = |text: &str| {
        let (source, rest) = match text.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            Some((variable, rest)) => (variable.split_once(":-").expect(text).1, &rest[1..]),
            None => text.split_once(':').expect(text),
        };
        let (target, mode) = rest.split_once(':').unwrap_or((rest, ""));
        Mount { source: source.to_owned(), target: target.to_owned(), read_only: mode == "ro" }
    };
    texts(&service["volumes"]).into_iter().map(mount).collect()
}

/// The port of a service that is published, and the one inside.
pub fn ports(service: &Value) -> Vec<(u16, u16)> {
    texts(&service["ports"])
        .into_iter()
        .map(|port| {
            let parts: Vec<&str> = port.split(':').collect();
            let [address, outside, inside] = parts[..] else { panic!("{port} has no address") };
            assert_eq!(address, "127.0.0.1", "{port} is open to the network");
            (outside.parse().unwrap(), inside.parse().unwrap())
        })
        .collect()
}
