//! The mutations that only a run notices which is aimed at them, and what such runs find without: nothing.

use logan::broker::Mutations;
use logan_tests::simulation::aimed::{Aim, Aimed, run_aimed};

use super::{attempt, number};

const SEEDS: u64 = 60;

fn aimed(aim: Aim, seeds: u64) -> impl Iterator<Item = Aimed> {
    (0..seeds).map(move |seed| Aimed::with(seed, aim))
}

fn hold(aim: Aim, seeds: u64) {
    let mut failed = 0;
    let first = number("LOGAN_FIRST_SEED").unwrap_or(0);
    // Some runs take longer than others, and are fewer in proportion.
    let seeds = number("LOGAN_SEEDS").map_or(seeds, |asked| (asked * seeds / SEEDS).max(1));
    for of in (first..first + seeds).map(|seed| Aimed::with(seed, aim)) {
        if let Err(reason) = attempt(|| run_aimed(&of)) {
            failed += 1;
            let seed = of.seed;
            eprintln!(
                "seed {seed}: {reason}\nrepeat: LOGAN_SEED={seed} LOGAN_AIM={aim:?} cargo test -p logan-tests --test simulation one_aimed_seed"
            );
            if number("LOGAN_GOES_ON").is_none() {
                break;
            }
        }
    }
    assert_eq!(failed, 0, "runs of {aim:?} that fail");
}

#[test]
fn a_machine_that_goes_down_while_segments_are_rolled_loses_nothing() {
    hold(Aim::Moments, SEEDS);
}

#[test]
fn a_process_that_is_killed_in_mid_write_loses_nothing() {
    hold(Aim::Kills, SEEDS);
}

#[test]
fn a_start_that_is_cut_while_it_gives_names_leaves_none_that_no_log_has() {
    hold(Aim::Starts, SEEDS);
}

#[test]
fn a_search_by_time_finds_the_first_record() {
    hold(Aim::Times, 30);
}

#[test]
fn a_round_waits_for_the_checkpoint_that_frees_its_place() {
    hold(Aim::Laps, 6);
}

#[test]
fn what_is_freed_is_covered_first() {
    hold(Aim::Freed, 10);
}

#[test]
fn records_of_another_history_are_not_followed() {
    hold(Aim::Mirror, SEEDS);
}

#[test]
fn a_disk_that_hangs_takes_no_other_along() {
    hold(Aim::Hangs, 10);
}

#[test]
fn a_directory_that_missed_a_deletion_comes_back() {
    hold(Aim::Deleted, 10);
}

#[test]
fn frames_are_charged_until_their_owners_have_answered() {
    hold(Aim::Severed, 10);
}

#[test]
fn a_command_that_waits_is_decided() {
    hold(Aim::Waiting, 10);
}

#[test]
fn one_aimed_seed() {
    let name = std::env::var("LOGAN_AIM").unwrap_or_else(|_| "Moments".into());
    let aim = Aim::ALL.into_iter().find(|aim| format!("{aim:?}") == name);
    let aim = aim.unwrap_or_else(|| panic!("LOGAN_AIM={name}: there are {:?}", Aim::ALL));
    let of = Aimed::with(number("LOGAN_SEED").unwrap_or(0), aim);
    run_aimed(&of).unwrap_or_else(|reason| panic!("seed {}: {reason}", of.seed));
}

/// As [`super::is_caught_by`].
fn is_caught_by(why: &str, plant: impl Fn(&mut Aimed), runs: impl Iterator<Item = Aimed>) {
    let mut seeds = 0;
    for mut of in runs {
        plant(&mut of);
        seeds += 1;
        match attempt(|| run_aimed(&of)) {
            Err(reason) if reason.contains(why) => {
                return println!("{why}: caught by seed {}: {reason}", of.seed);
            }
            Err(reason) => println!("{why}: seed {} finds something else: {reason}", of.seed),
            Ok(()) => {}
        }
    }
    panic!("{why}: not caught by {seeds} seeds");
}

fn in_storage(plant: impl Fn(&mut logan_storage::Mutations)) -> impl Fn(&mut Aimed) {
    move |of| plant(&mut of.mutations.storage)
}

#[test]
fn a_segment_that_is_named_before_its_roll_is_durable_is_caught() {
    let plant = in_storage(|faults| faults.rename_before_durable = true);
    is_caught_by("is a segment file of no log", plant, aimed(Aim::Moments, SEEDS));
}

#[test]
fn a_file_size_that_is_taken_for_prepared_is_caught() {
    let plant = in_storage(|faults| faults.file_size_is_prepared = true);
    is_caught_by("not prepared on the disk", plant, aimed(Aim::Moments, SEEDS));
}

#[test]
fn hints_that_nobody_vouches_for_are_caught() {
    let plant = in_storage(|faults| faults.believe_unvouched_hints = true);
    is_caught_by("as batches say, and is told to be", plant, aimed(Aim::Moments, SEEDS));
}

#[test]
fn a_lock_that_dies_with_its_process_is_caught() {
    is_caught_by(
        "overlaps another that is under way",
        |of| of.lock_dies_with_process = true,
        aimed(Aim::Kills, SEEDS),
    );
}

#[test]
fn workers_that_one_disk_may_keep_are_caught() {
    is_caught_by("which hangs, and waits with it", |of| of.without_gates = true, aimed(Aim::Hangs, 10));
}

#[test]
fn a_round_log_file_that_is_used_again_before_the_checkpoint_is_caught() {
    let plant = in_storage(|faults| faults.reuse_before_checkpoint = true);
    is_caught_by("round 1 is missing, but round", plant, aimed(Aim::Laps, 6));
}

#[test]
fn a_segment_that_is_freed_without_cover_is_caught() {
    let plant = in_storage(|faults| faults.free_below_start_without_cover = true);
    is_caught_by("main-0/00000000000000000000.log: not found", plant, aimed(Aim::Freed, 10));
}

#[test]
fn a_chain_that_is_not_checked_is_caught() {
    let plant = in_storage(|faults| faults.drop_chain_check = true);
    is_caught_by(super::LOST, plant, aimed(Aim::Mirror, SEEDS));
}

#[test]
fn a_missing_flush_is_caught() {
    let plant = in_storage(|faults| faults.no_flush = true);
    is_caught_by("is missing, but round", plant, aimed(Aim::Moments, SEEDS));
}

#[test]
fn an_acknowledgement_before_the_writes_is_caught() {
    let plant = in_storage(|faults| faults.acknowledge_before_writes = true);
    is_caught_by(super::TAKEN_BACK, plant, aimed(Aim::Moments, SEEDS));
}

#[test]
fn a_start_without_rounds_that_were_durable_is_caught() {
    let plant = in_storage(|faults| faults.believe_round_logs = true);
    is_caught_by(super::LOST, plant, aimed(Aim::Mirror, SEEDS));
}

#[test]
fn a_record_that_is_shown_before_it_is_settled_is_caught() {
    let mutations = Mutations { tell_unsettled: true, ..super::reads_unsettled() };
    // A producer sends again what is lost, to the same offset if no other producer comes first.
    is_caught_by("was shown", |of| of.mutations = mutations, aimed(Aim::Kills, SEEDS));
}

/// What is not there is the fresh round log, which nobody flushed.
#[test]
fn a_start_that_does_not_flush_is_caught() {
    let storage = logan_storage::Mutations { open_without_flushing: true, ..Default::default() };
    super::is_caught_by("logan/checkpoint-", Mutations { storage, ..Mutations::default() }, super::plain(50));
}

/// It gives a segment the name that an entry says, and a power loss takes that entry back.
#[test]
fn a_start_that_does_not_flush_what_it_has_found_is_caught() {
    let plant = in_storage(|faults| faults.complete_unflushed = true);
    is_caught_by("is a segment file of no log", plant, aimed(Aim::Starts, SEEDS));
}

#[test]
fn a_search_by_time_that_goes_astray_on_disk_is_caught() {
    let plant = in_storage(|faults| faults.search_from_last_entry = true);
    is_caught_by("too late, or not at all", plant, aimed(Aim::Times, 30));
}

#[test]
fn a_search_by_time_that_ends_with_a_batch_is_caught() {
    is_caught_by("too early", |of| of.mutations.tell_batch_of_time = true, aimed(Aim::Times, 30));
}

#[test]
fn a_deletion_that_is_forgotten_with_the_metadata_log_is_caught() {
    let plant = |of: &mut Aimed| of.mutations.snapshot_without_deletions = true;
    is_caught_by("does not come back after a deletion that it missed", plant, aimed(Aim::Deleted, 10));
}

#[test]
fn a_deletion_that_is_forgotten_without_its_directory_is_caught() {
    let plant = |of: &mut Aimed| of.mutations.forget_absent_directories = true;
    is_caught_by("does not come back after a deletion that it missed", plant, aimed(Aim::Deleted, 10));
}

#[test]
fn a_credit_that_is_given_back_while_owners_hold_the_frame_is_caught() {
    is_caught_by("are charged", |of| of.mutations.leave_owners = true, aimed(Aim::Severed, 30));
}

#[test]
fn a_request_that_is_given_up_while_it_is_handed_on_is_caught() {
    is_caught_by("are charged", |of| of.mutations.leave_half_way = true, aimed(Aim::Severed, 30));
}

#[test]
fn a_command_that_is_left_to_wait_is_caught() {
    is_caught_by("was not answered", |of| of.mutations.leave_waiting = true, aimed(Aim::Waiting, 10));
}
