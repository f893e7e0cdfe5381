//! Latencies: what a histogram says in a few numbers, and as a curve.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies are kept in microseconds up to two minutes; longer ones count as that.
pub const MAX_US: u64 = 120_000_000;

/// Points of the curve, from the middle on ever nearer to all: what a plot of percentiles shows.
const CURVE: [f64; 19] = [
    0.0, 10.0, 25.0, 50.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.5, 98.5, 99.0, 99.5, 99.75, 99.9, 99.95,
    99.99, 100.0,
];

/// Percentiles of a run, in milliseconds, to three digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub p9999_ms: f64,
    pub max_ms: f64,
    /// Percentile, and the latency that so many per cent do not exceed.
    pub curve: Vec<(f64, f64)>,
}

impl Latency {
    /// None, if nothing was recorded.
    pub fn of(us: &Histogram<u64>) -> Option<Self> {
        if us.is_empty() {
            return None;
        }
        let at = |percentile: f64| us.value_at_percentile(percentile) as f64 / 1e3;
        Some(Self {
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            p9999_ms: at(99.99),
            max_ms: us.max() as f64 / 1e3,
            curve: CURVE.iter().map(|percentile| (*percentile, at(*percentile))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds that a histogram can have")
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut us = histogram();
        for value in 1..=100_000_u64 {
            us.record(value * 7).unwrap();
        }
        let latency = Latency::of(&us).unwrap();
        let close = |told: f64, true_ms: f64| {
            assert!((told - true_ms).abs() <= true_ms * 0.001 + 0.001, "{told} for {true_ms}");
        };
        close(latency.p50_ms, 350.0);
        close(latency.p90_ms, 630.0);
        close(latency.p99_ms, 693.0);
        close(latency.p999_ms, 699.3);
        close(latency.p9999_ms, 699.93);
        close(latency.max_ms, 700.0);
        assert!(latency.curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Latency::of(&histogram()), None);
    }

    /// One second in ten without an answer: nearly a tenth of what was due waits, half of it for half a second and more.
    #[test]
    fn a_stall_shows_in_the_percentiles_of_due_times() {
        let mut us = histogram();
        for due_ms in 0..10_000_u64 {
            let answered_ms = if (4_000..5_000).contains(&due_ms) { 5_000 } else { due_ms + 1 };
            us.record((answered_ms - due_ms) * 1000).unwrap();
        }
        let latency = Latency::of(&us).unwrap();
        assert!((890.0..=910.0).contains(&latency.p99_ms), "{latency:?}");
        let p95_ms = us.value_at_percentile(95.0) as f64 / 1e3;
        assert!((490.0..=510.0).contains(&p95_ms), "{p95_ms}");
        assert!((0.9..=1.1).contains(&latency.p50_ms));
        assert!((990.0..=1001.0).contains(&latency.max_ms));
    }
}
