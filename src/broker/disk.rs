//! The log engine's disk and host, on this shard's machine: each verb is handed on as it is.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use logan_shards as shards;
use logan_storage::disk::{
    Buffer, Directory, DirectoryEntry, DiskError, File, Flushing, Host, Io, OpenMode, Priority,
};
use logan_storage::flights::Flights;
use shards::IoError;

use crate::limits;

/// One entry of `log.dirs`.
pub struct LogDirectory {
    directory: shards::Directory,
    flights: Rc<Flights>,
}

struct LogFile {
    file: shards::File,
    flights: Rc<Flights>,
}

struct LogBuffer(shards::AlignedBuffer);

/// The shard's clock, timers, tasks and randomness.
pub struct ShardHost;

const EMFILE: i32 = 24;

fn translate(error: IoError) -> DiskError {
    match error {
        IoError::NotFound { path } => DiskError::NotFound { path },
        IoError::AlreadyExists { path } => DiskError::AlreadyExists { path },
        IoError::NoSpace { path } => DiskError::NoSpace { path },
        IoError::PermissionDenied { path } => DiskError::PermissionDenied { path },
        IoError::Locked { path } => DiskError::Locked { path },
        // Whatever opens something waits instead: [`opening`].
        IoError::NoDescriptor { path } => DiskError::Failed {
            path,
            operation: "open",
            errno: EMFILE,
            message: "too many open files".into(),
        },
        IoError::Failed { path, operation, errno, message } => {
            DiskError::Failed { path, operation, errno, message }
        }
    }
}

/// Boxes an operation of the machine as the engine wants it.
fn io<'a, T>(flights: &'a Flights, operation: impl Future<Output = Result<T, IoError>> + 'a) -> Io<'a, T> {
    Box::pin(async move {
        let now_ns = shards::monotonic_ns();
        flights.run(now_ns, async { operation.await.map_err(translate) }).await
    })
}

/// As [`io`], of what opens something: it is done again while no descriptor is left. The disk has nothing to do with that wait, so
/// nothing of it counts as an operation under way.
fn opening<'a, T, O>(flights: &'a Flights, operation: impl Fn() -> O + 'a) -> Io<'a, T>
where
    T: 'a,
    O: Future<Output = Result<T, IoError>> + 'a,
{
    Box::pin(async move {
        loop {
            let attempt = async {
                match operation().await {
                    Err(IoError::NoDescriptor { .. }) => Ok(None),
                    outcome => outcome.map(Some),
                }
            };
            if let Some(done) = io(flights, attempt).await? {
                return Ok(done);
            }
            flights.lack_descriptors();
            shards::sleep(limits::NO_DESCRIPTOR_WAIT).await;
        }
    })
}

impl LogDirectory {
    pub fn new(directory: shards::Directory) -> Self {
        Self { directory, flights: Rc::default() }
    }
}

fn open_mode(mode: OpenMode) -> shards::OpenMode {
    match mode {
        OpenMode::Existing => shards::OpenMode::Existing,
        OpenMode::CreateNew => shards::OpenMode::CreateNew,
    }
}

impl Directory for LogDirectory {
    fn path(&self) -> String {
        self.directory.path()
    }

    fn flushing(&self) -> Flushing {
        match self.directory.flushing() {
            shards::Flushing::Shared => Flushing::Shared,
            shards::Flushing::PerFile { reason } => Flushing::PerFile { reason },
        }
    }

    fn can_share_extents(&self) -> bool {
        self.directory.can_share_extents()
    }

    fn lock(&self) -> Io<'_, ()> {
        opening(&self.flights, || self.directory.lock())
    }

    fn list<'a>(&'a self, path: &'a str) -> Io<'a, Vec<DirectoryEntry>> {
        opening(&self.flights, move || async move {
            let entries = self.directory.list(path).await?;
            Ok(entries
                .into_iter()
                .map(|entry| DirectoryEntry { name: entry.name, is_directory: entry.is_directory })
                .collect())
        })
    }

    fn make_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        io(&self.flights, self.directory.make_directory(path))
    }

    fn remove_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        io(&self.flights, self.directory.remove_directory(path))
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> Io<'a, ()> {
        io(&self.flights, self.directory.rename(from, to))
    }

    fn remove_file<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        io(&self.flights, self.directory.remove_file(path))
    }

    fn sync_directory<'a>(&'a self, path: &'a str) -> Io<'a, ()> {
        opening(&self.flights, move || self.directory.sync_directory(path))
    }

    fn sync_file_system(&self) -> Io<'_, ()> {
        opening(&self.flights, || self.directory.sync_file_system())
    }

    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>> {
        opening(&self.flights, move || async move {
            let file = self.directory.open_file(path, open_mode(mode)).await?;
            Ok(Rc::new(LogFile { file, flights: self.flights.clone() }) as Rc<dyn File>)
        })
    }

    fn read_small<'a>(&'a self, path: &'a str, limit: usize) -> Io<'a, Vec<u8>> {
        opening(&self.flights, move || self.directory.read_small(path, limit))
    }

    fn write_small<'a>(&'a self, path: &'a str, content: Vec<u8>) -> Io<'a, ()> {
        opening(&self.flights, move || self.directory.write_small(path, content.clone()))
    }

    fn buffer(&self, capacity: usize) -> Box<dyn Buffer> {
        Box::new(LogBuffer(self.directory.buffer(capacity)))
    }

    fn free_space(&self) -> Io<'_, u64> {
        io(&self.flights, self.directory.free_space())
    }

    fn flights(&self) -> &Flights {
        &self.flights
    }
}

impl Buffer for LogBuffer {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }

    fn seal(self: Box<Self>) -> Bytes {
        self.0.seal()
    }
}

impl File for LogFile {
    fn number(&self) -> u64 {
        self.file.number()
    }

    fn length(&self) -> Io<'_, u64> {
        io(&self.flights, self.file.length())
    }

    fn write(&self, position: u64, content: Bytes) -> Io<'_, ()> {
        io(&self.flights, self.file.write(position, content))
    }

    fn read(&self, position: u64, length: usize) -> Io<'_, Bytes> {
        io(&self.flights, self.file.read(position, length))
    }

    fn sync_data(&self) -> Io<'_, ()> {
        io(&self.flights, self.file.sync_data())
    }

    fn allocate(&self, position: u64, length: u64) -> Io<'_, ()> {
        io(&self.flights, self.file.allocate(position, length))
    }

    fn prepared_until(&self, from: u64, to: u64) -> Io<'_, u64> {
        io(&self.flights, self.file.prepared_until(from, to))
    }

    fn set_length(&self, length: u64) -> Io<'_, ()> {
        io(&self.flights, self.file.set_length(length))
    }
}

impl Host for ShardHost {
    fn lacks_descriptors(&self) -> bool {
        shards::descriptors_were_missing()
    }

    fn monotonic_ns(&self) -> u64 {
        shards::monotonic_ns()
    }

    fn wall_clock_ms(&self) -> i64 {
        shards::wall_clock_ms()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(shards::sleep(duration))
    }

    fn random(&self) -> u64 {
        shards::random_u64()
    }

    fn spawn(&self, priority: Priority, task: Pin<Box<dyn Future<Output = ()>>>) {
        let queue = match priority {
            Priority::Rounds => shards::Queue::Produce,
            Priority::Loads => shards::Queue::Fetch,
            Priority::Background => shards::Queue::Background,
        };
        shards::spawn(queue, task).detach();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use logan_shards::sim::{Fault, FaultKind, SimOptions, Simulation, Verb};

    use super::*;
    use crate::mail::Mail;

    /// However long it takes: a directory fails when one of its operations takes longer than a disk may.
    #[test]
    fn waiting_for_a_descriptor_is_no_operation_that_hangs() {
        let simulation = Simulation::new(SimOptions::calm(1));
        let fault =
            simulation.add_fault(Fault::always(FaultKind::Error(EMFILE), |site| site.verb == Verb::Open));
        let flights: Rc<RefCell<Option<Rc<Flights>>>> = Rc::default();
        let opened: Rc<RefCell<Option<Result<(), DiskError>>>> = Rc::default();
        let (seen, outcome) = (flights.clone(), opened.clone());
        simulation.add_node::<Mail>("node", 1, move |_seat| {
            let (seen, outcome) = (seen.clone(), outcome.clone());
            Box::pin(async move {
                let directory =
                    LogDirectory::new(shards::Directory::open("/d").await.expect("no fault of it"));
                seen.replace(Some(directory.flights.clone()));
                outcome.replace(Some(directory.open("file", OpenMode::CreateNew).await.map(drop)));
            })
        });
        for _ in 0..100 {
            simulation.run_for(Duration::from_secs(1));
            let flights = flights.borrow().clone().expect("the node runs");
            let now_ns = simulation.world().monotonic_ns();
            assert!(flights.oldest_began_ns().is_none_or(|began_ns| now_ns - began_ns < 1_000_000_000));
            assert_eq!(*opened.borrow(), None);
        }
        simulation.remove_fault(fault);
        simulation.run_for(Duration::from_secs(1));
        assert_eq!(*opened.borrow(), Some(Ok(())));
    }
}
