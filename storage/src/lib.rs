//! See this crate's README.
pub mod disk;
