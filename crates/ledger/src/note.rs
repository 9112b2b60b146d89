//! Signed notes (C2SP signed-note): text, a blank line, signatures. Ed25519 (RFC 8032), type
//! `0x01`.
//!
//! Promises: [`open`] returns text only if the given key signed exactly it; a key that signed
//! twice, or wrongly, spoils the note.
//! Does not: know other signature types (they are carried and ignored, as the standard asks), or
//! decide which key is to be trusted.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::error::quote;
use crate::text::{base64, from_base64, push_base64, push_hex};
use crate::{Malformed, sha256};

/// Longest note: sixteen post-quantum signatures of 5 kB in base64, and some text.
pub const MAX_NOTE: usize = 128 * 1024;

/// Most signatures on a note; the standard asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// Longest key name or origin in bytes, so that lengths fit one byte.
pub const MAX_NAME: usize = 255;

/// The signature type of plain Ed25519.
const ED25519_TYPE: u8 = 0x01;

/// Checks a key name, which is also a log's origin: 1 to [`MAX_NAME`] bytes without spaces, `+` or
/// control characters.
///
/// # Errors
/// When `name` is not of that form.
pub fn check_name(name: &str) -> Result<(), Malformed> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > MAX_NAME || name.contains(bad) {
        return Err(Malformed::quoting(
            "a key name has 1 to 255 bytes without spaces, `+` or control characters",
            name,
        ));
    }
    Ok(())
}

/// A public key with the name it signs under. Its text form is a C2SP vkey:
/// `name+hash+base64(0x01 || public key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

impl VerifierKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// When `name` fails [`check_name`].
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, Malformed> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), public_key })
    }

    /// The name it signs under; for a log, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 public key, as RFC 8032 encodes it.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The 32-bit key ID that signature lines carry: an identifier, not a fingerprint to trust.
    #[must_use]
    pub fn key_hash(&self) -> u32 {
        key_hash(&self.name, &self.public_key)
    }

    /// Reads a vkey.
    ///
    /// # Errors
    /// When `text` is not canonical, has another key type, or its hash is not that of name and key.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let bad = |why| Malformed::quoting(why, text);
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("a verifier key has the form name+hash+key, this has not"));
        };
        let key = from_base64(key)?;
        let Some((&ED25519_TYPE, key)) = key.split_first() else {
            return Err(bad("the verifier key is not of type Ed25519"));
        };
        let public_key = key.try_into().map_err(|_| bad("the verifier key has not 32 bytes"))?;
        let parsed = Self::new(name, public_key)?;
        if parsed.to_string() != text {
            return Err(bad("the verifier key's hash is not that of its name and key"));
        }
        Ok(parsed)
    }
}

impl FromStr for VerifierKey {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public_key);
        write!(f, "{}+{:08x}+{}", self.name, self.key_hash(), base64(&key))
    }
}

/// SHA-256 over name, newline, type and public key, first four bytes.
fn key_hash(name: &str, public_key: &[u8; 32]) -> u32 {
    let mut input = Vec::with_capacity(name.len() + 34);
    input.extend_from_slice(name.as_bytes());
    input.extend_from_slice(&[b'\n', ED25519_TYPE]);
    input.extend_from_slice(public_key);
    let [a, b, c, d, ..] = sha256(&input);
    u32::from_be_bytes([a, b, c, d])
}

/// An Ed25519 private key. It signs under any name: one operator key serves all its logs, and the
/// signed text contains the log's origin. Its `Debug` shows the public key only.
pub struct NoteSigner {
    key: Ed25519KeyPair,
    public_key: [u8; 32],
}

impl NoteSigner {
    /// The key pair of a 32-byte RFC 8032 seed.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "any 32 bytes are an Ed25519 seed; the library fails only when memory is exhausted"
    )]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(seed).expect("a 32-byte seed is a key");
        let mut public_key = [0; 32];
        public_key.copy_from_slice(key.public_key().as_ref());
        Self { key, public_key }
    }

    /// The public key, as RFC 8032 encodes it.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The verifier key under `name`.
    ///
    /// # Errors
    /// When `name` fails [`check_name`].
    pub fn verifier(&self, name: &str) -> Result<VerifierKey, Malformed> {
        VerifierKey::new(name, self.public_key)
    }

    /// Signs `text` under `name` and returns the whole note. Deterministic.
    ///
    /// `text` must end in a newline and hold no other control character, and `name` must pass
    /// [`check_name`]; a note of anything else is one that no reader accepts.
    #[must_use]
    pub fn sign(&self, name: &str, text: &str) -> String {
        debug_assert!(check_name(name).is_ok() && text.ends_with('\n'));
        let mut signature = Vec::with_capacity(68);
        signature.extend_from_slice(&key_hash(name, &self.public_key).to_be_bytes());
        signature.extend_from_slice(self.key.sign(text.as_bytes()).as_ref());
        let mut note = String::with_capacity(text.len() + name.len() + 104);
        note.push_str(text);
        note.push_str("\n— ");
        note.push_str(name);
        note.push(' ');
        push_base64(&mut note, &signature);
        note.push('\n');
        note
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::with_capacity(64);
        self.public_key.iter().for_each(|byte| push_hex(&mut shown, *byte));
        f.debug_struct("NoteSigner").field("public_key", &shown).finish_non_exhaustive()
    }
}

/// A note taken apart; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The signed text, its final newline included.
    pub text: &'a str,
    /// The signature lines in order, of any type and from anybody.
    pub signatures: Vec<Signature<'a>>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The name of the key.
    pub key_name: &'a str,
    /// The key ID.
    pub key_hash: u32,
    /// The signature itself, without the key ID.
    pub bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// When `note` does not follow the format, is longer than [`MAX_NOTE`], or carries no or more
    /// than [`MAX_SIGNATURES`] signatures.
    pub fn parse(note: &'a str) -> Result<Self, Malformed> {
        if note.len() > MAX_NOTE {
            return Err(Malformed::new("the signed note is longer than 128 KiB"));
        }
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(Malformed::new("the signed note has a control character"));
        }
        let (text, signatures) = note
            .rfind("\n\n")
            .and_then(|end| Some((note.get(..=end)?, note.get(end + 2..)?)))
            .ok_or(Malformed::new("the signed note has no blank line before its signatures"))?;
        let lines = signatures
            .strip_suffix('\n')
            .ok_or(Malformed::new("the signed note does not end in a signature line"))?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(Malformed::new("the signed note has more than 64 signatures"));
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }
}

impl<'a> Signature<'a> {
    fn parse(line: &'a str) -> Result<Self, Malformed> {
        let bad = || Malformed::quoting("not a signature line of a note", line);
        let (key_name, encoded) =
            line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(bad)?;
        check_name(key_name)?;
        let decoded = from_base64(encoded)?;
        let (id, bytes) = decoded.split_first_chunk::<4>().ok_or_else(bad)?;
        if bytes.is_empty() {
            return Err(bad());
        }
        Ok(Self { key_name, key_hash: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

/// Why a note does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a note.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The key did not sign it. The name is that of the key.
    #[error("the note carries no signature by the key of `{0}`; check which key the log uses")]
    NotSigned(String),
    /// A line says that the key signed it, and it did not, or the line is there twice.
    #[error("the signature under the name `{0}` does not verify; the note was altered")]
    BadSignature(String),
}

/// Returns the text of `note` if `key` signed it. Other keys' signatures are ignored.
///
/// # Errors
/// A [`NoteError`] saying why not.
pub fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    let note = Note::parse(note)?;
    let id = key.key_hash();
    let mut by_key =
        note.signatures.iter().filter(|line| line.key_name == key.name && line.key_hash == id);
    let Some(line) = by_key.next() else {
        return Err(NoteError::NotSigned(quote(&key.name)));
    };
    let verified = by_key.next().is_none()
        && UnparsedPublicKey::new(&ED25519, &key.public_key)
            .verify(note.text.as_bytes(), &line.bytes)
            .is_ok();
    if verified { Ok(note.text) } else { Err(NoteError::BadSignature(quote(&key.name))) }
}
