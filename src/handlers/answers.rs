//! Memory for answers whose bytes are their own (what a Fetch lends of the log is charged elsewhere): taken before they are made, and held
//! until they are written. A few hundred bytes of requests may ask for megabytes, and need not read them.
//!
//! Who waits here holds its frame and nothing else (but for a Fetch without records, whose answer is small), and who holds credit waits for
//! nothing that they hold: owners, the quorum, a disk, or a peer, which loses its connection if it reads too slowly while others wait
//! (`broker::responses`). So one answer can always go on.
//!
//! What this shard answers from its memory waits apart from what it asks owners or the quorum for, which may take as long as a disk does. Small
//! ones wait apart from large ones: what many ask for now and then must not stand behind what few ask for without end.

use super::{Budget, Credit};
use crate::limits;
use crate::protocol::ApiKey;

pub struct Answers {
    known: Sizes,
    asked: Sizes,
}

/// By size.
struct Sizes {
    small: Budget,
    large: Budget,
}

impl Sizes {
    fn new(bytes: u64) -> Self {
        Self { small: Budget::new(bytes / 2), large: Budget::new(bytes / 2) }
    }

    fn of(&self, bytes: u64) -> &Budget {
        if bytes > limits::LARGE_ANSWER_BYTES { &self.large } else { &self.small }
    }
}

impl Answers {
    /// Of so many bytes in all; one that needs more than a quarter of them passes alone.
    pub fn new(bytes: u64) -> Self {
        Self { known: Sizes::new(bytes / 2), asked: Sizes::new(bytes / 2) }
    }

    /// Waits for the memory of an answer that comes to so many bytes at most.
    pub async fn take(&self, api: ApiKey, bytes: u64) -> Credit {
        self.budget(api, bytes).take(bytes).await
    }

    pub fn try_take(&self, api: ApiKey, bytes: u64) -> Option<Credit> {
        self.budget(api, bytes).try_take(bytes)
    }

    /// For one that is there already: others wait for it.
    pub fn charge(&self, api: ApiKey, bytes: u64) -> Credit {
        let mut credit = self.budget(api, bytes).none();
        credit.resize(bytes);
        credit
    }

    /// Whether somebody waits.
    pub fn is_contended(&self) -> bool {
        self.all().any(Budget::is_contended)
    }

    pub fn taken(&self) -> u64 {
        self.all().map(Budget::taken).sum()
    }

    pub fn shortages(&self) -> u64 {
        self.all().map(Budget::shortages).sum()
    }

    pub fn check(&self) {
        self.all().for_each(Budget::check);
    }

    fn all(&self) -> impl Iterator<Item = &Budget> {
        [&self.known, &self.asked].into_iter().flat_map(|sizes| [&sizes.small, &sizes.large])
    }

    fn budget(&self, api: ApiKey, bytes: u64) -> &Budget {
        let is_known = matches!(
            api,
            ApiKey::ApiVersions
                | ApiKey::Metadata
                | ApiKey::DescribeCluster
                | ApiKey::DescribeTopicPartitions
                | ApiKey::DescribeConfigs
                | ApiKey::Fetch
        );
        if is_known { self.known.of(bytes) } else { self.asked.of(bytes) }
    }
}
