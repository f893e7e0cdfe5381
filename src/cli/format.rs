//! `logan format`: gives new log directories the identity of a node, as `kafka-storage format` does.
//!
//! A directory is formatted when it has a `meta.properties`. All directories are looked at before the first is written.

use std::path::{Path, PathBuf};

use logan_storage::kafka_files::{META_PROPERTIES, MetaProperties};

use super::{ConfigArguments, Failure, files, say, start};
use crate::config::BrokerSettings;
use crate::model::Uuid;

const MAX_META_BYTES: u64 = 64 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The cluster's id: 22 characters, as `logan random-uuid` prints them [default: that of the other directories, or a new one]
    #[arg(short = 't', long, value_name = "ID")]
    cluster_id: Option<String>,
    /// Leave directories that are formatted as they are, and format the others
    #[arg(short = 'g', long)]
    ignore_formatted: bool,
    /// For scripts made for Kafka: a node is always its own quorum so far
    #[arg(short, long)]
    standalone: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = start::settings(&arguments.config)?.broker;
    for line in format(&settings, arguments.cluster_id.as_deref(), arguments.ignore_formatted)? {
        say(format_args!("{line}"))?;
    }
    Ok(())
}

/// Formats the directories of a node. Returns what was done, one line each.
fn format(
    settings: &BrokerSettings,
    cluster_id: Option<&str>,
    ignore_formatted: bool,
) -> Result<Vec<String>, Failure> {
    if let Some(id) = cluster_id
        && Uuid::parse(id).is_none_or(Uuid::is_zero)
    {
        let why = format!("{id:?} is not the id of a cluster: `logan random-uuid` makes one");
        return Err(Failure::new(why));
    }
    let node_id = settings.node_id.0;
    let (formatted, new) = sort(&directories(settings))?;
    if let Some((directory, _)) = formatted.first()
        && !ignore_formatted
    {
        let why = format!(
            "{} is formatted; --ignore-formatted leaves such directories as they are and formats the others",
            directory.display()
        );
        return Err(Failure::new(why));
    }
    let cluster_id = match (cluster_id, formatted.first()) {
        (Some(id), _) => id.to_owned(),
        (None, Some((_, meta))) => meta.cluster_id.clone(),
        (None, None) => files::random_uuid()?.to_string(),
    };
    for (directory, meta) in &formatted {
        check_same(directory, meta, &cluster_id, node_id)?;
        // Whoever formatted it may have been killed before that was durable.
        files::sync(directory)?;
    }
    let mut lines = Vec::new();
    for directory in new {
        let directory_id = Some(files::random_uuid()?.to_string());
        let meta = MetaProperties { cluster_id: cluster_id.clone(), node_id, directory_id };
        files::write_new(&directory, META_PROPERTIES, &meta.write())?;
        lines.push(format!("formatted {} for node {node_id} of cluster {cluster_id}", directory.display()));
    }
    if lines.is_empty() {
        lines.push("nothing to do: every directory is formatted".to_owned());
    }
    Ok(lines)
}

fn directories(settings: &BrokerSettings) -> Vec<PathBuf> {
    let mut directories = settings.log_dirs.clone();
    if !directories.contains(&settings.metadata_log_dir) {
        directories.push(settings.metadata_log_dir.clone());
    }
    directories
}

/// Those that are formatted, with what they say, and those that are not.
type Sorted = (Vec<(PathBuf, MetaProperties)>, Vec<PathBuf>);

fn sort(directories: &[PathBuf]) -> Result<Sorted, Failure> {
    let (mut formatted, mut new) = (Vec::new(), Vec::new());
    for directory in directories {
        let path = directory.join(META_PROPERTIES);
        match files::read(&path, MAX_META_BYTES)? {
            None => new.push(directory.clone()),
            Some(bytes) => {
                let meta = MetaProperties::read(&bytes)
                    .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
                formatted.push((directory.clone(), meta));
            }
        }
    }
    Ok((formatted, new))
}

fn check_same(
    directory: &Path,
    meta: &MetaProperties,
    cluster_id: &str,
    node_id: i32,
) -> Result<(), Failure> {
    let differs = |what: &str, here: &str, wanted: &str| {
        let directory = directory.display();
        Err(Failure::new(format!("{directory} belongs to {what} {here}, not to {what} {wanted}")))
    };
    if meta.cluster_id != cluster_id {
        return differs("cluster", &meta.cluster_id, cluster_id);
    }
    if meta.node_id != node_id {
        return differs("node", &meta.node_id.to_string(), &node_id.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scratch;
    use super::*;
    use crate::config::Settings;

    const ID: &str = "AHRRMCHaiXggb1xmceDAfg";

    fn settings(scratch: &Scratch, dirs: &[&str], node: i32) -> BrokerSettings {
        let dirs: Vec<String> =
            dirs.iter().map(|dir| scratch.path().join(dir).display().to_string()).collect();
        let overrides = [format!("log.dirs={}", dirs.join(",")), format!("node.id={node}")];
        Settings::read(None, &overrides, "here").expect("good settings").broker
    }

    fn meta(scratch: &Scratch, dir: &str) -> MetaProperties {
        let bytes = std::fs::read(scratch.path().join(dir).join(META_PROPERTIES)).expect("formatted");
        MetaProperties::read(&bytes).expect("well-formed")
    }

    #[test]
    fn directories_get_one_cluster_and_each_its_own_id() {
        let scratch = Scratch::new("format");
        let lines = format(&settings(&scratch, &["a", "b"], 3), Some(ID), false).expect("both are new");
        assert_eq!(lines.len(), 2);
        let (a, b) = (meta(&scratch, "a"), meta(&scratch, "b"));
        assert_eq!((a.cluster_id.as_str(), a.node_id), (ID, 3));
        assert_eq!((b.cluster_id.as_str(), b.node_id), (ID, 3));
        assert_ne!(a.directory_id, b.directory_id);
    }

    #[test]
    fn what_is_formatted_is_kept() {
        let scratch = Scratch::new("format-again");
        format(&settings(&scratch, &["a"], 3), None, false).expect("new");
        let before = meta(&scratch, "a");
        let refused = |dirs: &[&str], node, id: Option<&str>, ignore| {
            format(&settings(&scratch, dirs, node), id, ignore).expect_err("refused").to_string()
        };
        assert!(refused(&["a", "b"], 3, None, false).contains("a is formatted; --ignore-formatted"));
        assert!(refused(&["a"], 3, Some(ID), true).contains("belongs to cluster"));
        assert!(refused(&["a"], 4, None, true).contains("belongs to node 3, not to node 4"));
        assert!(refused(&["c"], 3, Some("nonsense"), false).contains("random-uuid"));
        assert!(!scratch.path().join("b").exists(), "a refusal writes nothing");
        format(&settings(&scratch, &["a", "b"], 3), None, true).expect("b is new");
        assert_eq!(meta(&scratch, "b").cluster_id, before.cluster_id);
        assert_eq!(meta(&scratch, "a"), before);
        std::fs::write(scratch.path().join("b").join(META_PROPERTIES), "version=7").expect("writable");
        assert!(refused(&["b"], 3, None, true).contains("meta.properties: "));
    }
}
