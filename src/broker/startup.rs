//! How a node comes up: directories locked, listeners bound, the metadata log read, directories recovered, every shard given its part, the broker
//! registered, connections accepted; the ready line last. The leading shard does all of it, with the others' help by mail.
//!
//! Whatever can stand in the way of a start for reasons outside of the directories is found out before anything in them is changed.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::join_all;
use logan_raft::files::FileError;
use logan_raft::log::LogError;
use logan_raft::{Identity, Limits, QuorumError};
use logan_shards::{self as shards, Directory, Queue, ShardId};
use logan_storage::disk::{Directory as _, DiskError};
use logan_storage::{
    FailedMark, LogKey, OpenError, OpenOptions, Opened, Standing, Volume, VolumeConfig, VolumePart,
};

use super::directories::{self, ClaimError, Claimed};
use super::disk::{LogDirectory, ShardHost};
use super::raft_files::{NoPeers, RaftDirectory, ShardClock};
use super::{Shell, applying, elections, listener, partition_of, quorum, takeover};
use crate::config::{BrokerSettings, Overrides, TopicSettings};
use crate::mail::{Answer, Boot, Call, Mail, Router};
use crate::metadata::{Command, Endpoint, Image, QUORUM_SHARD, Registration, Reply, Resource};
use crate::model::{PartitionId, Uuid};
use crate::{handlers, limits};

/// The shard that leads start and stop, and runs the quorum.
pub(super) const LEADING_SHARD: ShardId = QUORUM_SHARD;

/// What is said when the node is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Of each listener, as bound.
    pub addresses: Vec<String>,
    pub shards: u16,
    pub directories: Vec<String>,
    pub took_ms: u64,
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shards = if self.shards == 1 { "shard" } else { "shards" };
        write!(
            f,
            "Logan is ready on {}: {} {shards}, data in {}, started in {} ms",
            self.addresses.join(", "),
            self.shards,
            self.directories.join(", "),
            self.took_ms
        )
    }
}

/// Why a node did not come up, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Machine(#[from] shards::StartError),
    #[error(
        "{path} is in use by another process: stop it (its lock is held until its last write has landed), or name another \
         directory in log.dirs"
    )]
    Locked { path: String },
    #[error("{path}: {reason}")]
    Directory { path: String, reason: String },
    #[error("{path} and {other} are the same directory ({root}): name it once in log.dirs")]
    SameDirectory { path: String, other: String, root: String },
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(
        "all log directories have failed, or cannot be used, and a broker needs one: earlier lines say why"
    )]
    NoDirectory,
    #[error("metadata.log.dir {path} cannot be used, and there is no node without it: earlier lines say why")]
    NoMetadataDirectory { path: String },
    #[error("the metadata log: {0}")]
    Metadata(String),
    #[error(
        "{path}: no space left on the device, and what the metadata log had prepared is used up: free some, and start again. Nothing is lost"
    )]
    NoMetadataSpace { path: String },
    #[error(
        "a log directory is offline, and whether it holds topics to be taken over cannot be known: partitions that lie there would begin anew. \
         Bring it back, or take it out of log.dirs for good"
    )]
    NotAllThere,
    #[error(
        "{log} lies in {other} and in {path}. Move the one that is out of date away (`logan inspect log` shows where each ends), and start again"
    )]
    TwoLogs { log: String, path: String, other: String },
    #[error("the topics of the log directories cannot be taken over: {0}")]
    NotTakenOver(String),
    #[error(
        "{path} holds {log}, whose topic the metadata does not know by its id. If {log}/partition.metadata is damaged, restore that. Nothing is \
         deleted that the metadata does not say was deleted: run `logan recover \
         {path}`, move what is not of this node out of it, run `logan recover --accept-loss {path}`, and start again"
    )]
    UnknownTopic { path: String, log: String },
    #[error("{path} has failed: without its metadata, or without any log directory, a node cannot go on")]
    Lost { path: String },
    #[error(
        "`listeners` cannot be bound: {0}. If another process has the port, stop it (`ss -ltnp` names it) or give another one in `listeners`; \
         nothing in the log directories was changed"
    )]
    Listener(String),
    #[error(
        "told to stop while it started, and the start did not end within {} s: a disk does not answer",
        limits::ROUND_HANGS_AFTER.as_secs()
    )]
    Stopped,
    #[error("{0}")]
    Shard(String),
}

/// A node that is up.
pub(super) struct Started {
    pub ready: Ready,
    pub broker_epoch: i64,
    /// Where log directories lie, for the stop; `None` where one is offline.
    pub directories: Vec<Option<Rc<LogDirectory>>>,
}

/// Brings the node up.
pub(super) async fn lead(shell: &Rc<Shell>) -> Result<Started, StartError> {
    let began_ns = shards::monotonic_ns();
    let settings = &shell.plan.settings.broker;
    let (cluster_id, claimed, metadata) = open_directories(settings).await?;
    let addresses = bind_all(shell).await?;
    // Before any other file of ours is there: of a directory that has some, it is known that its metadata log was, too. And what is known of topics is
    // asked before any log directory is changed.
    let opened = open_metadata(shell, &cluster_id, &metadata).await?;
    let mut volumes = recover(shell, &claimed, &opened).await?;
    let survey = elections::survey(settings.node_id, &claimed, &mut volumes, &opened, metadata.id).await?;
    let is_new = opened.is_new || opened.image.is_taking_over();
    let image = Arc::new(opened.image.clone());
    let (foreign, volumes) = if is_new {
        (takeover::foreign_topics(&claimed, &volumes)?, volumes)
    } else {
        (BTreeMap::new(), volumes)
    };
    let failed = boot_all(shell, &claimed, volumes, &image, is_new).await?;
    if is_new && failed.iter().any(|mark| mark.is_failed()) {
        return Err(StartError::NotAllThere);
    }
    // Not before every shard has deleted what is gone: a log that one of them creates may have the name of one that another deletes.
    everyone(shell, Mail::CreateMissing).await?;
    quorum::begin(shell, opened, metadata.id);
    let broker_epoch = register(shell, &addresses).await?;
    elections::begin_producer_ids(shell, &survey).await?;
    takeover::adopt(shell, foreign).await?;
    elections::begin_leader_epochs(shell, &survey).await?;
    let image = shell.context.image();
    listener::set_limits(shell, &image).await;
    say_what_is_kept(shell, &image);
    // Each shard had one when it booted; which, the others may have seen fail since.
    if online(shell).is_empty() {
        return Err(StartError::NoDirectory);
    }
    everyone(shell, Mail::Accept).await?;
    let ready = Ready {
        addresses,
        shards: shell.router.shards(),
        directories: settings.log_dirs.iter().map(|path| path.display().to_string()).collect(),
        took_ms: (shards::monotonic_ns() - began_ns) / 1_000_000,
    };
    let directories =
        claimed.into_iter().map(|claimed| Some(Rc::new(LogDirectory::new(claimed?.directory)))).collect();
    Ok(Started { ready, broker_epoch, directories })
}

/// The cluster's id; the log directories, `None` for one that is offline; and where the metadata log lies.
type Own = (String, Vec<Option<Claimed>>, Claimed);

/// Opens, locks and claims the log directories, and metadata.log.dir if that is none of them. One that cannot be opened is offline, unless it is
/// the only one.
async fn open_directories(settings: &BrokerSettings) -> Result<Own, StartError> {
    let mut paths = settings.log_dirs.clone();
    if !paths.contains(&settings.metadata_log_dir) {
        paths.push(settings.metadata_log_dir.clone());
    }
    let mut directories: Vec<Directory> = Vec::new();
    let mut online = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let path = path.display().to_string();
        match open_directory(&path).await {
            Ok(directory) => {
                // The lock is the process's, so it does not tell one that is written in two ways from two.
                let root = directory.root();
                if let Some(other) = directories.iter().find(|other| other.root() == root) {
                    return Err(StartError::SameDirectory { path, other: other.path(), root });
                }
                online.push(place);
                directories.push(directory);
            }
            // Two brokers on one directory is never what anybody wants.
            Err(error @ StartError::Locked { .. }) => return Err(error),
            Err(error) if settings.log_dirs.len() == 1 => return Err(error),
            Err(error) => tracing::error!("a log directory is offline: {error}"),
        }
    }
    if online.iter().all(|place| *place >= settings.log_dirs.len()) {
        return Err(StartError::NoDirectory);
    }
    // Before anything is written: a directory that is given another cluster's id than this one has would never be accepted beside it.
    let no_metadata =
        || StartError::NoMetadataDirectory { path: settings.metadata_log_dir.display().to_string() };
    let keeper = online.iter().position(|place| paths[*place] == settings.metadata_log_dir);
    let keeper = keeper.ok_or_else(no_metadata)?;
    let (cluster_id, claimed) = directories::claim(directories, keeper, settings.node_id).await?;
    let metadata = claimed[keeper].clone().ok_or_else(no_metadata)?;
    let mut all: Vec<Option<Claimed>> = paths.iter().map(|_| None).collect();
    for (place, claimed) in online.into_iter().zip(claimed) {
        all[place] = claimed;
    }
    all.truncate(settings.log_dirs.len());
    Ok((cluster_id, all, metadata))
}

async fn open_directory(path: &str) -> Result<Directory, StartError> {
    let failed = |error: shards::IoError| match error {
        shards::IoError::Locked { .. } => StartError::Locked { path: path.to_owned() },
        error => StartError::Directory {
            path: path.to_owned(),
            reason: format!(
                "{error}; a log directory must exist or be creatable, and be writable by this user"
            ),
        },
    };
    let directory = Directory::open(path).await.map_err(failed)?;
    lock(&directory).await.map_err(failed)?;
    for warning in directory.warnings() {
        tracing::warn!("{path}: {warning}");
    }
    Ok(directory)
}

/// A process that was killed holds its lock until its last write has landed: so a held lock is waited for, within a bound.
pub async fn lock(directory: &Directory) -> Result<(), shards::IoError> {
    let deadline_ns = shards::monotonic_ns() + limits::LOCK_WAIT.as_nanos() as u64;
    let mut said = false;
    loop {
        match directory.lock().await {
            Err(shards::IoError::Locked { path }) => {
                if shards::monotonic_ns() >= deadline_ns {
                    return Err(shards::IoError::Locked { path });
                }
                if !std::mem::replace(&mut said, true) {
                    tracing::info!(
                        "{path} is locked: waiting until the writes of the process that had it have landed"
                    );
                }
                shards::sleep(limits::LOCK_RETRY).await;
            }
            locked => return locked,
        }
    }
}

/// Recovers every directory. One that is damaged is offline, unless it is the only one; so is one with logs of topics that the metadata does not
/// know, and that it did not delete.
async fn recover(
    shell: &Rc<Shell>,
    claimed: &[Option<Claimed>],
    metadata: &quorum::Opened,
) -> Result<Vec<Option<Opened>>, StartError> {
    // While a takeover is under way there are logs that the metadata does not know yet.
    let is_known = !metadata.is_new && !metadata.image.is_taking_over();
    let standing = is_known.then(|| takeover::standing(&metadata.image, &metadata.deleted));
    let shards = shell.router.shards();
    let owner = Rc::new(move |key: &LogKey| Router::owner_of(partition_of(key), shards).0);
    let recoveries = claimed.iter().map(|claimed| async {
        let Some(claimed) = claimed else { return Ok(None) };
        let directory = Rc::new(LogDirectory::new(claimed.directory.clone()));
        let path = directory.path();
        if let shards::Flushing::PerFile { reason } = claimed.directory.flushing() {
            tracing::warn!("{path}: every file is synced by itself, which is slower: {reason}");
        }
        let options = OpenOptions {
            shards,
            owner: owner.clone(),
            accept_loss: shell.plan.accept_loss,
            max_batch_bytes: limits::STORED_BATCH_BYTES,
            hang_after: limits::ROUND_HANGS_AFTER,
            mutations: shell.plan.mutations.storage,
        };
        let metadata = standing.as_ref().map(|standing| standing as &dyn Fn(&LogKey) -> Standing);
        match logan_storage::open_known(directory, Rc::new(ShardHost), options, metadata).await {
            Ok(opened) => {
                report(&path, &opened);
                Ok(Some(opened))
            }
            Err(error) => Err(unrecovered(path, &error)),
        }
    });
    let mut opened = Vec::new();
    for result in join_all(recoveries).await {
        match result {
            Ok(volume) => opened.push(volume),
            Err(error) if claimed.len() == 1 => return Err(error),
            Err(error) => {
                tracing::error!("a log directory is offline: {error}");
                opened.push(None);
            }
        }
    }
    if opened.iter().all(Option::is_none) { Err(StartError::NoDirectory) } else { Ok(opened) }
}

const RESTORE: &str = "; restore the directory from a copy, or take it out of log.dirs";

/// What to do about a file that a start could not use.
fn advice(error: &DiskError) -> &'static str {
    match error {
        DiskError::NoSpace { .. } => "; make room, and start again",
        DiskError::PermissionDenied { .. } => {
            "; give the files to the user that the broker runs as (perhaps it ran as another one before), and start again"
        }
        DiskError::Locked { .. } => "; stop the process that has it",
        DiskError::Offline => "; look after the drive, and start again",
        DiskError::NotFound { .. } | DiskError::AlreadyExists { .. } | DiskError::Failed { .. } => RESTORE,
    }
}

fn unrecovered(path: String, error: &OpenError) -> StartError {
    if let OpenError::UnknownTopic { log } = error {
        return StartError::UnknownTopic { path, log: log.to_string() };
    }
    let hint = match error {
        OpenError::Damaged(_) => format!("; `logan recover --accept-loss {path}` goes on with what is left"),
        OpenError::Root(_) => RESTORE.to_owned(),
        OpenError::Disk(error) => advice(error).to_owned(),
        OpenError::TooManyShards { .. } => "; set logan.shards".to_owned(),
        OpenError::NotClosedCleanly | OpenError::UnknownTopic { .. } => String::new(),
    };
    StartError::Directory { path, reason: format!("{error}{hint}") }
}

fn report(path: &str, opened: &Opened) {
    let report = &opened.report;
    if !report.was_clean {
        tracing::info!(
            "{path}: recovered {} logs: {} rounds replayed, {} verified ({} bytes), {} dropped that were never acknowledged",
            report.logs,
            report.rounds_replayed,
            report.rounds_verified,
            report.bytes_verified,
            report.rounds_dropped
        );
    }
    for loss in &report.losses {
        tracing::error!("{path}: lost for good: {loss}");
    }
    for orphan in &opened.orphans {
        tracing::warn!("{path}: nothing names {orphan}; it is kept");
    }
}

/// No volume watches the metadata's directory yet.
async fn answered<T>(claimed: &Claimed, asked: impl Future<Output = T>) -> Result<T, StartError> {
    let answer = shards::timeout(limits::ROUND_HANGS_AFTER, asked).await;
    answer.map_err(|_| StartError::Directory {
        path: claimed.directory.path(),
        reason: "the disk does not answer".to_owned(),
    })
}

async fn open_metadata(
    shell: &Rc<Shell>,
    cluster_id: &str,
    metadata: &Claimed,
) -> Result<quorum::Opened, StartError> {
    let node_id = shell.plan.settings.broker.node_id.0;
    let identity = Identity { node_id, directory_id: metadata.id.0 };
    let directory = Rc::new(RaftDirectory(metadata.directory.clone()));
    let opening =
        logan_raft::open(directory, identity, true, Limits::standard(), Box::new(shards::random_u64));
    let opened =
        answered(metadata, opening).await?.map_err(|error| StartError::Metadata(error.to_string()))?;
    let replayed = quorum::replay(cluster_id, opened.recovered).map_err(StartError::Metadata)?;
    let driver = opened.driver;
    let quorum = opened.quorum;
    let shell = shell.clone();
    shards::spawn(Queue::Control, async move {
        match driver.run(Rc::new(ShardClock), Rc::new(NoPeers)).await {
            Ok(()) => {}
            // Nothing was decided yet.
            Err(QuorumError::Log(LogError::File(FileError::NoSpace { .. }))) if !shell.leading.is_set() => {
                shell.no_metadata_space.set();
            }
            // Fail-stop: without its metadata log a node may not decide anything, and must not serve what others may have decided.
            Err(error) => panic!("the metadata log failed: {error}"),
        }
    })
    .detach();
    Ok(quorum::Opened {
        quorum,
        events: opened.events,
        image: replayed.image,
        is_new: replayed.is_new,
        deleted: replayed.deleted,
    })
}

/// Gives every shard its part of every directory. Returns the directories' marks of failure.
async fn boot_all(
    shell: &Rc<Shell>,
    claimed: &[Option<Claimed>],
    volumes: Vec<Option<Opened>>,
    image: &Arc<Image>,
    is_new: bool,
) -> Result<Vec<Arc<FailedMark>>, StartError> {
    let ids: Vec<Uuid> =
        claimed.iter().map(|claimed| claimed.as_ref().map_or(Uuid::ZERO, |claimed| claimed.id)).collect();
    let marks: Vec<Arc<FailedMark>> = claimed.iter().map(|_| Arc::default()).collect();
    let mut parts: Vec<_> =
        volumes.into_iter().map(|opened| opened.map(|opened| opened.parts.into_iter())).collect();
    let mut booted = Vec::new();
    for shard in (0..shell.router.shards()).map(ShardId) {
        let volumes = parts.iter_mut().map(|parts| parts.as_mut().and_then(Iterator::next)).collect();
        let boot = Boot {
            volumes,
            directories: ids.clone(),
            failed: marks.clone(),
            image: image.clone(),
            keep_unknown: is_new,
        };
        booted.push(shell.router.ask(shard, |call| Mail::Boot(call, Box::new(boot))).await);
    }
    all_done(join_all(booted).await)?;
    Ok(marks)
}

/// On each shard: starts its volumes, puts their logs into service, and deletes what is gone.
pub(super) async fn boot(shell: &Rc<Shell>, boot: Boot) -> Result<(), String> {
    *shell.directory_ids.borrow_mut() = boot.directories;
    let paths = shell.plan.settings.broker.log_dirs.clone();
    for (place, (part, failed)) in boot.volumes.into_iter().zip(boot.failed).enumerate() {
        let path = paths[place].display().to_string();
        let volume = match part {
            Some(part) => start_or_fail(shell, place, &path, part, failed, &boot.image).await?,
            None => None,
        };
        shell.volumes.borrow_mut().push(volume);
    }
    if online(shell).is_empty() {
        return Err(StartError::NoDirectory.to_string());
    }
    // Not before all are there: whoever sees one fail asks whether others are left.
    for (place, volume) in shell.volumes.borrow().iter().enumerate() {
        if let Some(volume) = volume {
            watch_for_failure(shell, place, paths[place].display().to_string(), volume.clone());
        }
    }
    let volumes: Vec<_> = shell.volumes.borrow().iter().flatten().cloned().collect();
    let mut gone = Vec::new();
    for log in volumes.iter().flat_map(|volume| volume.logs()) {
        let id = partition_of(log.key());
        match boot.image.topic_by_id(id.topic) {
            Some(topic) => applying::host(shell, &boot.image, topic, id, log),
            None if boot.keep_unknown => {}
            // Its topic was deleted, and the node went down before the log was.
            None => gone.push(log),
        }
    }
    applying::delete_logs(shell, gone).await;
    shell.context.set_image(boot.image.clone(), boot.image.version());
    Ok(())
}

/// On each shard, when all have deleted what is gone. A topic may have been committed just before the node went down, and its logs not created.
/// It cannot be told from one whose logs are gone with everything that knew of them, so the start says what it begins anew.
pub(super) async fn create_missing(shell: &Rc<Shell>) {
    let image = &shell.context.image();
    let mut missing = Vec::new();
    for topic in image.topics() {
        for (index, partition) in &topic.partitions {
            let id = PartitionId { topic: topic.id, index: *index };
            if applying::is_here(shell, id, partition) && shell.owner.hosted(id).is_none() {
                missing.push((id, topic.clone()));
            }
        }
    }
    if let Some((id, topic)) = missing.first() {
        tracing::warn!(
            "{}-{} and {} other partitions have no log here and begin anew, empty: that is right if they were created just before the node \
             went down, and a loss of their records if a log directory was emptied or replaced since",
            topic.name,
            id.index,
            missing.len() - 1
        );
    }
    applying::create(shell, image, missing).await;
}

/// A volume that cannot be started takes its directory offline, on all shards, as one that fails later does; unless that keeps the metadata.
async fn start_or_fail(
    shell: &Rc<Shell>,
    place: usize,
    path: &str,
    part: VolumePart,
    failed: Arc<FailedMark>,
    image: &Arc<Image>,
) -> Result<Option<Rc<Volume>>, String> {
    let error = match start_volume(shell, path, part, failed.clone(), image).await {
        Ok(volume) => return Ok(Some(volume)),
        Err(error) => error,
    };
    let settings = &shell.plan.settings.broker;
    if shell.plan.mutations.insist_on_volumes || settings.log_dirs[place] == settings.metadata_log_dir {
        return Err(error);
    }
    failed.fail(&error);
    tracing::error!("a log directory is offline: {path}: {error}");
    Ok(None)
}

async fn start_volume(
    shell: &Rc<Shell>,
    path: &str,
    part: VolumePart,
    failed: Arc<FailedMark>,
    image: &Arc<Image>,
) -> Result<Rc<Volume>, String> {
    let directory = Directory::open(path).await.map_err(|error| error.to_string())?;
    // Every ring that writes here holds the lock.
    directory.lock().await.map_err(|error| error.to_string())?;
    let settings = &shell.plan.settings.broker;
    let directories = settings.log_dirs.len() as u64;
    let share = |percent: u64| (shell.memory / 100 * percent / directories) as usize;
    let config = VolumeConfig {
        ack_sync: settings.ack_sync,
        write_buffer_bytes: share(limits::WRITE_BUFFER_PERCENT),
        cache_bytes: share(limits::READ_PERCENT),
        recovery_bytes: settings.recovery_bytes,
        max_batch_bytes: limits::STORED_BATCH_BYTES,
        hang_after: limits::ROUND_HANGS_AFTER,
        close_after: limits::FILES_CLOSE_AFTER,
        most_spares: shell.plan.loads.files / limits::NEW_FILES_IN,
        mutations: shell.plan.mutations.storage,
    };
    let log_config = |key: &LogKey| applying::log_config_of(shell, image, key);
    let directory = Rc::new(LogDirectory::new(directory));
    let volume = Volume::start(directory, Rc::new(ShardHost), part, config, &log_config, failed)
        .await
        .map_err(|error| error.to_string())?;
    let owner = shell.owner.clone();
    volume.set_settled_hook(Rc::new(move |log| owner.on_settled(log)));
    Ok(volume)
}

/// Everyone who waits for a partition of a failed directory is told; a node without directories stops.
fn watch_for_failure(shell: &Rc<Shell>, place: usize, path: String, volume: Rc<Volume>) {
    let shell = shell.clone();
    shards::spawn(Queue::Control, async move {
        if !volume.until_failed().await {
            return;
        }
        tracing::error!(
            "{path} is offline: {}",
            volume.failed().reason().unwrap_or("it failed on another shard")
        );
        for log in volume.logs() {
            shell.owner.on_failed(partition_of(log.key()));
        }
        let any_left = shell.volumes.borrow().iter().flatten().any(|volume| !volume.failed().is_failed());
        let broker = &shell.plan.settings.broker;
        let keeps_metadata = broker.log_dirs[place] == broker.metadata_log_dir;
        if keeps_metadata || !any_left {
            let lost = StartError::Lost { path };
            tracing::error!("the node stops: {lost}");
            (shell.plan.report)(Err(lost));
            shell.stop.request();
        } else {
            // Other shards see the mark when they look next.
            shell.router.post(LEADING_SHARD, Mail::LostDirectory(place));
        }
    })
    .detach();
}

/// On the leading shard: nothing more is placed in a directory that failed.
pub(super) async fn lose_directory(shell: &Rc<Shell>, place: usize) {
    let directory = shell.directory_ids.borrow()[place];
    let command = Command::LoseDirectory { broker: shell.plan.settings.broker.node_id, directory };
    // If this comes before the registration, that says which directories there are.
    if let Err(error) = decide(shell, command).await {
        tracing::warn!("the metadata does not know that {directory} is offline: {error}");
    }
}

/// Binds the listeners on every shard; the leading one first, so that a port chosen by the system is the same for all.
async fn bind_all(shell: &Rc<Shell>) -> Result<Vec<String>, StartError> {
    let listeners = &shell.plan.settings.broker.listeners;
    let wanted: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let host = &listener.bind.host;
            if host.contains(':') {
                format!("[{host}]:{}", listener.bind.port)
            } else {
                format!("{host}:{}", listener.bind.port)
            }
        })
        .collect();
    let mut bound = wanted;
    for shard in (0..shell.router.shards()).map(ShardId) {
        let addresses = bound.clone();
        let answer = shell.router.ask(shard, |call| Mail::Listen(call, addresses)).await.await;
        bound = match answer {
            Some(Answer::Listening(Ok(addresses))) => addresses,
            Some(Answer::Listening(Err(reason))) => return Err(StartError::Listener(reason)),
            _ => return Err(StartError::Shard(format!("shard {shard} did not bind its listeners"))),
        };
    }
    Ok(bound)
}

/// Registers this broker with the addresses that clients are told. Returns its epoch.
async fn register(shell: &Rc<Shell>, addresses: &[String]) -> Result<i64, StartError> {
    // What is asked for then stands at the moment at which it is asked for.
    shell.leading.wait().await;
    let settings = &shell.plan.settings.broker;
    let endpoints = settings.listeners.iter().zip(addresses).map(|(listener, bound)| {
        let chosen =
            bound.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(listener.bind.port);
        let port = if listener.advertised.port == 0 { chosen } else { listener.advertised.port };
        Endpoint {
            listener: listener.advertised.name.clone(),
            host: listener.advertised.host.clone(),
            port,
            security_protocol: listener.protocol as i16,
        }
    });
    let registration = Registration {
        id: settings.node_id,
        incarnation: Uuid::random(shards::random_u64),
        endpoints: endpoints.collect(),
        rack: settings.rack.clone(),
        log_dirs: online(shell),
    };
    match decide(shell, Command::RegisterBroker(registration)).await? {
        Reply::Registered { epoch } => Ok(epoch),
        other => panic!("the reply {other:?} does not belong to a registration"),
    }
}

/// Who set how long records are kept must not believe that they go.
fn say_what_is_kept(shell: &Shell, image: &Image) {
    let layers = handlers::layers(&shell.plan.settings, image);
    let is_finite = |overrides: &Overrides| {
        let topic = TopicSettings::resolve(&layers, overrides);
        topic.cleanup_compact
            || topic.cleanup_delete && (topic.retention_ms >= 0 || topic.retention_bytes >= 0)
    };
    let of_topics = || image.topics().map(|topic| image.config(&Resource::Topic(topic.name.clone())));
    if is_finite(&Overrides::new()) || of_topics().any(|own| !own.is_empty() && is_finite(own)) {
        tracing::warn!(
            "retention and compaction are not built yet: no record is removed until its topic is deleted, whatever retention.ms, \
             retention.bytes and cleanup.policy say"
        );
    }
}

/// The ids of the directories in which something can be placed.
fn online(shell: &Shell) -> Vec<Uuid> {
    let volumes = shell.volumes.borrow();
    let directories = shell.directory_ids.borrow();
    let is_online =
        |volume: &Option<Rc<Volume>>| volume.as_ref().is_some_and(|volume| !volume.failed().is_failed());
    volumes.iter().zip(&*directories).filter(|(volume, _)| is_online(volume)).map(|(_, id)| *id).collect()
}

/// Asks the quorum, once it leads: a lone voter campaigns at once, and may still be at it.
pub(super) async fn decide(shell: &Rc<Shell>, command: Command) -> Result<Reply, StartError> {
    shell.leading.wait().await;
    let command = Box::new(command);
    let answer = shell.router.ask(QUORUM_SHARD, |call| Mail::Command(call, command)).await.await;
    match answer {
        Some(Answer::Command(Ok((reply, _)))) => Ok(reply),
        Some(Answer::Command(Err(refused))) => Err(StartError::Metadata(refused.message)),
        _ => Err(StartError::Metadata("the quorum did not answer".into())),
    }
}

/// Sends every shard the same message and waits until all are done.
pub(super) async fn everyone(shell: &Rc<Shell>, mail: impl Fn(Call) -> Mail) -> Result<(), StartError> {
    let mut pending = Vec::new();
    for shard in (0..shell.router.shards()).map(ShardId) {
        pending.push(shell.router.ask(shard, &mail).await);
    }
    all_done(join_all(pending).await)
}

fn all_done(answers: Vec<Option<Answer>>) -> Result<(), StartError> {
    for answer in answers {
        match answer {
            Some(Answer::Done(Ok(()))) => {}
            Some(Answer::Done(Err(reason))) => return Err(StartError::Shard(reason)),
            _ => return Err(StartError::Shard("a shard did not answer".into())),
        }
    }
    Ok(())
}
