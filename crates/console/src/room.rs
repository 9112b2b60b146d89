//! The incident room: first, on one screen, what happened, who is affected, what is due when, what
//! to do next and how to stop it; below it the plots, each clock with its notices, what the log
//! shows, what was stopped, every task, and what happened.
//!
//! It stands above the row of an incident, whose fields, steps and history stay below. All of it is
//! one operation with one entry. Each clock is a bar and the same in words.

mod glance;
mod plots;
mod stop;

use crate::affected;
use crate::clock::{ReaderClock, span};
use crate::form::hidden;
use crate::reply::Reply;
use crate::show::{cards, principal, row_path, sentence};
use crate::visit::Visit;
use crate::work::{Tone, shape};
use domain::incidents::affected::Affected;
use domain::incidents::breaches::{Breach, WARNINGS};
use domain::incidents::file::{Pack, PackFile, Take, TakeFile};
use domain::incidents::holds::Hold;
use domain::incidents::notices::Notice;
use domain::incidents::whole::{ReadWhole, Whole};
use domain::incidents::{Incident, Said, Task};
use domain::register::{self, Shown, Status};
use dossier::{Facts, Packing, Unprintable};
use kernel::authority::Credential;
use kernel::id::{PrincipalId, RecordId};
use kernel::{Act, Error, Result};
use maud::{Markup, html};
use std::time::Duration;

/// Width of a clock's bar.
const BAR: u64 = 200;

/// Rows of one table; more stand in their register.
const ROWS: usize = 100;

/// The room of an incident.
///
/// # Errors
/// `NotFound` if there is no such incident.
pub(crate) async fn of(visit: &Visit<'_>, id: &str) -> Result<Markup> {
    let done = visit.submit(ReadWhole::new(visit.kernel(), id)?).await?;
    let whole = &done.output;
    let facts = Facts::of(whole);
    Ok(html! {
        (summary(visit, whole))
        (glance::of(visit, whole, &facts))
        h2 #plots { "Plots" }
        (plots::of(visit, &facts))
        h2 { "Clocks and notices" }
        (due(visit, whole))
        h2 { "What the log shows" }
        (touched(visit, whole))
        h2 { "What was stopped" }
        (stopped(visit, whole))
        h2 { "All tasks" }
        (tasks(visit, whole))
        h2 #timeline { "Timeline" }
        (timeline(visit, &whole.incident.kept.row))
    })
}

/// `GET /incidents/{id}/file`
pub(crate) async fn file(visit: &Visit<'_>, id: &str) -> Result<Reply> {
    let id = RecordId::parse(id).map_err(|_| Error::not_found("there is no such page"))?;
    let done = visit.submit(TakeFile::new(visit.kernel(), id.as_str())?).await?;
    let name = format!("{id}.json");
    Ok(Reply::File { kind: "application/json", name, body: done.output.json.into_bytes() })
}

/// `GET /incidents/{id}/package`
pub(crate) async fn package(visit: &Visit<'_>, id: &str) -> Result<Reply> {
    let id = RecordId::parse(id).map_err(|_| Error::not_found("there is no such page"))?;
    let taken = visit.submit(TakeFile::new(visit.kernel(), id.as_str())?).await?.output;
    let (entry, failed) = (taken.entry, |error: Unprintable| Error::internal(error.to_string()));
    let packing = tokio::task::spawn_blocking(move || Packing::of(taken)).await;
    let packing = packing.map_err(|error| Error::internal(format!("packing: {error}")))?;
    let packing = packing.map_err(failed)?;
    let manifest = packing.manifest().to_owned();
    let pack = PackFile::new(visit.kernel(), id.as_str(), manifest, entry)?;
    let body = packing.zip(&visit.submit(pack).await?.output).map_err(failed)?;
    Ok(Reply::File { kind: "application/zip", name: format!("{id}.zip"), body })
}

fn summary(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let (id, row) = (&whole.incident.kept.id, &whole.incident.kept.row);
    let first = whole.breaches.iter().map(|one| one.kept.row.verified.at.0).min();
    html! {
        p { strong { (row.title) } }
        p.room {
            @match first {
                Some(at) => { "verified " (visit.clock.at(at)) },
                None => { "suspected " (visit.clock.at(row.suspected_at.0)) },
            }
            " · severity " (row.severity) " · " (row.class.word()) " · lead: "
            @match &row.lead {
                Some(lead) => (principal(visit, lead)),
                None => span.none { "nobody yet" },
            }
            " · " a href="#timeline" { "timeline" }
            @if visit.may(Take::ACTION) {
                " · " a href=(format!("/incidents/{id}/file")) download { "file" }
            }
            @if visit.may(Pack::ACTION) {
                " · " a href=(format!("/incidents/{id}/package")) download { "package" }
                " with HTML and PDF, checked by " code { "bailee verify " (id) ".zip" }
            }
        }
    }
}

/// The clocks, the most urgent first: what was not told, then what is held, then what is settled.
fn due(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let mut all: Vec<_> = whole.breaches.iter().collect();
    let rank = |one: &Shown<Breach>| {
        let row = &one.kept.row;
        (row.notified.is_some(), row.held(visit.clock.now), row.deadline)
    };
    all.sort_by_key(|one| rank(one));
    let row = &whole.incident.kept.row;
    html! {
        @if all.is_empty() {
            p { @match row.judged() {
                true => "No account is verified to be affected: no clock runs.",
                false => "Nobody has judged an account so far: verify or refute, account by \
                          account. The first verification starts a clock.",
            } }
            @if !row.judged() && row.closed.is_none() {
                p { "Investigation: " (visit.clock.left(row.investigate_by.0)) ", by "
                    (visit.clock.at(row.investigate_by.0)) "." }
            }
        } @else {
            (cards(
                "Clocks", html! { "Accounts to be told: " (all.len()) },
                &["Account", "State", "Clock", "Notice"],
                html! { @for one in all.iter().take(ROWS) {
                        (clock_row(visit, one, &whole.notices))
                    } },
            ))
            (more(all.len(), "breaches"))
        }
        @if !whole.holds.is_empty() { (orders(visit, &whole.holds)) }
    }
}

fn clock_row(visit: &Visit<'_>, one: &Shown<Breach>, notices: &[Shown<Notice>]) -> Markup {
    let row = &one.kept.row;
    let own: Vec<_> = notices.iter().filter(|n| n.kept.row.account == row.account).collect();
    html! {
        tr {
            th scope="row" { a href=(row_path("breaches", &one.kept.id)) { (row.account) } }
            td data-label="State" { (badge(&one.state)) }
            td data-label="Clock" { (clock(&visit.clock, row)) }
            td data-label="Notice" {
                @if own.is_empty() && row.notified.is_none() {
                    "none written: " a href="/notices/new" { "write one" } " → responder"
                }
                @if !own.is_empty() {
                    ul.plain { @for notice in own { li { (standing(visit, "notices", notice)) } } }
                }
            }
        }
    }
}

/// The bar of a clock with its marks, and what it says in words.
fn clock(clock: &ReaderClock, row: &Breach) -> Markup {
    let whole = Duration::from_secs(u64::from(row.hours) * 3600);
    let until = row.notified.as_ref().map_or(clock.now, |told| told.at.0.min(clock.now));
    let left = row.left(until);
    let used = whole.saturating_sub(left.span);
    let percent = percent(used, whole);
    let given: Vec<_> = row.warnings.iter().map(|one| format!("{} %", one.percent)).collect();
    let said = format!("{percent} % of {} h used", row.hours);
    let class = match () {
        () if row.late(clock.now) => "bad",
        () if row.notified.is_some() => "good",
        () => "due",
    };
    html! {
        svg.clock viewBox=(format!("0 0 {BAR} 16")) width=(BAR) height="16" role="img"
            aria-label=(said) {
            rect.ground x="0" y="2" width=(BAR) height="12" {}
            rect class=(class) x="0" y="2" width=(BAR * percent / 100) height="12" {}
            @for mark in WARNINGS.into_iter().filter(|mark| *mark < 100) {
                rect.mark x=(BAR * u64::from(mark) / 100) y="0" width="1" height="16" {}
            }
        }
        br;
        @match (&row.notified, left.held_to) {
            (Some(told), _) => {
                "told " (clock.at(told.at.0)) ", with " (span(left.span)) " left"
            },
            (None, Some(to)) => {
                "held by order until " (clock.at(to)) ", then " (span(left.span)) " left"
            },
            (None, None) => { (clock.left(row.deadline.0)) ", by " (clock.at(row.deadline.0)) },
        }
        br;
        span.help {
            (percent) " % of " (row.hours) " h used"
            @if !given.is_empty() { "; warned at " (given.join(", ")) }
        }
    }
}

/// A part of a whole, in percent from 0 to 100.
fn percent(part: Duration, whole: Duration) -> u64 {
    let percent = part.as_secs().saturating_mul(100).checked_div(whole.as_secs());
    percent.unwrap_or(100).min(100)
}

fn orders(visit: &Visit<'_>, holds: &[Shown<Hold>]) -> Markup {
    html! {
        h3 { "Orders" }
        ul { @for one in holds {
            @let row = &one.kept.row;
            li {
                (standing(visit, "holds", one)) " "
                (row.agency) ", reference " code { (row.reference) } ", for "
                (row.accounts.join(", ")) ", to " (visit.clock.day(row.to))
            }
        } }
    }
}

fn touched(visit: &Visit<'_>, whole: &Whole) -> Markup {
    html! {
        @if whole.affected.is_empty() {
            p { "The log has not been asked: state who or which token, and the span of time, under "
                strong { "scope" } " below." }
        }
        @for one in &whole.affected { (question(visit, one)) }
        @let refuted = &whole.incident.kept.row.refuted;
        @if !refuted.is_empty() {
            h3 { "Not affected, as somebody judged" }
            ul { @for one in refuted { li {
                strong { (one.account) } ": " (one.why) " (" (principal(visit, &one.mark.by)) ", "
                (visit.clock.at(one.mark.at.0)) ")"
            } } }
        }
    }
}

/// A question to the log with its answer, how it was computed, and the same question again.
fn question(visit: &Visit<'_>, one: &Shown<Affected>) -> Markup {
    let row = &one.kept.row;
    let token = row.credential.as_deref();
    html! {
        h3 { "By " (row.principal) @if let Some(token) = token { ", token " code { (token) } } }
        p {
            (badge(&one.state)) " "
            @match &row.found {
                Some(found) => (affected::counts(found)),
                None => "the log is searched",
            }
            " · from " (visit.clock.quoted(row.from.0)) " until " (visit.clock.quoted(row.to.0))
        }
        @if let Some(found) = &row.found {
            (affected::found_of(visit, &one.kept.id, found))
            (affected::computed(visit, row, found))
        }
        @if may_ask(visit) { (affected::again(visit, row)) }
    }
}

/// Whether those in question can still do anything, and how it was kept from getting worse.
fn stopped(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let row = &whole.incident.kept.row;
    html! {
        @if !whole.affected.is_empty() {
            ul { @for one in &whole.affected { li { (access(visit, &one.kept.row)) } } }
        }
        @match &row.contained {
            Some(said) => p { (said.text) " (" (mark(visit, said)) ")" },
            None => p { "It is not said so far how it was kept from getting worse: state it under "
                strong { "contain" } " below." },
        }
        @if let Some(said) = &row.closed {
            p { "Closed: " (said.text) " (" (mark(visit, said)) ")" }
        }
    }
}

/// What became of the access that is in question, as the live rights have it.
fn access(visit: &Visit<'_>, row: &Affected) -> Markup {
    let known = PrincipalId::parse(&row.principal).ok();
    let known = known.and_then(|id| visit.kernel().authority().principal(&id));
    let now = visit.clock.now;
    let counts = |one: &&Credential| {
        !one.ended
            && one.expires.is_none_or(|end| now < end)
            && row.credential.as_ref().is_none_or(|id| *id == one.id)
    };
    let live = known.iter().filter(|one| one.active).flat_map(|one| &one.credentials);
    let live = live.filter(counts).count();
    let last = row
        .found
        .iter()
        .flat_map(|found| &found.accounts)
        .filter_map(|one| one.last)
        .map(|last| last.0)
        .max();
    html! {
        @match (live, &row.credential) {
            (0, None) => { (shape("good", "■", "over")) " no token or session counts any more" },
            (0, Some(_)) => { (shape("good", "■", "over")) " the token counts no more" },
            (_, Some(_)) => { (shape("bad", "✕", "open")) " the token still counts: end it" },
            (count, None) => {
                (shape("bad", "✕", "open"))
                " tokens or sessions that still count: " (count) "; end them"
            },
        }
        ": " (principal(visit, &row.principal))
        @if let Some(id) = &row.credential { ", token " code { (id) } }
        @if let Some(last) = last { ", last entry in that span " (visit.clock.quoted(last)) }
    }
}

/// What is to be done, what is required first; what is open can be settled here.
fn tasks(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let row = &whole.incident.kept.row;
    let mut all: Vec<_> = row.tasks.iter().collect();
    all.sort_by_key(|task| (task.settled(), !task.required, task.number));
    html! {
        @if all.is_empty() {
            p { "Nothing is planned: follow a playbook with " strong { "triage" } ", or add a "
                strong { "task" } " below." }
        } @else {
            ul.plain { @for task in all {
                li { (one_task(visit, &whole.incident.kept.id, task, "done")) }
            } }
        }
    }
}

fn one_task(visit: &Visit<'_>, incident: &str, task: &Task, at: &str) -> Markup {
    let (class, sign, word) = match () {
        () if task.done.is_some() => ("good", "☑", "done"),
        () if task.excepted.is_some() => ("past", "·", "excepted"),
        () if task.overdue(visit.clock.now) => ("bad", "✕", "late"),
        () => ("due", "☐", "open"),
    };
    let who = task.owner.as_deref().or(task.role.as_deref());
    let field = format!("{at}-{}", task.number);
    html! {
        (shape(class, sign, word)) " " (task.number) ". " (task.title)
        @if task.required { " (required)" }
        @if let Some(finding) = &task.finding { " (found: " (finding) ")" }
        @if let Some(who) = who { " → " (principal(visit, who)) }
        @if let Some(due) = task.due.filter(|_| !task.settled()) {
            ", by " (visit.clock.at(due.0)) ", " (visit.clock.left(due.0))
        }
        @for said in task.done.iter().chain(&task.excepted) {
            ": " (said.text) " (" (mark(visit, said)) ")"
        }
        @if let Some(answer) = task.answer.filter(|_| !task.settled()) {
            ": " a href=(format!("/answers/new?kind={}&incident={incident}", answer.word())) {
                "give the answer" }
        }
        @if !task.settled() && may_ask(visit) {
            " "
            form.inline method="post" action=(format!("/incidents/{incident}/done")) {
                (hidden(visit))
                input type="hidden" name="task" value=(task.number);
                label.unseen for=(field) { "What came of task " (task.number) }
                input id=(field) type="text" name="outcome" required maxlength="1000"
                    placeholder="what came of it";
                @if task.finding.is_some() {
                    label.unseen for=(format!("{field}-shown")) { "What shows it" }
                    input id=(format!("{field}-shown")) type="text" name="evidence" required
                        maxlength="1000" placeholder="what shows it";
                }
                button.quiet type="submit" { "Done" }
            }
        }
    }
}

fn timeline(visit: &Visit<'_>, row: &Incident) -> Markup {
    html! {
        @if row.timeline.is_empty() {
            p { "Nothing is noted: write into it with " strong { "note" } " below. Who changed \
                 what stands in the history." }
        } @else {
            ol.plain { @for said in &row.timeline { li {
                (visit.clock.quoted(said.mark.at.0)) " · " (principal(visit, &said.mark.by)) " · "
                (said.text)
            } } }
        }
    }
}

/// A row of another register: its name, its state, what is to be done and who does it.
fn standing<N: register::Row>(visit: &Visit<'_>, plural: &str, one: &Shown<N>) -> Markup {
    let state = &one.state;
    html! {
        a href=(row_path(plural, &one.kept.id)) { (one.kept.id) } " " (badge(state))
        @if let Some(what) = &state.what { " " (sentence(what)) }
        @if let Some(who) = &state.who { " → " (principal(visit, who)) }
        @if let Some(due) = &state.due { ", by " (visit.clock.at(due.0)) }
    }
}

fn badge(state: &Status) -> Markup {
    let tone = match state.tone {
        register::Tone::Bad => Tone::Bad,
        register::Tone::Due => Tone::Due,
        register::Tone::Good => Tone::Good,
        register::Tone::Past => Tone::Past,
    };
    crate::work::State { word: state.word.to_owned(), tone, ..Default::default() }.badge()
}

fn mark(visit: &Visit<'_>, said: &Said) -> Markup {
    html! { (principal(visit, &said.mark.by)) ", " (visit.clock.at(said.mark.at.0)) }
}

fn more(count: usize, plural: &str) -> Markup {
    html! {
        @if count > ROWS {
            p { "and " (count - ROWS) " more in " a href={ "/" (plural) } { (plural) } }
        }
    }
}

/// Whether who is signed in may work in incidents.
fn may_ask(visit: &Visit<'_>) -> bool {
    let register = &domain::incidents::REGISTER;
    register.steps.first().is_some_and(|step| visit.may(step.action))
}
