//! Full tiles: written once, when the last of their 256 hashes is there.

use super::{Head, Stage};
use crate::engine::TileRow;
use crate::error::{Error, Result};
use ledger::tree::leaf_hash;

impl Stage {
    /// Writes each tile that this batch made full, numbered after the last one: level 0 from
    /// leaves, the others from tiles.
    pub(super) fn fill_tiles(&mut self, account: u64, head: &Head, last: &mut i64) -> Result<()> {
        let width = u64::from(ledger::tile::WIDTH);
        let (mut from, mut to) = (head.from, head.log.size());
        let mut level = 0_u8;
        while from / width < to / width {
            for index in from / width..to / width {
                let data = self.tile_data(account, level, index)?;
                *last += 1;
                let row = *last;
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
