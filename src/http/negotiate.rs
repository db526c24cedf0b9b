//! What the client accepts: exposition format, compression, and how long it will wait.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::metrics::Format;

/// Time kept back from a scrape's budget for encoding and sending the reply.
const RESERVE: Duration = Duration::from_millis(500);

/// The header in which Prometheus says how long it will wait.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// The exposition format that the client likes best; the text format where it does not say.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut best = (0.0, Format::Text);
    for (media, quality) in choices(headers, &ACCEPT) {
        let mut parts = media.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let version =
            parts.find_map(|part| part.strip_prefix("version=")).map(|value| value.trim_matches('"'));
        let format = match (name, version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => Format::OpenMetrics,
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Format::Text,
            _ => continue,
        };
        if quality > best.0 {
            best = (quality, format);
        }
    }
    best.1
}

/// Whether the client takes gzip: what it says of gzip counts more than what it says of any coding.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any) = (None, 0.0);
    for (coding, quality) in choices(headers, &ACCEPT_ENCODING) {
        match coding.as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "*" => any = quality,
            _ => {}
        }
    }
    gzip.unwrap_or(any) > 0.0
}

/// How long a scrape may wait for probes; `None` when the client does not say.
pub(super) fn budget(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(SCRAPE_TIMEOUT)?.to_str().ok()?.trim().parse().ok()?;
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())?;
    // Of a very short timeout, half.
    Some(timeout.saturating_sub(RESERVE).max(timeout / 2))
}

/// The comma-separated choices of a header, each without its quality, and that.
fn choices<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (String, f64)> + use<'a> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|choice| {
        let mut quality = 1.0;
        let rest: Vec<&str> = choice
            .split(';')
            .map(str::trim)
            .filter(|part| match part.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("q") => {
                    quality = value.parse().unwrap_or(0.0);
                    false
                }
                _ => true,
            })
            .collect();
        (rest.join(";").to_ascii_lowercase(), quality)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn prometheus_gets_open_metrics_and_a_browser_gets_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(format(&headers(ACCEPT, prometheus)), Format::OpenMetrics);
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(format(&headers(ACCEPT, browser)), Format::Text);
        assert_eq!(format(&HeaderMap::new()), Format::Text);
        assert_eq!(format(&headers(ACCEPT, "text/plain, application/openmetrics-text;q=0")), Format::Text);
        let shouting = "application/openmetrics-text;Q=0.1, text/plain;Q=0.5";
        assert_eq!(format(&headers(ACCEPT, shouting)), Format::Text);
        // What we write is 1.0.0, and nothing else that bears its name.
        for other in ["0.0.1", "2.0.0"] {
            let accept = format!("application/openmetrics-text; version={other}, text/plain;q=0.1");
            assert_eq!(format(&headers(ACCEPT, &accept)), Format::Text);
        }
    }

    #[test]
    fn gzip_only_where_it_is_taken() {
        for taken in ["deflate, gzip;q=0.5", "GZIP", "gzip;Q=0.5", "x-gzip", "*", "gzip, *;q=0"] {
            assert!(takes_gzip(&headers(ACCEPT_ENCODING, taken)), "{taken}");
        }
        for not_taken in ["gzip;q=0, br", "*, gzip;q=0", "identity", "gzip;q=NaN", ""] {
            assert!(!takes_gzip(&headers(ACCEPT_ENCODING, not_taken)), "{not_taken}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn budget_keeps_half_a_second_back() {
        let budget = |value| budget(&headers(SCRAPE_TIMEOUT, value));
        assert_eq!(budget("10"), Some(Duration::from_millis(9500)));
        assert_eq!(budget("0.2"), Some(Duration::from_millis(100)));
        for nonsense in ["", "-1", "0", "NaN", "inf", "1e300", "ten"] {
            assert_eq!(budget(nonsense), None, "{nonsense}");
        }
    }
}
