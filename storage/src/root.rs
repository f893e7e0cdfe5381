//! `logan/root`: the one place that says what counts. Two slots of a block each; the valid one with the higher sequence
//! holds. Both are written in place, one after the other: first the one that does not hold the newest root, synced, then the other, synced,
//! and only then is anything given up that the root before needs.
//!
//! So a crash leaves the old or the new one, each with all that it names; and at rest both slots say the same, so that one that rots
//! takes nothing along. (With the new root in one slot only, a rotten one looks like a torn one, and the root before it would be
//! believed: a directory that was in use would be taken for one that was closed cleanly.)
//!
//! ```text
//!  0 magic u32 "LgRt"   4 version u16   6 state u16 (1 open, 2 clean)   8 sequence u64
//! 16 next round log u32   20 count u32   24 round logs, u32 each   ...   4092 CRC-32C u32 of everything before
//! ```
//!
//! Magic, version and CRC stand there in every version.
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
pub const MAX_ROUND_LOGS: usize = (CRC_AT - HEADER_LEN) / 4;
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

    /// One block. Panics if there are more round logs than [`MAX_ROUND_LOGS`].
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
        if crc32c(&slot[..CRC_AT]).to_le_bytes() != slot[CRC_AT..] {
            return Err(FormatError::WrongCrc);
        }
        let found = reader.u16();
        if found != VERSION {
            return Err(FormatError::UnknownVersion { found, known: VERSION });
        }
        let state = reader.u16();
        let sequence = reader.u64();
        let next_round_log = reader.u32();
        let count = reader.count(4)?;
        if count > MAX_ROUND_LOGS || !(OPEN..=CLEAN).contains(&state) {
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
        let mut best: Result<Self, FormatError> = Err(FormatError::WrongCrc);
        if file.len() < FILE_LEN {
            return Err(FormatError::TooShort);
        }
        for slot in Self::slots(file) {
            match slot {
                Err(version @ FormatError::UnknownVersion { .. }) => return Err(version),
                Ok(root) if best.as_ref().is_ok_and(|best| best.sequence > root.sequence) => {}
                Ok(root) => best = Ok(root),
                Err(_) => {}
            }
        }
        best
    }

    /// The order in which a newer root goes into the slots: what holds now is overwritten last.
    pub fn write_order(file: &[u8]) -> [usize; SLOTS] {
        let [first, second] = Self::slots(file).map(|slot| slot.map_or(0, |root| root.sequence));
        if first > second { [1, 0] } else { [0, 1] }
    }

    /// Whether both slots say the same, as they do unless a write was cut short or the medium has changed one.
    pub fn is_twofold(file: &[u8]) -> bool {
        let [first, second] = Self::slots(file);
        first.is_ok() && first == second
    }

    fn slots(file: &[u8]) -> [Result<Self, FormatError>; SLOTS] {
        let bytes_of = |slot: usize| file.get(slot * BLOCK..(slot + 1) * BLOCK).unwrap_or_default();
        [0, 1].map(|slot| Self::decode_slot(bytes_of(slot)))
    }

    fn is_consistent(&self) -> bool {
        self.round_logs.iter().all(|id| *id < self.next_round_log)
            && (!self.is_clean || self.round_logs.is_empty())
    }

    fn check(&self) {
        assert!(self.is_consistent(), "{self:?}");
        assert!(self.round_logs.len() <= MAX_ROUND_LOGS, "{self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(sequence: u64) -> Root {
        Root { sequence, is_clean: false, next_round_log: 9, round_logs: vec![7, 8] }
    }

    fn file(first: &Root, second: &Root) -> Vec<u8> {
        [first.encode(), second.encode()].concat()
    }

    #[test]
    fn the_newer_slot_holds_and_a_torn_one_does_not() {
        let mut bytes = file(&root(4), &root(5));
        assert_eq!(Root::decode(&bytes).unwrap(), root(5));
        bytes[BLOCK + 30] ^= 1;
        assert_eq!(Root::decode(&bytes).unwrap(), root(4));
        bytes[30] ^= 1;
        assert!(Root::decode(&bytes).is_err());
        assert_eq!(Root::decode(&bytes[..BLOCK]), Err(FormatError::TooShort));
    }

    /// At every moment of a write, and with either slot damaged before it, the old or the new root holds.
    #[test]
    fn what_holds_is_overwritten_last() {
        for damaged in [None, Some(0), Some(1)] {
            let mut bytes = file(&root(4), &root(4));
            if let Some(slot) = damaged {
                bytes[slot * BLOCK + 30] ^= 1;
            }
            assert_eq!(Root::is_twofold(&bytes), damaged.is_none());
            for (written, slot) in Root::write_order(&bytes).into_iter().enumerate() {
                let mut torn = bytes.clone();
                torn[slot * BLOCK..][..512].copy_from_slice(&root(5).encode()[..512]);
                assert_eq!(Root::decode(&torn), Ok(root(4 + written as u64)), "{damaged:?}");
                bytes[slot * BLOCK..][..BLOCK].copy_from_slice(&root(5).encode());
                assert_eq!(Root::decode(&bytes), Ok(root(5)), "{damaged:?}");
            }
            assert!(Root::is_twofold(&bytes));
        }
    }

    #[test]
    fn a_newer_format_is_not_read_around() {
        let mut newer = root(5).encode();
        newer[4] = 2;
        let is_rotten = [root(4).encode(), newer.clone()].concat();
        assert_eq!(Root::decode(&is_rotten), Ok(root(4)));
        let crc = crc32c(&newer[..CRC_AT]);
        newer[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        let bytes = [root(4).encode(), newer].concat();
        assert_eq!(Root::decode(&bytes), Err(FormatError::UnknownVersion { found: 2, known: 1 }));
    }
}
