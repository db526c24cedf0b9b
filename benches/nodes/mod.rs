//! The program, in release mode, with nodes to probe.

use std::fs;
use std::path::Path;

use testbed::{Client, Exporter};

/// The time limit of a probe, in seconds.
pub(crate) const LIMIT: u64 = 110;

/// Starts the exporter with one hub, `A`, which has a node of each of these aliases.
pub(crate) fn exporter(client: &Client, directory: &Path, aliases: &[String]) -> anyhow::Result<Exporter> {
    let config = directory.join("config.ini");
    let text = format!(
        "[HUB]\nA = {}\n\n[ENV]\nssh_config = {}\ntimeout = 60\nprobe_timeout = {LIMIT}\n\n\
         [hub A]\nsrvnode = srv1\ntimezone = Asia/Shanghai\n",
        aliases.join(" "),
        client.ssh_config().display(),
    );
    fs::write(&config, text)?;
    Exporter::start(Path::new(env!("CARGO_BIN_EXE_scm-backup-exporter")), &[&config])
}
