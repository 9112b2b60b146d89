//! Feeds: lists of advisories that are read, and when each was read last.
//!
//! A feed that was not read for longer than the catalogue allows is stale, and with it whatever is
//! concluded from it. What the feed itself says to be its newest record is kept too: reading an old
//! copy again is not watching.

use crate::catalogue;
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Days after which a feed without a newer record is taken for an old copy.
pub const CONTENT_DAYS: u32 = 92;

/// What a feed lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// Advisories in the OSV format.
    Osv,
    /// Vulnerabilities that are known to be exploited, as CISA lists them.
    Kev,
}

/// What a reading of a feed brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedRead {
    /// Records in it.
    pub entries: u32,
    /// Records that match a component.
    pub matched: u32,
    /// Records that could not be read.
    pub refused: u32,
    /// When its newest record was changed, as the feed says.
    pub newest: Option<When>,
    /// First moment at which it counts as stale.
    pub counts_to: When,
    /// Who read it, and when.
    pub mark: Mark,
}

/// A feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Feed {
    /// What it lists.
    pub kind: FeedKind,
    /// Where it comes from.
    pub source: String,
    /// Who answers for reading it: `person:NAME`.
    pub owner: String,
    /// What the last reading brought.
    pub last: Option<FeedRead>,
    /// When it was given up, if it was.
    pub retired: Option<Mark>,
}

/// A feed to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeed {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What it lists.
    pub kind: FeedKind,
    /// Where it comes from, on one line.
    pub source: String,
    /// Who answers for reading it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl Row for Feed {
    const NOUN: &'static str = "feed";
    const REGISTER: &'static str = "feeds";
    const FORMAT: &'static str = "feed/v1";
    const ADD: &'static str = "feed.add";
    const READ: &'static str = "feed.read";
    const LIST: &'static str = "feed.list";
    type New = NewFeed;

    fn id(new: &NewFeed) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewFeed, at: &mut At<'_, '_>) -> Result<Self> {
        Ok(Self {
            kind: new.kind,
            source: line("source", &new.source, 300)?,
            owner: super::owner(new.owner.as_deref(), at)?,
            last: None,
            retired: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let due = |word| Status::of(word, Tone::Due).who(&self.owner);
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        let Some(last) = &self.last else {
            return due("unread").what("read it for the first time");
        };
        if last.counts_to.0 <= now {
            return due("stale").what("read it again").due(last.counts_to.0);
        }
        if last.outdated(now) {
            return due("outdated").what("it has no newer record: get a newer copy");
        }
        Status::of("read", Tone::Good).due(last.counts_to.0).who(&self.owner)
    }
}

impl FeedRead {
    /// Whether what was read is an old copy.
    pub fn outdated(&self, now: Moment) -> bool {
        self.newest.is_some_and(|newest| Day::of(newest.0).plus(CONTENT_DAYS) < Day::of(now))
    }
}

/// Notes that the feed was read, and what that brought.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Records in it.
    pub entries: u32,
    /// Records that match a component.
    pub matched: u32,
    /// Records that could not be read.
    #[serde(default)]
    pub refused: u32,
    /// The day its newest record was changed, as the feed says.
    pub newest: Option<Day>,
}

impl Step<Feed> for Refresh {
    const ACTION: &'static str = "feed.refresh";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Feed, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        if self.entries == 0 {
            return Err(Error::invalid("entries", "a feed without a record was not read"));
        }
        if self.matched > self.entries {
            return Err(Error::invalid("matched", "no more records match than there are"));
        }
        if self.newest.is_some_and(|day| day > Day::of(at.now()).plus(1)) {
            return Err(Error::invalid("newest", "no record is from the future: check the clock"));
        }
        let hours = u64::from(catalogue::parameters(at)?.feed_hours);
        at.tell("matched", self.matched.to_string());
        row.last = Some(FeedRead {
            entries: self.entries,
            matched: self.matched,
            refused: self.refused,
            newest: self.newest.map(|day| When(day.start())),
            counts_to: When(at.now().after(Duration::from_secs(hours * 3600))),
            mark: at.mark(),
        });
        Ok(())
    }
}

/// Gives a feed up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireFeed {
    /// What is read in its place.
    pub reason: String,
}

impl Step<Feed> for RetireFeed {
    const ACTION: &'static str = "feed.retire";

    fn apply(&self, row: &mut Feed, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

fn in_use(row: &Feed) -> Result<()> {
    match row.retired {
        Some(_) => Err(Error::conflict("this feed is given up: register another one")),
        None => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Feed, Refresh>("refresh", "Notes that the feed was read, and what that brought"),
    step::<Feed, RetireFeed>("retire", "Gives the feed up"),
];

/// The register, as the faces know it.
pub const REGISTER: Register =
    Register::of::<Feed>("exposure", "Lists of advisories that are read, and how old each is")
        .serves(&["E6.3"])
        .first("Register a feed of advisories: what it lists, and where it comes from")
        .columns(&["kind", "source", "owner"])
        .steps(STEPS);
