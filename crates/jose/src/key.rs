//! Public keys as providers publish them (JWK, RFC 7517, RFC 7518 §6, RFC 8037), and what they
//! verify.

use crate::{Error, json};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Keys of one set that are looked at.
const KEYS: usize = 64;

/// How a token may be signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA by PKCS #1 1.5 with SHA-256, of 2048 bits at least; most providers still sign so.
    Rs256,
    /// RSA-PSS with SHA-256, of 2048 bits at least.
    Ps256,
}

impl Algorithm {
    /// All that are taken.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Ps256];

    /// The algorithm of this name; `Ed25519` is the newer one of `EdDSA` (RFC 9864).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }
}

/// A public key with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: Option<String>,
    only: Option<Algorithm>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl PublicKey {
    /// Reads a key; `None` for one that signs nothing that is taken here.
    ///
    /// # Errors
    /// `Unreadable` for one that should and has another form; `Refused` for one that is not public.
    pub fn parse(jwk: &Map<String, Value>) -> Result<Option<Self>, Error> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let bytes = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            bytes.filter(|bytes| !bytes.is_empty()).ok_or(Error::Unreadable("a key"))
        };
        let sized = |name: &str| {
            bytes(name).and_then(|bytes| match bytes.len() {
                32 => Ok(bytes),
                _ => Err(Error::Unreadable("a key")),
            })
        };
        let used = text("use").is_none_or(|used| used == "sig");
        let operations = jwk.get("key_ops").and_then(Value::as_array);
        let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
        let only = match text("alg").map(Algorithm::parse) {
            Some(None) => return Ok(None),
            other => other.flatten(),
        };
        if !used || !verifies {
            return Ok(None);
        }
        let kind = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => {
                Kind::P256([&[4][..], &sized("x")?, &sized("y")?].concat())
            }
            (Some("OKP"), Some("Ed25519")) => Kind::Ed25519(sized("x")?),
            (Some("RSA"), None) => Kind::Rsa { modulus: bytes("n")?, exponent: bytes("e")? },
            _ => return Ok(None),
        };
        if ["d", "k", "p", "q"].iter().any(|name| jwk.contains_key(*name)) {
            return Err(Error::Refused("a key is published with its private half: it is nobody's"));
        }
        Ok(Some(Self { id: text("kid").map(str::to_owned), only, kind }))
    }

    /// The key of this uncompressed point on P-256, for this algorithm.
    pub(crate) fn p256(point: &[u8], only: Algorithm) -> Self {
        Self { id: None, only: Some(only), kind: Kind::P256(point.to_vec()) }
    }

    /// Both coordinates of a point, as a set of keys has them; empty for other kinds.
    pub(crate) fn coordinates(&self) -> (String, String) {
        let Kind::P256(point) = &self.kind else { return Default::default() };
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// The thumbprint of the key (RFC 7638 §3): SHA-256 over its required members.
    pub fn thumbprint(&self) -> [u8; 32] {
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // Members in the order of their names, without anything between them.
        let members = match &self.kind {
            Kind::P256(_) => {
                let (x, y) = self.coordinates();
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Kind::Ed25519(key) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, coded(key))
            }
            Kind::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, coded(exponent), coded(modulus))
            }
        };
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, members.as_bytes()).as_ref());
        hash
    }

    /// Whether it may have signed with this algorithm, by its kind and by what it says itself.
    fn signs(&self, algorithm: Algorithm) -> bool {
        let kind = match self.kind {
            Kind::P256(_) => algorithm == Algorithm::Es256,
            Kind::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Kind::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether this key made this signature.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.signs(algorithm) {
            return false;
        }
        match &self.kind {
            Kind::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Kind::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Kind::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                match algorithm {
                    Algorithm::Ps256 => key.verify(&RSA_PSS_2048_8192_SHA256, message, signature),
                    _ => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
                }
            }
        }
        .is_ok()
    }
}

/// The keys of one issuer (RFC 7517 §5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a set; keys that are not taken here are left out (§5).
    ///
    /// # Errors
    /// `Unreadable` for what is no set, `Refused` for a private key in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let set = json::object(bytes, "the set of keys")?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(Error::Unreadable("the set of keys"))?;
        if keys.len() > KEYS {
            return Err(Error::Refused("the set has more than 64 keys"));
        }
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let key = key.as_object().ok_or(Error::Unreadable("a key"))?;
            all.extend(PublicKey::parse(key)?);
        }
        Ok(Self(all))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token with this id and algorithm. A token without an id is
    /// taken only where one key fits, so that nobody chooses among them.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fit = self.0.iter().filter(|key| key.signs(algorithm));
        match id {
            Some(id) => fit.find(|key| key.id.as_deref() == Some(id)),
            None => match (fit.next(), fit.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            },
        }
    }
}
