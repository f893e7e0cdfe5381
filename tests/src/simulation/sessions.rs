//! Consumers with fetch sessions (KIP-227): full and incremental requests, partitions that are left out for a while, offsets that lag
//! behind, sessions that are evicted or lost, connections that end and begin again on another shard.
//!
//! What is checked of each answer:
//! - [`Consumer::take`]: the records of a partition come in order, none twice and none left out, from where the broker was told, and
//!   below the watermark of the same answer
//! - [`Consumer::is_fresh`]: the session has been told of all that was acknowledged before the request was sent
//! - [`Consumer::has_reason`]: an incremental answer mentions a partition of the session only if there is something new
//! - [`Consumer::was_woken`]: a request that waits is answered soon after what it waits for was acknowledged
//! - [`Consumer::on_refusal`]: a session is there for as long as its connection uses it, unless a request that ends it may still be under way

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use logan::model::Uuid;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic, PartitionData};
use logan::protocol::messages::{FetchRequest, FetchResponse};
use logan::protocol::{ErrorCode, Records};
use logan_shards::{monotonic_ns, random_u64, sleep};
use logan_storage::batch::Batch;

use super::client::{Client, Lost};
use super::history::{Partition, Sent, once_and_in_order};
use super::work::{self, Shared, TOPIC};

/// Sessions are found by names before this version, by ids from it on.
const BY_ID: i16 = 13;
/// Longer than a request takes once there is something to answer, and than the slowest network takes for each byte of it.
const SOON_NS: u64 = 10_000_000_000;
const BYTE_NS: u64 = 100_000;
const MAX_WAIT_MS: i32 = 30_000;
/// A session that was used within two minutes is not evicted.
const SURELY_KEPT_NS: u64 = 110_000_000_000;
const LONG_PAUSE: Duration = Duration::from_secs(130);

/// True once in so many times.
fn once_in(times: u64) -> bool {
    random_u64().is_multiple_of(times)
}

pub(super) struct Consumer {
    shared: Rc<Shared>,
    version: i16,
    topic: Uuid,
    /// 0 if there is none.
    session: i32,
    epoch: i32,
    /// When this connection's last request of the session was answered.
    used_ns: Option<u64>,
    /// A request that ends this session was lost with its connection: it may reach the broker behind requests of the next connection.
    may_end: bool,
    parts: BTreeMap<Partition, Part>,
}

#[derive(Default)]
struct Part {
    /// What was shown, from the beginning.
    log: Vec<Sent>,
    /// The offset that the session has, if it has the partition.
    asked: Option<i64>,
    /// The watermark and the log start that it was told.
    told: Option<(i64, i64)>,
}

impl Part {
    fn next(&self) -> i64 {
        self.log.len() as i64
    }
}

/// A request, and what the session has once it is carried out.
struct Planned {
    request: FetchRequest,
    asked: BTreeMap<Partition, Option<i64>>,
}

impl Planned {
    fn is_full(&self) -> bool {
        self.request.session_epoch == 0
    }
}

/// Consumes all partitions until `producing` is over and everything was shown that was acknowledged.
pub(super) async fn consume(shared: Rc<Shared>, number: u32, producing: Rc<Cell<bool>>) {
    let mut consumer = Consumer {
        version: if number.is_multiple_of(2) { work::FETCH_VERSION } else { BY_ID },
        topic: work::topic_id(&shared, TOPIC).await,
        session: 0,
        epoch: 0,
        used_ns: None,
        may_end: false,
        parts: (0..shared.partitions).map(|partition| (partition, Part::default())).collect(),
        shared,
    };
    let mut again = None;
    while consumer.goes_on(producing.get()) {
        let mut client = work::connect(&consumer.shared).await;
        consumer.used_ns = None;
        let lost = consumer.consume_on(&mut client, &producing, again.take()).await;
        again = lost.and_then(|(lost, planned)| {
            consumer.shared.lose(lost);
            consumer.may_end |= planned.is_full();
            // Whether it was carried out is not known: the epoch says so if it is sent again.
            once_in(2).then_some(planned)
        });
        sleep(Duration::from_millis(random_u64() % 10)).await;
    }
    let logs = consumer.parts.into_iter().map(|(partition, part)| (partition, part.log)).collect();
    consumer.shared.note(once_and_in_order(&logs));
}

impl Consumer {
    fn goes_on(&self, producing: bool) -> bool {
        let acknowledged = self.shared.acknowledged_at.borrow();
        let end = |partition: &Partition| acknowledged.get(partition)?.iter().map(|ack| ack.end).max();
        let is_behind = |(partition, part): (&Partition, &Part)| part.next() < end(partition).unwrap_or(0);
        self.shared.violation.borrow().is_none() && (producing || self.parts.iter().any(is_behind))
    }

    /// Until the connection is lost, with the request that was under way, or given up.
    async fn consume_on(
        &mut self,
        client: &mut Client,
        producing: &Cell<bool>,
        mut again: Option<Planned>,
    ) -> Option<(Lost, Planned)> {
        while self.goes_on(producing.get()) {
            if producing.get() && once_in(60) {
                sleep(LONG_PAUSE).await;
            }
            let planned = again.take().unwrap_or_else(|| self.plan(producing.get()));
            let sent_ns = monotonic_ns();
            match client.call(self.version, &planned.request).await {
                Ok(response) => {
                    let noted = self.on_response(&planned, response, sent_ns);
                    self.shared.note(noted);
                }
                Err(lost) => return Some((lost, planned)),
            }
            if once_in(20) {
                return None;
            }
        }
        None
    }

    /// Chooses what to ask for next. While `free`, partitions may be left out and offsets may lag.
    fn plan(&self, free: bool) -> Planned {
        let is_full = self.session == 0 || once_in(24);
        let mut asked: BTreeMap<Partition, Option<i64>> = BTreeMap::new();
        let (mut wants, mut forgets) = (Vec::new(), Vec::new());
        for (partition, part) in &self.parts {
            let before = part.asked.filter(|_| !is_full);
            let is_left_out = free && once_in(if before.is_some() { 10 } else { 3 });
            let now = match before {
                _ if is_left_out => None,
                Some(before) if free && once_in(8) => Some(before),
                _ => Some(part.next()),
            };
            asked.insert(*partition, now);
            match now {
                Some(offset) if now != before => wants.push(want(*partition, offset)),
                None if before.is_some() => forgets.push(*partition),
                _ => {}
            }
        }
        let (session_id, session_epoch) = (self.session, if is_full { 0 } else { self.epoch });
        let waits = [0, 100, if free { MAX_WAIT_MS } else { 100 }];
        let request = FetchRequest {
            session_id,
            session_epoch,
            max_wait_ms: waits[(random_u64() % 3) as usize],
            min_bytes: 1,
            max_bytes: [1, 4_000, 1 << 20][(random_u64() % 3) as usize],
            topics: self.topics(wants),
            forgotten_topics_data: self.forgotten(forgets),
            ..Default::default()
        };
        Planned { request, asked }
    }

    fn topics(&self, partitions: Vec<FetchPartition>) -> Vec<FetchTopic> {
        if partitions.is_empty() {
            return Vec::new();
        }
        let topic = FetchTopic { partitions, ..Default::default() };
        vec![if self.version < BY_ID {
            FetchTopic { topic: TOPIC.into(), ..topic }
        } else {
            FetchTopic { topic_id: self.topic, ..topic }
        }]
    }

    fn forgotten(&self, partitions: Vec<Partition>) -> Vec<ForgottenTopic> {
        if partitions.is_empty() {
            return Vec::new();
        }
        let topic = ForgottenTopic { partitions, ..Default::default() };
        vec![if self.version < BY_ID {
            ForgottenTopic { topic: TOPIC.into(), ..topic }
        } else {
            ForgottenTopic { topic_id: self.topic, ..topic }
        }]
    }

    fn on_response(
        &mut self,
        planned: &Planned,
        response: FetchResponse,
        sent_ns: u64,
    ) -> Result<(), String> {
        if response.error_code != ErrorCode::NONE {
            return self.on_refusal(response.error_code);
        }
        let is_full = planned.is_full();
        let is_ended = planned.asked.values().all(Option::is_none);
        for (partition, asked) in &planned.asked {
            let part = self.parts.get_mut(partition).expect("only what there is is asked for");
            let is_new = is_full || part.asked.is_none() || asked.is_none();
            part.asked = *asked;
            if is_new {
                part.told = None;
            }
        }
        let mentioned: Vec<PartitionData> =
            response.responses.into_iter().flat_map(|topic| topic.partitions).collect();
        let asked = planned.asked.values().flatten().count();
        if is_full && mentioned.len() != asked {
            return Err(format!("{} of {asked} partitions are mentioned by a full answer", mentioned.len()));
        }
        let bytes: usize = mentioned.iter().filter_map(|data| data.records.as_ref()).map(Records::len).sum();
        self.was_woken(sent_ns, bytes as u64)?;
        let mut failed = Vec::new();
        for data in &mentioned {
            if data.error_code != ErrorCode::NONE {
                failed.push(data.partition_index);
            }
            self.on_mention(data, is_full)?;
            if data.error_code == ErrorCode::NONE {
                self.shared.tell(data.partition_index, sent_ns, data.high_watermark);
            }
        }
        self.is_fresh(sent_ns, &failed)?;
        let expected = if is_full { response.session_id } else { self.session };
        if is_ended || response.session_id == 0 {
            self.end_session();
        } else if response.session_id != expected {
            return Err(format!("session {} is answered as {}", self.session, response.session_id));
        } else {
            self.may_end &= self.session == response.session_id;
            self.session = response.session_id;
            self.epoch = match self.epoch {
                _ if is_full => self.shared.first_epoch,
                i32::MAX => 1,
                epoch => epoch + 1,
            };
            self.used_ns = Some(monotonic_ns());
        }
        Ok(())
    }

    fn end_session(&mut self) {
        (self.session, self.epoch, self.used_ns, self.may_end) = (0, 0, None, false);
        for part in self.parts.values_mut() {
            (part.asked, part.told) = (None, None);
        }
    }

    /// A session that this connection has just used is not gone by itself.
    fn on_refusal(&mut self, error: ErrorCode) -> Result<(), String> {
        let is_known =
            matches!(error, ErrorCode::FETCH_SESSION_ID_NOT_FOUND | ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let is_ended = self.may_end && error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
        let is_in_use = self.used_ns.is_some_and(|used_ns| monotonic_ns() - used_ns < SURELY_KEPT_NS);
        if !is_known || (is_in_use && !is_ended) {
            return Err(format!("session {}, epoch {}, is refused: {error}", self.session, self.epoch));
        }
        self.end_session();
        Ok(())
    }

    fn on_mention(&mut self, data: &PartitionData, is_full: bool) -> Result<(), String> {
        let partition = data.partition_index;
        let part = self.parts.get_mut(&partition);
        let Some((part, asked)) = part.and_then(|part| part.asked.map(|asked| (part, asked))) else {
            return Err(format!("partition {partition} is mentioned, which the session does not have"));
        };
        if data.error_code != ErrorCode::NONE {
            part.told = None;
            return if work::is_retriable(data.error_code) {
                Ok(())
            } else {
                Err(format!("partition {partition}: offset {asked} cannot be read: {}", data.error_code))
            };
        }
        let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
        let told = Some((data.high_watermark, data.log_start_offset));
        if !is_full {
            has_reason(partition, part, told, &records)?;
        }
        part.told = told;
        if records.is_empty() { Ok(()) } else { self.take(data, asked, records) }
    }

    fn take(&mut self, data: &PartitionData, asked: i64, records: Bytes) -> Result<(), String> {
        let partition = data.partition_index;
        let first = Batch::peek(&records, records.len())
            .and_then(|length| Batch::whole(&records[..length]))
            .map_err(|error| format!("partition {partition} shows a batch that is none: {error}"))?;
        if !(first.base_offset()..=first.last_offset()).contains(&asked) {
            let (base, last) = (first.base_offset(), first.last_offset());
            return Err(format!("partition {partition}: {base} to {last} where {asked} was asked for"));
        }
        let part = self.parts.get_mut(&partition).expect("mentioned");
        work::read(&self.shared.history, partition, records, data.high_watermark, &mut part.log)
    }

    /// Partitions in `failed` were answered with an error.
    fn is_fresh(&self, sent_ns: u64, failed: &[Partition]) -> Result<(), String> {
        for (partition, part) in &self.parts {
            if part.asked.is_none() || failed.contains(partition) {
                continue;
            }
            let end = self.shared.acknowledged_before(*partition, sent_ns);
            if part.told.is_none_or(|(watermark, _)| watermark < end) {
                return Err(format!(
                    "partition {partition}: {end} records were acknowledged, and session {} was told {:?}",
                    self.session, part.told
                ));
            }
        }
        Ok(())
    }

    /// The request that was sent then is answered now, with so many bytes.
    fn was_woken(&self, sent_ns: u64, bytes: u64) -> Result<(), String> {
        let now_ns = monotonic_ns().saturating_sub(bytes * BYTE_NS);
        let acknowledged = self.shared.acknowledged_at.borrow();
        for (partition, part) in &self.parts {
            let Some(asked) = part.asked else { continue };
            let acks = acknowledged.get(partition).into_iter().flatten();
            let ready_ns = acks.filter(|ack| ack.end > asked).map(|ack| ack.at_ns.max(sent_ns)).min();
            if ready_ns.is_some_and(|ready_ns| now_ns > ready_ns + SOON_NS) {
                return Err(format!(
                    "partition {partition}: a fetch slept on after offset {asked} was there"
                ));
            }
        }
        Ok(())
    }
}

fn has_reason(
    partition: Partition,
    part: &Part,
    told: Option<(i64, i64)>,
    records: &Bytes,
) -> Result<(), String> {
    if records.is_empty() && told == part.told {
        return Err(format!("partition {partition} is mentioned, with nothing new: {told:?}"));
    }
    Ok(())
}

fn want(partition: Partition, offset: i64) -> FetchPartition {
    FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: [1, 2_000, 600_000][(random_u64() % 3) as usize],
        ..Default::default()
    }
}
