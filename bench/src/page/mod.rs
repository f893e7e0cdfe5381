//! Results as one page: no script, nothing from elsewhere, plots as drawings within it. The comparison stands first, then a line for each
//! cell, which opens.

mod brokers;
mod cell;
mod curves;
mod forest;
mod head;
mod plot;
mod rounds;
mod scale;
mod summary;
mod text;

use std::fmt::Write as _;
use std::path::Path;

use self::plot::Plot;
use crate::results::Results;

const STYLE: &str = include_str!("style.css");

pub fn write(results: &Results, path: &Path) -> Result<(), String> {
    std::fs::write(path, page(results)).map_err(|error| format!("{}: {error}", path.display()))
}

fn page(results: &Results) -> String {
    let brokers = brokers::style(results.brokers.len());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{} – logan-bench</title><style>\n{STYLE}{brokers}</style></head><body>\n",
        head::title(results)
    );
    head::write(&mut out, results);
    contents(&mut out, results);
    summary::write(&mut out, results);
    for (at, cell) in results.cells.iter().enumerate() {
        if begins_scenario(results, at) {
            let _ = writeln!(out, "<h2 id=\"s{at}\">{}</h2>", text::escape(&cell.scenario));
            growth(&mut out, results, &cell.scenario);
        }
        cell::write(&mut out, results, at);
    }
    out.push_str("</body></html>\n");
    out
}

fn begins_scenario(results: &Results, at: usize) -> bool {
    at == 0 || results.cells[at - 1].scenario != results.cells[at].scenario
}

/// What the page has, to go there.
fn contents(out: &mut String, results: &Results) {
    out.push_str("<nav>");
    if results.brokers.len() > 1 {
        out.push_str("<a href=\"#ratios\">Ratios</a> ");
    }
    out.push_str("<a href=\"#figures\">Figures</a>");
    for (at, cell) in results.cells.iter().enumerate().filter(|(at, _)| begins_scenario(results, *at)) {
        let _ = write!(out, " <a href=\"#s{at}\">{}</a>", text::escape(&cell.scenario));
    }
    out.push_str("</nav>\n");
}

/// Of a sweep: each figure over the values.
fn growth(out: &mut String, results: &Results, scenario: &str) {
    let drawn: String = curves::of_sweep(results, scenario).iter().filter_map(Plot::draw).collect();
    if !drawn.is_empty() {
        out.push_str(&brokers::legend(results, 0));
        let _ = writeln!(out, "<div class=\"plots\">{drawn}</div>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::two_brokers;

    #[test]
    fn the_page_is_whole_by_itself_and_says_everything() {
        let page = page(&two_brokers());
        for text in [
            "throughput",
            "produce --record 1k",
            "a&lt;b&gt;",
            "inside the noise",
            "<polyline",
            "the broker died",
        ] {
            assert!(page.contains(text), "{text}");
        }
        let links: Vec<&str> =
            page.split("href=\"#").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect();
        assert!(links.contains(&"c0") && links.contains(&"s0"), "{links:?}");
        for link in links {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link} leads nowhere");
        }
        for elsewhere in ["<script", "src=", "http", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    /// 25 cells, four brokers, three rounds of half a minute.
    #[test]
    fn a_large_comparison_is_no_large_page() {
        let mut results = two_brokers();
        results.brokers.extend(results.brokers.clone());
        let mut cell = results.cells.remove(0);
        let mut measured = cell.rounds[0].measured.clone().unwrap();
        measured.seconds = 30.0;
        let side = measured.produced.as_mut().unwrap();
        let second = side.series[0].clone();
        side.series = (0..30)
            .map(|at| crate::figures::Second {
                at_s: f64::from(at),
                mb_per_s: 600.0 + f64::from(at),
                ..second
            })
            .collect();
        measured.fetched = measured.produced.clone();
        let whole = cell.rounds[0].clone();
        cell.rounds = (0..12)
            .map(|nth| {
                let mut measured = measured.clone();
                for side in [&mut measured.produced, &mut measured.fetched].into_iter().flatten() {
                    side.series.iter_mut().for_each(|second| second.mb_per_s += f64::from(nth));
                }
                crate::results::Round {
                    number: nth / 4,
                    broker: nth as usize % 4,
                    measured: Some(measured),
                    ..whole.clone()
                }
            })
            .collect();
        results.cells = vec![cell; 25];
        let bytes = page(&results).len();
        assert!((200_000..2_000_000).contains(&bytes), "{bytes} bytes");
    }
}
