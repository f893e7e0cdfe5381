//! What the simulated disk keeps, and, as important, that it loses what it may lose.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use logan_shards::sim::{Fault, FaultKind, NodeId, Outcome, SimOptions, Simulation, Verb};
use logan_shards::{AlignedBuffer, Directory, Flushing, IoError, OpenMode, Queue, random_u64, sleep, spawn};

const BLOCK: usize = 4096;
const LONG: Duration = Duration::from_hours(1);
const SEEDS: std::ops::Range<u64> = 0..150;

/// A buffer of `blocks` blocks, each filled with its own byte, beginning with `first`.
fn blocks(first: u8, blocks: usize) -> bytes::Bytes {
    let mut buffer = AlignedBuffer::take(blocks * BLOCK);
    for (index, block) in buffer.bytes_mut().chunks_mut(BLOCK).enumerate() {
        block.fill(first.wrapping_add(index as u8));
    }
    buffer.seal()
}

/// How far a script has come.
#[derive(Debug, Clone, Default)]
struct Stage(Rc<Cell<u32>>);

impl Stage {
    fn reach(&self, stage: u32) {
        self.0.set(stage);
    }

    fn get(&self) -> u32 {
        self.0.get()
    }
}

struct OneNode {
    simulation: Simulation,
    node: NodeId,
    stage: Stage,
}

impl OneNode {
    /// A node that opens `/data` at every start, runs `script` and then waits for ever.
    fn new(
        options: SimOptions,
        script: impl Fn(Directory, Stage) -> LocalBoxFuture<'static, ()> + Clone + 'static,
    ) -> Self {
        let simulation = Simulation::new(options);
        let stage = Stage::default();
        let shared = stage.clone();
        let node = simulation.add_node::<()>("alone", 1, move |_seat| {
            let (script, stage) = (script.clone(), shared.clone());
            Box::pin(async move {
                let directory = Directory::open("/data").await.expect("a simulated directory opens");
                script(directory, stage).await;
                std::future::pending::<()>().await;
            })
        });
        Self { simulation, node, stage }
    }

    /// Runs until the script has reached a stage.
    fn reach(&self, stage: u32) {
        let outcome = self.simulation.run_until(|| self.stage.get() >= stage, LONG);
        assert_eq!(outcome, Outcome::Met, "seed {}: stage {stage} is not reached", self.simulation.seed());
    }

    fn seen(&self, name: &str) -> Option<Vec<u8>> {
        self.simulation.content(self.node, &format!("/data/{name}"), false)
    }

    fn durable(&self, name: &str) -> Option<Vec<u8>> {
        self.simulation.content(self.node, &format!("/data/{name}"), true)
    }

    fn power_loss(&self) {
        self.simulation.power_loss(self.node);
        self.simulation.check();
    }
}

fn calm(seed: u64) -> SimOptions {
    SimOptions::calm(seed)
}

/// Runs a script to stage 1 with every seed, cuts the power, and gathers what `look` finds.
fn outcomes<T: Ord>(
    script: impl Fn(Directory, Stage) -> LocalBoxFuture<'static, ()> + Clone + 'static,
    look: impl Fn(&OneNode) -> T,
) -> BTreeSet<T> {
    let run = |seed| {
        let one = OneNode::new(calm(seed), script.clone());
        one.reach(1);
        one.power_loss();
        look(&one)
    };
    SEEDS.map(run).collect()
}

/// The first byte of a file, if it is there and has one.
fn first_byte(one: &OneNode, name: &str) -> Option<u8> {
    one.seen(name)?.first().copied()
}

async fn prepared(directory: &Directory, name: &str, count: usize) -> logan_shards::File {
    let file = directory.open_file(name, OpenMode::CreateNew).await.unwrap();
    file.allocate(0, (count * BLOCK) as u64).await.unwrap();
    for index in 0..count {
        file.write((index * BLOCK) as u64, blocks(100, 1)).await.unwrap();
    }
    file.sync_data().await.unwrap();
    directory.sync_directory("").await.unwrap();
    file
}

#[test]
fn what_was_synced_is_always_there() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 2).await;
                file.write(0, blocks(7, 2)).await.unwrap();
                file.sync_data().await.unwrap();
                stage.reach(1);
            })
        },
        |one| one.seen("file"),
    );
    assert_eq!(found, BTreeSet::from([Some(blocks(7, 2).to_vec())]));
}

#[test]
fn a_name_that_was_not_synced_may_be_lost() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let file = directory.open_file("file", OpenMode::CreateNew).await.unwrap();
                file.write(0, blocks(7, 1)).await.unwrap();
                file.sync_data().await.unwrap();
                stage.reach(1);
            })
        },
        |one| first_byte(one, "file"),
    );
    assert_eq!(found, BTreeSet::from([None, Some(7)]));
}

#[test]
fn a_rename_that_was_not_synced_may_be_lost_but_is_one_step() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                prepared(&directory, "old", 1).await;
                directory.rename("old", "new").await.unwrap();
                stage.reach(1);
            })
        },
        |one| (one.seen("old").is_some(), one.seen("new").is_some()),
    );
    assert_eq!(found, BTreeSet::from([(false, true), (true, false)]));
}

#[test]
fn changes_of_different_names_survive_in_any_combination() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                directory.make_directory("first").await.unwrap();
                directory.make_directory("second").await.unwrap();
                stage.reach(1);
            })
        },
        |one| {
            let there = |path| one.simulation.has_directory(one.node, path);
            (there("/data/first"), there("/data/second"))
        },
    );
    assert_eq!(found, BTreeSet::from([(false, false), (false, true), (true, false), (true, true)]));
}

#[test]
fn a_write_that_was_not_flushed_may_be_kept_lost_or_torn() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 2).await;
                file.write(0, blocks(7, 2)).await.unwrap();
                stage.reach(1);
            })
        },
        |one| {
            let content = one.seen("file").unwrap();
            let sectors = |block: usize| {
                content[block * BLOCK..][..BLOCK].chunks(512).map(|s| (s[0], s.iter().all(|b| *b == s[0])))
            };
            assert!(sectors(0).chain(sectors(1)).all(|(_, whole)| whole), "a sector is torn");
            let kind = |block: usize, new: u8| match sectors(block).filter(|(byte, _)| *byte == new).count() {
                0 => 'o',
                8 => 'n',
                _ => 't',
            };
            (kind(0, 7), kind(1, 8))
        },
    );
    for expected in [('o', 'o'), ('n', 'n'), ('o', 'n'), ('n', 'o')] {
        assert!(found.contains(&expected), "{expected:?} was not seen in {found:?}");
    }
    assert!(found.iter().any(|(a, b)| *a == 't' || *b == 't'), "no torn block in {found:?}");
}

#[test]
fn one_flush_stands_for_the_prepared_blocks_of_every_file() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 1).await;
                let other = prepared(&directory, "other", 1).await;
                file.write(0, blocks(7, 1)).await.unwrap();
                other.sync_data().await.unwrap();
                stage.reach(1);
            })
        },
        |one| first_byte(one, "file"),
    );
    assert_eq!(found, BTreeSet::from([Some(7)]));
}

#[test]
fn one_flush_does_not_stand_for_blocks_that_are_not_prepared() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let other = prepared(&directory, "other", 1).await;
                let file = directory.open_file("file", OpenMode::CreateNew).await.unwrap();
                file.allocate(0, BLOCK as u64).await.unwrap();
                file.sync_data().await.unwrap();
                directory.sync_directory("").await.unwrap();
                file.write(0, blocks(7, 1)).await.unwrap();
                file.write(BLOCK as u64, blocks(8, 1)).await.unwrap();
                other.sync_data().await.unwrap();
                stage.reach(1);
            })
        },
        |one| one.seen("file").map(|content| (content[0], content.get(BLOCK).copied())),
    );
    // The first block reads as zeros, or as written; the second lies behind the end, or reads as zeros or as written.
    assert!(found.contains(&Some((0, None))), "{found:?}");
    assert!(found.contains(&Some((7, Some(8)))), "{found:?}");
    assert!(found.contains(&Some((7, None))) || found.contains(&Some((0, Some(8)))), "{found:?}");
    assert!(found.iter().all(|f| matches!(f, Some((0 | 7, None | Some(0 | 8))))), "{found:?}");
}

#[test]
fn where_each_file_is_flushed_by_itself_a_flush_stands_for_no_other() {
    let run = |seed| {
        let mut options = calm(seed);
        options.disk.flushing = Flushing::PerFile { reason: "a test".to_owned() };
        let one = OneNode::new(options, |directory: Directory, stage: Stage| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 1).await;
                let other = prepared(&directory, "other", 1).await;
                file.write(0, blocks(7, 1)).await.unwrap();
                other.sync_data().await.unwrap();
                stage.reach(1);
            })
        });
        one.reach(1);
        assert_eq!(one.durable("file").unwrap()[0], 100);
        one.power_loss();
        first_byte(&one, "file")
    };
    let found: BTreeSet<_> = SEEDS.map(run).collect();
    assert!(found.contains(&Some(100)) && found.contains(&Some(7)), "{found:?}");
}

#[test]
fn a_flush_stands_only_for_writes_that_were_complete_when_it_began() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 2).await;
                let written = file.write(0, blocks(7, 2));
                let synced = file.sync_data();
                let (written, synced) = futures_util::join!(written, synced);
                written.unwrap();
                synced.unwrap();
                stage.reach(1);
            })
        },
        |one| first_byte(one, "file"),
    );
    assert!(found.contains(&Some(100)) && found.contains(&Some(7)), "{found:?}");
}

#[test]
fn a_cut_and_grown_file_reads_as_zeros_and_is_not_prepared() {
    let one = OneNode::new(calm(1), |directory: Directory, stage: Stage| {
        Box::pin(async move {
            let file = prepared(&directory, "file", 3).await;
            assert_eq!(file.prepared_until(0, 1 << 40).await.unwrap(), 3 * BLOCK as u64);
            file.set_length(BLOCK as u64 + 10).await.unwrap();
            file.allocate(0, 3 * BLOCK as u64).await.unwrap();
            assert_eq!(file.prepared_until(0, 1 << 40).await.unwrap(), 2 * BLOCK as u64);
            file.write(2 * BLOCK as u64, blocks(9, 1)).await.unwrap();
            stage.reach(1);
        })
    });
    one.reach(1);
    let content = one.seen("file").unwrap();
    assert_eq!(content[..BLOCK + 10], [100; BLOCK + 10]);
    assert_eq!(content[BLOCK + 10..2 * BLOCK], [0; BLOCK - 10]);
    assert_eq!(content[2 * BLOCK..], [9; BLOCK]);
    // FIEMAP calls the new extent written, but the medium still knows the old one: it is not prepared.
    let states = one.simulation.extents(one.node, "/data/file");
    assert_eq!(states.iter().map(|state| state.prepared).collect::<Vec<_>>(), [true, true, false]);
    assert!(states.iter().all(|state| state.written));
    assert_eq!(one.durable("file").unwrap(), vec![100; 3 * BLOCK]);
}

#[test]
fn bytes_in_the_page_cache_need_a_sync_of_their_own_file() {
    let found = outcomes(
        |directory, stage| {
            Box::pin(async move {
                let other = prepared(&directory, "other", 1).await;
                let plain = directory.open_plain("plain", OpenMode::CreateNew).await.unwrap();
                plain.write_at(0, b"old".to_vec()).await.unwrap();
                plain.sync_data().await.unwrap();
                directory.sync_directory("").await.unwrap();
                plain.write_at(0, b"new and longer".to_vec()).await.unwrap();
                other.sync_data().await.unwrap();
                stage.reach(1);
            })
        },
        |one| String::from_utf8(one.seen("plain").unwrap()).unwrap(),
    );
    assert!(found.contains("old") && found.contains("new and longer"), "{found:?}");
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_completed() {
    for seed in SEEDS {
        let one = OneNode::new(calm(seed), |directory: Directory, stage: Stage| {
            Box::pin(async move {
                if stage.get() == 0 {
                    let plain = directory.open_plain("plain", OpenMode::CreateNew).await.unwrap();
                    plain.write_at(5, b"there".to_vec()).await.unwrap();
                    stage.reach(1);
                } else {
                    let plain = directory.open_plain("plain", OpenMode::Existing).await.unwrap();
                    assert_eq!(plain.read_at(0, 100).await.unwrap(), b"\0\0\0\0\0there");
                    stage.reach(2);
                }
            })
        });
        one.reach(1);
        one.simulation.kill(one.node);
        one.simulation.restart(one.node);
        one.reach(2);
    }
}

/// A process is killed in the middle of a write; its successor tries to lock the directory.
fn lock_after_kill(options: SimOptions) -> OneNode {
    let one = OneNode::new(options, |directory: Directory, stage: Stage| {
        Box::pin(async move {
            if stage.get() == 0 {
                directory.lock().await.unwrap();
                let file = prepared(&directory, "file", 1).await;
                stage.reach(1);
                file.write(0, blocks(7, 1)).await.unwrap();
            } else {
                while let Err(error) = directory.lock().await {
                    assert!(matches!(error, IoError::Locked { .. }), "{error}");
                    stage.reach(3);
                    sleep(Duration::from_millis(10)).await;
                }
                stage.reach(4);
            }
        })
    });
    one.reach(1);
    let write_is_under_way = || one.simulation.in_flight(one.node).iter().any(|io| io.verb == Verb::Write);
    one.simulation.run_until(write_is_under_way, Duration::from_millis(10));
    one.simulation.kill(one.node);
    one.stage.reach(2);
    one.simulation.restart(one.node);
    one
}

/// Directories of one file system have locks of their own.
#[test]
fn a_lock_is_kept_by_what_is_under_way_in_its_own_directory() {
    let mut waited = 0;
    for seed in SEEDS {
        let refused = Rc::new(Cell::new([false; 2]));
        let seen = refused.clone();
        let one = OneNode::new(calm(seed), move |_directory: Directory, stage: Stage| {
            let seen = seen.clone();
            Box::pin(async move {
                let [busy, idle] = ["/data/busy", "/data/idle"];
                let (busy, idle) =
                    (Directory::open(busy).await.unwrap(), Directory::open(idle).await.unwrap());
                if stage.get() == 0 {
                    busy.lock().await.unwrap();
                    idle.lock().await.unwrap();
                    let file = prepared(&busy, "file", 1).await;
                    stage.reach(1);
                    file.write(0, blocks(7, 1)).await.unwrap();
                } else {
                    seen.set([busy.lock().await.is_err(), idle.lock().await.is_err()]);
                    stage.reach(2);
                }
            })
        });
        one.reach(1);
        let is_writing = || one.simulation.in_flight(one.node).iter().any(|io| io.verb == Verb::Write);
        one.simulation.run_until(is_writing, Duration::from_millis(10));
        one.simulation.kill(one.node);
        one.simulation.restart(one.node);
        one.reach(2);
        let [busy, idle] = refused.get();
        assert!(!idle, "seed {seed}: nothing was under way there");
        waited += u32::from(busy);
    }
    assert!(waited > 0, "no lock was kept");
}

#[test]
fn a_read_may_end_where_the_file_ended_when_it_was_submitted() {
    let lengths = Rc::new(RefCell::new(BTreeSet::new()));
    for seed in SEEDS {
        let found = lengths.clone();
        let one = OneNode::new(calm(seed), move |directory: Directory, stage: Stage| {
            let found = found.clone();
            Box::pin(async move {
                let file = Rc::new(directory.open_file("file", OpenMode::CreateNew).await.unwrap());
                file.write(0, blocks(7, 2)).await.unwrap();
                file.set_length(5000).await.unwrap();
                let has_grown = Rc::new(Cell::new(false));
                let reading = spawn(Queue::Fetch, {
                    let (file, has_grown) = (file.clone(), has_grown.clone());
                    async move { (file.read(0, 2 * BLOCK).await.unwrap(), has_grown.get()) }
                });
                sleep(Duration::from_nanos(1)).await;
                file.allocate(BLOCK as u64, 1 << 20).await.unwrap();
                has_grown.set(true);
                let (read, is_later) = reading.await;
                assert!(read[..5000] == blocks(7, 2)[..5000]);
                if is_later {
                    found.borrow_mut().insert(read.len());
                }
                stage.reach(1);
            })
        });
        one.reach(1);
    }
    let lengths = lengths.take();
    assert_eq!(lengths, BTreeSet::from([5000, 2 * BLOCK]));
}

#[test]
fn a_dead_process_writes_on_and_keeps_its_lock_until_the_last_write_has_landed() {
    let (mut waited, mut landed_late, mut never_landed) = (0, 0, 0);
    for seed in SEEDS {
        let one = lock_after_kill(calm(seed));
        let at_restart = first_byte(&one, "file");
        one.simulation.run_until(|| one.stage.get() >= 3, LONG);
        waited += u32::from(one.stage.get() == 3);
        one.reach(4);
        assert!(one.simulation.in_flight(one.node).iter().all(|io| !io.orphaned), "locked too early");
        landed_late += u32::from(at_restart == Some(100) && first_byte(&one, "file") == Some(7));
        never_landed += u32::from(first_byte(&one, "file") == Some(100));
    }
    assert!(waited > 10 && landed_late > 10 && never_landed > 10, "{waited} {landed_late} {never_landed}");
}

#[test]
fn a_lock_that_dies_with_its_process_is_too_early() {
    let early = |seed: &u64| {
        let mut options = calm(*seed);
        options.disk.lock_dies_with_process = true;
        let one = lock_after_kill(options);
        one.reach(4);
        one.simulation.in_flight(one.node).iter().any(|io| io.orphaned)
    };
    assert!(SEEDS.filter(early).count() > 10);
}

fn panics(run: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(AssertUnwindSafe(run)).expect_err("the run must fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn two_writes_of_one_range_at_a_time_fail_the_run() {
    let message = panics(|| {
        let one = OneNode::new(calm(3), |directory: Directory, _| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 2).await;
                let (first, second) = (file.write(0, blocks(7, 2)), file.write(BLOCK as u64, blocks(9, 1)));
                let (first, second) = futures_util::join!(first, second);
                first.and(second).unwrap();
            })
        });
        one.reach(1);
    });
    assert!(message.contains("seed 3") && message.contains("overlaps"), "{message}");
}

#[test]
fn a_buffer_that_changes_under_way_fails_the_run() {
    struct Shared(*mut u8);
    // SAFETY: the test runs in one thread.
    unsafe impl Send for Shared {}
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            // SAFETY: a leaked allocation of one block.
            unsafe { std::slice::from_raw_parts(self.0, BLOCK) }
        }
    }
    let message = panics(|| {
        let one = OneNode::new(calm(4), |directory: Directory, _| {
            Box::pin(async move {
                let file = prepared(&directory, "file", 1).await;
                let layout = std::alloc::Layout::from_size_align(BLOCK, BLOCK).unwrap();
                // SAFETY: the size is not zero; the block is leaked.
                let memory = unsafe { std::alloc::alloc_zeroed(layout) };
                let write = file.write(0, Bytes::from_owner(Shared(memory)));
                let change = async {
                    // SAFETY: nothing reads it at this moment, in this one thread.
                    unsafe { *memory = 1 };
                };
                futures_util::join!(write, change).0.unwrap();
            })
        });
        one.reach(1);
    });
    assert!(message.contains("seed 4") && message.contains("changed"), "{message}");
}

/// Runs one operation on a prepared file under a fault.
fn under_fault(
    fault: Fault,
    seed: u64,
    act: impl Fn(logan_shards::File) -> LocalBoxFuture<'static, Result<(), IoError>> + Clone + 'static,
) -> (OneNode, Option<Result<(), IoError>>) {
    let result = Rc::new(RefCell::new(None));
    let inside = result.clone();
    let one = OneNode::new(calm(seed), move |directory: Directory, stage: Stage| {
        let (act, inside) = (act.clone(), inside.clone());
        Box::pin(async move {
            let file = prepared(&directory, "file", 4).await;
            stage.reach(1);
            sleep(Duration::from_secs(1)).await;
            let outcome = act(file).await;
            *inside.borrow_mut() = Some(outcome);
            stage.reach(2);
        })
    });
    one.reach(1);
    one.simulation.add_fault(fault);
    one.simulation.run_until(|| one.stage.get() == 2, Duration::from_secs(100));
    let result = result.borrow_mut().take();
    (one, result)
}

fn write_four(file: logan_shards::File) -> LocalBoxFuture<'static, Result<(), IoError>> {
    async move { file.write(0, blocks(1, 4)).await }.boxed_local()
}

#[test]
fn a_write_that_fails_may_have_landed_in_part() {
    let mut landed = BTreeSet::new();
    for seed in SEEDS {
        let fault = Fault::always(FaultKind::Error(5), |site| {
            site.verb == Verb::Write && site.path.ends_with("/file")
        });
        let (one, result) = under_fault(fault, seed, write_four);
        assert!(matches!(result, Some(Err(IoError::Failed { errno: 5, .. }))), "{result:?}");
        landed.insert(one.seen("file").unwrap().chunks(BLOCK).filter(|block| block[0] != 100).count());
    }
    assert!(landed.len() > 3, "{landed:?}");
}

#[test]
fn a_short_write_is_an_error_and_leaves_a_prefix() {
    let fault = Fault::always(FaultKind::Short, |site| site.verb == Verb::Write);
    let (one, result) = under_fault(fault, 9, write_four);
    assert!(matches!(result, Some(Err(IoError::Failed { .. }))), "{result:?}");
    let new: Vec<bool> = one.seen("file").unwrap().chunks(BLOCK).map(|block| block[0] != 100).collect();
    assert!(new.is_sorted_by(|a, b| a >= b) && !new[3], "{new:?}");
}

#[test]
fn a_lost_write_succeeds_and_does_nothing() {
    let fault = Fault::always(FaultKind::Lost, |site| site.verb == Verb::Write);
    let (one, result) = under_fault(fault, 9, write_four);
    assert_eq!(result, Some(Ok(())));
    assert_eq!(one.seen("file").unwrap(), vec![100; 4 * BLOCK]);
}

#[test]
fn a_hang_ends_when_it_is_released() {
    let fault = Fault::always(FaultKind::Hang(None), |site| site.verb == Verb::Sync).times(1);
    let sync = |file: logan_shards::File| async move { file.sync_data().await }.boxed_local();
    let (one, result) = under_fault(fault, 9, sync);
    assert_eq!(result, None);
    one.simulation.release_hangs(one.node);
    one.reach(2);
}

#[test]
fn a_flipped_bit_is_one_bit() {
    let fault = Fault::always(FaultKind::BitFlip, |site| site.verb == Verb::Write);
    let (one, result) = under_fault(fault, 9, write_four);
    assert_eq!(result, Some(Ok(())));
    let differing = |(a, b): (u8, &u8)| (a ^ b).count_ones();
    let flipped: u32 = one.seen("file").unwrap().into_iter().zip(&blocks(1, 4)).map(differing).sum();
    assert_eq!(flipped, 1);
    let before = one.seen("file").unwrap();
    assert!(one.simulation.flip_bit(one.node, "/data/file", 5000, 3));
    assert_eq!(one.seen("file").unwrap()[5000] ^ before[5000], 8);
}

#[test]
fn other_bytes_stand_where_some_were_written() {
    let (one, result) = under_fault(Fault::always(FaultKind::Lost, |_| false), 9, write_four);
    assert_eq!(result, Some(Ok(())));
    let before = one.seen("file").unwrap();
    let overwrite = |at: usize| one.simulation.overwrite(one.node, "/data/file", at as u64, &[7; BLOCK]);
    assert!(!overwrite(100) && !overwrite(64 * BLOCK), "blocks that were written, and whole ones");
    assert_eq!(one.seen("file").unwrap(), before);
    assert!(overwrite(BLOCK));
    one.simulation.check();
    let after = one.seen("file").unwrap();
    assert_eq!(after[BLOCK..2 * BLOCK], [7; BLOCK]);
    assert_eq!((&after[..BLOCK], &after[2 * BLOCK..]), (&before[..BLOCK], &before[2 * BLOCK..]));
}

#[test]
fn a_full_disk_says_so_and_takes_what_still_fits() {
    let one = OneNode::new(calm(1), |directory: Directory, stage: Stage| {
        Box::pin(async move {
            let file = directory.open_file("file", OpenMode::CreateNew).await.unwrap();
            stage.reach(1);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(directory.free_space().await.unwrap(), 4 * BLOCK as u64);
            file.allocate(0, 3 * BLOCK as u64).await.unwrap();
            assert!(matches!(file.allocate(0, 5 * BLOCK as u64).await, Err(IoError::NoSpace { .. })));
            assert!(matches!(file.write(3 * BLOCK as u64, blocks(1, 2)).await, Err(IoError::NoSpace { .. })));
            file.write(0, blocks(1, 4)).await.unwrap();
            let create = directory.open_file("another", OpenMode::CreateNew).await;
            assert!(matches!(create.err(), Some(IoError::NoSpace { .. })));
            file.set_length(0).await.unwrap();
            assert_eq!(directory.free_space().await.unwrap(), 4 * BLOCK as u64);
            stage.reach(2);
        })
    });
    one.reach(1);
    one.simulation.set_capacity(one.node, "/data", 4 * BLOCK as u64);
    one.reach(2);
    one.simulation.check();
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let found: BTreeSet<_> = SEEDS
        .map(|seed| {
            let one = OneNode::new(calm(seed), |directory: Directory, stage: Stage| {
                Box::pin(async move {
                    let plain = directory.open_plain("plain", OpenMode::CreateNew).await.unwrap();
                    plain.write_at(0, b"old".to_vec()).await.unwrap();
                    plain.sync_data().await.unwrap();
                    directory.sync_directory("").await.unwrap();
                    stage.reach(1);
                    sleep(Duration::from_secs(1)).await;
                    plain.write_at(0, b"new".to_vec()).await.unwrap();
                    assert!(plain.sync_data().await.is_err());
                    plain.sync_data().await.unwrap();
                    stage.reach(2);
                })
            });
            one.reach(1);
            one.simulation
                .add_fault(Fault::always(FaultKind::Error(5), |site| site.verb == Verb::Sync).times(1));
            one.reach(2);
            one.power_loss();
            one.seen("plain").unwrap()
        })
        .collect();
    assert_eq!(found, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_small_file_is_old_or_new_whatever_the_moment_of_the_crash() {
    let script = |directory: Directory, stage: Stage| -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            if stage.get() < 2 {
                directory.write_small("small", b"old".to_vec()).await.unwrap();
                stage.reach(1);
                directory.write_small("small", b"new".to_vec()).await.unwrap();
                stage.reach(2);
            }
        })
    };
    for seed in 0..20 {
        let whole = OneNode::new(calm(seed), script);
        whole.reach(2);
        let events = whole.simulation.io_events(whole.node);
        assert!(events > 20, "{events}");
        for event in 1..=events {
            let one = OneNode::new(calm(seed), script);
            one.simulation.crash_at_io(one.node, event);
            one.simulation.run_until(|| !one.simulation.is_running(one.node), LONG);
            assert_eq!(one.simulation.io_events(one.node), event);
            let content = one.seen("small");
            match one.stage.get() {
                0 => assert!(content.is_none_or(|content| content == b"old"), "before the first was done"),
                1 => assert!(content.is_some_and(|content| content == b"old" || content == b"new")),
                _ => assert_eq!(content.as_deref(), Some(b"new".as_slice())),
            }
        }
    }
}

#[test]
fn the_model_agrees_with_a_simple_file_under_random_work() {
    for seed in 0..60 {
        let one = OneNode::new(calm(seed), |directory: Directory, stage: Stage| {
            Box::pin(async move {
                let file = directory.open_file("file", OpenMode::CreateNew).await.unwrap();
                let mut model: Vec<u8> = Vec::new();
                for step in 0..80_u8 {
                    let draw = random_u64();
                    let (block, count) = ((draw >> 8) as usize % 16, 1 + (draw >> 16) as usize % 4);
                    match draw % 8 {
                        0 => {
                            let length = (draw >> 24) as usize % (20 * BLOCK);
                            file.set_length(length as u64).await.unwrap();
                            model.resize(length, 0);
                        }
                        1 => {
                            file.allocate((block * BLOCK) as u64, (count * BLOCK) as u64).await.unwrap();
                            model.resize(model.len().max((block + count) * BLOCK), 0);
                        }
                        2 => file.sync_data().await.unwrap(),
                        3 => directory.sync_file_system().await.unwrap(),
                        _ => {
                            file.write((block * BLOCK) as u64, blocks(step, count)).await.unwrap();
                            model.resize(model.len().max((block + count) * BLOCK), 0);
                            for index in 0..count {
                                model[(block + index) * BLOCK..][..BLOCK]
                                    .fill(step.wrapping_add(index as u8));
                            }
                        }
                    }
                    assert_eq!(file.length().await.unwrap(), model.len() as u64);
                    let read = file.read(0, 32 * BLOCK).await.unwrap();
                    assert!(read == model, "step {step}: content differs");
                }
                directory.sync_file_system().await.unwrap();
                directory.write_small("model", model).await.unwrap();
                stage.reach(1);
            })
        });
        one.simulation.on_event(Simulation::check);
        one.reach(1);
        one.power_loss();
        assert_eq!(one.seen("file"), one.seen("model"), "seed {seed}");
    }
}

#[test]
fn a_read_during_a_write_may_see_part_of_it() {
    let seen: BTreeSet<_> = SEEDS
        .map(|seed| {
            let found = Rc::new(Cell::new('?'));
            let inside = found.clone();
            let one = OneNode::new(calm(seed), move |directory: Directory, stage: Stage| {
                let found = inside.clone();
                Box::pin(async move {
                    let file = Rc::new(prepared(&directory, "file", 1).await);
                    let writer = file.clone();
                    let write = spawn(Queue::Produce, async move { writer.write(0, blocks(7, 1)).await });
                    let read = file.read(0, BLOCK).await.unwrap();
                    found.set(match read.chunks(512).filter(|sector| sector[0] == 7).count() {
                        0 => 'o',
                        8 => 'n',
                        _ => 'm',
                    });
                    write.await.unwrap();
                    stage.reach(1);
                })
            });
            one.reach(1);
            found.get()
        })
        .collect();
    assert_eq!(seen, BTreeSet::from(['m', 'n', 'o']));
}

#[test]
fn what_a_killed_process_left_in_the_drive_is_seen_by_its_successor_and_may_still_be_lost() {
    let mut found = BTreeSet::new();
    for seed in SEEDS {
        let one = OneNode::new(calm(seed), |directory: Directory, stage: Stage| {
            Box::pin(async move {
                if stage.get() == 0 {
                    let file = prepared(&directory, "file", 1).await;
                    file.write(0, blocks(7, 1)).await.unwrap();
                    stage.reach(1);
                } else {
                    let file = directory.open_file("file", OpenMode::Existing).await.unwrap();
                    assert_eq!(file.read(0, BLOCK).await.unwrap()[0], 7);
                    stage.reach(2);
                }
            })
        });
        one.reach(1);
        one.simulation.kill(one.node);
        one.simulation.restart(one.node);
        one.reach(2);
        assert_eq!(one.durable("file").unwrap()[0], 100);
        one.power_loss();
        found.insert(one.seen("file").unwrap()[0]);
    }
    assert_eq!(found, BTreeSet::from([7, 100]));
}

#[test]
fn an_image_of_a_crash_can_be_taken_at_every_moment_and_leaves_the_run_alone() {
    let script = |directory: Directory, stage: Stage| -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            directory.write_small("small", b"old".to_vec()).await.unwrap();
            stage.reach(1);
            directory.write_small("small", b"new".to_vec()).await.unwrap();
            stage.reach(2);
        })
    };
    let undisturbed = OneNode::new(calm(8), script);
    undisturbed.reach(2);
    let one = OneNode::new(calm(8), script);
    let (stage, node) = (one.stage.clone(), one.node);
    let found: Rc<RefCell<BTreeSet<Option<Vec<u8>>>>> = Rc::default();
    let gathered = found.clone();
    one.simulation.on_event(move |simulation| {
        for seed in 0..10 {
            let image = simulation.crash_image(node, simulation.events() * 10 + seed);
            let copy = Simulation::new(calm(seed));
            let copied = copy.add_node::<()>("alone", 1, |_| Box::pin(std::future::pending()));
            copy.restore(copied, image);
            copy.check();
            let content = copy.content(copied, "/data/small", false);
            match stage.get() {
                0 => assert!(content.as_ref().is_none_or(|content| content == b"old")),
                1 => assert!(content.as_ref().is_some_and(|content| content == b"old" || content == b"new")),
                _ => assert_eq!(content.as_deref(), Some(b"new".as_slice())),
            }
            gathered.borrow_mut().insert(content);
        }
    });
    one.reach(2);
    assert_eq!(one.simulation.trace_hash(), undisturbed.simulation.trace_hash());
    assert_eq!(found.borrow().len(), 3);
}

/// A step on random names in three directories. What is refused is refused for a reason that a file system has.
async fn change_names(directory: &Directory) {
    let draw = random_u64();
    let name = |bits: u64| {
        let parent = ["", "a/", "b/", "a/c/"][bits as usize % 4];
        format!("{parent}{}", ["a", "b", "c", "x", "y", "z"][(bits >> 2) as usize % 6])
    };
    let (first, second) = (name(draw >> 8), name(draw >> 16));
    let result = match draw % 8 {
        0 | 1 => directory.open_file(&first, OpenMode::CreateNew).await.map(drop),
        2 => directory.make_directory(&first).await,
        3 => directory.remove_file(&first).await,
        4 => directory.remove_directory(&first).await,
        5 => directory.sync_directory(first.rsplit_once('/').map_or("", |(parent, _)| parent)).await,
        _ => directory.rename(&first, &second).await,
    };
    match result {
        Ok(())
        | Err(
            IoError::NotFound { .. }
            | IoError::AlreadyExists { .. }
            | IoError::Failed { errno: 20 | 21 | 22 | 39, .. },
        ) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn names_stay_sound_under_random_work_and_repeated_crashes() {
    for seed in 0..150 {
        let one = OneNode::new(calm(seed), |directory: Directory, stage: Stage| {
            Box::pin(async move {
                for _ in 0..40 {
                    change_names(&directory).await;
                }
                if stage.get() == 0 {
                    match directory.make_directory("kept").await {
                        Ok(()) | Err(IoError::AlreadyExists { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    directory.sync_file_system().await.unwrap();
                }
                stage.reach(stage.get() + 1);
                loop {
                    change_names(&directory).await;
                }
            })
        });
        one.simulation.on_event(Simulation::check);
        for round in 1..4 {
            one.reach(round);
            if round == 1 {
                assert_eq!(one.simulation.unsynced_names(one.node, "/data"), 0);
            }
            one.simulation.run_for(Duration::from_micros(200 * seed));
            one.power_loss();
            assert!(one.simulation.has_directory(one.node, "/data/kept"));
            assert_eq!(
                one.simulation.files(one.node, "/data", true),
                one.simulation.files(one.node, "/data", false)
            );
            one.simulation.restart(one.node);
        }
    }
}
