//! Refusals are recorded too: in `house`, and, within a rate, in the account that was tried.

use crate::authority::{Action, Caller, Refusal};
use crate::error::{Error, Result};
use crate::lane::{Body, Committed};
use crate::limits::{REFUSALS_EXPLAINED, REFUSALS_PER_MINUTE, TRIES_TOLD_AT_ONCE};
use crate::operation::{After, Operation, Replay, Target};
use crate::store::HOUSE;
use crate::time::Moment;
use crate::work::Work;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// The entry of a refusal.
pub static REFUSED: Action = Action { name: "access.refused", verb: None, changes_rights: false };

/// The entry of requests without a valid login: one per source and minute.
pub static UNAUTHENTICATED: Action =
    Action { name: "access.unauthenticated", verb: None, changes_rights: false };

/// The entry of requests that a restraint refused: one per restraint, caller and minute.
pub static RESTRAINED: Action =
    Action { name: "access.restrained", verb: None, changes_rights: false };

const MINUTE: u64 = 60_000_000;

/// Minute, restraint, holder and credential; the last two are empty where nobody was asked for one.
type Restrained = (u64, String, String, String);

/// How often, of whom, and from which address: nothing if none is known, or if there were several.
type Tried = (u64, Option<Caller>, Option<IpAddr>);

/// Minute, source, holder and credential.
type Ended = (u64, String, String, String);

/// Counts what must not fill a log.
#[derive(Default)]
pub(crate) struct Refusals {
    told: Mutex<(u64, HashMap<u64, u32>)>,
    strangers: Mutex<BTreeMap<(u64, String), Tries>>,
    /// As those, with credentials that counted once, which are far fewer.
    ended: Mutex<BTreeMap<Ended, (u64, Caller)>>,
    restrained: Mutex<BTreeMap<Restrained, Tried>>,
}

/// Tries in vain of one source in one minute.
#[derive(Default)]
struct Tries {
    count: u64,
    /// How many of them are recorded already.
    told: u64,
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
        strangers.entry((now.0 / MINUTE, source.to_owned())).or_default().count += 1;
    }

    /// Counts a request that a restraint refused. Beyond 10,000 in a minute those of one restraint
    /// share an entry.
    pub(crate) fn restrained(
        &self,
        refusal: &Refusal,
        caller: Option<Caller>,
        source: Option<IpAddr>,
        now: Moment,
    ) {
        let mut all = self.restrained.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = caller.filter(|_| all.len() < 10_000);
        let name = |caller: &Caller| (caller.principal.to_string(), caller.credential.clone());
        let (who, credential) = caller.as_ref().map(name).unwrap_or_default();
        let key = (now.0 / MINUTE, refusal.id.clone(), who, credential);
        let tried = all.entry(key).or_insert((0, caller, source));
        tried.0 += 1;
        tried.2 = tried.2.filter(|known| Some(*known) == source);
    }

    /// Whether a restraint was explained often enough in this minute.
    pub(crate) fn explained(&self, refusal: &Refusal, now: Moment) -> bool {
        let all = self.restrained.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (now.0 / MINUTE, refusal.id.clone(), String::new(), String::new());
        all.get(&key).is_some_and(|(count, ..)| *count >= REFUSALS_EXPLAINED)
    }

    /// What restraints refused in the minutes that are over, to be recorded.
    pub(crate) fn restrained_before(&self, now: Moment) -> Vec<Withheld> {
        let mut all = self.restrained.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (now.0 / MINUTE, String::new(), String::new(), String::new());
        let rest = all.split_off(&begin);
        let over = std::mem::replace(&mut *all, rest);
        let mut told = Vec::with_capacity(over.len());
        for ((minute, id, ..), (count, caller, source)) in over {
            told.push(Withheld { minute, id, count, caller, source });
        }
        told
    }

    /// Counts again what could not be recorded.
    pub(crate) fn unrecorded_restraint(&self, one: Withheld) {
        let mut all = self.restrained.lock().unwrap_or_else(PoisonError::into_inner);
        let name = |caller: &Caller| (caller.principal.to_string(), caller.credential.clone());
        let (who, credential) = one.caller.as_ref().map(name).unwrap_or_default();
        let key = (one.minute, one.id, who, credential);
        all.entry(key).or_insert((0, one.caller, one.source)).0 += one.count;
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
        let key = |source: &str| (now.0 / MINUTE, source.to_owned());
        let count = |source: &str| strangers.get(&key(source)).map(|tries| tries.count);
        count(source).or_else(|| count("others")).unwrap_or(0)
    }

    /// The counts of the minutes that are over, to be recorded, and those of this minute that are
    /// high enough to be recorded at once.
    pub(crate) fn strangers_before(&self, now: Moment) -> Vec<Strangers> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = strangers.split_off(&(now.0 / MINUTE, String::new()));
        let over = std::mem::replace(&mut *strangers, rest);
        let one = |((minute, source), tries): ((u64, String), Tries)| {
            let count = tries.count - tries.told;
            (count > 0).then_some(Strangers { minute, source, count, caller: None })
        };
        let mut all: Vec<_> = over.into_iter().filter_map(one).collect();
        for ((minute, source), tries) in strangers.iter_mut() {
            let count = tries.count - tries.told;
            if count >= TRIES_TOLD_AT_ONCE {
                tries.told = tries.count;
                let (minute, source) = (*minute, source.clone());
                all.push(Strangers { minute, source, count, caller: None });
            }
        }
        drop(strangers);
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
        let tries = strangers.entry((one.minute, one.source)).or_default();
        // Of this minute they are counted still, and only not told.
        match tries.told >= one.count {
            true => tries.told -= one.count,
            false => tries.count += one.count,
        }
    }
}

/// Somebody known was refused.
pub(crate) struct Refused {
    account: Option<u64>,
    action: &'static str,
    on: u64,
    collection: Option<String>,
    why: &'static str,
    /// The restraint that refused it, by its id.
    restraint: Option<String>,
}

impl Refused {
    pub(crate) fn new(target: &Target, account: Option<u64>, error: &Error) -> Self {
        Self {
            account,
            action: target.action.name,
            on: target.account,
            collection: target.collection.as_ref().map(ToString::to_string),
            restraint: error.restraint().map(str::to_owned),
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
        fields.extend(self.restraint.clone().map(|id| ("answer", id)));
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

/// Requests that a restraint refused, of one caller in one minute.
#[derive(Clone)]
pub(crate) struct Withheld {
    pub(crate) minute: u64,
    pub(crate) id: String,
    pub(crate) count: u64,
    pub(crate) caller: Option<Caller>,
    /// The address, if it was one.
    pub(crate) source: Option<IpAddr>,
}

impl Operation for Withheld {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: &RESTRAINED, account: HOUSE, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let mut fields = vec![("answer", self.id.clone()), ("count", self.count.to_string())];
        fields.extend(self.source.map(|source| ("source", source.to_canonical().to_string())));
        work.note(HOUSE, RESTRAINED.name, fields);
        Ok(After::now(()))
    }
}
