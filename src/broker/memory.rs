//! What a shard's budgets say of its memory, and whether they keep within their bounds: for checkers.

use std::rc::Rc;

use logan_storage::volume::Volume;

use super::Shell;

/// Bytes that a shard has given credit for, or charges itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Of requests that are read or worked on.
    pub frames: u64,
    /// Of fetches that wait.
    pub waiting: u64,
    /// Of responses that borrow buffers, or were granted to fetches that have none yet.
    pub responses: u64,
    /// Of all other responses, while they are made and until they are written.
    pub answers: u64,
    /// Of responses that were copied.
    pub copies: u64,
    /// Of records that are decompressed.
    pub unpacking: u64,
    /// Of stored batches that are searched.
    pub searches: u64,
    /// Of write buffers, settled or not, and of what is read ahead.
    pub logs: u64,
    /// Of the latter, what is not settled.
    pub unsettled: u64,
    /// What logs and volumes may hold at any time, charged to nobody.
    pub fixed: u64,
}

impl Memory {
    /// All of it.
    pub fn charged(&self) -> u64 {
        let Self {
            frames,
            waiting,
            responses,
            answers,
            copies,
            unpacking,
            searches,
            logs,
            unsettled: _,
            fixed,
        } = self;
        frames + waiting + responses + answers + copies + unpacking + searches + logs + fixed
    }
}

/// How often there was not enough memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shortages {
    pub frames: u64,
    /// A fetch that could not wait.
    pub waits: u64,
    pub responses: u64,
    pub answers: u64,
    /// A response that could not be copied.
    pub copies: u64,
    /// Work on records that could not go on holding what it held.
    pub unpacking: u64,
    pub searches: u64,
    pub appends: u64,
}

impl std::ops::Sub for Shortages {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            frames: self.frames - other.frames,
            waits: self.waits - other.waits,
            responses: self.responses - other.responses,
            answers: self.answers - other.answers,
            copies: self.copies - other.copies,
            unpacking: self.unpacking - other.unpacking,
            searches: self.searches - other.searches,
            appends: self.appends - other.appends,
        }
    }
}

impl std::ops::AddAssign for Shortages {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.waits += other.waits;
        self.responses += other.responses;
        self.answers += other.answers;
        self.copies += other.copies;
        self.unpacking += other.unpacking;
        self.searches += other.searches;
        self.appends += other.appends;
    }
}

impl Shell {
    pub fn memory(&self) -> Memory {
        let volumes = self.volumes.borrow();
        let fixed = volumes.iter().flatten().map(|volume| volume.fixed_bytes() as u64).sum();
        let charged = volumes.iter().flatten().map(|volume| volume.charged());
        let (logs, unsettled) = charged.fold((0, 0), |(logs, unsettled), of| {
            (logs + of.unsettled + of.cached + of.ahead, unsettled + of.unsettled)
        });
        Memory {
            frames: self.frames.taken() + self.large_frames.taken(),
            waiting: self.context.purgatory.taken(),
            responses: self.context.responses.taken(),
            answers: self.context.answers.taken(),
            copies: self.copies.taken(),
            unpacking: self.context.unpacking.taken(),
            searches: self.owner.searches.taken(),
            logs: logs as u64,
            unsettled: unsettled as u64,
            fixed,
        }
    }

    pub fn shortages(&self) -> Shortages {
        let volumes = self.volumes.borrow();
        Shortages {
            frames: self.frames.shortages() + self.large_frames.shortages(),
            waits: self.context.purgatory.told(),
            responses: self.context.responses.shortages(),
            answers: self.context.answers.shortages(),
            copies: self.copies.shortages(),
            unpacking: self.context.unpacking.shortages(),
            searches: self.owner.searches.shortages(),
            appends: volumes.iter().flatten().map(|volume| volume.memory_waited_for()).sum(),
        }
    }

    /// Everything that is bounded keeps within its bounds: budgets, write buffers, caches, lanes.
    pub fn check_memory(&self) {
        for budget in [&self.frames, &self.large_frames, &self.context.responses, &self.copies] {
            budget.check();
        }
        self.context.answers.check();
        self.context.purgatory.check();
        self.context.unpacking.check();
        self.owner.searches.check();
        for volume in self.volumes.borrow().iter().flatten() {
            volume.check_memory();
        }
        self.router.mesh().check();
    }

    /// Those that this shard serves, for checkers.
    #[doc(hidden)]
    pub fn online_volumes(&self) -> Vec<Rc<Volume>> {
        self.volumes.borrow().iter().flatten().cloned().collect()
    }

    /// What holds of every log at every moment. It looks at all of them.
    pub fn check_volumes(&self) {
        for volume in self.volumes.borrow().iter().flatten() {
            volume.check();
        }
    }
}
