//! Measures: what is promised, and whether it holds now, on which facts.
//!
//! The catalogue is data, the controls are pure functions, and the facts are gathered from what the
//! kernel knows when the question is asked. Nobody sets a state. The one judgement in it, which
//! systems hold Service Data, is a register entry with a name and a shelf life.

mod catalogue;
mod controls;

pub use catalogue::{MEASURES, Measure, Obligation, VERSION};
pub use controls::{
    Answer, Basis, CONTROLLED, CredentialFact, Fact, Facts, GrantFact, Listener, Scope, State,
    control,
};

use crate::register::{self, Noun, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Replay, Result, Target, Work,
    on_house,
};
use serde::{Deserialize, Serialize};

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
}

impl ReadMeasures {
    /// With what the server's own probe of its listener saw last.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, listener: Option<Listener>) -> Result<Self> {
        let key = register::key::<StoredScope>(kernel, ONLY)?;
        Ok(Self { kernel: kernel.clone(), listener, key })
    }
}

impl Operation for ReadMeasures {
    type Output = Vec<Answered>;

    fn target(&self) -> Target {
        on_house(Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Answered>>> {
        let scope = work.load::<Read>(&self.key)?.present();
        work.note(HOUSE, Read::ACTION.name, vec![]);
        let (kernel, listener, now) = (self.kernel.clone(), self.listener.clone(), work.now());
        Ok(After::reveal(move |reveal| {
            let scope = scope.map(|pointer| reveal.open(&pointer)).transpose()?;
            let scope = scope.map(|version| register::parse::<StoredScope>(&version.body));
            let scope = scope.transpose()?.map(|row| Scope { by: row.by, at: Moment(row.at) });
            let facts = Facts { listener, scope, ..gather(&kernel, now)? };
            Ok(answers(&facts))
        }))
    }
}

/// Every obligation with the answer of its control.
pub fn answers(facts: &Facts) -> Vec<Answered> {
    let each = MEASURES.iter().flat_map(|measure| {
        measure.obligations.iter().map(|obligation| Answered {
            measure: measure.id,
            obligation: *obligation,
            answer: control(obligation.id, facts),
        })
    });
    each.collect()
}

/// What the kernel knows that bears on the measures.
fn gather(kernel: &Kernel, now: Moment) -> Result<Facts> {
    let authority = kernel.authority();
    let principals = authority.principals();
    let is_administrator = |roles: &[String]| roles.iter().any(|role| role == "administrator");
    let administrators =
        principals.iter().filter(|one| one.active && is_administrator(&one.roles)).count();
    let in_force = |grant: &std::sync::Arc<kernel::authority::Grant>| {
        !grant.ended && grant.not_before <= now && now < grant.not_after
    };
    let grants = authority.grants().into_iter().filter(in_force);
    let credentials = principals.iter().flat_map(|principal| {
        principal.credentials.iter().map(|credential| CredentialFact {
            ended: credential.ended || !principal.active,
            accepted: authority.identify(&credential.hash, now).is_ok(),
            expires: credential.expires,
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
        grants: grants
            .map(|grant| GrantFact { bootstrap: grant.bootstrap, since: grant.not_before })
            .collect(),
        credentials: credentials.collect(),
        scope: None,
    })
}
