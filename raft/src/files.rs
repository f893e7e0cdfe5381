//! What this crate asks of a disk: plain files at the root of one directory, through the page cache.
//!
//! Names have no `/`. Positions and lengths are in bytes. All futures belong to one shard and are not `Send`. Nothing is retried
//! on a file whose write or sync failed: what it holds is no longer known.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;

/// An operation under way. Dropping it does not cancel what was submitted to the kernel.
pub type Io<'a, T> = LocalBoxFuture<'a, Result<T, FileError>>;

/// Why an operation failed, with the file as the user knows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("{path}: not found")]
    NotFound { path: String },
    #[error("{path}: already exists")]
    AlreadyExists { path: String },
    #[error("{path}: no space left on the device")]
    NoSpace { path: String },
    #[error("{path}: {operation} failed: {message}")]
    Failed { path: String, operation: &'static str, message: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading and writing.
    Existing,
    /// A file that must not exist yet.
    CreateNew,
}

/// The directory that holds the metadata log (`metadata.log.dir`).
pub trait Directory {
    /// The path as the user wrote it, for messages.
    fn path(&self) -> String;
    /// Names of the plain files at the root of the directory, in any order.
    fn list(&self) -> Io<'_, Vec<String>>;
    fn open<'a>(&'a self, name: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>>;
    /// Replaces `to` if it exists.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()>;
    fn remove<'a>(&'a self, name: &'a str) -> Io<'a, ()>;
    /// Makes the names in the directory durable.
    fn sync(&self) -> Io<'_, ()>;
}

/// An open file. Dropping it closes it.
pub trait File {
    fn length(&self) -> Io<'_, u64>;
    /// The result is shorter than `length` only where the file ends.
    fn read_at(&self, position: u64, length: usize) -> Io<'_, Bytes>;
    /// Writes all of `content`, beyond the end too. A short write is a failure.
    fn write_at(&self, position: u64, content: Bytes) -> Io<'_, ()>;
    /// fdatasync: content and length.
    fn sync(&self) -> Io<'_, ()>;
    fn set_length(&self, length: u64) -> Io<'_, ()>;
}

/// A file is read in pieces of this size, so that one large file does not hold a ring's whole attention.
const READ_PIECE: usize = 1 << 20;

/// Reads a whole file of at most `limit` bytes.
pub(crate) async fn read_whole(file: &dyn File, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
    let length = file.length().await?;
    if length > limit {
        return Err(FileError::Failed {
            path: path.to_owned(),
            operation: "read",
            message: format!("{length} bytes are more than the {limit} that such a file can have"),
        });
    }
    let mut content = Vec::with_capacity(length as usize);
    while (content.len() as u64) < length {
        let wanted = READ_PIECE.min(length as usize - content.len());
        let piece = file.read_at(content.len() as u64, wanted).await?;
        if piece.is_empty() {
            return Err(FileError::Failed {
                path: path.to_owned(),
                operation: "read",
                message: format!("the file ends after {} of its {length} bytes", content.len()),
            });
        }
        content.extend_from_slice(&piece);
    }
    Ok(content)
}
