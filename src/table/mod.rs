//! What is known of hubs, nodes and repos as one typed value, for a person at a terminal and as JSON for a program.
//!
//! An [`Overview`] holds times, states and problems as such; [`text()`] and [`json()`] here and the pages are renderings of it.
//! Pure functions of what was found out; whether there is colour, and how wide the terminal is, is handed in.

mod json;
mod limits;
mod overview;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod view;

pub use json::json;
pub(crate) use limits::{limits_in_force, limits_in_words};
pub use overview::overview;
pub use text::{Terminal, text};
pub use time::LocalTime;
pub(crate) use time::zone_name;
pub use view::{
    FailureView, FilesystemView, HubView, NodeView, Overview, RepoView, ReportView, State, TarballView,
};
