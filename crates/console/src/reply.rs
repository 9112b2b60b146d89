//! Answers: pages, files and redirections, with what every answer carries.

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, REFRESH, RETRY_AFTER, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use kernel::{Error, Kind};
use maud::Markup;

/// What a page may load and where its forms may go: only here. No style or script stands in it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' \
                      data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";

/// What a handler answers.
pub(crate) enum Reply {
    /// A page, still without its shell.
    Page(Page),
    /// `303`: what was asked is done, look there.
    See(String),
    /// A file to keep.
    File { kind: &'static str, name: String, body: Vec<u8> },
    /// An answer to a program.
    Plain(StatusCode, &'static str, Vec<u8>),
    /// As another reply, and the browser keeps something.
    Keeping(Box<Reply>, Vec<String>),
}

/// A page, still without its shell.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    /// The pages above it: name and path.
    pub(crate) above: Vec<(String, String)>,
    pub(crate) body: Markup,
    /// Index of the entry of `house` that says who saw this.
    pub(crate) entry: Option<u64>,
    /// Where the browser goes on by itself.
    pub(crate) next: Option<&'static str>,
}

impl Page {
    /// A page with this heading.
    pub(crate) fn new(title: impl Into<String>, body: Markup) -> Self {
        let (title, above) = (title.into(), vec![]);
        Self { status: StatusCode::OK, title, above, body, entry: None, next: None }
    }

    /// Below another page.
    pub(crate) fn under(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.above.push((name.into(), path.into()));
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// From where the browser goes on by itself.
    pub(crate) fn leading(mut self, next: &'static str) -> Self {
        self.next = Some(next);
        self
    }

    /// With the entry that says who saw it.
    pub(crate) fn seen(mut self, entry: Option<u64>) -> Self {
        self.entry = entry;
        self
    }
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// The status of a failure, in one place.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Limit => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The heading of a failure.
pub(crate) fn title(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Unauthenticated => "Not signed in",
        Kind::Forbidden => "Not allowed",
        Kind::NotFound => "Not found",
        Kind::Invalid => "Not understood",
        Kind::Conflict => "Not as things stand",
        Kind::Limit => "Limit reached",
        Kind::Unavailable => "Not available now",
        Kind::Internal => "Internal error",
    }
}

/// A response of this body, not yet with what every answer carries.
pub(crate) fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Vec<u8>>,
) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An HTML page.
pub(crate) fn html(status: StatusCode, page: Markup) -> Response<Vec<u8>> {
    response(status, "text/html; charset=utf-8", page.into_string())
}

/// With the seconds after which asking again makes sense (RFC 9110 §10.2.3).
pub(crate) fn retry(response: &mut Response<Vec<u8>>, seconds: u64) {
    set(response.headers_mut(), RETRY_AFTER, &seconds.to_string());
}

/// Where the browser goes on by itself.
pub(crate) fn lead(response: &mut Response<Vec<u8>>, next: &str) {
    set(response.headers_mut(), REFRESH, &format!("0; url={next}"));
}

/// `303 See Other` (RFC 9110 §15.4.4).
pub(crate) fn see(place: &str) -> Response<Vec<u8>> {
    let mut response = response(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Vec::new());
    set(response.headers_mut(), LOCATION, place);
    response
}

/// A file that the browser keeps instead of showing it.
pub(crate) fn file(kind: &'static str, name: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = response(StatusCode::OK, kind, body);
    let safe: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let value = format!("attachment; filename=\"{safe}\"");
    set(response.headers_mut(), CONTENT_DISPOSITION, &value);
    response
}

/// Something for the browser to keep.
pub(crate) fn keep(response: &mut Response<Vec<u8>>, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The page exists, but not for this method (RFC 9110 §15.5.6).
pub(crate) fn allow(response: &mut Response<Vec<u8>>, methods: &str) {
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    set(response.headers_mut(), ALLOW, methods);
}

/// What every answer carries. Nothing is cached unless the answer says so itself.
pub(crate) fn finish(response: &mut Response<Vec<u8>>) {
    let headers = response.headers_mut();
    let name = HeaderName::from_static;
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
        (name("cross-origin-opener-policy"), "same-origin"),
        (name("cross-origin-resource-policy"), "same-origin"),
        (name("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
