//! One try: claimed, sent by whoever has a network, recorded; and again, until it is given up.
//!
//! Whoever runs the jobs takes one of kind [`SEND`], claims it with [`Claim`], hands the
//! [`Envelope`] over, and ends the job with [`Report`]. A claim holds for [`LEASE`]; a server that
//! was started again takes over what it claimed before at once, because it cannot be sending any
//! more. What is reported under a claim that another has taken over does not count.

use super::{Attempt, Held, Outcome, Page, Severity, Subject, Try, raise, stepping};
use crate::oncall::channels::{Channel, DEAD, Way};
use crate::oncall::hex;
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::time::Duration;

/// The job that sends a page by one channel. It stays until somebody who can send ends it.
pub const SEND: &str = "page.send";

/// Attempts of one try.
pub(super) const ATTEMPTS: usize = 3;
/// Minutes after each that did not succeed.
const BACKOFF: [u64; 2] = [1, 2];
/// How long a claim holds. Longer than a task may take.
const LEASE: Duration = Duration::from_secs(60);
/// Time between two letters to one address: the first one is sent at once.
const LETTERS: Duration = Duration::from_secs(60);
/// Bytes kept of what the other side said.
const REPLY: usize = 500;

act!(
    /// An attempt is claimed.
    Claiming, "page.claim", None, false
);
act!(
    /// What became of an attempt.
    Reporting, "page.attempt", None, false
);

/// What the job that sends a page is about.
pub(super) fn object(page: &str, number: u32, token: &str) -> String {
    format!("{page}|{number}|{token}")
}

fn parts(object: &str) -> Result<(&str, u32, &str)> {
    let found = object.split_once('|').and_then(|(page, rest)| {
        let (number, token) = rest.split_once('|')?;
        Some((page, number.parse().ok()?, token))
    });
    found.ok_or_else(|| Error::internal("a job of a page has another form"))
}

/// A page, as it is to be sent by one channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The page, by its id.
    pub page: String,
    /// What it is about.
    pub subject: Subject,
    /// How urgent.
    pub severity: Severity,
    /// What happened.
    pub title: String,
    /// When it was raised.
    pub at: Moment,
    /// Who is paged.
    pub person: String,
    /// How.
    pub way: Way,
    /// The address, where the channel has one.
    pub address: Option<String>,
    /// The name of the channel's secret, where it has one.
    pub secret: Option<String>,
    /// What makes it itself: the same for each attempt.
    pub identifier: String,
    /// The secret of the link by which it is answered.
    pub token: String,
    /// Whether an earlier attempt may have arrived.
    pub repeated: bool,
    /// The number of the claim.
    pub claim: u32,
}

/// What came of claiming.
#[derive(Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is to be sent now, by nobody else.
    Send(Box<Envelope>),
    /// It is to be sent later: the address had a letter a moment ago.
    Later(Moment),
    /// Somebody else is at it.
    Held,
    /// There is nothing to send any more.
    Nothing,
}

/// Claims an attempt.
pub struct Claim {
    kernel: Kernel,
    page: RecordKey,
    number: u32,
    token: String,
    node: String,
    boot: String,
}

impl Claim {
    /// Of the job, for this server by its name, and this start of it.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str, node: &str, boot: &str) -> Result<Self> {
        let (page, number, token) = parts(object)?;
        Ok(Self {
            kernel: kernel.clone(),
            page: register::key::<Kept<Page>>(kernel, page)?,
            number,
            token: token.to_owned(),
            node: node.to_owned(),
            boot: boot.to_owned(),
        })
    }

    fn envelope(&self, kept: &Kept<Page>, one: &Try, channel: &Channel, claim: u32) -> Envelope {
        Envelope {
            page: kept.id.clone(),
            subject: kept.row.subject,
            severity: kept.row.severity,
            title: kept.row.title.clone(),
            at: kept.added.at.0,
            person: one.person.clone(),
            way: one.way,
            address: channel.address.clone(),
            secret: channel.secret.clone(),
            identifier: format!("{}-{}", kept.id, one.number),
            token: self.token.clone(),
            repeated: one.unknown || !one.attempts.is_empty(),
            claim,
        }
    }
}

impl Operation for Claim {
    type Output = Claimed;

    fn target(&self) -> Target {
        on_house(Claiming::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.page);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Claimed>> {
        let (allowed, mut kept) = register::load::<Kept<Page>, Claiming>(work, &self.page)?;
        let now = work.now();
        let settled = kept.row.settled();
        let snapshot = kept.clone();
        let found = kept.row.tries.iter_mut().find(|one| one.number == self.number);
        let one = found.ok_or_else(|| Error::internal("a page for nobody"))?;
        let key = register::key::<Kept<Channel>>(&self.kernel, &one.channel)?;
        let channel = work.look_late(&key)?.map(|body| register::parse::<Kept<Channel>>(&body));
        let channel = channel.transpose()?;
        let say = |work: &mut Work<'_>, outcome: &str| {
            let fields = vec![("page", snapshot.id.clone()), ("outcome", outcome.to_owned())];
            work.note(HOUSE, Claiming::ACTION.name, fields);
        };
        let own = one.link == hex(&kernel::token_hash(&self.token));
        let over = settled || !own || one.sent.is_some() || one.given_up();
        let Some(mut channel) = channel.filter(|kept| !over && kept.row.counts()) else {
            say(work, "not wanted any more");
            return Ok(After::now(Claimed::Nothing));
        };
        if let Some(held) = &one.claim
            && (held.node != self.node || held.boot == self.boot)
            && held.until.0 > now
        {
            say(work, "claimed by another");
            return Ok(After::now(Claimed::Held));
        }
        // What takes over a claim has had its turn already.
        if one.way == Way::Email
            && one.claim.is_none()
            && let Some(used) = channel.row.used
            && used.0.after(LETTERS) > now
        {
            say(work, "after the letter before");
            return Ok(After::now(Claimed::Later(used.0.after(LETTERS))));
        }
        one.unknown |= one.claim.is_some();
        let number = one.claim.as_ref().map_or(0, |held| held.number).max(last(one)) + 1;
        let (node, boot) = (self.node.clone(), self.boot.clone());
        one.claim = Some(Held { node, boot, until: When(now.after(LEASE)), number });
        let envelope = self.envelope(&snapshot, one, &channel.row, number);
        let fields = vec![("try", self.number.to_string()), ("claim", number.to_string())];
        work.save(allowed, register::body(&kept)?, fields)?;
        channel.row.used = Some(When(now));
        let allowed = work.load_late::<Claiming>(&key)?;
        work.save(allowed, register::body(&channel)?, vec![])?;
        Ok(After::now(Claimed::Send(Box::new(envelope))))
    }
}

/// The number of the last claim whose attempt was recorded.
fn last(one: &Try) -> u32 {
    one.attempts.iter().map(|attempt| attempt.claim).max().unwrap_or(0)
}

/// What is reported of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// An attempt was made under this claim.
    Tried {
        /// The number of the claim.
        claim: u32,
        /// How it ended.
        outcome: Outcome,
        /// Whether trying the same again is pointless.
        permanent: bool,
        /// What the other side said.
        reply: String,
    },
    /// None was made; it is to be looked at again then.
    Later(Moment),
    /// None was made, and none will be.
    Nothing,
}

/// Records what became of a job, and leaves the next attempt if one is due.
pub struct Report {
    kernel: Kernel,
    page: RecordKey,
    number: u32,
    token: String,
    sent: Sent,
}

impl Report {
    /// Of the job.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str, sent: Sent) -> Result<Self> {
        let (page, number, token) = parts(object)?;
        Ok(Self {
            kernel: kernel.clone(),
            page: register::key::<Kept<Page>>(kernel, page)?,
            number,
            token: token.to_owned(),
            sent,
        })
    }

    fn again(&self, work: &mut Work<'_>, due: Moment, page: &str) {
        work.later(due, HOUSE, SEND, &object(page, self.number, &self.token));
    }

    fn note(&self, work: &mut Work<'_>, page: &str, outcome: &str) -> After<()> {
        let fields = vec![("page", page.to_owned()), ("outcome", outcome.to_owned())];
        work.note(HOUSE, Reporting::ACTION.name, fields);
        After::now(())
    }
}

impl Operation for Report {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Reporting::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.page);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Page>, Reporting>(work, &self.page)?;
        let (now, id) = (work.now(), kept.id.clone());
        let (claim, outcome, permanent, reply) = match &self.sent {
            Sent::Tried { claim, outcome, permanent, reply } => {
                (*claim, *outcome, *permanent, reply)
            }
            Sent::Later(due) => {
                self.again(work, *due, &id);
                return Ok(self.note(work, &id, "later"));
            }
            Sent::Nothing => return Ok(self.note(work, &id, "nothing to send")),
        };
        let found = kept.row.tries.iter_mut().find(|one| one.number == self.number);
        let one = found.ok_or_else(|| Error::internal("a page for nobody"))?;
        // INVARIANT: only the newest claim speaks.
        if one.claim.as_ref().is_none_or(|held| held.number != claim) {
            return Ok(self.note(work, &id, "reported under a claim that was taken over"));
        }
        one.claim = None;
        let reply = shortened(reply);
        one.attempts.push(Attempt { claim, at: When(now), outcome, reply });
        if outcome == Outcome::Accepted {
            one.sent = Some(When(now));
        } else if permanent {
            let (at, reply) = (When(now), "not tried again".to_owned());
            let attempt = Attempt { claim, at, outcome, reply };
            one.attempts.resize(ATTEMPTS, attempt);
        }
        let (tried, gone) = (one.attempts.len(), one.given_up());
        let (channel, person, step) = (one.channel.clone(), one.person.clone(), one.step);
        if outcome != Outcome::Accepted && !gone {
            let minutes = BACKOFF.get(tried.saturating_sub(1)).copied().unwrap_or(2);
            self.again(work, now.after(Duration::from_secs(minutes * 60)), &id);
        }
        if outcome != Outcome::Accepted {
            pull(work, &mut kept, &person, step)?;
        }
        let fields = vec![
            ("try", self.number.to_string()),
            ("outcome", format!("{outcome:?}").to_lowercase()),
            ("attempt", tried.to_string()),
        ];
        work.save(allowed, register::body(&kept)?, fields)?;
        if outcome == Outcome::Accepted || gone {
            self.health(work, &channel, outcome == Outcome::Accepted)?;
        }
        Ok(After::now(()))
    }
}

impl Report {
    /// What it says of the channel: three pages in a row that it did not bring, and it is dead.
    fn health(&self, work: &mut Work<'_>, id: &str, good: bool) -> Result<()> {
        let key = register::key::<Kept<Channel>>(&self.kernel, id)?;
        let Some(body) = work.look_late(&key)? else { return Ok(()) };
        let mut channel: Kept<Channel> = register::parse(&body)?;
        if good && channel.row.failures == 0 {
            return Ok(());
        }
        channel.row.failures = if good { 0 } else { channel.row.failures + 1 };
        let dies = channel.row.failures >= DEAD && channel.row.dead.is_none();
        if dies {
            channel.row.dead = Some(When(work.now()));
        }
        let allowed = work.load_late::<Reporting>(&key)?;
        work.save(allowed, register::body(&channel)?, vec![])?;
        if dies {
            let told = stepping::dead(&channel, work.now());
            raise::<Reporting>(&self.kernel, work, &told)?;
        }
        Ok(())
    }
}

/// Has the next channel of the same person tried at once, because one before it failed. Its job of
/// before finds that it is wanted no more: the secret of the link is another one.
fn pull(work: &mut Work<'_>, kept: &mut Kept<Page>, person: &str, step: u32) -> Result<()> {
    let (now, settled) = (work.now(), kept.row.settled());
    let waits = |one: &&mut Try| {
        let fresh = one.claim.is_none() && one.attempts.is_empty() && one.sent.is_none();
        one.person == person && one.step == step && fresh && one.made.0 > now
    };
    let Some(one) = kept.row.tries.iter_mut().find(waits).filter(|_| !settled) else {
        return Ok(());
    };
    let token = hex(&work.random::<32>()?);
    one.link = hex(&kernel::token_hash(&token));
    one.made = When(now);
    let number = one.number;
    work.later(now, HOUSE, SEND, &object(&kept.id, number, &token));
    Ok(())
}

fn shortened(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if kept.len() + c.len_utf8() > REPLY {
            break;
        }
        kept.push(c);
    }
    kept
}
