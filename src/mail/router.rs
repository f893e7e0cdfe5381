//! Questions to other shards and the answers to them.
//!
//! Invariants: an open call has exactly one sender in `open`; a number is used once.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_channel::oneshot;
use logan_shards::{self as shards, Mesh, Queue, ShardId};

use super::{Answer, Call, Mail};
use crate::model::PartitionId;

/// One shard's end of all lanes, and the calls it has open.
pub struct Router {
    mesh: Mesh<Mail>,
    open: RefCell<Open>,
}

struct Open {
    next: u64,
    calls: BTreeMap<u64, OpenCall>,
}

/// A call that is not answered yet.
struct OpenCall {
    sender: oneshot::Sender<Answer>,
    /// Let go of when the answer is here, whether or not anybody waits for it.
    _held: Option<Rc<dyn Any>>,
}

/// An answer that is still to come. Whoever drops it does not want it any more: the answer is then ignored.
pub struct Pending {
    pub call: Call,
    answer: oneshot::Receiver<Answer>,
}

impl Router {
    pub fn new(mesh: Mesh<Mail>) -> Self {
        Self { mesh, open: RefCell::new(Open { next: 0, calls: BTreeMap::new() }) }
    }

    pub fn shard(&self) -> ShardId {
        self.mesh.shard()
    }

    pub fn shards(&self) -> u16 {
        self.mesh.shards()
    }

    pub fn mesh(&self) -> &Mesh<Mail> {
        &self.mesh
    }

    /// The shard that owns a partition, on a node of `shards` shards. Neighbouring partitions of a topic lie on different shards.
    pub fn owner_of(partition: PartitionId, shards: u16) -> ShardId {
        let topic = partition.topic.0.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ShardId((topic.wrapping_add(partition.index.0 as u64) % u64::from(shards)) as u16)
    }

    pub fn owner(&self, partition: PartitionId) -> ShardId {
        Self::owner_of(partition, self.shards())
    }

    /// Sends a question. Waits for lane credit only: questions of one task to one shard arrive in the order in which they were asked.
    pub async fn ask(&self, to: ShardId, question: impl FnOnce(Call) -> Mail) -> Pending {
        self.ask_holding(to, None, question).await
    }

    /// As [`Router::ask`], and holds what the question costs, such as credit for memory, until the answer is here: the shard that is asked works on
    /// if whoever asked goes away.
    pub async fn ask_holding(
        &self,
        to: ShardId,
        held: Option<Rc<dyn Any>>,
        question: impl FnOnce(Call) -> Mail,
    ) -> Pending {
        let number = {
            let mut open = self.open.borrow_mut();
            open.next += 1;
            open.next - 1
        };
        let call = Call { shard: self.shard(), number };
        let mail = question(call);
        let credit = self.mesh.admit(to, mail.class()).await;
        // Not before: who is dropped while it waits for credit leaves nothing open that nobody would answer.
        let (sender, answer) = oneshot::channel();
        self.open.borrow_mut().calls.insert(number, OpenCall { sender, _held: held });
        self.mesh.send(credit, mail);
        Pending { call, answer }
    }

    /// Sends a message that has no answer, or is one. Waits for lane credit only.
    pub async fn tell(&self, to: ShardId, mail: Mail) {
        let credit = self.mesh.admit(to, mail.class()).await;
        self.mesh.send(credit, mail);
    }

    /// Sends without waiting: at once if there is credit, else from a task of its own as soon as there is.
    pub fn post(self: &Rc<Self>, to: ShardId, mail: Mail) {
        if let Some(credit) = self.mesh.try_admit(to, mail.class()) {
            self.mesh.send(credit, mail);
            return;
        }
        let router = self.clone();
        shards::spawn(Queue::Control, async move { router.tell(to, mail).await }).detach();
    }

    pub fn answer(self: &Rc<Self>, call: Call, answer: Answer) {
        self.post(call.shard, Mail::Answer(call.number, Box::new(answer)));
    }

    /// An answer arrived. Answers to calls that nobody waits for any more are dropped.
    pub fn on_answer(&self, number: u64, answer: Answer) {
        let asked = self.open.borrow_mut().calls.remove(&number);
        if let Some(OpenCall { sender, _held }) = asked {
            // The asker may have gone away between; then nobody wants the answer.
            let _ = sender.send(answer);
        }
    }
}

impl Future for Pending {
    /// `None` if the node is stopping and the question will not be answered.
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        Pin::new(&mut self.answer).poll(context).map(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use logan_shards::{RealOptions, Seat, run};

    use super::*;
    use crate::model::{PartitionIndex, Uuid};

    #[test]
    fn what_a_question_holds_is_held_until_it_is_answered() {
        let asked = |seat: Seat<Mail>| async move {
            let router = Router::new(seat.mesh);
            let held: Rc<dyn Any> = Rc::new(());
            let pending = router.ask_holding(seat.shard, Some(held.clone()), Mail::FetchNow).await;
            let number = pending.call.number;
            drop(pending);
            assert_eq!(
                Rc::strong_count(&held),
                2,
                "the asker went away, and the shard that is asked did not"
            );
            router.on_answer(number, Answer::Done(Ok(())));
            assert_eq!(Rc::strong_count(&held), 1);
        };
        let options = RealOptions { shards: 1, ..RealOptions::standard() };
        run(options, move |seat| Box::pin(asked(seat))).expect("the machine starts");
    }

    #[test]
    fn neighbours_lie_on_different_shards() {
        let of =
            |index| Router::owner_of(PartitionId { topic: Uuid([7; 16]), index: PartitionIndex(index) }, 4).0;
        let mut owners: Vec<_> = (0..4).map(of).collect();
        owners.sort_unstable();
        assert_eq!(owners, [0, 1, 2, 3]);
    }
}
