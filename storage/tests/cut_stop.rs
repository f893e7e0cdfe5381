//! A stop that is cut at any of its operations, by the power or by a kill, and a start behind a clean one: what was acknowledged is there, and the
//! next stop is a clean one.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use logan_storage::config::Mutations;
use logan_storage::kafka_files::CLEAN_SHUTDOWN;
use support::disk::Disk;
use support::runtime::Runtime;
use support::workload::{Model, Setup, check_disk, compare, settle_model, start, stop, work};

/// At each operation; `LOGAN_SEEDS=n` tries more.
const POWER_LOSSES: u64 = 2;

fn setup() -> Setup {
    Setup {
        ack_sync: true,
        logs: 3,
        steps: 14,
        segment_bytes: 40_000,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        recovery_bytes: 64 << 20,
        log_starts: 6,
        shards: 2,
        late_writes: false,
        lock_dies_with_process: false,
        mutations: Mutations::default(),
    }
}

/// What a life does before its stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// The first one.
    New,
    /// The directory was closed cleanly before, and is written to.
    Busy,
    /// It was closed cleanly before, and nothing happens to it.
    Idle,
}

/// Opens, compares, works and stops; `cut` is the operation of the stop at which the power goes. Returns whether it came to that.
fn live(disk: &Rc<Disk>, model: &Rc<RefCell<Model>>, seed: u64, works: bool, cut: Option<u64>) -> bool {
    let runtime = Runtime::new(seed);
    let _killed = runtime.killed_at_last();
    let (dk, rt, md) = (Rc::clone(disk), Rc::clone(&runtime), Rc::clone(model));
    let done = runtime.run(async move {
        let setup = setup();
        let node = Rc::new(start(&dk, &rt, &setup).await.unwrap_or_else(|error| panic!("{error}")));
        check_disk(&node, &dk);
        compare(&node, &md, false).await;
        if works {
            let works = (0..setup.logs)
                .map(|number| work(Rc::clone(&node), Rc::clone(&rt), Rc::clone(&md), setup.clone(), number));
            futures_util::future::join_all(works).await;
        }
        if let Some(cut) = cut {
            dk.dies_at.set(dk.operations.get() + cut);
        }
        md.borrow_mut().has_stop_begun = true;
        stop(Rc::try_unwrap(node).ok().unwrap()).await;
        settle_model(&md);
    });
    assert!(!runtime.is_stuck.get(), "it does not go on");
    assert!(done.is_some() || cut.is_some());
    runtime.kill();
    if done.is_some() {
        // The process is gone, and its lock with it.
        disk.survive_kill();
    }
    done.is_none()
}

fn is_survived(disk: &Rc<Disk>, model: &RefCell<Model>, what: &str) {
    let model = Rc::new(RefCell::new(model.borrow().clone()));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // Twice: a clean stop follows, and its directory is opened.
        live(disk, &model, 7, true, None);
        live(disk, &model, 8, false, None);
    }));
    if let Err(panic) = outcome {
        eprintln!("{what}");
        std::panic::resume_unwind(panic);
    }
}

/// Cuts the stop at each of its operations. Returns how many it has.
fn cut_everywhere(seed: u64, life: Life) -> u64 {
    let losses = std::env::var("LOGAN_SEEDS").map_or(POWER_LOSSES, |losses| losses.parse().unwrap());
    for cut in 1.. {
        let (disk, model) = (Disk::new(), Rc::new(RefCell::new(Model::default())));
        disk.watch_freeing();
        if life != Life::New {
            live(&disk, &model, seed, true, None);
        }
        let is_cut = live(&disk, &model, seed + 1, life != Life::Idle, Some(cut));
        let killed = disk.copy();
        killed.survive_kill_in_mid_write(&Runtime::new(cut));
        is_survived(
            &killed,
            &model,
            &format!("seed {seed}, {life:?}, killed at operation {cut} of the stop"),
        );
        for loss in 0..losses {
            let dark = disk.copy();
            dark.lose_power(&Runtime::new(100 * cut + loss));
            let what = format!("seed {seed}, {life:?}, power loss {loss} at operation {cut} of the stop");
            is_survived(&dark, &model, &what);
        }
        if !is_cut {
            return cut - 1;
        }
    }
    unreachable!("a stop ends")
}

/// Opens, until so many operations of that are done.
fn cut_start(disk: &Rc<Disk>, seed: u64, cut: u64) {
    let runtime = Runtime::new(seed);
    let _killed = runtime.killed_at_last();
    let (dk, rt) = (Rc::clone(disk), Rc::clone(&runtime));
    runtime.run(async move {
        dk.dies_at.set(dk.operations.get() + cut);
        drop(start(&dk, &rt, &setup()).await);
    });
    runtime.kill();
}

/// The first start finds no root and is killed as soon as it has put one in; the second believes what it finds, takes Kafka's marker away, and the
/// power goes.
#[test]
fn a_start_that_finds_what_a_killed_one_left_is_cut_anywhere() {
    const EACH: usize = 4;
    const LOSSES: u64 = 4;
    let has = |disk: &Disk, name: &str| disk.paths().iter().any(|path| path == name);
    let (clean, model) = (Disk::new(), Rc::new(RefCell::new(Model::default())));
    live(&clean, &model, 50, true, None);
    let killed = (1..1_000).map(|cut| {
        let disk = clean.copy();
        cut_start(&disk, cut, cut);
        disk.survive_kill();
        disk
    });
    let mut lives = 0;
    for killed in killed.filter(|disk| has(disk, "logan/root")).take(EACH) {
        let cut = (1..1_000).filter(|cut| {
            let disk = killed.copy();
            cut_start(&disk, *cut, *cut);
            !has(&disk, CLEAN_SHUTDOWN)
        });
        for cut in cut.take(EACH) {
            for loss in 0..LOSSES {
                let dark = killed.copy();
                cut_start(&dark, cut, cut);
                dark.lose_power(&Runtime::new(100 * cut + loss));
                is_survived(
                    &dark,
                    &model,
                    &format!("power loss {loss} at operation {cut} of the second start"),
                );
                lives += 1;
            }
        }
    }
    assert_eq!(lives, EACH * EACH * LOSSES as usize);
}

#[test]
fn the_first_stop_is_cut_anywhere() {
    let operations = cut_everywhere(10, Life::New);
    assert!(operations > 60, "{operations} operations");
}

#[test]
fn a_later_stop_is_cut_anywhere() {
    let operations = cut_everywhere(30, Life::Busy);
    assert!(operations > 60, "{operations} operations");
}

#[test]
fn a_stop_without_work_is_cut_anywhere() {
    let operations = cut_everywhere(40, Life::Idle);
    assert!(operations > 15, "{operations} operations");
}
