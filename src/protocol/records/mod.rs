//! The inside of record batches: reading, writing, compression, and what a producer's batch must be like.

mod builder;
pub mod compression;
mod reader;
pub mod record;
#[cfg(test)]
mod tests;
mod validate;

pub use builder::{BatchBuilder, ProducerFields};
pub use compression::{Codec, Compression};
pub use reader::{Placed, ReadError, RecordReader, Search, TimestampOffset, TimestampSearch};
pub use validate::{Invalid, RecordError, Rules, Step, Timestamps, Validated, Validation, validate};
