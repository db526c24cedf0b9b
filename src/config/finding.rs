//! What is wrong, and where.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::text::Escaped;

/// Where something stands: as much of file, line, section and key as there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) file: PathBuf,
    /// The file's position among the files.
    pub(super) position: usize,
    /// Counted from 1; 0 for the file as a whole.
    pub(super) line: usize,
    section: Option<String>,
    key: Option<String>,
}

impl Spot {
    /// A whole file, by its path and its position among the files.
    pub(super) fn file(path: &Path, position: usize) -> Self {
        Self { file: path.to_owned(), position, line: 0, section: None, key: None }
    }

    /// A line of this file.
    pub(super) fn line(&self, line: usize) -> Self {
        Self { line, ..self.clone() }
    }

    /// A section of this file, as its header is written in this line.
    pub(super) fn section(&self, header: &str, line: usize) -> Self {
        Self { section: Some(header.to_owned()), line, ..self.clone() }
    }

    /// A setting of this section, in this line.
    pub(super) fn setting(&self, key: &str, line: usize) -> Self {
        Self { key: Some(key.to_owned()), line, ..self.clone() }
    }

    /// A key that this section lacks, or one for several.
    pub(super) fn lacking(&self, key: &str) -> Self {
        self.setting(key, self.line)
    }
}

/// One fault or warning. It prints as `FILE:LINE: [SECTION] KEY: what is wrong; what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    spot: Spot,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spot { file, line, section, key, .. } = &self.spot;
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

/// Why a configuration cannot be used: at least one fault, and the warnings found on the way.
/// It prints one fault a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Faults {
    /// The faults, never none, in the order of the files.
    pub fn faults(&self) -> &[Finding] {
        &self.faults
    }

    /// What else was noticed, in the order of the files.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: Vec<Finding>,
    warnings: Vec<Finding>,
    /// Part of what was written could not be read: that something is absent cannot be said any more.
    pub(super) incomplete: bool,
    /// Headers of sections of which a setting could not be read.
    damaged: BTreeSet<String>,
    /// What the faults of a file come from, should it have any.
    suspects: Vec<Finding>,
}

impl Findings {
    pub(super) fn fault(&mut self, spot: &Spot, text: impl Into<String>) {
        self.faults.push(Finding { spot: spot.clone(), text: text.into() });
    }

    pub(super) fn warn(&mut self, spot: &Spot, text: impl Into<String>) {
        self.warnings.push(Finding { spot: spot.clone(), text: text.into() });
    }

    /// A fault that hides part of what was written.
    pub(super) fn broken(&mut self, spot: &Spot, text: impl Into<String>) {
        self.incomplete = true;
        self.fault(spot, text);
    }

    /// A fault that hides a setting of the section with this header; one of `[HUB]` hides names.
    pub(super) fn damaged(&mut self, spot: &Spot, header: String, text: impl Into<String>) {
        self.incomplete |= header == "HUB";
        self.damaged.insert(header);
        self.fault(spot, text);
    }

    /// What is wrong with a file as a whole if anything is wrong in it; that is then its only fault.
    pub(super) fn suspect(&mut self, spot: &Spot, text: impl Into<String>) {
        self.incomplete |= self.faults.iter().any(|fault| fault.spot.position == spot.position);
        self.suspects.push(Finding { spot: spot.clone(), text: text.into() });
    }

    /// Whether a setting of a section with this header could not be read.
    pub(super) fn is_damaged(&self, header: &str) -> bool {
        self.damaged.contains(header)
    }

    /// A fault by absence, which is no fault where part of the text could not be read.
    pub(super) fn absent(&mut self, spot: &Spot, text: impl Into<String>) {
        if !self.incomplete {
            self.fault(spot, text);
        }
    }

    /// The warnings, if there is no fault.
    pub(super) fn finish(mut self) -> Result<Vec<Finding>, Faults> {
        for suspect in self.suspects {
            let others = self.faults.len();
            self.faults.retain(|fault| fault.spot.position != suspect.spot.position);
            if self.faults.len() < others {
                self.faults.push(suspect);
            }
        }
        for findings in [&mut self.faults, &mut self.warnings] {
            findings.sort_by_key(|finding| (finding.spot.position, finding.spot.line));
            // A setting in [ENV] is read once for every node.
            let mut seen = Vec::new();
            findings.retain(|finding| {
                let new = !seen.contains(finding);
                if new {
                    seen.push(finding.clone());
                }
                new
            });
        }
        if self.faults.is_empty() {
            Ok(self.warnings)
        } else {
            Err(Faults { faults: self.faults, warnings: self.warnings })
        }
    }
}
