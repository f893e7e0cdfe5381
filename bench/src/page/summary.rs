//! The whole comparison at a glance: how the first broker stands to the others, and a row for each cell.

use std::fmt::Write as _;

use super::brokers::{key, legend, name};
use super::forest;
use super::text::{NOTHING, Verdict, breakable, escape, number, told};
use crate::figures::KEPT_PERCENT;
use crate::results::{CellResults, Figure, Results};

pub fn write(out: &mut String, results: &Results) {
    let figures: Vec<Figure> =
        Figure::ALL.into_iter().filter(|figure| cells_with(results, *figure) > 0).collect();
    out.push_str("<h2 id=\"ratios\">At a glance</h2>\n");
    if figures.is_empty() {
        out.push_str("<p id=\"figures\">No run has figures.</p>\n");
        return;
    }
    ratios(out, results, &figures);
    // What most cells have stands in one table. What few have would be a column of dashes there.
    let (common, rare): (Vec<Figure>, Vec<Figure>) =
        figures.into_iter().partition(|figure| 2 * cells_with(results, *figure) >= results.cells.len());
    out.push_str("<div id=\"figures\"></div>\n");
    if !common.is_empty() {
        // A cell of which every run failed stands there, too, with nothing but dashes.
        let has_none = |cell: &CellResults| !Figure::ALL.into_iter().any(|figure| has(cell, results, figure));
        let shown = |cell: &CellResults| has_any(cell, results, &common) || has_none(cell);
        table(out, results, &common, shown);
    }
    for figure in rare {
        table(out, results, &[figure], |cell| has(cell, results, figure));
    }
}

fn cells_with(results: &Results, figure: Figure) -> usize {
    results.cells.iter().filter(|cell| has(cell, results, figure)).count()
}

fn has(cell: &CellResults, results: &Results, figure: Figure) -> bool {
    (0..results.brokers.len()).any(|broker| cell.median(broker, figure).is_some())
}

fn has_any(cell: &CellResults, results: &Results, figures: &[Figure]) -> bool {
    figures.iter().any(|figure| has(cell, results, *figure))
}

/// Drawings of all ratios, and how often which way they point.
fn ratios(out: &mut String, results: &Results, figures: &[Figure]) {
    if results.brokers.len() < 2 {
        return;
    }
    let first = escape(name(results, 0));
    let mut rows = String::new();
    for other in 1..results.brokers.len() {
        let _ = write!(rows, "<tr><th scope=\"row\">{}{}</th>", key(other), breakable(name(results, other)));
        for figure in figures {
            let counted = forest::count(results, other, *figure).map(|(verdict, cells)| {
                let class = if cells == 0 { "none" } else { verdict.class() };
                format!("<span class=\"{class}\">{}&nbsp;{cells}</span>", verdict.sign())
            });
            // What is not known is told where it is.
            let shown = if counted[3].contains("none") { 3 } else { 4 };
            let alone = match forest::alone(results, other, *figure) {
                0 => String::new(),
                cells => format!(" <span class=\"open\">{NOTHING}&nbsp;{cells}</span>"),
            };
            let _ = write!(rows, "<td class=\"tally\">{}{alone}</td>", counted[..shown].join(" "));
        }
        rows.push_str("</tr>\n");
    }
    let alone = if rows.contains("?&nbsp;") {
        ", ? one round only, or rounds that differ too much to tell"
    } else {
        ""
    };
    let one_sided = if rows.contains(&format!("{NOTHING}&nbsp;")) {
        format!(", {NOTHING} not measured of both in one round")
    } else {
        String::new()
    };
    let heads = figures.iter().map(|figure| figure.name()).collect::<Vec<_>>().join("</th><th>");
    let _ = writeln!(
        out,
        "<p class=\"faint\">Cells in which {first} is ▲ better, ▼ worse, ≈ inside the noise or less than 1 % apart{alone}{one_sided}</p>\n<div class=\"wide\"><table>\
         <tr><th>against</th><th>{heads}</th></tr>\n{rows}</table></div>"
    );
    let drawn: Vec<String> = figures.iter().filter_map(|figure| forest::draw(results, *figure)).collect();
    if drawn.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<p>Each mark is {first} divided by another broker in one cell; the bar is the 95 % interval of the rounds. A bar that \
         crosses 1× says that the rounds do not tell the two apart; a hollow mark is a single round, which tells nothing of its spread.</p>"
    );
    out.push_str(&legend(results, 1));
    let _ = writeln!(out, "<div class=\"plots\">{}</div>", drawn.concat());
}

/// A row for each cell that is shown: each broker's median, and under it how the first stands to it.
fn table(out: &mut String, results: &Results, figures: &[Figure], shown: impl Fn(&CellResults) -> bool) {
    let brokers = results.brokers.len();
    out.push_str("<p class=\"faint\">Medians of the rounds");
    if brokers > 1 {
        let first = escape(name(results, 0));
        let _ = write!(
            out,
            "; below each, {first}’s divided by it: ▲ {first} is better, ▼ worse, ≈ inside the noise or less than 1 % apart, ? one round, or rounds that differ too much to tell"
        );
    }
    out.push_str("</p>\n<div class=\"wide\"><table class=\"summary\"><tr><th></th>");
    for figure in figures {
        let way = if figure.is_higher_better() { "higher is better" } else { "lower is better" };
        let _ = write!(
            out,
            "<th class=\"first\" colspan=\"{brokers}\">{} <small>{way}</small></th>",
            figure.name()
        );
    }
    out.push_str("</tr>\n<tr class=\"names\"><th></th>");
    for _ in figures {
        for (broker, described) in results.brokers.iter().enumerate() {
            let _ =
                write!(out, "<th{}>{}{}</th>", first_class(broker), key(broker), breakable(&described.name));
        }
    }
    out.push_str("</tr>\n");
    let mut scenario = "";
    for (at, cell) in results.cells.iter().enumerate() {
        if !shown(cell) {
            continue;
        }
        if cell.scenario != scenario {
            scenario = &cell.scenario;
            let _ = writeln!(
                out,
                "<tr class=\"group\"><th>{}</th><td colspan=\"{}\"></td></tr>",
                escape(scenario),
                brokers * figures.len()
            );
        }
        row(out, results, (at, cell), figures);
    }
    out.push_str("</table></div>\n");
}

fn row(out: &mut String, results: &Results, (at, cell): (usize, &CellResults), figures: &[Figure]) {
    let _ = write!(
        out,
        "<tr><th scope=\"row\"><a href=\"#c{at}\">{}</a>{}</th>",
        escape(&cell.name),
        failed(results, cell)
    );
    for figure in figures {
        for broker in 0..results.brokers.len() {
            let median = cell.median(broker, *figure).map_or(NOTHING.to_owned(), number);
            let kept = cell.median(broker, Figure::Kept).filter(|percent| *percent < KEPT_PERCENT);
            // Latency at a rate that was not kept says how long it was measured.
            let warning = kept
                .filter(|_| matches!(figure, Figure::P99 | Figure::EndToEndP99))
                .map_or(String::new(), |percent| {
                    format!("<small class=\"worse\">{}&nbsp;% of the rate</small>", number(percent))
                });
            let ratio = (broker > 0).then(|| cell.ratio(broker, *figure)).flatten();
            let below = ratio.map_or(String::new(), |ratio| {
                let verdict = Verdict::of(&ratio, figure.is_higher_better());
                let (class, sign) = (verdict.class(), verdict.sign());
                format!(
                    "<small class=\"{class}\" title=\"{}\">{sign}&nbsp;{}×</small>",
                    told(&ratio),
                    number(ratio.mean)
                )
            });
            let _ = write!(out, "<td{}>{median}{warning}{below}</td>", first_class(broker));
        }
    }
    out.push_str("</tr>\n");
}

fn first_class(broker: usize) -> &'static str {
    if broker == 0 { " class=\"first\"" } else { "" }
}

/// How many runs of a cell have no figures, or not all, and of whom.
pub fn failed(results: &Results, cell: &CellResults) -> String {
    let mut told = String::new();
    for broker in 0..results.brokers.len() {
        let rounds = cell.rounds.iter().filter(|round| round.broker == broker);
        let (failed, all) = rounds
            .fold((0, 0), |(failed, all), round| (failed + usize::from(round.error.is_some()), all + 1));
        if failed > 0 {
            let name = breakable(name(results, broker));
            let _ =
                write!(told, " <small class=\"worse\">{name}: {failed}&nbsp;of&nbsp;{all} failed</small>");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Measured;
    use crate::results::Round;
    use crate::results::tests::two_brokers;

    fn written(results: &Results) -> String {
        let mut out = String::new();
        write(&mut out, results);
        out
    }

    /// The fixture's cell again under another name, with its runs altered.
    fn another(results: &Results, name: &str, alter: impl Fn(&mut Round)) -> CellResults {
        let mut cell = CellResults { name: name.to_owned(), ..results.cells[0].clone() };
        cell.rounds.iter_mut().for_each(alter);
        cell
    }

    #[test]
    fn a_row_has_medians_and_what_they_say() {
        let summary = written(&two_brokers());
        let (_, row) = summary.rsplit_once("<a href=\"#c0\">1 KiB</a>").unwrap();
        let row = row.split("</tr>").next().unwrap();
        for text in [
            "logan: 1&nbsp;of&nbsp;4 failed",
            ">200</td>",
            ">99.5<small class=\"better\"",
            "▲&nbsp;2.01×</small>",
        ] {
            assert!(row.contains(text), "{text} is not in {row}");
        }
        assert!(row.contains("<small class=\"open\" title=\"0.97"), "p99 is inside the noise: {row}");
    }

    #[test]
    fn a_cell_of_which_every_run_failed_has_a_row() {
        let mut results = two_brokers();
        let failed = another(&results, "dead", |round| round.measured = None);
        results.cells.push(failed);
        let summary = written(&results);
        let (_, row) = summary.rsplit_once("<a href=\"#c1\">dead</a>").expect("a row");
        assert_eq!(
            row.split("</tr>").next().unwrap().matches(&format!(">{NOTHING}</td>")).count(),
            6,
            "{row}"
        );
    }

    #[test]
    fn what_few_cells_have_stands_in_a_table_of_its_own() {
        let mut results = two_brokers();
        let end_to_end = |round: &mut Round| {
            let Some(Measured { produced: Some(side), end_to_end, .. }) = &mut round.measured else { return };
            *end_to_end = side.latency.clone();
        };
        for alter in [&|_: &mut Round| {}, &end_to_end, &|_: &mut Round| {}] as [&dyn Fn(&mut Round); 3] {
            let cell = another(&results, "more", alter);
            results.cells.push(cell);
        }
        let summary = written(&results);
        let tables: Vec<&str> = summary.split("<table class=\"summary\">").skip(1).collect();
        assert_eq!(tables.len(), 2);
        assert!(!tables[0].contains("end to end p99") && tables[1].contains("end to end p99"));
        assert_eq!([tables[0], tables[1]].map(|table| table.matches("scope=\"row\"").count()), [4, 1]);
    }
}
