//! Segments are rolled all the time, and the machine goes down where that matters, several times in a row.
//!
//! Checked beside the rest: [`ends_of_epochs`]: where leader epochs end is told as the batches say, whatever hints of an earlier life say.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use logan::protocol::messages::OffsetForLeaderEpochRequest;
use logan::protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use logan::protocol::{ErrorCode, Records};
use logan_shards::sim::{Fault, FaultKind, Site, Verb};
use logan_shards::{Flushing, Queue, spawn};
use logan_storage::batch::Batch;

use super::{Aim, Aimed, Scene};
use crate::simulation::run::{Draw, LONG, Run};
use crate::simulation::work::{self, FETCH_VERSION, Shared, TOPIC};

const CRASHES: u32 = 6;
const BATCHES: u32 = 14;

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0xa13d);
    let run = Run { partitions: 1 + draw.below(2) as i32, producers: 3, ..of.sizes() };
    // Records are a millisecond apart.
    let segment_ms = draw.one_of(&["3", "10", "40"]);
    let mut options = of.options();
    if of.aim == Aim::Starts {
        // Otherwise a sync of the metadata, which a start reads first, flushes all that was found.
        options.disk.flushing = Flushing::PerFile { reason: "a simulated file system".into() };
    }
    let scene = Scene::begin(of, options, &run, &[], &[("segment.ms", segment_ms)]);
    let done: Rc<Cell<bool>> = Rc::default();
    let clients = clients(scene.shared.clone(), run.clone(), done.clone());
    scene.simulation.spawn(clients).detach();
    for _ in 0..CRASHES {
        if of.aim == Aim::Starts {
            scene.go_down_in_mid_round(&done, &mut draw);
        } else {
            scene.go_down(of.aim, &done, &mut draw);
        }
        scene.is_violated()?;
        if scene.is_running() {
            break;
        }
        match of.aim {
            Aim::Starts => scene.cut_names(&mut draw),
            Aim::Moments if draw.below(3) == 0 => scene.cut_start(&mut draw),
            _ => {}
        }
        scene.start()?;
    }
    scene.await_that("all batches are sent and read", || done.get())?;
    scene.simulation.power_loss(scene.broker.node);
    scene.start()?;
    scene.check_epochs(&run)?;
    scene.verify()
}

async fn clients(shared: Rc<Shared>, run: Run, done: Rc<Cell<bool>>) {
    let producers: Vec<_> = (0..run.producers)
        .map(|producer| {
            let partition = producer as i32 % run.partitions;
            spawn(Queue::Control, work::produce(shared.clone(), producer, partition, BATCHES))
        })
        .collect();
    let reading: Rc<Cell<bool>> = Rc::default();
    let until = reading.clone();
    let reader = spawn(Queue::Control, work::consume(shared.clone(), 0, move |_| until.get()));
    for producer in producers {
        producer.await;
    }
    reading.set(true);
    reader.await;
    done.set(true);
}

/// The next operations of a kind that are submitted.
fn next(scene: &Scene, verb: Verb, of: &'static str, count: u64) -> Rc<Cell<u64>> {
    let left = Rc::new(Cell::new(count));
    let counted = left.clone();
    let watches = move |site: &Site| {
        if site.verb == verb && site.path.contains(of) {
            counted.set(counted.get().saturating_sub(1));
        }
        false
    };
    scene.simulation.add_fault(Fault::always(FaultKind::Short, watches));
    left
}

impl Scene {
    /// The machine goes down, unless the clients are done first.
    fn go_down(&self, aim: Aim, done: &Cell<bool>, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        let events = || simulation.io_events(node);
        if draw.below(2) == 0 {
            // A spare gets its name.
            let left = next(self, Verb::Rename, "/logan/spare", 1 + draw.below(3));
            self.run_until(|| left.get() == 0 || done.get());
            let at = events() + draw.below(16);
            self.run_until(|| events() >= at || done.get());
        } else {
            let at = events() + 1 + draw.below(400);
            self.run_until(|| events() >= at || done.get());
        }
        if done.get() || self.shared.violation.borrow().is_some() {
            return;
        }
        if aim == Aim::Kills || draw.below(3) == 0 {
            self.kill();
        } else {
            simulation.power_loss(node);
        }
    }

    /// The process is killed when a record of the round log is written, or being written, and is not flushed, perhaps.
    fn go_down_in_mid_round(&self, done: &Cell<bool>, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        let left = next(self, Verb::Write, "/logan/rounds-", 1 + draw.below(6));
        self.run_until(|| left.get() == 0 || done.get());
        let at = simulation.io_events(node) + draw.below(8);
        self.run_until(|| simulation.io_events(node) >= at || done.get());
        if !done.get() {
            self.kill();
        }
    }

    /// A start that has a name to give is on its way to the flush that makes all its names durable when the power goes.
    fn cut_names(&self, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        let ready = self.broker.ready();
        let left = next(self, Verb::Rename, "/logan/spare", 1);
        simulation.restart(node);
        let is_over = || self.broker.ready() > ready || self.broker.has_failed_starts();
        self.run_until(|| left.get() == 0 || is_over());
        let at = simulation.io_events(node) + draw.below(24);
        self.run_until(|| simulation.io_events(node) >= at || is_over());
        simulation.power_loss(node);
    }

    /// A start gets as far as the seed says, and the machine goes down again.
    fn cut_start(&self, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        simulation.restart(node);
        let at = simulation.io_events(node) + 1 + draw.below(240);
        self.run_until(|| simulation.io_events(node) >= at || self.broker.has_failed_starts());
        if self.is_running() {
            if draw.below(2) == 0 { self.kill() } else { simulation.power_loss(node) }
        }
    }

    fn check_epochs(&self, run: &Run) -> Result<(), String> {
        for partition in 0..run.partitions {
            let shared = self.shared.clone();
            let found = self.simulation.block_on(LONG, ends_of_epochs(shared, partition));
            for (epoch, end, told) in found {
                if told != (epoch, end) {
                    return Err(format!(
                        "partition {partition}: leader epoch {epoch} ends at {end}, as batches say, and is told to be {} until {}",
                        told.0, told.1
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Of every leader epoch that another one follows: where that begins, and what is told.
async fn ends_of_epochs(shared: Rc<Shared>, partition: i32) -> Vec<(i32, i64, (i32, i64))> {
    let batches = read_batches(&shared, partition).await;
    let mut found = Vec::new();
    for pair in batches.windows(2) {
        let ((_, epoch), (end, next)) = (pair[0], pair[1]);
        if next > epoch {
            found.push((epoch, end, told_end(&shared, partition, epoch).await));
        }
    }
    found
}

async fn told_end(shared: &Shared, partition: i32, epoch: i32) -> (i32, i64) {
    let asked = OffsetForLeaderPartition {
        partition,
        current_leader_epoch: -1,
        leader_epoch: epoch,
        ..Default::default()
    };
    let topic = OffsetForLeaderTopic { topic: TOPIC.into(), partitions: vec![asked], ..Default::default() };
    let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    work::insist(shared, async |client| {
        let response = client.call(4, &request).await?;
        let told = &response.topics[0].partitions[0];
        Ok((told.error_code == ErrorCode::NONE).then_some((told.leader_epoch, told.end_offset)))
    })
    .await
}

/// Base offset and leader epoch of every batch.
async fn read_batches(shared: &Shared, partition: i32) -> Vec<(i64, i32)> {
    let mut batches = Vec::new();
    let mut at = 0;
    loop {
        let (mut records, end): (Bytes, i64) = work::insist(shared, async |client| {
            let response = client.call(FETCH_VERSION, &work::fetch(partition, at)).await?;
            let data = response.responses.first().and_then(|topic| topic.partitions.first());
            let Some(data) = data.filter(|data| data.error_code == ErrorCode::NONE) else { return Ok(None) };
            let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
            Ok(Some((records, data.high_watermark)))
        })
        .await;
        while !records.is_empty() {
            let whole = Batch::peek(&records, records.len()).ok().map(|length| records.split_to(length));
            let Some(batch) = whole.as_ref().and_then(|bytes| Batch::whole(bytes).ok()) else {
                shared.note(Err(format!("partition {partition} shows a batch that is none at {at}")));
                return batches;
            };
            batches.push((batch.base_offset(), batch.leader_epoch()));
            at = batch.last_offset() + 1;
        }
        if at >= end {
            return batches;
        }
    }
}
