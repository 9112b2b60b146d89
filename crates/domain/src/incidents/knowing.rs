//! Who may read an incident and what hangs on it: need to know.
//!
//! While it is restricted, only those who take part read it, its breaches, holds, notices,
//! questions to the log, alerts and suspects; whoever leads it or gets a role takes part by that.
//! Security leads and counsel always may, unless they are excluded by name: somebody has to be able
//! to admit others, and to judge an order. Admitting and excluding are entries.

use super::Incident;
use crate::register::{ALWAYS, At, Step, line};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Lets only those read an incident who take part.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restrict {
    /// Why, on one line.
    pub reason: String,
}

impl Step<Incident> for Restrict {
    const ACTION: &'static str = "incident.restrict";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        restrict(row, &self.reason, at)
    }
}

/// Lets somebody take part.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// Who: `person:NAME`, of the provider.
    pub person: String,
    /// Why they need to know, on one line.
    pub reason: String,
}

impl Step<Incident> for Admit {
    const ACTION: &'static str = "incident.admit";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        if at.person("person", &self.person)?.vendor.is_some() {
            let why = "a vendor's people read no register: tell them what they need otherwise";
            return Err(Error::invalid("person", why));
        }
        at.tell("person", &self.person);
        row.need_to_know.admit(&self.person, &self.reason, at.mark())
    }
}

/// Keeps somebody out of a restricted incident, whatever their role.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    /// Who: `person:NAME`, somebody else than who does it.
    pub person: String,
    /// Why they are kept out, on one line.
    pub reason: String,
}

impl Step<Incident> for Exclude {
    const ACTION: &'static str = "incident.exclude";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        at.person("person", &self.person)?;
        if self.person == at.by().as_str() {
            let why = "nobody excludes themselves: another person does it";
            return Err(Error::conflict(why));
        }
        if row.lead.as_deref() == Some(self.person.as_str()) {
            let why = "this person leads it: say with `triage` who does from now on";
            return Err(Error::conflict(why));
        }
        at.tell("person", &self.person);
        row.need_to_know.exclude(&self.person, &self.reason, at.mark())?;
        let left = |one: &std::sync::Arc<kernel::authority::Principal>| {
            one.active
                && one.roles.iter().any(|role| ALWAYS.contains(&role.as_str()))
                && !row.need_to_know.excluded.iter().any(|named| named.person == one.id.as_str())
        };
        if !at.rights()?.principals().iter().any(left) {
            let why = "no security lead and no counsel would be left to see to it";
            return Err(Error::conflict(why));
        }
        Ok(())
    }
}

/// Lets everybody read an incident again whose role opens incidents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Why, on one line.
    pub reason: String,
}

impl Step<Incident> for Share {
    const ACTION: &'static str = "incident.share";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.need_to_know.share()
    }
}

/// Begins with whoever declares it, and restricted if a reason for that is stated.
pub(super) fn begin(row: &mut Incident, why: Option<&str>, at: &mut At<'_, '_>) -> Result<()> {
    let by = at.by().to_string();
    row.need_to_know.admit(&by, "declared it", at.mark())?;
    why.map_or(Ok(()), |why| restrict(row, why, at))
}

/// Whoever is given a part in an incident takes part in it.
pub(super) fn takes_part(row: &mut Incident, who: &str, why: &str, at: &At<'_, '_>) -> Result<()> {
    if row.need_to_know.excluded.iter().any(|one| one.person == who) {
        let why = format!("`{who}` is excluded from this incident: admit them, or name another");
        return Err(Error::conflict(why));
    }
    row.need_to_know.admit(who, why, at.mark())
}

fn restrict(row: &mut Incident, why: &str, at: &mut At<'_, '_>) -> Result<()> {
    let mark = at.mark();
    row.need_to_know.restrict(why, mark)?;
    // Whoever restricts what they may not read then would lock themselves out.
    let by = at.by().to_string();
    takes_part(row, &by, "restricted it", at)?;
    let lead = row.lead.iter().map(|lead| (lead.clone(), "leads it".to_owned()));
    let roles = row.roles.iter().map(|one| (one.person.clone(), format!("role {}", one.role)));
    let owners = row.tasks.iter().filter(|task| !task.settled());
    let owners =
        owners.filter_map(|task| Some((task.owner.clone()?, format!("task {}", task.number))));
    let all: Vec<_> = lead.chain(roles).chain(owners).collect();
    for (who, why) in all {
        if !row.need_to_know.excluded.iter().any(|one| one.person == who) {
            row.need_to_know.admit(&who, &why, at.mark())?;
        }
    }
    at.tell("readers", row.need_to_know.participants.len().to_string());
    Ok(())
}
