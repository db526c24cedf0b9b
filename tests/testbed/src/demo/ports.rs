//! Where a person finds the demo.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, bail};

use crate::Result;

/// What listens where: three ports in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The exporter's, the first of them.
    pub exporter: u16,
    /// Prometheus'.
    pub prometheus: u16,
    /// Alertmanager's.
    pub alertmanager: u16,
}

impl Ports {
    /// The first of them, unless another is chosen: the exporter's own.
    pub const DEFAULT: &str = "10222";

    /// Reads the first of them.
    ///
    /// # Errors
    /// When it is no number, or there are not three from it on.
    pub fn from_first(text: &str) -> Result<Self> {
        let first = text.parse().ok().filter(|first| (1..=u16::MAX - 2).contains(first));
        let exporter = first.with_context(|| {
            format!(
                "{text:?} is not a port: write a number from 1 to {}, as in make demo PORT=20000",
                u16::MAX - 2
            )
        })?;
        Ok(Self { exporter, prometheus: exporter + 1, alertmanager: exporter + 2 })
    }

    /// Whether all of them can be had.
    ///
    /// # Errors
    /// When one cannot; the error says what to do.
    pub(super) fn ensure_free(&self) -> Result<()> {
        for (port, what) in [
            (self.exporter, "the exporter"),
            (self.prometheus, "Prometheus"),
            (self.alertmanager, "Alertmanager"),
        ] {
            if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                bail!(
                    "{what} cannot have port {port}: {error}; see who has it: ss -ltnp 'sport = :{port}'; \
                     or choose the first of three other ports in a row: make demo PORT=20000"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn ports_are_three_in_a_row() {
        let ports = Ports::from_first(Ports::DEFAULT).unwrap();
        assert_eq!((ports.exporter, ports.prometheus, ports.alertmanager), (10222, 10223, 10224));
        for bad in ["", "0", "65534", "http", "-1", "70000"] {
            assert!(Ports::from_first(bad).unwrap_err().to_string().contains("make demo PORT="), "{bad}");
        }
    }

    #[test]
    fn taken_port_is_named_with_what_to_do() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = other.local_addr().unwrap().port();
        let ports = Ports { exporter: taken, prometheus: taken, alertmanager: taken };
        let said = ports.ensure_free().unwrap_err().to_string();
        for part in
            [&format!("the exporter cannot have port {taken}: "), "in use", "ss -ltnp", "make demo PORT="]
        {
            assert!(said.contains(part), "{said}");
        }
        drop(other);
        ports.ensure_free().unwrap();
    }
}
