//! The keys that sign certificates, sealed in the operator's own account like every row of it.
//!
//! They are made when somebody first asks for them. No operation shows them; what is public of them
//! is in [`super::Lists`].

use super::lists::Publishing;
use crate::people::{hex, unhex};
use crate::register::{self, Noun, When};
use kernel::{Act, Error, Kernel, Moment, RecordKey, Result, Work};
use pki::{Secret, ssh, x509};
use serde::{Deserialize, Serialize};

/// The one row.
const CURRENT: &str = "current";

/// What the authority of X.509 is called in what it signs.
const NAME: &str = "Bailee access";

/// How long before its making the authority of X.509 counts, for hosts whose clock is slow.
const BACK: u64 = 3600;

/// The keys as they are kept. Prints nothing.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// `certificate-authority/v1`.
    format: String,
    /// 32 bytes in hexadecimal.
    ssh_secret: String,
    /// 32 bytes in hexadecimal.
    x509_secret: String,
    /// PEM.
    x509_certificate: String,
    /// When they were made.
    made: When,
}

impl Noun for Stored {
    const REGISTER: &'static str = "certificate-authorities";
    const NOUN: &'static str = "certificate authority";
    type Read = Publishing;
    type List = Publishing;
}

/// Both authorities, ready to sign.
pub(super) struct Authorities {
    pub(super) ssh: ssh::Authority,
    pub(super) x509: x509::Authority,
}

/// Where they are kept.
pub(super) fn key(kernel: &Kernel) -> Result<RecordKey> {
    register::key::<Stored>(kernel, CURRENT)
}

/// The authorities, made and saved if there are none yet. The key has to be declared.
pub(super) fn load<A: Act>(work: &mut Work<'_>, key: &RecordKey) -> Result<Authorities> {
    if let Some(body) = work.look(key)? {
        return open(&register::parse::<Stored>(&body)?);
    }
    let allowed = work.load::<A>(key)?;
    let stored = made(work)?;
    let authorities = open(&stored)?;
    let fields = vec![
        ("ssh", authorities.ssh.public_key().line()),
        ("x509_sha256", hex(&kernel::digest(authorities.x509.certificate().der()))),
    ];
    work.save(allowed, register::body(&stored)?, fields)?;
    Ok(authorities)
}

fn made(work: &mut Work<'_>) -> Result<Stored> {
    let (seed, secret) = (work.random::<32>()?, work.random::<32>()?);
    let serial = x509::Serial::new(work.random()?).map_err(defect)?;
    let now = work.now();
    let from = seconds(now).saturating_sub(BACK);
    let until = from.saturating_add(x509::MAX_AUTHORITY_LIFE);
    // One secret in 2^32 is no key; asked again, others are drawn.
    let authority = x509::Authority::create(&Secret::new(secret), NAME, serial, from, until)
        .map_err(|why| Error::unavailable("try again").with_context(why.to_string()))?;
    Ok(Stored {
        format: "certificate-authority/v1".to_owned(),
        ssh_secret: hex(&seed),
        x509_secret: hex(&secret),
        x509_certificate: authority.certificate().pem(),
        made: When(now),
    })
}

fn open(stored: &Stored) -> Result<Authorities> {
    let secret = |text: &str| {
        let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Secret::<32>::new).ok_or_else(|| Error::internal("a stored key has another form"))
    };
    let ssh = ssh::Authority::new(&secret(&stored.ssh_secret)?).map_err(defect)?;
    let certificate = stored.x509_certificate.as_bytes();
    let x509 = x509::Authority::load(&secret(&stored.x509_secret)?, certificate);
    Ok(Authorities { ssh, x509: x509.map_err(defect)? })
}

/// What the authority of X.509 is called, in DER: whoever asks for certificates says so, and
/// clients that have others do not offer them.
pub fn authority_name() -> Vec<u8> {
    x509::named(NAME)
}

/// What cannot be the caller's fault. The message of `pki` names no secret.
pub(super) fn defect(why: pki::Error) -> Error {
    Error::internal(format!("certificates: {why}"))
}

/// Whole seconds since 1970.
pub(super) fn seconds(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}
