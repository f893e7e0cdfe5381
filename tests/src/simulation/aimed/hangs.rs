//! One of two log directories hangs, on a machine whose rings have few workers: the partitions of the other, which lies on the same shard, go on,
//! and those of the first are off line once it has hung for as long as a disk may.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::ErrorCode;
use logan_shards::sim::{Fault, FaultKind, Site, Verb};
use logan_shards::{WorkerShare, timeout};

use super::{Aimed, DIRECTORY, Scene};
use crate::simulation::history::{Partition, Sent};
use crate::simulation::run::{Draw, LONG, Run};
use crate::simulation::work::{self, FETCH_VERSION, Sender, Shared};

const HUNG: &str = "/more";
/// Of both directories together, and with the workers of both not one for each that hangs.
const PARTITIONS: i32 = 40;
const WORKERS: WorkerShare = WorkerShare { syncs: 1, allocations: 1, writes: 2, reads: 2 };
/// Of each partition of the one that hangs.
const READERS: u32 = 2;
/// Longer than any write takes on a disk that works.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long its directory has failed: 30 s, and what it takes to notice.
const FAILED: Duration = Duration::from_secs(45);

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x4a96);
    let mut options = of.options();
    options.disk.workers = WORKERS;
    options.disk.queue = 1 + draw.below(3) as usize;
    let run = Run { partitions: PARTITIONS, ..of.sizes() };
    let directories = format!("log.dirs={DIRECTORY},{HUNG}");
    let scene = Scene::begin(of, options, &run, &[&directories], &[]);
    let all: BTreeSet<Partition> = (0..PARTITIONS).collect();
    scene.send_to(&all, 0)?;
    let files = scene.simulation.files(scene.broker.node, HUNG, false);
    let is_there = |index: &&Partition| files.keys().any(|path| path.starts_with(&format!("main-{index}/")));
    let hung: BTreeSet<Partition> = all.iter().filter(is_there).copied().collect();
    let others: BTreeSet<Partition> = all.difference(&hung).copied().collect();
    if hung.len() <= 2 * WORKERS.sum() || others.is_empty() {
        return Err(format!("{} partitions in {HUNG} of {PARTITIONS}: the run shows nothing", hung.len()));
    }

    // What is read afterwards is in no cache.
    scene.kill();
    scene.start()?;
    scene.send_to(&others, 1)?;
    let verbs = [Verb::Write, Verb::Sync, Verb::Allocate, Verb::Read];
    let strikes = move |site: &Site| site.path.starts_with(HUNG) && verbs.contains(&site.verb);
    let fault = scene.simulation.add_fault(Fault::always(FaultKind::Hang(None), strikes));
    let began = scene.simulation.now();
    for index in &hung {
        for _ in 0..READERS {
            scene.simulation.spawn(read_from_hung(scene.shared.clone(), *index)).detach();
        }
        scene.simulation.spawn(send_to_hung(scene.shared.clone(), *index)).detach();
    }
    let mut round = 2;
    while scene.simulation.now() < began + FAILED {
        scene.send_to(&others, round)?;
        scene.pass(500_000);
        round += 1;
    }
    let shared = scene.shared.clone();
    scene.simulation.block_on(LONG, async move {
        for index in hung {
            work::expect_offline(&shared, index).await;
        }
    });
    scene.send_to(&others, round)?;
    scene.simulation.remove_fault(fault);
    scene.kill();
    scene.simulation.release_hangs(scene.broker.node);
    scene.start()?;
    scene.verify()
}

impl Scene {
    /// Sends a record to each of these partitions, all at once. Each is acknowledged in time.
    fn send_to(&self, partitions: &BTreeSet<Partition>, round: u32) -> Result<(), String> {
        let shared = self.shared.clone();
        let partitions = partitions.clone();
        self.simulation.block_on(LONG, async move {
            let sends = partitions.iter().map(|index| send(&shared, *index, round));
            futures_util::future::join_all(sends).await;
        });
        self.is_violated()
    }
}

async fn send(shared: &Rc<Shared>, index: Partition, round: u32) {
    let producer = round * PARTITIONS as u32 + index as u32;
    let told = timeout(PATIENCE, async {
        let sender = Sender { producer, id: work::new_producer(shared).await, begun: 0 };
        // Now and then as much as needs new blocks.
        let batch = work::batch_of(sender, 0, 1, || if round.is_multiple_of(4) { 200_000 } else { 40 });
        work::send_until_told(shared, producer, 0, index, &batch).await
    });
    match told.await {
        Ok(base) => shared.acknowledge(index, base, Sent { producer, number: 0 }, 1),
        Err(_) => {
            shared.fail(format!("partition {index} is not in {HUNG}, which hangs, and waits with it"));
        }
    }
}

/// What is asked of the disk that hangs is refused in the end.
async fn send_to_hung(shared: Rc<Shared>, index: Partition) {
    let producer = 1_000_000 + index as u32;
    let sender = Sender { producer, id: work::new_producer(&shared).await, begun: 0 };
    let batch = work::batch_of(sender, 0, 1, || 40);
    let mut client = work::connect(&shared).await;
    let Ok(response) = client.call(9, &work::request(index, batch)).await else { return };
    let told = response.responses[0].partition_responses[0].error_code;
    if ![ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::REQUEST_TIMED_OUT].contains(&told) {
        shared.fail(format!("partition {index} is in {HUNG}, which hangs, and says {told}"));
    }
}

/// Nor is anything read.
async fn read_from_hung(shared: Rc<Shared>, index: Partition) {
    let mut client = work::connect(&shared).await;
    let Ok(response) = client.call(FETCH_VERSION, &work::fetch(index, 0)).await else { return };
    let partition = &response.responses[0].partitions[0];
    if partition.records.as_ref().is_some_and(|records| !records.is_empty()) {
        shared.fail(format!("partition {index} is in {HUNG}, which hangs, and records of it are read"));
    }
}
