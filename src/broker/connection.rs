//! One connection: a task that reads requests and one that writes responses, in the order of the requests.
//!
//! Decoding, validation, splitting and enqueueing happen in the reader, in arrival order. A Produce is answered later, by what the
//! reader put into the queue of slots; every other request is finished before the next one is read, as Kafka does, so that its
//! effects are seen by what follows on the same connection.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_channel::{mpsc, oneshot};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, SinkExt, StreamExt};
use logan_shards::{self as shards, AlignedBuffer, Connection, NetError, Queue, Reader, Writer};

use super::Shell;
use super::connections::Open;
use crate::handlers::{self, Credit, Outcome};
use crate::limits;
use crate::protocol::{Announced, Encoded, Frame, FrameReader, Step};

/// A response that is owed, and the memory its request still holds.
struct Slot {
    outcome: Outcome,
    _request: Option<Credit>,
    /// Told, by being dropped, that the response was written.
    written: Option<oneshot::Sender<()>>,
}

/// Why a connection ends that the peer did not end.
#[derive(Debug, thiserror::Error)]
enum Ended {
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
pub async fn serve(shell: Rc<Shell>, connection: Connection) {
    let open = shell.connections.add(connection.peer_address());
    let (reader, writer) = connection.split();
    let (slots, queue) = mpsc::channel(limits::RESPONSES_IN_FLIGHT);
    let writing = {
        let (shell, open) = (shell.clone(), open.clone());
        shards::spawn(Queue::Control, async move {
            if let Err(ended) = write_responses(&shell, writer, queue).await {
                tracing::debug!(peer = open.peer, "connection: {ended}");
            }
            open.close.set();
        })
    };
    let mut requests = Requests::new(&shell, reader);
    let ended = {
        let reading = read_requests(&shell, &open, &mut requests, slots);
        let closing = open.close.wait();
        futures_util::pin_mut!(reading, closing);
        match select(reading, closing).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => Ended::Closed,
        }
    };
    match ended {
        Ended::Closed => {}
        ended => tracing::info!(peer = open.peer, "closing the connection: {ended}"),
    }
    // What was accepted is still answered: the writer ends when its queue is empty.
    writing.await;
    shell.connections.remove(&open);
}

async fn read_requests(
    shell: &Rc<Shell>,
    open: &Open,
    requests: &mut Requests,
    mut slots: mpsc::Sender<Slot>,
) -> Ended {
    loop {
        let (frame, credit) = match requests.next().await {
            Ok(next) => next,
            Err(ended) => return ended,
        };
        open.last_used_ns.set(shards::monotonic_ns());
        let outcome = match handlers::handle(&shell.context, &open.peer, frame).await {
            Outcome::Close(reason) => return Ended::Refused(reason),
            outcome => outcome,
        };
        let holds_memory = matches!(outcome, Outcome::Respond(_, Some(_)));
        let (written, until_written) = oneshot::channel();
        let slot = Slot { outcome, _request: Some(credit), written: holds_memory.then_some(written) };
        if slots.send(slot).await.is_err() {
            return Ended::Closed;
        }
        if holds_memory {
            // A client that asks and does not read holds the memory of one answer, not of all it asks for.
            until_written.await.ok();
        }
    }
}

/// Cuts what arrives into frames. An idle connection holds no buffer.
struct Requests {
    shell: Rc<Shell>,
    reader: Reader,
    frames: FrameReader,
    received: BytesMut,
}

impl Requests {
    fn new(shell: &Rc<Shell>, reader: Reader) -> Self {
        let frames = FrameReader::new(shell.context.settings.broker.socket_request_max_bytes as usize);
        Self { shell: shell.clone(), reader, frames, received: BytesMut::new() }
    }

    async fn next(&mut self) -> Result<(Frame, Credit), Ended> {
        let mut credit = None;
        loop {
            match self.frames.step(&mut self.received)? {
                Step::Need(_) => self.receive().await?,
                Step::Admit(announced) => {
                    credit = Some(self.shell.frame_credit(announced.size).await);
                    if announced.size > limits::SMALL_FRAME_BYTES {
                        let frame = self.receive_large(announced).await?;
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

    /// Receives what is there. A frame that has begun must go on within a bound: its memory is kept from others.
    async fn receive(&mut self) -> Result<(), Ended> {
        // The memory comes with the first byte, not with the connection.
        let mut first = [0; limits::FIRST_READ_BYTES];
        let count = if self.received.is_empty() {
            self.reader.read(&mut first).await?
        } else {
            within_frame(self.reader.read(&mut first)).await?
        };
        if count == 0 {
            return Err(Ended::Closed);
        }
        self.received.extend_from_slice(&first[..count]);
        Ok(())
    }

    /// Receives the rest of a frame straight into one pooled buffer.
    async fn receive_large(&mut self, announced: Announced) -> Result<Frame, Ended> {
        let whole = 4 + announced.size;
        let mut buffer = AlignedBuffer::take(whole);
        let mut filled = self.received.len();
        assert!(filled <= whole, "no more than a small read is received before a frame is admitted");
        buffer.bytes_mut()[..filled].copy_from_slice(&self.received);
        self.received = BytesMut::new();
        while filled < whole {
            let count = within_frame(self.reader.read(&mut buffer.bytes_mut()[filled..whole])).await?;
            if count == 0 {
                return Err(Ended::Closed);
            }
            filled += count;
        }
        self.frames = FrameReader::new(self.shell.context.settings.broker.socket_request_max_bytes as usize);
        Ok(Frame::open(buffer.seal().slice(4..whole))?)
    }
}

async fn within_frame(reading: impl Future<Output = Result<usize, NetError>>) -> Result<usize, Ended> {
    let patience = Duration::from_millis(limits::FRAME_STALL_MS);
    match shards::timeout(patience, reading).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Ended::Refused(format!("a frame stopped half-way for {} s", patience.as_secs()))),
    }
}

/// Responses that leave with one write, and the memory that they stand in until then.
#[derive(Default)]
struct Outgoing {
    slices: Vec<Bytes>,
    bytes: usize,
    credits: Vec<Credit>,
    /// Whoever waits for one of the responses to be written; told by being dropped.
    written: Vec<oneshot::Sender<()>>,
}

impl Outgoing {
    fn push(&mut self, encoded: Encoded, credit: Option<Credit>) {
        self.bytes += encoded.len();
        self.slices.extend(encoded.into_slices());
        self.credits.extend(credit);
    }
}

async fn write_responses(
    shell: &Shell,
    mut writer: Writer,
    mut queue: mpsc::Receiver<Slot>,
) -> Result<(), Ended> {
    while let Some(slot) = queue.next().await {
        let mut outgoing = Outgoing::default();
        outgoing.written.extend(slot.written);
        settle(slot.outcome, &mut outgoing).await?;
        // Responses that are ready too leave with the same write.
        while outgoing.bytes < limits::RESPONSE_GATHER_BYTES {
            let Some(Some(slot)) = queue.next().now_or_never() else { break };
            outgoing.written.extend(slot.written);
            match slot.outcome {
                Outcome::Respond(encoded, credit) => outgoing.push(encoded, credit),
                other => {
                    write(shell, &mut writer, std::mem::take(&mut outgoing)).await?;
                    settle(other, &mut outgoing).await?;
                }
            }
        }
        write(shell, &mut writer, outgoing).await?;
    }
    Ok(())
}

/// Waits for a response and adds it.
async fn settle(mut outcome: Outcome, outgoing: &mut Outgoing) -> Result<(), Ended> {
    loop {
        match outcome {
            Outcome::Respond(encoded, credit) => {
                outgoing.push(encoded, credit);
                return Ok(());
            }
            Outcome::Silent => return Ok(()),
            Outcome::Close(reason) => return Err(Ended::Refused(reason)),
            Outcome::Later(later) => outcome = later.await,
        }
    }
}

/// Writes within the time that a peer is given to read, which is short while others wait for the memory of what it does not read.
async fn write(shell: &Shell, writer: &mut Writer, outgoing: Outgoing) -> Result<(), Ended> {
    for piece in pieces(outgoing.slices) {
        let mut writing = std::pin::pin!(writer.write_all(&piece));
        let mut waited_ms = 0;
        loop {
            let patience = std::pin::pin!(shards::sleep(Duration::from_millis(limits::WRITE_LEASE_MS)));
            match select(writing.as_mut(), patience).await {
                Either::Left((written, _)) => break written?,
                Either::Right(((), _)) => waited_ms += limits::WRITE_LEASE_MS,
            }
            if waited_ms >= limits::WRITE_STALL_MS || shell.context.responses.is_contended() {
                return Err(Ended::Refused(format!("the peer read nothing for {waited_ms} ms")));
            }
        }
    }
    Ok(())
}

/// Parts of a response that show a peer's progress: a slow reader gets through one in time, one that does not read gets through none.
fn pieces(slices: Vec<Bytes>) -> Vec<Vec<Bytes>> {
    let mut pieces = vec![Vec::new()];
    let mut room = limits::RESPONSE_GATHER_BYTES;
    for mut slice in slices {
        while !slice.is_empty() {
            let part = slice.split_to(slice.len().min(room));
            room -= part.len();
            pieces.last_mut().expect("never empty").push(part);
            if room == 0 {
                pieces.push(Vec::new());
                room = limits::RESPONSE_GATHER_BYTES;
            }
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
