//! The site: who may ask, and what serves each route.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{ALLOW, AUTHORIZATION, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::assets::Assets;
use super::host::{self, AllowedHost};
use super::pages::{self, Writers};
use super::plots::Plots;
use super::reply::{self, Reply};
use super::routes::{self, Handler, Routed};
use super::same_origin::is_cross_site;
use super::unsent::Unsent;
use super::users::Admission;
use super::{WebConfig, service_discovery};
use crate::exporter::Exporter;
use crate::page::PageContext;
use crate::page::plot::Theme;
use crate::workers::Workers;

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
    pub(super) exporter: Arc<Exporter>,
    telemetry_path: String,
    /// Scrapes at once; `None` without a limit.
    scrapes: Option<Arc<Semaphore>>,
    pub(super) encoders: Workers,
    writers: Writers,
    pub(super) unsent: Unsent,
    allowed_hosts: Vec<AllowedHost>,
    pub(super) protection: WebConfig,
    assets: Assets,
    plots: Plots,
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
            plots: Plots::default(),
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
        let is_open = routes::is_open(request.uri().path());
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
        match routes::find(request.method(), request.uri().path(), &self.telemetry_path) {
            Routed::To(handler) => self.serve(handler, &request).await,
            Routed::NotFound => not_found(),
            Routed::NotAllowed(methods) => not_allowed(&methods),
        }
    }

    async fn serve<B>(&self, handler: Handler, request: &Request<B>) -> Reply {
        let (prober, headers, path) = (self.exporter.prober(), request.headers(), request.uri().path());
        match handler {
            Handler::Front => pages::front(&self.writers, prober, self.context(), headers).await,
            Handler::Hub => {
                let debug = query(request).any(|(key, value)| key == "debug" && value != "0");
                pages::hub(&self.writers, prober, self.context(), headers, path, debug).await
            }
            Handler::ProbeNow => self.probe_now(request).await,
            Handler::Plot => {
                let dark =
                    query(request).any(|(key, value)| (key.as_str(), value.as_str()) == ("theme", "dark"));
                let theme = if dark { Theme::Dark } else { Theme::Light };
                pages::plot(&self.writers, prober, &self.plots, headers, path, theme).await
            }
            Handler::Asset => self.assets.get(path).map_or_else(not_found, |asset| asset.reply(headers)),
            Handler::Probe => self.probe(request).await,
            Handler::ServiceDiscovery => {
                let scheme = if self.tls().is_some() { "https" } else { "http" };
                service_discovery::targets(&prober.inventory(), scheme, headers.get(HOST))
            }
            Handler::Healthy => reply::line(StatusCode::OK, "healthy"),
            Handler::Ready => reply::line(StatusCode::OK, "ready"),
            Handler::Reload => self.reload(headers).await,
            Handler::Metrics => self.metrics(request).await,
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
    pub(super) fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, Box<Reply>> {
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
}

/// The keys and values of a query.
pub(super) fn query<B>(request: &Request<B>) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned()
}

fn unauthorized() -> Reply {
    let mut reply = reply::line(StatusCode::UNAUTHORIZED, "authentication required");
    let wanted = HeaderValue::from_static("Basic realm=\"scm-backup-exporter\", charset=\"UTF-8\"");
    reply.headers_mut().insert(WWW_AUTHENTICATE, wanted);
    reply
}

fn not_found() -> Reply {
    reply::line(StatusCode::NOT_FOUND, "no such page: see / for those there are")
}

fn not_allowed(methods: &str) -> Reply {
    let mut reply = reply::line(StatusCode::METHOD_NOT_ALLOWED, format_args!("use {methods}"));
    if let Ok(methods) = HeaderValue::from_str(methods) {
        reply.headers_mut().insert(ALLOW, methods);
    }
    reply
}
