//! Fuzzing of everything that reads bytes from a peer or a disk: each target is a plain `fn(&[u8])` that must not panic, and
//! [`run`] feeds it mutations of a corpus for a while. The same functions serve an outside fuzzer.

mod files;
mod node;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use logan_shards::allocation::peak;

pub use self::files::{files, read_behind_the_crc};
pub use self::node::{entries, entries_read, properties, raft, raft_read, settings};
pub use self::wire::{batches, frames, message, message_bytes};

/// How much memory a decoder may take at most for an input: so many times its bytes, and what it takes however few they are.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    pub times: usize,
    pub beside: usize,
}

/// Lets `work` read `bytes` bytes, and holds its memory to a bound: copies that are made only to feed it are made before. Nothing is held
/// where the allocator does not count.
pub fn within<T>(bound: Bound, what: &str, bytes: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken) = peak(work);
    assert!(
        taken <= bound.times * bytes + bound.beside,
        "{what}: {taken} bytes of memory for {bytes}, which is beyond {bound:?}"
    );
    result
}

/// What is fuzzed, and from what the mutations start.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub corpus: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: &[Target] = &[
    Target { name: "message", run: message, corpus: wire::message_corpus },
    Target { name: "frames", run: frames, corpus: wire::frame_corpus },
    Target { name: "batches", run: batches, corpus: wire::batch_corpus },
    Target { name: "files", run: files, corpus: files::corpus },
    Target { name: "properties", run: properties, corpus: node::properties_corpus },
    Target { name: "settings", run: settings, corpus: node::settings_corpus },
    Target { name: "entries", run: entries, corpus: node::entry_corpus },
    Target { name: "raft", run: raft, corpus: node::raft_corpus },
];

/// Feeds mutations of the corpus to a target until `limit` has passed, and each corpus entry as it is before that; returns how many
/// inputs there were. The same seed gives the same inputs. A panic is told with its input and goes on.
pub fn run(target: Target, seed: u64, limit: Duration) -> u64 {
    let corpus = (target.corpus)();
    assert!(!corpus.is_empty(), "{} has nothing to start from", target.name);
    let end = Instant::now() + limit;
    let mut random = Random(seed);
    let mut inputs = 0;
    let mut feed = |input: &[u8]| {
        inputs += 1;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            eprintln!("{}: seed {seed}, input {inputs}: {:02x}", target.name, Bytes::copy_from_slice(input));
            resume_unwind(panic);
        }
    };
    for input in &corpus {
        feed(input);
    }
    while Instant::now() < end {
        // The clock costs more than many a target: it is read once for so many inputs.
        for _ in 0..64 {
            let mut input = corpus[random.below(corpus.len())].clone();
            for _ in 0..=random.below(4) {
                mutate(&mut input, &corpus, &mut random);
            }
            feed(&input);
        }
    }
    inputs
}

/// Lengths and counts at the edges of what they can be, as they are written.
const EDGES: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0xff, 0xfe],
    &[0x7f, 0xff],
    &[0xff; 4],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0, 0, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0, 0, 0, 0, 0],
];

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    const MAX_LEN: usize = 1 << 16;
    let at = random.below(input.len() + 1);
    let rest = input.len() - at;
    match random.below(8) {
        0 | 1 if rest > 0 => input[at] ^= 1 << random.below(8),
        2 if rest > 0 => input[at] = random.next() as u8,
        3 => input.truncate(at),
        4 => drop(input.drain(at..at + random.below(rest.min(16) + 1))),
        5 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let again = input[at..at + random.below(rest + 1)].to_vec();
            input.splice(at..at, again);
        }
        _ => {
            let edge = EDGES[random.below(EDGES.len())];
            let replaced = if random.below(2) == 0 { 0 } else { edge.len().min(rest) };
            input.splice(at..at + replaced, edge.iter().copied());
        }
    }
    input.truncate(MAX_LEN);
}

/// A sequence that its seed determines (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
