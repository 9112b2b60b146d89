//! Controls: pure functions over named facts. No call sets a state.
//!
//! An obligation is `holding` only if every fact it needs is there, fresh and good, and every
//! system in scope is covered; `failing` as soon as one fact is bad; otherwise `unproven`. Which
//! systems are in scope is a judgement that a named person records; without it nothing that speaks
//! of systems can hold, because the promise covers more than what Bailee stores.

mod answers;
mod changes;
mod exposure;
mod house;
mod incidents;
mod oncall;
mod people;
mod programme;
mod reports;
mod sites;
mod third;
mod vendors;
mod watch;

pub use incidents::responders;
pub use third::{Third, ThirdGrant, ThirdPrincipal, third};
pub(super) use vendors::parties;

use super::weigh::{Answer, Weigh};
use crate::registers::House;
use crate::systems::{Claim, System};
use kernel::Moment;
use std::sync::Arc;
use std::time::Duration;

/// Everything the controls look at.
#[derive(Clone, Default)]
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
    /// Active people of the provider who answer incidents, as `person:NAME`.
    pub responders: Vec<String>,
    /// Who says, and when, that Bailee is the only system that holds Service Data.
    pub scope: Option<Scope>,
    /// Vendors' people and services, their grants and engagements.
    pub third: Third,
    /// What was proved of the policies that decide.
    pub proof: Proof,
    /// The hash of the policies that decide.
    pub policies: String,
    /// Whether a token that nobody holds is refused now.
    pub strangers_refused: Option<bool>,
    /// How many changes of state are kept, and when the newest was; nothing if none is.
    pub history: Option<(usize, Moment)>,
    /// Every register, whole.
    pub house: Arc<House>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFact {
    /// Its id.
    pub id: String,
    /// Whether its approver holds it or owns the service that does.
    pub bootstrap: bool,
    /// Whether it allows something that its holder's roles are not eligible for.
    pub beyond: bool,
    /// Since when.
    pub since: Moment,
    /// First moment at which it counts no more.
    pub until: Moment,
}

/// The proof that this release brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// There is none that can be read.
    #[default]
    None,
    /// It is of other policies than those that decide.
    Other,
    /// What it shows of those that decide.
    Of(Vec<Proven>),
}

/// A bound that no policy exceeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// The obligations it serves.
    pub serves: Vec<String>,
    /// Permits that were asked.
    pub policies: usize,
    /// Kinds of principal, action and resource in which each was asked.
    pub environments: usize,
    /// The solver.
    pub by: String,
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
    /// Whether it is a token or a session; links, recovery codes and passkeys begin a session.
    pub token: bool,
}

/// The statement of which systems hold Service Data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Who states it.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// How long a probe of the listener counts.
pub const PROBE_LIFE: Duration = Duration::from_secs(2 * 3600);
/// How old the last anchor may be.
pub const ANCHOR_LIFE: Duration = Duration::from_secs(300);
/// Longest life a token may have to be called ephemeral.
pub const TOKEN_LIFE: Duration = Duration::from_secs(91 * 24 * 3600);

/// A control: collects the facts of one obligation.
type Control = fn(&Facts, &mut Weigh);

/// Every obligation that has a control. What is not here is `unproven`, and says so.
pub const CONTROLS: &[(&str, Control)] = &[
    ("E1.0", programme::acknowledged),
    ("E1.1", programme::risks),
    ("E1.2", incidents::prepared),
    ("E1.3", programme::reviewed),
    ("E1.4", programme::team),
    ("E1.5", programme::infrastructure),
    ("E1.6", oncall::on_call_by_team),
    ("E1.7", programme::trained),
    ("E2.1", encrypted_at_rest),
    ("E2.2", encrypted_in_transit),
    ("E2.3", vendors::elected),
    ("E2.4", house::safeguards),
    ("E3.1", reports::on_request),
    ("E3.2", reports::to_auditors),
    ("E3.3", reports::under_terms),
    ("E3.4", reports::promised),
    ("E4.1", incidents::processed),
    ("E4.3", oncall::on_call),
    ("E4.4", incidents::notified),
    ("E4.5", incidents::held_by_order),
    ("E4.6", incidents::judged),
    ("E4.7", incidents::contacted),
    ("E4.2", house::monitored),
    ("E5.1", people::approved),
    ("E5.2", people::ephemeral_tokens),
    ("E5.3", recorded_access),
    ("E5.4", people::issued_at_joining),
    ("E5.5", people::revoked),
    ("E5.6", people::least_privilege),
    ("E5.7", people::movers),
    ("E6.1", sites::network),
    ("E6.2", house::defended),
    ("E6.3", exposure::advisories),
    ("E6.4", exposure::examined),
    ("E7.1", sites::guarded),
    ("E7.2", sites::restricted),
    ("E7.3", sites::powered),
    ("F1", house::changes),
    ("F2", reports::owed),
    ("P0.1", vendors::within_engagements),
    ("P0.2", vendors::reviewed),
    ("P0.3", vendors::bound),
    ("P1", vendors::physical),
    ("P2", vendors::system_access),
    ("P3", vendors::data_access),
    ("P4", vendors::transmission),
    ("P5", vendors::input),
    ("P6", vendors::protection),
    ("P7", vendors::separation),
];

/// What the control of an obligation says.
pub fn control(id: &str, facts: &Facts) -> Answer {
    let mut weigh = Weigh::default();
    match CONTROLS.iter().find(|(known, _)| *known == id) {
        Some((_, control)) => control(facts, &mut weigh),
        None => weigh.missing("this release has no control for it"),
    }
    if let Some(cut) = facts.house.cut.first() {
        weigh.missing(format!("the register `{cut}` is too large to be read whole"));
    }
    weigh.answer()
}

/// Systems that hold Service Data.
fn holds(system: &System) -> bool {
    system.holds_service_data
}

/// Every production system.
fn every(_: &System) -> bool {
    true
}

fn encrypted_at_rest(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::EncryptedAtRest, holds);
    match facts.census {
        None => weigh.missing("a census of the accounts' keys"),
        Some((all, keyed)) => {
            let what = format!("accounts with keys of their own: {keyed} of {all}");
            weigh.measured(what, facts.now, all == keyed);
        }
    }
}

fn encrypted_in_transit(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::EncryptedInTransit, holds);
    match &facts.listener {
        Some(probe) if facts.now.since(probe.at) <= PROBE_LIFE => {
            let modern = matches!(probe.version.as_str(), "TLSv1.3" | "TLSv1.2");
            weigh.measured(format!("the listener speaks {}", probe.version), probe.at, modern);
            let plain = if probe.refuses_plaintext { "refused" } else { "answered" };
            weigh.measured(format!("plain HTTP is {plain}"), probe.at, probe.refuses_plaintext);
            if !(modern && probe.refuses_plaintext) {
                let what = "let the listener speak TLS 1.3 or 1.2 and nothing else";
                weigh.todo(what, "administrator", None, "measures");
            }
        }
        Some(_) => {
            weigh.missing("a probe of the listener that is not older than two hours");
            weigh.todo("see that the server runs", "administrator", None, "measures");
        }
        None => {
            weigh.missing("a probe of the listener");
            weigh.todo("see that the server runs", "administrator", None, "measures");
        }
    }
}

/// That no policy exceeds the bounds which serve this obligation. It is about the policies, and not
/// about what the kernel hands them: the other facts are.
fn bounded(id: &str, facts: &Facts, weigh: &mut Weigh) {
    let bad = match &facts.proof {
        Proof::None => "there is no proof that the policies keep to their bounds".to_owned(),
        Proof::Other => "the proof is of other policies than those that decide".to_owned(),
        Proof::Of(all) => {
            let mut serving = all.iter().filter(|one| one.serves.iter().any(|known| known == id));
            if let Some(first) = serving.next() {
                let what = format!(
                    "bounds that no policy exceeds, proved by {}: {} ({} permits, {} kinds of \
                     request)",
                    first.by,
                    serving.count() + 1,
                    first.policies,
                    first.environments
                );
                return weigh.measured(what, facts.now, true);
            }
            format!("the proof of the policies says nothing of {id}")
        }
    };
    weigh.measured(bad, facts.now, false);
    let what = "run a release whose policies are proved: `cargo xtask prove`";
    weigh.todo(what, "administrator", None, "measures");
}

fn recorded_access(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::ActivityFeed, every);
    if let Some(alarm) = &facts.alarm {
        weigh.measured(format!("the ledger does not sign: {alarm}"), facts.now, false);
        weigh.todo("mend the store, and start again", "administrator", None, "measures");
    } else {
        weigh.measured("the ledger signs; nothing is answered before its entry", facts.now, true);
    }
    match facts.anchored {
        Some(at) if facts.now.since(at) <= ANCHOR_LIFE => {
            weigh.measured("the heads of all logs are anchored", at, true);
        }
        other => {
            weigh.missing(match other {
                Some(_) => "an anchor that is not older than five minutes",
                None => "an anchor of the heads of all logs",
            });
            weigh.todo("see that the server runs", "administrator", None, "measures");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ANCHOR_LIFE, CredentialFact, Facts, GrantFact, Listener, PROBE_LIFE, Proof, Proven, Scope,
        control,
    };
    use crate::detections::coverage::{Coverage, Covered, EVALUATED, RULES};
    use crate::detections::rules::Mode;
    use crate::measures::weigh::{SCOPE_LIFE, State};
    use crate::register::{Kept, Mark, When};
    use crate::registers::House;
    use kernel::Moment;
    use std::time::Duration;

    const CONTROLLED: [&str; 7] = ["E2.1", "E2.2", "E4.2", "E5.1", "E5.2", "E5.3", "E5.5"];
    const NOW: Moment = Moment(1_795_356_131_000_000);

    fn before(span: Duration) -> Moment {
        Moment(NOW.0 - u64::try_from(span.as_micros()).unwrap() - 1)
    }

    /// Facts under which everything holds.
    /// A house in which detection works.
    fn watching() -> House {
        let rule = Covered {
            rule: "r-1".into(),
            title: "Brute force".into(),
            version: "1".into(),
            mode: Mode::Live,
            since: When(NOW),
            entry: 1,
            signals: 1,
        };
        let kept = |id: &str, rules| Kept {
            format: "coverage/v1".into(),
            id: id.into(),
            added: Mark { by: "kernel".into(), at: When(NOW) },
            row: Coverage { canary: Some(When(NOW)), rules, ..Coverage::begun(NOW) },
        };
        House::default().with(vec![kept(EVALUATED, vec![]), kept(RULES, vec![rule])])
    }

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
            grants: vec![GrantFact { since: NOW, ..GrantFact::default() }],
            credentials: vec![
                CredentialFact { ended: false, accepted: true, expires: Some(NOW), token: true },
                CredentialFact { ended: true, accepted: false, expires: None, token: true },
                // A passkey is a key and not a token: how long it lives is another matter.
                CredentialFact { ended: false, accepted: false, expires: None, token: false },
            ],
            responders: vec![],
            scope: Some(Scope { by: "person:lea".into(), at: NOW }),
            third: super::Third::default(),
            proof: proof(&["P7", "P0.1", "E5.6"]),
            policies: "sha256:aa".to_owned(),
            strangers_refused: Some(true),
            history: Some((1, NOW)),
            house: std::sync::Arc::new(watching()),
        }
    }

    fn proof(serves: &[&str]) -> Proof {
        let serves = serves.iter().map(ToString::to_string).collect();
        let by = "cvc5 1.0.3".to_owned();
        Proof::Of(vec![Proven { serves, policies: 30, environments: 715, by }])
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
        let own = GrantFact { bootstrap: true, since: Moment(7), ..GrantFact::default() };
        let endless = CredentialFact { ended: false, accepted: true, expires: None, token: true };
        let accepted = CredentialFact { ended: true, accepted: true, expires: None, token: true };
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
        let since = control("E5.1", &Facts { grants: vec![own], ..good() }).since;
        assert_eq!(since, Some(Moment(7)), "failing since the bad fact");
    }

    /// Of P7, P0.1 and E5.6 the rest is shown by the tests of the obligations; with the proof alone
    /// none of them holds.
    #[test]
    fn policies_are_proved_or_it_fails() {
        for id in ["P7", "P0.1", "E5.6"] {
            check(id, &good(), State::Unproven);
            let what = "bounds that no policy exceeds, proved by cvc5 1.0.3: 1 (30 permits, 715 \
                        kinds of request)";
            let facts = control(id, &good()).facts;
            assert!(facts.iter().any(|fact| fact.what == what && fact.good), "{id}: {facts:?}");
            let silent = format!("the proof of the policies says nothing of {id}");
            for (proof, why) in [
                (Proof::None, "there is no proof that the policies keep to their bounds"),
                (Proof::Other, "the proof is of other policies than those that decide"),
                (proof(&["P1"]), silent.as_str()),
                (Proof::Of(vec![]), silent.as_str()),
            ] {
                let answer = control(id, &Facts { proof, ..good() });
                assert_eq!((answer.state, answer.why().as_str()), (State::Failing, why), "{id}");
                assert!(answer.todo.iter().any(|todo| todo.what.contains("cargo xtask prove")));
            }
        }
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
