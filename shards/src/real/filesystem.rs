//! What a file system can do: where one flush stands for many files, which extents are written, how much room is left.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::disk::{BLOCK, Flushing};

const MOUNTS: &str = "/proc/self/mountinfo";

/// What matters of the file system that a directory is on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Whether one flush may stand for the files of the directory.
    pub flushing: Flushing,
    /// Whether files there may come to share extents, as reflink copies do.
    pub can_share_extents: bool,
    /// What makes flushes untrue, or may: for the user.
    pub warnings: Vec<String>,
}

pub(crate) fn nature(root: &Path) -> io::Result<Nature> {
    let (major, minor) = device_of(root)?;
    let mounts = fs::read_to_string(MOUNTS)?;
    let Some(mount) = Mount::find(&mounts, major, minor) else {
        let flushing = per_file("its mount is not listed in /proc/self/mountinfo");
        let mut warnings = Vec::new();
        warnings.extend(warn_of_write_cache(write_cache(major, minor).as_deref()));
        return Ok(Nature { flushing, can_share_extents: true, warnings });
    };
    let why_per_file = match mount.why_per_file() {
        None => why_file_per_file(root, mount.file_system)?,
        reason => reason,
    };
    let flushing = why_per_file.map_or(Flushing::Shared, |reason| per_file(&reason));
    let has_journal = mount.file_system != "ext4" || has_journal(mount.source);
    // Where each file is synced by itself, it does not matter. What cannot be asked is assumed: a warning must not keep a start from going on.
    let is_asked = mount.file_system == "xfs" && flushing == Flushing::Shared;
    let mut warnings = mount.warnings(has_journal, is_asked && has_reflink(root).unwrap_or(true));
    warnings.extend(warn_of_write_cache(write_cache(major, minor).as_deref()));
    Ok(Nature { flushing, can_share_extents: mount.file_system != "ext4", warnings })
}

fn device_of(root: &Path) -> io::Result<(u32, u32)> {
    let device = fs::metadata(root)?.dev();
    Ok((libc::major(device), libc::minor(device)))
}

fn per_file(reason: &str) -> Flushing {
    Flushing::PerFile { reason: reason.to_owned() }
}

/// A line of /proc/self/mountinfo (`proc_pid_mountinfo(5)`).
struct Mount<'a> {
    file_system: &'a str,
    source: &'a str,
    /// Of the file system, not of the mount point.
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    fn find(mounts: &'a str, major: u32, minor: u32) -> Option<Self> {
        let device = format!("{major}:{minor}");
        mounts.lines().find_map(|line| {
            // Optional fields end with a lone hyphen.
            let (mount, file_system) = line.split_once(" - ")?;
            if mount.split(' ').nth(2)? != device {
                return None;
            }
            let mut fields = file_system.split(' ');
            Some(Self {
                file_system: fields.next()?,
                source: fields.next()?,
                options: fields.next()?.split(',').collect(),
            })
        })
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    fn why_per_file(&self) -> Option<String> {
        match self.file_system {
            "ext4" if self.has("data=journal") => {
                Some("ext4 with data=journal writes everything twice".to_owned())
            }
            "ext4" | "xfs" => None,
            other => Some(format!("on {other} a flush of one file says nothing of the others")),
        }
    }

    /// What a user should know of it.
    fn warnings(&self, has_journal: bool, has_reflink: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.has("nobarrier") || self.has("barrier=0") {
            warnings.push(
                "mounted without barriers: what is acknowledged does NOT survive a power loss".to_owned(),
            );
        }
        if !has_journal {
            warnings
                .push("ext4 without a journal: its own structures do not survive a power loss".to_owned());
        }
        if self.file_system.starts_with("fuse") {
            warnings.push(format!(
                "{}: its server may not flush when it is asked to flush all: what is acknowledged may NOT survive a power loss",
                self.file_system
            ));
        }
        if has_reflink {
            let why = "XFS with reflink: do not copy files in use with shared extents (`cp --reflink`), deduplicate nor defragment them: what is \
                       acknowledged until the next checkpoint would not survive a power loss";
            warnings.push(why.to_owned());
        }
        warnings
    }
}

/// Whether files made in `root` are read and written in place on the data device, without the page cache.
fn why_file_per_file(root: &Path, file_system: &str) -> io::Result<Option<String>> {
    // Never gets a name, so nothing is left behind.
    let unnamed = fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).open(root)?;
    if !is_direct(&unnamed)? {
        return Ok(Some(format!(
            "{file_system} has no direct I/O of {BLOCK} bytes here (encrypted, inline or verity)"
        )));
    }
    if file_system == "xfs" && is_on_realtime_device(&unnamed)? {
        return Ok(Some("XFS keeps these files on a device of their own".to_owned()));
    }
    Ok(None)
}

/// Whether blocks of this file are read and written without the page cache.
pub(crate) fn is_direct(file: &fs::File) -> io::Result<bool> {
    let alignment = direct_io_alignment(file)?;
    Ok(alignment != 0 && alignment as usize <= BLOCK)
}

/// The alignment that direct I/O on this file needs, in bytes; 0 if it has none or the kernel does not say.
fn direct_io_alignment(file: &fs::File) -> io::Result<u32> {
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut statx: libc::statx = unsafe { std::mem::zeroed() };
    let (flags, mask) = (libc::AT_EMPTY_PATH, libc::STATX_DIOALIGN);
    // SAFETY: the path is a string of length zero, and `statx` is valid for writing.
    let result = unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, mask, &raw mut statx) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if statx.stx_mask & libc::STATX_DIOALIGN == 0 {
        return Ok(0);
    }
    Ok(statx.stx_dio_offset_align.max(statx.stx_dio_mem_align))
}

/// `struct fsxattr` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct ExtendedAttributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    padding: [u8; 8],
}

/// `FS_IOC_FSGETXATTR`: `_IOR('X', 31, struct fsxattr)`.
const GET_EXTENDED_ATTRIBUTES: libc::Ioctl = 0x801c_581f;
/// `FS_XFLAG_REALTIME`.
const REALTIME: u32 = 1;

fn is_on_realtime_device(file: &fs::File) -> io::Result<bool> {
    let mut attributes = ExtendedAttributes::default();
    // SAFETY: the request writes one `struct fsxattr`, which `attributes` has room for.
    if unsafe { libc::ioctl(file.as_raw_fd(), GET_EXTENDED_ATTRIBUTES, &raw mut attributes) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(attributes.flags & REALTIME != 0)
}

fn warn_of_write_cache(cache: Option<&str>) -> Option<String> {
    (cache?.trim() == "write through").then(|| {
        "the kernel believes that the drive has no volatile write cache and sends it no flushes; if that is wrong, what is acknowledged does NOT \
         survive a power loss"
            .to_owned()
    })
}

/// `XFS_IOC_FSGEOMETRY`: `_IOR('X', 126, struct xfs_fsop_geom)`.
const XFS_GEOMETRY: libc::Ioctl = 0x8100_587e;
/// `XFS_FSOP_GEOM_FLAGS_REFLINK`.
const XFS_REFLINK: u32 = 1 << 20;

/// `struct xfs_fsop_geom` of `xfs_fs.h`, of which only the flags are read.
#[repr(C, align(8))]
struct XfsGeometry {
    before: [u8; 92],
    flags: u32,
    behind: [u8; 160],
}

const _: () = assert!(size_of::<XfsGeometry>() == 256 && std::mem::offset_of!(XfsGeometry, flags) == 92);

/// Whether files of this XFS can come to share extents.
fn has_reflink(root: &Path) -> io::Result<bool> {
    let directory = fs::File::open(root)?;
    let mut geometry = XfsGeometry { before: [0; 92], flags: 0, behind: [0; 160] };
    // SAFETY: the request writes one `struct xfs_fsop_geom` of 256 bytes, which `geometry` has room for.
    if unsafe { libc::ioctl(directory.as_raw_fd(), XFS_GEOMETRY, &raw mut geometry) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(geometry.flags & XFS_REFLINK != 0)
}

fn write_cache(major: u32, minor: u32) -> Option<String> {
    let device = format!("/sys/dev/block/{major}:{minor}");
    // A partition has no queue of its own.
    fs::read_to_string(format!("{device}/queue/write_cache"))
        .or_else(|_| fs::read_to_string(format!("{device}/../queue/write_cache")))
        .ok()
}

/// The kernel shows a journal of the device under its name with the journal inode, as in `vda1-8`.
fn has_journal(source: &str) -> bool {
    let Some(device) = fs::canonicalize(source).ok().and_then(|path| path.file_name().map(ToOwned::to_owned))
    else {
        return true;
    };
    let prefix = format!("{}-", device.to_string_lossy());
    match fs::read_dir("/proc/fs/jbd2") {
        Ok(journals) => {
            journals.flatten().any(|journal| journal.file_name().to_string_lossy().starts_with(&prefix))
        }
        // The directory exists as soon as the journal's code is loaded.
        Err(_) => false,
    }
}

pub(crate) fn free_space(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero byte, and `stat` is valid for writing.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut stat) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Extents asked for at a time.
const EXTENTS: usize = 64;
/// `FS_IOC_FIEMAP`: `_IOWR('f', 11, struct fiemap)`.
const EXTENT_MAP: libc::Ioctl = 0xc020_660b;
/// Extents that are there, and nothing else: any flag but `FIEMAP_EXTENT_LAST` and `FIEMAP_EXTENT_MERGED` makes an overwrite more than
/// an overwrite, or the place of the bytes uncertain.
const HARMLESS: u32 = 0x1 | 0x1000;

/// `struct fiemap_extent` of linux/fiemap.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// `struct fiemap` of linux/fiemap.h, with its extents.
#[repr(C)]
struct ExtentMap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [Extent; EXTENTS],
}

/// See [`crate::disk::File::prepared_until`].
pub(crate) fn prepared_until(file: &OwnedFd, from: u64, to: u64) -> io::Result<u64> {
    let mut reached = from;
    while reached < to {
        let mut map = ExtentMap {
            start: reached,
            length: to - reached,
            flags: 0,
            mapped_extents: 0,
            extent_count: EXTENTS as u32,
            reserved: 0,
            extents: [Extent::default(); EXTENTS],
        };
        // SAFETY: the request reads the head and writes at most `extent_count` extents behind it, which `map` has room for.
        if unsafe { libc::ioctl(file.as_raw_fd(), EXTENT_MAP, &raw mut map) } != 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // The file system has no such map, so nothing is known to be written.
                Some(libc::EOPNOTSUPP | libc::ENOTTY) => Ok(from),
                _ => Err(error),
            };
        }
        let extents = &map.extents[..(map.mapped_extents as usize).min(EXTENTS)];
        let before = reached;
        for extent in extents {
            if extent.logical > reached || extent.flags & !HARMLESS != 0 {
                return Ok(whole_blocks(from, reached));
            }
            reached = (extent.logical + extent.length).min(to);
        }
        if reached == before {
            break;
        }
    }
    Ok(whole_blocks(from, reached))
}

fn whole_blocks(from: u64, reached: u64) -> u64 {
    (reached / BLOCK as u64 * BLOCK as u64).max(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 25 8:1 / /data rw,relatime shared:5 master:1 - xfs /dev/sda1 rw,attr2,inode64
31 25 8:2 / /j rw,relatime - ext4 /dev/sda2 rw,data=journal
32 25 0:27 / /dev/shm rw - tmpfs tmpfs rw,size=4k
33 25 8:3 / /fast rw - ext4 /dev/sda3 rw,nobarrier
34 25 0:40 / /far rw - fuse.sshfs me@there:/ rw,user_id=0
";

    #[test]
    fn mounts_are_told_apart() {
        let mount = |major, minor| Mount::find(MOUNTS, major, minor).unwrap();
        assert_eq!(mount(254, 0).why_per_file(), None);
        assert_eq!(mount(8, 1).file_system, "xfs");
        assert_eq!(mount(8, 1).why_per_file(), None);
        assert!(mount(8, 2).why_per_file().unwrap().contains("data=journal"));
        assert!(mount(0, 27).why_per_file().unwrap().contains("tmpfs"));
        assert!(mount(254, 0).warnings(true, false).is_empty());
        let has = |warnings: Vec<String>, what| warnings.len() == 1 && warnings[0].contains(what);
        assert!(has(mount(8, 3).warnings(true, false), "without barriers"));
        assert!(has(mount(254, 0).warnings(false, false), "without a journal"));
        assert!(has(mount(8, 1).warnings(true, true), "reflink"));
        assert!(has(mount(0, 40).warnings(true, false), "may NOT survive"));
        assert!(warn_of_write_cache(Some("write through\n")).is_some());
        assert!(warn_of_write_cache(Some("write back\n")).is_none() && warn_of_write_cache(None).is_none());
        assert!(Mount::find(MOUNTS, 9, 9).is_none());
    }
}
