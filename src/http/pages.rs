//! The pages for people, as replies. Nothing here starts a probe but [`probe_now`].

use std::time::Duration;

use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::negotiate;
use super::plots::{CachedAsset, Plots};
use super::reply::{self, Negotiated, Reply, reply};
use super::same_origin::is_same_origin;
use super::unsent::Unsent;
use crate::inventory::Inventory;
use crate::page::plot::Theme;
use crate::page::{self, PageContext, Seen, address};
use crate::probe::{Prober, Scope, TargetState};
use crate::table;
use crate::workers::{WorkError, Workers};

/// Styles, pictures and the one script of our own, forms to ourselves, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A picture alone needs nothing.
const PICTURE_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long the reply to `Probe now` waits for the probe; the page says when it still goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// What writes pages and draws plots.
#[derive(Debug)]
pub(super) struct Writers {
    pub(super) workers: Workers,
    /// Where pages wait to be sent.
    pub(super) unsent: Unsent,
}

/// All hubs.
pub(super) async fn front(
    writers: &Writers,
    prober: &Prober,
    context: PageContext,
    headers: &HeaderMap,
) -> Reply {
    let (inventory, target_states) = (prober.inventory(), prober.target_states(&Scope::All));
    let seen = of_nodes(prober, &target_states, false, context.now);
    write(writers, headers, move || {
        let overview = table::overview(&inventory, &target_states, context.now);
        page::front(&context, &overview, &seen)
    })
    .await
}

/// One hub; with `debug` the last probes of its nodes too.
pub(super) async fn hub(
    writers: &Writers,
    prober: &Prober,
    context: PageContext,
    headers: &HeaderMap,
    path: &str,
    debug: bool,
) -> Reply {
    let inventory = prober.inventory();
    let Some(name) = address::hub_of(path).filter(|hub| inventory.hubs.contains_key(hub)) else {
        return no_such_hub();
    };
    let target_states = prober.target_states(&Scope::Hub(name));
    let seen = of_nodes(prober, &target_states, debug, context.now);
    write(writers, headers, move || {
        let overview = table::overview(&inventory, &target_states, context.now);
        match overview.hubs.first() {
            Some(hub) => page::hub(&context, hub, &seen),
            None => Ok(String::new()),
        }
    })
    .await
}

fn no_such_hub() -> Reply {
    reply::line(StatusCode::NOT_FOUND, "no such hub is configured: see / for those there are")
}

fn of_nodes(prober: &Prober, target_states: &[TargetState], debug: bool, now: Timestamp) -> Vec<Seen> {
    let seen = |target_state: &TargetState| {
        let target = &target_state.target;
        let interval = target.min_probe_interval;
        Seen {
            target: target.clone(),
            report: target_state.report.clone(),
            history: if debug { prober.history(&target.hub, &target.node) } else { None },
            probing: prober.is_probing(&target.hub, &target.node),
            resting: target_state.report.as_ref().is_some_and(|report| report.is_younger_than(interval, now)),
        }
    };
    target_states.iter().map(seen).collect()
}

/// A page that is written off the server's thread: one of many repos takes a few milliseconds, and some memory, so that few
/// are written at once.
async fn write<E: std::fmt::Debug + Send + 'static>(
    writers: &Writers,
    headers: &HeaderMap,
    page: impl FnOnce() -> Result<String, E> + Send + 'static,
) -> Reply {
    let gzip = negotiate::takes_gzip(headers);
    let unsent = writers.unsent.clone();
    let written = writers.workers.run(move || {
        page().map(|page| {
            let page = Negotiated::new("text/html; charset=utf-8", page, gzip);
            match unsent.room_for(page.len()) {
                Some(room) => page.reply_holding(room),
                None => reply::no_room(),
            }
        })
    });
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
    prober.lift_backoffs(&scope);
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
    writers: &Writers,
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
    let target_states = prober.target_states(&Scope::Node(hub.clone(), node.clone()));
    let report = target_states.into_iter().next().and_then(|target_state| target_state.report);
    let key = (hub, node, repo, theme);
    if let Some(report) = &report
        && let Some(asset) = plots.get(&key, report)
    {
        return picture(headers, &asset);
    }
    let (target, of) = (target.clone(), report.clone());
    let repo = key.2.clone();
    let asset = writers.workers.run(move || {
        page::plot_of(&target, of.as_deref(), &repo).map(|plot| plot.svg(theme).map(CachedAsset::new))
    });
    match asset.await {
        Ok(Some(Ok(asset))) => {
            let reply = picture(headers, &asset);
            if let Some(report) = &report {
                plots.keep(key, report, asset);
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
fn picture(headers: &HeaderMap, asset: &CachedAsset) -> Reply {
    serve_asset(headers, "image/svg+xml", PICTURE_POLICY, asset)
}

/// The style sheet.
pub(super) fn style(headers: &HeaderMap, style: &CachedAsset) -> Reply {
    serve_asset(headers, "text/css; charset=utf-8", PICTURE_POLICY, style)
}

/// The one script.
pub(super) fn reader(headers: &HeaderMap, reader: &CachedAsset) -> Reply {
    serve_asset(headers, "text/javascript; charset=utf-8", PICTURE_POLICY, reader)
}

/// The small picture in a browser's tab.
pub(super) fn icon(headers: &HeaderMap, icon: &CachedAsset) -> Reply {
    picture(headers, icon)
}

fn serve_asset(
    headers: &HeaderMap,
    content_type: &'static str,
    policy: &'static str,
    asset: &CachedAsset,
) -> Reply {
    let has_it = headers.get_all(IF_NONE_MATCH).iter().any(|value| is_among(value, &asset.etag));
    let gzip = asset.gzip.as_ref().filter(|_| negotiate::takes_gzip(headers));
    let mut reply = match (has_it, gzip) {
        (true, _) => reply(StatusCode::NOT_MODIFIED, content_type, ""),
        (false, Some(gzip)) => {
            let mut reply = reply(StatusCode::OK, content_type, gzip.clone());
            reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        }
        (false, None) => reply(StatusCode::OK, content_type, asset.svg.clone()),
    };
    let headers = reply.headers_mut();
    // Kept, but asked about each time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
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
pub(super) struct Assets {
    pub(super) plots: Plots,
    pub(super) style: CachedAsset,
    pub(super) icon: CachedAsset,
    pub(super) reader: CachedAsset,
}

impl Default for Assets {
    fn default() -> Self {
        Self {
            plots: Plots::default(),
            style: CachedAsset::new(page::STYLE.to_owned()),
            icon: CachedAsset::new(page::ICON.to_owned()),
            reader: CachedAsset::new(page::READER.to_owned()),
        }
    }
}
