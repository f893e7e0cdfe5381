//! Which of several words on a setting counts: an alteration of this broker, one of all brokers, the file, the default.

use std::collections::BTreeMap;

use super::fixed::FixedSettings;
use super::table::{self, Scope};
use super::value::Value;

/// What alterations have set on one resource, by name: the configs of a topic, of a broker, of all brokers.
pub type Overrides = BTreeMap<String, String>;

static NO_OVERRIDES: Overrides = Overrides::new();

/// Everything that is said of this broker's settings.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    pub fixed: &'a FixedSettings,
    /// Alterations of all brokers: the resource with the empty name.
    pub cluster: &'a Overrides,
    /// Alterations of this broker.
    pub node: &'a Overrides,
}

impl<'a> Layers<'a> {
    /// The file alone, as at start.
    pub fn of_file(fixed: &'a FixedSettings) -> Self {
        Self { fixed, cluster: &NO_OVERRIDES, node: &NO_OVERRIDES }
    }

    /// The text that counts, unless it is the default.
    pub fn given(&self, key: &str) -> Option<&'a str> {
        let altered = self.node.get(key).or_else(|| self.cluster.get(key));
        altered.map(String::as_str).or_else(|| self.fixed.get(key))
    }

    /// The value that counts, or none where the default is none. A word that the setting does not take (an alteration by
    /// another version, since ours are checked) is passed over for the next, as Kafka does.
    pub fn value(&self, name: &str) -> Option<Value> {
        let setting =
            table::find(Scope::Broker, name).unwrap_or_else(|| panic!("{name} is not a broker setting"));
        let altered = [self.node.get(name), self.cluster.get(name)].into_iter().flatten().map(String::as_str);
        let mut said = altered.chain(self.fixed.get(name)).chain(setting.default);
        said.find_map(|text| Value::parse(setting, text).ok())
    }

    pub fn integer(&self, name: &str) -> i64 {
        self.optional_integer(name).unwrap_or_else(|| panic!("{name} is a number with a default"))
    }

    pub fn optional_integer(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(|value| value.as_i64())
    }

    pub fn boolean(&self, name: &str) -> bool {
        let value = self.value(name).and_then(|value| value.as_bool());
        value.unwrap_or_else(|| panic!("{name} is true or false by default"))
    }

    /// Empty where nothing is said.
    pub fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    /// Empty where nothing is said.
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(entries)) => entries,
            _ => Vec::new(),
        }
    }
}
