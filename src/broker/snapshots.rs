//! Snapshots of the metadata: taken when its log has grown, and what a start makes of one and of the entries after it.
//!
//! Beside the records of its image, a snapshot keeps the deletions of topics of which a log may be left somewhere: a directory that was offline
//! then brings it back, and a log of a topic that the metadata neither knows nor has deleted would keep that directory from being used.
//!
//! Invariant: a snapshot that says it reaches an entry holds what the entries up to that one come to.

use std::collections::BTreeSet;

use logan_raft::{Committed, Quorum};
use logan_storage::planted;

use super::{Shell, metadata_codec};
use crate::metadata::{ApplyError, Image, Record};
use crate::model::{ImageVersion, Uuid};

/// What became of snapshots, for checkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshots {
    pub begun: u32,
    /// Durable, in place of the log before.
    pub taken: u32,
    /// Starts that found one.
    pub found: u32,
}

impl std::ops::Sub for Snapshots {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            begun: self.begun - other.begun,
            taken: self.taken - other.taken,
            found: self.found - other.found,
        }
    }
}

impl std::ops::AddAssign for Snapshots {
    fn add_assign(&mut self, other: Self) {
        self.begun += other.begun;
        self.taken += other.taken;
        self.found += other.found;
    }
}

impl Shell {
    /// Of the life of this process.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.get()
    }

    fn count_snapshots(&self, count: impl FnOnce(&mut Snapshots)) {
        let mut counted = self.snapshots.get();
        count(&mut counted);
        self.snapshots.set(counted);
    }

    /// Bytes of the metadata log since its last snapshot, once the quorum runs here.
    pub fn metadata_log_bytes(&self) -> Option<u64> {
        let commands = self.commands.borrow();
        commands.as_ref().map(|commands| commands.quorum.status().bytes_since_snapshot)
    }
}

/// What a snapshot and the entries after it come to.
pub(super) struct Replayed {
    pub image: Image,
    /// See [`OpenedMetadata`].
    pub is_new: bool,
    pub deleted: BTreeSet<Uuid>,
}

/// Rebuilds the image from a snapshot and the entries after it.
pub(super) fn replay(
    shell: &Shell,
    cluster_id: &str,
    recovered: logan_raft::Recovered,
) -> Result<Replayed, String> {
    let mut is_new = recovered.snapshot.is_none();
    let (mut image, mut deleted) = match recovered.snapshot {
        None => (Image::new(cluster_id), BTreeSet::new()),
        Some((index, data)) => {
            shell.count_snapshots(|counted| counted.found += 1);
            let is_passed_over = planted(shell.plan.mutations.start_without_snapshot);
            let records = if is_passed_over { Ok(Vec::new()) } else { metadata_codec::decode(data) };
            let records = records.map_err(|error| format!("snapshot {index}: {error}"))?;
            restore(cluster_id, index, records).map_err(|error| format!("snapshot {index}: {error}"))?
        }
    };
    for entry in recovered.committed {
        for record in records_of(&entry)? {
            match record {
                Record::Topic { .. } => is_new = false,
                Record::RemoveTopic { id } => drop(deleted.insert(id)),
                _ => {}
            }
            image.apply(&record).map_err(|error| format!("entry {}: {error}", entry.index))?;
        }
        image.set_version(ImageVersion(entry.index));
    }
    Ok(Replayed { image, is_new, deleted })
}

/// The image of a snapshot, and the deletions that it keeps.
fn restore(
    cluster_id: &str,
    index: u64,
    mut records: Vec<Record>,
) -> Result<(Image, BTreeSet<Uuid>), ApplyError> {
    let mut deleted = BTreeSet::new();
    records.retain(|record| match record {
        Record::RemoveTopic { id } => {
            deleted.insert(*id);
            false
        }
        _ => true,
    });
    Ok((Image::restore(cluster_id, ImageVersion(index), &records)?, deleted))
}

pub(super) fn records_of(entry: &Committed) -> Result<Vec<Record>, String> {
    if entry.data.is_empty() {
        return Ok(Vec::new());
    }
    metadata_codec::decode(entry.data.clone()).map_err(|error| format!("entry {}: {error}", entry.index))
}

/// Keeps an image in place of the log up to its version, and `deleted`: topics of which a log may be left.
pub(super) async fn take(shell: &Shell, quorum: &Quorum, image: &Image, deleted: &BTreeSet<Uuid>) {
    let mutations = shell.plan.mutations;
    if planted(mutations.forget_snapshots) {
        return;
    }
    let (mut index, mut records) = (image.version().0, image.records());
    if planted(mutations.snapshot_ahead) {
        index += 1;
    }
    if planted(mutations.snapshot_behind) {
        index -= 1;
    }
    if !planted(mutations.snapshot_without_deletions) {
        records.extend(deleted.iter().map(|id| Record::RemoveTopic { id: *id }));
    }
    if planted(mutations.snapshot_without_producer_ids) {
        records.retain(|record| !matches!(record, Record::ProducerIds(_)));
    }
    shell.count_snapshots(|counted| counted.begun += 1);
    let written = match metadata_codec::encode(&records) {
        Ok(data) => quorum.snapshot(index, data).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match written {
        Ok(()) => shell.count_snapshots(|counted| counted.taken += 1),
        Err(error) => {
            tracing::error!(error, "the metadata could not be written to a snapshot; its log grows on");
        }
    }
}
