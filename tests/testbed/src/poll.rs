//! Waiting for something to become true, with a bound.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::Result;

/// Long enough for a loaded machine; nothing waits for it unless it fails.
pub const BOUND: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Errors
/// When there is none within [`BOUND`], or the question itself fails.
pub fn until<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(BOUND, what, ask)
}

/// As [`until`], with another bound.
///
/// # Errors
/// When there is no answer within the bound, or the question itself fails.
pub fn until_within<T>(bound: Duration, what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > bound {
            bail!("waited {} s in vain until {what}", bound.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a program's end.
///
/// # Errors
/// When it does not end within [`BOUND`].
pub fn until_ended(child: &mut Child) -> Result<ExitStatus> {
    until("the program ends", || Ok(child.try_wait()?))
}
