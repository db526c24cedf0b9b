//! Kinds of nodes.
