//! What is looked at from time to time: a round or an operation that hangs, files that nobody uses, producers that fell silent.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::select;

use crate::disk::{Directory, DiskError, Host};
use crate::volume::{Phase, Volume};

pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Instead of [`crate::VolumeConfig::close_after`], while others wait for descriptors: longer than it takes to use what was just opened.
const CLOSE_SOON_AFTER: Duration = Duration::from_millis(250);
/// How often each log's producers are looked through: Kafka's default of `producer.id.expiration.check.interval.ms`.
const PRODUCERS_EVERY_MS: i64 = 600_000;
/// Producers that one look goes through; the other logs' wait for the next look.
const MAX_PRODUCERS: usize = 50_000;

pub(crate) async fn run(volume: Rc<Volume>) {
    let every = LOOK_EVERY.min(volume.config.hang_after / 4);
    while !volume.is_ended() {
        let flights = volume.directory.flights();
        let ended = pin!(volume.progress.until(|| volume.is_ended().then_some(())));
        let lacking = pin!(flights.until_lacking());
        select(select(ended, lacking), volume.host.sleep(every)).await;
        if !volume.is_ended() {
            volume.look_for_hang();
            let is_lacking = flights.take_lack() || volume.host.lacks_descriptors();
            let close_after = volume.config.close_after;
            volume.close_unused_files(if is_lacking {
                close_after.min(CLOSE_SOON_AFTER)
            } else {
                close_after
            });
            volume.expire_producers();
        }
    }
    // If another shard has set the mark of its directory, nobody here was told.
    volume.wake_everybody();
}

/// The error of a directory of which an operation takes longer than `hang_after`.
pub(crate) fn hang(directory: &dyn Directory, host: &dyn Host, hang_after: Duration) -> Option<DiskError> {
    let began_ns = directory.flights().oldest_began_ns()?;
    let age = Duration::from_nanos(host.monotonic_ns().saturating_sub(began_ns));
    (age > hang_after).then(|| DiskError::Failed {
        path: directory.path(),
        operation: "wait",
        errno: 0,
        message: format!("no answer for {} s", age.as_secs()),
    })
}

impl Volume {
    /// Waits until the directory has failed (true) or the volume has stopped (false).
    pub async fn until_failed(&self) -> bool {
        self.progress.until(|| self.is_ended().then(|| self.failed.is_failed())).await
    }

    /// No more rounds will come: the volume has stopped or failed.
    pub(crate) fn is_ended(&self) -> bool {
        self.failed.is_failed() || self.phase() == Phase::Stopped
    }

    fn look_for_hang(&self) {
        if let Some(error) = hang(&*self.directory, &*self.host, self.config.hang_after) {
            self.fail(&error);
        }
    }

    /// Forgets producers that have been silent for `producer_expiration_ms`, as Kafka's `removeExpiredProducers` does.
    fn expire_producers(&self) {
        let now_ms = self.host.wall_clock_ms();
        let mut left = MAX_PRODUCERS;
        for log in self.logs.by_number.borrow().values() {
            let Ok(mut state) = log.state.try_borrow_mut() else { continue };
            if !state.is_loaded() || now_ms.saturating_sub(state.producers_checked_ms) < PRODUCERS_EVERY_MS {
                continue;
            }
            let Some(rest) = left.checked_sub(state.producers.len()).or((left == MAX_PRODUCERS).then_some(0))
            else {
                return;
            };
            left = rest;
            state.producers_checked_ms = now_ms;
            let expiration_ms = state.config.producer_expiration_ms;
            let expired = state.producers.expire(now_ms, expiration_ms);
            if expired > 0 {
                tracing::debug!(log = %log.key(), expired, "producers were silent for too long");
            }
        }
    }

    fn close_unused_files(&self, after: Duration) {
        let now_ns = self.host.monotonic_ns();
        let after_ns = after.as_nanos() as u64;
        for log in self.logs.by_number.borrow().values() {
            let Ok(mut state) = log.state.try_borrow_mut() else { continue };
            if state.is_busy || !state.pending.is_empty() || state.is_loading() || state.is_blocked() {
                continue;
            }
            for segment in &state.segments {
                segment.drop_stale_pieces(now_ns);
                let is_unused = now_ns.saturating_sub(segment.used_at_ns.get()) > after_ns;
                // A spare that is not renamed yet could not be found again.
                if !is_unused || segment.is_structural.get() || segment.spare.get().is_some() {
                    continue;
                }
                segment.file.borrow_mut().take();
                if !state.segments.last().is_some_and(|last| Rc::ptr_eq(last, segment)) {
                    // What it knew when it was sealed may not be written yet.
                    if segment.closing.borrow().is_none() {
                        segment.index.borrow_mut().take();
                    }
                    segment.drop_aborted();
                }
            }
            let is_cold = state.segments.iter().all(|segment| segment.file.borrow().is_none());
            if is_cold && state.open.is_none() {
                state.partial = None;
            }
        }
    }
}
