//! A request, parsed once: path, query, cookies and what a form sent. Everything is bounded; what
//! is not understood is refused and named.

use http::header::{CONTENT_TYPE, COOKIE, HeaderMap};
use http::{Method, Uri};
use kernel::id::shown;
use kernel::{Error, Result};
use std::net::IpAddr;

/// Most bytes of a body; more than a page of a register sends, less than a memory problem.
pub(crate) const BODY: usize = 1024 * 1024;

/// Most fields of one form or query.
const PAIRS: usize = 2_000;

/// Most parts of a path; pages have three.
const SEGMENTS: usize = 8;

/// A request as the server hands it over: read whole, with a body of at most 1 MiB.
pub struct Request {
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The header.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The number of the request, which is also in the log line.
    pub number: String,
}

/// Names and values in the order they were sent; a name may stand more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The first value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of this name, if there is more in it than spaces.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Whether something is filled in whose name begins so.
    pub(crate) fn any(&self, above: &str) -> bool {
        self.0.iter().any(|(name, value)| name.starts_with(above) && !value.trim().is_empty())
    }

    pub(crate) fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// These, and where a name is not among them, those.
    pub(crate) fn before(mut self, those: Self) -> Self {
        let missing = those.0.into_iter().filter(|(name, _)| self.get(name).is_none());
        let missing: Vec<_> = missing.collect();
        self.0.extend(missing);
        self
    }
}

/// The parts of a path, decoded.
pub(crate) fn segments(path: &str) -> Result<Vec<String>> {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.len() > SEGMENTS {
        return Err(Error::not_found("there is no such page"));
    }
    parts.into_iter().map(|part| decoded(part, false, "path")).collect()
}

/// `a=1&b=2`, as queries and forms have it (URL standard, application/x-www-form-urlencoded).
pub(crate) fn pairs(text: &str, what: &'static str) -> Result<Pairs> {
    let mut all = Pairs::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if all.0.len() >= PAIRS {
            return Err(Error::invalid(what, format!("more than {PAIRS} fields at once")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.push(decoded(name, true, what)?, decoded(value, true, what)?);
    }
    Ok(all)
}

/// What a form sent, in either of the two ways that browsers send forms.
pub(crate) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Pairs> {
    if body.len() > BODY {
        return Err(Error::invalid("body", format!("a form sends at most {BODY} bytes")));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    match essence.trim().to_ascii_lowercase().as_str() {
        "" if body.is_empty() => Ok(Pairs::default()),
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(body)
                .map_err(|_| Error::invalid("body", "a form is sent as ASCII"))?;
            pairs(text, "body")
        }
        "multipart/form-data" => multipart(boundary(parameters)?, body),
        other => {
            let why = format!("`{}` is no form: send one from a page", shown(other));
            Err(Error::invalid("content-type", why))
        }
    }
}

/// The value of a cookie (RFC 6265 §5.4).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut each = lines.flat_map(|line| line.split(';'));
    each.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn decoded(text: &str, plus: bool, what: &'static str) -> Result<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' if plus => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let pair = digit(bytes.next()).zip(digit(bytes.next()));
                let (high, low) = pair.ok_or_else(|| bad(text, what))?;
                u8::try_from(high * 16 + low).map_err(|_| bad(text, what))?
            }
            other => other,
        });
    }
    let text = String::from_utf8(out).map_err(|_| bad(text, what))?;
    // A NUL is in no text that somebody typed.
    if text.contains('\0') { Err(bad(&text, what)) } else { Ok(text) }
}

fn bad(text: &str, what: &'static str) -> Error {
    Error::invalid(what, format!("`{}` is no encoded UTF-8", shown(text)))
}

/// The boundary out of `boundary=…` (RFC 7578 §4.1, RFC 2046 §5.1.1).
fn boundary(parameters: &str) -> Result<&str> {
    let named = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="));
    let text = named.map(|text| text.trim_matches('"'));
    text.filter(|text| (1..=70).contains(&text.len())).ok_or_else(|| {
        Error::invalid("content-type", "`multipart/form-data` needs a boundary of 1 to 70")
    })
}

/// The parts of a form with a file in it (RFC 7578). A file is taken as text; its name is not
/// looked at.
fn multipart(boundary: &str, body: &[u8]) -> Result<Pairs> {
    let broken = |what: &str| Error::invalid("body", format!("a broken form: {what}"));
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::invalid("file", "the file is no UTF-8: save it as UTF-8"))?;
    let delimiter = format!("--{boundary}");
    let rest = text.strip_prefix(&delimiter).ok_or_else(|| broken("no first boundary"))?;
    let mut all = Pairs::default();
    for part in rest.split(&format!("\r\n{delimiter}")) {
        if part.starts_with("--") {
            return Ok(all);
        }
        if all.0.len() >= PAIRS {
            return Err(broken("too many parts"));
        }
        let part = part.strip_prefix("\r\n").ok_or_else(|| broken("no line after a boundary"))?;
        let (head, content) =
            part.split_once("\r\n\r\n").ok_or_else(|| broken("a part without a header"))?;
        let name = part_name(head).ok_or_else(|| broken("a part without a name"))?;
        all.push(name, content.trim_start_matches('\u{feff}'));
    }
    Err(broken("no last boundary"))
}

fn part_name(head: &str) -> Option<&str> {
    let line = head.lines().find(|line| {
        line.get(..20).is_some_and(|start| start.eq_ignore_ascii_case("content-disposition:"))
    })?;
    let named = line.split(';').find_map(|one| one.trim().strip_prefix("name=\""))?;
    named.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::{cookie, form, pairs, segments};
    use http::HeaderMap;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut all = HeaderMap::new();
        all.insert(name, value.parse().unwrap());
        all
    }

    #[test]
    fn forms_are_decoded_or_refused() {
        let all = pairs("a=1&b=x+y%26%C3%A4&a=2&&c", "body").unwrap();
        assert_eq!(all.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((all.get("b"), all.get("c"), all.get("d")), (Some("x y&ä"), Some(""), None));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%c3=1"] {
            assert!(pairs(bad, "body").is_err(), "{bad}");
        }
        assert!(pairs(&"a=1&".repeat(2001), "body").is_err());
        assert_eq!(segments("/systems/a%20b/").unwrap(), ["systems", "a b"]);
        assert!(segments(&"/a".repeat(9)).is_err());
    }

    #[test]
    fn files_come_as_text_or_not_at_all() {
        let kind = headers("content-type", "multipart/form-data; boundary=\"xx\"");
        let body = "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xx\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"x.csv\"\r\n\
                    Content-Type: text/csv\r\n\r\nname,kind\r\ndb,host\r\n\r\n--xx--\r\n";
        let all = form(&kind, body.as_bytes()).unwrap();
        assert_eq!(all.get("a"), Some("1"));
        assert_eq!(all.get("file"), Some("name,kind\r\ndb,host\r\n"));
        for bad in ["", "--xx", "--xx\r\n--xx--", "--xx\r\nA: b\r\n\r\n1\r\n--xx--", "--xx\r\n\r\n"]
        {
            assert!(form(&kind, bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(form(&kind, b"--xx\r\n\xff").is_err());
        assert!(form(&headers("content-type", "application/json"), b"{}").is_err());
        assert!(form(&headers("content-type", "multipart/form-data"), b"").is_err());
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let all = headers("cookie", "xzone=1; zone=Europe/Berlin; theme=dark");
        assert_eq!(cookie(&all, "zone"), Some("Europe/Berlin"));
        assert_eq!(cookie(&all, "theme"), Some("dark"));
        assert_eq!(cookie(&all, "one"), None);
    }
}
