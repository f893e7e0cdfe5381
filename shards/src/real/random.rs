//! The kernel's random numbers, taken a few hundred bytes at a time.

use std::cell::RefCell;

/// Asking the kernel costs about as much for this many as for one.
const WORDS: usize = 32;

thread_local! {
    static DRAWN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn random_u64() -> u64 {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            drawn.extend(draw());
        }
        drawn.pop().expect("just filled")
    })
}

fn draw() -> [u64; WORDS] {
    let mut words = [0u64; WORDS];
    loop {
        // SAFETY: the buffer is as long as is said.
        let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), size_of_val(&words), 0) };
        // Up to 256 bytes come whole or, before the kernel has gathered any at boot, after a signal, not at all.
        if got == size_of_val(&words) as isize {
            return words;
        }
        let error = std::io::Error::last_os_error();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::Interrupted,
            "the kernel gives no random numbers: {error}"
        );
    }
}
