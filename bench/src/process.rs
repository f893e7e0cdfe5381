//! What the kernel says about a process: processor time, memory, bytes written.

use std::fs;

/// Clock ticks of `/proc/PID/stat` a second: `USER_HZ`, which is 100 on every Linux that these programs run on.
const TICKS: f64 = 100.0;

/// A process at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Of all threads, kernel and user.
    pub cpu_s: f64,
    pub resident_bytes: u64,
    pub peak_resident_bytes: u64,
    /// Bytes that it caused to be sent to a device; 0 where the kernel does not say (another user's process).
    pub written_bytes: u64,
}

/// Looks at a process.
pub fn sample(pid: u32) -> Result<Sample, String> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; is --pid the broker's?"))
    };
    let stat = read("stat")?;
    let status = read("status")?;
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    Ok(Sample {
        cpu_s: cpu_ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat cannot be read: {stat:?}"))? as f64
            / TICKS,
        resident_bytes: field(&status, "VmRSS:") * 1024,
        peak_resident_bytes: field(&status, "VmHWM:") * 1024,
        written_bytes: field(&io, "write_bytes:"),
    })
}

/// Fields 14 and 15; the name in field 2 may contain anything, so fields are counted from its last parenthesis.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_strange_name() {
        let stat = "7 (a ) 1 2) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 3 0 99";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn fields_have_units_behind_them() {
        assert_eq!(field("VmHWM:\t   12 kB\nVmRSS:\t 9 kB\n", "VmRSS:"), 9);
        assert_eq!(field("", "VmRSS:"), 0);
    }

    #[test]
    fn this_process_has_memory() {
        let sample = sample(std::process::id()).expect("a process may look at itself");
        assert!(sample.resident_bytes > 0 && sample.peak_resident_bytes >= sample.resident_bytes);
    }
}
