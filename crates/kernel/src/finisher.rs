//! After the commit: heads are signed, receipts made, bodies opened, callers answered.
//!
//! Nothing here can fail a commit. Ed25519 is deterministic (RFC 8032), so a head signed again
//! after a crash has the same bytes.

use crate::engine::{Reader, VersionRow};
use crate::error::{Error, Result};
use crate::kernel::Shared;
use crate::lane::{Body, Committed, Handed};
use crate::operation::{FirstEntry, Replay};
use crate::reveal::Reveal;
use crate::stage::{Head, Place};
use crate::time::Moment;
use ledger::checkpoint::Checkpoint;
use ledger::entry::Leaf;
use ledger::receipt::Receipt;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Versions that were read before they are shown, by account and row.
type Read = HashMap<(u64, i64), VersionRow>;

pub(crate) struct Finisher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Arc<dyn Reader>,
}

impl Finisher {
    /// Works until the lane is gone.
    pub(crate) fn run(self, handed: &Receiver<Handed>) {
        while let Ok(next) = handed.recv() {
            match next {
                Handed::Failed { error, body } => body.answer(Err(error)),
                Handed::Batch { moved, leaves, now, waiting, shown } => {
                    let read = Arc::new(self.read(&shown));
                    self.batch(&moved.into_iter().collect(), &leaves, (now, &read), waiting);
                }
                Handed::Repeated { account, first, count, now, body } => {
                    body.replay(self.repeated(account, first, count, now));
                }
            }
        }
    }

    fn batch(
        &self,
        moved: &HashMap<u64, Head>,
        leaves: &[Vec<u8>],
        (now, read): (Moment, &Arc<Read>),
        waiting: Vec<(Vec<Place>, Box<dyn Body>)>,
    ) {
        let mut signed: HashMap<u64, (String, String)> = HashMap::with_capacity(moved.len());
        for (places, body) in waiting {
            let receipts = places
                .iter()
                .map(|place| {
                    let missing = || Error::internal("a committed entry cannot be found again");
                    let head = moved.get(&place.account).ok_or_else(missing)?;
                    let (checkpoint, vkey) = match signed.entry(place.account) {
                        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                        std::collections::hash_map::Entry::Vacant(new) => {
                            new.insert(self.sign(head)?)
                        }
                    };
                    let leaf = leaves.get(place.nth).ok_or_else(missing)?;
                    let hashes = head.log.prove(place.index).ok_or_else(missing)?;
                    Ok(Receipt::render(leaf, place.index, &hashes, checkpoint, vkey, None))
                })
                .collect::<Result<Vec<_>>>();
            let indexes = places.iter().map(|place| (place.account, place.index)).collect();
            body.answer(receipts.map(|receipts| self.committed(receipts, indexes, now, read)));
        }
    }

    fn sign(&self, head: &Head) -> Result<(String, String)> {
        let checkpoint = Checkpoint {
            origin: head.origin.clone(),
            size: head.log.size(),
            root: head.log.root(),
        };
        Ok((checkpoint.sign(&self.shared.signer), self.shared.vkey(&head.origin)?))
    }

    /// What is shown, read at once where each reading is a message. What cannot be read now is
    /// read, and the error told, where it is shown.
    fn read(&self, shown: &[(u64, i64)]) -> Read {
        if shown.len() < 2 || !self.shared.rights.shared {
            return Read::new();
        }
        let found = self.reader.versions(shown).unwrap_or_default();
        found.into_iter().map(|row| ((row.account, row.row), row)).collect()
    }

    fn committed(
        &self,
        receipts: Vec<String>,
        indexes: Vec<(u64, u64)>,
        now: Moment,
        read: &Arc<Read>,
    ) -> Committed {
        let (reader, read) = (Arc::clone(&self.reader), Arc::clone(read));
        let reveal = Reveal { reader, read, indexes, now };
        Committed { reveal, receipts }
    }

    fn repeated(
        &self,
        account: u64,
        first: u64,
        count: u64,
        now: Moment,
    ) -> Result<(Replay, Committed)> {
        let mut entries = Vec::new();
        let mut receipts = Vec::new();
        for row in self.reader.entries(account, first, count)? {
            let opened = self.shared.open_entry(&*self.reader, &row)?;
            let leaf = Leaf::parse(&row.leaf)
                .map_err(|error| Error::internal(format!("log {account}: {error}")))?;
            entries.push(FirstEntry {
                index: row.index,
                at: Moment(leaf.time),
                fields: opened.map(|stored| stored.fields).unwrap_or_default(),
            });
            receipts.push(self.shared.receipt(&*self.reader, account, row.index, None)?);
        }
        let indexes = entries.iter().map(|entry| (account, entry.index)).collect();
        Ok((Replay { entries }, self.committed(receipts, indexes, now, &Arc::default())))
    }
}
