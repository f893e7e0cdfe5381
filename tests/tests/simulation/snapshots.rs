//! The metadata log is cut at snapshots, and a start goes on from one: faults in that are caught.

use logan::broker::Mutations;
use logan_tests::simulation::Run;

use super::{is_caught_by, plain};

/// Runs in which the log is cut after about every change, or after some.
fn cut(seeds: u64) -> impl Iterator<Item = Run> {
    plain(seeds).map(|run| Run { snapshot_after_bytes: 300 + 700 * (run.seed % 3), ..run })
}

#[test]
fn a_metadata_log_that_is_not_cut_is_caught() {
    let mutations = Mutations { forget_snapshots: true, ..Mutations::default() };
    is_caught_by("where a snapshot is due after", mutations, cut(10));
}

#[test]
fn a_snapshot_that_reaches_less_far_than_it_says_is_caught() {
    let mutations = Mutations { snapshot_ahead: true, ..Mutations::default() };
    // Most of these say that they reach an entry which is not committed yet, and are refused; of those that are not, the entry is lost.
    is_caught_by("where a snapshot is due after", mutations, cut(10));
    is_caught_by("a record creates topic", mutations, cut(300));
}

#[test]
fn a_snapshot_that_reaches_further_than_it_says_is_caught() {
    let mutations = Mutations { snapshot_behind: true, ..Mutations::default() };
    is_caught_by("a record creates topic", mutations, cut(100));
}

#[test]
fn a_snapshot_without_the_producer_ids_is_caught() {
    let mutations = Mutations { snapshot_without_producer_ids: true, ..Mutations::default() };
    is_caught_by("was given twice", mutations, cut(50));
}

#[test]
fn a_start_without_the_snapshot_is_caught() {
    let mutations = Mutations { start_without_snapshot: true, ..Mutations::default() };
    is_caught_by("whose topic the metadata does not know", mutations, cut(50));
}
