//! Values of settings: text to typed, checked as Kafka's `ConfigDef` checks it, and back to the text that Kafka shows.

use std::collections::BTreeSet;
use std::fmt;

use super::table::{Setting, Type};

/// A value of a setting's type. A setting without a value is `None` where this stands in an `Option`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Boolean(bool),
    /// INT, SHORT and LONG: the range of the type has been checked.
    Integer(i64),
    Double(f64),
    /// STRING, CLASS and PASSWORD.
    Text(String),
    /// Without empty entries, each entry once.
    List(Vec<String>),
}

/// A value that a setting does not take. Displays as Kafka puts it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value {value} for configuration {name}: {why}")]
pub struct Wrong {
    pub name: &'static str,
    /// The value, or the entry of the list, that is wrong.
    pub value: String,
    pub why: String,
}

impl Value {
    /// Reads a setting's value, blanks around it aside, and checks it against what the setting allows.
    pub fn parse(setting: &Setting, text: &str) -> Result<Self, Wrong> {
        let trimmed = trim(text);
        let wrong = |why: String| Wrong { name: setting.name, value: text.to_owned(), why };
        let value = match setting.kind {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Type::Boolean => return Err(wrong("Expected value to be either true or false".to_owned())),
            Type::Int | Type::Short | Type::Long => Value::Integer(
                parse_integer(setting.kind, trimmed).ok_or_else(|| wrong(not_a_number(setting.kind)))?,
            ),
            Type::Double => {
                Value::Double(parse_double(trimmed).ok_or_else(|| wrong(not_a_number(setting.kind)))?)
            }
            Type::String | Type::Class | Type::Password => Value::Text(trimmed.to_owned()),
            Type::List => Value::List(parse_list(trimmed)),
        };
        let value = setting.allowed.check(value).map_err(|(value, why)| Wrong {
            name: setting.name,
            value: value.unwrap_or_else(|| text.to_owned()),
            why,
        })?;
        Ok(value)
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Boolean(value) = self { Some(*value) } else { None }
    }

    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Integer(value) = self { Some(*value) } else { None }
    }

    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Double(value) = self { Some(*value) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(value) = self { Some(value) } else { None }
    }

    pub fn as_list(&self) -> Option<&[String]> {
        if let Value::List(value) = self { Some(value) } else { None }
    }
}

/// The text that `DescribeConfigs` shows: `ConfigDef.convertToString`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::Double(value) => write_double(f, *value),
            Value::Text(value) => f.write_str(value),
            Value::List(entries) => f.write_str(&entries.join(",")),
        }
    }
}

fn not_a_number(kind: Type) -> String {
    format!("Not a number of type {}", kind.name())
}

fn parse_integer(kind: Type, text: &str) -> Option<i64> {
    match kind {
        Type::Short => text.parse::<i16>().ok().map(i64::from),
        Type::Int => text.parse::<i32>().ok().map(i64::from),
        _ => text.parse::<i64>().ok(),
    }
}

/// A finite decimal number. Java would also take hexadecimal ones, infinities and NaN: no setting means anything with those.
fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let decimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    digits.parse::<f64>().ok().filter(|value| decimal && value.is_finite())
}

/// As Java's `String.trim`: what is up to U+0020 is taken off, and no other blank that Unicode has.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

/// What Java's patterns take for white space (`\s`).
fn is_white(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// Entries between commas, blanks around these aside. Nothing but blanks is no entry.
fn parse_list(trimmed: &str) -> Vec<String> {
    if trimmed.is_empty() {
        return Vec::new();
    }
    trimmed.split(',').map(|entry| entry.trim_matches(is_white).to_owned()).collect()
}

/// As Java's `Double.toString`: plain from 10^-3 up to 10^7, with an exponent outside, always with a fraction.
fn write_double(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return write!(f, "{value:?}");
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let fraction = if digits.contains('.') { "" } else { ".0" };
    write!(f, "{digits}{fraction}E{exponent}")
}

/// What a setting allows beyond its type. The text forms are those of `settings.tsv`.
#[derive(Debug, Clone, PartialEq)]
pub enum Allowed {
    /// `-`
    Anything,
    /// `>=1`
    AtLeast(f64),
    /// `1..9`
    Between(f64, f64),
    /// `1..9|-1`
    BetweenOr(f64, f64, f64),
    /// `one of a|b`
    OneOf(Vec<&'static str>),
    /// `any case A|B`
    OneOfAnyCase(Vec<&'static str>),
    /// `non-empty`
    NotEmpty,
    /// `list`, `list+` (at least one entry), `list of a|b`, `list+ of a|b`
    Entries { at_least_one: bool, of: Vec<&'static str> },
    /// `voters`: `id@host:port` entries
    Voters,
    /// `addresses`: `host:port` entries
    Addresses,
    /// `throttled replicas`: `*` or `partition:broker` entries
    ThrottledReplicas,
    /// `connection overrides`: `host:count` entries
    ConnectionOverrides,
    /// `protocol map`: `listener:protocol` entries
    ProtocolMap,
    /// `offset reset`: where a share group starts
    OffsetReset,
}

/// The security protocols that a listener can be mapped to.
pub const SECURITY_PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// The entry that is wrong, if it is not the whole value, and why.
type Refusal = (Option<String>, String);

impl Allowed {
    pub(super) fn parse(text: &'static str) -> Self {
        let words = |text: &'static str| text.split('|').collect();
        let number = |text: &str| -> f64 {
            text.parse().unwrap_or_else(|_| panic!("settings.tsv: a bound is a number, not {text}"))
        };
        match text {
            "-" => return Allowed::Anything,
            "non-empty" => return Allowed::NotEmpty,
            "voters" => return Allowed::Voters,
            "addresses" => return Allowed::Addresses,
            "throttled replicas" => return Allowed::ThrottledReplicas,
            "connection overrides" => return Allowed::ConnectionOverrides,
            "protocol map" => return Allowed::ProtocolMap,
            "offset reset" => return Allowed::OffsetReset,
            _ => {}
        }
        if let Some(bound) = text.strip_prefix(">=") {
            return Allowed::AtLeast(number(bound));
        }
        if let Some(of) = text.strip_prefix("one of ") {
            return Allowed::OneOf(words(of));
        }
        if let Some(of) = text.strip_prefix("any case ") {
            return Allowed::OneOfAnyCase(words(of));
        }
        if let Some(rest) = text.strip_prefix("list") {
            let (at_least_one, rest) = rest.strip_prefix('+').map_or((false, rest), |rest| (true, rest));
            let of = rest.strip_prefix(" of ").map_or_else(Vec::new, words);
            return Allowed::Entries { at_least_one, of };
        }
        let (range, or) = text.split_once('|').map_or((text, None), |(range, or)| (range, Some(or)));
        let Some((low, high)) = range.split_once("..") else {
            panic!("settings.tsv: what does {text} allow?")
        };
        match or {
            None => Allowed::Between(number(low), number(high)),
            Some(or) => Allowed::BetweenOr(number(low), number(high), number(or)),
        }
    }

    /// What is allowed, in words for an operator, for example "a whole number, at least 1".
    pub fn describe(&self, kind: Type) -> String {
        let noun = match kind {
            Type::Boolean => "true or false",
            Type::Int => "a whole number (32 bits)",
            Type::Short => "a whole number (16 bits)",
            Type::Long => "a whole number (64 bits)",
            Type::Double => "a decimal number",
            Type::List => "a comma-separated list",
            Type::String | Type::Password => "a text",
            Type::Class => "a class name",
        };
        match self {
            Allowed::Anything => noun.to_owned(),
            Allowed::AtLeast(low) => format!("{noun}, at least {low}"),
            Allowed::Between(low, high) => format!("{noun} from {low} to {high}"),
            Allowed::BetweenOr(low, high, or) => format!("{noun} from {low} to {high}, or {or}"),
            Allowed::OneOf(words) => format!("one of {}", words.join(", ")),
            Allowed::OneOfAnyCase(words) => format!("one of {}, in any case", words.join(", ")),
            Allowed::NotEmpty => format!("{noun} that is not empty"),
            Allowed::Entries { at_least_one, of } => {
                let least = if *at_least_one { " with at least one entry" } else { "" };
                let of = if of.is_empty() { String::new() } else { format!(" of {}", of.join(", ")) };
                format!("{noun}{of}{least}, no entry empty")
            }
            Allowed::Voters => "a comma-separated list of id@host:port".to_owned(),
            Allowed::Addresses => "a comma-separated list of host:port".to_owned(),
            Allowed::ThrottledReplicas => "* or a comma-separated list of partition:broker".to_owned(),
            Allowed::ConnectionOverrides => "a comma-separated list of host:count".to_owned(),
            Allowed::ProtocolMap => {
                format!(
                    "a comma-separated list of listener:protocol, protocol one of {}",
                    SECURITY_PROTOCOLS.join(", ")
                )
            }
            Allowed::OffsetReset => "latest, earliest or by_duration:<ISO-8601 duration>".to_owned(),
        }
    }

    /// Checks a value, and drops what a list repeats. The words are those that Kafka answers with.
    fn check(&self, value: Value) -> Result<Value, Refusal> {
        match value {
            Value::Integer(number) => self.check_number(number as f64).map(|()| Value::Integer(number)),
            Value::Double(number) => self.check_number(number).map(|()| Value::Double(number)),
            Value::Text(text) => self.check_text(&text).map(|()| Value::Text(text)),
            Value::List(entries) => self.check_list(&entries).map(|()| Value::List(without_repeats(entries))),
            Value::Boolean(_) => Ok(value),
        }
    }

    /// Bounds are far from where a double loses whole numbers, or are the ends of the type.
    fn check_number(&self, number: f64) -> Result<(), Refusal> {
        let why = match *self {
            Allowed::AtLeast(low) | Allowed::Between(low, _) if number < low => {
                format!("Value must be at least {low}")
            }
            Allowed::Between(_, high) if number > high => format!("Value must be no more than {high}"),
            Allowed::BetweenOr(low, high, or)
                if (number < low || number > high) && number.total_cmp(&or).is_ne() =>
            {
                format!("Value must be between {low} and {high} or equal to {or}")
            }
            _ => return Ok(()),
        };
        Err((None, why))
    }

    fn check_text(&self, text: &str) -> Result<(), Refusal> {
        let why = match self {
            Allowed::OneOf(words) if !words.contains(&text) => {
                format!("String must be one of: {}", words.join(", "))
            }
            Allowed::OneOfAnyCase(words) if !words.iter().any(|word| word.eq_ignore_ascii_case(text)) => {
                format!("String must be one of (case insensitive): {}", words.join(", "))
            }
            Allowed::NotEmpty if text.is_empty() => "String must be non-empty".to_owned(),
            Allowed::OffsetReset if !is_offset_reset(text) => {
                "Must be one of: latest, earliest, by_duration:PnDTnHnMn.nS".to_owned()
            }
            Allowed::ConnectionOverrides => {
                return check_pairs(text, "host:count", |host, count| {
                    !host.is_empty() && count.parse::<u32>().is_ok()
                });
            }
            Allowed::ProtocolMap => {
                return check_pairs(text, "listener:protocol", |listener, protocol| {
                    !listener.is_empty()
                        && SECURITY_PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol))
                });
            }
            _ => return Ok(()),
        };
        Err((None, why))
    }

    fn check_list(&self, entries: &[String]) -> Result<(), Refusal> {
        if entries.iter().any(String::is_empty) {
            return Err((None, "Values must not be empty".to_owned()));
        }
        let each = |good: &dyn Fn(&str) -> bool, shape: &str| match entries.iter().find(|entry| !good(entry))
        {
            Some(entry) => Err((Some(entry.clone()), format!("Each entry should be in the form {shape}"))),
            None => Ok(()),
        };
        match self {
            Allowed::Entries { at_least_one: true, .. } if entries.is_empty() => {
                Err((None, "The list must not be empty".to_owned()))
            }
            Allowed::Entries { of, .. } if !of.is_empty() => {
                match entries.iter().find(|entry| !of.contains(&entry.as_str())) {
                    Some(entry) => {
                        Err((Some(entry.clone()), format!("String must be one of: {}", of.join(", "))))
                    }
                    None => Ok(()),
                }
            }
            Allowed::Voters => each(&is_voter, "{id}@{host}:{port}"),
            Allowed::Addresses => each(&is_address, "{host}:{port}"),
            Allowed::ThrottledReplicas if entries != ["*"] => {
                each(&is_throttled_replica, "[partitionId]:[brokerId], or the list must be the literal '*'")
            }
            _ => Ok(()),
        }
    }
}

fn check_pairs(text: &str, shape: &str, good: impl Fn(&str, &str) -> bool) -> Result<(), Refusal> {
    for entry in parse_list(trim(text)) {
        let is_good = entry.rsplit_once(':').is_some_and(|(left, right)| good(trim(left), trim(right)));
        if !is_good {
            return Err((Some(entry), format!("Each entry should be in the form {shape}")));
        }
    }
    Ok(())
}

fn is_address(entry: &str) -> bool {
    entry.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn is_voter(entry: &str) -> bool {
    entry
        .split_once('@')
        .is_some_and(|(id, address)| id.parse::<i32>().is_ok_and(|id| id >= 0) && is_address(address))
}

fn is_throttled_replica(entry: &str) -> bool {
    entry.split_once(':').is_some_and(|(partition, broker)| {
        partition.parse::<i32>().is_ok_and(|number| number >= 0)
            && broker.parse::<i32>().is_ok_and(|number| number >= 0)
    })
}

fn is_offset_reset(text: &str) -> bool {
    let duration = text.strip_prefix("by_duration:").and_then(|text| text.strip_prefix('P'));
    matches!(text, "latest" | "earliest") || duration.is_some_and(is_iso_duration)
}

/// `nDTnHnMn.nS` with at least one part, which `P` has been taken off.
fn is_iso_duration(text: &str) -> bool {
    let (days, time) = text.split_once('T').map_or((text, None), |(days, time)| (days, Some(time)));
    let (Some(days), time) = (parts(days, "D"), time.map(|time| parts(time, "HMS"))) else { return false };
    match time {
        None => days > 0,
        Some(None | Some(0)) => false,
        Some(Some(_)) => true,
    }
}

/// How many numbers `text` has, each followed by one of `units` in their order, or `None` if it is anything else.
fn parts(text: &str, units: &str) -> Option<usize> {
    let (mut rest, mut left, mut count) = (text, units, 0);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
        let (number, tail) = rest.split_at(end);
        let unit = tail.chars().next()?;
        let at = left.find(unit)?;
        let whole = number.parse::<u64>().is_ok();
        if !(whole || unit == 'S' && number.parse::<f64>().is_ok()) {
            return None;
        }
        left = &left[at + 1..];
        rest = &tail[unit.len_utf8()..];
        count += 1;
    }
    Some(count)
}

fn without_repeats(entries: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    entries.into_iter().filter(|entry| seen.insert(entry.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::{Scope, find};
    use super::*;

    fn check(scope: Scope, name: &str, text: &str, expect: &str) {
        let setting = find(scope, name).expect(name);
        let got = match Value::parse(setting, text) {
            Ok(value) => value.to_string(),
            Err(wrong) => format!("! {wrong}"),
        };
        assert_eq!(got, expect, "{name}={text}");
    }

    #[test]
    fn values_are_read_as_kafka_reads_them() {
        // What Kafka 4.3.1 answered to CreateTopics with these values.
        let topic = |name, text, expect| check(Scope::Topic, name, text, expect);
        topic(
            "retention.ms",
            "abc",
            "! Invalid value abc for configuration retention.ms: Not a number of type LONG",
        );
        topic(
            "segment.bytes",
            "100",
            "! Invalid value 100 for configuration segment.bytes: Value must be at least 1048576",
        );
        topic("segment.bytes", " 2000000 ", "2000000");
        topic("segment.bytes", "+2000000", "2000000");
        topic(
            "cleanup.policy",
            "compact,foo",
            "! Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        );
        topic("cleanup.policy", "compact, compact", "compact");
        topic("cleanup.policy", "", "");
        topic("compression.type", " lz4", "lz4");
        // What `String.trim` takes off, and what it does not.
        topic("compression.type", "\u{1}\t lz4\u{0}\n", "lz4");
        topic(
            "segment.bytes",
            "\u{a0}2000000",
            "! Invalid value \u{a0}2000000 for configuration segment.bytes: Not a number of type INT",
        );
        topic("cleanup.policy", "compact\t,\x0bdelete", "compact,delete");
        topic(
            "cleanup.policy",
            "compact,\u{2003}delete",
            "! Invalid value \u{2003}delete for configuration cleanup.policy: String must be one of: compact, delete",
        );
        topic(
            "compression.gzip.level",
            "0",
            "! Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        );
        topic("preallocate", "TRUE", "true");
        topic(
            "preallocate",
            "yes",
            "! Invalid value yes for configuration preallocate: Expected value to be either true or false",
        );
        topic("min.cleanable.dirty.ratio", "0.5f", "0.5");
        topic("follower.replication.throttled.replicas", "*", "*");
        topic("follower.replication.throttled.replicas", "0:1,2:3", "0:1,2:3");
        let broker = |name, text, expect| check(Scope::Broker, name, text, expect);
        broker("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", "1.7976931348623157E308");
        broker("log.cleaner.io.max.bytes.per.second", "12345678", "1.2345678E7");
        broker("log.cleaner.io.max.bytes.per.second", "0.00025", "2.5E-4");
        broker(
            "group.share.max.size",
            "1001",
            "! Invalid value 1001 for configuration group.share.max.size: Value must be no more than 1000",
        );
        broker("controller.quorum.voters", "1@localhost:9093,2@[::1]:9093", "1@localhost:9093,2@[::1]:9093");
    }

    #[test]
    fn what_is_refused_is_refused() {
        let refused = [
            (Scope::Topic, "min.cleanable.dirty.ratio", "NaN"),
            (Scope::Topic, "min.cleanable.dirty.ratio", "inf"),
            (Scope::Topic, "min.cleanable.dirty.ratio", "1.1"),
            (Scope::Topic, "follower.replication.throttled.replicas", "0:1,x"),
            (Scope::Topic, "compression.type", "LZ4"),
            (Scope::Topic, "min.insync.replicas", "99999999999"),
            (Scope::Broker, "controller.quorum.voters", "1@localhost"),
            (Scope::Broker, "controller.quorum.bootstrap.servers", "foo"),
            (Scope::Broker, "max.connections.per.ip.overrides", "a:1,b"),
            (Scope::Broker, "listener.security.protocol.map", "PLAINTEXT:FOO"),
            (Scope::Broker, "listeners", "PLAINTEXT://a:1,"),
            (Scope::Broker, "log.dirs", ""),
            (Scope::Group, "share.auto.offset.reset", "by_duration:P"),
            (Scope::Group, "share.auto.offset.reset", "by_duration:PT1S2H"),
        ];
        for (scope, name, text) in refused {
            let setting = find(scope, name).expect(name);
            assert!(Value::parse(setting, text).is_err(), "{name}={text}");
        }
        check(Scope::Group, "share.auto.offset.reset", "by_duration:P1DT2H3.5S", "by_duration:P1DT2H3.5S");
    }
}
