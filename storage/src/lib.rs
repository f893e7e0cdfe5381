//! See this crate's README.
pub mod disk;
pub mod codec;
pub mod crc;
pub mod key;
pub mod ledger;
pub mod record;
pub mod root;
pub mod batch;
pub mod varint;
pub mod index;
pub mod txn_index;
pub mod kafka_files;
pub mod epochs;
pub mod producers;
