//! Values that become part of the path of a hub's tarballs on a node.

use super::{Read, quoted, unfit};
use crate::text::is_hidden;

/// The host name of a hub as it appears in paths: one path component.
pub(in crate::config) fn srvnode(text: &str) -> Read<String> {
    let odd = |c: char| c.is_whitespace() || is_hidden(c) || "/$`\\'\",;*?".contains(c);
    if text.contains(odd) || matches!(text, "." | "..") || text.starts_with(['-', '~']) {
        return Err(unfit(text, "is not one directory name; write the hub's host name as in the paths"));
    }
    Ok(text.to_owned())
}

/// The directory on the node that contains `backup/`; a leading variable becomes `$NAME`.
pub(in crate::config) fn scm_fold(text: &str) -> Read<String> {
    let (start, rest) = match text.strip_prefix('$') {
        Some(variable) => {
            let (name, rest) = match variable.strip_prefix('{') {
                Some(braced) => braced.split_once('}').unwrap_or(("", "")),
                None => variable.split_at(variable.find('/').unwrap_or(variable.len())),
            };
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if name.is_empty() || !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(unfit(text, "does not start with a plain variable; write $NAME or $NAME/…"));
            }
            (format!("${name}"), rest)
        }
        None => match text.strip_prefix('~') {
            Some(rest) => ("~".to_owned(), rest),
            None => (String::new(), text),
        },
    };
    if !(rest.starts_with('/') || rest.is_empty() && !start.is_empty()) {
        return Err(unfit(text, "is not a directory on the node; start it with `/`, `~/` or `$NAME`"));
    }
    match rest.chars().find(|c| is_hidden(*c) || matches!(c, '$' | '`')) {
        Some(c) if is_hidden(c) => {
            Err("contains a control or invisible character; write one directory".to_owned())
        }
        Some(c) => {
            let what = if c == '$' { "a variable" } else { "a backtick" };
            Err(format!("{} contains {what} in the middle; only its start can be a variable", quoted(text)))
        }
        None => Ok(start + rest.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_starts_with_what_the_node_can_resolve() {
        for (text, expected) in [
            ("/data/scm", "/data/scm"),
            ("/data/scm//", "/data/scm"),
            ("/", ""),
            ("~", "~"),
            ("~/scm", "~/scm"),
            ("$SCM_FOLD", "$SCM_FOLD"),
            ("${SCM_FOLD}/x y", "$SCM_FOLD/x y"),
        ] {
            assert_eq!(scm_fold(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "", "scm", "~scm/x", "$", "$1", "$A-B", "${A", "${}", "${A:-x}", "${A}b", "$A$B", "/a/$B",
            "/a`b`", "/a\nb",
        ] {
            assert!(scm_fold(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_srvnode_is_one_component() {
        assert_eq!(srvnode("dayabay.ihep.ac.cn").as_deref(), Ok("dayabay.ihep.ac.cn"));
        for text in [".", "..", "a/b", "/a", "a b", "$A", "-a", "~", "a`b`", "a\tb"] {
            assert!(srvnode(text).is_err(), "{text}");
        }
    }
}
