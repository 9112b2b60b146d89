//! Reports of somebody outside about a site: what they cover, from when until when.
//!
//! A report counts once a second person has confirmed what was entered about it. It covers a topic
//! on a day that is in its period and before the end of its shelf life, if it names the site. A
//! letter bridges: it counts only where a report reaches the day before it.

use super::{KEPT, Site, open, shorten};
use crate::register::{At, Day, Mark, Step, line, prose};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a report about a site can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Guarding and restricted areas.
    Physical,
    /// UPS and generators.
    Power,
    /// Heating, ventilation and air conditioning.
    Cooling,
    /// Fire detection and suppression.
    Fire,
    /// A redundant network with enough bandwidth.
    Network,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Physical, Self::Power, Self::Cooling, Self::Fire, Self::Network];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Power => "power",
            Self::Cooling => "cooling",
            Self::Fire => "fire",
            Self::Network => "network",
        }
    }
}

/// What kind of report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SiteReportKind")]
pub enum ReportKind {
    /// A SOC 2 report.
    Soc2,
    /// A certificate by ISO/IEC 27001.
    Iso27001,
    /// A letter that bridges the time from the end of a report's period to the next report.
    Letter,
}

/// A report about a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attestation {
    /// Its number at this site: `report-1`, `report-2` and so on.
    pub id: String,
    /// Who wrote it.
    pub issuer: String,
    /// What kind of report it is.
    pub kind: ReportKind,
    /// Whether its scope names this site.
    pub lists_site: bool,
    /// First day of its period.
    pub from: Day,
    /// Last day of its period.
    pub to: Day,
    /// Last day it may be relied on.
    pub valid_to: Day,
    /// What it speaks of.
    pub topics: Vec<Topic>,
    /// The topics on which it notes an exception.
    pub excepted: Vec<Topic>,
    /// What the exceptions are, as the report has them.
    pub exceptions: Option<String>,
    /// Who entered it, and when.
    pub mark: Mark,
    /// Who confirmed it as a second reader, and when.
    pub confirmed: Option<Mark>,
}

impl Attestation {
    /// Last day that it covers by itself.
    fn last(&self) -> Day {
        self.to.min(self.valid_to)
    }

    fn speaks(&self, topic: Topic) -> bool {
        self.confirmed.is_some() && self.lists_site && self.topics.contains(&topic)
    }
}

impl Site {
    /// The report that covers a topic at a moment, and the last day on which one does without a
    /// gap from now.
    pub fn covered(&self, topic: Topic, now: Moment) -> Option<(&Attestation, Day)> {
        let today = Day::of(now);
        let about = || self.reports.iter().filter(move |one| one.speaks(topic));
        let bridged = |one: &&Attestation| {
            let reaches = |report: &Attestation| {
                report.kind != ReportKind::Letter && one.from <= report.to.plus(1)
            };
            one.kind != ReportKind::Letter || about().any(reaches)
        };
        let counts = || about().filter(bridged);
        let present = |one: &&Attestation| one.from <= today && today <= one.last();
        // A report that notes an exception is not outdone by one of somebody else that notes none,
        // only by the next one of the same kind and issuer.
        let outdone = |one: &&Attestation| {
            let next = |later: &Attestation| {
                (later.kind, &later.issuer) == (one.kind, &one.issuer) && later.from > one.from
            };
            counts().filter(present).any(next)
        };
        let noted = |one: &&Attestation| (one.excepted.contains(&topic), one.last());
        let first = counts().filter(present).filter(|one| !outdone(one)).max_by_key(noted)?;
        let mut until = first.last();
        // Each round takes in a report that goes on where the ones before end.
        while let Some(next) = counts()
            .filter(|one| one.from <= until.plus(1) && one.last() > until)
            .map(Attestation::last)
            .max()
        {
            until = next;
        }
        Some((first, until))
    }
}

/// Longest period of a report, in days: a certificate's three years.
const LONGEST: u32 = 1_100;

/// Longest a letter may bridge, in days.
const BRIDGE: u32 = 190;

/// Longest a report may be relied on after its period, in days.
const SHELF: u32 = 396;

/// A report about the site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSite {
    /// Who wrote it.
    pub issuer: String,
    /// What kind of report it is.
    pub kind: ReportKind,
    /// Whether its scope names this site.
    pub lists_site: bool,
    /// First day of its period.
    pub from: Day,
    /// Last day of its period.
    pub to: Day,
    /// Last day it may be relied on.
    pub valid_to: Day,
    /// What it speaks of: `physical`, `power`, `cooling`, `fire`, `network`.
    pub topics: Vec<String>,
    /// The topics on which it notes an exception; none if it notes none.
    #[serde(default)]
    pub excepted: Vec<String>,
    /// What the exceptions are, as the report has them.
    pub exceptions: Option<String>,
}

impl Step<Site> for ReportSite {
    const ACTION: &'static str = "site.report";

    fn apply(&self, row: &mut Site, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        let longest = if self.kind == ReportKind::Letter { BRIDGE } else { LONGEST };
        if self.to < self.from || self.to > self.from.plus(longest) {
            let why = format!("the period ends at most {longest} days after it begins");
            return Err(Error::invalid("to", why));
        }
        if self.valid_to < self.from || self.valid_to > self.to.plus(SHELF) {
            let why = format!("it is relied on until {SHELF} days after its period at most");
            return Err(Error::invalid("valid_to", why));
        }
        let topics = topics("topics", &self.topics)?;
        if topics.is_empty() {
            return Err(Error::invalid("topics", "name at least one topic that it speaks of"));
        }
        let excepted = self::topics("excepted", &self.excepted)?;
        if excepted.iter().any(|topic| !topics.contains(topic)) {
            let why = "it can note an exception only on a topic that it speaks of";
            return Err(Error::invalid("excepted", why));
        }
        let exceptions = self.exceptions.as_ref();
        let exceptions = exceptions.map(|text| prose("exceptions", text, 2000)).transpose()?;
        if exceptions.is_none() && !excepted.is_empty() {
            return Err(Error::invalid("exceptions", "say what the exceptions are"));
        }
        let last = row.reports.last().and_then(|one| one.id.strip_prefix("report-")?.parse().ok());
        let number: u32 = last.unwrap_or(0);
        row.reports.push(Attestation {
            id: format!("report-{}", number.saturating_add(1)),
            issuer: line("issuer", &self.issuer, 200)?,
            kind: self.kind,
            lists_site: self.lists_site,
            from: self.from,
            to: self.to,
            valid_to: self.valid_to,
            topics,
            excepted,
            exceptions,
            mark: at.mark(),
            confirmed: None,
        });
        shorten(&mut row.reports, KEPT);
        Ok(())
    }
}

fn topics(field: &'static str, words: &[String]) -> Result<Vec<Topic>> {
    let mut topics = Vec::new();
    for word in words {
        let known = Topic::ALL.into_iter().find(|topic| topic.word() == word.trim());
        let topic = known.ok_or_else(|| {
            let (word, all) = (kernel::id::shown(word), Topic::ALL.map(Topic::word).join("`, `"));
            Error::invalid(field, format!("`{word}` is no topic: use `{all}`"))
        })?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(topics)
}

/// Confirms a report as a second reader.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The report's number: `report-1` and so on.
    pub report: String,
}

impl Step<Site> for Confirm {
    const ACTION: &'static str = "site.confirm";

    fn apply(&self, row: &mut Site, at: &mut At<'_, '_>) -> Result<()> {
        let found = row.reports.iter_mut().find(|one| one.id == self.report);
        let report = found.ok_or_else(|| {
            let id = kernel::id::shown(&self.report);
            Error::invalid("report", format!("this site has no report `{id}`"))
        })?;
        if report.confirmed.is_some() {
            return Err(Error::conflict("this report is confirmed already"));
        }
        let roles = ["approver", "security-lead", "vendor-manager", "counsel"];
        at.another_than(&report.mark.by, &roles, "what a report says")?;
        report.confirmed = Some(at.mark());
        Ok(())
    }
}
