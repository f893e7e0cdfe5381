//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// A message, versions 0-3, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolAssignment {
    pub assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition>,
    pub user_data: Option<Bytes>,
}

impl Message for ConsumerProtocolAssignment {
    const NAME: &'static str = "ConsumerProtocolAssignment";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            assigned_partitions: r.array(false, 6, |r| ConsumerProtocolAssignmentTopicPartition::decode(version, r)),
            user_data: r.opt_bytes(false),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(false, &self.assigned_partitions, |w, x| x.encode(version, w));
        w.opt_bytes(false, self.user_data.as_ref());
    }
}

/// In `ConsumerProtocolAssignment`, versions 0-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolAssignmentTopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl ConsumerProtocolAssignmentTopicPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic: r.string(false),
            partitions: r.array(false, 4, Reader::i32),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.topic);
        w.array(false, &self.partitions, |w, x| w.i32(*x));
    }
}

/// A message, versions 0-3, none flexible.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Str>,
    pub user_data: Option<Bytes>,
    /// In 1+, ignorable.
    pub owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition>,
    /// In 2+, default `-1`, ignorable.
    pub generation_id: i32,
    /// In 3+, ignorable.
    pub rack_id: Option<Str>,
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topics: r.array(false, 2, |r| r.string(false)),
            user_data: r.opt_bytes(false),
            owned_partitions: if version >= 1 { r.array(false, 6, |r| ConsumerProtocolSubscriptionTopicPartition::decode(version, r)) } else { Vec::new() },
            generation_id: if version >= 2 { r.i32() } else { -1 },
            rack_id: if version >= 3 { r.opt_string(false) } else { None },
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(false, &self.topics, |w, x| w.string(false, x));
        w.opt_bytes(false, self.user_data.as_ref());
        if version >= 1 {
            w.array(false, &self.owned_partitions, |w, x| x.encode(version, w));
        }
        if version >= 2 {
            w.i32(self.generation_id);
        }
        if version >= 3 {
            w.opt_string(false, self.rack_id.as_ref());
        }
    }
}

/// In `ConsumerProtocolSubscription`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolSubscriptionTopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl ConsumerProtocolSubscriptionTopicPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic: r.string(false),
            partitions: r.array(false, 4, Reader::i32),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.topic);
        w.array(false, &self.partitions, |w, x| w.i32(*x));
    }
}

/// A message, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControlRecordTypeSchema {
    pub type_: i16,
}

impl Message for ControlRecordTypeSchema {
    const NAME: &'static str = "ControlRecordTypeSchema";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            type_: r.i16(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.type_);
    }
}

/// A message, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DefaultPrincipalData {
    pub type_: Str,
    pub name: Str,
    pub token_authenticated: bool,
    pub unknown: UnknownTags,
}

impl Message for DefaultPrincipalData {
    const NAME: &'static str = "DefaultPrincipalData";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            type_: r.string(true),
            name: r.string(true),
            token_authenticated: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.type_);
        w.string(true, &self.name);
        w.bool(self.token_authenticated);
        w.unknown_tags(true, &self.unknown);
    }
}

/// A message, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTxnMarker {
    pub coordinator_epoch: i32,
}

impl Message for EndTxnMarker {
    const NAME: &'static str = "EndTxnMarker";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            coordinator_epoch: r.i32(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.coordinator_epoch);
    }
}

/// A message, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KRaftVersionRecord {
    pub version: i16,
    pub k_raft_version: i16,
    pub unknown: UnknownTags,
}

impl Message for KRaftVersionRecord {
    const NAME: &'static str = "KRaftVersionRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            version: r.i16(),
            k_raft_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.version);
        w.i16(self.k_raft_version);
        w.unknown_tags(true, &self.unknown);
    }
}

/// A message, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderChangeMessage {
    pub version: i16,
    pub leader_id: i32,
    pub voters: Vec<LeaderChangeMessageVoter>,
    pub granting_voters: Vec<LeaderChangeMessageVoter>,
    pub unknown: UnknownTags,
}

impl Message for LeaderChangeMessage {
    const NAME: &'static str = "LeaderChangeMessage";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            version: r.i16(),
            leader_id: r.i32(),
            voters: r.array(true, 5, |r| LeaderChangeMessageVoter::decode(version, r)),
            granting_voters: r.array(true, 5, |r| LeaderChangeMessageVoter::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.version);
        w.i32(self.leader_id);
        w.array(true, &self.voters, |w, x| x.encode(version, w));
        w.array(true, &self.granting_voters, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `LeaderChangeMessage`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderChangeMessageVoter {
    pub voter_id: i32,
    /// In 1+.
    pub voter_directory_id: Uuid,
    pub unknown: UnknownTags,
}

impl LeaderChangeMessageVoter {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            voter_id: r.i32(),
            voter_directory_id: if version >= 1 { r.uuid() } else { Uuid::ZERO },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.voter_id);
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        } else {
            w.absent(self.voter_directory_id == Uuid::ZERO, "LeaderChangeMessage.VoterDirectoryId", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// A message, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnapshotFooterRecord {
    pub version: i16,
    pub unknown: UnknownTags,
}

impl Message for SnapshotFooterRecord {
    const NAME: &'static str = "SnapshotFooterRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.version);
        w.unknown_tags(true, &self.unknown);
    }
}

/// A message, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnapshotHeaderRecord {
    pub version: i16,
    pub last_contained_log_timestamp: i64,
    pub unknown: UnknownTags,
}

impl Message for SnapshotHeaderRecord {
    const NAME: &'static str = "SnapshotHeaderRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            version: r.i16(),
            last_contained_log_timestamp: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.version);
        w.i64(self.last_contained_log_timestamp);
        w.unknown_tags(true, &self.unknown);
    }
}

/// A message, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VotersRecord {
    pub version: i16,
    pub voters: Vec<VotersRecordVoter>,
    pub unknown: UnknownTags,
}

impl Message for VotersRecord {
    const NAME: &'static str = "VotersRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            version: r.i16(),
            voters: r.array(true, 27, |r| VotersRecordVoter::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.version);
        w.array(true, &self.voters, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VotersRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VotersRecordVoter {
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub k_raft_version_feature: KRaftVersionFeature,
    pub unknown: UnknownTags,
}

impl VotersRecordVoter {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            voter_id: r.i32(),
            voter_directory_id: r.uuid(),
            endpoints: r.array(true, 5, |r| Endpoint::decode(version, r)),
            k_raft_version_feature: KRaftVersionFeature::decode(version, r),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.voter_id);
        w.uuid(self.voter_directory_id);
        w.array(true, &self.endpoints, |w, x| x.encode(version, w));
        self.k_raft_version_feature.encode(version, w);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VotersRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl Endpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VotersRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown: UnknownTags,
}

impl KRaftVersionFeature {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            min_supported_version: r.i16(),
            max_supported_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.unknown_tags(true, &self.unknown);
    }
}
