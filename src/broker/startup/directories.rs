//! The first step of a start: the directories that the settings name are opened, locked and claimed.

use logan_shards::{self as shards, Directory};

use super::StartError;
use super::claim::{self, Claimed};
use crate::config::BrokerSettings;
use crate::limits;

/// The directories of this node. All of them are locked.
pub(super) struct Directories {
    pub cluster_id: String,
    /// In the order of `log.dirs`; `None` for one that is offline.
    pub log_dirs: Vec<Option<Claimed>>,
    /// Where the metadata log lies.
    pub metadata: Claimed,
}

/// Opens, locks and claims the log directories, and metadata.log.dir if that is none of them. One that cannot be opened is offline, unless it is
/// the only one.
pub(super) async fn open(settings: &BrokerSettings) -> Result<Directories, StartError> {
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
    let (cluster_id, claimed) = claim::claim(directories, keeper, settings.node_id).await?;
    let metadata = claimed[keeper].clone().ok_or_else(no_metadata)?;
    let mut log_dirs: Vec<Option<Claimed>> = paths.iter().map(|_| None).collect();
    for (place, claimed) in online.into_iter().zip(claimed) {
        log_dirs[place] = claimed;
    }
    log_dirs.truncate(settings.log_dirs.len());
    Ok(Directories { cluster_id, log_dirs, metadata })
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
