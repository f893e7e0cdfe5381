//! Names: where a file or a directory is found, and what a power loss leaves of changes that were not synced.

use std::collections::BTreeSet;

use super::{Name, Names, ROOT, State};

impl State {
    /// Where a path's last name stands; `None` if there is no such directory. Paths have two names at most.
    pub(super) fn place(&self, path: &str) -> Option<(u64, String)> {
        let Some((directory, name)) = path.split_once('/') else { return Some((ROOT, path.to_owned())) };
        Some((self.directory(directory)?, name.to_owned()))
    }

    pub(super) fn find(&self, path: &str) -> Option<Name> {
        self.names.get(&self.place(path)?).copied()
    }

    /// The number of a directory; the empty path is the root's.
    pub(super) fn directory(&self, path: &str) -> Option<u64> {
        if path.is_empty() {
            return Some(ROOT);
        }
        self.find(path)?.directory()
    }

    pub(super) fn inside(&self, directory: u64) -> impl Iterator<Item = (&str, Name)> {
        let range = (directory, String::new())..(directory + 1, String::new());
        self.names.range(range).map(|((_, name), what)| (name.as_str(), *what))
    }

    pub(super) fn name_durably(&mut self, path: &str, what: Name) {
        let place = self.place(path).unwrap_or_else(|| panic!("{path}: no such directory"));
        self.changes.names = true;
        self.names.insert(place.clone(), what);
        self.synced_names.insert(place, what);
    }

    /// What a power loss leaves of the names, where `flip` decides for each change that was not synced.
    pub(super) fn names_left(&self, mut flip: impl FnMut() -> bool) -> Names {
        let places: BTreeSet<&(u64, String)> = self.names.keys().chain(self.synced_names.keys()).collect();
        let mut left = Names::new();
        for place in places {
            let (now, synced) = (self.names.get(place), self.synced_names.get(place));
            let kept = if now == synced || flip() { synced } else { now };
            if let Some(what) = kept {
                left.insert(place.clone(), *what);
            }
        }
        // A rename is one transaction: what was only renamed has its old name or its new one. A file may be seen under both, where the
        // names stand in two directories; a directory never is.
        for (place, what) in &self.synced_names {
            let Some((renamed, _)) = self.names.iter().find(|(at, other)| *other == what && *at != place)
            else {
                continue;
            };
            match (what, left.get(place) == Some(what), left.get(renamed) == Some(what)) {
                (Name::Directory(_), true, true) => {
                    left.remove(if flip() { place } else { renamed });
                }
                (Name::Directory(_), false, false) => {
                    // Whoever has the old name now was given it after the rename.
                    let place = if left.contains_key(place) { renamed } else { place };
                    left.insert(place.clone(), *what);
                }
                _ => {}
            }
        }
        // A name whose directory did not survive is gone with it, and then the file was not renamed.
        let directories: BTreeSet<u64> =
            left.values().filter_map(|what| what.directory()).chain([ROOT]).collect();
        left.retain(|(directory, _), _| directories.contains(directory));
        for (place, what) in &self.synced_names {
            let is_linked = self.names.values().any(|other| other == what);
            let is_left = left.values().any(|other| other == what);
            if is_linked && !is_left && directories.contains(&place.0) {
                left.insert(place.clone(), *what);
            }
        }
        left
    }
}
