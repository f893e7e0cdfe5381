//! `logan.ack.sync=false`: what is acknowledged is written, and not flushed yet. `flush.messages` and `flush.ms` say for how long.
//!
//! Each life of the broker has clients of its own, which end with it; its producers go on in the next one. Checked of each life:
//! - a process that was killed, or stopped, leaves everything that was acknowledged or shown
//! - [`lose`]: when the power went, each partition has a beginning of what it had, with whole batches, and all that the last start found: a
//!   start flushes before it believes. What was acknowledged lacks less than `flush.messages` records, and nothing older than `flush.ms`
//! - what follows a loss is of a leader epoch that nobody was told of
//! - [`Writer::go_on`]: a producer that sends its last batch again is told where it is; batches that are lost it sends again, and each record
//!   is there once and in order
//! - the power loss at the end of the run, before which nothing was sent, takes nothing

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use logan::protocol::messages::create_topics::CreatableTopicConfig;
use logan_shards::sim::Task;
use logan_shards::{random_u64, sleep};

use super::damage::{self, Logs};
use super::epochs;
use super::history::{Partition, Sent};
use super::run::{Draw, LONG, Run, Stage};
use super::work::{self, Sender, Shared};

/// A flush that is due waits for the round before it, and for a disk that stalls.
const FLUSH_TAKES: Duration = Duration::from_secs(1);
/// After the node went down, for what it had sent to arrive.
const ARRIVES: Duration = Duration::from_millis(50);

/// When the topic that is written to is flushed.
#[derive(Debug, Clone, Copy)]
struct Flushes {
    messages: Option<i64>,
    ms: Option<u64>,
}

impl Flushes {
    fn of(seed: u64) -> Self {
        let mut draw = Draw::new(seed ^ 0xf105);
        Self {
            messages: draw.one_of(&[None, None, Some(1), Some(7)]),
            ms: draw.one_of(&[None, None, Some(50), Some(400)]),
        }
    }

    fn configs(self) -> Vec<CreatableTopicConfig> {
        let messages = self.messages.map(|messages| ("flush.messages", messages.to_string()));
        let ms = self.ms.map(|ms| ("flush.ms", ms.to_string()));
        let config = |(name, value): (&str, String)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        };
        messages.into_iter().chain(ms).map(config).collect()
    }
}

pub(super) async fn create_topic(shared: &Shared, seed: u64) {
    work::create_topic(shared, Flushes::of(seed).configs()).await;
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ended {
    at: Duration,
    loses_power: bool,
    was_stopping: bool,
}

/// A batch, which is sent as it is however often that takes.
struct Batch {
    first: u32,
    count: u32,
    bytes: Bytes,
}

/// A producer that goes on in one life after another.
struct Writer {
    sender: Sender,
    partition: Partition,
    batches: RefCell<Vec<Batch>>,
}

/// What is there of a producer's batches.
#[derive(Debug, Clone, Copy, Default)]
struct There {
    batches: usize,
    /// Where the last one of them is.
    last: i64,
}

/// What goes on from one life to the next.
#[derive(Default)]
pub(super) struct Unsynced {
    writers: Vec<Rc<Writer>>,
    /// What the last start found.
    found: Logs,
}

impl Unsynced {
    /// One life with its clients, its end, and the start of the next one.
    pub fn disturb(&mut self, stage: &Stage, run: &Run, draw: &mut Draw) {
        if let Err(reason) = self.live(stage, run, draw) {
            stage.shared.fail(reason);
        }
    }

    fn live(&mut self, stage: &Stage, run: &Run, draw: &mut Draw) -> Result<(), String> {
        stage.await_clients()?;
        if self.writers.is_empty() {
            self.writers = stage.simulation.block_on(LONG, writers(stage.shared.clone(), run.producers));
        }
        let clients = begin(stage, &self.writers, &self.found, run.batches)?;
        let ended = end(stage, &clients, draw);
        stage.simulation.run_for(ARRIVES);
        drop(clients);
        stage.befell.borrow_mut().push(format!("{ended:?}"));
        stage.is_violated()?;
        damage::start(stage).map_err(|reason| format!("the broker does not start: {reason}"))?;
        if ended.loses_power {
            for partition in 0..stage.shared.partitions {
                let found_before = self.found.get(&partition).map_or(0, Vec::len) as i64;
                lose(stage, partition, found_before, Flushes::of(run.seed), ended)?;
            }
        }
        self.found = damage::read_all(stage);
        stage.is_violated()?;
        stage.shared.history.borrow().check(&self.found)?;
        let shared = stage.shared.clone();
        stage.simulation.block_on(LONG, async move { epochs::ask_all(&shared).await });
        stage.is_violated()
    }
}

async fn writers(shared: Rc<Shared>, producers: u32) -> Vec<Rc<Writer>> {
    let mut writers = Vec::new();
    for producer in 0..producers {
        let sender = Sender { producer, id: work::new_producer(&shared).await, begun: 0 };
        let partition = producer as i32 % shared.partitions;
        writers.push(Rc::new(Writer { sender, partition, batches: RefCell::default() }));
    }
    writers
}

/// Clients of a life: a task for each producer, and those who read.
struct Clients {
    writing: Vec<Task<()>>,
    _reading: Vec<Task<()>>,
}

impl Clients {
    fn have_written(&self) -> bool {
        self.writing.iter().all(Task::is_finished)
    }
}

fn begin(stage: &Stage, writers: &[Rc<Writer>], found: &Logs, batches: u32) -> Result<Clients, String> {
    let (simulation, shared) = (&stage.simulation, &stage.shared);
    let mut writing = Vec::new();
    for writer in writers {
        let from = writer.find(found)?;
        let (shared, writer) = (shared.clone(), writer.clone());
        writing.push(simulation.spawn(async move { writer.go_on(&shared, from, batches).await }));
    }
    let mut reading = Vec::new();
    for partition in 0..shared.partitions {
        let shared = shared.clone();
        reading.push(simulation.spawn(async move {
            work::consume(shared, partition, |_| false).await;
        }));
    }
    reading.push(simulation.spawn(epochs::watch(shared.clone(), Rc::new(Cell::new(true)))));
    Ok(Clients { writing, _reading: reading })
}

impl Writer {
    /// How many of the batches are there: the first ones, and each as a whole.
    fn find(&self, found: &Logs) -> Result<There, String> {
        let log = found.get(&self.partition).map_or(&[][..], Vec::as_slice);
        let mine = log.iter().enumerate().filter(|(_, sent)| sent.producer == self.sender.producer);
        let offsets: BTreeMap<u32, i64> = mine.map(|(at, sent)| (sent.number, at as i64)).collect();
        let mut there = There::default();
        for batch in &*self.batches.borrow() {
            let numbers = batch.first..batch.first + batch.count;
            let records = numbers.filter(|number| offsets.contains_key(number)).count();
            if records == 0 {
                break;
            }
            if records < batch.count as usize {
                let Self { partition, sender: Sender { producer, .. }, .. } = self;
                return Err(format!(
                    "partition {partition} has {records} of {} records of the batch {} of producer {producer}",
                    batch.count, batch.first
                ));
            }
            there = There { batches: there.batches + 1, last: offsets[&batch.first] };
        }
        Ok(there)
    }

    /// Sends what is lost again, and more, each batch until it is acknowledged.
    async fn go_on(&self, shared: &Shared, from: There, more: u32) {
        let last = from.batches.checked_sub(1).filter(|_| random_u64().is_multiple_of(2));
        if let Some(last) = last {
            let base = self.send(shared, last).await;
            if base != from.last {
                let Self { partition, sender: Sender { producer, .. }, .. } = self;
                shared.fail(format!(
                    "partition {partition}: the last batch of producer {producer} is at {}, and sent again it was told {base}",
                    from.last
                ));
            }
        }
        for at in from.batches..from.batches + more as usize {
            if at == self.batches.borrow().len() {
                self.make();
            }
            let base = self.send(shared, at).await;
            let (first, count) = {
                let batch = &self.batches.borrow()[at];
                (Sent { producer: self.sender.producer, number: batch.first }, batch.count)
            };
            shared.acknowledge(self.partition, base, first, count);
            if random_u64().is_multiple_of(4) {
                sleep(Duration::from_millis(random_u64() % 20)).await;
            }
        }
    }

    async fn send(&self, shared: &Shared, at: usize) -> i64 {
        let (first, bytes) = {
            let batch = &self.batches.borrow()[at];
            (batch.first, batch.bytes.clone())
        };
        work::send_until_told(shared, self.sender.producer, first, self.partition, &bytes).await
    }

    fn make(&self) {
        let mut batches = self.batches.borrow_mut();
        let first = batches.last().map_or(0, |last| last.first + last.count);
        let count = 1 + (random_u64() % 4) as u32;
        batches.push(Batch { first, count, bytes: work::batch_of(self.sender, first, count, work::padding) });
    }
}

/// The node goes down in one of many ways.
fn end(stage: &Stage, clients: &Clients, draw: &mut Draw) -> Ended {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    let now = |loses_power| Ended { at: simulation.now(), loses_power, was_stopping: false };
    let (at, at_start) = (simulation.io_events(node) + 1 + draw.below(400), 1 + draw.below(200));
    match draw.below(8) {
        0 => {
            work_until(stage, clients, at);
            simulation.kill(node);
            now(false)
        }
        1 => {
            simulation.run_for(Duration::from_micros(draw.below(200_000)));
            stage.stop();
            Ended { was_stopping: true, ..now(false) }
        }
        2 => cut_stop(stage, draw),
        3 | 4 => {
            work_until(stage, clients, at);
            simulation.kill(node);
            let ended = now(true);
            if draw.below(2) == 0 {
                // A start is under way, and may have flushed what it found, or not.
                stage.restart();
                let until = simulation.io_events(node) + at_start;
                simulation.run_until(
                    || simulation.io_events(node) >= until || stage.broker.has_failed_starts(),
                    LONG,
                );
            }
            simulation.power_loss(node);
            ended
        }
        5 => {
            simulation.run_until(|| clients.have_written() || stage.has_failed(), LONG);
            simulation.run_for(Duration::from_micros(draw.below(3_000_000)));
            simulation.power_loss(node);
            now(true)
        }
        _ => {
            simulation.crash_at_io(node, at);
            simulation.run_until(|| !simulation.is_running(node) || clients.have_written(), LONG);
            simulation.crash_at_io(node, u64::MAX);
            simulation.power_loss(node);
            now(true)
        }
    }
}

fn work_until(stage: &Stage, clients: &Clients, event: u64) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    simulation.run_until(|| simulation.io_events(node) >= event || clients.have_written(), LONG);
}

/// Asked to stop, the process is killed before it has, or the power goes.
fn cut_stop(stage: &Stage, draw: &mut Draw) -> Ended {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    simulation.run_for(Duration::from_micros(draw.below(200_000)));
    stage.shared.clean_stops.set(stage.shared.clean_stops.get() + 1);
    simulation.request_stop(node);
    let loses_power = draw.below(2) == 0;
    let at = simulation.io_events(node) + 1 + draw.below(200);
    simulation.run_until(|| simulation.io_events(node) >= at || !simulation.is_running(node), LONG);
    if loses_power {
        simulation.power_loss(node);
    } else {
        simulation.kill(node);
    }
    Ended { at: simulation.now(), loses_power, was_stopping: true }
}

/// Of a partition, what was not flushed may be lost: it ends somewhere behind what the start before had found.
fn lose(
    stage: &Stage,
    partition: Partition,
    found_before: i64,
    flushes: Flushes,
    ended: Ended,
) -> Result<(), String> {
    let shared = &stage.shared;
    let (length, led_in) = damage::end_of(stage, partition);
    let acknowledged = shared.acknowledged_before(partition, u64::MAX);
    let flushed_by = flushes.ms.and_then(|ms| ended.at.checked_sub(FLUSH_TAKES + Duration::from_millis(ms)));
    let of_old = flushed_by.map_or(0, |at| shared.acknowledged_before(partition, at.as_nanos() as u64));
    let lacks = acknowledged - length;
    let told =
        format!("partition {partition} has {length} records, of {acknowledged} that were acknowledged");
    if length < found_before {
        return Err(format!(
            "{told}, and had {found_before} after the start before: it was not flushed then"
        ));
    }
    if flushes.messages.is_some_and(|most| lacks >= most) {
        return Err(format!("{told}, and flush.messages is {:?}", flushes.messages));
    }
    if length < of_old {
        return Err(format!("{told}, {of_old} of them long before, and flush.ms is {:?}", flushes.ms));
    }
    // One that had stopped before may go on as it was.
    if lacks > 0 || !ended.was_stopping {
        shared.leads_anew(partition, led_in)?;
    }
    if lacks > 0 {
        stage.strike("records were lost");
    }
    shared.cut(partition, length);
    Ok(())
}
