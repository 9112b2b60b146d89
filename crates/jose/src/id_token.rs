//! ID tokens: who signed in at a provider (OpenID Connect Core 1.0 §2, §3.1.3.7).

use crate::claims::{Claims, SKEW};
use crate::{Compact, Error, KeySet};
use serde_json::Value;

/// Methods of authentication that are kept of one token.
const METHODS: usize = 16;

/// What an ID token is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The provider, exactly.
    pub issuer: &'w str,
    /// Who we are to it.
    pub client: &'w str,
    /// What we sent along, and what nobody else knows.
    pub nonce: &'w str,
    /// When we sent somebody there, in seconds since 1970.
    pub asked: u64,
    /// How long before that they may have authenticated there, in seconds.
    pub max_age: u64,
}

/// An ID token that was checked: somebody signed in at the provider, for us, within the time asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    issuer: String,
    subject: String,
    session: Option<String>,
    authenticated: u64,
    class: Option<String>,
    methods: Vec<String>,
}

impl IdToken {
    /// Checks a token at this moment, in seconds since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(token: &str, keys: &KeySet, wanted: &Wanted<'_>, now: u64) -> Result<Self, Error> {
        let (header, claims) = Compact::parse(token)?.verify(keys)?;
        // Another kind of token of the same issuer is not taken for this one (RFC 8725 §3.11).
        if header.kind.is_some_and(|kind| kind != "jwt") {
            return Err(Error::Refused("it is another kind of token than an ID token"));
        }
        claims.from(wanted.issuer)?;
        if claims.audiences() != [wanted.client] {
            return Err(Error::Refused("it is for somebody else, or for others too (`aud`)"));
        }
        if claims.get("azp").is_some_and(|party| party.as_str() != Some(wanted.client)) {
            return Err(Error::Refused("it was issued to somebody else (`azp`)"));
        }
        claims.count(now, SKEW)?;
        if claims.text("nonce") != Some(wanted.nonce) {
            return Err(Error::Refused("it answers another sign-in (`nonce`)"));
        }
        let authenticated = age(&claims, wanted, now)?;
        let subject = claims.name("sub", "its subject is none")?;
        Ok(Self {
            issuer: wanted.issuer.to_owned(),
            subject: subject.ok_or(Error::Refused("it names no subject (`sub`)"))?,
            session: claims.name("sid", "its session is none")?,
            authenticated,
            class: claims.name("acr", "its class of authentication is none")?,
            methods: methods(&claims)?,
        })
    }

    /// The provider.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who, as the provider knows them; never given to somebody else.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Their session there (`sid`).
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// When they authenticated there, in seconds since 1970.
    pub fn authenticated(&self) -> u64 {
        self.authenticated
    }

    /// The class of that authentication (`acr`), as the provider names it.
    pub fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// Its methods (`amr`, RFC 8176), as the provider names them.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }
}

/// When they authenticated, which has to be within the time that was asked for.
fn age(claims: &Claims, wanted: &Wanted<'_>, now: u64) -> Result<u64, Error> {
    let at = claims.moment("auth_time")?;
    let at = at.ok_or(Error::Refused("it does not say when they authenticated (`auth_time`)"))?;
    let oldest = wanted.asked.saturating_sub(wanted.max_age).saturating_sub(SKEW);
    match (at < oldest, at > now.saturating_add(SKEW)) {
        (true, _) => Err(Error::Refused("they authenticated there too long ago: sign in again")),
        (_, true) => Err(Error::Refused("they authenticated in the future: compare the clocks")),
        _ => Ok(at),
    }
}

fn methods(claims: &Claims) -> Result<Vec<String>, Error> {
    const WHY: Error = Error::Refused("its methods of authentication are none (`amr`)");
    let Some(all) = claims.get("amr") else { return Ok(vec![]) };
    let all = all.as_array().filter(|all| all.len() <= METHODS).ok_or(WHY)?;
    let text = |one: &Value| one.as_str().filter(|one| one.len() <= 64).map(str::to_owned);
    all.iter().map(text).collect::<Option<_>>().ok_or(WHY)
}
