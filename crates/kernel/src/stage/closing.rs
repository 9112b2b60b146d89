//! A batch gets its place in the order of all, and is complete.

use super::{Head, Stage};
use crate::authority::Right;
use crate::engine::{Commit, HeadRow, Tail};
use crate::error::Result;
use sealing::{AccountKeys, sha256};
use std::sync::Arc;

impl Stage {
    /// Completes the commit in its place in the order of all: rows of entries, the chain, heads,
    /// full tiles. Says which logs moved.
    pub(crate) fn close(mut self, tail: Tail) -> Result<Closed> {
        let Tail { commit: mut newest, mut tile, .. } = tail;
        let rows = self.commit.entries.iter_mut().zip(&mut self.commit.accesses);
        for ((entry, access), hash) in rows.zip(&self.hashes) {
            newest.last += 1;
            (entry.row, access.row) = (newest.last, newest.last);
            newest.chain = sha256(&[b"bailee-chain/v1", &newest.chain, hash]);
        }
        newest.sequence += 1;
        self.commit.commit = newest;
        self.fill_segments()?;
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
            self.fill_tiles(*account, head, &mut tile)?;
        }
        let founded = self.founded.into_values().collect();
        let (rights, shown) = (self.rights, self.shown);
        Ok(Closed { commit: self.commit, moved, rights, founded, shown })
    }
}

/// A batch that is ready to be persisted.
pub(crate) struct Closed {
    pub(crate) commit: Commit,
    pub(crate) moved: Vec<(u64, Head)>,
    pub(crate) rights: Vec<Right>,
    pub(crate) founded: Vec<Arc<AccountKeys>>,
    pub(crate) shown: Vec<(u64, i64)>,
}
