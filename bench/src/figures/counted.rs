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

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// When it came, since the window was opened.
    pub at_ns: u64,
    /// Since the request was due; if its records were due one after the other, since the first of them was.
    pub took_ns: u64,
    /// Between two records' due times; 0 where the request was due as a whole, and counts as one.
    pub step_ns: u64,
    pub bytes: u64,
    pub records: u64,
}

impl Counted {
    /// For a window of so many seconds.
    pub fn new(seconds: u64) -> Self {
        let latency_us = Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds that a histogram can have");
        let point_ns = seconds.div_ceil(MAX_POINTS).max(1) * 1_000_000_000;
        Self { bytes: 0, records: 0, requests: 0, latency_us, points: BTreeMap::new(), point_ns }
    }

    pub fn add(&mut self, answered: Answered) {
        let Answered { at_ns, took_ns, step_ns, bytes, records } = answered;
        self.requests += 1;
        self.bytes += bytes;
        self.records += records;
        let point = self.points.entry((at_ns / self.point_ns) as u32).or_insert_with(Point::new);
        point.bytes += bytes;
        point.records += records;
        let waits = if step_ns == 0 { 1 } else { records };
        for nth in 0..waits {
            let us = (took_ns.saturating_sub(nth * step_ns) / 1000).max(1);
            self.latency_us.saturating_record(us);
            point.latency_us.saturating_record(us);
        }
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

    fn answered(at_ms: u64, took_ms: u64) -> Answered {
        Answered {
            at_ns: at_ms * 1_000_000,
            took_ns: took_ms * 1_000_000,
            step_ns: 0,
            bytes: 1_000_000,
            records: 10,
        }
    }

    #[test]
    fn a_second_in_which_the_broker_stalls_is_the_worst() {
        let mut counted = Counted::new(10);
        for at_ms in (0..10_000).step_by(10).filter(|at_ms| !(4_000..5_000).contains(at_ms)) {
            counted.add(answered(at_ms, 2));
        }
        for due_ms in (4_000..5_000).step_by(10) {
            counted.add(answered(5_000, 5_000 - due_ms));
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
            counted.add(answered(at_ms, took_ms));
        }
        let lengths = |ms| counted.side(Duration::from_millis(ms)).series.len();
        assert_eq!((lengths(2_003), lengths(2_500)), (2, 3));
        let mut short = Counted::new(2);
        short.add(answered(1, 1));
        assert_eq!(short.side(Duration::from_millis(2)).series.len(), 1, "a run may be short");
    }

    #[test]
    fn records_that_were_due_one_after_the_other_each_have_a_latency() {
        let mut counted = Counted::new(10);
        counted.add(Answered { step_ns: 1_000_000, ..answered(100, 10) });
        let latency = counted.side(Duration::from_secs(1)).latency.unwrap();
        assert!((9.9..10.1).contains(&latency.max_ms) && (4.9..6.1).contains(&latency.p50_ms), "{latency:?}");
    }

    #[test]
    fn what_shards_counted_is_put_together() {
        let (mut one, mut other) = (Counted::new(10), Counted::new(10));
        one.add(answered(100, 1));
        other.add(answered(200, 100));
        other.add(answered(1_200, 1));
        one.merge(&other);
        let side = one.side(Duration::from_secs(2));
        assert_eq!((side.requests, side.series.len()), (3, 2));
        assert!(side.series[0].max_ms > 99.0 && side.latency.unwrap().max_ms > 99.0);
    }

    #[test]
    fn a_day_has_no_more_points_than_an_hour() {
        let mut counted = Counted::new(86_400);
        for second in 0..86_400 {
            counted.add(answered(second * 1_000, 1));
        }
        assert_eq!(counted.side(Duration::from_hours(24)).series.len(), 3_600);
    }
}
