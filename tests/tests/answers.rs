//! What answers say beside records and error codes, where Kafka's own broker was asked (`LOGAN_TEST_BROKER` asks it again).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};
use logan_tests::with_each_number_of_shards;

with_each_number_of_shards! {
    a_duplicate_is_answered_with_the_time_of_the_original,
    there_is_a_largest_timestamp_at_every_moment,
    a_fetch_waits_for_what_may_still_come,
    cursors_of_pages,
    more_replicas_than_there_are_need_not_be_in_sync,
    a_fetch_waits_for_its_least_bytes_over_many_appends,
    internal_topics_are_not_created_like_others,
    offsets_of_an_empty_log_have_the_epoch_that_it_is_led_in,
    refused_sequences_are_told_where_the_log_begins,
    half_a_producer_is_refused,
}

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
fn a_duplicate_is_answered_with_the_time_of_the_original(shards: u16) {
    let scratch = Scratch::new("duplicates");
    let broker = Broker::with_shards(&scratch, shards);
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
fn there_is_a_largest_timestamp_at_every_moment(shards: u16) {
    let scratch = Scratch::new("largest");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("largest-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[]), 0);
    broker.settle();
    assert_eq!(at_max_timestamp(&mut connection, &topic), (0, -1, -1));
    let began_ms = now_ms() - 1_000_000;
    assert_eq!(produce(&mut connection, &topic, &Batch::of(&[b"first"]).at(began_ms)).0, 0);
    let ended = Arc::new(AtomicBool::new(false));
    let produced = Arc::new(AtomicI64::new(0));
    let producer = {
        let (mut connection, topic, ended, so_far) =
            (Connection::open(broker.address()), topic.clone(), ended.clone(), produced.clone());
        std::thread::spawn(move || {
            let mut produced = 0;
            while !ended.load(Ordering::Relaxed) {
                produced += 1;
                let batch = Batch::of(&[b"later"]).at(began_ms + produced);
                assert_eq!(produce(&mut connection, &topic, &batch).0, 0);
                so_far.store(produced, Ordering::Relaxed);
            }
            produced
        })
    };
    let (mut largest, mut questions) = (0, 0);
    // However slow the drive is, questions are asked beside some batches.
    while questions < 2_000 || produced.load(Ordering::Relaxed) <= 10 {
        questions += 1;
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
    println!("{produced} batches were produced beside {questions} questions");
}

/// `Fetch` v11 without a session, of partitions of topics; how long it took, and how many bytes the answer has.
fn fetch(
    connection: &mut Connection,
    parts: &[(&str, i32)],
    wait_ms: i32,
    max_bytes: i32,
) -> (Duration, usize) {
    let body = Writer::default().i32(-1).i32(wait_ms).i32(1).i32(max_bytes).i8(0).i32(0).i32(-1);
    let body = parts.iter().fold(body.i32(parts.len() as i32), |body, (topic, partition)| {
        body.string(topic).i32(1).i32(*partition).i32(-1).i64(0).i64(-1).i32(max_bytes)
    });
    let began = Instant::now();
    let response = connection.call(wire::FETCH, 11, &body.i32(0).string(""));
    (began.elapsed(), response.len())
}

/// What is not known hurries nobody else; and who asks for nothing else is answered at once.
fn a_fetch_waits_for_what_may_still_come(shards: u16) {
    const WAIT_MS: i32 = 1_000;
    const WAIT: Duration = Duration::from_secs(1);
    let scratch = Scratch::new("waits");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let unique = |name: &str| format!("{name}-{}", std::process::id());
    let (quiet, full) = (unique("quiet"), unique("full"));
    assert_eq!(connection.create_topic(&quiet, 3, &[]), 0);
    assert_eq!(connection.create_topic(&full, 1, &[]), 0);
    broker.settle();
    let mut took = |parts: &[(&str, i32)]| fetch(&mut connection, parts, WAIT_MS, 1 << 20).0;
    assert!(took(&[]) < WAIT / 2, "nothing is asked for");
    assert!(took(&[("nowhere", 0)]) < WAIT / 2 && took(&[(&quiet, 9)]) < WAIT / 2, "nothing can come");
    for beside in [&[(&*quiet, 0)][..], &[(&quiet, 0), (&quiet, 1), (&quiet, 2)]] {
        let unknown = [&[("nowhere", 0)], beside].concat();
        assert!(took(&unknown) >= WAIT && took(beside) >= WAIT, "{beside:?}");
    }
    // KIP-74: one batch always goes, whatever the bounds are.
    for _ in 0..2 {
        assert_eq!(produce(&mut connection, &full, &Batch::of(&[&[b'v'; 100]])).0, 0);
    }
    let (_, one) = fetch(&mut connection, &[(&full, 0)], 0, 1);
    let (waited, none) = fetch(&mut connection, &[(&full, 0)], WAIT_MS, 0);
    assert!(one > 100 && none == one && waited < WAIT / 2, "{one}, and {none} after {waited:?}");
}

/// `DescribeTopicPartitions` v0 of topics, from a cursor on: error and number of partitions of each topic, and whether there is more.
fn describe(
    connection: &mut Connection,
    topics: &[&str],
    cursor: Option<(&str, i32)>,
) -> (Vec<(i16, usize)>, bool) {
    const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;
    // Compact, as above.
    let name = |w: Writer, name: &str| w.i8(name.len() as i8 + 1).raw(name.as_bytes());
    let body = Writer::default().i8(0).i8(topics.len() as i8 + 1);
    let body = topics.iter().fold(body, |body, topic| name(body, topic).i8(0)).i32(100);
    let body = match cursor {
        Some((topic, partition)) => name(body.i8(1), topic).i32(partition).i8(0),
        None => body.i8(-1),
    };
    let response = connection.call(DESCRIBE_TOPIC_PARTITIONS, 0, &body.i8(0));
    let mut r = Reader(&response);
    assert_eq!((r.i8(), r.i32()), (0, 0));
    let topics = (1..r.i8()).map(|_| {
        let error = r.i16();
        let length = r.i8() as usize - 1;
        let (_name, _id, _internal) = (r.take(length), r.take(16), r.i8());
        let partitions = r.i8() as usize - 1;
        for _ in 0..partitions {
            // Error, index, leader and epoch; one replica, in the ISR; no other list; no tags.
            let (_fixed, _replicas, _isr) = (r.take(14), r.take(5), r.take(5));
            r.take(4);
        }
        let (_operations, _tags) = (r.i32(), r.i8());
        (error, partitions)
    });
    (topics.collect(), r.i8() == 1)
}

/// A cursor that cannot be one of a page before is refused.
fn cursors_of_pages(shards: u16) {
    const INVALID_REQUEST: i16 = 42;
    let scratch = Scratch::new("cursors");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("cursors-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 2, &[]), 0);
    broker.settle();
    let mut ask = |topics: &[&str], cursor| describe(&mut connection, topics, cursor);
    assert_eq!(ask(&[&topic], None), (vec![(0, 2)], false));
    assert_eq!(ask(&[&topic], Some((&topic, 1))), (vec![(0, 1)], false));
    assert_eq!(ask(&[&topic], Some((&topic, -1))), (vec![(INVALID_REQUEST, 0)], false));
    assert_eq!(ask(&[&topic], Some(("zz", 0))), (vec![(INVALID_REQUEST, 0)], false));
    assert_eq!(ask(&[], Some((&topic, -1))), (vec![], false));
}

/// As Kafka's `Partition.effectiveMinIsr`: nobody waits for more replicas than there are.
fn more_replicas_than_there_are_need_not_be_in_sync(shards: u16) {
    let scratch = Scratch::new("in-sync");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("in-sync-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[("min.insync.replicas", "2")]), 0);
    broker.settle();
    assert_eq!(produce(&mut connection, &topic, &Batch::of(&[b"x"])).0, 0);
}

/// However many appends come meanwhile, a fetch waits until it has as much as it asked for.
fn a_fetch_waits_for_its_least_bytes_over_many_appends(shards: u16) {
    let scratch = Scratch::new("least");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("least-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[]), 0);
    broker.settle();
    let batch = Batch::of(&[b"x"]);
    let least = 60 * batch.encode().len() as i32;
    assert_eq!(produce(&mut connection, &topic, &batch).0, 0);
    let address = broker.address();
    let from = FetchFrom { max_wait_ms: 20_000, min_bytes: least, ..FetchFrom::offset(0, 1) };
    let reader = std::thread::spawn({
        let topic = topic.clone();
        move || Connection::open(address).fetch(&topic, from)
    });
    let waits_since = Instant::now();
    // It waits before the first append, and is seen to wait after many.
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..59 {
        assert_eq!(produce(&mut connection, &topic, &batch).0, 0);
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(!reader.is_finished(), "{:?} after {:?}", reader.join(), waits_since.elapsed());
    assert_eq!(produce(&mut connection, &topic, &batch).0, 0);
    let fetched = reader.join().expect("it is answered");
    assert_eq!((fetched.error, fetched.high_watermark), (0, 61));
    assert!(waits_since.elapsed() < Duration::from_secs(20), "it was answered when there was enough");
}

/// Kafka's internal topics belong to coordinators, and are not made by whoever asks for them.
fn internal_topics_are_not_created_like_others(shards: u16) {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    let scratch = Scratch::new("internal");
    let broker = Broker::with_shards(&scratch, shards);
    if !broker.is_ours() {
        // Kafka has the coordinators, and answers so at first only.
        return;
    }
    let mut connection = Connection::open(broker.address());
    for _ in 0..2 {
        for topic in ["__consumer_offsets", "__transaction_state", "__share_group_state"] {
            // With automatic creation.
            let response = connection.call(wire::METADATA, 4, &Writer::default().i32(1).string(topic).i8(1));
            let mut r = Reader(&response);
            r.i32();
            for _ in 0..r.count() {
                let (_id, _host, _port, _rack) = (r.i32(), r.string(), r.i32(), r.string());
            }
            let (_cluster, _controller) = (r.string(), r.i32());
            let answer = (r.count(), r.i16(), r.string());
            assert_eq!(answer, (1, UNKNOWN_TOPIC_OR_PARTITION, topic.to_owned()));
        }
    }
}

/// `ListOffsets` v5 of partition 0: error, offset and leader epoch.
fn offset_and_epoch(connection: &mut Connection, topic: &str, timestamp: i64) -> (i16, i64, i32) {
    let body = Writer::default().i32(-1).i8(0).i32(1).string(topic).i32(1).i32(0).i32(-1).i64(timestamp);
    let response = connection.call(wire::LIST_OFFSETS, 5, &body);
    let mut r = Reader(&response);
    r.i32();
    assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic, 1, 0));
    let (error, _timestamp) = (r.i16(), r.i64());
    (error, r.i64(), r.i32())
}

/// Where there is no record, the epoch is the one that the next one will have; what is not found has none.
fn offsets_of_an_empty_log_have_the_epoch_that_it_is_led_in(shards: u16) {
    let scratch = Scratch::new("empty");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("empty-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[]), 0);
    broker.settle();
    for (timestamp, expected) in [(-1, (0, 0, 0)), (-2, (0, 0, 0)), (5, (0, -1, -1))] {
        assert_eq!(offset_and_epoch(&mut connection, &topic, timestamp), expected, "{timestamp}");
    }
}

/// With what is wrong with a producer's epoch or sequence comes where the log begins.
fn refused_sequences_are_told_where_the_log_begins(shards: u16) {
    let scratch = Scratch::new("refused");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("refused-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 1, &[]), 0);
    broker.settle();
    let (error, id, _) = connection.init_producer_id();
    assert_eq!(error, 0);
    for (epoch, sequence, expected) in [(1, 0, (0, 0)), (1, 7, (45, 0)), (0, 1, (47, 0))] {
        let batch = Batch::of(&[b"x"]).idempotent(id, epoch, sequence).encode();
        let response = connection.call(wire::PRODUCE, 8, &Connection::produce_body(&topic, 0, -1, &batch));
        let mut r = Reader(&response);
        assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic.as_str(), 1, 0));
        let (error, _base, _time) = (r.i16(), r.i64(), r.i64());
        assert_eq!((error, r.i64()), expected, "epoch {epoch}, sequence {sequence}");
    }
}

/// `InitProducerId` v3: an id without an epoch, or an epoch without an id, is nothing to go on with.
fn half_a_producer_is_refused(shards: u16) {
    const INVALID_REQUEST: i16 = 42;
    let scratch = Scratch::new("half");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let mut ask = |id: i64, epoch: i16| {
        // What ends the header of a flexible request, no transactional id, and no tagged fields.
        let body = Writer::default().i8(0).i8(0).i32(60_000).i64(id).i16(epoch).i8(0);
        let response = connection.call(wire::INIT_PRODUCER_ID, 3, &body);
        let mut r = Reader(&response);
        let (_tags, _throttle) = (r.i8(), r.i32());
        (r.i16(), r.i64() >= 0, r.i16())
    };
    assert_eq!(ask(5, -1), (INVALID_REQUEST, false, -1));
    assert_eq!(ask(-1, 3), (INVALID_REQUEST, false, -1));
    assert_eq!(ask(5, 0), (0, true, 0));
    assert_eq!(ask(-1, -1), (0, true, 0));
}
