//! Consuming: each connection is one consumer with its share of the partitions. Alone it reads them from their beginning to their end again and again;
//! beside producers it begins where they do, follows them, and after the run reads what is left.

use std::sync::Arc;

use clap::Args;
use logan::protocol::Str;
use logan::protocol::messages::FetchRequest;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan_shards as shards;

use super::{DRAIN, Prepared};
use crate::client::{self, Answers, ClientError, FETCH, Sender, check};
use crate::figures::{Direction, Meter, Request};
use crate::payload::parse_size;
use crate::topic::{EARLIEST, LATEST, offsets};
use crate::verify::Place;

#[derive(Args, Clone)]
pub struct Consuming {
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub consumers: u16,
    /// The most bytes of one answer; what Kafka's consumers ask for by default.
    #[arg(long, default_value = "50m", value_parser = parse_size)]
    pub max_bytes: usize,
    /// The most bytes of one partition in an answer; what Kafka's consumers ask for by default.
    #[arg(long, default_value = "1m", value_parser = parse_size)]
    pub partition_max_bytes: usize,
    /// Milliseconds that the broker may wait for something to come.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(i32).range(0..=20_000))]
    pub max_wait: i32,
    /// Whether what producers send is timed until it is here.
    #[arg(skip)]
    pub end_to_end: bool,
}

impl Consuming {
    /// One consumer that times what comes.
    pub fn one() -> Self {
        Self {
            consumers: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            max_wait: 500,
            end_to_end: true,
        }
    }

    /// Whether each consumer has something to read.
    pub fn check(&self, slots: usize) -> Result<(), String> {
        if usize::from(self.consumers) > slots {
            return Err(
                "there are more --consumers than partitions, and some would have nothing to read".to_owned()
            );
        }
        Ok(())
    }
}

/// Where a consumer is in one partition.
struct Position {
    slot: usize,
    place: Place,
    begin: i64,
    end: i64,
}

/// One consumer. What goes wrong ends the run: without figures, if what was read is not what was sent.
pub async fn follow(prepared: &Arc<Prepared>, meter: Meter, number: u16) {
    match Consumer::begin(prepared, &meter, number).await {
        Ok(mut consumer) => match consumer.read().await {
            Err(ClientError::Wrong(fault)) => meter.run().fail(fault.to_string()),
            Err(error) => meter.run().cut_short(error.to_string()),
            Ok(()) => {}
        },
        Err(error) => meter.run().fail(error.to_string()),
    }
}

struct Consumer<'a> {
    prepared: &'a Prepared,
    consuming: &'a Consuming,
    meter: &'a Meter,
    sender: Sender,
    answers: Answers,
    positions: Vec<Position>,
    /// Whose turn it is to be named first: answers are filled from there.
    first: usize,
}

impl<'a> Consumer<'a> {
    async fn begin(prepared: &'a Prepared, meter: &'a Meter, number: u16) -> Result<Self, ClientError> {
        let consuming = prepared.consuming.as_ref().expect("somebody consumes");
        let (mut sender, mut answers) = client::connect(&prepared.target.broker).await?;
        let slots = (0..prepared.layout.slots())
            .filter(|slot| slot % usize::from(consuming.consumers) == usize::from(number));
        let slots: Vec<usize> = slots.collect();
        let ends = offsets(&mut sender, &mut answers, &prepared.layout, &slots, LATEST).await?;
        let begins = match prepared.begins.get() {
            // Beside producers: what was there before them is not read, and everything of theirs is.
            Some(all) if prepared.producing.is_some() => slots.iter().map(|slot| all[*slot]).collect(),
            _ => offsets(&mut sender, &mut answers, &prepared.layout, &slots, EARLIEST).await?,
        };
        let mut positions = Vec::new();
        for (at, slot) in slots.into_iter().enumerate() {
            let (begin, end) = (begins[at], ends[at]);
            if prepared.producing.is_some() || begin < end {
                let (_, partition) = prepared.layout.place(slot);
                let place = Place::new(partition, begin, prepared.known.clone());
                positions.push(Position { slot, place, begin, end });
            }
        }
        if positions.is_empty() {
            let topic = &prepared.target.topic;
            return Err(ClientError::Refused(format!(
                "consumer {number} found nothing in {topic}: produce to it first"
            )));
        }
        Ok(Self { prepared, consuming, meter, sender, answers, positions, first: 0 })
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let is_alone = self.prepared.producing.is_none();
        if !is_alone {
            self.meter.run().will_read();
        }
        self.meter.run().until_all_are_ready().await;
        while !self.meter.run().has_ended() {
            self.fetch().await?;
            if is_alone && self.prepared.target.once {
                self.positions.retain(|position| position.place.next < position.end);
                if self.positions.is_empty() {
                    self.meter.run().idle();
                    return Ok(());
                }
            } else if is_alone {
                self.begin_again();
            }
        }
        match self.prepared.producing {
            Some(_) => self.read_what_is_left().await,
            None => Ok(()),
        }
    }

    /// Partitions that were read to their end are read again.
    fn begin_again(&mut self) {
        for position in &mut self.positions {
            if position.place.next >= position.end {
                let (_, partition) = self.prepared.layout.place(position.slot);
                position.place = Place::new(partition, position.begin, self.prepared.known.clone());
            }
        }
    }

    /// Everything that was acknowledged must come.
    async fn read_what_is_left(&mut self) -> Result<(), ClientError> {
        let connections = self.prepared.producing.as_ref().map_or(0, |producing| producing.connections);
        self.meter.run().until_drained(connections, DRAIN).await.map_err(ClientError::Refused)?;
        let slots: Vec<usize> = self.positions.iter().map(|position| position.slot).collect();
        let ends =
            offsets(&mut self.sender, &mut self.answers, &self.prepared.layout, &slots, LATEST).await?;
        let until_ns = shards::monotonic_ns() + DRAIN.as_nanos() as u64;
        while self.positions.iter().zip(&ends).any(|(position, end)| position.place.next < *end) {
            if shards::monotonic_ns() > until_ns {
                return Err(ClientError::Refused(
                    "what was acknowledged did not come within 30 s".to_owned(),
                ));
            }
            self.fetch().await?;
        }
        self.meter.run().has_read();
        Ok(())
    }

    /// One request, and its answer.
    async fn fetch(&mut self) -> Result<(), ClientError> {
        let due_ns = shards::monotonic_ns();
        self.first = (self.first + 1) % self.positions.len();
        let request = self.request();
        self.sender.send(FETCH, &request).await?;
        let answer = self.answers.next::<FetchRequest>(FETCH).await?;
        check(answer.error_code, || "fetching".to_owned())?;
        let (mut bytes, mut records, mut known) = (0, 0, 0);
        for topic in answer.responses {
            for part in topic.partitions {
                let index = part.partition_index;
                check(part.error_code, || format!("fetching {}-{index}", &*topic.topic))?;
                let slot = self.prepared.layout.slot(&topic.topic, index);
                // They are in the order of their slots.
                let at = slot.and_then(|slot| self.positions.binary_search_by_key(&slot, |p| p.slot).ok());
                let Some(Position { slot, place, .. }) = at.map(|at| &mut self.positions[at]) else {
                    return Err(ClientError::Garbled(format!("{}-{index} was not asked for", &*topic.topic)));
                };
                let taken = place.take(&part.records.unwrap_or_default(), |identity, count| {
                    known += u64::from(count);
                    if let Some(flight) = self.prepared.flights.arrive(identity.producer, *slot) {
                        let due = (0..u64::from(count)).map(|nth| flight.due_ns + nth * flight.step_ns);
                        due.take(if flight.step_ns == 0 { 1 } else { count as usize })
                            .for_each(|due_ns| self.meter.came_through(due_ns));
                    }
                });
                let taken = taken.map_err(ClientError::Wrong)?;
                bytes += taken.bytes;
                records += taken.records;
            }
        }
        self.meter.run().verified(records, known);
        if records > 0 || self.prepared.producing.is_none() {
            self.meter
                .count(Request { direction: Direction::Fetched, step_ns: None, bytes, records }, due_ns);
        }
        Ok(())
    }

    fn request(&self) -> FetchRequest {
        let (before, from) = self.positions.split_at(self.first);
        let mut topics: Vec<FetchTopic> = Vec::new();
        for position in from.iter().chain(before) {
            let (topic, partition) = self.prepared.layout.place(position.slot);
            let part = FetchPartition {
                partition,
                fetch_offset: position.place.next,
                partition_max_bytes: self.consuming.partition_max_bytes as i32,
                ..FetchPartition::default()
            };
            match topics.last_mut().filter(|last| last.topic == *topic) {
                Some(last) => last.partitions.push(part),
                None => topics.push(FetchTopic {
                    topic: Str::clone(topic),
                    partitions: vec![part],
                    ..FetchTopic::default()
                }),
            }
        }
        FetchRequest {
            max_wait_ms: self.consuming.max_wait,
            min_bytes: 1,
            max_bytes: self.consuming.max_bytes as i32,
            session_epoch: -1,
            topics,
            ..FetchRequest::default()
        }
    }
}
