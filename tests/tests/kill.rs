//! `kill -9` under load, over and over on one data directory, with an idempotent librdkafka that goes on through all of it.
//!
//! Every partition gets the numbers 0, 1, 2 …, each in a record of its own, so that a record's number must be its offset: one that is
//! lost, doubled or out of order shows at once. Killing the process proves nothing about power loss; that is the simulation's work.
//!
//! `LOGAN_KILL_ROUNDS` asks for more rounds, `LOGAN_SEED` repeats a run's choices (not its races).

use logan_tests::batch;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::{Connection, FetchFrom};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPIC: &str = "killed";
const PARTITIONS: usize = 8;
const ROUNDS: u32 = 50;
/// With `logan.ack.sync=false`, and on a file system where one flush does not stand for all files.
const ROUNDS_OF_OTHERS: u32 = 10;
/// More than a run in memory takes.
const ROOM_IN_MEMORY: u64 = 256 << 20;
/// Between two records of a partition.
const PACE: Duration = Duration::from_millis(1);

/// What was acknowledged: per partition, the first offset that is not.
#[derive(Default)]
struct Acknowledged {
    next: [AtomicI64; PARTITIONS],
    failure: Mutex<Option<String>>,
}

#[derive(Clone, Default)]
struct Context(Arc<Acknowledged>);

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        // A broker that is away is what this test is about; a producer that has lost its place is not.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.fail(format!("{error}: {reason}"));
        }
    }
}

impl Context {
    fn fail(&self, what: String) {
        self.0.failure.lock().expect("nobody panics holding it").get_or_insert(what);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<i64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<i64>) {
        match result {
            Ok(message) => {
                let next = &self.0.next[message.partition() as usize];
                let expected = next.swap(*number + 1, Ordering::SeqCst);
                if (message.offset(), expected) != (*number, *number) {
                    let (partition, offset) = (message.partition(), message.offset());
                    self.fail(format!(
                        "{number} of partition {partition} was acknowledged at {offset}, {expected} was next"
                    ));
                }
            }
            Err((error, message)) => {
                self.fail(format!("{number} of partition {}: {error}", message.partition()));
            }
        }
    }
}

/// Chooses when to kill; the same seed chooses the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn value(partition: usize, number: i64) -> Vec<u8> {
    let mut value = format!("{partition} {number} ").into_bytes();
    // Of many sizes, so that rounds end anywhere in a block.
    value.resize(value.len() + (number as usize * 37 + partition * 511) % 2_000, b'v');
    value
}

/// Sends numbers to all partitions until it is told to stop, at a pace that leaves the machine time to check them; how many are in
/// flight is bounded by the producer's queue.
fn produce(producer: &ThreadedProducer<Context>, stop: &AtomicBool) -> [i64; PARTITIONS] {
    let mut next = [0; PARTITIONS];
    while !stop.load(Ordering::Relaxed) {
        for (partition, number) in next.iter_mut().enumerate() {
            let value = value(partition, *number);
            let record = BaseRecord::with_opaque_to(TOPIC, Box::new(*number)).key("").payload(&value);
            match producer.send(record.partition(partition as i32)) {
                Ok(()) => *number += 1,
                Err((error, _)) => {
                    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        std::thread::sleep(PACE);
    }
    next
}

fn producer(broker: &Broker) -> ThreadedProducer<Context> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("broker.address.family", "v4");
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("queue.buffering.max.messages", "3000");
    config
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "50")
        .set("retry.backoff.ms", "10");
    config
        .set("retry.backoff.max.ms", "50")
        .set("message.timeout.ms", "120000")
        .set("request.timeout.ms", "30000");
    config.set("topic.metadata.refresh.fast.interval.ms", "20").set("log_level", "0");
    config.create_with_context(Context::default()).expect("the settings are librdkafka's")
}

/// Reads a partition from `from` to its end: each record's number must be its offset. Returns the end.
fn verify(broker: &Broker, partition: usize, from: i64) -> i64 {
    let mut connection = Connection::open(broker.address());
    let mut offset = from;
    loop {
        let fetched = connection
            .fetch(TOPIC, FetchFrom { max_bytes: 4 << 20, ..FetchFrom::offset(partition as i32, offset) });
        assert_eq!(fetched.error, 0, "fetching partition {partition} at {offset}");
        for found in batch::split(&fetched.records) {
            for (delta, found_value) in batch::values(found).iter().enumerate() {
                let at = batch::base_offset(found) + delta as i64;
                if at >= offset {
                    assert_eq!(at, offset, "partition {partition}: a gap");
                    let text =
                        || String::from_utf8_lossy(&found_value[..found_value.len().min(30)]).into_owned();
                    assert!(
                        *found_value == value(partition, at),
                        "partition {partition} holds {:?} at {at}",
                        text()
                    );
                    offset += 1;
                }
            }
        }
        if offset >= fetched.high_watermark {
            return offset;
        }
    }
}

/// One life: some time under load, the kill, perhaps more kills while it starts again, and a check of all that is new.
fn round(
    broker: &mut Broker,
    ack_sync: bool,
    dice: &mut Dice,
    context: &Context,
    verified: &mut [i64; PARTITIONS],
) {
    std::thread::sleep(Duration::from_millis(100 + dice.roll(600)));
    broker.kill();
    let acknowledged: Vec<i64> = context.0.next.iter().map(|next| next.load(Ordering::SeqCst)).collect();
    let shards = dice.roll(4) + 1;
    broker.settings_mut().overrides = settings(shards, ack_sync);
    for _ in 0..dice.roll(3) {
        broker.start_and_kill(Duration::from_millis(dice.roll(60)));
    }
    broker.restart();
    let ready = Instant::now();
    for (partition, acknowledged) in acknowledged.into_iter().enumerate() {
        let end = verify(broker, partition, verified[partition]);
        assert!(
            end >= acknowledged,
            "partition {partition} ends at {end}, {acknowledged} records were acknowledged"
        );
        verified[partition] = end;
    }
    let failure = context.0.failure.lock().expect("nobody panics holding it").clone();
    assert_eq!(failure, None, "the producer");
    println!("  ready after {:.1?}, checked in {:.1?}", broker.ready_after(), ready.elapsed());
}

fn settings(shards: u64, ack_sync: bool) -> Vec<String> {
    vec![format!("logan.shards={shards}"), format!("logan.ack.sync={ack_sync}")]
}

#[test]
fn every_acknowledged_record_is_there_once_and_in_order() {
    lives(&Scratch::new("kill"), true, ROUNDS);
}

/// What was written is with the drive, which outlives the process.
#[test]
fn without_flushes_every_acknowledged_record_is_there_once_and_in_order() {
    lives(&Scratch::new("kill-unsynced"), false, ROUNDS_OF_OTHERS);
}

/// There every file is synced by itself, which the start says.
#[test]
fn where_each_file_is_synced_every_acknowledged_record_is_there_once_and_in_order() {
    let Some(scratch) = Scratch::in_memory("kill", ROOM_IN_MEMORY) else {
        println!("NOT RUN: /dev/shm is no tmpfs with {ROOM_IN_MEMORY} free bytes");
        return;
    };
    let output = lives(&scratch, true, ROUNDS_OF_OTHERS);
    let warning = "every file is synced by itself, which is slower: on tmpfs";
    assert!(output.is_none_or(|output| output.contains(warning)), "the start says nothing of it");
}

/// Returns what the last broker printed, if there was one.
fn lives(scratch: &Scratch, ack_sync: bool, rounds: u32) -> Option<String> {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() {
        println!("skipped: the broker is not ours to kill");
        return None;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("LOGAN_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    let rounds = number("LOGAN_KILL_ROUNDS").unwrap_or(u64::from(rounds));
    println!("LOGAN_SEED={seed}");
    let mut dice = Dice(seed);
    let mut own = Settings::new(scratch, &[]);
    own.overrides = settings(2, ack_sync);
    let mut broker = Broker::start(own);
    // Small segments, so that kills meet rolls.
    let created = Connection::open(broker.address()).create_topic(
        TOPIC,
        PARTITIONS as i32,
        &[("segment.bytes", "1048576")],
    );
    assert_eq!(created, 0);

    let (producer, stop, mut verified) = (producer(&broker), AtomicBool::new(false), [0; PARTITIONS]);
    let context = (**producer.context()).clone();
    let started = Instant::now();
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| produce(&producer, &stop));
        // A round that fails must not leave the sender running, or the scope would wait for it for ever.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..rounds {
                round(&mut broker, ack_sync, &mut dice, &context, &mut verified);
                println!(
                    "round {number}: {} records in {:.1?}",
                    verified.iter().sum::<i64>(),
                    started.elapsed()
                );
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let sent = sending.join().expect("the sender does not panic");
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent
    });
    producer.flush(Duration::from_mins(1)).expect("everything sent is acknowledged in the end");
    assert!(verified.iter().all(|v| *v > 0), "no load on some partition: {verified:?}");

    assert!(broker.stop().success());
    broker.restart();
    for (partition, sent) in sent.into_iter().enumerate() {
        assert_eq!(verify(&broker, partition, 0), sent, "records of partition {partition} at the end");
    }
    Some(broker.output())
}
