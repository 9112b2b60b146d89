//! People: one identity per person, never used again, with roles that give eligibility and never
//! access.
//!
//! A person's bearer tokens are credentials of that person; only their hashes are kept. Leaving is
//! one door: it ends every credential at once, and with them whatever rested on them.

mod encoding;
mod moving;
mod passkey;
mod vendor;

pub(crate) use encoding::{hex, unhex};
pub use moving::{Moved, Moving, eligible};
pub(crate) use moving::{known_roles, stated_reason};
pub(crate) use passkey::live as live_passkeys;
pub use passkey::{Passkey, Proof};
pub use vendor::check_vendor;

use crate::register::{self, Noun, act};
use encoding::base64_url;
use kernel::authority::{Credential, CredentialKind, Principal};
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
    token_hash,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

act!(
    /// Taking a person in.
    Create, "person.create", None, true
);
act!(
    /// A person leaves.
    End, "person.end", None, true
);
act!(
    /// Issuing another token to a person.
    Token, "person.token", None, true
);
act!(
    /// Looking at a person.
    Look, "person.read", None, false
);
act!(
    /// Listing people.
    ListPeople, "person.list", None, false
);

/// How long a person's token counts.
pub const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The roles there are, with what each is eligible for.
pub const ROLES: [(&str, &str); 9] = [
    ("administrator", "people, services, grants; never Service Data"),
    ("security-lead", "the board of measures and every register of the programme"),
    ("responder", "incidents, the on-call rota, exposure"),
    ("approver", "second signatures"),
    ("vendor-manager", "vendors, engagements, destinations, sites"),
    ("counsel", "holds, notices, reports"),
    ("auditor", "ledgers with openings, registers, measures; never Service Data"),
    ("engineer", "grants of every verb"),
    ("support", "grants to read"),
];

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
}

impl StoredCredential {
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
}

impl Use {
    fn is_token(&self) -> bool {
        *self == Self::Token
    }
}

/// A person as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Person {
    /// `person/v1`.
    pub format: String,
    /// The unique name.
    pub name: String,
    /// The name people use.
    pub full_name: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// When they joined, µs since 1970.
    pub joined: u64,
    /// When they left, if they did.
    pub left: Option<u64>,
    /// Their credentials.
    pub credentials: Vec<StoredCredential>,
    /// The vendor they work for, if it is not the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Changes of their roles, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Moved>,
}

impl Noun for Person {
    const REGISTER: &'static str = "people";
    const NOUN: &'static str = "person";
    type Read = Look;
    type List = ListPeople;
}

impl Person {
    /// The person as far as rights go.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn principal(&self) -> Result<Principal> {
        Ok(Principal {
            id: PrincipalId::person(&Name::parse(&self.name)?),
            active: self.left.is_none(),
            roles: self.roles.clone(),
            owner: None,
            vendor: self.vendor.clone(),
            account: None,
            credentials: credentials(&self.credentials)?,
        })
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
    let credential = StoredCredential {
        id: hex(id),
        hash: hex(&token_hash(&token)),
        issued: now.0,
        expires: now.after(life).0,
        ended: None,
        used_for: Use::Token,
        passkey: None,
        begun_with: None,
    };
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
            hash: unhex(&credential.hash).ok_or_else(bad)?,
            expires: Some(Moment(credential.expires)),
            ended: credential.ended.is_some(),
            kind: match credential.used_for {
                Use::Token | Use::Session => CredentialKind::Token,
                Use::Link | Use::Recovery => CredentialKind::Link,
                Use::Passkey => CredentialKind::Passkey,
            },
        })
    });
    each.collect()
}

/// Takes a person in.
pub struct CreatePerson {
    person: Person,
    key: RecordKey,
}

impl CreatePerson {
    /// With these roles.
    ///
    /// # Errors
    /// `Invalid` for a name or role that is none.
    pub fn new(
        kernel: &Kernel,
        name: &str,
        full_name: Option<String>,
        email: Option<String>,
        roles: Vec<String>,
    ) -> Result<Self> {
        let name = Name::parse(name)?;
        known_roles(&roles)?;
        for (field, text) in [("full_name", &full_name), ("email", &email)] {
            if text.as_ref().is_some_and(|t| t.len() > 200 || t.chars().any(char::is_control)) {
                return Err(Error::invalid(
                    field,
                    "use at most 200 bytes and no control characters",
                ));
            }
        }
        let key = register::key::<Person>(kernel, name.as_str())?;
        let person = Person {
            format: "person/v1".to_owned(),
            name: name.to_string(),
            full_name,
            email,
            roles,
            joined: 0,
            left: None,
            credentials: vec![],
            vendor: None,
            moves: vec![],
        };
        Ok(Self { person, key })
    }

    /// Who works for this vendor.
    #[must_use]
    pub fn with_vendor(mut self, vendor: &str) -> Self {
        self.person.vendor = Some(vendor.to_owned());
        self
    }
}

impl Operation for CreatePerson {
    type Output = Issued<Person>;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Issued<Person>>> {
        let allowed = work.load::<Create>(&self.key)?;
        if allowed.version() > 0 {
            return Err(Error::conflict(format!(
                "person `{}` exists or existed: names are never used again, choose another",
                self.person.name
            )));
        }
        check_vendor(work, self.person.vendor.as_deref())?;
        let (token, credential) = issue(work.random()?, work.now(), TOKEN_LIFE);
        let mut issued = vec![("issued", credential.id.clone())];
        issued.extend(self.person.vendor.clone().map(|vendor| ("vendor", vendor)));
        let mut row = self.person.clone();
        row.joined = work.now().0;
        row.credentials.push(credential);
        work.save(allowed, register::body(&row)?, issued)?;
        Ok(After::now(Issued { row, token }))
    }
}

/// A person leaves: every credential ends at once.
pub struct EndPerson {
    key: RecordKey,
}

impl EndPerson {
    /// The person of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, name: &Name) -> Result<Self> {
        Ok(Self { key: register::key::<Person>(kernel, name.as_str())? })
    }
}

impl Operation for EndPerson {
    type Output = Person;

    fn target(&self) -> Target {
        on_house(End::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Person>> {
        let (allowed, mut row) = register::load::<Person, End>(work, &self.key)?;
        if row.left.is_some() {
            return Err(Error::conflict(format!("person `{}` left already", row.name)));
        }
        let others = administrators(work)? > 1;
        if row.roles.iter().any(|role| role == "administrator") && !others {
            return Err(Error::conflict(
                "the last administrator cannot leave: take in another one first",
            ));
        }
        row.left = Some(work.now().0);
        end_all(&mut row.credentials, work.now());
        work.save(allowed, register::body(&row)?, vec![])?;
        Ok(After::now(row))
    }
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

impl Holder for Person {
    type Token = Token;
    const TOKEN_LIFE: Duration = TOKEN_LIFE;

    fn gone(&self) -> bool {
        self.left.is_some()
    }

    fn credentials(&mut self) -> &mut Vec<StoredCredential> {
        &mut self.credentials
    }
}

/// Issues another token to a person.
pub type IssueToken = IssueTo<Person>;

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

/// Active administrators at this moment. A subscriber's administrators and a vendor's people with
/// that role administer nothing here.
///
/// # Errors
/// `Internal` while a store is founded.
pub fn administrators(work: &Work<'_>) -> Result<usize> {
    let all = work.rights()?.principals();
    // A subscriber's own administrators are none of the provider's.
    let is = |principal: &&std::sync::Arc<Principal>| {
        let own = principal.account.is_none() && principal.vendor.is_none();
        own && principal.active && principal.roles.iter().any(|role| role == "administrator")
    };
    Ok(all.iter().filter(is).count())
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

/// Ends one credential.
///
/// # Errors
/// `NotFound` if there is none of this id.
pub fn end_one(credentials: &mut [StoredCredential], id: &str, now: Moment) -> Result<()> {
    let found = credentials.iter_mut().find(|credential| credential.id == id);
    let credential =
        found.ok_or_else(|| Error::not_found(format!("no token `{}`", kernel::id::shown(id))))?;
    credential.ended.get_or_insert(now.0);
    Ok(())
}

/// The first administrator of a new store, with the token that is printed once.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub fn first_administrator(random: [u8; 40], now: Moment) -> Result<(String, Vec<u8>, String)> {
    let (token, credential) = issue(random, now, TOKEN_LIFE);
    let person = Person {
        format: "person/v1".to_owned(),
        name: "admin".to_owned(),
        full_name: None,
        email: None,
        roles: vec!["administrator".to_owned()],
        joined: now.0,
        left: None,
        credentials: vec![credential],
        vendor: None,
        moves: vec![],
    };
    let body =
        serde_json::to_vec(&person).map_err(|error| Error::internal(format!("person: {error}")))?;
    Ok((person.name, body, token))
}

#[cfg(test)]
mod tests {
    use super::encoding::{base64_url, unhex};
    use super::issue;
    use kernel::Moment;
    use std::time::Duration;

    #[test]
    fn tokens_have_256_bits_and_only_their_hash_is_kept() {
        assert_eq!(base64_url(&[0xfb, 0xff, 0xfe]), "-__-");
        assert_eq!(base64_url(&[0, 0, 0, 0]), "AAAAAA");
        let (token, credential) = issue([7; 40], Moment(5), Duration::from_secs(1));
        assert_eq!(token.len(), "bailee_".len() + 43);
        assert_eq!(unhex(&credential.hash), Some(kernel::token_hash(&token)));
        assert_eq!(credential.expires, 1_000_005);
    }
}
