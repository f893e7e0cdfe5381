//! The settings of one topic, resolved: what was set on the topic, else what its synonyms among the broker's settings say.

use super::layers::{Layers, Overrides};
use super::table::{self, Scope, Setting};
use super::value::Value;

/// `compression.type`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// Batches stay as their producers compressed them.
    Producer,
    Uncompressed,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// `message.timestamp.type`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// All that a partition needs to know of its topic's settings. Sizes are in bytes, times in milliseconds; -1 means without limit
/// where Kafka says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopicSettings {
    pub cleanup_delete: bool,
    pub cleanup_compact: bool,
    pub compression_type: CompressionType,
    /// 1 to 9, or -1 for the codec's default.
    pub compression_gzip_level: i32,
    pub compression_lz4_level: i32,
    pub compression_zstd_level: i32,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub index_interval_bytes: i32,
    pub max_compaction_lag_ms: i64,
    /// The largest record batch that is taken.
    pub max_message_bytes: i32,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: TimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: i32,
    pub retention_bytes: i64,
    pub retention_ms: i64,
    pub segment_bytes: i32,
    pub segment_index_bytes: i32,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
    pub unclean_leader_election_enable: bool,
}

impl TopicSettings {
    /// `overrides` are the topic's own configs.
    pub fn resolve(layers: &Layers<'_>, overrides: &Overrides) -> Self {
        let topic = Topic { layers, overrides };
        let policies = topic.list("cleanup.policy");
        let has = |policy: &str| policies.iter().any(|entry| entry == policy);
        Self {
            cleanup_delete: has("delete"),
            cleanup_compact: has("compact"),
            compression_type: compression_type(&topic.text("compression.type")),
            compression_gzip_level: topic.int("compression.gzip.level"),
            compression_lz4_level: topic.int("compression.lz4.level"),
            compression_zstd_level: topic.int("compression.zstd.level"),
            delete_retention_ms: topic.long("delete.retention.ms"),
            file_delete_delay_ms: topic.long("file.delete.delay.ms"),
            flush_messages: topic.long("flush.messages"),
            flush_ms: topic.long("flush.ms"),
            index_interval_bytes: topic.int("index.interval.bytes"),
            max_compaction_lag_ms: topic.long("max.compaction.lag.ms"),
            max_message_bytes: topic.int("max.message.bytes"),
            message_timestamp_after_max_ms: topic.long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: topic.long("message.timestamp.before.max.ms"),
            message_timestamp_type: timestamp_type(&topic.text("message.timestamp.type")),
            min_cleanable_dirty_ratio: topic.double("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: topic.long("min.compaction.lag.ms"),
            min_insync_replicas: topic.int("min.insync.replicas"),
            retention_bytes: topic.long("retention.bytes"),
            // Kafka takes any negative time for none.
            retention_ms: topic.long("retention.ms").max(-1),
            segment_bytes: topic.int("segment.bytes"),
            segment_index_bytes: topic.int("segment.index.bytes"),
            segment_jitter_ms: topic.long("segment.jitter.ms"),
            segment_ms: topic.long("segment.ms"),
            unclean_leader_election_enable: topic.boolean("unclean.leader.election.enable"),
        }
    }
}

/// The value of a topic's setting that counts, as typed. `None` where no word, not even the default, gives one.
pub(super) fn value(layers: &Layers<'_>, overrides: &Overrides, setting: &Setting) -> Option<Value> {
    let own = overrides.get(setting.name).and_then(|text| Value::parse(setting, text).ok());
    own.or_else(|| inherited(layers, setting))
}

/// What counts for a topic that does not set it.
pub(super) fn inherited(layers: &Layers<'_>, setting: &Setting) -> Option<Value> {
    let family = table::topic_synonyms(setting.name);
    let said = family.iter().find_map(|(name, unit)| {
        Some(match layers.value(name)? {
            Value::Integer(number) => Value::Integer(number.saturating_mul(*unit)),
            other => other,
        })
    });
    said.or_else(|| setting.default.and_then(|text| Value::parse(setting, text).ok()))
}

/// One topic, asked for its settings by name. The names and types are this file's own: a wrong one is a mistake of ours.
struct Topic<'a> {
    layers: &'a Layers<'a>,
    overrides: &'a Overrides,
}

impl Topic<'_> {
    fn value(&self, name: &str) -> Value {
        let setting =
            table::find(Scope::Topic, name).unwrap_or_else(|| panic!("{name} is not a topic setting"));
        value(self.layers, self.overrides, setting)
            .unwrap_or_else(|| panic!("every topic setting has a default, so has {name}"))
    }

    fn long(&self, name: &str) -> i64 {
        self.value(name).as_i64().unwrap_or_else(|| panic!("{name} is a whole number"))
    }

    fn int(&self, name: &str) -> i32 {
        self.long(name) as i32
    }

    fn double(&self, name: &str) -> f64 {
        self.value(name).as_f64().unwrap_or_else(|| panic!("{name} is a decimal number"))
    }

    fn boolean(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or_else(|| panic!("{name} is true or false"))
    }

    fn text(&self, name: &str) -> String {
        self.value(name).to_string()
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.value(name).as_list().map(<[String]>::to_vec).unwrap_or_default()
    }
}

fn compression_type(name: &str) -> CompressionType {
    match name {
        "producer" => CompressionType::Producer,
        "uncompressed" => CompressionType::Uncompressed,
        "gzip" => CompressionType::Gzip,
        "snappy" => CompressionType::Snappy,
        "lz4" => CompressionType::Lz4,
        "zstd" => CompressionType::Zstd,
        other => unreachable!("the table allows no compression type {other}"),
    }
}

fn timestamp_type(name: &str) -> TimestampType {
    match name {
        "CreateTime" => TimestampType::CreateTime,
        "LogAppendTime" => TimestampType::LogAppendTime,
        other => unreachable!("the table allows no timestamp type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixed::FixedSettings;
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn defaults_are_kafkas() {
        let fixed = FixedSettings::none();
        let settings = TopicSettings::resolve(&Layers::of_file(&fixed), &map(&[]));
        assert!(settings.cleanup_delete && !settings.cleanup_compact);
        assert_eq!(settings.compression_type, CompressionType::Producer);
        assert_eq!(settings.segment_bytes, 1 << 30);
        assert_eq!((settings.retention_ms, settings.segment_ms), (604_800_000, 604_800_000));
        assert_eq!((settings.flush_messages, settings.flush_ms), (i64::MAX, i64::MAX));
        assert_eq!(settings.max_message_bytes, 1_048_588);
    }

    #[test]
    fn every_value_that_is_allowed_resolves() {
        let fixed = FixedSettings::none();
        for name in ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"] {
            TopicSettings::resolve(&Layers::of_file(&fixed), &map(&[("compression.type", name)]));
        }
        for name in ["CreateTime", "LogAppendTime"] {
            TopicSettings::resolve(&Layers::of_file(&fixed), &map(&[("message.timestamp.type", name)]));
        }
    }

    #[test]
    fn the_nearest_word_counts() {
        let file = b"log.retention.hours=2\nlog.roll.hours=1\nmin.insync.replicas=3\nlog.flush.scheduler.interval.ms=70\n";
        let (fixed, _) = FixedSettings::read(Some(("f", file)), &[]).unwrap();
        let (cluster, node) = (map(&[("log.retention.ms", "20")]), map(&[("log.retention.ms", "10")]));
        let resolve = |cluster, node, topic: &[(&str, &str)]| {
            TopicSettings::resolve(&Layers { fixed: &fixed, cluster, node }, &map(topic))
        };
        let none = map(&[]);
        assert_eq!(resolve(&none, &none, &[]).retention_ms, 7_200_000);
        assert_eq!(resolve(&none, &none, &[]).segment_ms, 3_600_000);
        assert_eq!(resolve(&none, &none, &[]).flush_ms, 70);
        assert_eq!(resolve(&none, &none, &[]).min_insync_replicas, 3);
        assert_eq!(resolve(&cluster, &none, &[]).retention_ms, 20);
        assert_eq!(resolve(&cluster, &node, &[]).retention_ms, 10);
        assert_eq!(resolve(&cluster, &node, &[("retention.ms", "-1")]).retention_ms, -1);
        // A word that another version left and this one does not take is passed over.
        assert_eq!(resolve(&cluster, &node, &[("retention.ms", "soon")]).retention_ms, 10);
    }
}
