//! Extents that somebody makes segments share with other files while they are in use: a write to such a block is given a new extent,
//! and that is metadata of the file, which no flush of another file commits.
//!
//! Invariant: before a checkpoint calls rounds facts, every segment that they may have written to has its metadata synced if it was found shared,
//! and what is shared is not prepared any more. So later writes to it are their own preparation: synced by themselves, and unshared by that.

use std::rc::Rc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::disk::{DiskError, File, Flushing};
use crate::log::Log;
use crate::segment::{Segment, block_floor};
use crate::volume::Volume;

/// Questions to the file system in flight.
const IN_FLIGHT: usize = 16;

impl Volume {
    /// Asks the file system again for all blocks that are believed to be prepared, where they can have come to be shared.
    pub(crate) async fn look_for_shared(&self) -> Result<(), DiskError> {
        let is_asked = self.directory.can_share_extents() && self.flushing() == Flushing::Shared;
        if !is_asked {
            return Ok(());
        }
        let logs: Vec<Rc<Log>> = self.logs.by_number.borrow().values().cloned().collect();
        let prepared = logs.iter().flat_map(|log| {
            let segments = log.state.borrow().segments.clone();
            segments.into_iter().filter(|at| at.prepared.get().is_some()).map(move |at| (log, at))
        });
        stream::iter(prepared.collect::<Vec<_>>())
            .map(|(log, segment)| async move { self.look_at(log, &segment).await })
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    async fn look_at(&self, log: &Rc<Log>, segment: &Segment) -> Result<(), DiskError> {
        let Some(file) = segment.open_file() else { return Ok(()) };
        if !self.begin_structural(segment).await {
            return Ok(());
        }
        let outcome = self.unprepare_shared(log, segment, &*file).await;
        self.end_structural(log, segment);
        outcome
    }

    async fn unprepare_shared(&self, log: &Log, segment: &Segment, file: &dyn File) -> Result<(), DiskError> {
        let named = self.in_ledger(log.number, |entry| {
            entry.segments.iter().find(|at| at.base == segment.base).map_or(0, |at| at.length)
        });
        let (Some(prepared), Some(named)) = (segment.prepared.get(), named) else { return Ok(()) };
        let reached = file.prepared_until(block_floor(u64::from(named)), prepared).await?;
        if reached >= prepared || log.is_closed() {
            return Ok(());
        }
        tracing::warn!(
            log = %log.key(),
            base = segment.base,
            "somebody made another file share blocks of a segment in use: what was acknowledged since might not have survived a power loss; \
             it is synced by itself now"
        );
        segment.prepared.set(Some(reached));
        // Rounds that were planned before may still write to shared blocks; the sync is for them, too.
        self.progress.until(|| (!log.state.borrow().is_busy || self.failed.is_failed()).then_some(())).await;
        file.sync_data().await.map_err(DiskError::of_sync)
    }
}
