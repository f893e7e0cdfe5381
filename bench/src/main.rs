//! `logan-bench`: see this crate's README.
fn main() {}
