//! A recovery that the power cuts at any of its operations, and the next one after it.

mod support;

use std::collections::BTreeSet;
use std::rc::Rc;

use logan_storage::append::{Append, Offsets};
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, log_config, serve, volume_config};

const MS: u64 = 1_000_000;

/// A killed process's last round rolled a log, wrote to the new segment, and was not flushed: all of it is in the device's cache.
fn killed_while_a_roll_was_flushed() -> Rc<Disk> {
    let (disk, runtime) = (Disk::new(), Runtime::new(1));
    let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
    let work = async move {
        let volume = serve(&dk, &rt, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..5 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
        }
        rt.sleep_ns(100 * MS).await;
        *dk.slow.borrow_mut() = Some(("logan/rounds-".into(), 10 * MS));
        // One turn, so one round.
        log.roll().await.unwrap();
        let bytes = batch(1, 3000, 5, 1);
        log.append(&Append { batches: &bytes, offsets: Offsets::Assign { leader_epoch: 3 } }).unwrap();
        // Its record is written, and the flush is under way.
        rt.sleep_ns(15 * MS).await;
        assert_eq!((log.ends().durable, log.ends().written), (5, 6));
    };
    runtime.run(work).expect("the rounds are made");
    runtime.kill();
    disk.survive_kill();
    *disk.slow.borrow_mut() = None;
    disk
}

/// Segment files of the log's directory, by their base offsets.
fn bases_on_disk(disk: &Disk) -> BTreeSet<i64> {
    let paths = disk.paths();
    let names = paths.iter().filter_map(|path| path.strip_prefix("orders-0/"));
    let segments = names.filter_map(SegmentFileName::parse);
    segments.filter(|file| file.file == SegmentFile::Log).map(|file| file.offset).collect()
}

#[test]
fn names_are_completed_only_for_what_survives_the_next_power_loss() {
    let left = killed_while_a_roll_was_flushed();
    for (cut, seed) in (1..48).flat_map(|cut| (0..4).map(move |seed| (cut, seed))) {
        let disk = left.copy();
        let runtime = Runtime::new(seed);
        disk.dies_at.set(cut);
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        runtime.run(async move { serve(&dk, &rt, volume_config(), log_config()).await.map(|_| ()) });
        runtime.kill();
        disk.lose_power(&runtime);
        let runtime = Runtime::new(seed + 100);
        let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
        let known = runtime.run(async move {
            let volume = serve(&dk, &rt, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert!(log.ends().log_end >= 5);
            log.segment_bases().into_iter().collect::<BTreeSet<i64>>()
        });
        runtime.kill();
        assert_eq!(bases_on_disk(&disk), known.expect("it opens"), "cut at {cut}, seed {seed}");
    }
}
