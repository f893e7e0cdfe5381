//! Whether a transaction index that was read from a file can be its segment's. Kafka's have no checksum: one that was garbled may still look like
//! one, and readers of committed records would be shown what was aborted, or be kept from what was not.
//!
//! What the entries name is looked up: the marker, the first batch of the transaction, the one that kept the last stable offset back. And they
//! must agree: of transactions whose markers come later, none began below a last stable offset. Where something does not fit, or there are
//! too many entries to look them up, the index is made anew of the batches. Not noticed is an entry whose transaction would seem to begin with
//! another batch of its producer, and a file that lacks its last entries.

use std::rc::Rc;

use crate::batch::Batch;
use crate::failure::ReadError;
use crate::index::OffsetIndex;
use crate::log::Log;
use crate::producers::Marker;
use crate::segment::Segment;
use crate::txn_index::{AbortedTxn, TxnIndex};
use crate::volume::Volume;

/// Each takes up to three reads of a few blocks; a segment is gone through at a gigabyte a second or so.
const MAX_LOOKED_UP: usize = 256;

/// What an entry says of the batch at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It aborts the producer's transaction.
    Marker(i64),
    /// It is of a transaction of the producer's.
    First(i64),
    /// It is of some transaction.
    Undecided,
}

impl Claim {
    fn fits(self, batch: &Batch<'_>) -> bool {
        let attributes = batch.attributes();
        let is_of_txn = attributes.is_transactional() && !attributes.is_control();
        match self {
            Self::Marker(producer) => {
                let marker =
                    attributes.is_control().then(|| Marker::of(batch)).and_then(Result::ok).flatten();
                batch.producer_id() == producer && marker.is_some_and(|marker| !marker.is_commit)
            }
            Self::First(producer) => is_of_txn && batch.producer_id() == producer,
            Self::Undecided => is_of_txn,
        }
    }
}

/// What the entries say of batches, by offset; `None` if they contradict each other. All lie before `end`.
fn claims(entries: &[AbortedTxn], end: i64) -> Option<Vec<(i64, Claim)>> {
    let mut claims = Vec::with_capacity(3 * entries.len());
    // Nothing begins before the first offset: what lies below a log's first segment is not looked up.
    let mut stable = 0;
    for entry in entries {
        let AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset } = *entry;
        let is_likely = first_offset < last_offset
            && first_offset >= stable
            && (stable..=last_offset + 1).contains(&last_stable_offset)
            && last_offset < end;
        if !is_likely {
            return None;
        }
        stable = last_stable_offset;
        claims.push((last_offset, Claim::Marker(producer_id)));
        claims.push((first_offset, Claim::First(producer_id)));
        if last_stable_offset <= last_offset {
            claims.push((last_stable_offset, Claim::Undecided));
        }
    }
    claims.sort_by_key(|(offset, _)| *offset);
    Some(claims)
}

impl Log {
    /// Whether the batches bear out what the index of `segment` says.
    pub(crate) async fn is_borne_out(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segments: &[Rc<Segment>],
        segment: &Segment,
        index: &TxnIndex,
    ) -> Result<bool, ReadError> {
        let next = segments.iter().find(|other| other.base > segment.base);
        let end = next.map_or_else(|| self.ends().log_end, |next| next.base);
        if index.entries().len() > MAX_LOOKED_UP {
            return Ok(false);
        }
        let Some(claims) = claims(index.entries(), end) else { return Ok(false) };
        let mut left = &claims[..];
        for (at, segment) in segments.iter().enumerate() {
            let behind = segments.get(at + 1).map_or(i64::MAX, |next| next.base);
            let below = left.partition_point(|(offset, _)| *offset < segment.base);
            let within = left.partition_point(|(offset, _)| *offset < behind);
            // What lay below the first segment is gone.
            if !self.has_claimed(volume, segment, &left[below..within]).await? {
                return Ok(false);
            }
            left = &left[within..];
        }
        Ok(left.is_empty())
    }

    async fn has_claimed(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
        claims: &[(i64, Claim)],
    ) -> Result<bool, ReadError> {
        if claims.is_empty() {
            return Ok(true);
        }
        let length = segment.length.get();
        let known = segment.index.borrow().as_ref().map(|index| index.offsets.clone());
        let offsets = match known {
            Some(offsets) => offsets,
            None => self.index_of_files(volume, segment).await.offsets,
        };
        let mut left = claims;
        while let Some((first, _)) = left.first() {
            let Ok(index) = OffsetIndex::parse(segment.base, &offsets) else { return Ok(false) };
            let from = index.lookup(*first).position;
            // The batch may begin before the next entry's and end with it.
            let until =
                index.iter().filter(|entry| entry.offset > *first).nth(1).map_or(length, |at| at.position);
            let mut is_right = true;
            let before = left.len();
            let scanned = volume
                .scan(self, segment, from, until.min(length), |_, batch| {
                    while let Some(((offset, claim), rest)) = left.split_first()
                        && *offset <= batch.last_offset()
                    {
                        is_right &= *offset == batch.base_offset() && claim.fits(batch);
                        left = rest;
                    }
                })
                .await;
            match scanned {
                // The offset index may lead astray, too.
                Err(ReadError::Corrupt { .. }) => return Ok(false),
                outcome => outcome?,
            }
            if !is_right || left.len() == before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(producer_id: i64, first_offset: i64, last_offset: i64, last_stable_offset: i64) -> AbortedTxn {
        AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset }
    }

    #[test]
    fn entries_that_contradict_each_other_are_not_looked_up() {
        let right = [txn(0, 0, 10, 5), txn(1, 5, 15, 16), txn(2, 18, 35, 25)];
        assert_eq!(claims(&right, 36).unwrap().len(), 8);
        assert_eq!(claims(&right, 35), None);
        assert_eq!(claims(&[txn(0, 10, 10, 5)], 36), None, "it ends before it begins");
        assert_eq!(claims(&[txn(0, i64::MIN + 5, 10, 5)], 36), None, "it begins before the log can");
        assert_eq!(claims(&[txn(0, 0, 10, -5)], 36), None, "less is stable than the log can hold");
        assert_eq!(claims(&[txn(0, 0, 10, 12)], 36), None, "more is stable than there was");
        assert_eq!(claims(&[txn(0, 0, 10, 6), right[1]], 36), None, "an open transaction was stable");
        assert_eq!(claims(&[right[0], right[1], txn(2, 18, 35, 15)], 36), None, "less is stable than before");
    }
}
