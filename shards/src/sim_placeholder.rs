//! The simulated machine is not built in yet: its types have no values.

pub mod task {
    use std::future::Future;
    use std::marker::PhantomData;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use crate::task::Queue;

    pub enum Never {}
    pub struct SimTask<T>(Never, PhantomData<T>);

    impl<T> SimTask<T> {
        pub fn detach(self) {
            match self.0 {}
        }
    }

    impl<T> Future for SimTask<T> {
        type Output = T;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
            match self.0 {}
        }
    }

    impl<T> Unpin for SimTask<T> {}

    pub fn spawn<T: 'static>(_: Queue, _: impl Future<Output = T> + 'static) -> SimTask<T> {
        absent()
    }

    pub async fn yield_now() {
        absent()
    }

    pub(super) fn absent() -> ! {
        panic!("this thread is no shard")
    }
}

pub mod time {
    use std::time::Duration;
    pub fn monotonic_ns() -> u64 {
        super::task::absent()
    }
    pub fn wall_clock_ms() -> i64 {
        super::task::absent()
    }
    pub async fn sleep(_: Duration) {
        super::task::absent()
    }
}

pub mod random {
    pub fn random_u64() -> u64 {
        super::task::absent()
    }
}

pub mod disk {
    use bytes::Bytes;

    use crate::disk::{DirectoryEntry, Flushing, IoError, OpenMode};

    #[derive(Clone)]
    pub enum SimDirectory {}
    pub enum SimFile {}
    pub enum SimPlainFile {}

    impl SimDirectory {
        pub async fn open(_: &str) -> Result<Self, IoError> {
            super::task::absent()
        }
        pub fn path(&self) -> String {
            match *self {}
        }
        pub fn flushing(&self) -> Flushing {
            match *self {}
        }
        pub async fn lock(&self) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn list(&self, _: &str) -> Result<Vec<DirectoryEntry>, IoError> {
            match *self {}
        }
        pub async fn make_directory(&self, _: &str) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn remove_directory(&self, _: &str) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn rename(&self, _: &str, _: &str) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn remove_file(&self, _: &str) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn sync_directory(&self, _: &str) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn sync_file_system(&self) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn open_file(&self, _: &str, _: OpenMode) -> Result<SimFile, IoError> {
            match *self {}
        }
        pub async fn open_plain(&self, _: &str, _: OpenMode) -> Result<SimPlainFile, IoError> {
            match *self {}
        }
        pub async fn read_small(&self, _: &str, _: usize) -> Result<Vec<u8>, IoError> {
            match *self {}
        }
        pub async fn write_small(&self, _: &str, _: Vec<u8>) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn exists(&self, _: &str) -> Result<bool, IoError> {
            match *self {}
        }
        pub async fn free_space(&self) -> Result<u64, IoError> {
            match *self {}
        }
    }

    impl SimFile {
        pub fn number(&self) -> u64 {
            match *self {}
        }
        pub async fn length(&self) -> Result<u64, IoError> {
            match *self {}
        }
        pub async fn write(&self, _: u64, _: Bytes) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn read(&self, _: u64, _: usize) -> Result<Bytes, IoError> {
            match *self {}
        }
        pub async fn sync_data(&self) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn allocate(&self, _: u64, _: u64) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn prepared_until(&self, _: u64, _: u64) -> Result<u64, IoError> {
            match *self {}
        }
        pub async fn set_length(&self, _: u64) -> Result<(), IoError> {
            match *self {}
        }
    }

    impl SimPlainFile {
        pub async fn length(&self) -> Result<u64, IoError> {
            match *self {}
        }
        pub async fn read_at(&self, _: u64, _: usize) -> Result<Vec<u8>, IoError> {
            match *self {}
        }
        pub async fn write_at(&self, _: u64, _: Vec<u8>) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn sync_data(&self) -> Result<(), IoError> {
            match *self {}
        }
        pub async fn set_length(&self, _: u64) -> Result<(), IoError> {
            match *self {}
        }
    }
}

pub mod net {
    use bytes::Bytes;

    use crate::net::NetError;

    pub enum SimListener {}
    pub enum SimConnection {}
    pub enum SimReader {}
    pub enum SimWriter {}
    pub enum SimHandoff {}

    impl SimListener {
        pub fn bind(_: &str) -> Result<Self, NetError> {
            super::task::absent()
        }
        pub fn local_address(&self) -> String {
            match *self {}
        }
        pub async fn accept(&self) -> Result<SimConnection, NetError> {
            match *self {}
        }
    }

    impl SimConnection {
        pub async fn connect(_: &str) -> Result<Self, NetError> {
            super::task::absent()
        }
        pub fn peer_address(&self) -> String {
            match *self {}
        }
        pub fn local_address(&self) -> String {
            match *self {}
        }
        pub async fn read(&mut self, _: &mut [u8]) -> Result<usize, NetError> {
            match *self {}
        }
        pub async fn write_all(&mut self, _: &[Bytes]) -> Result<(), NetError> {
            match *self {}
        }
        pub fn shutdown(&self) {
            match *self {}
        }
        pub fn split(self) -> (SimReader, SimWriter) {
            match self {}
        }
        pub fn into_handoff(self) -> SimHandoff {
            match self {}
        }
        pub fn adopt(handoff: SimHandoff) -> Self {
            match handoff {}
        }
    }

    impl SimReader {
        pub async fn read(&mut self, _: &mut [u8]) -> Result<usize, NetError> {
            match *self {}
        }
        pub fn shutdown(&self) {
            match *self {}
        }
    }

    impl SimWriter {
        pub async fn write_all(&mut self, _: &[Bytes]) -> Result<(), NetError> {
            match *self {}
        }
        pub fn shutdown(&self) {
            match *self {}
        }
    }
}
