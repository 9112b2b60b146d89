//! Controls over the house as a whole: safeguards of every kind, central monitoring, defence of the
//! network, and whether what is promised can be seen over time.

use super::{ANCHOR_LIFE, Facts, PROBE_LIFE, control, every, watch};
use crate::catalogue::{CURRENT, Catalogue};
use crate::measures::weigh::{Answer, Basis, State, Weigh};
use crate::reports::Subscription;
use crate::systems::{Claim, System};
use kernel::Moment;
use std::time::Duration;

/// What kind of safeguard an obligation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What people agree on, decide and do.
    Administrative,
    /// What stands around machines.
    Physical,
    /// What machines do.
    Technical,
}

/// What it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    /// That attacks and failures are met at all.
    Security,
    /// That nobody learns what is not for them.
    Confidentiality,
    /// That nothing is lost or changed unseen.
    Integrity,
}

use Kind::{Administrative, Physical, Technical};
use Property::{Confidentiality, Integrity, Security};

impl Kind {
    const ALL: [Self; 3] = [Administrative, Physical, Technical];

    fn word(self) -> &'static str {
        match self {
            Administrative => "administrative",
            Physical => "physical",
            Technical => "technical",
        }
    }
}

impl Property {
    const ALL: [Self; 3] = [Security, Confidentiality, Integrity];

    fn word(self) -> &'static str {
        match self {
            Security => "security",
            Confidentiality => "confidentiality",
            Integrity => "integrity",
        }
    }
}

type Safeguard = (&'static str, Kind, &'static [Property]);

/// Every obligation but E2.4 itself, by its kind and by what it keeps.
pub(super) const SAFEGUARDS: &[Safeguard] = &[
    ("E1.0", Administrative, &[Security, Confidentiality, Integrity]),
    ("E1.1", Administrative, &[Security, Confidentiality, Integrity]),
    ("E1.2", Technical, &[Security, Integrity]),
    ("E1.3", Administrative, &[Security]),
    ("E1.4", Administrative, &[Security]),
    ("E1.5", Administrative, &[Security, Integrity]),
    ("E1.6", Administrative, &[Security]),
    ("E1.7", Administrative, &[Security, Confidentiality]),
    ("E2.1", Technical, &[Confidentiality]),
    ("E2.2", Technical, &[Confidentiality, Integrity]),
    ("E2.3", Administrative, &[Confidentiality]),
    ("E3.1", Administrative, &[Security]),
    ("E3.2", Administrative, &[Security]),
    ("E3.3", Administrative, &[Confidentiality]),
    ("E3.4", Administrative, &[Security]),
    ("E4.1", Administrative, &[Security, Confidentiality, Integrity]),
    ("E4.2", Technical, &[Security]),
    ("E4.3", Administrative, &[Security]),
    ("E4.4", Administrative, &[Confidentiality]),
    ("E4.5", Administrative, &[Confidentiality]),
    ("E4.6", Administrative, &[Confidentiality]),
    ("E4.7", Administrative, &[Integrity]),
    ("E5.1", Technical, &[Security, Confidentiality]),
    ("E5.2", Technical, &[Security]),
    ("E5.3", Technical, &[Confidentiality, Integrity]),
    ("E5.4", Administrative, &[Security]),
    ("E5.5", Technical, &[Security, Confidentiality]),
    ("E5.6", Technical, &[Confidentiality, Integrity]),
    ("E5.7", Technical, &[Confidentiality]),
    ("E6.1", Technical, &[Security]),
    ("E6.2", Technical, &[Security]),
    ("E6.3", Technical, &[Security]),
    ("E6.4", Technical, &[Security]),
    ("E7.1", Physical, &[Security]),
    ("E7.2", Physical, &[Confidentiality, Integrity]),
    ("E7.3", Physical, &[Security, Integrity]),
    ("P0.1", Technical, &[Confidentiality]),
    ("P0.2", Administrative, &[Security]),
    ("P0.3", Administrative, &[Confidentiality]),
    ("P1", Physical, &[Security, Confidentiality]),
    ("P2", Technical, &[Security]),
    ("P3", Technical, &[Confidentiality, Integrity]),
    ("P4", Technical, &[Confidentiality, Integrity]),
    ("P5", Technical, &[Integrity]),
    ("P6", Technical, &[Integrity]),
    ("P7", Technical, &[Confidentiality]),
    ("F1", Administrative, &[Security]),
    ("F2", Administrative, &[Security]),
];

/// E2.4: for security, confidentiality and integrity alike there are administrative, physical and
/// technical safeguards. Each obligation is one, in the cells it stands in. A cell fails as soon as
/// one of its safeguards fails, and is unproven while none of them is known to hold. It does not
/// say that every safeguard of a cell is proven: each obligation says that of itself, and the fact
/// names how many are not.
pub(super) fn safeguards(facts: &Facts, weigh: &mut Weigh) {
    let answers: Vec<_> = SAFEGUARDS
        .iter()
        .map(|(id, kind, keeps)| (*id, *kind, *keeps, control(id, facts)))
        .collect();
    for kind in Kind::ALL {
        for property in Property::ALL {
            let cell =
                answers.iter().filter(|(_, is, keeps, _)| *is == kind && keeps.contains(&property));
            let cell: Vec<_> = cell.map(|(id, _, _, answer)| (*id, answer)).collect();
            weigh_cell(facts, weigh, &format!("{} × {}", kind.word(), property.word()), &cell);
        }
    }
}

/// Weighs one cell of the table.
fn weigh_cell(facts: &Facts, weigh: &mut Weigh, name: &str, cell: &[(&str, &Answer)]) {
    let of = |state: State| {
        let such = cell.iter().filter(move |(_, answer)| answer.state == state);
        such.map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let (holding, failing) = (of(State::Holding), of(State::Failing));
    if cell.is_empty() {
        weigh.measured(format!("{name}: no safeguard at all"), facts.now, false);
        weigh.todo(format!("set up a safeguard: {name}"), "security-lead", None, "measures");
    } else if !failing.is_empty() {
        let bad = cell.iter().filter(|(_, answer)| answer.state == State::Failing);
        let since = bad.filter_map(|(_, answer)| answer.since).min().unwrap_or(facts.now);
        let what = format!("{name}: failing: {}", failing.join(", "));
        weigh.measured(what, since, false);
        let what = format!("mend {}", failing.join(", "));
        weigh.todo(what, "security-lead", None, "measures");
    } else if holding.is_empty() {
        let ids: Vec<_> = cell.iter().map(|(id, _)| *id).collect();
        weigh.missing(format!("{name}: a safeguard that is proven, of {}", ids.join(", ")));
        let what = format!("prove a safeguard: {name}");
        weigh.todo(what, "security-lead", None, "measures");
    } else {
        let good = || cell.iter().filter(|(_, answer)| answer.state == State::Holding);
        let since = good().filter_map(|(_, answer)| answer.since).max().unwrap_or(facts.now);
        let basis = good().filter_map(|(_, answer)| answer.basis).min();
        let what = format!(
            "{name}: {} of {} safeguards hold: {}; not proven: {}",
            holding.len(),
            cell.len(),
            holding.join(", "),
            cell.len() - holding.len()
        );
        weigh.fact(basis.unwrap_or(Basis::Recorded), what, since, true);
    }
}

/// The server's own look at its listener, and the anchors of its logs: what shows that Bailee
/// itself is watched.
fn own_watch(facts: &Facts, weigh: &mut Weigh) {
    let place = "measures";
    if let Some(alarm) = &facts.alarm {
        weigh.measured(format!("the ledger does not sign: {alarm}"), facts.now, false);
        weigh.todo("mend the store, and start again", "administrator", None, place);
    }
    match facts.anchored.filter(|at| facts.now.since(*at) <= ANCHOR_LIFE) {
        Some(at) => weigh.measured("the heads of all logs are anchored", at, true),
        None => {
            weigh.missing("an anchor of the heads of all logs that is not older than five minutes");
            weigh.todo("see that the server runs", "administrator", None, place);
        }
    }
}

fn own_probe(facts: &Facts, weigh: &mut Weigh) -> bool {
    let fresh = |at: Moment| facts.now.since(at) <= PROBE_LIFE;
    let probe = facts.listener.as_ref().filter(|probe| fresh(probe.at));
    match probe {
        Some(probe) => {
            let plain = if probe.refuses_plaintext { "refused" } else { "answered" };
            let what = format!("the listener answers {}; plain HTTP is {plain}", probe.version);
            weigh.measured(what, probe.at, probe.refuses_plaintext);
            if !probe.refuses_plaintext {
                let what = "close the port that answers plain HTTP";
                weigh.todo(what, "administrator", None, "measures");
            }
        }
        None => {
            weigh.missing("a probe of the listener that is not older than two hours");
            weigh.todo("see that the server runs", "administrator", None, "measures");
        }
    }
    probe.is_some()
}

/// E4.2: logs and availability are watched at one place, day and night: of Bailee by its own
/// anchors and probe, of every registered system by a fact that says so. Every entry and every
/// signal goes through detection, and a synthetic attack has to come out as an alert.
pub(super) fn monitored(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::Monitored, every);
    own_watch(facts, weigh);
    own_probe(facts, weigh);
    watch::evaluated(facts, weigh);
    watch::detects(facts, weigh);
}

/// E6.2: defences stand before every system, and before Bailee's own listener. What Bailee sees of
/// itself is that plain HTTP and an unknown token are refused; of what stands before it, a system
/// in the register has to speak, so without one nothing is proven.
pub(super) fn defended(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::Defended, every);
    own_probe(facts, weigh);
    watch::detects(facts, weigh);
    super::answers::given(facts, weigh);
    match facts.strangers_refused {
        Some(refused) => {
            let what = if refused { "refused" } else { "let in" };
            weigh.measured(format!("an unknown token is {what}"), facts.now, refused);
        }
        None => weigh.missing("an unknown token, to see it refused"),
    }
    if !facts.house.all::<System>().iter().any(|kept| kept.row.retired.is_none()) {
        weigh.missing("a system that stands before Bailee, such as a firewall or proxy");
        let what = "register what stands before Bailee, and report that it defends";
        weigh.todo(what, "security-lead", None, "systems");
    }
}

/// Days a proposed change may wait for its second person.
const WAIT: Duration = Duration::from_secs(31 * 24 * 3600);

/// F1: what is promised is in the catalogue, approved by a second person and looked at in its
/// period, and the state of each obligation is kept over time. That a change promises less is no
/// fault as such: it is shown.
pub(super) fn changes(facts: &Facts, weigh: &mut Weigh) {
    match facts.house.one::<Catalogue>(CURRENT) {
        Some(kept) => catalogue(facts, weigh, &kept.row),
        None => {
            weigh.missing("a catalogue of what is promised");
            weigh.todo("put the catalogue in force", "security-lead", None, "catalogues");
        }
    }
    match facts.history {
        Some((changes, newest)) => {
            let what = format!("changes of state that are kept: {changes}");
            weigh.measured(what, newest, true);
        }
        None => {
            weigh.missing("a change of state that was kept");
            weigh.todo("see that the server runs", "administrator", None, "measures");
        }
    }
}

fn catalogue(facts: &Facts, weigh: &mut Weigh, row: &Catalogue) {
    let (place, version) = (format!("catalogues/{CURRENT}"), &row.version);
    let within = Duration::from_secs(u64::from(row.parameters.review_days) * 86_400);
    let weakened = match row.weakened.as_slice() {
        [] => "it promises nothing less than before".to_owned(),
        names => format!("it promises less by {}", names.join(", ")),
    };
    match &row.approved {
        Some(mark) if facts.now < mark.at.0.after(within) => {
            let what = format!("version {version} is approved by {}; {weakened}", mark.by);
            weigh.recorded(what, mark.at.0, true);
        }
        Some(_) => {
            let days = row.parameters.review_days;
            weigh.missing(format!("an approval of the catalogue within {days} days"));
            let what = "propose the catalogue as it is, or changed, and have it approved";
            weigh.todo(what, "security-lead", None, &place);
        }
        None => unapproved(facts, weigh, version, &place),
    }
    let waiting =
        row.proposal.as_ref().map(|proposal| (proposal, proposal.proposed.at.0.after(WAIT)));
    if let Some((proposal, due)) = waiting {
        let what =
            format!("decide on version {}: approve it, or propose another", proposal.version);
        weigh.todo(what, "approver", Some(due), &place);
        if due <= facts.now {
            let what = format!("version {} waits for a second person", proposal.version);
            weigh.recorded(what, due, false);
        }
    }
}

/// A catalogue that only its author has seen is not in force; a fault as soon as it is owed.
fn unapproved(facts: &Facts, weigh: &mut Weigh, version: &str, place: &str) {
    let owed = facts.house.all::<Subscription>().iter();
    let owed: Vec<_> =
        owed.filter(|kept| kept.row.terms == version && kept.row.ended.is_none()).collect();
    match owed.iter().map(|kept| kept.added.at.0).min() {
        Some(since) => {
            let many = owed.len();
            let what =
                format!("nobody approved version {version}, and it is owed; accounts: {many}");
            weigh.recorded(what, since, false);
        }
        None => weigh.missing("an approval of the catalogue by a second person"),
    }
    let what = "propose the catalogue as it is, and have another person approve it";
    weigh.todo(what, "security-lead", None, place);
}

#[cfg(test)]
mod tests {
    use super::{Kind, Property, SAFEGUARDS, weigh_cell};
    use crate::measures::weigh::{Answer, Basis, State, Weigh};
    use crate::measures::{Facts, MEASURES};
    use kernel::Moment;

    #[test]
    fn every_obligation_is_a_safeguard_and_no_cell_is_empty() {
        let all = MEASURES.iter().flat_map(|measure| measure.obligations).map(|one| one.id);
        let mut wanted: Vec<_> = all.filter(|id| *id != "E2.4").collect();
        let mut known: Vec<_> = SAFEGUARDS.iter().map(|(id, ..)| *id).collect();
        known.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(known, wanted, "each once; E2.4 cannot stand on itself");
        for kind in Kind::ALL {
            for property in Property::ALL {
                let such = |one: &&super::Safeguard| one.1 == kind && one.2.contains(&property);
                assert!(SAFEGUARDS.iter().any(|one| such(&one)), "{kind:?} {property:?}");
            }
        }
    }

    fn state(states: &[State]) -> State {
        let answer = |state: &State| Answer {
            state: *state,
            basis: Some(Basis::Measured),
            since: Some(Moment(1)),
            facts: vec![],
            missing: vec![],
            systems: None,
            todo: vec![],
        };
        let answers: Vec<_> = states.iter().map(answer).collect();
        let cell: Vec<_> = answers.iter().map(|answer| ("E9.9", answer)).collect();
        let mut weigh = Weigh::default();
        weigh_cell(&Facts::default(), &mut weigh, "a cell", &cell);
        weigh.answer().state
    }

    #[test]
    fn a_cell_is_as_good_as_its_worst_known_safeguard() {
        use State::{Failing, Holding, Unproven};
        assert_eq!(state(&[]), Failing, "empty");
        assert_eq!(state(&[Holding, Failing]), Failing);
        assert_eq!(state(&[Unproven, Failing]), Failing);
        assert_eq!(state(&[Unproven, Unproven]), Unproven);
        assert_eq!(state(&[Unproven, Holding]), Holding);
    }
}
