//! The page of the policy: what decides who may do what, what was proved of it, who approved it,
//! and what that comes to for everybody.

use crate::reply::Page;
use crate::show::{cards, principal, sentence};
use crate::visit::Visit;
use crate::work::{Tone, shape};
use domain::changes::{Change, Difference, Kind};
use domain::measures::policy::{Policy, matrix, policies};
use domain::measures::proof;
use domain::register::{Kept, List, Listing, action};
use kernel::Result;
use kernel::limits::PAGE_ITEMS;
use maud::{Markup, html};

/// `GET /policy`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    visit.session()?;
    let (mut changes, mut entry) = (None, None);
    if visit.may(action::<Listing<Change>>()) {
        let list = List::<Kept<Change>>::new(visit.kernel(), PAGE_ITEMS, None)?;
        let done = visit.submit(list).await?;
        let of_policies = |kept: &Kept<Change>| kept.row.terms.kind == Kind::Policy;
        let found: Vec<_> = done.output.items.into_iter().filter(of_policies).collect();
        (changes, entry) = (Some(found), visit.entry(&done.receipts));
    }
    let (allow, refuse): (Vec<_>, Vec<_>) = policies().into_iter().partition(|one| one.allows);
    let body = html! {
        p { "Policies decide each request anew. Something is done only if one of them allows it \
             and none refuses it. They come with the release; nobody changes them in a running \
             server." }
        (proved(visit))
        h2 #changes { "What changed" }
        @match &changes {
            Some(all) => (changed(visit, all)),
            None => p.sentence { "Changes are not open to your roles." },
        }
        h2 #refuse { "What is refused, whatever is allowed: " (refuse.len()) }
        (listed(&refuse))
        h2 #allow { "What is allowed: " (allow.len()) }
        (listed(&allow))
        h2 #matrix { "Who may do what" }
        p.help { "Derived from the policies: each action with the policy that allows it or how it \
                  is refused, on the own account, another account and the house." }
        @for answers in matrix() {
            @let more = answers.actions.len().saturating_sub(1);
            @let first = answers.actions.first().copied().unwrap_or_default();
            details.step {
                summary { strong { (name(first)) } @if more > 0 { " and " (more) " more" } }
                @if more > 0 {
                    p { @for one in &answers.actions { code { (name(one)) } " " } }
                }
                pre.text tabindex="0" { (answers.text) }
            }
        }
    };
    Ok(Page::new("Policy", body).under("Registers", "/registers").seen(entry))
}

fn name(action: &str) -> &str {
    action.split_once(' ').map_or(action, |(name, _)| name)
}

fn proved(visit: &Visit<'_>) -> Markup {
    let loaded = visit.kernel().authority().policies().digest().to_owned();
    let document = proof::document();
    let holds = document.as_ref().is_some_and(|one| one.authority == loaded);
    html! {
        h2 #proof { "What is proved" }
        p.standing {
            @if holds {
                (shape(Tone::Good.class(), "■", "proved"))
                " No policy exceeds a bound, in any kind of request."
            } @else {
                (shape(Tone::Bad.class(), "✕", "not proved"))
                @match &document {
                    Some(_) => " The proof is of other policies than those that decide.",
                    None => " There is no proof that can be read.",
                }
                " " code { "cargo xtask prove" } " shows what a policy allows that it must not, \
                 with the request."
            }
        }
        dl.fields {
            dt { "Policies that decide" } dd { code.hash { (loaded) } }
            @if let Some(one) = &document {
                dt { "Proof is of" } dd { code.hash { (one.authority) } }
                dt { "Bounds" } dd { code.hash { (one.bounds) } }
                dt { "Made" } dd {
                    (one.made.as_deref().unwrap_or("on a day that it does not name"))
                    " by " (one.solver.name) " " (one.solver.version)
                }
            }
        }
        @if let Some(one) = document.as_ref().filter(|_| holds) {
            (cards(
                "Bounds",
                html! { "Bounds that no policy exceeds: " (one.claims.len()) },
                &["Bound", "What it promises", "Serves", "Policies", "Kinds of request"],
                html! { @for claim in &one.claims { tr {
                    th scope="row" { (claim.id) }
                    td data-label="What it promises" { (sentence(&claim.says)) }
                    td data-label="Serves" { (served(&claim.serves)) }
                    td.number data-label="Policies" { (claim.policies) }
                    td.number data-label="Kinds of request" { (claim.environments) }
                } } },
            ))
        }
    }
}

fn served(all: &[String]) -> Markup {
    html! {
        @if all.is_empty() { "all of them" }
        @for (at, id) in all.iter().enumerate() {
            @if at > 0 { ", " }
            a href=(format!("/measures/{id}")) { (id) }
        }
    }
}

fn changed(visit: &Visit<'_>, all: &[Kept<Change>]) -> Markup {
    if all.is_empty() {
        return html! {
            p.sentence { "Nothing yet: the server notes the policies that it finds when it runs." }
        };
    }
    html! {
        (cards(
            "Changes of policies",
            html! { "Sets of policies: " (all.len()) },
            &["Change", "Set", "State", "By", "Widens", "Narrows"],
            html! { @for kept in all.iter().rev() {
                @let (row, state) = (&kept.row, crate::work::State::of(&serde_json::json!({
                    "state": domain::register::Row::status(&kept.row, visit.kernel().now())})));
                @let count = |word: &str| match &row.terms.report {
                    Some(report) => {
                        let all = report.differences.iter();
                        all.filter(|one| one.change == word).count().to_string()
                    }
                    None => "–".to_owned(),
                };
                tr {
                    th scope="row" { a href=(format!("/changes/{}", kept.id)) { (kept.id) } }
                    td data-label="Set" { code.hash { (row.terms.row.as_deref().unwrap_or("–")) } }
                    td data-label="State" { (state.badge()) }
                    td data-label="By" { (principal(visit, &row.proposed_by)) }
                    td.number data-label="Widens" { (count("widens")) }
                    td.number data-label="Narrows" { (count("narrows")) }
                }
            } },
        ))
    }
}

/// Requests that two sets answer differently.
pub(crate) fn differences(all: &[Difference]) -> Markup {
    if all.is_empty() {
        return html! { p.sentence { "Both sets allow the same." } };
    }
    cards(
        "Differences",
        html! { "Kinds of request that are answered differently: " (all.len()) },
        &["Change", "Who", "On", "Actions", "Allowed by", "Refused by"],
        html! { @for one in all { tr {
            th scope="row" { (one.change) }
            td data-label="Who" { (one.principal) }
            td data-label="On" { (one.resource) }
            td data-label="Actions" { (one.actions.join(", ")) }
            td data-label="Allowed by" { (one.allowed_by.join(", ")) }
            td data-label="Refused by" {
                @if one.refused_by.is_empty() { "no permit" } @else { (one.refused_by.join(", ")) }
            }
        } } },
    )
}

fn listed(all: &[Policy]) -> Markup {
    html! {
        @for one in all {
            details.step id=(one.id) {
                summary { strong { (spoken(one.id)) } @if !one.why.is_empty() { ": " (one.why) } }
                p.help { code { (one.id) } ", in " code { "authority/" (one.file) ".cedar" } }
                pre.text tabindex="0" { (one.text) }
            }
        }
    }
}

/// A policy's name as words.
fn spoken(id: &str) -> String {
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
