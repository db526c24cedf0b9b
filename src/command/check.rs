//! `check`.
use std::path::PathBuf;
use std::process::ExitCode;
pub(super) fn run(files: &[PathBuf], _live: bool) -> ExitCode {
    let _ = super::load(files);
    ExitCode::SUCCESS
}
