//! The records of a round log: what a round wrote, gave up and created, in a closed set of entries.
//!
//! ```text
//!  0 magic            u32   "LgRd"
//!  4 version          u16
//!  6 zero             u16
//!  8 length           u32   bytes of the record, header included, padding to the block not
//! 12 crc              u32   CRC-32C of the record with this field as zero
//! 16 round log        u32
//! 20 chain            u32   `crc` of the record before
//! 24 round            u64
//! 32 durable through  u64   the highest round whose flush was done when this record was built
//! 40 entries          u32
//! 44 zero             u32
//! 48 entries, each a tag and its fields
//! ```
//!
//! Invariants: `durable_through < round`. A record stands on blocks of its own and is never rewritten. All numbers little-endian.

use std::sync::Arc;

use crate::batch::crc32c;
use crate::codec::{FormatError, Reader, put_i32, put_i64, put_string, put_u8, put_u16, put_u32, put_u64};
use crate::disk::BLOCK;
use crate::key::{LogKey, Spare};

pub const HEADER_LEN: usize = 48;
const MAGIC: u32 = u32::from_le_bytes(*b"LgRd");
const VERSION: u16 = 1;
const CRC_FIELD: usize = 12;
/// No record is longer, so a reader never allocates more. Rounds stop taking entries well before it.
pub const MAX_LEN: usize = 1 << 19;
/// The smallest entry: a tag and a log number.
const MIN_ENTRY_BYTES: usize = 5;
/// [`Entry::Truncate::base`] when no segment is left.
pub const NO_SEGMENT: i64 = -1;

/// What one round did to one log. `log` is the log's number within the round log, given by its Create entry or by the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `length` new bytes at `position` of the segment `base`, with CRC-32C `crc`; the log then ends before `next_offset`.
    Write {
        log: u32,
        generation: u32,
        base: i64,
        position: u32,
        length: u32,
        crc: u32,
        next_offset: i64,
    },
    /// The last segment is sealed where it ends; the spare becomes the segment that begins with offset `base`.
    Roll {
        log: u32,
        generation: u32,
        base: i64,
        spare: Spare,
    },
    /// The log ends at `offset` again, at `position` of the segment `base`; later segments are given up. With [`NO_SEGMENT`] all
    /// are, and the log begins and ends at `offset`.
    Truncate {
        log: u32,
        generation: u32,
        base: i64,
        position: u32,
        offset: i64,
    },
    /// Nothing below `offset` is shown any more; segments wholly below it are given up.
    LogStart {
        log: u32,
        offset: i64,
    },
    /// A log without segments that begins and ends at `offset`.
    Create {
        log: u32,
        key: Arc<LogKey>,
        offset: i64,
    },
    Delete {
        log: u32,
    },
}

const WRITE: u8 = 1;
const ROLL: u8 = 2;
const TRUNCATE: u8 = 3;
const LOG_START: u8 = 4;
const CREATE: u8 = 5;
const DELETE: u8 = 6;
// Compaction's swap and small bytes in the record itself; no version 1 writer makes them.
// REPLACE = 7, INLINE = 8.

impl Entry {
    /// The log that it creates.
    pub fn created(&self) -> Option<(u32, &Arc<LogKey>)> {
        match self {
            Self::Create { log, key, .. } => Some((*log, key)),
            _ => None,
        }
    }

    pub fn log(&self) -> u32 {
        match *self {
            Self::Write { log, .. }
            | Self::Roll { log, .. }
            | Self::Truncate { log, .. }
            | Self::LogStart { log, .. }
            | Self::Create { log, .. }
            | Self::Delete { log } => log,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Write { log, generation, base, position, length, crc, next_offset } => {
                put_u8(out, WRITE);
                put_u32(out, *log);
                put_u32(out, *generation);
                put_i64(out, *base);
                put_u32(out, *position);
                put_u32(out, *length);
                put_u32(out, *crc);
                put_i64(out, *next_offset);
            }
            Self::Roll { log, generation, base, spare } => {
                put_u8(out, ROLL);
                put_u32(out, *log);
                put_u32(out, *generation);
                put_i64(out, *base);
                put_spare(out, *spare);
            }
            Self::Truncate { log, generation, base, position, offset } => {
                put_u8(out, TRUNCATE);
                put_u32(out, *log);
                put_u32(out, *generation);
                put_i64(out, *base);
                put_u32(out, *position);
                put_i64(out, *offset);
            }
            Self::LogStart { log, offset } => {
                put_u8(out, LOG_START);
                put_u32(out, *log);
                put_i64(out, *offset);
            }
            Self::Create { log, key, offset } => {
                put_u8(out, CREATE);
                put_u32(out, *log);
                put_key(out, key);
                put_i64(out, *offset);
            }
            Self::Delete { log } => {
                put_u8(out, DELETE);
                put_u32(out, *log);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let tag = reader.u8();
        let log = reader.u32();
        Ok(match tag {
            WRITE => Self::Write {
                log,
                generation: reader.u32(),
                base: reader.i64(),
                position: reader.u32(),
                length: reader.u32(),
                crc: reader.u32(),
                next_offset: reader.i64(),
            },
            ROLL => {
                Self::Roll { log, generation: reader.u32(), base: reader.i64(), spare: get_spare(reader) }
            }
            TRUNCATE => Self::Truncate {
                log,
                generation: reader.u32(),
                base: reader.i64(),
                position: reader.u32(),
                offset: reader.i64(),
            },
            LOG_START => Self::LogStart { log, offset: reader.i64() },
            CREATE => Self::Create { log, key: Arc::new(get_key(reader)?), offset: reader.i64() },
            DELETE => Self::Delete { log },
            other => return Err(FormatError::BadValue { field: "entry", value: i64::from(other) }),
        })
    }

    /// An upper bound of the encoded length in bytes.
    pub fn encoded_bound(&self) -> usize {
        match self {
            Self::Create { key, .. } => 64 + key.topic.len(),
            _ => 64,
        }
    }
}

pub fn put_key(out: &mut Vec<u8>, key: &LogKey) {
    put_string(out, &key.topic);
    out.extend_from_slice(&key.topic_id);
    put_i32(out, key.partition);
}

pub fn get_key(reader: &mut Reader<'_>) -> Result<LogKey, FormatError> {
    Ok(LogKey { topic: reader.string()?, topic_id: reader.id(), partition: reader.i32() })
}

pub fn put_spare(out: &mut Vec<u8>, spare: Spare) {
    put_u32(out, spare.round_log);
    put_u32(out, spare.number);
}

pub fn get_spare(reader: &mut Reader<'_>) -> Spare {
    Spare { round_log: reader.u32(), number: reader.u32() }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub round_log: u32,
    pub chain: u32,
    pub round: u64,
    pub durable_through: u64,
    pub entries: Vec<Entry>,
}

/// What a record says of itself before its entries are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    pub length: usize,
    pub crc: u32,
    pub round_log: u32,
    pub round: u64,
}

impl Record {
    /// The record's bytes, padded with zeros to whole blocks, and its CRC. `out` is replaced.
    pub fn encode(&self, out: &mut Vec<u8>) -> u32 {
        encode(self.round_log, self.chain, self.round, self.durable_through, &self.entries, out)
    }

    /// Reads the header only; `bytes` may end anywhere behind it.
    pub fn peek(bytes: &[u8]) -> Result<RecordHeader, FormatError> {
        if bytes.len() < HEADER_LEN {
            return Err(FormatError::TooShort);
        }
        let mut reader = Reader::new(bytes);
        if reader.u32() != MAGIC {
            return Err(FormatError::WrongMagic { expected: "round record" });
        }
        let found = reader.u16();
        if found != VERSION {
            return Err(FormatError::UnknownVersion { found, known: VERSION });
        }
        let _zero = reader.u16();
        let length = reader.u32() as usize;
        if !(HEADER_LEN..=MAX_LEN).contains(&length) {
            return Err(FormatError::BadValue { field: "length", value: length as i64 });
        }
        let crc = reader.u32();
        let round_log = reader.u32();
        let _chain = reader.u32();
        Ok(RecordHeader { length, crc, round_log, round: reader.u64() })
    }

    /// Reads one record from the beginning of `bytes`. Returns it with its CRC and its length before padding.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u32, usize), FormatError> {
        let claim = Self::peek(bytes)?;
        let bytes = bytes.get(..claim.length).ok_or(FormatError::TooShort)?;
        if record_crc(bytes) != claim.crc {
            return Err(FormatError::WrongCrc);
        }
        let mut reader = Reader::new(&bytes[16..]);
        let round_log = reader.u32();
        let chain = reader.u32();
        let round = reader.u64();
        let durable_through = reader.u64();
        if durable_through >= round {
            return Err(FormatError::BadValue { field: "durable_through", value: durable_through as i64 });
        }
        let count = reader.u32() as usize;
        let _zero = reader.u32();
        if count > reader.remaining() / MIN_ENTRY_BYTES {
            return Err(FormatError::TooShort);
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(Entry::decode(&mut reader)?);
        }
        reader.finish()?;
        Ok((Self { round_log, chain, round, durable_through, entries }, claim.crc, claim.length))
    }
}

/// As [`Record::encode`], for entries that are kept elsewhere.
pub fn encode(
    round_log: u32,
    chain: u32,
    round: u64,
    durable_through: u64,
    entries: &[Entry],
    out: &mut Vec<u8>,
) -> u32 {
    out.clear();
    put_u32(out, MAGIC);
    put_u16(out, VERSION);
    put_u16(out, 0);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u32(out, round_log);
    put_u32(out, chain);
    put_u64(out, round);
    put_u64(out, durable_through);
    put_u32(out, entries.len() as u32);
    put_u32(out, 0);
    for entry in entries {
        entry.encode(out);
    }
    assert!(out.len() <= MAX_LEN, "a round's record grew to {} bytes", out.len());
    let length = out.len() as u32;
    out[8..12].copy_from_slice(&length.to_le_bytes());
    let crc = crc32c(out);
    out[CRC_FIELD..CRC_FIELD + 4].copy_from_slice(&crc.to_le_bytes());
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    crc
}

fn record_crc(bytes: &[u8]) -> u32 {
    let mut crc = crate::crc::RunningCrc::new();
    crc.update(&bytes[..CRC_FIELD]);
    crc.update(&[0; 4]);
    crc.update(&bytes[CRC_FIELD + 4..]);
    crc.value()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let log = any::<u32>();
        prop_oneof![
            (log, any::<u32>(), any::<i64>(), any::<[u32; 3]>(), any::<i64>()).prop_map(
                |(log, generation, base, [position, length, crc], next_offset)| Entry::Write {
                    log,
                    generation,
                    base,
                    position,
                    length,
                    crc,
                    next_offset
                }
            ),
            (any::<[u32; 4]>(), any::<i64>()).prop_map(|([log, generation, round_log, number], base)| {
                Entry::Roll { log, generation, base, spare: Spare { round_log, number } }
            }),
            (any::<[u32; 3]>(), any::<[i64; 2]>()).prop_map(
                |([log, generation, position], [base, offset])| {
                    Entry::Truncate { log, generation, base, position, offset }
                }
            ),
            (log, any::<i64>()).prop_map(|(log, offset)| Entry::LogStart { log, offset }),
            (log, "[a-z]{1,40}", any::<[u8; 16]>(), any::<i32>(), any::<i64>()).prop_map(
                |(log, topic, topic_id, partition, offset)| Entry::Create {
                    log,
                    key: Arc::new(LogKey { topic, topic_id, partition }),
                    offset
                }
            ),
            log.prop_map(|log| Entry::Delete { log }),
        ]
    }

    proptest! {
        #[test]
        fn a_record_comes_back(
            entries in prop::collection::vec(entry(), 0..20),
            round_log: u32, chain: u32, round in 1..u64::MAX,
        ) {
            let record = Record { round_log, chain, round, durable_through: round - 1, entries };
            let mut bytes = Vec::new();
            let crc = record.encode(&mut bytes);
            prop_assert_eq!(bytes.len() % BLOCK, 0);
            let (back, back_crc, _) = Record::decode(&bytes).unwrap();
            prop_assert_eq!(&back, &record);
            prop_assert_eq!(back_crc, crc);
            let claim = Record::peek(&bytes).unwrap();
            prop_assert_eq!((claim.round_log, claim.round, claim.crc), (round_log, round, crc));
        }

        #[test]
        fn a_changed_bit_is_noticed(entries in prop::collection::vec(entry(), 1..6), at: usize, bit in 0..8_u8) {
            let record = Record { round_log: 7, chain: 9, round: 2, durable_through: 1, entries };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            let (_, _, length) = Record::decode(&bytes).unwrap();
            bytes[at % length] ^= 1 << bit;
            prop_assert!(Record::decode(&bytes).is_err());
        }

        #[test]
        fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Record::decode(&bytes).is_err());
        }
    }
}
