//! Reads at every kind of offset and with every kind of limit, compared with a list of batches.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use logan_storage::batch::BatchReader;
use logan_storage::failure::ReadError;
use logan_storage::key::LogKey;
use logan_storage::log::{Ends, Log};
use logan_storage::read::{Read, ReadBounds};

use super::runtime::Runtime;
use super::workload::{Model, Presence};

/// Base, next and bytes of each batch, in order.
pub type Batches = Vec<(i64, i64, Bytes)>;

/// An offset of any kind: around the log's ends, around a batch's, inside one, in a gap, where a segment begins.
fn draw_offset(runtime: &Runtime, ends: Ends, bases: &[i64], batches: &Batches) -> i64 {
    let any = |among: u64| runtime.below(among.max(1)) as usize;
    let (base, next) = batches.get(any(batches.len() as u64)).map_or((0, 1), |batch| (batch.0, batch.1));
    match runtime.below(16) {
        0 => ends.log_start,
        1 => ends.log_start - 1,
        2 => ends.settled,
        3 => ends.settled + 1,
        4 => ends.log_end,
        5 => ends.log_end + 1 + runtime.below(100) as i64,
        6 => ends.durable,
        7 => base,
        8 => base - 1,
        9 => next - 1,
        10 => next,
        11 => bases.get(any(bases.len() as u64)).copied().unwrap_or(0),
        12 => [i64::MIN, -1, 0, i64::MAX][any(4)],
        // Inside, or at its beginning.
        _ => base + runtime.below((next - base) as u64) as i64,
    }
}

fn draw_limits(runtime: &Runtime, from: i64, ends: Ends, bases: &[i64], batches: &Batches) -> ReadBounds {
    let first = batches.iter().find(|(_, next, _)| *next > from).map_or(0, |(_, _, bytes)| bytes.len());
    let bytes = match runtime.below(8) {
        0 => 0,
        1 => 1,
        2 => first,
        3 => first.saturating_sub(1),
        4 => first + 1 + runtime.below(3_000) as usize,
        5 => runtime.below(100_000) as usize,
        6 => 4 << 20,
        _ => usize::MAX,
    };
    let offset = match runtime.below(4) {
        0 => draw_offset(runtime, ends, bases, batches),
        1 => ends.settled,
        _ => i64::MAX,
    };
    ReadBounds { offset, bytes, at_least_one: runtime.below(2) == 0 }
}

/// Why a read is not what these batches allow.
fn objection(read: &Read, from: i64, limits: ReadBounds, settled: i64, batches: &Batches) -> Option<String> {
    let first = batches.partition_point(|(_, next, _)| *next <= from);
    let mut expected = batches[first..].iter();
    let (mut bytes, mut count, mut behind) = (0, 0, from);
    for slice in &read.slices {
        for placed in BatchReader::new(slice, 0, usize::MAX).with_crc() {
            let found = match placed {
                Ok(placed) => placed.batch,
                Err(error) => return Some(format!("batch {count}: {error}")),
            };
            let Some((base, next, right)) = expected.next() else {
                return Some(format!("a batch at {} behind all", found.base_offset()));
            };
            if found.bytes() != &right[..] {
                return Some(format!("a batch at {}, not that at {base}", found.base_offset()));
            }
            bytes += right.len();
            count += 1;
            behind = *next;
        }
    }
    if (bytes, behind) != (read.bytes, read.next_offset) {
        return Some(format!("{bytes} bytes to {behind}, not {} to {}", read.bytes, read.next_offset));
    }
    if count > 0 && behind > limits.offset.min(settled) {
        return Some(format!("to {behind}, and {settled} is settled"));
    }
    let is_within = bytes <= limits.bytes || (count == 1 && limits.at_least_one);
    (!is_within).then(|| format!("{bytes} bytes in {count} batches"))
}

/// Whether a read must return something: the batch that holds `from`, or the next one, is below every limit.
fn must_find(from: i64, limits: ReadBounds, settled: i64, batches: &Batches) -> bool {
    batches.iter().find(|(_, next, _)| *next > from).is_some_and(|(_, next, bytes)| {
        *next <= limits.offset.min(settled) && (limits.at_least_one || bytes.len() <= limits.bytes)
    })
}

/// One read, from memory and from wherever it is. What the log holds may change meanwhile.
async fn look(log: &Rc<Log>, model: &Rc<RefCell<Model>>, key: &LogKey, from: i64, limits: ReadBounds) {
    let entry = || model.borrow().logs[key].clone();
    let what = format!("{key}: from {from} with {limits:?}");
    let (before, ends) = (entry(), log.ends());
    if let Some(read) = log.read_cached(from, limits) {
        let why = objection(&read, from, limits, ends.settled, &before.batches);
        assert_eq!(why, None, "{what}, in memory, {ends:?}");
        let must = must_find(from, limits, ends.settled, &before.batches);
        assert!(read.bytes > 0 || !must, "{what}: nothing of what is in memory, {ends:?}");
    }
    let outcome = log.read(from, limits).await;
    let (after, later) = (entry(), log.ends());
    let settled = ends.settled.max(later.settled);
    match outcome {
        Ok(read) => {
            // What is truncated meanwhile may still be read, and what is appended, too.
            let why = [&before, &after].map(|log| objection(&read, from, limits, settled, &log.batches));
            assert!(why.contains(&None), "{what}: {why:?}, {ends:?}, {later:?}");
            let is_within = from >= ends.log_start && from <= settled;
            assert!(is_within, "{what} is read, which is not in {ends:?}, {later:?}");
            let must = must_find(from, limits, ends.settled, &before.batches)
                && must_find(from, limits, ends.settled.min(later.settled), &after.batches);
            assert!(read.bytes > 0 || !must, "{what}: nothing, {ends:?}, {later:?}");
        }
        Err(ReadError::OutOfRange { .. }) => {
            let was_within = from >= ends.log_start && from <= ends.settled;
            let is_within = from >= later.log_start && from <= later.settled;
            assert!(!was_within || !is_within, "{what} is refused, and is in {ends:?}, {later:?}");
        }
        Err(ReadError::Closed) => {
            assert!(log.is_closed() || after.presence == Presence::Deleting, "{key}: nobody deletes it");
        }
        Err(ReadError::Failed) => {}
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Reads while whatever else is under way.
pub async fn look_around(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
    times: u64,
) {
    for _ in 0..times {
        let (ends, bases) = (log.ends(), log.segment_bases());
        let (from, limits) = {
            let batches = &model.borrow().logs[key].batches;
            let from = draw_offset(runtime, ends, &bases, batches);
            (from, draw_limits(runtime, from, ends, &bases, batches))
        };
        look(log, model, key, from, limits).await;
    }
}

/// Reads at each kind of offset of the batches that `which` chooses, of a log that nobody changes.
pub async fn look_at_batches(log: &Rc<Log>, batches: &Batches, which: impl Fn(usize) -> bool) {
    let ends = log.ends();
    for (at, (base, next, bytes)) in batches.iter().enumerate().filter(|(at, _)| which(*at)) {
        let inside = base + (next - base) / 2;
        for (kind, from) in [*base, inside, next - 1, *next, base - 1].into_iter().enumerate() {
            let is_whole = (at + kind) % 2 == 0;
            let limits = match (at + kind) % 5 {
                0 => ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true },
                1 => ReadBounds { offset: *next, bytes: bytes.len(), at_least_one: false },
                2 => ReadBounds { offset: next - 1, bytes: 10_000, at_least_one: is_whole },
                3 => ReadBounds { offset: i64::MAX, bytes: bytes.len() - 1, at_least_one: is_whole },
                _ => ReadBounds { offset: i64::MAX, bytes: 1 << 22, at_least_one: is_whole },
            };
            let what = format!("{}: from {from} with {limits:?}, {ends:?}", log.key());
            match log.read(from, limits).await {
                Ok(read) => {
                    assert!((ends.log_start..=ends.settled).contains(&from), "{what}: is read");
                    let why = objection(&read, from, limits, ends.settled, batches);
                    assert_eq!(why, None, "{what}");
                    let must = must_find(from, limits, ends.settled, batches);
                    assert!(read.bytes > 0 || !must, "{what}: nothing");
                }
                Err(ReadError::OutOfRange { .. }) => {
                    assert!(!(ends.log_start..=ends.settled).contains(&from), "{what}: is refused");
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
    }
}
