//! How a node comes up: directories locked, listeners bound, the metadata log read, directories recovered, every shard given its part, the broker
//! registered, connections accepted; the ready line last. The shard of the quorum does all of it, with the others' help by mail.
//!
//! Whatever can stand in the way of a start for reasons outside of the directories is found out before anything in them is changed.
//!
//! | file | what |
//! |---|---|
//! | `directories`, `claim` | directories are opened and locked; whose they are (`meta.properties`) |
//! | `registration` | listeners are bound; the broker is registered with their addresses |
//! | `metadata_log` | the metadata log is opened and replayed |
//! | `recovery` | the log engine recovers every directory |
//! | `leader_epochs`, `takeover` | logs that may not go on in their leader epoch; topics of a directory that Kafka closed |
//! | `boot` | every shard starts its volumes and serves their logs |

pub(in crate::broker) mod boot;
mod claim;
mod directories;
mod error;
mod leader_epochs;
mod metadata_log;
mod recovery;
mod registration;
mod takeover;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use logan_shards as shards;

use super::disk::LogDirectory;
use super::{Shell, ask, failing, listener, quorum};
use crate::config::{Overrides, TopicSettings};
use crate::handlers;
use crate::mail::Mail;
use crate::metadata::{Image, Resource};

use directories::Directories;

pub use directories::lock;
pub use error::StartError;

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

/// A node that is up.
pub(super) struct Started {
    pub ready: Ready,
    pub broker_epoch: i64,
    /// Where log directories lie, for the stop; `None` where one is offline.
    pub directories: Vec<Option<Rc<LogDirectory>>>,
}

/// Brings the node up.
pub(super) async fn bring_up(shell: &Rc<Shell>) -> Result<Started, StartError> {
    let began_ns = shards::monotonic_ns();
    let settings = &shell.plan.settings.broker;
    let Directories { cluster_id, log_dirs: claimed, metadata } = directories::open(settings).await?;
    let addresses = registration::bind_all(shell).await?;
    // The metadata log is there before `logan/` and any log: those without it mean that it was lost. And recovery asks it which topics there are
    // before it changes anything.
    let opened = metadata_log::open(shell, &cluster_id, &metadata).await?;
    let mut volumes = recovery::recover(shell, &claimed, &opened).await?;
    let survey =
        leader_epochs::survey(settings.node_id, &claimed, &mut volumes, &opened, metadata.id).await?;
    let is_new = opened.is_new || opened.image.is_taking_over();
    let image = Arc::new(opened.image.clone());
    let (foreign, volumes) = if is_new {
        (takeover::foreign_topics(&claimed, &volumes)?, volumes)
    } else {
        (BTreeMap::new(), volumes)
    };
    let failed = boot::boot_all(shell, &claimed, volumes, &image, is_new).await?;
    if is_new && failed.iter().any(|mark| mark.is_failed()) {
        return Err(StartError::NotAllThere);
    }
    // Not before every shard has deleted what is gone: a log that one of them creates may have the name of one that another deletes.
    ask::everyone(shell, Mail::CreateMissing).await?;
    quorum::begin(shell, opened, metadata.id);
    let broker_epoch = registration::register(shell, &addresses).await?;
    leader_epochs::begin_producer_ids(shell, &survey).await?;
    takeover::adopt(shell, foreign).await?;
    leader_epochs::begin_leader_epochs(shell, &survey).await?;
    let image = shell.context.image();
    listener::set_limits(shell, &image).await;
    say_what_is_kept(shell, &image);
    // Each shard had one when it booted; which, the others may have seen fail since.
    if failing::online(shell).is_empty() {
        return Err(StartError::NoDirectory);
    }
    ask::everyone(shell, Mail::Accept).await?;
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
