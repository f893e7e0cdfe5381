//! Three members whose messages are lost, delayed and reordered, and who lose their memory: they never disagree.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::memory::seeded;
use crate::log::LogView;
use crate::{Committed, Effects, Event, Limits, Node};

const MEMBERS: [u64; 3] = [11, 22, 33];

struct Cluster {
    nodes: Vec<Node>,
    random: Box<dyn FnMut() -> u64>,
    under_way: VecDeque<(u64, Bytes)>,
    /// Messages are lost and reordered, members stop and come back.
    stormy: bool,
    /// What each member has handed out since it was last started from its log.
    handed_out: Vec<Vec<Committed>>,
    /// What anybody ever handed out.
    decided: BTreeMap<u64, Committed>,
    leaders: BTreeMap<u64, u64>,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        let nodes = MEMBERS.map(|id| {
            Node::new(id, LogView::fresh(&MEMBERS), &Limits::standard(), seed ^ id)
                .expect("a good configuration")
        });
        Self {
            nodes: nodes.into(),
            random: Box::new(seeded(seed)),
            under_way: VecDeque::new(),
            stormy: true,
            handed_out: vec![Vec::new(); 3],
            decided: BTreeMap::new(),
            leaders: BTreeMap::new(),
        }
    }

    fn settle(&mut self, at: usize) {
        while let Some(write) = self.nodes[at].ready() {
            // Sometimes the member stops before the write is durable: it comes back without it.
            if self.stormy && (self.random)().is_multiple_of(97) {
                self.restart(at);
                return;
            }
            let Effects { messages, events } = self.nodes[at].on_durable(write);
            self.under_way.extend(messages);
            for event in events {
                self.on_event(at, event);
            }
            self.nodes[at].check();
        }
    }

    fn on_event(&mut self, at: usize, event: Event) {
        match event {
            Event::Committed(entry) => {
                let decided = self.decided.entry(entry.index).or_insert_with(|| entry.clone());
                assert_eq!(*decided, entry, "one entry is decided for an index");
                let before = self.handed_out[at].last().map(|entry| entry.index);
                assert!(before.is_none_or(|before| before + 1 == entry.index), "no gaps");
                self.handed_out[at].push(entry);
            }
            Event::Leading { term } => {
                let leader = *self.leaders.entry(term).or_insert(MEMBERS[at]);
                assert_eq!(leader, MEMBERS[at], "one leader in a term");
            }
            Event::Following { .. } | Event::SnapshotDue { .. } => {}
        }
    }

    /// Starts a member again from what was durable.
    fn restart(&mut self, at: usize) {
        let view = self.nodes[at].view().clone();
        let seed = (self.random)();
        self.handed_out[at].clear();
        self.nodes[at] = Node::new(MEMBERS[at], view, &Limits::standard(), seed).expect("as before");
    }

    fn step(&mut self, proposal: u64) {
        let choice = (self.random)() % 100;
        let at = (self.random)() as usize % 3;
        if choice < 20 {
            self.nodes[at].on_tick();
        } else if choice < 25 {
            // Refused by all but the leader.
            let _ = self.nodes[at].on_propose(Bytes::copy_from_slice(&proposal.to_be_bytes()));
        } else if choice < 26 && self.stormy {
            self.restart(at);
        } else if !self.under_way.is_empty() {
            let which = if self.stormy { (self.random)() as usize % self.under_way.len() } else { 0 };
            let (to, frame) = self.under_way.remove(which).expect("within its length");
            if self.stormy && (self.random)().is_multiple_of(10) {
                return;
            }
            let to = MEMBERS.iter().position(|id| *id == to).expect("a member");
            self.nodes[to].on_message(frame).expect("members are correct");
            return self.settle(to);
        }
        self.settle(at);
    }
}

#[test]
fn members_agree_whatever_happens_to_messages_and_to_themselves() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(seed);
        (0..4_000).for_each(|step| cluster.step(step));
        cluster.stormy = false;
        let decided_in_storm = cluster.decided.len();
        (4_000..7_000).for_each(|step| cluster.step(step));
        assert!(cluster.decided.len() > decided_in_storm + 10, "seed {seed}: calm brings progress");
        let leaders = cluster.nodes.iter().filter(|node| node.is_leader()).count();
        assert_eq!(leaders, 1, "seed {seed}: calm brings one leader");
    }
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    let run = |seed| {
        let mut cluster = Cluster::new(seed);
        (0..3_000).for_each(|step| cluster.step(step));
        (cluster.decided, cluster.leaders)
    };
    assert_eq!(run(5), run(5));
}

#[test]
fn a_message_that_contradicts_the_log_is_refused() {
    use raft::eraftpb::{Entry, Message, MessageType};
    let mut cluster = Cluster::new(1);
    cluster.stormy = false;
    (0..3_000).for_each(|step| cluster.step(step));
    let at = cluster.nodes.iter().position(|node| !node.is_leader()).expect("two follow");
    let node = &mut cluster.nodes[at];
    let message = |kind| {
        let mut message = Message::default();
        message.set_msg_type(kind);
        (message.to, message.from, message.term) = (MEMBERS[at], MEMBERS[(at + 1) % 3], node.term());
        message
    };
    let mut far_commit = message(MessageType::MsgHeartbeat);
    far_commit.commit = node.last_index() + 1;
    let mut replaces = message(MessageType::MsgAppend);
    (replaces.index, replaces.log_term) = (1, 1);
    let mut entry = Entry::default();
    (entry.index, entry.term) = (2, 1);
    replaces.entries = vec![entry].into();
    let mut misdirected = message(MessageType::MsgHeartbeat);
    misdirected.to = 99;
    // raft takes the term of an entry that it does not have for 0, so both would be appended behind a gap, and end the process.
    let mut behind_a_gap = message(MessageType::MsgAppend);
    (behind_a_gap.index, behind_a_gap.commit) = (node.last_index() + 5, node.last_index() + 5);
    let mut entry_behind_a_gap = behind_a_gap.clone();
    let mut entry = Entry::default();
    (entry.index, entry.term) = (behind_a_gap.index + 1, node.term());
    entry_behind_a_gap.entries = vec![entry].into();
    for wrong in [far_commit, replaces, misdirected, behind_a_gap, entry_behind_a_gap] {
        assert!(node.on_message(crate::message::encode(&wrong)).is_err(), "{wrong:?}");
    }
    node.check();
    let leads = cluster.nodes.iter().position(Node::is_leader).expect("one leads");
    let node = &mut cluster.nodes[leads];
    let mut answer = Message::default();
    answer.set_msg_type(MessageType::MsgAppendResponse);
    (answer.to, answer.from, answer.term) = (MEMBERS[leads], MEMBERS[at], node.term());
    let mut acknowledges = answer.clone();
    acknowledges.index = node.last_index() + 1;
    (answer.reject, answer.reject_hint) = (true, u64::MAX);
    for wrong in [acknowledges, answer] {
        assert!(node.on_message(crate::message::encode(&wrong)).is_err(), "{wrong:?}");
    }
    node.check();
}

#[test]
fn a_follower_without_a_leader_tells_of_each_new_term() {
    use raft::eraftpb::{Message, MessageType};
    let mut node = Node::new(MEMBERS[0], LogView::fresh(&MEMBERS), &Limits::standard(), 1).expect("as above");
    for term in [5, 6] {
        let mut vote = Message::default();
        vote.set_msg_type(MessageType::MsgRequestVote);
        // With an empty log: it is heard, and not voted for.
        (vote.to, vote.from, vote.term, vote.log_term, vote.index) = (MEMBERS[0], MEMBERS[1], term, 1, 0);
        node.on_message(crate::message::encode(&vote)).expect("a member is correct");
        let mut events = Vec::new();
        while let Some(write) = node.ready() {
            events.extend(node.on_durable(write).events);
        }
        assert_eq!(events, [Event::Following { leader: None, term }]);
    }
}
