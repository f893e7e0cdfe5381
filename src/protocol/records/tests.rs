//! Kafka's own batches, and batches of all kinds against each other.

use bytes::Bytes;
use logan_storage::batch::{Batch, HEADER_LEN};
use proptest::prelude::*;

use super::record::{Header, Record};
use super::*;

mod json;
mod validate;

use json::Json;

const LIMIT: usize = 1 << 24;

fn golden() -> impl Iterator<Item = (Bytes, Json)> {
    let lines = include_str!("../../../tests/golden/record-batches.tsv").lines();
    lines.map(|line| {
        let (hex, json) = line.split_once('\t').expect("two columns");
        (unhex(hex).into(), Json::parse(json).expect("Kafka's JSON"))
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

fn bytes_or_null(json: &Json) -> Option<Vec<u8>> {
    json.as_str().map(unhex)
}

fn check_header(batch: &Batch<'_>, json: &Json) {
    let attributes = batch.attributes();
    let codec = Codec::from_id(attributes.codec()).unwrap();
    assert_eq!(json["baseOffset"], batch.base_offset());
    assert_eq!(json["lastOffset"], batch.last_offset());
    assert_eq!(json["partitionLeaderEpoch"], i64::from(batch.leader_epoch()));
    assert_eq!(json["crc"], i64::from(batch.crc()));
    assert_eq!(json["compression"].as_str(), Some(codec.name()));
    let timestamp_type = if attributes.is_append_time() { "LogAppendTime" } else { "CreateTime" };
    assert_eq!(json["timestampType"].as_str(), Some(timestamp_type));
    assert_eq!(json["transactional"], attributes.is_transactional());
    assert_eq!(json["control"], attributes.is_control());
    assert_eq!(json["baseTimestamp"], batch.base_timestamp());
    assert_eq!(json["maxTimestamp"], batch.max_timestamp());
    assert_eq!(json["producerId"], batch.producer_id());
    assert_eq!(json["producerEpoch"], i64::from(batch.producer_epoch()));
    assert_eq!(json["baseSequence"], i64::from(batch.base_sequence()));
    assert_eq!(json["count"], i64::from(batch.count()));
}

fn check_record(placed: &Placed<'_>, json: &Json) {
    let record = &placed.record;
    assert_eq!(json["offset"], placed.offset);
    assert_eq!(json["timestamp"], placed.timestamp);
    assert_eq!(bytes_or_null(&json["key"]).as_deref(), record.key);
    assert_eq!(bytes_or_null(&json["value"]).as_deref(), record.value);
    let headers = json["headers"].as_array();
    assert_eq!(headers.len(), record.headers.len());
    for (header, (name, value)) in headers.iter().zip(record.headers.iter()) {
        let header = header.as_array();
        assert_eq!(header[0].as_str().unwrap().as_bytes(), name);
        assert_eq!(bytes_or_null(&header[1]).as_deref(), value);
    }
}

#[test]
fn kafkas_batches_say_what_kafka_says() {
    let mut read = [0; 5];
    for (bytes, json) in golden() {
        let batch = Batch::whole(&bytes).unwrap();
        check_header(&batch, &json);
        let mut reader = RecordReader::open(&bytes, LIMIT).unwrap();
        for expected in json["records"].as_array() {
            check_record(&reader.next().unwrap().unwrap(), expected);
        }
        assert_eq!(reader.next(), Ok(None));
        read[usize::from(batch.attributes().codec())] += 1;
    }
    assert!(read.iter().all(|batches| *batches > 0), "a codec is missing: {read:?}");
}

/// Writes the records of a batch once more with a builder.
fn rebuild(batch: &Bytes, compression: Compression) -> Bytes {
    let mut reader = RecordReader::open(batch, LIMIT).unwrap();
    let header = *reader.header();
    let producer = ProducerFields {
        id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        is_transactional: header.attributes.is_transactional(),
    };
    let mut builder = BatchBuilder::new(compression).producer(producer);
    if header.attributes.is_control() {
        builder = builder.control();
    }
    while let Some(placed) = reader.next().unwrap() {
        // Append times hide the timestamps that the producer gave.
        let timestamp = header.base_timestamp + placed.record.timestamp_delta;
        builder.append_record(timestamp, &placed.record);
    }
    let append_time = header.attributes.is_append_time().then_some(header.max_timestamp);
    builder.finish(append_time)
}

fn stamped(batch: &Bytes, like: &Bytes) -> Vec<u8> {
    let like = Batch::parse(like, LIMIT).unwrap();
    let mut batch = batch.to_vec();
    let mut stamped = logan_storage::batch::BatchMut::parse(&mut batch, LIMIT).unwrap();
    stamped.stamp(like.base_offset(), like.leader_epoch());
    batch
}

#[test]
fn batches_are_written_as_kafka_writes_them() {
    let mut same = 0;
    for (bytes, _) in golden() {
        let batch = Batch::parse(&bytes, LIMIT).unwrap();
        let codec = Codec::from_id(batch.attributes().codec()).unwrap();
        let rebuilt = stamped(&rebuild(&bytes, Compression::of(codec)), &bytes);
        if codec == Codec::None {
            assert_eq!(rebuilt, bytes);
            same += 1;
        } else {
            // Compressors differ in their choices: what they wrote must say the same.
            let plain = |batch: &Bytes| stamped(&rebuild(batch, Compression::None), &bytes);
            assert_eq!(plain(&rebuilt.into()), plain(&bytes));
        }
    }
    assert!(same > 5);
}

#[test]
fn records_are_found_by_timestamp() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(Compression::of(codec));
        for timestamp in [10, 5, 30, 20, 30] {
            builder.append(timestamp, None, Some(b"value"), &[]);
        }
        assert_eq!((builder.max_timestamp(), builder.offset_of_max_timestamp()), (30, 2));
        let batch = builder.finish(None);
        let find = |timestamp, from| {
            let mut search = TimestampSearch::begin(&batch, timestamp, from, LIMIT).unwrap();
            for steps in 1.. {
                // A byte at a time is a record at a time.
                match search.step(1).unwrap() {
                    Step::More(more) => search = more,
                    Step::Done(found) => return found.map(|found| (found.timestamp, found.offset, steps)),
                }
            }
            None
        };
        assert_eq!(find(0, 0), Some((10, 0, 1)));
        assert_eq!(find(10, 1), Some((30, 2, 3)));
        assert_eq!(find(11, 3), Some((20, 3, 4)));
        assert_eq!(find(31, 0), None);
    }
}

#[test]
fn counts_and_codecs_that_lie_are_refused() {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(1, Some(b"key"), None, &[]);
    builder.append(1, Some(b"key"), None, &[]);
    let good = builder.finish(None);
    let read = |batch: Vec<u8>| {
        let mut reader = RecordReader::open(&batch.into(), LIMIT)?;
        while reader.next()?.is_some() {}
        Ok(reader.index())
    };
    let with_count = |count: i32| {
        let mut batch = good.to_vec();
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        read(batch)
    };
    assert_eq!(with_count(2), Ok(2));
    assert_eq!(with_count(3), Err(ReadError::TooFew { index: 2, count: 3 }));
    assert_eq!(with_count(i32::MAX), Err(ReadError::TooFew { index: 2, count: i32::MAX }));
    assert_eq!(with_count(1), Err(ReadError::TooMany { count: 1 }));
    assert_eq!(with_count(-1), Err(ReadError::TooMany { count: -1 }));
    let mut unknown = good.to_vec();
    unknown[22] |= 5;
    assert_eq!(read(unknown), Err(ReadError::UnknownCodec { id: 5 }));
    let too_large = compression::DecompressError::TooLarge { limit: 10 };
    assert_eq!(RecordReader::open(&good, 10).err(), Some(ReadError::Decompress(too_large)));
}

type Owned = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..100);
    let headers = prop::collection::vec((bytes(), prop::option::of(bytes())), 0..4);
    let record = (any::<i64>(), prop::option::of(bytes()), prop::option::of(bytes()), headers);
    prop::collection::vec(record, 1..20)
}

fn build(records: &[Owned], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for (timestamp, key, value, headers) in records {
        let headers: Vec<Header<'_>> =
            headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        builder.append(*timestamp, key.as_deref(), value.as_deref(), &headers);
    }
    builder.finish(None)
}

proptest! {
    #[test]
    fn what_is_built_is_read(records in records(), codec in 0_u8..5) {
        let batch = build(&records, Compression::of(Codec::from_id(codec).unwrap()));
        Batch::whole(&batch).unwrap();
        let mut reader = RecordReader::open(&batch, LIMIT).unwrap();
        for (at, (timestamp, key, value, headers)) in records.iter().enumerate() {
            let Placed { offset, timestamp: read_timestamp, record } = reader.next().unwrap().unwrap();
            prop_assert_eq!((offset, read_timestamp), (at as i64, *timestamp));
            let Record { key: read_key, value: read_value, headers: read_headers, .. } = record;
            prop_assert_eq!((read_key, read_value), (key.as_deref(), value.as_deref()));
            let read_headers: Vec<_> =
                read_headers.iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(&read_headers, headers);
        }
        prop_assert_eq!(reader.next(), Ok(None));
        prop_assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn damaged_batches_never_panic(
        records in records(),
        codec in 0_u8..5,
        at: prop::sample::Index,
        byte: u8,
        limit in 0_usize..5000,
    ) {
        let mut batch = build(&records, Compression::of(Codec::from_id(codec).unwrap())).to_vec();
        let at = HEADER_LEN - 4 + at.index(batch.len() - HEADER_LEN + 4);
        batch[at] = byte;
        let Ok(mut reader) = RecordReader::open(&batch.into(), limit) else { return Ok(()) };
        while let Ok(Some(placed)) = reader.next() {
            prop_assert!(placed.record.value.map_or(0, <[u8]>::len) <= limit);
        }
        prop_assert_eq!(reader.next(), Ok(None));
    }
}
