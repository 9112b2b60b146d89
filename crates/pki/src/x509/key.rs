//! Public keys of X.509, checked and written anew.

use super::der;
use crate::Error;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use std::fmt;
use x509_parser::asn1_rs::Tag;
use x509_parser::prelude::{AlgorithmIdentifier, FromDer as _, SubjectPublicKeyInfo};
use x509_parser::public_key::RSAPublicKey;

/// The sizes of RSA that are taken, in bits; as for SSH.
const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=8192;

/// The longest key that is read, in bytes.
const MAX_KEY: usize = 4096;

pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
const EDWARDS: &[u8] = &[0x2b, 0x65, 0x70];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const RSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
const RSA_WITH_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];

/// A public key of a kind that is taken (RFC 5480, RFC 8410, RFC 3279): ECDSA on P-256 or P-384,
/// Ed25519, RSA of 3072 to 8192 bits. Points are on their curve.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER. That its sender holds the private key is not shown;
    /// [`PublicKey::from_request`] asks for that.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it is none, bytes behind it among it; [`Error::Invalid`] for a
    /// key of a kind or size that is not taken.
    pub fn from_spki(der: &[u8]) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable("public key", why);
        if der.len() > MAX_KEY {
            return Err(unreadable("it is longer than 4096 bytes"));
        }
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], info)) => Self::read(&info),
            Ok(_) => Err(unreadable("bytes follow its end")),
            Err(_) => Err(unreadable("it is no SubjectPublicKeyInfo in DER")),
        }
    }

    pub(super) fn read(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, Error> {
        let kind = Kind::of(&info.algorithm)?;
        if info.subject_public_key.unused_bits != 0 {
            return Err(Error::unreadable("public key", "it is not whole bytes"));
        }
        let bytes = info.subject_public_key.data.to_vec();
        kind.check(&bytes)?;
        Ok(Self { kind, bytes })
    }

    /// The key of an uncompressed point on P-256.
    pub(super) fn p256(point: &[u8]) -> Self {
        Self { kind: Kind::P256, bytes: point.to_vec() }
    }

    /// The `SubjectPublicKeyInfo` in DER, written in the one form of its kind.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = match self.kind {
            Kind::P256 => der::sequence(&[der::object(EC_PUBLIC_KEY), der::object(P256)]),
            Kind::P384 => der::sequence(&[der::object(EC_PUBLIC_KEY), der::object(P384)]),
            Kind::Ed25519 => der::sequence(&[der::object(EDWARDS)]),
            Kind::Rsa => der::sequence(&[der::object(RSA), der::null()]),
        };
        der::sequence(&[algorithm, der::bits(&self.bytes, 0)])
    }

    /// The identifier of RFC 7093, method 1: 160 bits of SHA-256 over the key's bits.
    pub(super) fn identifier(&self) -> Vec<u8> {
        digest(&SHA256, &self.bytes).as_ref().iter().copied().take(20).collect()
    }

    /// Checks a signature by this key, with the algorithm of this object identifier.
    pub(super) fn verify(&self, algorithm: &[u8], signed: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match (self.kind, algorithm) {
            (Kind::P256, der::oid::ECDSA_WITH_SHA256) => &ECDSA_P256_SHA256_ASN1,
            (Kind::P256, ECDSA_WITH_SHA384) => &ECDSA_P256_SHA384_ASN1,
            (Kind::P384, der::oid::ECDSA_WITH_SHA256) => &ECDSA_P384_SHA256_ASN1,
            (Kind::P384, ECDSA_WITH_SHA384) => &ECDSA_P384_SHA384_ASN1,
            (Kind::Ed25519, EDWARDS) => &ED25519,
            (Kind::Rsa, RSA_WITH_SHA256) => &RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, RSA_WITH_SHA384) => &RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, RSA_WITH_SHA512) => &RSA_PKCS1_2048_8192_SHA512,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(signed, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Kind {
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        let parameter = algorithm.parameters.as_ref();
        // What the parameter means, by its kind: `as_oid` alone does not look at the tag.
        let curve = parameter.filter(|any| any.tag() == Tag::Oid).map(|any| any.data);
        let null = parameter.is_some_and(|any| any.tag() == Tag::Null && any.data.is_empty());
        match (algorithm.algorithm.as_bytes(), curve) {
            (EC_PUBLIC_KEY, Some(P256)) => Ok(Self::P256),
            (EC_PUBLIC_KEY, Some(P384)) => Ok(Self::P384),
            (EDWARDS, None) if parameter.is_none() => Ok(Self::Ed25519),
            (RSA, None) if null => Ok(Self::Rsa),
            _ => Err(Error::invalid(
                "key",
                "is of another kind; send ECDSA on P-256 or P-384, Ed25519 or RSA",
            )),
        }
    }

    fn check(self, bytes: &[u8]) -> Result<(), Error> {
        let sound = match self {
            Self::P256 => on_curve(&ECDSA_P256_SHA256_ASN1, bytes),
            Self::P384 => on_curve(&ECDSA_P384_SHA384_ASN1, bytes),
            Self::Ed25519 => bytes.len() == 32,
            Self::Rsa => rsa(bytes)?,
        };
        if sound {
            Ok(())
        } else {
            Err(Error::unreadable("public key", "it is no key of its kind"))
        }
    }
}

/// Uncompressed points only: they are the only ones that every reader knows.
fn on_curve(algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> bool {
    point.first() == Some(&4) && ParsedPublicKey::new(algorithm, point).is_ok()
}

fn rsa(bytes: &[u8]) -> Result<bool, Error> {
    let Ok(([], key)) = RSAPublicKey::from_der(bytes) else { return Ok(false) };
    let strip = |number: &[u8]| -> Vec<u8> {
        number.iter().copied().skip_while(|byte| *byte == 0).collect()
    };
    let (modulus, exponent) = (strip(key.modulus), strip(key.exponent));
    let leading = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (modulus.len() * 8).saturating_sub(leading);
    if !RSA_BITS.contains(&bits) {
        let why = format!("is RSA of {bits} bits; 3072 to 8192 are taken");
        return Err(Error::invalid("key", why));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    // Written anew it must be the same: one key has one form.
    let canonical = der::sequence(&[der::unsigned(&modulus), der::unsigned(&exponent)]) == bytes;
    Ok(canonical && odd(&modulus) && odd(&exponent) && exponent != [1] && exponent.len() <= 4)
}
