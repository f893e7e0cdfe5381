//! Power loss and kills at random operations, again and again, against a model. `LOGAN_SEEDS=n` runs more seeds, `LOGAN_SEED=n` one.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use logan_storage::config::Mutations;
use support::caught::{quietly, said};
use support::disk::Disk;
use support::hints::{self, Older};
use support::runtime::Runtime;
use support::workload::{Model, Setup, check_disk, compare, settle_model, start, stop, work};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    PowerLoss,
    Kill,
    Stop,
    /// The power goes, or the process is killed, in the middle of it.
    CutStop {
        is_kill: bool,
    },
}

impl End {
    fn draw(runtime: &Runtime, only_kill: bool) -> Self {
        let is_kill = only_kill || runtime.below(2) == 0;
        match runtime.below(6) {
            0 => Self::Stop,
            1 => Self::CutStop { is_kill },
            _ if is_kill => Self::Kill,
            _ => Self::PowerLoss,
        }
    }

    fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::CutStop { .. })
    }

    fn loses_power(self) -> bool {
        matches!(self, Self::PowerLoss | Self::CutStop { is_kill: false })
    }
}

/// How many lives ended in the middle of what they did, of so many that were meant to.
#[derive(Clone, Copy, Default, Debug)]
struct Cut {
    midway: u32,
    meant: u32,
    /// Hints that a life found as they were in an older one.
    brought: usize,
}

/// Every third seed has segments that outgrow what spares come with, every seventh such that take batches above 1 MiB, every fifth indexes that are full
/// before their segments, and every eleventh segments that grow old; every second one writes hints all the time.
fn setup_of(seed: u64, setup: &Setup) -> Setup {
    let segment_bytes = match seed {
        _ if seed.is_multiple_of(7) => 4 << 20,
        _ if seed.is_multiple_of(3) => 300_000,
        _ => setup.segment_bytes,
    };
    let index_bytes = if seed.is_multiple_of(5) { 72 } else { setup.index_bytes };
    let segment_ms = if seed.is_multiple_of(11) { 500_000 } else { setup.segment_ms };
    let recovery_bytes = if seed.is_multiple_of(2) { 60_000 } else { setup.recovery_bytes };
    Setup { segment_bytes, index_bytes, segment_ms, recovery_bytes, ..setup.clone() }
}

/// Several lives of a directory, each ended at a random operation. In every fourth seed each file must be synced by itself.
fn live(seed: u64, setup: &Setup, only_kill: bool) -> Cut {
    let setup = &setup_of(seed, setup);
    let disk = Disk::new();
    disk.lock_dies_with_process.set(setup.lock_dies_with_process);
    disk.per_file.set(seed.is_multiple_of(4));
    if setup.is_freeing_watched() {
        disk.watch_freeing();
    }
    let mut cut = Cut::default();
    let model = Rc::new(RefCell::new(Model::default()));
    // Set by a loss that is allowed, until a comparison has taken note of what was lost.
    let may_lose = Rc::new(Cell::new(false));
    let mut older = Older::default();
    for life in 0..4 {
        let runtime = Runtime::new(seed * 100 + life);
        let _killed = runtime.killed_at_last();
        let end = End::draw(&runtime, only_kill);
        disk.operations.set(0);
        if !end.is_stop() {
            disk.dies_at.set(1 + runtime.below(if runtime.below(3) == 0 { 60 } else { 1200 }));
        }
        let (rt, dk, md, st) = (Rc::clone(&runtime), Rc::clone(&disk), Rc::clone(&model), setup.clone());
        let volumes = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&volumes);
        let lossy = Rc::clone(&may_lose);
        let done = runtime.run(async move {
            let node = match start(&dk, &rt, &st).await {
                Ok(node) => Rc::new(node),
                Err(error) => panic!("it does not open: {error}"),
            };
            if std::env::var("LOGAN_SEED").is_ok() {
                eprintln!("life {life} until {end:?} at {}: {:?}", dk.dies_at.get(), node.report);
            }
            seen.borrow_mut().extend(node.volumes.iter().cloned());
            check_disk(&node, &dk);
            compare(&node, &md, lossy.get()).await;
            lossy.set(false);
            let works = (0..st.logs)
                .map(|number| work(Rc::clone(&node), Rc::clone(&rt), Rc::clone(&md), st.clone(), number));
            futures_util::future::join_all(works).await;
            if end.is_stop() {
                if end != End::Stop {
                    dk.dies_at.set(dk.operations.get() + 1 + rt.below(100));
                }
                md.borrow_mut().has_stop_begun = true;
                stop(Rc::try_unwrap(node).ok().unwrap()).await;
                settle_model(&md);
            }
        });
        assert!(!runtime.is_stuck.get(), "life {life} ({end:?}) does not go on: {}", described(&volumes));
        for volume in &*volumes.borrow() {
            assert_eq!(volume.failed().reason(), None, "life {life} ({end:?}): nothing was to fail");
        }
        drop(volumes);
        assert!(done.is_some() || end != End::Stop);
        cut.meant += u32::from(end != End::Stop);
        cut.midway += u32::from(done.is_none());
        runtime.kill();
        may_lose.set(may_lose.get() || (end.loses_power() && !setup.ack_sync));
        cut.brought += come_back(&disk, &runtime, end, setup.late_writes, &mut older);
    }
    let runtime = Runtime::new(seed);
    let _killed = runtime.killed_at_last();
    let (rt, st) = (Rc::clone(&runtime), setup.clone());
    runtime.run(look_at_last(disk, rt, st, model, may_lose.get())).expect("nothing ends this life");
    cut
}

/// The last start, of which nothing goes wrong.
async fn look_at_last(
    disk: Rc<Disk>,
    runtime: Rc<Runtime>,
    setup: Setup,
    model: Rc<RefCell<Model>>,
    may_lose: bool,
) {
    let node = start(&disk, &runtime, &setup).await.expect("it opens");
    check_disk(&node, &disk);
    compare(&node, &model, may_lose).await;
}

/// What the next life finds. Returns how many hints are of an older one.
fn come_back(disk: &Disk, runtime: &Runtime, end: End, late_writes: bool, older: &mut Older) -> usize {
    let mut now = Older::default();
    now.remember(disk);
    if end.loses_power() {
        disk.lose_power(runtime);
    } else if late_writes {
        disk.survive_kill_with_late_writes(runtime);
    } else {
        disk.survive_kill_in_mid_write(runtime);
    }
    // Hints are no more than that: some may be gone, garbled, or of an older life when the next one begins.
    let brought = if runtime.below(3) == 0 { older.bring_back(disk, || runtime.below(2) == 0) } else { 0 };
    if runtime.below(3) == 0 {
        hints::spoil_some(disk, runtime);
    }
    older.add(now);
    brought
}

fn described(volumes: &RefCell<Vec<Rc<logan_storage::volume::Volume>>>) -> String {
    volumes.borrow().iter().map(|volume| volume.describe()).collect::<Vec<_>>().join("\n")
}

fn setup() -> Setup {
    Setup {
        ack_sync: true,
        logs: 3,
        steps: 40,
        segment_bytes: 40_000,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        recovery_bytes: 64 << 20,
        log_starts: 3,
        shards: 1,
        late_writes: false,
        lock_dies_with_process: false,
        mutations: Mutations::default(),
    }
}

fn for_seeds(count: u64, run: impl Fn(u64) -> Cut + std::panic::RefUnwindSafe) {
    if let Ok(seed) = std::env::var("LOGAN_SEED") {
        run(seed.parse().unwrap());
        return;
    }
    let count = std::env::var("LOGAN_SEEDS").map_or(count, |seeds| seeds.parse().unwrap());
    let mut all = Cut::default();
    for seed in 1..=count {
        match std::panic::catch_unwind(|| run(seed)) {
            Ok(Cut { midway, meant, brought }) => {
                all.midway += midway;
                all.meant += meant;
                all.brought += brought;
            }
            Err(panic) => {
                eprintln!("seed {seed} fails: LOGAN_SEED={seed} repeats it");
                std::panic::resume_unwind(panic);
            }
        }
    }
    eprintln!("{all:?}");
    // Of a life that has done all it wanted nothing is under way.
    assert!(4 * all.midway >= 3 * all.meant, "most lives are to be cut in the middle: {all:?}");
    assert!(all.brought as u64 >= count, "hints of older lives are to come again: {all:?}");
}

#[test]
fn nothing_acknowledged_is_lost() {
    for_seeds(30, |seed| live(seed, &Setup { shards: 1 + (seed % 2) as u16, ..setup() }, false));
}

#[test]
fn without_flushes_a_kill_loses_nothing() {
    for_seeds(12, |seed| live(seed, &Setup { ack_sync: false, ..setup() }, true));
}

#[test]
fn without_flushes_a_power_loss_leaves_a_prefix() {
    for_seeds(12, |seed| live(seed, &Setup { ack_sync: false, ..setup() }, false));
}

#[test]
fn what_a_killed_process_still_writes_lands_before_its_successor_opens() {
    for_seeds(20, |seed| live(seed, &Setup { late_writes: true, ..setup() }, true));
}

/// Expects that some seed notices a planted fault, and that every seed before it notices nothing: `reasons` are what a checker may say
/// about this fault, and nothing else counts.
fn is_caught(name: &str, reasons: &[&str], run: impl Fn(u64)) {
    let seeds = std::env::var("LOGAN_SEEDS").map_or(400, |seeds| seeds.parse().unwrap());
    let run = std::panic::AssertUnwindSafe(&run);
    let caught = quietly(|| {
        (1..=seeds).find_map(|seed| {
            let outcome = std::panic::catch_unwind(|| run(seed));
            outcome.err().map(|panic| (seed, said(&*panic)))
        })
    });
    let (seed, reason) = caught.unwrap_or_else(|| panic!("{name}: no seed of {seeds} notices"));
    assert!(reasons.iter().any(|known| reason.contains(known)), "{name}: seed {seed} says: {reason}");
    eprintln!("{name}: seed {seed}: {reason}");
}

/// As [`is_caught`], for several lives of a directory.
fn is_caught_alive(
    name: &str,
    reasons: &[&str],
    plant: impl Fn(&mut Mutations),
    base: &Setup,
    only_kill: bool,
) {
    let mut setup = base.clone();
    plant(&mut setup.mutations);
    is_caught(name, reasons, |seed| {
        live(seed, &setup, only_kill);
    });
}

/// What was acknowledged is gone, or something else is in its place.
const LOST: &[&str] =
    &["was acknowledged", "is lost", "is damaged", "is not the one that was appended", "is missing, but"];

#[test]
fn no_flush_is_caught() {
    is_caught_alive("no flush", LOST, |faults| faults.no_flush = true, &setup(), false);
}

#[test]
fn acknowledging_before_the_writes_is_caught() {
    let plant = |faults: &mut Mutations| faults.acknowledge_before_writes = true;
    // A log start that was raised to what is not there does not fit into the ledger, either.
    let reasons = [&["the log start leaves the log"], LOST].concat();
    is_caught_alive("early acknowledgement", &reasons, plant, &setup(), true);
}

#[test]
fn opening_without_a_flush_is_caught() {
    let plant = |faults: &mut Mutations| faults.open_without_flushing = true;
    // What is not there is the fresh round log, or what a killed process had left in the device's cache.
    let reasons = [&["logan/rounds-", "logan/checkpoint-"], LOST].concat();
    is_caught_alive("open without flushing", &reasons, plant, &setup(), false);
}

#[test]
fn taking_the_file_size_for_prepared_is_caught() {
    let setup = Setup { segment_bytes: 300_000, ..setup() };
    is_caught_alive(
        "file size",
        &["not prepared on the disk"],
        |faults| faults.file_size_is_prepared = true,
        &setup,
        false,
    );
}

#[test]
fn believing_unvouched_hints_is_caught() {
    let plant = |faults: &mut Mutations| faults.believe_unvouched_hints = true;
    is_caught_alive(
        "unvouched hints",
        &["the epoch of the batch at", "a batch has the format"],
        plant,
        &setup(),
        false,
    );
}

#[test]
fn a_lock_that_dies_with_its_process_is_caught() {
    let setup = Setup { late_writes: true, lock_dies_with_process: true, ..setup() };
    // A write that lands late may also lengthen a sealed segment that the successor has cut.
    let reasons = [LOST, &["a sealed segment's length"]].concat();
    is_caught("process-bound lock", &reasons, |seed| {
        live(seed, &setup, true);
    });
}
