//! Who waits for a log is never left waiting: not by an append that must roll, not by a reader who gives up, not by a stop; and two who change
//! the same log do it one after the other.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{join, join_all, select};
use logan_storage::append::{Append, Offsets};
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::disk::Host;
use logan_storage::failure::{AppendError, ReadError};
use logan_storage::log::Log;
use logan_storage::read::ReadBounds;
use support::disk::Disk;
use support::runtime::{Runtime, TestHost};
use support::{append_settled, batch, key, live, log_config, serve, volume_config};

const ALL: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };
const MS: u64 = 1_000_000;

/// A batch that is larger than the blocks that spares are kept with, and whose timestamp ends the segment: nobody but the append can know.
#[test]
fn a_large_batch_that_ends_a_segment_by_its_timestamp_is_appended() {
    live(&Disk::new(), 1, |disk, runtime| async move {
        let config = LogConfig { segment_ms: 1_000_000_000, ..log_config() };
        let volume = serve(&disk, &runtime, volume_config(), config.clone()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config).await.unwrap();
        append_settled(&log, &batch(1, 1000, 1, 0)).await.unwrap();
        let bytes = batch(1, 200_000, 2, 2_000_000_000);
        for attempt in 0.. {
            assert!(attempt < 10, "it is told to wait again and again");
            match log.append(&Append { batches: &bytes, offsets: Offsets::Assign { leader_epoch: 0 } }) {
                Ok(appended) => {
                    log.wait_settled(appended.log_end).await.unwrap();
                    break;
                }
                Err(AppendError::MustWait) => log.reserve(bytes.len()).await.unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(log.segment_bases(), [0, 1]);
        volume.check();
    });
}

/// A log that a killed process has left, of a few segments, none of them loaded.
fn left_by_a_kill() -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..4 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
            log.roll().await.unwrap();
        }
        append_settled(&log, &batch(1, 3000, 4, 1)).await.unwrap();
        runtime.sleep_ns(1_000 * MS).await;
    });
    disk
}

/// Whoever fetches gives up after a while, in the midst of loading the log.
#[test]
fn a_read_that_is_given_up_holds_nobody_up() {
    live(&left_by_a_kill(), 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        *disk.slow.borrow_mut() = Some(("orders-0".into(), 1_000 * MS));
        drop(select(Box::pin(log.read(4, ALL)), Box::pin(runtime.sleep_ns(100 * MS))).await);
        *disk.slow.borrow_mut() = None;
        assert_eq!(append_settled(&log, &batch(1, 3000, 5, 1)).await, Ok(6));
        support::stop(&disk, &runtime, volume).await;
    });
}

/// Each reader has less patience than the load takes.
#[test]
fn a_load_goes_on_when_its_readers_give_up() {
    live(&left_by_a_kill(), 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        *disk.slow.borrow_mut() = Some(("orders-0/".into(), 100 * MS));
        let mut readers = 0;
        while !log.is_loaded() {
            assert!(readers < 100, "each reader begins anew");
            drop(select(Box::pin(log.load()), Box::pin(runtime.sleep_ns(50 * MS))).await);
            readers += 1;
        }
        assert!(readers > 2, "the load takes longer than one waits");
        support::stop(&disk, &runtime, volume).await;
    });
}

/// A load may take minutes; whoever deletes the log does not wait for it, and whoever waits for it is told.
#[test]
fn a_deletion_does_not_wait_for_a_load() {
    for seed in 1..20 {
        live(&left_by_a_kill(), seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            *disk.slow.borrow_mut() = Some(("orders-0/0".into(), 20_000 * MS));
            let host = TestHost(Rc::clone(&runtime));
            let began_ns = host.monotonic_ns();
            let deletion = async {
                runtime.sleep_ns(runtime.below(50 * MS)).await;
                volume.delete_log(&log).await
            };
            let (first, second, deleted) = futures_util::join!(log.load(), log.load(), deletion);
            assert_eq!((first, second, deleted), (Err(ReadError::Closed), Err(ReadError::Closed), Ok(())));
            assert!(host.monotonic_ns() - began_ns < 1_000 * MS);
            *disk.slow.borrow_mut() = None;
            support::stop(&disk, &runtime, volume).await;
        });
    }
}

/// Log starts and truncations that are ordered together: each is decided by what the one before it has left.
#[test]
fn log_starts_and_truncations_take_turns() {
    for seed in 1..40 {
        let disk = Disk::new();
        let (start, end) = live(&disk, seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for n in 0..20 {
                append_settled(&log, &batch(1, 1000, n, 1)).await.unwrap();
            }
            let mut starts = Vec::new();
            for start in [15, 5, 12, 8] {
                let (log, runtime) = (Rc::clone(&log), Rc::clone(&runtime));
                starts.push(async move {
                    runtime.sleep_ns(runtime.below(MS)).await;
                    log.set_log_start(start).await
                });
            }
            let truncation = async {
                runtime.sleep_ns(runtime.below(MS)).await;
                log.truncate_to(10).await
            };
            let (raised, truncated) = join(join_all(starts), truncation).await;
            for outcome in raised.into_iter().chain([truncated]) {
                let is_known =
                    matches!(outcome, Ok(()) | Err(AppendError::MustWait | AppendError::OutOfOrder { .. }));
                assert!(is_known, "{outcome:?}");
            }
            volume.check();
            (log.ends().log_start, log.ends().log_end)
        });
        live(&disk, seed, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let ends = volume.log(&key("orders", 0)).unwrap().ends();
            assert_eq!((ends.log_start, ends.log_end), (start, end), "seed {seed}");
        });
    }
}

#[test]
fn a_log_that_two_create_is_one() {
    for seed in 1..20 {
        live(&Disk::new(), seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let keys = |numbers: &[i32]| {
                let keys = numbers.iter().map(|number| (key("orders", *number), log_config()));
                volume.create_logs(keys.collect())
            };
            let (first, second) = join(keys(&[0, 1, 0]), keys(&[1, 0, 2])).await;
            let (first, second) = (first.unwrap(), second.unwrap());
            let is_same = |a: &Rc<Log>, b: &Rc<Log>| Rc::ptr_eq(a, b);
            assert!(
                is_same(&first[0], &first[2])
                    && is_same(&first[0], &second[1])
                    && is_same(&first[1], &second[0])
            );
            volume.check();
        });
    }
}

/// Deletions, truncations and creations that are ordered when a stop has begun, or a little before: each ends, and so does the stop.
#[test]
fn whoever_changes_a_log_while_it_stops_is_answered() {
    for seed in 1..60 {
        let (disk, runtime) = (left_by_a_kill(), Runtime::new(seed));
        let _killed = runtime.killed_at_last();
        let rt = Rc::clone(&runtime);
        let stopped = runtime.run(async move {
            let volume = serve(&disk, &rt, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            let later = || rt.sleep_ns(rt.below(2 * MS));
            let deletion = async {
                later().await;
                volume.delete_log(&log).await
            };
            let truncation = async {
                later().await;
                log.truncate_to(2).await
            };
            let creation = async {
                later().await;
                volume.create_log(key("orders", 1), log_config()).await.map(drop)
            };
            let start = async {
                later().await;
                log.set_log_start(1).await
            };
            let stop = async {
                later().await;
                volume.stop().await.is_ok()
            };
            futures_util::join!(deletion, truncation, creation, start, stop).4
        });
        assert_eq!(stopped, Some(true), "seed {seed}");
    }
}

/// Chunks of segments that a higher log start gives up, and the cache's turn to drop them while newer bytes of the log are on their way.
#[test]
fn a_cache_that_is_full_drops_nothing_that_is_on_its_way() {
    let disk = Disk::new();
    let config = VolumeConfig { cache_bytes: 400 << 10, ..volume_config() };
    let expected = Rc::new(RefCell::new(Vec::new()));
    let (cf, appended) = (config.clone(), Rc::clone(&expected));
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, cf, log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let other = volume.create_log(key("other", 0), log_config()).await.unwrap();
        append_settled(&other, &batch(1, 1000, 1, 1)).await.unwrap();
        for n in 0..10 {
            append_settled(&log, &batch(1, 20_000, n, 1)).await.unwrap();
        }
        log.roll().await.unwrap();
        let small = batch(1, 5000, 10, 1);
        append_settled(&log, &small).await.unwrap();
        log.set_log_start(10).await.unwrap();
        volume.check();
        runtime.sleep_ns(1_000 * MS).await;
        // This prepares itself, which takes long, while rounds of the other log go on and fill the cache.
        let large = batch(1, 300_000, 11, 1);
        log.reserve(large.len()).await.unwrap();
        *disk.slow.borrow_mut() = Some(("logan/spare-".into(), 500 * MS));
        let append = Append { batches: &large, offsets: Offsets::Assign { leader_epoch: 3 } };
        assert_eq!(log.append(&append).map(|appended| appended.log_end), Ok(12));
        runtime.sleep_ns(MS).await;
        *disk.slow.borrow_mut() = None;
        for n in 0..20 {
            append_settled(&other, &batch(1, 10_000, n, 1)).await.unwrap();
            volume.check();
        }
        let last = batch(1, 5000, 12, 1);
        append_settled(&log, &last).await.unwrap();
        appended.borrow_mut().extend([small, large, last]);
    });
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, config, log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        let found = support::workload::read_all(&log).await;
        let records = |batches: &[Vec<u8>]| -> Vec<Vec<u8>> {
            batches.iter().map(|batch| batch[17..].to_vec()).collect()
        };
        assert!(records(&found) == records(&expected.borrow()), "{} batches", found.len());
    });
}
