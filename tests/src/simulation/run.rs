//! One run: a broker, its clients, and what befalls the machine.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use logan::broker::{Mutations, Shortages, Snapshots};
use logan::limits;
use logan_raft::Limits;
use logan_shards::sim::{NetworkOptions, SimOptions, Simulation};
use logan_shards::{Flushing, spawn};
use logan_storage::key::FOLDER;

use super::damage;
use super::disks;
use super::epochs;
use super::laggards;
use super::lives::{self, Lives};
use super::lost;
use super::node::{Broker, Setup};
use super::pipeline::Pipeline;
use super::sessions;
use super::unsynced::{self, Unsynced};
use super::work::{self, Shared};

pub(super) const LONG: Duration = Duration::from_hours(1);
/// Longer than the broker waits for a peer that is gone.
pub(super) const REST: Duration = Duration::from_millis(2 * limits::WRITE_STALL_MS);
/// After so many batches without an exhausted credit there is something wrong with the test.
const MAX_BATCHES: u32 = 2_000;
/// Memory of a shard where it is scarce: less than the largest request with a few others needs.
const SCARCE: u64 = 512 << 10;
/// A snapshot of the metadata after about every change, or after some, and in one of four runs none.
const SNAPSHOTS_AFTER_BYTES: [u64; 4] = [300, 2_000, 10_000, Limits::standard().snapshot_after_bytes];

/// What the clients of a run do, and what befalls the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// One request in flight per producer, batches of all sizes.
    Plain,
    /// Lanes of two messages, producers with five requests in flight, every partition on another shard than its producers'
    /// connections.
    ShortLanes,
    /// One to three log directories, which fail, hang, fill up and cannot be read at start.
    Disks,
    /// Consumers with fetch sessions, of which there is not room for all.
    Sessions,
    /// Bits that turn over on one to three log directories.
    Damage,
    /// A write that the disk says it has done, and has not, on one to three log directories.
    Lost,
    /// As much memory as a few requests need, and clients that read late.
    Memory,
    /// Acknowledged before it is flushed; the process is killed and stopped, and the power stays.
    Killed,
    /// Acknowledged before it is flushed, and the power goes.
    Unsynced,
}

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Run {
    pub seed: u64,
    pub scenario: Scenario,
    pub shards: u16,
    pub directories: usize,
    pub partitions: i32,
    pub producers: u32,
    /// Of each producer.
    pub batches: u32,
    /// With fetch sessions.
    pub consumers: u32,
    /// That read late.
    pub laggards: u32,
    /// How often the machine goes down before the last time.
    pub crashes: u32,
    /// Bytes of the metadata log after which a snapshot takes its place.
    pub snapshot_after_bytes: u64,
    pub mutations: Mutations,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub trace: u64,
    pub acknowledged: usize,
    pub starts: u32,
    /// Messages between shards that had to wait for lane credit.
    pub credits_waited_for: u64,
    /// How often there was not enough memory.
    pub shortages: Shortages,
    /// Of the metadata.
    pub snapshots: Snapshots,
    /// Of virtual time.
    pub took: Duration,
    pub lives: Lives,
    pub struck: Struck,
}

/// Who takes part in a run.
pub(super) struct Stage {
    pub simulation: Simulation,
    pub broker: Rc<Broker>,
    pub shared: Rc<Shared>,
    /// The clients have done all they had to do.
    pub done: Rc<Cell<bool>>,
    /// What befell the disks, for whoever looks into a failure.
    pub befell: RefCell<Vec<String>>,
    pub directories: Vec<&'static str>,
    struck: RefCell<Struck>,
    can_lose_names: bool,
    is_synced: bool,
}

/// What really befell disks, and how often.
pub type Struck = BTreeMap<String, u32>;

impl Scenario {
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::ShortLanes,
        Self::Sessions,
        Self::Memory,
        Self::Disks,
        Self::Damage,
        Self::Lost,
        Self::Killed,
        Self::Unsynced,
    ];
    /// What disks that work must let hold.
    pub const HELD: [Self; 4] = [Self::Plain, Self::ShortLanes, Self::Sessions, Self::Memory];

    /// Whether a flush precedes every acknowledgement.
    fn is_synced(self) -> bool {
        !matches!(self, Self::Killed | Self::Unsynced)
    }

    /// Whether nothing befalls disks but that the machine goes down.
    pub fn has_sound_disks(self) -> bool {
        !matches!(self, Self::Disks | Self::Damage | Self::Lost)
    }

    /// Whether nothing but the broker keeps a request from being answered, or its connection from ending. Where the network carries a byte at a
    /// time, a client may have given up before.
    pub fn has_calm_network(self) -> bool {
        self != Self::Plain
    }

    /// How long a client waits for an answer before it takes the connection for dead.
    pub fn patience(self) -> Duration {
        match self {
            // A deletion, say, needs some ten operations of a disk one after another, each of which may take 30 s before its directory
            // fails.
            Self::Disks => Duration::from_mins(6),
            // A stop ends within that time whatever its clients do, and so does a fetch that waits for 30 s.
            _ => Duration::from_secs(40),
        }
    }
}

impl Run {
    /// Scenario and sizes that the seed chooses, small enough for a thousand runs in a few minutes.
    pub fn of(seed: u64) -> Self {
        Self::with(seed, Scenario::HELD[(seed % Scenario::HELD.len() as u64) as usize])
    }

    /// A scenario with the sizes that the seed chooses.
    pub fn with(seed: u64, scenario: Scenario) -> Self {
        let mut draw = Draw(seed ^ 0x5eed);
        let run = Self {
            seed,
            scenario,
            shards: 1 + draw.below(3) as u16,
            directories: 1,
            partitions: 1 + draw.below(3) as i32,
            producers: 1 + draw.below(3) as u32,
            batches: 4 + draw.below(12) as u32,
            consumers: 0,
            laggards: 0,
            crashes: draw.below(4) as u32,
            snapshot_after_bytes: Draw(seed ^ 0x54a9).one_of(&SNAPSHOTS_AFTER_BYTES),
            mutations: Mutations::default(),
        };
        match scenario {
            Scenario::Plain => run,
            Scenario::ShortLanes => Self { shards: run.shards.max(2), batches: 2 * run.batches, ..run },
            Scenario::Disks | Scenario::Damage | Scenario::Lost => Self {
                directories: 1 + draw.below(disks::DIRECTORIES.len() as u64) as usize,
                partitions: 3,
                producers: 3,
                crashes: run.crashes.max(1),
                ..run
            },
            Scenario::Killed => Self { partitions: 3, producers: 3, crashes: 1 + run.crashes, ..run },
            Scenario::Unsynced => Self { producers: 4, crashes: 2 + run.crashes, ..run },
            Scenario::Sessions => {
                let session_epoch = draw.one_of(&[None, Some(i32::MAX - 3)]);
                let mutations = Mutations { session_epoch, ..Mutations::default() };
                Self { partitions: 1 + draw.below(6) as i32, producers: 3, consumers: 3, mutations, ..run }
            }
            Scenario::Memory => {
                Self { partitions: 1 + draw.below(6) as i32, producers: 6, consumers: 1, laggards: 4, ..run }
            }
        }
    }

    fn setup(&self) -> Setup {
        let directories = disks::DIRECTORIES[..self.directories].join(",");
        let mut overrides = vec![format!("log.dirs={directories}")];
        if self.scenario == Scenario::ShortLanes {
            overrides.push(format!("logan.lane.messages={}", limits::MIN_LANE_MESSAGES));
        }
        if self.scenario == Scenario::Sessions {
            overrides.push(format!("max.incremental.fetch.session.cache.slots={}", 2 * self.shards));
        }
        if self.scenario == Scenario::Memory {
            overrides.push(format!("logan.memory.bytes={}", u64::from(self.shards) * SCARCE));
        }
        if !self.scenario.is_synced() {
            overrides.push("logan.ack.sync=false".into());
        }
        Setup {
            shards: self.shards,
            overrides,
            snapshot_after_bytes: self.snapshot_after_bytes,
            mutations: self.mutations,
        }
    }

    fn options(&self) -> SimOptions {
        let mut options = SimOptions::rough(self.seed);
        options.repeat = format!(
            "LOGAN_SEED={} LOGAN_SCENARIO={:?} cargo test -p logan-tests --test simulation one_seed",
            self.seed, self.scenario
        );
        // In every fourth run of each scenario no flush stands for other files.
        if self.seed / Scenario::HELD.len() as u64 % 4 == 3 {
            options.disk.flushing = Flushing::PerFile { reason: "a simulated file system".into() };
        }
        match self.scenario {
            Scenario::Plain => {}
            // Requests that are sent together must be able to arrive together; and how long a fetch slept cannot be told where its answer
            // comes a byte at a time.
            Scenario::ShortLanes
            | Scenario::Sessions
            | Scenario::Memory
            | Scenario::Killed
            | Scenario::Unsynced => {
                options.network.buffer_bytes = NetworkOptions::calm().buffer_bytes;
            }
            // Whether a request is answered must not depend on the way to the client.
            Scenario::Disks | Scenario::Damage | Scenario::Lost => {
                options.network = NetworkOptions::calm();
                options.fail_stop = true;
            }
        }
        options
    }
}

/// Choices of the test itself, apart from those of the machine.
pub(super) struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64, Steele et al. 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Runs the seed. Panics of the broker and of the machine's own checks go through.
pub fn run(run: &Run) -> Result<Outcome, String> {
    let simulation = Simulation::new(run.options());
    let broker = Rc::new(Broker::add(&simulation, &run.setup()));
    let shared = Shared::new(run);
    let done = Rc::new(Cell::new(false));
    simulation.spawn(clients(shared.clone(), broker.clone(), run.clone(), done.clone())).detach();
    let directories = disks::DIRECTORIES[..run.directories].to_vec();
    let stage = Stage {
        simulation,
        broker,
        shared,
        done,
        befell: RefCell::default(),
        directories,
        struck: RefCell::default(),
        can_lose_names: matches!(run.scenario, Scenario::Damage | Scenario::Lost),
        is_synced: run.scenario.is_synced(),
    };
    if matches!(run.scenario, Scenario::Damage | Scenario::Lost) {
        stage.await_clients()?;
    }
    let mut draw = Draw(run.seed ^ 0xc4a5);
    let mut unsynced = Unsynced::default();
    let mut is_whole = true;
    for _ in 0..run.crashes {
        if !is_whole {
            break;
        }
        match run.scenario {
            Scenario::Plain | Scenario::ShortLanes | Scenario::Sessions | Scenario::Memory => {
                stage.disturb(&mut draw);
            }
            Scenario::Killed => stage.kill(&mut draw),
            Scenario::Unsynced => unsynced.disturb(&stage, run, &mut draw),
            Scenario::Disks => disks::disturb(&stage, &disks::DIRECTORIES[..run.directories], &mut draw),
            Scenario::Damage => damage::disturb(&stage, &disks::DIRECTORIES[..run.directories], &mut draw),
            Scenario::Lost => {
                is_whole = lost::disturb(&stage, &disks::DIRECTORIES[..run.directories], &mut draw);
            }
        }
    }
    let finished = if is_whole { stage.finish() } else { stage.is_violated() };
    finished.map_err(|reason| {
        let befell = stage.befell.borrow();
        if befell.is_empty() { reason } else { format!("{reason}\nbefore: {}", befell.join(", ")) }
    })?;
    let (broker, shared) = (&stage.broker, &stage.shared);
    let is_shown = broker.credits_waited_for() > 0 || shared.refused.get() > 0;
    if run.scenario == Scenario::ShortLanes && !is_shown {
        return Err("no message had to wait for lane credit: the run shows nothing".into());
    }
    Ok(Outcome {
        shortages: broker.shortages(),
        snapshots: broker.snapshots(),
        trace: stage.simulation.trace_hash(),
        acknowledged: shared.history.borrow().acknowledged_count(),
        starts: broker.starts(),
        credits_waited_for: broker.credits_waited_for(),
        took: stage.simulation.now(),
        lives: shared.counted.get(),
        struck: stage.struck.take(),
    })
}

impl Stage {
    /// The machine goes down in one of several ways, at a moment that the seed chooses, and comes up again.
    fn disturb(&self, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        match draw.below(4) {
            0 => {
                simulation.run_for(Duration::from_micros(draw.below(200_000)));
                simulation.kill(node);
            }
            1 => {
                simulation.run_for(Duration::from_micros(draw.below(200_000)));
                if draw.below(2) == 0 { self.stop_cleanly() } else { self.cut_stop(draw) }
            }
            _ => {
                let at = simulation.io_events(node) + 1 + draw.below(400);
                simulation.crash_at_io(node, at);
                simulation.run_until(|| !simulation.is_running(node) || self.done.get(), LONG);
                // If the clients were done first, nothing is to happen any more.
                simulation.crash_at_io(node, u64::MAX);
            }
        }
        self.restart();
    }

    /// The process is killed, or asked to stop and killed before it has, perhaps.
    fn kill(&self, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        let of_life = 1 + draw.below(400);
        let at = simulation.io_events(node) + of_life;
        simulation.run_until(|| simulation.io_events(node) >= at || self.done.get(), LONG);
        match draw.below(4) {
            0 => self.stop_cleanly(),
            1 => {
                self.shared.clean_stops.set(self.shared.clean_stops.get() + 1);
                simulation.request_stop(node);
                simulation.run_for(Duration::from_micros(draw.below(20_000)));
                simulation.kill(node);
            }
            _ => simulation.kill(node),
        }
        self.restart();
    }

    /// Asks the broker to stop; before it has, the power goes, or the process is killed.
    fn cut_stop(&self, draw: &mut Draw) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        // What a clean stop makes a broker forget of producers it may forget now.
        self.shared.clean_stops.set(self.shared.clean_stops.get() + 1);
        simulation.request_stop(node);
        if draw.below(2) == 0 {
            simulation.run_for(Duration::from_micros(draw.below(20_000)));
            simulation.kill(node);
        } else {
            simulation.crash_at_io(node, simulation.io_events(node) + 1 + draw.below(300));
            let outcome = simulation.run_until(|| !simulation.is_running(node), LONG);
            if simulation.is_running(node) {
                self.shared.fail(format!("the stop did not end: {outcome:?}\n{}", self.broker.describe()));
            }
            simulation.crash_at_io(node, u64::MAX);
        }
    }

    /// Asks the broker to stop, and waits until it has.
    pub fn stop(&self) {
        let (simulation, node) = (&self.simulation, self.broker.node);
        simulation.request_stop(node);
        self.shared.clean_stops.set(self.shared.clean_stops.get() + 1);
        let outcome = simulation.run_until(|| !simulation.is_running(node), LONG);
        if simulation.is_running(node) {
            self.shared.fail(format!("the stop did not end: {outcome:?}\n{}", self.broker.describe()));
        }
    }

    /// As [`Self::stop`] of a broker whose disks are whole: if it was ready, it leaves directories that Kafka can open, without its own files.
    fn stop_cleanly(&self) {
        let node = self.broker.node;
        let was_ready = self.broker.ready() > self.shared.ready_before.get();
        self.stop();
        let is_left =
            |directory: &&&str| self.simulation.has_directory(node, &format!("{directory}/{FOLDER}"));
        if let Some(directory) = self.directories.iter().find(is_left).filter(|_| was_ready) {
            self.shared.fail(format!("{directory} was not closed cleanly by a stop"));
        }
    }

    pub fn restart(&self) {
        if !self.simulation.is_running(self.broker.node) {
            self.shared.begin_life(self.broker.ready());
            self.simulation.restart(self.broker.node);
        }
    }

    /// Something really befell a disk.
    pub fn strike(&self, what: &str) {
        *self.struck.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    pub fn has_failed(&self) -> bool {
        self.shared.violation.borrow().is_some()
    }

    /// The clients have done all they had to do.
    pub fn is_done(&self) -> bool {
        self.done.get()
    }

    /// Lets the clients finish.
    pub fn await_clients(&self) -> Result<(), String> {
        let finished = || self.done.get() || self.has_failed() || self.broker.has_failed_starts();
        let outcome = self.simulation.run_until(finished, LONG);
        self.broker.is_started()?;
        if !finished() {
            let (now, stuck) = (self.simulation.now(), self.broker.describe());
            return Err(format!("the clients did not finish: {outcome:?} after {now:?}\n{stuck}"));
        }
        self.is_violated()
    }

    pub fn is_violated(&self) -> Result<(), String> {
        self.shared.violation.borrow().clone().map_or(Ok(()), Err)
    }

    /// Lets the clients finish, and checks what the disk has of it.
    fn finish(&self) -> Result<(), String> {
        self.await_clients()?;
        self.come_to_rest()?;
        if !self.is_synced {
            // What was acknowledged was not flushed: a start does that, before it believes it.
            self.simulation.kill(self.broker.node);
            damage::start(self)?;
        }
        // Once more, so that everything acknowledged must come from the disk.
        self.simulation.power_loss(self.broker.node);
        self.broker.is_gone()?;
        let ready = self.broker.ready();
        self.restart();
        let is_up = || self.broker.ready() > ready || self.broker.has_failed_starts();
        self.simulation.run_until(is_up, LONG);
        self.broker.is_started()?;
        self.verify()?;
        let unexpected = [self.broker.failed_starts(), self.simulation.fail_stops()].concat();
        if unexpected.is_empty() { Ok(()) } else { Err(unexpected.join("; ")) }
    }

    /// Everything that was charged for memory is given back.
    fn come_to_rest(&self) -> Result<(), String> {
        self.simulation.run_for(REST);
        if !self.simulation.is_running(self.broker.node) {
            return Ok(());
        }
        self.broker.has_cut_metadata()?;
        self.broker.is_at_rest()
    }

    fn verify(&self) -> Result<(), String> {
        self.is_violated()?;
        let (logs, topics) = {
            let shared = self.shared.clone();
            let all = async move {
                let logs = work::read_all(shared.clone()).await;
                epochs::ask_all(&shared).await;
                (logs, work::list_topics(&shared).await)
            };
            self.simulation.block_on(LONG, all)
        };
        self.is_violated()?;
        {
            let history = self.shared.history.borrow();
            history.check(&logs)?;
            history.topics_are_as_acknowledged(&topics)?;
        }
        lives::check_all(self);
        self.is_violated()?;
        // A directory that does not say any more whose it is is set aside.
        if self.can_lose_names {
            return Ok(());
        }
        self.directories.iter().try_for_each(|directory| lives::leftovers(self, directory))
    }
}

async fn clients(shared: Rc<Shared>, broker: Rc<Broker>, run: Run, done: Rc<Cell<bool>>) {
    if run.scenario == Scenario::Unsynced {
        unsynced::create_topic(&shared, run.seed).await;
        return done.set(true);
    }
    work::create_topic(&shared, Vec::new()).await;
    let queue = logan_shards::Queue::Control;
    let producers: Vec<_> = (0..run.producers)
        .map(|producer| {
            let partition = producer as i32 % run.partitions;
            let (shared, broker, run) = (shared.clone(), broker.clone(), run.clone());
            spawn(queue, produce(shared, broker, run, producer, partition))
        })
        .collect();
    let reading = Rc::new(Cell::new(true));
    let reader = {
        let reading = reading.clone();
        spawn(queue, work::consume(shared.clone(), 0, move |_| !reading.get()))
    };
    let consumers: Vec<_> = (0..run.consumers)
        .map(|number| spawn(queue, sessions::consume(shared.clone(), number, reading.clone())))
        .collect();
    let laggards: Vec<_> = (0..run.laggards)
        .map(|number| {
            let partition = number as i32 % run.partitions;
            let is_patient = number + 1 == run.laggards;
            spawn(queue, laggards::read_late(shared.clone(), partition, is_patient, reading.clone()))
        })
        .collect();
    let writes = Scenario::HELD.contains(&run.scenario) || run.scenario == Scenario::Killed;
    let watcher = spawn(queue, epochs::watch(shared.clone(), reading.clone()));
    let readers = lives::live(shared.clone(), if writes { 6 } else { 4 }, writes).await;
    for producer in producers {
        producer.await;
    }
    reading.set(false);
    shared.lives_are_over.set(true);
    reader.await;
    watcher.await;
    for consumer in consumers.into_iter().chain(laggards).chain(readers) {
        consumer.await;
    }
    done.set(true);
}

async fn produce(shared: Rc<Shared>, broker: Rc<Broker>, run: Run, producer: u32, partition: i32) {
    match run.scenario {
        Scenario::Plain
        | Scenario::Disks
        | Scenario::Sessions
        | Scenario::Memory
        | Scenario::Damage
        | Scenario::Lost
        | Scenario::Killed
        | Scenario::Unsynced => {
            work::produce(shared, producer, partition, run.batches).await;
        }
        Scenario::ShortLanes => {
            let pipeline = Pipeline::new(shared, producer, partition).await;
            // A run that has not exhausted any credit yet goes on until it has.
            let goes_on = move |made| broker.credits_waited_for() == 0 && made < MAX_BATCHES;
            pipeline.run(run.batches, goes_on).await;
        }
    }
}
