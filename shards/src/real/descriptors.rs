//! The process's descriptors: how many it may have, and what it does when none is left.
//!
//! Descriptors run out for a while, as memory does: it is no fault of a disk. Files that stay open leave some for those that are opened
//! for a moment, such as a directory that is synced, because without them nothing that is open could be finished and closed.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::monotonic_ns;

/// Kept for what is open for a moment only: two for each blocking thread of a device, and room.
const PASSING: u64 = 32;
/// Whoever can close files is told of a want for so long.
const REMEMBERED: Duration = Duration::from_secs(10);

/// The most that the process may have open; 0 as long as nobody has asked.
static LIMIT: AtomicU64 = AtomicU64::new(0);
/// When one was last missing, in monotonic nanoseconds; 0 if never.
static MISSING_AT_NS: AtomicU64 = AtomicU64::new(0);

pub(super) fn limits_of(resource: libc::__rlimit_resource_t) -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    let result = unsafe { libc::getrlimit(resource, &raw mut limit) };
    assert_eq!(result, 0, "getrlimit cannot fail for a resource that exists");
    limit
}

/// Raises the soft limit of open files to the hard one, as brokers need many, and says what it is then.
pub(crate) fn raise_limit() -> u64 {
    let mut limit = limits_of(libc::RLIMIT_NOFILE);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is valid for reading. If it fails, the limit stays as it was, and is reported as it is.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    let limit = limits_of(libc::RLIMIT_NOFILE).rlim_cur;
    LIMIT.store(limit, Ordering::Relaxed);
    limit
}

/// Remembers it if an operation failed because the process, or the machine, has no descriptor left.
pub(super) fn take_notice(error: &io::Error) {
    if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
        MISSING_AT_NS.store(monotonic_ns().max(1), Ordering::Relaxed);
    }
}

/// Whether one was missing lately.
pub(crate) fn were_missing() -> bool {
    let at_ns = MISSING_AT_NS.load(Ordering::Relaxed);
    at_ns > 0 && monotonic_ns().saturating_sub(at_ns) < REMEMBERED.as_nanos() as u64
}

/// A file that stays open, unless nearly all descriptors are in use: then it is closed, as if there had been none.
pub(super) fn stays_open<F: AsFd>(file: F) -> io::Result<F> {
    // The kernel gives the lowest number that is free.
    let number = file.as_fd().as_raw_fd() as u64;
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit > 0 && number + PASSING >= limit {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(file)
}
