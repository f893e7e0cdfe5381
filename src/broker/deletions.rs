//! Topics that were deleted, and of which a log may be left somewhere. A directory that was away when they were deleted brings such a log back, and one of
//! a topic that the metadata neither knows nor has deleted keeps a directory from being used: so a deletion is remembered, in snapshots of the metadata
//! too, until every directory that had a log of the topic has been there to lose it.
//!
//! In a snapshot a deletion is the records that would make it: the topic, its partitions as far as they say in which directories it was, and its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::image::Partition;
use crate::metadata::{Image, Record};
use crate::model::{PartitionId, PartitionIndex, Uuid};

#[derive(Debug, Clone, Default)]
pub(super) struct Deletions(BTreeMap<Uuid, Deletion>);

#[derive(Debug, Clone)]
struct Deletion {
    name: String,
    /// One for each choice of directories that a partition had.
    partitions: Vec<(PartitionIndex, Arc<Partition>)>,
}

/// The log directories of this node.
#[derive(Debug, Clone)]
pub(super) struct Directories {
    pub online: Vec<Uuid>,
    /// In `log.dirs`.
    pub configured: usize,
}

impl Directories {
    /// Whether a log may be left in the directory of this id; zero is one that nobody noted.
    fn may_hide(&self, directory: Uuid) -> bool {
        if directory.is_zero() {
            return self.online.len() < self.configured;
        }
        !self.online.contains(&directory)
    }
}

impl Deletion {
    fn directories(&self) -> impl Iterator<Item = Uuid> {
        self.partitions.iter().flat_map(|(_, partition)| partition.directories.iter().copied())
    }
}

impl Deletions {
    pub fn contains(&self, topic: Uuid) -> bool {
        self.0.contains_key(&topic)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All in which a log of any of them was.
    pub fn directories(&self) -> Vec<Uuid> {
        self.0.values().flat_map(Deletion::directories).collect()
    }

    /// Notes what a record deletes, before it is applied to `image`. A topic that the same entry made has no logs anywhere.
    pub fn note(&mut self, image: &Image, record: &Record) {
        let Record::RemoveTopic { id } = record else { return };
        let Some(topic) = image.topic_by_id(*id) else { return };
        let mut partitions: Vec<(PartitionIndex, Arc<Partition>)> = Vec::new();
        for (index, partition) in &topic.partitions {
            if partitions.iter().all(|(_, other)| other.directories != partition.directories) {
                partitions.push((*index, partition.clone()));
            }
        }
        self.0.insert(*id, Deletion { name: topic.name.clone(), partitions });
    }

    /// Forgets topics of which no log is left: a start deletes what it finds of them before commands are taken, and an image is applied on a shard when its
    /// logs are deleted there, which fails only with their directory. Not while the node stops: its logs are closed, and what is decided then is
    /// not done.
    pub fn forget(&mut self, image: &Image, directories: &Directories) {
        let last = self.0.last_key_value().map(|(id, deletion)| (*id, deletion.clone()));
        self.0.retain(|_, deletion| deletion.directories().any(|directory| directories.may_hide(directory)));
        // Without any topic a node is taken for a new one, which takes over what it finds. It is not, if it ever had one.
        let is_empty = self.0.is_empty() && image.topics().next().is_none();
        self.0.extend(last.filter(|_| is_empty));
    }

    /// What a snapshot keeps of them, before the records of its image.
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (id, Deletion { name, partitions }) in &self.0 {
            records.push(Record::Topic { name: name.clone(), id: *id });
            records.extend(partitions.iter().map(|(index, partition)| Record::Partition {
                id: PartitionId { topic: *id, index: *index },
                partition: (**partition).clone(),
            }));
            records.push(Record::RemoveTopic { id: *id });
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LeaderEpoch, NodeId, PartitionEpoch};

    fn id(number: u128) -> Uuid {
        Uuid(number.to_be_bytes())
    }

    /// The records that make a topic with a partition in each of these directories.
    fn topic(number: u128, directories: &[u128]) -> Vec<Record> {
        let mut records = vec![Record::Topic { name: format!("t{number}"), id: id(number) }];
        records.extend((0..).zip(directories).map(|(index, directory)| Record::Partition {
            id: PartitionId { topic: id(number), index: PartitionIndex(index) },
            partition: Partition {
                replicas: vec![NodeId(1)],
                directories: vec![id(*directory)],
                isr: vec![NodeId(1)],
                removing: Vec::new(),
                adding: Vec::new(),
                leader: Some(NodeId(1)),
                recovering: false,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
            },
        }));
        records
    }

    fn replayed(records: &[Record]) -> (Image, Deletions) {
        let (mut image, mut deletions) = (Image::new("cluster"), Deletions::default());
        for record in records {
            deletions.note(&image, record);
            image.apply(record).unwrap();
        }
        (image, deletions)
    }

    /// Topic 1 stays. Topics 2 (directories 10 and 20), 3 (directory 10) and 4 (somewhere) are deleted.
    fn three_deleted() -> (Image, Deletions) {
        let mut records = topic(1, &[10]);
        for (number, directories) in [(2, &[10, 20, 10, 20][..]), (3, &[10]), (4, &[0])] {
            records.extend(topic(number, directories));
            records.push(Record::RemoveTopic { id: id(number) });
        }
        replayed(&records)
    }

    fn left(deletions: &Deletions) -> Vec<u128> {
        deletions.0.keys().map(|topic| u128::from_be_bytes(topic.0)).collect()
    }

    fn directories(online: &[u128], configured: usize) -> Directories {
        Directories { online: online.iter().map(|number| id(*number)).collect(), configured }
    }

    #[test]
    fn a_topic_is_forgotten_when_each_of_its_directories_was_there() {
        let forget = |online: &[u128], configured| {
            let (image, mut deletions) = three_deleted();
            deletions.forget(&image, &directories(online, configured));
            left(&deletions)
        };
        assert_eq!(forget(&[10, 20], 2), [0; 0]);
        // 20 is offline: topic 2 had a log there, and where topic 4 was nobody knows.
        assert_eq!(forget(&[10], 2), [2, 4]);
        // It was taken out of log.dirs, or another disk is in its place: all that is configured is there, and 20 is not.
        assert_eq!(forget(&[10], 1), [2]);
        assert_eq!(forget(&[10, 30], 2), [2]);
        assert_eq!(forget(&[20], 2), [2, 3, 4]);
    }

    #[test]
    fn a_snapshot_brings_them_back() {
        let (image, deletions) = three_deleted();
        let mut records = deletions.records();
        assert_eq!(records.len(), 3 + 3 + 4, "a partition for each directory: {records:?}");
        records.extend(image.records());
        let (restored, again) = replayed(&records);
        assert_eq!(restored.records(), image.records());
        assert_eq!(again.records(), deletions.records());
        assert!(again.contains(id(2)) && !again.contains(id(1)));
    }

    #[test]
    fn a_node_that_had_topics_is_never_new_again() {
        let mut records = topic(2, &[10]);
        records.push(Record::RemoveTopic { id: id(2) });
        let (image, mut deletions) = replayed(&records);
        deletions.forget(&image, &directories(&[10], 1));
        assert_eq!(left(&deletions), [2]);
        let (image, mut deletions) = replayed(&[]);
        deletions.forget(&image, &directories(&[10], 1));
        assert_eq!(left(&deletions), [0; 0]);
    }

    #[test]
    fn what_one_entry_makes_and_deletes_was_nowhere() {
        let (_, mut deletions) = replayed(&[]);
        deletions.note(&Image::new("cluster"), &Record::RemoveTopic { id: id(9) });
        assert_eq!(deletions.len(), 0);
    }
}
