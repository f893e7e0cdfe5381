//! What a file of the metadata log says, for tools that look at a node which does not run.

use bytes::Bytes;

use crate::log::{LOG_SUFFIX, LogError, SNAPSHOT_SUFFIX, base_of, format, head_error, read_log};
use crate::{Committed, Identity};

/// Which of the quorum's files a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Log,
    Snapshot,
}

impl FileKind {
    /// `None` for any other file.
    pub fn of(name: &str) -> Option<Self> {
        let kinds = [(LOG_SUFFIX, Self::Log), (SNAPSHOT_SUFFIX, Self::Snapshot)];
        kinds.into_iter().find_map(|(suffix, kind)| base_of(name, suffix).map(|_| kind))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogContent {
    /// The member that the log belongs to.
    pub identity: Identity,
    pub base_index: u64,
    pub base_term: u64,
    /// Raft ids.
    pub voters: Vec<u64>,
    pub term: u64,
    /// Whom the member voted for in that term; 0: nobody.
    pub vote: u64,
    /// As far as the file knows: entries after it may be committed too.
    pub commit: u64,
    /// Entries after the base.
    pub entries: Vec<Committed>,
    /// Bytes at the end that a crash left of an append.
    pub torn_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotContent {
    pub index: u64,
    pub term: u64,
    /// Raft ids.
    pub voters: Vec<u64>,
    pub data: Bytes,
}

/// Reads a log file; `path` is for messages.
pub fn log(path: &str, content: &Bytes) -> Result<LogContent, LogError> {
    let read = read_log(content, path)?;
    let (view, hard) = (&read.view, read.view.hard_state());
    let entries = view.range(view.base_index() + 1, view.last()).iter().map(|entry| Committed {
        term: entry.term,
        index: entry.index,
        data: entry.data.clone(),
    });
    Ok(LogContent {
        identity: read.header.identity,
        base_index: view.base_index(),
        base_term: read.header.base.term,
        voters: view.members().voters.clone(),
        term: hard.term,
        vote: hard.vote,
        commit: hard.commit,
        entries: entries.collect(),
        torn_bytes: read.torn as u64,
    })
}

/// Reads a snapshot file; `path` is for messages.
pub fn snapshot(path: &str, content: &Bytes) -> Result<SnapshotContent, LogError> {
    let (base, data) = format::decode_snapshot(content).map_err(|error| head_error(error, path))?;
    Ok(SnapshotContent { index: base.index, term: base.term, voters: base.members.voters, data })
}
