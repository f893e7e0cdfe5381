//! Opening a log directory: what its root, checkpoints and round logs, or Kafka's clean shutdown, say is there.
//!
//! Invariants: nothing that was found is appended to or freed before the new root is synced; a flush of everything precedes that root;
//! every step may be repeated after a crash.

mod clean;
mod fresh;
mod known;
mod replay;

pub(crate) use fresh::write_root;
pub use known::{Known, Question, known};

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::codec::FormatError;
use crate::config::Mutations;
use crate::disk::{BLOCK, Directory, DiskError, Host};
use crate::kafka_files::{CLEAN_SHUTDOWN, CleanShutdown, DirectoryKind, DirectoryName, read_clean_shutdown};
use crate::key::{FOLDER, LogKey, ROOT_PATH};
use crate::ledger::{Deleted, LedgerLog, Retired};
use crate::names::allow_missing;
use crate::root::{FILE_LEN, MAX_ROUND_LOGS, Root};
use crate::volume::VolumePart;
use crate::watch::{LOOK_EVERY, hang};

/// Operations in flight while a directory is looked through.
const IN_FLIGHT: usize = 64;

#[derive(Clone)]
pub struct OpenOptions {
    /// How many shards will serve the directory.
    pub shards: u16,
    /// Which of them serves a log; below `shards`.
    pub owner: Rc<dyn Fn(&LogKey) -> u16>,
    /// Go on where facts are damaged, with what is left.
    pub accept_loss: bool,
    /// The longest a batch may be that is read back.
    pub max_batch_bytes: usize,
    /// An operation that takes longer than this leaves the directory offline.
    pub hang_after: Duration,
    #[doc(hidden)]
    pub mutations: Mutations,
}

/// An opened directory, to be served by a [`crate::volume::Volume`] for each part.
#[derive(Debug)]
pub struct OpenedDirectory {
    pub parts: Vec<VolumePart>,
    pub report: Report,
    /// Directories that nothing names: never adopted, never deleted. One with the name of a log's was given another name, which is this.
    pub orphans: Vec<String>,
}

/// What opening did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub logs: usize,
    /// The directory was closed cleanly, or is new.
    pub was_clean: bool,
    /// What whoever closed it cleanly left, if it can be read.
    pub closed: Option<CleanShutdown>,
    /// Logan served it last, or recovered it.
    pub was_logans: bool,
    pub round_logs: usize,
    pub rounds_replayed: u64,
    /// Rounds above the last `durable_through`, whose ranges were read.
    pub rounds_verified: u64,
    pub bytes_verified: u64,
    /// Rounds of which a range was absent, and those behind them.
    pub rounds_dropped: u64,
    /// Damage that `accept_loss` went over.
    pub losses: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{shards} shards: a log directory has room for the round logs of {MAX_ROUND_LOGS}")]
    TooManyShards { shards: u16 },
    #[error("{FOLDER}/root: {0}")]
    Root(FormatError),
    /// No clean shutdown was marked, and Logan was not here: nobody may guess where its logs end.
    #[error("Kafka did not close this directory cleanly: start Kafka on it once and stop it")]
    NotClosedCleanly,
    /// Nothing was changed: the log may be another's, or its `partition.metadata` damaged.
    #[error("{log} is of a topic that the metadata does not know")]
    UnknownTopic { log: LogKey },
    /// Facts are damaged. `logan recover --accept-loss` goes on with what is left.
    #[error("damaged: {}", .0.join("; "))]
    Damaged(Vec<String>),
}

/// What a directory holds, whoever wrote it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub logs: Vec<LedgerLog>,
    /// With the directory of its log.
    pub retired: Vec<(LogKey, Retired)>,
    pub deleted: Vec<Deleted>,
    pub report: Report,
}

/// What the metadata says of a log's topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicStanding {
    Lives,
    Deleted,
    Unknown,
}

/// Asked before anything is changed.
pub type Metadata<'a> = &'a dyn Fn(&LogKey) -> TopicStanding;

/// Locks, recovers and re-founds a log directory. Call it once per directory, on one shard.
///
/// # Errors
/// [`OpenError::Damaged`] says what is lost where; whatever else leaves the directory as it can be opened again. An operation that hangs
/// is an error, too, and with it all later ones of this `directory`.
pub async fn open_directory(
    directory: Rc<dyn Directory>,
    host: Rc<dyn Host>,
    options: OpenOptions,
) -> Result<OpenedDirectory, OpenError> {
    open_known(directory, host, options, None).await
}

/// As [`open_directory`], with metadata that knows every topic: a directory that has another's log is left as it is.
pub async fn open_known(
    directory: Rc<dyn Directory>,
    host: Rc<dyn Host>,
    options: OpenOptions,
    metadata: Option<Metadata<'_>>,
) -> Result<OpenedDirectory, OpenError> {
    if usize::from(options.shards) > MAX_ROUND_LOGS || options.shards == 0 {
        return Err(OpenError::TooManyShards { shards: options.shards });
    }
    options.mutations.check();
    let opening = open(&*directory, &*host, &options, metadata);
    match select(std::pin::pin!(opening), std::pin::pin!(until_hang(&*directory, &*host, options.hang_after)))
        .await
    {
        Either::Left((opened, _)) => opened,
        Either::Right((hang, _)) => {
            directory.flights().end_all();
            Err(hang.into())
        }
    }
}

/// No volume watches the directory yet.
async fn until_hang(directory: &dyn Directory, host: &dyn Host, hang_after: Duration) -> DiskError {
    let every = LOOK_EVERY.min(hang_after / 4);
    loop {
        host.sleep(every).await;
        if let Some(error) = hang(directory, host, hang_after) {
            return error;
        }
    }
}

async fn open(
    directory: &dyn Directory,
    host: &dyn Host,
    options: &OpenOptions,
    metadata: Option<Metadata<'_>>,
) -> Result<OpenedDirectory, OpenError> {
    directory.lock().await?;
    let began_ns = host.monotonic_ns();
    let root = read_root(directory).await?;
    let had_root = root.is_some();
    let root = if let Some(root) = root {
        root
    } else {
        must_be_closed(directory).await?;
        Root::clean()
    };
    let closed = if root.is_clean { read_marker(directory).await? } else { None };
    let mut found = if root.is_clean {
        clean::look_through(directory, options).await?
    } else {
        replay::recover(directory, &root, options).await?
    };
    if let Some(metadata) = metadata
        && let Some(log) = found.logs.iter().find(|log| metadata(&log.key) == TopicStanding::Unknown)
    {
        return Err(OpenError::UnknownTopic { log: LogKey::clone(&log.key) });
    }
    found.report.closed = closed;
    found.report.was_logans = had_root || closed.is_some_and(|closed| closed.by_logan);
    // Up to here nothing was changed: whoever is refused may be another's, and is left as its owner closed it.
    if !had_root {
        adopt(directory, &root).await?;
    } else if root.is_clean {
        // A process that was killed may have given it its name and not synced that: a power loss would leave neither root nor marker. (Of a root
        // that is not clean, names were synced before it said so.)
        directory.sync_directory("").await?;
        directory.sync_directory(FOLDER).await?;
    }
    // Where a root exists it alone decides; Kafka's marker must not outlive what we change.
    allow_missing(directory.remove_file(CLEAN_SHUTDOWN).await)?;
    directory.sync_directory("").await?;
    let opened = fresh::found_again(directory, root, found, options, metadata).await?;
    let took_ms = host.monotonic_ns().saturating_sub(began_ns) / 1_000_000;
    tracing::debug!(directory = %directory.path(), took_ms, report = ?opened.report, "a log directory is open");
    Ok(opened)
}

async fn read_root(directory: &dyn Directory) -> Result<Option<Root>, OpenError> {
    match directory.read_small(ROOT_PATH, FILE_LEN).await {
        Ok(bytes) => {
            let root = Root::decode(&bytes).map_err(OpenError::Root)?;
            if !Root::is_twofold(&bytes) {
                tracing::warn!(
                    "{}/{ROOT_PATH}: only one of its two copies is whole and new: a crash came between, or the medium is damaged",
                    directory.path()
                );
            }
            Ok(Some(root))
        }
        Err(DiskError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the clean-shutdown marker says. One that says nothing is one all the same.
async fn read_marker(directory: &dyn Directory) -> Result<Option<CleanShutdown>, OpenError> {
    match directory.read_small(CLEAN_SHUTDOWN, BLOCK).await {
        Ok(bytes) => Ok(read_clean_shutdown(&bytes).ok()),
        Err(DiskError::NotFound { .. }) => Ok(None),
        Err(error) if error.is_too_long() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A directory without a root must be a new one, or one that was closed cleanly.
async fn must_be_closed(directory: &dyn Directory) -> Result<(), OpenError> {
    let entries = directory.list("").await?;
    let has_logs = entries.iter().any(|entry| {
        let name = DirectoryName::parse(&entry.name);
        entry.is_directory && name.is_some_and(|name| name.kind == DirectoryKind::Log)
    });
    if has_logs && !entries.iter().any(|entry| entry.name == CLEAN_SHUTDOWN) {
        return Err(OpenError::NotClosedCleanly);
    }
    Ok(())
}

/// Puts a first root into a directory.
async fn adopt(directory: &dyn Directory, root: &Root) -> Result<(), DiskError> {
    match directory.make_directory(FOLDER).await {
        // Left by a start or a stop that was cut short.
        Ok(()) | Err(DiskError::AlreadyExists { .. }) => {}
        Err(error) => return Err(error),
    }
    directory.write_small(ROOT_PATH, [root.encode(), root.encode()].concat()).await?;
    directory.sync_directory("").await
}
