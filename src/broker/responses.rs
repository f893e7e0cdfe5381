//! The writing half of a connection: responses leave in the order of their requests, those that are ready together with one write.
//!
//! The records of a response lie in buffers of the log engine, which it borrows by holding references to them: a lease. A
//! lease ends when the response is written; or, after a bounded time, by copying what is left of it into memory of the connection's own,
//! so that a peer that does not read keeps no buffer from others. Where there is no memory for the copy, a peer that has read nothing for
//! that time loses its connection, and one that reads slowly keeps the lease.
//!
//! A response of another kind holds its memory until it is written. While others wait for such memory, a peer that reads nothing of what it is
//! owed loses its connection, too.
//!
//! Invariants:
//! - a response that does not borrow holds credit of `Context::answers`; a connection is owed no more of these that are ready than
//!   [`limits::ANSWERS_OWED_BYTES`], and one
//! - a response that borrows buffers holds credit of `Context::responses`, one that was copied holds credit of `Shell::copies`
//! - a connection has at most one response that borrows, in `lent` until its turn comes: its reader goes on when that is written
//! - the credit of a frame is given back when nobody holds its bytes: not before the owners have answered, whatever becomes of the connection

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_channel::{mpsc, oneshot};
use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::{FutureExt, StreamExt};
use logan_shards::{self as shards, AlignedBuffer, Writer};
use logan_storage::planted;

use super::Shell;
use super::connection::Ended;
use crate::handlers::{Budget, Credit, Outcome};
use crate::limits;
use crate::protocol::Encoded;

/// A response that is owed, and the memory its request still holds.
pub(super) enum Slot {
    Own {
        outcome: Outcome,
        request: Credit,
        /// Of what the connection may be owed, unless it is answered later.
        turn: Option<Credit>,
    },
    /// The one in [`Lent`].
    Lent {
        request: Credit,
        /// Told, by being dropped, that it was written.
        written: oneshot::Sender<()>,
    },
}

/// The response of a connection that borrows, until its turn to be written comes.
#[derive(Default)]
pub(super) struct Lent(RefCell<Option<HeldBytes>>);

/// Bytes of a response, and what they stand in.
struct HeldBytes {
    slices: Vec<Bytes>,
    credit: Credit,
    is_copied: bool,
}

/// The responses of one connection.
pub(super) struct Responses {
    shell: Rc<Shell>,
    writer: Writer,
    queue: mpsc::Receiver<Slot>,
    lent: Rc<Lent>,
    /// Bytes of responses that are ready, but for those that borrow and those that came later.
    owed: Budget,
    /// An outcome that was not waited for, since what is ready before it could not be written.
    unfinished: Option<(LocalBoxFuture<'static, Outcome>, Credit)>,
}

/// Responses that leave with one write, and the memory that they stand in until then.
#[derive(Default)]
struct Outgoing {
    slices: Vec<Bytes>,
    /// The first of `slices` that is not sent.
    at: usize,
    /// What is not sent.
    bytes: usize,
    /// What is, since the first of these responses was added.
    sent: usize,
    /// For what is borrowed.
    leases: Vec<Credit>,
    /// For what was copied.
    copies: Vec<Credit>,
    /// For what is neither, and for the turns of these responses; each with what is sent once the response is, in bytes.
    answers: VecDeque<(usize, Credit)>,
    /// Whoever waits for one of the responses to be written; told by being dropped.
    written: Vec<oneshot::Sender<()>>,
}

/// Since when a write is under way and its peer has made no room, in nanoseconds of the monotonic clock.
struct Patience {
    began_ns: u64,
    progressed_ns: u64,
    /// Bytes that the peer has taken since.
    sent: u64,
}

impl Lent {
    pub(super) fn put(&self, encoded: Encoded, credit: Credit) {
        let held = HeldBytes { slices: encoded.into_slices(), credit, is_copied: false };
        let before = self.0.replace(Some(held));
        assert!(
            before.is_none(),
            "the reader goes on when the one before is written, and not if it never will be"
        );
    }

    /// Whether the one that was put here is written, or about to be: else its writer has ended, or has others to write before.
    pub(super) fn is_taken(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Copies what waits here, if it borrows. False if there is no memory for it. Others run in between: it may be written meanwhile.
    pub(super) async fn end_lease(&self, shell: &Shell) -> bool {
        let borrowed =
            self.0.borrow().as_ref().filter(|held| !held.is_copied).map(|held| held.slices.clone());
        let Some(borrowed) = borrowed else { return true };
        let Some((slices, credit)) = copy(shell, &borrowed).await else { return false };
        if let Some(held) = self.0.borrow_mut().as_mut().filter(|held| !held.is_copied) {
            *held = HeldBytes { slices, credit, is_copied: true };
        }
        true
    }
}

/// How long a response may borrow buffers now.
fn lease(shell: &Shell) -> Duration {
    let is_contended = shell.context.responses.is_contended();
    Duration::from_millis(if is_contended { limits::LEASE_UNDER_PRESSURE_MS } else { limits::LEASE_MS })
}

/// Waits until the response that was put there is written. A response that waits behind another one, which may take as long as a disk
/// takes to acknowledge, gives its buffers back when its lease is over.
pub(super) async fn until_written(shell: &Shell, lent: &Lent, mut written: oneshot::Receiver<()>) {
    let began_ns = shards::monotonic_ns();
    // Its writer looks after what it has taken.
    while !lent.is_taken() {
        let look = Duration::from_millis(limits::LEASE_UNDER_PRESSURE_MS);
        if shards::timeout(look, &mut written).await.is_ok() {
            return;
        }
        let waited = Duration::from_nanos(shards::monotonic_ns() - began_ns);
        if waited >= lease(shell) && lent.end_lease(shell).await {
            break;
        }
    }
    // It is told by being dropped.
    written.await.ok();
}

impl Responses {
    pub(super) fn new(
        shell: &Rc<Shell>,
        writer: Writer,
        queue: mpsc::Receiver<Slot>,
        lent: &Rc<Lent>,
        owed: &Budget,
    ) -> Self {
        Self { shell: shell.clone(), writer, queue, lent: lent.clone(), owed: owed.clone(), unfinished: None }
    }

    /// Writes until no further response will come, or until nothing can be written any more.
    pub(super) async fn write_all(&mut self) -> Result<(), Ended> {
        while let Some(slot) = self.queue.next().await {
            let mut outgoing = Outgoing::default();
            if planted(self.shell.plan.mutations.answer_out_of_order)
                && let Some(Some(next)) = self.queue.next().now_or_never()
            {
                self.add(next, &mut outgoing).await?;
            }
            self.add(slot, &mut outgoing).await?;
            // Responses that are ready too leave with the same write.
            while outgoing.bytes < limits::RESPONSE_GATHER_BYTES {
                let Some(Some(slot)) = self.queue.next().now_or_never() else { break };
                self.add(slot, &mut outgoing).await?;
            }
            self.write(&mut outgoing).await?;
        }
        Ok(())
    }

    /// Nothing can be written any more. What is owed is waited for all the same: until then the owners hold what came in the frames, whose
    /// credit must not be given to others.
    pub(super) async fn settle(mut self) {
        if planted(self.shell.plan.mutations.leave_owners) {
            return;
        }
        if let Some((later, _held)) = self.unfinished.take() {
            later.await;
        }
        while let Some(slot) = self.queue.next().await {
            match slot {
                Slot::Own { mut outcome, request: _held, .. } => {
                    while let Outcome::Later(later) = outcome {
                        outcome = later.await;
                    }
                }
                Slot::Lent { .. } => drop(self.lent.0.take()),
            }
        }
    }

    /// Adds a response. If it must be waited for, what is ready before it is written first.
    async fn add(&mut self, slot: Slot, outgoing: &mut Outgoing) -> Result<(), Ended> {
        let (mut outcome, held, mut turn) = match slot {
            Slot::Own { outcome, request, turn } => (outcome, request, turn),
            Slot::Lent { written, request } => {
                // The answer holds all that is needed from here on.
                drop(request);
                let held = self.lent.0.take().expect("put before its slot was sent");
                outgoing.push(held.slices);
                let credits = if held.is_copied { &mut outgoing.copies } else { &mut outgoing.leases };
                credits.push(held.credit);
                outgoing.written.push(written);
                return Ok(());
            }
        };
        loop {
            match outcome {
                Outcome::Respond(encoded, answer) => {
                    outgoing.push(encoded.into_slices());
                    outgoing.hold([Some(answer), turn.take()].into_iter().flatten());
                    return Ok(());
                }
                Outcome::Lend(..) => {
                    unreachable!("what borrows waits in `lent`, and nothing of it comes later")
                }
                Outcome::Silent => return Ok(()),
                Outcome::Close(reason) => {
                    self.write(outgoing).await?;
                    return Err(Ended::Refused(reason));
                }
                Outcome::Later(mut later) => {
                    outcome = if let Some(outcome) = (&mut later).now_or_never() {
                        outcome
                    } else {
                        if let Err(ended) = self.write(outgoing).await {
                            self.unfinished = Some((later, held));
                            return Err(ended);
                        }
                        later.await
                    };
                }
            }
        }
    }

    /// Writes all of it within the time that a peer is given to read.
    async fn write(&mut self, outgoing: &mut Outgoing) -> Result<(), Ended> {
        let mut patience = None;
        while outgoing.bytes > 0 {
            // A look at the clock is due at the latest when pressure may end a lease.
            let look = std::pin::pin!(shards::sleep(Duration::from_millis(limits::LEASE_UNDER_PRESSURE_MS)));
            let sent = match select(std::pin::pin!(self.writer.write(outgoing.rest())), look).await {
                Either::Left((sent, _)) => sent?,
                Either::Right(((), _)) => 0,
            };
            outgoing.advance(sent);
            if outgoing.bytes > 0 {
                let now_ns = shards::monotonic_ns();
                let new = Patience { began_ns: now_ns, progressed_ns: now_ns, sent: 0 };
                let patience = patience.get_or_insert(new);
                if sent > 0 {
                    patience.progressed_ns = now_ns;
                    patience.sent += sent as u64;
                }
                self.look(outgoing, patience, now_ns).await?;
            }
        }
        let written = std::mem::take(outgoing);
        if planted(self.shell.plan.mutations.keep_credit) {
            std::mem::forget(written.leases);
        }
        Ok(())
    }

    /// Ends the leases if they are due, and the connection if its peer does not read.
    async fn look(&mut self, outgoing: &mut Outgoing, patience: &Patience, now_ns: u64) -> Result<(), Ended> {
        let stalled_ms = (now_ns - patience.progressed_ns) / 1_000_000;
        if stalled_ms >= limits::WRITE_STALL_MS {
            return Err(Ended::Refused(format!("the peer read nothing for {stalled_ms} ms")));
        }
        let is_owed = self.owed.taken() > 0 || !outgoing.answers.is_empty();
        let took_ms = (now_ns - patience.began_ns) / 1_000_000;
        let may_take_ms = limits::LEASE_MS + patience.sent / limits::MIN_FRAME_BYTES_PER_MS;
        if took_ms >= may_take_ms && is_owed && self.shell.context.answers.is_contended() {
            let why = "and others wait for the memory of its answers";
            return Err(Ended::Refused(format!(
                "the peer read {} bytes in {took_ms} ms, {why}",
                patience.sent
            )));
        }
        if Duration::from_nanos(now_ns - patience.began_ns) < lease(&self.shell) {
            return Ok(());
        }
        // What waits behind the write may borrow too, and waits for the same peer.
        let copied = outgoing.end_lease(&self.shell).await && self.lent.end_lease(&self.shell).await;
        if !copied && stalled_ms >= limits::LEASE_MS {
            let why = "and there is no memory to keep what it asked for";
            return Err(Ended::Refused(format!("the peer read nothing for {stalled_ms} ms, {why}")));
        }
        Ok(())
    }
}

impl Outgoing {
    /// Cut into parts of what one system call should send: others of this shard wait meanwhile.
    fn push(&mut self, slices: Vec<Bytes>) {
        for mut slice in slices {
            self.bytes += slice.len();
            while !slice.is_empty() {
                let part = slice.split_to(slice.len().min(limits::RESPONSE_GATHER_BYTES));
                self.slices.push(part);
            }
        }
    }

    /// The credits are given back when all that was pushed is sent.
    fn hold(&mut self, credits: impl Iterator<Item = Credit>) {
        let end = self.sent + self.bytes;
        self.answers.extend(credits.map(|credit| (end, credit)));
    }

    /// What is sent next.
    fn rest(&self) -> &[Bytes] {
        let rest = &self.slices[self.at..];
        let mut bytes = 0;
        let gathered = rest.iter().take_while(|slice| {
            let is_room = bytes < limits::RESPONSE_GATHER_BYTES;
            bytes += slice.len();
            is_room
        });
        &rest[..gathered.count()]
    }

    /// Buffers that are sent go back at once, and so does the memory of answers and of copies.
    fn advance(&mut self, sent: usize) {
        let mut left = sent;
        while left > 0 {
            let slice = &mut self.slices[self.at];
            let part = left.min(slice.len());
            slice.advance(part);
            left -= part;
            if slice.is_empty() {
                *slice = Bytes::new();
                self.at += 1;
            }
        }
        self.bytes -= sent;
        self.sent += sent;
        while self.answers.front().is_some_and(|(end, _)| *end <= self.sent) {
            self.answers.pop_front();
        }
        if self.leases.is_empty()
            && let [copy] = &mut self.copies[..]
        {
            copy.resize(copy.bytes().min(self.bytes as u64));
        }
    }

    /// Copies what is left, if anything is borrowed. False if there is no memory for it.
    async fn end_lease(&mut self, shell: &Shell) -> bool {
        if self.leases.is_empty() {
            return true;
        }
        let Some((slices, credit)) = copy(shell, &self.slices[self.at..]).await else { return false };
        self.slices = slices;
        self.at = 0;
        self.leases.clear();
        self.copies = vec![credit];
        true
    }
}

/// The same bytes in memory of this connection's own, if there is any. Others run in between.
async fn copy(shell: &Shell, slices: &[Bytes]) -> Option<(Vec<Bytes>, Credit)> {
    let bytes: usize = slices.iter().map(Bytes::len).sum();
    let credit = shell.copies.try_take(bytes as u64)?;
    let mut copied = Vec::with_capacity(bytes.div_ceil(limits::RESPONSE_GATHER_BYTES));
    let mut left = bytes;
    let mut slices = slices.iter().cloned();
    let mut slice = Bytes::new();
    while left > 0 {
        let size = left.min(limits::RESPONSE_GATHER_BYTES);
        let mut buffer = AlignedBuffer::take(size);
        let mut room = &mut buffer.bytes_mut()[..size];
        while !room.is_empty() {
            if slice.is_empty() {
                slice = slices.next().expect("as many bytes as were counted");
            }
            let part = slice.split_to(slice.len().min(room.len()));
            let (filled, rest) = room.split_at_mut(part.len());
            filled.copy_from_slice(&part);
            room = rest;
        }
        copied.push(buffer.seal().slice(..size));
        left -= size;
        shards::yield_if_needed().await;
    }
    Some((copied, credit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_an_answer_goes_back_when_it_is_sent() {
        let budget = Budget::new(100);
        let mut outgoing = Outgoing::default();
        for bytes in [10, 20] {
            outgoing.push(vec![Bytes::from(vec![0; bytes])]);
            outgoing.hold(budget.try_take(bytes as u64).into_iter());
        }
        for (sent, left) in [(9, 30), (1, 20), (19, 20), (1, 0)] {
            outgoing.advance(sent);
            assert_eq!(budget.taken(), left);
        }
    }
}
