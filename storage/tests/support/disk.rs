//! A disk in memory that forgets.
//!
//! Of a file, `synced` is what a power loss leaves; `cached` are blocks written since, in order. A sync of any file flushes the device:
//! it makes durable every cached block that overwrites a block whose extent was written and synced before, in every file, and all
//! blocks, the extents and the length of the synced file itself. Names are durable once their directory was synced. At a power loss the
//! seed decides for every cached sector, and for every unsynced change of a name, whether it survives; a write that was under way counts
//! as cached. A name stands in a directory, not at a path: what was removed from a directory that was renamed since can come back
//! only in that directory. Where each file must be synced by itself (`per_file`), a sync stands for the synced file only.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use logan_storage::disk::{
    BLOCK, Buffer, Directory, DirectoryEntry, DiskError, File, Flushing, Host, Io, OpenMode,
};
use logan_storage::flights::Flights;
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};

use super::freeing::Freeing;
use super::runtime::{Runtime, TestHost};

mod crashes;
mod names;

pub use crashes::{Changes, Crash};

const SECTOR: usize = 512;

#[derive(Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    synced_extents: BTreeSet<u64>,
    /// What readers see.
    now: Vec<u8>,
    extents: BTreeSet<u64>,
    /// Blocks whose extents another file has, too: a write is given a new one.
    shared: BTreeSet<u64>,
    /// Block writes not flushed yet: sequence, block, content.
    cached: Vec<(u64, u64, Vec<u8>)>,
    /// Where writes begin that the device has not taken yet, and what they write.
    in_flight: Vec<(u64, Bytes)>,
}

/// A write of a killed process that the device will take in the life of its successor.
#[derive(Clone)]
struct Late {
    id: u64,
    inode: u64,
    position: u64,
    content: Bytes,
    /// After the successor's start.
    after_ns: u64,
}

/// What a name stands for. Directories and files are numbered together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    File(u64),
    Directory(u64),
}

impl Name {
    fn directory(self) -> Option<u64> {
        match self {
            Self::Directory(number) => Some(number),
            Self::File(_) => None,
        }
    }

    fn file(self) -> Option<u64> {
        match self {
            Self::File(number) => Some(number),
            Self::Directory(_) => None,
        }
    }
}

/// The directory that everything is in.
const ROOT: u64 = 0;

/// By the number of the directory that a name stands in, and the name.
type Names = BTreeMap<(u64, String), Name>;

#[derive(Clone, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: Names,
    synced_names: Names,
    next_inode: u64,
    writes: u64,
    late: Vec<Late>,
    next_late: u64,
    changes: Changes,
}

pub struct Disk {
    state: RefCell<State>,
    pub per_file: Cell<bool>,
    pub capacity: Cell<u64>,
    /// The disk is full for paths that contain this text.
    pub full_for: RefCell<Option<String>>,
    pub operations: Cell<u64>,
    /// The power goes at this operation.
    pub dies_at: Cell<u64>,
    /// This operation fails with EIO, and so on.
    pub fails_at: Cell<u64>,
    pub hangs_at: Cell<u64>,
    /// The next operation of this name on a path that contains the text fails, with this error number.
    pub fails_once: RefCell<Option<(&'static str, String, i32)>>,
    /// Reads of the file at this path fail where they touch this block.
    pub bad_block: RefCell<Option<(String, u64)>>,
    pub is_locked: Cell<bool>,
    /// A mutation: the lock ends with its process, and not with that process's last write.
    pub lock_dies_with_process: Cell<bool>,
    /// Operations on paths that contain this text take so many nanoseconds longer.
    pub slow: RefCell<Option<(String, u64)>>,
    /// Bytes read of segments, under whichever name.
    pub segment_bytes_read: Cell<u64>,
    /// Bytes written to index files, under whichever name.
    pub index_bytes_written: Cell<u64>,
    pub flushes: Cell<u64>,
    /// Syncs of files, directories and of all together.
    pub syncs: Cell<u64>,
    pub writes: Cell<u64>,
    /// Files that may be open at a time, and that are: whoever opens another one waits.
    pub descriptors: Cell<usize>,
    pub open_files: Cell<usize>,
    /// If the freeing rule is looked after.
    freeing: RefCell<Option<Freeing>>,
}

impl Disk {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(State::default()),
            per_file: Cell::new(false),
            capacity: Cell::new(u64::MAX),
            full_for: RefCell::new(None),
            operations: Cell::new(0),
            dies_at: Cell::new(u64::MAX),
            fails_at: Cell::new(u64::MAX),
            hangs_at: Cell::new(u64::MAX),
            fails_once: RefCell::new(None),
            bad_block: RefCell::new(None),
            is_locked: Cell::new(false),
            lock_dies_with_process: Cell::new(false),
            slow: RefCell::new(None),
            descriptors: Cell::new(usize::MAX),
            open_files: Cell::new(0),
            segment_bytes_read: Cell::new(0),
            index_bytes_written: Cell::new(0),
            flushes: Cell::new(0),
            syncs: Cell::new(0),
            writes: Cell::new(0),
            freeing: RefCell::new(None),
        })
    }

    /// A disk with the same content, and no faults.
    pub fn copy(&self) -> Rc<Self> {
        let copy = Self::new();
        *copy.state.borrow_mut() = self.state.borrow().clone();
        copy.per_file.set(self.per_file.get());
        copy.freeing.borrow_mut().clone_from(&self.freeing.borrow());
        copy
    }

    /// What is left when the power comes back.
    pub fn lose_power(&self, runtime: &Runtime) {
        let state = &mut *self.state.borrow_mut();
        state.late.clear();
        state.cache_in_flight();
        state.changes.names = true;
        state.changes.unnamed.extend(state.inodes.keys());
        for (number, inode) in &mut state.inodes {
            if !inode.cached.is_empty() || inode.now.len() != inode.synced.len() {
                state.changes.files.insert(*number);
            }
            let mut content = inode.synced.clone();
            for (_, block, written) in &inode.cached {
                let start = *block as usize * BLOCK;
                // Without its extent a block cannot come back.
                if !inode.synced_extents.contains(block) || start >= content.len() {
                    continue;
                }
                for sector in 0..BLOCK / SECTOR {
                    if runtime.below(2) == 0 {
                        let at = sector * SECTOR;
                        let end = (start + at + SECTOR).min(content.len());
                        if start + at < end {
                            let length = end - start - at;
                            content[start + at..end].copy_from_slice(&written[at..at + length]);
                        }
                    }
                }
            }
            inode.cached.clear();
            inode.in_flight.clear();
            inode.synced = content.clone();
            inode.now = content;
            inode.extents = inode.synced_extents.clone();
        }
        let left = state.names_left(|| runtime.below(2) == 0);
        state.names = left.clone();
        state.synced_names = left;
        state.forget_unlinked();
        self.is_locked.set(false);
        self.dies_at.set(u64::MAX);
        self.fails_at.set(u64::MAX);
        self.hangs_at.set(u64::MAX);
        if let Some(freeing) = &mut *self.freeing.borrow_mut() {
            freeing.on_power_loss();
        }
    }

    /// The process is gone, what it wrote is not.
    pub fn survive_kill(&self) {
        let state = &mut *self.state.borrow_mut();
        for inode in state.inodes.values_mut() {
            inode.in_flight.clear();
        }
        state.forget_unlinked();
        self.is_locked.set(false);
        self.dies_at.set(u64::MAX);
    }

    /// As [`Self::survive_kill`]. Of the writes that were under way some blocks land before anybody else has the directory's lock.
    pub fn survive_kill_in_mid_write(&self, runtime: &Runtime) {
        {
            let state = &mut *self.state.borrow_mut();
            for (inode, position, content) in state.take_in_flight() {
                let odds = runtime.below(3);
                for (at, block) in content.chunks(BLOCK).enumerate() {
                    // All, none, or some.
                    if odds == 0 || (odds == 1 && runtime.below(2) == 0) {
                        state.land(inode, position + (at * BLOCK) as u64, block);
                    }
                }
            }
        }
        self.survive_kill();
    }

    /// As [`Self::survive_kill`], but of the writes that were under way some land when the next process runs already.
    pub fn survive_kill_with_late_writes(&self, runtime: &Runtime) {
        {
            let state = &mut *self.state.borrow_mut();
            for (number, inode) in &mut state.inodes {
                for (position, content) in std::mem::take(&mut inode.in_flight) {
                    if runtime.below(10) < 6 {
                        let after_ns = runtime.below(20_000_000);
                        state.late.push(Late {
                            id: state.next_late,
                            inode: *number,
                            position,
                            content,
                            after_ns,
                        });
                        state.next_late += 1;
                    }
                }
            }
        }
        self.survive_kill();
    }

    /// The device takes what it still has of an earlier process while this one runs.
    fn land_late_writes(self: &Rc<Self>, runtime: &Rc<Runtime>) {
        for late in self.state.borrow().late.clone() {
            let (disk, sleeper) = (Rc::clone(self), Rc::clone(runtime));
            runtime.start(Box::pin(async move {
                sleeper.sleep_ns(late.after_ns).await;
                let state = &mut *disk.state.borrow_mut();
                state.late.retain(|other| other.id != late.id);
                state.land(late.inode, late.position, &late.content);
            }));
        }
    }

    /// Of all files and directories.
    pub fn paths(&self) -> Vec<String> {
        let state = self.state.borrow();
        let mut paths = Vec::new();
        for (name, what) in state.inside(ROOT) {
            paths.push(name.to_owned());
            if let Some(directory) = what.directory() {
                paths.extend(state.inside(directory).map(|(inside, _)| format!("{name}/{inside}")));
            }
        }
        paths
    }

    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        match state.find(path)? {
            Name::File(inode) => Some(state.inodes[&inode].now.clone()),
            Name::Directory(_) => None,
        }
    }

    /// Changes a file behind everyone's back.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.borrow_mut();
        let Some(Name::File(inode)) = state.find(path) else { panic!("no file {path}") };
        state.changes.files.insert(inode);
        let inode = state.inodes.get_mut(&inode).unwrap();
        change(&mut inode.now);
        inode.synced = inode.now.clone();
        let blocks = inode.now.len().div_ceil(BLOCK) as u64;
        inode.extents = (0..blocks).collect();
        inode.synced_extents = inode.extents.clone();
        inode.cached.clear();
    }

    /// Makes another file share all blocks of this one, as a reflink copy does.
    pub fn share(&self, path: &str) {
        let mut state = self.state.borrow_mut();
        let Some(Name::File(inode)) = state.find(path) else { panic!("no file {path}") };
        let inode = state.inodes.get_mut(&inode).unwrap();
        inode.shared = inode.extents.clone();
    }

    pub fn remove(&self, path: &str) {
        let mut state = self.state.borrow_mut();
        let Some(place) = state.place(path) else { return };
        state.changes.names = true;
        let removed = state.names.remove(&place);
        state.changes.unnamed.extend(removed.and_then(Name::file));
        state.synced_names.remove(&place);
    }

    pub fn create(&self, path: &str, content: &[u8]) {
        let mut state = self.state.borrow_mut();
        let inode = state.new_inode();
        state.name_durably(path, Name::File(inode));
        drop(state);
        self.damage(path, |bytes| *bytes = content.to_vec());
    }

    /// As [`Self::create`], with a name that is not durable yet. Its place is returned.
    fn rename_onto(&self, path: &str, content: &[u8]) -> (u64, String) {
        let place = {
            let mut state = self.state.borrow_mut();
            let inode = state.new_inode();
            let place = state.place(path).expect("its directory is there");
            state.changes.names = true;
            state.names.insert(place.clone(), Name::File(inode));
            place
        };
        self.damage(path, |bytes| *bytes = content.to_vec());
        place
    }

    pub fn make_directory_now(&self, path: &str) {
        let mut state = self.state.borrow_mut();
        let number = state.new_number();
        state.name_durably(path, Name::Directory(number));
    }

    fn count_syncs(&self, more: u64) {
        self.syncs.set(self.syncs.get() + more);
    }

    /// Bytes of all files that have a name.
    pub fn used(&self) -> u64 {
        let state = self.state.borrow();
        let files = state.names.values().filter_map(|name| match name {
            Name::File(inode) => state.inodes.get(inode),
            Name::Directory(_) => None,
        });
        files.map(|inode| inode.now.len() as u64).sum()
    }

    /// Whether `more` bytes find room; a name needs a block of its own now and then, so none is made on a full disk.
    fn must_hold(&self, path: &str, more: u64) -> Result<(), DiskError> {
        let capacity = self.capacity.get();
        if self.full_for.borrow().as_ref().is_some_and(|text| path.contains(text)) {
            return Err(DiskError::NoSpace { path: path.into() });
        }
        if capacity < u64::MAX && self.used() + more.max(1) > capacity {
            return Err(DiskError::NoSpace { path: path.into() });
        }
        Ok(())
    }
}

impl State {
    fn new_number(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    /// Nobody has a file open: what has no name is gone.
    fn forget_unlinked(&mut self) {
        let Self { inodes, names, synced_names, late, .. } = self;
        let mut linked: BTreeSet<u64> = late.iter().map(|late| late.inode).collect();
        for name in names.values().chain(synced_names.values()) {
            if let Name::File(inode) = name {
                linked.insert(*inode);
            }
        }
        inodes.retain(|inode, _| linked.contains(inode));
    }

    fn new_inode(&mut self) -> u64 {
        let number = self.new_number();
        self.inodes.insert(number, Inode::default());
        number
    }

    fn take_in_flight(&mut self) -> Vec<(u64, u64, Bytes)> {
        let mut taken = Vec::new();
        for (number, inode) in &mut self.inodes {
            let writes = std::mem::take(&mut inode.in_flight).into_iter();
            taken.extend(writes.map(|(position, content)| (*number, position, content)));
        }
        taken
    }

    /// What is under way when the power goes may have reached the device's cache, sector by sector.
    fn cache_in_flight(&mut self) {
        for (number, position, content) in self.take_in_flight() {
            let inode = self.inodes.get_mut(&number).unwrap();
            for (at, block) in content.chunks(BLOCK).enumerate() {
                self.writes += 1;
                inode.cached.push((self.writes, position / BLOCK as u64 + at as u64, block.to_vec()));
            }
        }
    }

    /// A write takes effect: readers see it, and a flush makes it durable.
    fn land(&mut self, inode: u64, position: u64, content: &[u8]) {
        self.changes.files.insert(inode);
        let inode = self.inodes.get_mut(&inode).unwrap();
        let end = position as usize + content.len();
        if inode.now.len() < end {
            inode.now.resize(end, 0);
        }
        inode.now[position as usize..end].copy_from_slice(content);
        for (at, block) in content.chunks(BLOCK).enumerate() {
            self.writes += 1;
            let number = position / BLOCK as u64 + at as u64;
            inode.extents.insert(number);
            if inode.shared.remove(&number) {
                inode.synced_extents.remove(&number);
            }
            inode.cached.push((self.writes, number, block.to_vec()));
        }
    }

    /// The device's cache is flushed; of `whole` files the metadata is committed, too. Writes behind `until` came too late. With `per_file`
    /// the other files' writes have not reached the device.
    fn flush(&mut self, whole: &[u64], until: u64, per_file: bool) {
        for (number, inode) in &mut self.inodes {
            let is_whole = whole.contains(number);
            if per_file && !is_whole {
                continue;
            }
            if is_whole || !inode.cached.is_empty() {
                self.changes.files.insert(*number);
            }
            let mut left = Vec::new();
            if is_whole {
                inode.synced.resize(inode.now.len(), 0);
                let extents = &inode.extents;
                inode.synced_extents.retain(|block| extents.contains(block));
            }
            for (sequence, block, content) in std::mem::take(&mut inode.cached) {
                let start = block as usize * BLOCK;
                let may = sequence <= until && (is_whole || inode.synced_extents.contains(&block));
                if may && start < inode.synced.len() {
                    let end = (start + BLOCK).min(inode.synced.len());
                    inode.synced[start..end].copy_from_slice(&content[..end - start]);
                    inode.synced_extents.insert(block);
                    if end < start + BLOCK && !is_whole {
                        // The block is there; how far the file reaches into it is still to be committed.
                        left.push((sequence, block, content));
                    }
                } else if start < inode.now.len() {
                    left.push((sequence, block, content));
                }
            }
            inode.cached = left;
        }
    }
}

pub struct TestDirectory {
    pub disk: Rc<Disk>,
    pub runtime: Rc<Runtime>,
    flights: Rc<Flights>,
}

impl TestDirectory {
    pub fn over(disk: &Rc<Disk>, runtime: &Rc<Runtime>) -> Rc<dyn Directory> {
        disk.land_late_writes(runtime);
        let watched = Rc::downgrade(disk);
        runtime.after_each_step(move || {
            if let Some(disk) = watched.upgrade() {
                disk.check_freeing();
            }
        });
        Rc::new(Self { disk: Rc::clone(disk), runtime: Rc::clone(runtime), flights: Rc::default() })
    }

    /// Every operation passes here once, before it has any effect.
    async fn step(&self, operation: &'static str, path: &str) -> Result<(), DiskError> {
        let now_ns = TestHost(Rc::clone(&self.runtime)).monotonic_ns();
        self.flights.run(now_ns, step(&self.disk, &self.runtime, operation, path)).await
    }
}

async fn step(disk: &Disk, runtime: &Runtime, operation: &'static str, path: &str) -> Result<(), DiskError> {
    if std::env::var("LOGAN_TRACE").is_ok_and(|wanted| path.contains(&wanted)) {
        eprintln!("{} {operation} {path}", disk.operations.get());
    }
    runtime.sleep_ns(1_000 + runtime.below(50_000)).await;
    let slow_ns =
        disk.slow.borrow().as_ref().filter(|(text, _)| path.contains(text)).map(|(_, slow_ns)| *slow_ns);
    if let Some(slow_ns) = slow_ns {
        runtime.sleep_ns(slow_ns).await;
    }
    let number = disk.operations.get() + 1;
    disk.operations.set(number);
    if number >= disk.dies_at.get() {
        runtime.is_dead.set(true);
        std::future::pending::<()>().await;
    }
    if number == disk.hangs_at.get() {
        std::future::pending::<()>().await;
    }
    let is_hit = |(name, text, _): &(&str, String, i32)| *name == operation && path.contains(text);
    if disk.fails_once.borrow().as_ref().is_some_and(is_hit) {
        return Err(match disk.fails_once.take() {
            Some((_, _, 28)) => DiskError::NoSpace { path: path.into() },
            _ => DiskError::Failed { path: path.into(), operation, errno: 5, message: "injected".into() },
        });
    }
    if number == disk.fails_at.get() {
        return Err(DiskError::Failed { path: path.into(), operation, errno: 5, message: "injected".into() });
    }
    Ok(())
}

fn not_found<T>(path: &str) -> Result<T, DiskError> {
    Err(DiskError::NotFound { path: path.into() })
}

impl Directory for TestDirectory {
    fn path(&self) -> String {
        "/memory".into()
    }

    fn flushing(&self) -> Flushing {
        if self.disk.per_file.get() {
            Flushing::PerFile { reason: "a test".into() }
        } else {
            Flushing::Shared
        }
    }

    fn can_share_extents(&self) -> bool {
        true
    }

    fn lock(&self) -> Io<'_, ()> {
        Box::pin(async move {
            self.step("lock", ".lock").await?;
            let is_writing = !self.disk.state.borrow().late.is_empty();
            if (is_writing && !self.disk.lock_dies_with_process.get()) || self.disk.is_locked.replace(true) {
                return Err(DiskError::Locked { path: ".lock".into() });
            }
            Ok(())
        })
    }

    fn list<'a>(&'a self, path: &'a str) -> Io<'a, Vec<DirectoryEntry>> {
        Box::pin(async move {
            self.step("list", path).await?;
            let state = self.disk.state.borrow();
            let Some(directory) = state.directory(path) else { return not_found(path) };
            let entries = state.inside(directory).map(|(name, what)| DirectoryEntry {
                name: name.to_owned(),
                is_directory: matches!(what, Name::Directory(_)),
            });
            Ok(entries.collect())
        })
    }

    fn make_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("mkdir", path).await?;
            self.disk.must_hold(path, 0)?;
            let mut state = self.disk.state.borrow_mut();
            let Some(place) = state.place(path) else { return not_found(path) };
            if state.names.contains_key(&place) {
                return Err(DiskError::AlreadyExists { path: path.into() });
            }
            let number = state.new_number();
            state.changes.names = true;
            state.names.insert(place, Name::Directory(number));
            Ok(())
        })
    }

    fn remove_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("rmdir", path).await?;
            let mut state = self.disk.state.borrow_mut();
            let Some(directory) = state.directory(path) else { return not_found(path) };
            assert!(state.inside(directory).next().is_none(), "{path} is not empty");
            let place = state.place(path).unwrap();
            state.changes.names = true;
            state.names.remove(&place);
            Ok(())
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("rename", from).await?;
            self.disk.must_hold(from, 0)?;
            let state = &mut *self.disk.state.borrow_mut();
            let Some(what) = state.find(from) else { return not_found(from) };
            let old = state.place(from).unwrap();
            let new = state.place(to).unwrap_or_else(|| panic!("{to}: no such directory"));
            state.changes.names = true;
            state.names.remove(&old);
            let replaced = state.names.insert(new, what);
            state.changes.unnamed.extend(replaced.and_then(Name::file));
            Ok(())
        })
    }

    fn remove_file<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("unlink", path).await?;
            let mut state = self.disk.state.borrow_mut();
            let Some(place) = state.place(path) else { return not_found(path) };
            if let Some(Name::Directory(_)) = state.names.get(&place) {
                let message = "it is a directory".into();
                return Err(DiskError::Failed { path: path.into(), operation: "unlink", errno: 21, message });
            }
            state.changes.names = true;
            let Some(what) = state.names.remove(&place) else { return not_found(path) };
            state.changes.unnamed.extend(what.file());
            Ok(())
        })
    }

    fn sync_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("sync directory", path).await?;
            self.disk.count_syncs(1);
            let state = &mut *self.disk.state.borrow_mut();
            let Some(directory) = state.directory(path) else { return not_found(path) };
            // A rename is one transaction: whoever syncs the old name's directory commits the new name, too.
            let here: BTreeSet<Name> = state
                .synced_names
                .iter()
                .filter(|((at, _), _)| *at == directory)
                .map(|(_, what)| *what)
                .collect();
            let moved: Vec<_> = state
                .names
                .iter()
                .filter(|((at, _), what)| *at != directory && here.contains(what))
                .map(|(place, what)| (place.clone(), *what))
                .collect();
            let now: Vec<_> = state
                .names
                .iter()
                .filter(|((at, _), _)| *at == directory)
                .map(|(place, what)| (place.clone(), *what))
                .collect();
            state.changes.names = true;
            state.synced_names.retain(|(at, _), _| *at != directory);
            state.synced_names.extend(moved.into_iter().chain(now));
            Ok(())
        })
    }

    fn sync_file_system(&self) -> Io<'_, ()> {
        Box::pin(async move {
            let until = self.disk.state.borrow().writes;
            self.step("syncfs", "").await?;
            self.disk.count_syncs(1);
            let state = &mut *self.disk.state.borrow_mut();
            let all: Vec<u64> = state.inodes.keys().copied().collect();
            state.flush(&all, until, self.disk.per_file.get());
            state.changes.names = true;
            state.synced_names = state.names.clone();
            Ok(())
        })
    }

    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>> {
        Box::pin(async move {
            self.step("open", path).await?;
            while self.disk.open_files.get() >= self.disk.descriptors.get() {
                self.flights.lack_descriptors();
                self.runtime.sleep_ns(10_000_000).await;
            }
            if mode == OpenMode::CreateNew {
                self.disk.must_hold(path, 0)?;
            }
            let mut state = self.disk.state.borrow_mut();
            let Some(place) = state.place(path) else { return not_found(path) };
            let inode = match (state.names.get(&place), mode) {
                (Some(Name::File(inode)), OpenMode::Existing) => *inode,
                (None, OpenMode::CreateNew) => {
                    let inode = state.new_inode();
                    state.changes.names = true;
                    state.names.insert(place, Name::File(inode));
                    inode
                }
                (None, OpenMode::Existing) => return not_found(path),
                _ => return Err(DiskError::AlreadyExists { path: path.into() }),
            };
            self.disk.open_files.set(self.disk.open_files.get() + 1);
            let file = TestFile {
                disk: Rc::clone(&self.disk),
                runtime: Rc::clone(&self.runtime),
                flights: Rc::clone(&self.flights),
                inode,
                path: path.into(),
            };
            Ok(Rc::new(file) as Rc<dyn File>)
        })
    }

    fn read_small<'a>(&'a self, path: &'a str, limit: usize) -> Io<'a, Vec<u8>> {
        Box::pin(async move {
            self.step("read", path).await?;
            match self.disk.content(path) {
                Some(content) => {
                    assert!(content.len() <= limit, "{path}");
                    Ok(content)
                }
                None => not_found(path),
            }
        })
    }

    fn write_small<'a>(&'a self, path: &'a str, content: Vec<u8>) -> Io<'a, ()> {
        Box::pin(async move {
            self.step("write small", path).await?;
            self.disk.must_hold(path, content.len() as u64)?;
            if self.disk.state.borrow().place(path).is_none() {
                return not_found(path);
            }
            // The content is synced first, then comes the rename, and then the name is synced, too: until then a power loss takes it away or not.
            let place = self.disk.rename_onto(path, &content);
            self.disk.count_syncs(1);
            self.step("sync of a small one's name", path).await?;
            self.disk.count_syncs(1);
            let state = &mut *self.disk.state.borrow_mut();
            if let Some(name) = state.names.get(&place).copied() {
                state.synced_names.insert(place, name);
            }
            Ok(())
        })
    }

    fn buffer(&self, capacity: usize) -> Box<dyn Buffer> {
        // Unspecified content, as promised.
        Box::new(TestBuffer(vec![0xa5; capacity.next_multiple_of(BLOCK)]))
    }

    fn free_space(&self) -> Io<'_, u64> {
        Box::pin(async move { Ok(self.disk.capacity.get().saturating_sub(self.disk.used())) })
    }

    fn flights(&self) -> &Flights {
        &self.flights
    }
}

struct TestBuffer(Vec<u8>);

impl Buffer for TestBuffer {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn seal(self: Box<Self>) -> Bytes {
        Bytes::from(self.0)
    }
}

struct TestFile {
    disk: Rc<Disk>,
    runtime: Rc<Runtime>,
    flights: Rc<Flights>,
    inode: u64,
    path: String,
}

impl TestFile {
    fn with<T>(&self, change: impl FnOnce(&mut Inode) -> T) -> T {
        change(self.disk.state.borrow_mut().inodes.get_mut(&self.inode).unwrap())
    }

    /// As [`Self::with`], for what a crash after it may show.
    fn change<T>(&self, change: impl FnOnce(&mut Inode) -> T) -> T {
        self.disk.state.borrow_mut().changes.files.insert(self.inode);
        self.with(change)
    }

    fn is_segment(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_log = SegmentFileName::parse(name).is_some_and(|name| name.file == SegmentFile::Log);
        is_log || name.starts_with("spare-")
    }

    async fn step(&self, operation: &'static str) -> Result<(), DiskError> {
        let now_ns = TestHost(Rc::clone(&self.runtime)).monotonic_ns();
        self.flights.run(now_ns, step(&self.disk, &self.runtime, operation, &self.path)).await
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        self.disk.open_files.set(self.disk.open_files.get() - 1);
    }
}

impl File for TestFile {
    fn number(&self) -> u64 {
        self.inode
    }

    fn length(&self) -> Io<'_, u64> {
        Box::pin(async move { Ok(self.with(|inode| inode.now.len() as u64)) })
    }

    fn write(&self, position: u64, content: Bytes) -> Io<'_, ()> {
        Box::pin(async move {
            assert_eq!(position % BLOCK as u64, 0, "{}", self.path);
            assert_eq!(content.len() % BLOCK, 0, "{}", self.path);
            let range = (position, position + content.len() as u64);
            if std::env::var("LOGAN_TRACE").is_ok_and(|wanted| self.path.contains(&wanted)) {
                eprintln!("write {range:?} {} zeros {}", self.path, content.iter().all(|byte| *byte == 0));
            }
            self.change(|inode| {
                let is_over = |at: &u64, other: &Bytes| *at < range.1 && range.0 < at + other.len() as u64;
                let overlap = inode.in_flight.iter().find(|(at, other)| is_over(at, other));
                assert!(overlap.is_none(), "{}: {range:?} overlaps another in flight", self.path);
                inode.in_flight.push((position, content.clone()));
            });
            let step = self.step("write").await;
            // One that never comes back from there is under way when the process ends: what becomes of it is decided then.
            self.with(|inode| inode.in_flight.retain(|(at, _)| *at != position));
            step?;
            let grows = self.with(|inode| range.1.saturating_sub(inode.now.len() as u64));
            if grows > 0 {
                self.disk.must_hold(&self.path, grows)?;
            }
            self.disk.state.borrow_mut().land(self.inode, position, &content);
            self.disk.writes.set(self.disk.writes.get() + 1);
            if self.path.contains("index") {
                let written = &self.disk.index_bytes_written;
                written.set(written.get() + content.len() as u64);
            }
            Ok(())
        })
    }

    fn read(&self, position: u64, length: usize) -> Io<'_, Bytes> {
        Box::pin(async move {
            assert_eq!((position % BLOCK as u64, length % BLOCK), (0, 0), "{}", self.path);
            self.step("read").await?;
            if let Some((path, block)) = &*self.disk.bad_block.borrow()
                && *path == self.path
                && (position..position + length as u64).contains(&(block * BLOCK as u64))
            {
                let (path, message) = (path.clone(), "a bad sector".into());
                return Err(DiskError::Failed { path, operation: "read", errno: 5, message });
            }
            self.with(|inode| {
                let start = (position as usize).min(inode.now.len());
                let end = (start + length).min(inode.now.len());
                if self.is_segment() {
                    let read = &self.disk.segment_bytes_read;
                    read.set(read.get() + (end - start) as u64);
                }
                Ok(Bytes::copy_from_slice(&inode.now[start..end]))
            })
        })
    }

    fn sync_data(&self) -> Io<'_, ()> {
        Box::pin(async move {
            let until = self.disk.state.borrow().writes;
            self.step("sync").await?;
            self.disk.flushes.set(self.disk.flushes.get() + 1);
            self.disk.count_syncs(1);
            let state = &mut *self.disk.state.borrow_mut();
            state.flush(&[self.inode], until, self.disk.per_file.get());
            Ok(())
        })
    }

    fn allocate(&self, position: u64, length: u64) -> Io<'_, ()> {
        Box::pin(async move {
            self.step("allocate").await?;
            let end = position + length;
            let grows = self.with(|inode| end.saturating_sub(inode.now.len() as u64));
            self.disk.must_hold(&self.path, grows)?;
            self.with(|inode| {
                if inode.now.len() < end as usize {
                    inode.now.resize(end as usize, 0);
                }
            });
            Ok(())
        })
    }

    fn prepared_until(&self, from: u64, to: u64) -> Io<'_, u64> {
        Box::pin(async move {
            self.step("fiemap").await?;
            self.with(|inode| {
                let mut at = from;
                let is_written = |block| {
                    inode.synced_extents.contains(&block)
                        && inode.extents.contains(&block)
                        && !inode.shared.contains(&block)
                };
                while at + BLOCK as u64 <= to && is_written(at / BLOCK as u64) {
                    at += BLOCK as u64;
                }
                Ok(at)
            })
        })
    }

    fn set_length(&self, length: u64) -> Io<'_, ()> {
        Box::pin(async move {
            if std::env::var("LOGAN_TRACE").is_ok_and(|wanted| self.path.contains(&wanted)) {
                eprintln!("set length {length} {}", self.path);
            }
            self.step("truncate").await?;
            self.change(|inode| {
                inode.now.resize(length as usize, 0);
                let blocks = length.div_ceil(BLOCK as u64);
                inode.extents.retain(|block| *block < blocks);
                inode.cached.retain(|(_, block, _)| *block < blocks);
                Ok(())
            })
        })
    }
}
