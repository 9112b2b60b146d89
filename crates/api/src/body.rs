//! Bodies: read within limits of size and time, and checked as far as the wire goes.
//!
//! A body counts only when it arrived whole: after a broken connection nothing is done. JSON is
//! UTF-8 (RFC 8259 §8.1), one value and nothing after it; text that is stored as given is checked
//! and not rebuilt.

use crate::problem::Problem;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::http::HeaderMap;
use hyper::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use kernel::limits::JSON_DEPTH;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::time::Duration;
use tokio::time::timeout;

/// How long a body may take: 32 MiB at 2.2 Mbit/s.
const BODY_TIME: Duration = Duration::from_secs(120);

/// How long an unwanted body is listened to, so that its sender reads the answer.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The media type has to be JSON in UTF-8, not compressed.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let advice = "send `Content-Type: application/json`";
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Err(Problem::media_type("content-type", format!("the body has no type: {advice}")));
    };
    let text = kind.to_str().unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
    let (name, value) = parameters.split_once('=').unwrap_or((parameters, ""));
    let utf8 = name.trim().eq_ignore_ascii_case("charset")
        && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8");
    if !essence.trim().eq_ignore_ascii_case("application/json") || !utf8 {
        let shown = kernel::id::shown(text);
        return Err(Problem::media_type("content-type", format!("`{shown}` is no JSON: {advice}")));
    }
    not_compressed(headers)
}

fn not_compressed(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        let detail = "compressed bodies are not taken: send the body as it is";
        return Err(Problem::media_type("content-encoding", detail));
    }
    Ok(())
}

/// The media type has to be one of these, and compressed only where that is taken.
pub(crate) fn expect_kind(
    headers: &HeaderMap,
    kinds: &[&str],
    packed: bool,
) -> Result<(), Problem> {
    let text = headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or_default());
    let essence = text.split(';').next().unwrap_or_default().trim();
    if !kinds.iter().any(|kind| essence.eq_ignore_ascii_case(kind)) {
        let shown = kernel::id::shown(text);
        let kinds = kinds.join("` or `");
        let detail = format!("`{shown}` is not taken: send `Content-Type: {kinds}`");
        return Err(Problem::media_type("content-type", detail));
    }
    let gzip = |value: &hyper::header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"gzip");
    match headers.get(CONTENT_ENCODING) {
        Some(value) if packed && gzip(value) => Ok(()),
        _ => not_compressed(headers),
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: &mut Incoming, limit: usize) -> Result<Vec<u8>, Problem> {
    let promised = body.size_hint().lower();
    if promised > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Problem::too_large(limit));
    }
    // A mere promise does not get megabytes of memory.
    let mut bytes = Vec::with_capacity(usize::try_from(promised).unwrap_or(0).min(64 * 1024));
    let whole = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Problem::invalid("body", format!("the body broke off, nothing was done: {error}"))
            })?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > limit {
                    return Err(Problem::too_large(limit));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(())
    };
    timeout(BODY_TIME, whole)
        .await
        .unwrap_or_else(|_| Err(Problem::too_slow(BODY_TIME.as_secs())))?;
    Ok(bytes)
}

/// Checks that there is no body.
pub(crate) async fn expect_none(body: &mut Incoming) -> Result<(), Problem> {
    if body.is_end_stream() {
        return Ok(());
    }
    match read(body, 0).await {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::invalid("body", "this request takes no body: leave it out")),
    }
}

/// Listens to what is left of a body that nobody wants, up to `limit` bytes: closing a connection
/// with unread bytes would reset it, and the answer might be lost on its way.
pub(crate) async fn discard(body: &mut Incoming, limit: u64) {
    if body.is_end_stream() || body.size_hint().lower() > limit {
        return;
    }
    let mut left = limit;
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| data.len());
            left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
            if left == 0 {
                return;
            }
        }
    };
    // Out of time: the connection is closed as it is.
    drop(timeout(DISCARD_TIME, rest).await);
}

/// A JSON body as a typed value. Unknown members are refused by the types.
pub(crate) fn typed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_str(utf8(body)?).map_err(|error| malformed(&error))
}

/// Checks that the bytes are one JSON value, nested no deeper than [`JSON_DEPTH`].
pub(crate) fn check(body: &[u8]) -> Result<(), Problem> {
    let text = utf8(body)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(&error))?;
    check_depth(text, "body")
}

/// Checks valid JSON for its depth alone; `serde_json` skips values without counting.
pub(crate) fn check_depth(json: &str, field: &str) -> Result<(), Problem> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH {
            let detail =
                format!("nested deeper than {JSON_DEPTH} levels at byte {at}: flatten the value");
            return Err(Problem::invalid(field, detail));
        }
    }
    Ok(())
}

fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::invalid("body", format!("the body is not UTF-8 at byte {at}: encode it as UTF-8"))
    })
}

/// `serde_json` ends its messages with line and column.
fn malformed(error: &serde_json::Error) -> Problem {
    Problem::invalid("body", format!("the body is not the JSON that is asked for: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{check, check_depth, expect_json};
    use hyper::http::{HeaderMap, HeaderValue};

    #[test]
    fn one_json_value_in_utf8_and_nothing_else() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let good = ["{}", " [1, 2.5e3] ", "\"ü\"", "null", "{\"a\":1,\"a\":2}", "\"\\ud800\""];
        for text in good.map(str::to_owned).into_iter().chain([deep(100)]) {
            assert!(check(text.as_bytes()).is_ok(), "{text}");
        }
        let bad =
            ["", " ", "{", "{}{}", "1 2", "nul", "01", "'a'", "{\"a\":}", "[1,]", "\"\u{1}\""];
        for text in bad.map(str::to_owned).into_iter().chain([deep(101), deep(100_000)]) {
            assert!(check(text.as_bytes()).is_err(), "{text:.20}");
        }
        assert!(check(b"\"\xff\"").is_err());
        assert!(check(b"\xef\xbb\xbf{}").is_err(), "a byte order mark is no JSON");
        assert!(check(b"\xff\xfe{\0}\0").is_err(), "UTF-16 is no JSON");
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = format!("{{\"a\\\"{}\":\"{}\"}}", "[".repeat(200), "{".repeat(200));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert!(check_depth(&text, "body").is_ok());
    }

    #[test]
    fn an_error_names_line_and_column() {
        let problem = format!("{:?}", check(b"{\n  \"a\": oops\n}").unwrap_err());
        assert!(problem.contains("line 2 column 8"), "{problem}");
    }

    #[test]
    fn only_json_is_taken() {
        let check = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(kind));
            expect_json(&headers).is_ok()
        };
        for kind in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(check(kind), "{kind}");
        }
        for kind in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
            "application/json; version=2",
            "application/jsonx",
        ] {
            assert!(!check(kind), "{kind}");
        }
        assert!(expect_json(&HeaderMap::new()).is_err());
        let mut zipped = HeaderMap::new();
        zipped.insert("content-type", HeaderValue::from_static("application/json"));
        zipped.insert("content-encoding", HeaderValue::from_static("gzip"));
        assert!(expect_json(&zipped).is_err());
    }
}
