//! Systems: every data store, host, endpoint, cluster and cloud account that the promise covers.
//!
//! A control that speaks of systems holds only if every system in scope has a fresh fact. A fact
//! about a system comes from Bailee itself (for the system named `bailee`), from the service that
//! the register names as its reporter, or from a person who enters or attests it, with a shelf
//! life. A fact is never changed; a newer one of the same kind replaces it in what counts.

pub(crate) mod entering;

use crate::register::{At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, step};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing a system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SystemKind")]
pub enum Kind {
    /// A database, object store or file store.
    DataStore,
    /// A machine, virtual or not.
    Host,
    /// Something that listens on the network.
    Endpoint,
    /// A cluster of machines or containers.
    Cluster,
    /// An account at a cloud provider.
    CloudAccount,
}

/// What a fact about a system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// Service Data in it is encrypted at rest (E2.1).
    EncryptedAtRest,
    /// It is reached over encrypted connections only (E2.2).
    EncryptedInTransit,
    /// Administrative access to it is brokered: by approval, for a while (E5.1).
    AccessBrokered,
    /// Its credentials are unique to a person and short-lived (E5.2).
    UniqueCredentials,
    /// Its activity log names the person and reaches the record (E5.3).
    ActivityFeed,
    /// A revocation reaches it at once (E5.5).
    RevocationEnforced,
    /// Its logs and its availability are watched (E4.2).
    Monitored,
    /// It is kept apart by account (P7).
    Separated,
    /// It is backed up, and a restore was tried (P6).
    BackedUp,
    /// Network defences stand before it (E6.2).
    Defended,
}

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The reporter that the register names measured it.
    Measured,
    /// Somebody entered it in the course of the work.
    Recorded,
    /// Somebody outside says so, in a document.
    Attested,
}

/// One fact about a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SystemFact")]
pub struct Fact {
    /// What it is about.
    pub claim: Claim,
    /// Whether it is so.
    pub good: bool,
    /// Where it comes from.
    pub source: Source,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Last day it counts.
    pub valid_to: Day,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct System {
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is for.
    pub purpose: String,
    /// Whether it holds Service Data; production systems that hold none are in scope of access.
    pub holds_service_data: bool,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// The vendor that hosts it, if one does.
    pub vendor: Option<String>,
    /// The site it stands in, if that is known.
    pub site: Option<String>,
    /// `host:port` for something that listens, so that it can be probed and scanned.
    pub address: Option<String>,
    /// The service that may report measured facts about it: `service:NAME`.
    pub reporter: Option<String>,
    /// Facts, oldest first.
    pub facts: Vec<Fact>,
    /// When it was taken out of use, if it was.
    pub retired: Option<Mark>,
}

impl System {
    /// The newest fact about a claim, whether it still counts or not.
    pub fn newest(&self, claim: Claim) -> Option<&Fact> {
        self.facts.iter().rev().find(|fact| fact.claim == claim)
    }
}

/// Facts that are kept in the row; earlier ones are in its history.
const FACTS: usize = 60;

/// Longest shelf life of a fact, in days: a machine's three, a person's three months and a bit, a
/// document's thirteen months.
const fn longest(source: Source) -> u32 {
    match source {
        Source::Measured => 3,
        Source::Recorded => 100,
        Source::Attested => 396,
    }
}

/// A system to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSystem {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is for, on one line.
    pub purpose: String,
    /// Whether it holds Service Data.
    #[serde(default)]
    pub holds_service_data: bool,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// The vendor that hosts it, if one does.
    pub vendor: Option<String>,
    /// The site it stands in, if that is known.
    pub site: Option<String>,
    /// `host:port` for something that listens.
    pub address: Option<String>,
    /// The service that may report measured facts about it: `service:NAME`.
    pub reporter: Option<String>,
}

impl Row for System {
    const NOUN: &'static str = "system";
    const REGISTER: &'static str = "systems";
    const FORMAT: &'static str = "system/v1";
    const ADD: &'static str = "system.add";
    const READ: &'static str = "system.read";
    const LIST: &'static str = "system.list";
    type New = NewSystem;

    fn id(new: &NewSystem) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewSystem, at: &mut At<'_, '_>) -> Result<Self> {
        at.person("owner", &new.owner)?;
        if let Some(reporter) = &new.reporter {
            check_reporter(reporter)?;
        }
        let optional = |field, text: &Option<String>| {
            text.as_ref().map(|text| line(field, text, 200)).transpose()
        };
        Ok(Self {
            kind: new.kind,
            purpose: line("purpose", &new.purpose, 200)?,
            holds_service_data: new.holds_service_data,
            owner: new.owner.clone(),
            vendor: optional("vendor", &new.vendor)?,
            site: optional("site", &new.site)?,
            address: optional("address", &new.address)?,
            reporter: new.reporter.clone(),
            facts: vec![],
            retired: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        let stale = |fact: &&Fact| fact.valid_to.end() <= now;
        let newest = |fact: &&Fact| self.newest(fact.claim) == Some(fact);
        let current = || self.facts.iter().filter(newest);
        if let Some(bad) = current().find(|fact| !fact.good && !stale(fact)) {
            let what = format!("a fact speaks against it: {}", bad.evidence);
            return Status::of("deficient", Tone::Bad).what(what).who(&self.owner);
        }
        if let Some(old) = current().find(stale) {
            let what = format!("a fact is out of date: {}", old.evidence);
            return Status::of("stale", Tone::Due).what(what).who(&self.owner);
        }
        match current().map(|fact| fact.valid_to.end()).min() {
            Some(end) => Status::of("described", Tone::Good).due(end).who(&self.owner),
            None => {
                let what = "no fact about it yet: report one for each claim it has to meet";
                Status::of("registered", Tone::Due).what(what).who(&self.owner)
            }
        }
    }
}

/// A fact about a system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What it is about.
    pub claim: Claim,
    /// Whether it is so; a fact may speak against the system.
    pub good: bool,
    /// Where it comes from.
    pub source: Source,
    /// What was seen, or which document says it.
    pub evidence: String,
    /// Last day it counts.
    pub valid_to: Day,
}

impl Step<System> for Report {
    const ACTION: &'static str = "system.report";

    fn apply(&self, row: &mut System, at: &mut At<'_, '_>) -> Result<()> {
        let by = at.by().to_string();
        let reporter = row.reporter.as_deref() == Some(by.as_str());
        if at.by().parts().0 == "service" && !reporter {
            let why = "this service is not the system's reporter: name it in the register first";
            return Err(Error::forbidden(why));
        }
        if self.source == Source::Measured && !reporter {
            let why = "only the system's reporter measures: use `recorded` or `attested`";
            return Err(Error::invalid("source", why));
        }
        let days = longest(self.source);
        if self.valid_to.end() <= at.now() || self.valid_to > Day::of(at.now()).plus(days) {
            let why = format!("such a fact counts for at most {days} days from today");
            return Err(Error::invalid("valid_to", why));
        }
        if row.retired.is_some() {
            return Err(Error::conflict("this system is retired"));
        }
        row.facts.push(Fact {
            claim: self.claim,
            good: self.good,
            source: self.source,
            evidence: line("evidence", &self.evidence, 500)?,
            valid_to: self.valid_to,
            mark: at.mark(),
        });
        if row.facts.len() > FACTS {
            row.facts.remove(0);
        }
        Ok(())
    }
}

/// What changes about a system; what is not stated stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Who answers for it from now on: `person:NAME`.
    pub owner: Option<String>,
    /// Whether it holds Service Data.
    pub holds_service_data: Option<bool>,
    /// The vendor that hosts it.
    pub vendor: Option<String>,
    /// The site it stands in.
    pub site: Option<String>,
    /// `host:port` for something that listens.
    pub address: Option<String>,
    /// The service that may report measured facts about it: `service:NAME`.
    pub reporter: Option<String>,
}

impl Step<System> for Change {
    const ACTION: &'static str = "system.change";

    fn apply(&self, row: &mut System, at: &mut At<'_, '_>) -> Result<()> {
        if let Some(owner) = &self.owner {
            at.person("owner", owner)?;
            row.owner.clone_from(owner);
        }
        if let Some(reporter) = &self.reporter {
            check_reporter(reporter)?;
            row.reporter = Some(reporter.clone());
        }
        let texts = [
            ("vendor", &self.vendor, &mut row.vendor),
            ("site", &self.site, &mut row.site),
            ("address", &self.address, &mut row.address),
        ];
        for (field, from, to) in texts {
            if let Some(text) = from {
                *to = Some(line(field, text, 200)?);
            }
        }
        row.holds_service_data = self.holds_service_data.unwrap_or(row.holds_service_data);
        Ok(())
    }
}

/// Takes a system out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// What happened to the data in it.
    pub reason: String,
}

impl Step<System> for Retire {
    const ACTION: &'static str = "system.retire";

    fn needs(&self, _id: &str, _needs: &mut Needs<'_>) -> Result<()> {
        Ok(())
    }

    fn apply(&self, row: &mut System, at: &mut At<'_, '_>) -> Result<()> {
        if row.retired.is_some() {
            return Err(Error::conflict("this system is retired already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

fn check_reporter(reporter: &str) -> Result<()> {
    match PrincipalId::parse(reporter).ok().filter(|id| id.parts().0 == "service") {
        Some(_) => Ok(()),
        None => Err(Error::invalid("reporter", "write `service:NAME`")),
    }
}

const STEPS: &[Entry] = &[
    step::<System, Report>("report", "Adds a fact about the system").within("feeds"),
    step::<System, Change>("change", "Changes what the register says of the system"),
    step::<System, Retire>("retire", "Takes the system out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<System>(
    "systems",
    "Every data store, host, endpoint, cluster and cloud account that the promise covers",
)
.serves(&["E2.1", "E2.2", "E4.2", "E5.1", "E5.2", "E5.3", "E5.5", "E6.2"])
.first("Register a system: say whether it holds Service Data, and who answers for it")
.columns(&["kind", "holds_service_data", "owner", "vendor"])
.steps(STEPS);
