//! The pages for people, as replies. Nothing here starts a probe but [`probe_now`].

use std::time::Duration;

use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::negotiate;
use super::plots::{Drawn, Plots};
use super::reply::{self, Reply, reply};
use super::same_origin::is_same_origin;
use crate::inventory::Inventory;
use crate::page::plot::Theme;
use crate::page::{self, Frame, Seen, address};
use crate::probe::{Prober, Scope, Sighting};
use crate::table;
use crate::workers::{WorkError, Workers};

/// Styles, pictures and the one script of our own, forms to ourselves, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A picture alone needs nothing.
const PICTURE_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long the reply to `Probe now` waits for the probe; the page says when it still goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// All hubs.
pub(super) async fn front(writers: &Workers, prober: &Prober, frame: Frame, headers: &HeaderMap) -> Reply {
    let (inventory, sightings) = (prober.inventory(), prober.sightings(&Scope::All));
    let seen = of_nodes(prober, &sightings, false, frame.now);
    write(writers, headers, move || {
        let round = table::seen(&inventory, &sightings, frame.now);
        page::front(&frame, &round, &seen)
    })
    .await
}

/// One hub; with `debug` the last probes of its nodes too.
pub(super) async fn hub(
    writers: &Workers,
    prober: &Prober,
    frame: Frame,
    headers: &HeaderMap,
    path: &str,
    debug: bool,
) -> Reply {
    let inventory = prober.inventory();
    let Some(name) = address::hub_of(path).filter(|hub| inventory.hubs.contains_key(hub)) else {
        return no_such_hub();
    };
    let sightings = prober.sightings(&Scope::Hub(name));
    let seen = of_nodes(prober, &sightings, debug, frame.now);
    write(writers, headers, move || {
        let round = table::seen(&inventory, &sightings, frame.now);
        match round.hubs.first() {
            Some(hub) => page::hub(&frame, hub, &seen),
            None => Ok(String::new()),
        }
    })
    .await
}

fn no_such_hub() -> Reply {
    reply::line(StatusCode::NOT_FOUND, "no such hub is configured: see / for those there are")
}

fn of_nodes(prober: &Prober, sightings: &[Sighting], debug: bool, now: Timestamp) -> Vec<Seen> {
    let seen = |sighting: &Sighting| {
        let target = &sighting.target;
        let interval = target.min_probe_interval;
        Seen {
            target: target.clone(),
            report: sighting.report.clone(),
            history: if debug { prober.history(&target.hub, &target.node) } else { None },
            probing: prober.is_probing(&target.hub, &target.node),
            resting: sighting.report.as_ref().is_some_and(|report| report.is_younger_than(interval, now)),
        }
    };
    sightings.iter().map(seen).collect()
}

/// A page that is written off the server's thread: one of many repos takes a few milliseconds, and some memory, so that few
/// are written at once.
async fn write<E: std::fmt::Debug + Send + 'static>(
    writers: &Workers,
    headers: &HeaderMap,
    page: impl FnOnce() -> Result<String, E> + Send + 'static,
) -> Reply {
    let gzip = negotiate::takes_gzip(headers);
    let written =
        writers.run(move || page().map(|page| reply::negotiated("text/html; charset=utf-8", page, gzip)));
    match written.await {
        Ok(Ok(mut reply)) => {
            let headers = reply.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
            // With less than this a browser would not say where `Probe now` comes from.
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            reply
        }
        Err(WorkError::Full) => busy(),
        failed => {
            tracing::error!(?failed, "cannot write a page");
            reply::line(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the page, see the log")
        }
    }
}

/// Probes one node of a hub, or all of them, and leads back to the hub's page.
pub(super) async fn probe_now(
    prober: &Prober,
    headers: &HeaderMap,
    path: &str,
    node: Option<String>,
) -> Reply {
    if !is_same_origin(headers) {
        let text =
            "only the pages of this exporter may ask for a probe so; a program asks /probe?hub=HUB&node=NODE";
        return reply::line(StatusCode::FORBIDDEN, text);
    }
    let inventory = prober.inventory();
    let Some(hub) = address::hub_of(path).and_then(|hub| inventory.hubs.get(&hub)) else {
        return no_such_hub();
    };
    let (scope, anchor) = match node {
        None => (Scope::Hub(hub.name.clone()), String::new()),
        Some(node) if hub.targets.contains_key(&node) => {
            let anchor = format!("#{}", address::segment(&page::anchor(&node)));
            (Scope::Node(hub.name.clone(), node), anchor)
        }
        Some(_) => return reply::line(StatusCode::NOT_FOUND, "the hub has no such node: see its page"),
    };
    // Who presses it has perhaps just allowed our key.
    prober.lift_hold_offs(&scope);
    prober.probe(&scope, Some(PATIENCE)).await;
    let mut reply = reply::line(StatusCode::SEE_OTHER, "probed: see the hub's page");
    // Encoded, it is ASCII.
    if let Ok(location) = HeaderValue::from_str(&format!("{}{anchor}", address::of_hub(&hub.name))) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// The plot of a repo, drawn when it is first asked for after a report.
pub(super) async fn plot(
    writers: &Workers,
    prober: &Prober,
    plots: &Plots,
    headers: &HeaderMap,
    path: &str,
    theme: Theme,
) -> Reply {
    let inventory: Inventory = prober.inventory();
    let place = address::plot_of(path);
    let target = place.as_ref().and_then(|(hub, node, _)| inventory.target(hub, node));
    let (Some((hub, node, repo)), Some(target)) = (place, target) else { return no_such_plot() };
    let sightings = prober.sightings(&Scope::Node(hub.clone(), node.clone()));
    let report = sightings.into_iter().next().and_then(|sighting| sighting.report);
    let which = (hub, node, repo, theme);
    if let Some(report) = &report
        && let Some(drawn) = plots.get(&which, report)
    {
        return picture(headers, &drawn);
    }
    let (target, of) = (target.clone(), report.clone());
    let repo = which.2.clone();
    let drawn = writers.run(move || {
        page::plot_of(&target, of.as_deref(), &repo).map(|plot| plot.svg(theme).map(Drawn::new))
    });
    match drawn.await {
        Ok(Some(Ok(drawn))) => {
            let reply = picture(headers, &drawn);
            if let Some(report) = &report {
                plots.keep(which, report, drawn);
            }
            reply
        }
        Ok(None) => no_such_plot(),
        Err(WorkError::Full) => busy(),
        failed => {
            tracing::error!(?failed, "cannot draw a plot");
            reply::line(StatusCode::INTERNAL_SERVER_ERROR, "cannot draw the plot, see the log")
        }
    }
}

/// Too many ask for pages at once.
fn busy() -> Reply {
    reply::line(StatusCode::SERVICE_UNAVAILABLE, "too many pages are asked for at once: try again")
}

fn no_such_plot() -> Reply {
    let text = "no such plot: /plot/HUB/NODE/KIND/NAME.svg of a repo that is held or expected";
    reply::line(StatusCode::NOT_FOUND, text)
}

/// A picture, unless the client has it already.
fn picture(headers: &HeaderMap, drawn: &Drawn) -> Reply {
    asset(headers, "image/svg+xml", PICTURE_POLICY, drawn)
}

/// The style sheet.
pub(super) fn style(headers: &HeaderMap, style: &Drawn) -> Reply {
    asset(headers, "text/css; charset=utf-8", PICTURE_POLICY, style)
}

/// The one script.
pub(super) fn reader(headers: &HeaderMap, reader: &Drawn) -> Reply {
    asset(headers, "text/javascript; charset=utf-8", PICTURE_POLICY, reader)
}

/// The small picture in a browser's tab.
pub(super) fn icon(headers: &HeaderMap, icon: &Drawn) -> Reply {
    picture(headers, icon)
}

fn asset(headers: &HeaderMap, content_type: &'static str, policy: &'static str, drawn: &Drawn) -> Reply {
    let has_it = headers.get_all(IF_NONE_MATCH).iter().any(|value| is_among(value, &drawn.etag));
    let gzip = drawn.gzip.as_ref().filter(|_| negotiate::takes_gzip(headers));
    let mut reply = match (has_it, gzip) {
        (true, _) => reply(StatusCode::NOT_MODIFIED, content_type, ""),
        (false, Some(gzip)) => {
            let mut reply = reply(StatusCode::OK, content_type, gzip.clone());
            reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        }
        (false, None) => reply(StatusCode::OK, content_type, drawn.svg.clone()),
    };
    let headers = reply.headers_mut();
    // Kept, but asked about each time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if let Ok(etag) = HeaderValue::from_str(&drawn.etag) {
        headers.insert(ETAG, etag);
    }
    reply
}

/// Whether an ETag, compared weakly, is in a list of them.
fn is_among(list: &HeaderValue, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.to_str().is_ok_and(|list| list.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag)))
}

/// Shared by the requests for pages.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) plots: Plots,
    pub(super) style: Drawn,
    pub(super) icon: Drawn,
    pub(super) reader: Drawn,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            plots: Plots::default(),
            style: Drawn::new(page::STYLE.to_owned()),
            icon: Drawn::new(page::ICON.to_owned()),
            reader: Drawn::new(page::READER.to_owned()),
        }
    }
}
