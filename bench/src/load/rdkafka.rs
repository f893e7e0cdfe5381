//! The same load by librdkafka, the client below kcat and most languages' clients: a thread that produces, a thread that consumes.
//!
//! librdkafka gathers batches by itself (`--linger`, `--batch`), keeps as many requests in flight as it likes, and uses one connection each.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::produce::Producing;
use super::{DRAIN, Prepared};
use crate::figures::{Direction, Request, Run, Tally};
use crate::payload;

/// Records between two looks at what was delivered.
const POLL_EVERY: u64 = 64;
/// Values that are sent in turn.
const VALUES: usize = 64;

/// Begins what there is to do. The threads end with the run.
pub fn begin(prepared: &Arc<Prepared>, run: &Run) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    if prepared.producing.is_some() {
        let (prepared, run) = (prepared.clone(), run.clone());
        threads.push(thread::spawn(move || {
            let producing = prepared.producing.as_ref().expect("somebody produces");
            if let Err(error) = produce(&prepared, producing, &run) {
                run.cut_short(error);
            }
            for _ in 0..producing.connections {
                run.drained();
            }
        }));
    }
    if prepared.consuming.is_some() {
        let (prepared, run) = (prepared.clone(), run.clone());
        threads.push(thread::spawn(move || {
            if let Err(error) = fetch(&prepared, &run) {
                run.fail(error);
            }
        }));
    }
    threads
}

/// What the delivery reports say. The opaque of a record is when it was due, in nanoseconds since the first.
struct Reports {
    run: Run,
    began: Instant,
    /// Between the due times of two records, where they have some.
    step_ns: Option<u64>,
    tally: Mutex<Tally>,
    error: Mutex<Option<KafkaError>>,
}

#[derive(Clone)]
struct Listener(Arc<Reports>);

impl ClientContext for Listener {}

impl ProducerContext for Listener {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, due_ns: usize) {
        let reports = &*self.0;
        match result {
            Ok(message) => {
                reports.run.acknowledged(1);
                let took = reports.began.elapsed().saturating_sub(Duration::from_nanos(due_ns as u64));
                let request = one_record(Direction::Produced, reports.step_ns, message.payload_len());
                reports
                    .tally
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .count(request, took.as_nanos() as u64);
            }
            Err((error, _)) => {
                reports.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
            }
        }
    }
}

fn one_record(direction: Direction, step_ns: Option<u64>, bytes: usize) -> Request {
    Request { direction, step_ns, bytes: bytes as u64, records: 1 }
}

fn produce(prepared: &Prepared, producing: &Producing, run: &Run) -> Result<(), String> {
    let reports = Arc::new(Reports {
        run: run.clone(),
        began: Instant::now(),
        step_ns: producing.rate.map(|rate| 1_000_000_000 / rate),
        tally: Mutex::new(Tally::new(run)),
        error: Mutex::new(None),
    });
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &prepared.target.broker).set("broker.address.family", "v4");
    config.set("acks", producing.acks.as_setting()).set("compression.type", producing.codec.name());
    if let Some(linger_ms) = producing.linger {
        config.set("linger.ms", linger_ms.to_string());
    }
    config.set("batch.size", producing.batch.to_string());
    config.set("enable.idempotence", producing.idempotent.to_string());
    let producer: BaseProducer<Listener> =
        config.create_with_context(Listener(reports.clone())).map_err(|error| error.to_string())?;
    let sent = send_all(prepared, producing, &reports, &producer);
    let flushed = producer.flush(DRAIN).map_err(|error| error.to_string());
    let (sent, ended) = match sent {
        Ok(sent) => (sent, flushed),
        Err((sent, error)) => (sent, Err(error)),
    };
    let mut tally = reports.tally.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(step_ns) = reports.step_ns {
        // What librdkafka still has, and what was due behind it and found no room in its queue.
        let answered = sent.saturating_sub(producer.in_flight_count().max(0) as u64);
        let waited_ns = (reports.began.elapsed().as_nanos() as u64).saturating_sub(answered * step_ns);
        tally.count_unanswered(waited_ns, step_ns);
    }
    tally.add_to_run();
    ended
}

/// Hands records over until the run ends. Returns how many there were, with an error too.
fn send_all(
    prepared: &Prepared,
    producing: &Producing,
    reports: &Reports,
    producer: &BaseProducer<Listener>,
) -> Result<u64, (u64, String)> {
    let run = &reports.run;
    let values = payload::values(producing.record, VALUES, producing.payload);
    for nth in 0_u64.. {
        if run.has_ended() {
            return Ok(nth);
        }
        let due_ns = reports.step_ns.map_or_else(
            || reports.began.elapsed().as_nanos() as u64,
            |step_ns| wait_until(producer, reports, nth * step_ns),
        );
        let (topic, partition) = prepared.layout.place((nth % prepared.layout.slots() as u64) as usize);
        let mut record = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, due_ns as usize)
            .payload(values[(nth % VALUES as u64) as usize].as_slice())
            .partition(partition);
        while let Err((error, again)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err((nth, error.to_string()));
            }
            producer.poll(Duration::from_millis(1));
            record = again;
            if run.has_ended() {
                return Ok(nth);
            }
        }
        if nth % POLL_EVERY == 0 {
            producer.poll(Duration::ZERO);
            if let Some(error) = reports.error.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                return Err((nth + 1, error.to_string()));
            }
        }
    }
    unreachable!("a run ends before its records have no more numbers")
}

/// Serves the producer until so long after the beginning; returns that. Its least wait is a millisecond, so what is due within it is waited for by
/// the clock.
fn wait_until(producer: &BaseProducer<Listener>, reports: &Reports, due_ns: u64) -> u64 {
    while (reports.began.elapsed().as_nanos() as u64) < due_ns {
        producer.poll(Duration::ZERO);
        thread::sleep(Duration::from_micros(50));
    }
    due_ns
}

/// Reads all partitions from their beginning to their end, again and again, until the run ends.
fn fetch(prepared: &Prepared, run: &Run) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &prepared.target.broker).set("broker.address.family", "v4");
    // librdkafka wants a group's name even for assigned partitions; no coordinator is asked while no offsets are stored.
    config
        .set("group.id", "logan-bench")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    config.set("check.crcs", "true").set("fetch.message.max.bytes", "1048576");
    config.set("queued.max.messages.kbytes", "262144");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let layout = &prepared.layout;
    let mut tally = Tally::new(run);
    while !run.has_ended() {
        let mut all = TopicPartitionList::new();
        for slot in 0..layout.slots() {
            let (topic, partition) = layout.place(slot);
            all.add_partition_offset(topic, partition, Offset::Beginning)
                .map_err(|error| error.to_string())?;
        }
        consumer.assign(&all).map_err(|error| error.to_string())?;
        let mut next = vec![None; layout.slots()];
        let mut unread: BTreeSet<(String, i32)> = (0..layout.slots())
            .map(|slot| {
                let (topic, partition) = layout.place(slot);
                (topic.to_string(), partition)
            })
            .collect();
        while !unread.is_empty() && !run.has_ended() {
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => {
                    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
                    let slot =
                        layout.slot(topic, partition).ok_or("a record of nothing that was asked for")?;
                    let expected = next[slot].replace(offset + 1);
                    if expected.is_some_and(|expected| expected != offset) {
                        return Err(format!(
                            "{topic}-{partition}: offset {offset} where {expected:?} was due"
                        ));
                    }
                    run.verified(1, 0);
                    tally.count(one_record(Direction::Fetched, None, message.payload_len()), 0);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    // It does not say of which topic: with one there is no question.
                    unread.retain(|(_, number)| *number != partition);
                }
                Some(Err(error)) => return Err(error.to_string()),
            }
        }
    }
    tally.add_to_run();
    Ok(())
}
