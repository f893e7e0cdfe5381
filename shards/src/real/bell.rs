//! An eventfd that one shard's executor polls and any thread writes.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::executor;

pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else's.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes are read from `one`.
        let written = unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
        // The only failure of a non-blocking eventfd is a full counter, and then it rings already.
        debug_assert!(written == 8 || io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock);
    }

    /// True if it was rung since the last call.
    pub(crate) fn silence(&self) -> bool {
        let mut count = [0; 8];
        // SAFETY: eight bytes are written to `count`.
        unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) == 8 }
    }

    pub(crate) async fn heard(&self) {
        // Poll first: the bell task comes here right after it has heard, when there is rarely anything yet.
        executor::readable(self.fd()).await;
        while !self.silence() {
            executor::readable(self.fd()).await;
        }
    }
}
