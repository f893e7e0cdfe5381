//! Kafka's index of aborted transactions (`.txnindex`) of one segment: entries of 34 bytes, without a header.
//!
//! ```text
//! version i16 = 0, producer id i64, first offset i64, last offset i64 (the marker's), last stable offset i64
//! ```
//!
//! Invariant: the last offsets rise strictly. Source: Kafka's `AbortedTxn` and `TransactionIndex`.

pub const ENTRY_LEN: usize = 34;
const VERSION: i16 = 0;

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTxn {
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
    /// The offset of its abort marker.
    pub last_offset: i64,
    /// The last stable offset when the marker was appended: every transaction that began before it had ended.
    pub last_stable_offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TxnIndexError {
    #[error("a transaction index of {len} bytes does not consist of entries of 34 bytes")]
    TornEntry { len: usize },
    #[error("entry {slot} of a transaction index has the unknown version {version}")]
    UnknownVersion { slot: usize, version: i16 },
    #[error(
        "entry {slot} of a transaction index does not follow the one before, or is below the segment's base offset"
    )]
    OutOfOrder { slot: usize },
}

impl AbortedTxn {
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        let fields = [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        for (place, field) in bytes[2..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_LEN]) -> Result<Self, i16> {
        let version = i16::from_be_bytes([bytes[0], bytes[1]]);
        if version != VERSION {
            return Err(version);
        }
        let (fields, _) = bytes[2..].as_chunks();
        let [producer_id, first_offset, last_offset, last_stable_offset] =
            [0, 1, 2, 3].map(|at| i64::from_be_bytes(fields[at]));
        Ok(Self { producer_id, first_offset, last_offset, last_stable_offset })
    }
}

/// The aborted transactions whose markers one segment holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TxnIndex {
    entries: Vec<AbortedTxn>,
}

impl TxnIndex {
    /// Reads a file. Such an index is small: it grows by one entry with each aborted transaction.
    pub fn parse(base_offset: i64, bytes: &[u8]) -> Result<Self, TxnIndexError> {
        let (chunks, torn) = bytes.as_chunks();
        if !torn.is_empty() {
            return Err(TxnIndexError::TornEntry { len: bytes.len() });
        }
        let mut index = Self { entries: Vec::with_capacity(chunks.len()) };
        for (slot, entry) in chunks.iter().enumerate() {
            let entry = AbortedTxn::decode(entry)
                .map_err(|version| TxnIndexError::UnknownVersion { slot, version })?;
            if entry.last_offset < base_offset {
                return Err(TxnIndexError::OutOfOrder { slot });
            }
            index.push(entry)?;
        }
        Ok(index)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.entries.iter().flat_map(AbortedTxn::encode).collect()
    }

    pub fn entries(&self) -> &[AbortedTxn] {
        &self.entries
    }

    /// Adds the transaction that a marker behind all others has ended.
    pub fn push(&mut self, entry: AbortedTxn) -> Result<(), TxnIndexError> {
        if self.entries.last().is_some_and(|last| last.last_offset >= entry.last_offset) {
            return Err(TxnIndexError::OutOfOrder { slot: self.entries.len() });
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Adds to `found` the transactions with records or markers in `from..until`. Returns whether no later segment has more of them.
    pub fn collect(&self, from: i64, until: i64, found: &mut Vec<AbortedTxn>) -> bool {
        let first = self.entries.partition_point(|entry| entry.last_offset < from);
        for entry in &self.entries[first..] {
            if entry.first_offset < until {
                found.push(*entry);
            }
            if entry.last_stable_offset >= until {
                return true;
            }
        }
        // What has ended before `from` may say the same.
        self.entries[..first].last().is_some_and(|entry| entry.last_stable_offset >= until)
    }

    /// Forgets the markers from `end_offset` on.
    pub fn truncate_to(&mut self, end_offset: i64) {
        let kept = self.entries.partition_point(|entry| entry.last_offset < end_offset);
        self.entries.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn txn(producer_id: i64, first_offset: i64, last_offset: i64, last_stable_offset: i64) -> AbortedTxn {
        AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset }
    }

    #[test]
    fn a_fetch_is_told_what_overlaps() {
        let all = [txn(0, 0, 10, 2), txn(1, 5, 15, 16), txn(2, 18, 35, 25), txn(3, 32, 50, 40)];
        let mut index = TxnIndex::default();
        for entry in &all {
            index.push(*entry).unwrap();
        }
        assert_eq!(index.push(all[3]), Err(TxnIndexError::OutOfOrder { slot: 4 }));
        assert_eq!(TxnIndex::parse(0, &index.encode()), Ok(index.clone()));
        let collect = |from, until| {
            let mut found = Vec::new();
            let is_complete = index.collect(from, until, &mut found);
            (found, is_complete)
        };
        assert_eq!(collect(0, 100), (all.to_vec(), false));
        assert_eq!(collect(0, 32), (all[..3].to_vec(), true));
        assert_eq!(collect(0, 35), (all.to_vec(), true));
        assert_eq!(collect(10, 35), (all.to_vec(), true));
        assert_eq!(collect(11, 35), (all[1..].to_vec(), true));
        assert_eq!(collect(20, 41), (all[2..].to_vec(), false));
        assert_eq!(collect(51, 52), (Vec::new(), false));
        index.truncate_to(35);
        assert_eq!(index.entries(), &all[..2]);
    }

    #[test]
    fn wrong_indexes_are_refused() {
        assert_eq!(TxnIndex::parse(0, &[0; 33]).unwrap_err(), TxnIndexError::TornEntry { len: 33 });
        let mut bytes = txn(1, 2, 3, 4).encode();
        assert_eq!(TxnIndex::parse(4, &bytes).unwrap_err(), TxnIndexError::OutOfOrder { slot: 0 });
        let twice = [bytes, bytes].concat();
        assert_eq!(TxnIndex::parse(0, &twice).unwrap_err(), TxnIndexError::OutOfOrder { slot: 1 });
        bytes[1] = 7;
        assert_eq!(
            TxnIndex::parse(0, &bytes).unwrap_err(),
            TxnIndexError::UnknownVersion { slot: 0, version: 7 }
        );
    }

    proptest! {
        #[test]
        fn round_trip(fields: [i64; 4]) {
            let entry = txn(fields[0], fields[1], fields[2], fields[3]);
            prop_assert_eq!(AbortedTxn::decode(&entry.encode()), Ok(entry));
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, base: i64, from: i64, to: i64, whole: bool) {
            if whole {
                bytes.resize(bytes.len().next_multiple_of(ENTRY_LEN), 0);
                for entry in bytes.chunks_exact_mut(ENTRY_LEN) {
                    entry[..2].fill(0);
                }
            }
            if let Ok(mut index) = TxnIndex::parse(base, &bytes) {
                prop_assert_eq!(index.encode(), bytes);
                index.collect(from, to, &mut Vec::new());
                index.truncate_to(to);
                prop_assert!(index.entries().iter().all(|entry| entry.last_offset < to));
            }
        }
    }
}
