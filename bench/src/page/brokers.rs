//! How brokers are told apart: each has a class, which stands for a colour, a dash and a mark.

use std::fmt::Write as _;

use super::text::breakable;
use crate::results::{Described, Results};

/// On white and on black. They can be told apart without seeing red and green; on paper, dashes and marks tell.
const COLOURS: [(&str, &str); 6] = [
    ("#0969c8", "#58a6ff"),
    ("#c2570c", "#ff9d57"),
    ("#0b7a55", "#45c796"),
    ("#8b3fbf", "#c99bff"),
    ("#8a6d00", "#dcb935"),
    ("#c0266b", "#ff7eb6"),
];

const DASHES: [&str; 6] = ["none", "7 3", "2 2.5", "9 3 2 3", "4 4", "1 4"];

/// Colour and dash. Behind the last colour the first comes again with another dash.
fn looks(broker: usize) -> (usize, usize) {
    let round = broker / COLOURS.len();
    (broker % COLOURS.len(), (broker + round) % DASHES.len())
}

/// What the style says of so many brokers.
pub fn style(count: usize) -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for broker in 0..count {
        let (colour, dash) = looks(broker);
        let _ = write!(light, ".b{broker}{{--c:{};--d:{}}}", COLOURS[colour].0, DASHES[dash]);
        let _ = write!(dark, ".b{broker}{{--c:{}}}", COLOURS[colour].1);
    }
    format!("{light}@media(prefers-color-scheme:dark){{{dark}}}")
}

/// A piece of a broker's line.
pub fn key(broker: usize) -> String {
    format!(
        "<svg class=\"key b{broker}\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">\
         <path class=\"line\" d=\"M1 5H27\"/>{}</svg>",
        mark(broker, 14.0, 5.0, false)
    )
}

/// A broker's mark at a place; hollow where there is no spread.
pub fn mark(broker: usize, x: f64, y: f64, is_hollow: bool) -> String {
    let class = if is_hollow { "hollow" } else { "dot" };
    let shape = match broker % 4 {
        0 => "m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0z",
        1 => "m-3-3h6v6h-6z",
        2 => "m0-4.2l4.2 4.2l-4.2 4.2l-4.2-4.2z",
        _ => "m0-3.8l3.9 6.8h-7.8z",
    };
    format!("<path class=\"{class}\" d=\"M{x:.1} {y:.1}{shape}\"/>")
}

/// Which line is whose, from one broker on.
pub fn legend(results: &Results, first: usize) -> String {
    let entry = |(broker, described): (usize, &Described)| {
        format!("<span>{}{}</span>", key(broker), breakable(&described.name))
    };
    let entries: String = results.brokers.iter().enumerate().skip(first).map(entry).collect();
    format!("<p class=\"legend\">{entries}</p>\n")
}

/// A broker's name. A file that was made by hand may name one that it does not describe.
pub fn name(results: &Results, broker: usize) -> &str {
    results.brokers.get(broker).map_or("a broker that is not described", |described| &described.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_brokers_look_alike() {
        let mut all: Vec<(usize, usize)> = (0..30).map(looks).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 30);
        let mut few: Vec<usize> = (0..6).map(|broker| looks(broker).1).collect();
        few.sort_unstable();
        few.dedup();
        assert_eq!(few.len(), 6, "up to six do not even share a dash, for those who see no colours");
    }

    #[test]
    fn the_style_has_every_broker_in_light_and_dark() {
        let style = style(7);
        let (light, dark) = style.split_once("@media").unwrap();
        for broker in 0..7 {
            assert!(light.contains(&format!(".b{broker}{{")) && dark.contains(&format!(".b{broker}{{")));
        }
    }
}
