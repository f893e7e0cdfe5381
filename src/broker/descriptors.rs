//! How the descriptors of the process are shared out between connections and files: connections never take those that files need, as a
//! file that cannot be opened keeps all clients waiting.

use logan_shards::{RealOptions, StartError};

use crate::config::BrokerSettings;
use crate::limits;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Of the whole node.
    pub connections: u32,
    /// Files that one volume may count on, beside those that it always has.
    pub files: usize,
}

impl Shares {
    pub const UNLIMITED: Self = Self { connections: u32::MAX, files: usize::MAX };

    /// Of as many as this process may have.
    pub fn of_process(shards: u16, settings: &BrokerSettings) -> Result<Self, StartError> {
        let (limit, machine) = (RealOptions::max_descriptors(), RealOptions::own_descriptors(shards));
        let shares = Self::of(limit, machine, shards, settings)?;
        if shares.connections < limits::WARN_BELOW_CONNECTIONS {
            tracing::warn!(
                "at most {limit} files may be open: beyond {} connections others wait, because files need the rest; raise it with \
                 `ulimit -n 100000` or `LimitNOFILE=100000`",
                shares.connections
            );
        }
        Ok(shares)
    }

    /// Connections get half of what is left besides what is always open, files the other half and what connections cannot use.
    fn of(limit: u64, machine: u64, shards: u16, settings: &BrokerSettings) -> Result<Self, StartError> {
        let shards = u64::from(shards);
        let volumes = (shards * settings.log_dirs.len() as u64).max(1);
        let always = machine
            + limits::DESCRIPTORS_OF_METADATA
            + volumes * limits::DESCRIPTORS_PER_VOLUME
            + shards * settings.listeners.len() as u64 * limits::DESCRIPTORS_PER_LISTENER;
        let needed = always + 2 * limits::MIN_DESCRIPTORS;
        if limit < needed {
            return Err(StartError::TooFewFiles { limit, needed });
        }
        let connections = (limit - always) / 2;
        let files =
            (limit - always - connections.min(shards * limits::CONNECTIONS_PER_SHARD as u64)) / volumes;
        Ok(Self { connections: connections.try_into().unwrap_or(u32::MAX), files: files as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn shares(limit: u64, shards: u16, log_dirs: &str) -> Result<Shares, StartError> {
        let settings = Settings::read(None, &[format!("log.dirs={log_dirs}")], "h").expect("good settings");
        Shares::of(limit, RealOptions::own_descriptors(shards), shards, &settings.broker)
    }

    #[test]
    fn connections_leave_files_their_half() {
        for (limit, shards, log_dirs, volumes) in
            [(256, 2, "/a", 2), (4_096, 8, "/a,/b", 16), (1 << 30, 64, "/a", 64)]
        {
            let given = shares(limit, shards, log_dirs).expect("enough");
            let files = given.files as u64 * volumes;
            let used =
                u64::from(given.connections).min(u64::from(shards) * limits::CONNECTIONS_PER_SHARD as u64);
            assert!(used + files + RealOptions::own_descriptors(shards) < limit, "{limit}: {given:?}");
            assert!(files + volumes >= used, "{limit}: {given:?}");
            assert!(u64::from(given.connections) >= limits::MIN_DESCRIPTORS, "{limit}: {given:?}");
        }
    }

    #[test]
    fn a_limit_that_leaves_nothing_is_refused_with_what_is_needed() {
        let Err(StartError::TooFewFiles { limit: 200, needed }) = shares(200, 2, "/a") else {
            panic!("200 are too few for two shards");
        };
        assert!(shares(needed - 1, 2, "/a").is_err() && shares(needed, 2, "/a").is_ok());
    }
}
