//! A broker on a calm machine that nothing befalls, for tests that are its only clients.

use std::time::Duration;

use logan::broker::Mutations;
use logan_raft::Limits;
use logan_shards::sim::{NodeId, SimOptions, Simulation};
use logan_shards::sleep;

use super::client::Client;
use super::node::{Broker, Setup};
use super::run::{LONG, REST};

const PATIENCE: Duration = Duration::from_mins(10);

/// The machine, and its broker.
pub struct Quiet {
    pub simulation: Simulation,
    broker: Broker,
}

impl Quiet {
    /// Starts a broker with these settings (`key=value`).
    pub fn start(shards: u16, overrides: &[&str]) -> Self {
        let simulation = Simulation::new(SimOptions::calm(1));
        let overrides = overrides.iter().map(ToString::to_string).collect();
        let setup = Setup {
            shards,
            overrides,
            snapshot_after_bytes: Limits::standard().snapshot_after_bytes,
            mutations: Mutations::default(),
        };
        let broker = Broker::add(&simulation, &setup);
        Self { simulation, broker }
    }

    pub fn node(&self) -> NodeId {
        self.broker.node
    }

    pub fn run<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> T {
        self.simulation.block_on(LONG, work)
    }

    /// Why it failed to start, or ended, since this was last asked.
    pub fn failed_starts(&self) -> Vec<String> {
        self.broker.failed_starts()
    }

    /// `kill -9`, and a start. Why that failed, if it did.
    pub fn restart(&self) -> Vec<String> {
        self.simulation.kill(self.broker.node);
        self.simulation.restart(self.broker.node);
        let ready = self.broker.ready();
        let is_over = || self.broker.ready() > ready || !self.simulation.is_running(self.broker.node);
        self.simulation.run_until(is_over, LONG);
        self.broker.failed_starts()
    }
}

/// Runs `work` against a broker of one shard with these settings (`key=value`). Afterwards the broker has given back its memory.
///
/// # Panics
/// If it has not, or if the broker does not start.
pub fn serve<T: 'static>(overrides: &[&str], work: impl Future<Output = T> + 'static) -> T {
    let quiet = Quiet::start(1, overrides);
    let result = quiet.run(work);
    quiet.simulation.run_for(REST);
    let broker = &quiet.broker;
    broker.is_started().and_then(|()| broker.is_at_rest()).unwrap_or_else(|reason| panic!("{reason}"));
    result
}

/// A client, once the broker serves.
pub async fn connect() -> Client {
    loop {
        if let Ok(client) = Client::connect(PATIENCE).await {
            return client;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
