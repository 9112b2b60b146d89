//! Destinations: to whom Service Data may be sent, and where, declared before anything is.
//!
//! The receiver is a vendor, or a subscriber itself for its own account's data. A person checks
//! that the address is the receiver's before anything is sent there. An address without
//! encryption may be declared for a subscriber only, and takes nothing until that account's own
//! administrator elects it.

use crate::accounts::Account;
use crate::register::{At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, step};
use crate::vendors::Vendor;
use kernel::id::AccountId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How records travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DestinationKind")]
pub enum Kind {
    /// As a signed message to an address on the network.
    Webhook,
    /// On a medium that somebody carries.
    Media,
}

/// Who checked that a destination is its receiver's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DestinationVerified")]
pub struct Verified {
    /// How it was checked.
    pub how: String,
    /// Who did, and when.
    pub mark: Mark,
}

/// A place outside to which Service Data may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// A vendor's name, or `subscriber:ACCOUNT`.
    pub receiver: String,
    /// How records travel there.
    pub kind: Kind,
    /// The address of a webhook.
    pub url: Option<String>,
    /// What for.
    pub purpose: String,
    /// The name of the secret that signs messages to it; the secret itself is not kept here.
    pub secret: Option<String>,
    /// Who checked last that it is the receiver's.
    pub verified: Option<Verified>,
    /// When it was taken out of use, and why.
    pub retired: Option<Verified>,
}

/// Prefix of a receiver that is a subscriber.
const SUBSCRIBER: &str = "subscriber:";

impl Destination {
    /// The account, if the receiver is a subscriber.
    pub fn subscriber(&self) -> Option<&str> {
        self.receiver.strip_prefix(SUBSCRIBER)
    }

    /// The vendor, if the receiver is one.
    pub fn vendor(&self) -> Option<&str> {
        Some(self.receiver.as_str()).filter(|_| self.subscriber().is_none())
    }

    /// Whether the way there is not encrypted.
    pub fn plaintext(&self) -> bool {
        self.url.as_deref().is_some_and(|url| address(url) == Some(Scheme::Http))
    }
}

/// A destination to be declared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDestination {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Who receives: a vendor's name, or `subscriber:ACCOUNT`.
    pub receiver: String,
    /// How records travel there.
    pub kind: Kind,
    /// The address of a webhook, `https://…`; `http://…` only where a subscriber receives.
    pub url: Option<String>,
    /// What for, on one line.
    pub purpose: String,
    /// The name of the secret that signs messages to a webhook.
    pub secret: Option<String>,
}

impl Row for Destination {
    const NOUN: &'static str = "destination";
    const REGISTER: &'static str = "destinations";
    const FORMAT: &'static str = "destination/v1";
    const ADD: &'static str = "destination.add";
    const READ: &'static str = "destination.read";
    const LIST: &'static str = "destination.list";
    type New = NewDestination;

    fn id(new: &NewDestination) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewDestination, needs: &mut Needs<'_>) -> Result<()> {
        match new.receiver.strip_prefix(SUBSCRIBER) {
            Some(account) => {
                let id = AccountId::parse(account);
                let id = id.map_err(|error| Error::invalid("receiver", error.message()))?;
                needs.noun::<Account>(id.as_str())
            }
            None => needs.row::<Vendor>(&new.receiver),
        }
    }

    fn add(new: &NewDestination, at: &mut At<'_, '_>) -> Result<Self> {
        let subscriber = new.receiver.strip_prefix(SUBSCRIBER);
        match subscriber {
            Some(account) if at.find_noun::<Account>(account)?.is_none() => {
                let why = format!("there is no account `{}`", kernel::id::shown(account));
                return Err(Error::invalid("receiver", why));
            }
            Some(_) => {}
            None if at.named::<Vendor>("receiver", &new.receiver)?.row.offboarded.is_some() => {
                return Err(Error::invalid("receiver", "this vendor was let go"));
            }
            None => {}
        }
        let (url, secret) = match new.kind {
            Kind::Webhook => webhook(new, subscriber.is_some())?,
            Kind::Media if new.url.is_some() || new.secret.is_some() => {
                return Err(Error::invalid("url", "a medium has no address and no secret"));
            }
            Kind::Media => (None, None),
        };
        at.tell("receiver", new.receiver.clone());
        Ok(Self {
            receiver: new.receiver.clone(),
            kind: new.kind,
            url,
            purpose: line("purpose", &new.purpose, 300)?,
            secret,
            verified: None,
            retired: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        match (&self.verified, self.plaintext()) {
            (None, _) => Status::of("unverified", Tone::Due)
                .what("nobody has checked that it is the receiver's: nothing is sent there")
                .who("vendor-manager"),
            (Some(_), true) => Status::of("plaintext", Tone::Due)
                .what("nothing is sent there without the account's own election in force")
                .who("the account's administrator"),
            (Some(_), false) => Status::of("declared", Tone::Good),
        }
    }
}

/// Address and secret of a webhook.
fn webhook(new: &NewDestination, subscriber: bool) -> Result<(Option<String>, Option<String>)> {
    let url = new.url.as_deref().unwrap_or_default().trim();
    match address(url) {
        Some(Scheme::Https) => {}
        Some(Scheme::Http) if subscriber => {}
        Some(Scheme::Http) => {
            let why = "a vendor receives over `https://` only, without exception";
            return Err(Error::invalid("url", why));
        }
        None => {
            let why = "write `https://HOST/PATH`, without a login, a `#` or a space";
            return Err(Error::invalid("url", why));
        }
    }
    let secret = new.secret.as_deref().unwrap_or_default();
    Ok((Some(url.to_owned()), Some(line("secret", secret, 100)?)))
}

/// What an address begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The scheme of an address that can be a webhook's (RFC 3986, of which only the plain form is
/// taken): no login in it, no fragment, nothing that needs quoting.
pub(crate) fn address(url: &str) -> Option<Scheme> {
    let (scheme, rest) = match url.strip_prefix("https://") {
        Some(rest) => (Scheme::Https, rest),
        None => (Scheme::Http, url.strip_prefix("http://")?),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end)?;
    let name = match host.strip_prefix('[') {
        // An IPv6 address stands in brackets.
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            let hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
            (!inside.is_empty() && inside.bytes().all(hex)).then_some(after)?
        }
        None => {
            let (name, _) = host.split_once(':').unwrap_or((host, ""));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            let named = !name.is_empty() && name.len() <= 253 && name.bytes().all(plain);
            host.get(named.then_some(name.len())?..)?
        }
    };
    let port = match name.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => name.is_empty(),
    };
    let quoted = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    (port && url.len() <= 500 && path.bytes().all(quoted)).then_some(scheme)
}

/// Says that somebody checked that a destination is its receiver's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// How it was checked: with whom, over which other way.
    pub how: String,
}

impl Step<Destination> for Verify {
    const ACTION: &'static str = "destination.verify";

    fn apply(&self, row: &mut Destination, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        row.verified = Some(Verified { how: line("how", &self.how, 500)?, mark: at.mark() });
        Ok(())
    }
}

/// Takes a destination out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why.
    pub reason: String,
}

impl Step<Destination> for Retire {
    const ACTION: &'static str = "destination.retire";

    fn apply(&self, row: &mut Destination, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        row.retired = Some(Verified { how: line("reason", &self.reason, 500)?, mark: at.mark() });
        Ok(())
    }
}

fn in_use(row: &Destination) -> Result<()> {
    match row.retired {
        None => Ok(()),
        Some(_) => Err(Error::conflict("this destination is retired: declare a new one")),
    }
}

const STEPS: &[Entry] = &[
    step::<Destination, Verify>("verify", "Says how it was checked that it is the receiver's"),
    step::<Destination, Retire>("retire", "Takes the destination out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Destination>(
    "vendors",
    "Where Service Data may be sent, and to whom, declared before anything is",
)
.serves(&["P4", "P5", "E2.3"])
.first("Declare a destination: who receives, where, and what for")
.columns(&["receiver", "kind", "url", "purpose"])
.steps(STEPS);

/// Days a check of a destination counts, from the catalogue's days for answers.
pub fn checked_until(verified: &Verified, answer_days: u32) -> Moment {
    Day::of(verified.mark.at.0).plus(answer_days).end()
}

#[cfg(test)]
mod tests {
    use super::{Scheme, address};

    #[test]
    fn an_address_is_plain_or_none() {
        let https = Some(Scheme::Https);
        for (url, scheme) in [
            ("https://hooks.example.com", https),
            ("https://hooks.example.com:8443/in?a=b%20c", https),
            ("https://[2001:db8::1]/in", https),
            ("https://[2001:db8::1]:1/in", https),
            ("http://10.0.0.7/in", Some(Scheme::Http)),
            ("", None),
            ("https://", None),
            ("https:///in", None),
            ("https://a:0/", None),
            ("https://a:70000/", None),
            ("https://a:", None),
            ("https://a:b@c/", None),
            ("https://user@host/", None),
            ("https://host/#part", None),
            ("https://host/a b", None),
            ("https://h\u{f6}st/", None),
            ("https://[::1/", None),
            ("https://[]/", None),
            ("https://[::1]x/", None),
            ("HTTPS://host/", None),
            ("ftp://host/", None),
            ("https://host\\@other/", None),
        ] {
            assert_eq!(address(url), scheme, "{url}");
        }
        assert_eq!(address(&format!("https://a/{}", "x".repeat(500))), None);
    }
}
