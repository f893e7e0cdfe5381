//! Cores, and binding threads to them.

use std::io;
use std::sync::OnceLock;

/// The cores that this process may run on, in order, as it was when this was first asked: before any thread was bound.
pub(crate) fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(allowed)
}

fn allowed() -> Vec<usize> {
    let mut set = empty();
    // SAFETY: `set` is as large as is said.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        // More than 1,024 cores, which the set has no room for. The first ones are there.
        return (0..libc::CPU_SETSIZE as usize).collect();
    }
    // SAFETY: every index is within the set.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: all-zero bytes are an empty set.
    unsafe { std::mem::zeroed() }
}

/// Binds the calling thread to one core.
pub(crate) fn bind_to(core: usize) -> io::Result<()> {
    bind(&[core])
}

/// Lets the calling thread run on every core of the process.
pub(crate) fn bind_to_all() {
    // If a core is gone meanwhile the thread stays where its parent was, which is slower and no less right.
    let _ = bind(cores());
}

fn bind(cores: &[usize]) -> io::Result<()> {
    let mut set = empty();
    for core in cores {
        // SAFETY: cores come from a set of this size.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: `set` is as large as is said.
    if unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
