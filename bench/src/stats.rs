//! Ratios of rounds: what they come to, how far they spread, and whether a difference is more than noise.

use serde::{Deserialize, Serialize};

/// How one broker stands to another in one figure, over rounds that were run in turn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Geometric mean of the rounds' ratios.
    pub mean: f64,
    /// Where the true ratio lies with 95 % (Student's t on the logarithms); the whole line if there was one round.
    pub low: f64,
    pub high: f64,
    pub rounds: usize,
}

impl Ratio {
    /// Of pairs of figures, all above zero; nothing if there is none.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let usable = pairs.iter().filter(|(a, b)| *a > 0.0 && *b > 0.0);
        let logs: Vec<f64> = usable.map(|(a, b)| (a / b).ln()).collect();
        let rounds = logs.len();
        if rounds == 0 {
            return None;
        }
        let mean = logs.iter().sum::<f64>() / rounds as f64;
        let margin = if rounds == 1 {
            f64::INFINITY
        } else {
            let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (rounds - 1) as f64;
            student_t(rounds - 1) * (variance / rounds as f64).sqrt()
        };
        Some(Self { mean: mean.exp(), low: (mean - margin).exp(), high: (mean + margin).exp(), rounds })
    }

    /// The rounds do not say which of the two is ahead.
    pub fn is_noise(&self) -> bool {
        self.low <= 1.0 && 1.0 <= self.high
    }
}

/// The 97.5th percentile of Student's t (two-sided 95 %).
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    // Beyond it the last one is a little too wide, which is the safe side.
    TABLE.get(freedom - 1).copied().unwrap_or(TABLE[29])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_one_and_a_small_one_among_large_spread_is_not() {
        let clear = Ratio::of(&[(200.0, 100.0), (210.0, 100.0), (190.0, 100.0), (205.0, 100.0)]).unwrap();
        assert!((1.9..2.1).contains(&clear.mean) && !clear.is_noise(), "{clear:?}");
        let unclear = Ratio::of(&[(120.0, 100.0), (80.0, 100.0), (130.0, 100.0), (90.0, 100.0)]).unwrap();
        assert!(unclear.is_noise(), "{unclear:?}");
    }

    /// Logarithms 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, margin 4.303 * 0.1 / sqrt(3).
    #[test]
    fn the_interval_is_students() {
        let pairs = [0.1_f64, 0.2, 0.3].map(|log| (log.exp(), 1.0));
        let ratio = Ratio::of(&pairs).unwrap();
        let close = |told: f64, log: f64| assert!((told.ln() - log).abs() < 1e-6, "{told}");
        close(ratio.mean, 0.2);
        close(ratio.low, 0.2 - 4.303 * 0.1 / 3_f64.sqrt());
        close(ratio.high, 0.2 + 4.303 * 0.1 / 3_f64.sqrt());
    }

    #[test]
    fn one_round_proves_nothing_and_none_is_no_ratio() {
        let one = Ratio::of(&[(2.0, 1.0)]).unwrap();
        assert!((one.mean - 2.0).abs() < 1e-12 && one.is_noise());
        assert_eq!(Ratio::of(&[]), None);
        assert_eq!(Ratio::of(&[(1.0, 0.0)]), None, "a figure that is missing is no round");
    }
}
