//! When a segment ends: after every append, as a model of Kafka's `LogSegment.shouldRoll` says, with indexes and times that end it before its bytes do.
//! A segment's jitter is not foretold, but it lies within its bounds, differs, and is the same after a start.

mod support;

use std::rc::Rc;

use logan_storage::append::Offsets;
use logan_storage::batch::{Attributes, Header};
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::disk::Host;
use logan_storage::log::Log;
use support::disk::Disk;
use support::runtime::{Runtime, TestHost};
use support::workload::append_with;
use support::{key, live, log_config, serve, volume_config};

/// The last segment as Kafka sees it, and where all begin.
struct Model {
    bases: Vec<i64>,
    bytes: u64,
    first_timestamp: i64,
    created_ms: i64,
    since_entry: u64,
    offset_entries: u64,
    time_entries: u64,
    largest: i64,
    last_time: i64,
}

/// Why a segment ends.
#[derive(Debug, Default)]
struct Reasons {
    bytes: u64,
    offset_index: u64,
    time_index: u64,
    age: u64,
    span: u64,
}

impl Model {
    fn begin(before: Option<Vec<i64>>, base: i64, now_ms: i64) -> Self {
        let mut bases = before.unwrap_or_default();
        bases.push(base);
        Self {
            bases,
            bytes: 0,
            first_timestamp: -1,
            created_ms: now_ms,
            since_entry: 0,
            offset_entries: 0,
            time_entries: 0,
            largest: -1,
            last_time: -1,
        }
    }

    /// Kafka's `LogSegment.shouldRoll`, `OffsetIndex.isFull` and `TimeIndex.isFull`. `last` is the offset of the last record.
    fn rolls(
        &self,
        config: &LogConfig,
        append: &[Header],
        sizes: &[u64],
        now_ms: i64,
        why: &mut Reasons,
    ) -> bool {
        let last = append.last().map_or(0, |head| head.base_offset + i64::from(head.last_offset_delta));
        let timestamp = append.iter().map(|head| head.max_timestamp).max().unwrap_or(-1);
        let index_bytes = u64::from(config.segment_index_bytes);
        let age = match (self.first_timestamp, timestamp) {
            (0.., 0..) => timestamp - self.first_timestamp,
            _ => now_ms - self.created_ms,
        };
        let mut is_over = false;
        let mut note = |count: &mut u64, holds: bool| {
            if holds && !is_over {
                (*count, is_over) = (*count + 1, true);
            }
        };
        note(&mut why.span, last - self.bases[self.bases.len() - 1] > i64::from(i32::MAX));
        if self.bytes > 0 {
            note(&mut why.bytes, self.bytes + sizes.iter().sum::<u64>() > u64::from(config.segment_bytes));
            note(&mut why.offset_index, self.offset_entries >= index_bytes / 8);
            note(&mut why.time_index, self.time_entries + 1 >= index_bytes / 12);
            note(&mut why.age, age > config.segment_ms);
        }
        is_over
    }

    fn append(&mut self, config: &LogConfig, head: &Header, size: u64) {
        if self.bytes == 0 {
            self.first_timestamp = head.max_timestamp;
        }
        self.largest = self.largest.max(head.max_timestamp);
        if self.since_entry > u64::from(config.index_interval_bytes) {
            self.offset_entries += 1;
            self.since_entry = 0;
            if self.largest > self.last_time {
                self.time_entries += 1;
                self.last_time = self.largest;
            }
        }
        self.since_entry += size;
        self.bytes += size;
    }
}

/// Batches that are appended at once, whose timestamps mostly rise. Sometimes there is none, and sometimes there are as many offsets between two as
/// a segment takes.
fn draw(runtime: &Runtime, mut next: i64, step: u64) -> (Vec<u8>, Vec<Header>, Vec<u64>) {
    let (mut bytes, mut heads, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    if runtime.below(40) == 0 {
        next += i64::from(i32::MAX) - runtime.below(20) as i64;
    }
    for _ in 0..=runtime.below(3) {
        let timestamp = match runtime.below(10) {
            0 => -1,
            1 => runtime.below(50) as i64,
            _ => (step * 40 + runtime.below(100)) as i64,
        };
        let delta = runtime.below(4) as i32;
        let head = Header {
            base_offset: next,
            leader_epoch: 0,
            attributes: Attributes(0),
            last_offset_delta: delta,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: delta + 1,
        };
        let before = bytes.len();
        head.write_batch(&vec![7; runtime.below(400) as usize], &mut bytes);
        sizes.push((bytes.len() - before) as u64);
        heads.push(head);
        next += i64::from(delta) + 1;
    }
    (bytes, heads, sizes)
}

async fn compare(runtime: &Rc<Runtime>, log: &Rc<Log>, config: &LogConfig) -> Reasons {
    let host = TestHost(Rc::clone(runtime));
    let (mut model, mut why): (Option<Model>, _) = (None, Reasons::default());
    for step in 0..400 {
        let (bytes, heads, sizes) = draw(runtime, log.ends().log_end, step);
        append_with(log, &bytes, Offsets::Keep).await.unwrap();
        // Whatever it had to wait for: it was decided now.
        let now_ms = host.wall_clock_ms();
        let mut now = match model.take() {
            Some(last) if !last.rolls(config, &heads, &sizes, now_ms, &mut why) => last,
            last => Model::begin(last.map(|last| last.bases), heads[0].base_offset, now_ms),
        };
        heads.iter().zip(&sizes).for_each(|(head, size)| now.append(config, head, *size));
        assert_eq!(log.segment_bases(), now.bases, "after append {step} of {heads:?}, {sizes:?}");
        model = Some(now);
        if runtime.below(4) == 0 {
            log.wait_settled(log.ends().log_end).await.unwrap();
        }
        if runtime.below(30) == 0 {
            runtime.sleep_ns(runtime.below(900) * 1_000_000).await;
        }
    }
    why
}

#[test]
fn segments_end_where_kafka_ends_them() {
    let mut all = Reasons::default();
    for seed in 1..=24 {
        let config = LogConfig {
            segment_bytes: if seed % 3 == 0 { 6_000 } else { 1 << 20 },
            segment_index_bytes: [24, 48, 60, 100, 1 << 20][seed as usize % 5],
            index_interval_bytes: [0, 300, 900][seed as usize % 3],
            segment_ms: if seed % 2 == 0 { 500 } else { i64::MAX },
            ..log_config()
        };
        let found = live(&Disk::new(), seed, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), config.clone()).await.unwrap();
            let log = volume.create_log(key("orders", 0), config.clone()).await.unwrap();
            compare(&runtime, &log, &config).await
        });
        all.bytes += found.bytes;
        all.offset_index += found.offset_index;
        all.time_index += found.time_index;
        all.age += found.age;
        all.span += found.span;
    }
    let Reasons { bytes, offset_index, time_index, age, span } = all;
    assert!([bytes, offset_index, time_index, age, span].iter().all(|times| *times > 20), "{all:?}");
}

/// One-record batches whose timestamps go up by ten; a start after each batch that `starts` chooses. Returns the age at which each segment ended.
fn ages(config: &LogConfig, partition: i32, starts: impl Fn(usize) -> bool) -> Vec<i64> {
    let disk = Disk::new();
    let (mut bases, mut batches) = (vec![0], 0);
    for life in 1.. {
        let (config, begins_at) = (config.clone(), batches);
        let until = (begins_at..600).find(|at| starts(*at)).map_or(600, |at| at + 1);
        bases = live(&disk, life, move |disk, runtime| async move {
            let hints = VolumeConfig { recovery_bytes: 3_000, ..volume_config() };
            let volume = serve(&disk, &runtime, hints, config.clone()).await.unwrap();
            let log = match volume.log(&key("orders", partition)) {
                Some(log) => log,
                None => volume.create_log(key("orders", partition), config).await.unwrap(),
            };
            for at in begins_at..until {
                support::append_settled(&log, &support::batch(1, 100, 1, at as i64 * 10)).await.unwrap();
            }
            log.segment_bases()
        });
        batches = until;
        if until == 600 {
            break;
        }
    }
    bases.windows(2).map(|pair| (pair[1] - pair[0]) * 10).collect()
}

#[test]
fn a_segments_jitter_differs_from_the_next_and_is_the_same_after_a_start() {
    let config = LogConfig { segment_ms: 400, segment_jitter_ms: 300, ..log_config() };
    let (mut all, mut partitions) = (Vec::new(), Vec::new());
    for partition in 0..4 {
        let found = ages(&config, partition, |_| false);
        assert!(found.len() >= 600 * 10 / 410, "{found:?}");
        // Old is what is older than its share of `segment.ms`; the next batch comes ten milliseconds later at most.
        assert!(found.iter().all(|age| (101..=410).contains(age)), "{found:?}");
        assert_eq!(ages(&config, partition, |at| at % 7 == 3), found, "with a start now and then");
        all.extend(found.iter().copied());
        partitions.push(found);
    }
    let quarter = |from: i64| all.iter().filter(|age| (from..from + 100).contains(*age)).count();
    assert!([101, 201, 301].iter().all(|from| quarter(*from) * 6 >= all.len()), "{all:?}");
    assert!(
        partitions.iter().skip(1).all(|other| *other != partitions[0]),
        "all partitions end segments together"
    );
    let without = LogConfig { segment_jitter_ms: 0, ..config };
    assert!(ages(&without, 0, |_| false).iter().all(|age| *age == 410));
}
