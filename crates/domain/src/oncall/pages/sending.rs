//! One try: claimed, sent by whoever has a network, recorded; and again, until it is given up.
//!
//! Whoever runs the jobs takes one of kind [`SEND`] or [`FOLLOW`], claims it with
//! [`Claim`](super::Claim), hands the [`Envelope`](super::Envelope) over, and ends the job with
//! [`Report`]. What is reported under a claim that another has taken over does not count.

use super::{Attempt, Event, FOLLOW, Outcome, Page, Try, following, pacing, raise, stepping};
use crate::oncall::channels::{Channel, DEAD};
use crate::oncall::hex;
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::time::Duration;

/// The job that sends a page by one channel. It stays until somebody who can send ends it.
pub const SEND: &str = "page.send";

/// Minutes after each attempt that did not succeed.
const BACKOFF: [u64; 5] = [1, 2, 5, 10, 20];
/// Bytes kept of what the other side said.
const REPLY: usize = 500;

act!(
    /// What became of an attempt.
    Reporting, "page.attempt", None, false
);

/// Attempts of one try. Another way and another person are there for a page; what ends it elsewhere
/// has time.
pub(super) fn attempts(event: Event) -> usize {
    match event {
        Event::Raised => 3,
        Event::Acknowledged | Event::Resolved => BACKOFF.len() + 1,
    }
}

/// What the job that sends a try is about. What may go with others says by which channel.
pub(super) fn object(page: &str, one: &Try, token: &str) -> String {
    let (number, channel) = (one.number, &one.channel);
    match pacing::bundles(one) {
        true => format!("{page}|{number}|{token}|{channel}"),
        false => format!("{page}|{number}|{token}"),
    }
}

/// The channel by which jobs go together, by what one of them is about; none for one that goes by
/// itself.
pub fn together(object: &str) -> Option<&str> {
    object.splitn(4, '|').nth(3)
}

/// Page, number of the try, and secret of its link.
pub(super) fn parts(object: &str) -> Result<(&str, u32, &str)> {
    let mut parts = object.splitn(4, '|');
    let found = parts.next().zip(parts.next()).zip(parts.next());
    found
        .and_then(|((page, number), token)| Some((page, number.parse().ok()?, token)))
        .ok_or_else(|| Error::internal("a job of a page has another form"))
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
        let one = kept.row.numbered(self.number)?;
        let (event, again) = (one.event, object(&id, one, &self.token));
        let (claim, outcome, permanent, reply) = match &self.sent {
            Sent::Tried { claim, outcome, permanent, reply } => {
                (*claim, *outcome, *permanent, reply)
            }
            Sent::Later(due) => {
                work.later(*due, HOUSE, following::kind(event), &again);
                return Ok(self.note(work, &id, "later"));
            }
            Sent::Nothing => return Ok(self.note(work, &id, "nothing to send")),
        };
        // INVARIANT: only the newest claim speaks.
        if one.claim.as_ref().is_none_or(|held| held.number != claim) {
            return Ok(self.note(work, &id, "reported under a claim that was taken over"));
        }
        let made = Attempt { claim, at: When(now), outcome, reply: shortened(reply) };
        let (good, tried) = (outcome == Outcome::Accepted, made.record(one, permanent));
        let (gone, channel) = (one.given_up(), one.channel.clone());
        let (person, step) = (one.person.clone(), one.step);
        if !good && !gone {
            let minutes = BACKOFF.get(tried.saturating_sub(1)).copied().unwrap_or(2);
            let due = now.after(Duration::from_secs(minutes * 60));
            work.later(due, HOUSE, following::kind(event), &again);
        }
        if !good && event == Event::Raised {
            pull(work, &mut kept, &person, step)?;
        }
        for object in following::follow(&mut kept.row, &id, now) {
            work.later(now, HOUSE, FOLLOW, &object);
        }
        let fields = vec![
            ("try", self.number.to_string()),
            ("outcome", format!("{outcome:?}").to_lowercase()),
            ("attempt", tried.to_string()),
        ];
        work.save(allowed, register::body(&kept)?, fields)?;
        if event == Event::Raised && (good || gone) {
            self.health(work, &channel, good)?;
        }
        Ok(After::now(()))
    }
}

impl Attempt {
    /// Records it, and the ones that would be pointless after it; gives how many there are now.
    fn record(self, one: &mut Try, permanent: bool) -> usize {
        one.claim = None;
        one.sent = (self.outcome == Outcome::Accepted).then_some(self.at);
        let more = if permanent { attempts(one.event) } else { 0 };
        let pointless = Self { reply: "not tried again".to_owned(), ..self.clone() };
        one.attempts.push(self);
        one.attempts.resize(one.attempts.len().max(more), pointless);
        one.attempts.len()
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
        let page = one.event == Event::Raised && one.person == person && one.step == step;
        page && fresh && one.made.0 > now
    };
    let Some(one) = kept.row.tries.iter_mut().find(waits).filter(|_| !settled) else {
        return Ok(());
    };
    let token = hex(&work.random::<32>()?);
    one.link = hex(&kernel::token_hash(&token));
    one.made = When(now);
    let again = object(&kept.id, one, &token);
    work.later(now, HOUSE, SEND, &again);
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
