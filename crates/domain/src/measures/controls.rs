//! Controls: pure functions over named facts. No call sets a state.
//!
//! An obligation is `holding` only if every fact it needs is there, fresh and good, and every
//! system in scope is covered; `failing` as soon as one fact is bad; otherwise `unproven`. Which
//! systems are in scope is a judgement that a named person records; without it nothing that speaks
//! of systems can hold, because the promise covers more than what Bailee stores.

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

/// What a control answers about an obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The state.
    pub state: State,
    /// The weakest basis of the facts; none without facts.
    pub basis: Option<Basis>,
    /// Since when: of a failing one, the bad fact; otherwise the newest fact it waited for.
    pub since: Option<Moment>,
    /// The facts.
    pub facts: Vec<Fact>,
    /// What is missing for it to hold.
    pub missing: Vec<String>,
}

/// Everything the controls look at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The moment of the question.
    pub now: Moment,
    /// Accounts, and accounts with keys.
    pub census: Option<(u64, u64)>,
    /// What the server's own probe of its listener saw, and when.
    pub listener: Option<Listener>,
    /// Why the store does not sign, if it does not.
    pub alarm: Option<String>,
    /// When the heads of all logs were anchored last.
    pub anchored: Option<Moment>,
    /// Active administrators.
    pub administrators: usize,
    /// When the first administrator was taken in.
    pub founded: Moment,
    /// Grants that count now: given by one's own approval, and all.
    pub grants: Vec<GrantFact>,
    /// Credentials of everybody.
    pub credentials: Vec<CredentialFact>,
    /// Who says, and when, that Bailee is the only system that holds Service Data.
    pub scope: Option<Scope>,
}

/// What a probe of the live listener saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The negotiated version, such as `TLSv1.3`.
    pub version: String,
    /// Whether plain HTTP got no answer.
    pub refuses_plaintext: bool,
    /// When.
    pub at: Moment,
}

/// A grant that counts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFact {
    /// Whether its approver holds it or owns the service that does.
    pub bootstrap: bool,
    /// Since when.
    pub since: Moment,
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFact {
    /// Whether it ended, or its holder left.
    pub ended: bool,
    /// Whether it would be accepted now.
    pub accepted: bool,
    /// When it expires.
    pub expires: Option<Moment>,
}

/// The statement of which systems hold Service Data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Who states it.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// How long the statement of scope counts.
pub const SCOPE_LIFE: Duration = Duration::from_secs(92 * 24 * 3600);
/// How long a probe of the listener counts.
pub const PROBE_LIFE: Duration = Duration::from_secs(2 * 3600);
/// How old the last anchor may be.
pub const ANCHOR_LIFE: Duration = Duration::from_secs(300);
/// Longest life a token may have to be called ephemeral.
pub const TOKEN_LIFE: Duration = Duration::from_secs(91 * 24 * 3600);

/// The control of an obligation, by id. Obligations without one are `unproven`.
pub fn control(id: &str, facts: &Facts) -> Answer {
    match id {
        "E2.1" => encrypted_at_rest(facts),
        "E2.2" => encrypted_in_transit(facts),
        "E5.1" | "E5.6" => approved_by_another(facts),
        "E5.2" => ephemeral_tokens(facts),
        "E5.3" => recorded_access(facts),
        "E5.5" => revoked(facts),
        _ => Answer {
            state: State::Unproven,
            basis: None,
            since: None,
            facts: vec![],
            missing: vec!["this release has no control for it".to_owned()],
        },
    }
}

/// The obligations that have a control.
pub const CONTROLLED: [&str; 7] = ["E2.1", "E2.2", "E5.1", "E5.2", "E5.3", "E5.5", "E5.6"];

fn encrypted_at_rest(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    match facts.census {
        None => weigh.missing("a census of the accounts' keys"),
        Some((all, keyed)) => {
            let what = format!("accounts with keys of their own: {keyed} of {all}");
            weigh.measured(what, facts.now, all == keyed);
        }
    }
    weigh.answer()
}

fn encrypted_in_transit(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    match &facts.listener {
        Some(probe) if facts.now.since(probe.at) <= PROBE_LIFE => {
            let modern = matches!(probe.version.as_str(), "TLSv1.3" | "TLSv1.2");
            weigh.measured(format!("the listener speaks {}", probe.version), probe.at, modern);
            let plain = if probe.refuses_plaintext { "refused" } else { "answered" };
            weigh.measured(format!("plain HTTP is {plain}"), probe.at, probe.refuses_plaintext);
        }
        Some(_) => weigh.missing("a probe of the listener that is not older than two hours"),
        None => weigh.missing("a probe of the listener"),
    }
    weigh.answer()
}

fn approved_by_another(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    let several = facts.administrators > 1;
    let what = format!("administrators: {}", facts.administrators);
    weigh.measured(what, if several { facts.now } else { facts.founded }, several);
    let own: Vec<_> = facts.grants.iter().filter(|grant| grant.bootstrap).collect();
    let what = format!("grants in force: {}, self-approved: {}", facts.grants.len(), own.len());
    let since = own.iter().map(|grant| grant.since).min().unwrap_or(facts.now);
    weigh.measured(what, since, own.is_empty());
    weigh.answer()
}

fn ephemeral_tokens(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    let live: Vec<_> = facts.credentials.iter().filter(|one| !one.ended).collect();
    if live.is_empty() {
        weigh.missing("a live credential to look at");
        return weigh.answer();
    }
    let end = facts.now.after(TOKEN_LIFE);
    let bounded = live.iter().filter(|one| one.expires.is_some_and(|at| at <= end)).count();
    let what =
        format!("live tokens of 256 bits that expire within 91 days: {bounded} of {}", live.len());
    weigh.measured(what, facts.now, bounded == live.len());
    weigh.answer()
}

fn recorded_access(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    if let Some(alarm) = &facts.alarm {
        weigh.measured(format!("the ledger does not sign: {alarm}"), facts.now, false);
    } else {
        weigh.measured(
            "the ledger signs; nothing is answered before its entry".into(),
            facts.now,
            true,
        );
    }
    match facts.anchored {
        Some(at) if facts.now.since(at) <= ANCHOR_LIFE => {
            weigh.measured("the heads of all logs are anchored".into(), at, true);
        }
        Some(_) => weigh.missing("an anchor that is not older than five minutes"),
        None => weigh.missing("an anchor of the heads of all logs"),
    }
    weigh.answer()
}

fn revoked(facts: &Facts) -> Answer {
    let mut weigh = Weigh::in_scope(facts);
    let ended: Vec<_> = facts.credentials.iter().filter(|one| one.ended).collect();
    if ended.is_empty() {
        weigh.missing("a credential that was ended, to see it refused");
        return weigh.answer();
    }
    let refused = ended.iter().filter(|one| !one.accepted).count();
    let what = format!("ended credentials that are refused now: {refused} of {}", ended.len());
    weigh.measured(what, facts.now, refused == ended.len());
    weigh.answer()
}

/// Collects facts and what is missing, and draws the conclusion in one place.
#[derive(Default)]
struct Weigh {
    facts: Vec<Fact>,
    missing: Vec<String>,
}

impl Weigh {
    /// Begins with the scope: without a fresh statement nothing that speaks of systems holds.
    fn in_scope(facts: &Facts) -> Self {
        let mut weigh = Self::default();
        match &facts.scope {
            Some(scope) if facts.now.since(scope.at) <= SCOPE_LIFE => weigh.facts.push(Fact {
                what: format!(
                    "1 of 1 systems: {} states that Bailee alone holds Service Data",
                    scope.by
                ),
                at: scope.at,
                basis: Basis::Recorded,
                good: true,
            }),
            Some(_) => weigh.missing("a statement of scope that is not older than 92 days"),
            None => weigh.missing("a statement of which systems hold Service Data"),
        }
        weigh
    }

    fn measured(&mut self, what: String, at: Moment, good: bool) {
        self.facts.push(Fact { what, at, basis: Basis::Measured, good });
    }

    fn missing(&mut self, what: &str) {
        self.missing.push(what.to_owned());
    }

    fn answer(self) -> Answer {
        let bad = self.facts.iter().filter(|fact| !fact.good).map(|fact| fact.at).min();
        let state = match (bad, self.missing.is_empty()) {
            (Some(_), _) => State::Failing,
            (None, true) => State::Holding,
            (None, false) => State::Unproven,
        };
        let since = bad.or_else(|| self.facts.iter().map(|fact| fact.at).max());
        let basis = self.facts.iter().map(|fact| fact.basis).min();
        Answer { state, basis, since, facts: self.facts, missing: self.missing }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ANCHOR_LIFE, CONTROLLED, CredentialFact, Facts, GrantFact, Listener, PROBE_LIFE,
        SCOPE_LIFE, Scope, State, control,
    };
    use kernel::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment(1_795_356_131_000_000);

    fn before(span: Duration) -> Moment {
        Moment(NOW.0 - u64::try_from(span.as_micros()).unwrap() - 1)
    }

    /// Facts under which everything holds.
    fn good() -> Facts {
        Facts {
            now: NOW,
            census: Some((3, 3)),
            listener: Some(Listener {
                version: "TLSv1.3".into(),
                refuses_plaintext: true,
                at: NOW,
            }),
            alarm: None,
            anchored: Some(NOW),
            administrators: 2,
            founded: Moment(1),
            grants: vec![GrantFact { bootstrap: false, since: NOW }],
            credentials: vec![
                CredentialFact { ended: false, accepted: true, expires: Some(NOW) },
                CredentialFact { ended: true, accepted: false, expires: None },
            ],
            scope: Some(Scope { by: "person:lea".into(), at: NOW }),
        }
    }

    fn check(id: &str, facts: &Facts, state: State) {
        let answer = control(id, facts);
        assert_eq!(answer.state, state, "{id}: {answer:?}");
        assert_eq!(answer.since.is_some(), !answer.facts.is_empty());
    }

    #[test]
    fn every_control_holds_on_good_facts_and_on_nothing_less() {
        for id in CONTROLLED {
            check(id, &good(), State::Holding);
            check(id, &Facts { scope: None, ..good() }, State::Unproven);
            let scope = Some(Scope { by: "person:lea".into(), at: before(SCOPE_LIFE) });
            check(id, &Facts { scope, ..good() }, State::Unproven);
        }
        check("E1.1", &good(), State::Unproven);
    }

    #[test]
    fn a_bad_fact_fails_even_without_a_scope() {
        let plain = Listener { version: "TLSv1.3".into(), refuses_plaintext: false, at: NOW };
        let old = Listener { version: "SSLv3".into(), refuses_plaintext: true, at: NOW };
        let own = GrantFact { bootstrap: true, since: Moment(7) };
        let endless = CredentialFact { ended: false, accepted: true, expires: None };
        let accepted = CredentialFact { ended: true, accepted: true, expires: None };
        for scope in [good().scope, None] {
            let base = Facts { scope, ..good() };
            check("E2.1", &Facts { census: Some((3, 2)), ..base.clone() }, State::Failing);
            for listener in [&plain, &old] {
                let listener = Some(listener.clone());
                check("E2.2", &Facts { listener, ..base.clone() }, State::Failing);
            }
            for id in ["E5.1", "E5.6"] {
                check(id, &Facts { administrators: 1, ..base.clone() }, State::Failing);
                check(id, &Facts { grants: vec![own.clone()], ..base.clone() }, State::Failing);
            }
            let credentials = vec![endless.clone()];
            check("E5.2", &Facts { credentials, ..base.clone() }, State::Failing);
            check("E5.3", &Facts { alarm: Some("behind".into()), ..base.clone() }, State::Failing);
            let credentials = vec![accepted.clone()];
            check("E5.5", &Facts { credentials, ..base.clone() }, State::Failing);
        }
        let since = control("E5.6", &Facts { grants: vec![own], ..good() }).since;
        assert_eq!(since, Some(Moment(7)), "failing since the bad fact");
    }

    #[test]
    fn what_is_stale_or_missing_is_unproven() {
        let stale =
            Listener { version: "TLSv1.3".into(), refuses_plaintext: true, at: before(PROBE_LIFE) };
        check("E2.1", &Facts { census: None, ..good() }, State::Unproven);
        check("E2.2", &Facts { listener: Some(stale), ..good() }, State::Unproven);
        check("E2.2", &Facts { listener: None, ..good() }, State::Unproven);
        check("E5.3", &Facts { anchored: Some(before(ANCHOR_LIFE)), ..good() }, State::Unproven);
        check("E5.3", &Facts { anchored: None, ..good() }, State::Unproven);
        for id in ["E5.2", "E5.5"] {
            check(id, &Facts { credentials: vec![], ..good() }, State::Unproven);
        }
    }
}
