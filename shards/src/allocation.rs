//! Counts what a thread allocates, for tests that hold memory to a bound. A test binary installs it:
//!
//! ```
//! use logan_shards::allocation::{Counting, peak};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (_, bytes) = peak(|| vec![0_u8; 1000]);
//! assert_eq!(bytes, 1000);
//! ```
//!
//! Invariants: `peak >= live` of a thread, from the last [`peak`] on. `live` may be negative: what one thread allocates another may
//! free.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes allocated less bytes freed by this thread, and their most so far. Constants that need no destructor: an allocator may
    /// neither allocate nor run when a thread has ended its storage.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { live: 0, peak: 0 }) };
}

#[derive(Clone, Copy)]
struct Counts {
    live: isize,
    peak: isize,
}

/// The system's allocator, counted per thread.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counting;

/// What `work` gives, and the most bytes that were allocated at once on this thread beyond those before it. A reallocation counts as
/// the new block beside the old one. Zero if [`Counting`] is not installed.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNTS.get().live;
    COUNTS.set(Counts { live: before, peak: before });
    let result = work();
    (result, (COUNTS.get().peak - before).unsigned_abs())
}

fn add(bytes: usize) {
    let Counts { live, peak } = COUNTS.get();
    let live = live + bytes.cast_signed();
    COUNTS.set(Counts { live, peak: peak.max(live) });
}

fn remove(bytes: usize) {
    let Counts { live, peak } = COUNTS.get();
    COUNTS.set(Counts { live: live - bytes.cast_signed(), peak });
}

// SAFETY: every block comes from `System` and goes back to it with the layout it came with; counting touches no block, does not
// allocate and does not unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        remove(layout.size());
        // SAFETY: `block` came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        remove(layout.size());
        // SAFETY: `block` came from `System` with this layout, and the caller answers for `size`.
        unsafe { System.realloc(block, layout, size) }
    }
}
