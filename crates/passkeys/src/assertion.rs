//! An assertion: somebody used a key that is known, for one challenge (§7.2).

use crate::data::{self, Authenticator, Site, sha256};
use crate::{Error, MAX_BYTES, PublicKey};

/// What the browser hands over when a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `clientDataJSON`, as it came.
    pub client_data: Vec<u8>,
    /// `authenticatorData`, as it came.
    pub authenticator_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Assertion {
    /// Whether the holder of this key answered this challenge, on a page of this site; says what
    /// the authenticator did.
    ///
    /// # Errors
    /// `Unreadable` or `Refused` with the first thing that is wrong.
    pub fn check(
        &self,
        key: &PublicKey,
        challenge: &[u8],
        site: &Site,
    ) -> Result<Authenticator, Error> {
        if self.authenticator_data.len() > MAX_BYTES || self.signature.len() > MAX_BYTES {
            return Err(Error::Unreadable("the assertion"));
        }
        data::client(&self.client_data, "webauthn.get", challenge, site)?;
        let (did, _, _) = data::authenticator(&self.authenticator_data, site)?;
        let mut message = self.authenticator_data.clone();
        message.extend_from_slice(&sha256(&self.client_data));
        match key.signed(&message, &self.signature) {
            true => Ok(did),
            false => Err(Error::Refused("the signature is not of this passkey")),
        }
    }
}
