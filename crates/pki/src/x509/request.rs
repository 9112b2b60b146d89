//! Certification requests (PKCS#10, RFC 2986): proof that their sender holds the key.

use super::PublicKey;
use crate::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{ExtendedKeyUsage, ParsedExtension};
use x509_parser::prelude::FromDer as _;

/// The longest request that is read, in bytes, in DER or in PEM.
const MAX_REQUEST: usize = 16 * 1024;

const WHAT: &str = "certification request";

impl PublicKey {
    /// Takes the key out of a certification request in DER or PEM, whose signature shows that its
    /// sender holds the private key.
    ///
    /// Nothing else of it is used. Its subject, and alternative names that it asks for, are
    /// ignored, since the caller says whom the certificate is about.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for more than 16 KiB, bytes behind its end, or what is no request;
    /// [`Error::Forged`] when the signature is not of its own key, or with SHA-1;
    /// [`Error::Invalid`] for a key that is not taken, and for a request of rights that are never
    /// given: to be an authority, to sign certificates or lists, or another use than of a client.
    pub fn from_request(request: &[u8]) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        if request.len() > MAX_REQUEST {
            return Err(unreadable("it is longer than 16 KiB"));
        }
        let der = super::der_of("CERTIFICATE REQUEST", request)
            .ok_or_else(|| unreadable("it is no single block `CERTIFICATE REQUEST`"))?;
        let request = match X509CertificationRequest::from_der(&der) {
            Ok(([], request)) => request,
            Ok(_) => return Err(unreadable("bytes follow its end")),
            Err(_) => return Err(unreadable("it is no PKCS#10 in DER or PEM")),
        };
        let info = &request.certification_request_info;
        let key = Self::read(&info.subject_pki)?;
        let signature = &request.signature_value;
        let whole = signature.unused_bits == 0;
        let algorithm = request.signature_algorithm.algorithm.as_bytes();
        if !whole || !key.verify(algorithm, info.raw, &signature.data) {
            return Err(Error::Forged { what: WHAT, by: "its own key, with SHA-256 or better" });
        }
        for attribute in info.iter_attributes() {
            if let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() {
                for extension in &asked.extensions {
                    check(extension.parsed_extension())?;
                }
            }
        }
        Ok(key)
    }
}

/// Refuses what would be ignored to the sender's surprise, and what no honest client asks for.
fn check(extension: &ParsedExtension<'_>) -> Result<(), Error> {
    let refused = match extension {
        ParsedExtension::BasicConstraints(constraints) => {
            constraints.ca.then_some("asks to be an authority; only clients are issued")
        }
        ParsedExtension::KeyUsage(usage) => (usage.key_cert_sign() || usage.crl_sign())
            .then_some("asks to sign certificates or lists; only clients are issued"),
        ParsedExtension::ExtendedKeyUsage(usage) => (!is_client(usage))
            .then_some("asks for another use than of a client; leave out extended key usage"),
        ParsedExtension::SubjectAlternativeName(_) | ParsedExtension::SubjectKeyIdentifier(_) => {
            None
        }
        _ => Some("asks for an extension that is not given; leave it out"),
    };
    refused.map_or(Ok(()), |why| Err(Error::invalid("request", why)))
}

/// For clients and for nothing else.
pub(super) fn is_client(usage: &ExtendedKeyUsage<'_>) -> bool {
    let others = usage.any
        || usage.server_auth
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    usage.client_auth && !others
}
