//! A review of access as its reviewers work through it: every right with its last use and how many
//! of the holder's peers have the like, and both answers beside it.

use crate::form::hidden;
use crate::show::{cards, principal};
use crate::visit::Visit;
use crate::work::{Tone, shape};
use domain::grants::reviews::{AccessReview, Item, REGISTER, Verdict, decides};
use domain::register::Kept;
use maud::{Markup, html};
use serde_json::Value;

/// What stands above the fields of such a row; nothing if it is of another form.
pub(crate) fn of(visit: &Visit<'_>, row: &Value) -> Markup {
    let mut row = row.clone();
    if let Some(object) = row.as_object_mut() {
        object.remove("state");
    }
    let Ok(kept) = serde_json::from_value::<Kept<AccessReview>>(row) else { return html! {} };
    let (id, row) = (kept.id, kept.row);
    let me = visit.caller().map(|caller| caller.principal.to_string()).unwrap_or_default();
    let decide = REGISTER.steps.iter().find(|step| step.verb == "decide");
    let may = row.open(visit.kernel().now())
        && row.reviewers.contains(&me)
        && decide.is_some_and(|step| visit.may(step.action));
    let (waiting, done): (Vec<_>, Vec<_>) =
        row.items.iter().partition(|item| item.decision.is_none());
    html! {
        @if !waiting.is_empty() {
            h2 #waiting { "Waiting for an answer: " (waiting.len()) " of " (row.items.len()) }
            (table(visit, &waiting, may.then_some((id.as_str(), me.as_str()))))
        }
        @if !done.is_empty() {
            h2 #answered { "Answered: " (done.len()) " of " (row.items.len()) }
            (table(visit, &done, None))
        }
    }
}

fn table(visit: &Visit<'_>, items: &[&Item], answer: Option<(&str, &str)>) -> Markup {
    cards(
        "Rights",
        html! { "Rights: " (items.len()) },
        &["Who", "Right", "Last used", "Peers with the like", "Answer"],
        html! { @for item in items { tr {
            th scope="row" { (principal(visit, &item.holder)) }
            td data-label="Right" { (right(item)) }
            td data-label="Last used" {
                @match item.last_used { Some(day) => (visit.clock.day(day)), None => "none known" }
                @if item.proposed == Some(Verdict::Remove) {
                    " " (shape(Tone::Due.class(), "▲", "unused: remove"))
                }
            }
            td data-label="Peers with the like" { (item.peers) " of " (item.of_peers) }
            td data-label="Answer" {
                @match (&item.decision, answer) {
                    (Some(_), _) => (decided(visit, item)),
                    (None, Some((id, me))) => (forms(visit, id, me, item)),
                    (None, None) => "none yet",
                }
            }
        } } },
    )
}

fn right(item: &Item) -> Markup {
    html! {
        @if item.right.starts_with("grant_") {
            a href=(format!("/grants/{}", item.right)) { (item.what) }
        } @else { (item.what) }
    }
}

fn decided(visit: &Visit<'_>, item: &Item) -> Markup {
    let Some(decision) = &item.decision else { return html! {} };
    let word = match decision.verdict {
        Verdict::Keep => "kept",
        Verdict::Remove => "removed",
    };
    html! {
        strong { (word) } ": " (decision.reason)
        @match decision.seconds {
            Some(seconds) => {
                ", by " (principal(visit, &decision.mark.by)) " in " (seconds) " s"
            }
            None => { ", by nobody's answer" }
        }
    }
}

fn forms(visit: &Visit<'_>, id: &str, me: &str, item: &Item) -> Markup {
    if !decides(&item.holder, me, visit.kernel().authority()) {
        return html! { "yours, or your service's: another reviewer answers" };
    }
    let path = format!("/access-reviews/{id}/decide");
    let name = format!("why-{}", item.right);
    html! {
        form.inline method="post" action=(path) {
            (hidden(visit))
            input type="hidden" name="right" value=(item.right);
            input type="hidden" name="verdict" value="keep";
            label for=(name) { "Needed for" }
            input id=(name) type="text" name="reason" required maxlength="500" autocomplete="off";
            button type="submit" { "Keep" }
        }
        form.inline method="post" action=(path) {
            (hidden(visit))
            input type="hidden" name="right" value=(item.right);
            input type="hidden" name="verdict" value="remove";
            button.grave type="submit" { "Remove" }
        }
    }
}
