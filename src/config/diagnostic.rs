//! Faults and warnings with their locations.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::text::Escaped;

/// A location: file, and line, section and key as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) file: PathBuf,
    /// The file's position among the files.
    pub(super) position: usize,
    /// Counted from 1; 0 for the file as a whole.
    pub(super) line: usize,
    section: Option<String>,
    key: Option<String>,
}

impl Location {
    /// A whole file, by its path and its position among the files.
    pub(super) fn file(path: &Path, position: usize) -> Self {
        Self { file: path.to_owned(), position, line: 0, section: None, key: None }
    }

    /// A line of this file.
    pub(super) fn line(&self, line: usize) -> Self {
        Self { line, ..self.clone() }
    }

    /// A section of this file, with its header and line.
    pub(super) fn section(&self, header: &str, line: usize) -> Self {
        Self { section: Some(header.to_owned()), line, ..self.clone() }
    }

    /// A setting of this section, in this line.
    pub(super) fn setting(&self, key: &str, line: usize) -> Self {
        Self { key: Some(key.to_owned()), line, ..self.clone() }
    }

    /// A missing key of this section, or several.
    pub(super) fn lacking(&self, key: &str) -> Self {
        self.setting(key, self.line)
    }
}

/// One fault or warning. It prints as `FILE:LINE: [SECTION] KEY: what is wrong; what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    location: Location,
    text: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { file, line, section, key, .. } = &self.location;
        write!(f, "{}", file.display())?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        match (section, key) {
            (Some(section), Some(key)) => write!(f, ": [{}] {}", Escaped(section), Escaped(key))?,
            (Some(section), None) => write!(f, ": [{}]", Escaped(section))?,
            _ => {}
        }
        write!(f, ": {}", Escaped(&self.text))
    }
}

/// The faults of an unusable configuration (at least one), with its warnings.
/// It prints one fault a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl ConfigErrors {
    /// The faults (at least one), in the order of the files.
    pub fn faults(&self) -> &[Diagnostic] {
        &self.faults
    }

    /// The warnings, in the order of the files.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The faults and warnings found so far.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Part of the text could not be parsed, so nothing can be reported as absent.
    pub(super) incomplete: bool,
    /// Headers of sections with a setting that could not be parsed.
    damaged: BTreeSet<String>,
    /// The likely common cause of a file's faults, if it has any.
    suspects: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn fault(&mut self, location: &Location, text: impl Into<String>) {
        self.faults.push(Diagnostic { location: location.clone(), text: text.into() });
    }

    pub(super) fn warn(&mut self, location: &Location, text: impl Into<String>) {
        self.warnings.push(Diagnostic { location: location.clone(), text: text.into() });
    }

    /// Records a fault that hides part of the text.
    pub(super) fn broken(&mut self, location: &Location, text: impl Into<String>) {
        self.incomplete = true;
        self.fault(location, text);
    }

    /// Records a fault that hides a setting of the section with this header; in `[HUB]` it hides names.
    pub(super) fn damaged(&mut self, location: &Location, header: String, text: impl Into<String>) {
        self.incomplete |= header == "HUB";
        self.damaged.insert(header);
        self.fault(location, text);
    }

    /// Records a common cause of a file's faults. If the file has faults, only this one is reported.
    pub(super) fn suspect(&mut self, location: &Location, text: impl Into<String>) {
        self.incomplete |= self.faults.iter().any(|fault| fault.location.position == location.position);
        self.suspects.push(Diagnostic { location: location.clone(), text: text.into() });
    }

    /// Whether a section with this header has a setting that could not be parsed.
    pub(super) fn is_damaged(&self, header: &str) -> bool {
        self.damaged.contains(header)
    }

    /// Records a fault of absence, unless part of the text could not be parsed.
    pub(super) fn absent(&mut self, location: &Location, text: impl Into<String>) {
        if !self.incomplete {
            self.fault(location, text);
        }
    }

    /// Returns the warnings, if there is no fault.
    pub(super) fn finish(mut self) -> Result<Vec<Diagnostic>, ConfigErrors> {
        for suspect in self.suspects {
            let others = self.faults.len();
            self.faults.retain(|fault| fault.location.position != suspect.location.position);
            if self.faults.len() < others {
                self.faults.push(suspect);
            }
        }
        for diagnostics in [&mut self.faults, &mut self.warnings] {
            diagnostics.sort_by_key(|diagnostic| (diagnostic.location.position, diagnostic.location.line));
            // A setting in [ENV] is read once for every node.
            let mut seen = Vec::new();
            diagnostics.retain(|diagnostic| {
                let new = !seen.contains(diagnostic);
                if new {
                    seen.push(diagnostic.clone());
                }
                new
            });
        }
        if self.faults.is_empty() {
            Ok(self.warnings)
        } else {
            Err(ConfigErrors { faults: self.faults, warnings: self.warnings })
        }
    }
}
