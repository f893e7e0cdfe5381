//! `ListOffsets` v1-11: earliest, latest, largest timestamp (KIP-734) and the first record at or after a time.
//!
//! There is no tiered storage: the earliest local offset is the log's start, and what only a tier has is -1 (KIP-405, KIP-1005,
//! KIP-1023). To readers of committed records the log ends at the last stable offset.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::join_all;
use logan_shards as shards;

use super::{Context, READ_COMMITTED, SharedCredit, topics};
use crate::mail::{Answer, Mail, OffsetAnswer, OffsetQuery, OffsetQuestion, OffsetRequest};
use crate::model::{LeaderEpoch, Offset, ShardId};
use crate::protocol::ErrorCode;
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use crate::protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub(super) async fn handle(
    context: &Rc<Context>,
    version: i16,
    request: ListOffsetsRequest,
    credit: &SharedCredit,
) -> ListOffsetsResponse {
    let image = context.image();
    let mut response = ListOffsetsResponse::default();
    let mut queries = Queries::new(context, Some(credit));
    let committed = request.isolation_level == READ_COMMITTED;
    for (t, topic) in request.topics.iter().enumerate() {
        let found = topics::find(&image, crate::model::Uuid::ZERO, &topic.name);
        let mut answered = ListOffsetsTopicResponse { name: topic.name.clone(), ..Default::default() };
        let doubled = doubled(&topic.partitions).await;
        for (p, asked) in topic.partitions.iter().enumerate() {
            let mut part =
                ListOffsetsPartitionResponse { partition_index: asked.partition_index, ..Default::default() };
            let partition = found.and_then(|topic| topics::partition(topic, asked.partition_index));
            match (partition, question(version, asked.timestamp)) {
                _ if doubled.contains(&asked.partition_index) => part.error_code = ErrorCode::INVALID_REQUEST,
                (Err(error), _) | (Ok(_), Err(error)) => part.error_code = error,
                (Ok(_), Ok(None)) => {}
                (Ok(partition), Ok(Some(what))) => {
                    let current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
                    queries.push((t, p), OffsetQuery { partition, current_leader_epoch, committed, what });
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
        part.offset = answer.offset.0;
        part.timestamp = answer.timestamp;
        // Clients before KIP-320 do not know epochs.
        part.leader_epoch = if version >= 4 { answer.leader_epoch.0 } else { -1 };
        shards::yield_if_needed().await;
    }
    response
}

/// `None` stands for what only a tier could answer.
fn question(version: i16, timestamp: i64) -> Result<Option<OffsetQuestion>, ErrorCode> {
    let (since, question) = match timestamp {
        LATEST => (1, Some(OffsetQuestion::Latest)),
        EARLIEST => (1, Some(OffsetQuestion::Earliest)),
        MAX_TIMESTAMP => (7, Some(OffsetQuestion::MaxTimestamp)),
        EARLIEST_LOCAL => (8, Some(OffsetQuestion::Earliest)),
        LATEST_TIERED => (9, None),
        EARLIEST_PENDING_UPLOAD => (11, None),
        time if time >= 0 => (1, Some(OffsetQuestion::AtTime(time))),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    };
    if version < since { Err(ErrorCode::UNSUPPORTED_VERSION) } else { Ok(question) }
}

/// The partitions that are asked for more than once.
async fn doubled(partitions: &[ListOffsetsPartition]) -> BTreeSet<i32> {
    let (mut seen, mut doubled) = (BTreeSet::new(), BTreeSet::new());
    for asked in partitions {
        if !seen.insert(asked.partition_index) {
            doubled.insert(asked.partition_index);
        }
        shards::yield_if_needed().await;
    }
    doubled
}

/// Questions about offsets, gathered by owner: one message for each.
pub(super) struct Queries<'a, P> {
    context: &'a Context,
    /// For the memory that they stand in.
    credit: Option<&'a SharedCredit>,
    by_shard: Vec<(Vec<P>, Vec<OffsetQuery>)>,
}

impl<'a, P: Copy> Queries<'a, P> {
    pub(super) fn new(context: &'a Context, credit: Option<&'a SharedCredit>) -> Self {
        let by_shard = (0..context.router.shards()).map(|_| (Vec::new(), Vec::new())).collect();
        Self { context, credit, by_shard }
    }

    pub(super) fn push(&mut self, place: P, query: OffsetQuery) {
        let (places, queries) = &mut self.by_shard[usize::from(self.context.router.owner(query.partition).0)];
        places.push(place);
        queries.push(query);
    }

    pub(super) async fn answers(self) -> Vec<(P, OffsetAnswer)> {
        let mut pending = Vec::new();
        for (shard, (places, queries)) in self.by_shard.into_iter().enumerate() {
            if !queries.is_empty() {
                let request = Box::new(OffsetRequest { image: self.context.version(), queries });
                let (shard, held) = (ShardId(shard as u16), self.credit.map(SharedCredit::hold));
                let asking = |call| Mail::Offsets(call, request);
                let asked = self.context.router.ask_holding(shard, held, asking).await;
                pending.push(async move { (places, asked.await) });
            }
        }
        let mut all = Vec::new();
        for (places, answer) in join_all(pending).await {
            let answers = match answer {
                Some(Answer::Offsets(answers)) => answers,
                // The node is stopping.
                _ => vec![OffsetAnswer::failed(ErrorCode::NOT_LEADER_OR_FOLLOWER); places.len()],
            };
            all.extend(places.into_iter().zip(answers));
        }
        all
    }
}

impl OffsetAnswer {
    pub fn failed(error: ErrorCode) -> Self {
        Self { error, offset: Offset(-1), timestamp: -1, leader_epoch: LeaderEpoch(-1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_have_the_version_that_brought_them() {
        assert_eq!(question(1, LATEST), Ok(Some(OffsetQuestion::Latest)));
        assert_eq!(question(6, MAX_TIMESTAMP), Err(ErrorCode::UNSUPPORTED_VERSION));
        assert_eq!(question(7, MAX_TIMESTAMP), Ok(Some(OffsetQuestion::MaxTimestamp)));
        assert_eq!(question(9, LATEST_TIERED), Ok(None));
        assert_eq!(question(11, -7), Err(ErrorCode::UNSUPPORTED_VERSION));
        assert_eq!(question(1, 5), Ok(Some(OffsetQuestion::AtTime(5))));
    }
}
