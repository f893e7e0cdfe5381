//! What is made to go wrong with a disk: rules that can be added and taken away while a run goes on.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::super::random::{PerMillion, Random};
use super::super::{NodeId, ProcessId};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Read,
    Write,
    Sync,
    SyncDirectory,
    SyncFileSystem,
    Allocate,
    SetLength,
    Extents,
    Length,
    Open,
    List,
    MakeDirectory,
    RemoveDirectory,
    RemoveFile,
    Rename,
    Lock,
    FreeSpace,
}

impl Verb {
    /// The word for it in an error.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "fdatasync",
            Self::SyncDirectory => "fsync",
            Self::SyncFileSystem => "syncfs",
            Self::Allocate => "fallocate",
            Self::SetLength => "ftruncate",
            Self::Extents => "fiemap",
            Self::Length => "stat",
            Self::Open => "open",
            Self::List => "list",
            Self::MakeDirectory => "mkdir",
            Self::RemoveDirectory => "rmdir",
            Self::RemoveFile => "unlink",
            Self::Rename => "rename",
            Self::Lock => "lock",
            Self::FreeSpace => "statfs",
        }
    }
}

/// An operation that is about to be submitted.
#[derive(Debug, Clone)]
pub struct Site {
    pub node: NodeId,
    pub process: ProcessId,
    /// The directory's path as it was opened, and below it the file's.
    pub path: String,
    pub verb: Verb,
    pub position: u64,
    pub length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The operation fails with this error number. Of a write, some blocks may have landed.
    Error(i32),
    /// The operation fails with `NoSpace`.
    NoSpace,
    /// The operation takes this long, or for ever (until `Simulation::release_hangs`).
    Hang(Option<Duration>),
    /// One bit of what is read, or of what is written, is turned over.
    BitFlip,
    /// A read or a write ends early; the file type reports that as a failure.
    Short,
    /// A write or a sync succeeds and does nothing.
    Lost,
}

/// A rule.
#[derive(Clone)]
pub struct Fault {
    pub kind: FaultKind,
    pub applies: Rc<dyn Fn(&Site) -> bool>,
    pub chance: PerMillion,
    /// How often it strikes before it ends; `None` is for ever.
    pub times: Option<u32>,
}

impl Fault {
    /// Strikes whenever `applies` says so.
    pub fn always(kind: FaultKind, applies: impl Fn(&Site) -> bool + 'static) -> Self {
        Self { kind, applies: Rc::new(applies), chance: PerMillion::ALWAYS, times: None }
    }

    #[must_use]
    pub fn with_chance(self, chance: PerMillion) -> Self {
        Self { chance, ..self }
    }

    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("kind", &self.kind)
            .field("chance", &self.chance)
            .finish_non_exhaustive()
    }
}

/// A rule that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(u64);

#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<(FaultId, Fault)>,
    next: u64,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.next);
        self.next += 1;
        self.rules.push((id, fault));
        id
    }

    pub fn remove(&mut self, id: FaultId) {
        self.rules.retain(|(held, _)| *held != id);
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The first rule that strikes here.
    pub fn strike(&mut self, site: &Site, random: &Random) -> Option<FaultKind> {
        let strikes = |(_, fault): &(FaultId, Fault)| {
            fault.times != Some(0) && (fault.applies)(site) && random.chance(fault.chance)
        };
        let index = self.rules.iter().position(strikes)?;
        let fault = &mut self.rules[index].1;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.kind)
    }
}
