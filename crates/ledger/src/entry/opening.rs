//! Openings: the salts and values behind a leaf's commitments.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Committer, Leaf, MAX_FIELDS, MAX_NAME, MAX_VALUE, Salts};
use crate::Malformed;
use crate::error::quote;
use crate::text::{JsonHash, push_base64, push_json};

/// A field that is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// The salt of its commitment.
    pub salt: [u8; 32],
    /// Its value.
    pub value: String,
}

/// The fields of an entry that are shown, by name. Everything else of the entry is withheld. Its
/// `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// The shown fields.
    pub fields: BTreeMap<String, Shown>,
}

/// What a leaf's field turned out to be.
#[derive(Clone, PartialEq, Eq)]
pub enum FieldState {
    /// Shown, with this value, which its commitment confirms.
    Shown(String),
    /// Not shown: withheld by whoever passed the opening on, or erased.
    Withheld,
}

impl fmt::Debug for FieldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shown(_) => "Shown(…)",
            Self::Withheld => "Withheld",
        })
    }
}

/// Why an opening is not that of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// Salt or value are not what the leaf commits to.
    #[error("field `{0}` does not match its commitment; the opening was altered or is another's")]
    Mismatch(String),
    /// The leaf has no such field.
    #[error("field `{0}` is shown, but the entry has no such field")]
    Unknown(String),
}

impl Opening {
    /// Opens every field of an entry.
    #[must_use]
    pub fn new(seed: &[u8; 32], fields: &[(&str, &str)]) -> Self {
        let salts = Salts::new(seed);
        let show = |&(name, value): &(&str, &str)| {
            (name.to_owned(), Shown { salt: salts.of(name), value: value.to_owned() })
        };
        Self { fields: fields.iter().map(show).collect() }
    }

    /// Takes the named fields out; they are then withheld.
    pub fn redact(&mut self, names: &[&str]) {
        self.fields.retain(|name, _| !names.contains(&name.as_str()));
    }

    /// Compares with a leaf and says of each of its fields, in order of name, whether it is shown.
    ///
    /// # Errors
    /// When a shown field does not match its commitment, or the leaf has no such field.
    pub fn check(&self, leaf: &Leaf) -> Result<Vec<(String, FieldState)>, OpeningError> {
        if let Some(name) = self.fields.keys().find(|name| !leaf.fields.contains_key(*name)) {
            return Err(OpeningError::Unknown(quote(name)));
        }
        let mut committer = Committer::new(&leaf.log, leaf.index);
        let judge = |(name, commitment): (&String, &crate::Hash)| {
            let Some(shown) = self.fields.get(name) else {
                return Ok((name.clone(), FieldState::Withheld));
            };
            if committer.commit(name, &shown.salt, &shown.value) != *commitment {
                return Err(OpeningError::Mismatch(quote(name)));
            }
            Ok((name.clone(), FieldState::Shown(shown.value.clone())))
        };
        leaf.fields.iter().map(judge).collect()
    }

    /// The JSON form: `{"actor":{"salt":"<base64>","value":"…"},…}`, sorted by name, no spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.fields.len() * 128 + 2);
        self.push_json(&mut out);
        out
    }

    pub(crate) fn push_json(&self, out: &mut String) {
        out.push('{');
        for (place, (name, shown)) in self.fields.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            push_json(out, name);
            out.push_str(":{\"salt\":\"");
            push_base64(out, &shown.salt);
            out.push_str("\",\"value\":");
            push_json(out, &shown.value);
            out.push('}');
        }
        out.push('}');
    }

    /// Reads the JSON form; spacing and the order of keys are free, everything else is not.
    ///
    /// # Errors
    /// When `json` has unknown or repeated keys, a salt that is not 32 bytes, or is over the
    /// limits.
    pub fn from_json(json: &str) -> Result<Self, Malformed> {
        serde_json::from_str(json)
            .map_err(|e| Malformed::with(format!("not the opening of an entry: {e}")))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.keys()).finish()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// One shown field as JSON carries it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireShown<'a> {
    salt: JsonHash,
    value: std::borrow::Cow<'a, str>,
}

impl Serialize for Opening {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.fields.len()))?;
        for (name, shown) in &self.fields {
            let wire = WireShown { salt: JsonHash(shown.salt), value: (&shown.value).into() };
            map.serialize_entry(name, &wire)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OpeningVisitor)
    }
}

/// Reads the members one by one, since a plain map would keep the last of two equal keys.
struct OpeningVisitor;

impl<'de> Visitor<'de> for OpeningVisitor {
    type Value = Opening;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of shown fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Opening, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, wire)) = map.next_entry::<String, WireShown<'_>>()? {
            if fields.len() >= MAX_FIELDS || name.len() > MAX_NAME || wire.value.len() > MAX_VALUE {
                return Err(A::Error::custom("more or longer fields than an entry can have"));
            }
            let shown = Shown { salt: wire.salt.0, value: wire.value.into_owned() };
            if fields.insert(name, shown).is_some() {
                return Err(A::Error::custom("the same field twice"));
            }
        }
        Ok(Opening { fields })
    }
}

/// What a log keeps, sealed, to open an entry later: the seed and the values. Its `Debug` shows
/// names only; the seed must not outlive an erasure.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredOpening {
    /// The entry's seed.
    pub seed: [u8; 32],
    /// Field names and values, in the order given.
    pub fields: Vec<(String, String)>,
}

/// The stored form's first byte.
const STORED_VERSION: u8 = 1;

impl StoredOpening {
    /// The opening of every field.
    #[must_use]
    pub fn opening(&self) -> Opening {
        let fields: Vec<_> = self.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Opening::new(&self.seed, &fields)
    }

    /// The stored form: version 1, the seed, then per field the name after its length in one byte
    /// and the value after its length in four big-endian bytes. Longer names or values, which
    /// [`super::Draft::check`] refuses, do not come back.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let size = self.fields.iter().map(|(name, value)| name.len() + value.len() + 5);
        let mut out = Vec::with_capacity(33 + size.sum::<usize>());
        out.push(STORED_VERSION);
        out.extend_from_slice(&self.seed);
        for (name, value) in &self.fields {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&(value.len() as u32).to_be_bytes());
            out.extend_from_slice(value.as_bytes());
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the version is unknown, the bytes end early, text is not UTF-8, a field is there twice
    /// or a limit is passed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const BAD: Malformed = Malformed::new("not the stored opening of an entry");
        let (&[version], rest) = bytes.split_first_chunk::<1>().ok_or(BAD)?;
        if version != STORED_VERSION {
            return Err(Malformed::with(format!(
                "a stored opening of version {version} is unknown; use the release that wrote it"
            )));
        }
        let (seed, mut rest) = rest.split_first_chunk::<32>().ok_or(BAD)?;
        let mut fields = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while !rest.is_empty() {
            let (&[length], after) = rest.split_first_chunk::<1>().ok_or(BAD)?;
            let (name, after) = after.split_at_checked(usize::from(length)).ok_or(BAD)?;
            let (length, after) = after.split_first_chunk::<4>().ok_or(BAD)?;
            let length = u32::from_be_bytes(*length) as usize;
            let (value, after) = after.split_at_checked(length).ok_or(BAD)?;
            let name = std::str::from_utf8(name).map_err(|_| BAD)?;
            let value = std::str::from_utf8(value).map_err(|_| BAD)?;
            let fits = fields.len() < MAX_FIELDS && length <= MAX_VALUE;
            if !fits || super::check_name(name).is_err() || !names.insert(name) {
                return Err(BAD);
            }
            fields.push((name.to_owned(), value.to_owned()));
            rest = after;
        }
        Ok(Self { seed: *seed, fields })
    }
}

impl fmt::Debug for StoredOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}
