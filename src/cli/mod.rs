//! The command line: what `logan` can be told, and what it says.
//!
//! Exit codes: 0 done, 1 it failed (with a message that says what to do), 2 it was called wrongly. Results go to standard output, one
//! thing a line; messages go to standard error.

mod files;
mod format;
mod inspect;
mod logging;
mod recover;
mod start;

pub use recover::recover;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

const LOG_HELP: &str = "What is logged: error, warn, info, debug, trace, or a filter such as info,logan_storage=debug [env: LOGAN_LOG]";

/// A message broker that Apache Kafka clients talk to.
///
/// Without a command, starts a broker on 127.0.0.1:9092 with its data in ./logan-data.
#[derive(Debug, Parser)]
#[command(name = "logan", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[arg(long, global = true, value_name = "FILTER", help = LOG_HELP)]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the broker
    Start(ConfigArguments),
    /// Write the identity of a new node into its log directories
    ///
    /// A lone node does so by itself when it first starts; this is for choosing the cluster's id.
    Format(format::Arguments),
    /// Print a new id, for `format --cluster-id`
    RandomUuid,
    /// Print a file or a directory of the broker as text, one thing a line
    Inspect(inspect::Arguments),
    /// Bring a log directory that was not closed cleanly to a clean state, without starting the broker
    Recover(recover::Arguments),
}

/// Where settings come from.
#[derive(Debug, Clone, Args)]
struct ConfigArguments {
    /// Settings in the format of Kafka's server.properties
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting that counts above the file's; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Why a command failed, for standard error: what is wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Does what the arguments (the program's name first) say.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are "errors" that end well. A closed standard output is nobody's mistake.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let filter = arguments.log.or_else(|| std::env::var("LOGAN_LOG").ok());
    let done = logging::start(filter.as_deref()).and_then(|()| match arguments.command {
        None => start::run(&ConfigArguments { config: None, overrides: Vec::new() }),
        Some(Command::Start(config)) => start::run(&config),
        Some(Command::Format(arguments)) => format::run(&arguments),
        Some(Command::RandomUuid) => files::random_uuid().and_then(|uuid| say(format_args!("{uuid}"))),
        Some(Command::Inspect(arguments)) => inspect::run(&arguments),
        Some(Command::Recover(arguments)) => recover::run(&arguments),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("logan: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line of results. A standard output that is closed is a failure, and not a panic.
fn say(line: fmt::Arguments<'_>) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::new(format!("cannot print: {error}")))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clap::CommandFactory;

    use super::*;

    /// A directory of a test's own, gone with it.
    pub(super) struct Scratch(PathBuf);

    impl Scratch {
        pub(super) fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("logan-{name}-{}", files::random_uuid().expect("random")));
            std::fs::create_dir_all(&path).expect("a temporary directory");
            Self(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }

        pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().expect("below the scratch directory")).expect("writable");
            std::fs::write(&path, bytes).expect("writable");
            path
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn commands_are_taken_as_written() {
        let start = parse("logan start --config a.properties --override a=b --override c=d").expect("start");
        let Some(Command::Start(config)) = start.command else { panic!("start") };
        assert_eq!(config.config, Some(PathBuf::from("a.properties")));
        assert_eq!(config.overrides, ["a=b", "c=d"]);
        assert!(parse("logan").expect("nothing").command.is_none());
        for line in [
            "logan format -t AHRRMCHaiXggb1xmceDAfg -c s.properties --ignore-formatted --standalone",
            "logan inspect log --records a.log b.log",
            "logan inspect rounds dir --log debug",
            "logan recover --accept-loss dir",
            "logan random-uuid",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_wrong_call_is_usage_and_help_is_not() {
        let code = |line: &str| parse(line).expect_err(line).exit_code();
        assert_eq!(code("logan strat"), 2);
        assert_eq!(code("logan inspect log"), 2);
        assert_eq!(code("logan start --override"), 2);
        assert_eq!(code("logan --help"), 0);
        assert_eq!(code("logan --version"), 0);
    }

    #[test]
    fn settings_that_cannot_be_used_are_listed() {
        let scratch = Scratch::new("settings");
        let path = scratch.write("s.properties", b"\nnum.partitions=0\n");
        let arguments = |overrides: &[&str]| ConfigArguments {
            config: Some(path.clone()),
            overrides: overrides.iter().map(ToString::to_string).collect(),
        };
        let failure =
            start::settings(&arguments(&["fetch.max.bytes=x"])).expect_err("two mistakes").to_string();
        let file = path.display();
        assert!(
            failure.contains(&format!("{file}:2: num.partitions=0: Value must be at least 1")),
            "{failure}"
        );
        assert!(failure.contains("--override: fetch.max.bytes=x: "), "{failure}");
        let good = start::settings(&arguments(&["num.partitions=3"])).expect("the override counts");
        assert_eq!(good.broker.num_partitions, 3);
        let missing = ConfigArguments { config: Some(scratch.path().join("no")), overrides: Vec::new() };
        assert!(
            start::settings(&missing).expect_err("no such file").to_string().contains("there is no file")
        );
    }
}
