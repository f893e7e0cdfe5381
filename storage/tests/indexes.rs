//! Indexes that look like some and are wrong: what the batches say holds, and they are written anew.

mod support;

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join_all, select};
use logan_storage::batch::{BatchReader, HEADER_LEN};
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::log::Log;
use logan_storage::read::ReadBounds;
use logan_storage::recovery::{Question, known};
use support::disk::{Disk, TestDirectory};
use support::runtime::TestHost;
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

/// In each of two segments.
const BATCHES: i64 = 60;
const SEGMENTS: [&str; 2] = ["00000000000000000000", "00000000000000000060"];

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 1000, ..log_config() }
}

/// Timestamps rise by ten with each batch.
fn closed_log() -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..2 * BATCHES {
            if n == BATCHES {
                log.roll().await.unwrap();
            }
            append_settled(&log, &batch(1, 400 + 7 * n as usize, n as u64, 10 * n)).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    disk
}

fn path(segment: &str, extension: &str) -> String {
    format!("orders-0/{segment}.{extension}")
}

/// Entries of eight bytes: an offset and a position. The change sees both of all entries.
fn garble_offsets(bytes: &mut [u8], change: impl Fn(&mut [(u32, u32)])) {
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let mut entries: Vec<(u32, u32)> =
        bytes.chunks_exact(8).map(|entry| (word(&entry[..4]), word(&entry[4..]))).collect();
    assert!(entries.len() > 10, "{} entries", entries.len());
    change(&mut entries);
    assert!(entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "it still looks like an index");
    for (entry, (offset, position)) in bytes.chunks_exact_mut(8).zip(entries) {
        entry[..4].copy_from_slice(&offset.to_be_bytes());
        entry[4..].copy_from_slice(&position.to_be_bytes());
    }
}

/// Each lookup would begin behind what it looks for.
fn positions_of_the_next(entries: &mut [(u32, u32)]) {
    for at in 0..entries.len() - 1 {
        entries[at].1 = entries[at + 1].1;
    }
    let last = entries.len() - 1;
    entries[last].1 += 1;
}

/// No batch begins there.
fn positions_within_batches(entries: &mut [(u32, u32)]) {
    for entry in entries {
        entry.1 += 13;
    }
}

/// The last entry is about a batch further on: whoever goes on behind it would give later batches smaller offsets.
fn a_last_offset_that_is_too_large(entries: &mut [(u32, u32)]) {
    entries.last_mut().unwrap().0 += 1000;
}

/// One names the batch before the one that begins there.
fn an_offset_that_is_too_small(entries: &mut [(u32, u32)]) {
    let at = (1..entries.len()).find(|at| entries[*at].0 - entries[at - 1].0 > 1).unwrap();
    entries[at].0 -= 1;
}

async fn check_all(log: &Rc<Log>) {
    for offset in 0..2 * BATCHES {
        let read = log.read(offset, ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true }).await;
        let read = read.unwrap_or_else(|error| panic!("at {offset}: {error}"));
        let first = BatchReader::new(&read.slices[0], 0, usize::MAX).next().unwrap().unwrap();
        assert_eq!(first.batch.base_offset(), offset);
    }
    for offset in 0..2 * BATCHES {
        for timestamp in [10 * offset - 5, 10 * offset] {
            let found = log.batch_at_time(timestamp).await.unwrap().unwrap();
            assert_eq!(found[..8], offset.to_be_bytes(), "at time {timestamp}");
            assert!(found.len() > HEADER_LEN);
        }
    }
    let largest = log.max_timestamp().await.unwrap().unwrap();
    assert_eq!((largest.timestamp, largest.offset), (20 * BATCHES - 10, 2 * BATCHES - 1));
}

/// Opens a directory whose index was garbled, compares everything, and closes it: then both indexes are as they were.
fn is_mended(garbled: &Rc<Disk>, right: &Disk, name: &str) {
    live(garbled, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        check_all(&log).await;
        volume.check();
        stop(&disk, &runtime, volume).await;
    });
    for segment in SEGMENTS {
        for extension in ["index", "timeindex"] {
            let path = path(segment, extension);
            assert_eq!(garbled.content(&path), right.content(&path), "{name}: {path}");
        }
    }
}

#[test]
fn an_offset_index_that_the_batches_contradict_is_made_anew() {
    type Change = fn(&mut [(u32, u32)]);
    let changes: [(&str, Change); 4] = [
        ("next positions", positions_of_the_next),
        ("within batches", positions_within_batches),
        ("too large", a_last_offset_that_is_too_large),
        ("too small", an_offset_that_is_too_small),
    ];
    let right = closed_log();
    for (name, change) in changes {
        for segment in SEGMENTS {
            // What a lookup never shows is not noticed: behind the last entry of a sealed segment nothing is looked for.
            if name == "too large" && segment == SEGMENTS[0] {
                continue;
            }
            let disk = right.copy();
            disk.damage(&path(segment, "index"), |bytes| garble_offsets(bytes, change));
            is_mended(&disk, &right, &format!("{name} {segment}"));
        }
    }
}

#[test]
fn a_time_index_that_the_batches_contradict_is_made_anew() {
    let right = closed_log();
    for segment in SEGMENTS {
        // Of a time that no batch has; of a batch of another time.
        for (at, by) in [(7, 1), (11, 1)] {
            for is_last in [false, true] {
                let disk = right.copy();
                disk.damage(&path(segment, "timeindex"), |bytes| {
                    let entry = if is_last { bytes.len() - 12 } else { bytes.len() / 24 * 12 };
                    bytes[entry + at] -= by;
                });
                is_mended(&disk, &right, &format!("time index {segment} {at} {is_last}"));
            }
        }
    }
}

#[test]
fn a_time_index_that_lacks_its_last_entries_is_made_anew() {
    let right = closed_log();
    for segment in SEGMENTS {
        let entries = right.content(&path(segment, "timeindex")).unwrap().len() / 12;
        assert!(entries > 10, "{entries} entries");
        for left in [0, 1, entries / 2, entries - 2, entries - 1] {
            let disk = right.copy();
            disk.damage(&path(segment, "timeindex"), |bytes| bytes.truncate(12 * left));
            is_mended(&disk, &right, &format!("{left} entries of the time index of {segment}"));
        }
    }
}

/// The power goes while a stop puts index files in the places of others that the ledger vouches for.
#[test]
fn a_stop_that_is_cut_leaves_indexes_that_are_right() {
    for (cut, seed) in (0..80).step_by(2).flat_map(|cut| [(cut, 1), (cut, 2)]) {
        let (disk, runtime) = (closed_log(), support::runtime::Runtime::new(seed));
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        runtime.run(async move {
            let config = logan_storage::config::VolumeConfig { recovery_bytes: 4000, ..volume_config() };
            let volume = serve(&dk, &rt, config, self::config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            // Older and older: nothing behind them tells of the largest timestamp.
            for n in 2 * BATCHES..3 * BATCHES {
                let bytes = batch(1, 400 + 7 * n as usize, n as u64, 3 * BATCHES - n);
                append_settled(&log, &bytes).await.unwrap();
            }
            rt.sleep_ns(1_000_000_000).await;
            dk.dies_at.set(dk.operations.get() + cut);
            let _cut_or_done = volume.stop().await;
        });
        runtime.kill();
        disk.lose_power(&runtime);
        live(&disk, 3, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            let largest = log.max_timestamp().await.unwrap().unwrap();
            let expected = (20 * BATCHES - 10, 2 * BATCHES - 1);
            assert_eq!((largest.timestamp, largest.offset), expected, "cut at {cut}, seed {seed}");
        });
    }
}

/// Whoever reads may give up while an index is made anew, and somebody else may wait for the same.
#[test]
fn an_index_that_is_made_anew_by_a_reader_who_gives_up_is_made_by_the_next() {
    for after_us in (0..400).step_by(5) {
        let disk = closed_log();
        disk.damage(&path(SEGMENTS[0], "index"), |bytes| garble_offsets(bytes, positions_of_the_next));
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            let one = || ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
            let patience = std::pin::pin!(runtime.sleep_ns(after_us * 1000));
            drop(select(std::pin::pin!(log.read(30, one())), patience).await);
            for read in join_all([log.read(40, one()), log.read(50, one())]).await {
                read.unwrap_or_else(|error| panic!("after {after_us} us: {error}"));
            }
            check_all(&log).await;
        });
    }
}

/// The index of a sealed segment was lost, and the disk is so slow that no reader waits until it is made anew. It is all the same, once.
#[test]
fn an_index_that_is_loaded_for_a_reader_who_gives_up_is_there_for_the_next() {
    const MS: u64 = 1_000_000;
    let disk = closed_log();
    for kind in ["index", "timeindex"] {
        disk.remove(&path(SEGMENTS[0], kind));
    }
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        *disk.slow.borrow_mut() = Some((path(SEGMENTS[0], "log"), 100 * MS));
        let before = disk.segment_bytes_read.get();
        let one = || ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
        for from in [30, 20, 10] {
            let reads = join_all([log.read(from, one()), log.read(from + 1, one())]);
            let patience = std::pin::pin!(runtime.sleep_ns(5 * MS));
            drop(select(std::pin::pin!(reads), patience).await);
        }
        runtime.sleep_ns(1_000 * MS).await;
        let length = log.segments()[0].length;
        let read = disk.segment_bytes_read.get() - before;
        assert!(volume.index_bytes() > 0, "it is in memory");
        assert!(read < u64::from(length) + 8192, "{read} bytes were read for an index of {length}");
        *disk.slow.borrow_mut() = None;
        check_all(&log).await;
        stop(&disk, &runtime, volume).await;
    });
}

/// A truncation looks its position up, too.
#[test]
fn a_truncation_is_not_led_astray() {
    let right = closed_log();
    for segment in SEGMENTS {
        let disk = right.copy();
        disk.damage(&path(segment, "index"), |bytes| garble_offsets(bytes, positions_of_the_next));
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            let base: i64 = segment.parse().unwrap();
            log.truncate_to(base + 30).await.unwrap();
            assert_eq!(append_settled(&log, &batch(1, 400, 1, 1)).await, Ok(base + 31));
            let all = ReadBounds { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };
            let read = log.read(base, all).await.unwrap();
            let read: Vec<i64> = BatchReader::new(&read.slices.concat(), 0, usize::MAX)
                .map(|placed| placed.unwrap().batch.base_offset())
                .collect();
            assert_eq!(read, (base..=base + 30).collect::<Vec<_>>());
        });
    }
}

/// Whoever asks for timestamps has the indexes of all segments read, and whoever reads has those that lead there.
#[test]
fn of_all_indexes_only_so_many_stay_in_memory() {
    const MANY: i64 = 40;
    let disk = Disk::new();
    let of_log = LogConfig { index_interval_bytes: 100, ..log_config() };
    let of_first = of_log.clone();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), of_first.clone()).await.unwrap();
        let log = volume.create_log(key("orders", 0), of_first).await.unwrap();
        for n in 0..MANY {
            for at in 0..100 {
                let bytes = batch(1, 100, at, n * 100 + at as i64);
                append_settled(&log, &bytes).await.unwrap();
            }
            log.roll().await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 2, |disk, runtime| async move {
        let config = VolumeConfig { cache_bytes: 64 << 10, ..volume_config() };
        let volume = serve(&disk, &runtime, config, of_log).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        let largest = log.max_timestamp().await.unwrap().map(|entry| (entry.timestamp, entry.offset));
        assert_eq!(largest, Some((MANY * 100 - 1, MANY * 100 - 1)));
        let most = 8 << 10;
        assert!((1..=most).contains(&volume.index_bytes()), "{} bytes", volume.index_bytes());
        for timestamp in (0..MANY * 100).step_by(37) {
            let found = log.batch_at_time(timestamp).await.unwrap().unwrap();
            assert_eq!(i64::from_be_bytes(found[..8].try_into().unwrap()), timestamp);
            assert!(volume.index_bytes() <= most, "{} bytes", volume.index_bytes());
        }
        for offset in (0..MANY * 100).step_by(41) {
            let limits = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
            assert_eq!(log.read(offset, limits).await.unwrap().next_offset, offset + 1);
        }
        volume.check();
    });
}

/// A start asks for the newest epoch, whichever hints are left.
#[test]
fn what_logs_know_is_found_without_hints() {
    let disk = closed_log();
    // From now on the ledger vouches for hints, until the next clean stop.
    live(&disk, 2, |disk, runtime| async move {
        let _volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
    });
    disk.remove("orders-0/leader-epoch-checkpoint");
    for segment in SEGMENTS {
        disk.remove(&path(segment, "index"));
    }
    live(&disk, 3, |disk, runtime| async move {
        let opened = open(&disk, &runtime, open_options()).await.unwrap();
        let directory = TestDirectory::over(&disk, &runtime);
        let logs = opened.parts[0].ledger.logs.values();
        let question =
            Question { max_batch_bytes: 8 << 20, hang_after: Duration::from_secs(30), is_taken_over: false };
        let known = known(&*directory, &TestHost(runtime), logs, question).await.unwrap();
        assert_eq!(known[&key("orders", 0)].newest_epoch, 3);
    });
}

/// A batch may be longer than what a scan reads at a time: Kafka's `max.message.bytes` is a little more than a megabyte unless it is set.
#[test]
fn a_log_that_begins_with_a_long_batch_is_loaded() {
    for length in [(1 << 20) - 61, 1 << 20, 3 << 20] {
        let disk = Disk::new();
        let config = LogConfig { segment_bytes: 64 << 20, ..log_config() };
        let of_log = config.clone();
        live(&disk, 1, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config.clone()).await.unwrap();
            let log = volume.create_log(key("orders", 0), config).await.unwrap();
            for n in 0..3 {
                append_settled(&log, &batch(1, length, n, 1)).await.unwrap();
            }
        });
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), of_log).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!(log.load().await, Ok(()), "{length}");
            assert_eq!(append_settled(&log, &batch(1, 100, 9, 1)).await, Ok(4));
            stop(&disk, &runtime, volume).await;
        });
    }
}
