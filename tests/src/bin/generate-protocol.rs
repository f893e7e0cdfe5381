//! Writes the Kafka codec anew after a change of `src/protocol/schema/` or of the generator.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    logan_tests::generator::write(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}
