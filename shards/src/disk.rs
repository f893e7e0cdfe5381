//! Directories and files, with the verbs, semantics and errors that the storage engine asks for.
//!
//! Paths are relative to the directory, with `/` between their parts. Positions and lengths are in bytes.

use bytes::Bytes;

use crate::buffer::AlignedBuffer;
use crate::{machine, real, sim};

/// Direct I/O is done in multiples of this many bytes, at positions that are multiples of it, from memory aligned to it.
pub const BLOCK: usize = crate::buffer::ALIGNMENT;

/// Why an operation on a directory or file failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IoError {
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
    /// The process, or the machine, has no descriptor left. Nothing was done, and nothing is wrong with the file: when others are closed, it
    /// can be tried again. Only what opens something fails so: files that are open need no further one.
    #[error("{path}: too many open files")]
    NoDescriptor { path: String },
    /// Everything else, with the kernel's error number and what was being done.
    #[error("{path}: {operation} failed: {message}")]
    Failed { path: String, operation: &'static str, errno: i32, message: String },
}

/// How one flush may stand for many files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flushing {
    /// One fdatasync flushes the device for every file of the directory whose written blocks were written before.
    Shared,
    /// Each file must be synced by itself; `reason` is for people.
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

/// A directory that a node keeps its files in. Each shard opens its own.
#[derive(Clone)]
pub struct Directory(DirectoryKind);

#[derive(Clone)]
enum DirectoryKind {
    Real(real::disk::RealDirectory),
    Simulated(sim::disk::SimDirectory),
}

/// The same method of whichever machine it is.
macro_rules! either {
    ($kind:ident, $self:expr, $inner:ident => $call:expr) => {
        match &$self.0 {
            $kind::Real($inner) => $call,
            $kind::Simulated($inner) => $call,
        }
    };
}

/// Whether the process was short of descriptors in the last seconds: who keeps files open that it does not use should close them.
pub fn descriptors_were_missing() -> bool {
    machine::is_real() && real::descriptors::were_missing()
}

impl Directory {
    /// Opens a directory by its path on the machine, and makes it and its parents if they are missing.
    pub async fn open(path: &str) -> Result<Self, IoError> {
        if machine::is_real() {
            real::disk::RealDirectory::open(path).await.map(DirectoryKind::Real).map(Self)
        } else {
            sim::disk::SimDirectory::open(path).await.map(DirectoryKind::Simulated).map(Self)
        }
    }

    /// The path as the user wrote it, for messages.
    pub fn path(&self) -> String {
        either!(DirectoryKind, self, directory => directory.path())
    }

    /// The one absolute path that it has whatever it was called: links followed, `.` and `..` resolved.
    pub fn root(&self) -> String {
        either!(DirectoryKind, self, directory => directory.root())
    }

    pub fn flushing(&self) -> Flushing {
        either!(DirectoryKind, self, directory => directory.flushing())
    }

    /// Whether the file system can make two files share extents: a write to one of them is given a new one then.
    pub fn can_share_extents(&self) -> bool {
        either!(DirectoryKind, self, directory => directory.can_share_extents())
    }

    /// What of its file system or its device may take back what was flushed, for the user.
    pub fn warnings(&self) -> Vec<String> {
        either!(DirectoryKind, self, directory => directory.warnings())
    }

    /// Takes `.lock` for this process, with a lock that excludes Java's, until its last write has landed, even if it is killed. Every
    /// shard that writes calls this; all but the first share the lock. Fails at once with [`IoError::Locked`]; so it may while a ring that
    /// has ended, of this process or another, still has operations under way.
    pub async fn lock(&self) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.lock().await)
    }

    /// Entries of a sub-directory, sorted by name; `""` is the directory itself.
    pub async fn list(&self, path: &str) -> Result<Vec<DirectoryEntry>, IoError> {
        either!(DirectoryKind, self, directory => directory.list(path).await)
    }

    pub async fn make_directory(&self, path: &str) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.make_directory(path).await)
    }

    /// The directory must be empty.
    pub async fn remove_directory(&self, path: &str) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.remove_directory(path).await)
    }

    /// Replaces `to` if it exists. Works on directories too.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.rename(from, to).await)
    }

    pub async fn remove_file(&self, path: &str) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.remove_file(path).await)
    }

    /// Makes the names in a sub-directory durable.
    pub async fn sync_directory(&self, path: &str) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.sync_directory(path).await)
    }

    /// Makes everything written to this file system so far durable, names included.
    pub async fn sync_file_system(&self) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.sync_file_system().await)
    }

    /// Opens for direct I/O; where the file system has none, through the page cache.
    pub async fn open_file(&self, path: &str, mode: OpenMode) -> Result<File, IoError> {
        match &self.0 {
            DirectoryKind::Real(directory) => {
                directory.open_file(path, mode).await.map(FileKind::Real).map(File)
            }
            DirectoryKind::Simulated(directory) => {
                directory.open_file(path, mode).await.map(FileKind::Simulated).map(File)
            }
        }
    }

    /// Opens for I/O through the page cache, at any position and length.
    pub async fn open_plain(&self, path: &str, mode: OpenMode) -> Result<PlainFile, IoError> {
        match &self.0 {
            DirectoryKind::Real(directory) => {
                directory.open_plain(path, mode).await.map(PlainKind::Real).map(PlainFile)
            }
            DirectoryKind::Simulated(directory) => {
                directory.open_plain(path, mode).await.map(PlainKind::Simulated).map(PlainFile)
            }
        }
    }

    /// Reads a whole small file through the page cache; fails if it is longer than `limit` bytes.
    pub async fn read_small(&self, path: &str, limit: usize) -> Result<Vec<u8>, IoError> {
        either!(DirectoryKind, self, directory => directory.read_small(path, limit).await)
    }

    /// Replaces a small file so that a crash leaves the old or the new content, and syncs file and directory before it returns.
    pub async fn write_small(&self, path: &str, content: Vec<u8>) -> Result<(), IoError> {
        either!(DirectoryKind, self, directory => directory.write_small(path, content).await)
    }

    /// Whether a file or directory of that name is there.
    pub async fn exists(&self, path: &str) -> Result<bool, IoError> {
        either!(DirectoryKind, self, directory => directory.exists(path).await)
    }

    /// Bytes free to this process on the file system.
    pub async fn free_space(&self) -> Result<u64, IoError> {
        either!(DirectoryKind, self, directory => directory.free_space().await)
    }

    /// An aligned buffer of `capacity` bytes (rounded up to a block) from the shard's pool. Its content is unspecified.
    pub fn buffer(&self, capacity: usize) -> AlignedBuffer {
        AlignedBuffer::take(capacity)
    }
}

/// A file open for direct I/O. Dropping it closes it; what was submitted goes on.
pub struct File(FileKind);

enum FileKind {
    Real(real::disk::RealFile),
    Simulated(sim::disk::SimFile),
}

impl File {
    /// Tells the file from others that are there, by device and inode, as a number that is the same for every handle of it. The number of a
    /// file that is gone may be another's later.
    pub fn number(&self) -> u64 {
        either!(FileKind, self, file => file.number())
    }

    pub async fn length(&self) -> Result<u64, IoError> {
        either!(FileKind, self, file => file.length().await)
    }

    /// Writes all of `content`: aligned memory, aligned position, a multiple of [`BLOCK`]. A short write is a failure.
    pub async fn write(&self, position: u64, content: Bytes) -> Result<(), IoError> {
        either!(FileKind, self, file => file.write(position, content).await)
    }

    /// Reads `length` bytes, both multiples of [`BLOCK`]; the result is shorter only where the file ends.
    pub async fn read(&self, position: u64, length: usize) -> Result<Bytes, IoError> {
        either!(FileKind, self, file => file.read(position, length).await)
    }

    /// fdatasync.
    pub async fn sync_data(&self) -> Result<(), IoError> {
        either!(FileKind, self, file => file.sync_data().await)
    }

    /// Reserves extents for the range and extends the file to cover it, without writing them.
    pub async fn allocate(&self, position: u64, length: u64) -> Result<(), IoError> {
        either!(FileKind, self, file => file.allocate(position, length).await)
    }

    /// The end of the range that begins at `from`, reaches no further than `to`, and consists of extents that are written and not
    /// shared (FIEMAP, after a sync by the caller), rounded down to a block; `from` if there is none or the file system cannot tell.
    pub async fn prepared_until(&self, from: u64, to: u64) -> Result<u64, IoError> {
        either!(FileKind, self, file => file.prepared_until(from, to).await)
    }

    /// Sets the file's length, in bytes (any value).
    pub async fn set_length(&self, length: u64) -> Result<(), IoError> {
        either!(FileKind, self, file => file.set_length(length).await)
    }
}

/// A file open through the page cache.
pub struct PlainFile(PlainKind);

enum PlainKind {
    Real(real::disk::RealPlainFile),
    Simulated(sim::disk::SimPlainFile),
}

impl PlainFile {
    pub async fn length(&self) -> Result<u64, IoError> {
        either!(PlainKind, self, file => file.length().await)
    }

    /// Reads `length` bytes; the result is shorter only where the file ends.
    pub async fn read_at(&self, position: u64, length: usize) -> Result<Vec<u8>, IoError> {
        either!(PlainKind, self, file => file.read_at(position, length).await)
    }

    /// Writes all of `content`; when it fails, any part of it may have been written.
    pub async fn write_at(&self, position: u64, content: Vec<u8>) -> Result<(), IoError> {
        either!(PlainKind, self, file => file.write_at(position, content).await)
    }

    /// fdatasync.
    pub async fn sync_data(&self) -> Result<(), IoError> {
        either!(PlainKind, self, file => file.sync_data().await)
    }

    pub async fn set_length(&self, length: u64) -> Result<(), IoError> {
        either!(PlainKind, self, file => file.set_length(length).await)
    }
}
