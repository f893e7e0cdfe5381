//! Reads of a log that grows while they wait for the disk.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use logan_storage::batch::BatchReader;
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::failure::ReadError;
use logan_storage::log::Log;
use logan_storage::read::{Read, ReadBounds};
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;
const ONE: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
const FIRST: &str = "orders-0/00000000000000000000";

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 1000, ..log_config() }
}

/// A read under way, and what came of it.
type Reading = Rc<RefCell<Option<Result<Read, ReadError>>>>;

fn begin_read(runtime: &Runtime, log: &Rc<Log>, offset: i64) -> Reading {
    let (reading, log) = (Reading::default(), Rc::clone(log));
    let slot = Rc::clone(&reading);
    runtime.start(Box::pin(async move {
        let read = log.read(offset, ONE).await;
        *slot.borrow_mut() = Some(read);
    }));
    reading
}

fn base_of(read: &Read) -> i64 {
    BatchReader::new(&read.slices[0], 0, usize::MAX).next().unwrap().unwrap().batch.base_offset()
}

/// A truncation into a batch has left a gap before the last one. More becomes durable while the segment's file is opened.
#[test]
fn a_batch_behind_a_gap_is_right_however_the_log_grows_meanwhile() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..2 {
            append_settled(&log, &batch(3, 300, n, 1)).await.unwrap();
        }
        log.truncate_to(4).await.unwrap();
        assert_eq!(append_settled(&log, &batch(3, 300, 2, 1)).await, Ok(7));
    });
    live(&disk, 2, |disk, runtime| async move {
        let volume = VolumeConfig { close_after: Duration::from_secs(1), ..volume_config() };
        let volume = serve(&disk, &runtime, volume, config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        // Its index is made of the batches alone: what contradicts it is damage. Then its file is closed for want of use.
        log.load().await.unwrap();
        assert_eq!(base_of(&log.read(4, ONE).await.unwrap()), 4);
        runtime.sleep_ns(20 * SECOND).await;
        *disk.slow.borrow_mut() = Some((format!("{FIRST}.log"), 5 * SECOND));
        let reading = begin_read(&runtime, &log, 5);
        runtime.sleep_ns(SECOND).await;
        assert_ne!(disk.slow.take(), None);
        assert_eq!(append_settled(&log, &batch(3, 300, 3, 1)).await, Ok(10));
        assert!(reading.borrow().is_none(), "the file is still being opened");
        runtime.sleep_ns(10 * SECOND).await;
        let read = reading.take().expect("it is done");
        assert_eq!(read.map(|read| base_of(&read)), Ok(4));
        stop(&disk, &runtime, volume).await;
    });
}
