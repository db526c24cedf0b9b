//! The pages for people.

use std::fmt::Write as _;

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::reply::{Reply, reply};
use crate::inventory::Inventory;

/// The front page: what there is and where.
pub(super) fn home(telemetry_path: &str, inventory: &Inventory) -> Reply {
    let mut links = String::new();
    for target in inventory.targets() {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("hub", &target.hub)
            .append_pair("node", &target.node)
            .finish();
        let text = format!("hub {} on node {}", target.hub, target.node);
        // Writing to a String cannot fail.
        let _ = writeln!(links, "<li><a href=\"/probe?{}\">{}</a></li>", escape(&query), escape(&text));
    }
    let path = escape(telemetry_path);
    let version = env!("CARGO_PKG_VERSION");
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>scm-backup-exporter</title></head>\n<body>\n\
         <h1>scm-backup-exporter {version}</h1>\n<ul>\n<li><a href=\"{path}\">Metrics of all nodes</a></li>\n\
         <li><a href=\"/sd\">Service discovery</a></li>\n<li><a href=\"/-/healthy\">Healthy?</a></li>\n\
         <li><a href=\"/-/ready\">Ready?</a></li>\n</ul>\n<h2>Probe one node</h2>\n<ul>\n{links}</ul>\n</body>\n</html>\n"
    );
    let mut reply = reply(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    reply
}

/// Text as it may stand in an element or a quoted attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
