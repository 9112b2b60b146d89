//! Client certificates: issued, and read back.

use super::authority::{Body, der_of_certificate, is_signed, opened, validity};
use super::der::{self, oid};
use super::request::is_client;
use super::{Authority, AuthorityCertificate, PublicKey, Serial, Subject};
use crate::{Error, Window};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::x509::X509Name;

const WHAT: &str = "client certificate";

/// What a client certificate is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The key that it is about.
    pub key: &'a PublicKey,
    /// Its number, random.
    pub serial: Serial,
    /// Whom it is about.
    pub subject: Subject,
    /// From when until when it is valid; not longer than its authority.
    pub window: Window,
}

/// A client certificate whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The key that it is about.
    pub key: PublicKey,
    /// Its number, by which a list names it.
    pub serial: Serial,
    /// Whom it is about.
    pub subject: Subject,
    /// From when until when it is valid. Reading does not compare it with a clock.
    pub window: Window,
    der: Vec<u8>,
}

impl Authority {
    /// Makes a client certificate: for signing in TLS as a client, and for nothing else.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what is outside its rules; [`Error::Crypto`] when the library does
    /// not sign.
    pub fn issue(&self, request: &Request<'_>) -> Result<Certificate, Error> {
        request.subject.check()?;
        let authority = self.certificate();
        if *request.key == authority.key {
            return Err(Error::invalid("key", "is the authority's own; send another"));
        }
        let (begins, ends) = authority.validity();
        if request.window.until() > ends || request.window.from() < begins {
            return Err(Error::invalid("window", "is not within the life of the authority"));
        }
        let mut extensions = vec![
            // CA:FALSE is the default, so that nothing stands in it.
            der::extension(oid::BASIC_CONSTRAINTS, true, &der::sequence(&[])),
            // digitalSignature, bit 0.
            der::extension(oid::KEY_USAGE, true, &der::bits(&[0x80], 7)),
            der::extension(
                oid::EXTENDED_KEY_USAGE,
                true,
                &der::sequence(&[der::object(oid::CLIENT_AUTH)]),
            ),
            der::extension(oid::SUBJECT_KEY, false, &der::octets(&request.key.identifier())),
            self.key_extension(),
        ];
        if let Some(uri) = &request.subject.uri {
            let names = der::sequence(&[der::tagged(0x86, uri.as_bytes())]);
            extensions.push(der::extension(oid::SUBJECT_ALT_NAME, false, &names));
        }
        let body = Body {
            serial: request.serial,
            issuer: &authority.subject,
            from: request.window.from(),
            until: request.window.until(),
            subject: &request.subject.name(),
            key: request.key,
        };
        Ok(Certificate {
            key: request.key.clone(),
            serial: request.serial,
            subject: request.subject.clone(),
            window: request.window,
            der: self.sign(&body.der(&extensions)?)?,
        })
    }
}

impl Certificate {
    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, as `sslcert` of libpq and most programs want it.
    #[must_use]
    pub fn pem(&self) -> String {
        super::pem("CERTIFICATE", &self.der)
    }

    /// Reads a client certificate in DER or PEM that `authority` signed.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything but a client certificate of the form that is issued here,
    /// [`Error::Forged`] when the authority did not sign it, [`Error::Invalid`] for a key that is
    /// not taken.
    pub fn parse(bytes: &[u8], authority: &AuthorityCertificate) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        let der = der_of_certificate(WHAT, bytes)?;
        let read = opened(WHAT, &der)?;
        let body = read.tbs_certificate.as_ref();
        let by = read.issuer().as_raw() == authority.subject;
        if !by || !is_signed(&der, body, &read.signature_value.data, &authority.key) {
            return Err(Error::Forged { what: WHAT, by: "the authority that is trusted" });
        }
        let serial = Serial::read(read.tbs_certificate.raw_serial())
            .ok_or_else(|| unreadable("its number is longer than 16 bytes, or 0"))?;
        let window = validity(&read).and_then(|(from, until)| Window::read(from, until));
        let window = window.ok_or_else(|| unreadable("it is valid for longer than is issued"))?;
        let subject = subject(&read)?;
        let key = PublicKey::read(read.public_key())?;
        Ok(Self { key, serial, subject, window, der: der.to_vec() })
    }
}

fn subject(read: &X509Certificate<'_>) -> Result<Subject, Error> {
    let unreadable = |why| Error::unreadable(WHAT, why);
    let (mut client, mut uri) = (false, None);
    for extension in read.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(usage) => client = is_client(usage),
            ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                return Err(unreadable("it is of an authority"));
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                let [GeneralName::URI(one)] = names.general_names.as_slice() else {
                    return Err(unreadable("its alternative names are not one URI"));
                };
                uri = Some((*one).to_owned());
            }
            _ => {}
        }
    }
    if !client {
        return Err(unreadable("it is not for clients alone"));
    }
    let (common_name, groups) =
        names(read.subject()).ok_or_else(|| unreadable("its name is not of the form issued"))?;
    Ok(Subject { common_name, groups, uri })
}

/// The common name, and the organizations in their order; `None` if there is anything else.
fn names(name: &X509Name<'_>) -> Option<(String, Vec<String>)> {
    let (mut common_name, mut groups) = (None, Vec::new());
    for attribute in name.iter_attributes() {
        let value = attribute.as_str().ok()?.to_owned();
        match attribute.attr_type().as_bytes() {
            oid::ORGANIZATION => groups.push(value),
            oid::COMMON_NAME if common_name.is_none() => common_name = Some(value),
            _ => return None,
        }
    }
    Some((common_name?, groups))
}
