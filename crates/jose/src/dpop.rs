//! Proofs of possession of a key (DPoP, RFC 9449).

use crate::{Algorithm, Compact, Error, PublicKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How old a proof may be, and how far ahead its clock, in seconds.
pub const PROOF_SECONDS: u64 = 60;

/// What a proof has to be for.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'w> {
    /// The method of the request.
    pub method: &'w str,
    /// Its address, without query and fragment.
    pub address: &'w str,
    /// The access token it comes with; none at the token endpoint.
    pub token: Option<&'w str>,
}

/// A proof that was checked, but for its nonce and whether it was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpopProof {
    /// The thumbprint of the key (RFC 7638), SHA-256.
    pub thumbprint: [u8; 32],
    /// Its id (`jti`), to see it once.
    pub id: String,
    /// The nonce of the server, if it has one.
    pub nonce: Option<String>,
    /// The idempotency key of the request, if whoever signed the proof stated it there too.
    pub idempotency_key: Option<String>,
}

impl DpopProof {
    /// Checks a proof at this moment, in seconds since 1970 (RFC 9449 §4.3).
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(proof: &str, of: ProofOf<'_>, now: u64) -> Result<Self, Error> {
        let read = Compact::parse(proof)?;
        if read.header().kind.as_deref() != Some("dpop+jwt") {
            return Err(Error::Refused("it is no proof: its type has to be `dpop+jwt`"));
        }
        if !matches!(read.header().algorithm, Algorithm::Es256 | Algorithm::EdDsa) {
            return Err(Error::Refused("sign proofs with ES256 or EdDSA"));
        }
        let key = read.embedded().ok_or(Error::Refused("it brings no key (`jwk`)"))?;
        let key = PublicKey::parse(key)?;
        let key = key.ok_or(Error::Refused("its key signs nothing that is taken here"))?;
        let thumbprint = key.thumbprint();
        let claims = read.verify_by(&key)?;
        let is = |name: &str, wanted: &str| claims.text(name) == Some(wanted);
        if !is("htm", of.method) {
            return Err(Error::Refused("it is for another method (`htm`)"));
        }
        let stated = claims.text("htu").unwrap_or_default();
        let stated = stated.split(['?', '#']).next().unwrap_or_default();
        if stated != of.address {
            return Err(Error::Refused("it is for another address (`htu`)"));
        }
        let issued = claims.moment("iat")?;
        let issued = issued.ok_or(Error::Refused("it does not say when it was made (`iat`)"))?;
        if issued.abs_diff(now) > PROOF_SECONDS {
            let why = "it was not made just now (`iat`): compare the clocks of both sides";
            return Err(Error::Refused(why));
        }
        if let Some(token) = of.token {
            let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
            if !is("ath", &hash) {
                return Err(Error::Refused("it is for another access token (`ath`)"));
            }
        }
        let id = claims.name("jti", "its id (`jti`) is none")?;
        let id = id.ok_or(Error::Refused("it has no id (`jti`)"))?;
        let nonce = claims.text("nonce").map(str::to_owned);
        let idempotency_key = claims.text("idempotency_key").map(str::to_owned);
        Ok(Self { thumbprint, id, nonce, idempotency_key })
    }
}
