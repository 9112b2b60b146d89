//! What a sealed value belongs to, and the one encoding of it.
//!
//! The context is not stored with the value: whoever opens it must already know where it belongs.
//! It goes into the derivation of the value's key and, once more, into the authenticated data.

use crate::keyed::push_part;

/// First part of every context; a change of the encoding gets another name.
const FORMAT: &[u8] = b"bailee-seal/v1";

/// Where a sealed value belongs.
///
/// All fields are public and none has a default: who forgets one does not compile. A field without
/// meaning for a label is zero, by the convention of that label.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Context {
    /// What kind of value it is.
    pub label: Label,
    /// Internal number of the account; 0 where no account exists (root, meta).
    pub account: u64,
    /// Tag of the object in its account ([`crate::tag`]); zeros where there is none.
    pub tag: [u8; 16],
    /// Version of the object, or the index of the entry, or 0.
    pub version: u64,
    /// Version of the key that seals, or 0 for a key that is never replaced.
    pub key_version: u32,
}

/// The kinds of sealed values. Their byte strings are part of the format and never change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Label {
    /// The root key itself, wrapped by a passphrase.
    RootKey,
    /// A known value by which a store recognizes its root key.
    RootCheck,
    /// An account key, wrapped by the root's wrapping key.
    AccountKey,
    /// The bundle of an account's purpose keys, under the account key.
    PurposeKeys,
    /// A record key, wrapped by the account's records key.
    RecordKey,
    /// The body of one version of a record.
    Version,
    /// The opening of a ledger entry: its seed and fields.
    Opening,
    /// The signing key of the ledger, under the root's wrapping key.
    SigningKey,
    /// A job: the ids it works on.
    Job,
    /// A value of the store about itself.
    Meta,
    /// The key of a day's signals, under the records key of `house`.
    SignalDay,
    /// A batch of signals, under the key of its day.
    Signals,
}

impl Label {
    /// Every label, in the order of declaration.
    pub const ALL: [Self; 12] = [
        Self::RootKey,
        Self::RootCheck,
        Self::AccountKey,
        Self::PurposeKeys,
        Self::RecordKey,
        Self::Version,
        Self::Opening,
        Self::SigningKey,
        Self::Job,
        Self::Meta,
        Self::SignalDay,
        Self::Signals,
    ];

    /// The label's stable byte string, as it stands in the encoded context.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::RootKey => b"root-key",
            Self::RootCheck => b"root-check",
            Self::AccountKey => b"account-key",
            Self::PurposeKeys => b"purpose-keys",
            Self::RecordKey => b"record-key",
            Self::Version => b"record-version",
            Self::Opening => b"entry-opening",
            Self::SigningKey => b"signing-key",
            Self::Job => b"job",
            Self::Meta => b"meta",
            Self::SignalDay => b"signal-day",
            Self::Signals => b"signals",
        }
    }
}

impl Context {
    /// The canonical encoding: format, label, account, tag, version and key version, each with its
    /// length before it as 4 bytes, numbers big-endian. No two contexts share an encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let label = self.label.bytes();
        // Six length prefixes, and 36 bytes of numbers and tag.
        let mut out = Vec::with_capacity(FORMAT.len() + label.len() + 6 * 4 + 36);
        push_part(&mut out, FORMAT);
        push_part(&mut out, label);
        push_part(&mut out, &self.account.to_be_bytes());
        push_part(&mut out, &self.tag);
        push_part(&mut out, &self.version.to_be_bytes());
        push_part(&mut out, &self.key_version.to_be_bytes());
        out
    }
}
