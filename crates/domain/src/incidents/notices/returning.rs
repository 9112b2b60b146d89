//! What comes back about a letter after a relay took it: reports of delivery, delay and failure.
//!
//! Each letter has a return path of its own (VERP), whose local part holds a token. The token says
//! which notice and contact it belongs to, and holds no name; a tag under the house's key makes
//! that nobody else can make one. Whoever delivers a report has nothing but the token, as whoever
//! follows a link has nothing but its secret: a forged report can at most tell us about the letter
//! whose return path its author has read, and it can only open a duty, never settle one.
//!
//! A failure takes back that the account was told: the duty is open again, with the deadline that
//! it had. A report is taken once, whatever number of times it comes.

use super::super::breaches::{self, Breach};
use super::chasing::Summons;
use super::sending::{self, SEND};
use super::{Notice, Reopened};
use crate::people::{base32, from_base32, hex};
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Allowed, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "NoticeFate")]
pub enum Fate {
    /// It is in the mailbox.
    Delivered,
    /// It was handed on to a server that reports nothing.
    Relayed,
    /// It waits, and is tried again by the other side.
    Delayed,
    /// It failed for good (status 5): this address does not work.
    Bounced,
    /// The other side gave up for now (status 4).
    GivenUp,
    /// Something came that is no report, such as an automatic answer.
    Unclear,
}

/// A report, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeReport")]
pub struct Report {
    /// When it came.
    pub at: When,
    /// What it says.
    pub fate: Fate,
    /// The status code, such as `5.1.1` (RFC 3463).
    pub status: Option<String>,
    /// What the other side said.
    pub said: String,
    /// Who reports, as the report has it.
    pub from: Option<String>,
    /// Whether it has the form of RFC 3464; otherwise only the return path says what it is about.
    pub standard: bool,
    /// What makes the report itself, in hexadecimal.
    pub id: String,
}

/// A report that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// What it says.
    pub fate: Fate,
    /// The status code, if it has one.
    pub status: Option<String>,
    /// What the other side said.
    pub said: String,
    /// Who reports, as the report has it.
    pub from: Option<String>,
    /// Whether it has the form of RFC 3464.
    pub standard: bool,
    /// The same for the same report, however often it comes.
    pub identity: Vec<u8>,
}

act!(
    /// Something came back about a letter.
    Returned, "notice.return", None, false
);

/// Reports kept for one letter. After these only failures are.
const REPORTS: usize = 12;
const REPORTS_MOST: usize = 24;
/// Bytes kept of what the other side said, and of who it is.
const SAID: usize = 500;
const FROM: usize = 120;
/// How long after it was sent a letter can come back; a relay gives up within days (RFC 5321
/// §4.5.4.1).
const LIFE: Duration = Duration::from_secs(60 * 24 * 3600);
/// Pause before a letter is sent again that the other side gave up for now.
const AGAIN: Duration = Duration::from_secs(3600);

/// Bytes of the tag in a token: nobody tries 2^80.
const TAG: usize = 10;

/// The token of the return path of a letter; letters and digits, 36 of them.
///
/// # Errors
/// `Internal` if the ids have another form than they are made in.
pub fn return_token(kernel: &Kernel, notice: &str, contact: &str) -> Result<String> {
    let bad = || Error::internal("a letter's ids have another form");
    let number = |id: &str, noun: &str| u64::from_str_radix(id.strip_prefix(noun)?, 16).ok();
    let (of, to) = number(notice, "notice-").zip(number(contact, "contact-")).ok_or_else(bad)?;
    let mut bytes = Vec::with_capacity(12 + TAG);
    for number in [of, to] {
        bytes.extend(number.to_be_bytes().iter().skip(2));
    }
    bytes.extend(tag(kernel, notice, contact)?.iter().take(TAG));
    Ok(base32(&bytes))
}

/// The notice and the contact of a return path; `None` for a token that is not ours.
///
/// # Errors
/// `Internal` if `house` has no keys.
pub fn addressee(kernel: &Kernel, token: &str) -> Result<Option<(String, String)>> {
    let Some(bytes) = from_base32(token).filter(|bytes| bytes.len() == 12 + TAG) else {
        return Ok(None);
    };
    let (ids, mark) = bytes.split_at(12);
    let (of, to) = ids.split_at(6);
    let (notice, contact) = (format!("notice-{}", hex(of)), format!("contact-{}", hex(to)));
    let ours = tag(kernel, &notice, &contact)?;
    // A tag is compared whole, whatever its first bytes are.
    let differ = ours.iter().zip(mark).fold(0, |all, (one, other)| all | (one ^ other));
    Ok((differ == 0).then_some((notice, contact)))
}

/// The tag of a letter under the house's key of names. No collection has a name with a slash, so
/// nothing that is stored has this tag.
fn tag(kernel: &Kernel, notice: &str, contact: &str) -> Result<[u8; 16]> {
    kernel.collection_tag(HOUSE, &format!("return-paths/{notice}/{contact}"))
}

/// Records what came back about a letter.
pub struct NoteReturn {
    kernel: Kernel,
    notice: RecordKey,
    contact: String,
    came: Came,
}

impl NoteReturn {
    /// By the token of the return path that it came to.
    ///
    /// # Errors
    /// `NotFound` for a token that is not ours.
    pub fn new(kernel: &Kernel, token: &str, came: Came) -> Result<Self> {
        let ours = addressee(kernel, token)?;
        let (notice, contact) = ours.ok_or_else(unknown)?;
        Ok(Self {
            kernel: kernel.clone(),
            notice: register::key::<Kept<Notice>>(kernel, &notice)?,
            contact,
            came,
        })
    }

    fn report(&self, now: Moment) -> Report {
        Report {
            at: When(now),
            fate: self.came.fate,
            status: self.came.status.as_deref().map(|text| sending::kept(text, 12)),
            said: sending::kept(&self.came.said, SAID),
            from: self.came.from.as_deref().map(|text| sending::kept(text, FROM)),
            standard: self.came.standard,
            id: hex(&kernel::digest(&self.came.identity)).chars().take(16).collect(),
        }
    }
}

fn unknown() -> Error {
    Error::not_found("this return path is none of ours")
}

impl Operation for NoteReturn {
    /// Whether it was new.
    type Output = bool;

    fn target(&self) -> Target {
        on_house(Returned::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.notice);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<bool>> {
        let allowed = work.load::<Returned>(&self.notice)?;
        let pointer = allowed.present().filter(|one| !one.deleted).ok_or_else(unknown)?;
        let mut kept: Kept<Notice> = register::parse(&work.body(&pointer)?)?;
        let now = work.now();
        let alive = kept.row.sent.as_ref().is_some_and(|sent| now < sent.at.0.after(LIFE));
        let found = kept.row.receivers.iter_mut().find(|one| one.contact == self.contact);
        let receiver = found.filter(|_| alive).ok_or_else(unknown)?;
        let report = self.report(now);
        let failure = matches!(report.fate, Fate::Bounced | Fate::GivenUp);
        let room = if failure { REPORTS_MOST } else { REPORTS };
        let known = receiver.reports.iter().any(|one| one.id == report.id);
        if known || receiver.reports.len() >= room {
            let outcome = if known { "known already" } else { "too many" };
            let (notice, contact) = (kept.id.clone(), self.contact.clone());
            let fields =
                vec![("notice", notice), ("contact", contact), ("outcome", outcome.to_owned())];
            work.note(HOUSE, Returned::ACTION.name, fields);
            return Ok(After::now(false));
        }
        let fields = vec![
            ("account", kept.row.account.clone()),
            ("contact", self.contact.clone()),
            ("fate", format!("{:?}", report.fate).to_lowercase()),
            ("status", report.status.clone().unwrap_or_default()),
        ];
        receiver.reports.push(report.clone());
        if failure && receiver.acknowledged.is_none() && receiver.accepted.is_some() {
            self.failed(work, allowed, kept, &report, fields)?;
        } else {
            work.save(allowed, register::body(&kept)?, fields)?;
        }
        Ok(After::now(true))
    }
}

impl NoteReturn {
    /// The letter did not arrive: it is sent again if that can help, and whoever was told by it is
    /// not told any more.
    fn failed(
        &self,
        work: &mut Work<'_>,
        allowed: Allowed<Returned>,
        mut kept: Kept<Notice>,
        report: &Report,
        fields: Vec<(&'static str, String)>,
    ) -> Result<()> {
        let now = work.now();
        let status = report.status.clone().unwrap_or_else(|| "no status".to_owned());
        let reason = format!("a letter came back ({status})");
        let token = hex(&work.random::<32>()?);
        let found = kept.row.receivers.iter_mut().find(|one| one.contact == self.contact);
        let receiver = found.ok_or_else(unknown)?;
        let again = report.fate == Fate::GivenUp && receiver.attempts.len() < sending::ATTEMPTS;
        if again {
            receiver.accepted = None;
            receiver.link = Some(hex(&kernel::token_hash(&token)));
            let object = sending::object(&kept.id, &self.contact, &token);
            work.later(now.after(AGAIN), HOUSE, SEND, &object);
        } else {
            receiver.failed = Some(When(now));
        }
        let was = match kept.row.delivered {
            // Another way of delivery is documented: that stays.
            Some(_) => None,
            None => kept.row.notified.take(),
        };
        if let Some(notified) = was {
            kept.row.reopened.push(Reopened { notified, at: When(now), reason: reason.clone() });
        }
        work.save(allowed, register::body(&kept)?, fields)?;
        match was {
            Some(_) => self.reopen(work, &kept, now, &reason),
            None => Ok(()),
        }
    }

    /// The account's clock goes on from where it was, and its warnings with it.
    fn reopen(&self, work: &mut Work<'_>, of: &Kept<Notice>, now: Moment, why: &str) -> Result<()> {
        let key = register::key::<Kept<Breach>>(&self.kernel, &of.row.breach())?;
        let Some(body) = work.look_late(&key)? else { return Ok(()) };
        let mut breach: Kept<Breach> = register::parse(&body)?;
        let open = breach.row.untell(&of.id, now, why);
        let allowed = work.load_late::<Returned>(&key)?;
        work.save(allowed, register::body(&breach)?, vec![("reason", why.to_owned())])?;
        if !open {
            return Ok(());
        }
        for (due, percent) in breach.row.schedule(now) {
            work.later(due, HOUSE, breaches::WARN, &breaches::object(&breach.id, percent));
        }
        let summons = Summons {
            incident: of.row.incident.clone(),
            place: format!("notices/{}", of.id),
            who: vec![of.row.written.by.clone()],
            what: format!("{why}: tell the next contact, or in another way"),
        };
        summons.raise::<Returned>(&self.kernel, work)
    }
}
