//! Channels: the ways by which somebody is paged, in order.
//!
//! Whatever opens a channel of others, such as the address of a Slack webhook or the key of a
//! PagerDuty service, is a secret in a file of the server, and is named here as a destination's is.
//! A channel that failed three pages in a row is dead: it is passed over, its owner and the lead
//! are told by another one, and it counts again when somebody has mended it.

use super::responder;
use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, When, line, step};
use crate::transfers::destinations::{Scheme, address};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How somebody is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ChannelWay")]
pub enum Way {
    /// A letter.
    Email,
    /// A signed message (Standard Webhooks).
    Webhook,
    /// A message to an incoming webhook of Slack, or of what understands the same.
    Slack,
    /// An event for PagerDuty's Events API v2.
    Pagerduty,
    /// The pager page of the console, which somebody keeps open.
    Page,
}

impl Way {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Page => "page",
        }
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Channel {
    /// Whose it is: `person:NAME`.
    pub person: String,
    /// How they are paged.
    pub way: Way,
    /// An address: of mail, or of a webhook.
    pub address: Option<String>,
    /// The name of the secret; the secret itself is not kept here.
    pub secret: Option<String>,
    /// Its place among the person's channels, from 1; the first is tried first.
    pub order: u32,
    /// Pages in a row that it failed to bring.
    pub failures: u32,
    /// When it was used last, if it was.
    pub used: Option<When>,
    /// How often it was used in the minute that began with its first use.
    #[serde(default)]
    pub burst: Option<Burst>,
    /// Since when it counts as dead, if it does.
    pub dead: Option<When>,
    /// Who ended it, and when.
    pub ended: Option<Mark>,
}

/// How often a channel was used of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChannelBurst")]
pub struct Burst {
    /// When it began.
    pub since: When,
    /// Uses since then.
    pub count: u32,
}

/// Pages in a row after which a channel is dead.
pub(super) const DEAD: u32 = 3;

impl Channel {
    /// Whether it is tried.
    pub fn counts(&self) -> bool {
        self.ended.is_none() && self.dead.is_none()
    }
}

/// A channel to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// Whose it is: `person:NAME`, an active responder or security lead.
    pub person: String,
    /// How they are paged.
    pub way: Way,
    /// The address of `email`; of `webhook` and, where it is not the usual one, of `pagerduty`:
    /// `https://…`.
    pub address: Option<String>,
    /// The name of the secret: what signs a `webhook`, the whole address of `slack`, the routing
    /// key of `pagerduty`.
    pub secret: Option<String>,
    /// Its place among the person's channels, 1 to 9.
    pub order: u32,
}

impl Row for Channel {
    const NOUN: &'static str = "channel";
    const REGISTER: &'static str = "channels";
    const FORMAT: &'static str = "channel/v1";
    const ADD: &'static str = "channel.add";
    const READ: &'static str = "channel.read";
    const LIST: &'static str = "channel.list";
    type New = NewChannel;

    fn add(new: &NewChannel, at: &mut At<'_, '_>) -> Result<Self> {
        responder("person", &new.person, at)?;
        if !(1..=9).contains(&new.order) {
            return Err(Error::invalid("order", "state 1 to 9; the first is tried first"));
        }
        let stated = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        let (wants_address, wants_secret) = match new.way {
            Way::Email => (Some(true), false),
            Way::Webhook => (Some(true), true),
            Way::Slack => (Some(false), true),
            Way::Pagerduty => (None, true),
            Way::Page => (Some(false), false),
        };
        if wants_address.is_some_and(|wants| wants != stated(&new.address)) {
            let why = "an address goes with `email` and `webhook`, and not with `slack` or `page`";
            return Err(Error::invalid("address", why));
        }
        if wants_secret != stated(&new.secret) {
            let why = "the name of a secret goes with `webhook`, `slack` and `pagerduty` alone";
            return Err(Error::invalid("secret", why));
        }
        let address = new.address.as_deref().filter(|text| !text.is_empty());
        let secret = new.secret.as_deref().filter(|text| !text.is_empty());
        at.tell("person", &new.person);
        at.tell("way", new.way.word());
        Ok(Self {
            person: new.person.clone(),
            way: new.way,
            address: address.map(|text| checked(new.way, text)).transpose()?,
            secret: secret.map(|name| line("secret", name, 100)).transpose()?,
            order: new.order,
            failures: 0,
            used: None,
            burst: None,
            dead: None,
            ended: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        if self.dead.is_some() {
            let what = "it failed three pages in a row and is passed over: mend it, then revive it";
            return Status::of("dead", Tone::Bad).what(what).who(&self.person);
        }
        match self.failures {
            0 => Status::of("ready", Tone::Good).who(&self.person),
            failures => Status::of("failing", Tone::Due)
                .what(format!("pages in a row that it failed to bring: {failures}"))
                .who(&self.person),
        }
    }
}

/// An address of its way.
fn checked(way: Way, text: &str) -> Result<String> {
    let text = line("address", text.trim(), 300)?;
    let good = match way {
        Way::Email => text.split_once('@').is_some_and(|(left, right)| {
            let plain = |part: &str| {
                let odd = |c: char| c.is_whitespace() || "<>,;:\"()[]\\@".contains(c);
                !part.is_empty() && !part.contains(odd)
            };
            plain(left) && plain(right)
        }),
        _ => address(&text) == Some(Scheme::Https),
    };
    match good {
        true => Ok(text),
        false => Err(Error::invalid("address", "write an address of mail, or `https://HOST/PATH`")),
    }
}

/// Says that a dead channel is mended.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revive {
    /// What was mended.
    pub mended: String,
}

impl Step<Channel> for Revive {
    const ACTION: &'static str = "channel.revive";

    fn apply(&self, row: &mut Channel, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() || (row.dead.is_none() && row.failures == 0) {
            return Err(Error::conflict("this channel is not dead and did not fail"));
        }
        at.tell("mended", line("mended", &self.mended, 300)?);
        (row.dead, row.failures) = (None, 0);
        Ok(())
    }
}

/// Ends a channel.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Channel> for End {
    const ACTION: &'static str = "channel.end";

    fn apply(&self, row: &mut Channel, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this channel ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 300)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Channel, Revive>("revive", "Says that it is mended and counts again"),
    step::<Channel, End>("end", "Ends it: nobody is paged by it any more"),
];

/// The register, as the faces know it.
pub const REGISTER: Register =
    Register::of::<Channel>("incidents", "The ways by which people on call are paged, in order")
        .serves(&["E1.6", "E4.3"])
        .first("Enter how each person on call is paged: two ways that do not fail together")
        .columns(&["person", "way", "address", "order"])
        .steps(STEPS);
