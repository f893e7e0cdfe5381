//! `logan start`

use super::{ConfigArguments, Failure, files, say};
use crate::broker;
use crate::config::Settings;

/// A settings file of more is a mistake.
const MAX_SETTINGS_BYTES: u64 = 16 << 20;

/// Runs a broker until it is told to stop.
pub(super) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let settings = settings(arguments)?;
    for remark in &settings.remarks {
        tracing::warn!("{remark}");
    }
    let on_ready = |ready: &broker::Ready| {
        // A broker serves, whether or not anybody listens to what it says.
        if say(format_args!("{ready}")).is_err() {
            tracing::info!("{ready}");
        }
    };
    broker::start(settings, false, on_ready).map_err(|error| Failure::new(error.to_string()))
}

/// Reads the settings that the arguments name.
pub(super) fn settings(arguments: &ConfigArguments) -> Result<Settings, Failure> {
    let file = match &arguments.config {
        Some(path) => Some((path.display().to_string(), files::read_existing(path, MAX_SETTINGS_BYTES)?)),
        None => None,
    };
    let file = file.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Settings::read(file, &arguments.overrides, &files::hostname())
        .map_err(|errors| Failure::new(format!("settings that cannot be used:\n{errors}")))
}
