//! Hint files that go, rot, or come again from an older life.

use std::collections::BTreeMap;

use logan_storage::root::Root;

use super::disk::Disk;
use super::runtime::Runtime;

/// Of these a wrong one is noticed, by its checksum or by the batches.
const CHECKED: [&str; 3] = [".index", ".timeindex", ".snapshot"];
const SNAPSHOT: &str = ".snapshot";

fn is_checked(path: &str) -> bool {
    CHECKED.iter().any(|end| path.ends_with(end))
}

fn is_hint(path: &str) -> bool {
    is_checked(path) || path.ends_with("/leader-epoch-checkpoint")
}

pub fn remove_all(disk: &Disk) {
    disk.paths().iter().filter(|path| is_hint(path)).for_each(|path| disk.remove(path));
}

/// A bit of each is another one. (What has neither a checksum nor a batch that contradicts it, the epoch file, is removed.)
pub fn garble_all(disk: &Disk, runtime: &Runtime) {
    for path in disk.paths().iter().filter(|path| is_hint(path)) {
        if is_checked(path) { garble(disk, runtime, path) } else { disk.remove(path) }
    }
}

fn garble(disk: &Disk, runtime: &Runtime, path: &str) {
    disk.damage(path, |bytes| {
        if !bytes.is_empty() {
            let at = runtime.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << runtime.below(8);
        }
    });
}

/// Some are gone or garbled.
pub fn spoil_some(disk: &Disk, runtime: &Runtime) {
    for path in disk.paths().iter().filter(|path| is_hint(path)) {
        match runtime.below(4) {
            0 => disk.remove(path),
            1 if is_checked(path) => garble(disk, runtime, path),
            _ => {}
        }
    }
}

/// The hint files that there were at some moment.
#[derive(Default, Clone)]
pub struct Older(BTreeMap<String, Vec<u8>>);

impl Older {
    /// Takes what there is now in addition to what was there before.
    pub fn remember(&mut self, disk: &Disk) {
        for path in disk.paths().into_iter().filter(|path| is_checked(path)) {
            let content = disk.content(&path).expect("it is there");
            self.0.insert(path, content);
        }
    }

    pub fn add(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Those that `which` chooses are there again, as they were: indexes instead of what they have become, and whatever has gone. Of two snapshots
    /// of one name either is whole, and says what its life knew: nothing but the ledger tells which names count, so it is only brought
    /// back where there is none, and never into a directory that was closed: there, files are what is known. Returns how many are other than
    /// they were.
    pub fn bring_back(&self, disk: &Disk, mut which: impl FnMut() -> bool) -> usize {
        let root = disk.content("logan/root").and_then(|root| Root::decode(&root).ok());
        if root.is_none_or(|root| root.is_clean) {
            return 0;
        }
        let mut brought = 0;
        for (path, content) in &self.0 {
            let directory = path.split_once('/').map_or("", |(directory, _)| directory);
            let now = disk.content(path);
            let may_be = now.is_none() || !path.ends_with(SNAPSHOT);
            let has_place = disk.paths().iter().any(|path| path == directory);
            if !has_place || !may_be || now.as_ref() == Some(content) || !which() {
                continue;
            }
            if now.is_some() {
                disk.remove(path);
            }
            disk.create(path, content);
            brought += 1;
        }
        brought
    }
}
