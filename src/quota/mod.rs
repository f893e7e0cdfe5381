//! How much of a node its clients may take. So far: connections.

pub mod connections;
