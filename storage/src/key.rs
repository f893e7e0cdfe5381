//! The names of logs, spares and files. What is said here about uniqueness is what makes recovery unambiguous (STORAGE §1, §3).

use std::fmt;

/// Which replica a log is: the engine knows nothing else about topics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    pub topic: String,
    pub topic_id: [u8; 16],
    pub partition: i32,
}

impl LogKey {
    /// Kafka's name of the log's directory, relative to the log directory.
    pub fn directory_name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The place of a log's Create entry. No two logs of a directory ever have the same: the id of a round log is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    pub round_log: u32,
    pub round: u64,
    pub index: u32,
}

impl LogId {
    /// The name of the directory from which a deleted log's files are removed; Kafka, too, takes it for a deleted partition.
    /// At most 255 bytes, whatever the topic's name is.
    pub fn deleted_directory_name(self, key: &LogKey) -> String {
        let suffix = format!("-{}.{:08x}{:016x}{:08x}-delete", key.partition, self.round_log, self.round, self.index);
        let topic: String = key.topic.chars().take(255_usize.saturating_sub(suffix.len())).collect();
        format!("{topic}{suffix}")
    }
}

/// A file that was born in `logan/` for whichever log needs a segment next. The round log's id makes the number unique for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spare {
    pub round_log: u32,
    pub number: u32,
}

impl Spare {
    pub fn path(self) -> String {
        format!("{FOLDER}/spare-{}-{}", self.round_log, self.number)
    }
}

/// The sub-directory with everything that is not Kafka's.
pub const FOLDER: &str = "logan";
pub const ROOT_PATH: &str = "logan/root";
pub const PARTITION_METADATA: &str = "partition.metadata";

pub fn round_log_path(round_log: u32, file: usize) -> String {
    format!("{FOLDER}/rounds-{round_log}-{file}")
}

pub fn checkpoint_path(round_log: u32, slot: usize) -> String {
    format!("{FOLDER}/checkpoint-{round_log}-{slot}")
}

/// Kafka's name of one of a segment's files: `log`, `index`, `timeindex`, `snapshot`.
pub fn segment_path(directory: &str, base_offset: i64, extension: &str) -> String {
    format!("{directory}/{base_offset:020}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_topics_still_make_a_file_name() {
        let id = LogId { round_log: 1, round: 2, index: 3 };
        let key = LogKey { topic: "t".repeat(249), topic_id: [0; 16], partition: 2_147_483_647 };
        let name = id.deleted_directory_name(&key);
        assert_eq!(name.len(), 255);
        assert!(name.ends_with("-2147483647.00000001000000000000000200000003-delete"), "{name}");
        let short = LogKey { topic: "orders".into(), topic_id: [0; 16], partition: 4 };
        assert_eq!(id.deleted_directory_name(&short), "orders-4.00000001000000000000000200000003-delete");
    }
}
