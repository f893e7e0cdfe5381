//! Connections of the simulated network, and the ways in which they end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use logan_shards::sim::net::SimConnection;
use logan_shards::sim::{Cut, NodeId, Outcome, PerMillion, SimOptions, Simulation};
use logan_shards::{
    Class, Connection, Handoff, Listener, NetError, Queue, Seat, ShardId, random_u64, sleep, spawn, timeout,
};

const LONG: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

/// What the server saw: how many connections are open, and how each ended.
#[derive(Default)]
struct Seen {
    open: Cell<u32>,
    accepted: RefCell<Vec<ShardId>>,
    received: Cell<u64>,
    ends: RefCell<Vec<Result<(), NetError>>>,
}

/// A node whose shards echo what clients send.
fn echo(simulation: &Simulation, name: &str, shards: u16) -> (NodeId, Rc<Seen>) {
    let seen = Rc::new(Seen::default());
    let shared = seen.clone();
    let node = simulation.add_node::<()>(name, shards, move |seat| {
        let seen = shared.clone();
        Box::pin(async move {
            let listener = Listener::bind("0.0.0.0:9092").unwrap();
            assert_eq!(listener.local_address(), "0.0.0.0:9092");
            loop {
                let connection = listener.accept().await.unwrap();
                seen.accepted.borrow_mut().push(seat.shard);
                let seen = seen.clone();
                spawn(Queue::Produce, serve(connection, seen)).detach();
            }
        })
    });
    (node, seen)
}

async fn serve(connection: Connection, seen: Rc<Seen>) {
    seen.open.set(seen.open.get() + 1);
    let (mut reader, mut writer) = connection.split();
    let mut buffer = vec![0; 10_000];
    let end = loop {
        match reader.read(&mut buffer).await {
            Ok(0) => break Ok(()),
            Ok(count) => {
                seen.received.set(seen.received.get() + count as u64);
                if let Err(error) = writer.write_all(&[Bytes::copy_from_slice(&buffer[..count])]).await {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    seen.open.set(seen.open.get() - 1);
    seen.ends.borrow_mut().push(end);
}

async fn connect(address: &str) -> Connection {
    loop {
        match Connection::connect(address).await {
            Ok(connection) => return connection,
            Err(NetError::Refused { .. }) => sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn bytes_arrive_once_and_in_order_whatever_the_pieces() {
    for seed in 0..40 {
        let simulation = Simulation::new(SimOptions::calm(seed));
        let (_, seen) = echo(&simulation, "server", 2);
        simulation.on_event(Simulation::check);
        simulation.block_on(LONG, async move {
            let mut sent = Vec::new();
            let connection = connect("server:9092").await;
            let (mut reader, mut writer) = connection.split();
            let mut slices: Vec<Vec<Bytes>> = Vec::new();
            for _ in 0..20 {
                let slice = |_| Bytes::from(vec![random_u64() as u8; (random_u64() % 30_000) as usize]);
                slices.push((0..random_u64() % 5).map(slice).collect());
            }
            slices.iter().flatten().for_each(|slice| sent.extend_from_slice(slice));
            let writing = spawn(Queue::Produce, async move {
                for slices in slices {
                    writer.write_all(&slices).await.unwrap();
                }
                writer
            });
            let mut received = Vec::new();
            let mut buffer = vec![0; 5000];
            while received.len() < sent.len() {
                let mut beyond = BytesMut::new();
                let count = match random_u64() % 2 {
                    0 => reader.read(&mut buffer).await.unwrap(),
                    _ => reader.read_and_beyond::<1000>(&mut buffer, &mut beyond).await.unwrap(),
                };
                assert_ne!(count, 0);
                assert!(beyond.is_empty() || count == buffer.len());
                received.extend_from_slice(&buffer[..count]);
                received.extend_from_slice(&beyond);
            }
            assert!(received == sent);
            drop(writing.await);
        });
        simulation.run_until(|| seen.open.get() == 0, LONG);
        assert_eq!(*seen.ends.borrow(), [Ok(())], "the server sees the end");
        assert!(simulation.connections().is_empty());
    }
}

#[test]
fn shards_share_a_port_and_addresses_lead_where_they_say() {
    let simulation = Simulation::new(SimOptions::calm(1));
    let (_, seen) = echo(&simulation, "one", 3);
    simulation.block_on(LONG, async {
        let mut held = Vec::new();
        for _ in 0..30 {
            held.push(connect("one:9092").await);
        }
        let address = held[0].peer_address();
        assert_eq!(connect(&address).await.peer_address(), address);
        assert_eq!(connect("127.0.0.1:9092").await.peer_address(), address);
        assert_ne!(held[0].local_address(), held[1].local_address());
        let refused = Connection::connect("one:9093").await.err();
        assert!(matches!(refused, Some(NetError::Refused { .. })), "{refused:?}");
        for bad in ["one", "one:port", "nowhere:9092", "one:70000"] {
            let error = Connection::connect(bad).await.err();
            assert!(matches!(error, Some(NetError::BadAddress { .. })), "{bad}: {error:?}");
        }
    });
    assert_eq!(seen.accepted.borrow().iter().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn a_writer_waits_for_a_reader_that_does_not_read() {
    let simulation = Simulation::new(SimOptions::calm(1));
    simulation.add_node::<()>("deaf", 1, |_seat| {
        Box::pin(async {
            let listener = Listener::bind("deaf:1").unwrap();
            let _connection = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
        })
    });
    simulation.block_on(LONG, async {
        let mut connection = connect("deaf:1").await;
        let much = [Bytes::from(vec![0; 10 << 20])];
        assert!(timeout(10 * SECOND, connection.write_all(&much)).await.is_err());
    });
    simulation.check();
}

/// A client talks, then the node ends; what the client sees.
fn after_the_end_of_the_server(seed: u64, end: impl Fn(&Simulation, NodeId)) -> Result<usize, NetError> {
    let simulation = Simulation::new(SimOptions::calm(seed));
    let (node, _) = echo(&simulation, "server", 1);
    let ready = Rc::new(Cell::new(false));
    let result: Rc<RefCell<Option<Result<usize, NetError>>>> = Rc::default();
    let (is_ready, out) = (ready.clone(), result.clone());
    let client = simulation.spawn(async move {
        let mut connection = connect("server:9092").await;
        connection.write_all(&[Bytes::from_static(b"hello")]).await.unwrap();
        let mut buffer = [0; 5];
        let mut count = 0;
        while count < 5 {
            count += connection.read(&mut buffer[count..]).await.unwrap();
        }
        is_ready.set(true);
        let end = connection.read(&mut buffer).await;
        *out.borrow_mut() = Some(end);
    });
    assert_eq!(simulation.run_until(|| ready.get(), LONG), Outcome::Met);
    end(&simulation, node);
    assert_eq!(simulation.run_until(|| result.borrow().is_some(), LONG), Outcome::Met);
    drop(client);
    let result = result.borrow_mut().take();
    result.unwrap()
}

#[test]
fn a_killed_server_closes_its_connections_and_a_lost_one_breaks_them() {
    for seed in 0..20 {
        assert_eq!(after_the_end_of_the_server(seed, Simulation::kill), Ok(0));
        let lost = after_the_end_of_the_server(seed, Simulation::power_loss);
        assert!(matches!(lost, Err(NetError::Lost { .. })), "{lost:?}");
        let stopped = after_the_end_of_the_server(seed, |simulation, node| {
            simulation.cut(simulation.connections()[0].id, Cut::Both);
            simulation.kill(node);
        });
        assert!(matches!(stopped, Err(NetError::Lost { .. })), "{stopped:?}");
    }
}

#[test]
fn a_client_may_come_back_while_its_old_connection_is_still_open_at_the_server() {
    let mut both_open = 0;
    for seed in 0..30 {
        let simulation = Simulation::new(SimOptions::calm(seed));
        let (_, seen) = echo(&simulation, "server", 1);
        let first = simulation.block_on(LONG, connect("server:9092"));
        simulation.run_until(|| seen.open.get() == 1, LONG);
        simulation.cut(simulation.connections()[0].id, Cut::ConnectorFirst);
        let second = simulation.block_on(LONG, async move {
            let mut first = first;
            let end = first.read(&mut [0; 10]).await;
            assert!(matches!(end, Err(NetError::Lost { .. })), "{end:?}");
            drop(first);
            connect("server:9092").await
        });
        simulation.run_for(Duration::from_millis(1));
        both_open += u32::from(seen.open.get() == 2);
        assert_eq!(simulation.run_until(|| seen.open.get() == 1, LONG), Outcome::Met);
        assert!(matches!(seen.ends.borrow()[0], Err(NetError::Lost { .. })));
        drop(second);
    }
    assert!(both_open > 10, "{both_open}");
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let simulation = Simulation::new(SimOptions::calm(5));
    let (_, seen) = echo(&simulation, "server", 1);
    let answer = simulation.block_on(LONG, async {
        sleep(SECOND).await;
        // Only clients of a simulation half-close: the machine's own connections cannot.
        let mut connection = SimConnection::connect("server:9092").await.unwrap();
        connection.write_all(&[Bytes::from_static(b"last words")]).await.unwrap();
        connection.half_close();
        let mut answer = Vec::new();
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = connection.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
        }
        answer
    });
    assert_eq!(answer, b"last words");
    assert_eq!(*seen.ends.borrow(), [Ok(())]);
}

#[test]
fn shutdown_ends_reads_that_wait_and_later_writes() {
    let simulation = Simulation::new(SimOptions::calm(5));
    echo(&simulation, "server", 1);
    simulation.block_on(LONG, async {
        let connection = connect("server:9092").await;
        let (mut reader, mut writer) = connection.split();
        let reading = spawn(Queue::Fetch, async move { reader.read(&mut [0; 10]).await });
        sleep(SECOND).await;
        writer.shutdown();
        assert_eq!(reading.await, Ok(0));
        let write = writer.write_all(&[Bytes::from_static(b"late")]).await;
        assert!(matches!(write, Err(NetError::Lost { .. })), "{write:?}");
    });
}

/// As `shutdown(2)` of both directions: what is in the receive buffer can still be read.
#[test]
fn what_came_before_a_shutdown_is_read_and_what_nobody_reads_is_told() {
    let simulation = Simulation::new(SimOptions::calm(5));
    let (_, seen) = echo(&simulation, "server", 1);
    simulation.block_on(LONG, async {
        let mut connection = connect("server:9092").await;
        connection.write_all(&[Bytes::from_static(b"hello")]).await.unwrap();
        sleep(SECOND).await;
        connection.shutdown();
        let mut got = Vec::new();
        let mut buffer = [0; 10];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                count => got.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(got, b"hello");
        let mut connection = connect("server:9092").await;
        connection.write_all(&[Bytes::from_static(b"hello")]).await.unwrap();
        sleep(SECOND).await;
        connection.shutdown();
        drop(connection);
        sleep(SECOND).await;
    });
    assert_eq!(*seen.ends.borrow(), [Ok(()), Ok(())], "the end of the stream came first");
    simulation.check();
}

#[test]
fn nothing_passes_a_partition_and_nothing_of_it_is_lost() {
    let simulation = Simulation::new(SimOptions::calm(5));
    let (node, seen) = echo(&simulation, "server", 1);
    let connection = simulation.block_on(LONG, connect("server:9092"));
    simulation.part(simulation.clients(), node);
    let answered = Rc::new(Cell::new(0));
    let inside = answered.clone();
    let client = simulation.spawn(async move {
        let mut connection = connection;
        for part in 1..=3 {
            connection.write_all(&[Bytes::from(vec![part; 1000])]).await.unwrap();
        }
        let mut buffer = [0; 3000];
        while inside.get() < 3000 {
            inside.set(inside.get() + connection.read(&mut buffer[inside.get()..]).await.unwrap());
        }
        assert!(buffer.is_sorted());
        connect("server:9092").await
    });
    simulation.run_for(10 * SECOND);
    assert_eq!((seen.received.get(), answered.get()), (0, 0));
    simulation.heal(simulation.clients(), node);
    assert_eq!(simulation.run_until(|| client.is_finished(), LONG), Outcome::Met);
    simulation.check();
}

fn handing_shard(seat: Seat<Handoff>) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        if seat.shard == ShardId(0) {
            let listener = Listener::bind("server:9092").unwrap();
            loop {
                let connection = listener.accept().await.unwrap();
                let credit = seat.mesh.admit(ShardId(1), Class::Internal).await;
                seat.mesh.send(credit, connection.into_handoff());
            }
        }
        let mut mail = Vec::new();
        loop {
            seat.mesh.receive(&mut mail).await;
            for received in mail.drain(..) {
                let seen = Rc::new(Seen::default());
                spawn(Queue::Produce, serve(Connection::adopt(received.message), seen)).detach();
            }
        }
    })
}

#[test]
fn a_connection_goes_on_at_another_shard() {
    let simulation = Simulation::new(SimOptions::calm(2));
    simulation.add_node("server", 2, handing_shard);
    simulation.block_on(LONG, async {
        let mut connection = connect("server:9092").await;
        connection.write_all(&[Bytes::from_static(b"x")]).await.unwrap();
        assert_eq!(connection.read(&mut [0; 10]).await, Ok(1));
    });
}

#[test]
fn faults_by_chance_happen_and_harm_only_their_connection() {
    let (mut lost, mut half) = (0, 0);
    for seed in 0..20 {
        let mut options = SimOptions::calm(seed);
        options.network.cut = PerMillion(50_000);
        options.network.half_close = PerMillion(50_000);
        let simulation = Simulation::new(options);
        echo(&simulation, "server", 2);
        simulation.on_event(Simulation::check);
        let ends = simulation.block_on(LONG, async {
            let mut ends = Vec::new();
            for _ in 0..20 {
                let mut connection = connect("server:9092").await;
                let end = loop {
                    if let Err(error) = connection.write_all(&[Bytes::from(vec![1; 100])]).await {
                        break Err(error);
                    }
                    match timeout(100 * SECOND, connection.read(&mut [0; 200]))
                        .await
                        .expect("an answer or an end")
                    {
                        Ok(0) => break Ok(()),
                        Ok(_) => {}
                        Err(error) => break Err(error),
                    }
                };
                ends.push(end);
            }
            ends
        });
        lost += ends.iter().filter(|end| end.is_err()).count();
        half += ends.iter().filter(|end| end.is_ok()).count();
    }
    assert!(lost > 50 && half > 20, "{lost} {half}");
}
