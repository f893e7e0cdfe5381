//! Appends of every kind that a log takes, drawn at random: by leaders and by followers, of one batch and of several, with gaps, tiny and above
//! 1 MiB, compressed or not, of idempotent and transactional producers, with markers; and what a log then knows of its producers.

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_storage::append::Offsets;
use logan_storage::batch::{Attributes, Batch, BatchReader, Header, add_to_sequence};
use logan_storage::log::Log;
use logan_storage::producers::{Attempt, Origin, ProducerError, Verdict};

use super::runtime::Runtime;
use super::workload::ModelLog;

/// These are idempotent, those are transactional: all of their records belong to transactions.
const IDEMPOTENT: [i64; 2] = [1, 2];
const TRANSACTIONAL: [i64; 2] = [11, 12];

/// What is to be appended at once.
pub struct Drawn {
    pub bytes: Vec<u8>,
    pub offsets: Offsets,
    /// Of the first batch.
    pub first: i64,
}

impl Drawn {
    /// The batches as the log has them once it gave them offsets from `base` on, each with the offset behind it.
    pub fn placed(&self, base: i64, epoch: i32) -> Vec<(i64, i64, bytes::Bytes)> {
        let mut next = base;
        let mut placed = Vec::new();
        for batch in BatchReader::new(&self.bytes, 0, usize::MAX) {
            let mut bytes = batch.expect("it was drawn").batch.bytes().to_vec();
            if let Offsets::Assign { .. } = self.offsets {
                bytes[..8].copy_from_slice(&next.to_be_bytes());
                bytes[12..16].copy_from_slice(&epoch.to_be_bytes());
            }
            let (base, behind) = header_of(&bytes, |batch| (batch.base_offset(), batch.next_offset()));
            next = behind;
            placed.push((base, behind, bytes.into()));
        }
        placed
    }
}

pub fn header_of<T>(bytes: &[u8], look: impl FnOnce(&Batch<'_>) -> T) -> T {
    look(&Batch::parse(bytes, usize::MAX).expect("a batch"))
}

/// What a log knows of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    pub epoch: i16,
    /// Sequence and offset of the last record of this epoch.
    pub last: Option<(i32, i64)>,
    /// Where its open transaction begins.
    pub opened: Option<i64>,
}

impl Known {
    fn next_sequence(&self, runtime: &Runtime, is_new: bool) -> i32 {
        match self.last {
            Some((last, _)) => add_to_sequence(last, 1),
            // A producer of whom nothing is known may begin anywhere: also where the numbers begin again.
            None if is_new && runtime.below(4) == 0 => i32::MAX - runtime.below(20) as i32,
            None => 0,
        }
    }
}

/// Producers as batches make them known, in order.
pub fn known_of(heads: &[Header]) -> BTreeMap<i64, Known> {
    let mut known: BTreeMap<i64, Known> = BTreeMap::new();
    for head in heads.iter().filter(|head| head.producer_id >= 0) {
        let producer = known.entry(head.producer_id).or_default();
        if producer.epoch != head.producer_epoch {
            (producer.epoch, producer.last) = (head.producer_epoch, None);
        }
        if head.attributes.is_control() {
            producer.opened = None;
            continue;
        }
        let last = add_to_sequence(head.base_sequence, head.last_offset_delta);
        producer.last = Some((last, head.base_offset + i64::from(head.last_offset_delta)));
        if head.attributes.is_transactional() && producer.opened.is_none() {
            producer.opened = Some(head.base_offset);
        }
    }
    known
}

/// What is put together to be appended at once.
struct Builder {
    heads: Vec<Header>,
    leader_epoch: i32,
    next: i64,
    first: Option<i64>,
    bytes: Vec<u8>,
}

impl Builder {
    fn of(log: &ModelLog) -> Self {
        let (heads, leader_epoch, next) = (log.heads.clone(), log.epoch, log.end);
        Self { heads, leader_epoch, next, first: None, bytes: Vec::new() }
    }

    /// `gap` offsets are left out before it; it has `length` bytes of records, unless it is a marker.
    fn push(&mut self, header: Header, gap: i64, length: usize, seed: u64) {
        let header = Header { leader_epoch: self.leader_epoch, base_offset: self.next + gap, ..header };
        if header.attributes.is_control() {
            let marker = super::marker(header.producer_id, 0, seed.is_multiple_of(2));
            header.write_batch(&marker[61..], &mut self.bytes);
        } else {
            header.write_batch(&noise(seed, length), &mut self.bytes);
        }
        self.first.get_or_insert(header.base_offset);
        self.next = header.base_offset + i64::from(header.last_offset_delta) + 1;
        self.heads.push(header);
    }

    fn finish(self, keeps: bool) -> Drawn {
        let assign = Offsets::Assign { leader_epoch: self.leader_epoch };
        let offsets = if keeps { Offsets::Keep } else { assign };
        Drawn { bytes: self.bytes, offsets, first: self.first.expect("there is a batch") }
    }
}

/// One to three batches that may follow what `log` holds, of at most `most` bytes together.
pub fn draw(runtime: &Runtime, log: &ModelLog, most: usize) -> Drawn {
    let keeps = runtime.below(5) == 0;
    let mut builder = Builder::of(log);
    let batches = if runtime.below(4) == 0 { 2 + runtime.below(2) } else { 1 };
    for _ in 0..batches {
        let mut header = draw_header(runtime, &known_of(&builder.heads));
        let mut gap = 0;
        if keeps {
            // What compaction leaves: a follower is given it as it is.
            gap = if runtime.below(2) == 0 { 0 } else { 1 + runtime.below(30) as i64 };
            if !header.attributes.is_control() && runtime.below(3) == 0 {
                header.count = 1;
            }
        }
        let length = draw_length(runtime, most / batches as usize - 61);
        builder.push(header, gap, length, runtime.draw());
    }
    builder.finish(keeps)
}

/// A batch that is wanted, of two records: nobody's, of an idempotent producer, of a transaction, or its end.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    Plain { length: usize },
    Idempotent { length: usize },
    Transactional { length: usize },
    Marker,
}

/// These batches, all of one producer of their kind. With a gap before each they are a follower's.
pub fn wanted(log: &ModelLog, wanted: &[Wanted], gap: i64) -> Drawn {
    let mut builder = Builder::of(log);
    for (at, wanted) in wanted.iter().enumerate() {
        let (producer_id, attributes, length) = match *wanted {
            Wanted::Plain { length } => (-1, 0, length),
            Wanted::Idempotent { length } => (IDEMPOTENT[0], 0, length),
            Wanted::Transactional { length } => (TRANSACTIONAL[0], Attributes::TRANSACTIONAL, length),
            Wanted::Marker => (TRANSACTIONAL[0], Attributes::TRANSACTIONAL | Attributes::CONTROL, 0),
        };
        let known = known_of(&builder.heads).get(&producer_id).copied().unwrap_or_default();
        let has_sequence = producer_id >= 0 && !matches!(wanted, Wanted::Marker);
        let records = if matches!(wanted, Wanted::Marker) { 1 } else { 2 };
        let header = Header {
            base_offset: 0,
            leader_epoch: 0,
            attributes: Attributes(attributes),
            last_offset_delta: records - 1,
            base_timestamp: 1,
            max_timestamp: 1,
            producer_id,
            producer_epoch: if producer_id < 0 { -1 } else { known.epoch },
            base_sequence: if has_sequence { known.last.map_or(0, |(last, _)| last + 1) } else { -1 },
            count: records,
        };
        builder.push(header, gap, length, (length + at) as u64);
    }
    builder.finish(gap > 0)
}

/// Whose batch it is, and how many records it has; where it stands is said by whoever asks.
fn draw_header(runtime: &Runtime, known: &BTreeMap<i64, Known>) -> Header {
    let records = match runtime.below(10) {
        0..4 => 1,
        4..9 => 2 + runtime.below(5) as i32,
        _ => 500 + runtime.below(1_500) as i32,
    };
    let timestamp = runtime.below(1_000_000) as i64;
    let mut attributes = runtime.below(5) as i16;
    if runtime.below(4) == 0 {
        attributes |= Attributes::APPEND_TIME;
    }
    let plain = Header {
        base_offset: 0,
        leader_epoch: 0,
        attributes: Attributes(attributes),
        last_offset_delta: records - 1,
        base_timestamp: timestamp,
        max_timestamp: timestamp,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count: records,
    };
    let whose = runtime.below(10);
    let producer_id = match whose {
        0..4 => return plain,
        4..7 => IDEMPOTENT[runtime.below(2) as usize],
        _ => TRANSACTIONAL[runtime.below(2) as usize],
    };
    let is_new = !known.contains_key(&producer_id);
    let mut producer = known.get(&producer_id).copied().unwrap_or_default();
    if whose >= 7 {
        // A marker without records before it is rare, but nothing forbids it.
        let ends = runtime.below(if producer.opened.is_some() { 3 } else { 12 }) == 0;
        if ends {
            // From transaction version 2 on the epoch goes up with each.
            let producer_epoch = producer.epoch + runtime.below(2) as i16;
            let attributes = Attributes(Attributes::TRANSACTIONAL | Attributes::CONTROL);
            let one = Header { attributes, last_offset_delta: 0, count: 1, ..plain };
            return Header { producer_id, producer_epoch, ..one };
        }
        attributes |= Attributes::TRANSACTIONAL;
    } else if !is_new && runtime.below(12) == 0 {
        producer = Known { epoch: producer.epoch + 1, ..Known::default() };
    }
    Header {
        attributes: Attributes(attributes),
        producer_id,
        producer_epoch: producer.epoch,
        base_sequence: producer.next_sequence(runtime, is_new),
        ..plain
    }
}

/// Bytes of records.
fn draw_length(runtime: &Runtime, most: usize) -> usize {
    let length = match runtime.below(40) {
        0..2 => 20_000 + runtime.below(10_000),
        2..9 => 4_000 + runtime.below(4_000),
        9..12 => 0,
        // Whole blocks, header included.
        12 | 13 => 4_096 * (1 + runtime.below(3)) - 61,
        14 => (1 << 20) + runtime.below(300_000),
        _ => runtime.below(1_500),
    };
    (length as usize).min(most)
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Before it is appended: the first batch of `drawn` is a new one, a batch of `model` that is sent again is known again, and the one behind the next
/// is refused. Of producers whose last batch lies below the log's start nothing need be known. The log is loaded.
pub fn check_attempts(log: &Rc<Log>, model: &ModelLog, drawn: &Drawn) {
    let key = log.key();
    let known = known_of(&model.heads);
    let client = Origin::Client { verified: true };
    let producers = log.producers();
    let first = header_of(&drawn.bytes, |batch| {
        (!batch.attributes().is_control()).then(|| Attempt::of(batch)).flatten()
    });
    // Where nothing but a marker of a producer is left above the log's start, its next sequence is not known: it is refused, as in Kafka.
    let is_there =
        |id| known.get(&id).and_then(|producer| producer.last).is_none_or(|(_, at)| at >= model.start);
    if let Some(attempt) = first.filter(|attempt| is_there(attempt.producer_id)) {
        let verdict = producers.check_append(&attempt, client);
        assert_eq!(verdict, Ok(Verdict::New), "{key}: what follows is not taken: {attempt:?}, {known:?}");
    }
    for (id, producer) in &known {
        let Some((last_sequence, last_offset)) = producer.last.filter(|(_, at)| *at >= model.start) else {
            continue;
        };
        let is_last = |head: &&Header| head.base_offset + i64::from(head.last_offset_delta) == last_offset;
        let head = model.heads.iter().rev().find(is_last).expect("its last batch");
        let again = Attempt {
            producer_id: *id,
            epoch: producer.epoch,
            first_sequence: head.base_sequence,
            last_sequence,
            is_transactional: head.attributes.is_transactional(),
        };
        match producers.check_append(&again, client) {
            Ok(Verdict::Duplicate(batch)) => assert_eq!(batch.last_offset, last_offset, "{key}: {again:?}"),
            other => panic!("{key}: sent again: {again:?} is {other:?}, of {known:?}"),
        }
        let sequence = add_to_sequence(last_sequence, 2);
        let behind = Attempt { first_sequence: sequence, last_sequence: sequence, ..again };
        let verdict = producers.check_append(&behind, client);
        assert!(
            matches!(verdict, Err(ProducerError::OutOfOrderSequence { .. })),
            "{key}: {behind:?} is {verdict:?}"
        );
    }
}

/// What a loaded log knows of its producers is what the batches of `model` say, and nothing of those that are gone. What lies below the log's
/// start may be known or not.
pub fn check_producers(log: &Rc<Log>, model: &ModelLog) {
    let key = log.key();
    let known = known_of(&model.heads);
    let producers = log.producers();
    producers.check();
    for (id, producer) in producers.iter() {
        assert!(known.contains_key(&id), "{key}: producer {id} is not known to the batches: {producer:?}");
    }
    for (id, expected) in &known {
        let found = producers.get(*id);
        let last = found.and_then(|found| found.recent().last());
        let last = last.map(|batch| (batch.last_sequence, batch.last_offset));
        let is_there = expected.last.is_some_and(|(_, offset)| offset >= model.start);
        let is_right = last == expected.last || (!is_there && last.is_none());
        assert!(is_right, "{key}: producer {id} has {last:?}, not {expected:?}");
        let opened = found.and_then(|found| found.txn_first_offset);
        let is_right = match expected.opened {
            Some(offset) if offset < model.start => true,
            expected => opened == expected,
        };
        assert!(is_right, "{key}: producer {id} has a transaction from {opened:?} on, not {expected:?}");
        if is_there {
            assert_eq!(found.map(|found| found.epoch), Some(expected.epoch), "{key}: producer {id}");
        }
    }
}
