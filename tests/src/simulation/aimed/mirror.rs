//! A round log that goes on, from some round, with the records of another history: as a mirror leaves it whose halves have diverged, or a file
//! that was restored from a copy. Every record is whole, has the right id and the next round; only the chain says that they do not belong
//! together. Such a directory is not served.

use logan_shards::sim::PerMillion;
use logan_storage::disk::BLOCK;
use logan_storage::record::Record;

use super::{Aimed, DIRECTORY, Scene};
use crate::simulation::run::{Draw, LONG};

const BATCHES: u32 = 10;
/// Both histories have these in common, and the creation of the log.
const COMMON: u32 = 4;

/// Where records stand in a file of the round log, and their rounds.
type Rounds = Vec<(usize, u64)>;

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x3122);
    let (own, other) = (life(of, 1), life(of, 2));
    let (path, rounds) = own.round_log(0)?;
    let (other_path, other_rounds) = other.round_log(0)?;
    if (&path, &rounds) != (&other_path, &other_rounds) {
        return Err(format!("the histories are not alike: {path} {rounds:?}, {other_path} {other_rounds:?}"));
    }
    // From a round on that only one of them has.
    let (before, records) = (own.content(&path), other.content(&path));
    let differs = |(at, _): &&(usize, u64)| before[*at..][..BLOCK] != records[*at..][..BLOCK];
    let differing: Rounds = rounds.iter().filter(differs).copied().collect();
    if differing.len() < 3 {
        return Err(format!("{} rounds differ: the run shows nothing", differing.len()));
    }
    // Not the last one, which would be taken for one that was never acknowledged; behind the first, whose chain is right.
    let (from, round) = differing[1 + draw.below(differing.len() as u64 - 2) as usize];
    if !own.simulation.overwrite(own.broker.node, &path, from as u64, &records[from..]) {
        return Err("no block to write over".into());
    }
    match own.start() {
        Ok(()) => own.verify(),
        // What is missing is what the other history's records would have to follow.
        Err(reason) if reason.contains(&format!("round {round} is missing, but round")) => Ok(()),
        Err(reason) => Err(reason),
    }
}

/// A life whose first batches are the same for every `history`, and the others not. It ends before a record can cover the last round.
fn life(of: &Aimed, history: u32) -> Scene {
    let mut options = of.options();
    options.disk.lands_after_kill = PerMillion(0);
    let scene = Scene::begin(of, options, &of.sizes(), &[], &[]);
    let shared = scene.shared.clone();
    let batches = async move {
        Scene::send(shared.clone(), 0, 0, COMMON, 300).await;
        Scene::send(shared, history, 0, BATCHES - COMMON, 300).await;
    };
    scene.simulation.block_on(LONG, batches);
    scene.kill();
    scene
}

impl Scene {
    fn content(&self, path: &str) -> Vec<u8> {
        self.simulation.content(self.broker.node, path, false).unwrap_or_default()
    }

    /// The file of the only round log that is written first.
    fn round_log(&self, file: u32) -> Result<(String, Rounds), String> {
        let files = self.simulation.files(self.broker.node, DIRECTORY, false).into_keys();
        let suffix = format!("-{file}");
        let mut own = files.filter(|path| path.starts_with("logan/rounds-") && path.ends_with(&suffix));
        let Some(path) = own.next() else { return Err("there is no round log".into()) };
        let path = format!("{DIRECTORY}/{path}");
        let bytes = self.content(&path);
        let blocks = (0..bytes.len()).step_by(BLOCK);
        let rounds = blocks.filter_map(|at| Some((at, Record::decode(&bytes[at..]).ok()?.0.round)));
        Ok((path, rounds.collect()))
    }
}
