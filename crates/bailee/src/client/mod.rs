//! The client side of HTTPS: one connection to one server, with a token, timeouts and retries.
//!
//! Promises: exactly the certificate authorities named are trusted when some are named, TLS 1.3
//! only, no redirect is followed and no proxy used, and an answer is bounded in size. A write
//! carries an idempotency key and is repeated under the same key when the connection is lost, so
//! that repeating it does nothing twice.
//! Does not: know any noun, or keep anything between two runs.

mod answer;
mod connect;
mod problem;
mod session;

pub use answer::Answer;
pub use connect::{Connect, Intent};
pub use session::{Prover, Session, seconds};

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode, Url};
use sealing::{Entropy as _, SystemEntropy};
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// How often a request is sent at most. With the pauses between them six tries outlast a restart of
/// the server (about six seconds).
const TRIES: u32 = 6;

/// Pause before the second try; it doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause that a server's `Retry-After` is granted.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Name of the header that carries an idempotency key.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Name of the header that carries a proof of a key (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A connection to one server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// Proves the key of a session, if one is used.
    prover: Option<Prover>,
    /// Whether the server ever answered. A server that never did is named at once, not tried again.
    reached: AtomicBool,
}

impl Client {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// When address, token, certificate authorities or purpose are missing or cannot be used.
    pub fn new(connect: &Connect, intent: Option<&Intent>) -> Result<Self, Failure> {
        let (http, base, prover) = connect.open(intent)?;
        Ok(Self { http, base, prover, reached: AtomicBool::new(false) })
    }

    /// As [`Client::new`], in this session, whatever token is stated.
    ///
    /// # Errors
    /// When address or certificate authorities cannot be used, or the key is damaged.
    pub fn in_session(connect: &Connect, session: Session) -> Result<Self, Failure> {
        let (http, base) = connect.stranger()?;
        let prover = Some(Prover::of(&session.key, Some(session.token))?);
        Ok(Self { http, base, prover, reached: AtomicBool::new(false) })
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        self.base.as_str()
    }

    /// A read.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// A write that adds something or acts on something.
    pub fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// A write that states what something shall be.
    pub fn put(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// A write that removes or ends something.
    pub fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// A read of what is not under `/v1`.
    pub fn public(&self, path: &[&str]) -> Call<'_> {
        self.to(Method::GET, path)
    }

    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        self.to(method, &[&["v1"], path].concat())
    }

    fn to(&self, method: Method, path: &[&str]) -> Call<'_> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Call { client: self, method, url, headers: HeaderMap::new(), body: None }
    }
}

/// A request in the making.
#[derive(Debug)]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Call<'_> {
    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends a JSON document exactly as given.
    #[must_use]
    pub fn body(mut self, json: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(json);
        self
    }

    /// Sends a value as JSON.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Failure> {
        let json = serde_json::to_vec(value)
            .map_err(|why| Failure::failed(format!("the request does not fit JSON: {why}")))?;
        Ok(self.body(json))
    }

    /// Names the write, so that repeating it with the same key does nothing twice. Without this a
    /// write gets a random key. `key` is visible ASCII.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(key) {
            self.headers.insert(IDEMPOTENCY_KEY, value);
        }
        self
    }

    /// Sends the request and waits for a success.
    ///
    /// # Errors
    /// When the server cannot be reached after the tries allowed, or answers with anything but a
    /// success; the failure then has the server's own words.
    pub async fn send(self) -> Result<Answer, Failure> {
        let client = self.client;
        let request = self.build()?;
        let mut tried = 1;
        loop {
            let failed = match client.try_once(&request).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if !failed.again || tried == TRIES {
                return Err(failed.failure);
            }
            pause(failed.after.unwrap_or(FIRST_PAUSE * 2_u32.pow(tried - 1))).await;
            tried += 1;
        }
    }

    fn build(mut self) -> Result<Request, Failure> {
        if self.method != Method::GET && !self.headers.contains_key(IDEMPOTENCY_KEY) {
            self = self.fresh_key()?;
        }
        let mut request = Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(Into::into);
        Ok(request)
    }

    fn fresh_key(self) -> Result<Self, Failure> {
        let key = random_key()?;
        Ok(self.key(&key))
    }
}

/// 128 random bits in hexadecimal: unlike any other key of any other run.
///
/// # Errors
/// When the system gives no randomness.
pub fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes).map_err(|why| Failure::failed(why.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client paces its retries; nothing is synchronised by this pause"
)]
pub async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

/// Why a request got no answer.
pub fn lost(error: &reqwest::Error, address: &str) -> Failure {
    connect::explain(error, address).0
}

/// One try that did not succeed.
struct Failed {
    failure: Failure,
    /// Whether another try may help and can do no harm.
    again: bool,
    /// The pause the server asked for.
    after: Option<Duration>,
}

impl Client {
    /// The request as it is sent, with a proof of the session's key where one is used.
    fn sent(&self, request: &Request) -> Result<Request, Failure> {
        let why = || Failure::failed("the request's body cannot be sent a second time");
        let mut request = request.try_clone().ok_or_else(why)?;
        let Some(prover) = &self.prover else { return Ok(request) };
        let key = request.headers().get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        let proof = prover.proof(request.method().as_str(), request.url(), key)?;
        let authorization = prover.authorization().unwrap_or_default();
        for (name, text) in [(AUTHORIZATION, authorization), (DPOP, proof)] {
            let value = HeaderValue::from_str(&text).map_err(|_| why())?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    /// Sends a request; a second time with the nonce that the server wants in the proof.
    async fn execute(&self, request: &Request) -> Result<Response, Failed> {
        let sent = |failure| Failed { failure, again: false, after: None };
        let response = self.http.execute(self.sent(request).map_err(sent)?).await;
        let response = response.map_err(|error| self.lost(&error))?;
        let nonce = response.headers().get("dpop-nonce").and_then(|one| one.to_str().ok());
        let (Some(prover), Some(nonce)) = (&self.prover, nonce) else { return Ok(response) };
        prover.told(nonce);
        // Only what was not let in is sent again.
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let response = self.http.execute(self.sent(request).map_err(sent)?).await;
        response.map_err(|error| self.lost(&error))
    }

    async fn try_once(&self, request: &Request) -> Result<Answer, Failed> {
        let lost = |error: &reqwest::Error| self.lost(error);
        let response = self.execute(request).await?;
        self.reached.store(true, Ordering::Relaxed);
        let after = retry_after(&response);
        let answer = Answer::read(response).await.map_err(|stopped| match stopped {
            answer::Stopped::Lost(error) => lost(&error),
            answer::Stopped::TooLarge(failure) => Failed { failure, again: false, after: None },
        })?;
        // 304 comes only to who asked for it, by `If-None-Match`.
        if (200..300).contains(&answer.status) || answer.status == 304 {
            return Ok(answer);
        }
        let failure = problem::read(answer.status, &answer.body);
        let again = failure.exit == Exit::Unavailable;
        Err(Failed { failure, again, after })
    }

    fn lost(&self, error: &reqwest::Error) -> Failed {
        let reached = self.reached.load(Ordering::Relaxed);
        let (failure, transient) = connect::explain(error, self.address());
        Failed { failure, again: transient && reached, after: None }
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date is not read.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(text.parse().ok()?).min(LONGEST_PAUSE))
}
