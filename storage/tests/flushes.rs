//! Without `ack.sync` records are acknowledged before they are flushed: what `flush.messages` and `flush.ms` say of how long.

mod support;

use std::rc::Rc;
use std::time::Duration;

use logan_storage::append::{Append, Offsets};
use logan_storage::config::{
    LogConfig, OWN_PREPARATION_BYTES, ROUND_LOG_FILE_BYTES, ROUND_LOG_FILES, VolumeConfig,
};
use logan_storage::disk::BLOCK;
use logan_storage::failure::AppendError;
use logan_storage::log::Log;
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, live, log_config, serve, volume_config};

const MS: u64 = 1_000_000;

fn unsynced() -> VolumeConfig {
    VolumeConfig { ack_sync: false, ..volume_config() }
}

async fn logs(disk: &Rc<Disk>, runtime: &Rc<Runtime>, configs: Vec<LogConfig>) -> Vec<Rc<Log>> {
    let volume = serve(disk, runtime, unsynced(), log_config()).await.unwrap();
    let keys = configs.into_iter().enumerate().map(|(at, config)| (key("orders", at as i32), config));
    let logs = volume.create_logs(keys.collect()).await.unwrap();
    // What the first append needs (a segment, a name) has been flushed then.
    for (at, log) in logs.iter().enumerate() {
        append_settled(log, &batch(1, 100, at as u64, 1)).await.unwrap();
    }
    runtime.sleep_ns(20_000 * MS).await;
    logs
}

#[test]
fn without_either_nothing_is_flushed() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let logs = logs(&disk, &runtime, vec![log_config()]).await;
        let before = logs[0].ends().durable;
        for n in 0..50 {
            append_settled(&logs[0], &batch(3, 100, n, 1)).await.unwrap();
        }
        runtime.sleep_ns(100_000 * MS).await;
        let ends = logs[0].ends();
        assert_eq!((ends.durable, ends.settled), (before, 151));
    });
}

#[test]
fn so_many_messages_are_flushed() {
    let disk = Disk::new();
    let config = LogConfig { flush_messages: 12, ..log_config() };
    live(&disk, 1, |disk, runtime| async move {
        let logs = logs(&disk, &runtime, vec![config, log_config()]).await;
        let log = &logs[0];
        let (mut durable, mut unflushed) = (log.ends().durable, log.ends().settled - log.ends().durable);
        let mut flushes = 0;
        for n in 0..40 {
            let end = append_settled(log, &batch(3, 100, n, 1)).await.unwrap();
            // Of another log's nobody keeps count here.
            append_settled(&logs[1], &batch(30, 100, n, 1)).await.unwrap();
            runtime.sleep_ns(MS).await;
            unflushed += 3;
            if unflushed >= 12 {
                (durable, unflushed, flushes) = (end, 0, flushes + 1);
            }
            assert_eq!(log.ends().durable, durable, "after batch {n}");
        }
        assert!(flushes >= 9, "{flushes} flushes");
    });
}

/// What is compared with Kafka's `flush.messages=1`.
#[test]
fn each_message_is_flushed_and_survives() {
    let disk = Disk::new();
    let config = LogConfig { flush_messages: 1, ..log_config() };
    let runtime = Runtime::new(1);
    let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
    runtime
        .run(async move {
            let logs = logs(&dk, &rt, vec![config]).await;
            for n in 0..30 {
                let end = append_settled(&logs[0], &batch(1, 100, n, 1)).await.unwrap();
                assert_eq!(logs[0].ends().durable, end, "a round settles what it has flushed");
            }
        })
        .unwrap();
    runtime.kill();
    disk.lose_power(&runtime);
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, unsynced(), log_config()).await.unwrap();
        assert_eq!(volume.log(&key("orders", 0)).unwrap().ends().log_end, 31);
    });
}

#[test]
fn after_so_long_a_flush_begins() {
    let disk = Disk::new();
    let config = |flush_ms| LogConfig { flush_ms, ..log_config() };
    live(&disk, 1, move |disk, runtime| async move {
        let logs = logs(&disk, &runtime, vec![config(2_000), config(700), config(60_000)]).await;
        let ends = |at: usize| (logs[at].ends().durable, logs[at].ends().settled);
        for n in 0..3 {
            let before = ends(0).0;
            let end = append_settled(&logs[0], &batch(2, 100, n, 1)).await.unwrap();
            runtime.sleep_ns(1_800 * MS).await;
            // The first counts: a later one does not put it off.
            append_settled(&logs[2], &batch(2, 100, n, 1)).await.unwrap();
            let end = append_settled(&logs[0], &batch(2, 100, n, 1)).await.unwrap().max(end);
            assert_eq!(ends(0), (before, end), "too early");
            runtime.sleep_ns(250 * MS).await;
            assert_eq!(ends(0), (end, end), "too late");
        }
        // Whoever waits less long takes all others along.
        append_settled(&logs[0], &batch(2, 100, 9, 1)).await.unwrap();
        append_settled(&logs[1], &batch(2, 100, 9, 1)).await.unwrap();
        runtime.sleep_ns(650 * MS).await;
        assert!(ends(0).0 < ends(0).1 && ends(1).0 < ends(1).1, "too early");
        runtime.sleep_ns(100 * MS).await;
        assert!(ends(0).0 == ends(0).1 && ends(1).0 == ends(1).1, "too late");
        // And nothing is left behind that would flush again.
        let flushes = disk.flushes.get();
        runtime.sleep_ns(Duration::from_mins(3).as_nanos() as u64).await;
        assert_eq!(disk.flushes.get(), flushes);
    });
}

/// Hints of several logs are written together, once all that they tell of is durable. What one of them was given just before, and prepares by
/// itself, may come in a later round than the flush that was asked for: who deletes another one of them would wait until somebody else flushes.
#[test]
fn hints_of_what_is_not_flushed_yet_keep_no_other_log_waiting() {
    const LENGTH: usize = OWN_PREPARATION_BYTES as usize;
    let config = || VolumeConfig { recovery_bytes: 1 << 20, ..unsynced() };
    for seed in 0..20 {
        let disk = Disk::new();
        live(&disk, seed, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, config(), log_config()).await.unwrap();
            let keys = (0..2).map(|at| (key("orders", at), log_config())).collect();
            let logs = volume.create_logs(keys).await.unwrap();
            // So many that a flush is due, for the bytes that are not flushed; then hints are.
            for n in 0..5 {
                append_settled(&logs[n % 2], &batch(1, LENGTH, n as u64, 1)).await.unwrap();
            }
            runtime.sleep_ns(seed * MS / 20).await;
            let batches = batch(1, LENGTH, 99, 1);
            let append = Append { batches: &batches, offsets: Offsets::Assign { leader_epoch: 3 } };
            if let Err(AppendError::MustWait) = logs[0].append(&append) {
                logs[0].reserve(LENGTH).await.unwrap();
                logs[0].append(&append).unwrap();
            }
            runtime.sleep_ns(1_000 * MS).await;
            let ends = logs[1].ends();
            assert_eq!(ends.durable, ends.log_end, "its deletion asks for no flush");
            volume.delete_log(&logs[1]).await.unwrap();
        });
    }
}

/// A flush is due, and there is no room for the record of its round until a checkpoint is done: nobody looks at the clock again and again.
#[test]
fn a_flush_that_has_no_room_waits_for_the_checkpoint() {
    const CHECKPOINT: u64 = 3_000 * MS;
    let disk = Disk::new();
    let config = LogConfig { flush_ms: 5, ..log_config() };
    let longest = live(&disk, 1, |disk, runtime| async move {
        let logs = logs(&disk, &runtime, vec![config]).await;
        *disk.slow.borrow_mut() = Some(("logan/checkpoint-".into(), CHECKPOINT));
        let mut longest = 0;
        for n in 0..2 * (ROUND_LOG_FILES as u64 * ROUND_LOG_FILE_BYTES / BLOCK as u64) {
            let began = runtime.now_ns.get();
            append_settled(&logs[0], &batch(1, 100, n, 1)).await.unwrap();
            longest = longest.max(runtime.now_ns.get() - began);
        }
        runtime.sleep_ns(2 * CHECKPOINT).await;
        assert_eq!(logs[0].ends().durable, logs[0].ends().log_end);
        longest
    });
    assert!(longest > CHECKPOINT / 2, "the round log has no room until a checkpoint is done: {longest} ns");
}
