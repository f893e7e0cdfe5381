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

fn translate(error: IoError) -> DiskError {
    match error {
        IoError::NotFound { path } => DiskError::NotFound { path },
        IoError::AlreadyExists { path } => DiskError::AlreadyExists { path },
        IoError::NoSpace { path } => DiskError::NoSpace { path },
        IoError::PermissionDenied { path } => DiskError::PermissionDenied { path },
        IoError::Locked { path } => DiskError::Locked { path },
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
        io(&self.flights, self.directory.lock())
    }

    fn list<'a>(&'a self, path: &'a str) -> Io<'a, Vec<DirectoryEntry>> {
        io(&self.flights, async move {
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
        io(&self.flights, self.directory.sync_directory(path))
    }

    fn sync_file_system(&self) -> Io<'_, ()> {
        io(&self.flights, self.directory.sync_file_system())
    }

    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> Io<'a, Rc<dyn File>> {
        io(&self.flights, async move {
            let file = self.directory.open_file(path, open_mode(mode)).await?;
            Ok(Rc::new(LogFile { file, flights: self.flights.clone() }) as Rc<dyn File>)
        })
    }

    fn read_small<'a>(&'a self, path: &'a str, limit: usize) -> Io<'a, Vec<u8>> {
        io(&self.flights, self.directory.read_small(path, limit))
    }

    fn write_small<'a>(&'a self, path: &'a str, content: Vec<u8>) -> Io<'a, ()> {
        io(&self.flights, self.directory.write_small(path, content))
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
