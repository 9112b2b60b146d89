//! The page for a browser whose address an answer refuses: what happened, until when, what to do.
//!
//! Programs get a problem (RFC 9457), as from every other route. The page is written without
//! looking at who asks for what: it says the same to whoever comes from there, and loads nothing.

use crate::answer::finish;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, RETRY_AFTER, VARY};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::{HeaderValue, Response, StatusCode};
use kernel::{Error, Kind, Moment};
use std::time::Duration;

/// Nothing is loaded, run or sent from it.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
/// How much of `Accept` is looked at, in bytes; browsers send less than 200.
const ACCEPTED: usize = 1024;

/// Whether the request names HTML as something it takes. `*/*` is what programs send, and no wish
/// for a page.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.filter(|value| value.len() <= ACCEPTED).flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        // A weight of zero says that it is not taken (RFC 9110 §12.4.2).
        let never = |part: &str| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0))
        };
        html && !parts.any(never)
    })
}

/// The page; `now` is the server's clock.
pub(crate) fn page(error: &Error, now: Moment) -> Response<Full<Bytes>> {
    let (status, title, what) = match error.kind() {
        Kind::Limit => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "Too many requests came from the network address that you use.",
        ),
        _ => (
            StatusCode::FORBIDDEN,
            "Refused for now",
            "This server takes no requests from the network address that you use. Others may \
             share it with you: the cause need not be yours.",
        ),
    };
    let until = error.retry().map(|seconds| until(status, seconds, now)).unwrap_or_default();
    let number = error.restraint().filter(|id| plain(id)).map_or_else(String::new, |id| {
        format!(
            "<p>If this is a mistake, write to the people who gave you access here, from your \
             usual mailbox, and name <code>{id}</code>. They can lift it.</p>\n"
        )
    });
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n<p>{what}</p>\n{until}{number}</main>\n</body>\n\
         </html>\n"
    );
    let mut response = Response::new(Full::new(Bytes::from(page)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    if let Some(seconds) = error.retry() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    finish(headers);
    response
}

/// Until when, to the minute, which the problem and `Retry-After` say as well.
fn until(status: StatusCode, seconds: u64, now: Moment) -> String {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return format!("<p>Try again in {seconds} s.</p>\n");
    }
    let end = now.after(Duration::from_secs(seconds.saturating_add(59))).rfc3339();
    let (day, time) = (end.get(..10).unwrap_or_default(), end.get(11..16).unwrap_or_default());
    format!(
        "<p>This ends by itself on <time datetime=\"{day}T{time}Z\">{day} at {time} UTC</time>, \
         unless it is lifted before.</p>\n"
    )
}

/// Whether an id can stand in a page as it is. Ids are made by the server, of such characters.
fn plain(id: &str) -> bool {
    id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::wants_page;
    use http::HeaderMap;
    use http::header::ACCEPT;

    #[test]
    fn only_who_names_html_wants_a_page() {
        for (accepts, page) in [
            (vec!["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], true),
            (vec!["application/json", "TEXT/HTML;q=0.1"], true),
            (vec!["text/html; level=1; q=0.5"], true),
            (vec![], false),
            (vec!["*/*"], false),
            (vec!["text/*"], false),
            (vec!["application/json"], false),
            (vec!["text/html;q=0"], false),
            (vec!["text/html; Q=0.000, application/json"], false),
            (vec!["text/htmlx, xtext/html, text/html2"], false),
        ] {
            let mut headers = HeaderMap::new();
            for one in &accepts {
                headers.append(ACCEPT, one.parse().unwrap());
            }
            assert_eq!(wants_page(&headers), page, "{accepts:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, format!("text/html,{}", "a".repeat(2000)).parse().unwrap());
        assert!(!wants_page(&headers), "more than a browser sends");
        headers.insert(ACCEPT, http::HeaderValue::from_bytes(b"text/html\xff").unwrap());
        assert!(!wants_page(&headers));
    }
}
