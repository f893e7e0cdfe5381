//! The files that hold a log's hints as of one moment, while it grows.
//!
//! An index only ever grows at its end, so its file is written once as a whole, and from then on from the last block on, in place: otherwise a
//! segment of 1 GiB would have 5 MB of indexes written anew for each megabyte that its log is given. In place means in whole blocks, so what
//! lies behind the entries that are vouched for may be anything, and the ledger counts them. The epoch file is written if it is to
//! say something else than before, and a producer snapshot under a name that nothing had.
//!
//! Invariants: bytes of a file that are vouched for are only ever written again with the same bytes; nothing is vouched for that is not synced;
//! [`SegmentIndex::written`](crate::segment::SegmentIndex::written) says what is on disk of these very indexes.

use std::cell::Cell;
use std::rc::Rc;

use crate::aborted::Unwritten;
use crate::config::PIECE;
use crate::disk::{BLOCK, DiskError, File, OpenMode};
use crate::index::TIME_ENTRY_LEN;
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::segment_path;
use crate::ledger::ALL_ENTRIES;
use crate::log::Log;
use crate::names::allow_missing;
use crate::segment::{ClosingHints, Segment, WrittenIndex, block_floor};
use crate::volume::Volume;

/// Hints of a log at one moment.
pub(crate) struct Moment {
    pub log: Rc<Log>,
    pub closing: ClosingHints,
    /// Of the segments whose indexes are to be written.
    pub indexes: Vec<IndexFiles>,
    pub aborted: Vec<Unwritten>,
}

/// What is to be written of a segment's indexes.
pub(crate) struct IndexFiles {
    base: i64,
    /// Bytes of the segment that they cover.
    covered: u32,
    /// What the ledger is to know of the time index.
    time_entries: u32,
    offsets: Tail,
    times: Tail,
    /// What the files hold once all is written.
    all: WrittenIndex,
    written: Rc<Cell<Option<WrittenIndex>>>,
}

/// The end of a file.
struct Tail {
    /// Of the first byte in the file, on a block. `None`: this is the whole file.
    position: Option<usize>,
    bytes: Vec<u8>,
}

impl Tail {
    fn of(bytes: &[u8], written: Option<usize>) -> Self {
        // What is there already need not be written, but for the block in which it ends.
        let position =
            written.map(
                |written| {
                    if written == bytes.len() { written } else { block_floor(written as u64) as usize }
                },
            );
        Self { position, bytes: bytes[position.unwrap_or(0)..].to_vec() }
    }
}

/// Files that were written and are to be synced, and those that then get their names.
#[derive(Default)]
pub(crate) struct Written {
    files: Vec<Rc<dyn File>>,
    renamed: Vec<String>,
}

impl IndexFiles {
    /// `None` if the indexes are not in memory. Those of a segment that does not grow any more are written as they are to stay.
    pub fn of(segment: &Segment, grows: bool) -> Option<Self> {
        let index = segment.index.borrow();
        let index = index.as_ref()?;
        let written = index.written.get().filter(|_| grows);
        Some(Self {
            base: segment.base,
            covered: segment.length.get(),
            time_entries: if grows { (index.times.len() / TIME_ENTRY_LEN) as u32 } else { ALL_ENTRIES },
            offsets: Tail::of(&index.offsets, written.map(|written| written.offsets)),
            times: Tail::of(&index.times, written.map(|written| written.times)),
            all: WrittenIndex { offsets: index.offsets.len(), times: index.times.len() },
            written: Rc::clone(&index.written),
        })
    }
}

impl Moment {
    /// All of it is synced.
    pub fn vouch(self, volume: &Volume) {
        let Self { log, closing, indexes, aborted } = self;
        volume.ledger.borrow_mut().vouch(log.number, |entry| {
            if entry.generation != closing.generation {
                return;
            }
            for index in &indexes {
                if let Some(at) = entry.segments.iter_mut().find(|at| at.base == index.base)
                    && at.indexed <= index.covered
                {
                    at.indexed = index.covered.min(at.length);
                    at.time_entries = index.time_entries;
                }
            }
            entry.vouch_for_aborted(&aborted);
            entry.vouch_for(closing.offset);
            log.note_written(&aborted);
        });
    }
}

impl Volume {
    /// Puts the files of some logs into their places: first the bytes, synced, then the names. Returns the moments of which all is on disk.
    pub(crate) async fn write_moments(&self, moments: Vec<Moment>) -> Result<Vec<Moment>, DiskError> {
        let (mut done, mut written) = (Vec::with_capacity(moments.len()), Written::default());
        for moment in moments {
            match self.write_moment(&moment, &mut written).await {
                Ok(()) => done.push(moment),
                Err(DiskError::NotFound { path }) => {
                    // Whoever removed it has removed a hint: the next moment's is whole.
                    tracing::warn!(%path, "an index is gone, and is written again");
                    moment.indexes.iter().for_each(|index| index.written.set(None));
                }
                Err(error) => return Err(error),
            }
        }
        let directories = done.iter().map(|moment| moment.log.key().directory_name()).collect();
        self.put_into_places(written, directories).await?;
        for moment in &done {
            moment.indexes.iter().for_each(|index| index.written.set(Some(index.all)));
            *moment.log.written_epochs.borrow_mut() = Some(moment.closing.epochs.clone());
        }
        Ok(done)
    }

    /// First what is in the files, synced, then their names in their logs' `directories`.
    pub(crate) async fn put_into_places(
        &self,
        written: Written,
        directories: Vec<String>,
    ) -> Result<(), DiskError> {
        let Written { files, renamed } = written;
        self.sync_files(&files).await?;
        drop(files);
        for path in &renamed {
            self.directory.rename(&beside(path), path).await?;
        }
        self.sync_directories(&directories).await
    }

    async fn write_moment(&self, moment: &Moment, written: &mut Written) -> Result<(), DiskError> {
        let directory = moment.log.key().directory_name();
        for index in &moment.indexes {
            let path = segment_path(&directory, index.base, SegmentFile::OffsetIndex);
            self.write_tail(path, &index.offsets, written).await?;
            let path = segment_path(&directory, index.base, SegmentFile::TimeIndex);
            self.write_tail(path, &index.times, written).await?;
        }
        for (base, bytes) in moment.aborted.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let path = segment_path(&directory, *base, SegmentFile::TxnIndex);
            self.replace_later(path, bytes, written).await?;
        }
        let closing = &moment.closing;
        if moment.log.written_epochs.borrow().as_ref() != Some(&closing.epochs) {
            let path = format!("{directory}/{LEADER_EPOCH_CHECKPOINT}");
            moment.log.written_epochs.take();
            self.replace_later(path, closing.epochs.as_bytes(), written).await?;
        }
        self.write_snapshot(&directory, closing, written).await
    }

    pub(crate) async fn write_snapshot(
        &self,
        directory: &str,
        closing: &ClosingHints,
        written: &mut Written,
    ) -> Result<(), DiskError> {
        let path = segment_path(directory, closing.offset, SegmentFile::ProducerSnapshot);
        match self.write_new(&path, &closing.snapshot).await {
            Ok(file) => written.files.push(file),
            // It may be the one that is vouched for.
            Err(DiskError::AlreadyExists { .. }) => {
                self.replace_later(path, &closing.snapshot, written).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn write_tail(&self, path: String, tail: &Tail, written: &mut Written) -> Result<(), DiskError> {
        let Some(position) = tail.position else {
            return self.replace_later(path, &tail.bytes, written).await;
        };
        if tail.bytes.is_empty() {
            return Ok(());
        }
        let file = self.directory.open(&path, OpenMode::Existing).await?;
        self.write_blocks(&file, position as u64, &tail.bytes).await?;
        written.files.push(file);
        Ok(())
    }

    pub(crate) async fn replace_later(
        &self,
        path: String,
        content: &[u8],
        written: &mut Written,
    ) -> Result<(), DiskError> {
        written.files.push(self.write_beside(&path, content).await?);
        written.renamed.push(path);
        Ok(())
    }

    /// Writes what is to replace a hint file under a name [`beside`] it, and syncs nothing.
    pub(crate) async fn write_beside(&self, path: &str, content: &[u8]) -> Result<Rc<dyn File>, DiskError> {
        let new = beside(path);
        match self.write_new(&new, content).await {
            Err(DiskError::AlreadyExists { .. }) => {
                allow_missing(self.directory.remove_file(&new).await)?;
                self.write_new(&new, content).await
            }
            outcome => outcome,
        }
    }

    /// Writes a file that must not exist yet, and syncs nothing.
    async fn write_new(&self, path: &str, content: &[u8]) -> Result<Rc<dyn File>, DiskError> {
        let file = self.directory.open(path, OpenMode::CreateNew).await?;
        self.write_blocks(&file, 0, content).await?;
        file.set_length(content.len() as u64).await?;
        Ok(file)
    }

    /// Writes from a block on, and zeros up to the end of the last one.
    async fn write_blocks(
        &self,
        file: &Rc<dyn File>,
        position: u64,
        content: &[u8],
    ) -> Result<(), DiskError> {
        for (at, piece) in content.chunks(PIECE as usize).enumerate() {
            let padded = piece.len().next_multiple_of(BLOCK);
            let mut buffer = self.directory.buffer(padded);
            let bytes = buffer.bytes_mut();
            bytes[..piece.len()].copy_from_slice(piece);
            bytes[piece.len()..padded].fill(0);
            file.write(position + at as u64 * PIECE, buffer.seal().slice(..padded)).await?;
        }
        Ok(())
    }
}

/// The name of what is to replace a file.
pub(crate) fn beside(path: &str) -> String {
    format!("{path}.new")
}
