//! @generated from `schema/group-records.txt`: do not edit.

use bytes::Bytes;

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// The key of record type 0, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitKey {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
}

impl Message for LegacyOffsetCommitKey {
    const NAME: &'static str = "LegacyOffsetCommitKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group: r.string(false),
            topic: r.string(false),
            partition: r.i32(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group);
        w.string(false, &self.topic);
        w.i32(self.partition);
    }
}

impl LegacyOffsetCommitKey {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// The value of record type 0, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitValue {
    pub offset: i64,
    pub metadata: Str,
    pub commit_timestamp: i64,
}

impl Message for LegacyOffsetCommitValue {
    const NAME: &'static str = "LegacyOffsetCommitValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            offset: r.i64(),
            metadata: r.string(false),
            commit_timestamp: r.i64(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.offset);
        w.string(false, &self.metadata);
        w.i64(self.commit_timestamp);
    }
}

impl LegacyOffsetCommitValue {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// The key of record type 1, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitKey {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
}

impl Message for OffsetCommitKey {
    const NAME: &'static str = "OffsetCommitKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group: r.string(false),
            topic: r.string(false),
            partition: r.i32(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group);
        w.string(false, &self.topic);
        w.i32(self.partition);
    }
}

impl OffsetCommitKey {
    /// The record type.
    pub const KEY: i16 = 1;
}

/// The value of record type 1, versions 0-4, flexible from 4.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitValue {
    pub offset: i64,
    /// In 3+, default `-1`, ignorable.
    pub leader_epoch: i32,
    pub metadata: Str,
    pub commit_timestamp: i64,
    /// In 1, default `-1`, ignorable.
    pub expire_timestamp: i64,
    /// In 4+, tagged, ignorable.
    pub topic_id: Uuid,
    pub unknown: UnknownTags,
}

impl Default for OffsetCommitValue {
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            metadata: Str::new(),
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: Uuid::ZERO,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for OffsetCommitValue {
    const NAME: &'static str = "OffsetCommitValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        let mut this = Self {
            offset: r.i64(),
            leader_epoch: if version >= 3 { r.i32() } else { -1 },
            metadata: r.string(flexible),
            commit_timestamp: r.i64(),
            expire_timestamp: if version == 1 { r.i64() } else { -1 },
            topic_id: Uuid::ZERO,
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.topic_id = r.uuid(),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i64(self.offset);
        if version >= 3 {
            w.i32(self.leader_epoch);
        }
        w.string(flexible, &self.metadata);
        w.i64(self.commit_timestamp);
        if version == 1 {
            w.i64(self.expire_timestamp);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if self.topic_id != Uuid::ZERO {
                w.tag(&mut tags, 0, |w| w.uuid(self.topic_id));
            }
            w.end_tags(tags);
        }
    }
}

impl OffsetCommitValue {
    /// The record type.
    pub const KEY: i16 = 1;
}

/// The key of record type 2, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupMetadataKey {
    pub group: Str,
}

impl Message for GroupMetadataKey {
    const NAME: &'static str = "GroupMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group);
    }
}

impl GroupMetadataKey {
    /// The record type.
    pub const KEY: i16 = 2;
}

/// The value of record type 2, versions 0-4, flexible from 4.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMetadataValue {
    pub protocol_type: Str,
    pub generation: i32,
    /// Default `Some(Str::new())`.
    pub protocol: Option<Str>,
    /// Default `Some(Str::new())`.
    pub leader: Option<Str>,
    /// In 2+, default `-1`, ignorable.
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
    pub unknown: UnknownTags,
}

impl Default for GroupMetadataValue {
    fn default() -> Self {
        Self {
            protocol_type: Str::new(),
            generation: 0,
            protocol: Some(Str::new()),
            leader: Some(Str::new()),
            current_state_timestamp: -1,
            members: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for GroupMetadataValue {
    const NAME: &'static str = "GroupMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            protocol_type: r.string(flexible),
            generation: r.i32(),
            protocol: r.opt_string(flexible),
            leader: r.opt_string(flexible),
            current_state_timestamp: if version >= 2 { r.i64() } else { -1 },
            members: r.array(flexible, 15, |r| MemberMetadata::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.protocol_type);
        w.i32(self.generation);
        w.opt_string(flexible, self.protocol.as_ref());
        w.opt_string(flexible, self.leader.as_ref());
        if version >= 2 {
            w.i64(self.current_state_timestamp);
        }
        w.array(flexible, &self.members, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `GroupMetadataValue`, versions 0-4.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberMetadata {
    pub member_id: Str,
    /// In 3+, ignorable.
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    /// In 1+, default `-1`, ignorable.
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
    pub unknown: UnknownTags,
}

impl Default for MemberMetadata {
    fn default() -> Self {
        Self {
            member_id: Str::new(),
            group_instance_id: None,
            client_id: Str::new(),
            client_host: Str::new(),
            rebalance_timeout: -1,
            session_timeout: 0,
            subscription: Bytes::new(),
            assignment: Bytes::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl MemberMetadata {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            member_id: r.string(flexible),
            group_instance_id: if version >= 3 { r.opt_string(flexible) } else { None },
            client_id: r.string(flexible),
            client_host: r.string(flexible),
            rebalance_timeout: if version >= 1 { r.i32() } else { -1 },
            session_timeout: r.i32(),
            subscription: r.bytes(flexible),
            assignment: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.member_id);
        if version >= 3 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        }
        w.string(flexible, &self.client_id);
        w.string(flexible, &self.client_host);
        if version >= 1 {
            w.i32(self.rebalance_timeout);
        }
        w.i32(self.session_timeout);
        w.bytes(flexible, &self.subscription);
        w.bytes(flexible, &self.assignment);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl GroupMetadataValue {
    /// The record type.
    pub const KEY: i16 = 2;
}

/// The key of record type 3, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMetadataKey {
    pub group_id: Str,
}

impl Message for ConsumerGroupMetadataKey {
    const NAME: &'static str = "ConsumerGroupMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ConsumerGroupMetadataKey {
    /// The record type.
    pub const KEY: i16 = 3;
}

/// The value of record type 3, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMetadataValue {
    pub epoch: i32,
    /// Tagged.
    pub metadata_hash: i64,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupMetadataValue {
    const NAME: &'static str = "ConsumerGroupMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            epoch: r.i32(),
            metadata_hash: 0,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.metadata_hash = r.i64(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        let mut tags = w.tags(&self.unknown);
        if self.metadata_hash != 0 {
            w.tag(&mut tags, 0, |w| w.i64(self.metadata_hash));
        }
        w.end_tags(tags);
    }
}

impl ConsumerGroupMetadataValue {
    /// The record type.
    pub const KEY: i16 = 3;
}

/// The key of record type 4, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupPartitionMetadataKey {
    pub group_id: Str,
}

impl Message for ConsumerGroupPartitionMetadataKey {
    const NAME: &'static str = "ConsumerGroupPartitionMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ConsumerGroupPartitionMetadataKey {
    /// The record type.
    pub const KEY: i16 = 4;
}

/// The value of record type 4, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupPartitionMetadataValue {
    pub topics: Vec<TopicMetadata>,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupPartitionMetadataValue {
    const NAME: &'static str = "ConsumerGroupPartitionMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topics: r.array(true, 23, |r| TopicMetadata::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupPartitionMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicMetadata {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub num_partitions: i32,
    pub partition_metadata: Vec<PartitionMetadata>,
    pub unknown: UnknownTags,
}

impl TopicMetadata {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            topic_name: r.string(true),
            num_partitions: r.i32(),
            partition_metadata: r.array(true, 6, |r| PartitionMetadata::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.string(true, &self.topic_name);
        w.i32(self.num_partitions);
        w.array(true, &self.partition_metadata, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupPartitionMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionMetadata {
    pub partition: i32,
    pub racks: Vec<Str>,
    pub unknown: UnknownTags,
}

impl PartitionMetadata {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition: r.i32(),
            racks: r.array(true, 1, |r| r.string(true)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition);
        w.array(true, &self.racks, |w, x| w.string(true, x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl ConsumerGroupPartitionMetadataValue {
    /// The record type.
    pub const KEY: i16 = 4;
}

/// The key of record type 5, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMemberMetadataKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ConsumerGroupMemberMetadataKey {
    const NAME: &'static str = "ConsumerGroupMemberMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ConsumerGroupMemberMetadataKey {
    /// The record type.
    pub const KEY: i16 = 5;
}

/// The value of record type 5, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupMemberMetadataValue {
    /// Default `Some(Str::new())`.
    pub instance_id: Option<Str>,
    /// Default `Some(Str::new())`.
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    /// Default `Some(Str::new())`.
    pub subscribed_topic_regex: Option<Str>,
    /// Default `-1`.
    pub rebalance_timeout_ms: i32,
    /// Default `Some(Str::new())`.
    pub server_assignor: Option<Str>,
    /// Tagged, default `Some(ClassicMemberMetadata::default())`.
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
    pub unknown: UnknownTags,
}

impl Default for ConsumerGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Str::new()),
            rack_id: Some(Str::new()),
            client_id: Str::new(),
            client_host: Str::new(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: Some(Str::new()),
            rebalance_timeout_ms: -1,
            server_assignor: Some(Str::new()),
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ConsumerGroupMemberMetadataValue {
    const NAME: &'static str = "ConsumerGroupMemberMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            instance_id: r.opt_string(true),
            rack_id: r.opt_string(true),
            client_id: r.string(true),
            client_host: r.string(true),
            subscribed_topic_names: r.array(true, 1, |r| r.string(true)),
            subscribed_topic_regex: r.opt_string(true),
            rebalance_timeout_ms: r.i32(),
            server_assignor: r.opt_string(true),
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.classic_member_metadata = r.opt_struct(|r| ClassicMemberMetadata::decode(version, r)),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_string(true, self.instance_id.as_ref());
        w.opt_string(true, self.rack_id.as_ref());
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.array(true, &self.subscribed_topic_names, |w, x| w.string(true, x));
        w.opt_string(true, self.subscribed_topic_regex.as_ref());
        w.i32(self.rebalance_timeout_ms);
        w.opt_string(true, self.server_assignor.as_ref());
        let mut tags = w.tags(&self.unknown);
        if self.classic_member_metadata != Some(ClassicMemberMetadata::default()) {
            w.tag(&mut tags, 0, |w| w.opt_struct(self.classic_member_metadata.as_ref(), |w, x| x.encode(version, w)));
        }
        w.end_tags(tags);
    }
}

/// In `ConsumerGroupMemberMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicMemberMetadata {
    pub session_timeout_ms: i32,
    pub supported_protocols: Vec<ClassicProtocol>,
    pub unknown: UnknownTags,
}

impl ClassicMemberMetadata {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            session_timeout_ms: r.i32(),
            supported_protocols: r.array(true, 3, |r| ClassicProtocol::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.session_timeout_ms);
        w.array(true, &self.supported_protocols, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupMemberMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicProtocol {
    pub name: Str,
    pub metadata: Bytes,
    pub unknown: UnknownTags,
}

impl ClassicProtocol {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            metadata: r.bytes(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.bytes(true, &self.metadata);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ConsumerGroupMemberMetadataValue {
    /// The record type.
    pub const KEY: i16 = 5;
}

/// The key of record type 6, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMetadataKey {
    pub group_id: Str,
}

impl Message for ConsumerGroupTargetAssignmentMetadataKey {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ConsumerGroupTargetAssignmentMetadataKey {
    /// The record type.
    pub const KEY: i16 = 6;
}

/// The value of record type 6, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    /// Tagged.
    pub assignment_timestamp: i64,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            assignment_epoch: r.i32(),
            assignment_timestamp: 0,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.assignment_timestamp = r.i64(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.assignment_epoch);
        let mut tags = w.tags(&self.unknown);
        if self.assignment_timestamp != 0 {
            w.tag(&mut tags, 0, |w| w.i64(self.assignment_timestamp));
        }
        w.end_tags(tags);
    }
}

impl ConsumerGroupTargetAssignmentMetadataValue {
    /// The record type.
    pub const KEY: i16 = 6;
}

/// The key of record type 7, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMemberKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ConsumerGroupTargetAssignmentMemberKey {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMemberKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ConsumerGroupTargetAssignmentMemberKey {
    /// The record type.
    pub const KEY: i16 = 7;
}

/// The value of record type 7, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMemberValue {
    pub topic_partitions: Vec<ConsumerGroupTargetAssignmentMemberValueTopicPartition>,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupTargetAssignmentMemberValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMemberValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_partitions: r.array(true, 18, |r| ConsumerGroupTargetAssignmentMemberValueTopicPartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topic_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupTargetAssignmentMemberValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMemberValueTopicPartition {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl ConsumerGroupTargetAssignmentMemberValueTopicPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl ConsumerGroupTargetAssignmentMemberValue {
    /// The record type.
    pub const KEY: i16 = 7;
}

/// The key of record type 8, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupCurrentMemberAssignmentKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ConsumerGroupCurrentMemberAssignmentKey {
    const NAME: &'static str = "ConsumerGroupCurrentMemberAssignmentKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ConsumerGroupCurrentMemberAssignmentKey {
    /// The record type.
    pub const KEY: i16 = 8;
}

/// The value of record type 8, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub assigned_partitions: Vec<ConsumerGroupCurrentMemberAssignmentValueTopicPartitions>,
    pub partitions_pending_revocation: Vec<ConsumerGroupCurrentMemberAssignmentValueTopicPartitions>,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "ConsumerGroupCurrentMemberAssignmentValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_epoch: r.i32(),
            previous_member_epoch: r.i32(),
            state: r.i8(),
            assigned_partitions: r.array(true, 18, |r| ConsumerGroupCurrentMemberAssignmentValueTopicPartitions::decode(version, r)),
            partitions_pending_revocation: r.array(true, 18, |r| ConsumerGroupCurrentMemberAssignmentValueTopicPartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.member_epoch);
        w.i32(self.previous_member_epoch);
        w.i8(self.state);
        w.array(true, &self.assigned_partitions, |w, x| x.encode(version, w));
        w.array(true, &self.partitions_pending_revocation, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupCurrentMemberAssignmentValue`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupCurrentMemberAssignmentValueTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    /// Tagged, default `Some(Vec::new())`.
    pub assignment_epochs: Option<Vec<i32>>,
    pub unknown: UnknownTags,
}

impl Default for ConsumerGroupCurrentMemberAssignmentValueTopicPartitions {
    fn default() -> Self {
        Self {
            topic_id: Uuid::ZERO,
            partitions: Vec::new(),
            assignment_epochs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl ConsumerGroupCurrentMemberAssignmentValueTopicPartitions {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 4, Reader::i32),
            assignment_epochs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.assignment_epochs = r.opt_array(true, 4, Reader::i32),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        let mut tags = w.tags(&self.unknown);
        if self.assignment_epochs.as_ref().is_none_or(|x| !x.is_empty()) {
            w.tag(&mut tags, 0, |w| w.opt_array(true, self.assignment_epochs.as_deref(), |w, x| w.i32(*x)));
        }
        w.end_tags(tags);
    }
}

impl ConsumerGroupCurrentMemberAssignmentValue {
    /// The record type.
    pub const KEY: i16 = 8;
}

/// The key of record type 10, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupMemberMetadataKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ShareGroupMemberMetadataKey {
    const NAME: &'static str = "ShareGroupMemberMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ShareGroupMemberMetadataKey {
    /// The record type.
    pub const KEY: i16 = 10;
}

/// The value of record type 10, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareGroupMemberMetadataValue {
    /// Default `Some(Str::new())`.
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub unknown: UnknownTags,
}

impl Default for ShareGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            rack_id: Some(Str::new()),
            client_id: Str::new(),
            client_host: Str::new(),
            subscribed_topic_names: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ShareGroupMemberMetadataValue {
    const NAME: &'static str = "ShareGroupMemberMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            rack_id: r.opt_string(true),
            client_id: r.string(true),
            client_host: r.string(true),
            subscribed_topic_names: r.array(true, 1, |r| r.string(true)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.opt_string(true, self.rack_id.as_ref());
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.array(true, &self.subscribed_topic_names, |w, x| w.string(true, x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareGroupMemberMetadataValue {
    /// The record type.
    pub const KEY: i16 = 10;
}

/// The key of record type 11, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupMetadataKey {
    pub group_id: Str,
}

impl Message for ShareGroupMetadataKey {
    const NAME: &'static str = "ShareGroupMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ShareGroupMetadataKey {
    /// The record type.
    pub const KEY: i16 = 11;
}

/// The value of record type 11, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupMetadataValue {
    const NAME: &'static str = "ShareGroupMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            epoch: r.i32(),
            metadata_hash: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.i64(self.metadata_hash);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareGroupMetadataValue {
    /// The record type.
    pub const KEY: i16 = 11;
}

/// The key of record type 12, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupTargetAssignmentMetadataKey {
    pub group_id: Str,
}

impl Message for ShareGroupTargetAssignmentMetadataKey {
    const NAME: &'static str = "ShareGroupTargetAssignmentMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ShareGroupTargetAssignmentMetadataKey {
    /// The record type.
    pub const KEY: i16 = 12;
}

/// The value of record type 12, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    /// Tagged.
    pub assignment_timestamp: i64,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "ShareGroupTargetAssignmentMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            assignment_epoch: r.i32(),
            assignment_timestamp: 0,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.assignment_timestamp = r.i64(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.assignment_epoch);
        let mut tags = w.tags(&self.unknown);
        if self.assignment_timestamp != 0 {
            w.tag(&mut tags, 0, |w| w.i64(self.assignment_timestamp));
        }
        w.end_tags(tags);
    }
}

impl ShareGroupTargetAssignmentMetadataValue {
    /// The record type.
    pub const KEY: i16 = 12;
}

/// The key of record type 13, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupTargetAssignmentMemberKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ShareGroupTargetAssignmentMemberKey {
    const NAME: &'static str = "ShareGroupTargetAssignmentMemberKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ShareGroupTargetAssignmentMemberKey {
    /// The record type.
    pub const KEY: i16 = 13;
}

/// The value of record type 13, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupTargetAssignmentMemberValue {
    pub topic_partitions: Vec<ShareGroupTargetAssignmentMemberValueTopicPartition>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupTargetAssignmentMemberValue {
    const NAME: &'static str = "ShareGroupTargetAssignmentMemberValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_partitions: r.array(true, 18, |r| ShareGroupTargetAssignmentMemberValueTopicPartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topic_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupTargetAssignmentMemberValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupTargetAssignmentMemberValueTopicPartition {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl ShareGroupTargetAssignmentMemberValueTopicPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareGroupTargetAssignmentMemberValue {
    /// The record type.
    pub const KEY: i16 = 13;
}

/// The key of record type 14, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupCurrentMemberAssignmentKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for ShareGroupCurrentMemberAssignmentKey {
    const NAME: &'static str = "ShareGroupCurrentMemberAssignmentKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl ShareGroupCurrentMemberAssignmentKey {
    /// The record type.
    pub const KEY: i16 = 14;
}

/// The value of record type 14, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub assigned_partitions: Vec<ShareGroupCurrentMemberAssignmentValueTopicPartitions>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "ShareGroupCurrentMemberAssignmentValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_epoch: r.i32(),
            previous_member_epoch: r.i32(),
            state: r.i8(),
            assigned_partitions: r.array(true, 18, |r| ShareGroupCurrentMemberAssignmentValueTopicPartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.member_epoch);
        w.i32(self.previous_member_epoch);
        w.i8(self.state);
        w.array(true, &self.assigned_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupCurrentMemberAssignmentValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupCurrentMemberAssignmentValueTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl ShareGroupCurrentMemberAssignmentValueTopicPartitions {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareGroupCurrentMemberAssignmentValue {
    /// The record type.
    pub const KEY: i16 = 14;
}

/// The key of record type 15, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupStatePartitionMetadataKey {
    pub group_id: Str,
}

impl Message for ShareGroupStatePartitionMetadataKey {
    const NAME: &'static str = "ShareGroupStatePartitionMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl ShareGroupStatePartitionMetadataKey {
    /// The record type.
    pub const KEY: i16 = 15;
}

/// The value of record type 15, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupStatePartitionMetadataValue {
    pub initializing_topics: Vec<TopicPartitionsInfo>,
    pub initialized_topics: Vec<TopicPartitionsInfo>,
    pub deleting_topics: Vec<ShareGroupStatePartitionMetadataValueTopicInfo>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupStatePartitionMetadataValue {
    const NAME: &'static str = "ShareGroupStatePartitionMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            initializing_topics: r.array(true, 19, |r| TopicPartitionsInfo::decode(version, r)),
            initialized_topics: r.array(true, 19, |r| TopicPartitionsInfo::decode(version, r)),
            deleting_topics: r.array(true, 18, |r| ShareGroupStatePartitionMetadataValueTopicInfo::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.initializing_topics, |w, x| x.encode(version, w));
        w.array(true, &self.initialized_topics, |w, x| x.encode(version, w));
        w.array(true, &self.deleting_topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupStatePartitionMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitionsInfo {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TopicPartitionsInfo {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            topic_name: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupStatePartitionMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupStatePartitionMetadataValueTopicInfo {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub unknown: UnknownTags,
}

impl ShareGroupStatePartitionMetadataValueTopicInfo {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            topic_name: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.string(true, &self.topic_name);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareGroupStatePartitionMetadataValue {
    /// The record type.
    pub const KEY: i16 = 15;
}

/// The key of record type 16, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionKey {
    pub group_id: Str,
    pub regular_expression: Str,
}

impl Message for ConsumerGroupRegularExpressionKey {
    const NAME: &'static str = "ConsumerGroupRegularExpressionKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            regular_expression: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.regular_expression);
    }
}

impl ConsumerGroupRegularExpressionKey {
    /// The record type.
    pub const KEY: i16 = 16;
}

/// The value of record type 16, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionValue {
    pub topics: Vec<Str>,
    pub version: i64,
    pub timestamp: i64,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupRegularExpressionValue {
    const NAME: &'static str = "ConsumerGroupRegularExpressionValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topics: r.array(true, 1, |r| r.string(true)),
            version: r.i64(),
            timestamp: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.array(true, &self.topics, |w, x| w.string(true, x));
        w.i64(self.version);
        w.i64(self.timestamp);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ConsumerGroupRegularExpressionValue {
    /// The record type.
    pub const KEY: i16 = 16;
}

/// The key of record type 17, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupMetadataKey {
    pub group_id: Str,
}

impl Message for StreamsGroupMetadataKey {
    const NAME: &'static str = "StreamsGroupMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl StreamsGroupMetadataKey {
    /// The record type.
    pub const KEY: i16 = 17;
}

/// The value of record type 17, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    /// Tagged, default `-1`.
    pub validated_topology_epoch: i32,
    /// Tagged, default `Some(Vec::new())`.
    pub last_assignment_configs: Option<Vec<LastAssignmentConfig>>,
    pub unknown: UnknownTags,
}

impl Default for StreamsGroupMetadataValue {
    fn default() -> Self {
        Self {
            epoch: 0,
            metadata_hash: 0,
            validated_topology_epoch: -1,
            last_assignment_configs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for StreamsGroupMetadataValue {
    const NAME: &'static str = "StreamsGroupMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            epoch: r.i32(),
            metadata_hash: r.i64(),
            validated_topology_epoch: -1,
            last_assignment_configs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.validated_topology_epoch = r.i32(),
                1 => this.last_assignment_configs = r.opt_array(true, 3, |r| LastAssignmentConfig::decode(version, r)),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.i64(self.metadata_hash);
        let mut tags = w.tags(&self.unknown);
        if self.validated_topology_epoch != -1 {
            w.tag(&mut tags, 0, |w| w.i32(self.validated_topology_epoch));
        }
        if self.last_assignment_configs.as_ref().is_none_or(|x| !x.is_empty()) {
            w.tag(&mut tags, 1, |w| w.opt_array(true, self.last_assignment_configs.as_deref(), |w, x| x.encode(version, w)));
        }
        w.end_tags(tags);
    }
}

/// In `StreamsGroupMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LastAssignmentConfig {
    pub key: Str,
    pub value: Str,
    pub unknown: UnknownTags,
}

impl LastAssignmentConfig {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            key: r.string(true),
            value: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.key);
        w.string(true, &self.value);
        w.unknown_tags(true, &self.unknown);
    }
}

impl StreamsGroupMetadataValue {
    /// The record type.
    pub const KEY: i16 = 17;
}

/// The key of record type 19, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupMemberMetadataKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for StreamsGroupMemberMetadataKey {
    const NAME: &'static str = "StreamsGroupMemberMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl StreamsGroupMemberMetadataKey {
    /// The record type.
    pub const KEY: i16 = 19;
}

/// The value of record type 19, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupMemberMetadataValue {
    /// Default `Some(Str::new())`.
    pub instance_id: Option<Str>,
    /// Default `Some(Str::new())`.
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    /// Default `-1`.
    pub rebalance_timeout_ms: i32,
    pub topology_epoch: i32,
    pub process_id: Str,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub unknown: UnknownTags,
}

impl Default for StreamsGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Str::new()),
            rack_id: Some(Str::new()),
            client_id: Str::new(),
            client_host: Str::new(),
            rebalance_timeout_ms: -1,
            topology_epoch: 0,
            process_id: Str::new(),
            user_endpoint: None,
            client_tags: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for StreamsGroupMemberMetadataValue {
    const NAME: &'static str = "StreamsGroupMemberMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            instance_id: r.opt_string(true),
            rack_id: r.opt_string(true),
            client_id: r.string(true),
            client_host: r.string(true),
            rebalance_timeout_ms: r.i32(),
            topology_epoch: r.i32(),
            process_id: r.string(true),
            user_endpoint: r.opt_struct(|r| Endpoint::decode(version, r)),
            client_tags: r.array(true, 3, |r| KeyValue::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_string(true, self.instance_id.as_ref());
        w.opt_string(true, self.rack_id.as_ref());
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.i32(self.rebalance_timeout_ms);
        w.i32(self.topology_epoch);
        w.string(true, &self.process_id);
        w.opt_struct(self.user_endpoint.as_ref(), |w, x| x.encode(version, w));
        w.array(true, &self.client_tags, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupMemberMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl Endpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupMemberMetadataValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
    pub unknown: UnknownTags,
}

impl KeyValue {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            key: r.string(true),
            value: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.key);
        w.string(true, &self.value);
        w.unknown_tags(true, &self.unknown);
    }
}

impl StreamsGroupMemberMetadataValue {
    /// The record type.
    pub const KEY: i16 = 19;
}

/// The key of record type 20, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMetadataKey {
    pub group_id: Str,
}

impl Message for StreamsGroupTargetAssignmentMetadataKey {
    const NAME: &'static str = "StreamsGroupTargetAssignmentMetadataKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl StreamsGroupTargetAssignmentMetadataKey {
    /// The record type.
    pub const KEY: i16 = 20;
}

/// The value of record type 20, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    /// Tagged.
    pub assignment_timestamp: i64,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "StreamsGroupTargetAssignmentMetadataValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            assignment_epoch: r.i32(),
            assignment_timestamp: 0,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.assignment_timestamp = r.i64(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.assignment_epoch);
        let mut tags = w.tags(&self.unknown);
        if self.assignment_timestamp != 0 {
            w.tag(&mut tags, 0, |w| w.i64(self.assignment_timestamp));
        }
        w.end_tags(tags);
    }
}

impl StreamsGroupTargetAssignmentMetadataValue {
    /// The record type.
    pub const KEY: i16 = 20;
}

/// The key of record type 21, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMemberKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for StreamsGroupTargetAssignmentMemberKey {
    const NAME: &'static str = "StreamsGroupTargetAssignmentMemberKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl StreamsGroupTargetAssignmentMemberKey {
    /// The record type.
    pub const KEY: i16 = 21;
}

/// The value of record type 21, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMemberValue {
    pub active_tasks: Vec<StreamsGroupTargetAssignmentMemberValueTaskIds>,
    pub standby_tasks: Vec<StreamsGroupTargetAssignmentMemberValueTaskIds>,
    pub warmup_tasks: Vec<StreamsGroupTargetAssignmentMemberValueTaskIds>,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupTargetAssignmentMemberValue {
    const NAME: &'static str = "StreamsGroupTargetAssignmentMemberValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            active_tasks: r.array(true, 3, |r| StreamsGroupTargetAssignmentMemberValueTaskIds::decode(version, r)),
            standby_tasks: r.array(true, 3, |r| StreamsGroupTargetAssignmentMemberValueTaskIds::decode(version, r)),
            warmup_tasks: r.array(true, 3, |r| StreamsGroupTargetAssignmentMemberValueTaskIds::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.active_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.standby_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.warmup_tasks, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupTargetAssignmentMemberValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMemberValueTaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl StreamsGroupTargetAssignmentMemberValueTaskIds {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl StreamsGroupTargetAssignmentMemberValue {
    /// The record type.
    pub const KEY: i16 = 21;
}

/// The key of record type 22, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupCurrentMemberAssignmentKey {
    pub group_id: Str,
    pub member_id: Str,
}

impl Message for StreamsGroupCurrentMemberAssignmentKey {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            member_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.string(false, &self.member_id);
    }
}

impl StreamsGroupCurrentMemberAssignmentKey {
    /// The record type.
    pub const KEY: i16 = 22;
}

/// The value of record type 22, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub active_tasks: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub standby_tasks: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub warmup_tasks: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub active_tasks_pending_revocation: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub standby_tasks_pending_revocation: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub warmup_tasks_pending_revocation: Vec<StreamsGroupCurrentMemberAssignmentValueTaskIds>,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_epoch: r.i32(),
            previous_member_epoch: r.i32(),
            state: r.i8(),
            active_tasks: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            standby_tasks: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            warmup_tasks: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            active_tasks_pending_revocation: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            standby_tasks_pending_revocation: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            warmup_tasks_pending_revocation: r.array(true, 3, |r| StreamsGroupCurrentMemberAssignmentValueTaskIds::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.member_epoch);
        w.i32(self.previous_member_epoch);
        w.i8(self.state);
        w.array(true, &self.active_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.standby_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.warmup_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.active_tasks_pending_revocation, |w, x| x.encode(version, w));
        w.array(true, &self.standby_tasks_pending_revocation, |w, x| x.encode(version, w));
        w.array(true, &self.warmup_tasks_pending_revocation, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupCurrentMemberAssignmentValue`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupCurrentMemberAssignmentValueTaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    /// Tagged, default `Some(Vec::new())`.
    pub assignment_epochs: Option<Vec<i32>>,
    pub unknown: UnknownTags,
}

impl Default for StreamsGroupCurrentMemberAssignmentValueTaskIds {
    fn default() -> Self {
        Self {
            subtopology_id: Str::new(),
            partitions: Vec::new(),
            assignment_epochs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl StreamsGroupCurrentMemberAssignmentValueTaskIds {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            subtopology_id: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            assignment_epochs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.assignment_epochs = r.opt_array(true, 4, Reader::i32),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        let mut tags = w.tags(&self.unknown);
        if self.assignment_epochs.as_ref().is_none_or(|x| !x.is_empty()) {
            w.tag(&mut tags, 0, |w| w.opt_array(true, self.assignment_epochs.as_deref(), |w, x| w.i32(*x)));
        }
        w.end_tags(tags);
    }
}

impl StreamsGroupCurrentMemberAssignmentValue {
    /// The record type.
    pub const KEY: i16 = 22;
}

/// The key of record type 23, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTopologyKey {
    pub group_id: Str,
}

impl Message for StreamsGroupTopologyKey {
    const NAME: &'static str = "StreamsGroupTopologyKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
    }
}

impl StreamsGroupTopologyKey {
    /// The record type.
    pub const KEY: i16 = 23;
}

/// The value of record type 23, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTopologyValue {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupTopologyValue {
    const NAME: &'static str = "StreamsGroupTopologyValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            epoch: r.i32(),
            subtopologies: r.array(true, 8, |r| Subtopology::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.array(true, &self.subtopologies, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupTopologyValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub source_topic_regex: Vec<Str>,
    pub state_changelog_topics: Vec<StreamsGroupTopologyValueTopicInfo>,
    pub repartition_sink_topics: Vec<Str>,
    pub repartition_source_topics: Vec<StreamsGroupTopologyValueTopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
    pub unknown: UnknownTags,
}

impl Subtopology {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            source_topics: r.array(true, 1, |r| r.string(true)),
            source_topic_regex: r.array(true, 1, |r| r.string(true)),
            state_changelog_topics: r.array(true, 9, |r| StreamsGroupTopologyValueTopicInfo::decode(version, r)),
            repartition_sink_topics: r.array(true, 1, |r| r.string(true)),
            repartition_source_topics: r.array(true, 9, |r| StreamsGroupTopologyValueTopicInfo::decode(version, r)),
            copartition_groups: r.array(true, 4, |r| CopartitionGroup::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.source_topics, |w, x| w.string(true, x));
        w.array(true, &self.source_topic_regex, |w, x| w.string(true, x));
        w.array(true, &self.state_changelog_topics, |w, x| x.encode(version, w));
        w.array(true, &self.repartition_sink_topics, |w, x| w.string(true, x));
        w.array(true, &self.repartition_source_topics, |w, x| x.encode(version, w));
        w.array(true, &self.copartition_groups, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupTopologyValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTopologyValueTopicInfo {
    pub name: Str,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<TopicConfig>,
    pub unknown: UnknownTags,
}

impl StreamsGroupTopologyValueTopicInfo {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            partitions: r.i32(),
            replication_factor: r.i16(),
            topic_configs: r.array(true, 3, |r| TopicConfig::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i32(self.partitions);
        w.i16(self.replication_factor);
        w.array(true, &self.topic_configs, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupTopologyValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
    pub unknown: UnknownTags,
}

impl CopartitionGroup {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            source_topics: r.array(true, 2, Reader::i16),
            source_topic_regex: r.array(true, 2, Reader::i16),
            repartition_source_topics: r.array(true, 2, Reader::i16),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.array(true, &self.source_topics, |w, x| w.i16(*x));
        w.array(true, &self.source_topic_regex, |w, x| w.i16(*x));
        w.array(true, &self.repartition_source_topics, |w, x| w.i16(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupTopologyValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicConfig {
    pub key: Str,
    pub value: Str,
    pub unknown: UnknownTags,
}

impl TopicConfig {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            key: r.string(true),
            value: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.key);
        w.string(true, &self.value);
        w.unknown_tags(true, &self.unknown);
    }
}

impl StreamsGroupTopologyValue {
    /// The record type.
    pub const KEY: i16 = 23;
}
