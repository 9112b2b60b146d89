//! What a kernel has to answer, as simply as it can be said: no keys, no log, no store.

use super::rights::Right;
use super::step::{Answer, Learned, Step, What};
use kernel::Kind;
use kernel::limits::{CLOCK_BACKWARDS, IDEMPOTENCY_WINDOW, REFUSALS_PER_MINUTE};
use std::collections::BTreeMap;

const DAY: u64 = 86_400_000_000;
const MINUTE: u64 = 60_000_000;

/// Everything there is.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// The clock, µs since 1970.
    pub clock: u64,
    /// Time of the newest entry.
    pub latest: u64,
    pub principals: BTreeMap<String, Principal>,
    pub grants: Vec<Grant>,
    pub accounts: BTreeMap<String, Account>,
    /// Entries of each log by slot.
    pub sizes: BTreeMap<u64, u64>,
    /// Records made so far, which is the row number of the last.
    pub rows: i64,
    /// What is to be done by itself, with when.
    pub jobs: Vec<(u64, Follows)>,
    /// Logins that failed, by minute and source.
    pub strangers: BTreeMap<(u64, String), u64>,
    /// Whether a log besides `house` moved since the last anchor.
    pub moved: bool,
    told: (u64, BTreeMap<u64, u32>),
    requests: BTreeMap<(u64, String, String), Request>,
}

/// What follows by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Follows {
    /// A grant's window closed, and that is noted.
    Expired,
    /// Somebody left, and what they held is ended in the register.
    Left,
    /// Somebody left, and whoever else wants to hear it is told; here nobody does.
    Told,
}

/// A person or a service.
#[derive(Clone, Default)]
pub(super) struct Principal {
    pub roles: Vec<String>,
    pub gone: bool,
    /// Who answers for a service.
    pub owner: Option<String>,
    pub tokens: Vec<Token>,
}

#[derive(Clone)]
pub(super) struct Token {
    pub text: String,
    pub id: String,
    pub expires: u64,
    pub ended: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub id: String,
    pub to: String,
    /// The account's slot; `None` for every account.
    pub slot: Option<u64>,
    pub collections: Vec<String>,
    pub verbs: Vec<String>,
    pub purpose: String,
    pub not_before: u64,
    pub not_after: u64,
    pub bootstrap: bool,
    pub ended: bool,
    /// Index of the entry that gave it.
    pub given: u64,
}

#[derive(Clone)]
pub(super) struct Account {
    pub slot: u64,
    pub created: u64,
    /// In the order of making.
    pub collections: Vec<Collection>,
}

#[derive(Clone)]
pub(super) struct Collection {
    pub name: String,
    /// In the order of making.
    pub records: Vec<Record>,
}

#[derive(Clone)]
pub(super) struct Record {
    pub id: String,
    pub row: i64,
    /// Author and body of every version; no body for a deletion.
    pub versions: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Clone)]
struct Request {
    fingerprint: [u8; 32],
    at: u64,
    answer: Answer,
    learned: Learned,
    entries: Vec<Entry>,
}

/// An entry that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub slot: u64,
    pub index: u64,
    pub kind: &'static str,
}

/// What has to come of a step.
pub(super) struct Predicted {
    pub answer: Answer,
    /// Entries that are made now.
    pub entries: Vec<Entry>,
    /// Entries that receipts are for.
    pub receipts: Vec<Entry>,
    pub replayed: bool,
    /// Of a repeated request: what the first answer said.
    pub learned: Option<Learned>,
    pub right: Right,
}

impl Grant {
    pub fn every_collection(&self) -> bool {
        self.collections.iter().any(|name| name == "*")
    }
}

impl Principal {
    pub fn service(&self) -> bool {
        self.owner.is_some()
    }
}

impl Record {
    /// Version, from 1.
    pub fn version(&self) -> u64 {
        u64::try_from(self.versions.len()).unwrap_or(0)
    }

    /// The body, if it is not deleted.
    pub fn body(&self) -> Option<&Vec<u8>> {
        self.versions.last().and_then(|(_, body)| body.as_ref())
    }
}

impl Model {
    /// A store with its first administrator, whose entries are the founding and that person.
    pub fn founded(clock: u64, token: &str) -> Self {
        let mut model = Self { clock, latest: clock, rows: 1, ..Self::default() };
        model.sizes.insert(0, 2);
        let expires = clock + 30 * DAY;
        let token = Token { text: token.to_owned(), id: String::new(), expires, ended: false };
        let roles = vec!["administrator".to_owned()];
        let admin = Principal { roles, tokens: vec![token], ..Principal::default() };
        model.principals.insert("person:admin".to_owned(), admin);
        model
    }

    /// The moment operations run at: the clock, never before the newest entry.
    pub fn now(&self) -> u64 {
        self.clock.max(self.latest)
    }

    pub fn slot(&self, account: &str) -> u64 {
        self.accounts.get(account).map_or(0, |account| account.slot)
    }

    pub fn size(&self, slot: u64) -> u64 {
        self.sizes.get(&slot).copied().unwrap_or(0)
    }

    /// Active administrators.
    pub fn administrators(&self) -> usize {
        let is = |one: &&Principal| !one.gone && one.roles.iter().any(|r| r == "administrator");
        self.principals.values().filter(is).count()
    }

    /// Whether the clock is so far back that nothing is done.
    pub fn clock_is_wrong(&self) -> bool {
        u128::from(self.latest.saturating_sub(self.clock)) > CLOCK_BACKWARDS.as_micros()
    }

    /// A token that counts, if this principal has one.
    pub fn token(&self, who: &str) -> Option<&Token> {
        let principal = self.principals.get(who).filter(|principal| !principal.gone)?;
        principal.tokens.iter().rev().find(|token| !token.ended && token.expires > self.now())
    }

    /// Does a step.
    pub fn take(&mut self, step: &Step) -> Predicted {
        let counts = self.principals.get(&step.who).is_some_and(|principal| {
            let fits = |token: &&Token| token.text == step.token;
            let token = principal.tokens.iter().find(fits);
            !principal.gone && token.is_some_and(|t| !t.ended && t.expires > self.now())
        });
        if !counts {
            return Predicted::refused(Kind::Unauthenticated, vec![]);
        }
        if self.clock_is_wrong() {
            // The count of refusals in this minute goes up, although the entry fails.
            if self.decide(&step.who, &step.what, step.purpose.as_deref()).is_err() {
                self.may_tell(step.what.of().0.map_or(0, |account| self.slot(account)));
            }
            return Predicted::refused(Kind::Unavailable, vec![]);
        }
        match self.decide(&step.who, &step.what, step.purpose.as_deref()) {
            Err(kind) => self.refuse(step, kind),
            Ok(right) => self.allowed(step, right),
        }
    }

    fn allowed(&mut self, step: &Step, right: Right) -> Predicted {
        let target = step.what.of().0.map_or(0, |account| self.slot(account));
        let key = step.key.as_ref().map(|key| (target, step.who.clone(), key.clone()));
        let window = u64::try_from(IDEMPOTENCY_WINDOW.as_micros()).unwrap_or(u64::MAX);
        let oldest = self.now().saturating_sub(window);
        if let Some(first) = key.as_ref().and_then(|key| self.requests.get(key))
            && first.at >= oldest
        {
            return Predicted::again(step, first, right);
        }
        let before = self.sizes.clone();
        let (answer, kinds) = self.act(step, &right);
        if answer == Answer::Refused(Kind::Forbidden) {
            // A rule of the noun, not the policies; it is recorded all the same.
            return Predicted { right, ..self.refuse(step, Kind::Forbidden) };
        }
        let entries: Vec<_> =
            kinds.into_iter().map(|(slot, kind)| self.append(slot, kind)).collect();
        if let Some(key) = key.filter(|_| !entries.is_empty()) {
            let own = entries.iter().filter(|entry| entry.slot == target).cloned().collect();
            let request = Request {
                fingerprint: step.fingerprint(),
                at: self.now(),
                answer: answer.clone(),
                learned: Learned::default(),
                entries: own,
            };
            self.requests.insert(key, request);
        }
        debug_assert!(before.len() <= self.sizes.len());
        let refused = matches!(answer, Answer::Refused(_));
        let receipts = if refused { vec![] } else { entries.clone() };
        Predicted { answer, receipts, entries, replayed: false, learned: None, right }
    }

    fn refuse(&mut self, step: &Step, kind: Kind) -> Predicted {
        let slot = step.what.of().0.map_or(0, |account| self.slot(account));
        let told = self.may_tell(slot).then_some(slot);
        let slots = told.into_iter().chain([0]);
        let entries = slots.map(|slot| self.append(slot, "access.refused")).collect();
        Predicted::refused(kind, entries)
    }

    fn may_tell(&mut self, slot: u64) -> bool {
        let minute = self.now() / MINUTE;
        if self.told.0 != minute {
            self.told = (minute, BTreeMap::new());
        }
        let count = self.told.1.entry(slot).or_default();
        *count += 1;
        slot != 0 && *count <= REFUSALS_PER_MINUTE
    }

    /// Counts an entry.
    pub fn append(&mut self, slot: u64, kind: &'static str) -> Entry {
        self.latest = self.now();
        self.moved |= slot != 0;
        let size = self.sizes.entry(slot).or_default();
        *size += 1;
        Entry { slot, index: *size - 1, kind }
    }

    /// The kernel was opened again: what was only in memory is gone.
    pub fn reopened(&mut self) {
        self.told = Default::default();
        self.strangers.clear();
        self.moved = !self.accounts.is_empty();
    }

    /// Takes in what only the answer could tell.
    pub fn learn(&mut self, step: &Step, learned: &Learned) {
        if let (Some(key), (account, _)) = (&step.key, step.what.of()) {
            let target = account.map_or(0, |account| self.slot(account));
            if let Some(first) = self.requests.get_mut(&(target, step.who.clone(), key.clone())) {
                first.learned = learned.clone();
            }
        }
        if let Some((text, id)) = &learned.token {
            let (who, days) = match &step.what {
                What::NewPerson(name, _) | What::PersonToken(name) => {
                    (format!("person:{name}"), 30)
                }
                What::NewService(name) | What::ServiceToken(name) => {
                    (format!("service:{name}"), 90)
                }
                _ => return,
            };
            let expires = self.latest + days * DAY;
            let token = Token { text: text.clone(), id: id.clone(), expires, ended: false };
            self.principals.entry(who).or_default().tokens.push(token);
        }
        if let (Some(id), Some(grant)) = (&learned.grant, self.grants.last_mut()) {
            grant.id.clone_from(id);
        }
    }
}

impl Predicted {
    fn refused(kind: Kind, entries: Vec<Entry>) -> Self {
        Self {
            answer: Answer::Refused(kind),
            entries,
            receipts: vec![],
            replayed: false,
            learned: None,
            right: Right::default(),
        }
    }

    /// The answer to a repetition: the first one, or that the key was used for something else.
    fn again(step: &Step, first: &Request, right: Right) -> Self {
        let shown_once = matches!(
            step.what,
            What::NewPerson(..)
                | What::NewService(_)
                | What::PersonToken(_)
                | What::ServiceToken(_)
                | What::EndPerson(_)
                | What::EndService(_)
                | What::EndGrant(_)
        );
        if first.fingerprint != step.fingerprint() || shown_once {
            return Self { right, ..Self::refused(Kind::Conflict, vec![]) };
        }
        let refused = matches!(first.answer, Answer::Refused(_));
        Self {
            answer: first.answer.clone(),
            entries: vec![],
            receipts: if refused { vec![] } else { first.entries.clone() },
            replayed: !refused,
            learned: Some(first.learned.clone()),
            right,
        }
    }
}

impl Model {
    /// As [`Model::learn`]; a repetition tells nothing new.
    pub fn learn_unless(&mut self, replayed: bool, step: &Step, learned: &Learned) {
        if !replayed {
            self.learn(step, learned);
        }
    }

    /// What was tried did not happen; that it was refused is counted all the same.
    pub fn lost(&mut self, after: Self) {
        self.told = after.told;
    }

    /// Somebody came without a login.
    pub fn stranger(&mut self, source: &str) {
        *self.strangers.entry((self.now() / MINUTE, source.to_owned())).or_default() += 1;
    }

    /// What happens by itself, one commit each; the n-th from 0 may be lost. Says whether all of it
    /// happened.
    pub fn tick(&mut self, lose: Option<u64>) -> bool {
        let mut nth = 0..;
        let mut kept = || nth.next() != lose;
        let mut whole = true;
        let minute = self.now() / MINUTE;
        let over: Vec<_> =
            self.strangers.range(..(minute, String::new())).map(|(k, _)| k.clone()).collect();
        for one in over {
            if kept() {
                self.strangers.remove(&one);
                self.append(0, "access.unauthenticated");
            } else {
                whole = false;
            }
        }
        // Those of one moment run in the order in which they were left.
        self.jobs.sort_by_key(|job| job.0);
        let now = self.now();
        for job in self.jobs.iter().copied().filter(|job| job.0 <= now).collect::<Vec<_>>() {
            if kept() {
                let nth = self.jobs.iter().position(|other| *other == job);
                nth.map(|nth| self.jobs.remove(nth));
                match job.1 {
                    Follows::Expired => drop(self.append(0, "grant.expired")),
                    Follows::Left => self.settle(),
                    Follows::Told => drop(self.append(0, "stream.spread")),
                }
            } else {
                whole = false;
            }
        }
        if self.moved {
            if kept() {
                self.append(0, "anchor.made");
                self.moved = false;
            } else {
                whole = false;
            }
        }
        whole
    }

    /// Grants of whoever is gone end in the register, an entry each; one entry if there are none.
    fn settle(&mut self) {
        let now = self.now();
        let gone = |who: &str| self.principals.get(who).is_none_or(|principal| principal.gone);
        let held = |grant: &Grant| !grant.ended && now < grant.not_after && gone(&grant.to);
        let which: Vec<usize> =
            (0..self.grants.len()).filter(|nth| self.grants.get(*nth).is_some_and(held)).collect();
        for nth in &which {
            if let Some(grant) = self.grants.get_mut(*nth) {
                grant.ended = true;
            }
        }
        for _ in 0..which.len().max(1) {
            self.append(0, "grant.settle");
        }
    }

    /// A read of every collection and of every record's history.
    pub fn everything(&self) -> Vec<What> {
        let mut all = Vec::new();
        for (account, held) in &self.accounts {
            for collection in &held.collections {
                all.push(What::List {
                    account: account.clone(),
                    collection: collection.name.clone(),
                    limit: 1000,
                    after: None,
                    values: true,
                });
                all.extend(collection.records.iter().map(|record| {
                    What::History(super::step::At {
                        account: account.clone(),
                        collection: collection.name.clone(),
                        id: record.id.clone(),
                    })
                }));
            }
        }
        all
    }
}
