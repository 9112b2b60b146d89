//! The board: every obligation with its state, what is wrong first; and where each role starts.

use crate::clock::ReaderClock;
use crate::nouns;
use crate::reply::{Page, Reply};
use crate::roles::{self, Start, is_for};
use crate::shell::purposes;
use crate::show::{principal, sentence};
use crate::visit::Visit;
use crate::work::{self, Tone, shape};
use domain::catalogue::{Obligation, mapped};
use domain::measures::{Answer, Answered, Basis, MEASURES, ReadMeasures, State};
use kernel::id::{PrincipalId, RecordId};
use kernel::{Error, Moment, Result};
use maud::{Markup, html};
use std::sync::Arc;

/// The states of an obligation over time, oldest first.
pub type History = Arc<dyn Fn(&str) -> Vec<(Moment, State)> + Send + Sync>;

/// How every obligation stood at a moment.
pub(crate) struct Board {
    pub(crate) answered: Vec<Answered>,
    pub(crate) at: Moment,
    /// The entry that says who asked, if somebody did.
    pub(crate) entry: Option<u64>,
}

/// How many obligations are in each state.
pub(crate) struct Counts {
    pub(crate) holding: usize,
    pub(crate) failing: usize,
    pub(crate) unproven: usize,
}

impl Board {
    /// Asks the controls now.
    pub(crate) async fn read(visit: &Visit<'_>) -> Result<Arc<Self>> {
        let operation = ReadMeasures::new(visit.kernel(), (visit.console.listener)())?;
        let done = visit.submit(operation).await?;
        let entry = visit.entry(&done.receipts);
        Ok(Self::keep(visit, done.output, entry))
    }

    /// What the controls said just now, kept for what every page says of them.
    pub(crate) fn keep(
        visit: &Visit<'_>,
        answered: Vec<Answered>,
        entry: Option<u64>,
    ) -> Arc<Self> {
        let board = Arc::new(Self { answered, at: visit.kernel().now(), entry });
        visit.console.keep(Arc::clone(&board));
        board
    }

    pub(crate) fn counts(&self) -> Counts {
        let count = |state| self.answered.iter().filter(|one| one.answer.state == state).count();
        Counts {
            holding: count(State::Holding),
            failing: count(State::Failing),
            unproven: count(State::Unproven),
        }
    }
}

/// Shape, word and class of a state.
pub(crate) fn sign(state: State) -> (&'static str, &'static str, &'static str) {
    match state {
        State::Holding => ("■", "holding", "good"),
        State::Failing => ("✕", "failing", "bad"),
        State::Unproven => ("?", "unproven", "due"),
    }
}

/// A state, with its shape and its word.
pub(crate) fn badge(state: State) -> Markup {
    let (sign, word, class) = sign(state);
    shape(class, sign, word)
}

/// How something is known, with its shape.
pub(crate) fn basis(basis: Basis) -> Markup {
    let shape = match basis {
        Basis::Measured => "●",
        Basis::Recorded => "◐",
        Basis::Attested => "○",
    };
    html! { span.basis { span.shape aria-hidden="true" { (shape) } " " (basis.word()) } }
}

/// `GET /`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    let board = Board::read(visit).await?;
    let page = Page::new(
        "Board",
        html! {
                (wrong(visit, &board))
            h2 { "Measures" }
            p.help { "Each square is an obligation; open one for facts, basis and history." }
            (squares(&board))
        },
    );
    Ok(page.seen(board.entry))
}

/// What is wrong, failing first, then what somebody can do something about.
fn wrong(visit: &Visit<'_>, board: &Board) -> Markup {
    let of = |state| board.answered.iter().filter(move |one| one.answer.state == state);
    let open = of(State::Unproven).filter(|one| !one.answer.todo.is_empty());
    let mut lines: Vec<_> = of(State::Failing).chain(open).collect();
    lines.sort_by_key(|one| (one.answer.state != State::Failing, soonest(&one.answer)));
    html! {
        @if lines.is_empty() {
            p { "Nothing fails, and nothing waits for somebody." }
        } @else {
            div.scroll.stack role="region" aria-label="What is wrong" tabindex="0" {
                table.wide {
                    caption { "What is wrong" }
                    thead { tr {
                        th scope="col" { "Obligation" } th scope="col" { "State" }
                        th scope="col" { "Because" } th scope="col" { "Who acts" }
                        th scope="col" { "By when" }
                    } }
                    tbody { @for one in lines { (line(visit, one)) } }
                }
            }
        }
    }
}

fn soonest(answer: &Answer) -> Moment {
    answer.todo.iter().filter_map(|todo| todo.due).min().unwrap_or(Moment(u64::MAX))
}

fn line(visit: &Visit<'_>, one: &Answered) -> Markup {
    let answer = &one.answer;
    let todo = answer.todo.iter().min_by_key(|todo| todo.due.unwrap_or(Moment(u64::MAX)));
    html! {
        tr {
            th scope="row" {
                a href=(format!("/measures/{}", one.obligation.id)) {
                    span.id { (one.obligation.id) } " " (one.obligation.title)
                }
            }
            td { (badge(answer.state)) (since(&visit.clock, answer)) }
            td { (sentence(&because(answer))) }
            td {
                @match todo {
                    Some(todo) => {
                        "→ " (principal(visit, &todo.who)) ": "
                        (work::todo(visit, todo))
                    },
                    None => a href=(format!("/measures/{}", one.obligation.id)) { "see the facts" },
                }
            }
            td data-label="By when" { @match todo.and_then(|todo| todo.due) {
                Some(due) => (visit.clock.due(due)),
                None => span.none { "–" },
            } }
        }
    }
}

fn since(clock: &ReaderClock, answer: &Answer) -> Markup {
    let failing = answer.state == State::Failing;
    html! {
        @if let Some(since) = answer.since.filter(|_| failing) {
            " " time datetime=(since.rfc3339()) {
                (crate::clock::span(clock.now.since(since)))
            }
        }
    }
}

/// The first bad fact, or the first thing that is missing.
fn because(answer: &Answer) -> String {
    if let Some(bad) = answer.facts.iter().find(|fact| !fact.good) {
        return bad.what.clone();
    }
    answer.missing.first().map_or_else(|| "–".to_owned(), |what| format!("missing: {what}"))
}

/// The measures as rows of squares.
pub(crate) fn squares(board: &Board) -> Markup {
    html! {
        dl.squares {
            @for measure in *MEASURES {
                dt { span.id { (measure.id) } " " (measure.title) }
                dd {
                    @for one in board.answered.iter().filter(|one| one.measure == measure.id) {
                        @let (shape, word, class) = sign(one.answer.state);
                        a class={ "square " (class) } title=(one.obligation.title)
                            href=(format!("/measures/{}", one.obligation.id)) {
                            span.shape aria-hidden="true" { (shape) } " "
                            span.id { (one.obligation.id) } span.unseen { ": " (word) }
                        } " "
                    }
                }
            }
        }
    }
}

/// `GET /security-lead` and the others: what is due for a role, and what it works with.
pub(crate) async fn start(visit: &Visit<'_>, role: &str) -> Result<Page> {
    let start = roles::start(role).ok_or_else(|| Error::not_found("there is no such page"))?;
    let board = Board::read(visit).await?;
    let todos = work::todos(visit, &board, |who| who == start.role || is_own(visit, who));
    let registers: Vec<_> = match start.role {
        // What waits for a second signature can be in any register, and auditors look at all.
        "approver" | "auditor" => nouns::all().collect(),
        _ => nouns::all().filter(|one| start.areas.contains(&one.area)).collect(),
    };
    let urgent = |state: &work::State| match start.role {
        "approver" => state.tone != Tone::Past && state.who.as_deref() == Some("approver"),
        _ => matches!(state.tone, Tone::Bad | Tone::Due),
    };
    // A row is surveyed once even where a control asks for the same.
    let rows = work::rows(visit, &registers, urgent).await?;
    let small = Some("approvals").filter(|_| start.role == "approver");
    let small = small.and_then(|area| roles::too_small(visit.kernel(), area));
    Ok(Page::new(
        start.title,
        html! {
            p { (start.task) }
            (missing_role(visit, start))
            @if let Some(why) = small {
                p.warning { "▲ " (why) }
            }
            h2 { "Due" }
            @if todos.is_empty() && rows.is_empty() { p { "Nothing waits." } }
            @if !todos.is_empty() { (work::table(visit, "Asked for by the controls", &todos)) }
            @if !rows.is_empty() { (work::table(visit, "In the registers", &rows)) }
            @if start.role != "approver" {
                h2 { "Works with" }
                (purposes(registers.into_iter().filter(|one| visit.may(one.list))))
            }
        },
    )
    .seen(board.entry))
}

fn is_own(visit: &Visit<'_>, who: &str) -> bool {
    who.contains(':') && is_for(visit, who)
}

fn missing_role(visit: &Visit<'_>, start: &Start) -> Markup {
    let count = roles::holders(visit.kernel(), &[start.role]);
    html! {
        @if count == 0 {
            p.warning { "▲ Nobody holds this role. "
                @if visit.may_oversee() { a href="/people" { "Give it to somebody" } "." } }
        }
    }
}

/// `GET /find?q=…`
pub(crate) async fn find(visit: &Visit<'_>) -> Result<Reply> {
    let asked = visit.query.filled("q").unwrap_or_default();
    if let Some(place) = direct(asked) {
        return Ok(Reply::See(place));
    }
    let low = asked.to_lowercase();
    let has = |text: &str| !low.is_empty() && text.to_lowercase().contains(&low);
    let registers: Vec<_> = nouns::all()
        .filter(|one| visit.may(one.list) && (has(one.plural) || has(one.purpose)))
        .collect();
    let obligations = MEASURES.iter().flat_map(|measure| measure.obligations);
    // An identifier of another framework finds what it is mapped to.
    let mapped = mapped(asked).unwrap_or_default();
    let found = |one: &&Obligation| has(one.id) || has(one.title) || mapped.contains(one);
    let obligations: Vec<_> = obligations.filter(found).collect();
    let open: Vec<_> = nouns::all().filter(|one| visit.may(one.list)).collect();
    let encoded: String = low.bytes().map(|byte| format!("%{byte:02x}")).collect();
    Ok(Page::new(
        "Find",
        html! {
            form method="get" action="/find" role="search" aria-label="Everywhere" {
                div.field {
                    label for="words" { "What" }
                    p.help #words-help {
                        "A word, an obligation (E5.5), an identifier of ISO 27001, SOC 2 or NIST "
                        "SP 800-53 (A.8.24), or somebody (person:ana)."
                    }
                    input #words type="search" name="q" value=(asked) maxlength="100"
                        aria-describedby="words-help";
                }
                p.act { button type="submit" { "Find" } }
            }
            @if !asked.is_empty() {
                h2 { "Obligations" }
                @if obligations.is_empty() { p { "None." } }
                ul { @for one in obligations {
                    li { a href=(format!("/measures/{}", one.id)) { (one.id) " " (one.title) } }
                } }
                h2 { "Registers" }
                @if registers.is_empty() { p { "None by name." } }
                (purposes(registers.into_iter()))
                h2 { "Rows" }
                p { "Looking through a register is an entry, so choose one:" }
                ul.columns { @for one in open {
                    li { a href=(format!("/{}?q={encoded}", one.plural)) { (one.plural) } }
                } }
            }
        },
    )
    .into())
}

/// Where something that is named in full has its page.
fn direct(asked: &str) -> Option<String> {
    let same = |one: &&Obligation| one.id.eq_ignore_ascii_case(asked);
    if let Some(one) = MEASURES.iter().flat_map(|measure| measure.obligations).find(same) {
        return Some(format!("/measures/{}", one.id));
    }
    if let Ok(id) = PrincipalId::parse(asked) {
        let (kind, name) = id.parts();
        let register = nouns::all().find(|register| register.noun == kind)?;
        return Some(crate::show::row_path(register.plural, name));
    }
    if nouns::find(asked).is_some() {
        return Some(format!("/{asked}"));
    }
    let (plural, id) = asked.split_once('/')?;
    let id = RecordId::parse(id).ok()?;
    nouns::find(plural).map(|register| crate::show::row_path(register.plural, id.as_str()))
}
