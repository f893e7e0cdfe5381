//! Cores.

/// The cores that this process may run on, in order.
pub(crate) fn cores() -> Vec<usize> {
    // SAFETY: all-zero bytes are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is as large as is said.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        // More than 1,024 cores: any number will do, placement then fails with an error of its own.
        return vec![0];
    }
    // SAFETY: every index is within the set.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}
