//! Logging: one line an event, to standard error, so that standard output carries results only.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::Failure;

/// Begins logging. `filter` is a level or a list of `module=level`; the default is `info`.
pub(super) fn start(filter: Option<&str>) -> Result<(), Failure> {
    let text = filter.unwrap_or("info");
    let filter = EnvFilter::try_new(text).map_err(|error| {
        Failure::new(format!(
            "{text:?} is no log filter ({error}): say error, warn, info, debug or trace, or module=level, …"
        ))
    })?;
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // They would be printed to the same place, and a terminal that is gone would end the process in a panic.
        .log_internal_errors(false)
        .try_init();
    started.map_err(|error| Failure::new(format!("logging did not start: {error}")))
}
