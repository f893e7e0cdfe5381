//! On what it was measured.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The machine, and what was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    /// Of the folder that brokers keep their data in: type, mount options, device.
    pub file_system: String,
    /// How much of what is written to files may wait in memory until the kernel begins to write it, and until it holds writers up:
    /// `vm.dirty_background_ratio` and `vm.dirty_ratio`, in per cent. A broker that does not sync is measured against that, not against the disk, until it is full.
    pub dirty_percent: (u32, u32),
    /// Of this program.
    pub version: String,
    /// Of the repository that it was built in, `-dirty` if something of it is changed; it says so if the repository has moved on, or back, since.
    /// Empty if that is not there any more.
    pub revision: String,
    /// The command line.
    pub command: Vec<String>,
}

impl Environment {
    /// What the kernel says; whatever it does not say is empty.
    pub fn of(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
        let memory = value_of(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kilobytes = memory.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        let percent = |name: &str| read(&format!("/proc/sys/vm/{name}")).trim().parse().unwrap_or(0);
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kilobytes.unwrap_or(0) * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/self/mountinfo"), &folder).unwrap_or_default(),
            dirty_percent: (percent("dirty_background_ratio"), percent("dirty_ratio")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: revision(Path::new(env!("CARGO_MANIFEST_DIR")), built_at()),
            command: std::env::args().skip(1).collect(),
        }
    }
}

/// `key : value` or `key: value`, the first of them.
fn value_of(text: &str, key: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// Of the mount that is nearest above a folder: type, options, device.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(4);
        let (point, options) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let (kind, device) = (after.next()?, after.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} ({options}) on {device}")))
    });
    // Of several mounts at one point the last one is seen.
    mounts.max_by_key(|(length, _)| *length).map(|(_, told)| told)
}

/// When this program was written to its file.
fn built_at() -> SystemTime {
    let executable = std::env::current_exe().and_then(fs::metadata).and_then(|file| file.modified());
    executable.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What a folder's repository is at, seen by a program that was built then.
fn revision(folder: &Path, built_at: SystemTime) -> String {
    let git = |arguments: &[&str]| {
        let said = Command::new("git").arg("-C").arg(folder).args(arguments).stderr(Stdio::null()).output();
        let said = said.ok().filter(|said| said.status.success())?;
        Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let Some(at) = git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]) else {
        return String::new();
    };
    // Written to with each commit and each checkout.
    let moved = git(&["rev-parse", "--git-path", "logs/HEAD"]).map(|path| folder.join(path));
    let moved_at = moved.and_then(|path| fs::metadata(path).ok()?.modified().ok());
    if moved_at.is_some_and(|moved_at| moved_at > built_at) {
        return format!("built before the repository came to {at}");
    }
    at
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MOUNTS: &str = "\
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n\
        30 22 0:26 / /data rw,noatime shared:9 - xfs /dev/nvme0n1 rw\n\
        31 22 0:27 / /database rw shared:10 - tmpfs none rw\n";

    #[test]
    fn the_nearest_mount_counts() {
        let told = |path: &str| file_system(MOUNTS, Path::new(path)).unwrap();
        assert_eq!(told("/data/logan"), "xfs (rw,noatime) on /dev/nvme0n1");
        assert_eq!(told("/dat"), "ext4 (rw,relatime) on /dev/vda");
        assert_eq!(told("/database"), "tmpfs (rw) on none");
    }

    #[test]
    fn a_program_that_was_built_before_the_repository_moved_says_so() {
        if Command::new("git").arg("--version").output().is_err() {
            println!("not shown: there is no git here");
            return;
        }
        let folder = std::env::temp_dir().join(format!("logan-bench-revision-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        assert_eq!(revision(&folder, SystemTime::now()), "", "no repository");
        for command in ["git init -q", "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"] {
            let done = Command::new("sh").args(["-c", command]).current_dir(&folder).status().unwrap();
            assert!(done.success(), "{command}");
        }
        let now = SystemTime::now();
        let at = revision(&folder, now + Duration::from_secs(1));
        assert_eq!(at.len(), 12, "{at}");
        assert_eq!(
            revision(&folder, now - Duration::from_hours(1)),
            format!("built before the repository came to {at}")
        );
        fs::write(folder.join("changed"), "").unwrap();
        let added = Command::new("git").args(["add", "."]).current_dir(&folder).status().unwrap();
        assert!(added.success());
        assert_eq!(revision(&folder, now + Duration::from_secs(1)), format!("{at}-dirty"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn this_machine_says_what_it_is() {
        let environment = Environment::of(Path::new("."));
        assert!(environment.cores > 0 && environment.memory_bytes > 1 << 20);
        assert!(!environment.kernel.is_empty() && !environment.file_system.is_empty());
    }
}
