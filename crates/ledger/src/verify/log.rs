//! Verifying a whole log from its files: everything is derived again from the entry bundles.

use super::{Report, check_key};
use crate::Hash;
use crate::checkpoint::Checkpoint;
use crate::entry::{Leaf, same_log, split_epoch};
use crate::error::quote;
use crate::note::VerifierKey;
use crate::tile::{
    MAX_LEVEL, TileId, TilePath, WIDTH, bundles_of, decode_entries, entry_range, subtree_root,
};
use crate::tree::{Frontier, leaf_hash};

/// Reads the file of a path, or says that there is none.
type Read<'a> = &'a mut dyn FnMut(&str) -> Option<Vec<u8>>;

/// Checks a log exported as files. `read` gives the bytes of `checkpoint`, `vkey` and `tile/…`.
///
/// Every tile and the root are derived from the entry bundles and compared; every entry is read and
/// must name this log and its own index, a predecessor before it, and a time and epoch not before
/// those of the entry before it. Memory stays at about two bundles, whatever the size.
#[must_use]
pub fn verify_log(read: Read<'_>, trusted: Option<&[u8; 32]>) -> Report {
    let mut report = Report::default();
    let Some(key) = read_text(&mut report, read, "vkey").and_then(|text| {
        let parsed = VerifierKey::parse(text.strip_suffix('\n').unwrap_or(&text));
        parsed.map_err(|why| report.problem("vkey", why)).ok()
    }) else {
        return report;
    };
    check_key(&mut report, &key, trusted);
    let Some(head) = read_text(&mut report, read, "checkpoint").and_then(|note| {
        Checkpoint::open(&note, &key).map_err(|why| report.problem("checkpoint", why)).ok()
    }) else {
        return report;
    };
    report.checked(format!(
        "checkpoint of `{}` at {} entries is signed",
        quote(&head.origin),
        head.size
    ));
    let mut walk = Walk { report, read, head, levels: Vec::new(), last: (0, 0) };
    walk.entries();
    let mut report = walk.report;
    report.not_checked(
        "whether there are newer entries, and whether everybody is shown this head: \
         compare an anchor or a later checkpoint",
    );
    report
}

fn read_text(report: &mut Report, read: Read<'_>, path: &str) -> Option<String> {
    let text = read(path).map(String::from_utf8);
    match text {
        Some(Ok(text)) => return Some(text),
        Some(Err(_)) => report.problem(path, "is not UTF-8 text"),
        None => report.problem(path, "is missing"),
    }
    None
}

/// The pass over the entries.
struct Walk<'a> {
    report: Report,
    read: Read<'a>,
    head: Checkpoint,
    /// Per tile level, the index of the tile being filled and its hashes so far.
    levels: Vec<(u64, Vec<Hash>)>,
    /// Time and epoch of the last entry.
    last: (u64, u64),
}

impl Walk<'_> {
    fn entries(&mut self) {
        let mut frontier = Frontier::new();
        for (index, width) in bundles_of(self.head.size) {
            let path = TilePath::Entries { index, width }.path();
            let Some(bundle) = (self.read)(&path) else {
                // Without these entries nothing after them can be derived.
                return self.report.problem(path, "is missing; the rest was not checked");
            };
            let entries = match decode_entries(&bundle, width) {
                Ok(entries) => entries,
                Err(why) => return self.report.problem(path, why),
            };
            for (leaf, at) in entries.into_iter().zip(entry_range(index, width).0..) {
                let hash = leaf_hash(leaf);
                frontier.push(hash);
                self.add(0, hash);
                self.leaf(at, leaf);
            }
        }
        for level in 0..self.levels.len() {
            self.close(level);
        }
        if frontier.root() == self.head.root {
            let size = self.head.size;
            self.report.checked(format!("the root is that of the {size} entries"));
        } else {
            self.report.problem("checkpoint", "its root is not that of the entries");
        }
        if self.report.ok() {
            self.report.checked("every tile is that of the entries");
            self.report.checked("every entry names this log, its index and a time in order");
        }
    }

    /// Adds a node to the tile being filled on `level`; a full tile is compared and hashed into the
    /// level above.
    fn add(&mut self, level: usize, hash: Hash) {
        if level > usize::from(MAX_LEVEL) {
            return;
        }
        while self.levels.len() <= level {
            self.levels.push((0, Vec::with_capacity(usize::from(WIDTH))));
        }
        let Some((_, hashes)) = self.levels.get_mut(level) else { return };
        hashes.push(hash);
        if hashes.len() == usize::from(WIDTH) {
            let root = subtree_root(hashes);
            self.close(level);
            self.add(level + 1, root);
        }
    }

    /// Compares the tile being filled on `level` with the one stored and starts the next.
    fn close(&mut self, level: usize) {
        let Some((index, hashes)) = self.levels.get_mut(level) else { return };
        if hashes.is_empty() {
            return;
        }
        let tile = TileId { level: level as u8, index: *index, width: hashes.len() as u16 };
        *index += 1;
        let derived = hashes.concat();
        hashes.clear();
        let path = tile.path();
        match (self.read)(&path) {
            Some(stored) if stored == derived => {}
            Some(_) => self.report.problem(path, "is not that of the entries"),
            None => self.report.problem(path, "is missing"),
        }
    }

    fn leaf(&mut self, at: u64, bytes: &[u8]) {
        let what = || format!("entry {at}");
        let leaf = match Leaf::parse(bytes) {
            Ok(leaf) => leaf,
            Err(why) => return self.report.problem(what(), why),
        };
        if leaf.index != at {
            self.report.problem(what(), format!("says it is entry {}", leaf.index));
        }
        if !same_log(&leaf.log, &self.head.origin) {
            let log = quote(&leaf.log);
            self.report.problem(what(), format!("belongs to the log `{log}`"));
        }
        let (_, epoch) = split_epoch(&leaf.log);
        if leaf.time < self.last.0 || epoch < self.last.1 {
            self.report.problem(what(), "has an earlier time or epoch than the one before it");
        }
        self.last = (leaf.time.max(self.last.0), epoch.max(self.last.1));
    }
}
