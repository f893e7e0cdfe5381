//! Planted faults that need a schedule of their own to be noticed. Each is run without the fault, too: then nothing may
//! be wrong.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use logan_storage::append::{Append, Offsets};
use logan_storage::config::{Mutations, VolumeConfig};
use logan_storage::disk::BLOCK;
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::log::Log;
use logan_storage::record::Record;
use logan_storage::recovery::{OpenError, OpenOptions, open_directory};
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{batch, key, log_config, volume_config};

async fn open(disk: &Rc<Disk>, runtime: &Rc<Runtime>, config: VolumeConfig) -> Result<Rc<Volume>, OpenError> {
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
    let opened = open_directory(Rc::clone(&directory), Rc::<TestHost>::clone(&host), options).await?;
    let part = opened.parts[0].clone();
    let failed = Arc::new(FailedMark::new());
    let volume = Volume::start(directory, host, part, config, &|_| log_config(), failed).await?;
    disk.acknowledges(std::slice::from_ref(&volume));
    Ok(volume)
}

async fn append(log: &Rc<Log>, bytes: &[u8]) -> i64 {
    loop {
        let append = Append { batches: bytes, offsets: Offsets::Assign { leader_epoch: 3 } };
        match log.append(&append) {
            Ok(appended) => return appended.log_end,
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

async fn append_settled(log: &Rc<Log>, bytes: &[u8]) -> i64 {
    let end = append(log, bytes).await;
    log.wait_settled(end).await.unwrap();
    end
}

fn with(plant: impl Fn(&mut Mutations)) -> VolumeConfig {
    let mut config = volume_config();
    plant(&mut config.mutations);
    config
}

/// Rounds of one log that go once around the round log while checkpoints are very slow; then the process is killed. What the next
/// one finds: how far rounds got, and how it opens.
fn around_the_round_log(seed: u64, config: &VolumeConfig, is_watched: bool) -> (i64, Result<i64, OpenError>) {
    const ROUNDS: u64 = 1100;
    let (disk, runtime) = (Disk::new(), Runtime::new(seed));
    if is_watched {
        disk.watch_freeing();
    }
    let acknowledged = Rc::new(RefCell::new(0));
    let (dk, rt, ack, cf) = (Rc::clone(&disk), Rc::clone(&runtime), Rc::clone(&acknowledged), config.clone());
    let work = async move {
        let volume = open(&dk, &rt, cf).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        *dk.slow.borrow_mut() = Some(("logan/checkpoint-".into(), 5_000_000_000));
        for n in 0..ROUNDS {
            *ack.borrow_mut() = append_settled(&log, &batch(1, 40, n, 1)).await;
        }
        // Without the fault a lap waits for its checkpoint, and then the checkpoint holds.
        rt.sleep_ns(rt.below(1_000_000)).await;
    };
    runtime.run(work).expect("the appends end");
    runtime.kill();
    disk.survive_kill();
    *disk.slow.borrow_mut() = None;
    let runtime = Runtime::new(seed + 1);
    let (rt, cf) = (Rc::clone(&runtime), config.clone());
    let opened = runtime.run(async move {
        let volume = open(&disk, &rt, cf).await?;
        Ok(volume.log(&key("orders", 0)).map_or(-1, |log| log.ends().log_end))
    });
    let acknowledged = *acknowledged.borrow();
    (acknowledged, opened.expect("the start ends"))
}

#[test]
fn a_round_log_file_waits_for_the_checkpoint_that_covers_it() {
    for seed in 1..4 {
        let (acknowledged, found) = around_the_round_log(seed, &volume_config(), true);
        assert_eq!(found, Ok(acknowledged), "seed {seed}");
    }
}

#[test]
fn reusing_a_round_log_file_before_the_checkpoint_is_caught() {
    let (acknowledged, found) =
        around_the_round_log(1, &with(|faults| faults.reuse_before_checkpoint = true), false);
    let Err(OpenError::Damaged(damages)) = found else { panic!("{acknowledged}: it opens: {found:?}") };
    assert!(damages[0].contains("round 1 is missing, but round"), "{damages:?}");
}

#[test]
#[should_panic(expected = "the record of round 1 is written over, and no checkpoint stands there")]
fn reusing_a_round_log_file_before_the_checkpoint_is_noticed_at_once() {
    let found = around_the_round_log(1, &with(|faults| faults.reuse_before_checkpoint = true), true);
    panic!("nobody notices: {found:?}");
}

/// A life of ten appends: the first rounds are the same for every `history`, the others are not.
fn life(history: u64, config: &VolumeConfig) -> Rc<Disk> {
    let (disk, runtime) = (Disk::new(), Runtime::new(7));
    let (dk, rt, cf) = (Rc::clone(&disk), Rc::clone(&runtime), config.clone());
    runtime
        .run(async move {
            let volume = open(&dk, &rt, cf).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            for n in 0..10 {
                append_settled(&log, &batch(1, 300, if n < 4 { n } else { history * 100 + n }, 1)).await;
            }
        })
        .unwrap();
    runtime.kill();
    disk.survive_kill();
    disk
}

/// Opens a directory whose round log goes on, from some round, with the records of another history: as a mirror leaves it whose
/// halves have diverged, or a file that was restored from a copy. Every record is whole, has the right id and the next round.
fn with_another_history(config: &VolumeConfig) -> Result<i64, OpenError> {
    const PATH: &str = "logan/rounds-1-0";
    let (own, other) = (life(1, config), life(2, config));
    let other = other.content(PATH).unwrap();
    let rounds = |bytes: &[u8]| -> Vec<(usize, u64)> {
        let blocks = (0..bytes.len()).step_by(BLOCK);
        blocks.filter_map(|at| Some((at, Record::decode(&bytes[at..]).ok()?.0.round))).collect()
    };
    let own_rounds = rounds(&own.content(PATH).unwrap());
    assert_eq!(own_rounds, rounds(&other), "both histories have the same rounds at the same places");
    // Create and the four common appends, each a round.
    let from = own_rounds[7].0;
    own.damage(PATH, |bytes| bytes[from..].copy_from_slice(&other[from..]));
    let runtime = Runtime::new(9);
    let (rt, cf) = (Rc::clone(&runtime), config.clone());
    let found = runtime.run(async move {
        let volume = open(&own, &rt, cf).await?;
        Ok(volume.log(&key("orders", 0)).unwrap().ends().log_end)
    });
    found.expect("the start ends")
}

#[test]
fn records_of_another_history_are_not_followed() {
    let Err(OpenError::Damaged(damages)) = with_another_history(&volume_config()) else {
        panic!("another history is believed")
    };
    assert!(damages[0].contains("is missing, but round"), "{damages:?}");
}

#[test]
fn dropping_the_chain_check_is_caught() {
    // What the other history's records name is not on this disk, but they call each other durable, so nobody looks; only the last of
    // them is looked at, and taken for the end: of ten acknowledged records one is gone without a word.
    let opened = with_another_history(&with(|faults| faults.drop_chain_check = true));
    assert_eq!(opened, Ok(9));
}

/// With acknowledgements that do not wait for a flush, a log start is raised above a segment whose bytes no record calls durable
/// yet, and the process dies as soon as the segment's file is gone.
fn freed_segment(config: &VolumeConfig) -> Result<i64, OpenError> {
    const FREED: &str = "orders-0/00000000000000000000.log";
    let config = VolumeConfig { ack_sync: false, ..config.clone() };
    let (disk, runtime) = (Disk::new(), Runtime::new(3));
    let (dk, rt, cf) = (Rc::clone(&disk), Rc::clone(&runtime), config.clone());
    let work = async move {
        let volume = open(&dk, &rt, cf).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        let others = (1..12).map(|n| (key("orders", n), log_config())).collect();
        let others = volume.create_logs(others).await.unwrap();
        // Blocks of the others are prepared, so that their next appends are written in rounds.
        for warm in 0..12 {
            for other in &others {
                append_settled(other, &batch(1, 100_000, warm, 1)).await;
            }
            rt.sleep_ns(50_000_000).await;
        }
        // The first append begins the segment, which is flushed; the second is only written.
        append_settled(&log, &batch(1, 500, 1, 1)).await;
        append_settled(&log, &batch(1, 500, 2, 1)).await;
        log.roll().await.unwrap();
        // The round with the roll is being flushed while more than a round's bytes gather: the next one goes out beside it.
        *dk.slow.borrow_mut() = Some(("logan/rounds-".into(), 20_000_000));
        rt.sleep_ns(1_000_000).await;
        for (n, other) in others.iter().enumerate() {
            append(other, &batch(1, 120_000, n as u64, 2)).await;
        }
        log.set_log_start(2).await.unwrap();
        while dk.paths().iter().any(|path| path == FREED) {
            rt.sleep_ns(1_000).await;
        }
    };
    runtime.run(work).expect("the segment goes");
    runtime.kill();
    disk.survive_kill();
    *disk.slow.borrow_mut() = None;
    let runtime = Runtime::new(4);
    let rt = Rc::clone(&runtime);
    let opened = runtime.run(async move {
        let volume = open(&disk, &rt, config).await?;
        Ok(volume.log(&key("orders", 0)).unwrap().ends().log_start)
    });
    opened.expect("the start ends")
}

#[test]
fn what_is_freed_is_covered_first() {
    assert_eq!(freed_segment(&volume_config()), Ok(2));
}

#[test]
fn freeing_without_cover_is_caught() {
    let opened = freed_segment(&with(|faults| faults.free_below_start_without_cover = true));
    let Err(OpenError::Damaged(damages)) = opened else { panic!("it opens: {opened:?}") };
    assert!(damages[0].contains("orders-0/00000000000000000000.log: not found"), "{damages:?}");
}
