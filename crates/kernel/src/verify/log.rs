//! The logs: every entry in commit order, with its tree, its tiles, its commit and its access row.

use super::anchor::Anchors;
use super::bits::Bits;
use super::cells::{Cell, array, bytes, is_null, signed, unsigned};
use super::entry::Opened;
use super::range::Full;
use super::walk::{Walk, entry_name};
use crate::store::Identity;
use ledger::entry::Leaf;
use ledger::tree::leaf_hash;
use rusqlite::{OptionalExtension, Row, Rows, params};

/// Columns: row, account, place, leaf, opening; of the access index row, at, actor, credential,
/// objects, source.
fn entries_of(format: i64) -> String {
    let source = if format < SOURCE_SINCE { "NULL" } else { "a.source" };
    format!(
        "SELECT e.row, e.account, e.place, e.leaf, e.opening,
           a.row, a.at, a.actor, a.credential, a.objects, {source}
         FROM entries e LEFT JOIN access_index a ON a.row = e.row ORDER BY e.row"
    )
}

/// The format since which the access index holds sources and has segments.
pub(super) const SOURCE_SINCE: i64 = 2;

const COMMITS: &str = "SELECT sequence, last, chain FROM commits ORDER BY sequence";

/// An entry's own columns.
pub(super) struct Entry<'r> {
    pub(super) row: i64,
    pub(super) account: u64,
    pub(super) place: u64,
    pub(super) leaf: &'r [u8],
    pub(super) opening: Option<&'r [u8]>,
}

impl<'r> Entry<'r> {
    pub(super) fn read(row: &'r Row<'_>) -> Cell<Self> {
        let opening = if is_null(row, 4) { None } else { Some(bytes(row, 4)?) };
        Ok(Self {
            row: signed(row, 0)?,
            account: unsigned(row, 1)?,
            place: unsigned(row, 2)?,
            leaf: bytes(row, 3)?,
            opening,
        })
    }
}

/// The pass over all entries.
struct Pass<'s> {
    commits: Commits<'s>,
    anchors: Anchors,
    tiles: Bits,
    /// Tiles that the entries of this commit filled: account, tile, its row or 0 without one.
    filled: Vec<(u64, Full, i64)>,
    /// Row of the last tile.
    tile: i64,
    chain: [u8; 32],
    /// Row of the last entry.
    last: i64,
    /// The highest epoch any entry names.
    epoch: u32,
}

/// Goes through every entry. Afterwards each log's size, time and tree are known.
pub(super) fn entries(walk: &mut Walk<'_>, tiles: Bits) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement = db.prepare(&entries_of(walk.format))?;
    let mut commits = db.prepare(COMMITS)?;
    let mut rows = statement.query([])?;
    let mut pass = Pass {
        commits: Commits::new(commits.query([])?),
        anchors: Anchors::default(),
        tiles,
        filled: Vec::new(),
        tile: 0,
        chain: [0; 32],
        last: 0,
        epoch: 0,
    };
    pass.commits.advance(walk)?;
    while let Some(row) = rows.next()? {
        match Entry::read(row) {
            Ok(entry) => pass.entry(walk, &entry, row)?,
            Err(why) => {
                let number = signed(row, 0).unwrap_or_default();
                walk.found.problem(format!("entries row {number}"), why);
                pass.commits.torn = true;
                pass.last = number;
            }
        }
        walk.step();
    }
    pass.end(walk)?;
    walk.found.checked_since(
        before,
        format!("{} entries of {} logs: leaves, order, tiles, commits", pass.last, walk.logs.len()),
    );
    if walk.root.is_some() {
        walk.found.checked_since(before, "openings and access index are those of the leaves");
        walk.found.checked_since(before, format!("{} anchors hold", pass.anchors.count));
    }
    Ok(())
}

impl Pass<'_> {
    fn entry(
        &mut self,
        walk: &mut Walk<'_>,
        entry: &Entry<'_>,
        row: &Row<'_>,
    ) -> rusqlite::Result<()> {
        let hash = leaf_hash(entry.leaf);
        for full in self.append(walk, entry, hash) {
            self.tile(walk, entry.account, full)?;
        }
        self.follow(walk, entry, hash)?;
        match Leaf::parse(entry.leaf) {
            Ok(leaf) => {
                self.leaf(walk, entry, &leaf);
                let opened = Opened::check(walk, entry, &leaf);
                super::entry::access(walk, entry, &leaf, opened.as_ref(), row);
                if let Some(opened) = &opened {
                    super::entry::facts(walk, entry, &leaf, opened)?;
                }
            }
            Err(why) => walk.found.problem(entry_name(entry.account, entry.place), why),
        }
        self.anchors.after(walk, entry)
    }

    /// The commit's chain, over all logs.
    fn follow(
        &mut self,
        walk: &mut Walk<'_>,
        entry: &Entry<'_>,
        hash: ledger::Hash,
    ) -> rusqlite::Result<()> {
        if entry.row != self.last.saturating_add(1) {
            let what = format!("entries row {}", entry.row);
            walk.found.problem(what, format!("follows row {}: rows are missing", self.last));
            self.commits.torn = true;
        }
        self.last = entry.row;
        self.chain = sealing::sha256(&[b"bailee-chain/v1", &self.chain, &hash]);
        if self.commits.at(walk, entry.row, &self.chain)? {
            self.number_tiles(walk);
        }
        Ok(())
    }

    /// A commit numbers its tiles by account, then by level.
    fn number_tiles(&mut self, walk: &mut Walk<'_>) {
        self.filled.sort_unstable_by_key(|(account, full, _)| (*account, full.level, full.index));
        for (account, full, row) in self.filled.drain(..) {
            self.tile += 1;
            if row != self.tile && row != 0 && !self.commits.torn {
                let what = format!("tiles row {row} (log {account})");
                let why = format!("is tile {}/{}, of row {}", full.level, full.index, self.tile);
                walk.found.problem(what, why);
            }
        }
    }

    fn append(&mut self, walk: &mut Walk<'_>, entry: &Entry<'_>, hash: ledger::Hash) -> Vec<Full> {
        let log = walk.logs.entry(entry.account).or_default();
        let size = log.range.size();
        if entry.place != size && !std::mem::replace(&mut log.torn, true) {
            let why = format!("stands where entry {size} belongs: entries are missing or moved");
            walk.found.problem(entry_name(entry.account, entry.place), why);
        }
        let full = log.range.push(hash);
        self.anchors.grown(entry.account, log);
        full
    }

    /// A tile that an entry filled has to be stored, and to be the one.
    fn tile(&mut self, walk: &mut Walk<'_>, account: u64, full: Full) -> rusqlite::Result<()> {
        let what = format!("log {account} tile {}/{}", full.level, full.index);
        let mut query = walk.db.prepare_cached(
            "SELECT row, data FROM tiles WHERE account = ?1 AND level = ?2 AND place = ?3",
        )?;
        let place = (account, full.level, i64::try_from(full.index).unwrap_or(i64::MAX));
        let stored = query
            .query_row(params![place.0, place.1, place.2], |row| {
                Ok(signed(row, 0).and_then(|number| Ok((number, bytes(row, 1)?.to_vec()))))
            })
            .optional()?;
        let problem = match stored {
            None => {
                self.filled.push((account, full, 0));
                "is missing".to_owned()
            }
            Some(Err(why)) => why,
            Some(Ok((number, data))) => {
                self.tiles.put(number);
                self.filled.push((account, full, number));
                let root = crate::stage::tile_root(&data).ok();
                let whole = data.len() == usize::from(ledger::tile::WIDTH) * 32;
                if whole && root == Some(full.root) {
                    return Ok(());
                }
                "is not that of the entries".to_owned()
            }
        };
        walk.found.problem(what, problem);
        Ok(())
    }

    /// What a leaf says of its place.
    fn leaf(&mut self, walk: &mut Walk<'_>, entry: &Entry<'_>, leaf: &Leaf) {
        let Walk { logs, identity, found, states, .. } = walk;
        let what = || entry_name(entry.account, entry.place);
        if leaf.index != entry.place {
            found.problem(what(), format!("says it is entry {}", leaf.index));
        }
        let log = logs.entry(entry.account).or_default();
        if leaf.time < log.time {
            found.problem(what(), "is earlier than the entry before it");
        }
        log.time = leaf.time;
        match identity.as_ref().map(|identity| epoch_of(identity, entry.account, &leaf.log)) {
            None => {}
            Some(Some(epoch)) => {
                if epoch < log.epoch {
                    found.problem(what(), "is of an earlier epoch than the entry before it");
                }
                (log.epoch, self.epoch) = (epoch, self.epoch.max(epoch));
            }
            Some(None) => {
                let log = crate::id::shown(&leaf.log);
                found.problem(what(), format!("belongs to the log `{log}`"));
            }
        }
        if leaf.state.is_some() && !states.put(entry.row) {
            found.problem(what(), "stands in a row beyond the number of rows");
        }
        if leaf.state.is_none() && leaf.prev.is_some() {
            found.problem(what(), "names a predecessor and no state");
        }
    }

    fn end(&mut self, walk: &mut Walk<'_>) -> rusqlite::Result<()> {
        self.commits.end(walk, self.last)?;
        self.anchors.end(walk);
        if let Some(identity) = &walk.identity
            && identity.epoch != self.epoch
        {
            let why = format!("is {}, the newest entries are of {}", identity.epoch, self.epoch);
            walk.found.problem("meta `epoch`", why);
        }
        for row in self.tiles.gaps() {
            if walk.found.full() {
                break;
            }
            walk.found.problem(format!("tiles row {row}"), "is no full tile of any log");
        }
        let sql = "SELECT a.row FROM access_index a LEFT JOIN entries e ON e.row = a.row
                   WHERE e.row IS NULL LIMIT 1000";
        let db = walk.db;
        let mut extra = db.prepare(sql)?;
        let mut extra = extra.query([])?;
        while let Some(row) = extra.next()? {
            let what = format!("access_index row {}", super::cells::named(row, 0));
            walk.found.problem(what, "belongs to no entry");
        }
        Ok(())
    }
}

/// The epoch that a leaf's log names, if it is the log of this account in this store. The present
/// epoch and all before it are right.
fn epoch_of(identity: &Identity, account: u64, log: &str) -> Option<u32> {
    let first = Identity { epoch: 0, ..identity.clone() }.origin(account);
    let rest = log.strip_prefix(&first)?;
    if rest.is_empty() {
        return Some(0);
    }
    let epoch: u32 = rest.strip_prefix("/e")?.parse().ok()?;
    let canonical = Identity { epoch, ..identity.clone() }.origin(account) == log;
    (canonical && epoch <= identity.epoch).then_some(epoch)
}

/// The commits, beside the entries.
struct Commits<'s> {
    rows: Rows<'s>,
    next: Option<(u64, i64, [u8; 32])>,
    sequence: u64,
    /// Row of the entry at which the commit before ended.
    last: i64,
    /// Entries were missing or unreadable: the chain cannot be computed any further.
    torn: bool,
}

impl<'s> Commits<'s> {
    fn new(rows: Rows<'s>) -> Self {
        Self { rows, next: None, sequence: 0, last: 0, torn: false }
    }

    /// Reads the next commit, whose number must be the next one.
    fn advance(&mut self, walk: &mut Walk<'_>) -> rusqlite::Result<()> {
        self.next = None;
        while self.next.is_none() {
            let Some(row) = self.rows.next()? else { return Ok(()) };
            let read = || -> Cell<(u64, i64, [u8; 32])> {
                Ok((unsigned(row, 0)?, signed(row, 1)?, array(row, 2)?))
            };
            let what = format!("commits row {}", super::cells::named(row, 0));
            match read() {
                Ok(commit) => {
                    if commit.0 != self.sequence + 1 {
                        let why = format!("follows row {}: rows are missing", self.sequence);
                        walk.found.problem(what, why);
                    }
                    self.sequence = commit.0;
                    self.next = Some(commit);
                }
                Err(why) => walk.found.problem(what, why),
            }
        }
        Ok(())
    }

    /// Compares each commit that ends with this entry, and says whether one did.
    fn at(&mut self, walk: &mut Walk<'_>, row: i64, chain: &[u8; 32]) -> rusqlite::Result<bool> {
        let before = self.last;
        while let Some((sequence, last, stored)) = self.next
            && last <= row
        {
            let what = format!("commits row {sequence}");
            if last < row || last <= self.last {
                walk.found.problem(what, format!("ends at entries row {last}, which is before it"));
            } else if !self.torn && stored != *chain {
                walk.found.problem(what, "its chain is not that of the entries up to it");
                // One difference carries through all that follow.
                self.torn = true;
            }
            self.last = last;
            self.advance(walk)?;
        }
        Ok(self.last != before)
    }

    /// No commit and no entry may be left over.
    fn end(&mut self, walk: &mut Walk<'_>, row: i64) -> rusqlite::Result<()> {
        if self.next.is_none() && self.last != row {
            let why = format!("belongs to no commit: the newest ends at row {}", self.last);
            walk.found.problem(format!("entries row {row}"), why);
        }
        while let Some((sequence, last, _)) = self.next {
            let why = format!("ends at entries row {last}, the last one is row {row}");
            walk.found.problem(format!("commits row {sequence}"), why);
            self.advance(walk)?;
        }
        Ok(())
    }
}
