//! Controls of the measures for vendors, P0 to P7, and of the one exception from encryption, E2.3.
//!
//! Every vendor that was not let go is looked at, and the measure is as good as the worst of them.
//! What a vendor answers is attested or recorded, and goes stale; what its people and services do
//! in Bailee is measured. A vendor that only comes in through Bailee is measured on P2, P3 and P7.

use super::Facts;
use super::third::ThirdPrincipal;
use crate::catalogue::{CURRENT, Catalogue, Parameters};
use crate::measures::weigh::{Basis, Weigh};
use crate::register::Kept;
use crate::systems::System;
use crate::transfers::destinations::{Destination, checked_until};
use crate::transfers::{Election, Party, Transfer, Used, sub_processors};
use crate::vendors::{Engagement, Reply, Reviewed, Vendor, Verdict};
use kernel::Moment;

const MANAGER: &str = "vendor-manager";

/// The vendors that were not let go.
fn vendors<'a>(facts: &'a Facts, weigh: &mut Weigh) -> Vec<&'a Kept<Vendor>> {
    let all = facts.house.all::<Vendor>().iter();
    let kept: Vec<_> = all.filter(|kept| kept.row.offboarded.is_none()).collect();
    if kept.is_empty() {
        weigh.missing("a vendor in the register");
        let what = "register every third party that processes Service Data";
        weigh.todo(what, MANAGER, None, "vendors");
    }
    kept
}

fn parameters(facts: &Facts) -> Parameters {
    let row = facts.house.one::<Catalogue>(CURRENT);
    row.map(|kept| kept.row.parameters.clone()).unwrap_or_default()
}

fn place(vendor: &Kept<Vendor>) -> String {
    format!("vendors/{}", vendor.id)
}

/// Systems with Service Data that stand with a vendor.
fn hosted<'a>(facts: &'a Facts, vendor: &'a str) -> impl Iterator<Item = &'a Kept<System>> {
    facts.house.all::<System>().iter().filter(move |kept| {
        let row = &kept.row;
        row.retired.is_none() && row.holds_service_data && row.vendor.as_deref() == Some(vendor)
    })
}

/// P0.1: a third party sees only what its work needs.
pub(super) fn within_engagements(facts: &Facts, weigh: &mut Weigh) {
    for vendor in vendors(facts, weigh) {
        let id = vendor.id.as_str();
        let of_it = facts.house.all::<Engagement>().iter().filter(|kept| kept.row.vendor == id);
        let counts: Vec<_> = of_it.filter(|kept| facts.third.engaged.contains(&kept.id)).collect();
        let todo = "declare what the vendor is engaged for, or let it go";
        match (counts.iter().map(|kept| kept.added.at.0).max(), hosted(facts, id).next()) {
            (Some(at), _) => {
                weigh.recorded(
                    format!("vendor {id}: {} engagements in force", counts.len()),
                    at,
                    true,
                );
            }
            (None, Some(system)) => {
                let what = format!(
                    "system {} holds Service Data and stands with vendor {id}, which has no \
                     engagement in force",
                    system.id
                );
                weigh.recorded(what, facts.now, false);
                weigh.todo(todo, &vendor.row.sponsor, None, "engagements");
            }
            (None, None) => {
                weigh.missing(format!("an engagement of vendor `{id}` in force"));
                weigh.todo(todo, &vendor.row.sponsor, None, "engagements");
            }
        }
    }
    for party in &facts.third.principals {
        grants_within(facts, weigh, party);
    }
    super::bounded("P0.1", facts, weigh);
}

/// Grants of one person or service of a vendor, against its engagements.
fn grants_within(facts: &Facts, weigh: &mut Weigh, party: &ThirdPrincipal) {
    let inside = party.grants.iter().filter(|grant| grant.within).count();
    let what =
        format!("{}: {inside} of {} grants within an engagement", party.id, party.grants.len());
    weigh.measured(what, facts.now, inside == party.grants.len());
    for grant in party.grants.iter().filter(|grant| !grant.within) {
        let what = format!("end grant {}: Bailee refuses it already", grant.id);
        weigh.todo(what, "administrator", None, "grants");
    }
}

/// P0.2: a review programme assesses and manages the risk.
pub(super) fn reviewed(facts: &Facts, weigh: &mut Weigh) {
    let (all, now) = (vendors(facts, weigh), facts.now);
    let approved = |kept: &&&Kept<Vendor>| {
        let review = kept.row.review();
        review.is_some_and(|one| standing(&kept.row, one, now).2)
    };
    let of = format!(
        "{} of {} vendors have one in force",
        all.iter().filter(approved).count(),
        all.len()
    );
    for vendor in all {
        let id = &vendor.id;
        match vendor.row.review() {
            None => {
                weigh.missing(format!("a review of vendor `{id}` with two signatures: {of}"));
                match vendor.row.unsigned() {
                    Some(_) => weigh.todo("sign the review", "approver", None, place(vendor)),
                    None => weigh.todo("review the vendor", MANAGER, None, place(vendor)),
                }
            }
            Some(review) => {
                let (what, at, good) = standing(&vendor.row, review, now);
                weigh.recorded(format!("vendor {id}: {what} ({of})"), at, good);
                if !good {
                    let what = "review the vendor again, or let it go";
                    weigh.todo(what, MANAGER, Some(review.next_due.end()), place(vendor));
                }
            }
        }
        for finding in vendor.row.findings.iter().filter(|finding| finding.overdue(now)) {
            let due = finding.due.end();
            let what = format!("vendor {id}: finding {} is overdue: {}", finding.id, finding.text);
            weigh.recorded(what, due, false);
            weigh.todo("resolve the finding", &finding.owner, Some(due), place(vendor));
        }
    }
}

/// How a signed review stands: in words, since when, and whether it lets the vendor be worked with.
fn standing(vendor: &Vendor, review: &Reviewed, now: Moment) -> (String, Moment, bool) {
    let at = review.signed.as_ref().map_or(review.mark.at.0, |mark| mark.at.0);
    let due = review.next_due.end();
    match vendor.unseen(review) {
        _ if review.verdict == Verdict::Refuse => ("its review refused it".to_owned(), at, false),
        Some(class) => (format!("its review did not look at `{}`", class.word()), now, false),
        None if now < due => (format!("reviewed until {}", review.next_due), at, true),
        None => (format!("its review lapsed after {}", review.next_due), due, false),
    }
}

/// P0.3: vendors are bound to P1 to P7 by agreement.
pub(super) fn bound(facts: &Facts, weigh: &mut Weigh) {
    for vendor in vendors(facts, weigh) {
        let id = &vendor.id;
        let Some(agreement) = vendor.row.agreement() else {
            weigh.missing(format!("an agreement of vendor `{id}`"));
            weigh.todo("enter the vendor's agreement", MANAGER, None, place(vendor));
            continue;
        };
        let (end, omits) = (agreement.valid_to.end(), agreement.omits());
        let document = format!("vendor {id}: {} {}", agreement.document, agreement.terms);
        if !omits.is_empty() {
            let what = format!("{document} does not bind it to {}", omits.join(", "));
            weigh.attested(what, agreement.mark.at.0, false);
            let what = "agree on what is left out, and enter the new version";
            weigh.todo(what, MANAGER, None, place(vendor));
        }
        if end <= facts.now {
            weigh.attested(format!("{document} ended on {}", agreement.valid_to), end, false);
            weigh.todo("enter the new agreement", MANAGER, Some(end), place(vendor));
        }
        if omits.is_empty() && facts.now < end {
            let what = format!("{document} binds it to P1 to P7 until {}", agreement.valid_to);
            weigh.attested(what, agreement.mark.at.0, true);
        }
    }
}

/// P1: physical access controls.
pub(super) fn physical(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P1");
}

/// P2: system access controls.
pub(super) fn system_access(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P2");
    super::changes::policies(facts, weigh);
    for vendor in all.into_iter().filter(|kept| kept.row.only_through_bailee()) {
        let own = principals(facts, &vendor.id);
        let live: usize = own.iter().map(|one| one.live).sum();
        let ephemeral: usize = own.iter().map(|one| one.ephemeral).sum();
        if live == 0 {
            nobody(weigh, vendor);
            continue;
        }
        let id = &vendor.id;
        let what = format!("vendor {id}: {ephemeral} of {live} live tokens expire within 91 days");
        weigh.measured(what, facts.now, ephemeral == live);
    }
}

/// P3: data access controls.
pub(super) fn data_access(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    for vendor in all.iter().filter(|kept| kept.row.only_through_bailee()) {
        let own = principals(facts, &vendor.id);
        if own.is_empty() {
            nobody(weigh, vendor);
        }
        for party in own {
            grants_within(facts, weigh, party);
        }
    }
    answers(facts, weigh, &all, "P3");
}

/// P4: receivers are known beforehand and can be checked; nothing is read on the way.
pub(super) fn transmission(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P4");
    if all.is_empty() {
        return;
    }
    let days = parameters(facts).answer_days;
    let destinations = facts.house.all::<Destination>().iter();
    for kept in
        destinations.filter(|kept| kept.row.retired.is_none() && kept.row.vendor().is_some())
    {
        let (id, place) = (&kept.id, format!("destinations/{}", kept.id));
        match kept.row.verified.as_ref().filter(|one| facts.now < checked_until(one, days)) {
            Some(one) => {
                let what = format!("destination {id} was checked to be {}'s", kept.row.receiver);
                weigh.recorded(what, one.mark.at.0, true);
            }
            None => {
                weigh.missing(format!("a fresh check that destination `{id}` is its receiver's"));
                weigh.todo("check whose destination it is", MANAGER, None, place);
            }
        }
    }
    sent_encrypted(facts, weigh);
    for party in parties(facts) {
        side_by_side(facts, weigh, &party);
    }
}

/// A sub-processor as it is declared, beside what was seen of it.
fn side_by_side(facts: &Facts, weigh: &mut Weigh, party: &Party) {
    let (name, seen) = (&party.name, party.seen.join(", "));
    let what = match (party.declared, party.seen.is_empty()) {
        (true, true) => format!("sub-processor {name}: declared, and not seen"),
        (true, false) => format!("sub-processor {name}: declared, and seen: {seen}"),
        (false, _) => format!("sub-processor {name}: not declared, and seen: {seen}"),
    };
    weigh.recorded(what, facts.now, !party.undeclared());
    if party.undeclared() {
        let (what, place) = match party.legal_name {
            None => (format!("register vendor `{name}`"), "vendors".to_owned()),
            Some(_) => (format!("bind and review vendor `{name}`"), format!("vendors/{name}")),
        };
        weigh.todo(what, MANAGER, None, place);
    }
}

/// P5: who entered, changed or removed data can be established; transfers are secure.
pub(super) fn input(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P5");
    if !all.is_empty() {
        sent_encrypted(facts, weigh);
    }
}

/// P6: Service Data is protected against accidental destruction or loss.
pub(super) fn protection(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P6");
}

/// P7: Service Data is kept apart from other parties' data.
pub(super) fn separation(facts: &Facts, weigh: &mut Weigh) {
    let all = vendors(facts, weigh);
    answers(facts, weigh, &all, "P7");
    super::bounded("P7", facts, weigh);
    for vendor in all.into_iter().filter(|kept| kept.row.only_through_bailee()) {
        let id = &vendor.id;
        match facts.census {
            _ if principals(facts, id).is_empty() => nobody(weigh, vendor),
            None => weigh.missing("a census of the accounts' keys"),
            Some((all, keyed)) => {
                let what = format!(
                    "vendor {id} reaches accounts with keys of their own: {keyed} of {all}"
                );
                weigh.measured(what, facts.now, all == keyed);
            }
        }
    }
}

/// E2.3: only a service that the subscriber chose to link may lack encryption.
pub(super) fn elected(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Destination>().iter();
    let all: Vec<_> = all.filter(|kept| kept.row.retired.is_none()).collect();
    if all.is_empty() {
        weigh.missing("a destination in the register");
        let what = "declare the services outside that records are sent to";
        weigh.todo(what, MANAGER, None, "destinations");
        return;
    }
    let (plain, encrypted): (Vec<_>, Vec<_>) = all.iter().partition(|kept| kept.row.plaintext());
    let what = format!("destinations that take encryption: {} of {}", encrypted.len(), all.len());
    weigh.measured(what, facts.now, true);
    for kept in plain {
        plaintext(facts, weigh, kept);
    }
    let sent: Vec<_> =
        facts.house.all::<Transfer>().iter().filter(|kept| kept.row.plaintext).collect();
    if !sent.is_empty() {
        let under = sent.iter().filter(|kept| kept.row.election.is_some()).count();
        let what = format!("transfers without encryption: {}, elected: {under}", sent.len());
        weigh.measured(what, facts.now, under == sent.len());
    }
}

/// One destination without encryption, and the account's own election of it.
fn plaintext(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Destination>) {
    let (id, account) = (&kept.id, kept.row.subscriber().unwrap_or_default());
    let election = facts.house.one::<Election>(&Election::id(account, id));
    let (who, place) = (format!("an administrator of {account}"), format!("destinations/{id}"));
    match election.map(|kept| &kept.row) {
        Some(row) if row.in_force(facts.now) => {
            let what = format!("{} elected destination {id} until {}", row.elected.by, row.until);
            weigh.recorded(what, row.elected.at.0, true);
        }
        Some(row) if row.ended.is_some() => {
            let at = row.ended.as_ref().map_or(facts.now, |ended| ended.mark.at.0);
            let what = format!("account {account} withdrew its election of destination {id}");
            weigh.recorded(what, at, false);
            weigh.todo("retire the destination", MANAGER, None, place);
        }
        Some(row) => {
            weigh.missing(format!(
                "an election of destination `{id}`: it lapsed after {}",
                row.until
            ));
            weigh.todo("elect the destination again, or have it retired", who, None, place);
        }
        None => {
            weigh.missing(format!("an election of destination `{id}` by account `{account}`"));
            weigh.todo("elect the destination, or have it retired", who, None, place);
        }
    }
}

/// What vendors answer to the questions of one measure.
fn answers(facts: &Facts, weigh: &mut Weigh, all: &[&Kept<Vendor>], measure: &str) {
    for vendor in all {
        let (mut good, mut asked, mut open) = (Vec::new(), 0, Vec::new());
        for question in vendor.row.required(measure) {
            asked += 1;
            match vendor.row.answer(question.id).filter(|one| facts.now < one.valid_to.end()) {
                Some(answer) if answer.reply == Reply::No => {
                    let what = format!(
                        "vendor {} says no to `{}`: {}",
                        vendor.id, question.id, answer.evidence
                    );
                    weigh.fact(answer.source.into(), what, answer.mark.at.0, false);
                    let todo =
                        format!("have the vendor mend `{}`, or review it again", question.id);
                    weigh.todo(todo, &vendor.row.sponsor, None, place(vendor));
                }
                Some(answer) => good.push(answer),
                None => open.push(question.id),
            }
        }
        let basis = good.iter().map(|answer| Basis::from(answer.source)).min();
        let at = good.iter().map(|answer| answer.mark.at.0).max();
        if let (Some(basis), Some(at)) = (basis, at) {
            let what =
                format!("vendor {}: {} of {asked} questions answered so", vendor.id, good.len());
            weigh.fact(basis, what, at, true);
        }
        if !open.is_empty() {
            let list = open.join("`, `");
            weigh.missing(format!("fresh answers of vendor `{}` to `{list}`", vendor.id));
            let todo = format!("get what the vendor has not answered; questions: {}", open.len());
            weigh.todo(todo, &vendor.row.sponsor, None, place(vendor));
        }
    }
}

fn principals<'a>(facts: &'a Facts, vendor: &str) -> Vec<&'a ThirdPrincipal> {
    facts.third.principals.iter().filter(|one| one.vendor == vendor).collect()
}

fn nobody(weigh: &mut Weigh, vendor: &Kept<Vendor>) {
    weigh.missing(format!("a person or service of vendor `{}` to look at", vendor.id));
    weigh.todo("take the vendor's people and services in", "administrator", None, "services");
}

/// Transfers to vendors: Bailee sends none without encryption.
fn sent_encrypted(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Transfer>().iter();
    let to_vendors: Vec<_> = all.filter(|kept| kept.row.engagement.is_some()).collect();
    if !to_vendors.is_empty() {
        let safe = to_vendors.iter().filter(|kept| !kept.row.plaintext).count();
        let what = format!("transfers to vendors: {}, encrypted: {safe}", to_vendors.len());
        weigh.measured(what, facts.now, safe == to_vendors.len());
    }
}

/// Everybody who is declared or seen to process Service Data.
pub(in crate::measures) fn parties(facts: &Facts) -> Vec<Party> {
    let grants = facts.third.principals.iter().flat_map(|one| {
        one.grants.iter().filter(|grant| grant.within).map(|grant| Used {
            vendor: one.vendor.clone(),
            how: format!("grant {} of {}", grant.id, one.id),
        })
    });
    let (house, used) = (&facts.house, grants.collect::<Vec<_>>());
    sub_processors(house.all(), house.all(), house.all(), &used, facts.now)
}
