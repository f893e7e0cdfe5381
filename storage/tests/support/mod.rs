//! A machine in memory: one thread, virtual time, and a disk that at a power loss keeps what was synced and, of the rest, whatever the
//! seed says.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod disk;
pub mod runtime;
pub mod workload;

use logan_storage::batch::{Attributes, Header};
use logan_storage::config::{LogConfig, Mutations, VolumeConfig};
use logan_storage::key::LogKey;
use std::time::Duration;

pub fn log_config() -> LogConfig {
    LogConfig {
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
        segment_jitter_ms: 0,
        segment_index_bytes: 10 << 20,
        index_interval_bytes: 4096,
        flush_messages: u64::MAX,
        flush_ms: i64::MAX,
        producer_expiration_ms: 86_400_000,
    }
}

pub fn volume_config() -> VolumeConfig {
    VolumeConfig {
        ack_sync: true,
        write_buffer_bytes: 16 << 20,
        cache_bytes: 4 << 20,
        recovery_bytes: 64 << 20,
        max_batch_bytes: 8 << 20,
        hang_after: Duration::from_secs(30),
        close_after: Duration::from_mins(1),
        mutations: Mutations::default(),
    }
}

pub fn key(topic: &str, partition: i32) -> LogKey {
    let mut topic_id = [7; 16];
    topic_id[..topic.len().min(16)].copy_from_slice(&topic.as_bytes()[..topic.len().min(16)]);
    LogKey { topic: topic.into(), topic_id, partition }
}

/// A batch of `count` records whose bytes are made from `seed`.
pub fn batch(count: i32, length: usize, seed: u64, timestamp: i64) -> Vec<u8> {
    batch_of(-1, Attributes(0), count, length, seed, timestamp)
}

/// The same, of a producer's first sequence numbers.
pub fn batch_of(
    producer_id: i64,
    attributes: Attributes,
    count: i32,
    length: usize,
    seed: u64,
    timestamp: i64,
) -> Vec<u8> {
    let first = if producer_id < 0 { -1 } else { 0 };
    let header = Header {
        base_offset: 0,
        leader_epoch: 0,
        attributes,
        last_offset_delta: count - 1,
        base_timestamp: timestamp,
        max_timestamp: timestamp,
        producer_id,
        producer_epoch: first as i16,
        base_sequence: first,
        count,
    };
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let records: Vec<u8> = (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let mut out = Vec::new();
    header.write_batch(&records, &mut out);
    out
}
