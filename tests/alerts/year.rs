//! A year in which nothing is wrong.

#[test]
fn placeholder() {}
