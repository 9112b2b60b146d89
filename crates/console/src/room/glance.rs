//! What a tired person sees first, on one screen: what happened, who is affected, what is due when,
//! what to do next, and how to stop it. Everything else stands below.

use super::{badge, mark, may_ask, one_task, stop};
use crate::clock::span;
use crate::show::{principal, row_path, sentence};
use crate::visit::Visit;
use crate::work::shape;
use domain::incidents::affected::Certainty;
use domain::incidents::whole::Whole;
use dossier::Facts;
use kernel::Moment;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Lines of one part; more stand below.
const LINES: usize = 5;

pub(super) fn of(visit: &Visit<'_>, whole: &Whole, facts: &Facts) -> Markup {
    let part = |name: &str, title: &str, what: Markup| {
        html! { section.part aria-labelledby=(name) { h2 id=(name) { (title) } (what) } }
    };
    html! {
        div.glance {
            (part("glance-happened", "What happened", happened(visit, whole)))
            (part("glance-affected", "Who is affected", affected(visit, whole)))
            (part("glance-due", "Due next", due(visit, whole, facts)))
            (part("glance-next", "Do next", next(visit, whole)))
            (part("glance-stop", "Stop it", stop::of(visit, whole)))
        }
    }
}

fn happened(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let row = &whole.incident.kept.row;
    let found = || whole.affected.iter().filter_map(|one| one.kept.row.found.as_ref());
    let touched = || found().flat_map(|found| &found.accounts).filter(|one| one.touched);
    let first = touched().filter_map(|one| one.first).map(|at| at.0).min();
    let last = touched().filter_map(|one| one.last).map(|at| at.0).max();
    let suspects = stop::suspects(whole);
    html! {
        dl.fields {
            dt { "Suspected" }
            dd { (visit.clock.at(row.suspected_at.0)) ", " (visit.clock.ago(row.suspected_at.0)) }
            @if let (Some(first), Some(last)) = (first, last) {
                dt { "In the log" }
                dd { "from " (visit.clock.at(first)) " to " (visit.clock.at(last)) }
            }
            dt { "Suspect" }
            dd {
                @if suspects.is_empty() { span.none { "nobody named so far" } }
                @for (index, one) in suspects.iter().take(LINES).enumerate() {
                    @if index > 0 { ", " }
                    (principal(visit, one.text()))
                }
            }
            dt { "Alerts" }
            dd {
                @match whole.alerts.first() {
                    Some(first) => {
                        (whole.alerts.len()) ", first "
                        a href=(row_path("alerts", &first.kept.id)) { (first.kept.row.title) }
                    }
                    None => { "none; noticed by " (row.source) },
                }
            }
            @if let Some(said) = &row.contained {
                dt { "Contained" } dd { (said.text) " (" (mark(visit, said)) ")" }
            }
        }
        @let newest: Vec<_> = row.timeline.iter().rev().take(3).collect();
        @if !newest.is_empty() {
            ul.plain.newest { @for said in newest { li {
                (visit.clock.at(said.mark.at.0)) " " (said.text)
            } } }
        }
    }
}

/// What is known of an account: the least certain answer, and how it was judged.
struct Known {
    certainty: Option<Certainty>,
    judged: Option<&'static str>,
}

fn affected(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let row = &whole.incident.kept.row;
    let mut all: BTreeMap<&str, Known> = BTreeMap::new();
    let blank = || Known { certainty: None, judged: None };
    for one in &whole.affected {
        for account in one.kept.row.found.iter().flat_map(|found| &found.accounts) {
            if account.touched {
                let known = all.entry(&account.account).or_insert_with(blank);
                known.certainty = known.certainty.max(Some(account.certainty));
            }
        }
    }
    for account in &row.verified {
        all.entry(account).or_insert_with(blank).judged = Some("affected");
    }
    for one in &row.refuted {
        all.entry(&one.account).or_insert_with(blank).judged = Some("not affected");
    }
    let of = |certainty| all.values().filter(|one| one.certainty == Some(certainty)).count();
    let open = all.values().filter(|one| one.judged.is_none()).count();
    let mut lines: Vec<_> = all.iter().collect();
    lines.sort_by_key(|(name, one)| (one.judged.is_some(), **name));
    html! {
        p.counts.large {
            (of(Certainty::Exact)) " exact · " (of(Certainty::UpperBound)) " upper bound · "
            (of(Certainty::Unknown)) " unknown"
        }
        p {
            "verified: " (row.verified.len()) " · not affected: " (row.refuted.len()) " · "
            @if open > 0 { (shape("due", "▲", "to be judged")) ": " (open) }
            @else { "to be judged: 0" }
        }
        @if whole.affected.is_empty() {
            p { "The log has not been asked: "
                @match may_ask(visit) {
                    true => a href="#scope" { "ask it" },
                    false => "a responder does",
                } "." }
        }
        @let wide = whole.affected.iter().filter_map(|one| one.kept.row.found.as_ref());
        @if let Some(why) = wide.filter_map(|found| found.wide.as_ref()).next() {
            p { (shape("bad", "✕", "every account may be affected")) ": " (why) }
        }
        ul.plain { @for (name, one) in lines.iter().take(LINES) { li {
            strong { (name) } " "
            (one.certainty.map_or("not found in the log", Certainty::word)) ", "
            (one.judged.unwrap_or("to be judged"))
        } } }
        @if lines.len() > LINES { p.help { "and " (lines.len() - LINES) " more below" } }
    }
}

fn due(visit: &Visit<'_>, whole: &Whole, facts: &Facts) -> Markup {
    let row = &whole.incident.kept.row;
    let now = visit.clock.now;
    let lead = row.lead.as_deref().unwrap_or("responder");
    let who = |name: &str| {
        let breach = whole.breaches.iter().find(|one| one.kept.row.account == name);
        breach.and_then(|one| one.state.who.as_deref()).unwrap_or(lead)
    };
    let open: Vec<_> = facts.clocks.iter().filter(|one| one.done.is_none()).collect();
    let investigate = !row.judged() && row.closed.is_none();
    html! {
        @if investigate {
            p { strong { "Investigation" } ": " (visit.clock.left(row.investigate_by.0)) ", by "
                (visit.clock.at(row.investigate_by.0)) " → " (principal(visit, lead)) }
        }
        @if open.is_empty() && !investigate { p { "No clock runs." } }
        ul.plain.clocks { @for one in open.iter().take(LINES) {
            @let held = one.held.iter().find(|(from, to)| *from <= now && now < *to);
            li {
                strong { (one.name) } " "
                @match held {
                    Some((_, to)) => { (shape("past", "‖", "held by order")) " until "
                        (visit.clock.at(*to)) }
                    None => { (visit.clock.left(one.due)) ", by " (visit.clock.at(one.due)) " → "
                        (principal(visit, who(&one.name))) }
                }
                (bar(one.from, one.due, now))
            }
        } }
        @if open.len() > LINES { p.help { "and " (open.len() - LINES) " more below" } }
    }
}

/// Names, as far as there is room.
fn named(all: &[&str]) -> String {
    let some = all.iter().take(LINES).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(LINES) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

/// How much of a time has run, as a line; the words beside it say the same.
fn bar(from: Moment, due: Moment, now: Moment) -> Markup {
    let whole = due.since(from).as_secs().max(1);
    let used = (now.since(from).as_secs().min(whole) * 100).checked_div(whole).unwrap_or(100);
    let class = if now < due { "due" } else { "bad" };
    html! {
        svg.ran viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect.ground x="0" y="0" width="100" height="4" {}
            rect class=(class) x="0" y="0" width=(used) height="4" {}
        }
    }
}

fn next(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let (id, row) = (&whole.incident.kept.id, &whole.incident.kept.row);
    let mut tasks: Vec<_> = row.tasks.iter().filter(|task| !task.settled()).collect();
    tasks.sort_by_key(|task| {
        (!task.required, task.due.map_or(Moment(u64::MAX), |due| due.0), task.number)
    });
    let notices = whole.notices.iter().filter(|one| {
        one.state.tone != domain::register::Tone::Good
            && one.state.tone != domain::register::Tone::Past
    });
    let orders = whole
        .holds
        .iter()
        .filter(|one| one.kept.row.confirmed.is_none() && one.kept.row.lifted.is_none());
    let waiting: Vec<_> = notices
        .map(|one| ("notices", &one.kept.id, &one.state))
        .chain(orders.map(|one| ("holds", &one.kept.id, &one.state)))
        .collect();
    let unjudged: Vec<_> = whole
        .affected
        .iter()
        .flat_map(|one| one.kept.row.found.iter().flat_map(|found| &found.accounts))
        .filter(|one| one.touched && !row.knows(&one.account))
        .map(|one| one.account.as_str())
        .collect();
    let unwritten: Vec<_> = whole
        .breaches
        .iter()
        .map(|one| &one.kept.row)
        .filter(|breach| breach.notified.is_none())
        .filter(|breach| !whole.notices.iter().any(|one| one.kept.row.account == breach.account))
        .collect();
    let may = may_ask(visit) && row.closed.is_none();
    html! {
        @if !unjudged.is_empty() && row.closed.is_none() {
            p { (shape("due", "☐", "judge")) " "
                @if may { a href="#verify" { "verify" } " or " a href="#refute" { "refute" } }
                @else { "verify or refute" }
                ": " (named(&unjudged)) }
        }
        ul.plain { @for breach in unwritten.iter().take(LINES) { li {
            @let held = breach.held(visit.clock.now);
            (shape("due", "☐", if held { "prepare" } else { "tell" })) " " (breach.account) ": "
            @if may {
                a href=(format!("/notices/new?incident={id}&account={}", breach.account)) {
                    "write the notice" }
                @if held { ", which is sent once no order holds it" }
            } @else { "no notice is written" }
        } } }
        ul.plain { @for (plural, one, state) in waiting.iter().take(LINES) { li {
            a href=(row_path(plural, one)) { (one) } " " (badge(state))
            @if let Some(what) = &state.what { " " (sentence(what)) }
            @if let Some(who) = &state.who { " → " (principal(visit, who)) }
        } } }
        ul.plain { @for task in tasks.iter().take(LINES) {
            li { (one_task(visit, id, task, "next")) }
        } }
        @if tasks.len() > LINES { p.help { (tasks.len() - LINES) " more tasks below" } }
        @let rest = unjudged.len() + unwritten.len() + waiting.len() + tasks.len();
        @if rest == 0 && row.closed.is_none() {
            p { "Nothing is planned: follow a playbook with " strong { "triage" } ", or add a "
                strong { "task" } "." }
        }
        @let since = row.suspected_at.0;
        p.help { "Open for " (span(visit.clock.now.since(since))) "." }
    }
}
