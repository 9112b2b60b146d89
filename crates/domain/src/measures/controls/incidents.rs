//! Controls of E1.2, E1.6 and E4: playbooks, the rota, contacts, breaches with their clocks, holds.
//!
//! Nothing holds because nothing ever happened: where no incident shows that something works, an
//! exercise of an approved playbook within the review period has to.

use super::Facts;
use crate::accounts::Account;
use crate::catalogue::{Catalogue, Parameters};
use crate::incidents::breaches::Breach;
use crate::incidents::contacts::Contact;
use crate::incidents::holds::Hold;
use crate::incidents::notices::{Fate, Notice, Outcome, Receiver};
use crate::incidents::playbooks::{Exercise, Playbook};
use crate::incidents::resorts::Resort;
use crate::incidents::templates::Template;
use crate::incidents::{Class, Incident, RESPONDERS};
use crate::measures::weigh::Weigh;
use crate::register::Kept;
use kernel::Moment;
use kernel::authority::Authority;
use std::time::Duration;

/// Active people of the provider who answer incidents.
pub fn responders(authority: &Authority) -> Vec<String> {
    let all = authority.principals();
    let able = all.iter().filter(|one| {
        let role = one.roles.iter().any(|role| RESPONDERS.contains(&role.as_str()));
        one.active && one.vendor.is_none() && one.id.parts().0 == "person" && role
    });
    able.map(|one| one.id.to_string()).collect()
}

pub(super) fn numbers(facts: &Facts) -> Parameters {
    let current = facts.house.one::<Catalogue>("current");
    current.map(|kept| kept.row.parameters.clone()).unwrap_or_default()
}

pub(super) fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

/// Whether something is not older than the review period.
fn lately(facts: &Facts, at: Moment) -> bool {
    facts.now.since(at) <= days(numbers(facts).review_days)
}

/// The newest exercise, within the review period, of a playbook for one of these classes.
fn exercise<'f>(facts: &'f Facts, classes: &[Class]) -> Option<(&'f str, &'f Exercise)> {
    let books = facts.house.all::<Playbook>().iter();
    let books = books.filter(|kept| kept.row.counts() && classes.contains(&kept.row.class));
    let all = books.filter_map(|kept| Some((kept.id.as_str(), kept.row.exercised()?)));
    all.filter(|(_, one)| lately(facts, one.done_on.start())).max_by_key(|(_, one)| one.done_on)
}

/// Weighs that exercise; it is missing if there is none.
fn exercised(facts: &Facts, weigh: &mut Weigh, classes: &[Class]) {
    let Some((book, one)) = exercise(facts, classes) else {
        let words: Vec<_> = classes.iter().map(|class| class.word()).collect();
        let words = words.join(", ");
        weigh.missing(format!("an exercise, within the review period, of a playbook for: {words}"));
        let what = "exercise an approved playbook, and enter how it went";
        weigh.todo(what, "security-lead", None, "playbooks");
        return;
    };
    let how = if one.passed { "went as planned" } else { "did not go as planned" };
    let what = format!("playbook {book}: the exercise of {} {how}", one.done_on);
    weigh.recorded(what, one.mark.at.0, one.passed);
    if !one.passed {
        let what = "mend what the exercise found, and exercise again";
        weigh.todo(what, "security-lead", None, format!("playbooks/{book}"));
    }
}

/// Weighs that there is an approved playbook for each of these classes.
fn planned(facts: &Facts, weigh: &mut Weigh, classes: &[Class]) {
    let books = facts.house.all::<Playbook>();
    let mut newest = None;
    let mut have = 0;
    for class in classes {
        let of = books.iter().filter(|kept| kept.row.class == *class && kept.row.counts());
        match of.filter_map(|kept| kept.row.approved.as_ref()).map(|mark| mark.at.0).max() {
            Some(at) => {
                have += 1;
                newest = newest.max(Some(at));
            }
            None => {
                let class = class.word();
                weigh.missing(format!("an approved playbook for the class `{class}`"));
                let what = format!("write a playbook for `{class}`, and let another approve it");
                weigh.todo(what, "security-lead", None, "playbooks");
            }
        }
    }
    if let Some(at) = newest {
        let what = format!("classes with an approved playbook: {have} of {}", classes.len());
        weigh.recorded(what, at, true);
    }
}

/// E1.2: what stands in the server itself, that its rules find a synthetic attack, and that people
/// have tried to answer one.
pub(super) fn prepared(facts: &Facts, weigh: &mut Weigh) {
    let (bytes, waiting) = (kernel::limits::BODY_BYTES, kernel::limits::QUEUE_OPERATIONS);
    let what = format!("limits in force: {bytes} bytes a body, {waiting} operations waiting");
    weigh.measured(what, facts.now, true);
    super::watch::detects(facts, weigh);
    planned(facts, weigh, &[Class::Breach, Class::Unavailability]);
    exercised(facts, weigh, &[Class::Breach, Class::Unavailability]);
}

/// E4.1: playbooks for every class, tried; every open incident is led and in time.
pub(super) fn processed(facts: &Facts, weigh: &mut Weigh) {
    planned(facts, weigh, &Class::ALL);
    exercised(facts, weigh, &Class::ALL);
    let open = || facts.house.all::<Incident>().iter().filter(|kept| kept.row.closed.is_none());
    let mut led = 0;
    for kept in open() {
        let (id, row) = (&kept.id, &kept.row);
        let (lead, place) = (row.lead.as_deref(), format!("incidents/{id}"));
        match lead {
            Some(_) => led += 1,
            None => {
                let late = row.investigate_by.0 <= facts.now;
                let what = format!("incident {id}: nobody leads it");
                match late {
                    true => weigh.recorded(what, row.investigate_by.0, false),
                    false => weigh.missing(format!("somebody who leads incident `{id}`")),
                }
                let what = "triage it: say what it is, and who leads";
                weigh.todo(what, "responder", Some(row.investigate_by.0), &place);
            }
        }
        for task in row.tasks.iter().filter(|task| task.overdue(facts.now)) {
            let due = task.due.map_or(facts.now, |due| due.0);
            let what = match facts.house.restricted::<Incident>(id) {
                true => format!("incident {id}: task {} is overdue", task.number),
                false => format!("incident {id}: task {} is overdue: {}", task.number, task.title),
            };
            weigh.recorded(what, due, false);
            let who = task.owner.as_deref().or(lead).unwrap_or("responder");
            weigh.todo("do the task, or say why not", who, Some(due), &place);
        }
    }
    followed_up(facts, weigh);
    super::answers::looked_after(facts, weigh);
    if led > 0 {
        let what = format!("open incidents with somebody who leads: {led} of {}", open().count());
        weigh.recorded(what, facts.now, true);
    }
}

/// Weighs what was found in incidents that are closed and is still to be done.
fn followed_up(facts: &Facts, weigh: &mut Weigh) {
    let closed = facts.house.all::<Incident>().iter().filter(|kept| kept.row.closed.is_some());
    for kept in closed {
        for task in kept.row.tasks.iter().filter(|task| task.overdue(facts.now)) {
            let (id, due) = (&kept.id, task.due.map_or(facts.now, |due| due.0));
            let what = format!("incident {id}: task {} from a finding is overdue", task.number);
            weigh.recorded(what, due, false);
            let who = task.owner.as_deref().unwrap_or("responder");
            let what = "do the task, with evidence, or say why not";
            weigh.todo(what, who, Some(due), format!("incidents/{id}"));
        }
    }
}

/// E4.4: every account has a verified contact whose language is spoken, no breach is past its time,
/// somebody can release a notice when nobody else answers, and letters arrive.
pub(super) fn notified(facts: &Facts, weigh: &mut Weigh) {
    contacts(facts, weigh);
    spoken(facts, weigh);
    last_resort(facts, weigh);
    clocks(facts, weigh, |breach| breach.harm.is_breach());
    let accepted = facts.house.all::<Notice>().iter().flat_map(|kept| {
        let attempts = kept.row.receivers.iter().flat_map(|one| &one.attempts);
        attempts.map(move |attempt| (&kept.id, attempt))
    });
    let accepted = accepted.filter(|(_, attempt)| attempt.outcome == Outcome::Accepted);
    match accepted.max_by_key(|(_, attempt)| attempt.at).filter(|(_, one)| lately(facts, one.at.0))
    {
        Some((id, attempt)) => {
            weigh.measured(format!("notice {id}: a letter was accepted"), attempt.at.0, true);
            arrived(facts, weigh);
        }
        None => exercised(facts, weigh, &Class::ALL),
    }
}

/// Weighs what came back about the letters of the review period. One that came back for good is
/// bad as long as nobody mended it.
fn arrived(facts: &Facts, weigh: &mut Weigh) {
    let (mut delivered, mut bounced, mut newest) = (0, 0, None);
    for kept in facts.house.all::<Notice>() {
        let of = |one: &&Receiver| one.reports.iter().any(|one| lately(facts, one.at.0));
        for one in kept.row.receivers.iter().filter(of) {
            delivered += usize::from(one.delivered().is_some());
            let failures = one.reports.iter().filter(|one| {
                matches!(one.fate, Fate::Bounced | Fate::GivenUp) && lately(facts, one.at.0)
            });
            bounced += failures.count();
            newest = newest.max(one.reports.iter().map(|one| one.at.0).max());
        }
        let lost = kept.row.receivers.iter().filter(|one| one.lost() && one.failed.is_some());
        for one in lost.filter(|_| kept.row.notified.is_none()) {
            let at = one.failed.map_or(facts.now, |failed| failed.0);
            let what = format!("notice {}: a letter came back, and nobody else has it", kept.id);
            weigh.measured(what, at, false);
            let what = "tell the next contact, or give the notice in another way";
            weigh.todo(what, "responder", None, format!("notices/{}", kept.id));
        }
    }
    if let Some(newest) = newest {
        let what = format!("letters in the mailbox, as reported: {delivered}; back: {bounced}");
        weigh.measured(what, newest, true);
    }
}

/// Weighs that a notice does not wait for ever for those who approve.
fn last_resort(facts: &Facts, weigh: &mut Weigh) {
    let named = facts.house.all::<Resort>().iter().filter(|kept| kept.row.counts());
    let agreed = named.filter_map(|kept| kept.row.agreed.as_ref()).map(|mark| mark.at.0);
    let agreed: Vec<_> = agreed.collect();
    match agreed.iter().max() {
        Some(at) => {
            let what = format!("last resorts who may release a notice: {}", agreed.len());
            weigh.recorded(what, *at, true);
        }
        None => {
            weigh.missing("a last resort, who releases a notice when nobody can approve it");
            weigh.todo("name a last resort, who agrees", "security-lead", None, "resorts");
        }
    }
    for kept in facts.house.all::<Notice>() {
        let Some(said) = kept.row.released.as_ref() else { continue };
        if lately(facts, said.mark.at.0) {
            let what = format!("notice {}: released by last resort, {}", kept.id, said.mark.by);
            weigh.recorded(what, said.mark.at.0, true);
        }
    }
}

/// Weighs that there is a text in the language of every contact that states one.
fn spoken(facts: &Facts, weigh: &mut Weigh) {
    let contacts = facts.house.all::<Contact>().iter().filter(|kept| kept.row.counts(facts.now));
    let wanted: std::collections::BTreeSet<&str> =
        contacts.filter_map(|kept| kept.row.language.as_deref()).collect();
    let (mut have, mut newest) = (0, None);
    for language in &wanted {
        let books = facts.house.all::<Template>().iter();
        let texts = books.filter_map(|kept| kept.row.has(language)?.approved.as_ref());
        match texts.map(|mark| mark.at.0).max() {
            Some(at) => (have, newest) = (have + 1, newest.max(Some(at))),
            None => {
                weigh.missing(format!("an approved text of a notice in `{language}`"));
                let what =
                    format!("write a template's text in `{language}`, and let it be approved");
                weigh.todo(what, "responder", None, "templates");
            }
        }
    }
    if let Some(newest) = newest {
        let all = wanted.len();
        weigh.recorded(format!("languages of contacts with a text: {have} of {all}"), newest, true);
    }
}

/// Weighs that every account has a contact that counts.
fn contacts(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Contact>();
    let (mut counting, mut newest) = (0, Moment(0));
    let accounts = facts.house.nouns::<Account>();
    for account in accounts {
        let of = || {
            let own = all.iter().filter(|kept| kept.row.account == account.id);
            own.filter(|kept| kept.row.ended.is_none())
        };
        let id = &account.id;
        let verified = of().filter_map(|kept| kept.row.verified.as_ref());
        let Some(last) = verified.max_by_key(|one| one.until) else {
            let what = format!("account {id} has no verified contact");
            weigh.recorded(what, Moment(account.created), false);
            let what = format!("enter a contact of account {id}, and verify the address");
            weigh.todo(what, "responder", None, "contacts");
            continue;
        };
        if facts.now < last.until.0 {
            (counting, newest) = (counting + 1, newest.max(last.mark.at.0));
            continue;
        }
        weigh.missing(format!("a contact of account `{id}` that was verified lately"));
        let what = format!("verify a contact of account {id} again");
        weigh.todo(what, "responder", Some(last.until.0), "contacts");
    }
    if accounts.is_empty() {
        weigh.missing("an account, to see whether it could be told");
    }
    if counting > 0 {
        let all = accounts.len();
        weigh.recorded(
            format!("accounts with a verified contact: {counting} of {all}"),
            newest,
            true,
        );
    }
}

/// Whether a breach counts against a promise: told too late, or not at all; until its incident is
/// closed, which says what was learned from it.
fn broken(facts: &Facts, kept: &Kept<Breach>) -> bool {
    let incident = facts.house.one::<Incident>(&kept.row.incident);
    let closed = incident.is_some_and(|incident| incident.row.closed.is_some());
    kept.row.late(facts.now) && !(closed && kept.row.notified.is_some())
}

/// The account of a breach as everybody may read it, and where it is dealt with: a restricted
/// incident names no account.
fn named(facts: &Facts, kept: &Kept<Breach>) -> (String, String) {
    let incident = &kept.row.incident;
    match facts.house.restricted::<Incident>(incident) {
        true => ("an account of a restricted incident".to_owned(), format!("incidents/{incident}")),
        false => (format!("account {}", kept.row.account), format!("breaches/{}", kept.id)),
    }
}

/// Weighs the clocks of some breaches: those of the review period, and every one that still runs.
/// Answers how many there are.
fn clocks(facts: &Facts, weigh: &mut Weigh, of: impl Fn(&Breach) -> bool) -> usize {
    let all = facts.house.all::<Breach>().iter().filter(|kept| of(&kept.row));
    let seen: Vec<_> = all
        .filter(|kept| kept.row.notified.is_none() || lately(facts, kept.row.verified.at.0))
        .collect();
    let mut told = 0;
    for kept in &seen {
        let (row, (account, place)) = (&kept.row, named(facts, kept));
        let due = row.deadline.0;
        match (&row.notified, broken(facts, kept)) {
            (Some(_), true) => {
                let what = format!("{account}: told too late, incident still open");
                weigh.recorded(what, due, false);
                let place = format!("incidents/{}", row.incident);
                weigh.todo("say what was learned, and close it", "responder", None, place);
            }
            (None, true) => {
                let what = format!("{account}: not told in time");
                weigh.recorded(what, due, false);
                weigh.todo("send the notice at once", "responder", Some(due), place);
            }
            (Some(_), false) => {
                told += 1;
                if let Some(by) = row.update_by.filter(|by| by.0 <= facts.now) {
                    let what = format!("{account}: a promised update is late");
                    weigh.recorded(what, by.0, false);
                    weigh.todo("write the promised update", "responder", Some(by.0), place);
                }
            }
            (None, false) => {
                let who = if row.held(facts.now) { "counsel" } else { "responder" };
                weigh.todo("tell the account", who, Some(due), place);
            }
        }
    }
    let late = seen.iter().filter(|kept| kept.row.notified.is_some() && kept.row.late(facts.now));
    if let Some(newest) = seen.iter().map(|kept| kept.row.verified.at.0).max() {
        let (all, late) = (seen.len(), late.count());
        let what = format!("affected accounts told: {told} of {all}, {late} of them late");
        weigh.recorded(what, newest, true);
    }
    seen.len()
}

/// E4.7: every verified account is contacted in the time of its class.
pub(super) fn contacted(facts: &Facts, weigh: &mut Weigh) {
    let numbers = numbers(facts);
    if clocks(facts, weigh, |_| true) == 0 {
        exercised(facts, weigh, &[Class::Loss, Class::Corruption, Class::Unavailability]);
    }
    if let Some(kept) = facts.house.one::<Catalogue>("current") {
        let (breach, other) = (numbers.breach_hours, numbers.response_hours);
        let what = format!("stated times: {breach} hours for a breach, {other} hours otherwise");
        weigh.recorded(what, kept.row.since.start(), true);
    } else {
        weigh.missing("a catalogue in force that states the times");
        weigh.todo("put the catalogue in force", "security-lead", None, "catalogues");
    }
}

/// E4.5: no notice is held but by a confirmed order with an end.
pub(super) fn held_by_order(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Breach>().iter();
    let seen: Vec<_> = all
        .filter(|kept| kept.row.notified.is_none() || lately(facts, kept.row.verified.at.0))
        .collect();
    for kept in facts.house.all::<Hold>().iter() {
        let open = kept.row.confirmed.is_none() && kept.row.lifted.is_none();
        if open && facts.now < kept.row.to.end() {
            let what = "confirm the order from the other side, or lift it: it does not count";
            weigh.todo(what, "counsel", None, format!("holds/{}", kept.id));
        }
    }
    let mut without = 0;
    for kept in seen.iter().filter(|kept| kept.row.notified.is_none() && kept.row.late(facts.now)) {
        without += 1;
        let (account, place) = named(facts, kept);
        let what = format!("{account}: its notice is held without an order");
        weigh.recorded(what, kept.row.deadline.0, false);
        weigh.todo("send the notice at once", "responder", Some(kept.row.deadline.0), place);
    }
    let Some(newest) = seen.iter().map(|kept| kept.row.verified.at.0).max() else {
        return exercised(facts, weigh, &[Class::Breach]);
    };
    let ordered = seen.iter().filter(|kept| !kept.row.holds.is_empty()).count();
    let what = format!(
        "breaches looked at: {}; held by a confirmed order: {ordered}, without one: {without}",
        seen.len()
    );
    weigh.recorded(what, newest, without == 0);
}

/// E4.6: suspicions are judged in time, account by account, by named people, on a stated basis.
pub(super) fn judged(facts: &Facts, weigh: &mut Weigh) {
    let mut newest: Option<Moment> = None;
    let (mut verified, mut refuted) = (0, 0);
    for kept in facts.house.all::<Breach>() {
        let mark = &kept.row.verified;
        if !lately(facts, mark.at.0) {
            continue;
        }
        let stated = mark.by.starts_with("person:") && !kept.row.basis.is_empty();
        let sound = stated && kept.row.suspected_at.0 <= mark.at.0;
        verified += 1;
        newest = newest.max(Some(mark.at.0));
        if !sound {
            let (account, _) = named(facts, kept);
            let what = format!("{account}: no person, no basis or no time before it");
            weigh.recorded(what, mark.at.0, false);
        }
    }
    for kept in facts.house.all::<Incident>() {
        let recent = kept.row.refuted.iter().filter(|one| lately(facts, one.mark.at.0));
        for one in recent {
            refuted += 1;
            newest = newest.max(Some(one.mark.at.0));
        }
        if kept.row.overdue(facts.now) {
            let (id, due) = (&kept.id, kept.row.investigate_by.0);
            weigh.recorded(format!("incident {id}: suspected, and not judged in time"), due, false);
            let who = kept.row.lead.as_deref().unwrap_or("responder");
            let what = "verify or refute, account by account";
            weigh.todo(what, who, Some(due), format!("incidents/{id}"));
        }
    }
    match newest {
        Some(at) => {
            let what = format!(
                "judgements with account, basis and person: {verified} verified, {refuted} not"
            );
            weigh.recorded(what, at, true);
        }
        None => exercised(facts, weigh, &[Class::Breach]),
    }
}

#[cfg(test)]
mod tests {
    use super::days;
    use crate::measures::{CONTROLS, Facts, State, control};
    use crate::register::Day;
    use kernel::Moment;

    #[test]
    fn none_of_them_holds_on_an_empty_house() {
        let facts = Facts { now: Moment(1_795_356_131_000_000), ..Facts::default() };
        for id in ["E1.2", "E1.6", "E4.1", "E4.3", "E4.4", "E4.5", "E4.6", "E4.7"] {
            assert!(CONTROLS.iter().any(|(known, _)| *known == id), "{id}");
            let answer = control(id, &facts);
            assert_eq!(answer.state, State::Unproven, "{id}");
            assert!(!answer.todo.is_empty(), "{id}");
        }
        assert_eq!(Moment(0).after(days(2)), Day::of(Moment(0)).plus(2).start());
    }
}
