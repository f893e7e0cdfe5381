//! Writing hints: indexes, producer snapshots, the epoch file. The ledger vouches for each only once it is synced (STORAGE §3).

use std::rc::Rc;

use crate::config::PIECE;
use crate::disk::{BLOCK, DiskError, OpenMode};
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::segment_path;
use crate::log::{Log, LogState};
use crate::names::allow_missing;
use crate::segment::{ClosingHints, Segment};
use crate::volume::Volume;

impl ClosingHints {
    /// The log's state as it is now, between two batches.
    pub(crate) fn of(state: &LogState) -> Self {
        Self {
            offset: state.ends.log_end,
            generation: state.generation,
            snapshot: state.producers.write_snapshot(),
            epochs: state.epochs.write(),
        }
    }
}

impl Volume {
    /// Replaces a hint file without syncing it. What a crash leaves under its name must be recognised as not whole, or be whole.
    pub(crate) async fn write_unsynced(&self, path: &str, content: &[u8]) -> Result<(), DiskError> {
        let new = format!("{path}.tmp");
        allow_missing(self.directory.remove_file(&new).await)?;
        let file = self.directory.open(&new, OpenMode::CreateNew).await?;
        for (at, piece) in content.chunks(PIECE as usize).enumerate() {
            let padded = piece.len().next_multiple_of(BLOCK);
            let mut buffer = self.directory.buffer(padded);
            let bytes = buffer.bytes_mut();
            bytes[..piece.len()].copy_from_slice(piece);
            bytes[piece.len()..padded].fill(0);
            file.write(at as u64 * PIECE, buffer.seal().slice(..padded)).await?;
        }
        file.set_length(content.len() as u64).await?;
        self.directory.rename(&new, path).await
    }

    /// Writes a sealed segment's indexes, and the log's state where it was sealed, and vouches for them.
    pub(crate) async fn write_hints(&self, log: &Rc<Log>, segment: &Rc<Segment>) -> Result<(), DiskError> {
        let closing = segment.closing.borrow_mut().take();
        let directory = log.key().directory_name();
        let length = segment.length.get();
        let is_indexed = self.write_indexes(&directory, segment).await?;
        if let Some(closing) = &closing {
            self.write_closing(&directory, closing).await?;
        }
        self.in_ledger(log.number, |entry| {
            if let Some(at) =
                entry.segments.iter_mut().find(|at| at.base == segment.base && at.length == length)
                && is_indexed
            {
                at.indexed = length;
            }
            if let Some(closing) = closing.filter(|closing| closing.generation == entry.generation) {
                entry.epochs = entry.epochs.max(closing.offset);
                entry.snapshot = entry.snapshot.max(closing.offset);
            }
        });
        Ok(())
    }

    /// Returns false if the indexes are not in memory.
    pub(crate) async fn write_indexes(&self, directory: &str, segment: &Segment) -> Result<bool, DiskError> {
        let files = segment.index.borrow().as_ref().map(|index| (index.offsets.clone(), index.times.clone()));
        let Some((offsets, times)) = files else { return Ok(false) };
        let path = segment_path(directory, segment.base, SegmentFile::OffsetIndex);
        self.directory.write_small(&path, offsets).await?;
        let path = segment_path(directory, segment.base, SegmentFile::TimeIndex);
        self.directory.write_small(&path, times).await?;
        Ok(true)
    }

    pub(crate) async fn write_closing(
        &self,
        directory: &str,
        closing: &ClosingHints,
    ) -> Result<(), DiskError> {
        let path = segment_path(directory, closing.offset, SegmentFile::ProducerSnapshot);
        self.directory.write_small(&path, closing.snapshot.clone()).await?;
        let path = format!("{directory}/{LEADER_EPOCH_CHECKPOINT}");
        self.directory.write_small(&path, closing.epochs.clone().into_bytes()).await
    }
}
