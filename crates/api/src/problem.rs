//! Failures as RFC 9457 problems: kind to status, in one place.
//!
//! A problem's `detail` is the sentence for the caller. What the operator should know is logged
//! with the number of the request and never sent.

use crate::answer::{DPOP_NONCE, finish};
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::{HeaderValue, Response, StatusCode};
use kernel::{Error, Kind};
use schemars::JsonSchema;
use serde::Serialize;

/// A failure on its way to the caller.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    field: Option<String>,
    context: Option<String>,
    header: Option<(HeaderName, String)>,
    /// The nonce that the next proof of a key needs.
    nonce: Option<String>,
}

/// A problem as it is sent (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Wire<'a> {
    /// The kind of problem, as a URN: `urn:bailee:problem:not-found`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'a str,
    /// The HTTP status, again.
    status: u16,
    /// What is wrong and what to do next.
    detail: &'a str,
    /// The field, header or query parameter that is wrong, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The number of the request; it finds the line in the operator's log.
    request: &'a str,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let precondition = matches!(error.field(), Some("if-match" | "if-none-match"));
        let (status, kind) = match error.kind() {
            Kind::Forbidden if error.restraint().is_some() => (StatusCode::FORBIDDEN, "restrained"),
            Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Kind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            Kind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            Kind::Conflict if precondition => (StatusCode::PRECONDITION_FAILED, "precondition"),
            Kind::Conflict => (StatusCode::CONFLICT, "conflict"),
            Kind::Limit => (StatusCode::TOO_MANY_REQUESTS, "limit"),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        let header = match error.kind() {
            _ if error.retry().is_some() => error.retry().map(|s| (RETRY_AFTER, s.to_string())),
            Kind::Unauthenticated => Some((WWW_AUTHENTICATE, "Bearer".to_owned())),
            Kind::Limit | Kind::Unavailable => Some((RETRY_AFTER, "1".to_owned())),
            _ => None,
        };
        Self(Box::new(Inner {
            status,
            kind,
            detail: error.message().to_owned(),
            field: error.field().map(str::to_owned),
            context: error.context().map(str::to_owned),
            header,
            nonce: None,
        }))
    }
}

impl Problem {
    /// A field, header or query parameter is wrong.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::invalid(field, detail).into()
    }

    /// The token is not proved to be held by whoever presents it (RFC 9449 §7.1).
    pub(crate) fn unproven(error: &str, why: &str, nonce: Option<String>) -> Self {
        let mut problem = Self::from(Error::unauthenticated());
        let challenge = format!("DPoP error=\"{error}\", algs=\"ES256 EdDSA\"");
        problem.0.header = Some((WWW_AUTHENTICATE, challenge));
        problem.0.detail = why.to_owned();
        problem.0.nonce = nonce;
        problem
    }

    /// Whether it is this refusal.
    pub(crate) fn says(&self, detail: &str) -> bool {
        self.0.detail == detail
    }

    /// The path names nothing.
    pub(crate) fn no_route() -> Self {
        Error::not_found("no such path: `/openapi.json` lists what there is").into()
    }

    /// The path exists, but not for this method (RFC 9110 §15.5.6).
    pub(crate) fn method(method: &str, allowed: &str) -> Self {
        let detail = format!("`{}` is not possible here: use {allowed}", kernel::id::shown(method));
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
        problem.0.header = Some((ALLOW, allowed.to_owned()));
        problem
    }

    /// The body is of another type than this route takes.
    pub(crate) fn media_type(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail).with_field(field)
    }

    /// The body is larger than this route takes.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes: send less at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with_field("body")
    }

    /// The body did not arrive in time (RFC 9110 §15.5.9).
    pub(crate) fn too_slow(seconds: u64) -> Self {
        let detail = format!("the body did not arrive within {seconds} s: nothing was done");
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
    }

    /// As AuthZEN wants it: whatever is wrong with how a question is sent is a wrong request.
    pub(crate) fn plain(mut self) -> Self {
        if self.0.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            (self.0.status, self.0.kind) = (StatusCode::BAD_REQUEST, "invalid");
        }
        self
    }

    /// Whether the caller may not, or may not know.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.0.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// The sentence for the caller.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner {
            status,
            kind,
            detail,
            field: None,
            context: None,
            header: None,
            nonce: None,
        }))
    }

    fn with_field(mut self, field: &str) -> Self {
        self.0.field = Some(field.to_owned());
        self
    }

    /// As SCIM has it (RFC 7644 §3.12). Its `scimType` travels as the field.
    pub(crate) fn scim(&self) -> serde_json::Value {
        let field = self.0.field.as_deref();
        let kind = match (field.and_then(scim::Kind::parse), self.0.status, field) {
            (Some(kind), ..) => Some(kind),
            (None, StatusCode::BAD_REQUEST, Some("body")) => Some(scim::Kind::InvalidSyntax),
            (None, StatusCode::BAD_REQUEST, _) => Some(scim::Kind::InvalidValue),
            _ => None,
        };
        scim::Error::body(self.status(), kind, &self.0.detail)
    }

    /// The response as SCIM has it, and the line in the operator's log.
    pub(crate) fn into_scim(mut self, request: &str) -> Response<Full<Bytes>> {
        if self.0.context.is_some() && self.0.status == StatusCode::INTERNAL_SERVER_ERROR {
            self.0.detail = format!("{} under `{request}`", self.0.detail);
        }
        let body = self.scim().to_string();
        self.0.log(request);
        let mut response = Response::new(Full::new(Bytes::from(body)));
        self.0.dress(&mut response, scim::MEDIA_TYPE);
        response
    }

    /// The response, and the line in the operator's log where there is something to say.
    pub(crate) fn into_response(self, request: &str) -> Response<Full<Bytes>> {
        let mut inner = *self.0;
        inner.log(request);
        if inner.context.is_some() && inner.status == StatusCode::INTERNAL_SERVER_ERROR {
            inner.detail = format!("{} under `{request}`", inner.detail);
        }
        let wire = Wire {
            kind: format!("urn:bailee:problem:{}", inner.kind),
            title: title(inner.kind),
            status: inner.status.as_u16(),
            detail: &inner.detail,
            field: inner.field.as_deref(),
            request,
        };
        // Strings and numbers only: this cannot fail.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Full::new(Bytes::from(body)));
        inner.dress(&mut response, "application/problem+json");
        response
    }
}

impl Inner {
    fn log(&self, request: &str) {
        if let Some(context) = &self.context {
            tracing::error!(request, kind = self.kind, context, "a request failed");
        }
    }

    fn dress(&self, response: &mut Response<Full<Bytes>>, media_type: &'static str) {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some((name, value)) = &self.header
            && let Ok(value) = HeaderValue::from_str(value)
        {
            headers.insert(name.clone(), value);
        }
        if let Some(nonce) = self.nonce.as_deref().and_then(|one| HeaderValue::from_str(one).ok()) {
            headers.insert(DPOP_NONCE.clone(), nonce);
        }
        finish(headers);
    }
}

fn title(kind: &str) -> &'static str {
    match kind {
        "unauthenticated" => "Not logged in",
        "forbidden" => "Not allowed",
        "restrained" => "Refused for now",
        "not-found" => "Not found",
        "invalid" => "Invalid request",
        "precondition" => "Precondition failed",
        "conflict" => "Conflict",
        "limit" => "Limit reached",
        "unavailable" => "Not available now",
        "method" => "Method not allowed",
        "media-type" => "Unsupported media type",
        "too-large" => "Body too large",
        "timeout" => "Body too slow",
        _ => "Internal error",
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;
    use domain::register::On;
    use kernel::{Error, Kind};
    use serde_json::json;

    /// As a kernel answers an address that is banned.
    fn refused() -> Error {
        let world = testkit::World::memory(3);
        let answer = json!({"kind": "ban", "target": "203.0.113.9", "reason": "x"});
        let register = domain::registers::known("answers").unwrap();
        let (target, json) = (On::New((1_u128 << 80).to_be_bytes()), answer.to_string());
        let add = (register.add.make)(&world.kernel, target, json.as_bytes()).unwrap();
        world.run(&world.person("rob", &["responder"]), add).unwrap();
        world.kernel.admit("203.0.113.9".parse().unwrap()).unwrap_err()
    }

    #[test]
    fn every_kind_has_its_status() {
        for (error, status, kind, header) in [
            (Error::unauthenticated(), 401, "unauthenticated", Some("www-authenticate")),
            (Error::forbidden("no"), 403, "forbidden", None),
            (Error::not_found("no"), 404, "not-found", None),
            (Error::invalid("name", "no"), 400, "invalid", None),
            (Error::conflict("no"), 409, "conflict", None),
            (Error::precondition("if-match", "no"), 412, "precondition", None),
            (Error::precondition("if-none-match", "no"), 412, "precondition", None),
            (Error::precondition("state", "no"), 409, "conflict", None),
            (Error::limit("no"), 429, "limit", Some("retry-after")),
            (Error::unavailable("no"), 503, "unavailable", Some("retry-after")),
            (Error::new(Kind::Internal, "no"), 500, "internal", None),
            (refused(), 403, "restrained", Some("retry-after")),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.0.status.as_u16(), problem.0.kind), (status, kind));
            assert_eq!(problem.0.header.as_ref().map(|(name, _)| name.as_str()), header, "{kind}");
            assert_eq!(super::title(kind) == "Internal error", kind == "internal");
        }
    }

    #[tokio::test]
    async fn a_problem_says_what_the_caller_may_know_and_no_more() {
        use http_body_util::BodyExt;
        let error = Error::internal("row 17 is damaged");
        let response = Problem::from(error).into_response("r-1");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:bailee:problem:internal");
        assert_eq!(body["request"], "r-1");
        assert_eq!(body["status"], 500);
        assert!(body["detail"].as_str().unwrap().contains("`r-1`"));
        assert!(!body.to_string().contains("17"), "{body}");
        assert!(body.get("field").is_none());
    }
}
