//! Stops and failures reach everybody who waits: nothing is asked again after a while, so a wake-up that is lost is a hang.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use logan_storage::append::{Append, Offsets};
use logan_storage::config::VolumeConfig;
use logan_storage::disk::Host;
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::log::Log;
use logan_storage::recovery::{OpenOptions, open_directory};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{batch, key, log_config, volume_config};

const MS: u64 = 1_000_000;

async fn open(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    config: VolumeConfig,
    failed: &Arc<FailedMark>,
) -> Rc<Volume> {
    let options = OpenOptions {
        shards: 1,
        owner: Rc::new(|_| 0),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        hang_after: volume_config().hang_after,
        mutations: config.mutations,
    };
    let directory = TestDirectory::over(disk, runtime);
    let host = Rc::new(TestHost(Rc::clone(runtime)));
    let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options).await.unwrap();
    let part = opened.parts[0].clone();
    Volume::start(directory, host, part, config, &|_| log_config(), Arc::clone(failed)).await.unwrap()
}

async fn append_settled(log: &Rc<Log>, bytes: &[u8]) {
    loop {
        let append = Append { batches: bytes, offsets: Offsets::Assign { leader_epoch: 3 } };
        match log.append(&append) {
            Ok(appended) => return log.wait_settled(appended.log_end).await.unwrap(),
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Stops, and returns how many operations there are once it has.
async fn operations_behind_a_stop(volume: &Rc<Volume>, disk: &Disk, runtime: &Runtime) -> u64 {
    volume.stop().await.unwrap();
    let before = disk.operations.get();
    runtime.sleep_ns(1_000 * MS).await;
    disk.operations.get() - before
}

/// Does `work` on a log that `prepare` was done on, and stops `after_ns` later, while operations on files whose path holds `slow` take long from
/// `work` on. Returns what [`operations_behind_a_stop`] does; nothing if the node did not get there.
fn stop_after(
    slow: &'static str,
    after_ns: u64,
    prepare: impl AsyncFnOnce(&Rc<Log>) + 'static,
    work: impl AsyncFnOnce(&Rc<Log>) + 'static,
) -> Option<u64> {
    let (disk, runtime) = (Disk::new(), Runtime::new(after_ns + 1));
    let _killed = runtime.killed_at_last();
    let running = Rc::clone(&runtime);
    runtime.run(async move {
        let volume = open(&disk, &running, volume_config(), &Arc::default()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        prepare(&log).await;
        running.sleep_ns(100 * MS).await;
        *disk.slow.borrow_mut() = Some((slow.into(), 20 * MS));
        work(&log).await;
        running.sleep_ns(after_ns).await;
        operations_behind_a_stop(&volume, &disk, &running).await
    })
}

async fn append_one(log: &Rc<Log>) {
    append_settled(log, &batch(1, 1000, 1, 1)).await;
}

/// Whoever closes the directory removes what is in `logan/`, and then that: a file that comes late would keep it from closing.
#[test]
fn a_stop_ends_whatever_is_under_way_for_a_sealed_segment() {
    for slow in [".snapshot", ".index", ".log", "leader-epoch-checkpoint", "logan/rounds-"] {
        for after_ns in (0..100).map(|at| at * 2 * MS) {
            let stopped = stop_after(slow, after_ns, append_one, async |log| log.roll().await.unwrap());
            assert_eq!(stopped, Some(0), "{slow} takes long, and the stop begins after {after_ns} ns");
        }
    }
}

/// The append takes the first of two spares, and the third one, which takes long, is being made in its place when the stop begins.
#[test]
fn a_stop_waits_for_the_spares_that_are_being_made() {
    for after_ns in (0..50).map(|at| at * 2 * MS) {
        let stopped = stop_after("logan/spare-1-2", after_ns, async |_| {}, append_one);
        assert_eq!(stopped, Some(0), "the stop begins after {after_ns} ns");
    }
}

/// Operation number `hangs` of the stop never ends. The directory fails then, and so does the stop.
fn stop_that_hangs(hangs: u64) -> Option<bool> {
    let (disk, runtime) = (Disk::new(), Runtime::new(hangs));
    let _killed = runtime.killed_at_last();
    let running = Rc::clone(&runtime);
    runtime.run(async move {
        let volume = open(&disk, &running, volume_config(), &Arc::default()).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 1000, 1, 1)).await;
        running.sleep_ns(1_000 * MS).await;
        disk.hangs_at.set(disk.operations.get() + hangs);
        volume.stop().await.is_err()
    })
}

#[test]
fn a_stop_ends_when_one_of_its_operations_does_not() {
    let failed = (1..).map(|hangs| stop_that_hangs(hangs).unwrap_or_else(|| panic!("operation {hangs}")));
    let count = failed.take_while(|failed| *failed).count();
    assert!(count > 10, "the stop has {count} operations");
}

/// The mark of a directory is set by the shard that saw the failure. The others look at it from time to time, and whoever waits there
/// must be told, though nothing of their own has moved.
#[test]
fn a_failure_that_another_shard_saw_ends_every_wait() {
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let _killed = runtime.killed_at_last();
    let running = Rc::clone(&runtime);
    let took_ns = runtime.run(async move {
        let failed = Arc::new(FailedMark::new());
        let volume = open(&disk, &running, volume_config(), &failed).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 1000, 1, 1)).await;
        let host = TestHost(Rc::clone(&running));
        // Long enough that this shard does not find out by itself.
        *disk.slow.borrow_mut() = Some(("logan/rounds-".into(), 20_000 * MS));
        log.reserve(1000).await.unwrap();
        let bytes = batch(1, 1000, 2, 1);
        let append = Append { batches: &bytes, offsets: Offsets::Assign { leader_epoch: 3 } };
        let end = log.append(&append).unwrap().log_end;
        let mark = async {
            running.sleep_ns(10 * MS).await;
            failed.fail("another shard's write failed");
            host.monotonic_ns()
        };
        let (is_failed, settled, marked_ns) =
            futures_util::join!(volume.until_failed(), log.wait_settled(end), mark);
        assert!(is_failed && settled.is_err());
        assert!(volume.stop().await.is_err());
        host.monotonic_ns() - marked_ns
    });
    let took_ns = took_ns.expect("everybody is told");
    assert!(took_ns < 6_000 * MS, "it took {} ms", took_ns / MS);
}
