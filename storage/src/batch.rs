//! Record batches, format v2 (KIP-98, Kafka's `DefaultRecordBatch`), without what is inside the records.
//!
//! ```text
//!  0 base offset           i64    outside the CRC: stamped by whoever appends
//!  8 length                i32    of what follows this field
//! 12 partition leader epoch i32   outside the CRC
//! 16 magic                 i8     2
//! 17 crc                   u32    CRC-32C of everything that follows
//! 21 attributes            i16    bits 0-2 codec, 3 append time, 4 transactional, 5 control, 6 delete horizon
//! 23 last offset delta     i32
//! 27 base timestamp        i64    the delete horizon, if that bit is set
//! 35 max timestamp         i64
//! 43 producer id           i64
//! 51 producer epoch        i16
//! 53 base sequence         i32
//! 57 record count          i32
//! 61 records
//! ```
//!
//! A [`Batch`] exists only for bytes whose length and magic fit; its CRC is a question of its own, because answering costs a pass
//! over the bytes.

use crc_fast::{CrcAlgorithm, checksum};

/// Bytes before the first record.
pub const HEADER_LEN: usize = 61;
/// Base offset and length: what stands before the bytes that the length field counts.
pub const LENGTH_PREFIX: usize = 12;
/// Bytes needed to tell the length and the format of a batch.
pub const PEEK_LEN: usize = 17;
/// The only format there is.
pub const MAGIC: i8 = 2;
/// The largest batch whose length field can state it.
pub const MAX_LEN: usize = i32::MAX as usize;
pub const NO_TIMESTAMP: i64 = -1;
pub const NO_PRODUCER_ID: i64 = -1;
pub const NO_PRODUCER_EPOCH: i16 = -1;
pub const NO_SEQUENCE: i32 = -1;

const BASE_OFFSET: usize = 0;
const LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
const MAGIC_BYTE: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const COUNT: usize = 57;

/// Why bytes are not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There may be a batch, but not all of it is here: `need` bytes from its beginning at least. It is never above the reader's
    /// limit, so a caller with more bytes may go and fetch them.
    #[error("a batch needs {need} bytes, but {have} are here")]
    TooShort { have: usize, need: usize },
    /// The length field is less than a header needs.
    #[error("a batch states the length {length}, less than its header")]
    LengthTooSmall { length: i32 },
    #[error("a batch states the length {length}; at most {limit} bytes are allowed")]
    LengthTooLarge { length: i32, limit: usize },
    #[error("a batch has the format {magic}, not 2")]
    WrongMagic { magic: i8 },
    #[error("a batch states the CRC {stated:#010x}, but its bytes have {computed:#010x}")]
    WrongCrc { stated: u32, computed: u32 },
}

/// Codec, timestamp type and kind of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    pub const APPEND_TIME: i16 = 1 << 3;
    pub const TRANSACTIONAL: i16 = 1 << 4;
    pub const CONTROL: i16 = 1 << 5;
    pub const DELETE_HORIZON: i16 = 1 << 6;
    const CODEC: i16 = 7;
    const KNOWN: i16 = 0x7f;

    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 are unknown.
    pub fn codec(self) -> u8 {
        (self.0 & Self::CODEC) as u8
    }

    pub fn is_append_time(self) -> bool {
        self.0 & Self::APPEND_TIME != 0
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}

/// The fields of a header that are not computed from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    /// Milliseconds since 1970, or the delete horizon.
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: i32,
}

impl Header {
    /// Appends the batch of this header and `records`, as they are stored (compressed, if the attributes say so), to `out`.
    ///
    /// Panics if the batch would be longer than its length field can state.
    pub fn write_batch(&self, records: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.encode(records.len()));
        out.extend_from_slice(records);
        seal(&mut out[start..]);
    }

    /// The header's bytes with a CRC of zero, for `records_len` bytes of records. [`seal`] completes the batch.
    pub fn encode(&self, records_len: usize) -> [u8; HEADER_LEN] {
        assert!(records_len <= MAX_LEN - HEADER_LEN, "a batch of {records_len} bytes has no length field");
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, BASE_OFFSET, self.base_offset.to_be_bytes());
        put(&mut bytes, LENGTH, ((HEADER_LEN - LENGTH_PREFIX + records_len) as i32).to_be_bytes());
        put(&mut bytes, LEADER_EPOCH, self.leader_epoch.to_be_bytes());
        put(&mut bytes, MAGIC_BYTE, MAGIC.to_be_bytes());
        put(&mut bytes, ATTRIBUTES, self.attributes.0.to_be_bytes());
        put(&mut bytes, LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(&mut bytes, MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(&mut bytes, PRODUCER_ID, self.producer_id.to_be_bytes());
        put(&mut bytes, PRODUCER_EPOCH, self.producer_epoch.to_be_bytes());
        put(&mut bytes, BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        put(&mut bytes, COUNT, self.count.to_be_bytes());
        bytes
    }
}

/// Computes the CRC of the one batch that `batch` is, and stores it.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c(&batch[ATTRIBUTES..]);
    put(batch, CRC, crc.to_be_bytes());
}

/// CRC-32C (Castagnoli, iSCSI), which every checked format here uses.
pub fn crc32c(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// One batch, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the beginning of `bytes`, of at most `limit` bytes; what follows it is ignored. The CRC is not looked at.
    pub fn parse(bytes: &'a [u8], limit: usize) -> Result<Self, BatchError> {
        let len = Self::peek(bytes, limit)?;
        match bytes.get(..len) {
            Some(bytes) => Ok(Self { bytes }),
            None => Err(BatchError::TooShort { have: bytes.len(), need: len }),
        }
    }

    /// The whole length in bytes of the batch that begins at `bytes`, of which [`PEEK_LEN`] bytes are enough.
    pub fn peek(bytes: &[u8], limit: usize) -> Result<usize, BatchError> {
        if bytes.len() < PEEK_LEN {
            return Err(BatchError::TooShort { have: bytes.len(), need: PEEK_LEN });
        }
        let length = i32::from_be_bytes(take(bytes, LENGTH));
        // Older formats have shorter headers: say that it is one of them before judging its length.
        if (length as usize) < PEEK_LEN - LENGTH_PREFIX || length < 0 {
            return Err(BatchError::LengthTooSmall { length });
        }
        let magic = bytes[MAGIC_BYTE] as i8;
        if magic != MAGIC {
            return Err(BatchError::WrongMagic { magic });
        }
        let len = length as usize + LENGTH_PREFIX;
        if len < HEADER_LEN {
            return Err(BatchError::LengthTooSmall { length });
        }
        if len > limit.min(MAX_LEN) {
            return Err(BatchError::LengthTooLarge { length, limit });
        }
        Ok(len)
    }

    /// The max timestamp of the batch that begins at `bytes`, of which [`HEADER_LEN`] bytes are enough; nothing else of it is looked at.
    pub fn first_max_timestamp(bytes: &[u8]) -> Option<i64> {
        Self::peek(bytes, MAX_LEN).ok()?;
        bytes.get(..HEADER_LEN).map(|header| i64::from_be_bytes(take(header, MAX_TIMESTAMP)))
    }

    /// [`Self::parse`] for bytes that must be one batch and nothing else, with its CRC.
    pub fn whole(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let batch = Self::parse(bytes, bytes.len())?;
        if batch.bytes.len() < bytes.len() {
            return Err(BatchError::TooShort { have: batch.bytes.len(), need: bytes.len() });
        }
        batch.check_crc()?;
        Ok(batch)
    }

    pub fn check_crc(&self) -> Result<(), BatchError> {
        let (stated, computed) = (self.crc(), crc32c(&self.bytes[ATTRIBUTES..]));
        if stated == computed { Ok(()) } else { Err(BatchError::WrongCrc { stated, computed }) }
    }

    /// All bytes of the batch, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How long the batch is in bytes, header included; never less than [`HEADER_LEN`].
    #[expect(clippy::len_without_is_empty, reason = "a batch has a header: it is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What follows the header: records, compressed if [`Attributes::codec`] says so.
    pub fn records(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    pub fn header(&self) -> Header {
        Header {
            base_offset: self.base_offset(),
            leader_epoch: self.leader_epoch(),
            attributes: self.attributes(),
            last_offset_delta: self.last_offset_delta(),
            base_timestamp: self.base_timestamp(),
            max_timestamp: self.max_timestamp(),
            producer_id: self.producer_id(),
            producer_epoch: self.producer_epoch(),
            base_sequence: self.base_sequence(),
            count: self.count(),
        }
    }

    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(take(self.bytes, BASE_OFFSET))
    }

    pub fn leader_epoch(&self) -> i32 {
        i32::from_be_bytes(take(self.bytes, LEADER_EPOCH))
    }

    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(take(self.bytes, CRC))
    }

    pub fn attributes(&self) -> Attributes {
        Attributes(i16::from_be_bytes(take(self.bytes, ATTRIBUTES)))
    }

    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(take(self.bytes, LAST_OFFSET_DELTA))
    }

    /// As stored: the delete horizon, if the attributes have that bit.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(take(self.bytes, BASE_TIMESTAMP))
    }

    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(take(self.bytes, MAX_TIMESTAMP))
    }

    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(take(self.bytes, PRODUCER_ID))
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id() > NO_PRODUCER_ID
    }

    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(take(self.bytes, PRODUCER_EPOCH))
    }

    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(take(self.bytes, BASE_SEQUENCE))
    }

    /// The number of records; compaction may have left fewer than the offsets span.
    pub fn count(&self) -> i32 {
        i32::from_be_bytes(take(self.bytes, COUNT))
    }

    /// The offset of the last record. Stops at the largest number instead of wrapping: header fields are anyone's claim.
    pub fn last_offset(&self) -> i64 {
        self.base_offset().saturating_add(i64::from(self.last_offset_delta()))
    }

    /// The offset behind the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// The sequence number of the last record; sequence numbers go on with 0 behind `i32::MAX`.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence() == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        add_to_sequence(self.base_sequence(), self.last_offset_delta())
    }
}

/// `sequence + delta`, going on with 0 behind `i32::MAX`.
pub fn add_to_sequence(sequence: i32, delta: i32) -> i32 {
    ((i64::from(sequence) + i64::from(delta)) & i64::from(i32::MAX)) as i32
}

/// One batch that is about to be appended and may still be stamped.
#[derive(Debug)]
pub struct BatchMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> BatchMut<'a> {
    /// As [`Batch::parse`].
    pub fn parse(bytes: &'a mut [u8], limit: usize) -> Result<Self, BatchError> {
        let len = Batch::parse(bytes, limit)?.len();
        Ok(Self { bytes: &mut bytes[..len] })
    }

    pub fn view(&self) -> Batch<'_> {
        Batch { bytes: self.bytes }
    }

    /// Gives the batch its place: both fields are outside the CRC, which stays as it is.
    pub fn stamp(&mut self, base_offset: i64, leader_epoch: i32) {
        put(self.bytes, BASE_OFFSET, base_offset.to_be_bytes());
        put(self.bytes, LEADER_EPOCH, leader_epoch.to_be_bytes());
    }

    /// Makes `now_ms` the timestamp of all records (`message.timestamp.type=LogAppendTime`) and computes the CRC again.
    pub fn stamp_append_time(&mut self, now_ms: i64) {
        let attributes = self.view().attributes().0 & Attributes::KNOWN | Attributes::APPEND_TIME;
        self.set_attributes_and_max_timestamp(attributes, now_ms);
    }

    /// Corrects a max timestamp that the producer stated wrongly, and computes the CRC again if that changed anything.
    pub fn set_max_timestamp(&mut self, max_timestamp_ms: i64) {
        let attributes = self.view().attributes().0 & Attributes::KNOWN & !Attributes::APPEND_TIME;
        self.set_attributes_and_max_timestamp(attributes, max_timestamp_ms);
    }

    fn set_attributes_and_max_timestamp(&mut self, attributes: i16, max_timestamp_ms: i64) {
        if self.view().attributes().0 == attributes && self.view().max_timestamp() == max_timestamp_ms {
            return;
        }
        put(self.bytes, ATTRIBUTES, attributes.to_be_bytes());
        put(self.bytes, MAX_TIMESTAMP, max_timestamp_ms.to_be_bytes());
        seal(self.bytes);
    }
}

/// A batch and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedBatch<'a> {
    /// In bytes from the beginning of the file, or of whatever the reader was told to count from.
    pub position: u64,
    pub batch: Batch<'a>,
}

/// Walks batches that stand one behind the other: a produce request's, a segment's, a part of a segment.
///
/// It ends after the last byte, or with one error; [`Self::position`] then says where the good bytes end. Of an incomplete last
/// batch it says how many bytes are needed from there.
#[derive(Debug, Clone)]
pub struct BatchReader<'a> {
    rest: &'a [u8],
    position: u64,
    limit: usize,
    with_crc: bool,
    failed: bool,
}

impl<'a> BatchReader<'a> {
    /// Reads `bytes`, the first of which stands at `position`; no batch may be longer than `limit` bytes.
    pub fn new(bytes: &'a [u8], position: u64, limit: usize) -> Self {
        Self { rest: bytes, position, limit, with_crc: false, failed: false }
    }

    /// Also checks the CRC of each batch.
    #[must_use]
    pub fn with_crc(mut self) -> Self {
        self.with_crc = true;
        self
    }

    /// Where the next batch begins, or the one that failed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The bytes not yet walked over.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Result<PlacedBatch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.failed {
            return None;
        }
        let parsed = Batch::parse(self.rest, self.limit).and_then(|batch| {
            if self.with_crc {
                batch.check_crc()?;
            }
            Ok(batch)
        });
        match parsed {
            Ok(batch) => {
                let placed = PlacedBatch { position: self.position, batch };
                self.rest = &self.rest[batch.len()..];
                self.position += batch.len() as u64;
                Some(Ok(placed))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

// Both are given offsets within a length that was checked before.
fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    // An uncompressed, idempotent batch of one record, made by Kafka 4.3.1.
    const GOLDEN: &str = "000000000aca4816000000a80000000f023893aa5b0008000000000000018bd048088b0000018bcfe88574ffffffffffffffffff\
        ffffffffff00000001ea0100000006626263d6016163636463616364626464646364626363616162616361646163646363616163\
        62626364646261636361636261646164646262636164626362616161616264616364616164626164636163616261616261636162\
        636361636162646162646463636363646164616362636300";

    pub(crate) fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    pub(crate) fn header() -> impl Strategy<Value = Header> {
        let place = (any::<i64>(), any::<i32>(), any::<i16>(), any::<i32>());
        let times = (any::<i64>(), any::<i64>());
        let producer = (any::<i64>(), any::<i16>(), any::<i32>(), any::<i32>());
        (place, times, producer).prop_map(|(place, times, producer)| Header {
            base_offset: place.0,
            leader_epoch: place.1,
            attributes: Attributes(place.2),
            last_offset_delta: place.3,
            base_timestamp: times.0,
            max_timestamp: times.1,
            producer_id: producer.0,
            producer_epoch: producer.1,
            base_sequence: producer.2,
            count: producer.3,
        })
    }

    #[test]
    fn a_batch_of_kafkas_is_read() {
        let bytes = unhex(GOLDEN);
        let batch = Batch::whole(&bytes).unwrap();
        assert_eq!(batch.base_offset(), 181_028_886);
        assert_eq!(batch.leader_epoch(), 15);
        assert_eq!(batch.crc(), 949_201_499);
        assert!(batch.attributes().is_append_time());
        assert_eq!(batch.base_timestamp(), 1_700_006_463_627);
        assert_eq!(batch.max_timestamp(), 1_700_000_204_148);
        assert_eq!((batch.producer_id(), batch.count()), (NO_PRODUCER_ID, 1));
        let mut again = Vec::new();
        batch.header().write_batch(batch.records(), &mut again);
        assert_eq!(again, bytes);
    }

    #[test]
    fn each_lie_has_its_error() {
        let good = unhex(GOLDEN);
        let parse = |bytes: &[u8]| Batch::parse(bytes, 1000).map(|batch| batch.len());
        assert_eq!(parse(&good), Ok(180));
        assert_eq!(parse(&good[..16]), Err(BatchError::TooShort { have: 16, need: 17 }));
        assert_eq!(parse(&good[..60]), Err(BatchError::TooShort { have: 60, need: 180 }));
        let with = |at: usize, field: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + field.len()].copy_from_slice(field);
            bytes
        };
        assert_eq!(parse(&with(LENGTH, &[0xff; 4])), Err(BatchError::LengthTooSmall { length: -1 }));
        assert_eq!(parse(&with(LENGTH, &[0, 0, 0, 48])), Err(BatchError::LengthTooSmall { length: 48 }));
        assert_eq!(parse(&with(LENGTH, &[0, 0, 0, 49])), Ok(61));
        let too_large = BatchError::LengthTooLarge { length: 989, limit: 1000 };
        assert_eq!(parse(&with(LENGTH, &989_i32.to_be_bytes())), Err(too_large));
        let longest = BatchError::LengthTooLarge { length: i32::MAX, limit: usize::MAX };
        assert_eq!(Batch::peek(&with(LENGTH, &i32::MAX.to_be_bytes()), usize::MAX), Err(longest));
        for magic in [0, 1, 3, 0xff] {
            assert_eq!(
                parse(&with(MAGIC_BYTE, &[magic])),
                Err(BatchError::WrongMagic { magic: magic as i8 })
            );
        }
        for (at, byte) in good.iter().enumerate().skip(ATTRIBUTES) {
            let flipped = with(at, &[byte ^ 1]);
            assert!(matches!(Batch::whole(&flipped), Err(BatchError::WrongCrc { .. })), "byte {at}");
        }
    }

    #[test]
    fn stamping_leaves_a_valid_batch() {
        let mut bytes = unhex(GOLDEN);
        let mut batch = BatchMut::parse(&mut bytes, 1000).unwrap();
        batch.stamp(7, 8);
        assert_eq!((batch.view().base_offset(), batch.view().leader_epoch()), (7, 8));
        assert_eq!(batch.view().crc(), 949_201_499);
        batch.set_max_timestamp(55);
        assert!(!batch.view().attributes().is_append_time());
        assert_eq!(batch.view().max_timestamp(), 55);
        batch.view().check_crc().unwrap();
        batch.stamp_append_time(99);
        assert!(batch.view().attributes().is_append_time());
        assert_eq!(batch.view().max_timestamp(), 99);
        Batch::whole(&bytes).unwrap();
    }

    #[test]
    fn sequences_go_on_with_zero() {
        assert_eq!(add_to_sequence(i32::MAX, 0), i32::MAX);
        assert_eq!(add_to_sequence(i32::MAX, 1), 0);
        assert_eq!(add_to_sequence(i32::MAX - 1, 4), 2);
    }

    #[test]
    fn a_torn_tail_says_what_it_needs() {
        let one = unhex(GOLDEN);
        let mut bytes = [one.clone(), one.clone()].concat();
        bytes.truncate(one.len() + 100);
        let mut reader = BatchReader::new(&bytes, 4096, MAX_LEN).with_crc();
        assert_eq!(reader.next().unwrap().unwrap().position, 4096);
        assert_eq!(reader.next(), Some(Err(BatchError::TooShort { have: 100, need: one.len() })));
        assert_eq!(reader.next(), None);
        assert_eq!(reader.position(), 4096 + one.len() as u64);
    }

    proptest! {
        #[test]
        fn headers_round_trip(header in header(), records: Vec<u8>) {
            let mut bytes = Vec::new();
            header.write_batch(&records, &mut bytes);
            let batch = Batch::whole(&bytes).unwrap();
            prop_assert_eq!(batch.header(), header);
            prop_assert_eq!(batch.records(), &records[..]);
            // None of these may overflow, whatever the fields claim.
            let _ = (batch.next_offset(), batch.last_sequence());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, limit in 0_usize..200) {
            let mut walked = 0;
            for placed in BatchReader::new(&bytes, 0, limit).with_crc().flatten() {
                prop_assert!(placed.batch.len() <= limit);
                walked += placed.batch.len();
            }
            prop_assert!(walked <= bytes.len());
            let _ = Batch::whole(&bytes);
        }

        // Random bytes hardly ever have the right magic: damage good batches instead.
        #[test]
        fn damaged_batches_never_panic(header in header(), at in 0_usize..100, byte: u8, cut in 0_usize..300) {
            let mut bytes = Vec::new();
            for _ in 0..3 {
                header.write_batch(&[5; 30], &mut bytes);
            }
            bytes[at] = byte;
            bytes.truncate(cut);
            let mut reader = BatchReader::new(&bytes, 0, 1 << 20);
            let good = reader.by_ref().take_while(Result::is_ok).map(|placed| placed.unwrap().batch.len() as u64).sum();
            prop_assert_eq!(reader.position(), good);
        }

        #[test]
        fn stamps_keep_the_crc(header in header(), offset: i64, epoch: i32, now: i64) {
            let mut bytes = Vec::new();
            header.write_batch(b"records", &mut bytes);
            let mut batch = BatchMut::parse(&mut bytes, MAX_LEN).unwrap();
            batch.stamp(offset, epoch);
            batch.view().check_crc().unwrap();
            batch.stamp_append_time(now);
            batch.view().check_crc().unwrap();
            prop_assert_eq!(batch.view().producer_id(), header.producer_id);
        }
    }
}
