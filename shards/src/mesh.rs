//! How shards talk: bounded lanes, credit before sending, one place to receive.
//!
//! Invariants, per lane of this shard (`shard` sends):
//! - `tail + promised - head <= capacity`: a credit is a free slot, so sending with one cannot fail.
//! - While an admission waits, no slot is free, and `starved` is set or the credit's return is already announced.
//! - A shard's [`Mesh`] exists once (clones share it), so each lane has one producer and one consumer.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::poll_fn;

use crate::bell::Bell;
use crate::lane::{Class, Doorbell, Ends, Slots};
use crate::{ShardId, machine, real};

/// The most messages that one [`Mesh::receive`] takes.
const BATCH: usize = 256;

/// A message and where it came from.
#[derive(Debug)]
pub struct Received<M> {
    pub from: ShardId,
    pub class: Class,
    pub message: M,
}

/// What all shards share: counters, doorbells and bells of a node.
pub(crate) struct Exchange {
    shards: usize,
    /// By [`lane_index`].
    ends: Box<[Ends]>,
    doorbells: Box<[Doorbell]>,
    bells: Box<[Bell]>,
}

/// The lanes of a node.
pub(crate) struct Fabric<M> {
    exchange: Arc<Exchange>,
    /// By [`lane_index`].
    slots: Box<[Slots<M>]>,
}

fn lane_index(shards: usize, from: usize, to: usize, class: Class) -> usize {
    (from * shards + to) * Class::COUNT + class.index()
}

impl<M> Fabric<M> {
    /// `capacity(class)` is rounded up to a power of two.
    pub(crate) fn new(shards: u16, capacity: impl Fn(Class) -> usize, bells: Vec<Bell>) -> Self {
        let shards = usize::from(shards);
        let lanes = shards * shards * Class::COUNT;
        let classes = [Class::Client, Class::Internal, Class::Reply];
        let exchange = Exchange {
            shards,
            ends: (0..lanes).map(|_| Ends::new()).collect(),
            doorbells: (0..shards).map(|_| Doorbell::new(shards)).collect(),
            bells: bells.into(),
        };
        let slots = (0..lanes)
            .map(|lane| Slots::new(capacity(classes[lane % Class::COUNT]).max(1).next_power_of_two()))
            .collect();
        Self { exchange: Arc::new(exchange), slots }
    }

    pub(crate) fn bells(&self) -> &[Bell] {
        &self.exchange.bells
    }
}

impl<M> Drop for Fabric<M> {
    fn drop(&mut self) {
        // The last owner: nothing is sent or received any more, so messages under way are dropped here.
        for (ends, slots) in self.exchange.ends.iter().zip(&self.slots) {
            for position in ends.head()..ends.tail() {
                // SAFETY: no producer or consumer is left, and `head..tail` is initialised.
                drop(unsafe { slots.take(position) });
            }
        }
    }
}

/// One shard's ends of all its lanes. Clones are the same mesh.
pub struct Mesh<M> {
    fabric: Arc<Fabric<M>>,
    local: Rc<Local>,
}

impl<M> Clone for Mesh<M> {
    fn clone(&self) -> Self {
        Self { fabric: self.fabric.clone(), local: self.local.clone() }
    }
}

/// What only this shard touches.
struct Local {
    exchange: Arc<Exchange>,
    shard: usize,
    /// By receiving shard and class.
    outgoing: Box<[Outgoing]>,
    incoming: RefCell<Incoming>,
    /// The reader that sleeps.
    reader: RefCell<Option<Waker>>,
    /// Sleeping shards to be woken at the end of this turn.
    to_wake: RefCell<Vec<usize>>,
    ringer: RefCell<Option<Waker>>,
    /// Admissions that found no credit.
    waited_for: Cell<u64>,
}

/// The sending end of a lane.
struct Outgoing {
    capacity: u64,
    tail: Cell<u64>,
    /// Credits given and not yet used.
    promised: Cell<u64>,
    /// The last `head` seen: at most the true one.
    head: Cell<u64>,
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

/// An admission that waits for its turn.
struct Waiter {
    granted: Cell<bool>,
    gone: Cell<bool>,
    waker: RefCell<Waker>,
}

struct Incoming {
    /// By sending shard and class: messages taken.
    heads: Box<[u64]>,
    /// Lanes known to have mail, per class, one bit per sending shard.
    pending: [Box<[u64]>; Class::COUNT],
    /// Where the next search begins, so that no sender is always first.
    start: usize,
}

/// The right to send one message on one lane. Dropped unused, it goes back.
pub struct Credit {
    local: Rc<Local>,
    to: usize,
    class: Class,
    used: bool,
}

impl<M: Send + 'static> Mesh<M> {
    pub(crate) fn new(fabric: Arc<Fabric<M>>, shard: ShardId) -> Self {
        let exchange = fabric.exchange.clone();
        let (shards, shard) = (exchange.shards, shard.index());
        let words = shards.div_ceil(64);
        let outgoing = (0..shards * Class::COUNT)
            .map(|lane| Outgoing {
                capacity: fabric.slots[shard * shards * Class::COUNT + lane].capacity(),
                tail: Cell::new(0),
                promised: Cell::new(0),
                head: Cell::new(0),
                waiting: RefCell::default(),
            })
            .collect();
        let incoming = Incoming {
            heads: vec![0; shards * Class::COUNT].into(),
            pending: std::array::from_fn(|_| vec![0; words].into()),
            start: 0,
        };
        let local = Local {
            exchange,
            shard,
            outgoing,
            incoming: RefCell::new(incoming),
            reader: RefCell::default(),
            to_wake: RefCell::default(),
            ringer: RefCell::default(),
            waited_for: Cell::new(0),
        };
        Self { fabric, local: Rc::new(local) }
    }

    pub fn shard(&self) -> ShardId {
        ShardId(self.local.shard as u16)
    }

    pub fn shards(&self) -> u16 {
        self.local.exchange.shards as u16
    }

    /// Waits for the right to send one message, in order of asking.
    pub async fn admit(&self, to: ShardId, class: Class) -> Credit {
        if let Some(credit) = self.try_admit(to, class) {
            return credit;
        }
        self.local.waited_for.set(self.local.waited_for.get() + 1);
        Admission { local: self.local.clone(), to: to.index(), class, waiter: None }.await
    }

    /// The right to send one message if there is room and nobody has asked before.
    pub fn try_admit(&self, to: ShardId, class: Class) -> Option<Credit> {
        let (local, to) = (&self.local, to.index());
        let lane = local.outgoing(to, class);
        if lane.waiting.borrow().is_empty() && local.free(to, class) > 0 {
            return Some(Local::promise(local, to, class));
        }
        None
    }

    /// How many admissions of this shard had to wait for their credit so far.
    pub fn credits_waited_for(&self) -> u64 {
        self.local.waited_for.get()
    }

    /// Credits of this shard that are given and not used.
    pub fn promised(&self) -> u64 {
        self.local.outgoing.iter().map(|lane| lane.promised.get()).sum()
    }

    /// Sends a message. Order is kept per sender, receiver and class. A sleeping receiver is woken at the end of this turn, together
    /// with what else was sent to it meanwhile.
    pub fn send(&self, mut credit: Credit, message: M) {
        assert!(Rc::ptr_eq(&credit.local, &self.local), "a credit is used on the shard that got it");
        let (local, to, class) = (&self.local, credit.to, credit.class);
        credit.used = true;
        let lane = local.outgoing(to, class);
        let index = lane_index(local.exchange.shards, local.shard, to, class);
        let tail = lane.tail.get();
        // SAFETY: this shard is the lane's only producer (`Node::seat` gives each mesh once, and it is not `Send`), and the credit
        // stands for a slot that the consumer has released.
        unsafe { self.fabric.slots[index].put(tail, message) };
        lane.tail.set(tail + 1);
        lane.promised.set(lane.promised.get() - 1);
        local.exchange.ends[index].publish(tail + 1);
        if local.exchange.doorbells[to].announce(class, local.shard) {
            local.wake_later(to);
        }
    }

    /// Waits for mail and appends a bounded number of messages to `into`: replies first, then internal ones, then clients'. One task
    /// per shard receives.
    pub async fn receive(&self, into: &mut Vec<Received<M>>) {
        let mut busy = BusyCheck::new();
        while !self.take(into) {
            // While the shard has other work it comes back here anyway, and nobody needs to pay for waking it.
            if !busy.yielded_to_others().await {
                poll_fn(|cx| self.local.poll_sleep(cx)).await;
            }
        }
    }

    /// Takes what is there. False if there was nothing.
    fn take(&self, into: &mut Vec<Received<M>>) -> bool {
        let local = &*self.local;
        let doorbell = &local.exchange.doorbells[local.shard];
        let before = into.len();
        let mut incoming = local.incoming.borrow_mut();
        let shards = local.exchange.shards;
        let start = incoming.start;
        incoming.start = (start + 1) % shards;
        for class in Class::BY_URGENCY {
            doorbell.mail(class).take(&mut incoming.pending[class.index()]);
            for from in (start..shards).chain(0..start) {
                if !incoming.has_pending(class, from) {
                    continue;
                }
                let room = BATCH - (into.len() - before);
                if room == 0 {
                    return true;
                }
                self.take_lane(&mut incoming, from, class, room, into);
            }
        }
        into.len() > before
    }

    fn take_lane(
        &self,
        incoming: &mut Incoming,
        from: usize,
        class: Class,
        room: usize,
        into: &mut Vec<Received<M>>,
    ) {
        let exchange = &*self.local.exchange;
        let index = lane_index(exchange.shards, from, self.local.shard, class);
        let head = incoming.heads[from * Class::COUNT + class.index()];
        let tail = exchange.ends[index].tail();
        let end = tail.min(head + room as u64);
        for position in head..end {
            // SAFETY: this shard is the lane's only consumer, and `position` is in `head..tail`.
            let message = unsafe { self.fabric.slots[index].take(position) };
            into.push(Received { from: ShardId(from as u16), class, message });
        }
        if end == tail {
            incoming.pending[class.index()][from / 64] &= !(1 << (from % 64));
        }
        if end == head {
            return;
        }
        incoming.heads[from * Class::COUNT + class.index()] = end;
        if exchange.ends[index].release(end) {
            if from == self.local.shard {
                self.local.grant(from, class);
            } else {
                exchange.doorbells[from].credit().set(self.local.shard * Class::COUNT + class.index());
                exchange.bells[from].ring();
            }
        }
    }

    /// The bell was rung: mail for a sleeping reader, or credit for an admission that waits.
    pub(crate) fn on_bell(&self) {
        self.local.collect_credit();
        // Not: if there is mail. Who rings has claimed the wake, perhaps late, for mail that was taken meanwhile; the reader must then go to
        // sleep anew, or nobody would wake it for the next.
        if !self.local.exchange.doorbells[self.local.shard].is_asleep() {
            self.local.wake_reader();
        }
    }

    /// Wakes, at the end of every turn, the shards that mail was sent to. Runs as long as the shard does.
    pub(crate) async fn ring_for_others(&self) {
        loop {
            poll_fn(|cx| self.local.poll_ring(cx)).await;
        }
    }

    /// Wakes them now: the shard ends, and there is no end of this turn.
    pub(crate) fn ring_now(&self) {
        self.local.ring();
    }

    pub fn check(&self) {
        let local = &*self.local;
        for to in 0..local.exchange.shards {
            for class in Class::BY_URGENCY {
                let lane = local.outgoing(to, class);
                let index = lane_index(local.exchange.shards, local.shard, to, class);
                let head = local.exchange.ends[index].head();
                assert!(lane.head.get() <= head && head <= lane.tail.get());
                assert!(lane.tail.get() + lane.promised.get() - head <= lane.capacity);
            }
        }
    }
}

impl Incoming {
    fn has_pending(&self, class: Class, from: usize) -> bool {
        self.pending[class.index()][from / 64] >> (from % 64) & 1 == 1
    }
}

impl Local {
    fn outgoing(&self, to: usize, class: Class) -> &Outgoing {
        &self.outgoing[to * Class::COUNT + class.index()]
    }

    fn ends(&self, to: usize, class: Class) -> &Ends {
        &self.exchange.ends[lane_index(self.exchange.shards, self.shard, to, class)]
    }

    /// Slots that are neither used nor promised.
    fn free(&self, to: usize, class: Class) -> u64 {
        let lane = self.outgoing(to, class);
        let free = lane.free();
        if free > 0 {
            return free;
        }
        lane.head.set(self.ends(to, class).head());
        lane.free()
    }

    fn promise(local: &Rc<Local>, to: usize, class: Class) -> Credit {
        let lane = local.outgoing(to, class);
        lane.promised.set(lane.promised.get() + 1);
        Credit { local: local.clone(), to, class, used: false }
    }

    /// Gives free slots to those who wait, and asks the consumer to tell of more if they are not enough.
    fn grant(&self, to: usize, class: Class) {
        let lane = self.outgoing(to, class);
        loop {
            while self.free(to, class) > 0 {
                let Some(waiter) = lane.next_waiter() else { return };
                lane.promised.set(lane.promised.get() + 1);
                waiter.granted.set(true);
                waiter.waker.borrow().wake_by_ref();
            }
            if !lane.someone_waits() {
                return;
            }
            lane.head.set(self.ends(to, class).starve());
            if lane.free() == 0 {
                return;
            }
        }
    }

    fn collect_credit(&self) {
        let credit = self.exchange.doorbells[self.shard].credit();
        if !credit.any() {
            return;
        }
        let mut lanes = vec![0; credit.words()];
        credit.take(&mut lanes);
        for lane in (0..self.outgoing.len()).filter(|lane| lanes[lane / 64] >> (lane % 64) & 1 == 1) {
            let class = [Class::Client, Class::Internal, Class::Reply][lane % Class::COUNT];
            self.grant(lane / Class::COUNT, class);
        }
    }

    fn poll_sleep(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader.replace(Some(cx.waker().clone()));
        let incoming = self.incoming.borrow();
        let left_over = incoming.pending.iter().any(|words| words.iter().any(|word| *word != 0));
        if left_over || !self.exchange.doorbells[self.shard].fall_asleep() {
            self.reader.replace(None);
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn wake_reader(&self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_later(&self, to: usize) {
        if to == self.shard {
            if self.exchange.doorbells[to].claim_wake() {
                self.wake_reader();
            }
            return;
        }
        let mut to_wake = self.to_wake.borrow_mut();
        if !to_wake.contains(&to) {
            to_wake.push(to);
            if let Some(ringer) = self.ringer.take() {
                ringer.wake();
            }
        }
    }

    /// Wakes those whom mail was sent to.
    fn ring(&self) {
        for to in self.to_wake.borrow_mut().drain(..) {
            if self.exchange.doorbells[to].claim_wake() {
                self.exchange.bells[to].ring();
            }
        }
    }

    fn poll_ring(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.ring();
        self.ringer.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Outgoing {
    fn free(&self) -> u64 {
        self.capacity - (self.tail.get() + self.promised.get() - self.head.get())
    }

    fn next_waiter(&self) -> Option<Rc<Waiter>> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(waiter) = waiting.pop_front() {
            if !waiter.gone.get() {
                return Some(waiter);
            }
        }
        None
    }

    fn someone_waits(&self) -> bool {
        self.waiting.borrow().iter().any(|waiter| !waiter.gone.get())
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if !self.used {
            let lane = self.local.outgoing(self.to, self.class);
            lane.promised.set(lane.promised.get() - 1);
            self.local.grant(self.to, self.class);
        }
    }
}

struct Admission {
    local: Rc<Local>,
    to: usize,
    class: Class,
    waiter: Option<Rc<Waiter>>,
}

impl Future for Admission {
    type Output = Credit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Credit> {
        let waiter = if let Some(waiter) = &self.waiter {
            waiter.waker.borrow_mut().clone_from(cx.waker());
            waiter.clone()
        } else {
            let waker = RefCell::new(cx.waker().clone());
            let waiter = Rc::new(Waiter { granted: Cell::new(false), gone: Cell::new(false), waker });
            self.local.outgoing(self.to, self.class).waiting.borrow_mut().push_back(waiter.clone());
            self.waiter = Some(waiter.clone());
            self.local.grant(self.to, self.class);
            waiter
        };
        if !waiter.granted.get() {
            return Poll::Pending;
        }
        self.waiter = None;
        Poll::Ready(Credit { local: self.local.clone(), to: self.to, class: self.class, used: false })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        if waiter.granted.get() {
            drop(Credit { local: self.local.clone(), to: self.to, class: self.class, used: false });
        } else {
            waiter.gone.set(true);
        }
    }
}

/// Whether the shard has work beside the task that asks.
struct BusyCheck {
    tasks_run: Option<u64>,
}

impl BusyCheck {
    fn new() -> Self {
        Self { tasks_run: None }
    }

    /// Yields once and says whether other tasks ran meanwhile. A simulated shard never yields here: it would only lengthen the run.
    async fn yielded_to_others(&mut self) -> bool {
        if !machine::is_real() {
            return false;
        }
        let before = *self.tasks_run.get_or_insert_with(real::executor::tasks_run);
        real::executor::yield_now().await;
        let after = real::executor::tasks_run();
        self.tasks_run = Some(after);
        // One of them is this task.
        after > before + 1
    }
}
