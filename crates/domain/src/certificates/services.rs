//! Certificates of services: what a program shows in the handshake instead of sending a token
//! (RFC 8705; decision 0037).
//!
//! The authority is the one that signs for people, and what it signs says whom it is for; but here
//! nothing is believed for that. What counts is that exactly this certificate is a credential of
//! exactly this service in the live rights: so a person's, another authority's, an ended and a
//! forged one are all unknown, and ending it refuses the next request.

use super::authority::{self, defect, seconds};
use crate::people::{StoredCredential, Use, add, certificate_hash, hex};
use crate::register::{self, act};
use crate::services::Service;
use kernel::authority::Caller;
use kernel::engine::Wants;
use kernel::id::Name;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use pki::{Window, x509};
use std::marker::PhantomData;

act!(
    /// Issuing a certificate to a service.
    Certifying, "service.certify", None, true
);
act!(
    /// A service renews its own certificate.
    Renewing, "service.renew", None, true
);

/// What all of them are called in their subject beside the service's name. No system is called so,
/// and a database that looks for its own name there refuses them.
const GROUP: &str = "Bailee services";

/// How long before its making one counts, for hosts whose clock is slow, in seconds.
const SKEW: u64 = 60;

/// Certificates of one service that count at once: one in use, its successor, and some hosts.
const MOST: usize = 8;

/// A certificate that was just issued to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The service's name.
    pub name: String,
    /// The id of the credential, by which it is ended as a token is.
    pub id: String,
    /// First moment it counts no more.
    pub until: Moment,
    /// The certificate, in PEM.
    pub certificate: String,
}

/// Issues a certificate: `A` says by whose right.
pub struct Certify<A> {
    service: RecordKey,
    keys: RecordKey,
    key: x509::PublicKey,
    act: PhantomData<A>,
}

/// Issues one to a service, by whoever may issue it tokens.
pub type CertifyService = Certify<Certifying>;

/// Issues another one to the service that asks with the present one.
pub type RenewCertificate = Certify<Renewing>;

impl<A: Act> Certify<A> {
    fn of(kernel: &Kernel, name: &str, request: &str) -> Result<Self> {
        let key = x509::PublicKey::from_request(request.as_bytes());
        Ok(Self {
            service: register::key::<Service>(kernel, name)?,
            keys: authority::key(kernel)?,
            key: key.map_err(|why| Error::invalid("request", why.to_string()))?,
            act: PhantomData,
        })
    }
}

impl CertifyService {
    /// To the service of this name, for the key of this request (PKCS #10 in PEM). Nothing else of
    /// the request is used.
    ///
    /// # Errors
    /// `Invalid` for what is no request, or a key that is not taken.
    pub fn new(kernel: &Kernel, name: &Name, request: &str) -> Result<Self> {
        Self::of(kernel, name.as_str(), request)
    }
}

impl RenewCertificate {
    /// To whoever asks.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no service; as [`CertifyService::new`].
    pub fn new(kernel: &Kernel, caller: &Caller, request: &str) -> Result<Self> {
        match caller.principal.parts() {
            ("service", name) => Self::of(kernel, name, request),
            _ => Err(Error::forbidden("only a service renews its certificate")),
        }
    }
}

impl<A: Act + Send> Operation for Certify<A> {
    type Output = Certified;

    fn target(&self) -> Target {
        on_house(A::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.service);
        wants.record(&self.keys);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Certified>> {
        let now = work.now();
        let (allowed, mut row) = register::load::<Service, A>(work, &self.service)?;
        if row.ended.is_some() {
            let why = format!("service `{}` ended: it gets no certificate", row.name);
            return Err(Error::conflict(why));
        }
        let of = |one: &&StoredCredential| one.used_for == Use::Certificate && one.live(now);
        if A::ACTION.name == Renewing::ACTION.name {
            // A token that was stolen does not become a certificate that nobody knows of.
            let by = &work.caller().credential;
            if !row.credentials.iter().filter(of).any(|one| one.id == *by) {
                return Err(Error::forbidden("show the present certificate to renew it"));
            }
        }
        if row.credentials.iter().filter(of).count() >= MOST {
            return Err(Error::limit(format!("{MOST} certificates count already: end one first")));
        }
        let by = authority::load::<A>(work, &self.keys)?;
        let serial = x509::Serial::new(work.random()?).map_err(defect)?;
        let subject = x509::Subject {
            common_name: row.name.clone(),
            groups: vec![GROUP.to_owned()],
            uri: Some(format!("bailee:service:{}", row.name)),
        };
        let until = seconds(now).saturating_add(pki::MAX_LIFE);
        let window = Window::new(seconds(now), until, SKEW).map_err(defect)?;
        let request = x509::Request { key: &self.key, serial, subject, window };
        let issued = by.x509.issue(&request).map_err(defect)?;
        let until = Moment(until.saturating_mul(1_000_000));
        let id = hex(&work.random::<8>()?);
        let hash = hex(&certificate_hash(issued.der()));
        let credential = StoredCredential::new(id.clone(), hash, Use::Certificate, (now, until));
        add(&mut row.credentials, credential, now)?;
        let fields = vec![
            ("issued", id.clone()),
            ("serial", serial.to_string()),
            ("until", until.rfc3339()),
        ];
        work.save(allowed, register::body(&row)?, fields)?;
        let certificate = issued.pem();
        Ok(After::now(Certified { name: row.name, id, until, certificate }))
    }
}
