//! Listeners and connections.

use bytes::{Bytes, BytesMut};

use crate::{machine, real, sim};

/// Why an operation on a socket failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    #[error("{address}: {message}")]
    BadAddress { address: String, message: String },
    #[error("{address}: in use by another process")]
    AddressInUse { address: String },
    #[error("{address}: nothing listens there")]
    Refused { address: String },
    /// The other side is gone, or this side was shut down.
    #[error("{address}: connection lost: {message}")]
    Lost { address: String, message: String },
    /// Everything else, with the kernel's error number and what was being done.
    #[error("{address}: {operation} failed: {message}")]
    Failed { address: String, operation: &'static str, errno: i32, message: String },
}

/// The addresses that a host's name has, or the one that it is, each as the addresses of peers are written.
pub async fn addresses_of(host: &str) -> Result<Vec<String>, NetError> {
    if machine::is_real() { real::net::addresses_of(host).await } else { sim::net::addresses_of(host) }
}

/// An address without its port, as [`addresses_of`] writes it.
pub fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Accepts connections on one shard. Several shards may listen on one address; the kernel deals connections out among them.
pub struct Listener(ListenerKind);

enum ListenerKind {
    Real(real::net::RealListener),
    Simulated(sim::net::SimListener),
}

impl Listener {
    /// `address` is `host:port`; without a host it is every address of the machine, of both families if it has both. With port 0 the kernel chooses one; the other shards then bind what [`Listener::local_address`]
    /// says. Fails if another process listens there.
    pub fn bind(address: &str) -> Result<Self, NetError> {
        if machine::is_real() {
            real::net::RealListener::bind(address).map(ListenerKind::Real).map(Self)
        } else {
            sim::net::SimListener::bind(address).map(ListenerKind::Simulated).map(Self)
        }
    }

    /// `address:port` that it is bound to.
    pub fn local_address(&self) -> String {
        match &self.0 {
            ListenerKind::Real(listener) => listener.local_address(),
            ListenerKind::Simulated(listener) => listener.local_address(),
        }
    }

    /// Waits for a connection. When the process is out of descriptors or memory, it waits for that to pass. An error is the
    /// listener's end.
    pub async fn accept(&self) -> Result<Connection, NetError> {
        match &self.0 {
            ListenerKind::Real(listener) => listener.accept().await.map(Kind::Real).map(Connection),
            ListenerKind::Simulated(listener) => listener.accept().await.map(Kind::Simulated).map(Connection),
        }
    }
}

/// A byte stream to a peer. An idle one holds no buffer.
pub struct Connection(Kind);

enum Kind {
    Real(real::net::RealConnection),
    Simulated(sim::net::SimConnection),
}

impl Connection {
    /// `address` is `host:port`.
    pub async fn connect(address: &str) -> Result<Self, NetError> {
        if machine::is_real() {
            real::net::RealConnection::connect(address).await.map(Kind::Real).map(Self)
        } else {
            sim::net::SimConnection::connect(address).await.map(Kind::Simulated).map(Self)
        }
    }

    /// `address:port` of the other side. A peer that came over IPv4 has an address of IPv4, whatever the listener's is.
    pub fn peer_address(&self) -> String {
        match &self.0 {
            Kind::Real(connection) => connection.peer_address(),
            Kind::Simulated(connection) => connection.peer_address(),
        }
    }

    /// `address:port` of this side.
    pub fn local_address(&self) -> String {
        match &self.0 {
            Kind::Real(connection) => connection.local_address(),
            Kind::Simulated(connection) => connection.local_address(),
        }
    }

    /// Waits for bytes, and reads what is there; 0 means that the peer will send no more.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        match &mut self.0 {
            Kind::Real(connection) => connection.read(buffer).await,
            Kind::Simulated(connection) => connection.read(buffer).await,
        }
    }

    /// Writes all of `slices`, in order. When it fails or is dropped, any part of it may have been sent.
    pub async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        match &mut self.0 {
            Kind::Real(connection) => connection.write_all(slices).await,
            Kind::Simulated(connection) => connection.write_all(slices).await,
        }
    }

    /// Ends the connection in both directions; reads and writes under way return.
    pub fn shutdown(&self) {
        match &self.0 {
            Kind::Real(connection) => connection.shutdown(),
            Kind::Simulated(connection) => connection.shutdown(),
        }
    }

    /// Two halves for two tasks. The connection is closed when both are dropped.
    pub fn split(self) -> (Reader, Writer) {
        match self.0 {
            Kind::Real(connection) => {
                let (reader, writer) = connection.split();
                (Reader(ReaderKind::Real(reader)), Writer(WriterKind::Real(writer)))
            }
            Kind::Simulated(connection) => {
                let (reader, writer) = connection.split();
                (Reader(ReaderKind::Simulated(reader)), Writer(WriterKind::Simulated(writer)))
            }
        }
    }

    /// Takes the connection off this shard; [`Connection::adopt`] goes on with it on another.
    pub fn into_handoff(self) -> Handoff {
        match self.0 {
            Kind::Real(connection) => Handoff(HandoffKind::Real(connection.into_handoff())),
            Kind::Simulated(connection) => Handoff(HandoffKind::Simulated(connection.into_handoff())),
        }
    }

    pub fn adopt(handoff: Handoff) -> Self {
        match handoff.0 {
            HandoffKind::Real(handoff) => Self(Kind::Real(real::net::RealConnection::adopt(handoff))),
            HandoffKind::Simulated(handoff) => Self(Kind::Simulated(sim::net::SimConnection::adopt(handoff))),
        }
    }
}

/// A connection on its way to another shard.
pub struct Handoff(HandoffKind);

enum HandoffKind {
    Real(real::net::RealHandoff),
    Simulated(sim::net::SimHandoff),
}

/// The receiving half of a [`Connection`].
pub struct Reader(ReaderKind);

enum ReaderKind {
    Real(real::net::RealReader),
    Simulated(sim::net::SimReader),
}

impl Reader {
    /// As [`Connection::read`].
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        match &mut self.0 {
            ReaderKind::Real(reader) => reader.read(buffer).await,
            ReaderKind::Simulated(reader) => reader.read(buffer).await,
        }
    }

    /// Appends what has come, at most `MAX` bytes of it, to `into`. While nothing has come, no memory is held for it.
    pub async fn receive<const MAX: usize>(&mut self, into: &mut BytesMut) -> Result<usize, NetError> {
        match &mut self.0 {
            ReaderKind::Real(reader) => reader.receive::<MAX>(into).await,
            ReaderKind::Simulated(reader) => reader.receive::<MAX>(into).await,
        }
    }

    /// As [`Self::read`], and what has come beyond it, at most `MAX` bytes, is appended to `beyond`, at the cost of the same system call.
    /// Counts only what is in `buffer`.
    pub async fn read_and_beyond<const MAX: usize>(
        &mut self,
        buffer: &mut [u8],
        beyond: &mut BytesMut,
    ) -> Result<usize, NetError> {
        match &mut self.0 {
            ReaderKind::Real(reader) => reader.read_and_beyond::<MAX>(buffer, beyond).await,
            ReaderKind::Simulated(reader) => reader.read_and_beyond::<MAX>(buffer, beyond).await,
        }
    }

    /// As [`Connection::shutdown`].
    pub fn shutdown(&self) {
        match &self.0 {
            ReaderKind::Real(reader) => reader.shutdown(),
            ReaderKind::Simulated(reader) => reader.shutdown(),
        }
    }
}

/// The sending half of a [`Connection`].
pub struct Writer(WriterKind);

enum WriterKind {
    Real(real::net::RealWriter),
    Simulated(sim::net::SimWriter),
}

impl Writer {
    /// As [`Connection::write_all`].
    pub async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        match &mut self.0 {
            WriterKind::Real(writer) => writer.write_all(slices).await,
            WriterKind::Simulated(writer) => writer.write_all(slices).await,
        }
    }

    /// Waits for room, and writes what there is room for from the front of `slices`: at least one byte, and its count, unless there is
    /// none to write. When it is dropped before, nothing was sent.
    pub async fn write(&mut self, slices: &[Bytes]) -> Result<usize, NetError> {
        match &mut self.0 {
            WriterKind::Real(writer) => writer.write(slices).await,
            WriterKind::Simulated(writer) => writer.write(slices).await,
        }
    }

    /// As [`Connection::shutdown`].
    pub fn shutdown(&self) {
        match &self.0 {
            WriterKind::Real(writer) => writer.shutdown(),
            WriterKind::Simulated(writer) => writer.shutdown(),
        }
    }
}
