//! Clocks and timers of the running shard.

use std::time::Duration;

use super::clock::Sleep;
use super::current;

pub fn monotonic_ns() -> u64 {
    current::here().0.monotonic_ns()
}

pub fn wall_clock_ms() -> i64 {
    let (world, place) = current::here();
    world.wall_clock_ms(place.process)
}

pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(current::here().0, duration)
}
