//! What a producer's records must be like, as far as no partition's state is needed to tell.
//!
//! Follows Kafka 4.3.1's `ProduceRequest`, `LogValidator` and `UnifiedLog`, asked on the wire where the documents are silent. Kafka
//! looks at each record, compressed or not, and so does this. Where Kafka's answer is an accident, this one differs:
//! - an unknown codec is `UNSUPPORTED_COMPRESSION_TYPE`; records that cannot be decompressed, and lengths that lie, are
//!   `INVALID_RECORD` (Kafka: `UNKNOWN_SERVER_ERROR`, or stores them)
//! - offset deltas other than 0, 1, 2 … are `INVALID_RECORD` (Kafka stores them in a batch that was not to be converted, so that
//!   readers get offsets that other records have)
//! - records that decompress to more than a bound are `MESSAGE_TOO_LARGE`, which makes Kafka's producer split the batch
//!
//! The order of the checks decides which error a client sees: it is Kafka's.

use bytes::{Bytes, BytesMut};
use logan_storage::batch::{
    Batch, BatchError, BatchMut, HEADER_LEN, LENGTH_PREFIX, MAX_LEN, NO_TIMESTAMP, PEEK_LEN,
};

use super::compression::{Codec, Compression, DecompressError};
use super::{BatchBuilder, Next, Placed, ProducerFields, ReadError, RecordReader, Step, Stepwise};
use crate::protocol::ErrorCode;

/// The shortest header that any format ever had behind its length.
const SHORTEST: i32 = 14;
/// Record errors whose sentences the message of a refused batch has.
const TOLD_IN_MESSAGE: usize = 3;
/// Whom a produce request may be from at least, to send zstd.
const ZSTD_SINCE: i16 = 7;

/// What timestamps a topic takes (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// The producer's, so many milliseconds before and after now at most (`message.timestamp.before.max.ms`, `.after.max.ms`).
    Create { before_max_ms: i64, after_max_ms: i64 },
    /// The time of appending.
    Append,
}

/// What a topic and a request ask of records. Sizes are in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The version of the produce request.
    pub version: i16,
    pub now_ms: i64,
    /// `max.message.bytes`: of a batch as it is sent, and as it is stored.
    pub max_batch_bytes: usize,
    /// `segment.bytes`
    pub segment_bytes: usize,
    /// What may come out of decompression; of one record, an eighth of it.
    pub max_unpacked_bytes: usize,
    /// Whether `cleanup.policy` has `compact`: records must have keys.
    pub is_compacted: bool,
    pub timestamps: Timestamps,
    /// `compression.type`; none keeps what the producer chose.
    pub compression: Option<Compression>,
    /// So many record errors are told. A few bytes may be a million invalid records, and a request has many batches.
    pub record_errors: usize,
}

/// Records that may be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    /// One batch with base offset 0, whose header says the truth. The bytes of the request, unless something had to be changed.
    pub batch: Bytes,
    pub count: i32,
    /// -1 if no record has a timestamp.
    pub max_timestamp: i64,
    /// The place of the first record with that timestamp, from 0; -1 if no record has one.
    pub offset_of_max_timestamp: i32,
    /// What the response says, if the topic's timestamps are append times.
    pub append_time_ms: Option<i64>,
    /// Whether the records were compressed anew.
    pub is_converted: bool,
}

/// Why one record is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// The record's place in its batch, from 0.
    pub index: i32,
    pub message: String,
}

/// Why records are refused: none of them is appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {message}")]
pub struct Invalid {
    pub error: ErrorCode,
    pub message: String,
    pub record_errors: Vec<RecordError>,
    /// Kafka finds this out where it appends, and says where the log begins. What it finds out before, or calls too large or corrupt, it says
    /// nothing with.
    pub tells_log_start: bool,
}

impl Invalid {
    fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        let tells_log_start = matches!(
            error,
            ErrorCode::INVALID_RECORD
                | ErrorCode::INVALID_TIMESTAMP
                | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
        );
        Self { error, message: message.into(), record_errors: Vec::new(), tells_log_start }
    }
}

impl From<ReadError> for Invalid {
    fn from(error: ReadError) -> Self {
        let code = match &error {
            ReadError::Batch(_) => ErrorCode::CORRUPT_MESSAGE,
            ReadError::UnknownCodec { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            ReadError::Decompress(DecompressError::TooLarge { .. }) => ErrorCode::MESSAGE_TOO_LARGE,
            ReadError::Decompress(DecompressError::Malformed { .. })
            | ReadError::Record { .. }
            | ReadError::TooFew { .. }
            | ReadError::TooMany { .. } => ErrorCode::INVALID_RECORD,
        };
        Self::new(code, error.to_string())
    }
}

/// Validates the records that a producer sent for one partition, all at once.
pub fn validate(records: &Bytes, rules: Rules) -> Result<Validated, Invalid> {
    let mut step = Step::More(Validation::begin(records, rules)?);
    loop {
        match step {
            Step::More(validation) => step = validation.step(usize::MAX)?,
            Step::Done(validated) => return Ok(validated),
        }
    }
}

/// A validation in pieces, so that the caller can let others run in between.
///
/// Invariants: `errors.len() <= max(rules.record_errors, TOLD_IN_MESSAGE)`; a conversion holds the records read so far, and is no longer than what may be stored: one
/// that has outgrown that is given up, and the rest of the records only looked at. What is held between two steps is told by `held`.
pub struct Validation {
    batch: Bytes,
    rules: Rules,
    reader: RecordReader,
    conversion: Option<BatchBuilder>,
    /// How long a conversion was that was given up.
    outgrown: Option<usize>,
    max_timestamp: i64,
    offset_of_max_timestamp: i32,
    errors: Vec<RecordError>,
    error_count: usize,
    has_timestamp_error: bool,
}

impl Validation {
    /// Checks everything that is not inside the records. Its cost is one pass over the bytes, for the CRC.
    pub fn begin(records: &Bytes, rules: Rules) -> Result<Self, Invalid> {
        let before_the_log = |invalid| Invalid { tells_log_start: false, ..invalid };
        let bytes = sole_batch(records, rules.version).map_err(before_the_log)?;
        let batch = Batch::parse(&bytes, MAX_LEN).map_err(|error| Invalid::from(ReadError::from(error)))?;
        if batch.base_offset() != 0 {
            let message =
                format!("the base offset of the batch should be 0, but it is {}", batch.base_offset());
            return Err(Invalid::new(ErrorCode::INVALID_RECORD, message));
        }
        check_size(batch.len(), rules.max_batch_bytes)?;
        batch.check_crc().map_err(|error| Invalid::from(ReadError::from(error)))?;
        check_header(&batch)?;
        let source = batch.attributes().codec();
        let target = rules.compression.filter(|target| target.codec().id() != source);
        let conversion = target.map(|target| {
            BatchBuilder::new(target).producer(ProducerFields {
                id: batch.producer_id(),
                epoch: batch.producer_epoch(),
                base_sequence: batch.base_sequence(),
                is_transactional: batch.attributes().is_transactional(),
            })
        });
        Ok(Self {
            reader: RecordReader::open(&bytes, rules.max_unpacked_bytes)?,
            batch: bytes,
            rules,
            conversion,
            outgrown: None,
            max_timestamp: NO_TIMESTAMP,
            offset_of_max_timestamp: -1,
            errors: Vec::new(),
            error_count: 0,
            has_timestamp_error: false,
        })
    }

    fn finish(mut self) -> Result<Validated, Invalid> {
        if self.error_count > 0 {
            return Err(self.refuse());
        }
        if let Some(len) = self.outgrown {
            check_size(len, self.rules.max_batch_bytes)?;
        }
        let append_time_ms = match self.rules.timestamps {
            Timestamps::Create { .. } => None,
            Timestamps::Append => Some(self.rules.now_ms),
        };
        let is_converted = self.conversion.is_some();
        let batch = match self.conversion.take() {
            Some(conversion) => {
                let batch = conversion.finish(append_time_ms);
                check_size(batch.len(), self.rules.max_batch_bytes)?;
                batch
            }
            None => corrected(self.batch, self.max_timestamp, append_time_ms),
        };
        if batch.len() > self.rules.segment_bytes {
            let message = format!(
                "a batch of {} bytes exceeds the segment size {}",
                batch.len(),
                self.rules.segment_bytes
            );
            return Err(Invalid::new(ErrorCode::RECORD_LIST_TOO_LARGE, message));
        }
        Ok(Validated {
            batch,
            count: self.reader.index(),
            max_timestamp: append_time_ms.unwrap_or(self.max_timestamp),
            offset_of_max_timestamp: append_time_ms.map_or(self.offset_of_max_timestamp, |_| 0),
            append_time_ms,
            is_converted,
        })
    }

    fn refuse(mut self) -> Invalid {
        let (error, message) = if self.has_timestamp_error {
            let message = "One or more records have been rejected due to invalid timestamp".to_owned();
            (ErrorCode::INVALID_TIMESTAMP, message)
        } else {
            let first: Vec<_> =
                self.errors.iter().take(TOLD_IN_MESSAGE).map(|error| error.message.as_str()).collect();
            let message = format!(
                "One or more records have been rejected due to {} record errors in total, and only showing the \
                 first three errors at most: [{}]",
                self.error_count,
                first.join(", ")
            );
            (ErrorCode::INVALID_RECORD, message)
        };
        self.errors.truncate(self.rules.record_errors);
        Invalid { record_errors: self.errors, ..Invalid::new(error, message) }
    }
}

impl Stepwise for Validation {
    type Output = Validated;
    type Error = Invalid;

    fn step(mut self, budget: usize) -> Result<Step<Self>, Invalid> {
        let mut seen = 0_usize;
        while seen < budget {
            let index = self.reader.index();
            let is_append_time = self.reader.header().attributes.is_append_time();
            let placed = match self.reader.next_within(budget - seen)? {
                Next::Record(placed) => placed,
                Next::Part(bytes) => {
                    seen = seen.saturating_add(bytes);
                    continue;
                }
                Next::End => return self.finish().map(Step::Done),
            };
            let Placed { timestamp, record, .. } = placed;
            seen = seen.saturating_add(record.size());
            if let Some((is_about_timestamp, message)) =
                record_error(&placed, index, is_append_time, &self.rules)
            {
                self.has_timestamp_error |= is_about_timestamp;
                self.error_count += 1;
                if self.errors.len() < self.rules.record_errors.max(TOLD_IN_MESSAGE) {
                    self.errors.push(RecordError { index, message });
                }
                continue;
            }
            if timestamp > self.max_timestamp {
                self.max_timestamp = timestamp;
                self.offset_of_max_timestamp = index;
            }
            if let Some(conversion) = &mut self.conversion
                && self.error_count == 0
            {
                conversion.append_record(timestamp, &record);
                let written = conversion.written();
                if written > self.rules.max_batch_bytes {
                    // Not refused yet: what is wrong with a later record would be said first.
                    (self.conversion, self.outgrown) = (None, Some(written));
                }
            }
        }
        self.reader.release();
        Ok(Step::More(self))
    }

    fn held(&self) -> usize {
        self.reader.held() + self.conversion.as_ref().map_or(0, BatchBuilder::held)
    }

    fn made(output: &Validated) -> usize {
        if output.is_converted { output.batch.len() } else { 0 }
    }
}

/// The one batch that `records` must hold. What follows it and is not a whole batch is ignored, as Kafka ignores it.
fn sole_batch(records: &Bytes, version: i16) -> Result<Bytes, Invalid> {
    let refuse = |what| {
        let message = format!("Produce requests with version {version} {what}");
        Err(Invalid::new(ErrorCode::INVALID_RECORD, message))
    };
    let Some((magic, len)) = peek(records)? else {
        return refuse("must have at least one record batch per partition");
    };
    if magic != logan_storage::batch::MAGIC {
        return refuse("are only allowed to contain record batches with magic version 2");
    }
    if len < HEADER_LEN {
        let length = (len - LENGTH_PREFIX) as i32;
        return Err(ReadError::from(BatchError::LengthTooSmall { length }).into());
    }
    let batch = records.slice(..len);
    let codec = Batch::parse(&batch, len).map_err(ReadError::from)?.attributes().codec();
    if Codec::from_id(codec) == Some(Codec::Zstd) && version < ZSTD_SINCE {
        let message =
            format!("Produce requests with version {version} are not allowed to use ZStandard compression");
        return Err(Invalid::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message));
    }
    if peek(&records[len..])?.is_some() {
        return refuse("are only allowed to contain exactly one record batch per partition");
    }
    Ok(batch)
}

/// Format and length of the batch of any format that begins here, if all of it is here.
fn peek(bytes: &[u8]) -> Result<Option<(i8, usize)>, Invalid> {
    let Some(length) = bytes.get(LENGTH_PREFIX - 4..).and_then(<[u8]>::first_chunk) else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    if length < SHORTEST {
        let message = format!("Record size {length} is less than the minimum record overhead ({SHORTEST})");
        return Err(Invalid::new(ErrorCode::CORRUPT_MESSAGE, message));
    }
    let Some(magic) = bytes.get(PEEK_LEN - 1).map(|byte| *byte as i8) else {
        return Ok(None);
    };
    if !(0..=logan_storage::batch::MAGIC).contains(&magic) {
        return Err(Invalid::new(
            ErrorCode::CORRUPT_MESSAGE,
            format!("Invalid magic found in record: {magic}"),
        ));
    }
    let len = LENGTH_PREFIX + length as usize;
    Ok((len <= bytes.len()).then_some((magic, len)))
}

fn check_size(len: usize, limit: usize) -> Result<(), Invalid> {
    if len <= limit {
        return Ok(());
    }
    let message = format!("a batch of {len} bytes exceeds the largest allowed size {limit}");
    Err(Invalid::new(ErrorCode::MESSAGE_TOO_LARGE, message))
}

fn check_header(batch: &Batch<'_>) -> Result<(), Invalid> {
    let refuse = |message: String| Err(Invalid::new(ErrorCode::INVALID_RECORD, message));
    let (last, count) = (batch.last_offset_delta(), batch.count());
    if Codec::from_id(batch.attributes().codec()).is_none() {
        return Err(ReadError::UnknownCodec { id: batch.attributes().codec() }.into());
    }
    if last < 0 {
        return refuse(format!("Batch has an invalid offset range: [0, {last}]"));
    }
    if count <= 0 {
        return refuse(format!("Invalid reported count for record batch: {count}"));
    }
    if count - 1 != last {
        return refuse(format!("Inconsistent batch offset range [0, {last}] and count of records {count}"));
    }
    if batch.attributes().is_control() {
        return refuse("Clients are not allowed to write control records".to_owned());
    }
    if batch.has_producer_id() && batch.base_sequence() < 0 {
        let (sequence, id) = (batch.base_sequence(), batch.producer_id());
        return refuse(format!("Invalid sequence number {sequence} in record batch with producerId {id}"));
    }
    Ok(())
}

/// Why this record is refused, and whether its timestamp is the reason.
fn record_error(
    placed: &Placed<'_>,
    index: i32,
    is_append_time: bool,
    rules: &Rules,
) -> Option<(bool, String)> {
    if placed.record.offset_delta != index {
        let delta = placed.record.offset_delta;
        return Some((
            false,
            format!("The record's offset delta is {delta}, but it is record {index} of its batch"),
        ));
    }
    if rules.is_compacted && placed.record.key.is_none() {
        return Some((false, "Compacted topic cannot accept message without key".to_owned()));
    }
    match rules.timestamps {
        Timestamps::Create { before_max_ms, after_max_ms } if placed.timestamp != NO_TIMESTAMP => {
            let Placed { timestamp, offset, .. } = *placed;
            let now = rules.now_ms;
            let age = now.wrapping_sub(timestamp);
            (age > before_max_ms || age.wrapping_neg() > after_max_ms).then(|| {
                let message = format!(
                    "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be \
                     within [{}, {}]",
                    now.saturating_sub(before_max_ms),
                    now.saturating_add(after_max_ms)
                );
                (true, message)
            })
        }
        _ => is_append_time.then(|| {
            let message =
                "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.";
            (true, message.to_owned())
        }),
    }
}

/// The batch with the header that its records ask for: the same bytes, if it has that already.
fn corrected(batch: Bytes, max_timestamp: i64, append_time_ms: Option<i64>) -> Bytes {
    let view = Batch::parse(&batch, MAX_LEN).expect("it was parsed before");
    let is_right = append_time_ms.is_none()
        && !view.attributes().is_append_time()
        && view.max_timestamp() == max_timestamp;
    if is_right {
        return batch;
    }
    let mut copy = BytesMut::from(&batch[..]);
    let mut changed = BatchMut::parse(&mut copy, MAX_LEN).expect("it was parsed before");
    match append_time_ms {
        Some(now_ms) => changed.stamp_append_time(now_ms),
        None => changed.set_max_timestamp(max_timestamp),
    }
    copy.freeze()
}
