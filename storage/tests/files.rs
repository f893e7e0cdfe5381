//! Which file is a segment's: what is found under its name counts only while it is that one.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use logan_storage::config::VolumeConfig;
use logan_storage::failure::{AppendError, ReadError};
use logan_storage::key::LogKey;
use logan_storage::read::Limits;
use support::disk::Disk;
use support::{append_settled, batch, key, live, log_config, serve, volume_config};

const ALL: Limits = Limits { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };
const FIRST: &str = "orders-0/00000000000000000000.log";
const SECOND_NS: u64 = 1_000_000_000;

/// A log of one segment that a killed process has left.
fn left_by_a_kill(disk: &Rc<Disk>) {
    live(disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..5 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
        }
    });
}

/// A read finds the file by its name, and the name is another log's by the time it does.
#[test]
fn a_read_of_a_deleted_log_is_not_answered_from_the_log_that_has_its_name_now() {
    let disk = Disk::new();
    left_by_a_kill(&disk);
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        log.load().await.unwrap();
        let host = Rc::clone(&runtime);
        // So that its files are closed.
        host.sleep_ns(100 * SECOND_NS).await;
        *disk.slow.borrow_mut() = Some((FIRST.into(), 20 * SECOND_NS));
        let outcome = Rc::new(RefCell::new(None));
        let (place, reader) = (Rc::clone(&outcome), Rc::clone(&log));
        runtime.start(Box::pin(async move {
            let read = reader.read(0, ALL).await;
            *place.borrow_mut() = Some(read);
        }));
        host.sleep_ns(SECOND_NS).await;
        *disk.slow.borrow_mut() = None;
        volume.delete_log(&log).await.unwrap();
        let again = LogKey { topic_id: [9; 16], ..key("orders", 0) };
        let new = volume.create_log(again, log_config()).await.unwrap();
        append_settled(&new, &batch(1, 3000, 99, 1)).await.unwrap();
        host.sleep_ns(30 * SECOND_NS).await;
        assert!(disk.content(FIRST).is_some(), "the new log has its name");
        assert_eq!(outcome.borrow_mut().take(), Some(Err(ReadError::Closed)));
        assert_eq!(new.read(0, ALL).await.unwrap().next_offset, 1);
        volume.check();
    });
}

/// A copy that somebody put in place of a file that was closed for want of use has blocks that nobody has prepared.
#[test]
fn a_file_that_was_replaced_under_its_name_is_neither_read_nor_written() {
    let disk = Disk::new();
    let config = VolumeConfig { close_after: Duration::from_secs(5), cache_bytes: 0, ..volume_config() };
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, config, log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..5 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
        }
        assert_eq!(log.read(0, ALL).await.unwrap().next_offset, 5);
        runtime.sleep_ns(20 * SECOND_NS).await;
        let content = disk.content(FIRST).unwrap();
        disk.remove(FIRST);
        disk.create(FIRST, &content);
        let read = log.read(0, ALL).await;
        assert!(matches!(read, Err(ReadError::Disk(_))), "{read:?}");
        assert_eq!(append_settled(&log, &batch(1, 3000, 5, 1)).await, Err(AppendError::Failed));
        assert_eq!(disk.content(FIRST).unwrap(), content);
    });
}

/// The log start is raised while the log is loaded, and while it is searched: what is gone then is not missed.
#[test]
fn what_goes_while_a_log_is_loaded_or_searched_is_not_missed() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..5 {
            append_settled(&log, &batch(1, 3000, n, n as i64)).await.unwrap();
            log.roll().await.unwrap();
        }
        append_settled(&log, &batch(1, 3000, 5, 5)).await.unwrap();
    });
    for searches in [false, true] {
        let copy = disk.copy();
        live(&copy, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            *disk.slow.borrow_mut() = Some((FIRST.into(), 20 * SECOND_NS));
            let outcome = Rc::new(RefCell::new(None));
            let (place, reader) = (Rc::clone(&outcome), Rc::clone(&log));
            runtime.start(Box::pin(async move {
                let done = if searches {
                    reader.batch_at_time(0).await.map(|found| found.map(|batch| batch[7]))
                } else {
                    reader.load().await.map(|()| None)
                };
                *place.borrow_mut() = Some(done);
            }));
            runtime.sleep_ns(SECOND_NS).await;
            *disk.slow.borrow_mut() = None;
            log.set_log_start(3).await.unwrap();
            runtime.sleep_ns(30 * SECOND_NS).await;
            assert!(disk.content(FIRST).is_none(), "the first segment is gone");
            let expected = searches.then_some(3);
            assert_eq!(outcome.borrow_mut().take(), Some(Ok(expected)), "searches {searches}");
            volume.check();
        });
    }
}
