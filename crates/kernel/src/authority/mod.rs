//! Who may do what, now.
//!
//! Rights are data: principals with their credentials, and grants. The live set of them is held in
//! memory under a revision that moves with every change; a decision is stamped with the revision it
//! was made under and counts only as long as that is the current one. Cedar decides, over a grant
//! that the kernel picks and the policy checks again in full: a wrong pick can only deny.
//!
//! It does not know the nouns: whoever builds the kernel hands in schema and policies as text, and
//! a function that reads rights out of the operator's records.

mod asking;
mod bounds;
mod cedar;
mod issued;
mod live;
mod restraining;
mod restraints;

pub use bounds::{Bound, Duty, Engagement, Vendor};
pub use cedar::{Policies, Question, Slice, Verdict};
pub use issued::{Fallen, Issued};
pub use live::{Authority, Caller, Decision, Denied};
pub use restraints::{Exemption, Network, Place, Refusal, Restraint};

use crate::id::{Collection, PrincipalId};
use crate::time::Moment;

/// What a grant lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Get, list, history.
    Read,
    /// Put; create a collection.
    Write,
    /// Delete, restore.
    Delete,
    /// Take out in bulk.
    Export,
    /// Create accounts.
    Open,
    /// Sign in to a registered system, under a certificate.
    Connect,
}

impl Verb {
    /// Every verb, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Delete, Self::Export, Self::Open, Self::Connect];

    /// Those that are about Service Data: all but signing in to systems, which never stands beside
    /// another verb.
    pub const DATA: [Self; 5] = [Self::Read, Self::Write, Self::Delete, Self::Export, Self::Open];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Export => "export",
            Self::Open => "open",
            Self::Connect => "connect",
        }
    }

    /// The verb of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }
}

/// Something that can be asked for; declared once, by the noun it belongs to.
#[derive(Debug)]
pub struct Action {
    /// Cedar action, entry kind and route share this name: `record.get`.
    pub name: &'static str,
    /// The verb a grant must carry; `None` if any grant on the account will do, or a role.
    pub verb: Option<Verb>,
    /// Whether it changes rights; the commit ends with it, so that the next operation sees it.
    pub changes_rights: bool,
}

/// A secret by which a principal proves who it is. Only its hash is kept.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Opaque id, shown in registers and entries.
    pub id: String,
    /// SHA-256 of the bearer token.
    pub hash: [u8; 32],
    /// First moment at which it counts no more.
    pub expires: Option<Moment>,
    /// Whether somebody ended it.
    pub ended: bool,
    /// What it is good for.
    pub kind: CredentialKind,
}

impl Credential {
    /// Whether it counts at a moment, as far as it says itself.
    pub fn live(&self, now: Moment) -> bool {
        !self.ended && self.expires.is_none_or(|end| now < end)
    }
}

/// What a credential is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A bearer token: everything its holder may do.
    Token,
    /// A link, which is shown as a token and begins one session, and nothing else.
    Link,
    /// A passkey, which is no token: its hash is over a name that is not secret. Somebody who
    /// proved that they hold it begins a session, and nothing else.
    Passkey,
    /// A password, known by a hash of what was made of it and its holder. With the code of the
    /// moment it begins a session, and nothing else.
    Password,
    /// An identity at a provider, or a session there: its hash is over names that are not secret.
    /// What the provider signed begins a session, and ends those that it began; nothing else.
    Identity,
    /// A token that counts only with proof of the key it is bound to: its hash is over both.
    Keyed,
    /// What a platform says of a program: its hash is over names that are not secret. Whoever
    /// shows a token of the platform that says so may do everything its holder may.
    Workload,
}

impl CredentialKind {
    /// Whether it is known by a secret that its holder shows, and not by a name.
    fn is_secret(self) -> bool {
        matches!(self, Self::Token | Self::Link)
    }

    /// Whether the same name may be somebody else's once it ended here.
    fn passes_on(self) -> bool {
        matches!(self, Self::Identity | Self::Workload)
    }

    /// Whether it is good for this action.
    fn does(self, action: &Action) -> bool {
        match self {
            Self::Token | Self::Keyed | Self::Workload => true,
            Self::Link | Self::Passkey | Self::Password => action.name == BEGIN_SESSION,
            Self::Identity => [BEGIN_SESSION, END_SESSION].contains(&action.name),
        }
    }
}

/// The action a link begins a session with; it may do nothing else.
const BEGIN_SESSION: &str = "session.begin";

/// The action that ends sessions.
const END_SESSION: &str = "session.end";

/// A person, a service or a member of an account, as far as rights go.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who.
    pub id: PrincipalId,
    /// False once the person left or the service ended.
    pub active: bool,
    /// Roles, which give eligibility, never access.
    pub roles: Vec<String>,
    /// The person who answers for a service.
    pub owner: Option<PrincipalId>,
    /// The vendor whose person or service it is.
    pub vendor: Option<String>,
    /// The account it belongs to, for members; they may do nothing elsewhere.
    pub account: Option<u64>,
    /// Its credentials.
    pub credentials: Vec<Credential>,
}

/// A right to do something with named accounts for a while.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id in the register.
    pub id: String,
    /// Index of the `house` entry that gave it.
    pub given: u64,
    /// Who holds it.
    pub holder: PrincipalId,
    /// The account's slot; `None` for every account but `house`. That of `house` only with the verb
    /// `connect` alone.
    pub account: Option<u64>,
    /// The collections; `None` for every collection. With `connect` each is a registered system.
    pub collections: Option<Vec<Collection>>,
    /// What it allows.
    pub verbs: Vec<Verb>,
    /// What for.
    pub purpose: String,
    /// First moment it counts.
    pub not_before: Moment,
    /// First moment it counts no more.
    pub not_after: Moment,
    /// Who approved it.
    pub approver: PrincipalId,
    /// Approved by the only administrator there was, for itself or its own service.
    pub bootstrap: bool,
    /// Whether somebody ended it before its time.
    pub ended: bool,
    /// The engagement it was given under, for a vendor's principals.
    pub engagement: Option<String>,
    /// Begun in an emergency, out of what was approved beforehand.
    pub emergency: bool,
}

/// A right as the operator's records hold it.
#[derive(Clone, Debug)]
pub enum Right {
    /// Somebody who may act.
    Principal(Principal),
    /// What somebody may do.
    Grant(Grant),
    /// Whether a vendor may be worked with at all.
    Vendor(Vendor),
    /// How far a vendor's grants may reach.
    Engagement(Engagement),
    /// What somebody has to have done to stay eligible.
    Duty(Duty),
    /// What is refused for a while, whatever else allows it.
    Restraint(Restraint),
    /// What must not be refused so.
    Exemption(Exemption),
    /// What was given out under a right, and others look at.
    Issued(Issued),
}

/// Reads rights out of a record of `house`: collection, id, body, index of the entry that made it.
///
/// `Ok(None)` for a record that carries no right.
pub type Interpret = fn(&str, &str, &[u8], u64) -> crate::Result<Option<Right>>;
