//! What befalls log directories: errors, hangs, a full disk, a directory that cannot be read at start, a process without descriptors.
//!
//! Checked beside the history: the node goes on without a directory that is offline, unless it keeps the metadata; partitions of the
//! others are written and read meanwhile, those of the failed one answer `KAFKA_STORAGE_ERROR`; once the disk is well again a start
//! brings everything back. Descriptors that are missing fail nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, PerMillion, Site, Verb};

use super::history::Partition;
use super::run::{Draw, LONG, Stage};
use super::work::{self, TOPIC};

/// The first one keeps the metadata.
pub(super) const DIRECTORIES: [&str; 3] = ["/data", "/more", "/other"];

/// As many operations of its disks as most starts have.
const START_OPERATIONS: u64 = 240;
/// `EIO`, `EACCES` and `EMFILE`.
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;

const WRITES: [Verb; 4] = [Verb::Write, Verb::Sync, Verb::SyncFileSystem, Verb::Allocate];
const NAMES: [Verb; 7] = [
    Verb::SyncDirectory,
    Verb::Rename,
    Verb::Open,
    Verb::MakeDirectory,
    Verb::RemoveFile,
    Verb::SetLength,
    Verb::Extents,
];

/// One disk is ill for a while; then the machine goes down, if the node has not, and comes up well.
pub(super) fn disturb(stage: &Stage, directories: &[&'static str], draw: &mut Draw) {
    stage.simulation.run_for(Duration::from_micros(draw.below(200_000)));
    let directory = draw.one_of(directories);
    match draw.below(6) {
        0 if directories.len() > 1 => unreadable_at_start(stage, directories, directory, draw),
        1 if directories.len() > 1 => fails_as_it_starts(stage, directories, directory, draw),
        2 => full(stage, directory, draw),
        3 => without_descriptors(stage, draw),
        _ => ill(stage, directory, draw),
    }
    come_back(stage, draw);
}

/// Operations of some kinds fail, hang, or end early.
fn ill(stage: &Stage, directory: &'static str, draw: &mut Draw) {
    let hang = Duration::from_millis(1 + draw.below(100_000));
    let kinds = [
        FaultKind::Error(EIO),
        FaultKind::Error(EIO),
        FaultKind::NoSpace,
        FaultKind::Short,
        FaultKind::Hang(Some(hang)),
        FaultKind::Hang(None),
    ];
    let kind = draw.one_of(&kinds);
    let verbs: Vec<Verb> = match (kind, draw.below(3)) {
        (FaultKind::Hang(_), 0) => vec![Verb::Read, Verb::Open, Verb::Extents, Verb::Allocate],
        (FaultKind::Hang(_), _) => vec![Verb::Write, Verb::Sync],
        (FaultKind::NoSpace, _) => vec![Verb::Write, Verb::Allocate, Verb::Open, Verb::MakeDirectory],
        (FaultKind::Short, _) => vec![Verb::Read, Verb::Write],
        (_, 0) => WRITES.to_vec(),
        (_, 1) => NAMES.to_vec(),
        _ => vec![Verb::Read],
    };
    let chance = draw.one_of(&[1_000_000, 100_000, 10_000]);
    let times = draw.one_of(&[1, 3, u32::MAX]);
    // Drawn here, and not by the machine, so that what strikes can be counted.
    let (chances, left) = (RefCell::new(Draw::new(draw.below(u64::MAX))), Cell::new(times));
    let struck: Rc<RefCell<Vec<Verb>>> = Rc::default();
    let noted = struck.clone();
    let strikes = move |site: &Site| {
        let is_meant = is_below(site, directory) && verbs.contains(&site.verb) && left.get() > 0;
        if !is_meant || chances.borrow_mut().below(1_000_000) >= chance {
            return false;
        }
        left.set(left.get() - 1);
        noted.borrow_mut().push(site.verb);
        true
    };
    let id = stage.simulation.add_fault(Fault::always(kind, strikes));
    let time = if matches!(kind, FaultKind::Hang(_)) { 60_000 } else { 1_000 };
    stage.simulation.run_for(Duration::from_millis(1 + draw.below(time)));
    stage.simulation.remove_fault(id);
    let kind = match kind {
        FaultKind::Hang(Some(_)) => "Hang for a while".to_owned(),
        kind => format!("{kind:?}"),
    };
    for verb in struck.take() {
        stage.strike(&format!("{kind} of {verb:?}"));
    }
}

/// No block is free any more.
fn full(stage: &Stage, directory: &'static str, draw: &mut Draw) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    let (capacity, free) = simulation.capacity_bytes(node, directory);
    if capacity == 0 {
        // Nothing has opened it yet.
        return;
    }
    let left = draw.one_of(&[0, 4096, 100_000, 2_000_000]);
    simulation.set_capacity(node, directory, capacity - free + left);
    simulation.run_for(Duration::from_millis(1 + draw.below(1_000)));
    simulation.set_capacity(node, directory, capacity);
}

/// For longer than an operation of a disk may take, perhaps. Everything is served afterwards.
fn without_descriptors(stage: &Stage, draw: &mut Draw) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    simulation.run_until(|| stage.broker.ready() > 0 || !simulation.is_running(node), LONG);
    let opening = [Verb::Open, Verb::List, Verb::SyncDirectory, Verb::SyncFileSystem];
    let chance = PerMillion(draw.one_of(&[1_000_000, 500_000]));
    let strikes = move |site: &Site| opening.contains(&site.verb);
    let fault = Fault::always(FaultKind::Error(EMFILE), strikes).with_chance(chance);
    let id = simulation.add_fault(fault);
    simulation.run_for(Duration::from_millis(1 + draw.below(90_000)));
    simulation.remove_fault(id);
    if !simulation.is_running(node) {
        stage.shared.fail("the node ended for want of descriptors".to_owned());
    } else if stage.shared.topic_is_created() {
        let shared = stage.shared.clone();
        let producer = 1_000 + draw.below(1_000_000) as u32;
        simulation.block_on(LONG, async move {
            for partition in 0..shared.partitions {
                work::produce(shared.clone(), producer, partition, 1).await;
            }
        });
    }
}

fn is_below(site: &Site, directory: &str) -> bool {
    site.path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A start finds a directory that it may not read. It goes on without, unless that keeps the metadata.
fn unreadable_at_start(
    stage: &Stage,
    directories: &[&'static str],
    directory: &'static str,
    draw: &mut Draw,
) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    go_down(stage, draw);
    let fault = Fault::always(FaultKind::Error(EACCES), move |site| is_below(site, directory));
    let id = simulation.add_fault(fault);
    stage.restart();
    let ready = stage.broker.ready();
    simulation.run_until(|| stage.broker.ready() > ready || !simulation.is_running(node), LONG);
    let keeps_metadata = directory == directories[0];
    match (keeps_metadata, stage.broker.failed_starts()) {
        (true, failed) if failed.len() == 1 => {}
        (false, failed) if may_refuse(stage, &failed) => {}
        (false, failed) if failed.is_empty() => {
            let there = partitions_in(stage, directory);
            go_on_without(stage, directories, directory, &there, draw);
        }
        (_, failed) => stage.shared.fail(format!("{directory} cannot be read at start: {failed:?}")),
    }
    simulation.remove_fault(id);
}

/// A directory fails while a start is under way, at whichever operation. The start goes on without, unless that keeps the metadata.
fn fails_as_it_starts(stage: &Stage, directories: &[&'static str], directory: &'static str, draw: &mut Draw) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    go_down(stage, draw);
    stage.broker.failed_starts();
    stage.restart();
    let ready = stage.broker.ready();
    let is_over = || stage.broker.ready() > ready || !simulation.is_running(node);
    let fails_with_volumes = draw.below(2) == 0;
    if !fails_with_volumes {
        let at = simulation.io_events(node) + draw.below(START_OPERATIONS);
        simulation.run_until(|| is_over() || simulation.io_events(node) >= at, LONG);
    }
    // A start makes round logs, and then opens them for the volumes, which few of its operations are for.
    let (made, begun) = (RefCell::new(BTreeSet::new()), Cell::new(!fails_with_volumes));
    let strikes = move |site: &Site| {
        let is_round_log = site.verb == Verb::Open && site.path.contains("/logan/rounds-");
        let is_here = is_below(site, directory);
        if is_here && is_round_log && !made.borrow_mut().insert(site.path.clone()) {
            begun.set(true);
        }
        is_here && begun.get()
    };
    let id = simulation.add_fault(Fault::always(FaultKind::Error(EIO), strikes));
    simulation.run_until(is_over, LONG);
    if directory == directories[0] {
        // It fails, or the node stops as soon as it is up.
        stage.broker.failed_starts();
    } else if stage.broker.ready() > ready {
        // What lies there is offline when it is found out.
        go_on_without(stage, directories, directory, &BTreeSet::new(), draw);
    } else {
        let failed = stage.broker.failed_starts();
        if !may_refuse(stage, &failed) {
            let text = format!("{directory} failed while the node started, and that gave up: {failed:?}");
            stage.shared.fail(text);
        }
    }
    simulation.remove_fault(id);
}

/// Before there is a topic, nobody knows whether a directory that is offline holds some that are to be taken over.
fn may_refuse(stage: &Stage, failed: &[String]) -> bool {
    let is_of_takeover = |text: &String| text.contains("topics to be taken over");
    !stage.shared.topic_is_created() && matches!(failed, [text] if is_of_takeover(text))
}

/// The partitions whose log directory has its place in a directory.
pub(super) fn partitions_in(stage: &Stage, directory: &str) -> BTreeSet<Partition> {
    let files = stage.simulation.files(stage.broker.node, directory, false);
    let is_there =
        |index: &Partition| files.keys().any(|path| path.starts_with(&format!("{TOPIC}-{index}/")));
    (0..stage.shared.partitions).filter(is_there).collect()
}

/// The partitions that lie elsewhere are served, and those in `offline` say why they are not. One whose names were not made yet when the machine
/// went down may lie here or there.
fn go_on_without(
    stage: &Stage,
    directories: &[&'static str],
    directory: &'static str,
    offline: &BTreeSet<Partition>,
    draw: &mut Draw,
) {
    let simulation = &stage.simulation;
    let there = partitions_in(stage, directory);
    let others = directories.iter().filter(|other| **other != directory);
    let elsewhere: BTreeSet<Partition> = others.flat_map(|other| partitions_in(stage, other)).collect();
    if !stage.shared.topic_is_created() {
        return;
    }
    let (shared, offline) = (stage.shared.clone(), offline.clone());
    let producer = 1_000 + draw.below(1_000_000) as u32;
    simulation.block_on(LONG, async move {
        for partition in 0..shared.partitions {
            if offline.contains(&partition) {
                work::expect_offline(&shared, partition).await;
            } else if elsewhere.contains(&partition) && !there.contains(&partition) {
                work::produce(shared.clone(), producer, partition, 1).await;
            }
        }
    });
}

/// The machine goes down in one of three ways.
fn go_down(stage: &Stage, draw: &mut Draw) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    match draw.below(3) {
        0 => simulation.kill(node),
        1 => simulation.power_loss(node),
        // It ends, whatever hangs.
        _ => stage.stop(),
    }
    // What hangs keeps the lock of its process.
    simulation.release_hangs(node);
    // Late writes of a process that was killed keep its lock.
    simulation.run_until(|| simulation.in_flight(node).is_empty(), LONG);
    let fail_stops = simulation.fail_stops();
    let is_expected = |text: &String| text.starts_with("the metadata log failed");
    if let Some(text) = fail_stops.iter().find(|text| !is_expected(text)) {
        stage.shared.fail(format!("the broker panicked: {text}"));
    }
}

/// With disks that are well again, the broker starts.
fn come_back(stage: &Stage, draw: &mut Draw) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    go_down(stage, draw);
    // A start that was under way, and met the disk while it was ill, may have failed.
    stage.broker.failed_starts();
    let ready = stage.broker.ready();
    stage.restart();
    simulation.run_until(|| stage.broker.ready() > ready || !simulation.is_running(node), LONG);
    if stage.broker.ready() == ready {
        let failed = stage.broker.failed_starts();
        stage.shared.fail(format!("the disks are well, and the broker does not start: {failed:?}"));
    }
}
