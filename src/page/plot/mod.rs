//! Plots of the sizes of a repo's tarballs, drawn once, as SVG that stands alone. The only place that knows `plotters`.
//!
//! A plot holds no style sheet and names no font but the reader's own, so that no policy or missing file can spoil it.

mod axis;
mod gaps;

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use self::axis::{date_label, date_ticks, days, size_ticks};
use self::gaps::{Gap, gaps, usual_interval};
use crate::human::Bytes;

/// Width of a plot in pixels.
pub const WIDTH: u32 = 480;
/// Height of a plot in pixels.
pub const HEIGHT: u32 = 220;

/// Characters of a title that fit.
const LONGEST_TITLE: usize = 50;
/// Pixels that the words in a gap need.
const ROOM_FOR_WORDS: f64 = 64.0;
/// More dots than this would run together.
const MOST_DOTS: usize = 60;
/// `plotters` makes text smaller than it is asked to.
const FONT_SCALE: f64 = 1.24;

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

#[derive(Debug)]
struct Colours {
    ground: RGBColor,
    ink: RGBColor,
    grid: RGBColor,
    line: RGBColor,
    gap: RGBColor,
}

impl Theme {
    fn colours(self) -> Colours {
        let rgb = |hex: u32| RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8);
        let [ground, ink, grid, line, gap] = match self {
            Self::Light => [0xff_ffff, 0x1f_2328, 0xd8_dee4, 0x0b_57a4, 0xf9_e3c4],
            Self::Dark => [0x16_1b22, 0xe6_edf3, 0x3a_434d, 0x7c_c0ff, 0x4d_3a14],
        };
        Colours { ground: rgb(ground), ink: rgb(ink), grid: rgb(grid), line: rgb(line), gap: rgb(gap) }
    }
}

type Outcome = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Plot {
    /// The plot as a whole SVG document.
    ///
    /// # Errors
    /// None that can happen: it is drawn in memory.
    pub fn svg(&self, theme: Theme) -> Result<String, String> {
        let mut svg = String::with_capacity(8192);
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            self.draw(&area, &theme.colours()).map_err(|error| error.to_string())?;
            area.present().map_err(|error| error.to_string())?;
        }
        let words = format!(
            "<svg role=\"img\" aria-labelledby=\"title\" aria-describedby=\"desc\"$<title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n",
            escaped(&self.title),
            escaped(&self.words())
        );
        // A name in the text cannot be mistaken for it: there it is escaped.
        let Some((opening, body)) = svg.split_once('>') else { return Ok(svg) };
        let attributes = opening.trim_start_matches("<svg");
        let words = words.replacen('$', &format!("{attributes}>\n"), 1);
        Ok(words + body)
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
            .map(|gap| format!("{} missing after {}", gap.missing, day(gap.from)))
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

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, colours: &Colours) -> Outcome {
        area.fill(&colours.ground)?;
        let text = |size: f64| ("sans-serif", size * FONT_SCALE).into_font().color(&colours.ink);
        let title = shortened(&printable(&self.title));
        area.draw(&Text::new(title, (12, 9), text(16.0)))?;
        let middle = Pos::new(HPos::Center, VPos::Center);
        let (Some(until), Some(_)) = (self.until, self.points.last()) else {
            let centre = (WIDTH as i32 / 2, HEIGHT as i32 / 2);
            return area.draw(&Text::new(self.without_points(), centre, text(16.0).pos(middle)));
        };
        let taken = wall(until).strftime("%Y-%m-%d %H:%M").to_string();
        let foot = format!("{}, report of {taken}", printable(&self.zone));
        let right = Pos::new(HPos::Right, VPos::Bottom);
        let corner = (WIDTH as i32 - 12, HEIGHT as i32 - 6);
        area.draw(&Text::new(foot, corner, text(12.5).pos(right)))?;

        let dots: Vec<(f64, f64)> =
            self.points.iter().map(|(made, size)| (days(*made), *size as f64)).collect();
        let made: Vec<f64> = dots.iter().map(|dot| dot.0).collect();
        let until = days(until);
        let most = dots.iter().fold(1.0_f64, |most, dot| most.max(dot.1)) * 1.08;
        let margin = usual_interval(&made) / 2.0;
        // A clock that is wrong must not squeeze the plot to nothing at its end.
        let (from, to) = (made[0] - margin, until.max(made[made.len() - 1]) + margin);
        let (dates, step) = date_ticks(from, to);
        let sizes = size_ticks(most);
        let mut chart = ChartBuilder::on(area)
            .margin_top(36)
            .margin_right(16)
            .margin_bottom(20)
            .x_label_area_size(26)
            .y_label_area_size(76)
            .build_cartesian_2d(
                Axis { range: from..to, ticks: dates },
                Axis { range: 0.0..most, ticks: sizes.iter().map(|(at, _)| *at).collect() },
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(colours.grid)
            .axis_style(colours.ink)
            .label_style(text(13.0))
            .x_label_formatter(&|at| date_label(*at, step))
            .y_label_formatter(&|at| {
                sizes.iter().find(|(tick, _)| tick == at).map_or_else(String::new, |(_, words)| words.clone())
            })
            .draw()?;
        let gaps = gaps(&made, until);
        for gap in &gaps {
            self.draw_gap(&mut chart, gap, most, (from, to), text(12.5).pos(middle), colours)?;
        }
        let radius = if dots.len() <= MOST_DOTS { 3 } else { 0 };
        for run in runs(&dots, &gaps) {
            chart.draw_series(LineSeries::new(run.iter().copied(), colours.line.stroke_width(2)))?;
            // A line of one point is nothing to see.
            let radius = if run.len() == 1 { 3 } else { radius };
            if radius > 0 {
                chart.draw_series(run.iter().map(|dot| Circle::new(*dot, radius, colours.line.filled())))?;
            }
        }
        let newest = dots.last().map(|dot| Circle::new(*dot, 5, colours.line.filled()));
        chart.draw_series(newest)?;
        Ok(())
    }

    fn draw_gap(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian>,
        gap: &Gap,
        most: f64,
        (from, to): (f64, f64),
        style: TextStyle<'_>,
        colours: &Colours,
    ) -> Outcome {
        let band = Rectangle::new([(gap.from, 0.0), (gap.to, most)], colours.gap.filled());
        chart.draw_series([band])?;
        let pixels = (gap.to - gap.from) / (to - from) * f64::from(WIDTH - 92);
        let words = match pixels {
            pixels if pixels >= ROOM_FOR_WORDS => format!("{} missing", gap.missing),
            pixels if pixels >= ROOM_FOR_WORDS / 4.0 => gap.missing.to_string(),
            _ => return Ok(()),
        };
        chart.draw_series([Text::new(words, (f64::midpoint(gap.from, gap.to), most * 0.5), style)])?;
        Ok(())
    }
}

type Cartesian = Cartesian2d<Axis, Axis>;

/// An axis that is marked where we say.
#[derive(Debug, Clone)]
struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The points between gaps.
fn runs<'a>(dots: &'a [(f64, f64)], gaps: &[Gap]) -> Vec<&'a [(f64, f64)]> {
    let ends_run = |pair: &(f64, f64)| gaps.iter().any(|gap| gap.from == pair.0);
    dots.split_inclusive(ends_run).collect()
}

/// What the wall shows.
fn wall(seconds: i64) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or_default())
}

fn day(at: f64) -> String {
    let (year, rest) = (date_label(at.floor(), 400.0), date_label(at.floor(), 1.0));
    format!("{}-{rest}", year.split('-').next().unwrap_or_default())
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

/// Without the characters that XML does not know even when they are escaped.
fn printable(text: &str) -> String {
    let is_unknown = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_unknown(c) { '\u{fffd}' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
        assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
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
    fn long_titles_keep_both_ends() {
        let title = shortened(&format!("hub ZZ, node SDU: svn/{}-end", "x".repeat(200)));
        assert_eq!(title.chars().count(), LONGEST_TITLE);
        assert!(title.starts_with("hub ZZ, node SDU: svn/") && title.ends_with("-end"));
    }
}
