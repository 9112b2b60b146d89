//! Evidence: content with the entries that carry it, as one file that is checked without Bailee.
//!
//! ```json
//! {"format":"bailee-evidence/v1","content":{"entries":[7,…],…},"receipt":{…},"entries":[{…},…]}
//! ```
//!
//! `receipt` is of the entry that was made when the content was taken out; its field `content`
//! shows the SHA-256 of the content's bytes, which therefore travel verbatim. `content.entries`
//! names the newest entry of everything in it; `entries` are receipts of these and of all that
//! they followed (`prev` of their leaves), each once. The envelope may be re-spaced; content and
//! values may not.
//!
//! Does not: verify ([`crate::verify::verify_evidence`] does), or know what content means.

use crate::receipt::Receipt;
use crate::{Malformed, sha256};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The `format` member of evidence.
pub const FORMAT: &str = "bailee-evidence/v1";

/// The field of the entry that shows the hash of the content.
pub const CONTENT_FIELD: &str = "content";

/// Longest evidence in bytes: some ten thousand receipts.
pub const MAX_JSON: usize = 64 << 20;

/// Content, the receipt of the entry that says it was taken out, and receipts of those it is from.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The content's bytes, verbatim: a JSON object.
    pub content: &'a str,
    /// Of the entry that was made when it was taken out.
    pub receipt: Receipt,
    /// Of every entry that carries it.
    pub entries: Vec<Receipt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
    receipt: Receipt,
    entries: Vec<Receipt>,
}

/// What every content says.
#[derive(Deserialize)]
struct Newest {
    entries: Vec<u64>,
}

impl<'a> Evidence<'a> {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// When `json` is not well-formed evidence, see the module; with line and column.
    pub fn from_json(json: &'a str) -> Result<Self, Malformed> {
        if json.len() > MAX_JSON {
            return Err(Malformed::new("the evidence is longer than 64 MiB"));
        }
        let wire: Wire<'_> = serde_json::from_str(json)
            .map_err(|error| Malformed::with(format!("not evidence: {error}")))?;
        if wire.format != FORMAT {
            return Err(Malformed::quoting("a format unknown here", &wire.format));
        }
        let Wire { content, receipt, entries, .. } = wire;
        Ok(Self { content: content.get(), receipt, entries })
    }

    /// Indexes of the newest entries, as the content names them.
    ///
    /// # Errors
    /// When it names none.
    pub fn newest(&self) -> Result<Vec<u64>, Malformed> {
        let named: Result<Newest, _> = serde_json::from_str(self.content);
        let named = named.map_err(|why| Malformed::with(format!("names no entries: {why}")))?;
        Ok(named.entries)
    }
}

/// The JSON form, out of the content and the JSON forms of receipts.
#[must_use]
pub fn render(content: &str, receipt: &str, entries: &[String]) -> String {
    format!(
        "{{\"format\":\"{FORMAT}\",\"content\":{content},\"receipt\":{receipt},\"entries\":[{}]}}",
        entries.join(",")
    )
}

/// What [`CONTENT_FIELD`] shows of this content: its SHA-256, in lower-case hexadecimal.
#[must_use]
pub fn fingerprint(content: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in sha256(content.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
