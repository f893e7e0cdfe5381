//! Which file is a segment's: what is found under its name counts only while it is that one.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use logan_storage::config::{Mutations, VolumeConfig};
use logan_storage::failure::{AppendError, ReadError};
use logan_storage::kafka_files::read_partition_metadata;
use logan_storage::key::LogKey;
use logan_storage::read::ReadBounds;
use logan_storage::recovery::{OpenError, OpenOptions};
use logan_storage::txn_index::TxnIndex;
use support::disk::Disk;
use support::runtime::Runtime;
use support::workload::{Setup, start};
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

const ALL: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };
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

/// Each shard names its own logs: the one that has the next log of a name must not do so before the other has taken the name away.
#[test]
fn the_name_of_a_deleted_log_is_free_for_another_shard() {
    let disk = Disk::new();
    let setup = Setup {
        ack_sync: true,
        logs: 0,
        steps: 0,
        segment_bytes: 1 << 20,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        recovery_bytes: 64 << 20,
        log_starts: 0,
        shards: 2,
        late_writes: false,
        lock_dies_with_process: false,
        mutations: Mutations::default(),
    };
    live(&disk, 3, |disk, runtime| async move {
        let node = start(&disk, &runtime, &setup).await.unwrap();
        let log = node.volumes[0].create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        *disk.slow.borrow_mut() = Some(("orders-0".into(), SECOND_NS));
        node.volumes[0].delete_log(&log).await.unwrap();
        *disk.slow.borrow_mut() = None;
        let again = LogKey { topic_id: [9; 16], ..key("orders", 0) };
        let new = node.volumes[1].create_log(again.clone(), log_config()).await.unwrap();
        append_settled(&new, &batch(1, 3000, 2, 1)).await.unwrap();
        runtime.sleep_ns(10 * SECOND_NS).await;
        let named = disk.content("orders-0/partition.metadata").expect("the new log has the name");
        assert_eq!(read_partition_metadata(&named), Ok(again.topic_id));
        assert!(disk.content(FIRST).is_some(), "and its segment stands there");
        assert!(node.volumes.iter().all(|volume| !volume.failed().is_failed()));
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

/// A checkpoint finds what a copy has made of prepared blocks; what is acknowledged from then on survives.
#[test]
fn what_is_written_to_shared_blocks_survives_once_a_checkpoint_has_seen_them() {
    for seed in 1..20 {
        let (disk, runtime) = (Disk::new(), Runtime::new(seed));
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        let acknowledged = runtime.run(async move {
            let volume = serve(&dk, &rt, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let other = volume.create_log(key("other", 0), log_config()).await.unwrap();
            for n in 0..10 {
                append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
            }
            rt.sleep_ns(SECOND_NS).await;
            let prepared = log.segments()[0].prepared.unwrap();
            assert!(prepared > u64::from(log.segments()[0].length) + 20_000, "{prepared}");
            dk.share(FIRST);
            // A deletion ends with a checkpoint.
            volume.delete_log(&other).await.unwrap();
            while dk.paths().iter().any(|path| path.starts_with("other-0")) {
                rt.sleep_ns(1_000_000).await;
            }
            for n in 10..13 {
                append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
                volume.check();
            }
            log.ends().settled
        });
        runtime.kill();
        disk.lose_power(&runtime);
        live(&disk, seed, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!(Some(log.ends().log_end), acknowledged, "seed {seed}");
            assert_eq!(log.read(0, ALL).await.unwrap().next_offset, 13, "seed {seed}");
        });
    }
}

/// Three logs, of which the last never held anything.
fn three_logs(disk: &Rc<Disk>, stops: bool) {
    live(disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        for partition in 0..3 {
            volume.create_log(key("orders", partition), log_config()).await.unwrap();
        }
        for partition in 0..2 {
            append_settled(&volume.log(&key("orders", partition)).unwrap(), &batch(5, 3000, 1, 1))
                .await
                .unwrap();
        }
        // So that their names are synced.
        runtime.sleep_ns(SECOND_NS).await;
        if stops {
            stop(&disk, &runtime, volume).await;
        }
    });
}

#[test]
fn a_log_whose_directory_is_gone_is_missed_at_start() {
    for stops in [true, false] {
        let disk = Disk::new();
        three_logs(&disk, stops);
        disk.remove("orders-1");
        disk.remove("orders-2");
        let opened =
            live(&disk, 2, |disk, runtime| async move { open(&disk, &runtime, open_options()).await });
        let Err(OpenError::Damaged(damages)) = opened else { panic!("stops {stops}: {opened:?}") };
        assert_eq!(damages.len(), 1, "{damages:?}");
        assert!(damages[0].starts_with("orders-1 is missing, "), "{damages:?}");
        let lossy = OpenOptions { accept_loss: true, ..open_options() };
        let opened =
            live(&disk, 3, |disk, runtime| async move { open(&disk, &runtime, lossy).await }).unwrap();
        assert_eq!(opened.report.losses, damages);
        let mut left: Vec<(i32, i64)> =
            opened.parts[0].ledger.logs.values().map(|log| (log.key.partition, log.next_offset)).collect();
        left.sort_unstable();
        // A clean stop leaves of an empty log nothing but its directory.
        assert_eq!(left, if stops { vec![(0, 5)] } else { vec![(0, 5), (2, 0)] });
        live(&disk, 4, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            for partition in 1..3 {
                let log = volume.create_log(key("orders", partition), log_config()).await.unwrap();
                assert_eq!(append_settled(&log, &batch(1, 3000, 1, 1)).await, Ok(1));
            }
            runtime.sleep_ns(SECOND_NS).await;
            assert!(!volume.failed().is_failed());
        });
    }
}

#[test]
fn accept_loss_goes_on_without_log_starts_that_cannot_be_read() {
    let disk = Disk::new();
    three_logs(&disk, true);
    disk.damage("log-start-offset-checkpoint", |bytes| bytes[0] = b'x');
    let opened = live(&disk, 2, |disk, runtime| async move { open(&disk, &runtime, open_options()).await });
    assert!(matches!(opened, Err(OpenError::Damaged(_))), "{opened:?}");
    let lossy = OpenOptions { accept_loss: true, ..open_options() };
    let opened = live(&disk, 3, |disk, runtime| async move { open(&disk, &runtime, lossy).await }).unwrap();
    assert_eq!((opened.report.losses.len(), opened.parts[0].ledger.logs.len()), (1, 3));
}

/// What Kafka 4.3.1 wrote for a segment with two aborted transactions; for segments without any it writes no such file.
const TXN_INDEX: &str = "00000000000000000001\
    0000000000000bb80000000000000bba0000000000000bbb0000000000000000\
    00010000000000000bbe0000000000000bc00000000000000bc1";

fn txn_indexes(disk: &Disk) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.contains(".txnindex")).collect()
}

#[test]
fn a_transaction_index_of_kafkas_stays_as_long_as_its_segment() {
    const PATH: &str = "orders-0/00000000000000000001.txnindex";
    let digits = TXN_INDEX.as_bytes().chunks(2);
    let bytes: Vec<u8> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    assert_eq!(
        TxnIndex::parse(1, &bytes).unwrap().entries().iter().map(|txn| txn.last_offset).collect::<Vec<_>>(),
        [3002, 3008]
    );
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..3 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
            log.roll().await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    assert!(txn_indexes(&disk).is_empty(), "as Kafka, none is written without need");
    disk.create(PATH, &bytes);
    for stops in [true, false] {
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            append_settled(&log, &batch(1, 3000, 9, 1)).await.unwrap();
            log.roll().await.unwrap();
            if stops {
                stop(&disk, &runtime, volume).await;
            }
        });
        assert_eq!(disk.content(PATH).as_ref(), Some(&bytes), "stops {stops}");
    }
    live(&disk, 3, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        assert_eq!(txn_indexes(&disk), [PATH]);
        volume.log(&key("orders", 0)).unwrap().set_log_start(2).await.unwrap();
        runtime.sleep_ns(SECOND_NS).await;
        assert!(txn_indexes(&disk).is_empty(), "it goes with its segment");
    });
}
