//! Answers: what a handler gives back, as a response.

use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    LOCATION, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use kernel::Error;
use serde::Serialize;

/// The receipt of what was just shown, as base64url (RFC 4648 §5, no padding) of its JSON.
static RECEIPT: HeaderName = HeaderName::from_static("bailee-receipt");

/// A nonce for proofs of keys (RFC 9449 §8).
pub(crate) static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What a handler answers.
pub(crate) struct Answer(Response<Full<Bytes>>);

impl Answer {
    /// A JSON value.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::internal(format!("an answer is no JSON: {error}")))?;
        Ok(Self::bytes("application/json", body).status(status))
    }

    /// Bytes of a media type.
    pub(crate) fn bytes(kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Full::new(body.into()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Self(response)
    }

    /// No body at all, for 304.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self(Response::new(Full::new(Bytes::new()))).status(status)
    }

    /// With another status than 200.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    /// With the version as a strong entity tag (RFC 9110 §8.8.3).
    pub(crate) fn version(self, version: u64) -> Self {
        self.header(ETAG, &format!("\"{version}\""))
    }

    /// With the place of what was created.
    pub(crate) fn location(self, path: &str) -> Self {
        self.header(LOCATION, path)
    }

    /// As a file of this name, to be saved (RFC 6266). What a name could break out with is
    /// replaced.
    pub(crate) fn attachment(self, name: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
        let name: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        self.header(CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
    }

    /// With the receipt in a header, for answers whose body is somebody's data.
    pub(crate) fn receipt(self, receipt: Option<&String>) -> Self {
        match receipt {
            Some(json) => self.header(RECEIPT.clone(), &URL_SAFE_NO_PAD.encode(json)),
            None => self,
        }
    }

    /// With the language of what it says (RFC 8935 §2.3).
    pub(crate) fn in_english(self) -> Self {
        self.header(CONTENT_LANGUAGE, "en")
    }

    /// With a nonce for proofs of keys (RFC 9449 §8).
    pub(crate) fn nonce(self, nonce: &str) -> Self {
        self.header(DPOP_NONCE.clone(), nonce)
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = self.0;
        finish(response.headers_mut());
        response
    }
}

/// What every answer carries: nothing is kept by caches, guessed by browsers, or asked for in clear
/// text for the next two years (RFC 6797).
pub(crate) fn finish(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
}

/// The answer to `HEAD`: as to `GET`, without the body (RFC 9110 §9.3.2).
pub(crate) fn without_body(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut parts, body) = response.into_parts();
    let length = hyper::body::Body::size_hint(&body).exact().unwrap_or(0);
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Response::from_parts(parts, Full::new(Bytes::new()))
}
