//! What comes between two steps of an append: a deletion, a stop, a roll; and offsets that do not follow each other.

mod support;

use std::rc::Rc;

use futures_util::future::{Either, join, select};
use logan_storage::append::{Append, Offsets};
use logan_storage::config::LogConfig;
use logan_storage::failure::AppendError;
use logan_storage::log::Log;
use logan_storage::recovery::OpenError;
use logan_storage::volume::Volume;
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

const MS: u64 = 1_000_000;

/// A log with a segment, and spares that are all taken, so that the next append of `bytes` waits for one, though it only needs blocks.
async fn without_spares(disk: &Rc<Disk>, runtime: &Rc<Runtime>, slow_ns: u64) -> (Rc<Volume>, Rc<Log>) {
    let volume = serve(disk, runtime, volume_config(), log_config()).await.unwrap();
    let keys = (0..3).map(|n| (key("orders", n), log_config()));
    let logs = volume.create_logs(keys.collect()).await.unwrap();
    append_settled(&logs[0], &batch(1, 1000, 1, 1)).await.unwrap();
    runtime.sleep_ns(1_000 * MS).await;
    *disk.slow.borrow_mut() = Some(("logan/spare-".into(), slow_ns));
    for log in &logs[1..] {
        append_settled(log, &batch(1, 1000, 1, 1)).await.unwrap();
    }
    (volume, Rc::clone(&logs[0]))
}

#[test]
fn a_log_that_is_deleted_while_an_append_waits_for_room_fails_nothing() {
    for seed in 1..20 {
        let disk = Disk::new();
        live(&disk, seed, |disk, runtime| async move {
            let (volume, log) = without_spares(&disk, &runtime, 100 * MS).await;
            let deletion = async {
                runtime.sleep_ns(runtime.below(50 * MS)).await;
                volume.delete_log(&log).await
            };
            let bytes = batch(1, 100_000, 2, 1);
            let (appended, deleted) = join(append_settled(&log, &bytes), deletion).await;
            assert_eq!((appended, deleted), (Err(AppendError::Closed), Ok(())));
            assert!(!volume.failed().is_failed(), "{:?}", volume.failed().reason());
        });
    }
}

#[test]
fn a_stop_leaves_files_that_end_with_their_data_whoever_waits_for_room() {
    for (seed, slow_us) in (1..8).flat_map(|seed| (0..60).map(move |at| (seed, at * 20))) {
        let disk = Disk::new();
        live(&disk, seed, |disk, runtime| async move {
            let (volume, log) = without_spares(&disk, &runtime, slow_us * 1000).await;
            let (_reserved, stopped) = join(log.reserve(100_000), stop(&disk, &runtime, volume)).await;
            let () = stopped;
        });
        let length = disk.content("orders-0/00000000000000000000.log").unwrap().len();
        assert_eq!(length, batch(1, 1000, 1, 1).len(), "seed {seed}, {slow_us} us");
    }
}

/// The end's block is read from disk for an append, and the log is rolled meanwhile.
#[test]
fn a_roll_while_the_end_is_read_begins_with_an_empty_block() {
    for seed in 1..60 {
        let disk = Disk::new();
        live(&disk, seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            append_settled(&log, &batch(1, 1000, 1, 1)).await.unwrap();
            // The file is closed then, and the block forgotten.
            runtime.sleep_ns(120_000 * MS).await;
            let append = async {
                runtime.sleep_ns(runtime.below(100_000)).await;
                append_settled(&log, &batch(1, 1000, 2, 1)).await
            };
            let roll = async {
                runtime.sleep_ns(runtime.below(100_000)).await;
                log.roll().await
            };
            let (appended, rolled) = join(append, roll).await;
            assert_eq!((appended, rolled), (Ok(2), Ok(())), "seed {seed}");
            assert_eq!(append_settled(&log, &batch(1, 1000, 3, 1)).await, Ok(3));
            assert_eq!(support::workload::read_all(&log).await.len(), 3);
        });
    }
}

async fn keep(log: &Rc<Log>, base: i64) {
    let mut bytes = batch(1, 1000, 1, 1);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    let append = Append { batches: &bytes, offsets: Offsets::Keep };
    while let Err(AppendError::MustWait) = log.append(&append) {
        log.reserve(bytes.len()).await.unwrap();
    }
    log.wait_settled(base + 1).await.unwrap();
}

/// What a follower gets first may begin far behind where its empty log ends.
#[test]
fn an_empty_log_that_goes_on_behind_a_gap_begins_there() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        keep(&log, 100).await;
        assert_eq!(log.ends().log_start, 100);
        log.set_log_start(50).await.unwrap();
        log.set_log_start(100).await.unwrap();
        volume.check();
        stop(&disk, &runtime, volume).await;
    });
}

/// Neither a base offset nor what follows it is covered by a batch's CRC.
#[test]
fn a_base_offset_that_cannot_be_is_damage_and_no_panic() {
    for wrong in [-7, 3, 8, 10, 11, 20, 1 << 20, i64::MAX - 1, 1 << 40] {
        let disk = Disk::new();
        let config = LogConfig { segment_bytes: 4000, ..log_config() };
        live(&disk, 1, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config.clone()).await.unwrap();
            let log = volume.create_log(key("orders", 0), config).await.unwrap();
            for n in 0..10 {
                append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
            }
            stop(&disk, &runtime, volume).await;
        });
        disk.damage("orders-0/00000000000000000009.log", |bytes| {
            bytes[..8].copy_from_slice(&wrong.to_be_bytes());
        });
        let opened = live(&disk, 2, |disk, runtime| async move {
            serve(&disk, &runtime, volume_config(), log_config()).await.map(|_| ())
        });
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "{wrong}: {opened:?}");
    }
}

/// Gives an operation up after a while.
async fn give_up<T>(runtime: &Rc<Runtime>, after_ns: u64, operation: impl Future<Output = T>) {
    let patience = std::pin::pin!(runtime.sleep_ns(after_ns));
    if let Either::Left((outcome, _)) = select(std::pin::pin!(operation), patience).await {
        drop(outcome);
    }
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    Truncate,
    SetLogStart,
    Roll,
    Create,
    Delete,
}

/// Whoever truncates, raises the log start, rolls, creates or deletes may give up waiting for it: it is done or not, but not by halves.
#[test]
fn an_operation_that_is_given_up_is_done_or_not() {
    use Operation::{Create, Delete, Roll, SetLogStart, Truncate};
    for (operation, seed) in [Truncate, SetLogStart, Roll, Create, Delete]
        .into_iter()
        .flat_map(|at| (1..60).map(move |seed| (at, seed)))
    {
        let disk = Disk::new();
        let expected = live(&disk, seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for n in 0..4 {
                append_settled(&log, &batch(1, 1000, n, 1)).await.unwrap();
                log.roll().await.unwrap();
            }
            runtime.sleep_ns(100 * MS).await;
            let after_ns = runtime.below(400_000);
            match operation {
                Truncate => give_up(&runtime, after_ns, log.truncate_to(2)).await,
                SetLogStart => give_up(&runtime, after_ns, log.set_log_start(2)).await,
                Roll => give_up(&runtime, after_ns, log.roll()).await,
                Create => give_up(&runtime, after_ns, volume.create_log(key("new", 0), log_config())).await,
                Delete => give_up(&runtime, after_ns, volume.delete_log(&log)).await,
            }
            let appended = append_settled(&log, &batch(1, 1000, 9, 1)).await;
            let is_right = matches!((operation, &appended), (Delete, Err(AppendError::Closed)) | (_, Ok(_)));
            assert!(is_right, "{operation:?}, seed {seed}: {appended:?}");
            let created = volume.create_log(key("new", 0), log_config()).await.unwrap();
            append_settled(&created, &batch(1, 1000, 9, 1)).await.unwrap();
            runtime.sleep_ns(1_000 * MS).await;
            volume.check();
            let left = volume.log(&key("orders", 0)).map(|log| (log.ends().log_start, log.ends().log_end));
            stop(&disk, &runtime, volume).await;
            left
        });
        let found = live(&disk, seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            volume.log(&key("orders", 0)).map(|log| (log.ends().log_start, log.ends().log_end))
        });
        assert_eq!(found, expected, "{operation:?}, seed {seed}");
    }
}

/// Whoever appends may give up while a file or blocks are made for it: others get theirs, and nobody makes files for those who have gone.
#[test]
fn room_that_is_given_up_is_room_for_others() {
    for seed in 1..20 {
        let disk = Disk::new();
        live(&disk, seed, |disk, runtime| async move {
            let (volume, log) = without_spares(&disk, &runtime, 10 * MS).await;
            for _ in 0..20 {
                let bytes = 200_000 + runtime.below(200_000) as usize;
                give_up(&runtime, runtime.below(12 * MS), log.reserve(bytes)).await;
                let new = volume.create_log(key("new", 0), log_config()).await.unwrap();
                give_up(&runtime, runtime.below(12 * MS), new.reserve(bytes)).await;
            }
            *disk.slow.borrow_mut() = None;
            runtime.sleep_ns(1_000 * MS).await;
            let spares = disk.paths().iter().filter(|path| path.contains("logan/spare-")).count();
            assert!(spares <= 4, "seed {seed}: {spares} files");
            append_settled(&log, &batch(1, 1_000_000, 2, 1)).await.unwrap();
            volume.check();
            stop(&disk, &runtime, volume).await;
        });
    }
}

/// Checkpoints must grow before so many logs are created.
#[test]
fn creations_that_are_given_up_keep_nobody_from_creating() {
    for seed in 1..20 {
        live(&Disk::new(), seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            *disk.slow.borrow_mut() = Some(("logan/checkpoint-".into(), 10 * MS));
            let many = |topic: &str| (0..400).map(|n| (key(topic, n), log_config())).collect();
            give_up(&runtime, runtime.below(20 * MS), volume.create_logs(many("first"))).await;
            *disk.slow.borrow_mut() = None;
            volume.create_logs(many("second")).await.unwrap();
            volume.check();
        });
    }
}

/// The end of a log may lie behind its last batch: it was truncated within one. A clean start goes by the batches.
#[test]
fn a_log_that_ends_within_a_batch_that_is_gone_opens_again_after_a_clean_stop() {
    // Where the log starts and is cut, whether a kill comes before the stop, and where the stop leaves it.
    for (start, cut, is_killed, left) in [
        (0, 8, false, (0, 5)),
        (7, 8, false, (5, 5)),
        (0, 8, true, (0, 5)),
        (0, 3, true, (0, 0)),
        (0, 5, true, (0, 5)),
    ] {
        let disk = Disk::new();
        live(&disk, 1, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            append_settled(&log, &batch(5, 1000, 1, 1)).await.unwrap();
            let newer =
                Append { batches: &batch(5, 1000, 1, 1), offsets: Offsets::Assign { leader_epoch: 4 } };
            assert_eq!(log.append(&newer).map(|appended| appended.log_end), Ok(10));
            log.wait_settled(10).await.unwrap();
            log.set_log_start(start).await.unwrap();
            log.truncate_to(cut).await.unwrap();
            assert_eq!(log.ends().log_end, cut);
            if !is_killed {
                stop(&disk, &runtime, volume).await;
            }
        });
        if is_killed {
            live(&disk, 2, |disk, runtime| async move {
                let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
                let log = volume.log(&key("orders", 0)).unwrap();
                assert_eq!(log.ends().log_end, cut);
                stop(&disk, &runtime, volume).await;
            });
        }
        live(&disk, 3, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!((log.ends().log_start, log.ends().log_end), left, "{start}, {cut}");
            log.load().await.unwrap();
            // Nothing is left of the newer epoch.
            assert_eq!(log.latest_epoch().map(|latest| latest.epoch), (left.0 < left.1).then_some(3));
            let batches = support::workload::read_all(&log).await.len();
            assert_eq!(batches, usize::from(left.0 < left.1));
            assert_eq!(append_settled(&log, &batch(1, 1000, 1, 1)).await, Ok(left.1 + 1));
            assert_eq!(support::workload::read_all(&log).await.len(), batches + 1);
            volume.check();
        });
    }
}
