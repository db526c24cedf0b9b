//! Loads configuration files into an [`Inventory`].
//!
//! `ini` parses the text, `hub_list` reads `[HUB]`, `sections` sorts and merges the sections of all files, and `resolve`
//! turns them into values. No step stops at a fault: each records it and continues, so that one run reports every fault.
//! The module reads neither the environment nor a clock; the caller passes the environment in.

mod check;
mod diagnostic;
mod expand;
mod foreign;
mod hub_list;
mod ini;
mod keys;
mod node_address;
mod resolve;
mod section;
mod sections;
mod suggest;
mod value;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::inventory::Inventory;
use diagnostic::{Diagnostics, Location};

pub use check::check_text;
pub use diagnostic::{ConfigErrors, Diagnostic};
pub use keys::{KeyDoc, keys_help, known_keys};
pub(crate) use suggest::suggest;
pub use value::{mail_address, page as page_address};

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The inventory.
    pub inventory: Inventory,
    /// Warnings, in the order of the files.
    pub warnings: Vec<Diagnostic>,
}

/// Loads the files. Later files add to earlier ones.
///
/// `env` returns the value of an environment variable, or `None` if it is not set.
///
/// # Errors
/// Every fault of every file, including files that cannot be read.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigErrors> {
    let mut diagnostics = Diagnostics::default();
    let mut sources = Vec::with_capacity(files.len());
    for (position, file) in files.iter().enumerate() {
        let location = Location::file(file, position);
        let text = match std::fs::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
                diagnostics.broken(&location.line(line), "not UTF-8; save the file as UTF-8");
                String::new()
            }
            Err(error) => {
                diagnostics.broken(
                    &location,
                    match error.kind() {
                        ErrorKind::NotFound => {
                            "does not exist; create it, or name another file with --config.file".to_owned()
                        }
                        _ => format!("cannot be read: {error}; check the path and its permissions"),
                    },
                );
                String::new()
            }
        };
        sources.push((file.clone(), text));
    }
    understand(&sources, env, diagnostics)
}

/// Like [`load`], from texts, each with the path that messages name.
///
/// # Errors
/// Every fault of every text.
pub fn parse(
    sources: &[(PathBuf, String)],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, ConfigErrors> {
    understand(sources, env, Diagnostics::default())
}

fn understand(
    sources: &[(PathBuf, String)],
    env: &dyn Fn(&str) -> Option<String>,
    mut diagnostics: Diagnostics,
) -> Result<Loaded, ConfigErrors> {
    let first = sources.first().map_or(Path::new("--config.file"), |(file, _)| file);
    let first = Location::file(first, 0);
    if sources.is_empty() {
        diagnostics.broken(&first, "names no file; give the path of a configuration file");
    }
    let mut written = Vec::new();
    for (position, (file, text)) in sources.iter().enumerate() {
        let file = Location::file(file, position);
        written.extend(ini::parse(text, &file, &mut diagnostics));
        if let Some(format) = foreign::format(text) {
            diagnostics.suspect(&file, format!("not an INI file but {format}; {}", foreign::ADVICE));
        }
    }
    let hub_list = hub_list::read(&written, &first, env, &mut diagnostics);
    let sections = sections::sort(written, &hub_list, &mut diagnostics);
    let inventory = resolve::inventory(&hub_list, &sections, env, &mut diagnostics);
    let warnings = diagnostics.finish()?;
    Ok(Loaded { inventory, warnings })
}
