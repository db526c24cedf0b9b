//! Making replies.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{Response, StatusCode};

/// A whole reply.
pub(super) type Reply = Response<Full<Bytes>>;

/// Below this size compressing gains nothing.
const WORTH_COMPRESSING: usize = 1024;

/// A reply of this type and body.
pub(super) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    reply
}

/// A line of plain text.
pub(super) fn line(status: StatusCode, text: impl std::fmt::Display) -> Reply {
    reply(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

/// A body that holds something as long as a part of it is still to be sent.
pub(super) fn holding<T: Send + 'static>(body: Vec<u8>, held: T) -> Bytes {
    struct Held<T>(Vec<u8>, T);
    impl<T> AsRef<[u8]> for Held<T> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Held(body, held))
}

/// A body that depends on what the client accepts, compressed if it may be and is worth it.
#[derive(Debug)]
pub(super) struct Negotiated {
    content_type: &'static str,
    body: Vec<u8>,
    is_compressed: bool,
}

impl Negotiated {
    pub(super) fn new(content_type: &'static str, body: String, gzip: bool) -> Self {
        let compressed = if gzip { compressed(body.as_bytes()) } else { None };
        let is_compressed = compressed.is_some();
        Self { content_type, body: compressed.unwrap_or_else(|| body.into_bytes()), is_compressed }
    }

    /// How many bytes are to be sent.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// A reply of it that holds something until it is sent.
    pub(super) fn reply_holding<T: Send + 'static>(self, held: T) -> Reply {
        let mut reply = reply(StatusCode::OK, self.content_type, holding(self.body, held));
        let headers = reply.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if self.is_compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }
}

/// The refusal of a reply for which there is no room in memory.
pub(super) fn no_room() -> Reply {
    line(StatusCode::SERVICE_UNAVAILABLE, "too many replies wait for clients to read them: try again")
}

/// A body, compressed; `None` where that is not worth it.
pub(super) fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < WORTH_COMPRESSING {
        return None;
    }
    // Writing to memory does not fail.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
