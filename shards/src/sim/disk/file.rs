//! One file as the file system shows it, and as a power loss may leave it.
//!
//! A block has an extent, which is where the file system says that it lies, and bytes. Both exist twice: as they are seen now, and
//! as the medium has them. Bytes that were written and not flushed are *versions*: any of them, or a mix by sector, or none, may be
//! what a power loss leaves.
//!
//! Invariants: `durable` of a slot without extent is not `Same`; the versions of an extent are in the order of their marks; the
//! blocks of all extents that are not on the medium as they are seen are named in `changed`; those that have versions, in `dirty`.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::super::random::{PerMillion, Random};

pub const BLOCK: u64 = 4096;
pub const SECTOR: usize = 512;

static ZEROS: [u8; BLOCK as usize] = [0; BLOCK as usize];

/// A place in the order in which effects became visible on a volume.
pub type Mark = u64;

pub fn zeros() -> Bytes {
    Bytes::from_static(&ZEROS)
}

/// The slice of a write that fills one block; blocks of zeros are shared.
fn block_of(content: &Bytes, from: usize) -> Bytes {
    let block = &content[from..from + BLOCK as usize];
    if block == ZEROS { zeros() } else { content.slice(from..from + BLOCK as usize) }
}

/// Where the newest bytes of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// In the drive's cache: any flush of the drive makes them stable.
    Device,
    /// In the page cache: only a sync of their own file writes them.
    PageCache,
    /// A sync failed to write them, and the kernel believes that they are clean: no later sync writes them.
    Forgotten,
}

#[derive(Debug, Clone)]
pub struct Version {
    mark: Mark,
    bytes: Bytes,
    reached: Reached,
}

/// A place on the medium that belongs to a block.
#[derive(Debug, Clone)]
pub struct Extent {
    /// When it was reserved, and when it became written; a sync covers only what is older than it.
    reserved_at: Mark,
    written_at: Option<Mark>,
    medium: Bytes,
    versions: Vec<Version>,
}

impl Extent {
    fn reserve(mark: Mark) -> Self {
        Self { reserved_at: mark, written_at: None, medium: zeros(), versions: Vec::new() }
    }

    fn seen(&self) -> Option<&Bytes> {
        self.written_at?;
        Some(self.versions.last().map_or(&self.medium, |version| &version.bytes))
    }

    /// What was written up to `until` becomes stable.
    fn stabilise(&mut self, until: Mark, own_sync: bool) {
        let covered = |version: &Version| {
            version.mark <= until
                && match version.reached {
                    Reached::Device => true,
                    Reached::PageCache => own_sync,
                    Reached::Forgotten => false,
                }
        };
        if let Some(last) = self.versions.iter().rposition(covered) {
            self.medium = self.versions[last].bytes.clone();
            self.versions.drain(..=last);
        }
    }

    /// Decides what a power loss leaves of the bytes.
    fn collapse(&mut self, fate: &Fate, random: &Random) -> bool {
        let candidates = std::mem::take(&mut self.versions);
        if self.written_at.is_none() {
            self.medium = zeros();
            return false;
        }
        let Some(newest) = candidates.last() else { return false };
        if random.chance(fate.torn) {
            let mut mixed = BytesMut::with_capacity(BLOCK as usize);
            for sector in (0..BLOCK as usize).step_by(SECTOR) {
                let choice = random.below(candidates.len() as u64 + 1) as usize;
                let from = candidates.get(choice).map_or(&self.medium, |version| &version.bytes);
                mixed.extend_from_slice(&from[sector..sector + SECTOR]);
            }
            self.medium = mixed.freeze();
            return true;
        }
        if !random.chance(fate.data_kept) {
            return false;
        }
        // Mostly the newest; now and then an older one, which the drive had written back before.
        let chosen = if random.below(8) == 0 {
            &candidates[random.below(candidates.len() as u64) as usize]
        } else {
            newest
        };
        self.medium = chosen.bytes.clone();
        true
    }
}

/// What the medium's metadata says of a block.
#[derive(Debug, Clone)]
enum Durable {
    Absent,
    /// The extent that is seen, written or not.
    Same {
        written: bool,
    },
    /// An extent that the file no longer shows.
    Other(Extent, bool),
}

#[derive(Debug, Clone)]
struct Slot {
    extent: Option<Extent>,
    durable: Durable,
}

/// How much a power loss leaves of what was not synced. One is drawn for each volume and power loss.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    pub data_kept: PerMillion,
    pub torn: PerMillion,
    pub metadata_kept: PerMillion,
}

impl Fate {
    pub fn draw(random: &Random) -> Self {
        let pick = |choices: [u32; 5]| PerMillion(choices[random.below(5) as usize]);
        Self {
            data_kept: pick([0, 125_000, 500_000, 875_000, 1_000_000]),
            torn: pick([0, 0, 50_000, 200_000, 600_000]),
            metadata_kept: pick([0, 125_000, 500_000, 875_000, 1_000_000]),
        }
    }
}

/// An extent for inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockState {
    pub block: u64,
    /// FIEMAP shows it as written.
    pub written: bool,
    /// The medium's metadata has it as written, so that an overwrite needs no metadata.
    pub prepared: bool,
    /// Its newest bytes are stable.
    pub stable: bool,
}

#[derive(Debug, Default, Clone)]
pub struct FileBody {
    length: u64,
    durable_length: u64,
    /// Lengths since the durable one.
    lengths: Vec<(Mark, u64)>,
    slots: BTreeMap<u64, Slot>,
    dirty: Vec<(Mark, u64)>,
    changed: Vec<(Mark, u64)>,
}

impl FileBody {
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn durable_length(&self) -> u64 {
        self.durable_length
    }

    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.changed.is_empty() || !self.lengths.is_empty()
    }

    /// Blocks that take space.
    pub fn blocks(&self) -> u64 {
        self.slots.values().filter(|slot| slot.extent.is_some()).count() as u64
    }

    /// How many blocks of the range have no extent yet.
    pub fn missing(&self, position: u64, length: u64) -> u64 {
        let blocks = position / BLOCK..(position + length).div_ceil(BLOCK);
        let present =
            self.slots.range(blocks.clone()).filter(|(_, slot)| slot.extent.is_some()).count() as u64;
        blocks.end.saturating_sub(blocks.start) - present
    }

    fn extent(&mut self, block: u64, mark: Mark) -> &mut Extent {
        let slot = self.slots.entry(block).or_insert(Slot { extent: None, durable: Durable::Absent });
        if slot.extent.is_none() {
            self.changed.push((mark, block));
        }
        slot.extent.get_or_insert_with(|| Extent::reserve(mark))
    }

    fn put(&mut self, block: u64, bytes: Bytes, mark: Mark, reached: Reached) {
        let extent = self.extent(block, mark);
        let converted = extent.written_at.is_none();
        if converted {
            extent.written_at = Some(mark);
        }
        extent.versions.push(Version { mark, bytes, reached });
        self.dirty.push((mark, block));
        if converted {
            self.changed.push((mark, block));
        }
    }

    fn set_seen_length(&mut self, length: u64, mark: Mark) {
        if length != self.length {
            self.length = length;
            self.lengths.push((mark, length));
        }
    }

    /// A direct write of whole blocks lands: those for which `lands` says so.
    pub fn write_blocks(
        &mut self,
        position: u64,
        content: &Bytes,
        mark: Mark,
        mut lands: impl FnMut(u64) -> bool,
    ) {
        let first = position / BLOCK;
        for index in 0..content.len() as u64 / BLOCK {
            if lands(index) {
                self.put(first + index, block_of(content, (index * BLOCK) as usize), mark, Reached::Device);
            }
        }
    }

    /// A write of some bytes lands in the page cache.
    pub fn write_bytes(&mut self, position: u64, content: &[u8], mark: Mark) {
        let mut done = 0;
        while done < content.len() {
            let at = position + done as u64;
            let within = (at % BLOCK) as usize;
            let count = (BLOCK as usize - within).min(content.len() - done);
            let mut bytes = BytesMut::from(&self.seen_block(at / BLOCK)[..]);
            bytes[within..within + count].copy_from_slice(&content[done..done + count]);
            self.put(at / BLOCK, bytes.freeze(), mark, Reached::PageCache);
            done += count;
        }
        self.extend_to(position + content.len() as u64, mark);
    }

    pub fn extend_to(&mut self, end: u64, mark: Mark) {
        self.set_seen_length(self.length.max(end), mark);
    }

    /// Reserves extents for the range; how many blocks are new.
    pub fn allocate(&mut self, position: u64, length: u64, mark: Mark) -> u64 {
        let mut added = 0;
        for block in position / BLOCK..(position + length).div_ceil(BLOCK) {
            added += u64::from(self.slots.get(&block).is_none_or(|slot| slot.extent.is_none()));
            self.extent(block, mark);
        }
        self.extend_to(position + length, mark);
        added
    }

    /// Cuts or extends; how many blocks became free.
    pub fn set_length(&mut self, length: u64, mark: Mark) -> u64 {
        let mut freed = 0;
        let keep = length.div_ceil(BLOCK);
        if length < self.length {
            let gone: Vec<u64> =
                self.slots.range(keep..).filter(|(_, s)| s.extent.is_some()).map(|(b, _)| *b).collect();
            for block in gone {
                freed += 1;
                self.detach(block, mark);
            }
        }
        // The part of the last block that is, or was, behind the end reads as zeros when the file grows over it.
        let edge = length.min(self.length);
        let within = (edge % BLOCK) as usize;
        let holds_bytes =
            self.slots.get(&(edge / BLOCK)).and_then(|s| s.extent.as_ref()).and_then(Extent::seen);
        if within > 0 && holds_bytes.is_some_and(|bytes| bytes[within..] != ZEROS[within..]) {
            let mut bytes = BytesMut::from(&self.seen_block(edge / BLOCK)[..]);
            bytes[within..].fill(0);
            self.put(edge / BLOCK, bytes.freeze(), mark, Reached::PageCache);
        }
        self.set_seen_length(length, mark);
        freed
    }

    fn detach(&mut self, block: u64, mark: Mark) {
        let Some(slot) = self.slots.get_mut(&block) else { return };
        let Some(extent) = slot.extent.take() else { return };
        if let Durable::Same { written } = slot.durable {
            slot.durable = Durable::Other(extent, written);
        }
        self.changed.push((mark, block));
    }

    /// What a read sees; zeros where nothing was written.
    pub fn seen_block(&self, block: u64) -> Bytes {
        self.slots.get(&block).and_then(|slot| slot.extent.as_ref()?.seen().cloned()).unwrap_or_else(zeros)
    }

    /// What is left of a block if a power loss drops all that it may drop.
    pub fn durable_block(&self, block: u64) -> Bytes {
        let durable = self.slots.get(&block).and_then(|slot| match (&slot.durable, &slot.extent) {
            (Durable::Same { written: true }, Some(extent)) | (Durable::Other(extent, true), _) => {
                Some(&extent.medium)
            }
            _ => None,
        });
        durable.cloned().unwrap_or_else(zeros)
    }

    /// Where the written extents that begin at `from` end.
    pub fn written_until(&self, from: u64, to: u64) -> u64 {
        let limit = to.min(self.length) / BLOCK * BLOCK;
        let mut end = from;
        while end < limit
            && self
                .slots
                .get(&(end / BLOCK))
                .is_some_and(|s| s.extent.as_ref().is_some_and(|e| e.written_at.is_some()))
        {
            end = (end / BLOCK + 1) * BLOCK;
        }
        end
    }

    pub fn states(&self) -> Vec<BlockState> {
        let state = |(block, slot): (&u64, &Slot)| {
            let extent = slot.extent.as_ref()?;
            Some(BlockState {
                block: *block,
                written: extent.written_at.is_some(),
                prepared: matches!(slot.durable, Durable::Same { written: true }),
                stable: extent.versions.is_empty(),
            })
        };
        self.slots.iter().filter_map(state).collect()
    }

    /// Whether an overwrite of the whole range would need no metadata.
    pub fn is_prepared(&self, position: u64, length: u64) -> bool {
        let end = position + length;
        let durable = |block| {
            self.slots
                .get(&block)
                .is_some_and(|s| s.extent.is_some() && matches!(s.durable, Durable::Same { written: true }))
        };
        end <= self.durable_length && (position / BLOCK..end.div_ceil(BLOCK)).all(durable)
    }

    /// The drive flushed its cache: data written up to `until` is stable, wherever the metadata says that it lies.
    pub fn flush(&mut self, until: Mark, own_sync: bool) {
        let Self { dirty, slots, .. } = self;
        dirty.retain(|&(_, block)| {
            let Some(slot) = slots.get_mut(&block) else { return false };
            let mut left = false;
            let old = if let Durable::Other(extent, _) = &mut slot.durable { Some(extent) } else { None };
            for extent in slot.extent.iter_mut().chain(old) {
                extent.stabilise(until, own_sync);
                left |= !extent.versions.is_empty();
            }
            left
        });
    }

    /// The file's own metadata was committed, as it was at `until`.
    pub fn commit(&mut self, until: Mark) {
        if let Some(&(_, length)) = self.lengths.iter().rev().find(|(mark, _)| *mark <= until) {
            self.durable_length = length;
            self.lengths.retain(|(mark, _)| *mark > until);
        }
        for (mark, block) in std::mem::take(&mut self.changed) {
            if mark > until {
                self.changed.push((mark, block));
                continue;
            }
            let Some(slot) = self.slots.get_mut(&block) else { continue };
            match &slot.extent {
                Some(extent) if extent.reserved_at <= until => {
                    let written = extent.written_at.is_some_and(|mark| mark <= until);
                    slot.durable = Durable::Same { written };
                }
                // Cut and reserved again since: the old one is gone with this commit, the new one is not yet there.
                Some(_) => slot.durable = Durable::Absent,
                None => {
                    self.slots.remove(&block);
                }
            }
        }
    }

    /// A sync failed: what it should have written from the page cache is taken for clean.
    pub fn forget(&mut self, until: Mark) {
        for (_, block) in &self.dirty {
            let extent = self.slots.get_mut(block).and_then(|slot| slot.extent.as_mut());
            for version in extent.into_iter().flat_map(|extent| &mut extent.versions) {
                if version.mark <= until && version.reached == Reached::PageCache {
                    version.reached = Reached::Forgotten;
                }
            }
        }
    }

    /// Decides what a power loss leaves. How many blocks of unsynced data were kept.
    pub fn collapse(&mut self, fate: &Fate, random: &Random) -> u64 {
        let length = self.collapse_length(fate, random);
        let whole = random.coin().then(|| random.chance(fate.metadata_kept));
        let mut changed: Vec<u64> =
            std::mem::take(&mut self.changed).into_iter().map(|(_, block)| block).collect();
        changed.sort_unstable();
        changed.dedup();
        for block in changed {
            let keep = whole.unwrap_or_else(|| random.chance(fate.metadata_kept));
            self.collapse_extent(block, keep, length);
        }
        let mut dirty: Vec<u64> =
            std::mem::take(&mut self.dirty).into_iter().map(|(_, block)| block).collect();
        dirty.sort_unstable();
        dirty.dedup();
        let mut kept = 0;
        for block in dirty {
            let extent = self.slots.get_mut(&block).and_then(|slot| slot.extent.as_mut());
            kept += extent.map_or(0, |extent| u64::from(extent.collapse(fate, random)));
        }
        // What lies behind the end is given back when the file system is mounted.
        drop(self.slots.split_off(&length.div_ceil(BLOCK)));
        self.clear_behind_end();
        kept
    }

    /// The rest of the last block reads as zeros when the file grows over it.
    fn clear_behind_end(&mut self) {
        let within = (self.length % BLOCK) as usize;
        let extent = self.slots.get_mut(&(self.length / BLOCK)).and_then(|slot| slot.extent.as_mut());
        let Some(extent) = extent.filter(|extent| within > 0 && extent.medium[within..] != ZEROS[within..])
        else {
            return;
        };
        let mut bytes = BytesMut::from(&extent.medium[..]);
        bytes[within..].fill(0);
        extent.medium = bytes.freeze();
    }

    fn collapse_length(&mut self, fate: &Fate, random: &Random) -> u64 {
        let lengths = std::mem::take(&mut self.lengths);
        if !lengths.is_empty() && random.chance(fate.metadata_kept) {
            let last = lengths.len() - 1;
            let chosen = if random.coin() { last } else { random.below(lengths.len() as u64) as usize };
            self.durable_length = lengths[chosen].1;
        }
        self.length = self.durable_length;
        self.length
    }

    /// Keeps the extent that is seen, or goes back to the one on the medium. A cut is one step with its length.
    fn collapse_extent(&mut self, block: u64, keep: bool, length: u64) {
        let Some(slot) = self.slots.remove(&block) else { return };
        let inside = block * BLOCK < length;
        let survivor = match (slot.extent, slot.durable) {
            (Some(extent), Durable::Same { written }) => {
                let written_at = if keep || written { extent.written_at } else { None };
                Some(Extent { written_at, ..extent })
            }
            (Some(extent), Durable::Absent) => keep.then_some(extent),
            (Some(extent), Durable::Other(old, written)) => {
                if keep {
                    Some(extent)
                } else {
                    Some(Extent { written_at: if written { old.written_at } else { None }, ..old })
                }
            }
            (None, Durable::Other(old, written)) if inside => {
                Some(Extent { written_at: if written { old.written_at } else { None }, ..old })
            }
            (None, _) => None,
        };
        if let Some(mut extent) = survivor {
            if extent.written_at.is_none() {
                extent.medium = zeros();
            }
            let durable = Durable::Same { written: extent.written_at.is_some() };
            self.slots.insert(block, Slot { extent: Some(extent), durable });
        }
    }

    /// Turns one bit over, on the medium and in whatever lies above it. False if nothing was written there.
    pub fn flip_bit(&mut self, position: u64, bit: u8) -> bool {
        let flip = |bytes: &mut Bytes| {
            let mut changed = BytesMut::from(&bytes[..]);
            changed[(position % BLOCK) as usize] ^= 1 << (bit % 8);
            *bytes = changed.freeze();
        };
        let extent = self.slots.get_mut(&(position / BLOCK)).and_then(|slot| slot.extent.as_mut());
        let Some(extent) = extent.filter(|extent| extent.written_at.is_some()) else { return false };
        flip(&mut extent.medium);
        extent.versions.iter_mut().for_each(|version| flip(&mut version.bytes));
        true
    }

    /// Whole blocks become others, on the medium and for everyone who looks. False, and nothing, unless all of them were written.
    pub fn overwrite(&mut self, position: u64, content: &[u8]) -> bool {
        let blocks = content.chunks_exact(BLOCK as usize);
        let is_whole = position.is_multiple_of(BLOCK) && blocks.remainder().is_empty();
        let first = position / BLOCK;
        let is_written = |block| {
            let extent = self.slots.get(&block).and_then(|slot| slot.extent.as_ref());
            extent.is_some_and(|extent| extent.written_at.is_some())
        };
        if !is_whole || !(first..first + blocks.len() as u64).all(is_written) {
            return false;
        }
        for (block, bytes) in (first..).zip(blocks) {
            if let Some(extent) = self.slots.get_mut(&block).and_then(|slot| slot.extent.as_mut()) {
                extent.medium = Bytes::copy_from_slice(bytes);
                extent.versions.clear();
            }
        }
        let Self { dirty, slots, .. } = self;
        dirty.retain(|(_, block)| {
            let extent = slots.get(block).and_then(|slot| slot.extent.as_ref());
            extent.is_some_and(|extent| !extent.versions.is_empty())
        });
        true
    }

    pub fn check(&self) {
        for (block, slot) in &self.slots {
            let seen_elsewhere = slot.extent.is_some() || !matches!(slot.durable, Durable::Same { .. });
            assert!(seen_elsewhere, "block {block} is durable as an extent that is gone");
            if let Some(extent) = &slot.extent {
                assert!(
                    extent.versions.is_sorted_by_key(|version| version.mark),
                    "block {block}: versions out of order"
                );
                assert!(
                    extent.versions.is_empty() || self.dirty.iter().any(|(_, dirty)| dirty == block),
                    "block {block} is dirty"
                );
                let same = matches!(slot.durable, Durable::Same { written } if written == extent.written_at.is_some());
                assert!(
                    same || self.changed.iter().any(|(_, changed)| changed == block),
                    "block {block} has changed"
                );
            }
        }
    }
}
