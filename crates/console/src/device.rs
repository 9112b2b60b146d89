//! Approving the code that a program of one's own shows (RFC 8628): it signs in there, for eight
//! hours at most, with a key that stays there.

use crate::form::hidden;
use crate::reply::Page;
use crate::visit::Visit;
use domain::members::{ApproveDevice, FRESH};
use http::StatusCode;
use kernel::{Error, Kind, Result};
use maud::{Markup, html};

/// `GET /device?code=BCDF-GHJK`
pub(crate) fn show(visit: &Visit<'_>) -> Result<Page> {
    visit.session()?;
    Ok(asking(visit, visit.query.get("code").unwrap_or_default(), None))
}

/// `POST /device`
pub(crate) async fn approve(visit: &Visit<'_>) -> Result<Page> {
    let caller = visit.caller()?.clone();
    let text = visit.form.get("code").unwrap_or_default();
    let outcome = match ApproveDevice::new(visit.kernel(), &caller, text) {
        Ok(approve) => visit.submit(approve).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(done) => {
            let body = html! {
                p.sentence { "Approved. The program goes on within seconds." }
                p { "It is signed in as " strong { (caller.principal) } " for eight hours. If it \
                     does not go on, the code was another one: begin anew." }
            };
            Ok(Page::new("Signed in there", body).seen(visit.entry(&done.receipts)))
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Forbidden) => {
            let status = match error.kind() {
                Kind::Forbidden => StatusCode::FORBIDDEN,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Ok(asking(visit, text, Some(&error)).status(status))
        }
        Err(error) => Err(error),
    }
}

fn asking(visit: &Visit<'_>, code: &str, problem: Option<&Error>) -> Page {
    Page::new("Sign a program in", body(visit, code, problem))
}

fn body(visit: &Visit<'_>, code: &str, problem: Option<&Error>) -> Markup {
    html! {
        p { "A program on a terminal of yours, such as " code { "bailee sign-in" } ", shows a \
             code. Typing it in here signs that program in as you." }
        p.warning { "▲ Type in only a code that your own terminal shows at this moment. Whoever \
             sends you a code wants to be you." }
        form method="post" action="/device" {
            (hidden(visit))
            div.field {
                label for="code" { "Code" }
                p.help #code-help { "Eight letters, within " (FRESH.as_secs() / 60) " minutes of \
                     signing in here." }
                input #code type="text" name="code" required maxlength="20" value=(code)
                    autocomplete="off" spellcheck="false" autocapitalize="characters"
                    aria-describedby="code-help";
                @if let Some(problem) = problem { p.error role="alert" { (problem.message()) } }
            }
            p.act { button type="submit" { "Sign it in" } }
        }
    }
}
