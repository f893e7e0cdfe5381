//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, UnknownTags, Writer};

/// The request of API 56, versions 2-3.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionRequest {
    pub broker_id: i32,
    /// Default `-1`.
    pub broker_epoch: i64,
    pub topics: Vec<AlterPartitionRequestTopicData>,
    pub unknown: UnknownTags,
}

impl Default for AlterPartitionRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for AlterPartitionRequest {
    const NAME: &'static str = "AlterPartitionRequest";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            topics: r.array(true, 18, |r| AlterPartitionRequestTopicData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterPartitionRequest`, versions 2-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionRequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionRequestPartitionData>,
    pub unknown: UnknownTags,
}

impl AlterPartitionRequestTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 15, |r| AlterPartitionRequestPartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterPartitionRequest`, versions 2-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionRequestPartitionData {
    pub partition_index: i32,
    pub leader_epoch: i32,
    /// In 0-2.
    pub new_isr: Vec<i32>,
    /// In 3+.
    pub new_isr_with_epochs: Vec<BrokerState>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
    pub unknown: UnknownTags,
}

impl AlterPartitionRequestPartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            leader_epoch: r.i32(),
            new_isr: if version <= 2 { r.array(true, 4, Reader::i32) } else { Vec::new() },
            new_isr_with_epochs: if version >= 3 { r.array(true, 13, |r| BrokerState::decode(version, r)) } else { Vec::new() },
            leader_recovery_state: r.i8(),
            partition_epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i32(self.leader_epoch);
        if version <= 2 {
            w.array(true, &self.new_isr, |w, x| w.i32(*x));
        } else {
            w.absent(self.new_isr.is_empty(), "AlterPartitionRequest.NewIsr", version);
        }
        if version >= 3 {
            w.array(true, &self.new_isr_with_epochs, |w, x| x.encode(version, w));
        } else {
            w.absent(self.new_isr_with_epochs.is_empty(), "AlterPartitionRequest.NewIsrWithEpochs", version);
        }
        w.i8(self.leader_recovery_state);
        w.i32(self.partition_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterPartitionRequest`, versions 3.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerState {
    pub broker_id: i32,
    /// Default `-1`.
    pub broker_epoch: i64,
    pub unknown: UnknownTags,
}

impl Default for BrokerState {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl BrokerState {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for AlterPartitionRequest {
    const KEY: ApiKey = ApiKey::AlterPartition;
    type Response = AlterPartitionResponse;
}

/// The response of API 56, versions 2-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub topics: Vec<AlterPartitionResponseTopicData>,
    pub unknown: UnknownTags,
}

impl Message for AlterPartitionResponse {
    const NAME: &'static str = "AlterPartitionResponse";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            topics: r.array(true, 18, |r| AlterPartitionResponseTopicData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterPartitionResponse`, versions 2-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionResponsePartitionData>,
    pub unknown: UnknownTags,
}

impl AlterPartitionResponseTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 21, |r| AlterPartitionResponsePartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterPartitionResponse`, versions 2-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
    pub unknown: UnknownTags,
}

impl AlterPartitionResponsePartitionData {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            isr: r.array(true, 4, Reader::i32),
            leader_recovery_state: r.i8(),
            partition_epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.array(true, &self.isr, |w, x| w.i32(*x));
        w.i8(self.leader_recovery_state);
        w.i32(self.partition_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}
