//! `CreatePartitions` v0-3 (KIP-195): more partitions for existing topics, placed by count or by assignment.

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, admin};
use crate::metadata::{Command, MorePartitions, Refused, Reply};
use crate::model::NodeId;
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use crate::protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

pub(super) async fn handle(
    context: &Rc<Context>,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.as_str()).or_default() += 1;
        shards::yield_if_needed().await;
    }
    let mut results = Vec::new();
    let mut asked = Vec::new();
    for topic in &request.topics {
        match times.insert(topic.name.as_str(), 0) {
            Some(1) => asked.push(topic),
            // It was answered where it stood first.
            Some(0) | None => {}
            Some(_) => {
                let message = "Duplicate topic name.".into();
                results.push(result(topic, Err(Refused { error: ErrorCode::INVALID_REQUEST, message })));
            }
        }
        shards::yield_if_needed().await;
    }
    let mut topics = Vec::with_capacity(asked.len());
    for topic in &asked {
        topics.push(more_partitions(topic));
        shards::yield_if_needed().await;
    }
    let command = Command::CreatePartitions { topics, validate_only: request.validate_only };
    match admin::decide(context, command).await {
        Ok(Reply::Done(done)) => {
            results.extend(asked.iter().zip(done).map(|(topic, done)| result(topic, done)));
        }
        Ok(other) => admin::mismatch(&other),
        Err(refused) => results.extend(asked.iter().map(|topic| result(topic, Err(refused.clone())))),
    }
    CreatePartitionsResponse { results, ..Default::default() }
}

fn more_partitions(topic: &CreatePartitionsTopic) -> MorePartitions {
    let replicas = |ids: &[i32]| ids.iter().map(|id| NodeId(*id)).collect();
    MorePartitions {
        name: topic.name.to_string(),
        count: topic.count,
        assignments: topic.assignments.as_ref().map(|assignments| {
            assignments.iter().map(|assignment| replicas(&assignment.broker_ids)).collect()
        }),
    }
}

fn result(topic: &CreatePartitionsTopic, done: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let mut result = CreatePartitionsTopicResult { name: topic.name.clone(), ..Default::default() };
    if let Err(refused) = done {
        result.error_code = refused.error;
        result.error_message = Some(refused.message.into());
    }
    result
}
