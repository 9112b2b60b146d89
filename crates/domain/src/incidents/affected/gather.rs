//! What is gathered of one account, entry by entry.

use super::answer::{Account, Certainty, Counts, Record};
use super::search::ERASED;
use crate::incidents::hex;
use crate::register::When;
use kernel::{Fed, Kernel, Moment, Result, Told, Traced};
use std::collections::{BTreeMap, BTreeSet};

/// Different grants, collections, kinds or asserted names of one account that are told.
const NAMES: usize = 100;

#[derive(Default)]
pub(super) struct Gathered {
    certainty: Option<Certainty>,
    reasons: BTreeSet<String>,
    entries: u64,
    pub(super) refused: u64,
    other: u64,
    kinds: BTreeSet<String>,
    grants: BTreeSet<String>,
    asserted: BTreeSet<String>,
    records: BTreeMap<[u8; 16], Counts>,
    first: Option<Moment>,
    last: Option<Moment>,
}

/// What an entry did with each record it concerned.
fn effect(entry: &Fed) -> Option<Counts> {
    let one = |field: fn(&mut Counts) -> &mut u64| {
        let mut counts = Counts::default();
        *field(&mut counts) = 1;
        Some(counts)
    };
    let outcome = entry.field("outcome");
    let none = outcome.is_some_and(|outcome| outcome == "not found" || outcome == "not modified");
    match entry.kind.as_str() {
        "record.get" | "record.delete" | "record.restore" | "record.history" | "transfer.add"
            if none =>
        {
            one(|counts| &mut counts.confirmed)
        }
        "record.list" if entry.field("values") == Some("false") => {
            one(|counts| &mut counts.described)
        }
        "record.history" => one(|counts| &mut counts.described),
        "record.get" | "record.list" => one(|counts| &mut counts.disclosed),
        "record.put" | "record.batch" | "record.restore" => one(|counts| &mut counts.changed),
        "record.delete" => one(|counts| &mut counts.deleted),
        "transfer.add" => one(|counts| &mut counts.exported),
        _ => None,
    }
}

impl Gathered {
    pub(super) fn unknown(&mut self, reason: String) {
        self.at_best(Certainty::Unknown, reason);
    }

    fn at_best(&mut self, certainty: Certainty, reason: String) {
        self.certainty = self.certainty.max(Some(certainty));
        if self.reasons.len() < NAMES {
            self.reasons.insert(reason);
        }
    }

    pub(super) fn take(&mut self, found: &Traced) {
        let entry = &found.entry;
        // The house's log has every refusal, this one only some.
        if entry.kind == kernel::REFUSED.name {
            return;
        }
        self.entries += 1;
        name(&mut self.kinds, &entry.kind);
        self.first = Some(self.first.map_or(entry.time, |first| first.min(entry.time)));
        self.last = self.last.max(Some(entry.time));
        match &entry.fields {
            Told::Erased => self.at_best(ERASED.0, ERASED.1.to_owned()),
            // Said already, with the reason.
            Told::Closed(_) => {}
            Told::Fields(_) => self.certain(entry),
        }
        let Some(counts) = effect(entry) else {
            self.other += 1;
            return;
        };
        for tag in &found.objects {
            self.records.entry(*tag).or_default().add(&counts);
        }
        if entry.field("scope") == Some("the whole collection") {
            let reason =
                "a whole collection was handed over on a medium: its records are not named";
            self.at_best(Certainty::Unknown, reason.to_owned());
        }
    }

    fn certain(&mut self, entry: &Fed) {
        if let Some(grant) = entry.field("grant") {
            name(&mut self.grants, grant.split('#').next().unwrap_or(grant));
        }
        if let Some(behalf) = entry.field("behalf") {
            name(&mut self.asserted, behalf);
        }
        if entry.kind == "record.list"
            && entry.field("values").is_none()
            && entry.field("outcome").is_none()
        {
            let reason = "lists of an earlier release do not say whether they held bodies: they \
                          are counted as if they did";
            self.at_best(Certainty::UpperBound, reason.to_owned());
        }
    }

    /// The account with its records under their ids.
    pub(super) fn account(mut self, kernel: &Kernel, slot: u64, id: &str) -> Result<Account> {
        let (mut items, mut all) = (Vec::with_capacity(self.records.len()), Counts::default());
        let mut collections = BTreeSet::new();
        let mut away = None;
        for (tag, counts) in std::mem::take(&mut self.records) {
            all.add(&counts);
            let header = match kernel.named(slot, &tag) {
                Ok(header) => header,
                Err(error) => {
                    away = Some(error.message().to_owned());
                    None
                }
            };
            let (collection, id) = header.map(|header| (header.collection, header.id)).unzip();
            if let Some(collection) = &collection {
                name(&mut collections, collection);
            }
            items.push(Record { collection, id, tag: hex(&tag), counts });
        }
        if let Some(why) = away {
            self.unknown(format!("records cannot be named ({why})"));
        }
        items.sort_unstable_by(|a, b| {
            (&a.collection, &a.id, &a.tag).cmp(&(&b.collection, &b.id, &b.tag))
        });
        Ok(Account {
            account: id.to_owned(),
            certainty: self.certainty.unwrap_or(Certainty::Exact),
            reasons: self.reasons.into_iter().collect(),
            entries: self.entries,
            refused: self.refused,
            counts: all,
            other: self.other,
            records: u64::try_from(items.len()).unwrap_or(u64::MAX),
            kinds: self.kinds.into_iter().collect(),
            collections: collections.into_iter().collect(),
            grants: self.grants.into_iter().collect(),
            asserted: self.asserted.into_iter().collect(),
            first: self.first.map(When),
            last: self.last.map(When),
            items,
        })
    }
}

/// Keeps a name, up to so many different ones.
fn name(names: &mut BTreeSet<String>, one: &str) {
    if names.len() < NAMES && !names.contains(one) {
        names.insert(one.to_owned());
    }
}
