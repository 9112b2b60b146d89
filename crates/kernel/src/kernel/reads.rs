//! What is read of logs: heads, entries, tiles, proofs, receipts, anchors; and facts about the
//! store.

use super::{Kernel, SeenEntry};
use crate::engine::{AccessRow, By, HeadRow, Span};
use crate::error::{Error, Result};
use crate::id::PrincipalId;
use crate::operation::RecordKey;
use crate::store::{HOUSE, actor_tag, signal_day_context, signals_context};
use crate::time::Moment;
use ledger::receipt::{Anchor, Receipt, Snapshot};
use ledger::tile::TileId;
use sealing::{Key, unwrap};
use std::collections::HashMap;

/// Entries that a search over who touched what found: account, index, time; and the row after
/// which it goes on.
pub type Accesses = (Vec<(u64, u64, Moment)>, i64);

/// A batch of signals, as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSignals {
    /// Its row: higher is later.
    pub row: i64,
    /// Index of the entry of `house` that keeps it.
    pub entry: u64,
    /// The batch.
    pub bytes: Vec<u8>,
}

impl Kernel {
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
        self.shared.anchors.follow(&*self.reader)?;
        let anchored = self.shared.anchors.of(account).ok_or_else(|| {
            Error::not_found("this log is not anchored yet: ask again in a few seconds")
        })?;
        let house = anchored.house_index;
        let rows = self.reader.entries(HOUSE, house, 1)?;
        let row = rows.first().ok_or_else(|| Error::internal("the anchor's entry is missing"))?;
        let mut opening = self.shared.open_entry(&*self.reader, row)?.map(|o| o.opening());
        if let Some(opening) = &mut opening {
            let said = opening.fields.get("snapshot").map(|field| field.value.as_str());
            if said != Some(anchored.value.as_str()) {
                return Err(Error::internal("what nodes agreed on is not what the anchor says"));
            }
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

    /// When the heads of all accounts were last known to be anchored: when the last anchor was
    /// made, or when a tick saw that nothing had moved since. `None` before the first anchor.
    ///
    /// # Errors
    /// `Internal` if its entry cannot be read.
    pub fn anchored_at(&self) -> Result<Option<Moment>> {
        self.shared.anchors.follow(&*self.reader)?;
        let Some(index) = self.shared.anchors.last() else { return Ok(None) };
        Ok(Some(self.entry_time(index)?.max(self.shared.anchors.seen_at())))
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

    /// A text as a signed note (C2SP signed-note), for whoever watches this server from outside. It
    /// is signed under the name of the operator's log and `/heartbeat`: no reader of a log takes it
    /// for a checkpoint, because its first line is no origin and its key has another name.
    ///
    /// # Errors
    /// `Unavailable` if this store does not sign; `Internal` for a text that is no heartbeat.
    pub fn heartbeat(&self, text: &str) -> Result<String> {
        self.shared.may_sign()?;
        if !text.starts_with("bailee-heartbeat/") || !text.ends_with('\n') {
            return Err(Error::internal("only a heartbeat is signed as one"));
        }
        let name = format!("{}/heartbeat", self.shared.identity.origin(HOUSE));
        Ok(self.shared.signer.sign(&name, text))
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
        credential: Option<&str>,
        after: i64,
        limit: usize,
    ) -> Result<Accesses> {
        let root = &self.shared.keyring.root;
        let tag = actor_tag(root, "actor", actor.as_str());
        let credential = credential.map(|id| actor_tag(root, "credential", id));
        let by = match credential {
            Some(credential) => By::Credential(credential),
            None => By::Actor(tag),
        };
        let rows = self.reader.accesses_by(by, Span { after, until: i64::MAX }, limit)?;
        let next = rows.last().map_or(after, |row| row.row);
        let mut found = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.actor == tag) {
            if let Some(entry) = self.reader.entry_at(row.row)? {
                found.push((entry.account, entry.index, Moment(row.at)));
            }
        }
        Ok((found, next))
    }

    /// Entries that concerned a record, oldest first; as [`Kernel::accesses_by`].
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn accesses_of(&self, key: &RecordKey, after: i64, limit: usize) -> Result<Accesses> {
        let touches = |objects: &[u8]| objects.as_chunks::<16>().0.contains(&key.tag);
        self.scan(after, limit, |row| touches(&row.objects))
    }

    /// Batches of signals after a row, in the order of arrival, opened. Those of days that were
    /// forgotten since are left out.
    ///
    /// # Errors
    /// `Internal` if one does not open.
    pub fn signals(&self, after: i64, limit: usize) -> Result<Vec<KeptSignals>> {
        let keys = self.shared.keyring.account(HOUSE)?;
        let mut days: HashMap<u32, Key> = HashMap::new();
        let mut kept = Vec::new();
        let rows = self.reader.signals(after, limit)?;
        // Read after the rows: a day that is missing was forgotten, not made meanwhile.
        for day in self.reader.signal_days()? {
            let key = unwrap(&keys.records, &signal_day_context(&day), &day.wrapped)?;
            days.insert(day.day, key);
        }
        for row in rows {
            let Some(key) = days.get(&row.day) else { continue };
            let context = signals_context(row.row, row.day, row.entry);
            let bytes = sealing::open(key, &context, &row.sealed)?;
            kept.push(KeptSignals { row: row.row, entry: row.entry, bytes: bytes.to_vec() });
        }
        Ok(kept)
    }

    /// The days whose signals are kept, counted from 1970-01-01 in UTC, with the row of the first
    /// batch of each.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn signal_days(&self) -> Result<Vec<(u32, i64)>> {
        Ok(self.reader.signal_days()?.into_iter().map(|row| (row.day, row.first)).collect())
    }

    fn scan(
        &self,
        mut after: i64,
        limit: usize,
        wanted: impl Fn(&AccessRow) -> bool,
    ) -> Result<Accesses> {
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
}
