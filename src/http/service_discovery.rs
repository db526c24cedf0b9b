//! Prometheus HTTP service discovery: one target for each node of each hub, probed through `/probe`.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde::Serialize;

use super::reply::{Reply, line, reply};
use crate::inventory::Inventory;

/// One element of the list that Prometheus reads.
#[derive(Debug, Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: Labels<'a>,
}

/// The series bear `hub` and `node` themselves, so that the target's labels only say how to scrape it, and
/// `instance` keeps the targets' own series (`up`) apart.
#[derive(Debug, Serialize)]
struct Labels<'a> {
    #[serde(rename = "__scheme__")]
    scheme: &'static str,
    #[serde(rename = "__metrics_path__")]
    path: &'static str,
    #[serde(rename = "__param_hub")]
    hub: &'a str,
    #[serde(rename = "__param_node")]
    node: &'a str,
    instance: String,
}

/// The list, with ourselves under the name by which the client reached us.
pub(super) fn targets(inventory: &Inventory, scheme: &'static str, host: Option<&HeaderValue>) -> Reply {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return line(StatusCode::BAD_REQUEST, "the request has no Host header to tell where we are");
    };
    let groups: Vec<Group<'_>> = inventory
        .targets()
        .map(|target| Group {
            targets: [host],
            labels: Labels {
                scheme,
                path: "/probe",
                hub: &target.hub,
                node: &target.node,
                instance: format!("{}/{}", target.hub, target.node),
            },
        })
        .collect();
    match serde_json::to_string(&groups) {
        Ok(body) => reply(StatusCode::OK, "application/json", body),
        Err(error) => line(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
