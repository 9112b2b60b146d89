//! Reading and opening bodies, after the commit that recorded who sees them.

use crate::engine::{Reader, VersionRow};
use crate::error::{Error, Result};
use crate::operation::Pointer;
use crate::store::version_context;
use crate::time::Moment;
use sealing::open;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Opens what a committed entry says is shown.
pub struct Reveal {
    pub(crate) reader: Arc<dyn Reader>,
    /// Versions that were read already, by account and row.
    pub(crate) read: Arc<HashMap<(u64, i64), VersionRow>>,
    pub(crate) indexes: Vec<(u64, u64)>,
    pub(crate) now: Moment,
}

/// The sealed header of a version: the readable ids, and who made it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Header {
    /// The collection.
    pub collection: String,
    /// The id.
    pub id: String,
    /// Who made this version.
    pub author: String,
    /// When, µs since 1970.
    pub at: u64,
    /// The action that made it.
    pub kind: String,
}

/// An opened version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its header.
    pub header: Header,
    /// Its number, from 1.
    pub number: u64,
    /// Whether it says that the record is deleted.
    pub deleted: bool,
    /// The body as it was given; empty for a deletion.
    pub body: Vec<u8>,
}

impl Reveal {
    /// The moment of the operation.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Account and index of the operation's n-th entry.
    pub fn index(&self, entry: usize) -> Option<(u64, u64)> {
        self.indexes.get(entry).copied()
    }

    /// The version a pointer leads to.
    ///
    /// # Errors
    /// `Internal` if it is missing or does not open.
    pub fn open(&self, pointer: &Pointer) -> Result<Version> {
        Ok(self.follow(pointer)?.0)
    }

    /// All versions of a record, newest first, from the one the pointer leads to.
    ///
    /// # Errors
    /// `Internal` if one is missing or does not open.
    pub fn history(&self, pointer: &Pointer, limit: usize) -> Result<Vec<Version>> {
        let mut versions = Vec::new();
        let mut at = pointer.clone();
        loop {
            let (version, row) = self.follow(&at)?;
            let done = row.prev == 0 || versions.len() + 1 >= limit;
            versions.push(version);
            if done {
                return Ok(versions);
            }
            (at.row, at.version) = (row.prev, at.version.saturating_sub(1));
        }
    }

    fn follow(&self, pointer: &Pointer) -> Result<(Version, VersionRow)> {
        match self.read.get(&(pointer.account, pointer.row)) {
            Some(row) => Ok((opened(pointer, row)?, row.clone())),
            None => Self::follow_in(&*self.reader, pointer),
        }
    }

    pub(crate) fn follow_in(
        reader: &dyn Reader,
        pointer: &Pointer,
    ) -> Result<(Version, VersionRow)> {
        let missing = || Error::internal(format!("version row {} is missing", pointer.row));
        let row = reader.version(pointer.account, pointer.row)?.ok_or_else(missing)?;
        Ok((opened(pointer, &row)?, row))
    }
}

/// A version as its pointer opens it.
fn opened(pointer: &Pointer, row: &VersionRow) -> Result<Version> {
    let Pointer { account, tag, version, key_version, .. } = *pointer;
    let context = version_context(account, tag, version, key_version);
    let plain = open(&pointer.key, &context, &row.sealed)?;
    let (header, deleted, body) = split(&plain)?;
    Ok(Version { header, number: version, deleted, body: body.to_vec() })
}

/// Header and body as one plaintext: a byte that says whether the record is deleted, the header's
/// length, the header as JSON, the body.
pub(crate) fn join(header: &Header, deleted: bool, body: &[u8]) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(header)
        .map_err(|error| Error::internal(format!("version header: {error}")))?;
    let length = u32::try_from(json.len())
        .map_err(|_| Error::internal("version header: longer than 4 GiB"))?;
    let mut plain = Vec::with_capacity(5 + json.len() + body.len());
    plain.push(u8::from(deleted));
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(&json);
    plain.extend_from_slice(body);
    Ok(plain)
}

/// The parts of a version's plaintext.
pub(crate) fn split(plain: &[u8]) -> Result<(Header, bool, &[u8])> {
    let bad = || Error::internal("a version has another form");
    let (deleted, rest) = plain.split_first().ok_or_else(bad)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| bad())?;
    let (json, body) = rest.split_at_checked(length).ok_or_else(bad)?;
    Ok((serde_json::from_slice(json).map_err(|_| bad())?, *deleted == 1, body))
}

#[cfg(test)]
mod tests {
    use super::{Header, join, split};
    use sealing::{DangerSeededEntropy, Entropy};

    #[test]
    fn a_version_is_taken_apart_as_it_was_joined_and_nothing_else_is() {
        let mut entropy = DangerSeededEntropy::from_number(1);
        let mut byte = || {
            let mut one = [0];
            entropy.fill(&mut one).unwrap();
            one[0]
        };
        let header = Header {
            collection: "c".to_owned(),
            id: "x".to_owned(),
            author: "person:sam".to_owned(),
            at: u64::MAX,
            kind: "record.put".to_owned(),
        };
        let mut read = 0;
        for n in 0..20_000 {
            let body: Vec<u8> = (0..byte() % 40).map(|_| byte()).collect();
            let deleted = n % 2 == 0;
            let mut plain = join(&header, deleted, &body).unwrap();
            assert_eq!(split(&plain).unwrap(), (header.clone(), deleted, body.as_slice()));
            let place = usize::from(byte()) % plain.len();
            match n % 3 {
                0 => plain.truncate(place),
                1 => plain[place] ^= 1 << (byte() % 8),
                _ => plain = (0..byte()).map(|_| byte()).collect(),
            }
            read += usize::from(split(&plain).is_ok());
        }
        assert!(read > 100, "a body may be anything: {read}");
    }
}
