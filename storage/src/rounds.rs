//! Rounds: gather, write, flush, acknowledge in order.
//!
//! Invariants: at most [`MAX_IN_FLIGHT`] rounds; rounds are settled in order; a flush begins when the writes of its round and of all
//! before it are complete, so it makes all of them durable; `durable_through` of a record was durable when the record was built.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::{Either, select, try_join_all};
use futures_util::stream::{FuturesOrdered, StreamExt};

use crate::config::{IDLE_BEFORE_COVER, OWN_PREPARATION_BYTES, RECORD_BYTES, ROUND_BYTES, STALL_NS, planted};
use crate::disk::{BLOCK, DiskError, File, Flushing};
use crate::gather::{Pending, Run};
use crate::ledger::{Head, SEGMENT_BOUND};
use crate::log::{Log, LogState};
use crate::names::NameWork;
use crate::record::{Entry, MAX_LEN, encode};
use crate::segment::{Segment, block_ceil};
use crate::volume::{Phase, Volume};

/// A second round writes while the first flushes; more would only queue up at the device.
pub const MAX_IN_FLIGHT: usize = 2;

/// What waits for the next round.
#[derive(Default)]
pub(crate) struct RoundQueue {
    /// Logs with pending bytes and nothing in flight.
    pub logs: VecDeque<Rc<Log>>,
    pub controls: VecDeque<Control>,
    /// Bytes appended that no round and no own preparation has taken.
    pub gathered: u64,
    /// Someone waits until this round is covered.
    pub cover_wanted: u64,
    pub is_flush_wanted: bool,
    /// No more rounds come: after a stop, or a failure.
    pub has_ended: bool,
    /// Monotonic nanoseconds by which a flush must begin.
    pub flush_by_ns: Option<u64>,
    /// Bytes written since the last flush.
    pub unflushed_bytes: u64,
    /// Rounds whose writes are complete, beyond `written_through`.
    written: BTreeSet<u64>,
    written_through: u64,
    /// Rounds that were settled, perhaps, but not flushed.
    undurable: VecDeque<Undurable>,
    /// Files written since their last sync, where each must be synced by itself.
    unsynced: Vec<Rc<dyn File>>,
}

/// An entry that is not a write, and who waits for its round to be durable.
pub(crate) struct Control {
    pub entry: Entry,
    pub done: oneshot::Sender<u64>,
}

struct Undurable {
    head: Head,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
}

enum Effect {
    Written { log: Rc<Log>, next_offset: i64, messages: u64, memory: usize },
    Rolled { log: Rc<Log>, segment: Rc<Segment>, sealed: Option<Rc<Segment>> },
    Done(oneshot::Sender<u64>),
}

struct Write {
    file: Rc<dyn File>,
    position: u64,
    content: Bytes,
}

struct Round {
    head: Head,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    writes: Vec<Write>,
    /// The file of the record, which the flush syncs.
    record_file: Rc<dyn File>,
    stated_through: u64,
    flush: bool,
    began_ns: u64,
}

/// A round under construction.
#[derive(Default)]
struct Draft {
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    writes: Vec<Write>,
    record_bytes: usize,
    bytes: u64,
    flush: bool,
}

/// Runs all rounds of a volume until it stops or fails.
pub(crate) async fn run(volume: Rc<Volume>) {
    let mut flights = FuturesOrdered::new();
    loop {
        if volume.failed.is_failed() {
            break;
        }
        while let Some(round) = volume.build_round(flights.len()) {
            if planted(volume.config.mutations.acknowledge_before_writes) {
                volume.settle_early(&round);
            }
            flights.push_back(execute(Rc::clone(&volume), round));
        }
        if flights.is_empty() && volume.have_rounds_ended() {
            break;
        }
        let in_flight = flights.len();
        let work = volume.work.until(|| volume.is_round_due(in_flight).then_some(()));
        let work = std::pin::pin!(work);
        if flights.is_empty() {
            volume.wait_idle(work).await;
        } else if let Either::Right((Some(round), _)) = select(work, flights.next()).await {
            volume.settle(round);
        }
    }
    volume.queue.borrow_mut().has_ended = true;
    volume.progress.notify();
}

async fn execute(volume: Rc<Volume>, round: Round) -> Round {
    let writes = round.writes.iter().map(|write| write.file.write(write.position, write.content.clone()));
    if let Err(error) = try_join_all(writes).await {
        volume.fail(&error);
        return round;
    }
    let written_ns = volume.host.monotonic_ns();
    volume.on_written(&round);
    if round.flush {
        let before = round.head.round - 1;
        let failed = &volume.failed;
        volume
            .progress
            .until(|| (volume.queue.borrow().written_through >= before || failed.is_failed()).then_some(()))
            .await;
        let flush_began_ns = volume.host.monotonic_ns();
        if let Err(error) = volume.flush(&round).await {
            volume.fail(&error);
        }
        volume.name_stall(&round, written_ns, flush_began_ns);
    }
    round
}

impl Volume {
    /// Puts a log with pending bytes into the next round.
    pub(crate) fn enqueue(&self, log: &Rc<Log>) {
        if !log.is_queued.replace(true) {
            self.queue.borrow_mut().logs.push_back(Rc::clone(log));
        }
        self.work.notify();
    }

    /// Says where a round's time went that took long: whoever looks into slow acknowledgements wants to know whether it was the device.
    fn name_stall(&self, round: &Round, written_ns: u64, flush_began_ns: u64) {
        let now_ns = self.host.monotonic_ns();
        if now_ns.saturating_sub(round.began_ns) < STALL_NS {
            return;
        }
        let ms = |from: u64, to: u64| to.saturating_sub(from) / 1_000_000;
        tracing::debug!(
            round = round.head.round,
            files = round.writes.len(),
            bytes = round.writes.iter().map(|write| write.content.len()).sum::<usize>(),
            write_ms = ms(round.began_ns, written_ns),
            turn_ms = ms(written_ns, flush_began_ns),
            flush_ms = ms(flush_began_ns, now_ns),
            "a slow round"
        );
    }

    /// Puts an entry into the next round, and resolves with that round once it is durable.
    pub(crate) fn submit(&self, entry: Entry) -> oneshot::Receiver<u64> {
        let (done, receiver) = oneshot::channel();
        self.queue.borrow_mut().controls.push_back(Control { entry, done });
        self.work.notify();
        receiver
    }

    /// Resolves when what `round` gave up may be overwritten, cut or unlinked (the freeing rule), or the volume has failed.
    pub(crate) async fn covered(&self, round: u64) {
        {
            let mut queue = self.queue.borrow_mut();
            queue.cover_wanted = queue.cover_wanted.max(round);
        }
        self.work.notify();
        let is_free = || {
            let log = self.round_log.borrow();
            log.covered.max(log.checkpoint_round) >= round || self.failed.is_failed()
        };
        self.progress.until(|| is_free().then_some(())).await;
    }

    pub(crate) fn add_gathered(&self, bytes: u64) {
        self.queue.borrow_mut().gathered += bytes;
    }

    pub(crate) fn take_gathered(&self, bytes: u64) {
        let mut queue = self.queue.borrow_mut();
        queue.gathered = queue.gathered.saturating_sub(bytes);
    }

    /// A stop has found every log quiet, and nobody waits for a round.
    fn have_rounds_ended(&self) -> bool {
        let queue = self.queue.borrow();
        self.phase() >= Phase::RoundsMayEnd
            && queue.logs.is_empty()
            && queue.controls.is_empty()
            && !queue.is_flush_wanted
    }

    fn is_round_due(&self, in_flight: usize) -> bool {
        if self.failed.is_failed() || (in_flight == 0 && self.have_rounds_ended()) {
            return true;
        }
        if in_flight >= MAX_IN_FLIGHT {
            return false;
        }
        let queue = self.queue.borrow();
        if in_flight > 0 && queue.gathered <= ROUND_BYTES {
            return false;
        }
        let log = self.round_log.borrow();
        let has_entries = !queue.logs.is_empty() || !queue.controls.is_empty();
        let wants_cover = in_flight == 0 && log.covered.max(log.checkpoint_round) < queue.cover_wanted;
        let wants_flush = in_flight == 0 && (queue.is_flush_wanted || self.is_flush_overdue(&queue));
        if !has_entries && !wants_cover && !wants_flush {
            return false;
        }
        if !log.has_room(MAX_LEN as u64, planted(self.config.mutations.reuse_before_checkpoint)) {
            self.request_checkpoint();
            return false;
        }
        true
    }

    fn is_flush_overdue(&self, queue: &RoundQueue) -> bool {
        queue.flush_by_ns.is_some_and(|by| self.host.monotonic_ns() >= by)
            || queue.unflushed_bytes > self.config.recovery_bytes
            || self.round_log.borrow().wants_flush()
    }

    fn build_round(self: &Rc<Self>, in_flight: usize) -> Option<Round> {
        if self.failed.is_failed() || !self.is_round_due(in_flight) {
            return None;
        }
        let mut draft = Draft::default();
        self.take_controls(&mut draft);
        while draft.bytes < ROUND_BYTES && draft.record_bytes < RECORD_BYTES {
            let next = self.queue.borrow_mut().logs.pop_front();
            let Some(log) = next else { break };
            log.is_queued.set(false);
            self.take_from(&log, &mut draft);
        }
        let is_wanted = {
            let queue = self.queue.borrow();
            let log = self.round_log.borrow();
            queue.is_flush_wanted
                || self.is_flush_overdue(&queue)
                || log.covered.max(log.checkpoint_round) < queue.cover_wanted
        };
        if draft.entries.is_empty() && !(is_wanted && in_flight == 0) {
            return None;
        }
        draft.flush |= self.config.ack_sync || is_wanted || self.is_stopping();
        Some(self.finish_round(draft))
    }

    fn take_controls(&self, draft: &mut Draft) {
        let mut queue = self.queue.borrow_mut();
        while draft.record_bytes < RECORD_BYTES {
            let Some(control) = queue.controls.pop_front() else { break };
            draft.record_bytes += control.entry.encoded_bound();
            draft.entries.push(control.entry);
            draft.effects.push(Effect::Done(control.done));
            draft.flush = true;
        }
    }

    /// Moves what a log has pending into the round, or starts its own preparation.
    fn take_from(self: &Rc<Self>, log: &Rc<Log>, draft: &mut Draft) {
        let state = &mut *log.state.borrow_mut();
        if state.is_busy {
            return;
        }
        while let Some(front) = state.pending.front() {
            let run = match front {
                Pending::Run(run) => run,
                Pending::Roll { segment, spare } => {
                    let (base, generation) = (segment.base, state.generation);
                    draft.entries.push(Entry::Roll { log: log.number, generation, base, spare: *spare });
                    draft.record_bytes += 64;
                    draft.flush = true;
                    let at = state.segments.iter().position(|other| Rc::ptr_eq(other, segment));
                    let sealed = at.and_then(|at| at.checked_sub(1)).map(|at| Rc::clone(&state.segments[at]));
                    let segment = Rc::clone(segment);
                    if planted(self.config.mutations.rename_before_durable) {
                        let (log, segment) = (Rc::clone(log), Rc::clone(&segment));
                        self.add_name_work(NameWork::Segment { log, segment });
                    }
                    draft.effects.push(Effect::Rolled { log: Rc::clone(log), segment, sealed });
                    state.pending.pop_front();
                    continue;
                }
            };
            if !run.is_written && !self.may_write_in_round(run) {
                if !run.segment.is_structural.get() && !state.is_busy {
                    self.start_own_preparation(log, state);
                }
                return;
            }
            Self::seal_front(state);
            let Some(Pending::Run(run)) = state.pending.pop_front() else {
                unreachable!("a run is in front")
            };
            self.draft_run(log, state, &run, draft);
        }
        self.consider_preparation(log, state);
    }

    /// The open chunk belongs to the last run; if that is the front one, it is sealed before it is taken.
    fn seal_front(state: &mut LogState) {
        if state.pending.len() == 1 {
            Self::seal_open(state);
        }
    }

    fn may_write_in_round(&self, run: &Run) -> bool {
        if matches!(self.directory.flushing(), Flushing::PerFile { .. }) {
            return true;
        }
        let is_prepared =
            run.segment.prepared.get().is_some_and(|prepared| block_ceil(run.end()) <= prepared);
        is_prepared && u64::from(run.length) < OWN_PREPARATION_BYTES
    }

    fn draft_run(&self, log: &Rc<Log>, state: &mut LogState, run: &Run, draft: &mut Draft) {
        let memory = run.chunks.iter().map(|chunk| chunk.capacity).sum();
        if !run.is_written {
            let file = run.segment.open_file().expect(
                "offsets are given only while the file is open, and it stays so while something is pending",
            );
            for (position, content) in run.writes() {
                draft.writes.push(Write { file: Rc::clone(&file), position, content });
            }
            self.take_gathered(u64::from(run.length));
            state.rate.on_run(u64::from(run.length));
        }
        state.is_busy = true;
        state.unflushed_messages += run.messages;
        if !self.config.ack_sync && !planted(self.config.mutations.forget_flushes) {
            draft.flush |= state.unflushed_messages >= state.config.flush_messages;
            self.note_flush_deadline(state.config.flush_ms, run.began_ns);
        }
        draft.bytes += u64::from(run.length);
        draft.record_bytes += 64;
        draft.entries.push(Entry::Write {
            log: log.number,
            generation: state.generation,
            base: run.segment.base,
            position: run.position,
            length: run.length,
            crc: run.crc.value(),
            next_offset: run.next_offset,
        });
        draft.effects.push(Effect::Written {
            log: Rc::clone(log),
            next_offset: run.next_offset,
            messages: run.messages,
            memory,
        });
    }

    fn note_flush_deadline(&self, flush_ms: i64, began_ns: u64) {
        let Ok(flush_ms) = u64::try_from(flush_ms) else { return };
        let by = began_ns.saturating_add(flush_ms.saturating_mul(1_000_000));
        if by < u64::MAX {
            let mut queue = self.queue.borrow_mut();
            queue.flush_by_ns = Some(queue.flush_by_ns.map_or(by, |other| other.min(by)));
        }
    }

    /// Builds the record and gives the round its number and place.
    fn finish_round(&self, draft: Draft) -> Round {
        let Draft { entries, effects, mut writes, bytes, flush, .. } = draft;
        let mut log = self.round_log.borrow_mut();
        let mut scratch = self.scratch.borrow_mut();
        let stated_through = log.durable_through;
        let chain = encode(log.id, log.chain, log.next_round, stated_through, &entries, &mut scratch);
        let mut buffer = self.directory.buffer(scratch.len());
        buffer.bytes_mut()[..scratch.len()].copy_from_slice(&scratch);
        let content = buffer.seal().slice(..scratch.len());
        let place = log.place(content.len() as u64);
        log.chain = chain;
        log.stated_through = stated_through;
        writes.push(Write { file: Rc::clone(&place.file), position: place.position, content });
        let mut queue = self.queue.borrow_mut();
        queue.unflushed_bytes += bytes;
        if flush {
            log.since_flush = 0;
            queue.is_flush_wanted = false;
            queue.flush_by_ns = None;
            queue.unflushed_bytes = 0;
        }
        Round {
            head: log.head(),
            entries,
            effects,
            writes,
            record_file: place.file,
            stated_through,
            flush,
            began_ns: self.host.monotonic_ns(),
        }
    }

    /// The round's bytes are in the device, perhaps in its cache.
    fn on_written(self: &Rc<Self>, round: &Round) {
        for effect in &round.effects {
            if let Effect::Written { log, next_offset, .. } = effect {
                let has_more = {
                    let mut state = log.state.borrow_mut();
                    state.ends.written = *next_offset;
                    state.is_busy = false;
                    !state.pending.is_empty()
                };
                if has_more {
                    self.enqueue(log);
                }
            }
        }
        let mut queue = self.queue.borrow_mut();
        if matches!(self.directory.flushing(), Flushing::PerFile { .. }) {
            for write in &round.writes {
                if !queue.unsynced.iter().any(|file| Rc::ptr_eq(file, &write.file)) {
                    queue.unsynced.push(Rc::clone(&write.file));
                }
            }
        }
        queue.written.insert(round.head.round);
        while let Some(next) =
            queue.written.first().copied().filter(|next| *next == queue.written_through + 1)
        {
            queue.written.remove(&next);
            queue.written_through = next;
        }
        drop(queue);
        // Both the next round's flush and a truncation that waits for quiet look at this.
        self.progress.notify();
    }

    async fn flush(&self, round: &Round) -> Result<(), DiskError> {
        if planted(self.config.mutations.no_flush) {
            return Ok(());
        }
        let unsynced = std::mem::take(&mut self.queue.borrow_mut().unsynced);
        if unsynced.is_empty() {
            return round.record_file.sync_data().await;
        }
        try_join_all(unsynced.iter().map(|file| file.sync_data())).await.map(|_| ())
    }

    /// The first round in flight is done: acknowledges it, in order.
    fn settle(self: &Rc<Self>, round: Round) {
        // Read after every flush: another shard, or a write of this one, may have failed the directory meanwhile.
        if self.failed.is_failed() {
            return;
        }
        let mut moved = Vec::new();
        if round.flush || !self.config.ack_sync {
            for effect in &round.effects {
                if let Effect::Written { log, next_offset, memory, .. } = effect {
                    self.settle_log(log, *next_offset, *memory);
                    moved.push(Rc::clone(log));
                }
            }
        }
        let Round { head, entries, effects, flush, stated_through, .. } = round;
        let number = head.round;
        self.queue.borrow_mut().undurable.push_back(Undurable { head, entries, effects });
        if flush {
            {
                let mut log = self.round_log.borrow_mut();
                log.durable_through = number;
                log.covered = log.covered.max(stated_through);
            }
            self.make_durable();
        }
        if self.round_log.borrow().wants_checkpoint() {
            self.request_checkpoint();
        }
        let hook = self.hook.borrow().clone();
        if let Some(hook) = hook {
            for log in &moved {
                hook(log);
            }
        }
        self.progress.notify();
    }

    fn settle_log(&self, log: &Rc<Log>, next_offset: i64, memory: usize) {
        let mut state = log.state.borrow_mut();
        if state.ends.settled < next_offset {
            state.ends.settled = next_offset;
        }
        let generation = state.generation;
        drop(state);
        self.move_memory_to_cache(log, generation, memory);
    }

    /// A flush covered all rounds that were settled so far.
    fn make_durable(self: &Rc<Self>) {
        let rounds = std::mem::take(&mut self.queue.borrow_mut().undurable);
        for round in rounds {
            let applied = self.ledger.borrow_mut().apply_round(&round.entries, round.head);
            if let Err(error) = applied {
                panic!("the ledger refuses what this shard wrote: {error}");
            }
            for effect in round.effects {
                match effect {
                    Effect::Written { log, next_offset, messages, .. } => {
                        let mut state = log.state.borrow_mut();
                        state.ends.durable = next_offset;
                        state.unflushed_messages = state.unflushed_messages.saturating_sub(messages);
                    }
                    Effect::Rolled { log, segment, sealed } => self.on_rolled(&log, &segment, sealed),
                    Effect::Done(done) => {
                        // Whoever gave up waiting has no use for the answer.
                        let _gone = done.send(round.head.round);
                    }
                }
            }
        }
    }

    fn on_rolled(&self, log: &Rc<Log>, segment: &Rc<Segment>, sealed: Option<Rc<Segment>>) {
        self.keep_promise(SEGMENT_BOUND as u64);
        log.state.borrow_mut().begin_behind_gap(segment);
        self.add_name_work(NameWork::Segment { log: Rc::clone(log), segment: Rc::clone(segment) });
        if let Some(sealed) = sealed {
            self.add_name_work(NameWork::Cut { log: Rc::clone(log), segment: sealed });
        }
    }

    /// A planted fault: acknowledges what is not written.
    fn settle_early(&self, round: &Round) {
        for effect in &round.effects {
            if let Effect::Written { log, next_offset, .. } = effect {
                let mut state = log.state.borrow_mut();
                state.ends.written = *next_offset;
                state.ends.settled = *next_offset;
                drop(state);
                if let Some(hook) = self.hook.borrow().clone() {
                    hook(log);
                }
            }
        }
        self.progress.notify();
    }

    /// Nothing is in flight: waits for work, and after a while writes the record that covers the last round.
    async fn wait_idle(self: &Rc<Self>, mut work: std::pin::Pin<&mut impl Future<Output = ()>>) {
        let covers = {
            let log = self.round_log.borrow();
            log.stated_through < log.durable_through && log.durable_through + 1 == log.next_round
        };
        let flush_by = self.queue.borrow().flush_by_ns;
        let sleep = match flush_by {
            Some(by) => {
                let left = by.saturating_sub(self.host.monotonic_ns());
                // One that is due and has no round yet has no room in the round log: a checkpoint is work.
                (left > 0).then(|| self.host.sleep(std::time::Duration::from_nanos(left)))
            }
            None => covers.then(|| self.host.sleep(IDLE_BEFORE_COVER)),
        };
        let Some(sleep) = sleep else { return work.await };
        if let Either::Right(((), _)) = select(work.as_mut(), sleep).await
            && covers
            && flush_by.is_none()
        {
            self.write_cover().await;
        }
    }

    /// The record that an idle shard leaves unsynced, so that recovery need not look at its last round's ranges.
    async fn write_cover(self: &Rc<Self>) {
        if !self.round_log.borrow().has_room(BLOCK as u64, false) {
            self.request_checkpoint();
            return;
        }
        let round = self.finish_round(Draft::default());
        let round = execute(Rc::clone(self), round).await;
        if !self.failed.is_failed() {
            self.settle(round);
        }
    }
}
