//! A log start is raised above a segment whose bytes no record calls durable yet, and the process is gone as soon as the segment's file is. The
//! log is told to by its own calls: nothing that is served raises log starts yet.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, PerMillion, Site, Verb};
use logan_shards::{Queue, spawn};

use super::{Aimed, DIRECTORY, Scene};
use crate::simulation::run::{Draw, LONG, Run};

const FREED: &str = "main-0/00000000000000000000.log";
const OTHERS: i32 = 11;
/// Blocks of the others are prepared, so that their next batches are written in rounds.
const WARM: u32 = 12;
const SLOW: Duration = Duration::from_millis(20);

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0xf4ee);
    let mut options = of.options();
    options.disk.write_ns = 10_000..100_000;
    options.disk.sync_ns = 50_000..500_000;
    options.disk.metadata_ns = 2_000..20_000;
    options.disk.stall = PerMillion(0);
    options.disk.lands_after_kill = PerMillion(0);
    let run = Run { partitions: OTHERS + 1, ..of.sizes() };
    let scene = Scene::begin(of, options, &run, &["logan.ack.sync=false"], &[("segment.bytes", "16777216")]);
    for _ in 0..WARM {
        scene.send_to_others(100_000)?;
        scene.pass(50_000);
    }
    // The first batch begins the segment, which is flushed; the second is only written.
    let shared = scene.shared.clone();
    scene.simulation.block_on(LONG, Scene::send(shared, 0, 0, 2, 500));
    let log = scene.log(0).ok_or("the log is not there")?;
    let rolled = log.clone();
    scene.inside(async move { drop(rolled.roll().await) });
    // The round with the roll is being flushed while more than a round's bytes gather: the next one goes out beside it.
    let strikes =
        |site: &Site| matches!(site.verb, Verb::Write | Verb::Sync) && site.path.contains("/logan/rounds-");
    let fault = scene.simulation.add_fault(Fault::always(FaultKind::Hang(Some(SLOW)), strikes));
    scene.pass(200 + draw.below(2_000));
    let sent = scene.start_sending(120_000);
    scene.pass(500 + draw.below(6_000));
    scene.inside(async move { drop(log.set_log_start(2).await) });
    let is_there =
        || scene.simulation.files(scene.broker.node, DIRECTORY, false).keys().any(|path| path == FREED);
    scene.await_that("the file of a freed segment goes", || !is_there())?;
    scene.kill();
    scene.simulation.remove_fault(fault);
    scene.start()?;
    let start = scene.log(0).map(|log| log.ends().log_start);
    if start != Some(2) {
        return Err(format!("the log start was raised to 2, and is {start:?}"));
    }
    scene.await_that("the others have their answers", || sent.get() == OTHERS)
}

impl Scene {
    /// One batch to each of the others, all at the same time. How many are told that theirs is there.
    fn start_sending(&self, length: usize) -> Rc<Cell<i32>> {
        let told: Rc<Cell<i32>> = Rc::default();
        let (shared, counted) = (self.shared.clone(), told.clone());
        let at = self.simulation.now().as_micros() as u32;
        let clients = async move {
            for partition in 1..=OTHERS {
                let (shared, counted) = (shared.clone(), counted.clone());
                let client = async move {
                    Self::send(shared, at + partition as u32, partition, 1, length).await;
                    counted.set(counted.get() + 1);
                };
                spawn(Queue::Control, client).detach();
            }
        };
        self.simulation.spawn(clients).detach();
        told
    }

    fn send_to_others(&self, length: usize) -> Result<(), String> {
        let told = self.start_sending(length);
        self.await_that("the others have their answers", || told.get() == OTHERS)
    }
}
