//! Who may know whom: the table of the design, as data.

use super::Violation;
use super::source::Source;

/// Modules of the crate `logan`, and what of it each may name beside itself. Whatever is not listed may not be named; a module that
/// is not listed here may not exist.
const MODULES: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("model", &["limits"]),
    ("protocol", &["model", "limits"]),
    ("config", &["model", "limits"]),
    ("metrics", &["model", "limits"]),
    ("mail", BELOW_MAIL),
    ("partition", BELOW_PURE),
    ("group", BELOW_PURE),
    ("txn", BELOW_PURE),
    ("metadata", BELOW_PURE),
    ("security", BELOW_PURE),
    ("quota", BELOW_PURE),
    ("handlers", BELOW_HANDLERS),
    ("broker", BELOW_BROKER),
    ("cli", BELOW_CLI),
    ("main", &["cli"]),
    ("lib", &[]),
];

const BELOW_PURE: &[&str] = &["config", "metrics", "model", "limits"];
/// Mail stands above the pure modules: a message carries their commands and images (docs/decisions/0002).
const BELOW_MAIL: &[&str] =
    &["partition", "group", "txn", "metadata", "security", "quota", "config", "metrics", "model", "limits"];
const BELOW_HANDLERS: &[&str] = &[
    "protocol",
    "partition",
    "group",
    "txn",
    "metadata",
    "security",
    "quota",
    "mail",
    "config",
    "metrics",
    "model",
    "limits",
];
const BELOW_BROKER: &[&str] = &[
    "handlers",
    "protocol",
    "partition",
    "group",
    "txn",
    "metadata",
    "security",
    "quota",
    "mail",
    "config",
    "metrics",
    "model",
    "limits",
];
const BELOW_CLI: &[&str] = &[
    "broker",
    "handlers",
    "protocol",
    "partition",
    "group",
    "txn",
    "metadata",
    "security",
    "quota",
    "mail",
    "config",
    "metrics",
    "model",
    "limits",
];

/// Crates of the workspace that a place may name. The longest matching prefix decides.
const CRATES: &[(&str, &[&str])] = &[
    ("shards/", &["logan_shards"]),
    ("storage/", &["logan_storage"]),
    ("raft/", &["logan_raft"]),
    ("bench/", &["logan", "logan_shards", "logan_storage", "logan_raft"]),
    ("tests/", &["logan", "logan_shards", "logan_storage", "logan_raft", "logan_tests"]),
    ("src/", &["logan_storage"]),
    ("src/limits", &[]),
    // A shard's number and a Kafka id are words of those crates, too.
    ("src/model", &["logan_shards", "logan_storage"]),
    ("src/protocol", &[]),
    // One reader of batch headers for the wire and the disk.
    ("src/protocol/records", &["logan_storage"]),
    // One reader of Java's properties, for settings and for what stands in log directories.
    ("src/config", &["logan_storage"]),
    ("src/mail", &["logan_shards", "logan_storage"]),
    ("src/handlers", &["logan_shards", "logan_storage"]),
    ("src/broker", &["logan_shards", "logan_storage", "logan_raft"]),
    ("src/cli", &["logan", "logan_shards", "logan_storage", "logan_raft"]),
    ("src/main.rs", &["logan"]),
];

/// Modules that take time and chance as arguments, and never wait.
const PURE: &[&str] = &["partition", "group", "txn", "metadata", "security", "quota"];

pub fn check(source: &Source) -> Vec<Violation> {
    let mut found = crates(source);
    if let Some(inside) = source.path.strip_prefix("src/") {
        found.extend(modules(source, &module_path(inside)));
    }
    found
}

/// `partition/log/mod.rs` and `partition/log.rs` are both `partition::log`.
fn module_path(inside: &str) -> Vec<&str> {
    let mut path: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if path.last() == Some(&"mod") {
        path.pop();
    }
    path
}

fn modules(source: &Source, here: &[&str]) -> Vec<Violation> {
    let module = here[0];
    let violation = |rule, line, what| Violation { rule, path: source.path.to_owned(), line, what };
    let Some((_, below)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return vec![violation("layer", 1, format!("`{module}` has no place in the layer table"))];
    };
    let mut found = Vec::new();
    for named in source.paths() {
        let Some(target) = target(here, &named.segments) else { continue };
        let known = MODULES.iter().any(|(name, _)| *name == target);
        if known && target != module && !below.contains(&target) {
            found.push(violation("layer", named.line, format!("`{module}` may not know `{target}`")));
        }
    }
    if PURE.contains(&module) {
        for token in source.words().iter().filter(|t| matches!(t.text, "async" | "await")) {
            let what = format!("`{}` in `{module}`, which is pure: return what is to be done", token.text);
            found.push(violation("pure", token.line, what));
        }
    }
    found
}

/// The top-level module of the crate that a path leads to, if it leads to one.
fn target<'a>(here: &[&'a str], segments: &'a [String]) -> Option<&'a str> {
    if segments[0] == "crate" {
        return Some(&segments[1]);
    }
    let ups = segments.iter().take_while(|s| *s == "super").count();
    if ups == 0 || ups < here.len() {
        return None;
    }
    segments.get(ups).map(String::as_str)
}

fn crates(source: &Source) -> Vec<Violation> {
    let place = CRATES
        .iter()
        .filter(|(prefix, _)| source.path.starts_with(prefix))
        .max_by_key(|(prefix, _)| prefix.len());
    let allowed = place.map_or(&[][..], |(_, crates)| crates);
    let mut found = Vec::new();
    for named in source.paths() {
        let first = named.segments[0].as_str();
        let ours = first == "logan" || first.starts_with("logan_");
        if ours && !allowed.contains(&first) {
            let what = format!("`{first}` may not be known here");
            found.push(Violation { rule: "layer", path: source.path.to_owned(), line: named.line, what });
        }
    }
    found
}

/// `shards`, `storage` and `raft` do not know each other, nor what is above them; nobody above knows the ring's crates.
pub fn check_manifest(path: &str, text: &str) -> Vec<Violation> {
    let banned: &[&str] = match path {
        "shards/Cargo.toml" => &["logan", "logan-storage", "logan-raft", "raft", "rand", "tokio"],
        "storage/Cargo.toml" => {
            &["logan", "logan-shards", "logan-raft", "glommio", "io-uring", "libc", "rand", "tokio"]
        }
        "raft/Cargo.toml" => {
            &["logan", "logan-shards", "logan-storage", "glommio", "io-uring", "libc", "rand", "tokio"]
        }
        "Cargo.toml" => return Vec::new(),
        _ => &[],
    };
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(section) = line.strip_prefix('[') {
            in_dependencies = section.starts_with("dependencies");
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if in_dependencies && banned.contains(&name) {
            let what = format!("`{name}` may not be a dependency here");
            found.push(Violation { rule: "layer", path: path.to_owned(), line: at + 1, what });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Source::new(path, text)).iter().map(|v| v.line).collect()
    }

    #[test]
    fn looking_upwards_is_found() {
        assert_eq!(
            lines("src/partition/mod.rs", "use crate::model::Offset;\nuse crate::protocol::Frame;"),
            [2]
        );
        assert_eq!(lines("src/partition/log.rs", "use super::super::broker::X;\nuse super::tail::Y;"), [1]);
        assert_eq!(lines("src/model.rs", "use super::limits::A;\nuse super::mail::B;"), [2]);
        assert!(lines("src/mail/mod.rs", "use crate::metadata::Command;").is_empty());
        assert_eq!(lines("src/metadata/mod.rs", "use crate::mail::Mail;"), [1]);
        assert_eq!(lines("src/handlers/produce.rs", "use crate::{protocol::A, broker::B, model::C};"), [1]);
        assert_eq!(
            lines("src/broker/mod.rs", "use crate::{protocol::A, handlers::B};\nfn f() { crate::cli::g() }"),
            [2]
        );
        assert_eq!(lines("src/warehouse/mod.rs", ""), [1]);
    }

    #[test]
    fn crates_that_may_not_know_each_other_are_found() {
        assert_eq!(lines("storage/src/log.rs", "use logan_shards::File;\nuse logan_storage::X;"), [1]);
        assert_eq!(lines("shards/src/lib.rs", "use logan::model::Offset;"), [1]);
        assert_eq!(lines("src/partition/mod.rs", "use logan_storage::Log;\nuse logan_raft::Node;"), [2]);
        assert!(lines("src/broker/mod.rs", "use logan_raft::Node;\nuse logan_shards::File;").is_empty());
        assert_eq!(lines("src/protocol/frame.rs", "use logan_storage::batch::Header;"), [1]);
        assert!(lines("src/protocol/records/reader.rs", "use logan_storage::batch::Header;").is_empty());
        assert_eq!(
            check_manifest("storage/Cargo.toml", "[dependencies]\nlogan-shards.workspace = true").len(),
            1
        );
        assert!(
            check_manifest("storage/Cargo.toml", "[dev-dependencies]\nlogan-shards.workspace = true")
                .is_empty()
        );
    }

    #[test]
    fn waiting_in_a_pure_module_is_found() {
        assert_eq!(lines("src/group/mod.rs", "// async\nasync fn a() {\n b().await\n}"), [2, 3]);
        assert!(lines("src/broker/mod.rs", "async fn a() {}").is_empty());
    }
}
