//! Credentials as registers keep them: by hash, each with an end of its own, ended with their
//! holder.

use super::encoding::base64_url;
use super::{Identity, Passkey, SignedIn, Totp, Workload, hex, unhex};
use crate::register::{self, Noun};
use kernel::authority::{Credential, CredentialKind};
use kernel::engine::Wants;
use kernel::id::Name;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
    token_hash,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// A credential as registers keep it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub struct StoredCredential {
    /// Opaque id.
    pub id: String,
    /// SHA-256 of the token, hexadecimal.
    pub hash: String,
    /// When it was issued, µs since 1970.
    pub issued: u64,
    /// When it expires, µs since 1970.
    pub expires: u64,
    /// When it was ended, if it was.
    pub ended: Option<u64>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Use::is_token")]
    pub used_for: Use,
    /// What it is, if it is a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Passkey>,
    /// What a session was begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_with: Option<Use>,
    /// At which provider, and what it was told there, if it is an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// How somebody signed in at a provider, if a session was begun so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<SignedIn>,
    /// The thumbprint of the key it is bound to (RFC 7638), in hexadecimal, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What shows the codes that go with it, if it is a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// What a platform says of the program, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}

impl StoredCredential {
    /// One of this kind that counts from one moment until before another.
    pub fn new(id: String, hash: String, used_for: Use, span: (Moment, Moment)) -> Self {
        Self {
            id,
            hash,
            issued: span.0.0,
            expires: span.1.0,
            ended: None,
            used_for,
            passkey: None,
            begun_with: None,
            identity: None,
            provider: None,
            key: None,
            workload: None,
            totp: None,
        }
    }

    /// Whether it counts at a moment.
    pub fn live(&self, now: Moment) -> bool {
        self.ended.is_none() && now.0 < self.expires
    }
}

/// What a credential is for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// A bearer token of the API.
    #[default]
    Token,
    /// A link that begins one session and does nothing else.
    Link,
    /// A session of the console.
    Session,
    /// A passkey, which begins sessions and signs approvals.
    Passkey,
    /// A code on paper that begins one session, for whoever lost their passkey.
    Recovery,
    /// A password, which begins sessions with the code of the moment.
    Password,
    /// An identity at a provider, which begins sessions.
    Identity,
    /// A session at a provider, by which those that it began are found when it ends there.
    ProviderSession,
    /// A code that a program without a browser showed, approved: it begins one session there.
    Device,
    /// What a platform says of a program: its tokens are taken as the service's.
    Workload,
    /// A certificate that a service shows in the handshake.
    Certificate,
}

impl Use {
    fn is_token(&self) -> bool {
        *self == Self::Token
    }
}

/// A token that was just issued. It is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued<T> {
    /// To whom.
    pub row: T,
    /// The bearer token.
    pub token: String,
}

/// Issues a token: 256 random bits, of which only the hash is kept.
pub fn issue(random: [u8; 40], now: Moment, life: Duration) -> (String, StoredCredential) {
    let (secret, id) = random.split_at(32);
    let token = format!("bailee_{}", base64_url(secret));
    let hash = hex(&token_hash(&token));
    let credential = StoredCredential::new(hex(id), hash, Use::Token, (now, now.after(life)));
    (token, credential)
}

/// Credentials as far as rights go.
///
/// # Errors
/// `Internal` if a stored hash has another form.
pub fn credentials(stored: &[StoredCredential]) -> Result<Vec<Credential>> {
    let each = stored.iter().map(|credential| {
        let bad = || Error::internal("a stored credential has another form");
        Ok(Credential {
            id: credential.id.clone(),
            hash: unhex(&credential.hash).and_then(|hash| hash.try_into().ok()).ok_or_else(bad)?,
            expires: Some(Moment(credential.expires)),
            ended: credential.ended.is_some(),
            kind: match credential.used_for {
                Use::Token | Use::Session if credential.key.is_some() => CredentialKind::Keyed,
                Use::Token | Use::Session => CredentialKind::Token,
                Use::Link | Use::Recovery => CredentialKind::Link,
                Use::Passkey => CredentialKind::Passkey,
                Use::Password => CredentialKind::Password,
                Use::Identity | Use::ProviderSession | Use::Device => CredentialKind::Identity,
                // Both are found by a hash that is no token's, and are the service's own.
                Use::Workload | Use::Certificate => CredentialKind::Workload,
            },
        })
    });
    each.collect()
}

/// Under which hash the rights know a service's certificate, in DER. It is no secret, so that it is
/// never that of a token: those are hashed without these words before them.
pub fn certificate_hash(der: &[u8]) -> [u8; 32] {
    kernel::digest(&[b"bailee certificate v1\0".as_slice(), der].concat())
}

/// A noun of principals: whoever holds credentials.
pub trait Holder: Noun {
    /// Action of issuing another token.
    type Token: Act + Send;
    /// How long a token counts.
    const TOKEN_LIFE: Duration;

    /// Whether the holder is gone, and gets no token any more.
    fn gone(&self) -> bool;

    /// The holder's credentials.
    fn credentials(&mut self) -> &mut Vec<StoredCredential>;
}

/// Issues another token to a principal, for when one is about to expire or was lost.
pub struct IssueTo<N> {
    key: RecordKey,
    noun: PhantomData<N>,
}

impl<N: Holder> IssueTo<N> {
    /// To the principal of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, name: &Name) -> Result<Self> {
        Ok(Self { key: register::key::<N>(kernel, name.as_str())?, noun: PhantomData })
    }
}

impl<N: Holder> Operation for IssueTo<N> {
    type Output = Issued<N>;

    fn target(&self) -> Target {
        on_house(N::Token::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Issued<N>>> {
        let (allowed, mut row) = register::load::<N, N::Token>(work, &self.key)?;
        if row.gone() {
            let (noun, name) = (N::NOUN, &self.key.id);
            return Err(Error::conflict(format!("{noun} `{name}` is gone: it gets no token")));
        }
        let (token, credential) = issue(work.random()?, work.now(), N::TOKEN_LIFE);
        let issued = vec![("issued", credential.id.clone())];
        add(row.credentials(), credential, work.now())?;
        work.save(allowed, register::body(&row)?, issued)?;
        Ok(After::now(Issued { row, token }))
    }
}

/// Ends every credential that has not ended.
pub fn end_all(credentials: &mut [StoredCredential], now: Moment) {
    for credential in credentials {
        credential.ended.get_or_insert(now.0);
    }
}

/// Adds a credential and drops those that expired more than a year ago; history keeps them.
///
/// # Errors
/// `Limit` beyond 20 live ones.
pub fn add(
    credentials: &mut Vec<StoredCredential>,
    credential: StoredCredential,
    now: Moment,
) -> Result<()> {
    let year = Duration::from_secs(366 * 24 * 3600);
    credentials.retain(|old| Moment(old.expires).after(year) > now);
    let alike = |one: &&StoredCredential| one.used_for == credential.used_for && one.live(now);
    if credentials.iter().filter(alike).count() >= 20 {
        return Err(Error::limit("20 tokens are live already: end one first"));
    }
    credentials.push(credential);
    Ok(())
}

/// Ends one credential, and with an identity the sessions that it began.
///
/// # Errors
/// `NotFound` if there is none of this id.
pub fn end_one(credentials: &mut [StoredCredential], id: &str, now: Moment) -> Result<()> {
    let found = credentials.iter_mut().find(|credential| credential.id == id);
    let credential =
        found.ok_or_else(|| Error::not_found(format!("no token `{}`", kernel::id::shown(id))))?;
    credential.ended.get_or_insert(now.0);
    let begun = |one: &&mut StoredCredential| one.provider.as_ref().is_some_and(|by| by.by == id);
    for session in credentials.iter_mut().filter(begun) {
        session.ended.get_or_insert(now.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::issue;
    use super::{base64_url, unhex};
    use kernel::Moment;
    use std::time::Duration;

    #[test]
    fn tokens_have_256_bits_and_only_their_hash_is_kept() {
        assert_eq!(base64_url(&[0xfb, 0xff, 0xfe]), "-__-");
        assert_eq!(base64_url(&[0, 0, 0, 0]), "AAAAAA");
        let (token, credential) = issue([7; 40], Moment(5), Duration::from_secs(1));
        assert_eq!(token.len(), "bailee_".len() + 43);
        assert_eq!(unhex(&credential.hash), Some(kernel::token_hash(&token).to_vec()));
        assert_eq!(credential.expires, 1_000_005);
    }
}
