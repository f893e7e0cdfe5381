//! Whether what is read is what was sent: every batch of a run is known again by its CRC.
//!
//! A producer makes its batches before the run, each with other bytes, and sends them to a partition in turn. So a consumer knows of each
//! batch who sent it and which one of that producer is due next: it sees what is missing, doubled, exchanged, altered or somebody else's, for the
//! price of the CRC that it computes anyway.
//!
//! Invariants:
//! - No two batches of a run have the same CRC, nor records with the same CRC.
//! - The `n`th batch of a producer in a partition is its variant `n % variants`.

use std::collections::HashMap;
use std::sync::Arc;

use logan::protocol::Records;
use logan_storage::batch::{Batch, BatchError, BatchReader, crc32c};

/// No batch is longer.
pub const MAX_BATCH_BYTES: usize = 256 << 20;

/// Who made a batch, and which of its variants it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub producer: u16,
    pub variant: u16,
}

/// All batches that the producers of a run send.
#[derive(Debug, Default)]
pub struct Known {
    by_crc: HashMap<u32, Identity>,
    /// Of each producer.
    variants: Vec<u16>,
}

/// Two batches could not be told apart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("two batches have the same CRC: give --record more bytes, or fewer --connections")]
pub struct Ambiguous;

impl Known {
    /// Adds the batches of the next producer, in their turn, and returns its number.
    pub fn add<'a>(&mut self, batches: impl IntoIterator<Item = &'a [u8]>) -> Result<u16, Ambiguous> {
        let producer = self.variants.len() as u16;
        let mut variants = 0;
        for bytes in batches {
            let batch = Batch::parse(bytes, MAX_BATCH_BYTES).expect("a batch that was just made");
            let identity = Identity { producer, variant: variants };
            // A header that is written anew, by an idempotent producer or by a broker that stamps times, leaves the records as they are.
            for crc in [batch.crc(), crc32c(batch.records())] {
                if self.by_crc.insert(crc, identity).is_some_and(|other| other != identity) {
                    return Err(Ambiguous);
                }
            }
            variants += 1;
        }
        self.variants.push(variants);
        Ok(producer)
    }

    fn identify(&self, batch: &Batch<'_>) -> Option<Identity> {
        let is_restamped = batch.has_producer_id() || batch.attributes().is_append_time();
        let crc = if is_restamped { crc32c(batch.records()) } else { batch.crc() };
        self.by_crc.get(&crc).copied()
    }
}

/// What is wrong with what was read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("partition {partition}, behind offset {offset}: {error}")]
    Malformed { partition: i32, offset: i64, error: BatchError },
    #[error(
        "partition {partition}: a batch of offsets {first} to {last} where {due} was due: records are missing, or came twice"
    )]
    Misplaced { partition: i32, first: i64, last: i64, due: i64 },
    #[error(
        "partition {partition}, offset {offset}: a batch that this run did not send: it was altered, or somebody else writes to the topic"
    )]
    Unknown { partition: i32, offset: i64 },
    #[error(
        "partition {partition}, offset {offset}: batch {came} of producer {producer} where {due} was due: batches were lost, doubled or exchanged"
    )]
    OutOfTurn { partition: i32, offset: i64, producer: u16, came: u16, due: u16 },
}

/// What was taken of an answer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub bytes: u64,
    pub records: u64,
}

/// A consumer's place in one partition.
#[derive(Debug)]
pub struct Place {
    partition: i32,
    /// The next offset that is due.
    pub next: i64,
    known: Option<Arc<Known>>,
    /// Of each producer, the variant that is due.
    due: Vec<u16>,
}

impl Place {
    /// At `next`; with `known`, before the first batch that its producers send.
    pub fn new(partition: i32, next: i64, known: Option<Arc<Known>>) -> Self {
        let due = vec![0; known.as_ref().map_or(0, |known| known.variants.len())];
        Self { partition, next, known, due }
    }

    /// Goes through what an answer holds of this partition, whose first batch holds the offset that is due. The last one may be cut. `seen` is told of each
    /// batch whose producer is known, with its number of records.
    pub fn take(&mut self, records: &Records, mut seen: impl FnMut(Identity, u32)) -> Result<Taken, Fault> {
        let whole = records.contiguous();
        let mut taken = Taken::default();
        for placed in BatchReader::new(&whole, 0, MAX_BATCH_BYTES).with_crc() {
            let batch = match placed {
                Ok(placed) => placed.batch,
                Err(BatchError::TooShort { .. }) => break,
                Err(error) => {
                    return Err(Fault::Malformed { partition: self.partition, offset: self.next, error });
                }
            };
            self.check_offsets(&batch)?;
            if let Some(identity) = self.check_turn(&batch)? {
                seen(identity, batch.count() as u32);
            }
            self.next = batch.next_offset();
            taken.bytes += batch.len() as u64;
            taken.records += batch.count() as u64;
        }
        Ok(taken)
    }

    /// A consumer that begins in the middle of a batch is sent all of it.
    fn check_offsets(&self, batch: &Batch<'_>) -> Result<(), Fault> {
        let (first, last) = (batch.base_offset(), batch.last_offset());
        if first <= self.next && self.next <= last {
            return Ok(());
        }
        Err(Fault::Misplaced { partition: self.partition, first, last, due: self.next })
    }

    fn check_turn(&mut self, batch: &Batch<'_>) -> Result<Option<Identity>, Fault> {
        let Some(known) = &self.known else { return Ok(None) };
        let (partition, offset) = (self.partition, batch.base_offset());
        let identity = known.identify(batch).ok_or(Fault::Unknown { partition, offset })?;
        let Identity { producer, variant } = identity;
        let due = &mut self.due[usize::from(producer)];
        if *due != variant {
            return Err(Fault::OutOfTurn { partition, offset, producer, came: variant, due: *due });
        }
        *due = (*due + 1) % known.variants[usize::from(producer)];
        Ok(Some(identity))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logan_storage::batch::{BatchMut, HEADER_LEN, seal};

    use super::*;
    use crate::payload::{self, Recipe};

    const PRODUCERS: u64 = 2;

    /// What a broker stored: the batches of two producers in turn, with offsets from 0 on.
    struct Stored {
        known: Arc<Known>,
        batches: Vec<Vec<u8>>,
        records: i64,
    }

    fn stored() -> Stored {
        let mut known = Known::default();
        let made: Vec<Vec<payload::Batch>> =
            (0..PRODUCERS).map(|seed| payload::batches(Recipe { seed, ..Recipe::small() }, 1)).collect();
        for batches in &made {
            known.add(batches.iter().map(|batch| &batch.bytes[..])).unwrap();
        }
        let mut next = 0;
        let turns = (0..12).flat_map(|turn| made.iter().map(move |batches| &batches[turn % batches.len()]));
        let batches = turns.map(|batch| {
            let mut bytes = batch.bytes.to_vec();
            BatchMut::parse(&mut bytes, MAX_BATCH_BYTES).unwrap().stamp(next, 0);
            next += i64::from(batch.records);
            bytes
        });
        Stored { batches: batches.collect(), known: Arc::new(known), records: next }
    }

    impl Stored {
        /// Gives the batches offsets without a gap, as a broker would that believes what it has.
        fn number_again(&mut self) {
            let mut next = 0;
            for bytes in &mut self.batches {
                let mut batch = BatchMut::parse(bytes, MAX_BATCH_BYTES).unwrap();
                batch.stamp(next, 0);
                next = batch.view().next_offset();
            }
        }

        fn read(&self) -> Result<Taken, Fault> {
            let bytes = Bytes::from(self.batches.concat());
            Place::new(7, 0, Some(self.known.clone())).take(&Records::from(bytes), |_, _| ())
        }
    }

    #[test]
    fn what_was_sent_is_accepted_and_counted() {
        let stored = stored();
        let bytes: usize = stored.batches.iter().map(Vec::len).sum();
        assert_eq!(stored.read(), Ok(Taken { bytes: bytes as u64, records: stored.records as u64 }));
    }

    #[test]
    fn a_batch_that_is_cut_is_left_for_the_next_answer() {
        let mut stored = stored();
        let last = stored.batches.last_mut().unwrap();
        last.pop();
        let cut = i64::from(Batch::parse(&stored.batches[0], MAX_BATCH_BYTES).unwrap().count());
        assert_eq!(stored.read().unwrap().records, (stored.records - cut) as u64);
    }

    #[test]
    fn lost_batches_are_found_even_if_the_offsets_hide_it() {
        let mut gap = stored();
        gap.batches.remove(3);
        assert!(matches!(gap.read(), Err(Fault::Misplaced { partition: 7, .. })));
        gap.number_again();
        assert!(matches!(gap.read(), Err(Fault::OutOfTurn { producer: 1, came: 2, due: 1, .. })));
    }

    #[test]
    fn doubled_batches_are_found() {
        let mut doubled = stored();
        let again = doubled.batches[4].clone();
        doubled.batches.insert(5, again);
        doubled.number_again();
        assert!(matches!(doubled.read(), Err(Fault::OutOfTurn { producer: 0, came: 2, due: 3, .. })));
    }

    #[test]
    fn exchanged_batches_are_found() {
        let mut exchanged = stored();
        // Of one producer: between those of two there is no order.
        exchanged.batches.swap(2, 4);
        exchanged.number_again();
        assert!(matches!(exchanged.read(), Err(Fault::OutOfTurn { producer: 0, came: 2, due: 1, .. })));
    }

    #[test]
    fn altered_bytes_are_found_even_if_the_crc_is_made_to_fit() {
        let mut altered = stored();
        altered.batches[5][HEADER_LEN + 20] ^= 1;
        assert!(matches!(altered.read(), Err(Fault::Malformed { error: BatchError::WrongCrc { .. }, .. })));
        seal(&mut altered.batches[5]);
        assert!(matches!(altered.read(), Err(Fault::Unknown { partition: 7, .. })));
    }

    #[test]
    fn a_batch_is_known_again_with_another_header() {
        let mut stamped = stored();
        for bytes in &mut stamped.batches {
            BatchMut::parse(bytes, MAX_BATCH_BYTES).unwrap().stamp_append_time(1_700_000_000_000);
        }
        assert!(stamped.read().is_ok());
    }

    #[test]
    fn batches_that_cannot_be_told_apart_are_refused() {
        let batches = payload::batches(Recipe::small(), 1);
        let mut known = Known::default();
        assert_eq!(known.add(batches.iter().map(|batch| &batch.bytes[..])), Ok(0));
        assert_eq!(known.add(batches.iter().map(|batch| &batch.bytes[..])), Err(Ambiguous));
    }
}
