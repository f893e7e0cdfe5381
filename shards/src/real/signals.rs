//! SIGTERM, SIGINT and SIGHUP, taken by the thread that called `run`, which has nothing else to do.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::event::EventFd;

/// The signals are blocked in this thread, and so in all that it starts, until this is dropped.
pub(crate) struct Watch {
    signals: OwnedFd,
    before: libc::sigset_t,
    ends: Arc<Ends>,
}

struct Ends {
    count: AtomicUsize,
    event: EventFd,
}

/// Dropped when a shard's thread ends.
pub(crate) struct EndOfShard(Arc<Ends>);

impl Drop for EndOfShard {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::Release);
        self.0.event.ring();
    }
}

impl Watch {
    pub(crate) fn begin() -> io::Result<Self> {
        let ends = Arc::new(Ends { count: AtomicUsize::new(0), event: EventFd::new()? });
        // SAFETY: all-zero bytes are a signal set, and both sets are valid for writing; the signal numbers exist.
        let (result, set, before) = unsafe {
            let (mut set, mut before): (libc::sigset_t, libc::sigset_t) =
                (std::mem::zeroed(), std::mem::zeroed());
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            if !is_ignored(libc::SIGHUP) {
                libc::sigaddset(&raw mut set, libc::SIGHUP);
            }
            (libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before), set, before)
        };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: `set` is valid for reading.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else's.
        Ok(Self { signals: unsafe { OwnedFd::from_raw_fd(fd) }, before, ends })
    }

    pub(crate) fn end_of_shard(&self) -> EndOfShard {
        EndOfShard(self.ends.clone())
    }

    /// Blocks until `shards` threads have ended. The first signal calls `stop`; the second ends the process with the code that a
    /// shell gives to a process that the signal killed. A terminal that is gone says so more than once, and is not in a hurry.
    pub(crate) fn until_all_ended(&self, shards: usize, stop: impl Fn()) {
        let mut asked = false;
        while self.ends.count.load(Ordering::Acquire) < shards {
            self.poll();
            self.ends.event.silence();
            while let Some(signal) = self.next_signal() {
                if asked && signal == libc::SIGHUP {
                    continue;
                }
                if asked {
                    eprintln!("second signal: leaving at once");
                    // SAFETY: ends the process without running anything that may wait for a shard.
                    unsafe { libc::_exit(128 + signal) };
                }
                asked = true;
                tracing::info!(signal, "stopping");
                stop();
            }
        }
    }

    fn poll(&self) {
        let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut fds = [entry(self.signals.as_raw_fd()), entry(self.ends.event.fd())];
        // SAFETY: `fds` is valid for writing, with its length. A failure is an interruption, and the caller looks again anyway.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, -1) };
    }

    fn next_signal(&self) -> Option<i32> {
        // SAFETY: all-zero bytes are a valid value of this plain structure.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of_val(&info);
        // SAFETY: `info` is valid for writing, with its size.
        let got = unsafe { libc::read(self.signals.as_raw_fd(), (&raw mut info).cast(), size) };
        (got == size as isize).then_some(info.ssi_signo as i32)
    }
}

/// Whether the process was started so that it outlives its terminal (`nohup`). A signal that is blocked would come all the same.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed, and `action` is valid for writing.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: `before` came from the same call. It cannot fail with a valid set.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}
