//! How much memory this process may use: what the machine has, or less where a control group says so.
//!
//! Source: `proc_meminfo(5)`, `cgroups(7)`, `proc_pid_mountinfo(5)`.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// As it was when this was first asked, so that all shards are told the same. `None` if the kernel does not say.
pub(crate) fn memory_bytes() -> Option<u64> {
    static MEMORY: OnceLock<Option<u64>> = OnceLock::new();
    *MEMORY.get_or_init(|| measure(|path| fs::read_to_string(path).ok()))
}

/// `read` gives the text of a file, if there is one.
fn measure(read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let limit = group_limit(&read);
    machine.into_iter().chain(limit).min()
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
}

/// The tightest limit of the process's own groups and of all groups around them that it can see, of both versions.
fn group_limit(read: &impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    let limits = mounts.lines().filter_map(Mount::parse).flat_map(|mount| {
        // `number:controllers:path`; version 2 has the number 0 and no controllers.
        let of_mount = groups.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let here = if mount.is_v2 {
                controllers.is_empty()
            } else {
                controllers.split(',').any(|controller| controller == "memory")
            };
            here.then_some(path)
        });
        of_mount.filter_map(|group| mount.tightest(group, read)).collect::<Vec<_>>()
    });
    limits.min()
}

/// Where a hierarchy of groups with the memory controller, or the one of version 2, is mounted.
struct Mount<'a> {
    is_v2: bool,
    point: &'a str,
    /// The group that is seen at `point`.
    root: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let file_system = kind.next()?;
        let options = kind.nth(1).unwrap_or_default();
        let is_v2 = file_system == "cgroup2";
        let is_v1 = file_system == "cgroup" && options.split(',').any(|option| option == "memory");
        (is_v1 || is_v2).then_some(Self { is_v2, point, root })
    }

    /// A limit counts for all groups below it, so every group on the way up is asked.
    fn tightest(&self, group: &str, read: &impl Fn(&Path) -> Option<String>) -> Option<u64> {
        // A group outside of what is mounted here (a container that sees its host's names) has its limit at the mount's root.
        let below = Path::new(group).strip_prefix(self.root).unwrap_or(Path::new(""));
        let file = if self.is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        let limits = below.ancestors().filter_map(|group| {
            let text = read(&Path::new(self.point).join(group).join(file))?;
            // "max" is no limit; version 1 says so with a number near 2^63.
            text.trim().parse::<u64>().ok()
        });
        limits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       24684088 kB\nMemFree:        20000000 kB\n";
    const V1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n";
    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn memory(files: &[(&str, &str)]) -> Option<u64> {
        measure(|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    fn check(mounts: &str, groups: &str, limits: &[(&str, &str)], expect: u64) {
        let files =
            [("/proc/meminfo", MEMINFO), ("/proc/self/mountinfo", mounts), ("/proc/self/cgroup", groups)];
        let files: Vec<_> = files.into_iter().chain(limits.iter().copied()).collect();
        assert_eq!(memory(&files), Some(expect), "{limits:?}");
    }

    #[test]
    fn without_a_limit_it_is_what_the_machine_has() {
        const MACHINE: u64 = 24_684_088 << 10;
        check("", "", &[], MACHINE);
        check(V2, "0::/a\n", &[("/sys/fs/cgroup/a/memory.max", "max\n")], MACHINE);
        let none = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        check(V1, "4:memory:/\n", &none, MACHINE);
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let own = ("/sys/fs/cgroup/a/b/memory.max", "max\n");
        let around = ("/sys/fs/cgroup/a/memory.max", "1073741824\n");
        check(V2, "0::/a/b\n", &[own, around], 1 << 30);
        let own = ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
        let freezer = "6:freezer:/b\n4:memory,hugetlb:/a\n0::/\n";
        check(V1, freezer, &[own], 2 << 30);
        // Both versions at once: systemd's hybrid layout.
        let newer = ("/sys/fs/cgroup/memory.max", "1024\n");
        check(&[V1, V2].concat(), freezer, &[own, newer], 1024);
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_root() {
        let mounts = V1.replace("0:32 /", "0:32 /docker/1f");
        let limit = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n")];
        check(&mounts, "4:memory:/docker/1f\n", &limit, 512 << 20);
        check(V1, "4:memory:/docker/1f\n", &limit, 512 << 20);
        let inner = [("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "268435456\n"), limit[0]];
        check(&mounts, "4:memory:/docker/1f/x\n", &inner, 256 << 20);
    }

    #[test]
    fn a_kernel_that_says_nothing_is_not_guessed_at() {
        assert_eq!(memory(&[]), None);
        assert_eq!(memory(&[("/proc/meminfo", "MemTotal: much\n")]), None);
    }
}
