//! What a start must read is bounded by `recovery_bytes`, however much was written since the last clean stop.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use logan_storage::append::{Append, Offsets};
use logan_storage::config::VolumeConfig;
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::log::Log;
use logan_storage::recovery::{OpenOptions, open_directory};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{batch, key, log_config, volume_config};

const LOGS: i32 = 6;
const RECOVERY_BYTES: u64 = 1 << 20;
/// Of each log its end is read from an index entry on, in whole blocks; of rounds that nothing calls durable yet, all ranges.
const SLACK: u64 = LOGS as u64 * 64 * 1024;

async fn open(disk: &Rc<Disk>, runtime: &Rc<Runtime>) -> Rc<Volume> {
    let options = OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        hang_after: volume_config().hang_after,
        mutations: volume_config().mutations,
    };
    let directory = TestDirectory::over(disk, runtime);
    let host = Rc::new(TestHost(Rc::clone(runtime)));
    let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options).await.unwrap();
    let config = VolumeConfig { recovery_bytes: RECOVERY_BYTES, ..volume_config() };
    let part = opened.parts[0].clone();
    Volume::start(directory, host, part, config, &|_| log_config(), Arc::new(FailedMark::new()))
        .await
        .unwrap()
}

async fn append(log: &Rc<Log>, bytes: &[u8], leader_epoch: i32) -> i64 {
    loop {
        match log.append(&Append { batches: bytes, offsets: Offsets::Assign { leader_epoch } }) {
            Ok(appended) => return appended.log_end,
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends `bytes` in all, to logs and in epochs that the seed chooses, and truncates now and then: but not at last, because what a
/// truncation takes from a snapshot is only written down again a moment later.
async fn fill(volume: &Rc<Volume>, runtime: &Rc<Runtime>, bytes: u64) {
    let mut logs = Vec::new();
    for partition in 0..LOGS {
        logs.push(volume.create_log(key("orders", partition), log_config()).await.unwrap());
    }
    let (mut written, mut epoch) = (0, 0);
    while written < bytes {
        let log = &logs[runtime.below(runtime.below(LOGS as u64) + 1) as usize];
        let length = 1 + runtime.below(20_000);
        epoch += i32::from(runtime.below(50) == 0);
        let end = append(log, &batch(1, length as usize, runtime.draw(), 1), epoch).await;
        written += length;
        log.wait_settled(end).await.unwrap();
        if runtime.below(300) == 0 {
            log.roll().await.unwrap();
        }
        if runtime.below(300) == 0 && written < bytes / 4 * 3 {
            log.truncate_to(end - runtime.below(5) as i64).await.unwrap();
        }
        volume.check();
    }
}

#[test]
fn a_first_load_reads_no_more_than_was_allowed() {
    for seed in 1..8 {
        let (disk, runtime) = (Disk::new(), Runtime::new(seed));
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        let filled = runtime.run(async move {
            let volume = open(&dk, &rt).await;
            fill(&volume, &rt, 8 * RECOVERY_BYTES).await;
        });
        filled.expect("the appends end");
        let snapshots = disk.paths().iter().filter(|path| path.ends_with(".snapshot")).count();
        runtime.kill();
        disk.lose_power(&runtime);
        let runtime = Runtime::new(seed + 100);
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        disk.segment_bytes_read.set(0);
        let loaded = runtime.run(async move {
            let volume = open(&dk, &rt).await;
            for log in volume.logs() {
                log.load().await.unwrap();
                let end = log.ends().log_end;
                assert!(log.latest_epoch().is_some_and(|epoch| epoch.start_offset < end), "{}", log.key());
            }
        });
        loaded.expect("the loads end");
        let read = disk.segment_bytes_read.get();
        assert!(read <= RECOVERY_BYTES + SLACK, "seed {seed}: {read} bytes of {RECOVERY_BYTES} were read");
        assert!(snapshots < 60, "seed {seed}: {snapshots} producer snapshots stay");
    }
}

/// Thirty segments. What a truncation takes from the snapshot of the end is not taken from those at the beginnings of segments before.
#[test]
fn a_truncation_below_the_snapshot_leaves_the_segments_before_it_vouched_for() {
    let disk = Disk::new();
    support::live(&disk, 1, |disk, runtime| async move {
        let volume = open(&disk, &runtime).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..300 {
            if n % 10 == 0 {
                log.roll().await.unwrap();
            }
            let end = append(&log, &batch(1, 20_000, n, 1), 0).await;
            log.wait_settled(end).await.unwrap();
        }
        runtime.sleep_ns(2_000_000_000).await;
        disk.segment_bytes_read.set(0);
        log.truncate_to(285).await.unwrap();
        log.load().await.unwrap();
        let read = disk.segment_bytes_read.get();
        assert!(read <= 2 * 200_000, "{read} bytes were read again");
    });
    disk.segment_bytes_read.set(0);
    support::live(&disk, 2, |disk, runtime| async move {
        let volume = open(&disk, &runtime).await;
        let log = volume.log(&key("orders", 0)).unwrap();
        log.load().await.unwrap();
        assert_eq!((log.ends().log_end, log.producers().end_offset()), (285, 285));
    });
    // A segment's hints are vouched for when a quarter of what may be read was sealed; the last segment has none.
    let read = disk.segment_bytes_read.get();
    assert!(read <= RECOVERY_BYTES / 4 + 3 * 200_000, "{read} bytes were read");
}

/// Hints of sealed segments keep what a load must read so low that none are written of a moment, so no other checkpoint vouches for them.
#[test]
fn sealed_segments_are_vouched_for_while_nothing_else_asks_for_a_checkpoint() {
    let disk = Disk::new();
    support::live(&disk, 1, |disk, runtime| async move {
        let volume = open(&disk, &runtime).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..300 {
            let end = append(&log, &batch(1, 10_000, n, 1), 0).await;
            log.wait_settled(end).await.unwrap();
            if n % 10 == 9 {
                log.roll().await.unwrap();
                // The segment is cut and has its hints.
                runtime.sleep_ns(100_000_000).await;
            }
        }
    });
    disk.segment_bytes_read.set(0);
    support::live(&disk, 2, |disk, runtime| async move {
        let volume = open(&disk, &runtime).await;
        volume.log(&key("orders", 0)).unwrap().load().await.unwrap();
    });
    let read = disk.segment_bytes_read.get();
    assert!(read <= RECOVERY_BYTES / 4 + 2 * 100_000, "{read} bytes of {RECOVERY_BYTES} were read");
}
