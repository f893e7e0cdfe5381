//! Writes batches: for coordinators, for conversion to another codec, and for tests.

use bytes::Bytes;
use logan_storage::batch::{
    Attributes, HEADER_LEN, Header, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, seal,
};

use super::compression::{Compression, Encoder};
use super::record::{self, Headers, Record};

/// Memory that is kept for the next record: what almost all fit into.
const KEPT_BYTES: usize = 64 << 10;

/// Who a batch is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerFields {
    pub id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    pub is_transactional: bool,
}

impl ProducerFields {
    /// Nobody who counts.
    pub const NONE: Self = Self {
        id: NO_PRODUCER_ID,
        epoch: NO_PRODUCER_EPOCH,
        base_sequence: NO_SEQUENCE,
        is_transactional: false,
    };
}

/// One batch that is being written. Its offsets count from 0: whoever appends it stamps it.
pub struct BatchBuilder {
    encoder: Encoder,
    compression: Compression,
    producer: ProducerFields,
    is_control: bool,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    offset_of_max_timestamp: i32,
    scratch: Vec<u8>,
}

impl BatchBuilder {
    pub fn new(compression: Compression) -> Self {
        Self {
            encoder: Encoder::new(compression, vec![0; HEADER_LEN]),
            compression,
            producer: ProducerFields::NONE,
            is_control: false,
            count: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            offset_of_max_timestamp: -1,
            scratch: Vec::new(),
        }
    }

    #[must_use]
    pub fn producer(mut self, producer: ProducerFields) -> Self {
        self.producer = producer;
        self
    }

    /// Makes it a control batch: its one record is a marker.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.is_control = true;
        self
    }

    /// How many records there are.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// How many bytes of the batch there are so far: never more than there will be.
    pub fn written(&self) -> usize {
        self.encoder.written()
    }

    /// Bytes of memory that it holds.
    pub fn held(&self) -> usize {
        self.encoder.held() + self.scratch.capacity()
    }

    /// The largest timestamp so far, or -1.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The place of the first record with the largest timestamp, or -1.
    pub fn offset_of_max_timestamp(&self) -> i32 {
        self.offset_of_max_timestamp
    }

    /// Adds a record. `timestamp` is in milliseconds, or -1.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[record::Header<'_>],
    ) {
        let mut buffer = Vec::new();
        let headers = Headers::encode(headers, &mut buffer);
        self.append_record(
            timestamp,
            &Record { attributes: 0, timestamp_delta: 0, offset_delta: 0, key, value, headers },
        );
    }

    /// Adds key, value and headers of a record of another batch.
    pub fn append_record(&mut self, timestamp: i64, record: &Record<'_>) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
            self.offset_of_max_timestamp = self.count;
        }
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        self.scratch.clear();
        let record = Record { attributes: 0, timestamp_delta, offset_delta: self.count, ..*record };
        record.write(&mut self.scratch);
        self.encoder.write(&self.scratch);
        self.count += 1;
        if self.scratch.capacity() > KEPT_BYTES {
            self.scratch = Vec::new();
        }
    }

    /// The batch, with base offset 0 and leader epoch -1. `append_time_ms` makes that the timestamp of all records.
    ///
    /// Panics if there are no records, or more than a length field can state.
    pub fn finish(self, append_time_ms: Option<i64>) -> Bytes {
        assert!(self.count > 0, "a batch has records");
        let mut attributes = i16::from(self.compression.codec().id());
        let flags = [
            (append_time_ms.is_some(), Attributes::APPEND_TIME),
            (self.producer.is_transactional, Attributes::TRANSACTIONAL),
            (self.is_control, Attributes::CONTROL),
        ];
        for (is_set, flag) in flags {
            attributes |= if is_set { flag } else { 0 };
        }
        let header = Header {
            base_offset: 0,
            leader_epoch: -1,
            attributes: Attributes(attributes),
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: append_time_ms.unwrap_or(self.max_timestamp),
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            base_sequence: self.producer.base_sequence,
            count: self.count,
        };
        let mut batch = self.encoder.finish();
        let records_len = batch.len() - HEADER_LEN;
        batch[..HEADER_LEN].copy_from_slice(&header.encode(records_len));
        seal(&mut batch);
        batch.into()
    }
}
