//! Certificates: what a person or a service signs in to a registered system with, for hours.
//!
//! A certificate rests on a grant with the verb `connect`: it says its logins and its command, ends
//! with it at the latest, and names holder and grant, so that what is done under it has a name. It
//! is for one system; hosts take no certificate of another. Which of them no longer count is not
//! written anywhere: it is what the rights say at this moment, told to hosts as lists.
//!
//! Does not: know hosts or reach them. They fetch the lists, and their agent says that they do.

mod authority;
mod issuing;
mod lists;
mod services;

pub use authority::authority_name;
pub use issuing::{Issue, Issuing, NewCertificate, issue};
pub use lists::{Lists, Publish, Publishing};
pub use services::{Certified, Certify, CertifyService, Certifying, RenewCertificate, Renewing};

use crate::grants::requests::APPROVERS;
use crate::register::{
    At, Entry, Mark, Readers, Register, Row, Status, Step, Tone, When, prose, step,
};
use kernel::authority::{Issued, Right};
use kernel::id::{Collection, PrincipalId};
use kernel::{Act as _, Error, HOUSE, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CertificateKind")]
pub enum Kind {
    /// `sshd` of OpenSSH.
    Ssh,
    /// TLS with client certificates: PostgreSQL, Kubernetes, a service with mutual TLS.
    X509,
}

/// A certificate, as it was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessCertificate")]
pub struct Certificate {
    /// What it is for.
    pub kind: Kind,
    /// Its number: decimal for SSH, hexadecimal for X.509, as hosts log it.
    pub serial: String,
    /// What it says of whom it is: `person:NAME/GRANT/NUMBER`, or `service:…`. Hosts log it.
    pub key_id: String,
    /// Who holds it: `person:NAME` or `service:NAME`.
    #[serde(alias = "person")]
    pub holder: String,
    /// The grant it rests on.
    pub grant: String,
    /// The system it is for.
    pub system: String,
    /// The accounts of the host or roles of the database.
    pub logins: Vec<String>,
    /// The one command that it runs, if one is forced.
    pub command: Option<String>,
    /// The credential that asked for it: with that it ends.
    pub credential: String,
    /// SHA-256 of the public key, in hexadecimal.
    pub key_sha256: String,
    /// First moment it counts.
    pub from: When,
    /// First moment it counts no more.
    pub until: When,
    /// The certificate: a line as in a `-cert.pub` file, or PEM.
    pub certificate: String,
    /// That somebody revoked it, and why.
    pub revoked: Option<Revoked>,
}

/// That a certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CertificateRevoked")]
pub struct Revoked {
    /// Why.
    pub reason: String,
    /// Who, and when.
    pub mark: Mark,
}

impl Certificate {
    /// What the rights have to know of it.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn right(&self, id: &str) -> Result<Right> {
        Ok(Right::Issued(Issued {
            id: id.to_owned(),
            holder: PrincipalId::parse(&self.holder)?,
            credential: self.credential.clone(),
            grant: self.grant.clone(),
            account: HOUSE,
            collection: Collection::parse(&self.system)?,
            until: self.until.0,
            ended: self.revoked.is_some(),
        }))
    }
}

impl Row for Certificate {
    const NOUN: &'static str = "certificate";
    const REGISTER: &'static str = "certificates";
    const FORMAT: &'static str = "certificate/v1";
    const ADD: &'static str = "certificate.add";
    const READ: &'static str = "certificate.read";
    const LIST: &'static str = "certificate.list";
    const RIGHTS: bool = true;
    const RESTRICTED: bool = true;
    type New = NewCertificate;

    fn add(_: &NewCertificate, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::internal("a certificate is issued under a grant"))
    }

    fn readers(&self) -> Readers<'_> {
        Readers::Involved(vec![&self.holder])
    }

    fn status(&self, now: Moment) -> Status {
        match () {
            () if self.revoked.is_some() => Status::of("revoked", Tone::Past),
            () if self.until.0 <= now => Status::of("expired", Tone::Past),
            () => Status::of("issued", Tone::Good)
                .what("it counts as long as its holder has the right behind it")
                .due(self.until.0)
                .who(&self.holder),
        }
    }
}

/// Revokes a certificate, by its holder or by who decides about access.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why.
    pub reason: String,
}

impl Step<Certificate> for Revoke {
    const ACTION: &'static str = "certificate.revoke";

    fn apply(&self, row: &mut Certificate, at: &mut At<'_, '_>) -> Result<()> {
        let by = at.rights()?.principal(at.by());
        let decides = by.is_some_and(|one| {
            one.vendor.is_none() && one.roles.iter().any(|role| APPROVERS.contains(&role.as_str()))
        });
        if row.holder != at.by().as_str() && !decides {
            let why = "its holder revokes it, or who decides about access";
            return Err(Error::forbidden(why));
        }
        if row.revoked.is_some() {
            return Err(Error::conflict("this certificate is revoked already"));
        }
        let reason = prose("reason", &self.reason, 500)?;
        at.tell("holder", &row.holder);
        at.tell("system", &row.system);
        at.tell("reason", &reason);
        row.revoked = Some(Revoked { reason, mark: at.mark() });
        Ok(())
    }
}

const STEPS: &[Entry] =
    &[step::<Certificate, Revoke>("revoke", "Revokes the certificate, at once").within("own")];

const ROWS: Register = Register::of::<Certificate>(
    "own",
    "Certificates under which people and services sign in to systems: whose, under which grant",
)
.serves(&["E5.1", "E5.2", "E5.3", "E5.5"])
.first("Issue a certificate for a key of yours, under a grant to connect to the system")
.columns(&["kind", "holder", "system", "logins", "until"])
.steps(STEPS)
.read_by_everybody();

/// The register, as the faces know it. A certificate is issued with the verb `connect` on the
/// system, which is a collection of `house` as far as rights go.
pub const REGISTER: Register = Register {
    add: Entry {
        verb: "add",
        summary: ROWS.first,
        area: Some("connect"),
        action: Issuing::ACTION,
        schema: |generator| generator.subschema_for::<NewCertificate>(),
        make: issuing::through_table,
    },
    ..ROWS
};
