//! Refusals are recorded too: in `house`, and, within a rate, in the account that was tried.

use crate::authority::{Action, Caller};
use crate::error::{Error, Result};
use crate::lane::{Body, Committed};
use crate::limits::REFUSALS_PER_MINUTE;
use crate::operation::{After, Operation, Replay, Target};
use crate::store::HOUSE;
use crate::time::Moment;
use crate::work::Work;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// The entry of a refusal.
pub static REFUSED: Action = Action { name: "access.refused", verb: None, changes_rights: false };

/// The entry of requests without a valid login: one per source and minute.
pub static UNAUTHENTICATED: Action =
    Action { name: "access.unauthenticated", verb: None, changes_rights: false };

const MINUTE: u64 = 60_000_000;

/// Minute, source, holder and credential.
type Ended = (u64, String, String, String);

/// Counts what must not fill a log.
#[derive(Default)]
pub(crate) struct Refusals {
    told: Mutex<(u64, HashMap<u64, u32>)>,
    strangers: Mutex<BTreeMap<(u64, String), u64>>,
    /// As those, with credentials that counted once, which are far fewer.
    ended: Mutex<BTreeMap<Ended, (u64, Caller)>>,
}

impl Refusals {
    /// The account, if its own ledger may be told of one more refusal in this minute.
    pub(crate) fn may_tell(&self, account: u64, now: Moment) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0 / MINUTE;
        if told.0 != minute {
            *told = (minute, HashMap::new());
        }
        let count = told.1.entry(account).or_default();
        *count += 1;
        (account != HOUSE && *count <= REFUSALS_PER_MINUTE).then_some(account)
    }

    /// Counts a request without a valid login. Beyond 10,000 sources a minute they share one name.
    pub(crate) fn stranger(&self, source: &str, now: Moment) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let source = if strangers.len() < 10_000 { source } else { "others" };
        *strangers.entry((now.0 / MINUTE, source.to_owned())).or_default() += 1;
    }

    /// Counts a request with a credential that counted once. Beyond 10,000 in a minute they are
    /// strangers like any other.
    pub(crate) fn ended(&self, source: &str, caller: Caller, now: Moment) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (minute, id) = (now.0 / MINUTE, caller.principal.to_string());
        let key = (minute, source.to_owned(), id, caller.credential.clone());
        if ended.len() >= 10_000 && !ended.contains_key(&key) {
            drop(ended);
            return self.stranger(source, now);
        }
        ended.entry(key).or_insert((0, caller)).0 += 1;
    }

    /// How often this source tried in vain in this minute.
    pub(crate) fn tries(&self, source: &str, now: Moment) -> u64 {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0 / MINUTE;
        let own = ended.range((minute, source.to_owned(), String::new(), String::new())..);
        let own = own.take_while(|(key, _)| key.0 == minute && key.1 == source);
        let own: u64 = own.map(|(_, (count, _))| count).sum();
        own.saturating_add(self.strange(source, now))
    }

    fn strange(&self, source: &str, now: Moment) -> u64 {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |source: &str| strangers.get(&(now.0 / MINUTE, source.to_owned())).copied();
        count(source).or_else(|| count("others")).unwrap_or(0)
    }

    /// The counts of the minutes that are over, to be recorded.
    pub(crate) fn strangers_before(&self, now: Moment) -> Vec<Strangers> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = strangers.split_off(&(now.0 / MINUTE, String::new()));
        let over = std::mem::replace(&mut *strangers, rest);
        let one = |((minute, source), count)| Strangers { minute, source, count, caller: None };
        let mut all: Vec<_> = over.into_iter().map(one).collect();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (now.0 / MINUTE, String::new(), String::new(), String::new());
        let rest = ended.split_off(&begin);
        let over = std::mem::replace(&mut *ended, rest);
        all.extend(over.into_iter().map(|((minute, source, ..), (count, caller))| Strangers {
            minute,
            source,
            count,
            caller: Some(caller),
        }));
        all
    }

    /// Counts again what could not be recorded.
    pub(crate) fn unrecorded(&self, one: Strangers) {
        if let Some(caller) = one.caller {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            let id = caller.principal.to_string();
            let key = (one.minute, one.source, id, caller.credential.clone());
            ended.entry(key).or_insert((0, caller)).0 += one.count;
            return;
        }
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        *strangers.entry((one.minute, one.source)).or_default() += one.count;
    }
}

/// Somebody known was refused.
pub(crate) struct Refused {
    account: Option<u64>,
    action: &'static str,
    on: u64,
    collection: Option<String>,
    why: &'static str,
}

impl Refused {
    pub(crate) fn new(target: &Target, account: Option<u64>, error: &Error) -> Self {
        Self {
            account,
            action: target.action.name,
            on: target.account,
            collection: target.collection.as_ref().map(ToString::to_string),
            why: match error.kind() {
                crate::error::Kind::NotFound => "not found",
                _ => "forbidden",
            },
        }
    }
}

impl Operation for Refused {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: &REFUSED, account: HOUSE, collection: None }
    }

    fn wants(&self, wants: &mut crate::engine::Wants) {
        wants.heads.extend(self.account);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let mut fields = vec![
            ("asked", self.action.to_owned()),
            ("slot", self.on.to_string()),
            ("why", self.why.to_owned()),
        ];
        fields.extend(self.collection.clone().map(|name| ("collection", name)));
        for account in self.account.into_iter().chain([HOUSE]) {
            work.note(account, REFUSED.name, fields.clone());
        }
        Ok(After::now(()))
    }
}

/// The refusal of an operation that was let in and then denied in the lane.
pub(crate) struct Denied {
    pub(crate) refused: Refused,
    pub(crate) error: Error,
    pub(crate) body: Box<dyn Body>,
}

impl Body for Denied {
    fn execute(&mut self, work: &mut Work<'_>) -> Result<()> {
        self.refused.execute(work).map(|_| ())
    }

    fn answer(self: Box<Self>, outcome: Result<Committed>) {
        // If it cannot be recorded, that is the answer: nothing goes unrecorded.
        self.body.answer(Err(outcome.err().unwrap_or(self.error)));
    }

    fn replay(self: Box<Self>, _first: Result<(Replay, Committed)>) {
        self.body.answer(Err(self.error));
    }
}

/// Requests without a valid login, from one source in one minute.
#[derive(Clone)]
pub(crate) struct Strangers {
    pub(crate) minute: u64,
    pub(crate) source: String,
    pub(crate) count: u64,
    /// Whose credential it was, if it counted once.
    pub(crate) caller: Option<Caller>,
}

impl Operation for Strangers {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: &UNAUTHENTICATED, account: HOUSE, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let mut fields = vec![("source", self.source.clone()), ("count", self.count.to_string())];
        if self.caller.is_some() {
            fields.push(("why", "ended".to_owned()));
        }
        work.note(HOUSE, UNAUTHENTICATED.name, fields);
        Ok(After::now(()))
    }
}
