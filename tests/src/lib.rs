//! See this crate's README.

pub mod batch;
pub mod broker;
pub mod clients;
pub mod wire;
