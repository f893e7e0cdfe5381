//! What a test may do to the disks of a node from outside, and what a checker may see of them.

use std::collections::BTreeMap;

use super::super::clock::Event;
use super::super::simulation::Simulation;
use super::super::{NodeId, World};
use super::faults::{Fault, FaultId, Verb};
use super::file::{BLOCK, BlockState};
use super::volume::FileNumber;
use super::{Mount, Operation, OperationId};
use crate::disk::Flushing;

/// A file, as it is seen now or as the worst power loss leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    pub number: u64,
    pub length: u64,
}

/// An operation under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Below the root of its file system.
    pub path: String,
    pub verb: Verb,
    pub position: u64,
    pub length: u64,
    /// Its process is dead.
    pub orphaned: bool,
}

impl World {
    fn with_mount<T>(&self, node: NodeId, path: &str, look: impl FnOnce(&mut Mount, &str) -> T) -> Option<T> {
        let mut disks = self.disks.borrow_mut();
        let (index, below) = disks.find_mount(node, path.trim_end_matches('/'))?;
        Some(look(&mut disks.mounts[index], &below))
    }

    fn with_file<T>(
        &self,
        node: NodeId,
        path: &str,
        durable: bool,
        look: impl FnOnce(&mut Mount, FileNumber) -> T,
    ) -> Option<T> {
        self.with_mount(node, path, |mount, below| {
            let number = mount.volume.files(durable).get(below).copied()?;
            Some(look(mount, number))
        })?
    }
}

impl Simulation {
    /// Makes a file system before anything opens it. `root` is an absolute path.
    ///
    /// # Panics
    /// If something is mounted there.
    pub fn mount(&self, node: NodeId, root: &str, flushing: Flushing, capacity_bytes: u64) {
        let mut disks = self.world().disks.borrow_mut();
        assert!(disks.find_mount(node, root).is_none(), "{root} is mounted");
        disks.mount(node, root, flushing, capacity_bytes);
    }

    /// Changes how much a file system holds.
    pub fn set_capacity(&self, node: NodeId, root: &str, bytes: u64) {
        let found =
            self.world().with_mount(node, root, |mount, _| mount.volume.capacity_blocks = bytes / BLOCK);
        assert!(found.is_some(), "{root} is not mounted");
    }

    /// How much a file system holds, and how much of it is free.
    pub fn capacity_bytes(&self, node: NodeId, root: &str) -> (u64, u64) {
        let bytes = |mount: &mut Mount, _: &str| {
            (mount.volume.capacity_blocks * BLOCK, mount.volume.free_blocks() * BLOCK)
        };
        self.world().with_mount(node, root, bytes).unwrap_or_default()
    }

    pub fn add_fault(&self, fault: Fault) -> FaultId {
        self.world().disks.borrow_mut().faults.add(fault)
    }

    pub fn remove_fault(&self, id: FaultId) {
        self.world().disks.borrow_mut().faults.remove(id);
    }

    /// Lets operations that hang for ever go on.
    pub fn release_hangs(&self, node: NodeId) {
        let world = self.world();
        let mut disks = world.disks.borrow_mut();
        let super::Disks { mounts, operations, .. } = &mut *disks;
        for (id, operation) in operations.iter_mut() {
            let hangs = operation.moment.is_none()
                && operation.outcome.is_none()
                && !operation.worker.is_waited_for();
            if hangs && mounts[operation.volume].node == node {
                operation.moment = Some(world.clock.enter(world.clock.now(), Event::Disk(*id)));
            }
        }
    }

    /// How many events the node's disks had: submissions and completions.
    pub fn io_events(&self, node: NodeId) -> u64 {
        self.world().disks.borrow().io.get(&node).map_or(0, |io| io.events)
    }

    /// Power loss right after the node's `event`-th I/O event, counted from the beginning of the run.
    pub fn crash_at_io(&self, node: NodeId, event: u64) {
        self.world().disks.borrow_mut().io.entry(node).or_default().crash_at = Some(event);
    }

    /// All files of a file system by path below its root: as they are seen, or (`durable`) as the worst power loss leaves them now.
    pub fn files(&self, node: NodeId, root: &str, durable: bool) -> BTreeMap<String, FileView> {
        let view = |mount: &mut Mount| {
            let files = mount.volume.files(durable).into_iter();
            let length = |number| {
                mount
                    .volume
                    .body(number)
                    .map_or(0, |body| if durable { body.durable_length() } else { body.length() })
            };
            files.map(|(path, number)| (path, FileView { number, length: length(number) })).collect()
        };
        self.world().with_mount(node, root, |mount, _| view(mount)).unwrap_or_default()
    }

    /// The content of a file: as it is seen, or as the worst power loss leaves it now. `None` if there is no such file then.
    pub fn content(&self, node: NodeId, path: &str, durable: bool) -> Option<Vec<u8>> {
        self.world().with_file(node, path, durable, |mount, number| {
            let body = mount.volume.body(number)?;
            let length = if durable { body.durable_length() } else { body.length() };
            let block = |block| if durable { body.durable_block(block) } else { body.seen_block(block) };
            let mut bytes: Vec<u8> = (0..length.div_ceil(BLOCK)).flat_map(block).collect();
            bytes.truncate(length as usize);
            Some(bytes)
        })?
    }

    /// The extents of a file, in order.
    pub fn extents(&self, node: NodeId, path: &str) -> Vec<BlockState> {
        let states = |mount: &mut Mount, number| mount.volume.body(number).map(super::file::FileBody::states);
        self.world().with_file(node, path, false, states).flatten().unwrap_or_default()
    }

    /// Whether an overwrite of this range of a file would need no metadata to be durable after any flush.
    pub fn is_prepared(&self, node: NodeId, number: u64, position: u64, length: u64) -> bool {
        let disks = self.world().disks.borrow();
        let bodies = disks
            .mounts
            .iter()
            .filter(|mount| mount.node == node)
            .filter_map(|mount| mount.volume.body(number));
        bodies.into_iter().any(|body| body.is_prepared(position, length))
    }

    /// Whether a directory is there, as seen now.
    pub fn has_directory(&self, node: NodeId, path: &str) -> bool {
        self.world().with_mount(node, path, |mount, below| mount.volume.list(below).is_ok()).unwrap_or(false)
    }

    /// How many changes of names a power loss may drop.
    pub fn unsynced_names(&self, node: NodeId, root: &str) -> usize {
        self.world().with_mount(node, root, |mount, _| mount.volume.unsynced_names()).unwrap_or(0)
    }

    /// What is under way on the disks of a node, oldest first.
    pub fn in_flight(&self, node: NodeId) -> Vec<InFlight> {
        let disks = self.world().disks.borrow();
        let view = |(_, operation): (&OperationId, &Operation)| {
            if operation.outcome.is_some() || disks.mounts[operation.volume].node != node {
                return None;
            }
            let (position, length) = operation.action.range();
            let orphaned = !self.world().is_alive(operation.process);
            let path = operation.path.to_string();
            Some(InFlight { path, verb: operation.action.verb(), position, length, orphaned })
        };
        disks.operations.iter().filter_map(view).collect()
    }

    /// Turns one bit of a file over, on the medium. False if nothing was written there.
    pub fn flip_bit(&self, node: NodeId, path: &str, position: u64, bit: u8) -> bool {
        let flip = |mount: &mut Mount, number| {
            mount.volume.body_mut(number).is_some_and(|body| body.flip_bit(position, bit))
        };
        self.world().with_file(node, path, false, flip).unwrap_or(false)
    }

    /// Puts other bytes onto the medium, in whole blocks that were written before: those of another time, or of another half of a mirror. False if
    /// nothing was written there.
    pub fn overwrite(&self, node: NodeId, path: &str, position: u64, content: &[u8]) -> bool {
        let overwrite = |mount: &mut Mount, number| {
            mount.volume.body_mut(number).is_some_and(|body| body.overwrite(position, content))
        };
        self.world().with_file(node, path, false, overwrite).unwrap_or(false)
    }

    /// Checks the invariants of the machine itself.
    pub fn check(&self) {
        self.world().disks.borrow().check();
        self.world().processes.borrow().check();
        self.world().check_network();
    }
}
