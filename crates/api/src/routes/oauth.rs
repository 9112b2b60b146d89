//! Signing in with a program that has no browser: the device authorization grant (RFC 8628), for
//! access tokens that are bound to a key (RFC 9449).

use super::shared::{Receipted, changed, fresh};
use super::table::{Gives, Route, delete, get, of, post};
use crate::answer::Answer;
use crate::keyed::{INTERVAL, Unproven, seconds};
use crate::path::decoded;
use crate::problem::Problem;
use crate::request::Call;
use domain::members::{BeginSession, DEVICE_LIFE, EndSession, SessionEnds};
use domain::register::action;
use hyper::StatusCode;
use jose::ProofOf;
use kernel::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

const DEVICE: &str = "/oauth/device_authorization";
const TOKEN: &str = "/oauth/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// Bytes of a form.
const BODY: usize = 8 * 1024;

/// Programs that may ask: they are public, so the name proves nothing.
const CLIENT: &str = "bailee-cli";

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    get(
        "/.well-known/oauth-authorization-server",
        "getOauthMetadata",
        "Says where programs sign people in (RFC 8414)",
    )
    .open()
    .gives(&[Gives::json(200, "The endpoints", of::<Metadata>)])
    .by(|call| Box::pin(metadata(call))),
    post(
        DEVICE,
        "authorizeDevice",
        "Begins signing in with a program without a browser (RFC 8628)",
    )
    .open()
    .bytes(BODY, FORM)
    .gives(&[Gives::json(200, "The codes", of::<Codes>)])
    .by(|call| Box::pin(begin(call))),
    post(TOKEN, "issueToken", "Gives an approved program its access token, bound to its key")
        .open()
        .bytes(BODY, FORM)
        .gives(&[Gives::json(200, "The token", of::<Token>)])
        .by(|call| Box::pin(token(call))),
    delete("/v1/session", "endSession", "Ends the session by which it is asked")
        .action(action::<SessionEnds>())
        .gives(&[Gives::json(200, "It ended", of::<Receipted<Ended>>), Gives::problem(409)])
        .by(|call| Box::pin(end(call))),
];

/// Where programs sign people in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OauthMetadata")]
pub(crate) struct Metadata {
    /// This server.
    issuer: String,
    /// Where codes are asked for.
    device_authorization_endpoint: String,
    /// Where tokens are.
    token_endpoint: String,
    /// Only device codes.
    grant_types_supported: [&'static str; 1],
    /// Nothing is authorized by a redirection.
    response_types_supported: [&'static str; 0],
    /// Programs are public clients.
    token_endpoint_auth_methods_supported: [&'static str; 1],
    /// How proofs may be signed.
    dpop_signing_alg_values_supported: [&'static str; 2],
}

/// The codes of a program.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeviceCodes")]
pub(crate) struct Codes {
    /// For the program alone.
    device_code: String,
    /// For the person to type in: eight letters, such as `BCDF-GHJK`.
    user_code: String,
    /// Where.
    verification_uri: String,
    /// Where, with the code in it.
    verification_uri_complete: String,
    /// Seconds until it is over.
    expires_in: u64,
    /// Seconds between two questions.
    interval: u64,
}

/// An access token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccessToken")]
pub(crate) struct Token {
    /// The token, which counts with a proof of the key it was asked for with.
    access_token: String,
    /// `DPoP`.
    token_type: &'static str,
    /// Seconds until it is over.
    expires_in: u64,
    /// Who signed in: `person:NAME` or `member:NAME`.
    principal: String,
}

/// A session that ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionEnded")]
pub(crate) struct Ended {
    /// Whose it was: `person:NAME` or `member:NAME`.
    principal: String,
}

/// A failure as RFC 6749 §5.2 has it.
#[derive(Serialize)]
struct Refused {
    error: &'static str,
    error_description: String,
}

async fn metadata(call: Call) -> Result<Answer, Problem> {
    let base = call.address()?;
    let all = Metadata {
        device_authorization_endpoint: format!("{base}{DEVICE}"),
        token_endpoint: format!("{base}{TOKEN}"),
        issuer: base,
        grant_types_supported: [GRANT],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ["none"],
        dpop_signing_alg_values_supported: ["ES256", "EdDSA"],
    };
    Answer::json(StatusCode::OK, &all)
}

async fn begin(call: Call) -> Result<Answer, Problem> {
    let form = match form(&call.body) {
        Ok(form) => form,
        Err(why) => return refused("invalid_request", why),
    };
    if !is_ours(&form) {
        return refused("invalid_client", format!("state the `client_id`: `{CLIENT}`"));
    }
    let device_code = call.keyed.device_code(fresh()?, call.kernel.now());
    let plain = call.keyed.user_code(&device_code);
    let (first, second) = plain.split_at(4);
    let user_code = format!("{first}-{second}");
    let verification_uri = format!("{}/device", call.address()?);
    let codes = Codes {
        verification_uri_complete: format!("{verification_uri}?code={user_code}"),
        verification_uri,
        device_code,
        user_code,
        expires_in: DEVICE_LIFE.as_secs(),
        interval: INTERVAL,
    };
    Answer::json(StatusCode::OK, &codes)
}

async fn token(call: Call) -> Result<Answer, Problem> {
    let form = match form(&call.body) {
        Ok(form) => form,
        Err(why) => return refused("invalid_request", why),
    };
    if !is_ours(&form) {
        return refused("invalid_client", format!("state the `client_id`: `{CLIENT}`"));
    }
    if form.get("grant_type").map(String::as_str) != Some(GRANT) {
        return refused("unsupported_grant_type", format!("only `{GRANT}`"));
    }
    let Some(device_code) = form.get("device_code") else {
        return refused("invalid_request", "state the `device_code`");
    };
    let now = call.kernel.now();
    let address = format!("{}{TOKEN}", call.address()?);
    let of = ProofOf { method: "POST", address: &address, token: None };
    let proved = match call.keyed.proved(&call.proofs, of, now) {
        Ok(proved) => proved,
        Err(Unproven::Nonce) => {
            let why = "the proof needs the nonce of this answer";
            return Ok(refused("use_dpop_nonce", why)?.nonce(&call.keyed.nonce(now)));
        }
        Err(Unproven::Proof(why)) => return refused("invalid_dpop_proof", why),
    };
    let Some(until) = call.keyed.device_until(device_code) else {
        call.kernel.count_stranger(&kernel::address(call.peer));
        return refused("invalid_grant", "this server made no such code");
    };
    if until <= seconds(now) {
        return refused("expired_token", "the code is over: begin anew");
    }
    if call.keyed.is_early(device_code, now) {
        return refused("slow_down", format!("ask every {INTERVAL} seconds"));
    }
    let code = call.keyed.user_code(device_code);
    let begun = BeginSession::by_device(&call.kernel, &code, proved.thumbprint);
    let (caller, begin) = match begun {
        Ok(begun) => begun,
        Err(error) if error.kind() == Kind::Unauthenticated => {
            return refused("authorization_pending", "nobody approved the code yet");
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(Unproven::Proof(why)) = call.keyed.once(&proved, now) {
        return refused("invalid_dpop_proof", why);
    }
    let session = call.submit_as(call.asked_by(caller), begin).await?.output;
    let token = Token {
        access_token: session.token,
        token_type: "DPoP",
        expires_in: seconds(session.until).saturating_sub(seconds(now)),
        principal: session.holder.to_string(),
    };
    Answer::json(StatusCode::OK, &token)
}

async fn end(call: Call) -> Result<Answer, Problem> {
    let principal = call.caller()?.principal.to_string();
    let end = EndSession::new(&call.kernel, call.caller()?)?;
    let done = call.submit(end).await?;
    changed(StatusCode::OK, Ended { principal }, done.receipts)
}

fn refused(error: &'static str, why: impl Into<String>) -> Result<Answer, Problem> {
    let body = Refused { error, error_description: why.into() };
    Answer::json(StatusCode::BAD_REQUEST, &body)
}

fn is_ours(form: &BTreeMap<String, String>) -> bool {
    form.get("client_id").is_some_and(|client| client == CLIENT)
}

/// A form; nothing stands twice (RFC 6749 §3.2), and what is not known is left out.
fn form(body: &[u8]) -> Result<BTreeMap<String, String>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the form is no text")?;
    let mut all = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = decoded(name, true)
            .zip(decoded(value, true))
            .ok_or("the form is not percent-encoded UTF-8")?;
        if all.insert(name, value).is_some() {
            return Err("something is stated twice");
        }
    }
    Ok(all)
}
