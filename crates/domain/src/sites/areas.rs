//! Areas: the rooms, cages and stores of a site that only named people may enter.
//!
//! An area has an access list, which is reconciled with the people who are still with the
//! provider, and the findings that its badge events made. Spares and media are kept in areas too.
//! Bailee opens no door: it says who may, and what the doors say happened.

use super::badges::{Badges, Settle};
use super::{Site, owner, shorten};
use crate::catalogue;
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody on an access list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AreaAccess")]
pub struct Access {
    /// Who: `person:NAME`.
    pub person: String,
    /// First day they may enter.
    pub from: Day,
    /// Last day they may enter.
    pub to: Day,
    /// Who allowed it, and when.
    pub mark: Mark,
    /// Who took them off the list, and when, if somebody did.
    pub removed: Option<Mark>,
}

impl Access {
    /// Whether it lets somebody in at a moment.
    pub fn opens(&self, at: Moment) -> bool {
        let listed = self.removed.as_ref().is_none_or(|removed| at < removed.at.0);
        listed && self.from.start() <= at && at < self.to.end()
    }
}

/// A comparison of the access list with the people who are still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciliation {
    /// People on the list.
    pub listed: u32,
    /// Those of them who had left, and have to come off the list: `person:NAME`.
    pub left: Vec<String>,
    /// Last day by which it is to be done again.
    pub next_due: Day,
    /// Who did it, and when.
    pub mark: Mark,
}

/// Badge events that were imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// When the first event was.
    pub from: When,
    /// When the last event was.
    pub to: When,
    /// Events by which somebody got in.
    pub granted: u32,
    /// Events by which somebody was kept out.
    pub denied: u32,
    /// Findings that were new.
    pub findings: u32,
    /// Who imported them, and when.
    pub mark: Mark,
}

/// Why a badge event is a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The badge is of somebody who had left.
    Left,
    /// Somebody got in who was not on the access list then.
    NotAllowed,
    /// Somebody got in under a name that nobody has.
    Unknown,
}

/// A badge event that should not have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadgeFinding {
    /// Its number in this area: `badge-1`, `badge-2` and so on.
    pub id: String,
    /// When the event was.
    pub time: When,
    /// Whose badge it was, as the log has it.
    pub person: String,
    /// Whether the door opened.
    pub granted: bool,
    /// Why it is a finding.
    pub why: Why,
    /// How it was settled, if it was.
    pub settled: Option<Settled>,
}

/// How a finding was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BadgeSettled")]
pub struct Settled {
    /// What was done.
    pub how: String,
    /// Who settled it, and when.
    pub mark: Mark,
}

/// An area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Area {
    /// The site it is in.
    pub site: String,
    /// What is in it.
    pub purpose: String,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// Its access list, with those who were taken off.
    pub allowed: Vec<Access>,
    /// Reconciliations of the list, oldest first.
    pub reconciliations: Vec<Reconciliation>,
    /// Imports of badge events, oldest first.
    pub imports: Vec<Import>,
    /// Findings from badge events, oldest first.
    pub findings: Vec<BadgeFinding>,
    /// How many findings there were, which numbers the next one.
    pub found: u32,
    /// When it was given up, if it was.
    pub closed: Option<Mark>,
}

impl Area {
    /// People whom the last reconciliation found to have left and who are still on the list.
    pub fn leavers(&self) -> Vec<&str> {
        let listed = |person: &&str| {
            self.allowed.iter().any(|one| one.person == *person && one.removed.is_none())
        };
        let last = self.reconciliations.last();
        last.map_or(vec![], |last| last.left.iter().map(String::as_str).filter(listed).collect())
    }

    /// Findings that nobody has settled.
    pub fn unsettled(&self) -> impl Iterator<Item = &BadgeFinding> {
        self.findings.iter().filter(|one| one.settled.is_none())
    }
}

/// People on one list: more are better kept as several areas.
const LISTED: usize = 500;

/// Reconciliations and imports that are kept in the row; earlier ones are in its history.
pub(super) const KEPT: usize = 60;

/// An area to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArea {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The site it is in.
    pub site: String,
    /// What is in it, on one line.
    pub purpose: String,
    /// Who answers for it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl Row for Area {
    const NOUN: &'static str = "area";
    const REGISTER: &'static str = "areas";
    const FORMAT: &'static str = "area/v1";
    const ADD: &'static str = "area.add";
    const READ: &'static str = "area.read";
    const LIST: &'static str = "area.list";
    type New = NewArea;

    fn id(new: &NewArea) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewArea, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Site>(&new.site)
    }

    fn add(new: &NewArea, at: &mut At<'_, '_>) -> Result<Self> {
        if at.named::<Site>("site", &new.site)?.row.closed.is_some() {
            return Err(Error::invalid("site", "this site is closed"));
        }
        Ok(Self {
            site: new.site.clone(),
            purpose: line("purpose", &new.purpose, 200)?,
            owner: owner(new.owner.as_deref(), at)?,
            allowed: vec![],
            reconciliations: vec![],
            imports: vec![],
            findings: vec![],
            found: 0,
            closed: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let due = |word| Status::of(word, Tone::Due).who(&self.owner);
        let bad = |word| Status::of(word, Tone::Bad).who(&self.owner);
        if self.closed.is_some() {
            return Status::of("closed", Tone::Past);
        }
        if let [first, rest @ ..] = self.leavers().as_slice() {
            let what = format!("{first} and {} more have left and are on the list", rest.len());
            return bad("leaver-listed").what(what);
        }
        if let Some(first) = self.unsettled().next() {
            let (open, id) = (self.unsettled().count(), &first.id);
            let what = format!("{open} badge events are not settled; the oldest is {id}");
            return bad("findings").what(what).due(first.time.0);
        }
        match self.reconciliations.last() {
            None => due("unreconciled").what("compare the access list with who is still there"),
            Some(last) if last.next_due.end() <= now => {
                due("unreconciled").what("reconcile the access list again").due(last.next_due.end())
            }
            Some(_) if self.imports.is_empty() => {
                due("unwatched").what("import the badge events of its doors")
            }
            Some(last) => {
                let status = Status::of("reconciled", Tone::Good).who(&self.owner);
                status.due(last.next_due.end())
            }
        }
    }
}

/// Puts somebody on the access list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Who: `person:NAME`.
    pub person: String,
    /// First day they may enter.
    pub from: Day,
    /// Last day they may enter, within 366 days.
    pub to: Day,
}

impl Step<Area> for Allow {
    const ACTION: &'static str = "area.allow";

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        let person = at.person("person", &self.person)?.id.to_string();
        if self.to < self.from || self.to.end() <= at.now() || self.to > self.from.plus(366) {
            let why = "state a day that is not over, within 366 days of the first";
            return Err(Error::invalid("to", why));
        }
        let past = |one: &Access| one.to.end() <= at.now() || one.removed.is_some();
        if row.allowed.iter().filter(|one| !past(one)).count() >= LISTED {
            let why = format!("an area lists at most {LISTED} people: divide it");
            return Err(Error::limit(why));
        }
        row.allowed.push(Access {
            person,
            from: self.from,
            to: self.to,
            mark: at.mark(),
            removed: None,
        });
        // Those who may not enter any more are kept for as long as badge events may come in late.
        if row.allowed.len() > 2 * LISTED
            && let Some(oldest) = row.allowed.iter().position(past)
        {
            row.allowed.remove(oldest);
        }
        Ok(())
    }
}

/// Takes somebody off the access list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Who: `person:NAME`.
    pub person: String,
}

impl Step<Area> for Remove {
    const ACTION: &'static str = "area.remove";

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        let mark = at.mark();
        let mut removed = false;
        for one in &mut row.allowed {
            if one.person == self.person && one.removed.is_none() {
                one.removed = Some(mark.clone());
                removed = true;
            }
        }
        if !removed {
            let person = kernel::id::shown(&self.person);
            let why = format!("`{person}` is not on the list: write `person:NAME`");
            return Err(Error::invalid("person", why));
        }
        Ok(())
    }
}

/// Compares the access list with the people who are still there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {}

impl Step<Area> for Reconcile {
    const ACTION: &'static str = "area.reconcile";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        let (days, rights) = (catalogue::parameters(at)?.area_days, at.rights()?);
        let mut listed: Vec<&str> = Vec::new();
        for one in row.allowed.iter().filter(|one| one.removed.is_none()) {
            if at.now() < one.to.end() && !listed.contains(&one.person.as_str()) {
                listed.push(&one.person);
            }
        }
        let active = |person: &str| {
            let id = PrincipalId::parse(person).ok();
            id.and_then(|id| rights.principal(&id)).is_some_and(|one| one.active)
        };
        let left: Vec<String> =
            listed.iter().filter(|one| !active(one)).map(ToString::to_string).collect();
        let reconciliation = Reconciliation {
            listed: u32::try_from(listed.len()).unwrap_or(u32::MAX),
            left,
            next_due: Day::of(at.now()).plus(days),
            mark: at.mark(),
        };
        at.tell("left", reconciliation.left.len().to_string());
        row.reconciliations.push(reconciliation);
        shorten(&mut row.reconciliations, KEPT);
        Ok(())
    }
}

/// Gives an area up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseArea {
    /// Where what was in it went.
    pub reason: String,
}

impl Step<Area> for CloseArea {
    const ACTION: &'static str = "area.close";

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        if row.unsettled().next().is_some() {
            return Err(Error::conflict("badge events of this area are not settled: settle them"));
        }
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.closed = Some(at.mark());
        Ok(())
    }
}

pub(super) fn open(row: &Area) -> Result<()> {
    match row.closed {
        Some(_) => Err(Error::conflict("this area is given up: register another one")),
        None => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Area, Allow>("allow", "Puts somebody on the access list, from when until when"),
    step::<Area, Remove>("remove", "Takes somebody off the access list"),
    step::<Area, Reconcile>(
        "reconcile",
        "Compares the access list with the people who are still there",
    ),
    step::<Area, Badges>("badges", "Imports badge events and checks them against the list"),
    step::<Area, Settle>("settle", "Settles a finding from badge events"),
    step::<Area, CloseArea>("close", "Gives the area up"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Area>(
    "sites",
    "Rooms, cages and stores that only named people may enter: access lists and badge events",
)
.serves(&["E7.2"])
.first("Register an area of a site: what is in it, and who answers for it")
.columns(&["site", "purpose", "owner"])
.steps(STEPS);
