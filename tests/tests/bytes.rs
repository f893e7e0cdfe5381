//! What comes back is what was sent, byte for byte: batches built by hand, of every codec, to every shard and from every offset.

use logan_tests::batch::{self, Batch, CODECS, Codec};
use logan_tests::broker::{Broker, Scratch};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const OUT_OF_ORDER_SEQUENCE: i16 = 45;
const DUPLICATE_SEQUENCE: i16 = 46;
const INVALID_PRODUCER_EPOCH: i16 = 47;

fn values(seed: u64, count: usize, size: usize) -> Vec<Vec<u8>> {
    // Half of each value compresses well and half does not.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            (0..size)
                .map(|at| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    if at % 2 == 0 { b'.' } else { state as u8 }
                })
                .collect()
        })
        .collect()
}

fn batch_of(values: &[Vec<u8>]) -> Batch {
    Batch::of(&values.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Everything from an offset to the end of the partition, fetched in pieces of at most `max_bytes`.
fn fetch_all(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    from: i64,
    max_bytes: i32,
) -> Vec<Vec<u8>> {
    let (mut batches, mut offset) = (Vec::new(), from);
    loop {
        let fetched =
            connection.fetch(topic, FetchFrom { max_bytes, ..FetchFrom::offset(partition, offset) });
        assert_eq!(fetched.error, 0, "fetching {topic}-{partition} at {offset}");
        let whole = batch::split(&fetched.records);
        let Some(last) = whole.last() else {
            assert_eq!(offset, fetched.high_watermark, "an empty answer, though there is more to read");
            return batches;
        };
        offset = batch::next_offset(last);
        batches.extend(whole.iter().map(|b| b.to_vec()));
        if offset == fetched.high_watermark {
            return batches;
        }
    }
}

fn create(
    connection: &mut Connection,
    broker: &Broker,
    topic: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) {
    assert_eq!(connection.create_topic(topic, partitions, configs), 0, "creating {topic}");
    broker.settle();
}

/// Every codec and size to every partition, each kept exactly and read back whole and in small pieces.
fn every_codec_and_size(broker: &Broker) {
    const PARTITIONS: i32 = 6;
    let mut connection = Connection::open(broker.address());
    create(&mut connection, broker, "bytes", PARTITIONS, &[]);
    let mut sent: BTreeMap<i32, Vec<Vec<u8>>> = BTreeMap::new();
    let mut next = [0_i64; PARTITIONS as usize];
    for (round, (count, size)) in
        [(1, 0), (1, 1), (7, 100), (3, 4_096), (50, 1_000), (2, 200_000), (1, 700_000)]
            .into_iter()
            .enumerate()
    {
        for (number, codec) in CODECS.into_iter().enumerate() {
            let seed = (round * 10 + number) as u64 + 1;
            let bytes = batch_of(&values(seed, count, size)).codec(codec).encode();
            for partition in 0..PARTITIONS {
                let produced = connection.produce("bytes", partition, -1, &bytes);
                assert_eq!(produced.error, 0, "{codec:?} of {count} x {size} bytes: {}", produced.message);
                assert_eq!(produced.base_offset, next[partition as usize]);
                next[partition as usize] += count as i64;
                sent.entry(partition).or_default().push(batch::stored(&bytes, produced.base_offset, 0));
            }
        }
    }
    // Another connection may live on another shard.
    for mut connection in [Connection::open(broker.address()), Connection::open(broker.address()), connection]
    {
        for (partition, sent) in &sent {
            for max_bytes in [64 << 20, 10_000] {
                let got = fetch_all(&mut connection, "bytes", *partition, 0, max_bytes);
                assert_eq!(got.len(), sent.len(), "batches of partition {partition}");
                for (got, sent) in got.iter().zip(sent) {
                    assert_same(got, sent);
                }
            }
            // From within a batch, the whole batch comes.
            let inside = sent
                .iter()
                .find(|b| batch::next_offset(b) - batch::base_offset(b) == 50)
                .expect("one has 50 records");
            let middle = batch::base_offset(inside) + 17;
            let fetched = connection.fetch("bytes", FetchFrom::offset(*partition, middle));
            assert_same(batch::split(&fetched.records)[0], inside);
        }
    }
}

fn assert_same(got: &[u8], sent: &[u8]) {
    if got != sent {
        let at = got.iter().zip(sent).position(|(a, b)| a != b).unwrap_or(got.len().min(sent.len()));
        let around = at.saturating_sub(8)..at + 24;
        let cut = |bytes: &[u8]| bytes.get(around.start..around.end.min(bytes.len())).map(<[u8]>::to_vec);
        panic!("byte {at} of {}/{} differs: {:02x?} for {:02x?}", got.len(), sent.len(), cut(got), cut(sent));
    }
}

/// Several partitions in one request, several requests in flight: answers come in order and each partition keeps its own.
fn pipelined(broker: &Broker) {
    const PARTITIONS: i32 = 9;
    let mut connection = Connection::open(broker.address());
    create(&mut connection, broker, "bytes-pipelined", PARTITIONS, &[]);
    let mut sent = Vec::new();
    for request in 0..100_u64 {
        let mut body =
            Writer::default().i16(-1).i16(-1).i32(30_000).i32(1).string("bytes-pipelined").i32(PARTITIONS);
        for partition in 0..PARTITIONS {
            let bytes = batch_of(&values(request * 100 + partition as u64 + 1, 2, 300)).encode();
            body = body.i32(partition).bytes(&bytes);
        }
        sent.push(connection.send(wire::PRODUCE, 8, &body.0).expect("the broker reads"));
    }
    for (request, correlation) in sent.into_iter().enumerate() {
        let (answered, response) = connection.receive().expect("the broker answers");
        assert_eq!(answered, correlation, "answers leave in the order of requests");
        let mut r = Reader(&response);
        assert_eq!((r.count(), r.string().as_str(), r.count()), (1, "bytes-pipelined", PARTITIONS as usize));
        for _ in 0..PARTITIONS {
            let (partition, error, base) = (r.i32(), r.i16(), r.i64());
            assert_eq!((error, base), (0, request as i64 * 2), "request {request}, partition {partition}");
            r.take(16);
            assert_eq!((r.count(), r.string().as_str()), (0, ""));
        }
    }
    for partition in 0..PARTITIONS {
        let got = fetch_all(&mut connection, "bytes-pipelined", partition, 0, 64 << 20);
        for (request, got) in got.iter().enumerate() {
            let bytes = batch_of(&values(request as u64 * 100 + partition as u64 + 1, 2, 300)).encode();
            assert_same(got, &batch::stored(&bytes, request as i64 * 2, 0));
        }
        assert_eq!(got.len(), 100);
    }
}

/// Sequences as Kafka checks them: a repeated batch is answered with its first offset and not stored again.
fn idempotent(broker: &Broker) {
    let mut connection = Connection::open(broker.address());
    create(&mut connection, broker, "bytes-idempotent", 1, &[]);
    let (error, id, epoch) = connection.init_producer_id();
    assert_eq!((error, epoch), (0, 0));
    let (_, other, _) = connection.init_producer_id();
    assert_ne!(id, other, "an id is given once");
    let batch = |sequence, epoch| batch_of(&values(1, 3, 50)).idempotent(id, epoch, sequence).encode();
    let mut produce = |sequence, epoch| {
        let produced = connection.produce("bytes-idempotent", 0, -1, &batch(sequence, epoch));
        (produced.error, produced.base_offset)
    };
    for number in 0..7 {
        assert_eq!(produce(number * 3, 0), (0, i64::from(number) * 3));
    }
    // The last five batches are remembered.
    for number in 2..7 {
        assert_eq!(produce(number * 3, 0), (0, i64::from(number) * 3), "batch {number} once more");
    }
    let (error, _) = produce(0, 0);
    assert!(
        [OUT_OF_ORDER_SEQUENCE, DUPLICATE_SEQUENCE].contains(&error),
        "one older than these: error {error}"
    );
    assert_eq!(produce(24, 0).0, OUT_OF_ORDER_SEQUENCE, "a gap");
    assert_eq!(produce(0, 1), (0, 21), "a newer epoch begins at zero");
    assert_eq!(produce(21, 0).0, INVALID_PRODUCER_EPOCH, "the older epoch is fenced");
    assert_eq!(connection.list_offset("bytes-idempotent", 0, -1).2, 24, "nothing else was stored");
}

/// A fetch that finds too little waits: for its time, or until enough has come.
fn waiting(broker: &Broker) {
    let mut connection = Connection::open(broker.address());
    create(&mut connection, broker, "bytes-waiting", 1, &[]);
    let start = Instant::now();
    let fetched =
        connection.fetch("bytes-waiting", FetchFrom { max_wait_ms: 300, ..FetchFrom::offset(0, 0) });
    assert_eq!((fetched.error, fetched.records.len()), (0, 0));
    assert!(
        start.elapsed() >= Duration::from_millis(290),
        "answered after {:?} instead of 300 ms",
        start.elapsed()
    );

    let address = broker.address();
    let bytes = batch_of(&values(1, 1, 1_000)).encode();
    let size = bytes.len() as i32;
    let waiter = std::thread::spawn(move || {
        let start = Instant::now();
        let from = FetchFrom { max_wait_ms: 20_000, min_bytes: 3 * size, ..FetchFrom::offset(0, 0) };
        let fetched = Connection::open(address).fetch("bytes-waiting", from);
        (start.elapsed(), fetched)
    });
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiter.is_finished(), "answered before enough had come");
        connection.produce("bytes-waiting", 0, 1, &bytes);
    }
    let (waited, fetched) = waiter.join().expect("the fetch succeeds");
    assert!(
        waited < Duration::from_secs(10),
        "woken after {waited:?}, by its deadline rather than by the third batch"
    );
    assert_eq!(batch::split(&fetched.records).len(), 3);
}

/// `compression.type` of the topic: other codecs are converted, the same one is left as it is.
fn conversion(broker: &Broker) {
    let mut connection = Connection::open(broker.address());
    for (name, to) in [
        ("uncompressed", Codec::None),
        ("gzip", Codec::Gzip),
        ("snappy", Codec::Snappy),
        ("lz4", Codec::Lz4),
        ("zstd", Codec::Zstd),
    ] {
        let topic = format!("bytes-to-{name}");
        create(&mut connection, broker, &topic, 1, &[("compression.type", name)]);
        for from in CODECS {
            let made = batch_of(&values(5, 20, 400)).codec(from);
            let bytes = made.encode();
            let produced = connection.produce(&topic, 0, -1, &bytes);
            assert_eq!(produced.error, 0, "{from:?} to {name}: {}", produced.message);
            let fetched = connection.fetch(&topic, FetchFrom::offset(0, produced.base_offset));
            let got = batch::split(&fetched.records)[0].to_vec();
            assert_eq!(got[22] & 7, to as u8, "{from:?} to {name}: codec of the stored batch");
            if from == to {
                assert_same(&got, &batch::stored(&bytes, produced.base_offset, 0));
            }
            if to == Codec::None {
                let plain = made.clone().codec(Codec::None).encode();
                assert_same(&got, &batch::stored(&plain, produced.base_offset, 0));
            }
            let mut resealed = got.clone();
            batch::seal(&mut resealed);
            assert_same(&resealed, &got);
        }
    }
}

fn conform(overrides: &[&str]) {
    let scratch = Scratch::new("bytes");
    let mut broker = Broker::any(&scratch, overrides);
    for check in [every_codec_and_size, pipelined, idempotent, waiting, conversion] {
        check(&broker);
        broker.assert_alive();
    }
}

#[test]
fn one_shard() {
    conform(&["logan.shards=1"]);
}

#[test]
fn two_shards() {
    conform(&["logan.shards=2"]);
}

#[test]
fn more_shards_than_cores() {
    conform(&["logan.shards=5"]);
}

/// Everything of one run is there, and the same, behind a stop and a start, and behind a kill and a start with other shards.
#[test]
fn the_same_after_a_restart() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() {
        println!("skipped: the broker is not ours to stop");
        return;
    }
    let scratch = Scratch::new("restart");
    let mut broker = Broker::any(&scratch, &["logan.shards=2"]);
    let mut connection = Connection::open(broker.address());
    create(&mut connection, &broker, "bytes-restart", 5, &[("segment.bytes", "1048576")]);
    let mut sent: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 5];
    for (round, name) in ["stop", "kill", "stop again"].into_iter().enumerate() {
        for number in 0..60 {
            let partition = number % 5;
            let codec = CODECS[number % 3];
            let bytes =
                batch_of(&values((round * 1_000 + number) as u64 + 1, 5, 20_000)).codec(codec).encode();
            let produced = connection.produce("bytes-restart", partition as i32, -1, &bytes);
            assert_eq!(produced.error, 0);
            sent[partition].push(batch::stored(&bytes, produced.base_offset, 0));
        }
        if name == "kill" {
            broker.kill();
        } else {
            assert!(broker.stop().success());
        }
        broker.settings_mut().overrides = vec![format!("logan.shards={}", round + 1)];
        broker.restart();
        connection = Connection::open(broker.address());
        for (partition, sent) in sent.iter().enumerate() {
            let got = fetch_all(&mut connection, "bytes-restart", partition as i32, 0, 1 << 20);
            assert_eq!(got.len(), sent.len(), "batches of partition {partition} after {name}");
            for (got, sent) in got.iter().zip(sent) {
                // A start may begin a new leader epoch for new batches; what was stored keeps its own.
                assert_same(&got[16..], &sent[16..]);
                assert_eq!(batch::base_offset(got), batch::base_offset(sent));
            }
        }
    }
}
