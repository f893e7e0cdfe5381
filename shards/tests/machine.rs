//! The real machine, end to end: every test with one shard, with two, and with more shards than cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all, join3};
use logan_shards::{
    AlignedBuffer, Class, Connection, Directory, Flushing, Handoff, IoError, Listener, Mesh, NetError,
    OpenMode, Queue, RealOptions, Seat, ShardId, run, sleep, spawn, timeout, yield_if_needed, yield_now,
};

/// The number of shards is nothing that any of these may depend on.
macro_rules! with_each_number_of_shards {
    ($($test:ident,)*) => {
        with_each_number_of_shards!(one_shard: 1; $($test,)*);
        with_each_number_of_shards!(two_shards: 2; $($test,)*);
        with_each_number_of_shards!(more_shards_than_cores: super::cores() + 1; $($test,)*);
    };
    ($number:ident: $shards:expr; $($test:ident,)*) => {
        mod $number {
            $(
                #[test]
                fn $test() {
                    super::$test($shards);
                }
            )*
        }
    };
}

with_each_number_of_shards! {
    tasks_give_their_output_and_end_when_dropped,
    a_timeout_ends_what_takes_too_long_and_nothing_else,
    mail_arrives_in_order,
    a_class_without_credit_does_not_stop_the_others,
    messages_that_nobody_received_are_dropped_with_the_node,
    a_stop_reaches_every_shard,
    files_keep_what_is_written,
    names_behave_and_errors_are_told_apart,
    plain_files_take_any_position_and_length,
    a_lock_belongs_to_the_process_and_outlives_no_run,
    a_lock_that_may_not_be_taken_is_nobody_elses,
    a_lock_that_hangs_keeps_nobody_from_another,
    a_read_at_the_end_of_a_file_that_grows_meanwhile_is_no_fault_of_the_disk,
    a_dropped_write_keeps_its_memory_until_it_has_landed,
    bytes_come_back_whole_whatever_their_number,
    refusals_and_taken_ports_have_names,
    a_peer_that_came_over_ipv4_has_an_address_of_ipv4,
    those_who_connect_do_not_keep_the_others_from_their_turn,
    shards_share_a_port_and_hand_connections_over,
    a_busy_task_that_yields_lets_others_run,
    queues_get_their_shares_of_the_core,
    a_waker_that_outlives_its_shard_wakes_nothing,
    every_shard_is_told_the_same_memory,
    syncs_of_one_device_leave_workers_for_others,
}

fn cores() -> u16 {
    std::thread::available_parallelism().unwrap().get() as u16
}

fn options(shards: u16) -> RealOptions {
    RealOptions { shards, ..RealOptions::standard() }
}

/// Runs `main` on every shard, each with its own clone of `given`.
fn on_shards<M, G, F>(shards: u16, given: G, main: impl Fn(Seat<M>, G) -> F + Clone + Send + 'static)
where
    M: Send + 'static,
    G: Clone + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    run(options(shards), move |seat| -> LocalBoxFuture<'static, ()> {
        main(seat, given.clone()).boxed_local()
    })
    .unwrap();
}

struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, shards: u16) -> Self {
        let path = std::env::temp_dir().join(format!("logan-shards-{name}-{shards}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs `main` on every shard, each with a folder of its own.
fn in_folders<F>(shards: u16, name: &str, main: impl Fn(String) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let scratch = Scratch::new(name, shards);
    on_shards::<(), _, _>(shards, scratch.path(), move |seat, path| {
        let path = format!("{path}/{}", seat.shard.0);
        std::fs::create_dir(&path).unwrap();
        main(path)
    });
}

fn tasks_give_their_output_and_end_when_dropped(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let doubled = spawn(Queue::Produce, async { 21 * 2 });
        assert_eq!(doubled.await, 42);
        let reached = Rc::new(Cell::new(false));
        let task = spawn(Queue::Background, {
            let reached = reached.clone();
            async move {
                sleep(Duration::from_millis(5)).await;
                reached.set(true);
            }
        });
        drop(task);
        spawn(Queue::Control, {
            let reached = reached.clone();
            async move {
                sleep(Duration::from_millis(10)).await;
                assert!(!reached.replace(true), "a dropped task does not run on");
            }
        })
        .detach();
        let does = async {
            while !reached.get() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), does).await.expect("a detached task does");
    });
}

fn a_timeout_ends_what_takes_too_long_and_nothing_else(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        assert!(timeout(Duration::from_millis(5), sleep(Duration::from_mins(1))).await.is_err());
        assert_eq!(timeout(Duration::from_mins(1), async { 1 }).await, Ok(1));
        let start = logan_shards::monotonic_ns();
        sleep(Duration::from_millis(20)).await;
        assert!(logan_shards::monotonic_ns() - start >= 20_000_000);
    });
}

/// Every shard sends numbers to every shard in each class, with a lane of 4, and all arrive once and in order.
fn mail_arrives_in_order(shards: u16) {
    let count = if shards > cores() { 1_000 } else { 10_000 };
    let received = Arc::new(AtomicU64::new(0));
    let total = u64::from(shards) * u64::from(shards) * 3 * count;
    let main = {
        let received = received.clone();
        move |seat: Seat<u64>| -> LocalBoxFuture<'static, ()> {
            let received = received.clone();
            async move {
                let mut senders = Vec::new();
                for to in (0..seat.shards).map(ShardId) {
                    for class in Class::BY_URGENCY {
                        let mesh = seat.mesh.clone();
                        senders.push(spawn(Queue::Produce, async move {
                            for number in 0..count {
                                let credit = mesh.admit(to, class).await;
                                mesh.send(credit, number);
                            }
                        }));
                    }
                }
                let mut next = vec![0; usize::from(seat.shards) * 3];
                let mut mail = Vec::new();
                while next.iter().sum::<u64>() < u64::from(seat.shards) * 3 * count {
                    seat.mesh.receive(&mut mail).await;
                    seat.mesh.check();
                    for letter in mail.drain(..) {
                        let expected = &mut next[usize::from(letter.from.0) * 3 + letter.class as usize];
                        assert_eq!(letter.message, *expected);
                        *expected += 1;
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                }
                join_all(senders).await;
            }
            .boxed_local()
        }
    };
    let mut options = options(shards);
    options.lane_capacity.client = 4;
    options.lane_capacity.internal = 4;
    options.lane_capacity.reply = 4;
    run(options, main).unwrap();
    assert_eq!(received.load(Ordering::Relaxed), total);
}

/// Sends more than the lane to a shard takes, and raises `sent` when it is full.
async fn fill_lane(mesh: Mesh<&'static str>, to: ShardId, sent: Arc<AtomicU64>) {
    for _ in 0..2 {
        mesh.send(mesh.admit(to, Class::Client).await, "client");
    }
    assert!(mesh.try_admit(to, Class::Client).is_none(), "the lane is full");
    let waits = timeout(Duration::from_millis(20), mesh.admit(to, Class::Client)).await;
    assert!(waits.is_err(), "and asking waits");
    mesh.send(mesh.try_admit(to, Class::Reply).unwrap(), "reply");
    sent.store(1, Ordering::SeqCst);
    let credit = mesh.admit(to, Class::Client).await;
    drop(credit);
    let again = mesh.try_admit(to, Class::Client);
    assert!(again.is_some(), "an unused credit goes back");
    mesh.send(again.unwrap(), "last");
}

async fn empty_lane(mesh: Mesh<&'static str>, sent: Arc<AtomicU64>) {
    while sent.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let mut mail = Vec::new();
    mesh.receive(&mut mail).await;
    let order: Vec<_> = mail.iter().map(|letter| letter.message).collect();
    assert_eq!(order, ["reply", "client", "client"], "replies come first");
    mail.clear();
    mesh.receive(&mut mail).await;
    assert_eq!(mail[0].message, "last");
}

fn a_class_without_credit_does_not_stop_the_others(shards: u16) {
    let mut options = options(shards);
    options.lane_capacity.client = 2;
    let sent = Arc::new(AtomicU64::new(0));
    let main = move |seat: Seat<&'static str>| -> LocalBoxFuture<'static, ()> {
        let sent = sent.clone();
        async move {
            // With one shard, it has the lane to itself.
            let to = ShardId(seat.shards - 1);
            let receiving =
                (seat.shard == to).then(|| spawn(Queue::Fetch, empty_lane(seat.mesh.clone(), sent.clone())));
            if seat.shard.0 == 0 {
                fill_lane(seat.mesh, to, sent).await;
            }
            if let Some(receiving) = receiving {
                receiving.await;
            }
        }
        .boxed_local()
    };
    run(options, main).unwrap();
}

fn messages_that_nobody_received_are_dropped_with_the_node(shards: u16) {
    let alive = Arc::new(());
    on_shards::<Arc<()>, _, _>(shards, alive.clone(), |seat, alive| async move {
        let to = ShardId((seat.shard.0 + 1) % seat.shards);
        for _ in 0..3 {
            seat.mesh.send(seat.mesh.admit(to, Class::Internal).await, alive.clone());
        }
    });
    assert_eq!(Arc::strong_count(&alive), 1);
}

fn a_stop_reaches_every_shard(shards: u16) {
    on_shards::<(), _, _>(shards, (), |seat, ()| async move {
        if seat.shard.0 == seat.shards / 2 {
            // The only one that can know: another may start after the request.
            assert!(!seat.stop.is_requested());
            sleep(Duration::from_millis(10)).await;
            seat.stop.request();
        }
        seat.stop.wait().await;
        assert!(seat.stop.is_requested());
    });
}

fn files_keep_what_is_written(shards: u16) {
    in_folders(shards, "files", |path| async move {
        let directory = Directory::open(&path).await.unwrap();
        directory.make_directory("t-0").await.unwrap();
        let file = directory.open_file("t-0/1.log", OpenMode::CreateNew).await.unwrap();
        file.allocate(0, 1 << 20).await.unwrap();
        assert_eq!(file.length().await.unwrap(), 1 << 20);
        let before = file.prepared_until(0, 1 << 20).await.unwrap();
        assert_eq!(before, 0, "reserved is not written");
        let writes = (0..16u64).map(|at| {
            let mut buffer = directory.buffer(8192);
            buffer.bytes_mut().fill(at as u8);
            file.write(at * 8192, buffer.seal())
        });
        for result in join_all(writes).await {
            result.unwrap();
        }
        file.sync_data().await.unwrap();
        if directory.flushing() == Flushing::Shared {
            assert_eq!(file.prepared_until(0, 1 << 20).await.unwrap(), 16 * 8192);
            assert_eq!(file.prepared_until(4096, 12288).await.unwrap(), 12288);
        }
        let read = file.read(8192, 16384).await.unwrap();
        assert!(read[..8192].iter().all(|b| *b == 1) && read[8192..].iter().all(|b| *b == 2));
        file.set_length(10_000).await.unwrap();
        assert_eq!(file.read(0, 65536).await.unwrap().len(), 10_000, "shorter at the end");
        assert_eq!(file.read(12288, 4096).await.unwrap().len(), 0);
        let again = directory.open_file("t-0/1.log", OpenMode::Existing).await.unwrap();
        assert_eq!(again.number(), file.number());
        directory.sync_directory("t-0").await.unwrap();
        directory.sync_file_system().await.unwrap();
    });
}

fn names_behave_and_errors_are_told_apart(shards: u16) {
    in_folders(shards, "names", |path| async move {
        let directory = Directory::open(&format!("{path}/made/below")).await.unwrap();
        let missing = directory.open_file("none", OpenMode::Existing).await.err().unwrap();
        assert!(matches!(&missing, IoError::NotFound { path } if path.ends_with("below/none")), "{missing}");
        drop(directory.open_file("a", OpenMode::CreateNew).await.unwrap());
        let twice = directory.open_file("a", OpenMode::CreateNew).await.err().unwrap();
        assert!(matches!(twice, IoError::AlreadyExists { .. }), "{twice}");
        directory.write_small("meta", b"one".to_vec()).await.unwrap();
        directory.write_small("meta", b"two!".to_vec()).await.unwrap();
        assert_eq!(directory.read_small("meta", 4).await.unwrap(), b"two!");
        assert!(matches!(directory.read_small("meta", 3).await, Err(IoError::Failed { .. })));
        directory.make_directory("d").await.unwrap();
        directory.rename("meta", "d/meta").await.unwrap();
        assert!(directory.exists("d/meta").await.unwrap() && !directory.exists("meta").await.unwrap());
        assert!(matches!(directory.remove_directory("d").await, Err(IoError::Failed { .. })), "not empty");
        let names: Vec<_> =
            directory.list("").await.unwrap().into_iter().map(|e| (e.name, e.is_directory)).collect();
        assert_eq!(names, [("a".to_owned(), false), ("d".to_owned(), true)]);
        directory.remove_file("d/meta").await.unwrap();
        directory.remove_directory("d").await.unwrap();
        assert!(directory.free_space().await.unwrap() > 0);
    });
}

fn plain_files_take_any_position_and_length(shards: u16) {
    in_folders(shards, "plain", |path| async move {
        let directory = Directory::open(&path).await.unwrap();
        let file = directory.open_plain("raft.log", OpenMode::CreateNew).await.unwrap();
        file.write_at(0, b"hello ".to_vec()).await.unwrap();
        file.write_at(6, b"world".to_vec()).await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.read_at(0, usize::MAX).await.unwrap(), b"hello world");
        assert_eq!(file.read_at(4, 3).await.unwrap(), b"o w");
        assert_eq!(file.read_at(50, 3).await.unwrap(), b"");
        file.set_length(5).await.unwrap();
        assert_eq!(file.length().await.unwrap(), 5);
    });
}

/// Whether a lock of the kind that Java takes (POSIX, as another process would) finds the file locked.
fn held_by_another(path: &str) -> bool {
    use std::os::fd::AsRawFd;
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    // SAFETY: all-zero bytes are a valid value of this plain structure: the whole file.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = libc::F_WRLCK as libc::c_short;
    // SAFETY: `request` is valid for reading and writing.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut request) }, 0);
    i32::from(request.l_type) != libc::F_UNLCK
}

/// The ring of a shard that has ended lets go of the lock in the background, and here a shard may end before another begins.
async fn lock_patiently(directory: &Directory) {
    for _ in 0..500 {
        if directory.lock().await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    directory.lock().await.unwrap();
}

fn a_lock_belongs_to_the_process_and_outlives_no_run(shards: u16) {
    let scratch = Scratch::new("lock", shards);
    on_shards::<(), _, _>(shards, scratch.path(), |_seat, path| async move {
        let directory = Directory::open(&path).await.unwrap();
        lock_patiently(&directory).await;
        directory.lock().await.unwrap();
        assert!(held_by_another(&format!("{path}/.lock")));
    });
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
        let directory = Directory::open(&path).await.unwrap();
        lock_patiently(&directory).await;
    });
}

fn a_lock_that_may_not_be_taken_is_nobody_elses(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        // Nobody may make files there, root neither.
        let directory = Directory::open("/sys").await.unwrap();
        let refused = directory.lock().await.unwrap_err();
        assert!(matches!(refused, IoError::PermissionDenied { .. }), "{refused}");
    });
}

/// Of fcntl(2); not in `libc` for this target.
const F_SETSIG: libc::c_int = 10;

/// Gives a file a lease, so that whoever opens it waits until it is given back, as for a device that does not answer.
fn lease(file: &std::fs::File, kind: i32) {
    use std::os::fd::AsRawFd;
    // Whoever has the lease is told of the wait by a signal, which is ignored if it is this one.
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) }, 0);
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) }, 0, "a lease is given");
}

fn a_lock_that_hangs_keeps_nobody_from_another(shards: u16) {
    in_folders(shards, "hanging-lock", |path| async move {
        std::fs::create_dir(format!("{path}/hangs")).unwrap();
        let file = std::fs::File::create_new(format!("{path}/hangs/.lock")).unwrap();
        lease(&file, libc::F_WRLCK);
        let directory = Directory::open(&format!("{path}/hangs")).await.unwrap();
        let other = Directory::open(&format!("{path}/other")).await.unwrap();
        let waits = spawn(Queue::Control, async move { directory.lock().await });
        sleep(Duration::from_millis(100)).await;
        // The kernel breaks a lease after 45 s.
        timeout(Duration::from_secs(20), other.lock()).await.expect("it does not wait").unwrap();
        lease(&file, libc::F_UNLCK);
        waits.await.unwrap();
    });
}

fn a_read_at_the_end_of_a_file_that_grows_meanwhile_is_no_fault_of_the_disk(shards: u16) {
    in_folders(shards, "growing", |path| async move {
        let directory = Directory::open(&path).await.unwrap();
        let file = directory.open_file("f", OpenMode::CreateNew).await.unwrap();
        let mut buffer = directory.buffer(8192);
        buffer.bytes_mut().fill(7);
        file.write(0, buffer.seal()).await.unwrap();
        let mut stopped = 0;
        for _ in 0..200 {
            file.set_length(5000).await.unwrap();
            // The cut has left a page to be written, for which a read waits, and would come after what is submitted behind it.
            file.sync_data().await.unwrap();
            let busy = async {
                // Long enough for the turn to end in the ring, where both are submitted.
                std::thread::sleep(Duration::from_micros(200));
                yield_now().await;
                // Long enough for both to be done before either is looked at.
                std::thread::sleep(Duration::from_millis(2));
            };
            let (read, grown, ()) = join3(file.read(0, 8192), file.allocate(4096, 1 << 20), busy).await;
            grown.unwrap();
            let read = read.expect("the file ended there when it was read");
            assert!(read[..5000].iter().all(|byte| *byte == 7) && [5000, 8192].contains(&read.len()));
            stopped += u32::from(read.len() == 5000);
        }
        assert!(stopped > 0, "no read was before the end moved");
    });
}

fn a_dropped_write_keeps_its_memory_until_it_has_landed(shards: u16) {
    in_folders(shards, "dropped", |path| async move {
        let directory = Directory::open(&path).await.unwrap();
        let file = directory.open_file("f", OpenMode::CreateNew).await.unwrap();
        for round in 0..50u64 {
            let mut buffer = AlignedBuffer::take(1 << 20);
            buffer.bytes_mut().fill(7);
            let write = spawn(Queue::Produce, {
                let directory = directory.clone();
                async move {
                    let file = directory.open_file("f", OpenMode::Existing).await.unwrap();
                    file.write(round << 20, buffer.seal()).await
                }
            });
            sleep(Duration::from_micros(200)).await;
            drop(write);
            // Memory that came home too early would be overwritten here, and the file would show it.
            let mut other = AlignedBuffer::take(1 << 20);
            other.bytes_mut().fill(9);
        }
        sleep(Duration::from_millis(50)).await;
        let length = file.length().await.unwrap();
        for position in (0..length).step_by(1 << 20) {
            let read = file.read(position, 1 << 20).await.unwrap();
            assert!(read.iter().all(|byte| *byte == 7 || *byte == 0), "a write took somebody else's bytes");
        }
    });
}

async fn echo(mut connection: Connection) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(NetError::Lost { .. }) => return,
            Ok(got) => connection.write_all(&[Bytes::copy_from_slice(&buffer[..got])]).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn bytes_come_back_whole_whatever_their_number(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_address();
        spawn(Queue::Produce, async move {
            loop {
                spawn(Queue::Produce, echo(listener.accept().await.unwrap())).detach();
            }
        })
        .detach();
        let connection = Connection::connect(&address).await.unwrap();
        assert_eq!(connection.peer_address(), address);
        let (mut reader, mut writer) = connection.split();
        // More slices than one system call takes, some empty, and more bytes than the sockets hold.
        let slices: Vec<Bytes> =
            (0..5000u32).map(|n| Bytes::from(vec![n as u8; (n as usize * 37) % 4096])).collect();
        let expected: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let write = spawn(Queue::Produce, async move {
            writer.write_all(&slices).await.unwrap();
            writer
        });
        let mut got = Vec::new();
        let mut buffer = vec![0; 100_000];
        // The three ways to read, in turn. The last fills its small buffer first and goes on beyond it.
        let mut went_beyond = false;
        for way in (0..3).cycle() {
            if got.len() >= expected.len() {
                break;
            }
            let mut appended = BytesMut::new();
            let count = match way {
                0 => reader.read(&mut buffer).await.unwrap(),
                1 => reader.receive::<4096>(&mut appended).await.unwrap(),
                _ => reader.read_and_beyond::<4096>(&mut buffer[..3000], &mut appended).await.unwrap(),
            };
            assert!(count > 0, "the echo ended early");
            if way != 1 {
                got.extend_from_slice(&buffer[..count]);
                assert!(appended.is_empty() || count == 3000, "{count} bytes and {} beyond", appended.len());
                went_beyond |= !appended.is_empty();
            }
            got.extend_from_slice(&appended);
        }
        assert!(got == expected, "bytes differ");
        assert!(went_beyond, "something was there beyond the buffer");
        let writer = write.await;
        writer.shutdown();
        assert_eq!(reader.read(&mut buffer).await.unwrap_or(0), 0);
    });
}

fn refusals_and_taken_ports_have_names(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap().to_string();
        assert!(matches!(Listener::bind(&taken), Err(NetError::AddressInUse { .. })));
        drop(other);
        assert!(matches!(Connection::connect(&taken).await, Err(NetError::Refused { .. })));
        assert!(matches!(Listener::bind("no port"), Err(NetError::BadAddress { .. })));
        assert!(matches!(Listener::bind("192.0.2.1:0"), Err(NetError::BadAddress { .. })));
    });
}

fn a_peer_that_came_over_ipv4_has_an_address_of_ipv4(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let listener = match Listener::bind("[::]:0") {
            Ok(listener) => listener,
            // A machine without IPv6 cannot map anything to it.
            Err(NetError::Failed { errno: libc::EAFNOSUPPORT, .. } | NetError::BadAddress { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        let port = listener.local_address().rsplit_once(':').unwrap().1.to_owned();
        let client = Connection::connect(&format!("127.0.0.1:{port}")).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.peer_address(), client.local_address());
        assert_eq!(accepted.local_address(), client.peer_address());
        assert_eq!(logan_shards::host_of(&accepted.peer_address()), "127.0.0.1");
    });
}

fn those_who_connect_do_not_keep_the_others_from_their_turn(shards: u16) {
    const CLIENTS: usize = 1000;
    on_shards::<(), _, _>(shards, (), |seat, ()| async move {
        let clients_here = CLIENTS / usize::from(seat.shards);
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_address();
        let clients: Vec<_> =
            (0..clients_here).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
        let turns = Rc::new(Cell::new(0));
        let other = spawn(Queue::Fetch, {
            let turns = turns.clone();
            async move {
                loop {
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            }
        });
        let before = turns.get();
        for _ in 0..clients_here {
            listener.accept().await.unwrap();
        }
        assert!(turns.get() > before, "nobody else had a turn");
        drop((other, clients));
    });
}

/// Serves whatever is handed over to this shard, and counts it.
async fn serve(mesh: Mesh<Handoff>, served: Arc<AtomicU64>) {
    let mut mail = Vec::new();
    loop {
        mesh.receive(&mut mail).await;
        for letter in mail.drain(..) {
            spawn(Queue::Produce, echo(Connection::adopt(letter.message))).detach();
            served.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Hands the connections of a listener over, to one shard after the other.
async fn hand_over(listener: Listener, mesh: Mesh<Handoff>, turn: Rc<Cell<u16>>) {
    loop {
        let connection = listener.accept().await.unwrap();
        let to = ShardId(turn.get());
        turn.set((turn.get() + 1) % mesh.shards());
        let credit = mesh.admit(to, Class::Client).await;
        mesh.send(credit, connection.into_handoff());
    }
}

fn shards_share_a_port_and_hand_connections_over(shards: u16) {
    const EACH: u64 = 10;
    let served: Vec<_> = (0..shards).map(|_| Arc::new(AtomicU64::new(0))).collect();
    on_shards::<Handoff, _, _>(shards, served.clone(), |seat, served| async move {
        spawn(Queue::Control, serve(seat.mesh.clone(), served[usize::from(seat.shard.0)].clone())).detach();
        if seat.shard.0 != 0 {
            return seat.stop.wait().await;
        }
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_address();
        let second = Listener::bind(&address).unwrap();
        assert_eq!(second.local_address(), address);
        let turn = Rc::new(Cell::new(0));
        for listener in [listener, second] {
            spawn(Queue::Control, hand_over(listener, seat.mesh.clone(), turn.clone())).detach();
        }
        let clients = (0..EACH * u64::from(seat.shards)).map(|n| {
            let n = n as u8;
            let address = address.clone();
            spawn(Queue::Fetch, async move {
                let mut connection = Connection::connect(&address).await.unwrap();
                connection.write_all(&[Bytes::from(vec![n; 10])]).await.unwrap();
                let mut buffer = [0; 10];
                let mut got = 0;
                while got < 10 {
                    got += connection.read(&mut buffer[got..]).await.unwrap();
                }
                assert_eq!(buffer, [n; 10]);
            })
        });
        join_all(clients).await;
        seat.stop.request();
    });
    for served in served {
        assert_eq!(served.load(Ordering::SeqCst), EACH);
    }
}

fn a_busy_task_that_yields_lets_others_run(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let tasks = ["a", "b"].map(|name| {
            let log = log.clone();
            spawn(Queue::Produce, async move {
                for _ in 0..3 {
                    log.borrow_mut().push(name);
                    yield_now().await;
                }
            })
        });
        join_all(tasks).await;
        assert_eq!(*log.borrow(), ["a", "b", "a", "b", "a", "b"]);
    });
}

fn queues_get_their_shares_of_the_core(shards: u16) {
    on_shards::<(), _, _>(shards, (), |_seat, ()| async {
        let worked = Rc::new(Cell::new([0_u64; 2]));
        let tasks = [Queue::Produce, Queue::Background].map(|queue| {
            let worked = worked.clone();
            spawn(queue, async move {
                loop {
                    let until = logan_shards::monotonic_ns() + 20_000;
                    while logan_shards::monotonic_ns() < until {}
                    let mut both = worked.get();
                    both[usize::from(queue == Queue::Background)] += 1;
                    worked.set(both);
                    yield_if_needed().await;
                }
            })
        });
        sleep(Duration::from_millis(500)).await;
        drop(tasks);
        let [produce, background] = worked.get();
        // 1000 shares to 100.
        assert!(background > 0 && produce > 5 * background, "{produce} : {background}");
    });
}

fn a_waker_that_outlives_its_shard_wakes_nothing(shards: u16) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    on_shards::<(), _, _>(shards, kept.clone(), |_seat, kept| async move {
        let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
        kept.lock().unwrap().push(waker);
    });
    // Under the address sanitizer this also shows that nothing is kept for a shard that will never take it.
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    assert_eq!(kept.len(), usize::from(shards));
    for waker in kept {
        waker.wake_by_ref();
        waker.wake();
    }
}

fn every_shard_is_told_the_same_memory(shards: u16) {
    let told = Arc::new(Mutex::new(Vec::new()));
    on_shards::<(), _, _>(shards, told.clone(), |_seat, told| async move {
        told.lock().unwrap().push(logan_shards::memory_bytes().expect("Linux says"));
    });
    let told = told.lock().unwrap();
    assert_eq!(*told, vec![told[0]; usize::from(shards)]);
    assert!(told[0] >= 64 << 20, "{} bytes are not what a machine has", told[0]);
}

/// The kernel's workers of the calling thread's ring.
fn workers() -> usize {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let name = format!("iou-wrk-{}", thread.file_name().unwrap().to_str().unwrap());
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.filter(|comm| comm.trim() == name).count()
}

/// A hung device keeps what it has, so it must not have all.
fn syncs_of_one_device_leave_workers_for_others(shards: u16) {
    let files_each = 200 / usize::from(shards).min(4);
    let most = Arc::new(AtomicU64::new(0));
    let seen = most.clone();
    in_folders(shards, "workers", move |path| syncs_of_one_device(path, files_each, seen.clone()));
    let most = most.load(Ordering::Relaxed);
    println!("{most} workers");
    assert!((1..=24).contains(&most), "{most} workers");
}

/// Syncs so many files at once; raises `most` to the kernel's workers that this took.
async fn syncs_of_one_device(path: String, files: usize, most: Arc<AtomicU64>) {
    let directory = Directory::open(&path).await.unwrap();
    let mut opened = Vec::new();
    for number in 0..files {
        let name = format!("file-{number}");
        // Through the page cache, so that the sync has something to do.
        std::fs::write(format!("{path}/{name}"), vec![1; 256 << 10]).unwrap();
        opened.push(directory.open_file(&name, OpenMode::Existing).await.unwrap());
    }
    let watching = spawn(Queue::Control, async move {
        loop {
            most.fetch_max(workers() as u64, Ordering::Relaxed);
            sleep(Duration::from_micros(500)).await;
        }
    });
    let work = opened.iter().map(|file| async {
        file.sync_data().await.unwrap();
        file.allocate(256 << 10, 1 << 20).await.unwrap();
    });
    join_all(work).await;
    drop(watching);
}
