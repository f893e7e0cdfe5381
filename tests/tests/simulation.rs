//! The whole broker, simulated: many seeds, each with crashes, and every fault that is planted is found.
//!
//! `LOGAN_SEEDS=100000` runs more of them, `LOGAN_SEED=7` (test `one_seed`) repeats one; `LOGAN_SCENARIO=Disks` says which scenario
//! that is, if it is not the one that the seed chooses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use logan::broker::Mutations;
use logan_tests::simulation::{Run, Scenario, run};

const SEEDS: u64 = 1_000;
/// Of the scenario of log directories that fail, whose runs take longer.
const SEEDS_OF_DISKS: u64 = 400;

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

/// Plants a fault and expects that some seed finds it.
fn is_caught(name: &str, mutations: Mutations, seeds: u64) {
    is_caught_by(name, mutations, (0..seeds).map(|seed| Run { crashes: 3, ..Run::of(seed) }));
}

fn is_caught_by(name: &str, mutations: Mutations, runs: impl Iterator<Item = Run>) {
    let mut seeds = 0;
    for run in runs {
        let (of, seed) = (Run { mutations, ..run }, run.seed);
        seeds += 1;
        if let Err(reason) = attempt(&of) {
            println!("{name}: caught by seed {seed}: {reason}");
            return;
        }
    }
    panic!("{name}: not caught by {seeds} seeds");
}

#[test]
fn a_missing_flush_is_caught() {
    let storage = logan_storage::Mutations { no_flush: true, ..Default::default() };
    is_caught("no flush", Mutations { storage, ..Mutations::default() }, 300);
}

#[test]
fn an_acknowledgement_before_the_writes_is_caught() {
    let storage = logan_storage::Mutations { acknowledge_before_writes: true, ..Default::default() };
    let mutations = Mutations { storage, ..Mutations::default() };
    is_caught("acknowledge before the writes complete", mutations, 500);
}

fn sessions(seeds: u64) -> impl Iterator<Item = Run> {
    (0..seeds).map(|seed| Run::with(seed, Scenario::Sessions))
}

#[test]
fn an_owner_that_keeps_news_from_sessions_is_caught() {
    let mutations = Mutations { forget_news: true, ..Mutations::default() };
    is_caught_by("forgotten news", mutations, sessions(50));
}

#[test]
fn an_owner_that_lets_fetches_of_sessions_sleep_is_caught() {
    let mutations = Mutations { let_fetches_sleep: true, ..Mutations::default() };
    is_caught_by("sleeping fetches", mutations, sessions(50));
}
