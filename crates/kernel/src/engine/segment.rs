//! Segments of the access index: for each 256 rows, which tags stand in which of them.
//!
//! A segment is made by the commit that fills it, out of rows that do not change any more, and is
//! written once. A search reads the directories of the segments in its span and then only the rows
//! it wants; the rows after the last full segment it reads themselves.

use super::rows::{AccessRow, SegmentRow};
use super::{By, Tag};
use std::collections::BTreeMap;

/// Rows of the access index that a segment covers.
pub const SEGMENT: i64 = 256;

/// Stands for rows without a source; no HMAC is expected to be all zeros.
const NO_SOURCE: Tag = [0; 16];

/// A tag, and where its places end, counted over the segment.
const ENTRY: usize = 18;

/// Makes a segment of its rows: 256, in order.
pub fn segment(number: i64, rows: &[AccessRow]) -> SegmentRow {
    let mut places: BTreeMap<Tag, Vec<u8>> = BTreeMap::new();
    for (place, row) in (0..=u8::MAX).zip(rows) {
        for tag in [row.actor, row.credential, row.source.unwrap_or(NO_SOURCE)] {
            places.entry(tag).or_default().push(place);
        }
    }
    let mut made = SegmentRow { row: number, tags: vec![], places: vec![] };
    for (tag, of) in places {
        made.places.extend(of);
        // At most three places a row: they fit.
        let end = u16::try_from(made.places.len()).unwrap_or(u16::MAX);
        made.tags.extend(tag);
        made.tags.extend(end.to_be_bytes());
    }
    made
}

/// The first and last row of a segment.
pub fn bounds(number: i64) -> (i64, i64) {
    let last = number.saturating_mul(SEGMENT);
    (last.saturating_sub(SEGMENT - 1), last)
}

/// The rows of a segment that hold what is looked for. What a damaged segment says is not
/// believed: every row it names is looked at by whoever asks.
pub fn find(segment: &SegmentRow, by: By) -> Vec<i64> {
    let wanted = match by {
        By::Actor(tag) | By::Credential(tag) | By::Source(tag) => tag,
        By::NoSource => NO_SOURCE,
    };
    let (entries, _) = segment.tags.as_chunks::<ENTRY>();
    let Ok(at) = entries.binary_search_by(|entry| entry.iter().take(16).cmp(wanted.iter())) else {
        return vec![];
    };
    let end = |at: usize| {
        let entry = entries.get(at)?;
        Some(usize::from(u16::from_be_bytes([*entry.get(16)?, *entry.get(17)?])))
    };
    let start = at.checked_sub(1).map_or(Some(0), end);
    let places = start.zip(end(at)).and_then(|(start, end)| segment.places.get(start..end));
    let first = bounds(segment.row).0;
    places.into_iter().flatten().map(|place| first + i64::from(*place)).collect()
}

/// Whether a row holds what is looked for.
pub fn holds(row: &AccessRow, by: By) -> bool {
    match by {
        By::Actor(tag) => row.actor == tag,
        By::Credential(tag) => row.credential == tag,
        By::Source(tag) => row.source == Some(tag),
        By::NoSource => row.source.is_none(),
    }
}
