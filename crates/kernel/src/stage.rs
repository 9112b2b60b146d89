//! The overlay of one batch: what was fetched, and what its operations have made of it so far.
//!
//! Nothing here is durable or seen by anybody until the lane persists the [`Commit`] it builds.

mod closing;
mod finished;
mod rows;
mod segments;
mod signals;
mod tiles;

pub(crate) use closing::Closed;
pub(crate) use finished::{
    Finished, JOB_DONE, JOBS_LEFT, REMEMBERED, SOURCE, hex, job_name, request_name,
};
pub(crate) use rows::{OPENING_BY_LOG, OPENING_BY_RECORD, open_state, record_mac, state_hash};
pub(crate) use signals::{SIGNALS, SIGNALS_FORGOTTEN, signals_name};
pub(crate) use tiles::tile_root;

use crate::authority::{Interpret, Right};
use crate::engine::{
    AccessRow, AccountKeysRow, Commit, EntryRow, Fetched, HeadRow, JobRow, Numbered, Numbers,
    PageWant, Reader, RecordRow, RequestRow, Stored, Tag, VersionRow,
};
use crate::error::{Error, Result};
use crate::operation::{Content, Draft, Founded, Job, State, Write};
use crate::reveal::{Header, join};
use crate::store::{HOUSE, Identity, Keyring, actor_tag, job_context, version_context};
use crate::time::Moment;
use finished::prove;
use ledger::Hash;
use ledger::tree::{Batch, Frontier, leaf_hash};
use rows::seal_opening;
use sealing::{AccountKeys, Entropy, seal, sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The overlay of one batch.
pub(crate) struct Stage {
    keyring: Arc<Keyring>,
    reader: Arc<dyn Reader>,
    identity: Arc<Identity>,
    interpret: Interpret,
    heads: HashMap<u64, Head>,
    slots: HashMap<Tag, u64>,
    records: HashMap<(u64, Tag), State>,
    pages: HashMap<PageWant, Vec<State>>,
    requests: HashMap<(u64, Tag), RequestRow>,
    founded: HashMap<u64, Arc<AccountKeys>>,
    numbers: Numbers,
    /// Highest row number of signals.
    signal: i64,
    /// No record from before the batch has a higher row number.
    known: i64,
    /// Hashes of the leaves, in the order of the batch's entries.
    hashes: Vec<Hash>,
    shown: Vec<(u64, i64)>,
    pub(crate) commit: Commit,
    pub(crate) rights: Vec<Right>,
}

/// A log with what this batch appended.
pub(crate) struct Head {
    pub(crate) tag: Tag,
    pub(crate) log: Batch,
    pub(crate) time: u64,
    pub(crate) origin: String,
    /// Size before the batch.
    pub(crate) from: u64,
}

/// Where an entry came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: u64,
    pub(crate) index: u64,
    /// Position among the batch's entries.
    pub(crate) nth: usize,
}

impl Stage {
    pub(crate) fn new(
        keyring: &Arc<Keyring>,
        reader: &Arc<dyn Reader>,
        identity: &Arc<Identity>,
        interpret: Interpret,
        wants_pages: &[PageWant],
        fetched: Fetched,
    ) -> Result<Self> {
        let mut stage = Self {
            keyring: Arc::clone(keyring),
            reader: Arc::clone(reader),
            identity: Arc::clone(identity),
            interpret,
            heads: HashMap::new(),
            slots: HashMap::new(),
            records: HashMap::new(),
            pages: HashMap::new(),
            requests: HashMap::new(),
            founded: HashMap::new(),
            known: fetched.numbers.before_records(),
            numbers: fetched.numbers,
            signal: fetched.signal,
            hashes: Vec::new(),
            shown: Vec::new(),
            commit: Commit::default(),
            rights: Vec::new(),
        };
        for head in fetched.heads {
            stage.know(head)?;
        }
        for stored in fetched.records {
            let state = stage.check(stored)?;
            stage.records.insert((state.row.account, state.row.tag), state);
        }
        let requests = fetched.requests.into_iter();
        stage.requests.extend(requests.map(|request| ((request.account, request.tag), request)));
        for (want, rows) in wants_pages.iter().zip(fetched.pages) {
            let states = rows.into_iter().map(|row| stage.check(row)).collect::<Result<_>>()?;
            stage.pages.insert(want.clone(), states);
        }
        Ok(stage)
    }

    fn know(&mut self, head: HeadRow) -> Result<()> {
        let frontier = Frontier::from_parts(head.size, &head.frontier).map_err(|error| {
            Error::internal(format!("the head of log {} is damaged: {error}", head.account))
        })?;
        self.slots.insert(head.tag, head.account);
        let origin = self.identity.origin(head.account);
        let log = Batch::new(frontier);
        let known = Head { tag: head.tag, log, time: head.time, origin, from: head.size };
        self.heads.entry(head.account).or_insert(known);
        Ok(())
    }

    /// A row holds only with its MAC, and its key only in its place.
    fn check(&self, stored: Stored) -> Result<State> {
        let keys = self.keys(stored.record.account)?;
        open_state(&keys, stored)
    }

    pub(crate) fn keys(&self, account: u64) -> Result<Arc<AccountKeys>> {
        match self.founded.get(&account) {
            Some(keys) => Ok(Arc::clone(keys)),
            None => self.keyring.account(account),
        }
    }

    pub(crate) fn head(&self, account: u64) -> Result<&Head> {
        self.heads
            .get(&account)
            .ok_or_else(|| Error::not_found("no such account, or none that you may know of"))
    }

    pub(crate) fn slot_of(&self, tag: &Tag) -> Option<u64> {
        self.slots.get(tag).copied()
    }

    pub(crate) fn record(&self, account: u64, tag: &Tag) -> Result<Option<State>> {
        Ok(self.records.get(&(account, *tag)).cloned())
    }

    /// A record that no operation declared.
    ///
    /// INVARIANT: its account's head is held by this batch, so nobody else writes to the account,
    /// and what is committed and not in the overlay is what stands.
    pub(crate) fn late(&self, account: u64, tag: &Tag) -> Result<Option<State>> {
        self.head(account)?;
        match self.records.get(&(account, *tag)) {
            Some(state) => Ok(Some(state.clone())),
            None => self.reader.record(account, tag)?.map(|row| self.check(row)).transpose(),
        }
    }

    pub(crate) fn page(&self, want: &PageWant) -> Result<Vec<State>> {
        let states =
            self.pages.get(want).ok_or_else(|| Error::internal("a page was not declared"))?;
        // A record of the page may have changed earlier in the same batch.
        let newest = |state: &State| {
            self.records.get(&(state.row.account, state.row.tag)).unwrap_or(state).clone()
        };
        let mut page: Vec<State> = states.iter().map(newest).collect();
        if page.len() < want.limit {
            // Or have been made in it: its entry comes before that of the page.
            let made = self.records.values().filter(|state| {
                let row = &state.row;
                (row.account, row.collection) == (want.account, want.collection)
                    && row.row > self.known.max(want.after)
            });
            let mut made: Vec<State> = made.cloned().collect();
            made.sort_unstable_by_key(|state| state.row.row);
            page.extend(made);
            page.truncate(want.limit);
        }
        Ok(page)
    }

    pub(crate) fn version(&self, account: u64, row: i64) -> Result<VersionRow> {
        let staged = self
            .commit
            .versions
            .iter()
            .find(|version| version.row == row && version.account == account);
        match staged {
            Some(version) => Ok(version.clone()),
            None => self
                .reader
                .version(account, row)?
                .ok_or_else(|| Error::internal(format!("version row {row} is missing"))),
        }
    }

    /// A request that is remembered. One from before `forget` is not; its row goes with this batch,
    /// because a new one may take its place.
    pub(crate) fn remembered(
        &mut self,
        account: u64,
        tag: &Tag,
        forget: u64,
    ) -> Option<&RequestRow> {
        let row = self.requests.get(&(account, *tag))?;
        if row.at < forget {
            self.commit.forget_requests_before = Some(forget);
            return None;
        }
        Some(row)
    }

    /// The latest time of any log this batch knows; the batch is not earlier.
    pub(crate) fn latest(&self) -> u64 {
        self.heads.values().map(|head| head.time).max().unwrap_or(0)
    }

    /// Takes over what an operation did. After an error the batch has to be given up.
    pub(crate) fn apply(
        &mut self,
        work: Finished,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Place>> {
        let Finished {
            common,
            mut drafts,
            founded,
            jobs,
            job_done,
            lease,
            shown,
            anchored,
            idempotency,
            now,
        } = work;
        for account in founded {
            self.found(account, entropy)?;
        }
        let mut left = Vec::with_capacity(jobs.len());
        for job in jobs {
            left.push(self.leave(&job, entropy)?);
        }
        let request = self.request(idempotency, &drafts, now)?;
        prove(&mut drafts, &left, job_done.map(|job| job.row), request.as_ref());
        let mut places = Vec::with_capacity(drafts.len());
        for draft in drafts {
            places.push(self.append(draft, &common, now, entropy)?);
        }
        self.commit.jobs_done.extend(job_done);
        self.shown.extend(shown);
        self.commit.leases.extend(lease);
        self.commit.anchored = anchored.or(self.commit.anchored.take());
        if let Some(row) = request {
            self.requests.insert((row.account, row.tag), row.clone());
            self.commit.requests.push(row);
        }
        Ok(places)
    }

    /// The row that remembers a request: its entries in the account asked are consecutive.
    fn request(
        &mut self,
        idempotency: Option<(u64, Tag, [u8; 32])>,
        drafts: &[Draft],
        now: Moment,
    ) -> Result<Option<RequestRow>> {
        let Some((account, tag, hash)) = idempotency else { return Ok(None) };
        let own = drafts.iter().filter(|draft| draft.account == account);
        let count = u64::try_from(own.count()).unwrap_or(u64::MAX);
        if count == 0 {
            return Ok(None);
        }
        let entry = self.head(account)?.log.size();
        let row = self.number(Numbered::Request)?;
        Ok(Some(RequestRow { row, account, tag, hash, entry, count, at: now.0 }))
    }

    fn found(&mut self, account: Founded, entropy: &mut dyn Entropy) -> Result<()> {
        let slot = account.keys.account;
        let stored = account
            .keys
            .seal_under(&self.keyring.root, entropy)
            .map_err(|error| Error::internal(format!("sealing: {error}")))?;
        self.commit.account_keys.push(AccountKeysRow {
            account: slot,
            version: account.keys.version,
            key: stored.key,
            purposes: stored.purposes,
        });
        let head = HeadRow { account: slot, tag: account.tag, size: 0, frontier: vec![], time: 0 };
        self.know(head)?;
        self.founded.insert(slot, Arc::new(account.keys));
        Ok(())
    }

    /// Appends one entry: version, leaf, opening, index.
    fn append(
        &mut self,
        draft: Draft,
        common: &[(&'static str, String)],
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<Place> {
        let Draft { account, kind, objects, mut fields, subject, write, signals } = draft;
        let keys = self.keys(account)?;
        let index = self.head(account)?.log.size();
        if let Some(signals) = signals {
            fields.push(self.signals(signals, index, now, entropy)?);
        }
        let actor = common.iter().find(|(name, _)| *name == "actor").map_or("", |(_, v)| v);
        let written = match write {
            Some(write) => Some(self.write(write, kind, actor, index, now, &keys, entropy)?),
            None => None,
        };
        let (state, prev) = written.as_ref().map_or((None, None), |w| (Some(w.state), w.prev));
        let subject = written.map(|written| written.after).or(subject);
        let mut shown: Vec<(&str, &str)> =
            common.iter().chain(&fields).map(|(name, value)| (*name, value.as_str())).collect();
        shown.sort_unstable();
        let mut seed = [0; 32];
        entropy.fill(&mut seed)?;
        let head = self
            .heads
            .get_mut(&account)
            .ok_or_else(|| Error::internal("an entry for a log that was not declared"))?;
        let draft = ledger::entry::Draft {
            log: &head.origin,
            index,
            time: now.0,
            kind,
            state,
            prev,
            seed: &seed,
            fields: &shown,
        };
        // A leaf that no verifier reads would spoil its log for good.
        draft.check().map_err(|error| Error::internal(format!("an entry of `{kind}`: {error}")))?;
        let leaf = draft.leaf();
        let hash = leaf_hash(&leaf);
        head.log.push(hash);
        head.time = now.0;
        self.hashes.push(hash);
        let opening = seal_opening(&keys, account, index, subject, &seed, &shown, entropy)?;
        let nth = self.commit.entries.len();
        self.index_access(&shown, objects, now);
        // Row numbers of entries follow once the batch has its place in the order of all.
        self.commit.entries.push(EntryRow { row: 0, account, index, leaf, opening: Some(opening) });
        Ok(Place { account, index, nth })
    }

    /// The entry's row in the access index.
    fn index_access(&mut self, shown: &[(&str, &str)], objects: Vec<Tag>, now: Moment) {
        let field = |field: &str| shown.iter().find(|(name, _)| *name == field).map(|(_, v)| *v);
        let tag = |kind| actor_tag(&self.keyring.root, kind, field(kind).unwrap_or_default());
        self.commit.accesses.push(AccessRow {
            row: 0,
            at: now.0,
            actor: tag("actor"),
            credential: tag("credential"),
            objects: objects.concat(),
            source: field(SOURCE).map(|_| tag(SOURCE)),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "one row is made of all of these")]
    fn write(
        &mut self,
        write: Write,
        kind: &'static str,
        author: &str,
        index: u64,
        now: Moment,
        keys: &AccountKeys,
        entropy: &mut dyn Entropy,
    ) -> Result<Written> {
        let Write { key, before, content } = write;
        let (body, deleted) = match content {
            Content::Body(body) | Content::Restored(body) => (body, false),
            Content::Deleted => (Vec::new(), true),
        };
        let header = Header {
            collection: key.collection.clone(),
            id: key.id.clone(),
            author: author.to_owned(),
            at: now.0,
            kind: kind.to_owned(),
        };
        let plain = zeroize::Zeroizing::new(join(&header, deleted, &body)?);
        let prev = before.as_ref().map(|state| state.row.changed);
        let (record_key, key_row, key_version) = match &before {
            Some(state) => (Arc::clone(&state.key), state.row.key, state.key_version),
            None => self.new_record_key(&key, keys, entropy)?,
        };
        let version = before.as_ref().map_or(1, |state| state.row.version + 1);
        let context = version_context(key.account, key.tag, version, key_version);
        let sealed = sealed(seal(&record_key, &context, entropy, &plain))?;
        let current = self.number(Numbered::Version)?;
        let row = match &before {
            Some(state) => state.row.row,
            None => self.number(Numbered::Record)?,
        };
        let mut record = RecordRow {
            row,
            account: key.account,
            collection: key.collection_tag,
            tag: key.tag,
            version,
            deleted,
            changed: index,
            current,
            key: key_row,
            mac: vec![],
        };
        record.mac = record_mac(keys, &record).to_vec();
        let state = state_hash(&record, &sha256(&[&sealed]));
        let prev_row = before.as_ref().map_or(0, |state| state.row.current);
        let version = VersionRow { row: current, account: key.account, prev: prev_row, sealed };
        self.commit.versions.push(version);
        if key.account == HOUSE
            && let Some(right) = (self.interpret)(&key.collection, &key.id, &body, index)?
        {
            self.rights.push(right);
            self.commit.rights = Some(index);
        }
        let after = State { row: record.clone(), key: record_key, key_version };
        self.records.insert((key.account, key.tag), after.clone());
        self.commit.records.retain(|other| other.row != record.row);
        self.commit.records.push(record);
        Ok(Written { state, prev, after })
    }

    /// Leaves a job, and says how its row is named in the entry that made it.
    fn leave(&mut self, job: &Job, entropy: &mut dyn Entropy) -> Result<String> {
        let keys = self.keys(job.account)?;
        let row = self.number(Numbered::Job)?;
        let plain = [&job.kind, &job.object, &job.actor].map(String::as_str).join("\n");
        let context = job_context(job.account, row, job.due.0);
        let sealed = sealed(seal(&keys.log, &context, entropy, plain.as_bytes()))?;
        let row = JobRow { row, account: job.account, due: job.due.0, sealed };
        let name = job_name(&row);
        self.commit.jobs.push(row);
        Ok(name)
    }

    fn number(&mut self, of: Numbered) -> Result<i64> {
        self.numbers.next(of, &self.reader)
    }
}

struct Written {
    state: Hash,
    prev: Option<u64>,
    after: State,
}

fn sealed<T>(outcome: Result<T, sealing::SealError>) -> Result<T> {
    outcome.map_err(|error| match error {
        sealing::SealError::Entropy(error) => Error::from(error),
        other => Error::internal(format!("sealing: {other}")),
    })
}
