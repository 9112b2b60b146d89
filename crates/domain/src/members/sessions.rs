//! Signing in: a link begins one session, once; a session lasts a working day and can be ended.
//!
//! Links and sessions are credentials of their holder like any other: kept by hash, ended with the
//! holder, and looked at by the kernel with every request. A link does nothing but begin a session.
//! How a link reaches its holder is not decided here.

use super::Member;
use super::own::{Deed, Done, Fields, Own, Owned};
use crate::people::{
    self, Happened, Identity, Passkey, Person, Proof, SignedIn, StoredCredential, Use, hex, issue,
};
use crate::register::{self, Day, Kept, Noun, act};
use jose::IdToken;
use kernel::authority::Caller;
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::marker::PhantomData;
use std::time::Duration;

act!(
    /// Sending a person a link to sign in with.
    LinkPerson, "person.invite", None, true
);
act!(
    /// Sending a member a link to sign in with.
    LinkMember, "member.link", None, true
);
act!(
    /// A link begins a session.
    SessionBegins, "session.begin", None, true
);
act!(
    /// A session ends itself.
    SessionEnds, "session.end", None, true
);

/// How long a link counts if nobody says otherwise: long enough to be read the same evening.
pub const LINK_LIFE: Duration = Duration::from_secs(8 * 3600);

/// How long a session counts.
pub const SESSION_LIFE: Duration = Duration::from_secs(8 * 3600);

/// Sessions of one holder that may be open; one more ends the oldest.
const SESSIONS: usize = 5;

/// A checked life of a link.
#[derive(Clone, Copy, Debug)]
pub struct LinkLife(Duration);

impl LinkLife {
    /// 15 minutes to 24 hours.
    ///
    /// # Errors
    /// `Invalid` beyond that.
    pub fn new(life: Duration) -> Result<Self> {
        let (least, most) = (Duration::from_secs(15 * 60), Duration::from_secs(24 * 3600));
        match least <= life && life <= most {
            true => Ok(Self(life)),
            false => Err(Error::invalid("for_seconds", "a link lasts 15 minutes to 24 hours")),
        }
    }
}

impl Default for LinkLife {
    fn default() -> Self {
        Self(LINK_LIFE)
    }
}

/// Whoever signs in to the console: a person, or a member of an account.
pub trait User: Noun {
    /// The action by which the provider's team sends one a link.
    type Invite: Act + Send;

    /// Whether it may not sign in any more.
    fn gone(&self, now: Moment) -> bool;
    /// First moment at which nothing of it counts, if that is known.
    fn until(&self) -> Option<Moment>;
    /// Its credentials.
    fn credentials(&mut self) -> &mut Vec<StoredCredential>;
}

impl User for Person {
    type Invite = LinkPerson;

    fn gone(&self, _now: Moment) -> bool {
        self.left.is_some()
    }

    fn until(&self) -> Option<Moment> {
        None
    }

    fn credentials(&mut self) -> &mut Vec<StoredCredential> {
        &mut self.credentials
    }
}

impl User for Kept<Member> {
    type Invite = LinkMember;

    fn gone(&self, now: Moment) -> bool {
        !self.row.active(now)
    }

    fn until(&self) -> Option<Moment> {
        self.row.until.map(Day::end)
    }

    fn credentials(&mut self) -> &mut Vec<StoredCredential> {
        &mut self.row.credentials
    }
}

/// A link that was just made. Its token is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose it is.
    pub holder: PrincipalId,
    /// What the link carries.
    pub token: String,
    /// First moment it counts no more.
    pub until: Moment,
}

/// A session that was just begun. Its token is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub holder: PrincipalId,
    /// What the cookie carries.
    pub token: String,
    /// First moment it counts no more.
    pub until: Moment,
}

/// A link for a credential list: 256 random bits, of which only the hash is kept. For the first
/// administrator, before there is anybody who could ask; everybody else gets one by [`IssueLink`].
pub fn link(random: [u8; 40], now: Moment, life: LinkLife) -> (String, StoredCredential) {
    let (token, credential) = issue(random, now, life.0);
    (token, StoredCredential { used_for: Use::Link, ..credential })
}

/// A stored person with a link of their own, for the first administrator of a new store: body and
/// what the link carries.
///
/// # Errors
/// `Internal` if the body is no person's.
pub fn linked(body: &[u8], random: [u8; 40], now: Moment) -> Result<(Vec<u8>, String)> {
    let mut person: Person = register::parse(body)?;
    let (token, credential) = link(random, now, LinkLife::new(Duration::from_secs(24 * 3600))?);
    person.credentials.push(credential);
    let body = serde_json::to_vec(&person);
    Ok((body.map_err(|error| Error::internal(format!("person: {error}")))?, token))
}

/// Makes a link for somebody; links sent before do not count any more.
pub struct IssueLink<N> {
    key: RecordKey,
    holder: PrincipalId,
    life: LinkLife,
    noun: PhantomData<N>,
}

impl IssueLink<Person> {
    /// For the person of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn person(kernel: &Kernel, name: &Name, life: LinkLife) -> Result<Self> {
        Self::new(kernel, PrincipalId::person(name), life)
    }
}

impl IssueLink<Kept<Member>> {
    /// For the member of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn member(kernel: &Kernel, name: &Name, life: LinkLife) -> Result<Self> {
        Self::new(kernel, PrincipalId::member(name), life)
    }
}

impl<N: User> IssueLink<N> {
    fn new(kernel: &Kernel, holder: PrincipalId, life: LinkLife) -> Result<Self> {
        let key = register::key::<N>(kernel, holder.parts().1)?;
        Ok(Self { key, holder, life, noun: PhantomData })
    }
}

impl<N: User> Operation for IssueLink<N> {
    type Output = Link;

    fn target(&self) -> Target {
        on_house(N::Invite::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Link>> {
        let (allowed, mut row) = register::load::<N, N::Invite>(work, &self.key)?;
        let (link, fields) = invite(&mut row, self.holder.clone(), self.life, work)?;
        work.save(allowed, register::body(&row)?, fields)?;
        Ok(After::now(link))
    }
}

/// Gives a row a new link and ends those before; answers what the entry says.
pub(super) fn invite<N: User>(
    row: &mut N,
    holder: PrincipalId,
    life: LinkLife,
    work: &mut Work<'_>,
) -> Result<(Link, Fields)> {
    let now = work.now();
    if row.gone(now) {
        return Err(Error::conflict(format!("`{holder}` is gone: it gets no link")));
    }
    if people::live_passkeys(row.credentials(), now).next().is_some() {
        return Err(Error::conflict(format!(
            "`{holder}` signs in with a passkey: end the passkeys first if they are lost \
             (`bailee person token end`), which stays on record"
        )));
    }
    end_links(row.credentials(), now);
    let (token, credential) = link(work.random()?, now, life);
    let credential = bounded(credential, row.until());
    let until = Moment(credential.expires);
    let fields = vec![("issued", credential.id.clone()), ("until", until.rfc3339())];
    people::add(row.credentials(), credential, now)?;
    Ok((Link { holder, token, until }, fields))
}

fn end_links(credentials: &mut [StoredCredential], now: Moment) {
    for one in credentials.iter_mut().filter(|one| one.used_for == Use::Link) {
        one.ended.get_or_insert(now.0);
    }
}

/// No credential outlives its holder.
fn bounded(credential: StoredCredential, until: Option<Moment>) -> StoredCredential {
    let expires = until.map_or(credential.expires, |until| until.0.min(credential.expires));
    StoredCredential { expires, ..credential }
}

/// Begins a session: by the link or recovery code that the caller holds, which ends with it, by
/// what the caller's passkey signed, or by what their provider did.
pub type BeginSession = Owned<Begin>;

/// How a session is begun.
pub enum Begin {
    /// By the secret that the caller holds.
    Secret,
    /// By what a passkey signed.
    Passkey(Signed),
    /// By the code of the moment, with the password that the caller knows.
    Code(String),
    /// By what a provider signed.
    Provider(IdToken),
    /// By a code that was approved, for a program that holds the key with this thumbprint.
    Device([u8; 32]),
}

/// What a passkey signed, and what it was to sign.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What it signed.
    pub proof: Proof,
    /// The challenge, at least 16 bytes that nobody could foresee.
    pub challenge: Vec<u8>,
    /// Whether an administrator's has to be one for which its maker vouched.
    pub attested: bool,
}

impl BeginSession {
    /// For the caller that [`Kernel::identify`] found behind a link's token.
    ///
    /// # Errors
    /// `Forbidden` for a service: it has no session.
    pub fn new(kernel: &Kernel, caller: &Caller) -> Result<Self> {
        Self::of(kernel, caller, Begin::Secret)
    }

    /// For the caller that [`Kernel::passkey`] found behind the name of a passkey, which is checked
    /// here.
    ///
    /// # Errors
    /// As [`BeginSession::new`].
    pub fn by_passkey(kernel: &Kernel, caller: &Caller, signed: Signed) -> Result<Self> {
        Self::of(kernel, caller, Begin::Passkey(signed))
    }

    /// For the caller that [`Kernel::password`] found behind a password, with the code that is
    /// checked here.
    ///
    /// # Errors
    /// As [`BeginSession::new`].
    pub fn by_password(kernel: &Kernel, caller: &Caller, code: &str) -> Result<Self> {
        Self::of(kernel, caller, Begin::Code(code.to_owned()))
    }

    /// For whoever the provider says it is, and as whom it is done.
    ///
    /// # Errors
    /// `Unauthenticated` if nobody here is bound to that identity.
    pub fn by_provider(kernel: &Kernel, token: IdToken) -> Result<(Caller, Self)> {
        let caller = kernel.bound(&Identity::hash(token.issuer(), token.subject()))?;
        let begin = Self::of(kernel, &caller, Begin::Provider(token))?;
        Ok((caller, begin))
    }
}

impl BeginSession {
    /// For whoever approved the code that this program showed, and as whom it is done. The session
    /// is bound to the key with this thumbprint (RFC 7638).
    ///
    /// # Errors
    /// `Unauthenticated` as long as nobody approved it.
    pub fn by_device(kernel: &Kernel, code: &str, thumbprint: [u8; 32]) -> Result<(Caller, Self)> {
        let caller = kernel.bound(&device_hash(code))?;
        let begin = Self::of(kernel, &caller, Begin::Device(thumbprint))?;
        Ok((caller, begin))
    }
}

impl Deed for Begin {
    type Act = SessionBegins;
    type Output = Session;

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<Session>> {
        let now = work.now();
        let administers = own.administers(work)?;
        let has_key = people::live_passkeys(row.credentials(), now).next().is_some();
        let by = own.credential(row, work)?;
        let mut provider = None;
        match (by.used_for, self, &mut by.passkey) {
            (Use::Link | Use::Recovery, Self::Secret, _) => by.ended = Some(now.0),
            (Use::Device, Self::Device(_), _) => {
                by.ended = Some(now.0);
                provider = by.provider.clone();
            }
            (Use::Passkey, Self::Passkey(signed), Some(passkey)) => {
                let did = passkey.check(&signed.proof, &signed.challenge)?;
                if administers {
                    good_enough(passkey, signed.attested)?;
                }
                passkey.used(did, now)?;
            }
            // Whoever holds the provider does not hold this house.
            (Use::Password, Self::Code(_), _) if has_key => {
                return Err(Error::forbidden("you have a passkey: sign in with it"));
            }
            (Use::Password, Self::Code(code), _) => {
                super::passwords::allowed(&own.holder, work.rights()?)?;
                let totp = by.totp.as_mut();
                totp.ok_or_else(|| Error::internal("a password without codes"))?.take(code, now)?;
            }
            (Use::Identity, Self::Provider(_), _) if administers && has_key => {
                let why = "an administrator who has a passkey signs in with it";
                return Err(Error::forbidden(why));
            }
            (Use::Identity, Self::Provider(token), _) => {
                provider = Some(SignedIn::of(token, by)?);
            }
            _ => {
                let why = "a link, a recovery code, a passkey or the provider begins a session, \
                           nothing else: ask for a link with `bailee person invite`";
                return Err(Error::forbidden(why));
            }
        }
        let (with, id) = (by.used_for, by.id.clone());
        end_oldest(row.credentials(), now);
        let (token, credential) = issue(work.random()?, now, SESSION_LIFE);
        let begun_with = Some(with);
        let mut credential =
            StoredCredential { used_for: Use::Session, begun_with, provider, ..credential };
        if let Self::Device(thumbprint) = self {
            credential.hash = hex(&kernel::keyed_hash(&token, thumbprint));
            credential.key = Some(hex(thumbprint));
        }
        let credential = bounded(credential, row.until());
        let until = Moment(credential.expires);
        if let Some(signed) = &credential.provider {
            let id = hex(&work.random::<8>()?);
            signed.keep(row.credentials(), (id, until), now)?;
        }
        let mut fields = vec![("issued", credential.id.clone()), ("until", until.rfc3339())];
        fields.push((named(with), id));
        people::add(row.credentials(), credential, now)?;
        if with == Use::Recovery {
            own.tell(work, Happened::RecoveryUsed)?;
        }
        Ok(Done::Changed(Session { holder: own.holder.clone(), token, until }, fields))
    }
}

/// Refuses a passkey that was made before its holder became administrator, or before makers were
/// named.
fn good_enough(passkey: &Passkey, attested: bool) -> Result<()> {
    super::passkeys::stays(passkey.backup_eligible)?;
    if attested && !passkey.attested {
        return Err(Error::forbidden(
            "an administrator's passkey is of a maker that is named here, and nobody vouched for \
             this one: sign in with a recovery code, and make another",
        ));
    }
    Ok(())
}

/// Under which hash the rights know an approved code.
pub(super) fn device_hash(code: &str) -> [u8; 32] {
    kernel::digest(&[b"bailee device code v1\0".as_slice(), code.as_bytes()].concat())
}

/// How an entry names what a session was begun with.
fn named(with: Use) -> &'static str {
    match with {
        Use::Passkey => "passkey",
        Use::Password => "password",
        Use::Identity => "identity",
        _ => "ended",
    }
}

/// Leaves room for one more session.
fn end_oldest(credentials: &mut [StoredCredential], now: Moment) {
    let live = |one: &&mut StoredCredential| {
        one.used_for == Use::Session && one.ended.is_none() && one.expires > now.0
    };
    let mut open: Vec<_> = credentials.iter_mut().filter(live).collect();
    open.sort_by_key(|one| one.issued);
    let over = (open.len() + 1).saturating_sub(SESSIONS);
    for one in open.into_iter().take(over) {
        one.ended = Some(now.0);
    }
}

/// Ends the session by which it is asked.
pub type EndSession = Owned<End>;

/// That the session ends by which it is asked.
pub struct End;

impl EndSession {
    /// The session of this caller.
    ///
    /// # Errors
    /// `Forbidden` for a service: it has no session.
    pub fn new(kernel: &Kernel, caller: &Caller) -> Result<Self> {
        Self::of(kernel, caller, End)
    }
}

impl Deed for End {
    type Act = SessionEnds;
    type Output = ();

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<()>> {
        let now = work.now();
        let by = own.credential(row, work)?;
        if by.used_for != Use::Session {
            return Err(Error::conflict("this is no session: end a token with `token end`"));
        }
        by.ended = Some(now.0);
        let fields = vec![("ended", by.id.clone())];
        Ok(Done::Changed((), fields))
    }
}
