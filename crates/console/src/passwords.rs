//! Passwords with one-time codes, for people of vendors whose manager allowed it: setting one, and
//! signing in with it.
//!
//! What a password is known by is made here, by Argon2id with a salt of the person's own, whether
//! there is such a person or not: neither the answer nor its time says who is known. Each try uses
//! up one of a few numbers in the store, so that more nodes are no more tries (decision 0043).

use crate::form::hidden;
use crate::reply::{Page, Reply};
use crate::sessions;
use crate::visit::Visit;
use argon2::{Algorithm, Argon2, Params, Version};
use domain::members::{ANYTHING, BeginSession, FRESH, SetPassword, UseNonce, password_hash};
use domain::people::{SECRET, STEP, base32, hex, unhex};
use http::StatusCode;
use kernel::authority::Caller;
use kernel::id::{Name, PrincipalId};
use kernel::{Error, HOUSE, Kind, Moment, Result};
use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Shortest password, in characters; with a second factor NIST SP 800-63B-4 asks for eight.
const SHORTEST: usize = 12;

/// Longest password, in bytes.
const LONGEST: usize = 256;

/// Memory of Argon2id in KiB, and its passes: the first choice of OWASP's cheat sheet.
const COST: (u32, u32) = (19_456, 2);

/// Passwords that are worked on at once: strangers cannot fill the memory.
static WORKERS: Semaphore = Semaphore::const_new(2);

/// Tries of one name within [`WITHIN`].
const TRIES: u32 = 10;

/// How long tries are counted together.
const WITHIN: Duration = Duration::from_secs(15 * 60);

/// Names whose tries are counted at once.
const NAMES: usize = 10_000;

/// What is said to whoever tries too often.
const OVER: &str = "it was tried too often: wait a quarter of an hour";

/// How often each name was tried lately, as far as this node knows.
#[derive(Default)]
pub(crate) struct Tries(Mutex<HashMap<String, (u32, Moment)>>);

impl Tries {
    /// Counts a try, and says the how-manieth it is.
    ///
    /// # Errors
    /// `Limit` if this name was tried too often.
    fn count(&self, name: &str, now: Moment) -> Result<u32> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES {
            known.retain(|_, (_, until)| *until > now);
        }
        let full = known.len() >= NAMES && !known.contains_key(name);
        let (tried, until) = known.entry(name.to_owned()).or_insert((0, now.after(WITHIN)));
        if *until <= now {
            (*tried, *until) = (0, now.after(WITHIN));
        }
        *tried = tried.saturating_add(1);
        let number = *tried;
        if full {
            known.remove(name);
        }
        match full || number > TRIES {
            true => Err(Error::limit(OVER)),
            false => Ok(number),
        }
    }

    /// Learns how often a name was tried on all nodes.
    fn learn(&self, name: &str, number: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((tried, _)) = known.get_mut(name) {
            *tried = number.max(*tried);
        }
    }

    fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// The part of the sign-in page that asks for a password; nothing where nobody may have one.
pub(crate) fn way_in(visit: &Visit<'_>) -> Markup {
    if !visit.kernel().authority().takes_any_passwords() {
        return html! {};
    }
    html! {
        h2 { "Or with a password, for people of vendors" }
        form method="post" action="/sign-in" {
            div.field {
                label for="password-name" { "Name" }
                input #password-name type="text" name="name" required maxlength="64"
                    autocomplete="username" spellcheck="false";
            }
            div.field {
                label for="password" { "Password" }
                input #password type="password" name="password" required maxlength=(LONGEST)
                    autocomplete="current-password";
            }
            (code())
            p.act { button type="submit" { "Sign in with a password" } }
        }
    }
}

fn code() -> Markup {
    html! {
        div.field {
            label for="password-code" { "Code" }
            p.help #password-code-help { "The six digits that your authenticator app shows now; \
                others every " (STEP) " seconds." }
            input #password-code type="text" name="code" required maxlength="16"
                inputmode="numeric" autocomplete="one-time-code"
                aria-describedby="password-code-help";
        }
    }
}

/// Begins a session with a password, if the form carries one. Gives what the cookie has to say, or
/// what somebody sees whom it does not let in.
///
/// # Errors
/// What an answer refuses to its holder.
pub(crate) async fn begin(visit: &Visit<'_>) -> Result<Option<Reply>> {
    let Some(password) = visit.form.get("password") else { return Ok(None) };
    let name = visit.form.filled("name").unwrap_or_default();
    // Who is known is not told: a name that is none is as wrong as any other.
    let Ok(parsed) = Name::parse(name) else { return Ok(Some(refused(visit, None))) };
    match count(visit, &PrincipalId::person(&parsed)).await {
        Err(error) if error.kind() == Kind::Limit => {
            return Ok(Some(refused(visit, Some(&error))));
        }
        counted => counted?,
    }
    let derived = derived(visit, &PrincipalId::person(&parsed), password).await?;
    let caller = match visit.kernel().password(&password_hash(&derived)) {
        Ok(caller) => caller,
        Err(error) if error.restraint().is_some() => return Err(error),
        Err(_) => return Ok(Some(refused(visit, None))),
    };
    let code = visit.form.filled("code").unwrap_or_default();
    let operation = BeginSession::by_password(visit.kernel(), &caller, code)?;
    match visit.submit_as(caller, None, operation).await {
        Ok(done) => {
            visit.console.tries.forget(name);
            let cookie = sessions::kept(&done.output);
            Ok(Some(Reply::Keeping(Box::new(Reply::See("/".to_owned())), vec![cookie])))
        }
        // The password was right; whether the code was, or is allowed, whoever knows it may learn.
        Err(error) if error.kind() == Kind::Forbidden => Ok(Some(refused(visit, Some(&error)))),
        Err(error) => Err(error),
    }
}

/// Uses up one of the tries of a name, here and in the store: a node that knows of fewer asks for
/// the numbers that follow until one is left.
///
/// # Errors
/// `Limit` if none is.
async fn count(visit: &Visit<'_>, who: &PrincipalId) -> Result<()> {
    let (kernel, name) = (visit.kernel(), who.parts().1);
    kernel.may_try(&kernel::address(visit.peer))?;
    let now = kernel.now();
    let first = visit.console.tries.count(name, now)?;
    let credentials = kernel.authority().principal(who).map(|one| {
        let ids = one.credentials.iter().map(|one| one.id.clone());
        ids.collect::<Vec<_>>().join(" ")
    });
    // Whoever signs in has another credential, and begins anew.
    let since = hex(&kernel::digest(credentials.unwrap_or_default().as_bytes()));
    let window = u128::from(now.0) / WITHIN.as_micros();
    for number in first..=TRIES {
        let key = format!("password {name} {since} {window} {number}");
        let using = UseNonce::new("password", OVER);
        match visit.submit_as(Caller::bearer(), Some((key, ANYTHING)), using).await {
            Err(error) if error.kind() == Kind::Forbidden => {}
            used => {
                visit.console.tries.learn(name, number);
                return used.map(|_| ());
            }
        }
    }
    visit.console.tries.learn(name, TRIES);
    Err(Error::limit(OVER))
}

fn refused(visit: &Visit<'_>, why: Option<&Error>) -> Reply {
    visit.kernel().count_stranger(&kernel::address(visit.peer));
    let said = why.map_or("name or password are not known here", |error| error.message());
    let page = Page::new(
        "That did not sign you in",
        html! {
            p.sentence { (crate::show::sentence(said)) "." }
            p { a href="/sign-in" { "Sign in" } }
        },
    );
    page.status(StatusCode::UNAUTHORIZED).into()
}

/// What Argon2id makes of a password, with a salt of this person in this installation.
async fn derived(visit: &Visit<'_>, who: &PrincipalId, password: &str) -> Result<[u8; 32]> {
    if password.len() > LONGEST {
        return Err(Error::invalid("password", format!("at most {LONGEST} bytes")));
    }
    let origin = visit.kernel().identity().origin(HOUSE);
    let parts = ["bailee password salt v1", origin.as_str(), who.as_str()].join("\0");
    let salt = kernel::digest(parts.as_bytes());
    let password = password.as_bytes().to_vec();
    let busy = |_| Error::unavailable("the server is ending: try again");
    let _worker = WORKERS.acquire().await.map_err(busy)?;
    let made = tokio::task::spawn_blocking(move || stretch(&password, &salt)).await;
    made.map_err(|_| Error::unavailable("the server is ending: try again"))?
}

fn stretch(password: &[u8], salt: &[u8; 32]) -> Result<[u8; 32]> {
    let failed = |what: &str| Error::internal(format!("Argon2id: {what}"));
    let params = Params::new(COST.0, COST.1, 1, Some(32)).map_err(|_| failed("parameters"))?;
    let mut made = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut made)
        .map_err(|_| failed("it was not computed"))?;
    Ok(made)
}

/// `GET /password`
pub(crate) fn show(visit: &Visit<'_>) -> Result<Page> {
    let caller = visit.caller()?;
    let challenge = visit.console.ceremonies.begin(&purpose(caller), visit.kernel().now())?;
    page(visit, &challenge, html! {})
}

fn page(visit: &Visit<'_>, challenge: &str, first: Markup) -> Result<Page> {
    let secret = base32(&secret(visit, challenge)?).to_uppercase();
    let who = visit.caller()?.principal.parts().1.to_owned();
    let uri = format!(
        "otpauth://totp/Bailee:{who}?secret={secret}&issuer=Bailee&algorithm=SHA1&digits=6&\
         period={STEP}"
    );
    let body = html! {
        (first)
        p { "For people of vendors whose vendor manager allowed it. A " a href="/passkeys" {
            "passkey" } " is safer and quicker: make one if your device can. Within "
            (FRESH.as_secs() / 60) " minutes of signing in." }
        form method="post" action="/password" {
            (hidden(visit))
            input type="hidden" name="challenge" value=(challenge);
            div.field {
                label for="new-password" { "Password" }
                p.help #new-password-help { "At least " (SHORTEST) " characters; a few words that \
                    belong to nothing else." }
                input #new-password type="password" name="password" required
                    minlength=(SHORTEST) maxlength=(LONGEST) autocomplete="new-password"
                    aria-describedby="new-password-help";
            }
            div.field {
                label for="again" { "The same again" }
                input #again type="password" name="again" required maxlength=(LONGEST)
                    autocomplete="new-password";
            }
            h2 { "Your authenticator app" }
            p { "Let it read this picture, or type the secret in." }
            (picture(&uri)?)
            p { "Secret: " code #secret { (secret) } }
            (code())
            p.act { button type="submit" { "Set the password" } }
        }
    };
    Ok(Page::new("Your password", body))
}

fn purpose(caller: &Caller) -> String {
    format!("password {} {}", caller.principal, caller.credential)
}

/// The secret of the app: of the challenge of the page, so that nothing is kept of pages that
/// nobody sends.
fn secret(visit: &Visit<'_>, challenge: &str) -> Result<[u8; SECRET]> {
    let derived = visit.console.ceremonies.derive(challenge, "one-time codes");
    let bytes = unhex(&derived).and_then(|bytes| bytes.first_chunk::<SECRET>().copied());
    bytes.ok_or_else(|| Error::internal("a derived secret is too short"))
}

/// The code that apps read, as a picture.
fn picture(uri: &str) -> Result<Markup> {
    let code = QrCode::encode_text(uri, QrCodeEcc::Medium)
        .map_err(|_| Error::internal("the address of the secret is too long"))?;
    let size = code.size();
    let dark = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
    let dark = dark.filter(|(x, y)| code.get_module(*x, *y));
    let path: String = dark.map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    let all = size + 8;
    Ok(html! {
        svg role="img" aria-label="The secret, for an authenticator app" width="220" height="220"
            viewBox={ "-4 -4 " (all) " " (all) } shape-rendering="crispEdges" {
            rect x="-4" y="-4" width=(all) height=(all) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}

/// `POST /password`
pub(crate) async fn set(visit: &Visit<'_>) -> Result<Reply> {
    let caller = visit.caller()?.clone();
    let challenge = visit.form.get("challenge").unwrap_or_default();
    visit.console.ceremonies.known(challenge, &purpose(&caller), visit.kernel().now())?;
    match kept(visit, &caller, challenge).await {
        Ok(()) => {
            let body = html! {
                p.sentence { "The password is set. Sign in with it and a code of your app from \
                    now on." }
            };
            Ok(Page::new("Your password", body).into())
        }
        // The same secret is shown again: the app knows it already.
        Err(error) if error.kind() == Kind::Invalid => {
            let first =
                html! { p.error role="alert" { (crate::show::sentence(error.message())) "." } };
            let page = page(visit, challenge, first)?;
            Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
        Err(error) => Err(error),
    }
}

async fn kept(visit: &Visit<'_>, caller: &Caller, challenge: &str) -> Result<()> {
    let password = visit.form.get("password").unwrap_or_default();
    let name = caller.principal.parts().1;
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        let why = format!("a password has {SHORTEST} characters to {LONGEST} bytes");
        return Err(Error::invalid("password", why));
    }
    let mut letters: Vec<char> = password.to_lowercase().chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 5 || password.to_lowercase().contains(name) {
        let why = "this password is guessed first: take words that have nothing to do with you";
        return Err(Error::invalid("password", why));
    }
    if visit.form.get("again") != Some(password) {
        return Err(Error::invalid("again", "the two passwords differ: type them again"));
    }
    let derived = derived(visit, &caller.principal, password).await?;
    let code = visit.form.filled("code").unwrap_or_default();
    let secret = secret(visit, challenge)?;
    let operation = SetPassword::new(visit.kernel(), caller, &derived, (secret, code))?;
    visit.submit(operation).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::{TRIES, Tries, WITHIN, stretch};
    use kernel::Moment;

    #[test]
    fn another_salt_makes_another_hash() {
        let made = stretch(b"four plain words here", &[1; 32]).unwrap();
        assert_eq!(made, stretch(b"four plain words here", &[1; 32]).unwrap());
        assert_ne!(made, stretch(b"four plain words here", &[2; 32]).unwrap());
    }

    #[test]
    fn a_name_is_tried_so_often_and_waits() {
        let (tries, now) = (Tries::default(), Moment(1_000_000));
        for _ in 0..TRIES {
            tries.count("vic", now).unwrap();
        }
        assert!(tries.count("vic", now).is_err());
        tries.count("ana", now).unwrap();
        tries.count("vic", now.after(WITHIN)).unwrap();
        for number in 0..super::NAMES {
            let _ = tries.count(&number.to_string(), now.after(WITHIN));
        }
        assert!(tries.count("one more", now.after(WITHIN)).is_err(), "no memory is filled");
    }
}
