//! Audits: penetration tests, certifications and internal audits, with what they found.
//!
//! An audit says who made it, whether they are independent, what it covered and until when the next
//! one is due. That an auditor is independent is a judgement: whoever registers the audit makes it
//! under their name.

use super::{Settled, Settling, Severity};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings of one audit.
const FINDINGS: usize = 300;

/// What kind of audit it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AuditKind {
    /// Somebody tried to get in.
    PenetrationTest,
    /// By ISO/IEC 27001.
    Iso27001,
    /// By SOC 2.
    Soc2,
    /// By the provider's own people.
    Internal,
}

/// A finding of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditFinding {
    /// Its number in this audit: `finding-1`, `finding-2` and so on.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub text: String,
    /// Last day by which it is to be fixed.
    pub due: Day,
    /// Who answers for that: `person:NAME`.
    pub owner: String,
    /// Who entered it, and when.
    pub mark: Mark,
    /// What somebody said about it, if somebody did.
    pub settled: Option<Settled>,
}

impl AuditFinding {
    /// Whether it is to be fixed.
    pub fn open(&self, now: Moment) -> bool {
        self.settled.as_ref().is_none_or(|settled| !settled.closes(now))
    }
}

/// An audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// What kind of audit it is.
    pub kind: AuditKind,
    /// Who made it.
    pub auditor: String,
    /// Whether they are independent of the provider.
    pub independent: bool,
    /// What it covered.
    pub scope: String,
    /// First day of it.
    pub from: Day,
    /// Last day of it.
    pub to: Day,
    /// Which document says what came out.
    pub report: String,
    /// Last day by which the next one is to be made.
    pub next_due: Day,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// What it found.
    pub findings: Vec<AuditFinding>,
    /// Which audit came after it, once one did.
    pub followed: Option<Followed>,
}

/// The audit that came after one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Followed {
    /// Its name.
    pub audit: String,
    /// Who says so, and since when.
    pub mark: Mark,
}

impl Audit {
    /// Whether it counts towards subscribers: made by somebody outside who is independent.
    pub fn outside(&self) -> bool {
        self.independent && self.kind != AuditKind::Internal
    }
}

/// An audit to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAudit {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What kind of audit it is.
    pub kind: AuditKind,
    /// Who made it.
    pub auditor: String,
    /// Whether they are independent of the provider, as you judge.
    #[serde(default)]
    pub independent: bool,
    /// What it covered.
    pub scope: String,
    /// First day of it.
    pub from: Day,
    /// Last day of it.
    pub to: Day,
    /// Which document says what came out.
    pub report: String,
    /// Last day by which the next one is to be made.
    pub next_due: Day,
    /// Who answers for it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl Row for Audit {
    const NOUN: &'static str = "audit";
    const REGISTER: &'static str = "audits";
    const FORMAT: &'static str = "audit/v1";
    const ADD: &'static str = "audit.add";
    const READ: &'static str = "audit.read";
    const LIST: &'static str = "audit.list";
    type New = NewAudit;

    fn id(new: &NewAudit) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewAudit, at: &mut At<'_, '_>) -> Result<Self> {
        crate::sites::done("to", new.to, at)?;
        if new.from > new.to {
            return Err(Error::invalid("from", "it begins before it ends"));
        }
        crate::sites::next("next_due", new.to, new.next_due)?;
        Ok(Self {
            kind: new.kind,
            auditor: line("auditor", &new.auditor, 200)?,
            independent: new.independent,
            scope: prose("scope", &new.scope, 1000)?,
            from: new.from,
            to: new.to,
            report: line("report", &new.report, 300)?,
            next_due: new.next_due,
            owner: super::owner(new.owner.as_deref(), at)?,
            findings: vec![],
            followed: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let open = || self.findings.iter().filter(|one| one.open(now));
        let worst = open().min_by_key(|one| one.due);
        let bad = |word| Status::of(word, Tone::Bad);
        if let Some(late) = worst.filter(|one| one.due.end() <= now) {
            let what = format!("{} is overdue", late.id);
            return bad("findings-overdue").what(what).due(late.due.end()).who(&late.owner);
        }
        if self.followed.is_none() && self.next_due.end() <= now {
            let status = bad("overdue").what("the next audit was due");
            return status.due(self.next_due.end()).who(&self.owner);
        }
        if let Some(first) = worst {
            let what = format!("{} findings are open", open().count());
            let status = Status::of("open", Tone::Due).what(what);
            return status.due(first.due.end()).who(&first.owner);
        }
        match &self.followed {
            Some(_) => Status::of("followed", Tone::Past),
            None => Status::of("closed", Tone::Good).due(self.next_due.end()).who(&self.owner),
        }
    }
}

/// A finding of the audit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub text: String,
    /// Last day by which it is to be fixed.
    pub due: Day,
    /// Who answers for that: `person:NAME`.
    pub owner: String,
}

impl Step<Audit> for Find {
    const ACTION: &'static str = "audit.find";

    fn apply(&self, row: &mut Audit, at: &mut At<'_, '_>) -> Result<()> {
        if row.findings.len() >= FINDINGS {
            return Err(Error::limit(format!("an audit holds at most {FINDINGS} findings")));
        }
        if self.due < row.to || self.due > Day::of(at.now()).plus(crate::sites::LONGEST_PERIOD) {
            return Err(Error::invalid("due", "state a day after the audit, within two years"));
        }
        row.findings.push(AuditFinding {
            id: format!("finding-{}", row.findings.len() + 1),
            severity: self.severity,
            text: prose("text", &self.text, 2000)?,
            due: self.due,
            owner: at.person("owner", &self.owner)?.id.to_string(),
            mark: at.mark(),
            settled: None,
        });
        Ok(())
    }
}

/// Settles a finding of the audit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleAudit {
    /// The finding's number: `finding-1` and so on.
    pub finding: String,
    /// How: `fixed`, `false-positive` until a day, or `accepted` until a day.
    pub how: Settling,
    /// Why, or what was done.
    pub why: String,
    /// Last day that counts, within 366 days; for `false-positive` and `accepted`.
    pub until: Option<Day>,
}

impl Step<Audit> for SettleAudit {
    const ACTION: &'static str = "audit.settle";

    fn apply(&self, row: &mut Audit, at: &mut At<'_, '_>) -> Result<()> {
        let found = row.findings.iter_mut().find(|one| one.id == self.finding);
        let finding = found.ok_or_else(|| {
            let id = kernel::id::shown(&self.finding);
            Error::invalid("finding", format!("this audit has no finding `{id}`"))
        })?;
        if !finding.open(at.now()) {
            return Err(Error::conflict("this finding is settled already"));
        }
        finding.settled = Some(Settled::stated(self.how, &self.why, self.until, at)?);
        Ok(())
    }
}

/// Names the audit that came after this one, so that this one's next is not due any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// The next audit of the same kind.
    pub audit: String,
}

impl Step<Audit> for Follow {
    const ACTION: &'static str = "audit.follow";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Audit>(&self.audit)
    }

    fn apply(&self, row: &mut Audit, at: &mut At<'_, '_>) -> Result<()> {
        if row.followed.is_some() {
            return Err(Error::conflict("this audit was followed by another one already"));
        }
        let next = at.named::<Audit>("audit", &self.audit)?.row;
        if next.kind != row.kind || next.to <= row.to {
            let why = "name an audit of the same kind that ended later than this one";
            return Err(Error::invalid("audit", why));
        }
        row.followed = Some(Followed { audit: self.audit.clone(), mark: at.mark() });
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Audit, Find>("find", "Adds a finding of the audit, with owner and due date"),
    step::<Audit, SettleAudit>("settle", "Settles a finding of the audit"),
    step::<Audit, Follow>("follow", "Names the audit that came after this one"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Audit>(
    "exposure",
    "Penetration tests, certifications and internal audits, with what they found",
)
.serves(&["E6.4"])
.first("Register an audit: who made it, what it covered, and when the next one is due")
.columns(&["kind", "auditor", "independent", "to", "next_due"])
.steps(STEPS);
