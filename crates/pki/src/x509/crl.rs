//! Certificate revocation lists (RFC 5280, section 5): written, and read back.

use super::authority::{algorithm, is_signed};
use super::der::{self, oid};
use super::{Authority, AuthorityCertificate, Serial};
use crate::Error;
use crate::window::LAST_MOMENT;
use x509_parser::parse_x509_crl;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

/// The longest time that a list may speak for, in seconds: 7 days. Behind it OpenSSL refuses
/// everybody.
pub const MAX_CRL_LIFE: u64 = 7 * 24 * 3600;

/// The most certificates in one list. What has expired may be left out, and with
/// [`crate::MAX_LIFE`] that is everything older than a day.
pub const MAX_REVOKED: usize = 100_000;

/// The longest list that is read, in bytes; what [`MAX_REVOKED`] allows fits.
const MAX_BYTES: usize = 8 * 1024 * 1024;

const WHAT: &str = "certificate revocation list";

/// A list of version 2, with a number, whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// Its number; a higher one is newer.
    pub number: u64,
    /// When it was made, in seconds since 1970.
    pub this_update: u64,
    /// Until when the next one comes, in seconds since 1970.
    pub next_update: u64,
    /// What it revokes, by number.
    pub revoked: Vec<Revoked>,
    der: Vec<u8>,
}

/// A certificate that is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revoked {
    /// Its number.
    pub serial: Serial,
    /// When it was revoked, in seconds since 1970.
    pub at: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate is revoked, by its number in RFC 5280 §5.3.1. There is no hold: what is
/// revoked stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No reason is said.
    Unspecified = 0,
    /// Somebody else has the private key, or may have it.
    KeyCompromise = 1,
    /// What it says of its subject is no longer so.
    AffiliationChanged = 3,
    /// There is another one instead of it.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
    /// The right behind it was taken away.
    PrivilegeWithdrawn = 9,
}

const REASONS: [Reason; 6] = [
    Reason::Unspecified,
    Reason::KeyCompromise,
    Reason::AffiliationChanged,
    Reason::Superseded,
    Reason::CessationOfOperation,
    Reason::PrivilegeWithdrawn,
];

impl Authority {
    /// Makes a list. The order of what it revokes does not matter; of a number that is named twice
    /// the earlier moment stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_REVOKED`], and unless `next_update` is after
    /// `this_update` by at most [`MAX_CRL_LIFE`]; [`Error::Crypto`] when the library does not sign.
    pub fn revoke(
        &self,
        number: u64,
        this_update: u64,
        next_update: u64,
        mut revoked: Vec<Revoked>,
    ) -> Result<Crl, Error> {
        let life = next_update.checked_sub(this_update).filter(|life| *life > 0);
        if life.is_none_or(|life| life > MAX_CRL_LIFE) || next_update > LAST_MOMENT {
            let why = "must be after `this_update`, by at most 7 days";
            return Err(Error::invalid("next_update", why));
        }
        if revoked.len() > MAX_REVOKED {
            let why = format!("are more than {MAX_REVOKED}; leave out what has expired");
            return Err(Error::invalid("revoked", why));
        }
        revoked.sort_unstable();
        revoked.dedup_by_key(|one| one.serial);
        let too_late = || Error::invalid("at", "must be before the year 10000");
        let entries: Option<Vec<_>> = revoked.iter().map(entry).collect();
        let entries = entries.ok_or_else(too_late)?;
        let mut body = vec![
            // Version 2 is written as 1.
            der::unsigned(&[1]),
            algorithm(),
            self.certificate().subject.clone(),
            der::moment(this_update).ok_or_else(too_late)?,
            der::moment(next_update).ok_or_else(too_late)?,
        ];
        // An empty list is left out (RFC 5280 §5.1.2.6).
        if !entries.is_empty() {
            body.push(der::sequence(&entries));
        }
        let number_extension =
            der::extension(oid::CRL_NUMBER, false, &der::unsigned(&number.to_be_bytes()));
        let extensions = der::sequence(&[self.key_extension(), number_extension]);
        body.push(der::tagged(0xa0, &extensions));
        let der = self.sign(&der::sequence(&body))?;
        Ok(Crl { number, this_update, next_update, revoked, der })
    }
}

fn entry(one: &Revoked) -> Option<Vec<u8>> {
    let mut parts = vec![der::unsigned(one.serial.bytes()), der::moment(one.at)?];
    // No reason is said by saying nothing (RFC 5280 §5.3.1).
    if one.reason != Reason::Unspecified {
        let reason = der::enumerated(one.reason as u8);
        parts.push(der::sequence(&[der::extension(oid::CRL_REASON, false, &reason)]));
    }
    Some(der::sequence(&parts))
}

impl Crl {
    /// The list in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list in PEM, as `ssl_crl_file` of PostgreSQL wants it.
    #[must_use]
    pub fn pem(&self) -> String {
        super::pem("X509 CRL", &self.der)
    }

    /// Whether the certificate with this number is revoked.
    #[must_use]
    pub fn revokes(&self, serial: Serial) -> bool {
        // INVARIANT: sorted by number, by `revoke`, which `parse` asks for.
        self.revoked.binary_search_by(|one| one.serial.cmp(&serial)).is_ok()
    }

    /// Reads a list in DER or PEM that `authority` signed.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything but a list of the form that is made here,
    /// [`Error::Forged`] when the authority did not sign it.
    pub fn parse(bytes: &[u8], authority: &AuthorityCertificate) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        if bytes.len() > MAX_BYTES {
            return Err(unreadable("it is longer than 8 MiB"));
        }
        let der = super::der_of("X509 CRL", bytes)
            .ok_or_else(|| unreadable("it is no single block `X509 CRL`"))?;
        let read = match parse_x509_crl(&der) {
            Ok(([], read)) => read,
            Ok(_) => return Err(unreadable("bytes follow its end")),
            Err(_) => return Err(unreadable("it is no revocation list in DER or PEM")),
        };
        let body = read.tbs_cert_list.as_ref();
        let by = read.issuer().as_raw() == authority.subject;
        if !by || !is_signed(&der, body, &read.signature_value.data, &authority.key) {
            return Err(Error::Forged { what: WHAT, by: "the authority that is trusted" });
        }
        let (number, this_update, next_update) =
            header(&read).ok_or_else(|| unreadable("it has no number or no next moment"))?;
        let revoked: Option<Vec<_>> = read.iter_revoked_certificates().map(revoked).collect();
        let revoked = revoked.ok_or_else(|| unreadable("an entry is not of the form made"))?;
        if !revoked.is_sorted_by(|a, b| a.serial < b.serial) {
            return Err(unreadable("its entries are not in order"));
        }
        Ok(Self { number, this_update, next_update, revoked, der: der.to_vec() })
    }
}

fn header(read: &CertificateRevocationList<'_>) -> Option<(u64, u64, u64)> {
    let number = u64::try_from(read.crl_number()?).ok()?;
    let this_update = u64::try_from(read.last_update().timestamp()).ok()?;
    let next_update = u64::try_from(read.next_update()?.timestamp()).ok()?;
    Some((number, this_update, next_update))
}

fn revoked(one: &RevokedCertificate<'_>) -> Option<Revoked> {
    let number = one.reason_code().map_or(0, |(_, code)| code.0);
    let reason = REASONS.into_iter().find(|reason| *reason as u8 == number)?;
    let at = u64::try_from(one.revocation_date.timestamp()).ok()?;
    Some(Revoked { serial: Serial::read(one.raw_serial())?, at, reason })
}
