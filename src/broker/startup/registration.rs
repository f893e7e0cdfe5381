//! Where clients find this broker: its listeners are bound, and the metadata is told of them.

use std::rc::Rc;

use logan_shards::{self as shards, ShardId};

use super::StartError;
use crate::broker::{Shell, ask, failing};
use crate::mail::{Answer, Mail};
use crate::metadata::{BrokerRegistration, Command, Endpoint, Reply};
use crate::model::Uuid;

/// Binds the listeners on every shard; that of the quorum first, so that a port chosen by the system is the same for all.
pub(super) async fn bind_all(shell: &Rc<Shell>) -> Result<Vec<String>, StartError> {
    let listeners = &shell.plan.settings.broker.listeners;
    let wanted: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let host = &listener.bind.host;
            if host.contains(':') {
                format!("[{host}]:{}", listener.bind.port)
            } else {
                format!("{host}:{}", listener.bind.port)
            }
        })
        .collect();
    let mut bound = wanted;
    for shard in (0..shell.router.shards()).map(ShardId) {
        let addresses = bound.clone();
        let answer = shell.router.ask(shard, |call| Mail::Listen(call, addresses)).await.await;
        bound = match answer {
            Some(Answer::Listening(Ok(addresses))) => addresses,
            Some(Answer::Listening(Err(reason))) => return Err(StartError::Listener(reason)),
            _ => return Err(StartError::Shard(format!("shard {shard} did not bind its listeners"))),
        };
    }
    Ok(bound)
}

/// Registers this broker with the addresses that clients are told. Returns its epoch.
pub(super) async fn register(shell: &Rc<Shell>, addresses: &[String]) -> Result<i64, StartError> {
    // The directories are listed once this node leads: one that fails meanwhile must not be registered.
    shell.leads_quorum.wait().await;
    let settings = &shell.plan.settings.broker;
    let endpoints = settings.listeners.iter().zip(addresses).map(|(listener, bound)| {
        let chosen =
            bound.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(listener.bind.port);
        let port = if listener.advertised.port == 0 { chosen } else { listener.advertised.port };
        Endpoint {
            listener: listener.advertised.name.clone(),
            host: listener.advertised.host.clone(),
            port,
            security_protocol: listener.protocol as i16,
        }
    });
    let registration = BrokerRegistration {
        id: settings.node_id,
        incarnation: Uuid::random(shards::random_u64),
        endpoints: endpoints.collect(),
        rack: settings.rack.clone(),
        log_dirs: failing::online(shell),
    };
    match ask::decide(shell, Command::RegisterBroker(registration)).await? {
        Reply::Registered { epoch } => Ok(epoch),
        other => panic!("the reply {other:?} does not belong to a registration"),
    }
}
