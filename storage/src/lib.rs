//! See this crate's README.
pub mod disk;
pub mod batch;
pub mod varint;
pub mod index;
pub mod txn_index;
