//! What a user certificate is asked to say, checked.

use super::PublicKey;
use crate::{Error, Window};
use core::net::IpAddr;

/// The most principals in one certificate.
pub const MAX_PRINCIPALS: usize = 32;

/// The longest principal, in bytes.
const MAX_PRINCIPAL: usize = 128;

/// The longest key id, in bytes. `sshd` writes it into a line of its log.
pub(super) const MAX_KEY_ID: usize = 200;

/// The longest forced command, in bytes.
const MAX_COMMAND: usize = 1024;

/// The most networks in one certificate.
const MAX_SOURCES: usize = 16;

/// What a user certificate is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The key that it is about.
    pub subject: &'a PublicKey,
    /// Not 0: OpenSSH takes 0 for "has none", and no KRL can revoke it.
    pub serial: u64,
    /// 1 to 200 characters of printable ASCII without space. `sshd` logs it, and a KRL can name it.
    pub key_id: &'a str,
    /// 1 to 32 names of accounts or roles, each 1 to 128 of `A-Z a-z 0-9 . _ @ : / + -`.
    pub principals: &'a [String],
    /// From when until when it is valid.
    pub window: Window,
    /// What is forced and allowed besides.
    pub options: Options,
    /// Random bytes, never used before: an issuer must not sign what a client can predict.
    pub nonce: [u8; 32],
}

/// What is forced, and what is allowed. The default forces nothing and allows commands only: no
/// terminal, no forwarding of ports, agent or X11, no `~/.ssh/rc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The one command that is run, whatever is asked for: 1 to 1024 characters, none of control.
    pub force_command: Option<String>,
    /// Where it can be used from: at most 16 addresses or networks, such as `192.0.2.0/24`. None
    /// means everywhere.
    pub source_addresses: Vec<String>,
    /// Whether a terminal is given.
    pub permit_pty: bool,
}

impl Request<'_> {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.serial == 0 {
            return Err(Error::invalid("serial", "must not be 0: no KRL can revoke it"));
        }
        check_key_id(self.key_id)?;
        check_principals(self.principals)?;
        self.options.check()
    }
}

pub(super) fn check_key_id(key_id: &str) -> Result<(), Error> {
    let fits = (1..=MAX_KEY_ID).contains(&key_id.len());
    if fits && key_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::invalid("key_id", "must be 1 to 200 characters of printable ASCII without space"))
}

fn check_principals(principals: &[String]) -> Result<(), Error> {
    // A certificate without principals would be good for every account of every host.
    if !(1..=MAX_PRINCIPALS).contains(&principals.len()) {
        let why = format!("are {}; name 1 to {MAX_PRINCIPALS}", principals.len());
        return Err(Error::invalid("principals", why));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@:/+-".contains(&byte);
    for (index, principal) in principals.iter().enumerate() {
        let fits = (1..=MAX_PRINCIPAL).contains(&principal.len());
        if !fits || !principal.bytes().all(allowed) || principal.starts_with('-') {
            let why = "must each be 1 to 128 of `A-Z a-z 0-9 . _ @ : / + -`, the first not `-`";
            return Err(Error::invalid("principals", why));
        }
        if principals.iter().take(index).any(|earlier| earlier == principal) {
            return Err(Error::invalid("principals", format!("name `{principal}` twice")));
        }
    }
    Ok(())
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        if let Some(command) = &self.force_command {
            let fits = (1..=MAX_COMMAND).contains(&command.len());
            if !fits || command.chars().any(char::is_control) {
                let why = "must be 1 to 1024 characters, none of control";
                return Err(Error::invalid("force_command", why));
            }
        }
        if self.source_addresses.len() > MAX_SOURCES {
            return Err(Error::invalid("source_addresses", "are more than 16; join the networks"));
        }
        self.source_addresses.iter().try_for_each(|source| check_source(source))
    }
}

/// `sshd` refuses the whole certificate when one network in it has bits behind its prefix.
fn check_source(source: &str) -> Result<(), Error> {
    let wrong = |why: &str| {
        let shown: String = source.chars().filter(char::is_ascii_graphic).take(60).collect();
        Error::invalid("source_addresses", format!("have `{shown}`, {why}"))
    };
    let (address, prefix) = match source.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (source, None),
    };
    let address: IpAddr =
        address.parse().map_err(|_| wrong("which is no address and no network"))?;
    let Some(prefix) = prefix else { return Ok(()) };
    let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
    let length: u32 = prefix.parse().ok().filter(|_| digits).unwrap_or(u32::MAX);
    let behind = match address {
        IpAddr::V4(v4) if length <= 32 => u32::from(v4).checked_shl(length).unwrap_or(0) != 0,
        IpAddr::V6(v6) if length <= 128 => u128::from(v6).checked_shl(length).unwrap_or(0) != 0,
        _ => return Err(wrong("of which the prefix is no number of bits")),
    };
    if behind { Err(wrong("which has bits behind its prefix")) } else { Ok(()) }
}
