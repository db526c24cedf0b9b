//! Whether a request comes from a page of ours: another site must not make a browser act here.

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser says that one of our own pages asks. A request that says nothing of where it comes from is not
/// taken for one: every browser says it of a POST.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin";
    }
    // Browsers leave it out where the page came over plain HTTP from another machine.
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(&ORIGIN), text(&HOST)) else { return false };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Whether a browser may have been made to ask by a page of another site. A program says nothing of where it comes from; a
/// browser always does, of a POST.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    (headers.contains_key(FETCH_SITE) || headers.contains_key(ORIGIN)) && !is_same_origin(headers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let host = ("host", "backup.example.org:10222");
        let headers = lines.iter().chain([&host]);
        headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn judged(lines: &[(&'static str, &str)]) -> bool {
        is_same_origin(&headers(lines))
    }

    #[test]
    fn programs_and_our_own_pages_are_not_cross_site() {
        let origin = ("origin", "http://backup.example.org:10222");
        for lines in [&[] as &[_], &[origin], &[("sec-fetch-site", "same-origin"), origin]] {
            assert!(!is_cross_site(&headers(lines)), "{lines:?}");
        }
        for lines in [
            &[("origin", "http://evil.example")] as &[_],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), origin],
        ] {
            assert!(is_cross_site(&headers(lines)), "{lines:?}");
        }
    }

    #[test]
    fn only_our_own_pages_are_taken() {
        assert!(judged(&[("sec-fetch-site", "same-origin")]));
        assert!(judged(&[("origin", "http://backup.example.org:10222")]));
        assert!(judged(&[("origin", "https://Backup.example.org:10222")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(
                !judged(&[("sec-fetch-site", site), ("origin", "http://backup.example.org:10222")]),
                "{site}"
            );
        }
        for origin in
            ["null", "http://evil.example", "http://backup.example.org", "backup.example.org:10222", ""]
        {
            assert!(!judged(&[("origin", origin)]), "{origin}");
        }
        assert!(!judged(&[]));
    }
}
