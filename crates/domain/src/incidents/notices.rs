//! Notices: what an account is told about an incident, by whom, to whom, and whether it arrived.
//!
//! The text is filled in and frozen with its hash when it is written; another person approves it;
//! then one letter goes to each contact, by a job. Every attempt is kept with what the other side
//! said, and an attempt that did not succeed is repeated for some hours. An account counts as
//! notified when the letter was accepted for every contact, or another way of delivery is
//! documented. A contact can acknowledge by a link, which is a secret of its own; only its hash is
//! kept here.
//!
//! Content may come in phases: each notice has a number. While an order holds the account's clock,
//! nothing is sent. Sending itself is the business of whoever runs the jobs ([`SEND`]).

mod sending;

pub use sending::{Acknowledged, Attempted, Envelope, Letter, ReadIt, SEND, Seen, Tried};

use super::breaches::{self, Breach, Notified};
use super::contacts::Contact;
use super::{Incident, fingerprint, hex};
use crate::register::{
    At, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Receiver {
    /// Whether every attempt was made, and none succeeded.
    pub fn given_up(&self) -> bool {
        self.accepted.is_none() && self.attempts.len() >= sending::ATTEMPTS
    }
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

    /// Whether this moment is the one at which it has reached whom it had to reach.
    fn reached(&mut self, now: Moment) -> bool {
        let all = self.receivers.iter().all(|one| one.accepted.is_some());
        if self.notified.is_some() || !(all || self.delivered.is_some()) {
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
    /// The subject, on one line; placeholders as in the text.
    pub subject: String,
    /// The text. `{account}`, `{incident}`, `{verified}`, `{class}`, `{deadline}` and `{number}`
    /// are filled in; write a brace that stands for itself twice.
    pub text: String,
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
    type New = NewNotice;

    fn needs(new: &NewNotice, needs: &mut Needs<'_>) -> Result<()> {
        if new.contacts.is_empty() || new.contacts.len() > RECEIVERS {
            let why = format!("name 1 to {RECEIVERS} verified contacts of the account");
            return Err(Error::invalid("contacts", why));
        }
        super::account("account", &new.account, needs)?;
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
        breach.row.notices += 1;
        let filled = |field, text: &str| filled(field, text, &incident.id, &breach.row);
        let subject = line("subject", &filled("subject", &new.subject)?, 200)?;
        let text = prose("text", &filled("text", &new.text)?, 20_000)?;
        let mut receivers: Vec<Receiver> = Vec::new();
        for id in &new.contacts {
            if receivers.iter().all(|one| one.contact != *id) {
                receivers.push(receiver(id, &new.account, at)?);
            }
        }
        at.tell("incident", &incident.id);
        at.tell("account", &new.account);
        let row = Self {
            incident: incident.id,
            account: new.account.clone(),
            number: breach.row.notices,
            subject,
            sha256: fingerprint(&text),
            text,
            written: at.mark(),
            receivers,
            approved: None,
            sent: None,
            delivered: None,
            notified: None,
            withdrawn: None,
        };
        at.tell("text", &row.sha256);
        at.save(&breach)?;
        Ok(row)
    }

    fn status(&self, _now: Moment) -> Status {
        if self.withdrawn.is_some() {
            return Status::of("withdrawn", Tone::Past);
        }
        if let Some(at) = self.acknowledged() {
            return Status::of("acknowledged", Tone::Good).what(format!("at {}", at.0.rfc3339()));
        }
        if self.notified.is_some() {
            return Status::of("notified", Tone::Good);
        }
        if self.approved.is_none() {
            let what = "a second person reads and approves it";
            return Status::of("unapproved", Tone::Due).what(what).who("approver");
        }
        if self.sent.is_none() {
            return Status::of("approved", Tone::Due).what("send it").who(&self.written.by);
        }
        if let Some(lost) = self.receivers.iter().find(|one| one.given_up()) {
            let what = format!("`{}` could not be reached: give it in another way", lost.email);
            return Status::of("undelivered", Tone::Bad).what(what).who("responder");
        }
        let have = self.receivers.iter().filter(|one| one.accepted.is_some()).count();
        let what = format!("accepted for {have} of {} contacts", self.receivers.len());
        Status::of("sending", Tone::Due).what(what)
    }
}

fn receiver(id: &str, account: &str, at: &At<'_, '_>) -> Result<Receiver> {
    let contact = at.named::<Contact>("contacts", id)?;
    if contact.row.account != account {
        return Err(Error::invalid("contacts", format!("`{id}` is a contact of another account")));
    }
    if !contact.row.counts(at.now()) {
        let why =
            format!("`{id}` ended, or nobody has verified it lately: verify the address first");
        return Err(Error::invalid("contacts", why));
    }
    Ok(Receiver {
        contact: contact.id,
        name: contact.row.name,
        email: contact.row.email,
        link: None,
        attempts: vec![],
        accepted: None,
        acknowledged: None,
    })
}

/// A text with its placeholders filled in. What is filled in is not looked at again.
fn filled(field: &'static str, text: &str, incident: &str, breach: &Breach) -> Result<String> {
    let value = |name: &str| {
        Some(match name {
            "account" => breach.account.clone(),
            "incident" => incident.to_owned(),
            "verified" => breach.verified.at.0.rfc3339(),
            "class" => breach.harm.word().to_owned(),
            "deadline" => breach.deadline.0.rfc3339(),
            "number" => breach.notices.to_string(),
            _ => return None,
        })
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            out.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let name = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((value, after)) = name.and_then(|(name, after)| Some((value(name)?, after)))
        else {
            let near: String = from.chars().take(20).collect();
            let near = kernel::id::shown(&near);
            let why =
                format!("`{near}` is no placeholder: write a brace that stands for itself twice");
            return Err(Error::invalid(field, why));
        };
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Approves a notice, as a second person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The first eight or more characters of the text's SHA-256, so that nobody approves another
    /// text than they read.
    pub sha256: String,
}

impl Step<Notice> for Approve {
    const ACTION: &'static str = "notice.approve";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.approved.is_some() {
            return Err(Error::conflict("this notice is approved already"));
        }
        let stated = self.sha256.trim();
        if stated.len() < 8 || !row.sha256.starts_with(stated) {
            let why = format!("the text's SHA-256 is `{}`: read it again", row.sha256);
            return Err(Error::invalid("sha256", why));
        }
        let roles = ["approver", "security-lead", "counsel", "vendor-manager"];
        at.another_than(&row.written.by, &roles, "a notice")?;
        row.approved = Some(at.mark());
        Ok(())
    }
}

/// Sends a notice to its contacts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {}

impl Step<Notice> for Send {
    const ACTION: &'static str = "notice.send";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        may_be_given(row, at)?;
        if row.sent.is_some() {
            return Err(Error::conflict("this notice is on its way already"));
        }
        for receiver in &mut row.receivers {
            let token = hex(&at.random::<32>()?);
            receiver.link = Some(hex(&kernel::token_hash(&token)));
            let object = sending::object(at.id(), &receiver.contact, &token);
            at.later(at.now(), SEND, object);
        }
        row.sent = Some(at.mark());
        at.tell("account", &row.account);
        at.tell("receivers", row.receivers.len().to_string());
        Ok(())
    }
}

/// A notice goes out only approved, and not while an order holds the account's clock.
fn may_be_given(row: &Notice, at: &At<'_, '_>) -> Result<()> {
    if row.approved.is_none() {
        return Err(Error::conflict("this notice is not approved: let a second person read it"));
    }
    match held(at.late::<Breach>(&row.breach())?.map(|kept| kept.row), at.now()) {
        Some(to) => {
            let to = to.rfc3339();
            Err(Error::conflict(format!("an order holds this notice until {to}: lift it first")))
        }
        None => Ok(()),
    }
}

/// Until when orders hold an account's clock, if they do now.
fn held(breach: Option<Breach>, now: Moment) -> Option<Moment> {
    let holds = breach.iter().flat_map(|breach| &breach.holds);
    holds.filter(|one| one.from.0 <= now && now < one.to.0).map(|one| one.to.0).max()
}

/// Documents that a notice was given in another way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// By which way.
    pub way: Way,
    /// What shows it, such as the number of a registered letter.
    pub evidence: String,
}

impl Step<Notice> for Deliver {
    const ACTION: &'static str = "notice.deliver";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        may_be_given(row, at)?;
        if row.delivered.is_some() {
            return Err(Error::conflict("it is documented already how this notice was given"));
        }
        let evidence = prose("evidence", &self.evidence, 2000)?;
        row.delivered = Some(Delivered { way: self.way, evidence, mark: at.mark() });
        at.tell("account", &row.account);
        if row.reached(at.now())
            && let Some(mut breach) = at.late::<Breach>(&row.breach())?
        {
            let told = Notified { notice: at.id().to_owned(), at: When(at.now()) };
            breach.row.notified.get_or_insert(told);
            at.save(&breach)?;
        }
        Ok(())
    }
}

/// Withdraws a notice that was not sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why it is not sent.
    pub reason: String,
}

impl Step<Notice> for Withdraw {
    const ACTION: &'static str = "notice.withdraw";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.sent.is_some() || row.delivered.is_some() {
            let why = "this notice was given: correct it by another one";
            return Err(Error::conflict(why));
        }
        let text = prose("reason", &self.reason, 1000)?;
        row.withdrawn = Some(super::Said { text, mark: at.mark() });
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Notice, Approve>("approve", "Approves the text, as a second person").within("approvals"),
    step::<Notice, Send>("send", "Sends it to its contacts"),
    step::<Notice, Deliver>("deliver", "Documents that it was given in another way"),
    step::<Notice, Withdraw>("withdraw", "Withdraws it before it is sent"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Notice>(
    "incidents",
    "What affected accounts are told, to whom it went, and what became of each letter",
)
.serves(&["E4.4", "E4.7"])
.first("Write a notice to a verified account; a second person approves it, then it is sent")
.columns(&["incident", "account", "number", "notified"])
.steps(STEPS);
