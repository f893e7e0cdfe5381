//! Where clients come in: every shard listens on the same port, and a fresh socket goes to the less loaded of two shards.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use logan_shards::{self as shards, Connection, Handoff, Listener, Queue, ShardId};

use super::{Shell, connection};
use crate::limits;
use crate::mail::Mail;

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
    for listener in shell.listeners.take() {
        let shell = shell.clone();
        shards::spawn(Queue::Control, async move {
            let accepting = std::pin::pin!(accept_from(&shell, &listener));
            futures_util::future::select(accepting, std::pin::pin!(shell.stop.wait())).await;
        })
        .detach();
    }
}

async fn accept_from(shell: &Rc<Shell>, listener: &Listener) {
    loop {
        match listener.accept().await {
            Ok(connection) => place(shell, connection).await,
            Err(error) => {
                tracing::error!(%error, "no further connections are accepted");
                return;
            }
        }
    }
}

/// With few connections the kernel's hash would leave cores idle, so the shard is chosen here: the less loaded of two at random.
async fn place(shell: &Rc<Shell>, connection: Connection) {
    let own = shell.router.shard();
    let shards = u64::from(shell.router.shards());
    let draw = || ShardId((shards::random_u64() % shards) as u16);
    let (one, other) = (draw(), draw());
    let load = |shard| shell.plan.loads.of(shard).load(Ordering::Relaxed);
    let chosen = if load(one) <= load(other) { one } else { other };
    if chosen == own {
        begin(shell, connection);
    } else {
        shell.router.tell(chosen, Mail::Socket(connection.into_handoff())).await;
    }
}

pub(super) fn on_socket(shell: &Rc<Shell>, handoff: Handoff) {
    begin(shell, Connection::adopt(handoff));
}

fn begin(shell: &Rc<Shell>, connection: Connection) {
    if shell.stop.is_requested() || shell.connections.count() >= limits::CONNECTIONS_PER_SHARD {
        connection.shutdown();
        return;
    }
    let serving = shell.clone();
    shards::spawn(Queue::Produce, async move {
        let load = serving.plan.loads.of(serving.router.shard());
        load.fetch_add(1, Ordering::Relaxed);
        connection::serve(serving.clone(), connection).await;
        load.fetch_sub(1, Ordering::Relaxed);
    })
    .detach();
    if let Some(limit) = shell.plan.settings.broker.connections_max_idle {
        shell.connections.sweep(limit);
    }
}
