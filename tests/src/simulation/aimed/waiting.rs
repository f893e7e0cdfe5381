//! Clients create and delete topics, each its own, at moments of their own: commands come while a batch of others is committed, and while the
//! driver of the metadata is at a snapshot, which is due after about every change. Between the rounds there is nobody whose command would wake it.
//!
//! Checked: every request is answered.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::ErrorCode;
use logan::protocol::messages::DeleteTopicsRequest;
use logan::protocol::messages::delete_topics::DeleteTopicState;
use logan_shards::sleep;

use super::{Aimed, Scene};
use crate::simulation::client::Lost;
use crate::simulation::run::{Draw, Run};
use crate::simulation::work::{self, Shared};

const CLIENTS: u64 = 4;
/// In which each client's topic is created, and in the next one deleted.
const ROUNDS: u64 = 20;
/// About as long as a batch and a snapshot take.
const SPREAD_MICROS: u64 = 60_000;

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x3a17);
    let shards = 1 + draw.below(2) as u16;
    let run = Run { shards, snapshot_after_bytes: 300, ..of.sizes() };
    let scene = Scene::begin(of, of.options(), &run, &[], &[]);
    for round in 0..ROUNDS {
        let answered = Rc::new(Cell::new(0));
        for client in 0..CLIENTS {
            let (shared, answered) = (scene.shared.clone(), answered.clone());
            let after = Duration::from_micros(draw.below(SPREAD_MICROS));
            let asking = async move {
                sleep(after).await;
                match ask(&shared, &format!("side-{client}"), round % 2 == 0).await {
                    Ok(ErrorCode::NONE) => answered.set(answered.get() + 1),
                    Ok(error) => shared.fail(format!("client {client} is answered {error} in round {round}")),
                    Err(lost) => {
                        shared.fail(format!("client {client} was not answered in round {round}: {lost:?}"));
                    }
                }
            };
            scene.simulation.spawn(asking).detach();
        }
        scene.await_that("all commands are answered", || answered.get() == CLIENTS)?;
    }
    scene.verify()
}

async fn ask(shared: &Shared, topic: &str, creates: bool) -> Result<ErrorCode, Lost> {
    let mut client = work::connect(shared).await;
    if creates {
        return Ok(client.call(7, &work::new_topic(topic, 1)).await?.topics[0].error_code);
    }
    let topic = DeleteTopicState { name: Some(topic.to_owned().into()), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
    Ok(client.call(6, &request).await?.responses[0].error_code)
}
