//! What is signed: what the browser saw, and what the authenticator did.

use crate::{Error, MAX_BYTES};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Where keys are made and used: the domain they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    domain: String,
}

impl Site {
    /// The site of this domain, without scheme and port (the *RP ID* of the standard). An address
    /// is no domain; `localhost` is one.
    ///
    /// # Errors
    /// `Refused` for what is no domain in lower case.
    pub fn new(domain: &str) -> Result<Self, Error> {
        let part = |label: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(plain)
        };
        let last = domain.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|b| b.is_ascii_digit());
        if domain.len() > 253 || !domain.split('.').all(part) || numeric {
            return Err(Error::Refused("passkeys belong to a domain, and this is none"));
        }
        Ok(Self { domain: domain.to_owned() })
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether a page of this origin belongs to the site: over HTTPS, of the domain or below it,
    /// on any port.
    pub fn has(&self, origin: &str) -> bool {
        let Some(host) = origin.strip_prefix("https://") else { return false };
        let host = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            Some(_) => return false,
            None => host,
        };
        let below = host.strip_suffix(self.domain.as_str());
        below.is_some_and(|rest| rest.is_empty() || (rest.len() > 1 && rest.ends_with('.')))
            && !host.contains(['/', '@', '?', '#', '\\'])
    }

    /// SHA-256 of the domain, as authenticators state it.
    fn hash(&self) -> [u8; 32] {
        sha256(self.domain.as_bytes())
    }
}

/// What the browser saw, as it is signed (§5.8.1).
#[derive(Deserialize)]
struct Client {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Checks what the browser saw: the ceremony, the challenge, and whose page it was.
pub(crate) fn client(bytes: &[u8], kind: &str, challenge: &[u8], site: &Site) -> Result<(), Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::Unreadable("the client data"));
    }
    let client: Client =
        serde_json::from_slice(bytes).map_err(|_| Error::Unreadable("the client data"))?;
    if client.kind != kind {
        return Err(Error::Refused("it is of another ceremony"));
    }
    // A challenge is compared as bytes: base64 has several spellings of some.
    let stated = URL_SAFE_NO_PAD.decode(client.challenge.trim_end_matches('='));
    if stated.ok().as_deref() != Some(challenge) || challenge.len() < 16 {
        return Err(Error::Refused("it answers another challenge: sign in again"));
    }
    if !site.has(&client.origin) || client.cross_origin || client.top_origin.is_some() {
        return Err(Error::Refused("it was made on a page of another site"));
    }
    Ok(())
}

/// What the authenticator did (§6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticator {
    /// How often the key signed, or 0 where it does not count.
    pub counter: u32,
    /// Whether the key may be copied to other devices (BE).
    pub backup_eligible: bool,
    /// Whether it is copied now (BS).
    pub backed_up: bool,
}

/// Bit of the flags: the user was present.
const PRESENT: u8 = 1;
/// Bit of the flags: the user was verified.
const VERIFIED: u8 = 1 << 2;
/// Bit of the flags: the key may be backed up.
const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// Bit of the flags: the key is backed up.
const BACKED_UP: u8 = 1 << 4;
/// Bit of the flags: a new key follows.
pub(crate) const KEY_FOLLOWS: u8 = 1 << 6;

/// Reads what the authenticator did; answers it with the flags and what follows.
pub(crate) fn authenticator<'b>(
    bytes: &'b [u8],
    site: &Site,
) -> Result<(Authenticator, u8, &'b [u8]), Error> {
    let unreadable = Error::Unreadable("the authenticator's data");
    let (hash, rest) = bytes.split_first_chunk::<32>().ok_or(unreadable)?;
    let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(unreadable)?;
    let (counter, rest) = rest.split_first_chunk::<4>().ok_or(unreadable)?;
    if *hash != site.hash() {
        return Err(Error::Refused("it is for another site"));
    }
    if flags & PRESENT == 0 || flags & VERIFIED == 0 {
        let why = "the device did not verify who used it: use its screen lock, PIN or finger";
        return Err(Error::Refused(why));
    }
    let (eligible, backed_up) = (flags & BACKUP_ELIGIBLE != 0, flags & BACKED_UP != 0);
    if backed_up && !eligible {
        return Err(Error::Refused("it says that it is backed up and cannot be"));
    }
    let counter = u32::from_be_bytes(*counter);
    Ok((Authenticator { counter, backup_eligible: eligible, backed_up }, flags, rest))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
