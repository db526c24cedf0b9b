//! A terminal with a program in it, as a person has one: keys go in, and what is written on the screen is kept.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::{Result, poll, tool};

/// Its program ends when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    program: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a program in a session of its own, with a new terminal of 200 columns that can do nothing but write.
    ///
    /// # Errors
    /// When a tool is missing, or there is no terminal to be had.
    pub fn start(program: &Command) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags)?;
        grantpt(&controller)?;
        unlockpt(&controller)?;
        tcsetwinsize(&controller, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 })?;
        let end = || Ok::<_, anyhow::Error>(Stdio::from(ioctl_tiocgptpeer(&controller, flags)?));
        // It makes its standard input the terminal of the session, for which we would need unsafe code.
        let mut command = Command::new(tool::find("setsid")?);
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = program.get_current_dir() {
            command.current_dir(directory);
        }
        command.env("TERM", "dumb").stdin(end()?).stdout(end()?).stderr(end()?);
        let program = command.spawn().context("cannot start a program in a terminal")?;
        // It holds the other end as long as it lives.
        drop(command);
        let keys = File::from(controller);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut source, kept) = (keys.try_clone()?, screen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error when the last program in the terminal has.
            while let Ok(count) = source.read(&mut bytes)
                && count > 0
            {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
            }
        });
        Ok(Self { program, keys, screen })
    }

    /// Presses these keys.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Everything written so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until something has been written so many times.
    ///
    /// # Errors
    /// When it is not, with what was written.
    pub fn until_written(&self, text: &str, times: usize) -> Result<()> {
        poll::until(&format!("{text:?} is written"), || {
            Ok((self.screen().matches(text).count() >= times).then_some(()))
        })
        .with_context(|| self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // setsid has become the program. What else runs in the terminal is hung up by the kernel.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
