//! A disk that is full now and then: nothing fails, everything ends, and nothing is lost.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use logan_storage::config::{LogConfig, Mutations};
use logan_storage::failure::AppendError;
use logan_storage::key::LogKey;
use support::disk::Disk;
use support::runtime::Runtime;
use support::workload::{Model, Setup, check_disk, compare, start, stop, work};

fn setup(seed: u64) -> Setup {
    Setup {
        ack_sync: true,
        logs: 3,
        steps: 60,
        segment_bytes: 40_000,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        recovery_bytes: if seed.is_multiple_of(2) { 60_000 } else { 64 << 20 },
        log_starts: 3,
        shards: 1,
        late_writes: false,
        lock_dies_with_process: false,
        mutations: Mutations::default(),
    }
}

/// Work while the disk is full for times that the seed chooses; a clean stop, perhaps on a full disk; and what is there then.
fn full_now_and_then(seed: u64, stops_full: bool) {
    let (disk, runtime) = (Disk::new(), Runtime::new(seed));
    disk.watch_freeing();
    let model = Rc::new(RefCell::new(Model::default()));
    let (dk, rt, md) = (Rc::clone(&disk), Rc::clone(&runtime), Rc::clone(&model));
    let worked = runtime.run(async move {
        let setup = setup(seed);
        let node = Rc::new(start(&dk, &rt, &setup).await.unwrap());
        // The reserve is there.
        rt.sleep_ns(1_000_000).await;
        let is_over = Rc::new(Cell::new(false));
        let (over, disk, clock) = (Rc::clone(&is_over), Rc::clone(&dk), Rc::clone(&rt));
        rt.start(Box::pin(async move {
            while !over.get() {
                clock.sleep_ns(clock.below(3_000_000)).await;
                disk.capacity.set(disk.used() + clock.below(3) * clock.below(100_000));
                clock.sleep_ns(clock.below(3_000_000)).await;
                disk.capacity.set(u64::MAX);
            }
        }));
        let works = (0..setup.logs)
            .map(|number| work(Rc::clone(&node), Rc::clone(&rt), Rc::clone(&md), setup.clone(), number));
        futures_util::future::join_all(works).await;
        is_over.set(true);
        assert!(!node.volumes[0].failed().is_failed(), "{:?}", node.volumes[0].failed().reason());
        rt.sleep_ns(1_000_000_000).await;
        for log in md.borrow_mut().logs.values_mut() {
            log.acknowledged = log.end;
        }
        dk.capacity.set(if stops_full { dk.used() } else { u64::MAX });
        stop(Rc::try_unwrap(node).ok().unwrap()).await;
    });
    assert!(worked.is_some() && !runtime.is_stuck.get(), "seed {seed} does not end");
    runtime.kill();
    disk.survive_kill();
    disk.capacity.set(u64::MAX);
    let runtime = Runtime::new(seed);
    let rt = Rc::clone(&runtime);
    let compared = runtime.run(async move {
        let node = start(&disk, &rt, &setup(seed)).await.unwrap();
        assert!(node.report.was_clean);
        check_disk(&node, &disk);
        compare(&node, &model, false).await;
    });
    compared.unwrap();
}

#[test]
fn a_full_disk_fails_nothing_and_stops_cleanly() {
    for seed in 1..16 {
        full_now_and_then(seed, seed.is_multiple_of(3));
    }
}

/// What a start writes before anything old may go is taken from the reserve of the node that was killed, or lost its power, on a full disk.
#[test]
fn a_start_after_a_crash_needs_no_block_that_is_free() {
    for seed in 1..16 {
        let (disk, runtime) = (Disk::new(), Runtime::new(seed));
        let model = Rc::new(RefCell::new(Model::default()));
        let (dk, rt, md) = (Rc::clone(&disk), Rc::clone(&runtime), Rc::clone(&model));
        let worked = runtime.run(async move {
            let node = Rc::new(start(&dk, &rt, &setup(seed)).await.unwrap());
            rt.sleep_ns(1_000_000).await;
            let works = (0..3).map(|log| work(node.clone(), rt.clone(), md.clone(), setup(seed), log));
            futures_util::future::join_all(works).await;
        });
        assert!(worked.is_some());
        disk.capacity.set(disk.used());
        runtime.kill();
        if seed.is_multiple_of(2) {
            disk.survive_kill();
        } else {
            disk.lose_power(&runtime);
        }
        let runtime = Runtime::new(seed);
        let (rt, dk) = (Rc::clone(&runtime), Rc::clone(&disk));
        let compared = runtime.run(async move {
            let node = start(&dk, &rt, &setup(seed)).await.unwrap();
            dk.capacity.set(u64::MAX);
            check_disk(&node, &dk);
            compare(&node, &model, false).await;
        });
        compared.unwrap();
    }
}

/// Who has blocks needs no new segment, and is not refused for want of one.
#[test]
fn a_log_that_has_blocks_goes_on_while_the_disk_is_full() {
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let rt = Rc::clone(&runtime);
    let done = runtime.run(async move {
        let setup = Setup { segment_bytes: 1 << 20, ..setup(1) };
        let node = start(&disk, &rt, &setup).await.unwrap();
        rt.sleep_ns(1_000_000).await;
        let volume = &node.volumes[0];
        let log = volume.create_log(support::key("orders", 0), setup.log_config()).await.unwrap();
        let one = |number| support::batch(1, 1_000, number, 1);
        support::append_settled(&log, &one(0)).await.unwrap();
        disk.capacity.set(disk.used());
        // Until the files that were made ahead are used up.
        let mut refused = None;
        for number in 1..100 {
            let new = volume.create_log(support::key("orders", number), setup.log_config()).await;
            refused = match new {
                Ok(new) => support::append_settled(&new, &one(0)).await.err(),
                Err(error) => Some(error),
            };
            if refused.is_some() {
                break;
            }
        }
        assert!(matches!(refused, Some(AppendError::NoSpace)), "{refused:?}");
        // As an append does that waited for memory.
        log.reserve(one(1).len()).await.unwrap();
        support::append_settled(&log, &one(1)).await.unwrap();
        assert!(!volume.failed().is_failed());
    });
    done.unwrap();
}

#[test]
fn deleting_on_a_full_disk_makes_room() {
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let rt = Rc::clone(&runtime);
    let done = runtime.run(async move {
        let setup = setup(1);
        let node = start(&disk, &rt, &setup).await.unwrap();
        rt.sleep_ns(1_000_000).await;
        let volume = &node.volumes[0];
        let key = |number| support::key("orders", number);
        let log = volume.create_log(key(0), setup.log_config()).await.unwrap();
        for n in 0..40 {
            let bytes = support::batch(1, 30_000, n, 1);
            support::workload::append_all(&log, &bytes, 0).await.unwrap();
        }
        log.wait_settled(40).await.unwrap();
        rt.sleep_ns(1_000_000_000).await;
        disk.capacity.set(disk.used());
        volume.delete_log(&log).await.unwrap();
        while disk.paths().iter().any(|path| path.starts_with("orders-0")) {
            rt.sleep_ns(1_000_000).await;
        }
        // The reserve was used, and is made again from what was freed.
        rt.sleep_ns(2_000_000_000).await;
        volume.create_log(key(1), setup.log_config()).await.unwrap();
        assert!(!volume.failed().is_failed());
    });
    assert!(done.is_some() && !runtime.is_stuck.get(), "it does not end");
}

/// Segments make checkpoints longer. While their slots cannot grow, a log that must roll is refused, and what needs no more goes on.
#[test]
fn a_checkpoint_without_room_refuses_rolls_before_an_offset_is_given() {
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let rt = Rc::clone(&runtime);
    let done = runtime.run(async move {
        let volume =
            support::serve(&disk, &rt, support::volume_config(), support::log_config()).await.unwrap();
        let config = LogConfig { segment_bytes: 4000, ..support::log_config() };
        let rolling = volume.create_log(support::key("rolling", 0), config).await.unwrap();
        let other = volume.create_log(support::key("other", 0), support::log_config()).await.unwrap();
        // Long names, so that the slots are nearly full.
        let names = (0..150).map(|n| (support::key(&format!("{n:0200}"), 0), support::log_config()));
        volume.create_logs(names.collect()).await.unwrap();
        assert_eq!(support::append_settled(&other, &support::batch(1500, 3000, 1, 1)).await, Ok(1500));
        *disk.full_for.borrow_mut() = Some("logan/checkpoint-".into());
        let bytes = support::batch(1, 3000, 1, 1);
        let mut settled = 0;
        let refused = loop {
            match support::append_settled(&rolling, &bytes).await {
                Ok(end) => settled = end,
                Err(error) => break error,
            }
            assert!(settled < 3000, "as many segments as two slots of 64 KiB have no room for");
        };
        assert_eq!((refused, rolling.ends().log_end), (AppendError::NoSpace, settled));
        for start in 1..1400 {
            // A round each: more than the round log has room for without a checkpoint.
            other.set_log_start(start).await.unwrap();
        }
        volume.check();
        *disk.full_for.borrow_mut() = None;
        assert_eq!(support::append_settled(&rolling, &bytes).await, Ok(settled + 1));
        assert!(!volume.failed().is_failed());
    });
    assert!(done.is_some() && !runtime.is_stuck.get(), "it does not end");
}

fn new_topic(number: i32) -> LogKey {
    support::key(&format!("topic{number}"), 0)
}

/// A checkpoint that finds no space is tried again, and the power goes at any operation of that: the one before it is still there.
#[test]
fn a_checkpoint_that_found_no_space_leaves_the_one_before_it() {
    const NO_SPACE: i32 = 28;
    for (dies_after, seed) in (1..40).flat_map(|at| [(at, 1), (at, 2)]) {
        let (disk, runtime) = (Disk::new(), Runtime::new(seed));
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        runtime.run(async move {
            let volume =
                support::serve(&dk, &rt, support::volume_config(), support::log_config()).await.unwrap();
            let log = volume.create_log(new_topic(0), support::log_config()).await.unwrap();
            let other = volume.create_log(new_topic(1), support::log_config()).await.unwrap();
            // So many that a checkpoint takes a few sectors, and can be torn.
            let more = (2..40).map(|n| (new_topic(n), support::log_config()));
            volume.create_logs(more.collect()).await.unwrap();
            support::append_settled(&log, &support::batch(1, 3000, 1, 1)).await.unwrap();
            rt.sleep_ns(1_000_000_000).await;
            *dk.fails_once.borrow_mut() = Some(("write", "logan/checkpoint-".into(), NO_SPACE));
            // A deletion asks for a checkpoint.
            volume.delete_log(&other).await.unwrap();
            while dk.fails_once.borrow().is_some() {
                rt.sleep_ns(100_000).await;
            }
            dk.dies_at.set(dk.operations.get() + dies_after);
            rt.sleep_ns(10_000_000_000).await;
        });
        assert!(disk.fails_once.borrow().is_none(), "a checkpoint was written");
        runtime.kill();
        disk.lose_power(&runtime);
        let runtime = Runtime::new(seed);
        let rt = Rc::clone(&runtime);
        let end = runtime.run(async move {
            let volume = support::serve(&disk, &rt, support::volume_config(), support::log_config()).await;
            let volume =
                volume.unwrap_or_else(|error| panic!("dies after {dies_after}, seed {seed}: {error}"));
            volume.log(&new_topic(0)).map(|log| log.ends().log_end)
        });
        runtime.kill();
        assert_eq!(end, Some(Some(1)), "dies after {dies_after}, seed {seed}");
    }
}

/// What a failed sync has lost stays lost. Nothing is tried again after it, as after any other operation that finds no space: a second sync
/// would call durable what is not there.
#[test]
fn a_sync_that_finds_no_space_is_not_tried_again() {
    const NO_SPACE: i32 = 28;
    for (operation, path) in
        [("sync", "logan/checkpoint-"), ("sync directory", "logan"), ("sync", "logan/spare-")]
    {
        let (disk, runtime) = (Disk::new(), Runtime::new(1));
        let _killed = runtime.killed_at_last();
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        let failed = runtime.run(async move {
            let volume =
                support::serve(&dk, &rt, support::volume_config(), support::log_config()).await.unwrap();
            let log = volume.create_log(new_topic(0), support::log_config()).await.unwrap();
            let other = volume.create_log(new_topic(1), support::log_config()).await.unwrap();
            rt.sleep_ns(1_000_000_000).await;
            *dk.fails_once.borrow_mut() = Some((operation, path.into(), NO_SPACE));
            for n in 0..3 {
                let appended = support::append_settled(&log, &support::batch(1, 3000, n, 1)).await;
                assert!(matches!(appended, Ok(_) | Err(AppendError::Failed)), "{appended:?}");
                let _failed = log.roll().await;
            }
            let _failed = volume.delete_log(&other).await;
            rt.sleep_ns(5_000_000_000).await;
            volume.failed().is_failed()
        });
        assert!(disk.fails_once.borrow().is_none(), "there was a {operation} of {path}");
        assert_eq!(failed, Some(true), "{operation} of {path}");
    }
}

/// Many logs want their first segment, and one spare finds no room: the others are used, and none lies about for nobody.
#[test]
fn spares_that_found_room_are_used_where_another_found_none() {
    const NO_SPACE: i32 = 28;
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let _killed = runtime.killed_at_last();
    let rt = Rc::clone(&runtime);
    let done = runtime.run(async move {
        let volume =
            support::serve(&disk, &rt, support::volume_config(), support::log_config()).await.unwrap();
        let keys = (0..40).map(|n| (new_topic(n), support::log_config()));
        let logs = volume.create_logs(keys.collect()).await.unwrap();
        rt.sleep_ns(1_000_000_000).await;
        let bytes = support::batch(1, 3000, 1, 1);
        *disk.fails_once.borrow_mut() = Some(("allocate", "logan/spare-".into(), NO_SPACE));
        let all = logs.iter().map(|log| support::append_settled(log, &bytes));
        for outcome in futures_util::future::join_all(all).await {
            assert!(matches!(outcome, Ok(1) | Err(AppendError::NoSpace)), "{outcome:?}");
        }
        assert!(disk.fails_once.borrow().is_none());
        rt.sleep_ns(1_000_000_000).await;
        let spares = disk.paths().iter().filter(|path| path.starts_with("logan/spare-")).count();
        assert!(spares <= 2, "{spares} spares lie about");
        assert!(!volume.failed().is_failed());
    });
    assert!(done.is_some() && !runtime.is_stuck.get(), "it does not end");
}
