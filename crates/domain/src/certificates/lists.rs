//! What hosts trust and what they refuse: the public parts of the authorities, and the lists of
//! certificates that no longer count.
//!
//! A list is made of the rights as they are in the lane, so that one that is made after a
//! revocation was answered has it. It names numbers only: who asks needs no login, so it holds
//! nobody's name. Each list is an entry of `house`; while the same is refused, the one before
//! counts.

use super::Issuing;
use super::authority::{self, Authorities, defect, seconds};
use crate::register::act;
use kernel::authority::Fallen;
use kernel::engine::Wants;
use kernel::{
    Act as _, After, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use pki::{ssh, x509};
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

/// Makes the lists. For whoever asks: a caller that carries no login.
pub struct Publish {
    keys: RecordKey,
}

impl Publish {
    /// Of this store.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        Ok(Self { keys: authority::key(kernel)? })
    }
}

impl Operation for Publish {
    type Output = Lists;

    fn target(&self) -> Target {
        on_house(Publishing::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.keys);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Lists>> {
        let by = authority::load::<Publishing>(work, &self.keys)?;
        let lists = made(work, &by)?;
        let fields =
            vec![("number", lists.0.version.to_string()), ("revoked", lists.1.to_string())];
        work.note(HOUSE, Publishing::ACTION.name, fields);
        Ok(After::now(lists.0))
    }
}

/// The lists as of now, and how many certificates they name.
fn made(work: &Work<'_>, by: &Authorities) -> Result<(Lists, usize)> {
    let now = work.now();
    let fallen = work.rights()?.fallen(Issuing::ACTION, now)?;
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
    let refused = fallen.ids.len();
    let lists = Lists {
        until: now.after(LIFE),
        version,
        ssh_authority: format!("{}\n", by.ssh.public_key().line()),
        x509_authority: by.x509.certificate().pem(),
        krl: krl.to_bytes(),
        crl: crl.pem(),
        fallen,
    };
    Ok((lists, refused))
}
