//! What was measured, and how it is said.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::process::{self, Sample};

/// Latencies are kept in microseconds up to two minutes, to three digits.
const MAX_US: u64 = 120_000_000;

/// What one shard of the client counted while the window was open.
#[derive(Clone)]
pub struct Counted {
    pub bytes: u64,
    pub records: u64,
    pub requests: u64,
    pub latency_us: Histogram<u64>,
}

impl Counted {
    pub fn new() -> Self {
        let latency_us = Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds that a histogram can have");
        Self { bytes: 0, records: 0, requests: 0, latency_us }
    }

    /// One record with a value of so many bytes, answered by itself.
    #[cfg(feature = "rdkafka")]
    pub fn add_one(&mut self, took: Duration, bytes: u64) {
        self.bytes += bytes;
        self.records += 1;
        self.requests += 1;
        self.latency_us.saturating_record((took.as_micros() as u64).max(1));
    }

    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.records += other.records;
        self.requests += other.requests;
        self.latency_us.add(&other.latency_us).expect("histograms with the same bounds");
    }
}

/// How often what other shards do is looked at.
const LOOK: Duration = Duration::from_millis(5);

const WARMING_UP: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// The run: when it counts, when it ends, and what came of it. Shared by all shards.
#[derive(Clone)]
pub struct Run(Arc<Shared>);

struct Shared {
    phase: AtomicU8,
    /// Records in the topic before.
    before: AtomicU64,
    begun: AtomicBool,
    acknowledged: AtomicU64,
    drained: AtomicU64,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    counted: Counted,
    seconds: f64,
    error: Option<String>,
    client: Sample,
    broker: Option<Sample>,
}

impl Run {
    pub fn new() -> Self {
        let outcome = Outcome {
            counted: Counted::new(),
            seconds: 0.0,
            error: None,
            client: Sample::default(),
            broker: None,
        };
        Self(Arc::new(Shared {
            phase: AtomicU8::new(WARMING_UP),
            before: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            outcome: Mutex::new(outcome),
        }))
    }

    /// All shards may begin; the topic holds so many records.
    pub fn begin(&self, records: u64) {
        self.0.before.store(records, Ordering::Relaxed);
        self.0.begun.store(true, Ordering::Release);
    }

    pub async fn until_begun(&self) {
        while !self.0.begun.load(Ordering::Acquire) && !self.has_ended() {
            logan_shards::sleep(LOOK).await;
        }
    }

    /// Records that were acknowledged, the warm-up's too.
    pub fn acknowledged(&self, records: u64) {
        self.0.acknowledged.fetch_add(records, Ordering::Relaxed);
    }

    /// A connection is owed nothing more.
    pub fn drained(&self) {
        self.0.drained.fetch_add(1, Ordering::Release);
    }

    /// Waits until all `connections` are owed nothing.
    pub async fn until_drained(&self, connections: u16, patience: Duration) -> Result<(), String> {
        let deadline_ns = logan_shards::monotonic_ns() + patience.as_nanos() as u64;
        while self.0.drained.load(Ordering::Acquire) < u64::from(connections) {
            if logan_shards::monotonic_ns() > deadline_ns {
                return Err("some connections are still owed answers".to_owned());
            }
            logan_shards::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Records in the topic before, and those acknowledged.
    pub fn records(&self) -> (u64, u64) {
        (self.0.before.load(Ordering::Relaxed), self.0.acknowledged.load(Ordering::Relaxed))
    }

    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has_ended(&self) -> bool {
        self.0.phase.load(Ordering::Relaxed) == CLOSED
    }

    pub fn is_open(&self) -> bool {
        self.0.phase.load(Ordering::Relaxed) == OPEN
    }

    /// Ends the run early; the first reason is the one that is told.
    pub fn fail(&self, reason: String) {
        self.outcome().error.get_or_insert(reason);
        self.0.phase.store(CLOSED, Ordering::Relaxed);
    }

    /// Opens the window after `warm_up`, closes it after `seconds`, and looks at the processes at both ends.
    pub async fn keep_time(&self, warm_up: u64, seconds: u64, broker: Option<u32>) {
        if !self.wait(warm_up).await {
            return;
        }
        let look = || -> Result<(Sample, Option<Sample>), String> {
            Ok((process::sample(std::process::id())?, broker.map(process::sample).transpose()?))
        };
        let (began_ns, before) = (logan_shards::monotonic_ns(), look());
        self.0.phase.store(OPEN, Ordering::Relaxed);
        if !self.wait(seconds).await {
            return;
        }
        self.0.phase.store(CLOSED, Ordering::Relaxed);
        let (ended_ns, after) = (logan_shards::monotonic_ns(), look());
        match (before, after) {
            (Ok(before), Ok(after)) => {
                let mut outcome = self.outcome();
                outcome.seconds = (ended_ns - began_ns) as f64 / 1e9;
                outcome.client = spent(before.0, after.0);
                outcome.broker = before.1.zip(after.1).map(|(before, after)| spent(before, after));
            }
            (Err(error), _) | (_, Err(error)) => self.fail(error),
        }
    }

    /// Waits so many seconds; `false` if the run ended meanwhile.
    async fn wait(&self, seconds: u64) -> bool {
        for _ in 0..seconds * 10 {
            if self.has_ended() {
                return false;
            }
            logan_shards::sleep(Duration::from_millis(100)).await;
        }
        !self.has_ended()
    }

    /// Adds what one shard counted.
    pub fn add(&self, meter: &Meter) {
        self.outcome().counted.add(&meter.0.counted.borrow());
    }

    /// Adds what was counted elsewhere than on a shard.
    #[cfg(feature = "rdkafka")]
    pub fn add_counted(&self, counted: &Counted) {
        self.outcome().counted.add(counted);
    }

    pub fn report(&self) -> Result<Report, String> {
        let outcome = self.outcome();
        if let Some(error) = &outcome.error {
            return Err(error.clone());
        }
        if outcome.counted.requests == 0 {
            return Err("nothing was answered while it was measured; give it more --seconds".to_owned());
        }
        Ok(Report {
            counted: outcome.counted.clone(),
            seconds: outcome.seconds,
            client: outcome.client,
            broker: outcome.broker,
        })
    }
}

/// What happened between two samples; memory is that of the second.
fn spent(before: Sample, after: Sample) -> Sample {
    Sample {
        cpu_s: after.cpu_s - before.cpu_s,
        written_bytes: after.written_bytes - before.written_bytes,
        ..after
    }
}

/// One shard's counters. Clones are the same counters.
#[derive(Clone)]
pub struct Meter(Rc<Counters>);

struct Counters {
    run: Run,
    counted: RefCell<Counted>,
}

impl Meter {
    pub fn new(run: &Run) -> Self {
        Self(Rc::new(Counters { run: run.clone(), counted: RefCell::new(Counted::new()) }))
    }

    pub fn run(&self) -> &Run {
        &self.0.run
    }

    /// One answered request that was due at `from_ns`.
    pub fn count(&self, from_ns: u64, bytes: u64, records: u64) {
        if !self.0.run.is_open() {
            return;
        }
        let us = (logan_shards::monotonic_ns().saturating_sub(from_ns) / 1000).max(1);
        let mut counted = self.0.counted.borrow_mut();
        counted.bytes += bytes;
        counted.records += records;
        counted.requests += 1;
        counted.latency_us.saturating_record(us);
    }
}

/// One line of figures.
pub struct Report {
    counted: Counted,
    seconds: f64,
    client: Sample,
    broker: Option<Sample>,
}

impl Report {
    /// For an engine that runs in this process.
    pub fn within(mut self) -> Self {
        self.broker = Some(self.client);
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { bytes, records, requests, latency_us } = &self.counted;
        let gigabytes = *bytes as f64 / 1e9;
        let at = |quantile: f64| latency_us.value_at_quantile(quantile) as f64 / 1e3;
        write!(
            f,
            "{:.1} MB/s  {:.0} records/s  {:.0} requests/s  ms p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.2}",
            *bytes as f64 / 1e6 / self.seconds,
            *records as f64 / self.seconds,
            *requests as f64 / self.seconds,
            at(0.5),
            at(0.99),
            at(0.999),
            latency_us.max() as f64 / 1e3
        )?;
        if let Some(broker) = &self.broker {
            write!(
                f,
                "  broker: {:.2} CPU-s/GB ({:.0} % of a core)  resident {} MB (peak {})  written/acknowledged {:.2}",
                broker.cpu_s / gigabytes,
                broker.cpu_s / self.seconds * 100.0,
                broker.resident_bytes >> 20,
                broker.peak_resident_bytes >> 20,
                broker.written_bytes as f64 / *bytes as f64
            )?;
        }
        write!(f, "  client: {:.2} CPU-s/GB", self.client.cpu_s / gigabytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second in ten without an answer: 10 % of what was due in it waits half a second and more.
    #[test]
    fn a_stall_shows_in_the_percentiles_of_due_times() {
        let mut counted = Counted::new();
        for due_ms in 0..10_000_u64 {
            let answered_ms = if (4_000..5_000).contains(&due_ms) { 5_000 } else { due_ms + 1 };
            counted.latency_us.saturating_record((answered_ms - due_ms) * 1000);
        }
        let p99 = counted.latency_us.value_at_quantile(0.99);
        assert!((890_000..=910_000).contains(&p99), "{p99}");
        assert_eq!(counted.latency_us.value_at_quantile(0.5), 1_000);
    }

    #[test]
    fn the_first_failure_is_told() {
        let run = Run::new();
        run.fail("first".into());
        run.fail("second".into());
        assert!(run.has_ended());
        assert_eq!(run.report().err().as_deref(), Some("first"));
    }
}
