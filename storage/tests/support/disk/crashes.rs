//! What crashes at this very instant may leave. Nothing is drawn: whatever may happen to one of them counts.

use std::collections::BTreeSet;
use std::rc::Rc;

use logan_storage::disk::BLOCK;
use logan_storage::volume::Volume;

use super::super::freeing::{AtStake, Freeing};
use super::{Disk, Inode, Name, Names, ROOT};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Of what was not flushed, and of the names that were not synced, any part may be left.
    PowerLoss,
    /// All that has landed is left, and of what is in flight any part may land yet.
    Kill,
}

/// What changed since somebody asked last.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Their bytes.
    pub files: BTreeSet<u64>,
    pub names: bool,
    /// Files that lost a name.
    pub unnamed: BTreeSet<u64>,
}

impl Changes {
    pub fn is_none(&self) -> bool {
        self.files.is_empty() && !self.names
    }
}

impl Disk {
    /// From now on, through all lives, and on copies, the freeing rule is looked after.
    pub fn watch_freeing(&self) {
        *self.freeing.borrow_mut() = Some(Freeing::new());
    }

    /// They serve this disk from now on.
    pub fn acknowledges(&self, volumes: &[Rc<Volume>]) {
        if let Some(freeing) = &mut *self.freeing.borrow_mut() {
            freeing.serve(volumes);
        }
    }

    /// What the rule was at stake for so far.
    pub fn at_stake(&self) -> AtStake {
        self.freeing.borrow().as_ref().map(|freeing| freeing.at_stake).unwrap_or_default()
    }

    /// After each step of a life.
    pub(super) fn check_freeing(&self) {
        let changes = std::mem::take(&mut self.state.borrow_mut().changes);
        if let Some(freeing) = self.freeing.borrow_mut().as_mut().filter(|_| !changes.is_none()) {
            freeing.check(self, &changes);
        }
    }

    /// Looks at a file's bytes if the least is left of them: what no crash of this kind takes back, as long as nobody writes over it.
    pub fn least_of<T>(&self, crash: Crash, file: u64, look: impl FnOnce(&[u8]) -> T) -> T {
        let state = self.state.borrow();
        look(state.inodes.get(&file).map_or(&[], |inode| inode.least(crash)))
    }

    /// The file that has a name, if nothing is left of what was done to names and not synced.
    pub fn find_least(&self, crash: Crash, path: &str) -> Option<u64> {
        let state = self.state.borrow();
        find(if crash == Crash::Kill { &state.names } else { &state.synced_names }, path)
    }

    /// Whether an overwrite of the file's first `length` bytes needs no metadata to survive any flush of the device.
    pub fn is_prepared(&self, number: u64, length: u64) -> bool {
        let state = self.state.borrow();
        let Some(inode) = state.inodes.get(&number) else { return false };
        let is_there = |block| inode.extents.contains(&block) && inode.synced_extents.contains(&block);
        inode.synced.len() as u64 >= length && (0..length.div_ceil(BLOCK as u64)).all(is_there)
    }

    /// Why a crash may leave other bytes than these there.
    pub fn may_lose_bytes(&self, crash: Crash, file: u64, position: u64, bytes: &[u8]) -> Option<String> {
        let state = self.state.borrow();
        let Some(inode) = state.inodes.get(&file) else { return Some("the file is gone".into()) };
        let (start, end) = (position as usize, position as usize + bytes.len());
        if inode.least(crash).get(start..end) != Some(bytes) {
            return Some("it is not there".into());
        }
        if inode.now.len() < end {
            return Some(format!("the file is cut to {} bytes", inode.now.len()));
        }
        let differs = |at: usize, content: &[u8]| {
            let (from, until) = (at.max(start), (at + content.len()).min(end));
            from < until && content[from - at..until - at] != bytes[from - start..until - start]
        };
        let in_flight = inode.in_flight.iter().find(|(at, content)| differs(*at as usize, content));
        if let Some((at, content)) = in_flight {
            return Some(format!("a write of {} bytes to {at} is in flight", content.len()));
        }
        let has_block = |block: &u64| inode.synced_extents.contains(block);
        let cached =
            inode.cached.iter().filter(|(_, block, _)| crash == Crash::PowerLoss && has_block(block));
        let cached = cached.map(|(_, block, content)| (*block as usize * BLOCK, content));
        let mut over = cached.filter(|(at, content)| differs(*at, content));
        over.next().map(|(at, _)| format!("a write to {at} is in the cache"))
    }

    /// Where the blocks of a file begin that a crash may leave otherwise than as the least that is left.
    pub fn unsettled_blocks(&self, crash: Crash, file: u64) -> BTreeSet<u64> {
        let state = self.state.borrow();
        let Some(inode) = state.inodes.get(&file) else { return BTreeSet::new() };
        let least = inode.least(crash);
        let in_flight = inode
            .in_flight
            .iter()
            .flat_map(|(position, content)| (*position..).step_by(BLOCK).zip(content.chunks(BLOCK)));
        let cached = inode.cached.iter().filter(|_| crash == Crash::PowerLoss);
        let cached = cached.map(|(_, block, content)| (block * BLOCK as u64, &content[..]));
        let differs = |(at, content): &(u64, &[u8])| {
            let start = *at as usize;
            least.get(start..start + content.len()) != Some(*content)
        };
        in_flight.chain(cached).filter(differs).map(|(at, _)| at).collect()
    }

    /// Whether a crash may leave a file without a name.
    pub fn may_lose_file(&self, crash: Crash, file: u64) -> bool {
        let state = self.state.borrow();
        !is_linked(&state.names, file) || (crash == Crash::PowerLoss && !is_linked(&state.synced_names, file))
    }

    /// Whether whoever looks for a file under these names finds it, whatever is left of what was not synced.
    pub fn must_find(&self, crash: Crash, file: u64, paths: &[String]) -> bool {
        let state = self.state.borrow();
        let is_in = |names: &Names| paths.iter().any(|path| find(names, path) == Some(file));
        is_in(&state.names) && (crash == Crash::Kill || is_in(&state.synced_names))
    }
}

impl Inode {
    fn least(&self, crash: Crash) -> &[u8] {
        match crash {
            Crash::PowerLoss => &self.synced,
            Crash::Kill => &self.now,
        }
    }
}

/// Whether a file has a name in a directory that has one itself.
fn is_linked(names: &Names, file: u64) -> bool {
    let mut places = names.iter().filter(|(_, what)| **what == Name::File(file));
    places.any(|((directory, _), _)| {
        *directory == ROOT || names.values().any(|what| *what == Name::Directory(*directory))
    })
}

fn find(names: &Names, path: &str) -> Option<u64> {
    let place = match path.split_once('/') {
        None => (ROOT, path.to_owned()),
        Some((directory, name)) => (names.get(&(ROOT, directory.to_owned()))?.directory()?, name.to_owned()),
    };
    match names.get(&place) {
        Some(Name::File(file)) => Some(*file),
        _ => None,
    }
}
