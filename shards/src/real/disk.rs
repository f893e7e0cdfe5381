//! Directories and files of the real machine.
//!
//! Reads, writes, reservations and syncs go through the shard's ring. What the ring cannot do without a kernel thread of its own
//! anyway (names, extent maps, the sync of a whole file system) runs on the blocking threads of the directory's device.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use io_uring::{opcode, squeue, types};

use super::blocking::{Resource, blocking};
use super::descriptors;
use super::executor;
use super::filesystem::{self, Nature};
use super::ring::fd;
use super::ring::{self, Memory};
use crate::buffer::AlignedBuffer;
use crate::disk::{BLOCK, DirectoryEntry, Flushing, IoError, OpenMode};
use crate::gate::{Blocking, Gates, Permit};
use crate::{machine, runtime};

/// Kafka's lock file.
const LOCK_FILE: &str = ".lock";

/// Locks that this process holds, by the canonical path of their directory.
static LOCKS: Mutex<Vec<(PathBuf, Weak<OwnedFd>)>> = Mutex::new(Vec::new());

#[derive(Clone)]
pub(crate) struct RealDirectory(Rc<Inner>);

struct Inner {
    as_written: String,
    root: PathBuf,
    /// `st_dev` of the directory: where a file has another, one flush does not reach it.
    device: u64,
    nature: Nature,
    lock: RefCell<Option<Arc<OwnedFd>>>,
}

fn io_error(path: &str, operation: &'static str, error: &io::Error) -> IoError {
    let path = path.to_owned();
    match error.raw_os_error() {
        Some(libc::ENOENT) => IoError::NotFound { path },
        Some(libc::EEXIST) => IoError::AlreadyExists { path },
        Some(libc::ENOSPC | libc::EDQUOT) => IoError::NoSpace { path },
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => IoError::PermissionDenied { path },
        Some(libc::EMFILE | libc::ENFILE) => IoError::NoDescriptor { path },
        errno => {
            let own = if error.kind() == io::ErrorKind::FileTooLarge { libc::EFBIG } else { 0 };
            IoError::Failed { path, operation, errno: errno.unwrap_or(own), message: error.to_string() }
        }
    }
}

impl RealDirectory {
    pub(crate) async fn open(path: &str) -> Result<Self, IoError> {
        let as_written = path.to_owned();
        let opened = blocking(Resource::Paths, {
            let path = path.to_owned();
            move || -> io::Result<(PathBuf, u64, Nature)> {
                fs::create_dir_all(&path)?;
                let root = fs::canonicalize(&path)?;
                let metadata = fs::metadata(&root)?;
                if !metadata.is_dir() {
                    return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
                }
                let nature = filesystem::nature(&root)?;
                Ok((root, metadata.dev(), nature))
            }
        });
        let (root, device, nature) = opened.await.map_err(|error| io_error(path, "open", &error))?;
        let lock = RefCell::new(None);
        Ok(Self(Rc::new(Inner { as_written, root, device, nature, lock })))
    }

    pub(crate) fn path(&self) -> String {
        self.0.as_written.clone()
    }

    pub(crate) fn root(&self) -> String {
        self.0.root.display().to_string()
    }

    pub(crate) fn flushing(&self) -> Flushing {
        self.0.nature.flushing.clone()
    }

    pub(crate) fn can_share_extents(&self) -> bool {
        self.0.nature.can_share_extents
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.0.nature.warnings.clone()
    }

    fn resource(&self) -> Resource {
        Resource::Device(self.0.device)
    }

    /// Runs `work` with the absolute path of `path` on a blocking thread.
    async fn at<T: Send + 'static>(
        &self,
        path: &str,
        operation: &'static str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, IoError> {
        let absolute = self.0.root.join(path);
        let full = || if path.is_empty() { self.path() } else { format!("{}/{path}", self.0.as_written) };
        let done = blocking(self.resource(), move || work(&absolute)).await;
        done.map_err(|error| {
            descriptors::take_notice(&error);
            io_error(&full(), operation, &error)
        })
    }

    pub(crate) async fn lock(&self) -> Result<(), IoError> {
        let root = self.0.root.clone();
        let taken = self.at(LOCK_FILE, "lock", move |path| take_lock(&root, path)).await;
        let lock = taken.map_err(|error| match error {
            IoError::Failed { path, errno: libc::EAGAIN, .. } => IoError::Locked { path },
            other => other,
        })?;
        executor::current().ring().pin(&lock).map_err(|error| io_error(LOCK_FILE, "lock", &error))?;
        self.0.lock.replace(Some(lock));
        Ok(())
    }

    pub(crate) async fn list(&self, path: &str) -> Result<Vec<DirectoryEntry>, IoError> {
        self.at(path, "list", |path| {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                entries.push(DirectoryEntry { name, is_directory: entry.file_type()?.is_dir() });
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
        .await
    }

    pub(crate) async fn make_directory(&self, path: &str) -> Result<(), IoError> {
        self.at(path, "mkdir", |path| fs::create_dir(path)).await
    }

    pub(crate) async fn remove_directory(&self, path: &str) -> Result<(), IoError> {
        self.at(path, "rmdir", |path| fs::remove_dir(path)).await
    }

    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        let to = self.0.root.join(to);
        self.at(from, "rename", move |from| fs::rename(from, to)).await
    }

    pub(crate) async fn remove_file(&self, path: &str) -> Result<(), IoError> {
        self.at(path, "unlink", |path| fs::remove_file(path)).await
    }

    pub(crate) async fn sync_directory(&self, path: &str) -> Result<(), IoError> {
        self.at(path, "fsync", |path| fs::File::open(path)?.sync_all()).await
    }

    pub(crate) async fn sync_file_system(&self) -> Result<(), IoError> {
        self.at("", "syncfs", |path| {
            let directory = fs::File::open(path)?;
            // SAFETY: no memory is passed.
            if unsafe { libc::syncfs(directory.as_raw_fd()) } != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn open_file(&self, path: &str, mode: OpenMode) -> Result<RealFile, IoError> {
        let device = self.0.device;
        let shared = self.0.nature.flushing == Flushing::Shared;
        let (file, direct, number) = self
            .at(path, "open", move |path| {
                let (file, direct) = match open(path, mode, libc::O_DIRECT) {
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                        // Some file systems make the name before they find that they cannot.
                        (open(path, OpenMode::Existing, 0).or_else(|_| open(path, mode, 0))?, false)
                    }
                    opened => (opened?, true),
                };
                let file = keep_open(file, path, mode)?;
                let metadata = file.metadata()?;
                if shared {
                    check_shared(&file, &metadata, direct, device)?;
                }
                Ok((file, direct, number_of(&metadata)))
            })
            .await?;
        let name = format!("{}/{path}", self.0.as_written);
        let handle = Handle::new(file, name, self.resource());
        Ok(RealFile { handle, direct, asks: Cell::new(direct), number })
    }

    pub(crate) async fn open_plain(&self, path: &str, mode: OpenMode) -> Result<RealPlainFile, IoError> {
        let open = move |path: &Path| keep_open(open(path, mode, 0)?, path, mode);
        let file = self.at(path, "open", open).await?;
        let name = format!("{}/{path}", self.0.as_written);
        Ok(RealPlainFile { handle: Handle::new(file, name, self.resource()) })
    }

    pub(crate) async fn read_small(&self, path: &str, limit: usize) -> Result<Vec<u8>, IoError> {
        self.at(path, "read", move |path| {
            let file = fs::File::open(path)?;
            let too_long =
                || io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes"));
            if file.metadata()?.len() > limit as u64 {
                return Err(too_long());
            }
            let mut content = Vec::new();
            file.take(limit as u64 + 1).read_to_end(&mut content)?;
            if content.len() > limit {
                return Err(too_long());
            }
            Ok(content)
        })
        .await
    }

    pub(crate) async fn write_small(&self, path: &str, content: Vec<u8>) -> Result<(), IoError> {
        self.at(path, "write", move |path| {
            let mut beside = path.as_os_str().to_owned();
            beside.push(".tmp");
            let mut file = fs::File::create(&beside)?;
            file.write_all(&content)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            let parent = path.parent().ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?;
            fs::File::open(parent)?.sync_all()
        })
        .await
    }

    pub(crate) async fn exists(&self, path: &str) -> Result<bool, IoError> {
        self.at(path, "stat", |path| match fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    pub(crate) async fn free_space(&self) -> Result<u64, IoError> {
        self.at("", "statvfs", filesystem::free_space).await
    }
}

fn open(path: &Path, mode: OpenMode, flags: i32) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(mode == OpenMode::CreateNew)
        .custom_flags(flags)
        .open(path)
}

/// Opened a moment ago. If it cannot stay open for want of descriptors, its name goes too if it is new: it is tried again.
fn keep_open(file: fs::File, path: &Path, mode: OpenMode) -> io::Result<fs::File> {
    let kept = descriptors::stays_open(file);
    if kept.is_err() && mode == OpenMode::CreateNew {
        fs::remove_file(path)?;
    }
    kept
}

fn number_of(metadata: &fs::Metadata) -> u64 {
    metadata.ino() ^ metadata.dev().rotate_right(16)
}

/// Whether the flush of another file of the directory may stand for this one: some have attributes of their own.
fn check_shared(file: &fs::File, metadata: &fs::Metadata, direct: bool, device: u64) -> io::Result<()> {
    if metadata.dev() != device {
        return Err(io::Error::other("on another file system than the directory it is in"));
    }
    if !direct || !filesystem::is_direct(file)? {
        return Err(io::Error::other(
            "it would be written through the page cache, unlike the directory it is in: take its attribute away (`chattr -j`; encrypted, \
             inline and verity files are no better)",
        ));
    }
    Ok(())
}

/// The process's lock of the directory `root`, taken if it has none.
fn take_lock(root: &Path, path: &Path) -> io::Result<Arc<OwnedFd>> {
    // Outside of the lock of all directories: this may hang. The locks of a file's other descriptors do not end with this one.
    let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut locks = runtime::lock(&LOCKS);
    locks.retain(|(_, lock)| lock.strong_count() > 0);
    if let Some(lock) = locks.iter().find(|(held, _)| held == root).and_then(|(_, lock)| lock.upgrade()) {
        return Ok(lock);
    }
    // SAFETY: all-zero bytes are a valid value of this plain structure: the whole file, from its start.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = libc::F_WRLCK as libc::c_short;
    // SAFETY: `request` is valid for reading.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) } != 0 {
        let error = io::Error::last_os_error();
        // POSIX allows either for "somebody else has it".
        return Err(match error.raw_os_error() {
            Some(libc::EACCES) => io::Error::from_raw_os_error(libc::EAGAIN),
            _ => error,
        });
    }
    let lock = Arc::new(OwnedFd::from(file));
    locks.push((root.to_owned(), Arc::downgrade(&lock)));
    Ok(lock)
}

/// An open descriptor and its name for messages.
struct Handle {
    file: Option<Arc<OwnedFd>>,
    path: String,
    resource: Resource,
    gates: Rc<Gates>,
}

impl Handle {
    fn new(file: fs::File, path: String, resource: Resource) -> Self {
        let gates = executor::current().ring().gates(resource);
        Self { file: Some(Arc::new(OwnedFd::from(file))), path, resource, gates }
    }

    fn file(&self) -> &Arc<OwnedFd> {
        self.file.as_ref().expect("taken out only in drop")
    }

    fn failed(&self, operation: &'static str, result: i32) -> IoError {
        io_error(&self.path, operation, &io::Error::from_raw_os_error(-result))
    }

    fn length(&self) -> Result<u64, IoError> {
        stat(self.file())
            .map(|stat| stat.st_size as u64)
            .map_err(|error| io_error(&self.path, "stat", &error))
    }

    /// Waits until the device may keep one more of the kernel's workers.
    async fn worker(&self, what: Blocking) -> Permit {
        self.gates.enter(what).await
    }

    async fn sync_data(&self) -> Result<(), IoError> {
        let permit = self.worker(Blocking::Sync).await;
        let entry = opcode::Fsync::new(fd(self.file())).flags(types::FsyncFlags::DATASYNC).build();
        let (result, _) = ring::start(entry, self.file(), Memory::None, Some(permit)).await;
        if result < 0 { Err(self.failed("fdatasync", result)) } else { Ok(()) }
    }

    async fn allocate(&self, position: u64, length: u64) -> Result<(), IoError> {
        let permit = self.worker(Blocking::Allocation).await;
        let entry = opcode::Fallocate::new(fd(self.file()), length).offset(position).build();
        let (result, _) = ring::start(entry, self.file(), Memory::None, Some(permit)).await;
        if result < 0 { Err(self.failed("fallocate", result)) } else { Ok(()) }
    }

    /// Runs `work` on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&OwnedFd) -> io::Result<T> + Send + 'static,
    ) -> Result<T, IoError> {
        // Keeps it open, whatever becomes of who waits.
        let own = self.file().clone();
        let done = blocking(self.resource, move || work(&own)).await;
        done.map_err(|error| io_error(&self.path, operation, &error))
    }

    async fn set_length(&self, length: u64) -> Result<(), IoError> {
        self.blocking("ftruncate", move |file| {
            // SAFETY: no memory is passed.
            if unsafe { libc::ftruncate(file.as_raw_fd(), length as libc::off_t) } != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        })
        .await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        // The last close of an unlinked file frees its extents, which takes long for a large one.
        let unlinked = stat(&file).is_ok_and(|stat| stat.st_nlink == 0);
        if unlinked
            && machine::is_real()
            && let Some(file) = Arc::into_inner(file)
        {
            executor::spawn_internal(blocking(self.resource, move || drop(file))).detach();
        }
    }
}

fn stat(file: &OwnedFd) -> io::Result<libc::stat> {
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `stat` is valid for writing.
    if unsafe { libc::fstat(file.as_raw_fd(), &raw mut stat) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(stat)
}

pub(crate) struct RealFile {
    handle: Handle,
    direct: bool,
    /// Whether the kernel can be asked to do it at once or not at all.
    asks: Cell<bool>,
    number: u64,
}

impl RealFile {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    // Asks only memory, but a simulated disk may take its time.
    #[expect(clippy::unused_async, reason = "the same signature on both machines")]
    pub(crate) async fn length(&self) -> Result<u64, IoError> {
        self.handle.length()
    }

    pub(crate) async fn write(&self, position: u64, content: Bytes) -> Result<(), IoError> {
        let (start, length) = (content.as_ptr(), content.len());
        assert!(
            position.is_multiple_of(BLOCK as u64)
                && length.is_multiple_of(BLOCK)
                && (start as usize).is_multiple_of(BLOCK),
            "{}: a direct write of {length} bytes at {position} from {start:p} is not aligned",
            self.handle.path,
        );
        let result = self.write_some(position, content.clone()).await;
        if result < 0 {
            return Err(self.handle.failed("write", result));
        }
        let written = result as usize;
        if written == length {
            return Ok(());
        }
        // It has failed, but the kernel says why only to whoever goes on from there. What was written is not
        // written again, unless it was to be done at once (`transfer`).
        if written > 0 && written.is_multiple_of(BLOCK) {
            let result = self.write_some(position + written as u64, content.slice(written..)).await;
            if result < 0 {
                return Err(self.handle.failed("write", result));
            }
        }
        Err(IoError::Failed {
            path: self.handle.path.clone(),
            operation: "write",
            errno: libc::EIO,
            message: format!("{written} bytes of {length} were written"),
        })
    }

    /// One direct write: the number of bytes that were written, or an error number, negative.
    async fn write_some(&self, position: u64, content: Bytes) -> i32 {
        let (start, length) = (content.as_ptr(), content.len() as u32);
        let entry = |flags| {
            let write = opcode::Write::new(fd(self.handle.file()), start, length);
            write.offset(position).rw_flags(flags).build()
        };
        self.transfer(Blocking::Write, entry, length as i32, Memory::Content(content)).await.0
    }

    /// One read or write, which the kernel first does at once or not at all. Only what would wait is given to a worker, as the kernel would by
    /// itself, but counted: this is told by nothing else, because a device that hangs makes any operation wait once its queue is full. So what
    /// does not wait costs nothing, and what waits once more coming back here.
    async fn transfer(
        &self,
        what: Blocking,
        entry: impl Fn(i32) -> squeue::Entry,
        length: i32,
        mut memory: Memory,
    ) -> (i32, Memory) {
        let mut asks = self.asks.get();
        loop {
            let (permit, entry) = if asks {
                (None, entry(libc::RWF_NOWAIT))
            } else {
                (Some(self.handle.worker(what).await), entry(0))
            };
            let result;
            (result, memory) = ring::start(entry, self.handle.file(), memory, permit).await;
            if !asks || !self.would_wait(what, result, length) {
                return (result, memory);
            }
            asks = false;
        }
    }

    /// Whether what was asked to be done at once was not, or, of a write, not wholly.
    fn would_wait(&self, what: Blocking, result: i32, length: i32) -> bool {
        if result == -libc::EOPNOTSUPP {
            self.asks.set(false);
        }
        matches!(-result, libc::EAGAIN | libc::EOPNOTSUPP)
            || what == Blocking::Write && (0..length).contains(&result)
    }

    pub(crate) async fn read(&self, position: u64, length: usize) -> Result<Bytes, IoError> {
        assert!(
            position.is_multiple_of(BLOCK as u64) && length.is_multiple_of(BLOCK),
            "{}: a direct read of {length} bytes at {position} is not aligned",
            self.handle.path,
        );
        let mut buffer = AlignedBuffer::take(length);
        let mut filled = 0;
        while filled < length {
            let got;
            (got, buffer) = self.read_into(buffer, position, filled, length).await?;
            if got == 0 {
                break;
            }
            filled += got;
            if self.direct && got % BLOCK != 0 {
                self.check_end(position + filled as u64).await?;
                break;
            }
        }
        buffer.truncate(filled);
        Ok(buffer.seal())
    }

    async fn read_into(
        &self,
        mut buffer: AlignedBuffer,
        position: u64,
        filled: usize,
        length: usize,
    ) -> Result<(usize, AlignedBuffer), IoError> {
        let rest = &mut buffer.bytes_mut()[filled..length];
        let (start, rest) = (rest.as_mut_ptr(), rest.len() as u32);
        let entry = |flags| {
            let read = opcode::Read::new(fd(self.handle.file()), start, rest);
            read.offset(position + filled as u64).rw_flags(flags).build()
        };
        let (result, memory) =
            self.transfer(Blocking::Read, entry, rest as i32, Memory::Buffer(buffer)).await;
        let Memory::Buffer(buffer) = memory else { panic!("an operation gives its own memory back") };
        if result < 0 { Err(self.handle.failed("read", result)) } else { Ok((result as usize, buffer)) }
    }

    /// A direct read that ended within a block has met the end of the file, or the disk has failed. The end is where it was when the read was
    /// submitted: a file that has grown since can be read further.
    async fn check_end(&self, reached: u64) -> Result<(), IoError> {
        let end = self.handle.length()?;
        if reached >= end {
            return Ok(());
        }
        let block = reached / BLOCK as u64 * BLOCK as u64;
        let (got, _) = self.read_into(AlignedBuffer::take(BLOCK), block, 0, BLOCK).await?;
        // It may as well have been cut meanwhile.
        if block + got as u64 > reached || reached >= self.handle.length()? {
            return Ok(());
        }
        Err(IoError::Failed {
            path: self.handle.path.clone(),
            operation: "read",
            errno: libc::EIO,
            message: format!("reading stopped at {reached} in a file of {end} bytes"),
        })
    }

    pub(crate) async fn sync_data(&self) -> Result<(), IoError> {
        self.handle.sync_data().await
    }

    pub(crate) async fn allocate(&self, position: u64, length: u64) -> Result<(), IoError> {
        self.handle.allocate(position, length).await
    }

    pub(crate) async fn prepared_until(&self, from: u64, to: u64) -> Result<u64, IoError> {
        self.handle.blocking("fiemap", move |file| filesystem::prepared_until(file, from, to)).await
    }

    pub(crate) async fn set_length(&self, length: u64) -> Result<(), IoError> {
        self.handle.set_length(length).await
    }
}

pub(crate) struct RealPlainFile {
    handle: Handle,
}

impl RealPlainFile {
    // Asks only memory, but a simulated disk may take its time.
    #[expect(clippy::unused_async, reason = "the same signature on both machines")]
    pub(crate) async fn length(&self) -> Result<u64, IoError> {
        self.handle.length()
    }

    pub(crate) async fn read_at(&self, position: u64, length: usize) -> Result<Vec<u8>, IoError> {
        // No more memory than the file can fill.
        let there = self.handle.length()?.saturating_sub(position).min(length as u64) as usize;
        let mut content = vec![0; there];
        let mut filled = 0;
        while filled < there {
            let permit = self.handle.worker(Blocking::Read).await;
            let rest = &mut content[filled..];
            let entry = opcode::Read::new(fd(self.handle.file()), rest.as_mut_ptr(), rest.len() as u32)
                .offset(position + filled as u64)
                .build();
            let (result, memory) =
                ring::start(entry, self.handle.file(), Memory::Plain(content), Some(permit)).await;
            let Memory::Plain(back) = memory else { panic!("an operation gives its own memory back") };
            content = back;
            match result {
                0 => break,
                result if result < 0 => return Err(self.handle.failed("read", result)),
                result => filled += result as usize,
            }
        }
        content.truncate(filled);
        Ok(content)
    }

    pub(crate) async fn write_at(&self, position: u64, mut content: Vec<u8>) -> Result<(), IoError> {
        let mut written = 0;
        while written < content.len() {
            let permit = self.handle.worker(Blocking::Write).await;
            let rest = &content[written..];
            let entry = opcode::Write::new(fd(self.handle.file()), rest.as_ptr(), rest.len() as u32)
                .offset(position + written as u64)
                .build();
            let (result, memory) =
                ring::start(entry, self.handle.file(), Memory::Plain(content), Some(permit)).await;
            let Memory::Plain(back) = memory else { panic!("an operation gives its own memory back") };
            content = back;
            if result <= 0 {
                // Nothing written and no error is as bad as an error.
                return Err(self.handle.failed("write", if result == 0 { -libc::EIO } else { result }));
            }
            written += result as usize;
        }
        Ok(())
    }

    pub(crate) async fn sync_data(&self) -> Result<(), IoError> {
        self.handle.sync_data().await
    }

    pub(crate) async fn set_length(&self, length: u64) -> Result<(), IoError> {
        self.handle.set_length(length).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_goes_through_the_page_cache_has_no_share_in_a_flush() {
        let check = |path: &Path, direct| {
            let file = fs::File::open(path).unwrap();
            let metadata = file.metadata().unwrap();
            check_shared(&file, &metadata, direct, metadata.dev())
        };
        let cached = check(Path::new("/proc/version"), true).unwrap_err();
        assert!(cached.to_string().contains("page cache"), "{cached}");
        let own = std::env::current_exe().unwrap();
        let root = own.parent().unwrap();
        if filesystem::nature(root).unwrap().flushing == Flushing::Shared {
            check(&own, true).unwrap();
            assert!(check(&own, false).is_err(), "O_DIRECT was refused");
            let elsewhere = check_shared(
                &fs::File::open(&own).unwrap(),
                &fs::metadata(&own).unwrap(),
                true,
                fs::metadata("/proc").unwrap().dev(),
            );
            assert!(elsewhere.unwrap_err().to_string().contains("another file system"));
        }
    }
}
