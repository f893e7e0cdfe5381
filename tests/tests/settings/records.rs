//! Records: which are taken, how they are kept, and how many are given at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logan_tests::batch::{self, Batch, Codec};
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};

const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_TIMESTAMP: i16 = 32;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

fn start(scratch: &Scratch, overrides: &[&str]) -> (Broker, Connection) {
    let broker = Broker::start(Settings::new(scratch, overrides));
    let connection = Connection::open(broker.address());
    (broker, connection)
}

/// Error, and the time of the append (-1 where records keep theirs).
fn produce(connection: &mut Connection, topic: &str, batch: &[u8]) -> (i16, i64) {
    let response = connection.call(wire::PRODUCE, 8, &Connection::produce_body(topic, 0, -1, batch));
    let mut r = Reader(&response);
    assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic, 1, 0));
    let (error, _base) = (r.i16(), r.i64());
    (error, r.i64())
}

/// Words of a small vocabulary in no order: the harder a codec tries, the less is left.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut text = Vec::new();
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend(format!("word{} ", (state >> 16) % 500).bytes());
    }
    text
}

#[test]
fn compression_and_its_levels() {
    let scratch = Scratch::new("compression");
    let overrides = ["compression.type=gzip", "compression.gzip.level=9", "compression.zstd.level=19"];
    let (_broker, mut connection) = start(&scratch, &overrides);
    let sent = Batch::of(&[&text(200_000)]);
    let mut kept = |name: &str, configs: &[(&str, &str)], codec: Codec| {
        assert_eq!(connection.create_topic(name, 1, configs), 0);
        assert_eq!(produce(&mut connection, name, &sent.clone().codec(codec).encode()).0, 0);
        let records = connection.fetch(name, FetchFrom::offset(0, 0)).records;
        (records[22] & 7, records.len())
    };
    let (gzip, zstd) = (("compression.type", "gzip"), ("compression.type", "zstd"));
    let gzip_9 = kept("gzip-9", &[], Codec::None);
    let gzip_1 = kept("gzip-1", &[gzip, ("compression.gzip.level", "1")], Codec::None);
    let zstd_19 = kept("zstd-19", &[zstd], Codec::Gzip);
    let zstd_1 = kept("zstd-1", &[zstd, ("compression.zstd.level", "1")], Codec::None);
    assert_eq!([gzip_9.0, gzip_1.0, zstd_19.0, zstd_1.0], [1, 1, 4, 4]);
    assert!(gzip_9.1 < gzip_1.1, "{gzip_9:?}, {gzip_1:?}");
    assert!(zstd_19.1 < zstd_1.1, "{zstd_19:?}, {zstd_1:?}");
    let plain = (0, sent.encode().len());
    assert_eq!(kept("plain", &[("compression.type", "uncompressed")], Codec::Lz4), plain);
    let as_sent = sent.clone().codec(Codec::Snappy).encode();
    assert_eq!(kept("as-sent", &[("compression.type", "producer")], Codec::Snappy), (2, as_sent.len()));
}

#[test]
fn a_fetch_is_bounded_by_the_broker() {
    let batch = Batch::of(&[&[7; 500]]).encode();
    for (overrides, most) in [(&[][..], 10 * batch.len()), (&["fetch.max.bytes=2000"], 2_000)] {
        let scratch = Scratch::new("fetch-bytes");
        let (_broker, mut connection) = start(&scratch, overrides);
        assert_eq!(connection.create_topic("fetched", 1, &[]), 0);
        for _ in 0..10 {
            assert_eq!(produce(&mut connection, "fetched", &batch).0, 0);
        }
        let records = connection.fetch("fetched", FetchFrom::offset(0, 0)).records;
        assert!(records.len() <= most, "{} bytes of at most {most}", records.len());
        assert_eq!(batch::split(&records).len(), most / batch.len());
    }
}

#[test]
fn fetch_sessions_have_so_many_places() {
    for places in 0..3 {
        let scratch = Scratch::new("places");
        let setting = format!("max.incremental.fetch.session.cache.slots={places}");
        let (broker, mut connection) = start(&scratch, &["logan.shards=1", &setting]);
        assert_eq!(connection.create_topic("fetched", 1, &[]), 0);
        let begin = || {
            let mut connection = Connection::open(broker.address());
            let body = Writer::default().i32(-1).i32(0).i32(0).i32(1 << 20).i8(0).i32(0).i32(0).i32(1);
            let body = body.string("fetched").i32(1).i32(0).i32(-1).i64(0).i64(-1).i32(1 << 20);
            let response = connection.call(wire::FETCH, 11, &body.i32(0).string(""));
            let mut r = Reader(&response);
            let (_throttle, error, session) = (r.i32(), r.i16(), r.i32());
            // Without a session one is answered all the same.
            assert_eq!((error, r.count(), r.string().as_str()), (0, 1, "fetched"));
            session != 0
        };
        let begun = (0..4).filter(|_| begin()).count();
        assert_eq!(begun, places, "the others were used a moment ago, and are not given up");
    }
}

#[test]
fn how_large_a_batch_may_be() {
    let scratch = Scratch::new("batch-bytes");
    let (_broker, mut connection) = start(&scratch, &["message.max.bytes=1000"]);
    let batch = |bytes: usize| {
        let batch = Batch::of(&[&vec![7; bytes - 70]]).encode();
        assert_eq!(batch.len(), bytes);
        batch
    };
    for (topic, configs, most) in [
        ("plain", &[][..], 1_000),
        ("larger", &[("max.message.bytes", "5000")], 5_000),
        ("smaller", &[("max.message.bytes", "500")], 500),
    ] {
        assert_eq!(connection.create_topic(topic, 1, configs), 0);
        assert_eq!(produce(&mut connection, topic, &batch(most)).0, 0, "{topic}");
        assert_eq!(produce(&mut connection, topic, &batch(most + 1)).0, MESSAGE_TOO_LARGE, "{topic}");
    }
    // What is altered counts at once, for topics that say nothing of their own.
    assert_eq!(connection.set_broker_setting("message.max.bytes", "2000"), 0);
    assert_eq!(produce(&mut connection, "plain", &batch(2_000)).0, 0);
    assert_eq!(produce(&mut connection, "plain", &batch(2_001)).0, MESSAGE_TOO_LARGE);
    assert_eq!(produce(&mut connection, "smaller", &batch(501)).0, MESSAGE_TOO_LARGE);
}

#[test]
fn how_large_a_request_may_be() {
    let scratch = Scratch::new("request-bytes");
    let (broker, mut connection) = start(&scratch, &["socket.request.max.bytes=2000"]);
    assert_eq!(connection.create_topic("sent", 1, &[]), 0);
    let request = |bytes: usize| {
        let frame = |value: usize| {
            let body = Connection::produce_body("sent", 0, -1, &Batch::of(&[&vec![7; value]]).encode());
            Connection::frame(wire::PRODUCE, 8, 1, &body.0)
        };
        // A frame begins with its length, which is not counted.
        let frame = frame(bytes + 4 - (frame(1_000).len() - 1_000));
        assert_eq!(frame.len(), bytes + 4);
        frame
    };
    connection.send_raw(&request(2_000)).expect("the broker reads");
    let (_, response) = connection.receive().expect("the largest there may be");
    assert_eq!(Connection::read_produced(&response, "sent", 0).error, 0);
    let mut other = Connection::open(broker.address());
    // Its length is enough to close the connection.
    assert!(other.send_raw(&request(2_001)).is_err() || other.is_closed_within(Duration::from_secs(20)));
    assert_eq!(connection.list_offset("sent", 0, -1), (0, -1, 1));
}

#[test]
fn which_times_records_may_have() {
    const HOUR: i64 = 3_600_000;
    let scratch = Scratch::new("times");
    let overrides =
        ["log.message.timestamp.after.max.ms=7200000", "log.message.timestamp.before.max.ms=7200000"];
    let (mut broker, mut connection) = start(&scratch, &overrides);
    let own =
        [("message.timestamp.after.max.ms", "18000000"), ("message.timestamp.before.max.ms", "18000000")];
    let mut errors = |topic: &str, configs: &[(&str, &str)]| {
        assert_eq!(connection.create_topic(topic, 1, configs), 0);
        [-6, -3, -1, 1, 3, 6].map(|hours| {
            let batch = Batch::of(&[b"x"]).at(now_ms() + hours * HOUR);
            produce(&mut connection, topic, &batch.encode()).0
        })
    };
    let late = INVALID_TIMESTAMP;
    assert_eq!(errors("of-all", &[]), [late, late, 0, 0, late, late]);
    assert_eq!(errors("of-its-own", &own), [late, 0, 0, 0, 0, late]);
    assert!(broker.stop().success());
    broker.settings_mut().overrides.clear();
    broker.restart();
    let mut connection = Connection::open(broker.address());
    let mut at = |topic: &str, hours| {
        let batch = Batch::of(&[b"x"]).at(now_ms() + hours * HOUR);
        produce(&mut connection, topic, &batch.encode())
    };
    assert_eq!([at("of-all", -6), at("of-all", 3)], [(0, -1), (late, -1)], "Kafka's own limits");

    assert!(broker.stop().success());
    broker.settings_mut().overrides.push("log.message.timestamp.type=LogAppendTime".to_owned());
    broker.restart();
    let mut connection = Connection::open(broker.address());
    let created = [("message.timestamp.type", "CreateTime")];
    assert_eq!(connection.create_topic("created", 1, &created), 0);
    let batch = Batch::of(&[b"x"]).at(now_ms() - HOUR).encode();
    let before = now_ms();
    let (error, appended) = produce(&mut connection, "of-all", &batch);
    assert!(error == 0 && appended >= before, "{appended} after {before}");
    assert_eq!(produce(&mut connection, "created", &batch), (0, -1));
}

#[test]
fn silent_producers_are_forgotten() {
    let scratch = Scratch::new("silent");
    let (mut broker, mut connection) = start(&scratch, &[]);
    assert_eq!(connection.create_topic("said", 1, &[]), 0);
    let (error, id, epoch) = connection.init_producer_id();
    assert_eq!(error, 0);
    let batch = Batch::of(&[b"once"]).at(now_ms()).idempotent(id, epoch, 0).encode();
    let bases = |broker: &mut Broker, overrides: &[&str]| {
        assert!(broker.stop().success());
        broker.settings_mut().overrides = overrides.iter().map(ToString::to_string).collect();
        // Longer than the shortest time below.
        std::thread::sleep(Duration::from_millis(20));
        broker.restart();
        let produced = Connection::open(broker.address()).produce("said", 0, -1, &batch);
        (produced.error, produced.base_offset)
    };
    assert_eq!(connection.produce("said", 0, -1, &batch).base_offset, 0);
    assert_eq!(bases(&mut broker, &[]), (0, 0), "it is known to have been written");
    assert_eq!(bases(&mut broker, &["producer.id.expiration.ms=1"]), (0, 1), "that is forgotten");
    assert_eq!(bases(&mut broker, &[]), (0, 1), "known again");
    assert_eq!(Connection::open(broker.address()).set_broker_setting("producer.id.expiration.ms", "1"), 0);
    assert_eq!(bases(&mut broker, &[]), (0, 2), "what is altered lasts");
}
