//! The two files that pages load: one style sheet, one script. Their names carry a hash of what is
//! in them, so a browser keeps them for good and never mixes two releases.

use crate::reply::response;
use aws_lc_rs::digest;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Response, StatusCode};
use std::sync::LazyLock;

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| named("console", "css", STYLE));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| named("console", "js", SCRIPT));

/// The path of the style sheet.
pub(crate) fn style() -> String {
    format!("/assets/{}", *STYLE_NAME)
}

/// The path of the script.
pub(crate) fn script() -> String {
    format!("/assets/{}", *SCRIPT_NAME)
}

/// The file of this name.
pub(crate) fn file(name: &str) -> Option<Response<Vec<u8>>> {
    let (kind, text) = match () {
        () if name == *STYLE_NAME => ("text/css; charset=utf-8", STYLE),
        () if name == *SCRIPT_NAME => ("text/javascript; charset=utf-8", SCRIPT),
        () => return None,
    };
    let mut response = response(StatusCode::OK, kind, text);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, forever);
    Some(response)
}

fn named(stem: &str, ending: &str, text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let short: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{stem}-{short}.{ending}")
}
