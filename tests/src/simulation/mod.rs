//! The whole broker on the simulated machine: producers, readers and an administrator, while the machine loses power, is killed and
//! stopped; and the checkers that say whether Logan kept its word.
//!
//! A run is one seed. The same seed gives the same trace; a failure names the seed and how to repeat it.

mod accept;
pub mod aimed;
pub mod client;
mod damage;
mod disks;
mod epochs;
pub mod history;
mod laggards;
mod lives;
mod lost;
mod node;
mod pipeline;
pub mod quiet;
pub mod run;
mod sessions;
mod unsynced;
mod work;

pub use lives::Lives;
pub use run::{Outcome, Run, Scenario, run};
