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
pub use reader::{Next, Placed, ReadError, RecordReader, TimestampOffset, TimestampSearch};
pub use validate::{Invalid, RecordError, Rules, Timestamps, Validated, Validation, validate};

/// Work on the records of a batch in pieces, so that the caller can let others run in between.
pub trait Stepwise: Sized {
    type Output;
    type Error;

    /// Does what about `budget` bytes of records take, decompressed, and at least a little.
    fn step(self, budget: usize) -> Result<Step<Self>, Self::Error>;

    /// Bytes of memory that it holds until its next step, or will hold before long, beside the batch.
    fn held(&self) -> usize;

    /// Bytes of memory that the outcome holds of its own: the batch is not its own.
    fn made(output: &Self::Output) -> usize;
}

/// How far such work is.
pub enum Step<W: Stepwise> {
    More(W),
    Done(W::Output),
}
