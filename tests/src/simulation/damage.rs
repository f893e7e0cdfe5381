//! What befalls media: bits that turn over on disks while the broker is down, and in what is read while it runs.
//!
//! Checked, beside that nothing panics and everything is answered:
//! - [`examine`]: records come as they were sent, or their partition says that it cannot be read
//! - [`look_around`]: damage to a batch shows when the batch is asked for, and no partition refuses that it does not concern
//!   ([`Damage::concerned`]); the others are written to
//! - no damage to the metadata log takes back what it says: the node does not start
//! - [`Damage::may_be_refused`]: a node that does not start keeps its metadata where the damage is, or cannot tell whose a directory is, and says
//!   where it is; neither hints nor the root keep anybody from starting
//! - [`work::resume`]: what is remembered of producers is right, also where snapshots were made anew
//! - once the bit is turned back, everything is there
//!
//! The broker is idle when it goes down: of a round that no later record covers, damage cannot be told from a power loss (README).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logan::protocol::{ErrorCode, Records};
use logan_shards::sim::{Fault, FaultKind, PerMillion, Verb};
use logan_storage::batch::Batch;

use super::client::Lost;
use super::history::{Partition, Sent};
use super::run::{Draw, LONG, Stage};
use super::work::{self, FETCH_VERSION, Shared, TOPIC};

const BLOCK: usize = 4096;
/// How frames of the metadata log begin: then the length of what follows a head of so many bytes.
const FRAME: &[u8] = b"LRF1";
const FRAME_HEAD: usize = 24;
/// After so long every round is covered.
pub(super) const IDLE: Duration = Duration::from_secs(1);
/// Answers without anything new before a partition is taken for one that says nothing.
const MAX_EMPTY: u32 = 20;
/// Of a batch's header, what its CRC does not cover and no reader can check: the leader epoch.
const UNCHECKED: std::ops::Range<usize> = 12..16;

pub(super) type Logs = BTreeMap<Partition, Vec<Sent>>;

/// One bit that was turned over.
struct Damage {
    directory: &'static str,
    /// Below the directory.
    below: String,
    position: usize,
    bit: u8,
    /// What stands there now.
    byte: u8,
    /// It lies in a batch that is part of its partition.
    is_in_batch: bool,
    /// It lies in something that the metadata log says, and that no later entry says again.
    decides: bool,
    /// It lies where a start looks for the end of a log that was closed.
    hides_end: bool,
}

/// What a partition says of itself.
pub(super) enum Told {
    Everything,
    /// It cannot be read, from there on.
    Refuses,
}

/// A bit is turned over, and back again.
pub(super) fn disturb(stage: &Stage, directories: &[&'static str], draw: &mut Draw) {
    if !stage.is_done() || stage.has_failed() {
        return;
    }
    let before = read_all(stage);
    stage.simulation.run_for(IDLE);
    if draw.below(5) == 0 {
        return flip_reads(stage, directories, draw, &before);
    }
    let was_stopped = go_down(stage, draw);
    let damage = (0..20).find_map(|_| Damage::draw(stage, directories, draw, &before));
    let Some(damage) = damage else { return come_up(stage) };
    let refused = match start(stage) {
        Ok(()) => {
            stage.befell.borrow_mut().push(format!("{damage}: started"));
            if damage.decides {
                stage.shared.fail(format!("{damage} may have taken a decision back, and is not reported"));
            }
            look_around(stage, &damage, &before, was_stopped)
        }
        Err(reason) => {
            stage.befell.borrow_mut().push(format!("{damage}: {reason}"));
            damage.may_be_refused(stage, directories, &reason);
            true
        }
    };
    if stage.has_failed() {
        return;
    }
    if stage.simulation.is_running(stage.broker.node) {
        stage.simulation.run_for(IDLE);
        stage.simulation.kill(stage.broker.node);
        settle(stage);
    }
    if refused {
        damage.mend(stage);
    }
    come_up(stage);
    is_as_before(stage, &before, &format!("{damage} was turned back"));
}

/// What is read has a bit turned over now and then; what is read again has not.
fn flip_reads(stage: &Stage, directories: &[&'static str], draw: &mut Draw, before: &Logs) {
    stage.simulation.kill(stage.broker.node);
    settle(stage);
    come_up(stage);
    let directory = draw.one_of(directories);
    let strikes = move |site: &logan_shards::sim::Site| {
        site.verb == Verb::Read && site.path.starts_with(directory) && site.path.contains(TOPIC)
    };
    let chance = PerMillion(draw.one_of(&[1_000_000, 300_000]));
    let fault = stage.simulation.add_fault(Fault::always(FaultKind::BitFlip, strikes).with_chance(chance));
    for (partition, log) in before {
        examine(stage, *partition, log);
    }
    stage.simulation.remove_fault(fault);
    is_as_before(stage, before, "reads are good again");
}

/// The start went well: each partition is looked at. Whether one refuses.
fn look_around(stage: &Stage, damage: &Damage, before: &Logs, was_stopped: bool) -> bool {
    let concerned = damage.concerned(stage);
    let mut refusing = BTreeSet::new();
    for (partition, log) in before {
        match examine(stage, *partition, log) {
            Told::Everything => {}
            Told::Refuses => {
                refusing.insert(*partition);
            }
        }
    }
    if stage.has_failed() {
        return false;
    }
    let all: BTreeSet<Partition> = damage.all_of_directory(stage);
    // What was closed goes by its segments when it starts: where the end of a log cannot be told, its directory is off line (docs/LIMITS.md).
    let is_off_line = was_stopped && damage.hides_end && refusing == all;
    let other = refusing.iter().find(|partition| !concerned.contains(partition));
    if let Some(partition) = other.filter(|_| !is_off_line) {
        stage.shared.fail(format!("{damage}: partition {partition} refuses, which it does not concern"));
    }
    if damage.is_in_batch && refusing.is_empty() {
        stage.shared.fail(format!("{damage} lies in a batch, and is not reported"));
    }
    // A directory is offline as a whole.
    let is_of_segments = damage.partition().is_some() && concerned != all;
    if !is_of_segments && !refusing.is_empty() && refusing != all {
        stage.shared.fail(format!("{damage}: of {all:?} in {} only {refusing:?} refuse", damage.directory));
    }
    go_on(stage, before.keys().filter(|partition| !refusing.contains(partition)).copied().collect());
    !refusing.is_empty()
}

/// Producers go on where they were, and new ones begin.
pub(super) fn go_on(stage: &Stage, partitions: Vec<Partition>) {
    let shared = stage.shared.clone();
    let at = stage.simulation.now().as_millis() as u32;
    stage.simulation.block_on(LONG, async move {
        for partition in partitions {
            let of_partition = |(producer, resumable): (&u32, &work::Resumable)| {
                (resumable.partition == partition).then_some(*producer)
            };
            let producers: Vec<u32> = shared.producers.borrow().iter().filter_map(of_partition).collect();
            for producer in producers {
                work::resume(&shared, producer).await;
            }
            work::produce(shared.clone(), 1_000_000 + at + partition as u32, partition, 1).await;
        }
    });
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bit {} at {} of {}/{}", self.bit, self.position, self.directory, self.below)
    }
}

impl Damage {
    /// Chooses a kind of file first: most files are segments. `None` if nothing was written at the place that was chosen.
    fn draw(stage: &Stage, directories: &[&'static str], draw: &mut Draw, logs: &Logs) -> Option<Self> {
        let (simulation, node) = (&stage.simulation, stage.broker.node);
        let mut kinds: BTreeMap<String, Vec<(&'static str, String)>> = BTreeMap::new();
        for directory in directories {
            for below in simulation.files(node, directory, false).into_keys() {
                let kind = below.chars().filter(|at| !at.is_ascii_digit()).collect();
                kinds.entry(kind).or_default().push((directory, below));
            }
        }
        let kinds: Vec<_> = kinds.into_values().collect();
        let files = &kinds[draw.below(kinds.len() as u64) as usize];
        let (directory, below) = files[draw.below(files.len() as u64) as usize].clone();
        let path = format!("{directory}/{below}");
        let content = simulation.content(node, &path, false)?;
        let blocks: Vec<usize> = content
            .chunks(BLOCK)
            .enumerate()
            .filter(|(_, block)| block.iter().any(|byte| *byte != 0))
            .map(|(at, _)| at)
            .collect();
        if blocks.is_empty() {
            return None;
        }
        let block = blocks[draw.below(blocks.len() as u64) as usize] * BLOCK;
        let mut position = block + draw.below((content.len() - block).min(BLOCK) as u64) as usize;
        if draw.below(4) > 0 {
            // Most of a block of the round log is padding.
            position = (block..=position).rev().find(|at| content[*at] != 0).unwrap_or(position);
        }
        let bit = draw.below(8) as u8;
        if is_another_number(&below, &content, position, bit) {
            return None;
        }
        if !simulation.flip_bit(node, &path, position as u64, bit) {
            return None;
        }
        let byte = content[position] ^ (1 << bit);
        let decides = is_decided(&below, &content, position);
        let (is_in_batch, hides_end) = (false, false);
        let mut damage = Self { directory, below, position, bit, byte, is_in_batch, decides, hides_end };
        let end = damage.partition().and_then(|partition| logs.get(&partition)).map_or(0, Vec::len);
        damage.is_in_batch = damage.is_segment() && hits_a_batch(&content, position, end as i64);
        damage.hides_end = damage.is_segment() && damage.is_near_end(stage);
        Some(damage)
    }

    /// Whether it is in the last segment of its log, at or behind the last entry of its index, from which a start goes to the end.
    fn is_near_end(&self, stage: &Stage) -> bool {
        let (simulation, node) = (&stage.simulation, stage.broker.node);
        let Some((log, name)) = self.below.split_once('/') else { return false };
        let files = simulation.files(node, self.directory, false);
        let segments = files.keys().filter_map(|below| below.strip_prefix(log)?.strip_prefix('/'));
        let last = segments.filter(|name| name.strip_suffix(".log").is_some()).max();
        let index = self.path().replace(".log", ".index");
        let index = simulation.content(node, &index, false).unwrap_or_default();
        // An offset, and the position of the batch that has it.
        let entry = index.rchunks_exact(8).next();
        let position = entry.and_then(|entry| entry[4..].try_into().ok()).map_or(0, u32::from_be_bytes);
        last == Some(name) && self.position >= position as usize
    }

    fn path(&self) -> String {
        format!("{}/{}", self.directory, self.below)
    }

    fn is_segment(&self) -> bool {
        self.below.strip_suffix(".log").is_some() && self.partition().is_some()
    }

    /// Of the topic that is written to, the partition whose file it is.
    fn partition(&self) -> Option<Partition> {
        let (directory, _) = self.below.split_once('/')?;
        directory.strip_prefix(TOPIC)?.strip_prefix('-')?.parse().ok()
    }

    fn all_of_directory(&self, stage: &Stage) -> BTreeSet<Partition> {
        let files = stage.simulation.files(stage.broker.node, self.directory, false);
        let is_there =
            |index: &Partition| files.keys().any(|path| path.starts_with(&format!("{TOPIC}-{index}/")));
        (0..stage.shared.partitions).filter(is_there).collect()
    }

    /// Partitions that may refuse.
    fn concerned(&self, stage: &Stage) -> BTreeSet<Partition> {
        match self.partition() {
            Some(partition) if self.is_segment() => BTreeSet::from([partition]),
            // Where nothing but it says whose a log is.
            Some(_) if self.below.ends_with("/partition.metadata") => self.all_of_directory(stage),
            // Hints are made anew.
            Some(_) => BTreeSet::new(),
            None if self.is_root() => BTreeSet::new(),
            None => self.all_of_directory(stage),
        }
    }

    /// A node does not start if the directory that keeps its metadata is damaged. It says where.
    fn may_be_refused(&self, stage: &Stage, directories: &[&'static str], reason: &str) {
        // Whose a directory is must be clear before the node is one at all.
        if self.directory != directories[0] && !self.below.ends_with("meta.properties") {
            stage.shared.fail(format!("{self}, beside the metadata, and the node does not start: {reason}"));
        } else if !reason.contains(self.directory) || !reason.contains(&self.below) {
            stage.shared.fail(format!("{self}, and the start does not say where the damage is: {reason}"));
        }
        if self.is_hint() || self.is_root() {
            stage.shared.fail(format!("{self} can be had otherwise, and the node does not start: {reason}"));
        }
    }

    /// It stands there twice.
    fn is_root(&self) -> bool {
        self.below == "logan/root"
    }

    /// Whether the file can be made anew from segments.
    fn is_hint(&self) -> bool {
        [".index", ".timeindex", ".snapshot", "/leader-epoch-checkpoint"]
            .iter()
            .any(|suffix| self.below.ends_with(suffix))
            && self.partition().is_some()
    }

    /// Turns the bit back, if what was damaged is still there.
    fn mend(&self, stage: &Stage) {
        let (simulation, node) = (&stage.simulation, stage.broker.node);
        let content = simulation.content(node, &self.path(), false).unwrap_or_default();
        if content.get(self.position) == Some(&self.byte) {
            simulation.flip_bit(node, &self.path(), self.position as u64, self.bit);
        } else {
            stage.shared.fail(format!("{self} was refused, and has been written over since"));
        }
    }
}

/// Whether a byte is part of the metadata log's header, or of a frame that is not the last. The last one covers the one before it, as the
/// broker was idle, and says nothing of its own.
fn is_decided(below: &str, content: &[u8], position: usize) -> bool {
    if !below.starts_with("logan-metadata-") || below.strip_suffix(".log").is_none() {
        return false;
    }
    let mut frames = Vec::new();
    let mut at = 0;
    // What clients chose may look like a frame, so what a frame holds is not looked at.
    while let Some(found) = content[at..].windows(FRAME.len()).position(|bytes| bytes == FRAME) {
        let start = at + found;
        let length = content[start + FRAME.len()..][..4].try_into().map_or(0, u32::from_be_bytes);
        at = (start + FRAME_HEAD + length as usize).min(content.len());
        frames.push(start..at);
    }
    let header = frames.first().map_or(0, |first| first.start);
    frames.pop();
    position < header || frames.iter().any(|frame| frame.contains(&position))
}

/// Kafka's checkpoint of log starts has no checksum: where a digit becomes another one, the log begins there.
fn is_another_number(below: &str, content: &[u8], position: usize, bit: u8) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    below == "log-start-offset-checkpoint"
        && is_digit(content[position])
        && is_digit(content[position] ^ (1 << bit))
}

/// Whether a byte of a segment belongs to a batch with offsets below `end`, and to what a reader can check of it.
fn hits_a_batch(segment: &[u8], position: usize, end: i64) -> bool {
    let mut at = 0;
    while let Some(Ok(length)) = segment.get(at..).map(|rest| Batch::peek(rest, rest.len())) {
        let Some(Ok(batch)) = segment.get(at..at + length).map(Batch::whole) else { return false };
        if batch.base_offset() >= end {
            return false;
        }
        if (at..at + length).contains(&position) {
            return !UNCHECKED.contains(&(position - at));
        }
        at += length;
    }
    false
}

/// Reads a partition from its beginning. It had `log` before.
pub(super) fn examine(stage: &Stage, partition: Partition, log: &[Sent]) -> Told {
    let shared = stage.shared.clone();
    let end = log.len() as i64;
    let reading = async move {
        let mut found = Vec::new();
        let mut empty = 0;
        while (found.len() as i64) < end && shared.violation.borrow().is_none() {
            let from = found.len() as i64;
            let answer = work::insist(&shared, async |client| fetch(client, partition, from).await).await;
            match answer {
                Ok((records, watermark)) => {
                    if watermark < end {
                        shared.fail(format!(
                            "partition {partition}: {end} records were acknowledged, and the watermark told is {watermark}"
                        ));
                    }
                    shared.note(work::read(&shared.history, partition, records, watermark, &mut found));
                }
                Err(ErrorCode::KAFKA_STORAGE_ERROR) => return (found, Told::Refuses),
                Err(error) => {
                    shared.fail(format!("partition {partition}: offset {from} cannot be read: {error}"));
                }
            }
            empty = if found.len() as i64 > from { 0 } else { empty + 1 };
            if empty > MAX_EMPTY {
                shared.fail(format!("partition {partition} says nothing of offset {from}"));
            }
        }
        (found, Told::Everything)
    };
    let (found, told) = stage.simulation.block_on(LONG, reading);
    if let Some(at) = found.iter().zip(log).position(|(found, sent)| found != sent) {
        let (found, sent) = (found[at], log[at]);
        stage.shared.fail(format!("partition {partition}: offset {at} was {sent:?} and is {found:?}"));
    }
    told
}

async fn fetch(
    client: &mut super::client::Client,
    partition: Partition,
    from: i64,
) -> Result<Option<Result<(bytes::Bytes, i64), ErrorCode>>, Lost> {
    let response = client.call(FETCH_VERSION, &work::fetch(partition, from)).await?;
    let Some(data) = response.responses.first().and_then(|topic| topic.partitions.first()) else {
        return Ok(None);
    };
    Ok(match data.error_code {
        ErrorCode::NONE => {
            let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
            Some(Ok((records, data.high_watermark)))
        }
        // Asked before the start was over.
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => None,
        error => Some(Err(error)),
    })
}

pub(super) fn read_all(stage: &Stage) -> Logs {
    let shared: std::rc::Rc<Shared> = stage.shared.clone();
    stage.simulation.block_on(LONG, work::read_all(shared))
}

/// Where a partition ends, and the leader epoch that it is led in, once it says so.
pub(super) fn end_of(stage: &Stage, partition: Partition) -> (i64, i32) {
    let shared = stage.shared.clone();
    let asking = async move {
        work::insist(&shared, async |client| {
            let latest = work::latest(client, partition).await?;
            Ok((latest.error_code == ErrorCode::NONE).then_some((latest.offset, latest.leader_epoch)))
        })
        .await
    };
    stage.simulation.block_on(LONG, asking)
}

fn is_as_before(stage: &Stage, before: &Logs, since: &str) {
    for (partition, log) in before {
        if matches!(examine(stage, *partition, log), Told::Refuses) {
            stage.shared.fail(format!("{since}, and partition {partition} refuses"));
        }
    }
}

/// Idle, and so covered, the node goes down. Whether it was asked to.
fn go_down(stage: &Stage, draw: &mut Draw) -> bool {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    let way = draw.below(3);
    match way {
        0 => stage.stop(),
        1 => simulation.kill(node),
        _ => {
            simulation.power_loss(node);
            come_up(stage);
            simulation.run_for(IDLE);
            simulation.kill(node);
        }
    }
    settle(stage);
    way == 0
}

/// Late writes of a process that was killed keep its lock.
pub(super) fn settle(stage: &Stage) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    simulation.run_until(|| simulation.in_flight(node).is_empty(), LONG);
}

/// Starts, and says why that failed.
pub(super) fn start(stage: &Stage) -> Result<(), String> {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    let ready = stage.broker.ready();
    stage.restart();
    simulation.run_until(|| stage.broker.ready() > ready || !simulation.is_running(node), LONG);
    if let Some(text) = simulation.fail_stops().first() {
        stage.shared.fail(format!("the broker panicked: {text}"));
    }
    if stage.broker.ready() > ready { Ok(()) } else { Err(stage.broker.failed_starts().join("; ")) }
}

fn come_up(stage: &Stage) {
    if let Err(reason) = start(stage) {
        stage.shared.fail(format!("the disks are well, and the broker does not start: {reason}"));
    }
}
