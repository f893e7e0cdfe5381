//! The log on disk: one file of frames since a base, and the snapshot that the base stands for.
//!
//! `logan-metadata-<base>.log` holds everything after entry `<base>`; `logan-metadata-<base>.snapshot` holds the state up to it. A
//! new log begins at index 1 with an empty state and no snapshot file, so that a member that joins later always needs a snapshot,
//! which also tells it who the members are.
//!
//! Every append is one write and one sync, and the next begins only after it. So a crash can tear the last frame and no other, and damage
//! is known for damage where a later frame follows. Behind the last append an idle log gets a frame that says nothing new, its cover.
//!
//! At a snapshot the log is cut: the snapshot is
//! written aside, synced and renamed, then the same is done with a log that holds the entries after it; only then are the old files
//! removed. The log with the highest base is the one that counts, and names its snapshot; everything else is left over from a
//! crash.
//!
//! Behind the frames lie zeros that were written and synced: a frame that goes there needs no space of the disk. What only makes the log
//! longer leaves the reserve of them alone, so that on a full disk topics can still be deleted and a node can start.
//!
//! Invariants:
//! - the file holds, synced, exactly what [`LogView`] holds, in `0..end`; only its commit index may be older
//! - `end..prepared` holds zeros, synced; the file ends there
//! - a cover follows the last append unless `owes_cover`, or the disk had no room for it
//! - `end <= prepared <= longest`: what is written can be read again
//! - `failed` unless every operation so far has succeeded, or had no space and was taken back; after another failure nothing is written again

pub(crate) mod codec;
pub(crate) mod format;
mod view;

use std::rc::Rc;

use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, HardState};

use self::format::{Base, Found, HeadError, Header};
pub use self::view::{Gap, LogView};
use crate::Identity;
use crate::files::{Directory, File, FileError, OpenMode, read_whole};
use crate::limits::MAX_SNAPSHOT_BYTES;

/// A new log begins behind this entry, which holds an empty state.
const FIRST_BASE: u64 = 1;
const FIRST_TERM: u64 = 1;

/// How the names of all files of the metadata begin.
pub const PREFIX: &str = "logan-metadata-";
pub(crate) const LOG_SUFFIX: &str = ".log";
pub(crate) const SNAPSHOT_SUFFIX: &str = ".snapshot";
/// Of a file that is being written.
const ASIDE_SUFFIX: &str = ".tmp";

/// How many bytes of entries go into one frame when the log is written anew.
const REWRITE_FRAME_BYTES: usize = 1 << 20;

/// Zeros are written in pieces of this size.
const ZEROS_PIECE: u64 = 256 << 10;

/// How long log files become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    /// The most bytes that a log is read and written with.
    pub longest: u64,
    /// Prepared behind the end, for what cannot wait until a full disk has room again.
    pub reserve: u64,
}

impl Lengths {
    /// Zeros are written for what comes and for the reserve, and for some of what comes then.
    fn prepared(&self, wanted: u64) -> u64 {
        (wanted + self.reserve + self.reserve / 2).min(self.longest)
    }
}

/// Why the metadata log cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{path} is damaged at byte {position}, below what was made durable. Nothing was changed. Restore the file from a copy; if \
         this node is one of several in its quorum, format its directory again and let it rejoin"
    )]
    Damaged { path: String, position: u64 },
    #[error(
        "{path} has format version {version}, which this release cannot read: start the release that wrote it, or a later one"
    )]
    Version { path: String, version: u16 },
    #[error(
        "{path} belongs to node {node_id} with another node.id or directory.id than this one: check node.id and metadata.log.dir, \
         and that meta.properties beside it was not replaced"
    )]
    Foreign { path: String, node_id: i32 },
    #[error("{path} is missing, though other files of the metadata log are there: restore it from a copy")]
    Missing { path: String },
    #[error("{path} holds no metadata log: format it with `logan format`")]
    NotFormatted { path: String },
    #[error(
        "{path} has {length} bytes and is not written on, since {longest} is the most that a start reads: no snapshot has cut it for long, \
         and earlier lines say why"
    )]
    Full { path: String, length: u64, longest: u64 },
    #[error("the metadata log failed before and is not written again: restart the node")]
    Failed,
}

pub(crate) struct Log {
    directory: Rc<dyn Directory>,
    identity: Identity,
    file: Rc<dyn File>,
    base_index: u64,
    salt: u32,
    sequence: u64,
    end: u64,
    prepared: u64,
    /// Where appended frames begin: what follows came since the base.
    since: u64,
    lengths: Lengths,
    /// The last frame says something, and no cover of it was tried.
    owes_cover: bool,
    failed: bool,
}

pub(crate) struct OpenedLog {
    pub log: Log,
    pub view: LogView,
    /// The state up to the base; none in a log that begins with an empty state.
    pub snapshot: Option<Bytes>,
}

fn log_name(base: u64) -> String {
    format!("{PREFIX}{base:020}{LOG_SUFFIX}")
}

fn snapshot_name(base: u64) -> String {
    format!("{PREFIX}{base:020}{SNAPSHOT_SUFFIX}")
}

/// The base in the name of one of our files that ends in `suffix`.
pub(crate) fn base_of(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    // A sign would parse, too.
    let named = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if named { digits.parse().ok() } else { None }
}

/// The log of a group of `voters` that has decided nothing.
fn fresh(voters: Vec<u64>) -> LogView {
    let members = ConfState { voters, ..ConfState::default() };
    let hard = HardState { term: FIRST_TERM, commit: FIRST_BASE, ..HardState::default() };
    LogView::new(Base { index: FIRST_BASE, term: FIRST_TERM, members }, hard)
}

impl Log {
    /// Reads the log back, or begins one if there is none and `create` allows it: a group with this member as its only voter.
    /// `salt` is any random number.
    pub(crate) async fn open(
        directory: Rc<dyn Directory>,
        identity: Identity,
        create: bool,
        salt: u32,
        lengths: Lengths,
    ) -> Result<OpenedLog, LogError> {
        let names = directory.list().await?;
        let newest = names.iter().filter_map(|name| base_of(name, LOG_SUFFIX)).max();
        let Some(base) = newest else {
            if let Some(orphan) = names.iter().filter_map(|name| base_of(name, SNAPSHOT_SUFFIX)).max() {
                return Err(LogError::Missing { path: path_of(&*directory, &log_name(orphan)) });
            }
            if !create {
                return Err(LogError::NotFormatted { path: directory.path() });
            }
            remove_leftovers(&*directory, &names, FIRST_BASE).await?;
            let view = fresh(vec![identity.raft_id()]);
            let log = Self::write_new(directory, identity, &view, salt, lengths).await?;
            return Ok(OpenedLog { log, view, snapshot: None });
        };
        let (log, view) = Self::recover(Rc::clone(&directory), identity, base, lengths).await?;
        // Its name, too, may be here only because a process that was killed had given it and not yet synced it: a power loss would take it
        // away, and leave what is written or removed from here on.
        sync_names(&*directory).await?;
        let snapshot =
            if base == FIRST_BASE { None } else { Some(read_snapshot(&*directory, &view.base).await?) };
        remove_leftovers(&*directory, &names, base).await?;
        Ok(OpenedLog { log, view, snapshot })
    }

    async fn recover(
        directory: Rc<dyn Directory>,
        identity: Identity,
        base: u64,
        lengths: Lengths,
    ) -> Result<(Self, LogView), LogError> {
        let name = log_name(base);
        let path = path_of(&*directory, &name);
        let file = directory.open(&name, OpenMode::Existing).await?;
        let content = Bytes::from(read_whole(&*file, &path, lengths.longest).await?);
        let read = read_log(&content, &path)?;
        if read.header.identity != identity {
            let node_id = read.header.identity.node_id;
            return Err(LogError::Foreign { path, node_id });
        }
        if read.header.base.index != base {
            return Err(LogError::Damaged { path, position: 0 });
        }
        let end = read.end as u64;
        if read.torn > 0 {
            let torn = read.torn;
            tracing::warn!(
                "{path}: dropped {torn} bytes of an append that a crash interrupted, at byte {end}"
            );
        }
        // The last frame may be here only because the page cache survived the process, or because a failed sync left its
        // blocks marked clean. Written again and synced it is certainly on the disk, before anything is built on it.
        if end > read.header.durable_length {
            file.write_at(read.last_frame as u64, content.slice(read.last_frame..read.end)).await?;
        }
        // So may the zeros behind it, or have no blocks: a crash may have come before they were synced.
        let prepared = match write_zeros(&*file, end, content.len() as u64).await {
            Ok(()) => content.len() as u64,
            Err((reached, FileError::NoSpace { .. })) => {
                file.set_length(reached).await?;
                reached
            }
            Err((_, error)) => return Err(error.into()),
        };
        file.sync().await?;
        let mut log = Self {
            directory,
            identity,
            file,
            base_index: base,
            salt: read.header.salt,
            sequence: read.sequence,
            end,
            prepared,
            since: read.header.durable_length,
            lengths,
            owes_cover: end > read.header.durable_length,
            failed: false,
        };
        // A disk that is full stops no start before there is something to write.
        log.prepare(0).await?;
        let mut view = read.view;
        view.detach();
        Ok((log, view))
    }

    /// Writes a log that holds `view`, aside and then under its name. Without space for it nothing is changed.
    async fn write_new(
        directory: Rc<dyn Directory>,
        identity: Identity,
        view: &LogView,
        salt: u32,
        lengths: Lengths,
    ) -> Result<Self, FileError> {
        let mut header = Header { salt, identity, durable_length: 0, base: view.base.clone() };
        let mut frames = Vec::new();
        let mut sequence = 0;
        let mut rest = view.after(view.base.index);
        loop {
            let mut size = 0;
            let fits = |entry: &&Entry| {
                size += entry.data.len();
                size <= REWRITE_FRAME_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
            let (now, later) = rest.split_at(count);
            // What a frame says is committed is never replaced, by a later frame of this file either.
            let last = now.last().map_or(view.base.index, |entry| entry.index);
            let hard = HardState { commit: view.hard.commit.min(last), ..view.hard.clone() };
            frames.extend_from_slice(&format::encode_frame(salt, sequence, &hard, now));
            sequence += 1;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        header.durable_length = (header.encode().len() + frames.len()) as u64;
        let mut content = header.encode();
        content.append(&mut frames);
        let end = content.len() as u64;
        let prepared = lengths.prepared(end).max(end);
        let file = write_aside(&*directory, &log_name(view.base.index), content, prepared).await?;
        let base_index = view.base.index;
        Ok(Self {
            directory,
            identity,
            file,
            base_index,
            salt,
            sequence,
            end,
            prepared,
            since: end,
            lengths,
            owes_cover: false,
            failed: false,
        })
    }

    /// Makes a hard state and some entries durable, in one write and one sync.
    pub(crate) async fn append(&mut self, hard: &HardState, entries: &[Entry]) -> Result<(), LogError> {
        self.begin()?;
        let end = self.write(self.end, hard, entries).await?;
        self.finish(end).await?;
        self.owes_cover = true;
        Ok(())
    }

    /// Writes behind the last append, in a block of its own, a frame that says nothing new: `hard` is what the log holds. No decision needs
    /// it, so a disk without room for it stops nothing.
    pub(crate) async fn cover(&mut self, hard: &HardState) -> Result<(), LogError> {
        if !self.owes_cover {
            return Ok(());
        }
        let position = format::cover_position(self.end as usize) as u64;
        let bytes = position - self.end + format::frame_bytes(&[]);
        if self.prepare(bytes).await? < bytes + self.lengths.reserve / 2 {
            let path = self.path();
            tracing::warn!(
                "{path}: no space for a frame that covers the last one: until the next change, damage to that would be taken for a crash's"
            );
        } else {
            self.begin()?;
            let end = self.write(position, hard, &[]).await?;
            self.finish(end).await?;
        }
        self.owes_cover = false;
        Ok(())
    }

    /// Tries to have room for so many bytes and the reserve behind the end. Returns how many are prepared there: fewer on a full disk.
    pub(crate) async fn prepare(&mut self, bytes: u64) -> Result<u64, LogError> {
        let wanted = self.end + bytes;
        let until = self.lengths.prepared(wanted);
        if self.prepared < wanted + self.lengths.reserve && self.prepared < until {
            self.begin()?;
            let written = match write_zeros(&*self.file, self.prepared, until).await {
                Ok(()) => self.file.sync().await,
                Err((_, error)) => Err(error),
            };
            match written {
                Ok(()) => self.prepared = until,
                // Nothing else was written since the last sync, so nothing is lost with it.
                Err(FileError::NoSpace { .. }) => self.file.set_length(self.prepared).await?,
                Err(error) => return Err(error.into()),
            }
            self.failed = false;
        }
        Ok(self.prepared - self.end)
    }

    /// Nothing more is written unless what begins here succeeds.
    fn begin(&mut self) -> Result<(), LogError> {
        if std::mem::replace(&mut self.failed, true) { Err(LogError::Failed) } else { Ok(()) }
    }

    /// Writes the next frame, and says where it ends.
    async fn write(&self, position: u64, hard: &HardState, entries: &[Entry]) -> Result<u64, LogError> {
        let frame = format::encode_frame(self.salt, self.sequence, hard, entries);
        let end = position + frame.len() as u64;
        if end > self.lengths.longest {
            let (path, longest) = (self.path(), self.lengths.longest);
            return Err(LogError::Full { path, length: self.end, longest });
        }
        self.file.write_at(position, Bytes::from(frame)).await?;
        Ok(end)
    }

    async fn finish(&mut self, end: u64) -> Result<(), LogError> {
        self.file.sync().await?;
        self.end = end;
        self.prepared = self.prepared.max(end);
        self.sequence += 1;
        self.failed = false;
        Ok(())
    }

    /// Keeps `data` as the state up to entry `index`, and forgets the entries up to it. Without space for that nothing is changed, and the log
    /// goes on: `Ok` with what had none.
    pub(crate) async fn cut(
        &mut self,
        view: &LogView,
        index: u64,
        data: &[u8],
        salt: u32,
    ) -> Result<Result<LogView, FileError>, LogError> {
        assert!(
            view.base.index < index && index <= view.hard.commit,
            "a snapshot holds committed entries only"
        );
        self.begin()?;
        let term = view.term_of(index).expect("a committed entry after the base is in the log");
        let base = Base { index, term, members: view.base.members.clone() };
        let directory = Rc::clone(&self.directory);
        let content = format::encode_snapshot(&base, data);
        let length = content.len() as u64;
        if let Err(error) = write_aside(&*directory, &snapshot_name(index), content, length).await {
            return self.without_space(error);
        }
        let mut cut = view.clone();
        cut.cut(base);
        match Self::write_new(Rc::clone(&directory), self.identity, &cut, salt, self.lengths).await {
            Ok(new) => {
                let old = std::mem::replace(self, new).base_index;
                self.failed = true;
                directory.remove(&log_name(old)).await?;
                if old != FIRST_BASE {
                    directory.remove(&snapshot_name(old)).await?;
                }
                self.failed = false;
                Ok(Ok(cut))
            }
            Err(error) => {
                // Without space the new log has no name yet, so nothing builds on the snapshot; after any other error it may have.
                if matches!(error, FileError::NoSpace { .. }) {
                    directory.remove(&snapshot_name(index)).await?;
                }
                self.without_space(error)
            }
        }
    }

    /// What wanted space has changed nothing.
    fn without_space(&mut self, error: FileError) -> Result<Result<LogView, FileError>, LogError> {
        if !matches!(error, FileError::NoSpace { .. }) {
            return Err(error.into());
        }
        self.failed = false;
        Ok(Err(error))
    }

    fn path(&self) -> String {
        path_of(&*self.directory, &log_name(self.base_index))
    }

    /// Of what is written.
    pub(crate) fn length(&self) -> u64 {
        self.end
    }

    /// There is something to do for [`Log::cover`].
    pub(crate) fn owes_cover(&self) -> bool {
        self.owes_cover
    }

    /// Bytes appended since the base.
    pub(crate) fn bytes_since_base(&self) -> u64 {
        self.end - self.since
    }
}

fn path_of(directory: &dyn Directory, name: &str) -> String {
    format!("{}/{name}", directory.path())
}

/// What a log file says.
pub(crate) struct ReadLog {
    pub header: Header,
    pub view: LogView,
    /// Of the next frame.
    sequence: u64,
    last_frame: usize,
    /// Where the undamaged frames end.
    pub end: usize,
    /// Bytes behind them that are left of an append.
    pub torn: usize,
}

pub(crate) fn read_log(content: &Bytes, path: &str) -> Result<ReadLog, LogError> {
    let damaged = |position: usize| LogError::Damaged { path: path.to_owned(), position: position as u64 };
    let (header, head) = Header::decode(content).map_err(|error| head_error(error, path))?;
    let mut view = LogView::new(header.base.clone(), HardState::default());
    let (mut position, mut last_frame, mut sequence) = (head, head, 0);
    while let Some(Found { payload, start, end }) =
        format::frame_after(content, position, header.salt, sequence)
    {
        let frame = format::decode_frame(payload).map_err(|_| damaged(start))?;
        if frame.hard.term < view.hard.term || frame.hard.commit < view.hard.commit {
            return Err(damaged(start));
        }
        view.append(&frame.hard, &frame.entries).map_err(|_| damaged(start))?;
        (last_frame, position) = (start, end);
        sequence += 1;
    }
    // Only the last append can be torn: whatever lies below a later frame, or was there when the file got its name, was synced.
    let torn = before_zeros(&content[position..]);
    let looks_later = |content: &Bytes| {
        // Zeros that end a head are no others.
        let until = content.len().min(position + torn + format::FRAME_HEAD);
        format::has_later_frame(&content.slice(..until), position + 1, header.salt, sequence)
    };
    if (position as u64) < header.durable_length || torn > 0 && looks_later(content) {
        return Err(damaged(position));
    }
    if view.hard.commit < header.base.index || view.hard.commit > view.last() {
        return Err(damaged(last_frame));
    }
    Ok(ReadLog { header, view, sequence, last_frame, end: position, torn })
}

/// How many bytes come before the zeros at the end of some bytes.
fn before_zeros(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut end = bytes.len();
    while end > 0 {
        let from = end.saturating_sub(ZEROS.len());
        let piece = &bytes[from..end];
        if *piece != ZEROS[..piece.len()] {
            return from + piece.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        }
        end = from;
    }
    0
}

pub(crate) fn head_error(error: HeadError, path: &str) -> LogError {
    match error {
        HeadError::Damaged => LogError::Damaged { path: path.to_owned(), position: 0 },
        HeadError::Version(version) => LogError::Version { path: path.to_owned(), version },
    }
}

async fn read_snapshot(directory: &dyn Directory, base: &Base) -> Result<Bytes, LogError> {
    let name = snapshot_name(base.index);
    let path = path_of(directory, &name);
    let file = match directory.open(&name, OpenMode::Existing).await {
        Err(FileError::NotFound { .. }) => return Err(LogError::Missing { path }),
        opened => opened?,
    };
    let content = Bytes::from(read_whole(&*file, &path, MAX_SNAPSHOT_BYTES).await?);
    let (found, data) = format::decode_snapshot(&content).map_err(|error| head_error(error, &path))?;
    if found != *base {
        return Err(LogError::Damaged { path, position: 0 });
    }
    Ok(data)
}

/// Writes a file so that its name never stands for half of it, with zeros behind its content up to `length`. Without space for it nothing is
/// changed: only then is the error [`FileError::NoSpace`].
async fn write_aside(
    directory: &dyn Directory,
    name: &str,
    content: Vec<u8>,
    length: u64,
) -> Result<Rc<dyn File>, FileError> {
    let aside = format!("{name}{ASIDE_SUFFIX}");
    // A crash between here and the rename leaves the file; one that reappears after its removal is in the way.
    remove_if_there(directory, &aside).await?;
    let written = async {
        let file = directory.open(&aside, OpenMode::CreateNew).await?;
        let end = content.len() as u64;
        file.write_at(0, Bytes::from(content)).await?;
        write_zeros(&*file, end, length).await.map_err(|(_, error)| error)?;
        file.sync().await?;
        directory.rename(&aside, name).await?;
        Ok(file)
    };
    let file = match written.await {
        Ok(file) => file,
        Err(error) => {
            if matches!(error, FileError::NoSpace { .. }) {
                remove_if_there(directory, &aside).await?;
            }
            return Err(error);
        }
    };
    sync_names(directory).await?;
    Ok(file)
}

/// Without space for it each name may be there, or not: that is no [`FileError::NoSpace`].
async fn sync_names(directory: &dyn Directory) -> Result<(), FileError> {
    directory.sync().await.map_err(|error| match error {
        FileError::NoSpace { path } => {
            FileError::Failed { path, operation: "fsync", message: "no space left on the device".to_owned() }
        }
        error => error,
    })
}

async fn remove_if_there(directory: &dyn Directory, name: &str) -> Result<(), FileError> {
    match directory.remove(name).await {
        Ok(()) | Err(FileError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error comes with the position up to which zeros were written.
async fn write_zeros(file: &dyn File, from: u64, until: u64) -> Result<(), (u64, FileError)> {
    let mut at = from;
    while at < until {
        let piece = (until - at).min(ZEROS_PIECE);
        let zeros = Bytes::from(vec![0; piece as usize]);
        file.write_at(at, zeros).await.map_err(|error| (at, error))?;
        at += piece;
    }
    Ok(())
}

/// Removes what a crash left beside the log with this base.
async fn remove_leftovers(directory: &dyn Directory, names: &[String], base: u64) -> Result<(), FileError> {
    let keep = [log_name(base), snapshot_name(base)];
    let ours = |name: &&String| {
        let name = name.strip_suffix(ASIDE_SUFFIX).unwrap_or(name);
        [LOG_SUFFIX, SNAPSHOT_SUFFIX].iter().any(|suffix| base_of(name, suffix).is_some())
    };
    for name in names.iter().filter(ours).filter(|name| !keep.contains(name)) {
        directory.remove(name).await?;
    }
    Ok(())
}
