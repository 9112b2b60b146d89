//! What protects a record's row, and how an opening is sealed.

use super::{Stage, sealed};
use crate::engine::{Numbered, RecordKeyRow, RecordRow, Stored};
use crate::error::{Error, Result};
use crate::operation::{RecordKey, State};
use crate::store::{opening_context, opening_key, record_key_context};
use ledger::entry::StoredOpening;
use sealing::{AccountKeys, Context, Entropy, Key, mac, seal, sha256, unwrap, verify_mac, wrap};
use std::sync::Arc;

/// The hash that a leaf commits to: the record's state after the entry, ciphertext included.
pub(crate) fn state_hash(row: &RecordRow, sealed: &[u8; 32]) -> ledger::Hash {
    sha256(&[
        b"bailee-state/v1",
        &row.account.to_be_bytes(),
        &row.collection,
        &row.tag,
        &row.version.to_be_bytes(),
        &[u8::from(row.deleted)],
        &row.changed.to_be_bytes(),
        sealed,
    ])
}

/// The MAC of a record's row, checked each time the row is used.
pub(crate) fn record_mac(keys: &AccountKeys, row: &RecordRow) -> [u8; 32] {
    mac(&keys.tags, &record_mac_parts(&record_numbers(row), row))
}

/// Opens a row and its key, if the row holds.
pub(crate) fn open_state(keys: &AccountKeys, stored: Stored) -> Result<State> {
    let Stored { record, key } = stored;
    let damaged = |what: &str| {
        Error::internal(format!("record row {} of log {}: {what}", record.row, record.account))
    };
    let numbers = record_numbers(&record);
    if !verify_mac(&keys.tags, &record_mac_parts(&numbers, &record), &record.mac) {
        return Err(damaged("it was altered"));
    }
    let context = record_key_context(key.account, key.tag, key.version);
    if key.tag != record.tag || key.account != record.account {
        return Err(damaged("its key belongs to another record"));
    }
    let opened = unwrap(&keys.records, &context, &key.wrapped)
        .map_err(|error| damaged(&format!("its key does not open: {error}")))?;
    Ok(State { row: record, key: Arc::new(opened), key_version: key.version })
}

fn record_numbers(row: &RecordRow) -> [[u8; 8]; 6] {
    [
        row.row.to_be_bytes(),
        row.account.to_be_bytes(),
        row.version.to_be_bytes(),
        row.changed.to_be_bytes(),
        row.current.to_be_bytes(),
        row.key.to_be_bytes(),
    ]
}

fn record_mac_parts<'a>(numbers: &'a [[u8; 8]; 6], row: &'a RecordRow) -> [&'a [u8]; 10] {
    let [a, b, c, d, e, f] = numbers;
    let deleted: &[u8] = if row.deleted { b"1" } else { b"0" };
    [b"bailee-record/v1", a, b, c, d, e, f, &row.collection, &row.tag, deleted]
}

/// First byte of a stored opening: which key it is sealed under.
pub(crate) const OPENING_BY_LOG: u8 = 0;
/// As above: under a key derived from the record's, whose tag follows.
pub(crate) const OPENING_BY_RECORD: u8 = 1;

pub(super) fn seal_opening(
    keys: &AccountKeys,
    account: u64,
    index: u64,
    subject: Option<State>,
    seed: &[u8; 32],
    fields: &[(&str, &str)],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>> {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let plain = StoredOpening { seed: *seed, fields: fields.collect() }.encode();
    let Some(subject) = subject else {
        let context = opening_context(account, [0; 16], index);
        let sealed = sealed(seal(&keys.log, &context, entropy, &plain))?;
        return Ok([vec![OPENING_BY_LOG], sealed].concat());
    };
    let tag = subject.row.tag;
    let context: Context = opening_context(account, tag, index);
    let sealed = sealed(seal(&opening_key(&subject.key), &context, entropy, &plain))?;
    Ok([&[OPENING_BY_RECORD][..], &tag, &sealed].concat())
}

impl Stage {
    /// The key of a new record, with its row and version.
    pub(super) fn new_record_key(
        &mut self,
        key: &RecordKey,
        keys: &AccountKeys,
        entropy: &mut dyn Entropy,
    ) -> Result<(Arc<Key>, i64, u32)> {
        let record_key = Key::generate(entropy)?;
        let context = record_key_context(key.account, key.tag, 1);
        let wrapped = sealed(wrap(&keys.records, &context, entropy, &record_key))?;
        let row = self.number(Numbered::RecordKey)?;
        let stored = RecordKeyRow { row, account: key.account, tag: key.tag, version: 1, wrapped };
        self.commit.record_keys.push(stored);
        Ok((Arc::new(record_key), row, 1))
    }
}
