//! The small files and the names of Kafka's log directories: what stands in them, read and written.
//!
//! Sources: Kafka's `CheckpointFile`, `OffsetCheckpointFile`, `PartitionMetadataFile`, `MetaProperties`, `CleanShutdownFileHandler`,
//! `LogFileUtils` and `UnifiedLog` (directory names).

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::properties;
use crate::uuid::Uuid;

pub const PARTITION_METADATA: &str = "partition.metadata";
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
pub const LOG_START_CHECKPOINT: &str = "log-start-offset-checkpoint";
pub const REPLICATION_CHECKPOINT: &str = "replication-offset-checkpoint";
pub const CLEANER_CHECKPOINT: &str = "cleaner-offset-checkpoint";
pub const META_PROPERTIES: &str = "meta.properties";
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// The longest file name that common file systems take, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// The longest topic name that Kafka takes: it leaves room for the partition and a suffix.
pub const MAX_TOPIC_BYTES: usize = 249;

/// Why the text of a file is not what it should be. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("not UTF-8 text")]
    NotText,
    #[error(transparent)]
    Syntax(#[from] properties::SyntaxError),
    #[error("line {line}: expected {expected}")]
    Malformed { line: usize, expected: &'static str },
    #[error("version {found} is unknown; {known} is understood")]
    UnknownVersion { found: i64, known: i64 },
    #[error("{stated} entries are announced, but {found} follow")]
    WrongCount { stated: usize, found: usize },
    #[error("the key {key} is missing")]
    MissingKey { key: &'static str },
    #[error("{key}: expected {expected}")]
    WrongValue { key: &'static str, expected: &'static str },
}

/// `partition.metadata` for the partition's topic id.
pub fn write_partition_metadata(topic_id: [u8; 16]) -> String {
    format!("version: 0\ntopic_id: {}", Uuid(topic_id))
}

/// The topic id in a `partition.metadata` file.
pub fn read_partition_metadata(bytes: &[u8]) -> Result<[u8; 16], TextError> {
    let mut lines = text(bytes)?.lines();
    let mut value = |line, key, expected| {
        let found = lines.next().and_then(|text| text.strip_prefix(key)).map(str::trim);
        found.ok_or(TextError::Malformed { line, expected })
    };
    let version = value(1, "version:", "version: 0")?;
    match version.parse() {
        Ok(0) => {}
        Ok(found) => return Err(TextError::UnknownVersion { found, known: 0 }),
        Err(_) => return Err(TextError::Malformed { line: 1, expected: "version: 0" }),
    }
    let expected = "topic_id: with 22 characters of base64";
    let id = value(2, "topic_id:", expected)?;
    match Uuid::parse(id) {
        Some(id) if !id.is_zero() => Ok(id.0),
        _ => Err(TextError::Malformed { line: 2, expected }),
    }
}

/// The offsets of a checkpoint file, by topic and partition.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// The text of an offset checkpoint file (recovery points, log starts, high watermarks, cleaner).
pub fn write_offset_checkpoint(offsets: &Offsets) -> String {
    write_checkpoint(offsets.len(), offsets, |line, ((topic, partition), offset)| {
        write!(line, "{topic} {partition} {offset}")
    })
}

pub fn read_offset_checkpoint(bytes: &[u8]) -> Result<Offsets, TextError> {
    const EXPECTED: &str = "topic, partition and offset";
    let mut offsets = Offsets::new();
    read_checkpoint(bytes, EXPECTED, |line| {
        let mut words = line.split_ascii_whitespace();
        let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
        let partition: i32 = partition.parse().ok().filter(|partition| *partition >= 0)?;
        offsets.insert((topic.to_owned(), partition), offset.parse().ok()?);
        words.next().is_none().then_some(())
    })?;
    Ok(offsets)
}

/// Kafka's checkpoint text: a version (0), the number of lines that follow, the lines.
pub(crate) fn write_checkpoint<T>(
    count: usize,
    entries: impl IntoIterator<Item = T>,
    write_line: impl Fn(&mut String, T) -> fmt::Result,
) -> String {
    let mut out = format!("0\n{count}\n");
    for entry in entries {
        write_line(&mut out, entry).expect("writing to a String does not fail");
        out.push('\n');
    }
    out
}

/// Gives each entry's line to `read_line`, which says whether it is one.
pub(crate) fn read_checkpoint(
    bytes: &[u8],
    expected: &'static str,
    mut read_line: impl FnMut(&str) -> Option<()>,
) -> Result<(), TextError> {
    let mut lines = text(bytes)?.lines();
    let mut number = |line, expected| {
        let found = lines.next().and_then(|text| text.trim().parse::<i64>().ok());
        found.ok_or(TextError::Malformed { line, expected })
    };
    let version = number(1, "a version")?;
    if version != 0 {
        return Err(TextError::UnknownVersion { found: version, known: 0 });
    }
    let stated = number(2, "the number of entries")?;
    let stated = usize::try_from(stated)
        .map_err(|_| TextError::Malformed { line: 2, expected: "the number of entries" })?;
    let mut found = 0;
    for line in lines {
        read_line(line).ok_or(TextError::Malformed { line: found + 3, expected })?;
        found += 1;
    }
    if found == stated { Ok(()) } else { Err(TextError::WrongCount { stated, found }) }
}

fn text(bytes: &[u8]) -> Result<&str, TextError> {
    std::str::from_utf8(bytes).map_err(|_| TextError::NotText)
}

/// `meta.properties`, version 1: whose log directory this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    pub cluster_id: String,
    pub node_id: i32,
    /// 22 characters of base64. Kafka writes it since 3.7; without it a directory has no id yet.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    pub fn write(&self) -> String {
        let mut out = String::from("#\n");
        let mut property = |key: &str, value: &str| out.push_str(&properties::render(key, value));
        property("cluster.id", &self.cluster_id);
        if let Some(id) = &self.directory_id {
            property("directory.id", id);
        }
        property("node.id", &self.node_id.to_string());
        property("version", "1");
        out
    }

    /// Other keys are ignored, as Kafka ignores them; but not if there is no `directory.id`, which one of them may have been.
    pub fn read(bytes: &[u8]) -> Result<Self, TextError> {
        // Java writes ASCII. One bit more would still be text, in ISO-8859-1.
        let text = text(bytes)?;
        let mut values = BTreeMap::new();
        for entry in properties::entries(text) {
            // Whatever is set twice counts as it was set last, as in Java.
            let entry = entry?;
            values.insert(entry.key, entry.value);
        }
        let version = values.remove("version").ok_or(TextError::MissingKey { key: "version" })?;
        match version.trim().parse() {
            Ok(1) => {}
            Ok(found) => return Err(TextError::UnknownVersion { found, known: 1 }),
            Err(_) => return Err(TextError::WrongValue { key: "version", expected: "a number" }),
        }
        let node_id = values.remove("node.id").ok_or(TextError::MissingKey { key: "node.id" })?;
        let wrong_node = TextError::WrongValue { key: "node.id", expected: "a number of 0 or more" };
        let node_id = node_id.trim().parse().ok().filter(|id| *id >= 0).ok_or(wrong_node)?;
        let cluster_id = values.remove("cluster.id").ok_or(TextError::MissingKey { key: "cluster.id" })?;
        let directory_id = values.remove("directory.id");
        // Whoever has none is given one. A file that is damaged must not lose the id that its partitions are found by.
        values.remove("broker.id");
        if directory_id.is_none() && (!values.is_empty() || text.contains("directory.id")) {
            return Err(TextError::MissingKey { key: "directory.id" });
        }
        if directory_id.as_deref().is_some_and(|id| Uuid::parse(id).is_none()) {
            return Err(TextError::WrongValue { key: "directory.id", expected: "22 characters of base64" });
        }
        Ok(Self { cluster_id, node_id, directory_id })
    }
}

/// What whoever closed a directory cleanly left in [`CLEAN_SHUTDOWN`] (KIP-966).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanShutdown {
    /// The epoch of the broker that served it last; -1 if it was closed by somebody else since, as `logan recover` does.
    pub broker_epoch: i64,
    /// Logan closed it: its metadata is where Logan keeps it. Kafka reads over a field that it does not know.
    pub by_logan: bool,
}

/// The content of [`CLEAN_SHUTDOWN`].
pub fn write_clean_shutdown(closed: CleanShutdown) -> String {
    let CleanShutdown { broker_epoch, by_logan } = closed;
    let logan = if by_logan { ",\"logan\":1" } else { "" };
    format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}{logan}}}")
}

/// The content of a clean-shutdown marker. The marker counts by being there: older Kafkas left it empty, and Kafka goes on without an epoch if
/// it cannot read one.
pub fn read_clean_shutdown(bytes: &[u8]) -> Result<CleanShutdown, TextError> {
    const EXPECTED: &str = "a JSON object with version and brokerEpoch";
    let malformed = || TextError::Malformed { line: 1, expected: EXPECTED };
    let body = text(bytes)?.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut fields = BTreeMap::new();
    for field in body.ok_or_else(malformed)?.split(',') {
        let (name, value) = field.split_once(':').ok_or_else(malformed)?;
        let name = name.trim().strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let value: i64 = value.trim().parse().map_err(|_| malformed())?;
        fields.insert(name.ok_or_else(malformed)?, value);
    }
    match fields.get("version") {
        Some(0) => {}
        Some(found) => return Err(TextError::UnknownVersion { found: *found, known: 0 }),
        None => return Err(TextError::MissingKey { key: "version" }),
    }
    let broker_epoch =
        fields.get("brokerEpoch").copied().ok_or(TextError::MissingKey { key: "brokerEpoch" })?;
    Ok(CleanShutdown { broker_epoch, by_logan: fields.contains_key("logan") })
}

/// What a partition's directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryKind {
    /// `topic-3`
    Log,
    /// `topic-3.<32 hex digits>-delete`: renamed before its files are removed, one by one.
    Delete,
    /// `topic-3.<32 hex digits>-future`: a replica on its way from another log directory.
    Future,
    /// `topic-3.<32 hex digits>-stray`: what the metadata does not know.
    Stray,
}

impl DirectoryKind {
    const SUFFIXES: [(Self, &'static str); 3] =
        [(Self::Delete, "-delete"), (Self::Future, "-future"), (Self::Stray, "-stray")];
}

/// Where Kafka keeps the log of its metadata, among the logs of its partitions. It is Kafka's own, and the only way back to it: left alone.
pub const METADATA_DIRECTORY: &str = "__cluster_metadata-0";

/// The name of a partition's directory, taken apart. The topic of a [`DirectoryKind::Delete`] may have been cut to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryName<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub kind: DirectoryKind,
}

impl<'a> DirectoryName<'a> {
    /// None for a name that is no partition's. Kafka refuses to start on a log directory with such a sub-directory.
    pub fn parse(name: &'a str) -> Option<Self> {
        let mut kind = DirectoryKind::Log;
        let mut stem = name;
        for (suffixed, suffix) in DirectoryKind::SUFFIXES {
            if let Some(rest) = name.strip_suffix(suffix) {
                let (rest, id) = rest.rsplit_once('.')?;
                if id.is_empty() {
                    return None;
                }
                (kind, stem) = (suffixed, rest);
            }
        }
        let (topic, digits) = stem.rsplit_once('-')?;
        if topic.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some(Self { topic, partition: digits.parse().ok()?, kind })
    }
}

/// `topic-3`.
pub fn log_directory(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// The name that a partition's directory gets before it is deleted: `topic-3.<unique>-delete`, the topic cut so that the name fits
/// into [`MAX_NAME_BYTES`] bytes. `unique` must not repeat.
pub fn delete_directory(topic: &str, partition: i32, unique: u128) -> String {
    suffixed_directory(topic, partition, unique, "-delete")
}

/// As [`delete_directory`], the name that a directory gets which nothing knows: `topic-3.<unique>-stray`.
pub fn stray_directory(topic: &str, partition: i32, unique: u128) -> String {
    suffixed_directory(topic, partition, unique, "-stray")
}

fn suffixed_directory(topic: &str, partition: i32, unique: u128, suffix: &str) -> String {
    let suffix = format!("-{partition}.{unique:032x}{suffix}");
    let room = MAX_NAME_BYTES - suffix.len();
    // Topic names are ASCII; another name is cut where a character begins.
    format!("{}{suffix}", &topic[..topic.floor_char_boundary(room)])
}

/// The files that belong to a segment, each named after its base offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentFile {
    Log,
    OffsetIndex,
    TimeIndex,
    TxnIndex,
    ProducerSnapshot,
}

impl SegmentFile {
    pub const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::ProducerSnapshot];

    pub fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::OffsetIndex => "index",
            Self::TimeIndex => "timeindex",
            Self::TxnIndex => "txnindex",
            Self::ProducerSnapshot => "snapshot",
        }
    }

    /// `00000000000000000042.log`; of a snapshot, the number is the offset behind what it covers.
    pub fn name(self, offset: i64) -> String {
        format!("{offset:020}.{}", self.extension())
    }
}

/// A file in a partition's directory, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFileName {
    pub offset: i64,
    pub file: SegmentFile,
    pub stage: FileStage,
}

/// Where a segment's file is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStage {
    Live,
    /// `.deleted`: on its way out.
    Deleted,
    /// `.cleaned`: compaction was not done with it. Its segment is still there.
    Cleaned,
    /// `.swap`: compaction was done with it, and it takes the place of others.
    Swap,
}

impl SegmentFileName {
    pub fn parse(name: &str) -> Option<Self> {
        let (stem, stage) = match name.rsplit_once('.') {
            Some((stem, "deleted")) => (stem, FileStage::Deleted),
            Some((stem, "cleaned")) => (stem, FileStage::Cleaned),
            Some((stem, "swap")) => (stem, FileStage::Swap),
            _ => (name, FileStage::Live),
        };
        let (digits, extension) = stem.split_once('.')?;
        let file = SegmentFile::ALL.into_iter().find(|file| file.extension() == extension)?;
        if digits.len() != 20 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some(Self { offset: digits.parse().ok()?, file, stage })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: [u8; 16] = 0x0074_5130_21da_8978_206f_5c66_71e0_c07e_u128.to_be_bytes();

    #[test]
    fn partition_metadata_is_kafkas() {
        let text = "version: 0\ntopic_id: AHRRMCHaiXggb1xmceDAfg";
        assert_eq!(write_partition_metadata(ID), text);
        assert_eq!(read_partition_metadata(text.as_bytes()), Ok(ID));
        assert_eq!(read_partition_metadata(format!("{text}\n").as_bytes()), Ok(ID));
        let line = |line| Err(line);
        let version = TextError::UnknownVersion { found: 1, known: 0 };
        assert_eq!(read_partition_metadata(b"version: 1\ntopic_id: AHRRMCHaiXggb1xmceDAfg"), line(version));
        for wrong in ["", "topic_id: x", "version: 0\n", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(
                matches!(read_partition_metadata(wrong.as_bytes()), Err(TextError::Malformed { .. })),
                "{wrong}"
            );
        }
        assert_eq!(read_partition_metadata(&[0xff]), Err(TextError::NotText));
    }

    #[test]
    fn offset_checkpoints_are_kafkas() {
        let offsets =
            Offsets::from([(("a".into(), 0), 12), (("a".into(), 11), 0), (("b-c".into(), 3), i64::MAX)]);
        let text = "0\n3\na 0 12\na 11 0\nb-c 3 9223372036854775807\n";
        assert_eq!(write_offset_checkpoint(&offsets), text);
        assert_eq!(read_offset_checkpoint(text.as_bytes()), Ok(offsets));
        let read = |text: &str| read_offset_checkpoint(text.as_bytes());
        assert_eq!(read("0\n0\n"), Ok(Offsets::new()));
        assert_eq!(read("1\n0\n"), Err(TextError::UnknownVersion { found: 1, known: 0 }));
        assert_eq!(read("0\n2\na 0 1\n"), Err(TextError::WrongCount { stated: 2, found: 1 }));
        let third = TextError::Malformed { line: 3, expected: "topic, partition and offset" };
        for wrong in ["0\n1\na 0\n", "0\n1\na 0 1 2\n", "0\n1\na x 1\n", "0\n1\na -1 1\n", "0\n1\n\n"] {
            assert_eq!(read(wrong), Err(third.clone()), "{wrong}");
        }
        let second = TextError::Malformed { line: 2, expected: "the number of entries" };
        assert_eq!(read("0\n-1\n"), Err(second));
    }

    #[test]
    fn meta_properties_are_kafkas() {
        let text = "#\n#Tue Nov 24 18:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n\
            directory.id=AHRRMCHaiXggb1xmceDAfg\nnode.id=1\nversion=1\n";
        let read = MetaProperties::read(text.as_bytes()).unwrap();
        assert_eq!(read.cluster_id, "MkU3OEVBNTcwNTJENDM2Qg");
        assert_eq!((read.node_id, read.directory_id.as_deref()), (1, Some("AHRRMCHaiXggb1xmceDAfg")));
        assert_eq!(MetaProperties::read(read.write().as_bytes()), Ok(read));
        let read = |text: &str| MetaProperties::read(text.as_bytes());
        assert_eq!(read("version=0\n"), Err(TextError::UnknownVersion { found: 0, known: 1 }));
        assert_eq!(read("version=1\nnode.id=1"), Err(TextError::MissingKey { key: "cluster.id" }));
        assert!(matches!(read("version=1\nnode.id=-1\ncluster.id=x"), Err(TextError::WrongValue { .. })));
        // Before 3.7 there was none, and whoever reads this gives one.
        assert_eq!(read("version=1\nnode.id=1\ncluster.id=x").unwrap().directory_id, None);
        let id = "AHRRMCHaiXggb1xmceDAfg";
        for damaged in ["eirectory.id=", "directory.id9", "direcuory.id=", "\u{2}directory.id="] {
            let lost = read(&format!("version=1\nnode.id=1\ncluster.id=x\n{damaged}{id}"));
            assert_eq!(lost, Err(TextError::MissingKey { key: "directory.id" }), "{damaged}");
        }
        let joined = read(&format!("version=1\nnode.id=1\ncluster.id=xJdirectory.id={id}"));
        assert_eq!(joined, Err(TextError::MissingKey { key: "directory.id" }));
        assert_eq!(MetaProperties::read(b"version=1\nnode.id=1\ncluster.id=\xf8"), Err(TextError::NotText));
        // What Java reads in one go, on several lines; what it does not write plainly.
        let read = MetaProperties::read(b"version=1\nnode.id=1\ncluster.id=a\\\n  b\\u00fc").unwrap();
        assert_eq!(read.cluster_id, "ab\u{fc}");
        assert!(read.write().contains("cluster.id=ab\\u00fc\n"), "Java reads files as ISO-8859-1");
    }

    #[test]
    fn the_clean_shutdown_marker_is_kafkas() {
        let closed = |broker_epoch, by_logan| CleanShutdown { broker_epoch, by_logan };
        assert_eq!(write_clean_shutdown(closed(21, false)), "{\"version\":0,\"brokerEpoch\":21}");
        assert_eq!(read_clean_shutdown(b"{\"version\":0,\"brokerEpoch\":21}"), Ok(closed(21, false)));
        let spaced = b" { \"brokerEpoch\" : -1, \"version\" : 0 }\n";
        assert_eq!(read_clean_shutdown(spaced), Ok(closed(-1, false)));
        assert_eq!(write_clean_shutdown(closed(7, true)), "{\"version\":0,\"brokerEpoch\":7,\"logan\":1}");
        assert!(read_clean_shutdown(b"").is_err());
        assert!(read_clean_shutdown(b"{\"version\":1,\"brokerEpoch\":21}").is_err());
        assert!(read_clean_shutdown(b"{\"version\":0}").is_err());
    }

    #[test]
    fn directory_names() {
        let parse = |name| DirectoryName::parse(name).map(|name| (name.topic, name.partition, name.kind));
        assert_eq!(parse("topic-3"), Some(("topic", 3, DirectoryKind::Log)));
        assert_eq!(parse("a-b.c-10"), Some(("a-b.c", 10, DirectoryKind::Log)));
        let deleted = "a-b.c-10.0123456789abcdef0123456789abcdef-delete";
        assert_eq!(parse(deleted), Some(("a-b.c", 10, DirectoryKind::Delete)));
        assert_eq!(delete_directory("a-b.c", 10, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), deleted);
        assert_eq!(parse("t-0.ff-future"), Some(("t", 0, DirectoryKind::Future)));
        assert_eq!(parse("t-0.ff-stray"), Some(("t", 0, DirectoryKind::Stray)));
        // The topic of a live log may end like that of another kind, but its partition follows.
        assert_eq!(parse("x-delete-1"), Some(("x-delete", 1, DirectoryKind::Log)));
        for wrong in [
            "",
            "logan",
            "-1",
            "t-",
            "t-x",
            "t-+1",
            "t-99999999999",
            "t-1-delete",
            "t-1.-delete",
            "t.ff-delete",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let long = delete_directory(&"t".repeat(MAX_TOPIC_BYTES), i32::MAX, 1);
        assert_eq!(long.len(), MAX_NAME_BYTES);
        assert_eq!(parse(&long).unwrap().1, i32::MAX);
    }

    #[test]
    fn segment_file_names() {
        assert_eq!(SegmentFile::TimeIndex.name(42), "00000000000000000042.timeindex");
        for file in SegmentFile::ALL {
            for offset in [0, 42, i64::MAX] {
                let name = file.name(offset);
                let live = SegmentFileName { offset, file, stage: FileStage::Live };
                assert_eq!(SegmentFileName::parse(&name), Some(live));
                let deleted = SegmentFileName { stage: FileStage::Deleted, ..live };
                assert_eq!(SegmentFileName::parse(&format!("{name}.deleted")), Some(deleted));
            }
        }
        for wrong in
            ["", "42.log", "0000000000000000004x.log", "99999999999999999999.log", "00000000000000000042.lag"]
        {
            assert_eq!(SegmentFileName::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn ids_round_trip(id: [u8; 16]) {
            prop_assert_eq!(Uuid::parse(&Uuid(id).to_string()), Some(Uuid(id)));
        }

        #[test]
        fn checkpoints_round_trip(offsets: BTreeMap<(u8, u16), i64>) {
            let named = |((topic, partition), offset): ((u8, u16), i64)| ((format!("t{topic}"), i32::from(partition)), offset);
            let offsets: Offsets = offsets.into_iter().map(named).collect();
            prop_assert_eq!(read_offset_checkpoint(write_offset_checkpoint(&offsets).as_bytes()), Ok(offsets));
        }

        #[test]
        fn meta_properties_round_trip(cluster_id: String, node_id in 0_i32.., id: Option<[u8; 16]>) {
            let meta = MetaProperties { cluster_id, node_id, directory_id: id.map(|id| Uuid(id).to_string()) };
            prop_assert_eq!(MetaProperties::read(meta.write().as_bytes()), Ok(meta));
        }

        #[test]
        fn clean_shutdown_round_trips(broker_epoch: i64, by_logan: bool) {
            let closed = CleanShutdown { broker_epoch, by_logan };
            prop_assert_eq!(read_clean_shutdown(write_clean_shutdown(closed).as_bytes()), Ok(closed));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "[0-9 \n{}\":,a-z=\\\\.#-]{0,60}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                let _ = read_partition_metadata(bytes);
                let _ = read_offset_checkpoint(bytes);
                let _ = MetaProperties::read(bytes);
                let _ = read_clean_shutdown(bytes);
            }
            let _ = (DirectoryName::parse(&text), SegmentFileName::parse(&text), Uuid::parse(&text));
        }

        #[test]
        fn names_round_trip(topic in "[a-zA-Z0-9._-]{1,249}", partition in 0_i32.., unique: u128) {
            let name = log_directory(&topic, partition);
            let live = DirectoryName { topic: &topic, partition, kind: DirectoryKind::Log };
            prop_assert_eq!(DirectoryName::parse(&name), Some(live));
            let name = delete_directory(&topic, partition, unique);
            prop_assert!(name.len() <= MAX_NAME_BYTES);
            let parsed = DirectoryName::parse(&name).unwrap();
            prop_assert!(topic.starts_with(parsed.topic));
            prop_assert_eq!((parsed.partition, parsed.kind), (partition, DirectoryKind::Delete));
        }
    }
}
