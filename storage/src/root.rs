//! `logan/root`: the one place that says what counts (STORAGE §3). Two slots of a block each; the valid one with the higher sequence
//! holds. Written in place into the other slot, and synced, so that a crash leaves the old or the new one.
//!
//! ```text
//!  0 magic u32 "LgRt"   4 version u16   6 state u16 (1 open, 2 clean)   8 sequence u64
//! 16 next round log u32   20 count u32   24 round logs, u32 each   ...   4092 CRC-32C u32 of everything before
//! ```
//!
//! Invariants: every id in `round_logs` is below `next_round_log`; `state` is clean only with no round logs.

use crate::batch::crc32c;
use crate::codec::{FormatError, Reader, put_u16, put_u32, put_u64};
use crate::disk::BLOCK;

const MAGIC: u32 = u32::from_le_bytes(*b"LgRt");
const VERSION: u16 = 1;
const OPEN: u16 = 1;
const CLEAN: u16 = 2;
const HEADER_LEN: usize = 24;
const CRC_AT: usize = BLOCK - 4;
/// How many shards a log directory can serve.
pub const MOST_ROUND_LOGS: usize = (CRC_AT - HEADER_LEN) / 4;
pub const SLOTS: usize = 2;
/// The file's whole length in bytes.
pub const FILE_LEN: usize = SLOTS * BLOCK;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub sequence: u64,
    pub is_clean: bool,
    /// Ids below this one have been used.
    pub next_round_log: u32,
    pub round_logs: Vec<u32>,
}

impl Root {
    /// The root of a directory that Logan has not opened before, or that it closed cleanly.
    pub fn clean() -> Self {
        Self { sequence: 1, is_clean: true, next_round_log: 1, round_logs: Vec::new() }
    }

    /// Which slot this root is written to.
    pub fn slot(&self) -> usize {
        (self.sequence % SLOTS as u64) as usize
    }

    /// One block. Panics if there are more round logs than [`MOST_ROUND_LOGS`].
    pub fn encode(&self) -> Vec<u8> {
        self.check();
        let mut out = Vec::with_capacity(BLOCK);
        put_u32(&mut out, MAGIC);
        put_u16(&mut out, VERSION);
        put_u16(&mut out, if self.is_clean { CLEAN } else { OPEN });
        put_u64(&mut out, self.sequence);
        put_u32(&mut out, self.next_round_log);
        put_u32(&mut out, self.round_logs.len() as u32);
        for id in &self.round_logs {
            put_u32(&mut out, *id);
        }
        out.resize(CRC_AT, 0);
        let crc = crc32c(&out);
        put_u32(&mut out, crc);
        out
    }

    fn decode_slot(slot: &[u8]) -> Result<Self, FormatError> {
        if slot.len() != BLOCK {
            return Err(FormatError::TooShort);
        }
        let mut reader = Reader::new(slot);
        if reader.u32() != MAGIC {
            return Err(FormatError::WrongMagic { expected: "root" });
        }
        let found = reader.u16();
        if found != VERSION {
            return Err(FormatError::UnknownVersion { found, known: VERSION });
        }
        if crc32c(&slot[..CRC_AT]).to_le_bytes() != slot[CRC_AT..] {
            return Err(FormatError::WrongCrc);
        }
        let state = reader.u16();
        let sequence = reader.u64();
        let next_round_log = reader.u32();
        let count = reader.count(4)?;
        if count > MOST_ROUND_LOGS || !(OPEN..=CLEAN).contains(&state) {
            return Err(FormatError::BadValue { field: "state or count", value: count as i64 });
        }
        let round_logs: Vec<u32> = (0..count).map(|_| reader.u32()).collect();
        let root = Self { sequence, is_clean: state == CLEAN, next_round_log, round_logs };
        if root.is_consistent() {
            Ok(root)
        } else {
            Err(FormatError::BadValue { field: "round logs", value: count as i64 })
        }
    }

    /// The root that holds, from the whole file. A slot with another format version is an error even if the other slot is good:
    /// a newer program was here.
    pub fn decode(file: &[u8]) -> Result<Self, FormatError> {
        if file.len() < FILE_LEN {
            return Err(FormatError::TooShort);
        }
        let mut best: Result<Self, FormatError> = Err(FormatError::WrongCrc);
        for slot in file[..FILE_LEN].chunks_exact(BLOCK) {
            match Self::decode_slot(slot) {
                Err(version @ FormatError::UnknownVersion { .. }) => return Err(version),
                Ok(root) if best.as_ref().is_ok_and(|best| best.sequence > root.sequence) => {}
                Ok(root) => best = Ok(root),
                Err(_) => {}
            }
        }
        best
    }

    fn is_consistent(&self) -> bool {
        self.round_logs.iter().all(|id| *id < self.next_round_log)
            && (!self.is_clean || self.round_logs.is_empty())
    }

    fn check(&self) {
        assert!(self.is_consistent(), "{self:?}");
        assert!(self.round_logs.len() <= MOST_ROUND_LOGS, "{self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(sequence: u64) -> Root {
        Root { sequence, is_clean: false, next_round_log: 9, round_logs: vec![7, 8] }
    }

    fn file(first: &Root, second: &Root) -> Vec<u8> {
        let mut file = vec![0; FILE_LEN];
        for root in [first, second] {
            let at = root.slot() * BLOCK;
            file[at..at + BLOCK].copy_from_slice(&root.encode());
        }
        file
    }

    #[test]
    fn the_newer_slot_holds_and_a_torn_one_does_not() {
        let mut bytes = file(&root(4), &root(5));
        assert_eq!(Root::decode(&bytes).unwrap(), root(5));
        bytes[root(5).slot() * BLOCK + 30] ^= 1;
        assert_eq!(Root::decode(&bytes).unwrap(), root(4));
        bytes[root(4).slot() * BLOCK + 30] ^= 1;
        assert!(Root::decode(&bytes).is_err());
        assert_eq!(Root::decode(&bytes[..BLOCK]), Err(FormatError::TooShort));
    }

    #[test]
    fn a_newer_format_is_not_read_around() {
        let mut bytes = file(&root(4), &root(5));
        let at = root(5).slot() * BLOCK;
        bytes[at + 4] = 2;
        assert_eq!(Root::decode(&bytes), Err(FormatError::UnknownVersion { found: 2, known: 1 }));
    }
}
