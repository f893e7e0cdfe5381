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
use std::rc::Rc;
use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, Site, Verb};

use super::accept;
use super::damage::{self, IDLE, Told};
use super::disks;
use super::history::Partition;
use super::run::{Draw, Stage};

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
    let lost = hit.take().unwrap_or_default();
    let is_beyond = accept::is_beyond(lost.split(" of ").last().unwrap_or_default());
    if stage.has_failed() || is_beyond || !accept::is_offline(stage, directory) {
        return false;
    }
    accept::accept_losses(stage, directory);
    true
}

/// What was lost, once something is.
type Hit = Rc<RefCell<Option<String>>>;

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
        *seen.borrow_mut() = Some(format!("{verb:?} at {} of {}", site.position, site.path));
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
            return is_told(stage, directories, directory, hit.borrow().as_deref(), &reason);
        }
        let lost = hit.borrow().clone();
        match lost {
            // Its directory may be offline for that.
            Some(lost) if !look_around(stage, directory, &lost, false) => {
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
        return is_told(stage, directories, directory, Some(&lost), "the node went down");
    }
    let stops = draw.below(2) == 0;
    go_down(stage, stops);
    match damage::start(stage) {
        Ok(()) => {
            // What was lost may be zeros that prepared blocks, and what was last written into these is gone with the power. No record that is durable
            // covers the last round, so it cannot be told from one that did not end (README).
            let forgives = !stops && kind == Kind::Segment && verb == Verb::Write;
            look_around(stage, directory, &lost, forgives)
        }
        Err(reason) => is_told(stage, directories, directory, Some(&lost), &reason),
    }
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

/// Partitions of one directory may refuse, or have all but their last record if that is forgiven; all others have everything.
fn look_around(stage: &Stage, directory: &str, lost: &str, forgives: bool) -> bool {
    let concerned = disks::partitions_in(stage, directory);
    let mut others = Vec::new();
    for partition in 0..stage.shared.partitions {
        let may_lack = forgives && concerned.contains(&partition);
        let mut sent = stage.shared.history.borrow().acknowledged_of(partition);
        if may_lack {
            sent.pop();
        }
        match damage::examine(stage, partition, &sent) {
            Told::Everything => {
                if may_lack {
                    stage.shared.note(accept::lose(stage, partition, true).map(drop));
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
