//! One run: when it counts, when it ends, and what came of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use logan_shards::{self as shards, Stop};

use super::counted::{Answered, Counted};
use super::latency::{Latency, MAX_US};
use super::measured::{Measured, Spent, Verified};
use crate::process::{self, Sample};
use crate::progress;

/// How often the opening of the window is looked for.
const SOON: Duration = Duration::from_micros(100);
/// How often what other shards do is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often the one who waits for the end looks whether it has come, if nothing but time brings it.
const TICK: Duration = Duration::from_millis(100);

const WARMING_UP: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// How long a run takes.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Seconds that are not measured, and those that are.
    pub warm_up: u64,
    pub seconds: u64,
    pub end: End,
    /// The broker's process on this machine.
    pub broker: Option<u32>,
}

/// What ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its seconds have passed.
    Time,
    /// So many bytes went in and out. If its seconds pass before, it is cut short.
    Bytes(u64),
    /// So many connections have done all that they had to do. If its seconds pass before, it is cut short.
    Work(u64),
}

/// Shared by all shards.
#[derive(Clone)]
pub struct Run(Arc<Shared>);

struct Shared {
    times: Times,
    phase: AtomicU8,
    /// When the window was opened, and when what had to be done was.
    opened: OnceLock<Instant>,
    done: OnceLock<Instant>,
    /// Of [`End::Work`]: connections that are ready to begin, and those that have nothing more to do.
    ready: AtomicU64,
    idle: AtomicU64,
    begun: AtomicBool,
    /// Of all directions, since the window was opened: for whoever watches.
    bytes: AtomicU64,
    records: AtomicU64,
    /// Records in the topic before the run.
    before: AtomicU64,
    acknowledged: AtomicU64,
    in_order: AtomicU64,
    known: AtomicU64,
    /// Connections that are owed nothing more.
    drained: AtomicU64,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    produced: Counted,
    fetched: Counted,
    end_to_end_us: Histogram<u64>,
    window: Duration,
    client: Option<Spent>,
    broker: Option<Spent>,
    /// What was read or counted is wrong: there are no figures.
    error: Option<String>,
    /// The run ended before its time: there are figures of what was.
    cut_short: Option<String>,
}

impl Run {
    pub fn new(times: Times) -> Self {
        let outcome = Outcome {
            produced: Counted::new(times.seconds),
            fetched: Counted::new(times.seconds),
            end_to_end_us: latencies(),
            window: Duration::ZERO,
            client: None,
            broker: None,
            error: None,
            cut_short: None,
        };
        Self(Arc::new(Shared {
            times,
            phase: AtomicU8::new(WARMING_UP),
            opened: OnceLock::new(),
            done: OnceLock::new(),
            ready: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            before: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            in_order: AtomicU64::new(0),
            known: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            outcome: Mutex::new(outcome),
        }))
    }

    /// All shards may begin; the topics hold so many records.
    pub fn begin(&self, records: u64) {
        self.0.before.store(records, Ordering::Relaxed);
        self.0.begun.store(true, Ordering::Release);
    }

    pub async fn until_begun(&self) {
        while !self.0.begun.load(Ordering::Acquire) && !self.has_ended() {
            shards::sleep(LOOK).await;
        }
    }

    /// A connection is ready. Where the end is that work is done, waits until all are and the window is open, so that only the work counts.
    pub async fn until_open(&self) {
        if !matches!(self.0.times.end, End::Work(_)) {
            return;
        }
        self.0.ready.fetch_add(1, Ordering::Relaxed);
        while !self.is_open() && !self.has_ended() {
            shards::sleep(SOON).await;
        }
    }

    /// A connection has nothing more to do. The last one ends the run, if that is its end.
    pub fn idle(&self) {
        let idle = self.0.idle.fetch_add(1, Ordering::Relaxed) + 1;
        if self.0.times.end == End::Work(idle) {
            self.done();
        }
    }

    fn done(&self) {
        if self.is_open() && self.0.done.set(Instant::now()).is_ok() {
            self.0.phase.store(CLOSED, Ordering::Relaxed);
        }
    }

    /// Records that were acknowledged, the warm-up's too.
    pub fn acknowledged(&self, records: u64) {
        self.0.acknowledged.fetch_add(records, Ordering::Relaxed);
    }

    /// Records that were read in order, and how many of them are known to be what was sent; the warm-up's too.
    pub fn verified(&self, in_order: u64, known: u64) {
        self.0.in_order.fetch_add(in_order, Ordering::Relaxed);
        self.0.known.fetch_add(known, Ordering::Relaxed);
    }

    /// A connection is owed nothing more.
    pub fn drained(&self) {
        self.0.drained.fetch_add(1, Ordering::Release);
    }

    /// Waits until so many connections are owed nothing.
    pub async fn until_drained(&self, connections: u16, patience: Duration) -> Result<(), String> {
        let deadline_ns = shards::monotonic_ns() + patience.as_nanos() as u64;
        while self.0.drained.load(Ordering::Acquire) < u64::from(connections) {
            if shards::monotonic_ns() > deadline_ns {
                return Err("some connections are still owed answers".to_owned());
            }
            shards::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Records in the topics before, and those acknowledged.
    pub fn records(&self) -> (u64, u64) {
        (self.0.before.load(Ordering::Relaxed), self.0.acknowledged.load(Ordering::Relaxed))
    }

    pub fn has_ended(&self) -> bool {
        self.0.phase.load(Ordering::Relaxed) == CLOSED
    }

    pub fn is_open(&self) -> bool {
        self.0.phase.load(Ordering::Relaxed) == OPEN
    }

    /// What was read is not what was sent, or nothing can be measured: the run ends, without figures. The first reason is the one that is told.
    pub fn fail(&self, reason: String) {
        self.outcome().error.get_or_insert(reason);
        self.0.phase.store(CLOSED, Ordering::Relaxed);
    }

    /// The run cannot go on; what was measured until now is kept.
    pub fn cut_short(&self, reason: String) {
        if self.0.phase.load(Ordering::Relaxed) == WARMING_UP {
            return self.fail(reason);
        }
        self.outcome().cut_short.get_or_insert(reason);
        self.0.phase.store(CLOSED, Ordering::Relaxed);
    }

    /// Whether whoever waits for figures will get none.
    pub fn has_failed(&self) -> bool {
        self.outcome().error.is_some()
    }

    /// Opens the window after the warm-up, closes it at its end, and looks at the processes at both.
    pub async fn keep_time(&self, stop: &Stop) {
        let Times { warm_up, seconds, broker, end } = self.0.times;
        if !self.wait(warm_up, stop, "warming up").await || !self.all_are_ready(stop).await {
            return;
        }
        let before = match look(broker) {
            Ok(before) => before,
            Err(error) => return self.fail(error),
        };
        let opened = *self.0.opened.get_or_init(Instant::now);
        self.0.phase.store(OPEN, Ordering::Relaxed);
        if self.wait(seconds, stop, "measuring").await && end != End::Time {
            self.cut_short(format!("not everything was done within {seconds} seconds"));
        }
        self.0.phase.store(CLOSED, Ordering::Relaxed);
        let window = self.0.done.get().map_or_else(|| opened.elapsed(), |done| *done - opened);
        self.look_again(&before, window);
    }

    /// What the processes took since `before`.
    fn look_again(&self, before: &(Sample, Option<Sample>), window: Duration) {
        let after = look(self.0.times.broker);
        let mut outcome = self.outcome();
        outcome.window = window;
        match after {
            Ok((client, broker)) => {
                outcome.client = Some(Spent::between(&before.0, &client));
                outcome.broker = before.1.zip(broker).map(|(before, after)| Spent::between(&before, &after));
            }
            // The broker is gone, which is told already if it is why the run ended.
            Err(error) => {
                outcome.cut_short.get_or_insert(error);
                outcome.client =
                    process::sample(std::process::id()).ok().map(|client| Spent::between(&before.0, &client));
            }
        }
    }

    /// Waits until every connection that has work to do is ready to do it; `false` if the run ended meanwhile.
    async fn all_are_ready(&self, stop: &Stop) -> bool {
        let End::Work(connections) = self.0.times.end else { return true };
        while self.0.ready.load(Ordering::Relaxed) < connections && !self.is_over(stop) {
            shards::sleep(SOON).await;
        }
        !self.has_ended()
    }

    fn is_over(&self, stop: &Stop) -> bool {
        if stop.is_requested() {
            self.cut_short("interrupted".to_owned());
        }
        self.has_ended()
    }

    /// Waits so many seconds, and tells whoever watches how it goes; `false` if the run ended meanwhile.
    async fn wait(&self, seconds: u64, stop: &Stop, what: &str) -> bool {
        let (began, limit) = (Instant::now(), Duration::from_secs(seconds));
        let look = if self.0.times.end == End::Time { TICK } else { LOOK };
        let is_watched = progress::is_watched();
        let (mut second, mut told) = (0, (0, 0));
        while !self.is_over(stop) {
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            shards::sleep(left.min(look)).await;
            if is_watched && began.elapsed().as_secs() > second {
                second = began.elapsed().as_secs();
                told = self.tell(what, second, seconds, told);
            }
        }
        if is_watched {
            progress::clear();
        }
        !self.has_ended()
    }

    /// Tells how far the run is. Returns what it told of, for the next time.
    fn tell(&self, what: &str, second: u64, of: u64, before: (u64, u64)) -> (u64, u64) {
        let now = (self.0.bytes.load(Ordering::Relaxed), self.0.records.load(Ordering::Relaxed));
        let (bytes, records) = (now.0 - before.0, now.1 - before.1);
        let part = match self.0.times.end {
            End::Bytes(all) => now.0 as f64 / all as f64,
            End::Time | End::Work(_) => second as f64 / of as f64,
        };
        progress::show(&format!(
            "{what} {} {second}/{of} s  {:.1} MB/s  {records} records/s",
            progress::bar(part),
            bytes as f64 / 1e6
        ));
        now
    }

    /// What it came to.
    pub fn measured(&self) -> Result<Measured, String> {
        let outcome = self.outcome();
        if let Some(error) = &outcome.error {
            return Err(error.clone());
        }
        let Outcome { produced, fetched, window, client, broker, .. } = &*outcome;
        let nothing = "nothing was answered while it was measured; give it more --seconds";
        if produced.is_empty() && fetched.is_empty() {
            return Err(outcome.cut_short.clone().unwrap_or_else(|| nothing.to_owned()));
        }
        let side = |counted: &Counted| (!counted.is_empty()).then(|| counted.side(*window));
        Ok(Measured {
            seconds: window.as_secs_f64(),
            produced: side(produced),
            fetched: side(fetched),
            end_to_end: Latency::of(&outcome.end_to_end_us),
            broker: *broker,
            client: client.ok_or(nothing)?,
            verified: Verified {
                in_order: self.0.in_order.load(Ordering::Relaxed),
                known: self.0.known.load(Ordering::Relaxed),
                acknowledged: self.0.acknowledged.load(Ordering::Relaxed),
            },
            restart: None,
            cut_short: outcome.cut_short.clone(),
        })
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds that a histogram can have")
}

/// This process, and the broker's if it is known.
fn look(broker: Option<u32>) -> Result<(Sample, Option<Sample>), String> {
    Ok((process::sample(std::process::id())?, broker.map(process::sample).transpose()?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Produced,
    Fetched,
}

/// What a request was about.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub direction: Direction,
    /// Between two records' due times; 0 where the request was due as a whole.
    pub step_ns: u64,
    pub bytes: u64,
    pub records: u64,
}

/// What one thread counts.
pub struct Tally {
    run: Run,
    counted: [Counted; 2],
    end_to_end_us: Histogram<u64>,
}

impl Tally {
    pub fn new(run: &Run) -> Self {
        let counted = || Counted::new(run.0.times.seconds);
        Self { run: run.clone(), counted: [counted(), counted()], end_to_end_us: latencies() }
    }

    /// A request that took so long since it, or the first of its records, was due is answered now.
    pub fn count(&mut self, request: Request, took_ns: u64) {
        let shared = &self.run.0;
        let Some(opened) = shared.opened.get().filter(|_| self.run.is_open()) else { return };
        let Request { direction, step_ns, bytes, records } = request;
        let at_ns = opened.elapsed().as_nanos() as u64;
        self.counted[direction as usize].add(Answered { at_ns, took_ns, step_ns, bytes, records });
        let so_far = shared.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        shared.records.fetch_add(records, Ordering::Relaxed);
        if matches!(shared.times.end, End::Bytes(all) if so_far >= all) {
            self.run.done();
        }
    }

    /// A consumer has a record now, so long after it was due.
    pub fn came_through(&mut self, took_ns: u64) {
        if self.run.is_open() {
            self.end_to_end_us.saturating_record((took_ns / 1000).max(1));
        }
    }

    /// Gives what was counted to the run.
    pub fn add_to_run(&self) {
        let mut outcome = self.run.outcome();
        outcome.produced.merge(&self.counted[Direction::Produced as usize]);
        outcome.fetched.merge(&self.counted[Direction::Fetched as usize]);
        outcome.end_to_end_us.add(&self.end_to_end_us).expect("histograms with the same bounds");
    }
}

/// One shard's counters, on the shards' clock. Clones are the same counters.
#[derive(Clone)]
pub struct Meter {
    run: Run,
    tally: Rc<RefCell<Tally>>,
}

impl Meter {
    pub fn new(run: &Run) -> Self {
        Self { run: run.clone(), tally: Rc::new(RefCell::new(Tally::new(run))) }
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    /// A request is answered now that, or the first of whose records, was due at `due_ns`.
    pub fn count(&self, request: Request, due_ns: u64) {
        let took_ns = shards::monotonic_ns().saturating_sub(due_ns);
        self.tally.borrow_mut().count(request, took_ns);
    }

    /// A consumer has a record now that was due then.
    pub fn came_through(&self, due_ns: u64) {
        self.tally.borrow_mut().came_through(shards::monotonic_ns().saturating_sub(due_ns));
    }

    /// Gives what was counted to the run.
    pub fn add_to_run(&self) {
        self.tally.borrow().add_to_run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run::new(Times { warm_up: 0, seconds: 1, end: End::Time, broker: None })
    }

    #[test]
    fn the_first_failure_is_told() {
        let run = run();
        run.fail("first".into());
        run.fail("second".into());
        assert!(run.has_ended());
        assert_eq!(run.measured().err().as_deref(), Some("first"));
    }

    fn opened(end: End) -> Run {
        let run = Run::new(Times { warm_up: 0, seconds: 1, end, broker: None });
        run.0.opened.get_or_init(Instant::now);
        run.0.phase.store(OPEN, Ordering::Relaxed);
        run
    }

    #[test]
    fn enough_bytes_end_a_run_whose_end_they_are() {
        let run = opened(End::Bytes(100));
        let mut tally = Tally::new(&run);
        let request = Request { direction: Direction::Produced, step_ns: 0, bytes: 60, records: 1 };
        tally.count(request, 1);
        assert!(!run.has_ended());
        tally.count(request, 1);
        assert!(run.has_ended() && run.0.done.get().is_some());
        tally.count(request, 1);
        assert_eq!(run.0.bytes.load(Ordering::Relaxed), 120, "what comes behind the end does not count");
    }

    #[test]
    fn the_last_one_that_has_nothing_to_do_ends_a_run_of_work() {
        let (work, time) = (opened(End::Work(2)), opened(End::Time));
        for run in [&work, &time] {
            run.idle();
            assert!(!run.has_ended());
            run.idle();
        }
        assert!(work.has_ended() && !time.has_ended());
    }

    #[test]
    fn what_is_cut_short_before_anything_was_measured_has_failed() {
        let run = run();
        run.cut_short("the broker is gone".into());
        assert_eq!(run.measured().err().as_deref(), Some("the broker is gone"));
    }
}
