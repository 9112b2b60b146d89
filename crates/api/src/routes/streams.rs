//! Session signals: what we say of ourselves as a transmitter (SSF 1.0), the public halves of the
//! keys we sign with, and where others tell us what happened (RFC 8935).

use super::shared::changed;
use super::table::{Gives, Route, get, of, post};
use crate::answer::Answer;
use crate::body::typed;
use crate::keyed::seconds;
use crate::problem::Problem;
use crate::request::Call;
use crate::transmitters::{Refused, Unanswered};
use domain::members::Hear;
use domain::register::{action, shown};
use domain::streams::{Event, PublicKeys, PublishKeys, RotateKey, Rotating};
use hyper::StatusCode;
use kernel::authority::Caller;
use kernel::{Error, Moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The public halves as they were published last.
pub(crate) type Published = Mutex<Option<Arc<PublicKeys>>>;

const CONFIGURATION: &str = "/.well-known/ssf-configuration";
const KEYS: &str = "/.well-known/jwks.json";
const EVENTS: &str = "/ssf/events";
const KIND: &[&str] = &["application/secevent+jwt"];

/// Bytes of a security event; longer ones are no token that is looked at.
const BODY: usize = jose::MAX_BYTES + 1024;

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    get(CONFIGURATION, "getTransmitter", "Says what is told to others (SSF 1.0)")
        .open()
        .gives(&[Gives::json(200, "What is told, and by which keys", of::<Transmitter>)])
        .by(|call| Box::pin(configuration(call))),
    get(KEYS, "getSigningKeys", "The public keys of what this server signs (RFC 7517)")
        .open()
        .gives(&[Gives::any(200, "The set"), Gives::problem(503)])
        .by(|call| Box::pin(keys(call))),
    post(EVENTS, "sendEvent", "Takes a security event about somebody (RFC 8935)")
        .open()
        .bytes(BODY, KIND)
        .gives(&[Gives::nothing(202, "It was heard"), Gives::problem(503)])
        .by(|call| Box::pin(hear(call))),
    post("/v1/signing-keys", "rotateSigningKey", "Makes another key to sign with")
        .action(action::<Rotating>())
        .json(1024, of::<Rotation>)
        .gives(&[Gives::json(201, "The key", of::<super::shared::Receipted<Rotated>>)])
        .by(|call| Box::pin(rotate(call))),
];

/// What this server tells others (SSF 1.0 §7.1).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Transmitter {
    /// The version of the specification.
    spec_version: &'static str,
    /// This server, as its events say it.
    issuer: String,
    /// Where its keys are.
    jwks_uri: String,
    /// How events are delivered.
    delivery_methods_supported: [&'static str; 1],
    /// Everybody whom a stream is about: nobody is added one by one.
    default_subjects: &'static str,
    /// What is told.
    events_supported: [&'static str; 2],
}

/// What is said about another key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SigningKeyRotation")]
pub(crate) struct Rotation {
    /// Whether those before are forgotten at once, because somebody else may have one.
    #[serde(default)]
    at_once: bool,
}

/// Another key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningKey")]
pub(crate) struct Rotated {
    /// Its id, as tokens name it (`kid`).
    key: String,
    /// From when on it signs (RFC 3339); until then others can fetch it.
    signs_from: String,
}

/// A failure as RFC 8935 §2.3 has it.
#[derive(Serialize)]
struct Unheard {
    err: &'static str,
    description: String,
}

async fn configuration(call: Call) -> Result<Answer, Problem> {
    let base = call.address()?;
    let all = Transmitter {
        spec_version: "1_0",
        jwks_uri: format!("{base}{KEYS}"),
        issuer: base,
        delivery_methods_supported: ["urn:ietf:rfc:8935"],
        default_subjects: "ALL",
        events_supported: Event::ALL.map(Event::address),
    };
    Answer::json(StatusCode::OK, &all)
}

/// The set. Of those who ask at once, one has it looked at.
async fn keys(call: Call) -> Result<Answer, Problem> {
    let mut published = call.published.lock().await;
    let known = published.as_ref().filter(|keys| call.kernel.now() < keys.until);
    let keys = match known {
        Some(keys) => Arc::clone(keys),
        None => {
            let publish = PublishKeys::new(&call.kernel)?;
            let done = call.submit_as(call.asked_by(Caller::bearer()), publish).await?;
            let keys = Arc::new(done.output);
            *published = Some(Arc::clone(&keys));
            keys
        }
    };
    Answer::json(StatusCode::OK, &keys.set)
}

async fn hear(call: Call) -> Result<Answer, Problem> {
    let token = std::str::from_utf8(&call.body).unwrap_or_default().trim_ascii();
    let now: Moment = call.kernel.now();
    let heard = call.transmitters.heard(token, call.bearer.as_deref(), seconds(now)).await;
    let event = match heard {
        Ok(event) => event,
        Err(Unanswered::Unavailable) => {
            let why = "the keys of the issuer are not there: send it again";
            return Err(Error::unavailable(why).into());
        }
        Err(Unanswered::Refused(Refused { error, why })) => {
            call.kernel.count_stranger(&kernel::address(call.peer));
            let body = Unheard { err: error, description: why };
            return Ok(Answer::json(StatusCode::BAD_REQUEST, &body)?.in_english());
        }
    };
    // Whoever is not here has no session here: the answer is the same.
    if let Some((caller, hear)) = Hear::new(&call.kernel, event)? {
        call.submit_as(call.asked_by(caller), hear).await?;
    }
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

async fn rotate(call: Call) -> Result<Answer, Problem> {
    let stated: Rotation = typed(&call.body)?;
    let done = call.submit(RotateKey::new(&call.kernel, stated.at_once)?).await?;
    // What is published now names it already.
    *call.published.lock().await = None;
    let rotated = Rotated { key: done.output.key, signs_from: shown(done.output.signs_from.0) };
    changed(StatusCode::CREATED, rotated, done.receipts)
}
