//! Hints of a log that grows: what they cost, and what is believed of files that are written in place.

mod support;

use std::rc::Rc;

use futures_util::future::join_all;
use logan_storage::batch::Batch;
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::disk::BLOCK;
use logan_storage::read::ReadBounds;
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

const RECOVERY_BYTES: u64 = 100_000;
const BATCHES: i64 = 3_000;
const BATCH_BYTES: usize = 1_000;

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 100, ..log_config() }
}

fn volume() -> VolumeConfig {
    VolumeConfig { recovery_bytes: RECOVERY_BYTES, ..volume_config() }
}

fn path(extension: &str) -> String {
    format!("orders-0/{:020}.{extension}", 0)
}

/// A log with one segment of 3 MB, some sixty moments long, that nobody stopped. Returns the bytes that were written to its index files.
fn grown(seed: u64) -> (Rc<Disk>, u64) {
    let (disk, runtime) = (Disk::new(), Runtime::new(seed));
    let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
    let done = runtime.run(async move {
        let volume = serve(&dk, &rt, volume(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..BATCHES {
            append_settled(&log, &batch(1, BATCH_BYTES, n as u64, 10 * n)).await.unwrap();
            volume.check();
        }
        rt.sleep_ns(1_000_000_000).await;
    });
    done.expect("the appends end");
    runtime.kill();
    let written = disk.index_bytes_written.get();
    (disk, written)
}

/// The largest timestamp, and how many bytes of segments had to be read to load the log.
fn loaded(disk: &Rc<Disk>) -> ((i64, i64), u64) {
    live(disk, 9, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        disk.segment_bytes_read.set(0);
        log.load().await.unwrap();
        let read = disk.segment_bytes_read.get();
        for n in (0..BATCHES).step_by(97) {
            let found = log.batch_at_time(10 * n).await.unwrap().unwrap();
            assert_eq!(Batch::parse(&found, usize::MAX).unwrap().base_offset(), n);
        }
        let largest = log.max_timestamp().await.unwrap().unwrap();
        ((largest.timestamp, largest.offset), read)
    })
}

/// Each index is written once, and its last block with each moment: not all of it again.
#[test]
fn moments_write_the_ends_of_indexes() {
    let (disk, written) = grown(1);
    let indexes = 20 * BATCHES as u64;
    let moments = BATCHES as u64 * BATCH_BYTES as u64 / (RECOVERY_BYTES / 4);
    let most = indexes + moments * 2 * 2 * BLOCK as u64;
    assert!(disk.content(&path("index")).unwrap().len() > BLOCK, "the index has blocks that are full");
    assert!(written <= most, "{written} bytes were written of indexes with {indexes}");
    let before = disk.copy();
    disk.lose_power(&Runtime::new(2));
    for disk in [disk, before] {
        let (largest, read) = loaded(&disk);
        assert_eq!(largest, (10 * (BATCHES - 1), BATCHES - 1));
        assert!(read <= RECOVERY_BYTES + 64 * 1024, "{read} bytes were read");
    }
}

/// Behind what is vouched for there may be anything: entries that were not synced, halves of them, or zeros.
#[test]
fn what_lies_behind_the_entries_that_are_vouched_for_is_not_looked_at() {
    let (right, _) = grown(1);
    for (extension, entry) in [("index", 8), ("timeindex", 12)] {
        let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for tail in [vec![], vec![0; 3 * BLOCK], vec![0xff; BLOCK], vec![0x7f; 24], (0..=254).collect()] {
            let disk = right.copy();
            disk.damage(&path(extension), |bytes| {
                bytes.truncate(used(bytes).next_multiple_of(entry));
                bytes.extend_from_slice(&tail);
            });
            let (largest, read) = loaded(&disk);
            assert_eq!(largest, (10 * (BATCHES - 1), BATCHES - 1));
            assert!(
                read <= RECOVERY_BYTES + 64 * 1024,
                "{extension}, {} bytes behind: {read} bytes were read",
                tail.len()
            );
        }
    }
}

/// Whoever takes an index file away takes a hint away: the next moment writes all of it.
#[test]
fn an_index_file_that_is_gone_is_written_again() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..BATCHES {
            append_settled(&log, &batch(1, BATCH_BYTES, n as u64, 10 * n)).await.unwrap();
            if n == BATCHES / 2 {
                runtime.sleep_ns(1_000_000_000).await;
                disk.remove(&path("index"));
                disk.remove(&path("timeindex"));
            }
        }
        runtime.sleep_ns(1_000_000_000).await;
    });
    let (largest, read) = loaded(&disk);
    assert_eq!(largest, (10 * (BATCHES - 1), BATCHES - 1));
    assert!(read <= RECOVERY_BYTES + 64 * 1024, "{read} bytes were read");
}

/// A truncation below what is vouched for, and other records behind it: no entry of before is believed.
#[test]
fn entries_of_what_was_truncated_are_not_believed() {
    for cut in [10, 700, 1_499, 1_500] {
        let (disk, runtime) = (Disk::new(), Runtime::new(1));
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        let done = runtime.run(async move {
            let volume = serve(&dk, &rt, volume(), config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), config()).await.unwrap();
            for n in 0..1_500 {
                append_settled(&log, &batch(1, BATCH_BYTES / 2, n as u64, 1_000_000 + n)).await.unwrap();
            }
            rt.sleep_ns(1_000_000_000).await;
            log.truncate_to(cut).await.unwrap();
            for n in cut..BATCHES {
                append_settled(&log, &batch(1, BATCH_BYTES, n as u64, 10 * n)).await.unwrap();
            }
        });
        done.expect("the appends end");
        runtime.kill();
        disk.lose_power(&Runtime::new(2));
        live(&disk, 9, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            for n in (cut..BATCHES).step_by(61) {
                let all = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
                let read = log.read(n, all).await.unwrap();
                let found = Batch::parse(&read.slices[0], usize::MAX).unwrap();
                assert_eq!((found.base_offset(), found.max_timestamp()), (n, 10 * n), "cut at {cut}");
            }
            let largest = log.max_timestamp().await.unwrap().unwrap();
            assert_eq!(largest.offset, cut - 1, "cut at {cut}");
        });
    }
}

/// Logs whose hints a moment writes together, and others that come after them, for which there is no space: what was written of the first
/// is known to the next life, although their next moment has changed their files again.
#[test]
fn a_shortage_leaves_what_was_written_before_it_known() {
    const BIG: i32 = 64;
    const SMALL: i32 = 100;
    let config = || VolumeConfig { recovery_bytes: 1_840_000, ..volume_config() };
    let disk = Disk::new();
    live(&disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let keys = (0..BIG).map(|n| key("big", n)).chain((0..SMALL).map(|n| key("small", n)));
        let logs = volume.create_logs(keys.map(|key| (key, log_config())).collect()).await.unwrap();
        for (at, log) in logs.iter().enumerate() {
            for n in 0..if at == 0 { 20 } else { 1 } {
                append_settled(log, &batch(1, if at == 0 { 100_000 } else { 1_000 }, n, 1)).await.unwrap();
            }
        }
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 2, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, config(), log_config()).await.unwrap();
        let all =
            (0..BIG).map(|n| (key("big", n), 6_000)).chain((0..SMALL).map(|n| (key("small", n), 5_000)));
        let logs: Vec<_> = all.map(|(key, length)| (volume.log(&key).unwrap(), length)).collect();
        let appended = logs.iter().map(|(log, length)| {
            let bytes = batch(1, *length, 2, 2);
            async move { append_settled(log, &bytes).await.unwrap() }
        });
        join_all(appended).await;
        *disk.full_for.borrow_mut() = Some("small-".into());
        // The first makes hints due: those of all big logs. So does the second: this log's own, once more.
        for pieces in [1, 12] {
            for n in 0..pieces {
                append_settled(&logs[0].0, &batch(1, 40_000, n, 3 + n as i64)).await.unwrap();
            }
            runtime.sleep_ns(1_000_000_000).await;
        }
        let times = disk.content("big-0/00000000000000000000.timeindex").unwrap();
        assert!(times.len() >= BLOCK, "its second moment was written: {} bytes", times.len());
    });
    live(&disk, 3, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, config(), log_config()).await.unwrap();
        disk.full_for.take();
        disk.segment_bytes_read.set(0);
        volume.log(&key("big", 0)).unwrap().load().await.unwrap();
        let read = disk.segment_bytes_read.get();
        assert!(read < 800_000, "{read} bytes were read to load a log of which 500,000 were not vouched for");
    });
}
