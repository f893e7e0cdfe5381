//! The whole broker, simulated: many seeds, each with crashes, and every fault that is planted is found.
//!
//! `LOGAN_SEEDS=100000` runs more of them, `LOGAN_SEED=7` (test `one_seed`) repeats one; `LOGAN_SCENARIO=Disks` says which scenario
//! that is, if it is not the one that the seed chooses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use logan::broker::{Mutations, Shortages};
use logan_tests::simulation::{Run, Scenario, run};

const SEEDS: u64 = 1_000;
/// Of the scenario of log directories that fail, whose runs take longer.
const SEEDS_OF_DISKS: u64 = 400;
const SEEDS_OF_DAMAGE: u64 = 300;
const SEEDS_OF_LOSS: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Runs a seed; a panic counts as a failure.
fn attempt(of: &Run) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| run(of))) {
        Ok(outcome) => outcome.map(drop),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
        }
    }
}

/// Runs seeds from 0 on, on all cores, until one fails.
fn all_hold(seeds: u64, run_of: impl Fn(u64) -> Run + Sync) {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let of = run_of(next.fetch_add(1, Ordering::Relaxed));
                    let (seed, scenario) = (of.seed, of.scenario);
                    if seed >= seeds {
                        return;
                    }
                    if let Err(reason) = attempt(&of) {
                        // The others end with their seed.
                        next.store(seeds, Ordering::Relaxed);
                        panic!(
                            "seed {seed}: {reason}\nrepeat: LOGAN_SEED={seed} LOGAN_SCENARIO={scenario:?} \
                             cargo test -p logan-tests --test simulation one_seed"
                        );
                    }
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives() {
    all_hold(number("LOGAN_SEEDS").unwrap_or(SEEDS), Run::of);
}

#[test]
fn log_directories_that_fail() {
    all_hold(number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_DISKS), |seed| Run::with(seed, Scenario::Disks));
}

#[test]
fn damage_is_told_and_never_served() {
    all_hold(number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_DAMAGE), |seed| Run::with(seed, Scenario::Damage));
}

#[test]
fn a_write_that_is_lost_is_told_and_nothing_wrong_is_served() {
    all_hold(number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_LOSS), |seed| Run::with(seed, Scenario::Lost));
}

fn scenario(name: &str) -> Scenario {
    let found = Scenario::ALL.into_iter().find(|scenario| format!("{scenario:?}") == name);
    found.unwrap_or_else(|| panic!("LOGAN_SCENARIO={name}: there are {:?}", Scenario::ALL))
}

#[test]
fn one_seed() {
    let seed = number("LOGAN_SEED").unwrap_or(0);
    let of = match std::env::var("LOGAN_SCENARIO") {
        Ok(name) => Run::with(seed, scenario(&name)),
        Err(_) => Run::of(seed),
    };
    let outcome = run(&of).unwrap_or_else(|reason| panic!("seed {}: {reason}", of.seed));
    println!("{of:?}: {outcome:?}");
    assert!(outcome.acknowledged > 0);
}

#[test]
fn the_same_seed_twice_gives_the_same_trace() {
    for seed in 0..10 {
        assert_eq!(run(&Run::of(seed)), run(&Run::of(seed)), "seed {seed}");
    }
}

/// Plants a fault and expects that some run finds it, and says why: only a reason with `why` in it is the fault's own.
fn is_caught_by(why: &str, mutations: Mutations, runs: impl Iterator<Item = Run>) {
    let mut seeds = 0;
    for run in runs {
        let (of, seed) = (Run { mutations, ..run }, run.seed);
        seeds += 1;
        match attempt(&of) {
            Err(reason) if reason.contains(why) => return println!("{why}: caught by seed {seed}: {reason}"),
            Err(reason) => println!("{why}: seed {seed} finds something else: {reason}"),
            Ok(()) => {}
        }
    }
    panic!("{why}: not caught by {seeds} seeds of {mutations:?}");
}

/// Readers are not shown any more what they were shown.
const TAKEN_BACK: &str = "was shown to exist and is out of range";
/// What was acknowledged is not there any more.
const LOST: &str = "records were acknowledged, and the watermark told is";

#[test]
fn a_missing_flush_is_caught() {
    let storage = logan_storage::Mutations { no_flush: true, ..Default::default() };
    is_caught_by(LOST, Mutations { storage, ..Mutations::default() }, plain(300));
}

#[test]
fn an_acknowledgement_before_the_writes_is_caught() {
    let storage = logan_storage::Mutations { acknowledge_before_writes: true, ..Default::default() };
    is_caught_by(TAKEN_BACK, Mutations { storage, ..Mutations::default() }, plain(500));
}

/// Little memory: readers find little in the tail cache. A short run alone may find enough of it.
fn scarce(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Memory))
}

#[test]
fn every_kind_of_memory_runs_short() {
    let mut all = Shortages::default();
    for of in scarce(50) {
        all += run(&of).unwrap_or_else(|reason| panic!("seed {}: {reason}", of.seed)).shortages;
    }
    // Nothing is compressed here, so nothing is unpacked.
    let Shortages { frames, waits, responses, copies, appends, unpacking: _, answers: _, searches: _ } = all;
    assert!([frames, waits, responses, copies, appends].iter().all(|times| *times > 0), "{all:?}");
}

#[test]
fn a_write_buffer_that_is_not_charged_is_caught() {
    let storage = logan_storage::Mutations { forget_memory: true, ..Default::default() };
    is_caught_by("write buffers hold", Mutations { storage, ..Mutations::default() }, plain(10));
}

#[test]
fn a_write_buffer_that_stays_charged_is_caught() {
    let storage = logan_storage::Mutations { keep_memory: true, ..Default::default() };
    is_caught_by("write buffers hold", Mutations { storage, ..Mutations::default() }, plain(10));
}

#[test]
fn a_request_without_credit_is_caught() {
    let mutations = Mutations { forget_frames: true, ..Mutations::default() };
    is_caught_by("has credit for", mutations, plain(10));
}

#[test]
fn a_credit_that_is_not_given_back_is_caught() {
    let mutations = Mutations { keep_credit: true, ..Mutations::default() };
    is_caught_by("has not got back its memory", mutations, plain(10));
}

#[test]
fn a_start_that_gives_up_with_one_volume_is_caught() {
    let mutations = Mutations { insist_on_volumes: true, ..Mutations::default() };
    let runs = (0..400).map(|seed| Run { crashes: 3, ..Run::with(seed, Scenario::Disks) });
    is_caught_by("failed while the node started, and that gave up", mutations, runs);
}

fn damaged(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Damage))
}

#[test]
fn a_damaged_batch_that_is_served_is_caught() {
    let storage = logan_storage::Mutations { believe_batches: true, ..Default::default() };
    is_caught_by("shows a batch that is none", Mutations { storage, ..Mutations::default() }, damaged(400));
}

#[test]
fn a_start_without_rounds_that_were_durable_is_caught() {
    let storage = logan_storage::Mutations { believe_round_logs: true, ..Default::default() };
    is_caught_by(LOST, Mutations { storage, ..Mutations::default() }, damaged(2000));
}

fn sessions(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Sessions))
}

#[test]
fn an_owner_that_keeps_news_from_sessions_is_caught() {
    let mutations = Mutations { forget_news: true, ..Mutations::default() };
    is_caught_by("was told", mutations, sessions(50));
}

#[test]
fn an_owner_that_lets_fetches_of_sessions_sleep_is_caught() {
    let mutations = Mutations { let_fetches_sleep: true, ..Mutations::default() };
    is_caught_by("a fetch slept on", mutations, sessions(50));
}

fn plain(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run { crashes: 3, ..Run::with(seed, Scenario::Plain) })
}

#[test]
fn a_watermark_that_is_too_low_is_caught() {
    let mutations = Mutations { lower_watermark: true, ..Mutations::default() };
    is_caught_by("above the watermark", mutations, plain(50));
    is_caught_by("and the watermark told is", mutations, plain(50));
}

/// What a reader may see is limited twice, by the watermark and by the log: both must fail.
fn reads_unsettled() -> Mutations {
    let storage = logan_storage::Mutations { read_unsettled: true, ..Default::default() };
    Mutations { storage, read_unsettled: true, ..Mutations::default() }
}

#[test]
fn a_read_above_the_watermark_is_caught() {
    is_caught_by("above the watermark", reads_unsettled(), plain(300));
}

#[test]
fn a_read_of_the_disk_above_the_watermark_is_caught() {
    let storage = logan_storage::Mutations { read_unsettled_from_disk: true, ..Default::default() };
    let mutations = Mutations { storage, read_unsettled: true, ..Mutations::default() };
    is_caught_by("above the watermark", mutations, scarce(300));
}

#[test]
fn a_record_that_is_shown_before_it_is_settled_is_caught() {
    let mutations = Mutations { tell_unsettled: true, ..reads_unsettled() };
    // A producer sends again what is lost, to the same offset if no other producer comes first.
    let runs = plain(300).map(|run| Run { partitions: 1, producers: 3, batches: 30, crashes: 8, ..run });
    is_caught_by("was shown", mutations, runs);
}

#[test]
fn a_batch_that_is_appended_twice_is_caught() {
    let mutations = Mutations { append_duplicates: true, ..Mutations::default() };
    is_caught_by("comes again", mutations, plain(300));
}

#[test]
fn an_answer_before_all_shards_have_applied_it_is_caught() {
    let mutations = Mutations { answer_before_applied: true, ..Mutations::default() };
    let runs = plain(300).map(|run| Run { shards: 3, ..run });
    is_caught_by("when asked after that", mutations, runs);
}

#[test]
fn responses_out_of_order_are_caught() {
    let mutations = Mutations { answer_out_of_order: true, ..Mutations::default() };
    let runs = (0..50).map(|seed| Run::with(seed, Scenario::ShortLanes));
    is_caught_by("responses come in the order of their requests", mutations, runs);
}
