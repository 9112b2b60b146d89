//! A registration: somebody made a key for this site (§7.1).
//!
//! A statement of attestation is not looked at here: it says what kind of device made the key, and
//! nothing of whose it is.

use crate::data::{self, Authenticator, KEY_FOLLOWS, Site};
use crate::{Error, MAX_BYTES, PublicKey};
use ciborium::Value;

/// The longest name of a key, in bytes (§4, *credential ID*).
const MAX_ID: usize = 1023;

/// What the browser hands over when a key was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `clientDataJSON`, as it came.
    pub client_data: Vec<u8>,
    /// `attestationObject`, as it came.
    pub attestation: Vec<u8>,
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name, by which the authenticator finds it.
    pub id: Vec<u8>,
    /// The key.
    pub key: PublicKey,
    /// What kind of authenticator it says it is (AAGUID); zeros if it does not say.
    pub model: [u8; 16],
    /// What the authenticator did.
    pub did: Authenticator,
}

impl Registration {
    /// The key that was made for this challenge, on a page of this site.
    ///
    /// # Errors
    /// `Unreadable` or `Refused` with the first thing that is wrong.
    pub fn check(&self, challenge: &[u8], site: &Site) -> Result<Registered, Error> {
        let unreadable = Error::Unreadable("the registration");
        if self.attestation.len() > MAX_BYTES {
            return Err(unreadable);
        }
        data::client(&self.client_data, "webauthn.create", challenge, site)?;
        let value: Value =
            ciborium::from_reader(self.attestation.as_slice()).map_err(|_| unreadable)?;
        let named = |(key, _): &&(Value, Value)| key.as_text() == Some("authData");
        let map = value.as_map().ok_or(unreadable)?;
        let bytes = map.iter().find(named).and_then(|(_, value)| value.as_bytes());
        let bytes = bytes.ok_or(unreadable)?;
        let (did, flags, rest) = data::authenticator(bytes, site)?;
        if flags & KEY_FOLLOWS == 0 {
            return Err(Error::Refused("it made no key"));
        }
        let (model, rest) = rest.split_first_chunk::<16>().ok_or(unreadable)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(unreadable)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (id, rest) = rest.split_at_checked(length).ok_or(unreadable)?;
        if id.is_empty() || id.len() > MAX_ID {
            return Err(unreadable);
        }
        let (key, _) = PublicKey::parse(rest)?;
        Ok(Registered { id: id.to_vec(), key, model: *model, did })
    }
}
