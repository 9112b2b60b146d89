//! One record: put, get, delete, restore, history, and the list of a collection.

use super::{Delete, Get, List, Place, ReadHistory, Restore, Write};
use crate::register::{Page, cursor, list_with};
use kernel::engine::{PageWant, Wants};
use kernel::id::RecordId;
use kernel::{
    Act, After, Allowed, Content, Error, Kernel, Operation, RecordKey, Replay, Result, Target,
    Version, Work, on_collection,
};

/// Most versions one history answer holds.
const HISTORY: usize = 1000;

/// Field of an entry: what came of it, where that is not what its kind says.
const OUTCOME: &str = "outcome";
/// The record was looked for and is not there.
const NOT_FOUND: &str = "not found";
/// The record was deleted and is written anew.
const CREATED_AGAIN: &str = "created again";

/// What must be so for a change to be made (RFC 9110 §13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// The record exists in one of these versions; empty for any.
    Match(Vec<u64>),
    /// The record does not exist, or not in one of these versions; empty for any.
    NoneMatch(Vec<u64>),
}

impl Condition {
    /// Whether it holds for a record; `version` is 0 if there is none that is live.
    ///
    /// # Errors
    /// `Conflict` with the header's name.
    fn check(&self, version: u64) -> Result<()> {
        let there =
            |versions: &[u64]| version > 0 && (versions.is_empty() || versions.contains(&version));
        match self {
            Self::Match(versions) if !there(versions) => Err(Error::precondition(
                "if-match",
                "the record is not in the version you named: read it again",
            )),
            Self::NoneMatch(versions) if there(versions) => Err(Error::precondition(
                "if-none-match",
                "the record is there already: read it, or name its version in `If-Match`",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a reader has this version already.
    fn has(&self, version: u64) -> bool {
        let Self::NoneMatch(versions) = self else { return false };
        versions.is_empty() || versions.contains(&version)
    }
}

/// What a change made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The record's id.
    pub id: String,
    /// Its new version.
    pub version: u64,
    /// Whether it was not there before.
    pub created: bool,
}

impl Put {
    /// The answer of the first time, refusals included.
    fn again(key: &RecordKey, first: &Replay) -> Result<Self> {
        if first.field(0, OUTCOME) == Some(NOT_FOUND) {
            return Err(no_record(key));
        }
        made(first, 0, &key.id)
    }
}

/// What the n-th entry of the first time says of a record that was written.
pub(super) fn made(first: &Replay, entry: usize, id: &str) -> Result<Put> {
    let version = first.field(entry, "version").and_then(|version| version.parse().ok());
    let version = version.ok_or_else(|| Error::internal("the first answer is lost"))?;
    let created = version == 1 || first.field(entry, OUTCOME) == Some(CREATED_AGAIN);
    Ok(Put { id: id.to_owned(), version, created })
}

/// What the entry of a write says besides the version, so that a repetition can say it too: nothing
/// for an ordinary one, which is most.
pub(super) fn outcome_of_writing<A>(allowed: &Allowed<A>) -> Vec<(&'static str, String)> {
    if allowed.deleted() { vec![(OUTCOME, CREATED_AGAIN.to_owned())] } else { vec![] }
}

/// Writes a record.
pub struct PutRecord {
    place: Place,
    key: RecordKey,
    body: Vec<u8>,
    condition: Condition,
}

impl PutRecord {
    /// This body, which the face has checked to be JSON within the limit.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(
        kernel: &Kernel,
        place: Place,
        id: &RecordId,
        body: Vec<u8>,
        condition: Condition,
    ) -> Result<Self> {
        let key = place.record(kernel, id)?;
        Ok(Self { place, key, body, condition })
    }
}

impl Operation for PutRecord {
    type Output = Put;

    fn target(&self) -> Target {
        on_collection(Write::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.place.register);
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Put>> {
        if !work.is_live(&self.place.register)? {
            return Err(self.place.missing());
        }
        let allowed = work.load::<Write>(&self.key)?;
        let live = if allowed.exists() { allowed.version() } else { 0 };
        self.condition.check(live)?;
        let fields = outcome_of_writing(&allowed);
        let saved = work.save(allowed, Content::Body(self.body.clone()), fields)?;
        let id = self.key.id.clone();
        Ok(After::now(Put { id, version: saved.version, created: live == 0 }))
    }

    fn replay(&self, first: &Replay) -> Result<Put> {
        Put::again(&self.key, first)
    }

    fn weight(&self) -> usize {
        self.body.len()
    }
}

/// Deletes a record; its versions stay and it can be restored.
pub struct DeleteRecord {
    place: Place,
    key: RecordKey,
    condition: Condition,
}

impl DeleteRecord {
    /// This record.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, place: Place, id: &RecordId, condition: Condition) -> Result<Self> {
        let key = place.record(kernel, id)?;
        Ok(Self { place, key, condition })
    }
}

impl Operation for DeleteRecord {
    type Output = Put;

    fn target(&self) -> Target {
        on_collection(Delete::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Put>> {
        let allowed = work.load::<Delete>(&self.key)?;
        if !allowed.exists() {
            work.disclose(&allowed, vec![(OUTCOME, NOT_FOUND.to_owned())]);
            return Ok(After::refused(no_record(&self.key)));
        }
        self.condition.check(allowed.version())?;
        let saved = work.save(allowed, Content::Deleted, vec![])?;
        let id = self.key.id.clone();
        Ok(After::now(Put { id, version: saved.version, created: false }))
    }

    fn replay(&self, first: &Replay) -> Result<Put> {
        Put::again(&self.key, first)
    }
}

/// Restores a deleted record: a new version with the body it had.
pub struct RestoreRecord {
    place: Place,
    key: RecordKey,
}

impl RestoreRecord {
    /// This record.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, place: Place, id: &RecordId) -> Result<Self> {
        let key = place.record(kernel, id)?;
        Ok(Self { place, key })
    }
}

impl Operation for RestoreRecord {
    type Output = Put;

    fn target(&self) -> Target {
        on_collection(Restore::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Put>> {
        let allowed = work.load::<Restore>(&self.key)?;
        let Some(deleted) = allowed.present().filter(|pointer| pointer.deleted) else {
            if allowed.exists() {
                return Err(Error::conflict(format!(
                    "record `{}` is not deleted: there is nothing to restore",
                    self.key.id
                )));
            }
            work.disclose(&allowed, vec![(OUTCOME, NOT_FOUND.to_owned())]);
            return Ok(After::refused(no_record(&self.key)));
        };
        let body = work.before(&deleted)?;
        let saved = work.save(allowed, Content::Restored(body), vec![])?;
        let id = self.key.id.clone();
        Ok(After::now(Put { id, version: saved.version, created: false }))
    }

    fn replay(&self, first: &Replay) -> Result<Put> {
        Put::again(&self.key, first)
    }
}

/// Reads a record.
pub struct GetRecord {
    place: Place,
    key: RecordKey,
    version: Option<u64>,
    condition: Condition,
}

/// What reading a record shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// The record.
    Shown(Version),
    /// The reader has this version already.
    NotModified(u64),
}

impl GetRecord {
    /// The present version, or an earlier one.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(
        kernel: &Kernel,
        place: Place,
        id: &RecordId,
        version: Option<u64>,
        condition: Condition,
    ) -> Result<Self> {
        let key = place.record(kernel, id)?;
        Ok(Self { place, key, version, condition })
    }
}

impl Operation for GetRecord {
    type Output = Got;

    fn target(&self) -> Target {
        on_collection(Get::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Got>> {
        let seen = work.load::<Get>(&self.key)?;
        let asked = self.version;
        // A version that says that the record is deleted shows nothing, also if it is the last.
        let pointer = seen.present().filter(|present| {
            let version = asked.unwrap_or(present.version);
            (1..=present.version).contains(&version)
                && !(present.deleted && version == present.version)
        });
        let Some(pointer) = pointer else {
            work.disclose(&seen, vec![(OUTCOME, NOT_FOUND.to_owned())]);
            return Ok(After::refused(no_record(&self.key)));
        };
        let version = asked.unwrap_or(pointer.version);
        if self.condition.has(version) {
            work.disclose(&seen, vec![(OUTCOME, "not modified".to_owned())]);
            return Ok(After::now(Got::NotModified(version)));
        }
        if version == pointer.version {
            work.disclose(&seen, vec![]);
            return Ok(After::reveal(move |reveal| Ok(Got::Shown(reveal.open(&pointer)?))));
        }
        work.disclose(&seen, vec![("shown", version.to_string())]);
        let missing = no_record(&self.key);
        Ok(After::reveal(move |reveal| {
            let all = reveal.history(&pointer, usize::MAX)?;
            let found = all.into_iter().find(|one| one.number == version && !one.deleted);
            found.map(Got::Shown).ok_or(missing)
        }))
    }
}

/// Reads who made which version of a record.
pub struct History {
    place: Place,
    key: RecordKey,
}

impl History {
    /// Of this record, deleted or not.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, place: Place, id: &RecordId) -> Result<Self> {
        let key = place.record(kernel, id)?;
        Ok(Self { place, key })
    }
}

impl Operation for History {
    type Output = Vec<Version>;

    fn target(&self) -> Target {
        on_collection(ReadHistory::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Version>>> {
        let seen = work.load::<ReadHistory>(&self.key)?;
        let Some(pointer) = seen.present() else {
            work.disclose(&seen, vec![(OUTCOME, NOT_FOUND.to_owned())]);
            return Ok(After::refused(no_record(&self.key)));
        };
        work.disclose(&seen, vec![]);
        Ok(After::reveal(move |reveal| reveal.history(&pointer, HISTORY)))
    }
}

/// Lists a collection in creation order.
pub struct ListRecords {
    place: Place,
    want: PageWant,
    values: bool,
}

/// One record of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The record; its body is empty unless values were asked for.
    pub version: Version,
}

impl ListRecords {
    /// The page after `after`, with bodies if `values`.
    ///
    /// # Errors
    /// `Invalid` if `after` is not what a page before gave.
    pub fn new(
        kernel: &Kernel,
        place: Place,
        limit: usize,
        after: Option<&str>,
        values: bool,
    ) -> Result<Self> {
        let collection = kernel.collection_tag(place.account, place.collection.as_str())?;
        let want = PageWant { account: place.account, collection, after: cursor(after)?, limit };
        Ok(Self { place, want, values })
    }
}

impl Operation for ListRecords {
    type Output = Page<Listed>;

    fn target(&self) -> Target {
        on_collection(List::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.place.register);
        wants.pages.push(self.want.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Page<Listed>>> {
        if !work.is_live(&self.place.register)? {
            let fields = vec![(OUTCOME, "no such collection".to_owned())];
            work.note(self.place.account, List::ACTION.name, fields);
            return Ok(After::refused(self.place.missing()));
        }
        let values = self.values;
        let fields = vec![("values", values.to_string())];
        list_with::<List, _>(work, &self.want, fields, move |mut version| {
            if !values {
                version.body.clear();
            }
            Ok(Listed { version })
        })
    }
}

fn no_record(key: &RecordKey) -> Error {
    Error::not_found(format!("no record `{}` in `{}`", key.id, key.collection))
}
