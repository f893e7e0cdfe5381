//! Going on with what is left of a damaged log, because somebody has accepted the loss: it ends where what can be read ends.
//!
//! What a log is loaded with and closed with is tried. Where batches are in the way that are not what was written, or that the disk does not give
//! back, the log is truncated to the last one before them, as Kafka's `LogSegment.recover` does it, by an entry like that of any other
//! truncation: so this may be interrupted at every step. Damage that is in nobody's way, in a segment whose hints are vouched for, stays as it
//! is: what is around it can be read.

use std::rc::Rc;

use crate::disk::DiskError;
use crate::failure::{AppendError, ReadError};
use crate::kafka_files::SegmentFile;
use crate::key::segment_path;
use crate::log::Log;
use crate::segment::Segment;
use crate::volume::Volume;

/// What a device says of a sector that it cannot read.
const EIO: i32 = 5;
/// Read at a time when the end of what can be read is looked for: one bad sector is not to take a megabyte along.
const SMALL_PIECE: usize = 16 << 10;

/// What cannot be mended by giving up batches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MendError {
    #[error("{log}: {error}")]
    Read { log: String, error: ReadError },
    #[error("{log}: {error}")]
    Cut { log: String, error: AppendError },
}

/// Where what can be read of a log ends.
struct LastGood {
    /// The segment that it ends in; none if nothing is left.
    segment: Option<Rc<Segment>>,
    position: u32,
    offset: i64,
}

impl Volume {
    /// Truncates every log that can be neither loaded nor closed, until it can. Returns what was lost, one text for each cut.
    pub async fn cut_damage(self: &Rc<Self>) -> Result<Vec<String>, MendError> {
        let mut losses = Vec::new();
        for log in self.logs() {
            while let Err(error) = log.load_all(self).await {
                let name = log.key().to_string();
                let Some(damaged) = log.segment_of(&error) else {
                    return Err(MendError::Read { log: name, error });
                };
                let loss = log.cut_before(self, &damaged).await?;
                // Nothing that could be given up is in the way.
                let Some(loss) = loss else { return Err(MendError::Read { log: name, error }) };
                losses.push(format!("{name}: {loss}: {error}"));
            }
        }
        Ok(losses)
    }
}

impl Log {
    /// Reads everything that a clean stop reads.
    async fn load_all(self: &Rc<Self>, volume: &Rc<Volume>) -> Result<(), ReadError> {
        self.load().await?;
        let (segments, vouched) = (self.state.borrow().segments.clone(), volume.vouched_segments(self));
        for segment in segments.iter().filter(|segment| !vouched.contains(&segment.base)) {
            self.load_index(volume, segment).await?;
        }
        match volume.read_aborted(self).await {
            // Its directory may not have its name yet.
            Err(ReadError::Disk(DiskError::NotFound { path }))
                if path.ends_with(&self.key().directory_name()) =>
            {
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }

    /// The segment that an error is about, if giving up batches helps against it.
    fn segment_of(&self, error: &ReadError) -> Option<Rc<Segment>> {
        let directory = self.key().directory_name();
        let is_in = |segment: &Segment| match error {
            ReadError::Corrupt { base, .. } => segment.base == *base,
            ReadError::Disk(DiskError::NotFound { path } | DiskError::Failed { path, errno: EIO, .. }) => {
                path.ends_with(&segment_path(&directory, segment.base, SegmentFile::Log))
            }
            _ => false,
        };
        self.state.borrow().segments.iter().find(|segment| is_in(segment)).cloned()
    }

    /// Gives up what follows the last batch of `damaged` that can be read. Returns what that is; `None` if all of it can be.
    async fn cut_before(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        damaged: &Rc<Segment>,
    ) -> Result<Option<String>, MendError> {
        let log = || self.key().to_string();
        let end = self.last_good(volume, damaged).await;
        let Some(end) = end.map_err(|error| MendError::Read { log: log(), error })? else { return Ok(None) };
        let before = (self.ends().log_end, self.size_bytes());
        let log_start = self.ends().log_start;
        tracing::warn!(log = %self.key(), base = damaged.base, end = end.offset, "a damaged log is cut");
        self.end_at(volume, end).await.map_err(|error| MendError::Cut { log: log(), error })?;
        let (from, bytes) = (self.ends().log_end, before.1 - self.size_bytes());
        let gone = format!("offsets {from} to {} are given up, {bytes} bytes", before.0 - 1);
        let all = if from == log_start { ", which is all of it" } else { "" };
        Ok(Some(format!("{gone}{all}")))
    }

    async fn end_at(self: &Rc<Self>, volume: &Rc<Volume>, end: LastGood) -> Result<(), AppendError> {
        let _quiet = volume.quiet(self).await?;
        let LastGood { segment, position, offset } = end;
        self.give_up_behind(volume, segment, position, offset).await
    }

    /// `None` if the segment can be read to its end.
    async fn last_good(&self, volume: &Volume, damaged: &Rc<Segment>) -> Result<Option<LastGood>, ReadError> {
        let mut end = LastGood { segment: Some(Rc::clone(damaged)), position: 0, offset: damaged.base };
        let (log_end, mut is_within) = (self.ends().log_end, true);
        let scanned = volume
            .scan_in_pieces(self, damaged, 0, damaged.length.get(), SMALL_PIECE, |position, batch| {
                // No CRC covers a base offset: one that reaches behind the log's end has grown, and nothing behind it can be placed.
                is_within &= batch.next_offset() <= log_end;
                if is_within {
                    (end.position, end.offset) = (position + batch.len() as u32, batch.next_offset());
                }
            })
            .await;
        match scanned {
            Ok(()) => return Ok(None),
            // Whatever else keeps it from being read says nothing about its batches.
            Err(error) if self.segment_of(&error).is_none() => return Err(error),
            Err(_) => {}
        }
        let state = self.state.borrow();
        let log_start = state.ends.log_start;
        if end.offset <= log_start {
            return Ok(Some(LastGood { segment: None, position: 0, offset: log_start }));
        }
        if end.position == 0 {
            // Its file may be gone: the log ends with the segment before.
            let at = state.segments.iter().position(|segment| Rc::ptr_eq(segment, damaged));
            let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| state.segments.get(at));
            let Some(before) = before else { return Ok(None) };
            end.position = before.length.get();
            end.segment = Some(Rc::clone(before));
        }
        Ok(Some(end))
    }
}
