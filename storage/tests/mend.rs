//! A loss that is accepted: what cannot be read is cut off, told, and the directory is as good as any other afterwards.

mod support;

use std::rc::Rc;

use logan_storage::config::LogConfig;
use logan_storage::failure::AppendError;
use logan_storage::log::Log;
use logan_storage::read::ReadBounds;
use logan_storage::recovery::OpenOptions;
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;
use logan_storage::{CleanShutdown, FailedMark};
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

const BATCHES: u64 = 12;
const RECORDS: i64 = 3;
const LENGTH: usize = 3000;
const ALL: ReadBounds = ReadBounds { offset: i64::MAX, bytes: 1 << 20, at_least_one: true };

fn batch_bytes() -> usize {
    batch(RECORDS as i32, LENGTH, 0, 1).len()
}

fn path(base: i64) -> String {
    format!("orders-0/{base:020}.log")
}

/// A log, and another one beside it, that a killed process has left with all of its records acknowledged. A new segment begins before each of
/// the batches `rolls`.
fn left_by_a_kill(disk: &Rc<Disk>, rolls: &'static [u64]) {
    live(disk, 1, move |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let other = volume.create_log(key("orders", 1), log_config()).await.unwrap();
        append_settled(&other, &batch(1, LENGTH, 0, 1)).await.unwrap();
        for n in 0..BATCHES {
            if rolls.contains(&n) {
                log.roll().await.unwrap();
            }
            append_settled(&log, &batch(RECORDS as i32, LENGTH, n, 1)).await.unwrap();
        }
        // So that names and what is sealed are on disk.
        runtime.sleep_ns(1_000_000_000).await;
    });
}

/// As `logan recover --accept-loss`: returns what was lost.
async fn recover(disk: &Rc<Disk>, runtime: &Rc<Runtime>) -> Vec<String> {
    let opened = open(disk, runtime, OpenOptions { accept_loss: true, ..open_options() }).await.unwrap();
    let mut losses = opened.report.losses;
    let directory = TestDirectory::over(disk, runtime);
    let host = Rc::new(TestHost(Rc::clone(runtime)));
    let part = opened.parts[0].clone();
    let mark = std::sync::Arc::new(FailedMark::new());
    let volume =
        Volume::start(directory, host, part, volume_config(), &|_| log_config(), mark).await.unwrap();
    losses.extend(volume.cut_damage().await.unwrap());
    volume.check();
    let part = volume.stop().await.expect("a clean stop");
    let closed = CleanShutdown { broker_epoch: -1, by_logan: true };
    close_directory(TestDirectory::over(disk, runtime), vec![part], closed).await.unwrap();
    losses
}

/// All that is left, up to `end`, is there and goes on; and the directory can be closed once more.
async fn is_sound(disk: &Rc<Disk>, runtime: &Rc<Runtime>, end: i64) {
    let volume = serve(disk, runtime, volume_config(), log_config()).await.unwrap();
    let log = volume.log(&key("orders", 0)).unwrap();
    assert_eq!(log.ends().log_end, end);
    assert_eq!(read_all(&log).await, end);
    assert_eq!(append_settled(&log, &batch(1, LENGTH, 99, 1)).await, Ok(end + 1));
    assert_eq!(volume.log(&key("orders", 1)).unwrap().ends().log_end, 1);
    volume.check();
    stop(disk, runtime, volume).await;
}

async fn read_all(log: &Rc<Log>) -> i64 {
    let mut at = log.ends().log_start;
    while at < log.ends().log_end {
        let read = log.read(at, ALL).await.unwrap();
        assert!(read.next_offset > at);
        at = read.next_offset;
    }
    at
}

fn file_length(disk: &Disk, base: i64) -> Option<usize> {
    disk.content(&path(base)).map(|bytes| bytes.len())
}

/// Any byte of any batch. Nobody can append to the log then, and nobody close its directory, until the loss is accepted.
#[test]
fn a_rotten_batch_of_the_active_segment_is_cut_off_with_what_follows_it() {
    for rotten in 0..BATCHES {
        // In the records, and in the header's length.
        for within in [1_500, 8] {
            let disk = Disk::new();
            left_by_a_kill(&disk, &[]);
            disk.damage(&path(0), |bytes| bytes[rotten as usize * batch_bytes() + within] ^= 0x10);
            live(&disk, 2, move |disk, runtime| async move {
                let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
                let log = volume.log(&key("orders", 0)).unwrap();
                assert_eq!(log.reserve(1).await, Err(AppendError::Corrupt));
                volume.stop().await.unwrap_err();
            });
            let end = rotten as i64 * RECORDS;
            let losses = live(&disk, 3, |disk, runtime| async move { recover(&disk, &runtime).await });
            assert_eq!(losses.len(), 1, "{losses:?}");
            let bytes = (BATCHES - rotten) as usize * batch_bytes();
            let told = format!(
                "orders-0: offsets {end} to {} are given up, {bytes} bytes",
                BATCHES as i64 * RECORDS - 1
            );
            assert!(losses[0].starts_with(&told), "{losses:?}, and not {told}");
            let kept = rotten as usize * batch_bytes();
            assert_eq!(file_length(&disk, 0), (kept > 0).then_some(kept));
            assert!(!disk.paths().iter().any(|path| path.starts_with("logan")), "{:?}", disk.paths());
            live(&disk, 4, move |disk, runtime| async move { is_sound(&disk, &runtime, end).await });
        }
    }
}

/// A device that does not give a sector back takes no more along than the batches that touch the piece it is in.
#[test]
fn a_sector_that_cannot_be_read_is_cut_off() {
    for bad in 0..8 {
        let disk = Disk::new();
        left_by_a_kill(&disk, &[]);
        *disk.bad_block.borrow_mut() = Some((path(0), bad));
        let losses = live(&disk, 2, |disk, runtime| async move { recover(&disk, &runtime).await });
        assert_eq!(losses.len(), 1, "{losses:?}");
        let kept = file_length(&disk, 0).unwrap_or(0);
        assert!(kept <= bad as usize * 4096, "block {bad}: {kept} bytes are kept");
        assert!(
            kept + (16 << 10) + batch_bytes() > bad as usize * 4096,
            "block {bad}: {kept} bytes are kept"
        );
        let end = (kept / batch_bytes()) as i64 * RECORDS;
        live(&disk, 3, move |disk, runtime| async move { is_sound(&disk, &runtime, end).await });
    }
}

/// What no hint stands for is read at a start; what is in a sealed segment stays in nobody's way.
#[test]
fn damage_that_nobody_must_read_is_left_with_what_is_around_it() {
    let disk = Disk::new();
    left_by_a_kill(&disk, &[4, 8]);
    live(&disk, 2, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 3, |disk, runtime| async move {
        serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
    });
    let base = 4 * RECORDS;
    disk.damage(&path(base), |bytes| bytes[batch_bytes() + 1_500] ^= 0x10);
    let before = file_length(&disk, base);
    let losses = live(&disk, 2, |disk, runtime| async move { recover(&disk, &runtime).await });
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(file_length(&disk, base), before);
    live(&disk, 3, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        log.read(6 * RECORDS, ALL).await.unwrap();
        log.read(5 * RECORDS, ALL).await.unwrap_err();
        assert_eq!(append_settled(&log, &batch(1, LENGTH, 99, 1)).await, Ok(BATCHES as i64 * RECORDS + 1));
        stop(&disk, &runtime, volume).await;
    });
}

/// Without hints everything is read: segments behind the damage go, and so does one of which nothing is left.
#[test]
fn segments_behind_the_damage_go() {
    for (rotten, kept) in [(5, Some(1)), (4, None)] {
        let disk = Disk::new();
        let end = rotten * RECORDS;
        live(&disk, 1, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            let other = volume.create_log(key("orders", 1), log_config()).await.unwrap();
            append_settled(&other, &batch(1, LENGTH, 0, 1)).await.unwrap();
            // Nothing that is sealed gets its hints.
            *disk.slow.borrow_mut() = Some((".index".into(), 1 << 40));
            for n in 0..BATCHES {
                if n % 4 == 0 && n > 0 {
                    log.roll().await.unwrap();
                }
                append_settled(&log, &batch(RECORDS as i32, LENGTH, n, 1)).await.unwrap();
            }
            runtime.sleep_ns(1_000_000_000).await;
        });
        *disk.slow.borrow_mut() = None;
        let at = (rotten - 4) as usize * batch_bytes() + 1_500;
        disk.damage(&path(4 * RECORDS), |bytes| bytes[at] ^= 0x10);
        let losses = live(&disk, 2, |disk, runtime| async move { recover(&disk, &runtime).await });
        assert_eq!(losses.len(), 1, "{losses:?}");
        assert!(losses[0].starts_with(&format!("orders-0: offsets {end} to 35 are given up")), "{losses:?}");
        assert_eq!(file_length(&disk, 0), Some(4 * batch_bytes()));
        assert_eq!(file_length(&disk, 4 * RECORDS), kept.map(|count: usize| count * batch_bytes()));
        assert_eq!(file_length(&disk, 8 * RECORDS), None);
        live(&disk, 3, move |disk, runtime| async move { is_sound(&disk, &runtime, end).await });
    }
}

/// The power goes at each step of it. What is told may then be told in two pieces, or not at all, but nothing else is lost.
#[test]
fn a_cut_may_be_interrupted_at_every_step() {
    let disk = Disk::new();
    left_by_a_kill(&disk, &[4, 8]);
    let rotten = 10;
    disk.damage(&path(8 * RECORDS), |bytes| bytes[2 * batch_bytes() + 1_500] ^= 0x10);
    let whole = disk.copy();
    live(&whole, 2, |disk, runtime| async move { recover(&disk, &runtime).await });
    let mut steps = 0;
    for dies_at in (1..whole.operations.get()).step_by(3) {
        let disk = disk.copy();
        let runtime = Runtime::new(dies_at);
        disk.dies_at.set(dies_at);
        let (of_disk, of_runtime) = (Rc::clone(&disk), Rc::clone(&runtime));
        runtime.run(async move { recover(&of_disk, &of_runtime).await });
        runtime.kill();
        disk.lose_power(&runtime);
        live(&disk, 4, |disk, runtime| async move { recover(&disk, &runtime).await });
        live(&disk, 5, move |disk, runtime| async move { is_sound(&disk, &runtime, rotten * RECORDS).await });
        steps += 1;
    }
    assert!(steps > 30, "{steps}");
}

/// Kafka's segments may be larger than what one read brings.
#[test]
fn a_large_segment_is_cut_where_it_is_rotten() {
    let disk = Disk::new();
    let config = LogConfig { segment_bytes: 64 << 20, ..log_config() };
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), config.clone()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config).await.unwrap();
        for n in 0..40 {
            append_settled(&log, &batch(1, 100_000, n, 1)).await.unwrap();
        }
    });
    let length = batch(1, 100_000, 0, 1).len();
    disk.damage(&path(0), |bytes| bytes[33 * length + 70_000] ^= 1);
    let losses = live(&disk, 2, |disk, runtime| async move { recover(&disk, &runtime).await });
    assert!(losses[0].starts_with("orders-0: offsets 33 to 39 are given up"), "{losses:?}");
    assert_eq!(file_length(&disk, 0), Some(33 * length));
}
