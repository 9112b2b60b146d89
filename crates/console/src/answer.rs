//! The page behind the link of a page: somebody who was paged says that they have it.
//!
//! The link is the whole proof; nobody signs in at three in the morning. Opening it changes and
//! reveals nothing, because programs that look after mail open links too; the button answers, and
//! answering twice is answering once. Each wrong link is counted by where it came from, as a wrong
//! login is, and after too many in a minute none is tried.

use crate::reply::Page;
use crate::visit::Visit;
use domain::oncall::pages::ByLink;
use http::StatusCode;
use kernel::authority::Caller;
use kernel::id::RecordId;
use kernel::{Kind, Result};
use maud::html;

/// `GET /page/{page}/{token}`
pub(crate) fn show(visit: &Visit<'_>, page: &str, token: &str) -> Page {
    if !spelled(page, token) {
        return refused(visit);
    }
    Page::new(
        "You were paged",
        html! {
            p { "Say that you have it, and nobody else is paged for it." }
            form #answer method="post" action={ "/page/" (page) "/" (token) } {
                (crate::form::hidden(visit))
                p.act { button type="submit" { "I have it" } }
            }
        },
    )
}

/// `POST /page/{page}/{token}`
pub(crate) async fn take(visit: &Visit<'_>, page: &str, token: &str) -> Result<Page> {
    visit.kernel().may_try(&visit.peer.to_string())?;
    if !spelled(page, token) {
        return Ok(refused(visit));
    }
    let operation = ByLink::new(visit.kernel(), page, token)?;
    let (title, answer) = match visit.submit_as(Caller::bearer(), None, operation).await {
        Ok(done) => done.output,
        Err(error) if error.kind() == Kind::NotFound => return Ok(refused(visit)),
        Err(error) => return Err(error),
    };
    Ok(Page::new(
        "It is yours",
        html! {
            p.sentence { (title) }
            p { strong { (answer.by) } " has it, since " (visit.clock.quoted(answer.at.0)) "." }
            p { "Sign in to see what it is about: " a href={ "/pages/" (page) } { (page) } "." }
        },
    ))
}

/// Whether it could be a link of ours: the id of a page, and 256 bits in hexadecimal.
fn spelled(page: &str, token: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    RecordId::parse(page).is_ok() && token.len() == 64 && token.bytes().all(hex)
}

/// A link that does not count. It is not said why.
fn refused(visit: &Visit<'_>) -> Page {
    visit.kernel().count_stranger(&visit.peer.to_string());
    let body = html! {
        p { "It is no whole link, or of no page. Open it from the message again, or sign in and \
             look at " a href="/pager" { "the pager" } "." }
    };
    Page::new("This link does not count", body).status(StatusCode::NOT_FOUND)
}
