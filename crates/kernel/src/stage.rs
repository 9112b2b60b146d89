//! The overlay of one batch: what was fetched, and what its operations have made of it so far.
//!
//! Nothing here is durable or seen by anybody until the lane persists the [`Commit`] it builds.

use crate::authority::{Interpret, Right};
use crate::engine::{
    AccessRow, AccountKeysRow, Commit, EntryRow, Fetched, HeadRow, JobRow, PageWant, Reader,
    RecordKeyRow, RecordRow, RequestRow, Stored, Tag, TileRow, VersionRow,
};
use crate::error::{Error, Result};
use crate::operation::{Content, Draft, Founded, Job, State, Work, Write};
use crate::reveal::{Header, join};
use crate::store::{
    HOUSE, Identity, Keyring, actor_tag, job_context, opening_context, opening_key,
    record_key_context, version_context,
};
use crate::time::Moment;
use ledger::entry::StoredOpening;
use ledger::tree::{Batch, Frontier, leaf_hash};
use sealing::{AccountKeys, Context, Entropy, Key, mac, seal, sha256, unwrap, verify_mac, wrap};
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
    counters: crate::engine::Counters,
    chain: [u8; 32],
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
        counters: &crate::engine::Counters,
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
            counters: counters.clone(),
            chain: counters.commit.chain,
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
        for request in fetched.requests {
            stage.requests.insert((request.account, request.tag), request);
        }
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
        let head =
            (head.account, Head { tag: head.tag, log, time: head.time, origin, from: head.size });
        self.heads.entry(head.0).or_insert(head.1);
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

    pub(crate) fn page(&self, want: &PageWant) -> Result<Vec<State>> {
        let states =
            self.pages.get(want).ok_or_else(|| Error::internal("a page was not declared"))?;
        // A record of the page may have changed earlier in the same batch.
        let newest = |state: &State| {
            self.records.get(&(state.row.account, state.row.tag)).unwrap_or(state).clone()
        };
        Ok(states.iter().map(newest).collect())
    }

    pub(crate) fn version(&self, row: i64) -> Result<VersionRow> {
        let staged = self.commit.versions.iter().find(|version| version.row == row);
        match staged {
            Some(version) => Ok(version.clone()),
            None => self
                .reader
                .version(row)?
                .ok_or_else(|| Error::internal(format!("version row {row} is missing"))),
        }
    }

    pub(crate) fn remembered(&self, account: u64, tag: &Tag) -> Option<&RequestRow> {
        self.requests.get(&(account, *tag))
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
        let Finished { common, mut drafts, founded, jobs, job_done, idempotency, now } = work;
        for account in founded {
            self.found(account, entropy)?;
        }
        let mut left = Vec::with_capacity(jobs.len());
        for job in jobs {
            left.push(self.leave(&job, entropy)?);
        }
        let request = self.request(idempotency, &drafts, now)?;
        prove(&mut drafts, &left, job_done, request.as_ref());
        let mut places = Vec::with_capacity(drafts.len());
        for draft in drafts {
            places.push(self.append(draft, &common, now, entropy)?);
        }
        self.commit.jobs_done.extend(job_done);
        if let Some(row) = request {
            self.counters.request = row.row;
            self.requests.insert((row.account, row.tag), row.clone());
            self.commit.requests.push(row);
        }
        Ok(places)
    }

    /// The row that remembers a request: its entries in the account asked are consecutive.
    fn request(
        &self,
        idempotency: Option<(u64, Tag, [u8; 32])>,
        drafts: &[Draft],
        now: Moment,
    ) -> Result<Option<RequestRow>> {
        let Some((account, tag, hash)) = idempotency else { return Ok(None) };
        let own = drafts.iter().filter(|draft| draft.account == account);
        let count = u64::try_from(own.count()).unwrap_or(u64::MAX);
        let (row, entry) = (self.counters.request + 1, self.head(account)?.log.size());
        let request = RequestRow { row, account, tag, hash, entry, count, at: now.0 };
        Ok(Some(request).filter(|request| request.count > 0))
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
        let Draft { account, kind, objects, fields, subject, write } = draft;
        let keys = self.keys(account)?;
        let index = self.head(account)?.log.size();
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
        self.chain = sha256(&[b"bailee-chain/v1", &self.chain, &hash]);
        let opening = seal_opening(&keys, account, index, subject, &seed, &shown, entropy)?;
        let nth = self.commit.entries.len();
        self.index_access(common, objects, now);
        let row = self.counters.commit.last;
        self.commit.entries.push(EntryRow { row, account, index, leaf, opening: Some(opening) });
        Ok(Place { account, index, nth })
    }

    /// Takes the next entry row and writes its row in the access index.
    fn index_access(&mut self, common: &[(&'static str, String)], objects: Vec<Tag>, now: Moment) {
        let value = |field: &str| {
            common.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value.as_str())
        };
        let root = &self.keyring.root;
        self.counters.commit.last += 1;
        self.commit.accesses.push(AccessRow {
            row: self.counters.commit.last,
            at: now.0,
            actor: actor_tag(root, "actor", value("actor")),
            credential: actor_tag(root, "credential", value("credential")),
            objects: objects.concat(),
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
        let sealed = sealing(seal(&record_key, &context, entropy, &plain))?;
        self.counters.version += 1;
        let current = self.counters.version;
        let row = before.as_ref().map_or_else(
            || {
                self.counters.record += 1;
                self.counters.record
            },
            |state| state.row.row,
        );
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
        }
        let after = State { row: record.clone(), key: record_key, key_version };
        self.records.insert((key.account, key.tag), after.clone());
        self.commit.records.retain(|other| other.row != record.row);
        self.commit.records.push(record);
        Ok(Written { state, prev, after })
    }

    fn new_record_key(
        &mut self,
        key: &crate::operation::RecordKey,
        keys: &AccountKeys,
        entropy: &mut dyn Entropy,
    ) -> Result<(Arc<Key>, i64, u32)> {
        let record_key = Key::generate(entropy)?;
        let context = record_key_context(key.account, key.tag, 1);
        let wrapped = sealing(wrap(&keys.records, &context, entropy, &record_key))?;
        self.counters.record_key += 1;
        let row = self.counters.record_key;
        let stored = RecordKeyRow { row, account: key.account, tag: key.tag, version: 1, wrapped };
        self.commit.record_keys.push(stored);
        Ok((Arc::new(record_key), row, 1))
    }

    /// Leaves a job, and says how its row is named in the entry that made it.
    fn leave(&mut self, job: &Job, entropy: &mut dyn Entropy) -> Result<String> {
        let keys = self.keys(job.account)?;
        self.counters.job += 1;
        let row = self.counters.job;
        let plain = [&job.kind, &job.object, &job.actor].map(String::as_str).join("\n");
        let context = job_context(job.account, row, job.due.0);
        let sealed = sealing(seal(&keys.log, &context, entropy, plain.as_bytes()))?;
        let row = JobRow { row, account: job.account, due: job.due.0, sealed };
        let name = job_name(&row);
        self.commit.jobs.push(row);
        Ok(name)
    }

    /// Completes the commit: heads, full tiles, the chain. Says which logs moved.
    pub(crate) fn close(mut self) -> Result<Closed> {
        self.commit.commit = crate::engine::CommitRow {
            sequence: self.counters.commit.sequence + 1,
            last: self.counters.commit.last,
            chain: self.chain,
        };
        let mut moved: Vec<(u64, Head)> =
            self.heads.drain().filter(|(_, head)| head.log.size() > head.from).collect();
        moved.sort_unstable_by_key(|(account, _)| *account);
        for (account, head) in &moved {
            self.commit.heads.push(HeadRow {
                account: *account,
                tag: head.tag,
                size: head.log.size(),
                frontier: head.log.frontier().to_bytes(),
                time: head.time,
            });
            self.fill_tiles(*account, head)?;
        }
        let mut counters = self.counters;
        counters.commit = self.commit.commit.clone();
        let founded = self.founded.into_values().collect();
        Ok(Closed { commit: self.commit, moved, counters, rights: self.rights, founded })
    }

    /// Writes each tile that this batch made full: level 0 from leaves, the others from tiles.
    fn fill_tiles(&mut self, account: u64, head: &Head) -> Result<()> {
        let width = u64::from(ledger::tile::WIDTH);
        let (mut from, mut to) = (head.from, head.log.size());
        let mut level = 0_u8;
        while from / width < to / width {
            for index in from / width..to / width {
                let data = self.tile_data(account, level, index)?;
                self.counters.tile += 1;
                let row = self.counters.tile;
                self.commit.tiles.push(TileRow { row, account, level, index, data });
            }
            (from, to, level) = (from / width, to / width, level + 1);
        }
        Ok(())
    }

    fn tile_data(&self, account: u64, level: u8, index: u64) -> Result<Vec<u8>> {
        let width = u64::from(ledger::tile::WIDTH);
        let first = index * width;
        let missing = || Error::internal(format!("log {account}: tile {level}/{index} has a gap"));
        let mut data = Vec::with_capacity(256 * 32);
        if level == 0 {
            let stored = self.reader.entries(account, first, width)?;
            let staged = self.commit.entries.iter().filter(|entry| entry.account == account);
            let all = stored.iter().chain(staged).filter(|e| e.index / width == index);
            for entry in all {
                data.extend_from_slice(&leaf_hash(&entry.leaf));
            }
        } else {
            for child in first..first + width {
                let staged = self.commit.tiles.iter().find(|tile| {
                    tile.account == account && tile.level + 1 == level && tile.index == child
                });
                let child = match staged {
                    Some(tile) => tile.data.clone(),
                    None => {
                        let stored = self.reader.tile(account, level - 1, child)?;
                        stored.ok_or_else(missing)?.data
                    }
                };
                data.extend_from_slice(&tile_root(&child)?);
            }
        }
        if data.len() == 256 * 32 { Ok(data) } else { Err(missing()) }
    }
}

/// The root of a full tile.
pub(crate) fn tile_root(data: &[u8]) -> Result<ledger::Hash> {
    let (hashes, rest) = data.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(Error::internal("a tile has a length that is no multiple of 32"));
    }
    Ok(ledger::tile::subtree_root(hashes))
}

/// What an operation did, to be taken over.
pub(crate) struct Finished {
    pub(crate) common: Vec<(&'static str, String)>,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) founded: Vec<Founded>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_done: Option<i64>,
    pub(crate) idempotency: Option<(u64, Tag, [u8; 32])>,
    pub(crate) now: Moment,
}

impl Finished {
    pub(crate) fn of(work: Work<'_>, idempotency: Option<(u64, Tag, [u8; 32])>) -> Self {
        let common = common_fields(&work);
        let Work { drafts, founded, jobs, job_done, now, .. } = work;
        Self { common, drafts, founded, jobs, job_done, idempotency, now }
    }
}

/// The fields of every entry: who, by what right, what for.
fn common_fields(work: &Work<'_>) -> Vec<(&'static str, String)> {
    let asked = work.asked;
    let mut fields = vec![
        ("actor", asked.caller.principal.to_string()),
        ("credential", asked.caller.credential.clone()),
        ("policies", work.decision.policies.to_string()),
        ("request", asked.request.clone()),
    ];
    let mut purpose = asked.purpose.clone();
    if let Some(grant) = &work.decision.grant {
        fields.push(("grant", format!("{}#{}", grant.id, grant.given)));
        if grant.bootstrap {
            fields.push(("bootstrap", "true".to_owned()));
        }
        purpose.get_or_insert_with(|| grant.purpose.clone());
    }
    fields.extend(purpose.map(|purpose| ("purpose", purpose)));
    fields.extend(asked.behalf.clone().map(|behalf| ("behalf", behalf)));
    fields
}

/// Field of the first entry of a request that is remembered: the name of its row.
pub(crate) const REMEMBERED: &str = "remembered";
/// Field of the entry that left jobs: the names of their rows.
pub(crate) const JOBS_LEFT: &str = "jobs";
/// Field of the entry that did a job: the number of its row.
pub(crate) const JOB_DONE: &str = "job-done";

/// Adds to an operation's entries what its rows that change or go are checked against: a remembered
/// request, a job that is left, a job that is done. Without it such a row could be removed, or put
/// back, and nobody would see.
fn prove(
    drafts: &mut [Draft],
    left: &[String],
    job_done: Option<i64>,
    request: Option<&RequestRow>,
) {
    if let Some(request) = request
        && let Some(first) = drafts.iter_mut().find(|draft| draft.account == request.account)
    {
        first.fields.push((REMEMBERED, request_name(request)));
    }
    if let Some(first) = drafts.first_mut() {
        if !left.is_empty() {
            first.fields.push((JOBS_LEFT, left.join(" ")));
        }
        first.fields.extend(job_done.map(|row| (JOB_DONE, row.to_string())));
    }
}

/// How an entry names a job's row: its number and the start of a hash over all of it.
pub(crate) fn job_name(row: &JobRow) -> String {
    let (account, due) = (row.account.to_be_bytes(), row.due.to_be_bytes());
    row_name(row.row, &[b"bailee-job/v1", &account, &due, &row.sealed])
}

/// How an entry names the row of a remembered request; entry and time are its own.
pub(crate) fn request_name(row: &RequestRow) -> String {
    let (account, count) = (row.account.to_be_bytes(), row.count.to_be_bytes());
    row_name(row.row, &[b"bailee-request/v1", &account, &row.tag, &row.hash, &count])
}

fn row_name(row: i64, parts: &[&[u8]]) -> String {
    format!("{row}:{}", hex(sha256(parts).get(..16).unwrap_or_default()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A batch that is ready to be persisted.
pub(crate) struct Closed {
    pub(crate) commit: Commit,
    pub(crate) moved: Vec<(u64, Head)>,
    pub(crate) counters: crate::engine::Counters,
    pub(crate) rights: Vec<Right>,
    pub(crate) founded: Vec<Arc<AccountKeys>>,
}

struct Written {
    state: ledger::Hash,
    prev: Option<u64>,
    after: State,
}

/// The hash that a leaf commits to: the record's state after the entry, ciphertext included.
pub(crate) fn state_hash(row: &RecordRow, sealed: &[u8; 32]) -> ledger::Hash {
    sha256(&[
        b"bailee-state/v1",
        &row.account.to_be_bytes(),
        &row.collection,
        &row.tag,
        &row.version.to_be_bytes(),
        &[u8::from(row.deleted)],
        &row.changed.to_be_bytes(),
        sealed,
    ])
}

/// The MAC of a record's row, checked each time the row is used.
pub(crate) fn record_mac(keys: &AccountKeys, row: &RecordRow) -> [u8; 32] {
    mac(&keys.tags, &record_mac_parts(&record_numbers(row), row))
}

/// Opens a row and its key, if the row holds.
pub(crate) fn open_state(keys: &AccountKeys, stored: Stored) -> Result<State> {
    let Stored { record, key } = stored;
    let damaged = |what: &str| {
        Error::internal(format!("record row {} of log {}: {what}", record.row, record.account))
    };
    let numbers = record_numbers(&record);
    if !verify_mac(&keys.tags, &record_mac_parts(&numbers, &record), &record.mac) {
        return Err(damaged("it was altered"));
    }
    let context = record_key_context(key.account, key.tag, key.version);
    if key.tag != record.tag || key.account != record.account {
        return Err(damaged("its key belongs to another record"));
    }
    let opened = unwrap(&keys.records, &context, &key.wrapped)
        .map_err(|error| damaged(&format!("its key does not open: {error}")))?;
    Ok(State { row: record, key: Arc::new(opened), key_version: key.version })
}

fn record_numbers(row: &RecordRow) -> [[u8; 8]; 6] {
    [
        row.row.to_be_bytes(),
        row.account.to_be_bytes(),
        row.version.to_be_bytes(),
        row.changed.to_be_bytes(),
        row.current.to_be_bytes(),
        row.key.to_be_bytes(),
    ]
}

fn record_mac_parts<'a>(numbers: &'a [[u8; 8]; 6], row: &'a RecordRow) -> [&'a [u8]; 10] {
    let [a, b, c, d, e, f] = numbers;
    let deleted: &[u8] = if row.deleted { b"1" } else { b"0" };
    [b"bailee-record/v1", a, b, c, d, e, f, &row.collection, &row.tag, deleted]
}

/// First byte of a stored opening: which key it is sealed under.
pub(crate) const OPENING_BY_LOG: u8 = 0;
/// As above: under a key derived from the record's, whose tag follows.
pub(crate) const OPENING_BY_RECORD: u8 = 1;

fn seal_opening(
    keys: &AccountKeys,
    account: u64,
    index: u64,
    subject: Option<State>,
    seed: &[u8; 32],
    fields: &[(&str, &str)],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>> {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let plain = StoredOpening { seed: *seed, fields: fields.collect() }.encode();
    let Some(subject) = subject else {
        let context = opening_context(account, [0; 16], index);
        let sealed = sealing(seal(&keys.log, &context, entropy, &plain))?;
        return Ok([vec![OPENING_BY_LOG], sealed].concat());
    };
    let tag = subject.row.tag;
    let context: Context = opening_context(account, tag, index);
    let sealed = sealing(seal(&opening_key(&subject.key), &context, entropy, &plain))?;
    Ok([&[OPENING_BY_RECORD][..], &tag, &sealed].concat())
}

fn sealing<T>(outcome: Result<T, sealing::SealError>) -> Result<T> {
    outcome.map_err(|error| match error {
        sealing::SealError::Entropy(error) => Error::from(error),
        other => Error::internal(format!("sealing: {other}")),
    })
}
