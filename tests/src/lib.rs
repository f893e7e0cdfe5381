//! See this crate's README.

pub mod batch;
pub mod broker;
pub mod clients;
pub mod codec;
#[rustfmt::skip] // Generated.
pub mod codec_table;
pub mod fuzz;
pub mod generator;
pub mod golden;
pub mod java;
pub mod proxy;
pub mod simulation;
pub mod wire;
