//! Configurations of topics and brokers.

use super::{Draft, Stop, Trouble, refused, settle};
use crate::config::alter::{self, Alteration, Change, Operation};
use crate::metadata::record::Record;
use crate::metadata::{ConfigChange, ConfigChanges, ConfigOperation, Reply, Resource};
use crate::model::ErrorCode;

pub(super) fn alter(draft: &mut Draft<'_>, resources: &[ConfigChanges]) -> Result<Reply, Stop> {
    let mut results = Vec::with_capacity(resources.len());
    for asked in resources {
        results.push(settle(alter_one(draft, asked))?);
    }
    Ok(Reply::Done(results))
}

fn alter_one(draft: &mut Draft<'_>, asked: &ConfigChanges) -> Result<(), Trouble> {
    let alterations: Vec<Alteration<'_>> = asked.changes.iter().map(alteration).collect();
    let current = draft.image.config(&asked.resource);
    let changes: Result<Vec<Change>, alter::AlterError> = match &asked.resource {
        Resource::Topic(name) => {
            if draft.image.topic(name).is_none() {
                let message = format!("The topic '{name}' does not exist.");
                return Err(refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message).into());
            }
            draft.with_own_layers(|layers| alter::alter_topic(layers, current, &alterations))
        }
        Resource::Broker(Some(id)) => {
            if draft.image.broker(*id).is_none() {
                let message = format!("Broker ID {id} is not currently registered");
                return Err(refused(ErrorCode::BROKER_ID_NOT_REGISTERED, message).into());
            }
            draft.with_layers(*id, |layers| alter::alter_node(layers, &alterations))
        }
        Resource::Broker(None) => draft.with_own_layers(|layers| alter::alter_cluster(layers, &alterations)),
    };
    for Change { name, value } in changes.map_err(|why| refused(why.code(), why.to_string()))? {
        draft.push(Record::Config { resource: asked.resource.clone(), name, value })?;
    }
    Ok(())
}

fn alteration(change: &ConfigChange) -> Alteration<'_> {
    let operation = match change.operation {
        ConfigOperation::Set => Operation::Set,
        ConfigOperation::Delete => Operation::Delete,
        ConfigOperation::Append => Operation::Append,
        ConfigOperation::Subtract => Operation::Subtract,
    };
    Alteration { name: &change.name, operation, value: change.value.as_deref() }
}
