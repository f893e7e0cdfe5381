//! The engine as its embedder sees it, on a machine in memory.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use logan_storage::append::{Append, Offsets};
use logan_storage::config::VolumeConfig;
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::log::Log;
use logan_storage::read::Limits;
use logan_storage::recovery::{OpenOptions, Opened, open_directory};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{batch, key, log_config, volume_config};

const ALL: Limits = Limits { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };

fn options() -> OpenOptions {
    OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        mutations: volume_config().mutations,
    }
}

async fn open(disk: Rc<Disk>, runtime: Rc<Runtime>, config: VolumeConfig) -> (Rc<Volume>, Opened) {
    let directory = TestDirectory::new(&disk, &runtime);
    let host: Rc<TestHost> = Rc::new(TestHost(runtime));
    let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options()).await.unwrap();
    let part = opened.parts[0].clone();
    let failed = Arc::new(FailedMark::new());
    let volume = Volume::start(directory, host, part, config, &|_| log_config(), failed).await.unwrap();
    (volume, opened)
}

async fn append(log: &Rc<Log>, bytes: &[u8]) -> Result<i64, AppendError> {
    loop {
        let append = Append { batches: bytes, offsets: Offsets::Assign { leader_epoch: 3 } };
        match log.append(&append) {
            Ok(appended) => return Ok(appended.log_end),
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await?,
            Err(error) => return Err(error),
        }
    }
}

fn joined(slices: &[Bytes]) -> Vec<u8> {
    slices.concat()
}

fn stamped(batches: &[Vec<u8>]) -> Vec<u8> {
    let mut offset = 0_i64;
    let mut out = Vec::new();
    for batch in batches {
        let mut batch = batch.clone();
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        batch[12..16].copy_from_slice(&3_i32.to_be_bytes());
        offset += i64::from(i32::from_be_bytes(batch[23..27].try_into().unwrap())) + 1;
        out.extend(batch);
    }
    out
}

#[test]
fn what_was_appended_is_read_from_memory_and_after_a_kill_from_disk() {
    let runtime = Runtime::new(1);
    let disk = Disk::new();
    let batches: Vec<Vec<u8>> = (0..20).map(|n| batch(1 + n % 3, 100 + 700 * n as usize, n as u64, 1000 + i64::from(n))).collect();
    let expected = stamped(&batches);
    let (other, made, wanted) = (Rc::clone(&disk), batches.clone(), expected.clone());
    let host = Rc::clone(&runtime);
    let end = runtime
        .run(async move {
            let (volume, opened) = open(other, host, volume_config()).await;
            assert!(opened.report.was_clean);
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for batch in &made {
                let end = append(&log, batch).await.unwrap();
                log.wait_settled(end).await.unwrap();
                volume.check();
            }
            let read = log.read_cached(0, ALL).unwrap();
            assert_eq!(joined(&read.slices), wanted);
            assert_eq!(read.next_offset, log.ends().settled);
            log.ends().settled
        })
        .unwrap();
    runtime.kill();
    disk.survive_kill();
    let runtime = Runtime::new(2);
    let host = Rc::clone(&runtime);
    let disk2 = Rc::clone(&disk);
    runtime
        .run(async move {
            let (volume, opened) = open(disk2, host, volume_config()).await;
            assert_eq!(opened.report.rounds_dropped, 0, "{:?}", opened.report);
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!(log.ends().settled, end);
            let read = log.read(0, ALL).await.unwrap();
            assert_eq!(joined(&read.slices), expected);
            let found = log.batch_at_time(1010).await.unwrap().unwrap();
            assert_eq!(i64::from_be_bytes(found[35..43].try_into().unwrap()), 1010);
            assert_eq!(log.max_timestamp().await.unwrap().unwrap().timestamp, 1019);
            log.load().await.unwrap();
            assert_eq!(log.latest_epoch().unwrap().epoch, 3);
            let end = append(&log, &batch(1, 5000, 77, 2000)).await.unwrap();
            log.wait_settled(end).await.unwrap();
            volume.check();
        })
        .unwrap();
}
