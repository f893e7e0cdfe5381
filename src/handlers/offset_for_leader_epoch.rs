//! `OffsetForLeaderEpoch` v2-4 (KIP-101, KIP-279, KIP-320): where a leader epoch ends in our log.

use std::rc::Rc;

use logan_shards as shards;

use super::list_offsets::Queries;
use super::{Context, SharedCredit, topics};
use crate::mail::{OffsetQuery, OffsetQuestion};
use crate::model::{LeaderEpoch, Uuid};
use crate::protocol::messages::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderTopicResult};
use crate::protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

pub(super) async fn handle(
    context: &Rc<Context>,
    request: OffsetForLeaderEpochRequest,
    credit: &SharedCredit,
) -> OffsetForLeaderEpochResponse {
    let image = context.image();
    let mut response = OffsetForLeaderEpochResponse::default();
    let mut queries = Queries::new(context, Some(credit));
    for (t, topic) in request.topics.iter().enumerate() {
        let found = topics::find(&image, Uuid::ZERO, &topic.topic);
        let mut answered = OffsetForLeaderTopicResult { topic: topic.topic.clone(), ..Default::default() };
        for (p, asked) in topic.partitions.iter().enumerate() {
            let mut part = EpochEndOffset { partition: asked.partition, ..Default::default() };
            match found.and_then(|topic| topics::partition(topic, asked.partition)) {
                Err(error) => part.error_code = error,
                Ok(partition) => {
                    let current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
                    let what = OffsetQuestion::EpochEnd(LeaderEpoch(asked.leader_epoch));
                    let query = OffsetQuery { partition, current_leader_epoch, committed: false, what };
                    queries.push((t, p), query);
                }
            }
            answered.partitions.push(part);
            shards::yield_if_needed().await;
        }
        response.topics.push(answered);
        shards::yield_if_needed().await;
    }
    for ((t, p), answer) in queries.answers().await {
        let part = &mut response.topics[t].partitions[p];
        part.error_code = answer.error;
        part.end_offset = answer.offset.0;
        part.leader_epoch = answer.leader_epoch.0;
        shards::yield_if_needed().await;
    }
    response
}
