//! Signed webhooks after Standard Webhooks 1.0: three headers, HMAC-SHA256, and one POST.
//!
//! Promises: what is posted is signed over its identifier, time and bytes; an address without TLS
//! is refused unless the owner of the data elected it; redirects are not followed and no proxy of
//! the environment is used, so that the data goes to the declared address and to nowhere else; one
//! attempt ends within its time, and the answer is read to a bound.
//!
//! Does not: repeat, keep connections, sign with asymmetric keys (`v1a`), or decide which addresses
//! may be declared.

use std::error::Error as _;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{Client, Response, Url};

use crate::outcome::{Outcome, REPLY_BYTES, said};
use crate::secret::Secret;
use crate::trust;

/// The header with the identifier of the message; the same again means a repetition.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with one or more signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a receiver's clock may be from the sender's, in seconds, as the standard suggests.
pub const TOLERANCE: u64 = 5 * 60;

/// Most bytes of one body. The standard suggests 20 kB for events; transfers carry records.
pub const BODY_BYTES: usize = 16 * 1024 * 1024;

/// Most signatures that are looked at.
const SIGNATURES: usize = 16;

/// Whether an address without TLS is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plaintext {
    /// Never.
    #[default]
    Refused,
    /// The owner of the data elected it: anybody on the way reads the body.
    DangerElected,
}

/// Where a webhook goes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its address, `https://…`.
    pub url: String,
    /// What it is signed with: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Secret,
    /// Believe the authorities in this PEM text alone, instead of the operating system's.
    pub root_pem: Option<String>,
    /// Whether `http://…` is used.
    pub plaintext: Plaintext,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// How it ended: accepted is 2xx, permanently refused is 410 or what cannot be sent as it is.
    pub outcome: Outcome,
    /// The beginning of the answer, or what kept it from coming; one line of at most
    /// [`REPLY_BYTES`].
    pub reply: String,
    /// SHA-256 of the receiver's certificate in lower-case hex; none without TLS or answer.
    pub peer_certificate_sha256: Option<String>,
    /// How many bytes of body were to be sent; zero when nothing left this program.
    pub bytes: usize,
}

/// Why a signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The secret is not one.
    #[error("the secret is not `whsec_` and 24 to 64 bytes in base64")]
    Secret,
    /// The time is no number, or too far from now.
    #[error("the time is too far from now: look at the clock, or refuse a repetition")]
    Time,
    /// No signature fits.
    #[error("no signature fits: the message was altered, or signed with another secret")]
    Signature,
}

/// The value of [`SIGNATURE_HEADER`] for a message sent at `now`, in seconds since 1970.
///
/// # Errors
/// [`Unverified::Secret`] when the secret is not one.
pub fn sign(secret: &Secret, id: &str, now: u64, body: &[u8]) -> Result<String, Unverified> {
    let tag = hmac::sign(&key(secret)?, &signed(id, &now.to_string(), body));
    Ok(format!("v1,{}", STANDARD.encode(tag)))
}

/// Believes a message: `id`, `timestamp` and `signatures` are the values of its three headers,
/// `now` and `tolerance` are seconds. Compares in constant time.
///
/// # Errors
/// Why it is not believed.
pub fn verify(
    secret: &Secret,
    (id, timestamp, signatures): (&str, &str, &str),
    body: &[u8],
    now: u64,
    tolerance: u64,
) -> Result<(), Unverified> {
    let key = key(secret)?;
    let at: u64 = timestamp.parse().map_err(|_| Unverified::Time)?;
    if now.abs_diff(at) > tolerance {
        return Err(Unverified::Time);
    }
    let signed = signed(id, timestamp, body);
    let fits = signatures
        .split(' ')
        .take(SIGNATURES)
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if fits { Ok(()) } else { Err(Unverified::Signature) }
}

/// Posts the body once, for at most `timeout`; `now` is in seconds since 1970.
///
/// An answer that breaks off after its status counts by its status.
pub async fn post(
    to: &Destination,
    id: &str,
    now: u64,
    body: Vec<u8>,
    timeout: Duration,
) -> Delivery {
    let bytes = body.len();
    carry(prepare(to, id, now, body), bytes, timeout).await
}

/// Posts a JSON body once to an address with TLS, without a signature: for services whose address
/// or body holds the secret.
pub(crate) async fn post_json(
    url: &str,
    root_pem: Option<&str>,
    body: Vec<u8>,
    timeout: Duration,
) -> Delivery {
    let bytes = body.len();
    // The address may be a secret itself, so nothing is said of it.
    let url = address(url, Plaintext::Refused).map_err(|_| "the address is none, or has no TLS");
    let root_pem = root_pem.map(str::to_owned);
    let posted = url.map(|url| Posted { url, signature: None, root_pem });
    let ready = posted.map_err(str::to_owned).and_then(|posted| request(posted, body));
    carry(ready, bytes, timeout).await
}

pub(crate) async fn carry(
    ready: Result<(Client, reqwest::Request), String>,
    bytes: usize,
    timeout: Duration,
) -> Delivery {
    let refused = |why: String| Delivery {
        status: None,
        outcome: Outcome::Refused { permanent: true },
        reply: said(format!("not sent: {why}").as_bytes()),
        peer_certificate_sha256: None,
        bytes: 0,
    };
    let request = match ready {
        Ok((client, request)) => client.execute(request),
        Err(why) => return refused(why),
    };
    let unreachable = |why: String| Delivery {
        outcome: Outcome::Unreachable,
        reply: said(why.as_bytes()),
        bytes,
        ..refused(String::new())
    };
    let seconds = timeout.as_secs_f32();
    let deadline = tokio::time::Instant::now() + timeout;
    match tokio::time::timeout_at(deadline, request).await {
        Err(_) => unreachable(format!("no answer within {seconds} s")),
        Ok(Err(why)) => unreachable(innermost(&why)),
        Ok(Ok(response)) => answered(response, bytes, deadline).await,
    }
}

/// What is posted where, besides the body.
struct Posted {
    url: Url,
    /// Identifier, time and signature.
    signature: Option<(String, u64, String)>,
    root_pem: Option<String>,
}

fn prepare(
    to: &Destination,
    id: &str,
    now: u64,
    body: Vec<u8>,
) -> Result<(Client, reqwest::Request), String> {
    let url = address(&to.url, to.plaintext)?;
    if body.len() > BODY_BYTES {
        return Err("the body is longer than 16 MiB: send fewer records at once".to_owned());
    }
    // A full stop separates the signed parts, so one in the identifier could move the border.
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    if id.is_empty() || id.len() > 200 || !id.bytes().all(plain) {
        return Err(format!("the identifier `{id}` has to be visible ASCII without full stop"));
    }
    let signature = sign(&to.secret, id, now, &body).map_err(|why| why.to_string())?;
    let signature = Some((id.to_owned(), now, signature));
    request(Posted { url, signature, root_pem: to.root_pem.clone() }, body)
}

fn request(posted: Posted, body: Vec<u8>) -> Result<(Client, reqwest::Request), String> {
    let client = trust::https(posted.root_pem.as_deref())?.tls_info(true).pool_max_idle_per_host(0);
    let client = client.build().map_err(|why| innermost(&why))?;
    let kind = HeaderValue::from_static("application/json");
    let mut request = client.post(posted.url).header(CONTENT_TYPE, kind);
    if let Some((id, now, signature)) = posted.signature {
        request = request.header(ID_HEADER, id).header(TIMESTAMP_HEADER, now);
        request = request.header(SIGNATURE_HEADER, signature);
    }
    let request = request.body(body).build().map_err(|why| innermost(&why))?;
    Ok((client, request))
}

pub(crate) fn address(text: &str, plaintext: Plaintext) -> Result<Url, String> {
    let url = Url::parse(text);
    let url = url.map_err(|why| format!("`{}` is not an address: {why}", said(text.as_bytes())))?;
    match (url.scheme(), plaintext) {
        ("https", _) | ("http", Plaintext::DangerElected) => {}
        ("http", Plaintext::Refused) => {
            return Err("the address has no TLS: declare it with `https://`".to_owned());
        }
        (other, _) => {
            return Err(format!("`{other}` is not spoken: declare an address with `https://`"));
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password: leave them out".to_owned());
    }
    Ok(url)
}

async fn answered(
    mut response: Response,
    bytes: usize,
    deadline: tokio::time::Instant,
) -> Delivery {
    let status = response.status();
    let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    let peer_certificate_sha256 = certificate.map(fingerprint);
    let mut text = Vec::new();
    // A bit more than is shown, for what is not shown of it.
    while text.len() < 4 * REPLY_BYTES {
        match tokio::time::timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    let mut reply = said(&text);
    if status.is_redirection() {
        reply =
            said(format!("redirects are not followed: declare the new address {reply}").as_bytes());
    }
    let outcome = match status.as_u16() {
        200..300 => Outcome::Accepted,
        code => Outcome::Refused { permanent: code == 410 },
    };
    Delivery { status: Some(status.as_u16()), outcome, reply, peer_certificate_sha256, bytes }
}

/// SHA-256 in lower-case hex.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, der);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

fn key(secret: &Secret) -> Result<hmac::Key, Unverified> {
    let text = secret.expose().strip_prefix("whsec_").ok_or(Unverified::Secret)?;
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(text).map_err(|_| Unverified::Secret)?);
    if !(24..=64).contains(&bytes.len()) {
        return Err(Unverified::Secret);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The cause at the end of a chain of errors.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}
