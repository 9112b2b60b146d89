//! What hosts trust and what they refuse: the public parts of the authorities, and the lists of
//! certificates that no longer count.
//!
//! A list is made of the rights as they are in the lane, so that one that is made after a
//! revocation was answered has it. It names numbers only: who asks needs no login, so it holds
//! nobody's name. Each list is an entry of `house`; while the same is refused, the one before
//! counts. Which one that is stands in a row, so that every node makes the same list, with the same
//! number: a host takes no lower one (decision 0043).

use super::Issuing;
use super::authority::{self, Authorities, defect, seconds};
use crate::people::hex;
use crate::register::{self, Noun, When, act};
use kernel::authority::Fallen;
use kernel::engine::Wants;
use kernel::{
    Act as _, After, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use pki::{ssh, x509};
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Making the lists that hosts fetch.
    Publishing, "certificate.publish", None, false
);

/// How long a list of X.509 speaks for, in seconds. Behind it PostgreSQL refuses everybody, so that
/// a host that is fetching nothing does not go on for longer.
const SPEAKS: u64 = 3600;

/// How long a list is answered before another one is made, although nothing moved.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// How long before its making a list counts, for hosts whose clock is slow, in seconds.
const BACK: u64 = 300;

/// What hosts trust and what they refuse.
#[derive(Clone, Debug)]
pub struct Lists {
    /// What rested on no right any more when they were made, and until when that was all.
    fallen: Fallen,
    /// First moment at which others have to be made, although the same is refused.
    pub until: Moment,
    /// Their number: later lists have higher ones.
    pub version: u64,
    /// The line for `TrustedUserCAKeys`.
    pub ssh_authority: String,
    /// The certificate for `ssl_ca_file`, in PEM.
    pub x509_authority: String,
    /// The file for `RevokedKeys`.
    pub krl: Vec<u8>,
    /// The file for `ssl_crl_file`, in PEM.
    pub crl: String,
}

impl Lists {
    /// Whether they still say what is so. Rights move all the time, and what hosts refuse seldom
    /// does: while that is the same, no host has to fetch, write and read another list.
    ///
    /// # Errors
    /// `Internal` if a policy cannot be evaluated.
    pub fn stand(&mut self, kernel: &Kernel) -> Result<bool> {
        let now = kernel.now();
        let settled = self.fallen.revision == kernel.authority().revision();
        if now < self.until && !(settled && now < self.fallen.until) {
            let fallen = kernel.authority().fallen(Issuing::ACTION, now)?;
            if fallen.ids != self.fallen.ids {
                return Ok(false);
            }
            self.fallen = fallen;
        }
        Ok(now < self.until)
    }
}

/// Which list there was last.
#[derive(Serialize, Deserialize)]
struct Last {
    /// `certificate-list/v1`.
    format: String,
    /// When it was made, which is its number.
    made: When,
    /// SHA-256 of the ids of what it refuses, in hexadecimal.
    refused: String,
}

impl Noun for Last {
    const REGISTER: &'static str = "certificate-lists";
    const NOUN: &'static str = "certificate list";
    type Read = Publishing;
    type List = Publishing;
}

/// Makes the lists. For whoever asks: a caller that carries no login.
pub struct Publish {
    keys: RecordKey,
    last: RecordKey,
}

impl Publish {
    /// Of this store.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        let last = register::key::<Last>(kernel, "last")?;
        Ok(Self { keys: authority::key(kernel)?, last })
    }
}

impl Operation for Publish {
    type Output = Lists;

    fn target(&self) -> Target {
        on_house(Publishing::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.keys);
        wants.record(&self.last);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Lists>> {
        let by = authority::load::<Publishing>(work, &self.keys)?;
        let now = work.now();
        let fallen = work.rights()?.fallen(Issuing::ACTION, now)?;
        let refused = hex(&kernel::digest(fallen.ids.join("\n").as_bytes()));
        let allowed = work.load::<Publishing>(&self.last)?;
        let last = work.look(&self.last)?.map(|body| register::parse::<Last>(&body)).transpose()?;
        let last = last.filter(|last| last.refused == refused && now < last.made.0.after(LIFE));
        let at = last.as_ref().map_or(now, |last| last.made.0);
        let fields = vec![("number", at.0.to_string()), ("revoked", fallen.ids.len().to_string())];
        match last {
            Some(_) => work.note(HOUSE, Publishing::ACTION.name, fields),
            None => {
                let format = "certificate-list/v1".to_owned();
                let row = Last { format, made: When(at), refused };
                work.save(allowed, register::body(&row)?, fields)?;
            }
        }
        Ok(After::now(made(at, fallen, &by)?))
    }
}

/// The lists of what fell, as they were made at this moment.
fn made(now: Moment, fallen: Fallen, by: &Authorities) -> Result<Lists> {
    let serials = fallen.ids.iter().filter_map(|id| {
        let number = u64::from_str_radix(id.strip_prefix("ssh-")?, 16).ok()?;
        Some(ssh::SerialRange::one(number))
    });
    let authority = by.ssh.public_key().clone();
    let revoked = ssh::Revoked { authority, serials: serials.collect(), key_ids: vec![] };
    // Moments of a store never go back, so neither do these numbers.
    let version = now.0;
    let krl = ssh::Krl::new(version, seconds(now), "", vec![revoked]).map_err(defect)?;
    let ended = fallen.ids.iter().filter_map(|id| {
        let number = u128::from_str_radix(id.strip_prefix("x509-")?, 16).ok()?;
        let serial = x509::Serial::new(number.to_be_bytes()).ok()?;
        let reason = x509::Reason::PrivilegeWithdrawn;
        Some(x509::Revoked { serial, at: seconds(now), reason })
    });
    let (this, next) = (seconds(now).saturating_sub(BACK), seconds(now).saturating_add(SPEAKS));
    let crl = by.x509.revoke(version, this, next, ended.collect()).map_err(defect)?;
    Ok(Lists {
        until: now.after(LIFE),
        version,
        ssh_authority: format!("{}\n", by.ssh.public_key().line()),
        x509_authority: by.x509.certificate().pem(),
        krl: krl.to_bytes(),
        crl: crl.pem(),
        fallen,
    })
}
