//! Ticks: round dates, and round sizes in binary units.

use jiff::civil::Date;

/// Distances of ticks in days; beyond the last they double.
const STEPS: [f64; 14] = [
    1.0 / 24.0,
    3.0 / 24.0,
    6.0 / 24.0,
    12.0 / 24.0,
    1.0,
    2.0,
    4.0,
    7.0,
    14.0,
    28.0,
    56.0,
    91.0,
    182.0,
    365.0,
];
/// No more ticks than have room.
const MOST_TICKS: f64 = 6.0;

/// Seconds as days.
pub(super) fn days(seconds: i64) -> f64 {
    seconds as f64 / 86_400.0
}

/// Times to be marked between two, each with its words: no more exact than its distance to the next.
pub(super) fn date_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let span = to - from;
    let mut step = STEPS.into_iter().find(|step| span / step <= MOST_TICKS).unwrap_or(365.0);
    while span / step > MOST_TICKS {
        step *= 2.0;
    }
    let first = (from / step).ceil();
    let ticks = (0..=MOST_TICKS as u32).map(|n| (first + f64::from(n)) * step).take_while(|at| *at <= to);
    ticks.enumerate().map(|(n, at)| (at, date_label(at, step, n == 0))).collect()
}

fn date_label(at: f64, step: f64, is_first: bool) -> String {
    let minutes = (at * 1440.0).round() as i64;
    let date = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().hours(minutes.div_euclid(1440) * 24));
    let Ok(date) = date else { return String::new() };
    let day = format!("{:02}-{:02}", date.month(), date.day());
    let (hour, minute) = (minutes.rem_euclid(1440) / 60, minutes % 60);
    match step {
        step if step >= 91.0 => format!("{}-{:02}", date.year(), date.month()),
        step if step >= 1.0 || (hour, minute) == (0, 0) => day,
        // There is no room for the day at each hour.
        _ if is_first => format!("{day} {hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}"),
    }
}

/// Sizes to be marked from nothing to this many bytes, each with its words.
pub(super) fn size_ticks(most: f64) -> Vec<(f64, String)> {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    while unit + 1 < UNITS.len() && most >= 1024_f64.powi(unit as i32 + 1) {
        unit += 1;
    }
    let scale = 1024_f64.powi(unit as i32);
    let (most, power) = (most / scale, 10_f64.powf((most / scale / 4.0).log10().floor()));
    // At least one, so that bytes are whole.
    let floor = if unit == 0 { 1.0 } else { 0.0 };
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| (factor * power).max(floor))
        .into_iter()
        .find(|step| most / step <= 4.0)
        .unwrap_or(most.max(1.0));
    let count = (most / step).floor() as u32;
    (0..=count)
        .map(|n| {
            let value = (f64::from(n) * step * 1000.0).round() / 1000.0;
            let words = if n == 0 { "0".to_owned() } else { format!("{value} {}", UNITS[unit]) };
            (f64::from(n) * step * scale, words)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(from: f64, to: f64) -> Vec<String> {
        date_ticks(from, to).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn dates_are_as_exact_as_they_are_close() {
        // 2012-11-13T16:10:23
        let start = days(1_352_823_023);
        assert_eq!(dates(start, start + 5.0), ["11-14", "11-15", "11-16", "11-17", "11-18"]);
        assert_eq!(dates(start, start + 0.6), ["11-13 18:00", "21:00", "11-14", "03:00", "06:00"]);
        assert_eq!(dates(start, start + 400.0).first().map(String::as_str), Some("2013-02"));
    }

    #[test]
    fn any_span_has_few_ticks() {
        for span in [0.001, 0.04, 1.0, 8.0, 30.0, 365.0, 3_000.0, 2_900_000.0] {
            assert!(dates(15_000.3, 15_000.3 + span).len() <= 7, "{span}");
        }
    }

    #[test]
    fn sizes_are_round_in_their_unit() {
        let words = |most| size_ticks(most).into_iter().map(|(_, words)| words).collect::<Vec<_>>();
        assert_eq!(words(1_531_229_474.0), ["0", "0.5 GiB", "1 GiB"]);
        assert_eq!(words(200.0 * 1_048_576.0), ["0", "50 MiB", "100 MiB", "150 MiB", "200 MiB"]);
        assert_eq!(words(1.0), ["0", "1 B"]);
        assert_eq!(words(u64::MAX as f64), ["0", "5 EiB", "10 EiB", "15 EiB"]);
    }
}
