//! Paths and queries: matched and decoded once, strictly.
//!
//! A path has no empty segment, no trailing slash and no second spelling: fixed segments are
//! matched as they are sent, others are percent-decoded once (RFC 3986 §2.1) and then checked by
//! the types of `kernel::id`, which know neither slashes nor dot segments. Query parameters that a
//! route does not know, or that stand twice, are refused.

use crate::problem::Problem;
use kernel::id::shown;

/// One segment of a route's path.
enum Segment {
    /// Has to be there as it is.
    Fixed(&'static str),
    /// A value, followed by a fixed ending such as `:restore`.
    Value(&'static str, &'static str),
    /// Everything to the end, not decoded.
    Rest(&'static str),
}

/// A route's path, such as `/v1/accounts/{account}/ledger/tile/{*tile}`.
pub(crate) struct Template(Vec<Segment>);

impl Template {
    pub(crate) fn new(path: &'static str) -> Self {
        let segment = |text: &'static str| {
            let Some((name, ending)) = text.strip_prefix('{').and_then(|text| text.split_once('}'))
            else {
                return Segment::Fixed(text);
            };
            match name.strip_prefix('*') {
                Some(name) => Segment::Rest(name),
                None => Segment::Value(name, ending),
            }
        };
        Self(path.split('/').skip(1).map(segment).collect())
    }

    /// Whether the path is one of this template.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.walk(path, |_, _| {})
    }

    /// The values of a path that matches, still encoded.
    pub(crate) fn values<'a>(&self, path: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut values = Vec::new();
        self.walk(path, |name, value| values.push((name, value)));
        values
    }

    fn walk<'a>(&self, path: &'a str, mut see: impl FnMut(&'static str, &'a str)) -> bool {
        let mut rest = path.strip_prefix('/');
        for segment in &self.0 {
            let Some(text) = rest else { return false };
            let (first, after) = match text.split_once('/') {
                Some((first, after)) => (first, Some(after)),
                None => (text, None),
            };
            rest = after;
            match segment {
                Segment::Fixed(fixed) if *fixed == first => {}
                Segment::Value(name, ending) => match first.strip_suffix(ending) {
                    Some(value) if !value.is_empty() => see(name, value),
                    _ => return false,
                },
                Segment::Rest(name) if !first.is_empty() => {
                    see(name, text);
                    return true;
                }
                _ => return false,
            }
        }
        rest.is_none()
    }
}

/// Decodes the values of a path.
pub(crate) fn values(
    encoded: Vec<(&'static str, &str)>,
) -> Result<Vec<(&'static str, String)>, Problem> {
    encoded
        .into_iter()
        .map(|(name, text)| match decoded(text, false) {
            Some(value) => Ok((name, value)),
            None => Err(Problem::invalid(
                name,
                format!("`{}` is not percent-encoded UTF-8", shown(text)),
            )),
        })
        .collect()
}

/// Decodes a query. Only the parameters in `known` may be there, each once.
pub(crate) fn query(
    text: Option<&str>,
    known: &[&'static str],
) -> Result<Vec<(&'static str, String)>, Problem> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = known.iter().find(|known| **known == name) else {
            let detail = match known {
                [] => format!("unknown query parameter `{}`: there is none here", shown(name)),
                _ => format!(
                    "unknown query parameter `{}`: there is `{}`",
                    shown(name),
                    known.join("`, `")
                ),
            };
            return Err(Problem::invalid(shown(name), detail));
        };
        if found.iter().any(|(other, _)| other == name) {
            let detail = format!("query parameter `{name}` stands more than once: send one");
            return Err(Problem::invalid(*name, detail));
        }
        let value = decoded(value, true).ok_or_else(|| {
            let detail = format!("`{}` is not percent-encoded UTF-8", shown(value));
            Problem::invalid(*name, detail)
        })?;
        found.push((name, value));
    }
    Ok(found)
}

/// Decodes `%XX` once, and `+` as a space where forms write it so.
pub(crate) fn decoded(text: &str, form: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if form => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::{Template, query, values};

    #[test]
    fn a_path_has_one_spelling() {
        let record = Template::new("/v1/accounts/{account}/records/{record}");
        let path = "/v1/accounts/a%2Db/records/x";
        assert!(record.matches(path));
        assert_eq!(record.values(path), [("account", "a%2Db"), ("record", "x")]);
        for other in [
            "",
            "/",
            "v1/accounts/a/records/x",
            "/v1/accounts/a/records/x/",
            "//v1/accounts/a/records/x",
            "/v1/accounts//records/x",
            "/v1/accounts/a/records/",
            "/v1/accounts/a/records",
            "/V1/accounts/a/records/x",
            "/v1/%61ccounts/a/records/x",
            "/v1/accounts/a/b/records/x",
        ] {
            assert!(!record.matches(other), "{other}");
        }
    }

    #[test]
    fn endings_and_rests() {
        let restore = Template::new("/records/{record}:restore");
        assert!(restore.matches("/records/a:restore"));
        assert_eq!(restore.values("/records/a:restore"), [("record", "a")]);
        assert!(!restore.matches("/records/:restore"));
        assert!(!restore.matches("/records/a"));
        let tile = Template::new("/tile/{*tile}");
        assert!(tile.matches("/tile/0/x001/067"));
        assert_eq!(tile.values("/tile/0/x001/067"), [("tile", "0/x001/067")]);
        assert!(!tile.matches("/tile/"));
        assert!(!tile.matches("/tile//0"));
    }

    #[test]
    fn values_are_decoded_once() {
        for (text, value) in
            [("a%2Fb", "a/b"), ("%252e", "%2e"), ("%2e%2E", ".."), ("%00", "\0"), ("a+b", "a+b")]
        {
            assert_eq!(values(vec![("x", text)]).unwrap(), [("x", value.to_owned())]);
        }
        for bad in ["%", "%2", "%zz", "%ff", "%c0%af", "%+1"] {
            assert!(values(vec![("x", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_holds_what_is_known_once() {
        let known = ["limit", "after"];
        for (text, expected) in [
            (None, vec![]),
            (Some(""), vec![]),
            (
                Some("limit=1&after=a+b%20c"),
                vec![("limit", "1".to_owned()), ("after", "a b c".into())],
            ),
            (Some("after"), vec![("after", String::new())]),
        ] {
            assert_eq!(query(text, &known).unwrap(), expected);
        }
        for bad in
            ["x=1", "limit=1&x", "Limit=1", "limit=1&limit=1", "after=%ff", "limi%74=1", "=1"]
        {
            let problem = format!("{:?}", query(Some(bad), &known).unwrap_err());
            assert!(problem.contains("400"), "{bad}");
        }
        let problem = format!("{:?}", query(Some("x=1"), &known).unwrap_err());
        assert!(problem.contains("`x`") && problem.contains("`limit`, `after`"), "{problem}");
    }
}
