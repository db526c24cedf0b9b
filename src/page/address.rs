//! Where pages and plots are. Names may hold any character; in an address each is one encoded segment. The only place
//! that knows `percent_encoding`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Where the pages of hubs begin.
pub const HUBS: &str = "/hub/";
/// Where plots begin.
pub const PLOTS: &str = "/plot/";

/// All but what needs no encoding in a segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const PLOT_SUFFIX: &str = ".svg";

/// One name as a segment of a path, or as a value of a query.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// The page of a hub.
pub fn of_hub(hub: &str) -> String {
    format!("{HUBS}{}", segment(hub))
}

/// The plot of a repo, given as its label.
pub fn of_plot(hub: &str, node: &str, repo: &str) -> String {
    let (kind, name) = repo.split_once('/').unwrap_or((repo, ""));
    format!("{PLOTS}{}/{}/{}/{}{PLOT_SUFFIX}", segment(hub), segment(node), segment(kind), segment(name))
}

/// The hub whose page a path is.
pub fn hub_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix(HUBS)?;
    if rest.is_empty() || rest.contains('/') { None } else { decoded(rest) }
}

/// Hub, node and repo whose plot a path is.
pub fn plot_of(path: &str) -> Option<(String, String, String)> {
    let mut segments = path.strip_prefix(PLOTS)?.strip_suffix(PLOT_SUFFIX)?.split('/').map(decoded);
    let mut next = || segments.next().flatten();
    let (hub, node, kind, name) = (next()?, next()?, next()?, next()?);
    segments.next().is_none().then(|| (hub, node, format!("{kind}/{name}")))
}

/// `None` for what is not UTF-8: no name of ours is.
fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_come_back() {
        for name in ["plain", "a b", "<script>", "100%", "a/b", "a\\xff", "ü?#&\"'", "..", "x.svg"] {
            assert_eq!(hub_of(&of_hub(name)).as_deref(), Some(name));
            let place = (name.to_owned(), name.to_owned(), format!("svn/{}", name.replace('/', "_")));
            let path = of_plot(&place.0, &place.1, &place.2);
            assert!(
                path.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'&?#".contains(&byte)),
                "{path}"
            );
            assert_eq!(plot_of(&path), Some(place));
        }
        assert_eq!(of_plot("ZZ", "SDU", "svn/dybsvn"), "/plot/ZZ/SDU/svn/dybsvn.svg");
    }

    #[test]
    fn other_paths_are_none() {
        for path in ["/hub/", "/hub/a/b", "/hub/%ff", "/hubs", "/plot/a/b/c/d"] {
            assert_eq!((hub_of(path), plot_of(path)), (None, None), "{path}");
        }
        for path in ["/plot/a/b/c.svg", "/plot/a/b/c/d/e.svg", "/plot/.svg", "/plot/a/b/%ff/d.svg"] {
            assert_eq!(plot_of(path), None, "{path}");
        }
    }
}
