//! The Alertmanager configuration and the mail templates, judged by amtool, and by a mail server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod dialogue;
mod looks;
mod routes;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;
use testbed::alertmanager::check_config;

/// A configuration of the exporter, and what it prints of it.
pub struct Files {
    directory: TempDir,
}

impl Files {
    fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.ini"), config).unwrap();
        Self { directory }
    }

    /// Hubs of these names, each with these addresses.
    pub fn hubs(hubs: &[(&str, &str)]) -> Self {
        let mut config = "[HUB]\n".to_owned();
        for (hub, _) in hubs {
            config += &format!("{hub} = N1\n");
        }
        for (hub, email) in hubs {
            config += &format!("[hub {hub}]\nsrvnode = srv\n");
            if !email.is_empty() {
                config += &format!("email = {email}\n");
            }
        }
        Self::new(&config)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scm-backup-exporter"));
        command.arg("--config.file").arg(self.path("config.ini")).arg("alertmanager-config");
        command.args(arguments).output().unwrap()
    }

    /// The configuration's file, accepted by amtool, and the warnings.
    #[track_caller]
    pub fn printed(&self, arguments: &[&str]) -> (PathBuf, String) {
        let templates = self.templates(&[]);
        let mut all = vec![
            "--smtp.smarthost=localhost:2525",
            "--smtp.from=backup@example.org",
            "--mail.templates-file",
            templates.to_str().unwrap(),
        ];
        all.extend(arguments);
        let output = self.run(&all);
        let warnings = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{warnings}");
        let path = self.path("alertmanager.yml");
        fs::write(&path, &output.stdout).unwrap();
        check_config(&path).unwrap();
        (path, warnings)
    }

    pub fn templates(&self, arguments: &[&str]) -> PathBuf {
        let mut all = vec!["--templates"];
        all.extend(arguments);
        let path = self.path("scm-backup.tmpl");
        fs::write(&path, self.run(&all).stdout).unwrap();
        path
    }

    /// Exit status and what is said of a command line that is refused.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--smtp.smarthost=localhost:25", "--smtp.from=backup@example.org"];
        all.extend(arguments);
        let output = self.run(&all);
        assert!(!output.status.success(), "{all:?} is accepted");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}
