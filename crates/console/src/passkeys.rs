//! Passkeys: signing in with one, making one, ending one's own.
//!
//! A page carries a challenge; the script asks the browser for the passkey and puts what it signed
//! into the form, which is sent as every form is. Without scripts there are links and recovery
//! codes.

use crate::ceremonies::{STALE, once};
use crate::form::hidden;
use crate::reply::{Page, Reply};
use crate::visit::Visit;
use ::passkeys::{ALGORITHMS, Registration, Site};
use domain::members::{
    AddPasskey, Asked, EndPasskey, FRESH, LookPasskeys, Once, OwnPasskey, Signed,
};
use domain::people::{Passkey, Proof, hex, unhex};
use kernel::authority::{Caller, Credential, CredentialKind};
use kernel::{Error, Moment, Result};
use maud::{Markup, html};

/// What a challenge for signing in is for.
const SIGN_IN: &str = "sign-in";

/// The part of the sign-in page that asks for a passkey; nothing where there can be none.
pub(crate) fn way_in(visit: &Visit<'_>) -> Result<Markup> {
    let Some(site) = site(visit) else { return Ok(html! {}) };
    let challenge = visit.console.ceremonies.begin(SIGN_IN, visit.kernel().now())?;
    Ok(html! {
        form #passkey method="post" action="/sign-in" data-passkey="get"
            data-challenge=(challenge) data-site=(site.domain()) {
            input type="hidden" name="challenge" value=(challenge);
            @if crate::approve::is_place(&visit.target) {
                input type="hidden" name="next" value=(visit.target);
            }
            (parts(""))
            p.act { button type="submit" { "Sign in with a passkey" } }
            noscript { p { "Passkeys need scripts: use a link or a recovery code." } }
        }
        h2 { "Or with a link or a recovery code" }
    })
}

/// The hidden fields that the script fills, each below this name.
pub(crate) fn parts(above: &str) -> Markup {
    let names = ["key_id", "client_data", "authenticator_data", "signature"];
    html! {
        @for name in names {
            input type="hidden" name={ (above) (name) } data-part=(name);
        }
        p.error data-said="" role="alert" {}
    }
}

/// Who signed in, by what the form carries; nothing if it carries no passkey.
///
/// # Errors
/// What is wrong with it, or an answer that refuses its holder.
pub(crate) fn signed_in(visit: &Visit<'_>) -> Result<Option<(Caller, Signed)>> {
    let Some(challenge) = visit.form.filled("challenge") else { return Ok(None) };
    let challenge = visit.console.ceremonies.answered(challenge, SIGN_IN, visit.kernel().now())?;
    let part = |name: &str| visit.form.get(name).unwrap_or_default().to_owned();
    let proof = Proof {
        key_id: part("key_id"),
        client_data: part("client_data"),
        authenticator_data: part("authenticator_data"),
        signature: part("signature"),
    };
    let attested = visit.console.makers.is_some();
    let key_id = unhex(&proof.key_id).filter(|id| !id.is_empty());
    let key_id = key_id.ok_or_else(Error::unauthenticated)?;
    let caller = visit.kernel().passkey(&Passkey::hash(&key_id))?;
    Ok(Some((caller, Signed { proof, challenge, attested })))
}

/// Whether somebody signed in has a passkey that counts now.
pub(crate) fn has(visit: &Visit<'_>) -> bool {
    let Ok(caller) = visit.caller() else { return false };
    let now = visit.kernel().now();
    let one = visit.kernel().authority().principal(&caller.principal);
    let passkey = |one: &Credential| one.kind == CredentialKind::Passkey && one.live(now);
    one.is_some_and(|one| one.credentials.iter().any(passkey))
}

/// The domain that passkeys belong to here: that of the public address, or `localhost` where
/// somebody tries it out.
pub(crate) fn site(visit: &Visit<'_>) -> Option<Site> {
    if let Some(site) = &visit.console.site {
        return Some(site.clone());
    }
    let host = visit.host.as_deref()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    (name == "localhost").then(|| Site::new(name).ok()).flatten()
}

/// `GET /passkeys`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    page(visit, html! {}).await
}

async fn page(visit: &Visit<'_>, first: Markup) -> Result<Page> {
    let caller = visit.caller()?.clone();
    let done = visit.submit(LookPasskeys::new(visit.kernel(), &caller)?).await?;
    let (own, codes) = (done.output.passkeys, done.output.codes);
    let body = html! {
        (first)
        p { "A passkey is a key on your device that your finger, face or PIN unlocks. It signs you \
             in and signs what you approve. Make two, on two devices." }
        (table(visit, &own))
        p { "Recovery codes left: " strong { (codes) } "." }
        @if for_vendors(visit, &caller) {
            p { "Your vendor manager allows passwords too: " a href="/password" { "set one" } "." }
        }
        h2 { "Make a passkey" }
        (making(visit, &caller)?)
    };
    Ok(Page::new("Your passkeys", body).seen(visit.entry(&done.receipts)))
}

fn table(visit: &Visit<'_>, own: &[OwnPasskey]) -> Markup {
    let when = |moment: u64| visit.clock.quoted(Moment(moment));
    html! {
        @if own.is_empty() {
            p.sentence { "You have no passkey yet." }
        } @else {
            div.scroll.stack role="region" aria-label="Your passkeys" tabindex="0" { table {
                caption { "Passkeys: " (own.len()) }
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Made" } th scope="col" { "Used" }
                    th scope="col" { "Copied" } th scope="col" { "Maker" }
                    th scope="col" { "End it" }
                } }
                tbody { @for one in own { tr {
                    td data-label="Name" { (one.name) }
                    td data-label="Made" { (when(one.made)) }
                    td data-label="Used" { @if let Some(used) = one.used { (when(used)) }
                        @else { "never" } }
                    td data-label="Copied" { @if one.backup_eligible { "may be" } @else { "no" } }
                    td data-label="Maker" { @if one.attested { "vouched for" } @else { "unknown" } }
                    td data-label="End it" {
                        form method="post" action={ "/passkeys/" (one.id) "/end" } {
                            (hidden(visit))
                            button.grave type="submit" { "End " (one.name) }
                        }
                    }
                } } }
            } }
        }
    }
}

fn making(visit: &Visit<'_>, caller: &Caller) -> Result<Markup> {
    let Some(site) = site(visit) else {
        return Ok(html! {
            p.warning { "▲ Passkeys belong to a domain: set " code { "public_url" } " to the \
                address of this server, and open it by that name." }
        });
    };
    let challenge = visit.console.ceremonies.begin(&purpose(caller), visit.kernel().now())?;
    let who = caller.principal.as_str();
    let user = hex(&kernel::digest(who.as_bytes()));
    let algorithms = ALGORITHMS.map(|one| one.to_string()).join(" ");
    let vouched = administers(visit, caller) && visit.console.makers.is_some();
    let statement = if vouched { "direct" } else { "none" };
    Ok(html! {
        @if vouched {
            p { "You administer: the key has to be of a maker that is named here. Let the browser \
                 pass on its make and model when it asks." }
        }
        p.help { "Within " (FRESH.as_secs() / 60) " minutes of signing in." }
        form #make method="post" action="/passkeys" data-passkey="make" data-user=(user)
            data-who=(who) data-challenge=(challenge) data-site=(site.domain())
            data-algorithms=(algorithms) data-attestation=(statement) {
            (hidden(visit))
            input type="hidden" name="challenge" value=(challenge);
            input type="hidden" name="client_data" data-part="client_data";
            input type="hidden" name="attestation" data-part="attestation";
            div.field {
                label for="make-name" { "Name" }
                p.help #make-name-help { "What you call the device, such as “laptop”." }
                input #make-name type="text" name="name" required maxlength="60"
                    autocomplete="off" aria-describedby="make-name-help";
            }
            p.error data-said="" role="alert" {}
            p.act { button type="submit" { "Make a passkey" } }
            noscript { p { "Making a passkey needs scripts." } }
        }
    })
}

/// Whether whoever asks works for a vendor whose people may have passwords.
fn for_vendors(visit: &Visit<'_>, caller: &Caller) -> bool {
    let rights = visit.kernel().authority();
    let vendor = rights.principal(&caller.principal).and_then(|one| one.vendor.clone());
    vendor.is_some_and(|vendor| rights.takes_passwords(&vendor))
}

fn administers(visit: &Visit<'_>, caller: &Caller) -> bool {
    let one = visit.kernel().authority().principal(&caller.principal);
    one.is_some_and(|one| one.roles.iter().any(|role| role == "administrator"))
}

fn purpose(caller: &Caller) -> String {
    format!("make {} {}", caller.principal, caller.credential)
}

/// `POST /passkeys`
pub(crate) async fn make(visit: &Visit<'_>) -> Result<Page> {
    let caller = visit.caller()?.clone();
    let site = site(visit).ok_or_else(|| Error::conflict("this server has no domain"))?;
    let challenge = visit.form.get("challenge").unwrap_or_default();
    let ceremonies = &visit.console.ceremonies;
    let challenge = ceremonies.answered(challenge, &purpose(&caller), visit.kernel().now())?;
    let part = |name: &'static str| {
        let bytes = visit.form.filled(name).and_then(unhex);
        bytes.ok_or_else(|| Error::invalid(name, "the browser handed over no passkey"))
    };
    let (client_data, attestation) = (part("client_data")?, part("attestation")?);
    let made = Registration { client_data, attestation };
    let name = visit.form.get("name").unwrap_or_default();
    let key = once(&challenge);
    let asked = Asked { challenge, site, makers: visit.console.makers.clone() };
    let add = AddPasskey::new(visit.kernel(), &caller, name, made, asked)?;
    let made = visit.submit_as(caller, Some(key), Once::new(add, STALE)).await?.output;
    let codes = html! {
        p.sentence { "The passkey is made." }
        @if !made.codes.is_empty() {
            h2 { "Recovery codes, shown once" }
            p { "Each begins one session if your passkeys are lost. Keep them on paper, or where \
                 you keep passwords." }
            pre.text tabindex="0" { @for code in &made.codes { (code) "\n" } }
        }
    };
    page(visit, codes).await
}

/// `POST /passkeys/ID/end`
pub(crate) async fn end(visit: &Visit<'_>, id: &str) -> Result<Reply> {
    let caller = visit.caller()?.clone();
    visit.submit(EndPasskey::new(visit.kernel(), &caller, id)?).await?;
    Ok(Reply::See("/passkeys".to_owned()))
}
