//! The layout of tarballs: `<kind>/<name>/<YYYY>/<MM>/<DD>/<HHMMSS>/<name>[-<revision>].tar.gz` below the root.
//!
//! Paths are bytes, and a name can contain any byte except newline and slash. A real directory `<kind>/<name>/last/` is
//! the copy that `cp -L` or `scp -r` makes of the `last` link: paths below it are neither tarballs nor rejects.

use memchr::memchr;

use super::path_error::PathError;
use super::stamp::Stamp;

/// The suffix of a sidecar, after the tarball's name.
pub(super) const SIDECAR_SUFFIX: &[u8] = b".dna";

/// The length of the longest path that fits the layout: three names of at most 255 bytes, and the stamp.
const LONGEST: usize = 3 * 255 + Stamp::LEN + 4;

/// A path that fits the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BackupPath<'a> {
    /// `<kind>/<name>`, as bytes.
    pub(super) repo: &'a [u8],
    /// When the tarball was made.
    pub(super) stamp: Stamp,
    /// Name of the tarball itself.
    pub(super) file: &'a [u8],
}

/// Finds where a path lies; `None` for a copy beneath `last/`.
///
/// `repo_before` is the repo of the previous path: tarballs of one repo come in runs, and a path that begins with it
/// need not be searched for slashes.
pub(super) fn parse_path<'a>(
    path: &'a [u8],
    repo_before: &[u8],
) -> Result<Option<BackupPath<'a>>, PathError<'a>> {
    let known = !repo_before.is_empty()
        && path.starts_with(repo_before)
        && path.get(repo_before.len()) == Some(&b'/');
    let repo_len = if known { repo_before.len() } else { repo_len(path).ok_or(PathError::Layout)? };
    let (repo, dated) = (&path[..repo_len], &path[repo_len + 1..]);
    if dated.starts_with(b"last/") {
        return Ok(None);
    }
    let Some((stamp, [b'/', file @ ..])) = dated.split_first_chunk::<{ Stamp::LEN }>() else {
        return Err(PathError::Layout);
    };
    if path.len() > LONGEST || memchr(b'/', file).is_some() {
        return Err(PathError::Layout);
    }
    let stamp = Stamp::parse(stamp)?;
    let name = memchr(b'/', repo).map_or(repo, |slash| &repo[slash + 1..]);
    if !is_tarball_of(name, file) {
        return Err(PathError::File(name));
    }
    Ok(Some(BackupPath { repo, stamp, file }))
}

/// Length of `<kind>/<name>` in a path that continues after it.
fn repo_len(path: &[u8]) -> Option<usize> {
    let kind = memchr(b'/', path).filter(|len| *len > 0)?;
    let name = memchr(b'/', &path[kind + 1..]).filter(|len| *len > 0)?;
    Some(kind + 1 + name)
}

fn is_tarball_of(name: &[u8], file: &[u8]) -> bool {
    let stem = file.strip_suffix(b".tar.gz");
    match stem.and_then(|stem| stem.strip_prefix(name)) {
        Some([]) => true,
        Some([b'-', revision @ ..]) => !revision.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn found(path: &[u8]) -> (Vec<u8>, String, Vec<u8>) {
        let parsed = parse_path(path, b"").unwrap().unwrap();
        (parsed.repo.to_owned(), parsed.stamp.to_text(), parsed.file.to_owned())
    }

    fn reason(path: &str) -> String {
        parse_path(path.as_bytes(), b"").unwrap_err().to_string()
    }

    const LAYOUT: &str = "not <kind>/<name>/YYYY/MM/DD/HHMMSS/<file>";

    #[test]
    fn tarballs_with_and_without_a_revision_are_placed() {
        assert_eq!(
            found(b"tracs/env/2012/11/13/161023/env.tar.gz"),
            (b"tracs/env".to_vec(), "2012/11/13/161023".to_owned(), b"env.tar.gz".to_vec())
        );
        assert_eq!(found(b"svn/env/2012/11/13/161023/env-3591.tar.gz").2, b"env-3591.tar.gz");
        assert_eq!(found(b"svn/env/2012/11/13/161023/env-3591-1.tar.gz").2, b"env-3591-1.tar.gz");
    }

    #[test]
    fn names_may_hold_any_byte() {
        assert_eq!(
            found(b"svn/a b\t'\xff\"-c/2012/11/13/161023/a b\t'\xff\"-c-1.tar.gz").0,
            b"svn/a b\t'\xff\"-c"
        );
        assert_eq!(found(b"svn/last/2012/11/13/161023/last-1.tar.gz").0, b"svn/last");
    }

    #[test]
    fn the_repo_before_changes_nothing_but_the_speed() {
        let path = b"svn/env2/2012/11/13/161023/env2-1.tar.gz";
        for before in [&b""[..], b"svn/env", b"svn/env2", b"tracs/env2", path] {
            assert_eq!(parse_path(path, before).unwrap().unwrap().repo, b"svn/env2", "{before:?}");
        }
    }

    #[test]
    fn copies_beneath_last_are_neither_tarballs_nor_faults() {
        assert_eq!(parse_path(b"svn/env/last/env-1.tar.gz", b""), Ok(None));
        assert_eq!(parse_path(b"svn/env/last/env-1.tar.gz", b"svn/env"), Ok(None));
        assert_eq!(parse_path(b"svn/env/last/deeper/env-1.tar.gz", b""), Ok(None));
    }

    #[test]
    fn paths_that_do_not_fit_say_why() {
        assert_eq!(reason("env.tar.gz"), LAYOUT);
        assert_eq!(reason("svn/env.tar.gz"), LAYOUT);
        assert_eq!(reason("svn//2012/11/13/161023/.tar.gz"), LAYOUT);
        assert_eq!(reason("/env/2012/11/13/161023/env.tar.gz"), LAYOUT);
        assert_eq!(reason("svn/env/2012/11/13/env-1.tar.gz"), LAYOUT);
        assert_eq!(
            reason("svn/env/2012/11/13/161023/"),
            "the file is not named env.tar.gz or env-<revision>.tar.gz"
        );
        assert_eq!(reason("svn/env/2012/11/13/161023/deeper/env-1.tar.gz"), LAYOUT);
        assert_eq!(reason("svn/env/2012/11/13/1610234/env-1.tar.gz"), LAYOUT);
        assert_eq!(reason("svn/env/2013/02/31/161023/env-1.tar.gz"), "no such day 2013/02/31");
        assert_eq!(reason("svn/env/2013/02/03/251023/env-1.tar.gz"), "no such time 251023");
        assert_eq!(reason(&format!("svn/{}/2013/02/03/161023/x.tar.gz", "x".repeat(1000))), LAYOUT);
    }

    #[test]
    fn files_of_another_name_are_rejected() {
        for file in [
            "env2-1.tar.gz",
            "env-.tar.gz",
            "env-1.tgz",
            "env.gz",
            "env-1.tar.gz.part",
            "xenv.tar.gz",
            ".tar.gz",
        ] {
            let path = format!("svn/env/2012/11/13/161023/{file}");
            assert_eq!(reason(&path), "the file is not named env.tar.gz or env-<revision>.tar.gz", "{file}");
        }
    }

    #[test]
    fn no_spoilt_path_is_placed_elsewhere_or_ends_the_program() {
        let whole = b"svn/env/2012/11/13/161023/env-3591.tar.gz";
        for at in 0..whole.len() {
            assert!(!matches!(parse_path(&whole[..at], b"svn/env"), Ok(Some(_))), "cut at {at}");
            for byte in [b'/', b'\0', b'9', b'.', 0xff] {
                let mut spoilt = whole.to_vec();
                spoilt[at] = byte;
                for before in [&b""[..], b"svn/env", b"svn", b"/"] {
                    if let Ok(Some(parsed)) = parse_path(&spoilt, before) {
                        assert_eq!(parsed.repo, &spoilt[..7], "{byte} at {at}");
                    }
                }
            }
        }
    }
}
