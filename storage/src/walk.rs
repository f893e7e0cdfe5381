//! Going through the batches of a segment: which of them are believed, and which a read takes.
//!
//! No CRC covers a base offset, so a batch is believed for what stands around it. A base offset that shrank reaches into the batch before, or below
//! the segment's beginning. One that grew leaves a gap before it and reaches into what follows: the next batch, the next segment, the
//! log's end. So a batch that begins where the one before has ended is believed at once, and one behind a gap only if both
//! batches at the gap are whole and the second ends before what follows it. Gaps are rare (compaction and truncations into a batch leave
//! them, in Kafka's logs, too), and which of them are right nothing says: a base offset that moves within a gap is not noticed.
//!
//! Invariants: what is taken is whole, and its predecessor was seen, or it is the first of the segment; `expected` is behind the last batch
//! that was gone over.

use bytes::Bytes;

use crate::batch::{Batch, BatchError, PEEK_LEN};
use crate::config::{VolumeConfig, planted};
use crate::read::{FromSegment, Read, ReadBounds};

/// Batches before `position` are durable, and end at or below `offset`: the next segment begins there, or the durable part of the log ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durable {
    pub position: u64,
    pub offset: i64,
}

pub(crate) enum Walk {
    /// The batches, and where the last of them ends.
    Found {
        found: FromSegment,
        end: usize,
    },
    /// Nothing was found in `walked` bytes; `need` more bytes are needed for what comes next, if not 0.
    Short {
        walked: usize,
        need: usize,
    },
    Bad {
        walked: usize,
        error: BatchError,
    },
    WrongOffset {
        walked: usize,
        offset: i64,
    },
}

pub(crate) struct Walker<'a> {
    pub config: &'a VolumeConfig,
    /// The batch that holds this offset is looked for.
    pub from: i64,
    pub limits: ReadBounds,
    /// Where the segment's bytes end.
    pub end: u64,
    pub durable: Durable,
    /// `None` at a batch that was looked up: it lies below `from`.
    pub expected: Option<i64>,
    /// What is wrong with the batch before, which was not taken.
    pub fault: Option<BatchError>,
}

impl Walker<'_> {
    /// Goes on in `block`, whose first byte stands at `position`, to the batch that holds `from`, and takes it and what follows.
    pub fn walk(&mut self, block: &Bytes, position: u64) -> Walk {
        let (mut at, mut start, mut next_offset) = (0, None, self.from);
        let mut is_all = false;
        let end = loop {
            let here = position + at as u64;
            if self.has_passed_all(here) {
                if let Some(error) = self.fault_before_gap() {
                    return Walk::Bad { walked: at, error };
                }
                is_all = true;
                break at;
            }
            let batch = match Batch::parse(&block[at..], self.config.max_batch_bytes) {
                Ok(batch) => batch,
                Err(_) if start.is_some() => break at,
                Err(BatchError::TooShort { need, .. }) => return Walk::Short { walked: at, need },
                Err(error) => return Walk::Bad { walked: at, error },
            };
            if let Err(doubt) = self.doubt(&block[at..], here, &batch) {
                // What stands before it is good; the next read will say this.
                if start.is_some() {
                    break at;
                }
                return doubt.at(at);
            }
            if batch.last_offset() >= self.limits.offset {
                is_all = true;
                break at;
            }
            self.fault = None;
            if batch.last_offset() >= self.from {
                let taken = at + batch.len() - start.unwrap_or(at);
                if taken > self.limits.bytes && !(start.is_none() && self.limits.at_least_one) {
                    break at;
                }
                match self.fault_of(&batch) {
                    Some(_) if start.is_some() => break at,
                    Some(error) => return Walk::Bad { walked: at, error },
                    None => {}
                }
                start.get_or_insert(at);
                next_offset = batch.next_offset();
            } else {
                self.fault = self.fault_of(&batch);
            }
            self.expected = Some(batch.next_offset());
            at += batch.len();
        };
        let read = match start {
            Some(start) => Read { bytes: end - start, slices: vec![block.slice(start..end)], next_offset },
            None => Read { next_offset: self.from, ..Read::default() },
        };
        Walk::Found { found: FromSegment { read, is_all }, end }
    }

    /// Everything below the limit was seen. Bytes behind it may be of any life.
    fn has_passed_all(&self, here: u64) -> bool {
        let is_behind_durable = here >= self.durable.position && self.limits.offset <= self.durable.offset;
        here >= self.end || self.expected.is_some_and(|next| next >= self.limits.offset || is_behind_durable)
    }

    /// Below the limit nothing follows, but a gap: the batch before it may have been longer.
    fn fault_before_gap(&self) -> Option<BatchError> {
        self.fault.filter(|_| self.expected.is_some_and(|next| next < self.limits.offset))
    }

    fn fault_of(&self, batch: &Batch<'_>) -> Option<BatchError> {
        if planted(self.config.mutations.believe_batches) { None } else { batch.check_crc().err() }
    }

    /// Whether the batch at the beginning of `rest` cannot be what follows, or not all is here that says so.
    fn doubt(&self, rest: &[u8], here: u64, batch: &Batch<'_>) -> Result<(), Doubt> {
        let base = batch.base_offset();
        let wrong = Doubt::WrongOffset(base);
        if batch.last_offset() < base || self.expected.is_some_and(|next| base < next) {
            return Err(wrong);
        }
        // What is not durable yet was written by this process.
        if here >= self.durable.position {
            return Ok(());
        }
        let is_behind_gap = self.expected.is_some_and(|next| base > next);
        if is_behind_gap || batch.last_offset() >= self.limits.offset {
            let before = self.fault.filter(|_| is_behind_gap);
            if let Some(error) = before.or_else(|| self.fault_of(batch)) {
                return Err(Doubt::Bad(error));
            }
        }
        if !is_behind_gap {
            return Ok(());
        }
        let behind = here + batch.len() as u64;
        let follows = if behind == self.durable.position {
            self.durable.offset
        } else {
            let Some(bytes) = rest.get(batch.len()..).and_then(<[u8]>::first_chunk) else {
                return Err(Doubt::Short(batch.len() + PEEK_LEN));
            };
            i64::from_be_bytes(*bytes)
        };
        if behind > self.durable.position || batch.next_offset() > follows { Err(wrong) } else { Ok(()) }
    }
}

enum Doubt {
    Bad(BatchError),
    WrongOffset(i64),
    /// So many bytes are needed from its beginning.
    Short(usize),
}

impl Doubt {
    fn at(self, walked: usize) -> Walk {
        match self {
            Self::Bad(error) => Walk::Bad { walked, error },
            Self::WrongOffset(offset) => Walk::WrongOffset { walked, offset },
            Self::Short(need) => Walk::Short { walked, need },
        }
    }
}
