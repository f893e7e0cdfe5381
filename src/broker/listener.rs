//! Where clients come in: every shard listens on the same port, the quotas of the node (`quota::connections`) say who may enter, and a
//! fresh socket goes to the less loaded of two shards.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use logan_shards::{self as shards, Connection, Handoff, Listener, Queue, ShardId};

use super::{Shell, connection};
use crate::config::{self, LiveSettings};
use crate::mail::Mail;
use crate::metadata::Image;
use crate::quota::connections::{Admission, ConnectionBounds, ConnectionLimits, ConnectionSlot};
use crate::{handlers, limits};

/// Binds; returns the addresses that clients can connect to, or what is wrong.
pub(super) fn bind(shell: &Shell, addresses: &[String]) -> Result<Vec<String>, String> {
    let mut bound = Vec::new();
    for address in addresses {
        let listener = Listener::bind(address).map_err(|error| error.to_string())?;
        bound.push(listener.local_address());
        shell.listeners.borrow_mut().push(listener);
    }
    Ok(bound)
}

/// Begins to accept what waits at the listeners.
pub(super) fn accept(shell: &Rc<Shell>) {
    for (number, listener) in shell.listeners.take().into_iter().enumerate() {
        let shell = shell.clone();
        shards::spawn(Queue::Control, async move {
            let accepting = std::pin::pin!(accept_from(&shell, number, &listener));
            futures_util::future::select(accepting, std::pin::pin!(shell.stop.wait())).await;
        })
        .detach();
    }
}

/// `number` is the place of the listener in the settings.
async fn accept_from(shell: &Rc<Shell>, number: usize, listener: &Listener) {
    loop {
        match listener.accept().await {
            Ok(connection) => match enter(shell, number, &connection).await {
                Some(place) => choose_shard(shell, connection, place).await,
                None => connection.shutdown(),
            },
            Err(error) => {
                tracing::error!(%error, "no further connections are accepted");
                return;
            }
        }
    }
}

/// Waits until the connection may come in, and those behind it wait too, as Kafka does. `None` if it may not.
async fn enter(shell: &Rc<Shell>, listener: usize, connection: &Connection) -> Option<ConnectionSlot> {
    let quotas = &shell.plan.loads.quotas;
    let wait_ns = quotas.arrive(shards::monotonic_ns(), listener);
    if wait_ns > 0 {
        shards::sleep(Duration::from_nanos(wait_ns)).await;
    }
    let peer = connection.peer_address();
    let address = shards::host_of(&peer);
    let entry = poll_fn(|context| match quotas.enter(listener, address, context.waker()) {
        Admission::Full => Poll::Pending,
        Admission::Admitted(place) => Poll::Ready(Ok(place)),
        Admission::Refused { max } => Poll::Ready(Err(max)),
    });
    match entry.await {
        Ok(place) => {
            make_room(shell, shell.router.shards() - 1);
            Some(place)
        }
        Err(max) => {
            tracing::info!("a connection from {address} is refused: it has {max}, and may have no more");
            None
        }
    }
}

/// Ends connections while there are more than the node may have, or lets the next of so many `others` do it.
pub(super) fn make_room(shell: &Rc<Shell>, others: u16) {
    let quotas = &shell.plan.loads.quotas;
    while let Some(claim) = quotas.claim() {
        let Some(unused) = shell.connections.close_idlest(quotas.protected(), claim) else { continue };
        drop(unused);
        if others > 0 {
            let next = ShardId((shell.router.shard().0 + 1) % shell.router.shards());
            shell.router.post(next, Mail::MakeRoom(others - 1));
        }
        return;
    }
}

/// Tells the node's quotas what is allowed, by the settings as they stand.
pub(super) async fn set_limits(shell: &Rc<Shell>, image: &Arc<Image>) {
    let turn = shell.limits_asked.get() + 1;
    shell.limits_asked.set(turn);
    let layers = handlers::layers(&shell.plan.settings, image);
    let live = LiveSettings::resolve(&layers);
    let mut of_addresses = BTreeMap::new();
    for (host, max) in &live.max_connections_per_ip_overrides {
        match shards::addresses_of(host).await {
            Ok(addresses) => of_addresses.extend(addresses.into_iter().map(|address| (address, *max))),
            Err(error) => tracing::error!("max.connections.per.ip.overrides: {error}"),
        }
    }
    if shell.limits_asked.get() != turn {
        // Names may take long. Who came later knows better, and tells the quotas.
        return;
    }
    let broker = &shell.plan.settings.broker;
    let of_listener = |listener: &config::listeners::Listener| {
        let (connections, per_second) = live.of_listener(&layers, &listener.bind.name);
        ConnectionBounds { connections, per_second }
    };
    shell.plan.loads.quotas.set_limits(ConnectionLimits {
        node: ConnectionBounds {
            connections: live.max_connections,
            per_second: live.max_connection_creation_rate,
        },
        listeners: broker.listeners.iter().map(of_listener).collect(),
        per_address: live.max_connections_per_ip,
        of_addresses,
        protected: broker.inter_broker_listener.filter(|_| broker.listeners.len() > 1),
    });
    make_room(shell, shell.router.shards() - 1);
}

/// With few connections the kernel's hash would leave cores idle, so the shard is chosen here: the less loaded of two at random.
async fn choose_shard(shell: &Rc<Shell>, connection: Connection, place: ConnectionSlot) {
    let own = shell.router.shard();
    let shards = u64::from(shell.router.shards());
    let draw = || ShardId((shards::random_u64() % shards) as u16);
    let (one, other) = (draw(), draw());
    let load = |shard| shell.plan.loads.of(shard).load(Ordering::Relaxed);
    let chosen = if load(one) <= load(other) { one } else { other };
    if chosen == own {
        begin(shell, connection, place);
    } else {
        shell.router.tell(chosen, Mail::Socket(connection.into_handoff(), place)).await;
    }
}

pub(super) fn on_socket(shell: &Rc<Shell>, handoff: Handoff, place: ConnectionSlot) {
    begin(shell, Connection::adopt(handoff), place);
}

fn begin(shell: &Rc<Shell>, connection: Connection, place: ConnectionSlot) {
    let is_full = shell.connections.count() >= limits::CONNECTIONS_PER_SHARD;
    if is_full {
        let (peer, shard) = (connection.peer_address(), shell.router.shard());
        tracing::info!(
            peer,
            "a connection is refused: shard {shard} has {} open",
            limits::CONNECTIONS_PER_SHARD
        );
    }
    if is_full || shell.stop.is_requested() {
        connection.shutdown();
        return;
    }
    // Counted here and not by the task, which has its turn later: many may come in one turn.
    let open = shell.connections.add(connection.peer_address(), place);
    shell.plan.loads.of(shell.router.shard()).fetch_add(1, Ordering::Relaxed);
    let serving = shell.clone();
    shards::spawn(Queue::Produce, async move {
        connection::serve(serving.clone(), connection, open).await;
        serving.plan.loads.of(serving.router.shard()).fetch_sub(1, Ordering::Relaxed);
    })
    .detach();
}
