//! What the pages load besides themselves: one table of the files in the program, and how a picture or such a file is
//! sent, compressed and with an ETag.

use std::hash::{DefaultHasher, Hasher as _};

use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{HeaderMap, StatusCode};

use super::negotiate;
use super::reply::{self, Reply, reply};
use crate::page;

/// The files in the program: path, content type and text.
const FILES: [(&str, &str, &str); 3] = [
    ("/style.css", "text/css; charset=utf-8", page::STYLE),
    ("/reader.js", "text/javascript; charset=utf-8", page::READER),
    ("/icon.svg", SVG, page::ICON),
];

/// The content type of pictures.
const SVG: &str = "image/svg+xml";

/// Shown alone, an asset needs nothing.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether the table has a file of this path.
pub(super) fn is_asset(path: &str) -> bool {
    FILES.iter().any(|(known, ..)| *known == path)
}

/// The files of the table, ready to be sent.
#[derive(Debug)]
pub(super) struct Assets(Vec<(&'static str, CachedAsset)>);

impl Default for Assets {
    fn default() -> Self {
        let ready = |(path, content_type, text): (_, _, &str)| {
            (path, CachedAsset::new(content_type, text.to_owned()))
        };
        Self(FILES.into_iter().map(ready).collect())
    }
}

impl Assets {
    /// The file of this path.
    pub(super) fn get(&self, path: &str) -> Option<&CachedAsset> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, asset)| asset)
    }
}

/// An asset as it is sent.
#[derive(Debug, Clone)]
pub(super) struct CachedAsset {
    content_type: &'static str,
    bytes: Bytes,
    /// The same, compressed; `None` where that is not worth it.
    gzip: Option<Bytes>,
    /// The same for the same bytes.
    etag: String,
}

impl CachedAsset {
    fn new(content_type: &'static str, text: String) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        // Weak, since the compressed one is the same asset in other bytes.
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        let gzip = reply::compressed(text.as_bytes()).map(Bytes::from);
        Self { content_type, bytes: text.into(), gzip, etag }
    }

    /// A picture.
    pub(super) fn svg(text: String) -> Self {
        Self::new(SVG, text)
    }

    /// How many bytes it takes to keep it.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.gzip.as_ref().map_or(0, Bytes::len)
    }

    /// It as a reply, without a body where the client has it already.
    pub(super) fn reply(&self, headers: &HeaderMap) -> Reply {
        let has_it = headers.get_all(IF_NONE_MATCH).iter().any(|value| is_among(value, &self.etag));
        let gzip = self.gzip.as_ref().filter(|_| negotiate::takes_gzip(headers));
        let mut reply = match (has_it, gzip) {
            (true, _) => reply(StatusCode::NOT_MODIFIED, self.content_type, ""),
            (false, Some(gzip)) => {
                let mut reply = reply(StatusCode::OK, self.content_type, gzip.clone());
                reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                reply
            }
            (false, None) => reply(StatusCode::OK, self.content_type, self.bytes.clone()),
        };
        let headers = reply.headers_mut();
        // Kept, but asked about each time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, etag);
        }
        reply
    }
}

/// Whether an ETag, compared weakly, is in a list of them.
fn is_among(list: &HeaderValue, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.to_str().is_ok_and(|list| list.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_table_is_ready() {
        let assets = Assets::default();
        for (path, content_type, text) in FILES {
            let asset = assets.get(path);
            assert!(asset.is_some_and(|asset| asset.bytes == text && asset.content_type == content_type));
            assert!(is_asset(path));
        }
        assert!(assets.get("/other.css").is_none() && !is_asset("/other.css"));
    }

    #[test]
    fn etag_tells_pictures_apart() {
        let etag = |svg: &str| CachedAsset::svg(svg.to_owned()).etag;
        assert_eq!(etag("<svg/>"), etag("<svg/>"));
        assert_ne!(etag("<svg/>"), etag("<svg></svg>"));
    }
}
