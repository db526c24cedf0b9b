//! What must be reached.

/// Says whether a goal is, for a person.
pub(crate) fn reached(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "NOT reached" }
}
