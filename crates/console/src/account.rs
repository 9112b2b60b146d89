//! A member's own page: how the measures stand, who accessed the account's data, what the account
//! was told and chose, its reports, and receipts to take along.
//!
//! Each look is an operation on the account with an entry of its own ledger. What is shown of the
//! measures is what is public. Nothing of another account or of the provider's own is read here.

use crate::reply::{Page, Reply};
use crate::show::{cards, listing, sentence};
use crate::visit::Visit;
use crate::work::{State, Tone};
use domain::portal::{
    Access, AccountFile, AccountPage, EmergencySeen, GrantSeen, NoticeSeen, OwnReceipt,
    ReadAccesses,
};
use kernel::id::{AccountId, shown};
use kernel::{Error, Moment, Result};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Pages of accesses that one download reads: ten thousand.
const PAGES: usize = 50;

/// `GET /account`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    let account = own(visit)?;
    let file = visit.submit(AccountPage::new(visit.kernel(), &account)?).await?.output;
    let read = ReadAccesses::new(visit.kernel(), &account, None)?;
    let accesses = visit.submit(read).await?.output;
    Ok(Page::new(
        "Your account",
        html! {
            (standing(visit, &file))
            h2 { "Measures" }
            @match visit.console.board() {
                Some(board) => {
                    p { "Computed from facts at " (visit.clock.quoted(board.at))
                        ". Nobody sets a state." }
                    (crate::trust::measures(&board))
                },
                None => p { "Their state has not been computed since the last start." },
            }
            h2 #accesses { "Who accessed your data" }
            (touches(visit, &accesses.items))
            (downloads(accesses.next))
            h2 { "Who may access it now" }
            (grants(visit, &file.grants))
            h2 { "Notices" }
            (notices(visit, &file.notices))
            h2 #emergencies { "Emergency access to your data" }
            (emergencies(visit, &file.emergencies))
            h2 { "Elections" }
            (elections(visit, &file))
            h2 { "Reports" }
            (reports(visit, &file))
            h2 { "Members" }
            (members(visit, &file))
        },
    ))
}

/// `GET /account/accesses?before=…`
pub(crate) async fn accesses(visit: &Visit<'_>) -> Result<Page> {
    let before = visit.query.filled("before").map(number).transpose()?;
    let read = ReadAccesses::new(visit.kernel(), &own(visit)?, before)?;
    let page = visit.submit(read).await?.output;
    let body = html! { (touches(visit, &page.items)) (downloads(page.next)) };
    Ok(Page::new("Who accessed your data", body).under("Your account", "/account"))
}

/// `GET /account/accesses.ndjson`: every access of the last 90 days, one a line, newest first.
pub(crate) async fn download(visit: &Visit<'_>) -> Result<Reply> {
    let account = own(visit)?;
    let (mut lines, mut before) = (Vec::new(), None);
    for _ in 0..PAGES {
        let read = ReadAccesses::new(visit.kernel(), &account, before)?;
        let page = visit.submit(read).await?.output;
        for one in &page.items {
            serde_json::to_writer(&mut lines, one)
                .map_err(|error| Error::internal(format!("an access: {error}")))?;
            lines.push(b'\n');
        }
        before = page.next;
        if before.is_none() {
            let name = format!("accesses-{account}.ndjson");
            return Ok(Reply::File { kind: "application/x-ndjson", name, body: lines });
        }
    }
    let why = "there are more than 10,000 accesses: take them page by page with `bailee account \
               accesses`";
    Err(Error::limit(why))
}

/// `GET /account/receipts/{index}.json`
pub(crate) async fn receipt(visit: &Visit<'_>, name: &str) -> Result<Reply> {
    let index = number(name.strip_suffix(".json").unwrap_or_default())?;
    let account = own(visit)?;
    let take = OwnReceipt::new(visit.kernel(), &account, index)?;
    let body = visit.submit(take).await?.output.into_bytes();
    let name = format!("receipt-{account}-{index}.json");
    Ok(Reply::File { kind: "application/json", name, body })
}

/// The account of the member who is signed in: the first part of the name, as every member's name
/// has it. Whether it is really theirs, the kernel decides.
fn own(visit: &Visit<'_>) -> Result<AccountId> {
    let (kind, name) = visit.caller()?.principal.parts();
    let account = name.split_once('.').map(|(account, _)| account);
    match account.filter(|_| kind == "member") {
        Some(account) => AccountId::parse(account),
        None => Err(Error::forbidden("this page is for members of an account: yours is `/`")),
    }
}

/// An index, as links of these pages write it.
fn number(text: &str) -> Result<u64> {
    let canonical = |n: &u64| n.to_string() == text;
    text.parse().ok().filter(canonical).ok_or_else(|| {
        Error::invalid("index", format!("`{}` is no index: follow a link", shown(text)))
    })
}

fn standing(visit: &Visit<'_>, file: &AccountFile) -> Markup {
    let who = visit.session.as_ref().map(|one| one.caller.principal.as_str()).unwrap_or_default();
    html! {
        p { strong { (file.name) } ", account " code { (file.account) } ". You are signed in as "
            strong { (who) } "." }
        @if let Some(one) = &file.subscription {
            p { (one.plan) ", " (one.state) ", from " (visit.clock.day(one.from)) " to "
                (visit.clock.day(one.to)) ", under the terms " code { (one.terms) } "." }
        }
        @if let Some(terms) = &file.terms_in_force {
            p { "The provider's terms in force are version " code { (terms) } "." }
        }
    }
}

/// Accesses by person and purpose, and each with its receipt.
fn touches(visit: &Visit<'_>, all: &[Access]) -> Markup {
    let mut sums: BTreeMap<(&str, &str), (usize, Moment, Moment)> = BTreeMap::new();
    for one in all {
        let sum = sums.entry((said(one, "actor"), said(one, "purpose")));
        let sum = sum.or_insert((0, one.at.0, one.at.0));
        *sum = (sum.0 + 1, sum.1.min(one.at.0), sum.2.max(one.at.0));
    }
    html! {
        @if all.is_empty() { p { "Nobody, in the last 90 days." } } @else {
            (listing(
                "By person and purpose",
                html! { "By person and purpose: the newest " (all.len()) " of 90 days" },
                &["Who", "Purpose", "Accesses", "First", "Last"],
                html! { @for ((who, purpose), (count, first, last)) in &sums { tr {
                    th scope="row" { (who) } td { (purpose) } td.number { (count) }
                    td { (visit.clock.at(*first)) } td { (visit.clock.at(*last)) }
                } } },
            ))
            details { summary { "Each of them, with its receipt" } (each(visit, all)) }
        }
    }
}

fn each(visit: &Visit<'_>, all: &[Access]) -> Markup {
    html! {
        (listing(
            "Accesses",
            html! { "Accesses: " (all.len()) ". Check with " code { "bailee verify" } "." },
            &["Entry", "When", "Who", "What", "On", "Purpose"],
            html! { @for one in all { tr {
                th scope="row" {
                    a href=(format!("/account/receipts/{}.json", one.index)) download {
                        "#" (one.index)
                    }
                }
                td { (visit.clock.quoted(one.at.0)) } td { (said(one, "actor")) }
                td { (one.kind) } td { (said(one, "object")) } td { (said(one, "purpose")) }
            } } },
        ))
    }
}

/// A field of an entry; one that is erased or not stated is a dash.
fn said<'a>(one: &'a Access, name: &str) -> &'a str {
    one.fields.get(name).map_or("–", String::as_str)
}

fn downloads(next: Option<u64>) -> Markup {
    html! {
        p {
            a href="/account/accesses.ndjson" download { "Download all of the last 90 days" }
            " (NDJSON)"
            @if let Some(next) = next {
                " · " a href=(format!("/account/accesses?before={next}")) { "Earlier ones" }
            }
        }
    }
}

fn grants(visit: &Visit<'_>, all: &[GrantSeen]) -> Markup {
    html! {
        @if all.is_empty() { p { "Nobody." } } @else {
            (listing(
                "Grants", html! { "Grants in force: " (all.len()) },
                &["Who", "What", "Collections", "Purpose", "Approved by", "Until"],
                html! { @for one in all { tr {
                    th scope="row" {
                        (one.holder) @if one.every_account { " (every account)" }
                    }
                    td { (one.verbs.join(", ")) }
                    td { (one.collections.join(", ")) } td { (one.purpose) }
                    td { (one.approver) } td { (visit.clock.at(one.until.0)) }
                } } },
            ))
        }
    }
}

fn notices(visit: &Visit<'_>, all: &[NoticeSeen]) -> Markup {
    html! {
        @if all.is_empty() { p { "None was given." } }
        @for one in all {
            details {
                summary {
                    (badge(&one.state)) " " strong { (one.subject) } ", "
                    (visit.clock.at(one.given.0))
                }
                p { "Notice " code { (one.id) } ", number " (one.number) " about the incident "
                    code { (one.incident) } "; SHA-256 of its text " code { (one.sha256) } "." }
                pre.text tabindex="0" { (one.text) }
                ul { @for to in &one.receivers { li {
                    (to.name) ", " (to.email) ": "
                    @match (to.acknowledged, to.accepted) {
                        (Some(at), _) => { "acknowledged " (visit.clock.quoted(at.0)) },
                        (None, Some(at)) => { "delivered " (visit.clock.quoted(at.0)) },
                        (None, None) => "not delivered so far",
                    }
                } } }
            }
        }
    }
}

fn emergencies(visit: &Visit<'_>, all: &[EmergencySeen]) -> Markup {
    html! {
        @if all.is_empty() { p { "Nobody ever reached for it." } }
        @else {
            (cards(
                "Emergency access",
                html! { "Emergencies: " (all.len()) },
                &["Began", "Why", "Ended or ends", "State", "You were told"],
                html! { @for one in all { tr {
                    th scope="row" { (visit.clock.quoted(one.begun.0)) }
                    td data-label="Why" { (one.reason) " (" code { (one.id) } ")" }
                    td data-label="Ended or ends" { (visit.clock.at(one.until.0)) }
                    td data-label="State" { (badge(&one.state)) }
                    td data-label="You were told" {
                        (visit.clock.at(one.told.0)) ", letters delivered: " (one.letters.1)
                        " of " (one.letters.0)
                    }
                } } },
            ))
            p { "What was done is in " a href="/account/accesses" { "who accessed your data" }
                ", marked as emergency." }
        }
    }
}

fn elections(visit: &Visit<'_>, file: &AccountFile) -> Markup {
    html! {
        @if file.elections.is_empty() {
            p { "None: nothing leaves for a destination without encryption." }
        } @else { ul { @for one in &file.elections { li {
            (badge(if one.in_force { "in-force" } else { "ended" })) " "
            strong { (one.destination) } ": " (one.risk) " (" (one.by) ", "
            (visit.clock.at(one.at.0)) ", to " (visit.clock.day(one.until)) ")"
        } } } }
    }
}

fn reports(visit: &Visit<'_>, file: &AccountFile) -> Markup {
    html! {
        @if file.reports.is_empty() {
            p { "None can be asked for at present." }
        } @else { ul { @for one in &file.reports { li {
            strong { (one.title) } ", " (one.issuer) ": " (one.scope) ", "
            (visit.clock.day(one.from)) " to " (visit.clock.day(one.to)) ". Ask for it with "
            code { "bailee report-request make" } ", report " code { (one.id) } "."
        } } } }
        @if !file.requests.is_empty() {
            (listing(
                "Requests", html! { "Requests: " (file.requests.len()) },
                &["Request", "Report", "Asked by", "State", "Answer"],
                html! { @for one in &file.requests { tr {
                    th scope="row" { (one.id) } td { (one.report) }
                    td { (one.member) ", " (visit.clock.at(one.asked.0)) }
                    td { (badge(&one.state)) }
                    td { @match &one.told {
                        Some(told) => (sentence(told)),
                        None => { "due " (visit.clock.at(one.due.0)) },
                    } }
                } } },
            ))
        }
    }
}

fn members(visit: &Visit<'_>, file: &AccountFile) -> Markup {
    html! {
        ul { @for one in &file.members { li {
            strong { (one.name) } ", " (one.full_name) " " (badge(&one.state))
            @if let Some(firm) = &one.firm { ", " (firm) }
            @if let Some(until) = one.until { ", to " (visit.clock.day(until)) }
        } } }
    }
}

/// A state by its word, as the registers take it.
fn badge(word: &str) -> Markup {
    let tone = match word {
        "undelivered" | "overdue" => Tone::Bad,
        "asked" | "named" | "sending" => Tone::Due,
        "ended" | "expired" | "over" | "refused" => Tone::Past,
        _ => Tone::Good,
    };
    State { word: word.to_owned(), tone, ..State::default() }.badge()
}
