//! Controls of reports (E3) and of what is owed to whom (F2).

use super::Facts;
use crate::catalogue::{CURRENT, Catalogue};
use crate::measures::weigh::Weigh;
use crate::members::{Member, Part};
use crate::register::Kept;
use crate::reports::{
    Audience, Competitor, Delivery, Listed, MARK_LIFE, Report, Request, Screen, Subject,
    Subscription, Terms, Verdict, screen,
};

const LEAD: &str = "security-lead";

/// E3.1: a subscriber that is no competitor gets the reports on request.
pub(super) fn on_request(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Report>();
    let current: Vec<_> = all.iter().filter(|one| one.row.current(facts.now)).collect();
    match current.iter().filter_map(|one| one.row.published.as_ref()).map(|mark| mark.at.0).max() {
        Some(at) => {
            let what =
                format!("reports that are given out now: {} of {}", current.len(), all.len());
            weigh.attested(what, at, true);
        }
        None => {
            weigh.missing("a published report that is valid today");
            weigh.todo("take in a report and have it published", LEAD, None, "reports");
        }
    }
    competitors(facts, weigh);
    answered(facts, weigh);
    releases(facts, weigh, Part::Administrator);
}

/// The list that everybody is screened against is there and was looked at in time.
fn competitors(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Competitor>();
    let listed: Vec<_> = all.iter().filter(|one| one.row.counts()).collect();
    let overdue = listed.iter().filter(|one| one.row.review.end() <= facts.now);
    let overdue: Vec<_> = overdue.collect();
    for one in &overdue {
        weigh.missing(format!("a review of competitor `{}`", one.id));
        let (due, place) = (one.row.review.end(), format!("competitors/{}", one.id));
        weigh.todo("look at the competitor again", LEAD, Some(due), place);
    }
    let marks = listed.iter().filter_map(|one| {
        one.row.reviewed.as_ref().or(one.row.confirmed.as_ref()).map(|mark| mark.at.0)
    });
    match marks.max() {
        Some(at) if overdue.is_empty() => {
            let what = format!("competitors that two people listed: {}", listed.len());
            weigh.recorded(what, at, true);
        }
        Some(_) => {}
        None => {
            weigh.missing("a confirmed list of competitors");
            weigh.todo("list a competitor, and confirm it", LEAD, None, "competitors");
        }
    }
}

/// Requests are answered in time.
fn answered(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Request>();
    let (mut in_time, mut late, mut open) = (0, 0, 0);
    for one in all {
        match one.row.answered() {
            Some(at) if at <= one.row.due.0 => in_time += 1,
            Some(_) => late += 1,
            None if facts.now < one.row.due.0 => {
                open += 1;
                let place = format!("requests/{}", one.id);
                weigh.todo("answer the request", LEAD, Some(one.row.due.0), place);
            }
            None => {
                let what = format!("request `{}` of {} is overdue", one.id, one.row.account);
                weigh.measured(what, one.row.due.0, false);
                let place = format!("requests/{}", one.id);
                weigh.todo("answer the request", LEAD, Some(one.row.due.0), place);
            }
        }
    }
    if in_time + late + open > 0 {
        let answered = in_time + late;
        let what = format!("requests answered in time: {in_time} of {answered}; open: {open}");
        weigh.measured(what, facts.now, true);
    }
}

/// What screening says now about whoever holds a release is what somebody cleared.
fn releases(facts: &Facts, weigh: &mut Weigh, part: Part) {
    let list = list(facts);
    let of = |one: &&Kept<Request>| {
        let name = one.row.member.trim_start_matches("member:");
        facts.house.one::<Member>(name).is_some_and(|member| member.row.part == part)
    };
    let live = facts.house.all::<Request>().iter().filter(of);
    let live: Vec<_> = live.filter(|one| one.row.live(facts.now).is_some()).collect();
    let mut good = 0;
    for one in &live {
        let says = one.row.rescreen(&list, facts.now);
        if one.row.cleared_for(&says) {
            good += 1;
            continue;
        }
        let reason = news(&one.row, &says);
        let place = format!("requests/{}", one.id);
        weigh.todo("decide about the release again", LEAD, None, place);
        match says.verdict {
            Verdict::Match => {
                let what = format!("a release counts for a competitor: {reason}");
                weigh.measured(what, facts.now, false);
            }
            _ => weigh.missing(format!("a decision about request `{}`: {reason}", one.id)),
        }
    }
    if good > 0 {
        let what = format!("releases in force that screening does not speak against: {good}");
        weigh.measured(what, facts.now, true);
    }
}

/// The first thing that screening says and nobody decided on.
fn news(row: &Request, says: &Screen) -> String {
    let decided = row.decision.as_ref().map(|one| one.screen.reasons.as_slice());
    let decided = decided.unwrap_or_default();
    says.reasons.iter().find(|one| !decided.contains(one)).cloned().unwrap_or_default()
}

fn list(facts: &Facts) -> Vec<Listed> {
    let all = facts.house.all::<Competitor>().iter().filter(|one| one.row.counts());
    all.map(|one| one.row.listed(&one.id)).collect()
}

/// E3.2: or the subscriber's independent auditor does, that is no competitor either.
pub(super) fn to_auditors(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Member>().iter();
    let acts = |one: &&Kept<Member>| one.row.part == Part::Auditor && one.row.active(facts.now);
    let auditors: Vec<_> = all.filter(acts).collect();
    if auditors.is_empty() {
        weigh.missing("an auditor that a subscriber named and whose time is not over");
        let what = "let a subscriber name its auditor, in the portal or by the team";
        weigh.todo(what, "administrator", None, "members");
    }
    let list = list(facts);
    for one in auditors {
        auditor(facts, weigh, one, &list);
    }
    releases(facts, weigh, Part::Auditor);
}

fn auditor(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Member>, list: &[Listed]) {
    let (id, row) = (&kept.id, &kept.row);
    match (&row.declared, row.until) {
        (Some(mark), Some(until)) => {
            let what = format!("auditor `{id}` declared its independence and acts until {until}");
            weigh.recorded(what, mark.at.0, true);
        }
        _ => {
            let what = format!("auditor `{id}` has no end or no declaration of independence");
            weigh.recorded(what, kept.added.at.0, false);
        }
    }
    let firm: Vec<String> = row.firm.iter().cloned().collect();
    let subject = Subject { organisations: &firm, parents: &[], email: &row.email };
    let says = screen(&subject, list, facts.now);
    if says.verdict == Verdict::Clear {
        let what = format!("screening finds nothing about auditor `{id}`");
        return weigh.measured(what, facts.now, true);
    }
    let own = format!("member:{id}");
    let own = facts.house.all::<Request>().iter().filter(|one| one.row.member == own);
    let cleared = own.filter(|one| one.row.cleared_for(&says)).max_by_key(|one| one.added.at);
    if let Some(mark) = cleared.and_then(|one| one.row.decision.as_ref()).map(|one| &one.mark) {
        let what = format!("auditor `{id}` was cleared by `{}`", mark.by);
        return weigh.recorded(what, mark.at.0, true);
    }
    let reason = says.reasons.first().cloned().unwrap_or_default();
    weigh.todo(
        "decide about the auditor's request, or end it",
        LEAD,
        None,
        format!("members/{id}"),
    );
    match says.verdict {
        Verdict::Match => {
            let what = format!("auditor `{id}` is named and nobody cleared it: {reason}");
            weigh.measured(what, facts.now, false);
        }
        _ => weigh.missing(format!("a decision about auditor `{id}`: {reason}")),
    }
}

/// E3.3: reports are given under the confidentiality obligations.
pub(super) fn under_terms(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Terms>().iter();
    let published = all.filter_map(|one| one.row.published.as_ref().map(|mark| (mark.at, one)));
    match published.max_by_key(|(at, _)| *at) {
        Some((at, one)) if facts.now < one.row.review.end() => {
            weigh.recorded(format!("the terms `{}` are in force", one.id), at.0, true);
        }
        Some((_, one)) => {
            weigh.missing(format!("a review of the terms `{}`", one.id));
            let (due, place) = (one.row.review.end(), format!("terms/{}", one.id));
            weigh.todo("look at the terms again", "counsel", Some(due), place);
        }
        None => {
            weigh.missing("published terms");
            weigh.todo("enter the terms, and publish them", "counsel", None, "terms");
        }
    }
    copies(facts, weigh);
}

/// Every copy was given under accepted terms where it had to be, and it is known what left.
fn copies(facts: &Facts, weigh: &mut Weigh) {
    let (mut under, mut accepted, mut given, mut marked) = (0, 0, 0, 0);
    let mut newest = None;
    for one in facts.house.all::<Request>() {
        let report = facts.house.one::<Report>(&one.row.report);
        let asks = report.is_some_and(|report| report.row.audience == Audience::UnderTerms);
        for copy in &one.row.deliveries {
            newest = newest.max(Some(copy.mark.at.0));
            given += 1;
            under += usize::from(asks);
            accepted += usize::from(asks && copy.terms.is_some());
            marked += usize::from(copy.accounted());
            lost(facts, weigh, one, copy);
        }
    }
    let Some(newest) = newest else { return };
    weigh.measured(format!("copies whose mark is known: {marked} of {given}"), newest, true);
    if under > 0 {
        let what = format!("copies under terms that were accepted before: {accepted} of {under}");
        weigh.measured(what, newest, accepted == under);
    }
}

/// A copy that left, or may have left, without anybody knowing as what.
fn lost(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Request>, copy: &Delivery) {
    let due = copy.mark.at.0.after(MARK_LIFE);
    if copy.accounted() || facts.now < due {
        return;
    }
    let (id, number) = (&kept.id, copy.number);
    weigh.measured(format!("copy {number} of request `{id}` was opened, not marked"), due, false);
    let what = "find out what became of the copy, and say so";
    weigh.todo(what, LEAD, Some(due), format!("requests/{id}"));
}

/// E3.4: ISO 27001 certificate and/or SOC 2 or SOC 3 reports are there and valid.
pub(super) fn promised(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Report>().iter();
    let counts = |one: &&Kept<Report>| {
        one.row.kind.promised() && one.row.current(facts.now) && one.row.from.start() <= facts.now
    };
    let current: Vec<_> = all.filter(counts).collect();
    for one in &current {
        let row = &one.row;
        let Some(at) = row.published.as_ref().map(|mark| mark.at.0) else { continue };
        let word = if row.qualified { "qualified, " } else { "" };
        let what = format!("{} by {}: {word}valid to {}", row.title, row.issuer, row.valid_to);
        weigh.attested(what, at, !row.qualified);
        if row.qualified {
            let what = "mend what the issuer found, and get another report";
            weigh.todo(what, &row.owner, Some(row.valid_to.end()), format!("reports/{}", one.id));
        }
    }
    if current.is_empty() {
        weigh.missing("a valid ISO 27001 certificate, SOC 2 or SOC 3 report");
        weigh.todo("take in a report and have it published", LEAD, None, "reports");
    }
}

/// F2: the measures are owed during the subscription.
pub(super) fn owed(facts: &Facts, weigh: &mut Weigh) {
    let catalogue = facts.house.one::<Catalogue>(CURRENT);
    let Some(version) = catalogue.map(|kept| &kept.row.version) else {
        weigh.missing("a catalogue of what is promised");
        return weigh.todo("put the catalogue in force", LEAD, None, "catalogues");
    };
    let all = facts.house.all::<Subscription>();
    // `house` is an account, and no subscriber.
    let accounts = facts.census.map_or(0, |(all, _)| all.saturating_sub(1));
    let bound = u64::try_from(all.len()).unwrap_or(u64::MAX);
    if bound == 0 || bound < accounts {
        weigh.missing(format!("a subscription for every account: {bound} of {accounts}"));
        weigh.todo("bind every account to its terms", "counsel", None, "subscriptions");
    }
    for one in all.iter().filter(|one| one.row.ended.is_none()) {
        let (id, row, place) = (&one.id, &one.row, format!("subscriptions/{}", one.id));
        if row.to.end() <= facts.now {
            weigh.missing(format!("what was agreed with `{id}` after {}", row.to));
            weigh.todo("say what was agreed next, or end it", "counsel", None, place);
            continue;
        }
        let at = row.changed.as_ref().unwrap_or(&one.added).at.0;
        let what = format!("`{id}` is bound to terms `{}` until {}", row.terms, row.to);
        if row.terms == *version {
            weigh.recorded(what, at, true);
        } else {
            let what = format!("{what}; version `{version}` is in force");
            let since = catalogue.map_or(at, |kept| kept.row.since.start().max(at));
            weigh.recorded(what, since, false);
            weigh.todo("agree the version in force", "counsel", None, place);
        }
    }
}
