//! Rounds go once around the round log while its checkpoint is slow, and then the process is gone: what is told is still there, because the
//! round that would have taken the place of the first one waits for the checkpoint.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, PerMillion, Site, Verb};

use super::{Aimed, Scene};
use crate::simulation::run::Draw;

/// So many rounds, each of one batch, are more than one lap: records take a block each, and the files of a new round log have 1,024.
const BATCHES: u32 = 1_100;
const LAP: usize = 1_025;
/// Shorter than what fails a directory.
const SLOW: Duration = Duration::from_secs(20);

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x1a95);
    let mut options = of.options();
    // Fast disks, so that a lap takes less than the checkpoint.
    options.disk.write_ns = 10_000..100_000;
    options.disk.sync_ns = 50_000..500_000;
    options.disk.stall = PerMillion(0);
    options.disk.lands_after_kill = PerMillion(0);
    let scene = Scene::begin(of, options, &of.sizes(), &[], &[]);
    let strikes = |site: &Site| site.verb == Verb::Write && site.path.contains("/logan/checkpoint-");
    let fault = scene.simulation.add_fault(Fault::always(FaultKind::Hang(Some(SLOW)), strikes));
    let done: Rc<Cell<bool>> = Rc::default();
    let (shared, is_done) = (scene.shared.clone(), done.clone());
    let client = async move {
        Scene::send(shared, 0, 0, BATCHES, 40).await;
        is_done.set(true);
    };
    scene.simulation.spawn(client).detach();
    let enough = LAP + draw.below(40) as usize;
    let acknowledged = || scene.shared.history.borrow().acknowledged_count();
    // Where rounds wait as they must, it takes as long as the checkpoint.
    let limit = scene.simulation.now() + SLOW / 2;
    scene.run_until(|| done.get() || acknowledged() >= enough || scene.simulation.now() >= limit);
    scene.is_violated()?;
    if acknowledged() < LAP / 2 {
        return Err(format!("{} rounds are no lap: the run shows nothing", acknowledged()));
    }
    scene.kill();
    scene.simulation.remove_fault(fault);
    scene.start()?;
    scene.await_that("all batches are sent", || done.get())?;
    scene.verify()
}
