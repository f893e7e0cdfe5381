//! A small life in which everything happens once, cut at each of its operations, by the power or by a kill; and the recovery after it, again.
//! `LOGAN_SEEDS=n` tries n power losses at each.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use logan_storage::config::Mutations;
use logan_storage::failure::AppendError;
use logan_storage::key::LogKey;
use logan_storage::log::Log;
use support::disk::Disk;
use support::hints::{self, Older};
use support::kinds::{Wanted, wanted};
use support::runtime::Runtime;
use support::workload::{
    Model, ModelLog, Node, Presence, Setup, append_drawn, check_disk, check_prepared, compare, key_of,
    note_ends, set, settle_model, start, stop,
};

const MS: u64 = 1_000_000;

fn setup(mutations: Mutations) -> Setup {
    Setup {
        ack_sync: true,
        logs: 2,
        steps: 0,
        segment_bytes: 1 << 20,
        index_bytes: 10 << 20,
        segment_ms: i64::MAX,
        // Hints are written while the log runs, too.
        recovery_bytes: 200_000,
        log_starts: 0,
        shards: 1,
        late_writes: false,
        lock_dies_with_process: false,
        mutations,
    }
}

/// What happens to one log.
struct Script {
    node: Rc<Node>,
    model: Rc<RefCell<Model>>,
    key: LogKey,
}

impl Script {
    fn log(&self) -> Rc<Log> {
        self.node.log(&self.key).expect("the log is there")
    }

    async fn create(&self) -> Result<(), AppendError> {
        self.model.borrow_mut().logs.insert(self.key.clone(), ModelLog::new());
        set(&self.model, &self.key, |log| log.presence = Presence::Creating);
        let config = setup(Mutations::default()).log_config();
        let log = self.node.volumes[0].create_log(self.key.clone(), config).await?;
        self.model.borrow_mut().note_id(&log);
        set(&self.model, &self.key, |log| log.presence = Presence::Present);
        Ok(())
    }

    /// With a gap before each batch they are a follower's.
    async fn append(&self, batches: &[Wanted], gap: i64, waits: bool) -> Result<(), AppendError> {
        let log = self.log();
        let drawn = wanted(&self.model.borrow().logs[&self.key], batches, gap);
        let next = append_drawn(&log, &self.model, &self.key, &drawn).await?;
        if waits {
            log.wait_settled(next).await?;
        }
        note_ends(&log, &self.model, &self.key);
        Ok(())
    }

    async fn truncate(&self, end: i64) -> Result<(), AppendError> {
        set(&self.model, &self.key, |log| log.wanted_end = Some(end));
        self.log().truncate_to(end).await?;
        set(&self.model, &self.key, |log| log.truncate(end));
        Ok(())
    }

    async fn raise(&self, start: i64) -> Result<(), AppendError> {
        set(&self.model, &self.key, |log| log.wanted_start = Some(start));
        self.log().set_log_start(start).await?;
        set(&self.model, &self.key, |log| (log.start, log.wanted_start) = (start, None));
        Ok(())
    }

    async fn delete(&self) -> Result<(), AppendError> {
        set(&self.model, &self.key, |log| log.presence = Presence::Deleting);
        self.node.volumes[0].delete_log(&self.log()).await?;
        set(&self.model, &self.key, |log| *log = ModelLog::new());
        Ok(())
    }

    /// What a log is given before and after it is truncated, in offsets that go up by two with each batch.
    async fn play(&self, runtime: &Runtime, is_deleted: bool) -> Result<(), AppendError> {
        use Wanted::{Idempotent, Marker, Plain, Transactional};
        self.create().await?;
        self.append(&[Plain { length: 700 }], 0, true).await?;
        self.append(&[Idempotent { length: 5_000 }], 0, true).await?;
        self.append(&[Transactional { length: 900 }], 0, true).await?;
        self.log().roll().await?;
        self.append(&[Plain { length: 300_000 }], 0, true).await?;
        self.append(&[Idempotent { length: 1_000 }], 0, false).await?;
        self.append(&[Idempotent { length: 1_100 }, Marker], 0, true).await?;
        runtime.sleep_ns(50 * MS).await;
        self.truncate(8).await?;
        let follower = [Idempotent { length: 1_200 }, Transactional { length: 4_035 }];
        self.append(&follower, 3, true).await?;
        self.log().roll().await?;
        self.append(&[Marker, Plain { length: 0 }], 0, true).await?;
        self.raise(7).await?;
        if is_deleted {
            self.delete().await?;
            self.create().await?;
        }
        self.append(&[Transactional { length: 1_400 }], 0, true).await?;
        // Into the batch before.
        self.truncate(self.log().ends().log_end - 1).await?;
        self.append(&[Idempotent { length: 1_300 }, Plain { length: 10 }], 0, true).await?;
        check_prepared(&self.node, &self.node.disk);
        self.append(&[Transactional { length: 1_500 }], 0, false).await
    }
}

/// The whole life, whose power goes at operation `cut`. Returns whether it came to that.
fn play(disk: &Rc<Disk>, model: &Rc<RefCell<Model>>, seed: u64, cut: u64, mutations: Mutations) -> bool {
    let runtime = Runtime::new(seed);
    let _killed = runtime.killed_at_last();
    disk.dies_at.set(cut);
    if setup(mutations).is_freeing_watched() {
        disk.watch_freeing();
    }
    let (dk, rt, md) = (Rc::clone(disk), Rc::clone(&runtime), Rc::clone(model));
    let done = runtime.run(async move {
        let setup = setup(mutations);
        let node = Rc::new(start(&dk, &rt, &setup).await.unwrap_or_else(|error| panic!("{error}")));
        let script = |number| Script { node: Rc::clone(&node), model: Rc::clone(&md), key: key_of(number) };
        let (first, second) = (script(0), script(1));
        let (one, other) = futures_util::future::join(first.play(&rt, false), second.play(&rt, true)).await;
        one.unwrap();
        other.unwrap();
        drop((first, second));
        md.borrow_mut().has_stop_begun = true;
        stop(Rc::try_unwrap(node).ok().unwrap()).await;
        settle_model(&md);
    });
    assert!(!runtime.is_stuck.get(), "it does not go on");
    runtime.kill();
    done.is_none()
}

/// Opens and compares, until operation `cut`. Returns whether that was reached.
fn recover(disk: &Rc<Disk>, model: &Rc<RefCell<Model>>, cut: u64) -> bool {
    let runtime = Runtime::new(3);
    let _killed = runtime.killed_at_last();
    disk.dies_at.set(cut);
    let (dk, rt, md) = (Rc::clone(disk), Rc::clone(&runtime), Rc::clone(model));
    let done = runtime.run(async move {
        let node =
            start(&dk, &rt, &setup(Mutations::default())).await.unwrap_or_else(|error| panic!("{error}"));
        dk.dies_at.set(u64::MAX);
        check_disk(&node, &dk);
        compare(&node, &md, false).await;
    });
    assert!(!runtime.is_stuck.get(), "it does not go on");
    runtime.kill();
    done.is_none()
}

fn copy_of(model: &RefCell<Model>) -> Rc<RefCell<Model>> {
    Rc::new(RefCell::new(model.borrow().clone()))
}

fn or_say<T>(what: &str, run: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        eprintln!("{what}");
        std::panic::resume_unwind(panic)
    })
}

/// The disks that a life leaves that ends here: after a kill, and after so many power losses.
fn ends(disk: &Disk, cut: u64, losses: u64) -> Vec<(Rc<Disk>, String)> {
    let killed = disk.copy();
    killed.survive_kill_in_mid_write(&Runtime::new(cut));
    let mut ends = vec![(killed, format!("killed at operation {cut}"))];
    for loss in 0..losses {
        let dark = disk.copy();
        dark.lose_power(&Runtime::new(100 * cut + loss));
        ends.push((dark, format!("power loss {loss} at operation {cut}")));
    }
    ends
}

/// What a life was tried with.
#[derive(Debug)]
struct Tried {
    operations: u64,
    /// Hints that were found as they were in an older life.
    brought: usize,
}

fn cut_everywhere(seed: u64, per_file: bool, mutations: Mutations) -> Tried {
    let losses = std::env::var("LOGAN_SEEDS").map_or(1, |losses| losses.parse().unwrap());
    let mut earlier = VecDeque::new();
    let (mut older, mut brought) = (Older::default(), 0);
    for cut in 1.. {
        let (disk, model) = (Disk::new(), Rc::new(RefCell::new(Model::default())));
        disk.per_file.set(per_file);
        let is_cut = play(&disk, &model, seed, cut, mutations);
        for (at, (end, what)) in ends(&disk, cut, losses).into_iter().enumerate() {
            let as_it_is = end.copy();
            or_say(&format!("seed {seed}, {what}"), || recover(&as_it_is, &copy_of(&model), u64::MAX));
            // Every end has its turn, sooner or later.
            if at as u64 == cut % (1 + losses) {
                let (how, of_older) = spoil(&end, cut / (1 + losses), &older);
                brought += of_older;
                or_say(&format!("seed {seed}, {what}, {how}"), || recover(&end, &copy_of(&model), u64::MAX));
            }
        }
        // This life is the same one each time: what it has behind it is, for what comes, of an older one.
        let mut now = Older::default();
        now.remember(&disk);
        earlier.push_back(now);
        if earlier.len() > 40 {
            older.add(earlier.pop_front().expect("there are some"));
        }
        if !is_cut {
            return Tried { operations: cut - 1, brought };
        }
    }
    unreachable!("a life ends")
}

/// All hints are gone, garbled, or of an older life; and how many are that.
fn spoil(disk: &Disk, cut: u64, older: &Older) -> (&'static str, usize) {
    match cut % 3 {
        0 => {
            hints::remove_all(disk);
            ("without hints", 0)
        }
        1 => {
            hints::garble_all(disk, &Runtime::new(cut));
            ("with garbled hints", 0)
        }
        _ => ("with hints of an older life", older.bring_back(disk, || true)),
    }
}

/// A life is cut at all its operations, and what it left behind is tried with hints of all kinds.
fn is_tried_everywhere(seed: u64, per_file: bool) {
    let Tried { operations, brought } = cut_everywhere(seed, per_file, Mutations::default());
    assert!(operations > 200, "{operations} operations");
    assert!(brought > 100, "{brought} hints of an older life");
    eprintln!("{operations} operations, {brought} hints of an older life");
}

/// The recovery of every so-manieth of these ends is cut at each of its operations, and repeated.
fn cut_recoveries(seed: u64, every: u64) -> u64 {
    let mut recoveries = 0;
    for cut in (1..).step_by(every as usize) {
        let (disk, model) = (Disk::new(), Rc::new(RefCell::new(Model::default())));
        let is_cut = play(&disk, &model, seed, cut, Mutations::default());
        for (end, what) in ends(&disk, cut, 1) {
            for again in 1.. {
                let (disk, what) = (end.copy(), format!("seed {seed}, {what}, and {again} of the recovery"));
                let is_reached = or_say(&what, || recover(&disk, &copy_of(&model), again));
                for (end, then) in ends(&disk, again, 1) {
                    or_say(&format!("{what}: {then}"), || recover(&end, &copy_of(&model), u64::MAX));
                }
                if !is_reached {
                    recoveries += 1;
                    break;
                }
            }
        }
        if !is_cut {
            return recoveries;
        }
    }
    unreachable!("a life ends")
}

#[test]
fn a_life_is_cut_anywhere() {
    is_tried_everywhere(1, false);
}

#[test]
fn a_life_with_files_that_are_synced_one_by_one_is_cut_anywhere() {
    is_tried_everywhere(2, true);
}

#[test]
fn recoveries_are_cut_anywhere() {
    let recoveries = cut_recoveries(3, 59);
    assert!(recoveries > 10, "{recoveries} recoveries");
}

/// A name that is given before the round is durable that rolls the log.
#[test]
fn renaming_before_the_roll_is_durable_is_caught() {
    let mutations = Mutations { rename_before_durable: true, ..Mutations::default() };
    let caught = std::panic::catch_unwind(|| cut_everywhere(1, false, mutations));
    let panic = caught.expect_err("no cut notices");
    let reason = panic.downcast_ref::<String>().expect("a checker's reason");
    assert!(reason.contains("a segment file of no log"), "{reason}");
}
