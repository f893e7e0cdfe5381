//! `logan inspect`: any file of the broker as text, one thing a line. Nothing is changed, and a running broker is not disturbed.

mod index;
mod log;
mod metadata;
mod records;
mod rounds;
mod snapshot;

use std::fmt;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};

use super::{Failure, files};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Round logs: what each round did (a log directory, or a file of its logan/ folder)
    Rounds(Paths),
    /// Record batches of segments (.log files, or partition directories)
    Log {
        #[command(flatten)]
        paths: Paths,
        /// Also print each batch's records
        #[arg(short, long)]
        records: bool,
    },
    /// Indexes of segments (.index, .timeindex and .txnindex files, or partition directories)
    Index(Paths),
    /// Producer snapshots (.snapshot files, or partition directories)
    Snapshot(Paths),
    /// Who a directory is, its checkpoints, and the metadata log (log directories, or files at their root)
    Metadata(Paths),
}

#[derive(Debug, clap::Args)]
struct Paths {
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut lines = Lines::new(Box::new(BufWriter::new(std::io::stdout().lock())));
    let printed = print(&arguments.what, &mut lines);
    let flushed = lines.finish();
    match printed {
        Err(Stopped::Failed(failure)) => Err(failure),
        // Whoever read our output has seen enough.
        Err(Stopped::Closed) => Ok(()),
        Ok(()) => flushed,
    }
}

fn print(what: &What, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    match what {
        What::Rounds(paths) => paths.each(|path| rounds::print(path, lines)),
        What::Log { paths, records } => paths.each(|path| {
            of_kind(path, lines, &[SegmentFile::Log], &mut |path, lines| log::print(path, *records, lines))
        }),
        What::Index(paths) => paths.each(|path| of_kind(path, lines, index::KINDS, &mut index::print)),
        What::Snapshot(paths) => {
            paths.each(|path| of_kind(path, lines, &[SegmentFile::ProducerSnapshot], &mut snapshot::print))
        }
        What::Metadata(paths) => paths.each(|path| metadata::print(path, lines)),
    }
}

impl Paths {
    fn each(&self, mut print: impl FnMut(&Path) -> Result<(), Stopped>) -> Result<(), Stopped> {
        self.paths.iter().try_for_each(|path| print(path))
    }
}

/// Prints a file, or the files of these kinds in a directory, each line behind the file's name.
fn of_kind(
    path: &Path,
    lines: &mut Lines<'_>,
    kinds: &[SegmentFile],
    print: &mut dyn FnMut(&Path, &mut Lines<'_>) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    if !path.is_dir() {
        return print(path, lines);
    }
    let names = files::names(path, |name| {
        SegmentFileName::parse(name).is_some_and(|name| kinds.contains(&name.file))
    })?;
    if names.is_empty() {
        return Err(Failure::new(format!("{} has no file of that kind", path.display())).into());
    }
    each_of(path, &names, lines, |path, _, lines| print(path, lines))
}

/// Prints the named files of a directory, each line behind the file's name. One that cannot be read does not hide the others.
fn each_of(
    directory: &Path,
    names: &[String],
    lines: &mut Lines<'_>,
    mut print: impl FnMut(&Path, &str, &mut Lines<'_>) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let mut failures = Vec::new();
    for name in names {
        lines.prefix = format!("{name}: ");
        match print(&directory.join(name), name, lines) {
            Err(Stopped::Failed(failure)) => failures.push(failure.to_string()),
            done => done?,
        }
    }
    lines.prefix.clear();
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n")).into()) }
}

/// The output.
struct Lines<'a> {
    out: Box<dyn Write + 'a>,
    /// Stands before every line.
    prefix: String,
}

impl<'a> Lines<'a> {
    fn new(out: Box<dyn Write + 'a>) -> Self {
        Self { out, prefix: String::new() }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) -> Result<(), Stopped> {
        Ok(writeln!(self.out, "{}{text}", self.prefix)?)
    }

    fn finish(mut self) -> Result<(), Failure> {
        match self.out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("cannot print: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// Why printing ended early.
#[derive(Debug)]
enum Stopped {
    Failed(Failure),
    /// The other end of a pipe is closed.
    Closed,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(Failure::new(format!("cannot print: {error}"))),
        }
    }
}

/// A failure that concerns a file.
fn failed(path: &Path, error: impl fmt::Display) -> Stopped {
    Failure::new(format!("{}: {error}", path.display())).into()
}

/// What the name of a segment's file says.
fn name_of(path: &Path) -> Result<SegmentFileName, Stopped> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(SegmentFileName::parse);
    name.ok_or_else(|| failed(path, "its name is not that of a segment's file: 20 digits, and what it is"))
}

/// Bytes as text: as they are if they are readable, else escaped.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// A value, or `-`.
struct Maybe<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a printer prints.
    pub(super) fn printed(
        print: impl FnOnce(&mut Lines<'_>) -> Result<(), Stopped>,
    ) -> Result<String, String> {
        let mut out = Vec::new();
        let mut lines = Lines::new(Box::new(&mut out));
        let done = print(&mut lines);
        drop(lines);
        match done {
            Ok(()) => Ok(String::from_utf8(out).expect("text")),
            Err(Stopped::Failed(failure)) => Err(failure.to_string()),
            Err(Stopped::Closed) => Err("closed".to_owned()),
        }
    }
}
