//! What a cell's plots show: each broker's rounds, put together place by place.

use std::collections::BTreeMap;

use super::plot::{Line, Plot, Spread};
use super::scale::Axis;
use crate::figures::{Latency, Measured, Second, Side};
use crate::results::{CellResults, Figure, Results};

/// A line of more points is drawn by groups of them: nobody sees more.
const POINTS: usize = 150;

/// A direction, and how the page calls it.
pub type Direction = (&'static str, fn(&Measured) -> Option<&Side>);

pub const DIRECTIONS: [Direction; 2] =
    [("produced", |measured| measured.produced.as_ref()), ("fetched", |measured| measured.fetched.as_ref())];

/// A latency, and how the page calls it.
type Wait = (&'static str, fn(&Measured) -> Option<&Latency>);

const WAITS: [Wait; 3] = [
    ("Produce latency, ms", |measured| measured.produced.as_ref()?.latency.as_ref()),
    ("Fetch latency, ms", |measured| measured.fetched.as_ref()?.latency.as_ref()),
    ("End-to-end latency, ms", |measured| measured.end_to_end.as_ref()),
];

/// Throughput over time of each direction, waits over time, percentiles. What was not measured is not drawn.
pub fn of_cell(cell: &CellResults) -> Vec<Plot> {
    let mut plots = Vec::new();
    for (name, side) in DIRECTIONS {
        let series = lines(cell, |measured| Some(flow(measured, side(measured)?)));
        plots.push(over_time(format!("MB/s {name}"), Axis::FromZero, series));
    }
    for (name, curve) in WAITS {
        plots.push(percentiles(name, lines(cell, |measured| Some(below_all(curve(measured)?)))));
    }
    let (name, side) = if has_produced(cell) { DIRECTIONS[0] } else { DIRECTIONS[1] };
    let series = lines(cell, |measured| {
        let seconds = whole(measured, side(measured)?);
        Some(seconds.map(|second| (second.at_s, second.p99_ms)).collect())
    });
    plots.push(over_time(format!("p99 of each second, ms ({name})"), Axis::Logarithmic, series));
    plots
}

/// How each figure grows with the value that a sweep goes over.
pub fn of_sweep(results: &Results, scenario: &str) -> Vec<Plot> {
    let cells: Vec<&CellResults> = results.cells.iter().filter(|cell| cell.scenario == scenario).collect();
    let option = scenario.strip_prefix("sweep over ").unwrap_or("value");
    let line = |broker: usize, figure: Figure| {
        let spread = |cell: &&CellResults| {
            let mut values = cell.figures(broker, figure);
            let (middle, low, high) = middle_of(&mut values)?;
            Some(Spread { x: cell.swept? as f64, middle, low, high })
        };
        Line { broker, points: cells.iter().filter_map(spread).collect() }
    };
    let plot = |figure: Figure| {
        let lines: Vec<Line> = (0..results.brokers.len()).map(|broker| line(broker, figure)).collect();
        let values = lines.iter().flat_map(|line| &line.points).map(|point| point.middle);
        let y = Axis::fitting(values);
        let log = if y == Axis::Logarithmic { ", log scale" } else { "" };
        let title = format!("{}{log}", figure.name());
        Plot { title, x: Axis::Logarithmic, along: option.to_owned(), y, is_marked: true, lines }
    };
    Figure::ALL.map(plot).into()
}

fn has_produced(cell: &CellResults) -> bool {
    cell.rounds
        .iter()
        .any(|round| round.measured.as_ref().is_some_and(|measured| measured.produced.is_some()))
}

fn over_time(title: String, y: Axis, mut lines: Vec<Line>) -> Plot {
    let longest = lines.iter().map(|line| line.points.len()).max().unwrap_or(0);
    let group = longest.div_ceil(POINTS).max(1);
    for line in &mut lines {
        line.points = grouped(&line.points, group, y == Axis::FromZero);
    }
    let along = if group == 1 { "seconds".to_owned() } else { format!("seconds, {group} points in one") };
    Plot { title, x: Axis::Seconds, along, y, is_marked: false, lines }
}

fn percentiles(title: &str, lines: Vec<Line>) -> Plot {
    let along = "% that are not slower, each nine as wide".to_owned();
    Plot {
        title: title.to_owned(),
        x: Axis::Percentile,
        along,
        y: Axis::Logarithmic,
        is_marked: false,
        lines,
    }
}

/// Without the longest of all, which the axis has no place for.
fn below_all(latency: &Latency) -> Vec<(f64, f64)> {
    latency.curve.iter().filter(|(percentile, _)| *percentile < 100.0).copied().collect()
}

/// How far one point of a series is from the next.
fn step_s(measured: &Measured) -> f64 {
    // As the series are made: at most 3,600 points.
    (measured.seconds / 3_600.0).ceil().max(1.0)
}

/// Points that are no sliver: in the few milliseconds in which the window is closed, a rate says nothing.
fn whole<'a>(measured: &'a Measured, side: &'a Side) -> impl Iterator<Item = &'a Second> {
    let least = step_s(measured) / 2.0;
    side.series.iter().filter(move |second| second.at_s == 0.0 || measured.seconds - second.at_s >= least)
}

/// MB/s over time. A second in which nothing was answered is missing in the series, and is nothing here.
fn flow(measured: &Measured, side: &Side) -> Vec<(f64, f64)> {
    let step = step_s(measured);
    let place = |at_s: f64| (at_s / step).round() as u32;
    let mut points: BTreeMap<u32, f64> = BTreeMap::new();
    let last = ((measured.seconds / step - 0.5).ceil() as u32).max(1);
    points.extend((0..last).map(|at| (at, 0.0)));
    points.extend(whole(measured, side).map(|second| (place(second.at_s), second.mb_per_s)));
    points.into_iter().map(|(at, value)| (f64::from(at) * step, value)).collect()
}

/// A line for each broker that has any.
fn lines(cell: &CellResults, points: impl Fn(&Measured) -> Option<Vec<(f64, f64)>>) -> Vec<Line> {
    // By broker, then by place in thousandths: all that places need to be told apart.
    let mut found: BTreeMap<usize, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
    for round in cell.rounds.iter().filter(|round| round.error.is_none()) {
        for (x, y) in round.measured.as_ref().and_then(&points).unwrap_or_default() {
            let key = (x * 1e3).round() as i64;
            found.entry(round.broker).or_default().entry(key).or_default().push(y);
        }
    }
    let spread = |(x, mut values): (i64, Vec<f64>)| {
        let (middle, low, high) = middle_of(&mut values)?;
        Some(Spread { x: x as f64 / 1e3, middle, low, high })
    };
    let line = |(broker, points): (usize, BTreeMap<i64, Vec<f64>>)| Line {
        broker,
        points: points.into_iter().filter_map(spread).collect(),
    };
    found.into_iter().map(line).collect()
}

/// The middle one, the least and the most.
pub fn middle_of(values: &mut [f64]) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (*values.first()?, *values.last()?);
    Some((f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]), low, high))
}

/// So many points in one: their mean, or of waits the longest. Nothing that a round had lies outside of the band.
fn grouped(points: &[Spread], by: usize, is_mean: bool) -> Vec<Spread> {
    let group = |group: &[Spread]| {
        let middles = group.iter().map(|point| point.middle);
        let middle = if is_mean {
            middles.sum::<f64>() / group.len() as f64
        } else {
            middles.fold(f64::MIN, f64::max)
        };
        let low = group.iter().map(|point| point.low).fold(f64::MAX, f64::min);
        let high = group.iter().map(|point| point.high).fold(f64::MIN, f64::max);
        Spread { x: group[0].x, middle, low, high }
    };
    points.chunks(by).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::two_brokers;

    fn spread(x: f64, middle: f64, low: f64, high: f64) -> Spread {
        Spread { x, middle, low, high }
    }

    /// A run of a broker that answers nothing in its third second, and closes its window 3 ms late.
    fn stalled() -> CellResults {
        let mut cell = two_brokers().cells.remove(0);
        cell.rounds.truncate(1);
        let measured = cell.rounds[0].measured.as_mut().unwrap();
        measured.seconds = 4.003;
        let side = measured.produced.as_mut().unwrap();
        let second = side.series[0].clone();
        side.series = [(0.0, 10.0), (1.0, 12.0), (3.0, 11.0), (4.0, 900.0)]
            .map(|(at_s, mb_per_s)| Second { at_s, mb_per_s, ..second })
            .to_vec();
        cell
    }

    #[test]
    fn a_second_without_an_answer_is_nothing_and_a_sliver_is_left_away() {
        let plots = of_cell(&stalled());
        let middles: Vec<(f64, f64)> =
            plots[0].lines[0].points.iter().map(|point| (point.x, point.middle)).collect();
        assert_eq!(middles, [(0.0, 10.0), (1.0, 12.0), (2.0, 0.0), (3.0, 11.0)]);
    }

    #[test]
    fn rounds_become_a_middle_and_a_spread() {
        let cell = two_brokers().cells.remove(0);
        let lines = &of_cell(&cell)[0].lines;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].points[0], spread(0.0, 200.0, 190.0, 210.0));
        assert_eq!(lines[1].points[0], spread(0.0, 99.5, 1.0, 100.0), "the mean of the middle two");
    }

    #[test]
    fn both_directions_are_drawn() {
        let mut cell = stalled();
        let measured = cell.rounds[0].measured.as_mut().unwrap();
        measured.fetched = measured.produced.clone();
        let drawn: Vec<String> =
            of_cell(&cell).into_iter().filter(|plot| plot.draw().is_some()).map(|plot| plot.title).collect();
        for title in ["MB/s produced", "MB/s fetched", "Produce latency, ms", "Fetch latency, ms"] {
            assert!(drawn.iter().any(|drawn| drawn == title), "{title} is not in {drawn:?}");
        }
    }

    #[test]
    fn many_points_are_drawn_as_fewer_that_hide_no_wait() {
        let points: Vec<Spread> = (0..1_000)
            .map(|at| spread(f64::from(at), if at == 500 { 90.0 } else { 1.0 }, 0.5, 99.0))
            .collect();
        let plot =
            over_time("p99".into(), Axis::Logarithmic, vec![Line { broker: 0, points: points.clone() }]);
        let drawn = &plot.lines[0].points;
        assert!(drawn.len() <= POINTS && drawn.len() > POINTS / 2, "{}", drawn.len());
        assert!(drawn.contains(&spread(497.0, 90.0, 0.5, 99.0)), "{drawn:?}");
        assert!(plot.along.contains("7 points in one"), "{}", plot.along);
        assert_eq!(grouped(&points[499..501], 2, true), [spread(499.0, 45.5, 0.5, 99.0)]);
    }

    #[test]
    fn a_sweep_has_a_point_for_each_value() {
        let mut results = two_brokers();
        for value in [1, 100] {
            let cell = CellResults {
                swept: Some(value),
                scenario: "sweep over topics".into(),
                ..results.cells[0].clone()
            };
            results.cells.push(cell);
        }
        let plots = of_sweep(&results, "sweep over topics");
        assert_eq!((plots.len(), plots[0].along.as_str()), (Figure::ALL.len(), "topics"));
        assert_eq!(plots[0].lines[0].points, [1.0, 100.0].map(|x| spread(x, 200.0, 190.0, 210.0)));
        let drawn: Vec<&str> =
            plots.iter().filter(|plot| plot.draw().is_some()).map(|plot| plot.title.as_str()).collect();
        assert_eq!(drawn, ["MB/s", "broker CPU-s/GB", "p99 ms"], "nothing went from end to end");
    }
}
