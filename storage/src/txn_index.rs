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

/// What a fetch must be told about aborted transactions, from one segment's index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub aborted: Vec<AbortedTxn>,
    /// Whether no later segment's index can hold more of them.
    pub is_complete: bool,
}

/// The entries of a transaction index, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct TxnIndex<'a> {
    entries: &'a [[u8; ENTRY_LEN]],
}

impl<'a> TxnIndex<'a> {
    /// Checks every entry. Such an index is small: it grows by one entry with each aborted transaction.
    pub fn parse(base_offset: i64, bytes: &'a [u8]) -> Result<Self, TxnIndexError> {
        let (entries, torn) = bytes.as_chunks();
        if !torn.is_empty() {
            return Err(TxnIndexError::TornEntry { len: bytes.len() });
        }
        let mut last = None;
        for (slot, entry) in entries.iter().enumerate() {
            let entry = AbortedTxn::decode(entry)
                .map_err(|version| TxnIndexError::UnknownVersion { slot, version })?;
            if entry.last_offset < base_offset || last.is_some_and(|last| entry.last_offset <= last) {
                return Err(TxnIndexError::OutOfOrder { slot });
            }
            last = Some(entry.last_offset);
        }
        Ok(Self { entries })
    }

    pub fn iter(&self) -> impl Iterator<Item = AbortedTxn> + 'a {
        // Versions were checked by `parse`.
        self.entries.iter().filter_map(|entry| AbortedTxn::decode(entry).ok())
    }

    /// The transactions with records or markers in `fetch_offset..upper_bound`.
    pub fn collect(&self, fetch_offset: i64, upper_bound: i64) -> Found {
        let mut found = Found::default();
        for entry in self.iter() {
            if entry.last_offset >= fetch_offset && entry.first_offset < upper_bound {
                found.aborted.push(entry);
            }
            if entry.last_stable_offset >= upper_bound {
                found.is_complete = true;
                break;
            }
        }
        found
    }

    /// The length in bytes of the index once the log ends before `end_offset`.
    pub fn len_when_truncated_to(&self, end_offset: i64) -> usize {
        self.iter().take_while(|entry| entry.last_offset < end_offset).count() * ENTRY_LEN
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
        let bytes: Vec<u8> = all.iter().flat_map(AbortedTxn::encode).collect();
        let index = TxnIndex::parse(0, &bytes).unwrap();
        let collect = |from, to| index.collect(from, to);
        assert_eq!(collect(0, 100), Found { aborted: all.to_vec(), is_complete: false });
        assert_eq!(collect(0, 32), Found { aborted: all[..3].to_vec(), is_complete: true });
        assert_eq!(collect(0, 35), Found { aborted: all.to_vec(), is_complete: true });
        assert_eq!(collect(10, 35), Found { aborted: all.to_vec(), is_complete: true });
        assert_eq!(collect(11, 35), Found { aborted: all[1..].to_vec(), is_complete: true });
        assert_eq!(collect(20, 41), Found { aborted: all[2..].to_vec(), is_complete: false });
        assert_eq!(index.len_when_truncated_to(35), 68);
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
            if let Ok(index) = TxnIndex::parse(base, &bytes) {
                prop_assert!(index.collect(from, to).aborted.len() * ENTRY_LEN <= bytes.len());
                prop_assert!(index.len_when_truncated_to(to) <= bytes.len());
            }
        }
    }
}
