//! Status tables: for a person at a terminal, and as JSON for a program.
//!
//! Pure functions of what was found out; whether there is colour, and how wide the terminal is, is handed in.

mod overview;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use overview::overview;
pub use text::{Terminal, text};
pub(crate) use text::{ago, limits_in_force, reasons, wall_clock};
pub(crate) use view::zone_name;
pub use view::{
    FailureView, FilesystemView, HubView, LimitsView, NodeView, Overview, ProblemView, RepoView, ReportView,
    State, TarballView,
};

/// The overview as JSON, indented, with the field names of [`Overview`] and what it holds. What is not known is `null`.
///
/// # Errors
/// None that can happen: all keys are strings. A caller that prints it has errors of its own to return anyway.
pub fn json(overview: &Overview) -> serde_json::Result<String> {
    serde_json::to_string_pretty(overview)
}
