//! The library: certificates, reports and letters of independent auditors, with what they cover
//! and how long they count. Only a second person publishes one, and an expired one is not handed
//! out as current.

use super::{SECOND, lines, stated_sha256};
use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ReportKind")]
pub enum Kind {
    /// An ISO/IEC 27001 certificate.
    Iso27001,
    /// A SOC 2 report (AICPA), which is given under terms only.
    Soc2,
    /// A SOC 3 report (AICPA), for general use.
    Soc3,
    /// A letter about a penetration test.
    PenetrationLetter,
    /// A letter of the provider for the time after a report's period.
    BridgeLetter,
    /// Something else.
    Other,
}

impl Kind {
    /// Whether the promise names it: ISO 27001, SOC 2 or SOC 3.
    pub fn promised(self) -> bool {
        matches!(self, Self::Iso27001 | Self::Soc2 | Self::Soc3)
    }
}

/// Who may have a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Anybody.
    Public,
    /// Subscribers and their auditors, on request.
    Subscribers,
    /// Subscribers and their auditors, on request, who accepted the terms in force.
    UnderTerms,
}

/// One part of a file that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportPart")]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub bytes: u32,
}

/// The file of a library entry, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its name, for whoever saves it.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its pages, as counted when it was taken in.
    pub pages: u32,
    /// Its SHA-256.
    pub sha256: String,
    /// Who took it in, and when.
    pub sealed: Mark,
}

/// A library entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// What it covers.
    pub scope: String,
    /// The sites it covers, if it names them.
    pub sites: Vec<String>,
    /// First day of the period it is about, or of the certificate.
    pub from: Day,
    /// Last day of that period.
    pub to: Day,
    /// Last day it is handed out as current.
    pub valid_to: Day,
    /// Who may have a copy.
    pub audience: Audience,
    /// Whether its issuer qualified the opinion, or a major nonconformity is open.
    pub qualified: bool,
    /// The exceptions it notes, if it does.
    pub exceptions: Option<String>,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// Parts of the file taken in so far, in order; at most 64.
    pub parts: Vec<Part>,
    /// The file, once it is whole.
    pub file: Option<File>,
    /// Who published it as a second reader, and when.
    pub published: Option<Mark>,
    /// Why it was taken back, if it was.
    pub withdrawn_because: Option<String>,
    /// Who took it back, and when.
    pub withdrawn: Option<Mark>,
}

impl Report {
    /// Whether it may be handed out as current.
    pub fn current(&self, now: Moment) -> bool {
        self.published.is_some() && self.withdrawn.is_none() && now < self.valid_to.end()
    }

    /// Whether nobody read it a second time yet, so that its file may still change.
    pub(super) fn open(&self) -> Result<()> {
        match (&self.withdrawn, &self.published) {
            (Some(_), _) => Err(Error::conflict("this report was withdrawn: add another one")),
            (None, Some(_)) => {
                Err(Error::conflict("this report is published: withdraw it and add another one"))
            }
            (None, None) => Ok(()),
        }
    }
}

/// A library entry to be made; its file is taken in afterwards, in parts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// What it covers.
    pub scope: String,
    /// The sites it covers, if it names them; at most 50.
    #[serde(default)]
    pub sites: Vec<String>,
    /// First day of the period it is about, or of the certificate.
    pub from: Day,
    /// Last day of that period.
    pub to: Day,
    /// Last day it is handed out as current: at most 396 days after the period, and for a
    /// certificate not after its last day.
    pub valid_to: Day,
    /// Who may have a copy; a SOC 2 report is `under-terms`.
    pub audience: Audience,
    /// Whether its issuer qualified the opinion, or a major nonconformity is open.
    #[serde(default)]
    pub qualified: bool,
    /// The exceptions it notes, if it does.
    pub exceptions: Option<String>,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
}

/// Days after its period for which a report may be handed out.
const SHELF_DAYS: u32 = 396;

impl Row for Report {
    const NOUN: &'static str = "report";
    const REGISTER: &'static str = "reports";
    const FORMAT: &'static str = "report/v1";
    const ADD: &'static str = "report.add";
    const READ: &'static str = "report.read";
    const LIST: &'static str = "report.list";
    type New = NewReport;

    fn id(new: &NewReport) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewReport, at: &mut At<'_, '_>) -> Result<Self> {
        at.person("owner", &new.owner)?;
        if new.kind == Kind::Soc2 && new.audience != Audience::UnderTerms {
            return Err(Error::invalid("audience", "a SOC 2 report is given `under-terms` only"));
        }
        if new.to < new.from {
            return Err(Error::invalid("to", "the period ends before it begins"));
        }
        let last = if new.kind == Kind::Iso27001 { new.to } else { new.to.plus(SHELF_DAYS) };
        if new.valid_to > last || new.valid_to < new.from {
            let why = format!("it is current until `{last}` at most");
            return Err(Error::invalid("valid_to", why));
        }
        let exceptions = new.exceptions.as_ref().map(|text| prose("exceptions", text, 5000));
        Ok(Self {
            kind: new.kind,
            title: line("title", &new.title, 200)?,
            issuer: line("issuer", &new.issuer, 200)?,
            scope: prose("scope", &new.scope, 5000)?,
            sites: lines("sites", &new.sites, 50)?,
            from: new.from,
            to: new.to,
            valid_to: new.valid_to,
            audience: new.audience,
            qualified: new.qualified,
            exceptions: exceptions.transpose()?,
            owner: new.owner.clone(),
            parts: vec![],
            file: None,
            published: None,
            withdrawn_because: None,
            withdrawn: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let due = |word, what: &str, who: &str| Status::of(word, Tone::Due).what(what).who(who);
        let month = now.after(std::time::Duration::from_secs(30 * 86_400));
        match (&self.published, &self.file) {
            _ if self.withdrawn.is_some() => Status::of("withdrawn", Tone::Past),
            (Some(_), _) if self.valid_to.end() <= now => {
                Status::of("expired", Tone::Past).due(self.valid_to.end())
            }
            (Some(_), _) if self.valid_to.end() <= month => {
                due("expiring", "get the next one before it expires", &self.owner)
                    .due(self.valid_to.end())
            }
            (Some(_), _) => Status::of("published", Tone::Good).due(self.valid_to.end()),
            (None, Some(_)) => due("read", "a second person reads and publishes it", "approver"),
            (None, None) => due("described", "its file is missing: take it in", &self.owner),
        }
    }
}

/// Publishes a report, as its second reader.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// SHA-256 of the file, so that nobody publishes another one than they read.
    pub sha256: String,
}

impl Step<Report> for Publish {
    const ACTION: &'static str = "report.publish";

    fn apply(&self, row: &mut Report, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        let Some(file) = &row.file else {
            return Err(Error::conflict("this report has no file yet: take it in first"));
        };
        if stated_sha256(&self.sha256)? != file.sha256 {
            return Err(Error::invalid("sha256", "this is another file: read it again"));
        }
        if row.valid_to.end() <= at.now() {
            return Err(Error::conflict("this report is over: it is no current one"));
        }
        at.another_than(&file.sealed.by, &SECOND, "publishing a report")?;
        row.published = Some(at.mark());
        Ok(())
    }
}

/// Takes a report back: no copy is given any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    pub reason: String,
}

impl Step<Report> for Withdraw {
    const ACTION: &'static str = "report.withdraw";

    fn apply(&self, row: &mut Report, at: &mut At<'_, '_>) -> Result<()> {
        if row.withdrawn.is_some() {
            return Err(Error::conflict("this report was withdrawn already"));
        }
        row.withdrawn_because = Some(prose("reason", &self.reason, 1000)?);
        row.withdrawn = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Report, Publish>("publish", "Publishes the report, as its second reader")
        .within("approvals"),
    step::<Report, Withdraw>("withdraw", "Takes the report back; no copy is given any more"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Report>(
    "reports",
    "Certificates, reports and letters of independent auditors, with period and validity",
)
.serves(&["E3.1", "E3.4"])
.first("Describe a report: what it is, who issued it, what it covers and how long it counts")
.columns(&["kind", "issuer", "to", "valid_to", "audience"])
.steps(STEPS);
