//! An issuer with a key, that signs whatever it is told to.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jose::KeySet;
use serde_json::{Value, json};

pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The issuer of this number; its key is always the same.
    pub fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap())
    }

    pub fn jwk(&self, id: &str) -> Value {
        let x = encoded(self.0.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id})
    }

    pub fn keys(&self) -> KeySet {
        KeySet::parse(json!({"keys": [self.jwk("k")]}).to_string().as_bytes()).unwrap()
    }

    /// Header and payload are taken as they are, JSON or not.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(payload));
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", encoded(signature.as_ref()))
    }

    pub fn token(&self, claims: &Value) -> String {
        self.sign(r#"{"alg":"EdDSA","kid":"k"}"#, &claims.to_string())
    }
}
