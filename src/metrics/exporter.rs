//! The exporter's own state, as metrics.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

use super::families::{Family, Labels, Value, gauge, infos};

/// The exporter's own state.
#[derive(Debug, Clone)]
pub struct Exporter {
    /// Its version.
    pub version: &'static str,
    /// How the last loading of the configuration went.
    pub reload: Reload,
    /// SSH sessions that are up.
    pub ssh_sessions: usize,
    /// HTTP requests refused for their user and password; `None` without authentication.
    pub logins_refused: Option<u64>,
    /// The process's resource usage; `None` if the system does not report it.
    pub process: Option<ProcessUsage>,
}

/// How the last loading of the configuration went.
#[derive(Debug, Clone, Copy)]
pub struct Reload {
    /// Since when loading has failed, so that the previous configuration is in force; `None` if it succeeded.
    pub failed_since: Option<Timestamp>,
    /// When the configuration in force was loaded.
    pub last_success: Timestamp,
}

/// A process's resource usage, as the Prometheus client libraries report it.
#[derive(Debug, Clone, Copy)]
pub struct ProcessUsage {
    /// User and system time.
    pub cpu_seconds: f64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// The limit of open file descriptors; `None` if there is none.
    pub max_fds: Option<u64>,
    /// Virtual memory.
    pub virtual_bytes: u64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// When the process was started, since the epoch.
    pub start_seconds: f64,
}

impl ProcessUsage {
    /// The current usage of this process.
    pub fn of_us() -> Option<Self> {
        let process = procfs::process::Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        let max_fds = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            procfs::process::LimitValue::Value(most) => Some(most),
            procfs::process::LimitValue::Unlimited => None,
        });
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            open_fds: process.fd_count().ok()? as u64,
            max_fds,
            virtual_bytes: stat.vsize,
            resident_bytes: stat.rss * procfs::page_size(),
            start_seconds: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks,
        })
    }
}

impl Exporter {
    /// Writes its families.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let family =
            Family { name: "scm_backup_exporter_build", unit: None, help: "The exporter's version." };
        infos(encoder, family, [Labels([("version", self.version)])])?;
        let mut one = |name, unit, help, value| gauge(encoder, Family { name, unit, help }, value);
        one(
            "scm_backup_config_last_reload_successful",
            None,
            "Whether the last attempt to load the configuration succeeded; if not, the one before is still in force.",
            self.reload.failed_since.is_none().into(),
        )?;
        one(
            "scm_backup_config_last_reload_success_timestamp",
            Some(&Unit::Seconds),
            "When the configuration in force was loaded.",
            Value::Whole(self.reload.last_success.as_second()),
        )?;
        one(
            "scm_backup_ssh_sessions",
            None,
            "SSH sessions that are up.",
            Value::Count(self.ssh_sessions as u64),
        )?;
        if let Some(refused) = self.logins_refused {
            encoder
                .encode_descriptor(
                    "scm_backup_web_logins_refused",
                    "Requests with a wrong user or password, or with one that nobody had time to check.",
                    None,
                    MetricType::Counter,
                )?
                .encode_counter(&refused, None::<&Exemplar<Labels<'_, 0>, u64>>)?;
        }
        match &self.process {
            Some(process) => process.encode(encoder),
            None => Ok(()),
        }
    }
}

impl ProcessUsage {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        encoder
            .encode_descriptor(
                "process_cpu",
                "Total user and system CPU time spent.",
                Some(&Unit::Seconds),
                MetricType::Counter,
            )?
            .encode_counter(&self.cpu_seconds, None::<&Exemplar<Labels<'_, 0>, f64>>)?;
        let mut one = |name, unit, help, value| gauge(encoder, Family { name, unit, help }, value);
        one("process_open_fds", None, "Number of open file descriptors.", Value::Count(self.open_fds))?;
        if let Some(most) = self.max_fds {
            one("process_max_fds", None, "Maximum number of open file descriptors.", Value::Count(most))?;
        }
        let bytes = Some(&Unit::Bytes);
        one("process_virtual_memory", bytes, "Virtual memory size.", Value::Count(self.virtual_bytes))?;
        one("process_resident_memory", bytes, "Resident memory size.", Value::Count(self.resident_bytes))?;
        let help = "Start time of the process since the epoch.";
        one("process_start_time", Some(&Unit::Seconds), help, Value::Real(self.start_seconds))
    }
}
