//! Documents in PDF (ISO 32000): which are taken, the stamp on a copy, and a plain writer of our
//! own.
//!
//! Promises: a document that is taken opens without a password, has pages, and holds nothing that
//! runs, starts programs or carries files; every page of a stamped copy says to whom it was
//! released, visibly, in a marker of the page and in the document's information; text that the font
//! cannot show is written in other letters or as its code point and is never dropped; what broke is
//! said, and nothing here panics.
//!
//! Does not: prevent the removal of a stamp (it deters, and tells copies apart), keep signatures in
//! a document valid (a stamp changes it), or search for known malware. Reading needs a few
//! gigabytes at worst for the largest document that is taken; call it where waiting is harmless.

mod active;
mod helvetica;
mod marks;
mod page;
mod stamp;
mod write;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{DecompressError, Document, Error, LoadOptions, ObjectId};

pub use stamp::{Stamp, stamp};
pub use write::write_text;

/// Most bytes of a document.
pub const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// Most pages of a document.
pub const PAGES: usize = 10_000;

/// Most bytes that one stream of a document's structure unpacks to.
const STREAM_BYTES: usize = 16 * 1024 * 1024;

/// What is known of a document that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many pages it has, from 1.
    pub pages: usize,
    /// The version it says it follows, such as `1.7`.
    pub version: String,
}

/// Why a document is not taken, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfRefused {
    /// It does not begin like one.
    #[error("this is no PDF: it does not begin with `%PDF-`; export the document as PDF")]
    NotPdf,
    /// More than [`DOCUMENT_BYTES`].
    #[error("the document has {bytes} bytes and 64 MiB are taken: lower its images' resolution")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// It opens only with a password, or under a protection that is not known.
    #[error(
        "the document needs a password to open: open it with the password and save or print it \
         as a new PDF without one"
    )]
    Encrypted,
    /// It opens, and there is nothing in it.
    #[error("the document has no pages: export it again from where it was written")]
    NoPages,
    /// More than [`PAGES`].
    #[error("the document has more than 10,000 pages: split it")]
    TooManyPages,
    /// Something in it runs, starts or carries.
    #[error("object {object} of the document holds {what}: print it as a new PDF, which has none")]
    Active {
        /// What was found.
        what: &'static str,
        /// The number of the object in the file.
        object: u32,
    },
    /// It cannot be read or written.
    #[error("the document is damaged ({why}): repair it by printing it as a new PDF")]
    Damaged {
        /// Where and how.
        why: String,
    },
    /// The text of a stamp is empty or too long.
    #[error("the {field} of a stamp has 1 to 200 characters: shorten it")]
    Stamp {
        /// Which text.
        field: &'static str,
    },
}

/// Whether a document is taken.
///
/// # Errors
/// Why it is not.
pub fn check(bytes: &[u8]) -> Result<Checked, PdfRefused> {
    guarded(|| {
        let (document, pages) = open(bytes)?;
        Ok(Checked {
            pages: pages.len(),
            version: crate::outcome::said(document.version.as_bytes()),
        })
    })
}

/// The document and its pages in order, each page object once.
fn open(bytes: &[u8]) -> Result<(Document, Vec<ObjectId>), PdfRefused> {
    if bytes.len() > DOCUMENT_BYTES {
        return Err(PdfRefused::TooLarge { bytes: bytes.len() });
    }
    // Readers accept up to a kilobyte before the head (ISO 32000-1 Annex H, note 13).
    let start = bytes.get(..1024).unwrap_or(bytes);
    if !start.windows(5).any(|window| window == b"%PDF-") {
        return Err(PdfRefused::NotPdf);
    }
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES);
    let document = Document::load_mem_with_options(bytes, options).map_err(|why| match why {
        Error::InvalidPassword | Error::Decryption(_) | Error::UnsupportedSecurityHandler(_) => {
            PdfRefused::Encrypted
        }
        Error::Decompress(DecompressError::MemoryLimitExceeded { .. }) => {
            damaged("a part of its structure unpacks to more than 16 MiB")
        }
        other => damaged(other),
    })?;
    if document.is_encrypted() {
        return Err(PdfRefused::Encrypted);
    }
    active::refuse(&document)?;
    let mut seen = BTreeSet::new();
    let pages: Vec<_> =
        document.page_iter().filter(|page| seen.insert(*page)).take(PAGES + 1).collect();
    match pages.len() {
        0 => Err(PdfRefused::NoPages),
        1..=PAGES => Ok((document, pages)),
        _ => Err(PdfRefused::TooManyPages),
    }
}

/// The library that reads documents is written by others for well-formed ones. Whatever a hostile
/// one makes it do must end this document and nothing else.
fn guarded<T>(work: impl FnOnce() -> Result<T, PdfRefused>) -> Result<T, PdfRefused> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged("it cannot be read")))
}

fn damaged(why: impl ToString) -> PdfRefused {
    PdfRefused::Damaged { why: crate::outcome::said(why.to_string().as_bytes()) }
}
