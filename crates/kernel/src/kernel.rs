//! The two doors: [`Kernel::submit`] for whatever changes or shows Service Data or a register, and
//! [`Kernel::allow`] for what is read without an entry (checkpoints, tiles, leaves).

use crate::anchors::Anchors;
use crate::authority::{Action, Authority, Caller, Decision, Interpret, Policies};
use crate::engine::{Engine, EntryRow, HeadRow, Reader, Wants};
use crate::error::{Error, Kind, Result};
use crate::finisher::Finisher;
use crate::highwater::{HighWater, Mark};
use crate::id::{AccountId, Collection, PrincipalId};
use crate::lane::{Done, Lane, Queued, Typed};
use crate::limits::QUEUE_OPERATIONS;
use crate::operation::{Asked, Operation, RecordKey, Target};
use crate::refusals::Refusals;
use crate::stage::{OPENING_BY_LOG, OPENING_BY_RECORD, open_state};
use crate::store::{
    HOUSE, Identity, Keyring, account_tag, actor_tag, known, opening_context, opening_key,
};
use crate::tick::kernel_decides;
use crate::time::{Clock, Moment};
use ledger::checkpoint::Checkpoint;
use ledger::entry::StoredOpening;
use ledger::note::NoteSigner;
use ledger::receipt::{Anchor, Receipt, Snapshot, TlogProof};
use ledger::tile::{TileId, TileReader};
use ledger::tree::{Frontier, consistency_proof, inclusion_proof, leaf_hash};
use sealing::{Entropy, RootKey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Everything a kernel is built from. Whatever is not deterministic is a parameter.
pub struct Parts {
    /// The store.
    pub engine: Box<dyn Engine>,
    /// The root key of the store.
    pub root: RootKey,
    /// The mark outside the store.
    pub high_water: HighWater,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Box<dyn Entropy>,
    /// The policies.
    pub policies: Policies,
    /// The collections of `house` that hold rights.
    pub rights: &'static [&'static str],
    /// How to read rights out of them.
    pub interpret: Interpret,
}

/// The reference monitor. Clones are the same kernel.
#[derive(Clone)]
pub struct Kernel {
    shared: Arc<Shared>,
    queue: Arc<Mutex<Option<SyncSender<Queued>>>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    reader: Arc<dyn Reader>,
}

/// What the kernel's threads share.
pub(crate) struct Shared {
    pub(crate) authority: Authority,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) signer: NoteSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) anchors: Anchors,
    pub(crate) refusals: Refusals,
    stopped: AtomicBool,
    behind: Mutex<Option<String>>,
}

/// An entry with what may be shown of it.
#[derive(Clone, Debug)]
pub struct SeenEntry {
    /// Index in the log.
    pub index: u64,
    /// The leaf, verbatim.
    pub leaf: Vec<u8>,
    /// Its opening, if it was asked for and not erased.
    pub opening: Option<ledger::entry::Opening>,
}

impl Kernel {
    /// Opens the store that stands behind the engine and starts to work.
    ///
    /// # Errors
    /// `Unavailable` if the keys are not those of the store; `Internal` if it is damaged.
    pub fn open(mut parts: Parts) -> Result<Self> {
        let reader = parts.engine.reader();
        let (identity, signing) = known(&parts.root, &*reader)?;
        let counters = parts.engine.counters()?;
        let behind = guard(&mut parts, &counters.commit)?;
        if let Some(why) = &behind {
            tracing::error!(%why, "rollback guard: this store does not sign");
        }
        let shared = Arc::new(Shared {
            authority: Authority::new(parts.policies),
            keyring: Arc::new(Keyring::new(parts.root, Arc::clone(&reader))),
            identity: Arc::new(identity),
            signer: NoteSigner::from_seed(signing.expose()),
            clock: parts.clock,
            anchors: Anchors::default(),
            refusals: Refusals::default(),
            stopped: AtomicBool::new(false),
            behind: Mutex::new(behind),
        });
        shared.load_rights(&*reader, parts.rights, parts.interpret)?;
        shared.anchors.load(&*reader)?;
        let latest = reader.head(HOUSE)?.map_or(0, |head| head.time);
        let (queue, queued) = sync_channel(QUEUE_OPERATIONS);
        let (finisher, handed) = channel();
        let lane = Lane {
            engine: parts.engine,
            reader: Arc::clone(&reader),
            shared: Arc::clone(&shared),
            interpret: parts.interpret,
            counters,
            high_water: parts.high_water,
            entropy: parts.entropy,
            latest: Moment(latest),
            forget_next: Moment(0),
            finisher,
        };
        let end = Finisher { shared: Arc::clone(&shared), reader: Arc::clone(&reader) };
        let threads = vec![
            start("lane", move || lane.run(&queued))?,
            start("finisher", move || end.run(&handed))?,
        ];
        Ok(Self {
            shared,
            queue: Arc::new(Mutex::new(Some(queue))),
            threads: Arc::new(Mutex::new(threads)),
            reader,
        })
    }

    /// Ends the work: what was accepted is finished and answered, nothing new is taken.
    pub fn close(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a kernel thread ended by panic");
            }
        }
    }

    /// The present moment by the kernel's clock.
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// The live rights.
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// What the store knows about itself.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// Why this store does not sign, if it does not.
    pub fn alarm(&self) -> Option<String> {
        self.shared.behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who holds this bearer token.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn identify(&self, token: &str) -> Result<Caller> {
        let hash = token_hash(token);
        self.shared.authority.identify(&hash, self.now())
    }

    /// Does an operation and answers through `reply`, from another thread, once it is durable.
    ///
    /// A refusal of a known principal is itself an entry before it is answered.
    pub fn submit<O: Operation>(
        &self,
        asked: Asked,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let target = operation.target();
        let now = self.now();
        let decided = self.shared.authority.decide(
            &asked.caller,
            target.action,
            target.account,
            target.collection.as_ref(),
            asked.purpose.as_deref(),
            now,
        );
        match decided {
            Ok(decision) => self.enqueue(asked, target, decision, None, operation, reply),
            Err(error) if matches!(error.kind(), Kind::Forbidden | Kind::NotFound) => {
                self.refuse(asked, &target, error, reply);
            }
            Err(error) => reply(Err(error)),
        }
    }

    /// As [`Kernel::submit`], waiting for the answer.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn run<O: Operation>(&self, asked: Asked, operation: O) -> Result<Done<O::Output>> {
        let (sender, receiver) = channel();
        self.submit(asked, operation, move |answer| {
            // A receiver that went away does not want the answer.
            drop(sender.send(answer));
        });
        receiver.recv().unwrap_or_else(|_| Err(Error::unavailable("the server is stopping")))
    }

    /// Work of the kernel or of a job, under a right that was checked when it was left.
    pub(crate) fn internal<O: Operation>(
        &self,
        asked: Asked,
        job: Option<i64>,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let target = operation.target();
        self.enqueue(asked, target, kernel_decides(), Some(job), operation, reply);
    }

    /// `internal` is `Some` for work of the kernel itself, with the row of its job if it has one.
    fn enqueue<O: Operation>(
        &self,
        asked: Asked,
        target: Target,
        decision: Decision,
        internal: Option<Option<i64>>,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let mut wants = Wants::default();
        operation.wants(&mut wants);
        let queued = Queued {
            asked,
            target,
            decision,
            internal: internal.is_some(),
            wants,
            weight: operation.weight(),
            job: internal.flatten(),
            body: Box::new(Typed { operation, after: None, reply }),
        };
        let sender = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else {
            return queued.body.answer(Err(Error::unavailable("the server is stopping")));
        };
        match sender.try_send(queued) {
            Ok(()) => {}
            Err(TrySendError::Full(queued)) => queued.body.answer(Err(Error::unavailable(
                "too many operations are waiting: try again in a second",
            ))),
            Err(TrySendError::Disconnected(queued)) => {
                queued.body.answer(Err(Error::unavailable("the server is stopping")));
            }
        }
    }

    fn refuse<T: Send + 'static>(
        &self,
        asked: Asked,
        target: &Target,
        error: Error,
        reply: impl FnOnce(Result<Done<T>>) + Send + 'static,
    ) {
        let account = self.shared.refusals.may_tell(target.account, self.now());
        let refusal = crate::refusals::Refused::new(target, account, &error);
        self.internal(asked, None, refusal, move |recorded| {
            reply(Err(match recorded {
                Ok(_) => error,
                // If it cannot be recorded, that is the answer: nothing goes unrecorded.
                Err(unrecorded) => unrecorded,
            }));
        });
    }

    /// Whether the caller may read this without an entry: checkpoints, tiles, leaves, registers
    /// that hold no data.
    ///
    /// # Errors
    /// As [`Authority::decide`].
    pub fn allow(&self, caller: &Caller, action: &'static Action, account: u64) -> Result<()> {
        self.shared.authority.decide(caller, action, account, None, None, self.now()).map(|_| ())
    }

    /// The slot of an account.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn slot(&self, account: &AccountId) -> Result<u64> {
        self.shared.slot(&*self.reader, account)
    }

    /// The tag under which `heads` would hold this account.
    pub fn account_tag(&self, account: &AccountId) -> [u8; 16] {
        account_tag(&self.shared.keyring.root, account)
    }

    /// Where a record lives.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn key(&self, account: u64, collection: &str, id: &str) -> Result<RecordKey> {
        let keys = self.shared.keyring.account(account)?;
        Ok(RecordKey {
            account,
            collection: collection.to_owned(),
            id: id.to_owned(),
            collection_tag: sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]),
            tag: sealing::tag(&keys.names, &[b"record", collection.as_bytes(), id.as_bytes()]),
        })
    }

    /// The tag of a collection, for paging.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn collection_tag(&self, account: u64, collection: &str) -> Result<[u8; 16]> {
        let keys = self.shared.keyring.account(account)?;
        Ok(sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]))
    }

    /// The head of an account's log.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn head(&self, account: u64) -> Result<HeadRow> {
        self.shared.head(&*self.reader, account)
    }

    /// The signed head of an account's log.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` if this store does not sign.
    pub fn checkpoint(&self, account: u64) -> Result<String> {
        let head = self.head(account)?;
        self.shared.signed(&head)
    }

    /// Entries of a log from an index on, with openings if asked.
    ///
    /// # Errors
    /// `Internal` if one does not open.
    pub fn entries(
        &self,
        account: u64,
        from: u64,
        limit: u64,
        openings: bool,
    ) -> Result<Vec<SeenEntry>> {
        let rows = self.reader.entries(account, from, limit)?;
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let opening = match openings {
                true => self.shared.open_entry(&*self.reader, &row)?.map(|o| o.opening()),
                false => None,
            };
            seen.push(SeenEntry { index: row.index, leaf: row.leaf, opening });
        }
        Ok(seen)
    }

    /// The bytes of a hash tile, full or partial.
    ///
    /// # Errors
    /// `NotFound` if the log is not that long.
    pub fn tile(&self, account: u64, tile: &TileId) -> Result<Vec<u8>> {
        let size = self.head(account)?.size;
        let have = (size >> (8 * u32::from(tile.level))).saturating_sub(tile.index * 256);
        if u64::from(tile.width) > have {
            return Err(Error::not_found("the log is not that long: ask for its checkpoint"));
        }
        self.shared.tile(&*self.reader, account, tile)
    }

    /// A bundle of entries, as tlog-tiles has them.
    ///
    /// # Errors
    /// `NotFound` if the log is not that long.
    pub fn bundle(&self, account: u64, index: u64, width: u16) -> Result<Vec<u8>> {
        let rows = self.reader.entries(account, index * 256, width.into())?;
        if rows.len() < usize::from(width) {
            return Err(Error::not_found("the log is not that long: ask for its checkpoint"));
        }
        let leaves: Vec<_> = rows.into_iter().map(|row| row.leaf).collect();
        ledger::tile::encode_entries(&leaves)
            .map_err(|error| Error::internal(format!("entry bundle: {error}")))
    }

    /// The proof that the log of size `from` is a prefix of the one of size `to`.
    ///
    /// # Errors
    /// `Invalid` if the sizes are not in the log or not in order.
    pub fn consistency(&self, account: u64, from: u64, to: u64) -> Result<Vec<ledger::Hash>> {
        let size = self.head(account)?.size;
        if from == 0 || from > to || to > size {
            return Err(Error::invalid(
                "from",
                format!("`{from}` to `{to}` is no range of this log: use 1 to {size}, in order"),
            ));
        }
        self.shared.consistency(&*self.reader, account, from, to)
    }

    /// A receipt for an entry, in the log as it is now.
    ///
    /// # Errors
    /// `NotFound` if there is no such entry; `Unavailable` if this store does not sign.
    pub fn receipt(&self, account: u64, index: u64, opening: bool) -> Result<String> {
        let opening = match opening {
            true => self
                .reader
                .entries(account, index, 1)?
                .first()
                .map(|row| self.shared.open_entry(&*self.reader, row))
                .transpose()?
                .flatten()
                .map(|stored| stored.opening()),
            false => None,
        };
        self.shared.receipt(&*self.reader, account, index, opening.as_ref())
    }

    /// Where the last anchor has this account, with the receipt of the anchor's entry.
    ///
    /// # Errors
    /// `NotFound` if it is not anchored yet.
    pub fn anchor(&self, account: u64) -> Result<String> {
        let anchored = self.shared.anchors.of(account).ok_or_else(|| {
            Error::not_found("this log is not anchored yet: ask again in a few seconds")
        })?;
        let house = anchored.house_index;
        let rows = self.reader.entries(HOUSE, house, 1)?;
        let row = rows.first().ok_or_else(|| Error::internal("the anchor's entry is missing"))?;
        let mut opening = self.shared.open_entry(&*self.reader, row)?.map(|o| o.opening());
        if let Some(opening) = &mut opening {
            // Which other accounts moved is nobody's business here.
            let hidden: Vec<String> =
                opening.fields.keys().filter(|name| *name != "snapshot").cloned().collect();
            opening.redact(&hidden.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let entry = self.shared.receipt(&*self.reader, HOUSE, house, opening.as_ref())?;
        let entry = Receipt::from_json(&entry)
            .map_err(|error| Error::internal(format!("anchor receipt: {error}")))?;
        Ok(Anchor {
            log: self.shared.identity.origin(account),
            slot: account,
            size: anchored.size,
            root: anchored.root,
            snapshot: Snapshot {
                size: anchored.slots,
                root: anchored.snapshot,
                path: anchored.path,
            },
            entry,
        }
        .to_json())
    }

    /// How many accounts there are, and how many of them have keys to seal under.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn census(&self) -> Result<(u64, u64)> {
        self.reader.census()
    }

    /// When the last anchor was made, if there is one.
    ///
    /// # Errors
    /// `Internal` if its entry cannot be read.
    pub fn anchored_at(&self) -> Result<Option<Moment>> {
        self.shared.anchors.last().map(|index| self.entry_time(index)).transpose()
    }

    /// When the store was founded.
    ///
    /// # Errors
    /// `Internal` if its first entry cannot be read.
    pub fn founded_at(&self) -> Result<Moment> {
        self.entry_time(0)
    }

    fn entry_time(&self, index: u64) -> Result<Moment> {
        let rows = self.reader.entries(HOUSE, index, 1)?;
        let leaf = rows.first().map(|row| ledger::entry::Leaf::parse(&row.leaf));
        match leaf {
            Some(Ok(leaf)) => Ok(Moment(leaf.time)),
            _ => Err(Error::internal(format!("entry {index} of house cannot be read"))),
        }
    }

    /// The key that signs every log, as 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        *self.shared.signer.public_key()
    }

    /// The verifier key of an account's log (C2SP vkey).
    ///
    /// # Errors
    /// `Internal` if the origin is no key name.
    pub fn vkey(&self, account: u64) -> Result<String> {
        self.shared.vkey(&self.shared.identity.origin(account))
    }

    /// Entries by who acted, over every account, oldest first: account, index, time. `after` is the
    /// last row of the page before; the answer's second part continues it.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn accesses_by(
        &self,
        actor: &PrincipalId,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<(u64, u64, Moment)>, i64)> {
        let tag = actor_tag(&self.shared.keyring.root, "actor", actor.as_str());
        self.scan(after, limit, |row| row.actor == tag)
    }

    /// Entries that concerned a record, oldest first; as [`Kernel::accesses_by`].
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn accesses_of(
        &self,
        key: &RecordKey,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<(u64, u64, Moment)>, i64)> {
        let touches =
            |objects: &[u8]| objects.as_chunks::<16>().0.iter().any(|tag| *tag == key.tag);
        self.scan(after, limit, |row| touches(&row.objects))
    }

    fn scan(
        &self,
        mut after: i64,
        limit: usize,
        wanted: impl Fn(&crate::engine::AccessRow) -> bool,
    ) -> Result<(Vec<(u64, u64, Moment)>, i64)> {
        let mut found = Vec::new();
        loop {
            let rows = self.reader.accesses(after, 10_000)?;
            let Some(last) = rows.last() else { return Ok((found, after)) };
            after = last.row;
            for row in rows.iter().filter(|row| wanted(row)) {
                if let Some(entry) = self.reader.entry_at(row.row)? {
                    found.push((entry.account, entry.index, Moment(row.at)));
                }
                if found.len() >= limit {
                    return Ok((found, row.row));
                }
            }
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn reader(&self) -> &Arc<dyn Reader> {
        &self.reader
    }
}

impl Shared {
    /// INVARIANT: a store that was rolled back signs nothing and answers nothing.
    pub(crate) fn may_sign(&self) -> Result<()> {
        match &*self.behind.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(why) => Err(Error::unavailable(why.clone())),
        }
    }

    pub(crate) fn vkey(&self, origin: &str) -> Result<String> {
        let key = self.signer.verifier(origin);
        Ok(key.map_err(|error| Error::internal(format!("origin: {error}")))?.to_string())
    }

    fn slot(&self, reader: &dyn Reader, account: &AccountId) -> Result<u64> {
        let tag = account_tag(&self.keyring.root, account);
        if let Some(slot) = self.keyring.slot(&tag) {
            return Ok(slot);
        }
        let head = reader
            .head_by_tag(&tag)?
            .ok_or_else(|| Error::not_found("no such account, or none that you may know of"))?;
        self.keyring.learn_slot(tag, head.account);
        Ok(head.account)
    }

    fn head(&self, reader: &dyn Reader, account: u64) -> Result<HeadRow> {
        reader
            .head(account)?
            .ok_or_else(|| Error::not_found("no such account, or none that you may know of"))
    }

    fn signed(&self, head: &HeadRow) -> Result<String> {
        self.may_sign()?;
        let frontier = Frontier::from_parts(head.size, &head.frontier).map_err(|error| {
            Error::internal(format!("the head of log {} is damaged: {error}", head.account))
        })?;
        let origin = self.identity.origin(head.account);
        Ok(Checkpoint { origin, size: head.size, root: frontier.root() }.sign(&self.signer))
    }

    fn tile(&self, reader: &dyn Reader, account: u64, tile: &TileId) -> Result<Vec<u8>> {
        let first = tile.index * 256;
        if tile.width == 256
            && let Some(row) = reader.tile(account, tile.level, tile.index)?
        {
            return Ok(row.data);
        }
        if tile.level == 0 {
            let rows = reader.entries(account, first, tile.width.into())?;
            return Ok(rows.iter().flat_map(|row| leaf_hash(&row.leaf)).collect());
        }
        let mut data = Vec::with_capacity(usize::from(tile.width) * 32);
        for child in first..first + u64::from(tile.width) {
            let row = reader.tile(account, tile.level - 1, child)?.ok_or_else(|| {
                Error::internal(format!(
                    "log {account}: tile {}/{child} is missing",
                    tile.level - 1
                ))
            })?;
            data.extend_from_slice(&crate::stage::tile_root(&row.data)?);
        }
        Ok(data)
    }

    fn consistency(
        &self,
        reader: &dyn Reader,
        account: u64,
        from: u64,
        to: u64,
    ) -> Result<Vec<ledger::Hash>> {
        let mut tiles = TileReader::new(to, |tile: &TileId| self.tile(reader, account, tile));
        consistency_proof(from, to, &mut |level, index| tiles.node(level, index))
            .map_err(|error| Error::internal(format!("log {account}: {error}")))
    }

    pub(crate) fn receipt(
        &self,
        reader: &dyn Reader,
        account: u64,
        index: u64,
        opening: Option<&ledger::entry::Opening>,
    ) -> Result<String> {
        let head = self.head(reader, account)?;
        let rows = reader.entries(account, index, 1)?;
        let row = rows.first().filter(|row| row.index == index && index < head.size);
        let row = row.ok_or_else(|| {
            Error::not_found(format!("this log has no entry `{index}`: it has {}", head.size))
        })?;
        let mut tiles =
            TileReader::new(head.size, |tile: &TileId| self.tile(reader, account, tile));
        let hashes = inclusion_proof(index, head.size, &mut |level, at| tiles.node(level, at))
            .map_err(|error| Error::internal(format!("log {account}: {error}")))?;
        let vkey = self.vkey(&self.identity.origin(account))?;
        let proof = TlogProof { index, hashes, checkpoint: self.signed(&head)?, extra: None };
        let receipt = Receipt { leaf: row.leaf.clone(), proof, vkey, opening: opening.cloned() };
        Ok(receipt.to_json())
    }

    /// What an entry hides, or `None` if it was erased.
    pub(crate) fn open_entry(
        &self,
        reader: &dyn Reader,
        row: &EntryRow,
    ) -> Result<Option<StoredOpening>> {
        let Some(opening) = &row.opening else { return Ok(None) };
        let keys = self.keyring.account(row.account)?;
        let bad = |what: &str| {
            Error::internal(format!("entry {} of log {}: {what}", row.index, row.account))
        };
        let plain = match opening.split_first() {
            Some((&OPENING_BY_LOG, sealed)) => {
                let context = opening_context(row.account, [0; 16], row.index);
                sealing::open(&keys.log, &context, sealed)?
            }
            Some((&OPENING_BY_RECORD, rest)) => {
                let (tag, sealed) =
                    rest.split_first_chunk::<16>().ok_or_else(|| bad("its opening is cut"))?;
                let Some(stored) = reader.record(row.account, tag)? else { return Ok(None) };
                let state = open_state(&keys, stored)?;
                let context = opening_context(row.account, *tag, row.index);
                sealing::open(&opening_key(&state.key), &context, sealed)?
            }
            _ => return Err(bad("its opening has another form")),
        };
        let stored = StoredOpening::decode(&plain).map_err(|error| bad(&error.to_string()))?;
        Ok(Some(stored))
    }

    fn load_rights(
        &self,
        reader: &dyn Reader,
        collections: &[&str],
        interpret: Interpret,
    ) -> Result<()> {
        let mut rights = Vec::new();
        for collection in collections {
            crate::registers::each(self, reader, HOUSE, collection, |version, changed| {
                let id = &version.header.id;
                rights.extend(interpret(collection, id, &version.body, changed)?);
                Ok(())
            })?;
        }
        self.authority.apply(rights);
        Ok(())
    }
}

/// SHA-256 of a bearer token: 256 random bits need no slow hash.
pub fn token_hash(token: &str) -> [u8; 32] {
    sealing::sha256(&[b"bailee-token/v1", token.as_bytes()])
}

/// Compares the store with what is known outside of it.
fn guard(parts: &mut Parts, commit: &crate::engine::CommitRow) -> Result<Option<String>> {
    let remedy = "keep this copy apart, find the newest one; if this is the newest there is, begin \
                  a new epoch with `bailee epoch`";
    let Some(mark) = parts.high_water.read(&parts.root)? else {
        return Ok(Some(format!("the keys folder has no high-water mark: {remedy}")));
    };
    if mark.sequence > commit.sequence {
        let missing = mark.sequence - commit.sequence;
        return Ok(Some(format!(
            "the store is {missing} commits behind its high-water mark: {remedy}"
        )));
    }
    let stored = match mark.sequence {
        0 => Some(Mark { sequence: 0, chain: [0; 32] }),
        sequence => parts.engine.commit_at(sequence)?.as_ref().map(Mark::from),
    };
    if stored != Some(mark) {
        return Ok(Some(format!("the store's history differs from its high-water mark: {remedy}")));
    }
    Ok(None)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        Error::unavailable("no thread could be started").with_context(error.to_string())
    })
}

/// A target on `house`.
pub fn on_house(action: &'static Action) -> Target {
    Target { action, account: HOUSE, collection: None }
}

/// A target on a collection of an account.
pub fn on_collection(action: &'static Action, account: u64, collection: &Collection) -> Target {
    Target { action, account, collection: Some(collection.clone()) }
}
