//! @generated from `schema/storage-records.txt`: do not edit.

use bytes::Bytes;

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// A message, version 1, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProducerSnapshot {
    pub crc: u32,
    pub producer_entries: Vec<ProducerEntry>,
}

impl Message for ProducerSnapshot {
    const NAME: &'static str = "ProducerSnapshot";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            crc: r.u32(),
            producer_entries: r.array(false, 46, |r| ProducerEntry::decode(version, r)),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.u32(self.crc);
        w.array(false, &self.producer_entries, |w, x| x.encode(version, w));
    }
}

/// In `ProducerSnapshot`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProducerEntry {
    pub producer_id: i64,
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp: i64,
    pub coordinator_epoch: i32,
    pub current_txn_first_offset: i64,
}

impl ProducerEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            producer_id: r.i64(),
            epoch: r.i16(),
            last_sequence: r.i32(),
            last_offset: r.i64(),
            offset_delta: r.i32(),
            timestamp: r.i64(),
            coordinator_epoch: r.i32(),
            current_txn_first_offset: r.i64(),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.producer_id);
        w.i16(self.epoch);
        w.i32(self.last_sequence);
        w.i64(self.last_offset);
        w.i32(self.offset_delta);
        w.i64(self.timestamp);
        w.i32(self.coordinator_epoch);
        w.i64(self.current_txn_first_offset);
    }
}

/// Record type 0, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataRecord {
    pub remote_log_segment_id: RemoteLogSegmentMetadataRecordRemoteLogSegmentIdEntry,
    pub start_offset: i64,
    pub end_offset: i64,
    pub broker_id: i32,
    pub max_timestamp_ms: i64,
    pub event_timestamp_ms: i64,
    pub segment_leader_epochs: Vec<RemoteLogSegmentMetadataRecordSegmentLeaderEpochEntry>,
    pub segment_size_in_bytes: i32,
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    /// Tagged.
    pub txn_index_empty: bool,
    pub unknown: UnknownTags,
}

impl Message for RemoteLogSegmentMetadataRecord {
    const NAME: &'static str = "RemoteLogSegmentMetadataRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            remote_log_segment_id: RemoteLogSegmentMetadataRecordRemoteLogSegmentIdEntry::decode(version, r),
            start_offset: r.i64(),
            end_offset: r.i64(),
            broker_id: r.i32(),
            max_timestamp_ms: r.i64(),
            event_timestamp_ms: r.i64(),
            segment_leader_epochs: r.array(true, 13, |r| RemoteLogSegmentMetadataRecordSegmentLeaderEpochEntry::decode(version, r)),
            segment_size_in_bytes: r.i32(),
            custom_metadata: r.opt_bytes(true),
            remote_log_segment_state: r.i8(),
            txn_index_empty: false,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.txn_index_empty = r.bool(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        self.remote_log_segment_id.encode(version, w);
        w.i64(self.start_offset);
        w.i64(self.end_offset);
        w.i32(self.broker_id);
        w.i64(self.max_timestamp_ms);
        w.i64(self.event_timestamp_ms);
        w.array(true, &self.segment_leader_epochs, |w, x| x.encode(version, w));
        w.i32(self.segment_size_in_bytes);
        w.opt_bytes(true, self.custom_metadata.as_ref());
        w.i8(self.remote_log_segment_state);
        let mut tags = w.tags(&self.unknown);
        if self.txn_index_empty {
            w.tag(&mut tags, 0, |w| w.bool(self.txn_index_empty));
        }
        w.end_tags(tags);
    }
}

/// In `RemoteLogSegmentMetadataRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataRecordRemoteLogSegmentIdEntry {
    pub topic_id_partition: RemoteLogSegmentMetadataRecordTopicIdPartitionEntry,
    pub id: Uuid,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataRecordRemoteLogSegmentIdEntry {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id_partition: RemoteLogSegmentMetadataRecordTopicIdPartitionEntry::decode(version, r),
            id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        self.topic_id_partition.encode(version, w);
        w.uuid(self.id);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RemoteLogSegmentMetadataRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataRecordTopicIdPartitionEntry {
    pub name: Str,
    pub id: Uuid,
    pub partition: i32,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataRecordTopicIdPartitionEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            id: r.uuid(),
            partition: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.uuid(self.id);
        w.i32(self.partition);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RemoteLogSegmentMetadataRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataRecordSegmentLeaderEpochEntry {
    pub leader_epoch: i32,
    pub offset: i64,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataRecordSegmentLeaderEpochEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            leader_epoch: r.i32(),
            offset: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.leader_epoch);
        w.i64(self.offset);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoteLogSegmentMetadataRecord {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// Record type 1, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataUpdateRecord {
    pub remote_log_segment_id: RemoteLogSegmentMetadataUpdateRecordRemoteLogSegmentIdEntry,
    pub broker_id: i32,
    pub event_timestamp_ms: i64,
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    pub unknown: UnknownTags,
}

impl Message for RemoteLogSegmentMetadataUpdateRecord {
    const NAME: &'static str = "RemoteLogSegmentMetadataUpdateRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            remote_log_segment_id: RemoteLogSegmentMetadataUpdateRecordRemoteLogSegmentIdEntry::decode(version, r),
            broker_id: r.i32(),
            event_timestamp_ms: r.i64(),
            custom_metadata: r.opt_bytes(true),
            remote_log_segment_state: r.i8(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        self.remote_log_segment_id.encode(version, w);
        w.i32(self.broker_id);
        w.i64(self.event_timestamp_ms);
        w.opt_bytes(true, self.custom_metadata.as_ref());
        w.i8(self.remote_log_segment_state);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RemoteLogSegmentMetadataUpdateRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataUpdateRecordRemoteLogSegmentIdEntry {
    pub topic_id_partition: RemoteLogSegmentMetadataUpdateRecordTopicIdPartitionEntry,
    pub id: Uuid,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataUpdateRecordRemoteLogSegmentIdEntry {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id_partition: RemoteLogSegmentMetadataUpdateRecordTopicIdPartitionEntry::decode(version, r),
            id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        self.topic_id_partition.encode(version, w);
        w.uuid(self.id);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RemoteLogSegmentMetadataUpdateRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataUpdateRecordTopicIdPartitionEntry {
    pub name: Str,
    pub id: Uuid,
    pub partition: i32,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataUpdateRecordTopicIdPartitionEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            id: r.uuid(),
            partition: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.uuid(self.id);
        w.i32(self.partition);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoteLogSegmentMetadataUpdateRecord {
    /// The record type.
    pub const KEY: i16 = 1;
}

/// Record type 2, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemotePartitionDeleteMetadataRecord {
    pub topic_id_partition: RemotePartitionDeleteMetadataRecordTopicIdPartitionEntry,
    pub broker_id: i32,
    pub event_timestamp_ms: i64,
    pub remote_partition_delete_state: i8,
    pub unknown: UnknownTags,
}

impl Message for RemotePartitionDeleteMetadataRecord {
    const NAME: &'static str = "RemotePartitionDeleteMetadataRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id_partition: RemotePartitionDeleteMetadataRecordTopicIdPartitionEntry::decode(version, r),
            broker_id: r.i32(),
            event_timestamp_ms: r.i64(),
            remote_partition_delete_state: r.i8(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        self.topic_id_partition.encode(version, w);
        w.i32(self.broker_id);
        w.i64(self.event_timestamp_ms);
        w.i8(self.remote_partition_delete_state);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RemotePartitionDeleteMetadataRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemotePartitionDeleteMetadataRecordTopicIdPartitionEntry {
    pub name: Str,
    pub id: Uuid,
    pub partition: i32,
    pub unknown: UnknownTags,
}

impl RemotePartitionDeleteMetadataRecordTopicIdPartitionEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            id: r.uuid(),
            partition: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.uuid(self.id);
        w.i32(self.partition);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemotePartitionDeleteMetadataRecord {
    /// The record type.
    pub const KEY: i16 = 2;
}

/// Record type 3, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataSnapshotRecord {
    pub segment_id: Uuid,
    pub start_offset: i64,
    pub end_offset: i64,
    pub broker_id: i32,
    pub max_timestamp_ms: i64,
    pub event_timestamp_ms: i64,
    pub segment_leader_epochs: Vec<RemoteLogSegmentMetadataSnapshotRecordSegmentLeaderEpochEntry>,
    pub segment_size_in_bytes: i32,
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    /// Tagged.
    pub txn_index_empty: bool,
    pub unknown: UnknownTags,
}

impl Message for RemoteLogSegmentMetadataSnapshotRecord {
    const NAME: &'static str = "RemoteLogSegmentMetadataSnapshotRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            segment_id: r.uuid(),
            start_offset: r.i64(),
            end_offset: r.i64(),
            broker_id: r.i32(),
            max_timestamp_ms: r.i64(),
            event_timestamp_ms: r.i64(),
            segment_leader_epochs: r.array(true, 13, |r| RemoteLogSegmentMetadataSnapshotRecordSegmentLeaderEpochEntry::decode(version, r)),
            segment_size_in_bytes: r.i32(),
            custom_metadata: r.opt_bytes(true),
            remote_log_segment_state: r.i8(),
            txn_index_empty: false,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.txn_index_empty = r.bool(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.segment_id);
        w.i64(self.start_offset);
        w.i64(self.end_offset);
        w.i32(self.broker_id);
        w.i64(self.max_timestamp_ms);
        w.i64(self.event_timestamp_ms);
        w.array(true, &self.segment_leader_epochs, |w, x| x.encode(version, w));
        w.i32(self.segment_size_in_bytes);
        w.opt_bytes(true, self.custom_metadata.as_ref());
        w.i8(self.remote_log_segment_state);
        let mut tags = w.tags(&self.unknown);
        if self.txn_index_empty {
            w.tag(&mut tags, 0, |w| w.bool(self.txn_index_empty));
        }
        w.end_tags(tags);
    }
}

/// In `RemoteLogSegmentMetadataSnapshotRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteLogSegmentMetadataSnapshotRecordSegmentLeaderEpochEntry {
    pub leader_epoch: i32,
    pub offset: i64,
    pub unknown: UnknownTags,
}

impl RemoteLogSegmentMetadataSnapshotRecordSegmentLeaderEpochEntry {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            leader_epoch: r.i32(),
            offset: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.leader_epoch);
        w.i64(self.offset);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoteLogSegmentMetadataSnapshotRecord {
    /// The record type.
    pub const KEY: i16 = 3;
}
