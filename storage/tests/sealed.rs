//! What is done to sealed segments and their hints, while others go on.

mod support;

use futures_util::future::join_all;
use logan_storage::Log;
use logan_storage::config::VolumeConfig;
use support::disk::Disk;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;

/// Hints are written of segments that a higher log start is just removing.
#[test]
fn a_segment_that_is_removed_needs_no_index() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..5 {
            append_settled(&log, &batch(1, 4000, n, 1)).await.unwrap();
            log.roll().await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    for path in disk.paths() {
        if path.ends_with("index") {
            disk.remove(&path);
        }
    }
    for wait_ms in 0..40 {
        let disk = disk.copy();
        live(&disk, 2 + wait_ms, move |disk, runtime| async move {
            // The first segment's index takes long.
            *disk.slow.borrow_mut() = Some(("00000000000000000000.log".into(), 20_000_000));
            let config = VolumeConfig { recovery_bytes: 4000, ..volume_config() };
            let volume = serve(&disk, &runtime, config, log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            runtime.sleep_ns(wait_ms * 1_000_000).await;
            log.set_log_start(4).await.unwrap();
            runtime.sleep_ns(SECOND).await;
            append_settled(&log, &batch(1, 1000, 9, 1))
                .await
                .unwrap_or_else(|error| panic!("{wait_ms}: {error}"));
            volume.check();
            stop(&disk, &runtime, volume).await;
        });
    }
}

/// A segment that is truncated and sealed anew while hints of another are written is not taken for one that was cut.
#[test]
fn a_segment_that_was_sealed_again_is_cut_again() {
    for wait_ms in [1, 3, 10, 30] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let config = VolumeConfig { recovery_bytes: 64, ..volume_config() };
            let volume = serve(&disk, &runtime, config, log_config()).await.unwrap();
            let mut logs = Vec::new();
            for topic in ["first", "second"] {
                let log = volume.create_log(key(topic, 0), log_config()).await.unwrap();
                for n in 0..2 {
                    append_settled(&log, &batch(1, 700, n, 1)).await.unwrap();
                }
                logs.push(log);
            }
            runtime.sleep_ns(SECOND).await;
            *disk.slow.borrow_mut() = Some(("first-0/00000000000000000000.index".into(), SECOND / 4));
            for rolled in join_all(logs.iter().map(Log::roll)).await {
                rolled.unwrap();
            }
            runtime.sleep_ns(wait_ms * 1_000_000).await;
            logs[1].truncate_to(1).await.unwrap();
            append_settled(&logs[1], &batch(1, 700, 1, 1)).await.unwrap();
            logs[1].roll().await.unwrap();
            *disk.slow.borrow_mut() = Some(("second-0/00000000000000000000.log".into(), 10 * SECOND));
            runtime.sleep_ns(2 * SECOND).await;
        });
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            stop(&disk, &runtime, volume).await;
        });
        let lengths = ["first", "second"]
            .map(|topic| disk.content(&format!("{topic}-0/00000000000000000000.log")).unwrap().len());
        assert_eq!(lengths[0], lengths[1], "after {wait_ms} ms");
    }
}

/// What is sealed together is named, cut and written down together: however many segments that are, and whether of one log or of many.
#[test]
fn segments_that_are_sealed_together_share_their_syncs() {
    for (logs, rolls) in [(24, 1), (1, 24), (5, 5)] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let mut all = Vec::new();
            for partition in 0..logs {
                let log = volume.create_log(key("orders", partition), log_config()).await.unwrap();
                append_settled(&log, &batch(1, 700, 0, 1)).await.unwrap();
                all.push(log);
            }
            runtime.sleep_ns(20 * SECOND).await;
            // The first name takes so long that everything else is ordered meanwhile.
            *disk.slow.borrow_mut() = Some(("orders-0/".into(), 5 * SECOND));
            for n in 0..rolls {
                for rolled in join_all(all.iter().map(Log::roll)).await {
                    rolled.unwrap();
                }
                let bytes = batch(1, 700, n, 1);
                for end in join_all(all.iter().map(|log| append_settled(log, &bytes))).await {
                    end.unwrap();
                }
            }
            *disk.slow.borrow_mut() = None;
            let before = disk.syncs.get();
            runtime.sleep_ns(60 * SECOND).await;
            let syncs = disk.syncs.get() - before;
            // One for the first name; of all names, cuts, hints and their names one each or a few, of the folder of spares one more each time.
            assert!(syncs < 40, "{logs} logs, {rolls} rolls: {syncs} syncs");
            volume.check();
            for log in &all {
                assert_eq!(log.segments().len(), rolls as usize + 1);
            }
        });
        let hints = disk.paths().iter().filter(|path| path.ends_with(".timeindex")).count();
        assert_eq!(hints, logs as usize * rolls as usize, "all have been written");
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            for log in volume.logs() {
                assert_eq!(log.ends().log_end, rolls as i64 + 1);
                log.load().await.unwrap();
            }
            stop(&disk, &runtime, volume).await;
        });
    }
}
