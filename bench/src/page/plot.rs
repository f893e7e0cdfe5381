//! A plot as a drawing (SVG): each broker's line over two axes. Colours and dashes are the style's, by the broker's class.

use std::fmt::Write as _;

use super::scale::{Axis, Scale};
use super::text::{escape, tick};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 40.0;

/// A broker's values.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub broker: usize,
    pub points: Vec<Spread>,
}

/// What rounds came to at one place: the middle one, the least and the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub x: f64,
    pub middle: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// With the unit of the values.
    pub title: String,
    pub x: Axis,
    /// What stands below.
    pub along: String,
    pub y: Axis,
    /// Points that stand for themselves are marked.
    pub is_marked: bool,
    pub lines: Vec<Line>,
}

impl Plot {
    /// Nothing, if there are no two points of a line.
    pub fn draw(&self) -> Option<String> {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| line.points.len() >= 2).collect();
        if lines.is_empty() {
            return None;
        }
        let points = || lines.iter().flat_map(|line| &line.points);
        let x = Scale::over(self.x, points().map(|point| point.x));
        let y = Scale::over(self.y, points().flat_map(|point| [point.low, point.high]));
        let title = escape(&self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
             <text class=\"title\" x=\"2\" y=\"15\">{title}</text>"
        );
        self.frame(&mut out, &x, &y);
        for line in lines {
            self.line(&mut out, line, &x, &y);
        }
        out.push_str("</svg>\n");
        Some(out)
    }

    fn frame(&self, out: &mut String, x: &Scale, y: &Scale) {
        let (end, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut grid = String::new();
        for value in y.ticks() {
            let at = at_y(y, value);
            let _ = write!(grid, "M{LEFT} {at:.1}H{end}");
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                at + 4.0,
                tick(value)
            );
        }
        for value in x.ticks() {
            let at = at_x(x, value);
            let _ = write!(grid, "M{at:.1} {floor}v4");
            let _ = write!(
                out,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                floor + 17.0,
                tick(value)
            );
        }
        let middle = f64::midpoint(LEFT, end);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"{grid}\"/><path class=\"axis\" d=\"M{LEFT} {TOP}V{floor}H{end}\"/>\
             <text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 6.0,
            escape(&self.along)
        );
    }

    fn line(&self, out: &mut String, line: &Line, x: &Scale, y: &Scale) {
        let places = |value: fn(&Spread) -> f64| -> Vec<String> {
            let place = |point: &Spread| format!("{:.1},{:.1}", at_x(x, point.x), at_y(y, value(point)));
            line.points.iter().map(place).collect()
        };
        let _ = write!(out, "<g class=\"b{}\">", line.broker);
        if line.points.iter().any(|point| point.low < point.high) {
            let mut around = places(|point| point.high);
            around.extend(places(|point| point.low).into_iter().rev());
            let _ = write!(out, "<polygon class=\"band\" points=\"{}\"/>", around.join(" "));
        }
        let middle = places(|point| point.middle);
        let _ = write!(out, "<polyline class=\"line\" points=\"{}\"/>", middle.join(" "));
        if self.is_marked {
            for place in middle {
                let (x, y) = place.split_once(',').unwrap_or_default();
                let _ = write!(out, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>");
            }
        }
        out.push_str("</g>");
    }
}

fn at_x(scale: &Scale, value: f64) -> f64 {
    LEFT + scale.part(value) * (WIDTH - LEFT - RIGHT)
}

fn at_y(scale: &Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.part(value) * (HEIGHT - TOP - BOTTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(x: Axis, y: Axis, points: &[(f64, f64)]) -> Plot {
        let spread = |(x, middle): &(f64, f64)| Spread {
            x: *x,
            middle: *middle,
            low: middle / 2.0,
            high: middle * 2.0,
        };
        let line = Line { broker: 0, points: points.iter().map(spread).collect() };
        Plot { title: "t".into(), x, along: "s".into(), y, is_marked: true, lines: vec![line] }
    }

    /// Every place in the drawing's lines and bands.
    fn places(drawing: &str) -> Vec<(f64, f64)> {
        let lists = drawing.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let place = |place: &str| {
            let (x, y) = place.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        lists.flat_map(|list| list.split(' ').map(place).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn lines_and_bands_stay_within_the_drawing() {
        let plots = [
            plot(Axis::Seconds, Axis::FromZero, &[(0.0, 0.0), (1.0, 512.5), (9.0, 88.0)]),
            plot(Axis::Percentile, Axis::Logarithmic, &[(0.0, 0.02), (50.0, 0.5), (99.99, 1_234.0)]),
            plot(Axis::Seconds, Axis::Logarithmic, &[(0.0, 1.0), (1.0, 1.0)]),
            plot(Axis::Seconds, Axis::Logarithmic, &[(0.0, 0.0), (1.0, 1.0)]),
        ];
        for plot in plots {
            let places = places(&plot.draw().unwrap());
            assert!(places.len() >= 6, "a line and a band: {plot:?}");
            for (x, y) in places {
                assert!((LEFT - 0.1..=WIDTH - RIGHT + 0.1).contains(&x), "{x} of {plot:?}");
                assert!((TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y), "{y} of {plot:?}");
            }
        }
    }

    /// The digits of `DejaVu`, which are wide ones, take 0.64 of the size of 12 that the style gives them.
    #[test]
    fn nothing_that_is_written_is_cut_off_or_stands_on_its_neighbour() {
        let axes =
            [(Axis::Percentile, vec![0.0, 50.0, 99.99]), (Axis::Logarithmic, vec![1.0, 10.0, 10_000.0])];
        for (x, values) in axes {
            let points: Vec<(f64, f64)> =
                values.iter().map(|value| (*value, 0.012 * value + 0.001)).collect();
            let drawing = plot(x, Axis::Logarithmic, &points).draw().unwrap();
            let mut below = Vec::new();
            for text in drawing.split("<text ").skip(1) {
                let attribute =
                    |name: &str| text.split_once(name).and_then(|(_, rest)| rest.split('"').next());
                let at: f64 = attribute("x=\"").unwrap().parse().unwrap();
                let width =
                    text.split_once('>').unwrap().1.split('<').next().unwrap().chars().count() as f64 * 7.7;
                let (left, right) = match attribute("text-anchor=\"") {
                    Some("middle") => (at - width / 2.0, at + width / 2.0),
                    Some(_) => (at - width, at),
                    None => (at, at + width),
                };
                assert!(left >= 0.0 && right <= WIDTH + 0.5, "{text}");
                if attribute(" y=\"") == Some("207.0") {
                    below.push((left, right));
                }
            }
            assert!(below.len() >= 5 && below.windows(2).all(|pair| pair[0].1 < pair[1].0), "{below:?}");
        }
    }

    #[test]
    fn one_point_is_no_line() {
        assert_eq!(plot(Axis::Seconds, Axis::Seconds, &[(1.0, 1.0)]).draw(), None);
    }
}
