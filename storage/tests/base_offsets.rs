//! Headers of which a bit was turned, where no CRC covers it or nobody has computed one: a read gives what was written, or says that it is
//! damaged, and never leaves anything out. Gaps between batches are no damage.

mod support;

use std::rc::Rc;

use logan_storage::append::{Append, Offsets};
use logan_storage::batch::BatchReader;
use logan_storage::config::LogConfig;
use logan_storage::failure::{AppendError, ReadError};
use logan_storage::log::Log;
use logan_storage::read::ReadBounds;
use logan_storage::recovery::OpenError;
use support::disk::Disk;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

/// In each of two segments.
const BATCHES: usize = 16;
/// In each batch.
const RECORDS: i64 = 3;
const LENGTH: usize = 300;
const SEGMENTS: [&str; 2] = ["00000000000000000000", "00000000000000000048"];
const END: i64 = 2 * BATCHES as i64 * RECORDS;

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 1000, ..log_config() }
}

/// Timestamps rise by ten with each batch.
fn bytes_of(number: usize) -> Vec<u8> {
    batch(RECORDS as i32, LENGTH, number as u64, 10 * number as i64)
}

fn closed_log() -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for number in 0..2 * BATCHES {
            if number == BATCHES {
                log.roll().await.unwrap();
            }
            append_settled(&log, &bytes_of(number)).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    disk
}

fn path(segment: &str, extension: &str) -> String {
    format!("orders-0/{segment}.{extension}")
}

fn limits(bytes: usize) -> ReadBounds {
    ReadBounds { offset: i64::MAX, bytes, at_least_one: true }
}

/// Reads from `from` on as a consumer does. Returns the base offsets and payloads of what came, and whether all of it did.
async fn consume(log: &Rc<Log>, from: i64, bytes: usize, what: &str) -> (Vec<(i64, Vec<u8>)>, bool) {
    let (mut at, mut found) = (from, Vec::new());
    while at < log.ends().log_end {
        let read = match log.read(at, limits(bytes)).await {
            Ok(read) => read,
            Err(ReadError::Corrupt { .. }) => return (found, false),
            Err(error) => panic!("{what}: at {at}: {error}"),
        };
        assert!(read.bytes > 0 && read.next_offset > at, "{what}: at {at} nothing comes, for ever");
        for placed in BatchReader::new(&read.slices.concat(), 0, usize::MAX).with_crc() {
            let batch = placed.unwrap().batch;
            found.push((batch.base_offset(), batch.records().to_vec()));
        }
        at = read.next_offset;
    }
    (found, true)
}

fn written(number: usize) -> (i64, Vec<u8>) {
    (number as i64 * RECORDS, bytes_of(number)[61..].to_vec())
}

/// All reads that may touch the damaged batch. It is told by whoever goes through all of the log.
async fn look_everywhere(log: &Rc<Log>, damaged: usize, what: &str) {
    for bytes in [1, 1 << 20] {
        let (found, is_all) = consume(log, 0, bytes, what).await;
        let expected: Vec<_> = (0..found.len()).map(written).collect();
        assert!(found == expected, "{what}: {} batches are not those that were written", found.len());
        assert!(!is_all, "{what}: a batch that is damaged was believed");
    }
    // From the end on, so that no reader goes on where another one stopped.
    let around = damaged.saturating_sub(5)..(damaged + 6).min(2 * BATCHES);
    for number in around.rev() {
        for offset in (number as i64 * RECORDS..(number as i64 + 1) * RECORDS).rev() {
            match log.read(offset, limits(1)).await {
                Ok(read) => {
                    let (base, payload) = written(number);
                    let found = read.slices.concat();
                    assert_eq!(found.get(..8), Some(&base.to_be_bytes()[..]), "{what}: at {offset}");
                    assert!(found[61..] == payload, "{what}: at {offset}");
                }
                Err(ReadError::Corrupt { .. }) => {}
                Err(error) => panic!("{what}: at {offset}: {error}"),
            }
        }
        match log.batch_at_time(10 * number as i64).await {
            Ok(found) => {
                let base = found.map(|found| i64::from_be_bytes(found[..8].try_into().unwrap()));
                assert_eq!(base, Some(number as i64 * RECORDS), "{what}: by time");
            }
            Err(ReadError::Corrupt { .. }) => {}
            Err(error) => panic!("{what}: by time: {error}"),
        }
    }
}

/// Where a field begins, and how many bits it has: base offset, length, last offset delta.
const FIELDS: [(usize, usize); 3] = [(0, 64), (8, 32), (23, 32)];

fn for_every_flip(run: impl Fn(usize, &str, usize, &str)) {
    for (at, segment) in SEGMENTS.iter().enumerate() {
        for number in [0, BATCHES / 2, BATCHES - 1] {
            for (field, bits) in FIELDS {
                for bit in 0..bits {
                    let position = number * bytes_of(0).len() * 8 + field * 8 + bit;
                    let what =
                        format!("segment {segment}, batch {number}, bit {bit} of the field at {field}");
                    run(at * BATCHES + number, segment, position, &what);
                }
            }
        }
    }
}

fn flip(disk: &Disk, segment: &str, bit: usize) {
    disk.damage(&path(segment, "log"), |bytes| bytes[bit / 8] ^= 0x80 >> (bit % 8));
}

#[test]
fn a_header_that_changes_while_a_log_is_served_is_told() {
    let right = closed_log();
    for_every_flip(|number, segment, bit, what| {
        let (disk, segment, what) = (right.copy(), segment.to_owned(), what.to_owned());
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            flip(&disk, &segment, bit);
            let log = volume.log(&key("orders", 0)).unwrap();
            look_everywhere(&log, number, &what).await;
        });
    });
}

#[test]
fn a_header_that_changes_while_nobody_looks_is_told() {
    let right = closed_log();
    for has_indexes in [true, false] {
        for_every_flip(|number, segment, bit, what| {
            let disk = right.copy();
            flip(&disk, segment, bit);
            for segment in SEGMENTS.iter().filter(|_| !has_indexes) {
                disk.remove(&path(segment, "index"));
                disk.remove(&path(segment, "timeindex"));
            }
            let what = format!("{what}, indexes {has_indexes}");
            live(&disk, 2, move |disk, runtime| async move {
                let volume = match serve(&disk, &runtime, volume_config(), config()).await {
                    Ok(volume) => volume,
                    Err(OpenError::Damaged(_)) => return,
                    Err(error) => panic!("{what}: {error}"),
                };
                let log = volume.log(&key("orders", 0)).unwrap();
                assert_eq!(log.ends().log_end, END, "{what}");
                look_everywhere(&log, number, &what).await;
                let appended = append_settled(&log, &bytes_of(0)).await;
                let is_right = matches!(appended, Err(AppendError::Corrupt)) || appended == Ok(END + RECORDS);
                assert!(is_right, "{what}: {appended:?}");
            });
        });
    }
}

/// The clean stop has recorded where the log ends, and if that is lost, the last batch's CRC covers its last offset.
#[test]
fn an_end_beyond_the_recorded_one_is_damage() {
    let right = closed_log();
    for (has_record, delta) in [(true, 3), (true, 1 << 20), (false, 3), (false, 1 << 20)] {
        let disk = right.copy();
        if !has_record {
            disk.remove("recovery-point-offset-checkpoint");
        }
        disk.damage(&path(SEGMENTS[1], "log"), |bytes| {
            let last = bytes.len() - bytes_of(0).len();
            bytes[last + 23..last + 27].copy_from_slice(&i32::to_be_bytes(delta));
        });
        let opened = live(&disk, 2, |disk, runtime| async move {
            serve(&disk, &runtime, volume_config(), config()).await.map(|_| ())
        });
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "{delta}: {opened:?}");
        // Nothing is built on it: with the right bytes back in place, the log is what it was.
        let path = path(SEGMENTS[1], "log");
        disk.damage(&path, |bytes| *bytes = right.content(&path).unwrap());
        live(&disk, 3, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!(append_settled(&log, &bytes_of(0)).await, Ok(END + RECORDS));
        });
    }
}

/// As compaction leaves them, and followers of a compacted log: within segments and between them.
#[test]
fn gaps_are_no_damage() {
    const STEP: i64 = 10;
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for number in 0..2 * BATCHES {
            if number == BATCHES {
                log.roll().await.unwrap();
            }
            let mut bytes = bytes_of(number);
            // Every fourth batch follows the one before.
            let base = number as i64 * STEP - if number % 4 == 1 { STEP - RECORDS } else { 0 };
            bytes[..8].copy_from_slice(&base.to_be_bytes());
            let append = Append { batches: &bytes, offsets: Offsets::Keep };
            while let Err(AppendError::MustWait) = log.append(&append) {
                log.reserve(bytes.len()).await.unwrap();
            }
            log.wait_settled(base + RECORDS).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    for has_indexes in [true, false] {
        let disk = disk.copy();
        for path in disk.paths().iter().filter(|path| path.ends_with("index") && !has_indexes) {
            disk.remove(path);
        }
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            let payload = |number: usize| bytes_of(number)[61..].to_vec();
            let all: Vec<_> = (0..2 * BATCHES).map(payload).collect();
            for bytes in [1, 3 * LENGTH, 1 << 20] {
                let (found, is_all) = consume(&log, 0, bytes, "gaps").await;
                let found: Vec<_> = found.into_iter().map(|(_, payload)| payload).collect();
                assert!(is_all && found == all, "{} batches of {}", found.len(), all.len());
            }
            for offset in (0..log.ends().log_end).rev() {
                let (found, is_all) = consume(&log, offset, 1 << 20, "gaps").await;
                let base =
                    |number: usize| number as i64 * STEP - if number % 4 == 1 { STEP - RECORDS } else { 0 };
                let first = (0..2 * BATCHES).find(|number| base(*number) + RECORDS > offset).unwrap();
                let found: Vec<_> = found.into_iter().map(|(_, payload)| payload).collect();
                assert!(is_all && found == all[first..], "at {offset}: {} batches", found.len());
            }
            volume.check();
        });
    }
}
