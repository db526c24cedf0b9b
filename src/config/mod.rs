//! From configuration files to an [`Inventory`].
//!
//! The way there: `ini` reads the text, `roster` reads `[HUB]`, `sections` sorts and merges
//! what the files say, and `resolve` turns it into values. No step stops at a fault: each notes what is wrong
//! and goes on, so that one run names every fault. Nothing here looks at the environment or at a clock; the
//! environment is handed in.

mod check;
mod expand;
mod finding;
mod foreign;
mod ini;
mod keys;
mod nearest;
mod resolve;
mod roster;
mod sections;
mod tag;
mod value;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::inventory::Inventory;
use finding::{Findings, Spot};

pub use check::check_text;
pub use finding::{Faults, Finding};
pub use keys::{KeyDoc, keys_help, known_keys};
pub(crate) use nearest::nearest;
pub use value::{mail_address, page as page_address};

/// A configuration that can be worked with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is to be looked at.
    pub inventory: Inventory,
    /// What somebody should know, in the order of the files.
    pub warnings: Vec<Finding>,
}

/// Reads the files, of which later ones add to earlier ones.
///
/// `env` gives the value of an environment variable, or `None` when it is not set.
///
/// # Errors
/// Every fault of every file, a file that cannot be read among them.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Faults> {
    let mut findings = Findings::default();
    let mut sources = Vec::with_capacity(files.len());
    for (position, file) in files.iter().enumerate() {
        let spot = Spot::file(file, position);
        let text = match std::fs::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
                findings.broken(&spot.line(line), "not UTF-8; save the file as UTF-8");
                String::new()
            }
            Err(error) => {
                findings.broken(
                    &spot,
                    match error.kind() {
                        ErrorKind::NotFound => {
                            "does not exist; make it, or name another with --config.file".to_owned()
                        }
                        _ => format!("cannot be read: {error}; check the path and its permissions"),
                    },
                );
                String::new()
            }
        };
        sources.push((file.clone(), text));
    }
    understand(&sources, env, findings)
}

/// As [`load`], from texts that are at hand already, each with the path to be named in messages.
///
/// # Errors
/// Every fault of every text.
pub fn parse(sources: &[(PathBuf, String)], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Faults> {
    understand(sources, env, Findings::default())
}

fn understand(
    sources: &[(PathBuf, String)],
    env: &dyn Fn(&str) -> Option<String>,
    mut findings: Findings,
) -> Result<Loaded, Faults> {
    let first = sources.first().map_or(Path::new("--config.file"), |(file, _)| file);
    let first = Spot::file(first, 0);
    if sources.is_empty() {
        findings.broken(&first, "names no file; give it the path of a configuration file");
    }
    let mut written = Vec::new();
    for (position, (file, text)) in sources.iter().enumerate() {
        let file = Spot::file(file, position);
        written.extend(ini::parse(text, &file, &mut findings));
        if let Some(format) = foreign::format(text) {
            findings.suspect(&file, format!("not an INI file but {format}; {}", foreign::ADVICE));
        }
    }
    let roster = roster::read(&written, &first, env, &mut findings);
    let sections = sections::sort(written, &roster, &mut findings);
    let inventory = resolve::inventory(&roster, &sections, env, &mut findings);
    let warnings = findings.finish()?;
    Ok(Loaded { inventory, warnings })
}
