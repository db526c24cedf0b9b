//! What a node prints.
