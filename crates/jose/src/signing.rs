//! A key of our own, and what it signs: ES256 (RFC 7518 §3.4) and nothing else.

use crate::{Algorithm, Error, PublicKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::fmt;

/// A private key on P-256. Prints nothing of itself.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// The key of this secret number.
    ///
    /// # Errors
    /// `Refused` for the one in 2^32 that is none: draw another one.
    pub fn new(secret: &[u8; 32]) -> Result<Self, Error> {
        const WHY: Error = Error::Refused("these bytes are no key on P-256: draw others");
        // ECDSA asks for both halves; the side that agrees on keys computes the other one.
        let private = PrivateKey::from_private_key(&ECDH_P256, secret).map_err(|_| WHY)?;
        let public = private.compute_public_key().map_err(|_| WHY)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            secret,
            public.as_ref(),
        );
        let public = PublicKey::p256(public.as_ref(), Algorithm::Es256);
        Ok(Self { pair: pair.map_err(|_| WHY)?, public })
    }

    /// Its id: the thumbprint of the public half (RFC 7638), so that nobody has to keep one.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public.thumbprint())
    }

    /// The public half, as a set of keys has it (RFC 7517 §5).
    pub fn public(&self) -> Value {
        let (x, y) = self.public.coordinates();
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256",
            "kid": self.id()})
    }

    /// These claims as a token of this kind (`typ`, RFC 7515 §4.1.9), in the compact form.
    ///
    /// # Errors
    /// `Unreadable` if they have no JSON form; `Refused` when the library does not sign.
    pub fn sign(&self, kind: &str, claims: &Map<String, Value>) -> Result<String, Error> {
        let header = json!({"alg": "ES256", "typ": kind, "kid": self.id()}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| Error::Unreadable("the claims"))?;
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", coded(header.as_bytes()), coded(&claims));
        let signature = self.pair.sign_digest(&digest(&SHA256, signed.as_bytes()));
        let signature = signature.map_err(|_| Error::Refused("the library did not sign it"))?;
        Ok(format!("{signed}.{}", coded(signature.as_ref())))
    }
}
