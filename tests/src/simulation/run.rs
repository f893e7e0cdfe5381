//! One run: a broker, its clients, and what befalls the machine.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use logan::broker::{Loads, Plan, StartError, shard_main};
use logan::config::Settings;
use logan::mail::Mail;
use logan_shards::sim::{NodeId, SimOptions, Simulation};
use logan_shards::spawn;
use logan_storage::Mutations;

use super::history::History;
use super::work::{self, Shared};

const LONG: Duration = Duration::from_hours(1);

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Run {
    pub seed: u64,
    pub shards: u16,
    pub partitions: i32,
    pub producers: u32,
    /// Of each producer.
    pub batches: u32,
    /// How often the machine goes down before the last time.
    pub crashes: u32,
    pub mutations: Mutations,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub trace: u64,
    pub acknowledged: usize,
    pub starts: u32,
    /// Of virtual time.
    pub took: Duration,
}

impl Run {
    /// Sizes that the seed chooses, small enough for a thousand runs in a few minutes.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw(seed ^ 0x5eed);
        Self {
            seed,
            shards: 1 + draw.below(3) as u16,
            partitions: 1 + draw.below(3) as i32,
            producers: 1 + draw.below(3) as u32,
            batches: 4 + draw.below(12) as u32,
            crashes: draw.below(4) as u32,
            mutations: Mutations::default(),
        }
    }
}

/// Choices of the test itself, apart from those of the machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64, Steele et al. 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Runs the seed. Panics of the broker and of the machine's own checks go through.
pub fn run(run: &Run) -> Result<Outcome, String> {
    let mut options = SimOptions::rough(run.seed);
    options.repeat =
        format!("LOGAN_SEED={} cargo test --release -p logan-tests --test simulation one_seed", run.seed);
    let simulation = Simulation::new(options);
    let starts = Rc::new(Cell::new(0));
    let node = add_broker(&simulation, run, &starts);
    let shared = Rc::new(Shared {
        history: RefCell::new(History::default()),
        violation: RefCell::new(None),
        partitions: run.partitions,
    });
    let done = Rc::new(Cell::new(false));
    simulation.spawn(clients(shared.clone(), run.clone(), done.clone())).detach();
    let mut draw = Draw(run.seed ^ 0xc4a5);
    for _ in 0..run.crashes {
        disturb(&simulation, node, &mut draw, &done);
    }
    let finished = || done.get() || shared.violation.borrow().is_some();
    simulation.run_until(finished, LONG);
    if !finished() {
        return Err("the clients did not finish".into());
    }
    // Once more, so that everything acknowledged must come from the disk.
    simulation.power_loss(node);
    restart(&simulation, node);
    verify(&simulation, &shared)?;
    Ok(Outcome {
        trace: simulation.trace_hash(),
        acknowledged: shared.history.borrow().acknowledged_count(),
        starts: starts.get(),
        took: simulation.now(),
    })
}

fn add_broker(simulation: &Simulation, run: &Run, starts: &Rc<Cell<u32>>) -> NodeId {
    let overrides: Vec<String> =
        ["node.id=1", "listeners=PLAINTEXT://0.0.0.0:9092", "log.dirs=/data", "num.partitions=2"]
            .iter()
            .map(ToString::to_string)
            .chain(["advertised.listeners=PLAINTEXT://logan:9092".to_owned()])
            .collect();
    let settings = Settings::read(None, &overrides, "logan").unwrap_or_else(|errors| panic!("{errors}"));
    let report: Arc<dyn Fn(Result<logan::broker::Ready, StartError>) + Send + Sync> = Arc::new(|ready| {
        if let Err(error) = ready {
            panic!("the broker did not start: {error}");
        }
    });
    let plan = Plan {
        settings: Arc::new(settings),
        accept_loss: false,
        report,
        mutations: run.mutations,
        loads: Loads::new(run.shards),
    };
    let starts = starts.clone();
    simulation.add_node::<Mail>("logan", run.shards, move |seat| {
        if seat.shard.0 == 0 {
            starts.set(starts.get() + 1);
        }
        Box::pin(shard_main(seat, plan.clone()))
    })
}

/// The machine goes down in one of several ways, at a moment that the seed chooses, and comes up again.
fn disturb(simulation: &Simulation, node: NodeId, draw: &mut Draw, done: &Cell<bool>) {
    match draw.below(4) {
        0 => {
            simulation.run_for(Duration::from_micros(draw.below(200_000)));
            simulation.kill(node);
        }
        1 => {
            simulation.run_for(Duration::from_micros(draw.below(200_000)));
            simulation.request_stop(node);
            simulation.run_until(|| !simulation.is_running(node), LONG);
        }
        _ => {
            let at = simulation.io_events(node) + 1 + draw.below(400);
            simulation.crash_at_io(node, at);
            simulation.run_until(|| !simulation.is_running(node) || done.get(), LONG);
            // If the clients were done first, nothing is to happen any more.
            simulation.crash_at_io(node, u64::MAX);
        }
    }
    restart(simulation, node);
}

fn restart(simulation: &Simulation, node: NodeId) {
    if !simulation.is_running(node) {
        simulation.restart(node);
    }
}

async fn clients(shared: Rc<Shared>, run: Run, done: Rc<Cell<bool>>) {
    work::create_topic(&shared).await;
    let queue = logan_shards::Queue::Control;
    let producers: Vec<_> = (0..run.producers)
        .map(|producer| {
            let partition = producer as i32 % run.partitions;
            spawn(queue, work::produce(shared.clone(), producer, partition, run.batches))
        })
        .collect();
    let reading = Rc::new(Cell::new(true));
    let reader = {
        let reading = reading.clone();
        spawn(queue, work::consume(shared.clone(), 0, move |_| !reading.get()))
    };
    work::administrate(shared.clone(), 4).await;
    for producer in producers {
        producer.await;
    }
    reading.set(false);
    reader.await;
    done.set(true);
}

fn verify(simulation: &Simulation, shared: &Rc<Shared>) -> Result<(), String> {
    if let Some(violation) = shared.violation.borrow().clone() {
        return Err(violation);
    }
    let (logs, topics) = {
        let shared = shared.clone();
        simulation.block_on(LONG, async move { (work::read_all(shared).await, work::list_topics().await) })
    };
    if let Some(violation) = shared.violation.borrow().clone() {
        return Err(violation);
    }
    let history = shared.history.borrow();
    history.check(&logs)?;
    history.topics_are_as_acknowledged(&topics)
}
