//! Sites: the places where systems stand, by sub-processor: who guards them, which reports cover
//! them, what was tested; with their areas and their equipment.
//!
//! For most providers the first fact about a site is a report of somebody outside that names the
//! site and covers today. Own facts (a guarding arrangement, tests, access lists, equipment) stand
//! beside it, and a bad one of them counts whatever a report says.
//!
//! A site is never deleted: one that is not used any more is closed. Nothing here opens a door or
//! switches a device; it holds what was seen, entered and attested.

pub mod areas;
mod badges;
pub mod equipment;
mod redundancy;
mod reports;

pub use redundancy::{Redundancy, Unit, redundancy};
pub use reports::{Attestation, Confirm, ReportKind, ReportSite, Topic};

use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use crate::systems::Source;
use kernel::id::Name;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The sub-processor of a site that the provider runs itself.
pub const OWN: &str = "own";

/// What kind of site it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteKind {
    /// The provider's own building, rooms and equipment.
    Own,
    /// The provider's systems in somebody else's building.
    Colocated,
    /// Building and machines of a hosting vendor.
    Vendor,
}

/// An arrangement by which a site is guarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Guarding {
    /// What is arranged: posts, rounds, reception, cameras that somebody watches.
    pub arrangement: String,
    /// Hours a day and days a week, such as `24x7`.
    pub coverage: String,
    /// The company that does it.
    pub company: String,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Where the fact comes from: `recorded` or `attested`.
    pub source: Source,
    /// Last day it counts.
    pub valid_to: Day,
    /// Who entered it, and when.
    pub mark: Mark,
}

impl Guarding {
    /// Whether somebody is there at every hour of every day.
    pub fn always(&self) -> bool {
        self.coverage == "24x7"
    }
}

/// What a test or service at a site was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// The generator ran under load.
    Generator,
    /// The UPS carried the load on its batteries.
    Ups,
    /// Heating, ventilation and air conditioning.
    Hvac,
    /// Fire detection and suppression.
    Suppression,
    /// The network went on with a link or device taken out.
    Failover,
}

impl TestKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Ups => "ups",
            Self::Hvac => "hvac",
            Self::Suppression => "suppression",
            Self::Failover => "failover",
        }
    }
}

/// A test or service that was done at a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// What it was of.
    pub kind: TestKind,
    /// The day it was done.
    pub done: Day,
    /// Who did it: a person or company.
    pub done_by: String,
    /// Whether it was passed.
    pub passed: bool,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Last day by which it is to be done again.
    pub next_due: Day,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// Who runs it: the name of a vendor, or `own`.
    pub sub_processor: String,
    /// Where it is.
    pub address: String,
    /// What kind of site it is.
    pub kind: SiteKind,
    /// Who answers for what is known about it: `person:NAME`.
    pub owner: String,
    /// How it is guarded, oldest first.
    pub guards: Vec<Guarding>,
    /// Reports about it, oldest first.
    pub reports: Vec<Attestation>,
    /// Tests and services, in the order they were entered.
    pub certificates: Vec<Certificate>,
    /// When it was taken out of use, if it was.
    pub closed: Option<Mark>,
}

impl Site {
    /// The newest test of a kind, whether it still counts or not.
    pub fn newest(&self, kind: TestKind) -> Option<&Certificate> {
        // Of two of one day the one that was entered last counts, which `max_by_key` takes.
        self.certificates.iter().filter(|one| one.kind == kind).max_by_key(|one| one.done)
    }

    /// Guarding arrangements that count at a moment.
    pub fn guarded(&self, now: Moment) -> impl Iterator<Item = &Guarding> {
        self.guards.iter().filter(move |one| now < one.valid_to.end())
    }

    fn newest_of_each(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(|one| self.newest(one.kind) == Some(one))
    }
}

/// Guarding arrangements and reports that are kept in the row; earlier ones are in its history.
const KEPT: usize = 24;

/// Tests of one kind that are kept in the row; earlier ones are in its history.
const TESTS: usize = 12;

/// Longest time until a test or service is to be done again, in days: two years and a bit.
pub(crate) const LONGEST_PERIOD: u32 = 740;

/// Longest shelf life of what says how a site is guarded, in days: a person's three months and a
/// bit, a document's thirteen months.
const fn longest(source: Source) -> u32 {
    match source {
        Source::Measured | Source::Recorded => 100,
        Source::Attested => 396,
    }
}

/// A site to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Who runs it: the name of a vendor, or `own`.
    pub sub_processor: String,
    /// Where it is, on one line.
    pub address: String,
    /// What kind of site it is.
    pub kind: SiteKind,
    /// Who answers for what is known about it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl Row for Site {
    const NOUN: &'static str = "site";
    const REGISTER: &'static str = "sites";
    const FORMAT: &'static str = "site/v1";
    const ADD: &'static str = "site.add";
    const READ: &'static str = "site.read";
    const LIST: &'static str = "site.list";
    type New = NewSite;

    fn id(new: &NewSite) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewSite, at: &mut At<'_, '_>) -> Result<Self> {
        let own = new.sub_processor == OWN;
        if own != (new.kind == SiteKind::Own) {
            let why =
                "`own` is for sites of kind `own` and for no others: name the vendor, or `own`";
            return Err(Error::invalid("sub_processor", why));
        }
        let vendor = Name::parse(&new.sub_processor);
        vendor.map_err(|error| Error::invalid("sub_processor", error.message()))?;
        Ok(Self {
            sub_processor: new.sub_processor.clone(),
            address: line("address", &new.address, 300)?,
            kind: new.kind,
            owner: owner(new.owner.as_deref(), at)?,
            guards: vec![],
            reports: vec![],
            certificates: vec![],
            closed: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.closed.is_some() {
            return Status::of("closed", Tone::Past);
        }
        if let Some(failed) = self.newest_of_each().find(|one| !one.passed) {
            let what = format!("the last test of {} was not passed", failed.kind.word());
            return Status::of("deficient", Tone::Bad).what(what).who(&self.owner);
        }
        let overdue = |one: &&Certificate| one.next_due.end() <= now;
        if let Some(late) = self.newest_of_each().find(overdue) {
            let what = format!("a test of {} was due", late.kind.word());
            let status = Status::of("overdue", Tone::Bad).what(what);
            return status.due(late.next_due.end()).who(&self.owner);
        }
        if let Some(unread) = self.reports.iter().find(|one| one.confirmed.is_none()) {
            let what = format!("a second person has to read {} and confirm it", unread.id);
            return Status::of("unconfirmed", Tone::Due).what(what).who("approver");
        }
        let guards = self.guarded(now).map(|one| one.valid_to);
        let reports = Topic::ALL.iter().filter_map(|topic| self.covered(*topic, now));
        match guards.chain(reports.map(|(_, until)| until)).min() {
            Some(until) => Status::of("described", Tone::Good).due(until.end()).who(&self.owner),
            None => Status::of("undescribed", Tone::Due)
                .what("no report covers it today and no guarding arrangement is in force")
                .who(&self.owner),
        }
    }
}

/// A guarding arrangement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// What is arranged: posts, rounds, reception, cameras that somebody watches.
    pub arrangement: String,
    /// Hours a day and days a week, such as `24x7` or `12x5`.
    pub coverage: String,
    /// The company that does it.
    pub company: String,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Where the fact comes from: `recorded` or `attested`.
    pub source: Source,
    /// Last day it counts.
    pub valid_to: Day,
}

impl Step<Site> for Guard {
    const ACTION: &'static str = "site.guard";

    fn apply(&self, row: &mut Site, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        if self.source == Source::Measured {
            let why = "nobody measures how a site is guarded: use `recorded` or `attested`";
            return Err(Error::invalid("source", why));
        }
        let days = longest(self.source);
        if self.valid_to < Day::of(at.now()) || self.valid_to > Day::of(at.now()).plus(days) {
            let why = format!("such a fact counts for at most {days} days from today");
            return Err(Error::invalid("valid_to", why));
        }
        row.guards.push(Guarding {
            arrangement: line("arrangement", &self.arrangement, 300)?,
            coverage: coverage(&self.coverage)?,
            company: line("company", &self.company, 200)?,
            evidence: line("evidence", &self.evidence, 500)?,
            source: self.source,
            valid_to: self.valid_to,
            mark: at.mark(),
        });
        shorten(&mut row.guards, KEPT);
        Ok(())
    }
}

/// `HOURSxDAYS`: 1 to 24 hours on 1 to 7 days.
fn coverage(text: &str) -> Result<String> {
    let plain = |text: &str, most: u8| {
        let number = text.parse::<u8>().ok().filter(|number| (1..=most).contains(number));
        number.filter(|number| number.to_string() == text)
    };
    let parts = text.trim().split_once('x');
    let good = parts.and_then(|(hours, days)| Some((plain(hours, 24)?, plain(days, 7)?)));
    let (hours, days) = good.ok_or_else(|| {
        let why = "write hours a day and days a week, such as `24x7` or `12x5`";
        Error::invalid("coverage", why)
    })?;
    Ok(format!("{hours}x{days}"))
}

/// A test or service that was done.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certify {
    /// What it was of.
    pub kind: TestKind,
    /// The day it was done.
    pub done: Day,
    /// Who did it: a person or company.
    pub done_by: String,
    /// Whether it was passed.
    pub passed: bool,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Last day by which it is to be done again.
    pub next_due: Day,
}

impl Step<Site> for Certify {
    const ACTION: &'static str = "site.certify";

    fn apply(&self, row: &mut Site, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        done("done", self.done, at)?;
        next("next_due", self.done, self.next_due)?;
        row.certificates.push(Certificate {
            kind: self.kind,
            done: self.done,
            done_by: line("done_by", &self.done_by, 200)?,
            passed: self.passed,
            evidence: line("evidence", &self.evidence, 500)?,
            next_due: self.next_due,
            mark: at.mark(),
        });
        // By kind, so that many tests of one kind do not push out the only one of another.
        let same = |one: &Certificate| one.kind == self.kind;
        if row.certificates.iter().filter(|one| same(one)).count() > TESTS
            && let Some(oldest) = row.certificates.iter().position(same)
        {
            row.certificates.remove(oldest);
        }
        Ok(())
    }
}

/// Takes a site out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseSite {
    /// Where its systems went.
    pub reason: String,
}

impl Step<Site> for CloseSite {
    const ACTION: &'static str = "site.close";

    fn apply(&self, row: &mut Site, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.closed = Some(at.mark());
        Ok(())
    }
}

fn open(row: &Site) -> Result<()> {
    match row.closed {
        Some(_) => Err(Error::conflict("this site is closed: register it anew under another name")),
        None => Ok(()),
    }
}

/// Who answers: the person that was stated, or whoever acts.
///
/// # Errors
/// `Invalid` for somebody who is no active person.
pub(crate) fn owner(stated: Option<&str>, at: &At<'_, '_>) -> Result<String> {
    let owner = stated.unwrap_or(at.by().as_str());
    Ok(at.person("owner", owner)?.id.to_string())
}

/// Refuses a day of something done that is not over yet, or long over.
///
/// # Errors
/// `Invalid` with the field.
pub(crate) fn done(field: &'static str, day: Day, at: &At<'_, '_>) -> Result<()> {
    let today = Day::of(at.now());
    if day > today || day.plus(LONGEST_PERIOD) < today {
        let why = format!("state a day of the last {LONGEST_PERIOD} days, today at the latest");
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

/// Refuses a next day that is not after the last one, or too far from it.
///
/// # Errors
/// `Invalid` with the field.
pub(crate) fn next(field: &'static str, last: Day, next: Day) -> Result<()> {
    if next <= last || next > last.plus(LONGEST_PERIOD) {
        let why = format!("state a day within {LONGEST_PERIOD} days of `{last}`");
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

/// Drops the oldest of a list that a row keeps; the row's history has them.
pub(crate) fn shorten<T>(list: &mut Vec<T>, most: usize) {
    let surplus = list.len().saturating_sub(most);
    list.drain(..surplus);
}

const STEPS: &[Entry] = &[
    step::<Site, Guard>("guard", "Adds how the site is guarded, and until when that counts"),
    step::<Site, ReportSite>("report", "Adds a report of somebody outside about the site"),
    step::<Site, Confirm>("confirm", "Confirms, as a second reader, what a report says")
        .within("approvals"),
    step::<Site, Certify>("certify", "Adds a test or service that was done at the site"),
    step::<Site, CloseSite>("close", "Takes the site out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Site>(
    "sites",
    "The places where systems stand, by sub-processor: guarding, reports, tests",
)
.serves(&["E6.1", "E7.1", "E7.2", "E7.3"])
.first("Register a site: who runs it, where it is, and who answers for it")
.columns(&["sub_processor", "kind", "address", "owner"])
.steps(STEPS);
