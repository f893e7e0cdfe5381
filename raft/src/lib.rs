//! Drives tikv raft for the cluster's metadata: one replicated log, its snapshots, and the messages between its voters.
//!
//! This crate knows neither Kafka nor shards nor the storage engine. [`open`] reads the log back from plain files; the [`Driver`] it
//! returns runs beside its user, who proposes through [`Quorum`] and reads what was committed from [`Events`]. See README.md.

pub mod files;
#[doc(hidden)]
pub mod fuzz;
mod identity;
pub mod inspect;
mod limits;
pub mod log;
mod logger;
mod message;
mod node;
mod quorum;
#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use limits::{Limits, MAX_MESSAGE_BYTES, MAX_PROPOSAL_BYTES};
pub use message::MessageError;
pub use node::{Committed, Effects, Event, Member, Need, Node, Position, ProposeError, Write};
pub use quorum::{
    Clock, Driver, Events, OpenedQuorum, Peers, Quorum, QuorumError, Recovered, SnapshotError, Status, open,
};
