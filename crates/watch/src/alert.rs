//! What a rule found.

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// How grave a finding is, as Sigma has it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth a line in a report.
    #[default]
    Informational,
    /// Worth a look when there is time.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

/// What may be done by itself when a rule fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Nothing.
    #[default]
    None,
    /// Slow the caller down.
    Limit,
    /// Lock the credential.
    Lock,
    /// Refuse the address for a while.
    Ban,
    /// Suspend the service or the vendor.
    Suspend,
}

/// A rule fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same rule, version, group and window: 32 hexadecimal digits.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The rule's name, by which people and other rules call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the rule said then: changes with its text, and with that of the rules it refers to.
    pub version: String,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: Level,
    /// Who wrote the rule, to be kept with it (Detection Rule License 1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The rule's tags, such as `attack.t1110`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether somebody is to be paged.
    #[serde(default)]
    pub paging: bool,
    /// What may be done by itself.
    #[serde(default)]
    pub answer: Answer,
    /// Whom or what it is about: fields and their values, in the rule's order.
    #[serde(default)]
    pub group: Vec<(String, String)>,
    /// The first match of the window, in µs since 1970.
    pub from: u64,
    /// The match, or the end of the silence, that made it fire, in µs since 1970.
    pub to: u64,
    /// Numbers of matching events in the window, ascending: all, or the first and the last.
    pub events: Vec<u64>,
    /// Matching events in the window.
    pub count: u64,
    /// What was compared with the threshold: events, distinct values, or a sum.
    pub value: u64,
    /// Why the value is not exact, and how far off it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// Whether a field of the group was missing: counted apart, and about nobody in particular.
    #[serde(default)]
    pub unattributed: bool,
    /// Whether the rule is on trial: recorded, and nobody is told.
    #[serde(default)]
    pub shadow: bool,
    /// Whether it was found by running a new rule over old events.
    #[serde(default)]
    pub retroactive: bool,
}

/// An id of what these parts name: 32 hexadecimal digits.
pub(crate) fn id_of(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        // The length in front, so that two lists of parts never look the same.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex(context.finish().as_ref(), 16)
}

/// The first `bytes` bytes as hexadecimal digits.
fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}
