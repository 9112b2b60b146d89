//! What somebody can reach now and used last: above the fields of a person, a service or a vendor.

use crate::show::{listing, principal};
use crate::visit::Visit;
use domain::grants::reach::{Of, Reach, ReadReach};
use domain::grants::uses::AccessUse;
use domain::ledgers::Exploring;
use domain::register::{Day, Kept, Noun};
use kernel::id::{Name, PrincipalId};
use kernel::{Act, Kind, Result};
use maud::{Markup, html};

/// Grants of one table.
const ROWS: usize = 100;

/// What stands above such a row; nothing for whoever may not see it.
///
/// # Errors
/// Whatever the store answers.
pub(crate) async fn of(visit: &Visit<'_>, plural: &str, id: &str) -> Result<Markup> {
    let of = match plural {
        "people" => Of::Holder(PrincipalId::person(&Name::parse(id)?)),
        "services" => Of::Holder(PrincipalId::service(&Name::parse(id)?)),
        _ => Of::Vendor(id.to_owned()),
    };
    if !visit.may(<Kept<AccessUse> as Noun>::Read::ACTION) {
        return Ok(html! {});
    }
    match visit.submit(ReadReach::new(visit.kernel(), of)?).await {
        Ok(done) => Ok(shown(visit, &done.output)),
        Err(error) if error.kind() == Kind::Limit => Ok(html! { p { (error.message()) } }),
        Err(error) => Err(error),
    }
}

fn shown(visit: &Visit<'_>, all: &[Reach]) -> Markup {
    let grants: usize = all.iter().map(|one| one.grants.len()).sum();
    html! {
        h2 #reach { "What they can reach" }
        @if all.is_empty() {
            p.sentence { "Nobody works for them here." }
        } @else {
            (holders(visit, all))
            @if let ([one], true) = (all, visit.may(Exploring::ACTION)) {
                p { a href=(format!("/accesses?who={}", one.holder)) { "What they did today" } }
            }
        }
        @if grants == 0 {
            p.sentence { "No grant counts now: no Service Data, no system." }
        } @else {
            (reached(visit, all, grants))
        }
    }
}

fn holders(visit: &Visit<'_>, all: &[Reach]) -> Markup {
    listing(
        "Who",
        html! { "People and services: " (all.len()) },
        &["Who", "Roles", "Last seen", "Tokens and sessions", "Passkeys", "Grants"],
        html! { @for one in all { tr {
            th scope="row" { (principal(visit, one.holder.as_str())) }
            td data-label="Roles" {
                @if !one.active { "is not here any more" }
                @else if one.roles.is_empty() { "–" } @else { (one.roles.join(", ")) }
            }
            td data-label="Last seen" { (day(visit, one.last)) }
            td.number data-label="Tokens and sessions" { (one.tokens) }
            td.number data-label="Passkeys" { (one.passkeys) }
            td.number data-label="Grants" { (one.grants.len()) }
        } } },
    )
}

fn reached(visit: &Visit<'_>, all: &[Reach], count: usize) -> Markup {
    let each = all.iter().flat_map(|one| one.grants.iter().map(move |grant| (one, grant)));
    html! {
        (listing(
            "Grants in force",
            html! { "Grants in force: " (count) },
            &["Grant", "May", "Where", "What for", "Last used", "Until"],
            html! { @for (one, reached) in each.take(ROWS) {
                @let grant = &reached.grant;
                tr {
                    th scope="row" {
                        a href=(format!("/grants/{}", grant.id)) { (short(&grant.id)) }
                        @if all.len() > 1 { " of " (one.holder) }
                        @if grant.emergency.is_some() { " (emergency)" }
                    }
                    td data-label="May" { (grant.verbs.join(", ")) }
                    td data-label="Where" { (place(&grant.account, &grant.collections)) }
                    td data-label="What for" { (grant.purpose) }
                    td data-label="Last used" { (day(visit, reached.last)) }
                    td data-label="Until" { (visit.clock.at(reached.until())) }
                }
            } },
        ))
        @if count > ROWS { p { "The others stand in the " a href="/grants" { "grants" } "." } }
    }
}

/// The last signs of an id are what tells grants apart.
fn short(id: &str) -> String {
    let from = id.len().saturating_sub(8);
    format!("…{}", id.get(from..).unwrap_or(id))
}

fn place(account: &str, collections: &[String]) -> String {
    let account = if account == "*" { "every account" } else { account };
    match collections {
        [one] if one == "*" => account.to_owned(),
        some => format!("{account}: {}", some.join(", ")),
    }
}

fn day(visit: &Visit<'_>, day: Option<Day>) -> Markup {
    html! { @match day { Some(day) => (visit.clock.day(day)), None => "none known" } }
}
