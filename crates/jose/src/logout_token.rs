//! Logout tokens: that somebody signed out at a provider (OpenID Connect Back-Channel Logout 1.0
//! §2.4, §2.6).

use crate::claims::SKEW;
use crate::{Compact, Error, KeySet};
use serde_json::Value;

/// How old a logout token may be, in seconds; those that are older were kept by somebody.
pub const RECENT: u64 = 600;

/// The event that makes it one.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    issuer: String,
    subject: Option<String>,
    session: Option<String>,
    id: String,
    until: u64,
}

impl LogoutToken {
    /// Checks a token of this issuer for this client, at this moment in seconds since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(
        token: &str,
        keys: &KeySet,
        (issuer, client): (&str, &str),
        now: u64,
    ) -> Result<Self, Error> {
        let (header, claims) = Compact::parse(token)?.verify(keys)?;
        if header.kind.is_some_and(|kind| !matches!(kind.as_str(), "jwt" | "logout+jwt")) {
            return Err(Error::Refused("it is another kind of token than a logout token"));
        }
        claims.from(issuer)?;
        if claims.audiences() != [client] {
            return Err(Error::Refused("it is for somebody else, or for others too (`aud`)"));
        }
        let (issued, until) = claims.count(now, SKEW)?;
        if issued.saturating_add(RECENT) <= now {
            return Err(Error::Refused("it was issued more than ten minutes ago (`iat`)"));
        }
        let event = claims.get("events").and_then(|events| events.get(EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err(Error::Refused("it says nothing of a logout (`events`)"));
        }
        // So that an ID token is never one (§2.4).
        if claims.get("nonce").is_some() {
            return Err(Error::Refused("it holds a `nonce`, which no logout token does"));
        }
        let subject = claims.name("sub", "its subject is none")?;
        let session = claims.name("sid", "its session is none")?;
        if subject.is_none() && session.is_none() {
            return Err(Error::Refused("it names neither subject nor session"));
        }
        let id = claims.name("jti", "its id is none")?;
        let id = id.ok_or(Error::Refused("it has no id (`jti`)"))?;
        // Older than this it is refused by itself, whatever it says of its end.
        let until = until.saturating_add(SKEW).min(issued.saturating_add(RECENT));
        Ok(Self { issuer: issuer.to_owned(), subject, session, id, until })
    }

    /// The provider.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who signed out.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Which session of theirs ended there; without one, each.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The id, which is taken once.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Until when the id has to be remembered, in seconds since 1970.
    pub fn until(&self) -> u64 {
        self.until
    }
}
