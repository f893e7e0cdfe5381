//! Writes and syncs that a disk says it has done, and has not.
//!
//! One of them is lost, and others follow, so that rounds cover what was lost: all of it is below what was called durable. Then the node goes down,
//! and comes up. Checked:
//! - a partition shows what was sent to it, where that was sent to, or says that it cannot be read; it never says that less was sent
//! - a node that does not start keeps its metadata in that directory, or cannot tell whose it is, and says where the loss is
//! - the partitions of other directories are not concerned, and all that do not refuse can be written to
//!
//! Where a directory is refused, the loss is accepted ([`accept`]). Of a partition that refuses, or of the metadata, nothing more is known: the
//! run ends there, with what it has seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, Site, Verb};
use logan_storage::batch::Batch;
use logan_storage::disk::BLOCK;
use logan_storage::log::Log;
use logan_storage::volume::Volume;

use super::accept;
use super::damage::{self, IDLE, Told};
use super::disks;
use super::history::Partition;
use super::run::{Draw, Stage};
use super::work::TOPIC;

/// What a write belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Segment,
    Hint,
    Rounds,
    Checkpoint,
    Root,
    Text,
    /// The metadata's own log.
    Metadata,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Segment, Self::Hint, Self::Rounds, Self::Checkpoint, Self::Root, Self::Text, Self::Metadata];

    pub(super) fn of(path: &str) -> Self {
        let is_text = ["-checkpoint", "partition.metadata", "meta.properties", ".kafka_cleanshutdown"];
        if path.contains("/logan-metadata-") {
            Self::Metadata
        } else if path.contains("/logan/root") {
            Self::Root
        } else if path.contains("/logan/rounds-") {
            Self::Rounds
        } else if path.contains("/logan/checkpoint-") {
            Self::Checkpoint
        } else if is_text.iter().any(|name| path.contains(name)) {
            Self::Text
        } else if [".index", ".timeindex", ".snapshot", ".txnindex"].iter().any(|name| path.contains(name)) {
            Self::Hint
        } else {
            // A spare is one, too.
            Self::Segment
        }
    }
}

/// A write is lost. Returns whether the run can go on: nothing that anybody misses is gone, or its loss was accepted.
pub(super) fn disturb(stage: &Stage, directories: &[&'static str], draw: &mut Draw) -> bool {
    if !stage.is_done() || stage.has_failed() {
        return true;
    }
    let directory = draw.one_of(directories);
    let hit: Hit = Rc::default();
    if lose(stage, directories, directory, &hit, draw) {
        return true;
    }
    let is_beyond = hit.take().is_some_and(|lost| accept::is_beyond(&lost.path));
    if stage.has_failed() || is_beyond || !accept::is_offline(stage, directory) {
        return false;
    }
    accept::accept_losses(stage, directory);
    true
}

/// What was lost, once something is.
type Hit = Rc<RefCell<Option<Write>>>;

/// A write, or a sync, that was lost.
#[derive(Debug, Clone)]
struct Write {
    verb: Verb,
    position: u64,
    length: u64,
    /// Of its file.
    path: String,
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} of {}", self.verb, self.position, self.path)
    }
}

/// Whether nothing that anybody misses is gone.
fn lose(
    stage: &Stage,
    directories: &[&'static str],
    directory: &'static str,
    hit: &Hit,
    draw: &mut Draw,
) -> bool {
    let kind = draw.one_of(&Kind::ALL);
    let verb = if draw.below(4) == 0 { Verb::Sync } else { Verb::Write };
    // Those of a stop and a start come late.
    let skipped = RefCell::new(draw.below(6));
    let (seen, to) = (hit.clone(), stage.broker.node);
    let strikes = move |site: &Site| {
        let is_here = site.node == to && site.verb == verb && site.path.starts_with(directory);
        if !is_here || Kind::of(&site.path) != kind || seen.borrow().is_some() {
            return false;
        }
        let left = &mut *skipped.borrow_mut();
        if *left > 0 {
            *left -= 1;
            return false;
        }
        let Site { position, length, path, .. } = site.clone();
        *seen.borrow_mut() = Some(Write { verb, position, length, path });
        true
    };
    let fault = stage.simulation.add_fault(Fault::always(FaultKind::Lost, strikes));
    send(stage);
    let is_stopped = draw.below(2) == 0;
    if is_stopped && hit.borrow().is_none() {
        // What is lost may be what the stop writes, or the start after it.
        go_down(stage, true);
        if let Err(reason) = damage::start(stage) {
            stage.simulation.remove_fault(fault);
            let lost = hit.borrow().as_ref().map(Write::to_string);
            return is_told(stage, directories, directory, lost.as_deref(), &reason);
        }
        let lost = hit.borrow().as_ref().map(Write::to_string);
        match lost {
            // Its directory may be offline for that.
            Some(lost) if !look_around(stage, directory, &lost, &Excused::new()) => {
                stage.simulation.remove_fault(fault);
                return false;
            }
            Some(_) => {}
            None => send(stage),
        }
    }
    stage.simulation.remove_fault(fault);
    let Some(lost) = hit.borrow().clone() else { return true };
    stage.befell.borrow_mut().push(format!("{lost} was lost"));
    stage.strike(&format!("{verb:?} of {kind:?}"));
    // Once with what follows, and once more with nothing but what covers that.
    send(stage);
    stage.simulation.run_for(IDLE);
    if stage.has_failed() || !stage.simulation.is_running(stage.broker.node) {
        return is_told(stage, directories, directory, Some(&lost.to_string()), "the node went down");
    }
    let stops = draw.below(2) == 0;
    let is_excused = !stops && kind == Kind::Segment && verb == Verb::Write;
    let excused = if is_excused { excused(stage, directory, &lost) } else { Excused::new() };
    go_down(stage, stops);
    match damage::start(stage) {
        Ok(()) => look_around(stage, directory, &lost.to_string(), &excused),
        Err(reason) => is_told(stage, directories, directory, Some(&lost.to_string()), &reason),
    }
}

/// Of partitions that may lack their last batch, what they have before it.
type Excused = BTreeMap<Partition, i64>;

/// What was lost may be zeros that prepared blocks. What is written into such blocks is gone with the power: the device has it, and the file does
/// not. Of a round that another one covers that is found out, because the record of the other one is durable. The last round of a round log
/// is covered by a record that nobody flushes, so it cannot be told from one that did not end (README). Partitions are written to in turn, a
/// batch in a round, so that is the last batch of the last partition of each volume, if it lies in blocks of the write that was lost.
fn excused(stage: &Stage, directory: &str, lost: &Write) -> Excused {
    let is_of_topic = |log: &Rc<Log>| log.key().topic == TOPIC;
    let here = disks::partitions_in(stage, directory);
    let last_of = |volume: Rc<Volume>| {
        let logs = volume.logs().into_iter().filter(is_of_topic);
        logs.max_by_key(|log| log.key().partition).filter(|log| here.contains(&log.key().partition))
    };
    let logs = stage.broker.volumes().into_iter().filter_map(last_of);
    logs.filter_map(|log| last_batch_in(stage, directory, &log, lost)).collect()
}

/// If a log's last batch lies in blocks of a write: its partition and where the batch begins.
fn last_batch_in(stage: &Stage, directory: &str, log: &Log, lost: &Write) -> Option<(Partition, i64)> {
    let (partition, segment) = (log.key().partition, log.segments().pop()?);
    let path = format!("{directory}/{TOPIC}-{partition}/{:020}.log", segment.base);
    // A spare becomes the segment of any log.
    if lost.path != path && !lost.path.contains("/logan/spare") {
        return None;
    }
    let content = stage.simulation.content(stage.broker.node, &path, false)?;
    let bytes = content.get(..segment.length as usize)?;
    let (mut at, mut last) = (0, None);
    while let Ok(batch) = Batch::parse(&bytes[at..], bytes.len()) {
        last = Some((at as u64, batch.base_offset()));
        at += batch.len();
    }
    let (begin, base) = last?;
    let of_batch = begin / BLOCK as u64 * BLOCK as u64..at as u64;
    let is_in = of_batch.start < lost.position + lost.length && lost.position < of_batch.end;
    is_in.then_some((partition, base))
}

/// A batch is there as a whole, or not at all.
fn lacks_all_or_nothing(stage: &Stage, partition: Partition, length: i64) -> Result<(), String> {
    let had = stage.shared.history.borrow().acknowledged_of(partition).len() as i64;
    let left = accept::lose(stage, partition, true)?.length;
    if left >= had || left == length {
        return Ok(());
    }
    Err(format!("partition {partition} had {had} records, {length} before its last batch, and has {left}"))
}

/// Each partition is written to, as far as it takes anything; one whose directory has failed meanwhile takes nothing.
fn send(stage: &Stage) {
    let partitions: Vec<Partition> = (0..stage.shared.partitions).collect();
    damage::go_on(stage, partitions);
    stage.simulation.run_for(Duration::from_millis(200));
}

fn go_down(stage: &Stage, stops: bool) {
    if stops {
        stage.stop();
    } else {
        stage.simulation.power_loss(stage.broker.node);
    }
    damage::settle(stage);
}

fn is_told(
    stage: &Stage,
    directories: &[&'static str],
    directory: &str,
    lost: Option<&str>,
    reason: &str,
) -> bool {
    let lost = lost.unwrap_or("nothing");
    let says = reason.contains(directory);
    if lost == "nothing" || !says || (directory != directories[0] && !lost.contains("meta.properties")) {
        stage.shared.fail(format!("{lost} was lost, and the node does not start: {reason}"));
    }
    stage.befell.borrow_mut().push(format!("it is told: {reason}"));
    false
}

/// Partitions of one directory may refuse, or lack what is excused; all others have everything.
fn look_around(stage: &Stage, directory: &str, lost: &str, excused: &Excused) -> bool {
    let concerned = disks::partitions_in(stage, directory);
    let mut others = Vec::new();
    for partition in 0..stage.shared.partitions {
        let excused = excused.get(&partition).copied();
        let mut sent = stage.shared.history.borrow().acknowledged_of(partition);
        if let Some(length) = excused {
            sent.truncate(length as usize);
        }
        match damage::examine(stage, partition, &sent) {
            Told::Everything => {
                if let Some(length) = excused {
                    stage.shared.note(lacks_all_or_nothing(stage, partition, length));
                }
                others.push(partition);
            }
            Told::Refuses if concerned.contains(&partition) => {}
            Told::Refuses => stage.shared.fail(format!("{lost} was lost, and partition {partition} refuses")),
        }
    }
    if stage.has_failed() {
        return true;
    }
    let is_whole = others.len() as i32 == stage.shared.partitions;
    damage::go_on(stage, others);
    if !is_whole {
        stage.befell.borrow_mut().push("a partition refuses".to_owned());
    }
    is_whole
}
