//! Record batches that lie: each gets the error that Kafka 4.3.1 answers (these were asked of it), nothing of it is stored, and the
//! connection and the broker go on.

use logan_tests::batch::{self, Batch, Codec, HEADER};
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::{Connection, FetchFrom};
use std::io::Write as _;
use std::time::{Duration, Instant};

const TOPIC: &str = "lies";

const NONE: i16 = 0;
const CORRUPT_MESSAGE: i16 = 2;
const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_TIMESTAMP: i16 = 32;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
const INVALID_RECORD: i16 = 87;

/// Kafka answers -1, which its clients take for a fault of the server; a typed error is better, and as right.
const UNREADABLE: &[i16] = &[-1, INVALID_RECORD, CORRUPT_MESSAGE];

/// Kafka does not look; who does may refuse.
const LENIENT: &[i16] = &[NONE, INVALID_RECORD];

/// One lie: its name, the bytes, and the errors that are right. One of them is Kafka's.
struct Lie {
    name: &'static str,
    bytes: Vec<u8>,
    errors: &'static [i16],
}

fn good() -> Batch {
    Batch::of(&[b"first value", b"second value", b"third value"])
}

/// A good batch with bytes put at a place of its header, and its CRC right again.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = good().encode();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch::seal(&mut batch);
    batch
}

/// A batch of one hand-made record.
fn record(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut record = vec![0, 0, 0];
    build(&mut record);
    let mut payload = Vec::new();
    batch::varint(&mut payload, record.len() as i64);
    payload.extend(record);
    good().encode_with(&payload, 1)
}

fn header_lies() -> Vec<Lie> {
    let lie = |name, bytes, errors| Lie { name, bytes, errors };
    let length = (good().encode().len() - 12) as i32;
    let mut bad_crc = good().encode();
    bad_crc[HEADER + 5] ^= 1;
    let two = [good().encode(), good().encode()].concat();
    vec![
        lie("a flipped bit", bad_crc, &[CORRUPT_MESSAGE]),
        lie("a length beyond the end", with(8, &(length + 1).to_be_bytes()), &[INVALID_RECORD]),
        lie("a length too short", with(8, &(length - 1).to_be_bytes()), &[CORRUPT_MESSAGE]),
        lie("a length shorter than a header", with(8, &20_i32.to_be_bytes()), &[CORRUPT_MESSAGE]),
        lie("a negative length", with(8, &(-1_i32).to_be_bytes()), &[CORRUPT_MESSAGE]),
        lie("an enormous length", with(8, &i32::MAX.to_be_bytes()), UNREADABLE),
        lie("no batch at all", Vec::new(), &[INVALID_RECORD]),
        lie("half a header", good().encode()[..30].to_vec(), &[INVALID_RECORD]),
        lie("two batches", two, &[INVALID_RECORD]),
        lie("magic 0", with(16, &[0]), &[INVALID_RECORD]),
        lie("magic 1", with(16, &[1]), &[INVALID_RECORD]),
        lie("magic 3", with(16, &[3]), &[CORRUPT_MESSAGE]),
        lie("codec 5", with(21, &5_i16.to_be_bytes()), &[-1, UNSUPPORTED_COMPRESSION_TYPE]),
        lie("a control batch", with(21, &0x20_i16.to_be_bytes()), &[INVALID_RECORD]),
        lie(
            "a transaction without a producer",
            with(21, &0x10_i16.to_be_bytes()),
            &[TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_RECORD],
        ),
        lie("a last offset delta too large", with(23, &7_i32.to_be_bytes()), &[INVALID_RECORD]),
        lie("a negative last offset delta", with(23, &(-1_i32).to_be_bytes()), &[INVALID_RECORD]),
        lie("an enormous last offset delta", with(23, &i32::MAX.to_be_bytes()), &[INVALID_RECORD]),
        lie("a count too large", with(57, &4_i32.to_be_bytes()), &[INVALID_RECORD]),
        lie("a count too small", with(57, &2_i32.to_be_bytes()), &[INVALID_RECORD]),
        lie("a negative count", with(57, &(-1_i32).to_be_bytes()), &[INVALID_RECORD]),
        lie("an enormous count", with(57, &i32::MAX.to_be_bytes()), &[INVALID_RECORD]),
        lie("no records", good().encode_with(&[], 0), &[INVALID_RECORD]),
    ]
}

fn record_lies() -> Vec<Lie> {
    let lie = |name, bytes, errors| Lie { name, bytes, errors };
    let count_lies = |codec, count: i32| {
        let batch = good().codec(codec);
        let mut bytes = batch.encode_with(&batch::compress(codec, &batch.payload()), 3);
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        batch::seal(&mut bytes);
        bytes
    };
    let mut enormous = Vec::new();
    batch::varint(&mut enormous, i64::from(i32::MAX));
    let mut endless = vec![0xff; 11];
    endless.push(0);
    let mut gap = good().payload();
    // The second record's offset delta: behind the first record, its length, attributes and timestamp delta.
    let second = 1 + gap[0] as usize / 2;
    gap[second + 3] = 10;
    let gzip_gap = good().codec(Codec::Gzip).encode_with(&batch::compress(Codec::Gzip, &gap), 3);
    vec![
        lie("a record longer than the batch", good().encode_with(&enormous, 1), &[INVALID_RECORD]),
        lie("a record length without end", good().encode_with(&endless, 1), UNREADABLE),
        lie("a negative record length", good().encode_with(&[1, 0, 0], 1), &[INVALID_RECORD]),
        lie("an offset delta left out", good().encode_with(&gap, 3), LENIENT),
        lie("a key longer than its record", record(|r| batch::varint(r, 1_000)), &[INVALID_RECORD]),
        lie("an enormous key", record(|r| batch::varint(r, i64::from(i32::MAX))), &[INVALID_RECORD]),
        lie(
            "a value longer than its record",
            record(|r| {
                batch::varint(r, -1);
                batch::varint(r, 50);
                r.extend([1, 2]);
            }),
            &[INVALID_RECORD],
        ),
        lie(
            "an enormous number of headers",
            record(|r| {
                batch::varint(r, -1);
                batch::varint(r, -1);
                batch::varint(r, i64::from(i32::MAX));
            }),
            &[INVALID_RECORD],
        ),
        lie(
            "a negative number of headers",
            record(|r| {
                batch::varint(r, -1);
                batch::varint(r, -1);
                batch::varint(r, -1);
            }),
            &[INVALID_RECORD],
        ),
        lie("gzip: an offset delta left out", gzip_gap, UNREADABLE),
        lie("gzip: one record too few", count_lies(Codec::Gzip, 4), &[INVALID_RECORD]),
        lie("gzip: one record too many", count_lies(Codec::Gzip, 2), &[INVALID_RECORD]),
        lie("snappy: one record too few", count_lies(Codec::Snappy, 4), &[INVALID_RECORD]),
        lie("lz4: one record too few", count_lies(Codec::Lz4, 4), &[INVALID_RECORD]),
        lie("zstd: one record too few", count_lies(Codec::Zstd, 4), &[INVALID_RECORD]),
    ]
}

/// Bytes that no codec can read. Kafka's own answer differs with the codec's library; what matters is a typed error.
fn compressed_lies() -> Vec<Lie> {
    let mut lies = Vec::new();
    for (name, codec) in
        [("gzip", Codec::Gzip), ("snappy", Codec::Snappy), ("lz4", Codec::Lz4), ("zstd", Codec::Zstd)]
    {
        let batch = good().codec(codec);
        let whole = batch::compress(codec, &batch.payload());
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        let mut head = whole.clone();
        head[0] ^= 0xff;
        let cut = whole[..whole.len() / 2].to_vec();
        for (payload, count) in [(vec![0x5a; 100], 3), (cut, 3), (head, 3), (Vec::new(), 1)] {
            lies.push(Lie { name, bytes: batch.encode_with(&payload, count), errors: UNREADABLE });
        }
        // A flip may hit bytes that nothing checks; then the records are read, and are what they are.
        lies.push(Lie {
            name,
            bytes: batch.encode_with(&flipped, 3),
            errors: &[INVALID_RECORD, CORRUPT_MESSAGE, -1, NONE],
        });
    }
    lies
}

fn other_lies() -> Vec<Lie> {
    let lie = |name, bytes, errors| Lie { name, bytes, errors };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is past 1970")
        .as_millis() as i64;
    let large = Batch::of(&[&vec![b'x'; 2_000_000][..]]).encode();
    vec![
        lie("larger than max.message.bytes", large, &[MESSAGE_TOO_LARGE]),
        lie("two hours from now", good().at(now + 7_200_000).encode(), &[INVALID_TIMESTAMP]),
        lie("a negative sequence", good().idempotent(5, 0, -5).encode(), &[INVALID_RECORD]),
        lie("a negative epoch", good().idempotent(5, -1, 0).encode(), LENIENT),
    ]
}

/// Each lie is answered, none is stored, and what is good is still taken by the same connection.
#[test]
fn lies_are_told_apart() {
    let scratch = Scratch::new("lies");
    let mut broker = Broker::any(&scratch, &["logan.shards=2"]);
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic(TOPIC, 2, &[]), 0);
    broker.settle();
    let mut wrong = Vec::new();
    for lie in header_lies().into_iter().chain(record_lies()).chain(compressed_lies()).chain(other_lies()) {
        for partition in 0..2 {
            let before = connection.list_offset(TOPIC, partition, -1).2;
            let produced = connection.produce(TOPIC, partition, -1, &lie.bytes);
            if !lie.errors.contains(&produced.error) {
                wrong.push(format!(
                    "{}: {:?} is right, got {} ({})",
                    lie.name, lie.errors, produced.error, produced.message
                ));
            }
            let after = connection.list_offset(TOPIC, partition, -1).2;
            if produced.error != NONE && before != after {
                wrong.push(format!("{}: refused and stored all the same", lie.name));
            }
            broker.assert_alive();
        }
        assert_eq!(
            connection.produce(TOPIC, 0, -1, &good().encode()).error,
            NONE,
            "a good batch behind {}",
            lie.name
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let fetched = connection.fetch(TOPIC, FetchFrom::offset(0, 0));
    for found in batch::split(&fetched.records) {
        let mut resealed = found.to_vec();
        batch::seal(&mut resealed);
        assert_eq!(found, resealed, "what is stored has a CRC that fits");
    }
}

/// A gigabyte of zeros in a batch of less than a megabyte: whatever the answer, it comes soon and costs little memory.
#[test]
fn decompression_bombs() {
    const SIZE: usize = 1 << 30;
    let scratch = Scratch::new("bombs");
    let mut broker = Broker::any(&scratch, &["logan.shards=2"]);
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("bombs", 1, &[]), 0);
    assert_eq!(connection.create_topic("bombs-opened", 1, &[("compression.type", "uncompressed")]), 0);
    broker.settle();
    for codec in [Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::Snappy] {
        // The record's value is nearly all of it; the last byte is the number of headers.
        let mut payload = Vec::new();
        let mut record = vec![0, 0, 0];
        batch::varint(&mut record, -1);
        // Only the first two compress a gigabyte to less than a batch may hold; the others are as large as they can be.
        let size = if matches!(codec, Codec::Zstd | Codec::Gzip) { SIZE / 2 } else { 50 << 20 };
        batch::varint(&mut record, size as i64);
        batch::varint(&mut payload, (record.len() + size + 1) as i64);
        payload.extend(record);
        payload.resize(payload.len() + size + 1, 0);
        let bomb = Batch::of(&[]).codec(codec).encode_with(&batch::compress(codec, &payload), 1);
        drop(payload);
        for topic in ["bombs", "bombs-opened"] {
            let before = if broker.is_ours() { broker.resident() } else { 0 };
            if broker.is_ours() {
                broker.forget_peak();
            }
            let started = Instant::now();
            let produced = connection.produce(topic, 0, -1, &bomb);
            println!("{codec:?} to {topic}: error {} after {:.1?}", produced.error, started.elapsed());
            assert!(started.elapsed() < Duration::from_secs(15));
            if topic == "bombs-opened" {
                assert_ne!(produced.error, NONE, "opened, {codec:?} is larger than max.message.bytes");
            }
            broker.assert_alive();
            if broker.is_ours() {
                let grown = broker.resident_peak().saturating_sub(before);
                println!("{codec:?} to {topic}: {} MiB more resident at most", grown >> 20);
                assert!(grown < 100 << 20, "{codec:?} to {topic}: {} MiB more resident", grown >> 20);
            }
        }
    }
}

/// Records of 150 MiB in a few kilobytes, for which whoever reads them needs a window of 128 MiB.
fn large_window() -> Vec<u8> {
    const RECORDS: usize = 10;
    const SIZE: usize = 15 << 20;
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("a context");
    encoder.window_log(27).expect("a window that zstd has");
    for index in 0..RECORDS {
        let mut record = vec![0, 0];
        batch::varint(&mut record, index as i64);
        batch::varint(&mut record, -1);
        batch::varint(&mut record, SIZE as i64);
        record.resize(record.len() + SIZE + 1, 0);
        let mut length = Vec::new();
        batch::varint(&mut length, record.len() as i64);
        encoder.write_all(&length).and_then(|()| encoder.write_all(&record)).expect("compressed in memory");
    }
    let packed = encoder.finish().expect("compressed in memory");
    assert!(packed.len() < 64 << 10);
    Batch::of(&[]).codec(Codec::Zstd).encode_with(&packed, RECORDS as i32)
}

#[test]
fn windows_are_held_one_after_another() {
    const CONNECTIONS: usize = 12;
    let scratch = Scratch::new("windows");
    let settings = Settings::new(&scratch, &["logan.shards=1", "logan.memory.bytes=268435456"]);
    let broker = Broker::start(settings);
    let address = broker.address();
    assert_eq!(Connection::open(address).create_topic("windows", 1, &[]), 0);
    let batch = large_window();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                assert_eq!(Connection::open(address).produce("windows", 0, -1, &batch).error, NONE);
            });
        }
        // Others wait for none of it.
        let started = Instant::now();
        let mut connection = Connection::open(address);
        for _ in 0..20 {
            let small = Batch::of(&[b"value"]).codec(Codec::Zstd).encode();
            assert_eq!(connection.produce("windows", 0, -1, &small).error, NONE);
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    });
    let peak = broker.resident_peak();
    assert!(peak < 400 << 20, "{} MiB were resident", peak >> 20);
}
