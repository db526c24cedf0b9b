//! The web configuration file of `--web.config.file`, as Prometheus and its exporters take it: TLS and users.
//!
//! Read once, at the start. It knows `tls_server_config` with `cert_file` and `key_file`, and `basic_auth_users`; any
//! other key is an error, since a protection that is asked for and not given is worse than none. Paths are relative to
//! the file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::users::{Users, UsersError};

/// How the server protects itself; by default not at all.
#[derive(Default)]
pub struct WebConfig {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) users: Option<Users>,
}

impl std::fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebConfig").field("tls", &self.tls.is_some()).field("users", &self.users).finish()
    }
}

/// Why a web configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebConfigError {
    /// A file that cannot be read.
    #[error("{}: cannot be read", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not what such a file may hold.
    #[error("{}: {detail}", file.display())]
    Malformed {
        /// The web configuration file.
        file: PathBuf,
        /// Where, and what is wrong.
        detail: String,
    },
    /// A certificate or key that cannot be read.
    #[error("{}: tls_server_config: {key}: {} is not a usable PEM file", file.display(), pem_file.display())]
    Pem {
        /// The web configuration file.
        file: PathBuf,
        /// `cert_file` or `key_file`.
        key: &'static str,
        /// The file it names.
        pem_file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A certificate and a key that cannot be used together.
    #[error("{}: tls_server_config: cert_file and key_file cannot be used together", file.display())]
    Tls {
        /// The web configuration file.
        file: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A user whose password is not given as a bcrypt hash.
    #[error("{}: basic_auth_users: {user}: not a bcrypt hash; make one with: htpasswd -nBC 10 {user}", file.display())]
    Hash {
        /// The web configuration file.
        file: PathBuf,
        /// Whose.
        user: String,
    },
    /// The system gives no randomness.
    #[error("no randomness from the system")]
    Randomness,
    /// The system gives no thread.
    #[error("cannot start the thread that checks passwords")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tls_server_config: Option<Tls>,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
}

impl WebConfig {
    /// Reads a web configuration file and the files it names.
    ///
    /// # Errors
    /// Every [`WebConfigError`].
    pub fn load(file: &Path) -> Result<Self, WebConfigError> {
        let text = fs::read_to_string(file)
            .map_err(|source| WebConfigError::Read { file: file.to_owned(), source })?;
        // An empty file asks for nothing.
        let written: Option<Written> = serde_saphyr::from_str(&text).map_err(|error| {
            WebConfigError::Malformed { file: file.to_owned(), detail: error.without_snippet().to_string() }
        })?;
        let Some(written) = written else { return Ok(Self::default()) };
        let tls = written.tls_server_config.map(|tls| acceptor(file, &tls)).transpose()?;
        for (user, hash) in &written.basic_auth_users {
            if hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(WebConfigError::Hash { file: file.to_owned(), user: user.clone() });
            }
        }
        let users = (!written.basic_auth_users.is_empty()).then(|| Users::new(written.basic_auth_users));
        Ok(Self { tls, users: users.transpose()? })
    }
}

impl From<UsersError> for WebConfigError {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::Randomness => Self::Randomness,
            UsersError::Thread(source) => Self::Thread { source },
        }
    }
}

fn acceptor(file: &Path, tls: &Tls) -> Result<TlsAcceptor, WebConfigError> {
    let beside = |path: &Path| file.parent().unwrap_or(Path::new("")).join(path);
    let (cert_file, key_file) = (beside(&tls.cert_file), beside(&tls.key_file));
    let wrong = |key, pem_file: &Path, source| WebConfigError::Pem {
        file: file.to_owned(),
        key,
        pem_file: pem_file.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(&cert_file)
        .and_then(|all| all.collect::<Result<Vec<_>, _>>())
        .map_err(|source| wrong("cert_file", &cert_file, source))?;
    let key =
        PrivateKeyDer::from_pem_file(&key_file).map_err(|source| wrong("key_file", &key_file, source))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|source| WebConfigError::Tls { file: file.to_owned(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.yml");
        fs::write(&file, text).unwrap();
        let error = WebConfig::load(&file).unwrap_err().to_string();
        error.replace(&directory.path().display().to_string(), "DIR")
    }

    #[test]
    fn faults_name_the_file_and_the_key() {
        for (text, words) in [
            ("tls_server_config:\n  cert_file: a.pem\n", "missing field `key_file`"),
            ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "client_ca_file"),
            ("basic_auth_user: {}", "basic_auth_user"),
            ("basic_auth_users: [a]", "line 1"),
            (
                "tls_server_config: {cert_file: a.pem, key_file: b.pem}",
                "tls_server_config: cert_file: DIR/a.pem is not a usable PEM file",
            ),
            (
                "basic_auth_users: {alice: secret}",
                "basic_auth_users: alice: not a bcrypt hash; make one with",
            ),
        ] {
            let error = error(text);
            assert!(error.starts_with("DIR/web.yml: ") && error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn empty_file_asks_for_nothing() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "# nothing yet\n", "{}"] {
            let file = directory.path().join("web.yml");
            fs::write(&file, text).unwrap();
            let config = WebConfig::load(&file).unwrap();
            assert!(config.tls.is_none() && config.users.is_none(), "{text:?}");
        }
    }
}
