//! All cells' ratios in one drawing a figure: where the first broker stands to each other, and how far that is certain.

use std::fmt::Write as _;

use super::brokers::{mark, name};
use super::scale::{Axis, Scale};
use super::text::{Verdict, escape, shortened, tick, told};
use crate::results::{CellResults, Figure, Results};
use crate::stats::Ratio;

const WIDTH: f64 = 360.0;
const LEFT: f64 = 142.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 52.0;
/// Of a mark, of what is around a cell's marks, and of a scenario's name.
const MARK: f64 = 8.0;
const AROUND: f64 = 8.0;
const HEADING: f64 = 18.0;
/// Characters that have room before the drawing.
const NAME: usize = 20;

/// A cell with the ratio to each other broker.
struct Row<'a> {
    cell: usize,
    told: &'a CellResults,
    ratios: Vec<(usize, Ratio)>,
}

/// Nothing, if no cell has a ratio.
pub fn draw(results: &Results, figure: Figure) -> Option<String> {
    let rows = rows(results, figure);
    if rows.is_empty() {
        return None;
    }
    let others = results.brokers.len() - 1;
    let of_row = others as f64 * MARK + AROUND;
    let headings = rows.iter().zip(rows.iter().skip(1)).filter(|(a, b)| a.told.scenario != b.told.scenario);
    let height = TOP + (headings.count() + 1) as f64 * HEADING + rows.len() as f64 * of_row + 6.0;
    let title = escape(figure.name());
    let mut out = format!(
        "<svg class=\"forest\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}, ratios\">\
         <text class=\"title\" x=\"2\" y=\"15\">{title}</text>"
    );
    let scale = scale(&rows);
    let at_x = |ratio: f64| {
        let part = scale.part(ratio).clamp(0.0, 1.0);
        let part = if figure.is_higher_better() { part } else { 1.0 - part };
        LEFT + part * (WIDTH - LEFT - RIGHT)
    };
    axis(&mut out, results, &scale, &at_x, height);
    let mut y = TOP;
    let mut scenario = "";
    for row in &rows {
        if row.told.scenario != scenario {
            scenario = &row.told.scenario;
            y += HEADING;
            let _ =
                write!(out, "<text x=\"2\" y=\"{:.1}\">{}</text>", y - 4.0, escape(&shortened(scenario, 44)));
        }
        row.draw(&mut out, results, y, of_row, &at_x);
        y += of_row;
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn rows(results: &Results, figure: Figure) -> Vec<Row<'_>> {
    let ratios = |told: &CellResults| -> Vec<(usize, Ratio)> {
        (1..results.brokers.len()).filter_map(|other| Some((other, told.ratio(other, figure)?))).collect()
    };
    let rows = results.cells.iter().enumerate().map(|(cell, told)| Row { cell, told, ratios: ratios(told) });
    rows.filter(|row| !row.ratios.is_empty()).collect()
}

/// As wide as the ratios are apart. An interval that is wider ends at the drawing's edge.
fn scale(rows: &[Row]) -> Scale {
    let means = rows.iter().flat_map(|row| &row.ratios).map(|(_, ratio)| ratio.mean);
    Scale::over(Axis::Logarithmic, means.flat_map(|mean| [mean / 1.2, mean * 1.2]).chain([0.5, 2.0]))
}

/// Better is on the right: the axis of a figure that is better when it is lower runs backwards.
fn axis(out: &mut String, results: &Results, scale: &Scale, at_x: &impl Fn(f64) -> f64, height: f64) {
    let mut grid = String::new();
    for ratio in scale.few_ticks(5) {
        let x = at_x(ratio);
        let _ = write!(grid, "M{x:.1} {TOP}V{height}");
        let _ = write!(
            out,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}×</text>",
            TOP - 4.0,
            tick(ratio)
        );
    }
    let one = at_x(1.0);
    let first = escape(&shortened(name(results, 0), 14));
    let _ = write!(
        out,
        "<path class=\"grid\" d=\"{grid}\"/><path class=\"even\" d=\"M{one:.1} {TOP}V{height}\"/>\
         <text x=\"{:.1}\" y=\"32\" text-anchor=\"end\">{first} better →</text>\
         <text x=\"2\" y=\"32\">← other better</text>",
        WIDTH - 2.0
    );
}

impl Row<'_> {
    fn draw(&self, out: &mut String, results: &Results, y: f64, height: f64, at_x: &impl Fn(f64) -> f64) {
        let Self { cell, told: CellResults { name: whole, .. }, ratios } = self;
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M10 {y:.1}H{WIDTH}\"/><a href=\"#c{cell}\"><text class=\"name\" x=\"10\" y=\"{:.1}\">{}<title>{}</title></text></a>",
            y + height / 2.0 + 4.0,
            escape(&shortened(whole, NAME)),
            escape(whole)
        );
        for (other, ratio) in ratios {
            let at = y + AROUND / 2.0 + (*other as f64 - 0.5) * MARK;
            let _ = write!(
                out,
                "<g class=\"b{other}\"><title>{} of {}</title>",
                told(ratio),
                escape(name(results, *other))
            );
            let is_alone = ratio.rounds == 1;
            if !is_alone {
                let _ = write!(
                    out,
                    "<path class=\"reach\" d=\"M{:.1} {at:.1}H{:.1}\"/>",
                    at_x(ratio.low),
                    at_x(ratio.high)
                );
            }
            let _ = write!(out, "{}</g>", mark(*other, at_x(ratio.mean), at, is_alone));
        }
    }
}

/// In how many cells the first broker is ahead of another, behind, and neither.
pub fn count(results: &Results, other: usize, figure: Figure) -> [(Verdict, usize); 4] {
    let verdicts: Vec<Verdict> = results
        .cells
        .iter()
        .filter_map(|cell| Some(Verdict::of(&cell.ratio(other, figure)?, figure.is_higher_better())))
        .collect();
    [Verdict::Better, Verdict::Worse, Verdict::Even, Verdict::Unknown]
        .map(|verdict| (verdict, verdicts.iter().filter(|found| **found == verdict).count()))
}

/// In how many cells at least one of the two has a figure, and they have none of the same round: one cannot do them, or runs failed.
pub fn alone(results: &Results, other: usize, figure: Figure) -> usize {
    let has = |cell: &CellResults, broker| cell.median(broker, figure).is_some();
    let is_alone =
        |cell: &&CellResults| (has(cell, 0) || has(cell, other)) && cell.ratio(other, figure).is_none();
    results.cells.iter().filter(is_alone).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::two_brokers;

    /// Where the first mark of a drawing stands: its place across.
    fn first_mark(drawing: &str) -> f64 {
        let (_, rest) = drawing.split_once("class=\"dot\" d=\"M").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    fn even(drawing: &str) -> f64 {
        let (_, rest) = drawing.split_once("class=\"even\" d=\"M").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn better_is_on_the_right_whatever_the_figure() {
        let results = two_brokers();
        let throughput = draw(&results, Figure::Throughput).unwrap();
        assert!(first_mark(&throughput) > even(&throughput) + 20.0, "twice as fast");
        let mut other_way = results.clone();
        for round in &mut other_way.cells[0].rounds {
            round.broker = 1 - round.broker;
        }
        let slower = draw(&other_way, Figure::Throughput).unwrap();
        assert!(first_mark(&slower) < even(&slower) - 20.0);
        let mut cheaper = results;
        for round in cheaper.cells[0].rounds.iter_mut().filter(|round| round.broker == 0) {
            if let Some(spent) = round.measured.as_mut().and_then(|measured| measured.broker.as_mut()) {
                (spent.user_s, spent.system_s) = (0.05, 0.05);
            }
        }
        let cpu = draw(&cheaper, Figure::BrokerCpu).unwrap();
        assert!(first_mark(&cpu) > even(&cpu) + 20.0, "a fifth of the processor time");
    }

    #[test]
    fn what_nobody_has_is_not_drawn() {
        let mut results = two_brokers();
        assert_eq!(draw(&results, Figure::EndToEndP99), None);
        results.brokers.truncate(1);
        assert_eq!(draw(&results, Figure::Throughput), None);
    }

    #[test]
    fn cells_are_counted_by_what_they_say() {
        let mut results = two_brokers();
        results.cells.push(results.cells[0].clone());
        let of = |figure| count(&results, 1, figure).map(|(_, cells)| cells);
        assert_eq!(of(Figure::Throughput), [2, 0, 0, 0]);
        assert_eq!(of(Figure::P99), [0, 0, 2, 0]);
        assert_eq!(alone(&results, 1, Figure::Throughput), 0);
        for round in results.cells[1].rounds.iter_mut().filter(|round| round.broker == 1) {
            (round.measured, round.error) = (None, Some("it cannot".to_owned()));
        }
        assert_eq!(count(&results, 1, Figure::Throughput).map(|(_, cells)| cells), [1, 0, 0, 0]);
        assert_eq!(alone(&results, 1, Figure::Throughput), 1);
        assert_eq!(alone(&results, 1, Figure::EndToEndP99), 0, "neither has it");
    }
}
