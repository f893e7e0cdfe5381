//! Programs of other languages that talk to a broker: found, prepared once, run, and their output shown when they fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The folder of a client's sources below `tests/clients`.
pub fn sources(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(client)
}

/// Whether what cannot be tried here is a failure, as it is in CI (`LOGAN_REQUIRE_CLIENTS`).
pub fn are_required() -> bool {
    std::env::var_os("LOGAN_REQUIRE_CLIENTS").is_some()
}

/// Whether all these programs are on this machine. Where `LOGAN_REQUIRE_CLIENTS` is set (in CI) a missing one is a failure;
/// elsewhere the test that asks says so and passes.
pub fn available(programs: &[&str]) -> bool {
    let Some(missing) = programs.iter().find(|program| !exists(program)) else { return true };
    assert!(!are_required(), "`{missing}` is required here and not installed");
    println!("skipped: `{missing}` is not installed");
    false
}

/// Whether `python3` can make an environment of its own with what the checks need: Debian's comes without.
pub fn can_make_environments() -> bool {
    let asked = Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    if asked.expect("python3 runs").success() {
        return true;
    }
    let missing = "`python3` has no `ensurepip` and `venv` (Debian: python3-venv)";
    assert!(!are_required(), "{missing}, which are required here");
    println!("skipped: {missing}");
    false
}

fn exists(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Runs to the end; panics with all it printed if it fails. Returns what it printed.
pub fn run(command: &mut Command) -> String {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed ({}):\n{text}\n{errors}", output.status);
    println!("{} took {:.1?}", command.get_program().display(), started.elapsed());
    text.into_owned()
}
