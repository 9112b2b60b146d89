//! Measures: what is promised, and whether it holds now, on which facts.
//!
//! The catalogue is data, the controls are pure functions, and the facts are gathered from what the
//! kernel knows when the question is asked. Nobody sets a state. The one judgement in it, which
//! systems hold Service Data, is a register entry with a name and a shelf life.

mod controls;
pub mod policy;
pub mod proof;
mod states;
mod weigh;

pub use crate::catalogue::{MEASURES, Mapping, Measure, Obligation, VERSION};
pub use controls::{
    CONTROLS, CredentialFact, Facts, GrantFact, Listener, Proof, Proven, Scope, Third, ThirdGrant,
    ThirdPrincipal, control,
};
pub use states::{Board, Change, ReadStates, States, look_at_states, note_states};
pub use weigh::{Answer, Basis, Fact, SCOPE_LIFE, State, Todo, Weigh};

use crate::catalogue::{CURRENT, Catalogue};
use crate::people::eligible;
use crate::register::{self, Noun, act};
use crate::registers::{self, Survey};
use kernel::authority::{Authority, CredentialKind, Grant};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Replay, Result, Target, Work,
    on_house,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

act!(
    /// Asking for the state of the measures.
    Read, "measure.read", None, false
);
act!(
    /// Stating which systems hold Service Data.
    SetScope, "measure.scope", None, false
);

/// The statement of scope as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct StoredScope {
    /// `scope/v1`.
    pub format: String,
    /// Why the person thinks so.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When, µs since 1970.
    pub at: u64,
}

impl Noun for StoredScope {
    const REGISTER: &'static str = "scopes";
    const NOUN: &'static str = "statement of scope";
    type Read = Read;
    type List = Read;
}

/// The one row of the register in this release.
const ONLY: &str = "bailee-only";

/// States that Bailee is the only system that holds Service Data.
pub struct StateScope {
    key: RecordKey,
    reason: String,
}

impl StateScope {
    /// For this reason.
    ///
    /// # Errors
    /// `Invalid` without a reason of 1 to 500 bytes.
    pub fn new(kernel: &Kernel, reason: &str) -> Result<Self> {
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > 500 || reason.chars().any(char::is_control) {
            return Err(Error::invalid("reason", "state a reason of 1 to 500 bytes"));
        }
        let key = register::key::<StoredScope>(kernel, ONLY)?;
        Ok(Self { key, reason: reason.to_owned() })
    }
}

impl Operation for StateScope {
    type Output = StoredScope;

    fn target(&self) -> Target {
        on_house(SetScope::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<StoredScope>> {
        let allowed = work.load::<SetScope>(&self.key)?;
        let row = StoredScope {
            format: "scope/v1".to_owned(),
            reason: self.reason.clone(),
            by: work.caller().principal.to_string(),
            at: work.now().0,
        };
        work.save(allowed, register::body(&row)?, vec![])?;
        Ok(After::now(row))
    }

    fn replay(&self, first: &Replay) -> Result<StoredScope> {
        let lost = || Error::internal("the first answer cannot be rebuilt");
        Ok(StoredScope {
            format: "scope/v1".to_owned(),
            reason: self.reason.clone(),
            by: first.field(0, "actor").ok_or_else(lost)?.to_owned(),
            at: first.at().ok_or_else(lost)?.0,
        })
    }
}

/// Asks for the state of every obligation.
pub struct ReadMeasures {
    kernel: Kernel,
    listener: Option<Listener>,
    key: RecordKey,
    survey: Survey,
    states: Vec<RecordKey>,
}

/// An obligation with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The measure it belongs to.
    pub measure: &'static str,
    /// The obligation.
    pub obligation: Obligation,
    /// What its control says.
    pub answer: Answer,
    /// The provider's own words for it, as the catalogue in force has them.
    pub terms: Vec<String>,
}

impl ReadMeasures {
    /// With what the server's own probe of its listener saw last.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, listener: Option<Listener>) -> Result<Self> {
        let key = register::key::<StoredScope>(kernel, ONLY)?;
        let (survey, states) = (registers::survey(kernel)?, states::keys(kernel)?);
        Ok(Self { kernel: kernel.clone(), listener, key, survey, states })
    }
}

impl ReadMeasures {
    /// Everything the controls look at.
    fn facts(&self, work: &Work<'_>) -> Result<Facts> {
        let scope = work.look(&self.key)?;
        let scope = scope.map(|body| register::parse::<StoredScope>(&body)).transpose()?;
        let scope = scope.map(|row| Scope { by: row.by, at: Moment(row.at) });
        let house = Arc::new(self.survey.find(work)?.read(work)?);
        let history = states::kept(&states::known(work, &self.states)?);
        let (listener, known) = (self.listener.clone(), gather(&self.kernel, work.now())?);
        Ok(Facts { listener, scope, history, house, ..known })
    }

    /// The facts, and what every control says of them.
    pub(crate) fn ask(&self, work: &Work<'_>) -> Result<(Facts, Vec<Answered>)> {
        let before = states::known(work, &self.states)?;
        let facts = self.facts(work)?;
        let mut answered = answers(&facts);
        for one in &mut answered {
            let noted = states::since(&before, one.obligation.id, one.answer.state);
            one.answer.since = noted.or(one.answer.since);
        }
        Ok((facts, answered))
    }
}

impl Operation for ReadMeasures {
    type Output = Vec<Answered>;

    fn target(&self) -> Target {
        on_house(Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        self.survey.wants(wants);
        for key in &self.states {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Answered>>> {
        let (_, answered) = self.ask(work)?;
        work.note(HOUSE, Read::ACTION.name, vec![]);
        Ok(After::now(answered))
    }
}

/// Every obligation with the answer of its control.
pub fn answers(facts: &Facts) -> Vec<Answered> {
    let own = facts.house.one::<Catalogue>(CURRENT).map(|kept| &kept.row);
    let words = |id: &str| own.map(|row| row.own_words(id)).unwrap_or_default();
    let each = MEASURES.iter().flat_map(|measure| {
        measure.obligations.iter().map(|obligation| Answered {
            measure: measure.id,
            obligation: *obligation,
            answer: control(obligation.id, facts),
            terms: words(obligation.id),
        })
    });
    each.collect()
}

/// A token that nobody holds: those that are issued are longer.
const NOBODYS: &str = "bailee_nobody";

/// What bears on the measures about a grant.
fn grant_fact(authority: &Authority, grant: &Grant) -> GrantFact {
    // A service has no roles: what it may hold is for its owner and the approver.
    let holder = authority.principal(&grant.holder).filter(|one| one.owner.is_none());
    let beyond = |roles: &[String]| grant.verbs.iter().any(|verb| !eligible(roles, *verb));
    GrantFact {
        id: grant.id.clone(),
        bootstrap: grant.bootstrap,
        beyond: holder.is_some_and(|holder| beyond(&holder.roles)),
        since: grant.not_before,
        until: grant.not_after,
    }
}

/// What the kernel knows that bears on the measures.
fn gather(kernel: &Kernel, now: Moment) -> Result<Facts> {
    let authority = kernel.authority();
    let principals = authority.principals();
    let own = principals.iter().filter(|one| one.account.is_none() && one.vendor.is_none());
    let administrators =
        own.filter(|one| one.active && one.roles.iter().any(|role| role == "administrator"));
    let administrators = administrators.count();
    let in_force =
        |grant: &Arc<Grant>| !grant.ended && grant.not_before <= now && now < grant.not_after;
    let grants = authority.grants().into_iter().filter(in_force);
    let credentials = principals.iter().flat_map(|principal| {
        principal.credentials.iter().map(|credential| CredentialFact {
            ended: credential.ended || !principal.active,
            accepted: authority.identify(&credential.hash, now).is_ok(),
            expires: credential.expires,
            token: credential.kind == CredentialKind::Token,
        })
    });
    Ok(Facts {
        now,
        census: Some(kernel.census()?),
        listener: None,
        alarm: kernel.alarm(),
        anchored: kernel.anchored_at()?,
        administrators,
        founded: kernel.founded_at()?,
        grants: grants.map(|grant| grant_fact(authority, &grant)).collect(),
        credentials: credentials.collect(),
        responders: controls::responders(authority),
        scope: None,
        third: controls::third(authority, now),
        proof: proof::of_release(authority.policies().digest()),
        policies: authority.policies().digest().to_owned(),
        strangers_refused: Some(authority.identify(&kernel::token_hash(NOBODYS), now).is_err()),
        history: None,
        house: Arc::default(),
    })
}
