//! Operations under way, and what they do when they take effect.

use std::rc::Rc;
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use super::super::clock::Moment;
use super::super::random::Random;
use super::super::{ProcessId, World};
use super::faults::{FaultKind, Verb};
use super::file::{BLOCK, Mark, SECTOR};
use super::volume::{EFBIG, EIO, FileNumber, Volume, failed};
use super::workers::{RingId, Worker};
use crate::buffer::AlignedBuffer;
use crate::disk::{DirectoryEntry, IoError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub u64);

#[derive(Debug, Clone)]
pub enum Action {
    /// A direct write: what is written, and the buffer that it was given in.
    Write {
        file: FileNumber,
        position: u64,
        content: Bytes,
        given: Bytes,
    },
    WriteCached {
        file: FileNumber,
        position: u64,
        content: Bytes,
    },
    Read {
        file: FileNumber,
        position: u64,
        length: usize,
    },
    Sync {
        file: FileNumber,
    },
    Allocate {
        file: FileNumber,
        position: u64,
        length: u64,
    },
    SetLength {
        file: FileNumber,
        length: u64,
    },
    Extents {
        file: FileNumber,
        from: u64,
        to: u64,
    },
    Length {
        file: FileNumber,
    },
    Open {
        create: bool,
    },
    ReadSmall {
        limit: usize,
    },
    Exists,
    List,
    MakePath,
    MakeDirectory,
    RemoveDirectory,
    RemoveFile,
    Rename {
        to: String,
    },
    SyncDirectory,
    SyncFileSystem,
    Lock,
    FreeSpace,
}

#[derive(Debug)]
pub enum Answer {
    Nothing,
    Number(u64),
    Bytes(Bytes),
    Entries(Vec<DirectoryEntry>),
    Opened(FileNumber),
    Flag(bool),
}

/// A range of a file that an operation works on.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub operation: OperationId,
    pub start: u64,
    pub end: u64,
    pub structural: bool,
}

impl Claim {
    pub fn conflicts(&self, other: &Self) -> bool {
        self.structural && other.structural || self.start < other.end && other.start < self.end
    }
}

impl Action {
    pub fn verb(&self) -> Verb {
        match self {
            Self::Write { .. } | Self::WriteCached { .. } => Verb::Write,
            Self::Read { .. } | Self::ReadSmall { .. } => Verb::Read,
            Self::Sync { .. } => Verb::Sync,
            Self::Allocate { .. } => Verb::Allocate,
            Self::SetLength { .. } => Verb::SetLength,
            Self::Extents { .. } => Verb::Extents,
            Self::Length { .. } | Self::Exists => Verb::Length,
            Self::Open { .. } => Verb::Open,
            Self::List => Verb::List,
            Self::MakePath | Self::MakeDirectory => Verb::MakeDirectory,
            Self::RemoveDirectory => Verb::RemoveDirectory,
            Self::RemoveFile => Verb::RemoveFile,
            Self::Rename { .. } => Verb::Rename,
            Self::SyncDirectory => Verb::SyncDirectory,
            Self::SyncFileSystem => Verb::SyncFileSystem,
            Self::Lock => Verb::Lock,
            Self::FreeSpace => Verb::FreeSpace,
        }
    }

    pub fn file(&self) -> Option<FileNumber> {
        match self {
            Self::Write { file, .. }
            | Self::WriteCached { file, .. }
            | Self::Read { file, .. }
            | Self::Sync { file }
            | Self::Allocate { file, .. }
            | Self::SetLength { file, .. }
            | Self::Extents { file, .. }
            | Self::Length { file } => Some(*file),
            _ => None,
        }
    }

    /// Position and length, where there are any.
    pub fn range(&self) -> (u64, u64) {
        match self {
            Self::Write { position, content, .. } | Self::WriteCached { position, content, .. } => {
                (*position, content.len() as u64)
            }
            Self::Read { position, length, .. } => (*position, *length as u64),
            Self::Allocate { position, length, .. } => (*position, *length),
            Self::SetLength { length, .. } => (*length, 0),
            Self::Extents { from, to, .. } => (*from, to.saturating_sub(*from)),
            _ => (0, 0),
        }
    }

    /// What nothing else may touch meanwhile.
    pub fn claim(&self, operation: OperationId, volume: &Volume) -> Option<(FileNumber, Claim)> {
        let (position, length) = self.range();
        let claim = |start, end, structural| Claim { operation, start, end, structural };
        match self {
            Self::Write { file, .. } | Self::WriteCached { file, .. } => {
                Some((*file, claim(position, position + length, false)))
            }
            Self::Allocate { file, .. } => {
                Some((*file, claim(position, position.saturating_add(length), true)))
            }
            Self::SetLength { file, length } => {
                let now = volume.body(*file).map_or(0, super::file::FileBody::length);
                Some((*file, claim(now.min(*length), u64::MAX, true)))
            }
            _ => None,
        }
    }

    /// Whether it changes what the disk holds.
    pub fn changes(&self) -> bool {
        match self {
            Self::Write { .. }
            | Self::WriteCached { .. }
            | Self::Sync { .. }
            | Self::Allocate { .. }
            | Self::SetLength { .. }
            | Self::MakePath
            | Self::MakeDirectory
            | Self::RemoveDirectory
            | Self::RemoveFile
            | Self::Rename { .. }
            | Self::SyncDirectory
            | Self::SyncFileSystem => true,
            Self::Open { create } => *create,
            _ => false,
        }
    }
}

#[derive(Debug)]
pub struct Operation {
    pub process: ProcessId,
    pub volume: usize,
    /// Below the volume's root.
    pub path: Rc<str>,
    pub action: Action,
    /// What was visible on the volume when it was submitted.
    pub submitted: Mark,
    /// The length that its file had then.
    pub length_before: u64,
    pub fault: Option<FaultKind>,
    pub ring: RingId,
    pub worker: Worker,
    /// How long it takes once it is under way; `None` is for ever.
    pub duration: Option<u64>,
    /// Its entry on the agenda; none if it hangs for ever, waits for a worker, or has taken effect.
    pub moment: Option<Moment>,
    pub outcome: Option<Result<Answer, IoError>>,
    pub waker: Option<Waker>,
    /// Nobody waits for it any more.
    pub abandoned: bool,
}

/// What else an operation sees when it takes effect.
pub struct Surroundings<'a> {
    pub random: &'a Random,
    /// Other direct writes to the same file that are under way.
    pub writes: Vec<(u64, Bytes)>,
    /// Whether the directory's lock can be taken.
    pub lock_is_free: bool,
}

impl Operation {
    pub fn perform(&self, volume: &mut Volume, around: &Surroundings<'_>) -> Result<Answer, IoError> {
        match self.fault {
            None | Some(FaultKind::Hang(_)) => self.act(volume, around),
            Some(FaultKind::Error(errno)) => {
                self.fail_in_part(volume, around.random);
                Err(self.error(errno, "injected error"))
            }
            Some(FaultKind::NoSpace) => Err(IoError::NoSpace { path: self.path.to_string() }),
            Some(FaultKind::Lost) => match self.action {
                Action::Write { .. } | Action::WriteCached { .. } | Action::Sync { .. } => {
                    Ok(Answer::Nothing)
                }
                _ => self.act(volume, around),
            },
            Some(FaultKind::BitFlip) => self.act_with_flip(volume, around),
            Some(FaultKind::Short) => self.act_short(volume, around),
        }
    }

    fn error(&self, errno: i32, message: &str) -> IoError {
        let path = self.path.to_string();
        match errno {
            2 => IoError::NotFound { path },
            13 => IoError::PermissionDenied { path },
            17 => IoError::AlreadyExists { path },
            24 => IoError::NoDescriptor { path },
            28 => IoError::NoSpace { path },
            _ => failed(&path, self.action.verb().name(), errno, message),
        }
    }

    /// Of a write that failed anything may have landed; a sync that failed leaves pages that are taken for clean.
    fn fail_in_part(&self, volume: &mut Volume, random: &Random) {
        match &self.action {
            Action::Write { file, position, content, .. } => {
                volume.write_in_part(*file, *position, content, |_| random.coin());
            }
            Action::Sync { file } => volume.sync_failed(*file, self.submitted),
            _ => {}
        }
    }

    fn act_short(&self, volume: &mut Volume, around: &Surroundings<'_>) -> Result<Answer, IoError> {
        match &self.action {
            Action::Write { file, position, content, .. } => {
                let blocks = around.random.below(content.len() as u64 / BLOCK);
                volume.write_in_part(*file, *position, content, |index| index < blocks);
                Err(self.error(EIO, &format!("short write: {} of {} bytes", blocks * BLOCK, content.len())))
            }
            Action::WriteCached { file, position, content } if content.len() > 1 => {
                let count = around.random.below(content.len() as u64) as usize;
                volume.write_cached(*file, &self.path, *position, &content[..count])?;
                Err(self.error(EIO, &format!("short write: {count} of {} bytes", content.len())))
            }
            Action::Read { length, .. } => {
                let count = around.random.below(*length as u64 + 1);
                Err(self.error(EIO, &format!("short read: {count} of {length} bytes")))
            }
            _ => self.act(volume, around),
        }
    }

    fn act_with_flip(&self, volume: &mut Volume, around: &Surroundings<'_>) -> Result<Answer, IoError> {
        let flip = |bytes: &Bytes| {
            let mut flipped = BytesMut::from(&bytes[..]);
            let at = around.random.below(bytes.len() as u64) as usize;
            flipped[at] ^= 1 << around.random.below(8);
            flipped.freeze()
        };
        match &self.action {
            Action::Write { file, position, content, .. } => {
                volume.write_direct(*file, &self.path, *position, &flip(content))?;
                Ok(Answer::Nothing)
            }
            Action::WriteCached { file, position, content } if !content.is_empty() => {
                volume.write_cached(*file, &self.path, *position, &flip(content))?;
                Ok(Answer::Nothing)
            }
            _ => match self.act(volume, around)? {
                Answer::Bytes(bytes) if !bytes.is_empty() => Ok(Answer::Bytes(flip(&bytes))),
                answer => Ok(answer),
            },
        }
    }

    fn act(&self, volume: &mut Volume, around: &Surroundings<'_>) -> Result<Answer, IoError> {
        let path = &*self.path;
        match &self.action {
            Action::Write { file, position, content, .. } => {
                volume.write_direct(*file, path, *position, content)?;
            }
            Action::WriteCached { file, position, content } => {
                volume.write_cached(*file, path, *position, content)?;
            }
            Action::Sync { file } => volume.sync_file(*file, self.submitted),
            Action::Allocate { file, position, length } => {
                volume.allocate(*file, path, *position, *length)?;
            }
            Action::SetLength { file, length } => volume.set_length(*file, *length),
            Action::MakePath => make_path(volume, path)?,
            Action::MakeDirectory => volume.make_directory(path)?,
            Action::RemoveDirectory => volume.remove_directory(path)?,
            Action::RemoveFile => volume.remove_file(path)?,
            Action::Rename { to } => volume.rename(path, to)?,
            Action::SyncDirectory => volume.sync_directory(path, self.submitted)?,
            Action::SyncFileSystem => volume.sync_everything(self.submitted),
            Action::Lock if !around.lock_is_free => return Err(IoError::Locked { path: path.to_owned() }),
            Action::Lock => {}
            Action::Read { file, position, length } => {
                return Ok(Answer::Bytes(self.read(volume, *file, *position, *length, around)));
            }
            Action::ReadSmall { limit } => {
                return read_small(volume, path, *limit, around).map(Answer::Bytes);
            }
            Action::Extents { file, from, to } => {
                return Ok(Answer::Number(
                    volume.body(*file).map_or(*from, |body| body.written_until(*from, *to)),
                ));
            }
            Action::Length { file } => {
                return Ok(Answer::Number(volume.body(*file).map_or(0, super::file::FileBody::length)));
            }
            Action::Open { create } => {
                let file = if *create { volume.create_file(path)? } else { volume.find(path)? };
                volume.open(file, path)?;
                return Ok(Answer::Opened(file));
            }
            Action::Exists => return exists(volume, path).map(Answer::Flag),
            Action::List => return volume.list(path).map(Answer::Entries),
            Action::FreeSpace => return Ok(Answer::Number(volume.free_blocks() * BLOCK)),
        }
        Ok(Answer::Nothing)
    }

    /// Of a file that has grown since, it may still see no more than there was. Nothing waits for it to be found out: whoever reads is told
    /// that the file ends there.
    fn read(
        &self,
        volume: &Volume,
        file: FileNumber,
        position: u64,
        length: usize,
        around: &Surroundings<'_>,
    ) -> Bytes {
        let now = volume.body(file).map_or(0, super::file::FileBody::length);
        let is_cut =
            self.length_before < now.min(position.saturating_add(length as u64)) && around.random.coin();
        let length = if is_cut { self.length_before.saturating_sub(position) as usize } else { length };
        read(volume, file, position, length, around)
    }

    /// What was under way when the power went has reached the device whole, in part or not at all.
    pub fn land_in_part(&self, volume: &mut Volume, random: &Random) {
        let around = Surroundings { random, writes: Vec::new(), lock_is_free: false };
        match &self.action {
            Action::Sync { .. } | Action::SyncDirectory | Action::SyncFileSystem => {}
            Action::Write { file, position, content, .. } if random.coin() => {
                volume.write_in_part(*file, *position, content, |_| random.coin());
            }
            // Its outcome is seen by nobody.
            _ if random.coin() => drop(self.perform(volume, &around)),
            _ => {}
        }
    }

    /// The buffer of a write must not have changed since it was submitted.
    pub fn check_buffer(&self, world: &World) {
        if let Action::Write { position, content, given, .. } = &self.action
            && content != given
        {
            world.violation(format!(
                "{}: the buffer of a write at {position} changed before it completed",
                self.path
            ));
        }
    }
}

fn exists(volume: &Volume, path: &str) -> Result<bool, IoError> {
    match volume.find(path) {
        Ok(_) => Ok(true),
        Err(IoError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn make_path(volume: &mut Volume, path: &str) -> Result<(), IoError> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    for end in ends.filter(|end| *end > 0) {
        if !exists(volume, &path[..end])? {
            volume.make_directory(&path[..end])?;
        }
    }
    Ok(())
}

fn read_small(
    volume: &Volume,
    path: &str,
    limit: usize,
    around: &Surroundings<'_>,
) -> Result<Bytes, IoError> {
    let file = volume.find(path)?;
    let Some(body) = volume.body(file) else {
        return Err(failed(path, "read", super::volume::EISDIR, "is a directory"));
    };
    if body.length() > limit as u64 {
        return Err(failed(path, "read", EFBIG, &format!("longer than {limit} bytes")));
    }
    Ok(read(volume, file, 0, body.length() as usize, around))
}

/// What a read sees. Of a write that is under way, each sector may be there or not.
fn read(volume: &Volume, file: FileNumber, position: u64, length: usize, around: &Surroundings<'_>) -> Bytes {
    let Some(body) = volume.body(file) else { return Bytes::new() };
    let length = body.length().saturating_sub(position).min(length as u64) as usize;
    if length == 0 {
        return Bytes::new();
    }
    let first = position / BLOCK;
    let last = (position + length as u64).div_ceil(BLOCK);
    let mut buffer = AlignedBuffer::take((last - first) as usize * BLOCK as usize);
    let bytes = buffer.bytes_mut();
    for block in first..last {
        let at = ((block - first) * BLOCK) as usize;
        bytes[at..at + BLOCK as usize].copy_from_slice(&body.seen_block(block));
    }
    for (start, content) in &around.writes {
        for sector in (0..content.len()).step_by(SECTOR) {
            let at = start + sector as u64;
            if at >= first * BLOCK && at + SECTOR as u64 <= last * BLOCK && around.random.coin() {
                let at = (at - first * BLOCK) as usize;
                bytes[at..at + SECTOR].copy_from_slice(&content[sector..sector + SECTOR]);
            }
        }
    }
    let skip = (position - first * BLOCK) as usize;
    buffer.seal().slice(skip..skip + length)
}
