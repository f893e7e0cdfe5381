//! Clients that do not read what they asked for: one that stalls for a while gets it all, one that never reads loses its connection.
//! Clients that wait for records with large requests. None of them keeps the others waiting.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use logan::limits;
use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};
use logan_tests::with_each_number_of_shards;

with_each_number_of_shards! {
    a_reader_that_stalls_gets_every_byte_and_keeps_nobody_waiting,
    readers_that_never_read_are_closed_and_cost_no_more_than_their_budget,
    idle_consumers_keep_nobody_waiting,
    consumers_that_wait_give_the_memory_of_their_requests_back,
}

const VALUE: usize = 900_000;
const BATCHES: u8 = 20;
/// What no socket takes without its reader: answers to so many fetches of one batch.
const MANY: i32 = 40;

fn fetch_body(topic: &str, offset: i64) -> Vec<u8> {
    let body =
        Writer::default().i32(-1).i32(0).i32(1).i32(50 << 20).i8(0).i32(0).i32(-1).i32(1).string(topic);
    body.i32(1).i32(0).i32(-1).i64(offset).i64(-1).i32(50 << 20).i32(0).string("").0
}

/// The records of a response to [`fetch_body`], whose header was read.
fn records(response: &[u8]) -> Vec<u8> {
    let mut r = Reader(response);
    let (_throttle, error, _session) = (r.i32(), r.i16(), r.i32());
    assert_eq!((error, r.count()), (0, 1));
    r.string();
    assert_eq!((r.count(), r.i32(), r.i16()), (1, 0, 0));
    let (_high_watermark, _last_stable, _log_start) = (r.i64(), r.i64(), r.i64());
    assert_eq!(r.count(), 0);
    r.i32();
    r.bytes().to_vec()
}

/// Room for few responses, and for few copies.
fn start(scratch: &Scratch, shards: u16) -> Broker {
    let shards = format!("logan.shards={shards}");
    Broker::start(Settings::new(scratch, &[&shards, "logan.memory.bytes=201326592"]))
}

/// A topic of `count` batches, each of other bytes; returns them one after another, as they were sent.
fn fill(broker: &Broker, topic: &str, count: u8) -> Vec<u8> {
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic(topic, 1, &[]), 0);
    let mut sent = Vec::new();
    for number in 0..count {
        let batch = Batch::of(&[&vec![b'a' + number; VALUE]]).encode();
        let produced = connection.produce(topic, 0, -1, &batch);
        assert_eq!((produced.error, produced.base_offset), (0, i64::from(number)));
        sent.extend(batch);
    }
    sent
}

/// Without what a broker stamps into each batch: offset and leader epoch.
fn unstamped(mut batches: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while at < batches.len() {
        let length = i32::from_be_bytes(batches[at + 8..at + 12].try_into().expect("a whole batch")) as usize;
        batches[at..at + 8].fill(0);
        batches[at + 12..at + 16].fill(0);
        at += 12 + length;
    }
    batches
}

/// Whoever had to wait for a client that does not read would wait until the broker gives that one up. (How long at most, where no machine is slow:
/// [`those_that_do_not_read_keep_nobody_waiting_longer_than_their_loans`].)
const MAX: Duration = Duration::from_millis(limits::WRITE_STALL_MS / 2);

/// Others produce and fetch for `time`; the longest that one of them had to wait.
fn others(broker: &Broker, topic: &str, time: Duration) -> Duration {
    let until = Instant::now() + time;
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let mut connection = Connection::open(broker.address());
            let topic = topic.to_owned();
            std::thread::spawn(move || {
                let mut longest = Duration::ZERO;
                while Instant::now() < until {
                    let began = Instant::now();
                    assert_eq!(
                        connection.produce(&topic, 0, -1, &Batch::of(&[b"meanwhile"]).encode()).error,
                        0
                    );
                    let fetched = connection.fetch(&topic, FetchFrom::offset(0, 0));
                    assert!(fetched.error == 0 && fetched.records.len() > VALUE);
                    longest = longest.max(began.elapsed());
                }
                longest
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("the others are served")).max().expect("three")
}

fn a_reader_that_stalls_gets_every_byte_and_keeps_nobody_waiting(shards: u16) {
    let scratch = Scratch::new("stalls");
    let mut broker = start(&scratch, shards);
    let sent = unstamped(fill(&broker, "stalls", BATCHES));
    let mut stalled = Connection::open(broker.address());
    // As many answers as no socket takes without its reader.
    let asked: Vec<i32> = (0..MANY)
        .map(|number| {
            let offset = i64::from(number) % i64::from(BATCHES);
            stalled.send(wire::FETCH, 11, &fetch_body("stalls", offset)).expect("the broker reads")
        })
        .collect();
    let waited = others(&broker, "stalls", Duration::from_secs(3));
    assert!(waited < MAX, "others waited {waited:?} for a client that does not read");
    for (number, asked) in asked.into_iter().enumerate() {
        let (correlation, response) = stalled.receive().expect("the connection is kept");
        assert_eq!(correlation, asked);
        let before = sent.len() / usize::from(BATCHES) * (number % usize::from(BATCHES));
        let received = unstamped(records(&response));
        assert!(received.len() > VALUE, "{} bytes", received.len());
        // What others produced meanwhile may follow.
        let both = received.len().min(sent.len() - before);
        assert!(received[..both] == sent[before..before + both], "other bytes than were produced");
    }
    broker.assert_alive();
}

/// How many sockets the broker has open.
fn sockets(broker: &Broker) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", broker.pid())).expect("the broker runs");
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn readers_that_never_read_are_closed_and_cost_no_more_than_their_budget(shards: u16) {
    const SILENT: usize = 80;
    let scratch = Scratch::new("silent");
    let mut broker = start(&scratch, shards);
    fill(&broker, "silent", BATCHES);
    others(&broker, "silent", Duration::from_millis(200));
    let (before, sockets_before) = (broker.resident(), sockets(&broker));
    broker.forget_peak();
    let requests: Vec<u8> = (0..MANY)
        .flat_map(|number| Connection::frame(wire::FETCH, 11, number, &fetch_body("silent", 0)))
        .collect();
    let silent: Vec<TcpStream> = (0..SILENT)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.address()).expect("the broker accepts");
            stream.write_all(&requests).expect("the broker reads");
            stream
        })
        .collect();
    let waited = others(&broker, "silent", Duration::from_secs(3));
    assert!(waited < MAX, "others waited {waited:?} for clients that do not read");
    let grown = broker.resident_peak().saturating_sub(before);
    println!("{SILENT} clients that never read cost {} MiB; others waited {waited:?} at most", grown >> 20);
    assert!(grown < 96 << 20, "{SILENT} clients that never read cost {} MiB", grown >> 20);
    let closed = SILENT.saturating_sub(sockets(&broker).saturating_sub(sockets_before));
    assert!(closed >= SILENT / 4, "only {closed} of {SILENT} that never read were closed");
    drop(silent);
    broker.assert_alive();
}

/// Consumers that wait for records hold no memory from others meanwhile.
fn idle_consumers_keep_nobody_waiting(shards: u16) {
    let scratch = Scratch::new("waiting");
    let mut broker = start(&scratch, shards);
    fill(&broker, "waiting", 1);
    let mut idle: Vec<Connection> = (0..200).map(|_| Connection::open(broker.address())).collect();
    let body = Writer::default().i32(-1).i32(60_000).i32(1).i32(50 << 20).i8(0).i32(0).i32(-1).i32(1);
    let body = body.string("waiting").i32(1).i32(0).i32(-1).i64(1).i64(-1).i32(1 << 20).i32(0).string("").0;
    for connection in &mut idle {
        connection.send(wire::FETCH, 11, &body).expect("the broker reads");
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.fetch("waiting", FetchFrom::offset(0, 0)).error, 0);
    assert_eq!(idle.iter().filter(|connection| is_answered(connection)).count(), 0, "all of them wait");
    let batch = Batch::of(&[b"woken"]).encode();
    assert_eq!(connection.produce("waiting", 0, -1, &batch).error, 0);
    for connection in &mut idle {
        let (_, response) = connection.receive().expect("all are answered");
        assert_eq!(unstamped(records(&response)), unstamped(batch.clone()));
    }
    broker.assert_alive();
}

/// A compact length, or a number of tags.
fn uvarint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// `Fetch` v12 of these partitions, each from this offset on, which waits for a minute. It begins with the tags of its header, and ends with a
/// tag of so many bytes that nobody knows.
fn waiting_body(topic: &str, partitions: std::ops::Range<i32>, offset: i64, padding: usize) -> Vec<u8> {
    let body = Writer::default().raw(&[0]).i32(-1).i32(60_000).i32(1).i32(1 << 20).i8(0).i32(0).i32(-1);
    let mut body = body.raw(&[2]).raw(&uvarint(topic.len() + 1)).raw(topic.as_bytes());
    body = body.raw(&uvarint(partitions.len() + 1));
    for partition in partitions {
        body = body.i32(partition).i32(-1).i64(offset).i32(-1).i64(-1).i32(1 << 20).raw(&[0]);
    }
    // No tags of the topic, no topic to forget, no rack.
    body = body.raw(&[0, 1, 1, 1]).raw(&uvarint(1_000)).raw(&uvarint(padding));
    body.raw(&vec![0; padding]).0
}

/// Connections that have sent such a request.
fn waiters(broker: &Broker, count: usize, body: &[u8]) -> Vec<Connection> {
    let waiter = |_| {
        let mut connection = Connection::open(broker.address());
        connection.stream.set_write_timeout(Some(Duration::from_secs(10))).expect("an open socket");
        connection.send(wire::FETCH, 12, body).expect("the broker reads, however many wait");
        connection
    };
    (0..count).map(waiter).collect()
}

/// Whether an answer is there.
fn is_answered(connection: &Connection) -> bool {
    connection.stream.set_nonblocking(true).expect("an open socket");
    let is_there = connection.stream.peek(&mut [0; 1]).is_ok();
    connection.stream.set_nonblocking(false).expect("an open socket");
    is_there
}

/// What a frame was decoded into may be small: only that is kept while it waits.
fn consumers_that_wait_give_the_memory_of_their_requests_back(shards: u16) {
    const WAITING: usize = 150;
    let scratch = Scratch::new("padded");
    let mut broker = start(&scratch, shards);
    fill(&broker, "padded", 1);
    let before = broker.resident();
    // Of the budget for large frames, and of that for all others.
    let mut idle = waiters(&broker, WAITING, &waiting_body("padded", 0..1, 1, (2 << 20) + 1));
    idle.extend(waiters(&broker, WAITING, &waiting_body("padded", 0..1, 1, (2 << 20) - 1_000)));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.fetch("padded", FetchFrom::offset(0, 0)).error, 0);
    let grown = broker.resident().saturating_sub(before);
    println!("{} consumers that wait cost {} MiB", idle.len(), grown >> 20);
    assert!(grown < 256 << 20, "{} consumers that wait cost {} MiB", idle.len(), grown >> 20);
    assert_eq!(idle.iter().filter(|connection| is_answered(connection)).count(), 0, "all of them wait");
    let batch = Batch::of(&[b"woken"]).encode();
    assert_eq!(connection.produce("padded", 0, -1, &batch).error, 0);
    for connection in &mut idle {
        let (_, response) = connection.receive().expect("all are answered");
        let is_there = response.windows(5).any(|window| window == b"woken");
        assert!(is_there, "an answer without the record: {response:?}");
    }
    broker.assert_alive();
}

/// What a frame was decoded into may be large: few can wait then, and those that ask for little wait on. The memory for it is each shard's, and of
/// several the small share of each has no room for one.
#[test]
fn consumers_that_wait_with_much_do_not_send_others_away() {
    const LARGE: usize = 12;
    let scratch = Scratch::new("much");
    let mut broker = start(&scratch, 1);
    fill(&broker, "much", 1);
    fill(&broker, "others", 1);
    let mut small = waiters(&broker, 50, &waiting_body("much", 0..1, 1, 0));
    // Each keeps some 10 MB of partitions that there are not, of 19 MB that all may.
    let mut large = waiters(&broker, LARGE, &waiting_body("much", 0..40_000, 1, 0));
    // Whoever is shut out waits as long as they do, and then none is left that waits.
    others(&broker, "others", Duration::from_millis(500));
    let until = Instant::now() + Duration::from_secs(30);
    let answered = |all: &[Connection]| all.iter().filter(|connection| is_answered(connection)).count();
    while answered(&large) < LARGE - 1 {
        assert!(Instant::now() < until, "only {} of {LARGE} were sent away", answered(&large));
        std::thread::sleep(Duration::from_millis(20));
    }
    // Were the last one sent away, too, that would come at once.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        (answered(&large), answered(&small)),
        (LARGE - 1, 0),
        "one has room, and so have all small ones"
    );
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.produce("much", 0, -1, &Batch::of(&[b"woken"]).encode()).error, 0);
    for connection in small.iter_mut().chain(&mut large) {
        connection.receive().expect("all are answered");
    }
    broker.assert_alive();
}

/// Others produce and fetch beside clients that do not read, in virtual time, which no slow machine stretches. Memory is given in the order in which
/// it is asked for, and each of those that do not read has it for as long as a loan lasts under pressure.
#[test]
fn those_that_do_not_read_keep_nobody_waiting_longer_than_their_loans() {
    for silent in [1, 80] {
        let (alone, beside) = simulated::longest_waits(silent);
        println!("{silent} do not read: {alone:?} alone, {beside:?} beside them");
        let loans = Duration::from_millis(limits::LEASE_UNDER_PRESSURE_MS * silent);
        assert!(beside <= alone + loans, "{alone:?} alone, {beside:?} beside {silent}");
    }
}

mod simulated {
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::future::join_all;
    use logan::protocol::messages::create_topics::CreatableTopic;
    use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
    use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
    use logan::protocol::messages::{CreateTopicsRequest, FetchRequest, ProduceRequest};
    use logan::protocol::records::{BatchBuilder, Compression};
    use logan::protocol::{ErrorCode, Records};
    use logan_shards::{monotonic_ns, sleep};
    use logan_tests::simulation::client::Client;
    use logan_tests::simulation::quiet::{connect, serve};

    const TOPIC: &str = "silent";
    const FETCH: i16 = 11;
    const PRODUCE: i16 = 9;
    /// Longer than the broker lends buffers to a peer that does not read.
    const TIME: Duration = Duration::from_secs(3);

    /// The longest that somebody waited for the answers to a Produce and a Fetch: without and with clients that do not read.
    pub fn longest_waits(silent: u64) -> (Duration, Duration) {
        serve(&["logan.memory.bytes=201326592"], async move {
            let mut client = connect().await;
            create(&mut client).await;
            for _ in 0..super::BATCHES {
                produce(&mut client, super::VALUE).await;
            }
            let alone = others().await;
            let mut waiting = Vec::new();
            for _ in 0..silent {
                let mut client = connect().await;
                client.send(FETCH, &vec![fetch(0); super::MANY as usize]).await.expect("the broker reads");
                waiting.push(client);
            }
            let beside = others().await;
            (alone, beside)
        })
    }

    async fn create(client: &mut Client) {
        let topic = CreatableTopic {
            name: TOPIC.into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let response = client.call(7, &request).await.expect("an answer");
        assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
    }

    async fn produce(client: &mut Client, length: usize) {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(1_700_000_000_000, None, Some(&vec![b'x'; length]), &[]);
        let batch: Bytes = builder.finish(None);
        let part = PartitionProduceData { records: Some(Records::from(batch)), ..Default::default() };
        let topic = TopicProduceData { name: TOPIC.into(), partition_data: vec![part], ..Default::default() };
        let request =
            ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
        let response = client.call(PRODUCE, &request).await.expect("an answer");
        assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    }

    fn fetch(offset: i64) -> FetchRequest {
        let part = FetchPartition {
            partition: 0,
            fetch_offset: offset,
            partition_max_bytes: 50 << 20,
            ..Default::default()
        };
        let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![part], ..Default::default() };
        FetchRequest {
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: 50 << 20,
            topics: vec![topic],
            ..Default::default()
        }
    }

    /// Three others produce and fetch a batch now and then.
    async fn others() -> Duration {
        let until = monotonic_ns() + TIME.as_nanos() as u64;
        let other = async |_| {
            let mut client = connect().await;
            let small = FetchRequest { max_bytes: 1, ..fetch(0) };
            let mut longest = 0;
            while monotonic_ns() < until {
                let began = monotonic_ns();
                produce(&mut client, 9).await;
                let response = client.call(FETCH, &small).await.expect("an answer");
                assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::NONE);
                longest = longest.max(monotonic_ns() - began);
                sleep(Duration::from_millis(20)).await;
            }
            longest
        };
        let longest = join_all((0..3).map(other)).await.into_iter().max().expect("three");
        Duration::from_nanos(longest)
    }
}
