//! The pages for people, as replies. Nothing here starts a probe but [`probe_now`].

use std::time::Duration;

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::{HeaderMap, StatusCode};

use super::assets::CachedAsset;
use super::negotiate;
use super::plots::Plots;
use super::reply::{self, Negotiated, Reply};
use super::same_origin::is_same_origin;
use super::unsent::Unsent;
use crate::inventory::Repo;
use crate::page::plot::Theme;
use crate::page::{self, PageContext, address};
use crate::probe::{Prober, Scope, TargetState};
use crate::table;
use crate::workers::{WorkError, Workers};

/// Styles, pictures and the one script of our own, forms to ourselves, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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
    let snapshot = prober.snapshot(&Scope::All);
    write(writers, headers, move || page::front(&context, &table::overview(&snapshot, context.now))).await
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
    let Some(name) = address::hub_of(path) else { return no_such_hub() };
    let snapshot = prober.snapshot(&Scope::Hub(name));
    if snapshot.hubs().next().is_none() {
        return no_such_hub();
    }
    write(writers, headers, move || match table::overview(&snapshot, context.now).hubs.first() {
        Some(hub) => page::hub(&context, hub, debug),
        None => Ok(String::new()),
    })
    .await
}

fn no_such_hub() -> Reply {
    reply::line(StatusCode::NOT_FOUND, "no such hub is configured: see / for those there are")
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
    let Some((hub, node, repo)) = address::plot_of(path) else { return no_such_plot() };
    let snapshot = prober.snapshot(&Scope::Node(hub.clone(), node.clone()));
    let Some(known) = snapshot.target_states.into_iter().next() else { return no_such_plot() };
    let TargetState { target, report, .. } = known;
    let key = (hub, node, repo, theme);
    if let Some(report) = &report
        && let Some(asset) = plots.get(&key, report)
    {
        return asset.reply(headers);
    }
    let (of, repo) = (report.clone(), Repo::from_label(&key.2));
    let asset = writers.workers.run(move || {
        page::plot_of(&target, of.as_deref(), &repo).map(|plot| plot.svg(theme).map(CachedAsset::svg))
    });
    match asset.await {
        Ok(Some(Ok(asset))) => {
            let reply = asset.reply(headers);
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
