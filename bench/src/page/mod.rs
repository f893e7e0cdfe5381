//! Results as one page: no script, nothing from elsewhere, plots as drawings within it.

mod plot;

use std::fmt::Write as _;
use std::path::Path;

use self::plot::{Axis, Line, Plot};
use crate::results::{CellResults, Figure, Results, told};

/// Of brokers, in their order; they can be told apart without seeing red and green, and on paper.
const COLOURS: [&str; 6] = ["#0b6e99", "#d9730d", "#6940a5", "#0f7b6c", "#ad1a72", "#64473a"];

const STYLE: &str = "\
    :root{color-scheme:light dark;--ink:#1f2328;--faint:#656d76;--line:#d0d7de;--paper:#ffffff}\
    @media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#9198a1;--line:#3d444d;--paper:#0d1117}}\
    body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:0 auto;padding:1rem}\
    h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1rem}h3{font-size:1rem;margin:1.5rem 0 .3rem}\
    .wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
    th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
    th:first-child,td:first-child{text-align:left;padding-left:0}th{font-weight:600}\
    code{font-size:.85em;overflow-wrap:anywhere}.faint{color:var(--faint)}\
    .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}\
    svg{width:100%;height:auto;display:block}svg text{fill:var(--faint);font-size:11px}svg .title{fill:var(--ink);font-weight:600}\
    .key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em;vertical-align:baseline}";

pub fn write(results: &Results, path: &Path) -> Result<(), String> {
    std::fs::write(path, page(results)).map_err(|error| format!("{}: {error}", path.display()))
}

fn page(results: &Results) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>logan-bench</title><style>{STYLE}</style></head><body>\n<h1>logan-bench</h1>\n"
    );
    head(&mut out, results);
    let mut scenario = "";
    for cell in &results.cells {
        if cell.scenario != scenario {
            scenario = &cell.scenario;
            put(&mut out, &format!("<h2>{}</h2>\n", escape(scenario)));
            growth(&mut out, results, scenario);
        }
        section(&mut out, results, cell);
    }
    out.push_str("</body></html>\n");
    out
}

/// Writing to a string does not fail.
fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

fn head(out: &mut String, results: &Results) {
    let environment = &results.environment;
    let gigabytes = environment.memory_bytes as f64 / 1e9;
    let rows = [
        ("Machine", format!("{} cores of {}, {gigabytes:.1} GB", environment.cores, environment.processor)),
        ("Kernel", environment.kernel.clone()),
        ("Data on", environment.file_system.clone()),
        ("Measured by", format!("logan-bench {} {}", environment.version, environment.revision)),
        ("Began", format!("{} s after 1970", results.began)),
    ];
    put(out, "<div class=\"wide\"><table>\n");
    for (name, value) in rows {
        let _ =
            writeln!(out, "<tr><th>{name}</th><td style=\"text-align:left\">{}</td></tr>", escape(&value));
    }
    for (broker, described) in results.brokers.iter().enumerate() {
        let (name, about) = (escape(&described.name), escape(&described.about));
        let _ = writeln!(
            out,
            "<tr><th>{}{name}</th><td style=\"text-align:left\">{about}</td></tr>",
            key(broker)
        );
    }
    put(out, "</table></div>\n");
}

fn key(broker: usize) -> String {
    format!("<span class=\"key\" style=\"background:{}\"></span>", colour(broker))
}

fn colour(broker: usize) -> &'static str {
    COLOURS[broker % COLOURS.len()]
}

fn section(out: &mut String, results: &Results, cell: &CellResults) {
    let _ = writeln!(out, "<h3>{}</h3>", escape(&cell.name));
    let _ = writeln!(out, "<p class=\"faint\"><code>logan-bench {}</code></p>", escape(&cell.command));
    table(out, results, cell);
    for round in cell.rounds.iter().filter(|round| round.error.is_some()) {
        let (name, error) = (&results.brokers[round.broker].name, round.error.as_deref().unwrap_or_default());
        let _ = writeln!(out, "<p>Round {} of {}: {}</p>", round.number + 1, escape(name), escape(error));
    }
    let plots: String =
        [throughput(cell), waits(cell), percentiles(cell)].iter().filter_map(Plot::draw).collect();
    let _ = writeln!(out, "<div class=\"plots\">{plots}</div>");
}

/// Medians of each broker, and how the first stands to the others.
fn table(out: &mut String, results: &Results, cell: &CellResults) {
    put(out, "<div class=\"wide\"><table><tr><th></th>");
    for (broker, described) in results.brokers.iter().enumerate() {
        let _ = write!(out, "<th>{}{}</th>", key(broker), escape(&described.name));
    }
    for pair in &results.pairs {
        let _ = write!(out, "<th>{}</th>", escape(&results.pair_name(*pair)));
    }
    put(out, "</tr>\n");
    for figure in Figure::ALL {
        let medians: Vec<Option<f64>> =
            (0..results.brokers.len()).map(|broker| cell.median(broker, figure)).collect();
        if medians.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(out, "<tr><td>{}</td>", figure.name());
        for median in medians {
            let _ =
                write!(out, "<td>{}</td>", median.map_or("-".to_owned(), |median| format!("{median:.2}")));
        }
        for pair in &results.pairs {
            let ratio = cell.ratio(*pair, figure).map_or("-".to_owned(), |ratio| told(&ratio));
            let _ = write!(out, "<td>{}</td>", escape(&ratio));
        }
        put(out, "</tr>\n");
    }
    put(out, "</table></div>\n");
}

/// Of a sweep: each figure's medians over the values.
fn growth(out: &mut String, results: &Results, scenario: &str) {
    let cells: Vec<&CellResults> = results.cells.iter().filter(|cell| cell.scenario == scenario).collect();
    let curve = |broker: usize, figure: Figure| Line {
        colour: colour(broker),
        points: cells
            .iter()
            .filter_map(|cell| Some((cell.swept? as f64, cell.median(broker, figure)?)))
            .collect(),
    };
    let plots = Figure::ALL.map(|figure| Plot {
        title: figure.name(),
        x: Axis::Logarithmic(""),
        y: Axis::FromZero(""),
        lines: (0..results.brokers.len()).map(|broker| curve(broker, figure)).collect(),
    });
    let drawn: String = plots.iter().filter_map(Plot::draw).collect();
    if !drawn.is_empty() {
        let _ = writeln!(out, "<div class=\"plots\">{drawn}</div>");
    }
}

/// A line for each round of each broker.
fn lines(cell: &CellResults, points: impl Fn(&crate::figures::Measured) -> Vec<(f64, f64)>) -> Vec<Line> {
    let rounds = cell.rounds.iter().filter_map(|round| Some((round.broker, round.measured.as_ref()?)));
    rounds.map(|(broker, measured)| Line { colour: colour(broker), points: points(measured) }).collect()
}

fn throughput(cell: &CellResults) -> Plot {
    let series = lines(cell, |measured| {
        let side = measured.produced.as_ref().or(measured.fetched.as_ref());
        side.map_or(Vec::new(), |side| {
            side.series.iter().map(|second| (second.at_s, second.mb_per_s)).collect()
        })
    });
    Plot { title: "MB/s over time", x: Axis::Linear("s"), y: Axis::FromZero("MB/s"), lines: series }
}

fn waits(cell: &CellResults) -> Plot {
    let series = lines(cell, |measured| {
        let side = measured.produced.as_ref().or(measured.fetched.as_ref());
        side.map_or(Vec::new(), |side| {
            side.series.iter().map(|second| (second.at_s, second.p99_ms)).collect()
        })
    });
    Plot { title: "p99 of each second", x: Axis::Linear("s"), y: Axis::Logarithmic("ms"), lines: series }
}

fn percentiles(cell: &CellResults) -> Plot {
    let series = lines(cell, |measured| {
        let side = measured.produced.as_ref().or(measured.fetched.as_ref());
        let latency = measured.end_to_end.as_ref().or_else(|| side?.latency.as_ref());
        latency.map_or(Vec::new(), |latency| {
            latency.curve.iter().filter(|(percentile, _)| *percentile < 100.0).copied().collect()
        })
    });
    Plot { title: "latency by percentile", x: Axis::Percentile, y: Axis::Logarithmic("ms"), lines: series }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
        for elsewhere in ["<script", "src=", "http", "@import", "url("] {
            assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(elsewhere), "{elsewhere}");
        }
    }
}
