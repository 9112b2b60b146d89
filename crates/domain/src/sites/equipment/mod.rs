//! Equipment of a site: UPS, cooling, generators, fire suppression, links and load balancers, with
//! capacity and load, from which N+1 is computed.
//!
//! Units that can stand in for one another form a redundancy group: those of one site, kind and
//! group name. What a unit can carry now follows from its last reading, by the status words of
//! Network UPS Tools; a reading has a shelf life, after which nobody knows. A UPS with a source is
//! polled by Bailee itself, which makes its readings *measured*; all others are *recorded*.

mod polled;
mod reading;

pub use polled::{NutSource, Outcome, POLL, Poll, Polled, polled};
pub use reading::{Measure, Reading, Trouble};

use super::{Site, Unit, done, next, owner, shorten};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of equipment it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EquipmentKind {
    /// Uninterruptible power supply.
    Ups,
    /// Heating, ventilation and air conditioning.
    Hvac,
    /// Generator.
    Generator,
    /// Fire detection and suppression.
    Suppression,
    /// A network link to the outside.
    Link,
    /// A device that spreads load.
    LoadBalancer,
}

impl EquipmentKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ups => "ups",
            Self::Hvac => "hvac",
            Self::Generator => "generator",
            Self::Suppression => "suppression",
            Self::Link => "link",
            Self::LoadBalancer => "load-balancer",
        }
    }

    /// What its capacity is counted in; none for what stands in for nothing.
    fn counted(self) -> &'static [CapacityUnit] {
        match self {
            Self::Ups | Self::Hvac => &[CapacityUnit::Kw, CapacityUnit::W],
            Self::Link | Self::LoadBalancer => &[CapacityUnit::Mbit],
            Self::Generator | Self::Suppression => &[],
        }
    }
}

/// What a capacity is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityUnit {
    /// Kilowatts.
    Kw,
    /// Watts.
    W,
    /// Megabits per second.
    Mbit,
}

/// A service of the equipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serviced {
    /// The day it was done.
    pub done: Day,
    /// What was done, and by whom.
    pub work: String,
    /// Last day by which it is to be done again.
    pub next_due: Day,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// A unit of equipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Equipment {
    /// The site it stands in.
    pub site: String,
    /// What kind of equipment it is.
    pub kind: EquipmentKind,
    /// Its redundancy group: units of one site, kind and group stand in for one another.
    pub group: String,
    /// What it can carry.
    pub capacity: Option<u32>,
    /// What capacity and load are counted in.
    pub unit: Option<CapacityUnit>,
    /// What it carries of its group's load, as it was entered by hand.
    pub load: Option<u32>,
    /// Who entered that load, and when.
    pub loaded: Option<Mark>,
    /// Where its state is polled: `host:port/upsname` of a server of Network UPS Tools.
    pub nut: Option<String>,
    /// The service that may report readings of it: `service:NAME`.
    pub reporter: Option<String>,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// Its last reading.
    pub reading: Option<Reading>,
    /// Why polls bring no reading, while they bring none.
    pub trouble: Option<Trouble>,
    /// Services, oldest first.
    pub services: Vec<Serviced>,
    /// When it was taken out of use, if it was.
    pub retired: Option<Mark>,
}

impl Equipment {
    /// The unit as N+1 takes it, in hundredths of its unit (of watts for power); `None` for
    /// equipment that stands in for nothing.
    pub fn as_unit(&self, now: Moment) -> Option<Unit> {
        let usable = self.reading.as_ref().filter(|one| one.fresh(now)).map(Reading::usable);
        Some(Unit { capacity: self.hundredths(self.capacity?), usable })
    }

    /// What it carries of its group's load, in the same: by its last reading or, without one that
    /// says it, by hand. The last known load counts until there is a newer one.
    pub fn carries(&self) -> Option<u64> {
        let read = self.reading.as_ref().and_then(|one| one.load_percent);
        match (read, self.capacity) {
            (Some(percent), Some(capacity)) => {
                Some((self.hundredths(capacity) / 100).saturating_mul(u64::from(percent)))
            }
            _ => self.load.map(|load| self.hundredths(load)),
        }
    }

    fn hundredths(&self, amount: u32) -> u64 {
        let thousand = self.unit == Some(CapacityUnit::Kw);
        u64::from(amount) * if thousand { 100_000 } else { 100 }
    }
}

/// Services that are kept in the row; earlier ones are in its history.
const SERVICES: usize = 24;

/// Equipment to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEquipment {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The site it stands in.
    pub site: String,
    /// What kind of equipment it is.
    pub kind: EquipmentKind,
    /// Its redundancy group: units of one site, kind and group stand in for one another.
    pub group: String,
    /// What it can carry; needed for UPS, HVAC, links and load balancers.
    pub capacity: Option<u32>,
    /// What capacity and load are counted in: `kw` or `w` for power and cooling, `mbit` for links.
    pub unit: Option<CapacityUnit>,
    /// What it carries of its group's load, in the same unit.
    pub load: Option<u32>,
    /// Where Bailee shall poll its state: `host:port/upsname` of a server of Network UPS Tools.
    pub nut: Option<String>,
    /// The service that may report readings of it: `service:NAME`.
    pub reporter: Option<String>,
    /// Who answers for it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl NewEquipment {
    fn capacity(&self) -> Result<(Option<u32>, Option<CapacityUnit>)> {
        let counted = self.kind.counted();
        if counted.is_empty() {
            let any = self.capacity.is_some() || self.unit.is_some() || self.load.is_some();
            return match any {
                true => Err(Error::invalid("capacity", "this kind of equipment has no capacity")),
                false => Ok((None, None)),
            };
        }
        let capacity = self.capacity.filter(|capacity| *capacity > 0);
        if capacity.is_none() {
            return Err(Error::invalid("capacity", "state what it can carry, at least 1"));
        }
        if self.unit.is_none_or(|unit| !counted.contains(&unit)) {
            let why = "use `kw` or `w` for power and cooling, `mbit` for links and load balancers";
            return Err(Error::invalid("unit", why));
        }
        Ok((capacity, self.unit))
    }
}

impl Row for Equipment {
    const NOUN: &'static str = "equipment";
    const REGISTER: &'static str = "equipment";
    const FORMAT: &'static str = "equipment/v1";
    const ADD: &'static str = "equipment.add";
    const READ: &'static str = "equipment.read";
    const LIST: &'static str = "equipment.list";
    type New = NewEquipment;

    fn id(new: &NewEquipment) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewEquipment, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Site>(&new.site)
    }

    fn add(new: &NewEquipment, at: &mut At<'_, '_>) -> Result<Self> {
        if at.named::<Site>("site", &new.site)?.row.closed.is_some() {
            return Err(Error::invalid("site", "this site is closed"));
        }
        let (capacity, unit) = new.capacity()?;
        if let Some(reporter) = &new.reporter {
            let service = PrincipalId::parse(reporter).ok().filter(|id| id.parts().0 == "service");
            service.ok_or_else(|| Error::invalid("reporter", "write `service:NAME`"))?;
        }
        if let Some(nut) = &new.nut {
            if new.kind != EquipmentKind::Ups {
                return Err(Error::invalid("nut", "only a UPS is polled"));
            }
            let poll = Poll { id: at.id().to_owned(), source: polled::source(nut)? };
            at.later(at.now(), POLL, poll.object());
        }
        Ok(Self {
            site: new.site.clone(),
            kind: new.kind,
            group: line("group", &new.group, 60)?,
            capacity,
            unit,
            load: new.load,
            loaded: new.load.map(|_| at.mark()),
            nut: new.nut.clone(),
            reporter: new.reporter.clone(),
            owner: owner(new.owner.as_deref(), at)?,
            reading: None,
            trouble: None,
            services: vec![],
            retired: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let due = |word| Status::of(word, Tone::Due).who(&self.owner);
        let bad = |word| Status::of(word, Tone::Bad).who(&self.owner);
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        let fresh = self.reading.as_ref().filter(|one| one.fresh(now));
        if let Some(lost) = fresh.filter(|one| !one.usable()) {
            return bad("lost").what(format!("its status is {}", lost.status)).due(lost.since.0);
        }
        if let Some(late) = self.services.last().filter(|one| one.next_due.end() <= now) {
            return bad("overdue").what("a service was due").due(late.next_due.end());
        }
        if let Some(trouble) = &self.trouble {
            return due("silent").what(&trouble.problem).due(trouble.since.0);
        }
        match (fresh, self.capacity) {
            (None, Some(_)) => due("unread").what("nothing fresh is known of its state"),
            (_, None) if self.services.is_empty() => {
                due("unserviced").what("enter its last service, and when the next is due")
            }
            _ => {
                let counts = fresh.map(|one| one.counts_to.0);
                let service = self.services.last().map(|one| one.next_due.end());
                let status = Status::of("in-service", Tone::Good).who(&self.owner);
                match counts.into_iter().chain(service).min() {
                    Some(end) => status.due(end),
                    None => status,
                }
            }
        }
    }
}

/// What the equipment carries.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// What it carries of its group's load, in the unit of its capacity.
    pub load: u32,
}

impl Step<Equipment> for Load {
    const ACTION: &'static str = "equipment.load";

    fn apply(&self, row: &mut Equipment, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        if row.capacity.is_none() {
            return Err(Error::invalid("load", "this kind of equipment has no capacity"));
        }
        row.load = Some(self.load);
        row.loaded = Some(at.mark());
        Ok(())
    }
}

/// A service of the equipment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The day it was done.
    pub done: Day,
    /// What was done, and by whom.
    pub work: String,
    /// Last day by which it is to be done again.
    pub next_due: Day,
}

impl Step<Equipment> for Service {
    const ACTION: &'static str = "equipment.service";

    fn apply(&self, row: &mut Equipment, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        done("done", self.done, at)?;
        next("next_due", self.done, self.next_due)?;
        if row.services.last().is_some_and(|last| self.done < last.done) {
            return Err(Error::invalid("done", "a later service is entered already"));
        }
        row.services.push(Serviced {
            done: self.done,
            work: line("work", &self.work, 500)?,
            next_due: self.next_due,
            mark: at.mark(),
        });
        shorten(&mut row.services, SERVICES);
        Ok(())
    }
}

/// Takes equipment out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireEquipment {
    /// What stands in its place.
    pub reason: String,
}

impl Step<Equipment> for RetireEquipment {
    const ACTION: &'static str = "equipment.retire";

    fn apply(&self, row: &mut Equipment, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

fn in_use(row: &Equipment) -> Result<()> {
    match row.retired {
        Some(_) => Err(Error::conflict("this equipment is out of use: register what replaced it")),
        None => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Equipment, Measure>("measure", "Adds a reading of its state").within("feeds"),
    step::<Equipment, Load>("load", "States what it carries of its group's load"),
    step::<Equipment, Service>("service", "Adds a service, and when the next is due"),
    step::<Equipment, RetireEquipment>("retire", "Takes the equipment out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Equipment>(
    "sites",
    "UPS, cooling, generators, fire suppression and links of a site, with capacity and load",
)
.serves(&["E6.1", "E7.3"])
.first("Register equipment of a site: its kind, redundancy group, capacity and load")
.columns(&["site", "kind", "group", "capacity", "unit"])
.steps(STEPS);
