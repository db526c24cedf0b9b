//! Scrapes: `/metrics` and `/probe`.

use std::fmt;

use hyper::{Request, StatusCode};

use super::app::{App, query};
use super::negotiate;
use super::reply::{self, Negotiated, Reply};
use super::users::Users;
use crate::exporter::Parts;
use crate::metrics;
use crate::probe::Scope;
use crate::workers::WorkError;

impl App {
    pub(super) async fn metrics<B>(&self, request: &Request<B>) -> Reply {
        let mut parts = Parts { nodes: false, exporter: false };
        for (key, value) in query(request) {
            match (key.as_str(), value.as_str()) {
                ("collect[]", "nodes") => parts.nodes = true,
                ("collect[]", "exporter") => parts.exporter = true,
                ("collect[]", _) => {
                    let text = "collect[] takes nodes or exporter";
                    return reply::line(StatusCode::BAD_REQUEST, text);
                }
                _ => {}
            }
        }
        if !parts.nodes && !parts.exporter {
            parts = Parts { nodes: true, exporter: true };
        }
        self.scrape(request, &Scope::All, parts).await
    }

    pub(super) async fn probe<B>(&self, request: &Request<B>) -> Reply {
        let (mut hub, mut node) = (None, None);
        for (key, value) in query(request) {
            match key.as_str() {
                "hub" => hub = Some(value),
                "node" => node = Some(value),
                _ => {}
            }
        }
        let Some(hub) = hub else {
            return reply::line(
                StatusCode::BAD_REQUEST,
                "which hub? /probe?hub=HUB or /probe?hub=HUB&node=NODE",
            );
        };
        // Only configured names are ever contacted.
        let inventory = self.exporter.prober().inventory();
        let Some(known) = inventory.hubs.get(&hub) else {
            return reply::line(StatusCode::NOT_FOUND, format_args!("no hub {hub:?} is configured"));
        };
        let scope = match node {
            None => Scope::Hub(hub),
            Some(node) if known.targets.contains_key(&node) => Scope::Node(hub, node),
            Some(node) => {
                return reply::line(StatusCode::NOT_FOUND, format_args!("hub {hub:?} has no node {node:?}"));
            }
        };
        self.scrape(request, &scope, Parts { nodes: true, exporter: false }).await
    }

    async fn scrape<B>(&self, request: &Request<B>, scope: &Scope, parts: Parts) -> Reply {
        let permit = match self.permit() {
            Ok(permit) => permit,
            Err(refusal) => return *refusal,
        };
        let headers = request.headers();
        let (format, gzip) = (negotiate::format(headers), negotiate::takes_gzip(headers));
        let mut snapshot = self.exporter.scrape(scope, parts, negotiate::budget(headers)).await;
        if let Some(exporter) = &mut snapshot.exporter {
            exporter.logins_refused = self.protection.users.as_ref().map(Users::refused);
        }
        // Encoding many repos takes a while, in which others want to be served. The turn lasts until the reply is sent, so
        // that there are never more expositions in memory than scrapes at once, nor more than there is room for.
        let unsent = self.unsent.clone();
        let encoded = self.encoders.run(move || {
            let body = Negotiated::new(format.content_type(), metrics::encode(snapshot, format)?, gzip);
            Ok::<_, fmt::Error>(match unsent.room_for(body.len()) {
                Some(room) => body.reply_holding((permit, room)),
                None => reply::no_room(),
            })
        });
        match encoded.await {
            Ok(Ok(reply)) => reply,
            Err(WorkError::Full) => {
                let text = "too many scrapes wait for their metrics: try again";
                reply::line(StatusCode::SERVICE_UNAVAILABLE, text)
            }
            failed => {
                tracing::error!(?failed, "cannot encode the metrics");
                reply::line(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics, see the log")
            }
        }
    }
}
