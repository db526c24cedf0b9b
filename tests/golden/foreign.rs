//! The exposition as others read it.

use std::fs;
use std::process::Command;

use scm_backup_exporter::metrics::Format;
use testbed::{prometheus, tool};

use crate::scene::exposition;

/// Reads both files, each with the parser of its format, and compares the samples.
const SAME_SAMPLES: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text
def samples(parse, path):
    with open(path, encoding='utf-8', newline='') as file:
        families = list(parse(file.read()))
    return sorted((s.name, sorted(s.labels.items()), float(s.value)) for f in families for s in f.samples)
one, other = samples(open_metrics, sys.argv[1]), samples(text, sys.argv[2])
differing = [s for s in one if s not in other] + [s for s in other if s not in one]
assert one == other, differing[:5]
print(len(one))
";

#[test]
fn promtool_has_nothing_to_say_of_the_text() {
    prometheus::check_metrics(&exposition(Format::Text)).unwrap();
}

#[test]
fn strict_parser_takes_the_open_metrics() {
    prometheus::check_openmetrics(&exposition(Format::OpenMetrics)).unwrap();
}

#[test]
fn parsers_of_both_formats_find_the_same_samples() {
    tool::find("prometheus_client").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let paths = ["metrics.om", "metrics.txt"].map(|name| directory.path().join(name));
    for (path, format) in paths.iter().zip([Format::OpenMetrics, Format::Text]) {
        fs::write(path, exposition(format)).unwrap();
    }
    // Debian's own, which the package belongs to.
    let output = Command::new("/usr/bin/python3").args(["-c", SAME_SAMPLES]).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let count: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let lines = exposition(Format::Text).lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(count, lines);
}
