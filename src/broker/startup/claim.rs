//! Whose log directories these are: `meta.properties`, in each of them.

use logan_raft::inspect::FileKind;
use logan_shards as shards;
use logan_shards::{Directory, IoError};
use logan_storage::kafka_files::{CLEAN_SHUTDOWN, MetaProperties, read_clean_shutdown};
use logan_storage::key::FOLDER;

use crate::model::{NodeId, Uuid};

const META_PROPERTIES: &str = "meta.properties";
/// No tool writes a longer one.
const MAX_BYTES: usize = 1 << 20;

/// A directory that belongs to this node.
#[derive(Clone)]
pub(super) struct Claimed {
    pub directory: Directory,
    pub id: Uuid,
}

/// Why a directory is not this node's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error(
        "{path}/{META_PROPERTIES}: {reason}. It says which cluster and node the directory is of: restore it from a copy, or take the directory \
         out of log.dirs"
    )]
    Unreadable { path: String, reason: String },
    #[error(
        "{path} belongs to node {found}, as its {META_PROPERTIES} says, and this is node {own}: set node.id={found}, or name another directory in \
         log.dirs"
    )]
    OtherNode { path: String, found: i32, own: NodeId },
    #[error(
        "{path} belongs to cluster {found}, and {other} to {own}, as their {META_PROPERTIES} say, and one broker cannot serve both: take the one \
         that is not of this cluster out of log.dirs"
    )]
    OtherCluster { path: String, found: String, other: String, own: String },
    #[error(
        "the metadata log of this node lies in {found}, and metadata.log.dir is {configured} (the first of log.dirs, unless it is set). A second \
         one would begin there, without what was set and what was deleted: set metadata.log.dir={found}"
    )]
    MetadataElsewhere { found: String, configured: String },
    #[error(
        "{configured} and {found} both hold a metadata log, and only one can be this node's: move the files {METADATA_FILES} of the other one out \
         of its directory"
    )]
    TwoMetadataLogs { found: String, configured: String },
    #[error(
        "{path} was served by Logan, and none of the log directories has its metadata log: name the directory that has it in log.dirs and in \
         metadata.log.dir. If it is lost, run `logan recover --accept-loss` on each of log.dirs: then a start takes the topics over, without \
         what was set"
    )]
    MetadataLost { path: String },
    #[error(transparent)]
    Io(#[from] IoError),
}

const METADATA_FILES: &str = "logan-metadata-*";

/// What a directory tells of those who were here before.
#[derive(Debug, Clone, Copy, Default)]
struct Traces {
    has_metadata: bool,
    /// Logan serves it, or closed it last.
    is_logans: bool,
}

/// Reads the `meta.properties` of all directories, and writes it where it is missing: a lone node formats itself. Returns the cluster's
/// id, and the directories in their order: `None` for one that cannot be read or written, which is offline.
///
/// The directory at place `metadata` keeps the metadata: without it there is no node. It is written to first, so that any other one that
/// has the cluster's id was given what this one says, whenever a start was interrupted. Nothing is written where the metadata would begin anew
/// although it exists, or did.
pub(super) async fn claim(
    directories: Vec<Directory>,
    metadata: usize,
    node: NodeId,
) -> Result<(String, Vec<Option<Claimed>>), ClaimError> {
    let mut found = Vec::new();
    let mut cluster: Option<(String, String)> = None;
    let configured = directories[metadata].path();
    let mut all_traces = Vec::new();
    for (place, directory) in directories.into_iter().enumerate() {
        let read = match read(&directory).await {
            Ok(meta) => traces(&directory).await.map(|traces| (meta, traces)),
            Err(error) => Err(error),
        };
        let Some((meta, traces)) = online(read, place == metadata)? else {
            found.push(None);
            continue;
        };
        all_traces.push((directory.path(), traces));
        if let Some(meta) = &meta {
            if meta.node_id != node.0 {
                return Err(ClaimError::OtherNode { path: directory.path(), found: meta.node_id, own: node });
            }
            match &cluster {
                Some((own, other)) if *own != meta.cluster_id => {
                    let (found, own, other) = (meta.cluster_id.clone(), own.clone(), other.clone());
                    return Err(ClaimError::OtherCluster { path: directory.path(), found, other, own });
                }
                Some(_) => {}
                None => cluster = Some((meta.cluster_id.clone(), directory.path())),
            }
        }
        found.push(Some((directory, meta)));
    }
    check_metadata(&configured, &all_traces)?;
    let cluster = cluster.map(|(id, _)| id);
    let cluster = cluster.unwrap_or_else(|| Uuid::random(shards::random_u64).to_string());
    let mut claimed: Vec<Option<Claimed>> = found.iter().map(|_| None).collect();
    let others = (0..found.len()).filter(|place| *place != metadata);
    for place in [metadata].into_iter().chain(others) {
        let Some((directory, meta)) = found[place].take() else { continue };
        let id = online(id_of(&directory, meta.as_ref(), &cluster, node).await, place == metadata)?;
        claimed[place] = id.map(|id| Claimed { directory, id });
    }
    Ok((cluster, claimed))
}

/// The metadata goes on where it was, as Kafka sees to it (`KafkaRaftServer.initializeLogDirs`), or begins where nothing ever was.
fn check_metadata(configured: &str, directories: &[(String, Traces)]) -> Result<(), ClaimError> {
    let is_configured = |path: &String| path == configured;
    let has_any = directories.iter().any(|(path, traces)| is_configured(path) && traces.has_metadata);
    let elsewhere = directories.iter().find(|(path, traces)| !is_configured(path) && traces.has_metadata);
    if let Some((found, _)) = elsewhere {
        let (found, configured) = (found.clone(), configured.to_owned());
        return Err(if has_any {
            ClaimError::TwoMetadataLogs { found, configured }
        } else {
            ClaimError::MetadataElsewhere { found, configured }
        });
    }
    match directories.iter().find(|(_, traces)| traces.is_logans) {
        Some((path, _)) if !has_any => Err(ClaimError::MetadataLost { path: path.clone() }),
        _ => Ok(()),
    }
}

async fn traces(directory: &Directory) -> Result<Traces, ClaimError> {
    let mut traces = Traces::default();
    for entry in directory.list("").await? {
        traces.has_metadata |= !entry.is_directory && FileKind::of(&entry.name).is_some();
        traces.is_logans |= entry.is_directory && entry.name == FOLDER;
        if entry.name == CLEAN_SHUTDOWN {
            let marker = directory.read_small(CLEAN_SHUTDOWN, MAX_BYTES).await?;
            traces.is_logans |= read_clean_shutdown(&marker).is_ok_and(|closed| closed.by_logan);
        }
    }
    Ok(traces)
}

/// `None` after an I/O error of a directory that the node can do without.
fn online<T>(outcome: Result<T, ClaimError>, is_needed: bool) -> Result<Option<T>, ClaimError> {
    match outcome {
        Err(ClaimError::Io(error)) if !is_needed => {
            tracing::error!("a log directory is offline: {error}");
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

/// The id that a directory has, or is given now.
async fn id_of(
    directory: &Directory,
    meta: Option<&MetaProperties>,
    cluster: &str,
    node: NodeId,
) -> Result<Uuid, ClaimError> {
    match meta.and_then(|meta| Uuid::parse(meta.directory_id.as_ref()?)) {
        Some(id) => {
            // A process that was killed may have written it and not synced its name: the metadata log must not have an id that a power loss takes
            // away.
            directory.sync_directory("").await?;
            Ok(id)
        }
        None => sign(directory, cluster, node).await,
    }
}

async fn read(directory: &Directory) -> Result<Option<MetaProperties>, ClaimError> {
    let bytes = match directory.read_small(META_PROPERTIES, MAX_BYTES).await {
        Ok(bytes) => bytes,
        Err(IoError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let unreadable = |reason: String| ClaimError::Unreadable { path: directory.path(), reason };
    MetaProperties::read(&bytes).map(Some).map_err(|error| unreadable(error.to_string()))
}

async fn sign(directory: &Directory, cluster: &str, node: NodeId) -> Result<Uuid, ClaimError> {
    let id = Uuid::random(shards::random_u64);
    let meta = MetaProperties {
        cluster_id: cluster.to_owned(),
        node_id: node.0,
        directory_id: Some(id.to_string()),
    };
    directory.write_small(META_PROPERTIES, meta.write().into_bytes()).await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use logan_shards::sim::{Fault, FaultKind, SimOptions, Simulation, Site, Verb};

    use super::*;
    use crate::mail::Mail;

    /// What comes of claiming two directories while one of them cannot be read or written: which of them are claimed, or `None` if none is,
    /// and which have a `meta.properties`. The second keeps the metadata.
    fn claim_two(verb: Verb, failing: &'static str) -> (Option<Vec<bool>>, [bool; 2]) {
        let simulation = Simulation::new(SimOptions::calm(1));
        let is_hit = move |site: &Site| site.verb == verb && site.path.starts_with(failing);
        let claimed = Arc::new(Mutex::new(None));
        let place = claimed.clone();
        let fault = Fault::always(FaultKind::Error(5), is_hit);
        simulation.add_fault(fault);
        let node = simulation.add_node::<Mail>("node", 1, move |_seat| {
            let place = place.clone();
            Box::pin(async move {
                let mut directories = Vec::new();
                for path in ["/other", "/metadata"] {
                    directories.push(Directory::open(path).await.expect("it can be opened"));
                }
                let outcome = claim(directories, 1, NodeId(1)).await.ok();
                *place.lock().unwrap() =
                    Some(outcome.map(|(_, all)| all.iter().map(Option::is_some).collect()));
            })
        });
        simulation.run_for(Duration::from_secs(1));
        let signed = |path: &str| simulation.files(node, path, false).contains_key(META_PROPERTIES);
        let claimed = claimed.lock().unwrap().take().expect("the claim ends");
        (claimed, [signed("/other"), signed("/metadata")])
    }

    /// A start that is interrupted between two directories leaves the one unsigned that cannot serve alone.
    #[test]
    fn the_directory_of_the_metadata_is_signed_first() {
        assert_eq!(claim_two(Verb::Write, "/metadata/"), (None, [false, false]));
    }

    #[test]
    fn a_directory_that_cannot_be_claimed_is_offline_and_the_node_goes_on() {
        for verb in [Verb::Write, Verb::Read] {
            let (claimed, [_, is_signed]) = claim_two(verb, "/other/");
            assert_eq!((claimed, is_signed), (Some(vec![false, true]), true), "{verb:?}");
        }
    }

    /// A start is killed when it has written whose the directory is, and not synced that name. The next one believes what it finds only once a power
    /// loss cannot take it away.
    #[test]
    fn what_a_killed_start_signed_is_durable_when_it_is_believed() {
        let simulation = Simulation::new(SimOptions::calm(1));
        let claims = Arc::new(Mutex::new(Vec::new()));
        let place = claims.clone();
        let node = simulation.add_node::<Mail>("node", 1, move |_seat| {
            let place = place.clone();
            Box::pin(async move {
                let directory = Directory::open("/metadata").await.expect("it can be opened");
                let claimed = claim(vec![directory], 0, NodeId(1)).await.expect("nothing keeps it from that");
                place.lock().unwrap().push(claimed.1[0].as_ref().map(|claimed| claimed.id));
            })
        });
        let has_name =
            |is_durable| simulation.files(node, "/metadata", is_durable).contains_key(META_PROPERTIES);
        simulation.run_until(|| has_name(false), Duration::from_secs(1));
        simulation.kill(node);
        assert!(has_name(false) && !has_name(true), "it is killed between the two");
        simulation.restart(node);
        simulation.run_for(Duration::from_secs(1));
        let found = claims.lock().unwrap().clone();
        assert!(matches!(&found[..], [Some(_)]), "{found:?}");
        assert!(has_name(true));
    }
}
