mod cluster;
mod crash;
mod driver;
mod memory;
