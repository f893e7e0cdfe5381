//! The APIs and their versions. The table itself is generated: `api_key.rs`.

use super::ApiKey;

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    pub key: ApiKey,
    /// Kafka's name, as its tools print it.
    pub name: &'static str,
    /// The versions that the codec reads and writes.
    pub versions: VersionRange,
    /// What a Kafka 4.3.1 broker advertises on a broker listener; `None` for what only controllers answer.
    pub advertised: Option<VersionRange>,
    /// The first version of flexible requests and responses.
    pub flexible_from: Option<i16>,
}

/// Versions from `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

impl ApiKey {
    pub fn name(self) -> &'static str {
        self.api().name
    }

    /// The versions that the codec reads and writes. Advertised ones may begin earlier: Produce from 0, read from 3.
    pub fn versions(self) -> VersionRange {
        self.api().versions
    }

    /// What a broker listener of Kafka 4.3.1 advertises; `None` for what only controllers answer.
    pub fn advertised(self) -> Option<VersionRange> {
        self.api().advertised
    }

    fn is_flexible(self, version: i16) -> bool {
        self.api().flexible_from.is_some_and(|from| version >= from)
    }

    /// 1 or 2. Version 0, without a client id, belonged to `ControlledShutdown` v0, which Kafka 4 does not know.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// 0 or 1; always 0 for `ApiVersions`, whose answer a client must be able to read before it knows the broker (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && self.is_flexible(version))
    }
}
