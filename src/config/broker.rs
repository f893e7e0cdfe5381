//! The broker's settings as the rest of the program reads them: typed, and checked against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::fixed::{ConfigError, ConfigErrors, FixedSettings};
use super::layers::Layers;
use super::listeners::{Endpoint, Listener, Listeners};
use super::rules;
use super::value::trim;
use crate::model::NodeId;

/// What a start needs, and nothing changes while the broker runs.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerSettings {
    pub node_id: NodeId,
    pub rack: Option<String>,
    /// Where clients connect: at least one.
    pub listeners: Vec<Listener>,
    /// The place in `listeners` of the one that brokers use among themselves.
    pub inter_broker_listener: Option<usize>,
    /// Where the other members of a quorum would connect. A lone node opens none of them.
    pub controller_listeners: Vec<Endpoint>,
    /// At least one, each once.
    pub log_dirs: Vec<PathBuf>,
    /// Where metadata lives: `metadata.log.dir`, or the first of `log_dirs`.
    pub metadata_log_dir: PathBuf,
    pub num_partitions: i32,
    pub default_replication_factor: i32,
    pub auto_create_topics_enable: bool,
    pub delete_topic_enable: bool,
    /// The largest frame that is read.
    pub socket_request_max_bytes: u32,
    pub socket_listen_backlog_size: u32,
    /// The most that one fetch returns, but for a first batch that is larger.
    pub fetch_max_bytes: u32,
    /// How many incremental fetch sessions are kept, over all shards.
    pub fetch_session_slots: u32,
    /// How many partitions one `DescribeTopicPartitions` response may name.
    pub max_request_partition_size_limit: u32,
    /// `None`: idle connections are kept.
    pub connections_max_idle: Option<Duration>,
    /// `None`: one per core.
    pub shards: Option<u16>,
    /// How many messages of clients' traffic fit into the lane between two shards. Who finds it full waits; requests of a connection
    /// stay in order. The lanes of other traffic follow it in size.
    pub lane_messages: u32,
    /// Whether an acknowledgement waits for the flush.
    pub ack_sync: bool,
    /// The most that recovery has to read again, per shard.
    pub recovery_bytes: u64,
    /// Of all shards together, for data on its way and for cached records. `None`: a quarter of what the process may have.
    pub memory_bytes: Option<u64>,
}

/// What alterations of the broker change while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    pub max_connections: u32,
    /// New ones in a second, on average.
    pub max_connection_creation_rate: u32,
    pub max_connections_per_ip: u32,
    /// By host, as written: an address or a name.
    pub max_connections_per_ip_overrides: BTreeMap<String, u32>,
    pub producer_id_expiration_ms: i64,
}

impl BrokerSettings {
    /// `hostname` is what clients are told where a listener names no host. Errors are all that is wrong.
    pub fn of(fixed: &FixedSettings, hostname: &str) -> Result<Self, ConfigErrors> {
        let layers = Layers::of_file(fixed);
        let mut errors = rules::check(&layers);
        check_lone(&layers, &mut errors);
        let listeners = Listeners::read(&layers, hostname);
        let listeners = match listeners {
            Ok(listeners) if errors.is_empty() => listeners,
            Ok(_) => return Err(ConfigErrors(errors)),
            Err(more) => {
                errors.extend(more);
                return Err(ConfigErrors(errors));
            }
        };
        let log_dirs = log_dirs(&layers);
        let metadata_log_dir = match layers.text("metadata.log.dir") {
            dir if dir.is_empty() => log_dirs[0].clone(),
            dir => PathBuf::from(dir),
        };
        let unsigned = |name| layers.integer(name) as u32;
        Ok(Self {
            node_id: NodeId(node_id(&layers)),
            rack: Some(layers.text("broker.rack")).filter(|rack| !rack.is_empty()),
            inter_broker_listener: inter_broker_listener(&layers, &listeners.clients),
            listeners: listeners.clients,
            controller_listeners: listeners.controllers,
            log_dirs,
            metadata_log_dir,
            num_partitions: layers.integer("num.partitions") as i32,
            default_replication_factor: layers.integer("default.replication.factor") as i32,
            auto_create_topics_enable: layers.boolean("auto.create.topics.enable"),
            delete_topic_enable: layers.boolean("delete.topic.enable"),
            socket_request_max_bytes: unsigned("socket.request.max.bytes"),
            socket_listen_backlog_size: unsigned("socket.listen.backlog.size"),
            fetch_max_bytes: unsigned("fetch.max.bytes"),
            fetch_session_slots: unsigned("max.incremental.fetch.session.cache.slots"),
            max_request_partition_size_limit: unsigned("max.request.partition.size.limit"),
            connections_max_idle: positive(layers.integer("connections.max.idle.ms"))
                .map(Duration::from_millis),
            shards: positive(layers.integer("logan.shards")).map(|shards| shards as u16),
            lane_messages: unsigned("logan.lane.messages"),
            ack_sync: layers.boolean("logan.ack.sync"),
            recovery_bytes: layers.integer("logan.recovery.bytes").unsigned_abs(),
            memory_bytes: positive(layers.integer("logan.memory.bytes")),
        })
    }
}

impl LiveSettings {
    pub fn resolve(layers: &Layers<'_>) -> Self {
        let overrides = layers.text("max.connections.per.ip.overrides");
        let overrides = overrides.split(',').filter_map(|entry| {
            let (host, count) = entry.rsplit_once(':')?;
            Some((trim(host).to_owned(), trim(count).parse().ok()?))
        });
        Self {
            max_connections: layers.integer("max.connections") as u32,
            max_connection_creation_rate: layers.integer("max.connection.creation.rate") as u32,
            max_connections_per_ip: layers.integer("max.connections.per.ip") as u32,
            max_connections_per_ip_overrides: overrides.collect(),
            producer_id_expiration_ms: layers.integer("producer.id.expiration.ms"),
        }
    }

    /// `max.connections` and `max.connection.creation.rate` of one listener: what `listener.name.<name>.` says, else what all have.
    pub fn of_listener(&self, layers: &Layers<'_>, listener: &str) -> (u32, u32) {
        let own = |setting: &str, otherwise: u32| {
            let key = format!("listener.name.{}.{setting}", listener.to_ascii_lowercase());
            layers.given(&key).and_then(|text| trim(text).parse().ok()).unwrap_or(otherwise)
        };
        (
            own("max.connections", self.max_connections),
            own("max.connection.creation.rate", self.max_connection_creation_rate),
        )
    }
}

/// Without a name it is the one that is named as the protocol which is Kafka's default.
fn inter_broker_listener(layers: &Layers<'_>, listeners: &[Listener]) -> Option<usize> {
    let given = layers.text("inter.broker.listener.name").to_ascii_uppercase();
    let name = if given.is_empty() { "PLAINTEXT" } else { &given };
    listeners.iter().position(|listener| listener.bind.name == name)
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

/// `node.id`, or its older name where only that is given.
fn node_id(layers: &Layers<'_>) -> i32 {
    let name = if layers.given("node.id").is_none() && layers.given("broker.id").is_some() {
        "broker.id"
    } else {
        "node.id"
    };
    layers.integer(name) as i32
}

fn log_dirs(layers: &Layers<'_>) -> Vec<PathBuf> {
    let given = layers.list("log.dirs");
    let dirs = if given.is_empty() { layers.list("log.dir") } else { given };
    dirs.into_iter().map(PathBuf::from).collect()
}

/// One node is the whole cluster so far: a file that describes more must not start a second cluster by accident.
fn check_lone(layers: &Layers<'_>, errors: &mut Vec<ConfigError>) {
    let fixed = layers.fixed;
    let node = node_id(layers);
    let (newer, older) = (layers.integer("node.id"), layers.integer("broker.id"));
    let both = layers.given("node.id").is_some() && layers.given("broker.id").is_some();
    if both && newer != older {
        errors.push(fixed.rule("node.id", format!("broker.id is {older}, and both must be the same")));
    }
    if node < 0 {
        errors.push(fixed.rule("broker.id", "the id of a node is at least 0"));
    }
    let roles = layers.list("process.roles");
    if roles.len() != 2 {
        let why = "a node is both broker and controller; separate controllers are not built yet";
        errors.push(fixed.rule("process.roles", why));
    }
    let voters = layers.list("controller.quorum.voters");
    let is_other = |voter: &String| voter.split_once('@').is_none_or(|(id, _)| id.parse() != Ok(node));
    if voters.len() > 1 {
        errors.push(fixed.rule("controller.quorum.voters", "clusters of several nodes are not built yet"));
    } else if voters.iter().any(is_other) {
        let why = format!("the node id {node} must be among the voters");
        errors.push(fixed.rule("controller.quorum.voters", why));
    }
    if layers.list("controller.quorum.bootstrap.servers").len() > 1 {
        let why = "clusters of several nodes are not built yet";
        errors.push(fixed.rule("controller.quorum.bootstrap.servers", why));
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;
    use crate::limits;

    fn broker(text: &str) -> Result<BrokerSettings, String> {
        let (fixed, _) =
            FixedSettings::read(Some(("f", text.as_bytes())), &[]).map_err(|errors| errors.to_string())?;
        BrokerSettings::of(&fixed, "here").map_err(|errors| errors.to_string())
    }

    #[test]
    fn without_a_file_a_lone_node_listens_on_this_machine() {
        let settings = BrokerSettings::of(&FixedSettings::none(), "here").expect("defaults go together");
        assert_eq!(settings.node_id, NodeId(1));
        assert_eq!(settings.listeners[0].bind.to_string(), "PLAINTEXT://127.0.0.1:9092");
        assert_eq!(settings.log_dirs, [PathBuf::from("./logan-data")]);
        assert_eq!(settings.metadata_log_dir, settings.log_dirs[0]);
        assert_eq!((settings.shards, settings.memory_bytes), (None, None));
        assert_eq!(settings.lane_messages, limits::DEFAULT_LANE_MESSAGES);
        assert!(broker(&format!("logan.lane.messages={}", limits::MIN_LANE_MESSAGES)).is_ok());
        assert!(broker(&format!("logan.lane.messages={}", limits::MIN_LANE_MESSAGES - 1)).is_err());
        assert!(settings.ack_sync && settings.auto_create_topics_enable);
        assert_eq!(settings.socket_request_max_bytes, 104_857_600);
        assert_eq!(settings.connections_max_idle, Some(Duration::from_mins(10)));
    }

    #[test]
    fn a_file_made_for_a_lone_kafka_node_is_taken() {
        let settings = broker(
            "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.voters=7@localhost:9093\n\
             listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\nadvertised.listeners=PLAINTEXT://localhost:9092\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs=/a, /b,/a\nmetadata.log.dir=/m\nlogan.shards=2\nconnections.max.idle.ms=-1\n",
        )
        .expect("a valid file");
        assert_eq!(settings.node_id, NodeId(7));
        assert_eq!(settings.listeners.len(), 1);
        assert_eq!(settings.inter_broker_listener, Some(0));
        assert_eq!(settings.controller_listeners[0].port, 9093);
        assert_eq!(settings.log_dirs, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(settings.metadata_log_dir, PathBuf::from("/m"));
        assert_eq!((settings.shards, settings.connections_max_idle), (Some(2), None));
        assert_eq!(broker("broker.id=9").expect("the older name").node_id, NodeId(9));
    }

    #[test]
    fn a_file_for_more_than_this_is_refused() {
        let refused = [
            ("controller.quorum.voters=1@a:1,2@b:1", "clusters of several nodes are not built yet"),
            ("controller.quorum.voters=2@b:1", "the node id 1 must be among the voters"),
            ("process.roles=broker", "separate controllers are not built yet"),
            ("controller.quorum.bootstrap.servers=a:1,b:1", "clusters of several nodes are not built yet"),
            ("node.id=1\nbroker.id=2", "broker.id is 2, and both must be the same"),
            ("broker.id=-1", "the id of a node is at least 0"),
            ("listeners=SSL://a:1", "only PLAINTEXT is built so far"),
        ];
        for (text, expect) in refused {
            let error = broker(text).expect_err(text);
            assert!(error.contains(expect) && error.starts_with("f:1: "), "{text}: {error}");
        }
    }

    #[test]
    fn live_settings_follow_alterations() {
        let (fixed, _) =
            FixedSettings::read(None, &["max.connections.per.ip.overrides=a:1, ::1:2".to_owned()]).unwrap();
        let cluster = BTreeMap::from([("max.connections".to_owned(), "5".to_owned())]);
        let live = LiveSettings::resolve(&Layers { cluster: &cluster, ..Layers::of_file(&fixed) });
        assert_eq!((live.max_connections, live.max_connections_per_ip), (5, i32::MAX as u32));
        assert_eq!(live.max_connections_per_ip_overrides.get("::1"), Some(&2));
        let node = BTreeMap::from([("listener.name.inner.max.connections".to_owned(), "7".to_owned())]);
        let layers = Layers { node: &node, cluster: &cluster, ..Layers::of_file(&fixed) };
        assert_eq!(live.of_listener(&layers, "INNER"), (7, i32::MAX as u32));
        assert_eq!(live.of_listener(&layers, "OUTER"), (5, i32::MAX as u32));
        assert_eq!(live.producer_id_expiration_ms, 86_400_000);
    }

    /// The column "effect" of the table is honest: what is called honoured is read by typed settings.
    #[test]
    fn what_is_honoured_is_read() {
        let readers = [include_str!("broker.rs"), include_str!("topic.rs"), include_str!("listeners.rs")];
        for setting in table::all().iter().filter(|setting| setting.honoured) {
            let stands_for_topic = |(topic, family): (&str, &[(&str, i64)])| {
                family.iter().any(|(name, _)| *name == setting.name)
                    && readers[1].contains(&format!("\"{topic}\""))
            };
            let by_name = readers.iter().any(|source| source.contains(&format!("\"{}\"", setting.name)));
            let as_synonym = table::of_scope(table::Scope::Topic)
                .iter()
                .map(|topic| (topic.name, table::topic_synonyms(topic.name)))
                .any(stands_for_topic);
            assert!(by_name || as_synonym, "{} is called honoured, and nothing reads it", setting.name);
        }
    }
}
