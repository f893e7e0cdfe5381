//! Snapshots of the metadata: taken when its log has grown, and what a start makes of one and of the entries after it.
//!
//! Before the records of its image, a snapshot keeps deletions of topics of which a log may be left (`deletions`).
//!
//! Invariant: a snapshot that says it reaches an entry holds what the entries up to that one come to.

use logan_raft::{Committed, Quorum};
use logan_storage::planted;

use super::deletions::Deletions;
use super::{Shell, metadata_codec};
use crate::metadata::{ApplyError, Image, Record};
use crate::model::ImageVersion;

/// What became of snapshots, for checkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshots {
    pub begun: u32,
    /// Durable, in place of the log before.
    pub taken: u32,
    /// Starts that found one.
    pub found: u32,
    /// Deletions of topics that those taken keep.
    pub deletions: u32,
}

impl std::ops::Sub for Snapshots {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            begun: self.begun - other.begun,
            taken: self.taken - other.taken,
            found: self.found - other.found,
            deletions: self.deletions - other.deletions,
        }
    }
}

impl std::ops::AddAssign for Snapshots {
    fn add_assign(&mut self, other: Self) {
        self.begun += other.begun;
        self.taken += other.taken;
        self.found += other.found;
        self.deletions += other.deletions;
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
    /// No topic was ever created here.
    pub is_new: bool,
    pub deletions: Deletions,
}

/// Rebuilds the image from a snapshot and the entries after it.
pub(super) fn replay(
    shell: &Shell,
    cluster_id: &str,
    recovered: logan_raft::Recovered,
) -> Result<Replayed, String> {
    let mut replayed =
        Replayed { image: Image::new(cluster_id), is_new: true, deletions: Deletions::default() };
    if let Some((index, data)) = recovered.snapshot {
        shell.count_snapshots(|counted| counted.found += 1);
        let is_passed_over = planted(shell.plan.mutations.start_without_snapshot);
        let records = if is_passed_over { Ok(Vec::new()) } else { metadata_codec::decode(data) };
        let records = records.map_err(|error| format!("snapshot {index}: {error}"))?;
        replayed.apply(records, index).map_err(|error| format!("snapshot {index}: {error}"))?;
    }
    for entry in recovered.committed {
        let records = records_of(&entry)?;
        replayed.apply(records, entry.index).map_err(|error| format!("entry {}: {error}", entry.index))?;
    }
    Ok(replayed)
}

impl Replayed {
    fn apply(&mut self, records: Vec<Record>, index: u64) -> Result<(), ApplyError> {
        for record in records {
            self.is_new &= !matches!(record, Record::Topic { .. });
            self.deletions.note(&self.image, &record);
            self.image.apply(&record)?;
        }
        self.image.set_version(ImageVersion(index));
        Ok(())
    }
}

pub(super) fn records_of(entry: &Committed) -> Result<Vec<Record>, String> {
    if entry.data.is_empty() {
        return Ok(Vec::new());
    }
    metadata_codec::decode(entry.data.clone()).map_err(|error| format!("entry {}: {error}", entry.index))
}

/// Keeps an image in place of the log up to its version, and the deletions that are remembered.
pub(super) async fn take(shell: &Shell, quorum: &Quorum, image: &Image, deletions: &Deletions) {
    let mutations = shell.plan.mutations;
    if planted(mutations.forget_snapshots) {
        return;
    }
    let mut index = image.version().0;
    let mut records =
        if planted(mutations.snapshot_without_deletions) { Vec::new() } else { deletions.records() };
    records.extend(image.records());
    if planted(mutations.snapshot_ahead) {
        index += 1;
    }
    if planted(mutations.snapshot_behind) {
        index -= 1;
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
        Ok(()) => shell.count_snapshots(|counted| {
            counted.taken += 1;
            counted.deletions += deletions.len() as u32;
        }),
        Err(error) => {
            tracing::error!(error, "the metadata could not be written to a snapshot; its log grows on");
        }
    }
}
