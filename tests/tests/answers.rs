//! What answers say beside records and error codes, where Kafka's own broker was asked (`LOGAN_TEST_BROKER` asks it again).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch};
use logan_tests::wire::{self, Connection, Reader, Writer};

const MAX_TIMESTAMP: i64 = -3;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// Error, base offset, append time.
fn produce(connection: &mut Connection, topic: &str, batch: &Batch) -> (i16, i64, i64) {
    let body = Connection::produce_body(topic, 0, -1, &batch.encode());
    let response = connection.call(wire::PRODUCE, 8, &body);
    let mut r = Reader(&response);
    assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic, 1, 0));
    (r.i16(), r.i64(), r.i64())
}

/// A batch that was written already is answered as the one that was, with its time.
#[test]
fn a_duplicate_is_answered_with_the_time_of_the_original() {
    let scratch = Scratch::new("duplicates");
    let broker = Broker::any(&scratch, &["logan.shards=2"]);
    let mut connection = Connection::open(broker.address());
    let unique = |name: &str| format!("{name}-{}", std::process::id());
    let (created, appended) = (unique("created"), unique("appended"));
    assert_eq!(connection.create_topic(&created, 1, &[]), 0);
    let by_append = [("message.timestamp.type", "LogAppendTime")];
    assert_eq!(connection.create_topic(&appended, 1, &by_append), 0);
    broker.settle();
    let (error, id, epoch) = connection.init_producer_id();
    assert_eq!(error, 0);
    let sent_ms = now_ms() - 5_000;
    let first = Batch::of(&[b"a"]).at(sent_ms).idempotent(id, epoch, 0);
    // Each record of the builder is a millisecond later than the one before.
    let second = Batch::of(&[b"b", b"c", b"d"]).at(sent_ms).idempotent(id, epoch, 1);

    assert_eq!(produce(&mut connection, &created, &first), (0, 0, -1));
    assert_eq!(produce(&mut connection, &created, &second), (0, 1, -1));
    assert_eq!(produce(&mut connection, &created, &second), (0, 1, sent_ms + 2));
    assert_eq!(produce(&mut connection, &created, &first), (0, 0, sent_ms));

    let (error, base, appended_ms) = produce(&mut connection, &appended, &first);
    assert!(error == 0 && base == 0 && appended_ms > sent_ms);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(produce(&mut connection, &appended, &first), (0, 0, appended_ms));
}

/// `ListOffsets` v7: error, timestamp and offset of the record with the largest timestamp.
fn at_max_timestamp(connection: &mut Connection, topic: &str) -> (i16, i64, i64) {
    // Compact: lengths are one more, and each structure ends with its tagged fields, of which there are none.
    let body = Writer::default().i8(0).i32(-1).i8(0).i8(2).i8(topic.len() as i8 + 1).raw(topic.as_bytes());
    let body = body.i8(2).i32(0).i32(-1).i64(MAX_TIMESTAMP).i8(0).i8(0).i8(0);
    let response = connection.call(wire::LIST_OFFSETS, 7, &body);
    let mut r = Reader(&response);
    assert_eq!((r.i8(), r.i32(), r.i8()), (0, 0, 2));
    r.take(topic.len() + 1);
    assert_eq!((r.i8(), r.i32()), (2, 0));
    (r.i16(), r.i64(), r.i64())
}

/// While the newest batch is on its way to the drive, there still is a largest timestamp that can be seen.
#[test]
fn there_is_a_largest_timestamp_at_every_moment() {
    let scratch = Scratch::new("largest");
    let broker = Broker::any(&scratch, &["logan.shards=1"]);
    let mut connection = Connection::open(broker.address());
    let topic = format!("largest-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[]), 0);
    broker.settle();
    assert_eq!(at_max_timestamp(&mut connection, &topic), (0, -1, -1));
    let began_ms = now_ms() - 1_000_000;
    assert_eq!(produce(&mut connection, &topic, &Batch::of(&[b"first"]).at(began_ms)).0, 0);
    let ended = Arc::new(AtomicBool::new(false));
    let producer = {
        let (mut connection, topic, ended) =
            (Connection::open(broker.address()), topic.clone(), ended.clone());
        std::thread::spawn(move || {
            let mut produced = 0;
            while !ended.load(Ordering::Relaxed) {
                produced += 1;
                let batch = Batch::of(&[b"later"]).at(began_ms + produced);
                assert_eq!(produce(&mut connection, &topic, &batch).0, 0);
            }
            produced
        })
    };
    let mut largest = 0;
    for _ in 0..2_000 {
        let (error, timestamp, offset) = at_max_timestamp(&mut connection, &topic);
        assert_eq!(
            (error, timestamp - began_ms),
            (0, offset),
            "each record is a millisecond after the one before"
        );
        assert!(offset >= largest, "{offset} after {largest}");
        largest = offset;
    }
    ended.store(true, Ordering::Relaxed);
    let produced = producer.join().expect("all was produced");
    assert_eq!(at_max_timestamp(&mut connection, &topic), (0, began_ms + produced, produced));
    assert!(produced > 10, "only {produced} batches were produced beside 2000 questions");
}
