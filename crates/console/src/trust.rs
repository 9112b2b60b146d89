//! The public page: how the measures stand, who else processes Service Data, how to verify.
//!
//! The public page holds no facts, no names of people and nothing of any subscriber. It shows the
//! state that was last computed, at most once a minute a newer one, and asks nobody anything: a
//! stranger cannot make the controls work.

use crate::board::{Board, badge};
use crate::reply::Page;
use crate::shell::counts;
use crate::show::listing;
use crate::visit::Visit;
use domain::measures::{MEASURES, State};
use kernel::{HOUSE, Moment, Result};
use maud::{Markup, html};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long the public page stays as it is.
const STANDS: Duration = Duration::from_secs(60);

/// What the public page shows at present.
pub(crate) struct Published {
    board: Option<Arc<Board>>,
    processors: Vec<Processor>,
    vkey: Option<String>,
    at: Moment,
}

/// A sub-processor, as the public page names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// The legal name.
    pub name: String,
    /// What it does with Service Data.
    pub purpose: String,
    /// The country it processes in.
    pub country: String,
}

/// The sub-processors, whenever they are asked for.
pub type Processors = Arc<dyn Fn() -> Vec<Processor> + Send + Sync>;

/// `GET /trust`
pub(crate) fn show(visit: &Visit<'_>) -> Result<Page> {
    let now = visit.kernel().now();
    let console = visit.console;
    let mut kept = console.published.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = kept.as_ref().is_some_and(|old| {
        now.since(old.at) < STANDS && (old.board.is_some() || console.board().is_none())
    });
    if !fresh {
        *kept = Some(Published {
            board: console.board(),
            processors: (console.processors)(),
            vkey: visit.kernel().vkey(HOUSE).ok(),
            at: now,
        });
    }
    let provider = &visit.kernel().identity().provider;
    let body = kept.as_ref().map(|published| body(visit, published)).unwrap_or_default();
    Ok(Page::new(format!("How {provider} protects Service Data"), body))
}

fn body(visit: &Visit<'_>, published: &Published) -> Markup {
    html! {
        @match &published.board {
            Some(board) => {
                p.counts.large { (counts(board)) }
                p { "Computed from facts at " (visit.clock.quoted(board.at))
                    ". Nobody sets a state." }
                (measures(board))
            },
            None => p { "The state of the measures has not been computed since the last start." },
        }
        h2 { "Sub-processors" }
        (processors(&published.processors))
        h2 { "How to verify" }
        p { "Every access to Service Data and every change of a right is an entry of a log that \
             nobody can quietly change, one log for each subscriber. Subscribers receive receipts, \
             which anybody can check without us:" }
        pre.text tabindex="0" { "bailee verify receipt.json" }
        @if let Some(vkey) = &published.vkey {
            p { "The verifier key of the operator's own log, which anchors all others (C2SP):" }
            pre.text tabindex="0" { (vkey) }
        }
    }
}

/// The worst state of each measure, and how many of its obligations hold.
pub(crate) fn measures(board: &Board) -> Markup {
    html! {
        div.scroll.stack role="region" aria-label="Measures" tabindex="0" {
            table.wide {
                caption { "Measures" }
                thead { tr {
                    th scope="col" { "Measure" } th scope="col" { "State" }
                    th scope="col" { "Obligations that hold" }
                } }
                tbody { @for measure in *MEASURES {
                    @let of = board.answered.iter().filter(|one| one.measure == measure.id);
                    @let all: Vec<_> = of.map(|one| one.answer.state).collect();
                    @let holding = all.iter().filter(|one| **one == State::Holding).count();
                    tr {
                        th scope="row" { span.id { (measure.id) } " " (measure.title) }
                        td { (badge(worst(&all))) }
                        td.number data-label="Obligations that hold" {
                            (holding) " of " (all.len())
                        }
                    }
                } }
            }
        }
    }
}

fn worst(all: &[State]) -> State {
    match () {
        () if all.contains(&State::Failing) => State::Failing,
        () if all.is_empty() || all.contains(&State::Unproven) => State::Unproven,
        () => State::Holding,
    }
}

fn processors(all: &[Processor]) -> Markup {
    html! {
        @if all.is_empty() { p { "None is published." } } @else {
            (listing(
                "Sub-processors", html! { "Sub-processors: " (all.len()) },
                &["Name", "Purpose", "Country"],
                html! { @for one in all { tr {
                    th scope="row" { (one.name) } td { (one.purpose) } td { (one.country) }
                } } },
            ))
        }
    }
}
