//! One file system: its files and its names, as they are seen now and as a power loss may leave them.
//!
//! A name changes at once for everyone who looks, and durably when its directory, or the whole file system, is synced. Until then
//! a power loss keeps or drops each change, in any combination, except that a change is never kept without the earlier ones of the
//! same file or of the same name: on the file systems that are spoken for a rename is one step, and a journal does
//! not show an effect without its cause.
//!
//! Invariants: every name leads to a file that exists; `links` and `durable_links` are how many names lead to a file; a file is forgotten
//! only when no name, seen or durable, and no handle leads to it; `used` counts the blocks of files that are linked or open.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::random::Random;
use super::file::{BLOCK, Fate, FileBody, Mark};
use crate::disk::{DirectoryEntry, Flushing, IoError};

pub type FileNumber = u64;

const ROOT: FileNumber = 2;

#[derive(Debug, Default, Clone)]
struct Names {
    seen: BTreeMap<String, FileNumber>,
    durable: BTreeMap<String, FileNumber>,
}

#[derive(Debug, Clone)]
enum Content {
    File(Box<FileBody>),
    Directory(Names),
}

#[derive(Debug, Clone)]
struct Node {
    content: Content,
    links: u32,
    /// Durable names that lead to it.
    durable_links: u32,
    handles: u32,
}

impl Node {
    fn blocks(&self) -> u64 {
        match &self.content {
            Content::File(body) => body.blocks(),
            Content::Directory(_) => 0,
        }
    }
}

/// A name in a directory.
type Spot = (FileNumber, String);

#[derive(Debug, Clone)]
struct NameChange {
    mark: Mark,
    file: FileNumber,
    removed: Option<Spot>,
    added: Option<Spot>,
}

impl NameChange {
    fn spots(&self) -> impl Iterator<Item = &Spot> {
        self.removed.iter().chain(&self.added)
    }

    fn is_in(&self, directory: FileNumber) -> bool {
        self.spots().any(|(at, _)| *at == directory)
    }

    /// Whether the later change cannot be on the medium without this one. A directory is removed after what was in it, and what is renamed into
    /// one that is new would otherwise have no name at all.
    fn causes(&self, later: &Self) -> bool {
        let moves_in =
            || later.removed.is_some() && later.added.as_ref().is_some_and(|(at, _)| *at == self.file);
        self.file == later.file
            || self.spots().any(|spot| later.spots().any(|other| other == spot))
            || later.added.is_none() && self.is_in(later.file)
            || moves_in()
    }
}

#[derive(Debug, Clone)]
pub struct Volume {
    pub root: String,
    pub flushing: Flushing,
    nodes: BTreeMap<FileNumber, Node>,
    /// Files that may have something to flush or to commit.
    dirty: BTreeSet<FileNumber>,
    pending: Vec<NameChange>,
    next_number: FileNumber,
    mark: Mark,
    used: u64,
    pub capacity_blocks: u64,
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn parent_and_name(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').unwrap_or(("", path))
}

fn not_found(path: &str) -> IoError {
    IoError::NotFound { path: path.to_owned() }
}

/// Everything that has no variant of its own, with the kernel's number for it.
pub fn failed(path: &str, operation: &'static str, errno: i32, message: &str) -> IoError {
    IoError::Failed { path: path.to_owned(), operation, errno, message: message.to_owned() }
}

pub const EIO: i32 = 5;
pub const ENOTDIR: i32 = 20;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const EFBIG: i32 = 27;
pub const ENOTEMPTY: i32 = 39;

impl Volume {
    /// An empty file system. Numbers begin at `first_number`, so that no two files of a node share one.
    pub fn new(root: &str, flushing: Flushing, capacity: u64, first_number: FileNumber) -> Self {
        let top =
            Node { content: Content::Directory(Names::default()), links: 1, durable_links: 0, handles: 0 };
        Self {
            root: root.to_owned(),
            flushing,
            nodes: BTreeMap::from([(ROOT, top)]),
            dirty: BTreeSet::new(),
            pending: Vec::new(),
            next_number: first_number.max(ROOT + 1),
            mark: 0,
            used: 0,
            capacity_blocks: capacity / BLOCK,
        }
    }

    /// The place in the order of effects that everything done so far is at or before.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Greater than every number of a file.
    pub fn next_number(&self) -> FileNumber {
        self.next_number
    }

    fn next_mark(&mut self) -> Mark {
        self.mark += 1;
        self.mark
    }

    fn names(&self, directory: FileNumber, path: &str) -> Result<&Names, IoError> {
        match self.nodes.get(&directory).map(|node| &node.content) {
            Some(Content::Directory(names)) => Ok(names),
            Some(Content::File(_)) => Err(failed(path, "open", ENOTDIR, "not a directory")),
            None => Err(not_found(path)),
        }
    }

    fn names_mut(&mut self, directory: FileNumber) -> &mut Names {
        match self.nodes.get_mut(&directory).map(|node| &mut node.content) {
            Some(Content::Directory(names)) => names,
            _ => unreachable!("a directory that was found is a directory"),
        }
    }

    pub fn find(&self, path: &str) -> Result<FileNumber, IoError> {
        split(path).try_fold(ROOT, |at, part| {
            self.names(at, path)?.seen.get(part).copied().ok_or_else(|| not_found(path))
        })
    }

    fn directory(&self, path: &str) -> Result<FileNumber, IoError> {
        let number = self.find(path)?;
        self.names(number, path).map(|_| number)
    }

    pub fn body(&self, file: FileNumber) -> Option<&FileBody> {
        match &self.nodes.get(&file)?.content {
            Content::File(body) => Some(body),
            Content::Directory(_) => None,
        }
    }

    pub fn body_mut(&mut self, file: FileNumber) -> Option<&mut FileBody> {
        match &mut self.nodes.get_mut(&file)?.content {
            Content::File(body) => {
                self.dirty.insert(file);
                Some(body)
            }
            Content::Directory(_) => None,
        }
    }

    fn each_dirty(&mut self, mut visit: impl FnMut(&mut FileBody)) {
        let Self { dirty, nodes, .. } = self;
        dirty.retain(|file| match nodes.get_mut(file).map(|node| &mut node.content) {
            Some(Content::File(body)) => {
                visit(body);
                body.is_dirty()
            }
            _ => false,
        });
    }

    pub fn free_blocks(&self) -> u64 {
        self.capacity_blocks.saturating_sub(self.used)
    }

    /// Takes space, or says that there is none.
    fn take_space(&mut self, blocks: u64, path: &str) -> Result<(), IoError> {
        if blocks > self.free_blocks() {
            return Err(IoError::NoSpace { path: path.to_owned() });
        }
        self.used += blocks;
        Ok(())
    }

    fn change(&mut self, file: FileNumber, removed: Option<Spot>, added: Option<Spot>) {
        let mark = self.next_mark();
        if let Some((directory, name)) = &removed {
            self.names_mut(*directory).seen.remove(name);
        }
        if let Some((directory, name)) = &added {
            self.names_mut(*directory).seen.insert(name.clone(), file);
        }
        self.pending.push(NameChange { mark, file, removed, added });
    }

    fn create(&mut self, path: &str, content: Content) -> Result<FileNumber, IoError> {
        let (parent, name) = parent_and_name(path);
        let directory = self.directory(parent)?;
        if name.is_empty() || self.names(directory, path)?.seen.contains_key(name) {
            return Err(IoError::AlreadyExists { path: path.to_owned() });
        }
        if self.free_blocks() == 0 {
            return Err(IoError::NoSpace { path: path.to_owned() });
        }
        let number = self.next_number;
        self.next_number += 1;
        self.nodes.insert(number, Node { content, links: 1, durable_links: 0, handles: 0 });
        self.change(number, None, Some((directory, name.to_owned())));
        Ok(number)
    }

    pub fn create_file(&mut self, path: &str) -> Result<FileNumber, IoError> {
        self.create(path, Content::File(Box::default()))
    }

    pub fn make_directory(&mut self, path: &str) -> Result<(), IoError> {
        self.create(path, Content::Directory(Names::default())).map(|_| ())
    }

    /// Opens a file that exists.
    pub fn open(&mut self, file: FileNumber, path: &str) -> Result<(), IoError> {
        let node = self.nodes.get_mut(&file).ok_or_else(|| not_found(path))?;
        if matches!(node.content, Content::Directory(_)) {
            return Err(failed(path, "open", EISDIR, "is a directory"));
        }
        node.handles += 1;
        Ok(())
    }

    pub fn close(&mut self, file: FileNumber) {
        if let Some(node) = self.nodes.get_mut(&file) {
            node.handles = node.handles.saturating_sub(1);
            if node.handles == 0 && node.links == 0 {
                self.release_space(file);
                self.forget_if_gone(file);
            }
        }
    }

    fn release_space(&mut self, file: FileNumber) {
        self.used -= self.body(file).map_or(0, FileBody::blocks);
    }

    fn forget_if_gone(&mut self, file: FileNumber) {
        let unused = |node: &Node| node.links == 0 && node.durable_links == 0 && node.handles == 0;
        if !self.nodes.get(&file).is_some_and(unused) || self.pending.iter().any(|change| change.file == file)
        {
            return;
        }
        // What only a forgotten directory still named is forgotten with it.
        let forgotten = self.nodes.remove(&file).map(|node| node.content);
        if let Some(Content::Directory(names)) = forgotten {
            for child in names.durable.into_values() {
                self.drop_durable_link(child);
            }
        }
    }

    fn drop_durable_link(&mut self, file: FileNumber) {
        if let Some(node) = self.nodes.get_mut(&file) {
            node.durable_links -= 1;
        }
        self.forget_if_gone(file);
    }

    fn unlink(&mut self, path: &str, want_directory: bool) -> Result<(), IoError> {
        let (parent, name) = parent_and_name(path);
        let directory = self.directory(parent)?;
        let number = *self.names(directory, path)?.seen.get(name).ok_or_else(|| not_found(path))?;
        match (&self.nodes[&number].content, want_directory) {
            (Content::Directory(names), true) if !names.seen.is_empty() => {
                return Err(failed(path, "rmdir", ENOTEMPTY, "directory not empty"));
            }
            (Content::Directory(_), false) => return Err(failed(path, "unlink", EISDIR, "is a directory")),
            (Content::File(_), true) => return Err(failed(path, "rmdir", ENOTDIR, "not a directory")),
            _ => {}
        }
        self.change(number, Some((directory, name.to_owned())), None);
        self.drop_link(number);
        Ok(())
    }

    fn drop_link(&mut self, number: FileNumber) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        node.links -= 1;
        if node.links == 0 && node.handles == 0 {
            self.release_space(number);
        }
    }

    pub fn remove_file(&mut self, path: &str) -> Result<(), IoError> {
        self.unlink(path, false)
    }

    pub fn remove_directory(&mut self, path: &str) -> Result<(), IoError> {
        self.unlink(path, true)
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), IoError> {
        let (from_parent, from_name) = parent_and_name(from);
        let (to_parent, to_name) = parent_and_name(to);
        let source = self.directory(from_parent)?;
        let number = *self.names(source, from)?.seen.get(from_name).ok_or_else(|| not_found(from))?;
        let target = self.directory(to_parent)?;
        let replaced = self.names(target, to)?.seen.get(to_name).copied();
        if replaced == Some(number) {
            return Ok(());
        }
        let moves_directory = matches!(self.nodes[&number].content, Content::Directory(_));
        if moves_directory && (target == number || self.is_below(target, number)) {
            return Err(failed(from, "rename", EINVAL, "a directory cannot become its own child"));
        }
        if let Some(replaced) = replaced {
            match (&self.nodes[&replaced].content, moves_directory) {
                (Content::Directory(names), true) if names.seen.is_empty() => {}
                (Content::Directory(_), true) => {
                    return Err(failed(to, "rename", ENOTEMPTY, "directory not empty"));
                }
                (Content::Directory(_), false) => return Err(failed(to, "rename", EISDIR, "is a directory")),
                (Content::File(_), true) => return Err(failed(to, "rename", ENOTDIR, "not a directory")),
                (Content::File(_), false) => {}
            }
        }
        self.change(number, Some((source, from_name.to_owned())), Some((target, to_name.to_owned())));
        if let Some(replaced) = replaced {
            self.drop_link(replaced);
        }
        Ok(())
    }

    fn is_below(&self, directory: FileNumber, ancestor: FileNumber) -> bool {
        let Content::Directory(names) = &self.nodes[&ancestor].content else { return false };
        names.seen.values().any(|child| *child == directory || self.is_below(directory, *child))
    }

    pub fn list(&self, path: &str) -> Result<Vec<DirectoryEntry>, IoError> {
        let names = self.names(self.find(path)?, path)?;
        let entry = |(name, number): (&String, &FileNumber)| DirectoryEntry {
            name: name.clone(),
            is_directory: matches!(self.nodes[number].content, Content::Directory(_)),
        };
        Ok(names.seen.iter().map(entry).collect())
    }

    /// A direct write lands whole.
    pub fn write_direct(
        &mut self,
        file: FileNumber,
        path: &str,
        position: u64,
        content: &Bytes,
    ) -> Result<(), IoError> {
        let missing = self.body(file).map_or(0, |body| body.missing(position, content.len() as u64));
        self.take_space_of(file, missing, path)?;
        let mark = self.next_mark();
        if let Some(body) = self.body_mut(file) {
            body.write_blocks(position, content, mark, |_| true);
            body.extend_to(position + content.len() as u64, mark);
        }
        Ok(())
    }

    /// Some blocks of a direct write land, those that the file has extents for.
    pub fn write_in_part(
        &mut self,
        file: FileNumber,
        position: u64,
        content: &Bytes,
        mut lands: impl FnMut(u64) -> bool,
    ) {
        let mark = self.next_mark();
        if let Some(body) = self.body_mut(file) {
            let first = position / BLOCK;
            let count = content.len() as u64 / BLOCK;
            let present: Vec<bool> = (0..count)
                .map(|index| body.missing((first + index) * BLOCK, BLOCK) == 0 && lands(index))
                .collect();
            body.write_blocks(position, content, mark, |index| present[index as usize]);
        }
    }

    pub fn write_cached(
        &mut self,
        file: FileNumber,
        path: &str,
        position: u64,
        content: &[u8],
    ) -> Result<(), IoError> {
        let missing = self.body(file).map_or(0, |body| body.missing(position, content.len() as u64));
        self.take_space_of(file, missing, path)?;
        let mark = self.next_mark();
        if let Some(body) = self.body_mut(file) {
            body.write_bytes(position, content, mark);
        }
        Ok(())
    }

    /// Space is counted only for files that are named or open: a write of a dead process may land in one that is neither.
    fn take_space_of(&mut self, file: FileNumber, blocks: u64, path: &str) -> Result<(), IoError> {
        let counted = self.nodes.get(&file).is_some_and(|node| node.links > 0 || node.handles > 0);
        self.take_space(if counted { blocks } else { 0 }, path)
    }

    pub fn allocate(
        &mut self,
        file: FileNumber,
        path: &str,
        position: u64,
        length: u64,
    ) -> Result<(), IoError> {
        if position.checked_add(length).is_none_or(|end| end > 1 << 44) {
            return Err(failed(path, "fallocate", EFBIG, "file too large"));
        }
        let missing = self.body(file).map_or(0, |body| body.missing(position, length));
        self.take_space_of(file, missing, path)?;
        let mark = self.next_mark();
        if let Some(body) = self.body_mut(file) {
            body.allocate(position, length, mark);
        }
        Ok(())
    }

    pub fn set_length(&mut self, file: FileNumber, length: u64) {
        let mark = self.next_mark();
        let counted = self.nodes.get(&file).is_some_and(|node| node.links > 0 || node.handles > 0);
        let freed = self.body_mut(file).map_or(0, |body| body.set_length(length, mark));
        self.used -= if counted { freed } else { 0 };
    }

    /// fdatasync of one file, for what was done up to `until`.
    pub fn sync_file(&mut self, file: FileNumber, until: Mark) {
        if let Some(body) = self.body_mut(file) {
            body.flush(until, true);
            body.commit(until);
        }
        if self.flushing == Flushing::Shared {
            self.each_dirty(|body| body.flush(until, false));
        }
    }

    pub fn sync_failed(&mut self, file: FileNumber, until: Mark) {
        if let Some(body) = self.body_mut(file) {
            body.forget(until);
        }
    }

    pub fn sync_directory(&mut self, path: &str, until: Mark) -> Result<(), IoError> {
        let directory = self.directory(path)?;
        self.commit_names(|change| change.mark <= until && change.is_in(directory));
        Ok(())
    }

    pub fn sync_everything(&mut self, until: Mark) {
        self.each_dirty(|body| {
            body.flush(until, true);
            body.commit(until);
        });
        self.commit_names(|change| change.mark <= until);
    }

    /// Commits the changes that are asked for, and before each of them those that it follows from.
    fn commit_names(&mut self, wanted: impl Fn(&NameChange) -> bool) {
        let mut chosen = vec![false; self.pending.len()];
        for (chosen, change) in chosen.iter_mut().zip(&self.pending) {
            *chosen = wanted(change);
        }
        let everything = chosen.iter().all(|chosen| *chosen);
        for later in (0..self.pending.len()).rev() {
            if chosen[later] && !everything {
                for (earlier, chosen) in self.pending[..later].iter().zip(&mut chosen) {
                    *chosen |= earlier.causes(&self.pending[later]);
                }
            }
        }
        let mut chosen = chosen.into_iter();
        let (commit, keep) =
            std::mem::take(&mut self.pending).into_iter().partition(|_| chosen.next() == Some(true));
        self.pending = keep;
        let commit: Vec<NameChange> = commit;
        for change in commit {
            let file = change.file;
            let mut unnamed = Vec::new();
            if let Some((directory, name)) = change.removed
                && let Some(Entry::Occupied(entry)) =
                    self.durable_names(directory).map(|names| names.entry(name))
                && *entry.get() == file
            {
                unnamed.push(entry.remove());
            }
            if let Some((directory, name)) = change.added
                && let Some(names) = self.durable_names(directory)
            {
                unnamed.extend(names.insert(name, file));
                if let Some(node) = self.nodes.get_mut(&file) {
                    node.durable_links += 1;
                }
            }
            for file in unnamed {
                self.drop_durable_link(file);
            }
            self.forget_if_gone(file);
        }
    }

    /// None for a directory that was replaced or removed with what was in it.
    fn durable_names(&mut self, directory: FileNumber) -> Option<&mut BTreeMap<String, FileNumber>> {
        match &mut self.nodes.get_mut(&directory)?.content {
            Content::Directory(names) => Some(&mut names.durable),
            Content::File(_) => None,
        }
    }

    /// Decides what a power loss leaves. How many blocks of unsynced data were kept.
    pub fn collapse(&mut self, fate: &Fate, random: &Random) -> u64 {
        // As a journal would, the changes up to some point; or any.
        let ordered = random.coin();
        let limit =
            if self.pending.is_empty() { 0 } else { random.below(self.pending.len() as u64 + 1) as usize };
        let marks: Vec<Mark> = self.pending.iter().map(|change| change.mark).collect();
        let kept = |(index, mark): (usize, &Mark)| {
            let kept = if ordered { index < limit } else { random.chance(fate.metadata_kept) };
            kept.then_some(*mark)
        };
        let kept: BTreeSet<Mark> = marks.iter().enumerate().filter_map(kept).collect();
        for node in self.nodes.values_mut() {
            node.handles = 0;
        }
        self.commit_names(|change| kept.contains(&change.mark));
        self.pending.clear();
        self.mount();
        let mut kept = 0;
        self.each_dirty(|body| kept += body.collapse(fate, random));
        self.used = self.nodes.values().map(Node::blocks).sum();
        kept
    }

    /// Shows what is durable, and forgets what cannot be reached.
    fn mount(&mut self) {
        for node in self.nodes.values_mut() {
            node.links = 0;
            node.durable_links = 0;
            if let Content::Directory(names) = &mut node.content {
                names.seen.clone_from(&names.durable);
            }
        }
        let mut reached = vec![ROOT];
        while let Some(number) = reached.pop() {
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            node.links += 1;
            node.durable_links += 1;
            if let (Content::Directory(names), 1) = (&node.content, node.links) {
                reached.extend(names.durable.values());
            }
        }
        self.nodes.retain(|_, node| node.links > 0);
        if let Some(root) = self.nodes.get_mut(&ROOT) {
            root.durable_links = 0;
        }
    }

    /// Every file, by path, with its number: as seen now, or as the worst power loss leaves it.
    pub fn files(&self, durable: bool) -> BTreeMap<String, FileNumber> {
        let mut found = BTreeMap::new();
        let mut ahead = vec![(String::new(), ROOT)];
        while let Some((path, number)) = ahead.pop() {
            match self.nodes.get(&number).map(|node| &node.content) {
                Some(Content::Directory(names)) => {
                    let names = if durable { &names.durable } else { &names.seen };
                    let child = |(name, number): (&String, &FileNumber)| (join(&path, name), *number);
                    ahead.extend(names.iter().map(child));
                }
                Some(Content::File(_)) => {
                    found.insert(path, number);
                }
                None => {}
            }
        }
        found
    }

    /// How many changes of names a power loss may drop.
    pub fn unsynced_names(&self) -> usize {
        self.pending.len()
    }

    pub fn check(&self) {
        let mut links: BTreeMap<FileNumber, u32> = BTreeMap::from([(ROOT, 1)]);
        let mut durable_links: BTreeMap<FileNumber, u32> = BTreeMap::new();
        for node in self.nodes.values() {
            if let Content::Directory(names) = &node.content {
                for number in names.seen.values() {
                    *links.entry(*number).or_default() += 1;
                }
                for number in names.durable.values() {
                    *durable_links.entry(*number).or_default() += 1;
                }
                let known = |number: &FileNumber| self.nodes.contains_key(number);
                assert!(
                    names.seen.values().all(known) && names.durable.values().all(known),
                    "a name leads nowhere"
                );
            }
        }
        let mut used = 0;
        for (number, node) in &self.nodes {
            assert_eq!(node.links, links.get(number).copied().unwrap_or(0), "links of {number}");
            let durable = durable_links.get(number).copied().unwrap_or(0);
            assert_eq!(node.durable_links, durable, "durable links of {number}");
            if let Content::File(body) = &node.content {
                body.check();
                used += if node.links > 0 || node.handles > 0 { body.blocks() } else { 0 };
            }
        }
        assert_eq!(used, self.used, "used blocks");
    }
}

/// Whether a path leads to a directory or below it.
pub fn is_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory);
    directory.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path below another, without a leading slash.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
