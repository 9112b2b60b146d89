//! What was found in an incident becomes a task that outlives it: with an owner, a day, and
//! evidence when it is done. One that is overdue stands on the board, under E4.1, whether or not
//! the incident is closed.

use super::knowing::takes_part;
use super::{Incident, Task};
use crate::register::{At, Status, Step, Tone, When, line};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Makes a task of what was found in an incident.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// What was found, on one line.
    pub finding: String,
    /// What is to be done about it, on one line.
    pub title: String,
    /// Who does it: `person:NAME`.
    pub owner: String,
    /// By when, later than now.
    pub due: When,
}

impl Step<Incident> for FollowUp {
    const ACTION: &'static str = "incident.follow-up";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        at.person("owner", &self.owner)?;
        if self.due.0 <= at.now() {
            return Err(Error::invalid("due", "state a moment later than now"));
        }
        takes_part(row, &self.owner, "has a task", at)?;
        row.task(Task {
            number: 0,
            title: line("title", &self.title, 200)?,
            phase: None,
            role: None,
            owner: Some(self.owner.clone()),
            due: Some(self.due),
            required: false,
            finding: Some(line("finding", &self.finding, 300)?),
            answer: None,
            done: None,
            excepted: None,
        })
    }
}

/// What a closed incident is: over, or followed up.
pub(super) fn status(row: &Incident, now: Moment) -> Status {
    let open = row.tasks.iter().filter(|task| task.finding.is_some() && !task.settled());
    let Some(first) = open.min_by_key(|task| task.due) else {
        return Status::of("closed", Tone::Past);
    };
    let what = format!("closed, and to be done: {}", first.title);
    let status = match first.overdue(now) {
        true => Status::of("late", Tone::Bad),
        false => Status::of("followed-up", Tone::Due),
    };
    let status = status.what(what).who(first.owner.as_deref().unwrap_or("responder"));
    first.due.map_or(status.clone(), |due| status.due(due.0))
}
