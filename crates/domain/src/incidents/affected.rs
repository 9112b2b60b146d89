//! Affected accounts, a first form: what the log says somebody touched in a span of time.
//!
//! A question is asked in an incident ([`super::REGISTER`], `scope`); the search runs as a job,
//! over the index of who accessed what, and its result is this row: per account the entries, the
//! first and last, reads and writes, and how many records. It can be asked again; the new result
//! says which accounts the one before did not have, and stands beside the sizes of the logs it saw.
//!
//! What it does not know: which records of a list were looked at (they are counted, not told
//! apart), which bytes of an answer arrived, what was derived from what was read, and whom a token
//! was lent to. It searches by principal, or by one of its tokens, not by address. It judges
//! nothing.

use super::hex;
use crate::register::{self, At, Entry, Kept, Mark, Register, Row, Status, Tone, When, act};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody touched of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Touched {
    /// The account, by its readable id.
    pub account: String,
    /// Entries of its log that name them.
    pub entries: u64,
    /// Entries that showed records.
    pub reads: u64,
    /// Entries that changed or removed records.
    pub writes: u64,
    /// Entries that say that they were refused.
    pub refused: u64,
    /// Every kind of entry among them.
    pub kinds: Vec<String>,
    /// Different records that an entry of their own names.
    pub records: u64,
    /// Records shown in lists, one counted as often as it was shown: an upper bound.
    pub listed: u64,
    /// Time of the first entry.
    pub first: When,
    /// Time of the last one.
    pub last: When,
    /// Entries in the account's log when it was searched.
    pub size: u64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// When it ran.
    pub at: When,
    /// The accounts, by their readable ids.
    pub accounts: Vec<Touched>,
    /// Accounts that the search before did not have.
    pub fresh: Vec<String>,
    /// Whether there was more than is listed: then every account may be affected.
    pub cut: bool,
}

/// A question about affected accounts, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Affected {
    /// The incident, by its id.
    pub incident: String,
    /// Who may have touched them.
    pub principal: String,
    /// The one token or session of theirs that is in question, by its id; nothing for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// First moment of the time in question.
    pub from: When,
    /// First moment after it.
    pub to: When,
    /// Who asked, and when.
    pub asked: Mark,
    /// The answer, once the search ran.
    pub found: Option<Found>,
    /// The answer before, while a new one is searched for.
    pub before: Option<Found>,
}

/// Entries that one search reads.
const ENTRIES: usize = 200_000;
/// Accounts that one answer lists.
const ACCOUNTS: usize = 1000;

/// The id of the question about a principal, or one of its credentials, in an incident.
pub fn id(incident: &str, principal: &PrincipalId, credential: Option<&str>) -> String {
    let (kind, name) = principal.parts();
    let credential = credential.map(|id| format!(".{id}")).unwrap_or_default();
    format!("{incident}.{kind}.{name}{credential}")
}

/// Nothing: a question is asked in its incident.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAffected {}

impl Row for Affected {
    const NOUN: &'static str = "affected";
    const REGISTER: &'static str = "affected";
    const FORMAT: &'static str = "affected/v1";
    const ADD: &'static str = "affected.add";
    const READ: &'static str = "affected.read";
    const LIST: &'static str = "affected.list";
    type New = NewAffected;

    fn add(_: &NewAffected, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("affected accounts are asked for in an incident: use `scope` there"))
    }

    fn status(&self, _now: Moment) -> Status {
        match &self.found {
            None => Status::of("searching", Tone::Due).what("the log is searched"),
            Some(found) if found.cut => Status::of("cut", Tone::Bad)
                .what("more was found than is listed: ask about shorter spans of time")
                .who("responder"),
            Some(found) if !found.fresh.is_empty() => Status::of("found", Tone::Due)
                .what(format!(
                    "accounts: {}, new since the search before: {}; verify or refute each",
                    found.accounts.len(),
                    found.fresh.len()
                ))
                .who("responder"),
            Some(found) => {
                Status::of("found", Tone::Good).what(format!("accounts: {}", found.accounts.len()))
            }
        }
    }
}

act!(
    /// The search for affected accounts.
    Search, "incident.affected", None, false
);

/// The job that searches.
pub const FIND: &str = "incident.affected";

/// What that job is about.
pub(super) fn object(id: &str, row: &Affected) -> String {
    let credential = row.credential.as_deref().unwrap_or_default();
    format!("{id}|{}|{}|{}|{credential}", row.principal, row.from.0.0, row.to.0.0)
}

/// Searches for affected accounts and keeps the answer.
pub struct FindAffected {
    key: RecordKey,
    from: When,
    to: When,
    found: Found,
}

impl FindAffected {
    /// Searches for what the job names; this reads the log and takes as long as that takes.
    ///
    /// # Errors
    /// `Internal` for a job of another form, `Unavailable` if the store cannot be read.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let bad = || Error::internal(format!("the job `{object}` has another form"));
        let parts: Vec<&str> = object.split('|').collect();
        // Jobs of earlier releases name no credential.
        let (parts, credential) = match parts.as_slice() {
            [parts @ .., credential] if parts.len() == 4 => (parts, Some(*credential)),
            parts => (parts, None),
        };
        let [id, principal, from, to] = parts else { return Err(bad()) };
        let moment = |text: &str| text.parse().map(|n| When(Moment(n))).map_err(|_| bad());
        let (from, to) = (moment(from)?, moment(to)?);
        let by = (&PrincipalId::parse(principal)?, credential.filter(|id| !id.is_empty()));
        let found = search(kernel, by, from.0, to.0)?;
        Ok(Self { key: register::key::<Kept<Affected>>(kernel, id)?, from, to, found })
    }
}

impl Operation for FindAffected {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Search::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Affected>, Search>(work, &self.key)?;
        if (kept.row.from, kept.row.to) != (self.from, self.to) {
            let fields = vec![("question", kept.id), ("outcome", "asked anew".to_owned())];
            work.note(HOUSE, Search::ACTION.name, fields);
            return Ok(After::now(()));
        }
        let earlier = kept.row.found.take().or(kept.row.before.take());
        let mut found = self.found.clone();
        found.at = When(work.now());
        found.fresh = fresh(&found, earlier.as_ref());
        let fields = vec![
            ("incident", kept.row.incident.clone()),
            ("about", kept.row.principal.clone()),
            ("accounts", found.accounts.len().to_string()),
        ];
        (kept.row.found, kept.row.before) = (Some(found), None);
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(()))
    }
}

/// Accounts of a result that an earlier one did not have.
fn fresh(found: &Found, earlier: Option<&Found>) -> Vec<String> {
    let known: BTreeSet<&str> =
        earlier.iter().flat_map(|e| &e.accounts).map(|one| one.account.as_str()).collect();
    let new = found.accounts.iter().filter(|one| !known.contains(one.account.as_str()));
    new.map(|one| one.account.clone()).collect()
}

/// What is gathered of one account.
#[derive(Default)]
struct Gathered {
    entries: u64,
    reads: u64,
    writes: u64,
    refused: u64,
    listed: u64,
    kinds: BTreeSet<String>,
    records: BTreeSet<[u8; 16]>,
    first: Option<Moment>,
    last: Moment,
}

/// What the log says that a principal touched, with one of its credentials if that is named, from
/// one moment until before another.
///
/// # Errors
/// `Unavailable` if the store cannot be read, `Internal` if an entry does not open.
pub fn search(
    kernel: &Kernel,
    (by, credential): (&PrincipalId, Option<&str>),
    from: Moment,
    to: Moment,
) -> Result<Found> {
    const PAGE: usize = 1000;
    let mut of: BTreeMap<u64, Gathered> = BTreeMap::new();
    let (mut after, mut read, mut cut) = (0, 0, false);
    loop {
        let (page, next) = kernel.accesses_by(by, credential, after, PAGE)?;
        after = next;
        let wanted =
            |(account, _, at): &&(u64, u64, Moment)| *account != HOUSE && from <= *at && *at < to;
        for (account, index, at) in page.iter().filter(wanted) {
            read += 1;
            cut = cut || read > ENTRIES;
            if !cut {
                of.entry(*account).or_default().take(kernel, *account, *index, *at)?;
            }
        }
        // Entries are in the order of their time.
        let past = page.last().is_some_and(|(_, _, at)| *at >= to);
        if page.len() < PAGE || past || cut {
            break;
        }
    }
    cut = cut || of.len() > ACCOUNTS;
    let touched = of.into_iter().take(ACCOUNTS).map(|(slot, one)| one.touched(kernel, slot));
    let mut accounts = touched.collect::<Result<Vec<_>>>()?;
    accounts.sort_unstable_by(|a, b| a.account.cmp(&b.account));
    Ok(Found { at: When(kernel.now()), accounts, fresh: vec![], cut })
}

impl Gathered {
    fn take(&mut self, kernel: &Kernel, account: u64, index: u64, at: Moment) -> Result<()> {
        #[derive(Deserialize)]
        struct Leaf {
            kind: String,
        }
        let missing = || Error::internal(format!("entry {index} of log {account} is missing"));
        let seen = kernel.entries(account, index, 1, true)?.pop().ok_or_else(missing)?;
        let leaf: Leaf = serde_json::from_slice(&seen.leaf)
            .map_err(|error| Error::internal(format!("entry {index} of log {account}: {error}")))?;
        self.entries += 1;
        match leaf.kind.as_str() {
            kind if kind == kernel::REFUSED.name => self.refused += 1,
            "record.get" | "record.list" | "record.history" => self.reads += 1,
            "record.put" | "record.batch" | "record.delete" | "record.restore" => self.writes += 1,
            _ => {}
        }
        let value = |name: &str| {
            let opening = seen.opening.as_ref()?;
            opening.fields.get(name).map(|shown| shown.value.as_str())
        };
        if let Some(object) = value("object") {
            let hash = kernel::digest(object.as_bytes());
            self.records.extend(hash.first_chunk::<16>().copied());
        }
        self.listed += value("objects").and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        self.kinds.insert(leaf.kind);
        self.first.get_or_insert(at);
        self.last = at;
        Ok(())
    }

    fn touched(self, kernel: &Kernel, slot: u64) -> Result<Touched> {
        let first = self.first.unwrap_or(self.last);
        Ok(Touched {
            account: readable(kernel, slot)?,
            entries: self.entries,
            reads: self.reads,
            writes: self.writes,
            refused: self.refused,
            kinds: self.kinds.into_iter().collect(),
            records: u64::try_from(self.records.len()).unwrap_or(u64::MAX),
            listed: self.listed,
            first: When(first),
            last: When(self.last),
            size: kernel.head(slot)?.size,
        })
    }
}

/// The readable id of an account: the entry of `house` at its slot says which one it created.
fn readable(kernel: &Kernel, slot: u64) -> Result<String> {
    let entry = kernel.entries(HOUSE, slot, 1, true)?.pop();
    let opening = entry.and_then(|entry| entry.opening);
    let object = opening.as_ref().and_then(|opening| opening.fields.get("object"));
    let id = object.and_then(|shown| shown.value.strip_prefix("accounts/"));
    Ok(id.map_or_else(|| format!("slot-{}", hex(&slot.to_be_bytes())), str::to_owned))
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Affected>(
    "incidents",
    "Which accounts somebody touched in a span of time, as the log says",
)
.serves(&["E4.4", "E4.6"])
.first("Ask in an incident which accounts somebody touched: that makes a row here")
.columns(&["incident", "principal", "from", "to"])
.steps(STEPS);
