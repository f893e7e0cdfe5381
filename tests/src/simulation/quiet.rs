//! A broker on a calm machine that nothing befalls, for tests that are its only clients.

use std::time::Duration;

use logan::broker::Mutations;
use logan_shards::sim::{SimOptions, Simulation};
use logan_shards::sleep;

use super::client::Client;
use super::node::{Broker, Setup};
use super::run::{LONG, REST};

const PATIENCE: Duration = Duration::from_mins(10);

/// Runs `work` against a broker of one shard with these settings (`key=value`). Afterwards the broker has given back its memory.
///
/// # Panics
/// If it has not, or if the broker does not start.
pub fn serve<T: 'static>(overrides: &[&str], work: impl Future<Output = T> + 'static) -> T {
    let simulation = Simulation::new(SimOptions::calm(1));
    let overrides = overrides.iter().map(ToString::to_string).collect();
    let broker = Broker::add(&simulation, &Setup { shards: 1, overrides, mutations: Mutations::default() });
    let result = simulation.block_on(LONG, work);
    simulation.run_for(REST);
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
