//! Attestation: whose device made a key, by the statement that its maker signed (§8.2, `packed`
//! with certificates).
//!
//! A statement is believed if it is over this very registration, by a certificate that names itself
//! one for attestation (§8.2.1), that chains to an authority that was named here, and is of the
//! model that the authenticator states. Statements of other forms, and those that a key makes of
//! itself, say nothing about the device and are refused where one is asked for.

use crate::data::sha256;
use crate::registration::Registration;
use crate::{Error, Registered};
use ciborium::Value;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ED25519,
    RSA_PKCS1_2048_8192_SHA256,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Signatures that certificates of makers have.
const OF_CERTIFICATES: &[&dyn SignatureVerificationAlgorithm] = &[
    ECDSA_P256_SHA256,
    ECDSA_P256_SHA384,
    ECDSA_P384_SHA256,
    ECDSA_P384_SHA384,
    ED25519,
    RSA_PKCS1_2048_8192_SHA256,
];

/// Authorities of makers at once.
const MOST: usize = 200;

/// Certificates of one statement.
const CHAIN: usize = 5;

/// Which extension of a certificate names the model: `id-fido-gen-ce-aaguid`.
const MODEL: &str = "1.3.6.1.4.1.45724.1.1.4";

/// Whose statements are believed.
#[derive(Clone, Debug)]
pub struct Makers {
    anchors: Vec<TrustAnchor<'static>>,
    models: Vec<[u8; 16]>,
}

impl Makers {
    /// The authorities of makers, in PEM, and the models that are taken; all of theirs if none is
    /// named.
    ///
    /// # Errors
    /// `Refused` if there is no certificate among them, or too many, or one that cannot be read.
    pub fn new(pem: &str, models: Vec<[u8; 16]>) -> Result<Self, Error> {
        let unreadable = Error::Unreadable("a certificate of a maker");
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| unreadable)?;
            let anchor = anchor_from_trusted_cert(&certificate).map_err(|_| unreadable)?;
            anchors.push(anchor.to_owned());
        }
        if anchors.is_empty() || anchors.len() > MOST {
            return Err(Error::Refused("1 to 200 certificates of makers are believed at once"));
        }
        Ok(Self { anchors, models })
    }
}

impl Registration {
    /// Whether one of these makers says that a device of theirs made the key. `now` is in seconds
    /// since 1970, and `made` what [`Registration::check`] gave.
    ///
    /// # Errors
    /// `Unreadable` or `Refused` with the first thing that is wrong.
    pub fn attested(&self, made: &Registered, makers: &Makers, now: u64) -> Result<(), Error> {
        let statement = Statement::of(&self.attestation)?;
        let (leaf, between) =
            statement.chain.split_first().ok_or(Error::Refused("it names no certificate"))?;
        names_itself(leaf, &made.model)?;
        if !makers.models.is_empty() && !makers.models.contains(&made.model) {
            return Err(Error::Refused("it is of a model that is not taken here"));
        }
        let certificate =
            EndEntityCert::try_from(leaf).map_err(|_| Error::Unreadable("its certificate"))?;
        let mut signed = statement.data.clone();
        signed.extend(sha256(&self.client_data));
        certificate
            .verify_signature(statement.algorithm, &signed, &statement.signature)
            .map_err(|_| Error::Refused("its statement is not signed by its certificate"))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
        certificate
            .verify_for_usage(
                OF_CERTIFICATES,
                &makers.anchors,
                between,
                time,
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map(|_| ())
            .map_err(|_| Error::Refused("it is of no maker that is believed here"))
    }
}

/// A statement in the form `packed`, with certificates.
struct Statement {
    data: Vec<u8>,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    signature: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
}

impl Statement {
    fn of(attestation: &[u8]) -> Result<Self, Error> {
        let unreadable = Error::Unreadable("the statement about the device");
        let value: Value = ciborium::from_reader(attestation).map_err(|_| unreadable)?;
        let part = |name: &str| found(&value, name).ok_or(unreadable);
        if part("fmt")?.as_text() != Some("packed") {
            return Err(Error::Refused(
                "it says nothing of its maker in the form `packed`: use a security key, and allow \
                 the browser to pass on its make and model",
            ));
        }
        let said = part("attStmt")?;
        let inner = |name: &str| found(said, name).ok_or(unreadable);
        let chain = found(said, "x5c").and_then(Value::as_array).ok_or(Error::Refused(
            "the key speaks for itself only: use a security key of a maker that is believed here",
        ))?;
        if chain.is_empty() || chain.len() > CHAIN {
            return Err(unreadable);
        }
        let der = |one: &Value| one.as_bytes().map(|der| CertificateDer::from(der.clone()));
        Ok(Self {
            data: part("authData")?.as_bytes().ok_or(unreadable)?.clone(),
            algorithm: algorithm(inner("alg")?)?,
            signature: inner("sig")?.as_bytes().ok_or(unreadable)?.clone(),
            chain: chain.iter().map(der).collect::<Option<_>>().ok_or(unreadable)?,
        })
    }
}

fn found<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let named = |(key, _): &&(Value, Value)| key.as_text() == Some(name);
    value.as_map()?.iter().find(named).map(|(_, value)| value)
}

/// What signed the statement, by its number in COSE.
fn algorithm(value: &Value) -> Result<&'static dyn SignatureVerificationAlgorithm, Error> {
    let number = value.as_integer().and_then(|number| i64::try_from(number).ok());
    match number {
        Some(-7) => Ok(ECDSA_P256_SHA256),
        Some(-8) => Ok(ED25519),
        Some(-35) => Ok(ECDSA_P384_SHA384),
        Some(-257) => Ok(RSA_PKCS1_2048_8192_SHA256),
        _ => Err(Error::Refused("its statement is signed in a way that is not known here")),
    }
}

/// Whether a certificate is one for attestation, of this model (§8.2.1).
fn names_itself(der: &[u8], model: &[u8; 16]) -> Result<(), Error> {
    let unreadable = Error::Unreadable("its certificate");
    let (rest, read) = X509Certificate::from_der(der).map_err(|_| unreadable)?;
    let is = |names: Vec<&str>| names == ["Authenticator Attestation"];
    let unit = read.subject().iter_organizational_unit().filter_map(|name| name.as_str().ok());
    if !rest.is_empty() || read.version().0 != 2 || !is(unit.collect()) || read.is_ca() {
        return Err(Error::Refused("its certificate is none for attestation"));
    }
    let known = read.extensions().iter().find(|one| one.oid.to_id_string() == MODEL);
    // An octet string of sixteen bytes, in an octet string.
    let states = |bytes: &[u8]| bytes.strip_prefix(&[4, 16]) == Some(model.as_slice());
    match known {
        Some(extension) if extension.critical || !states(extension.value) => {
            Err(Error::Refused("its certificate is of another model than it says it is"))
        }
        _ => Ok(()),
    }
}
