//! One file per API: decode, validate, route, answer.
//!
//! A handler runs on the connection's shard, in arrival order. It may await lane credit and answers of other shards. Kafka's API
//! versions end here. Error codes go down to the owners and the controller, because they are the answer.

mod admin;
mod answers;
mod api_versions;
mod budget;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_quorum;
mod describe_topic_partitions;
mod fetch;
mod fetch_sessions;
mod incremental_alter_configs;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod purgatory;
mod topics;
mod unpacking;

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::config::{Layers, Settings};
use crate::limits;
use crate::mail::{Call, Mail, Router};
use crate::metadata::{Image, Resource, Topic};
use crate::model::{ImageVersion, ShardId};
use crate::protocol::{ApiKey, DecodeError, Encoded, Frame, Message, Request, frame};

use topics::TopicCache;

pub use answers::Answers;
use budget::SharedCredit;
pub use budget::{Budget, Credit};
pub use purgatory::Purgatory;
pub use unpacking::Unpacking;

/// The `isolation_level` of a client that wants committed records only.
const READ_COMMITTED: i8 = 1;

/// What every handler of a shard sees.
pub struct Context {
    pub router: Rc<Router>,
    pub settings: Arc<Settings>,
    /// Memory for responses that borrow buffers of the log, until they are written.
    pub responses: Budget,
    /// Memory for all other responses.
    pub answers: Answers,
    /// Fetches that wait for records.
    pub purgatory: Purgatory,
    /// Memory for records that are decompressed.
    pub unpacking: Unpacking,
    /// The most that one fetch returns, but for a first batch that is larger.
    largest_response: u64,
    image: RefCell<Arc<Image>>,
    version: Cell<ImageVersion>,
    topics: TopicCache,
    /// What an answer about all topics comes to, once somebody asked.
    all_topics_bytes: Cell<Option<u64>>,
    sessions: RefCell<fetch_sessions::Sessions>,
    /// Fetches that wait at their owners, and that nobody waits for any more.
    given_up: Rc<RefCell<Vec<(ShardId, Call)>>>,
    /// The producer ids that this shard may still give out: next and end.
    producer_ids: Cell<(i64, i64)>,
}

/// Who asks: a connection of this shard.
pub struct Peer {
    /// Never used again.
    pub number: u64,
    pub address: String,
    /// The place in the settings of the listener that it came in by.
    pub listener: usize,
}

/// What becomes of a request.
pub enum Outcome {
    /// With the credit of [`Context::answers`] that it holds until it is written.
    Respond(Encoded, Credit),
    /// Records in it lie in buffers of the log engine; with the credit of [`Context::responses`].
    Lend(Encoded, Credit),
    /// The response follows; the next request may be read meanwhile.
    Later(LocalBoxFuture<'static, Outcome>),
    /// No response belongs to this request (acks=0).
    Silent,
    /// The connection is closed, and this said in the log.
    Close(String),
}

/// The APIs that are built. What is not here is not advertised, and closes the connection as an unknown API does.
pub const BUILT: [ApiKey; 15] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeConfigs,
    ApiKey::CreatePartitions,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeQuorum,
    ApiKey::DescribeCluster,
    ApiKey::DescribeTopicPartitions,
];

impl Context {
    /// `waiting` is what fetches that wait may keep, in bytes.
    pub fn new(
        router: Rc<Router>,
        settings: Arc<Settings>,
        responses: Budget,
        answers: Answers,
        waiting: u64,
        unpacking: Unpacking,
    ) -> Rc<Self> {
        let (shard, shards) = (router.shard(), router.shards());
        let slots = settings.broker.fetch_session_slots.div_ceil(u32::from(shards)) as usize;
        Rc::new(Self {
            router,
            largest_response: limits::RESPONSE_CREDIT_BYTES
                .min(responses.limit() / limits::RESPONSES_AT_ONCE)
                .max(limits::AWAITED_BYTES),
            responses,
            answers,
            purgatory: Purgatory::new(waiting),
            unpacking,
            image: RefCell::new(Arc::new(Image::default())),
            version: Cell::new(ImageVersion::default()),
            topics: TopicCache::default(),
            all_topics_bytes: Cell::default(),
            sessions: RefCell::new(fetch_sessions::Sessions::new(shard, shards, slots)),
            given_up: Rc::default(),
            producer_ids: Cell::new((0, 0)),
            settings,
        })
    }

    pub fn image(&self) -> Arc<Image> {
        self.image.borrow().clone()
    }

    pub fn version(&self) -> ImageVersion {
        self.version.get()
    }

    /// From now on requests see this image.
    pub fn set_image(&self, image: Arc<Image>, version: ImageVersion) {
        *self.image.borrow_mut() = image;
        self.version.set(version);
        self.topics.clear();
        self.all_topics_bytes.set(None);
    }

    /// Bytes that an answer about all topics and their partitions comes to at most, while it is made.
    fn all_topics_bytes(&self) -> u64 {
        let all = || self.image.borrow().topics().map(|topic| topic_bytes(topic)).sum();
        let bytes = self.all_topics_bytes.get().unwrap_or_else(all);
        self.all_topics_bytes.set(Some(bytes));
        bytes
    }

    /// Fetch sessions begin with this epoch.
    pub fn begin_sessions_at(&self, first_epoch: i32) {
        self.sessions.borrow_mut().begin_at(first_epoch);
    }

    /// A connection of this shard has ended.
    pub fn on_closed(&self, connection: u64) {
        self.sessions.borrow_mut().leave(connection);
        self.unregister_ended();
        for (shard, call) in self.given_up.take() {
            self.router.post(shard, Mail::FetchNow(call));
        }
    }

    /// Tells the owners of sessions that ended.
    fn unregister_ended(&self) {
        let ended = self.sessions.borrow_mut().take_ended();
        for (shard, id) in ended {
            self.router.post(shard, Mail::Unregister(id));
        }
    }

    /// Looks at the broker's settings as they stand now.
    pub fn with_layers<T>(&self, look: impl FnOnce(&Layers<'_>) -> T) -> T {
        let image = self.image();
        look(&layers(&self.settings, &image))
    }
}

/// Bytes that a topic and its partitions come to at most in an answer, while it is made.
fn topic_bytes(topic: &Topic) -> u64 {
    let partitions = topic.partitions.len() as u64 * limits::DESCRIBED_PARTITION_BYTES;
    limits::DESCRIBED_TOPIC_BYTES + 3 * topic.name.len() as u64 + partitions
}

/// The broker's settings by an image.
pub fn layers<'a>(settings: &'a Settings, image: &'a Image) -> Layers<'a> {
    let node = Resource::Broker(Some(settings.broker.node_id));
    Layers {
        fixed: &settings.fixed,
        cluster: image.config(&Resource::Broker(None)),
        node: image.config(&node),
    }
}

/// Handles one request as far as its order matters. `held` is the credit for its frame; what is left of it when this returns is for what the
/// outcome needs.
pub async fn handle(context: &Rc<Context>, peer: &Peer, frame: Frame, held: &mut Credit) -> Outcome {
    let Some(range) = frame.api.advertised().filter(|_| BUILT.contains(&frame.api)) else {
        return Outcome::Close(format!("{} is not an API of this broker", frame.api.name()));
    };
    if frame.api == ApiKey::ApiVersions {
        let credit = context.answers.take(frame.api, limits::MIN_ANSWER_BYTES).await;
        return api_versions::handle(context, &frame, credit);
    }
    if !range.contains(frame.version) || !frame.is_known_version() {
        return Outcome::Close(format!("{} has no version {}", frame.api.name(), frame.version));
    }
    tracing::trace!(peer = peer.address, api = frame.api.name(), version = frame.version, "request");
    let version = frame.version;
    let asked = Question { context, frame: &frame };
    match frame.api {
        ApiKey::Produce => produce::handle(context, peer, frame, held.bytes()).await,
        ApiKey::Fetch => fetched(context, peer, frame, held).await,
        ApiKey::ListOffsets => {
            let handle =
                async |request, credit: &_| list_offsets::handle(context, version, request, credit).await;
            asked.answer_holding(handle).await
        }
        ApiKey::Metadata => {
            let beyond = |request: &_| metadata::bytes(context, version, request);
            asked.answer(beyond, |request| metadata::handle(context, peer, version, request)).await
        }
        ApiKey::CreateTopics => {
            asked.answer(create_topics::bytes, |request| create_topics::handle(context, request)).await
        }
        ApiKey::DeleteTopics => {
            asked.answer(nothing, |request| delete_topics::handle(context, version, request)).await
        }
        ApiKey::InitProducerId => {
            asked.answer(nothing, |request| init_producer_id::handle(context, request)).await
        }
        ApiKey::OffsetForLeaderEpoch => {
            let handle =
                async |request, credit: &_| offset_for_leader_epoch::handle(context, request, credit).await;
            asked.answer_holding(handle).await
        }
        ApiKey::DescribeConfigs => {
            let beyond = |request: &_| describe_configs::bytes(context, request);
            asked.answer(beyond, |request| describe_configs::handle(context, request)).await
        }
        ApiKey::CreatePartitions => {
            asked.answer(nothing, |request| create_partitions::handle(context, request)).await
        }
        ApiKey::IncrementalAlterConfigs => {
            asked.answer(nothing, |request| incremental_alter_configs::handle(context, request)).await
        }
        ApiKey::DescribeQuorum => {
            asked
                .answer(describe_quorum::bytes, |request| describe_quorum::handle(context, version, request))
                .await
        }
        ApiKey::DescribeCluster => {
            let handle = |request| ready(describe_cluster::handle(context, peer, &request));
            asked.answer(nothing, handle).await
        }
        ApiKey::DescribeTopicPartitions => {
            let beyond = |request: &_| describe_topic_partitions::bytes(context, request);
            asked.answer(beyond, |request| describe_topic_partitions::handle(context, request)).await
        }
        other => Outcome::Close(format!("{} is not an API of this broker", other.name())),
    }
}

/// A request that is answered before the next one of its connection is read.
struct Question<'a> {
    context: &'a Context,
    frame: &'a Frame,
}

impl Question<'_> {
    /// Decodes the request, takes the memory for what it asks, has it handled and encodes the answer. `beyond` is what the answer comes to
    /// apart from what is in proportion to the request, in bytes.
    async fn answer<R: Request, F>(&self, beyond: impl Fn(&R) -> u64, handle: impl FnOnce(R) -> F) -> Outcome
    where
        F: Future<Output = R::Response>,
    {
        match self.decoded(beyond).await {
            Ok((request, credit)) => respond(self.frame, &handle(request).await, credit),
            Err(error) => malformed(self.frame, &error),
        }
    }

    /// As [`Question::answer`], for what owners are asked, who work on if the connection ends: they have a part in the credit.
    async fn answer_holding<R: Request>(
        &self,
        handle: impl AsyncFnOnce(R, &SharedCredit) -> R::Response,
    ) -> Outcome {
        match self.decoded(nothing).await {
            Ok((request, credit)) => {
                let credit = SharedCredit::new(credit);
                let response = handle(request, &credit).await;
                respond(self.frame, &response, credit.take())
            }
            Err(error) => malformed(self.frame, &error),
        }
    }

    async fn decoded<R: Request>(&self, beyond: impl Fn(&R) -> u64) -> Result<(R, Credit), DecodeError> {
        let bytes = |request: &R, heap: u64| {
            let text = self.frame.body.len() as u64 * limits::ANSWERING_TEXT_FACTOR;
            limits::MIN_ANSWER_BYTES + heap * limits::ANSWERING_FACTOR + text + beyond(request)
        };
        decoded(self.context, self.frame, bytes).await
    }
}

/// A request, with credit for what it and its answer come to. `bytes` tells how much that is of a request that takes so many bytes itself.
async fn decoded<R: Request>(
    context: &Context,
    frame: &Frame,
    bytes: impl Fn(&R, u64) -> u64,
) -> Result<(R, Credit), DecodeError> {
    let mut turn = None;
    loop {
        let (request, heap) = frame.decode_sized::<R>()?;
        let bytes = bytes(&request, heap as u64);
        if bytes == 0 {
            return Ok((request, context.answers.charge(frame.api, 0)));
        }
        if let Some(credit) = turn.take().or_else(|| context.answers.try_take(frame.api, bytes)) {
            return Ok((request, credit));
        }
        // Who waits holds its frame alone.
        drop(request);
        turn = Some(context.answers.take(frame.api, bytes).await);
    }
}

/// The answer is in proportion to the request.
fn nothing<R>(_: &R) -> u64 {
    0
}

/// With the memory that the records of the response stand in. The frame is gone as soon as it is decoded: a fetch may wait for long.
async fn fetched(context: &Rc<Context>, peer: &Peer, frame: Frame, held: &mut Credit) -> Outcome {
    let request = match frame.decode() {
        Ok(request) => request,
        Err(error) => return malformed(&frame, &error),
    };
    let Frame { api, version, correlation_id, .. } = frame;
    drop(frame);
    let (response, lease) = fetch::handle(context, peer, version, request, held).await;
    let encoded = encode(api, version, correlation_id, &response);
    drop(response);
    let encoded = match encoded {
        Ok(encoded) => encoded,
        Err(close) => return close,
    };
    if let Some(mut lease) = lease {
        lease.resize(encoded.len() as u64);
        Outcome::Lend(encoded, lease)
    } else {
        let credit = context.answers.take(api, encoded.len() as u64).await;
        Outcome::Respond(encoded, credit)
    }
}

fn malformed(frame: &Frame, error: &DecodeError) -> Outcome {
    Outcome::Close(format!("{} version {}: {error}", frame.api.name(), frame.version))
}

/// The credit is for what the response was made of. Now it is its bytes.
fn respond<M: Message>(frame: &Frame, body: &M, mut credit: Credit) -> Outcome {
    match encode(frame.api, frame.version, frame.correlation_id, body) {
        Ok(encoded) => {
            credit.resize(encoded.len() as u64);
            Outcome::Respond(encoded, credit)
        }
        Err(close) => close,
    }
}

fn encode<M: Message>(api: ApiKey, version: i16, correlation_id: i32, body: &M) -> Result<Encoded, Outcome> {
    // A field that this version cannot say was filled: a defect of ours that must not stay hidden.
    frame::response(api, version, correlation_id, body).map_err(|error| {
        Outcome::Close(format!("{} version {version}: the response cannot be written: {error}", api.name()))
    })
}

fn later(future: impl Future<Output = Outcome> + 'static) -> Outcome {
    Outcome::Later(future.boxed_local())
}
