//! The root at rest: a medium that changes one of its two copies takes nothing along.

mod support;

use std::rc::Rc;

use logan_storage::disk::BLOCK;
use logan_storage::recovery::OpenError;
use logan_storage::root::Root;
use support::disk::Disk;
use support::workload::read_all;
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

const ROOT: &str = "logan/root";

/// How a directory is left before its root is damaged.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// In use for the first time since it was made, or closed cleanly: the root before says that it is clean.
    AfterFirst,
    /// After a start that found it in use.
    AfterSecond,
}

/// A log with three batches that fill whole blocks, so that its file ends with them, in a directory that was not closed.
fn left(how: Left) -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..3 {
            append_settled(&log, &batch(1, BLOCK, n, 1)).await.unwrap();
        }
        // Named and covered.
        runtime.sleep_ns(1_000_000_000).await;
    });
    if matches!(how, Left::AfterSecond) {
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            append_settled(&log, &batch(1, BLOCK, 3, 1)).await.unwrap();
        });
    }
    disk
}

#[test]
fn a_copy_of_the_root_that_rots_takes_nothing_along() {
    for (how, batches) in [(Left::AfterFirst, 3), (Left::AfterSecond, 4)] {
        for at in [0, 4, 6, 8, 16, 20, 24, BLOCK - 1] {
            for slot in 0..2 {
                let disk = left(how);
                assert!(Root::is_twofold(&disk.content(ROOT).unwrap()));
                disk.damage(ROOT, |bytes| bytes[slot * BLOCK + at] ^= 1);
                live(&disk, 3, move |disk, runtime| async move {
                    let volume = serve(&disk, &runtime, volume_config(), log_config()).await;
                    let volume = volume.unwrap_or_else(|error| panic!("{how:?}, {slot} {at}: {error}"));
                    let log = volume.log(&key("orders", 0)).unwrap();
                    assert_eq!(read_all(&log).await.len(), batches, "{how:?}, {slot} {at}");
                    append_settled(&log, &batch(1, 10, 9, 1)).await.unwrap();
                    stop(&disk, &runtime, volume).await;
                });
            }
        }
    }
}

/// A start whose first look finds one copy damaged, and which is then cut short anywhere, writes over the bad copy first.
#[test]
fn a_start_that_is_cut_short_leaves_a_root_that_holds() {
    for slot in 0..2 {
        for cut in 1..200 {
            let disk = left(Left::AfterSecond);
            disk.damage(ROOT, |bytes| bytes[slot * BLOCK + 30] ^= 1);
            let runtime = support::runtime::Runtime::new(cut);
            let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
            disk.dies_at.set(disk.operations.get() + cut);
            let done = runtime.run(async move { open(&dk, &rt, open_options()).await.map(drop) });
            runtime.kill();
            disk.lose_power(&runtime);
            live(&disk, 3, move |disk, runtime| async move {
                let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
                let log = volume.log(&key("orders", 0)).unwrap();
                assert_eq!(read_all(&log).await.len(), 4, "slot {slot}, cut at {cut}");
            });
            if done.is_some() {
                break;
            }
            assert!(cut < 199, "the start was never done");
        }
    }
}

#[test]
fn without_a_copy_of_the_root_nothing_is_guessed() {
    let disk = left(Left::AfterFirst);
    disk.damage(ROOT, |bytes| {
        for slot in 0..2 {
            bytes[slot * BLOCK + 8] ^= 1;
        }
    });
    live(&disk, 3, |disk, runtime| async move {
        let error = open(&disk, &runtime, open_options()).await.unwrap_err();
        assert!(matches!(error, OpenError::Root(_)), "{error}");
    });
}
