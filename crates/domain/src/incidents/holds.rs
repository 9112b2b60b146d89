//! Holds: orders of law enforcement or of a government agency that a notice is not given yet.
//!
//! A hold counts from the moment at which a second person confirms it: one of the two is counsel,
//! the other answers incidents. Asking for one stops nothing, and it reaches no further back. It
//! always has an end; a spoken order has one within thirty days. When it ends or is lifted, the
//! clocks of its accounts go on by themselves. A hold is renewed by a new statement, as a new row.
//!
//! Nobody else can order a hold: there is no kind of authority for it.

use super::breaches::{self, Breach, HeldFor};
use super::laws::{self, Laws};
use super::{Incident, fingerprint};
use crate::register::{
    At, Day, Entry, Mark, Needs, Readers, Register, Row, Status, Step, Tone, When, act, line,
    prose, step,
};
use kernel::{Act, After, Error, HOUSE, Moment, Operation, Result, Target, Work, on_house};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::breaches::NOTICE;

/// Who can order a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// Police, a prosecutor, a court.
    LawEnforcement,
    /// An agency of a government.
    GovernmentAgency,
}

/// On which side of the table somebody sits who enters or confirms a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Has the role `counsel`.
    Counsel,
    /// Has the role `responder` or `security-lead`.
    Response,
}

/// An order that holds notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// The incident, by its id.
    pub incident: String,
    /// The accounts whose notice it holds, by their readable ids.
    pub accounts: Vec<String>,
    /// What kind of authority ordered it.
    pub authority: Authority,
    /// The authority's name.
    pub agency: String,
    /// The official who ordered it.
    pub official: String,
    /// How that official is reached to check it.
    pub contact: String,
    /// The jurisdiction.
    pub jurisdiction: String,
    /// Whether it was given in writing.
    pub written: bool,
    /// The authority's reference.
    pub reference: String,
    /// The statement, word for word, or as it was heard.
    pub statement: String,
    /// SHA-256 of the statement's text, in hexadecimal.
    pub statement_sha256: String,
    /// First day it is asked for.
    pub from: Day,
    /// Last day it counts.
    pub to: Day,
    /// Why the notice would do harm, as the authority says.
    pub reason: String,
    /// Who entered it, and when.
    pub entered: Mark,
    /// On which side they sit.
    pub entered_as: Vec<Side>,
    /// Who confirmed it, and when: before that it does not count.
    pub confirmed: Option<Mark>,
    /// When it was lifted before its end, if it was.
    pub lifted: Option<Mark>,
    /// The clocks that it stops, by the names of their laws; `notice` is that of the notice to the
    /// account, which it also stops if none is named.
    #[serde(default)]
    pub scope: Vec<String>,
}

/// Most accounts of one hold.
const ACCOUNTS: usize = 200;
/// Longest spoken order, in days (45 CFR 164.412 has the same).
const ORAL_DAYS: u32 = 30;
/// Longest written order, in days: it is renewed by a new statement.
const WRITTEN_DAYS: u32 = 366;

impl Hold {
    /// From when to when it counts; nothing as long as nobody confirmed it.
    pub fn span(&self) -> Option<(Moment, Moment)> {
        let from = self.confirmed.as_ref()?.at.0.max(self.from.start());
        let end = self.to.end();
        let to = self.lifted.as_ref().map_or(end, |mark| mark.at.0.min(end));
        Some((from, to)).filter(|(from, to)| from < to)
    }
}

impl Hold {
    /// What a clock keeps of it.
    pub(super) fn held(&self, id: &str, from: Moment, to: Moment) -> HeldFor {
        let scope = self.scope.clone();
        HeldFor { hold: id.to_owned(), from: When(from), to: When(to), scope }
    }
}

/// A hold to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// The incident, by its id.
    pub incident: String,
    /// The accounts whose notice it holds, by their readable ids; up to 200.
    pub accounts: Vec<String>,
    /// What kind of authority orders it; nobody else can.
    pub authority: Authority,
    /// The authority's name.
    pub agency: String,
    /// The official who orders it.
    pub official: String,
    /// How that official is reached to check it.
    pub contact: String,
    /// The jurisdiction.
    pub jurisdiction: String,
    /// Whether it was given in writing; a spoken one ends within 30 days.
    #[serde(default)]
    pub written: bool,
    /// The authority's reference.
    pub reference: String,
    /// The statement, word for word, or as it was heard.
    pub statement: String,
    /// First day it is asked for.
    pub from: Day,
    /// Last day it counts.
    pub to: Day,
    /// Why the notice would do harm, as the authority says.
    pub reason: String,
    /// The clocks that it stops, as it names them: `notice` for the notice to the accounts, and
    /// names of laws; only `notice`, if none is stated.
    #[serde(default)]
    pub scope: Vec<String>,
}

impl Row for Hold {
    const NOUN: &'static str = "hold";
    const REGISTER: &'static str = "holds";
    const FORMAT: &'static str = "hold/v1";
    const ADD: &'static str = "hold.add";
    const READ: &'static str = "hold.read";
    const LIST: &'static str = "hold.list";
    const RESTRICTED: bool = true;
    type New = NewHold;

    fn needs(new: &NewHold, needs: &mut Needs<'_>) -> Result<()> {
        if new.accounts.is_empty() || new.accounts.len() > ACCOUNTS {
            return Err(Error::invalid("accounts", format!("name 1 to {ACCOUNTS} accounts")));
        }
        new.accounts.iter().try_for_each(|one| super::account("accounts", one, needs))?;
        needs.row::<Laws>(laws::CURRENT)?;
        needs.row::<Incident>(&new.incident)
    }

    fn add(new: &NewHold, at: &mut At<'_, '_>) -> Result<Self> {
        let mut incident = at.named::<Incident>("incident", &new.incident)?;
        let days = if new.written { WRITTEN_DAYS } else { ORAL_DAYS };
        let first = new.from.max(Day::of(at.now()));
        if new.to.end() <= at.now() || new.to < new.from || new.to > first.plus(days) {
            let why =
                format!("state a last day within {days} days, not before the first and today");
            return Err(Error::invalid("to", why));
        }
        if new.from > Day::of(at.now()).plus(WRITTEN_DAYS) {
            return Err(Error::invalid("from", "state a first day within a year"));
        }
        if incident.row.holds.len() >= 50 {
            return Err(Error::limit("an incident has at most 50 holds"));
        }
        let statement = prose("statement", &new.statement, 20_000)?;
        let mut accounts = new.accounts.clone();
        accounts.sort_unstable();
        accounts.dedup();
        let row = Self {
            incident: incident.id.clone(),
            accounts,
            authority: new.authority,
            agency: line("agency", &new.agency, 200)?,
            official: line("official", &new.official, 200)?,
            contact: line("contact", &new.contact, 200)?,
            jurisdiction: line("jurisdiction", &new.jurisdiction, 100)?,
            written: new.written,
            reference: line("reference", &new.reference, 200)?,
            statement_sha256: fingerprint(&statement),
            statement,
            from: new.from,
            to: new.to,
            reason: prose("reason", &new.reason, 2000)?,
            entered: at.mark(),
            entered_as: sides(at)?,
            confirmed: None,
            lifted: None,
            scope: scope(&new.scope, at)?,
        };
        incident.row.holds.push(at.id().to_owned());
        at.save(&incident)?;
        at.tell("incident", &row.incident);
        at.tell("statement", &row.statement_sha256);
        Ok(row)
    }

    fn readers(&self) -> Readers<'_> {
        Readers::As(Incident::REGISTER, &self.incident)
    }

    fn status(&self, now: Moment) -> Status {
        if self.lifted.is_some() {
            return Status::of("lifted", Tone::Past);
        }
        if self.to.end() <= now {
            return Status::of(
                if self.confirmed.is_some() { "ended" } else { "lapsed" },
                Tone::Past,
            );
        }
        let Some((from, to)) = self.span() else {
            let who = if self.entered_as == [Side::Counsel] { "responder" } else { "counsel" };
            return Status::of("unconfirmed", Tone::Due)
                .what("it does not count, and every clock runs: a second person confirms it")
                .who(who);
        };
        match now < from {
            true => Status::of("ordered", Tone::Due).what("it does not count yet").due(from),
            false => Status::of("holding", Tone::Due)
                .what("notices of its accounts are held; keep them ready")
                .due(to)
                .who("counsel"),
        }
    }
}

/// The names of clocks that there are.
fn scope(named: &[String], at: &At<'_, '_>) -> Result<Vec<String>> {
    let known = laws::in_force(at)?;
    let mut scope = named.to_vec();
    scope.sort_unstable();
    scope.dedup();
    for one in &scope {
        if one != NOTICE && !known.iter().any(|law| law.name == *one) {
            let one = kernel::id::shown(one);
            let why = format!("there is no clock `{one}`: name `notice`, or a law in force");
            return Err(Error::invalid("scope", why));
        }
    }
    Ok(scope)
}

/// On which sides of the table the caller sits.
fn sides(at: &At<'_, '_>) -> Result<Vec<Side>> {
    let roles = at.rights()?.principal(at.by()).map(|one| one.roles.clone()).unwrap_or_default();
    let has = |names: &[&str]| roles.iter().any(|role| names.contains(&role.as_str()));
    let mut sides = Vec::new();
    if has(&["counsel"]) {
        sides.push(Side::Counsel);
    }
    if has(&super::RESPONDERS) {
        sides.push(Side::Response);
    }
    Ok(sides)
}

/// Confirms a hold, as a second person from the other side of the table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The authority's reference, as it stands on the statement that was checked.
    pub reference: String,
}

impl Step<Hold> for Confirm {
    const ACTION: &'static str = "hold.confirm";

    fn apply(&self, row: &mut Hold, at: &mut At<'_, '_>) -> Result<()> {
        if row.confirmed.is_some() || row.lifted.is_some() || row.to.end() <= at.now() {
            return Err(Error::conflict("this hold is confirmed, lifted or past already"));
        }
        if self.reference.trim() != row.reference {
            let why = "it is not the reference of this hold: check the statement";
            return Err(Error::invalid("reference", why));
        }
        let roles = ["counsel", "responder", "security-lead"];
        at.another_than(&row.entered.by, &roles, "a hold")?;
        let second = sides(at)?;
        let both =
            |first: Side, other: Side| row.entered_as.contains(&first) && second.contains(&other);
        if !both(Side::Counsel, Side::Response) && !both(Side::Response, Side::Counsel) {
            let why = "a hold takes counsel and somebody who answers incidents: ask the other side";
            return Err(Error::forbidden(why));
        }
        row.confirmed = Some(at.mark());
        at.later(row.to.end(), EXPIRE, at.id().to_owned());
        spread(row, at)
    }
}

/// Lifts a hold before its end; the clocks of its accounts go on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// Why, and who said so.
    pub reason: String,
}

impl Step<Hold> for Lift {
    const ACTION: &'static str = "hold.lift";

    fn apply(&self, row: &mut Hold, at: &mut At<'_, '_>) -> Result<()> {
        if row.lifted.is_some() || row.to.end() <= at.now() {
            return Err(Error::conflict("this hold is lifted or past already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.lifted = Some(at.mark());
        spread(row, at)
    }
}

/// Takes the hold, as it is now, over into the clocks of its accounts. When it is lifted, warnings
/// and calls are left anew: those that were left before may be due too late.
fn spread(row: &Hold, at: &mut At<'_, '_>) -> Result<()> {
    let id = at.id().to_owned();
    for account in &row.accounts {
        let Some(mut kept) = at.late::<Breach>(&breaches::id(&row.incident, account))? else {
            continue;
        };
        kept.row.holds.retain(|one| one.hold != id);
        if let Some((from, to)) = row.span() {
            kept.row.holds.push(row.held(&id, from, to));
        }
        kept.row.settle();
        if row.lifted.is_some() {
            for (due, percent) in kept.row.schedule(at.now()) {
                at.later(due, breaches::WARN, breaches::object(&kept.id, percent));
            }
            for (notice, percent) in kept
                .row
                .written
                .iter()
                .flat_map(|one| breaches::CALLS.map(|percent| (one, percent)))
            {
                at.later(at.now(), breaches::CHASE, breaches::object(notice, percent));
            }
        }
        at.save(&kept)?;
    }
    if let Some(mut kept) = at.late::<Incident>(&row.incident)?.filter(|_| !row.scope.is_empty()) {
        let held = row.span().map(|(from, to)| row.held(&id, from, to));
        kept.row.held(&id, held);
        if row.lifted.is_some() {
            super::duties::again(&kept, &row.scope, at);
        }
        at.save(&kept)?;
    }
    at.tell("accounts", row.accounts.len().to_string());
    Ok(())
}

act!(
    /// A hold came to its end.
    Expired, "hold.expire", None, false
);

/// The job that notes the end of a hold.
pub const EXPIRE: &str = "hold.expire";

/// Notes that a hold came to its end. Its accounts' clocks went on by themselves.
pub struct NoteEnd {
    /// The hold's id.
    pub id: String,
}

impl Operation for NoteEnd {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Expired::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.note(HOUSE, Expired::ACTION.name, vec![("hold", self.id.clone())]);
        Ok(After::now(()))
    }
}

const STEPS: &[Entry] = &[
    step::<Hold, Confirm>("confirm", "Confirms it, as a second person from the other side"),
    step::<Hold, Lift>("lift", "Lifts it; the clocks of its accounts go on"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Hold>(
    "holds",
    "Orders of law enforcement or a government agency that a notice is not given yet",
)
.serves(&["E4.5"])
.first("Enter an order as it was given; another person from the other side confirms it")
.columns(&["incident", "authority", "agency", "reference", "to"])
.steps(STEPS);
