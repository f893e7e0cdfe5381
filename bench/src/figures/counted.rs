//! What one shard of the client counted while the window was open.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::latency::{Latency, MAX_US};
use super::measured::{Second, Side};

/// A run has at most so many points in time; of a longer one each point is more than a second.
const MAX_POINTS: u64 = 3_600;

/// Of a point: the last one is left out of the series if it is shorter.
const SLIVER: f64 = 0.1;

#[derive(Clone)]
pub struct Counted {
    bytes: u64,
    records: u64,
    requests: u64,
    latency_us: Histogram<u64>,
    points: BTreeMap<u32, Point>,
    point_ns: u64,
}

/// What was answered in one second, or in as many as a point of a long run has.
#[derive(Clone)]
struct Point {
    bytes: u64,
    records: u64,
    latency_us: Histogram<u32>,
}

impl Counted {
    /// For a window of so many seconds.
    pub fn new(seconds: u64) -> Self {
        let latency_us = Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds that a histogram can have");
        let point_ns = seconds.div_ceil(MAX_POINTS).max(1) * 1_000_000_000;
        Self { bytes: 0, records: 0, requests: 0, latency_us, points: BTreeMap::new(), point_ns }
    }

    /// An answer came so long after the window was opened.
    pub fn add_answer(&mut self, at_ns: u64, bytes: u64, records: u64) {
        self.requests += 1;
        self.bytes += bytes;
        self.records += records;
        let point = self.point(at_ns);
        point.bytes += bytes;
        point.records += records;
    }

    /// Somebody waited so long. It counts in the second of `at_ns`: that of the answer, or that in which it was due if that was by the clock.
    pub fn add_wait(&mut self, at_ns: u64, took_ns: u64) {
        let us = (took_ns / 1000).max(1);
        self.latency_us.saturating_record(us);
        self.point(at_ns).latency_us.saturating_record(us);
    }

    fn point(&mut self, at_ns: u64) -> &mut Point {
        self.points.entry((at_ns / self.point_ns) as u32).or_insert_with(Point::new)
    }

    pub fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.records += other.records;
        self.requests += other.requests;
        self.latency_us.add(&other.latency_us).expect("histograms with the same bounds");
        for (at, point) in &other.points {
            self.points.entry(*at).or_insert_with(Point::new).merge(point);
        }
    }

    #[cfg(test)]
    pub fn waits(&self) -> u64 {
        self.latency_us.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests == 0
    }

    /// What it comes to over a window that was open for so long.
    pub fn side(&self, window: Duration) -> Side {
        let seconds = window.as_secs_f64();
        let point_s = self.point_ns as f64 / 1e9;
        let second = |(at, point): (&u32, &Point)| {
            let at_s = f64::from(*at) * point_s;
            // The last one may be a part.
            let length_s = point_s.min(seconds - at_s).max(1e-3);
            Second {
                at_s,
                mb_per_s: point.bytes as f64 / 1e6 / length_s,
                records_per_s: point.records as f64 / length_s,
                p50_ms: point.at(50.0),
                p99_ms: point.at(99.0),
                max_ms: point.latency_us.max() as f64 / 1e3,
            }
        };
        // Answers that came while the window was being closed have a point of their own, of hardly any length, which says nothing.
        let is_told = |at: u32| at == 0 || (f64::from(at) + SLIVER) * point_s <= seconds;
        let whole = self.points.iter().filter(|(at, _)| is_told(**at));
        Side {
            mb_per_s: self.bytes as f64 / 1e6 / seconds,
            records_per_s: self.records as f64 / seconds,
            requests_per_s: self.requests as f64 / seconds,
            bytes: self.bytes,
            records: self.records,
            requests: self.requests,
            latency: Latency::of(&self.latency_us),
            series: whole.map(second).collect(),
        }
    }
}

impl Point {
    fn new() -> Self {
        let latency_us = Histogram::new_with_bounds(1, MAX_US, 2).expect("bounds that a histogram can have");
        Self { bytes: 0, records: 0, latency_us }
    }

    fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.records += other.records;
        self.latency_us.add(&other.latency_us).expect("histograms with the same bounds");
    }

    fn at(&self, percentile: f64) -> f64 {
        self.latency_us.value_at_percentile(percentile) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(counted: &mut Counted, at_ms: u64, took_ms: u64) {
        counted.add_answer(at_ms * 1_000_000, 1_000_000, 10);
        counted.add_wait(at_ms * 1_000_000, took_ms * 1_000_000);
    }

    #[test]
    fn a_second_in_which_the_broker_stalls_is_the_worst() {
        let mut counted = Counted::new(10);
        for at_ms in (0..10_000).step_by(10).filter(|at_ms| !(4_000..5_000).contains(at_ms)) {
            answer(&mut counted, at_ms, 2);
        }
        for due_ms in (4_000..5_000).step_by(10) {
            answer(&mut counted, 5_000, 5_000 - due_ms);
        }
        let side = counted.side(Duration::from_secs(10));
        assert_eq!((side.requests, side.records), (1_000, 10_000));
        assert!((99.9..100.1).contains(&side.mb_per_s));
        assert_eq!(side.series.len(), 9, "in one second nothing was answered");
        let worst = side.worst_second().unwrap();
        assert!((worst.at_s - 5.0).abs() < 1e-9);
        assert!(worst.p99_ms > 950.0 && side.series[0].p99_ms < 2.1);
    }

    #[test]
    fn what_comes_while_the_window_closes_is_no_second() {
        let mut counted = Counted::new(2);
        for (at_ms, took_ms) in [(100, 1), (1_100, 1), (2_001, 900)] {
            answer(&mut counted, at_ms, took_ms);
        }
        let lengths = |ms| counted.side(Duration::from_millis(ms)).series.len();
        assert_eq!((lengths(2_003), lengths(2_500)), (2, 3));
        let mut short = Counted::new(2);
        answer(&mut short, 1, 1);
        assert_eq!(short.side(Duration::from_millis(2)).series.len(), 1, "a run may be short");
    }

    #[test]
    fn what_shards_counted_is_put_together() {
        let (mut one, mut other) = (Counted::new(10), Counted::new(10));
        answer(&mut one, 100, 1);
        answer(&mut other, 200, 100);
        answer(&mut other, 1_200, 1);
        one.merge(&other);
        let side = one.side(Duration::from_secs(2));
        assert_eq!((side.requests, side.series.len()), (3, 2));
        assert!(side.series[0].max_ms > 99.0 && side.latency.unwrap().max_ms > 99.0);
    }

    #[test]
    fn a_day_has_no_more_points_than_an_hour() {
        let mut counted = Counted::new(86_400);
        for second in 0..86_400 {
            answer(&mut counted, second * 1_000, 1);
        }
        assert_eq!(counted.side(Duration::from_hours(24)).series.len(), 3_600);
    }
}
