//! What is to be done in an incident: steps of the playbooks that it follows, and what somebody
//! added.

use super::Said;
use super::playbooks::Phase;
use crate::answers;
use crate::register::When;
use kernel::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something to be done in an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its number in the incident.
    pub number: u32,
    /// What is to be done.
    pub title: String,
    /// When in an incident, for a step of the playbook.
    pub phase: Option<Phase>,
    /// The role that does it, for a step of the playbook.
    pub role: Option<String>,
    /// Who does it: `person:NAME`.
    pub owner: Option<String>,
    /// By when.
    pub due: Option<When>,
    /// Whether the incident cannot be closed without it.
    pub required: bool,
    /// What was found in the incident, if that is why it is to be done; it outlives the incident.
    #[serde(default)]
    pub finding: Option<String>,
    /// The answer that it gives, for such a step of the playbook.
    #[serde(default)]
    pub answer: Option<answers::Kind>,
    /// What came of it, once it is done.
    pub done: Option<Said>,
    /// Why it is not done, if somebody decided that.
    pub excepted: Option<Said>,
}

impl Task {
    /// Whether nothing is left to do about it.
    pub fn settled(&self) -> bool {
        self.done.is_some() || self.excepted.is_some()
    }

    /// Whether it should be done by now, is required or from a finding, and is not.
    pub fn overdue(&self, now: Moment) -> bool {
        let matters = self.required || self.finding.is_some();
        matters && !self.settled() && self.due.is_some_and(|due| due.0 <= now)
    }
}
