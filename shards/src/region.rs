//! Address space that buffers are cut out of, one behind the other, with or without huge pages.
//!
//! Invariants:
//! - A region is unmapped when the last buffer that was cut out of it is gone, and whoever cuts goes on with another.
//! - What was given back to the kernel is not cut out again.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// Of `x86_64`, and of `aarch64` with pages of 4 KiB. Where huge pages have another size a region is aligned too little or too much, and works.
const HUGE_PAGE: usize = 2 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    Small,
    /// The first touch of one takes as long as that of hundreds of small ones, and reads and writes have fewer segments.
    Huge,
}

pub(crate) struct Region {
    start: NonNull<u8>,
    length: usize,
    /// Whether the kernel may still put huge pages here.
    is_huge: AtomicBool,
}

// SAFETY: it only holds the mapping; who was cut what owns that part alone.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Zeros, `length` bytes of them: whole pages.
    pub(crate) fn map(length: usize, pages: Pages) -> Self {
        let is_huge = pages == Pages::Huge;
        let start = if is_huge { map_aligned(length) } else { map(length) };
        let advice = if is_huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        advise(start, length, advice);
        Self { start, length, is_huge: AtomicBool::new(is_huge) }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Where the part begins that is cut at `offset`.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.length, "a region of {} bytes is cut at {offset}", self.length);
        // SAFETY: within the mapping.
        unsafe { self.start.add(offset) }
    }

    /// Gives the memory of a part back to the kernel.
    ///
    /// # Safety
    /// It was cut out of this region, and nobody refers to it any more.
    pub(crate) unsafe fn give_back(&self, start: NonNull<u8>, length: usize) {
        // A page that is half given back would be made whole again: `khugepaged` fills what is empty, and each buffer that lives on would keep
        // 2 MiB. What is huge now stays so.
        if self.is_huge.swap(false, Ordering::Relaxed) {
            advise(self.start, self.length, libc::MADV_NOHUGEPAGE);
        }
        // SAFETY: nobody refers to these pages, says the caller.
        let given_back = unsafe { libc::madvise(start.as_ptr().cast(), length, libc::MADV_DONTNEED) };
        debug_assert_eq!(given_back, 0, "pages of our own mapping");
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        unmap(self.start, self.length);
    }
}

fn map(length: usize) -> NonNull<u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new private mapping, wherever the kernel has room for it.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
    let start = if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast::<u8>()) };
    start.unwrap_or_else(|| {
        handle_alloc_error(Layout::from_size_align(length, 1).expect("a length below isize::MAX"))
    })
}

/// Older kernels put a mapping anywhere, and a huge page is only where a whole one fits.
fn map_aligned(length: usize) -> NonNull<u8> {
    let whole = map(length + HUGE_PAGE);
    let head = whole.as_ptr().align_offset(HUGE_PAGE);
    // SAFETY: `head` is less than a huge page, so both are within the mapping or at its end.
    let (start, tail) = unsafe { (whole.add(head), whole.add(head + length)) };
    if head > 0 {
        unmap(whole, head);
    }
    unmap(tail, HUGE_PAGE - head);
    start
}

/// A kernel that knows no huge pages refuses this, and gives none.
fn advise(start: NonNull<u8>, length: usize, advice: libc::c_int) {
    // SAFETY: advice about pages of our own mapping that changes nothing of what is in them.
    unsafe { libc::madvise(start.as_ptr().cast(), length, advice) };
}

fn unmap(start: NonNull<u8>, length: usize) {
    // SAFETY: of a mapping of our own, and nobody refers to this part of it: it was never handed out, or the whole of the region is gone.
    let unmapped = unsafe { libc::munmap(start.as_ptr().cast(), length) };
    debug_assert_eq!(unmapped, 0, "our own mapping");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_whole_aligned_and_empty_after_they_are_given_back() {
        for (length, pages) in [(1 << 20, Pages::Small), (3 * HUGE_PAGE, Pages::Huge), (5 << 20, Pages::Huge)]
        {
            let region = Region::map(length, pages);
            assert_eq!(region.length(), length);
            let start = region.at(0);
            assert!(pages == Pages::Small || (start.as_ptr() as usize).is_multiple_of(HUGE_PAGE));
            // SAFETY: the whole of the mapping, which nobody else refers to.
            let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), length) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(7);
            let half = length / 2;
            // SAFETY: `bytes` is not used between here and the next borrow.
            unsafe { region.give_back(start, half) };
            // SAFETY: as above.
            let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), length) };
            assert!(
                bytes[..half].iter().all(|byte| *byte == 0) && bytes[half..].iter().all(|byte| *byte == 7)
            );
        }
    }
}
