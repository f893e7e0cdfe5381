//! The shard's `io_uring` ring: file I/O, waiting for descriptors, and the only place where a shard sleeps.
//!
//! Operations gather in a queue and are submitted together, once a turn of the executor.
//!
//! Invariants:
//! - Memory and descriptors of an operation are kept in `operations` from before its submission until after its completion, even
//!   when the future that waits for it is dropped.
//! - An operation's number is used again only after its completion was taken.
//! - `files` counts the operations on files whose completion was not taken.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
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
use io_uring::{IoUring, cqueue, opcode, squeue, types};

use super::blocking::Resource;
use super::executor;
use crate::buffer::AlignedBuffer;
use crate::gate::{Gates, Permit, WorkerShare};

/// What one device may keep of the kernel's threads that work for one ring. The kernel's own cap follows the number of cores, and parallel syncs
/// would queue up behind it; a thread is started when it is needed, and ends when it has had nothing to do for 5 s.
const SHARE: WorkerShare = WorkerShare::STANDARD;
/// Descriptors that can be held open until the last operation of a ring has ended.
const PINNED_DESCRIPTORS: u32 = 64;
/// Completions per submission-queue entry. More at a time than fit are kept by the kernel and fetched in the next turn.
const COMPLETIONS_PER_ENTRY: u32 = 8;
/// The number of operations whose completion nobody waits for.
const NOBODYS: u64 = u64::MAX;
/// The number of the operation that listens for the shard's bell.
const BELL: u64 = u64::MAX - 1;

/// What the kernel may touch until an operation completes.
pub(crate) enum Memory {
    /// Nothing; waits for a descriptor, and is called off when nobody waits any more.
    Wait,
    /// Nothing of ours.
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
    /// Given back when the worker is free again, whoever waits for that.
    permit: Option<Permit>,
    /// Keeps the descriptor open, so that its number cannot become another file's.
    _file: Option<Arc<OwnedFd>>,
}

enum State {
    Waiting(Option<Waker>),
    Done(i32),
    /// Nobody waits any more.
    Abandoned,
}

pub(crate) struct Ring {
    uring: RefCell<IoUring>,
    operations: RefCell<Operations>,
    queue: RefCell<VecDeque<squeue::Entry>>,
    files: Cell<usize>,
    pinned: RefCell<Vec<Arc<OwnedFd>>>,
    gates: RefCell<BTreeMap<Resource, Rc<Gates>>>,
    bell: RefCell<Bell>,
}

/// The eventfd by which other threads wake this one. It is never read: each time it is rung gives a completion of one operation that does
/// not end, so hearing it costs no system call.
#[derive(Default)]
struct Bell {
    fd: Option<RawFd>,
    was_rung: bool,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Operations {
    slots: Vec<Option<Operation>>,
    free: Vec<usize>,
}

impl Operations {
    fn insert(&mut self, operation: Operation) -> usize {
        if let Some(number) = self.free.pop() {
            self.slots[number] = Some(operation);
            return number;
        }
        self.slots.push(Some(operation));
        self.slots.len() - 1
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
    /// For the calling thread alone.
    pub(crate) fn new(depth: u32) -> io::Result<Self> {
        let uring = IoUring::builder()
            // Completions are gathered in the kernel until this thread comes for them: no interrupts of what it does.
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(depth * COMPLETIONS_PER_ENTRY)
            .dontfork()
            .build(depth)?;
        allow_workers(&uring, 1)?;
        uring.submitter().register_files_sparse(PINNED_DESCRIPTORS)?;
        // Nothing yet: whether it may be entered is to be known before anything depends on it.
        uring.submit()?;
        Ok(Self {
            uring: RefCell::new(uring),
            operations: RefCell::default(),
            queue: RefCell::default(),
            files: Cell::new(0),
            pinned: RefCell::default(),
            gates: RefCell::default(),
            bell: RefCell::default(),
        })
    }

    /// Submits what has gathered and hands out the completions that are there; with `sleep`, waits until there is one, at most for
    /// that long.
    pub(crate) fn turn(&self, mut sleep: Option<Duration>) {
        let mut uring = self.uring.borrow_mut();
        loop {
            let more = self.fill(&mut uring);
            let submission = uring.submission();
            let due = !submission.is_empty() || submission.taskrun() || submission.cq_overflow();
            drop(submission);
            // What is there already is handed out before anything else, and whom it wakes does not wait for what is submitted afterwards.
            if more || !uring.completion().is_empty() {
                sleep = None;
            }
            if due || sleep.is_some() {
                enter(&uring, sleep);
            }
            self.complete(&mut uring);
            if !more {
                return;
            }
        }
    }

    /// Moves the queue into the ring. True if some of it found no room.
    fn fill(&self, uring: &mut IoUring) -> bool {
        let mut submission = uring.submission();
        let mut queue = self.queue.borrow_mut();
        while !submission.is_full() {
            let Some(entry) = queue.pop_front() else { return false };
            // SAFETY: what the entry points to is kept in `operations` until its completion.
            unsafe { submission.push(&entry) }.expect("not full");
        }
        !queue.is_empty()
    }

    /// From now on, and as long as the ring lives, [`Self::poll_bell`] hears when `eventfd` is rung. It must stay open until the ring ends.
    pub(crate) fn listen(&self, eventfd: RawFd) {
        self.bell.borrow_mut().fd = Some(eventfd);
        let entry = opcode::PollAdd::new(types::Fd(eventfd), libc::POLLIN as u32).multi(true).build();
        self.queue.borrow_mut().push_back(entry.user_data(BELL));
    }

    /// Ready if the bell was rung since it was last ready.
    pub(crate) fn poll_bell(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.bell.borrow_mut();
        if std::mem::take(&mut bell.was_rung) {
            return Poll::Ready(());
        }
        bell.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn on_bell(&self, goes_on: bool) {
        let (waker, fd) = {
            let mut bell = self.bell.borrow_mut();
            bell.was_rung = true;
            (bell.waker.take(), bell.fd)
        };
        // The kernel ends it when there is no room for its completion, or no memory.
        if let (false, Some(fd)) = (goes_on, fd) {
            self.listen(fd);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the completions that are there.
    fn complete(&self, uring: &mut IoUring) {
        for completion in uring.completion() {
            if completion.user_data() == NOBODYS {
                continue;
            }
            if completion.user_data() == BELL {
                self.on_bell(cqueue::more(completion.flags()));
                continue;
            }
            let number = completion.user_data() as usize;
            let mut operations = self.operations.borrow_mut();
            let operation = operations.get(number);
            if !matches!(operation.memory, Memory::Wait) {
                self.files.set(self.files.get() - 1);
            }
            let permit = operation.permit.take();
            match std::mem::replace(&mut operation.state, State::Done(completion.result())) {
                State::Waiting(waker) => {
                    drop(operations);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                State::Abandoned => {
                    let operation = operations.remove(number);
                    drop(operations);
                    drop(operation);
                }
                State::Done(_) => panic!("operation {number} completed twice"),
            }
            drop(permit);
        }
    }

    fn start(
        self: &Rc<Self>,
        entry: squeue::Entry,
        file: Option<Arc<OwnedFd>>,
        memory: Memory,
        permit: Option<Permit>,
    ) -> Completion {
        if !matches!(memory, Memory::Wait) {
            self.files.set(self.files.get() + 1);
        }
        let operation = Operation { state: State::Waiting(None), memory, permit, _file: file };
        let number = self.operations.borrow_mut().insert(operation);
        self.queue.borrow_mut().push_back(entry.user_data(number as u64));
        Completion { ring: self.clone(), number: Some(number) }
    }

    /// What must be entered before an operation that may keep a worker.
    pub(crate) fn gates(&self, device: Resource) -> Rc<Gates> {
        let mut gates = self.gates.borrow_mut();
        if let Some(known) = gates.get(&device) {
            return known.clone();
        }
        allow_workers(&self.uring.borrow(), gates.len() + 1)
            .unwrap_or_else(|error| panic!("io_uring does not take the number of its workers: {error}"));
        gates.entry(device).or_insert(Gates::new(SHARE)).clone()
    }

    /// Operations on files that have not completed.
    pub(crate) fn files_under_way(&self) -> usize {
        self.files.get()
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
        let on_files = operations.slots.iter().flatten().filter(|operation| {
            !matches!(operation.memory, Memory::Wait) && !matches!(operation.state, State::Done(_))
        });
        assert_eq!(on_files.count(), self.files.get());
    }
}

/// A share for each device.
fn allow_workers(uring: &IoUring, devices: usize) -> io::Result<()> {
    let most = u32::try_from(devices * SHARE.sum()).unwrap_or(u32::MAX);
    // All of ours are bounded, as the kernel calls what works on files and block devices; what it had before is told in their place.
    uring.submitter().register_iowq_max_workers(&mut [most, most])
}

fn enter(uring: &IoUring, sleep: Option<Duration>) {
    let result = match sleep {
        None => uring.submit(),
        Some(Duration::MAX) => uring.submit_and_wait(1),
        Some(duration) => {
            let limit = types::Timespec::from(duration);
            uring.submitter().submit_with_args(1, &types::SubmitArgs::new().timespec(&limit))
        }
    };
    match result {
        Ok(_) => {}
        // The time is up; a signal; no memory for a moment, or completions to be taken first. All are looked at in the next turn.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY)
            ) => {}
        Err(error) => panic!("io_uring does not take what it has to: {error}"),
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.files.get() > 0 {
            // The kernel may still write there.
            std::mem::forget(std::mem::take(&mut *self.operations.borrow_mut()));
        }
    }
}

/// Starts an operation on the shard's ring. `file` is the descriptor that `entry` names, `memory` what it points to; `permit` is for the worker that
/// it is given, and goes back when the kernel is done. Without, it must be one that does not wait.
pub(crate) fn start(
    entry: squeue::Entry,
    file: &Arc<OwnedFd>,
    memory: Memory,
    permit: Option<Permit>,
) -> Completion {
    // The kernel would try by itself whether it needs a worker, but with some files (FUSE) in such a way that this thread waits.
    let entry = if permit.is_some() { entry.flags(squeue::Flags::ASYNC) } else { entry };
    executor::current().ring().start(entry, Some(file.clone()), memory, permit)
}

/// Waits for one of the poll(2) `events` on `fd`, which must stay open until the completion is dropped.
pub(crate) fn poll(ring: &Rc<Ring>, fd: RawFd, events: i16) -> Completion {
    ring.start(opcode::PollAdd::new(types::Fd(fd), events as u32).build(), None, Memory::Wait, None)
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
            return;
        }
        operation.state = State::Abandoned;
        if matches!(operation.memory, Memory::Wait) {
            // Or the kernel would hold the descriptor's file open, and its peer would not learn that it was closed.
            let call_off = opcode::PollRemove::new(number as u64).build().user_data(NOBODYS);
            self.ring.queue.borrow_mut().push_back(call_off);
        }
    }
}

/// The descriptor as `io_uring` wants it named.
pub(crate) fn fd(file: &Arc<OwnedFd>) -> types::Fd {
    types::Fd(file.as_raw_fd() as RawFd)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::event::EventFd;
    use super::*;

    #[test]
    fn whoever_was_woken_does_not_wait_for_what_found_no_room() {
        let ring = Rc::new(Ring::new(4).unwrap());
        let (rung, silent) = (EventFd::new().unwrap(), EventFd::new().unwrap());
        rung.ring();
        let mut waits: Vec<Completion> = [&rung]
            .into_iter()
            .chain([&silent; 5])
            .map(|event| poll(&ring, event.fd(), libc::POLLIN))
            .collect();
        let began = Instant::now();
        ring.turn(Some(Duration::from_secs(20)));
        assert!(began.elapsed() < Duration::from_secs(10), "it slept though somebody was woken");
        let mut context = Context::from_waker(Waker::noop());
        let is_ready: Vec<bool> =
            waits.iter_mut().map(|wait| Pin::new(wait).poll(&mut context).is_ready()).collect();
        assert_eq!(is_ready, [true, false, false, false, false, false]);
        ring.check();
    }
}
