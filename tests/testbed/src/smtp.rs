//! A mail server that keeps what it gets: aiosmtpd, which speaks SMTP as any other and delivers to nobody. It takes
//! whatever comes, or asks for TLS and a login first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use mailparse::{MailHeaderMap as _, ParsedMail};
use tempfile::TempDir;

use crate::process::Daemon;
use crate::sshd::free_port;
use crate::{Result, poll, tool};

/// What a mail server asks for before it takes a mail.
#[derive(Debug)]
pub struct Door<'a> {
    /// Files of a certificate and its key, for STARTTLS, without which nothing else is heard; `None` offers no TLS, and has
    /// people log in without.
    pub tls: Option<(&'a Path, &'a Path)>,
    /// Who may come in.
    pub name: &'a str,
    /// Their password.
    pub password: &'a str,
}

/// aiosmtpd's own program knows no login.
const DOOR: &str = include_str!("smtp_door.py");

/// A mail server on loopback that takes every mail, or those of one user. Dropping it ends it.
#[derive(Debug)]
pub struct SmtpSink {
    // Before the directory: fields drop in order.
    daemon: RefCell<Daemon>,
    directory: TempDir,
    address: SocketAddr,
}

/// A mail as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Where it lies.
    pub file: PathBuf,
    /// The addresses that the SMTP dialogue named.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
}

impl SmtpSink {
    /// Starts it, and waits until it greets.
    ///
    /// # Errors
    /// When a tool is missing or it does not come up; the error shows what it printed.
    pub fn start() -> Result<Self> {
        Self::serve(|command, address, mail| {
            command.args(["-u", "-m", "aiosmtpd", "--nosetuid", "--smtputf8"]);
            command.args(["--class", "aiosmtpd.handlers.Mailbox", "--listen", &address.to_string()]);
            command.arg(mail);
        })
    }

    /// As [`SmtpSink::start`], with a door.
    ///
    /// # Errors
    /// When a tool is missing or it does not come up; the error shows what it printed.
    pub fn start_behind(door: &Door<'_>) -> Result<Self> {
        Self::serve(|command, address, mail| {
            command.args(["-u", "-c", DOOR, &address.ip().to_string(), &address.port().to_string()]);
            command.arg(mail).args([door.name, door.password]);
            command.args(door.tls.iter().flat_map(|(certificate, key)| [certificate, key]));
        })
    }

    /// Starts Debian's python3 with the arguments that are put in, for an address and a directory of mails.
    fn serve(arguments: impl Fn(&mut Command, SocketAddr, &Path)) -> Result<Self> {
        tool::find("aiosmtpd")?;
        let directory = tempfile::Builder::new().prefix("smtp-sink-").tempdir()?;
        for _ in 0..5 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
            // Debian's own python3, which the package belongs to, whatever comes first in the PATH.
            let mut command = Command::new("/usr/bin/python3");
            arguments(&mut command, address, &directory.path().join("mail"));
            let daemon = Daemon::start("aiosmtpd", &mut command, &directory.path().join("log"))?;
            let greets = poll::until("aiosmtpd listens", || match daemon.process() {
                None => bail!("aiosmtpd ended; it says:\n{}", daemon.log()),
                Some(_) => Ok(TcpStream::connect(address).is_ok().then_some(())),
            });
            match greets {
                // Another took the port that was free.
                Err(_) if daemon.log().contains("address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self { daemon: RefCell::new(daemon), directory, address }),
            }
        }
        bail!("aiosmtpd finds no free port")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said at its door so far: a line for each step, as `EHLO in clear`, `AUTH PLAIN by alice refused in TLS`.
    pub fn dialogue(&self) -> Vec<String> {
        let log = self.daemon.borrow().log();
        log.lines().filter_map(|line| line.strip_prefix("door: ")).map(str::to_owned).collect()
    }

    /// Every mail that came so far, in the order of their coming.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn mails(&self) -> Result<Vec<Mail>> {
        let mut files = Vec::new();
        // A mail is moved there when it is whole.
        for entry in fs::read_dir(self.directory.path().join("mail/new")).into_iter().flatten() {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        files.iter().map(|(_, path)| read(path)).collect()
    }

    /// Waits until a mail that will do has come to this address, and gives it.
    ///
    /// # Errors
    /// When none comes; the error shows what came.
    pub fn wait_for(&self, to: &str, will_do: impl Fn(&Mail) -> bool) -> Result<Mail> {
        let mut came = BTreeSet::new();
        let waited = poll::until(&format!("a mail to {to} comes"), || {
            let mails = self.mails()?;
            came.extend(mails.iter().map(|mail| format!("{}: {}", mail.to.join(" "), mail.subject)));
            Ok(mails.into_iter().find(|mail| mail.to.iter().any(|address| address == to) && will_do(mail)))
        });
        waited.with_context(|| format!("what came: {came:#?}"))
    }

    /// Ends it: from now on there is no mail server.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&self) -> Result<()> {
        self.daemon.borrow_mut().stop()
    }
}

/// Reads a mail from its file.
///
/// # Errors
/// When it cannot be read, or is no mail.
pub fn read(file: &Path) -> Result<Mail> {
    let bytes = fs::read(file)?;
    let mail = mailparse::parse_mail(&bytes).with_context(|| format!("{} is no mail", file.display()))?;
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    let part = |kind: &str| -> Result<String> {
        match part(&mail, kind) {
            // Lines end on the way in CR LF.
            Some(part) => Ok(part
                .get_body()
                .with_context(|| format!("the {kind} of {}", file.display()))?
                .replace("\r\n", "\n")),
            None => Ok(String::new()),
        }
    };
    Ok(Mail {
        // aiosmtpd notes whom the dialogue named.
        to: header("X-RcptTo").split(',').map(|address| address.trim().to_owned()).collect(),
        subject: header("Subject"),
        text: part("text/plain")?,
        html: part("text/html")?,
        file: file.to_owned(),
    })
}

/// The first part of this type.
fn part<'m, 'b>(mail: &'m ParsedMail<'b>, kind: &str) -> Option<&'m ParsedMail<'b>> {
    if mail.ctype.mimetype == kind {
        return Some(mail);
    }
    mail.subparts.iter().find_map(|inner| part(inner, kind))
}
