//! The page behind the link of a letter that asks for an approval.
//!
//! The link approves nothing and shows nothing by itself: it names what waits by its hash and asks
//! for the passkey of whoever it was made for. Only then stands there what is asked for, with the
//! form that the passkey signs over the same hash. For anybody else, and once it was used, it is a
//! link that does not count, and it is not said why.
//!
//! A button in a chat leads here without a secret: then it is nobody's, and whoever may see what it
//! is about goes on to the page that everybody has, where the same passkey signs.

use crate::passkeys;
use crate::registers::offered;
use crate::reply::{Page, Reply};
use crate::show::fields;
use crate::visit::Visit;
use domain::grants::approving::{Asked, is_link};
use domain::register::Register;
use domain::registers::register;
use http::StatusCode;
use kernel::id::RecordId;
use kernel::{Kind, Result};
use maud::{Markup, html};
use serde_json::Value;

/// What letters ask approvals for.
const REGISTERS: [&str; 2] = ["access-requests", "changes"];

/// `GET /approve/{plural}/{id}/{hash}/{token}`
pub(crate) async fn show(visit: &Visit<'_>, link: &[&str]) -> Result<Reply> {
    let (plural, id, hash, token) = match *link {
        [plural, id, hash, token] => (plural, id, hash, Some(token)),
        [plural, id, hash] => (plural, id, hash, None),
        _ => return Ok(refused(visit).into()),
    };
    let known = register(plural).filter(|_| spelled(plural, id, hash, token));
    let Some(register) = known else { return Ok(refused(visit).into()) };
    if visit.session.is_none() {
        let asking = asking(visit, register, (id, hash))?;
        return Ok(Page::new("An approval is asked of you", asking).into());
    }
    if visit.is_member() || !visit.may(register.read) {
        return Ok(refused(visit).into());
    }
    let row = match visit.submit((register.get)(visit.kernel(), id)?).await {
        Ok(done) => done.output,
        Err(error) if error.kind() == Kind::NotFound => return Ok(refused(visit).into()),
        Err(error) => return Err(error),
    };
    let Some(token) = token else {
        // A button is nobody's: whoever may see it goes on to the page that everybody has.
        return Ok(match row.get("terms_sha256").and_then(Value::as_str) == Some(hash) {
            true => Reply::See(format!("/{plural}/{id}")),
            false => refused(visit).into(),
        });
    };
    if !is_theirs(visit, &row, hash, token)? {
        return Ok(refused(visit).into());
    }
    let object = row.as_object().cloned().unwrap_or_default();
    let title = format!("Approve {id}");
    let page = Page::new(
        title,
        html! {
            p { "You approve what stands here, by its hash " code.hash { (hash) } "." }
            @if plural == "changes" { (crate::difference::of(visit, &row)) }
            (fields(visit, &object, &["state", "id", "format", "report", "asked", "challenge"]))
            (offered(visit, register, (id, &row), "approve", ("letter", token)))
            p { a href=(format!("/{plural}/{id}")) { "Refuse it, or see its history" } }
        },
    );
    Ok(page.under("Registers", "/registers").into())
}

/// What stands there for somebody who is not signed in: what waits, by its hash, and nothing of it.
fn asking(
    visit: &Visit<'_>,
    register: &'static Register,
    (id, hash): (&str, &str),
) -> Result<Markup> {
    Ok(html! {
        p { "The " (register.noun) " " code { (id) } " waits for an approval. SHA-256 of what is \
             asked for: " code.hash { (hash) } "." }
        p { "This link approves nothing. Sign in as whom it was sent to, read what is asked for, \
             and sign it." }
        (passkeys::way_in(visit)?)
        p { a href="/sign-in" { "Sign in in another way" } ", and open the link again." }
    })
}

/// Whether the link was made for who is signed in, for exactly this, and was not used.
fn is_theirs(visit: &Visit<'_>, row: &Value, hash: &str, token: &str) -> Result<bool> {
    let me = visit.caller()?.principal.to_string();
    let asked = row.get("asked").cloned().map(serde_json::from_value::<Vec<Asked>>);
    let asked = asked.and_then(std::result::Result::ok).unwrap_or_default();
    let own = asked.iter().any(|one| one.person == me && is_link(one, token));
    Ok(own && row.get("terms_sha256").and_then(Value::as_str) == Some(hash))
}

/// Whether a path is one of these pages: nothing else is gone on to after signing in.
pub(crate) fn is_place(path: &str) -> bool {
    let mut parts = path.strip_prefix("/approve/").unwrap_or_default().split('/');
    let mut next = || parts.next().unwrap_or_default();
    let (plural, id, hash) = (next(), next(), next());
    let token = parts.next();
    parts.next().is_none() && spelled(plural, id, hash, token)
}

/// Whether it could be a link of ours.
fn spelled(plural: &str, id: &str, hash: &str, token: Option<&str>) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let long = |text: &str| text.len() == 64 && text.bytes().all(hex);
    REGISTERS.contains(&plural)
        && RecordId::parse(id).is_ok()
        && long(hash)
        && token.is_none_or(long)
}

/// A link that does not count. It is not said why.
fn refused(visit: &Visit<'_>) -> Page {
    visit.kernel().count_stranger(&kernel::address(visit.peer));
    let page = Page::new(
        "This link does not count",
        html! {
            p { "It was used already, is for somebody else, or is no whole link. Each link is for \
                 one approver and one request, and counts once." }
            p { "What waits for you stands on " a href="/approver" { "your page" } "." }
        },
    );
    page.status(StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::is_place;

    #[test]
    fn nothing_but_such_a_page_is_gone_on_to() {
        let (hash, token) = ("ab".repeat(32), "09".repeat(32));
        assert!(is_place(&format!("/approve/changes/change-1/{hash}/{token}")));
        assert!(is_place(&format!("/approve/changes/change-1/{hash}")), "of a button");
        for bad in [
            format!("/approve/changes/change-1/{hash}/{token}/more"),
            format!("/approve/changes/change-1/{hash}/{token}?x=1"),
            format!("//evil.example/approve/changes/change-1/{hash}/{token}"),
            format!("https://evil.example/approve/changes/a/{hash}/{token}"),
            format!("/approve/people/eve/{hash}/{token}"),
            format!("/approve/changes/../{hash}/{token}"),
            "/approve/changes/change-1".to_owned(),
            String::new(),
        ] {
            assert!(!is_place(&bad), "{bad}");
        }
    }
}
