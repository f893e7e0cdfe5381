//! Aligned memory for direct I/O, pooled per shard.
//!
//! Fresh memory is expensive (the kernel zeroes it page by page), so a buffer whose last reference drops goes back to the pool of
//! the shard that took it, from whichever thread that happens on, and is used again.
//!
//! Buffers are cut out of regions, of one size class each, and no memory of theirs is the allocator's. Small ones have no huge pages: while a
//! cache grows by a few kilobytes a request, every so many requests would wait for the kernel to zero 2 MiB (docs/decisions/0009). Large ones
//! have them, and with them fewer segments in each read and write, as soon as there are more than a few: a shard at rest has one or two buffers
//! of some sizes, and would keep 2 MiB for each (docs/decisions/0013).
//!
//! For `AddressSanitizer` (`--cfg logan_asan`) there are neither regions nor free buffers: it sees the end of an allocation and the use of a
//! freed one, so every buffer is an allocation of its own length and is freed as soon as it comes home.
//!
//! Invariants:
//! - Every buffer is aligned to [`ALIGNMENT`], and its capacity is that of a size class, its own or one of the next two; for
//!   `AddressSanitizer` it is the length.
//! - A pool keeps at most its limit of free bytes; beyond that, buffers of the size class that was not asked for the longest go back to the
//!   allocator, or the kernel: a load that changes its sizes must not find the pool full of the old ones for ever.
//! - `lent` is what was asked for, in whole blocks, of all buffers that were taken from the pool and have not come back.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::machine;
use crate::region::{Pages, Region};

/// Alignment of memory, positions and lengths in direct I/O, in bytes.
pub const ALIGNMENT: usize = 4096;

/// Whether each buffer is an allocation of its own.
const UNPOOLED: bool = cfg!(logan_asan);

/// Larger buffers are not pooled.
const LARGEST_POOLED: usize = if UNPOOLED { 0 } else { 4 << 20 };

/// Buffers up to this size never have huge pages.
const LARGEST_SMALL: usize = 16 << 10;

/// Address space of a region of small buffers, in bytes. Only what is used of it has memory.
const SMALL_REGION: usize = 4 << 20;

/// Of the first region of a class of larger buffers, which has no huge pages either, unless one buffer is longer.
const FIRST_REGION: usize = 1 << 20;

/// Of its later ones, which have: a multiple of huge pages, and of all classes' sizes.
const HUGE_REGION: usize = 12 << 20;

/// Free bytes that a pool keeps unless told otherwise.
pub(crate) const DEFAULT_POOL_LIMIT: usize = 32 << 20;

/// A buffer is taken from its own size class or the two above it, which are at most twice as large: cheaper than fresh memory.
const CLASSES_THAT_FIT: usize = 3;

/// What a simulated machine's buffers are filled with, so that a run repeats whatever the process did before.
const SIMULATED_FILL: u8 = 0xA5;

thread_local! {
    static POOL: RefCell<Arc<Pool>> = RefCell::new(Arc::new(Pool::new(DEFAULT_POOL_LIMIT)));
}

/// Gives the calling thread a pool of its own with this limit, in bytes.
pub(crate) fn set_pool_limit(limit: usize) {
    POOL.replace(Arc::new(Pool::new(limit)));
}

/// What the calling thread's pool keeps, and what was taken from it, in bytes. Of the simulated machine all shards have one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// What was asked for, in whole blocks, of all buffers that are in use.
    pub lent: usize,
    pub free: usize,
    pub limit: usize,
}

pub fn pool_use() -> PoolUse {
    POOL.with_borrow(|pool| {
        let free = pool.lock();
        PoolUse { lent: free.lent, free: free.bytes, limit: pool.limit }
    })
}

/// Free buffers by size class.
struct Pool {
    limit: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    bytes: usize,
    lent: usize,
    classes: Vec<Class>,
    /// Counts what was asked for.
    takes: u64,
}

#[derive(Default)]
struct Class {
    free: Vec<Memory>,
    /// Where fresh buffers are cut, if they are small.
    region: Option<Cut>,
    /// The count of takes when this class was last asked for.
    taken_at: u64,
}

impl Free {
    fn class(&mut self, class: usize) -> &mut Class {
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Class::default);
        }
        &mut self.classes[class]
    }

    /// Makes room for `capacity` bytes of `class` at the cost of classes that were asked for longer ago. What is to be freed is returned.
    fn evict(&mut self, class: usize, capacity: usize, limit: usize) -> Vec<Memory> {
        let taken_at = self.classes[class].taken_at;
        let mut evicted = Vec::new();
        while self.bytes + capacity > limit {
            let others =
                self.classes.iter_mut().filter(|other| other.taken_at < taken_at && !other.free.is_empty());
            let Some(memory) = others.min_by_key(|other| other.taken_at).and_then(|oldest| oldest.free.pop())
            else {
                break;
            };
            self.bytes -= memory.capacity;
            evicted.push(memory);
        }
        evicted
    }
}

/// Memory of a class's size.
struct Memory {
    start: NonNull<u8>,
    capacity: usize,
    /// What it was cut out of; otherwise it is the allocator's.
    region: Option<Arc<Region>>,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Memory {}
// SAFETY: a shared reference to it gives only shared references to its bytes.
unsafe impl Sync for Memory {}

impl Memory {
    fn layout(capacity: usize) -> Layout {
        Layout::from_size_align(capacity, ALIGNMENT).expect("a capacity below isize::MAX")
    }

    /// Of the allocator.
    fn allocate(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout's size is not zero, by `class_of`.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, capacity, region: None }
    }

    /// A region of its own.
    fn map(capacity: usize) -> Self {
        let region = Region::map(capacity, Pages::Huge);
        Self { start: region.at(0), capacity, region: Some(Arc::new(region)) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(region) = &mut self.region else {
            // SAFETY: allocated in `allocate` with this layout, and freed once.
            return unsafe { dealloc(self.start.as_ptr(), Self::layout(self.capacity)) };
        };
        // With its last buffer a region goes as a whole.
        if Arc::get_mut(region).is_none() {
            // SAFETY: these pages are this buffer's alone, and nobody refers to them any more.
            unsafe { region.give_back(self.start, self.capacity) };
        }
    }
}

/// A region, and how much of it is cut.
struct Cut {
    region: Arc<Region>,
    used: usize,
}

impl Class {
    /// A fresh buffer of this class, of so many bytes.
    fn cut(&mut self, size: usize) -> Memory {
        let is_first = self.region.is_none();
        let cut = match &mut self.region {
            Some(cut) if cut.used + size <= cut.region.length() => cut,
            region => {
                let (length, pages) = match size {
                    ..=LARGEST_SMALL => (SMALL_REGION, Pages::Small),
                    _ if is_first => (size.max(FIRST_REGION), Pages::Small),
                    _ => (HUGE_REGION, Pages::Huge),
                };
                region.insert(Cut { region: Arc::new(Region::map(length, pages)), used: 0 })
            }
        };
        let start = cut.region.at(cut.used);
        cut.used += size;
        Memory { start, capacity: size, region: Some(Arc::clone(&cut.region)) }
    }
}

/// The size class of a buffer that must hold `capacity` bytes, and that class's size: powers of two, and the sizes half-way between.
fn class_of(capacity: usize) -> (usize, usize) {
    let blocks = capacity.div_ceil(ALIGNMENT).max(1);
    let upper = blocks.next_power_of_two();
    let middle = upper / 4 * 3;
    let octave = upper.trailing_zeros() as usize;
    if upper >= 4 && blocks <= middle {
        (2 * octave - 1, middle * ALIGNMENT)
    } else {
        (2 * octave, upper * ALIGNMENT)
    }
}

impl Pool {
    fn new(limit: usize) -> Self {
        Self { limit, free: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        // A panic stops the process, so a poisoned lock is only seen by other threads of a failing test.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `length` is that of a buffer of `capacity` bytes.
    fn take(&self, capacity: usize, length: usize) -> Memory {
        let (class, size) = class_of(capacity);
        let mut free = self.lock();
        free.takes += 1;
        free.lent += length;
        let now = free.takes;
        free.class(class).taken_at = now;
        let fitting = free.classes.iter_mut().skip(class).take(CLASSES_THAT_FIT);
        let Some(memory) = fitting.map(|of_class| &mut of_class.free).find_map(Vec::pop) else {
            if size <= LARGEST_POOLED {
                return free.class(class).cut(size);
            }
            // Outside of the lock: memory may have to be mapped.
            drop(free);
            return if UNPOOLED { Memory::allocate(length) } else { Memory::map(size) };
        };
        free.bytes -= memory.capacity;
        memory
    }

    fn give_back(&self, memory: Memory, length: usize) {
        let mut free = self.lock();
        free.lent -= length;
        if memory.capacity > LARGEST_POOLED {
            // Outside of the lock: unmapping is slow.
            drop(free);
            return;
        }
        let (class, _) = class_of(memory.capacity);
        free.class(class);
        let evicted = free.evict(class, memory.capacity, self.limit);
        let surplus = if free.bytes + memory.capacity <= self.limit {
            free.bytes += memory.capacity;
            free.classes[class].free.push(memory);
            None
        } else {
            Some(memory)
        };
        // Outside of the lock: unmapping is slow.
        drop(free);
        drop((evicted, surplus));
    }
}

/// Aligned memory under construction: at least as many bytes as were asked for, rounded up to a block.
pub struct AlignedBuffer {
    memory: Option<Memory>,
    /// Bytes that the user sees.
    length: usize,
    /// Bytes that were asked for, in whole blocks.
    taken: usize,
    home: Arc<Pool>,
}

impl std::fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuffer").field("length", &self.length).finish_non_exhaustive()
    }
}

impl AlignedBuffer {
    /// A buffer of `capacity` bytes, rounded up to a block, from this shard's pool. Its content is unspecified.
    pub fn take(capacity: usize) -> Self {
        let home = POOL.with_borrow(Arc::clone);
        let length = capacity.div_ceil(ALIGNMENT).max(1) * ALIGNMENT;
        let memory = home.take(capacity, length);
        let mut buffer = Self { memory: Some(memory), length, taken: length, home };
        if !machine::is_real() {
            buffer.bytes_mut().fill(SIMULATED_FILL);
        }
        buffer
    }

    fn memory(&self) -> &Memory {
        self.memory.as_ref().expect("taken out only in drop")
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `length <= capacity`, initialised by `alloc_zeroed` or the kernel, and borrowed with `self`.
        unsafe { std::slice::from_raw_parts(self.memory().start.as_ptr(), self.length) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.memory().start.as_ptr(), self.length) }
    }

    /// Ends construction: the content never changes again and may be read from any thread. The memory goes home when the last
    /// reference to it drops.
    pub fn seal(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Shortens what [`AlignedBuffer::bytes`] shows.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.home.give_back(memory, self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_are_asked_for_and_waste_at_most_half() {
        let mut last = (0, ALIGNMENT);
        for blocks in 1..5000 {
            for capacity in [(blocks - 1) * ALIGNMENT + 1, blocks * ALIGNMENT] {
                let (class, size) = class_of(capacity);
                assert!(
                    size >= capacity && size <= blocks * ALIGNMENT * 3 / 2 + ALIGNMENT,
                    "{capacity}: {size}"
                );
                assert_eq!(class_of(size), (class, size), "a class's own size belongs to it");
                assert!((class, size) >= last && (class == last.0) == (size == last.1));
                last = (class, size);
            }
        }
    }

    #[test]
    fn a_sealed_buffer_goes_home_from_another_thread() {
        set_pool_limit(1 << 20);
        for (capacity, another) in [(ALIGNMENT, 1), (20_000, 22_000)] {
            let mut buffer = AlignedBuffer::take(capacity);
            assert_eq!(buffer.bytes().len(), capacity.next_multiple_of(ALIGNMENT));
            buffer.bytes_mut()[0] = 7;
            let start = buffer.bytes().as_ptr();
            assert_eq!(start as usize % ALIGNMENT, 0);
            let sealed = buffer.seal();
            let slice = sealed.slice(..1);
            drop(sealed);
            std::thread::spawn(move || assert_eq!(slice[0], 7)).join().unwrap();
            assert_eq!(pool_use().lent, 0);
            if !UNPOOLED {
                let again = AlignedBuffer::take(another);
                assert_eq!(again.bytes().as_ptr(), start, "the same memory is used again");
            }
        }
    }

    #[test]
    #[cfg(logan_asan)]
    fn the_sanitizer_sees_what_lies_around_a_buffer_and_one_that_went_home() {
        // SAFETY: declared as the sanitizer's runtime has it, which is linked into every build with `logan_asan`.
        unsafe extern "C" {
            fn __asan_address_is_poisoned(address: *const u8) -> libc::c_int;
        }
        // SAFETY: the address is looked up, not read from.
        let is_poisoned = |address| unsafe { __asan_address_is_poisoned(address) } != 0;
        for blocks in [1, 2, 3, 4, 5, 256, 1025] {
            let buffer = AlignedBuffer::take(blocks * ALIGNMENT);
            let (first, end) = (buffer.bytes().as_ptr(), buffer.bytes().as_ptr_range().end);
            let last = end.wrapping_sub(1);
            let sealed = buffer.seal();
            assert!(!is_poisoned(first) && !is_poisoned(last), "{blocks} blocks: in use");
            assert!(is_poisoned(first.wrapping_sub(1)), "{blocks} blocks: before the first byte");
            assert!(is_poisoned(end), "{blocks} blocks: behind the last");
            std::thread::spawn(move || drop(sealed)).join().unwrap();
            assert!(is_poisoned(first) && is_poisoned(last), "{blocks} blocks: gone home");
        }
    }

    #[test]
    #[cfg_attr(logan_asan, ignore = "nothing is pooled")]
    fn small_buffers_are_cut_out_of_regions_and_apart() {
        const SIZE: usize = 2 * ALIGNMENT;
        const EACH: usize = SMALL_REGION / SIZE;
        // Nothing is kept, so each goes back to the kernel.
        set_pool_limit(0);
        let region =
            |buffer: &AlignedBuffer| Arc::downgrade(buffer.memory().region.as_ref().expect("it is small"));
        let mut buffers: Vec<_> = (0..EACH + 10).map(|_| AlignedBuffer::take(SIZE)).collect();
        for (number, buffer) in buffers.iter_mut().enumerate() {
            let bytes = buffer.bytes_mut();
            bytes.fill(number as u8);
            bytes[..8].copy_from_slice(&(number as u64).to_ne_bytes());
        }
        let (first, second) = (region(&buffers[0]), region(&buffers[EACH]));
        assert!(first.ptr_eq(&region(&buffers[EACH - 1])) && !first.ptr_eq(&second));
        let kept = buffers.split_off(EACH - 1);
        drop(buffers);
        for (number, buffer) in (EACH - 1..).zip(&kept) {
            let (head, rest) = buffer.bytes().split_at(8);
            assert_eq!(head, (number as u64).to_ne_bytes(), "those that went back are others");
            assert!(rest.iter().all(|byte| *byte == number as u8));
        }
        assert!(first.upgrade().is_some(), "one of it is in use");
        drop(kept);
        assert!(first.upgrade().is_none(), "it is unmapped with its last");
        assert!(second.upgrade().is_some(), "the next are cut out of it");
        assert_eq!(pool_use(), PoolUse { lent: 0, free: 0, limit: 0 });
    }

    #[test]
    #[cfg_attr(logan_asan, ignore = "nothing is pooled")]
    fn buffers_of_every_class_are_cut_out_of_regions_without_rest() {
        for size in
            (0..).map(|blocks| class_of(blocks * ALIGNMENT).1).take_while(|size| *size <= LARGEST_POOLED)
        {
            assert!(size <= LARGEST_SMALL || HUGE_REGION.is_multiple_of(size), "{size}");
        }
        set_pool_limit(0);
        let region = |buffer: &AlignedBuffer| Arc::clone(buffer.memory().region.as_ref().expect("it is cut"));
        let size = 3 * FIRST_REGION / 4;
        let mut buffers: Vec<_> = (0..2 + HUGE_REGION / size).map(|_| AlignedBuffer::take(size)).collect();
        for (number, buffer) in buffers.iter_mut().enumerate() {
            buffer.bytes_mut().fill(number as u8);
        }
        let lengths: Vec<usize> = buffers.iter().map(|buffer| region(buffer).length()).collect();
        assert_eq!(lengths[0], FIRST_REGION);
        assert!(lengths[1..].iter().all(|length| *length == HUGE_REGION));
        assert!(Arc::ptr_eq(&region(&buffers[1]), &region(&buffers[HUGE_REGION / size])));
        assert!(!Arc::ptr_eq(&region(&buffers[1]), &region(&buffers[1 + HUGE_REGION / size])));
        buffers.drain(5..9);
        for (number, buffer) in buffers.iter().enumerate() {
            let number = if number < 5 { number } else { number + 4 };
            assert!(buffer.bytes().iter().all(|byte| *byte == number as u8), "what goes back is its own");
        }
        let own = AlignedBuffer::take(LARGEST_POOLED + 1);
        assert_eq!(region(&own).length(), class_of(LARGEST_POOLED + 1).1);
    }

    #[test]
    #[cfg_attr(logan_asan, ignore = "nothing is pooled")]
    fn a_full_pool_makes_room_for_the_sizes_that_are_asked_for_now() {
        set_pool_limit(32 * ALIGNMENT);
        drop((0..32).map(|_| AlignedBuffer::take(ALIGNMENT)).collect::<Vec<_>>());
        let first = AlignedBuffer::take(16 * ALIGNMENT);
        let start = first.bytes().as_ptr();
        drop(first);
        // Memory that was freed may come again from the allocator, so the pool itself is asked.
        POOL.with_borrow(|pool| {
            let (class, _) = class_of(16 * ALIGNMENT);
            let free = pool.lock();
            assert_eq!(free.classes[class].free.len(), 1);
            assert!(free.bytes <= 32 * ALIGNMENT);
        });
        assert_eq!(AlignedBuffer::take(16 * ALIGNMENT).bytes().as_ptr(), start);
    }

    #[test]
    #[cfg_attr(logan_asan, ignore = "nothing is pooled")]
    fn a_buffer_that_is_a_little_larger_will_do() {
        set_pool_limit(1 << 20);
        let large = AlignedBuffer::take(8 * ALIGNMENT);
        let start = large.bytes().as_ptr();
        drop(large);
        let smaller = AlignedBuffer::take(4 * ALIGNMENT);
        assert_eq!(smaller.bytes().as_ptr(), start);
        assert_eq!(smaller.bytes().len(), 4 * ALIGNMENT);
        drop(smaller);
        let much_smaller = AlignedBuffer::take(2 * ALIGNMENT);
        assert_ne!(much_smaller.bytes().as_ptr(), start);
        assert_eq!(
            AlignedBuffer::take(8 * ALIGNMENT).bytes().as_ptr(),
            start,
            "it went home to its own class"
        );
    }

    #[test]
    #[cfg_attr(logan_asan, ignore = "nothing is pooled")]
    fn a_pool_keeps_no_more_than_its_limit() {
        set_pool_limit(2 * ALIGNMENT);
        drop((0..5).map(|_| AlignedBuffer::take(ALIGNMENT)).collect::<Vec<_>>());
        let large = AlignedBuffer::take(LARGEST_POOLED + 1);
        let small = AlignedBuffer::take(1);
        assert_eq!(pool_use().lent, LARGEST_POOLED + 2 * ALIGNMENT);
        drop((large, small));
        assert_eq!(pool_use(), PoolUse { lent: 0, free: 2 * ALIGNMENT, limit: 2 * ALIGNMENT });
    }
}
