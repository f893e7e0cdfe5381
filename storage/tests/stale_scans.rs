//! Reads of a log that is truncated while they wait for the disk.

mod support;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use logan_storage::batch::{Attributes, BatchReader};
use logan_storage::config::LogConfig;
use logan_storage::failure::ReadError;
use logan_storage::index::TimeEntry;
use logan_storage::log::Log;
use logan_storage::read::{Read, ReadBounds};
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, batch_of, key, live, log_config, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;
const ONE: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
const FIRST: &str = "orders-0/00000000000000000000";

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 1000, ..log_config() }
}

/// Something under way, and what came of it.
fn begin<T: 'static>(runtime: &Runtime, work: impl Future<Output = T> + 'static) -> Rc<RefCell<Option<T>>> {
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    runtime.start(Box::pin(async move {
        let value = work.await;
        *slot.borrow_mut() = Some(value);
    }));
    result
}

async fn read_one(log: Rc<Log>, offset: i64) -> Result<i64, ReadError> {
    log.read(offset, ONE).await.map(|read| base_of(&read))
}

fn base_of(read: &Read) -> i64 {
    BatchReader::new(&read.slices[0], 0, usize::MAX).next().unwrap().unwrap().batch.base_offset()
}

/// Batches in the first of two segments.
const BATCHES: i64 = 60;

/// A closed log with two segments, whose timestamps rise by `step` with each batch.
fn closed(step: i64) -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..=BATCHES {
            if n == BATCHES {
                log.roll().await.unwrap();
            }
            append_settled(&log, &batch(1, 500, n as u64, step * n)).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    disk
}

/// A scan that a truncation has overtaken says nothing of the index that was loaded from its file since.
#[test]
fn an_index_that_was_loaded_meanwhile_is_not_proven_by_an_older_scan() {
    let disk = closed(0);
    disk.damage(&format!("{FIRST}.index"), |bytes| {
        // One of the first entries leads behind what it is about.
        bytes[2 * 8 + 7] ^= 1;
    });
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        let garbled = disk.content(&format!("{FIRST}.index")).unwrap();
        let offset = i64::from(u32::from_be_bytes(garbled[16..20].try_into().unwrap())) + 1;
        assert!(offset < BATCHES / 2);
        // It opens the file, reads, finds out, and goes through the segment: the last step is still slow when the others are quick again.
        *disk.slow.borrow_mut() = Some((format!("{FIRST}.log"), 10 * SECOND));
        let reading = begin(&runtime, read_one(Rc::clone(&log), offset));
        runtime.sleep_ns(25 * SECOND).await;
        assert_ne!(disk.slow.take(), None);
        log.truncate_to(BATCHES - 1).await.unwrap();
        log.load().await.unwrap();
        assert!(reading.borrow().is_none(), "the scan is not done");
        runtime.sleep_ns(30 * SECOND).await;
        assert_eq!(reading.take(), Some(Ok(offset)));
        for offset in (0..BATCHES - 1).rev() {
            assert_eq!(read_one(Rc::clone(&log), offset).await, Ok(offset));
        }
        stop(&disk, &runtime, volume).await;
    });
}

/// Nor does a batch that has the largest timestamp of the one say that of the other.
#[test]
fn a_largest_timestamp_that_was_looked_up_meanwhile_is_not_proven_by_an_older_look() {
    let disk = closed(10);
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        // It opens the file, looks at the last batch of the first segment, and goes through those behind the last index entry.
        *disk.slow.borrow_mut() = Some((format!("{FIRST}.log"), 10 * SECOND));
        let of_task = Rc::clone(&log);
        let largest = begin(&runtime, async move { of_task.max_timestamp().await });
        runtime.sleep_ns(25 * SECOND).await;
        assert_ne!(disk.slow.take(), None);
        log.truncate_to(BATCHES - 1).await.unwrap();
        log.load().await.unwrap();
        assert!(largest.borrow().is_none(), "it is not done");
        runtime.sleep_ns(30 * SECOND).await;
        let entry = |found: Result<Option<TimeEntry>, ReadError>| {
            let found = found.unwrap().unwrap();
            (found.timestamp, found.offset)
        };
        let right = (10 * (BATCHES - 2), BATCHES - 2);
        assert_eq!(entry(largest.take().expect("it is done")), right);
        assert_eq!(entry(log.max_timestamp().await), right);
        stop(&disk, &runtime, volume).await;
    });
}

/// Nor is what a load finds that has begun while a truncation was under way, and ends behind it: it is of the end that is gone.
#[test]
fn a_load_that_a_truncation_has_overtaken_is_done_again() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..=BATCHES {
            if n == BATCHES {
                log.roll().await.unwrap();
            }
            append_settled(&log, &batch_of(5, Attributes(0), 1, 500, n as u64, 0)).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    let overtaken = (2..12).filter(|seed| {
        let seed = *seed;
        live(&disk.copy(), seed, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            // The truncation needs the first segment only, the load begins with the second one.
            *disk.slow.borrow_mut() = Some((format!("orders-0/{BATCHES:020}.log"), 10 * SECOND));
            let of_task = Rc::clone(&log);
            let truncating = begin(&runtime, async move { of_task.truncate_to(BATCHES / 2).await });
            let of_task = Rc::clone(&log);
            let loading = begin(&runtime, async move { of_task.load().await });
            runtime.sleep_ns(5 * SECOND).await;
            assert!(loading.borrow().is_none(), "the load waits for the second segment");
            // A truncation that began first does not wait for the load; one that came later does.
            let is_overtaken = truncating.borrow().is_some();
            runtime.sleep_ns(55 * SECOND).await;
            disk.slow.take();
            assert_eq!((truncating.take(), loading.take()), (Some(Ok(())), Some(Ok(()))));
            log.load().await.unwrap();
            let last =
                log.producers().get(5).and_then(|producer| Some(producer.recent().last()?.last_offset));
            assert_eq!(last, Some(BATCHES / 2 - 1), "seed {seed}");
            assert_eq!(append_settled(&log, &batch(1, 500, 1, 0)).await, Ok(BATCHES / 2 + 1));
            for offset in 0..=BATCHES / 2 {
                assert_eq!(read_one(Rc::clone(&log), offset).await, Ok(offset));
            }
            stop(&disk, &runtime, volume).await;
            is_overtaken
        })
    });
    let overtaken = overtaken.count();
    assert!(
        (3..=7).contains(&overtaken),
        "of ten loads {overtaken} were overtaken: either order is to be tried"
    );
}

/// Where a log has a gap at the end of its first segment, with a batch of one record at each offset before it.
const GAP: i64 = 8;
const BEHIND_GAP: i64 = GAP + 2;

/// A closed log whose first segment ends with a gap, which a truncation into a batch has left.
fn closed_with_gap() -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..GAP {
            append_settled(&log, &batch(1, 500, n as u64, 0)).await.unwrap();
        }
        append_settled(&log, &batch(3, 500, GAP as u64, 0)).await.unwrap();
        log.truncate_to(BEHIND_GAP).await.unwrap();
        // The log has to be loaded for what is appended next.
        log.load().await.unwrap();
        log.roll().await.unwrap();
        append_settled(&log, &batch(2, 500, BEHIND_GAP as u64, 0)).await.unwrap();
        assert_eq!(log.read(GAP, ONE).await.map(|read| base_of(&read)), Ok(BEHIND_GAP));
        stop(&disk, &runtime, volume).await;
    });
    disk
}

/// Reads from the gap on, and is behind it when the log is truncated to the gap's beginning, and `appended` batches follow there.
fn read_from_gap(appended: i64) -> Read {
    let disk = closed_with_gap();
    live(&disk, 2, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        // A load would wait for the same file, and the truncation for the load.
        log.load().await.unwrap();
        *disk.slow.borrow_mut() = Some((format!("orders-0/{BEHIND_GAP:020}.log"), 10 * SECOND));
        let of_task = Rc::clone(&log);
        let reading = begin(&runtime, async move { of_task.read(GAP, ONE).await });
        runtime.sleep_ns(SECOND).await;
        assert_ne!(disk.slow.take(), None);
        log.truncate_to(GAP).await.unwrap();
        for n in 0..appended {
            assert_eq!(append_settled(&log, &batch(1, 500, n as u64, 0)).await, Ok(GAP + n + 1));
        }
        assert!(reading.borrow().is_none(), "it still waits for the segment behind the gap");
        runtime.sleep_ns(30 * SECOND).await;
        let read =
            reading.take().expect("it is done").expect("the offset is the log's end, or within the log");
        stop(&disk, &runtime, volume).await;
        read
    })
}

/// A read that has gone on behind a gap is still one of the offset that was asked for: that is the log's end now.
#[test]
fn a_read_behind_a_gap_that_a_truncation_overtakes_is_not_out_of_range() {
    let read = read_from_gap(0);
    assert_eq!((read.bytes, read.next_offset), (0, GAP));
}

/// Nor does it pass over what takes the gap's place.
#[test]
fn a_read_behind_a_gap_sees_what_is_appended_in_the_gap() {
    for appended in 1..=3 {
        let read = read_from_gap(appended);
        assert_eq!((base_of(&read), read.next_offset), (GAP, GAP + 1), "of {appended}");
    }
}
