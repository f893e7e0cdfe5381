//! What the handlers of administrative APIs share: asking the leader of the metadata.

use super::Context;
use crate::mail::{Answer, Mail};
use crate::metadata::{Command, QUORUM_SHARD, Refused, Reply};
use crate::protocol::ErrorCode;

/// Has a command decided, committed and applied on all shards of this node. The error holds for the whole request.
pub(super) async fn decide(context: &Context, command: Command) -> Result<Reply, Refused> {
    let pending = context.router.ask(QUORUM_SHARD, |call| Mail::Command(call, Box::new(command))).await;
    match pending.await {
        Some(Answer::Command(outcome)) => outcome.map(|(reply, _)| reply),
        _ => Err(Refused { error: ErrorCode::NOT_CONTROLLER, message: "The node is stopping.".into() }),
    }
}

/// The leader answered another question than was asked: a broken invariant of our own.
pub(super) fn mismatch(reply: &Reply) -> ! {
    panic!("the reply {reply:?} does not belong to its command")
}
