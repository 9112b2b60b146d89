//! Signals: what other systems report of themselves, kept sealed by day for a stated time; and the
//! sources they come from.
//!
//! A source is named before it is heard: a service that may deliver over HTTPS, or the addresses a
//! syslog sender uses. What comes is kept as it was understood, in batches, each an entry of
//! `house`; looking for something in it is an entry too. Nothing here judges what a signal means.
//!
//! What a system says of itself is no more than that: a signal proves when Bailee was told, and not
//! that it is true.

mod kept;
mod searching;

pub use kept::{
    BATCH, BATCH_BYTES, ForgetSignals, SendSignals, Signal, TakeSignals, decode, encode,
};
pub use searching::{Found, NoteSearch, Query, plain, search};

use crate::register::{
    At, Entry, Mark, Needs, Register, Row, Status, Step, Tone, act, line, prose, step,
};
use crate::systems::System;
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

act!(
    /// Delivering signals.
    Deliver, "signal.send", None, false
);
act!(
    /// Keeping signals that the server's own listeners took.
    Take, "signal.take", None, false
);
act!(
    /// Forgetting the signals of a day.
    Forget, "signal.forget", None, false
);
act!(
    /// Looking for something in signals.
    Search, "signal.search", None, false
);

/// How a source reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SourceKind")]
pub enum Kind {
    /// Syslog over TCP, TLS or UDP (RFC 5424, RFC 3164).
    Syslog,
    /// JSON lines over HTTPS.
    Lines,
    /// OTLP logs over HTTP.
    Otlp,
    /// Files of another system, such as AWS `CloudTrail`, a badge system or a journal.
    Files,
}

/// A source of signals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SignalSource")]
pub struct Source {
    /// What reports here, and what for.
    pub what: String,
    /// How it reports.
    pub kind: Kind,
    /// The service that may deliver, for what comes over HTTPS: `service:NAME`.
    pub service: Option<String>,
    /// The addresses it sends from, for syslog.
    pub peers: Vec<String>,
    /// Minutes of silence after which it counts as silent; never, if nothing is stated.
    pub silent_minutes: Option<u32>,
    /// The system it reports about, by its id.
    pub system: Option<String>,
    /// When it ended, if it did.
    pub ended: Option<Mark>,
}

impl Source {
    /// Whether it may report now.
    pub fn counts(&self) -> bool {
        self.ended.is_none()
    }
}

/// A source to be named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    /// Its name, which is its id.
    pub name: String,
    /// What reports here, and what for.
    pub what: String,
    /// How it reports.
    pub kind: Kind,
    /// The service that may deliver, for what comes over HTTPS: `service:NAME`.
    pub service: Option<String>,
    /// The addresses it sends from, for syslog; at most 64.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Minutes of silence after which it counts as silent, 1 to 10080; never, if nothing is stated.
    pub silent_minutes: Option<u32>,
    /// The system it reports about, by its id.
    pub system: Option<String>,
}

impl Row for Source {
    const NOUN: &'static str = "source";
    const REGISTER: &'static str = "sources";
    const FORMAT: &'static str = "source/v1";
    const ADD: &'static str = "source.add";
    const READ: &'static str = "source.read";
    const LIST: &'static str = "source.list";
    type New = NewSource;

    fn id(new: &NewSource) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewSource, needs: &mut Needs<'_>) -> Result<()> {
        new.system.as_deref().map_or(Ok(()), |id| needs.row::<System>(id))
    }

    fn add(new: &NewSource, at: &mut At<'_, '_>) -> Result<Self> {
        if let Some(id) = &new.system {
            at.named::<System>("system", id)?;
        }
        Ok(Self {
            what: line("what", &new.what, 300)?,
            kind: new.kind,
            service: sender(new, at)?,
            peers: peers(&new.peers)?,
            silent_minutes: silent(new.silent_minutes)?,
            system: new.system.clone(),
            ended: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        match self.ended {
            Some(_) => Status::of("ended", Tone::Past),
            None => Status::of("heard", Tone::Good),
        }
    }
}

/// The service that delivers, which has to be one where the source comes over HTTPS.
fn sender(new: &NewSource, at: &At<'_, '_>) -> Result<Option<String>> {
    if new.kind == Kind::Syslog {
        return match &new.service {
            Some(_) => Err(Error::invalid("service", "syslog has no login: state `peers`")),
            None if new.peers.is_empty() => {
                Err(Error::invalid("peers", "state the addresses it sends from"))
            }
            None => Ok(None),
        };
    }
    let stated = new.service.as_deref().unwrap_or_default();
    let id = PrincipalId::parse(stated).ok().filter(|id| id.parts().0 == "service");
    let known = id.and_then(|id| at.rights().ok()?.principal(&id)).filter(|one| one.active);
    match known {
        Some(one) => Ok(Some(one.id.to_string())),
        None => {
            let why = "state the active service that delivers it: `service:NAME`";
            Err(Error::invalid("service", why))
        }
    }
}

fn peers(stated: &[String]) -> Result<Vec<String>> {
    if stated.len() > 64 {
        return Err(Error::invalid("peers", "state at most 64 addresses"));
    }
    let one = |text: &String| {
        let address = text.trim().parse::<core::net::IpAddr>();
        address.map(|address| address.to_canonical().to_string()).map_err(|_| {
            let text = kernel::id::shown(text);
            Error::invalid("peers", format!("`{text}` is no IP address"))
        })
    };
    stated.iter().map(one).collect()
}

fn silent(minutes: Option<u32>) -> Result<Option<u32>> {
    match minutes {
        Some(0 | 10_081..) => {
            Err(Error::invalid("silent_minutes", "state 1 to 10080 minutes, or leave it out"))
        }
        minutes => Ok(minutes),
    }
}

/// Changes from where, and how often, a source is expected to report.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// The addresses it sends from, for syslog.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Minutes of silence after which it counts as silent, 1 to 10080; never, if nothing is stated.
    pub silent_minutes: Option<u32>,
    /// Why.
    pub reason: String,
}

impl Step<Source> for Adjust {
    const ACTION: &'static str = "source.adjust";

    fn apply(&self, row: &mut Source, at: &mut At<'_, '_>) -> Result<()> {
        live(row)?;
        if row.kind == Kind::Syslog && self.peers.is_empty() {
            return Err(Error::invalid("peers", "state the addresses it sends from"));
        }
        at.tell("reason", prose("reason", &self.reason, 500)?);
        (row.peers, row.silent_minutes) = (peers(&self.peers)?, silent(self.silent_minutes)?);
        Ok(())
    }
}

/// Ends a source: nothing is taken from it any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Source> for End {
    const ACTION: &'static str = "source.end";

    fn apply(&self, row: &mut Source, at: &mut At<'_, '_>) -> Result<()> {
        live(row)?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

fn live(row: &Source) -> Result<()> {
    match row.ended {
        Some(_) => Err(Error::conflict("this source has ended: name another one")),
        None => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Source, Adjust>("adjust", "Changes from where and how often it is expected to report"),
    step::<Source, End>("end", "Ends it: nothing is taken from it any more"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Source>(
    "systems",
    "Where signals of other systems come from, and how long each may be silent",
)
.serves(&["E4.2", "E6.2"])
.first("Name what reports: a service that delivers over HTTPS, or the addresses of a syslog sender")
.columns(&["what", "kind", "service", "silent_minutes"])
.steps(STEPS);
