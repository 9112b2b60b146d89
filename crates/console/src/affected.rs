//! What a search for affected accounts found: the accounts with how certain each is, how it was
//! computed, what the search before had otherwise, and the same question again.

use crate::form::hidden;
use crate::show::listing;
use crate::visit::Visit;
use domain::incidents::affected::{Affected, Certainty, Found, Touched};
use domain::register::When;
use maud::{Markup, html};
use serde_json::Value;

/// Rows of one table; more are in the answer of `bailee affected`.
const ROWS: usize = 100;

/// What stands above the fields of such a row; nothing if it is of another form.
pub(crate) fn of(visit: &Visit<'_>, id: &str, row: &Value) -> Markup {
    let Ok(row) = serde_json::from_value::<Affected>(row.clone()) else { return html! {} };
    html! {
        @match &row.found {
            Some(found) => {
                p { (counts(found)) }
                (found_of(visit, id, found))
                (computed(visit, &row, found))
            }
            None => p { "The logs are searched." },
        }
        (again(visit, &row))
    }
}

/// `accounts: 4 exact · 0 upper bound · 0 unknown`
pub(crate) fn counts(found: &Found) -> String {
    let of = |certainty| {
        found.accounts.iter().filter(|one| one.touched && one.certainty == certainty).count()
    };
    let (exact, bounds) = (of(Certainty::Exact), of(Certainty::UpperBound));
    let unknown = match (found.cut, of(Certainty::Unknown)) {
        (true, _) => "unknown: more was found than is listed".to_owned(),
        (false, unknown) => format!("{unknown} unknown"),
    };
    let refused = found.accounts.iter().filter(|one| !one.touched).count();
    let refused = match refused {
        0 => String::new(),
        refused => format!(" · {refused} refused only"),
    };
    let tries = match found.restrained {
        0 => String::new(),
        tries => format!(" · tries that an answer refused: {tries}"),
    };
    format!("accounts: {exact} exact · {bounds} upper bound · {unknown}{refused}{tries}")
}

/// The accounts, and what the search before had otherwise.
pub(crate) fn found_of(visit: &Visit<'_>, id: &str, found: &Found) -> Markup {
    let when = |at: Option<When>| match at {
        Some(at) => visit.clock.quoted(at.0),
        None => html! { "–" },
    };
    html! {
        @if let Some(why) = &found.wide {
            p { strong { "Every account may be affected: " } (why) }
        }
        @if !found.accounts.is_empty() {
            (listing(
                &format!("Accounts of {id}"), html! { "Accounts: " (found.accounts.len()) },
                &["Account", "Certainty", "Records", "Disclosed", "Changed", "Deleted", "Exported",
                  "Refused", "First", "Last", "New"],
                html! { @for one in found.accounts.iter().take(ROWS) { tr {
                    th scope="row" { (one.account) }
                    td { (certainty(one)) }
                    td.number { (one.records + one.listed) }
                    td.number { (one.done.disclosed + one.done.described) }
                    td.number { (one.done.changed) } td.number { (one.done.deleted) }
                    td.number { (one.done.exported) } td.number { (one.refused) }
                    td { (when(one.first)) } td { (when(one.last)) }
                    td { (if found.fresh.contains(&one.account) { "new" } else { "–" }) }
                } } },
            ))
            @if found.accounts.len() > ROWS {
                p { "More are in the row: " code { "bailee affected show " (id) " --json" } }
            }
        }
        @if !found.gone.is_empty() {
            p { "Found by the search before and not by this one: " (found.gone.join(", ")) }
        }
    }
}

fn certainty(one: &Touched) -> Markup {
    html! {
        @if one.touched { (one.certainty.word()) } @else { "refused only" }
        @if !one.reasons.is_empty() {
            details { summary { "why" } ul { @for why in &one.reasons { li { (why) } } } }
        }
    }
}

/// How it was computed, so that anybody may compute it again.
pub(crate) fn computed(visit: &Visit<'_>, row: &Affected, found: &Found) -> Markup {
    html! {
        details {
            summary { "How this was computed" }
            p { "From the entries of every log that name " code { (row.query().by) }
                ", which the index of who accessed what points at, and what they issued, gave and "
                "left to be done; at " (visit.clock.quoted(found.at.0)) ". Records of lists are "
                "told apart by their tags." }
            @if let (Some(as_of), Some(hash)) = (&found.as_of, &found.hash) {
                p { "As of commit " (as_of.commit) ", chain " code { (as_of.chain) } "." }
                p { "SHA-256 of the whole answer: " code { (hash) } ". Which records: "
                    code { "bailee affected --by " (row.query().by) " --from "
                        (row.from.0.rfc3339()) " --to " (row.to.0.rfc3339()) " --json" } }
            }
            @if !found.followed.is_empty() {
                p { "Followed from there:" }
                ul { @for one in &found.followed { li {
                    code { (one.what) } ", " (one.why) " (" (one.entry) ")"
                } } }
            }
        }
    }
}

/// The same question again.
pub(crate) fn again(visit: &Visit<'_>, row: &Affected) -> Markup {
    let scope = domain::incidents::REGISTER.steps.iter().find(|step| step.verb == "scope");
    let may = scope.is_some_and(|scope| visit.may(scope.action));
    html! {
        @if may {
            form.inline method="post" action=(format!("/incidents/{}/scope", row.incident)) {
                (hidden(visit))
                @match &row.credential {
                    Some(token) => {
                        input type="hidden" name="principal" value=(row.principal);
                        input type="hidden" name="credential" value=(token);
                    }
                    None => { input type="hidden" name="by" value=(row.principal); }
                }
                input type="hidden" name="from" value=(row.from.0.rfc3339());
                input type="hidden" name="to" value=(row.to.0.rfc3339());
                button.quiet type="submit" { "Search again" }
            }
        }
    }
}
