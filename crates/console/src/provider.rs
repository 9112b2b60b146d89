//! Signing in at the company's provider (OpenID Connect): there, back, and out.
//!
//! The browser keeps a challenge of ours in a cookie; state, nonce and verifier are derived from it
//! under the key of challenges. So an answer counts in the browser that asked, once, for ten
//! minutes, on whichever node, and nothing has to be kept here.

use crate::ceremonies::{self, Ceremonies};
use crate::reply::{self, Page, Reply};
use crate::request::{self, Pairs};
use crate::sessions;
use crate::show::sentence;
use crate::visit::Visit;
use connectors::oidc::{Back, Problem, Provider, Trip};
use domain::members::{BeginSession, Logout, SESSION_LIFE};
use domain::streams::Assert;
use http::StatusCode;
use kernel::authority::Caller;
use kernel::id::shown;
use kernel::{Error, Kind, Moment, Result};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

/// The cookie with the challenge. `Lax`, because the provider leads back here: that is a request of
/// another site, and `Strict` would keep the cookie from it.
const COOKIE: &str = "__Host-bailee-provider";

/// What challenges for a sign-in there are for: any, or one anew.
const ANY: &str = "provider";
const ANEW: &str = "provider anew";

/// The company's provider, as people know it.
#[derive(Clone)]
pub struct SignIn {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub provider: Arc<Provider>,
}

/// The part of the sign-in page that leads there.
pub(crate) fn way_in(visit: &Visit<'_>) -> Markup {
    let Some(SignIn { name, .. }) = &visit.console.sign_in else { return html! {} };
    html! {
        h2 { "With " (name) }
        p.act { a.button #provider href="/sign-in/oidc" { "Sign in with " (name) } }
        p.help { "To make a passkey, " a href="/sign-in/oidc?anew=1" {
            "let it ask you anew" } "." }
    }
}

/// `GET /sign-in/oidc`
pub(crate) async fn start(visit: &Visit<'_>) -> Result<Reply> {
    let provider = &known(visit)?.provider;
    let now = visit.kernel().now();
    let purpose = if visit.query.get("anew").is_some() { ANEW } else { ANY };
    let ceremonies = &visit.console.ceremonies;
    let challenge = ceremonies.begin(purpose, now)?;
    let trip = trip(ceremonies, &challenge, purpose, now);
    let place = provider.address(&trip, seconds(now)).await.map_err(|problem| told(&problem))?;
    let word = if purpose == ANEW { "anew" } else { "any" };
    let rules = format!("Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax", ceremonies::SECONDS);
    let cookie = format!("{COOKIE}={word}.{challenge}; {rules}");
    Ok(Reply::Keeping(Box::new(Reply::See(place)), vec![cookie]))
}

/// `GET /sign-in/oidc/callback`
pub(crate) async fn back(visit: &Visit<'_>) -> Result<Reply> {
    match came(visit).await {
        // The challenge stays with the browser: what was no answer of it does not end its sign-in.
        Err(error) if matches!(error.kind(), Kind::Forbidden | Kind::Unauthenticated) => {
            visit.kernel().count_stranger(&kernel::address(visit.peer));
            let page = Page::new(
                "You are not signed in",
                html! {
                    p.sentence { (sentence(error.message())) "." }
                    p { a href="/sign-in" { "Sign in" } }
                },
            );
            Ok(page.status(StatusCode::UNAUTHORIZED).into())
        }
        outcome => outcome,
    }
}

/// Begins a session for whoever came back.
async fn came(visit: &Visit<'_>) -> Result<Reply> {
    let provider = &known(visit)?.provider;
    let now = visit.kernel().now();
    let ours = || Error::forbidden("this browser did not ask to sign in here: begin again");
    let (word, challenge) =
        visit.provider.as_deref().and_then(|text| text.split_once('.')).ok_or_else(ours)?;
    let purpose = if word == "anew" { ANEW } else { ANY };
    let ceremonies = &visit.console.ceremonies;
    // Before the challenge is used up: another site can send a browser here, too.
    if !ceremonies.derived(challenge, "state", only(&visit.query, "state")?.unwrap_or_default()) {
        return Err(ours());
    }
    let bytes = ceremonies.answered(challenge, purpose, now)?;
    if let Some(error) = only(&visit.query, "error")? {
        let why = format!("the provider signed nobody in: `{}`", shown(error));
        return Err(Error::forbidden(why));
    }
    let code = only(&visit.query, "code")?.ok_or_else(ours)?;
    let trip = trip(ceremonies, challenge, purpose, ceremonies::moment(&bytes));
    let back = Back { code, issuer: only(&visit.query, "iss")? };
    let proof = match provider.signs_as() {
        None => None,
        Some(client) => {
            let assert = Assert::new(visit.kernel(), client, provider.issuer())?;
            Some(visit.submit_as(Caller::bearer(), None, assert).await?.output)
        }
    };
    let token = provider.redeem(back, &trip, proof.as_deref(), seconds(now)).await;
    let token = token.map_err(|problem| told(&problem))?;
    let (issuer, subject) = (token.issuer().to_owned(), token.subject().to_owned());
    let (caller, begin) = match BeginSession::by_provider(visit.kernel(), token) {
        Err(error) if error.kind() == Kind::Unauthenticated => {
            let why = format!(
                "the provider knows you as `{}`, and nobody here is bound to that: ask an \
                 administrator for `bailee person bind NAME --issuer {} --subject {}`",
                shown(&subject),
                shown(&issuer),
                shown(&subject)
            );
            return Err(Error::forbidden(why));
        }
        found => found?,
    };
    let cookie = sessions::answering(visit, caller, begin, &bytes).await?;
    // The browser came from another site, and brings the new cookie only to what we lead it to.
    let page = Page::new("You are signed in", html! { p { a href="/" { "Go on" } } });
    Ok(Reply::Keeping(Box::new(page.leading("/").into()), vec![cookie, gone()]))
}

/// `POST /sign-in/oidc/logout`, by the provider itself (Back-Channel Logout 1.0 §2.5, §2.8).
pub(crate) async fn logout(visit: &Visit<'_>) -> Result<Reply> {
    let refused = |status: StatusCode, error: &Error| {
        let body = json!({"error": "invalid_request", "error_description": error.message()});
        Reply::Plain(status, "application/json", body.to_string().into_bytes())
    };
    match heard(visit).await {
        Ok(()) => Ok(Reply::Plain(StatusCode::OK, "text/plain; charset=utf-8", vec![])),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Limit) => {
            if let Some(context) = error.context() {
                tracing::error!(request = visit.number, context, "a logout failed");
            }
            Ok(refused(reply::status(&error), &error))
        }
        Err(error) => {
            visit.kernel().count_stranger(&kernel::address(visit.peer));
            Ok(refused(StatusCode::BAD_REQUEST, &error))
        }
    }
}

async fn heard(visit: &Visit<'_>) -> Result<()> {
    let provider = &known(visit)?.provider;
    let token = only(&visit.form, "logout_token")?;
    let token = token.ok_or_else(|| Error::invalid("logout_token", "it is missing"))?;
    let now = seconds(visit.kernel().now());
    let token = provider.logged_out(token, now).await.map_err(|problem| told(&problem))?;
    // Whoever is not here is signed out already.
    if let Some((caller, logout)) = Logout::new(visit.kernel(), token)? {
        visit.submit_as(caller, None, logout).await?;
    }
    Ok(())
}

/// The provider, if there is one.
fn known<'v>(visit: &Visit<'v>) -> Result<&'v SignIn> {
    let none = || Error::not_found("there is no such page");
    visit.console.sign_in.as_ref().ok_or_else(none)
}

/// What makes a sign-in its own, out of its challenge.
fn trip(ceremonies: &Ceremonies, challenge: &str, purpose: &str, asked: Moment) -> Trip {
    Trip {
        state: ceremonies.derive(challenge, "state"),
        nonce: ceremonies.derive(challenge, "nonce"),
        verifier: ceremonies.derive(challenge, "verifier"),
        asked: seconds(asked),
        max_age: if purpose == ANEW { 0 } else { SESSION_LIFE.as_secs() },
    }
}

/// A parameter that stands once (RFC 6749 §3.1).
fn only<'p>(pairs: &'p Pairs, name: &'static str) -> Result<Option<&'p str>> {
    let mut all = pairs.all(name).filter(|text| !text.is_empty());
    match (all.next(), all.next()) {
        (one, None) => Ok(one),
        _ => Err(Error::forbidden(format!("`{name}` stands more than once"))),
    }
}

/// A problem of the provider's is the operator's to know.
fn told(problem: &Problem) -> Error {
    match problem {
        Problem::Refused(why) => Error::forbidden(why.clone()),
        Problem::Unavailable(why) => {
            tracing::warn!(%why, "the provider of identities does not answer as it should");
            Error::unavailable(
                "the provider does not answer as it should: try again, or sign in with a passkey \
                 or a link",
            )
        }
    }
}

fn seconds(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}

fn gone() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// The cookie of a sign-in that is under way.
pub(crate) fn cookie(headers: &http::HeaderMap) -> Option<String> {
    request::cookie(headers, COOKIE).filter(|text| text.len() <= 200).map(str::to_owned)
}
