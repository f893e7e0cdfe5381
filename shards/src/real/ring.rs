//! The shard's own io_uring ring for file I/O.
//!
//! Operations gather in a queue and are submitted together by the driver task, once a turn. The executor polls the ring's own
//! descriptor, which is readable while completions wait: no eventfd has to be written and read between them.
//!
//! Invariants:
//! - `in_kernel` operations have been submitted and not completed; never more than the completion queue holds, so none overflows.
//! - Memory and descriptors of an operation are kept in `operations` from before its submission until after its completion, even
//!   when the future that waits for it is dropped.
//! - An operation's number is used again only after its completion was taken.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_fn;
use io_uring::{IoUring, squeue};

use super::executor::{self, Readiness, RealTask};
use crate::buffer::AlignedBuffer;

/// Kernel threads that work for one ring at most, for what cannot be done without waiting (syncs above all). The kernel's own cap
/// follows the number of cores, and parallel syncs would queue up behind it.
const WORKERS: u32 = 64;
/// Descriptors that can be held open until the last operation of a ring has ended.
const PINNED_DESCRIPTORS: u32 = 64;
/// How long the end of a shard waits for operations under way.
const DRAIN: Duration = Duration::from_secs(30);

thread_local! {
    static RING: RefCell<Option<Rc<Ring>>> = const { RefCell::new(None) };
}

/// What the kernel may touch until an operation completes.
pub(crate) enum Memory {
    None,
    /// Only read by the kernel.
    Content(#[expect(dead_code, reason = "held, not read")] Bytes),
    /// Written by the kernel.
    Buffer(AlignedBuffer),
    Plain(Vec<u8>),
}

struct Operation {
    state: State,
    memory: Memory,
    /// Keeps the descriptor open, so that its number cannot become another file's.
    _file: Rc<OwnedFd>,
}

enum State {
    Waiting(Option<Waker>),
    Done(i32),
    /// Nobody waits any more.
    Abandoned,
}

pub(crate) struct Ring {
    uring: RefCell<IoUring>,
    completions: usize,
    operations: RefCell<Operations>,
    queue: RefCell<VecDeque<squeue::Entry>>,
    in_kernel: Cell<usize>,
    driver: RefCell<Option<Waker>>,
    pinned: RefCell<Vec<Arc<OwnedFd>>>,
}

#[derive(Default)]
struct Operations {
    slots: Vec<Option<Operation>>,
    free: Vec<usize>,
}

impl Operations {
    fn insert(&mut self, operation: Operation) -> usize {
        match self.free.pop() {
            Some(number) => {
                self.slots[number] = Some(operation);
                number
            }
            None => {
                self.slots.push(Some(operation));
                self.slots.len() - 1
            }
        }
    }

    fn get(&mut self, number: usize) -> &mut Operation {
        self.slots[number].as_mut().expect("an operation is kept until it is taken out")
    }

    fn remove(&mut self, number: usize) -> Operation {
        self.free.push(number);
        self.slots[number].take().expect("an operation is taken out once")
    }
}

impl Ring {
    pub(crate) fn new(depth: u32) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        // Completions are noticed when this thread enters the kernel anyway, instead of by an interrupt to it.
        builder.setup_coop_taskrun().setup_single_issuer().setup_cqsize(depth * 4).dontfork();
        let uring = builder.build(depth)?;
        let mut workers = [WORKERS, WORKERS];
        uring.submitter().register_iowq_max_workers(&mut workers)?;
        uring.submitter().register_files_sparse(PINNED_DESCRIPTORS)?;
        Ok(Self {
            completions: depth as usize * 4,
            uring: RefCell::new(uring),
            operations: RefCell::default(),
            queue: RefCell::default(),
            in_kernel: Cell::new(0),
            driver: RefCell::default(),
            pinned: RefCell::default(),
        })
    }

    /// Makes this the ring of the calling shard and starts its driver, which runs until it is dropped.
    pub(crate) fn install(self) -> RealTask<()> {
        let ring = Rc::new(self);
        let before = RING.replace(Some(ring.clone()));
        assert!(before.is_none(), "one shard, one ring");
        executor::spawn_internal(async move {
            let fd = ring.uring.borrow().as_raw_fd();
            let mut readiness = Readiness::new(fd);
            poll_fn(|cx| ring.drive(cx, &mut readiness)).await;
        })
    }

    /// Submits what has gathered, hands out completions, and sees to it that more of either brings it back here.
    fn drive(&self, cx: &mut Context<'_>, readiness: &mut Readiness) -> Poll<()> {
        loop {
            self.submit(cx);
            self.driver.replace(Some(cx.waker().clone()));
            if self.complete() > 0 {
                continue;
            }
            if self.in_kernel.get() == 0 || readiness.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn submit(&self, cx: &Context<'_>) {
        let mut uring = self.uring.borrow_mut();
        let mut queue = self.queue.borrow_mut();
        loop {
            let mut submission = uring.submission();
            while self.in_kernel.get() < self.completions && !submission.is_full() {
                let Some(entry) = queue.pop_front() else { break };
                // SAFETY: what the entry points to is kept in `operations` until its completion.
                unsafe { submission.push(&entry) }.expect("not full");
                self.in_kernel.set(self.in_kernel.get() + 1);
            }
            if submission.is_empty() {
                return;
            }
            drop(submission);
            match uring.submit() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Out of memory for a moment, or completions to be taken first: the others go on meanwhile.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY)) => {
                    cx.waker().wake_by_ref();
                    return;
                }
                Err(error) => panic!("io_uring does not take what it has to: {error}"),
            }
        }
    }

    /// Takes the completions that are there, and says how many.
    fn complete(&self) -> usize {
        let mut uring = self.uring.borrow_mut();
        let mut operations = self.operations.borrow_mut();
        let mut count = 0;
        for completion in uring.completion() {
            count += 1;
            let number = completion.user_data() as usize;
            match std::mem::replace(&mut operations.get(number).state, State::Done(completion.result())) {
                State::Waiting(Some(waker)) => waker.wake(),
                State::Waiting(None) => {}
                State::Abandoned => drop(operations.remove(number)),
                State::Done(_) => panic!("operation {number} completed twice"),
            }
        }
        self.in_kernel.set(self.in_kernel.get() - count);
        count
    }

    fn start(self: &Rc<Self>, entry: squeue::Entry, file: Rc<OwnedFd>, memory: Memory) -> Completion {
        let operation = Operation { state: State::Waiting(None), memory, _file: file };
        let number = self.operations.borrow_mut().insert(operation);
        self.queue.borrow_mut().push_back(entry.user_data(number as u64));
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
        Completion { ring: self.clone(), number: Some(number) }
    }

    /// Keeps `descriptor` open until the last operation of this ring has ended, even if the process is killed before.
    pub(crate) fn pin(&self, descriptor: &Arc<OwnedFd>) -> io::Result<()> {
        let mut pinned = self.pinned.borrow_mut();
        if pinned.iter().any(|other| Arc::ptr_eq(other, descriptor)) {
            return Ok(());
        }
        let place = pinned.len();
        if place >= PINNED_DESCRIPTORS as usize {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        self.uring.borrow().submitter().register_files_update(place as u32, &[descriptor.as_raw_fd()])?;
        pinned.push(descriptor.clone());
        Ok(())
    }

    pub(crate) fn check(&self) {
        let operations = self.operations.borrow();
        let kept = operations.slots.iter().flatten().count();
        assert_eq!(kept + operations.free.len(), operations.slots.len());
        assert!(self.in_kernel.get() + self.queue.borrow().len() <= kept);
        assert!(self.in_kernel.get() <= self.completions);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.in_kernel.get() > 0 {
            // The kernel may still write there.
            std::mem::forget(std::mem::take(&mut *self.operations.borrow_mut()));
        }
    }
}

/// The ring of the calling shard.
pub(crate) fn current() -> Rc<Ring> {
    RING.with_borrow(Clone::clone).expect("file I/O belongs to a shard")
}

/// Starts an operation on the shard's ring. `file` is the descriptor that `entry` names, `memory` what it points to.
pub(crate) fn start(entry: squeue::Entry, file: &Rc<OwnedFd>, memory: Memory) -> Completion {
    current().start(entry, file.clone(), memory)
}

/// Waits until nothing is under way, bounded, and takes the ring away from the shard.
pub(crate) async fn finish() {
    let ring = current();
    let deadline = super::clock::monotonic_ns() + DRAIN.as_nanos() as u64;
    while ring.in_kernel.get() + ring.queue.borrow().len() > 0 {
        if super::clock::monotonic_ns() > deadline {
            tracing::error!(operations = ring.in_kernel.get(), "file operations have not ended");
            break;
        }
        executor::sleep(Duration::from_millis(1)).await;
    }
    ring.check();
    RING.set(None);
}

/// An operation under way: its result as the kernel gives it (negative: an error number), and its memory back.
pub(crate) struct Completion {
    ring: Rc<Ring>,
    number: Option<usize>,
}

impl Future for Completion {
    type Output = (c_int, Memory);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number.expect("not polled after its end");
        let mut operations = self.ring.operations.borrow_mut();
        match &mut operations.get(number).state {
            State::Done(result) => {
                let result = *result;
                let operation = operations.remove(number);
                drop(operations);
                self.number = None;
                Poll::Ready((result, operation.memory))
            }
            State::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Abandoned => panic!("a dropped future is polled"),
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut operations = self.ring.operations.borrow_mut();
        let operation = operations.get(number);
        if matches!(operation.state, State::Done(_)) {
            let operation = operations.remove(number);
            drop(operations);
            drop(operation);
        } else {
            operation.state = State::Abandoned;
        }
    }
}

/// The descriptor as io_uring wants it named.
pub(crate) fn fd(file: &Rc<OwnedFd>) -> io_uring::types::Fd {
    io_uring::types::Fd(file.as_raw_fd() as RawFd)
}
