//! Recognises files in another format than INI, which would otherwise give a fault for nearly every line.

/// What to do about such a file.
pub(super) const ADVICE: &str =
    "write sections as `[ZZ]` and settings as `key = value`, and separate the words of a value by spaces";

/// The likely format of a text; `None` if it can be INI. Few marks are certain, so the result counts only if the text does
/// not load as INI.
pub(super) fn format(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with('#'));
    let first = lines().find(|line| !line.is_empty())?;
    if first.starts_with('<') {
        return Some("XML");
    }
    if first.starts_with('{') || first == "[" || first.starts_with("[{") {
        return Some("JSON");
    }
    let is_toml =
        |line: &str| line.starts_with("[[") || line.split_once('=').is_some_and(|(_, it)| is_toml_value(it));
    if lines().any(is_toml) {
        return Some("TOML");
    }
    let is_header = |line: &str| line.starts_with('[') && line.ends_with(']');
    let is_yaml = |line: &str| {
        let content = line.trim_start();
        line == "---" || content.starts_with("- ") || content.ends_with(':') && !content.starts_with(';')
    };
    (!lines().any(is_header) && lines().any(is_yaml)).then_some("YAML")
}

/// Whether it is an array or an inline table of TOML. `[::1]` alone is an address.
fn is_toml_value(text: &str) -> bool {
    let text = text.trim();
    let within = text.strip_prefix('[').map(str::trim_start);
    within.is_some_and(|within| within.is_empty() || within.starts_with(['"', '\'']))
        || text.starts_with('{') && text.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_recognised_by_their_marks() {
        for (text, expected) in [
            ("# hubs\nhubs:\n  ZZ: [SDU]\n", "YAML"),
            ("---\nZZ: SDU\n", "YAML"),
            ("- ZZ\n- WW\n", "YAML"),
            ("{\"hubs\": {}}", "JSON"),
            ("\u{feff}[\n  {}\n]\n", "JSON"),
            ("[HUB]\nZZ = [\"SDU\", 'C']\n", "TOML"),
            ("[HUB]\nZZ = [\n  \"SDU\",\n]\n", "TOML"),
            ("[[hub]]\nname = \"ZZ\"\n", "TOML"),
            ("[hubs]\nZZ = { nodes = \"SDU\" }\n", "TOML"),
            ("<?xml version=\"1.0\"?>\n<hubs/>\n", "XML"),
        ] {
            assert_eq!(format(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_ini_is_not_taken_for_another_format() {
        for text in [
            "",
            "; hubs:\n[HUB]\nZZ = [::1] [fe80::1]:22\n",
            "[HUB]\nZZ : SDU\n",
            "ZZ = SDU\n",
            "ZZ: SDU\n",
            "[ZZ]\nmessage = [see below]\nselect =\n  - x\n",
            "[ZZ\nsrvnode = a\n",
        ] {
            assert_eq!(format(text), None, "{text}");
        }
    }
}
