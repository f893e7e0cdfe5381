//! The network: byte streams between processes, with delays, cuts and partitions.
//!
//! Invariants: the bytes of one direction arrive in the order in which they were sent, each at most once, and none after a gap;
//! a socket that is not in the table is closed; what is under way to a socket never exceeds what its buffer holds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};

use super::clock::Event;
use super::disk::set_waker;
use super::process::End;
use super::random::PerMillion;
use super::trace::Happened;
use super::{NodeId, ProcessId, World};
use crate::net::NetError;

/// Delays in virtual nanoseconds, and how often what goes wrong.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// One way.
    pub delay_ns: Range<u64>,
    pub spike: PerMillion,
    pub spike_ns: Range<u64>,
    /// How many bytes one direction of a connection holds; drawn for each.
    pub buffer_bytes: Range<u64>,
    /// How often a read gets less than there is.
    pub short_read: PerMillion,
    /// How often a write ends with its connection cut, on both sides or on one first.
    pub cut: PerMillion,
    /// How often a write ends with the end of its direction: the peer reads to the end and may still write.
    pub half_close: PerMillion,
    /// How much later the second side notices a cut, and how late a power loss of the peer is noticed.
    pub notice_ns: Range<u64>,
}

impl NetworkOptions {
    pub fn calm() -> Self {
        Self {
            delay_ns: 10_000..300_000,
            spike: PerMillion(1_000),
            spike_ns: 1_000_000..50_000_000,
            buffer_bytes: 16_384..262_144,
            short_read: PerMillion(100_000),
            cut: PerMillion::NEVER,
            half_close: PerMillion::NEVER,
            notice_ns: 0..5_000_000_000,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerId(u64);

/// Something reaches a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next parcel on its way to it.
    Parcel(SocketId),
    /// The news that the connection is broken.
    Break(SocketId),
}

#[derive(Debug)]
enum Parcel {
    Data(Bytes),
    End,
    Reset,
}

/// Which side of a connection learns first that it is cut. The other goes on, for a while, with a connection that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Both,
    /// The side that connected. It may connect anew while the old connection is still open at the other side.
    ConnectorFirst,
    AcceptorFirst,
}

#[derive(Debug)]
struct Listening {
    process: ProcessId,
    node: NodeId,
    port: u16,
    backlog: VecDeque<SocketId>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Socket {
    process: ProcessId,
    node: NodeId,
    connector: bool,
    local: String,
    remote: String,
    peer: SocketId,
    peer_node: NodeId,
    capacity: u64,
    /// On the way here, in order.
    flying: VecDeque<Parcel>,
    /// When the last of it arrives.
    last_arrival: u64,
    received: VecDeque<Bytes>,
    /// Bytes in `flying` and `received`.
    held: u64,
    ended: bool,
    broken: bool,
    shut: bool,
    /// Nothing that this side sends arrives any more.
    muted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Default)]
pub struct Network {
    sockets: BTreeMap<SocketId, Socket>,
    listeners: BTreeMap<ListenerId, Listening>,
    next: u64,
    next_port: u16,
    partitions: BTreeSet<(NodeId, NodeId)>,
    /// Arrivals that wait for a partition to heal.
    waiting: Vec<Arrival>,
}

/// A connection, for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionView {
    /// The socket of the side that connected.
    pub id: SocketId,
    pub from: NodeId,
    pub to: NodeId,
    pub from_address: String,
    pub to_address: String,
}

pub fn ip_of(node: NodeId) -> String {
    format!("10.0.{}.{}", node.0 >> 8, node.0 & 255)
}

impl Network {
    fn is_parted(&self, a: NodeId, b: NodeId) -> bool {
        self.partitions.contains(&(a.min(b), a.max(b)))
    }

    /// A port for whoever does not choose one. Long runs begin again with the first, as a machine does.
    fn port(&mut self) -> u16 {
        self.next_port = self.next_port.checked_add(1).unwrap_or_default().max(40_000);
        self.next_port
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn lost(address: &str, message: &str) -> NetError {
    NetError::Lost { address: address.to_owned(), message: message.to_owned() }
}

fn split_address(address: &str) -> Result<(&str, u16), NetError> {
    let bad =
        |message: &str| NetError::BadAddress { address: address.to_owned(), message: message.to_owned() };
    let (host, port) = address.rsplit_once(':').ok_or_else(|| bad("not of the form host:port"))?;
    let port = port.parse().map_err(|_| bad("the port is not a number below 65536"))?;
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port))
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "::1")
}

impl World {
    fn net(&self) -> &RefCell<Network> {
        &self.network
    }

    pub(super) fn network_delay(&self) -> u64 {
        let options = &self.options.network;
        let spike = if self.random.chance(options.spike) { self.random.within(&options.spike_ns) } else { 0 };
        self.random.within(&options.delay_ns) + spike
    }

    /// Listens; gives the address that it is bound to.
    pub(super) fn listen(&self, process: ProcessId, address: &str) -> Result<(ListenerId, String), NetError> {
        let (host, port) = split_address(address)?;
        let node = self.node_of(process);
        let named = self.processes.borrow().find(host) == Some(node) || host == ip_of(node);
        let bound_to = match host {
            "" | "0.0.0.0" | "::" => "0.0.0.0".to_owned(),
            host if is_loopback(host) => "127.0.0.1".to_owned(),
            _ if named => ip_of(node),
            _ => {
                let message = "not an address of this machine".to_owned();
                return Err(NetError::BadAddress { address: address.to_owned(), message });
            }
        };
        let mut net = self.net().borrow_mut();
        let taken = |held: &Listening| held.node == node && held.port == port && held.process != process;
        if port != 0 && net.listeners.values().any(taken) {
            return Err(NetError::AddressInUse { address: address.to_owned() });
        }
        let port = if port == 0 { net.port() } else { port };
        let id = ListenerId(net.number());
        net.listeners.insert(id, Listening { process, node, port, backlog: VecDeque::new(), waker: None });
        Ok((id, format!("{bound_to}:{port}")))
    }

    pub(super) fn poll_accept(
        &self,
        id: ListenerId,
        context: &Context<'_>,
    ) -> Poll<Result<SocketId, NetError>> {
        let mut net = self.net().borrow_mut();
        // A process that has ended waits for ever.
        let Some(listener) = net.listeners.get_mut(&id) else { return Poll::Pending };
        if let Some(socket) = listener.backlog.pop_front() {
            return Poll::Ready(Ok(socket));
        }
        set_waker(&mut listener.waker, context.waker());
        Poll::Pending
    }

    pub(super) fn close_listener(&self, id: ListenerId) {
        let listener = self.net().borrow_mut().listeners.remove(&id);
        for socket in listener.into_iter().flat_map(|listener| listener.backlog) {
            self.close_socket(socket);
        }
    }

    /// Which node an address means to a process.
    pub(super) fn resolve(&self, process: ProcessId, address: &str) -> Result<(NodeId, u16), NetError> {
        let (host, port) = split_address(address)?;
        if is_loopback(host) {
            let own = self.node_of(process);
            let net = self.net().borrow();
            let listening =
                net.listeners.values().filter(|listener| listener.port == port).map(|listener| listener.node);
            // Clients, which have no machine of their own, reach whichever node listens there.
            let node = listening.min_by_key(|node| (*node != own, *node)).unwrap_or(own);
            return Ok((node, port));
        }
        let processes = self.processes.borrow();
        let node = processes.find(host).or_else(|| processes.all().find(|node| ip_of(*node) == host));
        let unknown =
            || NetError::BadAddress { address: address.to_owned(), message: "unknown host".to_owned() };
        node.map(|node| (node, port)).ok_or_else(unknown)
    }

    pub(super) fn is_parted(&self, a: NodeId, b: NodeId) -> bool {
        self.net().borrow().is_parted(a, b)
    }

    /// A connection reaches a node: the sockets of both sides, or a refusal.
    pub(super) fn establish(
        &self,
        process: ProcessId,
        to: (NodeId, u16),
        address: &str,
    ) -> Result<SocketId, NetError> {
        let (to_node, port) = to;
        let from_node = self.node_of(process);
        let mut net = self.net().borrow_mut();
        let matching = |(id, held): (&ListenerId, &Listening)| {
            (held.node == to_node && held.port == port).then_some(*id)
        };
        let candidates: Vec<ListenerId> = net.listeners.iter().filter_map(matching).collect();
        if candidates.is_empty() {
            return Err(NetError::Refused { address: address.to_owned() });
        }
        let chosen = candidates[self.random.below(candidates.len() as u64) as usize];
        let (near, far) = (SocketId(net.number()), SocketId(net.number()));
        let near_address = format!("{}:{}", ip_of(from_node), net.port());
        let far_address = format!("{}:{port}", ip_of(to_node));
        let Some(listener) = net.listeners.get_mut(&chosen) else { unreachable!("it was found above") };
        listener.backlog.push_back(far);
        let (acceptor, waker) = (listener.process, listener.waker.take());
        let mut insert = |id, peer, process, node, peer_node, connector, local: &String, remote: &String| {
            let capacity = self.random.within(&self.options.network.buffer_bytes).max(1);
            let (local, remote) = (local.clone(), remote.clone());
            net.sockets.insert(
                id,
                Socket {
                    process,
                    node,
                    connector,
                    local,
                    remote,
                    peer,
                    peer_node,
                    capacity,
                    flying: VecDeque::new(),
                    last_arrival: 0,
                    received: VecDeque::new(),
                    held: 0,
                    ended: false,
                    broken: false,
                    shut: false,
                    muted: false,
                    reader: None,
                    writer: None,
                },
            );
        };
        insert(near, far, process, from_node, to_node, true, &near_address, &far_address);
        insert(far, near, acceptor, to_node, from_node, false, &far_address, &near_address);
        drop(net);
        self.record(Happened::Connected, near.0, far.0);
        wake(waker);
        Ok(near)
    }

    /// The socket's own address and its peer's.
    pub(super) fn addresses(&self, id: SocketId) -> (String, String) {
        let net = self.net().borrow();
        net.sockets
            .get(&id)
            .map_or_else(Default::default, |socket| (socket.local.clone(), socket.remote.clone()))
    }

    pub(super) fn poll_read(
        &self,
        id: SocketId,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, NetError>> {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get_mut(&id) else { return Poll::Pending };
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if socket.received.is_empty() {
            if socket.shut {
                return Poll::Ready(Ok(0));
            }
            if socket.broken {
                return Poll::Ready(Err(lost(&socket.remote, "connection reset by peer")));
            }
            if socket.ended {
                return Poll::Ready(Ok(0));
            }
            set_waker(&mut socket.reader, context.waker());
            return Poll::Pending;
        }
        let mut limit = buffer.len();
        if self.random.chance(self.options.network.short_read) {
            limit = 1 + self.random.below(limit as u64) as usize;
        }
        let mut count = 0;
        while count < limit
            && let Some(front) = socket.received.front_mut()
        {
            let part = front.len().min(limit - count);
            front.copy_to_slice(&mut buffer[count..count + part]);
            count += part;
            if front.is_empty() {
                socket.received.pop_front();
            }
        }
        socket.held -= count as u64;
        let peer = socket.peer;
        let writer = net.sockets.get_mut(&peer).and_then(|peer| peer.writer.take());
        drop(net);
        wake(writer);
        Poll::Ready(Ok(count))
    }

    /// Sends what there is room for; how many bytes were taken.
    pub(super) fn poll_write(
        &self,
        id: SocketId,
        context: &Context<'_>,
        content: &[u8],
    ) -> Poll<Result<usize, NetError>> {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get_mut(&id) else { return Poll::Pending };
        if socket.shut || socket.broken {
            let message = if socket.shut { "this side was shut down" } else { "broken pipe" };
            return Poll::Ready(Err(lost(&socket.remote, message)));
        }
        let (peer, muted) = (socket.peer, socket.muted);
        let room = net.sockets.get(&peer).map_or(u64::MAX, |peer| peer.capacity.saturating_sub(peer.held));
        if room == 0 {
            if let Some(socket) = net.sockets.get_mut(&id) {
                set_waker(&mut socket.writer, context.waker());
            }
            return Poll::Pending;
        }
        let count = content.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let gone = muted || !net.sockets.contains_key(&peer);
        drop(net);
        self.record(Happened::Sent, id.0, count as u64);
        if gone {
            // The peer's kernel knows nothing of this connection any more, and says so.
            self.clock.enter(self.clock.now() + self.network_delay(), Event::Network(Arrival::Break(id)));
        } else {
            self.send_in_pieces(peer, &content[..count]);
            self.fail_by_chance(id);
        }
        Poll::Ready(Ok(count))
    }

    fn send_in_pieces(&self, to: SocketId, mut content: &[u8]) {
        while !content.is_empty() {
            let whole = content.len() < 2 || self.random.below(4) > 0;
            let count =
                if whole { content.len() } else { 1 + self.random.below(content.len() as u64 - 1) as usize };
            self.send(to, Parcel::Data(Bytes::copy_from_slice(&content[..count])));
            content = &content[count..];
        }
    }

    fn send(&self, to: SocketId, parcel: Parcel) {
        let delay = self.network_delay();
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get_mut(&to) else { return };
        if let Parcel::Data(bytes) = &parcel {
            socket.held += bytes.len() as u64;
        }
        socket.flying.push_back(parcel);
        socket.last_arrival = socket.last_arrival.max(self.clock.now() + delay);
        let at = socket.last_arrival;
        self.clock.enter(at, Event::Network(Arrival::Parcel(to)));
    }

    fn fail_by_chance(&self, id: SocketId) {
        let options = &self.options.network;
        if self.random.chance(options.cut) {
            let cuts = [Cut::Both, Cut::ConnectorFirst, Cut::AcceptorFirst];
            self.cut_socket(id, cuts[self.random.below(3) as usize]);
        } else if self.random.chance(options.half_close) {
            self.half_close(id);
        }
    }

    pub(crate) fn arrive(self: &Rc<Self>, arrival: Arrival) {
        let (Arrival::Parcel(id) | Arrival::Break(id)) = arrival;
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get(&id) else { return };
        if net.is_parted(socket.node, socket.peer_node) {
            net.waiting.push(arrival);
            return;
        }
        let Some(socket) = net.sockets.get_mut(&id) else { return };
        let mut count = 0;
        match arrival {
            Arrival::Parcel(_) => match socket.flying.pop_front() {
                _ if socket.broken => {}
                None => {}
                Some(Parcel::Data(bytes)) => {
                    count = bytes.len() as u64;
                    if socket.shut {
                        // Nobody reads it, and the peer is told so.
                        socket.held -= count;
                        let at = self.clock.now() + self.network_delay();
                        self.clock.enter(at, Event::Network(Arrival::Break(socket.peer)));
                    } else {
                        socket.received.push_back(bytes);
                    }
                }
                Some(Parcel::End) => socket.ended = true,
                Some(Parcel::Reset) => socket.broken = true,
            },
            Arrival::Break(_) => socket.broken = true,
        }
        if socket.broken {
            // A reset discards what was not read.
            socket.received.clear();
            socket.flying.clear();
            socket.held = 0;
        }
        let (reader, writer) =
            (socket.reader.take(), if socket.broken { socket.writer.take() } else { None });
        drop(net);
        self.record(Happened::Delivered, id.0, count);
        wake(reader);
        wake(writer);
    }

    /// Ends a connection in both directions, as seen from one side. What has come before can still be read.
    pub(super) fn shut_socket(&self, id: SocketId) {
        self.end_socket(id, false);
    }

    /// The last handle of a socket is gone.
    pub(super) fn close_socket(&self, id: SocketId) {
        self.end_socket(id, true);
        let removed = self.net().borrow_mut().sockets.remove(&id);
        drop(removed);
    }

    fn end_socket(&self, id: SocketId, is_last: bool) {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get_mut(&id) else { return };
        // The peer is told of what nobody will read any more.
        let is_unread = is_last && !socket.received.is_empty();
        if std::mem::replace(&mut socket.shut, true) && !is_unread {
            return;
        }
        let peer = socket.peer;
        let silent = socket.broken || socket.muted;
        let (reader, writer) = (socket.reader.take(), socket.writer.take());
        let peer_writer = net.sockets.get_mut(&peer).and_then(|peer| peer.writer.take());
        drop(net);
        self.record(Happened::Closed, id.0, 0);
        if !silent {
            self.send(peer, if is_unread { Parcel::Reset } else { Parcel::End });
        }
        wake(reader);
        wake(writer);
        wake(peer_writer);
    }

    /// This side says that it will send no more, and goes on reading.
    pub(super) fn half_close(&self, id: SocketId) {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get_mut(&id) else { return };
        if std::mem::replace(&mut socket.muted, true) || socket.shut || socket.broken {
            return;
        }
        let peer = socket.peer;
        drop(net);
        self.record(Happened::Closed, id.0, 1);
        self.send(peer, Parcel::End);
    }

    /// Cuts the connection that a socket belongs to.
    pub(super) fn cut_socket(&self, id: SocketId, cut: Cut) {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.get(&id) else { return };
        let (connector, acceptor) = if socket.connector { (id, socket.peer) } else { (socket.peer, id) };
        let notice = self.random.within(&self.options.network.notice_ns);
        let late = |late: bool| self.clock.now() + if late { notice } else { 0 };
        let sides =
            [(connector, late(cut == Cut::AcceptorFirst)), (acceptor, late(cut == Cut::ConnectorFirst))];
        for (side, at) in sides {
            if let Some(socket) = net.sockets.get_mut(&side) {
                socket.muted = true;
                self.clock.enter(at, Event::Network(Arrival::Break(side)));
            }
        }
        drop(net);
        self.record(Happened::Closed, id.0, 2 + cut as u64);
    }

    /// What the network makes of the end of a process.
    pub(crate) fn end_network(self: &Rc<Self>, process: ProcessId, end: End) {
        let (sockets, listeners): (Vec<SocketId>, Vec<ListenerId>) = {
            let net = self.net().borrow();
            let own = |(id, socket): (&SocketId, &Socket)| (socket.process == process).then_some(*id);
            let bound = |(id, held): (&ListenerId, &Listening)| (held.process == process).then_some(*id);
            (net.sockets.iter().filter_map(own).collect(), net.listeners.iter().filter_map(bound).collect())
        };
        for listener in listeners {
            self.net().borrow_mut().listeners.remove(&listener);
        }
        for id in sockets {
            match end {
                End::Exit | End::Kill => self.close_socket(id),
                End::PowerLoss => self.vanish(id),
            }
        }
    }

    /// The machine is gone: what it had sent may arrive in part, and its peer learns of it late.
    fn vanish(&self, id: SocketId) {
        let mut net = self.net().borrow_mut();
        let Some(socket) = net.sockets.remove(&id) else { return };
        let Some(peer) = net.sockets.get_mut(&socket.peer) else { return };
        let keep = self.random.below(peer.flying.len() as u64 + 1) as usize;
        for parcel in peer.flying.drain(keep..) {
            if let Parcel::Data(bytes) = parcel {
                peer.held -= bytes.len() as u64;
            }
        }
        let at = self.clock.now() + self.random.within(&self.options.network.notice_ns);
        self.clock.enter(at, Event::Network(Arrival::Break(socket.peer)));
    }

    /// Nothing passes between two nodes until it is healed; nothing of it is lost.
    pub(super) fn part(&self, a: NodeId, b: NodeId) {
        self.record(Happened::Switched, u64::from(a.0), u64::from(b.0));
        self.net().borrow_mut().partitions.insert((a.min(b), a.max(b)));
    }

    pub(super) fn heal(&self, a: NodeId, b: NodeId) {
        self.record(Happened::Switched, u64::from(b.0), u64::from(a.0));
        let waiting = {
            let mut net = self.net().borrow_mut();
            net.partitions.remove(&(a.min(b), a.max(b)));
            std::mem::take(&mut net.waiting)
        };
        // In their order, so that each direction keeps its own. Those of other partitions go back to waiting.
        let at = self.clock.now() + self.network_delay();
        for arrival in waiting {
            self.clock.enter(at, Event::Network(arrival));
        }
    }

    pub(super) fn connection_views(&self) -> Vec<ConnectionView> {
        let view = |(id, socket): (&SocketId, &Socket)| {
            socket.connector.then(|| ConnectionView {
                id: *id,
                from: socket.node,
                to: socket.peer_node,
                from_address: socket.local.clone(),
                to_address: socket.remote.clone(),
            })
        };
        self.net().borrow().sockets.iter().filter_map(view).collect()
    }

    pub(super) fn check_network(&self) {
        for (id, socket) in &self.net().borrow().sockets {
            let data = |parcel: &Parcel| if let Parcel::Data(bytes) = parcel { bytes.len() } else { 0 };
            let flying: usize = socket.flying.iter().map(data).sum();
            let received: usize = socket.received.iter().map(Bytes::len).sum();
            assert_eq!(socket.held, (flying + received) as u64, "{id:?} holds");
            assert!(socket.held <= socket.capacity, "{id:?} holds more than its buffer");
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
