//! Listeners and connections as the code under test holds them.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::clock::Sleep;
use super::network::ListenerId;
pub use super::network::{ConnectionView, Cut, NetworkOptions, SocketId};
use super::{World, current};
use crate::net::NetError;

/// Slices are sent together up to this many bytes.
const GATHER: usize = 64 * 1024;

/// How often a connection attempt is repeated while the way is cut, as SYN packets are.
const RETRY: Duration = Duration::from_millis(200);

/// Names are those of nodes; everything else is taken for an address.
pub fn addresses_of(host: &str) -> Result<Vec<String>, NetError> {
    let (world, place) = current::here();
    let known = world.resolve(place.process, &format!("{host}:0"));
    Ok(vec![known.map_or_else(|_| host.to_owned(), |(node, _)| super::network::ip_of(node))])
}

#[derive(Debug)]
pub struct SimListener {
    world: Rc<World>,
    id: ListenerId,
    address: String,
}

impl SimListener {
    pub fn bind(address: &str) -> Result<Self, NetError> {
        let (world, place) = current::here();
        let (id, address) = world.listen(place.process, address)?;
        Ok(Self { world, id, address })
    }

    pub fn local_address(&self) -> String {
        self.address.clone()
    }

    pub async fn accept(&self) -> Result<SimConnection, NetError> {
        let socket = poll_fn(|context| self.world.poll_accept(self.id, context)).await?;
        Ok(SimConnection::new(self.world.clone(), socket))
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.world.close_listener(self.id);
    }
}

/// One side of a connection; closed when the last of its handles is dropped.
#[derive(Debug)]
struct Side {
    world: Rc<World>,
    socket: SocketId,
    handed_off: Cell<bool>,
}

impl Drop for Side {
    fn drop(&mut self) {
        if !self.handed_off.get() {
            self.world.close_socket(self.socket);
        }
    }
}

impl Side {
    async fn read(&self, buffer: &mut [u8]) -> Result<usize, NetError> {
        poll_fn(|context| self.world.poll_read(self.socket, context, buffer)).await
    }

    async fn receive<const MAX: usize>(&self, into: &mut BytesMut) -> Result<usize, NetError> {
        poll_fn(|context| {
            let mut buffer = [0; MAX];
            let polled = self.world.poll_read(self.socket, context, &mut buffer);
            if let Poll::Ready(Ok(count)) = polled {
                into.extend_from_slice(&buffer[..count]);
            }
            polled
        })
        .await
    }

    async fn read_and_beyond<const MAX: usize>(
        &self,
        buffer: &mut [u8],
        beyond: &mut BytesMut,
    ) -> Result<usize, NetError> {
        let mut all = vec![0; buffer.len() + MAX];
        let count = self.read(&mut all).await?;
        let within = count.min(buffer.len());
        buffer[..within].copy_from_slice(&all[..within]);
        beyond.extend_from_slice(&all[within..count]);
        Ok(within)
    }

    async fn write_all(&self, slices: &[Bytes]) -> Result<(), NetError> {
        let mut gathered = BytesMut::new();
        for (index, slice) in slices.iter().enumerate() {
            if gathered.is_empty() && slice.len() >= GATHER {
                self.send_all(slice).await?;
                continue;
            }
            gathered.extend_from_slice(slice);
            if gathered.len() >= GATHER || index + 1 == slices.len() {
                self.send_all(&gathered).await?;
                gathered.clear();
            }
        }
        if gathered.is_empty() { Ok(()) } else { self.send_all(&gathered).await }
    }

    async fn send_all(&self, mut content: &[u8]) -> Result<(), NetError> {
        while !content.is_empty() {
            let count = self.send(content).await?;
            content = &content[count..];
        }
        Ok(())
    }

    async fn write(&self, slices: &[Bytes]) -> Result<usize, NetError> {
        let mut slices = slices.iter().filter(|slice| !slice.is_empty());
        let Some(first) = slices.next() else { return Ok(0) };
        if first.len() >= GATHER {
            return self.send(first).await;
        }
        let mut gathered = BytesMut::from(&first[..]);
        for slice in slices {
            if gathered.len() >= GATHER {
                break;
            }
            gathered.extend_from_slice(slice);
        }
        self.send(&gathered).await
    }

    async fn send(&self, content: &[u8]) -> Result<usize, NetError> {
        poll_fn(|context| self.world.poll_write(self.socket, context, content)).await
    }
}

#[derive(Debug)]
pub struct SimConnection(Rc<Side>);

impl SimConnection {
    fn new(world: Rc<World>, socket: SocketId) -> Self {
        Self(Rc::new(Side { world, socket, handed_off: Cell::new(false) }))
    }

    pub async fn connect(address: &str) -> Result<Self, NetError> {
        let (world, place) = current::here();
        let own = world.node_of(place.process);
        Sleep::new(world.clone(), Duration::from_nanos(world.network_delay())).await;
        let to = world.resolve(place.process, address)?;
        while world.is_parted(own, to.0) {
            Sleep::new(world.clone(), RETRY).await;
        }
        let socket = world.establish(place.process, to, address)?;
        let connection = Self::new(world.clone(), socket);
        Sleep::new(world.clone(), Duration::from_nanos(world.network_delay())).await;
        Ok(connection)
    }

    pub fn peer_address(&self) -> String {
        self.0.world.addresses(self.0.socket).1
    }

    pub fn local_address(&self) -> String {
        self.0.world.addresses(self.0.socket).0
    }

    /// 0 means that the peer closed its side.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        self.0.read(buffer).await
    }

    pub async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        self.0.write_all(slices).await
    }

    pub fn shutdown(&self) {
        self.0.world.shut_socket(self.0.socket);
    }

    /// Says that this side will send no more; it can still read. For clients of a simulation.
    pub fn half_close(&self) {
        self.0.world.half_close(self.0.socket);
    }

    pub fn split(self) -> (SimReader, SimWriter) {
        (SimReader(self.0.clone()), SimWriter(self.0))
    }

    pub fn into_handoff(self) -> SimHandoff {
        self.0.handed_off.set(true);
        SimHandoff { socket: Some(self.0.socket) }
    }

    pub fn adopt(mut handoff: SimHandoff) -> Self {
        let (world, _) = current::here();
        let socket = handoff.socket.take().expect("a handoff is adopted once: it is taken by value");
        Self::new(world, socket)
    }
}

#[derive(Debug)]
pub struct SimReader(Rc<Side>);

impl SimReader {
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        self.0.read(buffer).await
    }

    pub async fn receive<const MAX: usize>(&mut self, into: &mut BytesMut) -> Result<usize, NetError> {
        self.0.receive::<MAX>(into).await
    }

    pub async fn read_and_beyond<const MAX: usize>(
        &mut self,
        buffer: &mut [u8],
        beyond: &mut BytesMut,
    ) -> Result<usize, NetError> {
        self.0.read_and_beyond::<MAX>(buffer, beyond).await
    }

    pub fn shutdown(&self) {
        self.0.world.shut_socket(self.0.socket);
    }
}

#[derive(Debug)]
pub struct SimWriter(Rc<Side>);

impl SimWriter {
    pub async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        self.0.write_all(slices).await
    }

    pub async fn write(&mut self, slices: &[Bytes]) -> Result<usize, NetError> {
        self.0.write(slices).await
    }

    pub fn shutdown(&self) {
        self.0.world.shut_socket(self.0.socket);
    }
}

/// A connection on its way to another shard. It is closed if it never gets there.
#[derive(Debug)]
pub struct SimHandoff {
    socket: Option<SocketId>,
}

impl Drop for SimHandoff {
    fn drop(&mut self) {
        // Outside of a simulation there is nothing left to close: its process is gone, and its sockets with it.
        if let (Some(socket), Some((world, _))) = (self.socket, current::try_here()) {
            world.close_socket(socket);
        }
    }
}
