//! Which path does what.

use std::net::IpAddr;
use std::sync::Arc;
use std::{fmt, io};

use hyper::header::{ALLOW, AUTHORIZATION, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::host::{self, AllowedHost};
use super::pages::{self, Assets, Writers};
use super::reply::{self, Negotiated, Reply};
use super::same_origin::is_cross_site;
use super::unsent::Unsent;
use super::users::{Admission, Users};
use super::{WebConfig, negotiate, service_discovery};
use crate::exporter::{Exporter, Parts};
use crate::metrics;
use crate::page::plot::Theme;
use crate::page::{PageContext, address};
use crate::probe::Scope;
use crate::workers::{WorkError, Workers};

/// Threads that write expositions. Each may take a few times its size in memory.
const ENCODERS: usize = 2;

/// Expositions that may wait to be written: more than `--web.max-requests` usually allows.
const MOST_EXPOSITIONS: usize = 1024;

/// Threads that write pages and draw plots.
const WRITERS: usize = 2;

/// Pages and plots that may wait for that. A browser asks for six at once.
const MOST_PAGES: usize = 64;

/// What is served.
#[derive(Debug)]
pub struct App {
    exporter: Arc<Exporter>,
    telemetry_path: String,
    /// Scrapes at once; `None` without a limit.
    scrapes: Option<Arc<Semaphore>>,
    encoders: Workers,
    writers: Writers,
    unsent: Unsent,
    allowed_hosts: Vec<AllowedHost>,
    protection: WebConfig,
    assets: Assets,
}

impl App {
    /// A site that serves `exporter`, its metrics at `telemetry_path`, to at most `max_requests` scrapes at once
    /// (0: any number).
    ///
    /// # Errors
    /// When the system gives no further threads.
    pub fn new(exporter: Arc<Exporter>, telemetry_path: String, max_requests: usize) -> io::Result<Self> {
        let most = max_requests.min(Semaphore::MAX_PERMITS);
        let unsent = Unsent::default();
        Ok(Self {
            exporter,
            telemetry_path,
            scrapes: (max_requests > 0).then(|| Arc::new(Semaphore::new(most))),
            encoders: Workers::start("encode", ENCODERS, MOST_EXPOSITIONS)?,
            writers: Writers {
                workers: Workers::start("pages", WRITERS, MOST_PAGES)?,
                unsent: unsent.clone(),
            },
            unsent,
            allowed_hosts: Vec::new(),
            protection: WebConfig::default(),
            assets: Assets::default(),
        })
    }

    /// The same site, asked by these names only; by every name where there are none.
    pub fn only_as(self, allowed_hosts: Vec<AllowedHost>) -> Self {
        Self { allowed_hosts, ..self }
    }

    /// The same site with TLS and users as configured.
    pub fn protected(self, protection: WebConfig) -> Self {
        Self { protection, ..self }
    }

    /// What makes TLS connections, where there is TLS.
    pub(super) fn tls(&self) -> Option<&TlsAcceptor> {
        self.protection.tls.as_ref()
    }

    /// The reply to a request of this peer, whatever its body.
    pub(super) async fn handle<B>(&self, request: Request<B>, peer: IpAddr) -> Reply {
        match self.refusal(&request, peer).await {
            Some(refusal) => refusal,
            None => self.route(request).await,
        }
    }

    /// Why a request is not looked at.
    async fn refusal<B>(&self, request: &Request<B>, peer: IpAddr) -> Option<Reply> {
        let headers = request.headers();
        if host::is_ambiguous(headers) {
            return Some(reply::line(StatusCode::BAD_REQUEST, "the request has two Host headers: send one"));
        }
        let default_port = if self.tls().is_some() { 443 } else { 80 };
        // These two tell nothing, and whoever watches over the process asks by any address.
        let is_open = matches!(request.uri().path(), "/-/healthy" | "/-/ready");
        if !is_open && !host::is_allowed(&self.allowed_hosts, request.uri(), headers, default_port) {
            let text = "not served by this name: see --web.allowed-host";
            return Some(reply::line(StatusCode::MISDIRECTED_REQUEST, text));
        }
        let users = self.protection.users.as_ref()?;
        match users.authenticate(headers.get(AUTHORIZATION), peer).await {
            Admission::Admitted => None,
            Admission::Refused => Some(unauthorized()),
            Admission::Busy => {
                let text = "too many logins wait to be checked: try again";
                let mut reply = reply::line(StatusCode::TOO_MANY_REQUESTS, text);
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                Some(reply)
            }
        }
    }

    async fn route<B>(&self, request: Request<B>) -> Reply {
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
            ("/-/reload", _) if *request.method() == Method::POST => self.reload(headers).await,
            ("/-/reload", _) => not_allowed("POST"),
            (path, _) if path.starts_with(address::HUBS) && *request.method() == Method::POST => {
                self.probe_now(&request).await
            }
            (path, false) if path.starts_with(address::HUBS) => not_allowed("GET, HEAD, POST"),
            (_, false) => not_allowed("GET, HEAD"),
            ("/", _) => pages::front(&self.writers, prober, self.context(), headers).await,
            (path, _) if path.starts_with(address::HUBS) => {
                let debug = query(&request).any(|(key, value)| key == "debug" && value != "0");
                pages::hub(&self.writers, prober, self.context(), headers, path, debug).await
            }
            (path, _) if path.starts_with(address::PLOTS) => {
                let dark =
                    query(&request).any(|(key, value)| (key.as_str(), value.as_str()) == ("theme", "dark"));
                let theme = if dark { Theme::Dark } else { Theme::Light };
                pages::plot(&self.writers, prober, &self.assets.plots, headers, path, theme).await
            }
            ("/style.css", _) => pages::style(headers, &self.assets.style),
            ("/icon.svg", _) => pages::icon(headers, &self.assets.icon),
            ("/reader.js", _) => pages::reader(headers, &self.assets.reader),
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

    fn context(&self) -> PageContext {
        PageContext {
            now: Timestamp::now(),
            telemetry_path: self.telemetry_path.clone(),
            reload_failed_since: self.exporter.last_reload().failed_since,
        }
    }

    /// `Probe now` of a page; it takes a permit as a scrape does.
    async fn probe_now<B>(&self, request: &Request<B>) -> Reply {
        let _permit = match self.permit() {
            Ok(permit) => permit,
            Err(refusal) => return *refusal,
        };
        let node = query(request).find(|(key, _)| key == "node").map(|(_, node)| node);
        pages::probe_now(self.exporter.prober(), request.headers(), request.uri().path(), node).await
    }

    /// A permit to be one of those at once, or the refusal.
    fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, Box<Reply>> {
        self.scrapes.clone().map(Semaphore::try_acquire_owned).transpose().map_err(|_| {
            let text = "too many scrapes at once (--web.max-requests)";
            Box::new(reply::line(StatusCode::SERVICE_UNAVAILABLE, text))
        })
    }

    /// Reads the configuration again, as a program asks for it, or a page of ours.
    async fn reload(&self, headers: &HeaderMap) -> Reply {
        if is_cross_site(headers) {
            let text = "a page of another site may not ask for a reload; a program does by a plain POST";
            return reply::line(StatusCode::FORBIDDEN, text);
        }
        let exporter = self.exporter.clone();
        // It goes on when the client is gone.
        let reloaded = tokio::spawn(async move { exporter.reload().await });
        match reloaded.await {
            Ok(Ok(())) => reply::line(StatusCode::OK, "configuration reloaded"),
            Ok(Err(error)) => reply::line(
                StatusCode::INTERNAL_SERVER_ERROR,
                format_args!("configuration not reloaded, the one before stays in force:\n{error}"),
            ),
            Err(error) => reply::line(StatusCode::INTERNAL_SERVER_ERROR, error),
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

fn query<B>(request: &Request<B>) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned()
}

fn unauthorized() -> Reply {
    let mut reply = reply::line(StatusCode::UNAUTHORIZED, "authentication required");
    let wanted = HeaderValue::from_static("Basic realm=\"scm-backup-exporter\", charset=\"UTF-8\"");
    reply.headers_mut().insert(WWW_AUTHENTICATE, wanted);
    reply
}

fn not_allowed(methods: &'static str) -> Reply {
    let mut reply = reply::line(StatusCode::METHOD_NOT_ALLOWED, format_args!("use {methods}"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}
