//! Passkeys as registers keep them, and what they signed.

use super::{StoredCredential, Use, hex, unhex};
use ::passkeys::{Assertion, Authenticator, PublicKey, Registered, Site};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A passkey (W3C Web Authentication), of which the public half is kept.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub struct Passkey {
    /// What its holder calls it.
    pub name: String,
    /// The domain it belongs to.
    pub site: String,
    /// The name by which the authenticator finds it, in hexadecimal.
    pub key_id: String,
    /// The public key in its COSE form, in hexadecimal.
    pub public_key: String,
    /// What kind of authenticator it says it is (AAGUID), in hexadecimal; zeros if it does not say.
    pub model: String,
    /// How often it had signed when it was used last, or 0 where it does not count.
    pub counter: u32,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was copied when it was used last.
    pub backed_up: bool,
    /// When it was used last, µs since 1970.
    pub used: Option<u64>,
    /// Whether its maker vouched for it when it was made.
    #[serde(default, skip_serializing_if = "is_not")]
    pub attested: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_not(value: &bool) -> bool {
    !*value
}

/// What somebody signed with a passkey; enough for others to check it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "PasskeyProof")]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The name of the passkey, in hexadecimal.
    pub key_id: String,
    /// `clientDataJSON`, in hexadecimal.
    pub client_data: String,
    /// `authenticatorData`, in hexadecimal.
    pub authenticator_data: String,
    /// The signature, in hexadecimal.
    pub signature: String,
}

impl Proof {
    fn assertion(&self) -> Result<Assertion> {
        let part = |text: &str| {
            unhex(text).ok_or_else(|| Error::invalid("proof", "its parts are hexadecimal"))
        };
        Ok(Assertion {
            client_data: part(&self.client_data)?,
            authenticator_data: part(&self.authenticator_data)?,
            signature: part(&self.signature)?,
        })
    }
}

impl Passkey {
    /// A passkey that was just made.
    pub(crate) fn made(name: String, site: &Site, made: &Registered) -> Self {
        Self {
            name,
            site: site.domain().to_owned(),
            key_id: hex(&made.id),
            public_key: hex(made.key.cose()),
            model: hex(&made.model),
            counter: made.did.counter,
            backup_eligible: made.did.backup_eligible,
            backed_up: made.did.backed_up,
            used: None,
            attested: false,
        }
    }

    /// Under which hash the rights know it. Its name is no secret, so that this is never that of a
    /// token: those are hashed without these words before them.
    pub fn hash(key_id: &[u8]) -> [u8; 32] {
        kernel::digest(&[b"bailee passkey v1\0".as_slice(), key_id].concat())
    }

    /// Whether it made this proof for this challenge; says what the authenticator did.
    ///
    /// # Errors
    /// `Forbidden` with the first thing that is wrong.
    pub(crate) fn check(&self, proof: &Proof, challenge: &[u8]) -> Result<Authenticator> {
        let bad = || Error::internal("a stored passkey has another form");
        let cose = unhex(&self.public_key).ok_or_else(bad)?;
        let (key, _) = PublicKey::parse(&cose).map_err(|_| bad())?;
        let site = Site::new(&self.site).map_err(|_| bad())?;
        let did = proof.assertion()?.check(&key, challenge, &site);
        let did = did.map_err(|error| Error::forbidden(error.to_string()))?;
        // A key that never gets copied may change its mind about nothing else.
        if did.backup_eligible != self.backup_eligible {
            let why = "this passkey says something else of itself than when it was made";
            return Err(Error::forbidden(why));
        }
        Ok(did)
    }

    /// Keeps that it was used.
    ///
    /// # Errors
    /// `Forbidden` if it counts its uses and this is none after the last (§6.1.1): there are two of
    /// it.
    pub(crate) fn used(&mut self, did: Authenticator, now: Moment) -> Result<()> {
        let counts = did.counter != 0 || self.counter != 0;
        if counts && did.counter <= self.counter {
            let why = "this passkey was used more often than is known here: it may have been \
                       copied; tell an administrator, and use another";
            return Err(Error::forbidden(why));
        }
        self.counter = did.counter;
        self.backed_up = did.backed_up;
        self.used = Some(now.0);
        Ok(())
    }
}

/// The passkeys that count at a moment.
pub(crate) fn live(
    credentials: &[StoredCredential],
    now: Moment,
) -> impl Iterator<Item = &StoredCredential> {
    credentials.iter().filter(move |one| one.used_for == Use::Passkey && one.live(now))
}
