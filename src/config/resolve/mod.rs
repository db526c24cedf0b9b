//! Resolves sections into the inventory.

mod limits;
mod reader;
mod repos;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::expand::{Env, Names};
use super::hub_list::{HubList, Listed};
use super::keys::{self, OBSOLETE};
use super::node_address::NodeAddress;
use super::section::Section;
use super::sections::Sections;
use super::value;
use crate::inventory::{Connection, Hub, Inventory, Repo, Target};
use limits::Limited;
use reader::Reader;

/// The default of `timeout`.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The default of `probe_timeout`: with a cold cache a listing takes most of a minute.
const PROBE_TIMEOUT: Duration = Duration::from_secs(120);

/// Every hub that has a section, with its nodes.
pub(super) fn inventory(
    hub_list: &HubList,
    sections: &Sections,
    env: Env<'_>,
    diagnostics: &mut Diagnostics,
) -> Inventory {
    let mut reader = Reader::new(env, diagnostics);
    let mut hubs = BTreeMap::new();
    for (name, listed) in &hub_list.hubs {
        match sections.hub(name) {
            Some(section) => {
                hubs.insert(name.clone(), hub(name, listed, section, sections, &mut reader));
            }
            // Its section may be one that could not be parsed.
            None if reader.diagnostics.incomplete => {}
            None => reader.diagnostics.warn(
                &listed.location,
                format!(
                    "has no section and is not monitored; add [{name}] with its `srvnode`, or remove the line"
                ),
            ),
        }
    }
    if let (Some(location), true) = (&hub_list.location, hubs.is_empty()) {
        reader
            .diagnostics
            .absent(location, "no hub has a section, so nothing is monitored; add one with a `srvnode`");
    }
    repos::judge_sections(&hubs, sections, &mut reader);
    reader.check_unread(sections);
    Inventory { hubs }
}

fn hub(name: &str, listed: &Listed, section: &Section, sections: &Sections, reader: &mut Reader<'_>) -> Hub {
    let hub_only = Names { hub: Some(name), ..Names::default() };
    let from = [Some(section)];
    let damaged = section.headers().any(|header| reader.diagnostics.is_damaged(header));
    if section.get(keys::SRVNODE.known.name).is_none() && !damaged {
        reader.diagnostics.absent(
            &section.location.lacking(keys::SRVNODE.known.name),
            "missing; give the hub's host name as it appears in the paths on its nodes",
        );
    }
    let srvnode = reader.get(&keys::SRVNODE, &from, &hub_only).unwrap_or_else(|| name.to_owned());
    let names = Names { srvnode: Some(&srvnode), ..hub_only };
    obsolete(section, reader);
    let repos = reader.get(&keys::SELECT, &from, &names);
    warn_of_repetition(section, keys::SELECT.known.name, repos.iter().flatten().map(Repo::as_str), reader);
    let expected: Option<BTreeSet<Repo>> = repos.map(|repos| repos.into_iter().collect());
    let email = reader.get(&keys::EMAIL, &from, &names).unwrap_or_default();
    warn_of_repetition(section, keys::EMAIL.known.name, email.iter().map(String::as_str), reader);
    let report_url = reader.get(&keys::REPORTURL, &from, &names);
    let message = reader.get(&keys::MESSAGE, &from, &names);
    let targets = listed
        .addresses
        .iter()
        .map(|address| {
            let names = Names { node: Some(&address.label), ..names };
            let target = target(name, &srvnode, address, &names, expected.clone(), sections, reader);
            (address.label.clone(), Arc::new(target))
        })
        .collect();
    Hub { name: name.to_owned(), email, report_url, message, targets, srvnode }
}

fn obsolete(section: &Section, reader: &mut Reader<'_>) {
    let used: Vec<&str> = OBSOLETE.into_iter().filter(|key| section.get(key).is_some()).collect();
    if !used.is_empty() {
        let location = section.get(used[0]).map_or(&section.location, |setting| &setting.location);
        let text = "no longer used, because Prometheus keeps the history; remove";
        let it = if used.len() == 1 { "it" } else { "them" };
        reader.diagnostics.warn(&location.lacking(&used.join(", ")), format!("{text} {it}"));
    }
}

fn warn_of_repetition<'a>(
    section: &Section,
    key: &str,
    mut words: impl Iterator<Item = &'a str>,
    reader: &mut Reader<'_>,
) {
    let mut seen = BTreeSet::new();
    let twice = words.find(|word| !seen.insert(*word));
    if let (Some(twice), Some(setting)) = (twice, section.get(key)) {
        reader
            .diagnostics
            .warn(&setting.location, format!("{} is listed twice; remove one", value::quoted(twice)));
    }
}

fn target(
    hub: &str,
    srvnode: &str,
    address: &NodeAddress,
    names: &Names<'_>,
    expected: Option<BTreeSet<Repo>>,
    sections: &Sections,
    reader: &mut Reader<'_>,
) -> Target {
    let of_hub = sections.hub(hub);
    let of_node = sections.node(&address.label);
    let env = sections.env();
    let node_first = [of_node, env];

    let connection = connection(address, names, of_node, env, reader);
    let scm_fold =
        reader.get(&keys::SCM_FOLD, &[of_node, of_hub, env], names).unwrap_or_else(|| "$SCM_FOLD".to_owned());
    let probe_timeout = reader.get(&keys::PROBE_TIMEOUT, &node_first, names).unwrap_or(PROBE_TIMEOUT);
    let timeout = node_first.into_iter().flatten().find_map(|section| section.get(keys::TIMEOUT.known.name));
    if let Some(setting) = timeout.filter(|_| connection.timeout > probe_timeout) {
        let text = "longer than `probe_timeout`, which ends the probe first; lower `timeout` or raise `probe_timeout`";
        reader.diagnostics.warn(&setting.location, text);
    }
    let limited = Limited { hub, names, sections, outer: [of_node, of_hub, env] };
    Target {
        hub: hub.to_owned(),
        node: address.label.clone(),
        connection,
        root: format!("{scm_fold}/backup/{srvnode}"),
        timezone: reader.get(&keys::TIMEZONE, &[of_hub, of_node, env], names),
        limits: limited.of_target(reader),
        repo_limits: limited.of_repos(reader),
        expected,
        probe_timeout,
        min_probe_interval: reader.get(&keys::MIN_PROBE_INTERVAL, &node_first, names).unwrap_or_default(),
    }
}

fn connection(
    address: &NodeAddress,
    names: &Names<'_>,
    of_node: Option<&Section>,
    env: Option<&Section>,
    reader: &mut Reader<'_>,
) -> Connection {
    let from = [of_node, env];
    // `[HUB]` wins over defaults, but must not contradict the node's own section.
    let user = reader.get(&keys::USER, &[of_node], names);
    let port = reader.get(&keys::PORT, &[of_node], names);
    if let (Some(inline), Some(own)) = (&address.user, &user)
        && inline != own
    {
        contradiction(of_node, keys::USER.known.name, address, reader);
    }
    if let (Some(inline), Some(own)) = (address.port, port)
        && inline != own
    {
        contradiction(of_node, keys::PORT.known.name, address, reader);
    }
    Connection {
        host: reader.get(&keys::HOST, &from, names).unwrap_or_else(|| address.label.clone()),
        user: address.user.clone().or(user).or_else(|| reader.get(&keys::USER, &[env], names)),
        port: address.port.or(port).or_else(|| reader.get(&keys::PORT, &[env], names)),
        key_filename: reader.get(&keys::KEY_FILENAME, &from, names),
        gateway: reader.get(&keys::GATEWAY, &from, names),
        shell: reader.get(&keys::SHELL, &from, names).unwrap_or_else(|| "sh".to_owned()),
        timeout: reader.get(&keys::TIMEOUT, &from, names).unwrap_or(TIMEOUT),
        host_key_checking: reader.get(&keys::HOST_KEY_CHECKING, &from, names).unwrap_or_default(),
        known_hosts: reader.get(&keys::KNOWN_HOSTS, &from, names),
        ssh_config: reader.get(&keys::SSH_CONFIG, &from, names),
        verbose: reader.get(&keys::VERBOSE, &from, names).unwrap_or_default(),
    }
}

fn contradiction(section: Option<&Section>, key: &str, address: &NodeAddress, reader: &mut Reader<'_>) {
    if let Some(setting) = section.and_then(|section| section.get(key)) {
        let (here, there) = (value::quoted(&setting.value), value::quoted(&address.text));
        reader.diagnostics.fault(&setting.location, format!("{here} here, but [HUB] has {there}; keep one"));
    }
}
