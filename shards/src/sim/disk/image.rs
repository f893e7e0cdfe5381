//! What a power loss at this moment would leave, beside a run that goes on.
//!
//! A checker takes an image after an event, restores it in a simulation of its own, and lets the node recover there. So every
//! moment of one run can be a crash, without running it again from its beginning.

use std::collections::BTreeMap;

use super::super::NodeId;
use super::super::random::Random;
use super::super::simulation::Simulation;
use super::file::Fate;
use super::volume::Volume;
use super::{Disks, Mount};

/// The disks of a node as a power loss left them.
#[derive(Debug, Clone)]
pub struct DiskImage {
    volumes: Vec<Volume>,
}

impl Simulation {
    /// What the disks of a node would hold after a power loss now. `seed` decides what is left of that which was not synced; nothing
    /// is drawn from the run, and nothing in it changes.
    pub fn crash_image(&self, node: NodeId, seed: u64) -> DiskImage {
        let random = Random::new(seed);
        let disks = self.world().disks.borrow();
        let own = disks.mounts.iter().enumerate().filter(|(_, mount)| mount.node == node);
        let mut volumes: BTreeMap<usize, Volume> =
            own.map(|(index, mount)| (index, mount.volume.clone())).collect();
        for operation in disks.operations.values() {
            if let Some(volume) = volumes.get_mut(&operation.volume)
                && operation.outcome.is_none()
                && operation.action.changes()
            {
                operation.land_in_part(volume, &random);
            }
        }
        for volume in volumes.values_mut() {
            volume.collapse(&Fate::draw(&random), &random);
        }
        DiskImage { volumes: volumes.into_values().collect() }
    }

    /// Gives a node the disks of an image: right after it was added, before anything runs.
    ///
    /// # Panics
    /// If the node has a disk already.
    pub fn restore(&self, node: NodeId, image: DiskImage) {
        let mut disks = self.world().disks.borrow_mut();
        let Disks { mounts, .. } = &mut *disks;
        assert!(mounts.iter().all(|mount| mount.node != node), "the node has a disk");
        let mount =
            |volume| Mount { node, volume, epoch: 0, locks: BTreeMap::new(), claims: BTreeMap::new() };
        mounts.extend(image.volumes.into_iter().map(mount));
    }
}
