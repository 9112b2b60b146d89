//! Issuing a certificate, under a grant to connect.

use super::authority::{self, Authorities, defect, seconds};
use super::{Certificate, Kind};
use crate::grants::Grant;
use crate::people::hex;
use crate::register::{Boxed, Kept, On, Row, Shown, When, body, key, parse, stated};
use crate::systems::{self, System};
use kernel::authority::{Action, Verb};
use kernel::engine::Wants;
use kernel::id::Collection;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_collection,
};
use pki::{Window, ssh, x509};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// The action of issuing a certificate: by a grant with the verb `connect` only.
pub struct Issuing;

impl Act for Issuing {
    const ACTION: &'static Action =
        &Action { name: Certificate::ADD, verb: Some(Verb::Connect), changes_rights: true };
}

/// The longest life of a certificate: a working day.
const LIFE: Duration = Duration::from_secs(8 * 3600);

/// The longest life of one for a cluster: Kubernetes reads no list of what is revoked, so what it
/// takes has to end by itself.
const UNLISTED: Duration = Duration::from_secs(10 * 60);

/// The longest common name of X.509, in bytes.
const NAME: usize = 64;

/// The shortest that is asked for, in seconds: below it, clocks that differ decide.
const SHORTEST: u64 = 60;

/// How long before it is issued a certificate counts, for hosts whose clock is slow, in seconds.
const SKEW: u64 = 60;

/// A certificate to be issued.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCertificate")]
pub struct NewCertificate {
    /// The system to sign in to, by its id.
    pub system: String,
    /// What it is for.
    pub kind: Kind,
    /// The public key: a line as in a `.pub` file for SSH, a certification request (PKCS#10) in PEM
    /// for X.509.
    pub key: String,
    /// The logins, of those that the grant names; all of them for SSH if none is stated. A
    /// certificate of X.509 has one.
    #[serde(default)]
    pub logins: Vec<String>,
    /// How long it shall count at most, in seconds: 60 to 28800, which is also what is meant by
    /// nothing. It never outlasts the grant, nor the token that asks, and for a cluster not ten
    /// minutes.
    #[serde(default)]
    pub for_seconds: Option<u64>,
}

/// Issues a certificate.
pub struct Issue {
    kernel: Kernel,
    new: NewCertificate,
    public: Public,
    system: Collection,
    needs: [RecordKey; 2],
}

/// The key of whoever asks, read.
enum Public {
    Ssh(ssh::PublicKey),
    X509(x509::PublicKey),
}

/// What a certificate says, whatever its form.
struct Said {
    holder: String,
    grant: String,
    logins: Vec<String>,
    command: Option<String>,
    /// Whether the system is one that tells nobody by the organization.
    cluster: bool,
    window: Window,
}

/// The operation as stated.
///
/// # Errors
/// As [`Issue::new`].
pub fn issue(kernel: &Kernel, new: NewCertificate) -> Result<Issue> {
    Issue::new(kernel, new)
}

impl Issue {
    /// As stated.
    ///
    /// # Errors
    /// `Invalid` for what is no id, no key, or a key that is not taken.
    pub fn new(kernel: &Kernel, new: NewCertificate) -> Result<Self> {
        let system = Collection::parse(&new.system)
            .map_err(|error| Error::invalid("system", error.message()))?;
        let refused = |why: pki::Error| Error::invalid("key", why.to_string());
        let public = match new.kind {
            Kind::Ssh => Public::Ssh(ssh::PublicKey::parse(&new.key).map_err(refused)?),
            Kind::X509 => {
                let key = x509::PublicKey::from_request(new.key.as_bytes());
                Public::X509(key.map_err(refused)?)
            }
        };
        if new.for_seconds.is_some_and(|life| !(SHORTEST..=LIFE.as_secs()).contains(&life)) {
            let why = format!("state {SHORTEST} to {} seconds", LIFE.as_secs());
            return Err(Error::invalid("for_seconds", why));
        }
        let needs = [authority::key(kernel)?, key::<Kept<System>>(kernel, system.as_str())?];
        Ok(Self { kernel: kernel.clone(), new, public, system, needs })
    }

    fn said(&self, work: &Work<'_>) -> Result<Said> {
        let [_, system] = &self.needs;
        let found = work.look(system)?.map(|bytes| parse::<Kept<System>>(&bytes)).transpose()?;
        let Some(row) = found.map(|kept| kept.row).filter(|row| row.retired.is_none()) else {
            let why = format!("there is no system `{}` in use", self.system);
            return Err(Error::invalid("system", why));
        };
        let cluster = row.kind == systems::Kind::Cluster && self.new.kind == Kind::X509;
        let grant = work.decision().grant.as_ref();
        let grant = grant.ok_or_else(|| Error::internal("it was decided without a grant"))?;
        let row = key::<Grant>(&self.kernel, &grant.id)?;
        let row = work.look_late(&row)?.map(|bytes| parse::<Grant>(&bytes)).transpose()?;
        let row = row.ok_or_else(|| Error::internal("the grant is in no register"))?;
        let longest = if cluster { UNLISTED } else { LIFE };
        let window = self.window(work, longest, Moment(row.not_after))?;
        Ok(Said {
            holder: work.caller().principal.to_string(),
            logins: self.logins(&row)?,
            command: self.command(&row)?,
            grant: row.id,
            cluster,
            window,
        })
    }

    fn logins(&self, grant: &Grant) -> Result<Vec<String>> {
        let asked = &self.new.logins;
        let known = grant.logins.join("`, `");
        if let Some(other) = asked.iter().find(|login| !grant.logins.contains(login)) {
            let why = format!(
                "`{}` is not in grant `{}`, which has `{known}`: ask for one of them, name the \
                 purpose of another grant, or ask for access",
                kernel::id::shown(other),
                grant.id
            );
            return Err(Error::forbidden(why));
        }
        match (self.new.kind, asked.as_slice(), grant.logins.as_slice()) {
            (Kind::Ssh, [], all) => Ok(all.to_vec()),
            (Kind::X509, [], [only]) => Ok(vec![only.clone()]),
            (Kind::X509, [], _) | (Kind::X509, [_, _, ..], _) => {
                Err(Error::invalid("logins", format!("name one of `{known}`")))
            }
            (_, some, _) => Ok(some.to_vec()),
        }
    }

    /// A command is forced by `sshd`; nothing else could force it.
    fn command(&self, grant: &Grant) -> Result<Option<String>> {
        if grant.command.is_some() && self.new.kind == Kind::X509 {
            let why = "the grant is for one command over SSH: ask for access to the database";
            return Err(Error::forbidden(why));
        }
        Ok(grant.command.clone())
    }

    /// From now until the first end: what was asked for, the longest life, the grant, the token.
    fn window(&self, work: &Work<'_>, longest: Duration, grant: Moment) -> Result<Window> {
        let now = work.now();
        let caller = work.caller();
        let one = work.rights()?.principal(&caller.principal);
        let credentials = one.iter().flat_map(|one| &one.credentials);
        let own = credentials.filter(|known| known.id == caller.credential);
        let expires = own.filter_map(|known| known.expires).min().unwrap_or(Moment(u64::MAX));
        let asked = self.new.for_seconds.map_or(longest, Duration::from_secs).min(longest);
        let until = now.after(asked).min(grant).min(expires);
        Window::new(seconds(now), seconds(until), SKEW)
            .map_err(|_| Error::conflict("the grant or the token ends within this second"))
    }

    fn ssh(
        &self,
        work: &mut Work<'_>,
        by: &Authorities,
        said: Said,
    ) -> Result<(String, Certificate)> {
        let Public::Ssh(subject) = &self.public else {
            return Err(Error::internal("the key is of another kind"));
        };
        // 0 is none, and the highest bit confuses readers that know signed numbers only.
        let serial = (u64::from_be_bytes(work.random()?) >> 1).max(1);
        let key_id = format!("{}/{}/{serial}", said.holder, said.grant);
        // A principal names the system too: another host with the same authority refuses it.
        let principals = said.logins.iter().map(|login| format!("{login}@{}", self.system));
        let principals: Vec<String> = principals.collect();
        let options = ssh::Options {
            permit_pty: said.command.is_none(),
            force_command: said.command.clone(),
            source_addresses: vec![],
        };
        let request = ssh::Request {
            subject,
            serial,
            key_id: &key_id,
            principals: &principals,
            window: said.window,
            options,
            nonce: work.random()?,
        };
        let issued = by.ssh.issue(&request).map_err(defect)?;
        let row = self.row(work, said, key_id, serial.to_string(), subject.blob(), issued.line());
        Ok((format!("ssh-{serial:016x}"), row))
    }

    fn x509(
        &self,
        work: &mut Work<'_>,
        by: &Authorities,
        said: Said,
    ) -> Result<(String, Certificate)> {
        let Public::X509(key) = &self.public else {
            return Err(Error::internal("the key is of another kind"));
        };
        let serial = x509::Serial::new(work.random()?).map_err(defect)?;
        let key_id = format!("{}/{}/{serial}", said.holder, said.grant);
        let login = said.logins.first().cloned().unwrap_or_default();
        if said.cluster && login.len() + 1 + self.system.as_str().len() > NAME {
            let why =
                format!("with the cluster's name it is longer than {NAME}: take a shorter one");
            return Err(Error::invalid("logins", why));
        }
        let subject = x509::Subject {
            // Kubernetes takes the name for the user, whatever the organization is: another
            // cluster must not know it.
            common_name: if said.cluster { format!("{login}@{}", self.system) } else { login },
            // PostgreSQL maps `CN=login,O=system`, so that another one refuses it.
            groups: vec![self.system.to_string()],
            uri: Some(format!("bailee:{key_id}")),
        };
        let request = x509::Request { key, serial, subject, window: said.window };
        let issued = by.x509.issue(&request).map_err(defect)?;
        let key = key.spki();
        let row = self.row(work, said, key_id, serial.to_string(), &key, issued.pem());
        Ok((format!("x509-{serial}"), row))
    }

    fn row(
        &self,
        work: &Work<'_>,
        said: Said,
        key_id: String,
        serial: String,
        key: &[u8],
        certificate: String,
    ) -> Certificate {
        let at = |seconds: u64| When(Moment(seconds.saturating_mul(1_000_000)));
        Certificate {
            kind: self.new.kind,
            serial,
            key_id,
            holder: said.holder,
            grant: said.grant,
            system: self.system.to_string(),
            logins: said.logins,
            command: said.command,
            credential: work.caller().credential.clone(),
            key_sha256: hex(&kernel::digest(key)),
            from: at(said.window.from()),
            until: at(said.window.until()),
            certificate,
            revoked: None,
        }
    }
}

impl Operation for Issue {
    type Output = Shown<Certificate>;

    fn target(&self) -> Target {
        on_collection(Issuing::ACTION, HOUSE, &self.system)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in &self.needs {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<Certificate>>> {
        let said = self.said(work)?;
        let [keys, _] = &self.needs;
        let by = authority::load::<Issuing>(work, keys)?;
        let (id, row) = match self.new.kind {
            Kind::Ssh => self.ssh(work, &by, said)?,
            Kind::X509 => self.x509(work, &by, said)?,
        };
        let place = key::<Kept<Certificate>>(&self.kernel, &id)?;
        let allowed = work.load_late::<Issuing>(&place)?;
        if allowed.version() > 0 {
            return Err(Error::unavailable("a number was drawn twice: try again"));
        }
        let fields = vec![
            ("system", row.system.clone()),
            ("logins", row.logins.join(",")),
            ("key_id", row.key_id.clone()),
            ("under", row.grant.clone()),
            ("until", row.until.0.rfc3339()),
        ];
        let kept = Kept::begun(work, &id, row);
        work.save(allowed, body(&kept)?, fields)?;
        Ok(After::now(Shown::at(kept, work.now())))
    }
}

/// The operation of the table.
pub(super) fn through_table(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::New(_) = on else { return Err(Error::internal("adding needs no row")) };
    Ok(Boxed::new(Issue::new(kernel, stated(json)?)?, Certificate::NOUN))
}
