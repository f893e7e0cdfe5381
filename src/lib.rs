//! Logan: a message broker that Apache Kafka clients talk to.

pub mod model;
pub mod protocol;
