//! The file of an incident: everything about it as evidence that is checked without the server.
//!
//! It holds the rows as they stand (the incident with its timeline, what was found in the log,
//! breaches, holds, notices with every attempt) and receipts of every entry that made them, back to
//! the first. Taking it is an entry that shows the SHA-256 of the rows; the format is
//! [`ledger::evidence`], and `bailee verify` checks it.
//!
//! It does not hold the sealed rows themselves, so it cannot show without the provider's word that
//! the rows are what the entries sealed; `bailee verify` of the store shows that, and says so here.

use super::whole::{Parts, Whole};
use super::{Incident, hex};
use crate::register::{self, Kept, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Reveal, Target, Work, on_house,
};
use ledger::entry::Leaf;
use ledger::evidence::{self, CONTENT_FIELD};
use std::collections::BTreeSet;

act!(
    /// Taking the file of an incident.
    Take, "incident.file", None, false
);

act!(
    /// Packing the file of an incident with what people read.
    Pack, "incident.package", None, false
);

/// Entries of one file: an incident with all that hangs on it has hundreds.
const ENTRIES: usize = 10_000;

/// Takes the file of an incident.
pub struct TakeFile {
    kernel: Kernel,
    parts: Parts,
}

impl TakeFile {
    /// Of the incident of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { kernel: kernel.clone(), parts: Parts::new(kernel, id)? })
    }
}

impl Operation for TakeFile {
    type Output = Taken;

    fn target(&self) -> Target {
        on_house(Take::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.parts.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Taken>> {
        let (allowed, whole) = self.parts.read::<Take>(work)?;
        let content = serde_json::to_string(&whole)
            .map_err(|error| Error::internal(format!("the file of an incident: {error}")))?;
        let hash = hex(&kernel::digest(content.as_bytes()));
        work.disclose(&allowed, vec![(CONTENT_FIELD, hash.clone())]);
        let kernel = self.kernel.clone();
        Ok(After::reveal(move |reveal| {
            let (entry, json) = file(&kernel, reveal, &content, &whole.entries)?;
            Ok(Taken { json, sha256: hash, entry, whole })
        }))
    }
}

/// The file of an incident, taken out.
pub struct Taken {
    /// The file, as JSON.
    pub json: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// The entry that says so.
    pub entry: u64,
    /// What is in it.
    pub whole: Whole,
}

/// Packs the file of an incident with what people read of it: the entry shows the hash of the
/// manifest, which names the hash of each.
pub struct PackFile {
    kernel: Kernel,
    key: RecordKey,
    manifest: String,
    taken: u64,
}

impl PackFile {
    /// Under this manifest, by its content, of the file that this entry says was taken.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, manifest: String, taken: u64) -> Result<Self> {
        let key = register::key::<Kept<Incident>>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, manifest, taken })
    }
}

impl Operation for PackFile {
    /// The manifest, as evidence.
    type Output = String;

    fn target(&self) -> Target {
        on_house(Pack::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let (allowed, _) = register::load::<Kept<Incident>, Pack>(work, &self.key)?;
        let hash = hex(&kernel::digest(self.manifest.as_bytes()));
        work.disclose(&allowed, vec![(CONTENT_FIELD, hash)]);
        let (kernel, taken, manifest) = (self.kernel.clone(), self.taken, self.manifest.clone());
        Ok(After::reveal(move |reveal| {
            let (_, packed) = reveal.index(0).ok_or_else(|| Error::internal("no entry"))?;
            let receipt = |index| kernel.receipt(HOUSE, index, true);
            Ok(evidence::render(&manifest, &receipt(packed)?, &[receipt(taken)?]))
        }))
    }
}

/// The content with its receipts, after the commit.
fn file(
    kernel: &Kernel,
    reveal: &Reveal,
    content: &str,
    newest: &BTreeSet<u64>,
) -> Result<(u64, String)> {
    let (_, taken) = reveal.index(0).ok_or_else(|| Error::internal("the file has no entry"))?;
    let mut indexes = BTreeSet::new();
    for first in newest {
        let mut next = Some(*first);
        while let Some(index) = next.filter(|index| indexes.insert(*index)) {
            if indexes.len() > ENTRIES {
                let why = format!("the incident has more than {ENTRIES} entries: export the log");
                return Err(Error::limit(why));
            }
            next = before(kernel, index)?;
        }
    }
    let receipt = |index: &u64| kernel.receipt(HOUSE, *index, true);
    let entries = indexes.iter().map(receipt).collect::<Result<Vec<_>>>()?;
    Ok((taken, evidence::render(content, &receipt(&taken)?, &entries)))
}

/// The entry that made the version before, of the row that an entry is about.
fn before(kernel: &Kernel, index: u64) -> Result<Option<u64>> {
    let bad = |why: String| Error::internal(format!("entry {index} of the house: {why}"));
    let seen = kernel.entries(HOUSE, index, 1, false)?.pop();
    let seen = seen.ok_or_else(|| bad("is missing".to_owned()))?;
    Ok(Leaf::parse(&seen.leaf).map_err(|error| bad(error.to_string()))?.prev)
}
