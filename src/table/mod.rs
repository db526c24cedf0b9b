//! Status tables: for a person at a terminal, and as JSON for a program.
//!
//! Pure functions of what was found out; whether there is colour, and how wide the terminal is, is handed in.

mod seen;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use seen::seen;
pub use text::{Look, text};
pub(crate) use text::{ago, limits_in_force, reasons, wall_clock};
pub(crate) use view::zone_name;
pub use view::{
    Failure, FilesystemView, HubView, LimitsView, NodeView, Reason, RepoView, ReportView, Round, State,
    TarballView,
};

/// The round as JSON, indented, with the field names of [`Round`] and what it holds. What is not known is `null`.
///
/// # Errors
/// None that can happen: all keys are strings. A caller that prints it has errors of its own to return anyway.
pub fn json(round: &Round) -> serde_json::Result<String> {
    serde_json::to_string_pretty(round)
}
