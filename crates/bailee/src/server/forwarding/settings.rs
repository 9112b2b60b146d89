//! `[[forward]]` of the configuration: where events are sent on.

use std::path::PathBuf;

use connectors::forward::{Receiver, Trust};
use serde::Deserialize;

use crate::exit::Failure;
use crate::server::outward::{files, pem};

/// Destinations at most: each is a task of its own, with a batch in memory.
const MOST: usize = 8;

/// A destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Its name, in letters, digits and `-`; what it was sent is kept under it.
    pub name: String,
    /// How it is reached.
    pub kind: Kind,
    /// Of `https`: where NDJSON is posted, `https://…`.
    pub url: Option<String>,
    /// Of `syslog`: host and port, such as `"siem.example.com:6514"`.
    pub address: Option<String>,
    /// Of `syslog`: how the connection is protected. Default: `"required"`.
    #[serde(default)]
    pub tls: Tls,
    /// File with the authorities (PEM) that it is believed by, instead of those of the operating
    /// system.
    pub ca: Option<PathBuf>,
    /// Of `https`: private file with the bearer token.
    pub token_file: Option<PathBuf>,
    /// What is sent. Default: `["entries", "alerts"]`.
    #[serde(default = "usual")]
    pub what: Vec<What>,
    /// The first entry, by its number over all logs, from which a destination begins that was sent
    /// nothing yet; signals then begin with the oldest. Default: what comes from now on.
    pub from_entry: Option<i64>,
    /// Minutes that the oldest event may wait before that is an alert; 0 for never. Default: 60.
    pub late_minutes: Option<u32>,
}

/// How a destination is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// NDJSON by `POST`.
    Https,
    /// Syslog (RFC 5424).
    Syslog,
}

/// How a connection for syslog is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// TLS (RFC 5425).
    #[default]
    Required,
    /// None: anybody on the way reads and alters events.
    DangerNone,
}

/// What is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Every entry of every log.
    Entries,
    /// What rules found.
    Alerts,
    /// Logins that other systems' logs tell of.
    Signals,
}

fn usual() -> Vec<What> {
    vec![What::Entries, What::Alerts]
}

/// Checks all of them together.
///
/// # Errors
/// Which one is wrong, and what would be right.
pub fn check(all: &[Forward]) -> Result<(), Failure> {
    if all.len() > MOST {
        return Err(Failure::usage(format!("`forward` is there at most {MOST} times")));
    }
    for (nth, one) in all.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = (1..=40).contains(&one.name.len()) && one.name.bytes().all(plain);
        let twice = all.iter().take(nth).any(|other| other.name == one.name);
        if !good || twice {
            return Err(one.wrong("name", "1 to 40 of a-z, 0-9 and `-`, and of no other one"));
        }
        one.receiver_with(None, None)?;
        if one.what.is_empty() {
            return Err(one.wrong("what", "some of `entries`, `alerts` and `signals`"));
        }
        if one.from_entry.is_some_and(|first| first < 1) {
            return Err(one.wrong("from_entry", "1 for the first entry of the store, or later"));
        }
        if one.late_minutes.is_some_and(|minutes| minutes > 10_080) {
            return Err(one.wrong("late_minutes", "0 to 10080"));
        }
    }
    Ok(())
}

impl Forward {
    fn wrong(&self, key: &str, right: &str) -> Failure {
        Failure::usage(format!("`forward.{key}` of `{}` is {right}", self.name))
    }

    /// Where events go, with what opens it.
    ///
    /// # Errors
    /// When a file cannot be used, or everybody on the machine can read the token.
    pub fn receiver(&self) -> Result<Receiver, Failure> {
        let pem = self.ca.as_deref().map(pem).transpose()?;
        let token = self.token_file.as_deref().map(files::secret).transpose();
        let token = token.map_err(|why| {
            Failure::usage(format!("`forward.token_file` of `{}`: {why}", self.name))
        })?;
        self.receiver_with(pem, token)
    }

    fn receiver_with(
        &self,
        root_pem: Option<String>,
        token: Option<connectors::Secret>,
    ) -> Result<Receiver, Failure> {
        match (self.kind, &self.url, &self.address) {
            (Kind::Https, Some(url), None)
                if url.starts_with("https://") && self.tls == Tls::Required =>
            {
                Ok(Receiver::Https { url: url.clone(), token, root_pem })
            }
            (Kind::Https, ..) => Err(self.wrong("url", "`https://…`, and nothing else states it")),
            (Kind::Syslog, None, Some(address)) if self.token_file.is_none() => {
                let (host, port) = address.rsplit_once(':').unwrap_or_default();
                let host = host.trim_matches(['[', ']']).to_owned();
                let port: u16 = port.parse().unwrap_or(0);
                if host.is_empty() || port == 0 {
                    return Err(self.wrong("address", "a host and a port, `siem.example:6514`"));
                }
                let tls = (self.tls == Tls::Required).then_some(Trust { root_pem });
                Ok(Receiver::Syslog { host, port, tls })
            }
            (Kind::Syslog, ..) => {
                Err(self.wrong("address", "a host and a port; syslog has no `url` and no token"))
            }
        }
    }

    /// Where it is, as people are shown it.
    pub fn shown(&self) -> String {
        let address = self.url.as_deref().or(self.address.as_deref()).unwrap_or_default();
        // What follows a question mark may open it.
        address.split('?').next().unwrap_or_default().to_owned()
    }
}
