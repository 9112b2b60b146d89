//! The compact form: header, payload and signature, with dots between them (RFC 7515 §7.1).

use crate::claims::Claims;
use crate::{Algorithm, Error, KeySet, PublicKey, json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes; those with many groups in them have some KiB.
pub const MAX_BYTES: usize = 16 * 1024;

/// What the header says (RFC 7515 §4.1), as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// By which key of its issuer.
    pub key_id: Option<String>,
    /// What kind of token it says it is: lower case, without `application/` (§4.1.9).
    pub kind: Option<String>,
}

/// A token that was read and not yet verified. Of its payload only the issuer is shown, to know
/// whose keys to try.
#[derive(Clone, Debug)]
pub struct Compact<'t> {
    header: Header,
    signed: &'t [u8],
    signature: Vec<u8>,
    claims: Claims,
    embedded: Option<Map<String, Value>>,
}

impl<'t> Compact<'t> {
    /// Reads a token.
    ///
    /// # Errors
    /// `Unreadable`, or `Refused` for an algorithm that is not taken or something critical in it.
    pub fn parse(token: &'t str) -> Result<Self, Error> {
        const WHAT: Error = Error::Unreadable("the token");
        if token.len() > MAX_BYTES {
            return Err(Error::Refused("the token is longer than 16 KiB"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(WHAT)?;
        let (header, payload) = signed.split_once('.').ok_or(WHAT)?;
        if payload.contains('.') {
            return Err(WHAT);
        }
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| WHAT);
        let (header, embedded) = read(&decoded(header)?)?;
        let claims = Claims::new(json::object(&decoded(payload)?, "the claims")?);
        let signature = decoded(signature)?;
        Ok(Self { header, signed: signed.as_bytes(), signature, claims, embedded })
    }

    /// What the header says, which proves nothing yet.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key that the token brings itself. It proves who holds it, and nothing of anybody else,
    /// so only proofs of possession look at it.
    pub(crate) fn embedded(&self) -> Option<&Map<String, Value>> {
        self.embedded.as_ref()
    }

    /// The claims, once this key signed them.
    ///
    /// # Errors
    /// `Refused` if it did not.
    pub(crate) fn verify_by(&self, key: &PublicKey) -> Result<&Claims, Error> {
        match key.verifies(self.header.algorithm, self.signed, &self.signature) {
            true => Ok(&self.claims),
            false => Err(Error::Refused("the signature is not of the key that it brings")),
        }
    }

    /// Who says that they issued it, which proves nothing yet.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// The claims, once a key of this set signed them.
    ///
    /// # Errors
    /// `UnknownKey` if the set has no key of that id and algorithm, `Refused` if that one did not.
    pub fn verify(self, keys: &KeySet) -> Result<(Header, Claims), Error> {
        let Header { algorithm, key_id, .. } = &self.header;
        let key = keys.find(key_id.as_deref(), *algorithm).ok_or(Error::UnknownKey)?;
        match key.verifies(*algorithm, self.signed, &self.signature) {
            true => Ok((self.header, self.claims)),
            false => Err(Error::Refused("the signature is not of the key that is named")),
        }
    }
}

/// Reads a header.
fn read(bytes: &[u8]) -> Result<(Header, Option<Map<String, Value>>), Error> {
    const WHAT: Error = Error::Unreadable("the header");
    let header = json::object(bytes, "the header")?;
    // What is critical has to be understood (§4.1.11), and nothing of that kind is.
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Error::Refused("the header holds something critical that is not known here"));
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(WHAT),
    };
    let algorithm = Algorithm::parse(text("alg")?.ok_or(WHAT)?);
    let algorithm = algorithm.ok_or(Error::Refused(
        "it is signed by no algorithm that is taken: sign with ES256, EdDSA, RS256 or PS256",
    ))?;
    let kind = text("typ")?.map(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.strip_prefix("application/").unwrap_or(&kind).to_owned()
    });
    let key_id = text("kid")?.map(str::to_owned);
    let embedded = header.get("jwk").and_then(Value::as_object).cloned();
    Ok((Header { algorithm, key_id, kind }, embedded))
}
