//! What a log knows of its idempotent and transactional producers, and Kafka's `.snapshot` file that keeps it.
//!
//! Invariants:
//! - a producer's `recent` batches are of its `epoch`, at most [`RECENT`] of them, with rising offsets
//! - `ongoing` has one entry for each producer with a `txn_first_offset`, and no other
//! - everything known lies below `end_offset`
//!
//! Sources: KIP-98, KIP-360, KIP-890, KIP-1228; Kafka's `ProducerStateManager`, `ProducerStateEntry`, `ProducerAppendInfo`.

use std::collections::BTreeMap;

use crate::batch::{Batch, NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP, add_to_sequence, crc32c};
use crate::txn_index::AbortedTxn;
use crate::varint::{VarintError, read_i32, read_i64};

/// How many batches of a producer are remembered, so that sending one again is recognised: as many as a producer may have in flight.
pub const RECENT: usize = 5;
const NO_COORDINATOR_EPOCH: i32 = -1;

/// One of a producer's last batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchState {
    pub last_sequence: i32,
    pub last_offset: i64,
    /// How far the last offset is above the first one; the sequence numbers are as far apart.
    pub offset_delta: i32,
    /// The batch's max timestamp, in milliseconds: its append time, if the topic has such.
    pub timestamp: i64,
}

impl BatchState {
    pub fn first_sequence(&self) -> i32 {
        add_to_sequence(self.last_sequence, self.offset_delta.saturating_neg())
    }

    pub fn first_offset(&self) -> i64 {
        self.last_offset.saturating_sub(i64::from(self.offset_delta))
    }
}

/// The last batches of a producer, the newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Recent {
    batches: [BatchState; RECENT],
    len: u8,
}

impl Recent {
    fn as_slice(&self) -> &[BatchState] {
        &self.batches[..usize::from(self.len)]
    }

    fn push(&mut self, batch: BatchState) {
        if usize::from(self.len) == RECENT {
            self.batches.rotate_left(1);
        } else {
            self.len += 1;
        }
        self.batches[usize::from(self.len) - 1] = batch;
    }
}

/// What is known of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// -1 of a producer that only a marker of an unknown transaction could have left behind.
    pub epoch: i16,
    /// The epoch of the transaction coordinator that wrote the last marker, or -1.
    pub coordinator_epoch: i32,
    /// The max timestamp of the last batch or the timestamp of the last marker, in milliseconds.
    pub last_timestamp: i64,
    /// Where the open transaction begins.
    pub txn_first_offset: Option<i64>,
    recent: Recent,
}

impl Producer {
    fn unknown() -> Self {
        Self {
            epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: NO_COORDINATOR_EPOCH,
            last_timestamp: NO_TIMESTAMP,
            txn_first_offset: None,
            recent: Recent::default(),
        }
    }

    /// Its last batches in this epoch, the newest last.
    pub fn recent(&self) -> &[BatchState] {
        self.recent.as_slice()
    }

    /// -1 if there is no batch of this epoch.
    pub fn last_sequence(&self) -> i32 {
        self.recent().last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.recent = Recent::default();
        }
    }
}

/// Who wants to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A producer. `verified` says that the transaction coordinator has confirmed the partition to be in its open transaction.
    Client { verified: bool },
    /// A coordinator of this broker: its batches have no sequence numbers.
    Coordinator { verified: bool },
}

/// What a batch says about its producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub producer_id: i64,
    pub epoch: i16,
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub is_transactional: bool,
}

impl Attempt {
    /// None for a batch without a producer id: nothing is to be checked.
    pub fn of(batch: &Batch<'_>) -> Option<Self> {
        batch.has_producer_id().then(|| Self {
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            first_sequence: batch.base_sequence(),
            last_sequence: batch.last_sequence(),
            is_transactional: batch.attributes().is_transactional(),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It is in the log already, as this batch.
    Duplicate(BatchState),
}

/// Why a batch must not be appended. Kafka's error is named with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// `INVALID_PRODUCER_EPOCH`
    #[error(
        "the epoch of producer {producer_id} is {epoch}, which is smaller than the last seen epoch {current}"
    )]
    InvalidEpoch { producer_id: i64, epoch: i16, current: i16 },
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`
    #[error(
        "out of order sequence number for producer {producer_id} in epoch {epoch}: {sequence} was sent, \
         {last_sequence} is the last one in epoch {current_epoch}"
    )]
    OutOfOrderSequence { producer_id: i64, epoch: i16, current_epoch: i16, sequence: i32, last_sequence: i32 },
    /// `INVALID_TXN_STATE`
    #[error("the record was not part of an ongoing transaction of producer {producer_id}")]
    NotInTransaction { producer_id: i64 },
    /// `INVALID_TXN_STATE`
    #[error("producer {producer_id} has a transaction open and must write within it")]
    InTransaction { producer_id: i64 },
    /// `TRANSACTION_COORDINATOR_FENCED`
    #[error(
        "the coordinator epoch {epoch} for producer {producer_id} is smaller than the last seen one, {current}"
    )]
    CoordinatorFenced { producer_id: i64, epoch: i32, current: i32 },
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    pub is_commit: bool,
    pub coordinator_epoch: i32,
    /// Milliseconds.
    pub timestamp: i64,
}

/// Why a control batch cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    #[error("a control batch is compressed")]
    Compressed,
    #[error("a control record ends within its fields, or has lengths that do not fit")]
    Malformed,
}

impl From<VarintError> for MarkerError {
    fn from(_: VarintError) -> Self {
        Self::Malformed
    }
}

impl Marker {
    /// The marker in a control batch, or none: compaction has emptied the batch, or it is a control record of another kind.
    pub fn of(batch: &Batch<'_>) -> Result<Option<Self>, MarkerError> {
        if batch.attributes().codec() != 0 {
            return Err(MarkerError::Compressed);
        }
        if batch.count() <= 0 || batch.records().is_empty() {
            return Ok(None);
        }
        let (len, at) = read_i32(batch.records())?;
        let mut record = prefix(&batch.records()[at..], len)?;
        // Record attributes are unused; the deltas follow.
        record = record.get(1..).ok_or(MarkerError::Malformed)?;
        let (timestamp_delta, at) = read_i64(record)?;
        record = &record[at..];
        let (_offset_delta, at) = read_i32(record)?;
        record = &record[at..];
        let (key_len, at) = read_i32(record)?;
        record = &record[at..];
        // The key: version, type. Versions only ever add fields.
        let key = prefix(record, key_len)?;
        let ([_, _, kind @ ..], _) = key.split_first_chunk::<4>().ok_or(MarkerError::Malformed)?;
        let is_commit = match i16::from_be_bytes(*kind) {
            0 => false,
            1 => true,
            _ => return Ok(None),
        };
        record = &record[key.len()..];
        let (value_len, at) = read_i32(record)?;
        let value = prefix(&record[at..], value_len)?;
        let ([_, _, epoch @ ..], _) = value.split_first_chunk::<6>().ok_or(MarkerError::Malformed)?;
        let timestamp = if batch.attributes().is_append_time() {
            batch.max_timestamp()
        } else {
            batch.base_timestamp().wrapping_add(timestamp_delta)
        };
        Ok(Some(Self { is_commit, coordinator_epoch: i32::from_be_bytes(*epoch), timestamp }))
    }
}

fn prefix(bytes: &[u8], len: i32) -> Result<&[u8], MarkerError> {
    usize::try_from(len).ok().and_then(|len| bytes.get(..len)).ok_or(MarkerError::Malformed)
}

/// A transaction that a marker has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedTxn {
    pub producer_id: i64,
    pub first_offset: i64,
    /// The marker's offset.
    pub last_offset: i64,
    pub is_commit: bool,
    /// The first offset that is undecided with this one ended.
    pub last_stable_offset: i64,
}

impl EndedTxn {
    /// What goes into the segment's transaction index.
    pub fn aborted(&self) -> Option<AbortedTxn> {
        (!self.is_commit).then_some(AbortedTxn {
            producer_id: self.producer_id,
            first_offset: self.first_offset,
            last_offset: self.last_offset,
            last_stable_offset: self.last_stable_offset,
        })
    }
}

/// The producers of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producers {
    by_id: BTreeMap<i64, Producer>,
    /// Open transactions: where each begins, and whose it is.
    ongoing: BTreeMap<i64, i64>,
    /// Ended transactions whose marker may lie above the high watermark: where each begins, and the marker's offset.
    unreplicated: BTreeMap<i64, i64>,
    end_offset: i64,
}

impl Producers {
    /// Nothing is known of what lies below `end_offset`.
    pub fn new(end_offset: i64) -> Self {
        Self { by_id: BTreeMap::new(), ongoing: BTreeMap::new(), unreplicated: BTreeMap::new(), end_offset }
    }

    /// Everything below this offset has been applied.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.by_id.get(&producer_id)
    }

    /// In the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, producer)| (*id, producer))
    }

    /// Whether this batch of records may be appended, or has been. A producer of which nothing is known may begin with any sequence
    /// number: its records may have been deleted.
    pub fn check_append(&self, attempt: &Attempt, origin: Origin) -> Result<Verdict, ProducerError> {
        let unknown = Producer::unknown();
        let producer = self.get(attempt.producer_id).unwrap_or(&unknown);
        let Attempt { producer_id, epoch, .. } = *attempt;
        if let (Origin::Client { .. }, Some(batch)) = (origin, Self::find_duplicate(producer, attempt)) {
            return Ok(Verdict::Duplicate(batch));
        }
        if epoch < producer.epoch {
            return Err(ProducerError::InvalidEpoch { producer_id, epoch, current: producer.epoch });
        }
        let (Origin::Client { verified } | Origin::Coordinator { verified }) = origin;
        let is_ongoing = producer.txn_first_offset.is_some() && producer.epoch == epoch;
        if attempt.is_transactional && !is_ongoing && !verified {
            return Err(ProducerError::NotInTransaction { producer_id });
        }
        if matches!(origin, Origin::Client { .. }) {
            Self::check_sequence(producer, attempt)?;
        }
        if producer.txn_first_offset.is_some() && !attempt.is_transactional {
            return Err(ProducerError::InTransaction { producer_id });
        }
        Ok(Verdict::New)
    }

    fn find_duplicate(producer: &Producer, attempt: &Attempt) -> Option<BatchState> {
        let is_same = |batch: &&BatchState| {
            batch.first_sequence() == attempt.first_sequence && batch.last_sequence == attempt.last_sequence
        };
        producer.recent().iter().find(is_same).filter(|_| producer.epoch == attempt.epoch).copied()
    }

    fn check_sequence(producer: &Producer, attempt: &Attempt) -> Result<(), ProducerError> {
        let last = producer.last_sequence();
        let follows = if producer.epoch == NO_PRODUCER_EPOCH {
            true
        } else if producer.epoch != attempt.epoch {
            attempt.first_sequence == 0
        } else {
            attempt.first_sequence == last.wrapping_add(1)
                || (attempt.first_sequence == 0 && last == i32::MAX)
        };
        if follows {
            return Ok(());
        }
        Err(ProducerError::OutOfOrderSequence {
            producer_id: attempt.producer_id,
            epoch: attempt.epoch,
            current_epoch: producer.epoch,
            sequence: attempt.first_sequence,
            last_sequence: last,
        })
    }

    /// Whether a transaction coordinator may append this marker. From transaction version 2 on each transaction ends with a larger
    /// epoch, so an equal one is refused, unless it repeats the marker that ended the last transaction.
    pub fn check_marker(
        &self,
        batch: &Batch<'_>,
        marker: &Marker,
        transaction_version: i16,
    ) -> Result<(), ProducerError> {
        let (producer_id, epoch) = (batch.producer_id(), batch.producer_epoch());
        let unknown = Producer::unknown();
        let producer = self.get(producer_id).unwrap_or(&unknown);
        let repeats = epoch == producer.epoch && producer.txn_first_offset.is_none();
        if epoch < producer.epoch || (transaction_version >= 2 && epoch == producer.epoch && !repeats) {
            return Err(ProducerError::InvalidEpoch { producer_id, epoch, current: producer.epoch });
        }
        if marker.coordinator_epoch < producer.coordinator_epoch {
            return Err(ProducerError::CoordinatorFenced {
                producer_id,
                epoch: marker.coordinator_epoch,
                current: producer.coordinator_epoch,
            });
        }
        Ok(())
    }

    /// Takes notice of a batch that the log now has. It is believed as it is: whoever appended it has checked it. A batch below
    /// [`Self::end_offset`] has been applied before and changes nothing.
    pub fn apply(&mut self, batch: &Batch<'_>) -> Result<Option<EndedTxn>, MarkerError> {
        if batch.next_offset() <= self.end_offset {
            return Ok(None);
        }
        let ended = if !batch.has_producer_id() {
            None
        } else if batch.attributes().is_control() {
            match Marker::of(batch)? {
                Some(marker) => self.apply_marker(batch, marker),
                None => None,
            }
        } else {
            self.apply_data(batch);
            None
        };
        self.end_offset = batch.next_offset();
        Ok(ended)
    }

    fn apply_data(&mut self, batch: &Batch<'_>) {
        let id = batch.producer_id();
        let producer = self.by_id.entry(id).or_insert_with(Producer::unknown);
        producer.set_epoch(batch.producer_epoch());
        producer.recent.push(BatchState {
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset(),
            offset_delta: batch.last_offset_delta(),
            timestamp: batch.max_timestamp(),
        });
        producer.last_timestamp = batch.max_timestamp();
        if batch.attributes().is_transactional() && producer.txn_first_offset.is_none() {
            producer.txn_first_offset = Some(batch.base_offset());
            self.ongoing.insert(batch.base_offset(), id);
        }
    }

    fn apply_marker(&mut self, batch: &Batch<'_>, marker: Marker) -> Option<EndedTxn> {
        let producer_id = batch.producer_id();
        let producer = self.by_id.entry(producer_id).or_insert_with(Producer::unknown);
        producer.set_epoch(batch.producer_epoch());
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = marker.timestamp;
        // A marker without records before it moves nothing that a reader sees.
        let first_offset = producer.txn_first_offset.take()?;
        let last_offset = batch.base_offset();
        self.ongoing.remove(&first_offset);
        self.unreplicated.insert(first_offset, last_offset);
        let next_ongoing = self.ongoing.keys().next().copied();
        let last_stable_offset = next_ongoing.unwrap_or_else(|| last_offset.saturating_add(1));
        Some(EndedTxn {
            producer_id,
            first_offset,
            last_offset,
            is_commit: marker.is_commit,
            last_stable_offset,
        })
    }

    /// The first offset that a reader of committed records must not pass: of an open transaction, or of one whose marker may not be
    /// on all replicas yet.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        let first = |txns: &BTreeMap<i64, i64>| txns.keys().next().copied();
        first(&self.ongoing).into_iter().chain(first(&self.unreplicated)).min()
    }

    /// The first offset of the oldest open transaction.
    pub fn first_undecided_offset(&self) -> Option<i64> {
        self.ongoing.keys().next().copied()
    }

    /// Transactions with their marker below `high_watermark` are settled for good.
    pub fn on_high_watermark(&mut self, high_watermark: i64) {
        self.unreplicated.retain(|_, marker_offset| *marker_offset >= high_watermark);
    }

    /// Records below `log_start` are gone. Their producers stay known until they expire.
    pub fn on_log_start(&mut self, log_start: i64) {
        self.on_high_watermark(log_start);
        self.end_offset = self.end_offset.max(log_start);
    }

    /// Forgets producers that have been silent for `expiration_ms` (`producer.id.expiration.ms`) and have no transaction open.
    /// Returns how many.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| {
            producer.txn_first_offset.is_some()
                || now_ms.saturating_sub(producer.last_timestamp) < expiration_ms
        });
        before - self.by_id.len()
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        let open = self.by_id.iter().filter_map(|(id, producer)| Some((producer.txn_first_offset?, *id)));
        let mut open: Vec<_> = open.collect();
        open.sort_unstable();
        assert!(open.into_iter().eq(self.ongoing.iter().map(|(first, id)| (*first, *id))), "{self:?}");
        for producer in self.by_id.values() {
            let rises = |a: &BatchState, b: &BatchState| a.last_offset < b.last_offset;
            assert!(producer.recent().is_sorted_by(rises), "{producer:?}");
            let end = self.end_offset;
            assert!(producer.recent().last().is_none_or(|batch| batch.last_offset < end), "{producer:?}");
        }
    }
}

const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_HEAD: usize = 2 + 4;
const SNAPSHOT_ENTRY: usize = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

/// Why bytes are not a producer snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("a producer snapshot of {len} bytes does not hold what it states")]
    WrongLength { len: usize },
    #[error("a producer snapshot has the version {version}, not 1")]
    UnknownVersion { version: i16 },
    #[error("a producer snapshot states the CRC {stated:#010x}, but its bytes have {computed:#010x}")]
    WrongCrc { stated: u32, computed: u32 },
    #[error(
        "a producer snapshot has producer {producer_id} twice, or its transaction begins where another does"
    )]
    Contradiction { producer_id: i64 },
    #[error(
        "a producer snapshot up to offset {end_offset} knows of producer {producer_id} at offset {offset}"
    )]
    BehindEnd { producer_id: i64, offset: i64, end_offset: i64 },
}

impl Producers {
    /// The bytes of a `.snapshot` file; its name is [`Self::end_offset`]. Of each producer it keeps the last batch.
    pub fn write_snapshot(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SNAPSHOT_HEAD + 4 + self.by_id.len() * SNAPSHOT_ENTRY);
        out.extend(SNAPSHOT_VERSION.to_be_bytes());
        out.extend([0; 4]);
        out.extend((self.by_id.len() as i32).to_be_bytes());
        for (id, producer) in &self.by_id {
            let none =
                BatchState { last_sequence: NO_SEQUENCE, last_offset: -1, offset_delta: 0, timestamp: 0 };
            let last = producer.recent().last().unwrap_or(&none);
            out.extend(id.to_be_bytes());
            out.extend(producer.epoch.to_be_bytes());
            out.extend(last.last_sequence.to_be_bytes());
            out.extend(last.last_offset.to_be_bytes());
            out.extend(last.offset_delta.to_be_bytes());
            out.extend(producer.last_timestamp.to_be_bytes());
            out.extend(producer.coordinator_epoch.to_be_bytes());
            out.extend(producer.txn_first_offset.unwrap_or(-1).to_be_bytes());
        }
        let crc = crc32c(&out[SNAPSHOT_HEAD..]);
        out[2..SNAPSHOT_HEAD].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads a `.snapshot` file that covers everything below `end_offset`, which its name says.
    pub fn read_snapshot(bytes: &[u8], end_offset: i64) -> Result<Self, SnapshotError> {
        let wrong_length = SnapshotError::WrongLength { len: bytes.len() };
        let (version, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let version = i16::from_be_bytes(*version);
        if version != SNAPSHOT_VERSION {
            return Err(SnapshotError::UnknownVersion { version });
        }
        let (stated, body) = rest.split_first_chunk().ok_or(wrong_length)?;
        let (stated, computed) = (u32::from_be_bytes(*stated), crc32c(body));
        if stated != computed {
            return Err(SnapshotError::WrongCrc { stated, computed });
        }
        let (count, entries) = body.split_first_chunk().ok_or(wrong_length)?;
        let (entries, rest) = entries.as_chunks::<SNAPSHOT_ENTRY>();
        if usize::try_from(i32::from_be_bytes(*count)) != Ok(entries.len()) || !rest.is_empty() {
            return Err(wrong_length);
        }
        let mut producers = Self::new(end_offset);
        for entry in entries {
            producers.insert_snapshot_entry(entry)?;
        }
        Ok(producers)
    }

    fn insert_snapshot_entry(&mut self, entry: &[u8; SNAPSHOT_ENTRY]) -> Result<(), SnapshotError> {
        let mut fields = Fields(entry);
        let producer_id = fields.i64();
        let mut producer = Producer { epoch: fields.i16(), ..Producer::unknown() };
        let (last_sequence, last_offset, offset_delta) = (fields.i32(), fields.i64(), fields.i32());
        producer.last_timestamp = fields.i64();
        producer.coordinator_epoch = fields.i32();
        producer.txn_first_offset = Some(fields.i64()).filter(|offset| *offset >= 0);
        let end_offset = self.end_offset;
        for offset in [Some(last_offset), producer.txn_first_offset].into_iter().flatten() {
            if offset >= end_offset {
                return Err(SnapshotError::BehindEnd { producer_id, offset, end_offset });
            }
        }
        if last_offset >= 0 {
            let timestamp = producer.last_timestamp;
            producer.recent.push(BatchState { last_sequence, last_offset, offset_delta, timestamp });
        }
        let taken = producer.txn_first_offset.and_then(|first| self.ongoing.insert(first, producer_id));
        if taken.is_some() || self.by_id.insert(producer_id, producer).is_some() {
            return Err(SnapshotError::Contradiction { producer_id });
        }
        Ok(())
    }
}

/// Takes the fields of a snapshot's entry one after the other; together they are as long as the entry.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the fields are as long as the entry");
        self.0 = rest;
        *field
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }
}

#[cfg(test)]
mod tests;
