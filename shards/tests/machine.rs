//! The real machine, end to end: one shard, two, and more shards than cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all, join3};
use logan_shards::{
    AlignedBuffer, Class, Connection, Directory, Flushing, Handoff, IoError, Listener, NetError, OpenMode,
    Queue, RealOptions, Seat, ShardId, run, sleep, spawn, timeout, yield_if_needed, yield_now,
};

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
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("logan-shards-{name}-{}", std::process::id()));
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

#[test]
fn tasks_give_their_output_and_end_when_dropped() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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
        sleep(Duration::from_millis(30)).await;
        assert!(reached.get(), "a detached task does");
    });
}

#[test]
fn a_timeout_ends_what_takes_too_long_and_nothing_else() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
        assert!(timeout(Duration::from_millis(5), sleep(Duration::from_mins(1))).await.is_err());
        assert_eq!(timeout(Duration::from_mins(1), async { 1 }).await, Ok(1));
        let start = logan_shards::monotonic_ns();
        sleep(Duration::from_millis(20)).await;
        assert!(logan_shards::monotonic_ns() - start >= 20_000_000);
    });
}

/// Every shard sends `count` numbers to every shard in each class, with a lane of 4, and all arrive once and in order.
fn everyone_to_everyone(shards: u16, count: u64) {
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

#[test]
fn mail_arrives_in_order_on_one_shard() {
    everyone_to_everyone(1, 10_000);
}

#[test]
fn mail_arrives_in_order_between_two_shards() {
    everyone_to_everyone(2, 10_000);
}

#[test]
fn mail_arrives_in_order_between_more_shards_than_cores() {
    let cores = std::thread::available_parallelism().unwrap().get() as u16;
    everyone_to_everyone(2 * cores + 1, 1_000);
}

#[test]
fn a_class_without_credit_does_not_stop_the_others() {
    let mut options = options(2);
    options.lane_capacity.client = 2;
    let sent = Arc::new(AtomicU64::new(0));
    let main = move |seat: Seat<&'static str>| -> LocalBoxFuture<'static, ()> {
        let sent = sent.clone();
        async move {
            let to = ShardId(1 - seat.shard.0);
            if seat.shard.0 == 0 {
                for _ in 0..2 {
                    seat.mesh.send(seat.mesh.admit(to, Class::Client).await, "client");
                }
                assert!(seat.mesh.try_admit(to, Class::Client).is_none(), "the lane is full");
                let waits = timeout(Duration::from_millis(20), seat.mesh.admit(to, Class::Client)).await;
                assert!(waits.is_err(), "and asking waits");
                seat.mesh.send(seat.mesh.try_admit(to, Class::Reply).unwrap(), "reply");
                sent.store(1, Ordering::SeqCst);
                let credit = seat.mesh.admit(to, Class::Client).await;
                drop(credit);
                let again = seat.mesh.try_admit(to, Class::Client);
                assert!(again.is_some(), "an unused credit goes back");
                seat.mesh.send(again.unwrap(), "last");
            } else {
                while sent.load(Ordering::SeqCst) == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
                let mut mail = Vec::new();
                seat.mesh.receive(&mut mail).await;
                let order: Vec<_> = mail.iter().map(|letter| letter.message).collect();
                assert_eq!(order, ["reply", "client", "client"], "replies come first");
                mail.clear();
                seat.mesh.receive(&mut mail).await;
                assert_eq!(mail[0].message, "last");
            }
        }
        .boxed_local()
    };
    run(options, main).unwrap();
}

#[test]
fn messages_that_nobody_received_are_dropped_with_the_node() {
    let alive = Arc::new(());
    on_shards::<Arc<()>, _, _>(2, alive.clone(), |seat, alive| async move {
        let to = ShardId(1 - seat.shard.0);
        for _ in 0..3 {
            seat.mesh.send(seat.mesh.admit(to, Class::Internal).await, alive.clone());
        }
    });
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_stop_reaches_every_shard() {
    on_shards::<(), _, _>(3, (), |seat, ()| async move {
        if seat.shard.0 == 1 {
            // The only one that can know: another may start after the request.
            assert!(!seat.stop.is_requested());
            sleep(Duration::from_millis(10)).await;
            seat.stop.request();
        }
        seat.stop.wait().await;
        assert!(seat.stop.is_requested());
    });
}

#[test]
fn files_keep_what_is_written() {
    let scratch = Scratch::new("files");
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
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

#[test]
fn names_behave_and_errors_are_told_apart() {
    let scratch = Scratch::new("names");
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
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

#[test]
fn plain_files_take_any_position_and_length() {
    let scratch = Scratch::new("plain");
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
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

#[test]
fn a_lock_belongs_to_the_process_and_outlives_no_run() {
    let scratch = Scratch::new("lock");
    on_shards::<(), _, _>(2, scratch.path(), |_seat, path| async move {
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

#[test]
fn a_lock_that_may_not_be_taken_is_nobody_elses() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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

#[test]
fn a_lock_that_hangs_keeps_nobody_from_another() {
    let scratch = Scratch::new("hanging-lock");
    let hangs = scratch.0.join("hangs");
    std::fs::create_dir(&hangs).unwrap();
    let file = Arc::new(std::fs::File::create_new(hangs.join(".lock")).unwrap());
    lease(&file, libc::F_WRLCK);
    on_shards::<(), _, _>(1, (scratch.path(), file), |_seat, (path, file)| async move {
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

#[test]
fn a_read_at_the_end_of_a_file_that_grows_meanwhile_is_no_fault_of_the_disk() {
    let scratch = Scratch::new("growing");
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
        let directory = Directory::open(&path).await.unwrap();
        let file = directory.open_file("f", OpenMode::CreateNew).await.unwrap();
        let mut buffer = directory.buffer(8192);
        buffer.bytes_mut().fill(7);
        file.write(0, buffer.seal()).await.unwrap();
        let mut stopped = 0;
        for _ in 0..200 {
            file.set_length(5000).await.unwrap();
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

#[test]
fn a_dropped_write_keeps_its_memory_until_it_has_landed() {
    let scratch = Scratch::new("dropped");
    on_shards::<(), _, _>(1, scratch.path(), |_seat, path| async move {
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

#[test]
fn bytes_come_back_whole_whatever_their_number() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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

#[test]
fn refusals_and_taken_ports_have_names() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap().to_string();
        assert!(matches!(Listener::bind(&taken), Err(NetError::AddressInUse { .. })));
        drop(other);
        assert!(matches!(Connection::connect(&taken).await, Err(NetError::Refused { .. })));
        assert!(matches!(Listener::bind("no port"), Err(NetError::BadAddress { .. })));
        assert!(matches!(Listener::bind("192.0.2.1:0"), Err(NetError::BadAddress { .. })));
    });
}

#[test]
fn a_peer_that_came_over_ipv4_has_an_address_of_ipv4() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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

#[test]
fn those_who_connect_do_not_keep_the_others_from_their_turn() {
    const CLIENTS: usize = 1000;
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_address();
        let clients: Vec<_> = (0..CLIENTS).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
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
        for _ in 0..CLIENTS {
            listener.accept().await.unwrap();
        }
        assert!(turns.get() > before, "nobody else had a turn");
        drop((other, clients));
    });
}

#[test]
fn shards_share_a_port_and_hand_connections_over() {
    let address = Arc::new(Mutex::new(None::<String>));
    let served = Arc::new(AtomicU64::new(0));
    on_shards::<Handoff, _, _>(2, (address, served), |seat, (address, served)| async move {
        if seat.shard.0 == 1 {
            // Whatever is handed over is served here.
            let mut mail = Vec::new();
            while served.load(Ordering::SeqCst) < 20 {
                seat.mesh.receive(&mut mail).await;
                for letter in mail.drain(..) {
                    spawn(Queue::Produce, echo(Connection::adopt(letter.message))).detach();
                    served.fetch_add(1, Ordering::SeqCst);
                }
            }
            seat.stop.wait().await;
            return;
        }
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let second = Listener::bind(&listener.local_address()).unwrap();
        assert_eq!(second.local_address(), listener.local_address());
        *address.lock().unwrap() = Some(listener.local_address());
        let mesh = seat.mesh.clone();
        let target = listener.local_address();
        for listener in [listener, second] {
            let mesh = mesh.clone();
            spawn(Queue::Control, async move {
                loop {
                    let connection = listener.accept().await.unwrap();
                    let credit = mesh.admit(ShardId(1), Class::Client).await;
                    mesh.send(credit, connection.into_handoff());
                }
            })
            .detach();
        }
        let clients = (0..20u8).map(|n| {
            let target = target.clone();
            spawn(Queue::Fetch, async move {
                let mut connection = Connection::connect(&target).await.unwrap();
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
}

#[test]
fn a_busy_task_that_yields_lets_others_run() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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

#[test]
fn queues_get_their_shares_of_the_core() {
    on_shards::<(), _, _>(1, (), |_seat, ()| async {
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

#[test]
fn a_waker_that_outlives_its_shard_wakes_nothing() {
    let kept = Arc::new(Mutex::new(None));
    on_shards::<(), _, _>(1, kept.clone(), |_seat, kept| async move {
        let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
        *kept.lock().unwrap() = Some(waker);
    });
    // Under the address sanitizer this also shows that nothing is kept for a shard that will never take it.
    let waker = kept.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    waker.wake();
}

#[test]
fn every_shard_is_told_the_same_memory() {
    let told = Arc::new(Mutex::new(Vec::new()));
    on_shards::<(), _, _>(2, told.clone(), |_seat, told| async move {
        told.lock().unwrap().push(logan_shards::memory_bytes().expect("Linux says"));
    });
    let told = told.lock().unwrap();
    assert_eq!(told[0], told[1]);
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
#[test]
fn syncs_of_one_device_leave_workers_for_others() {
    const FILES: usize = 200;
    let scratch = Scratch::new("workers");
    let path = scratch.path();
    let most = Arc::new(AtomicU64::new(0));
    on_shards::<(), _, _>(1, (path, most.clone()), |_seat, (path, most)| async move {
        let directory = Directory::open(&path).await.unwrap();
        let mut files = Vec::new();
        for number in 0..FILES {
            let name = format!("file-{number}");
            // Through the page cache, so that the sync has something to do.
            std::fs::write(format!("{path}/{name}"), vec![1; 256 << 10]).unwrap();
            files.push(directory.open_file(&name, OpenMode::Existing).await.unwrap());
        }
        let watching = spawn(Queue::Control, async move {
            loop {
                most.fetch_max(workers() as u64, Ordering::Relaxed);
                sleep(Duration::from_micros(500)).await;
            }
        });
        let work = files.iter().map(|file| async {
            file.sync_data().await.unwrap();
            file.allocate(256 << 10, 1 << 20).await.unwrap();
        });
        join_all(work).await;
        drop(watching);
    });
    let most = most.load(Ordering::Relaxed);
    println!("{most} workers");
    assert!((1..=24).contains(&most), "{most} workers");
}
