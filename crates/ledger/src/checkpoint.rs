//! The signed head of a log (C2SP tlog-checkpoint): origin, size and root, each on its line.
//!
//! Promises: a checkpoint has one text and a text one checkpoint; it is signed under its origin.
//! Does not: carry extension lines. The standard allows and discourages them; here they are
//! refused, since nobody could say what they mean.

use crate::note::{self, NoteError, NoteSigner, VerifierKey};
use crate::text::{decimal, hash_from_base64, push_base64, push_decimal};
use crate::tree::MAX_SIZE;
use crate::{Hash, Malformed};

/// The head of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a name that passes [`note::check_name`].
    pub origin: String,
    /// Number of leaves, to [`MAX_SIZE`].
    pub size: u64,
    /// Root of the tree of that many leaves.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = String::with_capacity(self.origin.len() + 64);
        body.push_str(&self.origin);
        body.push('\n');
        push_decimal(&mut body, self.size);
        body.push('\n');
        push_base64(&mut body, &self.root);
        body.push('\n');
        body
    }

    /// Reads the text of a checkpoint, without its signatures.
    ///
    /// # Errors
    /// When `body` is not exactly three lines of origin, decimal size and base64 root.
    pub fn parse(body: &str) -> Result<Self, Malformed> {
        let lines = body.strip_suffix('\n').map(|body| body.split('\n').collect::<Vec<_>>());
        let Some([origin, size, root]) = lines.as_deref() else {
            return Err(Malformed::quoting("a checkpoint has three lines, this has not", body));
        };
        note::check_name(origin)?;
        let size = decimal(size)?;
        if size > MAX_SIZE {
            return Err(Malformed::with(format!("a log of `{size}` entries is over the limit")));
        }
        Ok(Self { origin: (*origin).to_owned(), size, root: hash_from_base64(root)? })
    }

    /// Signs the checkpoint under its origin; the result is the whole note.
    #[must_use]
    pub fn sign(&self, signer: &NoteSigner) -> String {
        signer.sign(&self.origin, &self.body())
    }

    /// Opens a signed checkpoint of the log that `key` is named after.
    ///
    /// # Errors
    /// When the note does not open with `key`, is no checkpoint, or is that of another origin.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let parsed = Self::parse(note::open(note, key)?)?;
        if parsed.origin != key.name() {
            return Err(Malformed::quoting(
                "the checkpoint is that of another log than its key's",
                &parsed.origin,
            )
            .into());
        }
        Ok(parsed)
    }
}
