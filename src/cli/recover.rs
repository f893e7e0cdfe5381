//! `logan recover`: the recovery that a start does, and then a clean stop; also where damage keeps a start from going on.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use logan_shards::{self as shards, RealOptions, Seat};
use logan_storage::config::{LogConfig, Mutations, VolumeConfig};
use logan_storage::disk::Directory;
use logan_storage::failure::FailedMark;
use logan_storage::kafka_files::CleanShutdown;
use logan_storage::recovery::{OpenError, OpenOptions, OpenedDirectory, Report, open_directory};
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;

use super::{Failure, say};
use crate::broker;
use crate::broker::disk::{LogDirectory, ShardHost};
use crate::config::{FixedSettings, Layers, LiveSettings, Overrides, TopicSettings};
use crate::limits;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Go on where damage means that acknowledged records are lost, and say which
    #[arg(long)]
    accept_loss: bool,
    /// Log directories
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
}

/// Recovers each directory and closes it cleanly. One that fails does not keep the others from it.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for path in &arguments.directories {
        match on_a_shard(path, arguments.accept_loss) {
            Ok(report) => tell(path, &report)?,
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

fn tell(path: &Path, report: &Report) -> Result<(), Failure> {
    let path = path.display();
    say(format_args!(
        "{path}: {} logs, {} rounds replayed, {} verified ({} bytes), {} dropped as never acknowledged",
        report.logs,
        report.rounds_replayed,
        report.rounds_verified,
        report.bytes_verified,
        report.rounds_dropped
    ))?;
    report.losses.iter().try_for_each(|loss| say(format_args!("{path}: lost: {loss}")))
}

/// Runs the recovery where the engine runs: on a shard, with its ring.
fn on_a_shard(path: &Path, accept_loss: bool) -> Result<Report, Failure> {
    // Opening would make it.
    if !path.is_dir() {
        return Err(Failure::new(format!("there is no directory {}", path.display())));
    }
    let outcome = Arc::new(Mutex::new(None));
    let options = RealOptions { shards: 1, ..RealOptions::standard() };
    let main = {
        let (outcome, path) = (Arc::clone(&outcome), path.display().to_string());
        move |_: Seat<()>| {
            let (outcome, path) = (Arc::clone(&outcome), path.clone());
            async move {
                let done = recover(&path, accept_loss).await;
                *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            }
            .boxed_local()
        }
    };
    shards::run(options, main).map_err(|error| Failure::new(error.to_string()))?;
    let done = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
    done.unwrap_or_else(|| Err(Failure::new("the recovery was interrupted: it can be repeated")))
}

/// Recovers a directory on this shard, and closes it cleanly.
///
/// # Errors
/// What is wrong with the directory, and what to do about it.
pub async fn recover(path: &str, accept_loss: bool) -> Result<Report, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{path}: {error}"));
    let directory = shards::Directory::open(path).await.map_err(|error| failed(&error))?;
    broker::lock(&directory).await.map_err(|error| match error {
        shards::IoError::Locked { .. } => failed(&"it is in use by another process: stop it, and try again"),
        error => failed(&error),
    })?;
    let directory: Rc<dyn Directory> = Rc::new(LogDirectory::new(directory));
    let options = OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss,
        max_batch_bytes: limits::STORED_BATCH_BYTES,
        hang_after: limits::ROUND_HANGS_AFTER,
        mutations: Mutations::default(),
    };
    let opened = open_directory(Rc::clone(&directory), Rc::new(ShardHost), options).await;
    let OpenedDirectory { parts, mut report, orphans } = opened.map_err(|error| match error {
        OpenError::Damaged(_) => failed(&format!(
            "{error}\nWhat is left can be kept, without those records: logan recover --accept-loss {path}"
        )),
        other => failed(&other),
    })?;
    for orphan in orphans {
        tracing::warn!("{path}/{orphan} belongs to no log: it is kept");
    }
    let mut stopped = Vec::new();
    for part in parts {
        let mark = Arc::new(FailedMark::default());
        let host = Rc::new(ShardHost);
        let volume =
            Volume::start(Rc::clone(&directory), host, part, volume_config(), &|_| log_config(), mark).await;
        let volume = volume.map_err(|error| failed(&error))?;
        if accept_loss {
            let losses = volume.cut_damage().await;
            report.losses.extend(losses.map_err(|error| failed(&error))?);
        }
        let part = Rc::clone(&volume).stop().await.map_err(|_| {
            let why = volume.failed().reason().unwrap_or("the lines above say why").to_owned();
            let hint = if accept_loss {
                String::new()
            } else {
                format!(
                    ". If a log is damaged, what can be read of it can be kept without the rest: logan recover --accept-loss {path}"
                )
            };
            failed(&format!("it cannot be closed cleanly: {why}{hint}"))
        });
        stopped.push(part?);
    }
    // Kafka's marker carries the epoch that the broker had. None was given here, and so the next start knows that its last life did not end with
    // this. Whoever accepts losses accepts that of the metadata log, too: without the sign of Logan the topics can be taken over.
    let closed = CleanShutdown { broker_epoch: -1, by_logan: report.was_logans && !accept_loss };
    close_directory(directory, stopped, closed).await.map_err(|error| failed(&error))?;
    Ok(report)
}

fn volume_config() -> VolumeConfig {
    VolumeConfig {
        ack_sync: true,
        write_buffer_bytes: 1 << 20,
        cache_bytes: 0,
        // Everything is written at the end anyway.
        recovery_bytes: u64::MAX,
        max_batch_bytes: limits::STORED_BATCH_BYTES,
        hang_after: limits::ROUND_HANGS_AFTER,
        close_after: limits::FILES_CLOSE_AFTER,
        max_spares: usize::MAX,
        mutations: Mutations::default(),
    }
}

/// Nothing is appended: only the indexes and snapshots that the stop writes go by these.
fn log_config() -> LogConfig {
    let fixed = FixedSettings::none();
    let layers = Layers::of_file(&fixed);
    let topic = TopicSettings::resolve(&layers, &Overrides::new());
    LogConfig {
        segment_bytes: topic.segment_bytes.unsigned_abs(),
        segment_ms: topic.segment_ms,
        segment_jitter_ms: topic.segment_jitter_ms,
        segment_index_bytes: topic.segment_index_bytes.unsigned_abs(),
        index_interval_bytes: topic.index_interval_bytes.unsigned_abs(),
        flush_messages: topic.flush_messages.unsigned_abs(),
        flush_ms: topic.flush_ms,
        producer_expiration_ms: LiveSettings::resolve(&layers).producer_id_expiration_ms,
    }
}
