//! Identities of people at the company's provider (OpenID Connect): which subject of which issuer
//! is whom.
//!
//! An administrator binds them, one by one, and by nothing but issuer and subject: an address of
//! mail is given to others one day, and at many providers people set it themselves.

use super::{Person, StoredCredential, Use, add, hex, live_passkeys};
use crate::register::{self, act};
use jose::{IdToken, LogoutToken, SecurityEvent};
use kernel::authority::Denied;
use kernel::engine::Wants;
use kernel::id::Name;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Binding a person to an identity at a provider.
    Bind, "person.bind", None, true
);

/// How long an identity counts; then it is bound anew.
pub const IDENTITY_LIFE: Duration = Duration::from_secs(5 * 366 * 86_400);

/// How long it is remembered that a session at the provider is over: longer than a code for a
/// session here can be on its way.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Logout tokens that are remembered of one identity; they are forgotten after ten minutes.
const HEARD: usize = 256;

/// How long a security event is remembered.
const EVENTS: Duration = Duration::from_secs(600);

/// Bytes of an issuer and of a subject (OpenID Connect Core §2).
const BYTES: usize = 255;

/// An identity at a provider.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub struct Identity {
    /// The provider, as its tokens say it.
    pub issuer: String,
    /// Who, as the provider knows them.
    pub subject: String,
    /// Logout tokens that were taken and may still count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Heard>,
}

/// A logout token that was taken.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub struct Heard {
    /// SHA-256 of its id, in hexadecimal.
    id: String,
    /// When it is refused by its age, µs since 1970.
    until: u64,
}

/// How somebody signed in at a provider.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub struct SignedIn {
    /// The id of the identity's credential.
    pub by: String,
    /// Their session there, by hash, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When they authenticated there, µs since 1970.
    pub authenticated: u64,
    /// The class of that authentication, as the provider names it (`acr`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its methods, as the provider names them (`amr`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

/// Under which hash the rights know a name of this kind at an issuer. It is no secret, so that it
/// is never that of a token: those are hashed without these words before them.
pub(super) fn hash(kind: &str, issuer: &str, name: &str) -> [u8; 32] {
    // What stands before each part says where it ends.
    let parts = format!("bailee {kind} v1\0{}\0{issuer}\0{name}", issuer.len());
    kernel::digest(parts.as_bytes())
}

impl Identity {
    /// Under which hash the rights know an identity.
    pub fn hash(issuer: &str, subject: &str) -> [u8; 32] {
        hash("identity", issuer, subject)
    }

    /// Under which hash the rights know a session at a provider.
    pub fn session(issuer: &str, session: &str) -> [u8; 32] {
        hash("session of a provider", issuer, session)
    }

    /// Keeps that this logout token was taken.
    ///
    /// # Errors
    /// `Conflict` if it was before.
    pub(crate) fn hear(&mut self, token: &LogoutToken, now: Moment) -> Result<()> {
        let until = token.until().saturating_mul(1_000_000);
        match self.keep(token.id(), until, now)? {
            true => Ok(()),
            false => Err(Error::conflict("this logout token was taken already")),
        }
    }

    /// Keeps that this security event was taken; says whether it was new. It is remembered for
    /// longer than clocks differ: what is older ends nothing that began since.
    ///
    /// # Errors
    /// `Limit` if there are too many of them.
    pub(crate) fn hear_event(&mut self, event: &SecurityEvent, now: Moment) -> Result<bool> {
        let id = format!("{}\0{}", event.issuer(), event.id());
        self.keep(&id, now.after(EVENTS).0, now)
    }

    /// Keeps an id until a moment; says whether it was new.
    fn keep(&mut self, id: &str, until: u64, now: Moment) -> Result<bool> {
        let id = hex(&kernel::digest(id.as_bytes()));
        self.heard.retain(|one| now.0 < one.until);
        if self.heard.iter().any(|one| one.id == id) {
            return Ok(false);
        }
        if self.heard.len() >= HEARD {
            let why = "the provider signs this person out too often: try again in ten minutes";
            return Err(Error::limit(why));
        }
        self.heard.push(Heard { id, until });
        Ok(true)
    }
}

impl SignedIn {
    /// As a token says it, of whoever has this credential.
    ///
    /// # Errors
    /// `Forbidden` if it is somebody else's.
    pub(crate) fn of(token: &IdToken, by: &StoredCredential) -> Result<Self> {
        let named = |one: &Identity| one.issuer == token.issuer() && one.subject == token.subject();
        if by.used_for != Use::Identity || !by.identity.as_ref().is_some_and(named) {
            return Err(Error::forbidden("the provider says that it is somebody else"));
        }
        let session = token.session();
        Ok(Self {
            by: by.id.clone(),
            session: session.map(|one| hex(&Identity::session(token.issuer(), one))),
            authenticated: token.authenticated().saturating_mul(1_000_000),
            class: token.class().map(str::to_owned),
            methods: token.methods().to_vec(),
        })
    }

    /// Keeps the session at the provider, to be found by when it ends there.
    ///
    /// # Errors
    /// `Forbidden` if it ended there already.
    pub(crate) fn keep(
        &self,
        credentials: &mut Vec<StoredCredential>,
        (id, until): (String, Moment),
        now: Moment,
    ) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        forget(credentials, now);
        match provider_session(credentials, session) {
            Some(one) if one.ended.is_some() => {
                Err(Error::forbidden("the provider ended this session already: sign in again"))
            }
            Some(one) => {
                one.expires = one.expires.max(until.0);
                Ok(())
            }
            None => {
                credentials.push(self.stored(id, session, now, until));
                Ok(())
            }
        }
    }

    fn stored(&self, id: String, session: &str, now: Moment, until: Moment) -> StoredCredential {
        let span = (now, until);
        let one = StoredCredential::new(id, session.to_owned(), Use::ProviderSession, span);
        StoredCredential { provider: Some(self.clone()), ..one }
    }
}

/// Ends a session at the provider for good, also where none here was begun by it yet; by this
/// identity, under this id if it has to be kept anew.
pub(crate) fn end_provider_session(
    credentials: &mut Vec<StoredCredential>,
    session: &str,
    (by, id): (&str, String),
    now: Moment,
) {
    forget(credentials, now);
    let until = now.after(REMEMBERED);
    if let Some(one) = provider_session(credentials, session) {
        one.ended.get_or_insert(now.0);
        one.expires = one.expires.max(until.0);
        return;
    }
    let signed = SignedIn {
        by: by.to_owned(),
        session: Some(session.to_owned()),
        authenticated: 0,
        class: None,
        methods: vec![],
    };
    let over = signed.stored(id, session, now, until);
    credentials.push(StoredCredential { ended: Some(now.0), ..over });
}

fn provider_session<'c>(
    credentials: &'c mut [StoredCredential],
    session: &str,
) -> Option<&'c mut StoredCredential> {
    let mut all = credentials.iter_mut();
    all.find(|one| one.used_for == Use::ProviderSession && one.hash == session)
}

/// Forgets sessions at providers that nothing here can be of any more.
fn forget(credentials: &mut Vec<StoredCredential>, now: Moment) {
    credentials.retain(|one| one.used_for != Use::ProviderSession || now.0 < one.expires);
}

/// A person who was just bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The person's name.
    pub name: String,
    /// The id of the credential.
    pub id: String,
    /// The provider.
    pub issuer: String,
    /// Who, as the provider knows them.
    pub subject: String,
}

/// Whether a text can be what tokens say: 1 to 255 bytes without control characters.
pub(super) fn fits(text: &str) -> bool {
    (1..=BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Refuses what is no issuer.
pub(super) fn check_issuer(issuer: &str) -> Result<()> {
    let host = issuer.strip_prefix("https://");
    if !fits(issuer) || host.is_none_or(str::is_empty) || issuer.contains(['?', '#', ' ']) {
        let why = "an issuer is `https://…` without query, exactly as its tokens say it";
        return Err(Error::invalid("issuer", why));
    }
    Ok(())
}

/// Binds a person to an identity at a provider.
pub struct BindPerson {
    key: RecordKey,
    issuer: String,
    subject: String,
}

impl BindPerson {
    /// The person of this name to this subject of this issuer, each exactly as tokens say it.
    ///
    /// # Errors
    /// `Invalid` for what is no issuer or subject.
    pub fn new(kernel: &Kernel, name: &Name, issuer: &str, subject: &str) -> Result<Self> {
        check_issuer(issuer)?;
        if !fits(subject) {
            let why = "a subject is 1 to 255 bytes without control characters";
            return Err(Error::invalid("subject", why));
        }
        let key = register::key::<Person>(kernel, name.as_str())?;
        Ok(Self { key, issuer: issuer.to_owned(), subject: subject.to_owned() })
    }
}

impl Operation for BindPerson {
    type Output = Bound;

    fn target(&self) -> Target {
        on_house(Bind::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Bound>> {
        let now = work.now();
        let (allowed, mut row) = register::load::<Person, Bind>(work, &self.key)?;
        let name = row.name.clone();
        if row.left.is_some() {
            return Err(Error::conflict(format!("person `{name}` left: nobody signs in as them")));
        }
        // As with links: nobody else gives a way in to whoever has a key of their own.
        if live_passkeys(&row.credentials, now).next().is_some() {
            return Err(Error::conflict(format!(
                "person `{name}` signs in with a passkey: end the passkeys first \
                 (`bailee person token end`), which stays on record"
            )));
        }
        let hash = Identity::hash(&self.issuer, &self.subject);
        if !matches!(work.rights()?.identity(&hash, now), Err(Denied::Unknown)) {
            let why = "this identity is bound already: end it there first";
            return Err(Error::conflict(why));
        }
        let id = hex(&work.random::<8>()?);
        let identity =
            Identity { issuer: self.issuer.clone(), subject: self.subject.clone(), heard: vec![] };
        let span = (now, now.after(IDENTITY_LIFE));
        let credential = StoredCredential::new(id.clone(), hex(&hash), Use::Identity, span);
        let credential = StoredCredential { identity: Some(identity), ..credential };
        add(&mut row.credentials, credential, now)?;
        let (issuer, subject) = (self.issuer.clone(), self.subject.clone());
        let fields =
            vec![("issued", id.clone()), ("issuer", issuer.clone()), ("subject", subject.clone())];
        work.save(allowed, register::body(&row)?, fields)?;
        Ok(After::now(Bound { name, id, issuer, subject }))
    }
}
