//! What is counted during a run, and what it comes to.

mod counted;
mod latency;
mod measured;
mod run;

pub use latency::Latency;
pub use measured::{KEPT_PERCENT, Measured, Restart, Second, Side, Spent, Verified};
#[cfg(feature = "rdkafka")]
pub use run::Tally;
pub use run::{Direction, End, Meter, Request, Run, Times};
