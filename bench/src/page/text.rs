//! How the page says things: numbers as far as they are worth something, moments, names.

use crate::stats::Ratio;

/// What stands where there is no figure.
pub const NOTHING: &str = "–";

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A name that may be broken where people would break it.
pub fn breakable(name: &str) -> String {
    escape(name).replace(':', ":<wbr>").replace('/', "/<wbr>").replace('=', "=<wbr>")
}

/// At most so many characters, the last of them `…` if there were more.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Three digits that count; thousands apart.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let power = |value: f64| if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let unit = 10_f64.powi(power(value) - 2);
    let rounded = (value / unit).round() * unit;
    // 9.996 has become 10.0, which has a digit less behind the point.
    let decimals = (2 - power(rounded * (1.0 + 1e-12))).max(0) as usize;
    match decimals {
        0 if rounded < 0.0 => format!("-{}", counted(rounded.abs().round() as u64)),
        0 => counted(rounded.round() as u64),
        _ if rounded == 0.0 => "0".to_owned(),
        _ => format!("{rounded:.decimals$}"),
    }
}

/// Every digit, for what is counted and not measured.
pub fn counted(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub fn bytes(value: u64) -> String {
    let value = value as f64;
    let (unit, name) = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB")]
        .into_iter()
        .find(|(unit, _)| value >= *unit * 0.9995)
        .unwrap_or((1e3, "kB"));
    format!("{} {name}", number(value / unit))
}

/// On an axis, where digits that say nothing are left away.
pub fn tick(value: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= unit {
            return format!("{}{name}", tick(value / unit));
        }
    }
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Day and minute, of seconds since 1970. Leap seconds have no place in either.
pub fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from a first of March, a leap day is the last of its year, and months come in fives of 153 days (H. Hinnant,
    // "chrono-compatible low-level date algorithms").
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{of_month:02} {:02}:{:02} UTC", second / 3_600, second / 60 % 60)
}

/// How far from 1 a ratio is that makes a difference to anybody, however sure it is.
const WORTH_TELLING: f64 = 0.01;

/// What a ratio says of the first broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    /// The rounds do not tell the two apart, or there is nothing worth telling: with a fixed rate, throughput is the rate.
    Even,
    /// One round has no spread, and rounds that differ widely say nothing: it may be anything.
    Unknown,
}

impl Verdict {
    pub fn of(ratio: &Ratio, is_higher_better: bool) -> Self {
        if ratio.rounds < 2 || (ratio.is_noise() && ratio.high / ratio.low > TOO_WIDE) {
            Self::Unknown
        } else if ratio.is_noise() || (ratio.mean - 1.0).abs() < WORTH_TELLING {
            Self::Even
        } else if (ratio.mean > 1.0) == is_higher_better {
            Self::Better
        } else {
            Self::Worse
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Self::Better => "▲",
            Self::Worse => "▼",
            Self::Even => "≈",
            Self::Unknown => "?",
        }
    }

    /// Of the style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Even | Self::Unknown => "open",
        }
    }
}

/// Of an interval around 1: it does not say that two brokers are alike.
const TOO_WIDE: f64 = 2.0;

/// A ratio with where it lies.
pub fn told(ratio: &Ratio) -> String {
    let Ratio { mean, low, high, rounds } = ratio;
    let mean = number(*mean);
    match (rounds, ratio.is_noise()) {
        (1, _) => format!("{mean} (one round)"),
        (_, is_noise) => {
            let noise = if is_noise { ": inside the noise" } else { "" };
            format!("{mean} ({} to {}{noise})", number(*low), number(*high))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (0.001_234, "0.00123"),
            (0.25, "0.250"),
            (2.704, "2.70"),
            (9.996, "10.0"),
            (99.96, "100"),
            (123.4, "123"),
            (999.6, "1,000"),
            (1_032.4, "1,030"),
            (1_234_567.0, "1,230,000"),
            (-12.34, "-12.3"),
            (-1_234.0, "-1,230"),
            (f64::INFINITY, NOTHING),
            (f64::NAN, NOTHING),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected, "{value}");
        }
    }

    /// Whatever the size, what is told is not further from the truth than half of the third digit.
    #[test]
    fn rounding_is_right_at_every_size() {
        let mut value = 1.234_5e-4_f64;
        while value < 1e12 {
            let told: f64 = number(value).replace(',', "").parse().unwrap();
            assert!((told - value).abs() <= value * 0.005, "{value} is told as {told}");
            value *= 1.37;
        }
    }

    #[test]
    fn what_is_counted_keeps_every_digit() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(counted), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn bytes_have_a_unit() {
        let cases =
            [(512_000, "512 kB"), (999_900, "1.00 MB"), (412_345_678, "412 MB"), (1_200_000_000, "1.20 GB")];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
    }

    #[test]
    fn ticks_leave_away_what_says_nothing() {
        let cases =
            [(0.0, "0"), (0.001, "0.001"), (0.5, "0.5"), (12.0, "12"), (1_500.0, "1.5k"), (2e6, "2M")];
        for (value, expected) in cases {
            assert_eq!(tick(value), expected);
        }
    }

    /// As `date -u -d @SECONDS` has them.
    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_735_689_600, "2025-01-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (1_796_052_060, "2026-11-30 15:21 UTC"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(utc(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escape("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(breakable("logan:a<b"), "logan:<wbr>a&lt;b");
        assert_eq!(shortened("2,000 partitions", 8), "2,000 p…");
        assert_eq!(shortened("größer", 6), "größer");
    }

    #[test]
    fn better_is_what_the_figure_says() {
        let ratio = |low, mean, high, rounds| Ratio { mean, low, high, rounds };
        let clear = ratio(1.8, 2.0, 2.2, 3);
        assert_eq!(Verdict::of(&clear, true), Verdict::Better);
        assert_eq!(Verdict::of(&clear, false), Verdict::Worse);
        assert_eq!(Verdict::of(&ratio(0.4, 0.5, 0.6, 3), false), Verdict::Better);
        assert_eq!(Verdict::of(&ratio(0.9, 1.1, 1.4, 3), true), Verdict::Even);
        assert_eq!(
            Verdict::of(&ratio(0.9, 2.0, 4.0, 3), true),
            Verdict::Unknown,
            "that wide it is not alike"
        );
        assert_eq!(Verdict::of(&ratio(1.003, 1.004, 1.005, 3), true), Verdict::Even, "sure, and nothing");
        assert_eq!(Verdict::of(&ratio(0.0, 2.0, f64::INFINITY, 1), true), Verdict::Unknown);
        assert_eq!(told(&clear), "2.00 (1.80 to 2.20)");
        assert_eq!(told(&ratio(0.9, 2.0, 4.0, 3)), "2.00 (0.900 to 4.00: inside the noise)");
        assert_eq!(told(&ratio(0.0, 2.0, f64::INFINITY, 1)), "2.00 (one round)");
    }
}
