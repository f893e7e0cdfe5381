//! The root of a log directory, its checkpoints, and its round logs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use logan_storage::disk::BLOCK;
use logan_storage::key::{FOLDER, LogId, ROOT_PATH, Spare};
use logan_storage::ledger::Ledger;
use logan_storage::record::{Entry, MAX_LEN, Record};
use logan_storage::root::{FILE_LEN, Root};

use super::{Failure, Lines, Maybe, Stopped, each_of, failed, files};

/// Far above what checkpoints come to: one states every log of a shard.
const MAX_CHECKPOINT_BYTES: u64 = 1 << 30;

/// A log directory, its `logan` folder, or one file of that.
pub(super) fn print(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    if !path.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        return print_file(path, name, lines);
    }
    let folder = if path.join(ROOT_PATH).exists() { path.join(FOLDER) } else { path.to_owned() };
    let names = files::names(&folder, is_ours)?;
    if names.is_empty() {
        let why =
            format!("{} has no {ROOT_PATH}: it was closed cleanly, or is no log directory", path.display());
        return Err(Failure::new(why).into());
    }
    each_of(&folder, &names, lines, print_file)
}

fn is_ours(name: &str) -> bool {
    name == "root" || name.starts_with("checkpoint-") || name.starts_with("rounds-")
}

fn print_file(path: &Path, name: &str, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    if name == "root" {
        print_root(path, lines)
    } else if name.starts_with("checkpoint-") {
        print_checkpoint(path, lines)
    } else if name.starts_with("rounds-") {
        print_rounds(path, lines)
    } else {
        Err(failed(path, "is no root, checkpoint-… or rounds-… file"))
    }
}

fn print_root(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let bytes = files::read_existing(path, FILE_LEN as u64)?;
    let root = Root::decode(&bytes).map_err(|error| failed(path, error))?;
    let state = if root.is_clean { "clean" } else { "open" };
    lines.line(format_args!(
        "root sequence={} state={state} next_round_log={} round_logs={:?}",
        root.sequence, root.next_round_log, root.round_logs
    ))
}

fn print_checkpoint(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let bytes = files::read_existing(path, MAX_CHECKPOINT_BYTES)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return lines.line(format_args!("not written yet"));
    }
    let ledger = Ledger::decode(&bytes).map_err(|error| failed(path, error))?;
    let head = ledger.head;
    lines.line(format_args!(
        "checkpoint round_log={} round={} chain={:08x} next_file={} next_position={} next_number={} logs={}",
        ledger.round_log,
        head.round,
        head.chain,
        head.file,
        head.position,
        ledger.next_number,
        ledger.logs.len()
    ))?;
    for (number, log) in &ledger.logs {
        lines.line(format_args!(
            "log {number} {} id={} generation={} offsets={}..{} named={} snapshot={} epochs={}",
            log.key,
            Id(log.id),
            log.generation,
            log.log_start,
            log.next_offset,
            log.is_named,
            log.snapshot,
            log.epochs
        ))?;
        for segment in &log.segments {
            lines.line(format_args!(
                "log {number} segment={} bytes={} indexed={} cut={} spare={}",
                segment.base,
                segment.length,
                segment.indexed,
                segment.is_cut,
                Maybe(segment.spare.map(spare))
            ))?;
        }
    }
    for one in &ledger.retired {
        lines.line(format_args!(
            "retired log={} segment={} round={} spare={}",
            one.log,
            one.base,
            one.round,
            Maybe(one.spare.map(spare))
        ))?;
    }
    for one in &ledger.deleted {
        let spares: Vec<String> = one.spares.iter().copied().map(spare).collect();
        lines.line(format_args!(
            "deleted {} id={} round={} renamed={} spares={}",
            one.key,
            Id(one.id),
            one.round,
            one.is_renamed,
            spares.join(",")
        ))?;
    }
    Ok(())
}

/// Every record in the file, in the order of the file: that of an earlier lap of the ring too, which the round numbers show.
fn print_rounds(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let mut file = File::open(path).map_err(|error| failed(path, error))?;
    let mut bytes: Vec<u8> = Vec::new();
    let (mut position, mut previous) = (0_u64, None);
    loop {
        if bytes.len() < MAX_LEN {
            let more = (2 * MAX_LEN - bytes.len()) as u64;
            file.by_ref().take(more).read_to_end(&mut bytes).map_err(|error| failed(path, error))?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let length = match Record::decode(&bytes) {
            Ok((record, crc, length)) => {
                print_record(&record, position, crc, previous, lines)?;
                previous = Some(crc);
                length
            }
            // Not written yet, or the rest of an older and longer record.
            Err(_) if Record::peek(&bytes).is_err() => BLOCK,
            Err(error) => {
                lines.line(format_args!("position={position} a record that is not whole: {error}"))?;
                BLOCK
            }
        };
        let blocks = length.next_multiple_of(BLOCK);
        position += blocks as u64;
        bytes.drain(..blocks.min(bytes.len()));
    }
}

fn print_record(
    record: &Record,
    position: u64,
    crc: u32,
    previous: Option<u32>,
    lines: &mut Lines<'_>,
) -> Result<(), Stopped> {
    let follows = match previous {
        None => "",
        Some(crc) if crc == record.chain => " follows",
        Some(_) => " follows another",
    };
    lines.line(format_args!(
        "round {} round_log={} position={position} durable_through={} chain={:08x} crc={crc:08x}{follows} entries={}",
        record.round,
        record.round_log,
        record.durable_through,
        record.chain,
        record.entries.len()
    ))?;
    record.entries.iter().try_for_each(|entry| print_entry(record.round, entry, lines))
}

fn print_entry(round: u64, entry: &Entry, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    match entry {
        Entry::Write { log, generation, base, position, length, crc, next_offset } => lines.line(format_args!(
            "round {round} write log={log} generation={generation} segment={base} position={position} bytes={length} \
             crc={crc:08x} next_offset={next_offset}"
        )),
        Entry::Roll { log, generation, base, spare: from } => lines.line(format_args!(
            "round {round} roll log={log} generation={generation} segment={base} spare={}",
            spare(*from)
        )),
        Entry::Truncate { log, generation, base, position, offset } => lines.line(format_args!(
            "round {round} truncate log={log} generation={generation} segment={base} position={position} offset={offset}"
        )),
        Entry::LogStart { log, offset } => {
            lines.line(format_args!("round {round} log_start log={log} offset={offset}"))
        }
        Entry::Create { log, key, offset } => {
            lines.line(format_args!("round {round} create log={log} {key} offset={offset}"))
        }
        Entry::Delete { log } => lines.line(format_args!("round {round} delete log={log}")),
    }
}

struct Id(LogId);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.0.round_log, self.0.round, self.0.index)
    }
}

fn spare(spare: Spare) -> String {
    format!("{}-{}", spare.round_log, spare.number)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use logan_storage::key::LogKey;

    use super::super::super::tests::Scratch;
    use super::super::tests::printed;
    use super::*;

    fn record(round: u64, chain: u32, entries: Vec<Entry>) -> (Vec<u8>, u32) {
        let record = Record { round_log: 3, chain, round, durable_through: round - 1, entries };
        let mut bytes = Vec::new();
        let crc = record.encode(&mut bytes);
        (bytes, crc)
    }

    #[test]
    fn records_are_printed_wherever_they_stand() {
        let key = Arc::new(LogKey { topic: "t".into(), topic_id: [1; 16], partition: 2 });
        let (first, crc) = record(1, 0, vec![Entry::Create { log: 0, key, offset: 0 }]);
        let write = Entry::Write {
            log: 0,
            generation: 0,
            base: 0,
            position: 0,
            length: 70,
            crc: 0xabc,
            next_offset: 1,
        };
        let (second, last) = record(2, crc, vec![write]);
        let mut torn = record(3, last, vec![Entry::Delete { log: 0 }]).0;
        torn[50] ^= 1;
        let scratch = Scratch::new("inspect-rounds");
        let path = scratch.write("rounds-3-0", &[first, second, torn, vec![0; 3 * BLOCK]].concat());
        let got = printed(|lines| print(&path, lines)).expect("records");
        let expect = format!(
            "round 1 round_log=3 position=0 durable_through=0 chain=00000000 crc={crc:08x} entries=1\n\
             round 1 create log=0 t-2 offset=0\n\
             round 2 round_log=3 position=4096 durable_through=1 chain={crc:08x} crc={last:08x} follows entries=1\n\
             round 2 write log=0 generation=0 segment=0 position=0 bytes=70 crc=00000abc next_offset=1\n\
             position=8192 a record that is not whole: "
        );
        assert!(got.starts_with(&expect), "{got}");
    }

    #[test]
    fn a_directory_is_printed_file_by_file() {
        let scratch = Scratch::new("inspect-root");
        let root = Root { sequence: 2, is_clean: false, next_round_log: 4, round_logs: vec![3] };
        let mut bytes = vec![0; FILE_LEN];
        bytes[..BLOCK].copy_from_slice(&root.encode());
        scratch.write("logan/root", &bytes);
        scratch.write("logan/checkpoint-3-0", &Ledger::new(3).encode());
        scratch.write("logan/checkpoint-3-1", &[0; 64]);
        scratch.write("logan/spare-3-0", b"");
        assert_eq!(
            printed(|lines| print(scratch.path(), lines)).as_deref(),
            Ok(
                "checkpoint-3-0: checkpoint round_log=3 round=0 chain=00000000 next_file=0 next_position=0 next_number=0 logs=0\n\
                checkpoint-3-1: not written yet\n\
                root: root sequence=2 state=open next_round_log=4 round_logs=[3]\n"
            )
        );
        let clean = Scratch::new("inspect-clean");
        assert!(printed(|lines| print(clean.path(), lines)).expect_err("empty").contains("closed cleanly"));
    }
}
