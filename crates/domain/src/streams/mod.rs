//! Streams: who else hears that somebody's sessions ended or a credential changed, as signed
//! security events (RFC 8417, pushed by RFC 8935; decision 0036).
//!
//! A stream is a receiver with its address, its bearer token by name, and what it wants to hear.
//! What happened is left as a job with the commit in which it happened, so that nothing is lost
//! over a restart; what came of telling it is on the row. What others tell us is not here: it ends
//! sessions as a sign-out at the provider does.

mod sending;
mod signing;

pub use sending::{
    Attempting, Compose, Composed, Composing, NoteSent, SEND, Sending, Sent, Spreading, spread,
};
pub use signing::{
    Assert, Asserting, PUBLISHED, PublicKeys, PublishKeys, Publishing, RotateKey, Rotated, Rotating,
};

use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, When, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Streams that hear of one event, those that were added first.
const MOST: usize = 50;

/// What a receiver hears (CAEP 1.0 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "StreamEvent")]
pub enum Event {
    /// Every session of somebody ended.
    SessionRevoked,
    /// A passkey was made or ended, a recovery code was used.
    CredentialChange,
}

impl Event {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::SessionRevoked, Self::CredentialChange];

    /// As tokens name it.
    pub fn address(self) -> &'static str {
        match self {
            Self::SessionRevoked => {
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
            }
            Self::CredentialChange => {
                "https://schemas.openid.net/secevent/caep/event-type/credential-change"
            }
        }
    }
}

/// How somebody is named to a receiver (RFC 9493 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "StreamSubject")]
pub enum Subject {
    /// Issuer and subject of their identity at the company's provider.
    IssSub,
    /// Their address of mail.
    Email,
    /// Their name here.
    Opaque,
}

/// What came of telling something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "StreamOutcome")]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not, or was not reached; it is tried again.
    Failed,
    /// It is not tried again.
    Lost,
}

/// The newest attempt of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StreamAttempt")]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub at: When,
    /// The id of the event (`jti`), the same with each attempt.
    pub event: String,
    /// How often it was tried.
    pub attempt: u32,
    /// The status of the answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The error that the receiver names (RFC 8935 §2.4), such as `invalid_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it says about it, or why nothing was sent.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reply: String,
}

/// A receiver of security events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Where events are posted to, `https://…`.
    pub address: String,
    /// For whom they are (`aud`).
    pub audience: String,
    /// The name of the bearer token's file; the token itself is not kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How people are named.
    pub subject: Subject,
    /// What it hears.
    pub events: Vec<Event>,
    /// Events that it took.
    pub delivered: u64,
    /// Events that it never took.
    pub lost: u64,
    /// The newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Attempt>,
    /// Who ended it, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Mark>,
}

/// A stream to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStream {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Where events are posted to, `https://…`.
    pub address: String,
    /// For whom they are (`aud`), as the receiver wants it.
    pub audience: String,
    /// The name of the bearer token's file in the server's folder of secrets, if the receiver wants
    /// one.
    pub secret: Option<String>,
    /// How people are named: `iss-sub` where the receiver signs them in at the same provider.
    pub subject: Subject,
    /// What it hears; everything, if nothing is stated.
    #[serde(default)]
    pub events: Vec<Event>,
}

impl Row for Stream {
    const NOUN: &'static str = "stream";
    const REGISTER: &'static str = "streams";
    const FORMAT: &'static str = "stream/v1";
    const ADD: &'static str = "stream.add";
    const READ: &'static str = "stream.read";
    const LIST: &'static str = "stream.list";
    type New = NewStream;

    fn id(new: &NewStream) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewStream, at: &mut At<'_, '_>) -> Result<Self> {
        let stated = |event: &Event| new.events.is_empty() || new.events.contains(event);
        at.tell("address", new.address.trim());
        Ok(Self {
            address: address(&new.address)?,
            audience: line("audience", &new.audience, 255)?,
            secret: new.secret.as_ref().map(|name| line("secret", name, 100)).transpose()?,
            subject: new.subject,
            events: Event::ALL.into_iter().filter(stated).collect(),
            delivered: 0,
            lost: 0,
            last: None,
            ended: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        let what = |last: &Attempt| {
            let error = last.error.as_deref().unwrap_or("no error named");
            format!("attempt {} of `{}`: {error}: {}", last.attempt, last.event, last.reply)
        };
        match &self.last {
            None => Status::of("untried", Tone::Due)
                .what("nothing was sent there so far: try it with `bailee stream verify`")
                .who("administrator"),
            Some(last) => match last.outcome {
                Outcome::Delivered => Status::of("delivering", Tone::Good),
                Outcome::Failed => {
                    Status::of("failing", Tone::Due).what(what(last)).who("administrator")
                }
                Outcome::Lost => {
                    Status::of("losing", Tone::Bad).what(what(last)).who("administrator")
                }
            },
        }
    }
}

/// An address with TLS, without anything that a redirect or a log could give away.
fn address(text: &str) -> Result<String> {
    let text = line("address", text, 500)?;
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    match !host.is_empty() && !host.contains('@') && rest.bytes().all(plain) {
        true => Ok(text),
        false => {
            let why = "write `https://HOST/PATH`, without a login, a `#` or a space";
            Err(Error::invalid("address", why))
        }
    }
}

/// Tries a stream: an event that says nothing of anybody (SSF 1.0 §8.1.4).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {}

impl Step<Stream> for Verify {
    const ACTION: &'static str = "stream.verify";

    fn apply(&self, row: &mut Stream, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        let sending = Sending::verification(at.id(), at.now());
        at.later(at.now(), SEND, sending.object()?);
        Ok(())
    }
}

/// Ends a stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Stream> for End {
    const ACTION: &'static str = "stream.end";

    fn apply(&self, row: &mut Stream, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        at.tell("reason", line("reason", &self.reason, 300)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

fn open(row: &Stream) -> Result<()> {
    match row.ended {
        None => Ok(()),
        Some(_) => Err(Error::conflict("this stream ended: add a new one")),
    }
}

const STEPS: &[Entry] = &[
    step::<Stream, Verify>("verify", "Sends an event that only tries the way there"),
    step::<Stream, End>("end", "Ends it: nothing more is told there"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Stream>(
    "team",
    "Who else hears that somebody's sessions ended or a credential changed (RFC 8935, CAEP)",
)
.serves(&["E5.4", "E5.5"])
.first("Name whoever signs the same people in, so that they hear who left")
.columns(&["address", "audience", "subject", "events", "delivered", "lost"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_has_tls_and_gives_nothing_away() {
        for good in ["https://a.example/events", "https://[::1]:8443/", "https://a?b=c"] {
            assert_eq!(address(good).unwrap(), good);
        }
        for bad in ["", "https://", "http://a/", "https://a b/", "https://u:p@a/", "https://a/#b"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
