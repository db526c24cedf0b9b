//! Samples that come one scrape after the other, as promtool reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was scraped so far.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    scrapes: usize,
    series: BTreeMap<String, Vec<f64>>,
}

impl Recorder {
    /// Begins the next scrape; a series without a sample in it has none at that time.
    pub(crate) fn next(&mut self) {
        self.scrapes += 1;
    }

    /// Takes a sample in.
    pub(crate) fn sample(&mut self, series: String, value: f64) {
        let values = self.series.entry(series).or_default();
        values.resize(self.scrapes - 1, f64::NAN);
        values.push(value);
    }

    /// Each series with its values in promtool's short notation.
    pub(crate) fn into_series(self) -> Vec<(String, String)> {
        self.series.into_iter().map(|(series, values)| (series, notation(&values))).collect()
    }
}

/// `5+0x3 _x2 10+15x7`: runs in which each value is as much greater than the one before.
fn notation(values: &[f64]) -> String {
    let mut text = String::new();
    let mut rest = values;
    while let Some(first) = rest.first() {
        let length;
        if first.is_nan() {
            length = rest.iter().take_while(|value| value.is_nan()).count();
            let _ = write!(text, "_x{length} ");
        } else {
            let difference = rest.get(1).map_or(0.0, |second| second - first);
            // Sums of whole numbers are exact; anything else only repeats.
            let steady = difference == 0.0 || (difference.fract() == 0.0 && first.fract() == 0.0);
            let difference = if steady && difference.is_finite() { difference } else { 0.0 };
            let along =
                |at: usize| rest.get(at).is_some_and(|value| *value == first + difference * at as f64);
            length = (1..).take_while(|at| along(*at)).count() + 1;
            let sign = if difference < 0.0 { '-' } else { '+' };
            let _ = write!(text, "{first}{sign}{}x{} ", difference.abs(), length - 1);
        }
        rest = &rest[length..];
    }
    text
}

#[test]
fn runs_are_written_short() {
    let nan = f64::NAN;
    assert_eq!(notation(&[5.0, 5.0, nan, nan, 1.0, 16.0, 31.0, 7.5]), "5+0x1 _x2 1+15x2 7.5+0x0 ");
    assert_eq!(notation(&[-10.0, -20.0, 0.25, 0.5]), "-10-10x1 0.25+0x0 0.5+0x0 ");
}
