//! The Kafka codec against Kafka's own bytes, against arbitrary bytes, and against its generator.

mod fuzzed;
mod generated;
mod golden;
mod meaning;
mod memory;
