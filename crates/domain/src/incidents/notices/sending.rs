//! What happens to a notice by itself: letters out, attempts in, acknowledgements.
//!
//! Whoever runs the jobs takes one of kind [`SEND`], asks for its [`Letter`] with the job's right,
//! hands that to a relay, and ends the job with [`Attempted`]. Between the two nothing is lost: a
//! job that was not ended is run again, and the letter carries the same identifier.

use super::super::breaches::Breach;
use super::giving::held;
use super::{Attempt, Notice, Outcome, return_token};
use crate::people::hex;
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::time::Duration;

/// The job that sends a letter. It stays until somebody who can send ends it.
pub const SEND: &str = "notice.send";

/// Attempts for one contact: about eight hours.
pub(super) const ATTEMPTS: usize = 12;
/// Minutes between attempts; the last one counts for all that follow.
const BACKOFF: [u64; 4] = [1, 5, 15, 60];
/// How often it is looked whether a letter that an order holds may go.
const LOOK: Duration = Duration::from_secs(3600);
/// Bytes kept of what the other side said.
const REPLY: usize = 500;

act!(
    /// Reading a letter to send it.
    ReadIt, "notice.letter", None, false
);
act!(
    /// What became of a letter.
    Tried, "notice.attempt", None, false
);
act!(
    /// A contact acknowledged a notice.
    Seen, "notice.acknowledge", None, false
);

/// What the job that sends a letter is about.
pub(super) fn object(notice: &str, contact: &str, token: &str) -> String {
    format!("{notice}|{contact}|{token}")
}

/// What somebody outside said, as it is kept: without control characters, cut to so many bytes.
pub(super) fn kept(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if kept.len() + c.len_utf8() > most {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Notice, contact and secret of a job.
fn parts(object: &str) -> Result<(&str, &str, &str)> {
    let found = object.split_once('|').and_then(|(notice, rest)| {
        let (contact, token) = rest.split_once('|')?;
        Some((notice, contact, token))
    });
    found.ok_or_else(|| Error::internal("a job of a notice has another form"))
}

/// A letter, as it is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who it goes to.
    pub name: String,
    /// The address.
    pub email: String,
    /// The subject.
    pub subject: String,
    /// The text, as it was approved; the link to acknowledge it goes below.
    pub text: String,
    /// The notice, by its id.
    pub notice: String,
    /// The secret of the link.
    pub token: String,
    /// What makes the letter itself: the same for each attempt. The left part of a Message-ID.
    pub identifier: String,
    /// When the notice was sent first.
    pub at: Moment,
    /// The token of its return path, by which reports about it come back; none for a notice whose
    /// ids have no such form.
    pub returns: Option<String>,
}

/// Reads the letter of a job; `None` if there is nothing to send any more, or not now.
pub struct Letter {
    kernel: Kernel,
    notice: RecordKey,
    contact: String,
    token: String,
}

impl Letter {
    /// The letter that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let (notice, contact, token) = parts(object)?;
        Ok(Self {
            kernel: kernel.clone(),
            notice: register::key::<Kept<Notice>>(kernel, notice)?,
            contact: contact.to_owned(),
            token: token.to_owned(),
        })
    }
}

impl Operation for Letter {
    type Output = Option<Envelope>;

    fn target(&self) -> Target {
        on_house(ReadIt::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.notice);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Option<Envelope>>> {
        let (allowed, kept) = register::load::<Kept<Notice>, ReadIt>(work, &self.notice)?;
        work.disclose(&allowed, vec![("contact", self.contact.clone())]);
        let wanted = wanted(&self.kernel, work, &kept, &self.contact)? == Wanted::Now;
        let receiver = kept.row.receivers.iter().find(|one| one.contact == self.contact);
        let Some(receiver) = receiver.filter(|_| wanted) else { return Ok(After::now(None)) };
        let (subject, text) = kept.row.wording(receiver);
        Ok(After::now(Some(Envelope {
            name: receiver.name.clone(),
            email: receiver.email.clone(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            notice: kept.id.clone(),
            token: self.token.clone(),
            identifier: format!("{}.{}", kept.id, self.contact),
            at: kept.row.sent.as_ref().map_or(work.now(), |mark| mark.at.0),
            returns: return_token(&self.kernel, &kept.id, &self.contact).ok(),
        })))
    }
}

/// Whether a letter is to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Now,
    /// Not before this moment: an order holds it.
    From(Moment),
    Never,
}

fn wanted(kernel: &Kernel, work: &Work<'_>, kept: &Kept<Notice>, contact: &str) -> Result<Wanted> {
    let open = |one: &&super::Receiver| {
        one.contact == contact && one.accepted.is_none() && one.replaced.is_none()
    };
    let Some(receiver) = kept.row.receivers.iter().find(open) else { return Ok(Wanted::Never) };
    if receiver.given_up() || kept.row.withdrawn.is_some() {
        return Ok(Wanted::Never);
    }
    let key = register::key::<Kept<Breach>>(kernel, &kept.row.breach())?;
    let breach = work.look_late(&key)?.map(|body| register::parse::<Kept<Breach>>(&body));
    let breach = breach.transpose()?.map(|kept| kept.row);
    let held = breach.and_then(|breach| held(&breach, work.now()));
    Ok(held.map_or(Wanted::Now, Wanted::From))
}

/// Records what became of a letter, and leaves the next attempt if one is due.
pub struct Attempted {
    kernel: Kernel,
    notice: RecordKey,
    contact: String,
    token: String,
    outcome: Option<Outcome>,
    reply: String,
}

impl Attempted {
    /// How the attempt of a job ended, and what the other side said; no outcome if no attempt was
    /// made, because [`Letter`] gave nothing to send.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(
        kernel: &Kernel,
        object: &str,
        outcome: Option<Outcome>,
        reply: &str,
    ) -> Result<Self> {
        let (notice, contact, token) = parts(object)?;
        Ok(Self {
            kernel: kernel.clone(),
            notice: register::key::<Kept<Notice>>(kernel, notice)?,
            contact: contact.to_owned(),
            token: token.to_owned(),
            outcome,
            reply: kept(reply, REPLY),
        })
    }

    /// Nothing was sent: later, if an order holds it; otherwise never.
    fn postponed(&self, work: &mut Work<'_>, kept: &Kept<Notice>) -> Result<After<()>> {
        let outcome = match wanted(&self.kernel, work, kept, &self.contact)? {
            Wanted::Never => "not wanted any more".to_owned(),
            Wanted::Now => self.again(work, work.now(), kept),
            // An order can be lifted before its end, and then nobody knows of this job.
            Wanted::From(to) => self.again(work, to.min(work.now().after(LOOK)), kept),
        };
        let fields = vec![
            ("notice", kept.id.clone()),
            ("contact", self.contact.clone()),
            ("outcome", outcome),
        ];
        work.note(HOUSE, Tried::ACTION.name, fields);
        Ok(After::now(()))
    }

    fn again(&self, work: &mut Work<'_>, due: Moment, kept: &Kept<Notice>) -> String {
        work.later(due, HOUSE, SEND, &object(&kept.id, &self.contact, &self.token));
        format!("again at {}", due.rfc3339())
    }
}

impl Operation for Attempted {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Tried::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.notice);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Notice>, Tried>(work, &self.notice)?;
        let now = work.now();
        let found = kept.row.receivers.iter_mut().find(|one| one.contact == self.contact);
        let receiver = found.ok_or_else(|| Error::internal("a letter to nobody"))?;
        let Some(outcome) = self.outcome.filter(|_| !receiver.given_up()) else {
            return self.postponed(work, &kept);
        };
        receiver.attempts.push(Attempt { at: When(now), outcome, reply: self.reply.clone() });
        let tried = receiver.attempts.len();
        if outcome == Outcome::Accepted {
            receiver.accepted.get_or_insert(When(now));
            receiver.failed = None;
        } else if receiver.accepted.is_none() && !receiver.given_up() {
            let last = BACKOFF.last().copied().unwrap_or(60);
            let minutes = BACKOFF.get(tried.saturating_sub(1)).copied().unwrap_or(last);
            self.again(work, now.after(Duration::from_secs(minutes * 60)), &kept);
        }
        let reached = kept.row.reached(now);
        let fields = vec![
            ("account", kept.row.account.clone()),
            ("contact", self.contact.clone()),
            ("outcome", format!("{outcome:?}").to_lowercase()),
            ("attempt", tried.to_string()),
        ];
        work.save(allowed, register::body(&kept)?, fields)?;
        if reached {
            self.tell(work, &kept, now)?;
        }
        Ok(After::now(()))
    }
}

impl Attempted {
    /// The account counts as told from now on.
    fn tell(&self, work: &mut Work<'_>, notice: &Kept<Notice>, now: Moment) -> Result<()> {
        let key = register::key::<Kept<Breach>>(&self.kernel, &notice.row.breach())?;
        let Some(body) = work.look_late(&key)? else { return Ok(()) };
        let mut breach: Kept<Breach> = register::parse(&body)?;
        if breach.row.told.iter().all(|one| one.notice != notice.id) {
            breach.row.tell(&notice.id, now);
            let allowed = work.load_late::<Tried>(&key)?;
            work.save(allowed, register::body(&breach)?, vec![])?;
        }
        Ok(())
    }
}

/// How long the link of a letter counts after the notice was sent. A mailbox is read by others
/// later; what a contact has to say after that it says otherwise.
const LINK_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// Acknowledges a notice: the right to it is the secret of the link, which is checked here. A link
/// counts once, for 90 days; whatever does not count is answered alike.
pub struct Acknowledged {
    key: RecordKey,
    hash: String,
}

impl Acknowledged {
    /// The notice of this id, with the secret of the link.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, notice: &str, token: &str) -> Result<Self> {
        let key = register::key::<Kept<Notice>>(kernel, notice)?;
        Ok(Self { key, hash: hex(&kernel::token_hash(token)) })
    }
}

impl Operation for Acknowledged {
    /// When it was acknowledged.
    type Output = When;

    fn target(&self) -> Target {
        on_house(Seen::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<When>> {
        let unknown =
            || Error::not_found("this link does not count: it was used, is too old, or is no link");
        let allowed = work.load::<Seen>(&self.key)?;
        let pointer = allowed.present().filter(|pointer| !pointer.deleted).ok_or_else(unknown)?;
        let mut kept: Kept<Notice> = register::parse(&work.body(&pointer)?)?;
        let now = When(work.now());
        let sent = kept.row.sent.as_ref().map(|mark| mark.at.0);
        let counts = sent.is_some_and(|sent| now.0 < sent.after(LINK_LIFE));
        let mut open = kept.row.receivers.iter_mut().filter(|one| one.acknowledged.is_none());
        let found = open.find(|one| one.link.as_deref() == Some(self.hash.as_str()));
        let receiver = found.filter(|_| counts).ok_or_else(unknown)?;
        let contact = ("contact", receiver.contact.clone());
        receiver.acknowledged = Some(now);
        let account = ("account", kept.row.account.clone());
        work.save(allowed, register::body(&kept)?, vec![contact, account])?;
        Ok(After::now(now))
    }
}
