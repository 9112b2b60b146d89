//! Laws: whose clocks run besides the catalogue's when something happens, side by side.
//!
//! One row holds all of them, because an incident needs them all at once and the set is approved as
//! it stands: a change counts when a second person approved it. Each says what starts its clock,
//! in which phases somebody is told, and for which incidents and accounts it counts. Clocks of
//! authorities are the incident's; those of a subscriber and of its customers are the breach's.
//!
//! The notice to an account has its own clock, of the catalogue ([`super::breaches`]). A contract
//! makes that one shorter, never longer. An order stops only the clocks that it names.
//!
//! It does not know the law: what stands here is what the provider's counsel entered.

use super::breaches::{HeldFor, Summoned};
use super::{Class, clock, header};
use crate::catalogue;
use crate::register::{
    At, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What starts a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "LawTrigger")]
pub enum Trigger {
    /// The first suspicion.
    Suspected,
    /// The verification: of the first account for an authority, of its own for an account.
    Verified,
    /// That the incident was triaged as severity 1.
    Major,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "LawRecipient")]
pub enum Recipient {
    /// The account, such as by a contract.
    Subscriber,
    /// An authority, such as a regulator.
    Authority,
    /// Those whom the account serves: the account tells them, and wants to know by when.
    Customer,
}

/// A phase in which somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LawPhase")]
pub struct Phase {
    /// What is due, such as `early warning`.
    pub name: String,
    /// Hours from what starts the clock.
    pub hours: u32,
}

/// A law, or a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Law {
    /// The short name, by which orders name it.
    pub name: String,
    /// Where it stands, such as `Directive (EU) 2022/2555, Art. 23`.
    pub reference: String,
    /// What starts its clock.
    pub trigger: Trigger,
    /// Who is told.
    pub recipient: Recipient,
    /// In which phases, the first one first.
    pub phases: Vec<Phase>,
    /// The classes of incidents it is about; all, if none is stated.
    pub classes: Vec<Class>,
    /// The accounts it counts for, by their readable ids; all, if none is stated.
    pub accounts: Vec<String>,
}

impl Law {
    /// Whether it counts for an incident of this class, and for this account.
    pub fn applies(&self, class: Class, account: Option<&str>) -> bool {
        let of = |id: &str| self.accounts.iter().any(|one| one == id);
        (self.classes.is_empty() || self.classes.contains(&class))
            && (self.accounts.is_empty() || account.is_none_or(of))
    }
}

/// A clock that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LawClock")]
pub struct Clock {
    /// The law, by its name.
    pub law: String,
    /// Where it stands.
    pub reference: String,
    /// What is due.
    pub phase: String,
    /// Who is told.
    pub recipient: Recipient,
    /// What started it.
    pub from: When,
    /// The first moment at which it is late, with the orders as they stand.
    pub due: When,
}

/// That somebody was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LawReported")]
pub struct Reported {
    /// The law, by its name.
    pub law: String,
    /// The phase.
    pub phase: String,
    /// How, with a reference; or why it does not have to be.
    pub how: String,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// The clocks of an incident or a breach, and what they are computed from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Duties {
    /// The laws that count, as they stood.
    pub laws: Vec<Law>,
    /// Orders that stop some of their clocks.
    pub held: Vec<HeldFor>,
    /// The clocks, earliest first.
    pub clocks: Vec<Clock>,
    /// What was done about them.
    pub reported: Vec<Reported>,
    /// When it was verified first.
    pub verified: Option<When>,
    /// When it was triaged as severity 1 first.
    pub major: Option<When>,
    /// Clocks of which it was noted that they run out or have run out: law, phase, percent.
    pub noted: Vec<Summoned>,
}

impl Duties {
    /// Computes the clocks from everything else.
    pub fn settle(&mut self, class: Class, account: Option<&str>, suspected: Moment) {
        let (verified, major) = (self.verified.map(|at| at.0), self.major.map(|at| at.0));
        let starts = (suspected, verified, major);
        self.clocks = clocks(&self.laws, (class, account), starts, &self.held);
    }

    /// The clocks about which nothing was done, earliest first.
    pub fn open(&self) -> impl Iterator<Item = &Clock> {
        self.clocks.iter().filter(|clock| {
            let done = |one: &Reported| one.law == clock.law && one.phase == clock.phase;
            !self.reported.iter().any(done)
        })
    }
}

/// Every clock that these laws start, earliest first: pure. The starts are the suspicion, the
/// verification and the triage as severity 1, as far as they have come.
pub fn clocks(
    laws: &[Law],
    (class, account): (Class, Option<&str>),
    (suspected, verified, major): (Moment, Option<Moment>, Option<Moment>),
    held: &[HeldFor],
) -> Vec<Clock> {
    let mut all = Vec::new();
    for law in laws.iter().filter(|law| law.applies(class, account)) {
        let from = match law.trigger {
            Trigger::Suspected => Some(suspected),
            Trigger::Verified => verified,
            Trigger::Major => major,
        };
        let Some(from) = from else { continue };
        let named = held.iter().filter(|one| one.scope.contains(&law.name));
        let spans: Vec<_> = named.map(|one| (one.from.0, one.to.0)).collect();
        for phase in &law.phases {
            all.push(Clock {
                law: law.name.clone(),
                reference: law.reference.clone(),
                phase: phase.name.clone(),
                recipient: law.recipient,
                from: When(from),
                due: When(clock::deadline(from, phase.hours, &spans)),
            });
        }
    }
    all.sort_by(|one, other| (one.due, &one.law).cmp(&(other.due, &other.law)));
    all
}

/// Hours within which an account is told: those of the catalogue, or fewer by its contract.
pub fn hours(laws: &[Law], class: Class, account: &str, catalogue: u32) -> u32 {
    let contracts = laws.iter().filter(|law| {
        law.recipient == Recipient::Subscriber
            && law.trigger == Trigger::Verified
            && law.applies(class, Some(account))
    });
    let first = contracts.filter_map(|law| law.phases.iter().map(|phase| phase.hours).min());
    first.min().map_or(catalogue, |hours| hours.min(catalogue))
}

/// All laws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Laws {
    /// The laws that count.
    pub in_force: Vec<Law>,
    /// The laws as they were written last.
    pub draft: Vec<Law>,
    /// Who wrote that, and when.
    pub written: Mark,
    /// Who approved it as it stands, and when; nobody since the last change.
    pub approved: Option<Mark>,
}

/// The id of the one row that counts.
pub const CURRENT: &str = "current";
/// Laws, and phases of one.
const MOST: usize = 40;
const PHASES: usize = 6;
/// Accounts that one law counts for.
const ACCOUNTS: usize = 200;

/// The laws in force; none, if nobody entered any.
///
/// # Errors
/// `Internal` if the row was not named as a need.
pub(super) fn in_force(at: &At<'_, '_>) -> Result<Vec<Law>> {
    Ok(at.find::<Laws>(CURRENT)?.map(|kept| kept.row.in_force).unwrap_or_default())
}

/// The register of laws, opened.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLaws {}

impl Row for Laws {
    const NOUN: &'static str = "law";
    const REGISTER: &'static str = "laws";
    const FORMAT: &'static str = "laws/v1";
    const ADD: &'static str = "law.add";
    const READ: &'static str = "law.read";
    const LIST: &'static str = "law.list";
    type New = NewLaws;

    fn id(_: &NewLaws) -> Option<&str> {
        Some(CURRENT)
    }

    fn add(_: &NewLaws, at: &mut At<'_, '_>) -> Result<Self> {
        Ok(Self { in_force: vec![], draft: vec![], written: at.mark(), approved: None })
    }

    fn status(&self, _now: Moment) -> Status {
        match (&self.approved, self.draft.is_empty()) {
            (None, true) => Status::of("empty", Tone::Due)
                .what("no law is entered: add them with `require`")
                .who("counsel"),
            (None, false) => Status::of("unapproved", Tone::Due)
                .what("a second person reads and approves the laws as they are written")
                .who("approver"),
            (Some(_), _) => Status::of("in-force", Tone::Good),
        }
    }
}

/// Adds a law, or writes one anew; the laws are to be approved again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// The short name, such as `nis2`.
    pub name: String,
    /// Where it stands, on one line.
    pub reference: String,
    /// What starts its clock.
    pub trigger: Trigger,
    /// Who is told.
    pub recipient: Recipient,
    /// The phases, each as `NAME|HOURS`, such as `early warning|24`; up to 6, to 9000 hours.
    pub phases: Vec<String>,
    /// The classes of incidents it is about; all, if none is stated.
    #[serde(default)]
    pub classes: Vec<Class>,
    /// The accounts it counts for, by their readable ids; all, if none is stated.
    #[serde(default)]
    pub accounts: Vec<String>,
}

impl Step<Laws> for Require {
    const ACTION: &'static str = "law.require";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        if self.accounts.len() > ACCOUNTS {
            return Err(Error::invalid("accounts", format!("name at most {ACCOUNTS} accounts")));
        }
        catalogue::need(needs)?;
        self.accounts.iter().try_for_each(|one| super::account("accounts", one, needs))
    }

    fn apply(&self, row: &mut Laws, at: &mut At<'_, '_>) -> Result<()> {
        let name = kernel::id::Name::parse(self.name.trim())?.to_string();
        if name == super::holds::NOTICE {
            return Err(Error::invalid("name", "this name stands for the notice to an account"));
        }
        let law = Law {
            name,
            reference: header("reference", &self.reference, 200)?,
            trigger: self.trigger,
            recipient: self.recipient,
            phases: self.phases.iter().map(|text| phase(text)).collect::<Result<_>>()?,
            classes: self.classes.clone(),
            accounts: self.accounts.clone(),
        };
        if law.phases.is_empty() || law.phases.len() > PHASES {
            return Err(Error::invalid("phases", format!("state 1 to {PHASES} phases")));
        }
        let most = catalogue::parameters(at)?.breach_hours;
        let promise = law.recipient == Recipient::Subscriber && law.trigger == Trigger::Verified;
        if promise && law.phases.iter().all(|phase| phase.hours > most) {
            let why = format!("an account is told within {most} hours: a contract is not longer");
            return Err(Error::invalid("phases", why));
        }
        at.tell("law", &law.name);
        row.draft.retain(|one| one.name != law.name);
        if row.draft.len() >= MOST {
            return Err(Error::limit(format!("there are at most {MOST} laws")));
        }
        row.draft.push(law);
        (row.written, row.approved) = (at.mark(), None);
        Ok(())
    }
}

/// A phase, as it is stated.
fn phase(text: &str) -> Result<Phase> {
    let bad = || Error::invalid("phases", "write each as `NAME|HOURS`, such as `early warning|24`");
    let (name, hours) = text.rsplit_once('|').ok_or_else(bad)?;
    let hours = hours.trim().parse().ok().filter(|hours| (1..=9000).contains(hours));
    Ok(Phase { name: header("phases", name, 60)?, hours: hours.ok_or_else(bad)? })
}

/// Takes a law out; the laws are to be approved again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Its name.
    pub name: String,
    /// Why it does not count.
    pub reason: String,
}

impl Step<Laws> for Drop {
    const ACTION: &'static str = "law.drop";

    fn apply(&self, row: &mut Laws, at: &mut At<'_, '_>) -> Result<()> {
        let before = row.draft.len();
        row.draft.retain(|one| one.name != self.name);
        if row.draft.len() == before {
            return Err(Error::invalid("name", "there is no law of this name"));
        }
        at.tell("law", &self.name);
        at.tell("reason", line("reason", &self.reason, 500)?);
        (row.written, row.approved) = (at.mark(), None);
        Ok(())
    }
}

/// Approves the laws as they are written, as a second person. Clocks that run stay as they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {}

impl Step<Laws> for Approve {
    const ACTION: &'static str = "law.approve";

    fn apply(&self, row: &mut Laws, at: &mut At<'_, '_>) -> Result<()> {
        if row.approved.is_some() {
            return Err(Error::conflict("the laws are approved as they stand"));
        }
        at.another_than(&row.written.by, &super::notices::APPROVERS, "a change of the laws")?;
        row.in_force.clone_from(&row.draft);
        row.approved = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Laws, Require>("require", "Adds a law or contract, or writes one anew"),
    step::<Laws, Drop>("drop", "Takes a law out"),
    step::<Laws, Approve>("approve", "Approves the laws as they are written, as a second person")
        .within("approvals"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Laws>(
    "holds",
    "Whose clocks run besides the catalogue's when something happens",
)
.serves(&["E4.4", "E4.5", "E4.7"])
.first("Open it, enter the laws and contracts that count for you, and let another approve them")
.columns(&["written", "approved"])
.steps(STEPS);

#[cfg(test)]
mod tests;
