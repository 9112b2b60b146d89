//! The work in an incident: triage, roles, tasks, timeline, containment, closing; and the note that
//! an investigation takes too long.

use super::affected::{Affected, Touched};
use super::breaches::{Breach, id};
use super::knowing::takes_part;
use super::{Assigned, Class, Incident, Said, Task, approved, followed, responder, severity};
use crate::oncall::pages::{Raise, Severity, Subject, raise};
use crate::register::{self, At, Kept, Mark, Needs, Step, When, act, line, prose};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Says what an incident is, how bad, and who leads.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    /// What kind of event it is.
    pub class: Class,
    /// How bad: 1 is the worst, 4 the mildest.
    pub severity: u8,
    /// Who leads: `person:NAME`, an active responder or security lead.
    pub lead: String,
    /// A playbook that is followed from now on, besides those that are.
    pub playbook: Option<String>,
}

impl Step<Incident> for Triage {
    const ACTION: &'static str = "incident.triage";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        followed(self.playbook.as_deref(), needs)
    }

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        responder("lead", &self.lead, at)?;
        takes_part(row, &self.lead, "leads it", at)?;
        if let Some(name) = &self.playbook {
            row.follow(name, &approved(name, at)?, at.now())?;
        }
        (row.class, row.severity) = (self.class, severity(self.severity)?);
        (row.lead, row.triaged) = (Some(self.lead.clone()), Some(at.mark()));
        if row.severity == 1 {
            row.duties.major.get_or_insert(When(at.now()));
        }
        super::duties::start(row, at)?;
        at.tell("class", self.class.word());
        at.tell("lead", &self.lead);
        Ok(())
    }
}

/// Gives a role in an incident to somebody.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// The role, as the playbook's steps name it.
    pub role: String,
    /// Who: `person:NAME`.
    pub person: String,
}

impl Step<Incident> for Assign {
    const ACTION: &'static str = "incident.assign";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        at.person("person", &self.person)?;
        let role = line("role", &self.role, 60)?;
        takes_part(row, &self.person, &format!("role {role}"), at)?;
        row.roles.retain(|one| one.role != role);
        if row.roles.len() >= 30 {
            return Err(Error::limit("an incident has at most 30 roles"));
        }
        let of_role =
            |task: &&mut Task| !task.settled() && task.role.as_deref() == Some(role.as_str());
        for task in row.tasks.iter_mut().filter(of_role) {
            task.owner = Some(self.person.clone());
        }
        row.roles.push(Assigned { role, person: self.person.clone(), mark: at.mark() });
        Ok(())
    }
}

/// Adds something to be done in an incident.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is to be done, on one line.
    pub title: String,
    /// Who does it: `person:NAME`.
    pub owner: String,
    /// By when, later than now.
    pub due: Option<When>,
    /// Whether the incident cannot be closed without it.
    #[serde(default)]
    pub required: bool,
}

impl Step<Incident> for Plan {
    const ACTION: &'static str = "incident.task";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        at.person("owner", &self.owner)?;
        takes_part(row, &self.owner, "has a task", at)?;
        if self.due.is_some_and(|due| due.0 <= at.now()) {
            return Err(Error::invalid("due", "state a moment later than now"));
        }
        row.task(Task {
            number: 0,
            title: line("title", &self.title, 200)?,
            phase: None,
            role: None,
            owner: Some(self.owner.clone()),
            due: self.due,
            required: self.required,
            finding: None,
            answer: None,
            done: None,
            excepted: None,
        })
    }
}

/// Says that a task is done.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The task's number.
    pub task: u32,
    /// What came of it.
    pub outcome: String,
    /// What shows it, for a task from a finding: a place, a hash, a change.
    pub evidence: Option<String>,
}

impl Step<Incident> for Done {
    const ACTION: &'static str = "incident.done";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        let mut text = prose("outcome", &self.outcome, 2000)?;
        let mark = at.mark();
        let task = unsettled(row, self.task, at)?;
        if let Some(evidence) = &self.evidence {
            text = format!("{text}; evidence: {}", prose("evidence", evidence, 1000)?);
        } else if task.finding.is_some() {
            let why = "say what shows it: a task from a finding is not closed on somebody's word";
            return Err(Error::invalid("evidence", why));
        }
        task.done = Some(Said { text, mark });
        Ok(())
    }
}

/// Says why a task is not done.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// The task's number.
    pub task: u32,
    /// Why it is not done.
    pub reason: String,
}

impl Step<Incident> for Except {
    const ACTION: &'static str = "incident.except";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        let text = prose("reason", &self.reason, 2000)?;
        let said = Said { text, mark: at.mark() };
        unsettled(row, self.task, at)?.excepted = Some(said);
        Ok(())
    }
}

fn unsettled<'r>(row: &'r mut Incident, number: u32, at: &mut At<'_, '_>) -> Result<&'r mut Task> {
    at.tell("task", number.to_string());
    let open = row.open();
    let task = row.tasks.iter_mut().find(|task| task.number == number);
    let task =
        task.ok_or_else(|| Error::invalid("task", "there is no task of this number in it"))?;
    // What was found outlives the incident.
    if task.finding.is_none() {
        open?;
    }
    match task.settled() {
        true => Err(Error::conflict("this task is settled already")),
        false => Ok(task),
    }
}

/// Writes into the timeline.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What was seen, done or decided.
    pub text: String,
}

impl Step<Incident> for Note {
    const ACTION: &'static str = "incident.note";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        row.tells(Said { text: prose("text", &self.text, 2000)?, mark: at.mark() });
        Ok(())
    }
}

/// Says how an incident was kept from getting worse.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contain {
    /// What was done.
    pub done: String,
}

impl Step<Incident> for Contain {
    const ACTION: &'static str = "incident.contain";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        row.contained = Some(Said { text: prose("done", &self.done, 2000)?, mark: at.mark() });
        Ok(())
    }
}

/// Closes an incident.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// What came of it, and what was learned.
    pub summary: String,
}

impl Step<Incident> for Close {
    const ACTION: &'static str = "incident.close";

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        let text = prose("summary", &self.summary, 4000)?;
        if let Some(why) = in_the_way(row, at)? {
            return Err(Error::conflict(why));
        }
        row.closed = Some(Said { text, mark: at.mark() });
        Ok(())
    }
}

/// What keeps an incident from being closed.
fn in_the_way(row: &Incident, at: &At<'_, '_>) -> Result<Option<String>> {
    if row.lead.is_none() {
        return Ok(Some("nobody leads it: triage it first".to_owned()));
    }
    if let Some(task) = row.tasks.iter().find(|task| task.required && !task.settled()) {
        let (number, title) = (task.number, &task.title);
        return Ok(Some(format!("task {number} (`{title}`) is neither done nor excepted")));
    }
    if let Some(clock) = row.duties.open().next() {
        let (law, phase) = (&clock.law, &clock.phase);
        return Ok(Some(format!("{law}: {phase} is not reported: `report` it, or why not")));
    }
    for scoped in &row.scoped {
        let Some(asked) = at.late::<Affected>(scoped)? else { continue };
        let Some(found) = &asked.row.found else {
            return Ok(Some("the log is still searched for affected accounts: wait".to_owned()));
        };
        let unjudged = |one: &&Touched| one.touched && !row.knows(&one.account);
        if let Some(one) = found.accounts.iter().find(unjudged) {
            let account = &one.account;
            return Ok(Some(format!("account `{account}` was found: verify or refute it")));
        }
    }
    for account in &row.verified {
        let Some(breach) = at.late::<Breach>(&id(at.id(), account))? else { continue };
        if breach.row.notified.is_none() && !breach.row.held(at.now()) {
            return Ok(Some(format!("account `{account}` is not notified yet")));
        }
    }
    Ok(None)
}

act!(
    /// An investigation took too long.
    Overdue, "incident.investigate", None, false
);

/// The job that looks whether a suspicion was investigated in time.
pub const INVESTIGATE: &str = "incident.investigate";

/// Notes that an investigation took too long, or that it did not.
pub struct NoteOverdue {
    kernel: Kernel,
    key: RecordKey,
}

impl NoteOverdue {
    /// For the incident that the job names.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let key = register::key::<Kept<Incident>>(kernel, object)?;
        Ok(Self { kernel: kernel.clone(), key })
    }
}

impl Operation for NoteOverdue {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Overdue::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Incident>, Overdue>(work, &self.key)?;
        let now = work.now();
        if !kept.row.overdue(now) {
            let fields = vec![("incident", kept.id), ("outcome", "in time".to_owned())];
            work.note(HOUSE, Overdue::ACTION.name, fields);
            return Ok(After::now(()));
        }
        kept.row.escalated = Some(When(now));
        let text = "the investigation takes too long: nothing was verified or refuted in its time";
        let mark = Mark { by: "kernel".to_owned(), at: When(now) };
        kept.row.timeline.push(Said { text: text.to_owned(), mark });
        let fields = vec![("outcome", "overdue".to_owned())];
        work.save(allowed, register::body(&kept)?, fields)?;
        let page = Raise {
            subject: Subject::Incident,
            about: format!("incidents/{}", kept.id),
            key: "investigate".to_owned(),
            severity: Severity::High,
            title: format!("{}: the investigation takes too long", kept.id),
            first: kept.row.lead.into_iter().collect(),
        };
        raise::<Overdue>(&self.kernel, work, &page)?;
        Ok(After::now(()))
    }
}
