//! What a search answers: per account what was done with which records, how certain that is, and
//! from which state of the logs it was computed.

use super::Query;
use crate::register::When;
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How certain the answer about an account is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The records named are those that were released or changed, and no others.
    Exact,
    /// No others than the records named, and perhaps not all of them.
    #[default]
    UpperBound,
    /// It cannot be said; everything in the account may be affected.
    Unknown,
}

impl Certainty {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::UpperBound => "upper bound",
            Self::Unknown => "unknown",
        }
    }
}

/// The state of the store that a search read: the commit's chain pins every entry of every log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AsOf {
    /// Number of the newest commit.
    pub commit: u64,
    /// Hash over every leaf of every log up to it, in hexadecimal.
    pub chain: String,
}

/// The head of a log as of that commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadOf {
    /// The account by its readable id, or `house`.
    pub account: String,
    /// Entries in its log.
    pub size: u64,
    /// Root hash of its log, in hexadecimal.
    pub root: String,
}

/// What else was followed, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AffectedFollowed")]
pub struct Followed {
    /// What: `token:ID`, `person:NAME by grant:ID` and so on.
    pub what: String,
    /// The entry that leads to it, as `account#index`.
    pub entry: String,
    /// Why.
    pub why: String,
}

/// What was done, as numbers of entries, an entry of a list counted once for each record in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Bodies released to whoever asked.
    #[serde(default)]
    pub disclosed: u64,
    /// Ids, versions and authors released, without bodies.
    #[serde(default)]
    pub described: u64,
    /// Looked for and not there, or not changed since the asker's copy: no body was released.
    #[serde(default)]
    pub confirmed: u64,
    /// Changed, made or restored.
    #[serde(default)]
    pub changed: u64,
    /// Deleted.
    #[serde(default)]
    pub deleted: u64,
    /// Sent to a destination.
    #[serde(default)]
    pub exported: u64,
}

impl Counts {
    /// Adds another.
    pub(super) fn add(&mut self, other: &Self) {
        self.disclosed += other.disclosed;
        self.described += other.described;
        self.confirmed += other.confirmed;
        self.changed += other.changed;
        self.deleted += other.deleted;
        self.exported += other.exported;
    }

    /// Whether anything was released or changed.
    pub fn any(&self) -> bool {
        self.disclosed + self.described + self.changed + self.deleted + self.exported > 0
    }
}

/// A record, and what was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AffectedRecord")]
pub struct Record {
    /// Its collection; nothing if it was erased.
    pub collection: Option<String>,
    /// Its id; nothing if it was erased.
    pub id: Option<String>,
    /// Its tag, in hexadecimal: what the access index holds of it.
    pub tag: String,
    /// How often what was done with it.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What was done in an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AffectedAccount")]
pub struct Account {
    /// Its readable id.
    pub account: String,
    /// How certain the following is.
    pub certainty: Certainty,
    /// Why it is not exact.
    pub reasons: Vec<String>,
    /// Entries of its log that count.
    pub entries: u64,
    /// Requests about it that were refused.
    pub refused: u64,
    /// What was done with records, all together.
    #[serde(flatten)]
    pub counts: Counts,
    /// Entries about something else than records, such as opening its log.
    pub other: u64,
    /// How many different records.
    pub records: u64,
    /// Every kind of entry among them.
    pub kinds: Vec<String>,
    /// The collections concerned.
    pub collections: Vec<String>,
    /// The grants it rested on.
    pub grants: Vec<String>,
    /// On whose behalf the callers said they acted; nobody checked that.
    pub asserted: Vec<String>,
    /// Time of the first entry; nothing if no entry counts.
    pub first: Option<When>,
    /// Time of the last one.
    pub last: Option<When>,
    /// The records, by collection and id.
    pub items: Vec<Record>,
}

impl Account {
    /// Whether the account may be affected: anything was released, changed or is unknown.
    pub fn touched(&self) -> bool {
        self.counts.any() || self.other > 0 || self.certainty == Certainty::Unknown
    }
}

/// Requests that an answer to an attack refused: tries, which touched nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AffectedTries")]
pub struct Tries {
    /// The answer, by its id.
    pub answer: String,
    /// Whose requests, as the entry names them; nothing where the address was refused and nobody
    /// was asked who they are.
    #[serde(default)]
    pub by: Option<String>,
    /// The token or session, by its id.
    #[serde(default)]
    pub credential: Option<String>,
    /// The address; nothing where several shared an entry, or where a name was refused.
    #[serde(default)]
    pub source: Option<String>,
    /// How many.
    pub count: u64,
    /// Time of the first entry; an entry is written within a minute of what it counts.
    pub first: When,
    /// Time of the last one.
    pub last: When,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AffectedAnswer")]
pub struct Answer {
    /// `affected-answer/v1`.
    pub format: String,
    /// What was asked.
    pub query: Query,
    /// The state of the store that was read.
    pub as_of: AsOf,
    /// Heads of the house's log and those of the accounts below.
    pub heads: Vec<HeadOf>,
    /// What else was followed.
    pub followed: Vec<Followed>,
    /// Whether every entry of the span was read and compared with the index, or those found.
    pub every_entry: bool,
    /// Requests with a credential in question after its end; each was refused.
    pub after_end: u64,
    /// Requests that answers to attacks refused, all together; not those in a closed account,
    /// which are told with it.
    #[serde(default, skip_serializing_if = "none")]
    pub restrained: u64,
    /// Those, up to a thousand rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Tries>,
    /// Why every account may be affected, if that is so.
    pub wide: Option<String>,
    /// The accounts, by their readable ids.
    pub accounts: Vec<Account>,
}

fn none(count: &u64) -> bool {
    *count == 0
}

/// The format of an answer.
pub(super) const FORMAT: &str = "affected-answer/v1";

impl Answer {
    /// SHA-256 over the answer as JSON without spaces, keys in the order of this type, in
    /// hexadecimal. The same question at the same commit has the same hash.
    ///
    /// # Errors
    /// `Internal` if it cannot be written.
    pub fn hash(&self) -> Result<String> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Error::internal(format!("an answer about accounts: {error}")))?;
        Ok(super::super::hex(&kernel::digest(&json)))
    }
}
