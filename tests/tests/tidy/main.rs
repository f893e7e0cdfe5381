//! What the compiler does not hold: which layer may name which, sizes, `unsafe`, banned names, words that rot.
//!
//! Rules look at the text of the sources with comments and strings blanked out ([`source`]), not at types: they are quick, and they
//! see a violation in code that is not compiled here too. Each rule has a test on a snippet that breaks it. What breaks a rule today
//! stands in [`RATCHETS`], with its count; a count may only go down, and must when it can.

mod layers;
mod rules;
mod source;

use source::Source;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Rule, file, violations that are known there and may not grow.
const RATCHETS: &[(&str, &str, usize)] = &[];

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub rule: &'static str,
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    pub what: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Every text file of the repository, as path from the root and content.
fn texts() -> Vec<(String, String)> {
    const SKIPPED: &[&str] = &[".git", "target", "logan-data", "node_modules", "golden", "corpus"];
    const KINDS: &[&str] = &["rs", "md", "toml", "java", "go", "py", "xml", "txt", "sh", "properties"];
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the checkout is readable") {
            let path = entry.expect("the checkout is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) && !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if KINDS.iter().any(|kind| path.extension().is_some_and(|e| e == *kind)) || name == "run" {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{} is not readable text: {error}", path.display()));
                let relative = path.strip_prefix(root()).expect("found below the root");
                found.push((relative.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// All violations in one file.
fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut found = rules::words(path, text);
    if Path::new(path).extension().is_some_and(|e| e == "rs") {
        let source = Source::new(path, text);
        found.extend(rules::file_size(&source));
        found.extend(rules::function_size(&source));
        found.extend(rules::unsafe_code(&source));
        found.extend(rules::allow_has_reason(&source));
        found.extend(rules::banned_names(&source));
        found.extend(rules::hash_order(&source));
        found.extend(layers::check(&source));
    } else if path.ends_with("Cargo.toml") {
        found.extend(layers::check_manifest(path, text));
    }
    found
}

/// What is over its ratchet, and ratchets that are loose, as lines to print. Empty when tidy.
fn over(found: &[Violation], ratchets: &[(&str, &str, usize)]) -> String {
    let mut places: BTreeMap<(&str, &str), Vec<&Violation>> = BTreeMap::new();
    for violation in found {
        places.entry((violation.rule, &violation.path)).or_default().push(violation);
    }
    let mut report = String::new();
    for ((rule, path), violations) in &places {
        let known = ratchets.iter().find(|(r, p, _)| r == rule && p == path).map_or(0, |(_, _, n)| *n);
        if violations.len() > known {
            for violation in violations {
                let _ = writeln!(report, "{path}:{}: {rule}: {}", violation.line, violation.what);
            }
        }
    }
    for (rule, path, known) in ratchets {
        let now = places.get(&(*rule, *path)).map_or(0, Vec::len);
        if now < *known {
            let _ = writeln!(
                report,
                "{path}: {rule}: {now} left of {known}: lower its ratchet in tests/tests/tidy/main.rs"
            );
        }
    }
    report
}

#[test]
fn the_repository_is_tidy() {
    let texts = texts();
    assert!(texts.len() > 20, "only {} files found: the walk is broken", texts.len());
    let found: Vec<Violation> = texts.iter().flat_map(|(path, text)| check(path, text)).collect();
    let report = over(&found, RATCHETS);
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn a_ratchet_only_goes_down() {
    let one = |line| Violation { rule: "r", path: "p".into(), line, what: "w".into() };
    assert_eq!(over(&[one(1)], &[("r", "p", 1)]), "");
    assert!(over(&[one(1), one(2)], &[("r", "p", 1)]).contains("p:2: r: w"));
    assert!(over(&[one(1)], &[("r", "p", 2)]).contains("1 left of 2"));
    assert!(over(&[one(1)], &[("r", "q", 1)]).contains("p:1"));
}
