//! @generated from `schema/transaction-records.txt`: do not edit.

use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// The key of record type 0, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionLogKey {
    pub transactional_id: Str,
}

impl Message for TransactionLogKey {
    const NAME: &'static str = "TransactionLogKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            transactional_id: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.transactional_id);
    }
}

impl TransactionLogKey {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// The value of record type 0, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionLogValue {
    pub producer_id: i64,
    /// In 1+, tagged, default `-1`.
    pub previous_producer_id: i64,
    /// In 1+, tagged, default `-1`.
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    /// In 1+, tagged, default `-1`.
    pub next_producer_epoch: i16,
    pub transaction_timeout_ms: i32,
    pub transaction_status: i8,
    /// Default `Some(Vec::new())`.
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    pub transaction_last_update_timestamp_ms: i64,
    pub transaction_start_timestamp_ms: i64,
    /// In 1+, tagged.
    pub client_transaction_version: i16,
    pub unknown: UnknownTags,
}

impl Default for TransactionLogValue {
    fn default() -> Self {
        Self {
            producer_id: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: 0,
            next_producer_epoch: -1,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(Vec::new()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            client_transaction_version: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for TransactionLogValue {
    const NAME: &'static str = "TransactionLogValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        let mut this = Self {
            producer_id: r.i64(),
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: r.i16(),
            next_producer_epoch: -1,
            transaction_timeout_ms: r.i32(),
            transaction_status: r.i8(),
            transaction_partitions: r.opt_array(flexible, 3, |r| PartitionsSchema::decode(version, r)),
            transaction_last_update_timestamp_ms: r.i64(),
            transaction_start_timestamp_ms: r.i64(),
            client_transaction_version: 0,
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.previous_producer_id = r.i64(),
                    1 => this.next_producer_id = r.i64(),
                    2 => this.client_transaction_version = r.i16(),
                    3 => this.next_producer_epoch = r.i16(),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i64(self.producer_id);
        if version < 1 {
            w.absent(self.previous_producer_id == -1, "TransactionLogValue.PreviousProducerId", version);
        }
        if version < 1 {
            w.absent(self.next_producer_id == -1, "TransactionLogValue.NextProducerId", version);
        }
        w.i16(self.producer_epoch);
        if version < 1 {
            w.absent(self.next_producer_epoch == -1, "TransactionLogValue.NextProducerEpoch", version);
        }
        w.i32(self.transaction_timeout_ms);
        w.i8(self.transaction_status);
        w.opt_array(flexible, self.transaction_partitions.as_deref(), |w, x| x.encode(version, w));
        w.i64(self.transaction_last_update_timestamp_ms);
        w.i64(self.transaction_start_timestamp_ms);
        if version < 1 {
            w.absent(self.client_transaction_version == 0, "TransactionLogValue.ClientTransactionVersion", version);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if self.previous_producer_id != -1 {
                w.tag(&mut tags, 0, |w| w.i64(self.previous_producer_id));
            }
            if self.next_producer_id != -1 {
                w.tag(&mut tags, 1, |w| w.i64(self.next_producer_id));
            }
            if self.client_transaction_version != 0 {
                w.tag(&mut tags, 2, |w| w.i16(self.client_transaction_version));
            }
            if self.next_producer_epoch != -1 {
                w.tag(&mut tags, 3, |w| w.i16(self.next_producer_epoch));
            }
            w.end_tags(tags);
        }
    }
}

/// In `TransactionLogValue`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionsSchema {
    pub topic: Str,
    pub partition_ids: Vec<i32>,
    pub unknown: UnknownTags,
}

impl PartitionsSchema {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            topic: r.string(flexible),
            partition_ids: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partition_ids, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl TransactionLogValue {
    /// The record type.
    pub const KEY: i16 = 0;
}
