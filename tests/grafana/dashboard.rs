//! Reading the files of `grafana/dashboards`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A dashboard.
pub struct Dashboard {
    pub file: PathBuf,
    pub json: Value,
}

impl Dashboard {
    /// All of them, in the order of their files' names.
    pub fn all() -> Vec<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
        let mut files: Vec<PathBuf> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", directory.display());
        files
            .into_iter()
            .map(|file| {
                let text = fs::read_to_string(&file).unwrap();
                let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
                Self { file, json }
            })
            .collect()
    }

    pub fn uid(&self) -> &str {
        text(&self.json["uid"])
    }

    /// Every panel, rows among them.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        let mut repeated_by = None;
        let mut panels = Vec::new();
        for json in list(&self.json["panels"]) {
            // What follows a row belongs to it, and is repeated with it.
            if json["type"] == "row" {
                repeated_by = json["repeat"].as_str();
                assert!(list(&json["panels"]).is_empty(), "{}: a row that is open holds panels", self.uid());
            }
            panels.push(Panel { dashboard: self.uid(), json, repeated_by });
        }
        panels
    }

    pub fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// Every query: of panels, of annotations, and of variables, with where it stands.
    pub fn expressions(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for panel in self.panels() {
            for target in panel.targets() {
                all.push((format!("{panel}, {}", target["refId"]), text(&target["expr"]).to_owned()));
            }
        }
        for annotation in list(&self.json["annotations"]["list"]) {
            if let Some(expression) = annotation["expr"].as_str() {
                all.push((format!("{}: {}", self.uid(), annotation["name"]), expression.to_owned()));
            }
        }
        for variable in self.variables() {
            if let Some(query) = variable["query"]["query"].as_str() {
                let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
                let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).expect(query);
                let expression = format!("group by ({label}) ({series})");
                all.push((format!("{}: variable {}", self.uid(), variable["name"]), expression));
            }
        }
        all
    }
}

/// A panel of a dashboard.
pub struct Panel<'a> {
    dashboard: &'a str,
    pub json: &'a Value,
    /// The variable by which its row is repeated.
    pub repeated_by: Option<&'a str>,
}

impl Panel<'_> {
    pub fn kind(&self) -> &str {
        text(&self.json["type"])
    }

    pub fn title(&self) -> &str {
        text(&self.json["title"])
    }

    pub fn targets(&self) -> &[Value] {
        list(&self.json["targets"])
    }

    /// x, y, width and height.
    pub fn place(&self) -> [u64; 4] {
        ["x", "y", "w", "h"].map(|side| {
            self.json["gridPos"][side].as_u64().unwrap_or_else(|| panic!("{self}: no gridPos.{side}"))
        })
    }

    /// The configuration of its fields: what holds for all, and what for some.
    pub fn fields(&self) -> (&Value, &[Value]) {
        (&self.json["fieldConfig"]["defaults"], list(&self.json["fieldConfig"]["overrides"]))
    }
}

impl std::fmt::Display for Panel<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.dashboard, self.title())
    }
}

/// The text; empty where there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The list; empty where there is none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
