//! Approving a code that a program without a browser shows (RFC 8628): it begins one session there,
//! bound to that program's key.

use super::own::{Deed, Done, Own, Owned};
use super::passkeys::fresh;
use super::sessions::{User, device_hash};
use crate::people::{self, StoredCredential, Use, hex};
use crate::register::act;
use kernel::authority::Caller;
use kernel::{Error, Kernel, Result, Work};
use std::time::Duration;

act!(
    /// Approving the code of a program.
    Approving, "device.approve", None, true
);

/// How long an approved code counts.
pub const DEVICE_LIFE: Duration = Duration::from_secs(600);

/// Letters of a code, which nobody mistakes for others and which make no words.
pub const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters that a code has.
pub const LENGTH: usize = 8;

/// A code as it was typed in, in the one form: eight letters.
///
/// # Errors
/// `Invalid` for anything else.
pub fn code(text: &str) -> Result<String> {
    let plain = text.chars().filter(|one| !one.is_whitespace() && *one != '-');
    let code: String = plain.map(|one| one.to_ascii_uppercase()).collect();
    match code.len() == LENGTH && code.bytes().all(|one| LETTERS.contains(&one)) {
        true => Ok(code),
        false => {
            let why = "type the eight letters that the program shows, such as BCDF-GHJK";
            Err(Error::invalid("code", why))
        }
    }
}

/// Approves the code of a program of one's own.
pub type ApproveDevice = Owned<Approve>;

/// A code to be approved.
pub struct Approve(String);

impl ApproveDevice {
    /// Of whoever asks.
    ///
    /// # Errors
    /// `Forbidden` for a service, `Invalid` for what is no code.
    pub fn new(kernel: &Kernel, caller: &Caller, text: &str) -> Result<Self> {
        Self::of(kernel, caller, Approve(code(text)?))
    }
}

impl Deed for Approve {
    type Act = Approving;
    type Output = ();

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<()>> {
        let now = work.now();
        fresh(own, row, work)?;
        let hash = device_hash(&self.0);
        if work.rights()?.identity(&hash, now).is_ok() {
            return Err(Error::conflict("this code is approved already"));
        }
        let id = hex(&work.random::<8>()?);
        let span = (now, now.after(DEVICE_LIFE));
        // What began this session ends what it leads to: a logout at the provider goes as far.
        let provider = own.credential(row, work)?.provider.clone();
        let credential = StoredCredential::new(id.clone(), hex(&hash), Use::Device, span);
        let credential = StoredCredential { provider, ..credential };
        people::add(row.credentials(), credential, now)?;
        Ok(Done::Changed((), vec![("issued", id), ("until", span.1.rfc3339())]))
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_code_has_one_form_however_it_was_typed() {
        for text in ["BCDF-GHJK", " bcdf ghjk", "bCdFgHjK"] {
            assert_eq!(code(text).unwrap(), "BCDFGHJK");
        }
        for bad in ["", "BCDFGHJ", "BCDFGHJKL", "BCDF-GHJA", "BCDF_GHJK", "ＢCDFGHJ"] {
            assert!(code(bad).is_err(), "{bad}");
        }
    }
}
