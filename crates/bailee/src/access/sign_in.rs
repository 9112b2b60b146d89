//! `bailee sign-in`: signs whoever runs it in by a code that they type in where they are signed in
//! already (RFC 8628). The session is bound to a key that stays here.

use std::time::Duration;

use clap::Args;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::{Connect, Prover, Session, pause, seconds};
use crate::exit::{Exit, Failure};
use crate::output::{Output, note, printable};
use kernel::{Clock as _, SystemClock};

const CLIENT: &str = "client_id=bailee-cli";
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";

/// What `bailee sign-in` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Where to sign in.
    #[command(flatten)]
    connect: Connect,
}

/// Signs in.
///
/// # Errors
/// When the server cannot be asked, or nobody approves the code in time.
pub async fn run(options: &Options, output: Output) -> Result<(), Failure> {
    let (http, base) = options.connect.stranger()?;
    let place = Session::place()?;
    let asker = Asker { http, base };
    let (_, codes) = asker.post("oauth/device_authorization", CLIENT, None).await?;
    let text = |name: &str| codes.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| codes.get(name).and_then(Value::as_u64);
    note(&format!(
        "open {} and type in {}",
        printable(text("verification_uri")),
        printable(text("user_code"))
    ));
    let (prover, key) = Prover::new()?;
    let mut interval = Duration::from_secs(number("interval").unwrap_or(5).clamp(1, 60));
    let until = seconds(SystemClock.now()) + number("expires_in").unwrap_or(600).min(3600);
    let form = format!("{CLIENT}&{GRANT}&device_code={}", text("device_code"));
    while seconds(SystemClock.now()) < until {
        pause(interval).await;
        let (good, told) = asker.post("oauth/token", &form, Some(&prover)).await?;
        let said = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
        if good {
            let life = told.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
            let session = Session {
                url: asker.base.to_string(),
                principal: said("principal").to_owned(),
                until: seconds(SystemClock.now()) + life,
                token: said("access_token").to_owned(),
                key,
            };
            session.keep(&place)?;
            return signed_in(&session, output);
        }
        match said("error") {
            "authorization_pending" => {}
            "slow_down" => interval += Duration::from_secs(5),
            _ => return Err(refused(&told)),
        }
    }
    Err(Failure::new(Exit::Refused, "nobody typed the code in in time: sign in again"))
}

fn signed_in(session: &Session, output: Output) -> Result<(), Failure> {
    output.json(&json!({"principal": session.principal, "until": session.until}))?;
    let hours = session.until.saturating_sub(seconds(SystemClock.now())).div_ceil(3600);
    let who = printable(&session.principal);
    output.line(&format!("signed in as {who} for {hours} hours, with a key of this machine"))
}

fn refused(told: &Value) -> Failure {
    let said = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let why = format!("{} ({})", printable(said("error_description")), printable(said("error")));
    Failure::new(Exit::Refused, why)
}

struct Asker {
    http: reqwest::Client,
    base: Url,
}

impl Asker {
    /// Sends a form; whether it went well, and what was said.
    async fn post(
        &self,
        path: &str,
        form: &str,
        prover: Option<&Prover>,
    ) -> Result<(bool, Value), Failure> {
        let url = self.base.join(path).map_err(|why| Failure::usage(why.to_string()))?;
        // The first proof may lack the nonce, which the answer then has.
        for _ in 0..2 {
            let mut request = self.http.post(url.clone()).body(form.to_owned());
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            if let Some(prover) = prover {
                request = request.header("dpop", prover.proof("POST", &url, None)?);
            }
            let answer = request.send().await;
            let answer = answer.map_err(|error| crate::client::lost(&error, self.base.as_str()))?;
            let good = answer.status().is_success();
            let nonce = answer.headers().get("dpop-nonce").and_then(|one| one.to_str().ok());
            let nonce = nonce.map(str::to_owned);
            let told: Value = answer.json().await.map_err(|_| {
                Failure::failed("the server's answer is none of a server that signs programs in")
            })?;
            let again = told.get("error").is_some_and(|error| error == "use_dpop_nonce");
            match (prover, nonce) {
                (Some(prover), Some(nonce)) if !good && again => prover.told(&nonce),
                _ if prover.is_none() && !good => return Err(refused(&told)),
                _ => return Ok((good, told)),
            }
        }
        Err(Failure::failed("the server wants another nonce each time"))
    }
}
