//! A plot as a drawing (SVG): lines over two axes.

use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 30.0;

/// How values become places, and what their unit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    Linear(&'static str),
    FromZero(&'static str),
    Logarithmic(&'static str),
    /// 0 to 99.99, each nine as wide as the one before it.
    Percentile,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub colour: &'static str,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub title: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// An axis over what is drawn on it.
struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Axis {
    fn unit(self) -> &'static str {
        match self {
            Self::Linear(unit) | Self::FromZero(unit) | Self::Logarithmic(unit) => unit,
            Self::Percentile => "%",
        }
    }

    /// Where a value stands before the scale is known.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear(_) | Self::FromZero(_) => value,
            Self::Logarithmic(_) => value.max(1e-3).log10(),
            Self::Percentile => -(1.0 - value.min(99.999) / 100.0).log10(),
        }
    }
}

impl Scale {
    fn over(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let places = values.map(|value| axis.place(value));
        let (mut low, mut high) =
            places.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        match axis {
            Axis::FromZero(_) => (low, high) = (0.0, high.max(1e-9) * 1.05),
            Axis::Logarithmic(_) => (low, high) = (low.floor(), high.ceil()),
            Axis::Linear(_) | Axis::Percentile => {}
        }
        if high - low < 1e-9 {
            high = low + 1.0;
        }
        Self { axis, low, high }
    }

    /// From 0 at the low end to 1 at the high one.
    fn part(&self, value: f64) -> f64 {
        (self.axis.place(value) - self.low) / (self.high - self.low)
    }

    /// Values that are named on the axis.
    fn ticks(&self) -> Vec<f64> {
        match self.axis {
            Axis::Linear(_) | Axis::FromZero(_) => {
                let step = round_step((self.high - self.low) / 4.0);
                let (first, last) = ((self.low / step).ceil(), (self.high / step + 1e-9).floor());
                (first as i64..=last as i64).map(|nth| nth as f64 * step).collect()
            }
            Axis::Logarithmic(_) => {
                (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power)).collect()
            }
            Axis::Percentile => {
                let nines = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];
                nines.into_iter().filter(|value| self.axis.place(*value) <= self.high + 1e-9).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least - 1e-12);
    factor.unwrap_or(10.0) * power
}

impl Plot {
    /// Nothing, if there are no two points of a line.
    pub fn draw(&self) -> Option<String> {
        if self.lines.iter().all(|line| line.points.len() < 2) {
            return None;
        }
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Scale::over(self.x, points().map(|point| point.0));
        let y = Scale::over(self.y, points().map(|point| point.1));
        let at_x = |value: f64| LEFT + x.part(value) * (WIDTH - LEFT - RIGHT);
        let at_y = |value: f64| HEIGHT - BOTTOM - y.part(value) * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
             <text class=\"title\" x=\"{LEFT}\" y=\"14\">{title}{unit}</text>",
            title = self.title,
            unit = if self.y.unit().is_empty() { String::new() } else { format!(", {}", self.y.unit()) }
        );
        for tick in y.ticks() {
            let (at, end) = (at_y(tick), WIDTH - RIGHT);
            let _ = write!(
                out,
                "<path d=\"M{LEFT} {at:.1}H{end}\" stroke=\"var(--line)\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                number(tick)
            );
        }
        for tick in x.ticks() {
            let at = at_x(tick);
            let _ = write!(
                out,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM + 16.0,
                number(tick)
            );
        }
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 2.0,
            self.x.unit()
        );
        for line in self.lines.iter().filter(|line| line.points.len() >= 2) {
            let places = line.points.iter().map(|(px, py)| format!("{:.1},{:.1}", at_x(*px), at_y(*py)));
            let places: Vec<String> = places.collect();
            let _ = write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" stroke-opacity=\"0.8\" stroke-linejoin=\"round\"/>",
                places.join(" "),
                line.colour
            );
        }
        out.push_str("</svg>\n");
        Some(out)
    }
}

/// Without digits that say nothing.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        return format!("{}k", number(value / 1_000.0));
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(x: Axis, y: Axis, points: &[(f64, f64)]) -> Plot {
        Plot { title: "t", x, y, lines: vec![Line { colour: "#123456", points: points.to_vec() }] }
    }

    #[test]
    fn lines_stay_within_the_drawing() {
        let plots = [
            plot(Axis::Linear("s"), Axis::FromZero("MB/s"), &[(0.0, 0.0), (1.0, 512.5), (9.0, 88.0)]),
            plot(Axis::Percentile, Axis::Logarithmic("ms"), &[(0.0, 0.02), (50.0, 0.5), (99.99, 1_234.0)]),
            plot(Axis::Linear("s"), Axis::Logarithmic("ms"), &[(0.0, 1.0), (1.0, 1.0)]),
        ];
        for plot in plots {
            let drawing = plot.draw().unwrap();
            let (_, rest) = drawing.split_once("points=\"").unwrap();
            for place in rest.split('"').next().unwrap().split(' ') {
                let (x, y) = place.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((LEFT - 0.1..=WIDTH - RIGHT + 0.1).contains(&x), "{place} of {plot:?}");
                assert!((TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y), "{place} of {plot:?}");
            }
        }
    }

    #[test]
    fn one_point_is_no_line() {
        assert_eq!(plot(Axis::Linear("s"), Axis::Linear("x"), &[(1.0, 1.0)]).draw(), None);
    }

    #[test]
    fn ticks_are_round() {
        let scale = Scale::over(Axis::FromZero("MB/s"), [100.0, 930.0].into_iter());
        assert_eq!(scale.ticks(), [0.0, 500.0]);
        let scale = Scale::over(Axis::Logarithmic("ms"), [0.3, 40.0].into_iter());
        assert_eq!(scale.ticks().into_iter().map(number).collect::<Vec<_>>(), ["0.1", "1", "10", "100"]);
        assert_eq!([0.0, 0.5, 12.0, 1_500.0, 20_000.0].map(number), ["0", "0.5", "12", "1.5k", "20k"]);
    }
}
