//! Room that is kept for a full disk, so that names, deletion, checkpoints, hints and the stop go on there, and so does a start
//! after a crash, if the reserve was not in use just then.
//!
//! Invariants: `is_low` from the release until the file has its blocks again; meanwhile nothing that would only grow is begun: appends
//! that need a spare and new logs are answered with a full disk.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::checkpoint::SLOTS;
use crate::config::{ROUND_LOG_FILE_BYTES, ROUND_LOG_FILES};
use crate::disk::{Directory, DiskError, OpenMode};
use crate::key::reserve_path;
use crate::names::allow_missing;
use crate::volume::Volume;

/// Of each volume, with its checkpoints' slots on top as they are when it is made: what a start writes for it before anything old may go is its round
/// log and its checkpoint. The rest is for slots that have grown since, and for the file system's own blocks.
const RESERVE_BYTES: u64 = ROUND_LOG_FILES as u64 * ROUND_LOG_FILE_BYTES + (4 << 20);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Between two attempts of what found no space.
const RETRY_AFTER: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(crate) struct Reserve {
    has_file: Cell<bool>,
    is_making: Cell<bool>,
    is_low: Cell<bool>,
    /// How often it was released.
    releases: Cell<u64>,
}

impl Reserve {
    pub fn is_low(&self) -> bool {
        self.is_low.get()
    }

    /// Nothing is being done to its file.
    pub fn is_idle(&self) -> bool {
        !self.is_making.get()
    }
}

/// Makes the reserve, and makes it again after it was released.
pub(crate) async fn run(volume: Rc<Volume>) {
    let reserve = &volume.reserve;
    loop {
        let is_over = || volume.is_ended() || volume.is_stopping();
        volume.progress.until(|| (!reserve.has_file.get() || is_over()).then_some(())).await;
        if is_over() {
            return;
        }
        if reserve.is_low() && !volume.may_make_reserve_again().await || is_over() {
            continue;
        }
        reserve.is_making.set(true);
        let releases = reserve.releases.get();
        let made = volume.make_reserve().await;
        reserve.has_file.set(made.is_ok());
        let is_wanted = reserve.releases.get() != releases;
        if is_wanted && made.is_ok() {
            // Whoever has found no space meanwhile is to have it.
            volume.release_reserve().await;
        }
        reserve.is_making.set(false);
        volume.progress.notify();
        match made {
            Ok(()) if is_wanted => {}
            Ok(()) => {
                reserve.is_low.set(false);
                volume.progress.notify();
            }
            Err(DiskError::NoSpace { .. }) => {
                let over = volume.progress.until(|| is_over().then_some(()));
                if let Either::Left(_) =
                    select(std::pin::pin!(over), volume.host.sleep(TRY_AGAIN_AFTER)).await
                {
                    return;
                }
            }
            Err(error) => volume.fail(&error),
        }
    }
}

/// Lets a start after a crash have what the node that ended there kept. The volumes make their own when they begin.
pub(crate) async fn release_for_start(
    directory: &dyn Directory,
    round_logs: &[u32],
) -> Result<(), DiskError> {
    for round_log in round_logs {
        allow_missing(directory.remove_file(&reserve_path(*round_log)).await)?;
    }
    Ok(())
}

impl Volume {
    fn reserve_bytes(&self) -> u64 {
        RESERVE_BYTES + SLOTS as u64 * self.checkpoint.capacity()
    }

    /// Whether what the reserve was released for is done, and there is room for more than it. Takes its time.
    async fn may_make_reserve_again(&self) -> bool {
        let over = self.progress.until(|| (self.is_ended() || self.is_stopping()).then_some(()));
        if let Either::Left(_) = select(std::pin::pin!(over), self.host.sleep(TRY_AGAIN_AFTER)).await {
            return false;
        }
        match self.directory.free_space().await {
            Ok(free) => {
                let needed = self.reserve_bytes();
                self.names.is_idle_but_for_held() && free >= needed + needed / 8
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    async fn make_reserve(&self) -> Result<(), DiskError> {
        let path = reserve_path(self.spares.round_log());
        allow_missing(self.directory.remove_file(&path).await)?;
        let file = self.directory.open(&path, OpenMode::CreateNew).await?;
        let made = file.allocate(0, self.reserve_bytes()).await;
        if made.is_err() {
            allow_missing(self.directory.remove_file(&path).await)?;
        }
        made
    }

    /// Gives the reserve to whoever needs room now.
    pub(crate) async fn release_reserve(&self) {
        self.reserve.releases.set(self.reserve.releases.get() + 1);
        if !self.reserve.is_low.replace(true) && !self.is_stopping() {
            tracing::warn!(directory = %self.directory.path(), "the disk is full: its reserve is used");
        }
        if self.reserve.has_file.replace(false) {
            let path = reserve_path(self.spares.round_log());
            if let Err(error) = allow_missing(self.directory.remove_file(&path).await) {
                self.fail(&error);
            }
        }
        self.progress.notify();
    }

    /// After something found no space: what is to be done before it is tried again.
    pub(crate) async fn wait_for_space(&self) {
        self.release_reserve().await;
        self.host.sleep(RETRY_AFTER).await;
    }
}
