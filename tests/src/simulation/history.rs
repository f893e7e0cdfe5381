//! What clients were told, and whether it is true in the end.
//!
//! The checkers:
//! - [`History::acknowledged_is_present`]: what was acknowledged is where the acknowledgement said
//! - [`History::once_and_in_order`]: each producer's records are there once, in order, without a gap
//! - [`History::shown_stays`]: what a reader was shown is there, unchanged
//! - [`is_below_watermark`]: what a reader is shown lies below the watermark that it is told with it
//! - [`is_fresh`]: that watermark has reached all that was acknowledged before the reader asked
//! - [`History::tell`]: the end of a log that clients are told never falls, over all starts; [`History::ends_stay`]: what it was is there
//! - [`History::give`]: a producer id is given once, over all starts
//! - [`History::topics_are_as_acknowledged`]: created topics exist, deleted ones do not
//!
//! What was told of leader epochs has checkers of its own ([`Epochs`]).

use std::collections::{BTreeMap, BTreeSet};

use super::epochs::Epochs;

/// A partition of the topic that is written to.
pub type Partition = i32;

/// A record, as far as runs tell them apart: who sent it, and its number among what that producer sent to the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub producer: u32,
    pub number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    Yes,
    No,
    /// The client was never told.
    Unknown,
}

/// When a question was sent, and when its answer came.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub sent_ns: u64,
    pub told_ns: u64,
}

/// What clients are told of something that never falls: whenever it was more than before.
#[derive(Debug, Default)]
pub(super) struct Rising(Vec<(u64, i64)>);

impl Rising {
    /// What was told before this was asked, if that was more.
    pub fn tell(&mut self, asked: Asked, value: i64) -> Result<(), i64> {
        let before = self.0.iter().rev().find(|(told_ns, _)| *told_ns < asked.sent_ns);
        if let Some((_, before)) = before.filter(|(_, before)| *before > value) {
            return Err(*before);
        }
        if self.last().is_none_or(|last| last < value) {
            self.0.push((asked.told_ns, value));
        }
        Ok(())
    }

    pub fn last(&self) -> Option<i64> {
        self.0.last().map(|(_, value)| *value)
    }
}

#[derive(Debug, Default)]
pub struct History {
    acknowledged: BTreeMap<(Partition, i64), Sent>,
    shown: BTreeMap<(Partition, i64), Sent>,
    pub epochs: Epochs,
    /// Watermarks and ends.
    told: BTreeMap<Partition, Rising>,
    producer_ids: BTreeSet<i64>,
    pub topics: BTreeMap<String, Existence>,
}

impl History {
    pub fn acknowledge(&mut self, partition: Partition, offset: i64, sent: Sent) -> Result<(), String> {
        match self.acknowledged.insert((partition, offset), sent) {
            Some(other) if other != sent => Err(format!(
                "offset {offset} of partition {partition} was acknowledged for {other:?} and for {sent:?}"
            )),
            _ => Ok(()),
        }
    }

    pub fn show(&mut self, partition: Partition, offset: i64, sent: Sent) -> Result<(), String> {
        match self.shown.insert((partition, offset), sent) {
            Some(other) if other != sent => Err(format!(
                "offset {offset} of partition {partition} was shown as {other:?} and as {sent:?}"
            )),
            _ => Ok(()),
        }
    }

    /// A client was told a watermark, or where a log ends.
    pub fn tell(&mut self, partition: Partition, asked: Asked, end: i64) -> Result<(), String> {
        self.told.entry(partition).or_default().tell(asked, end).map_err(|before| {
            format!("partition {partition}: its end was told as {before}, and fell to {end} for who asked after that")
        })
    }

    /// A producer was given an id.
    pub fn give(&mut self, producer_id: i64) -> Result<(), String> {
        if self.producer_ids.insert(producer_id) {
            return Ok(());
        }
        Err(format!("producer id {producer_id} was given twice"))
    }

    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged.len()
    }

    /// What a partition was told to have, from its beginning as far as there is no gap: of some producers the answer may still be to come.
    pub fn acknowledged_of(&self, partition: Partition) -> Vec<Sent> {
        let of_partition = self.acknowledged.range((partition, 0)..(partition + 1, 0));
        of_partition
            .enumerate()
            .take_while(|(at, ((_, offset), _))| *at as i64 == *offset)
            .map(|(_, (_, sent))| *sent)
            .collect()
    }

    /// All checkers, on what the partitions hold in the end.
    pub fn check(&self, logs: &BTreeMap<Partition, Vec<Sent>>) -> Result<(), String> {
        self.acknowledged_is_present(logs)?;
        once_and_in_order(logs)?;
        self.shown_stays(logs)?;
        self.ends_stay(logs)
    }

    pub fn ends_stay(&self, logs: &BTreeMap<Partition, Vec<Sent>>) -> Result<(), String> {
        for (partition, told) in &self.told {
            let (end, log) = (told.last().unwrap_or(0), logs.get(partition).map_or(0, Vec::len));
            if (log as i64) < end {
                return Err(format!(
                    "partition {partition}: its end was told as {end}, and it has {log} records"
                ));
            }
        }
        Ok(())
    }

    /// What lay behind the first `length` records of a partition is lost, as it may be: nothing is expected of it any more.
    pub fn cut(&mut self, partition: Partition, length: i64) {
        let is_lost = |at: &(Partition, i64)| at.0 == partition && at.1 >= length;
        self.acknowledged.retain(|at, _| !is_lost(at));
        self.shown.retain(|at, _| !is_lost(at));
        self.epochs.cut(partition, length);
        self.told.remove(&partition);
    }

    pub fn acknowledged_is_present(&self, logs: &BTreeMap<Partition, Vec<Sent>>) -> Result<(), String> {
        is_present("acknowledged", &self.acknowledged, logs)
    }

    pub fn shown_stays(&self, logs: &BTreeMap<Partition, Vec<Sent>>) -> Result<(), String> {
        is_present("shown", &self.shown, logs)
    }

    pub fn topics_are_as_acknowledged(&self, listed: &BTreeSet<String>) -> Result<(), String> {
        for (topic, existence) in &self.topics {
            match (existence, listed.contains(topic)) {
                (Existence::Yes, false) => return Err(format!("topic {topic} was created and is gone")),
                (Existence::No, true) => return Err(format!("topic {topic} was deleted and is there")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_present(
    what: &str,
    told: &BTreeMap<(Partition, i64), Sent>,
    logs: &BTreeMap<Partition, Vec<Sent>>,
) -> Result<(), String> {
    for ((partition, offset), sent) in told {
        let found = logs.get(partition).and_then(|log| log.get(*offset as usize));
        if found != Some(sent) {
            return Err(format!(
                "offset {offset} of partition {partition} was {what} as {sent:?} and is {found:?}"
            ));
        }
    }
    Ok(())
}

/// Producers number their records from 0 and send each batch until it is acknowledged.
pub fn once_and_in_order(logs: &BTreeMap<Partition, Vec<Sent>>) -> Result<(), String> {
    for (partition, log) in logs {
        let mut next: BTreeMap<u32, u32> = BTreeMap::new();
        for (offset, sent) in log.iter().enumerate() {
            let expected = next.entry(sent.producer).or_default();
            if sent.number != *expected {
                let how = if sent.number < *expected { "again" } else { "too early" };
                return Err(format!(
                    "partition {partition}, offset {offset}: {sent:?} comes {how}, where number {expected} was expected"
                ));
            }
            *expected += 1;
        }
    }
    Ok(())
}

/// Of one answer: no record lies at or above its watermark.
pub fn is_below_watermark(partition: Partition, offset: i64, watermark: i64) -> Result<(), String> {
    if offset < watermark {
        return Ok(());
    }
    Err(format!(
        "partition {partition}: offset {offset} is shown, above the watermark {watermark} told with it"
    ))
}

/// Of one answer: its watermark has reached `acknowledged`, the end of what was acknowledged before it was asked for.
pub fn is_fresh(partition: Partition, watermark: i64, acknowledged: i64) -> Result<(), String> {
    if watermark >= acknowledged {
        return Ok(());
    }
    Err(format!(
        "partition {partition}: {acknowledged} records were acknowledged, and the watermark told is {watermark}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: u32) -> Sent {
        Sent { producer: 1, number }
    }

    fn logs(numbers: &[u32]) -> BTreeMap<Partition, Vec<Sent>> {
        BTreeMap::from([(0, numbers.iter().map(|number| sent(*number)).collect())])
    }

    #[test]
    fn each_checker_finds_what_it_is_for() {
        let mut history = History::default();
        history.acknowledge(0, 1, sent(1)).unwrap();
        history.show(0, 0, sent(0)).unwrap();
        history.check(&logs(&[0, 1])).unwrap();
        history.acknowledged_is_present(&logs(&[0])).unwrap_err();
        history.shown_stays(&logs(&[])).unwrap_err();
        once_and_in_order(&logs(&[0, 1, 1])).unwrap_err();
        once_and_in_order(&logs(&[0, 2])).unwrap_err();
        once_and_in_order(&logs(&[1, 0])).unwrap_err();
        history.show(0, 0, sent(5)).unwrap_err();
        history.acknowledge(0, 1, sent(5)).unwrap_err();
        is_below_watermark(0, 1, 2).unwrap();
        is_below_watermark(0, 2, 2).unwrap_err();
        is_fresh(0, 2, 2).unwrap();
        is_fresh(0, 1, 2).unwrap_err();
        history.topics.insert("gone".into(), Existence::No);
        history.topics_are_as_acknowledged(&BTreeSet::from(["gone".into()])).unwrap_err();
        history.topics.insert("there".into(), Existence::Yes);
        history.topics_are_as_acknowledged(&BTreeSet::new()).unwrap_err();
    }

    #[test]
    fn what_is_told_never_falls_and_is_there() {
        let mut history = History::default();
        history.acknowledge(0, 0, sent(0)).unwrap();
        history.show(0, 1, sent(1)).unwrap();
        let asked = |sent_ns, told_ns| Asked { sent_ns, told_ns };
        history.tell(0, asked(1, 2), 2).unwrap();
        history.tell(0, asked(1, 3), 1).unwrap();
        history.tell(0, asked(3, 4), 1).unwrap_err();
        history.check(&logs(&[0, 1])).unwrap();
        history.tell(0, asked(4, 5), 3).unwrap();
        history.check(&logs(&[0, 1])).unwrap_err();
        history.give(7).unwrap();
        history.give(8).unwrap();
        history.give(7).unwrap_err();
        history.cut(0, 1);
        history.check(&logs(&[0])).unwrap();
        history.check(&logs(&[])).unwrap_err();
    }
}
