//! A cell: its figures side by side, its plots, and behind them every round.

use std::fmt::Write as _;

use super::brokers::{key, legend, name};
use super::curves::{self, DIRECTIONS};
use super::plot::Plot;
use super::rounds;
use super::summary::failed;
use super::text::{NOTHING, Verdict, breakable, escape, number, told};
use crate::results::{CellResults, Figure, Results};

/// A page of more cells than these shows of each a line, which opens; and so does a sweep, whose cells stand together in its own plots.
const OPEN: usize = 6;

pub fn write(out: &mut String, results: &Results, at: usize) {
    let cell = &results.cells[at];
    let open = if results.cells.len() <= OPEN && cell.swept.is_none() { " open" } else { "" };
    // A link to what is inside opens it.
    let _ = writeln!(
        out,
        "<details class=\"cell\"{open}><summary><h3>{}</h3>{}<span class=\"brief\">{}</span></summary><div class=\"body\" id=\"c{at}\">",
        escape(&cell.name),
        failed(results, cell),
        brief(results, cell)
    );
    let _ = writeln!(out, "<p><code>logan-bench {}</code></p>", escape(&cell.command));
    errors(out, results, cell);
    table(out, results, cell);
    let drawn: String = curves::of_cell(cell).iter().filter_map(Plot::draw).collect();
    if !drawn.is_empty() {
        out.push_str(&legend(results, 0));
        let _ = writeln!(out, "<div class=\"plots\">{drawn}</div>");
        if cell.rounds.iter().any(|round| round.number > 0) {
            out.push_str("<p class=\"faint\">Lines are the middle one of the rounds; the shade reaches from the least to the most.</p>\n");
        }
    }
    rounds::write(out, results, cell);
    out.push_str("</div></details>\n");
}

/// The first broker's figures in a line.
fn brief(results: &Results, cell: &CellResults) -> String {
    let of = |figure: Figure| {
        let median = cell.median(0, figure)?;
        let against = (1..results.brokers.len()).filter_map(|other| {
            let ratio = cell.ratio(other, figure)?;
            let verdict = Verdict::of(&ratio, figure.is_higher_better());
            let (class, sign) = (verdict.class(), verdict.sign());
            let than = escape(name(results, other));
            Some(format!("<span class=\"{class}\" title=\"{} of {than}\">{sign}</span>", told(&ratio)))
        });
        let signs: String = against.collect();
        Some(format!("<span>{} <b>{}</b> {signs}</span> ", figure.name(), number(median)))
    };
    Figure::ALL.into_iter().filter_map(of).collect()
}

fn errors(out: &mut String, results: &Results, cell: &CellResults) {
    for round in &cell.rounds {
        let Some(error) = &round.error else { continue };
        let what = if round.measured.is_some() { "was cut short" } else { "has no figures" };
        let _ = writeln!(
            out,
            "<div class=\"error\"><p>Round {} of {} {what}:</p><pre>{}</pre></div>",
            round.number + 1,
            escape(name(results, round.broker)),
            escape(error.trim())
        );
    }
}

/// Medians of each broker, and how the first stands to the others.
fn table(out: &mut String, results: &Results, cell: &CellResults) {
    if cell.rounds.iter().all(|round| round.measured.is_none()) {
        return;
    }
    out.push_str("<div class=\"wide\"><table><tr class=\"names\"><th></th>");
    for (broker, described) in results.brokers.iter().enumerate() {
        let _ = write!(out, "<th>{}{}</th>", key(broker), breakable(&described.name));
    }
    for described in results.brokers.iter().skip(1) {
        let _ = write!(
            out,
            "<th class=\"ratio\">{} ÷ {}</th>",
            breakable(name(results, 0)),
            breakable(&described.name)
        );
    }
    out.push_str("</tr>\n");
    for figure in Figure::ALL {
        let medians: Vec<Option<f64>> =
            (0..results.brokers.len()).map(|broker| cell.median(broker, figure)).collect();
        if medians.iter().all(Option::is_none) {
            continue;
        }
        let way = if figure.is_higher_better() { "higher is better" } else { "lower is better" };
        let _ =
            write!(out, "<tr><th scope=\"row\">{} <small class=\"faint\">{way}</small></th>", figure.name());
        for median in medians {
            let _ = write!(out, "<td>{}</td>", median.map_or(NOTHING.to_owned(), number));
        }
        for other in 1..results.brokers.len() {
            match cell.ratio(other, figure) {
                None => out.push_str("<td>–</td>"),
                Some(ratio) => {
                    let verdict = Verdict::of(&ratio, figure.is_higher_better());
                    let (class, sign) = (verdict.class(), verdict.sign());
                    let _ = write!(out, "<td class=\"{class}\">{sign} {}</td>", told(&ratio));
                }
            }
        }
        out.push_str("</tr>\n");
        if figure == Figure::Throughput {
            directions(out, results, cell);
        }
    }
    out.push_str("</table></div>\n");
}

/// Where there were producers and consumers: how the throughput is made up.
fn directions(out: &mut String, results: &Results, cell: &CellResults) {
    let medians = DIRECTIONS.map(|(name, side)| {
        let of = |broker: usize| {
            let rounds = cell.rounds.iter().filter(|round| round.broker == broker && round.error.is_none());
            let rates = rounds.filter_map(|round| Some(side(round.measured.as_ref()?)?.mb_per_s));
            Some(curves::middle_of(&mut rates.collect::<Vec<f64>>())?.0)
        };
        (name, (0..results.brokers.len()).map(of).collect::<Vec<Option<f64>>>())
    });
    if medians.iter().any(|(_, medians)| medians.iter().all(Option::is_none)) {
        return;
    }
    for (name, medians) in medians {
        let _ = write!(out, "<tr class=\"part\"><th scope=\"row\">of it {name}</th>");
        for median in medians {
            let _ = write!(out, "<td>{}</td>", median.map_or(NOTHING.to_owned(), number));
        }
        // Ratios are those of both together.
        if results.brokers.len() > 1 {
            let _ = write!(out, "<td colspan=\"{}\"></td>", results.brokers.len() - 1);
        }
        out.push_str("</tr>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::two_brokers;

    fn written(results: &Results) -> String {
        let mut out = String::new();
        write(&mut out, results, 0);
        out
    }

    #[test]
    fn both_directions_are_told_where_there_are_both() {
        let mut results = two_brokers();
        assert!(!written(&results).contains("of it produced"));
        for measured in results.cells[0].rounds.iter_mut().filter_map(|round| round.measured.as_mut()) {
            measured.fetched = measured.produced.clone();
        }
        let cell = written(&results);
        assert!(cell.contains("<td>400</td>"), "both together");
        for part in ["of it produced</th><td>200</td>", "of it fetched</th><td>200</td>"] {
            assert!(cell.contains(part), "{part}");
        }
    }

    #[test]
    fn an_error_is_told_line_by_line() {
        let mut results = two_brokers();
        results.cells[0].rounds[6].error = Some("one\n<two>\n".to_owned());
        assert!(
            written(&results).contains("Round 4 of logan has no figures:</p><pre>one\n&lt;two&gt;</pre>")
        );
    }

    #[test]
    fn a_page_of_many_cells_shows_a_line_of_each() {
        let mut results = two_brokers();
        assert!(written(&results).contains("class=\"cell\" open>"));
        results.cells[0].swept = Some(1);
        assert!(written(&results).contains("class=\"cell\">"), "a sweep's");
        results.cells[0].swept = None;
        results.cells = vec![results.cells[0].clone(); OPEN + 1];
        assert!(written(&results).contains("class=\"cell\">"));
    }
}
