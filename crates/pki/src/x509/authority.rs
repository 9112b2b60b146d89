//! The authority of X.509: its key, and the certificate that others trust.

use super::der::{self, oid};
use super::subject::{check_name, common_name};
use super::{PublicKey, Serial};
use crate::Error;
use crate::window::LAST_MOMENT;
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sealing::Secret;
use std::borrow::Cow;
use std::fmt;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::parse_x509_certificate;

/// The longest life of an authority, in seconds: ten years and their leap days.
pub const MAX_AUTHORITY_LIFE: u64 = 3653 * 24 * 3600;

/// The longest certificate that is read, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;

const WHAT: &str = "authority's certificate";

/// A self-signed certificate of an authority on P-256 that issues clients and nothing below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityCertificate {
    pub(super) key: PublicKey,
    pub(super) subject: Vec<u8>,
    from: u64,
    until: u64,
    der: Vec<u8>,
}

/// An ECDSA key on P-256 with the certificate that others trust. Prints nothing of its key.
pub struct Authority {
    pair: EcdsaKeyPair,
    certificate: AuthorityCertificate,
}

impl Authority {
    /// Makes an authority of 32 secret bytes, valid from `from` until `until` (seconds since 1970).
    ///
    /// Its certificate is different each time, by the nonce of its signature, so it is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the name is 1 to 64 bytes without control characters and the life
    /// at most [`MAX_AUTHORITY_LIFE`]; [`Error::Crypto`] for secret bytes that are no key on P-256,
    /// as one in 2^32 is: draw others.
    pub fn create(
        secret: &Secret<32>,
        name: &str,
        serial: Serial,
        from: u64,
        until: u64,
    ) -> Result<Self, Error> {
        check_name("name", name)?;
        let life = until.checked_sub(from).filter(|life| *life > 0);
        let within = life.is_some_and(|life| life <= MAX_AUTHORITY_LIFE) && until <= LAST_MOMENT;
        if !within {
            return Err(Error::invalid("until", "must be after `from`, by at most ten years"));
        }
        let (pair, key) = pair(secret)?;
        let subject = common_name(name);
        let extensions = [
            // CA:TRUE, and no authority below it.
            der::extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]),
            // keyCertSign and cRLSign, bits 5 and 6.
            der::extension(oid::KEY_USAGE, true, &der::bits(&[0x06], 1)),
            der::extension(oid::SUBJECT_KEY, false, &der::octets(&key.identifier())),
        ];
        let body = Body { serial, issuer: &subject, from, until, subject: &subject, key: &key };
        let der = signed(&pair, &body.der(&extensions)?)?;
        Ok(Self { pair, certificate: AuthorityCertificate { key, subject, from, until, der } })
    }

    /// The authority of these secret bytes, with the certificate that was made of them before.
    ///
    /// # Errors
    /// As [`AuthorityCertificate::parse`]; [`Error::Forged`] when the certificate is of another
    /// key.
    pub fn load(secret: &Secret<32>, certificate: &[u8]) -> Result<Self, Error> {
        let certificate = AuthorityCertificate::parse(certificate)?;
        let (pair, key) = pair(secret)?;
        if key != certificate.key {
            return Err(Error::Forged { what: WHAT, by: "the authority's key" });
        }
        Ok(Self { pair, certificate })
    }

    /// What others trust.
    #[must_use]
    pub const fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    pub(super) fn sign(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        signed(&self.pair, body)
    }

    /// The extension by which a reader finds the authority's key.
    pub(super) fn key_extension(&self) -> Vec<u8> {
        let identifier = der::tagged(0x80, &self.certificate.key.identifier());
        der::extension(oid::AUTHORITY_KEY, false, &der::sequence(&[identifier]))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?})", self.certificate.key)
    }
}

impl AuthorityCertificate {
    /// Reads a certificate of the form that [`Authority::create`] makes, in DER or PEM.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything else, [`Error::Forged`] when it did not sign itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        let der = der_of_certificate(WHAT, bytes)?;
        let read = opened(WHAT, &der)?;
        let is_authority = read.extensions().iter().any(|extension| {
            matches!(extension.parsed_extension(), ParsedExtension::BasicConstraints(constraints)
                if constraints.ca && constraints.path_len_constraint == Some(0))
        });
        if !is_authority || read.subject().as_raw() != read.issuer().as_raw() {
            return Err(unreadable("it is no self-signed one with a path of length 0"));
        }
        let key = PublicKey::read(read.public_key())?;
        let body = read.tbs_certificate.as_ref();
        if !is_signed(&der, body, &read.signature_value.data, &key) {
            return Err(Error::Forged { what: WHAT, by: "its own key" });
        }
        let (from, until) = validity(&read).ok_or_else(|| unreadable("it begins before 1970"))?;
        let subject = read.subject().as_raw().to_vec();
        Ok(Self { key, subject, from, until, der: der.to_vec() })
    }

    /// From when until when it is valid, in seconds since 1970.
    #[must_use]
    pub const fn validity(&self) -> (u64, u64) {
        (self.from, self.until)
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, as `ssl_ca_file` of PostgreSQL and most programs want it.
    #[must_use]
    pub fn pem(&self) -> String {
        super::pem("CERTIFICATE", &self.der)
    }
}

/// The parts of a certificate that all have (RFC 5280, section 4.1.2).
pub(super) struct Body<'a> {
    pub(super) serial: Serial,
    pub(super) issuer: &'a [u8],
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) subject: &'a [u8],
    pub(super) key: &'a PublicKey,
}

impl Body<'_> {
    pub(super) fn der(&self, extensions: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
        let too_late = || Error::invalid("until", "must be before the year 10000");
        let from = der::moment(self.from).ok_or_else(too_late)?;
        let until = der::moment(self.until).ok_or_else(too_late)?;
        Ok(der::sequence(&[
            // Version 3 is written as 2.
            der::tagged(0xa0, &der::unsigned(&[2])),
            der::unsigned(self.serial.bytes()),
            algorithm(),
            self.issuer.to_vec(),
            der::sequence(&[from, until]),
            self.subject.to_vec(),
            self.key.spki(),
            der::tagged(0xa3, &der::sequence(extensions)),
        ]))
    }
}

/// The algorithm of all signatures here: ECDSA with SHA-256, without parameters (RFC 5758).
pub(super) fn algorithm() -> Vec<u8> {
    der::sequence(&[der::object(oid::ECDSA_WITH_SHA256)])
}

pub(super) fn pair(secret: &Secret<32>) -> Result<(EcdsaKeyPair, PublicKey), Error> {
    let refused = |_| Error::Crypto("take the secret bytes as a key on P-256; draw others");
    // ECDSA asks for both halves; the other one is computed by the side that agrees on keys.
    let private = PrivateKey::from_private_key(&ECDH_P256, secret.expose());
    let private = private.map_err(|_| refused(()))?;
    let public = private.compute_public_key().map_err(|_| refused(()))?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        secret.expose(),
        public.as_ref(),
    );
    Ok((pair.map_err(|_| refused(()))?, PublicKey::p256(public.as_ref())))
}

/// The DER of a certificate in DER or PEM.
pub(super) fn der_of_certificate<'a>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<Cow<'a, [u8]>, Error> {
    if bytes.len() > MAX_CERTIFICATE {
        return Err(Error::unreadable(what, "it is longer than 16 KiB"));
    }
    let der = super::der_of("CERTIFICATE", bytes);
    der.ok_or_else(|| Error::unreadable(what, "it is no single block `CERTIFICATE`"))
}

/// What this DER says, if it is one certificate and nothing behind it.
pub(super) fn opened<'a>(what: &'static str, der: &'a [u8]) -> Result<X509Certificate<'a>, Error> {
    match parse_x509_certificate(der) {
        Ok(([], read)) => Ok(read),
        Ok(_) => Err(Error::unreadable(what, "bytes follow its end")),
        Err(_) => Err(Error::unreadable(what, "it is no certificate in DER or PEM")),
    }
}

pub(super) fn signed(pair: &EcdsaKeyPair, body: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = pair.sign_digest(&digest(&SHA256, body));
    let signature = signature.map_err(|_| Error::Crypto("sign with the authority's key"))?;
    Ok(whole(body, signature.as_ref()))
}

/// What is signed, with its signature.
fn whole(body: &[u8], signature: &[u8]) -> Vec<u8> {
    der::sequence(&[body.to_vec(), algorithm(), der::bits(signature, 0)])
}

/// Whether `der` is this body, signed by this key, in the one form that is written here. The reader
/// of DER is lenient around the body, where no signature helps.
pub(super) fn is_signed(der: &[u8], body: &[u8], signature: &[u8], by: &PublicKey) -> bool {
    whole(body, signature) == der && by.verify(oid::ECDSA_WITH_SHA256, body, signature)
}

pub(super) fn validity(read: &X509Certificate<'_>) -> Option<(u64, u64)> {
    let from = u64::try_from(read.validity().not_before.timestamp()).ok()?;
    let until = u64::try_from(read.validity().not_after.timestamp()).ok()?;
    Some((from, until))
}
