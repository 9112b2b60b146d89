//! Weighing facts: what is good, bad, missing, and the conclusion, drawn in one place.

use super::Facts;
use crate::systems::{self, Claim, Source, System};
use kernel::Moment;
use std::time::Duration;

/// The answer of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Every fact is there, fresh and good.
    Holding,
    /// A fact is bad.
    Failing,
    /// A fact is missing or too old.
    Unproven,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Failing => "failing",
            Self::Unproven => "unproven",
        }
    }
}

/// Where a fact comes from. The weakest of an answer's facts is the answer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Somebody outside says so, in a document.
    Attested,
    /// Somebody entered it in the course of the work, and Bailee saw that.
    Recorded,
    /// Bailee saw it.
    Measured,
}

impl Basis {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Recorded => "recorded",
            Self::Measured => "measured",
        }
    }
}

impl From<Source> for Basis {
    fn from(source: Source) -> Self {
        match source {
            Source::Measured => Self::Measured,
            Source::Recorded => Self::Recorded,
            Source::Attested => Self::Attested,
        }
    }
}

/// One fact behind an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is, such as `accounts with keys: 12 of 12`.
    pub what: String,
    /// When it was so.
    pub at: Moment,
    /// Where it comes from.
    pub basis: Basis,
    /// Whether it speaks for the obligation.
    pub good: bool,
}

/// What to do about an obligation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// What, in a sentence.
    pub what: String,
    /// Who: a principal or a role.
    pub who: String,
    /// By when, if that is stated.
    pub due: Option<Moment>,
    /// The register where it is done, and the row if there is one: `vendors/acme`.
    pub place: String,
}

/// What a control answers about an obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The state.
    pub state: State,
    /// The weakest basis of the facts; none without facts.
    pub basis: Option<Basis>,
    /// Since when: of a failing one, the first bad fact; otherwise the newest fact.
    pub since: Option<Moment>,
    /// The facts.
    pub facts: Vec<Fact>,
    /// What is missing for it to hold.
    pub missing: Vec<String>,
    /// Systems with a fresh fact, and systems in scope, where the obligation speaks of systems.
    pub systems: Option<(usize, usize)>,
    /// What to do, by whom, by when.
    pub todo: Vec<Todo>,
}

impl Answer {
    /// What decided, in a sentence: the first bad fact, the first thing that is missing, or how
    /// many facts speak for it.
    pub fn why(&self) -> String {
        let bad = self.facts.iter().find(|fact| !fact.good).map(|fact| fact.what.clone());
        let missing = || self.missing.first().map(|what| format!("missing: {what}"));
        let good = || format!("{} facts speak for it", self.facts.len());
        bad.or_else(missing).unwrap_or_else(good)
    }
}

/// How long a statement of scope counts.
pub const SCOPE_LIFE: Duration = Duration::from_secs(92 * 24 * 3600);

/// Collects facts and what is missing, and draws the conclusion in one place.
///
/// An obligation is `holding` only if there is a fact, every fact is good, and nothing is missing;
/// `failing` as soon as one fact is bad; otherwise `unproven`.
#[derive(Default)]
pub struct Weigh {
    facts: Vec<Fact>,
    missing: Vec<String>,
    systems: Option<(usize, usize)>,
    todo: Vec<Todo>,
}

/// How long a host's agent is believed that says it enforces revocations: it says so every twenty
/// minutes, and one that is silent enforces nothing.
const AGENT_LIFE: Duration = Duration::from_secs(3600);

/// Whether a fact about a system counts now.
fn counts(fact: &systems::Fact, now: Moment) -> bool {
    let by_agent = fact.claim == Claim::RevocationEnforced && fact.source == Source::Measured;
    now < fact.valid_to.end() && (!by_agent || now.since(fact.mark.at.0) <= AGENT_LIFE)
}

impl Weigh {
    /// A fact.
    pub fn fact(&mut self, basis: Basis, what: impl Into<String>, at: Moment, good: bool) {
        self.facts.push(Fact { what: what.into(), at, basis, good });
    }

    /// Something Bailee saw.
    pub fn measured(&mut self, what: impl Into<String>, at: Moment, good: bool) {
        self.fact(Basis::Measured, what, at, good);
    }

    /// Something somebody entered in the course of the work.
    pub fn recorded(&mut self, what: impl Into<String>, at: Moment, good: bool) {
        self.fact(Basis::Recorded, what, at, good);
    }

    /// Something a document says.
    pub fn attested(&mut self, what: impl Into<String>, at: Moment, good: bool) {
        self.fact(Basis::Attested, what, at, good);
    }

    /// Something that has to be there, and is not, or is too old.
    pub fn missing(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    /// What to do about it: `place` is a register or a row of it, such as `vendors/acme`.
    pub fn todo(
        &mut self,
        what: impl Into<String>,
        who: impl Into<String>,
        due: Option<Moment>,
        place: impl Into<String>,
    ) {
        let (what, who, place) = (what.into(), who.into(), place.into());
        self.todo.push(Todo { what, who, due, place });
    }

    /// Covers the systems in scope: Bailee itself, which `own` speaks for, and every registered
    /// one that `covers` says is concerned, which needs a fresh fact of this claim. Without a fresh
    /// statement that the register is complete nothing that speaks of systems can hold.
    pub fn systems(&mut self, facts: &Facts, claim: Claim, covers: impl Fn(&System) -> bool) {
        match &facts.scope {
            Some(scope) if facts.now.since(scope.at) <= SCOPE_LIFE => {
                let what = format!("{} states that the register of systems is complete", scope.by);
                self.recorded(what, scope.at, true);
            }
            Some(_) => self.missing("a statement of scope that is not older than 92 days"),
            None => self.missing("a statement that the register of systems is complete"),
        }
        if !self.missing.is_empty() {
            let what = "state that the register of systems is complete: `bailee measure scope`";
            self.todo(what, "security-lead", None, "systems");
        }
        let all = facts.house.all::<System>().iter();
        let (mut fresh, mut scope) = (1, 1);
        for kept in all.filter(|kept| kept.row.retired.is_none() && covers(&kept.row)) {
            scope += 1;
            let (id, owner) = (&kept.id, &kept.row.owner);
            match kept.row.newest(claim).filter(|fact| counts(fact, facts.now)) {
                Some(fact) => {
                    fresh += 1;
                    let what = format!("system {id}: {}", fact.evidence);
                    self.fact(fact.source.into(), what, fact.mark.at.0, fact.good);
                    if !fact.good {
                        self.todo("mend the system", owner, None, format!("systems/{id}"));
                    }
                }
                None => {
                    self.missing(format!("a fresh fact about system `{id}`"));
                    self.todo("report a fact about it", owner, None, format!("systems/{id}"));
                }
            }
        }
        self.systems = Some((fresh, scope));
    }

    /// The conclusion.
    pub fn answer(self) -> Answer {
        let bad = self.facts.iter().filter(|fact| !fact.good).map(|fact| fact.at).min();
        let state = match (bad, self.missing.is_empty(), self.facts.is_empty()) {
            (Some(_), ..) => State::Failing,
            (None, true, false) => State::Holding,
            (None, ..) => State::Unproven,
        };
        let since = bad.or_else(|| self.facts.iter().map(|fact| fact.at).max());
        let basis = self.facts.iter().map(|fact| fact.basis).min();
        let Self { facts, missing, systems, todo } = self;
        Answer { state, basis, since, facts, missing, systems, todo }
    }
}
