//! Read-ahead: a reader that goes through a segment on disk finds its next piece read while the one before was sent.
//!
//! Invariants: `ReadAhead::held` is the sum of what all pieces may hold, at most `Volume::max_ahead`; a piece is given to one reader, and only
//! if it is of the generation that the reader asks for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::config::AHEAD_FOR_NS;
use crate::disk::Priority;
use crate::failure::ReadError;
use crate::log::Log;
use crate::notify::Notify;
use crate::read::{Read, ReadBounds, held_by};
use crate::segment::Segment;
use crate::volume::Volume;

/// What a volume reads ahead for all its readers.
#[derive(Default)]
pub(crate) struct ReadAhead {
    /// Bytes that all pieces may hold.
    held: Rc<Cell<usize>>,
    /// A piece was read.
    was_read: Notify,
}

impl ReadAhead {
    pub fn bytes(&self) -> usize {
        self.held.get()
    }
}

/// What will be read next, or was.
pub(crate) struct Piece {
    offset: i64,
    generation: u32,
    /// What it may hold: its slices keep all that one read of the disk brought.
    bytes: usize,
    /// The sum of that over all pieces of the volume.
    held: Rc<Cell<usize>>,
    began_ns: u64,
    /// None while it is being read.
    outcome: RefCell<Option<Result<Read, ReadError>>>,
}

impl Log {
    /// Begins to read what follows a piece that was just read, if there is memory for it.
    pub(crate) fn read_ahead(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
        generation: u32,
        from: i64,
        limits: ReadBounds,
    ) {
        let bytes = held_by(limits.bytes);
        let is_there = segment.ahead.borrow().iter().any(|piece| piece.offset == from);
        if from >= limits.offset
            || is_there
            || volume.read_ahead.bytes().saturating_add(bytes) > volume.max_ahead()
        {
            return;
        }
        let piece = Rc::new(Piece {
            offset: from,
            generation,
            bytes,
            held: Rc::clone(&volume.read_ahead.held),
            began_ns: volume.host.monotonic_ns(),
            outcome: RefCell::new(None),
        });
        piece.held.set(piece.held.get() + piece.bytes);
        segment.ahead.borrow_mut().push(Rc::clone(&piece));
        let (log, of_task, segment) = (Rc::clone(self), Rc::clone(volume), Rc::clone(segment));
        let reading = async move {
            // A first batch that is longer than was asked for would not be taken.
            let limits = ReadBounds { at_least_one: false, ..limits };
            let outcome = log.read_segment(&of_task, &segment, generation, from, limits).await;
            *piece.outcome.borrow_mut() = Some(outcome.map(|found| found.read));
            of_task.read_ahead.was_read.notify();
        };
        volume.host.spawn(Priority::Background, Box::pin(reading));
    }

    /// What was read ahead for a reader at `from`. None if nothing was, or not what may be returned now.
    pub(crate) async fn take_ahead(
        &self,
        volume: &Volume,
        segment: &Segment,
        generation: u32,
        from: i64,
        limits: ReadBounds,
    ) -> Option<Read> {
        let piece = {
            let mut ahead = segment.ahead.borrow_mut();
            let at = ahead.iter().position(|piece| piece.offset == from && piece.generation == generation)?;
            ahead.swap_remove(at)
        };
        let read = volume.read_ahead.was_read.until(|| piece.outcome.borrow_mut().take()).await.ok()?;
        let fits = read.bytes > 0 && read.bytes <= limits.bytes && read.next_offset <= limits.offset;
        fits.then_some(read)
    }
}

impl Segment {
    /// Gives up what nobody came for.
    pub(crate) fn drop_stale_pieces(&self, now_ns: u64) {
        self.ahead.borrow_mut().retain(|piece| now_ns.saturating_sub(piece.began_ns) < AHEAD_FOR_NS);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes);
    }
}
