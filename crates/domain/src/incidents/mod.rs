//! Incidents: events that may affect confidentiality, integrity or availability; and what hangs on
//! them: playbooks, affected accounts, breaches with their clocks, orders that hold a
//! notice, contacts, notices.
//!
//! The moment of suspicion is stated once and never changes; from it runs a budget within which
//! somebody verifies or refutes, account by account. Verifying is the act of a named person, and
//! starts that account's clock, which is a row of its own: nothing that is found later moves it.
//! An incident closes only when everything required is done or excepted with a reason, every
//! account that was found is judged, and every verified one is notified or held by an order.
//!
//! Nothing here detects, pages or sends. Accounts are judged by people; what was found in the log
//! ([`affected`]) is where they begin to look.

pub mod affected;
pub mod breaches;
pub mod clock;
pub mod contacts;
mod duties;
pub mod file;
mod following;
pub mod holds;
mod judging;
mod knowing;
pub mod laws;
pub mod notices;
pub mod playbooks;
pub mod raising;
pub mod resorts;
mod room;
mod tasks;
pub mod templates;
pub mod whole;
mod words;

pub use duties::{DUTY, NoteDuty};
pub use room::{INVESTIGATE, NoteOverdue, Overdue};
pub use tasks::Task;

pub(crate) use crate::oncall::{RESPONDERS, hex, responder};
pub(crate) use words::{fingerprint, header, language};

use crate::catalogue;
use crate::register::{
    At, Entry, Mark, NeedToKnow, Needs, Readers, Register, Row, Status, Tone, When, line, step,
};
use kernel::id::AccountId;
use kernel::{Error, Moment, Result};
use playbooks::{Planned, Playbook};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "IncidentClass")]
pub enum Class {
    /// Unauthorised access to Service Data, or its improper disclosure.
    Breach,
    /// Service Data is lost.
    Loss,
    /// Service Data is altered or destroyed in part.
    Corruption,
    /// The service or its data cannot be reached.
    Unavailability,
    /// Anything else that may affect security.
    Other,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Breach, Self::Loss, Self::Corruption, Self::Unavailability, Self::Other];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::Loss => "loss",
            Self::Corruption => "corruption",
            Self::Unavailability => "unavailability",
            Self::Other => "other",
        }
    }
}

/// Who does what in an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assigned {
    /// The role, such as `communications`.
    pub role: String,
    /// Who: `person:NAME`.
    pub person: String,
    /// Who assigned them, and when.
    pub mark: Mark,
}

/// What somebody did or decided, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    /// The words.
    pub text: String,
    /// Who, and when.
    pub mark: Mark,
}

/// An account that is not affected, as somebody judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refuted {
    /// The account, by its readable id.
    pub account: String,
    /// Why it is not affected.
    pub why: String,
    /// Who judged, and when.
    pub mark: Mark,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// What it is about.
    pub title: String,
    /// What kind of event it is.
    pub class: Class,
    /// How bad: 1 is the worst, 4 the mildest.
    pub severity: u8,
    /// Who or what noticed it.
    pub source: String,
    /// When it was first suspected. This never changes.
    pub suspected_at: When,
    /// By when somebody verifies or refutes that an account is affected.
    pub investigate_by: When,
    /// The playbooks that are followed.
    pub playbooks: Vec<String>,
    /// Who triaged it last, and when.
    pub triaged: Option<Mark>,
    /// Who leads: `person:NAME`.
    pub lead: Option<String>,
    /// Who does what.
    pub roles: Vec<Assigned>,
    /// What is to be done.
    pub tasks: Vec<Task>,
    /// What was noted, oldest first; earlier notes are in the row's history.
    pub timeline: Vec<Said>,
    /// Questions about affected accounts that were asked, by their ids.
    pub scoped: Vec<String>,
    /// Accounts that are affected, as somebody verified; each is a row of `breaches`.
    pub verified: Vec<String>,
    /// Accounts that are not affected, as somebody judged.
    pub refuted: Vec<Refuted>,
    /// Orders that hold notices about it, by their ids.
    pub holds: Vec<String>,
    /// When it was noted that the investigation took too long, if it did.
    pub escalated: Option<When>,
    /// How it was kept from getting worse.
    pub contained: Option<Said>,
    /// What came of it, once it is closed.
    pub closed: Option<Said>,
    /// Clocks of laws by which authorities are told.
    #[serde(default)]
    pub duties: laws::Duties,
    /// Alerts that belong to it, by their ids, oldest first.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// Who may read it and what hangs on it.
    #[serde(default)]
    pub need_to_know: NeedToKnow,
}

/// Tasks of one incident.
const TASKS: usize = 200;
/// Notes kept in the row; earlier ones are in its history.
const NOTES: usize = 200;
/// Alerts that the row names, the first ones; more name the incident themselves.
const ALERTS: usize = 300;
/// Accounts that one incident verifies or refutes; beyond it an incident is declared anew, because
/// every version of the row holds them all.
const ACCOUNTS: usize = 2000;

impl Incident {
    /// An incident of which nothing is known but that it is suspected.
    pub(crate) fn begun(
        title: String,
        class: Class,
        severity: u8,
        source: String,
        suspected_at: When,
        investigate_by: When,
    ) -> Self {
        Self {
            title,
            class,
            severity,
            source,
            suspected_at,
            investigate_by,
            playbooks: vec![],
            triaged: None,
            lead: None,
            roles: vec![],
            tasks: vec![],
            timeline: vec![],
            scoped: vec![],
            verified: vec![],
            refuted: vec![],
            holds: vec![],
            escalated: None,
            contained: None,
            closed: None,
            duties: laws::Duties::default(),
            alerts: vec![],
            need_to_know: NeedToKnow::default(),
        }
    }

    /// Adds to the timeline; what is too old for the row stays in its history.
    pub(crate) fn tells(&mut self, said: Said) {
        self.timeline.push(said);
        if self.timeline.len() > NOTES {
            self.timeline.remove(0);
        }
    }

    /// An alert belongs to it.
    pub(crate) fn alerted(&mut self, alert: &str) {
        if self.alerts.len() < ALERTS && !self.alerts.iter().any(|known| known == alert) {
            self.alerts.push(alert.to_owned());
        }
    }

    /// Whether the budget of the investigation is over, and nobody has judged anything.
    pub fn overdue(&self, now: Moment) -> bool {
        self.closed.is_none() && !self.judged() && self.investigate_by.0 <= now
    }

    /// Whether somebody verified or refuted that an account is affected.
    pub fn judged(&self) -> bool {
        !self.verified.is_empty() || !self.refuted.is_empty()
    }

    /// Whether an account was judged: verified, or refuted.
    pub fn knows(&self, account: &str) -> bool {
        let refuted = self.refuted.iter().any(|one| one.account == account);
        refuted || self.verified.iter().any(|one| one == account)
    }

    fn open(&self) -> Result<()> {
        match self.closed {
            Some(_) => Err(Error::conflict("this incident is closed: declare another one")),
            None => Ok(()),
        }
    }

    fn follow(&mut self, name: &str, steps: &[Planned], from: Moment) -> Result<()> {
        if self.playbooks.iter().any(|known| known == name) {
            return Ok(());
        }
        if self.playbooks.len() >= 5 {
            return Err(Error::limit("an incident follows at most five playbooks"));
        }
        for one in steps {
            let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
            let holder = self.roles.iter().find(|assigned| assigned.role == one.role);
            let owner = holder.map(|assigned| assigned.person.clone());
            self.task(Task {
                number: 0,
                title: one.title.clone(),
                phase: Some(one.phase),
                role: Some(one.role.clone()),
                owner,
                due: one.within_hours.map(|within| When(from.after(hours(within)))),
                required: one.required,
                finding: None,
                answer: one.answer,
                done: None,
                excepted: None,
            })?;
        }
        self.playbooks.push(name.to_owned());
        Ok(())
    }

    /// Writes into the timeline what happened by itself.
    pub(crate) fn noted(&mut self, text: String, at: Moment) {
        let mark = Mark { by: "kernel".to_owned(), at: When(at) };
        self.tells(Said { text, mark });
    }

    fn task(&mut self, task: Task) -> Result<()> {
        if self.tasks.len() >= TASKS {
            return Err(Error::limit(format!("an incident has at most {TASKS} tasks")));
        }
        let number = self.tasks.iter().map(|one| one.number).max().unwrap_or(0) + 1;
        self.tasks.push(Task { number, ..task });
        Ok(())
    }
}

/// An incident to be declared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIncident {
    /// What it is about, on one line.
    pub title: String,
    /// What kind of event it is, as far as that is known.
    pub class: Class,
    /// How bad: 1 is the worst, 4 the mildest.
    pub severity: u8,
    /// Who or what noticed it, on one line.
    pub source: String,
    /// When it was first suspected, not later than now; now if nothing is stated.
    pub suspected_at: Option<When>,
    /// The playbook that is followed, by its name.
    pub playbook: Option<String>,
    /// Why only those who take part may read it; nothing if everybody may whose role opens
    /// incidents. Whoever declares it takes part.
    pub need_to_know: Option<String>,
}

impl Row for Incident {
    const NOUN: &'static str = "incident";
    const REGISTER: &'static str = "incidents";
    const FORMAT: &'static str = "incident/v1";
    const ADD: &'static str = "incident.add";
    const READ: &'static str = "incident.read";
    const LIST: &'static str = "incident.list";
    const RESTRICTED: bool = true;
    type New = NewIncident;

    fn needs(new: &NewIncident, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)?;
        needs.row::<laws::Laws>(laws::CURRENT)?;
        followed(new.playbook.as_deref(), needs)
    }

    fn add(new: &NewIncident, at: &mut At<'_, '_>) -> Result<Self> {
        let suspected_at = new.suspected_at.unwrap_or(When(at.now()));
        if suspected_at.0 > at.now() {
            let why = "a suspicion is not later than now: leave it out if it is new";
            return Err(Error::invalid("suspected_at", why));
        }
        let hours = catalogue::parameters(at)?.investigation_hours;
        let investigate_by = suspected_at.0.after(Duration::from_secs(u64::from(hours) * 3600));
        let (title, source) = (line("title", &new.title, 200)?, line("source", &new.source, 200)?);
        let by = When(investigate_by);
        let severity = severity(new.severity)?;
        let mut row = Self::begun(title, new.class, severity, source, suspected_at, by);
        row.duties = duties::of(at)?;
        duties::start(&mut row, at)?;
        if let Some(name) = &new.playbook {
            row.follow(name, &approved(name, at)?, at.now())?;
        }
        knowing::begin(&mut row, new.need_to_know.as_deref(), at)?;
        at.tell("class", new.class.word());
        at.later(investigate_by, INVESTIGATE, at.id().to_owned());
        Ok(row)
    }

    fn readers(&self) -> Readers<'_> {
        Readers::Named(&self.need_to_know)
    }

    fn status(&self, now: Moment) -> Status {
        let lead = self.lead.as_deref().unwrap_or("responder");
        if self.closed.is_some() {
            return following::status(self, now);
        }
        if self.overdue(now) {
            let what = "the investigation takes too long: verify or refute, account by account";
            let overdue = Status::of("overdue", Tone::Bad).what(what);
            return overdue.due(self.investigate_by.0).who(lead);
        }
        if let Some(task) = self.tasks.iter().find(|task| task.overdue(now)) {
            let late = Status::of("late", Tone::Bad).what(format!("not done: {}", task.title));
            let due = task.due.map_or(now, |due| due.0);
            return late.due(due).who(task.owner.as_deref().unwrap_or(lead));
        }
        if let Some(clock) = self.duties.open().find(|clock| clock.due.0 <= now) {
            let what = format!("{}: {} was due, and is not reported", clock.law, clock.phase);
            return Status::of("late", Tone::Bad).what(what).due(clock.due.0).who(lead);
        }
        if self.lead.is_none() {
            let what = "nobody leads it yet: triage it";
            let new = Status::of("declared", Tone::Due).what(what).who(lead);
            return new.due(self.investigate_by.0);
        }
        if !self.judged() {
            let what = "verify or refute, account by account";
            let open = Status::of("investigating", Tone::Due).what(what).who(lead);
            return open.due(self.investigate_by.0);
        }
        let left = self.tasks.iter().filter(|task| task.required && !task.settled()).count();
        let word = if self.contained.is_some() { "contained" } else { "responding" };
        let what =
            format!("required tasks left: {left}; accounts affected: {}", self.verified.len());
        Status::of(word, Tone::Due).what(what).who(lead)
    }
}

fn severity(severity: u8) -> Result<u8> {
    match severity {
        1..=4 => Ok(severity),
        _ => Err(Error::invalid("severity", "state 1 (the worst) to 4 (the mildest)")),
    }
}

fn followed(playbook: Option<&str>, needs: &mut Needs<'_>) -> Result<()> {
    playbook.map_or(Ok(()), |name| needs.row::<Playbook>(name))
}

/// The steps of a playbook that may be followed.
fn approved(name: &str, at: &At<'_, '_>) -> Result<Vec<Planned>> {
    let kept = at.named::<Playbook>("playbook", name)?;
    if !kept.row.counts() {
        let why =
            format!("playbook `{name}` is not approved as it stands: approve it, or leave it out");
        return Err(Error::invalid("playbook", why));
    }
    Ok(kept.row.steps)
}

/// Declares nothing, but checks that a readable id is that of an account.
pub(crate) fn account(field: &'static str, id: &str, needs: &Needs<'_>) -> Result<()> {
    let known = AccountId::parse(id).and_then(|id| needs.kernel.slot(&id));
    known.map(|_| ()).map_err(|_| {
        let id = kernel::id::shown(id);
        Error::invalid(field, format!("there is no account `{id}`: state its readable id"))
    })
}

/// The provider's own person who acts, for what only a named person decides.
///
/// # Errors
/// `Forbidden` for anybody else.
pub(crate) fn judge(at: &At<'_, '_>, what: &str) -> Result<Mark> {
    let by = at.rights()?.principal(at.by());
    let own = |one: &std::sync::Arc<kernel::authority::Principal>| {
        one.id.parts().0 == "person" && one.vendor.is_none() && one.active
    };
    match by.filter(own) {
        Some(_) => Ok(at.mark()),
        None => Err(Error::forbidden(format!("{what} is the act of a person of the provider"))),
    }
}

const STEPS: &[Entry] = &[
    step::<Incident, room::Triage>("triage", "Says what it is, how bad, and who leads"),
    step::<Incident, room::Assign>("assign", "Gives a role in it to somebody"),
    step::<Incident, room::Plan>("task", "Adds something to be done"),
    step::<Incident, room::Done>("done", "Says that a task is done, and what came of it"),
    step::<Incident, room::Except>("except", "Says why a task is not done"),
    step::<Incident, following::FollowUp>(
        "follow-up",
        "Makes a task of what was found; it may be closed",
    ),
    step::<Incident, room::Note>("note", "Writes into the timeline"),
    step::<Incident, judging::Scope>("scope", "Asks the log which accounts somebody touched"),
    step::<Incident, judging::Verify>("verify", "Verifies that an account is affected"),
    step::<Incident, judging::Refute>("refute", "Judges that accounts are not affected"),
    step::<Incident, duties::Report>("report", "Enters that an authority was told"),
    step::<Incident, knowing::Restrict>("restrict", "Lets only those read it who take part"),
    step::<Incident, knowing::Admit>("admit", "Lets somebody take part"),
    step::<Incident, knowing::Exclude>("exclude", "Keeps somebody out, whatever their role"),
    step::<Incident, knowing::Share>("share", "Lets everybody read it whose role opens incidents"),
    step::<Incident, room::Contain>("contain", "Says how it was kept from getting worse"),
    step::<Incident, room::Close>("close", "Closes it, once nothing is left to do"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Incident>(
    "incidents",
    "Events that may affect confidentiality, integrity or availability, and what is done then",
)
.serves(&["E1.6", "E4.1", "E4.6"])
.first("Declare an incident as soon as there is a suspicion, with what is known")
.columns(&["title", "class", "severity", "lead", "suspected_at"])
.steps(STEPS);
