//! Clients ask for the first record that is not older than a time, while others write, and after starts, when every batch is on disk.
//!
//! Several producers count from the same time on, so times go up and down with the offsets, and come again.
//!
//! Checked: [`is_first`]: what is told is the first such record of the log; nothing is told only if it was not acknowledged yet.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::ErrorCode;
use logan_shards::{Queue, monotonic_ns, random_u64, sleep, spawn};

use super::{Aimed, Scene};
use crate::simulation::history::Sent;
use crate::simulation::run::{Draw, LONG, Run};
use crate::simulation::work::{self, Shared};

const PRODUCERS: u32 = 3;
const BATCHES: u32 = 14;
/// More than a producer sends records: times behind all of them are asked for, too.
const NUMBERS: u32 = 4 * BATCHES + 2;
const CRASHES: u32 = 2;

/// What somebody was told who asked for a time.
#[derive(Debug, Clone, Copy)]
struct Told {
    time: i64,
    /// An offset, and the timestamp of the record there.
    found: Option<(i64, i64)>,
    /// So many records had been acknowledged before it was asked.
    acknowledged: i64,
}

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x713e);
    let segment_ms = draw.one_of(&["10", "40", "3600000"]);
    let run = Run { producers: PRODUCERS, ..of.sizes() };
    let scene = Scene::begin(of, of.options(), &run, &[], &[("segment.ms", segment_ms)]);
    let (done, told): (Rc<Cell<bool>>, Rc<RefCell<Vec<Told>>>) = Default::default();
    scene.simulation.spawn(clients(scene.shared.clone(), done.clone(), told.clone())).detach();
    for _ in 0..CRASHES {
        scene.pass(draw.below(300_000));
        scene.is_violated()?;
        match draw.below(2) {
            0 => scene.kill(),
            _ => scene.simulation.power_loss(scene.broker.node),
        }
        scene.start()?;
    }
    scene.await_that("all batches are sent, and times are asked for", || done.get())?;
    scene.simulation.power_loss(scene.broker.node);
    scene.start()?;
    let (shared, of_disk) = (scene.shared.clone(), told.clone());
    scene.simulation.block_on(LONG, async move { ask_all(&shared, &of_disk).await });
    scene.verify()?;
    let log = scene.simulation.block_on(LONG, work::read_all(scene.shared.clone())).remove(&0);
    let log = log.unwrap_or_default();
    told.borrow().iter().try_for_each(|told| is_first(&log, *told))
}

async fn clients(shared: Rc<Shared>, done: Rc<Cell<bool>>, told: Rc<RefCell<Vec<Told>>>) {
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| spawn(Queue::Control, work::produce(shared.clone(), producer, 0, BATCHES)))
        .collect();
    let writing = Rc::new(Cell::new(true));
    let (asking, is_on) = (shared.clone(), writing.clone());
    let asker = spawn(Queue::Control, async move {
        while is_on.get() {
            ask(&asking, &told, (random_u64() % u64::from(NUMBERS)) as u32).await;
            sleep(Duration::from_millis(random_u64() % 20)).await;
        }
    });
    for producer in producers {
        producer.await;
    }
    writing.set(false);
    asker.await;
    done.set(true);
}

/// Each time in turn, the later ones first: no question finds in memory what the one before has read.
async fn ask_all(shared: &Shared, told: &RefCell<Vec<Told>>) {
    for number in (0..NUMBERS).rev() {
        ask(shared, told, number).await;
    }
}

async fn ask(shared: &Shared, told: &RefCell<Vec<Told>>, number: u32) {
    let time = work::time_of(number);
    let answer = work::insist(shared, async |client| {
        let acknowledged = shared.acknowledged_before(0, monotonic_ns());
        let answer = work::at_time(client, 0, time).await?;
        let found = (answer.offset >= 0).then_some((answer.offset, answer.timestamp));
        match answer.error_code {
            ErrorCode::NONE => Ok(Some(Told { time, found, acknowledged })),
            again if work::is_retriable(again) => Ok(None),
            other => {
                shared.fail(format!("the first record from {time} on is asked for: {other}"));
                Ok(Some(Told { time, found, acknowledged }))
            }
        }
    })
    .await;
    told.borrow_mut().push(answer);
}

/// Whether that is the first record of the log which is not older.
fn is_first(log: &[Sent], told: Told) -> Result<(), String> {
    let Told { time, found, acknowledged } = told;
    let first = log.iter().position(|sent| work::time_of(sent.number) >= time);
    let first = first.map(|at| (at as i64, work::time_of(log[at].number)));
    let what = match (found, first) {
        (found, first) if found == first => return Ok(()),
        (None, Some((at, _))) if at >= acknowledged => return Ok(()),
        (Some(found), first) if first.is_none_or(|first| found.0 <= first.0) => "too early",
        _ => "too late, or not at all",
    };
    Err(format!("the first record from {time} on is {first:?}, and {found:?} is told, {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_the_first() {
        let log: Vec<Sent> = [0, 1, 0, 2, 2].map(|number| Sent { producer: 1, number }).into();
        let told = |number, found: Option<i64>, acknowledged| {
            let found = found.map(|at| (at, work::time_of(log[at as usize].number)));
            is_first(&log, Told { time: work::time_of(number), found, acknowledged })
        };
        told(0, Some(0), 5).unwrap();
        told(1, Some(1), 5).unwrap();
        told(2, Some(3), 5).unwrap();
        told(3, None, 5).unwrap();
        told(2, None, 3).unwrap();
        told(2, None, 4).unwrap_err();
        assert!(told(2, Some(4), 5).unwrap_err().contains("too late"));
        assert!(told(2, Some(2), 5).unwrap_err().contains("too early"));
        assert!(told(3, Some(4), 5).unwrap_err().contains("too early"));
    }
}
