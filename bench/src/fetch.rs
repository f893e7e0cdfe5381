//! Fetching: each connection is one consumer with its share of the partitions, reads from their beginning to their end again and
//! again, and checks order and CRC of every batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use futures_util::FutureExt;
use futures_util::future::join_all;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use logan::protocol::messages::{FetchRequest, ListOffsetsRequest};
use logan::protocol::{Records, Str};
use logan_shards::{self as shards, RealOptions, Seat};
use logan_storage::batch::{BatchError, BatchReader};

use crate::client::{self, Answers, ClientError, FETCH, LIST_OFFSETS, Sender, check};
use crate::figures::{Meter, Run};
use crate::produce::parse_size;
use crate::{Client, Target};

/// Special timestamps of `ListOffsets`.
pub const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// No batch is longer.
const MAX_BATCH_BYTES: usize = 256 << 20;

#[derive(Args, Clone)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// The most bytes of one answer; what Kafka's consumers ask for by default.
    #[arg(long, default_value = "50m", value_parser = parse_size)]
    max_bytes: usize,
    /// The most bytes of one partition in an answer; what Kafka's consumers ask for by default.
    #[arg(long, default_value = "1m", value_parser = parse_size)]
    partition_max_bytes: usize,
}

/// Runs, and says what was measured.
pub fn run(options: Options) -> Result<String, String> {
    options.target.check_client()?;
    if i32::from(options.target.connections) > options.target.partitions {
        return Err(
            "there are more --connections than --partitions, and some would have nothing to read".to_owned()
        );
    }
    let run = Run::new();
    let machine = RealOptions { shards: options.target.client_shards, pin: false, ..RealOptions::standard() };
    let (shared, of_run) = (Arc::new(options), run.clone());
    shards::run::<()>(machine, move |seat| on_shard(seat, shared.clone(), of_run.clone()).boxed_local())
        .map_err(|error| error.to_string())?;
    Ok(run.report()?.to_string())
}

async fn on_shard(seat: Seat<()>, options: Arc<Options>, run: Run) {
    let meter = Meter::new(&run);
    let own = if options.target.client == Client::Rdkafka { 0 } else { options.target.connections };
    let mine = (0..own).filter(|number| number % seat.shards == seat.shard.0);
    let consumers = mine.map(|number| {
        let consuming = consume(&options, meter.clone(), number);
        async {
            if let Err(error) = consuming.await {
                run.fail(error.to_string());
            }
        }
    });
    let timed = async {
        if seat.shard.0 == 0 {
            let Target { warm_up, seconds, pid, .. } = options.target;
            run.keep_time(warm_up, seconds, pid).await;
        }
    };
    #[cfg(feature = "rdkafka")]
    let librdkafka = (options.target.client == Client::Rdkafka && seat.shard.0 == 0).then(|| {
        let (target, run) = (options.target.clone(), run.clone());
        std::thread::spawn(move || {
            if let Err(error) = crate::rdkafka::fetch(&target, &run) {
                run.fail(error);
            }
        })
    });
    futures_util::join!(timed, join_all(consumers));
    #[cfg(feature = "rdkafka")]
    if let Some(thread) = librdkafka
        && thread.join().is_err()
    {
        run.fail("librdkafka's thread panicked".to_owned());
    }
    run.add(&meter);
}

/// Where a consumer is in one partition.
struct Position {
    next: i64,
    end: i64,
}

async fn consume(options: &Options, meter: Meter, number: u16) -> Result<(), ClientError> {
    let Target { topic, partitions, connections, .. } = &options.target;
    let (mut sender, mut answers) = client::connect(&options.target.broker).await?;
    let mine: Vec<i32> =
        (0..*partitions).filter(|index| index % i32::from(*connections) == i32::from(number)).collect();
    let begins = offsets(&mut sender, &mut answers, topic, &mine, EARLIEST).await?;
    let ends = offsets(&mut sender, &mut answers, topic, &mine, LATEST).await?;
    let position = |index: &i32| (*index, Position { next: begins[index], end: ends[index] });
    let mut positions: BTreeMap<i32, Position> =
        mine.iter().filter(|index| ends[index] > begins[index]).map(position).collect();
    if positions.is_empty() {
        return Err(ClientError::Refused(format!(
            "consumer {number} found nothing in {topic}: produce to it first"
        )));
    }
    let mut first = 0;
    while !meter.run().has_ended() {
        let from_ns = shards::monotonic_ns();
        first = (first + 1) % positions.len();
        sender.send(FETCH, &request(options, &positions, first)).await?;
        let answer = answers.next::<FetchRequest>(FETCH).await?;
        check(answer.error_code, || "fetching".to_owned())?;
        let (mut bytes, mut records) = (0, 0);
        for part in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            check(part.error_code, || format!("fetching partition {}", part.partition_index))?;
            let Some(position) = positions.get_mut(&part.partition_index) else {
                return Err(ClientError::Garbled(format!(
                    "partition {} was not asked for",
                    part.partition_index
                )));
            };
            let taken =
                take_batches(part.partition_index, &mut position.next, &part.records.unwrap_or_default())?;
            bytes += taken.0;
            records += taken.1;
            if position.next >= position.end {
                position.next = begins[&part.partition_index];
            }
        }
        meter.count(from_ns, bytes, records);
    }
    Ok(())
}

fn request(options: &Options, positions: &BTreeMap<i32, Position>, first: usize) -> FetchRequest {
    let turned = positions.iter().skip(first).chain(positions.iter().take(first));
    let partitions = turned.map(|(index, position)| FetchPartition {
        partition: *index,
        fetch_offset: position.next,
        partition_max_bytes: options.partition_max_bytes as i32,
        ..FetchPartition::default()
    });
    let topic = FetchTopic {
        topic: Str::from(options.target.topic.as_str()),
        partitions: partitions.collect(),
        ..FetchTopic::default()
    };
    FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: options.max_bytes as i32,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// Goes through the batches, of which the first holds the offset `next`: each follows the one before it and has the CRC that it states. The
/// last may be cut. Returns bytes and records.
pub fn take_batches(partition: i32, next: &mut i64, records: &Records) -> Result<(u64, u64), ClientError> {
    let whole = records.contiguous();
    let (mut bytes, mut count) = (0, 0);
    for placed in BatchReader::new(&whole, 0, MAX_BATCH_BYTES).with_crc() {
        let batch = match placed {
            Ok(placed) => placed.batch,
            Err(BatchError::TooShort { .. }) => break,
            Err(error) => return Err(ClientError::Garbled(format!("partition {partition}: {error}"))),
        };
        let holds = batch.base_offset() <= *next && *next <= batch.last_offset();
        if !holds {
            return Err(ClientError::Garbled(format!(
                "partition {partition}: a batch of {} to {} where {} was due",
                batch.base_offset(),
                batch.last_offset(),
                *next
            )));
        }
        *next = batch.next_offset();
        bytes += batch.len() as u64;
        count += batch.count() as u64;
    }
    Ok((bytes, count))
}

/// The earliest or latest offset of each partition.
pub async fn offsets(
    sender: &mut Sender,
    answers: &mut Answers,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
) -> Result<BTreeMap<i32, i64>, ClientError> {
    let asked = partitions.iter().map(|index| ListOffsetsPartition {
        partition_index: *index,
        timestamp,
        ..ListOffsetsPartition::default()
    });
    let asked =
        ListOffsetsTopic { name: topic.into(), partitions: asked.collect(), ..ListOffsetsTopic::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![asked], ..ListOffsetsRequest::default() };
    sender.send(LIST_OFFSETS, &request).await?;
    let answer = answers.next::<ListOffsetsRequest>(LIST_OFFSETS).await?;
    let mut found = BTreeMap::new();
    for part in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        check(part.error_code, || format!("the offsets of {topic}-{}", part.partition_index))?;
        found.insert(part.partition_index, part.offset);
    }
    match partitions.iter().find(|index| !found.contains_key(index)) {
        None => Ok(found),
        Some(index) => Err(ClientError::Garbled(format!("nothing about {topic}-{index}"))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use logan::protocol::records::Compression;
    use logan_storage::batch::BatchMut;

    use super::*;
    use crate::payload::{self, Payload, Recipe};

    fn recipe() -> Recipe {
        Recipe {
            record_bytes: 100,
            batch_bytes: 300,
            payload: Payload::Noise,
            compression: Compression::None,
        }
    }

    /// Two batches, as a broker would have stamped them.
    fn stored(bases: [i64; 2]) -> Bytes {
        let mut all = BytesMut::new();
        for (batch, base) in payload::batches(recipe(), 1).into_iter().zip(bases) {
            let mut bytes = batch.bytes.to_vec();
            BatchMut::parse(&mut bytes, MAX_BATCH_BYTES).expect("a batch").stamp(base, 0);
            all.extend_from_slice(&bytes);
        }
        all.freeze()
    }

    fn taken(bytes: Bytes) -> Result<(u64, u64), ClientError> {
        take_batches(0, &mut 0, &Records::from(bytes))
    }

    #[test]
    fn lost_doubled_and_altered_batches_are_found_and_a_cut_one_is_left() {
        let records = i64::from(payload::batches(recipe(), 1)[0].records);
        let good = stored([0, records]);
        assert!(
            matches!(taken(good.clone()), Ok((bytes, count)) if bytes == good.len() as u64 && count == 2 * records as u64)
        );
        assert!(matches!(taken(good.slice(..good.len() - 1)), Ok((_, count)) if count == records as u64));
        assert!(taken(stored([0, records + 1])).is_err(), "a record is missing");
        assert!(taken(stored([0, 0])).is_err(), "a batch came twice");
        let mut altered = good.to_vec();
        let last = altered.len() - 1;
        altered[last] ^= 1;
        assert!(taken(Bytes::from(altered)).is_err());
    }
}
