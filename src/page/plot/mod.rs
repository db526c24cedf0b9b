//! Plots of the sizes of a repo's tarballs, drawn once, as SVG that stands alone.
//!
//! A plot holds no style sheet and names no font but the reader's own, so that no policy or missing file can spoil it.

mod axis;
mod gaps;

use askama::Template;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use self::axis::{date_ticks, days, size_ticks};
use self::gaps::{Gap, gaps, usual_interval};
use crate::human::Bytes;
use crate::text::is_hidden;

/// Width of a plot in pixels.
pub const WIDTH: u32 = 480;
/// Height of a plot in pixels.
pub const HEIGHT: u32 = 220;

/// The edges of what lies between the axes.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 452.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 174.0;

/// Characters of a title that fit.
const LONGEST_TITLE: usize = 50;
/// Pixels that the words in a gap need.
const ROOM_FOR_WORDS: f64 = 64.0;
/// More dots than this would run together.
const MOST_DOTS: usize = 60;

/// What a plot shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Of which hub, node and repo.
    pub title: String,
    /// When and how big the tarballs are, the oldest first; the times as seconds since 1970 on the wall in the hub's zone.
    pub points: Vec<(i64, u64)>,
    /// When the report was taken, on the same wall; `None` before the first.
    pub until: Option<i64>,
    /// The name of the zone.
    pub zone: String,
}

/// For light or for dark surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark on white: also for mails and wikis, whose surroundings are not known.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

struct Colours {
    ground: &'static str,
    ink: &'static str,
    grid: &'static str,
    line: &'static str,
    gap: &'static str,
}

impl Theme {
    fn colours(self) -> Colours {
        let [ground, ink, grid, line, gap] = match self {
            Self::Light => ["#ffffff", "#1f2328", "#d8dee4", "#0b57a4", "#f9e3c4"],
            Self::Dark => ["#161b22", "#e6edf3", "#3a434d", "#7cc0ff", "#4d3a14"],
        };
        Colours { ground, ink, grid, line, gap }
    }
}

#[derive(Template)]
#[template(path = "plot.svg")]
struct Svg {
    title: String,
    /// The title, or as much of it as fits.
    heading: String,
    words: String,
    colours: Colours,
    /// `None` where there is nothing to show but the words.
    chart: Option<Chart>,
}

/// Where everything lies, in pixels.
struct Chart {
    foot: String,
    dates: Vec<(i64, String)>,
    sizes: Vec<(i64, String)>,
    gaps: Vec<Band>,
    /// The points between two gaps.
    lines: Vec<Vec<(i64, i64)>>,
    dots: Vec<(i64, i64)>,
    newest: (i64, i64),
}

/// A gap: where it begins, how wide it is, and as many words as fit into it.
struct Band {
    x: i64,
    width: i64,
    words: String,
}

impl Plot {
    /// The plot as a whole SVG document.
    ///
    /// # Errors
    /// None that can happen: it is drawn in memory.
    pub fn svg(&self, theme: Theme) -> Result<String, askama::Error> {
        let title = printable(&self.title);
        let heading = shortened(&title);
        Svg { title, heading, words: self.words(), colours: theme.colours(), chart: self.chart() }.render()
    }

    /// The same in words, for those who do not see it.
    pub fn words(&self) -> String {
        let (Some(until), Some((first, _)), Some((last, size))) =
            (self.until, self.points.first(), self.points.last())
        else {
            return self.without_points().to_owned();
        };
        let made: Vec<f64> = self.points.iter().map(|(made, _)| days(*made)).collect();
        let missing: Vec<String> = gaps(&made, days(until))
            .iter()
            .map(|gap| {
                format!("{} missing after {}", gap.missing, wall((gap.from * 86_400.0).round() as i64).date())
            })
            .collect();
        let missing = if missing.is_empty() { "none missing".to_owned() } else { missing.join(", ") };
        if self.points.len() == 1 {
            return format!("Size of 1 tarball of {}: {}; {missing}.", wall(*last).date(), Bytes(*size));
        }
        format!(
            "Sizes of {} tarballs from {} to {}, the newest {}; {missing}.",
            self.points.len(),
            wall(*first).date(),
            wall(*last).date(),
            Bytes(*size)
        )
    }

    fn without_points(&self) -> &'static str {
        if self.until.is_some() { "No tarball is held." } else { "No report yet." }
    }

    fn chart(&self) -> Option<Chart> {
        let (until, (newest, _)) = (self.until?, *self.points.last()?);
        let made: Vec<f64> = self.points.iter().map(|(made, _)| days(*made)).collect();
        let margin = usual_interval(&made) / 2.0;
        // A clock that is wrong must not squeeze the plot to nothing at its end.
        let (from, to) = (made[0] - margin, days(until.max(newest)) + margin);
        let most = self.points.iter().fold(1.0_f64, |most, (_, size)| most.max(*size as f64)) * 1.08;
        let x = |at: f64| (LEFT + (RIGHT - LEFT) * (at - from) / (to - from)).round() as i64;
        let y = |size: f64| (BOTTOM - (BOTTOM - TOP) * size / most).round() as i64;

        let gaps = gaps(&made, days(until));
        let places: Vec<(i64, i64)> =
            made.iter().zip(&self.points).map(|(at, (_, size))| (x(*at), y(*size as f64))).collect();
        let (mut lines, mut dots, mut begin) = (Vec::new(), Vec::new(), 0);
        for run in made.split_inclusive(|at| gaps.iter().any(|gap| gap.from == *at)) {
            let run = &places[begin..begin + run.len()];
            begin += run.len();
            lines.push(run.to_vec());
            // A line of one point is nothing to see.
            if run.len() == 1 || places.len() <= MOST_DOTS {
                dots.extend(run);
            }
        }
        Some(Chart {
            foot: format!("{}, report of {}", printable(&self.zone), wall(until).strftime("%Y-%m-%d %H:%M")),
            dates: date_ticks(from, to).into_iter().map(|(at, words)| (x(at), words)).collect(),
            sizes: size_ticks(most).into_iter().map(|(size, words)| (y(size), words)).collect(),
            gaps: gaps.iter().map(|gap| band(gap, x)).collect(),
            lines,
            dots,
            newest: *places.last()?,
        })
    }
}

fn band(gap: &Gap, x: impl Fn(f64) -> i64) -> Band {
    let (from, to) = (x(gap.from), x(gap.to));
    let words = match (to - from) as f64 {
        room if room >= ROOM_FOR_WORDS => format!("{} missing", gap.missing),
        room if room >= ROOM_FOR_WORDS / 4.0 => gap.missing.to_string(),
        _ => String::new(),
    };
    Band { x: from, width: to - from, words }
}

/// What the wall shows.
fn wall(seconds: i64) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or_default())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TITLE) {
        // The end tells repos apart, the beginning hubs.
        Some(_) => {
            let all: Vec<char> = text.chars().collect();
            let half = LONGEST_TITLE / 2;
            let (head, tail) = (&all[..half], &all[all.len() - half + 1..]);
            head.iter().chain(['…'].iter()).chain(tail).collect()
        }
        None => text.to_owned(),
    }
}

/// Without what is not to be shown, among it the characters that XML does not know even when they are escaped.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// 2012-11, on this day and hour.
    fn at(day: i64, hour: i64) -> i64 {
        1_351_728_623 + (day - 1) * DAY + hour * 3600
    }

    fn plot(days: &[i64]) -> Plot {
        Plot {
            title: "hub ZZ, node SDU: svn/dybsvn".into(),
            points: days.iter().map(|day| (at(*day, 2), 1_500_000_000 + *day as u64)).collect(),
            until: Some(at(13, 9)),
            zone: "Asia/Shanghai".into(),
        }
    }

    #[test]
    fn one_tarball_has_a_size_and_a_day() {
        assert_eq!(plot(&[13]).words(), "Size of 1 tarball of 2012-11-13: 1.40 GiB; none missing.");
    }

    #[test]
    fn missing_night_breaks_the_line_and_is_said_in_words() {
        let whole = plot(&[8, 9, 10, 11, 12, 13]);
        assert_eq!(
            whole.words(),
            "Sizes of 6 tarballs from 2012-11-08 to 2012-11-13, the newest 1.40 GiB; none missing."
        );
        let lines = |plot: &Plot| plot.svg(Theme::Light).unwrap().matches("stroke-width=\"2\"").count();
        assert_eq!(lines(&whole), 1);
        let broken = plot(&[8, 9, 10, 12, 13]);
        assert!(broken.words().ends_with("1 missing after 2012-11-10."), "{}", broken.words());
        assert_eq!(lines(&broken), 2);
        assert!(broken.svg(Theme::Light).unwrap().contains(">\n1 missing\n</text>"));
    }

    #[test]
    fn every_name_is_escaped() {
        let title = "<script>alert('\"&')</script>\u{ffff}\u{1b}".to_owned();
        let svg = Plot { title, ..plot(&[12, 13]) }.svg(Theme::Dark).unwrap();
        assert!(!svg.contains("<script") && svg.contains("&#60;script&#62;"), "{svg}");
        assert!(!svg.contains(['\u{ffff}', '\u{1b}']));
        assert!(!svg.contains("style="), "nothing that a content security policy forbids");
    }

    #[test]
    fn nothing_held_and_no_report_are_told_apart() {
        assert!(plot(&[]).svg(Theme::Light).unwrap().contains("No tarball is held."));
        let unseen = Plot { until: None, ..plot(&[]) };
        assert!(unseen.svg(Theme::Light).unwrap().contains("No report yet."));
    }

    #[test]
    fn any_points_can_be_drawn() {
        for points in [
            vec![(at(13, 2), 0)],
            vec![(at(13, 2), 0); 3],
            vec![(at(13, 2), u64::MAX), (253_370_764_799, 1)],
            (0..400).map(|n| (n * 365 * DAY, n as u64)).collect(),
        ] {
            let svg = Plot { points, ..plot(&[]) }.svg(Theme::Light).unwrap();
            assert!(svg.ends_with("</svg>\n") && svg.len() < 40_000, "{}", svg.len());
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn dates_neither_overlap_nor_leave_the_picture() {
        // DejaVu Sans is a wide font: 13 pixels high, a digit is not quite 8.5 wide.
        let half =
            |words: &str| words.chars().map(|c| if c.is_ascii_digit() { 17 } else { 10 }).sum::<i64>() / 4;
        for hours in 1..2000 {
            let plot = Plot {
                points: (0..3).map(|n| (at(13, 9) - n * hours * 3600, 1)).rev().collect(),
                ..plot(&[])
            };
            let dates = plot.chart().unwrap().dates;
            assert!(dates.len() > 1, "{hours}: {dates:?}");
            for pair in dates.windows(2) {
                assert!(pair[0].0 + half(&pair[0].1) < pair[1].0 - half(&pair[1].1), "{hours}: {dates:?}");
            }
            let (x, words) = dates.last().unwrap();
            assert!(x + half(words) <= i64::from(WIDTH), "{hours}: {dates:?}");
        }
    }

    #[test]
    fn long_titles_keep_both_ends() {
        let title = shortened(&format!("hub ZZ, node SDU: svn/{}-end", "x".repeat(200)));
        assert_eq!(title.chars().count(), LONGEST_TITLE);
        assert!(title.starts_with("hub ZZ, node SDU: svn/") && title.ends_with("-end"));
    }
}
