//! `$VAR`, `${VAR}`, `~` and `%(name)s` in values.

use super::suggest::suggest;

/// Returns the value of an environment variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The values of `%(name)s`; `None` if a setting applies to several hubs or nodes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names<'a> {
    pub(super) hub: Option<&'a str>,
    pub(super) srvnode: Option<&'a str>,
    pub(super) node: Option<&'a str>,
}

impl Names<'_> {
    fn get(&self, name: &str) -> Result<&str, String> {
        let all = [("hub", self.hub), ("srvnode", self.srvnode), ("node", self.node)];
        match all.iter().find(|(known, _)| *known == name) {
            Some((_, Some(value))) => Ok(value),
            Some((_, None)) => Err(format!("`%({name})s` has no meaning here; write the value out")),
            None => Err(match suggest(name, all.map(|(known, _)| known)) {
                Some(meant) => format!("`%({name})s` is not known; did you mean `%({meant})s`?"),
                None => format!("`%({name})s` is not known; only %(hub)s, %(srvnode)s and %(node)s are"),
            }),
        }
    }
}

/// The machine whose environment `$VAR` and `~` refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expansion {
    /// This machine: they are replaced.
    Here,
    /// The node: they stay unchanged.
    OnTheNode,
}

/// The expanded value. Replacements are not expanded again.
pub(super) fn expand(
    text: &str,
    expansion: Expansion,
    names: &Names<'_>,
    env: Env<'_>,
) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    let mut start = true;
    while !rest.is_empty() {
        let (plain, after) = match rest.find("%%").into_iter().chain(rest.find("%(")).min() {
            Some(percent) => rest.split_at(percent),
            None => (rest, ""),
        };
        match expansion {
            Expansion::Here => expanded.push_str(&environment(plain, start, env)?),
            Expansion::OnTheNode => expanded.push_str(plain),
        }
        start = false;
        rest = after;
        if let Some(after) = rest.strip_prefix("%%") {
            expanded.push('%');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("%(") {
            let (name, after) = after
                .split_once(')')
                .ok_or("a `%(` that is not closed; write `%(node)s`, or `%%(` for itself")?;
            rest = after.strip_prefix('s').ok_or_else(|| {
                format!("`%({name})` lacks its `s`; write `%({name})s`, or `%%({name})` for itself")
            })?;
            expanded.push_str(names.get(name)?);
        }
    }
    Ok(expanded)
}

fn environment(text: &str, start: bool, env: Env<'_>) -> Result<String, String> {
    // The crate ignores an unclosed `${`.
    let opened = text.replace("$$", "");
    if let Some(open) = opened.rfind("${").filter(|open| !opened[*open..].contains('}')) {
        return Err(format!("`{}` is not closed; write `${{NAME}}`", &opened[open..]));
    }
    let lookup = |name: &str| env(name).map(Some).ok_or(());
    let undefined = |name: &str| {
        format!(
            "`${name}` is not set in the environment; set it, write the value out, or write `$$` for a plain `$`"
        )
    };
    if start && (text == "~" || text.starts_with("~/")) {
        let home =
            env("HOME").ok_or("`~` needs the variable HOME, which is not set; write the directory out")?;
        return shellexpand::full_with_context(text, || Some(home), lookup)
            .map(std::borrow::Cow::into_owned)
            .map_err(|error| undefined(&error.var_name));
    }
    shellexpand::env_with_context(text, lookup)
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| undefined(&error.var_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(text: &str) -> Result<String, String> {
        let env = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "TRICKY" => Some("~ $HOME %(hub)s".to_owned()),
            _ => None,
        };
        let names = Names { hub: Some("ZZ"), srvnode: Some("$HOME"), node: None };
        expand(text, Expansion::Here, &names, &env)
    }

    #[test]
    fn every_notation_is_replaced_once() {
        for (text, expected) in [
            ("~/x", "/home/me/x"),
            ("~", "/home/me"),
            ("a~", "a~"),
            ("$HOME/%(hub)s${HOME}", "/home/me/ZZ/home/me"),
            ("%(srvnode)s", "$HOME"),
            ("$TRICKY", "~ $HOME %(hub)s"),
            ("${UNSET:-fallback}", "fallback"),
            ("100% %%(hub)s %20 $$HOME $ $", "100% %(hub)s %20 $HOME $ $"),
            ("%(hub)s~/x", "ZZ~/x"),
        ] {
            assert_eq!(here(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        for (text, part) in [
            ("a/$NOT_SET/b", "`$NOT_SET` is not set"),
            ("${NOT_SET}", "`$NOT_SET` is not set"),
            ("${HOME", "`${HOME` is not closed"),
            ("%(hubb)s", "did you mean `%(hub)s`"),
            ("%(x)s", "only %(hub)s"),
            ("%(node)s", "has no meaning here"),
            ("%(hub)", "lacks its `s`"),
            ("%(hub", "not closed"),
        ] {
            let wrong = here(text).err().unwrap_or_default();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }

    #[test]
    fn without_a_home_a_tilde_is_refused() {
        let wrong = expand("~/x", Expansion::Here, &Names::default(), &|_| None).err().unwrap_or_default();
        assert!(wrong.contains("HOME"), "{wrong}");
    }

    #[test]
    fn what_the_node_resolves_stays_unchanged() {
        let names = Names { hub: Some("ZZ"), ..Names::default() };
        let left = expand("$SCM_FOLD/%(hub)s", Expansion::OnTheNode, &names, &|_| None);
        assert_eq!(left.as_deref(), Ok("$SCM_FOLD/ZZ"));
    }
}
