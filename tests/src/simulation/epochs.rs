//! What clients were told of leader epochs, over all lives of a broker, and whether it agrees.
//!
//! The checkers:
//! - [`Epochs::lead`]: the epochs of a log's batches rise with their offsets
//! - [`Epochs::led_in`]: the epoch in which a partition is led, as Metadata and `ListOffsets` tell it, never falls
//! - [`Epochs::led_by`]: one life of the broker leads in an epoch, unless it ended by a clean stop
//! - [`Epochs::ended`]: an epoch that is over ends at one place, for ever, and the batches before and behind it say the same

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::ErrorCode;
use logan::protocol::messages::metadata::MetadataRequestTopic;
use logan::protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use logan::protocol::messages::{MetadataRequest, OffsetForLeaderEpochRequest};
use logan_shards::{monotonic_ns, random_u64, sleep};

use super::client::{Client, Lost};
use super::history::{Asked, Partition, Rising};
use super::work::{self, Shared, TOPIC};

/// The highest epoch not above the one that was asked for, and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub epoch: i32,
    pub offset: i64,
}

#[derive(Debug, Default)]
pub struct Epochs {
    /// Of each batch that was shown, by its base offset.
    shown: BTreeMap<(Partition, i64), i32>,
    led: BTreeMap<Partition, Rising>,
    /// The life of the broker that was first seen to lead in an epoch.
    lives: BTreeMap<(Partition, i32), u32>,
    /// Of epochs that are over, by what was asked for.
    ends: BTreeMap<(Partition, i32), End>,
    pub are_ignored: bool,
}

impl Epochs {
    /// A batch was shown.
    pub fn lead(&mut self, partition: Partition, base: i64, epoch: i32) -> Result<(), String> {
        if self.are_ignored {
            return Ok(());
        }
        let before = self.shown.range((partition, 0)..=(partition, base)).next_back();
        let behind = self.shown.range((partition, base)..=(partition, i64::MAX)).next();
        if before.is_some_and(|(_, before)| *before > epoch)
            || behind.is_some_and(|(_, behind)| *behind < epoch)
        {
            return Err(format!(
                "partition {partition}: leader epoch {epoch} at offset {base}, between {before:?} and {behind:?}"
            ));
        }
        for ((_, asked), end) in self.ends.range((partition, 0)..=(partition, i32::MAX)) {
            agree(partition, *asked, *end, (base, epoch), true)?;
        }
        self.shown.insert((partition, base), epoch);
        Ok(())
    }

    /// A client was told the epoch in which a partition is led.
    pub fn led_in(&mut self, partition: Partition, asked: Asked, epoch: i32) -> Result<(), String> {
        self.led.entry(partition).or_default().tell(asked, i64::from(epoch)).map_err(|before| {
            format!("partition {partition}: its leader epoch was told as {before}, and fell to {epoch}")
        })
    }

    /// The broker led a partition in this epoch, in the life of that number.
    pub fn led_by(&mut self, partition: Partition, epoch: i32, life: u32) -> Result<(), String> {
        let first = *self.lives.entry((partition, epoch)).or_insert(life);
        if first == life {
            return Ok(());
        }
        Err(format!(
            "partition {partition} was led in epoch {epoch} by life {first}, and is again by life {life}"
        ))
    }

    /// A client that asked for an epoch was told where it ends. `is_over`: it had been told of a newer one before it asked.
    pub fn ended(&mut self, partition: Partition, asked: i32, end: End, is_over: bool) -> Result<(), String> {
        if self.are_ignored {
            return Ok(());
        }
        for ((_, base), epoch) in self.shown.range((partition, 0)..=(partition, i64::MAX)) {
            agree(partition, asked, end, (*base, *epoch), is_over)?;
        }
        if !is_over {
            return Ok(());
        }
        let before = *self.ends.entry((partition, asked)).or_insert(end);
        if before == end {
            return Ok(());
        }
        Err(format!(
            "partition {partition}: leader epoch {asked} was told to end as {before:?}, and now as {end:?}"
        ))
    }

    /// The newest epoch that anybody was told of.
    pub fn newest(&self, partition: Partition) -> Option<i64> {
        let shown = self.shown.range((partition, 0)..=(partition, i64::MAX)).next_back();
        let led = self.led.get(&partition).and_then(Rising::last);
        shown.map(|(_, epoch)| i64::from(*epoch)).max(led)
    }

    /// Batches from an offset on are lost, as they may be.
    pub fn cut(&mut self, partition: Partition, length: i64) {
        self.shown.retain(|(of, base), _| *of != partition || *base < length);
    }
}

/// Whether a batch lies on the right side of the end of an epoch. What an epoch that is not over ends with may follow.
fn agree(partition: Partition, asked: i32, end: End, batch: (i64, i32), is_over: bool) -> Result<(), String> {
    let (base, epoch) = batch;
    let is_right = if base < end.offset { epoch <= end.epoch } else { !is_over || epoch > asked };
    if is_right {
        return Ok(());
    }
    Err(format!(
        "partition {partition}: leader epoch {asked} ends as {end:?}, and the batch at {base} is of {epoch}"
    ))
}

/// Asks for leader epochs, and where they end, while `watching`.
pub(super) async fn watch(shared: Rc<Shared>, watching: Rc<Cell<bool>>) {
    while watching.get() {
        let partition = (random_u64() % shared.partitions as u64) as Partition;
        work::insist(&shared, async |client| ask(&shared, client, partition, random_u64()).await.map(Some))
            .await;
        sleep(Duration::from_millis(1 + random_u64() % 60)).await;
    }
}

/// Asks where every epoch of every partition ends.
pub(super) async fn ask_all(shared: &Shared) {
    for partition in 0..shared.partitions {
        let newest = shared.history.borrow().epochs.newest(partition).unwrap_or(0);
        for epoch in 0..=newest as u64 {
            work::insist(shared, async |client| ask(shared, client, partition, epoch).await.map(Some)).await;
        }
    }
}

/// Whoever cannot be told, because the partition's directory is offline, is told nothing wrong.
async fn ask(shared: &Shared, client: &mut Client, partition: Partition, draw: u64) -> Result<(), Lost> {
    let asked = |sent_ns| Asked { sent_ns, told_ns: monotonic_ns() };
    let note = |noted: Result<(), String>| shared.note(noted);
    let sent_ns = monotonic_ns();
    if let Some(epoch) = in_metadata(client, partition).await? {
        note(shared.history.borrow_mut().epochs.led_in(partition, asked(sent_ns), epoch));
    }
    let (sent_ns, life) = (monotonic_ns(), shared.life.get());
    let latest = work::latest(client, partition).await?;
    if latest.error_code != ErrorCode::NONE {
        return Ok(());
    }
    shared.tell(partition, sent_ns, latest.offset);
    let leads_in = latest.leader_epoch;
    note(shared.history.borrow_mut().epochs.led_in(partition, asked(sent_ns), leads_in));
    if shared.life.get() == life && !shared.stops_by_itself {
        note(shared.history.borrow_mut().epochs.led_by(partition, leads_in, life));
    }
    let epoch = (draw % (leads_in.max(0) as u64 + 1)) as i32;
    if let Some(end) = end_of(client, partition, epoch).await? {
        note(shared.history.borrow_mut().epochs.ended(partition, epoch, end, epoch < leads_in));
    }
    Ok(())
}

async fn in_metadata(client: &mut Client, partition: Partition) -> Result<Option<i32>, Lost> {
    let asked = MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![asked]), ..Default::default() };
    let response = client.call(9, &request).await?;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut found =
        partitions.filter(|of| of.partition_index == partition && of.error_code == ErrorCode::NONE);
    Ok(found.next().map(|of| of.leader_epoch))
}

async fn end_of(client: &mut Client, partition: Partition, epoch: i32) -> Result<Option<End>, Lost> {
    let part = OffsetForLeaderPartition { partition, leader_epoch: epoch, ..Default::default() };
    let topic = OffsetForLeaderTopic { topic: TOPIC.into(), partitions: vec![part], ..Default::default() };
    let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = client.call(4, &request).await?;
    let answer = &response.topics[0].partitions[0];
    let is_told = answer.error_code == ErrorCode::NONE && answer.end_offset >= 0;
    Ok(is_told.then_some(End { epoch: answer.leader_epoch, offset: answer.end_offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_checker_finds_what_it_is_for() {
        let asked = |sent_ns, told_ns| Asked { sent_ns, told_ns };
        let mut epochs = Epochs::default();
        epochs.lead(0, 5, 2).unwrap();
        epochs.lead(0, 9, 3).unwrap();
        epochs.lead(0, 5, 2).unwrap();
        epochs.lead(0, 7, 1).unwrap_err();
        epochs.lead(0, 7, 4).unwrap_err();
        epochs.lead(0, 9, 2).unwrap_err();
        epochs.lead(1, 0, 0).unwrap();
        epochs.led_in(0, asked(1, 2), 5).unwrap();
        epochs.led_in(0, asked(3, 4), 4).unwrap_err();
        epochs.led_in(1, asked(3, 4), 4).unwrap();
        epochs.led_by(0, 5, 1).unwrap();
        epochs.led_by(0, 5, 1).unwrap();
        epochs.led_by(0, 5, 2).unwrap_err();
        epochs.led_by(1, 5, 2).unwrap();
        assert_eq!((epochs.newest(0), epochs.newest(1), epochs.newest(2)), (Some(5), Some(4), None));
        epochs.cut(0, 9);
        epochs.lead(0, 9, 2).unwrap();
    }

    #[test]
    fn an_epoch_ends_at_one_place() {
        let end = |epoch, offset| End { epoch, offset };
        let mut epochs = Epochs::default();
        epochs.lead(0, 5, 2).unwrap();
        epochs.ended(0, 2, end(2, 5), true).unwrap_err();
        epochs.ended(0, 1, end(1, 6), true).unwrap_err();
        epochs.ended(0, 1, end(1, 5), true).unwrap();
        epochs.ended(0, 1, end(0, 5), true).unwrap_err();
        epochs.ended(0, 2, end(2, 8), false).unwrap();
        epochs.ended(0, 2, end(2, 9), true).unwrap();
        epochs.lead(0, 8, 3).unwrap_err();
        epochs.lead(0, 9, 2).unwrap_err();
        epochs.lead(0, 9, 3).unwrap();
        epochs.ended(0, 2, end(2, 10), true).unwrap_err();
    }
}
