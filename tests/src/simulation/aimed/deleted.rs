//! A topic is deleted while one of the log directories with its logs is offline; a snapshot takes the place of the metadata log that told of it, perhaps in
//! a life to which the directory is not known at all; and the directory comes back with those logs. They are deleted then, and the directory is used.
//!
//! Checked: once a start is over every directory is online, and nothing of the topic is left in any; what was acknowledged is there.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use logan::protocol::ErrorCode;
use logan::protocol::messages::DeleteTopicsRequest;
use logan::protocol::messages::delete_topics::DeleteTopicState;
use logan_shards::sim::{Fault, FaultKind, Site};

use super::{Aimed, DIRECTORY, Scene};
use crate::simulation::history::Existence;
use crate::simulation::lives::IDLE;
use crate::simulation::run::{Draw, LONG, Run};
use crate::simulation::work::{self, Shared};

const OFFLINE: &str = "/more";
const GONE: &str = "side-0";
/// So many that both directories have some.
const PARTITIONS: i32 = 6;
/// Each of them an entry of the metadata log at least, and a reason for a snapshot.
const AFTERWARDS: u32 = 3;
const EIO: i32 = 5;

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0xde1e);
    let shards = 1 + draw.below(2) as u16;
    let run = Run { shards, partitions: PARTITIONS, snapshot_after_bytes: 300, ..of.sizes() };
    let directories = format!("log.dirs={DIRECTORY},{OFFLINE}");
    let scene = Scene::begin(of, of.options(), &run, &[&directories], &[]);
    scene.send_to_all(0)?;
    scene.ask(|shared| Box::pin(async move { create(&shared, GONE).await }))?;
    let is_there = |directory: &&str| !scene.left_of(GONE, directory).is_empty();
    scene.await_that("both directories have logs of the topic", || {
        [DIRECTORY, OFFLINE].iter().all(is_there)
    })?;

    let strikes = |site: &Site| site.path.starts_with(OFFLINE);
    let fault = scene.simulation.add_fault(Fault::always(FaultKind::Error(EIO), strikes));
    scene.ask(|shared| Box::pin(async move { delete(&shared, GONE).await }))?;
    if scene.left_of(GONE, OFFLINE).is_empty() {
        return Err(format!("nothing of {GONE} is left in {OFFLINE}: the run shows nothing"));
    }
    let both = [directories.clone()];
    if draw.below(2) == 0 {
        // Who is told that a directory does not answer may take it out.
        scene.end_life(&mut draw)?;
        scene.broker.set_overrides(&[format!("log.dirs={DIRECTORY}")]);
        scene.start()?;
    }
    scene.cut_metadata(1)?;
    scene.end_life(&mut draw)?;
    scene.simulation.remove_fault(fault);
    scene.broker.set_overrides(&both);
    scene.start()?;
    scene.is_well(shards)?;

    // Now the deletion may be forgotten, and everything is as it was.
    scene.ask(|shared| Box::pin(async move { create(&shared, GONE).await }))?;
    scene.ask(|shared| Box::pin(async move { delete(&shared, GONE).await }))?;
    let kept = scene.broker.snapshots().deletions;
    scene.cut_metadata(1 + AFTERWARDS)?;
    if scene.broker.snapshots().deletions > kept {
        return Err("a deletion is remembered of which nothing is left".to_owned());
    }
    scene.end_life(&mut draw)?;
    scene.start()?;
    scene.is_well(shards)?;
    scene.send_to_all(1)?;
    scene.verify()
}

impl Scene {
    fn ask(&self, what: impl FnOnce(Rc<Shared>) -> LocalBoxFuture<'static, ()>) -> Result<(), String> {
        self.simulation.block_on(LONG, what(self.shared.clone()));
        self.is_violated()
    }

    /// Makes so many topics, the first of this number, that a snapshot takes the place of the metadata log.
    fn cut_metadata(&self, first: u32) -> Result<(), String> {
        let before = self.broker.snapshots().taken;
        for number in first..first + AFTERWARDS {
            self.ask(move |shared| {
                Box::pin(async move { create(&shared, &format!("side-{number}")).await })
            })?;
        }
        self.await_that("the metadata log is cut", || self.broker.snapshots().taken > before)
    }

    /// A record to each partition of the topic that stays.
    fn send_to_all(&self, round: u32) -> Result<(), String> {
        for partition in 0..PARTITIONS {
            let producer = round * PARTITIONS as u32 + partition as u32;
            self.simulation.block_on(LONG, Self::send(self.shared.clone(), producer, partition, 1, 100));
        }
        self.is_violated()
    }

    /// By what is left there of its logs.
    fn left_of(&self, topic: &str, directory: &str) -> BTreeSet<String> {
        let files = self.simulation.files(self.broker.node, directory, false);
        let of_topic = |path: &String| path.starts_with(&format!("{topic}-"));
        files
            .into_keys()
            .filter(of_topic)
            .filter_map(|path| Some(path.split_once('/')?.0.to_owned()))
            .collect()
    }

    fn end_life(&self, draw: &mut Draw) -> Result<(), String> {
        self.pass(draw.below(300_000));
        match draw.below(3) {
            0 => self.kill(),
            1 => self.simulation.power_loss(self.broker.node),
            _ => {
                self.simulation.request_stop(self.broker.node);
                // It cuts what is prepared, so that is not looked at.
                let outcome = self.simulation.run_until(|| !self.is_running(), LONG);
                if self.is_running() {
                    return Err(format!("the stop does not end: {outcome:?}\n{}", self.broker.describe()));
                }
            }
        }
        Ok(())
    }

    /// Every directory is used on every shard, and has nothing of the topic.
    fn is_well(&self, shards: u16) -> Result<(), String> {
        let online = self.broker.volumes().iter().filter(|volume| !volume.failed().is_failed()).count();
        if online != 2 * usize::from(shards) {
            return Err(format!(
                "{online} volumes are online: {OFFLINE} does not come back after a deletion that it missed"
            ));
        }
        self.simulation.run_for(IDLE);
        for directory in [DIRECTORY, OFFLINE] {
            let left = self.left_of(GONE, directory);
            if !left.is_empty() {
                return Err(format!("{left:?} in {directory} is left of a topic that was deleted"));
            }
        }
        Ok(())
    }
}

async fn create(shared: &Shared, name: &str) {
    let request = work::new_topic(name, PARTITIONS);
    work::insist(shared, async |client| {
        let error = client.call(7, &request).await?.topics[0].error_code;
        Ok(matches!(error, ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS).then_some(()))
    })
    .await;
    shared.history.borrow_mut().topics.insert(name.into(), Existence::Yes);
}

async fn delete(shared: &Shared, name: &str) {
    let topic = DeleteTopicState { name: Some(name.to_owned().into()), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
    work::insist(shared, async |client| {
        let error = client.call(6, &request).await?.responses[0].error_code;
        Ok(matches!(error, ErrorCode::NONE | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).then_some(()))
    })
    .await;
    shared.history.borrow_mut().topics.insert(name.into(), Existence::No);
}
