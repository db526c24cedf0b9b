//! Generates an Alertmanager configuration that mails each hub's alerts to the hub's addresses.
//!
//! This is the only module that writes YAML. It is pure: an inventory and settings in, text out.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::inventory::{Hub, Inventory};

/// The inhibition rules: one mail for one cause.
const INHIBITIONS: &str = include_str!("../alerts/inhibitions.yml");

/// The templates that the receivers use.
const TEMPLATES: &str = include_str!("../alerts/templates/scm-backup.tmpl");

/// Receiver of alerts that belong to no hub, or to a hub without addresses.
const DEFAULT_RECEIVER: &str = "scm-backup default";

/// Receiver of the weekly heartbeat.
const HEARTBEAT_RECEIVER: &str = "scm-backup heartbeat";

/// How long a hub's mail waits after the first alert for others with the same cause.
const GROUP_WAIT: &str = "2m";

/// How long after a mail the next one may report new or resolved alerts.
const GROUP_INTERVAL: &str = "30m";

/// How often a mail is repeated while nothing changes: once for each nightly backup. Alertmanager checks every
/// [`GROUP_INTERVAL`] whether *more* than this has passed since the last mail, so with 24 hours each mail would come half
/// an hour later than the day before.
const REPEAT_INTERVAL: &str = "23h45m";

/// How often the heartbeat is sent: once a week, for the same reason.
const HEARTBEAT_INTERVAL: &str = "6d23h45m";

/// How mail is sent.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// The SMTP server, `host:port`.
    pub smarthost: String,
    /// The sender.
    pub from: String,
    /// User name at the SMTP server; `None` sends without a login.
    pub auth_username: Option<String>,
    /// File on Alertmanager's machine that contains the password.
    pub auth_password_file: Option<String>,
    /// Whether the SMTP server must offer STARTTLS.
    pub require_tls: bool,
    /// Recipients of alerts that belong to no hub with addresses; empty: the addresses of all hubs.
    pub default_to: Vec<String>,
    /// Path of the templates on Alertmanager's machine.
    pub templates_file: String,
}

/// Base addresses of the links in the mails; without one the mails show a bare path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// Of Grafana, as `https://grafana.example.org`.
    pub grafana: Option<String>,
    /// The address of the directory that contains `alerts/runbooks`.
    pub documentation: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// No hub names an address and no other is given.
    #[error("nobody would receive mail: set `email` in the hubs' sections, or give --mail.default-to")]
    Nobody,
    /// A login needs both a user name and a password file.
    #[error("--smtp.auth-username and --smtp.auth-password-file need each other; give both or neither")]
    HalfALogin,
    /// The text could not be written.
    #[error("cannot write the configuration as YAML: {0}")]
    Yaml(String),
}

/// A configuration with warnings about it.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    /// The text of the file.
    pub text: String,
    /// Hubs whose mail goes to the default receiver.
    pub warnings: Vec<String>,
}

/// The whole configuration for the hubs of an inventory.
///
/// # Errors
/// When nobody would get any mail, or the settings contradict each other.
pub(crate) fn configuration(inventory: &Inventory, mail: &Mail) -> Result<Printed, MailError> {
    if mail.auth_username.is_some() != mail.auth_password_file.is_some() {
        return Err(MailError::HalfALogin);
    }
    let everybody: BTreeSet<&String> = inventory.hubs.values().flat_map(|hub| &hub.email).collect();
    // A set, so that an address given twice gets one mail.
    let default_to: BTreeSet<&String> =
        if mail.default_to.is_empty() { everybody.clone() } else { mail.default_to.iter().collect() };
    if default_to.is_empty() {
        return Err(MailError::Nobody);
    }
    let heartbeat_to: BTreeSet<&String> = everybody.into_iter().chain(default_to.iter().copied()).collect();

    let mut warnings = Vec::new();
    let mut receivers = vec![
        Receiver::new(DEFAULT_RECEIVER, default_to.iter().copied()),
        Receiver::new(HEARTBEAT_RECEIVER, heartbeat_to),
    ];
    let mut routes = vec![Route::heartbeat()];
    for hub in inventory.hubs.values() {
        if hub.email.is_empty() {
            let to = default_to.iter().map(|to| to.as_str()).collect::<Vec<_>>().join(", ");
            warnings.push(format!(
                "hub {} has no `email`: its mail goes to the default receiver ({to})",
                hub.name
            ));
        } else {
            routes.push(Route::of_hub(hub));
            let to: BTreeSet<&String> = hub.email.iter().collect();
            receivers.push(Receiver::new(&receiver_name(hub), to));
        }
    }
    let config = Config {
        global: Global::new(mail),
        templates: [&mail.templates_file],
        route: Route::root(Route::ours(routes)),
        receivers,
    };
    let yaml = serde_saphyr::to_string(&config).map_err(|error| MailError::Yaml(error.to_string()))?;
    let mut text = String::from(
        "# Made by `scm-backup-exporter alertmanager-config` from the hubs' `email`; make it anew when they change.\n\
         # Run Alertmanager with --data.retention=240h: what it has mailed it forgets after its retention, 120h unless\n\
         # set, and the weekly sign of life would come every five days.\n\
         # To join it to a configuration of yours, take over the route below, the receivers, the templates, and the\n\
         # inhibit_rules.\n",
    );
    text.push_str(&yaml);
    if !yaml.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(INHIBITIONS);
    Ok(Printed { text, warnings })
}

/// The file of templates. Where an address is given, the bare paths of runbooks become links, and dashboards are linked to at all.
pub(crate) fn templates(links: &Links) -> String {
    let mut text = TEMPLATES.to_owned();
    let mut define = |name: &str, old: &str, new: &str| {
        let definition = |body: &str| format!("{{{{ define \"scm_backup.{name}\" }}}}{body}{{{{ end }}}}");
        text = text.replacen(&definition(old), &definition(new), 1);
    };
    let base = |address: &str| literal(&format!("{}/", address.trim_end_matches('/')));
    if let Some(address) = &links.documentation {
        define("runbooks", "", &base(address));
        define(
            "html.runbook",
            "{{ template \"scm_backup.html.runbook.path\" . }}",
            "{{ template \"scm_backup.html.runbook.link\" . }}",
        );
    }
    if let Some(address) = &links.grafana {
        define("dashboards", "", &base(address));
        define("html.dashboard", "", "{{ template \"scm_backup.html.dashboard.link\" . }}");
        define("text.dashboard", "", "{{ template \"scm_backup.text.dashboard.link\" . }}");
    }
    text
}

/// One receiver for each hub, so that no hub's mail depends on another's addresses.
fn receiver_name(hub: &Hub) -> String {
    format!("scm-backup hub {}", hub.name)
}

/// Text that a template shows literally.
fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

#[derive(Debug, Serialize)]
struct Config<'a> {
    global: Global,
    templates: [&'a String; 1],
    route: Route,
    receivers: Vec<Receiver>,
}

#[derive(Debug, Serialize)]
struct Global {
    smtp_smarthost: String,
    smtp_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    smtp_auth_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    smtp_auth_password_file: Option<String>,
    smtp_require_tls: bool,
}

impl Global {
    fn new(mail: &Mail) -> Self {
        Self {
            smtp_smarthost: mail.smarthost.clone(),
            // This is a template, too.
            smtp_from: literal(&mail.from),
            smtp_auth_username: mail.auth_username.clone(),
            smtp_auth_password_file: mail.auth_password_file.clone(),
            smtp_require_tls: mail.require_tls,
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct Route {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matchers: Vec<String>,
    receiver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group_by: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_wait: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_interval: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_interval: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
}

impl Route {
    /// The root route, which every alert enters; another configuration has its own.
    fn root(ours: Self) -> Self {
        Self { receiver: DEFAULT_RECEIVER.to_owned(), routes: vec![ours], ..Self::default() }
    }

    /// The route of all alerts of this project, usable in another configuration.
    fn ours(routes: Vec<Self>) -> Self {
        Self {
            matchers: vec!["alertname=~\"ScmBackup.+\"".to_owned()],
            receiver: DEFAULT_RECEIVER.to_owned(),
            group_by: vec!["hub"],
            group_wait: Some(GROUP_WAIT),
            group_interval: Some(GROUP_INTERVAL),
            repeat_interval: Some(REPEAT_INTERVAL),
            routes,
        }
    }

    fn heartbeat() -> Self {
        Self {
            matchers: vec![matcher("alertname", "ScmBackupHeartbeat")],
            receiver: HEARTBEAT_RECEIVER.to_owned(),
            group_by: vec!["alertname"],
            repeat_interval: Some(HEARTBEAT_INTERVAL),
            ..Self::default()
        }
    }

    fn of_hub(hub: &Hub) -> Self {
        Self { matchers: vec![matcher("hub", &hub.name)], receiver: receiver_name(hub), ..Self::default() }
    }
}

/// Quotes the value in Alertmanager's syntax.
fn matcher(label: &str, value: &str) -> String {
    format!("{label}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: String,
    email_configs: Vec<Email>,
}

#[derive(Debug, Serialize)]
struct Email {
    to: String,
    send_resolved: bool,
    headers: Headers,
    html: &'static str,
    text: &'static str,
}

#[derive(Debug, Serialize)]
struct Headers {
    #[serde(rename = "Subject")]
    subject: &'static str,
    /// Suppresses automatic replies such as absence notes.
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
}

impl Receiver {
    /// One mail for each address, so that a bounce does not affect the others.
    fn new<'a>(name: &str, to: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> Self {
        let email = |to: &str| Email {
            to: literal(to),
            send_resolved: name != HEARTBEAT_RECEIVER,
            headers: Headers {
                subject: "{{ template \"scm_backup.subject\" . }}",
                auto_submitted: "auto-generated",
            },
            html: "{{ template \"scm_backup.html\" . }}",
            text: "{{ template \"scm_backup.text\" . }}",
        };
        Self { name: name.to_owned(), email_configs: to.into_iter().map(|to| email(to.as_ref())).collect() }
    }
}
