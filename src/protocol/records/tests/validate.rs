//! What Kafka 4.3.1 answers, case by case, as a running broker showed it; where it answers by accident, what [`validate`] says.

use bytes::Bytes;
use logan_storage::batch::{Attributes, Batch, HEADER_LEN, Header, MAX_LEN};
use logan_storage::varint::{write_i32, write_i64};
use proptest::prelude::*;

use super::super::compression::Encoder;
use super::super::record::{Headers, Record};
use super::super::*;
use crate::protocol::ErrorCode;

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

fn rules() -> Rules {
    Rules {
        version: 9,
        now_ms: NOW,
        max_batch_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        max_unpacked_bytes: 1 << 24,
        is_compacted: false,
        timestamps: Timestamps::Create { before_max_ms: i64::MAX, after_max_ms: HOUR },
        compression: None,
        record_errors: 1000,
    }
}

const RECORD: Record<'static> = Record {
    attributes: 0,
    timestamp_delta: 0,
    offset_delta: 0,
    key: Some(b"k"),
    value: Some(b"v"),
    headers: Headers::NONE,
};

fn record(offset_delta: i32) -> Record<'static> {
    Record { offset_delta, ..RECORD }
}

fn encode(records: &[Record<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        record.write(&mut out);
    }
    out
}

/// Bytes behind a length that fits, or does not.
fn raw(len: i32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_i32(&mut out, len);
    out.extend_from_slice(body);
    out
}

fn header(count: i32) -> Header {
    Header {
        base_offset: 0,
        leader_epoch: -1,
        attributes: Attributes(0),
        last_offset_delta: count - 1,
        base_timestamp: NOW,
        max_timestamp: NOW,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count,
    }
}

fn batch(header: Header, records: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    header.write_batch(records, &mut out);
    out
}

fn one() -> Vec<u8> {
    batch(header(1), &encode(&[RECORD]))
}

fn two() -> Vec<u8> {
    batch(header(2), &encode(&[record(0), record(1)]))
}

fn packed(codec: Codec, count: i32, records: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Compression::of(codec), Vec::new());
    encoder.write(records);
    let attributes = Attributes(i16::from(codec.id()));
    batch(Header { attributes, ..header(count) }, &encoder.finish())
}

fn patched(mut batch: Vec<u8>, at: usize, field: &[u8]) -> Vec<u8> {
    batch[at..at + field.len()].copy_from_slice(field);
    batch
}

fn answer(records: &[u8], rules: Rules) -> ErrorCode {
    let records = Bytes::copy_from_slice(records);
    validate(&records, rules).map_or_else(|invalid| invalid.error, |_| ErrorCode::NONE)
}

fn check(cases: &[(&str, ErrorCode, Vec<u8>)], rules: Rules) {
    for (name, expected, records) in cases {
        assert_eq!(answer(records, rules), *expected, "{name}");
    }
}

#[test]
fn framing() {
    let zeros = [0; 20];
    let cases = [
        ("one", ErrorCode::NONE, one()),
        ("two records", ErrorCode::NONE, two()),
        ("nothing", ErrorCode::INVALID_RECORD, vec![]),
        ("11 bytes", ErrorCode::INVALID_RECORD, zeros[..11].to_vec()),
        ("16 zeros", ErrorCode::CORRUPT_MESSAGE, zeros[..16].to_vec()),
        ("16 bytes of a batch", ErrorCode::INVALID_RECORD, one()[..16].to_vec()),
        ("cut by one", ErrorCode::INVALID_RECORD, one()[..one().len() - 1].to_vec()),
        ("length -1", ErrorCode::CORRUPT_MESSAGE, patched(one(), 8, &[0xff; 4])),
        ("length 13", ErrorCode::CORRUPT_MESSAGE, patched(one(), 8, &[0, 0, 0, 13])),
        ("length 14", ErrorCode::CORRUPT_MESSAGE, patched(one(), 8, &[0, 0, 0, 14])[..26].to_vec()),
        ("length 48", ErrorCode::CORRUPT_MESSAGE, patched(one(), 8, &[0, 0, 0, 48])[..60].to_vec()),
        ("length of 2 GiB", ErrorCode::INVALID_RECORD, patched(one(), 8, &[0x7f, 0xff, 0xff, 0xff])),
        ("no records", ErrorCode::INVALID_RECORD, batch(header(1), &[])),
        ("magic 0", ErrorCode::INVALID_RECORD, patched(one(), 16, &[0])),
        ("magic 1", ErrorCode::INVALID_RECORD, patched(one(), 16, &[1])),
        ("magic 3", ErrorCode::CORRUPT_MESSAGE, patched(one(), 16, &[3])),
        ("magic -1", ErrorCode::CORRUPT_MESSAGE, patched(one(), 16, &[0xff])),
        ("two batches", ErrorCode::INVALID_RECORD, [one(), one()].concat()),
        ("5 bytes behind", ErrorCode::NONE, [one(), zeros[..5].to_vec()].concat()),
        ("16 zeros behind", ErrorCode::CORRUPT_MESSAGE, [one(), zeros[..16].to_vec()].concat()),
        ("garbage behind", ErrorCode::CORRUPT_MESSAGE, [one(), vec![0xff; 30]].concat()),
        ("a cut batch behind", ErrorCode::NONE, [one(), one()[..60].to_vec()].concat()),
        ("wrong crc", ErrorCode::CORRUPT_MESSAGE, patched(one(), 17, &[0, 0, 0, 1])),
        ("base offset 5", ErrorCode::INVALID_RECORD, patched(one(), 0, &5_i64.to_be_bytes())),
        (
            "base offset 5, wrong crc",
            ErrorCode::INVALID_RECORD,
            patched(patched(one(), 7, &[5]), 17, &[0; 4]),
        ),
    ];
    check(&cases, rules());
}

#[test]
fn headers() {
    let with = |header: Header| batch(header, &encode(&[record(0), record(1)]));
    let attributes = |bits: i16| with(Header { attributes: Attributes(bits), ..header(2) });
    let producer = |producer_id, producer_epoch, base_sequence| {
        with(Header { producer_id, producer_epoch, base_sequence, ..header(2) })
    };
    let counts = |count, last_offset_delta| with(Header { count, last_offset_delta, ..header(2) });
    let times = |max_timestamp| with(Header { max_timestamp, ..header(2) });
    let cases = [
        ("count 0", ErrorCode::INVALID_RECORD, counts(0, 1)),
        ("count -1", ErrorCode::INVALID_RECORD, counts(-1, 1)),
        ("count 0, last delta -1", ErrorCode::INVALID_RECORD, counts(0, -1)),
        ("count -4, last delta -5", ErrorCode::INVALID_RECORD, counts(-4, -5)),
        ("count 3, last delta 1", ErrorCode::INVALID_RECORD, counts(3, 1)),
        ("count 3 of two", ErrorCode::INVALID_RECORD, counts(3, 2)),
        ("count 1 of two", ErrorCode::INVALID_RECORD, counts(1, 0)),
        ("largest count", ErrorCode::INVALID_RECORD, counts(i32::MAX, i32::MAX - 1)),
        ("smallest count", ErrorCode::INVALID_RECORD, counts(i32::MIN, i32::MAX)),
        ("control", ErrorCode::INVALID_RECORD, attributes(0x20)),
        ("sequence -1", ErrorCode::INVALID_RECORD, producer(5, 0, -1)),
        ("producer epoch -1", ErrorCode::NONE, producer(5, -1, 0)),
        ("producer id -2", ErrorCode::NONE, producer(-2, 0, -1)),
        ("a sequence of nobody", ErrorCode::NONE, producer(-1, -1, 4)),
        ("append time", ErrorCode::NONE, attributes(8)),
        ("delete horizon", ErrorCode::NONE, attributes(0x40)),
        ("unknown bits", ErrorCode::NONE, attributes(-0x8000 | 0x80)),
        ("codec 5", ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, attributes(5)),
        ("codec 7", ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, attributes(7)),
        ("max timestamp too small", ErrorCode::NONE, times(5)),
        ("max timestamp too large", ErrorCode::NONE, times(i64::MAX)),
    ];
    check(&cases, rules());
}

fn record_cases() -> Vec<(&'static str, ErrorCode, i32, Vec<u8>)> {
    let good = encode(&[RECORD]);
    let body = &good[1..];
    let key_len = |len: i32| {
        let mut record = vec![0, 0, 0];
        write_i32(&mut record, len);
        record.extend(b"\x02v\0");
        raw(record.len() as i32, &record)
    };
    let header_count = |count: i32| {
        let mut record = body[..body.len() - 1].to_vec();
        write_i32(&mut record, count);
        raw(record.len() as i32, &record)
    };
    let mut far = vec![0];
    write_i64(&mut far, i64::MAX);
    far.extend(&body[2..]);
    vec![
        ("good", ErrorCode::NONE, 1, good.clone()),
        ("attributes", ErrorCode::NONE, 1, encode(&[Record { attributes: 0x11, ..RECORD }])),
        ("no key, no value", ErrorCode::NONE, 1, encode(&[Record { key: None, value: None, ..RECORD }])),
        ("deltas 0 5", ErrorCode::INVALID_RECORD, 2, encode(&[record(0), record(5)])),
        ("deltas 1 2", ErrorCode::INVALID_RECORD, 2, encode(&[record(1), record(2)])),
        ("deltas 1 0", ErrorCode::INVALID_RECORD, 2, encode(&[record(1), record(0)])),
        ("delta -1", ErrorCode::INVALID_RECORD, 1, encode(&[record(-1)])),
        ("length + 1", ErrorCode::INVALID_RECORD, 1, raw(9, body)),
        ("length - 2", ErrorCode::INVALID_RECORD, 1, raw(6, body)),
        ("length 0", ErrorCode::INVALID_RECORD, 1, raw(0, &[])),
        ("length -1", ErrorCode::INVALID_RECORD, 1, raw(-1, body)),
        ("length 1 GiB", ErrorCode::INVALID_RECORD, 1, raw(1 << 30, body)),
        ("length without end", ErrorCode::INVALID_RECORD, 1, vec![0x80; 30]),
        ("tail in the record", ErrorCode::INVALID_RECORD, 1, raw(10, &[body, b"zz"].concat())),
        ("tail behind the records", ErrorCode::INVALID_RECORD, 1, [&good[..], b"zz"].concat()),
        ("key length 100", ErrorCode::INVALID_RECORD, 1, key_len(100)),
        ("key length 1 GiB", ErrorCode::INVALID_RECORD, 1, key_len(1 << 30)),
        ("key length -2", ErrorCode::NONE, 1, key_len(-2)),
        ("header count -1", ErrorCode::INVALID_RECORD, 1, header_count(-1)),
        ("header count 5", ErrorCode::INVALID_RECORD, 1, header_count(5)),
        ("header count 1 GiB", ErrorCode::INVALID_RECORD, 1, header_count(1 << 30)),
        ("header without name", ErrorCode::INVALID_RECORD, 1, raw(10, &[&body[..7], &[2, 1, 0]].concat())),
        ("timestamp out of range", ErrorCode::INVALID_TIMESTAMP, 1, raw(far.len() as i32, &far)),
    ]
}

#[test]
fn records_of_every_codec_and_conversion() {
    for (name, expected, count, records) in record_cases() {
        for codec in Codec::ALL {
            // A compressed record that claims more than the bound is refused before it is looked for.
            let is_too_large = name == "length 1 GiB" && codec != Codec::None;
            let expected = if is_too_large { ErrorCode::MESSAGE_TOO_LARGE } else { expected };
            for target in [None].into_iter().chain(Codec::ALL.map(|codec| Some(Compression::of(codec)))) {
                let rules = Rules { compression: target, ..rules() };
                let answer = answer(&packed(codec, count, &records), rules);
                assert_eq!(answer, expected, "{name}, from {codec:?} to {target:?}");
            }
        }
    }
}

#[test]
fn what_does_not_decompress_is_refused() {
    let garbage = |codec: Codec| {
        batch(Header { attributes: Attributes(i16::from(codec.id())), ..header(1) }, &b"abcdefgh".repeat(4))
    };
    for codec in &Codec::ALL[1..] {
        assert_eq!(answer(&garbage(*codec), rules()), ErrorCode::INVALID_RECORD, "{codec:?}");
        let cut = packed(*codec, 2, &encode(&[record(0), record(1)]));
        let records = &cut[HEADER_LEN..cut.len() - 2];
        let cut = batch(Batch::parse(&cut, MAX_LEN).unwrap().header(), records);
        assert_eq!(answer(&cut, rules()), ErrorCode::INVALID_RECORD, "{codec:?}");
    }
    // A batch of a few kilobytes that would be 16 MiB and more.
    let zeros = vec![0; (1 << 24) + 1];
    for codec in [Codec::Gzip, Codec::Zstd] {
        let bomb = packed(codec, 1, &encode(&[Record { value: Some(&zeros), ..RECORD }]));
        assert!(bomb.len() < 100_000);
        assert_eq!(answer(&bomb, rules()), ErrorCode::MESSAGE_TOO_LARGE, "{codec:?}");
    }
}

#[test]
fn zstd_since_version_7() {
    let zstd = packed(Codec::Zstd, 1, &encode(&[RECORD]));
    let version = |version| answer(&zstd, Rules { version, ..rules() });
    assert_eq!(version(6), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(version(7), ErrorCode::NONE);
}

#[test]
fn sizes() {
    let batch = one();
    let limits = |max_batch_bytes, segment_bytes| Rules { max_batch_bytes, segment_bytes, ..rules() };
    assert_eq!(answer(&batch, limits(batch.len(), 1000)), ErrorCode::NONE);
    assert_eq!(answer(&batch, limits(batch.len() - 1, 1000)), ErrorCode::MESSAGE_TOO_LARGE);
    let corrupt = patched(batch.clone(), 17, &[0; 4]);
    assert_eq!(answer(&corrupt, limits(batch.len() - 1, 1000)), ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(answer(&batch, limits(1000, batch.len())), ErrorCode::NONE);
    assert_eq!(answer(&batch, limits(1000, batch.len() - 1)), ErrorCode::RECORD_LIST_TOO_LARGE);
    // It may only be too large when it is decompressed.
    let value = [7; 2000];
    let packed = packed(Codec::Gzip, 1, &encode(&[Record { value: Some(&value), ..RECORD }]));
    let to_plain = Rules { compression: Some(Compression::None), ..limits(1000, 1 << 20) };
    assert_eq!(answer(&packed, limits(1000, 1 << 20)), ErrorCode::NONE);
    assert_eq!(answer(&packed, to_plain), ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn timestamps() {
    let at = |timestamp| {
        batch(Header { base_timestamp: timestamp, max_timestamp: timestamp, ..header(1) }, &encode(&[RECORD]))
    };
    let create = |before_max_ms| Rules {
        timestamps: Timestamps::Create { before_max_ms, after_max_ms: HOUR },
        ..rules()
    };
    let cases = [
        ("none", ErrorCode::NONE, at(-1)),
        ("before 1970", ErrorCode::NONE, at(-5)),
        ("1970", ErrorCode::NONE, at(0)),
        ("in an hour", ErrorCode::NONE, at(NOW + HOUR)),
        ("behind that", ErrorCode::INVALID_TIMESTAMP, at(NOW + HOUR + 1)),
        ("never", ErrorCode::INVALID_TIMESTAMP, at(i64::MIN + 5)),
    ];
    check(&cases, create(i64::MAX));
    let cases = [
        ("none", ErrorCode::NONE, at(-1)),
        ("just", ErrorCode::NONE, at(NOW - 60_000)),
        ("too old", ErrorCode::INVALID_TIMESTAMP, at(NOW - 60_001)),
    ];
    check(&cases, create(60_000));
    let append = Rules { timestamps: Timestamps::Append, ..rules() };
    let claimed = |timestamp| {
        let header = Header { attributes: Attributes(8), max_timestamp: timestamp, ..header(1) };
        batch(header, &encode(&[RECORD]))
    };
    assert_eq!(answer(&at(NOW * 2), append), ErrorCode::NONE);
    assert_eq!(answer(&claimed(NOW), append), ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(answer(&claimed(NOW), rules()), ErrorCode::NONE);
    assert_eq!(answer(&claimed(-1), rules()), ErrorCode::INVALID_TIMESTAMP);
}

#[test]
fn each_refused_record_is_named() {
    let later = |offset_delta, timestamp_delta| Record { timestamp_delta, ..record(offset_delta) };
    let refuse = |records: &[Record<'_>], rules: Rules| {
        let batch = batch(header(records.len() as i32), &encode(records));
        let invalid = validate(&batch.into(), rules).unwrap_err();
        let indexes: Vec<_> = invalid.record_errors.iter().map(|error| error.index).collect();
        (invalid.error, indexes)
    };
    let three = [later(0, 0), later(1, 2 * HOUR), later(2, 3 * HOUR)];
    assert_eq!(refuse(&three, rules()), (ErrorCode::INVALID_TIMESTAMP, vec![1, 2]));
    let compacted = Rules { is_compacted: true, ..rules() };
    let keyless = |record| Record { key: None, ..record };
    assert_eq!(refuse(&[later(0, 0), keyless(later(1, 0))], compacted), (ErrorCode::INVALID_RECORD, vec![1]));
    // One wrong timestamp decides.
    let mixed = [later(0, 2 * HOUR), keyless(later(1, 0))];
    assert_eq!(refuse(&mixed, compacted), (ErrorCode::INVALID_TIMESTAMP, vec![0, 1]));
    let many: Vec<_> = (0..5000).map(|at| keyless(later(at, 0))).collect();
    let (error, indexes) = refuse(&many, compacted);
    assert_eq!((error, indexes.len()), (ErrorCode::INVALID_RECORD, 1000));
    let told = |record_errors| {
        validate(&batch(header(5), &encode(&many[..5])).into(), Rules { record_errors, ..compacted })
    };
    let all = told(5).unwrap_err();
    for few in 0..5 {
        // The message is about all of them.
        let invalid = told(few).unwrap_err();
        assert_eq!((&invalid.message, &invalid.record_errors[..]), (&all.message, &all.record_errors[..few]));
    }
}

#[test]
fn right_batches_are_not_copied() {
    for codec in Codec::ALL {
        let sent = Bytes::from([packed(codec, 2, &encode(&[record(0), record(1)])), vec![0; 5]].concat());
        for compression in [None, Some(Compression::of(codec))] {
            let validated = validate(&sent, Rules { compression, ..rules() }).unwrap();
            assert_eq!(validated.batch.as_ptr(), sent.as_ptr());
            assert_eq!(validated.batch.len(), sent.len() - 5);
            assert_eq!((validated.count, validated.is_converted), (2, false));
            assert_eq!((validated.max_timestamp, validated.offset_of_max_timestamp), (NOW, 0));
        }
    }
}

#[test]
fn headers_are_corrected() {
    let lying = Header { max_timestamp: 5, attributes: Attributes(0x40), ..header(2) };
    let records = encode(&[record(0), Record { timestamp_delta: 7, ..record(1) }]);
    let validated = validate(&batch(lying, &records).into(), rules()).unwrap();
    let stored = Batch::whole(&validated.batch).unwrap();
    assert_eq!((stored.max_timestamp(), stored.base_timestamp()), (NOW + 7, NOW));
    assert_eq!(stored.attributes(), Attributes(0x40));
    assert_eq!((validated.max_timestamp, validated.offset_of_max_timestamp), (NOW + 7, 1));

    let append = Rules { timestamps: Timestamps::Append, now_ms: NOW + 99, ..rules() };
    let validated = validate(&batch(header(2), &records).into(), append).unwrap();
    let stored = Batch::whole(&validated.batch).unwrap();
    assert_eq!((stored.max_timestamp(), stored.base_timestamp()), (NOW + 99, NOW));
    assert!(stored.attributes().is_append_time());
    assert_eq!(validated.append_time_ms, Some(NOW + 99));
    assert_eq!((validated.max_timestamp, validated.offset_of_max_timestamp), (NOW + 99, 0));
}

#[test]
fn conversion_keeps_what_the_producer_said() {
    let mut buffer = Vec::new();
    let headers = Headers::encode(&[(b"a", Some(b"b")), (b"c", None)], &mut buffer);
    let sent = [
        Record { attributes: 3, timestamp_delta: 5, headers, ..record(0) },
        Record { timestamp_delta: 2, key: None, value: None, ..record(1) },
    ];
    let head = Header {
        attributes: Attributes(0x80 | Attributes::TRANSACTIONAL),
        max_timestamp: 1,
        producer_id: 11,
        producer_epoch: 3,
        base_sequence: 70,
        ..header(2)
    };
    for timestamps in [rules().timestamps, Timestamps::Append] {
        for codec in &Codec::ALL[1..] {
            let rules = Rules { compression: Some(Compression::of(*codec)), timestamps, ..rules() };
            let validated = validate(&batch(head, &encode(&sent)).into(), rules).unwrap();
            assert!(validated.is_converted);
            let is_append = timestamps == Timestamps::Append;
            let stored = Batch::whole(&validated.batch).unwrap();
            let append_bit = if is_append { Attributes::APPEND_TIME } else { 0 };
            let attributes = i16::from(codec.id()) | Attributes::TRANSACTIONAL | append_bit;
            let max_timestamp = if is_append { NOW } else { NOW + 5 };
            // As Kafka does it: the first record's own timestamp is the base.
            let expected =
                Header { attributes: Attributes(attributes), base_timestamp: NOW + 5, max_timestamp, ..head };
            assert_eq!(stored.header(), expected);
            let mut reader = RecordReader::open(&validated.batch, 1 << 20).unwrap();
            let first = reader.next().unwrap().unwrap().record;
            assert_eq!(first, Record { attributes: 0, timestamp_delta: 0, ..sent[0] });
            let second = reader.next().unwrap().unwrap().record;
            assert_eq!(second, Record { timestamp_delta: -3, ..sent[1] });
            assert_eq!(reader.next(), Ok(None));
        }
    }
}

/// Validates in small steps; counts them.
fn in_steps(records: &Bytes, rules: Rules, budget: usize) -> (usize, Result<Validated, Invalid>) {
    let mut step = Validation::begin(records, rules).map(Step::More);
    let mut count = 0;
    loop {
        match step {
            Ok(Step::More(validation)) => step = validation.step(budget),
            Ok(Step::Done(validated)) => return (count, Ok(validated)),
            Err(invalid) => return (count, Err(invalid)),
        }
        count += 1;
    }
}

#[test]
fn steps_are_as_small_as_asked() {
    let records: Vec<_> = (0..1000).map(record).collect();
    let batch = Bytes::from(packed(Codec::Lz4, 1000, &encode(&records)));
    assert!(in_steps(&batch, rules(), 100).0 >= 100);
    assert_eq!(in_steps(&batch, rules(), usize::MAX).0, 1);
}

proptest! {
    #[test]
    fn damage_never_panics_and_steps_change_nothing(
        case: prop::sample::Index,
        codec in 0_usize..5,
        target in 0_usize..6,
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        budget in 1_usize..50,
        is_compacted: bool,
    ) {
        let cases = record_cases();
        let (_, _, count, records) = &cases[case.index(cases.len())];
        let mut batch = packed(Codec::ALL[codec], *count, records);
        if let Some((at, byte)) = damage {
            let at = at.index(batch.len());
            batch[at] = byte;
            // Else nearly all damage ends at the CRC.
            if at >= HEADER_LEN {
                logan_storage::batch::seal(&mut batch);
            }
        }
        let compression = Codec::ALL.get(target).map(|codec| Compression::of(*codec));
        let rules = Rules { compression, is_compacted, max_unpacked_bytes: 1 << 16, ..rules() };
        let batch = Bytes::from(batch);
        let result = validate(&batch, rules);
        if let Ok(validated) = &result {
            let stored = Batch::whole(&validated.batch).unwrap();
            prop_assert_eq!(stored.count(), validated.count);
            prop_assert_eq!(stored.max_timestamp(), validated.max_timestamp);
            // What was accepted is accepted again, as it is.
            let again = validate(&validated.batch, rules).unwrap();
            prop_assert_eq!(&again.batch, &validated.batch);
        }
        prop_assert_eq!(in_steps(&batch, rules, budget).1, result);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, version in 0_i16..15) {
        let _ = validate(&bytes.into(), Rules { version, ..rules() });
    }
}
