//! See this crate's README.
