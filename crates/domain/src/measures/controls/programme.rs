//! Controls of the security programme: policies, risks, reviews, the team and its training.
//!
//! All of it is recorded: people enter it in the course of the work, and Bailee saw that they did.

use super::{Facts, Weigh};
use crate::catalogue::{CURRENT, Catalogue, Parameters};
use crate::measures::MEASURES;
use crate::people::Person;
use crate::programme::acknowledgements::Acknowledgement;
use crate::programme::assignments::missing;
use crate::programme::courses::Course;
use crate::programme::policies::{InForce, Policy};
use crate::programme::reviews::{ALL, Closed, INFRASTRUCTURE, Kind, Review};
use crate::programme::risks::{Plan, Risk, Treatment};
use crate::programme::roster::{Employment, Roster};
use crate::programme::staff;
use crate::programme::trainings::Training;
use crate::register::{Day, Kept};
use kernel::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Names or tasks of one kind that an answer lists; the rest is a number.
const LISTED: usize = 10;

fn numbers(facts: &Facts) -> Parameters {
    let kept = facts.house.one::<Catalogue>(CURRENT);
    kept.map(|kept| kept.row.parameters.clone()).unwrap_or_default()
}

/// The provider's own people who are there, by `person:NAME`.
fn people(facts: &Facts) -> BTreeMap<String, &Person> {
    let all = facts.house.nouns::<Person>().iter().filter(|one| staff(one));
    all.map(|one| (format!("person:{}", one.name), one)).collect()
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

/// A list as a sentence takes it: the first few, and how many more.
fn some<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<_> = all.into_iter().collect();
    let listed = all.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// The newest closed round of a review of this, by one of its own or one of all of the kind.
fn looked_at<'a>(facts: &'a Facts, kind: Kind, id: &str) -> Option<&'a Closed> {
    let all = facts.house.all::<Review>().iter().map(|kept| &kept.row);
    let such = all.filter(|one| one.kind == kind && (one.subject == id || one.subject == ALL));
    such.filter_map(Review::newest).max_by_key(|round| round.closed.at)
}

/// First moment at which somebody had to say again that the policy is right, by approving its text
/// or by a review of it; and the days that is within.
fn next_look(facts: &Facts, kept: &Kept<Policy>, current: &InForce) -> (Moment, u32) {
    let review = looked_at(facts, Kind::Policy, &kept.id).map(|round| round.closed.at);
    let last = review.into_iter().chain([current.approved.at]).max().unwrap_or_default();
    let within = kept.row.review_days.min(numbers(facts).review_days);
    (last.0.after(days(within)), within)
}

/// E1.0: policies exist, are approved and published, and everybody they address acknowledged them.
pub(super) fn acknowledged(facts: &Facts, weigh: &mut Weigh) {
    let in_force: Vec<_> = facts
        .house
        .all::<Policy>()
        .iter()
        .filter_map(|kept| kept.row.current().map(|current| (kept, current)))
        .collect();
    if in_force.is_empty() {
        weigh.missing("a policy in force");
        let what = "draft a policy, have it approved and publish it";
        weigh.todo(what, "security-lead", None, "policies");
    }
    for (kept, current) in in_force {
        let (id, version) = (&kept.id, &current.version);
        let what = format!("policy {id}: version {version} is approved by another and published");
        weigh.recorded(what, current.published.at.0, true);
        let (stale, within) = next_look(facts, kept, current);
        if stale <= facts.now {
            weigh.missing(format!("a look at policy `{id}` within its {within} days"));
            let what = "review it, or publish a new version";
            weigh.todo(what, &kept.row.owner, Some(stale), format!("policies/{id}"));
        }
        acknowledged_by(facts, weigh, kept, current);
    }
}

fn acknowledged_by(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Policy>, current: &InForce) {
    let (id, version) = (&kept.id, &current.version);
    let given: BTreeMap<&str, Moment> = facts
        .house
        .all::<Acknowledgement>()
        .iter()
        .filter(|one| (&one.row.policy, &one.row.version) == (id, version))
        .map(|one| (one.row.person.as_str(), one.added.at.0))
        .collect();
    let everybody = people(facts);
    let asked: Vec<_> =
        everybody.iter().filter(|(_, person)| kept.row.addresses(&person.roles)).collect();
    let within = numbers(facts).acknowledgement_days;
    // Whoever joined after it was published has as long from then on.
    let due = |person: &Person| {
        let from = current.published.at.0.max(Moment(person.joined));
        Day::of(from).plus(within).end()
    };
    let open: Vec<_> = asked
        .iter()
        .filter(|(who, _)| !given.contains_key(who.as_str()))
        .map(|(who, person)| (who.as_str(), due(person)))
        .collect();
    for (who, due) in open.iter().take(LISTED) {
        let what = format!("acknowledge version {version} of policy {id}");
        weigh.todo(what, *who, Some(*due), format!("policies/{id}"));
    }
    let done = asked.len() - open.len();
    let what =
        format!("policy {id}: {done} of {} people acknowledged version {version}", asked.len());
    let late = open.iter().filter(|(_, due)| *due <= facts.now);
    match late.clone().map(|(_, due)| *due).min() {
        Some(since) => {
            let who = some(late.map(|(who, _)| *who));
            weigh.recorded(format!("{what}, overdue: {who}"), since, false);
        }
        None if done == 0 => weigh.missing(format!("an acknowledgement of policy `{id}`")),
        None => {
            let newest = given.values().max().copied().unwrap_or(facts.now);
            weigh.recorded(what, newest, true);
        }
    }
}

/// E1.1: risks are known, owned, treated in time, and point to the controls that treat them.
pub(super) fn risks(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Risk>();
    if all.is_empty() {
        weigh.missing("a risk in the register");
        weigh.todo("write down the risks to Service Data", "security-lead", None, "risks");
        return;
    }
    let everybody = people(facts);
    let open: Vec<_> = all.iter().filter(|kept| kept.row.closed.is_none()).collect();
    let mut troubled = 0;
    for kept in &open {
        troubled += usize::from(risk(facts, weigh, kept, &everybody));
    }
    let accepted = open.iter().filter(|kept| kept.row.accepted(facts.now).is_some()).count();
    let newest = all.iter().map(|kept| kept.row.rated.at.0).max().unwrap_or(facts.now);
    let what = format!(
        "open risks: {}, owned and in time: {}, accepted for a while: {accepted}, closed: {}",
        open.len(),
        open.len() - troubled,
        all.len() - open.len()
    );
    weigh.recorded(what, newest, true);
    if newest.after(days(numbers(facts).review_days)) <= facts.now {
        weigh.missing("a risk that was rated within the last year");
        weigh.todo("look for risks, and rate those there are", "security-lead", None, "risks");
    }
}

/// Weighs one open risk, and says whether something about it is bad.
fn risk(
    facts: &Facts,
    weigh: &mut Weigh,
    kept: &Kept<Risk>,
    everybody: &BTreeMap<String, &Person>,
) -> bool {
    let (id, row) = (&kept.id, &kept.row);
    let (place, owned) = (format!("risks/{id}"), everybody.contains_key(&row.owner));
    let owner = if owned { row.owner.as_str() } else { "security-lead" };
    if !owned {
        let left = facts
            .house
            .nouns::<Person>()
            .iter()
            .find(|one| row.owner.strip_prefix("person:") == Some(one.name.as_str()));
        let since = left.and_then(|one| one.left).map_or(facts.now, Moment);
        weigh.recorded(format!("risk {id}: {} has left, nobody owns it", row.owner), since, false);
        weigh.todo("give the risk an owner: treat it anew", owner, None, &place);
    }
    let overdue = row.overdue(facts.now);
    if overdue {
        let why = if row.acceptance.is_some() { "its acceptance ended" } else { "it was due" };
        weigh.recorded(format!("risk {id}: {why} on {}", row.due), row.due.end(), false);
        weigh.todo("treat the risk, or close it", owner, Some(row.due.end()), &place);
    }
    let known = |one: &String| {
        MEASURES.iter().flat_map(|m| m.obligations).any(|obligation| obligation.id == one)
    };
    if let Some(unknown) = row.controls.iter().find(|one| !known(one)) {
        weigh.missing(format!("risk `{id}`: an obligation `{unknown}`"));
        weigh.todo("point to obligations there are", owner, None, &place);
    }
    let mitigated = matches!(row.plan, Some(Plan { treatment: Treatment::Mitigate, .. }));
    if mitigated && row.controls.is_empty() {
        weigh.missing(format!("risk `{id}`: the controls that mitigate it"));
        weigh.todo("say which obligations mitigate it", owner, None, &place);
    }
    overdue || !owned
}

/// E1.3: the programme, its policies and its risks are looked at in time, with a verdict on each
/// item.
pub(super) fn reviewed(facts: &Facts, weigh: &mut Weigh) {
    let numbers = numbers(facts);
    let all = facts.house.all::<Review>().iter().filter(|kept| kept.row.ended.is_none());
    let all: Vec<_> = all.filter(|kept| kept.row.kind != Kind::Infrastructure).collect();
    if !all.iter().any(|kept| kept.row.kind == Kind::Programme) {
        weigh.missing("a review of the programme");
        let what = "plan a review of the programme, and hold its first round";
        weigh.todo(what, "security-lead", None, "reviews");
    }
    for kept in all {
        held(facts, weigh, kept, &numbers);
    }
    for kept in facts.house.all::<Policy>() {
        let Some(current) = kept.row.current() else { continue };
        let (due, _) = next_look(facts, kept, current);
        if due <= facts.now {
            let what = format!("policy {}: nobody looked at it in its period", kept.id);
            weigh.recorded(what, due, false);
            let place = format!("policies/{}", kept.id);
            weigh.todo("review it, or publish a new version", &kept.row.owner, Some(due), place);
        }
    }
    for kept in facts.house.all::<Risk>().iter().filter(|kept| kept.row.closed.is_none()) {
        let review = looked_at(facts, Kind::Risk, &kept.id).map(|round| round.closed.at);
        let last = review.into_iter().chain([kept.row.rated.at]).max().unwrap_or_default();
        let due = last.0.after(days(numbers.review_days));
        if due <= facts.now {
            let what =
                format!("risk {}: nobody looked at it for {} days", kept.id, numbers.review_days);
            weigh.recorded(what, due, false);
            let place = format!("risks/{}", kept.id);
            weigh.todo("rate it anew", &kept.row.owner, Some(due), place);
        }
    }
}

/// Weighs one review: overdue is bad, never held is missing.
fn held(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Review>, numbers: &Parameters) {
    let (id, due, place) = (&kept.id, kept.row.due_by(numbers), format!("reviews/{}", kept.id));
    let verb = if kept.row.open.is_some() { "close the open round" } else { "hold a round" };
    if due <= facts.now {
        weigh.recorded(format!("review {id}: it was not held in time"), due, false);
        weigh.todo(verb, &kept.row.owner, Some(due), place);
        return;
    }
    match kept.row.newest() {
        Some(round) => {
            let what = format!(
                "review {id}: {} closed a round of {} items, {} to change, {} escalated",
                round.closed.by, round.items, round.change, round.escalate
            );
            weigh.recorded(what, round.closed.at.0, true);
        }
        None => {
            weigh.missing(format!("a closed round of review `{id}`"));
            weigh.todo(verb, &kept.row.owner, Some(due), place);
        }
    }
}

/// E1.5: each kind of security infrastructure is reviewed in time.
pub(super) fn infrastructure(facts: &Facts, weigh: &mut Weigh) {
    let numbers = numbers(facts);
    let all = facts.house.all::<Review>().iter();
    let all: Vec<_> = all
        .filter(|kept| kept.row.kind == Kind::Infrastructure && kept.row.ended.is_none())
        .collect();
    for subject in INFRASTRUCTURE {
        // Of several the one that holds longest counts: the others ask for more than is promised.
        let of = all.iter().filter(|kept| kept.row.subject == subject);
        match of.max_by_key(|kept| (kept.row.newest().is_some(), kept.row.due_by(&numbers))) {
            Some(kept) => held(facts, weigh, kept, &numbers),
            None => {
                weigh.missing(format!("a review of {subject}"));
                let what = format!("plan a review of infrastructure: {subject}");
                weigh.todo(what, "security-lead", None, "reviews");
            }
        }
    }
}

/// E1.4: enough people work full-time in the team, today.
pub(super) fn team(facts: &Facts, weigh: &mut Weigh) {
    let (rows, numbers) = (facts.house.all::<Roster>(), numbers(facts));
    let least = usize::try_from(numbers.team_minimum).unwrap_or(usize::MAX);
    if rows.is_empty() {
        weigh.missing("somebody on the roster of the security team");
        weigh.todo("put the team on the roster", "security-lead", None, "roster");
        return;
    }
    let (everybody, today) = (people(facts), Day::of(facts.now));
    let full = |kept: &&Kept<Roster>| {
        let term = kept.row.on(today);
        term.is_some_and(|term| term.employment == Employment::FullTime)
            && everybody.contains_key(&kept.row.person)
    };
    let members: Vec<_> = rows.iter().filter(full).collect();
    let fresh = |kept: &&&Kept<Roster>| {
        facts.now < kept.row.confirmed.at.0.after(days(numbers.review_days))
    };
    let confirmed = members.iter().filter(fresh).count();
    let names = some(members.iter().map(|kept| kept.row.person.as_str()));
    let what =
        format!("full-time in the team today: {} of at least {least}: {names}", members.len());
    if members.len() < least {
        weigh.recorded(what, short_since(facts), false);
        let what = "take somebody into the team, full-time";
        weigh.todo(what, "security-lead", None, "roster");
    } else if confirmed < least {
        weigh.missing(format!("a roster that was confirmed within {} days", numbers.review_days));
        for kept in members.iter().filter(|kept| !fresh(kept)).take(LISTED) {
            let place = format!("roster/{}", kept.id);
            weigh.todo("say whether it is still so", "security-lead", None, place);
        }
    } else {
        let newest = members.iter().map(|kept| kept.row.confirmed.at.0).max();
        weigh.recorded(what, newest.unwrap_or(facts.now), true);
    }
}

/// When the team last became smaller, as far as the registers tell.
fn short_since(facts: &Facts) -> Moment {
    let rows = facts.house.all::<Roster>();
    let terms = rows.iter().flat_map(|kept| &kept.row.terms);
    let ended = terms.filter_map(|term| term.to.map(Day::end)).filter(|end| *end <= facts.now);
    let on = |person: &&Person| rows.iter().any(|kept| kept.id == person.name);
    let people = facts.house.nouns::<Person>().iter().filter(on);
    let left = people.filter_map(|person| person.left.map(Moment));
    let changed = rows.iter().map(|kept| kept.row.confirmed.at.0).max();
    ended.chain(left).max().or(changed).unwrap_or(facts.now)
}

/// E1.7: courses in line with the policies in force are assigned to everybody and taken in time.
pub(super) fn trained(facts: &Facts, weigh: &mut Weigh) {
    let courses: Vec<_> =
        facts.house.all::<Course>().iter().filter(|kept| kept.row.taught()).collect();
    if courses.is_empty() {
        weigh.missing("a published course");
        weigh.todo("add a course and publish it", "security-lead", None, "courses");
        return;
    }
    let everybody = people(facts);
    let live = facts
        .house
        .all::<Training>()
        .iter()
        .filter(|kept| kept.row.ended.is_none() && everybody.contains_key(&kept.row.person));
    let live: Vec<_> = live.collect();
    for course in &courses {
        in_line(facts, weigh, course);
        let taken: Vec<_> = live.iter().filter(|kept| kept.row.course == course.id).collect();
        taken_in_time(facts, weigh, course, &taken);
    }
    let roles = everybody.iter().map(|(id, person)| (id.as_str(), person.roles.as_slice()));
    for (course, person) in missing(&facts.house, roles).iter().take(LISTED) {
        weigh.missing(format!("course `{course}` assigned to {person}"));
        let what = format!("assign it to {person}; the next tick does it by itself");
        weigh.todo(what, "security-lead", None, format!("courses/{course}"));
    }
    let trained: BTreeSet<&str> = live.iter().map(|kept| kept.row.person.as_str()).collect();
    let untrained = everybody.keys().map(String::as_str).filter(|id| !trained.contains(id));
    let untrained: Vec<_> = untrained.collect();
    if !untrained.is_empty() {
        weigh.missing(format!("a course for {}", some(untrained)));
        weigh.todo("assign a course to everybody", "security-lead", None, "courses");
    }
}

/// A course is in line with its policy if it teaches the version in force.
fn in_line(facts: &Facts, weigh: &mut Weigh, course: &Kept<Course>) {
    let policy = facts.house.one::<Policy>(&course.row.policy);
    let current = policy.and_then(|kept| kept.row.current());
    if current.is_none_or(|current| current.version != course.row.version) {
        let (id, policy) = (&course.id, &course.row.policy);
        weigh.missing(format!("course `{id}` in line with policy `{policy}` as it is in force"));
        let what = "revise the course, or retire it";
        weigh.todo(what, "security-lead", None, format!("courses/{id}"));
    }
}

fn taken_in_time(
    facts: &Facts,
    weigh: &mut Weigh,
    course: &Kept<Course>,
    taken: &[&&Kept<Training>],
) {
    let (id, now) = (&course.id, facts.now);
    for kept in taken.iter().filter(|kept| kept.row.due.is_some()).take(LISTED) {
        let place = format!("trainings/{}", kept.id);
        let due = kept.row.due.map(Day::end);
        weigh.todo(format!("complete course {id}"), &kept.row.person, due, place);
    }
    let late: Vec<_> = taken.iter().filter(|kept| kept.row.overdue(now)).collect();
    let done: Vec<_> = taken.iter().filter_map(|kept| kept.row.valid(now)).collect();
    let what = format!("course {id}: {} of {} people took it", done.len(), taken.len());
    if let Some(since) = late.iter().filter_map(|kept| kept.row.due.map(Day::end)).min() {
        let who = some(late.iter().map(|kept| kept.row.person.as_str()));
        weigh.recorded(format!("{what}, overdue: {who}"), since, false);
    } else if let Some(newest) = done.iter().map(|done| done.at.0).max() {
        weigh.recorded(what, newest, true);
    } else if taken.is_empty() {
        weigh.missing(format!("somebody who takes course `{id}`"));
    } else {
        weigh.missing(format!("a completion of course `{id}`"));
    }
    let lapsed = |kept: &&&&Kept<Training>| kept.row.due.is_none() && kept.row.valid(now).is_none();
    for kept in taken.iter().filter(lapsed).take(LISTED) {
        let who = &kept.row.person;
        weigh.missing(format!("course `{id}` taken by {who} within its validity"));
    }
}
