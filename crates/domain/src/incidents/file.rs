//! The file of an incident: everything about it as evidence that is checked without the server.
//!
//! It holds the rows as they stand (the incident with its timeline, what was found in the log,
//! breaches, holds, notices with every attempt) and receipts of every entry that made them, back to
//! the first. Taking it is an entry that shows the SHA-256 of the rows; the format is
//! [`ledger::evidence`], and `bailee verify` checks it.
//!
//! It does not hold the sealed rows themselves, so it cannot show without the provider's word that
//! the rows are what the entries sealed; `bailee verify` of the store shows that, and says so here.

use super::hex;
use super::whole::Parts;
use crate::register::act;
use kernel::engine::Wants;
use kernel::{Act, After, Error, HOUSE, Kernel, Operation, Result, Reveal, Target, Work, on_house};
use ledger::entry::Leaf;
use ledger::evidence::{self, CONTENT_FIELD};
use std::collections::BTreeSet;

act!(
    /// Taking the file of an incident.
    Take, "incident.file", None, false
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
    /// The file, as JSON.
    type Output = String;

    fn target(&self) -> Target {
        on_house(Take::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.parts.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let (allowed, whole) = self.parts.read::<Take>(work)?;
        let content = serde_json::to_string(&whole)
            .map_err(|error| Error::internal(format!("the file of an incident: {error}")))?;
        let hash = hex(&kernel::digest(content.as_bytes()));
        work.disclose(&allowed, vec![(CONTENT_FIELD, hash)]);
        let kernel = self.kernel.clone();
        Ok(After::reveal(move |reveal| file(&kernel, reveal, &content, &whole.entries)))
    }
}

/// The content with its receipts, after the commit.
fn file(kernel: &Kernel, reveal: &Reveal, content: &str, newest: &BTreeSet<u64>) -> Result<String> {
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
    Ok(evidence::render(content, &receipt(&taken)?, &entries))
}

/// The entry that made the version before, of the row that an entry is about.
fn before(kernel: &Kernel, index: u64) -> Result<Option<u64>> {
    let bad = |why: String| Error::internal(format!("entry {index} of the house: {why}"));
    let seen = kernel.entries(HOUSE, index, 1, false)?.pop();
    let seen = seen.ok_or_else(|| bad("is missing".to_owned()))?;
    Ok(Leaf::parse(&seen.leaf).map_err(|error| bad(error.to_string()))?.prev)
}
