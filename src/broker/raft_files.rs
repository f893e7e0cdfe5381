//! Raft's plain files, at the root of the metadata log directory, on this shard's machine.
//!
//! An operation that hangs has failed, as a round that hangs has: whoever waits for the metadata would wait for ever.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use logan_raft::files::{Directory, File, FileError, Io, OpenMode};
use logan_raft::{Clock, Peers};
use logan_shards::{self as shards, IoError};

use crate::limits;

pub(super) struct RaftDirectory(pub shards::Directory);

struct RaftFile {
    file: shards::PlainFile,
    path: String,
}

/// The shard's timers.
pub(super) struct ShardClock;

/// A lone node has nobody to talk to.
pub(super) struct NoPeers;

fn translate(error: IoError) -> FileError {
    match error {
        IoError::NotFound { path } => FileError::NotFound { path },
        IoError::AlreadyExists { path } => FileError::AlreadyExists { path },
        IoError::NoSpace { path } => FileError::NoSpace { path },
        // Whatever opens something waits instead: `opening`.
        IoError::NoDescriptor { path } => {
            FileError::Failed { path, operation: "open", message: "too many open files".into() }
        }
        IoError::Failed { path, operation, message, .. } => FileError::Failed { path, operation, message },
        IoError::PermissionDenied { ref path } | IoError::Locked { ref path } => {
            FileError::Failed { path: path.clone(), operation: "access", message: error.to_string() }
        }
    }
}

fn io<'a, T>(path: &'a str, operation: impl Future<Output = Result<T, IoError>> + 'a) -> Io<'a, T> {
    async move {
        match shards::timeout(limits::ROUND_HANGS_AFTER, operation).await {
            Ok(outcome) => outcome.map_err(translate),
            Err(_) => Err(FileError::Failed {
                path: path.to_owned(),
                operation: "wait",
                message: format!("no answer for {} s", limits::ROUND_HANGS_AFTER.as_secs()),
            }),
        }
    }
    .boxed_local()
}

/// As [`io`], of what opens something: it is done again while no descriptor is left, which is no operation that hangs.
fn opening<'a, T, O>(path: &'a str, operation: impl Fn() -> O + 'a) -> Io<'a, T>
where
    T: 'a,
    O: Future<Output = Result<T, IoError>> + 'a,
{
    async move {
        loop {
            let attempt = async {
                match operation().await {
                    Err(IoError::NoDescriptor { .. }) => Ok(None),
                    outcome => outcome.map(Some),
                }
            };
            if let Some(done) = io(path, attempt).await? {
                return Ok(done);
            }
            shards::sleep(limits::NO_DESCRIPTOR_WAIT).await;
        }
    }
    .boxed_local()
}

impl Directory for RaftDirectory {
    fn path(&self) -> String {
        self.0.path()
    }

    fn list(&self) -> Io<'_, Vec<String>> {
        opening("", move || async move {
            let entries = self.0.list("").await?;
            Ok(entries.into_iter().filter(|entry| !entry.is_directory).map(|entry| entry.name).collect())
        })
    }

    fn open<'a>(&'a self, name: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>> {
        let mode = match mode {
            OpenMode::Existing => shards::OpenMode::Existing,
            OpenMode::CreateNew => shards::OpenMode::CreateNew,
        };
        opening(name, move || async move {
            let file = self.0.open_plain(name, mode).await?;
            Ok(Rc::new(RaftFile { file, path: name.to_owned() }) as Rc<dyn File>)
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()> {
        io(from, self.0.rename(from, to))
    }

    fn remove<'a>(&'a self, name: &'a str) -> Io<'a, ()> {
        io(name, self.0.remove_file(name))
    }

    fn sync(&self) -> Io<'_, ()> {
        opening("", || self.0.sync_directory(""))
    }
}

impl File for RaftFile {
    fn length(&self) -> Io<'_, u64> {
        io(&self.path, self.file.length())
    }

    fn read_at(&self, position: u64, length: usize) -> Io<'_, Bytes> {
        io(&self.path, async move { Ok(Bytes::from(self.file.read_at(position, length).await?)) })
    }

    fn write_at(&self, position: u64, content: Bytes) -> Io<'_, ()> {
        io(&self.path, self.file.write_at(position, content.to_vec()))
    }

    fn sync(&self) -> Io<'_, ()> {
        io(&self.path, self.file.sync_data())
    }

    fn set_length(&self, length: u64) -> Io<'_, ()> {
        io(&self.path, self.file.set_length(length))
    }
}

impl Clock for ShardClock {
    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        shards::sleep(duration).boxed_local()
    }
}

impl Peers for NoPeers {
    fn send(&self, to: u64, _frame: Bytes) {
        // The driver of a lone member sends nothing; a frame here means that the log names members that this version cannot reach.
        tracing::error!(to, "a raft message for another member, which this version cannot send");
    }
}
