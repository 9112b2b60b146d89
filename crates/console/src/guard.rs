//! Where a form came from. A change is done only for a page of ours, shown to this very session.
//!
//! Two independent proofs: the browser says that the request is of the same origin (Fetch Metadata,
//! or `Origin` where a browser has none), and the form carries a token that only somebody who read
//! a page of this session can know. Without a session only the first is asked for.

use aws_lc_rs::hmac;
use domain::people::{hex, unhex};
use http::HeaderMap;
use http::Uri;
use http::header::{HOST, ORIGIN};
use kernel::{Error, Result};

/// The hidden field that carries the token.
pub(crate) const FIELD: &str = "_form";

/// The token of a session's forms: 256 bits, hexadecimal. It tells nothing of the session.
pub(crate) fn token(session: &str) -> String {
    hex(hmac::sign(&key(session), CONTEXT).as_ref())
}

/// Refuses a form that does not carry the token of this session.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn carries(session: &str, given: Option<&str>) -> Result<()> {
    let tag = given.and_then(unhex);
    // `verify` compares in constant time.
    if tag.is_some_and(|tag| hmac::verify(&key(session), CONTEXT, &tag).is_ok()) {
        return Ok(());
    }
    Err(Error::forbidden(
        "this form is not from a page of this session: open the page again and repeat",
    ))
}

/// Refuses a request that another site started.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn same_origin(headers: &HeaderMap, uri: &Uri) -> Result<()> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // Pages are sent with `no-referrer`, for which browsers send `Origin: null` even at home; so
    // Fetch Metadata counts where it is there.
    let ours = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = uri.authority().map(|one| one.as_str()).or_else(|| text(HOST.as_str()));
            host.is_some_and(|host| origin.strip_prefix("https://") == Some(host))
        }
        (None, None) => false,
    };
    if ours {
        return Ok(());
    }
    Err(Error::forbidden("this request was not started by a page of this site: nothing was done"))
}

const CONTEXT: &[u8] = b"bailee-form/v1";

fn key(session: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, session.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{carries, same_origin, token};
    use http::{HeaderMap, Uri};

    #[test]
    fn a_token_is_of_one_session() {
        let good = token("bailee_a");
        assert!(carries("bailee_a", Some(&good)).is_ok());
        let mut other = good.clone();
        other.replace_range(0..1, if good.starts_with('0') { "1" } else { "0" });
        for bad in [None, Some(""), Some(other.as_str()), Some(&good[1..]), Some("zz")] {
            assert!(carries("bailee_a", bad).is_err(), "{bad:?}");
        }
        assert!(carries("bailee_a", Some(&format!("{good}00"))).is_err());
        assert!(carries("bailee_b", Some(&good)).is_err());
    }

    #[test]
    fn only_requests_from_here_count() {
        let check = |fields: &[(&'static str, &str)]| {
            let mut all = HeaderMap::new();
            for (name, value) in fields {
                all.insert(*name, value.parse().unwrap());
            }
            same_origin(&all, &Uri::from_static("/systems")).is_ok()
        };
        let host = ("host", "bailee.test:8443");
        assert!(check(&[host, ("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(check(&[host, ("origin", "https://bailee.test:8443")]));
        for bad in [
            &[host][..],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://bailee.test:8443")],
            &[host, ("origin", "https://bailee.test")],
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://bailee.test:8443")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "none")],
            &[("origin", "https://bailee.test:8443")],
        ] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
