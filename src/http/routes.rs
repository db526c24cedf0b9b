//! Which path does what.

use std::sync::Arc;

use hyper::header::{ALLOW, AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_rustls::TlsAcceptor;

use super::pages::{self, Pictures};
use super::reply::{self, Reply};
use super::{WebConfig, negotiate, service_discovery};
use crate::exporter::{Exporter, Parts};
use crate::metrics;
use crate::page::plot::Theme;
use crate::page::{Frame, address};
use crate::probe::Scope;

/// What is served.
#[derive(Debug)]
pub struct Site {
    exporter: Arc<Exporter>,
    telemetry_path: String,
    /// Scrapes at once; `None` without a limit.
    scrapes: Option<Semaphore>,
    protection: WebConfig,
    pictures: Pictures,
}

impl Site {
    /// A site that serves `exporter`, its metrics at `telemetry_path`, to at most `max_requests` scrapes at once
    /// (0: any number).
    pub fn new(exporter: Arc<Exporter>, telemetry_path: String, max_requests: usize) -> Self {
        let scrapes = (max_requests > 0).then(|| Semaphore::new(max_requests));
        let (protection, pictures) = (WebConfig::default(), Pictures::default());
        Self { exporter, telemetry_path, scrapes, protection, pictures }
    }

    /// The same site with TLS and users as configured.
    pub fn protected(self, protection: WebConfig) -> Self {
        Self { protection, ..self }
    }

    /// What makes TLS connections, where there is TLS.
    pub(super) fn tls(&self) -> Option<&TlsAcceptor> {
        self.protection.tls.as_ref()
    }

    /// The reply to a request, whatever its body.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Reply {
        if let Some(users) = &self.protection.users
            && !users.admit(request.headers().get(AUTHORIZATION)).await
        {
            return unauthorized();
        }
        let path = request.uri().path();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_known = path == self.telemetry_path
            || matches!(
                path,
                "/" | "/probe"
                    | "/sd"
                    | "/style.css"
                    | "/reader.js"
                    | "/icon.svg"
                    | "/-/healthy"
                    | "/-/ready"
                    | "/-/reload"
            )
            || [address::HUBS, address::PLOTS].iter().any(|start| path.starts_with(start));
        let (prober, headers) = (self.exporter.prober(), request.headers());
        match (path, is_read) {
            _ if !is_known => {
                reply::line(StatusCode::NOT_FOUND, format_args!("no such page: see / for those there are"))
            }
            ("/-/reload", _) if *request.method() == Method::POST => self.reload().await,
            ("/-/reload", _) => not_allowed("POST"),
            (path, _) if path.starts_with(address::HUBS) && *request.method() == Method::POST => {
                self.probe_now(&request).await
            }
            (path, false) if path.starts_with(address::HUBS) => not_allowed("GET, HEAD, POST"),
            (_, false) => not_allowed("GET, HEAD"),
            ("/", _) => pages::front(prober, self.frame(), headers).await,
            (path, _) if path.starts_with(address::HUBS) => {
                let debug = query(&request).any(|(key, value)| key == "debug" && value != "0");
                pages::hub(prober, self.frame(), headers, path, debug).await
            }
            (path, _) if path.starts_with(address::PLOTS) => {
                let dark =
                    query(&request).any(|(key, value)| (key.as_str(), value.as_str()) == ("theme", "dark"));
                let theme = if dark { Theme::Dark } else { Theme::Light };
                pages::plot(prober, &self.pictures.plots, headers, path, theme).await
            }
            ("/style.css", _) => pages::style(headers, &self.pictures.style),
            ("/icon.svg", _) => pages::icon(headers, &self.pictures.icon),
            ("/reader.js", _) => pages::reader(headers, &self.pictures.reader),
            ("/probe", _) => self.probe(&request).await,
            ("/sd", _) => {
                let scheme = if self.tls().is_some() { "https" } else { "http" };
                service_discovery::targets(&prober.inventory(), scheme, headers.get(HOST))
            }
            ("/-/healthy", _) => reply::line(StatusCode::OK, "healthy"),
            ("/-/ready", _) => reply::line(StatusCode::OK, "ready"),
            _ => self.metrics(&request).await,
        }
    }

    fn frame(&self) -> Frame {
        Frame { now: Timestamp::now(), telemetry_path: self.telemetry_path.clone() }
    }

    /// `Probe now` of a page; it takes a turn as a scrape does.
    async fn probe_now<B>(&self, request: &Request<B>) -> Reply {
        let _turn = match self.turn() {
            Ok(turn) => turn,
            Err(refusal) => return *refusal,
        };
        let node = query(request).find(|(key, _)| key == "node").map(|(_, node)| node);
        pages::probe_now(self.exporter.prober(), request.headers(), request.uri().path(), node).await
    }

    /// A turn of those at once, or the refusal.
    fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, Box<Reply>> {
        self.scrapes.as_ref().map(Semaphore::try_acquire).transpose().map_err(|_| {
            let text = "too many scrapes at once (--web.max-requests)";
            Box::new(reply::line(StatusCode::SERVICE_UNAVAILABLE, text))
        })
    }

    async fn reload(&self) -> Reply {
        match self.exporter.reload() {
            Ok(()) => reply::line(StatusCode::OK, "configuration reloaded"),
            Err(faults) => reply::line(
                StatusCode::INTERNAL_SERVER_ERROR,
                format_args!("configuration not reloaded, the one before stays in force:\n{faults}"),
            ),
        }
    }

    async fn metrics<B>(&self, request: &Request<B>) -> Reply {
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

    async fn probe<B>(&self, request: &Request<B>) -> Reply {
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
        let _turn = match self.turn() {
            Ok(turn) => turn,
            Err(refusal) => return *refusal,
        };
        let headers = request.headers();
        let (format, gzip) = (negotiate::format(headers), negotiate::takes_gzip(headers));
        let snapshot = self.exporter.scrape(scope, parts, negotiate::budget(headers)).await;
        // Encoding many repos takes a while, in which others want to be served.
        let encoded = tokio::task::spawn_blocking(move || {
            metrics::encode(snapshot, format).map(|body| reply::negotiated(format.content_type(), body, gzip))
        });
        match encoded.await {
            Ok(Ok(reply)) => reply,
            failed => {
                tracing::error!(?failed, "cannot encode the metrics");
                reply::line(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics, see the log")
            }
        }
    }
}

fn query<B>(request: &Request<B>) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned()
}

fn unauthorized() -> Reply {
    let mut reply = reply::line(StatusCode::UNAUTHORIZED, "who are you? a user and a password are wanted");
    let wanted = HeaderValue::from_static("Basic realm=\"scm-backup-exporter\", charset=\"UTF-8\"");
    reply.headers_mut().insert(WWW_AUTHENTICATE, wanted);
    reply
}

fn not_allowed(methods: &'static str) -> Reply {
    let mut reply = reply::line(StatusCode::METHOD_NOT_ALLOWED, format_args!("use {methods}"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}
