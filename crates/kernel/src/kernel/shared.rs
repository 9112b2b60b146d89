//! What the kernel's threads share: keys, rights, signer; and how logs are read and signed with
//! them.

use super::Shared;
use crate::authority::Interpret;
use crate::engine::{EntryRow, HeadRow, Reader, Stored, Tag};
use crate::error::{Error, Result};
use crate::highwater::Mark;
use crate::id::AccountId;
use crate::operation::Pointer;
use crate::reveal::Reveal;
use crate::stage::{OPENING_BY_LOG, OPENING_BY_RECORD, open_state};
use crate::store::{HOUSE, account_tag, opening_context, opening_key};
use crate::time::Moment;
use ledger::checkpoint::Checkpoint;
use ledger::entry::StoredOpening;
use ledger::receipt::{Receipt, TlogProof};
use ledger::tile::{TileId, TileReader};
use ledger::tree::{Frontier, consistency_proof, inclusion_proof, leaf_hash};
use sealing::Key;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

impl Shared {
    /// INVARIANT: a store that was rolled back signs nothing and answers nothing.
    pub(crate) fn may_sign(&self) -> Result<()> {
        match self.alarm() {
            None => Ok(()),
            Some(why) => Err(Error::unavailable(why)),
        }
    }

    /// Why this store does not sign, if it does not.
    pub(crate) fn alarm(&self) -> Option<String> {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        behind.or_else(|| self.keyring.behind())
    }

    /// The clock, never before the newest entry.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now().max(Moment(self.latest.load(Ordering::SeqCst)))
    }

    /// From now on nothing is signed or answered, until the store is opened again.
    pub(crate) fn stop_answering(&self, why: &str) {
        tracing::error!(why, "this store does not answer any more");
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    pub(crate) fn vkey(&self, origin: &str) -> Result<String> {
        let key = self.signer.verifier(origin);
        Ok(key.map_err(|error| Error::internal(format!("origin: {error}")))?.to_string())
    }

    pub(super) fn slot(&self, reader: &dyn Reader, account: &AccountId) -> Result<u64> {
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

    pub(super) fn head(&self, reader: &dyn Reader, account: u64) -> Result<HeadRow> {
        reader
            .head(account)?
            .ok_or_else(|| Error::not_found("no such account, or none that you may know of"))
    }

    pub(super) fn signed(&self, head: &HeadRow) -> Result<String> {
        self.may_sign()?;
        let frontier = Frontier::from_parts(head.size, &head.frontier).map_err(|error| {
            Error::internal(format!("the head of log {} is damaged: {error}", head.account))
        })?;
        let origin = self.identity.origin(head.account);
        Ok(Checkpoint { origin, size: head.size, root: frontier.root() }.sign(&self.signer))
    }

    pub(super) fn tile(&self, reader: &dyn Reader, account: u64, tile: &TileId) -> Result<Vec<u8>> {
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

    pub(super) fn consistency(
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
        self.open_entry_with(row, |tag| match reader.record(row.account, tag)? {
            Some(stored) => self.key_of_entries(stored).map(Some),
            None => Ok(None),
        })
    }

    /// The key under which the openings of a record's entries are sealed.
    pub(super) fn key_of_entries(&self, stored: Stored) -> Result<Arc<Key>> {
        let keys = self.keyring.account(stored.record.account)?;
        Ok(Arc::new(opening_key(&open_state(&keys, stored)?.key)))
    }

    /// As [`open_entry`](Self::open_entry), with the key of a record from elsewhere.
    pub(super) fn open_entry_with(
        &self,
        row: &EntryRow,
        key: impl FnOnce(&Tag) -> Result<Option<Arc<Key>>>,
    ) -> Result<Option<StoredOpening>> {
        let Some(opening) = &row.opening else { return Ok(None) };
        let bad = |what: &str| {
            Error::internal(format!("entry {} of log {}: {what}", row.index, row.account))
        };
        let plain = match opening.split_first() {
            Some((&OPENING_BY_LOG, sealed)) => {
                let keys = self.keyring.account(row.account)?;
                let context = opening_context(row.account, [0; 16], row.index);
                sealing::open(&keys.log, &context, sealed)?
            }
            Some((&OPENING_BY_RECORD, _)) => {
                let (tag, sealed) = by_record(row).ok_or_else(|| bad("its opening is cut"))?;
                let Some(key) = key(tag)? else { return Ok(None) };
                let context = opening_context(row.account, *tag, row.index);
                sealing::open(&key, &context, sealed)?
            }
            _ => return Err(bad("its opening has another form")),
        };
        let stored = StoredOpening::decode(&plain).map_err(|error| bad(&error.to_string()))?;
        Ok(Some(stored))
    }

    pub(super) fn load_rights(&self, reader: &dyn Reader) -> Result<()> {
        let mut known = self.rights.known();
        let stands = reader.rights()?;
        let mut rights = Vec::new();
        for collection in self.rights.collections {
            crate::sweep::each(self, reader, HOUSE, collection, |version, changed| {
                let id = &version.header.id;
                rights.extend((self.rights.interpret)(collection, id, &version.body, changed)?);
                Ok(())
            })?;
        }
        self.authority.apply(rights);
        *known = stands.unwrap_or(0);
        Ok(())
    }

    /// Takes over what others changed of the rights, up to this entry of `house` at least.
    pub(crate) fn catch_up(&self, reader: &dyn Reader, to: u64) -> Result<()> {
        // Whoever waits here finds it done; what is older is never applied over what is newer.
        let mut known = self.rights.known();
        if to <= *known {
            return Ok(());
        }
        let keys = self.keyring.account(HOUSE)?;
        let tag = |name: &&str| sealing::tag(&keys.names, &[b"collection", name.as_bytes()]);
        let collections: Vec<Tag> = self.rights.collections.iter().map(tag).collect();
        let mut rights = Vec::new();
        let mut newest = to;
        for stored in reader.changed(HOUSE, &collections, *known)? {
            newest = newest.max(stored.record.changed);
            let pointer = Pointer::to(&open_state(&keys, stored)?);
            if pointer.deleted {
                continue;
            }
            let (version, _) = Reveal::follow_in(reader, &pointer)?;
            let header = &version.header;
            let (of, id) = (header.collection.as_str(), &header.id);
            rights.extend((self.rights.interpret)(of, id, &version.body, pointer.changed)?);
        }
        self.authority.apply(rights);
        *known = newest;
        Ok(())
    }

    /// Takes over the rights as they stand in the store at a moment after this was called, where
    /// others change them too.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer.
    pub(crate) fn be_current(&self, reader: &dyn Reader) -> Result<()> {
        match reader.rights()? {
            Some(stands) => self.catch_up(reader, stands),
            None => Ok(()),
        }
    }

    /// Notes a commit in the high-water file, unless a newer one is noted.
    pub(crate) fn mark(&self, mark: Mark) {
        let mut water = self.high_water.lock().unwrap_or_else(PoisonError::into_inner);
        if water.1.is_some_and(|newest| mark.sequence <= newest.sequence) {
            return;
        }
        water.1 = Some(mark);
        if let Err(error) = water.0.write(&self.keyring.root, mark) {
            tracing::error!(?error, "the high-water mark was not written");
        }
    }
}

/// Which collections hold rights, how they are read, and how far they were.
pub(crate) struct Rights {
    pub(super) collections: &'static [&'static str],
    pub(super) interpret: Interpret,
    /// Whether other nodes change them too.
    pub(crate) shared: bool,
    /// Index of the newest `house` entry whose change of rights is applied.
    pub(super) known: Mutex<u64>,
}

impl Rights {
    fn known(&self) -> MutexGuard<'_, u64> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record under whose key an entry's opening is sealed, by its tag, and the sealed bytes; none
/// if it is sealed under another key, or cut.
pub(super) fn by_record(row: &EntryRow) -> Option<(&Tag, &[u8])> {
    let (kind, rest) = row.opening.as_ref()?.split_first()?;
    (*kind == OPENING_BY_RECORD).then(|| rest.split_first_chunk::<16>()).flatten()
}
