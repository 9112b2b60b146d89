//! Pages: what somebody is woken for, whom it was tried to reach, and who answered.
//!
//! A page is raised in the same commit as what it is about ([`raise`]), and once: one subject,
//! place and key make one row. From there it goes by jobs: [`STEP`] takes a step of the
//! [ladder](super::ladders) and leaves a [`SEND`] for each channel of each person; whoever has a
//! network takes those. Every page ends acknowledged, or at its last resort and says so.
//!
//! Exactly one sender: an attempt is claimed in the store, with a lease and a number that grows,
//! before anything leaves. A crash between sending and recording leaves it unknown: it is sent
//! again with the same identifier and says that it may be a repetition. Rather twice than not at
//! all; and nothing is marked as sent that nobody took.
//!
//! Channels that know more than pages are told afterwards that somebody has it, and that it is over
//! ([`FOLLOW`]).
//!
//! Does not: send; that is for whoever runs the jobs.

mod answering;
mod claiming;
mod following;
mod pacing;
mod sending;
mod stepping;

pub use answering::{Acknowledge, Answering, ByLink};
pub use claiming::{Claim, Claimed, Envelope};
pub use following::FOLLOW;
pub use pacing::TOGETHER;
pub use sending::{Report, Reporting, SEND, Sent, together};
pub use stepping::{RaisePage, Raising, STEP, Stepped, TakeStep};

use super::channels::Way;
use super::hex;
use crate::register::{
    self, At, Entry, Kept, Mark, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::{Act, Error, HOUSE, Kernel, Moment, Result, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PageSubject")]
pub enum Subject {
    /// An incident.
    Incident,
    /// The clock of a notice.
    Clock,
    /// A notice that does not arrive.
    Notice,
    /// What detection found.
    Alert,
    /// A gap in the rota, or somebody who stands twice.
    Gap,
    /// A channel that does not bring pages any more.
    Channel,
    /// A test.
    Test,
}

impl Subject {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Clock => "clock",
            Self::Notice => "notice",
            Self::Alert => "alert",
            Self::Gap => "gap",
            Self::Channel => "channel",
            Self::Test => "test",
        }
    }
}

/// How urgent a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PageSeverity")]
pub enum Severity {
    /// Somebody is woken.
    High,
    /// It can wait for the day; the ladder `low` counts, where there is one.
    Low,
}

/// What a channel is told of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PageEvent")]
pub enum Event {
    /// That somebody is paged.
    #[default]
    Raised,
    /// That somebody answered.
    Acknowledged,
    /// What came of it is said: it is over.
    Resolved,
}

impl Event {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PageOutcome")]
pub enum Outcome {
    /// The other side took it.
    Accepted,
    /// The other side did not take it.
    Refused,
    /// Nobody answered.
    Unreachable,
}

/// One attempt to bring a page by a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageAttempt")]
pub struct Attempt {
    /// The number of the claim it was made under.
    pub claim: u32,
    /// When.
    pub at: When,
    /// How it ended.
    pub outcome: Outcome,
    /// What the other side said.
    pub reply: String,
}

/// Who makes an attempt, so that nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageClaim")]
pub struct Held {
    /// The server, by its name.
    pub node: String,
    /// Which start of it.
    pub boot: String,
    /// First moment at which another may make it.
    pub until: When,
    /// It grows with each claim; what is recorded under an older one does not count.
    pub number: u32,
}

/// One page for one person by one channel, or what the channel is told of it afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageTry")]
pub struct Try {
    /// Its number in the page, from 1.
    pub number: u32,
    /// The step of the ladder that made it.
    pub step: u32,
    /// Who is paged: `person:NAME`.
    pub person: String,
    /// The channel, by its id.
    pub channel: String,
    /// How.
    pub way: Way,
    /// What it tells.
    #[serde(default)]
    pub event: Event,
    /// SHA-256 of the secret of its link; nothing for what is told afterwards.
    pub link: String,
    /// When it was made.
    pub made: When,
    /// Who makes the attempt, and for how long.
    pub claim: Option<Held>,
    /// Whether an attempt was claimed whose end nobody recorded: it may arrive twice.
    pub unknown: bool,
    /// Every attempt that ended, oldest first.
    pub attempts: Vec<Attempt>,
    /// When the other side took it, if it did.
    pub sent: Option<When>,
}

impl Try {
    /// Whether every attempt was made, and none succeeded.
    pub fn given_up(&self) -> bool {
        self.sent.is_none() && self.attempts.len() >= sending::attempts(self.event)
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageStep")]
pub struct Taken {
    /// Its number in the ladder, from 0; from the number of its steps on, it is the last resort.
    pub step: u32,
    /// When.
    pub at: When,
    /// Who was paged; nobody where the step was passed over.
    pub people: Vec<String>,
    /// Why it was passed over, if it was.
    pub passed: Option<String>,
}

/// That somebody answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageAnswer")]
pub struct Answer {
    /// Who: `person:NAME`.
    pub by: String,
    /// When.
    pub at: When,
    /// How: `link`, or `console` and `command`, which are one.
    pub how: String,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// What it is about.
    pub subject: Subject,
    /// The row it is about, such as `incidents/incident-1`.
    pub about: String,
    /// What makes it another page about the same.
    pub key: String,
    /// How urgent.
    pub severity: Severity,
    /// What happened, on one line. It leaves by channels of others, and names no account.
    pub title: String,
    /// Who is paged before the ladder, if anybody.
    pub first: Vec<String>,
    /// Steps taken or passed over, oldest first.
    pub steps: Vec<Taken>,
    /// The number of the next step.
    pub next: u32,
    /// Who was paged, by which channels, and what became of it.
    pub tries: Vec<Try>,
    /// When the last resort had been paged for the last time, and nobody had answered.
    pub exhausted: Option<When>,
    /// Who answered.
    pub acknowledged: Option<Answer>,
    /// What came of it.
    pub resolved: Option<Resolved>,
}

/// What came of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageResolved")]
pub struct Resolved {
    /// The words.
    pub text: String,
    /// Who, and when.
    pub mark: Mark,
}

impl Page {
    /// Whether nobody has to be paged any more.
    pub fn settled(&self) -> bool {
        self.acknowledged.is_some() || self.resolved.is_some()
    }

    /// The try of this number.
    ///
    /// # Errors
    /// `Internal` if there is none.
    fn numbered(&mut self, number: u32) -> Result<&mut Try> {
        let found = self.tries.iter_mut().find(|one| one.number == number);
        found.ok_or_else(|| Error::internal("a page for nobody"))
    }

    /// The oldest attempt that should have been made and was not, from when on.
    pub fn unsent(&self) -> Option<When> {
        let pages = self.tries.iter().filter(|one| one.event == Event::Raised);
        let open = pages.filter(|one| one.sent.is_none() && !one.given_up());
        open.map(|one| one.made).min().filter(|_| !self.settled())
    }
}

/// A page to be raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// What it is about.
    pub subject: Subject,
    /// The row it is about.
    pub about: String,
    /// What makes it another page about the same, such as `75` for a warning.
    pub key: String,
    /// How urgent.
    pub severity: Severity,
    /// What happened, on one line, without the name of an account.
    pub title: String,
    /// Who is paged before the ladder, if anybody.
    pub first: Vec<String>,
}

impl Raise {
    /// The id of its row: the same for the same subject, place and key.
    pub fn id(&self) -> String {
        let whole = format!("{}\n{}\n{}", self.subject.word(), self.about, self.key);
        let hash = hex(&kernel::digest(whole.as_bytes()));
        format!("page-{}", hash.get(..24).unwrap_or_default())
    }

    fn row(&self) -> Page {
        let title: String = self.title.chars().filter(|c| !c.is_control()).take(200).collect();
        Page {
            subject: self.subject,
            about: self.about.clone(),
            key: self.key.clone(),
            severity: self.severity,
            title,
            first: self.first.clone(),
            steps: vec![],
            next: 0,
            tries: vec![],
            exhausted: None,
            acknowledged: None,
            resolved: None,
        }
    }
}

/// Raises a page within an operation of a noun below, under its own action and in its commit.
/// Answers whether it is new: the same was raised before otherwise, and nothing is done.
///
/// # Errors
/// `Internal` if `house` is not among what the operation declared.
pub fn raise<A: Act>(kernel: &Kernel, work: &mut Work<'_>, new: &Raise) -> Result<bool> {
    let id = new.id();
    let allowed = work.load_late::<A>(&register::key::<Kept<Page>>(kernel, &id)?)?;
    if allowed.version() > 0 {
        return Ok(false);
    }
    let added = Mark { by: work.caller().principal.to_string(), at: When(work.now()) };
    let kept = Kept { format: Page::FORMAT.to_owned(), id, added, row: new.row() };
    let fields = vec![("page", new.subject.word().to_owned()), ("about", new.about.clone())];
    work.save(allowed, register::body(&kept)?, fields)?;
    work.later(work.now(), HOUSE, STEP, &stepping::object(&kept.id, 0));
    Ok(true)
}

/// As [`raise`], within a step of a register.
///
/// # Errors
/// As [`raise`].
pub fn raise_at(at: &mut At<'_, '_>, new: &Raise) -> Result<bool> {
    let id = new.id();
    if at.late::<Page>(&id)?.is_some() {
        return Ok(false);
    }
    let kept = at.fresh(&id, new.row());
    at.save(&kept)?;
    at.later(at.now(), STEP, stepping::object(&id, 0));
    Ok(true)
}

/// A page that somebody raises by hand.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPage {
    /// What happened, on one line. It leaves by channels of others: name no account.
    pub title: String,
    /// Whether it is a test of the way, which somebody has to acknowledge all the same.
    #[serde(default)]
    pub test: bool,
    /// How urgent.
    pub severity: Severity,
}

impl Row for Page {
    const NOUN: &'static str = "page";
    const REGISTER: &'static str = "pages";
    const FORMAT: &'static str = "page/v1";
    const ADD: &'static str = "page.add";
    const READ: &'static str = "page.read";
    const LIST: &'static str = "page.list";
    type New = NewPage;

    fn add(new: &NewPage, at: &mut At<'_, '_>) -> Result<Self> {
        let title = line("title", &new.title, 200)?;
        let subject = if new.test { Subject::Test } else { Subject::Alert };
        at.later(at.now(), STEP, stepping::object(at.id(), 0));
        at.tell("page", subject.word());
        let (about, key) = (String::new(), at.id().to_owned());
        let raise = Raise { subject, about, key, severity: new.severity, title, first: vec![] };
        Ok(raise.row())
    }

    fn status(&self, now: Moment) -> Status {
        if self.resolved.is_some() {
            return Status::of("resolved", Tone::Past);
        }
        if let Some(answer) = &self.acknowledged {
            return match self.subject {
                Subject::Test => Status::of("answered", Tone::Past),
                _ => Status::of("acknowledged", Tone::Due)
                    .what("say what came of it")
                    .who(&answer.by),
            };
        }
        if self.exhausted.is_some() {
            let what = "nobody answered, up to the last resort: reach somebody in another way";
            return Status::of("unanswered", Tone::Bad).what(what).due(now);
        }
        let last = self.steps.iter().rev().find_map(|step| step.people.first());
        let who = last.map_or("responder", String::as_str);
        Status::of("paging", Tone::Bad).what("acknowledge it").who(who)
    }
}

/// Says what came of a page.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// What came of it.
    pub outcome: String,
}

impl Step<Page> for Resolve {
    const ACTION: &'static str = "page.resolve";

    fn apply(&self, row: &mut Page, at: &mut At<'_, '_>) -> Result<()> {
        if row.resolved.is_some() {
            return Err(Error::conflict("it is said already what came of this page"));
        }
        let text = prose("outcome", &self.outcome, 1000)?;
        row.resolved = Some(Resolved { text, mark: at.mark() });
        following::leave(row, at);
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Page, Acknowledge>("acknowledge", "Says that you have it: nobody else is paged for it"),
    step::<Page, Resolve>("resolve", "Says what came of it"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Page>(
    "incidents",
    "What people are woken for, whom it was tried to reach, and who answered",
)
.serves(&["E1.2", "E1.6", "E4.3"])
.first("Page whoever is on call by hand, or test the way there")
.columns(&["subject", "title", "severity", "acknowledged"])
.steps(STEPS);
