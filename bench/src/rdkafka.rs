//! The load of `produce` and `fetch` by librdkafka, the client below kcat and most languages' clients, in a thread of its own.
//!
//! librdkafka gathers batches by itself (`--linger`, `--batch`), keeps as many requests in flight as it likes, and uses one connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::Target;
use crate::figures::{Counted, Run};
use crate::payload;
use crate::produce::Options;

/// How long librdkafka may owe reports after the run.
const DRAIN: Duration = Duration::from_secs(30);
/// Records between two looks at what was delivered.
const POLL_EVERY: u64 = 64;
/// Values that are sent in turn.
const VALUES: usize = 64;

/// What the delivery reports say. The opaque of a record is when it was due, in nanoseconds since the first.
struct Reports {
    run: Run,
    began: Instant,
    value_bytes: u64,
    counted: Mutex<Counted>,
    error: Mutex<Option<KafkaError>>,
}

#[derive(Clone)]
struct Listener(Arc<Reports>);

impl ClientContext for Listener {}

impl ProducerContext for Listener {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, due_ns: usize) {
        let reports = &*self.0;
        if let Err((error, _)) = result {
            reports.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
            return;
        }
        reports.run.acknowledged(1);
        if reports.run.is_open() {
            let took = reports.began.elapsed().saturating_sub(Duration::from_nanos(due_ns as u64));
            let mut counted = reports.counted.lock().unwrap_or_else(PoisonError::into_inner);
            counted.add_one(took, reports.value_bytes);
        }
    }
}

/// Produces in a thread until the run ends, waits for what is owed, and adds what was counted.
pub fn produce(options: &Options, run: &Run) -> thread::JoinHandle<()> {
    let (options, run) = (options.clone(), run.clone());
    thread::spawn(move || {
        if let Err(error) = produce_all(&options, &run) {
            run.fail(error);
        }
        for _ in 0..options.target.connections {
            run.drained();
        }
    })
}

fn produce_all(options: &Options, run: &Run) -> Result<(), String> {
    let reports = Arc::new(Reports {
        run: run.clone(),
        began: Instant::now(),
        value_bytes: options.record as u64,
        counted: Mutex::new(Counted::new()),
        error: Mutex::new(None),
    });
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.target.broker).set("broker.address.family", "v4");
    config.set("acks", options.acks.as_setting()).set("compression.type", options.codec.name());
    config.set("linger.ms", options.linger.to_string());
    config.set("batch.size", options.batch.to_string());
    config.set("enable.idempotence", options.idempotent.to_string());
    let producer: BaseProducer<Listener> =
        config.create_with_context(Listener(reports.clone())).map_err(|error| error.to_string())?;
    let values = payload::values(options.record, VALUES, options.payload);
    let topic = options.target.topic.as_str();
    let interval_ns = options.rate.map(|rate| 1_000_000_000 / rate);
    for nth in 0_u64.. {
        if run.has_ended() {
            break;
        }
        let due_ns = match interval_ns {
            None => reports.began.elapsed().as_nanos() as u64,
            Some(interval) => {
                let due_ns = nth * interval;
                while (reports.began.elapsed().as_nanos() as u64) < due_ns {
                    // Its least wait is a millisecond, so what is due within it is waited for by the clock.
                    producer.poll(Duration::ZERO);
                    thread::sleep(Duration::from_micros(50));
                }
                due_ns
            }
        };
        let mut record = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, due_ns as usize)
            .payload(values[(nth % VALUES as u64) as usize].as_slice())
            .partition((nth % options.target.partitions as u64) as i32);
        while let Err((error, again)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.to_string());
            }
            producer.poll(Duration::from_millis(1));
            record = again;
            if run.has_ended() {
                break;
            }
        }
        if nth % POLL_EVERY == 0 {
            producer.poll(Duration::ZERO);
            if let Some(error) = reports.error.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                return Err(error.to_string());
            }
        }
    }
    producer.flush(DRAIN).map_err(|error| error.to_string())?;
    run.add_counted(&reports.counted.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// Reads all partitions from their beginning to their end, again and again, in the calling thread, until the run ends.
pub fn fetch(target: &Target, run: &Run) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &target.broker).set("broker.address.family", "v4");
    // librdkafka wants a group's name even for assigned partitions; no coordinator is asked while no offsets are stored.
    config
        .set("group.id", "logan-bench")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    config.set("check.crcs", "true").set("fetch.message.max.bytes", "1048576");
    config.set("queued.max.messages.kbytes", "262144");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let mut counted = Counted::new();
    while !run.has_ended() {
        let mut all = TopicPartitionList::new();
        for partition in 0..target.partitions {
            all.add_partition_offset(&target.topic, partition, Offset::Beginning)
                .map_err(|error| error.to_string())?;
        }
        consumer.assign(&all).map_err(|error| error.to_string())?;
        let mut next = vec![None; target.partitions as usize];
        let mut unread: BTreeSet<i32> = (0..target.partitions).collect();
        while !unread.is_empty() && !run.has_ended() {
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => {
                    let expected = next[message.partition() as usize].replace(message.offset() + 1);
                    if expected.is_some_and(|expected| expected != message.offset()) {
                        return Err(format!(
                            "partition {}: offset {} where {expected:?} was due",
                            message.partition(),
                            message.offset()
                        ));
                    }
                    if run.is_open() {
                        counted.add_one(Duration::ZERO, message.payload_len() as u64);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                }
                Some(Err(error)) => return Err(error.to_string()),
            }
        }
    }
    run.add_counted(&counted);
    Ok(())
}
