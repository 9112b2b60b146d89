//! A user certificate, as issued or as read back.

use super::authority::USER;
use super::request::Options;
use super::wire::Reader;
use super::{PublicKey, Request};
use crate::{Error, Window};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest line with a certificate that is read, in bytes; the longest issued is below it.
const MAX_LINE: usize = 32 * 1024;

const WHAT: &str = "SSH certificate";

/// A user certificate whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The key that it is about.
    pub subject: PublicKey,
    /// The key that signed it.
    pub authority: PublicKey,
    /// Its number, by which a KRL names it.
    pub serial: u64,
    /// Its text, by which a KRL names it too, and which `sshd` logs.
    pub key_id: String,
    /// The accounts or roles it is for.
    pub principals: Vec<String>,
    /// From when until when it is valid. Reading does not compare it with a clock.
    pub window: Window,
    /// What is forced and allowed.
    pub options: Options,
    blob: Vec<u8>,
}

impl Certificate {
    pub(super) fn of(request: &Request<'_>, authority: PublicKey, blob: Vec<u8>) -> Self {
        Self {
            subject: request.subject.clone(),
            authority,
            serial: request.serial,
            key_id: request.key_id.to_owned(),
            principals: request.principals.to_vec(),
            window: request.window,
            options: request.options.clone(),
            blob,
        }
    }

    /// The form that SSH sends.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// One line without its end, as in a `-cert.pub` file.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.subject.certificate_name(), STANDARD.encode(&self.blob))
    }

    /// Reads one line as in a `-cert.pub` file, that one of `authorities` signed.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything but a user certificate of the form that is issued here,
    /// an option or extension that is not known among it; [`Error::Forged`] when none of the
    /// authorities signed it; [`Error::Invalid`] for a subject key that is not taken.
    pub fn parse(line: &str, authorities: &[PublicKey]) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        if line.len() > MAX_LINE {
            return Err(unreadable("it is longer than 32 KiB"));
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(coded)) = (words.next(), words.next()) else {
            return Err(unreadable("expected a kind and base64, as in a `-cert.pub` file"));
        };
        let blob = STANDARD.decode(coded);
        let blob = blob.map_err(|_| unreadable("the second word is not base64"))?;
        let certificate = Self::from_blob(&blob, authorities)?;
        if certificate.subject.certificate_name() == kind {
            return Ok(certificate);
        }
        Err(unreadable("the first word names another kind than it has"))
    }

    /// Reads the form that SSH sends, that one of `authorities` signed.
    ///
    /// # Errors
    /// As [`Certificate::parse`].
    pub fn from_blob(blob: &[u8], authorities: &[PublicKey]) -> Result<Self, Error> {
        let mut reader = Reader::new(blob, WHAT);
        let kind = reader.text()?;
        reader.string()?;
        let subject = PublicKey::from_certificate(kind, &mut reader)?;
        let serial = reader.u64()?;
        if reader.u32()? != USER {
            return Err(reader.error("it is of a host, not of a user"));
        }
        let key_id = reader.text()?.to_owned();
        let principals = principals(reader.nested()?)?;
        let window = Window::read(reader.u64()?, reader.u64()?)
            .ok_or_else(|| reader.error("it is valid for longer than is issued, or never"))?;
        let (critical, extensions) = (reader.nested()?, reader.nested()?);
        let options = options(critical, extensions)?;
        reader.string()?;
        let authority = reader.string()?;
        let signed = blob.get(..blob.len().saturating_sub(reader.rest().len()));
        let mut signature = reader.nested()?;
        reader.end()?;
        let found = authorities.iter().find(|known| known.blob() == authority);
        let authority = found.filter(|known| {
            let right = verify(known, signed.unwrap_or_default(), &mut signature);
            right.is_some_and(|()| signature.is_empty())
        });
        let authority = authority
            .ok_or(Error::Forged { what: WHAT, by: "an authority that is trusted" })?
            .clone();
        let blob = blob.to_vec();
        Ok(Self { subject, authority, serial, key_id, principals, window, options, blob })
    }
}

fn verify(authority: &PublicKey, signed: &[u8], signature: &mut Reader<'_>) -> Option<()> {
    let key = authority.as_ed25519()?;
    if signature.string().ok()? != b"ssh-ed25519" {
        return None;
    }
    UnparsedPublicKey::new(&ED25519, key).verify(signed, signature.string().ok()?).ok()
}

fn principals(mut reader: Reader<'_>) -> Result<Vec<String>, Error> {
    let mut principals = Vec::new();
    while !reader.is_empty() {
        principals.push(reader.text()?.to_owned());
    }
    Ok(principals)
}

fn options(mut critical: Reader<'_>, mut extensions: Reader<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut last = "";
    while !critical.is_empty() {
        let name = critical.text()?;
        let mut value = critical.nested()?;
        if name <= last {
            return Err(critical.error("its critical options are not in order"));
        }
        last = name;
        match name {
            "force-command" => options.force_command = Some(value.text()?.to_owned()),
            "source-address" => {
                options.source_addresses = value.text()?.split(',').map(str::to_owned).collect();
            }
            _ => return Err(critical.error("it has a critical option that is not known")),
        }
        value.end()?;
    }
    while !extensions.is_empty() {
        if extensions.text()? != "permit-pty" || options.permit_pty {
            return Err(extensions.error("it has an extension that is not known"));
        }
        extensions.nested()?.end()?;
        options.permit_pty = true;
    }
    Ok(options)
}
