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
pub use reader::{Placed, ReadError, RecordReader, TimestampOffset, find_timestamp, offset_of_max_timestamp};
pub use validate::{Invalid, RecordError, Rules, Step, Timestamps, Validated, Validation, validate};
