//! Tiles and entry bundles: the log as static files (C2SP tlog-tiles).
//!
//! What it is: names, contents and reading of tiles. A tile of level `l` holds up to 256
//! consecutive nodes of tree level `8 * l`; entry bundles hold the leaves themselves.
//! Promises: one path per tile and one tile per path; a proof built from tiles needs no other
//! input.
//! Does not: store, serve or prune tiles.

use std::collections::BTreeMap;

use crate::text::{decimal, push_decimal};
use crate::tree::node_hash;
use crate::{Hash, Malformed};

/// Height of the subtree a full tile stands for.
pub const HEIGHT: u8 = 8;

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH: u16 = 256;

/// The highest tile level: level 5 reaches trees of [`crate::tree::MAX_SIZE`] leaves.
pub const MAX_LEVEL: u8 = 5;

/// Bytes of one entry at most: the bundle's length prefix has 16 bits.
pub const MAX_ENTRY: usize = 65_535;

/// Longest tile path accepted: 2^40 tiles of a level need five groups of digits.
const MAX_PATH: usize = 64;

/// A tile of hashes. Ordered by level, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Tile level, 0 to [`MAX_LEVEL`]; level 0 holds leaf hashes.
    pub level: u8,
    /// Position within the level.
    pub index: u64,
    /// Number of hashes, 1 to [`WIDTH`]; less than that is a partial tile.
    pub width: u16,
}

impl TileId {
    /// The tile's path, such as `tile/0/x001/067.p/5`.
    #[must_use]
    pub fn path(&self) -> String {
        TilePath::Hashes(*self).path()
    }
}

/// What a path under `tile/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilePath {
    /// A tile of hashes.
    Hashes(TileId),
    /// A bundle of entries.
    Entries {
        /// Position of the bundle; it begins with entry `index * 256`.
        index: u64,
        /// Number of entries, 1 to [`WIDTH`].
        width: u16,
    },
}

impl TilePath {
    /// The path, such as `tile/entries/000.p/17`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut out = String::from("tile/");
        let (index, width) = match *self {
            Self::Hashes(TileId { level, index, width }) => {
                push_decimal(&mut out, u64::from(level));
                (index, width)
            }
            Self::Entries { index, width } => {
                out.push_str("entries");
                (index, width)
            }
        };
        push_index(&mut out, index);
        if width < WIDTH {
            out.push_str(".p/");
            push_decimal(&mut out, u64::from(width));
        }
        out
    }
}

/// Appends an index as path elements of three digits, all but the last with an `x`.
fn push_index(out: &mut String, index: u64) {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    for (place, group) in groups.iter().enumerate().rev() {
        out.push_str(if place > 0 { "/x" } else { "/" });
        for digit in [group / 100, group / 10 % 10, group % 10] {
            out.push(char::from(b'0' + digit as u8));
        }
    }
}

/// Reads a tile path.
///
/// # Errors
/// When `path` is not the one path of a tile or bundle: another prefix, a level over [`MAX_LEVEL`],
/// superfluous zeros, a width outside 1 to 255.
pub fn parse_path(path: &str) -> Result<TilePath, Malformed> {
    read_path(path)
        // Rendering again is the whole canonicity check.
        .filter(|tile| path.len() <= MAX_PATH && tile.path() == path)
        .ok_or_else(|| Malformed::quoting("not the path of a tile", path))
}

fn read_path(path: &str) -> Option<TilePath> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (digits, width) = match rest.split_once(".p/") {
        Some((digits, width)) => {
            (digits, decimal(width).ok().filter(|w| (1..256).contains(w))? as u16)
        }
        None => (rest, WIDTH),
    };
    let mut index = 0_u64;
    for group in digits.split('/') {
        let group = group.strip_prefix('x').unwrap_or(group);
        if group.len() != 3 || !group.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(group.parse().ok()?)?;
    }
    if index >= 1 << 40 {
        return None;
    }
    if kind == "entries" {
        return Some(TilePath::Entries { index, width });
    }
    let level = decimal(kind).ok().filter(|level| *level <= u64::from(MAX_LEVEL))? as u8;
    Some(TilePath::Hashes(TileId { level, index, width }))
}

/// The leaf indexes that a tile or bundle of level 0 covers: first and one past the last.
#[must_use]
pub fn entry_range(index: u64, width: u16) -> (u64, u64) {
    let first = index.saturating_mul(u64::from(WIDTH));
    (first, first.saturating_add(u64::from(width)))
}

/// Every tile of hashes of a tree of `size` leaves, partial ones at the right edge included, level
/// by level. Sizes over [`crate::tree::MAX_SIZE`] are not fully covered.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TileId> {
    (0..=MAX_LEVEL).flat_map(move |level| {
        let nodes = size >> (HEIGHT * level);
        (0..nodes.div_ceil(u64::from(WIDTH))).map(move |index| TileId {
            level,
            index,
            width: width_at(nodes, index),
        })
    })
}

/// Every entry bundle of a tree of `size` leaves, as `(index, width)`.
pub fn bundles_of(size: u64) -> impl Iterator<Item = (u64, u16)> {
    (0..size.div_ceil(u64::from(WIDTH))).map(move |index| (index, width_at(size, index)))
}

/// Width of tile `index` on a level of `nodes` nodes; 0 past the end.
fn width_at(nodes: u64, index: u64) -> u16 {
    let full = u64::from(WIDTH);
    nodes.saturating_sub(index.saturating_mul(full)).min(full) as u16
}

/// Writes an entry bundle: each entry after its length in two big-endian bytes.
///
/// # Errors
/// When an entry is longer than [`MAX_ENTRY`].
pub fn encode_entries<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(entries.iter().map(|e| e.as_ref().len() + 2).sum());
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| {
            Malformed::with(format!(
                "an entry of {} bytes does not fit a bundle; the limit is {MAX_ENTRY}",
                entry.len()
            ))
        })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// Reads an entry bundle of exactly `width` entries.
///
/// # Errors
/// When the bytes end inside an entry, or hold more or fewer entries.
pub fn decode_entries(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, Malformed> {
    let mut entries = Vec::with_capacity(usize::from(width.min(WIDTH)));
    let mut rest = bundle;
    for _ in 0..width {
        let short = Malformed::new("the entry bundle ends early; fetch it again");
        let (length, after) = rest.split_first_chunk::<2>().ok_or_else(|| short.clone())?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(short)?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Malformed::new("the entry bundle has bytes after its last entry"));
    }
    Ok(entries)
}

/// Splits a tile's bytes into its hashes.
///
/// # Errors
/// When `bytes` is not exactly 32 bytes per hash of `tile`.
pub fn decode_hashes<'a>(tile: &TileId, bytes: &'a [u8]) -> Result<&'a [Hash], Malformed> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) {
        return Err(Malformed::with(format!(
            "`{}` has {} bytes instead of {}; fetch it again",
            tile.path(),
            bytes.len(),
            usize::from(tile.width) * 32
        )));
    }
    Ok(hashes)
}

/// Why a node could not be read out of tiles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError<E> {
    /// The tile could not be fetched.
    #[error("{0}")]
    Fetch(E),
    /// The tile was fetched and is not one.
    #[error(transparent)]
    Malformed(Malformed),
}

/// Reads nodes of a tree of a given size out of its tiles; each tile is fetched once.
///
/// Meant for the node closures of [`crate::tree::inclusion_proof`] and its neighbours:
/// `&mut |level, index| reader.node(level, index)`.
#[derive(Debug)]
pub struct TileReader<F> {
    size: u64,
    fetch: F,
    tiles: BTreeMap<TileId, Vec<Hash>>,
}

impl<E, F: FnMut(&TileId) -> Result<Vec<u8>, E>> TileReader<F> {
    /// A reader for the tree of `size` leaves. `fetch` gives a tile's bytes; for a partial tile it
    /// is asked with the width that a tree of this size has.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, tiles: BTreeMap::new() }
    }

    /// Root of the perfect subtree `index` of `level`.
    ///
    /// # Errors
    /// When the tile cannot be fetched or has another length, or the node is outside the tree.
    pub fn node(&mut self, level: u8, index: u64) -> Result<Hash, TileError<E>> {
        let outside = || TileError::Malformed(Malformed::new("that node is outside the tree"));
        let (tile_level, depth) = (level / HEIGHT, level % HEIGHT);
        if tile_level > MAX_LEVEL || index >= self.size.checked_shr(level.into()).unwrap_or(0) {
            return Err(outside());
        }
        let first = index << depth;
        let tile = TileId {
            level: tile_level,
            index: first / u64::from(WIDTH),
            width: width_at(self.size >> (tile_level * HEIGHT), first / u64::from(WIDTH)),
        };
        let start = (first % u64::from(WIDTH)) as usize;
        let hashes = self.tile(tile)?;
        let below = hashes.get(start..start + (1 << depth)).ok_or_else(outside)?;
        Ok(subtree_root(below))
    }

    fn tile(&mut self, tile: TileId) -> Result<&[Hash], TileError<E>> {
        use std::collections::btree_map::Entry;
        Ok(match self.tiles.entry(tile) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let bytes = (self.fetch)(&tile).map_err(TileError::Fetch)?;
                let hashes = decode_hashes(&tile, &bytes).map_err(TileError::Malformed)?;
                place.insert(hashes.to_vec())
            }
        })
    }
}

/// Root over a power of two of sibling nodes: the hash that a full tile contributes to the level
/// above. One node is its own root.
#[must_use]
pub fn subtree_root(nodes: &[Hash]) -> Hash {
    let mut level = nodes.to_vec();
    while level.len() > 1 {
        let (pairs, lone) = level.as_chunks::<2>();
        let above = pairs.iter().map(|[left, right]| node_hash(left, right));
        level = above.chain(lone.iter().copied()).collect();
    }
    level.first().copied().unwrap_or_else(crate::tree::empty_root)
}
