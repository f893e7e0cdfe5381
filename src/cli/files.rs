//! The few files that the command line reads and writes itself, with errors that name them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::Failure;
use crate::model::Uuid;

/// A file's bytes, or `None` if there is no such file. At most `limit` bytes are read.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: &std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(format!("{} has more than {limit} bytes: not such a file", path.display())));
    }
    Ok(Some(bytes))
}

/// As [`read`], of a file that must be there.
pub(super) fn read_existing(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    read(path, limit)?.ok_or_else(|| Failure::new(format!("there is no file {}", path.display())))
}

/// Writes a new file so that after a crash it is whole or not there, and durable when this returns. The directory is made if need be.
pub(super) fn write_new(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = directory.join(name);
    let temporary = directory.join(format!("{name}.tmp"));
    let written = fs::create_dir_all(directory).and_then(|()| {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    });
    written.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

/// Makes the names in a directory durable.
pub(super) fn sync(directory: &Path) -> Result<(), Failure> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Failure::new(format!("cannot sync {}: {error}", directory.display())))
}

/// The names in a directory that `wanted` says yes to, sorted.
pub(super) fn names(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(format!("cannot list {}: {error}", directory.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        // Files of ours and of Kafka have names in ASCII.
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string()
            && wanted(&name)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A new id from the system's random numbers.
pub(super) fn random_uuid() -> Result<Uuid, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(format!("no random numbers from /dev/urandom: {error}"));
    let mut bytes = [0; 1024];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(failed)?;
    let mut words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    // One id in 64 is drawn again, so that 64 tries in a row do not happen.
    Ok(Uuid::random(|| words.next().unwrap_or_default()))
}

/// What this machine calls itself, for listeners that name no host.
pub(super) fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
