//! The keys of one account.

use std::fmt;

use zeroize::Zeroizing;

use crate::context::{Context, Label};
use crate::entropy::{Entropy, EntropyError};
use crate::root::RootKey;
use crate::sealed::{OpenError, SealError, open, seal, unwrap, wrap};
use crate::secret::{Key, Secret};

/// What a key of an account is for. The numbers are part of the stored bundle and never change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Purpose {
    /// Tags of readable ids. Never rotated, only destroyed: a new one would orphan every row.
    Names = 1,
    /// Wraps record keys.
    Records = 2,
    /// Tags of search terms.
    Tags = 3,
    /// Seeds and openings of ledger entries that belong to no record.
    Log = 4,
}

impl Purpose {
    /// Every purpose, in the order of the stored bundle.
    pub const ALL: [Self; 4] = [Self::Names, Self::Records, Self::Tags, Self::Log];
}

/// The opened keys of an account: what the kernel keeps in memory while the account is in use.
///
/// The account key itself is not among them. It exists only while the bundle is sealed or opened.
#[derive(Debug)]
pub struct AccountKeys {
    /// Internal number of the account.
    pub account: u64,
    /// Version of the account key that the bundle is sealed under; not one of the purpose keys,
    /// which stay as they are when it moves. So it has no place in a [`Context`] under those.
    pub version: u32,
    /// Key of [`Purpose::Names`].
    pub names: Key,
    /// Key of [`Purpose::Records`].
    pub records: Key,
    /// Key of [`Purpose::Tags`].
    pub tags: Key,
    /// Key of [`Purpose::Log`].
    pub log: Key,
}

/// The keys of an account as they are stored. Nothing in it is secret without the root key.
#[derive(Clone, Eq, PartialEq)]
pub struct StoredAccountKeys {
    /// The account key, wrapped by the root's wrapping key: [`crate::WRAPPED_KEY`] bytes.
    pub key: Vec<u8>,
    /// The purpose keys, sealed under the account key.
    pub purposes: Vec<u8>,
}

/// Bytes of the bundle before it is sealed: per purpose its number and its key.
const BUNDLE: usize = 4 * 33;

impl AccountKeys {
    /// Draws the purpose keys of a new account. `version` is that of its first account key.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(
        account: u64,
        version: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            account,
            version,
            names: Secret::generate(entropy)?,
            records: Secret::generate(entropy)?,
            tags: Secret::generate(entropy)?,
            log: Secret::generate(entropy)?,
        })
    }

    /// The key of one purpose.
    #[must_use]
    pub const fn key(&self, purpose: Purpose) -> &Key {
        match purpose {
            Purpose::Names => &self.names,
            Purpose::Records => &self.records,
            Purpose::Tags => &self.tags,
            Purpose::Log => &self.log,
        }
    }

    /// Draws a fresh account key, seals the purpose keys under it and wraps it by the root.
    ///
    /// # Errors
    /// [`SealError::Entropy`] when the source fails.
    pub fn seal_under(
        &self,
        root: &RootKey,
        entropy: &mut dyn Entropy,
    ) -> Result<StoredAccountKeys, SealError> {
        let account_key = Key::generate(entropy)?;
        let mut bundle = Zeroizing::new(Vec::with_capacity(BUNDLE));
        for purpose in Purpose::ALL {
            bundle.push(purpose as u8);
            bundle.extend_from_slice(self.key(purpose).expose());
        }
        let (account, version) = (self.account, self.version);
        let key =
            wrap(root.wrapping(), &account_key_context(account, version), entropy, &account_key)?;
        let purposes = seal(&account_key, &bundle_context(account, version), entropy, &bundle)?;
        Ok(StoredAccountKeys { key, purposes })
    }

    /// Opens the stored keys of `account`, whose account key has `version`.
    ///
    /// # Errors
    /// As [`open`]; [`OpenError::Refused`] also when the bundle is of another form.
    pub fn open(
        root: &RootKey,
        account: u64,
        version: u32,
        stored: &StoredAccountKeys,
    ) -> Result<Self, OpenError> {
        let key = unwrap(root.wrapping(), &account_key_context(account, version), &stored.key)?;
        let bundle = open(&key, &bundle_context(account, version), &stored.purposes)?;
        let mut rest = bundle.as_slice();
        let keys = Self {
            account,
            version,
            names: take(&mut rest, Purpose::Names)?,
            records: take(&mut rest, Purpose::Records)?,
            tags: take(&mut rest, Purpose::Tags)?,
            log: take(&mut rest, Purpose::Log)?,
        };
        if rest.is_empty() { Ok(keys) } else { Err(OpenError::Refused) }
    }

    /// Replaces the account key: the version moves by one, and the purpose keys are sealed under a
    /// fresh account key. Records, record keys and tags are not touched. After an error nothing has
    /// changed. Store the answer before the old row is removed.
    ///
    /// # Errors
    /// [`SealError::Entropy`] when the source fails, [`SealError::Limit`] after 2^32 - 1 versions.
    pub fn rotate(
        &mut self,
        root: &RootKey,
        entropy: &mut dyn Entropy,
    ) -> Result<StoredAccountKeys, SealError> {
        let old = self.version;
        self.version = old.checked_add(1).ok_or(SealError::Limit(
            "the account key has had every version there is; move the account to a new one",
        ))?;
        self.seal_under(root, entropy).inspect_err(|_| self.version = old)
    }
}

impl StoredAccountKeys {
    /// Wraps the same account key by another root key; the bundle stays. This is what a rotation
    /// of the root does, account by account.
    ///
    /// # Errors
    /// [`RewrapError::Open`] when `old` does not open the key, [`RewrapError::Seal`] as [`wrap`].
    pub fn rewrap(
        &self,
        account: u64,
        version: u32,
        old: &RootKey,
        new: &RootKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, RewrapError> {
        let context = account_key_context(account, version);
        let account_key = unwrap(old.wrapping(), &context, &self.key)?;
        let key = wrap(new.wrapping(), &context, entropy, &account_key)?;
        Ok(Self { key, purposes: self.purposes.clone() })
    }
}

/// Why a stored account key was not moved to another root key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RewrapError {
    /// The old root key does not open it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new root key could not wrap it.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl fmt::Debug for StoredAccountKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredAccountKeys(..)")
    }
}

const fn account_key_context(account: u64, version: u32) -> Context {
    Context { label: Label::AccountKey, account, tag: [0; 16], version: 0, key_version: version }
}

const fn bundle_context(account: u64, version: u32) -> Context {
    Context { label: Label::PurposeKeys, account, tag: [0; 16], version: 0, key_version: version }
}

/// Takes the key of `purpose` off the front of the bundle.
fn take(rest: &mut &[u8], purpose: Purpose) -> Result<Key, OpenError> {
    let (entry, after) = rest.split_first_chunk::<33>().ok_or(OpenError::Refused)?;
    let [number, key @ ..] = entry;
    if *number != purpose as u8 {
        return Err(OpenError::Refused);
    }
    *rest = after;
    Ok(Secret::new(*key))
}
