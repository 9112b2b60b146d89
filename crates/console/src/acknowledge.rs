//! The page behind the link of a letter: a contact says that it has received a notice.
//!
//! The link is the whole proof; nobody signs in. Opening it changes and reveals nothing, because
//! programs that look after mail open links too: the page is the same for every link that is
//! spelled like one. Only the button uses it up, and a link that does not count, whichever way, is
//! answered alike. Each wrong one is counted by where it came from, as a wrong login is, and after
//! too many in a minute none is tried.

use crate::reply::Page;
use crate::visit::Visit;
use domain::incidents::notices::Acknowledged;
use http::StatusCode;
use kernel::authority::Caller;
use kernel::id::RecordId;
use kernel::{Kind, Result};
use maud::html;

/// `GET /acknowledge/{notice}/{token}`
pub(crate) fn show(visit: &Visit<'_>, notice: &str, token: &str) -> Page {
    if !spelled(notice, token) {
        return refused(visit);
    }
    let provider = &visit.kernel().identity().provider;
    Page::new(
        "Acknowledge a notice",
        html! {
            p { strong { (provider) } " sent you the notice " code { (notice) } " by mail. If you \
                 have received it, say so here: the time is recorded, and nobody asks you again." }
            p { "It says that you have received the notice, not that you agree with it." }
            form #acknowledge method="post" action={ "/acknowledge/" (notice) "/" (token) } {
                (crate::form::hidden(visit))
                p.act { button type="submit" { "I have received this notice" } }
            }
        },
    )
}

/// `POST /acknowledge/{notice}/{token}`
pub(crate) async fn take(visit: &Visit<'_>, notice: &str, token: &str) -> Result<Page> {
    visit.kernel().may_try(&kernel::address(visit.peer))?;
    if !spelled(notice, token) {
        return Ok(refused(visit));
    }
    let operation = Acknowledged::new(visit.kernel(), notice, token)?;
    let at = match visit.submit_as(Caller::bearer(), None, operation).await {
        Ok(done) => done.output,
        Err(error) if error.kind() == Kind::NotFound => return Ok(refused(visit)),
        Err(error) => return Err(error),
    };
    Ok(Page::new(
        "Thank you",
        html! {
            p { "It is recorded that the notice " code { (notice) } " was received, at "
                (visit.clock.quoted(at.0)) "." }
            p { "This link counts no more. What is public about how your data is protected stands \
                 on " a href="/trust" { "the public page" } "." }
        },
    ))
}

/// Whether it could be a link of ours: the id of a notice, and 256 bits in hexadecimal.
fn spelled(notice: &str, token: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    RecordId::parse(notice).is_ok() && token.len() == 64 && token.bytes().all(hex)
}

/// A link that does not count. It is not said why.
fn refused(visit: &Visit<'_>) -> Page {
    visit.kernel().count_stranger(&kernel::address(visit.peer));
    let page = Page::new(
        "This link does not count",
        html! {
            p { "It was used already, is too old, or is no whole link. Each link is for one \
                 notice and one contact, and counts once, for 90 days." }
            p { "Open the link from the letter again; if it still does not count, answer to \
                 whoever sent you the letter." }
        },
    );
    page.status(StatusCode::NOT_FOUND)
}
