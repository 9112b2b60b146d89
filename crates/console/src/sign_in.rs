//! The way in: a link, looked at as often as somebody likes, used once; and the way out.
//!
//! Opening a link changes nothing, because programs open links too. Only the button uses it up.

use crate::approve;
use crate::passkeys;
use crate::passwords;
use crate::provider;
use crate::reply::{Page, Reply};
use crate::sessions::{self, plausible};
use crate::show::sentence;
use crate::visit::Visit;
use domain::members::Signed;
use http::StatusCode;
use kernel::authority::Caller;
use kernel::{Error, Kind, Result};
use maud::{Markup, html};

/// `GET /sign-in?link=…`
pub(crate) fn show(visit: &Visit<'_>) -> Result<Page> {
    let Some(given) = visit.query.filled("link") else {
        let body = html! { (passkeys::way_in(visit)?) (enter()) (passwords::way_in(visit))
        (provider::way_in(visit)) };
        return Ok(Page::new("Sign in", body));
    };
    let Some((caller, token)) = known(visit, code(given))?.zip(code(given)) else {
        return Ok(refused(visit));
    };
    Ok(Page::new(
        "Sign in",
        html! {
            p { "This link is for " strong { (caller.principal) } ". It begins one session \
                 of eight hours in this browser, and counts no more after that." }
            form method="post" action="/sign-in" {
                input type="hidden" name="link" value=(token);
                p.act { button type="submit" { "Sign in as " (caller.principal) } }
            }
        },
    ))
}

/// Whose link it is, if it counts.
///
/// # Errors
/// What an answer refuses to somebody whose link counts.
fn known(visit: &Visit<'_>, token: Option<&str>) -> Result<Option<Caller>> {
    match token.map(|token| visit.kernel().identify(token)) {
        Some(Ok(caller)) => Ok(Some(caller)),
        Some(Err(error)) if error.restraint().is_some() => Err(error),
        _ => Ok(None),
    }
}

/// `POST /sign-in`
pub(crate) async fn begin(visit: &Visit<'_>) -> Result<Reply> {
    if let Some((caller, signed)) = passkeys::signed_in(visit).or_else(unproven)? {
        return match sessions::begin_with(visit, caller, signed).await {
            Ok(cookie) => {
                // Only a page of ours that waits for a passkey is gone on to.
                let next = visit.form.filled("next").filter(|next| approve::is_place(next));
                let next = Reply::See(next.unwrap_or("/").to_owned());
                Ok(Reply::Keeping(Box::new(next), vec![cookie]))
            }
            Err(error) if error.kind() == Kind::Forbidden => Ok(unsigned(visit, &error).into()),
            Err(error) => Err(error),
        };
    }
    if visit.form.get("challenge").is_some() {
        return Ok(unsigned(visit, &Error::forbidden("this passkey is not known here")).into());
    }
    if let Some(reply) = passwords::begin(visit).await? {
        return Ok(reply);
    }
    let token = visit.form.get("link").and_then(code);
    let Some(caller) = known(visit, token)? else { return Ok(refused(visit).into()) };
    match sessions::begin(visit, caller).await {
        Ok(cookie) => Ok(Reply::Keeping(Box::new(Reply::See("/".to_owned())), vec![cookie])),
        Err(error) if matches!(error.kind(), Kind::Unauthenticated | Kind::Forbidden) => {
            Ok(refused(visit).into())
        }
        Err(error) => Err(error),
    }
}

/// A passkey that nobody here has is answered as a link that does not count.
fn unproven(error: Error) -> Result<Option<(Caller, Signed)>> {
    match error.kind() {
        Kind::Unauthenticated => Ok(None),
        _ => Err(error),
    }
}

/// A passkey that does not count.
fn unsigned(visit: &Visit<'_>, error: &Error) -> Page {
    visit.kernel().count_stranger(&kernel::address(visit.peer));
    let page = Page::new(
        "This passkey does not count",
        html! {
            p.sentence { (sentence(error.message())) "." }
            p { a href="/sign-in" { "Sign in" } }
        },
    );
    page.status(StatusCode::UNAUTHORIZED)
}

/// `POST /sign-out`
pub(crate) async fn end(visit: &Visit<'_>) -> Result<Reply> {
    let cookie = match sessions::end(visit).await {
        Ok(cookie) => cookie,
        // A token in the cookie is no session; the browser forgets it all the same.
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Forbidden) => sessions::gone(),
        Err(error) => return Err(error),
    };
    Ok(Reply::Keeping(Box::new(Reply::See("/sign-in".to_owned())), vec![cookie]))
}

/// What somebody sees whose session is over, or who never had one.
pub(crate) fn needed(visit: &Visit<'_>, had: bool) -> Page {
    let page = Page::new(
        "Sign in",
        html! {
            @if had {
                p { strong { "Your session is over." } " Nothing that you had not sent was \
                     done. Sessions last eight hours, and end at once when access does." }
            }
            (passkeys::way_in(visit).unwrap_or_default())
            (enter())
            (passwords::way_in(visit))
            (provider::way_in(visit))
        },
    );
    page.status(StatusCode::UNAUTHORIZED)
}

/// A link that does not count, whichever way. It is not said which.
fn refused(visit: &Visit<'_>) -> Page {
    visit.kernel().count_stranger(&kernel::address(visit.peer));
    let page = Page::new(
        "This link does not count",
        html! {
            p { "It was used already, is too old, or was replaced by a newer one. Each link begins \
                 one session, within the hours it was made for." }
            (enter())
        },
    );
    page.status(StatusCode::UNAUTHORIZED)
}

fn enter() -> Markup {
    html! {
        form method="get" action="/sign-in" {
            div.field {
                label for="link" { "Your sign-in link" }
                p.help #link-help { "The whole link, or the part after " code { "link=" } "." }
                input #link type="text" name="link" required maxlength="600" autocomplete="off"
                    spellcheck="false" aria-describedby="link-help";
            }
            p.act { button type="submit" { "Look at it" } }
        }
        h2 { "Without a link" }
        p { "Ask an administrator for one, or make it on the server:" }
        pre.text tabindex="0" { "bailee person invite NAME" }
    }
}

/// The token of a link, however it was pasted.
fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    plausible(text.rsplit_once("link=").map_or(text, |(_, code)| code))
}

/// The error that leads here.
pub(crate) fn is_needed(error: &Error) -> bool {
    error.kind() == Kind::Unauthenticated
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_link_is_found_however_it_was_pasted() {
        assert_eq!(code(" https://b.test/sign-in?link=bailee_a-Z "), Some("bailee_a-Z"));
        assert_eq!(code("bailee_x"), Some("bailee_x"));
        for bad in ["", "link=", "a b", "a<b", &"x".repeat(513)] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }
}
