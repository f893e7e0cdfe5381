//! How values become places on an axis, and which of them are named there.

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Whole ones are named.
    Seconds,
    FromZero,
    Logarithmic,
    /// 0 to 99.99, each nine as wide as the one before it.
    Percentile,
}

/// An axis over what is drawn on it.
#[derive(Debug)]
pub struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
}

/// So many ticks have room, where nothing else is said.
const ROOM: usize = 7;

/// What is nothing cannot stand on a logarithmic axis, and stands here.
const LEAST: f64 = 1e-6;

impl Axis {
    /// Where a value stands before the scale is known.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Seconds | Self::FromZero => value,
            Self::Logarithmic => value.max(LEAST).log10(),
            Self::Percentile => -(1.0 - value.min(99.999) / 100.0).log10(),
        }
    }

    /// From zero, unless the small ones could not be seen then.
    pub fn fitting(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, 0_f64), |(low, high), at| (low.min(at), high.max(at)));
        if low > 0.0 && high > 20.0 * low { Self::Logarithmic } else { Self::FromZero }
    }
}

impl Scale {
    pub fn over(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let places = values.map(|value| axis.place(value));
        let (mut low, mut high) =
            places.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        match axis {
            Axis::FromZero => (low, high) = (0.0, high.max(1e-9) * 1.05),
            Axis::Logarithmic => {
                (low, high) = (low - 0.02, high + 0.02);
                // Two ticks at least.
                if high - low < 0.5 {
                    (low, high) = (f64::midpoint(low, high) - 0.25, f64::midpoint(low, high) + 0.25);
                }
            }
            Axis::Seconds | Axis::Percentile => {}
        }
        if high - low < 1e-9 {
            high = low + 1.0;
        }
        Self { axis, low, high }
    }

    /// From 0 at the low end to 1 at the high one.
    pub fn part(&self, value: f64) -> f64 {
        (self.axis.place(value) - self.low) / (self.high - self.low)
    }

    /// Values that are named on the axis.
    pub fn ticks(&self) -> Vec<f64> {
        self.few_ticks(ROOM)
    }

    /// At most so many of them. On a logarithmic axis there are 1, 2 and 5, or 1 and 3 of each power of ten, or not every power.
    pub fn few_ticks(&self, most: usize) -> Vec<f64> {
        match self.axis {
            Axis::Seconds | Axis::FromZero => {
                let step = round_step((self.high - self.low) / (most - 2) as f64);
                let step = if self.axis == Axis::Seconds { step.max(1.0) } else { step };
                let (first, last) = ((self.low / step).ceil(), (self.high / step + 1e-9).floor());
                (first as i64..=last as i64).map(|nth| nth as f64 * step).collect()
            }
            Axis::Logarithmic => self.powers(most),
            Axis::Percentile => {
                let nines = [50.0, 90.0, 99.0, 99.9, 99.99];
                nines.into_iter().filter(|value| self.axis.place(*value) <= self.high + 1e-9).collect()
            }
        }
    }

    fn powers(&self, most: usize) -> Vec<f64> {
        let of = |factors: &[f64], every: i32| -> Vec<f64> {
            let powers = self.low.floor() as i32..=self.high.ceil() as i32;
            let powers = powers.filter(|power| power.rem_euclid(every) == 0);
            let values =
                powers.flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
            values.filter(|value| (-1e-9..=1.0 + 1e-9).contains(&self.part(*value))).collect()
        };
        let finest = [of(&[1.0, 2.0, 5.0], 1), of(&[1.0, 3.0], 1), of(&[1.0], 1), of(&[1.0], 2)];
        let fitting = finest.into_iter().find(|ticks| ticks.len() <= most);
        fitting.unwrap_or_else(|| of(&[1.0], 3))
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least - 1e-12);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::text::tick;

    fn ticks(axis: Axis, values: &[f64]) -> Vec<String> {
        Scale::over(axis, values.iter().copied()).ticks().into_iter().map(tick).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(Axis::FromZero, &[100.0, 930.0]), ["0", "200", "400", "600", "800"]);
        assert_eq!(ticks(Axis::Seconds, &[0.0, 29.0]), ["0", "10", "20"]);
        assert_eq!(ticks(Axis::Seconds, &[0.0, 1.0]), ["0", "1"]);
        assert_eq!(ticks(Axis::Logarithmic, &[0.3, 40.0]), ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(ticks(Axis::Logarithmic, &[0.02, 900.0]), ["0.1", "1", "10", "100"]);
        assert_eq!(ticks(Axis::Logarithmic, &[1.0, 1e8]), ["1", "100", "10k", "1M", "100M"]);
        let ratios = Scale::over(Axis::Logarithmic, [0.25, 40.0].into_iter());
        assert_eq!(
            ratios.few_ticks(5).into_iter().map(tick).collect::<Vec<_>>(),
            ["0.3", "1", "3", "10", "30"]
        );
        assert_eq!(ticks(Axis::Percentile, &[0.0, 99.99]), ["50", "90", "99", "99.9", "99.99"]);
        assert_eq!(ticks(Axis::Percentile, &[0.0, 99.0]), ["50", "90", "99"]);
    }

    #[test]
    fn every_axis_has_a_tick_whatever_stands_on_it() {
        for values in [[1.0, 1.0], [0.0, 0.0], [1.31, 1.32], [3e-5, 4e-5], [7e8, 7.1e8]] {
            for axis in [Axis::FromZero, Axis::Logarithmic] {
                let scale = Scale::over(axis, values.into_iter());
                assert!((1..=ROOM).contains(&scale.ticks().len()), "{values:?} on {scale:?}");
                assert!(values.iter().all(|value| (0.0..=1.0).contains(&scale.part(*value))), "{values:?}");
            }
        }
    }

    #[test]
    fn a_wide_span_is_drawn_by_powers() {
        assert_eq!(Axis::fitting([1.0, 15.0].into_iter()), Axis::FromZero);
        assert_eq!(Axis::fitting([1.0, 300.0].into_iter()), Axis::Logarithmic);
        assert_eq!(Axis::fitting([0.0, 300.0].into_iter()), Axis::FromZero, "nothing has no logarithm");
    }
}
