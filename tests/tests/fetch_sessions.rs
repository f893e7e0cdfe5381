//! Incremental fetch sessions (KIP-227) over the wire, where Kafka's own broker was asked (`LOGAN_TEST_BROKER` asks it again).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch};
use logan_tests::wire::{self, Connection, Reader, Writer};
use logan_tests::with_each_number_of_shards;

with_each_number_of_shards! {
    an_incremental_answer_says_what_changed,
    a_large_batch_has_its_turn,
    what_was_fetched_of_an_unknown_epoch_is_out_of_range,
    what_is_forgotten_is_not_told_of,
    errors_are_told_of_each_time,
    a_topic_that_is_deleted_and_created_again_is_another_of_the_same_name,
    epochs_are_counted_and_a_session_outlives_its_connection,
    a_request_that_waits_is_woken_by_what_it_was_not_told_of,
}

const DELETE_TOPICS: i16 = 20;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_FETCH_SESSION_EPOCH: i16 = 71;

/// What an answer says of one partition: error, high watermark, log start, and the base offsets of its batches.
type Mention = (i32, i16, i64, i64, Vec<i64>);

/// A client's side of a session.
struct Session {
    topic: String,
    id: i32,
    epoch: i32,
    max_wait_ms: i32,
    max_bytes: i32,
}

/// One request.
#[derive(Default, Clone)]
struct Ask {
    /// Partition and offset.
    wants: Vec<(i32, i64)>,
    forgets: Vec<i32>,
}

fn wants(parts: &[(i32, i64)]) -> Ask {
    Ask { wants: parts.to_vec(), forgets: Vec::new() }
}

impl Session {
    fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), id: 0, epoch: 0, max_wait_ms: 0, max_bytes: 1 << 20 }
    }

    fn body(&self, ask: &Ask) -> Writer {
        let body = Writer::default().i32(-1).i32(self.max_wait_ms).i32(1).i32(self.max_bytes).i8(0);
        let mut body = body.i32(self.id).i32(self.epoch).i32(i32::from(!ask.wants.is_empty()));
        if !ask.wants.is_empty() {
            body = body.string(&self.topic).i32(ask.wants.len() as i32);
        }
        for (partition, offset) in &ask.wants {
            body = body.i32(*partition).i32(-1).i64(*offset).i64(-1).i32(1 << 20);
        }
        body = body.i32(i32::from(!ask.forgets.is_empty()));
        if !ask.forgets.is_empty() {
            body = body.string(&self.topic).i32(ask.forgets.len() as i32);
        }
        for partition in &ask.forgets {
            body = body.i32(*partition);
        }
        body.string("")
    }

    /// `Fetch` v11: error, session and what is mentioned.
    fn read(&self, response: &[u8]) -> (i16, i32, Vec<Mention>) {
        let mut r = Reader(response);
        let (_throttle, error, session) = (r.i32(), r.i16(), r.i32());
        let mut mentions = Vec::new();
        for _ in 0..r.count() {
            assert_eq!(r.string(), self.topic);
            for _ in 0..r.count() {
                let (partition, error, high_watermark) = (r.i32(), r.i16(), r.i64());
                let (_last_stable, log_start) = (r.i64(), r.i64());
                for _ in 0..r.count() {
                    r.take(16);
                }
                r.i32();
                mentions.push((partition, error, high_watermark, log_start, bases(r.bytes())));
            }
        }
        (error, session, mentions)
    }

    /// Asks, and goes on to the next epoch.
    fn fetch(&mut self, connection: &mut Connection, ask: &Ask) -> Vec<Mention> {
        let response = connection.call(wire::FETCH, 11, &self.body(ask));
        let (error, session, mentions) = self.read(&response);
        assert_eq!(error, 0, "the fetch as a whole");
        if self.epoch == 0 {
            assert_ne!(session, 0, "a session is begun");
            self.id = session;
        }
        assert_eq!(session, self.id);
        self.epoch += 1;
        mentions
    }

    /// The error of a request as a whole, with the session that the answer names.
    fn refusal(&self, connection: &mut Connection, ask: &Ask) -> (i16, i32) {
        let response = connection.call(wire::FETCH, 11, &self.body(ask));
        let (error, session, mentions) = self.read(&response);
        assert_eq!(mentions, [], "nothing is said of partitions");
        (error, session)
    }
}

/// Base offsets of the batches; the last may be cut.
fn bases(mut records: &[u8]) -> Vec<i64> {
    let mut bases = Vec::new();
    while records.len() >= 12 {
        let mut r = Reader(records);
        let (base, length) = (r.i64(), r.i32() as usize);
        bases.push(base);
        records = records.get(12 + length..).unwrap_or_default();
    }
    bases
}

struct Fixture {
    broker: Broker,
    connection: Connection,
    topic: String,
    _scratch: Scratch,
}

impl Fixture {
    fn new(partitions: i32, shards: u16) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let scratch = Scratch::new("sessions");
        let broker = Broker::with_shards(&scratch, shards);
        let mut connection = Connection::open(broker.address());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let topic = format!("sessions-{}-{number}", std::process::id());
        assert_eq!(connection.create_topic(&topic, partitions, &[]), 0);
        broker.settle();
        Self { broker, connection, topic, _scratch: scratch }
    }

    fn produce(&mut self, partition: i32, value: &[u8]) {
        let produced = self.connection.produce(&self.topic, partition, -1, &Batch::of(&[value]).encode());
        assert_eq!(produced.error, 0);
    }
}

fn an_incremental_answer_says_what_changed(shards: u16) {
    let mut f = Fixture::new(3, shards);
    let mut session = Session::new(&f.topic);
    let all = session.fetch(&mut f.connection, &wants(&[(0, 0), (1, 0), (2, 0)]));
    assert_eq!(all, [(0, 0, 0, 0, vec![]), (1, 0, 0, 0, vec![]), (2, 0, 0, 0, vec![])]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), []);
    f.produce(1, b"a");
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [(1, 0, 1, 0, vec![0])]);
    // A client that does not say that it went on gets the same again.
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [(1, 0, 1, 0, vec![0])]);
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(1, 1)])), []);
    // What had records goes last.
    for partition in 0..3 {
        f.produce(partition, b"b");
    }
    let mentioned = session.fetch(&mut f.connection, &Ask::default());
    assert_eq!(mentioned, [(0, 0, 1, 0, vec![0]), (2, 0, 1, 0, vec![0]), (1, 0, 2, 0, vec![1])]);
    // An old answer's worth of one partition only: the others keep what they have.
    let mentioned = session.fetch(&mut f.connection, &wants(&[(0, 1), (1, 2)]));
    assert_eq!(mentioned, [(2, 0, 1, 0, vec![0])]);
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(2, 1)])), []);
    // A watermark that moved is told of even if the client is beyond the records.
    f.produce(0, b"c");
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(0, 2)])), [(0, 0, 2, 0, vec![])]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), []);
}

/// A batch that is larger than a shard's share of an answer comes when its partition is the first that has any, whatever other shards have.
fn a_large_batch_has_its_turn(shards: u16) {
    let scratch = Scratch::new("turns");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let topic = format!("turns-{}", std::process::id());
    assert_eq!(connection.create_topic(&topic, 4, &[]), 0);
    broker.settle();
    let produce = |partition, value: &[u8]| {
        let mut connection = Connection::open(broker.address());
        let produced = connection.produce(&topic, partition, -1, &Batch::of(&[value]).encode());
        assert_eq!(produced.error, 0);
    };
    let mut session = Session::new(&topic);
    session.max_bytes = 100_000;
    // Of neighbours, each lies on another shard. The first partition has nothing, and stays the first.
    session.fetch(&mut connection, &wants(&[(0, 0), (1, 0), (2, 0)]));
    produce(2, b"a");
    assert_eq!(session.fetch(&mut connection, &Ask::default()), [(2, 0, 1, 0, vec![0])]);
    produce(1, &vec![7; 200_000]);
    for turn in 1..4 {
        produce(2, b"a");
        let mentions = session.fetch(&mut connection, &wants(&[(2, turn)]));
        let large = mentions.iter().find(|mention| mention.0 == 1);
        if large.is_some_and(|mention| mention.4 == [0]) {
            return;
        }
    }
    panic!("partition 1 is passed over each time");
}

/// `Fetch` v12 without a session, of partition 0 from an offset on, by a client that had a record of an epoch last: the error, the length of the
/// records, and where the client's log leaves the broker's.
fn fetch_after(
    connection: &mut Connection,
    topic: &str,
    epoch: i32,
    offset: i64,
) -> (i16, usize, Option<(i32, i64)>) {
    let compact = |text: &str| [&[text.len() as u8 + 1], text.as_bytes()].concat();
    // What ends the header of a flexible request; then no session, one topic, one partition.
    let body = Writer::default().i8(0).i32(-1).i32(100).i32(1).i32(1 << 20).i8(0).i32(0).i32(-1);
    let body =
        body.i8(2).raw(&compact(topic)).i8(2).i32(0).i32(-1).i64(offset).i32(epoch).i64(-1).i32(1 << 20);
    let body = body.i8(0).i8(0).i8(1).raw(&compact("")).i8(0);
    let response = connection.call(wire::FETCH, 12, &body);
    let mut r = Reader(&response);
    let (_tags, _throttle, error, _session) = (r.i8(), r.i32(), r.i16(), r.i32());
    assert_eq!((error, r.i8()), (0, 2));
    let length = r.i8() as usize - 1;
    assert_eq!((r.take(length), r.i8(), r.i32()), (topic.as_bytes(), 2, 0));
    let (error, _watermark, _stable, _start, _aborted, _replica) =
        (r.i16(), r.i64(), r.i64(), r.i64(), r.i8(), r.i32());
    let records = varint(&mut r).saturating_sub(1);
    r.take(records);
    let diverging = (0..r.i8()).find_map(|_| match (r.i8(), varint(&mut r)) {
        (0, _) => {
            let told = (r.i32(), r.i64());
            r.i8();
            Some(told)
        }
        (_, length) => {
            r.take(length);
            None
        }
    });
    (error, records, diverging)
}

fn varint(r: &mut Reader<'_>) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = r.i8() as u8;
        value |= usize::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            return value;
        }
    }
}

/// `OffsetForLeaderEpoch` v3 of partition 0: error, epoch and end.
fn end_of_epoch(connection: &mut Connection, topic: &str, epoch: i32) -> (i16, i32, i64) {
    const OFFSET_FOR_LEADER_EPOCH: i16 = 23;
    let body = Writer::default().i32(-1).i32(1).string(topic).i32(1).i32(0).i32(-1).i32(epoch);
    let response = connection.call(OFFSET_FOR_LEADER_EPOCH, 3, &body);
    let mut r = Reader(&response);
    r.i32();
    assert_eq!((r.count(), r.string().as_str(), r.count()), (1, topic, 1));
    let error = r.i16();
    r.i32();
    (error, r.i32(), r.i64())
}

/// A client may know an epoch of a log that is not there any more: another one begins in its place. As Kafka 4.3.1 answers.
fn what_was_fetched_of_an_unknown_epoch_is_out_of_range(shards: u16) {
    let mut f = Fixture::new(1, shards);
    let connection = &mut f.connection;
    assert_eq!(end_of_epoch(connection, &f.topic, 0), (0, 0, 0), "one led in without a record");
    assert_eq!(end_of_epoch(connection, &f.topic, 1), (0, -1, -1));
    assert_eq!(fetch_after(connection, &f.topic, 0, 0), (0, 0, None));
    assert_eq!(fetch_after(connection, &f.topic, 5, 0), (OFFSET_OUT_OF_RANGE, 0, None));
    let length = Batch::of(&[b"a"]).encode().len();
    f.produce(0, b"a");
    let connection = &mut f.connection;
    assert_eq!(end_of_epoch(connection, &f.topic, 0), (0, 0, 1));
    assert_eq!(end_of_epoch(connection, &f.topic, 1), (0, -1, -1));
    assert_eq!(fetch_after(connection, &f.topic, 0, 0), (0, length, None));
    assert_eq!(fetch_after(connection, &f.topic, 0, 7), (0, 0, Some((0, 1))));
    assert_eq!(fetch_after(connection, &f.topic, 5, 0), (OFFSET_OUT_OF_RANGE, 0, None));
    assert_eq!(fetch_after(connection, &f.topic, 5, 7), (OFFSET_OUT_OF_RANGE, 0, None));
    assert_eq!(fetch_after(connection, &f.topic, 0, -1), (OFFSET_OUT_OF_RANGE, 0, None));
}

fn what_is_forgotten_is_not_told_of(shards: u16) {
    let mut f = Fixture::new(3, shards);
    let mut session = Session::new(&f.topic);
    session.fetch(&mut f.connection, &wants(&[(0, 0), (1, 0)]));
    f.produce(0, b"a");
    f.produce(1, b"a");
    let forget = Ask { wants: vec![(2, 0)], forgets: vec![0] };
    let mentioned = session.fetch(&mut f.connection, &forget);
    assert_eq!(mentioned, [(1, 0, 1, 0, vec![0]), (2, 0, 0, 0, vec![])]);
    // What is wanted and forgotten at once is forgotten.
    let both = Ask { wants: vec![(0, 0), (1, 1)], forgets: vec![0] };
    assert_eq!(session.fetch(&mut f.connection, &both), []);
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(0, 0)])), [(0, 0, 1, 0, vec![0])]);
    // Without partitions there is no session any more.
    let none = Ask { wants: vec![], forgets: vec![0, 1, 2] };
    let response = f.connection.call(wire::FETCH, 11, &session.body(&none));
    assert_eq!(session.read(&response), (0, 0, vec![]));
    session.epoch += 1;
    assert_eq!(session.refusal(&mut f.connection, &Ask::default()).0, FETCH_SESSION_ID_NOT_FOUND);
}

fn errors_are_told_of_each_time(shards: u16) {
    let mut f = Fixture::new(1, shards);
    let mut session = Session::new(&f.topic);
    let all = session.fetch(&mut f.connection, &wants(&[(0, 7), (5, 0)]));
    let missing = (5, UNKNOWN_TOPIC_OR_PARTITION, -1, -1, vec![]);
    let beyond = (0, OFFSET_OUT_OF_RANGE, -1, -1, vec![]);
    assert_eq!(all, [beyond.clone(), missing.clone()]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [beyond, missing.clone()]);
    let found = (0, 0, 0, 0, vec![]);
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(0, 0)])), [found, missing.clone()]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [missing]);
}

/// `DeleteTopics` v3.
fn delete_topic(connection: &mut Connection, topic: &str) {
    let body = Writer::default().i32(1).string(topic).i32(30_000);
    let response = connection.call(DELETE_TOPICS, 3, &body);
    let mut r = Reader(&response);
    let _throttle = r.i32();
    assert_eq!((r.count(), r.string().as_str(), r.i16()), (1, topic, 0));
}

fn a_topic_that_is_deleted_and_created_again_is_another_of_the_same_name(shards: u16) {
    let mut f = Fixture::new(2, shards);
    for _ in 0..3 {
        f.produce(0, b"old");
    }
    let mut session = Session::new(&f.topic);
    session.fetch(&mut f.connection, &wants(&[(0, 3), (1, 0)]));
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), []);
    delete_topic(&mut f.connection, &f.topic);
    f.broker.settle();
    let gone = |partition| (partition, UNKNOWN_TOPIC_OR_PARTITION, -1, -1, vec![]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [gone(0), gone(1)]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [gone(0), gone(1)]);
    assert_eq!(f.connection.create_topic(&f.topic, 2, &[]), 0);
    f.broker.settle();
    let beyond = (0, OFFSET_OUT_OF_RANGE, -1, -1, vec![]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [beyond, (1, 0, 0, 0, vec![])]);
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(0, 0)])), [(0, 0, 0, 0, vec![])]);
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), []);
    f.produce(1, b"new");
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [(1, 0, 1, 0, vec![0])]);
}

fn epochs_are_counted_and_a_session_outlives_its_connection(shards: u16) {
    let mut f = Fixture::new(2, shards);
    let mut session = Session::new(&f.topic);
    session.fetch(&mut f.connection, &wants(&[(0, 0), (1, 0)]));
    session.fetch(&mut f.connection, &Ask::default());
    let again = Session { epoch: 1, topic: f.topic.clone(), ..session };
    assert_eq!(again.refusal(&mut f.connection, &Ask::default()).0, INVALID_FETCH_SESSION_EPOCH);
    let other = Session { id: session.id ^ 0x4000, topic: f.topic.clone(), ..session };
    assert_eq!(other.refusal(&mut f.connection, &Ask::default()).0, FETCH_SESSION_ID_NOT_FOUND);
    f.produce(1, b"a");
    let home = (session.id % i32::from(shards)) as u16;
    let mut elsewhere = Vec::new();
    f.connection = loop {
        let mut connection = Connection::open(f.broker.address());
        // One shard: another connection is served by the one that has the session, as with Kafka.
        if shards == 1 || connection.shard(&f.topic, shards) == home {
            break connection;
        }
        // As after an eviction.
        assert_eq!(session.refusal(&mut connection, &Ask::default()).0, FETCH_SESSION_ID_NOT_FOUND);
        elsewhere.push(connection);
        assert!(elsewhere.len() < 200, "no connection is served by shard {home}");
    };
    // The broker has noticed the end of the first connection by then.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), [(1, 0, 1, 0, vec![0])]);
    f.produce(0, b"a");
    assert_eq!(session.fetch(&mut f.connection, &wants(&[(1, 1)])), [(0, 0, 1, 0, vec![0])]);
}

fn a_request_that_waits_is_woken_by_what_it_was_not_told_of(shards: u16) {
    let mut f = Fixture::new(3, shards);
    let mut session = Session::new(&f.topic);
    session.fetch(&mut f.connection, &wants(&[(0, 0), (1, 0), (2, 0)]));
    session.max_wait_ms = 20_000;
    let address = f.broker.address();
    for (round, partition) in [2, 0, 2, 1].into_iter().enumerate() {
        let topic = f.topic.clone();
        let producer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            let mut connection = Connection::open(address);
            assert_eq!(connection.produce(&topic, partition, -1, &Batch::of(&[b"x"]).encode()).error, 0);
        });
        let began = Instant::now();
        let mentioned = session.fetch(&mut f.connection, &Ask::default());
        let took = began.elapsed();
        producer.join().expect("it was acknowledged");
        let [(of, 0, watermark, 0, ref bases)] = mentioned[..] else {
            panic!("round {round}: {mentioned:?}")
        };
        assert!(of == partition && *bases == [watermark - 1], "round {round}: {mentioned:?}");
        assert!(
            took > Duration::from_millis(200) && took < Duration::from_secs(10),
            "round {round}: {took:?}"
        );
        session.max_wait_ms = 0;
        assert_eq!(session.fetch(&mut f.connection, &wants(&[(of, watermark)])), []);
        session.max_wait_ms = 20_000;
    }
    session.max_wait_ms = 300;
    let began = Instant::now();
    assert_eq!(session.fetch(&mut f.connection, &Ask::default()), []);
    assert!(began.elapsed() >= Duration::from_millis(250), "nothing came");
}
