//! The leaf: writing it, reading it strictly, and which log it belongs to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Committer, FORMAT, MAX_FIELDS, MAX_TIME, MAX_VALUE, Salts, check_name};
use crate::text::{JsonHash, decimal, push_base64, push_decimal, push_json};
use crate::tile::MAX_ENTRY;
use crate::tree::MAX_SIZE;
use crate::{Hash, Malformed, note};

/// An entry about to be written.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    /// Origin of the log it goes to.
    pub log: &'a str,
    /// Its index there.
    pub index: u64,
    /// Microseconds since 1970-01-01T00:00:00 UTC, at most [`MAX_TIME`].
    pub time: u64,
    /// What happened, such as `records.put`.
    pub kind: &'a str,
    /// Hash of the record's state after this entry, if the entry is about a record.
    pub state: Option<Hash>,
    /// Index of the entry that made the state which this one replaces.
    pub prev: Option<u64>,
    /// 32 random bytes of this entry alone; all its salts come from it.
    pub seed: &'a [u8; 32],
    /// Field names and values; each name once, in any order.
    pub fields: &'a [(&'a str, &'a str)],
}

impl Draft<'_> {
    /// The leaf's bytes.
    ///
    /// What [`Draft::check`] refuses gives a leaf that [`Leaf::parse`] refuses; in debug builds it
    /// stops the program, since names and counts are constants of the caller.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        debug_assert_eq!(self.check(), Ok(()));
        let salts = Salts::new(self.seed);
        let mut committer = Committer::new(self.log, self.index);
        let mut sorted: Vec<_> = self.fields.iter().collect();
        sorted.sort_unstable();
        let fields = sorted
            .into_iter()
            .map(|(name, value)| (*name, committer.commit(name, &salts.of(name), value)));
        let head = Head {
            log: self.log,
            index: self.index,
            time: self.time,
            kind: self.kind,
            state: self.state,
            prev: self.prev,
        };
        head.render(fields, self.fields.len())
    }

    /// Whether the entry keeps to the limits of this module.
    ///
    /// # Errors
    /// When a name is malformed, a field is there twice, a value or the time is too large, `prev`
    /// is not an earlier entry, or there are too many fields.
    pub fn check(&self) -> Result<(), Malformed> {
        let names = self.fields.iter().map(|(name, _)| *name);
        check_head(self.log, self.index, self.time, self.kind, self.prev)?;
        check_fields(names.clone())?;
        let distinct: std::collections::BTreeSet<_> = names.collect();
        if distinct.len() != self.fields.len() {
            return Err(Malformed::new("an entry has the same field twice; name each once"));
        }
        if self.fields.iter().any(|(_, value)| value.len() > MAX_VALUE) {
            return Err(Malformed::new("a field's value is over 1 MiB; shorten or split it"));
        }
        Ok(())
    }
}

/// A leaf that has been read. Equal leaves have equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Origin of its log.
    pub log: String,
    /// Index in its log.
    pub index: u64,
    /// Microseconds since 1970, UTC.
    pub time: u64,
    /// What happened.
    pub kind: String,
    /// Hash of the record's state after the entry.
    pub state: Option<Hash>,
    /// Index of the entry that made the state which this one replaces.
    pub prev: Option<u64>,
    /// The commitment of every field, by name.
    pub fields: BTreeMap<String, Hash>,
}

/// A leaf as serde reads it. Order, spacing and repeated keys are judged by rendering it again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    log: String,
    index: u64,
    time: u64,
    kind: String,
    state: Option<JsonHash>,
    prev: Option<u64>,
    fields: BTreeMap<String, JsonHash>,
}

impl Leaf {
    /// Reads a leaf.
    ///
    /// # Errors
    /// When `bytes` are not exactly what a writer makes: another format, order or spacing, unknown
    /// or repeated keys, numbers or base64 in another spelling, anything over the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_ENTRY {
            return Err(Malformed::new("the leaf is longer than 65,535 bytes"));
        }
        let wire: Wire<'_> = serde_json::from_slice(bytes)
            .map_err(|e| Malformed::with(format!("the leaf is not an entry: {e}")))?;
        if wire.format != FORMAT {
            return Err(Malformed::quoting("the leaf has a format unknown here", &wire.format));
        }
        check_head(&wire.log, wire.index, wire.time, &wire.kind, wire.prev)?;
        check_fields(wire.fields.keys().map(String::as_str))?;
        let leaf = Self {
            log: wire.log,
            index: wire.index,
            time: wire.time,
            kind: wire.kind,
            state: wire.state.map(|state| state.0),
            prev: wire.prev,
            fields: wire.fields.into_iter().map(|(name, hash)| (name, hash.0)).collect(),
        };
        if leaf.to_bytes() != bytes {
            return Err(Malformed::new("the leaf is not written as its format demands"));
        }
        Ok(leaf)
    }

    /// The leaf's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            log: &self.log,
            index: self.index,
            time: self.time,
            kind: &self.kind,
            state: self.state,
            prev: self.prev,
        };
        let fields = self.fields.iter().map(|(name, hash)| (name.as_str(), *hash));
        head.render(fields, self.fields.len())
    }
}

/// Everything of a leaf but its fields.
struct Head<'a> {
    log: &'a str,
    index: u64,
    time: u64,
    kind: &'a str,
    state: Option<Hash>,
    prev: Option<u64>,
}

impl Head<'_> {
    /// Writes the leaf: keys in this order, no spaces. Frozen by test vectors.
    fn render<'f>(&self, fields: impl Iterator<Item = (&'f str, Hash)>, count: usize) -> Vec<u8> {
        let mut out = String::with_capacity(256 + count * 64);
        out.push_str("{\"format\":\"");
        out.push_str(FORMAT);
        out.push_str("\",\"log\":");
        push_json(&mut out, self.log);
        out.push_str(",\"index\":");
        push_decimal(&mut out, self.index);
        out.push_str(",\"time\":");
        push_decimal(&mut out, self.time);
        out.push_str(",\"kind\":");
        push_json(&mut out, self.kind);
        if let Some(state) = &self.state {
            out.push_str(",\"state\":\"");
            push_base64(&mut out, state);
            out.push('"');
        }
        if let Some(prev) = self.prev {
            out.push_str(",\"prev\":");
            push_decimal(&mut out, prev);
        }
        out.push_str(",\"fields\":{");
        let mut comma = false;
        for (name, hash) in fields {
            if std::mem::replace(&mut comma, true) {
                out.push(',');
            }
            push_json(&mut out, name);
            out.push_str(":\"");
            push_base64(&mut out, &hash);
            out.push('"');
        }
        out.push_str("}}");
        out.into_bytes()
    }
}

fn check_head(
    log: &str,
    index: u64,
    time: u64,
    kind: &str,
    prev: Option<u64>,
) -> Result<(), Malformed> {
    note::check_name(log)?;
    check_name(kind)?;
    if index >= MAX_SIZE || time > MAX_TIME {
        return Err(Malformed::new("the entry's index or time is over the limit"));
    }
    if prev.is_some_and(|prev| prev >= index) {
        return Err(Malformed::new("the entry names itself or a later one as its predecessor"));
    }
    Ok(())
}

fn check_fields<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<(), Malformed> {
    if names.clone().count() > MAX_FIELDS {
        return Err(Malformed::new("the entry has more than 128 fields"));
    }
    names.into_iter().try_for_each(check_name)
}

/// Whether a leaf that says `leaf_log` may stand in the log `origin`: the same log, in the same or
/// an earlier epoch. Epoch `n` of a log has the suffix `/en`; the first has none.
#[must_use]
pub fn same_log(leaf_log: &str, origin: &str) -> bool {
    let (leaf_base, leaf_epoch) = split_epoch(leaf_log);
    let (base, epoch) = split_epoch(origin);
    leaf_base == base && leaf_epoch <= epoch
}

/// The snapshot slot that a log's origin names: the number after its last slash, the epoch left
/// out.
#[must_use]
pub fn slot_of(origin: &str) -> Option<u64> {
    let (base, _) = split_epoch(origin);
    let (_, slot) = base.rsplit_once('/')?;
    decimal(slot).ok()
}

/// The epoch of a log's origin; 0 without a suffix.
pub(crate) fn split_epoch(origin: &str) -> (&str, u64) {
    let split = || {
        let (base, suffix) = origin.rsplit_once('/')?;
        let epoch = decimal(suffix.strip_prefix('e')?).ok().filter(|epoch| *epoch > 0)?;
        Some((base, epoch))
    };
    split().unwrap_or((origin, 0))
}
