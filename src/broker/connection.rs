//! One connection: a task that reads requests and one that writes responses (`responses`), in the order of the requests.
//!
//! Decoding, validation, splitting and enqueueing happen in the reader, in arrival order. A Produce is answered later, by what the
//! reader put into the queue of slots; every other request is finished before the next one is read, as Kafka does, so that its
//! effects are seen by what follows on the same connection.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use futures_channel::{mpsc, oneshot};
use futures_util::SinkExt;
use futures_util::future::{Either, join, select};
use logan_shards::{self as shards, AlignedBuffer, Connection, NetError, Queue, Reader};
use logan_storage::planted;

use super::Shell;
use super::connections::Open;
use super::responses::{Lent, Responses, Slot, until_written};
use crate::handlers::{self, Budget, Credit, Outcome};
use crate::limits;
use crate::protocol::{Announced, ApiKey, Frame, FrameReader, Step};

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("{0}")]
    Frame(#[from] crate::protocol::FrameError),
    #[error("{0}")]
    Network(#[from] NetError),
    #[error("{0}")]
    Refused(String),
    /// The peer closed its side, or the node is stopping.
    #[error("closed")]
    Closed,
}

/// Serves a connection until it ends.
pub async fn serve(shell: Rc<Shell>, connection: Connection, open: Rc<Open>) {
    if let Some(limit) = shell.plan.settings.broker.connections_max_idle {
        shell.connections.sweep(limit);
    }
    let (reader, writer) = connection.split();
    let (slots, queue) = mpsc::channel(limits::RESPONSES_IN_FLIGHT);
    let lent = Rc::new(Lent::default());
    let owed = Budget::new(limits::ANSWERS_OWED_BYTES);
    let writing = {
        let mut responses = Responses::new(&shell, writer, queue, &lent, &owed);
        let open = open.clone();
        shards::spawn(Queue::Control, async move {
            if let Err(ended) = responses.write_all().await {
                tracing::debug!(peer = open.peer.address, "connection: {ended}");
            }
            open.close.set();
            responses.settle().await;
        })
    };
    let mut requests = Requests::new(&shell, reader);
    let ended = read_requests(&shell, &open, &mut requests, slots, (&lent, &owed)).await;
    match ended {
        Ended::Closed => {}
        ended => tracing::info!(peer = open.peer.address, "closing the connection: {ended}"),
    }
    // What was accepted is still answered: the writer ends when its queue is empty.
    writing.await;
    shell.context.on_closed(open.peer.number);
    shell.connections.remove(&open);
}

/// What comes of the future, unless the connection is to end before. What is done already counts.
async fn unless_closed<T>(open: &Open, future: impl Future<Output = T>) -> Result<T, Ended> {
    match select(pin!(future), pin!(open.close.wait())).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), _)) => Err(Ended::Closed),
    }
}

async fn read_requests(
    shell: &Rc<Shell>,
    open: &Open,
    requests: &mut Requests,
    mut slots: mpsc::Sender<Slot>,
    (lent, owed): (&Lent, &Budget),
) -> Ended {
    while !open.close.is_set() {
        let (frame, mut credit) = match unless_closed(open, requests.next()).await {
            Ok(Ok(next)) => next,
            Ok(Err(ended)) | Err(ended) => return ended,
        };
        let (bytes, credited) = (frame.body.len() as u64, credit.bytes());
        assert!(bytes <= credited, "a request of {bytes} bytes has credit for {credited}");
        open.last_used_ns.set(shards::monotonic_ns());
        // Owners may have a part of what it brings when the connection is to end: the other parts follow, and all are waited for.
        let is_handed_on = frame.api == ApiKey::Produce && !planted(shell.plan.mutations.leave_half_way);
        // Apart from the connection's own task, which would hold room for the largest handler while nothing is asked.
        let handling = Box::pin(handlers::handle(&shell.context, &open.peer, frame, &mut credit));
        let outcome = if is_handed_on { Ok(handling.await) } else { unless_closed(open, handling).await };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(ended) => return ended,
        };
        let (slot, written) = match outcome {
            Outcome::Close(reason) => return Ended::Refused(reason),
            Outcome::Lend(encoded, lease) => {
                lent.put(encoded, lease);
                let (told, written) = oneshot::channel();
                (Slot::Lent { written: told, request: credit }, Some(written))
            }
            Outcome::Respond(encoded, answer) => {
                // A client that asks and does not read holds little, and one answer more.
                let turn = match unless_closed(open, owed.take(encoded.len() as u64)).await {
                    Ok(turn) => turn,
                    Err(ended) => return ended,
                };
                let outcome = Outcome::Respond(encoded, answer);
                (Slot::Own { outcome, request: credit, turn: Some(turn) }, None)
            }
            outcome => (Slot::Own { outcome, request: credit, turn: None }, None),
        };
        let sending = slots.send(slot);
        let Some(written) = written else {
            if sending.await.is_err() {
                return Ended::Closed;
            }
            continue;
        };
        // A client that asks and does not read holds the memory of one answer, not of all it asks for. Its lease counts from here on, also
        // while there is no room for it behind others, and when the connection is to end: what stands before it is still answered.
        let (sent, ()) = join(sending, until_written(shell, lent, written)).await;
        if sent.is_err() || !lent.is_taken() {
            return Ended::Closed;
        }
    }
    Ended::Closed
}

/// Cuts what arrives into frames. An idle connection holds no buffer.
struct Requests {
    shell: Rc<Shell>,
    reader: Reader,
    frames: FrameReader,
    received: BytesMut,
    /// Until when the frame that memory was taken for must be here, in nanoseconds of the monotonic clock, once that was asked for.
    deadline_ns: Option<u64>,
}

impl Requests {
    fn new(shell: &Rc<Shell>, reader: Reader) -> Self {
        let frames = FrameReader::new(shell.context.settings.broker.socket_request_max_bytes as usize);
        Self { shell: shell.clone(), reader, frames, received: BytesMut::new(), deadline_ns: None }
    }

    async fn next(&mut self) -> Result<(Frame, Credit), Ended> {
        let mut credit = None;
        let mut size = 0;
        self.deadline_ns = None;
        loop {
            match self.frames.step(&mut self.received)? {
                Step::Need(_) => self.receive(size).await?,
                Step::Admit(announced) => {
                    credit = Some(self.shell.frame_credit(announced.size).await);
                    size = announced.size;
                    self.deadline_ns = None;
                    let is_complete = self.received.len() >= 4 + announced.size;
                    if announced.size > limits::FIRST_READ_BYTES && !is_complete {
                        let frame = self.receive_rest(announced).await?;
                        return Ok((frame, credit.take().expect("taken above")));
                    }
                    self.frames.admit();
                }
                Step::Request(frame) => {
                    if self.received.is_empty() {
                        self.received = BytesMut::new();
                    }
                    return Ok((frame, credit.take().expect("a frame is admitted before it is complete")));
                }
                Step::Token(_) => return Err(Ended::Refused("a SASL token without a SASL handshake".into())),
            }
        }
    }

    /// Receives what is there. A frame of `size` bytes that has begun must go on within a bound, and come to its end within another: its
    /// memory is kept from others.
    async fn receive(&mut self, size: usize) -> Result<(), Ended> {
        // The memory comes with the first byte, not with the connection.
        let is_begun = !self.received.is_empty();
        let left = if is_begun { Some(self.left(size)) } else { None };
        let receiving = self.reader.receive::<{ limits::FIRST_READ_BYTES }>(&mut self.received);
        let count = match left {
            Some(left) => within_frame(left, receiving).await?,
            None => receiving.await?,
        };
        if count == 0 { Err(Ended::Closed) } else { Ok(()) }
    }

    /// How long a frame of `size` bytes may still take.
    fn left(&mut self, size: usize) -> Duration {
        let now_ns = shards::monotonic_ns();
        let whole_ms = limits::FRAME_STALL_MS + size as u64 / limits::MIN_FRAME_BYTES_PER_MS;
        let deadline_ns = *self.deadline_ns.get_or_insert(now_ns + whole_ms * 1_000_000);
        Duration::from_nanos(deadline_ns.saturating_sub(now_ns))
    }

    /// Receives the rest of a frame straight into one pooled buffer, and with its end the beginning of the next.
    async fn receive_rest(&mut self, announced: Announced) -> Result<Frame, Ended> {
        let whole = 4 + announced.size;
        let mut buffer = AlignedBuffer::take(whole);
        let mut filled = self.received.len();
        buffer.bytes_mut()[..filled].copy_from_slice(&self.received);
        self.received = BytesMut::new();
        while filled < whole {
            let left = self.left(announced.size);
            let rest = &mut buffer.bytes_mut()[filled..whole];
            let reading =
                self.reader.read_and_beyond::<{ limits::FIRST_READ_BYTES }>(rest, &mut self.received);
            let count = within_frame(left, reading).await?;
            if count == 0 {
                return Err(Ended::Closed);
            }
            filled += count;
        }
        self.frames = FrameReader::new(self.shell.context.settings.broker.socket_request_max_bytes as usize);
        Ok(Frame::open(buffer.seal().slice(4..whole))?)
    }
}

async fn within_frame(
    left: Duration,
    reading: impl Future<Output = Result<usize, NetError>>,
) -> Result<usize, Ended> {
    let stall = Duration::from_millis(limits::FRAME_STALL_MS);
    match shards::timeout(stall.min(left), reading).await {
        Ok(read) => Ok(read?),
        Err(_) if left < stall => Err(Ended::Refused("a frame came too slowly".to_owned())),
        Err(_) => Err(Ended::Refused(format!("a frame stopped half-way for {} s", stall.as_secs()))),
    }
}
