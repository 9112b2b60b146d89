//! Keys and sealed values: the hierarchy from the root key down to one version of one record.
//!
//! ```text
//! root key (key file, or passphrase with Argon2id)
//!   └─ account key, versioned, random                  wrapped by the root's wrapping key
//!        └─ purpose keys: names, records, tags, log    one bundle sealed under the account key
//!             └─ record key, random, one per record    wrapped by the records key
//!                  └─ message key, one per sealed value, derived and never stored
//! ```
//!
//! # What it promises
//!
//! * A value opens only with its key and in its [`Context`]: moved to another row, version, account
//!   or key version it is [`OpenError::Refused`], and so is a value with any bit changed.
//! * A sealed value opens under one key only; it carries a 32-byte commitment to key and context.
//! * Nobody supplies a nonce. Each value has a key and a nonce of its own, derived from a fresh
//!   24-byte salt.
//! * Keys are overwritten when dropped, and nothing secret can be printed or serialized.
//! * Rotation of an account key rewrites one bundle of that account, never a record.
//!
//! # What it deliberately does not do
//!
//! * No I/O, no clock, no global state; randomness comes only through [`Entropy`].
//! * It does not know records, rows or rights. Contexts are built by the kernel, in one place.
//! * It does not erase. Shredding is the removal of a wrapped key from the store; this crate makes
//!   sure that nothing else leads to what that key sealed.
//! * It does not hide lengths: a sealed value is [`OVERHEAD`] bytes longer than its plaintext.
//! * It cannot clear copies of a key that the compiler leaves on the stack when a value moves.
//!
//! Primitives come from AWS-LC: AES-256-GCM (NIST SP 800-38D), HMAC-SHA-256 (RFC 2104), HKDF-Expand
//! (RFC 5869); Argon2id (RFC 9106) from the `argon2` crate. The construction is described at
//! [`seal`].

mod account;
mod context;
mod entropy;
mod keyed;
mod primitive;
mod root;
mod root_file;
mod sealed;
mod secret;

pub use account::{AccountKeys, Purpose, RewrapError, StoredAccountKeys};
pub use context::{Context, Label};
pub use entropy::{DangerSeededEntropy, Entropy, EntropyError, SystemEntropy};
pub use keyed::{derive, digest, mac, sha256, tag, verify_mac};
pub use root::RootKey;
pub use root_file::{Argon2Cost, PassphraseFile, RootFile, RootFileError};
pub use sealed::{
    MAX_PLAINTEXT, OVERHEAD, OpenError, SealError, WRAPPED_KEY, open, seal, unwrap, wrap,
};
pub use secret::{Key, Secret};
