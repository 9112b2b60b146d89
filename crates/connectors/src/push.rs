//! Push delivery of security events (RFC 8935): one POST of one token.
//!
//! Promises: what is posted goes to the declared address over TLS and to nowhere else, no redirect
//! and no proxy; one attempt ends within its time, and the answer is read to a bound. Does not:
//! repeat, or look into the token.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;

use crate::outcome::{Outcome, said};
use crate::secret::Secret;
use crate::trust;
use crate::webhook::{Delivery, Plaintext, address, carry, innermost};

/// Where events go.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Its address, `https://…`.
    pub url: String,
    /// The bearer token that it wants.
    pub secret: Option<Secret>,
    /// Believe the authorities in this PEM text alone, instead of the operating system's.
    pub root_pem: Option<String>,
}

/// What a receiver says of an event that it does not take (RFC 8935 §2.3).
#[derive(Debug, Deserialize)]
struct Said {
    err: String,
    #[serde(default)]
    description: String,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// How it ended; permanently refused is what the same event can never change.
    pub outcome: Outcome,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// The error it names, such as `invalid_key`.
    pub error: Option<String>,
    /// What it says about it, or what kept an answer from coming.
    pub reply: String,
}

/// Posts a token once, for at most `timeout`.
pub async fn push(to: &Receiver, token: &str, timeout: Duration) -> Pushed {
    let delivery = carry(request(to, token), token.len(), timeout).await;
    let Delivery { status, outcome, reply, .. } = delivery;
    // What is no such answer, or longer than what is kept of one, is shown as it came.
    let named: Option<Said> = serde_json::from_str(&reply).ok().filter(|_| status == Some(400));
    let never = named.as_ref().is_some_and(|said| said.err == "invalid_request");
    let outcome = match outcome {
        Outcome::Refused { permanent } => Outcome::Refused { permanent: permanent || never },
        other => other,
    };
    match named {
        Some(Said { err, description }) => {
            let (error, reply) = (Some(said(err.as_bytes())), said(description.as_bytes()));
            Pushed { outcome, status, error, reply }
        }
        None => Pushed { outcome, status, error: None, reply },
    }
}

fn request(to: &Receiver, token: &str) -> Result<(Client, reqwest::Request), String> {
    let url = address(&to.url, Plaintext::Refused)?;
    let client = trust::https(to.root_pem.as_deref())?.tls_info(true).pool_max_idle_per_host(0);
    let client = client.build().map_err(|why| innermost(&why))?;
    let kind = HeaderValue::from_static("application/secevent+jwt");
    let json = HeaderValue::from_static("application/json");
    let mut request = client.post(url).header(CONTENT_TYPE, kind).header(ACCEPT, json);
    if let Some(secret) = &to.secret {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose()));
        let mut bearer = bearer.map_err(|_| "its secret is no bearer token".to_owned())?;
        bearer.set_sensitive(true);
        request = request.header(AUTHORIZATION, bearer);
    }
    let request = request.body(token.to_owned()).build().map_err(|why| innermost(&why))?;
    Ok((client, request))
}
