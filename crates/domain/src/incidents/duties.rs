//! The duties of an incident to authorities: their clocks start, stop and run out by themselves.

use super::Incident;
use super::breaches::{HeldFor, Summoned};
use super::laws::{self, Duties, Law, Recipient, Reported};
use super::notices::Summons;
use crate::register::{self, At, Kept, Step, When, act, prose};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The job that looks whether an authority was told.
pub const DUTY: &str = "incident.duty";

/// Percent of the time after which somebody is called, and after which it is late.
const CALLS: [u32; 2] = [75, 100];

/// What an incident begins with.
pub(super) fn of(at: &At<'_, '_>) -> Result<Duties> {
    Ok(under(laws::in_force(at)?))
}

/// The duties to authorities under these laws.
pub(super) fn under(mut laws: Vec<Law>) -> Duties {
    laws.retain(|law| law.recipient == Recipient::Authority);
    Duties { laws, ..Duties::default() }
}

/// Starts the clocks that begin now, and leaves what follows from them. Jobs that were left before
/// find out by themselves that they are not needed.
pub(super) fn start(row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
    for (due, object) in begun(row, at.id(), at.now()) {
        at.later(due, DUTY, object);
    }
    Ok(())
}

/// As [`start`], for whoever leaves the jobs: when each is due, and what it is about.
pub(super) fn begun(row: &mut Incident, id: &str, now: Moment) -> Vec<(Moment, String)> {
    let before = row.duties.clocks.clone();
    row.duties.settle(row.class, None, row.suspected_at.0);
    let fresh = row.duties.clocks.iter().filter(|clock| !before.contains(clock));
    let calls = fresh.flat_map(|clock| {
        CALLS.map(|percent| {
            let due = part(clock.from.0, clock.due.0, percent).max(now);
            (due, format!("{id}|{percent}|{}|{}", clock.law, clock.phase))
        })
    });
    calls.collect()
}

/// The moment at which this part of a time is used.
fn part(from: Moment, due: Moment, percent: u32) -> Moment {
    from.after(due.since(from) * percent / 100)
}

impl Incident {
    /// Takes an order, as it is now, over into the clocks of authorities.
    pub(super) fn held(&mut self, hold: &str, held: Option<HeldFor>) {
        self.duties.held.retain(|one| one.hold != hold);
        self.duties.held.extend(held);
        self.duties.settle(self.class, None, self.suspected_at.0);
    }
}

/// Leaves the calls of the clocks of some laws anew, because an order ended before its time.
pub(super) fn again(kept: &Kept<Incident>, laws: &[String], at: &mut At<'_, '_>) {
    for clock in kept.row.duties.open().filter(|clock| laws.contains(&clock.law)) {
        for percent in CALLS {
            at.later(
                at.now(),
                DUTY,
                format!("{}|{percent}|{}|{}", kept.id, clock.law, clock.phase),
            );
        }
    }
}

/// Enters that an authority was told.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The law, by its name.
    pub law: String,
    /// The phase, by its name.
    pub phase: String,
    /// How, with a reference; or why it does not have to be.
    pub how: String,
}

impl Step<Incident> for Report {
    const ACTION: &'static str = "incident.report";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        let ours = |one: &laws::Clock| one.law == self.law && one.phase == self.phase;
        if !row.duties.open().any(ours) {
            let why = "there is no open clock of this law and phase: see the incident's duties";
            return Err(Error::invalid("law", why));
        }
        at.tell("law", &self.law);
        at.tell("phase", &self.phase);
        row.duties.reported.push(Reported {
            law: self.law.clone(),
            phase: self.phase.clone(),
            how: prose("how", &self.how, 1000)?,
            mark: at.mark(),
        });
        Ok(())
    }
}

act!(
    /// A clock of a law runs out.
    Due, "incident.duty", None, false
);

/// Calls whoever has to tell an authority, or notes that it is not needed.
pub struct NoteDuty {
    kernel: Kernel,
    key: RecordKey,
    percent: u32,
    law: String,
    phase: String,
}

impl NoteDuty {
    /// The clock that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let bad = || Error::internal(format!("the job `{object}` has another form"));
        let mut parts = object.splitn(4, '|');
        let mut next = || parts.next().ok_or_else(bad);
        let (id, percent, law, phase) = (next()?, next()?, next()?, next()?);
        Ok(Self {
            kernel: kernel.clone(),
            key: register::key::<Kept<Incident>>(kernel, id)?,
            percent: percent.parse().map_err(|_| bad())?,
            law: law.to_owned(),
            phase: phase.to_owned(),
        })
    }
}

impl Operation for NoteDuty {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Due::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Incident>, Due>(work, &self.key)?;
        let (now, percent) = (work.now(), self.percent);
        let known =
            kept.row.duties.noted.iter().any(|one| {
                one.law == self.law && one.phase == self.phase && one.percent == percent
            });
        let of = |clock: &&laws::Clock| clock.law == self.law && clock.phase == self.phase;
        let due = kept.row.duties.open().find(of).map(|one| part(one.from.0, one.due.0, percent));
        let outcome = match due.filter(|_| !known) {
            None => "settled".to_owned(),
            Some(due) if now < due => {
                let object = format!("{}|{percent}|{}|{}", kept.id, self.law, self.phase);
                work.later(due, HOUSE, DUTY, &object);
                format!("moved to {}", due.rfc3339())
            }
            Some(_) => {
                let (law, phase, at) = (self.law.clone(), self.phase.clone(), When(now));
                kept.row.duties.noted.push(Summoned { law, phase, percent, at });
                let fields = vec![("law", self.law.clone()), ("percent", percent.to_string())];
                let who = kept.row.lead.clone().into_iter().collect();
                let late = if percent >= 100 { "is late" } else { "is due soon" };
                let summons = Summons {
                    incident: kept.id.clone(),
                    place: format!("incidents/{}", kept.id),
                    who,
                    what: format!("{}: {} {late}", self.law, self.phase),
                };
                summons.write(&mut kept.row, now);
                work.save(allowed, register::body(&kept)?, fields)?;
                let key = format!("{} {} {percent}", self.law, self.phase);
                summons.page::<Due>(&self.kernel, work, &key)?;
                return Ok(After::now(()));
            }
        };
        let fields = vec![("incident", kept.id), ("law", self.law.clone()), ("outcome", outcome)];
        work.note(HOUSE, Due::ACTION.name, fields);
        Ok(After::now(()))
    }
}
