//! Security event tokens (RFC 8417) as shared signals have them (SSF 1.0, CAEP 1.0): that
//! something happened to somebody, elsewhere.

use crate::claims::SKEW;
use crate::{Compact, Error, KeySet};
use serde_json::{Map, Value};

/// The kind of token (RFC 8417 §2.3).
pub const EVENT_KIND: &str = "secevent+jwt";

/// What happened, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Sessions were ended (CAEP 1.0 §3.1).
    SessionRevoked,
    /// A credential was taken back or found with somebody else (CAEP 1.0 §3.3, RISC 1.0 §2.7).
    CredentialLost,
    /// Something else, which changes nothing here; a try of the way is one (SSF 1.0 §8.1.4).
    Other,
}

/// Of whom it is (RFC 9493), as far as somebody can be found by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody at a provider: issuer and subject, and perhaps one session of theirs there.
    Person(String, String, Option<String>),
    /// Somebody in words by which nobody is found.
    Other,
}

/// Why a security event does not count (RFC 8935 §2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It is none, or says something that none says: `invalid_request`.
    Request(Error),
    /// No key of its issuer made it: `invalid_key`.
    Key(Error),
    /// It is another's: `invalid_issuer`.
    Issuer,
    /// It is for somebody else: `invalid_audience`.
    Audience,
}

/// A security event that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    issuer: String,
    event: Event,
    subject: Subject,
    id: String,
    at: u64,
}

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const COMPROMISED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";

impl SecurityEvent {
    /// Checks a token of this issuer for this audience, at this moment in seconds since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(
        token: &str,
        keys: &KeySet,
        (issuer, audience): (&str, &str),
        now: u64,
    ) -> Result<Self, Unheard> {
        let read = Compact::parse(token).map_err(Unheard::Request)?;
        // Another kind of token of the same issuer is not taken for this one (RFC 8417 §4.1).
        if read.header().kind.as_deref() != Some(EVENT_KIND) {
            return refused("it is no security event: its type has to be `secevent+jwt`");
        }
        let (_, claims) = read.verify(keys).map_err(Unheard::Key)?;
        if claims.from(issuer).is_err() {
            return Err(Unheard::Issuer);
        }
        if !claims.audiences().contains(&audience) {
            return Err(Unheard::Audience);
        }
        // What other kinds of tokens have (SSF 1.0 §4.1.7, §4.1.8).
        if ["exp", "sub", "nonce"].iter().any(|name| claims.get(name).is_some()) {
            return refused("it holds `exp`, `sub` or `nonce`, which no security event does");
        }
        let issued = claims.moment("iat").map_err(Unheard::Request)?;
        let Some(issued) = issued else {
            return refused("it does not say when it was issued (`iat`)");
        };
        if issued > now.saturating_add(SKEW) {
            return refused("it was issued later than now: compare the clocks of both servers");
        }
        let id = claims.name("jti", "its id is none").map_err(Unheard::Request)?;
        let Some(id) = id else { return refused("it has no id (`jti`)") };
        let events = claims.get("events").and_then(Value::as_object);
        let mut events = events.into_iter().flatten();
        let (Some((kind, said)), None) = (events.next(), events.next()) else {
            return refused("it says nothing, or several things at once (`events`)");
        };
        let Some(said) = said.as_object() else {
            return refused("what it says of the event is no object");
        };
        let event = event(kind, said)?;
        let subject = claims.get("sub_id").and_then(Value::as_object);
        let subject = match subject {
            Some(subject) => self::subject(subject)?,
            None if event == Event::Other => Subject::Other,
            None => return refused("it does not say about whom it is (`sub_id`)"),
        };
        let at = moment(said, "event_timestamp")?.unwrap_or(issued).min(issued).min(now);
        Ok(Self { issuer: issuer.to_owned(), event, subject, id, at })
    }

    /// Who tells it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What happened.
    pub fn event(&self) -> Event {
        self.event
    }

    /// To whom.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it happened, in seconds since 1970; never later than now.
    pub fn at(&self) -> u64 {
        self.at
    }
}

fn refused<T>(why: &'static str) -> Result<T, Unheard> {
    Err(Unheard::Request(Error::Refused(why)))
}

fn moment(said: &Map<String, Value>, name: &str) -> Result<Option<u64>, Unheard> {
    let Some(value) = said.get(name) else { return Ok(None) };
    match value.as_u64() {
        Some(at) => Ok(Some(at)),
        None => refused("a time in it is no number of seconds since 1970"),
    }
}

fn event(kind: &str, said: &Map<String, Value>) -> Result<Event, Unheard> {
    match kind.strip_prefix(CAEP) {
        Some("session-revoked") => Ok(Event::SessionRevoked),
        Some("credential-change") => {
            let text = |name: &str| said.get(name).and_then(Value::as_str);
            if text("credential_type").is_none_or(str::is_empty) {
                return refused("it does not say which credential changed (`credential_type`)");
            }
            match text("change_type") {
                Some("revoke" | "delete") => Ok(Event::CredentialLost),
                Some("create" | "update") => Ok(Event::Other),
                _ => refused("it does not say how the credential changed (`change_type`)"),
            }
        }
        _ if kind == COMPROMISED => Ok(Event::CredentialLost),
        _ => Ok(Event::Other),
    }
}

/// Of whom it is: somebody at a provider, alone or beside a session of theirs (RFC 9493 §3.2.3,
/// SSF 1.0 §3.2).
fn subject(said: &Map<String, Value>) -> Result<Subject, Unheard> {
    let text = |of: &Map<String, Value>, name: &str| {
        let text = of.get(name).and_then(Value::as_str).unwrap_or_default();
        let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    };
    let person = |of: &Map<String, Value>| match (text(of, "iss"), text(of, "sub")) {
        (Some(issuer), Some(subject)) => Ok((issuer, subject)),
        _ => refused("its subject says no `iss` or `sub`"),
    };
    match text(said, "format").as_deref() {
        Some("iss_sub") => person(said).map(|(issuer, sub)| Subject::Person(issuer, sub, None)),
        Some("complex") => {
            let Some(user) = said.get("user").and_then(Value::as_object) else {
                return Ok(Subject::Other);
            };
            if text(user, "format").as_deref() != Some("iss_sub") {
                return Ok(Subject::Other);
            }
            let session = match said.get("session").and_then(Value::as_object) {
                None => None,
                Some(session) => match text(session, "id") {
                    Some(id) if text(session, "format").as_deref() == Some("opaque") => Some(id),
                    // A session in words that are not known here is not all of them.
                    _ => return Ok(Subject::Other),
                },
            };
            // A device, a group or a tenant narrows whom it is about, in words unknown here.
            let narrow = said.keys().any(|name| !matches!(&**name, "format" | "user" | "session"));
            let (issuer, sub) = person(user)?;
            Ok(if narrow { Subject::Other } else { Subject::Person(issuer, sub, session) })
        }
        Some(_) => Ok(Subject::Other),
        None => refused("its subject says no `format`"),
    }
}
