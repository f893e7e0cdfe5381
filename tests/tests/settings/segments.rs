//! When segments end, how dense their indexes are, and what a start reads again of them: seen in the files. Those of Kafka 4.3.1 end and have
//! entries at the same offsets, with the same settings of a topic and the same batches.

use std::fs;
use std::path::Path;

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::Connection;

const TOPIC: &str = "logs";
/// Long ago: a time of a record may be a few days after it.
const BEGAN_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const MIB: &str = "1048576";

/// The bases of a partition's segments.
fn bases(data: &Path, partition: i32) -> Vec<i64> {
    let names = fs::read_dir(data.join(format!("{TOPIC}-{partition}"))).expect("the broker has made it");
    let names = names.map(|entry| entry.expect("a name").file_name().into_string().expect("a text"));
    let mut bases: Vec<i64> = names
        .filter_map(|name| name.strip_suffix(".log").map(|base| base.parse().expect("a number")))
        .collect();
    bases.sort_unstable();
    bases
}

/// Appends these batches to each partition of a topic, and stops.
fn written(
    scratch: &Scratch,
    overrides: &[&str],
    configs: &[(&str, &str)],
    parts: i32,
    batches: &[Batch],
) -> Broker {
    let mut broker = Broker::start(Settings::new(scratch, overrides));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic(TOPIC, parts, configs), 0);
    for partition in 0..parts {
        for batch in batches {
            assert_eq!(connection.produce(TOPIC, partition, -1, &batch.encode()).error, 0);
        }
    }
    assert!(broker.stop().success(), "{}", broker.output());
    broker
}

#[test]
fn large_segments_end() {
    let batches = [7, 8, 9].map(|byte| Batch::of(&[&vec![byte; 600_000]]));
    for (overrides, configs, expected) in [
        (&[][..], &[][..], &[0][..]),
        (&["log.segment.bytes=1048576"], &[], &[0, 1, 2]),
        (&[], &[("segment.bytes", MIB)], &[0, 1, 2]),
        (&["log.segment.bytes=1048576"], &[("segment.bytes", "1300000")], &[0, 2]),
    ] {
        let scratch = Scratch::new("segment-bytes");
        let broker = written(&scratch, overrides, configs, 1, &batches);
        assert_eq!(bases(&broker.settings().data, 0), expected, "{overrides:?}, {configs:?}");
    }
}

/// Two batches a partition, so far apart; how many partitions of 24 have ended a segment in between.
fn ended(overrides: &[&str], configs: &[(&str, &str)], apart_ms: i64) -> usize {
    let scratch = Scratch::new("segment-ms");
    let batches = [0, apart_ms].map(|after| Batch::of(&[b"x"]).at(BEGAN_MS + after));
    let broker = written(&scratch, overrides, configs, 24, &batches);
    (0..24).filter(|partition| bases(&broker.settings().data, *partition) == [0, 1]).count()
}

#[test]
fn old_segments_end() {
    for (overrides, configs, max_ms) in [
        (&[][..], &[][..], 168 * HOUR_MS),
        (&["log.roll.hours=2"], &[], 2 * HOUR_MS),
        (&["log.roll.hours=2", "log.roll.ms=10000"], &[], 10_000),
        (&["log.roll.ms=10000"], &[("segment.ms", "500")], 500),
    ] {
        assert_eq!(ended(overrides, configs, max_ms), 0, "{overrides:?}, {configs:?}");
        assert_eq!(ended(overrides, configs, max_ms + 1), 24, "{overrides:?}, {configs:?}");
    }
}

#[test]
fn old_segments_do_not_all_end_together() {
    for (overrides, configs, after_ms) in [
        (&["log.roll.hours=4", "log.roll.jitter.hours=4"][..], &[][..], 2 * HOUR_MS),
        (&["log.roll.ms=10000", "log.roll.jitter.ms=10000"], &[], 5_000),
        (&["log.roll.ms=10000"], &[("segment.jitter.ms", "10000")], 5_000),
    ] {
        let ended = ended(overrides, configs, after_ms);
        assert!((1..24).contains(&ended), "{ended} of 24 with {overrides:?}, {configs:?}");
    }
}

/// Bytes of the first segment's offset index.
fn index_bytes(overrides: &[&str], configs: &[(&str, &str)], batches: &[Batch]) -> u64 {
    let scratch = Scratch::new("index-interval");
    let broker = written(&scratch, overrides, configs, 1, batches);
    let index = broker.settings().data.join(format!("{TOPIC}-0/00000000000000000000.index"));
    fs::metadata(index).expect("each segment has one").len()
}

#[test]
fn how_dense_an_index_is() {
    let batches = vec![Batch::of(&[&[7; 930]]); 20];
    assert_eq!(batches[0].encode().len(), 1_000);
    // An entry is of a batch that more bytes lie behind, since the one before, than the interval. Nothing lies behind the first.
    for (overrides, configs, entries) in [
        (&[][..], &[][..], 3),
        (&["log.index.interval.bytes=0"], &[], 19),
        (&["log.index.interval.bytes=0"], &[("index.interval.bytes", "1500")], 9),
        (&["log.index.interval.bytes=2999"], &[], 6),
        (&["log.index.interval.bytes=3000"], &[], 4),
    ] {
        assert_eq!(index_bytes(overrides, configs, &batches), entries * 8, "{overrides:?}, {configs:?}");
    }
}

/// Entries of an offset index have 8 bytes, those of a time index 12, and of these one is kept for the end.
#[test]
fn a_full_index_ends_a_segment() {
    let same_time = vec![Batch::of(&[b"x"]).at(BEGAN_MS); 20];
    let later_each: Vec<Batch> = (0..20).map(|after| Batch::of(&[b"x"]).at(BEGAN_MS + after)).collect();
    for (overrides, configs, batches, expected) in [
        (&["log.index.interval.bytes=0"][..], &[][..], &same_time, &[0][..]),
        (&["log.index.interval.bytes=0", "log.index.size.max.bytes=64"], &[], &same_time, &[0, 9, 18]),
        (&["log.index.interval.bytes=0", "log.index.size.max.bytes=64"], &[], &later_each, &[0, 5, 10, 15]),
        (
            &["log.index.interval.bytes=0", "log.index.size.max.bytes=64"],
            &[("segment.index.bytes", "80")],
            &same_time,
            &[0, 11],
        ),
    ] {
        let scratch = Scratch::new("index-bytes");
        let broker = written(&scratch, overrides, configs, 1, batches);
        assert_eq!(bases(&broker.settings().data, 0), expected, "{overrides:?}, {configs:?}");
    }
}

/// What the process has read from the drive.
fn read_bytes(broker: &Broker) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", broker.pid())).expect("the broker runs");
    let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).expect("Linux tells it")
}

/// After a crash: what a log's end, its producers and its indexes are, is read again from the batches that nothing else says it of.
#[test]
fn what_a_start_reads_again_is_bounded() {
    const PARTS: i32 = 4;
    const BATCHES: u8 = 20;
    let read_again = |overrides: &[&str]| {
        let scratch = Scratch::new("recovery-bytes");
        let mut broker = Broker::start(Settings::new(&scratch, overrides));
        let mut connection = Connection::open(broker.address());
        assert_eq!(connection.create_topic(TOPIC, PARTS, &[]), 0);
        for byte in 0..BATCHES {
            for partition in 0..PARTS {
                let batch = Batch::of(&[&vec![byte; 500_000]]).encode();
                assert_eq!(connection.produce(TOPIC, partition, -1, &batch).error, 0);
            }
        }
        broker.kill();
        broker.restart();
        let mut connection = Connection::open(broker.address());
        for partition in 0..PARTS {
            let produced = connection.produce(TOPIC, partition, -1, &Batch::of(&[b"behind"]).encode());
            assert_eq!((produced.error, produced.base_offset), (0, i64::from(BATCHES)));
        }
        read_bytes(&broker)
    };
    let (all, bounded) = (read_again(&[]), read_again(&["logan.recovery.bytes=1048576"]));
    println!("{all} bytes are read again, and {bounded} with a bound of 1 MiB");
    assert!(bounded < all / 4, "{bounded} bytes, and {all} without a bound that counts");
}
