//! Public keys as authenticators write them (COSE, RFC 9053), and what they verify.

use crate::Error;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use ciborium::Value;

/// The numbers of the algorithms that are taken, best first, as a registration offers them: ES256,
/// EdDSA, ES384, RS256 (which Windows still makes).
pub const ALGORITHMS: [i64; 4] = [-7, -8, -35, -257];

/// A public key, checked to be of a kind that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    cose: Vec<u8>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Es256(Vec<u8>),
    Es384(Vec<u8>),
    EdDsa(Vec<u8>),
    Rs256 { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl PublicKey {
    /// Reads a key in its COSE form; it begins the bytes, and what follows is answered too.
    ///
    /// # Errors
    /// `Unreadable` for what is no such map, `Refused` for a kind of key that is not taken.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut rest = bytes;
        let value: Value =
            ciborium::from_reader(&mut rest).map_err(|_| Error::Unreadable("the public key"))?;
        let used = bytes.len() - rest.len();
        let cose = bytes.get(..used).unwrap_or_default().to_vec();
        let map = Map(value.as_map().ok_or(Error::Unreadable("the public key"))?);
        // Labels of RFC 9052 §7 and RFC 9053 §7: 1 kind, 3 algorithm, -1 curve or n, -2 x or e,
        // -3 y.
        let kind = match (map.number(1), map.number(3), map.number(-1)) {
            (Some(2), Some(-7), Some(1)) => Kind::Es256(map.point(32)?),
            (Some(2), Some(-35), Some(2)) => Kind::Es384(map.point(48)?),
            (Some(1), Some(-8), Some(6)) => Kind::EdDsa(map.bytes(-2, 32)?.to_vec()),
            (Some(3), Some(-257), None) => {
                Kind::Rs256 { modulus: map.any(-1)?.to_vec(), exponent: map.any(-2)?.to_vec() }
            }
            _ => return Err(Error::Refused("it is a kind of key that is not taken here")),
        };
        Ok((Self { cose, kind }, rest))
    }

    /// The COSE form, as it was read.
    pub fn cose(&self) -> &[u8] {
        &self.cose
    }

    /// Whether this key made this signature.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Kind::Es384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, point).verify(message, signature)
            }
            Kind::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Kind::Rs256 { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        }
        .is_ok()
    }
}

/// A map with numbers for names.
struct Map<'v>(&'v [(Value, Value)]);

impl Map<'_> {
    fn get(&self, label: i64) -> Option<&Value> {
        let named = |key: &Value| {
            key.as_integer().and_then(|number| i64::try_from(number).ok()) == Some(label)
        };
        self.0.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
    }

    fn number(&self, label: i64) -> Option<i64> {
        self.get(label)?.as_integer().and_then(|number| i64::try_from(number).ok())
    }

    fn any(&self, label: i64) -> Result<&[u8], Error> {
        let bytes = self.get(label).and_then(Value::as_bytes);
        bytes.map(Vec::as_slice).ok_or(Error::Unreadable("the public key"))
    }

    fn bytes(&self, label: i64, length: usize) -> Result<&[u8], Error> {
        let bytes = self.any(label)?;
        if bytes.len() == length { Ok(bytes) } else { Err(Error::Unreadable("the public key")) }
    }

    /// A point of a curve, uncompressed (SEC 1 §2.3.3).
    fn point(&self, length: usize) -> Result<Vec<u8>, Error> {
        let mut point = vec![4];
        point.extend_from_slice(self.bytes(-2, length)?);
        point.extend_from_slice(self.bytes(-3, length)?);
        Ok(point)
    }
}
