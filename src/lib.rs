//! Logan: a message broker that Apache Kafka clients talk to.
