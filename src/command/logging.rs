//! Logging on standard error. This is the only module that uses `tracing-subscriber`.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use clap::builder::{PossibleValue, TypedValueParser};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How messages are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text, coloured on a terminal
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// The levels, least severe last.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A valid level, or a valid filter of the tracing library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogLevel(String);

impl LogLevel {
    /// The library reads an unknown level as the name of a module, and an empty filter as one that passes nothing. Either
    /// would silence the log, so both are errors here.
    fn parse(text: &str) -> Result<Self, String> {
        let level = |word: &str| match word.to_ascii_lowercase().as_str() {
            "warning" => Some("warn"),
            "off" => Some("off"),
            lower => LEVELS.into_iter().find(|level| *level == lower),
        };
        let directive = |text: &str| match text.trim().rsplit_once('=') {
            Some((module, word)) => Some(format!("{module}={}", level(word)?)),
            None => level(text.trim()).map(str::to_owned),
        };
        let filter: Option<Vec<String>> = text.split(',').map(directive).collect();
        filter
            .map(|directives| directives.join(","))
            .filter(|filter| EnvFilter::try_new(filter).is_ok())
            .map(Self)
            .ok_or_else(|| {
                format!("write one of {}, or add levels of modules: info,hyper=debug", LEVELS.join(", "))
            })
    }

    /// The filter, with a default level for modules that it does not name.
    fn filter(given: Option<&Self>, usual: &str) -> EnvFilter {
        let given = given.map(|Self(filter)| format!(",{filter}")).unwrap_or_default();
        EnvFilter::new(format!("{usual}{given}"))
    }
}

/// Parses the flag's value. Completions and help offer the levels; filters are accepted as well.
#[derive(Debug, Clone)]
pub(super) struct LogLevelParser;

impl TypedValueParser for LogLevelParser {
    type Value = LogLevel;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<LogLevel, clap::Error> {
        LogLevel::parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(LEVELS.into_iter().map(PossibleValue::new)))
    }
}

/// Sets up logging; only the first call has an effect. Modules that the filter does not name log at the usual level.
pub(super) fn init(given: Option<&LogLevel>, usual: &str, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(LogLevel::filter(given, usual))
        .with_target(false)
        // By default the library reports a failed write on standard error, and panics if that fails too: a log on a full
        // disk would end the exporter.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let _ = match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        LogLevel::parse(text).ok().map(|LogLevel(filter)| filter)
    }

    #[test]
    fn levels_and_filters_are_taken() {
        for (text, expected) in [
            ("warn", "warn"),
            ("warning", "warn"),
            ("DEBUG", "debug"),
            ("info,hyper=debug", "info,hyper=debug"),
            ("scm_backup_exporter::probe=WARNING, error", "scm_backup_exporter::probe=warn,error"),
            ("off", "off"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_would_silence_everything_is_refused_with_the_levels() {
        for text in ["", " ", "loud", "info,loud", "hyper=loud", "=debug=x", ",", "info,", "[=debug"] {
            assert_eq!(read(text), None, "{text}");
        }
        let wrong = LogLevel::parse("loud").err().unwrap_or_default();
        assert!(LEVELS.iter().all(|level| wrong.contains(level)), "{wrong}");
    }

    #[test]
    fn module_in_a_filter_leaves_the_others_at_their_usual_level() {
        let filter = |text: &str| LogLevel::filter(LogLevel::parse(text).ok().as_ref(), "info").to_string();
        assert!(
            filter("hyper=trace").split(',').any(|directive| directive == "info"),
            "{}",
            filter("hyper=trace")
        );
        assert_eq!(filter("warn"), "warn");
    }
}
