//! Produce v3-13 (advertised from 0: KIP-896): batches are validated here, on the connection's shard, and appended by the shards that
//! own their partitions.
//!
//! A partition that is named more than once is answered once, for the last batch, and no other is looked at, as Kafka 4.3.1 does: it gathers what
//! to append in a map. (If an earlier one is no batch at all, Kafka answers `INVALID_RECORD`, and stores the last one; this does not.)
//!
//! Not here: transactions (a transactional batch is refused as one of an unknown transactional id), throttling. `timeout_ms` bounds the wait for
//! other replicas, of which there are none yet.

mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use logan_storage::batch::Batch;

use super::{Context, Credit, Outcome, Peer, decoded, later, malformed, respond, topics};
use crate::config::TopicSettings;
use crate::config::topic::{CompressionType, TimestampType};
use crate::limits;
use crate::mail::{AppendPart, AppendResult, OffsetQuery, OffsetQuestion};
use crate::metadata::Image;
use crate::model::{LeaderEpoch, PartitionId, ShardId};
use crate::protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::protocol::messages::{ProduceRequest, ProduceResponse};
use crate::protocol::records::{Compression, Invalid, Rules, Timestamps, Validated, Validation};
use crate::protocol::{ErrorCode, Frame, Records, Str};

use super::list_offsets::Queries;
use routes::Routes;

/// The first version whose response says where a log begins.
const LOG_START_SINCE: i16 = 5;
/// The first version whose response says who leads instead (KIP-951).
const LEADER_HINTS_SINCE: i16 = 10;

/// Where the result of a partition comes from. Few bytes of a request are a partition.
enum Fate {
    Refused {
        index: i32,
        error: ErrorCode,
    },
    /// For its records. Where its log begins is asked for if the partition is here.
    Rejected(Box<PartitionProduceResponse>, Option<PartitionId>),
    /// Place in the results of this shard.
    Routed {
        shard: ShardId,
        at: u32,
        index: i32,
    },
}

/// What is asked of every batch of a request.
#[derive(Clone, Copy)]
struct ProduceHead {
    version: i16,
    acks: i16,
    has_transactional_id: bool,
}

/// The answer under construction: the request's topics and partitions, in its order.
struct Routed {
    topics: Vec<(Str, crate::model::Uuid, Vec<Fate>)>,
    routes: Routes,
    /// Record errors that may still be told.
    record_errors: usize,
}

/// `held` is what the frame has credit for, in bytes: what goes beyond that is charged apart.
pub(super) async fn handle(context: &Rc<Context>, peer: &Peer, frame: Frame, held: u64) -> Outcome {
    let beyond = |_: &ProduceRequest, heap: u64| (heap * limits::PRODUCING_FACTOR).saturating_sub(held);
    let (request, credit) = match decoded(context, &frame, beyond).await {
        Ok(decoded) => decoded,
        Err(error) => return malformed(&frame, &error),
    };
    let asked = ProduceHead {
        version: frame.version,
        acks: request.acks,
        has_transactional_id: request.transactional_id.is_some(),
    };
    let acks = asked.acks;
    let image = context.image();
    let mut plan = Routed {
        topics: Vec::new(),
        routes: Routes::new(context, request.acks),
        record_errors: (frame.wire_bytes / limits::RECORD_ERROR_PER_BYTES)
            .clamp(limits::MIN_RECORD_ERRORS, limits::RECORD_ERRORS),
    };
    for topic in last_of_each(request.topic_data).await {
        let fates = plan_topic(context, &image, asked, &topic, &mut plan).await;
        plan.topics.push((topic.name, topic.topic_id, fates));
    }
    let pending = plan.routes.send(context).await;
    let (context, listener) = (context.clone(), peer.listener);
    later(async move {
        plan.routes.collect(pending).await;
        if asked.version >= LOG_START_SINCE {
            find_log_starts(&context, &mut plan.topics).await;
        }
        let mut response = assemble(&context, listener, plan.topics, &plan.routes).await;
        if frame.version < LEADER_HINTS_SINCE {
            forget_leaders(&mut response);
        }
        if acks != 0 {
            return respond(&frame, &response, credit);
        }
        let failed = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        match failed.map(|part| part.error_code).find(|error| *error != ErrorCode::NONE) {
            // The client reads no response, so this is the only way to tell it.
            Some(error) => Outcome::Close(format!("a Produce with acks=0 failed: {error}")),
            None => Outcome::Silent,
        }
    })
}

/// Asks the owners of partitions whose records were rejected here where their logs begin.
async fn find_log_starts(context: &Context, topics: &mut [(Str, crate::model::Uuid, Vec<Fate>)]) {
    let mut queries = Queries::new(context, None);
    for (t, (_, _, fates)) in topics.iter().enumerate() {
        for (f, fate) in fates.iter().enumerate() {
            if let Fate::Rejected(_, Some(partition)) = fate {
                let (current_leader_epoch, what) = (LeaderEpoch(-1), OffsetQuestion::Earliest);
                let query =
                    OffsetQuery { partition: *partition, current_leader_epoch, committed: false, what };
                queries.push((t, f), query);
            }
            logan_shards::yield_if_needed().await;
        }
    }
    for ((t, f), answer) in queries.answers().await {
        if let Fate::Rejected(rejected, _) = &mut topics[t].2[f] {
            // Without it Kafka says -1, and so does an answer that failed.
            rejected.log_start_offset = answer.offset.0;
        }
    }
}

/// Each topic once, and in it each partition once, with what was said of it last.
async fn last_of_each(topics: Vec<TopicProduceData>) -> Vec<TopicProduceData> {
    let mut places = BTreeMap::new();
    let mut merged: Vec<TopicProduceData> = Vec::with_capacity(topics.len());
    for topic in topics {
        let place = *places.entry((topic.topic_id.0, topic.name.clone())).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(before) => before.partition_data.extend(topic.partition_data),
            None => merged.push(topic),
        }
        logan_shards::yield_if_needed().await;
    }
    for topic in &mut merged {
        let is_doubled = |pair: &[PartitionProduceData]| pair[0].index >= pair[1].index;
        if topic.partition_data.windows(2).any(is_doubled) {
            topic.partition_data = last_of_partitions(std::mem::take(&mut topic.partition_data)).await;
        }
        logan_shards::yield_if_needed().await;
    }
    merged
}

async fn last_of_partitions(mut partitions: Vec<PartitionProduceData>) -> Vec<PartitionProduceData> {
    let (mut seen, mut last) = (BTreeSet::new(), Vec::new());
    while let Some(partition) = partitions.pop() {
        if seen.insert(partition.index) {
            last.push(partition);
        }
        logan_shards::yield_if_needed().await;
    }
    last.reverse();
    last
}

async fn plan_topic(
    context: &Context,
    image: &Image,
    request: ProduceHead,
    topic: &TopicProduceData,
    plan: &mut Routed,
) -> Vec<Fate> {
    let found = topics::find(image, topic.topic_id, &topic.name);
    let settings = found.as_ref().ok().map(|topic| context.topics.settings(context, topic));
    let mut fates = Vec::with_capacity(topic.partition_data.len());
    for data in &topic.partition_data {
        logan_shards::yield_if_needed().await;
        let partition = match &found {
            Ok(topic) => topics::partition(topic, data.index),
            Err(error) => Err(*error),
        };
        let (partition, settings) = match (partition, &settings) {
            (Err(error), _) => {
                fates.push(Fate::Refused { index: data.index, error });
                continue;
            }
            (Ok(_), _) if !(-1..=1).contains(&request.acks) => {
                fates.push(Fate::Refused { index: data.index, error: ErrorCode::INVALID_REQUIRED_ACKS });
                continue;
            }
            (Ok(partition), Some(settings)) => (partition, settings),
            (Ok(_), None) => unreachable!("a partition is found in a topic only"),
        };
        let rules = rules(request.version, settings, plan.record_errors);
        match validate(context, request, rules, data.records.as_ref(), &mut plan.routes).await {
            Ok((validated, credit)) => {
                let shard = context.router.owner(partition);
                let append_time_ms = validated.append_time_ms.unwrap_or(-1);
                let part = AppendPart { partition, batches: validated.batch, append_time_ms };
                let at = plan.routes.add(shard, part, credit);
                fates.push(Fate::Routed { shard, at, index: data.index });
            }
            Err(invalid) => {
                plan.record_errors -= invalid.record_errors.len();
                let asked = invalid.tells_log_start.then_some(partition);
                fates.push(Fate::Rejected(Box::new(rejected(data.index, invalid)), asked));
            }
        }
    }
    fates
}

/// Returns what to append, with credit for what of it is not the request's own. Lets others run in between.
async fn validate(
    context: &Context,
    request: ProduceHead,
    rules: Rules,
    records: Option<&Records>,
    routes: &mut Routes,
) -> Result<(Validated, Credit), Invalid> {
    let bytes = records.map(Records::contiguous).unwrap_or_default();
    let begin = || Validation::begin(&bytes, rules);
    let (validated, credit) = context.unpacking.run(begin, async || routes.settle(context).await).await?;
    refuse_transaction(request, &validated.batch)?;
    Ok((validated, credit))
}

/// There is no transaction coordinator: no transactional id is known, so no batch can belong to one's transaction.
fn refuse_transaction(request: ProduceHead, batch: &[u8]) -> Result<(), Invalid> {
    let is_transactional =
        Batch::parse(batch, batch.len()).is_ok_and(|batch| batch.attributes().is_transactional());
    if !is_transactional {
        return Ok(());
    }
    let (error, message) = if request.has_transactional_id {
        (ErrorCode::INVALID_PRODUCER_ID_MAPPING, "The transactional id is not known.")
    } else {
        (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "A transactional batch needs a transactional id.")
    };
    Err(Invalid { error, message: message.into(), record_errors: Vec::new(), tells_log_start: false })
}

fn rules(version: i16, settings: &TopicSettings, record_errors: usize) -> Rules {
    Rules {
        version,
        record_errors,
        now_ms: logan_shards::wall_clock_ms(),
        max_batch_bytes: settings.max_message_bytes as usize,
        segment_bytes: settings.segment_bytes as usize,
        max_unpacked_bytes: limits::UNPACKED_BYTES,
        is_compacted: settings.cleanup_compact,
        timestamps: match settings.message_timestamp_type {
            TimestampType::CreateTime => Timestamps::Create {
                before_max_ms: settings.message_timestamp_before_max_ms,
                after_max_ms: settings.message_timestamp_after_max_ms,
            },
            TimestampType::LogAppendTime => Timestamps::Append,
        },
        compression: match settings.compression_type {
            CompressionType::Producer => None,
            CompressionType::Uncompressed => Some(Compression::None),
            CompressionType::Gzip => Some(Compression::Gzip { level: settings.compression_gzip_level }),
            CompressionType::Snappy => Some(Compression::Snappy),
            CompressionType::Lz4 => Some(Compression::Lz4),
            CompressionType::Zstd => Some(Compression::Zstd { level: settings.compression_zstd_level }),
        },
    }
}

async fn assemble(
    context: &Context,
    listener: usize,
    topics: Vec<(Str, crate::model::Uuid, Vec<Fate>)>,
    routes: &Routes,
) -> ProduceResponse {
    let mut response = ProduceResponse::default();
    for (name, topic_id, fates) in topics {
        let mut topic = TopicProduceResponse { name, topic_id, ..Default::default() };
        topic.partition_responses.reserve_exact(fates.len());
        for fate in fates {
            let part = match fate {
                Fate::Refused { index, error } => refused(index, error),
                Fate::Rejected(rejected, _) => *rejected,
                Fate::Routed { shard, at, index } => match routes.result(shard, at) {
                    Some(result) => answered(context, &topic, index, result),
                    None => refused(index, ErrorCode::NOT_LEADER_OR_FOLLOWER),
                },
            };
            topic.partition_responses.push(part);
            logan_shards::yield_if_needed().await;
        }
        response.responses.push(topic);
    }
    let moved = |part: &PartitionProduceResponse| part.current_leader.leader_id >= 0;
    if response.responses.iter().flat_map(|topic| &topic.partition_responses).any(moved) {
        response.node_endpoints = endpoints(context, listener);
    }
    response
}

fn forget_leaders(response: &mut ProduceResponse) {
    response.node_endpoints.clear();
    for part in response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
        part.current_leader = LeaderIdAndEpoch::default();
    }
}

fn answered(
    context: &Context,
    topic: &TopicProduceResponse,
    index: i32,
    result: &AppendResult,
) -> PartitionProduceResponse {
    let error_code = result.error;
    let mut part = PartitionProduceResponse {
        index,
        error_code,
        base_offset: result.base_offset.0,
        log_append_time_ms: result.append_time_ms,
        log_start_offset: result.log_start.0,
        error_message: result.message.as_deref().map(Str::from),
        ..Default::default()
    };
    if error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER {
        // KIP-951: tell the client where to go instead.
        let image = context.image();
        let found = topics::find(&image, topic.topic_id, &topic.name);
        let partition = found.and_then(|topic| topics::partition(topic, index)).ok();
        if let Some((leader_id, leader_epoch)) = partition.and_then(|id| topics::leader(&image, id)) {
            part.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        }
    }
    part
}

fn refused(index: i32, error_code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code, base_offset: -1, ..Default::default() }
}

fn rejected(index: i32, invalid: Invalid) -> PartitionProduceResponse {
    let record_errors = invalid.record_errors.into_iter().map(|error| BatchIndexAndErrorMessage {
        batch_index: error.index,
        batch_index_error_message: Some(error.message.into()),
        ..Default::default()
    });
    PartitionProduceResponse {
        index,
        error_code: invalid.error,
        base_offset: -1,
        record_errors: record_errors.collect(),
        error_message: Some(Str::from(invalid.message)),
        ..Default::default()
    }
}

fn endpoints(context: &Context, listener: usize) -> Vec<NodeEndpoint> {
    let image = context.image();
    topics::endpoints(context, &image, listener)
        .map(|(node_id, host, port)| NodeEndpoint { node_id, host: host.into(), port, ..Default::default() })
        .collect()
}
