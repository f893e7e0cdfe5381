//! Logan, with nothing set but where it listens and where its data is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Running, free_ports, new_folder};

/// The binary that was built with this one.
pub fn beside_this() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("logan")
}

pub fn bring_up(
    binary: &Path,
    is_synced: bool,
    work: &Path,
    interrupted: &Arc<AtomicBool>,
) -> Result<Running, String> {
    let version = Command::new(binary).arg("--version").output();
    let version = version.map_err(|error| {
        format!(
            "{}: {error}; build it with `cargo build --release`, or name one as logan=PATH",
            binary.display()
        )
    })?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let folder = new_folder(work, if is_synced { "logan" } else { "logan-unsynced" })?;
    let port = free_ports()?;
    let mut command = Command::new(binary);
    command.arg("start");
    for setting in [
        format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
        format!("log.dirs={}", folder.join("data").display()),
        format!("logan.ack.sync={is_synced}"),
    ] {
        command.args(["--override", &setting]);
    }
    let about =
        format!("{version}, {}", if is_synced { "synced" } else { "unsynced (logan.ack.sync=false)" });
    Running::start(command, port, folder, about, Vec::new(), interrupted)
}
