//! Writes the Kafka codec from Kafka's schema: `src/protocol/{messages/, api_key.rs}` and `src/model/error.rs` of the workspace, and the table of
//! all messages that this crate's tests run through (`codec_table.rs`).

mod emit;
pub mod schema;
mod tables;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use schema::{Kind, Message};

/// Files of records, each a module. `messages.txt` is one module per API, one for headers, one for the rest.
const FAMILIES: [&str; 6] = [
    "group-records",
    "metadata-records",
    "quorum-records",
    "share-records",
    "storage-records",
    "transaction-records",
];

/// All generated files, by their path below the workspace's root, and their text.
pub fn generate(root: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let protocol = Path::new("src/protocol");
    let schema = root.join(protocol).join("schema");
    let messages = parse(&schema, "messages.txt")?;
    let mut modules: BTreeMap<String, (String, Vec<&Message>)> = BTreeMap::new();
    for message in &messages {
        let module =
            modules.entry(module_name(message)).or_insert_with(|| ("messages.txt".to_owned(), Vec::new()));
        module.1.push(message);
    }
    let mut families = Vec::new();
    for family in FAMILIES {
        families.push((
            family.replace('-', "_"),
            format!("{family}.txt"),
            parse(&schema, &format!("{family}.txt"))?,
        ));
    }
    for (module, source, messages) in &families {
        modules.insert(module.clone(), (source.clone(), messages.iter().collect()));
    }

    let mut files = BTreeMap::new();
    for (module, (source, messages)) in &modules {
        files.insert(protocol.join(format!("messages/{module}.rs")), emit::module(source, messages));
    }
    files.insert(protocol.join("messages/mod.rs"), index(&modules));
    let advertised = fs::read_to_string(schema.join("api-versions.txt"))?;
    files.insert(protocol.join("api_key.rs"), tables::api_keys(&messages, &advertised).map_err(invalid)?);
    let errors = fs::read_to_string(schema.join("errors.tsv"))?;
    files.insert(PathBuf::from("src/model/error.rs"), tables::errors(&errors).map_err(invalid)?);
    files.insert(PathBuf::from("tests/src/codec_table.rs"), tables::codecs(&modules));
    Ok(files)
}

/// Writes what [`generate`] gives and removes messages that are no longer in the schema.
pub fn write(root: &Path) -> io::Result<()> {
    let files = generate(root)?;
    let messages = root.join("src/protocol/messages");
    fs::create_dir_all(&messages)?;
    for entry in fs::read_dir(&messages)? {
        fs::remove_file(entry?.path())?;
    }
    for (path, text) in files {
        fs::write(root.join(path), text)?;
    }
    Ok(())
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn parse(schema: &Path, file: &str) -> io::Result<Vec<Message>> {
    schema::parse(&fs::read_to_string(schema.join(file))?).map_err(invalid)
}

fn module_name(message: &Message) -> String {
    let name = &message.name;
    match message.kind {
        Kind::Request => emit::snake(name.strip_suffix("Request").unwrap_or(name)),
        Kind::Response => emit::snake(name.strip_suffix("Response").unwrap_or(name)),
        Kind::Header => "headers".to_owned(),
        _ => "data".to_owned(),
    }
}

fn index(modules: &BTreeMap<String, (String, Vec<&Message>)>) -> String {
    let mut text = "//! All messages of Kafka 4.3.1, @generated from `schema/`: do not edit.\n\n\
                    #![allow(clippy::redundant_closure_for_method_calls, reason = \"the generator need not know a field's Rust type\")]\n\n"
        .to_owned();
    for module in modules.keys() {
        let _ = writeln!(text, "pub mod {module};");
    }
    text.push('\n');
    for (module, (source, messages)) in modules {
        if source == "messages.txt" {
            let names: Vec<_> = messages.iter().map(|m| &*m.name).collect();
            let names =
                if let [name] = names[..] { name.to_owned() } else { format!("{{{}}}", names.join(", ")) };
            let _ = writeln!(text, "pub use {module}::{names};");
        }
    }
    text
}
