//! The table of settings: what `settings.tsv` says, read once.
//!
//! Columns of the file: scope, name, type, default (`null` for none), what is allowed (see [`Allowed`]), what changes the
//! setting (`fixed`: only the file and a restart; `node`, `cluster`, `topic`, `group`: an alteration of that resource or a wider one),
//! and whether this broker acts on it (`yes`) or only accepts it (`-`). A setting becomes `yes` in the commit that makes the
//! broker read it; a test holds that `yes` is never said of a setting that no typed settings read.
//!
//! Source: Kafka's own `ConfigDef`s (`LogConfig`, `AbstractKafkaConfig`, `GroupConfig`, `DynamicConfig`) of version 4.3.1.

use std::sync::LazyLock;

use super::value::Allowed;

/// Where a setting is described and altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Topic,
    Broker,
    /// Alterable on brokers, never in the file: replication throttles.
    Dynamic,
    Group,
    /// Kafka's undocumented settings: accepted, never described.
    Internal,
}

/// Kafka's types of settings. The numbers are `ConfigType` of `DescribeConfigs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

impl Type {
    /// The name that Kafka gives the type in its messages.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Int => "INT",
            Type::Short => "SHORT",
            Type::Long => "LONG",
            Type::Double => "DOUBLE",
            Type::List => "LIST",
            Type::Class => "CLASS",
            Type::Password => "PASSWORD",
        }
    }

    fn parse(text: &str) -> Self {
        [
            Type::Boolean,
            Type::String,
            Type::Int,
            Type::Short,
            Type::Long,
            Type::Double,
            Type::List,
            Type::Class,
            Type::Password,
        ]
        .into_iter()
        .find(|kind| kind.name() == text)
        .unwrap_or_else(|| panic!("settings.tsv: unknown type {text}"))
    }
}

/// What can change a setting while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing: the file, and a start. `DescribeConfigs` calls it read-only.
    Fixed,
    /// An alteration of one broker.
    Node,
    /// An alteration of one broker or of all (the resource with the empty name).
    Cluster,
    Topic,
    Group,
}

/// One line of the table.
#[derive(Debug)]
pub struct Setting {
    pub scope: Scope,
    pub name: &'static str,
    pub kind: Type,
    pub default: Option<&'static str>,
    pub allowed: Allowed,
    pub changed: Changed,
    /// Whether this broker acts on it. What is only accepted is named at start.
    pub honoured: bool,
}

impl Setting {
    pub fn is_sensitive(&self) -> bool {
        self.kind == Type::Password
    }

    pub fn is_read_only(&self) -> bool {
        self.changed == Changed::Fixed
    }
}

static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| read_table(include_str!("settings.tsv")));

/// All settings, by scope and name.
pub fn all() -> &'static [Setting] {
    &SETTINGS
}

/// The settings of one scope, by name.
pub fn of_scope(scope: Scope) -> &'static [Setting] {
    let from = SETTINGS.partition_point(|setting| setting.scope < scope);
    let to = SETTINGS.partition_point(|setting| setting.scope <= scope);
    &SETTINGS[from..to]
}

pub fn find(scope: Scope, name: &str) -> Option<&'static Setting> {
    let settings = of_scope(scope);
    settings.binary_search_by(|setting| setting.name.cmp(name)).ok().map(|at| &settings[at])
}

/// The setting that a key of `server.properties` or of a broker's alteration means: one of the broker, one of Kafka's internal
/// ones, or the setting that a `listener.name.<listener>.` prefix narrows to one listener.
pub fn find_broker(key: &str) -> Option<&'static Setting> {
    let name = without_listener_prefix(key);
    find(Scope::Broker, name).or_else(|| find(Scope::Dynamic, name)).or_else(|| find(Scope::Internal, name))
}

/// `listener.name.internal.ssl.key.password` is `ssl.key.password` for one listener; also with a SASL mechanism between.
pub fn without_listener_prefix(key: &str) -> &str {
    let Some(rest) = key.strip_prefix("listener.name.") else { return key };
    let mut name = rest;
    // The listener's name, and then perhaps the mechanism's: the first tail that is a setting counts.
    for _ in 0..2 {
        let Some((_, tail)) = name.split_once('.') else { return key };
        if find(Scope::Broker, tail).is_some() {
            return tail;
        }
        name = tail;
    }
    key
}

/// The topic settings that have equivalents among the broker's, in the order in which those count, with what one unit of each
/// is worth. Source: `ServerTopicConfigSynonyms`.
const SYNONYMS: &[(&str, &[(&str, i64)])] = &[
    ("cleanup.policy", &[("log.cleanup.policy", 1)]),
    ("compression.gzip.level", &[("compression.gzip.level", 1)]),
    ("compression.lz4.level", &[("compression.lz4.level", 1)]),
    ("compression.type", &[("compression.type", 1)]),
    ("compression.zstd.level", &[("compression.zstd.level", 1)]),
    ("delete.retention.ms", &[("log.cleaner.delete.retention.ms", 1)]),
    ("file.delete.delay.ms", &[("log.segment.delete.delay.ms", 1)]),
    ("flush.messages", &[("log.flush.interval.messages", 1)]),
    ("flush.ms", &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    ("index.interval.bytes", &[("log.index.interval.bytes", 1)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", 1)]),
    ("local.retention.ms", &[("log.local.retention.ms", 1)]),
    ("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", 1)]),
    ("max.message.bytes", &[("message.max.bytes", 1)]),
    ("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", 1)]),
    ("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", 1)]),
    ("message.timestamp.type", &[("log.message.timestamp.type", 1)]),
    ("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", 1)]),
    ("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", 1)]),
    ("min.insync.replicas", &[("min.insync.replicas", 1)]),
    ("preallocate", &[("log.preallocate", 1)]),
    ("retention.bytes", &[("log.retention.bytes", 1)]),
    (
        "retention.ms",
        &[("log.retention.ms", 1), ("log.retention.minutes", 60_000), ("log.retention.hours", HOUR)],
    ),
    ("segment.bytes", &[("log.segment.bytes", 1)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", 1)]),
    ("segment.jitter.ms", &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR)]),
    ("segment.ms", &[("log.roll.ms", 1), ("log.roll.hours", HOUR)]),
    ("unclean.leader.election.enable", &[("unclean.leader.election.enable", 1)]),
];

const HOUR: i64 = 3_600_000;

/// The broker's settings that stand in for a topic's, first the one that counts first, each with its unit in the topic's.
pub fn topic_synonyms(topic_setting: &str) -> &'static [(&'static str, i64)] {
    SYNONYMS.binary_search_by(|(name, _)| (*name).cmp(topic_setting)).map_or(&[], |at| SYNONYMS[at].1)
}

/// What the settings of Logan's own say and do, by name. Kafka's are documented by Kafka.
const OF_LOGAN: [(&str, &str); 5] = [
    (
        "logan.ack.sync",
        "Whether a record is acknowledged, and shown to readers, only once it has been flushed to the drive. Without it both happen when \
         the record is written: then a crash of the process loses nothing, and power loss what flush.messages and flush.ms leave unflushed.",
    ),
    (
        "logan.lane.messages",
        "How many messages of clients' traffic fit into the lane from one shard to another; the lanes for other traffic follow it in size. \
         A request that finds its lane full waits, in order, and its connection is read no further meanwhile.",
    ),
    (
        "logan.memory.bytes",
        "The most memory for data on its way and for cached records, in bytes, over all shards. It is taken as it is needed, never ahead. \
         0: a quarter of the machine's memory, or of the control group's limit where that is less, and at least 256 MiB.",
    ),
    ("logan.recovery.bytes", "The most that each shard has to read again after a crash, in bytes."),
    (
        "logan.shards",
        "How many shards serve clients, each bound to a core. 0: one for each core that the process may run on.",
    ),
];

/// What a setting says and does, where that is Logan's to say.
pub fn documentation(name: &str) -> Option<&'static str> {
    OF_LOGAN.iter().find(|(of, _)| *of == name).map(|(_, text)| *text)
}

/// The broker's settings that say the same as `name`, first the one that counts first: `log.retention.ms`, `….minutes`, `….hours`.
/// Source: `DynamicBrokerConfig.brokerConfigSynonyms`.
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    let family = SYNONYMS.iter().map(|(_, family)| *family).find(|family| {
        // The scheduler's interval is a fallback of the flush interval, and not the other way round.
        name != "log.flush.scheduler.interval.ms"
            && family.len() > 1
            && family.iter().any(|(member, _)| *member == name)
    });
    family.map_or_else(|| vec![name], |family| family.iter().map(|(member, _)| *member).collect())
}

fn read_table(text: &'static str) -> Vec<Setting> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let settings: Vec<Setting> = lines.map(read_line).collect();
    assert!(
        settings.is_sorted_by(|a, b| (a.scope, a.name) < (b.scope, b.name)),
        "settings.tsv is sorted by scope and name, and names nothing twice"
    );
    settings
}

fn read_line(line: &'static str) -> Setting {
    let columns: Vec<&str> = line.split('\t').collect();
    let [scope, name, kind, default, allowed, changed, honoured] = columns[..] else {
        panic!("settings.tsv: seven columns, not in {line:?}");
    };
    Setting {
        scope: match scope {
            "TOPIC" => Scope::Topic,
            "BROKER" => Scope::Broker,
            "DYNAMIC" => Scope::Dynamic,
            "GROUP" => Scope::Group,
            "INTERNAL" => Scope::Internal,
            other => panic!("settings.tsv: unknown scope {other}"),
        },
        name,
        kind: Type::parse(kind),
        default: (default != "null").then_some(default),
        allowed: Allowed::parse(allowed),
        changed: match changed {
            "fixed" => Changed::Fixed,
            "node" => Changed::Node,
            "cluster" => Changed::Cluster,
            "topic" => Changed::Topic,
            "group" => Changed::Group,
            other => panic!("settings.tsv: unknown change {other}"),
        },
        honoured: match honoured {
            "yes" => true,
            "-" => false,
            other => panic!("settings.tsv: an effect is yes or -, not {other}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Value;
    use super::*;

    /// Defaults of ours, so that a start needs no file.
    const OWN_DEFAULTS: [(&str, &str); 4] = [
        ("listeners", "PLAINTEXT://127.0.0.1:9092"),
        ("log.dir", "./logan-data"),
        ("node.id", "1"),
        ("process.roles", "broker,controller"),
    ];

    /// What Kafka says of a setting: scope, name, type, whether it is read-only, whether it is sensitive, its default.
    fn of_kafka() -> Vec<[&'static str; 6]> {
        let lines =
            include_str!("../../tests/golden/configs.tsv").lines().filter(|line| !line.starts_with('#'));
        let columns = lines.map(|line| line.split('\t').take(6).collect::<Vec<_>>());
        columns.map(|columns| columns.try_into().expect("six columns")).collect()
    }

    #[test]
    fn every_setting_of_kafka_is_there_as_it_is_in_kafka() {
        let settings = of_kafka();
        for [scope, name, kind, read_only, sensitive, default] in &settings {
            let scope = match *scope {
                "TOPIC" => Scope::Topic,
                "BROKER" => Scope::Broker,
                "GROUP" => Scope::Group,
                other => panic!("{other} is no scope"),
            };
            let setting = find(scope, name).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(setting.kind.name(), *kind, "{name}");
            assert_eq!(setting.is_read_only().to_string(), *read_only, "{name}");
            assert_eq!(setting.is_sensitive().to_string(), *sensitive, "{name}");
            // A broker's synonyms are told with their names.
            let default = default.strip_prefix(&format!("{name}=")).unwrap_or(default);
            let own = OWN_DEFAULTS.iter().find(|(of, _)| scope == Scope::Broker && of == name);
            match own {
                Some((_, own)) => assert_eq!(setting.default, Some(*own), "{name}"),
                // A description does not tell an empty default from none.
                None => assert_eq!(
                    setting.default.filter(|text| *text != "null").unwrap_or(""),
                    default.replace("null", ""),
                    "{name}"
                ),
            }
        }
        let others = all().iter().filter(|s| matches!(s.scope, Scope::Topic | Scope::Broker | Scope::Group));
        assert_eq!(
            others.count(),
            settings.len() + OF_LOGAN.len(),
            "beside Kafka's there are only Logan's own"
        );
    }

    #[test]
    fn what_is_logans_own_is_documented() {
        let of_logan: Vec<_> = of_scope(Scope::Broker)
            .iter()
            .map(|s| s.name)
            .filter(|name| name.starts_with("logan."))
            .collect();
        assert_eq!(of_logan, OF_LOGAN.map(|(name, _)| name));
    }

    #[test]
    fn every_default_is_allowed() {
        for setting in all() {
            if let Some(default) = setting.default {
                Value::parse(setting, default).unwrap_or_else(|wrong| panic!("{}: {wrong}", setting.name));
            }
        }
    }

    #[test]
    fn synonyms_exist_and_have_the_same_default() {
        for (topic, family) in SYNONYMS {
            let setting = find(Scope::Topic, topic).expect(topic);
            for (name, _) in *family {
                let synonym = find(Scope::Broker, name).expect(name);
                assert_eq!(synonym.honoured, setting.honoured, "{name} is honoured as {topic} is");
            }
            let default =
                family.iter().find_map(|(name, unit)| Some((find(Scope::Broker, name)?.default?, *unit)));
            let (text, unit) = default.expect("one of the family has a default");
            let same = match (text.parse::<i64>(), setting.default.and_then(|d| d.parse::<i64>().ok())) {
                (Ok(broker), Some(topic)) => broker * unit == topic,
                _ => Some(text) == setting.default,
            };
            assert!(same, "{topic}: {text} against {:?}", setting.default);
        }
        assert_eq!(
            broker_synonyms("log.retention.minutes"),
            ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        );
        assert_eq!(broker_synonyms("log.flush.scheduler.interval.ms"), ["log.flush.scheduler.interval.ms"]);
        assert_eq!(broker_synonyms("num.partitions"), ["num.partitions"]);
    }

    #[test]
    fn a_listener_prefix_is_looked_through() {
        assert_eq!(without_listener_prefix("listener.name.a.ssl.key.password"), "ssl.key.password");
        assert_eq!(without_listener_prefix("listener.name.a.plain.sasl.jaas.config"), "sasl.jaas.config");
        assert_eq!(without_listener_prefix("listener.name.a"), "listener.name.a");
        assert_eq!(without_listener_prefix("listener.name.a.b.c.d"), "listener.name.a.b.c.d");
        assert!(find_broker("listener.name.a.no.such.thing").is_none());
    }
}
