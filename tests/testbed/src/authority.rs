//! An SSH certificate authority: one key that vouches for users and for nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::login::printed;
use crate::sshd::make_key;
use crate::{Result, tool};

/// A key that signs others.
#[derive(Debug)]
pub struct Authority {
    directory: TempDir,
}

impl Authority {
    /// Makes its key.
    ///
    /// # Errors
    /// When ssh-keygen is missing or fails.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("authority-").tempdir()?;
        make_key(&directory.path().join("key"))?;
        Ok(Self { directory })
    }

    /// The file of its public key, for `TrustedUserCAKeys`.
    pub fn public_key_file(&self) -> PathBuf {
        self.directory.path().join("key.pub")
    }

    /// Its public key, as it stands in known hosts behind `@cert-authority`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn public_key(&self) -> Result<String> {
        Ok(fs::read_to_string(self.public_key_file())?.trim_end().to_owned())
    }

    /// Certifies a user's public key for this login name; the certificate lies beside the key, where ssh looks.
    /// `validity` is that of `ssh-keygen -V`, as `-1d:+1d`.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn certify_user(&self, public_key: &Path, user: &str, validity: &str) -> Result<()> {
        self.certify(public_key, &["-n", user, "-V", validity])
    }

    /// Certifies a node's host key for this name; the certificate lies beside the key, for `HostCertificate`.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn certify_host(&self, public_key: &Path, name: &str) -> Result<()> {
        self.certify(public_key, &["-h", "-n", name])
    }

    fn certify(&self, public_key: &Path, options: &[&str]) -> Result<()> {
        let mut command = Command::new(tool::find("ssh-keygen")?);
        command.arg("-q").arg("-s").arg(self.directory.path().join("key")).args(["-I", "testbed"]);
        printed(command.args(options).arg(public_key))?;
        Ok(())
    }
}
