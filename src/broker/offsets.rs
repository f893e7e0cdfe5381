//! Questions about offsets, at the owner.

use std::rc::Rc;

use futures_util::stream::{self, StreamExt};
use logan_shards::{self as shards, Queue};
use logan_storage::{ReadError, planted};

use super::owner::{Hosted, Owner, epoch_of};
use crate::limits;
use crate::mail::{Answer, Call, OffsetAnswer, OffsetQuery, OffsetQuestion};
use crate::model::{ErrorCode, LeaderEpoch, Offset};
use crate::protocol::records::TimestampSearch;

impl Owner {
    /// Answers what is in memory in this turn; otherwise from a task, since a log's epochs and old timestamps are on disk.
    pub fn on_offsets(self: &Rc<Self>, call: Call, queries: Vec<OffsetQuery>) {
        let owner = self.clone();
        shards::spawn(Queue::Fetch, async move {
            // Each may read a batch, and all of them together are as many as fit into a frame.
            let answers = stream::iter(&queries).map(|query| owner.answer_query(query));
            let answers = answers.buffered(limits::OFFSET_QUERIES_AT_ONCE).collect().await;
            owner.router.answer(call, Answer::Offsets(answers));
        })
        .detach();
    }

    async fn answer_query(&self, query: &OffsetQuery) -> OffsetAnswer {
        let Some(hosted) = self.hosted(query.partition) else {
            return OffsetAnswer::failed(self.absence(query.partition));
        };
        let checked = hosted.replica.borrow().check_leader(query.current_leader_epoch);
        if let Err(refusal) = checked {
            return OffsetAnswer::failed(ErrorCode::from(refusal));
        }
        if let Err(error) = hosted.log.load().await {
            tracing::error!(log = %hosted.log.key(), %error, "the log's epochs and indexes cannot be read");
            return OffsetAnswer::failed(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        match query.what {
            OffsetQuestion::Earliest => {
                let offset = hosted.replica.borrow().log_start();
                answer(&hosted, offset, -1)
            }
            OffsetQuestion::Latest => self.latest(&hosted, query.committed),
            OffsetQuestion::EpochEnd(epoch) => self.epoch_end(&hosted, epoch),
            OffsetQuestion::MaxTimestamp => self.at_max_timestamp(&hosted, query.committed).await,
            OffsetQuestion::AtTime(time) => self.in_batch(&hosted, query.committed, time).await,
        }
    }

    /// What the reader may see up to, with the newest epoch: the one that this replica leads in, whether or not it has records.
    fn latest(&self, hosted: &Hosted, committed: bool) -> OffsetAnswer {
        let Some(offset) = visible(hosted, committed) else { return not_loaded() };
        let mut leader_epoch = epoch_of(hosted);
        if planted(self.mutations.tell_older_epochs) && offset.0 % 2 == 1 {
            leader_epoch.0 -= 1;
        }
        OffsetAnswer { error: ErrorCode::NONE, offset, timestamp: -1, leader_epoch }
    }

    fn epoch_end(&self, hosted: &Hosted, epoch: LeaderEpoch) -> OffsetAnswer {
        match end_of_epoch(hosted, epoch) {
            Some((leader_epoch, end)) => {
                let offset = Offset(end.0 + i64::from(planted(self.mutations.end_epochs_late)));
                OffsetAnswer { error: ErrorCode::NONE, offset, timestamp: -1, leader_epoch }
            }
            None => nothing(),
        }
    }

    async fn at_max_timestamp(&self, hosted: &Hosted, committed: bool) -> OffsetAnswer {
        let max = match hosted.log.max_timestamp().await {
            Ok(Some(max)) => max,
            Ok(None) => return nothing(),
            Err(error) => return unreadable(hosted, &error),
        };
        // It may be that of a batch which nobody may see yet, before which there are others: in a moment it is the largest that can be seen.
        if hosted.log.wait_settled(max.offset + 1).await.is_err() {
            return OffsetAnswer::failed(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        self.in_batch(hosted, committed, max.timestamp).await
    }

    /// The first record at or after `time`, looked up in the batch that must hold it. One that the reader may not see hides those behind it.
    ///
    /// Its memory is taken before anything is read. Who has it waits for the disk, which has its time, and for memory to decompress the batch,
    /// which nobody holds who waits for this.
    async fn in_batch(&self, hosted: &Hosted, committed: bool, time: i64) -> OffsetAnswer {
        let Some(visible) = visible(hosted, committed) else { return not_loaded() };
        let mut credit = self.searches.take(limits::SEARCH_BYTES).await;
        let reading = shards::timeout(limits::ROUND_HANGS_AFTER, hosted.log.batch_at_time(time)).await;
        let batch = match reading.unwrap_or(Err(ReadError::Failed)) {
            Ok(Some(batch)) => batch,
            Ok(None) => return nothing(),
            Err(error) => return unreadable(hosted, &error),
        };
        credit.resize(limits::SEARCH_BYTES.max(batch.len() as u64));
        let log_start = hosted.replica.borrow().log_start();
        let limit = limits::STORED_BATCH_UNPACKED_BYTES;
        let time = if planted(self.mutations.tell_batch_of_time) { i64::MIN } else { time };
        let begin = || TimestampSearch::begin(&batch, time, log_start.0, limit);
        // A batch may come to much when it is decompressed.
        match self.unpacking.run(begin, async || {}).await.map(|(found, _)| found) {
            Ok(Some(found)) if found.offset < visible.0 => {
                answer(hosted, Offset(found.offset), found.timestamp)
            }
            Ok(_) => nothing(),
            Err(error) => {
                tracing::error!(log = %hosted.log.key(), ?error, "a stored batch cannot be read");
                OffsetAnswer::failed(ErrorCode::CORRUPT_MESSAGE)
            }
        }
    }
}

/// An offset with the epoch of the record there; where there is none yet, with the one that it will have.
fn answer(hosted: &Hosted, offset: Offset, timestamp: i64) -> OffsetAnswer {
    let replica = hosted.replica.borrow();
    let leader_epoch = if offset < replica.log_end() {
        LeaderEpoch(hosted.log.epoch_at(offset.0).unwrap_or(-1))
    } else {
        replica.leadership().epoch
    };
    OffsetAnswer { error: ErrorCode::NONE, offset, timestamp, leader_epoch }
}

/// How far the reader may see: to the watermark, or to the last stable offset.
fn visible(hosted: &Hosted, committed: bool) -> Option<Offset> {
    let high_watermark = hosted.replica.borrow().high_watermark();
    if committed { hosted.last_stable(high_watermark) } else { Some(high_watermark) }
}

/// Kafka's "nothing found": no error, and -1 everywhere.
fn nothing() -> OffsetAnswer {
    OffsetAnswer::failed(ErrorCode::NONE)
}

/// The log was truncated since it was loaded.
fn not_loaded() -> OffsetAnswer {
    OffsetAnswer::failed(ErrorCode::KAFKA_STORAGE_ERROR)
}

/// The largest epoch up to this one, and where it ends. `None` for an epoch that nobody has led in yet. The epoch that this replica leads in
/// begins where the log ended then, as Kafka notes down at the election; here there may be no record of it yet.
pub(super) fn end_of_epoch(hosted: &Hosted, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
    if let Some(end) = hosted.log.epoch_end_offset(epoch.0) {
        return Some((LeaderEpoch(end.epoch), Offset(end.end_offset)));
    }
    let replica = hosted.replica.borrow();
    let led_in = replica.leadership().epoch;
    if epoch.0 < 0 || epoch > led_in {
        return None;
    }
    let before = hosted.log.latest_epoch().filter(|_| epoch < led_in);
    Some((before.map_or(epoch, |latest| LeaderEpoch(latest.epoch)), replica.log_end()))
}

fn unreadable(hosted: &Hosted, error: &ReadError) -> OffsetAnswer {
    tracing::error!(log = %hosted.log.key(), %error, "the log cannot be read");
    OffsetAnswer::failed(ErrorCode::KAFKA_STORAGE_ERROR)
}
