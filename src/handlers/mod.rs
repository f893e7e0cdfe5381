//! One file per API: decode, authorise, validate, route, answer.
//!
//! A handler runs on the connection's shard, in arrival order. It may await lane credit and answers of other shards. Kafka's API
//! versions and error codes end here: nothing below knows them.

mod admin;
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
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::config::{Layers, Settings};
use crate::limits;
use crate::mail::{Call, Mail, Router};
use crate::metadata::{Image, Resource};
use crate::model::{ImageVersion, ShardId};
use crate::protocol::{ApiKey, DecodeError, Encoded, Frame, Message, Request, frame};

use topics::TopicCache;

pub use budget::{Budget, Credit};
pub use purgatory::Purgatory;
pub use unpacking::Unpacking;

/// The `isolation_level` of a client that wants committed records only.
const READ_COMMITTED: i8 = 1;

/// What every handler of a shard sees.
pub struct Context {
    pub router: Rc<Router>,
    pub settings: Arc<Settings>,
    /// Memory for responses, until they are written.
    pub responses: Budget,
    /// Fetches that wait for records.
    pub purgatory: Purgatory,
    /// Memory for records that are decompressed.
    pub unpacking: Unpacking,
    /// The most that one fetch returns, but for a first batch that is larger.
    largest_response: u64,
    image: RefCell<Arc<Image>>,
    version: Cell<ImageVersion>,
    topics: TopicCache,
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
    Respond(Encoded, Option<Credit>),
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
            purgatory: Purgatory::new(waiting),
            unpacking,
            image: RefCell::new(Arc::new(Image::default())),
            version: Cell::new(ImageVersion::default()),
            topics: TopicCache::default(),
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
        return api_versions::handle(context, &frame);
    }
    if !range.contains(frame.version) || !frame.is_known_version() {
        return Outcome::Close(format!("{} has no version {}", frame.api.name(), frame.version));
    }
    tracing::trace!(peer = peer.address, api = frame.api.name(), version = frame.version, "request");
    match frame.api {
        ApiKey::Produce => produce::handle(context, peer, frame).await,
        ApiKey::Fetch => fetched(context, peer, frame, held).await,
        ApiKey::ListOffsets => {
            answer(&frame, |request| list_offsets::handle(context, frame.version, request)).await
        }
        ApiKey::Metadata => {
            answer(&frame, |request| metadata::handle(context, peer, frame.version, request)).await
        }
        ApiKey::CreateTopics => answer(&frame, |request| create_topics::handle(context, request)).await,
        ApiKey::DeleteTopics => {
            answer(&frame, |request| delete_topics::handle(context, frame.version, request)).await
        }
        ApiKey::InitProducerId => answer(&frame, |request| init_producer_id::handle(context, request)).await,
        ApiKey::OffsetForLeaderEpoch => {
            answer(&frame, |request| offset_for_leader_epoch::handle(context, request)).await
        }
        ApiKey::DescribeConfigs => answer(&frame, |request| describe_configs::handle(context, request)).await,
        ApiKey::CreatePartitions => {
            answer(&frame, |request| create_partitions::handle(context, request)).await
        }
        ApiKey::IncrementalAlterConfigs => {
            answer(&frame, |request| incremental_alter_configs::handle(context, request)).await
        }
        ApiKey::DescribeQuorum => {
            answer(&frame, |request| describe_quorum::handle(context, frame.version, request)).await
        }
        ApiKey::DescribeCluster => {
            answer_now(&frame, |request| describe_cluster::handle(context, peer, request))
        }
        ApiKey::DescribeTopicPartitions => {
            answer_now(&frame, |request| describe_topic_partitions::handle(context, request))
        }
        other => Outcome::Close(format!("{} is not an API of this broker", other.name())),
    }
}

/// Decodes a request, has it handled and encodes the answer.
async fn answer<R: Request, F>(frame: &Frame, handle: impl FnOnce(R) -> F) -> Outcome
where
    F: Future<Output = R::Response>,
{
    match frame.decode::<R>() {
        Ok(request) => respond(frame, &handle(request).await),
        Err(error) => malformed(frame, &error),
    }
}

/// As [`answer`], of what this shard knows without asking another.
fn answer_now<R: Request>(frame: &Frame, handle: impl FnOnce(&R) -> R::Response) -> Outcome {
    match frame.decode::<R>() {
        Ok(request) => respond(frame, &handle(&request)),
        Err(error) => malformed(frame, &error),
    }
}

/// As [`answer`], with the memory that the records of the response stand in. The frame is gone as soon as it is decoded: a fetch may wait for
/// long.
async fn fetched(context: &Rc<Context>, peer: &Peer, frame: Frame, held: &mut Credit) -> Outcome {
    let request = match frame.decode() {
        Ok(request) => request,
        Err(error) => return malformed(&frame, &error),
    };
    let Frame { api, version, correlation_id, .. } = frame;
    drop(frame);
    let (response, credit) = fetch::handle(context, peer, version, request, held).await;
    match encode(api, version, correlation_id, &response) {
        Outcome::Respond(encoded, _) => Outcome::Respond(encoded, credit),
        other => other,
    }
}

fn malformed(frame: &Frame, error: &DecodeError) -> Outcome {
    Outcome::Close(format!("{} version {}: {error}", frame.api.name(), frame.version))
}

fn respond<M: Message>(frame: &Frame, body: &M) -> Outcome {
    encode(frame.api, frame.version, frame.correlation_id, body)
}

fn encode<M: Message>(api: ApiKey, version: i16, correlation_id: i32, body: &M) -> Outcome {
    match frame::response(api, version, correlation_id, body) {
        Ok(encoded) => Outcome::Respond(encoded, None),
        // A field that this version cannot say was filled: a defect of ours that must not stay hidden.
        Err(error) => Outcome::Close(format!(
            "{} version {version}: the response cannot be written: {error}",
            api.name()
        )),
    }
}

fn later(future: impl Future<Output = Outcome> + 'static) -> Outcome {
    Outcome::Later(future.boxed_local())
}
