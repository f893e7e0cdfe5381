//! Segment files that are gone from a directory that was not closed: told by name, and done without once the loss is accepted.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use logan_storage::batch::BatchReader;
use logan_storage::failure::FailedMark;
use logan_storage::log::Log;
use logan_storage::read::Limits;
use logan_storage::recovery::{OpenError, OpenOptions};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

/// Segments, each with one batch of so many records.
const SEGMENTS: i64 = 4;
const RECORDS: i64 = 3;
const END: i64 = SEGMENTS * RECORDS;

fn path(segment: i64) -> String {
    format!("orders-0/{:020}.log", segment * RECORDS)
}

fn bytes_of(segment: i64) -> Vec<u8> {
    batch(RECORDS as i32, 300, segment as u64, 1)
}

/// A log with several segments, and another one, of a process that was killed. With `is_cut` a checkpoint knows that they were cut.
fn killed(is_cut: bool) -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let other = volume.create_log(key("other", 0), log_config()).await.unwrap();
        append_settled(&other, &bytes_of(9)).await.unwrap();
        for segment in 0..SEGMENTS {
            if segment > 0 {
                log.roll().await.unwrap();
            }
            append_settled(&log, &bytes_of(segment)).await.unwrap();
        }
        // Whoever goes idle covers its last round, and gives all names.
        runtime.sleep_ns(5_000_000_000).await;
    });
    if is_cut {
        live(&disk, 2, |disk, runtime| async move {
            serve_accepting(&disk, &runtime, false).await.unwrap();
        });
    }
    disk
}

async fn serve_accepting(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    accept_loss: bool,
) -> Result<(Rc<Volume>, Vec<String>), OpenError> {
    let opened = open(disk, runtime, OpenOptions { accept_loss, ..open_options() }).await?;
    let (directory, host) = (TestDirectory::over(disk, runtime), Rc::new(TestHost(Rc::clone(runtime))));
    let (part, failed) = (opened.parts[0].clone(), Arc::new(FailedMark::new()));
    let volume = Volume::start(directory, host, part, volume_config(), &|_| log_config(), failed).await?;
    Ok((volume, opened.report.losses))
}

/// Reads all of a log as a consumer does.
async fn consume(log: &Rc<Log>) -> Vec<i64> {
    let (mut at, mut found) = (log.ends().log_start, Vec::new());
    while at < log.ends().log_end {
        let read = log.read(at, Limits { offset: i64::MAX, bytes: 1, at_least_one: true }).await.unwrap();
        if read.bytes == 0 {
            // The gap at the end: what is appended next stands behind it.
            break;
        }
        for placed in BatchReader::new(&read.slices.concat(), 0, usize::MAX).with_crc() {
            let batch = placed.unwrap().batch;
            let segment = batch.base_offset() / RECORDS;
            assert_eq!(batch.records(), &bytes_of(segment)[61..]);
            found.push(segment);
        }
        at = read.next_offset;
    }
    found
}

fn is_missing_told(is_cut: bool, gone: &[i64]) {
    let disk = killed(is_cut);
    gone.iter().for_each(|segment| disk.remove(&path(*segment)));
    for life in 3..5 {
        let error = live(&disk, life, |disk, runtime| async move {
            serve_accepting(&disk, &runtime, false).await.err().expect("a file is missing")
        });
        let OpenError::Damaged(damages) = error else { panic!("{gone:?}: {error}") };
        let named = gone.iter().all(|segment| damages.iter().any(|damage| damage.contains(&path(*segment))));
        assert!(named, "{gone:?}: {damages:?}");
    }
    let left: Vec<i64> = (0..SEGMENTS).filter(|segment| !gone.contains(segment)).collect();
    let (gone, expected) = (gone.to_vec(), left.clone());
    live(&disk, 5, move |disk, runtime| async move {
        let (volume, losses) = serve_accepting(&disk, &runtime, true).await.unwrap();
        assert_eq!(losses.len(), gone.len(), "{losses:?}");
        let (log, other) = (volume.log(&key("orders", 0)).unwrap(), volume.log(&key("other", 0)).unwrap());
        assert_eq!(log.ends().log_start, expected.first().map_or(END, |first| first * RECORDS));
        assert_eq!(log.ends().log_end, END, "no offset is given twice");
        assert_eq!(consume(&log).await, expected, "{gone:?}");
        assert_eq!(append_settled(&log, &bytes_of(SEGMENTS)).await, Ok(END + RECORDS));
        assert_eq!(other.ends().log_end, RECORDS);
        volume.check();
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 6, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        assert_eq!(consume(&log).await, [left, vec![SEGMENTS]].concat());
        stop(&disk, &runtime, volume).await;
    });
}

#[test]
fn a_segment_that_was_not_cut_yet_is_missing() {
    for gone in 0..SEGMENTS - 1 {
        is_missing_told(false, &[gone]);
    }
}

#[test]
fn a_segment_that_was_cut_is_missing() {
    for gone in 0..SEGMENTS - 1 {
        is_missing_told(true, &[gone]);
    }
}

#[test]
fn the_last_segment_is_missing() {
    is_missing_told(false, &[SEGMENTS - 1]);
    is_missing_told(true, &[SEGMENTS - 1]);
}

#[test]
fn several_segments_are_missing() {
    is_missing_told(false, &[0, 2]);
    is_missing_told(true, &[1, 2]);
    is_missing_told(true, &[2, 3]);
    is_missing_told(true, &[0, 1, 2, 3]);
}
