//! The demo's mails, for a person: on the terminal as they come, and as files that a browser opens.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::smtp::{Mail, SmtpSink};
use crate::{Demo, Result};

/// How many lines of a mail are shown; its file has all.
const LINES: usize = 24;

/// What came, as it is shown.
#[derive(Debug)]
pub struct Mails<'a> {
    sink: &'a SmtpSink,
    directory: PathBuf,
    shown: BTreeSet<PathBuf>,
    last: Option<(String, String)>,
}

impl Demo {
    /// Where [`Mails`] writes the files.
    pub(super) fn mails_directory(&self) -> PathBuf {
        self.directory.path().join("mails")
    }

    /// The mails that come from now on.
    pub fn mails(&self) -> Mails<'_> {
        Mails {
            sink: &self.mailing.sink,
            directory: self.mails_directory(),
            shown: BTreeSet::new(),
            last: None,
        }
    }
}

impl Mails<'_> {
    /// What to show of the mails that came since it was last asked. They are written as files on the way.
    ///
    /// # Errors
    /// When a mail cannot be read, or a file not be written.
    pub fn new_ones(&mut self) -> Result<String> {
        let mails = self.sink.mails()?;
        let mut text = String::new();
        for mail in &mails {
            if self.shown.insert(mail.file.clone()) {
                text += &self.show(mail)?;
            }
        }
        Ok(text)
    }

    fn show(&mut self, mail: &Mail) -> Result<String> {
        fs::create_dir_all(&self.directory)?;
        let file =
            |kind: &str| self.directory.join(format!("{:03}-{}.{kind}", self.shown.len(), mail.to.join("-")));
        let html = file("html");
        fs::write(&html, &mail.html)?;
        fs::copy(&mail.file, file("eml"))?;

        let mut text = format!("\n== mail to {}: {}\n", mail.to.join(", "), mail.subject);
        let this = (mail.subject.clone(), mail.text.clone());
        if self.last.as_ref() == Some(&this) {
            // The same to somebody else: once is enough.
            return Ok(text);
        }
        text += &format!("   {}\n", html.display());
        let lines: Vec<&str> = mail.text.trim_end().lines().collect();
        for line in lines.iter().take(LINES) {
            text += &format!("   {line}\n");
        }
        if lines.len() > LINES {
            text += &format!("   ... and {} lines more\n", lines.len() - LINES);
        }
        self.last = Some(this);
        Ok(text)
    }
}
