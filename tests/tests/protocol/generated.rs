//! The committed codec is what the generator writes.

use std::path::Path;
use std::{fs, io};

use logan_tests::generator;

#[test]
fn the_codec_is_not_stale() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = generator::generate(&root)?;
    for (path, text) in &files {
        let committed = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(
            committed == *text,
            "{} is stale: cargo run -p logan-tests --bin generate-protocol",
            path.display()
        );
    }
    for entry in fs::read_dir(root.join("src/protocol/messages"))? {
        let path = Path::new("src/protocol/messages").join(entry?.file_name());
        assert!(files.contains_key(&path), "{} is no longer generated", path.display());
    }
    Ok(())
}
