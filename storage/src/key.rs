//! The names of logs, spares and files. What is said here about uniqueness is what makes recovery unambiguous.

use std::fmt;

use crate::kafka_files::{SegmentFile, delete_directory, log_directory};

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
        log_directory(&self.topic, self.partition)
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
    /// The directory from which a deleted log's files are removed; Kafka, too, takes it for a deleted partition.
    pub fn deleted_directory(self, key: &LogKey) -> String {
        let unique = u128::from(self.round_log) << 96 | u128::from(self.round) << 32 | u128::from(self.index);
        delete_directory(&key.topic, key.partition, unique)
    }
}

/// A file that was born in `logan/` for whichever log needs a segment next. The round log's id makes the number unique for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spare {
    pub round_log: u32,
    pub number: u32,
}

impl Spare {
    /// In [`FOLDER`].
    pub fn name(self) -> String {
        format!("spare-{}-{}", self.round_log, self.number)
    }

    pub fn path(self) -> String {
        format!("{FOLDER}/{}", self.name())
    }
}

/// The sub-directory with everything that is not Kafka's.
pub const FOLDER: &str = "logan";
pub const ROOT_PATH: &str = "logan/root";

pub fn round_log_path(round_log: u32, file: usize) -> String {
    format!("{FOLDER}/rounds-{round_log}-{file}")
}

pub fn checkpoint_path(round_log: u32, slot: usize) -> String {
    format!("{FOLDER}/checkpoint-{round_log}-{slot}")
}

pub fn reserve_path(round_log: u32) -> String {
    format!("{FOLDER}/reserve-{round_log}")
}

/// The path of one of a segment's files in the log's directory.
pub fn segment_path(directory: &str, offset: i64, file: SegmentFile) -> String {
    format!("{directory}/{}", file.name(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_directories_carry_the_id() {
        let id = LogId { round_log: 1, round: 2, index: 3 };
        let key = LogKey { topic: "orders".into(), topic_id: [0; 16], partition: 4 };
        assert_eq!(id.deleted_directory(&key), "orders-4.00000001000000000000000200000003-delete");
    }
}
