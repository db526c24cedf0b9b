//! The Prometheus text format 0.0.4, made from the OpenMetrics text.

/// The same exposition for clients that do not read OpenMetrics. Samples are the same, byte for byte; only the
/// comments differ: there are no units, no end mark, no info type, and a counter is described under the name
/// that its sample bears.
pub(super) fn from_open_metrics(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut held_help: Option<&str> = None;
    for line in body.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        if line.starts_with("# HELP ") {
            // Which name it is for shows in the TYPE line that follows.
            held_help = Some(line);
            continue;
        }
        let Some(described) = line.strip_prefix("# TYPE ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let (name, kind) = described.split_once(' ').unwrap_or((described, "untyped"));
        let (suffix, kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            "unknown" => ("", "untyped"),
            kind => ("", kind),
        };
        if let Some((_, help)) = held_help.take().and_then(|line| line["# HELP ".len()..].split_once(' ')) {
            text.push_str(&format!("# HELP {name}{suffix} {help}\n"));
        }
        text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_differ() {
        let open = "# HELP a_bytes Size.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes{x=\"# TYPE\"} 1\n\
            # HELP c Count.\n# TYPE c counter\nc_total 2\n# HELP i Facts.\n# TYPE i info\ni_info{v=\"1\"} 1\n# EOF\n";
        let text = "# HELP a_bytes Size.\n# TYPE a_bytes gauge\na_bytes{x=\"# TYPE\"} 1\n\
            # HELP c_total Count.\n# TYPE c_total counter\nc_total 2\n# HELP i_info Facts.\n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n";
        assert_eq!(from_open_metrics(open), text);
    }
}
