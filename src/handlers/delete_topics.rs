//! `DeleteTopics` v1-6 (KIP-4, KIP-516): by name, or by id from version 6 on.

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, admin};
use crate::metadata::{Command, Reply, TopicName};
use crate::model::Uuid;
use crate::protocol::messages::delete_topics::DeletableTopicResult;
use crate::protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use crate::protocol::{ErrorCode, Str};

pub(super) async fn handle(
    context: &Rc<Context>,
    version: i16,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let topics: Vec<TopicName> = if version >= 6 {
        let named = |name: &Option<Str>| name.as_ref().map(Str::to_string);
        request
            .topics
            .iter()
            .map(|topic| TopicName { name: named(&topic.name), id: topic.topic_id })
            .collect()
    } else {
        request
            .topic_names
            .iter()
            .map(|name| TopicName { name: Some(name.to_string()), id: Uuid::ZERO })
            .collect()
    };
    if !context.settings.broker.delete_topic_enable {
        let error = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        return answer(
            topics.iter().map(|topic| failed(topic, error, "Topic deletion is disabled.")).collect(),
        );
    }
    let mut responses = Vec::new();
    let valid = unambiguous(topics, &mut responses).await;
    match admin::decide(context, Command::DeleteTopics { topics: valid.clone() }).await {
        Ok(Reply::Deleted(deleted)) => {
            responses.extend(valid.iter().zip(deleted).map(|(topic, deleted)| match deleted {
                Ok((name, topic_id)) => {
                    DeletableTopicResult { name: Some(name.into()), topic_id, ..Default::default() }
                }
                Err(refused) => failed(topic, refused.error, &refused.message),
            }));
        }
        Ok(other) => admin::mismatch(&other),
        Err(refused) => {
            responses.extend(valid.iter().map(|topic| failed(topic, refused.error, &refused.message)));
        }
    }
    answer(responses)
}

/// Those that are named once, in one way; the others are answered.
async fn unambiguous(topics: Vec<TopicName>, responses: &mut Vec<DeletableTopicResult>) -> Vec<TopicName> {
    let mut seen: BTreeMap<(Option<String>, Uuid), usize> = BTreeMap::new();
    for topic in &topics {
        *seen.entry((topic.name.clone(), topic.id)).or_default() += 1;
        shards::yield_if_needed().await;
    }
    let mut valid = Vec::with_capacity(topics.len());
    for topic in topics {
        shards::yield_if_needed().await;
        let times = seen.insert((topic.name.clone(), topic.id), 0).unwrap_or(0);
        let why = match (&topic.name, topic.id.is_zero()) {
            // It was answered where it stood first.
            _ if times == 0 => continue,
            (Some(_), false) => "You may not specify both topic name and topic id.",
            (None, true) => "Neither topic name nor id were specified.",
            (Some(_), true) if times > 1 => "Duplicate topic name.",
            (None, false) if times > 1 => "Duplicate topic id.",
            _ => {
                valid.push(topic);
                continue;
            }
        };
        responses.push(failed(&topic, ErrorCode::INVALID_REQUEST, why));
    }
    valid
}

fn answer(responses: Vec<DeletableTopicResult>) -> DeleteTopicsResponse {
    DeleteTopicsResponse { responses, ..Default::default() }
}

fn failed(topic: &TopicName, error_code: ErrorCode, message: &str) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name.as_deref().map(Str::from),
        topic_id: topic.id,
        error_code,
        error_message: Some(message.into()),
        ..Default::default()
    }
}
