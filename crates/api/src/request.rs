//! A request, parsed once at the edge: who asks, what for, under which conditions.
//!
//! Whatever is not understood is refused and named; nothing is guessed, ignored or corrected.

use crate::keyed::{AGAIN, Keyed, Shown};
use crate::outbox::Outbox;
use crate::probe::Probed;
use crate::problem::Problem;
use crate::routes::Route;
use crate::routes::certificates::Made;
use crate::routes::streams::Published;
use crate::transmitters::Transmitters;
use crate::workloads::{self, Workloads};
use aws_lc_rs::digest;
use domain::members::{Once, UseNonce};
use domain::oncall::Pulse;
use domain::register::When;
use hyper::Method;
use hyper::http::HeaderValue;
use hyper::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use kernel::authority::Caller;
use kernel::id::shown;
use kernel::limits::PURPOSE_BYTES;
use kernel::{Asked, Done, Error, HOUSE, Kernel, Moment, Operation};
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Longest bearer token of ours, in bytes; they have about 50.
const TOKEN_BYTES: usize = 512;

/// Longest statement on whose behalf somebody acts, in bytes.
const BEHALF_BYTES: usize = 256;

/// Longest idempotency key.
const KEY_BYTES: usize = 128;

/// A condition of a request (RFC 9110 §13.1): `*` or one entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Any version at all.
    Any,
    /// This version.
    Version(u64),
}

/// What the header of a request says besides path, query and login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) purpose: Option<String>,
    pub(crate) behalf: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) if_match: Option<Tag>,
    pub(crate) if_none_match: Option<Tag>,
    /// The media type of the body, as stated.
    pub(crate) kind: String,
}

/// A request whose route is known, on its way to the handler.
pub(crate) struct Call {
    pub(crate) route: &'static Route,
    pub(crate) kernel: Kernel,
    /// The address of this server, without a path, where it is known.
    pub(crate) base: Option<String>,
    /// What the server saw of itself.
    pub(crate) probed: Arc<Probed>,
    /// Where messages of transfers wait to be sent.
    pub(crate) outbox: Arc<Outbox>,
    /// What somebody outside has to see moving.
    pub(crate) pulse: Arc<Mutex<Pulse>>,
    /// What hosts fetch, as it was made last.
    pub(crate) lists: Arc<Made>,
    /// The public halves of our keys, as they were published last.
    pub(crate) published: Arc<Published>,
    /// Who tells us what happened to somebody.
    pub(crate) transmitters: Arc<Transmitters>,
    /// What came as a bearer token, for routes that look at it by themselves.
    pub(crate) bearer: Option<String>,
    /// Tokens that are bound to a key.
    pub(crate) keyed: Arc<Keyed>,
    /// The proofs of keys that came along.
    pub(crate) proofs: Vec<HeaderValue>,
    /// The proof by which somebody logged in, if they did by one.
    pub(crate) proof: Option<Shown>,
    /// Who asks; `None` on the routes that need no login.
    pub(crate) caller: Option<Caller>,
    /// The other end of the connection; what a header says of it is not believed.
    pub(crate) peer: IpAddr,
    /// The number of the request.
    pub(crate) number: String,
    pub(crate) method: Method,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    pub(crate) path: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) said: Said,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Who asks.
    ///
    /// # Errors
    /// `Unauthenticated` on a route without login.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(|| Error::unauthenticated().into())
    }

    /// A part of the path.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(part, _)| *part == name).map_or("", |(_, value)| value)
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a number.
    pub(crate) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        // No sign, no superfluous zero: one spelling of each number.
        let plain =
            text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let number = text.parse().ok().filter(|number| plain && range.contains(number));
        let (first, last) = (range.start(), range.end());
        number.map(Some).ok_or_else(|| {
            let detail = format!("`{}` is no number from {first} to {last}", shown(text));
            Problem::invalid(name, detail)
        })
    }

    /// A query parameter that is a moment, or this one.
    pub(crate) fn moment(&self, name: &'static str, default: Moment) -> Result<Moment, Problem> {
        let Some(text) = self.parameter(name) else { return Ok(default) };
        let why = || Problem::invalid(name, "write a moment as `2026-11-22T14:02:11Z`".to_owned());
        When::parse(text).map(|when| when.0).ok_or_else(why)
    }

    /// A query parameter that is `true` or `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.parameter(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => {
                let detail = format!("`{}` is not `true` or `false`", shown(text));
                Err(Problem::invalid(name, detail))
            }
        }
    }

    /// Does an operation and waits until it is durable.
    pub(crate) async fn submit<O: Operation>(
        &self,
        operation: O,
    ) -> Result<Done<O::Output>, Problem> {
        self.submit_as(self.asked()?, operation).await
    }

    /// As [`Call::submit`], for a handler that gave the body away after it was fingerprinted.
    ///
    /// Where a proof of a key came along, it is used up on all nodes: a read leaves its tag in the
    /// account that the path names, or in `house`; an idempotency key that the proof names counts
    /// once by itself; and otherwise, since the proof says nothing of key and body, it is used up
    /// before.
    pub(crate) async fn submit_as<O: Operation>(
        &self,
        asked: Asked,
        operation: O,
    ) -> Result<Done<O::Output>, Problem> {
        let Some(proof) = &self.proof else { return self.run(asked, operation).await };
        let placed = operation.target().account == HOUSE || !self.part("account").is_empty();
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        match &asked.idempotency {
            None if placed && reads => {
                let asked = Asked { idempotency: Some(proof.once()), ..asked };
                let done = self.run(asked, Once::new(operation, AGAIN)).await;
                return done.map_err(|problem| self.sent_again(problem));
            }
            Some((key, _)) if placed && proof.binds(key) => {}
            _ => {
                let caller = Caller::bearer();
                let first = Asked { idempotency: Some(proof.once()), ..self.asked_by(caller) };
                let used = self.run(first, UseNonce::new("proof", AGAIN)).await;
                used.map_err(|problem| self.sent_again(problem))?;
            }
        }
        self.run(asked, operation).await
    }

    /// What is said of a proof that another node took.
    fn sent_again(&self, problem: Problem) -> Problem {
        if !problem.says(AGAIN) {
            return problem;
        }
        self.kernel.count_stranger(&kernel::address(self.peer));
        Problem::unproven("invalid_dpop_proof", AGAIN, None)
    }

    async fn run<O: Operation>(
        &self,
        asked: Asked,
        operation: O,
    ) -> Result<Done<O::Output>, Problem> {
        let (sender, receiver) = oneshot::channel();
        self.kernel.submit(asked, operation, move |answer| {
            // Whoever went away does not want the answer.
            drop(sender.send(answer));
        });
        let answer = receiver.await.map_err(|_| Error::unavailable("the server is stopping"))?;
        Ok(answer?)
    }

    /// Reads something that makes no entry, off the threads that serve connections.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Kernel) -> kernel::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let kernel = self.kernel.clone();
        let done = tokio::task::spawn_blocking(move || read(&kernel)).await;
        Ok(done.map_err(|error| Error::internal(format!("a read ended by a defect: {error}")))??)
    }

    /// What the request carries besides its operation.
    pub(crate) fn asked(&self) -> Result<Asked, Problem> {
        Ok(self.asked_by(self.caller()?.clone()))
    }

    /// As [`Call::asked`], for a caller who is known otherwise than by the login.
    pub(crate) fn asked_by(&self, caller: Caller) -> Asked {
        Asked {
            caller,
            source: Some(kernel::address(self.peer)),
            request: self.number.clone(),
            purpose: self.said.purpose.clone(),
            behalf: self.said.behalf.clone(),
            idempotency: self.said.key.as_ref().map(|key| (key.clone(), self.fingerprint())),
        }
    }

    /// The address of this server, without a path.
    ///
    /// # Errors
    /// `Invalid` for a request that names no host.
    pub(crate) fn address(&self) -> Result<String, Problem> {
        let why = || Problem::invalid("host", "the request names no host".to_owned());
        self.base.clone().ok_or_else(why)
    }

    /// A hash over everything that makes this request the one it is: the same key with another
    /// hash is another request.
    fn fingerprint(&self) -> [u8; 32] {
        let condition = |tag: Option<Tag>| match tag {
            None => String::new(),
            Some(Tag::Any) => "*".to_owned(),
            Some(Tag::Version(version)) => version.to_string(),
        };
        let (matching, missing) =
            (condition(self.said.if_match), condition(self.said.if_none_match));
        let parts: [&[u8]; 5] = [
            self.method.as_str().as_bytes(),
            self.target.as_bytes(),
            matching.as_bytes(),
            missing.as_bytes(),
            &self.body,
        ];
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(hash.finish().as_ref());
        out
    }
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By itself (RFC 6750 §2.1).
    Bearer,
    /// With a proof of the key that it is bound to (RFC 9449 §7.1).
    Dpop,
}

/// The token of a request.
///
/// # Errors
/// `Unauthenticated` if there is none, more than one, or one of another form.
pub(crate) fn presented(headers: &HeaderMap) -> Result<(Scheme, &str), Error> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return Err(Error::unauthenticated()) };
    let text = one.to_str().map_err(|_| Error::unauthenticated())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(Error::unauthenticated)?;
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let longest = match Workloads::looks_like(token) {
        true => workloads::TOKEN_BYTES,
        false => TOKEN_BYTES,
    };
    let fits = !token.is_empty() && token.len() <= longest && token.bytes().all(known);
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return Err(Error::unauthenticated()),
    };
    if !fits {
        return Err(Error::unauthenticated());
    }
    Ok((scheme, token))
}

/// What the header says, checked.
pub(crate) fn said(parts: &Parts) -> Result<Said, Problem> {
    let headers = &parts.headers;
    let said = Said {
        purpose: statement(headers, "bailee-purpose", PURPOSE_BYTES)?,
        behalf: statement(headers, "bailee-on-behalf-of", BEHALF_BYTES)?,
        key: idempotency_key(headers)?,
        if_match: condition(headers, IF_MATCH.as_str())?,
        if_none_match: condition(headers, IF_NONE_MATCH.as_str())?,
        kind: headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
    };
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if reads && said.key.is_some() {
        let detail = "a read is harmless to repeat and is recorded each time: leave it out";
        return Err(Problem::invalid("idempotency-key", detail));
    }
    Ok(said)
}

/// The one value of a field, if it is there.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Problem> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        _ => Err(Problem::invalid(name, format!("`{name}` stands more than once: send one"))),
    }
}

/// A sentence that a person wrote: UTF-8 without control characters.
fn statement(headers: &HeaderMap, name: &str, limit: usize) -> Result<Option<String>, Problem> {
    let Some(bytes) = single(headers, name)? else { return Ok(None) };
    let text = std::str::from_utf8(bytes).ok().filter(|text| {
        !text.trim().is_empty() && text.len() <= limit && !text.chars().any(char::is_control)
    });
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        let rule = format!("`{name}` is 1 to {limit} bytes of UTF-8 without control characters");
        Problem::invalid(name, rule)
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const NAME: &str = "idempotency-key";
    let Some(bytes) = single(headers, NAME)? else { return Ok(None) };
    let fits = (1..=KEY_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(bytes) {
        Ok(text) if fits => Ok(Some(text.to_owned())),
        _ => {
            let rule = format!("`{NAME}` is 1 to {KEY_BYTES} visible ASCII characters");
            Err(Problem::invalid(NAME, rule))
        }
    }
}

fn condition(headers: &HeaderMap, name: &str) -> Result<Option<Tag>, Problem> {
    let Some(bytes) = single(headers, name)? else { return Ok(None) };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if text == "*" {
        return Ok(Some(Tag::Any));
    }
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let plain = |text: &&str| text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let version = digits.filter(plain).and_then(|text| text.parse().ok());
    version.map(|version| Some(Tag::Version(version))).ok_or_else(|| {
        let detail = format!(
            "`{}` is neither `*` nor a quoted version such as `\"3\"`: send one, as `ETag` had it",
            shown(text)
        );
        Problem::invalid(name, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::{Said, Scheme, Tag, presented, said};
    use hyper::http::{HeaderValue, Request};

    fn parse(method: &str, fields: &[(&str, &[u8])]) -> Result<Said, String> {
        let mut request = Request::builder().method(method).uri("/v1/accounts");
        for (name, value) in fields {
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
        said(&request.body(()).unwrap().into_parts().0).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn conditions_are_one_version_or_a_star() {
        for (text, tag) in [
            ("*", Tag::Any),
            ("\"1\"", Tag::Version(1)),
            ("\"18446744073709551615\"", Tag::Version(u64::MAX)),
        ] {
            let fields: [(&str, &[u8]); 2] =
                [("if-match", text.as_bytes()), ("if-none-match", text.as_bytes())];
            let said = parse("PUT", &fields).unwrap();
            assert_eq!((said.if_match, said.if_none_match), (Some(tag), Some(tag)));
        }
        for bad in [
            "",
            "3",
            "\"\"",
            "\"0\"",
            "\"03\"",
            "\"+3\"",
            "W/\"3\"",
            "\"1\", \"2\"",
            "\"3",
            "\"18446744073709551616\"",
            "\"x\"",
            "**",
        ] {
            let problem = parse("PUT", &[("if-match", bad.as_bytes())]).unwrap_err();
            assert!(problem.contains("400") && problem.contains("if-match"), "{bad}: {problem}");
        }
        let twice: [(&str, &[u8]); 2] = [("if-match", b"\"1\""), ("if-match", b"\"1\"")];
        assert!(parse("PUT", &twice).is_err());
    }

    #[test]
    fn statements_are_text_without_control_characters() {
        for good in ["support case 17", "ü", &"x".repeat(512)] {
            let said = parse("GET", &[("bailee-purpose", good.as_bytes())]).unwrap();
            assert_eq!(said.purpose.as_deref(), Some(good));
        }
        let long = "x".repeat(513);
        let bad: [&[u8]; 5] = [b"", b" ", b"a\tb", b"\xff", long.as_bytes()];
        for value in bad {
            assert!(parse("GET", &[("bailee-purpose", value)]).is_err(), "{value:?}");
        }
        assert!(parse("GET", &[("bailee-on-behalf-of", &long.as_bytes()[..257])]).is_err());
    }

    #[test]
    fn idempotency_keys_are_visible_ascii_on_writes() {
        assert!(parse("PUT", &[("idempotency-key", b"a/b:1~")]).is_ok());
        for (method, key) in [
            ("PUT", "".to_owned()),
            ("PUT", "a b".into()),
            ("PUT", "ü".into()),
            ("PUT", "x".repeat(129)),
            ("GET", "a".into()),
            ("HEAD", "a".into()),
        ] {
            let fields: [(&str, &[u8]); 1] = [("idempotency-key", key.as_bytes())];
            assert!(parse(method, &fields).is_err(), "{method} {key}");
        }
    }

    #[test]
    fn a_bearer_token_stands_alone() {
        let token = |values: &[&str]| {
            let mut request = Request::builder();
            for value in values {
                request = request.header("authorization", *value);
            }
            let request = request.body(()).unwrap();
            let (scheme, token) = presented(request.headers()).ok()?;
            assert_eq!(scheme, Scheme::Bearer);
            Some(token.to_owned())
        };
        assert_eq!(token(&["Bearer abc-._~+/="]).as_deref(), Some("abc-._~+/="));
        assert_eq!(token(&["bearer a"]).as_deref(), Some("a"));
        let long = format!("Bearer {}", "x".repeat(513));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  a",
            "Bearer a b",
            "Basic a",
            "Bearera",
            "Bearer a,b",
            &long,
        ] {
            assert_eq!(token(&[bad]), None, "{bad}");
        }
        assert_eq!(token(&[]), None);
        assert_eq!(token(&["Bearer a", "Bearer a"]), None);
    }
}
