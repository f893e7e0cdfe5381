//! Walks the records of a batch, compressed or not, with no more memory than the largest record and one block need.

use bytes::Bytes;
use logan_storage::batch::{Batch, BatchError, HEADER_LEN, Header};
use logan_storage::varint::{VarintError, read_i32};

use super::compression::{Codec, Decoder, DecompressError, Progress};
use super::record::{Record, RecordError};
use super::{Step, Stepwise};

/// Why the records of a batch cannot be read. `index` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("the compression codec {id} is unknown")]
    UnknownCodec { id: u8 },
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    #[error("record {index} is invalid: {error}")]
    Record { index: i32, error: RecordError },
    #[error("the batch states {count} records, but ends after {index}")]
    TooFew { index: i32, count: i32 },
    #[error("something follows the {count} records that the batch states")]
    TooMany { count: i32 },
}

/// A record with what its batch says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<'a> {
    pub offset: i64,
    /// Milliseconds: the batch's append time, if it has one.
    pub timestamp: i64,
    pub record: Record<'a>,
}

/// What comes next in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    Record(Placed<'a>),
    /// Not all of a record, or of what may stand behind the last one, is there yet: so many bytes were read or decompressed for it.
    Part(usize),
    /// There have been as many records as the header states, and nothing follows.
    End,
}

/// Reads one record after the other.
///
/// Invariants: `index <= header.count`; after an error nothing more is read.
pub struct RecordReader {
    header: Header,
    source: Source,
    index: i32,
    failed: bool,
}

enum Source {
    Plain(Window),
    Packed { decoder: Decoder, window: Unpacked },
}

/// Records that need no decompression.
struct Window {
    bytes: Bytes,
    at: usize,
}

/// What has been decompressed and not been read yet: `bytes[at..]`.
struct Unpacked {
    bytes: Vec<u8>,
    at: usize,
    /// The length of the record that is being gathered.
    wanted: usize,
}

/// Memory that a window keeps for what comes next: enough for records of Kafka's largest size by default.
const KEPT_BYTES: usize = 1 << 20;

impl Unpacked {
    /// Bytes of memory that it has, or will have when it has grown by doubling to what is wanted.
    fn held(&self) -> usize {
        self.bytes.capacity().max(2 * self.wanted)
    }

    fn drop_read(&mut self) {
        self.bytes.drain(..self.at);
        self.at = 0;
    }

    /// Not each time: what is not read yet is moved, so there must be twice as much to be had.
    fn release(&mut self) {
        if self.bytes.capacity() > 2 * (self.bytes.len() - self.at) + KEPT_BYTES {
            self.drop_read();
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }
}

impl RecordReader {
    /// Reads the records of `batch`, which must be one batch and no more. At most `limit` bytes of records may come out of it, and of
    /// one compressed record at most an eighth of that; the CRC is not looked at.
    pub fn open(batch: &Bytes, limit: usize) -> Result<Self, ReadError> {
        let header = Batch::parse(batch, batch.len())?.header();
        let id = header.attributes.codec();
        let codec = Codec::from_id(id).ok_or(ReadError::UnknownCodec { id })?;
        let bytes = batch.slice(HEADER_LEN..);
        let source = match Decoder::new(codec, bytes.clone(), limit) {
            Some(decoder) => {
                Source::Packed { decoder: decoder?, window: Unpacked { bytes: Vec::new(), at: 0, wanted: 0 } }
            }
            None if bytes.len() > limit => return Err(DecompressError::TooLarge { limit }.into()),
            None => Source::Plain(Window { bytes, at: 0 }),
        };
        Ok(Self { header, source, index: 0, failed: false })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many records have been read.
    pub fn index(&self) -> i32 {
        self.index
    }

    /// Gives back memory that a large record took and what follows it may never need: for whoever reads on only later.
    pub fn release(&mut self) {
        if let Source::Packed { window, .. } = &mut self.source {
            window.release();
        }
    }

    /// Bytes of memory that it holds beside the batch, or will hold before the next record is there.
    pub fn held(&self) -> usize {
        match &self.source {
            Source::Plain(_) => 0,
            Source::Packed { decoder, window } => decoder.held() + window.held(),
        }
    }

    /// The next record, or none when there have been as many as the header states and nothing follows.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the reader: an iterator's item could not"
    )]
    pub fn next(&mut self) -> Result<Option<Placed<'_>>, ReadError> {
        match self.next_within(usize::MAX)? {
            Next::Record(placed) => Ok(Some(placed)),
            Next::End => Ok(None),
            Next::Part(bytes) => unreachable!("{bytes} bytes are within any budget"),
        }
    }

    /// What comes next, if no more than about `budget` bytes must be decompressed for it.
    pub fn next_within(&mut self, budget: usize) -> Result<Next<'_>, ReadError> {
        if self.failed {
            return Ok(Next::End);
        }
        self.failed = true;
        let (index, count) = (self.index, self.header.count);
        if index >= count {
            return match self.source.look_for_more(budget)? {
                More::None => Ok(Next::End),
                More::Some => Err(ReadError::TooMany { count }),
                More::NotYet(bytes) => Ok(self.part(bytes)),
            };
        }
        let (start, end) = match self.source.next_record(index, budget)? {
            Gathered::Record { start, end } => (start, end),
            Gathered::Part(bytes) => return Ok(self.part(bytes)),
            Gathered::End => return Err(ReadError::TooFew { index, count }),
        };
        let body = match &self.source {
            Source::Plain(window) => &window.bytes[start..end],
            Source::Packed { window, .. } => &window.bytes[start..end],
        };
        let record = Record::parse(body).map_err(|error| ReadError::Record { index, error })?;
        self.failed = false;
        self.index += 1;
        Ok(Next::Record(place(&self.header, record)))
    }

    fn part(&mut self, bytes: usize) -> Next<'_> {
        self.failed = false;
        Next::Part(bytes)
    }
}

/// What the header makes of a record's deltas. Offsets and timestamps are anyone's claim: they wrap.
fn place<'a>(header: &Header, record: Record<'a>) -> Placed<'a> {
    let timestamp = if header.attributes.is_append_time() {
        header.max_timestamp
    } else {
        header.base_timestamp.wrapping_add(record.timestamp_delta)
    };
    let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
    Placed { offset, timestamp, record }
}

/// One record may be this part of what a compressed batch may come to.
const RECORD_SHARE: usize = 8;

/// Whether something follows the last record.
enum More {
    None,
    Some,
    /// Nothing so far, after so many bytes.
    NotYet(usize),
}

/// What lies in the window.
enum Gathered {
    /// Where the next record's fields begin and end.
    Record {
        start: usize,
        end: usize,
    },
    /// Not all of it, after so many bytes.
    Part(usize),
    End,
}

impl Source {
    /// Gathers the next record, until about `budget` bytes were read or decompressed for it.
    fn next_record(&mut self, index: i32, budget: usize) -> Result<Gathered, ReadError> {
        let error = |error| ReadError::Record { index, error };
        let mut read = 0;
        loop {
            match read_i32(self.rest()) {
                Ok((len, len_len)) => {
                    let len = usize::try_from(len).map_err(|_| error(RecordError::CutOff))?;
                    self.want(len)?;
                    if self.rest().len() - len_len >= len {
                        return Ok(self.take(len_len, len));
                    }
                }
                Err(VarintError::TooLong) => return Err(error(RecordError::BadNumber)),
                Err(VarintError::Truncated) => {}
            }
            if read >= budget {
                return Ok(Gathered::Part(read));
            }
            match self.more()? {
                Progress::More { produced, consumed } => read += produced.max(consumed),
                Progress::End if self.rest().is_empty() => return Ok(Gathered::End),
                Progress::End => return Err(error(RecordError::CutOff)),
            }
        }
    }

    /// A record of so many bytes is to be gathered.
    fn want(&mut self, len: usize) -> Result<(), DecompressError> {
        let Self::Packed { decoder, window } = self else { return Ok(()) };
        let limit = decoder.limit() / RECORD_SHARE;
        if len > limit {
            // Told before it is gathered: a record is held whole, unlike its batch.
            return Err(DecompressError::TooLarge { limit });
        }
        window.wanted = len;
        Ok(())
    }

    /// Steps over a record that lies in the window.
    fn take(&mut self, len_len: usize, len: usize) -> Gathered {
        let at = match self {
            Self::Plain(window) => &mut window.at,
            Self::Packed { window, .. } => {
                window.wanted = 0;
                &mut window.at
            }
        };
        let start = *at + len_len;
        *at = start + len;
        Gathered::Record { start, end: start + len }
    }

    fn rest(&self) -> &[u8] {
        match self {
            Self::Plain(window) => &window.bytes[window.at..],
            Self::Packed { window, .. } => &window.bytes[window.at..],
        }
    }

    /// Adds bytes behind the rest.
    fn more(&mut self) -> Result<Progress, DecompressError> {
        match self {
            Self::Plain(_) => Ok(Progress::End),
            Self::Packed { decoder, window } => {
                // What was read is dropped first: the window is as large as the record that is being gathered, and one block.
                window.drop_read();
                decoder.read(&mut window.bytes)
            }
        }
    }

    /// Looks for bytes behind the last record, until about `budget` were read.
    fn look_for_more(&mut self, budget: usize) -> Result<More, DecompressError> {
        let mut read = 0;
        while self.rest().is_empty() {
            if read >= budget {
                return Ok(More::NotYet(read));
            }
            match self.more()? {
                Progress::More { consumed, .. } => read += consumed,
                Progress::End => return Ok(More::None),
            }
        }
        Ok(More::Some)
    }
}

/// The timestamp and the offset of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    pub timestamp: i64,
    pub offset: i64,
}

/// A search in pieces, so that the caller can let others run in between, for the first record of a batch that is neither before an offset
/// nor older than a timestamp.
pub struct TimestampSearch {
    records: RecordReader,
    timestamp: i64,
    from_offset: i64,
}

impl TimestampSearch {
    /// For [`RecordReader::open`]'s `batch` and `limit`.
    pub fn begin(batch: &Bytes, timestamp: i64, from_offset: i64, limit: usize) -> Result<Self, ReadError> {
        Ok(Self { records: RecordReader::open(batch, limit)?, timestamp, from_offset })
    }
}

impl Stepwise for TimestampSearch {
    type Output = Option<TimestampOffset>;
    type Error = ReadError;

    fn step(mut self, budget: usize) -> Result<Step<Self>, ReadError> {
        let mut seen = 0_usize;
        while seen < budget {
            match self.records.next_within(budget - seen)? {
                Next::End => return Ok(Step::Done(None)),
                Next::Part(bytes) => seen = seen.saturating_add(bytes),
                Next::Record(found) => {
                    if found.timestamp >= self.timestamp && found.offset >= self.from_offset {
                        let found = TimestampOffset { timestamp: found.timestamp, offset: found.offset };
                        return Ok(Step::Done(Some(found)));
                    }
                    seen = seen.saturating_add(found.record.size());
                }
            }
        }
        self.records.release();
        Ok(Step::More(self))
    }

    fn held(&self) -> usize {
        self.records.held()
    }

    fn made(_: &Self::Output) -> usize {
        0
    }
}
