//! The way in and the way out, as operations: the one place that knows how a session begins.

use crate::ceremonies::{STALE, once};
use crate::visit::Visit;
use domain::members::{BeginSession, EndSession, Once, SESSION_LIFE, Session, Signed};
use kernel::Result;
use kernel::authority::Caller;

/// The cookie. Its prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`
/// (RFC 6265bis §4.1.3.2).
pub(crate) const COOKIE: &str = "__Host-bailee";

/// Longest token that is looked at; ours have about 50 bytes.
const TOKEN_BYTES: usize = 512;

/// A token as a cookie or a link carries it, if it can be one at all.
pub(crate) fn plausible(text: &str) -> Option<&str> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let fits = !text.is_empty() && text.len() <= TOKEN_BYTES && text.bytes().all(known);
    fits.then_some(text)
}

/// Begins a session with a link; the link counts no more. Gives what the cookie has to say.
pub(crate) async fn begin(visit: &Visit<'_>, caller: Caller) -> Result<String> {
    let operation = BeginSession::new(visit.kernel(), &caller)?;
    Ok(kept(&visit.submit_as(caller, None, operation).await?.output))
}

/// Begins a session with what a passkey signed. Gives what the cookie has to say.
pub(crate) async fn begin_with(
    visit: &Visit<'_>,
    caller: Caller,
    signed: Signed,
) -> Result<String> {
    let challenge = signed.challenge.clone();
    let operation = BeginSession::by_passkey(visit.kernel(), &caller, signed)?;
    answering(visit, caller, operation, &challenge).await
}

/// Begins a session by this operation, which answers a challenge; nothing else does on any node.
/// Gives what the cookie has to say.
pub(crate) async fn answering(
    visit: &Visit<'_>,
    caller: Caller,
    operation: BeginSession,
    challenge: &[u8],
) -> Result<String> {
    let operation = Once::new(operation, STALE);
    let done = visit.submit_as(caller, Some(once(challenge)), operation).await?;
    Ok(kept(&done.output))
}

/// What the cookie of a session has to say.
pub(crate) fn kept(session: &Session) -> String {
    let life = SESSION_LIFE.as_secs();
    let rules = format!("Path=/; Max-Age={life}; Secure; HttpOnly; SameSite=Strict");
    format!("{COOKIE}={}; {rules}", session.token)
}

/// Ends the session. Gives what makes the browser forget it.
pub(crate) async fn end(visit: &Visit<'_>) -> Result<String> {
    let operation = EndSession::new(visit.kernel(), visit.caller()?)?;
    visit.submit(operation).await?;
    Ok(gone())
}

/// What makes the browser forget a session.
pub(crate) fn gone() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}
