//! `alertmanager-config`: prints Alertmanager's configuration, or the mail templates.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::alertmanager::{self, Links, Mail};
use crate::config;

/// Flags of `alertmanager-config`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// SMTP server
    #[arg(long = "smtp.smarthost", value_name = "HOST:PORT", required_unless_present = "templates", value_parser = host_and_port)]
    smarthost: Option<String>,
    /// Sender of the mails
    #[arg(long = "smtp.from", value_name = "ADDRESS", required_unless_present = "templates", value_parser = config::mail_address)]
    from: Option<String>,
    /// User name at the SMTP server
    #[arg(long = "smtp.auth-username", value_name = "NAME")]
    auth_username: Option<String>,
    /// File on Alertmanager's machine that contains the password without a line end
    #[arg(long = "smtp.auth-password-file", value_name = "FILE")]
    auth_password_file: Option<String>,
    /// Whether the SMTP server must offer STARTTLS
    #[arg(
        long = "smtp.require-tls",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    require_tls: bool,
    /// Recipient of alerts that belong to no hub with addresses; repeat for several [default: the addresses of all hubs]
    #[arg(long = "mail.default-to", value_name = "ADDRESS", value_parser = config::mail_address)]
    default_to: Vec<String>,
    /// Path of the templates on Alertmanager's machine
    #[arg(
        long = "mail.templates-file",
        value_name = "FILE",
        default_value = "/etc/prometheus/alertmanager_templates/scm-backup.tmpl"
    )]
    templates_file: String,
    /// Print the mail templates instead of the configuration
    #[arg(long)]
    templates: bool,
    /// Address of Grafana, for links in the mails
    #[arg(long = "mail.grafana-url", value_name = "URL", requires = "templates", value_parser = base_address)]
    grafana: Option<String>,
    /// Address of the directory that contains alerts/runbooks, for links in the mails
    #[arg(long = "mail.documentation-url", value_name = "URL", requires = "templates", value_parser = base_address)]
    documentation: Option<String>,
}

/// Checks a host and port in Alertmanager's syntax: a host name, an IPv4 address, or an IPv6 address in brackets.
fn host_and_port(value: &str) -> Result<String, String> {
    let good_host = |host: &str| match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)),
    };
    match value.rsplit_once(':') {
        Some((host, port)) if good_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Ok(value.to_owned())
        }
        _ => Err("expected HOST:PORT, such as mail.example.org:587".to_owned()),
    }
}

/// Checks an address and escapes it for use in an HTML attribute.
fn base_address(value: &str) -> Result<String, String> {
    config::page_address(value)?;
    url::Url::parse(value).map(String::from).map_err(|error| error.to_string())
}

/// Prints the configuration or the templates.
pub(super) fn run(files: &[PathBuf], flags: Flags) -> ExitCode {
    if flags.templates {
        for (missing, flag) in
            [(flags.grafana.is_none(), "grafana"), (flags.documentation.is_none(), "documentation")]
        {
            if missing {
                super::say(format_args!(
                    "warning: without --mail.{flag}-url the mails contain paths instead of links to its pages"
                ));
            }
        }
        let links = Links { grafana: flags.grafana, documentation: flags.documentation };
        return super::print(alertmanager::templates(&links).as_bytes());
    }
    let inventory = match super::load(files) {
        Ok(loaded) => loaded.inventory,
        Err(faults) => return super::unusable(files, &faults, 1),
    };
    // The command line parser requires both.
    let (Some(smarthost), Some(from)) = (flags.smarthost, flags.from) else {
        return super::fail("--smtp.smarthost and --smtp.from are needed", super::USAGE);
    };
    let mail = Mail {
        smarthost,
        from,
        auth_username: flags.auth_username,
        auth_password_file: flags.auth_password_file,
        require_tls: flags.require_tls,
        default_to: flags.default_to,
        templates_file: flags.templates_file,
    };
    match alertmanager::configuration(&inventory, &mail) {
        Ok(printed) => {
            for warning in printed.warnings {
                super::say(format_args!("warning: {warning}"));
            }
            super::print(printed.text.as_bytes())
        }
        Err(error) => super::fail(error, 1),
    }
}
