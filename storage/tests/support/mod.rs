//! A machine in memory: one thread, virtual time, and a disk that at a power loss keeps what was synced and, of the rest, whatever the
//! seed says.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod caught;
pub mod disk;
pub mod freeing;
pub mod hints;
pub mod kinds;
pub mod looks;
pub mod runtime;
pub mod workload;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use logan_storage::append::{Append, Offsets};
use logan_storage::batch::{Attributes, Header};
use logan_storage::config::{LogConfig, Mutations, VolumeConfig};
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::kafka_files::CleanShutdown;
use logan_storage::key::LogKey;
use logan_storage::log::Log;
use logan_storage::recovery::{OpenError, OpenOptions, OpenedDirectory, open_directory};
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;

use self::disk::{Disk, TestDirectory};
use self::runtime::{Runtime, TestHost};

/// What the node of these tests leaves in a directory that it closes.
pub const CLOSED: CleanShutdown = CleanShutdown { broker_epoch: 1, by_logan: true };

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
        max_spares: usize::MAX,
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

/// What a coordinator appends when a transaction ends: the marker of Kafka's `EndTransactionMarker`.
pub fn marker(producer_id: i64, coordinator_epoch: i32, is_commit: bool) -> Vec<u8> {
    // Attributes, both deltas; a key of a version and a kind; a value of a version and the epoch; no headers. Lengths in zigzag.
    let mut record = vec![0, 0, 0, 8, 0, 0, 0, u8::from(is_commit), 12, 0, 0];
    record.extend(coordinator_epoch.to_be_bytes());
    record.push(0);
    record.insert(0, record.len() as u8 * 2);
    let header = Header {
        base_offset: 0,
        leader_epoch: 0,
        attributes: Attributes(Attributes::TRANSACTIONAL | Attributes::CONTROL),
        last_offset_delta: 0,
        base_timestamp: 1,
        max_timestamp: 1,
        producer_id,
        producer_epoch: 0,
        base_sequence: -1,
        count: 1,
    };
    let mut out = Vec::new();
    header.write_batch(&record, &mut out);
    out
}

pub fn open_options() -> OpenOptions {
    OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        hang_after: volume_config().hang_after,
        mutations: Mutations::default(),
    }
}

/// A directory with one shard.
pub async fn open(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    options: OpenOptions,
) -> Result<OpenedDirectory, OpenError> {
    let directory = TestDirectory::over(disk, runtime);
    let host = Rc::new(TestHost(Rc::clone(runtime)));
    open_directory(directory, host, options).await
}

/// Opens a directory and serves it.
pub async fn serve(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    config: VolumeConfig,
    of_log: LogConfig,
) -> Result<Rc<Volume>, OpenError> {
    let options = OpenOptions { mutations: config.mutations, ..open_options() };
    let opened = open(disk, runtime, options).await?;
    let directory = TestDirectory::over(disk, runtime);
    let host = Rc::new(TestHost(Rc::clone(runtime)));
    let failed = Arc::new(FailedMark::new());
    let part = opened.parts[0].clone();
    let volume = Volume::start(directory, host, part, config, &|_| of_log.clone(), failed).await?;
    disk.acknowledges(std::slice::from_ref(&volume));
    Ok(volume)
}

pub async fn stop(disk: &Rc<Disk>, runtime: &Rc<Runtime>, volume: Rc<Volume>) {
    let part = volume.stop().await.expect("a clean stop");
    close_directory(TestDirectory::over(disk, runtime), vec![part], CLOSED).await.expect("a clean close");
}

/// Appends, and returns the log's end once it is settled.
pub async fn append_settled(log: &Rc<Log>, bytes: &[u8]) -> Result<i64, AppendError> {
    loop {
        match log.append(&Append { batches: bytes, offsets: Offsets::Assign { leader_epoch: 3 } }) {
            Ok(appended) => {
                log.wait_settled(appended.log_end).await?;
                return Ok(appended.log_end);
            }
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await?,
            Err(error) => return Err(error),
        }
    }
}

/// One life of a process: it ends with a kill when its work is done.
pub fn live<T: 'static, F: Future<Output = T> + 'static>(
    disk: &Rc<Disk>,
    seed: u64,
    work: impl FnOnce(Rc<Disk>, Rc<Runtime>) -> F,
) -> T {
    let runtime = Runtime::new(seed);
    let _killed = runtime.killed_at_last();
    let done = runtime.run(work(Rc::clone(disk), Rc::clone(&runtime)));
    runtime.kill();
    disk.survive_kill();
    done.expect("it ends")
}
