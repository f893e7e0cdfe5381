//! The log engine looks through every directory: what a crash left is made whole, and what was lost for good is said.

use std::rc::Rc;

use futures_util::future::join_all;
use logan_shards as shards;
use logan_storage::disk::{Directory as _, DiskError};
use logan_storage::{LogKey, OpenError, OpenOptions, OpenedDirectory, TopicStanding};

use super::claim::Claimed;
use super::{StartError, takeover};
use crate::broker::disk::{LogDirectory, ShardHost};
use crate::broker::{Shell, partition_of, quorum};
use crate::limits;
use crate::mail::Router;

/// Recovers every directory. One that is damaged is offline, unless it is the only one; so is one with logs of topics that the metadata does not
/// know, and that it did not delete.
pub(super) async fn recover(
    shell: &Rc<Shell>,
    claimed: &[Option<Claimed>],
    metadata: &quorum::OpenedMetadata,
) -> Result<Vec<Option<OpenedDirectory>>, StartError> {
    // While a takeover is under way there are logs that the metadata does not know yet.
    let is_known = !metadata.is_new && !metadata.image.is_taking_over();
    let standing = is_known.then(|| takeover::standing(&metadata.image, &metadata.deletions));
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
        let metadata = standing.as_ref().map(|standing| standing as &dyn Fn(&LogKey) -> TopicStanding);
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

fn report(path: &str, opened: &OpenedDirectory) {
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
