//! Directories and files as the code under test holds them.

use std::rc::Rc;

use bytes::Bytes;

use super::super::{World, current};
use super::operation::{Action, Answer};
use super::volume::{EINVAL, FileNumber, failed, join};
use super::workers::Worker;
use super::{IoFuture, Target};
use crate::disk::{DirectoryEntry, Flushing, IoError, OpenMode};

const BLOCK: usize = super::file::BLOCK as usize;

/// An open log directory: a file system of its own, or a directory of one that is open already.
#[derive(Debug, Clone)]
pub struct SimDirectory {
    world: Rc<World>,
    target: Target,
    /// As the user wrote it.
    path: Rc<str>,
    /// Below the root of the file system.
    base: Rc<str>,
}

fn nothing(answer: &Answer) {
    debug_assert!(matches!(answer, Answer::Nothing), "an operation without an answer gave one");
}

impl SimDirectory {
    /// Makes the directory and its parents if they are missing.
    pub async fn open(path: &str) -> Result<Self, IoError> {
        let (world, place) = current::here();
        let node = world.node_of(place.process);
        let (volume, base, epoch) = {
            let mut disks = world.disks().borrow_mut();
            let root = path.trim_end_matches('/');
            let (volume, base) = disks.find_mount(node, root).unwrap_or_else(|| {
                let options = &world.options.disk;
                (disks.mount(node, root, options.flushing.clone(), options.capacity_bytes), String::new())
            });
            (volume, base, disks.mounts[volume].epoch)
        };
        let target = Target { process: place.process, shard: place.shard, volume, epoch };
        let directory = Self { world, target, path: path.into(), base: base.into() };
        directory.submit("", Action::MakePath).await?;
        Ok(directory)
    }

    fn below(&self, path: &str) -> String {
        let path = path.trim_matches('/');
        if path.is_empty() { self.base.to_string() } else { join(&self.base, path) }
    }

    fn submit(&self, path: &str, action: Action) -> IoFuture {
        self.world.submit(self.target, self.below(path).into(), action, Worker::NotNeeded)
    }

    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// There are no links.
    pub fn root(&self) -> String {
        self.path.to_string()
    }

    pub fn flushing(&self) -> Flushing {
        self.world.disks().borrow().mounts[self.target.volume].volume.flushing.clone()
    }

    /// Nobody copies a simulated file.
    pub fn can_share_extents(&self) -> bool {
        false
    }

    /// The simulated disk keeps what it was told to flush.
    pub fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Per process: a second shard gets it too. Another process gets it only when this one is dead and its last write has landed.
    pub async fn lock(&self) -> Result<(), IoError> {
        self.submit("", Action::Lock).await.map(|answer| nothing(&answer))
    }

    pub async fn list(&self, path: &str) -> Result<Vec<DirectoryEntry>, IoError> {
        match self.submit(path, Action::List).await? {
            Answer::Entries(entries) => Ok(entries),
            other => unreachable!("a listing gave {other:?}"),
        }
    }

    pub async fn make_directory(&self, path: &str) -> Result<(), IoError> {
        self.submit(path, Action::MakeDirectory).await.map(|answer| nothing(&answer))
    }

    pub async fn remove_directory(&self, path: &str) -> Result<(), IoError> {
        self.submit(path, Action::RemoveDirectory).await.map(|answer| nothing(&answer))
    }

    pub async fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.submit(from, Action::Rename { to: self.below(to) }).await.map(|answer| nothing(&answer))
    }

    pub async fn remove_file(&self, path: &str) -> Result<(), IoError> {
        self.submit(path, Action::RemoveFile).await.map(|answer| nothing(&answer))
    }

    pub async fn sync_directory(&self, path: &str) -> Result<(), IoError> {
        self.submit(path, Action::SyncDirectory).await.map(|answer| nothing(&answer))
    }

    pub async fn sync_file_system(&self) -> Result<(), IoError> {
        self.submit("", Action::SyncFileSystem).await.map(|answer| nothing(&answer))
    }

    async fn open_any(&self, path: &str, mode: OpenMode) -> Result<Open, IoError> {
        let create = mode == OpenMode::CreateNew;
        match self.submit(path, Action::Open { create }).await? {
            Answer::Opened(number) => Ok(Open {
                world: self.world.clone(),
                target: self.target,
                number,
                path: self.below(path).into(),
            }),
            other => unreachable!("an open gave {other:?}"),
        }
    }

    /// For direct I/O.
    pub async fn open_file(&self, path: &str, mode: OpenMode) -> Result<SimFile, IoError> {
        self.open_any(path, mode).await.map(SimFile)
    }

    /// Through the page cache.
    pub async fn open_plain(&self, path: &str, mode: OpenMode) -> Result<SimPlainFile, IoError> {
        self.open_any(path, mode).await.map(SimPlainFile)
    }

    pub async fn read_small(&self, path: &str, limit: usize) -> Result<Vec<u8>, IoError> {
        match self.submit(path, Action::ReadSmall { limit }).await? {
            Answer::Bytes(bytes) => Ok(bytes.to_vec()),
            other => unreachable!("a read gave {other:?}"),
        }
    }

    /// Replaces a small file: a crash leaves the old or the new one. Durable when it returns.
    pub async fn write_small(&self, path: &str, content: Vec<u8>) -> Result<(), IoError> {
        let temporary = format!("{path}.tmp");
        match self.remove_file(&temporary).await {
            Ok(()) | Err(IoError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let file = self.open_plain(&temporary, OpenMode::CreateNew).await?;
        file.write_at(0, content).await?;
        file.sync_data().await?;
        drop(file);
        self.rename(&temporary, path).await?;
        self.sync_directory(path.rsplit_once('/').map_or("", |(parent, _)| parent)).await
    }

    pub async fn exists(&self, path: &str) -> Result<bool, IoError> {
        match self.submit(path, Action::Exists).await? {
            Answer::Flag(flag) => Ok(flag),
            other => unreachable!("a question gave {other:?}"),
        }
    }

    pub async fn free_space(&self) -> Result<u64, IoError> {
        self.submit("", Action::FreeSpace).await.map(|answer| number(&answer))
    }
}

fn number(answer: &Answer) -> u64 {
    match answer {
        Answer::Number(number) => *number,
        other => unreachable!("a question gave {other:?}"),
    }
}

/// An open file; closed when it is dropped.
#[derive(Debug)]
struct Open {
    world: Rc<World>,
    target: Target,
    number: FileNumber,
    path: Rc<str>,
}

impl Open {
    async fn operate(&self, action: Action) -> Result<Answer, IoError> {
        self.world.operate(self.target, self.path.clone(), action).await
    }

    async fn done(&self, action: Action) -> Result<(), IoError> {
        self.operate(action).await.map(|answer| nothing(&answer))
    }

    async fn read(&self, position: u64, length: usize) -> Result<Bytes, IoError> {
        match self.operate(Action::Read { file: self.number, position, length }).await? {
            Answer::Bytes(bytes) => Ok(bytes),
            other => unreachable!("a read gave {other:?}"),
        }
    }

    async fn length(&self) -> Result<u64, IoError> {
        self.operate(Action::Length { file: self.number }).await.map(|answer| number(&answer))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.world.close_file(self.target, self.number);
    }
}

/// A file open for direct I/O.
#[derive(Debug)]
pub struct SimFile(Open);

impl SimFile {
    pub fn number(&self) -> u64 {
        self.0.number
    }

    pub async fn length(&self) -> Result<u64, IoError> {
        self.0.length().await
    }

    fn check_alignment(&self, operation: &'static str, position: u64, length: usize) -> Result<(), IoError> {
        if position.is_multiple_of(BLOCK as u64) && length.is_multiple_of(BLOCK) {
            return Ok(());
        }
        Err(failed(&self.0.path, operation, EINVAL, &format!("{length} bytes at {position} are not aligned")))
    }

    pub async fn write(&self, position: u64, content: Bytes) -> Result<(), IoError> {
        self.check_alignment("write", position, content.len())?;
        if !content.as_ptr().addr().is_multiple_of(BLOCK) {
            return Err(failed(&self.0.path, "write", EINVAL, "the memory is not aligned"));
        }
        if content.is_empty() {
            return Ok(());
        }
        // The disk keeps a copy, not the buffer: the buffer goes home to its pool, and what it holds at completion is compared.
        let copy = Bytes::copy_from_slice(&content);
        self.0.done(Action::Write { file: self.0.number, position, content: copy, given: content }).await
    }

    pub async fn read(&self, position: u64, length: usize) -> Result<Bytes, IoError> {
        self.check_alignment("read", position, length)?;
        self.0.read(position, length).await
    }

    pub async fn sync_data(&self) -> Result<(), IoError> {
        self.0.done(Action::Sync { file: self.0.number }).await
    }

    pub async fn allocate(&self, position: u64, length: u64) -> Result<(), IoError> {
        if length == 0 {
            return Err(failed(&self.0.path, "fallocate", EINVAL, "nothing to allocate"));
        }
        self.0.done(Action::Allocate { file: self.0.number, position, length }).await
    }

    pub async fn prepared_until(&self, from: u64, to: u64) -> Result<u64, IoError> {
        let answer = self.0.operate(Action::Extents { file: self.0.number, from, to }).await?;
        Ok(number(&answer))
    }

    pub async fn set_length(&self, length: u64) -> Result<(), IoError> {
        self.0.done(Action::SetLength { file: self.0.number, length }).await
    }
}

/// A file open through the page cache.
#[derive(Debug)]
pub struct SimPlainFile(Open);

impl SimPlainFile {
    pub async fn length(&self) -> Result<u64, IoError> {
        self.0.length().await
    }

    /// Shorter only where the file ends.
    pub async fn read_at(&self, position: u64, length: usize) -> Result<Vec<u8>, IoError> {
        self.0.read(position, length).await.map(|bytes| bytes.to_vec())
    }

    pub async fn write_at(&self, position: u64, content: Vec<u8>) -> Result<(), IoError> {
        self.0.done(Action::WriteCached { file: self.0.number, position, content: content.into() }).await
    }

    pub async fn sync_data(&self) -> Result<(), IoError> {
        self.0.done(Action::Sync { file: self.0.number }).await
    }

    pub async fn set_length(&self, length: u64) -> Result<(), IoError> {
        self.0.done(Action::SetLength { file: self.0.number, length }).await
    }
}
