//! What the kernel says about a process: processor time, memory, bytes written, switches.

use std::collections::BTreeMap;
use std::fs;

/// Clock ticks of `/proc/PID/stat` a second: `USER_HZ`, which is 100 on every Linux that these programs run on.
const TICKS: f64 = 100.0;

/// A process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Of all threads.
    pub user_s: f64,
    pub system_s: f64,
    pub resident_bytes: u64,
    pub peak_resident_bytes: u64,
    /// Bytes that it caused to be sent to a device; 0 where the kernel does not say (another user's process).
    pub written_bytes: u64,
    /// Bytes that it caused to be fetched from a device; likewise.
    pub read_bytes: u64,
    /// Of each thread that there is.
    pub switches: BTreeMap<u32, Switches>,
}

/// Waits, and turns that were taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Switches {
    pub voluntary: u64,
    pub involuntary: u64,
}

impl Sample {
    pub fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
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
    let (user, system) =
        cpu_ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat cannot be read: {stat:?}"))?;
    Ok(Sample {
        user_s: user as f64 / TICKS,
        system_s: system as f64 / TICKS,
        resident_bytes: field(&status, "VmRSS:") * 1024,
        peak_resident_bytes: field(&status, "VmHWM:") * 1024,
        written_bytes: field(&io, "write_bytes:"),
        read_bytes: field(&io, "read_bytes:"),
        switches: switches(pid),
    })
}

/// User and system time: fields 14 and 15. The name in field 2 may contain anything, so fields are counted from its last parenthesis.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl Sample {
    /// Switches since an earlier moment. Of threads that have ended meanwhile nothing is known.
    pub fn switches_since(&self, before: &Self) -> Switches {
        let since = self.switches.iter().map(|(thread, now)| {
            let before = before.switches.get(thread).copied().unwrap_or_default();
            // A thread may have got the number of one that has ended.
            (
                now.voluntary.saturating_sub(before.voluntary),
                now.involuntary.saturating_sub(before.involuntary),
            )
        });
        since.fold(Switches::default(), |sum, (voluntary, involuntary)| Switches {
            voluntary: sum.voluntary + voluntary,
            involuntary: sum.involuntary + involuntary,
        })
    }
}

/// A process's own status tells those of its first thread only.
fn switches(pid: u32) -> BTreeMap<u32, Switches> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeMap::new() };
    let told = threads.filter_map(|thread| {
        let thread = thread.ok()?;
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let voluntary = field(&status, "voluntary_ctxt_switches:");
        let involuntary = field(&status, "nonvoluntary_ctxt_switches:");
        Some((thread.file_name().to_str()?.parse().ok()?, Switches { voluntary, involuntary }))
    });
    told.collect()
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
        assert_eq!(cpu_ticks(stat), Some((150, 25)));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn fields_have_units_behind_them() {
        assert_eq!(field("VmHWM:\t   12 kB\nVmRSS:\t 9 kB\n", "VmRSS:"), 9);
        assert_eq!(field("", "VmRSS:"), 0);
    }

    #[test]
    fn threads_that_have_ended_hide_nothing_of_the_others() {
        let switches = |voluntary| Switches { voluntary, involuntary: 0 };
        let at = |threads: &[(u32, u64)]| Sample {
            switches: threads.iter().map(|(thread, count)| (*thread, switches(*count))).collect(),
            ..Sample::default()
        };
        let (before, after) = (at(&[(1, 10), (2, 1_000)]), at(&[(1, 15), (3, 7)]));
        assert_eq!(after.switches_since(&before), switches(12));
    }

    #[test]
    fn this_process_has_memory_and_waits() {
        std::thread::sleep(std::time::Duration::from_millis(1));
        let sample = sample(std::process::id()).expect("a process may look at itself");
        assert!(sample.resident_bytes > 0 && sample.peak_resident_bytes >= sample.resident_bytes);
        assert!(sample.switches_since(&Sample::default()).voluntary > 0);
    }
}
