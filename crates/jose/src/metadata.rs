//! What a provider says of itself (OpenID Connect Discovery 1.0 §3, RFC 8414).

use crate::{Error, json};
use serde_json::{Map, Value};

/// Where a provider does what, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where people sign in; empty where nobody does.
    pub authorization: Option<String>,
    /// Where a code becomes a token.
    pub token: Option<String>,
    /// Where its keys are.
    pub keys: String,
    /// Whether it names itself when it sends somebody back (RFC 9207), and so always has to.
    pub names_itself: bool,
    /// Whether the secret of a client goes into the body, because it takes it nowhere else.
    pub secret_in_body: bool,
}

impl Metadata {
    /// Reads what the provider of this exact name says.
    ///
    /// # Errors
    /// `Unreadable`; `Refused` if it is another's, or the provider cannot do what is needed.
    pub fn parse(bytes: &[u8], issuer: &str) -> Result<Self, Error> {
        let said = json::object(bytes, "what the provider says of itself")?;
        // §4.3: a document of somebody else would send people and codes elsewhere.
        if said.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(Error::Refused("the document is of another issuer than the one named"));
        }
        let keys = address(&said, "jwks_uri")?;
        let keys = keys.ok_or(Error::Refused("the provider publishes no keys (`jwks_uri`)"))?;
        if listed(&said, "code_challenge_methods_supported", "S256") == Some(false) {
            return Err(Error::Refused("the provider does not know PKCE with S256 (RFC 7636)"));
        }
        let basic = listed(&said, "token_endpoint_auth_methods_supported", "client_secret_basic");
        let post = listed(&said, "token_endpoint_auth_methods_supported", "client_secret_post");
        let names = said.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            authorization: address(&said, "authorization_endpoint")?,
            token: address(&said, "token_endpoint")?,
            keys,
            names_itself: names.and_then(Value::as_bool) == Some(true),
            secret_in_body: basic == Some(false) && post == Some(true),
        })
    }
}

/// An address; without TLS it is none.
fn address(said: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    let Some(value) = said.get(name) else { return Ok(None) };
    let address = value.as_str().filter(|text| text.starts_with("https://") && text.len() <= 2048);
    let why = Error::Refused("an address that the provider names is not `https://…`");
    address.map(|text| Some(text.to_owned())).ok_or(why)
}

/// Whether a list has this word; `None` without the list.
fn listed(said: &Map<String, Value>, name: &str, word: &str) -> Option<bool> {
    let list = said.get(name)?.as_array()?;
    Some(list.iter().any(|one| one.as_str() == Some(word)))
}
