//! The simulated scheduler, its clock, and the lives of processes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use logan_shards::sim::{Outcome, SimOptions, Simulation};
use logan_shards::{
    AlignedBuffer, Class, Connection, Directory, Listener, OpenMode, Queue, Seat, ShardId, monotonic_ns,
    random_u64, sleep, spawn, timeout, wall_clock_ms, yield_now,
};

const LONG: Duration = Duration::from_hours(1);

/// An aligned buffer of `blocks` blocks.
fn blocks(byte: u8, blocks: usize) -> bytes::Bytes {
    let mut buffer = AlignedBuffer::take(blocks * 4096);
    buffer.bytes_mut().fill(byte);
    buffer.seal()
}

/// Every shard writes, syncs, talks to the next shard and answers clients.
fn busy_shard(seat: Seat<u64>) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        let directory = Directory::open("/data").await.unwrap();
        let file = directory.open_file(&format!("file-{}", seat.shard), OpenMode::CreateNew).await.unwrap();
        let mesh = seat.mesh.clone();
        let next = ShardId((seat.shard.0 + 1) % seat.shards);
        spawn(Queue::Replication, async move {
            for _ in 0..20 {
                let credit = mesh.admit(next, Class::Client).await;
                mesh.send(credit, random_u64());
                sleep(Duration::from_micros(random_u64() % 500)).await;
            }
        })
        .detach();
        let listener = Listener::bind("0.0.0.0:9092").unwrap();
        spawn(Queue::Control, async move {
            loop {
                let mut connection = listener.accept().await.unwrap();
                spawn(Queue::Produce, async move {
                    let mut buffer = [0; 100];
                    while let Ok(count @ 1..) = connection.read(&mut buffer).await {
                        let echo = bytes::Bytes::copy_from_slice(&buffer[..count]);
                        if connection.write_all(&[echo]).await.is_err() {
                            return;
                        }
                    }
                })
                .detach();
            }
        })
        .detach();
        let mut mail = Vec::new();
        while mail.len() < 20 {
            seat.mesh.receive(&mut mail).await;
            file.write(0, blocks(mail.len() as u8, 1)).await.unwrap();
            file.sync_data().await.unwrap();
        }
        seat.stop.wait().await;
    })
}

fn busy_run(options: SimOptions) -> (u64, u64) {
    let simulation = Simulation::new(options);
    let node = simulation.add_node("busy", 3, busy_shard);
    let echoed = simulation.block_on(LONG, async {
        // The shards may not listen yet.
        sleep(Duration::from_secs(1)).await;
        let mut connection = Connection::connect("busy:9092").await.unwrap();
        let mut echoed = Vec::new();
        for part in 0..30_u8 {
            connection.write_all(&[bytes::Bytes::from(vec![part; 700])]).await.unwrap();
            let mut buffer = [0; 1000];
            let count = connection.read(&mut buffer).await.unwrap();
            echoed.extend_from_slice(&buffer[..count]);
        }
        echoed
    });
    assert!(echoed.is_sorted() && !echoed.is_empty());
    simulation.kill(node);
    simulation.run_for(Duration::from_secs(10));
    (simulation.trace_hash(), simulation.events())
}

#[test]
fn a_seed_repeats_a_run_and_another_seed_does_not() {
    let mut hashes = BTreeSet::new();
    for seed in 0..20 {
        let first = busy_run(SimOptions::calm(seed));
        assert_eq!(first, busy_run(SimOptions::calm(seed)), "seed {seed}");
        hashes.insert(first.0);
    }
    assert_eq!(hashes.len(), 20);
}

#[test]
fn the_order_of_runnable_tasks_is_drawn() {
    let order = |seed| {
        let simulation = Simulation::new(SimOptions::calm(seed));
        let order = Rc::new(RefCell::new(String::new()));
        for name in ['a', 'b', 'c'] {
            let order = order.clone();
            simulation.spawn(async move { order.borrow_mut().push(name) }).detach();
        }
        simulation.run_for(Duration::from_secs(1));
        order.borrow().clone()
    };
    assert_eq!((0..100).map(order).collect::<BTreeSet<_>>().len(), 6);
}

#[test]
fn time_jumps_over_what_nobody_waits_for() {
    let simulation = Simulation::new(SimOptions::calm(1));
    simulation.block_on(LONG * 24 * 400, async {
        let (before, wall) = (monotonic_ns(), wall_clock_ms());
        sleep(LONG * 24 * 365).await;
        let elapsed = Duration::from_nanos(monotonic_ns() - before);
        assert!(elapsed >= LONG * 24 * 365 && elapsed < LONG * 24 * 366);
        assert_eq!(wall_clock_ms() - wall, elapsed.as_millis() as i64);
    });
    assert!(simulation.events() < 20);
}

#[test]
fn a_task_that_yields_for_ever_does_not_stop_time() {
    let simulation = Simulation::new(SimOptions::calm(1));
    simulation
        .spawn(async {
            loop {
                yield_now().await;
            }
        })
        .detach();
    simulation.block_on(LONG, async {
        sleep(Duration::from_millis(1)).await;
        assert!(timeout(Duration::from_millis(1), std::future::pending::<()>()).await.is_err());
        assert!(timeout(Duration::from_millis(1), yield_now()).await.is_ok());
    });
}

#[test]
fn nothing_left_to_happen_is_said() {
    let simulation = Simulation::new(SimOptions::calm(1));
    simulation.spawn(std::future::pending::<()>()).detach();
    assert_eq!(simulation.run_until(|| false, LONG), Outcome::Idle);
    simulation.spawn(sleep(LONG)).detach();
    assert_eq!(simulation.run_until(|| false, Duration::from_secs(1)), Outcome::TimeLimit);
    assert!(simulation.now() >= Duration::from_secs(1) && simulation.now() < Duration::from_secs(2));
}

/// Counts the destructors that ran, and in which state.
struct Witness(Rc<Cell<u32>>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        // What a destructor starts in a dead process never runs.
        let count = self.0.clone();
        spawn(Queue::Background, async move { count.set(1000) }).detach();
    }
}

#[test]
fn a_killed_process_runs_no_further() {
    for seed in 0..50 {
        let simulation = Simulation::new(SimOptions::calm(seed));
        let (steps, dropped) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0)));
        let (inside, witness) = (steps.clone(), dropped.clone());
        let node = simulation.add_node::<()>("victim", 2, move |_seat| {
            let (steps, witness) = (inside.clone(), Witness(witness.clone()));
            Box::pin(async move {
                let _witness = witness;
                loop {
                    sleep(Duration::from_millis(1)).await;
                    steps.set(steps.get() + 1);
                }
            })
        });
        assert_eq!(simulation.run_until(|| steps.get() > 10, LONG), Outcome::Met);
        simulation.kill(node);
        assert!(!simulation.is_running(node));
        let at_kill = steps.get();
        assert_eq!(dropped.get(), 2);
        simulation.run_for(Duration::from_secs(1));
        assert_eq!((steps.get(), dropped.get()), (at_kill, 2));
        simulation.restart(node);
        simulation.run_for(Duration::from_secs(1));
        assert!(steps.get() > at_kill);
        simulation.check();
    }
}

#[test]
fn a_process_exits_when_its_shards_have_ended_and_can_be_started_again() {
    let simulation = Simulation::new(SimOptions::calm(1));
    let node = simulation.add_node::<()>("polite", 3, |seat| {
        Box::pin(async move {
            spawn(Queue::Background, std::future::pending::<()>()).detach();
            seat.stop.wait().await;
        })
    });
    for _ in 0..3 {
        simulation.run_for(Duration::from_secs(1));
        assert!(simulation.request_stop(node));
        assert_eq!(simulation.run_until(|| !simulation.is_running(node), LONG), Outcome::Met);
        assert!(!simulation.request_stop(node));
        simulation.restart(node);
    }
}

#[test]
fn dropping_a_task_cancels_it_and_awaiting_gives_its_output() {
    let simulation = Simulation::new(SimOptions::calm(1));
    simulation.block_on(LONG, async {
        let ran = Rc::new(Cell::new(false));
        let inside = ran.clone();
        drop(spawn(Queue::Control, async move { inside.set(true) }));
        assert_eq!(spawn(Queue::Control, async { 7 }).await, 7);
        sleep(Duration::from_secs(1)).await;
        assert!(!ran.get());
        // A task may drop the handle of itself.
        let own: Rc<RefCell<Option<logan_shards::Task<()>>>> = Rc::default();
        let held = own.clone();
        *own.borrow_mut() = Some(spawn(Queue::Control, async move {
            let task = held.borrow_mut().take();
            drop(task);
            sleep(LONG).await;
            unreachable!("it was cancelled");
        }));
        sleep(Duration::from_secs(1)).await;
        assert!(own.borrow().is_none());
    });
}

#[test]
fn a_hook_sees_every_event() {
    let simulation = Simulation::new(SimOptions::calm(1));
    let seen = Rc::new(Cell::new(0_u64));
    let inside = seen.clone();
    simulation.on_event(move |simulation| {
        simulation.check();
        inside.set(inside.get() + 1);
    });
    simulation.block_on(LONG, async {
        for _ in 0..10 {
            sleep(Duration::from_millis(1)).await;
        }
    });
    // A poll and a timer each.
    assert!(seen.get() >= 20, "{}", seen.get());
}
