//! What the shard that starts and stops the node asks of the others.

use std::rc::Rc;

use futures_util::future::join_all;
use logan_shards::ShardId;

use super::Shell;
use super::startup::StartError;
use crate::mail::{Answer, Call, Mail};
use crate::metadata::{Command, QUORUM_SHARD, Reply};

/// Asks the quorum, once it leads: a lone voter campaigns at once, and may still be at it.
pub(super) async fn decide(shell: &Rc<Shell>, command: Command) -> Result<Reply, StartError> {
    shell.leads_quorum.wait().await;
    let command = Box::new(command);
    let answer = shell.router.ask(QUORUM_SHARD, |call| Mail::Command(call, command)).await.await;
    match answer {
        Some(Answer::Command(Ok((reply, _)))) => Ok(reply),
        Some(Answer::Command(Err(refused))) => Err(StartError::Refused(refused.message)),
        _ => Err(StartError::Metadata("the quorum did not answer".into())),
    }
}

/// Sends every shard the same message and waits until all are done.
pub(super) async fn everyone(shell: &Rc<Shell>, mail: impl Fn(Call) -> Mail) -> Result<(), StartError> {
    let mut pending = Vec::new();
    for shard in (0..shell.router.shards()).map(ShardId) {
        pending.push(shell.router.ask(shard, &mail).await);
    }
    all_done(join_all(pending).await)
}

pub(super) fn all_done(answers: Vec<Option<Answer>>) -> Result<(), StartError> {
    for answer in answers {
        match answer {
            Some(Answer::Done(Ok(()))) => {}
            Some(Answer::Done(Err(reason))) => return Err(StartError::Shard(reason)),
            _ => return Err(StartError::Shard("a shard did not answer".into())),
        }
    }
    Ok(())
}
