//! One obligation: state, since when, on which facts, what is missing, what to do; and ninety days.

use crate::board::{Board, badge, basis, sign};
use crate::reply::Page;
use crate::show::{principal, sentence};
use crate::visit::Visit;
use crate::work::{self, shape};
use domain::measures::{Answered, Fact, Obligation, State, Todo};
use domain::register::Day;
use kernel::{Error, HOUSE, Moment, Result};
use maud::{Markup, html};

/// Days of the strip.
const DAYS: u64 = 90;

const DAY: u64 = 86_400_000_000;

/// `GET /measures/E5.5`
pub(crate) async fn show(visit: &Visit<'_>, id: &str) -> Result<Page> {
    let board = Board::read(visit).await?;
    let one = board.answered.iter().find(|one| one.obligation.id == id);
    let one = one.ok_or_else(|| Error::not_found("there is no such obligation"))?;
    let log = visit.kernel().identity().origin(HOUSE);
    let title = format!("{} {}", one.obligation.id, one.obligation.title);
    Ok(Page::new(title, html! {
        (standing(visit, one))
        @if !one.answer.todo.is_empty() { h2 { "To do" } (todo(visit, &one.answer.todo)) }
        @if !one.answer.missing.is_empty() {
            h2 { "Missing" }
            ul { @for what in &one.answer.missing { li { (sentence(what)) } } }
        }
        h2 { "Facts" }
        (facts(visit, &one.answer.facts))
        @if !one.terms.is_empty() {
            h2 { "In your own terms" }
            ul { @for words in &one.terms { li { (words) } } }
        }
        h2 { "In other frameworks" }
        (frameworks(&one.obligation))
        h2 { "Ninety days" }
        (strip(visit, &(visit.console.history)(id)))
        h2 { "Proof" }
        p {
            "This answer was computed at " (visit.clock.quoted(board.at)) " from the facts above"
            @if let Some(entry) = board.entry {
                "; that it was asked is entry #" (crate::shell::grouped(entry)) " of "
                code { (log) } " ("
                a href=(visit.receipt(entry)) download { "receipt" } ")"
            }
            ". Check a saved receipt on any machine, without this one:"
        }
        pre.text tabindex="0" {
            "bailee verify receipt-house-" (board.entry.unwrap_or_default()) ".json"
        }
    })
    .under("Measures", "/")
    .seen(board.entry))
}

fn standing(visit: &Visit<'_>, one: &Answered) -> Markup {
    let answer = &one.answer;
    html! {
        dl.fields {
            dt { "State" } dd { (badge(answer.state)) }
            dt { "Since" }
            dd { @match answer.since {
                Some(since) => { (visit.clock.quoted(since)) ", " (visit.clock.ago(since)) },
                None => span.none { "–" },
            } }
            dt { "Basis" }
            dd { @match answer.basis {
                Some(weakest) => { (basis(weakest)) ", the weakest of its facts" },
                None => "no fact yet",
            } }
            @if let Some((fresh, all)) = answer.systems {
                dt { "Systems" }
                dd {
                    (fresh) " of " (all) " with a fresh fact"
                    @if visit.may_oversee() { "; " a href="/systems" { "systems" } }
                }
            }
        }
    }
}

/// Where other frameworks ask for the same.
fn frameworks(obligation: &Obligation) -> Markup {
    html! {
        dl.fields {
            @for (name, ids) in obligation.mapping.frameworks() {
                dt { (name) }
                dd {
                    @if ids.is_empty() { (obligation.unmapped.unwrap_or("–")) }
                    (ids.join(", "))
                }
            }
        }
        p.help { "Find an identifier to see every obligation that it is mapped to." }
    }
}

fn todo(visit: &Visit<'_>, all: &[Todo]) -> Markup {
    html! {
        ul.todo {
            @for todo in all {
                li {
                    "→ " (principal(visit, &todo.who)) ": "
                    (work::todo(visit, todo))
                    @if let Some(due) = todo.due {
                        ", by " (visit.clock.at(due)) ", " (visit.clock.left(due))
                    }
                }
            }
        }
    }
}

fn facts(visit: &Visit<'_>, all: &[Fact]) -> Markup {
    html! {
        @if all.is_empty() { p { "No fact yet." } } @else {
            div.scroll.stack role="region" aria-label="Facts" tabindex="0" {
                table.wide {
                    caption { "Facts: " (all.len()) }
                    thead { tr {
                        th scope="col" { "Speaks" } th scope="col" { "What" }
                        th scope="col" { "Basis" } th scope="col" { "Age" } th scope="col" { "At" }
                    } }
                    tbody { @for fact in all { tr {
                        td {
                            @if fact.good {
                                (shape("good", "■", "for it"))
                            } @else {
                                (shape("bad", "✕", "against it"))
                            }
                        }
                        td { (sentence(&fact.what)) }
                        td { (basis(fact.basis)) }
                        td data-label="Age" { (visit.clock.ago(fact.at)) }
                        td data-label="At" { (visit.clock.quoted(fact.at)) }
                    } } }
                }
            }
        }
    }
}

/// The worst state of each of the last ninety days, oldest first; nothing before the first known.
fn days(now: Moment, changes: &[(Moment, State)]) -> Vec<(Day, State)> {
    let first = (now.0 / DAY).saturating_sub(DAYS - 1);
    let mut all = Vec::new();
    for day in first..=now.0 / DAY {
        let (start, end) = (Moment(day * DAY), Moment((day + 1) * DAY));
        let before = changes.iter().rfind(|(at, _)| *at <= start);
        let within = changes.iter().filter(|(at, _)| start < *at && *at < end);
        let states = before.into_iter().chain(within).map(|(_, state)| *state);
        if let Some(worst) = states.max_by_key(|state| weight(*state)) {
            all.push((Day::of(start), worst));
        }
    }
    all
}

fn weight(state: State) -> u8 {
    match state {
        State::Holding => 0,
        State::Unproven => 1,
        State::Failing => 2,
    }
}

/// A day is a bar: the height says the state again, for whoever sees no colour.
fn strip(visit: &Visit<'_>, changes: &[(Moment, State)]) -> Markup {
    let days = days(visit.clock.now, changes);
    if days.is_empty() {
        return html! { p { "No history yet." } };
    }
    let holding = days.iter().filter(|(_, state)| *state == State::Holding).count();
    let (known, width) = (days.len(), usize::try_from(DAYS).unwrap_or_default() * 8);
    // The newest day is at the right end, whatever is known of those before.
    let before = width.saturating_sub(known * 8);
    html! {
        figure.strip {
            svg viewBox=(format!("0 0 {width} 32")) width=(width) height="32" role="img"
                preserveAspectRatio="none"
                aria-label=(format!("{holding} of {} days held; see the table", days.len())) {
                line.unknown x1="0" x2=(before) y1="31" y2="31" {}
                @for (at, (_, state)) in days.iter().enumerate() {
                    @let (_, _, class) = sign(*state);
                    @let height = match state {
                        State::Holding => 12, State::Unproven => 22, State::Failing => 32,
                    };
                    rect class=(class) x=(before + at * 8) y=(32 - height) width="7"
                        height=(height) {}
                }
            }
            figcaption { "Held all day on " (holding) " of " (days.len()) " known days" }
        }
        details {
            summary { "Each change as a table" }
            table {
                thead { tr { th scope="col" { "From" } th scope="col" { "State" } } }
                tbody { @for (at, state) in changes.iter().rev() { tr {
                    td { (visit.clock.quoted(*at)) } td { (badge(*state)) }
                } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, days};
    use domain::measures::State;
    use kernel::Moment;

    #[test]
    fn a_day_is_as_bad_as_its_worst_moment() {
        let at = |day: u64, part: u64| Moment(day * DAY + part);
        let now = at(1000, 7);
        assert!(days(now, &[]).is_empty());
        let changes = [
            (at(990, 5), State::Holding),
            (at(995, 5), State::Failing),
            (at(995, 9), State::Holding),
            (at(997, 0), State::Unproven),
        ];
        let all: Vec<_> = days(now, &changes).into_iter().map(|(_, state)| state).collect();
        let (h, f, u) = (State::Holding, State::Failing, State::Unproven);
        assert_eq!(all, [h, h, h, h, h, f, h, u, u, u, u]);
        assert_eq!(days(at(2000, 0), &changes).len(), 90, "what was before the strip counts");
    }
}
