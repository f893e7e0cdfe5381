//! The log on disk, with the power failing or the process killed at every operation.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use proptest::prelude::*;
use raft::eraftpb::{Entry, HardState};

use super::memory::{MemoryDirectory, seeded};
use crate::Identity;
use crate::files::{Directory, FileError};
use crate::limits::MAX_LOG_BYTES;
use crate::log::format::{FRAME_HEAD, frame_bytes};
use crate::log::{Lengths, Log, LogError, LogView, OpenedLog};

const IDENTITY: Identity = Identity { node_id: 0, directory_id: [7; 16] };
const BLOCK: usize = 4096;

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing in memory waits")
}

/// Nothing is prepared, but for what comes next.
fn open(directory: &MemoryDirectory, salt: u32) -> Result<OpenedLog, LogError> {
    open_with(directory, salt, 0)
}

fn open_with(directory: &MemoryDirectory, salt: u32, reserve: u64) -> Result<OpenedLog, LogError> {
    let lengths = Lengths { longest: MAX_LOG_BYTES, reserve };
    now(Log::open(Rc::new(directory.clone()), IDENTITY, true, salt, lengths))
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries from `back` before the end of the log (never committed ones), with so many bytes each.
    Append { back: u64, sizes: Vec<usize>, commit: u64 },
    /// A snapshot at so many entries before the commit index.
    Snapshot { back: u64 },
    /// The log was left alone for a while.
    Cover,
    /// The disk has room for so many bytes more, or for any number.
    Leave(Option<u64>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let append = (0..3_u64, proptest::collection::vec(0..1500_usize, 0..4), 0..4_u64)
        .prop_map(|(back, sizes, commit)| Step::Append { back, sizes, commit });
    let leave = proptest::option::of(0..6_000_u64).prop_map(Step::Leave);
    prop_oneof![
        4 => append,
        1 => (0..3_u64).prop_map(|back| Step::Snapshot { back }),
        2 => Just(Step::Cover),
        1 => leave,
    ]
}

/// The state that a snapshot at `index` stands for.
fn state_at(index: u64) -> Bytes {
    Bytes::from(format!("state up to {index} {}", "x".repeat(index as usize % 700)))
}

/// What the log must hold after the power failed.
struct Model {
    view: LogView,
    /// What it may hold as well: the step under way.
    next: Option<LogView>,
}

/// What an append at this point of the run brings.
fn next_append(view: &LogView, back: u64, sizes: &[usize], commit: u64) -> (HardState, Vec<Entry>) {
    let mut hard = view.hard_state().clone();
    hard.term += u64::from(back > 0);
    hard.vote = hard.term;
    let from = (view.last() + 1 - back.min(view.last() - hard.commit)).max(hard.commit + 1);
    let entries: Vec<Entry> = sizes
        .iter()
        .zip(from..)
        .map(|(size, index)| {
            let mut entry = Entry::default();
            (entry.index, entry.term) = (index, hard.term);
            entry.data = Bytes::from(vec![index as u8; *size]);
            entry
        })
        .collect();
    let last = if entries.is_empty() { view.last() } else { from + entries.len() as u64 - 1 };
    hard.commit = (hard.commit + commit).min(last);
    (hard, entries)
}

/// Runs the steps until one fails. What finds no space is left out, as a proposal is then refused.
fn run(directory: &MemoryDirectory, opened: &mut OpenedLog, steps: &[Step], model: &mut Model) {
    for step in steps {
        let result = match step {
            Step::Append { back, sizes, commit } => {
                let (hard, entries) = next_append(&opened.view, *back, sizes, *commit);
                let mut next = opened.view.clone();
                next.append(&hard, &entries).expect("the model's entries continue its log");
                let bytes = frame_bytes(&entries.iter().map(|entry| entry.data.len()).collect::<Vec<_>>());
                match now(opened.log.prepare(bytes)) {
                    Ok(room) if room < bytes => continue,
                    Ok(_) => {}
                    Err(_) => return,
                }
                model.next = Some(next.clone());
                now(opened.log.append(&hard, &entries)).map(|()| next)
            }
            Step::Snapshot { back } => {
                let index = opened.view.hard_state().commit.saturating_sub(*back);
                if index <= opened.view.base_index() {
                    continue;
                }
                match now(opened.log.cut(&opened.view, index, &state_at(index), 5)) {
                    Ok(Err(FileError::NoSpace { .. })) => continue,
                    Ok(cut) => cut.map_err(LogError::from),
                    Err(error) => Err(error),
                }
            }
            Step::Cover => {
                let view = opened.view.clone();
                now(opened.log.cover(view.hard_state())).map(|()| view)
            }
            Step::Leave(room) => {
                directory.leave(*room);
                continue;
            }
        };
        let Ok(view) = result else { return };
        opened.view = view;
        model.view = opened.view.clone();
        model.next = None;
        opened.view.check();
    }
}

/// The same entries and hard state, wherever the log was cut.
fn holds(found: &OpenedLog, expected: &LogView) -> bool {
    let view = &found.view;
    let base = view.base_index().max(expected.base_index());
    let state_fits = match &found.snapshot {
        None => view.base_index() == 1,
        Some(data) => *data == state_at(view.base_index()),
    };
    state_fits
        && view.base_index() <= expected.hard_state().commit
        && view.hard_state() == expected.hard_state()
        && view.last() == expected.last()
        && view.range(base + 1, view.last()) == expected.range(base + 1, expected.last())
}

/// The process is killed, or the power goes.
fn ended(directory: &MemoryDirectory, random: &mut dyn FnMut() -> u64) -> MemoryDirectory {
    if random().is_multiple_of(2) { directory.killed() } else { directory.crashed(random) }
}

fn check_crash(steps: &[Step], stop_after: u64, seed: u64) {
    let mut random = seeded(seed);
    let directory = MemoryDirectory::default();
    let reserve = [0, 3_000, 20_000][random() as usize % 3];
    let mut opened = open_with(&directory, 1, reserve).expect("an empty directory");
    let mut model = Model { view: opened.view.clone(), next: None };
    directory.stop_after(stop_after);
    run(&directory, &mut opened, steps, &mut model);
    let after = ended(&directory, &mut random);
    // Recovery may itself be cut short, and is then begun again.
    after.stop_after(random() % 16);
    let _ = open_with(&after, 2, reserve);
    let again = ended(&after, &mut random);
    // A disk that is full keeps nobody from reading what there is.
    again.leave(random().is_multiple_of(2).then_some(0));
    let mut found = open_with(&again, 3, reserve).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let fits = holds(&found, &model.view) || model.next.as_ref().is_some_and(|next| holds(&found, next));
    assert!(fits, "seed {seed}: {:?} instead of {:?} or {:?}", found.view, model.view, model.next);
    found.view.check();
    // It goes on from there, and nothing is left over.
    let mut model = Model { view: found.view.clone(), next: None };
    run(&again, &mut found, steps, &mut model);
    let files = again.names().len();
    assert_eq!(files, if model.view.base_index() == 1 { 1 } else { 2 }, "{:?}", again.names());
    assert!(holds(&open_with(&again, 4, reserve).expect("nothing failed"), &model.view));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_synced_survives_any_crash(
        steps in proptest::collection::vec(any_step(), 1..12),
        stop_after in 0..60_u64,
        seed in any::<u64>(),
    ) {
        check_crash(&steps, stop_after, seed);
    }
}

#[test]
fn the_first_start_survives_an_end_at_every_operation() {
    let whole = MemoryDirectory::default();
    open(&whole, 1).expect("an empty directory");
    for stop in 0..whole.operations() {
        for seed in 0..64 {
            let mut random = seeded(seed);
            let directory = MemoryDirectory::default();
            directory.stop_after(stop);
            assert!(open(&directory, 1).is_err(), "stopped after {stop}");
            let after = ended(&directory, &mut random);
            let opened = open(&after, 2).expect("a first start is begun again");
            assert_eq!(opened.view, LogView::fresh(&[IDENTITY.raft_id()]));
            // Who has opened it may build on it: from now on a directory without it has lost it.
            let built_on = after.crashed(&mut random);
            let lengths = Lengths { longest: MAX_LOG_BYTES, reserve: 0 };
            let found = now(Log::open(Rc::new(built_on), IDENTITY, false, 3, lengths));
            let lost = found.err();
            assert!(lost.is_none(), "stopped after {stop}, and then opened, seed {seed}: {lost:?}");
        }
    }
}

/// A process is killed while a snapshot takes the place of the log; the next one opens what it finds, and removes what is left over; and the power goes.
#[test]
fn a_snapshot_survives_a_kill_at_every_operation_and_then_a_power_loss() {
    let append = Step::Append { back: 0, sizes: vec![100, 700], commit: 2 };
    let steps =
        [append.clone(), append.clone(), Step::Snapshot { back: 1 }, append, Step::Snapshot { back: 0 }];
    for stop in 0..80 {
        for seed in 0..64 {
            let mut random = seeded(seed);
            let directory = MemoryDirectory::default();
            let mut opened = open(&directory, 1).expect("an empty directory");
            let mut model = Model { view: opened.view.clone(), next: None };
            directory.stop_after(stop);
            run(&directory, &mut opened, &steps, &mut model);
            let after = directory.killed();
            let built_on = open(&after, 2).expect("a kill loses nothing").view;
            let found = open(&after.crashed(&mut random), 3);
            let found = found.unwrap_or_else(|error| panic!("stopped after {stop}, seed {seed}: {error}"));
            assert!(holds(&found, &built_on), "stopped after {stop}, seed {seed}: {:?}", found.view);
        }
    }
}

/// A log with some entries behind its snapshot, and its two files' names: log, snapshot.
fn grown() -> (MemoryDirectory, LogView, [String; 2]) {
    let (directory, opened, names) = grown_further(&[]);
    (directory, opened.view, names)
}

fn grown_further(steps: &[Step]) -> (MemoryDirectory, OpenedLog, [String; 2]) {
    let directory = MemoryDirectory::default();
    let mut opened = open(&directory, 1).expect("an empty directory");
    let mut model = Model { view: opened.view.clone(), next: None };
    let append = Step::Append { back: 0, sizes: vec![100, 30], commit: 2 };
    let first = [append.clone(), Step::Snapshot { back: 1 }, append.clone(), append.clone(), append];
    run(&directory, &mut opened, &first, &mut model);
    run(&directory, &mut opened, steps, &mut model);
    let names = directory.names();
    let names = names.try_into().expect("a log and a snapshot");
    (directory, opened, names)
}

/// The bytes of an append of [`grown`]: two entries and a hard state.
const APPEND: usize = FRAME_HEAD + 28 + 2 * 21 + 130;

#[test]
fn a_flipped_bit_is_an_error_except_in_the_last_append() {
    let (directory, view, [log, _]) = grown();
    let content = directory.content(&log);
    // Whatever is wrong in it may be a crash's doing.
    let last_append = content.len() - APPEND;
    for at in 0..content.len() {
        let mut changed = content.clone();
        changed[at] ^= 1 << (at % 8);
        let result = open(&directory.with(&log, &changed), 2);
        match result {
            Ok(opened) => {
                assert!(at >= last_append, "byte {at} changed unseen");
                assert_eq!(opened.view.last(), view.last() - 2);
            }
            Err(LogError::Damaged { .. } | LogError::Version { .. }) => {
                assert!(at < last_append, "byte {at} of the last append: a crash would stop every start");
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn once_a_log_is_covered_no_flipped_bit_takes_an_entry_back() {
    let (directory, opened, [log, _]) = grown_further(&[Step::Cover]);
    let content = directory.content(&log);
    assert_eq!(content.len(), BLOCK + FRAME_HEAD + 28);
    let last_append_ends = content.iter().take(BLOCK).rposition(|byte| *byte != 0).expect("a header") + 1;
    for at in 0..content.len() {
        let mut changed = content.clone();
        changed[at] ^= 1 << (at % 8);
        match open(&directory.with(&log, &changed), 2) {
            Ok(found) => {
                assert!(at >= last_append_ends, "byte {at} changed unseen");
                assert_eq!(found.view, opened.view, "byte {at}: nothing is lost");
            }
            Err(LogError::Damaged { .. } | LogError::Version { .. }) => {
                assert!(at < last_append_ends, "byte {at} says nothing, and keeps the log from being opened");
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    // A medium that loses the block of the last append has not lost its cover by that.
    let mut changed = content.clone();
    changed[last_append_ends - APPEND..BLOCK].fill(0);
    let error = open(&directory.with(&log, &changed), 2).err().expect("the loss is seen");
    assert!(matches!(error, LogError::Damaged { .. }) && error.to_string().contains(&log), "{error}");
}

#[test]
fn a_log_goes_on_behind_its_cover() {
    let append = Step::Append { back: 0, sizes: vec![100, 30], commit: 2 };
    let (directory, opened, [log, _]) = grown_further(&[Step::Cover, Step::Cover, append]);
    let content = directory.content(&log);
    assert_eq!(content.len(), BLOCK + FRAME_HEAD + 28 + APPEND, "covered once, and written on behind it");
    assert_eq!(open(&directory, 2).expect("a good log").view, opened.view);
    // The append is not covered now; the cover before it is.
    let mut changed = content.clone();
    changed[BLOCK + 30] ^= 1;
    assert!(matches!(open(&directory.with(&log, &changed), 2), Err(LogError::Damaged { .. })));
    changed = content;
    *changed.last_mut().expect("not empty") ^= 1;
    let found = open(&directory.with(&log, &changed), 2).expect("it may be a crash's doing");
    assert_eq!(found.view.last(), opened.view.last() - 2);
}

#[test]
fn a_full_disk_refuses_a_cover_and_nothing_else() {
    let (directory, mut opened, [log, _]) = grown_further(&[]);
    let length = directory.content(&log).len();
    directory.leave(Some(0));
    now(opened.log.cover(opened.view.hard_state())).expect("nothing is lost by it");
    assert!(!opened.log.owes_cover(), "it is not tried again and again");
    assert_eq!(directory.content(&log).len(), length);
    directory.leave(None);
    let mut model = Model { view: opened.view.clone(), next: None };
    let append = Step::Append { back: 0, sizes: vec![10], commit: 1 };
    run(&directory, &mut opened, &[append, Step::Cover], &mut model);
    assert_eq!(model.view.last(), opened.view.last());
    assert!(directory.content(&log).len() > BLOCK, "covered");
    assert_eq!(open(&directory, 2).expect("a good log").view, model.view);
}

/// What is prepared needs no space any more, and a flipped bit there is nobody's.
#[test]
fn a_full_disk_takes_what_is_prepared_and_a_start_leaves_that_as_it_is() {
    let directory = MemoryDirectory::default();
    let reserve = 20_000;
    let mut opened = open_with(&directory, 1, reserve).expect("an empty directory");
    let [log] = directory.names().try_into().expect("a log");
    let length = directory.content(&log).len() as u64;
    assert!(length > reserve);
    directory.leave(Some(100));
    let mut written = 0;
    loop {
        let (hard, entries) = next_append(&opened.view, 0, &[1_000], 1);
        let room =
            now(opened.log.prepare(frame_bytes(&[1_000]))).expect("that there is no space is no failure");
        assert_eq!(directory.content(&log).len() as u64, length, "nothing is left of what did not fit");
        if room < frame_bytes(&[1_000]) {
            break;
        }
        now(opened.log.append(&hard, &entries)).expect("it is prepared");
        opened.view.append(&hard, &entries).expect("the next entry");
        written += 1;
    }
    assert!(written > 20, "{written}");
    // Killed: on the same full disk the next start finds all of it, and with space it has a reserve again.
    let content = directory.content(&log);
    let found = open_with(&directory, 2, reserve).expect("a good log");
    assert_eq!((&found.view, directory.content(&log)), (&opened.view, content));
    directory.leave(None);
    let found = open_with(&directory, 2, reserve).expect("a good log");
    let content = directory.content(&log);
    assert!(found.view == opened.view && content.len() as u64 > length);
    let mut changed = content.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    let changed = directory.with(&log, &changed);
    assert_eq!(open_with(&changed, 2, reserve).expect("nothing is damaged").view, opened.view);
    assert_eq!(changed.content(&log), content, "zeros again");
}

#[test]
fn a_snapshot_without_space_changes_nothing_and_comes_later() {
    let append = Step::Append { back: 0, sizes: vec![700, 700], commit: 2 };
    let (directory, mut opened, names) = grown_further(&[append]);
    let before = names.clone().map(|name| directory.content(&name));
    let index = opened.view.hard_state().commit;
    // For none of it, for a part of the snapshot, for the snapshot and a part of the log.
    for room in [0, 10, state_at(index).len() as u64 + 60, state_at(index).len() as u64 + 100] {
        directory.leave(Some(room));
        let cut = now(opened.log.cut(&opened.view, index, &state_at(index), 5)).expect("no failure");
        assert!(matches!(cut, Err(FileError::NoSpace { .. })), "room for {room}: {cut:?}");
        assert_eq!(names.clone().map(|name| directory.content(&name)), before);
        assert_eq!(directory.names(), names, "nothing is left over");
    }
    directory.leave(None);
    let mut model = Model { view: opened.view.clone(), next: None };
    let append = Step::Append { back: 0, sizes: vec![10], commit: 1 };
    run(&directory, &mut opened, &[append, Step::Snapshot { back: 0 }], &mut model);
    assert_eq!(opened.view.base_index(), index + 1);
    assert!(holds(&open(&directory, 2).expect("a good log"), &opened.view));
}

#[test]
fn a_log_that_is_written_anew_in_several_frames_can_be_read() {
    let directory = MemoryDirectory::default();
    let mut opened = open(&directory, 1).expect("an empty directory");
    let mut model = Model { view: opened.view.clone(), next: None };
    // More than a frame of entries, most of them committed, behind the snapshot.
    let large = Step::Append { back: 0, sizes: vec![600 << 10; 5], commit: 4 };
    let small = Step::Append { back: 0, sizes: vec![10], commit: 1 };
    run(&directory, &mut opened, &[small, large, Step::Snapshot { back: 4 }], &mut model);
    assert_eq!((opened.view.base_index(), opened.view.last()), (2, 7));
    let found = open(&directory, 2).expect("what was written can be read");
    assert!(holds(&found, &opened.view));
    assert_eq!(found.view.hard_state().commit, 6);
}

#[test]
fn a_log_never_grows_longer_than_what_is_read() {
    let directory = MemoryDirectory::default();
    let lengths = Lengths { longest: 2_000, reserve: 700 };
    let reopen = || now(Log::open(Rc::new(directory.clone()), IDENTITY, true, 1, lengths));
    let mut opened = reopen().expect("an empty directory");
    let error = loop {
        let (hard, entries) = next_append(&opened.view, 0, &[100], 1);
        match now(opened.log.append(&hard, &entries)) {
            Ok(()) => opened.view.append(&hard, &entries).expect("the next entry"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Full { longest: 2_000, .. }), "{error}");
    assert!(opened.view.last() > 5);
    assert_eq!(reopen().expect("a good log").view, opened.view);
}

/// An entry may hold whatever a client chose, and a crash may tear its frame anywhere.
#[test]
fn what_looks_like_frames_in_a_torn_append_costs_no_more_than_its_length() {
    let (directory, mut opened, [log, _]) = grown_further(&[]);
    let before = opened.view.clone();
    let (hard, mut entries) = next_append(&opened.view, 0, &[0], 1);
    // Heads of later frames, by all but the checksum: each claims the megabyte behind it.
    let mut head = b"LRF1".to_vec();
    head.extend_from_slice(&(1_u32 << 20).to_be_bytes());
    head.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(head.len(), FRAME_HEAD);
    entries[0].data = Bytes::from(head.repeat((2 << 20) / FRAME_HEAD));
    now(opened.log.append(&hard, &entries)).expect("it is written");
    let content = directory.content(&log);
    let torn = directory.with(&log, &content[..content.len() - 1]);
    let checked = crate::log::codec::checksummed();
    assert_eq!(open(&torn, 2).expect("a crash's doing").view, before);
    let checked = crate::log::codec::checksummed() - checked;
    assert!(checked < 4 * content.len() as u64, "{checked} bytes were looked at for {}", content.len());
}

#[test]
fn a_shortened_log_is_cut_back_or_an_error() {
    let (directory, view, [log, _]) = grown();
    let content = directory.content(&log);
    let mut kept = Vec::new();
    for length in 0..content.len() {
        match open(&directory.with(&log, &content[..length]), 2) {
            Ok(opened) => {
                opened.view.check();
                kept.push(opened.view.last());
            }
            Err(LogError::Damaged { position, .. }) => {
                assert!(kept.is_empty() && position <= length as u64);
            }
            Err(other) => panic!("{length} bytes: {other}"),
        }
    }
    assert!(kept.is_sorted() && kept.last() == Some(&(view.last() - 2)), "{kept:?}");
}

#[test]
fn a_damaged_or_missing_snapshot_is_an_error() {
    let (directory, _, [log, snapshot]) = grown();
    let content = directory.content(&snapshot);
    for at in 0..content.len() {
        let mut changed = content.clone();
        changed[at] ^= 0x10;
        let error = open(&directory.with(&snapshot, &changed), 2).err().expect("the change is seen");
        assert!(matches!(error, LogError::Damaged { .. } | LogError::Version { .. }), "byte {at}: {error}");
    }
    for missing in [&log, &snapshot] {
        let error = open(&directory.without(missing), 2).err().expect("a file is missing");
        assert!(matches!(error, LogError::Missing { .. }), "{missing}: {error}");
    }
}

#[test]
fn a_frame_that_replaces_a_committed_entry_is_damage() {
    let mut view = LogView::fresh(&[IDENTITY.raft_id()]);
    let (hard, entries) = next_append(&view, 0, &[10, 10], 2);
    view.append(&hard, &entries).expect("they continue the log");
    assert_eq!(view.hard_state().commit, view.last());
    let mut again = entries[1].clone();
    again.term += 1;
    assert_eq!(view.append(&hard, &[again]).map_err(|gap| gap.index), Err(entries[1].index));
    assert_eq!(view.range(2, 3), entries);
}

#[test]
fn another_nodes_log_is_refused() {
    let (directory, ..) = grown();
    let other = Identity { node_id: 1, ..IDENTITY };
    let lengths = Lengths { longest: MAX_LOG_BYTES, reserve: 0 };
    let error =
        now(Log::open(Rc::new(directory), other, true, 2, lengths)).err().expect("another node's log");
    assert!(matches!(error, LogError::Foreign { node_id: 0, .. }), "{error}");
    let empty: Rc<dyn Directory> = Rc::new(MemoryDirectory::default());
    let error = now(Log::open(empty, IDENTITY, false, 1, lengths)).err().expect("nothing to open");
    assert!(matches!(error, LogError::NotFormatted { .. }), "{error}");
}

#[test]
fn after_a_failure_nothing_is_written() {
    let directory = MemoryDirectory::default();
    let mut opened = open(&directory, 1).expect("an empty directory");
    let (hard, entries) = next_append(&opened.view, 0, &[10], 0);
    directory.stop_after(1);
    assert!(matches!(now(opened.log.append(&hard, &entries)), Err(LogError::File(_))));
    directory.stop_after(100);
    let before = directory.operations();
    assert_eq!(now(opened.log.append(&hard, &entries)), Err(LogError::Failed));
    assert_eq!(directory.operations(), before);
}

#[test]
fn tools_read_both_files() {
    use crate::inspect::{self, FileKind};
    let (directory, view, [log, snapshot]) = grown();
    assert_eq!(
        (FileKind::of(&log), FileKind::of(&snapshot)),
        (Some(FileKind::Log), Some(FileKind::Snapshot))
    );
    let others = [
        "logan-metadata-1.log",
        "logan-metadata-00000000000000000001.log.tmp",
        "logan-metadata-+0000000000000000099.log",
        "meta.properties",
    ];
    for other in others {
        assert_eq!(FileKind::of(other), None);
        let with_it = directory.with(other, b"not ours");
        assert_eq!(open(&with_it, 2).map(|opened| opened.view).ok().as_ref(), Some(&view), "{other}");
    }
    let mut content = directory.content(&log);
    content.extend_from_slice(b"torn");
    let read = inspect::log(&log, &Bytes::from(content)).expect("a good file");
    assert_eq!((read.identity, read.torn_bytes), (IDENTITY, 4));
    assert_eq!(read.base_index + read.entries.len() as u64, view.last());
    assert_eq!(read.commit, view.hard_state().commit);
    let read = inspect::snapshot(&snapshot, &Bytes::from(directory.content(&snapshot))).expect("a good file");
    assert_eq!((read.index, read.data), (view.base_index(), state_at(view.base_index())));
    let damaged = inspect::log(&log, &Bytes::from_static(b"LOGANRFT and more")).expect_err("no log");
    assert!(matches!(damaged, LogError::Version { .. } | LogError::Damaged { .. }), "{damaged}");
}
