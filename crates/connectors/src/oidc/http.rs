//! Fetching from a provider, bounded.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;

use super::Problem;
use crate::outcome::said;
use crate::trust;

/// Most bytes of one answer.
const BYTES: usize = 256 * 1024;

/// Time of one fetch.
const TIME: Duration = Duration::from_secs(10);

/// A client that believes these authorities, or the operating system's.
///
/// # Errors
/// A sentence, when they are none.
pub(super) fn client(root_pem: Option<&str>) -> Result<Client, String> {
    let client = trust::https(root_pem)?.https_only(true).timeout(TIME);
    client.build().map_err(|why| why.to_string())
}

/// Fetches a document.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn get(client: &Client, url: &str) -> Result<Vec<u8>, Problem> {
    let (status, body) = read(client.get(url), url).await?;
    match status {
        200 => Ok(body),
        _ => Err(Problem::Unavailable(format!("`{url}` answered {status}: {}", said(&body)))),
    }
}

/// What the token endpoint answers, as far as it is looked at (RFC 6749 §5.1, §5.2).
#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    error: Option<String>,
}

/// Gives a code for an ID token.
///
/// # Errors
/// `Refused` if the provider does not take the code; `Unavailable` otherwise.
pub(super) async fn redeem(
    client: &Client,
    url: &str,
    basic: Option<(&str, &str)>,
    form: &[(&str, &str)],
) -> Result<String, Problem> {
    let mut request = client.post(url);
    if let Some((user, secret)) = basic {
        // RFC 6749 §2.3.1: both are encoded as in a form first.
        request = request.basic_auth(encoded(user), Some(encoded(secret)));
    }
    let body = form.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = zeroize::Zeroizing::new(body.collect::<Vec<_>>().join("&"));
    let kind = "application/x-www-form-urlencoded";
    let request = request.header("content-type", kind).body(body.as_bytes().to_vec());
    let (status, body) = read(request, url).await?;
    let answer: Option<Answer> = serde_json::from_slice(&body).ok();
    match (status, answer) {
        (200, Some(Answer { id_token: Some(token), error: None })) => Ok(token),
        (400, Some(Answer { error: Some(error), .. })) if error == "invalid_grant" => {
            Err(Problem::Refused("the provider does not take the code: sign in again".to_owned()))
        }
        (_, Some(Answer { error: Some(error), .. })) => {
            let error = said(error.as_bytes());
            Err(Problem::Unavailable(format!("the provider gives no token: `{error}`")))
        }
        _ => Err(Problem::Unavailable(format!("`{url}` answered {status} without a token"))),
    }
}

async fn read(request: RequestBuilder, url: &str) -> Result<(u16, Vec<u8>), Problem> {
    let unreachable = |why: reqwest::Error| {
        // What a redirect or a form holds is in no message of these errors but the address.
        Problem::Unavailable(format!("`{url}` cannot be reached: {}", why.without_url()))
    };
    let json = HeaderValue::from_static("application/json");
    let mut response = request.header(ACCEPT, json).send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > BYTES {
            return Err(Problem::Unavailable(format!("`{url}` answered more than {BYTES} bytes")));
        }
    }
    Ok((response.status().as_u16(), body))
}

/// As forms have it: everything but letters, digits and `-._~` as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What the provider is told of a verifier (RFC 7636 §4.2, S256).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{challenge, encoded};

    #[test]
    fn forms_and_challenges_are_as_their_standards_say() {
        assert_eq!(encoded("a b+c/ü~"), "a%20b%2Bc%2F%C3%BC~");
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
