//! `IncrementalAlterConfigs`, and the configs of `CreateTopics`: what a change comes to, or why it is refused.
//!
//! Nothing here changes anything: a change is returned as the words to write or to take away, for the metadata log to carry.
//! Source: `ConfigurationControlManager`, `ControllerConfigurationValidator` and `DynamicBrokerConfig` of Kafka 4.3.1, and what its
//! broker answered.

use std::collections::BTreeSet;

use super::layers::{Layers, Overrides};
use super::rules;
use super::table::{self, Changed, Scope, Setting, Type};
use super::topic;
use super::value::{Value, trim};
use crate::model::ErrorCode;

/// What to do with one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Set,
    /// Back to what is inherited.
    Delete,
    /// Adds entries to a list.
    Append,
    /// Takes entries off a list.
    Subtract,
}

impl Operation {
    /// `ConfigOperation` of `IncrementalAlterConfigs`.
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alteration<'a> {
    pub name: &'a str,
    pub operation: Operation,
    /// Ignored by [`Operation::Delete`], required by the others.
    pub value: Option<&'a str>,
}

/// A word to write on a resource, or with `None` to take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    pub value: Option<String>,
}

/// Why a change is refused, with the words for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// `INVALID_CONFIG`
    #[error("{0}")]
    Config(String),
    /// `INVALID_REQUEST`
    #[error("{0}")]
    Request(String),
}

impl AlterError {
    /// Kafka's error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            AlterError::Config(_) => ErrorCode::INVALID_CONFIG,
            AlterError::Request(_) => ErrorCode::INVALID_REQUEST,
        }
    }
}

/// The configs of a topic that is being created, checked, by name.
pub fn new_topic<'a>(
    layers: &Layers<'_>,
    configs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Overrides, AlterError> {
    let mut overrides = Overrides::new();
    for (name, value) in configs {
        let Some(value) = value else {
            return Err(AlterError::Config(format!("Null value not supported for topic configs: {name}")));
        };
        overrides.insert(name.to_owned(), value.to_owned());
    }
    check_topic(layers, &overrides)?;
    Ok(overrides)
}

/// The change that alterations make to a topic whose own configs are `current`. All of them, or none.
pub fn alter_topic(
    layers: &Layers<'_>,
    current: &Overrides,
    alterations: &[Alteration<'_>],
) -> Result<Vec<Change>, AlterError> {
    let after = apply(Scope::Topic, layers, current, alterations)?;
    check_topic(layers, &after)?;
    Ok(changes(current, &after))
}

/// The change that alterations make to the resource of this broker.
pub fn alter_node(layers: &Layers<'_>, alterations: &[Alteration<'_>]) -> Result<Vec<Change>, AlterError> {
    let after = apply(Scope::Broker, layers, layers.node, alterations)?;
    check_broker(&Layers { node: &after, ..*layers }, alterations, false)?;
    Ok(changes(layers.node, &after))
}

/// The change that alterations make to the resource of all brokers, the one with the empty name.
pub fn alter_cluster(layers: &Layers<'_>, alterations: &[Alteration<'_>]) -> Result<Vec<Change>, AlterError> {
    let after = apply(Scope::Broker, layers, layers.cluster, alterations)?;
    check_broker(&Layers { cluster: &after, ..*layers }, alterations, true)?;
    Ok(changes(layers.cluster, &after))
}

fn find(scope: Scope, name: &str) -> Option<&'static Setting> {
    if scope == Scope::Broker { table::find_broker(name) } else { table::find(scope, name) }
}

/// What a resource says after the alterations.
fn apply(
    scope: Scope,
    layers: &Layers<'_>,
    current: &Overrides,
    alterations: &[Alteration<'_>],
) -> Result<Overrides, AlterError> {
    let mut after = current.clone();
    let mut seen = BTreeSet::new();
    for alteration in alterations {
        let name = alteration.name;
        if !seen.insert(name) {
            return Err(AlterError::Request("Error due to duplicate config keys".to_owned()));
        }
        let value = match (alteration.operation, alteration.value) {
            (Operation::Delete, _) => {
                after.remove(name);
                continue;
            }
            (_, None) => return Err(AlterError::Request(format!("Null value not supported for : {name}"))),
            (_, Some(value)) => value,
        };
        let word = match alteration.operation {
            Operation::Set | Operation::Delete => value.to_owned(),
            operation => change_list(scope, layers, current, name, operation, value)?,
        };
        after.insert(name.to_owned(), word);
    }
    Ok(after)
}

/// The list that a resource has, or would have by the file and the defaults, with entries added or taken off.
fn change_list(
    scope: Scope,
    layers: &Layers<'_>,
    current: &Overrides,
    name: &str,
    operation: Operation,
    value: &str,
) -> Result<String, AlterError> {
    let Some(setting) = find(scope, name).filter(|setting| setting.kind == Type::List) else {
        return Err(AlterError::Config(format!(
            "Can't {} to key {name} because its type is not LIST.",
            operation.name()
        )));
    };
    let file = Layers::of_file(layers.fixed);
    let inherited = || match scope {
        Scope::Topic => topic::inherited(&file, setting),
        _ => table::find(Scope::Broker, name).and_then(|_| file.value(name)),
    };
    let own = current.get(name).map(|text| entries(text));
    let mut list =
        own.unwrap_or_else(|| inherited().map_or_else(Vec::new, |value| entries(&value.to_string())));
    let entries = entries(value);
    if operation == Operation::Subtract {
        let gone: BTreeSet<String> = entries.into_iter().collect();
        list.retain(|entry| !gone.contains(entry));
    } else {
        let mut there: BTreeSet<String> = list.iter().cloned().collect();
        list.extend(entries.into_iter().filter(|entry| there.insert(entry.clone())));
    }
    Ok(list.join(","))
}

fn entries(text: &str) -> Vec<String> {
    if trim(text).is_empty() {
        Vec::new()
    } else {
        text.split(',').map(|entry| trim(entry).to_owned()).collect()
    }
}

/// What differs between two states of a resource.
fn changes(before: &Overrides, after: &Overrides) -> Vec<Change> {
    let written = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let written = written.map(|(name, value)| Change { name: name.clone(), value: Some(value.clone()) });
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    written.chain(removed.map(|name| Change { name: name.clone(), value: None })).collect()
}

/// Whether a topic can have these configs of its own.
fn check_topic(layers: &Layers<'_>, overrides: &Overrides) -> Result<(), AlterError> {
    for (name, text) in overrides {
        let Some(setting) = table::find(Scope::Topic, name) else {
            return Err(AlterError::Config(format!("Unknown topic config name: {name}")));
        };
        Value::parse(setting, text).map_err(|wrong| AlterError::Config(wrong.to_string()))?;
    }
    let number = |name: &str| {
        let setting = table::find(Scope::Topic, name)?;
        topic::value(layers, overrides, setting)?.as_i64()
    };
    let (least, most) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    if let (Some(min), Some(max)) = (number(least), number(most))
        && min > max
    {
        let why = format!("conflict topic config setting {least} ({min}) > {most} ({max})");
        return Err(AlterError::Config(why));
    }
    if overrides.get("remote.storage.enable").is_some_and(|text| trim(text).eq_ignore_ascii_case("true")) {
        let why = "Tiered Storage functionality is disabled in the broker. \
                   Topic cannot be configured with remote log storage.";
        return Err(AlterError::Config(why.to_owned()));
    }
    Ok(())
}

/// Whether alterations of brokers are of settings that they can change, and leave settings that go together.
fn check_broker(
    after: &Layers<'_>,
    alterations: &[Alteration<'_>],
    of_cluster: bool,
) -> Result<(), AlterError> {
    let named = |which: &dyn Fn(&str, Changed) -> bool| -> Vec<&str> {
        let known = alterations.iter().filter_map(|one| Some((one.name, table::find_broker(one.name)?)));
        known.filter(|(name, setting)| which(name, setting.changed)).map(|(name, _)| name).collect()
    };
    let refuse = |why: &str, names: &[&str]| {
        if names.is_empty() {
            Ok(())
        } else {
            Err(AlterError::Request(format!("{why}: [{}]", names.join(", "))))
        }
    };
    // Listeners come and go with a start only, so far.
    let fixed = named(&|name, changed| changed == Changed::Fixed || name == "listeners");
    let of_one = named(&|name, changed| changed == Changed::Node && !is_keystore(name));
    let narrow = named(&|name, _| is_keystore(name));
    if of_cluster {
        let why = "Cannot update these configs at default cluster level, broker id must be specified";
        refuse(why, &of_one)?;
        let why =
            "These security configs can be dynamically updated only per-listener using the listener prefix";
        refuse(why, &narrow)?;
    }
    refuse("Cannot update these configs dynamically", &fixed)?;
    for alteration in alterations.iter().filter(|one| one.operation != Operation::Delete) {
        let setting = table::find_broker(alteration.name);
        let text =
            if of_cluster { after.cluster.get(alteration.name) } else { after.node.get(alteration.name) };
        if let (Some(setting), Some(text)) = (setting, text) {
            Value::parse(setting, text).map_err(|wrong| AlterError::Request(wrong.to_string()))?;
        }
    }
    match rules::broken(after).into_iter().next() {
        Some((_, why)) => Err(AlterError::Request(why)),
        None => Ok(()),
    }
}

/// The stores of keys and trusted certificates. Source: `DynamicBrokerConfig.DYNAMIC_SECURITY_CONFIGS`.
fn is_keystore(name: &str) -> bool {
    let store = name.starts_with("ssl.keystore.") || name.starts_with("ssl.truststore.");
    store || name == "ssl.key.password"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixed::FixedSettings;
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// `SET name=value`, and so on.
    fn parse(text: &str) -> Alteration<'_> {
        let (operation, rest) = text.split_once(' ').expect(text);
        let operation =
            (0..4).filter_map(Operation::from_code).find(|one| one.name() == operation).expect(text);
        let (name, value) = rest.split_once('=').map_or((rest, None), |(name, value)| (name, Some(value)));
        Alteration { name, operation, value }
    }

    fn show(result: Result<Vec<Change>, AlterError>) -> String {
        match result {
            Ok(changes) => {
                let all = changes.iter().map(|change| match &change.value {
                    Some(value) => format!("{}={value}", change.name),
                    None => format!("-{}", change.name),
                });
                all.collect::<Vec<_>>().join(" ")
            }
            Err(refused) => format!("{} {refused}", refused.code().0),
        }
    }

    #[test]
    fn topics_are_altered_as_kafka_does() {
        let fixed = FixedSettings::none();
        let check = |current: &[(&str, &str)], alterations: &[&str], expect: &str| {
            let alterations: Vec<_> = alterations.iter().map(|text| parse(text)).collect();
            let result = alter_topic(&Layers::of_file(&fixed), &map(current), &alterations);
            assert_eq!(show(result), expect, "{alterations:?}");
        };
        check(
            &[],
            &["SET retention.ms=abc"],
            "40 Invalid value abc for configuration retention.ms: Not a number of type LONG",
        );
        check(&[], &["SET foo=1"], "40 Unknown topic config name: foo");
        check(&[], &["SET =1"], "40 Unknown topic config name: ");
        check(&[], &["DELETE foo"], "");
        check(
            &[],
            &["APPEND retention.ms=1"],
            "40 Can't APPEND to key retention.ms because its type is not LIST.",
        );
        check(&[], &["APPEND cleanup.policy=compact"], "cleanup.policy=delete,compact");
        let both = [("cleanup.policy", "delete,compact")];
        check(&both, &["APPEND cleanup.policy=compact"], "");
        check(&both, &["SUBTRACT cleanup.policy=delete"], "cleanup.policy=compact");
        check(&both, &["SUBTRACT cleanup.policy=compact,delete"], "cleanup.policy=");
        check(
            &[("cleanup.policy", "")],
            &["APPEND cleanup.policy=compact,delete"],
            "cleanup.policy=compact,delete",
        );
        check(&both, &["DELETE cleanup.policy"], "-cleanup.policy");
        check(
            &both,
            &["APPEND cleanup.policy=zap"],
            "40 Invalid value zap for configuration cleanup.policy: String must be one of: compact, delete",
        );
        check(&[], &["SET retention.ms"], "42 Null value not supported for : retention.ms");
        check(&[], &["SET retention.ms=5", "SET retention.ms=6"], "42 Error due to duplicate config keys");
        check(
            &[],
            &["SET max.compaction.lag.ms=1", "SET min.compaction.lag.ms=5"],
            "40 conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (1)",
        );
        check(
            &[],
            &["SUBTRACT leader.replication.throttled.replicas=0:1"],
            "leader.replication.throttled.replicas=",
        );
        check(&[("retention.ms", "5")], &["SET retention.ms=5", "SET flush.ms=6"], "flush.ms=6");
    }

    #[test]
    fn new_topics_are_checked_as_kafka_does() {
        let fixed = FixedSettings::none();
        let layers = Layers::of_file(&fixed);
        let refused = |name, value| new_topic(&layers, [(name, value)]).expect_err(name).to_string();
        assert_eq!(refused("retention.ms", None), "Null value not supported for topic configs: retention.ms");
        assert_eq!(refused("foo", Some("1")), "Unknown topic config name: foo");
        assert_eq!(
            refused("remote.storage.enable", Some("true")),
            "Tiered Storage functionality is disabled in the broker. \
             Topic cannot be configured with remote log storage."
        );
        let taken = new_topic(&layers, [("segment.bytes", Some(" 2000000 "))]).expect("a good value");
        assert_eq!(taken, map(&[("segment.bytes", " 2000000 ")]));
    }

    #[test]
    fn brokers_are_altered_as_kafka_does() {
        let (fixed, _) = FixedSettings::read(Some(("f", b"log.cleanup.policy=compact")), &[]).unwrap();
        let (node, cluster) = (map(&[("log.roll.ms", "7")]), map(&[]));
        let layers = Layers { fixed: &fixed, node: &node, cluster: &cluster };
        let check_node =
            |text: &str, expect: &str| assert_eq!(show(alter_node(&layers, &[parse(text)])), expect);
        let check_all =
            |text: &str, expect: &str| assert_eq!(show(alter_cluster(&layers, &[parse(text)])), expect);
        check_node(
            "SET log.retention.hours=1",
            "42 Cannot update these configs dynamically: [log.retention.hours]",
        );
        check_node("SET unknown.one=1", "unknown.one=1");
        check_node("SET log.retention.ms=1000", "log.retention.ms=1000");
        check_node(
            "SET message.max.bytes=xx",
            "42 Invalid value xx for configuration message.max.bytes: Not a number of type INT",
        );
        check_node("DELETE log.roll.ms", "-log.roll.ms");
        check_node("APPEND log.cleanup.policy=delete", "log.cleanup.policy=compact,delete");
        check_node("SET log.roll.ms=0", "42 log.roll.ms must be greater than or equal to 1");
        check_node(
            "SET listener.name.plaintext.ssl.key.password=pw",
            "listener.name.plaintext.ssl.key.password=pw",
        );
        check_node("SET listeners=PLAINTEXT://:1", "42 Cannot update these configs dynamically: [listeners]");
        check_all(
            "SET listeners=PLAINTEXT://:1",
            "42 Cannot update these configs at default cluster level, broker id must be specified: [listeners]",
        );
        check_all(
            "SET ssl.key.password=x",
            "42 These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.key.password]",
        );
        check_all(
            "SET log.retention.ms=0",
            "42 log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        );
        check_all("SET leader.replication.throttled.rate=5", "leader.replication.throttled.rate=5");
        check_all("SET node.id=5", "42 Cannot update these configs dynamically: [node.id]");
    }

    /// Alterations of any setting of a scope, or of none, with values that are often allowed.
    fn alterations(scope: Scope) -> impl Strategy<Value = Vec<(String, i8, Option<String>)>> {
        let mut names: Vec<&str> = table::of_scope(scope).iter().map(|setting| setting.name).collect();
        names.push("no.such.setting");
        let value = prop_oneof![
            (-2..200_i64).prop_map(|number| number.to_string()),
            "(compact|delete|lz4|0:1|true|)(,(compact|delete|x))?",
            ".{0,6}",
        ];
        let one = (prop::sample::select(names), 0..4_i8, prop::option::weighted(0.9, value));
        prop::collection::vec(one.prop_map(|(name, code, value)| (name.to_owned(), code, value)), 0..4)
    }

    fn borrow<'a>(all: &'a [(String, i8, Option<String>)]) -> Vec<Alteration<'a>> {
        let one = |(name, code, value): &'a (String, i8, Option<String>)| {
            Some(Alteration { name, operation: Operation::from_code(*code)?, value: value.as_deref() })
        };
        all.iter().filter_map(one).collect()
    }

    fn carry_out(current: &mut Overrides, changes: &[Change]) {
        for change in changes {
            match &change.value {
                Some(value) => current.insert(change.name.clone(), value.clone()),
                None => current.remove(&change.name),
            };
        }
    }

    proptest! {
        /// Whatever is asked of it, a topic keeps configs that it can have, and what was done once need not be done again.
        #[test]
        fn a_topic_stays_well_configured(rounds in prop::collection::vec(alterations(Scope::Topic), 0..8)) {
            let fixed = FixedSettings::none();
            let layers = Layers::of_file(&fixed);
            let mut current = Overrides::new();
            for asked in &rounds {
                let asked = borrow(asked);
                let Ok(changes) = alter_topic(&layers, &current, &asked) else { continue };
                carry_out(&mut current, &changes);
                prop_assert_eq!(check_topic(&layers, &current), Ok(()));
                super::super::TopicSettings::resolve(&layers, &current);
                prop_assert_eq!(alter_topic(&layers, &current, &asked), Ok(Vec::new()));
            }
        }

        #[test]
        fn a_broker_stays_well_configured(rounds in prop::collection::vec(alterations(Scope::Broker), 0..8)) {
            let fixed = FixedSettings::none();
            let (mut node, mut cluster) = (Overrides::new(), Overrides::new());
            for (at, asked) in rounds.iter().enumerate() {
                let layers = Layers { fixed: &fixed, cluster: &cluster, node: &node };
                let asked = borrow(asked);
                let (done, of_cluster) =
                    if at % 2 == 0 { (alter_node(&layers, &asked), false) } else { (alter_cluster(&layers, &asked), true) };
                let Ok(changes) = done else { continue };
                carry_out(if of_cluster { &mut cluster } else { &mut node }, &changes);
                let layers = Layers { fixed: &fixed, cluster: &cluster, node: &node };
                prop_assert_eq!(rules::broken(&layers), Vec::new());
                super::super::TopicSettings::resolve(&layers, &Overrides::new());
                super::super::LiveSettings::resolve(&layers);
            }
        }
    }
}
