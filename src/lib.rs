//! Logan: a message broker that Apache Kafka clients talk to.

pub mod broker;
pub mod cli;
pub mod config;
pub mod handlers;
pub mod limits;
pub mod mail;
pub mod metadata;
pub mod model;
pub mod partition;
pub mod protocol;
pub mod quota;
