//! `logan recover`: the recovery that a start does, and nothing else.

use std::path::PathBuf;

use super::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Go on where damage means that acknowledged records are lost, and say which
    #[arg(long)]
    accept_loss: bool,
    /// Log directories
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
}

/// Recovers each directory and closes it cleanly.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let _ = arguments;
    Err(Failure::new("x"))
}
