//! The kernel's clocks.

fn read(clock: libc::clockid_t) -> (i64, i64) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing, and both clocks exist on every Linux.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(result, 0, "clock_gettime cannot fail for a clock that exists");
    (time.tv_sec, time.tv_nsec)
}

pub(crate) fn monotonic_ns() -> u64 {
    let (seconds, nanoseconds) = read(libc::CLOCK_MONOTONIC);
    seconds as u64 * 1_000_000_000 + nanoseconds as u64
}

pub(crate) fn wall_clock_ms() -> i64 {
    let (seconds, nanoseconds) = read(libc::CLOCK_REALTIME);
    seconds * 1000 + nanoseconds / 1_000_000
}
