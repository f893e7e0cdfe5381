//! The trace: a hash over everything that happened, and the last of it in words.
//!
//! Two runs of one seed must have the same hash. The tail is printed when a run fails.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

/// How many of the last events are kept for the report of a failure.
const TAIL: usize = 200;

/// What happened. The two numbers of an entry mean what its variant says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Happened {
    /// task index, process
    Spawned = 1,
    /// task index, process
    Polled,
    /// task index, process
    Ended,
    /// task index, time asked for
    TimerSet,
    /// time, how many are left
    TimerFired,
    /// value, 0
    Drawn,
    /// process, node
    Started,
    /// process, node
    Killed,
    /// process, node
    PowerLost,
    /// process, node
    Exited,
    /// operation, file number and kind
    IoSubmitted,
    /// operation, errno or 0
    IoCompleted,
    /// operation, kind of fault
    IoFault,
    /// file number, blocks kept
    IoSurvived,
    /// socket, peer
    Connected,
    /// socket, bytes
    Sent,
    /// socket, bytes
    Delivered,
    /// socket, kind of end
    Closed,
    /// node, switch
    Switched,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    now: u64,
    what: Happened,
    a: u64,
    b: u64,
}

#[derive(Debug)]
pub struct Trace {
    hash: Cell<u64>,
    events: Cell<u64>,
    tail: RefCell<Vec<Entry>>,
}

impl Trace {
    pub fn new(seed: u64) -> Self {
        Self {
            hash: Cell::new(mix(seed, 0x6c6f_6761_6e00)),
            events: Cell::new(0),
            tail: RefCell::new(Vec::with_capacity(TAIL)),
        }
    }

    pub fn record(&self, now: u64, what: Happened, a: u64, b: u64) {
        let count = self.events.get();
        self.events.set(count + 1);
        let hash = mix(self.hash.get() ^ now, what as u64);
        self.hash.set(mix(hash ^ a, b.rotate_left(32) ^ count));
        let mut tail = self.tail.borrow_mut();
        let entry = Entry { now, what, a, b };
        if tail.len() < TAIL {
            tail.push(entry);
        } else {
            tail[(count % TAIL as u64) as usize] = entry;
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash.get()
    }

    pub fn events(&self) -> u64 {
        self.events.get()
    }

    /// The last events, oldest first, one a line.
    pub fn tail(&self) -> String {
        let tail = self.tail.borrow();
        let oldest = if tail.len() < TAIL { 0 } else { (self.events.get() % TAIL as u64) as usize };
        let mut text = String::new();
        for entry in tail[oldest..].iter().chain(&tail[..oldest]) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:>12} ns  {:?} {} {:#x}", entry.now, entry.what, entry.a, entry.b);
        }
        text
    }
}

/// One step of a 64-bit hash: folded 128-bit multiplication.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93 | 1);
    (product as u64) ^ ((product >> 64) as u64) ^ a.rotate_left(23)
}
