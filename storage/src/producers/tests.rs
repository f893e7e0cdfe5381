use proptest::prelude::*;

use super::*;
use crate::batch::{Attributes, Header, MAX_LEN, tests::unhex};
use crate::varint::{write_i32, write_i64};

const CLIENT: Origin = Origin::Client { verified: false };

#[derive(Debug, Clone, Copy)]
struct Append {
    id: i64,
    epoch: i16,
    sequence: i32,
    count: i32,
    offset: i64,
    is_transactional: bool,
}

fn append(id: i64, epoch: i16, sequence: i32, count: i32, offset: i64) -> Append {
    Append { id, epoch, sequence, count, offset, is_transactional: false }
}

impl Append {
    fn bytes(&self) -> Vec<u8> {
        let attributes = if self.is_transactional { Attributes::TRANSACTIONAL } else { 0 };
        let header = Header {
            base_offset: self.offset,
            leader_epoch: 0,
            attributes: Attributes(attributes),
            last_offset_delta: self.count - 1,
            base_timestamp: 1000 + self.offset,
            max_timestamp: 1000 + self.offset,
            producer_id: self.id,
            producer_epoch: self.epoch,
            base_sequence: self.sequence,
            count: self.count,
        };
        let mut bytes = Vec::new();
        header.write_batch(b"", &mut bytes);
        bytes
    }

    fn check(&self, producers: &Producers) -> Result<Verdict, ProducerError> {
        self.check_as(producers, CLIENT)
    }

    fn check_as(&self, producers: &Producers, origin: Origin) -> Result<Verdict, ProducerError> {
        let bytes = self.bytes();
        let attempt = Attempt::of(&Batch::parse(&bytes, MAX_LEN).unwrap()).unwrap();
        producers.check_append(&attempt, origin)
    }

    fn apply(&self, producers: &mut Producers) {
        let bytes = self.bytes();
        assert_eq!(producers.apply(&Batch::parse(&bytes, MAX_LEN).unwrap()), Ok(None));
        producers.check();
    }

    fn append(&self, producers: &mut Producers) {
        assert_eq!(self.check(producers), Ok(Verdict::New), "{self:?}");
        self.apply(producers);
    }
}

fn marker_bytes(id: i64, epoch: i16, offset: i64, is_commit: bool, coordinator_epoch: i32) -> Vec<u8> {
    let mut record = vec![0];
    write_i64(&mut record, 0);
    write_i32(&mut record, 0);
    write_i32(&mut record, 4);
    record.extend([0, 0, 0, u8::from(is_commit)]);
    write_i32(&mut record, 6);
    record.extend([0, 0]);
    record.extend(coordinator_epoch.to_be_bytes());
    write_i32(&mut record, 0);
    let mut records = Vec::new();
    write_i32(&mut records, record.len() as i32);
    records.extend(record);
    let header = Header {
        base_offset: offset,
        leader_epoch: 0,
        attributes: Attributes(Attributes::TRANSACTIONAL | Attributes::CONTROL),
        last_offset_delta: 0,
        base_timestamp: 5000,
        max_timestamp: 5000,
        producer_id: id,
        producer_epoch: epoch,
        base_sequence: -1,
        count: 1,
    };
    let mut bytes = Vec::new();
    header.write_batch(&records, &mut bytes);
    bytes
}

fn end(producers: &mut Producers, bytes: &[u8]) -> Option<EndedTxn> {
    let ended = producers.apply(&Batch::parse(bytes, MAX_LEN).unwrap()).unwrap();
    producers.check();
    ended
}

fn out_of_order(result: &Result<Verdict, ProducerError>) -> bool {
    matches!(result, Err(ProducerError::OutOfOrderSequence { .. }))
}

#[test]
fn sequences_must_follow() {
    let mut producers = Producers::new(0);
    append(7, 0, 0, 3, 0).append(&mut producers);
    append(7, 0, 3, 1, 3).append(&mut producers);
    assert!(out_of_order(&append(7, 0, 5, 1, 4).check(&producers)));
    assert!(out_of_order(&append(7, 0, 3, 2, 4).check(&producers)), "another length is another batch");
    assert!(out_of_order(&append(7, 0, 0, 1, 4).check(&producers)));
    let Ok(Verdict::Duplicate(original)) = append(7, 0, 0, 3, 99).check(&producers) else {
        panic!("not recognised")
    };
    assert_eq!((original.first_offset(), original.last_offset, original.timestamp), (0, 2, 1000));
    append(7, 0, 4, 1, 4).append(&mut producers);
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    append(7, 3, 1234, 1, 0).append(&mut Producers::new(0));
}

#[test]
fn five_batches_are_remembered() {
    let mut producers = Producers::new(0);
    for at in 0..6 {
        append(7, 0, at, 1, i64::from(at)).append(&mut producers);
    }
    assert!(out_of_order(&append(7, 0, 0, 1, 6).check(&producers)));
    for at in 1..6 {
        assert!(matches!(append(7, 0, at, 1, 6).check(&producers), Ok(Verdict::Duplicate(_))), "{at}");
    }
}

#[test]
fn sequences_go_on_with_zero_behind_the_largest() {
    let mut producers = Producers::new(0);
    append(7, 0, i32::MAX - 1, 2, 0).append(&mut producers);
    append(7, 0, 0, 1, 2).append(&mut producers);
    // A batch may span the largest number.
    let mut producers = Producers::new(0);
    append(7, 0, i32::MAX, 3, 0).append(&mut producers);
    assert_eq!(producers.get(7).unwrap().last_sequence(), 1);
    assert!(matches!(append(7, 0, i32::MAX, 3, 3).check(&producers), Ok(Verdict::Duplicate(_))));
    append(7, 0, 2, 1, 3).append(&mut producers);
}

#[test]
fn a_new_epoch_begins_with_zero() {
    let mut producers = Producers::new(0);
    append(7, 1, 0, 3, 0).append(&mut producers);
    assert!(out_of_order(&append(7, 2, 3, 1, 3).check(&producers)));
    let stale = ProducerError::InvalidEpoch { producer_id: 7, epoch: 0, current: 1 };
    assert_eq!(append(7, 0, 3, 1, 3).check(&producers), Err(stale));
    append(7, 2, 0, 3, 3).append(&mut producers);
    // The same numbers in the epoch before are no duplicate, but stale.
    assert!(matches!(append(7, 1, 0, 3, 6).check(&producers), Err(ProducerError::InvalidEpoch { .. })));
}

#[test]
fn transactions_open_and_end() {
    let verified = Origin::Client { verified: true };
    let mut producers = Producers::new(0);
    let txn = |id, sequence, offset| Append { is_transactional: true, ..append(id, 0, sequence, 1, offset) };
    assert_eq!(txn(7, 0, 0).check(&producers), Err(ProducerError::NotInTransaction { producer_id: 7 }));
    assert_eq!(txn(7, 0, 0).check_as(&producers, verified), Ok(Verdict::New));
    txn(7, 0, 0).apply(&mut producers);
    // Once open, it need not be verified again.
    txn(7, 1, 1).append(&mut producers);
    txn(8, 0, 2).apply(&mut producers);
    assert_eq!(append(7, 0, 2, 1, 3).check(&producers), Err(ProducerError::InTransaction { producer_id: 7 }));
    assert_eq!(producers.first_unstable_offset(), Some(0));

    let ended = end(&mut producers, &marker_bytes(7, 0, 3, false, 4)).unwrap();
    let expected = AbortedTxn { producer_id: 7, first_offset: 0, last_offset: 3, last_stable_offset: 2 };
    assert_eq!(ended.aborted(), Some(expected));
    assert_eq!(producers.first_undecided_offset(), Some(2));
    // Ended, but the marker may not be replicated yet.
    assert_eq!(producers.first_unstable_offset(), Some(0));
    producers.on_high_watermark(3);
    assert_eq!(producers.first_unstable_offset(), Some(0));
    producers.on_high_watermark(4);
    assert_eq!(producers.first_unstable_offset(), Some(2));

    let ended = end(&mut producers, &marker_bytes(8, 0, 4, true, 4)).unwrap();
    assert_eq!((ended.aborted(), ended.last_stable_offset), (None, 5));
    // A marker alone moves nothing but its producer's epochs.
    assert_eq!(end(&mut producers, &marker_bytes(8, 1, 5, true, 5)), None);
    let eight = producers.get(8).unwrap();
    assert_eq!((eight.epoch, eight.coordinator_epoch, eight.last_timestamp), (1, 5, 5000));
    assert_eq!(eight.recent(), []);
    assert!(out_of_order(&append(8, 1, 1, 1, 6).check(&producers)));
    append(8, 1, 0, 1, 6).append(&mut producers);
}

#[test]
fn markers_are_checked() {
    let mut producers = Producers::new(0);
    Append { is_transactional: true, ..append(7, 1, 0, 1, 0) }.apply(&mut producers);
    let check = |producers: &Producers, epoch, coordinator_epoch, version| {
        let bytes = marker_bytes(7, epoch, 1, true, coordinator_epoch);
        let batch = Batch::whole(&bytes).unwrap();
        producers.check_marker(&batch, &Marker::of(&batch).unwrap().unwrap(), version)
    };
    let invalid = |epoch, current| Err(ProducerError::InvalidEpoch { producer_id: 7, epoch, current });
    assert_eq!(check(&producers, 0, 0, 0), invalid(0, 1));
    assert_eq!(check(&producers, 1, 0, 1), Ok(()));
    assert_eq!(check(&producers, 1, 0, 2), invalid(1, 1));
    assert_eq!(check(&producers, 2, 0, 2), Ok(()));
    end(&mut producers, &marker_bytes(7, 2, 1, true, 9));
    assert_eq!(check(&producers, 2, 9, 2), Ok(()), "the same marker again");
    let fenced = ProducerError::CoordinatorFenced { producer_id: 7, epoch: 8, current: 9 };
    assert_eq!(check(&producers, 3, 8, 2), Err(fenced));
}

#[test]
fn a_marker_of_kafkas_is_read() {
    let bytes = unhex(
        "000000000001731a000000420000000702e5879be40030000000000000018bcfe9c42f0000018bcfe9c42f0000000000000fbe0005\
         ffffffff000000012000000008000000010c00000000000000",
    );
    let marker = Marker::of(&Batch::whole(&bytes).unwrap()).unwrap().unwrap();
    assert_eq!(marker, Marker { is_commit: true, coordinator_epoch: 0, timestamp: 1_700_000_285_743 });
}

#[test]
fn silent_producers_expire() {
    let mut producers = Producers::new(0);
    append(1, 0, 0, 1, 0).append(&mut producers);
    append(2, 0, 0, 1, 500).append(&mut producers);
    Append { is_transactional: true, ..append(3, 0, 0, 1, 501) }.apply(&mut producers);
    assert_eq!(producers.expire(1999, 1000), 0);
    assert_eq!(producers.expire(2000, 1000), 1);
    assert_eq!(producers.expire(i64::MAX, 1000), 1);
    assert!(producers.get(3).is_some(), "its transaction is open");
}

#[test]
fn applying_again_changes_nothing() {
    let mut producers = Producers::new(0);
    append(1, 0, 0, 2, 0).append(&mut producers);
    append(1, 0, 2, 2, 2).append(&mut producers);
    let before = producers.clone();
    append(1, 0, 0, 2, 0).apply(&mut producers);
    assert_eq!(producers, before);
    assert_eq!(producers.end_offset(), 4);
    producers.on_log_start(10);
    assert_eq!(producers.end_offset(), 10);
}

#[test]
fn snapshots_are_kafkas() {
    let mut producers = Producers::new(0);
    append(1, 2, 5, 3, 0).append(&mut producers);
    let bytes = producers.write_snapshot();
    // Version, CRC, one entry: id, epoch, last sequence, last offset, delta, timestamp, coordinator epoch, no transaction.
    let body = "00000001 0000000000000001 0002 00000007 0000000000000002 00000002 00000000000003e8 ffffffff \
                ffffffffffffffff";
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[6..], unhex(body));
    assert_eq!(Producers::read_snapshot(&bytes, 3), Ok(producers));
    let behind = SnapshotError::BehindEnd { producer_id: 1, offset: 2, end_offset: 2 };
    assert_eq!(Producers::read_snapshot(&bytes, 2), Err(behind));
    let mut wrong = bytes.clone();
    wrong[20] ^= 1;
    assert!(matches!(Producers::read_snapshot(&wrong, 3), Err(SnapshotError::WrongCrc { .. })));
    wrong[1] = 2;
    assert_eq!(Producers::read_snapshot(&wrong, 3), Err(SnapshotError::UnknownVersion { version: 2 }));
}

/// A snapshot with the right CRC over any body.
fn snapshot(body: &[u8]) -> Vec<u8> {
    [&[0, 1], &crc32c(body).to_be_bytes()[..], body].concat()
}

#[test]
fn contradicting_snapshots_are_refused() {
    let mut producers = Producers::new(0);
    Append { is_transactional: true, ..append(1, 0, 0, 1, 0) }.apply(&mut producers);
    let body = producers.write_snapshot()[6..].to_vec();
    let twice = [&2_i32.to_be_bytes(), &body[4..], &body[4..]].concat();
    let contradiction = SnapshotError::Contradiction { producer_id: 1 };
    assert_eq!(Producers::read_snapshot(&snapshot(&twice), 1), Err(contradiction));
    for count in [0, 2, -1, i32::MAX] {
        let lying = snapshot(&[&i32::to_be_bytes(count), &body[4..]].concat());
        let wrong_length = SnapshotError::WrongLength { len: lying.len() };
        assert_eq!(Producers::read_snapshot(&lying, 1), Err(wrong_length), "{count}");
    }
}

proptest! {
    // Whatever is appended after a check keeps the invariants, is a duplicate at once, and survives a snapshot.
    #[test]
    fn any_history(steps in prop::collection::vec((0_i64..4, 0_i16..3, 0_i32..6, 1_i32..4, any::<bool>(), 0_u8..5), 0..80)) {
        let mut producers = Producers::new(0);
        let mut offset = 0;
        for (id, epoch, sequence, count, is_transactional, kind) in steps {
            if kind == 0 {
                let bytes = marker_bytes(id, epoch, offset, sequence % 2 == 0, sequence);
                let batch = Batch::whole(&bytes).unwrap();
                let marker = Marker::of(&batch).unwrap().unwrap();
                if producers.check_marker(&batch, &marker, 1).is_ok() {
                    end(&mut producers, &bytes);
                    offset += 1;
                }
                continue;
            }
            // Half of the time the number that fits.
            let fitting = producers.get(id).map_or(0, |producer| producer.last_sequence() + 1);
            let sequence = if kind < 3 { sequence } else { fitting };
            let append = Append { id, epoch, sequence, count, offset, is_transactional };
            if append.check_as(&producers, Origin::Client { verified: true }) == Ok(Verdict::New) {
                append.apply(&mut producers);
                offset += i64::from(count);
                let again = append.check_as(&producers, Origin::Client { verified: true });
                prop_assert!(matches!(again, Ok(Verdict::Duplicate(found)) if found.first_offset() == append.offset));
            }
            let restored = Producers::read_snapshot(&producers.write_snapshot(), producers.end_offset()).unwrap();
            restored.check();
            prop_assert_eq!(restored.first_undecided_offset(), producers.first_undecided_offset());
            for (id, producer) in producers.iter() {
                let kept = restored.get(id).unwrap();
                prop_assert_eq!((kept.epoch, kept.last_sequence()), (producer.epoch, producer.last_sequence()));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, end: i64) {
        for bytes in [bytes.clone(), snapshot(&bytes)] {
            if let Ok(producers) = Producers::read_snapshot(&bytes, end) {
                prop_assert!(producers.len() * SNAPSHOT_ENTRY <= bytes.len());
            }
        }
    }

    #[test]
    fn arbitrary_batches_never_panic(
        header in crate::batch::tests::header(),
        records: Vec<u8>,
        tail in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let mut header = header;
        for control in [0, Attributes::CONTROL] {
            header.attributes = Attributes(header.attributes.0 & !0x27 | control);
            // Also bytes that are nearly a marker.
            let mut nearly = marker_bytes(1, 0, 0, true, 0)[61..].to_vec();
            let cut = nearly.len() - tail.len();
            nearly[cut..].copy_from_slice(&tail);
            for records in [&records, &nearly] {
                let mut bytes = Vec::new();
                header.write_batch(records, &mut bytes);
                let batch = Batch::parse(&bytes, MAX_LEN).unwrap();
                let mut producers = Producers::new(0);
                if let Some(attempt) = Attempt::of(&batch) {
                    let _ = producers.check_append(&attempt, CLIENT);
                }
                let _ = producers.apply(&batch);
            }
        }
    }
}
