//! Sending events on: as NDJSON over HTTPS, or as syslog (RFC 5424) over TCP or TLS.
//!
//! Promises: a batch ends as accepted, refused or unreachable, within its time and its tries; what
//! was not accepted stays the caller's, so that nothing is held here but the batch itself. Each
//! batch has an identifier made from its bytes, the same in every try. Tries have pauses that
//! double, up to what [`Patience`] says. No redirect is followed, no proxy is used.
//!
//! Over syslog nobody says that something was kept: *accepted* means that the other side read to
//! the end and closed without an error, or said nothing for [`CLOSING`].
//! Deliberately not: a queue, a cursor, UDP.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::logs::framing::counted;
use crate::logs::syslog::Message;
use crate::outcome::{Outcome, REPLY_BYTES, said};
use crate::secret::Secret;
use crate::trust;

/// Most events of one batch.
pub const BATCH: usize = 1000;

/// Most bytes of one batch.
pub const BATCH_BYTES: usize = 4 << 20;

/// How long a receiver of syslog may take to close once all was sent.
pub const CLOSING: Duration = Duration::from_secs(5);

/// How often and how long a batch is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries, at least one.
    pub tries: u32,
    /// Time of one try.
    pub each: Duration,
    /// Pause after the first try; each further one doubles.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, each: Duration::from_secs(20), pause: Duration::from_millis(500) }
    }
}

/// Where events go.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// `POST` of NDJSON.
    Https {
        /// `https://…`
        url: String,
        /// Sent as `Authorization: Bearer …`.
        token: Option<Secret>,
        /// Authorities in PEM that are believed instead of the operating system's.
        root_pem: Option<String>,
    },
    /// Syslog with octet counting (RFC 5425, RFC 6587).
    Syslog {
        /// Host name or address; over TLS its certificate has to hold it.
        host: String,
        /// TCP port, usually 6514 over TLS.
        port: u16,
        /// Over TLS, and whom to believe; `None` sends in the clear.
        tls: Option<Trust>,
    },
}

/// Whom a connection over TLS believes.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Authorities in PEM instead of the operating system's.
    pub root_pem: Option<String>,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were refused for good.
    pub refused: u64,
    /// Tries that failed.
    pub failed: u64,
}

/// Sends batches to one receiver.
#[derive(Debug)]
pub struct Forwarder {
    to: Receiver,
    patience: Patience,
    sent: Sent,
    reply: String,
}

/// How the reply begins where nothing left the house.
const UNSENT: &str = "not sent: ";

/// Answers (RFC 9110) that are about the batch and not about who sends it or where to: a smaller
/// one, or another one, may be accepted.
const OF_CONTENT: [&str; 3] = ["400", "413", "422"];

impl Forwarder {
    /// To this receiver.
    #[must_use]
    pub fn new(to: Receiver, patience: Patience) -> Self {
        Self { to, patience, sent: Sent::default(), reply: String::new() }
    }

    /// Whether what was refused last was refused for what it is (400, 413, 422), or could not be
    /// sent at all; otherwise it is the address or the token that is wrong.
    #[must_use]
    pub fn dislikes(&self) -> bool {
        let code = self.reply.split(' ').next().unwrap_or_default();
        OF_CONTENT.contains(&code) || self.reply.starts_with(UNSENT)
    }

    /// What was done so far.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// What the receiver said last, or why it was not reached; one bounded line.
    #[must_use]
    pub fn reply(&self) -> &str {
        &self.reply
    }

    /// Sends a batch of at most [`BATCH`] events: each a JSON object on one line, or for syslog a
    /// message. An empty batch is accepted.
    pub async fn send(&mut self, batch: &[Message]) -> Outcome {
        let number = batch.len() as u64;
        if number == 0 {
            return Outcome::Accepted;
        }
        let permanent = Outcome::Refused { permanent: true };
        let prepared = self.to.prepare(batch);
        let (outcome, reply) = match prepared {
            Ok(prepared) => self.tries(&prepared).await,
            Err(why) => (permanent, format!("{UNSENT}{why}")),
        };
        self.reply = said(reply.as_bytes());
        match outcome {
            Outcome::Accepted => self.sent.accepted += number,
            Outcome::Refused { permanent: true } => self.sent.refused += number,
            _ => {}
        }
        outcome
    }

    async fn tries(&mut self, prepared: &Prepared) -> (Outcome, String) {
        let mut pause = self.patience.pause;
        for number in 1.. {
            let once = tokio::time::timeout(self.patience.each, prepared.once()).await;
            let (outcome, reply) =
                once.unwrap_or((Outcome::Unreachable, "no answer in time".to_owned()));
            let again =
                matches!(outcome, Outcome::Unreachable | Outcome::Refused { permanent: false });
            if again {
                self.sent.failed += 1;
            }
            if !again || number >= self.patience.tries {
                return (outcome, reply);
            }
            wait(pause).await;
            pause = pause.saturating_mul(2);
        }
        (Outcome::Unreachable, String::new())
    }
}

#[expect(clippy::disallowed_methods, reason = "a receiver that failed is given time to recover")]
async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// A batch as it goes over the wire.
enum Prepared {
    Https {
        client: Box<Client>,
        url: Url,
        token: Option<HeaderValue>,
        id: String,
        body: Vec<u8>,
    },
    Syslog {
        host: String,
        port: u16,
        tls: Option<(TlsConnector, ServerName<'static>)>,
        body: Vec<u8>,
    },
}

impl Receiver {
    fn prepare(&self, batch: &[Message]) -> Result<Prepared, String> {
        let mut body = Vec::new();
        for message in batch {
            match self {
                Self::Https { .. } => {
                    let text = message.text.as_deref().unwrap_or_default();
                    // INVARIANT: one line is one event, whatever somebody wrote into it.
                    if text.contains(['\n', '\r']) {
                        return Err("an event is not on one line".to_owned());
                    }
                    body.extend_from_slice(text.as_bytes());
                    body.push(b'\n');
                }
                Self::Syslog { .. } => body.extend(counted(&message.render())),
            }
        }
        if batch.len() > BATCH || body.len() > BATCH_BYTES {
            return Err(format!("more than {BATCH} events or {BATCH_BYTES} bytes: send fewer"));
        }
        match self {
            Self::Https { url, token, root_pem } => {
                let address = Url::parse(url).map_err(|why| format!("the address: {why}"))?;
                let user = !address.username().is_empty() || address.password().is_some();
                if address.scheme() != "https" || user {
                    return Err("the address is `https://…`, without a user".to_owned());
                }
                let id = digest(&SHA256, &body);
                let id = id.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let client = Box::new(client(root_pem.as_deref())?);
                let token = token.as_ref().map(bearer).transpose()?;
                Ok(Prepared::Https { client, url: address, token, id, body })
            }
            Self::Syslog { host, port, tls } => {
                let tls = tls.as_ref().map(|trust| connector(host, trust)).transpose()?;
                Ok(Prepared::Syslog { host: host.clone(), port: *port, tls, body })
            }
        }
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, String> {
    let value = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value =
        HeaderValue::from_str(&value).map_err(|_| "the token is no text for a header")?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(root_pem: Option<&str>) -> Result<Client, String> {
    trust::https(root_pem)?.build().map_err(|why| why.to_string())
}

fn connector(host: &str, believed: &Trust) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| "the host is no name")?;
    let config = trust::client(believed.root_pem.as_deref())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

impl Prepared {
    async fn once(&self) -> (Outcome, String) {
        match self {
            Self::Https { client, url, token, id, body } => {
                let kind = HeaderValue::from_static("application/x-ndjson");
                let mut request = client.post(url.clone()).header(CONTENT_TYPE, kind);
                request = request.header("idempotency-key", id).body(body.clone());
                if let Some(token) = token {
                    request = request.header(AUTHORIZATION, token.clone());
                }
                match request.send().await {
                    Ok(response) => answered(response).await,
                    Err(why) => {
                        let why = why.source().map_or_else(|| why.to_string(), ToString::to_string);
                        (Outcome::Unreachable, why)
                    }
                }
            }
            Self::Syslog { host, port, tls, body } => {
                let sent = async {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    match tls {
                        Some((connector, name)) => {
                            write(connector.connect(name.clone(), stream).await?, body).await
                        }
                        None => write(stream, body).await,
                    }
                };
                match sent.await {
                    Ok(()) => (Outcome::Accepted, String::new()),
                    Err(why) => (Outcome::Unreachable, why.to_string()),
                }
            }
        }
    }
}

/// Writes all, says that it is all, and listens for an error until the other side closes.
async fn write(mut to: impl AsyncRead + AsyncWrite + Unpin, body: &[u8]) -> std::io::Result<()> {
    to.write_all(body).await?;
    to.shutdown().await?;
    let closing = async {
        let mut rest = [0; 512];
        while to.read(&mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    match tokio::time::timeout(CLOSING, closing).await {
        Ok(Err(why)) if why.kind() != std::io::ErrorKind::UnexpectedEof => Err(why),
        _ => Ok(()),
    }
}

async fn answered(mut response: reqwest::Response) -> (Outcome, String) {
    let status = response.status().as_u16();
    let mut text = format!("{status} ").into_bytes();
    while text.len() < REPLY_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    let outcome = match status {
        200..300 => Outcome::Accepted,
        // Too early, too many, or in trouble of its own: the same may do later.
        408 | 425 | 429 | 500.. => Outcome::Refused { permanent: false },
        _ => Outcome::Refused { permanent: true },
    };
    (outcome, String::from_utf8_lossy(&text).into_owned())
}

/// A message for an event: its JSON as the text, severity by RFC 5424's numbers, facility 13 (log
/// audit).
#[must_use]
pub fn message(event: &crate::ocsf::Event, host: Option<&str>) -> Message {
    use crate::ocsf::Severity;
    Message {
        facility: 13,
        severity: match event.severity {
            Severity::Critical => 2,
            Severity::High => 3,
            Severity::Medium => 4,
            Severity::Low => 5,
            Severity::Informational | Severity::Unknown => 6,
        },
        time: Some(event.time),
        host: host.map(str::to_owned),
        app: Some("bailee".to_owned()),
        process: None,
        id: Some("ocsf".to_owned()),
        data: vec![],
        text: Some(event.json().to_string()),
    }
}
