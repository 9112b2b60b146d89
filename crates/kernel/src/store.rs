//! What a store knows about itself, and the keys of its accounts.

use crate::cache::Cache;
use crate::engine::{AccountKeysRow, MetaRow, Reader, SignalDayRow, Tag};
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::limits::CACHED_ACCOUNTS;
use sealing::{
    AccountKeys, Context, Entropy, Key, Label, RootKey, StoredAccountKeys, mac, tag, unwrap,
    verify_mac, wrap,
};
use std::sync::{Arc, Mutex, PoisonError};

/// The account of the provider itself: its registers, its own log.
pub const HOUSE: u64 = 0;

pub(crate) const FORMAT: &[u8] = b"1";

/// What a store knows about itself.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's name, first part of every log's origin.
    pub provider: String,
    /// Random, distinguishes stores of one provider; second part of every origin.
    pub store: [u8; 4],
    /// How often the history was begun anew after a rollback.
    pub epoch: u32,
}

impl Identity {
    /// The origin of an account's log: independent of hosts, without readable names of subscribers.
    pub fn origin(&self, slot: u64) -> String {
        let store = u32::from_be_bytes(self.store);
        let base = format!("{}/{store:08x}/{slot}", self.provider);
        if self.epoch == 0 { base } else { format!("{base}/e{}", self.epoch) }
    }
}

/// The facts of a new store, as rows.
pub(crate) fn found(
    root: &RootKey,
    provider: &str,
    entropy: &mut dyn Entropy,
) -> Result<(Identity, Key, Vec<MetaRow>)> {
    check_provider(provider)?;
    let mut store = [0; 4];
    entropy.fill(&mut store)?;
    let signing = Key::generate(entropy)?;
    let wrapped = wrap(root.wrapping(), &signing_context(), entropy, &signing)
        .map_err(|error| Error::internal(format!("sealing: {error}")))?;
    let rows = vec![
        meta_row(root, "format", FORMAT),
        meta_row(root, "provider", provider.as_bytes()),
        meta_row(root, "store", &store),
        meta_row(root, "epoch", &0_u32.to_be_bytes()),
        meta_row(root, "signing-key", &wrapped),
    ];
    Ok((Identity { provider: provider.to_owned(), store, epoch: 0 }, signing, rows))
}

/// Reads the facts of an existing store.
pub(crate) fn known(root: &RootKey, reader: &dyn Reader) -> Result<(Identity, Key)> {
    let fact = |name: &str| -> Result<Vec<u8>> {
        let row = reader.meta(name)?.ok_or_else(|| {
            Error::internal(format!("meta: `{name}` is missing; restore the store from a backup"))
        })?;
        if !meta_holds(root, &row) {
            return Err(Error::unavailable(
                "the keys folder does not belong to this store, or the store was altered: \
                 name the right one with `--keys`, and run `bailee verify`",
            ));
        }
        Ok(row.value)
    };
    let bad = |name: &str| Error::internal(format!("meta: `{name}` has another form"));
    if fact("format")? != FORMAT {
        return Err(Error::unavailable("the store is of another release: use that one"));
    }
    let provider = String::from_utf8(fact("provider")?).map_err(|_| bad("provider"))?;
    let store = fact("store")?.try_into().map_err(|_| bad("store"))?;
    let epoch = fact("epoch")?.try_into().map_err(|_| bad("epoch"))?;
    let signing = unwrap(root.wrapping(), &signing_context(), &fact("signing-key")?)?;
    Ok((Identity { provider, store, epoch: u32::from_be_bytes(epoch) }, signing))
}

/// A fact with its MAC.
pub(crate) fn meta_row(root: &RootKey, name: &str, value: &[u8]) -> MetaRow {
    let mac = mac(root.meta(), &[b"meta", name.as_bytes(), value]).to_vec();
    MetaRow { name: name.to_owned(), value: value.to_owned(), mac }
}

/// Whether a fact is as it was written.
pub(crate) fn meta_holds(root: &RootKey, row: &MetaRow) -> bool {
    verify_mac(root.meta(), &[b"meta", row.name.as_bytes(), &row.value], &row.mac)
}

/// The readable id of an account, as `heads` holds it.
pub(crate) fn account_tag(root: &RootKey, account: &AccountId) -> Tag {
    tag(root.index(), &[b"account", account.as_str().as_bytes()])
}

/// The tag of `house`, which has no readable id that a caller could name.
pub(crate) fn house_tag(root: &RootKey) -> Tag {
    tag(root.index(), &[b"house"])
}

/// Who acted, as the access index holds it.
pub(crate) fn actor_tag(root: &RootKey, kind: &str, name: &str) -> Tag {
    tag(root.index(), &[kind.as_bytes(), name.as_bytes()])
}

/// The context of a record's wrapped key.
pub(crate) fn record_key_context(account: u64, tag: Tag, version: u32) -> Context {
    Context { label: Label::RecordKey, account, tag, version: 0, key_version: version }
}

/// The context of one version of a record.
pub(crate) fn version_context(account: u64, tag: Tag, version: u64, key_version: u32) -> Context {
    Context { label: Label::Version, account, tag, version, key_version }
}

/// The context of an entry's opening; `tag` is the record's if it is sealed under that one's key.
pub(crate) fn opening_context(account: u64, tag: Tag, index: u64) -> Context {
    Context { label: Label::Opening, account, tag, version: index, key_version: 0 }
}

/// The context of a job.
pub(crate) fn job_context(account: u64, row: i64, due: u64) -> Context {
    let mut place = [0; 16];
    for (to, from) in place.iter_mut().zip(due.to_be_bytes()) {
        *to = from;
    }
    let version = u64::try_from(row).unwrap_or(0);
    Context { label: Label::Job, account, tag: place, version, key_version: 0 }
}

/// The context of the key of a day's signals.
pub(crate) fn signal_day_context(row: &SignalDayRow) -> Context {
    let mut tag = [0; 16];
    for (to, from) in tag.iter_mut().zip(row.first.to_be_bytes()) {
        *to = from;
    }
    let version = u64::from(row.day);
    Context { label: Label::SignalDay, account: HOUSE, tag, version, key_version: 0 }
}

/// The context of a batch of signals.
pub(crate) fn signals_context(row: i64, day: u32, entry: u64) -> Context {
    let mut tag = [0; 16];
    for (to, from) in tag.iter_mut().zip(entry.to_be_bytes()) {
        *to = from;
    }
    let version = u64::try_from(row).unwrap_or(0);
    Context { label: Label::Signals, account: HOUSE, tag, version, key_version: day }
}

/// The key of the openings that are about one record only: erased with it.
pub(crate) fn opening_key(record_key: &Key) -> Key {
    sealing::derive(record_key, b"opening", &[])
}

pub(crate) fn signing_context() -> Context {
    Context { label: Label::SigningKey, account: HOUSE, tag: [0; 16], version: 0, key_version: 0 }
}

fn check_provider(provider: &str) -> Result<()> {
    let fits = (1..=64).contains(&provider.len())
        && provider
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
    if fits {
        return Ok(());
    }
    let shown = crate::id::shown(provider);
    Err(Error::invalid(
        "provider",
        format!("`{shown}` is no provider name: use 1 to 64 of `a-z 0-9 . - _`"),
    ))
}

/// The opened keys of accounts in use.
pub struct Keyring {
    pub(crate) root: RootKey,
    reader: Arc<dyn Reader>,
    opened: Mutex<Cache<u64, Arc<AccountKeys>>>,
    slots: Mutex<Cache<Tag, u64>>,
}

impl Keyring {
    pub(crate) fn new(root: RootKey, reader: Arc<dyn Reader>) -> Self {
        let opened = Mutex::new(Cache::new(CACHED_ACCOUNTS));
        Self { root, reader, opened, slots: Mutex::new(Cache::new(CACHED_ACCOUNTS)) }
    }

    /// The slot of an account that was looked up before; slots never change.
    pub(crate) fn slot(&self, tag: &Tag) -> Option<u64> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(tag)
    }

    /// Remembers a committed account's slot.
    pub(crate) fn learn_slot(&self, tag: Tag, slot: u64) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).put(tag, slot);
    }

    /// The keys of an account.
    ///
    /// # Errors
    /// `NotFound` if the account has none, `Internal` if they do not open.
    pub fn account(&self, slot: u64) -> Result<Arc<AccountKeys>> {
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = lock().get(&slot) {
            return Ok(keys);
        }
        let row = self
            .reader
            .account_keys(slot)?
            .ok_or_else(|| Error::not_found("no such account, or none that you may know of"))?;
        let keys = Arc::new(open_keys(&self.root, &row)?);
        lock().put(slot, Arc::clone(&keys));
        Ok(keys)
    }

    /// Why the store is not the one it was, if commits of it were lost that were known.
    pub(crate) fn behind(&self) -> Option<String> {
        self.reader.behind()
    }

    /// Remembers keys that were just made and committed.
    pub(crate) fn learn(&self, keys: Arc<AccountKeys>) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).put(keys.account, keys);
    }
}

/// Opens a row of account keys.
pub(crate) fn open_keys(root: &RootKey, row: &AccountKeysRow) -> Result<AccountKeys> {
    let stored = StoredAccountKeys { key: row.key.clone(), purposes: row.purposes.clone() };
    Ok(AccountKeys::open(root, row.account, row.version, &stored)?)
}
