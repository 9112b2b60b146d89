//! The C2SP tlog-proof text: index, inclusion proof and signed checkpoint.

use crate::checkpoint::Checkpoint;
use crate::note::{MAX_NOTE, Note};
use crate::text::{decimal, from_base64, hash_from_base64, push_base64, push_decimal};
use crate::tree::{MAX_PROOF, MAX_SIZE};
use crate::{Hash, Malformed};

/// The first line, `c2sp.org/tlog-proof@v1`.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest extra data accepted, in bytes. Bailee writes none.
const MAX_EXTRA: usize = 64 * 1024;

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Index of the leaf.
    pub index: u64,
    /// RFC 6962 inclusion proof, sibling of the leaf first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
    /// Opaque data that nothing authenticates; never written here.
    pub extra: Option<Vec<u8>>,
}

impl TlogProof {
    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(64 + self.hashes.len() * 45 + self.checkpoint.len());
        push_text(&mut out, "\n", self.index, &self.hashes, self.extra.as_deref(), |out| {
            out.push_str(&self.checkpoint);
        });
        out
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// When `text` is not canonical: another header, numbers with signs or leading zeros, a hash
    /// line that is not the base64 of exactly 32 bytes, more lines than a tree has levels, a
    /// checkpoint that is not a signed note of three lines.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_NOTE + MAX_EXTRA * 2 {
            return Err(Malformed::new("the inclusion proof is too long"));
        }
        let early = || Malformed::new("the inclusion proof ends early");
        let (header, rest) = text.split_once('\n').ok_or_else(early)?;
        if header != HEADER {
            return Err(Malformed::quoting("an inclusion proof of unknown format", header));
        }
        let (mut line, mut rest) = rest.split_once('\n').ok_or_else(early)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(from_base64(encoded)?);
            (line, rest) = rest.split_once('\n').ok_or_else(early)?;
        }
        let index = line
            .strip_prefix("index ")
            .ok_or_else(|| Malformed::quoting("the inclusion proof has no index line", line))?;
        let index = decimal(index)?;
        if index >= MAX_SIZE || extra.as_ref().is_some_and(|extra| extra.len() > MAX_EXTRA) {
            return Err(Malformed::new("the inclusion proof's index or extra data is too large"));
        }
        let mut hashes = Vec::new();
        loop {
            (line, rest) = rest.split_once('\n').ok_or_else(early)?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == MAX_PROOF {
                return Err(Malformed::new("the inclusion proof has more than 64 hashes"));
            }
            hashes.push(hash_from_base64(line)?);
        }
        Checkpoint::parse(Note::parse(rest)?.text)?;
        Ok(Self { index, hashes, checkpoint: rest.to_owned(), extra })
    }
}

/// Writes the text form with `newline` between lines, so that it can go straight into a JSON
/// string.
pub(super) fn push_text(
    out: &mut String,
    newline: &str,
    index: u64,
    hashes: &[Hash],
    extra: Option<&[u8]>,
    push_checkpoint: impl FnOnce(&mut String),
) {
    out.push_str(HEADER);
    out.push_str(newline);
    if let Some(extra) = extra {
        out.push_str("extra ");
        push_base64(out, extra);
        out.push_str(newline);
    }
    out.push_str("index ");
    push_decimal(out, index);
    out.push_str(newline);
    for hash in hashes {
        push_base64(out, hash);
        out.push_str(newline);
    }
    out.push_str(newline);
    push_checkpoint(out);
}
