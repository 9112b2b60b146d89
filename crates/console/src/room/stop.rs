//! Stopping it: whose access ends with one button, what that will stop, and how it is undone.
//!
//! Each button takes a step of the register where whoever or whatever is in question lives, or
//! leads to the form of an answer with its fields filled in. Nothing here has a right of its own:
//! who may not take the step is told who may.

use super::badge;
use crate::form::hidden;
use crate::nouns::{self, effect};
use crate::show::{principal, row_path};
use crate::visit::Visit;
use crate::work::shape;
use domain::incidents::whole::Whole;
use domain::register::Register;
use kernel::HOUSE;
use kernel::id::{AccountId, PrincipalId};
use maud::{Markup, html};
use std::net::IpAddr;

/// Lines of one kind.
const LINES: usize = 6;

/// Who or what is in question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspect {
    /// `person:NAME` or `service:NAME`.
    Principal(String),
    /// A network address.
    Address(String),
    /// A vendor, by its name, as `vendor:NAME`.
    Vendor(String),
    /// Something else, as it was named.
    Other(String),
}

impl Suspect {
    /// As it is written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Principal(text)
            | Self::Address(text)
            | Self::Vendor(text)
            | Self::Other(text) => text,
        }
    }

    fn of(text: &str) -> Self {
        let known = PrincipalId::parse(text).ok();
        let owned = text.to_owned();
        match (known, text.strip_prefix("vendor:"), text.parse::<IpAddr>()) {
            (Some(id), _, _) if ["person", "service"].contains(&id.parts().0) => {
                Self::Principal(owned)
            }
            (_, Some(_), _) => Self::Vendor(owned),
            (_, _, Ok(address)) => Self::Address(address.to_string()),
            _ => Self::Other(owned),
        }
    }
}

/// Who or what is in question: of alerts their group, of questions to the log whom they ask about.
pub(super) fn suspects(whole: &Whole) -> Vec<Suspect> {
    let asked = whole.affected.iter().map(|one| {
        let text = one.kept.row.principal.as_str();
        Suspect::of(text.strip_prefix("address:").unwrap_or(text))
    });
    let groups = whole.alerts.iter().flat_map(|one| one.kept.row.about.split(", "));
    let told = groups.map(|pair| Suspect::of(pair.split_once('=').map_or(pair, |(_, who)| who)));
    let mut all: Vec<_> = asked.chain(told).filter(|one| one.text() != "anyone").collect();
    all.sort();
    all.dedup();
    all
}

/// The buttons.
pub(super) fn of(visit: &Visit<'_>, whole: &Whole) -> Markup {
    let row = &whole.incident.kept.row;
    let suspects = suspects(whole);
    let accounts: Vec<_> = row.verified.iter().take(LINES).collect();
    let answers = answers(visit);
    html! {
        @if suspects.is_empty() {
            p { "Nobody is named so far: ask the log with " strong { "scope" } " below." }
        }
        ul.plain { @for one in suspects.iter().take(LINES) { li { (suspect(visit, whole, one)) } } }
        @if answers && !accounts.is_empty() {
            p { "Close to all but its own members: "
                @for (index, account) in accounts.iter().enumerate() {
                    @if index > 0 { ", " }
                    a href=(answer(whole, "close-account", account)) { (account) }
                    " (" (grants_on(visit, account)) ")"
                }
            }
        }
        @if !whole.answers.is_empty() {
            p { "Answers given: "
                @for (index, one) in whole.answers.iter().take(LINES).enumerate() {
                    @if index > 0 { ", " }
                    a href=(row_path("answers", &one.kept.id)) { (one.kept.row.kind.word()) " of "
                        (one.kept.row.target) }
                    " " (badge(&one.state))
                }
            }
        }
    }
}

fn suspect(visit: &Visit<'_>, whole: &Whole, one: &Suspect) -> Markup {
    match one {
        Suspect::Principal(id) => access(visit, whole, id),
        Suspect::Vendor(id) => vendor(visit, whole, id),
        Suspect::Address(address) => html! {
            strong { (address) }
            @if answers(visit) {
                ": " a href=(answer(whole, "ban", address)) { "ban for a while" }
                " or " a href=(answer(whole, "limit", address)) { "limit" }
                ": every request from there is refused, or all but 60 a minute; an allow-list \
                 wins. Undo: lift the answer; it lapses by itself."
            }
        },
        Suspect::Other(text) => html! { code { (text) } },
    }
}

/// Somebody's or something's access: what ending it stops, a button, and how it is undone.
fn access(visit: &Visit<'_>, whole: &Whole, id: &str) -> Markup {
    let parsed = PrincipalId::parse(id).ok();
    let Some((kind, name)) = parsed.as_ref().map(PrincipalId::parts) else {
        return html! { (id) };
    };
    let plural = if kind == "person" { "people" } else { "services" };
    let known = parsed.as_ref().and_then(|id| visit.kernel().authority().principal(id));
    let Some(known) = known.filter(|known| known.active) else {
        return html! { (shape("good", "■", "over")) " " (principal(visit, id)) " has no access" };
    };
    let register = nouns::all().find(|register| register.plural == plural);
    let step =
        |verb: &str| register.and_then(|one| nouns::steps(one).find(|step| step.verb == verb));
    let may = |verb: &str| step(verb).is_some_and(|step| visit.may(step.action));
    let tokens: Vec<_> = whole
        .affected
        .iter()
        .filter(|one| one.kept.row.principal == id)
        .filter_map(|one| one.kept.row.credential.as_deref())
        .filter(|token| known.credentials.iter().any(|one| one.id == **token && !one.ended))
        .collect();
    html! {
        (shape("bad", "✕", "open")) " " strong { (principal(visit, id)) } ": "
        @if let Some(what) = effect(visit.kernel(), plural, name, "end") { (what) }
        @if may("end") {
            @for token in &tokens {
                " " (button(visit, plural, name, "end-token", &[("id", token)],
                    &format!("End token {token}")))
            }
            " " (button(visit, plural, name, "end", &[], &format!("End access of {id}")))
            " " span.help { "Undo: a token is issued anew; who was ended comes back under a new \
                name, with new grants." }
        } @else {
            " " span.help { "Ending it for good is for an administrator." }
        }
        @if answers(visit) {
            " "
            @match kind {
                "person" => {
                    a href=(answer(whole, "lock", id)) { "Lock out for a while" }
                    " or " a href=(answer(whole, "end-sessions", id)) { "end the sessions" }
                }
                _ => a href=(answer(whole, "suspend", id)) { "Suspend for a while" },
            }
            ". Undo: lift the answer."
        }
    }
}

fn vendor(visit: &Visit<'_>, whole: &Whole, id: &str) -> Markup {
    let name = id.strip_prefix("vendor:").unwrap_or(id);
    let authority = visit.kernel().authority();
    let own = authority.principals().into_iter();
    let own: Vec<_> = own.filter(|one| one.active && one.vendor.as_deref() == Some(name)).collect();
    let now = visit.clock.now;
    let grants = own.iter().flat_map(|one| authority.grants_of(&one.id));
    let grants = grants.filter(|one| !one.ended && now < one.not_after).count();
    html! {
        strong { (id) } ": " (own.len()) " people and services, " (grants) " grants. "
        a href={ (row_path("vendors", name)) "#offboard" } { "End the work with it" }
        " " span.help { "Undo: it is registered anew and reviewed." }
        @if answers(visit) {
            " or " a href=(answer(whole, "close-vendor", name)) { "close it for a while" }
            ". Undo: lift the answer."
        }
    }
}

/// How many grants reach an account.
fn grants_on(visit: &Visit<'_>, account: &str) -> String {
    let slot = AccountId::parse(account).and_then(|id| visit.kernel().slot(&id)).unwrap_or(HOUSE);
    let (authority, now) = (visit.kernel().authority(), visit.clock.now);
    let reach = |one: &std::sync::Arc<kernel::authority::Grant>| {
        !one.ended && now < one.not_after && one.account.is_none_or(|own| own == slot)
    };
    let all = authority.principals().into_iter().flat_map(|one| authority.grants_of(&one.id));
    format!("{} grants stop", all.filter(reach).count())
}

/// A form of one button that takes a step with a row.
fn button(
    visit: &Visit<'_>,
    plural: &str,
    id: &str,
    verb: &str,
    fields: &[(&str, &&str)],
    label: &str,
) -> Markup {
    html! {
        form.inline method="post" action=(format!("/{plural}/{id}/{verb}")) {
            (hidden(visit))
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button.grave type="submit" { (label) }
        }
    }
}

/// Whether there is a register of answers that is open to whoever is signed in.
fn answers(visit: &Visit<'_>) -> bool {
    let found: Option<&'static Register> = nouns::all().find(|one| one.plural == "answers");
    found.is_some_and(|register| visit.may(register.add.action))
}

/// The form of an answer, filled in.
fn answer(whole: &Whole, kind: &str, target: &str) -> String {
    let incident = &whole.incident.kept.id;
    let target = percent(target);
    format!("/answers/new?kind={kind}&target={target}&incident={incident}&reason={incident}")
}

/// Text in a query.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
