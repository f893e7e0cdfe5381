//! What `DescribeConfigs` answers (versions 1 to 4; documented are the settings that only Logan has): each setting of a resource with its value, where the value
//! comes from, and every other word on it that a nearer one hides.
//!
//! Source: `ConfigHelper` of Kafka 4.3.1, and what its broker answered.

use std::collections::BTreeSet;

use super::layers::{Layers, Overrides};
use super::table::{self, Scope, Setting, Type};
use super::topic;
use super::value::Value;

/// Where a value comes from. The numbers are `ConfigSource` of `DescribeConfigs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Topic = 1,
    /// An alteration of this broker.
    Node = 2,
    /// An alteration of all brokers.
    Cluster = 3,
    /// The file, or `--override`.
    Fixed = 4,
    Default = 5,
    Group = 8,
}

/// One setting as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub name: String,
    /// `None` where there is no value, or one that nobody may see.
    pub value: Option<String>,
    pub source: Source,
    pub read_only: bool,
    pub sensitive: bool,
    /// `None`: of no setting that is known.
    pub kind: Option<Type>,
    /// The word that counts first, then those that it hides.
    pub synonyms: Vec<Synonym>,
}

impl Described {
    /// `ConfigType` of `DescribeConfigs`.
    pub fn kind_code(&self) -> i8 {
        self.kind.map_or(0, |kind| kind as i8)
    }
}

/// One word on a setting, perhaps under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    pub name: String,
    /// As it was written; `None` if sensitive.
    pub value: Option<String>,
    pub source: Source,
}

/// Which settings are asked for.
#[derive(Debug, Clone, Copy)]
pub enum SettingNames<'a> {
    All,
    Names(&'a BTreeSet<&'a str>),
}

impl SettingNames<'_> {
    fn wants(self, name: &str) -> bool {
        match self {
            SettingNames::All => true,
            SettingNames::Names(names) => names.contains(name),
        }
    }
}

/// The settings of a topic with these configs of its own.
pub fn describe_topic(layers: &Layers<'_>, overrides: &Overrides, asked: SettingNames<'_>) -> Vec<Described> {
    let settings = table::of_scope(Scope::Topic).iter().filter(|setting| asked.wants(setting.name));
    settings
        .map(|setting| {
            let value = topic::value(layers, overrides, setting).map(|value| value.to_string());
            let mut synonyms = Vec::new();
            if overrides.contains_key(setting.name) {
                let value = value.clone();
                synonyms.push(Synonym { name: setting.name.to_owned(), value, source: Source::Topic });
            }
            if let Some((first, _)) = table::topic_synonyms(setting.name).first() {
                synonyms.extend(broker_words(layers, first, setting.is_sensitive()));
            }
            described(setting, value, synonyms)
        })
        .collect()
}

/// The settings of this broker, also those given that nobody knows (their values hidden).
pub fn describe_broker(layers: &Layers<'_>, asked: SettingNames<'_>) -> Vec<Described> {
    let known = table::of_scope(Scope::Broker).iter().filter(|setting| asked.wants(setting.name));
    let mut all: Vec<Described> = known
        .map(|setting| {
            let value = layers.value(setting.name).map(|value| value.to_string());
            described(setting, value, broker_words(layers, setting.name, setting.is_sensitive()))
        })
        .collect();
    let given = layers.fixed.iter().map(|(key, _)| key);
    let altered = layers.cluster.keys().chain(layers.node.keys()).map(String::as_str);
    let others: BTreeSet<&str> = given
        .chain(altered)
        .filter(|key| table::find(Scope::Broker, key).is_none() && asked.wants(key))
        .collect();
    all.extend(others.into_iter().map(|key| describe_other(layers, key)));
    all
}

/// What is set on all brokers (the resource with the empty name), and nothing else.
pub fn describe_cluster(layers: &Layers<'_>, asked: SettingNames<'_>) -> Vec<Described> {
    let set = layers.cluster.iter().filter(|(name, _)| asked.wants(name));
    set.map(|(name, text)| {
        let setting = table::find_broker(name);
        let sensitive = setting.is_none_or(Setting::is_sensitive);
        let value = (!sensitive).then(|| canonical(setting, text));
        let synonym = Synonym { name: name.clone(), value: value.clone(), source: Source::Cluster };
        Described {
            name: name.clone(),
            value,
            source: Source::Cluster,
            read_only: false,
            sensitive,
            kind: setting.map(|setting| setting.kind),
            synonyms: vec![synonym],
        }
    })
    .collect()
}

fn described(setting: &Setting, value: Option<String>, synonyms: Vec<Synonym>) -> Described {
    Described {
        name: setting.name.to_owned(),
        value: value.filter(|_| !setting.is_sensitive()),
        source: synonyms.first().map_or(Source::Default, |synonym| synonym.source),
        read_only: setting.is_read_only(),
        sensitive: setting.is_sensitive(),
        kind: Some(setting.kind),
        synonyms,
    }
}

/// A key outside the broker's table: one narrowed to a listener, an internal one, a throttle, or one that nobody knows.
fn describe_other(layers: &Layers<'_>, key: &str) -> Described {
    let setting = table::find_broker(key);
    let sensitive = setting.is_none_or(Setting::is_sensitive);
    let synonyms = broker_words(layers, key, sensitive);
    let value = layers.given(key).filter(|_| !sensitive).map(|text| canonical(setting, text));
    Described {
        name: key.to_owned(),
        value,
        source: synonyms.first().map_or(Source::Default, |synonym| synonym.source),
        read_only: setting.is_none_or(Setting::is_read_only),
        sensitive,
        kind: setting.map(|setting| setting.kind),
        synonyms,
    }
}

fn canonical(setting: Option<&Setting>, text: &str) -> String {
    let value = setting.and_then(|setting| Value::parse(setting, text).ok());
    value.map_or_else(|| text.to_owned(), |value| value.to_string())
}

/// All that is said of a broker setting and of those that stand for it, nearest first. Words on its other names count only behind
/// one on itself: Kafka's describe calls a `retention.ms` that comes from `log.retention.hours` a default.
fn broker_words(layers: &Layers<'_>, name: &str, sensitive: bool) -> Vec<Synonym> {
    let family = table::broker_synonyms(name);
    let said = |source: Source, get: &dyn Fn(&str) -> Option<String>| -> Vec<Synonym> {
        let words = family.iter().filter_map(|member| Some((*member, get(member)?)));
        words
            .map(|(member, value)| Synonym {
                name: member.to_owned(),
                value: Some(value).filter(|_| !sensitive),
                source,
            })
            .collect()
    };
    let default = |member: &str| {
        let setting = table::find(Scope::Broker, member).or_else(|| table::find(Scope::Dynamic, member));
        setting.and_then(|setting| setting.default).map(str::to_owned)
    };
    let mut words = said(Source::Node, &|member| layers.node.get(member).cloned());
    words.extend(said(Source::Cluster, &|member| layers.cluster.get(member).cloned()));
    words.extend(said(Source::Fixed, &|member| layers.fixed.get(member).map(str::to_owned)));
    words.extend(said(Source::Default, &default));
    let first = words.iter().position(|word| word.name == name).unwrap_or(words.len());
    words.split_off(first)
}

#[cfg(test)]
mod tests {
    use super::super::fixed::FixedSettings;
    use super::*;

    fn show(all: &[Described], name: &str) -> String {
        let Some(one) = all.iter().find(|one| one.name == name) else { return format!("no {name}") };
        let synonyms = one.synonyms.iter().map(|s| format!("{}={:?} {:?}", s.name, s.value, s.source));
        format!(
            "{:?} {:?}{}{} {}: {}",
            one.value,
            one.source,
            if one.read_only { " fixed" } else { "" },
            if one.sensitive { " secret" } else { "" },
            one.kind_code(),
            synonyms.collect::<Vec<_>>().join(", ")
        )
    }

    fn map(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const FILE: &[u8] =
        b"log.retention.hours=2\nlog.roll.ms=7200000\ncompression.type=lz4\nunknown.key=xx\nssl.key.password=p\n";

    #[test]
    fn a_topic_is_described_as_kafka_does() {
        // What Kafka 4.3.1 answered with the same file (`min.insync.replicas` aside).
        let (fixed, _) = FixedSettings::read(Some(("f", FILE)), &[]).unwrap();
        let check = |layers: Layers<'_>, own: &[(&str, &str)], name: &str, expect: &str| {
            let all = describe_topic(&layers, &map(own), SettingNames::All);
            assert_eq!(all.len(), 33);
            assert_eq!(show(&all, name), expect);
        };
        let file = Layers::of_file(&fixed);
        check(file, &[], "retention.ms", "Some(\"7200000\") Default 5: ");
        check(file, &[], "flush.ms", "Some(\"9223372036854775807\") Default 5: ");
        check(file, &[], "remote.storage.enable", "Some(\"false\") Default 1: ");
        check(
            file,
            &[],
            "segment.ms",
            "Some(\"7200000\") Fixed 5: log.roll.ms=Some(\"7200000\") Fixed, log.roll.hours=Some(\"168\") Default",
        );
        check(
            file,
            &[("compression.type", " lz4")],
            "compression.type",
            "Some(\"lz4\") Topic 2: compression.type=Some(\"lz4\") Topic, compression.type=Some(\"lz4\") Fixed, \
             compression.type=Some(\"producer\") Default",
        );
        check(
            file,
            &[("cleanup.policy", "")],
            "cleanup.policy",
            "Some(\"\") Topic 7: cleanup.policy=Some(\"\") Topic, log.cleanup.policy=Some(\"delete\") Default",
        );
        let (node, cluster) = (map(&[("log.retention.ms", "1000")]), map(&[("log.retention.ms", "2000")]));
        check(
            Layers { fixed: &fixed, node: &node, cluster: &cluster },
            &[],
            "retention.ms",
            "Some(\"1000\") Node 5: log.retention.ms=Some(\"1000\") Node, log.retention.ms=Some(\"2000\") Cluster, \
             log.retention.hours=Some(\"2\") Fixed, log.retention.hours=Some(\"168\") Default",
        );
    }

    #[test]
    fn a_broker_is_described_as_kafka_does() {
        let (fixed, _) = FixedSettings::read(Some(("f", FILE)), &[]).unwrap();
        let node = map(&[("log.retention.ms", "1000"), ("ssl.key.password", "q")]);
        let cluster = map(&[("log.retention.ms", "2000"), ("leader.replication.throttled.rate", "5")]);
        let layers = Layers { fixed: &fixed, node: &node, cluster: &cluster };
        let all = describe_broker(&layers, SettingNames::All);
        let check = |name: &str, expect: &str| assert_eq!(show(&all, name), expect);
        check(
            "log.retention.hours",
            "Some(\"2\") Fixed fixed 3: log.retention.hours=Some(\"2\") Fixed, log.retention.hours=Some(\"168\") Default",
        );
        check("log.retention.minutes", "None Default fixed 3: ");
        check("unknown.key", "None Fixed fixed secret 0: unknown.key=None Fixed");
        check(
            "ssl.key.password",
            "None Node secret 9: ssl.key.password=None Node, ssl.key.password=None Fixed",
        );
        check(
            "leader.replication.throttled.rate",
            "Some(\"5\") Cluster 5: leader.replication.throttled.rate=Some(\"5\") Cluster, \
             leader.replication.throttled.rate=Some(\"9223372036854775807\") Default",
        );
        let asked =
            describe_broker(&layers, SettingNames::Names(&BTreeSet::from(["num.partitions", "nothing"])));
        assert_eq!(asked.len(), 1);
        assert_eq!(
            show(&asked, "num.partitions"),
            "Some(\"1\") Default fixed 3: num.partitions=Some(\"1\") Default"
        );
        let shared = describe_cluster(&layers, SettingNames::All);
        assert_eq!(shared.len(), 2);
        assert_eq!(
            show(&shared, "log.retention.ms"),
            "Some(\"2000\") Cluster 5: log.retention.ms=Some(\"2000\") Cluster"
        );
    }
}
