//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 24, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnRequest {
    /// In 4+.
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// In 0-3.
    pub v3_and_below_transactional_id: Str,
    /// In 0-3.
    pub v3_and_below_producer_id: i64,
    /// In 0-3.
    pub v3_and_below_producer_epoch: i16,
    /// In 0-3.
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown: UnknownTags,
}

impl Message for AddPartitionsToTxnRequest {
    const NAME: &'static str = "AddPartitionsToTxnRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            transactions: if version >= 4 { r.array(flexible, 14, |r| AddPartitionsToTxnTransaction::decode(version, r)) } else { Vec::new() },
            v3_and_below_transactional_id: if version <= 3 { r.string(flexible) } else { Str::new() },
            v3_and_below_producer_id: if version <= 3 { r.i64() } else { 0 },
            v3_and_below_producer_epoch: if version <= 3 { r.i16() } else { 0 },
            v3_and_below_topics: if version <= 3 { r.array(flexible, 3, |r| AddPartitionsToTxnTopic::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version >= 4 {
            w.array(flexible, &self.transactions, |w, x| x.encode(version, w));
        } else {
            w.absent(self.transactions.is_empty(), "AddPartitionsToTxnRequest.Transactions", version);
        }
        if version <= 3 {
            w.string(flexible, &self.v3_and_below_transactional_id);
        } else {
            w.absent(self.v3_and_below_transactional_id.is_empty(), "AddPartitionsToTxnRequest.V3AndBelowTransactionalId", version);
        }
        if version <= 3 {
            w.i64(self.v3_and_below_producer_id);
        } else {
            w.absent(self.v3_and_below_producer_id == 0, "AddPartitionsToTxnRequest.V3AndBelowProducerId", version);
        }
        if version <= 3 {
            w.i16(self.v3_and_below_producer_epoch);
        } else {
            w.absent(self.v3_and_below_producer_epoch == 0, "AddPartitionsToTxnRequest.V3AndBelowProducerEpoch", version);
        }
        if version <= 3 {
            w.array(flexible, &self.v3_and_below_topics, |w, x| x.encode(version, w));
        } else {
            w.absent(self.v3_and_below_topics.is_empty(), "AddPartitionsToTxnRequest.V3AndBelowTopics", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AddPartitionsToTxnRequest`, versions 4-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown: UnknownTags,
}

impl AddPartitionsToTxnTransaction {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            transactional_id: r.string(true),
            producer_id: r.i64(),
            producer_epoch: r.i16(),
            verify_only: r.bool(),
            topics: r.array(true, 3, |r| AddPartitionsToTxnTopic::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.transactional_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.verify_only);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AddPartitionsToTxnRequest`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl AddPartitionsToTxnTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for AddPartitionsToTxnRequest {
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    type Response = AddPartitionsToTxnResponse;
}

/// The response of API 24, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResponse {
    pub throttle_time_ms: i32,
    /// In 4+, ignorable.
    pub error_code: ErrorCode,
    /// In 4+.
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// In 0-3.
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    pub unknown: UnknownTags,
}

impl Message for AddPartitionsToTxnResponse {
    const NAME: &'static str = "AddPartitionsToTxnResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            throttle_time_ms: r.i32(),
            error_code: if version >= 4 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            results_by_transaction: if version >= 4 { r.array(flexible, 3, |r| AddPartitionsToTxnResult::decode(version, r)) } else { Vec::new() },
            results_by_topic_v3_and_below: if version <= 3 { r.array(flexible, 3, |r| AddPartitionsToTxnTopicResult::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.throttle_time_ms);
        if version >= 4 {
            w.i16(self.error_code.0);
        }
        if version >= 4 {
            w.array(flexible, &self.results_by_transaction, |w, x| x.encode(version, w));
        } else {
            w.absent(self.results_by_transaction.is_empty(), "AddPartitionsToTxnResponse.ResultsByTransaction", version);
        }
        if version <= 3 {
            w.array(flexible, &self.results_by_topic_v3_and_below, |w, x| x.encode(version, w));
        } else {
            w.absent(self.results_by_topic_v3_and_below.is_empty(), "AddPartitionsToTxnResponse.ResultsByTopicV3AndBelow", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AddPartitionsToTxnResponse`, versions 4-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResult {
    pub transactional_id: Str,
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    pub unknown: UnknownTags,
}

impl AddPartitionsToTxnResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            transactional_id: r.string(true),
            topic_results: r.array(true, 3, |r| AddPartitionsToTxnTopicResult::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.transactional_id);
        w.array(true, &self.topic_results, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AddPartitionsToTxnResponse`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopicResult {
    pub name: Str,
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    pub unknown: UnknownTags,
}

impl AddPartitionsToTxnTopicResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            name: r.string(flexible),
            results_by_partition: r.array(flexible, 6, |r| AddPartitionsToTxnPartitionResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.name);
        w.array(flexible, &self.results_by_partition, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AddPartitionsToTxnResponse`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnPartitionResult {
    pub partition_index: i32,
    pub partition_error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl AddPartitionsToTxnPartitionResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            partition_index: r.i32(),
            partition_error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.partition_index);
        w.i16(self.partition_error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}
