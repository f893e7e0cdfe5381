//! One run: when it counts, when it ends, and what came of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use logan_shards::{self as shards, Stop};

use super::counted::Counted;
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

const CONNECTING: u8 = 0;
const WARMING_UP: u8 = 1;
const OPEN: u8 = 2;
const CLOSED: u8 = 3;

/// How long a run takes.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Seconds that are not measured, and those that are.
    pub warm_up: u64,
    pub seconds: u64,
    pub end: End,
    /// That must be made before anything begins.
    pub connections: u64,
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
    /// When the window was opened and closed.
    opened: OnceLock<Instant>,
    closed: OnceLock<Instant>,
    /// Connections that are ready to begin, and those that have nothing more to do.
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
    /// The topics grew by what was acknowledged.
    has_grown: AtomicBool,
    /// Consumers that must read all that is sent, and those that have.
    readers: AtomicU64,
    have_read: AtomicU64,
    /// Where each partition ends, at least, by what was acknowledged.
    ends: Mutex<Vec<i64>>,
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
            phase: AtomicU8::new(CONNECTING),
            opened: OnceLock::new(),
            closed: OnceLock::new(),
            ready: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            before: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            in_order: AtomicU64::new(0),
            known: AtomicU64::new(0),
            has_grown: AtomicBool::new(false),
            readers: AtomicU64::new(0),
            have_read: AtomicU64::new(0),
            ends: Mutex::default(),
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

    /// A connection is ready. Waits until all are, and, where work is what ends the run, until the window is open, so that nothing but the work counts.
    pub async fn until_all_are_ready(&self) {
        self.0.ready.fetch_add(1, Ordering::Relaxed);
        let awaited = if matches!(self.0.times.end, End::Work(_)) { OPEN } else { WARMING_UP };
        while self.0.phase.load(Ordering::Acquire) < awaited {
            shards::sleep(SOON).await;
        }
    }

    /// A connection has nothing more to do. The last one ends the run, if that is its end.
    pub fn idle(&self) {
        let idle = self.0.idle.fetch_add(1, Ordering::Relaxed) + 1;
        if self.0.times.end == End::Work(idle) {
            self.close();
        }
    }

    /// Closes the window, if nobody has yet.
    fn close(&self) {
        self.0.closed.get_or_init(Instant::now);
        self.0.phase.store(CLOSED, Ordering::Release);
    }

    /// The next phase, unless the run has ended meanwhile, which it says by `false`.
    fn go_on(&self, from: u8, to: u8) -> bool {
        self.0.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A partition ends at least there, as the broker acknowledged.
    pub fn ends_at(&self, slot: usize, end: i64) {
        let mut ends = self.0.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() <= slot {
            ends.resize(slot + 1, 0);
        }
        ends[slot] = ends[slot].max(end);
    }

    /// The topics grew by what was acknowledged, and by nothing else.
    pub fn has_grown(&self) {
        self.0.has_grown.store(true, Ordering::Relaxed);
    }

    /// A consumer must read all that is sent.
    pub fn will_read(&self) {
        self.0.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// A consumer has read all that was sent.
    pub fn has_read(&self) {
        self.0.have_read.fetch_add(1, Ordering::Relaxed);
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
        self.0.phase.load(Ordering::Acquire) == CLOSED
    }

    /// When what began so long ago did, since the window was opened; nothing, if it did not begin while the window was open.
    fn began_in_window(&self, ago_ns: u64) -> Option<u64> {
        let opened = self.0.opened.get()?;
        let window_ns = self.0.closed.get().map_or(u64::MAX, |closed| (*closed - *opened).as_nanos() as u64);
        let began_ns = (opened.elapsed().as_nanos() as u64).checked_sub(ago_ns)?;
        (began_ns < window_ns).then_some(began_ns)
    }

    /// How long ago the window was closed, if it was closed because its time was over.
    pub fn since_its_end(&self) -> Option<Duration> {
        let outcome = self.outcome();
        let is_in_order = outcome.error.is_none() && outcome.cut_short.is_none();
        self.0.closed.get().filter(|_| is_in_order).map(Instant::elapsed)
    }

    pub fn is_open(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == OPEN
    }

    /// What was read is not what was sent, or nothing can be measured: the run ends, without figures. The first reason is the one that is told.
    pub fn fail(&self, reason: String) {
        self.outcome().error.get_or_insert(reason);
        self.close();
    }

    /// The run cannot go on; what was measured until now is kept.
    pub fn cut_short(&self, reason: String) {
        if self.0.phase.load(Ordering::Acquire) < OPEN {
            return self.fail(reason);
        }
        self.outcome().cut_short.get_or_insert(reason);
        self.close();
    }

    /// Whether whoever waits for figures will get none.
    pub fn has_failed(&self) -> bool {
        self.outcome().error.is_some()
    }

    /// Opens the window after the warm-up, closes it at its end, and looks at the processes at both.
    pub async fn keep_time(&self, stop: &Stop) {
        let Times { warm_up, seconds, broker, end, .. } = self.0.times;
        if !self.all_are_ready(stop).await {
            return;
        }
        let is_work = matches!(end, End::Work(_));
        let is_warm =
            is_work || self.go_on(CONNECTING, WARMING_UP) && self.wait(warm_up, stop, "warming up").await;
        if !is_warm {
            return;
        }
        let before = match look(broker) {
            Ok(before) => before,
            Err(error) => return self.fail(error),
        };
        let opened = *self.0.opened.get_or_init(Instant::now);
        if !self.go_on(if is_work { CONNECTING } else { WARMING_UP }, OPEN) {
            return;
        }
        if self.wait(seconds, stop, "measuring").await && end != End::Time {
            self.cut_short(format!("not everything was done within {seconds} seconds"));
        }
        self.close();
        let window = *self.0.closed.get_or_init(Instant::now) - opened;
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
                outcome.broker =
                    before.1.as_ref().zip(broker).map(|(before, after)| Spent::between(before, &after));
            }
            // The broker is gone, which is told already if it is why the run ended.
            Err(error) => {
                outcome.cut_short.get_or_insert(error);
                outcome.client =
                    process::sample(std::process::id()).ok().map(|client| Spent::between(&before.0, &client));
            }
        }
    }

    /// Waits until every connection is ready; `false` if the run ended meanwhile.
    async fn all_are_ready(&self, stop: &Stop) -> bool {
        while self.0.ready.load(Ordering::Relaxed) < self.0.times.connections && !self.is_over(stop) {
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
                has_grown: self.0.has_grown.load(Ordering::Relaxed),
                has_all_been_read: {
                    let readers = self.0.readers.load(Ordering::Relaxed);
                    readers > 0 && self.0.have_read.load(Ordering::Relaxed) == readers
                },
            },
            ends: self.0.ends.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            rate: None,
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
    /// Between its records' due times, where it was due by the clock.
    pub step_ns: Option<u64>,
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

    /// A request that took so long since it, or the first of its records, was due is answered now. What was due by the clock while the window was open
    /// counts as a wait whenever it is answered, or a stall at the window's end would not be seen; the rest, if the window is open.
    pub fn count(&mut self, request: Request, took_ns: u64) {
        let Request { direction, step_ns, records, .. } = request;
        match step_ns {
            Some(step_ns) => {
                for nth in 0..records {
                    self.count_wait(direction, took_ns.saturating_sub(nth * step_ns));
                }
            }
            None => {
                if let Some(opened) = self.run.0.opened.get().filter(|_| self.run.is_open()) {
                    self.counted[direction as usize].add_wait(opened.elapsed().as_nanos() as u64, took_ns);
                }
            }
        }
        self.count_answer(request);
    }

    /// Somebody has waited so long until now, at least. It counts if that began while the window was open.
    fn count_wait(&mut self, direction: Direction, took_ns: u64) {
        if let Some(due_ns) = self.run.began_in_window(took_ns) {
            self.counted[direction as usize].add_wait(due_ns, took_ns);
        }
    }

    /// Records that were due one after the other, the first of them so long ago, were not answered, or not even sent: they have waited that long at
    /// least. Those that were due while the window was open count.
    pub fn count_unanswered(&mut self, waited_ns: u64, step_ns: u64) {
        for later_ns in (0..waited_ns).step_by(step_ns.max(1) as usize) {
            self.count_wait(Direction::Produced, waited_ns - later_ns);
        }
    }

    fn count_answer(&mut self, request: Request) {
        let shared = &self.run.0;
        let Some(opened) = shared.opened.get().filter(|_| self.run.is_open()) else { return };
        let Request { direction, bytes, records, .. } = request;
        self.counted[direction as usize].add_answer(opened.elapsed().as_nanos() as u64, bytes, records);
        let so_far = shared.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        shared.records.fetch_add(records, Ordering::Relaxed);
        if matches!(shared.times.end, End::Bytes(all) if so_far >= all) {
            self.run.close();
        }
    }

    /// A consumer has a record now, so long after it was due.
    pub fn came_through(&mut self, took_ns: u64) {
        if self.run.began_in_window(took_ns).is_some() {
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

    /// As [`Tally::count_unanswered`], of records the first of which was due at `due_ns`.
    pub fn count_unanswered(&self, due_ns: u64, step_ns: u64) {
        let waited_ns = shards::monotonic_ns().saturating_sub(due_ns);
        self.tally.borrow_mut().count_unanswered(waited_ns, step_ns);
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
        Run::new(Times { warm_up: 0, seconds: 1, end: End::Time, connections: 0, broker: None })
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
        let run = Run::new(Times { warm_up: 0, seconds: 1, end, connections: 0, broker: None });
        run.0.opened.get_or_init(Instant::now);
        run.0.phase.store(OPEN, Ordering::Relaxed);
        run
    }

    #[test]
    fn enough_bytes_end_a_run_whose_end_they_are() {
        let run = opened(End::Bytes(100));
        let mut tally = Tally::new(&run);
        let request = Request { direction: Direction::Produced, step_ns: None, bytes: 60, records: 1 };
        tally.count(request, 1);
        assert!(!run.has_ended());
        tally.count(request, 1);
        assert!(run.has_ended() && run.0.closed.get().is_some());
        tally.count(request, 1);
        assert_eq!(run.0.bytes.load(Ordering::Relaxed), 120, "what comes behind the end does not count");
    }

    /// Ten records were due in the window's last milliseconds. Nine of them are answered behind its end, and one was never sent.
    #[test]
    fn what_was_due_and_not_answered_in_time_counts_as_a_wait() {
        let run = opened(End::Time);
        let mut tally = Tally::new(&run);
        std::thread::sleep(Duration::from_millis(20));
        run.close();
        std::thread::sleep(Duration::from_millis(50));
        let paced = |records| Request {
            direction: Direction::Produced,
            step_ns: Some(1_000_000),
            bytes: 60,
            records,
        };
        tally.count(paced(9), 60_000_000);
        // This one was never sent.
        tally.count_wait(Direction::Produced, 65_000_000);
        // This one was due before the window was opened, and this one behind its end.
        tally.count(paced(1), 900_000_000);
        tally.count(paced(1), 1_000_000);
        let side = tally.counted[0].side(Duration::from_millis(20));
        assert_eq!((side.records, tally.counted[0].waits()), (0, 10));
        let latency = side.latency.unwrap();
        assert!((64.0..66.0).contains(&latency.max_ms) && latency.p50_ms > 50.0, "{latency:?}");
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
