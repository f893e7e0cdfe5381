//! Which machine the caller runs on: a thread that [`crate::run`] made is a real shard; everything else is a simulation's.

use std::cell::Cell;

thread_local! {
    static REAL: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn is_real() -> bool {
    REAL.get()
}

/// Makes the calling thread a real shard's until the guard is dropped.
pub(crate) fn enter_real() -> Guard {
    assert!(!REAL.replace(true), "one thread, one shard");
    Guard(())
}

pub(crate) struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        REAL.set(false);
    }
}
