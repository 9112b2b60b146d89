//! What waits for somebody: rows that are due or bad, and what the controls ask for.

use crate::board::Board;
use crate::clock::ReaderClock;
use crate::nouns;
use crate::show::{principal, row_path, sentence};
use crate::visit::Visit;
use domain::measures::Todo;
use domain::register::Register;
use kernel::limits::PAGE_ITEMS;
use kernel::{Moment, Result};
use maud::{Markup, html};
use serde_json::Value;

/// Pages of one register that are looked through for what is due.
const PAGES: usize = 4;

/// The state of a row, as its answer says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) word: String,
    pub(crate) tone: Tone,
    pub(crate) what: Option<String>,
    pub(crate) due: Option<Moment>,
    pub(crate) who: Option<String>,
}

/// How to take a state; each has a shape besides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    Bad,
    Due,
    #[default]
    Good,
    Past,
}

/// A state by its class, its shape and its word; the colour only repeats the other two.
pub(crate) fn shape(class: &str, shape: &str, word: &str) -> Markup {
    html! {
        span class={ "state " (class) } {
            span.shape aria-hidden="true" { (shape) } " " (word)
        }
    }
}

impl Tone {
    /// The class, which is also the value of the filter.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Due => "due",
            Self::Good => "good",
            Self::Past => "past",
        }
    }
}

impl State {
    /// Out of the field `state` of a row.
    pub(crate) fn of(row: &Value) -> Self {
        let state = row.get("state");
        let text = |name: &str| state.and_then(|state| state.get(name)).and_then(Value::as_str);
        let tone = match text("tone") {
            Some("bad") => Tone::Bad,
            Some("due") => Tone::Due,
            Some("past") => Tone::Past,
            _ => Tone::Good,
        };
        Self {
            word: text("word").unwrap_or("recorded").to_owned(),
            tone,
            what: text("what").map(str::to_owned),
            due: text("due").and_then(ReaderClock::parse),
            who: text("who").map(str::to_owned),
        }
    }

    /// Shape and word; the colour only repeats them.
    pub(crate) fn badge(&self) -> Markup {
        let shape = match self.tone {
            _ if self.word.starts_with("held") => "‖",
            Tone::Bad => "✕",
            Tone::Due => "▲",
            Tone::Good => "■",
            Tone::Past => "·",
        };
        self::shape(self.tone.class(), shape, &self.word.replace('-', " "))
    }
}

/// Something that waits.
pub(crate) struct Waiting {
    pub(crate) state: Option<State>,
    /// What it is about, and its page.
    pub(crate) name: String,
    pub(crate) place: Option<String>,
    pub(crate) what: String,
    /// Where it is done, if that is another page.
    pub(crate) act: Option<String>,
    pub(crate) who: String,
    pub(crate) due: Option<Moment>,
}

/// Rows of these registers for which `wanted` holds, the most urgent first. Registers that are not
/// open to whoever is signed in are passed over.
pub(crate) async fn rows(
    visit: &Visit<'_>,
    registers: &[&'static Register],
    wanted: impl Fn(&State) -> bool,
) -> Result<Vec<Waiting>> {
    let mut all = Vec::new();
    for register in registers {
        if !visit.may(register.list) {
            continue;
        }
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let page = (register.page)(visit.kernel(), PAGE_ITEMS, after.as_deref())?;
            let page = visit.submit(page).await?.output;
            let items = page.get("items").and_then(Value::as_array);
            for row in items.map_or(&[][..], Vec::as_slice) {
                let state = State::of(row);
                if wanted(&state) {
                    all.push(waiting(register, row, state));
                }
            }
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
    }
    sort(&mut all);
    Ok(all)
}

fn waiting(register: &Register, row: &Value, state: State) -> Waiting {
    let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
    Waiting {
        name: format!("{} {id}", register.noun),
        place: Some(row_path(register.plural, id)),
        what: state.what.clone().unwrap_or_default(),
        act: None,
        who: state.who.clone().unwrap_or_default(),
        due: state.due,
        state: Some(state),
    }
}

/// What the controls ask somebody for whom `wanted` holds to do.
pub(crate) fn todos(
    visit: &Visit<'_>,
    board: &Board,
    wanted: impl Fn(&str) -> bool,
) -> Vec<Waiting> {
    let mut all = Vec::new();
    for one in &board.answered {
        for todo in one.answer.todo.iter().filter(|todo| wanted(&todo.who)) {
            all.push(Waiting {
                state: None,
                name: format!("{} {}", one.obligation.id, one.obligation.title),
                place: Some(format!("/measures/{}", one.obligation.id)),
                what: format!("{} ({})", todo.what, todo.place),
                act: place(visit, &todo.place),
                who: todo.who.clone(),
                due: todo.due,
            });
        }
    }
    sort(&mut all);
    all
}

/// What a control asks for, with a link to where it is done.
pub(crate) fn todo(visit: &Visit<'_>, todo: &Todo) -> Markup {
    match place(visit, &todo.place) {
        Some(place) => html! { a href=(place) { (sentence(&todo.what)) " (" (todo.place) ")" } },
        None => html! { (sentence(&todo.what)) " (" (todo.place) ")" },
    }
}

/// The page of what a control names as the place to act, such as `systems/db-1`; none where that
/// is not open to whoever reads.
fn place(visit: &Visit<'_>, text: &str) -> Option<String> {
    let (plural, id) = text.split_once('/').map_or((text, None), |(one, id)| (one, Some(id)));
    match nouns::find(plural) {
        Some(register) if visit.may(register.read) => Some(match id {
            Some(id) => row_path(register.plural, id),
            None => format!("/{}", register.plural),
        }),
        Some(_) => None,
        None if plural == "measures" => Some("/".to_owned()),
        None => visit.may_oversee().then(|| "/setup".to_owned()),
    }
}

fn sort(all: &mut [Waiting]) {
    all.sort_by_key(|one| {
        let tone = one.state.as_ref().map_or(Tone::Due, |state| state.tone);
        (one.due.unwrap_or(Moment(u64::MAX)), tone)
    });
}

/// What waits, as a table.
pub(crate) fn table(visit: &Visit<'_>, caption: &str, all: &[Waiting]) -> Markup {
    html! {
        div.scroll.stack role="region" aria-label=(caption) tabindex="0" {
            table.wide {
                caption { (caption) ": " (all.len()) }
                thead { tr {
                    th scope="col" { "State" } th scope="col" { "What" } th scope="col" { "To do" }
                    th scope="col" { "Who" } th scope="col" { "By when" }
                } }
                tbody {
                    @for one in all {
                        tr {
                            td { @match &one.state {
                                Some(state) => (state.badge()),
                                None => (shape("due", "▲", "asked for")),
                            } }
                            td { @match &one.place {
                                Some(place) => a href=(place) { (one.name) },
                                None => (one.name),
                            } }
                            td { @match &one.act {
                                Some(place) => a href=(place) { (sentence(&one.what)) },
                                None => (sentence(&one.what)),
                            } }
                            td data-label="Who" { span.whole { (principal(visit, &one.who)) } }
                            td data-label="By when" { @match one.due {
                                Some(due) => (visit.clock.due(due)),
                                None => span.none { "–" },
                            } }
                        }
                    }
                }
            }
        }
    }
}
