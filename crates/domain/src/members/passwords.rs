//! A password with one-time codes, for people of vendors whose manager allowed it.
//!
//! Whoever works for a vendor may have no device for passkeys. A password alone begins nothing: the
//! code of the moment goes with it. It is set within a session that was begun just now by a link;
//! whoever has a passkey signs in with that, and has no password.
//!
//! Does not: see the password. The face hands over what Argon2id made of it, and what is kept is a
//! hash of that.

use super::own::{Deed, Done, Own, Owned};
use super::passkeys::fresh;
use super::sessions::User;
use crate::people::{self, StoredCredential, Totp, Use, hex};
use crate::register::act;
use kernel::authority::{Authority, Caller};
use kernel::id::PrincipalId;
use kernel::{Error, Kernel, Result, Work};
use std::time::Duration;

act!(
    /// Setting a password.
    Setting, "password.set", None, true
);

/// How long a password counts; then an administrator makes a link again.
const LIFE: Duration = Duration::from_secs(366 * 86_400);

/// Sets a password for whoever asks, with an authenticator app that shows its codes.
pub type SetPassword = Owned<NewPassword>;

/// A password as the face hands it over.
pub struct NewPassword {
    hash: [u8; 32],
    secret: [u8; 20],
    code: String,
}

/// Under which hash the rights know a password, by what Argon2id made of it with a salt of the
/// holder's own. It is of a kind that is never taken for a token.
pub fn password_hash(derived: &[u8; 32]) -> [u8; 32] {
    kernel::digest(&[b"bailee password v1\0".as_slice(), derived].concat())
}

impl SetPassword {
    /// By what Argon2id made of it, the secret that the app was told, and the code it shows now.
    ///
    /// # Errors
    /// `Forbidden` for a service.
    pub fn new(
        kernel: &Kernel,
        caller: &Caller,
        derived: &[u8; 32],
        (secret, code): ([u8; 20], &str),
    ) -> Result<Self> {
        let (hash, code) = (password_hash(derived), code.to_owned());
        Self::of(kernel, caller, NewPassword { hash, secret, code })
    }
}

impl Deed for NewPassword {
    type Act = Setting;
    type Output = ();

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<()>> {
        let now = work.now();
        fresh(own, row, work)?;
        allowed(&own.holder, work.rights()?)?;
        if people::live_passkeys(row.credentials(), now).next().is_some() {
            return Err(Error::conflict("you have a passkey: sign in with it"));
        }
        let mut totp = Totp::new(&self.secret);
        totp.take(&self.code, now)
            .map_err(|error| Error::invalid("code", error.message().to_owned()))?;
        for old in row.credentials().iter_mut().filter(|one| one.used_for == Use::Password) {
            old.ended.get_or_insert(now.0);
        }
        let id = hex(&work.random::<8>()?);
        let span = (now, now.after(LIFE));
        let credential = StoredCredential::new(id.clone(), hex(&self.hash), Use::Password, span);
        let credential = StoredCredential { totp: Some(totp), ..credential };
        people::add(row.credentials(), credential, now)?;
        Ok(Done::Changed((), vec![("issued", id)]))
    }
}

/// Refuses whoever has to sign in in a better way.
pub(super) fn allowed(holder: &PrincipalId, rights: &Authority) -> Result<()> {
    let one = rights.principal(holder);
    let vendor = one.and_then(|one| one.vendor.clone());
    match vendor {
        Some(vendor) if rights.takes_passwords(&vendor) => Ok(()),
        Some(vendor) => Err(Error::forbidden(format!(
            "the people of vendor `{vendor}` sign in with passkeys: make one, or ask the vendor \
             manager to allow passwords (`bailee vendor passwords`)"
        ))),
        None => Err(Error::forbidden(
            "only people of vendors have passwords: make a passkey, or sign in at the provider",
        )),
    }
}
