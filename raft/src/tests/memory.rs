//! A directory in memory that forgets what was not synced.
//!
//! Content is durable once its file was synced, a name once the directory was. When the power goes each unsynced change is kept or lost by
//! itself: a write also in part (whole sectors), a change of names only together with the earlier ones of the same name or file. When the
//! process is killed all are kept, and none is any more durable for that.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;

use crate::files::{Directory, File, FileError, Io, OpenMode};

const SECTOR: usize = 512;

#[derive(Clone)]
enum Change {
    Write(u64, Bytes),
    Length(u64),
}

#[derive(Default)]
struct Inode {
    durable: RefCell<Vec<u8>>,
    current: RefCell<Vec<u8>>,
    unsynced: RefCell<Vec<Change>>,
}

impl Inode {
    /// One whose content is durable.
    fn holding(content: Vec<u8>) -> Rc<Self> {
        Rc::new(Self { durable: content.clone().into(), current: content.into(), ..Self::default() })
    }
}

type Names = BTreeMap<String, Rc<Inode>>;

/// A file loses a name, or has a new one, or both.
#[derive(Clone)]
struct NameChange {
    file: Rc<Inode>,
    removed: Option<String>,
    added: Option<String>,
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some(name) = &self.added {
            names.insert(name.clone(), Rc::clone(&self.file));
        }
    }

    /// Whether the later change cannot be on the disk without this one.
    fn causes(&self, later: &Self) -> bool {
        let names =
            |change: &Self| [change.removed.clone(), change.added.clone()].into_iter().flatten().collect();
        let (own, others): (Vec<String>, Vec<String>) = (names(self), names(later));
        Rc::ptr_eq(&self.file, &later.file) || own.iter().any(|name| others.contains(name))
    }
}

#[derive(Default)]
struct State {
    durable: RefCell<Names>,
    current: RefCell<Names>,
    /// Since the last sync.
    unsynced: RefCell<Vec<NameChange>>,
    /// Operations until the machine stops; `None`: it goes on for ever.
    left: Cell<Option<u64>>,
    /// Bytes that all files together may have; `None`: any number.
    capacity: Cell<Option<u64>>,
    operations: Cell<u64>,
}

#[derive(Clone, Default)]
pub(super) struct MemoryDirectory(Rc<State>);

struct MemoryFile {
    state: Rc<State>,
    inode: Rc<Inode>,
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(position, bytes) => {
            let end = *position as usize + bytes.len();
            content.resize(content.len().max(end), 0);
            content[*position as usize..end].copy_from_slice(bytes);
        }
        Change::Length(length) => content.resize(*length as usize, 0),
    }
}

/// The sectors of a write that reached the disk, each by itself.
fn torn(position: u64, bytes: &Bytes, random: &mut dyn FnMut() -> u64) -> Vec<Change> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let next = (SECTOR - (position as usize + at) % SECTOR).min(bytes.len() - at) + at;
        if random().is_multiple_of(2) {
            pieces.push(Change::Write(position + at as u64, bytes.slice(at..next)));
        }
        at = next;
    }
    pieces
}

impl State {
    /// Fails once the machine has stopped.
    fn step(&self, path: &str) -> Result<(), FileError> {
        self.operations.set(self.operations.get() + 1);
        match self.left.get() {
            Some(0) => Err(FileError::Failed {
                path: path.to_owned(),
                operation: "anything",
                message: "no power".to_owned(),
            }),
            Some(left) => {
                self.left.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        self.current.borrow().values().map(|inode| inode.current.borrow().len() as u64).sum()
    }

    /// The file that is called `name` loses it, and is called `added` instead, if anything.
    fn rename_step(&self, name: &str, added: Option<&str>) -> Result<(), FileError> {
        self.step(name)?;
        let Some(file) = self.current.borrow().get(name).cloned() else {
            return Err(FileError::NotFound { path: name.to_owned() });
        };
        self.change(NameChange { file, removed: Some(name.to_owned()), added: added.map(str::to_owned) });
        Ok(())
    }

    fn change(&self, change: NameChange) {
        change.apply(&mut self.current.borrow_mut());
        self.unsynced.borrow_mut().push(change);
    }
}

impl MemoryDirectory {
    /// How many operations have been begun.
    pub(super) fn operations(&self) -> u64 {
        self.0.operations.get()
    }

    /// The power fails after so many more operations.
    pub(super) fn stop_after(&self, operations: u64) {
        self.0.left.set(Some(operations));
    }

    /// Leaves room for so many bytes more, or for any number.
    pub(super) fn leave(&self, room: Option<u64>) {
        self.0.capacity.set(room.map(|room| self.0.used() + room));
    }

    /// The directory as the next start finds it after the process was killed.
    pub(super) fn killed(&self) -> Self {
        let State { durable, current, unsynced, .. } = &*self.0;
        let (durable, current, unsynced) = (durable.clone(), current.clone(), unsynced.clone());
        Self(Rc::new(State { durable, current, unsynced, ..State::default() }))
    }

    /// The directory as the next start finds it after the power went.
    pub(super) fn crashed(&self, random: &mut dyn FnMut() -> u64) -> Self {
        let mut names = self.0.durable.borrow().clone();
        let mut lost: Vec<&NameChange> = Vec::new();
        let unsynced = self.0.unsynced.borrow();
        for change in &*unsynced {
            if random().is_multiple_of(2) || lost.iter().any(|earlier| earlier.causes(change)) {
                lost.push(change);
            } else {
                change.apply(&mut names);
            }
        }
        let mut after = Names::new();
        for (name, inode) in names {
            let mut content = inode.durable.borrow().clone();
            for change in &*inode.unsynced.borrow() {
                match change {
                    Change::Write(position, bytes) => {
                        for piece in torn(*position, bytes, random) {
                            apply(&mut content, &piece);
                        }
                    }
                    Change::Length(_) if random().is_multiple_of(2) => apply(&mut content, change),
                    Change::Length(_) => {}
                }
            }
            after.insert(name, Inode::holding(content));
        }
        let state = State { durable: after.clone().into(), current: after.into(), ..State::default() };
        Self(Rc::new(state))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.current.borrow().keys().cloned().collect()
    }

    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        self.0.current.borrow()[name].current.borrow().clone()
    }

    /// A copy in which one file has another content, or is there as well.
    pub(super) fn with(&self, name: &str, content: &[u8]) -> Self {
        let mut names = self.copied();
        names.insert(name.to_owned(), Inode::holding(content.to_owned()));
        Self(Rc::new(State { durable: names.clone().into(), current: names.into(), ..State::default() }))
    }

    pub(super) fn without(&self, name: &str) -> Self {
        let mut names = self.copied();
        names.remove(name);
        Self(Rc::new(State { durable: names.clone().into(), current: names.into(), ..State::default() }))
    }

    fn copied(&self) -> Names {
        let names = self.0.current.borrow();
        names
            .iter()
            .map(|(name, inode)| (name.clone(), Inode::holding(inode.current.borrow().clone())))
            .collect()
    }

    fn open_now(&self, name: &str, mode: OpenMode) -> Result<Rc<dyn File>, FileError> {
        let state = Rc::clone(&self.0);
        let found = state.current.borrow().get(name).cloned();
        let path = name.to_owned();
        let inode = match (mode, found) {
            (OpenMode::Existing, None) => return Err(FileError::NotFound { path }),
            (OpenMode::CreateNew, Some(_)) => return Err(FileError::AlreadyExists { path }),
            (OpenMode::Existing, Some(inode)) => {
                state.step(name)?;
                inode
            }
            (OpenMode::CreateNew, None) => {
                let inode = Rc::new(Inode::default());
                state.step(name)?;
                state.change(NameChange { file: Rc::clone(&inode), removed: None, added: Some(path) });
                inode
            }
        };
        Ok(Rc::new(MemoryFile { state, inode }))
    }
}

impl Directory for MemoryDirectory {
    fn path(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> Io<'_, Vec<String>> {
        ready(self.0.step("").map(|()| self.names())).boxed_local()
    }

    fn open<'a>(&'a self, name: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>> {
        ready(self.open_now(name, mode)).boxed_local()
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()> {
        ready(self.0.rename_step(from, Some(to))).boxed_local()
    }

    fn remove<'a>(&'a self, name: &'a str) -> Io<'a, ()> {
        ready(self.0.rename_step(name, None)).boxed_local()
    }

    fn sync(&self) -> Io<'_, ()> {
        let result = self.0.step("").map(|()| {
            *self.0.durable.borrow_mut() = self.0.current.borrow().clone();
            self.0.unsynced.borrow_mut().clear();
        });
        ready(result).boxed_local()
    }
}

impl MemoryFile {
    fn change(&self, change: Change) -> Result<(), FileError> {
        let result = self.state.step("file");
        // The operation under way when the power fails may have reached the disk.
        if result.is_ok() || self.state.left.get() == Some(0) {
            apply(&mut self.inode.current.borrow_mut(), &change);
            self.inode.unsynced.borrow_mut().push(change);
        }
        result
    }
}

impl File for MemoryFile {
    fn length(&self) -> Io<'_, u64> {
        ready(self.state.step("file").map(|()| self.inode.current.borrow().len() as u64)).boxed_local()
    }

    fn read_at(&self, position: u64, length: usize) -> Io<'_, Bytes> {
        let read = || {
            let content = self.inode.current.borrow();
            let from = (position as usize).min(content.len());
            // Short reads are allowed: the caller asks again.
            let to = (from + length.div_ceil(2)).min(content.len());
            Bytes::copy_from_slice(&content[from..to])
        };
        ready(self.state.step("file").map(|()| read())).boxed_local()
    }

    fn write_at(&self, position: u64, content: Bytes) -> Io<'_, ()> {
        let length = self.inode.current.borrow().len() as u64;
        let longer = (position + content.len() as u64).saturating_sub(length);
        let room = self.state.capacity.get().map_or(u64::MAX, |all| all.saturating_sub(self.state.used()));
        if longer <= room {
            return ready(self.change(Change::Write(position, content))).boxed_local();
        }
        // What there is room for is written.
        let part = (length + room).saturating_sub(position) as usize;
        let written = self.change(Change::Write(position, content.slice(..part)));
        ready(written.and(Err(FileError::NoSpace { path: "file".to_owned() }))).boxed_local()
    }

    fn sync(&self) -> Io<'_, ()> {
        let result = self.state.step("file").map(|()| {
            *self.inode.durable.borrow_mut() = self.inode.current.borrow().clone();
            self.inode.unsynced.borrow_mut().clear();
        });
        ready(result).boxed_local()
    }

    fn set_length(&self, length: u64) -> Io<'_, ()> {
        ready(self.change(Change::Length(length))).boxed_local()
    }
}

/// A random sequence that repeats.
pub(super) fn seeded(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = crate::identity::mix(state);
        state
    }
}
