//! A file system of files in one directory, which begins to hold back reads, writes, syncs and reservations as soon as there are any.
//!
//! The messages are those of `linux/fuse.h`, version 7.31: numbers in the machine's order, at the places that are written out here.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// What can be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Sync,
    Allocate,
}

#[derive(Debug, Clone)]
pub struct Held {
    pub kind: Kind,
    pub position: u64,
    unique: u64,
    /// Of a read or write, in bytes.
    length: u32,
}

pub struct Server {
    device: File,
    path: CString,
    /// By name, and their numbers; lengths do not matter.
    files: BTreeMap<Vec<u8>, u64>,
    held: Vec<Held>,
    arrived: Vec<Held>,
}

/// Why there is no server.
pub struct NotMounted {
    pub reason: String,
    /// This machine has no FUSE, or does not let this process mount anything: a container, somebody who is not root.
    pub is_refused: bool,
}

impl NotMounted {
    fn new(what: &str, missing: &[i32], error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(0);
        let is_refused = matches!(errno, libc::EPERM | libc::EACCES) || missing.contains(&errno);
        Self { reason: format!("{what}: {error}"), is_refused }
    }
}

const ROOT: u64 = 1;
const HEADER: usize = 40;
const MAX_WRITTEN: u32 = 128 << 10;

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const SETATTR: u32 = 4;
const READ: u32 = 15;
const WRITE: u32 = 16;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const FSYNC: u32 = 20;
const INIT: u32 = 26;
const CREATE: u32 = 35;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
const FALLOCATE: u32 = 43;

fn u32_at(message: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(message[at..at + 4].try_into().unwrap())
}

fn u64_at(message: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(message[at..at + 8].try_into().unwrap())
}

fn put(reply: &mut Vec<u8>, numbers: &[u32]) {
    reply.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
}

fn put_long(reply: &mut Vec<u8>, numbers: &[u64]) {
    reply.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
}

/// `struct fuse_attr`: all files are 1 GiB long, so that a read is asked of the server.
fn attributes(reply: &mut Vec<u8>, node: u64) {
    let (mode, size) =
        if node == ROOT { (libc::S_IFDIR | 0o755, 4096) } else { (libc::S_IFREG | 0o644, 1 << 30) };
    put_long(reply, &[node, size, size / 512, 0, 0, 0]);
    put(reply, &[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]);
}

impl Server {
    /// Mounts itself where only this process and those that it starts see it.
    pub fn mount(path: &str) -> Result<Self, NotMounted> {
        let (path, nowhere) = (CString::new(path).unwrap(), std::ptr::null());
        let opened =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/fuse");
        let missing = [libc::ENOENT, libc::ENODEV, libc::ENXIO];
        let device =
            opened.map_err(|error| NotMounted::new("/dev/fuse cannot be opened", &missing, &error))?;
        let done = |result: libc::c_int, what| match result {
            0 => Ok(()),
            _ => Err(NotMounted::new(what, &[], &io::Error::last_os_error())),
        };
        // SAFETY: no memory is passed.
        done(unsafe { libc::unshare(libc::CLONE_NEWNS) }, "there is no mount namespace for it")?;
        let flags = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: strings end with a zero byte, and what is not a string is not looked at.
        let private = unsafe { libc::mount(nowhere, c"/".as_ptr(), nowhere, flags, nowhere.cast()) };
        done(private, "the mounts cannot be made private")?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let options = CString::new(options).unwrap();
        let (name, data) = (c"logan-hung".as_ptr(), options.as_ptr().cast());
        let flags = libc::MS_NODEV | libc::MS_NOSUID;
        // SAFETY: as above.
        let mounted = unsafe { libc::mount(name, path.as_ptr(), c"fuse".as_ptr(), flags, data) };
        done(mounted, "it cannot be mounted")?;
        Ok(Self { device, path, files: BTreeMap::new(), held: Vec::new(), arrived: Vec::new() })
    }

    /// What is held back now.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// How many of them are of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.held.iter().filter(|held| held.kind == kind).count()
    }

    /// All that was ever held back, in the order in which it came.
    pub fn arrived(&self) -> &[Held] {
        &self.arrived
    }

    /// Serves what comes until nothing has come for so long.
    pub fn serve(&mut self, patience: Duration) {
        let mut message = vec![0; HEADER + 4096 + MAX_WRITTEN as usize];
        loop {
            let events = libc::POLLIN;
            let mut poll = libc::pollfd { fd: self.device.as_raw_fd(), events, revents: 0 };
            // SAFETY: one structure is passed, valid for reading and writing.
            if unsafe { libc::poll(&raw mut poll, 1, patience.as_millis() as i32) } != 1 {
                return;
            }
            match self.device.read(&mut message) {
                Ok(length) => self.answer(&message[..length]),
                // It was called back before it was read.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EAGAIN)) => {}
                Err(error) => panic!("no request can be read: {error}"),
            }
        }
    }

    /// Lets the one go on that came first, if there is one.
    pub fn answer_oldest(&mut self) -> Option<Kind> {
        if self.held.is_empty() {
            return None;
        }
        let Held { kind, unique, length, .. } = self.held.remove(0);
        let mut reply = Vec::new();
        match kind {
            Kind::Write => put(&mut reply, &[length, 0]),
            Kind::Read => reply.resize(length as usize, 0),
            Kind::Sync | Kind::Allocate => {}
        }
        self.reply(unique, 0, &reply);
        Some(kind)
    }

    fn reply(&mut self, unique: u64, error: i32, content: &[u8]) {
        let mut reply = Vec::new();
        put(&mut reply, &[(16 + content.len()) as u32, -error as u32]);
        put_long(&mut reply, &[unique]);
        reply.extend(content);
        match self.device.write(&reply) {
            Ok(written) => assert_eq!(written, reply.len()),
            // Nobody waits for it any more.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => panic!("no answer can be written: {error}"),
        }
    }

    fn answer(&mut self, message: &[u8]) {
        let (opcode, unique, node) = (u32_at(message, 4), u64_at(message, 8), u64_at(message, 16));
        let body = &message[HEADER..];
        let mut hold = |kind, position, length| {
            let held = Held { kind, position, unique, length };
            self.held.push(held.clone());
            self.arrived.push(held);
        };
        match opcode {
            FORGET | BATCH_FORGET | INTERRUPT => return,
            READ => return hold(Kind::Read, u64_at(body, 8), u32_at(body, 16)),
            WRITE => return hold(Kind::Write, u64_at(body, 8), u32_at(body, 16)),
            FSYNC => return hold(Kind::Sync, 0, 0),
            FALLOCATE => return hold(Kind::Allocate, u64_at(body, 8), 0),
            _ => {}
        }
        let mut reply = Vec::new();
        let error = match opcode {
            INIT => {
                put(&mut reply, &[7, 31, 0, 0, 0, MAX_WRITTEN, 1]);
                reply.resize(64, 0);
                0
            }
            LOOKUP => self.entry(&mut reply, &body[..body.len() - 1], false),
            CREATE => {
                let error = self.entry(&mut reply, &body[16..body.len() - 1], true);
                // No handle, and no flag.
                put_long(&mut reply, &[0, 0]);
                error
            }
            GETATTR | SETATTR => {
                put_long(&mut reply, &[0, 0]);
                attributes(&mut reply, node);
                0
            }
            STATFS => {
                put_long(&mut reply, &[1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20]);
                put(&mut reply, &[4096, 255, 4096, 0, 0, 0, 0, 0, 0, 0]);
                0
            }
            RELEASE => 0,
            _ => libc::ENOSYS,
        };
        let content = if error == 0 { &reply[..] } else { &[] };
        self.reply(unique, error, content);
    }

    /// `struct fuse_entry_out`.
    fn entry(&mut self, reply: &mut Vec<u8>, name: &[u8], create: bool) -> i32 {
        let next = ROOT + 1 + self.files.len() as u64;
        let node = match self.files.get(name) {
            Some(node) => *node,
            None if create => *self.files.entry(name.to_vec()).or_insert(next),
            None => return libc::ENOENT,
        };
        put_long(reply, &[node, 0, 0, 0, 0]);
        attributes(reply, node);
        0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SAFETY: the path ends with a zero byte.
        if unsafe { libc::umount2(self.path.as_ptr(), libc::MNT_DETACH) } != 0 {
            eprintln!("it stays mounted: {}", io::Error::last_os_error());
        }
    }
}
