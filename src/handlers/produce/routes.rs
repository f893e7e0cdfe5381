//! Batches on their way to the shards that append them.
//!
//! Invariant: a batch that is not the request's own bytes is charged until its owner has answered.

use std::any::Any;
use std::rc::Rc;

use futures_util::future::join_all;

use crate::handlers::{Context, Credit};
use crate::mail::{Answer, AppendPart, AppendRequest, AppendResult, Mail, Pending};
use crate::model::ShardId;

/// Where the batches of one request go.
pub struct Routes {
    acks: i16,
    shards: Vec<Route>,
}

/// What one shard is to append, and what came of what it was asked before: `None` where it did not answer, since the node is stopping.
#[derive(Default)]
struct Route {
    parts: Vec<AppendPart>,
    /// For batches among them that were compressed anew; held until the shard has answered.
    converted: Vec<Credit>,
    results: Vec<Option<AppendResult>>,
}

impl Routes {
    pub fn new(context: &Context, acks: i16) -> Self {
        let shards = (0..context.router.shards()).map(|_| Route::default()).collect();
        Self { acks, shards }
    }

    /// Returns the place that its result will have. `credit` is for what of it is not the request's own.
    pub fn add(&mut self, shard: ShardId, part: AppendPart, credit: Credit) -> u32 {
        let route = &mut self.shards[usize::from(shard.0)];
        route.parts.push(part);
        if credit.bytes() > 0 {
            route.converted.push(credit);
        }
        (route.results.len() + route.parts.len() - 1) as u32
    }

    /// Has everything appended that was added, and holds none of it any more.
    pub async fn settle(&mut self, context: &Context) {
        let pending = self.send(context).await;
        self.collect(pending).await;
    }

    /// Returns the answers to come, each with how many results it must have.
    pub async fn send(&mut self, context: &Context) -> Vec<(ShardId, usize, Pending)> {
        let mut pending = Vec::new();
        for (shard, route) in self.shards.iter_mut().enumerate() {
            let parts = std::mem::take(&mut route.parts);
            if !parts.is_empty() {
                let count = parts.len();
                let request = AppendRequest { image: context.version(), acks: self.acks, parts };
                let shard = ShardId(shard as u16);
                let converted = std::mem::take(&mut route.converted);
                let held = (!converted.is_empty()).then(|| Rc::new(converted) as Rc<dyn Any>);
                let asking = |call| Mail::Append(call, Box::new(request));
                let sent = context.router.ask_holding(shard, held, asking).await;
                pending.push((shard, count, sent));
            }
        }
        pending
    }

    pub async fn collect(&mut self, pending: Vec<(ShardId, usize, Pending)>) {
        let answers = pending.into_iter().map(|(shard, count, pending)| async move {
            match pending.await {
                Some(Answer::Append(results)) => (shard, count, results),
                // The node is stopping: whether these were appended is not known.
                _ => (shard, count, Vec::new()),
            }
        });
        for (shard, count, results) in join_all(answers).await {
            let all = &mut self.shards[usize::from(shard.0)].results;
            let end = all.len() + count;
            all.extend(results.into_iter().map(Some));
            all.resize(end, None);
        }
    }

    pub fn result(&self, shard: ShardId, at: u32) -> Option<&AppendResult> {
        self.shards[usize::from(shard.0)].results.get(at as usize)?.as_ref()
    }
}
