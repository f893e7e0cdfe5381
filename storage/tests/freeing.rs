//! The freeing rule, looked at after every step of random lives: see `support/freeing.rs`. Each of the three kinds of entries that give something up is
//! planted a fault, and noticed. `LOGAN_SEEDS=n` runs more seeds.

mod support;

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::rc::Rc;

use logan_storage::config::Mutations;
use support::caught::{quietly, said};
use support::disk::Disk;
use support::freeing::AtStake;
use support::runtime::Runtime;
use support::workload::{Model, Setup, compare, settle_model, start, stop, work};

const SEEDS: u64 = 8;

fn setup(ack_sync: bool, mutations: Mutations) -> Setup {
    Setup {
        ack_sync,
        logs: 4,
        steps: 60,
        segment_bytes: 30_000,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        recovery_bytes: 64 << 20,
        log_starts: 8,
        shards: 1,
        late_writes: false,
        lock_dies_with_process: false,
        mutations,
    }
}

/// Three lives: one that is killed or whose power goes, one that ends cleanly, and one that looks at what they left. What was at stake meanwhile.
fn live(seed: u64, ack_sync: bool, mutations: Mutations) -> AtStake {
    let setup = Setup { shards: 1 + (seed % 2) as u16, ..setup(ack_sync, mutations) };
    let (disk, model) = (Disk::new(), Rc::new(RefCell::new(Model::default())));
    disk.per_file.set(seed.is_multiple_of(4));
    disk.watch_freeing();
    let is_loss = seed.is_multiple_of(3);
    for life in 0..3 {
        let runtime = Runtime::new(seed * 100 + life);
        let _killed = runtime.killed_at_last();
        disk.operations.set(0);
        if life == 0 {
            disk.dies_at.set(600 + runtime.below(1_500));
        }
        let (dk, rt, md, st) = (Rc::clone(&disk), Rc::clone(&runtime), Rc::clone(&model), setup.clone());
        runtime.run(async move {
            let node = Rc::new(start(&dk, &rt, &st).await.unwrap_or_else(|error| panic!("{error}")));
            compare(&node, &md, life == 1 && is_loss && !st.ack_sync).await;
            if life < 2 {
                let works = (0..st.logs)
                    .map(|number| work(Rc::clone(&node), Rc::clone(&rt), Rc::clone(&md), st.clone(), number));
                futures_util::future::join_all(works).await;
                md.borrow_mut().has_stop_begun = true;
                stop(Rc::try_unwrap(node).ok().unwrap()).await;
                settle_model(&md);
            }
        });
        assert!(!runtime.is_stuck.get(), "life {life} does not go on");
        runtime.kill();
        if is_loss {
            disk.lose_power(&runtime);
        } else {
            disk.survive_kill_in_mid_write(&runtime);
        }
    }
    disk.at_stake()
}

fn holds(ack_sync: bool) {
    let seeds = std::env::var("LOGAN_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut all = AtStake::default();
    for seed in 1..=seeds {
        let seen = catch_unwind(|| live(seed, ack_sync, Mutations::default())).unwrap_or_else(|panic| {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(panic)
        });
        all.truncations += seen.truncations;
        all.log_starts += seen.log_starts;
        all.deletions += seen.deletions;
    }
    eprintln!("{all:?}");
    let least = all.truncations.min(all.log_starts).min(all.deletions);
    assert!(least >= seeds, "each kind is to be at stake in every life: {all:?}");
}

#[test]
fn what_is_given_up_is_covered_first() {
    holds(true);
}

#[test]
fn what_is_given_up_is_covered_first_without_flushes() {
    holds(false);
}

/// Some seed notices the fault by one of these `reasons`, which `because` says more of, and none before it notices anything.
fn is_caught(ack_sync: bool, reasons: &[&str], because: &str, plant: impl Fn(&mut Mutations)) {
    let mut mutations = Mutations::default();
    plant(&mut mutations);
    let noticed = quietly(|| {
        (1..=SEEDS).find_map(|seed| {
            let outcome = catch_unwind(|| live(seed, ack_sync, mutations));
            outcome.err().map(|panic| (seed, said(&*panic)))
        })
    });
    let (seed, reason) = noticed.unwrap_or_else(|| panic!("no seed of {SEEDS} notices"));
    let is_known = reason.contains("the freeing rule") && reasons.iter().any(|known| reason.contains(known));
    assert!(is_known && reason.contains(because), "seed {seed} says: {reason}");
    eprintln!("seed {seed}: {reason}");
}

#[test]
fn freeing_what_was_truncated_without_cover_is_caught() {
    for ack_sync in [true, false] {
        is_caught(ack_sync, FREED, "Truncate {", |faults| faults.free_truncated_without_cover = true);
    }
}

#[test]
fn freeing_what_is_below_the_log_start_without_cover_is_caught() {
    for ack_sync in [true, false] {
        is_caught(ack_sync, FREED, "LogStart {", |faults| faults.free_below_start_without_cover = true);
    }
}

#[test]
fn freeing_what_was_deleted_without_cover_is_caught() {
    for ack_sync in [true, false] {
        is_caught(ack_sync, FREED, "Delete {", |faults| faults.free_deleted_without_cover = true);
    }
}

/// What the rule protects is gone, or is about to be.
const FREED: &[&str] = &["the file is gone", "is in flight", "is in the cache", "the file is cut"];

/// The other half of the rule: what was acknowledged and is no fact yet.
#[test]
fn acknowledging_before_the_writes_is_caught() {
    let reasons = ["was acknowledged and is not there"];
    is_caught(true, &reasons, "Kill", |faults| faults.acknowledge_before_writes = true);
}
