//! The table of routes: which path takes which methods, and what serves it. What a path may be used for besides is
//! looked up here too.

use hyper::Method;

use super::assets;
use crate::page::address;

/// Everything that is served. The first route of a path counts.
#[rustfmt::skip]
const ROUTES: [Route; 11] = [
    Route { path: Path::Is("/"), methods: Methods::Read, handler: Handler::Front },
    Route { path: Path::Below(address::HUBS), methods: Methods::Read, handler: Handler::Hub },
    Route { path: Path::Below(address::HUBS), methods: Methods::Post, handler: Handler::ProbeNow },
    Route { path: Path::Below(address::PLOTS), methods: Methods::Read, handler: Handler::Plot },
    Route { path: Path::Asset, methods: Methods::Read, handler: Handler::Asset },
    Route { path: Path::Is("/probe"), methods: Methods::Read, handler: Handler::Probe },
    Route { path: Path::Is("/sd"), methods: Methods::Read, handler: Handler::ServiceDiscovery },
    Route { path: Path::Is("/-/healthy"), methods: Methods::Read, handler: Handler::Healthy },
    Route { path: Path::Is("/-/ready"), methods: Methods::Read, handler: Handler::Ready },
    Route { path: Path::Is("/-/reload"), methods: Methods::Post, handler: Handler::Reload },
    Route { path: Path::Telemetry, methods: Methods::Read, handler: Handler::Metrics },
];

/// One line of the table.
#[derive(Debug, Clone, Copy)]
struct Route {
    path: Path,
    methods: Methods,
    handler: Handler,
}

/// Which paths a route serves.
#[derive(Debug, Clone, Copy)]
enum Path {
    /// This one.
    Is(&'static str),
    /// All that begin so.
    Below(&'static str),
    /// Those of the table of assets.
    Asset,
    /// That of `--web.telemetry-path`.
    Telemetry,
}

/// Which methods a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    /// GET, and HEAD, to which hyper sends no body.
    Read,
    /// POST.
    Post,
}

/// What serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    /// The page of all hubs.
    Front,
    /// The page of a hub.
    Hub,
    /// A hub page's `Probe now`.
    ProbeNow,
    /// A plot.
    Plot,
    /// A style sheet, script or icon.
    Asset,
    /// One hub or node, probed.
    Probe,
    /// Prometheus' HTTP service discovery.
    ServiceDiscovery,
    /// Whether the process lives.
    Healthy,
    /// Whether it serves.
    Ready,
    /// Reading the configuration again.
    Reload,
    /// The metrics.
    Metrics,
}

/// What the table says of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Routed {
    /// It is served.
    To(Handler),
    /// There is no such path.
    NotFound,
    /// The path takes these methods only.
    NotAllowed(String),
}

impl Path {
    fn matches(self, path: &str, telemetry_path: &str) -> bool {
        match self {
            Self::Is(known) => path == known,
            Self::Below(start) => path.starts_with(start),
            Self::Asset => assets::is_asset(path),
            Self::Telemetry => path == telemetry_path,
        }
    }
}

impl Methods {
    fn take(self, method: &Method) -> bool {
        match self {
            Self::Read => matches!(*method, Method::GET | Method::HEAD),
            Self::Post => *method == Method::POST,
        }
    }

    fn names(self) -> &'static str {
        match self {
            Self::Read => "GET, HEAD",
            Self::Post => "POST",
        }
    }
}

/// Looks a request up, where the metrics are served at `telemetry_path`.
pub(super) fn find(method: &Method, path: &str, telemetry_path: &str) -> Routed {
    let of_path = || ROUTES.iter().filter(|route| route.path.matches(path, telemetry_path));
    match of_path().find(|route| route.methods.take(method)) {
        Some(route) => Routed::To(route.handler),
        None => {
            let methods: Vec<&str> = of_path().map(|route| route.methods.names()).collect();
            if methods.is_empty() { Routed::NotFound } else { Routed::NotAllowed(methods.join(", ")) }
        }
    }
}

/// Whether a path is served by whatever name it is asked: health checks use any address, and learn nothing else.
pub(super) fn is_open(path: &str) -> bool {
    ROUTES.iter().any(|route| {
        matches!(route.handler, Handler::Healthy | Handler::Ready) && route.path.matches(path, "")
    })
}

/// Whether the metrics can be served at a path: it serves nothing else, and is no path that clients change on the way.
pub fn is_free(path: &str) -> bool {
    let is_reserved = ["/-/", "//"].iter().any(|start| path.starts_with(start));
    path.starts_with('/') && !is_reserved && !ROUTES.iter().any(|route| route.path.matches(path, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(method: Method, path: &str) -> Routed {
        find(&method, path, "/metrics")
    }

    #[test]
    fn every_path_says_which_methods_it_takes() {
        let not_allowed = |methods: &str| Routed::NotAllowed(methods.to_owned());
        for path in ["/", "/plot/x", "/style.css", "/icon.svg", "/probe", "/sd", "/-/healthy", "/metrics"] {
            assert_eq!(routed(Method::POST, path), not_allowed("GET, HEAD"), "{path}");
            assert_eq!(routed(Method::HEAD, path), routed(Method::GET, path), "{path}");
        }
        assert_eq!(routed(Method::PUT, "/hub/ZZ"), not_allowed("GET, HEAD, POST"));
        assert_eq!(routed(Method::GET, "/-/reload"), not_allowed("POST"));
        assert_eq!(routed(Method::POST, "/hub/ZZ"), Routed::To(Handler::ProbeNow));
        for path in ["/metrics/", "/hub", "/-/", "/style.css/x", ""] {
            assert_eq!(routed(Method::POST, path), Routed::NotFound, "{path}");
        }
    }

    #[test]
    fn metrics_take_no_path_of_another_route() {
        for route in ROUTES {
            match route.path {
                Path::Is(path) => assert!(!is_free(path), "{path}"),
                Path::Below(start) => assert!(!is_free(&format!("{start}x")), "{start}"),
                Path::Asset => assert!(!is_free("/icon.svg")),
                Path::Telemetry => assert!(is_free("/metrics")),
            }
        }
        assert!(!is_free("/-/new") && !is_free("//host/metrics") && !is_free("metrics") && !is_free(""));
    }

    #[test]
    fn health_checks_alone_are_open() {
        assert!(is_open("/-/healthy") && is_open("/-/ready"));
        assert!(!is_open("/-/reload") && !is_open("/") && !is_open("/metrics") && !is_open(""));
    }
}
