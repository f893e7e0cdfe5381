//! The engine as its embedder sees it, on a machine in memory.

mod support;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logan_storage::append::{Append, Offsets};
use logan_storage::batch::Attributes;
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::disk::{DiskError, Host};
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::log::Log;
use logan_storage::producers::Producers;
use logan_storage::read::ReadBounds;
use logan_storage::recovery::{OpenError, OpenOptions, OpenedDirectory, open_directory};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{CLOSED, batch, batch_of, key, log_config, volume_config};

const ALL: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };

fn options() -> OpenOptions {
    OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        hang_after: volume_config().hang_after,
        mutations: volume_config().mutations,
    }
}

async fn open(disk: Rc<Disk>, runtime: Rc<Runtime>, config: VolumeConfig) -> (Rc<Volume>, OpenedDirectory) {
    let directory = TestDirectory::over(&disk, &runtime);
    let host: Rc<TestHost> = Rc::new(TestHost(runtime));
    let opened =
        open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options()).await.unwrap();
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
    let batches: Vec<Vec<u8>> =
        (0..20).map(|n| batch(1 + n % 3, 100 + 700 * n as usize, n as u64, 1000 + i64::from(n))).collect();
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

fn run_on<F: Future<Output = ()> + 'static>(seed: u64, work: impl FnOnce(Rc<Disk>, Rc<Runtime>) -> F) {
    let (disk, runtime) = (Disk::new(), Runtime::new(seed));
    let done = runtime.run(work(disk, Rc::clone(&runtime)));
    runtime.kill();
    assert!(done.is_some(), "it does not end");
}

#[test]
fn a_clean_stop_leaves_what_kafka_reads_and_opens_again() {
    run_on(3, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        volume.create_log(key("empty", 4), log_config()).await.unwrap();
        let mut length = 0;
        for n in 0..10 {
            let bytes = batch(2, 3000, n, 100 + n as i64);
            length += bytes.len();
            append(&log, &bytes).await.unwrap();
        }
        log.roll().await.unwrap();
        append(&log, &batch(1, 100, 99, 5)).await.unwrap();
        let directory = TestDirectory::over(&disk, &runtime);
        let part = volume.stop().await.unwrap();
        assert!(matches!(append(&log, &batch(1, 1, 1, 1)).await, Err(AppendError::Closed)));
        logan_storage::close_directory(directory, vec![part], CLOSED).await.unwrap();
        let paths = disk.paths();
        assert!(paths.iter().all(|path| !path.starts_with("logan")), "{paths:?}");
        assert!(paths.contains(&".kafka_cleanshutdown".to_owned()));
        assert_eq!(disk.content("orders-0/00000000000000000000.log").unwrap().len(), length);
        for file in
            ["00000000000000000000.index", "00000000000000000020.timeindex", "00000000000000000021.snapshot"]
        {
            assert!(paths.contains(&format!("orders-0/{file}")), "{file} of {paths:?}");
        }
        let ends = String::from_utf8(disk.content("recovery-point-offset-checkpoint").unwrap()).unwrap();
        assert!(ends.contains("orders 0 21") && ends.contains("empty 4 0"), "{ends}");
        disk.survive_kill();
        let (volume, opened) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        assert!(opened.report.was_clean && opened.orphans.is_empty(), "{opened:?}");
        assert!(!disk.paths().contains(&".kafka_cleanshutdown".to_owned()));
        let log = volume.log(&key("orders", 0)).unwrap();
        assert_eq!((log.ends().log_start, log.ends().log_end), (0, 21));
        assert_eq!(log.read(0, ALL).await.unwrap().next_offset, 20);
        assert_eq!(append(&log, &batch(1, 1, 1, 1)).await, Ok(22));
        assert!(volume.log(&key("empty", 4)).is_some());
    });
}

#[test]
fn a_log_that_was_cut_after_a_clean_stop_is_noticed() {
    for (keep, end) in [(0, 0), (2, 2)] {
        run_on(9, move |disk, runtime| async move {
            let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let mut lengths = Vec::new();
            for n in 0..5 {
                let bytes = batch(1, 3000, n, 100);
                lengths.push(bytes.len());
                append(&log, &bytes).await.unwrap();
            }
            let directory = TestDirectory::over(&disk, &runtime);
            let part = volume.stop().await.unwrap();
            logan_storage::close_directory(Rc::clone(&directory), vec![part], CLOSED).await.unwrap();
            disk.survive_kill();
            // At a batch's end: what is left looks like a log that was always shorter.
            let left = lengths[..keep].iter().sum();
            disk.damage("orders-0/00000000000000000000.log", |bytes| bytes.truncate(left));
            let host: Rc<TestHost> = Rc::new(TestHost(Rc::clone(&runtime)));
            let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options()).await;
            let Err(logan_storage::OpenError::Damaged(damages)) = opened else { panic!("{opened:?}") };
            assert!(damages[0].starts_with(&format!("orders-0 ends at offset {end}, but")), "{damages:?}");
            disk.survive_kill();
            let lossy = OpenOptions { accept_loss: true, ..options() };
            let opened = open_directory(directory, host, lossy).await.unwrap();
            assert_eq!(opened.report.losses, damages);
            assert_eq!(opened.parts[0].ledger.logs[&0].next_offset, end);
        });
    }
}

/// What happens in one life of a process.
type Life = std::pin::Pin<Box<dyn Future<Output = ()>>>;

async fn stop_cleanly(disk: Rc<Disk>, runtime: Rc<Runtime>, volume: Rc<Volume>) {
    let part = volume.stop().await.unwrap();
    logan_storage::close_directory(TestDirectory::over(&disk, &runtime), vec![part], CLOSED).await.unwrap();
}

/// A log that is idle for so long that its hints are written and its files closed still has blocks prepared behind its data.
#[test]
fn a_clean_stop_cuts_logs_that_were_idle_too() {
    let config = VolumeConfig {
        recovery_bytes: 16 << 10,
        close_after: std::time::Duration::from_secs(1),
        ..volume_config()
    };
    for crashes in [false, true] {
        let disk = Disk::new();
        let life = |work: &dyn Fn(Rc<Disk>, Rc<Runtime>) -> Life| {
            let runtime = Runtime::new(5);
            let done = runtime.run(work(Rc::clone(&disk), Rc::clone(&runtime)));
            runtime.kill();
            disk.survive_kill();
            assert!(done.is_some(), "it does not end");
        };
        life(&|disk, runtime| {
            let config = config.clone();
            Box::pin(async move {
                let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), config).await;
                for n in 0..4 {
                    let log = volume.create_log(key("idle", n), log_config()).await.unwrap();
                    for seed in 0..10 {
                        let end = append(&log, &batch(1, 3000, seed, 1)).await.unwrap();
                        log.wait_settled(end).await.unwrap();
                    }
                }
                let host = TestHost(Rc::clone(&runtime));
                logan_storage::disk::Host::sleep(&host, std::time::Duration::from_secs(30)).await;
                if !crashes {
                    stop_cleanly(disk, runtime, volume).await;
                }
            })
        });
        if crashes {
            life(&|disk, runtime| {
                let config = config.clone();
                Box::pin(async move {
                    let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), config).await;
                    stop_cleanly(disk, runtime, volume).await;
                })
            });
        }
        let length = 10 * batch(1, 3000, 0, 1).len();
        for n in 0..4 {
            let content = disk.content(&format!("idle-{n}/00000000000000000000.log")).unwrap();
            assert_eq!(content.len(), length, "idle-{n}, crashes {crashes}");
        }
    }
}

#[test]
fn a_directory_that_kafka_did_not_close_is_refused() {
    run_on(4, |disk, runtime| async move {
        disk.make_directory_now("orders-0");
        let directory = TestDirectory::over(&disk, &runtime);
        let host = Rc::new(TestHost(Rc::clone(&runtime)));
        let error = open_directory(directory, host, options()).await.unwrap_err();
        assert_eq!(error, logan_storage::OpenError::NotClosedCleanly);
        assert!(!disk.paths().contains(&"logan".to_owned()));
    });
}

#[test]
fn a_full_disk_is_answered_before_an_offset_is_given() {
    run_on(5, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), runtime, volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let end = append(&log, &batch(1, 1000, 1, 1)).await.unwrap();
        log.wait_settled(end).await.unwrap();
        disk.capacity.set(0);
        let mut refused = None;
        for n in 0..2000 {
            let before = log.ends().log_end;
            if let Err(error) = append(&log, &batch(1, 30_000, n, 1)).await {
                assert_eq!(log.ends().log_end, before);
                refused = Some(error);
                break;
            }
        }
        assert_eq!(refused, Some(AppendError::NoSpace));
        disk.capacity.set(u64::MAX);
        let end = append(&log, &batch(1, 30_000, 1, 1)).await.unwrap();
        log.wait_settled(end).await.unwrap();
        assert!(!volume.failed().is_failed());
    });
}

#[test]
fn a_failed_write_or_a_hang_fails_the_directory_and_ends_every_append() {
    for (seed, hangs) in (0..40).map(|seed| (seed, seed % 2 == 1)) {
        run_on(seed, |disk, runtime| async move {
            let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let end = append(&log, &batch(1, 1000, 1, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
            let at = disk.operations.get() + 1 + seed;
            if hangs {
                disk.hangs_at.set(at);
            } else {
                disk.fails_at.set(at);
            }
            let mut settled = true;
            for n in 0..100 {
                match append(&log, &batch(1, 2000, n, 1)).await {
                    Ok(end) => settled &= log.wait_settled(end).await.is_ok(),
                    Err(AppendError::Failed) => settled = false,
                    Err(error) => panic!("{error}"),
                }
                if !settled {
                    break;
                }
            }
            assert_eq!(settled, !volume.failed().is_failed(), "seed {seed}");
            if !settled {
                assert_eq!(append(&log, &batch(1, 1, 1, 1)).await, Err(AppendError::Failed));
                assert!(volume.stop().await.is_err());
            }
        });
    }
}

#[test]
fn large_appends_and_many_logs_share_the_machine() {
    run_on(6, |disk, runtime| async move {
        let config = VolumeConfig { write_buffer_bytes: 3 << 20, cache_bytes: 1 << 20, ..volume_config() };
        let (volume, _) = open(Rc::clone(&disk), runtime, config).await;
        let keys = (0..300).map(|n| (key("many", n), log_config())).collect();
        let logs = volume.create_logs(keys).await.unwrap();
        assert_eq!(logs.len(), 300);
        let flushes = disk.flushes.get();
        let mut all = Vec::new();
        for (n, log) in logs.iter().enumerate() {
            let length = if n % 40 == 0 { 600_000 } else { 100 };
            let bytes = batch(1, length, n as u64, 1);
            let log = Rc::clone(log);
            all.push(async move {
                let end = append(&log, &bytes).await.unwrap();
                log.wait_settled(end).await.unwrap();
            });
        }
        futures_util::future::join_all(all).await;
        // By themselves they would need two each: for the spare and for the round.
        assert!(disk.flushes.get() - flushes < 400, "{} flushes", disk.flushes.get() - flushes);
        for log in &logs {
            let read = log.read(0, ALL).await.unwrap();
            assert_eq!(read.next_offset, 1);
        }
        volume.check();
    });
}

/// Batches of 10 KB, two to a read, of which the tail cache holds a part.
async fn long_log(disk: &Rc<Disk>, runtime: &Rc<Runtime>) -> (Rc<Volume>, Rc<Log>, Vec<u8>) {
    let config = VolumeConfig { cache_bytes: 1 << 20, ..volume_config() };
    let (volume, _) = open(Rc::clone(disk), Rc::clone(runtime), config).await;
    let log = volume.create_log(key("long", 0), log_config()).await.unwrap();
    let batches: Vec<Vec<u8>> = (0..200).map(|n| batch(2, 10_000, n, 1)).collect();
    for batch in &batches {
        let end = append(&log, batch).await.unwrap();
        log.wait_settled(end).await.unwrap();
    }
    (volume, log, stamped(&batches))
}

const PIECE: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 25_000, at_least_one: true };

#[test]
fn a_reader_on_disk_is_read_ahead_for_and_gets_every_byte_once() {
    run_on(11, |disk, runtime| async move {
        let (volume, log, expected) = long_log(&disk, &runtime).await;
        let (mut offset, mut all, mut was_ahead) = (0, Vec::new(), false);
        while offset < 400 {
            let read = log.read(offset, PIECE).await.unwrap();
            all.extend(joined(&read.slices));
            offset = read.next_offset;
            was_ahead |= volume.charged().ahead > 0;
            volume.check_memory();
        }
        assert!(all == expected, "{} bytes for {}", all.len(), expected.len());
        assert!(was_ahead);
        volume.check();
    });
}

#[test]
fn what_was_read_ahead_is_not_believed_after_a_truncation_and_is_given_up_if_nobody_comes() {
    run_on(12, |disk, runtime| async move {
        let (volume, log, _) = long_log(&disk, &runtime).await;
        let first = log.read(0, PIECE).await.unwrap();
        let second = log.read(first.next_offset, PIECE).await.unwrap();
        assert!(volume.charged().ahead > 0, "the third is on its way");
        log.truncate_to(2).await.unwrap();
        let other = batch(2, 10_000, 999, 1);
        for _ in 0..60 {
            let end = append(&log, &other).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        let again = log.read(second.next_offset, PIECE).await.unwrap();
        let bytes = joined(&again.slices);
        assert_eq!(bytes[..8], second.next_offset.to_be_bytes());
        assert_eq!(bytes[61..other.len()], other[61..], "the new records");
        let host = TestHost(Rc::clone(&runtime));
        logan_storage::disk::Host::sleep(&host, std::time::Duration::from_secs(20)).await;
        assert_eq!(volume.charged().ahead, 0);
    });
}

/// A fetch of many partitions has few bytes left for the last of them.
#[test]
fn a_batch_that_does_not_fit_is_not_taken_for_a_gap_before_the_next_segment() {
    run_on(13, |disk, runtime| async move {
        let (volume, log, expected) = long_log(&disk, &runtime).await;
        log.roll().await.unwrap();
        for n in 0..1_000 {
            let end = append(&log, &batch(2, 1_000, n, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        let small = ReadBounds { offset: i64::MAX, bytes: 15_000, at_least_one: false };
        let length = expected.len() / 200;
        for (offset, bytes) in [(0, length - 1), (0, length), (398, length - 1), (398, length)] {
            assert!(log.read_cached(offset, small).is_none(), "it comes from disk");
            let read = log.read(offset, ReadBounds { bytes, ..small }).await.unwrap();
            let first = (offset / 2) as usize * length;
            let fitting = if bytes < length { &[] } else { &expected[first..first + length] };
            assert!(joined(&read.slices) == fitting, "{} bytes of {offset} on", read.bytes);
        }
        volume.check();
    });
}

#[test]
fn many_logs_are_created_named_and_deleted_with_a_few_syncs() {
    run_on(10, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let flushes = disk.flushes.get();
        let logs =
            volume.create_logs((0..1000).map(|n| (key("many", n), log_config())).collect()).await.unwrap();
        while !disk.paths().contains(&"many-999/partition.metadata".to_owned()) {
            runtime.sleep_ns(1_000_000).await;
        }
        let deleted = logs.iter().map(|log| volume.delete_log(log));
        for deleted in futures_util::future::join_all(deleted).await {
            deleted.unwrap();
        }
        while disk.paths().iter().any(|path| path.starts_with("many-")) {
            runtime.sleep_ns(1_000_000).await;
        }
        assert!(disk.flushes.get() - flushes < 60, "{} flushes", disk.flushes.get() - flushes);
        volume.check();
    });
}

/// A truncation takes the roll back that ordered the cut, and the log rolls again before the order's turn comes.
#[test]
fn a_cut_that_comes_late_leaves_what_was_appended_since() {
    run_on(11, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..10 {
            let end = append(&log, &batch(1, 1000, n, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        runtime.sleep_ns(1_000_000_000).await;
        // The next segment's name takes so long that the cut of this one waits behind it.
        *disk.slow.borrow_mut() = Some(("orders-0".into(), 3_000_000_000));
        log.roll().await.unwrap();
        let end = append(&log, &batch(1, 1000, 10, 1)).await.unwrap();
        log.wait_settled(end).await.unwrap();
        log.truncate_to(5).await.unwrap();
        log.reserve(9000).await.unwrap();
        // The round of what follows takes longer than the name.
        *disk.slow.borrow_mut() = Some(("logan/rounds-".into(), 10_000_000_000));
        let end = append(&log, &batch(1, 9000, 11, 1)).await.unwrap();
        log.roll().await.unwrap();
        runtime.sleep_ns(5_000_000_000).await;
        assert_eq!((log.ends().durable, log.ends().log_end), (5, end), "the round is under way");
        volume.check();
        *disk.slow.borrow_mut() = None;
        log.wait_settled(end).await.unwrap();
        let length = log.segments()[0].length as usize;
        while disk.content("orders-0/00000000000000000000.log").map(|content| content.len()) != Some(length) {
            runtime.sleep_ns(1_000_000_000).await;
        }
        volume.check();
    });
}

#[test]
fn where_one_flush_does_not_stand_for_all_each_file_is_synced() {
    run_on(7, |disk, runtime| async move {
        disk.per_file.set(true);
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..20 {
            let end = append(&log, &batch(1, 3000, n, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        drop(volume);
        disk.lose_power(&runtime);
        let (volume, _) = open(Rc::clone(&disk), runtime, volume_config()).await;
        assert_eq!(volume.log(&key("orders", 0)).unwrap().ends().log_end, 20);
    });
}

#[test]
fn facts_that_are_damaged_keep_the_directory_offline() {
    run_on(8, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..6 {
            let end = append(&log, &batch(1, 300, n, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        disk.survive_kill();
        // The third record: later ones say that its round was durable.
        disk.damage("logan/rounds-1-0", |bytes| bytes[2 * 4096 + 60] ^= 1);
        let directory = TestDirectory::over(&disk, &runtime);
        let host: Rc<TestHost> = Rc::new(TestHost(Rc::clone(&runtime)));
        let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options()).await;
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "{opened:?}");
        disk.survive_kill();
        let lossy = OpenOptions { accept_loss: true, ..options() };
        let opened = open_directory(directory, host, lossy).await.unwrap();
        assert_eq!(opened.report.losses.len(), 1, "{:?}", opened.report);
    });
}

#[test]
fn with_accept_loss_a_damaged_round_log_keeps_what_stands_before_the_damage() {
    // A record that others call durable; a file of the ring; one of the checkpoint's slots.
    type Damage = fn(&Disk);
    let damages: [(Damage, i64, bool); 3] = [
        (|disk| disk.damage("logan/rounds-1-0", |bytes| bytes[4 * 4096 + 60] ^= 1), 3, true),
        (|disk| disk.remove("logan/rounds-1-3"), 6, true),
        // The other one says all that it did.
        (|disk| disk.remove("logan/checkpoint-1-0"), 6, false),
    ];
    for (damage, end, lacks_rounds) in damages {
        run_on(11, move |disk, runtime| async move {
            let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for n in 0..6 {
                let end = append(&log, &batch(1, 300, n, 1)).await.unwrap();
                log.wait_settled(end).await.unwrap();
            }
            disk.survive_kill();
            damage(&disk);
            let directory = TestDirectory::over(&disk, &runtime);
            let host: Rc<TestHost> = Rc::new(TestHost(Rc::clone(&runtime)));
            let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options()).await;
            assert!(matches!(opened, Err(OpenError::Damaged(_))), "{opened:?}");
            disk.survive_kill();
            let lossy = OpenOptions { accept_loss: true, ..options() };
            let opened = open_directory(directory, host, lossy).await.unwrap();
            let losses = &opened.report.losses;
            assert_eq!(losses.len(), 1, "{losses:?}");
            assert_eq!(losses[0].ends_with("it may concern any of orders-0"), lacks_rounds, "{losses:?}");
            assert_eq!(opened.parts[0].ledger.logs[&0].next_offset, end, "{losses:?}");
        });
    }
}

#[test]
fn rounds_that_cannot_be_verified_are_told_with_their_partitions() {
    run_on(12, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        for partition in [0, 1, 1] {
            let log = match volume.log(&key("orders", partition)) {
                Some(log) => log,
                None => volume.create_log(key("orders", partition), log_config()).await.unwrap(),
            };
            // By then the segment has its name, and the round before is durable.
            runtime.sleep_ns(100_000_000).await;
            let end = append(&log, &batch(1, 300, 1, 1)).await.unwrap();
            log.wait_settled(end).await.unwrap();
        }
        disk.survive_kill();
        let directory = TestDirectory::over(&disk, &runtime);
        let host: Rc<TestHost> = Rc::new(TestHost(Rc::clone(&runtime)));
        for accept_loss in [false, true] {
            *disk.fails_once.borrow_mut() = Some(("read", "orders-1/".to_owned(), 5));
            let options = OpenOptions { accept_loss, ..options() };
            let told =
                match open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options).await {
                    Ok(opened) if accept_loss => opened.report.losses,
                    Err(OpenError::Damaged(damages)) if !accept_loss => damages,
                    other => panic!("{other:?}"),
                };
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("; these rounds are of orders-1"), "{told:?}");
            disk.survive_kill();
        }
    });
}

#[test]
fn silent_producers_are_forgotten_but_not_those_with_an_open_transaction() {
    let (disk, runtime) = (Disk::new(), Runtime::new(12));
    let rt = Rc::clone(&runtime);
    let (_volume, log) = runtime
        .run(async move {
            let (volume, _) = open(disk, Rc::clone(&rt), volume_config()).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let now_ms = TestHost(rt).wall_clock_ms();
            let old_ms = now_ms - log_config().producer_expiration_ms;
            let transactional = Attributes(Attributes::TRANSACTIONAL);
            for (id, attributes, timestamp) in [
                (1, Attributes(0), old_ms),
                (2, Attributes(0), now_ms),
                (3, transactional, old_ms),
                (4, Attributes(0), old_ms + 900_000),
            ] {
                append(&log, &batch_of(id, attributes, 1, 50, id as u64, timestamp)).await.unwrap();
            }
            (volume, log)
        })
        .unwrap();
    let known = || log.producers().iter().map(|(id, _)| id).collect::<Vec<_>>();
    // They are looked for every ten minutes.
    runtime.run_for(Duration::from_mins(9));
    assert_eq!(known(), [1, 2, 3, 4]);
    runtime.run_for(Duration::from_mins(2));
    assert_eq!(known(), [2, 3, 4]);
    runtime.run_for(Duration::from_mins(10));
    assert_eq!(known(), [2, 3]);
    let snapshot = log.producers().write_snapshot();
    let end = log.ends().log_end;
    assert_eq!(Producers::read_snapshot(&snapshot, end).unwrap().len(), 2);
}

#[test]
fn producers_that_expired_are_left_out_of_a_snapshot_that_is_loaded() {
    run_on(13, |disk, runtime| async move {
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let now_ms = TestHost(Rc::clone(&runtime)).wall_clock_ms();
        let old_ms = now_ms - log_config().producer_expiration_ms;
        for (id, attributes, timestamp) in [
            (1, Attributes(0), old_ms),
            (2, Attributes(0), now_ms),
            (3, Attributes(Attributes::TRANSACTIONAL), old_ms),
        ] {
            append(&log, &batch_of(id, attributes, 1, 50, id as u64, timestamp)).await.unwrap();
        }
        stop_cleanly(Rc::clone(&disk), Rc::clone(&runtime), volume).await;
        disk.survive_kill();
        let (volume, _) = open(disk, runtime, volume_config()).await;
        let log = volume.log(&key("orders", 0)).unwrap();
        log.load().await.unwrap();
        assert_eq!(log.producers().iter().map(|(id, _)| id).collect::<Vec<_>>(), [2, 3]);
    });
}

/// Readers that ask for little at a time have as much read ahead of them as others, and it is counted.
#[test]
fn what_is_read_ahead_is_counted_as_what_it_takes() {
    run_on(14, |disk, runtime| async move {
        let config = VolumeConfig { cache_bytes: 1 << 20, ..volume_config() };
        let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), config).await;
        let logs =
            volume.create_logs((0..30).map(|n| (key("many", n), log_config())).collect()).await.unwrap();
        for n in 0..10 {
            for log in &logs {
                let end = append(log, &batch(1, 10_000, n, 1)).await.unwrap();
                log.wait_settled(end).await.unwrap();
            }
        }
        let little = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
        let mut was_ahead = 0;
        for offset in 0..3 {
            for log in &logs {
                assert_eq!(log.read(offset, little).await.unwrap().next_offset, offset + 1);
                was_ahead = was_ahead.max(volume.charged().ahead);
            }
        }
        assert!((64 << 10..=128 << 10).contains(&was_ahead), "{was_ahead} bytes");
    });
}

/// All of an append goes into one segment, and a segment spans what four bytes can say.
#[test]
fn batches_that_span_more_than_a_segment_can_are_refused() {
    run_on(15, |disk, runtime| async move {
        let (volume, _) = open(disk, runtime, volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let one = batch(i32::MAX, 100, 1, 1);
        let both = [one.clone(), one.clone()].concat();
        assert!(matches!(append(&log, &both).await, Err(AppendError::OutOfOrder { .. })));
        for n in 1..4 {
            assert_eq!(append(&log, &one).await, Ok(n * i64::from(i32::MAX)));
        }
        log.wait_settled(log.ends().log_end).await.unwrap();
        volume.check();
    });
}

/// Of epochs whose records are all below the log start nothing is told, before a start as after it.
#[test]
fn epochs_below_the_log_start_are_forgotten_by_a_start_too() {
    for stops in [false, true] {
        let disk = Disk::new();
        let known = support::live(&disk, 1, move |disk, runtime| async move {
            let (volume, _) = open(Rc::clone(&disk), Rc::clone(&runtime), volume_config()).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for epoch in 0..6 {
                let bytes = batch(1, 1000, epoch as u64, 1);
                let append = Append { batches: &bytes, offsets: Offsets::Assign { leader_epoch: epoch } };
                while let Err(AppendError::MustWait) = log.append(&append) {
                    log.reserve(bytes.len()).await.unwrap();
                }
            }
            log.wait_settled(6).await.unwrap();
            log.set_log_start(4).await.unwrap();
            let known = log.epoch_end_offset(1);
            if stops {
                stop_cleanly(disk, runtime, volume).await;
            }
            known
        });
        let found = support::live(&disk, 2, |disk, runtime| async move {
            let (volume, _) = open(disk, runtime, volume_config()).await;
            let log = volume.log(&key("orders", 0)).unwrap();
            log.load().await.unwrap();
            log.epoch_end_offset(1)
        });
        assert_eq!(found, known, "stops {stops}");
    }
}

/// A segment grows old by the timestamps in it, however often the process starts.
#[test]
fn a_segment_is_as_old_after_a_start_as_before() {
    for stops in [false, true] {
        let config = LogConfig { segment_ms: 10_000, index_interval_bytes: 1000, ..log_config() };
        let disk = Disk::new();
        let of_log = config.clone();
        support::live(&disk, 1, move |disk, runtime| async move {
            let config = VolumeConfig { recovery_bytes: 1000, ..volume_config() };
            let volume = support::serve(&disk, &runtime, config, of_log.clone()).await.unwrap();
            let log = volume.create_log(key("orders", 0), of_log).await.unwrap();
            for n in 0..10 {
                support::append_settled(&log, &batch(1, 1000, n, 50)).await.unwrap();
            }
            // So that hints are written, and the first batch is not read again.
            runtime.sleep_ns(1_000_000_000).await;
            if stops {
                support::stop(&disk, &runtime, volume).await;
            }
        });
        support::live(&disk, 2, move |disk, runtime| async move {
            let volume = support::serve(&disk, &runtime, volume_config(), config).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            support::append_settled(&log, &batch(1, 1000, 2, 10_000)).await.unwrap();
            assert_eq!(log.segment_bases(), [0]);
            support::append_settled(&log, &batch(1, 1000, 3, 10_051)).await.unwrap();
            assert_eq!(log.segment_bases(), [0, 11], "stops {stops}");
        });
    }
}

/// A log that was emptied, and goes on behind what hints were vouched for before, has no producers and epochs of what is gone.
#[test]
fn an_emptied_log_knows_no_producers_and_epochs_of_what_is_gone() {
    for appends in [false, true] {
        let disk = Disk::new();
        support::live(&disk, 1, move |disk, runtime| async move {
            let config = VolumeConfig { recovery_bytes: 1000, ..volume_config() };
            let (volume, _) = open(disk, Rc::clone(&runtime), config).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let now_ms = TestHost(Rc::clone(&runtime)).wall_clock_ms();
            append(&log, &batch_of(1, Attributes(0), 10, 3000, 1, now_ms)).await.unwrap();
            log.wait_settled(10).await.unwrap();
            // Hints of this moment are written, and a checkpoint vouches for them.
            runtime.sleep_ns(2_000_000_000).await;
            log.truncate_fully_and_start_at(40).await.unwrap();
            if appends {
                append(&log, &batch(1, 100, 1, now_ms)).await.unwrap();
                log.wait_settled(41).await.unwrap();
            }
        });
        support::live(&disk, 2, move |disk, runtime| async move {
            let (volume, _) = open(disk, runtime, volume_config()).await;
            let log = volume.log(&key("orders", 0)).unwrap();
            log.load().await.unwrap();
            assert_eq!(log.ends().log_start, 40);
            assert!(log.producers().is_empty());
            let epoch = log.latest_epoch().map(|epoch| epoch.start_offset);
            assert_eq!(epoch, appends.then_some(40));
        });
    }
}

/// A disk that does not answer while a directory is opened leaves it offline.
#[test]
fn an_operation_that_hangs_at_start_ends_the_start() {
    let disk = Disk::new();
    support::live(&disk, 1, |disk, runtime| async move {
        let (volume, _) = open(disk, Rc::clone(&runtime), volume_config()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        log.wait_settled(1).await.unwrap();
    });
    let mut hangs = 1;
    loop {
        let disk = disk.copy();
        disk.hangs_at.set(hangs);
        let (opened, took_ns) = support::live(&disk, hangs, |disk, runtime| async move {
            let opened = support::open(&disk, &runtime, options()).await;
            (opened, TestHost(runtime).monotonic_ns())
        });
        if disk.operations.get() < hangs {
            opened.expect("nothing hung");
            break;
        }
        let Err(OpenError::Disk(DiskError::Failed { operation: "wait", .. })) = opened else {
            panic!("operation {hangs}: {opened:?}")
        };
        assert!(took_ns < 60_000_000_000, "operation {hangs}: {took_ns} ns");
        hangs += 1;
    }
    assert!(hangs > 20, "a start has {hangs} operations");
}
