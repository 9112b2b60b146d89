//! Notices: what an account is told about an incident, by whom, to whom, and whether it arrived.
//!
//! The text is filled in and frozen with its hash when it is written, once for each language of its
//! receivers; other people approve it, as many as the catalogue says, or the named last resort
//! releases it when they cannot be reached; then one letter goes to each contact, by a job. Every
//! attempt is kept with what the other side said, and an attempt that did not succeed is repeated
//! for some hours. An account counts as notified when the letter was accepted for every contact, or
//! another way of delivery is documented; a letter that comes back takes that back. A contact can
//! acknowledge by a link, which is a secret of its own; only its hash is kept here.
//!
//! Content may come in phases: each notice has a number, a later one names the first, and it can
//! promise when the next one follows. While an order holds the account's clock, nothing is sent.
//! Sending itself is the business of whoever runs the jobs ([`SEND`]).

mod approving;
mod chasing;
mod choosing;
mod giving;
mod returning;
mod sending;
mod writing;

pub(super) use approving::APPROVERS;
pub use approving::{Approve, Release};
pub use chasing::{Chase, Chased, Summons};
pub use giving::{Deliver, Readdress, Send, Withdraw};
pub use returning::{Came, Fate, NoteReturn, Report, Returned, addressee, return_token};
pub use sending::{Acknowledged, Attempted, Envelope, Letter, ReadIt, SEND, Seen, Tried};
pub(super) use writing::spelled;

use super::Incident;
use super::breaches::{self, Breach};
use super::contacts::Contact;
use super::templates::Template;
use crate::catalogue;
use crate::register::{At, Entry, Mark, Needs, Readers, Register, Row, Status, Tone, When, step};
use choosing::{called, contact, drafts};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use writing::Values;

/// How an attempt to deliver a letter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "NoticeOutcome")]
pub enum Outcome {
    /// The other side took it.
    Accepted,
    /// The other side did not take it.
    Refused,
    /// Nobody answered.
    Unreachable,
}

/// One attempt to deliver a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeAttempt")]
pub struct Attempt {
    /// When.
    pub at: When,
    /// How it ended.
    pub outcome: Outcome,
    /// What the other side said.
    pub reply: String,
}

/// A contact that a notice goes to, as it was when the notice was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receiver {
    /// The contact, by its id.
    pub contact: String,
    /// Who it is.
    pub name: String,
    /// The address.
    pub email: String,
    /// SHA-256 of the secret of the link by which it is acknowledged, once it was sent.
    pub link: Option<String>,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
    /// When the other side took it, if it did.
    pub accepted: Option<When>,
    /// When the contact acknowledged it, if it did.
    pub acknowledged: Option<When>,
    /// The language of the text that it gets; the notice's first one if there is none.
    #[serde(default)]
    pub language: Option<String>,
    /// What came back about the letter after it was accepted, oldest first.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// When a letter that was accepted came back for good, if it did.
    #[serde(default)]
    pub failed: Option<When>,
    /// The contact that is written to instead, by its id.
    #[serde(default)]
    pub replaced: Option<String>,
}

impl Receiver {
    fn of(contact: crate::register::Kept<Contact>, language: Option<String>) -> Self {
        Self {
            contact: contact.id,
            name: contact.row.name,
            email: contact.row.email,
            link: None,
            attempts: vec![],
            accepted: None,
            acknowledged: None,
            language,
            reports: vec![],
            failed: None,
            replaced: None,
        }
    }

    /// Whether every attempt was made, and none succeeded.
    pub fn given_up(&self) -> bool {
        self.accepted.is_none() && self.attempts.len() >= sending::ATTEMPTS
    }

    /// Whether the letter does not reach this contact, and nobody else is written to instead.
    pub fn lost(&self) -> bool {
        let lost = self.given_up() || self.failed.is_some();
        lost && self.acknowledged.is_none() && self.replaced.is_none()
    }

    /// Whether the contact has it, as far as anybody knows; or another one is asked instead.
    pub fn has_it(&self) -> bool {
        let taken = self.accepted.is_some() && self.failed.is_none();
        taken || self.acknowledged.is_some() || self.replaced.is_some()
    }

    /// Whether the mailbox has it, by a report of the other side (RFC 3464).
    pub fn delivered(&self) -> Option<When> {
        self.reports.iter().find(|one| one.fate == Fate::Delivered).map(|one| one.at)
    }
}

/// A text of a notice, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeText")]
pub struct Text {
    /// Its language, as BCP 47 has it; none if it was not stated.
    pub language: Option<String>,
    /// The version of the template that it was made from, if it was.
    pub version: Option<u32>,
    /// The subject.
    pub subject: String,
    /// The text, as it is sent.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

/// That an account counted as told by this notice, and does not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeReopened")]
pub struct Reopened {
    /// When it had reached whom it had to reach.
    pub notified: When,
    /// When that was taken back.
    pub at: When,
    /// Why.
    pub reason: String,
}

/// How a notice was given in another way than by letter to every contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// By which way.
    pub way: Way,
    /// What shows it, such as the number of a registered letter.
    pub evidence: String,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// Another way of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A registered letter.
    Post,
    /// The account's own page, seen by its administrator.
    Portal,
    /// A courier or a visit.
    Courier,
    /// A call, with somebody who can act for the account.
    Telephone,
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The incident, by its id.
    pub incident: String,
    /// The account, by its readable id.
    pub account: String,
    /// Its number among the notices to this account about this incident, from 1.
    pub number: u32,
    /// The subject.
    pub subject: String,
    /// The text, as it is sent.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// Who wrote it, and when.
    pub written: Mark,
    /// To whom it goes.
    pub receivers: Vec<Receiver>,
    /// Who approved it, and when.
    pub approved: Option<Mark>,
    /// Who sent it, and when.
    pub sent: Option<Mark>,
    /// Another way in which it was given, if it was.
    pub delivered: Option<Delivered>,
    /// When it had reached whom it had to reach.
    pub notified: Option<When>,
    /// Why it is not sent, if somebody decided that.
    pub withdrawn: Option<super::Said>,
    /// The language of the first text, as BCP 47 has it.
    #[serde(default)]
    pub language: Option<String>,
    /// The same in other languages.
    #[serde(default)]
    pub others: Vec<Text>,
    /// The template that it was made from, by its name.
    #[serde(default)]
    pub template: Option<String>,
    /// By when it promises the next notice.
    #[serde(default)]
    pub next_by: Option<When>,
    /// How many people besides its writer have to approve it.
    #[serde(default = "one")]
    pub needs: u32,
    /// Who approved it so far, each once.
    #[serde(default)]
    pub approvals: Vec<Mark>,
    /// When those who approve were called because they did not.
    #[serde(default)]
    pub chased: Vec<Chased>,
    /// Who released it as the last resort, and why, if somebody did.
    #[serde(default)]
    pub released: Option<super::Said>,
    /// When it counted as arrived and does not any more, oldest first.
    #[serde(default)]
    pub reopened: Vec<Reopened>,
}

/// Notices that are older than the field took one.
fn one() -> u32 {
    1
}

/// Contacts that one notice goes to, so that every attempt fits into its row.
const RECEIVERS: usize = 16;

impl Notice {
    fn live(&self) -> Result<()> {
        match self.withdrawn {
            Some(_) => Err(Error::conflict("this notice is withdrawn: write another one")),
            None => Ok(()),
        }
    }

    fn acknowledged(&self) -> Option<When> {
        self.receivers.iter().filter_map(|one| one.acknowledged).min()
    }

    /// Whether it may be given: enough people approved it, or the last resort released it.
    pub fn may_go(&self) -> bool {
        self.approved.is_some() || self.released.is_some()
    }

    /// Subject and text for a receiver.
    pub fn wording(&self, receiver: &Receiver) -> (&str, &str) {
        let of = |text: &&Text| text.language.is_some() && text.language == receiver.language;
        match self.others.iter().find(of) {
            Some(text) => (&text.subject, &text.text),
            None => (&self.subject, &self.text),
        }
    }

    /// Whether this moment is the one at which it has reached whom it had to reach.
    fn reached(&mut self, now: Moment) -> bool {
        let all = self.receivers.iter().all(Receiver::has_it);
        let some = self.sent.is_some() && all;
        if self.notified.is_some() || !(some || self.delivered.is_some()) {
            return false;
        }
        self.notified = Some(When(now));
        true
    }

    fn breach(&self) -> String {
        breaches::id(&self.incident, &self.account)
    }
}

/// A notice to be written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotice {
    /// The incident, by its id.
    pub incident: String,
    /// The account, by its readable id; it has to be verified in that incident.
    pub account: String,
    /// The template whose texts are used, in the language of each contact.
    pub template: Option<String>,
    /// Without a template: the subject, on one line; placeholders as in the text.
    pub subject: Option<String>,
    /// Without a template: the text. `{account}`, `{incident}`, `{verified}`, `{class}`,
    /// `{deadline}`, `{number}`, `{first}`, `{known}`, `{unknown}` and `{next}` are filled in;
    /// write a brace that stands for itself twice.
    pub text: Option<String>,
    /// What is known, if it is stated apart.
    pub known: Option<String>,
    /// What is not known yet.
    pub unknown: Option<String>,
    /// By when the next notice follows, later than now; that becomes a duty.
    pub next_by: Option<When>,
    /// The contacts it goes to, by their ids: verified ones of this account, up to 16.
    pub contacts: Vec<String>,
}

impl Row for Notice {
    const NOUN: &'static str = "notice";
    const REGISTER: &'static str = "notices";
    const FORMAT: &'static str = "notice/v1";
    const ADD: &'static str = "notice.add";
    const READ: &'static str = "notice.read";
    const LIST: &'static str = "notice.list";
    const RESTRICTED: bool = true;
    type New = NewNotice;

    fn needs(new: &NewNotice, needs: &mut Needs<'_>) -> Result<()> {
        if new.contacts.is_empty() || new.contacts.len() > RECEIVERS {
            let why = format!("name 1 to {RECEIVERS} verified contacts of the account");
            return Err(Error::invalid("contacts", why));
        }
        super::account("account", &new.account, needs)?;
        catalogue::need(needs)?;
        if let Some(name) = &new.template {
            needs.row::<Template>(name)?;
        }
        needs.row::<Incident>(&new.incident)?;
        needs.row::<Breach>(&breaches::id(&new.incident, &new.account))?;
        new.contacts.iter().try_for_each(|one| needs.row::<Contact>(one))
    }

    fn add(new: &NewNotice, at: &mut At<'_, '_>) -> Result<Self> {
        let incident = at.named::<Incident>("incident", &new.incident)?;
        let Some(mut breach) = at.find::<Breach>(&breaches::id(&new.incident, &new.account))?
        else {
            let why = "this account is not verified in that incident: verify it first";
            return Err(Error::invalid("account", why));
        };
        let update = breach.row.first().is_some();
        breach.row.wrote(at.id());
        let mut contacts = Vec::new();
        for (place, id) in new.contacts.iter().enumerate() {
            if !new.contacts.iter().take(place).any(|before| before == id) {
                contacts.push(contact(id, &new.account, at)?);
            }
        }
        let (drafts, receivers) = drafts(new, contacts, at)?;
        let values = Values::new(new, &incident.id, &breach.row, at.now())?;
        let (own, others) = called(&new.account, &incident.row, at)?;
        let mut texts = Vec::new();
        for draft in &drafts {
            texts.push(values.freeze(draft)?);
            values.about_nobody_else(draft, &own, &others)?;
        }
        let mut texts = texts.into_iter();
        let first = texts.next().ok_or_else(|| Error::internal("a notice without a text"))?;
        at.tell("incident", &incident.id);
        at.tell("account", &new.account);
        at.tell("text", &first.sha256);
        let numbers = catalogue::parameters(at)?;
        let needs = if update { numbers.update_approvals } else { numbers.notice_approvals };
        let row = Self {
            incident: incident.id,
            account: new.account.clone(),
            number: breach.row.notices,
            subject: first.subject,
            sha256: first.sha256,
            text: first.text,
            written: at.mark(),
            receivers,
            approved: None,
            sent: None,
            delivered: None,
            notified: None,
            withdrawn: None,
            language: first.language,
            others: texts.collect(),
            template: new.template.clone(),
            next_by: new.next_by,
            needs: needs.max(1),
            approvals: vec![],
            chased: vec![],
            released: None,
            reopened: vec![],
        };
        for text in &row.others {
            at.tell("further", &text.sha256);
        }
        chasing::watch(&row, &breach.row, at);
        at.save(&breach)?;
        Ok(row)
    }

    fn readers(&self) -> Readers<'_> {
        Readers::As(Incident::REGISTER, &self.incident)
    }

    fn status(&self, _now: Moment) -> Status {
        if self.withdrawn.is_some() {
            return Status::of("withdrawn", Tone::Past);
        }
        let lost = self.receivers.iter().find(|one| one.lost());
        if let (Some(lost), None, Some(_)) = (lost, self.notified, &self.sent) {
            let what = format!(
                "`{}` could not be reached: readdress it, or give it otherwise",
                lost.email
            );
            return Status::of("undelivered", Tone::Bad).what(what).who("responder");
        }
        if let Some(at) = self.acknowledged() {
            return Status::of("acknowledged", Tone::Good).what(format!("at {}", at.0.rfc3339()));
        }
        if self.notified.is_some() {
            return Status::of("notified", Tone::Good);
        }
        if !self.may_go() {
            return chasing::status(self);
        }
        if self.sent.is_none() {
            let word = if self.released.is_some() { "released" } else { "approved" };
            return Status::of(word, Tone::Due).what("send it").who(&self.written.by);
        }
        let have = self.receivers.iter().filter(|one| one.has_it()).count();
        let what = format!("accepted for {have} of {} contacts", self.receivers.len());
        Status::of("sending", Tone::Due).what(what)
    }
}

const STEPS: &[Entry] = &[
    step::<Notice, Approve>("approve", "Approves every text of it, as another person")
        .within("approvals"),
    step::<Notice, Release>("release", "Releases it unapproved, as the named last resort")
        .within("approvals"),
    step::<Notice, Send>("send", "Sends it to its contacts"),
    step::<Notice, Readdress>("readdress", "Writes to another contact instead of a lost one"),
    step::<Notice, Deliver>("deliver", "Documents that it was given in another way"),
    step::<Notice, Withdraw>("withdraw", "Withdraws it before it is sent"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Notice>(
    "incidents",
    "What affected accounts are told, to whom it went, and what became of each letter",
)
.serves(&["E4.4", "E4.7"])
.first("Write a notice to a verified account; others approve it, then it is sent")
.columns(&["incident", "account", "number", "notified"])
.steps(STEPS);
