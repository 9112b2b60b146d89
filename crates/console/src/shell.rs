//! What stands around every page: who provides it, how the measures stand, where one is, where one
//! can go; and how it was recorded that the page was seen.

use crate::assets;
use crate::board::Board;
use crate::nouns;
use crate::preferences::{self, Theme};
use crate::reply::Page;
use crate::roles::{AREAS, STARTS, Start};
use crate::visit::Visit;
use crate::work::shape;
use domain::register::Register;
use kernel::{Moment, Result};
use maud::{DOCTYPE, Markup, html};

/// The moment and place in the operator's own log at which a page was made.
pub(crate) struct AsOf {
    pub(crate) moment: Moment,
    /// Index of the newest entry.
    pub(crate) position: Option<u64>,
}

/// A whole page.
pub(crate) fn page(visit: &Visit<'_>, as_of: &AsOf, page: &Page) -> Markup {
    let theme = visit.preferences.theme;
    let provider = &visit.kernel().identity().provider;
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[(theme != Theme::Auto).then_some(theme.word())]
            data-zone=[(!visit.preferences.chosen).then_some("unknown")] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · " (provider) " · Bailee" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href="data:,";
                script defer src=(assets::script()) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (header(visit, as_of))
                @if visit.session.is_some() { (navigation(visit)) }
                (breadcrumb(page))
                main #main tabindex="-1" {
                    h1 { (page.title) }
                    (page.body)
                }
                (footer(visit, as_of, page))
                @if visit.session.is_some() { (keys(visit)) }
            }
        }
    }
}

fn header(visit: &Visit<'_>, as_of: &AsOf) -> Markup {
    let board = visit.console.board();
    html! {
        header.top {
            p.name {
                a href="/" { strong { "Bailee" } } " · " (visit.kernel().identity().provider)
            }
            @if let Some(board) = board.filter(|_| visit.session.is_some() && !visit.is_member()) {
                p.counts { (counts(&board)) }
            }
            p.asof {
                "as of " (visit.clock.as_of(as_of.moment))
                @if let Some(position) = as_of.position {
                    " · "
                    span title="position in the operator's own log" { "#" (grouped(position)) }
                }
            }
            @if visit.session.is_some() && !visit.is_member() {
                form.find role="search" method="get" action="/find" {
                    label.unseen for="find" { "Find a register, an obligation or a row" }
                    input #find type="search" name="q" placeholder="find  /" maxlength="100"
                        autocomplete="off";
                    button.quiet type="submit" { "Find" }
                }
            }
        }
    }
}

/// `41 of 49 hold · 3 failing · 5 unproven`
pub(crate) fn counts(board: &Board) -> Markup {
    let counts = board.counts();
    html! {
        (shape("good", "■", &format!("{} of {} hold", counts.holding, board.answered.len()))) " · "
        (shape("bad", "✕", &format!("{} failing", counts.failing))) " · "
        (shape("due", "?", &format!("{} unproven", counts.unproven)))
    }
}

/// The roles of those who can be paged.
const PAGED: [&str; 2] = ["responder", "security-lead"];

fn navigation(visit: &Visit<'_>) -> Markup {
    let roles = visit.roles();
    // An account's own administrator has a role of the same name, and none of these pages.
    let ours = |start: &&Start| roles.iter().any(|role| role == start.role) && !visit.is_member();
    let mine = STARTS.iter().filter(ours);
    let current = visit.path.first().map_or("", String::as_str);
    let link = |path: &str, name: &str| {
        let here = current == path.trim_start_matches('/');
        html! { li { a href=(path) aria-current=[here.then_some("page")] { (name) } } }
    };
    html! {
        nav.main aria-label="Main" {
            ul {
                @if visit.is_member() { (link("/account", "Your account")) } @else {
                    (link("/", "Board"))
                }
                @for start in mine { (link(&format!("/{}", start.role), start.title)) }
                @if !visit.is_member() { (link("/registers", "Registers")) }
                @if !visit.is_member() && roles.iter().any(|role| PAGED.contains(&role.as_str())) {
                    (link("/pager", "Pager"))
                }
                @if visit.may_oversee() { (link("/setup", "Setup")) }
                (link("/trust", "Public page"))
                li.last { (account(visit)) }
            }
        }
    }
}

fn account(visit: &Visit<'_>) -> Markup {
    let who = visit.session.as_ref().map(|session| session.caller.principal.as_str());
    html! {
        form.inline method="post" action="/sign-out" {
            (crate::form::hidden(visit))
            a.who href="/passkeys" title="Your passkeys" { (who.unwrap_or_default()) } " "
            button.quiet type="submit" { "Sign out" }
        }
    }
}

fn breadcrumb(page: &Page) -> Markup {
    html! {
        @if !page.above.is_empty() {
            nav.crumbs aria-label="Breadcrumb" {
                ol {
                    li { a href="/" { "Board" } }
                    @for (name, path) in &page.above { li { a href=(path) { (name) } } }
                    li aria-current="page" { (page.title) }
                }
            }
        }
    }
}

fn footer(visit: &Visit<'_>, as_of: &AsOf, page: &Page) -> Markup {
    html! {
        footer {
            p.record {
                "Made " (visit.clock.quoted(as_of.moment))
                @if let Some(position) = as_of.position { ", position #" (grouped(position)) }
                ", address " code { (visit.here()) } ", request " code { (visit.number) } "."
                @if let Some(entry) = page.entry {
                    " That you saw this page is entry #" (grouped(entry)) " of the operator's log: "
                    a href=(visit.receipt(entry)) download { "receipt" } "."
                }
            }
            (preferences::form(visit))
            @if visit.session.is_some() {
                p { a href="/help" { "Keys and help" } " " kbd { "?" } }
            }
        }
    }
}

/// The letters that lead to registers: the initial, for the first register that has it; then, for
/// the others, the first letter that is left.
pub(crate) fn letters() -> Vec<(char, &'static Register)> {
    let mut taken = vec!['b', 'h'];
    let mut all: Vec<(char, &'static Register)> = Vec::new();
    for length in [1, usize::MAX] {
        for register in nouns::all() {
            let known = all.iter().any(|(_, one)| one.plural == register.plural);
            let mut letters = register.plural.chars().take(length).filter(char::is_ascii_lowercase);
            let free = letters.find(|letter| !known && !taken.contains(letter));
            if let Some(letter) = free {
                taken.push(letter);
                all.push((letter, register));
            }
        }
    }
    all
}

/// The keys, as a dialogue that the script opens; `/help` is the same as a page.
fn keys(visit: &Visit<'_>) -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            (key_list(visit))
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

fn key_list(visit: &Visit<'_>) -> Markup {
    html! {
        ul.keys {
            li { kbd { "/" } " to find" }
            li { kbd { "?" } " these keys" }
            li { kbd { "g" } " " kbd { "b" } " " a href="/" data-go="b" { "board" } }
            @for (letter, register) in letters() {
                @if visit.may(register.list) {
                    li { kbd { "g" } " " kbd { (letter) } " "
                        a href=(format!("/{}", register.plural)) data-go=(letter) {
                            (register.plural)
                        } }
                }
            }
        }
    }
}

/// `GET /help`
pub(crate) fn help(visit: &Visit<'_>) -> Result<Page> {
    visit.session()?;
    let signs = [
        ("■", "good", "it holds: every fact is there, fresh and good"),
        ("✕", "bad", "it fails: a fact speaks against it"),
        ("?", "due", "unproven: a fact is missing or too old"),
        ("▲", "due", "somebody has to act"),
        ("‖", "due", "held by order of an authority"),
        ("●", "basis", "measured: Bailee saw it"),
        ("◐", "basis", "recorded: somebody entered it in the course of the work"),
        ("○", "basis", "attested: somebody outside says so, in a document"),
    ];
    Ok(Page::new(
        "Keys and help",
        html! {
            h2 { "Keys" }
            (key_list(visit))
            h2 { "Signs" }
            ul.keys {
                @for (sign, class, meaning) in signs {
                    li { span class={ "state " (class) } { span.shape { (sign) } } " " (meaning) }
                }
            }
            h2 { "Proof" }
            p {
                "Every change and every look at a register is an entry of a log that nobody can \
                 quietly change. Save the receipt a page offers, and check it on any machine:"
            }
            pre.text tabindex="0" { "bailee verify receipt.json" }
        },
    ))
}

/// `GET /registers`
pub(crate) fn registers(visit: &Visit<'_>) -> Result<Page> {
    visit.session()?;
    let open: Vec<_> = nouns::all().filter(|register| visit.may(register.list)).collect();
    let rest = open.iter().filter(|one| AREAS.iter().all(|area| area.name != one.area));
    Ok(Page::new(
        "Registers",
        html! {
            @if open.is_empty() { p { "No register is open to your roles: ask an administrator." } }
            @if visit.may(<domain::ledgers::Exploring as kernel::Act>::ACTION) {
                p { a href="/accesses" { "Who accessed what" } ", by person, account and day." }
            }
            p {
                a href="/policy" { "Policy" }
                ": what decides, what is proved of it, and who may do what."
            }
            @for area in &AREAS {
                @let inside: Vec<_> = open.iter().filter(|one| one.area == area.name).collect();
                @if !inside.is_empty() {
                    h2 { (area.title) }
                    (purposes(inside.into_iter().copied()))
                }
            }
            (purposes(rest.copied()))
        },
    ))
}

/// Registers with what each is for.
pub(crate) fn purposes(registers: impl Iterator<Item = &'static Register>) -> Markup {
    html! {
        dl.purposes {
            @for register in registers {
                div {
                    dt { a href=(format!("/{}", register.plural)) {
                        (crate::schema::label(register.plural))
                    } }
                    dd { (register.purpose) "." }
                }
            }
        }
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 6);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{grouped, letters};

    #[test]
    fn numbers_are_grouped_and_letters_lead_to_one_place() {
        for (number, text) in [(0, "0"), (999, "999"), (80_412, "80,412"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), text);
        }
        let mut seen = std::collections::BTreeSet::from(['b', 'h']);
        assert!(letters().iter().all(|(letter, _)| seen.insert(*letter)));
        for (letter, plural) in [('a', "accounts"), ('i', "incidents"), ('v', "vendors")] {
            assert!(letters().iter().any(|(key, one)| (*key, one.plural) == (letter, plural)));
        }
    }
}
