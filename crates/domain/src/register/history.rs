//! The versions of one row: who made each, by what, and which fields it changed.
//!
//! What the fields were is not part of it: a row may be large, and has many versions.

use super::row::When;
use super::{Noun, key, missing, shown_to};
use kernel::engine::Wants;
use kernel::{
    Act, After, Kernel, Moment, Operation, RecordKey, Result, Target, Version, Work, on_house,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::marker::PhantomData;

/// Versions that are shown at most, newest first.
const MOST: usize = 50;

/// A version of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Its number, from 1.
    pub version: u64,
    /// Who made it: a principal, or `kernel` for what happens by itself.
    pub by: String,
    /// When.
    pub at: When,
    /// The action that made it.
    pub action: String,
    /// The fields that differ from the version before; none for the first one, and for the oldest
    /// that is shown of many.
    pub changed: Option<Vec<String>>,
}

/// Reads the versions of one row, newest first; at most fifty.
pub struct History<N> {
    key: RecordKey,
    noun: PhantomData<N>,
}

impl<N: Noun> History<N> {
    /// Of the row of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: key::<N>(kernel, id)?, noun: PhantomData })
    }
}

impl<N: Noun> Operation for History<N> {
    type Output = Vec<Past>;

    fn target(&self) -> Target {
        on_house(N::Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Past>>> {
        let fields = vec![("versions", "all".to_owned())];
        Ok(match shown_to::<N>(work, &self.key, fields)? {
            Some(pointer) => {
                After::reveal(move |reveal| Ok(pasts(&reveal.history(&pointer, MOST)?)))
            }
            None => After::refused(missing::<N>(&self.key.id)),
        })
    }
}

/// Newest first, each compared with the one before it.
fn pasts(versions: &[Version]) -> Vec<Past> {
    let before = versions.iter().skip(1).map(Some).chain([None]);
    let past = |(one, before): (&Version, Option<&Version>)| Past {
        version: one.number,
        by: one.header.author.clone(),
        at: When(Moment(one.header.at)),
        action: one.header.kind.clone(),
        changed: before.map(|before| changed(&fields(one), &fields(before))),
    };
    versions.iter().zip(before).map(past).collect()
}

/// The fields of a version; of a deletion none.
fn fields(version: &Version) -> Map<String, Value> {
    serde_json::from_slice(&version.body).unwrap_or_default()
}

fn changed(now: &Map<String, Value>, before: &Map<String, Value>) -> Vec<String> {
    let differs = |name: &&String| now.get(*name) != before.get(*name);
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    now.keys().filter(differs).chain(gone).cloned().collect()
}
