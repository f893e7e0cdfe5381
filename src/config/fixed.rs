//! What the file and the command line say: settings that only a restart changes, and the start values of the others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use logan_storage::properties::{self, SyntaxError};

use super::table::{self, Setting};
use super::value::{Value, Wrong, trim};

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Line {
        file: Arc<str>,
        line: u32,
    },
    /// `--override key=value`
    Override,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line { file, line } => write!(f, "{file}:{line}"),
            Origin::Override => f.write_str("--override"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    value: String,
    origin: Origin,
}

/// The settings that were given, by name. Every value of a known setting is one that the setting allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedSettings {
    given: BTreeMap<String, Given>,
}

/// Why a start is refused: everything that is wrong, not only the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{file}, {error}")]
    Syntax { file: Arc<str>, error: SyntaxError },
    #[error("--override {text}: expected key=value")]
    Override { text: String },
    /// A value that its setting does not take.
    #[error("{origin}: {key}={value}: {why}. Allowed: {allowed}")]
    Value { origin: Origin, key: String, value: String, why: String, allowed: String },
    /// Values that do not go together, or that this broker cannot serve.
    #[error("{}{key}={value}: {why}", .origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default())]
    Rule {
        /// `None` if the setting was not given and its default is in question.
        origin: Option<Origin>,
        key: String,
        value: String,
        why: String,
    },
}

impl FixedSettings {
    pub const fn none() -> Self {
        Self { given: BTreeMap::new() }
    }

    /// Reads a file (its name for messages, and its bytes) and then the overrides, each `key=value`. The last word on a key counts.
    /// Also returns what an operator should know though it stops nothing: one line each.
    pub fn read(
        file: Option<(&str, &[u8])>,
        overrides: &[String],
    ) -> Result<(Self, Vec<String>), ConfigErrors> {
        let mut settings = Self::none();
        let mut remarks = Vec::new();
        let mut errors = Vec::new();
        if let Some((name, bytes)) = file {
            settings.take_file(name, bytes, &mut remarks, &mut errors);
        }
        for text in overrides {
            match text.split_once('=') {
                Some((key, value)) if !trim(key).is_empty() => {
                    let given = Given { value: value.to_owned(), origin: Origin::Override };
                    settings.given.insert(trim(key).to_owned(), given);
                }
                _ => errors.push(ConfigError::Override { text: text.clone() }),
            }
        }
        for (key, given) in &settings.given {
            match table::find_broker(key) {
                Some(setting) => check_given(setting, key, given, &mut remarks, &mut errors),
                None => remarks.push(unknown(key, &given.origin)),
            }
        }
        if errors.is_empty() { Ok((settings, remarks)) } else { Err(ConfigErrors(errors)) }
    }

    fn take_file(
        &mut self,
        name: &str,
        bytes: &[u8],
        remarks: &mut Vec<String>,
        errors: &mut Vec<ConfigError>,
    ) {
        let file: Arc<str> = name.into();
        let entries = match properties::parse(bytes) {
            Ok(entries) => entries,
            Err(error) => return errors.push(ConfigError::Syntax { file, error }),
        };
        for entry in entries {
            let origin = Origin::Line { file: Arc::clone(&file), line: entry.line };
            let given = Given { value: entry.value, origin: origin.clone() };
            if let Some(before) = self.given.insert(entry.key.clone(), given) {
                remarks.push(format!(
                    "{origin}: {} is set again, {} no longer counts",
                    entry.key, before.origin
                ));
            }
        }
    }

    /// The text that was given for a setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(|given| given.value.as_str())
    }

    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.given.get(key).map(|given| &given.origin)
    }

    /// Everything given, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(key, given)| (key.as_str(), given.value.as_str()))
    }

    /// An error that concerns `key`, naming where it was given.
    pub(super) fn rule(&self, key: &str, why: impl Into<String>) -> ConfigError {
        let default = || table::find_broker(key).and_then(|setting| setting.default).unwrap_or_default();
        ConfigError::Rule {
            origin: self.origin(key).cloned(),
            key: key.to_owned(),
            value: shown(table::find_broker(key), self.get(key).unwrap_or_else(default)),
            why: why.into(),
        }
    }
}

fn check_given(
    setting: &Setting,
    key: &str,
    given: &Given,
    remarks: &mut Vec<String>,
    errors: &mut Vec<ConfigError>,
) {
    match Value::parse(setting, &given.value) {
        Ok(_) => {
            // Even where it is the default: whoever wrote it relies on it.
            if !setting.honoured {
                remarks.push(format!("{}: {key} has no effect yet", given.origin));
            }
        }
        Err(Wrong { value, why, .. }) => errors.push(ConfigError::Value {
            origin: given.origin.clone(),
            key: key.to_owned(),
            // A list's wrong entry is named beside the list.
            why: if value == given.value { why } else { format!("{}: {why}", shown(Some(setting), &value)) },
            value: shown(Some(setting), &given.value),
            allowed: setting.allowed.describe(setting.kind),
        }),
    }
}

/// Secrets stay out of messages; so do the values of settings nobody knows, as in `DescribeConfigs`.
fn shown(setting: Option<&Setting>, value: &str) -> String {
    let sensitive = setting.is_none_or(Setting::is_sensitive);
    if sensitive { "[hidden]".to_owned() } else { value.to_owned() }
}

fn unknown(key: &str, origin: &Origin) -> String {
    let mut names = table::of_scope(table::Scope::Broker).iter().map(|setting| setting.name);
    match names.find(|name| is_near(key, name)) {
        Some(near) => format!("{origin}: unknown setting {key}; did you mean {near}?"),
        None => format!("{origin}: unknown setting {key}"),
    }
}

/// Whether one letter more, less, changed or swapped with its neighbour makes one name the other, letter case aside.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase().into_bytes(), b.to_ascii_lowercase().into_bytes());
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let tails = |a: &[u8], skip_a: usize, b: &[u8], skip_b: usize| a.get(skip_a..) == b.get(skip_b..);
    match a.len().abs_diff(b.len()) {
        0 => {
            let swapped = a.len() >= 2 && a[0] == b[1] && a[1] == b[0];
            tails(a, 1, b, 1) || swapped && tails(a, 2, b, 2)
        }
        1 if a.len() > b.len() => tails(a, 1, b, 0),
        1 => tails(a, 0, b, 1),
        _ => false,
    }
}

/// Feeds arbitrary bytes to [`FixedSettings::read`] and everything that reads settings; for fuzzing. Nothing may panic, and what is
/// refused is refused with a message.
pub fn fuzz(bytes: &[u8]) {
    match super::Settings::read(Some(("fuzz", bytes)), &[], "localhost") {
        Ok(settings) => {
            let layers = super::Layers::of_file(&settings.fixed);
            super::TopicSettings::resolve(&layers, &super::Overrides::new());
            super::LiveSettings::resolve(&layers);
            let described = super::describe::describe_broker(&layers, super::describe::SettingNames::All);
            assert!(described.len() >= table::of_scope(table::Scope::Broker).len());
        }
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, overrides: &[&str]) -> Result<(FixedSettings, Vec<String>), String> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        FixedSettings::read(Some(("s.properties", text.as_bytes())), &overrides).map_err(|e| e.to_string())
    }

    #[test]
    fn the_last_word_counts() {
        let (settings, remarks) =
            read("num.partitions=3\nnum.partitions = 4\n", &["num.partitions=5"]).expect("all allowed");
        assert_eq!(settings.get("num.partitions"), Some("5"));
        assert_eq!(settings.origin("num.partitions"), Some(&Origin::Override));
        assert_eq!(remarks, ["s.properties:2: num.partitions is set again, s.properties:1 no longer counts"]);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let text = "num.partitions=x\ncompression.type=zip\nssl.key.password=secret\nlog.cleanup.policy=compact,shred\n";
        assert_eq!(
            read(text, &["oops", "fetch.max.bytes=5"]).expect_err("four mistakes"),
            "--override oops: expected key=value\n\
             s.properties:2: compression.type=zip: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer. \
             Allowed: one of uncompressed, zstd, lz4, snappy, gzip, producer\n\
             --override: fetch.max.bytes=5: Value must be at least 1024. Allowed: a whole number (32 bits), at least 1024\n\
             s.properties:4: log.cleanup.policy=compact,shred: shred: String must be one of: compact, delete. \
             Allowed: a comma-separated list of compact, delete, no entry empty\n\
             s.properties:1: num.partitions=x: Not a number of type INT. Allowed: a whole number (32 bits), at least 1"
        );
        assert_eq!(
            read("a=\\u1\n", &[]).expect_err("syntax"),
            "s.properties, line 1: \\u must be followed by four hexadecimal digits"
        );
    }

    #[test]
    fn what_does_nothing_is_named() {
        let text = "log.cleaner.threads=2\nlog.cleaner.backoff.ms=15000\nnum.partition=3\nzookeeper.connect=z:2181\n\
                    listener.name.internal.ssl.key.password=x\nunstable.api.versions.enable=true\n";
        let (_, remarks) = read(text, &[]).expect("all allowed");
        assert_eq!(
            remarks,
            [
                "s.properties:5: listener.name.internal.ssl.key.password has no effect yet",
                "s.properties:2: log.cleaner.backoff.ms has no effect yet",
                "s.properties:1: log.cleaner.threads has no effect yet",
                "s.properties:3: unknown setting num.partition; did you mean num.partitions?",
                "s.properties:6: unstable.api.versions.enable has no effect yet",
                "s.properties:4: unknown setting zookeeper.connect",
            ]
        );
    }

    /// Lines with the name of a setting and something that may be its value.
    fn line() -> impl Strategy<Value = String> {
        let names: Vec<&str> = table::all().iter().map(|setting| setting.name).collect();
        let value = prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            (-2..70_000_i64).prop_map(|number| number.to_string()),
            "[a-zA-Z0-9:/@,.*=\\\\ -]{0,24}",
            "(PLAINTEXT|SSL|X)://(a|\\[::1\\])?:[0-9]{1,6}(,PLAINTEXT://b:1)?",
            Just("true".to_owned()),
        ];
        (prop::sample::select(names), value).prop_map(|(name, value)| format!("{name}={value}\n"))
    }

    proptest! {
        #[test]
        fn no_settings_make_it_panic(lines in prop::collection::vec(line(), 0..12)) {
            fuzz(lines.concat().as_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            fuzz(&bytes);
        }
    }

    #[test]
    fn near_names() {
        assert!(is_near("Num.Partitions", "num.partitions"));
        assert!(is_near("num.partitoins", "num.partitions"));
        assert!(is_near("um.partitions", "num.partitions"));
        assert!(!is_near("partitions", "num.partitions"));
        assert!(!is_near("zz", "num"));
    }
}
