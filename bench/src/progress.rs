//! How far a run is, on a line that is written over: to a terminal, or to the run's parent if that has one.

use std::env;
use std::io::{IsTerminal as _, Write as _};

/// Set for the runs of a process that somebody watches: they tell it of their progress though they have no terminal themselves.
pub const WATCHED: &str = "LOGAN_BENCH_WATCHED";

/// What a line begins with that takes the last one's place.
pub const OVER: &str = "\r\x1b[K";

/// Of a bar, in letters.
const WIDTH: usize = 20;

pub fn is_watched() -> bool {
    std::io::stderr().is_terminal() || env::var_os(WATCHED).is_some()
}

/// Shows a line in the place of the last one.
pub fn show(line: &str) {
    eprint!("{OVER}{line}");
    // A terminal that is gone is nobody's loss.
    let _ = std::io::stderr().flush();
}

pub fn clear() {
    show("");
}

/// How far something is, from 0 to 1.
pub fn bar(part: f64) -> String {
    let done = ((part * WIDTH as f64) as usize).min(WIDTH);
    format!("[{}{}]", "#".repeat(done), "-".repeat(WIDTH - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_what_it_shows() {
        assert_eq!(bar(0.0), "[--------------------]");
        assert_eq!(bar(0.5), "[##########----------]");
        assert_eq!(bar(7.0), "[####################]");
    }
}
