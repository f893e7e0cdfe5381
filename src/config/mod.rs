//! Settings: Kafka's names, defaults and meanings, and Logan's own (`logan.`).
//!
//! | file | what |
//! |---|---|
//! | `settings.tsv`, [`table`] | every setting: scope, type, default, what is allowed, what changes it, whether this broker acts on it |
//! | [`value`] | text to typed value, checked, and back |
//! | [`fixed`] | what the file (read by [`logan_storage::properties`]) and `--override` say, all mistakes at once |
//! | [`layers`] | which word counts: this broker's alteration, that of all brokers, the file, the default |
//! | [`broker`], [`listeners`] | [`BrokerSettings`], fixed from start to stop, and [`LiveSettings`], which alterations change |
//! | [`topic`] | [`TopicSettings`] of one topic |
//! | [`describe`], [`alter`] | what `DescribeConfigs` and `IncrementalAlterConfigs` come to |
//! | `rules` | what settings demand of each other |
//!
//! To add a setting of Logan's: a line in `settings.tsv`, and a field where it is read. To make a setting of Kafka's count: a field,
//! and `yes` in the table's last column; until then a start says that it has no effect yet.
//!
//! Nothing here reads a file, a clock or the network, and nothing panics on what a user or a client wrote.

pub mod alter;
pub mod broker;
pub mod describe;
pub mod fixed;
pub mod layers;
pub mod listeners;
mod rules;
pub mod table;
pub mod topic;
pub mod value;

pub use broker::{BrokerSettings, LiveSettings};
pub use fixed::{ConfigErrors, FixedSettings};
pub use layers::{Layers, Overrides};
pub use topic::TopicSettings;

/// All that a start is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub broker: BrokerSettings,
    /// What alterations, descriptions and topics fall back to.
    pub fixed: FixedSettings,
    /// What an operator should know though it stops nothing, one line each: unknown settings, settings without effect.
    pub remarks: Vec<String>,
}

impl Settings {
    /// Reads a file (its name for messages, and its bytes) and overrides (`key=value`, which count above the file). `hostname` is what
    /// clients are told where a listener names no host.
    pub fn read(
        file: Option<(&str, &[u8])>,
        overrides: &[String],
        hostname: &str,
    ) -> Result<Self, ConfigErrors> {
        let (fixed, remarks) = FixedSettings::read(file, overrides)?;
        let broker = BrokerSettings::of(&fixed, hostname)?;
        Ok(Self { broker, fixed, remarks })
    }
}
