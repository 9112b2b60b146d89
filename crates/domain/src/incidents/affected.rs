//! Affected accounts: what the logs say that somebody, a credential, an address or a vendor touched
//! in a span of time.
//!
//! A question is asked in an incident ([`super::REGISTER`], `scope`), or by itself ([`ask`]). The
//! search ([`search`]) reads the entries that the access index names, follows what they issued,
//! gave and left to be done, and answers per account which records were disclosed, described,
//! changed, deleted or exported, with how certain that is. The answer names the commit it was
//! computed from and is the same, byte for byte, whenever it is computed as of that commit.
//!
//! A row keeps the accounts with their numbers and the hash of the answer; the records are
//! computed again when they are asked for, because a row has an end (1 MiB) and an answer has none.
//! What a search can and cannot say is in `docs/operating/affected.md`. It judges nothing.

mod answer;
mod ask;
mod gather;
mod query;
mod search;
mod vendors;

pub use answer::{Account, Answer, AsOf, Certainty, Counts, Followed, HeadOf, Record, Tries};
pub use ask::{Ask, AskAffected, Asked, Told};
pub use query::{By, Query};
pub use search::{CHECKED, ENTRIES, search};

use super::{Incident, NOTES, Said};
use crate::register::{
    self, At, Entry, Kept, Mark, Readers, Register, Row, Status, Tone, When, act, parse,
};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What was touched of one account, as a row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Touched {
    /// The account, by its readable id.
    pub account: String,
    /// How certain the following is; rows of an earlier release have upper bounds.
    #[serde(default)]
    pub certainty: Certainty,
    /// Why it is not exact.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Whether anything was released, changed or is unknown, so that somebody has to judge.
    #[serde(default = "yes")]
    pub touched: bool,
    /// Entries of its log that count.
    pub entries: u64,
    /// Times a record was shown, described, or looked for.
    pub reads: u64,
    /// Times a record was changed or deleted.
    pub writes: u64,
    /// Requests about it that were refused.
    pub refused: u64,
    /// What was done with records.
    #[serde(default)]
    pub done: Counts,
    /// Kinds of entries among them.
    pub kinds: Vec<String>,
    /// The collections concerned.
    #[serde(default)]
    pub collections: Vec<String>,
    /// The grants it rested on.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Different records.
    pub records: u64,
    /// In rows of an earlier release, records shown in lists, an upper bound; now 0, because they
    /// are told apart.
    pub listed: u64,
    /// Time of the first entry; nothing if none counts.
    pub first: Option<When>,
    /// Time of the last one.
    pub last: Option<When>,
    /// Entries in the account's log when it was searched.
    pub size: u64,
}

fn yes() -> bool {
    true
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// When it ran.
    pub at: When,
    /// The state of the store it was computed from; nothing in rows of an earlier release.
    #[serde(default)]
    pub as_of: Option<AsOf>,
    /// SHA-256 of the whole answer, which is the same whenever it is computed as of that commit.
    #[serde(default)]
    pub hash: Option<String>,
    /// The accounts, by their readable ids.
    pub accounts: Vec<Touched>,
    /// Accounts that the search before did not have.
    pub fresh: Vec<String>,
    /// Accounts that the search before had and this one does not.
    #[serde(default)]
    pub gone: Vec<String>,
    /// What else was followed, up to a hundred.
    #[serde(default)]
    pub followed: Vec<Followed>,
    /// Requests that answers to attacks refused; they touched nothing.
    #[serde(default)]
    pub restrained: u64,
    /// Why every account may be affected, if that is so.
    #[serde(default)]
    pub wide: Option<String>,
    /// Whether there are more accounts than are listed.
    pub cut: bool,
}

/// A question about affected accounts, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Affected {
    /// The incident, by its id.
    pub incident: String,
    /// Who or what is in question, as [`By`] writes it.
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

/// Accounts that one row lists.
const ACCOUNTS: usize = 1000;
/// Names of a kind that a row lists for one account, so that a thousand accounts fit.
const NAMES: usize = 5;
/// What was followed, as far as a row lists it.
const FOLLOWED: usize = 100;

/// The id of the question about somebody or something, or one of its credentials, in an incident.
pub fn id(incident: &str, by: &By, credential: Option<&str>) -> String {
    let credential = credential.map(|id| format!(".{id}")).unwrap_or_default();
    format!("{incident}.{}{credential}", by.part())
}

impl Affected {
    /// The question.
    pub fn query(&self) -> Query {
        let by = match &self.credential {
            Some(id) => By::Token(id.clone()).to_string(),
            None => self.principal.clone(),
        };
        Query { by, from: self.from, to: self.to }
    }
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
    const RESTRICTED: bool = true;
    type New = NewAffected;

    fn add(_: &NewAffected, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("affected accounts are asked for in an incident: use `scope` there"))
    }

    fn readers(&self) -> Readers<'_> {
        Readers::As(Incident::REGISTER, &self.incident)
    }

    fn status(&self, _now: Moment) -> Status {
        match &self.found {
            None => Status::of("searching", Tone::Due).what("the log is searched"),
            Some(found) if found.cut => Status::of("cut", Tone::Bad)
                .what("more was found than is listed: ask about shorter spans of time")
                .who("responder"),
            Some(Found { wide: Some(why), .. }) => Status::of("wide", Tone::Bad)
                .what(format!("every account may be affected: {why}"))
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
    kernel: Kernel,
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
        // Jobs of the first releases name no credential.
        let (parts, credential) = match parts.as_slice() {
            [parts @ .., credential] if parts.len() == 4 => (parts, Some(*credential)),
            parts => (parts, None),
        };
        let [id, by, from, to] = parts else { return Err(bad()) };
        let moment = |text: &str| text.parse().map(|n| When(Moment(n))).map_err(|_| bad());
        let (from, to) = (moment(from)?, moment(to)?);
        let by = match credential.filter(|id| !id.is_empty()) {
            Some(id) => By::Token(id.to_owned()).to_string(),
            None => (*by).to_owned(),
        };
        let found = summary(search(kernel, Query { by, from, to }, None)?)?;
        let key = register::key::<Kept<Affected>>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, from, to, found })
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
        found.fresh = missing(&found, earlier.as_ref());
        found.gone = earlier.as_ref().map_or(vec![], |earlier| missing(earlier, Some(&found)));
        let fields = vec![
            ("incident", kept.row.incident.clone()),
            ("about", kept.row.principal.clone()),
            ("accounts", found.accounts.len().to_string()),
        ];
        if earlier.is_some() && (!found.fresh.is_empty() || !found.gone.is_empty()) {
            self.suspect(work, &kept.row, &found)?;
        }
        (kept.row.found, kept.row.before) = (Some(found), None);
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(()))
    }
}

impl FindAffected {
    /// Writes into the timeline what a later search found: each new account is a new suspicion,
    /// and as long as nobody judged it the incident does not close.
    fn suspect(&self, work: &mut Work<'_>, row: &Affected, found: &Found) -> Result<()> {
        let key = register::key::<Kept<Incident>>(&self.kernel, &row.incident)?;
        let allowed = work.load_late::<Search>(&key)?;
        let Some(present) = allowed.present().filter(|_| allowed.exists()) else { return Ok(()) };
        let mut kept: Kept<Incident> = parse(&work.body(&present)?)?;
        let names = |all: &[String]| match all {
            [] => "none".to_owned(),
            all if all.len() > 20 => format!("{} accounts", all.len()),
            all => all.join(", "),
        };
        let text = format!(
            "searched again about {}: new accounts under suspicion: {}; not found any more: {}",
            row.query().by,
            names(&found.fresh),
            names(&found.gone)
        );
        let mark = Mark { by: "kernel".to_owned(), at: found.at };
        kept.row.timeline.push(Said { text, mark });
        if kept.row.timeline.len() > NOTES {
            kept.row.timeline.remove(0);
        }
        work.save(allowed, register::body(&kept)?, vec![("about", row.query().by)])?;
        Ok(())
    }
}

/// Accounts of a result that are touched and that another one did not have.
fn missing(found: &Found, other: Option<&Found>) -> Vec<String> {
    let touched = |found: &'_ Found| -> BTreeSet<String> {
        let all = found.accounts.iter().filter(|one| one.touched);
        all.map(|one| one.account.clone()).collect()
    };
    let known = other.map(touched).unwrap_or_default();
    touched(found).difference(&known).cloned().collect()
}

/// What a row keeps of an answer.
fn summary(answer: Answer) -> Result<Found> {
    let hash = answer.hash()?;
    let size = |id: &str| answer.heads.iter().find(|head| head.account == id).map(|h| h.size);
    let few = |names: &[String]| names.iter().take(NAMES).cloned().collect::<Vec<_>>();
    let touched = answer.accounts.iter().take(ACCOUNTS).map(|one| Touched {
        account: one.account.clone(),
        certainty: one.certainty,
        reasons: few(&one.reasons),
        touched: one.touched(),
        entries: one.entries,
        reads: one.counts.disclosed + one.counts.described + one.counts.confirmed,
        writes: one.counts.changed + one.counts.deleted,
        refused: one.refused,
        done: one.counts.clone(),
        kinds: few(&one.kinds),
        collections: few(&one.collections),
        grants: few(&one.grants),
        records: one.records,
        listed: 0,
        first: one.first,
        last: one.last,
        size: size(&one.account).unwrap_or(0),
    });
    Ok(Found {
        at: When(Moment(0)),
        hash: Some(hash),
        accounts: touched.collect(),
        fresh: vec![],
        gone: vec![],
        followed: answer.followed.iter().take(FOLLOWED).cloned().collect(),
        restrained: answer.restrained,
        wide: answer.wide.clone(),
        cut: answer.accounts.len() > ACCOUNTS,
        as_of: Some(answer.as_of),
    })
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Affected>(
    "incidents",
    "Which accounts somebody or something touched in a span of time, as the logs say",
)
.serves(&["E4.4", "E4.6"])
.first("Ask in an incident which accounts somebody touched: that makes a row here")
.columns(&["incident", "principal", "from", "to"])
.steps(STEPS);
