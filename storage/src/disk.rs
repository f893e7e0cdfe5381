//! What the engine asks of a machine: directories, files, aligned buffers, time and tasks.
//!
//! The engine plans I/O and never does any itself. Whoever embeds it implements these traits: the broker on its shard's ring,
//! the simulation on a disk that loses, tears and reorders whatever was not synced.
//!
//! Paths are relative to the log directory, with `/` between their parts. Positions and lengths are in bytes. All futures belong
//! to one shard and are not `Send`.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::flights::Flights;

/// Direct I/O is done in multiples of this many bytes, at positions that are multiples of it, from memory aligned to it.
pub const BLOCK: usize = 4096;

/// An I/O operation under way. Dropping it does not cancel what was submitted to the kernel; what waits for its turn, or of which a part was done at
/// once and the rest is to follow, is given up.
pub type Io<'a, T> = Pin<Box<dyn Future<Output = Result<T, DiskError>> + 'a>>;

/// Why an operation on a log directory failed. Nothing is retried on a file whose write or sync failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    #[error("{path}: not found")]
    NotFound { path: String },
    #[error("{path}: already exists")]
    AlreadyExists { path: String },
    #[error("{path}: no space left on the device")]
    NoSpace { path: String },
    #[error("{path}: permission denied")]
    PermissionDenied { path: String },
    #[error("{path}: locked by another process")]
    Locked { path: String },
    /// The directory has failed while this was under way, or before.
    #[error("the log directory has failed")]
    Offline,
    /// Everything else, with the kernel's error number and what was being done.
    #[error("{path}: {operation} failed: {message}")]
    Failed { path: String, operation: &'static str, errno: i32, message: String },
}

const ENOSPC: i32 = 28;
const EFBIG: i32 = 27;

impl DiskError {
    /// A file is longer than it may be: what was read of it is nothing, and the disk is not to blame.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Failed { operation: "read", errno: EFBIG, .. })
    }

    /// The error of a sync. What finds no space is tried again when there is some, but not a sync: what a failed one has lost stays lost,
    /// and the next one would call it durable. So it fails the directory, as any other failed sync does.
    #[must_use]
    pub fn of_sync(self) -> Self {
        match self {
            Self::NoSpace { path } => Self::Failed {
                path,
                operation: "sync",
                errno: ENOSPC,
                message: "no space left on the device".into(),
            },
            other => other,
        }
    }
}

/// How one flush may stand for the files of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flushing {
    /// One fdatasync flushes the device for every prepared file of this directory: ext4 and XFS, direct I/O.
    Shared,
    /// Each file of a round is synced by itself; `reason` is said once at start.
    PerFile { reason: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading and writing.
    Existing,
    /// A file that must not exist yet.
    CreateNew,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub name: String,
    pub is_directory: bool,
}

/// One log directory (an entry of `log.dirs`).
pub trait Directory {
    /// The path as the user wrote it, for messages.
    fn path(&self) -> String;
    fn flushing(&self) -> Flushing;
    /// Whether files here can come to share extents (reflink copies), so that a write to one needs metadata although its block was prepared.
    fn can_share_extents(&self) -> bool;
    /// Takes Kafka's `.lock` with an open-file-description lock (which also excludes Java's), and keeps it until every write of
    /// this process has landed. Fails at once with [`DiskError::Locked`].
    fn lock(&self) -> Io<'_, ()>;
    /// Entries of a sub-directory, sorted by name; `""` is the log directory itself.
    fn list<'a>(&'a self, path: &'a str) -> Io<'a, Vec<DirectoryEntry>>;
    fn make_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()>;
    /// The directory must be empty.
    fn remove_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()>;
    /// Replaces `to` if it exists. Works on directories too.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()>;
    fn remove_file<'a>(&'a self, path: &'a str) -> Io<'a, ()>;
    /// Makes the names in a sub-directory durable.
    fn sync_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()>;
    /// `syncfs`: everything written to this file system so far, names included.
    fn sync_file_system(&self) -> Io<'_, ()>;
    /// Opens for direct I/O.
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>>;
    /// Reads a whole small file through the page cache; fails ([`DiskError::is_too_long`]) if it is longer than `limit` bytes.
    fn read_small<'a>(&'a self, path: &'a str, limit: usize) -> Io<'a, Vec<u8>>;
    /// Replaces a small file so that a crash leaves the old or the new content, and syncs file and directory before it returns.
    fn write_small<'a>(&'a self, path: &'a str, content: Vec<u8>) -> Io<'a, ()>;
    /// An aligned buffer of `capacity` bytes (rounded up to a block) from the shard's pool. Its content is unspecified.
    fn buffer(&self, capacity: usize) -> Box<dyn Buffer>;
    /// Bytes free to this process on the file system.
    fn free_space(&self) -> Io<'_, u64>;
    /// What all operations of this directory and of its files run in: one that hangs fails the directory, and ends then.
    fn flights(&self) -> &Flights;
}

/// Aligned memory under construction. It goes home to its pool when the last reference to it is dropped.
pub trait Buffer {
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Ends construction: the content never changes again, and may be read from any thread.
    fn seal(self: Box<Self>) -> Bytes;
}

/// An open file of a log directory. Dropping it closes it.
pub trait File {
    /// Device and inode: a different file under the same name has a different number.
    fn number(&self) -> u64;
    fn length(&self) -> Io<'_, u64>;
    /// Writes all of `content`: aligned memory, aligned position, a multiple of [`BLOCK`]. A short write is a failure.
    fn write(&self, position: u64, content: Bytes) -> Io<'_, ()>;
    /// Reads `length` bytes, both multiples of [`BLOCK`]; the result is shorter only where the file ends.
    fn read(&self, position: u64, length: usize) -> Io<'_, Bytes>;
    /// fdatasync.
    fn sync_data(&self) -> Io<'_, ()>;
    /// Reserves extents for the range and extends the file to cover it, without writing them.
    fn allocate(&self, position: u64, length: u64) -> Io<'_, ()>;
    /// The end of the range that begins at `from`, reaches no further than `to`, and consists of extents that are written and not
    /// shared (FIEMAP, after a sync by the caller), rounded down to a block; `from` if there is none.
    fn prepared_until(&self, from: u64, to: u64) -> Io<'_, u64>;
    /// Sets the file's length, in bytes (any value).
    fn set_length(&self, length: u64) -> Io<'_, ()>;
}

/// Time, tasks and chance, from the shard that runs the engine.
pub trait Host {
    /// Nanoseconds since an arbitrary start; never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Milliseconds since 1970, as the operating system believes.
    fn wall_clock_ms(&self) -> i64;
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()>>>;
    fn random(&self) -> u64;
    /// Whether the process was short of descriptors in the last seconds, whoever wanted them.
    fn lacks_descriptors(&self) -> bool;
    fn spawn(&self, priority: Priority, task: Pin<Box<dyn Future<Output = ()>>>);
}

/// Which task queue a task of the engine runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Rounds: what an acknowledgement waits for.
    Rounds,
    /// Loading a log: what a reader waits for, and sometimes an append.
    Loads,
    /// Preparation, checkpoints, index and snapshot writing, deletion.
    Background,
}
