//! A lane: a single-producer single-consumer ring from one shard to another, and the doorbell that tells a shard of its mail.
//!
//! There is a lane per ordered pair of shards and class. The two counters ([`Ends`]) and the doorbell know nothing of the message
//! type; only [`Slots`] does.
//!
//! Invariants, per lane:
//! - `head <= tail <= head + capacity`; only the producer moves `tail`, only the consumer moves `head`.
//! - A slot in `head..tail` is initialised and belongs to the consumer; every other slot is uninitialised and the producer's.
//! - The doorbell's bit is set after `tail` moved and cleared before `tail` is read: a bit that is clear means that everything sent
//!   before it was cleared has been seen.
//!
//! Sleeping. A consumer sets `sleeping`, then looks for bits once more. A producer sets a bit, then looks at `sleeping`. A
//! sequentially consistent fence stands between the two steps on both sides, so at least one of them sees the other, and no wake-up
//! is lost. Credit is awaited the same way in the other direction: the producer sets `starved` and then reads `head` again; the
//! consumer moves `head` and then reads `starved`. The loom tests below run the one through every interleaving; the other, and two
//! producers that share a doorbell, through all with at most three preemptions.

use std::mem::MaybeUninit;

use crate::sync::{AtomicBool, AtomicU64, Ordering, UnsafeCell, fence};

/// What a message is for. Each class has its own lanes and credits, so that client traffic can never exhaust what replies,
/// coordinators or replication need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Requests of clients.
    Client,
    /// The node's own: metadata, replication, coordinators.
    Internal,
    /// Answers to either. A shard always has room for the answers to what it sent.
    Reply,
}

impl Class {
    pub const COUNT: usize = 3;
    /// In the order in which mail is taken out.
    pub const BY_URGENCY: [Class; Class::COUNT] = [Class::Reply, Class::Internal, Class::Client];

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// Keeps what two cores write on different cache lines, and off the line that the prefetcher takes along.
#[repr(align(128))]
struct Apart<T>(T);

/// Both ends of one lane.
pub(crate) struct Ends {
    /// Messages ever taken out. Written by the consumer.
    head: Apart<AtomicU64>,
    /// Messages ever put in. Written by the producer.
    tail: Apart<AtomicU64>,
    /// The producer waits for `head` to move.
    starved: Apart<AtomicBool>,
}

impl Ends {
    pub(crate) fn new() -> Self {
        Self {
            head: Apart(AtomicU64::new(0)),
            tail: Apart(AtomicU64::new(0)),
            starved: Apart(AtomicBool::new(false)),
        }
    }

    /// The consumer's progress, as the producer sees it: what was before it may be overwritten.
    pub(crate) fn head(&self) -> u64 {
        self.head.0.load(Ordering::Acquire)
    }

    /// The producer's progress, as the consumer sees it.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Acquire)
    }

    /// The producer shows the consumer everything before `tail`.
    pub(crate) fn publish(&self, tail: u64) {
        self.tail.0.store(tail, Ordering::Release);
    }

    /// The consumer gives back every slot before `head`. True if the producer waits for that and must be told.
    #[must_use]
    pub(crate) fn release(&self, head: u64) -> bool {
        self.head.0.store(head, Ordering::Release);
        fence(Ordering::SeqCst);
        self.starved.0.load(Ordering::Relaxed) && self.starved.0.swap(false, Ordering::AcqRel)
    }

    /// The producer asks to be told when `head` moves, and gets the newest `head`: if that already gives room, it need not wait.
    pub(crate) fn starve(&self) -> u64 {
        self.starved.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.head()
    }
}

/// The messages of one lane.
pub(crate) struct Slots<M> {
    slots: Box<[UnsafeCell<MaybeUninit<M>>]>,
}

// SAFETY: a slot is touched by one thread at a time: the producer before `publish`, the consumer between `tail` and `release`; both
// are release/acquire pairs. Messages are moved between the threads, hence `M: Send`.
unsafe impl<M: Send> Sync for Slots<M> {}

impl<M> Slots<M> {
    /// `capacity` is a power of two. The memory is not touched before it is used.
    pub(crate) fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "lane capacity {capacity} is not a power of two");
        Self { slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect() }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    fn slot(&self, position: u64) -> &UnsafeCell<MaybeUninit<M>> {
        &self.slots[(position & (self.capacity() - 1)) as usize]
    }

    /// # Safety
    /// Only the lane's producer calls this, with `position` at or behind the published tail and less than `head + capacity`, and
    /// publishes it afterwards.
    pub(crate) unsafe fn put(&self, position: u64, message: M) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: by the contract the slot is the producer's, and uninitialised.
            unsafe { (*slot).write(message) };
        });
    }

    /// # Safety
    /// Only the lane's consumer calls this, once for each `position` from `head` up to but not including `tail`, and releases it
    /// afterwards.
    pub(crate) unsafe fn take(&self, position: u64) -> M {
        self.slot(position).with_mut(|slot| {
            // SAFETY: by the contract the slot is initialised, the consumer's, and not read again.
            unsafe { (*slot).assume_init_read() }
        })
    }
}

/// One bit per lane, set by producers and cleared by the consumer.
pub(crate) struct Bits {
    words: Box<[AtomicU64]>,
}

impl Bits {
    pub(crate) fn new(bits: usize) -> Self {
        Self { words: (0..bits.div_ceil(64)).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn set(&self, bit: usize) {
        // Always a read-modify-write: leaving it out when the bit looks set would race with the consumer clearing it.
        self.words[bit / 64].fetch_or(1 << (bit % 64), Ordering::AcqRel);
    }

    pub(crate) fn any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// Moves all bits into `into`, which has as many words.
    pub(crate) fn take(&self, into: &mut [u64]) {
        for (word, into) in self.words.iter().zip(into) {
            if word.load(Ordering::Relaxed) != 0 {
                *into |= word.swap(0, Ordering::AcqRel);
            }
        }
    }

    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }
}

/// What the other shards tell one shard without a message.
pub(crate) struct Doorbell {
    /// Per class, one bit per sending shard: its lane has mail.
    mail: [Apart<Bits>; Class::COUNT],
    /// One bit per receiving shard and class: its lane has credit again.
    credit: Apart<Bits>,
    /// The reader of this shard's mail waits to be woken.
    sleeping: Apart<AtomicBool>,
}

impl Doorbell {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            mail: std::array::from_fn(|_| Apart(Bits::new(shards))),
            credit: Apart(Bits::new(shards * Class::COUNT)),
            sleeping: Apart(AtomicBool::new(false)),
        }
    }

    pub(crate) fn mail(&self, class: Class) -> &Bits {
        &self.mail[class.index()].0
    }

    pub(crate) fn credit(&self) -> &Bits {
        &self.credit.0
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.mail.iter().any(|bits| bits.0.any())
    }

    /// A producer has published to a lane of `class`. True if the consumer sleeps: [`Doorbell::claim_wake`] must follow, now or at
    /// the end of the producer's turn.
    #[must_use]
    pub(crate) fn announce(&self, class: Class, from: usize) -> bool {
        self.mail(class).set(from);
        fence(Ordering::SeqCst);
        self.sleeping.0.load(Ordering::Relaxed)
    }

    /// True for exactly one of the producers that found the consumer asleep: that one wakes it, whether there is still mail or not.
    /// The consumer may have slept and been woken again since the producer looked; it then wakes for nothing, once.
    #[must_use]
    pub(crate) fn claim_wake(&self) -> bool {
        let sleeping = &self.sleeping.0;
        // Who comes too late writes nothing.
        sleeping.load(Ordering::Relaxed)
            && sleeping.compare_exchange(true, false, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[cfg(not(logan_loom))]
    /// Whether nobody has claimed to wake the consumer since it fell asleep.
    pub(crate) fn is_asleep(&self) -> bool {
        self.sleeping.0.load(Ordering::Acquire)
    }

    /// The consumer goes to sleep; false if mail has arrived meanwhile and it must not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleeping.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.has_mail() {
            self.sleeping.0.store(false, Ordering::Relaxed);
            return false;
        }
        true
    }
}

#[cfg(all(test, logan_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::sync::Notify;
    use loom::thread;

    use super::*;

    struct Fixture {
        ends: Ends,
        slots: Slots<u32>,
        consumer: Doorbell,
        producer: Doorbell,
        /// Stand for the eventfds.
        wake_consumer: Notify,
        wake_producer: Notify,
    }

    fn fixture(capacity: usize) -> Arc<Fixture> {
        Arc::new(Fixture {
            ends: Ends::new(),
            slots: Slots::new(capacity),
            consumer: Doorbell::new(2),
            producer: Doorbell::new(2),
            wake_consumer: Notify::new(),
            wake_producer: Notify::new(),
        })
    }

    fn produce(f: &Fixture, count: u32) {
        let mut found_asleep = false;
        for tail in 0..u64::from(count) {
            let mut head = f.ends.head();
            while tail - head >= f.slots.capacity() {
                head = f.ends.starve();
                if tail - head >= f.slots.capacity() {
                    f.wake_producer.wait();
                    let mut credit = vec![0; f.producer.credit().words()];
                    f.producer.credit().take(&mut credit);
                    head = f.ends.head();
                }
            }
            // SAFETY: the only producer; `tail < head + capacity`.
            unsafe { f.slots.put(tail, tail as u32) };
            f.ends.publish(tail + 1);
            found_asleep |= f.consumer.announce(Class::Client, 0);
            // Every second time only, as at the end of a turn; never before waiting for credit.
            if found_asleep && (tail % 2 == 1 || tail + 1 == u64::from(count) || f.slots.capacity() == 1) {
                found_asleep = false;
                if f.consumer.claim_wake() {
                    f.wake_consumer.notify();
                }
            }
        }
    }

    fn consume(f: &Fixture, count: u32) {
        let mut head = 0;
        while head < u64::from(count) {
            let mut mail = [0];
            f.consumer.mail(Class::Client).take(&mut mail);
            if mail[0] == 0 {
                if f.consumer.fall_asleep() {
                    f.wake_consumer.wait();
                }
                continue;
            }
            let tail = f.ends.tail();
            while head < tail {
                // SAFETY: the only consumer; `head < tail`.
                let message = unsafe { f.slots.take(head) };
                assert_eq!(u64::from(message), head);
                head += 1;
                if f.ends.release(head) {
                    f.producer.credit().set(0);
                    f.wake_producer.notify();
                }
            }
        }
    }

    #[test]
    fn no_wake_up_is_lost() {
        loom::model(|| {
            let f = fixture(4);
            let other = f.clone();
            let producer = thread::spawn(move || produce(&other, 2));
            consume(&f, 2);
            producer.join().unwrap();
        });
    }

    #[test]
    fn no_credit_is_lost() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let f = fixture(1);
            let other = f.clone();
            let producer = thread::spawn(move || produce(&other, 2));
            consume(&f, 2);
            producer.join().unwrap();
        });
    }

    /// Two shards that send to a third: a lane of each, and the one doorbell of the third.
    struct Senders {
        lanes: [(Ends, Slots<usize>); 2],
        consumer: Doorbell,
        wake_consumer: Notify,
    }

    /// Sends one message; true if this is who wakes the consumer.
    fn send(f: &Senders, from: usize) -> bool {
        let (ends, slots) = &f.lanes[from];
        // SAFETY: the lane's only producer, and its first message.
        unsafe { slots.put(0, from) };
        ends.publish(1);
        let claimed = f.consumer.announce(Class::Client, from) && f.consumer.claim_wake();
        if claimed {
            f.wake_consumer.notify();
        }
        claimed
    }

    /// Receives a message of each; how often it began to fall asleep.
    fn receive_from_both(f: &Senders) -> usize {
        let mut attempts = 0;
        let mut received = [false; 2];
        while received != [true; 2] {
            let mut mail = [0];
            f.consumer.mail(Class::Client).take(&mut mail);
            if mail[0] == 0 {
                attempts += 1;
                if f.consumer.fall_asleep() {
                    f.wake_consumer.wait();
                }
                continue;
            }
            for from in (0..2).filter(|from| mail[0] >> from & 1 == 1) {
                let (ends, slots) = &f.lanes[from];
                assert_eq!((ends.tail(), received[from]), (1, false));
                // SAFETY: the only consumer; the tail has moved, and it is taken once.
                assert_eq!(unsafe { slots.take(0) }, from);
                assert!(!ends.release(1), "nobody waits for credit");
                received[from] = true;
            }
        }
        attempts
    }

    /// That neither's wake-up is lost a deadlock would show.
    #[test]
    fn of_two_producers_one_wakes() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let lane = |_| (Ends::new(), Slots::new(1));
            let (consumer, wake_consumer) = (Doorbell::new(2), Notify::new());
            let f = Arc::new(Senders { lanes: [0, 1].map(lane), consumer, wake_consumer });
            let producers = [0, 1].map(|from| {
                let other = f.clone();
                thread::spawn(move || send(&other, from))
            });
            let attempts = receive_from_both(&f);
            let claims = producers.map(|producer| usize::from(producer.join().unwrap())).iter().sum();
            assert!(attempts >= claims, "{claims} claim the wake of who lay down {attempts} times");
        });
    }
}
