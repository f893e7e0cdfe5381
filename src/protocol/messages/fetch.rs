//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Records, Request, Str, UnknownTags, Writer};

/// The request of API 1, versions 4-18, flexible from 12.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchRequest {
    /// In 12+, tagged, ignorable.
    pub cluster_id: Option<Str>,
    /// In 0-14, default `-1`.
    pub replica_id: i32,
    /// In 15+, tagged.
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    /// Default `i32::MAX`.
    pub max_bytes: i32,
    pub isolation_level: i8,
    /// In 7+, ignorable.
    pub session_id: i32,
    /// In 7+, default `-1`, ignorable.
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    /// In 7+.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// In 11+, ignorable.
    pub rack_id: Str,
    pub unknown: UnknownTags,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            replica_state: ReplicaState::default(),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: Str::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for FetchRequest {
    const NAME: &'static str = "FetchRequest";
    const MIN_VERSION: i16 = 4;
    const MAX_VERSION: i16 = 18;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        let mut this = Self {
            cluster_id: None,
            replica_id: if version <= 14 { r.i32() } else { -1 },
            replica_state: ReplicaState::default(),
            max_wait_ms: r.i32(),
            min_bytes: r.i32(),
            max_bytes: r.i32(),
            isolation_level: r.i8(),
            session_id: if version >= 7 { r.i32() } else { 0 },
            session_epoch: if version >= 7 { r.i32() } else { -1 },
            topics: r.array(flexible, 3, |r| FetchTopic::decode(version, r)),
            forgotten_topics_data: if version >= 7 { r.array(flexible, 3, |r| ForgottenTopic::decode(version, r)) } else { Vec::new() },
            rack_id: if version >= 11 { r.string(flexible) } else { Str::new() },
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.cluster_id = r.opt_string(flexible),
                    1 if version >= 15 => this.replica_state = ReplicaState::decode(version, r),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        if version <= 14 {
            w.i32(self.replica_id);
        } else {
            w.absent(self.replica_id == -1, "FetchRequest.ReplicaId", version);
        }
        if version < 15 {
            w.absent(self.replica_state == ReplicaState::default(), "FetchRequest.ReplicaState", version);
        }
        w.i32(self.max_wait_ms);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        w.i8(self.isolation_level);
        if version >= 7 {
            w.i32(self.session_id);
        }
        if version >= 7 {
            w.i32(self.session_epoch);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version >= 7 {
            w.array(flexible, &self.forgotten_topics_data, |w, x| x.encode(version, w));
        } else {
            w.absent(self.forgotten_topics_data.is_empty(), "FetchRequest.ForgottenTopicsData", version);
        }
        if version >= 11 {
            w.string(flexible, &self.rack_id);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if self.cluster_id.is_some() {
                w.tag(&mut tags, 0, |w| w.opt_string(flexible, self.cluster_id.as_ref()));
            }
            if version >= 15 && self.replica_state != ReplicaState::default() {
                w.tag(&mut tags, 1, |w| self.replica_state.encode(version, w));
            }
            w.end_tags(tags);
        }
    }
}

/// In `FetchRequest`, versions 15-18.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    /// Default `-1`.
    pub replica_id: i32,
    /// Default `-1`.
    pub replica_epoch: i64,
    pub unknown: UnknownTags,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: -1,
            replica_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl ReplicaState {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            replica_id: r.i32(),
            replica_epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.replica_id);
        w.i64(self.replica_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchRequest`, versions 4-18.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    /// In 0-12, ignorable.
    pub topic: Str,
    /// In 13+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
    pub unknown: UnknownTags,
}

impl FetchTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        Self {
            topic: if version <= 12 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 13 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(flexible, 16, |r| FetchPartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        if version <= 12 {
            w.string(flexible, &self.topic);
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `FetchRequest`, versions 4-18.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchPartition {
    pub partition: i32,
    /// In 9+, default `-1`, ignorable.
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    /// In 12+, default `-1`.
    pub last_fetched_epoch: i32,
    /// In 5+, default `-1`, ignorable.
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    /// In 17+, tagged, ignorable.
    pub replica_directory_id: Uuid,
    /// In 18+, tagged, default `i64::MAX`, ignorable.
    pub high_watermark: i64,
    pub unknown: UnknownTags,
}

impl Default for FetchPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::ZERO,
            high_watermark: i64::MAX,
            unknown: UnknownTags::new(),
        }
    }
}

impl FetchPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        let mut this = Self {
            partition: r.i32(),
            current_leader_epoch: if version >= 9 { r.i32() } else { -1 },
            fetch_offset: r.i64(),
            last_fetched_epoch: if version >= 12 { r.i32() } else { -1 },
            log_start_offset: if version >= 5 { r.i64() } else { -1 },
            partition_max_bytes: r.i32(),
            replica_directory_id: Uuid::ZERO,
            high_watermark: i64::MAX,
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 if version >= 17 => this.replica_directory_id = r.uuid(),
                    1 if version >= 18 => this.high_watermark = r.i64(),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        w.i32(self.partition);
        if version >= 9 {
            w.i32(self.current_leader_epoch);
        }
        w.i64(self.fetch_offset);
        if version >= 12 {
            w.i32(self.last_fetched_epoch);
        } else {
            w.absent(self.last_fetched_epoch == -1, "FetchRequest.LastFetchedEpoch", version);
        }
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.i32(self.partition_max_bytes);
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if version >= 17 && self.replica_directory_id != Uuid::ZERO {
                w.tag(&mut tags, 0, |w| w.uuid(self.replica_directory_id));
            }
            if version >= 18 && self.high_watermark != i64::MAX {
                w.tag(&mut tags, 1, |w| w.i64(self.high_watermark));
            }
            w.end_tags(tags);
        }
    }
}

/// In `FetchRequest`, versions 7-18.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    /// In 7-12, ignorable.
    pub topic: Str,
    /// In 13+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl ForgottenTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        Self {
            topic: if version <= 12 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 13 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        if version <= 12 {
            w.string(flexible, &self.topic);
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for FetchRequest {
    const KEY: ApiKey = ApiKey::Fetch;
    type Response = FetchResponse;
}

/// The response of API 1, versions 4-18, flexible from 12.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    /// In 7+, ignorable.
    pub error_code: ErrorCode,
    /// In 7+.
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    /// In 16+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const MIN_VERSION: i16 = 4;
    const MAX_VERSION: i16 = 18;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        let mut this = Self {
            throttle_time_ms: r.i32(),
            error_code: if version >= 7 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            session_id: if version >= 7 { r.i32() } else { 0 },
            responses: r.array(flexible, 3, |r| FetchableTopicResponse::decode(version, r)),
            node_endpoints: Vec::new(),
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 if version >= 16 => this.node_endpoints = r.array(flexible, 11, |r| NodeEndpoint::decode(version, r)),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        w.i32(self.throttle_time_ms);
        if version >= 7 {
            w.i16(self.error_code.0);
        }
        if version >= 7 {
            w.i32(self.session_id);
        } else {
            w.absent(self.session_id == 0, "FetchResponse.SessionId", version);
        }
        w.array(flexible, &self.responses, |w, x| x.encode(version, w));
        if version < 16 {
            w.absent(self.node_endpoints.is_empty(), "FetchResponse.NodeEndpoints", version);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if version >= 16 && !self.node_endpoints.is_empty() {
                w.tag(&mut tags, 0, |w| w.array(flexible, &self.node_endpoints, |w, x| x.encode(version, w)));
            }
            w.end_tags(tags);
        }
    }
}

/// In `FetchResponse`, versions 4-18.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchableTopicResponse {
    /// In 0-12, ignorable.
    pub topic: Str,
    /// In 13+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown: UnknownTags,
}

impl FetchableTopicResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        Self {
            topic: if version <= 12 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 13 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(flexible, 30, |r| PartitionData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        if version <= 12 {
            w.string(flexible, &self.topic);
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `FetchResponse`, versions 4-18.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub high_watermark: i64,
    /// Default `-1`.
    pub last_stable_offset: i64,
    /// In 5+, default `-1`, ignorable.
    pub log_start_offset: i64,
    /// In 12+, tagged.
    pub diverging_epoch: EpochEndOffset,
    /// In 12+, tagged.
    pub current_leader: LeaderIdAndEpoch,
    /// In 12+, tagged.
    pub snapshot_id: SnapshotId,
    /// Default `Some(Vec::new())`.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// In 11+, default `-1`.
    pub preferred_read_replica: i32,
    pub records: Option<Records>,
    pub unknown: UnknownTags,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl PartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        let mut this = Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            high_watermark: r.i64(),
            last_stable_offset: r.i64(),
            log_start_offset: if version >= 5 { r.i64() } else { -1 },
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: r.opt_array(flexible, 16, |r| AbortedTransaction::decode(version, r)),
            preferred_read_replica: if version >= 11 { r.i32() } else { -1 },
            records: r.opt_records(flexible),
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.diverging_epoch = EpochEndOffset::decode(version, r),
                    1 => this.current_leader = LeaderIdAndEpoch::decode(version, r),
                    2 => this.snapshot_id = SnapshotId::decode(version, r),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i64(self.high_watermark);
        w.i64(self.last_stable_offset);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        if version < 12 {
            w.absent(self.diverging_epoch == EpochEndOffset::default(), "FetchResponse.DivergingEpoch", version);
        }
        if version < 12 {
            w.absent(self.current_leader == LeaderIdAndEpoch::default(), "FetchResponse.CurrentLeader", version);
        }
        if version < 12 {
            w.absent(self.snapshot_id == SnapshotId::default(), "FetchResponse.SnapshotId", version);
        }
        w.opt_array(flexible, self.aborted_transactions.as_deref(), |w, x| x.encode(version, w));
        if version >= 11 {
            w.i32(self.preferred_read_replica);
        } else {
            w.absent(self.preferred_read_replica == -1, "FetchResponse.PreferredReadReplica", version);
        }
        w.opt_records(flexible, self.records.as_ref());
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if self.diverging_epoch != EpochEndOffset::default() {
                w.tag(&mut tags, 0, |w| self.diverging_epoch.encode(version, w));
            }
            if self.current_leader != LeaderIdAndEpoch::default() {
                w.tag(&mut tags, 1, |w| self.current_leader.encode(version, w));
            }
            if self.snapshot_id != SnapshotId::default() {
                w.tag(&mut tags, 2, |w| self.snapshot_id.encode(version, w));
            }
            w.end_tags(tags);
        }
    }
}

/// In `FetchResponse`, versions 12-18.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    /// Default `-1`.
    pub epoch: i32,
    /// Default `-1`.
    pub end_offset: i64,
    pub unknown: UnknownTags,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self {
            epoch: -1,
            end_offset: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl EpochEndOffset {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            epoch: r.i32(),
            end_offset: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.i64(self.end_offset);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchResponse`, versions 12-18.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    /// Default `-1`.
    pub leader_id: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl LeaderIdAndEpoch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchResponse`, versions 12-18.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotId {
    /// Default `-1`.
    pub end_offset: i64,
    /// Default `-1`.
    pub epoch: i32,
    pub unknown: UnknownTags,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self {
            end_offset: -1,
            epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl SnapshotId {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            end_offset: r.i64(),
            epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.end_offset);
        w.i32(self.epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchResponse`, versions 4-18.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
    pub unknown: UnknownTags,
}

impl AbortedTransaction {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 12;
        Self {
            producer_id: r.i64(),
            first_offset: r.i64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 12;
        w.i64(self.producer_id);
        w.i64(self.first_offset);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `FetchResponse`, versions 16-18.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    pub unknown: UnknownTags,
}

impl NodeEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            node_id: r.i32(),
            host: r.string(true),
            port: r.i32(),
            rack: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.node_id);
        w.string(true, &self.host);
        w.i32(self.port);
        w.opt_string(true, self.rack.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}
