//! What an operation sees and does while it executes: load, decide, save, record.

use crate::authority::{Authority, Caller, Decision};
use crate::engine::{AnchoredRow, Claim, Lease, PageWant, Tag};
use crate::error::{Error, Result};
use crate::operation::{
    Act, Allowed, Asked, Content, Draft, Founded, Job, Pointer, RecordKey, Saved, Signals, State,
    Target, Write,
};
use crate::reveal::split;
use crate::stage::Stage;
use crate::store::version_context;
use crate::tick::KERNEL;
use crate::time::Moment;
use sealing::{AccountKeys, Entropy};
use std::marker::PhantomData;

/// What an operation sees and does while it executes.
pub struct Work<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) rights: Option<&'a Authority>,
    pub(crate) asked: &'a Asked,
    pub(crate) decision: &'a Decision,
    pub(crate) target: &'a Target,
    pub(crate) now: Moment,
    pub(crate) entropy: &'a mut dyn Entropy,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) founded: Vec<Founded>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_done: Option<Claim>,
    pub(crate) lease: Option<Lease>,
    /// Versions whose bodies are shown once it is committed, by account and row.
    pub(crate) shown: Vec<(u64, i64)>,
    pub(crate) anchored: Option<(u64, Vec<AnchoredRow>)>,
}

impl Work<'_> {
    /// The one moment of this operation.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.asked.caller
    }

    /// The network address the request came from, as entries name it.
    pub fn source(&self) -> Option<&str> {
        self.asked.source.as_deref()
    }

    /// Why it is allowed.
    pub fn decision(&self) -> &Decision {
        self.decision
    }

    /// Whether the kernel does this by itself, for whoever left it to be done: then no reader sees
    /// what it loads.
    pub fn by_kernel(&self) -> bool {
        *self.decision.policies == *KERNEL
    }

    /// Where a record lives that another record names.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn key(&self, account: u64, collection: &str, id: &str) -> Result<RecordKey> {
        Ok(RecordKey::of(&*self.stage.keys(account)?, collection, id))
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// `Unavailable` if the source fails.
    pub fn random<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The index the next entry of an account will get.
    ///
    /// # Errors
    /// `Internal` if the account was not declared.
    pub fn next_index(&self, account: u64) -> Result<u64> {
        let drafted = self.drafts.iter().filter(|draft| draft.account == account).count();
        Ok(self.stage.head(account)?.log.size() + u64::try_from(drafted).unwrap_or(u64::MAX))
    }

    /// Whether an account of this tag exists.
    pub fn account_exists(&self, tag: &Tag) -> bool {
        self.stage.slot_of(tag).is_some()
    }

    /// Loads a record with the proof that the caller may do `A` on it.
    ///
    /// # Errors
    /// `Internal` if the record was not declared, the action is not the one that was decided, or
    /// the row does not hold against its MAC.
    pub fn load<A: Act>(&self, key: &RecordKey) -> Result<Allowed<A>> {
        self.decided::<A>()?;
        Ok(Allowed { key: key.clone(), state: self.state(key)?, action: PhantomData })
    }

    /// As [`Work::load`], for a record that could not be declared because another record names it.
    /// Its account has to be declared. It costs a read while the lane waits.
    ///
    /// # Errors
    /// As [`Work::load`].
    pub fn load_late<A: Act>(&self, key: &RecordKey) -> Result<Allowed<A>> {
        self.decided::<A>()?;
        let state = self.stage.late(key.account, &key.tag)?;
        Ok(Allowed { key: key.clone(), state, action: PhantomData })
    }

    fn decided<A: Act>(&self) -> Result<()> {
        if A::ACTION.name != self.target.action.name {
            return Err(Error::internal(format!(
                "`{}` was decided, `{}` is loaded",
                self.target.action.name,
                A::ACTION.name
            )));
        }
        Ok(())
    }

    /// The present body of a record, opened; for an operation that changes a part of it.
    ///
    /// # Errors
    /// `Internal` if it does not open.
    pub fn body(&self, pointer: &Pointer) -> Result<Vec<u8>> {
        let (account, tag) = (pointer.account, pointer.tag);
        let row = self.stage.version(account, pointer.row)?;
        let context = version_context(account, tag, pointer.version, pointer.key_version);
        let plain = sealing::open(&pointer.key, &context, &row.sealed)?;
        Ok(split(&plain)?.2.to_vec())
    }

    /// The live rights, which do not change while this operation executes.
    ///
    /// # Errors
    /// `Internal` while a store is founded: there are none yet.
    pub fn rights(&self) -> Result<&Authority> {
        self.rights.ok_or_else(|| Error::internal("there are no rights yet"))
    }

    /// The version before the one a pointer leads to, opened; for an operation that makes a new
    /// version out of an old one.
    ///
    /// # Errors
    /// `Internal` if there is none or it does not open.
    pub fn before(&self, pointer: &Pointer) -> Result<Vec<u8>> {
        let (account, tag) = (pointer.account, pointer.tag);
        let row = self.stage.version(account, self.stage.version(account, pointer.row)?.prev)?;
        let version = pointer.version.saturating_sub(1);
        let context = version_context(account, tag, version, pointer.key_version);
        let plain = sealing::open(&pointer.key, &context, &row.sealed)?;
        Ok(split(&plain)?.2.to_vec())
    }

    /// Whether a record exists and is live; for checks on other registers than the one changed.
    ///
    /// # Errors
    /// As [`Work::load`].
    pub fn is_live(&self, key: &RecordKey) -> Result<bool> {
        Ok(self.state(key)?.is_some_and(|state| !state.row.deleted))
    }

    /// The body of another live record than the one changed, for rules that depend on it.
    ///
    /// # Errors
    /// As [`Work::load`].
    pub fn look(&self, key: &RecordKey) -> Result<Option<Vec<u8>>> {
        let state = self.state(key)?.filter(|state| !state.row.deleted);
        state.map(|state| self.body(&Pointer::to(&state))).transpose()
    }

    /// As [`Work::look`], for a record that could not be declared because another record names it.
    ///
    /// # Errors
    /// As [`Work::load`].
    pub fn look_late(&self, key: &RecordKey) -> Result<Option<Vec<u8>>> {
        let state = self.stage.late(key.account, &key.tag)?.filter(|state| !state.row.deleted);
        state.map(|state| self.body(&Pointer::to(&state))).transpose()
    }

    fn state(&self, key: &RecordKey) -> Result<Option<State>> {
        self.stage.record(key.account, &key.tag)
    }

    /// The page this operation declared.
    ///
    /// # Errors
    /// `Internal` if it was not declared or a row does not hold.
    pub fn page(&self, want: &PageWant) -> Result<Vec<Pointer>> {
        Ok(self.stage.page(want)?.iter().map(Pointer::to).collect())
    }

    /// Saves a new version and its entry, whose kind is the action's name.
    ///
    /// # Errors
    /// `Internal` if the record was saved already in this operation.
    pub fn save<A: Act>(
        &mut self,
        allowed: Allowed<A>,
        content: Content,
        fields: Vec<(&'static str, String)>,
    ) -> Result<Saved> {
        let Allowed { key, state, .. } = allowed;
        let twice = |draft: &Draft| draft.write.as_ref().is_some_and(|write| write.key == key);
        if self.drafts.iter().any(twice) {
            return Err(Error::invalid(
                "records",
                format!("`{}` stands twice in one request: state each record once", key.id),
            ));
        }
        let version = state.as_ref().map_or(1, |state| state.row.version + 1);
        let mut all = vec![
            ("object", format!("{}/{}", key.collection, key.id)),
            ("version", version.to_string()),
        ];
        all.extend(fields);
        self.drafts.push(Draft {
            account: key.account,
            kind: A::ACTION.name,
            objects: vec![key.tag],
            fields: all,
            subject: None,
            write: Some(Write { key, before: state, content }),
            signals: None,
        });
        Ok(Saved { version, entry: self.drafts.len() - 1 })
    }

    /// Records that one record is shown, or looked for and not found.
    pub fn disclose<A: Act>(&mut self, seen: &Allowed<A>, fields: Vec<(&'static str, String)>) {
        let key = &seen.key;
        let mut all = vec![("object", format!("{}/{}", key.collection, key.id))];
        if let Some(state) = &seen.state {
            self.shown.push((key.account, state.row.current));
            all.push(("version", state.row.version.to_string()));
        }
        all.extend(fields);
        self.drafts.push(Draft {
            account: key.account,
            kind: A::ACTION.name,
            objects: vec![key.tag],
            fields: all,
            subject: seen.state.clone(),
            write: None,
            signals: None,
        });
    }

    /// Records that one record was looked for and is answered as if it were not there, by whoever
    /// may not know of it: the entry is that of a record that was not found.
    pub fn withhold<A: Act>(&mut self, sought: &Allowed<A>) {
        let Allowed { key, .. } = sought;
        let hidden = Allowed::<A> { key: key.clone(), state: None, action: PhantomData };
        self.disclose(&hidden, vec![]);
    }

    /// Records that several records are shown. The entry holds their number and a hash over their
    /// tags, which mean nothing any more once a record is erased, and never their ids. Answers that
    /// hash.
    pub fn disclose_many<A: Act>(
        &mut self,
        account: u64,
        seen: &[Pointer],
        mut fields: Vec<(&'static str, String)>,
    ) -> String {
        let objects: Vec<Tag> = seen.iter().map(|pointer| pointer.tag).collect();
        self.shown.extend(seen.iter().map(|pointer| (pointer.account, pointer.row)));
        let shown = shown_hash(&objects.concat());
        fields.push(("objects", objects.len().to_string()));
        fields.push(("shown", shown.clone()));
        self.drafts.push(Draft {
            account,
            kind: A::ACTION.name,
            objects,
            fields,
            subject: None,
            write: None,
            signals: None,
        });
        shown
    }

    /// Records something that is about no record. The fields `object`, `objects` and `shown` are
    /// not for it: `verify` takes them as the kernel's own, about the records in the access index.
    pub fn note(&mut self, account: u64, kind: &'static str, fields: Vec<(&'static str, String)>) {
        self.draft(account, kind, fields, None);
    }

    /// Keeps a batch of signals, sealed under the key of this day, and records it in `house`. What
    /// the bytes mean is not the kernel's business.
    pub fn keep_signals(
        &mut self,
        kind: &'static str,
        bytes: Vec<u8>,
        fields: Vec<(&'static str, String)>,
    ) {
        self.draft(crate::store::HOUSE, kind, fields, Some(Signals::Keep(bytes)));
    }

    /// Forgets the signals of a day: its key goes with this commit, so that no copy of the store
    /// made later can read them. Recorded in `house`; a day without signals is recorded too.
    pub fn forget_signals(
        &mut self,
        kind: &'static str,
        day: u32,
        fields: Vec<(&'static str, String)>,
    ) {
        self.draft(crate::store::HOUSE, kind, fields, Some(Signals::Forget(day)));
    }

    fn draft(
        &mut self,
        account: u64,
        kind: &'static str,
        fields: Vec<(&'static str, String)>,
        signals: Option<Signals>,
    ) {
        let (objects, subject, write) = (Vec::new(), None, None);
        self.drafts.push(Draft { account, kind, objects, fields, subject, write, signals });
    }

    /// Founds an account: its slot is the index of the next `house` entry, which the caller drafts
    /// right after, and its own log starts with the entries drafted for that slot.
    ///
    /// # Errors
    /// `Internal` if `house` was not declared, `Unavailable` without randomness.
    pub fn found(&mut self, tag: Tag) -> Result<u64> {
        let slot = self.next_index(crate::store::HOUSE)?;
        let keys = AccountKeys::generate(slot, 1, self.entropy)?;
        self.founded.push(Founded { tag, keys });
        Ok(slot)
    }

    /// Leaves something to be done later, with the right of this operation.
    pub fn later(&mut self, due: Moment, account: u64, kind: &str, object: &str) {
        let actor = self.asked.caller.principal.to_string();
        let (kind, object) = (kind.to_owned(), object.to_owned());
        self.jobs.push(Job { account, due, kind, object, actor });
    }
}

/// What the entry of a list says of the tags that the access index holds for it.
pub(crate) fn shown_hash(objects: &[u8]) -> String {
    crate::stage::hex(&sealing::sha256(&[b"bailee-shown/v1", objects]))
}
