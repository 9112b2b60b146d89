//! What a store knows about itself, and the keys of its accounts.

use super::cells::{Cell, bytes, key_version, named, text, unsigned};
use super::walk::Walk;
use crate::engine::{AccountKeysRow, MetaRow, Tag};
use crate::store::{FORMAT, Identity, meta_holds, open_keys, record_key_context, signing_context};
use rusqlite::{OptionalExtension, Row, params};
use sealing::{AccountKeys, Key, RootKey, unwrap};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every fact of a store.
const FACTS: [&str; 5] = ["epoch", "format", "provider", "signing-key", "store"];

/// Checks what the store says of itself; it is known afterwards, and so is whether the root key is
/// that of this store at all.
pub(super) fn facts(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement = db.prepare("SELECT name, value, mac FROM meta")?;
    let mut rows = statement.query([])?;
    let mut facts = BTreeMap::new();
    let mut unproven = Vec::new();
    while let Some(row) = rows.next()? {
        match fact(row) {
            Ok(fact) => {
                if walk.root.is_some_and(|root| !meta_holds(root, &fact)) {
                    unproven.push(fact.name.clone());
                }
                facts.insert(fact.name, fact.value);
            }
            Err(why) => walk.found.problem(format!("meta `{}`", named(row, 0)), why),
        }
    }
    if unproven.len() > 1 && unproven.len() == facts.len() {
        walk.found.problem("keys", "they are not those of this store: give the right ones");
        walk.root = None;
    } else {
        for name in unproven {
            let name = crate::id::shown(&name);
            walk.found.problem(format!("meta `{name}`"), "was altered: its MAC does not hold");
        }
    }
    for name in FACTS.iter().filter(|name| !facts.contains_key(**name)) {
        walk.found.problem(format!("meta `{name}`"), "is missing");
    }
    for name in facts.keys().filter(|name| !FACTS.contains(&name.as_str())) {
        let name = crate::id::shown(name);
        walk.found.problem(format!("meta `{name}`"), "does not belong to a store");
    }
    walk.identity = identity(walk, &facts);
    if let (Some(root), Some(sealed)) = (walk.root, facts.get("signing-key"))
        && let Err(error) = unwrap(root.wrapping(), &signing_context(), sealed)
    {
        walk.found.problem("meta `signing-key`", error);
    }
    let how = if walk.root.is_some() { "complete and as they were written" } else { "complete" };
    walk.found.checked_since(before, format!("the store's facts are {how}"));
    Ok(())
}

fn fact(row: &Row<'_>) -> Cell<MetaRow> {
    Ok(MetaRow {
        name: text(row, 0)?.to_owned(),
        value: bytes(row, 1)?.to_vec(),
        mac: bytes(row, 2)?.to_vec(),
    })
}

fn identity(walk: &mut Walk<'_>, facts: &BTreeMap<String, Vec<u8>>) -> Option<Identity> {
    let known = FACTS.iter().all(|name| facts.contains_key(*name));
    let get = |name: &str| facts.get(name).cloned().unwrap_or_default();
    if known && get("format") != FORMAT {
        walk.found.problem("meta `format`", "is of another release: verify with that one");
    }
    let provider = String::from_utf8(get("provider")).ok();
    let store = get("store").try_into().ok();
    let epoch = get("epoch").try_into().ok().map(u32::from_be_bytes);
    if let (Some(provider), Some(store), Some(epoch)) = (provider, store, epoch) {
        return known.then_some(Identity { provider, store, epoch });
    }
    if known {
        walk.found.problem("meta", "`provider`, `store` or `epoch` has another form");
    }
    None
}

/// Opens every row of account keys.
pub(super) fn keys(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement = db.prepare("SELECT account, version, key, purposes FROM account_keys")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let what = format!("account_keys row {} version {}", named(row, 0), named(row, 1));
        match keys_row(row) {
            Ok(stored) => {
                if let Some(log) = walk.logs.get_mut(&stored.account) {
                    log.keyed = true;
                } else {
                    walk.found.problem(&what, "there is no log of that account");
                }
                if let Some(Err(error)) = walk.root.map(|root| open_keys(root, &stored)) {
                    let why = error.context().unwrap_or(error.message()).to_owned();
                    walk.found.problem(&what, why);
                }
            }
            Err(why) => walk.found.problem(&what, why),
        }
    }
    let without: Vec<u64> =
        walk.logs.iter().filter(|(_, log)| !log.keyed).map(|(account, _)| *account).collect();
    for account in without {
        walk.found.problem(format!("account_keys row {account}"), "is missing, its log is there");
    }
    let what = "every account has keys that open";
    let what = if walk.root.is_some() { what } else { "every account has keys" };
    walk.found.checked_since(before, what);
    Ok(())
}

fn keys_row(row: &Row<'_>) -> Cell<AccountKeysRow> {
    Ok(AccountKeysRow {
        account: unsigned(row, 0)?,
        version: key_version(row, 1)?,
        key: bytes(row, 2)?.to_vec(),
        purposes: bytes(row, 3)?.to_vec(),
    })
}

impl Walk<'_> {
    /// The opened keys of an account, as far as there is a root key and they open.
    pub(super) fn account_keys(&mut self, account: u64) -> Option<Arc<AccountKeys>> {
        let root = self.root?;
        if let Some(known) = self.opened.get(&account) {
            return known;
        }
        let keys = self.read_keys(root, account).map(Arc::new);
        self.opened.put(account, keys.clone());
        keys
    }

    fn read_keys(&self, root: &RootKey, account: u64) -> Option<AccountKeys> {
        let sql = "SELECT account, version, key, purposes FROM account_keys
                   WHERE account = ?1 ORDER BY version DESC LIMIT 1";
        let mut query = self.db.prepare_cached(sql).ok()?;
        let row = query.query_row([account], |row| Ok(keys_row(row))).optional().ok()??.ok()?;
        open_keys(root, &row).ok()
    }

    /// The opened key of a record, by its tag.
    pub(super) fn record_key(&mut self, account: u64, tag: Tag) -> Option<Arc<Key>> {
        if let Some(known) = self.record_keys.get(&(account, tag)) {
            return known;
        }
        let keys = self.account_keys(account)?;
        let key = self.read_record_key(&keys, account, tag).map(Arc::new);
        self.record_keys.put((account, tag), key.clone());
        key
    }

    fn read_record_key(&self, keys: &AccountKeys, account: u64, tag: Tag) -> Option<Key> {
        let sql = "SELECT k.version, k.wrapped FROM records r JOIN record_keys k ON k.row = r.key
                   WHERE r.account = ?1 AND r.tag = ?2";
        let mut query = self.db.prepare_cached(sql).ok()?;
        let read = |row: &Row<'_>| Ok((key_version(row, 0), bytes(row, 1).map(<[u8]>::to_vec)));
        let (version, wrapped) = query.query_row(params![account, tag], read).optional().ok()??;
        let context = record_key_context(account, tag, version.ok()?);
        unwrap(&keys.records, &context, &wrapped.ok()?).ok()
    }
}
