//! The whole broker, simulated: many seeds, each with crashes, and every fault that is planted is found.
//!
//! `LOGAN_SEEDS=100000` runs more of them, `LOGAN_SEED=7` (test `one_seed`) repeats one; `LOGAN_SCENARIO=Disks` says which scenario
//! that is, if it is not the one that the seed chooses; `LOGAN_AIM=Laps` (test `one_aimed_seed`) says at what a run was aimed. `LOGAN_FIRST_SEED` begins with another one than 0, and `LOGAN_GOES_ON` tells of a seed
//! that fails and goes on with the next.

#[path = "simulation/aimed.rs"]
mod aimed;
#[path = "simulation/snapshots.rs"]
mod snapshots;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use logan::broker::{Mutations, Shortages, Snapshots};
use logan_tests::simulation::{Lives, Outcome, Run, Scenario, run};

const SEEDS: u64 = 1_000;
/// Of the scenario of log directories that fail, whose runs take longer.
const SEEDS_OF_DISKS: u64 = 400;
const SEEDS_OF_DAMAGE: u64 = 300;
const SEEDS_OF_LOSS: u64 = 300;
/// Of each scenario that acknowledges before it flushes.
const SEEDS_UNSYNCED: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Runs a seed; a panic counts as a failure.
fn attempt<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
        }
    }
}

/// Runs seeds from [`first`] on, on all cores, until one fails.
fn all_hold(seeds: u64, run_of: impl Fn(u64) -> Run + Sync) -> Vec<Outcome> {
    let first = number("LOGAN_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (outcomes, failed) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let of = run_of(next.fetch_add(1, Ordering::Relaxed));
                    let (seed, scenario) = (of.seed, of.scenario);
                    if seed >= first + seeds {
                        return;
                    }
                    match attempt(|| run(&of)) {
                        Ok(outcome) => outcomes.lock().expect("nothing panics holding it").push(outcome),
                        Err(reason) => {
                            let repeat = format!(
                                "repeat: LOGAN_SEED={seed} LOGAN_SCENARIO={scenario:?} \
                                 cargo test -p logan-tests --test simulation one_seed"
                            );
                            if number("LOGAN_GOES_ON").is_some() {
                                eprintln!("seed {seed}: {reason}\n{repeat}");
                                failed.fetch_add(1, Ordering::Relaxed);
                                continue;
                            }
                            // The others end with their seed.
                            next.store(first + seeds, Ordering::Relaxed);
                            panic!("seed {seed}: {reason}\n{repeat}");
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed == 0, "{failed} of {seeds} seeds fail");
    outcomes.into_inner().expect("nobody panicked")
}

/// What befell the disks of all runs together.
fn struck(outcomes: &[Outcome]) -> BTreeMap<&str, u32> {
    let mut all = BTreeMap::new();
    for (what, times) in outcomes.iter().flat_map(|outcome| &outcome.struck) {
        *all.entry(what.as_str()).or_default() += times;
    }
    println!("{all:?}");
    all
}

fn often(all: &BTreeMap<&str, u32>, least: u32, whats: &[&str]) {
    for what in whats {
        let times = all.get(what).copied().unwrap_or(0);
        assert!(times >= least, "{what}: {times} times in all runs, and not {least}");
    }
}

#[test]
fn what_was_acknowledged_survives() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS);
    let outcomes = all_hold(seeds, Run::of);
    let sum = |count: fn(&Lives) -> u32| {
        outcomes.iter().map(|outcome| u64::from(count(&outcome.lives))).sum::<u64>()
    };
    let deleted = sum(|lives| lives.deleted);
    let (again, orphans, interrupted) =
        (sum(|lives| lives.again), sum(|lives| lives.orphans), sum(|lives| lives.interrupted));
    println!(
        "topics with records deleted {deleted}, names given again {again}, where a producer went on {orphans}, \
         deleted in mid-work {interrupted}"
    );
    let mut snapshots = Snapshots::default();
    for outcome in &outcomes {
        snapshots += outcome.snapshots;
    }
    println!("{snapshots:?}");
    if seeds >= SEEDS {
        let Snapshots { begun, taken, found, .. } = snapshots;
        // Of those that were not taken, most were cut.
        assert!(
            u64::from(taken) > 2 * seeds
                && u64::from(found) > seeds / 3
                && u64::from(begun - taken) > seeds / 50
        );
        assert!(deleted > seeds && again > seeds / 2 && orphans > seeds / 2 && interrupted > seeds / 8);
    }
}

#[test]
fn log_directories_that_fail() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_DISKS);
    let outcomes = all_hold(seeds, |seed| Run::with(seed, Scenario::Disks));
    let all = struck(&outcomes);
    if seeds >= SEEDS_OF_DISKS {
        often(&all, 3, &OF_DISKS);
    }
}

/// Of what may befall a log directory, what a broker must often have met.
const OF_DISKS: [&str; 10] = [
    "Error(5) of Write",
    "Error(5) of Sync",
    "Error(5) of Read",
    "Error(5) of Open",
    "Error(5) of Rename",
    "Error(5) of RemoveFile",
    "Error(5) of MakeDirectory",
    "Hang(None) of Write",
    "Hang for a while of Sync",
    "NoSpace of Allocate",
];

#[test]
fn damage_is_told_and_never_served() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_DAMAGE);
    all_hold(seeds, |seed| Run::with(seed, Scenario::Damage));
}

#[test]
fn a_write_that_is_lost_is_told_and_nothing_wrong_is_served() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS_OF_LOSS);
    let outcomes = all_hold(seeds, |seed| Run::with(seed, Scenario::Lost));
    let all = struck(&outcomes);
    if seeds >= SEEDS_OF_LOSS {
        often(
            &all,
            3,
            &["Write of Segment", "Write of Rounds", "Write of Metadata", "Write of Hint", "Write of Text"],
        );
        often(&all, 10, &["a loss was accepted"]);
    }
}

#[test]
fn without_flushes_a_kill_loses_nothing() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS_UNSYNCED);
    all_hold(seeds, |seed| Run::with(seed, Scenario::Killed));
}

#[test]
fn without_flushes_a_power_loss_leaves_a_prefix() {
    let seeds = number("LOGAN_SEEDS").unwrap_or(SEEDS_UNSYNCED);
    let outcomes = all_hold(seeds, |seed| Run::with(seed, Scenario::Unsynced));
    let all = struck(&outcomes);
    if seeds >= SEEDS_UNSYNCED {
        often(&all, 100, &["records were lost"]);
    }
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
    let of_others = [Scenario::Disks, Scenario::Damage, Scenario::Lost, Scenario::Killed, Scenario::Unsynced];
    let others = of_others.iter().flat_map(|scenario| (0..4).map(|seed| Run::with(seed, *scenario)));
    for of in (0..10).map(Run::of).chain(others) {
        assert_eq!(run(&of), run(&of), "seed {} of {:?}", of.seed, of.scenario);
    }
}

/// Plants a fault and expects that some run finds it, and says why: only a reason with `why` in it is the fault's own.
fn is_caught_by(why: &str, mutations: Mutations, runs: impl Iterator<Item = Run>) {
    let mut seeds = 0;
    for of in runs {
        let (of, seed) = (Run { mutations, ..of }, of.seed);
        seeds += 1;
        match attempt(|| run(&of)) {
            Err(reason) if reason.contains(why) => return println!("{why}: caught by seed {seed}: {reason}"),
            Err(reason) => println!("{why}: seed {seed} finds something else: {reason}"),
            Ok(_) => {}
        }
    }
    panic!("{why}: not caught by {seeds} seeds of {mutations:?}");
}

/// Readers are not shown any more what they were shown.
const TAKEN_BACK: &str = "was shown to exist and is out of range";
/// What was acknowledged is not there any more.
const LOST: &str = "records were acknowledged, and the watermark told is";

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
    println!("{all:?}");
    let Shortages { frames, waits, responses, copies, appends, unpacking, answers: _, searches: _ } = all;
    assert!([frames, waits, responses, copies, appends, unpacking].iter().all(|times| *times > 0), "{all:?}");
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
fn buffers_that_nobody_is_charged_for_are_caught() {
    let storage = logan_storage::Mutations { keep_reads: true, ..Default::default() };
    is_caught_by("are charged", Mutations { storage, ..Mutations::default() }, scarce(100));
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
    is_caught_by("and the watermark told is", mutations, plain(600));
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

#[test]
fn a_watermark_that_falls_is_caught() {
    let mutations = Mutations { tell_unsettled: true, ..Mutations::default() };
    is_caught_by("and fell to", mutations, plain(300));
}

#[test]
fn a_producer_id_that_is_given_twice_is_caught() {
    let mutations = Mutations { forget_producer_ids: true, ..Mutations::default() };
    is_caught_by("was given twice", mutations, plain(50));
}

#[test]
fn logs_of_deleted_topics_that_stay_are_caught() {
    let mutations = Mutations { keep_deleted_logs: true, ..Mutations::default() };
    let runs = plain(100).map(|run| Run { crashes: 0, ..run });
    is_caught_by("is left of a topic that was deleted", mutations, runs);
}

#[test]
fn records_of_a_deleted_topic_in_the_next_of_its_name_are_caught() {
    let mutations = Mutations { keep_deleted_logs: true, ids_of_names: true, ..Mutations::default() };
    is_caught_by("of another life is shown", mutations, plain(100));
    is_caught_by("is new, and what is first sent", mutations, plain(100));
}

#[test]
fn a_leader_epoch_that_falls_is_caught() {
    let mutations = Mutations { tell_older_epochs: true, ..Mutations::default() };
    is_caught_by("its leader epoch was told as", mutations, plain(50));
}

#[test]
fn two_lives_that_lead_in_one_epoch_are_caught() {
    let mutations = Mutations { keep_leader_epochs: true, ..Mutations::default() };
    is_caught_by("and is again by life", mutations, plain(50));
}

#[test]
fn an_end_of_a_leader_epoch_that_is_wrong_is_caught() {
    let mutations = Mutations { end_epochs_late: true, ..Mutations::default() };
    is_caught_by("and the batch at", mutations, plain(50));
}

fn killed(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Killed))
}

fn unsynced(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Unsynced))
}

#[test]
fn without_flushes_an_acknowledgement_before_the_writes_is_caught() {
    let storage = logan_storage::Mutations { acknowledge_before_writes: true, ..Default::default() };
    // Readers are not shown any more what they were shown.
    let why = "cannot be read: OFFSET_OUT_OF_RANGE";
    is_caught_by(why, Mutations { storage, ..Mutations::default() }, killed(300));
}

#[test]
fn a_flush_that_a_topic_asks_for_and_that_is_missing_is_caught() {
    let storage = logan_storage::Mutations { forget_flushes: true, ..Default::default() };
    let mutations = Mutations { storage, ..Mutations::default() };
    is_caught_by("and flush.messages is", mutations, unsynced(300));
    is_caught_by("and flush.ms is", mutations, unsynced(300));
}

#[test]
fn a_leader_epoch_that_outlives_its_records_is_caught() {
    let mutations = Mutations { keep_leader_epochs: true, ..Mutations::default() };
    is_caught_by("lost records of leader epoch", mutations, unsynced(100));
}
