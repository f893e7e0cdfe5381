//! Segments that are sealed and not cut for a while: what is known of them is written all the same, and as it is to stay.

mod support;

use std::rc::Rc;
use std::time::Duration;

use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::kafka_files::SegmentFile;
use logan_storage::key::segment_path;
use logan_storage::ledger::ALL_ENTRIES;
use logan_storage::log::Log;
use support::disk::Disk;
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;
const FIRST: &str = "00000000000000000000";

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 2000, ..log_config() }
}

fn path(segment: &str, extension: &str) -> String {
    format!("orders-0/{segment}.{extension}")
}

/// The names queue is held up by a full disk for longer than an unused segment stays open.
#[test]
fn an_index_stays_in_memory_until_it_is_written() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = VolumeConfig { close_after: Duration::from_secs(1), ..volume_config() };
        let volume = serve(&disk, &runtime, volume, config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..60 {
            append_settled(&log, &batch(1, 500, n, 10 * n as i64)).await.unwrap();
        }
        runtime.sleep_ns(SECOND).await;
        log.roll().await.unwrap();
        *disk.full_for.borrow_mut() = Some("logan/spare".into());
        runtime.sleep_ns(20 * SECOND).await;
        assert_eq!(disk.content(&path(FIRST, "index")), None, "the cut waits");
        disk.full_for.take();
        disk.segment_bytes_read.set(0);
        runtime.sleep_ns(20 * SECOND).await;
        for extension in ["index", "timeindex", "log"] {
            let length = disk.content(&path(FIRST, extension)).map(|content| content.len());
            assert!(length.is_some_and(|length| length > 0), "{extension}: {length:?}");
        }
        assert_eq!(disk.segment_bytes_read.get(), 0, "nothing had to be read for that");
        stop(&disk, &runtime, volume).await;
    });
}

/// Batches of which the last brings what is not vouched for over the half of `recovery_bytes`.
async fn append_until_moment(log: &Rc<Log>, from: u64) {
    for n in from..from + 40 {
        append_settled(log, &batch(1, 1000, n, 10 * n as i64)).await.unwrap();
    }
    append_settled(log, &batch(1, 20_000, from + 40, 10 * (from as i64 + 40))).await.unwrap();
}

/// A log with two segments, closed. With `is_killed` hints of moments covered all of each when its process was killed, before the first
/// segment was cut.
fn closed(is_killed: bool) -> Rc<Disk> {
    let disk = Disk::new();
    let volume = move || VolumeConfig {
        recovery_bytes: if is_killed { 100_000 } else { 64 << 20 },
        ..volume_config()
    };
    live(&disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        append_settled(&log, &batch(1, 500, 0, 0)).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 2, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        for round in 0..2 {
            append_until_moment(&log, 1 + 100 * round).await;
            runtime.sleep_ns(SECOND).await;
        }
        if is_killed {
            // A directory that cannot be made stands before it in the queue.
            *disk.full_for.borrow_mut() = Some("other-0".into());
            volume.create_log(key("other", 0), config()).await.unwrap();
        }
        log.roll().await.unwrap();
        append_until_moment(&log, 300).await;
        runtime.sleep_ns(SECOND).await;
        if !is_killed {
            stop(&disk, &runtime, volume).await;
        }
    });
    if is_killed {
        disk.full_for.take();
        let (log, times) = live(&disk, 3, |disk, runtime| async move {
            let opened = open(&disk, &runtime, open_options()).await.unwrap();
            let log = opened.parts[0].ledger.logs.values().next().unwrap().clone();
            (log, disk.content(&path(FIRST, "timeindex")).unwrap().len())
        });
        let first = log.segments[0];
        assert_eq!(
            (log.snapshot, log.epochs, first.indexed),
            (log.next_offset, log.next_offset, first.length)
        );
        assert!(
            first.time_entries != ALL_ENTRIES && times % 4096 == 0,
            "it was written while its segment grew"
        );
        live(&disk, 4, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume(), config()).await.unwrap();
            stop(&disk, &runtime, volume).await;
        });
    }
    disk
}

#[test]
fn an_index_that_was_written_while_its_segment_grew_is_closed_at_a_stop() {
    let (disk, right) = (closed(true), closed(false));
    for path in right
        .paths()
        .iter()
        .filter(|path| [".index", ".timeindex", ".log"].iter().any(|end| path.ends_with(end)))
    {
        assert!(disk.content(path) == right.content(path), "{path} differs");
    }
}

/// Very many segments are to be cut at once, and few files may be open: those that are cut wait for no others.
#[test]
fn cuts_need_few_descriptors() {
    const LOGS: i32 = 1_000;
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = VolumeConfig { close_after: Duration::from_secs(1), ..volume_config() };
        let volume = serve(&disk, &runtime, volume, config()).await.unwrap();
        let keys = (0..LOGS).map(|partition| (key("orders", partition), config())).collect();
        let logs = volume.create_logs(keys).await.unwrap();
        for log in &logs {
            append_settled(log, &batch(1, 500, 1, 1)).await.unwrap();
        }
        // What stands before them in the queue takes so long that the sealed files are closed.
        *disk.slow.borrow_mut() = Some(("other-0".into(), 20 * SECOND));
        volume.create_log(key("other", 0), config()).await.unwrap();
        for log in &logs {
            log.roll().await.unwrap();
            append_settled(log, &batch(1, 500, 2, 2)).await.unwrap();
        }
        runtime.sleep_ns(15 * SECOND).await;
        disk.slow.take();
        while disk.content("other-0/partition.metadata").is_none() {
            runtime.sleep_ns(SECOND / 10_000).await;
        }
        disk.descriptors.set(LOGS as usize * 3 / 5);
        runtime.sleep_ns(60 * SECOND).await;
        let uncut = logs.iter().filter(|log| {
            let path = segment_path(&log.key().directory_name(), 0, SegmentFile::Log);
            disk.content(&path).map(|content| content.len()) != Some(batch(1, 500, 1, 1).len())
        });
        assert_eq!(uncut.count(), 0);
        stop(&disk, &runtime, volume).await;
    });
}
