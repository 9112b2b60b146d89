//! Controls of people: who is let in, with which credentials and rights, and when these end.

use super::{Facts, GrantFact, TOKEN_LIFE, every};
use crate::catalogue::{CURRENT, Catalogue};
use crate::grants::reviews::{AccessReview, Kind as Scope, Verdict, patience, unused};
use crate::grants::uses::{self, AccessUse};
use crate::measures::weigh::Weigh;
use crate::people::Person;
use crate::programme::reviews::{Kind, Review};
use crate::programme::roster::Roster;
use crate::register::{Day, Kept};
use crate::systems::Claim;
use kernel::Moment;
use std::collections::HashMap;
use std::time::Duration;

/// How far back a joiner or mover is looked for: a year, and the leap day.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
/// How soon after joining the first credential has to be there.
const AT_JOINING: Duration = Duration::from_secs(3600);
/// Names that a fact lists; the rest is a number.
const LISTED: usize = 10;

/// E5.1: nobody has administrative access but by a grant that another person approved.
pub(super) fn approved(facts: &Facts, weigh: &mut Weigh) {
    approved_by_another(facts, weigh);
    weigh.systems(facts, Claim::AccessBrokered, every);
}

fn approved_by_another(facts: &Facts, weigh: &mut Weigh) {
    let several = facts.administrators > 1;
    let what = format!("administrators: {}", facts.administrators);
    weigh.measured(what, if several { facts.now } else { facts.founded }, several);
    if !several {
        weigh.todo("take in a second administrator", "administrator", None, "people");
    }
    let own: Vec<_> = facts.grants.iter().filter(|grant| grant.bootstrap).collect();
    let what = format!("grants in force: {}, self-approved: {}", facts.grants.len(), own.len());
    let since = own.iter().map(|grant| grant.since).min().unwrap_or(facts.now);
    weigh.measured(what, since, own.is_empty());
    if !own.is_empty() {
        let what = "end the self-approved grants, and have another administrator approve them";
        weigh.todo(what, "administrator", None, "grants");
    }
}

/// E5.2: credentials are unique, and end soon enough to be called ephemeral.
pub(super) fn ephemeral_tokens(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::UniqueCredentials, every);
    let live: Vec<_> = facts.credentials.iter().filter(|one| !one.ended && one.token).collect();
    if live.is_empty() {
        weigh.missing("a live credential to look at");
        weigh.todo("issue a token", "administrator", None, "people");
        return;
    }
    let end = facts.now.after(TOKEN_LIFE);
    let bounded = live.iter().filter(|one| one.expires.is_some_and(|at| at <= end)).count();
    let what =
        format!("live tokens of 256 bits that expire within 91 days: {bounded} of {}", live.len());
    weigh.measured(what, facts.now, bounded == live.len());
    if bounded < live.len() {
        weigh.todo("end the tokens that last longer", "administrator", None, "people");
    }
}

/// E5.4: whoever joined within a year got a credential of their own at joining, and nobody works
/// in the team without being a person that the registers know. The first administrator, who comes
/// with the store, is no joiner.
pub(super) fn issued_at_joining(facts: &Facts, weigh: &mut Weigh) {
    let people = facts.house.nouns::<Person>();
    let joiner = |one: &&Person| {
        let joined = Moment(one.joined);
        let recent = facts.now < joined.after(YEAR);
        one.vendor.is_none() && joined > facts.founded && recent
    };
    let joiners: Vec<_> = people.iter().filter(joiner).collect();
    let issued = |one: &&&Person| {
        let first = one.credentials.iter().map(|credential| Moment(credential.issued)).min();
        first.is_some_and(|first| first <= Moment(one.joined).after(AT_JOINING))
    };
    let with = joiners.iter().filter(issued).count();
    match joiners.iter().map(|one| one.joined).max() {
        None => {
            weigh.missing("somebody who joined within a year, to see them get a credential");
            weigh.todo("take the next joiner in", "administrator", None, "people");
        }
        Some(newest) => {
            let what = format!(
                "people who joined within a year and got a credential of their own within an hour: \
                 {with} of {}",
                joiners.len()
            );
            weigh.measured(what, Moment(newest), with == joiners.len());
        }
    }
    for one in joiners.iter().filter(|one| !issued(one)).take(LISTED) {
        let place = format!("people/{}", one.name);
        weigh.todo("issue a token to them", "administrator", None, place);
    }
    strangers_on_the_roster(facts, weigh);
}

/// Somebody who has a place in the team today has to be an active person.
fn strangers_on_the_roster(facts: &Facts, weigh: &mut Weigh) {
    let (people, today) = (facts.house.nouns::<Person>(), Day::of(facts.now));
    let placed = facts.house.all::<Roster>().iter().filter(|kept| kept.row.on(today).is_some());
    for kept in placed {
        let name = kept.row.person.strip_prefix("person:").unwrap_or_default();
        let known = people.iter().find(|one| one.name == name);
        if known.is_some_and(|one| one.left.is_none()) {
            continue;
        }
        let since = known.and_then(|one| one.left).map_or(facts.now, Moment);
        let who = &kept.row.person;
        weigh.measured(format!("on the roster, and no active person: {who}"), since, false);
        let place = format!("roster/{}", kept.id);
        weigh.todo("end their place, or take them in", "security-lead", None, place);
    }
}

/// E5.5: what was ended is refused.
pub(super) fn revoked(facts: &Facts, weigh: &mut Weigh) {
    weigh.systems(facts, Claim::RevocationEnforced, every);
    let ended: Vec<_> = facts.credentials.iter().filter(|one| one.ended).collect();
    if ended.is_empty() {
        weigh.missing("a credential that was ended, to see it refused");
        weigh.todo("end a token that nobody needs", "administrator", None, "people");
        return;
    }
    let refused = ended.iter().filter(|one| !one.accepted).count();
    let what = format!("ended credentials that are refused now: {refused} of {}", ended.len());
    weigh.measured(what, facts.now, refused == ended.len());
}

/// E5.6: rights follow role and need: another person approves, no grant is beyond its holder's
/// roles or unused for long, and somebody looked within the period whether each is still needed.
pub(super) fn least_privilege(facts: &Facts, weigh: &mut Weigh) {
    approved_by_another(facts, weigh);
    beyond_roles(facts, weigh);
    super::bounded("E5.6", facts, weigh);
    super::changes::approved(facts, weigh);
    weigh.systems(facts, Claim::AccessBrokered, every);
    let numbers = facts.house.one::<Catalogue>(CURRENT);
    let numbers = numbers.map(|kept| kept.row.parameters.clone()).unwrap_or_default();
    unused_rights(facts, numbers.unused_days, weigh);
    if campaign(facts, numbers.review_days, weigh) {
        return;
    }
    let all = facts.house.all::<Review>().iter();
    let all = all.filter(|kept| kept.row.kind == Kind::Access && kept.row.ended.is_none());
    let Some(kept) =
        all.max_by_key(|kept| (kept.row.newest().is_some(), kept.row.due_by(&numbers)))
    else {
        weigh.missing("a review of access");
        weigh.todo("plan a review of access, and hold a round", "security-lead", None, "reviews");
        return;
    };
    let (id, due) = (&kept.id, kept.row.due_by(&numbers));
    match kept.row.newest() {
        Some(round) if facts.now < due => {
            let what = format!(
                "review {id}: {} asked of {} items whether they are still needed, {} to change, \
                 {} escalated",
                round.closed.by, round.items, round.change, round.escalate
            );
            weigh.recorded(what, round.closed.at.0, true);
        }
        _ => {
            weigh.missing(format!("a round of review `{id}` that was closed in its period"));
            let place = format!("reviews/{id}");
            weigh.todo("hold a round", &kept.row.owner, Some(due), place);
        }
    }
}

/// Grants in force that nobody used for long, and people with roles who did nothing for so many
/// days: each is proposed for removal, every day anew.
fn unused_rights(facts: &Facts, days: u32, weigh: &mut Weigh) {
    let rows = facts.house.all::<AccessUse>();
    let Some(since) = rows.iter().find(|kept| kept.id == uses::KERNEL) else { return };
    let since = Day::of(since.added.at.0);
    let used: HashMap<&str, Day> = rows
        .iter()
        .flat_map(|kept| kept.row.grants.iter().map(|one| (one.grant.as_str(), one.last)))
        .collect();
    let seen: HashMap<&str, Day> =
        rows.iter().map(|kept| (kept.row.holder.as_str(), kept.row.last)).collect();
    let idle = |one: &&GrantFact| {
        let last = used.get(one.id.as_str()).copied();
        let given = Day::of(one.since);
        unused(given, last, since, patience(one.since, one.until, days), facts.now)
    };
    let grants: Vec<_> = facts.grants.iter().filter(idle).collect();
    let people = facts.house.nouns::<Person>().iter();
    let holders: Vec<_> =
        people.filter(|one| one.left.is_none() && !one.roles.is_empty()).collect();
    let absent = |one: &&&Person| {
        let last = seen.get(format!("person:{}", one.name).as_str()).copied();
        unused(Day::of(one.roles_since()), last, since, days, facts.now)
    };
    let absent: Vec<_> = holders.iter().filter(absent).collect();
    let what = format!(
        "unused for {days} days or most of their time: {} of {} grants, the roles of {} of {} \
         people",
        grants.len(),
        facts.grants.len(),
        absent.len(),
        holders.len()
    );
    weigh.measured(what, facts.now, grants.is_empty() && absent.is_empty());
    for one in grants.iter().take(LISTED) {
        let place = format!("grants/{}", one.id);
        weigh.todo("end the grant: nobody uses it", "administrator", None, place);
    }
    for one in absent.iter().take(LISTED) {
        let place = format!("people/{}", one.name);
        weigh.todo("take their roles back: they use none", "administrator", None, place);
    }
}

/// Whether a review of all access was finished within so many days, each right decided.
fn campaign(facts: &Facts, days: u32, weigh: &mut Weigh) -> bool {
    let about_all = |kept: &&Kept<AccessReview>| {
        kept.row.scope.kind == Scope::All && !kept.row.hasty() && kept.row.closed.is_some()
    };
    let done = facts.house.all::<AccessReview>().iter().filter(about_all);
    let newest = done
        .filter_map(|kept| Some((kept.row.closed.as_ref()?.at.0, kept)))
        .max_by_key(|(at, _)| *at);
    let Some((at, kept)) = newest else { return false };
    if Day::of(at).plus(days).end() <= facts.now {
        return false;
    }
    let (kept_rights, removed) =
        (kept.row.decided(Verdict::Keep).count(), kept.row.decided(Verdict::Remove).count());
    let what = format!(
        "access review {}: {kept_rights} rights kept with a reason, {removed} removed, {} of them \
         unanswered",
        kept.id,
        kept.row.unanswered()
    );
    weigh.recorded(what, at, true);
    true
}

/// E5.7: rights change with the job: somebody's job changed within a year, and no grant is beyond
/// what its holder's roles are now.
pub(super) fn movers(facts: &Facts, weigh: &mut Weigh) {
    let people = facts.house.nouns::<Person>().iter().filter(|one| one.vendor.is_none());
    let moves = people.flat_map(|one| &one.moves);
    let recent: Vec<_> = moves.filter(|moved| facts.now < Moment(moved.at).after(YEAR)).collect();
    match recent.iter().map(|moved| moved.at).max() {
        None => {
            weigh.missing("somebody whose job changed within a year, to see rights follow");
            let what = "change the roles of whoever changes jobs, and do it here";
            weigh.todo(what, "security-lead", None, "people");
        }
        Some(newest) => {
            let ended: usize = recent.iter().map(|moved| moved.ended).sum();
            let what = format!(
                "changes of roles within a year: {}; grants that ended with them: {ended}",
                recent.len()
            );
            weigh.measured(what, Moment(newest), true);
        }
    }
    beyond_roles(facts, weigh);
}

/// Grants in force whose holder's roles are not eligible for them. Whoever holds one is refused all
/// the same; but such a grant was given against the role, or somebody gave a role up unseen.
fn beyond_roles(facts: &Facts, weigh: &mut Weigh) {
    let beyond: Vec<_> = facts.grants.iter().filter(|grant| grant.beyond).collect();
    let what =
        format!("grants beyond their holder's roles: {} of {}", beyond.len(), facts.grants.len());
    let since = beyond.iter().map(|grant| grant.since).min().unwrap_or(facts.now);
    weigh.measured(what, since, beyond.is_empty());
    for grant in beyond.iter().take(LISTED) {
        let place = format!("grants/{}", grant.id);
        weigh.todo("end the grant, or give its holder the role", "administrator", None, place);
    }
}
