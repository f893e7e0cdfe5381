//! Memory for answers whose bytes are their own (what a Fetch lends of the log is charged elsewhere): taken before they are made, and held
//! until they are written. A few hundred bytes of requests may ask for megabytes, and need not read them.
//!
//! Who waits here holds its frame and nothing else, and who holds credit waits for nothing that they hold: owners, the quorum, a disk, or a
//! peer, which loses its connection if it reads nothing while others wait (`broker::responses`). So one answer can always go on.
//!
//! Small ones wait apart from large ones: what many ask for now and then must not stand behind what few ask for without end.

use super::{Budget, Credit};
use crate::limits;

pub struct Answers {
    small: Budget,
    large: Budget,
}

impl Answers {
    /// Of so many bytes in all; one that needs more than half of them passes alone.
    pub fn new(bytes: u64) -> Self {
        Self { small: Budget::new(bytes / 2), large: Budget::new(bytes / 2) }
    }

    /// Waits for the memory of an answer that comes to so many bytes at most.
    pub async fn take(&self, bytes: u64) -> Credit {
        self.budget(bytes).take(bytes).await
    }

    pub fn try_take(&self, bytes: u64) -> Option<Credit> {
        self.budget(bytes).try_take(bytes)
    }

    /// For one that is there already: others wait for it.
    pub fn charge(&self, bytes: u64) -> Credit {
        let mut credit = self.budget(bytes).none();
        credit.resize(bytes);
        credit
    }

    /// Whether somebody waits.
    pub fn is_contended(&self) -> bool {
        self.small.is_contended() || self.large.is_contended()
    }

    pub fn taken(&self) -> u64 {
        self.small.taken() + self.large.taken()
    }

    pub fn shortages(&self) -> u64 {
        self.small.shortages() + self.large.shortages()
    }

    pub fn check(&self) {
        self.small.check();
        self.large.check();
    }

    fn budget(&self, bytes: u64) -> &Budget {
        if bytes > limits::LARGE_ANSWER_BYTES { &self.large } else { &self.small }
    }
}
